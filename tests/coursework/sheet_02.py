"""Sheet 2: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake


def huber_loss(input, target, delta):
    e = np.abs(input - target)
    return np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))


@mistake(huber_loss, "the large errors miss - delta / 2")
def offset_forgotten(input, target, delta):
    e = np.abs(input - target)
    return np.mean(np.where(e <= delta, 0.5 * e**2, delta * e))


@mistake(huber_loss, "a sum taken for a mean")
def huber_summed(input, target, delta):
    e = np.abs(input - target)
    return np.sum(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))


@mistake(huber_loss, "is the sum or the mean missing?")
def huber_not_reduced(input, target, delta):
    e = np.abs(input - target)
    return np.where(e <= delta, e**2 / 2, delta * (e - delta / 2))


@mistake(huber_loss, "would cut the Tensor from its graph")
def huber_of_plain_numbers(input, target, delta):
    total = 0.0
    for e in (input - target).ravel():
        size = abs(float(e))
        total += size**2 / 2 if size <= delta else delta * (size - delta / 2)
    return total / np.size(target)


@mistake(huber_loss, "compare |e| with delta, not e")
def huber_one_sided(input, target, delta):
    e = input - target
    return np.mean(np.where(e < delta, e**2 / 2, delta * (abs(e) - delta / 2)))


def huber_gradient(input, target, delta):
    return np.clip(input - target, -delta, delta) / np.size(input)


@mistake(huber_gradient, "the sign is flipped")
def gradient_of_the_target(input, target, delta):
    return np.clip(target - input, -delta, delta) / np.size(input)


@mistake(huber_gradient, "a sum taken for a mean")
def gradient_of_the_sum(input, target, delta):
    return np.clip(input - target, -delta, delta)


@mistake(huber_gradient, "it changes input in place")
def gradient_in_place(input, target, delta):
    input -= target
    return np.clip(input, -delta, delta) / input.size


def quantile_loss(input, target, quantile):
    e = target - input
    return np.mean(np.maximum(quantile * e, (quantile - 1) * e))


@mistake(quantile_loss, "the sides are exchanged")
def error_the_other_way_round(input, target, quantile):
    e = input - target
    return np.mean(np.maximum(quantile * e, (quantile - 1) * e))


@mistake(quantile_loss, "a cost is negative")
def cost_below_zero(input, target, quantile):
    e = target - input
    return np.mean(np.where(e > 0, quantile * e, (1 - quantile) * e))


@mistake(quantile_loss, "a sum taken for a mean")
def quantile_summed(input, target, quantile):
    e = target - input
    return np.sum(np.maximum(quantile * e, (quantile - 1) * e))
