"""Learning rates that change as training goes on, by PyTorch's names.

`schedule.step()` once after each epoch (or each step, if that is the unit meant) sets the "lr" of
every parameter group.  All but ReduceLROnPlateau are formulas of t, the number of steps so far.
"""

from math import cos, inf, pi

from .optimizer import Optimizer


class Schedule:
    """Sets lr = initial lr * factor(t), t = 0 at first.

    Subclasses define `lr(t, initial)`.
    """

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer
        self.t = 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.apply()

    def lr(self, t: int, initial: float) -> float:
        """The learning rate after t steps, for a group that began with `initial`."""
        raise TypeError(f"{type(self).__name__} must define lr(t, initial)")

    def apply(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(self.t, group["initial_lr"])

    def step(self) -> None:
        """Go on to the next learning rate."""
        self.t += 1
        self.apply()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict:
        """The numbers that a resumed run needs."""
        return {k: v for k, v in vars(self).items() if isinstance(v, int | float)}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on where the saved schedule was."""
        vars(self).update(state_dict)


class StepLR(Schedule):
    """Multiply by gamma every step_size steps: initial * gamma^floor(t / step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, *, gamma: float = 0.1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr(self, t, initial):
        return initial * self.gamma ** (t // self.step_size)


class ExponentialLR(Schedule):
    """Multiply by gamma in every step: initial * gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float):
        self.gamma = gamma
        super().__init__(optimizer)

    def lr(self, t, initial):
        return initial * self.gamma**t


class LinearLR(Schedule):
    """From initial * start_factor to initial * end_factor in total_iters steps: a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ):
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def lr(self, t, initial):
        share = min(t, self.total_iters) / self.total_iters
        return initial * (self.start_factor + share * (self.end_factor - self.start_factor))


def cosine(start, end, share):
    """From start to end along half a cosine, as share goes from 0 to 1."""
    return end + (start - end) * (1 + cos(pi * share)) / 2


class CosineAnnealingLR(Schedule):
    """Half a cosine from initial to eta_min in T_max steps (Loshchilov, Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, *, eta_min: float = 0.0):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def lr(self, t, initial):
        return cosine(initial, self.eta_min, t / self.T_max)


class CosineAnnealingWarmRestarts(Schedule):
    """Half cosines one after the other, T_0 steps long, each T_mult times as long as the last.

    Reference: Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, *, T_mult: int = 1, eta_min: float = 0.0):
        if T_0 < 1 or T_mult < 1:
            raise ValueError(f"T_0 and T_mult must be at least 1, got {T_0} and {T_mult}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def lr(self, t, initial):
        period = self.T_0
        while t >= period:
            t -= period
            period *= self.T_mult
        return cosine(initial, self.eta_min, t / period)


class OneCycleLR(Schedule):
    """Up to max_lr and down to nearly nothing in total_steps steps, on two half cosines.

    Starts at max_lr / div_factor, is at max_lr after the share pct_start of the steps, ends at
    the start / final_div_factor.  Momentum is left as it is (PyTorch's cycle_momentum=False).

    Reference: Smith, Topin (2018), Super-convergence.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        *,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ):
        self.max_lr, self.total_steps, self.pct_start = max_lr, total_steps, pct_start
        self.start = max_lr / div_factor
        self.end = self.start / final_div_factor
        super().__init__(optimizer)

    def lr(self, t, initial):
        if t >= self.total_steps:
            raise ValueError(f"OneCycleLR is over: it was made for total_steps={self.total_steps}")
        top = self.pct_start * self.total_steps - 1
        if t <= top:
            return cosine(self.start, self.max_lr, t / top)
        return cosine(self.max_lr, self.end, (t - top) / (self.total_steps - 1 - top))


class SequentialLR(Schedule):
    """One schedule after the other: schedules[i] takes over, from its own t = 0, at milestones."""

    def __init__(self, optimizer: Optimizer, schedules: list[Schedule], milestones: list[int]):
        if len(milestones) != len(schedules) - 1 or sorted(milestones) != list(milestones):
            raise ValueError(
                f"{len(schedules)} schedules need {len(schedules) - 1} milestones in rising order, "
                f"got {milestones}"
            )
        self.schedules, self.milestones = schedules, milestones
        super().__init__(optimizer)

    def lr(self, t, initial):
        i = sum(t >= milestone for milestone in self.milestones)
        return self.schedules[i].lr(t - (self.milestones[i - 1] if i else 0), initial)


class ReduceLROnPlateau:
    """Multiply by factor when a metric has not improved for more than `patience` steps.

    `step(metric)` after each epoch.  An improvement is a change by more than the relative
    threshold; after a reduction, `cooldown` steps are not counted; lr stays above min_lr.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        if mode not in ("min", "max"):
            raise ValueError(f'mode is "min" or "max", got {mode!r}')
        if not 0 < factor < 1:
            raise ValueError(f"factor must be between 0 and 1, got {factor!r}")
        self.optimizer, self.sign = optimizer, 1 if mode == "min" else -1
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.min_lr = cooldown, min_lr
        self.best, self.bad_steps, self.resting = inf, 0, 0

    def step(self, metric: float) -> None:
        """Look at the metric of this epoch."""
        value = self.sign * float(metric)
        if self.best == inf or value < self.best - self.threshold * abs(self.best):
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.resting > 0:
            self.resting -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, self.min_lr)
            self.resting, self.bad_steps = self.cooldown, 0

    get_last_lr = Schedule.get_last_lr
    state_dict = Schedule.state_dict
    load_state_dict = Schedule.load_state_dict
