"""Metrics of predicted labels: identities and brute force."""

import numpy as np
import pytest

from microloss import metrics

from .harness import SEEDS


def labels(seed, classes=4, n=60):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, n), rng.integers(0, classes, n)


@pytest.mark.parametrize("seed", SEEDS)
def test_micro_average_is_accuracy(seed):
    right = metrics.accuracy(*labels(seed))
    for metric in (metrics.precision, metrics.recall, metrics.f1_score):
        assert metric(*labels(seed), average="micro") == pytest.approx(right, rel=1e-14)


def test_f1_is_the_harmonic_mean():
    prediction, target = labels(0, classes=2)
    p, r = metrics.precision(prediction, target), metrics.recall(prediction, target)
    assert metrics.f1_score(prediction, target) == pytest.approx(2 / (1 / p + 1 / r), rel=1e-14)


def test_balanced_accuracy_is_the_mean_recall():
    each = metrics.recall(*labels(0), average=None)
    assert metrics.balanced_accuracy(*labels(0)) == pytest.approx(each.mean(), rel=1e-14)


def test_confusion_matrix_counts():
    prediction, target = labels(0, classes=3)
    expected = [[sum((target == i) & (prediction == j)) for j in range(3)] for i in range(3)]
    assert np.array_equal(metrics.confusion_matrix(prediction, target), expected)
