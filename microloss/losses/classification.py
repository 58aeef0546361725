"""Losses for targets that are classes."""

import numpy as np

from ..functional import log_softmax, softmax
from ..rules import primitive
from ..tensor import Tensor
from .common import (
    check_fraction,
    check_labels,
    check_reduction,
    class_indices,
    is_floating,
    labels_fit,
    operand,
    reduce,
)


def cross_entropy(
    input,
    target,
    *,
    weight=None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of a softmax: how surprised the model is by the true class, in nats.

    Formula: -log softmax(input)[target] = log(sum(e^input)) - input[target]; for probabilities as
    target, -sum_c target_c log softmax(input)_c.  With weight, each class c counts w_c times, and
    the mean over class indices divides by the sum of the weights of the targets that count (over
    probabilities, by their number).  label_smoothing e mixes the target with the uniform
    distribution: (1 - e) target + e / C.

    Gradient: (softmax(input) - target) / N: bounded, and zero only when the target is predicted.

    Problem: multi-class classification; the default.  Pass logits, not probabilities.

    Likelihood: the negative log-likelihood of a categorical distribution; equal to
    KL(target || prediction) plus the entropy of the target.

    Outliers: linear in the logit of a confident mistake, so a wrong label keeps pulling.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without
    that axis, or probabilities of input's shape.  Raises ValueError for labels outside of
    0..C-1 other than ignore_index, for shapes that do not fit, and when no target counts under
    "mean"; TypeError for targets of another kind.

    >>> cross_entropy([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]], [1, 0]).round(6)
    np.float64(1.717572)

    Reference: Good (1952), Rational Decisions; PyTorch's cross_entropy.
    """
    check_reduction(reduction)
    input = operand("input", input)
    shape = input.shape
    if not shape:
        raise ValueError("input has shape (); logits need an axis of classes: (C,) or (N, C)")
    axis = 1 if len(shape) > 1 else 0
    classes = shape[axis]
    if is_floating(target):
        return cross_entropy_of_probabilities(
            input, target, weight, label_smoothing, reduction, axis
        )
    target = class_indices(target, classes, shape[:axis] + shape[axis + 1 :])
    plain = weight is None and not label_smoothing and reduction != "none" and len(shape) == 2
    if plain and target.size and labels_fit(target, classes):
        return softmax_nll(input, target, 1 / target.size if reduction == "mean" else 1.0)

    log_p = log_softmax(input, axis=axis)
    weight = class_weights(weight, input, axis)
    values, counts = picked_nll(log_p, target, weight, ignore_index, axis)
    if label_smoothing:
        check_fraction("label_smoothing", label_smoothing)
        weighted = log_p if weight is None else weight * log_p
        counted = np.expand_dims(target != ignore_index, axis)
        uniform = -np.sum(np.where(counted, weighted, 0), axis=axis) / classes
        values = (1 - label_smoothing) * values + label_smoothing * uniform
    return reduce(values, reduction, count=counts.sum())


def cross_entropy_of_probabilities(input, target, weight, label_smoothing, reduction, axis):
    target = operand("target", target, like=input)
    if target.shape != input.shape:
        raise ValueError(
            f"target has shape {target.shape}; probabilities need input's shape {input.shape}, "
            "class indices must be integers"
        )
    if label_smoothing:
        check_fraction("label_smoothing", label_smoothing)
        target = (1 - label_smoothing) * target + label_smoothing / input.shape[axis]
    weight = class_weights(weight, input, axis)
    weighted = target if weight is None else weight * target
    return reduce(-np.sum(weighted * log_softmax(input, axis=axis), axis=axis), reduction)


def class_weights(weight, input, axis):
    """One weight for each class, shaped to broadcast against input."""
    if weight is None:
        return None
    weight = operand("weight", weight, like=input)
    if weight.shape != (input.shape[axis],):
        raise ValueError(
            f"weight has shape {weight.shape}; one number for each class is {(input.shape[axis],)}"
        )
    return weight.reshape([-1 if i == axis else 1 for i in range(input.ndim)])


def picked_nll(log_p, target, weight, ignore_index, axis):
    """-w log_p at the target class, 0 where ignored; and the weights that an average divides by."""
    counted = target != ignore_index
    check_labels(target, counted, log_p.shape[axis])
    at = np.expand_dims(np.where(counted, target, 0), axis)
    counts = counted.astype(log_p.dtype)
    if weight is not None:
        of_class = np.broadcast_to(weight, log_p.shape)
        counts = counts * np.squeeze(np.take_along_axis(of_class, at, axis), axis)
    # where and not a product, because 0 * -inf is nan
    values = np.where(counted, np.squeeze(np.take_along_axis(log_p, at, axis), axis), 0)
    return -(counts * values), counts


# ---- the most frequent case, fused ---------------------------------------------------------------
# Softmax and its derivative share their exponentials.  Computing both at once makes a training step
# of a small network a tenth faster; picked_nll(log_softmax(x)) is what the tests hold it against.


@np.errstate(under="ignore")
def softmax_nll(x, target, scale):
    """scale * sum over the rows n of -log softmax(x)[n, target[n]], with its slope on the way."""
    values = x.data if isinstance(x, Tensor) else x
    at = target + np.arange(0, values.size, values.shape[1])
    shifted = values - np.maximum.reduce(values, 1, keepdims=True)
    slope = np.exp(shifted)
    total = np.add.reduce(slope, 1, keepdims=True)
    loss = np.add.reduce(np.log(total).ravel() - shifted.take(at))
    slope *= scale / total
    slope.reshape(-1)[at] -= scale
    return computed_loss(x, loss=loss * scale, slope=slope, scale=scale)


def slope_slope(g, y, x, *, slope, scale):
    """slope = scale * softmax(x) - constant, and softmax has the derivative p (g - sum p g)."""
    p = softmax(x, axis=1)
    return scale * p * (g - np.sum(p * g, axis=1, keepdims=True))


@primitive(slope_slope)
def computed_slope(x, *, slope, scale):
    return slope


@primitive(lambda g, y, x, *, loss, slope, scale: g * computed_slope(x, slope=slope, scale=scale))
def computed_loss(x, *, loss, slope, scale):
    return loss
