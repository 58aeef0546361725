"""Learning rates that change as training goes on, by PyTorch's names.

`schedule.step()` once after each epoch (or each step, if that is the unit meant) sets the "lr" of
every parameter group. All but ReduceLROnPlateau are formulas of t, the number of steps so far.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import cos, inf, isfinite, pi
from typing import Any

from ..engine.tensor import Tensor
from . import check
from .optimizer import Optimizer
from .sam import SAM


class Schedule:
    """Sets the learning rate of every group to lr(t, initial), where t = 0 at first.

    `initial` is the group's "initial_lr": the rate that it had when its first schedule was made. A
    group that is added later begins with the rate that it is given.

    Subclasses define `lr(t, initial)`.

    Raises: TypeError or ValueError for an option out of its range, when the schedule is made.
    """

    rates: tuple[str, ...] = ("lr", "initial_lr")  # what it needs of each parameter group

    def __init__(self, optimizer: Optimizer | SAM):
        self.attach(optimizer)
        self.t = 0
        self.apply(0)

    def attach(self, optimizer: Optimizer | SAM) -> None:
        """Remember the optimizer, which must be one."""
        if not isinstance(optimizer, Optimizer | SAM):
            raise TypeError(f"optimizer must be one, such as SGD(params), got {optimizer!r:.60}")
        self.optimizer = optimizer

    def lr(self, t: int, initial: float) -> float:
        """The learning rate after t steps, of a group that began with `initial`."""
        raise TypeError(f"{type(self).__name__} must define lr(t, initial)")

    def next_lr(self, t: int, lr: float, initial: float) -> float:
        """The learning rate after t steps, of a group whose rate is `lr` after t - 1."""
        return self.lr(t, initial)

    def apply(self, t: int) -> None:
        """Set the learning rates after t steps."""
        groups = self.optimizer.param_groups
        for group in groups:
            group.setdefault("initial_lr", group["lr"])
        new = [self.next_lr(t, group["lr"], group["initial_lr"]) for group in groups]
        for group, lr in zip(groups, new):
            group["lr"] = lr

    def step(self) -> None:
        """Go on to the next learning rate."""
        self.apply(self.t + 1)
        self.t += 1

    def get_last_lr(self) -> list[float]:
        """The learning rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def numbers(self) -> dict[str, Any]:
        """t and the options, by name; the function of a LambdaLR is not among them."""
        return {
            k: v for k, v in vars(self).items() if isinstance(v, int | float) or k == "milestones"
        }

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: t, the options, and the learning rates of all groups."""
        groups = self.optimizer.param_groups
        rates = {name: [group.get(name) for group in groups] for name in self.rates}
        return {"class": type(self).__name__} | self.numbers() | rates

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved schedule was, with its options and learning rates.

        Raises: TypeError or ValueError, before anything changes, for the state of
        another class, for entries that are missing or unknown, and for another number of groups.
        """
        self.restore(self.checked(state_dict))

    def checked(self, state_dict: dict[str, Any]) -> dict[str, Any]:
        """The entries of a saved state, each of its kind."""
        check.same_class(state_dict, self)
        check.same_entries("state_dict", state_dict, set(self.state_dict()))
        entries: dict[str, Any] = {}
        count = len(self.optimizer.param_groups)
        for name in self.rates:
            saved = state_dict[name]
            if not isinstance(saved, list) or len(saved) != count:
                raise ValueError(
                    f'state_dict["{name}"] must be a list of {count}, one for each parameter '
                    f"group, got {saved!r:.60}"
                )
            entries[name] = [check.in_range(f'state_dict["{name}"]', lr) for lr in saved]
        for name, own in self.numbers().items():
            entry, saved = f'state_dict["{name}"]', state_dict[name]
            if name == "milestones":
                entries[name] = rising(entry, saved)
            elif isinstance(own, int):
                entries[name] = check.whole(entry, saved, least=-1)
            else:
                entries[name] = check.number(entry, saved)
        return entries

    def restore(self, entries: dict[str, Any]) -> None:
        """Take over what checked() returned."""
        for name in self.rates:
            for group, rate in zip(self.optimizer.param_groups, entries[name]):
                group[name] = rate
        for name in self.numbers():
            setattr(self, name, entries[name])


