"""What all optimizers share."""

from collections.abc import Iterable

import numpy as np

from ..engine.tensor import Tensor, clock


class Optimizer:
    """Changes parameters by their gradients: `zero_grad()`, `loss.backward()`, `step()`.

    params : Tensors that require a gradient, or groups of them with options of their own:
        `[{"params": [w], "lr": 0.1}, {"params": [b]}]`.
    `param_groups` holds the options of each group; schedules change its "lr".

    Subclasses pass the defaults of their options and define `update()`.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict], **defaults):
        self.defaults = defaults
        self.param_groups: list[dict] = []
        self.state: dict[Tensor, dict] = {}
        if isinstance(params, Tensor):
            raise TypeError("params is one Tensor: pass a list, [p]")
        params = list(params)
        if not params:
            raise ValueError("params is empty: pass model.parameters()")
        for group in params if isinstance(params[0], dict) else [{"params": params}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict) -> None:
        """Take further parameters, with options that differ from the defaults."""
        unknown = set(group) - {"params", *self.defaults}
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no option {', '.join(sorted(unknown))}; "
                f"it has {', '.join(self.defaults)}"
            )
        group = self.defaults | group | {"params": list(group["params"])}
        for name in ("lr", "weight_decay", "momentum", "eps"):
            if not group.get(name, 0) >= 0:
                raise ValueError(f"{name} must not be negative, got {group[name]!r}")
        for i, p in enumerate(group["params"]):
            if not isinstance(p, Tensor) or not p.requires_grad:
                raise ValueError(f"params[{i}] is not a Tensor with requires_grad=True: {p!r:.60}")
            if p in self.state:
                raise ValueError(f"params[{i}] is in the optimizer already")
            self.state[p] = {}
        self.param_groups.append(group)

    def parameters(self) -> list[Tensor]:
        """All parameters, group after group."""
        return list(self.state)

    def zero_grad(self) -> None:
        """Forget the gradients; backward() adds to what is there."""
        for p in self.state:
            p.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        update, states = self.update, self.state
        for group in self.param_groups:
            dtype = None
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                data = p._data
                if data.dtype is not dtype:  # an array of this precision spares conversions
                    dtype = data.dtype
                    lr = np.array(group["lr"], dtype)
                if isinstance(grad, Tensor):
                    grad = grad.data
                update(data, grad, states[p], group, lr)
                p._number = next(clock)  # as assigning p.data would: graphs notice the change

    def update(self, data: np.ndarray, grad: np.ndarray, state: dict, group: dict, lr) -> None:
        """Change one parameter's values in place, and what is remembered of it in `state`."""
        raise TypeError(f"{type(self).__name__} must define update()")

    def state_dict(self) -> dict:
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
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over the state of an optimizer of the same class for the same parameters."""
        ours = [len(group["params"]) for group in self.param_groups]
        theirs = [len(group["params"]) for group in state_dict["param_groups"]]
        if ours != theirs:
            raise ValueError(f"state_dict has groups of {theirs} parameters, the optimizer {ours}")
        for group, saved in zip(self.param_groups, state_dict["param_groups"]):
            group.update({k: v for k, v in saved.items() if k != "params"})
        for p, saved in zip(self.state, state_dict["state"].values()):
            for name, value in saved.items():
                if isinstance(value, np.ndarray) and value.shape not in ((), p.shape):
                    raise ValueError(f"{name} has shape {value.shape}, its parameter {p.shape}")
            self.state[p] = {
                k: np.copy(v) if isinstance(v, np.ndarray) else v for k, v in saved.items()
            }
