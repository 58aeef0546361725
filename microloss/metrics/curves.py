"""Metrics of scores, at every threshold that makes a difference."""

import itertools

import numpy as np

from .classification import check_range
from .common import binary, check_choice, metric, numbers, pair, weights, whole, yes_or_no
from .probability import check_distributions

__all__ = ["average_precision", "precision_recall_curve", "roc_auc", "roc_curve"]


def reaching(thresholds, score, w):
    """The weight of the scores at or above each threshold."""
    order = np.argsort(-score)
    total = np.append(0.0, np.cumsum(w[order]))
    return total[np.searchsorted(-score[order], -thresholds, side="right")]


def weighed(score, target, sample_weight):
    """Scores, labels and weights of the examples that count."""
    score, target = binary("score", score, target)
    w = weights(sample_weight, len(target))
    return score[w > 0], target[w > 0], w[w > 0]


@metric
def roc_curve(score, target, *, sample_weight=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False and true positive rate at every threshold that makes a difference.

    Formula: for a threshold t, FPR = share of the negatives and TPR = share of the positives with
    score >= t. Equal scores pass together, so ties make a slanted step.

    Shapes: score any real numbers (N,) and target 0/1 (N,); sample_weight (N,); result (fpr, tpr,
    thresholds), each one longer than the number of distinct scores, thresholds falling from inf.

    Raises: ValueError for unequal shapes, other shapes (take one column at a time), labels other
    than 0 and 1, a target of one class only, nan or infinite scores, empty input, or weights that
    are negative or all 0.

    >>> fpr, tpr, thresholds = roc_curve([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    >>> fpr, tpr, thresholds
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]), array([inf, 0.8, 0.4, 0.1]))

    Reference: Fawcett (2006), An Introduction to ROC Analysis; scikit-learn's roc_curve with
    drop_intermediate=False.
    """
    score, target, w = weighed(score, target, sample_weight)
    if target.all() or not target.any():
        raise ValueError(
            f"target holds only {int(target[0])}s; a ROC curve compares the scores of both classes"
        )
    thresholds = np.append(np.inf, np.unique(score)[::-1])
    counts = (reaching(thresholds, score[s], w[s]) for s in (~target, target))
    fpr, tpr = (n / n[-1] for n in counts)
    return fpr, tpr, thresholds


AVERAGES = ("macro", "weighted", "micro", "samples", None)


def by_label(curve_metric, score, target, average, sample_weight):
    """A metric of one row of labels for each column of (N, L), averaged."""
    check_choice("average", average, AVERAGES)
    w = weights(sample_weight, len(target))
    if average == "micro":
        return curve_metric(score.ravel(), target.ravel(), np.repeat(w, target.shape[1]))
    if average == "samples":
        rows = enumerate(zip(score, target))
        each = [one_column(curve_metric, "row", i, s, t, None) for i, (s, t) in rows]
        return float(np.average(each, weights=w))
    columns = enumerate(zip(score.T, target.T))
    each = np.array([one_column(curve_metric, "column", j, s, t, w) for j, (s, t) in columns])
    if average is None:
        return each
    return float(np.average(each, weights=w @ target if average == "weighted" else None))


def one_column(curve_metric, kind, i, score, target, w):
    try:
        return curve_metric(score, target, w)
    except ValueError as error:
        raise ValueError(f"{kind} {i} of target: {error}") from None


def of_many_labels(score, target):
    """Whether target says 0 or 1 for each label of (N, L)."""
    if np.ndim(target) != 2 or np.shape(target)[1] < 2:
        return False
    yes_or_no("target", pair("score", score, target)[1])
    return True


def of_many_classes(score, target):
    """Whether score has a column for each class, and target one class for each example."""
    return np.ndim(score) == 2 and np.ndim(target) == 1 and np.shape(score)[1] > 1


def one_per_class(score, target):
    """The scores (N, C), and the labels as 0/1 in (N, C)."""
    score, target = numbers("score", score), whole("target", target)
    if len(score) != len(target):
        raise ValueError(f"score has shape {score.shape}, target {target.shape}; it must be (N,)")
    classes = score.shape[1]
    check_range(target, classes)
    return score, target[:, None] == np.arange(classes)


@metric
def roc_auc(
    score,
    target,
    *,
    average: str | None = "macro",
    multi_class: str | None = None,
    sample_weight=None,
) -> float | np.ndarray:
    """Probability that a positive scores higher than a negative, where a tie counts one half.

    Formula: the area under the ROC curve by trapezoids = P(s+ > s-) + P(s+ = s-) / 2. For many
    labels, the average of it over the labels. For many classes, multi_class="ovr" takes each class
    against the rest; "ovo" takes each pair of classes among the examples of these two, by the
    score of the one and of the other, and averages over the pairs.

    Shapes: score and target 0/1 (N,); or score and target 0/1 (N, L) for many labels; or, with
    multi_class, probabilities (N, C) as score and labels from 0 to C - 1 (N,) as target;
    sample_weight (N,). average="macro": the mean over labels, classes or pairs; "weighted": that
    mean, weighted by how often each is true; "micro": all elements as one row; "samples": the mean
    over rows; None: each label or class, (L,) or (C,). One row of scores has nothing to
    average. Range: 0 to 1; 0.5 for scores that know nothing.

    Raises: ValueError as roc_curve does, also where one label or class is always or never true;
    for (N, C) without multi_class or with rows that do not sum to 1; and for an average that "ovr"
    (samples) or "ovo" (samples, micro, None, any sample_weight) does not have.

    >>> roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    >>> p = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]
    >>> round(roc_auc(p, [0, 1, 0, 2], multi_class="ovr"), 6)
    1.0

    Reference: Hanley, McNeil (1982), The Meaning and Use of the Area under a ROC Curve; Hand, Till
    (2001), A Simple Generalisation of the Area Under the ROC Curve for Multiple Class
    Classification Problems ("ovo"); scikit-learn's roc_auc_score.
    """
    check_choice("average", average, AVERAGES)
    check_choice("multi_class", multi_class, ("ovr", "ovo", None))
    if of_many_labels(score, target):
        score, target = pair("score", score, target)
        return by_label(binary_auc, score, target, average, sample_weight)
    if not of_many_classes(score, target):
        return binary_auc(score, target, sample_weight)
    score, target = one_per_class(score, target)
    if multi_class is None:
        raise ValueError(
            f'score has shape {score.shape}, one column per class: pass multi_class="ovr" (each '
            'class against the rest) or "ovo" (each pair of classes)'
        )
    check_distributions("score", score)
    if multi_class == "ovr" and average != "samples":
        return by_label(binary_auc, score, target, average, sample_weight)
    if average not in ("macro", "weighted") or sample_weight is not None:
        raise ValueError(
            f'multi_class="{multi_class}" does not have average={average!r}'
            + ("" if sample_weight is None else " or sample_weight")
            + '; "ovo" takes "macro" or "weighted", and "ovr" all but "samples"'
        )
    aucs, share = [], []
    for a, b in itertools.combinations(range(score.shape[1]), 2):
        either = target[:, a] | target[:, b]
        aucs.append(np.mean([binary_auc(score[either, c], target[either, c]) for c in (a, b)]))
        share.append(either.mean())
    return float(np.average(aucs, weights=share if average == "weighted" else None))


def binary_auc(score, target, sample_weight=None) -> float:
    fpr, tpr, _ = roc_curve(score, target, sample_weight=sample_weight)
    return float(np.trapezoid(tpr, fpr))


@metric
def precision_recall_curve(
    score, target, *, sample_weight=None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of "score >= threshold", at every threshold that makes a difference.

    Formula: with TP and FP the positives and negatives that reach t, precision = TP / (TP + FP)
    and recall = TP / (number of positives).

    Shapes: score any real numbers (N,) and target 0/1 (N,); sample_weight (N,); result (precision,
    recall, thresholds): thresholds rising, one for each distinct score; the other two have one
    element more, the end point (1, 0) of a threshold that nothing reaches.

    Raises: ValueError as roc_curve does, but negatives may be missing, only positives may not.

    >>> precision, recall, thresholds = precision_recall_curve([0.2, 0.6, 0.9], [0, 1, 1])
    >>> precision.round(4), recall, thresholds
    (array([0.6667, 1.    , 1.    , 1.    ]), array([1. , 1. , 0.5, 0. ]), array([0.2, 0.6, 0.9]))

    Reference: scikit-learn's precision_recall_curve.
    """
    score, target, w = weighed(score, target, sample_weight)
    if not target.any():
        raise ValueError("target holds only 0s; recall needs a positive")
    thresholds = np.unique(score)
    found = reaching(thresholds, score[target], w[target])
    taken = reaching(thresholds, score, w)
    return np.append(found / taken, 1.0), np.append(found / found[0], 0.0), thresholds


