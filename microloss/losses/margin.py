"""Losses that want the true answer ahead by a margin."""

import numpy as np

from ..engine.rules import primitive
from ..engine.tensor import Tensor
from ..functional import relu, softplus
from . import check
from .classification import class_weights, place, places, with_classes
from .common import loss, reduce

__all__ = [
    "hinge_loss", "multi_margin_loss", "multiclass_hinge_loss", "multilabel_margin_loss",
    "soft_margin_loss", "squared_hinge_loss",
]  # fmt: skip


@loss
def hinge_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Hinge loss: 0 beyond a margin of 1 on the right side, then linear.

    Formula: max(0, 1 - target input), target -1 or +1.

    Gradient: -target / N where target input < 1, else 0 (also on the margin itself).

    Problem: binary classification.

    Use: when only the side matters, not a probability: points beyond the margin stop pulling.

    Meaning: with an L2 penalty the support vector machine: the widest gap between the classes.

    Outliers: moderate: grows linearly, but a wrong label on the far side pulls for ever.

    Shapes: input (scores) and target (-1/+1) of one shape. Units: the scores'.

    Raises: ValueError for labels other than -1 and +1, unequal shapes, or an empty mean.

    >>> hinge_loss([0.3, -0.8, 1.0, 2.0], [1, -1, 1, -1]).round(6)
    np.float64(0.975)

    Reference: Cortes, Vapnik (1995), Support-Vector Networks.
    """
    input, target = scores_and_signs(input, target)
    return reduce(relu(1 - input * target), reduction)


@loss
def squared_hinge_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Squared hinge loss: 0 beyond a margin of 1 on the right side, then quadratic.

    Formula: max(0, 1 - target input)^2, target -1 or +1.

    Gradient: -2 target max(0, 1 - target input) / N: continuous at the margin, unbounded beyond.

    Problem: binary classification.

    Use: as hinge_loss, when a smooth gradient matters more than robustness.

    Meaning: the L2 support vector machine: slack is penalised by its square.

    Outliers: very sensitive: a wrong label on the far side weighs by its squared distance.

    Shapes: input (scores) and target (-1/+1) of one shape. Units: the scores', squared.

    Raises: ValueError for labels other than -1 and +1, unequal shapes, or an empty mean.

    >>> squared_hinge_loss([0.3, -0.8, 1.0, 2.0], [1, -1, 1, -1]).round(6)
    np.float64(2.3825)

    Reference: Lee, Mangasarian (2001), SSVM: A Smooth Support Vector Machine for Classification.
    """
    input, target = scores_and_signs(input, target)
    return reduce(relu(1 - input * target) ** 2, reduction)


@loss
def soft_margin_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Soft margin loss: binary cross-entropy for labels -1 and +1; a hinge without a corner.

    Formula: log(1 + e^(-target input)), target -1 or +1.

    Gradient: -target sigmoid(-target input) / N: bounded, and never quite 0.

    Problem: binary classification.

    Use: the same as binary_cross_entropy_with_logits, for labels -1/+1.

    Meaning: the negative log-likelihood of logistic regression.

    Outliers: sensitive: a wrong label costs its score, so it keeps pulling.

    Shapes: input (logits) and target (-1/+1) of one shape. Units: nats.

    Raises: ValueError for labels other than -1 and +1, unequal shapes, or an empty mean.

    >>> soft_margin_loss([0.0, np.log(3)], [1, 1], reduction="none").round(6)
    array([0.693147, 0.287682])

    Reference: Friedman, Hastie, Tibshirani (2000), Additive Logistic Regression; PyTorch's
    soft_margin_loss.
    """
    input, target = scores_and_signs(input, target)
    return reduce(softplus(input * -target), reduction)


@loss
def multi_margin_loss(
    input, target, *, p: int = 1, margin: float = 1.0, weight=None, reduction: str = "mean"
) -> Tensor:
    """Multi-class margin loss: the true class should lead each other class by a margin.

    Formula: w_y / C * sum over j != y of max(0, margin - input_y + input_j)^p, with the target y
    and C classes; the mean is over the examples, whatever the weights.

    Gradient: for p = 1, w_y / (C N) for each class within the margin (0 exactly on it), and minus
    their sum for the true class.

    Problem: multi-class classification.

    Use: when a margin over each other class is wanted, not probabilities.

    Meaning: the multi-class support vector machine with one slack for each pair of classes.

    Outliers: moderate: linear for p = 1; very sensitive for p = 2.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without that
    axis; weight (C,). Units: the scores', to the power p.

    Raises: ValueError for p other than 1 and 2, a negative margin, labels outside of 0..C-1, shapes
    that do not fit, or an empty mean; TypeError for targets that are not integers.

    >>> multi_margin_loss([[0.1, 0.2, 0.4, 0.8], [1.0, 2.5, -0.5, 0.0]], [3, 0]).round(6)
    np.float64(0.475)

    Reference: Weston, Watkins (1999), Support Vector Machines for Multi-Class Pattern Recognition;
    PyTorch's multi_margin_loss.
    """
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p!r}")
    margin = check.not_negative("margin", margin)
    input, at, axis = scores_and_places(input, target)
    excess = relu(behind(input, at=at, axis=axis, margin=margin))
    values = np.sum(excess if p == 1 else excess**2, axis=axis) / input.shape[axis]
    if weight is not None:
        values = class_weights(weight, input, axis).reshape(-1)[at[axis]] * values
    return reduce(values, reduction)


@loss
def multiclass_hinge_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Multi-class hinge loss: the true class should lead the strongest other class by 1.

    Formula: max over j of (input_j + [j != y]) - input_y, with the target y.

    Gradient: 1 / N for the class that comes closest (ties share) and -1 / N for the true class; 0
    where the true class leads by more than 1.

    Problem: multi-class classification.

    Use: as multi_margin_loss, when only the strongest rival should pull.

    Meaning: the multi-class support vector machine with one slack for each example.

    Outliers: moderate: grows linearly with the rival's lead.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without that
    axis. Units: the scores'.

    Raises: ValueError for labels outside of 0..C-1, shapes that do not fit, or an empty mean;
    TypeError for targets that are not integers.

    >>> multiclass_hinge_loss([[0.1, 0.2, 0.4, 0.8], [1.0, 2.5, -0.5, 0.0]], [3, 0]).round(6)
    np.float64(1.55)

    Reference: Crammer, Singer (2001), On the Algorithmic Implementation of Multiclass Kernel-based
    Vector Machines.
    """
    input, at, axis = scores_and_places(input, target)
    return reduce(np.max(behind(input, at=at, axis=axis, margin=1), axis=axis), reduction)


