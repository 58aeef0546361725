"""Metrics of clusterings: the names of the clusters do not matter."""

import numpy as np

from .common import class_labels, metric

__all__ = ["adjusted_rand_index", "purity"]


def contingency(prediction, target):
    """Number of examples of each class (rows) in each cluster (columns)."""
    clusters, column = np.unique(prediction, return_inverse=True)
    classes, row = np.unique(target, return_inverse=True)
    shape = len(classes), len(clusters)
    return np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)


@metric
def purity(prediction, target) -> float:
    """Share of the examples that belong to the most common class of their cluster.

    Formula: sum over clusters k of max_c n_ck / N, for n_ck examples of class c in cluster k. More
    clusters are never less pure: one cluster for each example gets 1.

    Shapes: cluster numbers and classes, whole numbers (N,). Range: above 0, to 1.

    Raises: ValueError for unequal or other shapes, labels that are not whole numbers, nan, or empty
    input.

    >>> purity([0, 0, 0, 1, 1], [5, 5, 7, 7, 7])
    0.8

    Reference: Manning, Raghavan, Schuetze (2008), Introduction to Information Retrieval, ch. 16.
    """
    table = contingency(*class_labels(prediction, target))
    return float(table.max(axis=0).sum() / table.sum())


@metric
def adjusted_rand_index(prediction, target) -> float:
    """Agreement of two clusterings on which pairs belong together, corrected for chance.

    Formula: (R - E) / (M - E), with R = sum_ck C(n_ck, 2) the pairs that are together in both, a
    and b the pairs that are together in each, E = a b / C(N, 2) what chance gives, and
    M = (a + b) / 2. It is 1 where no pair is in doubt.

    Shapes: as for purity. Range: at most 1; 0 on average for random clusters, and negative for
    worse.

    Raises: ValueError as purity does.

    >>> adjusted_rand_index([1, 1, 0, 0], [0, 0, 1, 1])
    1.0
    >>> round(adjusted_rand_index([0, 0, 1, 2], [0, 0, 1, 1]), 6)
    0.571429

    Reference: Hubert, Arabie (1985), Comparing Partitions; scikit-learn's adjusted_rand_score.
    """
    table = contingency(*class_labels(prediction, target))

    def pairs(counts):
        return sum(n * (n - 1) // 2 for n in counts.ravel().tolist())

    together, clusters, classes = map(pairs, (table, table.sum(axis=0), table.sum(axis=1)))
    if together == clusters == classes:
        return 1.0
    total = pairs(table.sum())
    chance = clusters * classes / total
    return (together - chance) / ((clusters + classes) / 2 - chance)
