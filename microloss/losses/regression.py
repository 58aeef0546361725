"""Losses for targets that are numbers."""

import math

import numpy as np

from ..engine.rules import primitive
from ..engine.tensor import Tensor, values_of
from . import check
from .common import loss, reduce

__all__ = [
    "gaussian_nll_loss", "huber_loss", "l1_loss", "log_cosh_loss", "mse_loss", "poisson_nll_loss",
    "quantile_loss", "robust_loss", "smooth_l1_loss",
]  # fmt: skip


@loss
def mse_loss(input, target, *, weight=None, reduction: str = "mean") -> Tensor:
    """Mean squared error: how far off, squared.

    Formula: (input - target)^2; with weight, the mean is sum(w (input - target)^2) / sum(w).

    Gradient: 2 (input - target) / N: grows with the error without bound.

    Problem: regression.

    Use: the default, when a large error is much worse than several small ones and no target is
    grossly wrong.

    Meaning: the negative log-likelihood of Gaussian noise of constant variance, up to constants;
    the best constant prediction is the mean.

    Outliers: very sensitive: an error that is k times as large weighs k^2 times as much.

    Shapes: input and target of one shape, weight of the same.  Units: the target's, squared.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean; TypeError for
    what is not a real number.

    >>> mse_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0])
    np.float64(2.375)

    Reference: Gauss (1809), Theoria motus corporum coelestium; PyTorch's mse_loss.
    """
    input, target = check.alike(input=input, target=target)
    error = input - target
    return reduce_weighted(error * error, weight, reduction)


@loss
def l1_loss(input, target, *, weight=None, reduction: str = "mean") -> Tensor:
    """Mean absolute error: how far off, in the target's own units.

    Formula: |input - target|; with weight, the mean is sum(w |input - target|) / sum(w).

    Gradient: sign(input - target) / N: of one size however large the error, and 0 at equality, so
    a fixed learning rate never settles.

    Problem: regression.

    Use: when some targets are grossly wrong, or when every unit of error costs the same.

    Meaning: the negative log-likelihood of Laplace noise of constant width, up to constants; the
    best constant prediction is the median.

    Outliers: robust: only the side on which an outlier lies counts, not its distance.

    Shapes: input and target of one shape, weight of the same.  Units: the target's.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean; TypeError for
    what is not a real number.

    >>> l1_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0])
    np.float64(1.0)

    Reference: Laplace (1774), Memoire sur la probabilite des causes par les evenements; PyTorch's
    l1_loss.
    """
    input, target = check.alike(input=input, target=target)
    return reduce_weighted(np.abs(input - target), weight, reduction)


def reduce_weighted(values, weight, reduction):
    """reduce(), with a mean that divides by the sum of the weights."""
    if weight is None:
        return reduce(values, reduction)
    weight = weight_of(values, weight)
    return reduce(weight * values, reduction, count=weight.sum())


def weight_of(values, weight):
    weight = check.numbers("weight", weight, like=values)
    if weight.shape != values.shape:
        raise check.unequal("input", values, "weight", weight)
    return weight


# ---- between the square and the absolute value ---------------------------------------------------


@loss
def huber_loss(
    input, target, *, delta: float = 1.0, weight=None, reduction: str = "mean"
) -> Tensor:
    """Huber loss: a square near zero, a straight line beyond delta.

    Formula: e = input - target; e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2).  With
    weight, each element counts w times, and the mean still divides by N, as PyTorch's does.

    Gradient: clip(e, -delta, delta) / N: the error itself, cut off at delta.

    Problem: regression.

    Use: when most errors are small and Gaussian and a few targets are grossly wrong; delta is where
    an error begins to look like a mistake.

    Meaning: the negative log-likelihood of noise that is Gaussian in the middle with exponential
    tails, up to constants; delta leads from the median (0) to the mean (infinity).

    Outliers: robust: beyond delta an error pulls no harder than at delta.

    Shapes: input and target of one shape, weight of the same.  Units: the target's, squared.

    Raises: ValueError for unequal shapes, delta that is not positive, an unknown reduction, or an
    empty mean; TypeError for what is not a real number.

    >>> huber_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0], delta=2.0)
    np.float64(1.0625)

    Reference: Huber (1964), Robust Estimation of a Location Parameter; PyTorch's huber_loss.
    """
    input, target = check.alike(input=input, target=target)
    delta = check.positive("delta", delta)
    values = huber(input - target, delta=delta)
    if weight is not None:
        values = weight_of(values, weight) * values
    return reduce(values, reduction)


