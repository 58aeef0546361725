"""Metrics of sequences: identities and brute force."""

import itertools

import numpy as np
import pytest

import microloss as ml
from microloss import metrics

from .cases.sequence import CAT, CAT_SAT
from .harness import SEEDS


def words(seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 3, rng.integers(1, 8)).tolist() for _ in range(3)]


def slow_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    kept = slow_distance(a[1:], b[1:]) + (a[0] != b[0])
    return min(kept, slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_edit_distance_by_trying_everything(seed):
    a, b, c = words(seed)
    d = metrics.edit_distance
    assert d(a, b) == d(b, a) == d(np.array(a), tuple(b)) == slow_distance(a, b)
    assert d(a, a) == 0 and d(a, c) <= d(a, b) + d(b, c)


@pytest.mark.parametrize("seed", SEEDS)
def test_rouge_l_by_trying_all_subsequences(seed):
    a, b, _ = words(seed)

    def subsequences(x):
        return {s for n in range(len(x) + 1) for s in itertools.combinations(x, n)}

    common = max(map(len, subsequences(a) & subsequences(b)))
    expected = 2 * common / (len(a) + len(b))
    assert metrics.rouge_l(a, b) == pytest.approx(expected, rel=1e-14)


def test_bleu_of_itself_is_one():
    assert metrics.bleu([CAT, CAT_SAT], [[CAT], [CAT_SAT]]) == 1
    assert metrics.bleu([["yes"]], [[["yes"]]]) == 0  # it has no pairs of words
    assert metrics.bleu([["yes"]], [[["yes"]]], smooth=True) == 1
    assert metrics.bleu([[]], [[["yes"]]], smooth=True) == 0


def test_a_reference_more_never_hurts():
    better = metrics.bleu([CAT], [[CAT_SAT, ["my", "cat", "is", "on", "the", "table"]]])
    assert better > metrics.bleu([CAT], [[CAT_SAT]])


def test_edit_distance_of_tensors():
    assert metrics.edit_distance(ml.Tensor([1.0, 2.0]), [1, 3, 2]) == 1


def test_words_may_stand_in_an_array():
    assert metrics.edit_distance(np.array(["a", "b"]), ["a", "c"]) == 1
    assert metrics.rouge_n(np.array(CAT), CAT_SAT, n=1) == pytest.approx(5 / 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_word_error_rate_is_the_mean_distance_for_each_word(seed):
    pairs = [words(10 * seed + i)[:2] for i in range(4)]
    expected = sum(slow_distance(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)
    rate = metrics.word_error_rate([a for a, _ in pairs], [b for _, b in pairs])
    assert rate == pytest.approx(expected, rel=1e-14)