def rising(name: str, values: Iterable[int]) -> list[int]:
    """Numbers of steps in rising order, as a list."""
    if not isinstance(values, Iterable) or isinstance(values, str | dict):
        raise TypeError(f"{name} must be a list of whole numbers, got {values!r:.60}")
    values = [check.whole(f"{name}[{i}]", value, least=0) for i, value in enumerate(values)]
    if values != sorted(values):
        raise ValueError(f"{name} must rise, got {values}")
    return values


# ---- factors: what multiplies the rate that it finds ---------------------------------------------


class FactorSchedule(Schedule):
    """A schedule that multiplies the rate that it finds, so that several work together.

    Formula: lr(t) = initial factor(t). A step multiplies the present rate by
    factor(t) / factor(t - 1), so a rate set by hand, or by another schedule, is kept in proportion.
    With an eta_min, all this holds for the part of the rate above eta_min.

    Subclasses define `factor(t)`.
    """

    eta_min = 0.0

    def factor(self, t: int) -> float:
        """The share of the initial rate that is left after t steps."""
        raise TypeError(f"{type(self).__name__} must define factor(t)")

    def lr(self, t: int, initial: float) -> float:
        return self.eta_min + (initial - self.eta_min) * self.factor(t)

    def next_lr(self, t: int, lr: float, initial: float) -> float:
        now, before = self.factor(t), self.factor(t - 1) if t else 1.0
        if now == before:
            return lr
        if before == 0:  # nothing is left to multiply: begin again, as PyTorch does
            return lr + (initial - self.eta_min) * now
        return self.eta_min + (lr - self.eta_min) * (now / before)