# One operation takes little more than half the time of five, and an infinite error keeps its
# gradient delta.
@primitive(lambda g, y, e, *, delta: g * np.clip(e, -delta, delta))
def huber(e, *, delta):
    """c (e - c / 2) with c = clip(e, -delta, delta): both branches in one."""
    c = np.clip(e, -delta, delta)
    values = -0.5 * c
    values += e
    values *= c
    return values


@loss
def smooth_l1_loss(input, target, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Smooth L1: the absolute error, with its corner rounded off inside of beta.

    Formula: e = input - target; e^2 / (2 beta) where |e| < beta, else |e| - beta / 2; for beta = 0
    the absolute error itself.  It is huber_loss(delta=beta) / beta.

    Gradient: clip(e / beta, -1, 1) / N: never larger than that of the absolute error.

    Problem: regression.

    Use: bounding-box coordinates; anything where the absolute error is meant and training shall
    settle.

    Meaning: that of the Huber loss, in units in which the slope of its lines is 1.

    Outliers: robust: beyond beta every error pulls equally.

    Shapes: input and target of one shape.  Units: the target's.

    Raises: ValueError for unequal shapes, a negative beta, an unknown reduction, or an empty mean;
    TypeError for what is not a real number.

    >>> smooth_l1_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0], beta=2.0)
    np.float64(0.53125)

    Reference: Girshick (2015), Fast R-CNN; PyTorch's smooth_l1_loss.
    """
    input, target = check.alike(input=input, target=target)
    error = input - target
    beta = check.not_negative("beta", beta)
    if beta == 0:
        return reduce(np.abs(error), reduction)
    return reduce(huber(error, delta=beta), reduction) * (1 / beta)


@loss
def log_cosh_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Log-cosh: half the square of small errors, the size of large ones, and smooth between.

    Formula: log(cosh(input - target)): e^2 / 2 near 0, |e| - log 2 far away.

    Gradient: tanh(input - target) / N: bounded by 1 / N, and smooth everywhere.

    Problem: regression.

    Use: like the Huber loss with delta = 1, where second derivatives shall exist everywhere, as
    for Newton's method or boosted trees.

    Meaning: the negative log-likelihood of noise with a hyperbolic secant density, up to constants.

    Outliers: robust: an error far beyond 1 pulls no harder than any other.

    Shapes: input and target of one shape.  Units: the scale is fixed, so errors should be of the
    order of 1: standardize the target first.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean; TypeError for
    what is not a real number.

    >>> log_cosh_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0]).round(10)
    np.float64(0.6373893796)

    Reference: Saleh, Saleh (2022), Statistical Properties of the log-cosh Loss Function Used in
    Machine Learning.
    """
    input, target = check.alike(input=input, target=target)
    return reduce(log_cosh(input - target), reduction)


# A formula with |e| in it would have the second derivative 0 at 0, where that of log cosh is 1.
@primitive(lambda g, y, e: g * np.tanh(e))
def log_cosh(e):
    """log(1 + 2 sinh^2(|e| / 2)), accurate near 0; a line to the last digit beyond 20."""
    size = np.abs(e)
    bent = np.minimum(size, 20)
    sinh = np.sinh(0.5 * bent)
    return np.log1p(2 * sinh * sinh) + (size - bent)


