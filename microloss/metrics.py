"""Metrics: what a model is judged by, rather than trained with.

Predictions first, then targets, as in the losses.  Everything takes arrays, lists or Tensors and
looks at their values only: except for perplexity, a metric has no gradient.  Definitions are
scikit-learn's where it has the metric; where its answer would be nan or a mere convention (a ROC
curve without negatives), an error says so instead.
"""

import math
from collections import Counter
from functools import reduce
from operator import or_

import numpy as np

from .functional import one_hot, to_zero
from .losses import cross_entropy, l1_loss, quantile_loss
from .losses.common import (
    check_fraction,
    check_labels,
    check_none_negative,
    check_probabilities,
    class_indices,
    constant,
    operand,
    unequal,
)

__all__ = [
    "accuracy", "average_precision", "balanced_accuracy", "bleu", "brier_score",
    "calibration_curve", "confusion_matrix", "dice_coefficient", "edit_distance",
    "expected_calibration_error", "f1_score", "interval_coverage", "iou", "log_loss",
    "mean_absolute_error", "ndcg", "perplexity", "pinball", "precision",
    "precision_recall_curve", "r2_score", "recall", "recall_at_k", "roc_auc", "roc_curve",
    "root_mean_squared_error", "rouge_l",
]  # fmt: skip

# ---- what all share ------------------------------------------------------------------------------


def real(name, x, finite=True):
    """x as float64, cut from any graph; never empty, never nan."""
    x = constant(name, x, None).astype(np.float64, copy=False)
    if not x.size:
        raise ValueError(f"{name} is empty (shape {x.shape}), there is nothing to measure")
    wrong = ~np.isfinite(x) if finite else np.isnan(x)
    if wrong.any():
        raise ValueError(
            f"{name} holds {x[wrong].flat[0]:g} ({wrong.sum()} of {x.size} elements): look for "
            "where the model diverged"
        )
    return x


def pair(name, x, target, finite=True):
    """Predictions and targets of one shape, never broadcast; finite is about the predictions."""
    x, target = real(name, x, finite), real("target", target)
    if x.shape != target.shape:
        raise ValueError(unequal(name, x, "target", target))
    return x, target


def class_labels(prediction, target):
    """Whole numbers, in one row."""
    prediction, target = real("prediction", prediction), real("target", target)
    if prediction.ndim == target.ndim + 1 > 1 and prediction.shape[1] > 1:
        raise ValueError(
            f"prediction has shape {prediction.shape}, target has shape {target.shape}: for the "
            "label with the highest score pass prediction.argmax(axis=1)"
        )
    prediction, target = pair("prediction", prediction, target)
    for name, x in ("prediction", prediction), ("target", target):
        wrong = x != np.rint(x)
        if wrong.any():
            raise ValueError(
                f"{name} holds {x[wrong][0]:g}, class labels are whole numbers: pass "
                f"{name} > 0.5 for probabilities, {name} > 0 for logits"
            )
    return prediction.ravel().astype(np.int64), target.ravel().astype(np.int64)


def yes_or_no(name, x, cure=""):
    """0 and 1 as booleans."""
    wrong = (x != 0) & (x != 1)
    if wrong.any():
        if (np.abs(x) == 1).all():
            cure = f": pass ({name} + 1) / 2"
        elif ((x >= 0) & (x <= 1)).all():
            cure = f": pass {name} > 0.5"
        raise ValueError(f"{name} holds {x[wrong][0]:g}, it must hold 0 and 1{cure}")
    return x == 1


def binary(name, x, target):
    """Numbers and their labels 0/1 as booleans, both in one row."""
    x, target = pair(name, x, target)
    target = yes_or_no("target", target, ": for one class against the rest pass target == c")
    return x.ravel(), target.ravel()


def binary_probability(probability, target):
    p, y = binary("probability", probability, target)
    check_probabilities("probability", p, ": pass sigmoid(logits)")
    return p, y


def quotient(part, whole, undefined):
    """part / whole, and `undefined` where whole is 0; counts, so no whole is less than 1."""
    return np.where(whole > 0, part / np.maximum(whole, 1), undefined)


def check_count(name, n):
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {n!r}")


# ---- decisions -----------------------------------------------------------------------------------


