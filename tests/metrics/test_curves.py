"""Metrics of scores: identities and brute force."""

import numpy as np
import pytest

from microloss import metrics

from .harness import SEEDS


def tied_scores(seed, n=60):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n)
    return (rng.standard_normal(n) + target).round(), target


@pytest.mark.parametrize("seed", SEEDS)
def test_auc_is_the_probability_of_the_right_order(seed):
    score, target = tied_scores(seed)
    pairs = [(p > n) + (p == n) / 2 for p in score[target == 1] for n in score[target == 0]]
    assert metrics.roc_auc(score, target) == pytest.approx(np.mean(pairs), rel=1e-13)
    assert metrics.roc_auc(-score, target) == pytest.approx(1 - np.mean(pairs), rel=1e-13)


def test_the_curves_count_what_reaches_the_threshold():
    score, target = tied_scores(0)
    fpr, tpr, thresholds = metrics.roc_curve(score, target)
    precision, recall, rising = metrics.precision_recall_curve(score, target)
    assert len(thresholds) == len(set(score)) + 1 and len(rising) == len(set(score))
    for f, t, threshold in zip(fpr, tpr, thresholds):
        assert f == np.mean(score[target == 0] >= threshold)
        assert t == np.mean(score[target == 1] >= threshold)
    for p, r, threshold in zip(precision, recall, rising):
        assert p == metrics.precision(score >= threshold, target)
        assert r == metrics.recall(score >= threshold, target)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_the_mean_precision_at_the_positives(seed):
    rng = np.random.default_rng(seed)
    score, target = rng.standard_normal(50), rng.integers(0, 2, 50)
    at = [metrics.precision(score >= s, target) for s in score[target == 1]]
    assert metrics.average_precision(score, target) == pytest.approx(np.mean(at), rel=1e-13)
