"""Metrics of scores, at every threshold that makes a difference."""

import numpy as np

from .common import binary


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
