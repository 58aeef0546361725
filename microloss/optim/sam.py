"""Sharpness-aware minimisation."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..engine.tensor import Tensor
from . import check
from .clipping import total_norm
from .optimizer import Optimizer, gradient

Loss = TypeVar("Loss")


class SAM:
    """Step along the gradient taken at the worst nearby point, to prefer flat minima.

    Formula: e = rho g / |g|; then the base optimizer's step from p, with the gradient at p + e.
    |g| is the norm over all parameters. Each step costs two gradients:

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

    Raises: ValueError for a negative rho.

    Reference: Foret, Kleiner, Mobahi, Neyshabur (2021), Sharpness-aware minimization for
    efficiently improving generalization.
    """

    def __init__(self, base: Optimizer, *, rho: float = 0.05):
        if not isinstance(base, Optimizer):
            raise TypeError(f"base must be an optimizer, such as SGD(params), got {base!r:.60}")
        self.base, self.rho = base, check.in_range("rho", rho)
        self.param_groups = base.param_groups

    def parameters(self) -> list[Tensor]:
        """All parameters of the base optimizer."""
        return self.base.parameters()

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Give the base optimizer further parameters."""
        self.base.add_param_group(group)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.base.zero_grad()

    def step(self, closure: Callable[[], Loss]) -> Loss:
        """One step; closure clears the gradients, computes the loss and calls backward().

        Returns what the first call of closure returned: the loss before the step. If the second
        call raises an error, the parameters go back to where they were.
        """
        loss = closure()
        params = [p for p in self.parameters() if p.grad is not None and p.requires_grad]
        grads = [gradient(p) for p in params]
        before = [p.data.copy() for p in params]
        share = self.rho / (total_norm(grads) + 1e-12)
        try:
            with np.errstate(under="ignore"):
                for p, grad in zip(params, grads):
                    p.data = p.data + grad * share
            closure()
        finally:
            for p, values in zip(params, before):
                p.data = values
        self.base.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """rho, and the state of the base optimizer."""
        return {"class": "SAM", "rho": self.rho, "base": self.base.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of a SAM around an optimizer of the same class.

        Raises: TypeError or ValueError, before anything changes, for any other state.
        """
        check.same_class(state_dict, self)
        check.same_entries("state_dict", state_dict, {"class", "rho", "base"})
        rho = check.in_range('state_dict["rho"]', state_dict["rho"])
        self.base.load_state_dict(state_dict["base"])
        self.rho = rho
