"""Sharpness-aware minimisation."""

from collections.abc import Callable

import numpy as np

from ..engine.tensor import Tensor
from .optimizer import Optimizer


class SAM:
    """Step along the gradient taken at the worst nearby point, to prefer flat minima.

    Formula: e = rho g / |g|;  then the base optimizer's step from p, with the gradient at p + e.
    |g| is the norm over all parameters.  Each step costs two gradients:

    >>> p = Tensor([1.0], requires_grad=True)
    >>> from microloss.optim import SGD
    >>> optimizer = SAM(SGD([p], lr=0.1), rho=0.5)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (p * p).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    Tensor(1., op='sum')
    >>> p.data                                           # 1 - 0.1 * 2 * (1 + 0.5)
    array([0.7])

    Reference: Foret, Kleiner, Mobahi, Neyshabur (2021), Sharpness-aware minimization for
    efficiently improving generalization.
    """

    def __init__(self, base: Optimizer, *, rho: float = 0.05):
        if not rho >= 0:
            raise ValueError(f"rho must not be negative, got {rho!r}")
        self.base, self.rho = base, rho
        self.param_groups = base.param_groups

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.base.zero_grad()

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """One step; closure clears the gradients, computes the loss and calls backward()."""
        loss = closure()
        params = [p for p in self.base.parameters() if p.grad is not None]
        norm = np.sqrt(sum(float(np.sum(p.grad * p.grad)) for p in params))
        before = [p.data.copy() for p in params]
        for p in params:
            p.data = p.data + p.grad * (self.rho / (norm + 1e-12))
        closure()
        for p, values in zip(params, before):
            p.data = values
        self.base.step()
        return loss

    def state_dict(self) -> dict:
        """The state of the base optimizer."""
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over the state of the base optimizer."""
        self.base.load_state_dict(state_dict)
