"""Metrics of rankings: identities and brute force."""

import itertools

import numpy as np
import pytest

from microloss import metrics

from .harness import SEEDS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 3, 8])
def test_recall_at_k_by_sorting(seed, k):
    rng = np.random.default_rng(seed)
    score, target = rng.standard_normal((20, 8)), rng.random((20, 8)) < 0.2
    target[:, 0] |= ~target.any(axis=1)
    top = np.argsort(-score, axis=1)[:, :k]
    expected = np.mean([t[best].any() for t, best in zip(target, top)])
    assert metrics.recall_at_k(score, target, k=k) == pytest.approx(expected, rel=1e-14)


def test_collapsed_embeddings_find_nothing():
    assert metrics.recall_at_k(np.zeros((6, 6)), np.eye(6), k=5) == 0
    assert metrics.recall_at_k(np.full((6, 6), -np.inf), np.eye(6), k=6) == 1


def test_ndcg_of_ties_is_the_mean_over_their_orders():
    score, gain = np.array([2, 1, 1, 1, 0]), np.array([1, 0, 3, 2, 1])
    orders = [
        metrics.ndcg(score + np.array([0, *noise, 0]) / 10, gain, k=3)
        for noise in itertools.permutations([1, 2, 3])
    ]
    assert metrics.ndcg(score, gain, k=3) == pytest.approx(np.mean(orders), rel=1e-13)
    assert np.ptp(orders) > 0.1
    assert metrics.ndcg(gain, gain) == 1
