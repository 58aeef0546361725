"""Newton's method that leaves saddle points instead of being drawn to them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..curvature import Curvature, assign, flatten, lanczos
from ..engine.tensor import Tensor
from . import check
from .optimizer import Optimizer


class SaddleFreeNewton(Optimizer):
    """Newton's step with the absolute values of the Hessian's eigenvalues.

    Formula: p = p - lr |H|^-1 g, where |H| = U |D| U^T for H = U D U^T. Newton divides by D
    itself, so along a negative eigenvalue it goes up, to the saddle. damping is added to |D|.

    rank : None for the exact Hessian, whose cost grows with the cube of the number of parameters;
        or the dimension of the Krylov space around the gradient in which the step is made, at the
        cost of `rank` Hessian-vector products.

    >>> p = Tensor([1.0, 0.1], requires_grad=True)         # a saddle at 0: p0^2 - p1^2
    >>> optimizer = SaddleFreeNewton([p], lr=1.0)
    >>> optimizer.step(lambda: p[0] ** 2 - p[1] ** 2)
    Tensor(0.99, op='subtract')
    >>> p.data.round(6)                                    # p1 doubles, where Newton sets it to 0
    array([0. , 0.2])

    Reference: Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio (2014), Identifying and attacking
    the saddle point problem in high-dimensional non-convex optimization.
    """

    def __init__(
        self,
        params: Tensor | Iterable[Tensor],
        lr: float = 1.0,
        *,
        damping: float = 0.0,
        rank: int | None = None,
    ):
        super().__init__(params, lr=lr, damping=damping, rank=rank)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Refuse a second group: the step couples all parameters, so all share their options."""
        if self.param_groups:
            raise ValueError(
                "SaddleFreeNewton has one group, because its step couples all parameters: "
                "pass all of them as one list"
            )
        super().add_param_group(group)

    def checked(self, options: dict[str, Any]) -> dict[str, Any]:
        options = super().checked(options)
        options["damping"] = check.in_range("damping", options["damping"])
        if options["rank"] is not None:
            options["rank"] = check.whole("rank", options["rank"])
        return options

    @np.errstate(under="ignore")
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        """One step; closure computes the loss, and leaves backward() to the optimizer.

        Returns the loss before the step.

        Raises: TypeError if closure does not return a Tensor; FloatingPointError, before anything
        changes, for a gradient or a Hessian that is not finite.
        """
        loss = closure()
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"closure must return the loss as a Tensor, without backward(), got {loss!r:.60}"
            )
        (group,) = self.param_groups
        params = [p for p in group["params"] if p.requires_grad]
        if not params:
            self.warn_that_nothing_moves()
            return loss
        curvature = Curvature(loss, params)
        g = np.asarray(curvature.gradient)
        if np.any(g):
            if group["rank"] is None:
                H, V = curvature.matrix(), None
            else:
                V, H = lanczos(curvature.product, g, group["rank"])
            if not (np.isfinite(g).all() and np.isfinite(H).all()):
                raise FloatingPointError(
                    "the gradient or the Hessian of the loss is not finite: look for the cause "
                    "with detect_anomaly()"
                )
            sizes, U = np.linalg.eigh((H + H.T) / 2)
            U = U if V is None else V @ U
            sizes = np.abs(sizes) + group["damping"]
            # along eigenvalues that are zero, to rounding, there is no curvature to divide by
            flat = sizes <= 1e-12 * sizes.max(initial=1e-300)
            steps = np.where(flat, 0, U.T @ g) / np.where(flat, 1, sizes)
            lr = check.in_range("lr", group["lr"])
            assign(params, flatten(params) - lr * (U @ steps))
        return loss