# ---- other questions than "how far off" ----------------------------------------------------------


@loss
def quantile_loss(input, target, *, quantile=0.5, reduction: str = "mean") -> Tensor:
    """Quantile (pinball) loss: predicts the value that a given share of targets stays below.

    Formula: e = target - input; q e where e >= 0, (q - 1) e where e < 0.

    Gradient: -q / N where target >= input, (1 - q) / N elsewhere: at q = 0.9, predicting too little
    costs nine times as much as predicting too much.

    Problem: regression.

    Use: two or three quantiles, such as 0.05, 0.5 and 0.95, give an interval beside the prediction;
    one quantile where the two directions of error cost differently.

    Meaning: the best constant prediction is the quantile q of the targets; at q = 0.5 the loss is
    half the mean absolute error, and its prediction the median.

    Outliers: robust: only the side on which an outlier lies counts, not its distance.

    Shapes: input and target of one shape; with a sequence of Q quantiles, input (..., Q) holds one
    prediction for each on its last axis, and target is (...).  Units: the target's.

    Raises: ValueError for shapes that do not fit, quantiles outside of (0, 1), an unknown
    reduction, or an empty mean; TypeError for what is not a real number.

    >>> quantile_loss([1.0, 2.5, 4.0], [1.5, 2.0, 1.0], quantile=0.9).round(10)
    np.float64(0.2666666667)
    >>> quantile_loss([[1.0, 2.0, 4.0]], [2.0], quantile=[0.1, 0.5, 0.9], reduction="none")
    array([[0.1, 0. , 0.2]])

    Reference: Koenker, Bassett (1978), Regression Quantiles.
    """
    if np.ndim(quantile):
        input = check.numbers("input", input, like=target if isinstance(target, Tensor) else None)
        target = check.numbers("target", target, like=input)
        if input.shape != (*target.shape, len(quantile)):
            raise ValueError(
                f"input has shape {input.shape}, target has shape {target.shape}; for "
                f"{len(quantile)} quantiles input must be {(*target.shape, len(quantile))}"
            )
        target = target.reshape(*target.shape, 1)
    else:
        input, target = check.alike(input=input, target=target)
    q = np.asarray(quantile, input.dtype)
    if not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantile must be between 0 and 1, got {quantile!r}")
    error = target - input
    return reduce(error * (q - (error < 0)), reduction)