def accuracy(prediction, target) -> float:
    """Share of predicted labels that are right.

    Formula: mean(prediction = target).

    Shapes: whole numbers, both of one shape, any.  Range: 0 to 1.

    Raises: ValueError for unequal shapes, labels that are no whole numbers, nan, or empty input.

    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75

    Reference: scikit-learn's accuracy_score.
    """
    prediction, target = class_labels(prediction, target)
    return float(np.mean(prediction == target))


def confusion_matrix(prediction, target, *, labels=None) -> np.ndarray:
    """How often each class was taken for each: rows are the true classes, columns the predicted.

    Formula: C[i, j] = number of elements with target = labels[i] and prediction = labels[j].

    Shapes: whole numbers, both of one shape, any; labels (C,), the classes in the order of rows
    and columns, or None for all that occur, sorted; result (C, C).  Units: counts.

    Raises: ValueError as accuracy does, and for labels that lack a class which occurs.

    >>> confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1])
    array([[1, 1],
           [0, 2]])
    >>> confusion_matrix([2, 2], [0, 2], labels=range(3))
    array([[0, 0, 1],
           [0, 0, 0],
           [0, 0, 1]])

    Reference: scikit-learn's confusion_matrix.
    """
    classes, index = np.unique([*class_labels(prediction, target)], return_inverse=True)
    column, row = index.reshape(2, -1)
    size = len(classes)
    counts = np.bincount(row * size + column, minlength=size * size).reshape(size, size)
    if labels is None:
        return counts
    labels = list(labels)
    missing = [int(c) for c in classes if c not in labels]
    if missing:
        raise ValueError(f"labels lacks {missing[0]}, which prediction or target holds")
    place = [labels.index(c) for c in classes]
    whole = np.zeros((len(labels), len(labels)), counts.dtype)
    whole[np.ix_(place, place)] = counts
    return whole


def balanced_accuracy(prediction, target) -> float:
    """Mean over the true classes of the share of each that was found: blind guessing gets 1 / C.

    Formula: mean over c of C[c, c] / sum_j C[c, j], with the confusion matrix C; classes that
    target lacks do not count.

    Shapes: whole numbers, both of one shape, any.  Range: 0 to 1.

    Raises: ValueError as accuracy does.

    >>> balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
    0.5

    Reference: Brodersen et al. (2010), The Balanced Accuracy and Its Posterior Distribution.
    """
    matrix = confusion_matrix(prediction, target)
    actual = matrix.sum(axis=1)
    return float(np.mean(np.diag(matrix)[actual > 0] / actual[actual > 0]))


def counts(prediction, target, average):
    """For each class that is scored: how often it was found, predicted, and true."""
    if average not in ("binary", "macro", "micro", None):
        raise ValueError(f'average must be "binary", "macro", "micro" or None, got {average!r}')
    if average == "binary":
        cure = ': pass average="macro", "micro" or None for more than two classes'
        for name, x in ("prediction", prediction), ("target", target):
            yes_or_no(name, real(name, x), cure)
    labels = (0, 1) if average == "binary" else None
    matrix = confusion_matrix(prediction, target, labels=labels)
    each = np.array([np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)])
    if average == "micro":
        return each.sum(axis=1, keepdims=True)
    return each[:, 1:] if average == "binary" else each


def ratio(part, whole, average, zero_division):
    check_fraction("zero_division", zero_division)
    values = quotient(part, whole, zero_division)
    return values if average is None else float(values.mean())


def precision(
    prediction, target, *, average: str | None = "binary", zero_division: float = 0.0
) -> float | np.ndarray:
    """Share of what was predicted as a class that belongs to it.

    Formula: TP / (TP + FP); zero_division where nothing was predicted.

    Shapes: whole numbers, both of one shape, any.  average="binary": labels 0 and 1, the score of
    1; "macro": the mean over all classes that occur in either; "micro": their counts summed first;
    None: one score for each class that occurs, sorted, (C,).  Range: 0 to 1.

    Raises: ValueError as accuracy does, for labels other than 0 and 1 under "binary", an unknown
    average, or a zero_division outside of [0, 1].

    >>> precision([1, 1, 0, 1], [1, 0, 0, 1])
    0.6666666666666666
    >>> precision([0, 2, 2, 2], [0, 1, 2, 2], average=None)
    array([1.        , 0.        , 0.66666667])

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's precision_score.
    """
    found, predicted, _ = counts(prediction, target, average)
    return ratio(found, predicted, average, zero_division)


