"""The rules of linear algebra, which a first reader may skip.

A matrix stands in the last two axes; the axes before them count matrices.
"""

import functools
import operator
from typing import Any

import numpy as np

from .compositions import composes
from .rules import RULES, NotSupported, normalized, primitive, unbroadcast, unreduce


def columns(g, b):
    """g as the columns that np.linalg.solve takes, which reads only a 1-D b as a vector."""
    return g[..., None] if np.ndim(b) == 1 else g


def solve_left(g, y, a, b):
    u = np.linalg.solve(a.mT, columns(g, b))
    return unbroadcast(-(u @ columns(y, b).mT), a.shape)


def solve_right(g, y, a, b):
    u = np.linalg.solve(np.swapaxes(a, -1, -2), columns(g, b))
    return unbroadcast(u[..., 0] if b.ndim == 1 else u, b.shape)


def cofactors(a, y):
    """The derivative of y = det(a): y a^-T, or the minors one by one where a has no inverse."""
    if np.all(y != 0):
        return y[..., None, None] * np.linalg.inv(a).mT
    n = a.shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], int).reshape(n, n - 1)
    minors = a[..., others[:, None, :, None], others[None, :, None, :]]
    return np.linalg.det(minors) * (-1.0) ** np.add.outer(np.arange(n), np.arange(n))


def cholesky(g, y, a):
    """Phi keeps the lower triangle and half of the diagonal (Murray 2016); a is symmetric."""
    phi = np.tril(y.mT @ g) * (1 - 0.5 * np.eye(y.shape[-1]))
    left = np.linalg.solve(y.mT, phi)
    whole = np.linalg.solve(y.mT, left.mT).mT
    return (whole + whole.mT) / 2


def pinv(g, y, a):
    """Holds while the rank does not change nearby (Golub, Pereyra 1973)."""
    left = g.mT - a @ (y @ g.mT)  # (I - A P) g^T
    right = g.mT - (g.mT @ y) @ a  # g^T (I - P A)
    return -(y.mT @ g @ y.mT) + left @ (y @ y.mT) + (y.mT @ y) @ right


RULES |= {
    np.linalg.solve: (solve_left, solve_right),
    np.linalg.inv: (lambda g, y, a: -(y.mT @ g @ y.mT),),
    np.linalg.det: (lambda g, y, a: g[..., None, None] * cofactors(a, y),),
    np.linalg.cholesky: (cholesky,),
    np.linalg.pinv: (pinv,),
}


# ---- functions of several results: each result is a primitive ------------------------------------

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))
EighResult: Any = type(np.linalg.eigh(np.eye(1)))


@primitive(lambda g, y, a: g[..., None, None] * np.linalg.inv(a).mT)
def logabsdet(a):
    return np.linalg.slogdet(a).logabsdet


@primitive(
    lambda g, y, a, *, UPLO: (v := eigenvectors(a, UPLO=UPLO)) * g[..., None, :] @ v.mT,
)
def eigenvalues(a, *, UPLO):
    return np.linalg.eigvalsh(a, UPLO)


def eigenvectors_rule(g, y, a, *, UPLO):
    """Needs eigenvalues that differ; where two are equal, their vectors may turn freely."""
    w = eigenvalues(a, UPLO=UPLO)
    gap = w[..., None, :] - w[..., :, None]
    turns = (y.mT @ g) * np.where(gap == 0, 0, 1 / np.where(gap == 0, 1, gap))
    whole = y @ turns @ y.mT
    return (whole + whole.mT) / 2


@primitive(eigenvectors_rule)
def eigenvectors(a, *, UPLO):
    return np.linalg.eigh(a, UPLO).eigenvectors


def singular_values_rule(g, y, a):
    """U diag(g) V^T: each pair (u, v) / sqrt 2 is an eigenvector of [[0, A], [A^T, 0]]."""
    m, n = a.shape[-2:]
    eye = np.eye(m + n)
    corner = eye[:, :m] @ a @ eye[m:]  # A in the upper right corner
    pairs = eigenvectors(corner + corner.mT, UPLO="L")[..., : -y.shape[-1] - 1 : -1]
    return 2 * (pairs[..., :m, :] * g[..., None, :]) @ pairs[..., m:, :].mT


