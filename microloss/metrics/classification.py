"""Metrics of predicted labels: which are right, and which were taken for which."""

import numpy as np

from ..losses import check
from .common import class_labels, quotient, real, yes_or_no


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
    check.fraction("zero_division", zero_division)
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
