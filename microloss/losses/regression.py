"""Losses for targets that are numbers."""

import math

import numpy as np

from ..engine.rules import primitive
from ..engine.tensor import Tensor, values_of
from ..functional import erf
from . import check
from .common import loss, reduce, replaced, total

__all__ = [
    "gaussian_crps_loss", "gaussian_nll_loss", "huber_loss", "l1_loss", "log_cosh_loss",
    "mse_loss", "poisson_nll_loss", "quantile_loss", "smooth_l1_loss",
]  # fmt: skip

VARIANCE = "it is a variance (pass np.exp(log_var))"


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

    Shapes: input and target of one shape, weight of the same. Units: the target's, squared.

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

    Shapes: input and target of one shape, weight of the same. Units: the target's.

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
    weight = weight_of_each(weight, values)
    return reduce(weight * values, reduction, count=total(weight))


def weight_of_each(weight, values):
    weight = check.numbers("weight", weight, like=values)
    check.same_shape("input", values, "weight", weight)
    return weight


# ---- between the square and the absolute value ---------------------------------------------------


@loss
def huber_loss(
    input, target, *, delta: float = 1.0, weight=None, reduction: str = "mean"
) -> Tensor:
    """Huber loss: a square near zero, a straight line beyond delta.

    Formula: e = input - target; e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2). With
    weight, each element counts w times, and the mean still divides by N, as PyTorch's does.

    Gradient: clip(e, -delta, delta) / N: the error itself, cut off at delta.

    Problem: regression.

    Use: when most errors are small and Gaussian and a few targets are grossly wrong; delta is where
    an error begins to look like a mistake.

    Meaning: the negative log-likelihood of noise that is Gaussian in the middle with exponential
    tails, up to constants; delta leads from the median (0) to the mean (infinity).

    Outliers: robust: beyond delta an error pulls no harder than at delta.

    Shapes: input and target of one shape, weight of the same. Units: the target's, squared.

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
        values = weight_of_each(weight, values) * values
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
    the absolute error itself. It is huber_loss(delta=beta) / beta.

    Gradient: clip(e / beta, -1, 1) / N: never larger than that of the absolute error.

    Problem: regression.

    Use: bounding-box coordinates; anything where the absolute error is meant and training must
    settle.

    Meaning: that of the Huber loss, in units in which the slope of its lines is 1.

    Outliers: robust: beyond beta every error pulls equally.

    Shapes: input and target of one shape. Units: the target's.

    Raises: ValueError for unequal shapes, a negative beta, an unknown reduction, or an empty mean;
    TypeError for what is not a real number.

    >>> smooth_l1_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0], beta=2.0)
    np.float64(0.53125)

    Reference: Girshick (2015), Fast R-CNN; PyTorch's smooth_l1_loss.
    """
    input, target = check.alike(input=input, target=target)
    beta = check.not_negative("beta", beta)
    if beta == 0:
        return reduce(np.abs(input - target), reduction)
    return reduce(huber(input - target, delta=beta), reduction) * (1 / beta)


@loss
def log_cosh_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Log-cosh: half the square of small errors, the size of large ones, and smooth between.

    Formula: log(cosh(input - target)): e^2 / 2 near 0, |e| - log 2 far away.

    Gradient: tanh(input - target) / N: bounded by 1 / N, and smooth everywhere.

    Problem: regression.

    Use: like the Huber loss with delta = 1, when second derivatives must exist everywhere, as
    for Newton's method or boosted trees.

    Meaning: the negative log-likelihood of noise with a hyperbolic secant density, up to constants.

    Outliers: robust: an error far beyond 1 pulls no harder than any other.

    Shapes: input and target of one shape. Units: the scale is fixed, so errors should be of the
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
    prediction for each on its last axis, and target is (...). Nothing keeps these predictions in
    order: they may cross. Units: the target's.

    Raises: ValueError for shapes that do not fit, quantiles outside of (0, 1), an unknown
    reduction, or an empty mean; TypeError for what is not a real number.

    >>> quantile_loss([1.0, 2.5, 4.0], [1.5, 2.0, 1.0], quantile=0.9).round(10)
    np.float64(0.2666666667)
    >>> quantile_loss([[1.0, 2.0, 4.0]], [2.0], quantile=[0.1, 0.5, 0.9], reduction="none")
    array([[0.1, 0. , 0.2]])

    Reference: Koenker, Bassett (1978), Regression Quantiles.
    """
    if np.ndim(quantile):
        input, target = check.one_precision(input=input, target=target)
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
    slope = replaced(q - np.less(error, 0), np.isnan(values_of(error)), np.nan)
    return reduce(error * slope, reduction)


@loss
def gaussian_nll_loss(
    input, target, var, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Gaussian negative log-likelihood: predicts a mean and how uncertain it is.

    Formula: (log v + (input - target)^2 / v) / 2 with v = max(var, eps); full adds log(2 pi) / 2.

    Gradient: (input - target) / v / N: an uncertain prediction learns less from its error; for var
    (1 - (input - target)^2 / v) / (2 v N), even where eps takes over, as in PyTorch.

    Problem: regression.

    Use: when the noise differs from example to example. var is a variance: for a network that
    predicts its logarithm, pass np.exp(log_var).

    Meaning: the negative log-likelihood of Gaussian noise whose variance is predicted too; the best
    variance is the expected squared error.

    Outliers: very sensitive: as squares are, except that var can grow to excuse an error.

    Shapes: input and target of one shape; var of that shape, with length 1 on some axes, without
    the last axis, or one number. Units: nats; the loss may be negative.

    Raises: ValueError for shapes that do not fit, a negative var, eps that is not positive, an
    unknown reduction, or an empty mean; TypeError for what is not a real number.

    >>> gaussian_nll_loss([0.0, 1.0, 2.0], [1.0, 1.0, 0.0], [1.0, 0.5, 4.0]).round(10)
    np.float64(0.4488578634)

    Reference: Nix, Weigend (1994), Estimating the Mean and Variance of the Target Probability
    Distribution; PyTorch's gaussian_nll_loss.
    """
    input, target = check.alike(input=input, target=target)
    var = variance_of_each(var, input)
    eps = check.epsilon("eps", eps, like=input)
    if check.none_negative("var", var, VARIANCE) < eps:
        # a constant is added, and not the larger one taken, so that the gradient goes through
        var = var + np.maximum(eps - values_of(var), 0)
    error = input - target
    values = np.log(var) + error * error / var
    if full:
        values = values + math.log(2 * math.pi)
    return 0.5 * reduce(values, reduction)