def recall(
    prediction, target, *, average: str | None = "binary", zero_division: float = 0.0
) -> float | np.ndarray:
    """Share of a class that was predicted as such.

    Formula: TP / (TP + FN); zero_division where target lacks the class.

    Shapes, range, errors: as for precision.

    >>> recall([1, 0, 0, 1], [1, 1, 0, 1])
    0.6666666666666666

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's recall_score.
    """
    found, _, actual = counts(prediction, target, average)
    return ratio(found, actual, average, zero_division)


def f1_score(
    prediction, target, *, average: str | None = "binary", zero_division: float = 0.0
) -> float | np.ndarray:
    """Harmonic mean of precision and recall: high only if both are.

    Formula: 2 TP / (2 TP + FP + FN); zero_division where a class is neither predicted nor true.
    "macro" averages the F1 of the classes.

    Shapes, range, errors: as for precision.

    >>> f1_score([1, 0, 0, 1, 1], [1, 1, 0, 1, 0])
    0.6666666666666666

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's f1_score.
    """
    found, predicted, actual = counts(prediction, target, average)
    return ratio(2 * found, predicted + actual, average, zero_division)


# ---- scores --------------------------------------------------------------------------------------


def reaching(thresholds, score):
    """How many scores are at or above each threshold."""
    return len(score) - np.searchsorted(np.sort(score), thresholds)


def roc_curve(score, target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False and true positive rate at every threshold that makes a difference.

    Formula: for a threshold t, FPR = share of the negatives and TPR = share of the positives with
    score >= t.  Equal scores pass together, so ties make a slanted step.

    Shapes: score any real numbers and target 0/1, both of one shape, any; result (fpr, tpr,
    thresholds), each one longer than the number of distinct scores, thresholds falling from inf.

    Raises: ValueError for unequal shapes, labels other than 0 and 1, a target of one class only,
    nan or infinite scores, or empty input.

    >>> fpr, tpr, thresholds = roc_curve([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    >>> fpr, tpr, thresholds
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]), array([inf, 0.8, 0.4, 0.1]))

    Reference: Fawcett (2006), An Introduction to ROC Analysis; scikit-learn's roc_curve with
    drop_intermediate=False.
    """
    score, target = binary("score", score, target)
    if target.all() or not target.any():
        raise ValueError(
            f"target holds only {int(target[0])}s: a ROC curve compares the scores of both classes"
        )
    thresholds = np.append(np.inf, np.unique(score)[::-1])
    fpr, tpr = (reaching(thresholds, s) / len(s) for s in (score[~target], score[target]))
    return fpr, tpr, thresholds


def roc_auc(score, target) -> float:
    """Probability that a positive scores higher than a negative, a tie counting one half.

    Formula: the area under the ROC curve by trapezoids = P(s+ > s-) + P(s+ = s-) / 2.

    Shapes: as for roc_curve.  Range: 0 to 1; 0.5 for scores that know nothing.

    Raises: ValueError as roc_curve does, also for a target of one class only.

    >>> roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875

    Reference: Hanley, McNeil (1982), The Meaning and Use of the Area under a ROC Curve.
    """
    fpr, tpr, _ = roc_curve(score, target)
    return float(np.trapezoid(tpr, fpr))


def precision_recall_curve(score, target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of "score >= threshold", at every threshold that makes a difference.

    Formula: with TP and FP the positives and negatives that reach t, precision = TP / (TP + FP)
    and recall = TP / (number of positives).

    Shapes: score any real numbers and target 0/1, both of one shape, any; result (precision,
    recall, thresholds): thresholds rising, one for each distinct score; the other two have one
    element more, the end point (1, 0) of a threshold that nothing reaches.

    Raises: ValueError as roc_curve does, but negatives may be missing, only positives may not.

    >>> precision, recall, thresholds = precision_recall_curve([0.2, 0.6, 0.9], [0, 1, 1])
    >>> precision.round(4), recall, thresholds
    (array([0.6667, 1.    , 1.    , 1.    ]), array([1. , 1. , 0.5, 0. ]), array([0.2, 0.6, 0.9]))

    Reference: scikit-learn's precision_recall_curve.
    """
    score, target = binary("score", score, target)
    if not target.any():
        raise ValueError("target holds only 0s: recall needs a positive")
    thresholds = np.unique(score)
    found, taken = reaching(thresholds, score[target]), reaching(thresholds, score)
    return np.append(found / taken, 1.0), np.append(found / target.sum(), 0.0), thresholds


