"""What all optimizers share."""

from collections.abc import Iterable

import numpy as np

from ..tensor import Tensor, clock


class Optimizer:
    """Changes parameters by their gradients: `zero_grad()`, backward, `step()`.

    Raises ValueError for no parameters, and for ones that do not require a gradient.
    """

    def __init__(self, params: Iterable[Tensor], lr: float):
        self.params = list(params)
        if not self.params:
            raise ValueError("params is empty: pass model.parameters()")
        for i, p in enumerate(self.params):
            if not isinstance(p, Tensor) or not p.requires_grad:
                raise ValueError(f"params[{i}] is not a Tensor with requires_grad=True: {p!r:.60}")
        if not lr >= 0:
            raise ValueError(f"lr must not be negative, got {lr!r}")
        self.lr = lr
        self.state = [{} for _ in self.params]

    def zero_grad(self) -> None:
        """Forget the gradients; backward() adds to what is there."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        dtype = None
        for p, state in zip(self.params, self.state):
            grad = p.grad
            if grad is not None:
                data = p._data
                if data.dtype is not dtype:  # an array of this precision spares conversions
                    dtype = data.dtype
                    lr = np.array(self.lr, dtype)
                self.update(data, grad, state, lr)
                p._number = next(clock)  # as assigning p.data would: graphs notice the change

    def update(self, data: np.ndarray, grad: np.ndarray, state: dict, lr: np.ndarray) -> None:
        """Change one parameter's values in place."""
        raise NotImplementedError
