"""Losses for targets that are one class out of several."""

import numpy as np

from ..engine.arguments import real
from ..engine.rules import primitive
from ..engine.tensor import Tensor
from ..functional import log_softmax, logsumexp, onehot, softmax, softplus
from . import check
from .common import loss, reduce

__all__ = ["cross_entropy", "focal_loss", "generalized_cross_entropy", "nll_loss"]


@loss
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
    target, -sum_c target_c log softmax(input)_c. With weight, each class c counts w_c times, and
    the mean over class indices divides by the sum of the weights of the targets that count (over
    probabilities, by their number).  label_smoothing e mixes the target with the uniform
    distribution: (1 - e) target + e / C.

    Gradient: (softmax(input) - target) / N: bounded, and zero only when the target is predicted.

    Problem: multi-class classification.

    Use: the default for one class out of several. Pass logits, not probabilities.

    Meaning: the negative log-likelihood of a categorical distribution; it equals
    KL(target || prediction) plus the entropy of the target.

    Outliers: sensitive: a confident mistake costs its logit margin, so a wrong label keeps pulling.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without
    that axis, or probabilities of input's shape. A logit of -inf rules a class out: it costs
    nothing where the target gives it no probability. Units: nats.

    Raises: ValueError for labels outside of 0..C-1 other than ignore_index, for probabilities
    outside of [0, 1], for shapes that do not fit, and when no target counts under "mean";
    TypeError for targets of another kind.

    >>> cross_entropy([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]], [1, 0]).round(6)
    np.float64(1.717572)

    Reference: Good (1952), Rational Decisions; PyTorch's cross_entropy.
    """
    check.reduction(reduction)
    input = check.numbers("input", input)
    shape = input.shape
    axis = class_axis(shape)
    classes = shape[axis]
    target = target if isinstance(target, Tensor) else real(target, "target")
    if target.dtype.kind == "f":
        if ignore_index >= 0:
            raise ValueError(
                f"ignore_index={ignore_index} needs class indices, target holds floats"
            )
        return cross_entropy_of_probabilities(
            input, target, weight, label_smoothing, reduction, axis
        )
    if target.shape == shape:
        raise ValueError(
            f"target holds integers in input's shape {shape}; one-hot or probabilities must be "
            f"floats: target.astype(float), or target.argmax(axis={axis}) for class indices"
        )
    target = check.class_indices(target, classes, shape[:axis] + shape[axis + 1 :])
    plain = weight is None and not label_smoothing and reduction != "none" and len(shape) == 2
    plain = plain and (ignore_index < 0 or ignore_index >= classes)
    if plain and target.size and check.labels_fit(target, classes):
        return fused_cross_entropy(input, target, 1 / target.size if reduction == "mean" else 1.0)

    log_p = log_softmax(input, axis=axis)
    weight = class_weights(weight, input, axis)
    at, counted = places(target, classes, axis, ignore_index)
    values, count = picked_nll(log_p, weight, at, counted, axis)
    if label_smoothing:
        label_smoothing = check.fraction("label_smoothing", label_smoothing)
        uniform = np.sum(log_p if weight is None else weight * log_p, axis=axis) / -classes
        if counted is not None:
            uniform = np.where(counted, uniform, 0)
        values = (1 - label_smoothing) * values + label_smoothing * uniform
    return reduce(values, reduction, count)


def cross_entropy_of_probabilities(input, target, weight, label_smoothing, reduction, axis):
    target = check.numbers("target", target, like=input)
    if target.shape != input.shape:
        raise ValueError(
            f"target has shape {target.shape}; probabilities need input's shape {input.shape}, "
            "class indices must be integers; Tensors hold floats, so keep labels as NumPy integers"
        )
    check.probabilities("target", target)
    if label_smoothing:
        label_smoothing = check.fraction("label_smoothing", label_smoothing)
        target = (1 - label_smoothing) * target + label_smoothing / input.shape[axis]
    log_p = log_softmax(input, axis=axis)
    impossible = np.equal(log_p, -np.inf)
    if impossible.any():  # 0 log 0 is 0
        log_p = np.where(impossible & np.equal(target, 0), 0, log_p)
    weight = class_weights(weight, input, axis)
    weighted = target if weight is None else weight * target
    return reduce(-np.sum(weighted * log_p, axis=axis), reduction)


@loss
def nll_loss(
    input, target, *, weight=None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood: cross-entropy for a model that gives log-probabilities already.

    Formula: -input[target]; with weight, -w_target input[target], and the mean divides by the sum
    of the weights of the targets that count.

    Gradient: -1 / N at the target's log-probability and 0 elsewhere: constant, whatever the
    prediction; what bounds it is the log_softmax in front.

    Problem: multi-class classification.

    Use: after a log_softmax, or any other model of log-probabilities. From logits, cross_entropy
    does both in one.

    Meaning: the negative log-likelihood of a categorical distribution, provided that input is
    normalised: nothing checks that.

    Outliers: sensitive: unbounded, as a probability of 0 for what happened costs infinitely much.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without that
    axis. Units: nats.

    Raises: ValueError for labels outside of 0..C-1 other than ignore_index, for shapes that do not
    fit, and when no target counts under "mean"; TypeError for targets that are not integers.

    >>> nll_loss(np.log([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]]), [1, 0]).round(6)
    np.float64(0.524911)

    Reference: Good (1952), Rational Decisions; PyTorch's nll_loss.
    """
    input, target, axis = with_classes(input, target)
    weight = class_weights(weight, input, axis)
    at, counted = places(target, input.shape[axis], axis, ignore_index)
    values, count = picked_nll(input, weight, at, counted, axis)
    return reduce(values, reduction, count)