@loss
def multilabel_margin_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Multi-label margin loss: every class that is a label should lead every other class by 1.

    Formula: 1 / C * sum over the labels y and the other classes j of max(0, 1 - input_y + input_j),
    for C classes; the mean is over the examples.

    Gradient: 1 / (C N) for a class j from each label it comes within 1 of, -1 / (C N) for a label
    from each class within 1 of it (0 exactly on the margin).

    Problem: multi-label classification.

    Use: several classes are right at once and only their order counts; for the probability of each
    label, binary_cross_entropy_with_logits.

    Meaning: the hinge loss of each pair of a label and another class.

    Outliers: moderate: linear, but one misplaced label counts against every other class.

    Shapes: input (C,) or (N, C); target integers of that shape: the labels of each example first,
    in any order, then -1; what stands behind the first -1 is not read. Units: the scores'.

    Raises: ValueError for labels outside of -1..C-1 before the first -1, for unequal shapes, or an
    empty mean; TypeError for targets that are not integers.

    >>> multilabel_margin_loss([0.1, 0.2, 0.4, 0.8], [3, 0, -1, 1]).round(6)
    np.float64(0.85)

    Reference: Elisseeff, Weston (2001), A Kernel Method for Multi-Labelled Classification;
    PyTorch's multilabel_margin_loss.
    """
    input = check.numbers("input", input)
    if input.ndim not in (1, 2):
        raise ValueError(f"input must have shape (C,) or (N, C), got {input.shape}")
    is_label = label_sets(target, input.shape)
    lead = input[..., :, None] - input[..., None, :]
    counts = is_label[..., :, None] & ~is_label[..., None, :]
    values = np.sum(relu(1 - lead) * counts, axis=(-2, -1)) / input.shape[-1]
    return reduce(values, reduction)


def label_sets(target, shape):
    """Which classes are labels, from rows of class indices that end at the first -1."""
    target = check.integers("target", target, "class indices, ended by -1")
    check.target_shape(target, shape)
    counted = np.logical_and.accumulate(target != -1, axis=-1)
    check.labels(target, counted, shape[-1])
    is_label = np.zeros(shape, bool)
    index = np.nonzero(counted)
    is_label[(*index[:-1], target[counted])] = True
    return is_label


def scores_and_signs(input, target):
    """input as numbers, target as labels -1 and +1 in its precision."""
    input = check.numbers("input", input)
    return input, check.signs(target, input, input.shape)


def scores_and_places(input, target):
    """input as numbers, the index that picks the true class out of it, and the axis of classes."""
    input, target, axis = with_classes(input, target)
    at, _ = places(target, input.shape[axis], axis)
    return input, at, axis


@primitive(
    lambda g, y, x, *, at, axis, margin: g - place(np.sum(g, axis=axis), at=at, shape=x.shape)
)
def behind(x, *, at, axis, margin):
    """By how much the true class misses its lead over each class: x_j - x_y + margin.

    Over itself no lead is asked for: 0, which relu gives no gradient.
    """
    out = x - np.expand_dims(x[at], axis)
    out += margin
    out[at] = 0
    return out
