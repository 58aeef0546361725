"""Metrics of predicted labels: which are right, and which were taken for which."""

import math

import numpy as np

from ..losses import check
from .common import (
    check_choice,
    check_count,
    class_labels,
    defined_mean,
    label_pair,
    metric,
    numbers,
    quotient,
    weighted_mean,
    weights,
    whole,
    yes_or_no,
)

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "f1_score",
    "fbeta_score",
    "matthews_corrcoef",
    "precision",
    "recall",
    "top_k_accuracy",
]


@metric
def accuracy(prediction, target, *, sample_weight=None) -> float:
    """Share of the examples whose predicted label is right.

    Formula: mean(prediction = target). Where an example may have many labels, all of them must be
    right (subset accuracy).

    Shapes: prediction and target whole numbers (N,), one class for each example, or 0/1 in (N, L),
    where column j says whether an example has the label j; sample_weight (N,). Range: 0 to 1.

    Raises: ValueError for unequal shapes, other shapes, labels that are not whole numbers, nan,
    empty input, or weights that are negative or all 0.

    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    >>> accuracy([[1, 0], [1, 1]], [[1, 0], [0, 1]])
    0.5

    Reference: scikit-learn's accuracy_score.
    """
    prediction, target = label_pair(prediction, target)
    right = prediction == target
    return float(weighted_mean(right if right.ndim == 1 else right.all(axis=1), sample_weight))


@metric
def top_k_accuracy(score, target, *, k: int, axis: int = -1, sample_weight=None) -> float:
    """Share of the examples whose class is among the k with the highest scores.

    Formula: mean of [fewer than k other classes score as high as the true one]. Ties count against
    the model (scikit-learn lets the higher class index win), so equal scores for all get 0.

    Shapes: score (N, C), or with the classes on `axis` (..., C, ...); target the labels from 0 to
    C - 1 without that axis; sample_weight (N,), for scores (N, C) only. Range: 0 to 1.

    Raises: ValueError for shapes that do not fit, labels out of range, nan, empty input, and k
    below 1 or not below C, where every prediction would be right.

    >>> scores = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]
    >>> top_k_accuracy(scores, [1, 2, 2], k=2)
    0.6666666666666666

    Reference: scikit-learn's top_k_accuracy_score; Russakovsky et al. (2015), ImageNet Large Scale
    Visual Recognition Challenge (its top-5 accuracy).
    """
    score, target = numbers("score", score, finite=False), whole("target", target)
    score, classes = classes_last("score", score, target, axis)
    check_range(target, classes)
    check_count("k", k)
    if k >= classes:
        raise ValueError(f"k={k} of {classes} classes is always right; k must be below {classes}")
    chosen = np.take_along_axis(score, target[..., None], axis=-1)
    right = (score >= chosen).sum(axis=-1) <= k
    return float(weighted_mean(right, sample_weight).mean())


def classes_last(name, x, target, axis):
    """x with its classes on the last axis, and their number; target has the shape of the rest."""
    if not (isinstance(axis, int | np.integer) and -x.ndim <= axis < x.ndim):
        raise ValueError(f"{name} has shape {x.shape}, which has no axis {axis!r} for the classes")
    moved = np.moveaxis(x, axis, -1)
    classes = moved.shape[-1]
    if moved.shape[:-1] != target.shape:
        cure = ""
        for other in range(x.ndim):
            if x.shape[:other] + x.shape[other + 1 :] == target.shape:
                cure = f"; if the classes stand on axis {other}, pass axis={other}"
        raise ValueError(
            f"{name} has shape {x.shape} with {classes} classes on axis {axis}, so target must "
            f"have shape {moved.shape[:-1]}, and it has {target.shape}{cure}"
        )
    return moved, classes


def check_range(target, classes):
    wrong = (target < 0) | (target >= classes)
    if wrong.any():
        raise ValueError(
            f"target holds the label {target[wrong].flat[0]}, labels run from 0 to {classes - 1}"
        )


