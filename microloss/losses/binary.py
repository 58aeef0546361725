"""Losses for targets that are yes or no, or the probability of a yes."""

import numpy as np

from ..engine.rules import primitive
from ..engine.tensor import Tensor
from ..functional import sigmoid, softplus
from . import check
from .classification import modulated
from .common import loss, reduce

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss",
    "sigmoid_focal_loss",
]  # fmt: skip


@loss
def binary_cross_entropy(input, target, *, weight=None, reduction: str = "mean") -> Tensor:
    """Binary cross-entropy of probabilities: how surprised they are by yes or no, in nats.

    Formula: -w (t log p + (1 - t) log(1 - p)), with p = input, t = target, and logarithms that end
    at -100; the mean is over all elements, whatever the weights.

    Gradient: w (p - t) / max(p (1 - p), 1e-12) / N: 1e12 for a probability of exactly 0 for what
    happened, which is why logits are better.

    Problem: binary classification.

    Use: when the model ends in probabilities that cannot be undone; from logits,
    binary_cross_entropy_with_logits keeps the digits that a probability near 1 has lost.

    Meaning: the negative log-likelihood of a Bernoulli distribution; a soft target is the
    expectation over yes and no.

    Outliers: sensitive: a confident mistake costs up to 100 nats.

    Shapes: input and target of one shape, probabilities; weight broadcasts to it. Units: nats.

    Raises: ValueError for probabilities outside of [0, 1], unequal shapes, or an empty mean.

    >>> binary_cross_entropy([0.9, 0.2, 0.6], [1, 0, 0.3]).round(6)
    np.float64(0.374385)

    Reference: Good (1952), Rational Decisions; PyTorch's binary_cross_entropy.
    """
    input, target = check.alike(input=input, target=target)
    check.probabilities("input", input, "; for logits use binary_cross_entropy_with_logits", most=1)
    check.probabilities("target", target)
    values = bernoulli_nll(input, target)
    if weight is not None:
        values = check.broadcastable("weight", weight, values) * values
    return reduce(values, reduction)


@loss
def binary_cross_entropy_with_logits(
    input, target, *, weight=None, pos_weight=None, reduction: str = "mean"
) -> Tensor:
    """Binary cross-entropy of a sigmoid: how surprised the model is by yes or no, in nats.

    Formula: -w (c t log p + (1 - t) log(1 - p)), with p = sigmoid(input), t = target and
    c = pos_weight; the mean is over all elements, whatever the weights.

    Gradient: w (p - t) / N without pos_weight: bounded, and zero only when the target is predicted.

    Problem: binary classification.

    Use: the default for yes or no, and for several labels that are yes or no each.
    pos_weight = negatives / positives lifts rare labels, and with them the probabilities that come
    out: the logits are log(pos_weight) too high, so subtract that for true probabilities.

    Meaning: the negative log-likelihood of a Bernoulli distribution; a soft target is the
    expectation over yes and no.

    Outliers: sensitive: a confident mistake costs its logit, so a wrong label keeps pulling.

    Shapes: input (logits) and target (in [0, 1]) of one shape; weight and pos_weight broadcast to
    it. Units: nats.

    Raises: ValueError for targets outside of [0, 1], unequal shapes, or an empty mean.

    >>> binary_cross_entropy_with_logits([0.5, -1.0, 2.0], [1, 0, 0.3]).round(6)
    np.float64(0.771422)

    Reference: Cox (1958), The Regression Analysis of Binary Sequences; PyTorch's
    binary_cross_entropy_with_logits.
    """
    input, target = check.alike(input=input, target=target)
    check.probabilities("target", target)
    values = bernoulli_nll_of_logits(input, target)
    if pos_weight is not None:  # -log p is softplus(-x): no logarithm of a rounded sigmoid
        more = (check.broadcastable("pos_weight", pos_weight, input) - 1) * target
        values = values + more * softplus(-input)
    if weight is not None:
        values = check.broadcastable("weight", weight, values) * values
    return reduce(values, reduction)


@loss
def multilabel_soft_margin_loss(input, target, *, weight=None, reduction: str = "mean") -> Tensor:
    """Multi-label soft margin loss: binary cross-entropy for each class, averaged over the classes.

    Formula: -1 / C * sum over the C classes of w (t log p + (1 - t) log(1 - p)), with
    p = sigmoid(input) and t = target; the mean is over the examples, whatever the weights.

    Gradient: w (p - t) / (C N).

    Problem: multi-label classification.

    Use: each example has any number of labels, and one number for each example is wanted; the mean
    is that of binary_cross_entropy_with_logits.

    Meaning: the negative log-likelihood of C independent Bernoulli distributions, over C.

    Outliers: sensitive: grows linearly with a wrong logit.

    Shapes: input (logits) and target (in [0, 1]) of one shape (..., C); weight broadcasts to it.
    Units: nats.

    Raises: ValueError for targets outside of [0, 1], unequal shapes, or an empty mean.

    >>> multilabel_soft_margin_loss([[1.0, -2.0, 0.5]], [[1, 0, 0]]).round(6)
    np.float64(0.471422)

    Reference: PyTorch's multilabel_soft_margin_loss.
    """
    input, target = check.alike(input=input, target=target)
    check.probabilities("target", target)
    if not input.ndim or not input.shape[-1]:
        raise ValueError(
            f"input has shape {input.shape}: there is nothing to take a mean of; it needs an axis "
            "of classes: (..., C)"
        )
    values = bernoulli_nll_of_logits(input, target)
    if weight is not None:
        values = check.broadcastable("weight", weight, values) * values
    return reduce(np.mean(values, axis=-1), reduction)