@loss
def focal_loss(
    input,
    target,
    *,
    alpha=None,
    gamma: float = 2.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Focal loss of a softmax: cross-entropy that turns away from what is classified already.

    Formula: -alpha_y (1 - p_y)^gamma log p_y, with p = softmax(input) and the target y; the mean is
    over the targets that count, whatever alpha.  gamma = 0 is cross_entropy.

    Gradient: alpha_y (1 - p_y)^gamma (1 - gamma p_y log(p_y) / (1 - p_y)) (p - target) / N: an
    example with p_y = 0.9 pulls far less than in cross-entropy, a mistake as hard as there.

    Problem: multi-class classification.

    Use: when many easy examples drown the few hard ones.  alpha: one weight for each class.

    Meaning: cross-entropy weighted by the probability of being wrong; no likelihood, so the
    probabilities that it trains are not calibrated.

    Outliers: very sensitive: it concentrates on mistakes, wrong labels among them.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without that
    axis; alpha (C,). Units: nats.

    Raises: ValueError for a negative gamma, labels outside of 0..C-1 other than ignore_index,
    shapes that do not fit, and when no target counts under "mean"; TypeError for targets that are
    not integers.

    >>> focal_loss([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]], [1, 0]).round(6)
    np.float64(1.369037)

    Reference: Lin, Goyal, Girshick, He, Dollar (2017), Focal Loss for Dense Object Detection.
    """
    gamma = check.not_negative("gamma", gamma)
    input, target, axis = with_classes(input, target)
    at, counted = places(target, input.shape[axis], axis, ignore_index)
    # p_y against all other classes is a sigmoid of this difference of logits: log p_y and
    # log(1 - p_y) follow without the rounding of 1 - p_y, which would be 0 at a large logit
    is_target = np.zeros(input.shape, bool)
    is_target[at] = True
    against = logsumexp(np.where(is_target, -np.inf, input), axis=axis) - pick(input, at=at)
    values = modulated(against, gamma)
    if alpha is not None:
        values = class_weights(alpha, input, axis, "alpha").reshape(-1)[at[axis]] * values
    if counted is None:
        return reduce(values, reduction)
    return reduce(np.where(counted, values, 0), reduction, count=int(counted.sum()))


def modulated(against, gamma):
    """(1 - p)^gamma (-log p) where p = sigmoid(-against); finite for any gamma and logit."""
    nll = softplus(against)
    return nll * np.exp(gamma * (against - nll)) if gamma else nll


@loss
def generalized_cross_entropy(
    input, target, *, q: float = 0.7, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Generalized cross-entropy: from cross-entropy (q -> 0) to the probability of error (q = 1).

    Formula: (1 - p_y^q) / q, with p = softmax(input) and the target y; -log p_y at q = 0.

    Gradient: p_y^q (softmax(input) - target) / N: that of cross-entropy, times p_y^q, so what the
    model finds impossible hardly pulls.

    Problem: multi-class classification.

    Use: when some labels are wrong. A larger q ignores them better and learns more slowly.

    Meaning: the Box-Cox transform of the likelihood; q = 1 is half the sum, over the classes of an
    example, of absolute errors between the probabilities and the one-hot target.

    Outliers: bounded: an example costs at most 1 / q, and a wrong label stops pulling.

    Shapes: input (C,), (N, C) or (N, C, d1, ...), classes on axis 1; target integers without that
    axis. Units: none (nats at q = 0).

    Raises: ValueError for q outside of [0, 1], labels outside of 0..C-1 other than ignore_index,
    shapes that do not fit, and when no target counts under "mean"; TypeError for targets that are
    not integers.

    >>> generalized_cross_entropy([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]], [1, 0]).round(6)
    np.float64(0.823234)

    Reference: Zhang, Sabuncu (2018), Generalized Cross Entropy Loss for Training Deep Neural
    Networks with Noisy Labels.
    """
    q = check.fraction("q", q)
    input, target, axis = with_classes(input, target)
    at, counted = places(target, input.shape[axis], axis, ignore_index)
    log_p = pick(log_softmax(input, axis=axis), at=at)
    # expm1 keeps the digits that 1 - p^q would lose for a small q
    values = -np.expm1(q * log_p) / q if q else -log_p
    if counted is None:
        return reduce(values, reduction)
    return reduce(np.where(counted, values, 0), reduction, count=int(counted.sum()))