@loss
def gaussian_crps_loss(input, target, var, *, reduction: str = "mean") -> Tensor:
    """Continuous ranked probability score of a Gaussian: a mean and how uncertain it is.

    Formula: s = sqrt(var), z = (input - target) / s;
    s (z erf(z / sqrt 2) + sqrt(2 / pi) e^(-z^2 / 2) - 1 / sqrt(pi)).

    Gradient: erf(z / sqrt 2) / N: bounded; for var
    (sqrt(2 / pi) e^(-z^2 / 2) - 1 / sqrt(pi)) / (2 s N).

    Problem: regression.

    Use: like gaussian_nll_loss, when some targets are grossly wrong or the score should be in the
    target's units.

    Meaning: the integral of the squared distance between the predicted distribution function and
    the step at the target. It is a proper score: the true mean and variance have the lowest
    expected score. As var goes to 0 it becomes the absolute error.

    Outliers: robust: it grows like |input - target|, where gaussian_nll_loss grows like a square.

    Shapes: input and target of one shape; var of that shape, with length 1 on some axes, without
    the last axis, or one number. Units: the target's.

    Raises: ValueError for shapes that do not fit, var that is not positive, an unknown reduction,
    or an empty mean; TypeError for what is not a real number.

    >>> gaussian_crps_loss([0.0, 1.0], [0.0, 3.0], [1.0, 4.0], reduction="none").round(10)
    array([0.23369498, 1.20488272])

    Reference: Gneiting, Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
    """
    input, target = check.alike(input=input, target=target)
    var = variance_of_each(var, input)
    check.none_negative("var", var, VARIANCE)
    if np.equal(values_of(var), 0).any():
        raise ValueError("var holds 0; the score needs a positive variance")
    s = np.sqrt(var)
    error = input - target
    z = error / s
    with np.errstate(over="ignore"):
        density = math.sqrt(2 / math.pi) * np.exp(-0.5 * (z * z))
    return reduce(
        error * erf(math.sqrt(0.5) * z) + s * (density - 1 / math.sqrt(math.pi)), reduction
    )


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
    input - target log(input + eps). full adds Stirling's approximation of log(target!) where
    target > 1: t log t - t + log(2 pi t) / 2.

    Gradient: (e^input - target) / N: predicted rate minus count; with log_input=False
    (1 - target / (input + eps)) / N.

    Problem: regression of counts.

    Use: targets are counts of independent events: visits, faults, photons.

    Meaning: the negative log-likelihood of a Poisson distribution, without log(target!), which no
    prediction changes; the best constant rate is the mean count.

    Outliers: sensitive: an excess of counts pulls in proportion, a predicted rate far too high
    costs exponentially in input (inf where e^input overflows).

    Shapes: input and target of one shape. Units: nats.

    Raises: ValueError for unequal shapes, negative counts, negative rates with log_input=False,
    eps that is not positive, an unknown reduction, or an empty mean; TypeError for what is not a
    real number.

    >>> poisson_nll_loss([0.5, -1.0, 2.0], [1, 0, 5]).round(10)
    np.float64(-0.3647810631)

    Reference: Nelder, Wedderburn (1972), Generalized Linear Models; PyTorch's poisson_nll_loss.
    """
    input, target = check.alike(input=input, target=target)
    eps = check.epsilon("eps", eps, like=input)
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