@loss
def sigmoid_focal_loss(
    input, target, *, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "mean"
) -> Tensor:
    """Focal loss of a sigmoid: binary cross-entropy that turns away from what is classified.

    Formula: -alpha_t (1 - p_t)^gamma log p_t, where p_t is the probability of the true answer:
    sigmoid(input) for target 1, 1 - sigmoid(input) for 0; alpha_t is alpha for 1, 1 - alpha for 0,
    and 1 for alpha=None. For a soft label t, p_t = p t + (1 - p) (1 - t), alpha_t =
    alpha t + (1 - alpha) (1 - t), and -log p_t becomes the binary cross-entropy. gamma = 0 is
    binary cross-entropy if alpha is None. The mean is over all elements; the paper
    divides the sum by the number of positives.

    Gradient: alpha_t (1 - p_t)^gamma (1 - gamma p_t log(p_t) / (1 - p_t)) (p - t) / N, for labels 0
    and 1: an easy example hardly pulls, a mistake as hard as in cross-entropy.

    Problem: binary classification.

    Use: when a mass of easy negatives drowns the few hard examples, as in object detection.

    Meaning: cross-entropy weighted by the probability of being wrong; no likelihood, so the
    probabilities that it trains are not calibrated.

    Outliers: very sensitive: it concentrates on mistakes, wrong labels among them.

    Shapes: input (logits) and target (in [0, 1]) of one shape. Units: nats.

    Raises: ValueError for targets outside of [0, 1], alpha outside of [0, 1], a negative gamma,
    unequal shapes, or an empty mean.

    >>> sigmoid_focal_loss([1.0, -2.0, 0.5, 3.0], [1, 0, 0, 1], reduction="sum").round(6)
    np.float64(0.290103)

    Reference: Lin, Goyal, Girshick, He, Dollar (2017), Focal Loss for Dense Object Detection;
    torchvision's sigmoid_focal_loss.
    """
    gamma = check.not_negative("gamma", gamma)
    input = check.numbers("input", input)
    target = check.constant("target", target, input)
    check.same_shape("input", input, "target", target)
    check.probabilities("target", target, most=1)
    values = modulated_bernoulli_nll(input, target, gamma)
    if alpha is not None:
        if alpha == -1:
            raise ValueError("alpha=-1: pass alpha=None to weigh both labels alike")
        alpha = check.fraction("alpha", alpha)
        values = (alpha * target + (1 - alpha) * (1 - target)) * values
    return reduce(values, reduction)


def modulated_bernoulli_nll(x, t, gamma):
    """(1 - p_t)^gamma times the binary cross-entropy; p_t = p t + (1 - p) (1 - t)."""
    hard = (t == 0) | (t == 1)
    values = modulated(x * (1 - 2 * np.where(hard, t, 0)), gamma)
    if hard.all():
        return values
    p = sigmoid(x)
    wrong = np.where(hard, 1, p * (1 - t) + (1 - p) * t)  # 1 - p_t, above 0 for a soft label
    return np.where(hard, values, wrong**gamma * bernoulli_nll_of_logits(x, t))


# ---- with rules of their own ---------------------------------------------------------------------


@primitive(lambda g, y, x, t: g * (sigmoid(x) - t), lambda g, y, x, t: -g * x)
def bernoulli_nll_of_logits(x, t):
    """softplus(x) - t x in one operation: a quarter faster than the composition of three.

    No difference of two large numbers where the answer is sure.
    """
    if np.isinf(x).any():  # t x would be inf - inf, or 0 times inf, where the limit is 0
        against = np.where(x > 0, 1 - t, t)  # the share of the target that x rules out
        large = np.where(against == 0, 0, against * np.where(against == 0, 0, np.abs(x)))
        return large + np.log1p(np.exp(-np.abs(x)))
    return np.maximum(x, 0) - t * x + np.log1p(np.exp(-np.abs(x)))


# A composition of logarithms has a gradient of 0 or of infinity where they are cut off, at p = 0 or
# 1. The rules below are PyTorch's instead, which lead back from there.


@primitive(lambda g, y, p: g / bernoulli_variance(p))
@np.errstate(divide="ignore")
def clamped_log_odds(p):
    """log p - log(1 - p), each logarithm at least -100."""
    return np.maximum(np.log(p), -100) - np.maximum(np.log1p(-p), -100)


@primitive(
    lambda g, y, p, t: g * (p - t) / bernoulli_variance(p),
    lambda g, y, p, t: -g * clamped_log_odds(p),
)
@np.errstate(divide="ignore")
def bernoulli_nll(p, t):
    """-(t log p + (1 - t) log(1 - p)), each logarithm at least -100."""
    return -(t * np.maximum(np.log(p), -100) + (1 - t) * np.maximum(np.log1p(-p), -100))


def bernoulli_variance(p):
    """That of yes (1) and no (0), kept above 0 to divide by."""
    return np.maximum(p * (1 - p), 1e-12)
