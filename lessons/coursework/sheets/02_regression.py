"""Sheet 2. Regression, lessons 6 to 9

A loss for numbers that distrusts large errors, its gradient by hand, and a loss whose minimum is a
quantile instead of the mean.
"""

import numpy as np

from lessons.coursework import exercise, gradient
from microloss import Tensor, grad, losses


def errors(rng):
    """Arrays of which some elements are near each other and some far apart."""
    return rng.normal(size=(2, 3)).round(2), (2 * rng.normal(size=(2, 3))).round(2)


@exercise(lesson=6, points=2)
def huber_loss(input, target, delta):
    """The mean Huber loss of two arrays of equal shape: one number.

    With e = input - target, an element costs e^2 / 2 where |e| <= delta, and
    delta (|e| - delta / 2) beyond. Write it with NumPy's functions, so that it takes Tensors too.
    """
    return losses.huber_loss(input, target, delta=delta)


@huber_loss.check("errors small and large")
def small_and_large(rng):
    yield np.array([0.2, 1.0, -4.0, 3.0]), np.array([0.0, 0.5, 0.0, 9.0]), 1.0
    yield *errors(rng), 0.7


@huber_loss.check("its gradient, by backward", call=gradient)
def gradient_of_huber(rng):
    yield *errors(rng), 0.7


@huber_loss.mistake("the large errors miss - delta / 2, so that the two pieces do not meet")
def pieces_apart(input, target, delta):
    e = np.abs(input - target)
    return np.where(e <= delta, e**2 / 2, delta * e).mean()


@huber_loss.mistake("the small errors miss the 1/2, so that the two pieces do not meet")
def square_without_half(input, target, delta):
    e = np.abs(input - target)
    return np.where(e <= delta, e**2, delta * (e - delta / 2)).mean()


@huber_loss.mistake("large errors below 0 are taken for small ones: compare |e| with delta, not e")
def one_sided(input, target, delta):
    e = input - target
    return np.where(e <= delta, e**2 / 2, delta * (np.abs(e) - delta / 2)).mean()


@huber_loss.mistake("the smaller of the two pieces is taken: let |e| <= delta decide")
def smaller_piece(input, target, delta):
    e = np.abs(input - target)
    return np.minimum(e**2 / 2, delta * (e - delta / 2)).mean()


@huber_loss.mistake(
    "beyond delta it is |e| - delta / 2: without the absolute value it turns negative"
)
def signed_errors(input, target, delta):
    e = input - target
    return np.where(np.abs(e) <= delta, e**2 / 2, delta * (e - delta / 2)).mean()


@huber_loss.mistake("delta multiplies the whole of |e| - delta / 2")
def delta_too_early(input, target, delta):
    e = np.abs(input - target)
    return np.where(e <= delta, e**2 / 2, delta * e - delta / 2).mean()


@exercise(lesson=6, points=1, gradient_of="input")
def huber_gradient(input, target, delta):
    """The gradient of the mean Huber loss with respect to input, by hand, without backward.

    The loss is the mean of e^2 / 2 where |e| <= delta, and of delta (|e| - delta / 2) beyond, for
    e = input - target. Return an array of input's shape.
    """
    x = Tensor(input, requires_grad=True)
    return grad(losses.huber_loss(x, target, delta=delta), x)[0]


@huber_gradient.check("errors small and large")
def small_and_large_slopes(rng):
    yield *errors(rng), 0.7


@huber_gradient.check("an error of exactly delta")
def at_the_joint(rng):
    yield np.array([1.5, -1.5, 3.0]), np.array([1.0, -1.0, 0.0]), 0.5


@exercise(lesson=7, points=1)
def laplace_nll(input, target, scale):
    """The mean negative log-likelihood of targets under Laplace noise: one number.

    Around the prediction, input, the noise has the density exp(-|e| / scale) / (2 scale), for
    e = target - input. input and target have equal shapes, scale is a positive number.
    """
    return np.mean(np.abs(input - target)) / scale + np.log(2 * scale)


@laplace_nll.check("a few numbers")
def a_few_numbers(rng):
    yield *errors(rng), 0.7
    yield *errors(rng), 2.5


@laplace_nll.check("no error", hint="log(2 scale) remains where all errors are 0")
def no_error(rng):
    yield np.array([1.0, 2.0, -3.0]), np.array([1.0, 2.0, -3.0]), 0.3


@laplace_nll.mistake(
    "the constant log(2 scale) is missing, without which scales cannot be compared"
)
def constant_forgotten(input, target, scale):
    return np.mean(np.abs(input - target)) / scale


