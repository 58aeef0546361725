"""Second derivatives of a loss with respect to the parameters of a network.

The parameters count as one long vector, in the order given.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .engine.grad import differentiate
from .engine.tensor import Tensor

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
    `matrix()` is H, (n, n), at the cost of n products.  The params are leaves, such as
    model.parameters(); one that the loss does not depend on has zeros.

    Raises RuntimeError when the loss does not depend on anything that requires a gradient.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> c = Curvature(w[0] ** 2 * w[1], [w])
    >>> c.gradient, c.product(np.array([1.0, 0.0]))
    (array([4., 1.]), array([4., 2.]))
    >>> c.matrix()
    array([[4., 2.],
           [2., 0.]])

    Reference: Pearlmutter (1994), Fast exact multiplication by the Hessian.
    """

    def __init__(self, loss: Tensor, params: Sequence[Tensor]):
        self.params = list(params)
        slopes = differentiate(loss, None, True, True)
        slopes = [slopes.get(p, Tensor(np.zeros_like(p.data))) for p in self.params]
        self._slope = np.concatenate([slope.reshape(-1) for slope in slopes])
        self.gradient = self._slope.data
        self.n = self._slope.size

    def product(self, v: np.ndarray) -> np.ndarray:
        """H v."""
        if np.shape(v) != (self.n,):
            raise ValueError(f"v has shape {np.shape(v)}, there are {self.n} parameters")
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

    The eigenvalues of T approach the outermost ones of the symmetric H first.  Each new vector is
    orthogonalised against all before it, because rounding undoes the three-term recurrence.
    Stops early when the space is exhausted.

    Shapes: start (n,), V (n, k), T (k, k), k <= min(steps, n).

    >>> H = np.diag([3.0, 1.0, -2.0])
    >>> V, T = lanczos(lambda v: H @ v, np.ones(3), 3)
    >>> np.linalg.eigvalsh(T).round(6)
    array([-2.,  1.,  3.])

    Reference: Lanczos (1950), An iteration method for the solution of the eigenvalue problem.
    """
    basis = [start / np.linalg.norm(start)]
    columns = []
    for k in range(min(steps, start.size)):
        w = product(basis[k])
        columns.append([v @ w for v in basis])
        size = np.linalg.norm(w)
        for _ in range(2):  # twice is enough (Kahan)
            for v in basis:
                w = w - (v @ w) * v
        rest = np.linalg.norm(w)
        if rest <= 1e-10 * size:
            break
        basis.append(w / rest)
    V = np.array(basis[: len(columns)]).T
    T = np.zeros((len(columns), len(columns)))
    for k, column in enumerate(columns):
        T[: k + 1, k] = column[: k + 1]
        T[k, : k + 1] = column[: k + 1]
    return V, T
