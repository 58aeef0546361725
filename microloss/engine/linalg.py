"""The rules of linear algebra, which a first reader may skip."""

import numpy as np

from .rules import RULES, unbroadcast


def columns(g, b):
    """g as the columns that np.linalg.solve takes, which reads only a 1-D b as a vector."""
    return g[..., None] if np.ndim(b) == 1 else g


def solve_left(g, y, a, b):
    u = np.linalg.solve(a.mT, columns(g, b))
    return unbroadcast(-(u @ columns(y, b).mT), a.shape)


def solve_right(g, y, a, b):
    u = np.linalg.solve(np.swapaxes(a, -1, -2), columns(g, b))
    return unbroadcast(u[..., 0] if b.ndim == 1 else u, b.shape)


RULES |= {
    np.linalg.solve: (solve_left, solve_right),
    np.linalg.inv: (lambda g, y, a: -(y.mT @ g @ y.mT),),
}
