"""Newton's method that leaves saddle points instead of being drawn to them."""

from collections.abc import Callable, Iterable

import numpy as np

from ..curvature import Curvature, assign, flatten, lanczos
from ..engine.tensor import Tensor


class SaddleFreeNewton:
    """Newton's step with the absolute values of the Hessian's eigenvalues.

    Formula: p = p - lr |H|^-1 g, where |H| = U |D| U^T for H = U D U^T.  Newton divides by D
    itself, so along a negative eigenvalue it goes up, to the saddle.  damping is added to |D|.

    rank : None for the exact Hessian, whose cost grows with the cube of the number of parameters;
        else the dimension of the Krylov space around the gradient in which the step is made, for
        the cost of `rank` Hessian-vector products.

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
        params: Iterable[Tensor],
        lr: float = 1.0,
        *,
        damping: float = 0.0,
        rank: int | None = None,
    ):
        self.params = list(params)
        if not self.params:
            raise ValueError("params is empty: pass model.parameters()")
        for name, value in (("lr", lr), ("damping", damping)):
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value!r}")
        if rank is not None and rank < 1:
            raise ValueError(f"rank must be at least 1, or None for the exact Hessian; got {rank}")
        self.param_groups = [{"params": self.params, "lr": lr}]
        self.damping, self.rank = damping, rank

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """One step; closure computes the loss (without backward) and gets its graph differentiated.

        Returns the loss before the step.
        """
        loss = closure()
        curvature = Curvature(loss, self.params)
        g = curvature.gradient
        if np.any(g):
            if self.rank is None:
                H, V = curvature.matrix(), None
            else:
                V, H = lanczos(curvature.product, g, self.rank)
            sizes, U = np.linalg.eigh((H + H.T) / 2)
            U = U if V is None else V @ U
            sizes = np.abs(sizes) + self.damping
            # along eigenvalues that are zero, to rounding, there is no curvature to divide by
            flat = sizes <= 1e-12 * sizes.max(initial=1e-300)
            steps = np.where(flat, 0, U.T @ g) / np.where(flat, 1, sizes)
            assign(self.params, flatten(self.params) - self.param_groups[0]["lr"] * (U @ steps))
        return loss
