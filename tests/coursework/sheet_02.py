"""Sheet 2: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake, slip


def huber_loss(input, target, delta):
    e = np.abs(input - target)
    return np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))


offset_forgotten = slip(huber_loss, "the large errors miss - delta / 2", ("(e - delta / 2)", "e"))
huber_summed = slip(huber_loss, "a sum taken for a mean", ("np.mean", "np.sum"))
huber_not_reduced = slip(huber_loss, "is the sum or the mean missing?", ("np.mean", ""))
huber_one_sided = slip(
    huber_loss,
    "compare |e| with delta, not e",
    ("np.abs(input - target)", "input - target"),
    ("(e - delta / 2)", "(abs(e) - delta / 2)"),
)


@mistake(huber_loss, "would cut the Tensor from its graph")
def huber_of_plain_numbers(input, target, delta):
    total = 0.0
    for e in (input - target).ravel():
        size = abs(float(e))
        total += size**2 / 2 if size <= delta else delta * (size - delta / 2)
    return total / np.size(target)


def huber_gradient(input, target, delta):
    return np.clip(input - target, -delta, delta) / np.size(input)


gradient_of_the_target = slip(
    huber_gradient, "the sign is flipped", ("input - target", "target - input")
)
gradient_of_the_sum = slip(huber_gradient, "a sum taken for a mean", (" / np.size(input)", ""))


@mistake(huber_gradient, "it changes input in place")
def gradient_in_place(input, target, delta):
    input -= target
    return np.clip(input, -delta, delta) / input.size


def laplace_nll(input, target, scale):
    density = np.exp(-np.abs(target - input) / scale) / (2 * scale)
    return -np.mean(np.log(density))


nll_without_constant = slip(laplace_nll, "log(2 scale) is missing", (" / (2 * scale)", ""))
nll_without_two = slip(laplace_nll, "the 2 is missing", ("(2 * scale)", "scale"))
log_likelihood = slip(laplace_nll, "the loss is its negative", ("-np.mean", "np.mean"))
scale_on_the_wrong_side = slip(
    laplace_nll, "does not multiply it", ("input) / scale", "input) * scale")
)
nll_summed = slip(laplace_nll, "a sum taken for a mean", ("np.mean", "np.sum"))


@mistake(laplace_nll, "this is Gaussian noise")
def gaussian_nll(input, target, scale):
    return np.mean(((input - target) / scale) ** 2) / 2 + np.log(scale * np.sqrt(2 * np.pi))


def quantile_loss(input, target, quantile):
    e = target - input
    return np.mean(np.maximum(quantile * e, (quantile - 1) * e))


error_the_other_way_round = slip(
    quantile_loss, "the sides are exchanged", ("target - input", "input - target")
)
cost_below_zero = slip(
    quantile_loss,
    "a cost is negative",
    ("np.maximum(", "np.where(e > 0, "),
    ("quantile - 1", "1 - quantile"),
)
quantile_summed = slip(quantile_loss, "a sum taken for a mean", ("np.mean", "np.sum"))


def gaussian_slopes(mean, log_variance, target):
    variance = np.exp(log_variance)
    e = mean - target
    return e / variance, (1 - e**2 / variance) / 2


slope_of_the_mean_turned = slip(
    gaussian_slopes, "has its sign turned", ("return e / variance", "return -e / variance")
)
variance_not_exponentiated = slip(
    gaussian_slopes, "divide by exp(s), not by s", ("np.exp(log_variance)", "log_variance")
)
spread_for_variance = slip(
    gaussian_slopes,
    "not of the standard deviation",
    ("np.exp(log_variance)", "np.exp(2 * log_variance)"),
)
log_forgotten = slip(
    gaussian_slopes, "the term s / 2", ("(1 - e**2 / variance)", "(-(e**2) / variance)")
)
sign_of_the_inner = slip(gaussian_slopes, "the sign is missing", ("1 - e**2", "1 + e**2"))
by_the_variance = slip(
    gaussian_slopes, "along the variance", ("/ variance) / 2", "/ variance) / (2 * variance)")
)
