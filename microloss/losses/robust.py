"""Barron's loss: all robust losses in one."""

import math

import numpy as np

from ..engine.rules import primitive
from ..engine.tensor import Tensor, values_of
from . import check
from .common import loss, reduce

__all__ = ["robust_loss"]


@loss
def robust_loss(input, target, *, alpha, scale=1.0, reduction: str = "mean") -> Tensor:
    """Barron's general robust loss: one shape parameter leads from the square to ignoring outliers.

    Formula: z = ((input - target) / scale)^2, b = |alpha - 2|;
    (b / alpha) ((z / b + 1)^(alpha / 2) - 1), and its limits z / 2 at alpha = 2, log(z / 2 + 1) at
    0, 1 - e^(-z / 2) at -inf, e^(z / 2) - 1 at inf. alpha = 1 is Charbonnier, a smooth absolute
    value; 0 Cauchy; -2 Geman-McClure; -inf Welsch.

    Gradient: e / scale^2 (z / b + 1)^(alpha / 2 - 1) / N with e = input - target: falls back to 0
    for large errors when alpha < 1.

    Problem: regression.

    Use: when it is not known how robust the loss must be: lower alpha where there are outliers, set
    scale to the size of an ordinary error, or learn both.

    Meaning: for each alpha a known M-estimator. To learn alpha, add the logarithm of the
    normaliser of the density e^-loss: without it, the lowest alpha always wins. That normaliser
    exists only for alpha >= 0: below 0 the loss is bounded, and e^-loss has no finite integral.
    The derivative for alpha is the true one, at 0 too; only at exactly 2, where the true one is
    infinite, it is 0.

    Outliers: from very sensitive to bounded: the loss grows like |e|^alpha for alpha in (0, 2],
    like log |e| for 0, and below 0 it stays under b / |alpha|; beyond 2 it explodes.

    Shapes: input and target of one shape; alpha and scale numbers, or arrays or Tensors (which may
    be learned) that broadcast to that shape. Units: none, the error is measured in scales.

    Raises: ValueError for unequal shapes, scale that is not positive, alpha that is not finite
    unless it is a number, an unknown reduction, or an empty mean; TypeError for what is not a
    real number.

    >>> error = [1.5]
    >>> [robust_loss(error, [0.0], alpha=a).round(4).item() for a in (2, 1, 0, -2, -np.inf)]
    [1.125, 0.8028, 0.7538, 0.72, 0.6753]

    Reference: Barron (2019), A General and Adaptive Robust Loss Function.
    """
    input, target = check.alike(input=input, target=target)
    scale = positive_scale(scale, input)
    error = (input - target) / scale
    if isinstance(alpha, int | float | np.number):
        return reduce(barron(error, alpha=check.number("alpha", alpha)), reduction)
    alpha = check.broadcastable("alpha", alpha, error)
    if not np.isfinite(values_of(alpha)).all():
        raise ValueError(f"alpha must be finite unless it is a number, got {alpha!r:.60}")
    return reduce(barron_of(error, alpha), reduction)


def positive_scale(scale, input):
    if isinstance(scale, int | float | np.number):
        return check.positive("scale", scale)
    scale = check.broadcastable("scale", scale, input)
    if not (scale > 0).all():
        raise ValueError(f"scale must be positive, got {scale!r:.60}")
    return scale


@np.errstate(over="ignore")  # beyond alpha = 2, infinite is the right answer
def barron_slope(g, y, e, *, alpha):
    if alpha == 2:
        return g * e
    if alpha == np.inf:
        return g * e * (y + 1)
    if alpha == -np.inf:
        return g * e * np.exp(-0.5 * (e * e))
    # the square root of (z / b + 1)^(alpha / 2 - 1), twice, because the power itself may underflow
    root = np.exp((0.25 * alpha - 0.5) * log1p_square(e * (1 / math.sqrt(abs(alpha - 2)))))
    return g * (e * root) * root


# One operation, because a composition would lose the small gradients of large errors: for
# alpha < 0 they are the difference of two numbers near 1.
@primitive(barron_slope)
@np.errstate(over="ignore")
def barron(e, *, alpha):
    """The loss of an error in units of scale, for a number alpha."""
    if alpha == 2:
        return 0.5 * (e * e)
    if abs(alpha) == np.inf:
        sign = math.copysign(1, alpha)
        return sign * np.expm1(sign * 0.5 * (e * e))
    b = abs(alpha - 2)
    log = log1p_square(e * (1 / math.sqrt(b)))
    if abs(alpha) < 1e-18:  # 0 to rounding
        return log
    return (b / alpha) * np.expm1(0.5 * alpha * log)


def barron_of(e, alpha):
    """The same for an alpha that may be learned, without a division by it.

    (b / alpha) (e^w - 1), w = alpha / 2 log(z / b + 1), is b / 2 log(z / b + 1) (e^w - 1) / w.
    """
    square = np.equal(alpha, 2)
    b = np.abs(np.where(square, 1, alpha) - 2)  # at 2 any number that is not 0
    log = log1p_square(e / np.sqrt(b))
    half = np.where(square, e, 0)  # so that errors are squared only where a square is meant
    with np.errstate(over="ignore"):
        return np.where(square, 0.5 * half * half, 0.5 * b * log * exp_moment(0.5 * alpha * log))


def log1p_square_slope(g, y, w):
    """2 w / (1 + w^2), where 1 + w^2 is e^y."""
    root = np.exp(-0.5 * y)
    return g * (2 * w * root) * root


@primitive(log1p_square_slope)
def log1p_square(w):
    """log(1 + w^2) for any w: where w^2 would overflow, the 1 does not count."""
    size = np.abs(w)
    far = size > 1 / math.sqrt(np.finfo(size.dtype).eps)
    near = np.where(far, 0, size)
    return np.where(far, 2 * np.log(np.where(far, size, 1)), np.log1p(near * near))


@primitive(lambda g, y, w, *, k=0: g * exp_moment(w, k=k + 1))
@np.errstate(over="ignore")
def exp_moment(w, *, k=0):
    """The integral of t^k e^(w t) from 0 to 1: (e^w - 1) / w and its derivatives, at w = 0 too."""
    near = np.abs(w) < 0.25
    x = np.where(near, w, 0)
    series = 0.0
    for n in reversed(range(12)):
        series = series * x + 1 / (math.factorial(n) * (n + k + 1))
    # further out by parts, in units of the larger end of e^(w t), so that nothing overflows early
    w = np.where(near, 1, w)
    last = np.exp(np.minimum(w, 0))
    moment = (last - np.exp(-np.maximum(w, 0))) / w
    for j in range(1, k + 1):
        moment = (last - j * moment) / w
    return np.where(near, series, moment * np.exp(np.maximum(w, 0)))
