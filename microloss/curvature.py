"""Second derivatives of a loss with respect to the parameters of a network.

The parameters count as one long vector, in the order given.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .engine.grad import differentiate
from .engine.tensor import Tensor
from .parameters import parameter_list

__all__ = ["Curvature", "assign", "flatten", "lanczos", "unflatten"]


def flatten(arrays: Sequence) -> np.ndarray:
    """Arrays (or the data of Tensors), one after the other, as one vector."""
    return np.concatenate([np.ravel(a.data if isinstance(a, Tensor) else a) for a in arrays])


def unflatten(vector: np.ndarray, like: Sequence) -> list[np.ndarray]:
    """The parts of a vector, in the shapes of `like`."""
    cuts = np.cumsum([a.size for a in like])[:-1]
    return [part.reshape(a.shape) for part, a in zip(np.split(vector, cuts), like)]


def assign(params: Sequence[Tensor], vector: np.ndarray) -> None:
    """Set the parameters to the parts of a vector."""
    for p, values in zip(params, unflatten(vector, params)):
        p.data = values.copy()


class Curvature:
    """Gradient and Hessian of a loss at the present parameters.

    `gradient` is a vector of n numbers; `product(v)` is H v, at the cost of a few gradients;
    `matrix()` is H, (n, n), at the cost of n products. The params are leaves that require a
    gradient; one that the loss does not depend on has zeros.

    Raises: TypeError for a loss that is not a Tensor; RuntimeError for one that does not depend on
    anything that requires a gradient; ValueError for frozen params, and where the loss depends on
    none of them; FloatingPointError for a gradient that is not finite.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> c = Curvature(w[0] ** 2 * w[1], [w])
    >>> c.gradient, c.product(np.array([1.0, 0.0]))
    (array([4., 1.]), array([4., 2.]))
    >>> c.matrix()
    array([[4., 2.],
           [2., 0.]])

    Reference: Pearlmutter (1994), Fast exact multiplication by the Hessian.
    """

    def __init__(self, loss: Tensor, params: Tensor | Iterable[Tensor]):
        self.params = parameter_list(params)
        for i, p in enumerate(self.params):
            if not p.requires_grad:
                raise ValueError(
                    f"params[{i}] is frozen, so the loss has no derivative with respect to it: "
                    "pass [p for p in params if p.requires_grad]"
                )
        if not isinstance(loss, Tensor):
            raise TypeError(f"the loss must be a Tensor, got {loss!r:.60}")
        slopes = differentiate(loss, None, True, True)
        if slopes.keys().isdisjoint(self.params):
            raise ValueError("the loss depends on none of the params: pass those of its own model")
        parts = [slopes.get(p, Tensor(np.zeros_like(p.data))).reshape(-1) for p in self.params]
        self._slope: Any = np.concatenate(parts)  # a Tensor, which NumPy does not declare
        self.gradient = self._slope.data
        if not np.isfinite(self.gradient).all():
            raise FloatingPointError(
                f"the gradient is not finite where the loss is {loss.item()}: look for the cause "
                "with detect_anomaly()"
            )
        self.n = self._slope.size

    def product(self, v: np.ndarray) -> np.ndarray:
        """H v."""
        if np.shape(v) != (self.n,):
            raise ValueError(
                f"v has shape {np.shape(v)}, it must be ({self.n},), one number for each parameter"
            )
        if not self._slope.requires_grad:  # a loss that is linear in its parameters
            return np.zeros(self.n)
        slopes = differentiate(self._slope, v, True, False)
        return flatten([slopes.get(p, np.zeros_like(p.data)) for p in self.params])

    def matrix(self) -> np.ndarray:
        """H; symmetric up to rounding."""
        return np.array([self.product(unit) for unit in np.eye(self.n)])

    def eigenvalues(self) -> np.ndarray:
        """All eigenvalues of H, rising."""
        return np.linalg.eigvalsh(self.matrix())


def lanczos(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal basis V of span{b, H b, H^2 b, ...} and T = V^T H V, of `steps` vectors.

    The eigenvalues of T approach the outermost ones of the symmetric H first. From one start vector
    each eigenvalue is found once, from m start vectors up to m times. Each new vector is
    orthogonalised against all before it, because rounding undoes the short recurrence. Stops early
    when the space is exhausted.

    Shapes: start (n,) or (n, m), V (n, k), T (k, k), k <= min(steps, n).

    >>> H = np.diag([3.0, 1.0, -2.0])
    >>> V, T = lanczos(lambda v: H @ v, np.ones(3), 3)
    >>> np.linalg.eigvalsh(T).round(6)
    array([-2.,  1.,  3.])

    Reference: Lanczos (1950), An iteration method for the solution of the eigenvalue problem;
    Ruhe (1979), Implementation aspects of band Lanczos algorithms, for several start vectors.
    """
    basis: list[np.ndarray] = []
    for vector in start.reshape(len(start), -1).T:
        _extend(basis, vector)
    columns: list[list[float]] = []
    while len(columns) < min(steps, len(basis)):
        w = product(basis[len(columns)])
        columns.append([v @ w for v in basis[: len(columns) + 1]])
        _extend(basis, w)
    V = np.array(basis[: len(columns)]).T
    T = np.zeros((len(columns), len(columns)))
    for k, column in enumerate(columns):
        T[: k + 1, k] = column
        T[k, : k + 1] = column
    return V, T


def _extend(basis: list[np.ndarray], vector: np.ndarray) -> None:
    """Append the part of the vector that the basis does not span, unless only rounding is left."""
    rest = vector
    for _ in range(2):  # twice is enough (Kahan)
        for v in basis:
            rest = rest - (v @ rest) * v
    size = np.linalg.norm(rest)
    if size > 1e-10 * np.linalg.norm(vector):
        basis.append(rest / size)