def average_precision(score, target) -> float:
    """Mean precision, weighted by how much recall grows at each threshold.

    Formula: sum_n (R_n - R_(n-1)) P_n over the precision-recall curve, without interpolation.

    Shapes: as for precision_recall_curve.  Range: 0 to 1; scores that know nothing get about the
    share of positives.

    Raises: ValueError as precision_recall_curve does.

    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 6)
    0.833333

    Reference: scikit-learn's average_precision_score.
    """
    precision, recall, _ = precision_recall_curve(score, target)
    return float(-np.diff(recall) @ precision[:-1])


# ---- probabilities -------------------------------------------------------------------------------


def distributions(probability, target):
    """Probabilities of all classes (N, C), and the true labels (N,)."""
    p, y = real("probability", probability), real("target", target)
    if p.ndim != y.ndim + 1 or p.shape[-1] < 2:
        p, y = binary_probability(p, y)
        return np.stack([1 - p, p], axis=1), y.astype(np.int64)
    if p.shape[:-1] != y.shape:
        raise ValueError(f"probability has shape {p.shape}, target {y.shape}: it must be (N, C)")
    check_probabilities("probability", p, ": pass softmax(logits)")
    total = p.sum(axis=-1)
    wrong = np.abs(total - 1) > 1e-3  # far above the rounding of a float16 softmax
    if wrong.any():
        raise ValueError(
            f"probability has a row that sums to {total[wrong][0]:g}, not 1: pass softmax(logits)"
        )
    classes = p.shape[-1]
    wrong = ~np.isin(y, np.arange(classes))
    if wrong.any():
        raise ValueError(f"target holds {y[wrong][0]:g}, its labels are 0 to {classes - 1}")
    return p.reshape(-1, classes), y.ravel().astype(np.int64)


def log_loss(probability, target) -> float:
    """Mean surprise at the true class, in nats.

    Formula: -mean(log p[target]); for (N,) probabilities of class 1, p[0] = 1 - p[1].  No
    probability counts as less than 2^-52, so a certain mistake costs 36.04 and not infinity.

    Shapes: probability (N,) and target (N,) of 0/1, or probability (N, C) and labels (N,) from 0 to
    C - 1.  Units: nats; log C for a model that knows nothing.

    Raises: ValueError for probabilities outside of [0, 1], rows that do not sum to 1, labels out of
    range, shapes that do not fit, nan, or empty input.

    >>> round(log_loss([0.9, 0.2], [1, 0]), 6)
    0.164252

    Reference: Good (1952), Rational Decisions; scikit-learn's log_loss.
    """
    p, y = distributions(probability, target)
    chosen = np.maximum(p[np.arange(len(y)), y], np.finfo(np.float64).eps)
    return float(-np.log(chosen).mean())


def perplexity(log_probs_or_logits, target, *, ignore_index: int | None = None):
    """How many equally likely tokens the model is, on average, undecided between.

    Formula: exp of the mean of -log p(target), over all tokens of all sequences but those with
    ignore_index.  Both logits and log-probabilities do, because log_softmax leaves the latter.
    Targets are not shifted: position t of the input must predict position t of the target.

    Shapes: input (..., C), target (...) of integers; a number, infinite where exp overflows.

    Raises ValueError for shapes that do not fit, for labels outside of 0..C-1 and when no token
    counts.

    >>> perplexity(np.log([[0.5, 0.5], [0.125, 0.875]]), [0, 0]).round(6)     # sqrt(2 * 8)
    np.float64(4.0)

    Reference: Jelinek, Mercer, Bahl, Baker (1977), Perplexity, a measure of the difficulty of
    speech recognition tasks.
    """
    x = operand("log_probs_or_logits", log_probs_or_logits)
    classes = x.shape[-1]
    target = class_indices(target, classes, x.shape[:-1]).reshape(-1)
    counted = np.full(target.shape, True) if ignore_index is None else target != ignore_index
    check_labels(target, counted, classes)
    nll = cross_entropy(x.reshape(-1, classes)[counted], target[counted])
    with np.errstate(over="ignore"):
        return np.exp(nll)


@to_zero
def brier_score(probability, target) -> float:
    """Mean squared distance of the probabilities from what happened.

    Formula: mean((p - y)^2) for two classes; the mean of sum_c (p_c - [target = c])^2 for more.

    Shapes: as for log_loss.  Range: 0 to 1 for two classes, 0 to 2 for more.

    Raises: ValueError as log_loss does.

    >>> round(brier_score([0.9, 0.2], [1, 0]), 6)
    0.025

    Reference: Brier (1950), Verification of Forecasts Expressed in Terms of Probability.
    """
    p, y = distributions(probability, target)
    classes = p.shape[1]
    # two classes make the same error twice
    return float(((p - one_hot(y, classes)) ** 2).sum() / len(y) / (2 if classes == 2 else 1))