@metric
def confusion_matrix(prediction, target, *, labels=None, sample_weight=None) -> np.ndarray:
    """How often each class was taken for each: rows are the true classes, columns the predicted.

    Formula: C[i, j] = number of examples with target = labels[i] and prediction = labels[j], or
    the sum of their weights.

    Shapes: whole numbers (N,); labels (C,), the classes in the order of rows and columns, or None
    for all that occur, sorted; sample_weight (N,); result (C, C). Units: counts.

    Raises: ValueError as accuracy does, for (N, L), and for labels that repeat a class or lack one
    that occurs.

    >>> confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1])
    array([[1, 1],
           [0, 2]])
    >>> confusion_matrix([2, 2], [0, 2], labels=range(3))
    array([[0, 0, 1],
           [0, 0, 0],
           [0, 0, 1]])

    Reference: scikit-learn's confusion_matrix.
    """
    prediction, target = class_labels(prediction, target)
    classes, index = np.unique([prediction, target], return_inverse=True)
    column, row = index.reshape(2, -1)
    size = len(classes)
    w = None if sample_weight is None else weights(sample_weight, len(target))
    counts = np.bincount(row * size + column, w, size * size).reshape(size, size)
    if labels is None:
        return counts
    labels = whole("labels", labels).tolist()
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels must name each class once, got {labels}")
    missing = [int(c) for c in classes if c not in labels]
    if missing:
        raise ValueError(f"labels lacks {missing[0]}, which prediction or target holds")
    place = [labels.index(c) for c in classes]
    result = np.zeros((len(labels), len(labels)), counts.dtype)
    result[np.ix_(place, place)] = counts
    return result


@metric
def balanced_accuracy(prediction, target, *, sample_weight=None) -> float:
    """Mean over the true classes of the share of each that was found: blind guessing gets 1 / C.

    Formula: mean over c of C[c, c] / sum_j C[c, j], with the confusion matrix C. Classes that
    target lacks do not count.

    Shapes: whole numbers (N,); sample_weight (N,). Range: 0 to 1.

    Raises: ValueError as confusion_matrix does.

    >>> balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
    0.5

    Reference: Brodersen et al. (2010), The Balanced Accuracy and Its Posterior Distribution.
    """
    matrix = confusion_matrix(prediction, target, sample_weight=sample_weight)
    actual = matrix.sum(axis=1)
    return float(np.mean(np.diag(matrix)[actual > 0] / actual[actual > 0]))


@metric
def matthews_corrcoef(prediction, target, *, sample_weight=None) -> float:
    """Correlation of the predicted with the true classes: high only if every class is found.

    Formula: for two classes (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)); for
    more, cov(p, t) / sqrt(cov(p, p) cov(t, t)) of the one-hot predictions p and targets t. It is 0
    where prediction or target holds one class only.

    Shapes: whole numbers (N,); sample_weight (N,). Range: -1 to 1; 0 for blind guessing.

    Raises: ValueError as confusion_matrix does.

    >>> matthews_corrcoef([1, 0, 1, 1], [1, 1, 1, 0])
    -0.3333333333333333

    Reference: Matthews (1975), Comparison of the predicted and observed secondary structure of T4
    phage lysozyme; Gorodkin (2004) for more than two classes; scikit-learn's matthews_corrcoef.
    """
    matrix = confusion_matrix(prediction, target, sample_weight=sample_weight)
    matrix = matrix / matrix.sum()
    predicted, actual = matrix.sum(axis=0), matrix.sum(axis=1)
    if (predicted > 0).sum() == 1 or (actual > 0).sum() == 1:
        return 0.0
    covariance = np.trace(matrix) - predicted @ actual
    return float(covariance / np.sqrt((1 - predicted @ predicted) * (1 - actual @ actual)))


AVERAGES = ("binary", "macro", "micro", "weighted", "samples", None)


def counts(prediction, target, average, sample_weight):
    """How often each class was found, predicted, and true; the weights of a mean over them."""
    check_choice("average", average, AVERAGES)
    if average == "binary":
        cure = ': pass average="macro", "micro", "weighted" or None for more than two classes'
        for name, x in ("prediction", prediction), ("target", target):
            yes_or_no(name, numbers(name, x), cure)
    prediction, target = label_pair(prediction, target)
    w = weights(sample_weight, len(target))
    if target.ndim == 2:
        if average == "binary":
            raise ValueError(
                f'target has shape {target.shape}: pass average="macro", "micro", "weighted", '
                '"samples" or None for many labels'
            )
        each = np.array([prediction * target, prediction, target])
        if average == "samples":
            return each.sum(axis=2), w
        each = np.tensordot(each, w, (1, 0))
    else:
        if average == "samples":
            raise ValueError(
                'average="samples" needs prediction and target of shape (N, L), where column j '
                f"says whether an example has the label j; target has shape {target.shape}"
            )
        labels = (0, 1) if average == "binary" else None
        matrix = confusion_matrix(prediction, target, labels=labels, sample_weight=w)
        each = np.array([np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)])
    if average == "micro":
        each = each.sum(axis=1, keepdims=True)
    elif average == "binary":
        each = each[:, 1:]
    return each, each[2] if average == "weighted" else None