@loss
def gaussian_nll_loss(
    input, target, var, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Gaussian negative log-likelihood: predicts a mean and how uncertain it is.

    Formula: (log v + (input - target)^2 / v) / 2 with v = max(var, eps); full adds log(2 pi) / 2.

    Gradient: (input - target) / v / N: a doubtful prediction learns less from its error; for var
    (1 - (input - target)^2 / v) / (2 v N), even where eps takes over, as in PyTorch.

    Problem: regression.

    Use: when the noise differs from example to example.  var is a variance: for a network that
    predicts its logarithm, pass np.exp(log_var).

    Meaning: the negative log-likelihood of Gaussian noise whose variance is predicted too; the best
    variance is the expected squared error.

    Outliers: very sensitive: as squares are, except that var can grow to excuse an error.

    Shapes: input and target of one shape; var of that shape, with length 1 on some axes, without
    the last axis, or one number.  Units: nats; the loss may be negative.

    Raises: ValueError for shapes that do not fit, a negative var, eps that is not positive, an
    unknown reduction, or an empty mean; TypeError for what is not a real number.

    >>> gaussian_nll_loss([0.0, 1.0, 2.0], [1.0, 1.0, 0.0], [1.0, 0.5, 4.0]).round(10)
    np.float64(0.4488578634)

    Reference: Nix, Weigend (1994), Estimating the Mean and Variance of the Target Probability
    Distribution; PyTorch's gaussian_nll_loss.
    """
    input, target = check.alike(input=input, target=target)
    var = variance_of_each(var, input)
    eps = check.positive("eps", eps)
    if check.none_negative("var", var, "it is a variance (pass np.exp(log_var))") < eps:
        # a constant is added, and not the larger one taken, so that the gradient goes through
        var = var + np.maximum(eps - values_of(var), 0)
    error = input - target
    values = np.log(var) + error * error / var
    if full:
        values = values + math.log(2 * math.pi)
    return 0.5 * reduce(values, reduction)


def variance_of_each(var, input):
    """var so that it broadcasts to input; not (D,) for (N, D), which is another case if N = D."""
    var = check.numbers("var", var, like=input)
    if var.ndim and var.shape == input.shape[:-1]:
        return var.reshape(*var.shape, 1)
    same_or_1 = all(n in (1, m) for n, m in zip(var.shape, input.shape))
    if var.ndim and not (var.ndim == input.ndim and same_or_1):
        raise ValueError(
            f"var has shape {var.shape}; for input of shape {input.shape} it must be one number, "
            f"{input.shape[:-1]}, or {input.shape} with length 1 on some axes"
        )
    return var


@loss
def poisson_nll_loss(
    input,
    target,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Poisson negative log-likelihood: predicts the rate of something that is counted.

    Formula: e^input - target input, where input is the logarithm of the rate; with log_input=False
    input - target log(input + eps).  full adds Stirling's approximation of log(target!) where
    target > 1: t log t - t + log(2 pi t) / 2.

    Gradient: (e^input - target) / N: predicted rate minus count; with log_input=False
    (1 - target / (input + eps)) / N.

    Problem: regression of counts.

    Use: targets are counts of independent events: visits, faults, photons.

    Meaning: the negative log-likelihood of a Poisson distribution, without log(target!), which no
    prediction changes; the best constant rate is the mean count.

    Outliers: sensitive: an excess of counts pulls in proportion, a predicted rate far too high
    costs exponentially in input (inf where e^input overflows).

    Shapes: input and target of one shape.  Units: nats.

    Raises: ValueError for unequal shapes, negative counts, negative rates with log_input=False,
    eps that is not positive, an unknown reduction, or an empty mean; TypeError for what is not a
    real number.

    >>> poisson_nll_loss([0.5, -1.0, 2.0], [1, 0, 5]).round(10)
    np.float64(-0.3647810631)

    Reference: Nelder, Wedderburn (1972), Generalized Linear Models; PyTorch's poisson_nll_loss.
    """
    input, target = check.alike(input=input, target=target)
    eps = check.positive("eps", eps)
    check.none_negative("target", target, "it counts events")
    if log_input:
        with np.errstate(over="ignore"):
            values = np.exp(input) - target * input
    else:
        check.none_negative("input", input, "with log_input=False it is a rate")
        values = input - target * np.log(input + eps)
    if full:
        large = np.greater(target, 1)
        t = np.where(large, target, 1)  # log 0 must not be met, not even in what is left out
        stirling = t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t)
        values = values + np.where(large, stirling, 0)
    return reduce(values, reduction)


# ---- all robust losses in one --------------------------------------------------------------------