def calibration_curve(
    probability, target, *, n_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often it happened, against how probable it was said to be, in bins of equal width.

    Formula: bin b holds (b / B, (b + 1) / B], and 0 belongs to the first; in each bin, the mean of
    target, the mean of probability, and how many there are.

    Shapes: probability and target (0/1) of one shape, any; result (observed, predicted, count), one
    element for each bin that is not empty.

    Raises: ValueError for probabilities outside of [0, 1], labels other than 0 and 1, unequal
    shapes, nan, empty input, or n_bins below 1.

    >>> observed, predicted, count = calibration_curve([0.1, 0.2, 0.9], [0, 1, 1], n_bins=2)
    >>> observed, predicted.round(4), count
    (array([0.5, 1. ]), array([0.15, 0.9 ]), array([2, 1]))

    Reference: DeGroot, Fienberg (1983), The Comparison and Evaluation of Forecasters; the first two
    are scikit-learn's calibration_curve.
    """
    p, y = binary_probability(probability, target)
    check_count("n_bins", n_bins)
    edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    _, place, count = np.unique(np.searchsorted(edges, p), return_inverse=True, return_counts=True)
    return np.bincount(place, y) / count, np.bincount(place, p) / count, count


def expected_calibration_error(probability, target, *, n_bins: int = 10) -> float:
    """Mean distance between how probable it was said to be and how often it happened.

    Formula: sum_b (n_b / N) |observed_b - predicted_b| over the bins of calibration_curve.  For
    more than two classes, judge the confidence in the predicted one: pass p.max(axis=1) and
    p.argmax(axis=1) == target.

    Shapes: as for calibration_curve.  Range: 0 to 1; with few elements in a bin even a calibrated
    model is above 0.

    Raises: ValueError as calibration_curve does.

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [1, 1, 0, 0])
    0.25

    Reference: Naeini, Cooper, Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using
    Bayesian Binning; Guo et al. (2017), On Calibration of Modern Neural Networks.
    """
    observed, predicted, count = calibration_curve(probability, target, n_bins=n_bins)
    return float(count @ np.abs(observed - predicted) / count.sum())


# ---- regression ----------------------------------------------------------------------------------


@to_zero
def r2_score(prediction, target) -> float:
    """Share of the target's variance that the prediction explains.

    Formula: 1 - sum((target - prediction)^2) / sum((target - mean(target))^2).  A constant target
    has no variance: 1 if it is predicted exactly, else 0.

    Shapes: both (N,), or (N, ...) for several outputs, whose scores are averaged.  Range: 1 is
    perfect, 0 as good as the mean, negative worse.

    Raises: ValueError for unequal shapes, fewer than two samples, nan or infinite input.

    >>> round(r2_score([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 6)
    0.948608

    Reference: Draper, Smith (1998), Applied Regression Analysis; scikit-learn's r2_score.
    """
    prediction, target = pair("prediction", prediction, target)
    if target.ndim == 0 or len(target) < 2:
        raise ValueError(f"target has shape {target.shape}: variance needs two samples or more")
    left = ((target - prediction) ** 2).sum(axis=0)
    total = ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    same = np.ptp(target, axis=0) == 0  # total may be off 0 by rounding
    return float(np.where(same, left == 0, 1 - left / np.where(same, 1, total)).mean())


def mean_absolute_error(prediction, target) -> float:
    """Mean distance between prediction and target.

    Formula: mean(|prediction - target|).

    Shapes: both of one shape, any.  Units: the target's.

    Raises: ValueError for unequal shapes, nan, infinite or empty input.

    >>> mean_absolute_error([1.0, 2.0], [2.0, 4.0])
    1.5

    Reference: scikit-learn's mean_absolute_error.
    """
    return float(l1_loss(*pair("prediction", prediction, target)))


@to_zero
def root_mean_squared_error(prediction, target) -> float:
    """Typical size of an error, large ones weighing more.

    Formula: sqrt(mean((prediction - target)^2)).

    Shapes: both (N,), or (N, ...) for several outputs, whose errors are averaged.  Units: the
    target's.

    Raises: ValueError for unequal shapes, nan, infinite or empty input.

    >>> root_mean_squared_error([1.0, 2.0], [2.0, 9.0])
    5.0

    Reference: scikit-learn's root_mean_squared_error.
    """
    prediction, target = pair("prediction", prediction, target)
    return float(np.sqrt(((prediction - target) ** 2).mean(axis=0)).mean())


def pinball(prediction, target, *, quantile: float = 0.5) -> float:
    """Mean pinball loss of a predicted quantile.

    Formula: e = target - prediction; the mean of q e where e >= 0, (q - 1) e where e < 0.

    Shapes: both of one shape, any; quantile q between 0 and 1.  Units: the target's.

    Raises: ValueError for unequal shapes, a quantile outside of (0, 1), nan, infinite or empty
    input.

    >>> round(pinball([1.0, 2.5, 4.0], [1.5, 2.0, 1.0], quantile=0.9), 6)
    0.266667

    Reference: Koenker, Bassett (1978), Regression Quantiles; scikit-learn's mean_pinball_loss.
    """
    return float(quantile_loss(*pair("prediction", prediction, target), quantile=quantile))


def interval_coverage(lower, upper, target) -> float:
    """Share of targets inside their predicted interval; a 90 % interval should get 0.9.

    Formula: mean(lower <= target <= upper).  An interval whose ends have crossed covers nothing.

    Shapes: all of one shape, any; the ends may be infinite.  Range: 0 to 1.

    Raises: ValueError for unequal shapes, nan or empty input, or when lower is above upper in
    every interval.

    >>> interval_coverage([0.0, 0.0, 2.0], [1.0, 1.0, 3.0], [0.5, 1.0, 1.0])
    0.6666666666666666

    Reference: Khosravi et al. (2011), Comprehensive Review of Neural Network-Based Prediction
    Intervals (its PICP).
    """
    lower, target = pair("lower", lower, target, finite=False)
    upper, target = pair("upper", upper, target, finite=False)
    if (lower > upper).all():
        raise ValueError("lower is above upper in every interval: are the two swapped?")
    return float(np.mean((lower <= target) & (target <= upper)))


# ---- masks ---------------------------------------------------------------------------------------


def overlap(prediction, target, axis):
    """Sizes of the intersection, of the predicted mask and of the true one."""
    prediction, target = pair("prediction", prediction, target)
    a, b = yes_or_no("prediction", prediction), yes_or_no("target", target)
    return [mask.sum(axis=axis) for mask in (a & b, a, b)]


def iou(prediction, target, *, axis=None) -> float | np.ndarray:
    """Intersection over union of two masks; also called Jaccard index.

    Formula: |A and B| / |A or B|; 1 where both masks are empty.

    Shapes: 0/1 or booleans, both of one shape; counted over `axis` (all elements for None), for
    each image of (N, H, W) over axis=(1, 2).  Range: 0 to 1.

    Raises: ValueError for unequal shapes, values other than 0 and 1, nan, or empty input.

    >>> iou([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.3333333333333333

    Reference: Jaccard (1912), The Distribution of the Flora in the Alpine Zone.
    """
    both, predicted, actual = overlap(prediction, target, axis)
    score = quotient(both, predicted + actual - both, 1.0)
    return score if score.ndim else float(score)


def dice_coefficient(prediction, target, *, axis=None) -> float | np.ndarray:
    """Overlap of two masks over their mean size: the F1 score of the pixels.

    Formula: 2 |A and B| / (|A| + |B|) = 2 IoU / (1 + IoU); 1 where both masks are empty.

    Shapes, range, errors: as for iou.

    >>> dice_coefficient([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5

    Reference: Dice (1945), Measures of the Amount of Ecologic Association Between Species.
    """
    both, predicted, actual = overlap(prediction, target, axis)
    score = quotient(2 * both, predicted + actual, 1.0)
    return score if score.ndim else float(score)


# ---- rankings ------------------------------------------------------------------------------------


def ranking(score, target, k):
    """Scores and relevance of the candidates, (Q, N) each."""
    score, target = pair("score", score, target, finite=False)
    if score.ndim not in (1, 2):
        raise ValueError(f"score has shape {score.shape}, it must be (queries, candidates)")
    score, target = np.atleast_2d(score, target)
    check_none_negative("target", target, "it is the relevance")
    hopeless = (target == 0).all(axis=1)
    if hopeless.any():
        raise ValueError(
            f"target holds no relevant candidate for query {np.argmax(hopeless)} "
            f"({hopeless.sum()} of {len(target)} queries): leave such queries out"
        )
    if k is not None:
        check_count("k", k)
    return score, target


def recall_at_k(score, target, *, k: int) -> float:
    """Share of queries that have a relevant candidate among the k with the highest scores.

    Formula: mean over queries of [fewer than k irrelevant candidates score as high as the best
    relevant one].  Ties count against the query, so equal scores for all get 0.  Where each query
    has one relevant candidate, this is also the share of relevant candidates found.

    Shapes: score (Q, N) and target (Q, N), above 0 where relevant; or (N,) each for one query.
    Scores may be infinite.  Range: 0 to 1.

    Raises: ValueError for unequal shapes, a query without relevant candidates, k below 1, nan, or
    empty input.

    For embeddings with class labels, score = -distance, and nothing is a candidate for itself:

    >>> x, labels = np.array([0.0, 1.0, 1.5, 4.0]), np.array([0, 0, 1, 1])
    >>> score, same = -np.abs(x[:, None] - x), labels[:, None] == labels
    >>> np.fill_diagonal(score, -np.inf)
    >>> np.fill_diagonal(same, False)
    >>> recall_at_k(score, same, k=1), recall_at_k(score, same, k=2)
    (0.5, 0.75)

    Reference: Jegou, Douze, Schmid (2011), Product Quantization for Nearest Neighbor Search; Oh
    Song et al. (2016), Deep Metric Learning via Lifted Structured Feature Embedding.
    """
    score, target = ranking(score, target, k)
    relevant = target > 0
    best = np.max(score, axis=1, where=relevant, initial=-np.inf, keepdims=True)
    return float(np.mean((~relevant & (score >= best)).sum(axis=1) < k))


def ndcg(score, target, *, k: int | None = None) -> float:
    """Normalised discounted cumulative gain: are the most relevant candidates ranked first?

    Formula: DCG / (DCG of the ideal order), DCG = sum over ranks r = 1..k of gain_r / log2(r + 1);
    the gain is the target, and candidates of equal score share their mean gain.  The mean over
    queries.  For the gain 2^relevance - 1, pass 2**target - 1.

    Shapes: score (Q, N) and target (Q, N), relevance of at least 0; or (N,) each for one query;
    all ranks for k=None.  Range: 0 to 1.

    Raises: ValueError for unequal shapes, negative relevance, a query without relevant candidates,
    k below 1, nan, or empty input.

    >>> round(ndcg([0.3, 0.2, 0.1], [1, 2, 0]), 6)          # (1 + 2/log2 3) / (2 + 1/log2 3)
    0.859719

    Reference: Jarvelin, Kekalainen (2002), Cumulated Gain-Based Evaluation of IR Techniques;
    scikit-learn's ndcg_score.
    """
    score, target = ranking(score, target, k)
    discount = 1 / np.log2(np.arange(2, score.shape[1] + 2))
    if k is not None:
        discount[k:] = 0

    def dcg(score, gain):
        _, tied, count = np.unique(-score, return_inverse=True, return_counts=True)
        return np.repeat(np.bincount(tied, gain) / count, count) @ discount

    return float(np.mean([dcg(s, t) / dcg(t, t) for s, t in zip(score, target)]))


# ---- sequences -----------------------------------------------------------------------------------


def sequence(name, x):
    """The elements of a string, a list or a row of numbers, as a list."""
    try:
        return list(x.tolist() if hasattr(x, "tolist") else x)
    except TypeError:
        raise TypeError(f"{name} must be a sequence, got {x!r:.60}") from None


def tokens(name, x):
    if isinstance(x, str):
        raise TypeError(
            f"{name} is the string {x!r:.40}, a list of tokens is wanted: pass text.split() for "
            "words, list(text) for characters"
        )
    return sequence(name, x)


def cheapest_edit(a, b, substitution):
    """Least cost of turning a into b, where an insertion or a deletion costs 1."""
    row = list(range(len(b) + 1))  # from the first i elements of a to the first j of b
    for i, x in enumerate(a, 1):
        above, row = row, [i]
        for j, y in enumerate(b, 1):
            replaced = above[j - 1] + (0 if x == y else substitution)
            row.append(min(above[j] + 1, row[j - 1] + 1, replaced))
    return row[-1]


def edit_distance(prediction, target) -> int:
    """Least number of insertions, deletions and substitutions that turn one into the other.

    Formula: D[i, j] = min(D[i-1, j] + 1, D[i, j-1] + 1, D[i-1, j-1] + [a_i != b_j]), and 0, 1, 2
    ... along the edges.  Divided by len(target): the character or word error rate.

    Shapes: two sequences of any lengths, 0 included: strings, lists or rows of labels.  Units:
    edits.

    Raises: TypeError for what is no sequence.

    >>> edit_distance("kitten", "sitting")
    3

    Reference: Levenshtein (1966), Binary Codes Capable of Correcting Deletions, Insertions and
    Reversals; Wagner, Fischer (1974), The String-to-String Correction Problem.
    """
    return cheapest_edit(sequence("prediction", prediction), sequence("target", target), 1)


def rouge_l(prediction, target) -> float:
    """How much of a text and of its reference is common to both, in the same order.

    Formula: 2 P R / (P + R) = 2 L / (m + n), with precision P = L / m and recall R = L / n, for m
    predicted and n target tokens whose longest common subsequence is L long.  Without
    substitutions it takes m + n - 2 L edits to turn one into the other.

    Shapes: two lists of tokens.  Range: 0 to 1.

    Raises: TypeError for strings that are not split and for what is no sequence; ValueError where
    both are empty.

    >>> rouge_l("police kill the gunman".split(), "police killed the gunman".split())
    0.75

    Reference: Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries.
    """
    prediction, target = tokens("prediction", prediction), tokens("target", target)
    length = len(prediction) + len(target)
    if not length:
        raise ValueError("prediction and target are both empty, there is nothing to measure")
    return 1 - cheapest_edit(prediction, target, 2) / length


def ngrams(words, n):
    return Counter(zip(*(words[i:] for i in range(n))))


def bleu(prediction, target, *, max_n: int = 4, smooth: bool = False) -> float:
    """Share of a text's n-grams that its references have too, with a penalty for brevity.

    Formula: BP exp(mean over n = 1..max_n of log p_n).  p_n = matches / n-grams, both summed over
    all sentences; an n-gram matches at most as often as one reference has it.  BP = exp(1 - r / c)
    if c < r, else 1, for c predicted tokens against r in the references nearest in length (of two
    as near, the shorter).  smooth adds 1 to matches and n-grams of n > 1: without it one p_n = 0
    makes the score 0, as is common for a single sentence.

    Shapes: prediction, a list of sentences, each a list of tokens; target, for each sentence the
    list of its references, each a list of tokens.  Range: 0 to 1.

    Raises: TypeError for strings that are not split and for what is no sequence; ValueError for
    unequal numbers of sentences, no sentence or no reference, or max_n below 1.

    >>> text = "the cat sat on the mat".split()
    >>> bleu([text], [[text, "a cat was sitting there".split()]])
    1.0
    >>> round(bleu(["the the the".split()], [[text]], max_n=1), 6)    # 2/3 exp(1 - 6/3)
    0.245253

    Reference: Papineni, Roukos, Ward, Zhu (2002), BLEU: a Method for Automatic Evaluation of
    Machine Translation; smoothing by Lin, Och (2004), ORANGE.
    """
    check_count("max_n", max_n)
    prediction, target = tokens("prediction", prediction), tokens("target", target)
    if len(prediction) != len(target) or not prediction:
        raise ValueError(
            f"prediction holds {len(prediction)} sentences, target references for {len(target)}; "
            "it must be one list of references for each sentence"
        )
    matches, totals = np.zeros(max_n), np.zeros(max_n)
    length = reference_length = 0
    for i, (words, references) in enumerate(zip(prediction, target)):
        words = tokens(f"prediction[{i}]", words)
        references = [
            tokens(f"target[{i}][{j}]", r) for j, r in enumerate(tokens(f"target[{i}]", references))
        ]
        if not references:
            raise ValueError(f"target[{i}] is empty, it must hold a reference or more")
        length += len(words)
        _, nearest = min((abs(len(r) - len(words)), len(r)) for r in references)
        reference_length += nearest
        for n in range(1, max_n + 1):
            found = ngrams(words, n)
            allowed = reduce(or_, (ngrams(r, n) for r in references))
            matches[n - 1] += (found & allowed).total()
            totals[n - 1] += found.total()
    if smooth:
        matches[1:] += 1
        totals[1:] += 1
    if not matches.all():
        return 0.0
    brevity = min(0.0, 1 - reference_length / length)
    return math.exp(brevity + np.mean(np.log(matches / totals)))