@laplace_nll.mistake("the density is divided by 2 scale, not by scale: the 2 is missing")
def two_forgotten(input, target, scale):
    return np.mean(np.abs(input - target)) / scale + np.log(scale)


@laplace_nll.mistake("the sign is that of the log-likelihood: the loss is its negative")
def not_negative(input, target, scale):
    return -np.mean(np.abs(input - target)) / scale - np.log(2 * scale)


@laplace_nll.mistake("this is Gaussian noise: Laplace noise has |e|, not e^2")
def gaussian(input, target, scale):
    return np.mean((input - target) ** 2) / (2 * scale**2) + np.log(scale * np.sqrt(2 * np.pi))


@laplace_nll.mistake("the scale divides |e|, it does not multiply it")
def scale_multiplies(input, target, scale):
    return np.mean(np.abs(input - target)) * scale + np.log(2 * scale)


@exercise(lesson=8, points=2)
def quantile_loss(input, target, quantile):
    """The mean quantile loss of two arrays of equal shape: one number.

    An error e = target - input costs quantile * e where it is positive, and (quantile - 1) * e
    where it is negative.
    """
    return losses.quantile_loss(input, target, quantile=quantile)


@quantile_loss.check("predictions too low and too high")
def low_and_high(rng):
    yield *errors(rng), 0.9
    yield np.array([3.0, 1.0]), np.array([1.0, 2.0]), 0.25


@quantile_loss.mistake("the sides are exchanged: quantile is the price of predicting too little")
def exchanged(input, target, quantile):
    return losses.quantile_loss(input, target, quantile=1 - quantile)


@quantile_loss.mistake("only errors of one side are charged: those of the other cost as well")
def one_side(input, target, quantile):
    return np.mean(np.maximum(quantile * (target - input), 0))


@quantile_loss.mistake("a cost is negative: where e < 0, quantile - 1 is negative too")
def negative_cost(input, target, quantile):
    e = target - input
    return np.where(e > 0, quantile * e, (1 - quantile) * e).mean()


@exercise(lesson=9, points=2)
def gaussian_slopes(mean, log_variance, target):
    """The slopes of the Gaussian NLL: along the mean, and along the log of the variance.

    For one target y, with s the log of the variance, the loss is (y - mean)^2 / (2 exp(s)) + s / 2.
    The arguments are arrays of equal shape; return two arrays of that shape, by hand, without
    backward. Nothing is averaged: each element has its own loss.
    """
    m = Tensor(mean, requires_grad=True)
    s = Tensor(log_variance, requires_grad=True)
    loss = losses.gaussian_nll_loss(m, target, np.exp(s), reduction="sum")
    return grad(loss, [m, s])


@gaussian_slopes.check("a few numbers")
def means_and_variances(rng):
    yield *errors(rng), rng.normal(size=(2, 3)).round(2)
    yield np.array([0.5, -1.0]), np.array([np.log(4.0), -2.0]), np.array([2.0, 0.0])


@gaussian_slopes.check("no error", hint="only the slope of s / 2 remains")
def no_error_at_all(rng):
    yield np.array([1.0, -2.0]), np.array([0.3, 1.5]), np.array([1.0, -2.0])


@gaussian_slopes.mistake("the first slope has its sign turned: it is (mean - y), not (y - mean)")
def sign_turned(mean, log_variance, target):
    e = target - mean
    precision = np.exp(-log_variance)
    return e * precision, (1 - e**2 * precision) / 2


@gaussian_slopes.mistake("s is the log of the variance, so divide by exp(s), not by s")
def divided_by_s(mean, log_variance, target):
    e = mean - target
    return e / log_variance, (1 - e**2 / log_variance) / 2


@gaussian_slopes.mistake("s is the log of the variance, not of the standard deviation")
def standard_deviation(mean, log_variance, target):
    e = mean - target
    precision = np.exp(-2 * log_variance)
    return e * precision, (1 - e**2 * precision) / 2


@gaussian_slopes.mistake("along s, the term s / 2 has the slope 1/2: it is missing")
def half_missing(mean, log_variance, target):
    e = mean - target
    precision = np.exp(-log_variance)
    return e * precision, -(e**2) * precision / 2


@gaussian_slopes.mistake("the derivative of exp(-s) along s is -exp(-s): the sign is missing")
def inner_sign(mean, log_variance, target):
    e = mean - target
    precision = np.exp(-log_variance)
    return e * precision, (1 + e**2 * precision) / 2


@gaussian_slopes.mistake("this is the slope along the variance: along its log, multiply by exp(s)")
def along_the_variance(mean, log_variance, target):
    e = mean - target
    precision = np.exp(-log_variance)
    return e * precision, (1 - e**2 * precision) * precision / 2