@metric
def average_precision(
    score, target, *, average: str | None = "macro", sample_weight=None
) -> float | np.ndarray:
    """Mean precision, weighted by how much recall grows at each threshold.

    Formula: sum_n (R_n - R_(n-1)) P_n over the precision-recall curve, without interpolation. For
    many labels or classes, the average of it over them.

    Shapes: score and target 0/1 (N,); or score and target 0/1 (N, L) for many labels; or score
    (N, C) and labels from 0 to C - 1 (N,), each class against the rest; sample_weight (N,);
    average as for roc_auc. Range: 0 to 1; scores that know nothing get about the share of
    positives.

    Raises: ValueError as precision_recall_curve does, also where one label or class is never true.

    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 6)
    0.833333
    >>> average_precision([[0.1, 0.9], [0.8, 0.3], [0.4, 0.5]], [[0, 1], [1, 0], [1, 0]])
    1.0

    Reference: scikit-learn's average_precision_score.
    """
    check_choice("average", average, AVERAGES)
    if of_many_labels(score, target):
        score, target = pair("score", score, target)
        return by_label(binary_average_precision, score, target, average, sample_weight)
    if of_many_classes(score, target):
        score, target = one_per_class(score, target)
        return by_label(binary_average_precision, score, target, average, sample_weight)
    return binary_average_precision(score, target, sample_weight)


def binary_average_precision(score, target, sample_weight=None) -> float:
    precision, recall, _ = precision_recall_curve(score, target, sample_weight=sample_weight)
    return float(-np.diff(recall) @ precision[:-1])