def ratio(part, whole, average, w, zero_division):
    if not (isinstance(zero_division, float) and math.isnan(zero_division)):
        check.fraction("zero_division", zero_division)
    values = quotient(part, whole, zero_division)
    return values if average is None else defined_mean(values, w)


@metric
def precision(
    prediction,
    target,
    *,
    average: str | None = "binary",
    zero_division: float = 0.0,
    sample_weight=None,
) -> float | np.ndarray:
    """Share of what was predicted as a class that belongs to it.

    Formula: TP / (TP + FP); zero_division where nothing was predicted. A nan given there is left
    out of the means.

    Shapes: prediction and target whole numbers (N,), one class for each example, or 0/1 in (N, L),
    where column j says whether an example has the label j; sample_weight (N,). Range: 0 to 1.
    average="binary": labels 0 and 1, the score of 1; "macro": the mean over all classes that occur
    in either, or over all columns; "weighted": that mean, weighted by how often a class is true;
    "micro": the counts of all classes summed first; "samples": the mean over the rows of (N, L);
    None: one score for each class, sorted, (C,) or (L,).

    Raises: ValueError as accuracy does, for labels other than 0 and 1 under "binary", an unknown
    average or one that does not fit the shape, or a zero_division that is neither in [0, 1] nor
    nan.

    >>> precision([1, 1, 0, 1], [1, 0, 0, 1])
    0.6666666666666666
    >>> precision([0, 2, 2, 2], [0, 1, 2, 2], average=None)
    array([1.        , 0.        , 0.66666667])

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's precision_score.
    """
    (found, predicted, _), w = counts(prediction, target, average, sample_weight)
    return ratio(found, predicted, average, w, zero_division)


@metric
def recall(
    prediction,
    target,
    *,
    average: str | None = "binary",
    zero_division: float = 0.0,
    sample_weight=None,
) -> float | np.ndarray:
    """Share of a class that was predicted as such.

    Formula: TP / (TP + FN); zero_division where target lacks the class.

    Shapes, range, averages, errors: as for precision.

    >>> recall([1, 0, 0, 1], [1, 1, 0, 1])
    0.6666666666666666

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's recall_score.
    """
    (found, _, actual), w = counts(prediction, target, average, sample_weight)
    return ratio(found, actual, average, w, zero_division)


@metric
def f1_score(
    prediction,
    target,
    *,
    average: str | None = "binary",
    zero_division: float = 0.0,
    sample_weight=None,
) -> float | np.ndarray:
    """Harmonic mean of precision and recall: high only if both are.

    Formula: 2 TP / (2 TP + FP + FN); zero_division where a class is neither predicted nor true.
    "macro" averages the F1 of the classes.

    Shapes, range, averages, errors: as for precision.

    >>> f1_score([1, 0, 0, 1, 1], [1, 1, 0, 1, 0])
    0.6666666666666666

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's f1_score.
    """
    return fbeta_score(
        prediction,
        target,
        beta=1.0,
        average=average,
        zero_division=zero_division,
        sample_weight=sample_weight,
    )


@metric
def fbeta_score(
    prediction,
    target,
    *,
    beta: float,
    average: str | None = "binary",
    zero_division: float = 0.0,
    sample_weight=None,
) -> float | np.ndarray:
    """Harmonic mean of precision and recall, where recall weighs beta times as much.

    Formula: (1 + beta^2) P R / (beta^2 P + R) = (1 + beta^2) TP / ((1 + beta^2) TP + beta^2 FN +
    FP); zero_division where a class is neither predicted nor true.

    Shapes, range, averages, errors: as for precision; beta is at least 0 (0 is precision).

    >>> round(fbeta_score([1, 0, 0, 1, 1], [1, 1, 1, 1, 0], beta=2.0), 6)   # P 2/3, R 1/2
    0.526316

    Reference: van Rijsbergen (1979), Information Retrieval; scikit-learn's fbeta_score.
    """
    beta = check.not_negative("beta", beta)
    if not math.isfinite(beta):
        raise ValueError("beta must be finite, got inf; use recall")
    (found, predicted, actual), w = counts(prediction, target, average, sample_weight)
    whole = beta**2 * actual + predicted
    return ratio((1 + beta**2) * found, whole, average, w, zero_division)