# ---- classes along an axis -----------------------------------------------------------------------


def class_axis(shape):
    """The axis of the classes: 1, or 0 without a batch."""
    if not shape:
        raise ValueError("input has shape (); it needs an axis of classes: (C,) or (N, C)")
    return 1 if len(shape) > 1 else 0


def with_classes(input, target):
    """input as numbers, target as indices into its classes, and the axis of the classes."""
    input = check.numbers("input", input)
    shape = input.shape
    axis = class_axis(shape)
    return input, check.class_indices(target, shape[axis], shape[:axis] + shape[axis + 1 :]), axis


def places(target, classes, axis, ignore_index=None):
    """The index that picks each target out of input, and which targets count: None for all.

    For a target that does not count the index picks class 0.
    """
    counted = None
    if ignore_index in range(classes) or not check.labels_fit(target.ravel(), classes):
        counted = target != ignore_index
        check.labels(target, counted, classes)
        target = target * counted
    at = list(np.indices(target.shape, sparse=True))
    at.insert(axis, target)
    return tuple(at), counted


@primitive(lambda g, y, x, *, at: place(g, at=at, shape=x.shape))
def pick(x, *, at):
    """x[at] where `at` meets no element twice, so that its derivative need not add up."""
    return x[at]


@primitive(lambda g, y, a, *, at, shape: pick(g, at=at))
def place(a, *, at, shape):
    """Zeros of `shape`, with a at `at`."""
    out = np.zeros(shape, a.dtype)
    out[at] = a
    return out


def class_weights(weight, input, axis, name="weight"):
    """One weight for each class, shaped to broadcast against input."""
    if weight is None:
        return None
    weight = check.numbers(name, weight, like=input)
    if weight.shape != (input.shape[axis],):
        raise ValueError(
            f"{name} has shape {weight.shape}; one number for each class is {(input.shape[axis],)}"
        )
    return weight.reshape([-1 if i == axis else 1 for i in range(input.ndim)])


def picked_nll(log_p, weight, at, counted, axis):
    """-w log_p at the target class, 0 where ignored; and what an average divides by."""
    values = -pick(log_p, at=at)
    if counted is not None:  # where and not a product, because 0 * inf is nan
        values = np.where(counted, values, 0)
    if weight is None:
        return values, values.size if counted is None else int(counted.sum())
    weight = weight.reshape(-1)[at[axis]]
    if counted is not None:
        weight = weight * counted
    return weight * np.where(weight == 0, 0, values), weight.sum()


# ---- the most frequent case, fused ---------------------------------------------------------------
# Softmax and its derivative share their exponentials. Computing both at once makes a training step
# of a small network a tenth faster; picked_nll(log_softmax(x)) is what the tests hold it against.


def fused_cross_entropy(x, target, scale):
    """scale * sum over the rows n of -log softmax(x)[n, target[n]], with its slope on the way."""
    values = x.data if isinstance(x, Tensor) else x
    at = target + np.arange(0, values.size, values.shape[1])
    # order="C": slope takes this layout, and its reshape below must be a view
    shifted = np.subtract(values, np.maximum.reduce(values, 1, keepdims=True), order="C")
    slope = np.exp(shifted)
    total = np.add.reduce(slope, 1, keepdims=True)
    nll = np.add.reduce(np.log(total).ravel() - shifted.take(at))
    slope *= scale / total
    slope.reshape(-1)[at] -= scale
    return softmax_nll(x, target=target, scale=scale, known=(nll * scale, slope))


@primitive(
    lambda g, y, x, *, target, scale, known: (
        g
        * (
            known[1]
            if isinstance(x, np.ndarray)
            else (softmax(x, axis=1) - onehot(target, classes=x.shape[1])) * scale
        )
    )
)
def softmax_nll(x, *, target, scale, known):
    """The value and, in the rule, the slope that are known; on what records, their formulas."""
    if isinstance(x, np.ndarray):
        return known[0]
    return -np.sum(log_softmax(x, axis=1)[np.arange(len(target)), target]) * scale
