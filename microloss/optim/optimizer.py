"""What all optimizers share."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..engine.tensor import Tensor, clock
from ..parameters import parameter_list
from . import check

CHECKS = {
    "lr": check.in_range,
    "lr_decay": check.in_range,
    "weight_decay": check.in_range,
    "momentum": check.in_range,
    "dampening": check.in_range,
    "eps": check.in_range,
    "alpha": check.fraction,
    "betas": check.pair_of_fractions,
    "nesterov": check.switch,
    "centered": check.switch,
    "amsgrad": check.switch,
}

ndarray = np.ndarray


class Optimizer:
    """Changes parameters by their gradients: `zero_grad()`, `loss.backward()`, `step()`.

    params : Tensors that you made yourself (leaves), or groups of them with options of their own:
        `[{"params": [w], "lr": 0.1}, {"params": [b]}]`.
    `param_groups` holds the options of each group; schedules change its "lr".

    A frozen weight (`requires_grad=False`) may be among the parameters. It does not move, even if
    a gradient is left from before.

    Subclasses pass the defaults of their options, name in `slots()` what they remember of each
    parameter, and define `update()`.

    Raises: TypeError or ValueError for a Tensor that was computed from others, for a parameter
    given twice, for an option that does not exist and for a value out of its range.
    """

    def __init__(
        self, params: Tensor | Iterable[Tensor] | Iterable[dict[str, Any]], **defaults: Any
    ):
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.has_warned = False
        if isinstance(params, dict):
            raise TypeError('params is one group: pass a list of groups, [{"params": [w]}]')
        given: Any = params
        if isinstance(params, Iterable) and not isinstance(params, Tensor):
            given = list(params)
            if any(isinstance(group, dict) for group in given):
                for group in given:
                    self.add_param_group(group)
                return
        self.add_param_group({"params": given})

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Take further parameters, with options that differ from the defaults."""
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(f'a group must be a dict with "params", got {group!r:.60}')
        params = parameter_list(group["params"])
        seen = set(self.state)
        for i, p in enumerate(params):
            if p in seen:
                raise ValueError(f"params[{i}] is in the optimizer already")
            seen.add(p)
        options = {name: value for name, value in group.items() if name != "params"}
        self.param_groups.append({"params": params} | self.checked(self.defaults | options))
        self.state.update((p, {}) for p in params)

    def checked(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of a group, each in its range."""
        unknown = sorted(options.keys() - self.defaults.keys())
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no option {', '.join(unknown)}; "
                f"it has {', '.join(self.defaults)}"
            )
        return {
            name: CHECKS[name](name, value) if name in CHECKS else value
            for name, value in options.items()
        }

    def parameters(self) -> list[Tensor]:
        """All parameters, group after group."""
        return list(self.state)

    def zero_grad(self) -> None:
        """Forget the gradients; backward() adds to what is there."""
        for p in self.state:
            p.grad = None

    @np.errstate(under="ignore")  # what underflows to 0 is too small to matter
    def step(self) -> None:
        """Change every parameter that has a gradient."""
        update, states, moved = self.update, self.state, False
        for group in self.param_groups:
            rate, slots, dtype = group["lr"], self.slots(group), None
            if type(rate) is not float or not 0 <= rate < np.inf:  # was set by hand or a schedule
                rate = check.in_range("lr", rate)
            for p in group["params"]:
                grad = p.grad
                if grad is None or not p.requires_grad:
                    continue
                data = p._array
                if data.dtype is not dtype:  # an array of this precision spares conversions
                    dtype = data.dtype
                    lr = np.array(rate, dtype)
                if type(grad) is not ndarray or grad.shape != data.shape:
                    grad = gradient(p)
                state = states[p]
                if slots and len(state) < len(slots):
                    for name in slots:
                        if name not in state:
                            state[name] = self.start(name, data)
                update(data, grad, state, group, lr)
                p._number = next(clock)  # as assigning p.data would: graphs notice the change
                moved = True
        if not moved:
            self.warn_that_nothing_moves()

    def warn_that_nothing_moves(self) -> None:
        """Say once that a step changed nothing, and why."""
        if not self.has_warned:
            self.has_warned = True
            reason = "no parameter has a gradient; call loss.backward() before step()"
            if not any(p.requires_grad for p in self.state):
                reason = "all its parameters are frozen; set requires_grad = True to train them"
            # past step() and NumPy's wrapper around it, to the line that called step()
            warnings.warn(f"{type(self).__name__} changed nothing: {reason}", stacklevel=4)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of what is remembered of each parameter: arrays of its shape, and "step"."""
        return ()

    def start(self, name: str, data: np.ndarray) -> Any:
        """What a slot holds before the first update of a parameter."""
        return 0 if name == "step" else np.zeros_like(data)

    def update(self, data: np.ndarray, grad: np.ndarray, state: dict, group: dict, lr) -> None:
        """Change one parameter's values in place, and what is remembered of it in `state`."""
        raise TypeError(f"{type(self).__name__} must define update()")

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: the options, and the state of each parameter by position."""
        groups, first = [], 0
        for group in self.param_groups:
            count = len(group["params"])
            groups.append(group | {"params": list(range(first, first + count))})
            first += count
        state = {
            str(i): {k: np.copy(v) if isinstance(v, np.ndarray) else v for k, v in kept.items()}
            for i, kept in enumerate(self.state.values())
        }
        return {"class": type(self).__name__, "state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of an optimizer of the same class for the same parameters.

        Raises: TypeError or ValueError, before anything changes, for the state of
        another class, for entries that are missing or unknown, and for other shapes.
        """
        check.same_class(state_dict, self)
        check.same_entries("state_dict", state_dict, {"class", "state", "param_groups"})
        saved_groups, saved_state = state_dict["param_groups"], state_dict["state"]
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [len(group["params"]) for group in saved_groups]
        if sizes != saved_sizes:
            raise ValueError(
                f"state_dict has groups of {saved_sizes} parameters, this optimizer {sizes}"
            )
        groups, states = [], []
        for i, saved in enumerate(saved_groups):
            options = {k: v for k, v in saved.items() if k not in ("params", "initial_lr")}
            check.same_entries(f'state_dict["param_groups"][{i}]', options, set(self.defaults))
            groups.append(self.checked(options))
            if "initial_lr" in saved:
                groups[-1]["initial_lr"] = CHECKS["lr"]("initial_lr", saved["initial_lr"])
        names = [self.slots(options) for options, n in zip(groups, sizes) for _ in range(n)]
        check.same_entries('state_dict["state"]', saved_state, set(map(str, range(len(names)))))
        for i, p in enumerate(self.state):
            states.append(restored(f'state_dict["state"]["{i}"]', saved_state[str(i)], names[i], p))
        for group, options in zip(self.param_groups, groups):
            group.update(options)
        for p, state in zip(self.state, states):
            self.state[p] = state


def gradient(p: Tensor) -> np.ndarray:
    """A parameter's gradient as an array, also if it is a Tensor with a graph or a single number.

    Raises: ValueError for a gradient of another shape.
    """
    grad = p.grad.data if isinstance(p.grad, Tensor) else np.asarray(p.grad)
    if grad.shape != p.shape or grad.dtype.kind != "f":
        raise ValueError(
            f"p.grad must hold floats of the parameter's shape {p.shape}, got shape {grad.shape}, "
            f"dtype {grad.dtype}"
        )
    return grad


def restored(what: str, saved: Any, slots: tuple[str, ...], p: Tensor) -> dict[str, Any]:
    """A copy of the saved state of one parameter, empty if the parameter has not moved yet."""
    check.same_entries(what, saved, set(slots) if saved else set())
    state: dict[str, Any] = {}
    for name, value in saved.items():
        entry = f'{what}["{name}"]'
        if name == "step":
            state[name] = check.whole(entry, value)
        else:
            state[name] = check.same_shape(entry, value, p)
    return state