class StepLR(FactorSchedule):
    """Multiply by gamma every step_size steps: initial gamma^floor(t / step_size).

    >>> from microloss.optim import SGD
    >>> optimizer = SGD([Tensor(0.0, requires_grad=True)], lr=0.5)
    >>> schedule = StepLR(optimizer, 2, gamma=0.5)
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"], end=" ")
    ...     schedule.step()
    0.5 0.5 0.25 0.25
    """

    def __init__(self, optimizer: Optimizer | SAM, step_size: int, *, gamma: float = 0.1):
        self.step_size = check.whole("step_size", step_size)
        self.gamma = check.in_range("gamma", gamma)
        super().__init__(optimizer)

    def factor(self, t):
        return self.gamma ** (t // self.step_size)


class MultiStepLR(FactorSchedule):
    """Multiply by gamma at each milestone: initial gamma^(number of milestones <= t)."""

    def __init__(
        self, optimizer: Optimizer | SAM, milestones: Iterable[int], *, gamma: float = 0.1
    ):
        self.milestones = rising("milestones", milestones)
        self.gamma = check.in_range("gamma", gamma)
        super().__init__(optimizer)

    def factor(self, t):
        return self.gamma ** bisect_right(self.milestones, t)


class ConstantLR(FactorSchedule):
    """initial factor for total_iters steps, then initial: the simplest warm-up."""

    def __init__(self, optimizer: Optimizer | SAM, *, factor: float = 1 / 3, total_iters: int = 5):
        self.start_factor = check.in_range("factor", factor)
        self.total_iters = check.whole("total_iters", total_iters)
        super().__init__(optimizer)

    def factor(self, t):
        return self.start_factor if t < self.total_iters else 1.0


class LinearLR(FactorSchedule):
    """From initial start_factor to initial end_factor in total_iters steps: a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer | SAM,
        *,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ):
        self.start_factor = check.in_range("start_factor", start_factor)
        self.end_factor = check.in_range("end_factor", end_factor)
        self.total_iters = check.whole("total_iters", total_iters)
        super().__init__(optimizer)

    def factor(self, t):
        share = min(t, self.total_iters) / self.total_iters
        return self.start_factor + share * (self.end_factor - self.start_factor)


class ExponentialLR(FactorSchedule):
    """Multiply by gamma in every step: initial gamma^t."""

    def __init__(self, optimizer: Optimizer | SAM, gamma: float):
        self.gamma = check.in_range("gamma", gamma)
        super().__init__(optimizer)

    def factor(self, t):
        return self.gamma**t


class CosineAnnealingLR(FactorSchedule):
    """Half a cosine from initial to eta_min in T_max steps, then up again.

    Formula: eta_min + (initial - eta_min) (1 + cos(pi t / T_max)) / 2.

    Reference: Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(self, optimizer: Optimizer | SAM, T_max: int, *, eta_min: float = 0.0):
        self.T_max = check.whole("T_max", T_max)
        self.eta_min = check.in_range("eta_min", eta_min)
        super().__init__(optimizer)

    def factor(self, t):
        return cosine(1.0, 0.0, t / self.T_max)


def cosine(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine, as share goes from 0 to 1."""
    return end + (start - end) * (1 + cos(pi * share)) / 2


# ---- rates that do not depend on what was there --------------------------------------------------


class LambdaLR(Schedule):
    """initial lr_lambda(t), for any function of the number of steps.

    The state holds t, not the function: give the resumed schedule the same one.

    >>> from microloss.optim import SGD
    >>> optimizer = SGD([Tensor(0.0, requires_grad=True)], lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer | SAM, lr_lambda: Callable[[int], float]):
        if not callable(lr_lambda):
            raise TypeError(f"lr_lambda must be one function of t, got {lr_lambda!r:.60}")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def lr(self, t, initial):
        return check.in_range(f"initial * lr_lambda({t})", initial * self.lr_lambda(t))


class CosineAnnealingWarmRestarts(Schedule):
    """Half cosines one after the other, T_0 steps long, each T_mult times as long as the last.

    Reference: Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self, optimizer: Optimizer | SAM, T_0: int, *, T_mult: int = 1, eta_min: float = 0.0
    ):
        self.T_0, self.T_mult = check.whole("T_0", T_0), check.whole("T_mult", T_mult)
        self.eta_min = check.in_range("eta_min", eta_min)
        super().__init__(optimizer)

    def lr(self, t, initial):
        period = self.T_0
        if self.T_mult == 1:
            t %= period
        while t >= period:
            t -= period
            period *= self.T_mult
        return cosine(initial, self.eta_min, t / period)


class OneCycleLR(Schedule):
    """Up to max_lr and down to nearly nothing in total_steps steps, on two half cosines.

    Starts at max_lr / div_factor, is at max_lr after the share pct_start of the steps, ends at
    the start / final_div_factor. Momentum is left as it is (PyTorch's cycle_momentum=False).

    The rates of the total_steps optimizer steps are those at t = 0 to total_steps - 1. The
    schedule.step() after the last of them is allowed, as in PyTorch; one more is an error.

    Reference: Smith, Topin (2018), Super-convergence.
    """

    def __init__(
        self,
        optimizer: Optimizer | SAM,
        max_lr: float,
        *,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ):
        self.max_lr = check.in_range("max_lr", max_lr)
        self.total_steps = check.whole("total_steps", total_steps)
        self.pct_start = check.fraction("pct_start", pct_start)
        self.start = self.max_lr / check.positive("div_factor", div_factor)
        self.end = self.start / check.positive("final_div_factor", final_div_factor)
        super().__init__(optimizer)

    def lr(self, t, initial):
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR is over: it was made for total_steps={self.total_steps}, and this is "
                f"step {t}; count one schedule.step() for each optimizer.step()"
            )
        top = self.pct_start * self.total_steps - 1
        if t < top:
            return cosine(self.start, self.max_lr, t / top)
        return cosine(self.max_lr, self.end, (t - top) / (self.total_steps - 1 - top))


class SequentialLR(Schedule):
    """One schedule after the other: schedules[i] takes over, from its own t = 0, at milestones.

    Each takes over with the rate that its formula gives for the initial rate.

    >>> from microloss.optim import SGD
    >>> optimizer = SGD([Tensor(0.0, requires_grad=True)], lr=1.0)
    >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> schedule = SequentialLR(optimizer, [warm_up, ExponentialLR(optimizer, 0.5)], [2])
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"], end=" ")
    ...     schedule.step()
    0.5 0.75 1.0 0.5
    """

    def __init__(
        self,
        optimizer: Optimizer | SAM,
        schedules: Sequence[Schedule],
        milestones: Iterable[int],
    ):
        self.schedules, self.milestones = list(schedules), rising("milestones", milestones)
        if len(self.milestones) != len(self.schedules) - 1:
            raise ValueError(
                f"{len(self.schedules)} schedules need {len(self.schedules) - 1} milestones, "
                f"got {self.milestones}"
            )
        for i, schedule in enumerate(self.schedules):
            if isinstance(schedule, ReduceLROnPlateau):
                raise TypeError(
                    f"schedules[{i}] is a ReduceLROnPlateau, whose step needs a metric: step it "
                    "beside the SequentialLR instead"
                )
            if not isinstance(schedule, Schedule):
                raise TypeError(f"schedules[{i}] must be a schedule, got {schedule!r:.60}")
            if schedule.optimizer.param_groups is not optimizer.param_groups:
                raise ValueError(f"schedules[{i}] belongs to another optimizer")
        super().__init__(optimizer)

    def part(self, t: int) -> tuple[Schedule, int]:
        """The schedule whose turn it is after t steps, and the number of its own steps."""
        i = bisect_right(self.milestones, t)
        return self.schedules[i], t - (self.milestones[i - 1] if i else 0)

    def lr(self, t, initial):
        schedule, own_t = self.part(t)
        return schedule.lr(own_t, initial)

    def next_lr(self, t, lr, initial):
        schedule, own_t = self.part(t)
        return schedule.next_lr(own_t, lr, initial) if own_t else schedule.lr(0, initial)

    def state_dict(self):
        parts = [schedule.state_dict() for schedule in self.schedules]
        return super().state_dict() | {"schedules": parts}

    def checked(self, state_dict):
        entries, parts = super().checked(state_dict), state_dict["schedules"]
        if not len(parts) == len(self.schedules) == len(entries["milestones"]) + 1:
            raise ValueError(f"state_dict has {len(parts)} schedules, this {len(self.schedules)}")
        checked = [schedule.checked(part) for schedule, part in zip(self.schedules, parts)]
        return entries | {"schedules": checked}

    def restore(self, entries):
        for schedule, part in zip(self.schedules, entries["schedules"]):
            schedule.restore(part)
        super().restore(entries)


# ---- a rate that follows a metric ----------------------------------------------------------------


class ReduceLROnPlateau(Schedule):
    """Multiply by factor when a metric has not improved for more than `patience` steps.

    `step(metric)` after each epoch. An improvement is a change by more than the share `threshold`
    of the best |metric|; nan is worse than every number. After a reduction, `cooldown` steps are
    not counted. No reduction goes below min_lr.
    """

    rates = ("lr",)

    def __init__(
        self,
        optimizer: Optimizer | SAM,
        *,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        if mode not in ("min", "max"):
            raise ValueError(f'mode must be "min" or "max", got {mode!r}')
        self.attach(optimizer)
        self.sign = 1 if mode == "min" else -1
        self.factor = check.fraction("factor", factor)
        self.patience = check.whole("patience", patience, least=0)
        self.threshold = check.in_range("threshold", threshold)
        self.cooldown = check.whole("cooldown", cooldown, least=0)
        self.min_lr = check.in_range("min_lr", min_lr)
        self.best, self.bad_steps, self.resting = inf, 0, 0

    def step(self, metric: float | Tensor) -> None:  # type: ignore[override]
        """Look at the metric of this epoch: a number, or a Tensor of one element."""
        value = self.sign * float(metric.item() if isinstance(metric, Tensor) else metric)
        margin = self.threshold * abs(self.best) if isfinite(self.best) else 0.0
        if value < self.best - margin:
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.resting > 0:
            self.resting -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            for group in self.optimizer.param_groups:
                lower = max(group["lr"] * self.factor, self.min_lr)
                group["lr"] = min(group["lr"], lower)  # may be below min_lr already
            self.resting, self.bad_steps = self.cooldown, 0