@loss
def robust_loss(input, target, *, alpha, scale=1.0, reduction: str = "mean") -> Tensor:
    """Barron's general robust loss: one shape parameter leads from the square to ignoring outliers.

    Formula: z = ((input - target) / scale)^2, b = |alpha - 2|;
    (b / alpha) ((z / b + 1)^(alpha / 2) - 1), and its limits z / 2 at alpha = 2, log(z / 2 + 1) at
    0, 1 - e^(-z / 2) at -inf, e^(z / 2) - 1 at inf.  alpha = 1 is Charbonnier, a smooth absolute
    value; 0 Cauchy; -2 Geman-McClure; -inf Welsch.

    Gradient: e / scale^2 (z / b + 1)^(alpha / 2 - 1) / N with e = input - target: falls back to 0
    for large errors when alpha < 1.

    Problem: regression.

    Use: when it is not known how robust the loss must be: lower alpha where there are outliers, set
    scale to the size of an ordinary error, or learn both.

    Meaning: for each alpha a known M-estimator.  To learn alpha, add the logarithm of the
    normaliser of the density e^-loss: without it, the least alpha always wins.  The derivative for
    alpha is the true one, at 0 too; only at exactly 2, where the true one is infinite, it is 0.

    Outliers: from very sensitive to bounded: the loss grows like |e|^alpha for alpha in (0, 2],
    like log |e| for 0, and below 0 it stays under b / |alpha|; beyond 2 it explodes.

    Shapes: input and target of one shape; alpha and scale numbers, or arrays or Tensors (which may
    be learned) that broadcast to that shape.  Units: none, the error is measured in scales.

    Raises: ValueError for unequal shapes, scale that is not positive, alpha that is not finite
    unless it is a number, an unknown reduction, or an empty mean; TypeError for what is not a
    real number.

    >>> error = [1.5]
    >>> [robust_loss(error, [0.0], alpha=a).round(4).item() for a in (2, 1, 0, -2, -np.inf)]
    [1.125, 0.8028, 0.7538, 0.72, 0.6753]

    Reference: Barron (2019), A General and Adaptive Robust Loss Function.
    """
    input, target = check.alike(input=input, target=target)
    error = input - target
    if isinstance(scale, int | float | np.number):
        scale = check.positive("scale", scale)
        error = error / scale
    else:
        scale = check.broadcastable("scale", scale, error)
        if not (scale > 0).all():
            raise ValueError(f"scale must be positive, got {scale!r:.60}")
        error = error / scale
    if isinstance(alpha, int | float | np.number):
        if math.isnan(alpha):
            raise ValueError("alpha must be a number or infinite, got nan")
        return reduce(barron(error, alpha=float(alpha)), reduction)
    alpha = check.broadcastable("alpha", alpha, error)
    if not np.isfinite(values_of(alpha)).all():
        raise ValueError(f"alpha must be finite unless it is a number, got {alpha!r:.60}")
    return reduce(barron_of(error, alpha), reduction)


@np.errstate(over="ignore")  # beyond alpha = 2, infinite is the right answer
def barron_slope(g, y, e, *, alpha):
    if alpha == 2:
        return g * e
    if alpha == np.inf:
        return g * e * (y + 1)
    if alpha == -np.inf:
        return g * e * np.exp(-0.5 * (e * e))
    return g * e * np.exp((0.5 * alpha - 1) * np.log1p(e * e / abs(alpha - 2)))


# One operation, because a composition would lose the small gradients of large errors: for
# alpha < 0 they are the difference of two numbers near 1.
@primitive(barron_slope)
@np.errstate(over="ignore")
def barron(e, *, alpha):
    """The loss of an error in units of scale, for a number alpha."""
    z = e * e
    if alpha == 2:
        return 0.5 * z
    if abs(alpha) == np.inf:
        sign = math.copysign(1, alpha)
        return sign * np.expm1(sign * 0.5 * z)
    b = abs(alpha - 2)
    if abs(alpha) < 1e-18:  # 0 to rounding
        return np.log1p(0.5 * z)
    return (b / alpha) * np.expm1(0.5 * alpha * np.log1p(z / b))


def barron_of(e, alpha):
    """The same for an alpha that may be learned, without a division by it.

    (b / alpha) (e^w - 1), w = alpha / 2 log(z / b + 1), is b / 2 log(z / b + 1) (e^w - 1) / w.
    """
    square = np.equal(alpha, 2)
    b = np.abs(np.where(square, 1, alpha) - 2)  # at 2 any number that is not 0
    z = e * e
    log = np.log1p(z / b)
    return np.where(square, 0.5 * z, 0.5 * b * log * exp_moment(0.5 * alpha * log))


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