@primitive(singular_values_rule)
def singular_values(a):
    return np.linalg.svdvals(a)


@composes(np.linalg.svd)
def _svd(a, full_matrices=True, compute_uv=True):
    if compute_uv:
        raise NotSupported(
            "np.linalg.svd: U and V have no derivative rule; pass compute_uv=False for the "
            "singular values, or use np.linalg.eigh(a.mT @ a)"
        )
    return singular_values(a)


@composes(np.linalg.slogdet)
def _slogdet(a):
    return SlogdetResult(np.linalg.slogdet(a.data).sign, logabsdet(a))


@composes(np.linalg.eigh)
def _eigh(a, UPLO="L"):
    return EighResult(eigenvalues(a, UPLO=UPLO), eigenvectors(a, UPLO=UPLO))


@composes(np.linalg.eigvalsh)
def _eigvalsh(a, UPLO="L"):
    return eigenvalues(a, UPLO=UPLO)


@composes(np.linalg.svdvals)
def _svdvals(x):
    return singular_values(x)


# ---- powers and products -------------------------------------------------------------------------


@composes(np.linalg.matrix_power)
def _matrix_power(a, n):
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError
    if operator.index(n) < 0:
        return _matrix_power(np.linalg.inv(a), -n)
    if n < 2:
        return a if n else 0 * a + np.eye(a.shape[-1], dtype=a.dtype)
    half = _matrix_power(a, n // 2)
    return half @ half @ a if n % 2 else half @ half


@composes(np.linalg.multi_dot)
def _multi_dot(arrays):
    if len(arrays) < 2:
        raise ValueError
    return functools.reduce(np.dot, arrays)


# ---- norms ---------------------------------------------------------------------------------------


def p_norm_rule(g, y, x, *, p=2, axis=None, keepdims=False):
    """sign(x) (|x| / y)^(p-1), and 0 where the norm is 0."""
    g, y = unreduce(g, x, axis), unreduce(y, x, axis)
    y = np.where(y == 0, 1, y)
    return g * x / y if p == 2 else g * np.sign(x) * (np.abs(x) / y) ** (p - 1)


@primitive(p_norm_rule)
@np.errstate(under="ignore")
def p_norm(x, *, p=2, axis=None, keepdims=False):
    if x.dtype == np.float16:  # whose squares overflow beyond 256
        return p_norm(x.astype(np.float32), p=p, axis=axis, keepdims=keepdims).astype(np.float16)
    if p == 2:
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    return np.sum(np.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


MATRIX_NORMS = {
    1: lambda a: np.max(np.sum(np.abs(a), -2), -1),
    -1: lambda a: np.min(np.sum(np.abs(a), -2), -1),
    np.inf: lambda a: np.max(np.sum(np.abs(a), -1), -1),
    -np.inf: lambda a: np.min(np.sum(np.abs(a), -1), -1),
    2: lambda a: np.max(singular_values(a), -1),
    -2: lambda a: np.min(singular_values(a), -1),
    "nuc": lambda a: np.sum(singular_values(a), -1),
    "fro": lambda a: p_norm(a, axis=(-2, -1)),
}


@composes(np.linalg.norm)
def _norm(x, ord=None, axis=None, keepdims=False):
    """The 2-norm of all elements by default, else that of a vector or of a matrix."""
    axes = normalized(axis, x.ndim)
    if ord is None and axis is None:
        return p_norm(x, keepdims=keepdims)
    if len(axes) not in (1, 2):
        raise ValueError
    empty_sum = x.size == 0 and (ord in (1, 2, np.inf) or (ord == "nuc" and len(axes) == 2))
    if ord is None or empty_sum:
        return p_norm(x, axis=axis, keepdims=keepdims)
    if len(axes) == 2:
        y = MATRIX_NORMS[ord](np.moveaxis(x, axes, (-2, -1)))
        return unreduce(y, x, axis) if keepdims else y
    if isinstance(ord, str):
        raise ValueError
    if abs(ord) == np.inf:
        extremum = np.max if ord > 0 else np.min
        return extremum(np.abs(x), axis=axis, keepdims=keepdims)
    if not ord >= 1:
        raise NotSupported(f"np.linalg.norm: no derivative rule for ord={ord!r}; use 1 or more")
    return p_norm(x, p=ord, axis=axis, keepdims=keepdims)
