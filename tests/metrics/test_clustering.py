"""Metrics of clusterings: identities and brute force."""

import itertools

import numpy as np
import pytest

from microloss import metrics

from .harness import SEEDS


@pytest.mark.parametrize("seed", SEEDS)
def test_rand_index_by_counting_pairs(seed):
    """(R - E) / (M - E) with the pairs counted one by one."""
    a, b = np.random.default_rng(seed).integers(0, 3, (2, 12))
    pairs = list(itertools.combinations(range(12), 2))
    in_a, in_b = (sum(x[i] == x[j] for i, j in pairs) for x in (a, b))
    both = sum(a[i] == a[j] and b[i] == b[j] for i, j in pairs)
    chance = in_a * in_b / len(pairs)
    expected = (both - chance) / ((in_a + in_b) / 2 - chance)
    assert metrics.adjusted_rand_index(a, b) == pytest.approx(expected, rel=1e-12)


def test_names_of_clusters_do_not_matter():
    a, b = np.random.default_rng(0).integers(0, 4, (2, 30))
    renamed = np.array([7, -1, 3, 100])[a]
    for metric in (metrics.purity, metrics.adjusted_rand_index):
        assert metric(renamed, b) == pytest.approx(metric(a, b), rel=1e-14)
        assert metric(a, a) == 1


def test_many_examples_do_not_overflow():
    a = np.repeat([0, 1], 10**6)
    assert metrics.adjusted_rand_index(a, a) == 1
    assert metrics.adjusted_rand_index(a, a[::-1]) == 1
    assert abs(metrics.adjusted_rand_index(a, np.arange(a.size) % 2)) < 1e-6
