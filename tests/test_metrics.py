"""Metrics: values by hand, identities, brute force, and scikit-learn's values.

scikit-learn's are kept in data/metrics.json, made by `python tests/test_metrics.py` where it is
installed.
"""

import importlib
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

import microloss as ml
from microloss import losses, metrics
from microloss.metrics import perplexity

KEPT = Path(__file__).parent / "data" / "metrics.json"
SEEDS = range(5)

# ---- by hand -------------------------------------------------------------------------------------

CAT = ["the", "cat", "is", "on", "the", "mat"]
CAT_SAT = ["the", "cat", "sat", "on", "the", "mat"]

BY_HAND = [
    (metrics.accuracy, ([0, 1, 2, 0], [0, 1, 1, 1]), {}, 2 / 4),
    (metrics.accuracy, ([[True, False]], [[1, 1]]), {}, 1 / 2),
    # found: 2 of 3 zeros, 1 of 1 one; the 7 that is predicted is never true
    (metrics.balanced_accuracy, ([0, 0, 7, 1], [0, 0, 0, 1]), {}, (2 / 3 + 1) / 2),
    (metrics.confusion_matrix, ([5, 5, 2, 5], [2, 5, 2, 2]), {}, [[1, 2], [0, 1]]),
    (
        metrics.confusion_matrix,
        ([5, 5, 2, 5], [2, 5, 2, 2]),
        {"labels": [5, 3, 2]},
        [[1, 0, 0], [0, 0, 0], [2, 0, 1]],
    ),
    # TP 1, FP 2, FN 1
    (metrics.precision, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, 1 / 3),
    (metrics.recall, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, 1 / 2),
    (metrics.f1_score, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, 2 / 5),
    (metrics.precision, ([0, 0], [0, 1]), {"zero_division": 1.0}, 1),
    (metrics.recall, ([0, 1], [0, 0]), {}, 0),
    (metrics.recall, ([0, 2, 2], [0, 0, 1]), {"average": None}, [1 / 2, 0, 0]),
    # thresholds inf, 3, 2, 1: nobody; one positive; also one of each; everybody
    (
        metrics.roc_curve,
        ([3, 2, 2, 1], [1, 1, 0, 0]),
        {},
        ([0, 0, 1 / 2, 1], [0, 1 / 2, 1, 1], [np.inf, 3, 2, 1]),
    ),
    # of the four pairs, three are ordered and one is tied
    (metrics.roc_auc, ([3, 2, 2, 1], [1, 1, 0, 0]), {}, 3.5 / 4),
    (
        metrics.precision_recall_curve,
        ([3, 2, 2, 1], [1, 1, 0, 0]),
        {},
        ([2 / 4, 2 / 3, 1, 1], [1, 1, 1 / 2, 0], [1, 2, 3]),
    ),
    (metrics.average_precision, ([3, 2, 2, 1], [1, 1, 0, 0]), {}, 1 / 2 * 1 + 1 / 2 * 2 / 3),
    (metrics.log_loss, ([0.25, 0.5], [1, 0]), {}, (math.log(4) + math.log(2)) / 2),
    (metrics.log_loss, ([[0.25, 0.5, 0.25]], [2]), {}, math.log(4)),
    (metrics.log_loss, ([0.0, 1.0], [1, 1]), {}, 52 * math.log(2) / 2),
    (metrics.perplexity, (np.log([[0.5, 0.5], [0.125, 0.875]]), [0, 0]), {}, 4),
    (metrics.brier_score, ([0.25, 0.5], [1, 0]), {}, (0.75**2 + 0.5**2) / 2),
    (metrics.brier_score, ([[0.25, 0.5, 0.25]], [2]), {}, 0.25**2 + 0.5**2 + 0.75**2),
    # bins (0, 1/2] and (1/2, 1]: 0 and 1/2 belong to the first
    (
        metrics.calibration_curve,
        ([0, 0.5, 0.25, 0.75], [0, 1, 1, 1]),
        {"n_bins": 2},
        ([2 / 3, 1], [0.25, 0.75], [3, 1]),
    ),
    (
        metrics.calibration_curve,
        ([0.1, 0.95], [0, 1]),
        {"n_bins": 3},
        ([0, 1], [0.1, 0.95], [1, 1]),
    ),
    (
        metrics.expected_calibration_error,
        ([0, 0.5, 0.25, 0.75], [0, 1, 1, 1]),
        {"n_bins": 2},
        3 / 4 * (2 / 3 - 1 / 4) + 1 / 4 * 1 / 4,
    ),
    # squares left 1 + 1, about the mean 1 + 0 + 1
    (metrics.r2_score, ([1, 3, 4], [1, 2, 3]), {}, 1 - 2 / 2),
    (metrics.r2_score, ([[1, 3], [2, 3]], [[1, 3], [2, 4]]), {}, (1 + (1 - 1 / 0.5)) / 2),
    (metrics.r2_score, ([0.1] * 3, [0.1] * 3), {}, 1),
    (metrics.r2_score, ([0.1, 0.1, 0.2], [0.1] * 3), {}, 0),
    (metrics.mean_absolute_error, ([[1, -3]], [[2, 0]]), {}, 2),
    (metrics.root_mean_squared_error, ([1, -5], [2, 2]), {}, 5),
    (metrics.root_mean_squared_error, ([[1, 3], [-5, 3]], [[2, 3], [2, 3]]), {}, (5 + 0) / 2),
    (metrics.pinball, ([1, 1], [2, -1]), {"quantile": 0.9}, (0.9 * 1 + 0.1 * 2) / 2),
    # inside, on both ends, outside, crossed
    (
        metrics.interval_coverage,
        ([0, 0, 0, 0, 3], [2, 2, 2, 2, 1], [1, 0, 2, 3, 2]),
        {},
        3 / 5,
    ),
    (metrics.interval_coverage, ([-np.inf, 5], [7, np.inf], [-9, 4]), {}, 1 / 2),
    (metrics.iou, ([1, 1, 1, 0, 0], [0, 1, 1, 1, 0]), {}, 2 / 4),
    (metrics.iou, ([[1, 1], [0, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]), {"axis": 1}, [1 / 2, 0, 1]),
    (metrics.dice_coefficient, ([1, 1, 1, 0, 0], [0, 1, 1, 1, 0]), {}, 4 / 6),
    (metrics.dice_coefficient, ([0, 0], [0, 0]), {}, 1),
    # first, second behind an irrelevant one, first but tied with an irrelevant one
    (
        metrics.recall_at_k,
        ([[3, 2, 1], [3, 2, 1], [3, 3, 1]], [[1, 0, 0], [0, 1, 1], [1, 0, 0]]),
        {"k": 1},
        1 / 3,
    ),
    (metrics.recall_at_k, ([3, 2, 1], [0, 1, 1]), {"k": 2}, 1),
    # ranked with gains 0, 3, 1; the ideal is 3, 1, 0
    (
        metrics.ndcg,
        ([9, 8, 7], [0, 3, 1]),
        {},
        (3 / math.log2(3) + 1 / 2) / (3 + 1 / math.log2(3)),
    ),
    (metrics.ndcg, ([9, 8, 7], [0, 3, 1]), {"k": 2}, (3 / math.log2(3)) / (3 + 1 / math.log2(3))),
    (metrics.ndcg, ([[9, 8, 8], [2, 1, 0]], [[0, 3, 1], [1, 0, 0]]), {"k": 1}, (0 + 1) / 2),
    (metrics.edit_distance, ("flaw", "lawn"), {}, 2),  # f away, n added
    (metrics.edit_distance, ([], [1, 2]), {}, 2),
    # "the cat on the mat" is common
    (metrics.rouge_l, (CAT, CAT_SAT), {}, 5 / 6),
    (metrics.rouge_l, (["a", "b", "c", "d"], ["d", "a", "c"]), {}, 2 * 2 / 7),  # P 2/4, R 2/3
    (metrics.rouge_l, ([], ["a"]), {}, 0),
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, none of 3 quadruples
    (metrics.bleu, ([CAT], [[CAT_SAT]]), {}, 0),
    (metrics.bleu, ([CAT], [[CAT_SAT]]), {"max_n": 3}, (5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3)),
    (metrics.bleu, ([CAT], [[CAT_SAT]]), {"smooth": True}, (5 / 6 * 4 / 6 * 2 / 5 / 4) ** (1 / 4)),
    # Papineni et al.: seven times "the", which no reference has more than twice
    (
        metrics.bleu,
        ([["the"] * 7], [[CAT, ["there", "is", "a", "cat", "on", "the", "mat"]]]),
        {"max_n": 1},
        2 / 7,
    ),
    # 4 words against references of 3, 5 and 9: as near as the 5 is the 3, so nothing is missing
    (metrics.bleu, ([list("abcd")], [[list("abc"), list("abcde"), list("a" * 9)]]), {}, 1),
    (metrics.bleu, ([list("abcd")], [[["a"], list("abcde")]]), {}, math.exp(1 - 5 / 4)),
    # counts are summed over sentences: (1 + 3) of (2 + 3) words, 5 against 2 + 4
    (
        metrics.bleu,
        ([list("ax"), list("abc")], [[list("ay")], [list("abcd")]]),
        {"max_n": 1},
        4 / 5 * math.exp(1 - 6 / 5),
    ),
]


def arrays(result):
    """What a metric returns, as a list of arrays."""
    return [np.asarray(r, float) for r in (result if isinstance(result, tuple) else (result,))]


def assert_same(result, expected, **tolerance):
    result, expected = arrays(result), arrays(expected)
    assert len(result) == len(expected)
    for r, e in zip(result, expected):
        np.testing.assert_allclose(r, e, **{"rtol": 1e-12, "atol": 1e-12} | tolerance, strict=True)


@pytest.mark.parametrize("metric, args, kwargs, expected", BY_HAND)
def test_by_hand(metric, args, kwargs, expected):
    assert_same(metric(*args, **kwargs), expected, rtol=1e-14, atol=1e-14)


def test_every_metric_has_a_value_by_hand():
    assert {metric.__name__ for metric, *_ in BY_HAND} == set(metrics.__all__)


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_docstring_is_whole(name):
    doc = getattr(metrics, name).__doc__
    assert all(part in doc for part in ("Formula:", "Shapes", ">>>", "Reference:"))
    assert "Raises" in doc or "errors: as for" in doc


# ---- scikit-learn --------------------------------------------------------------------------------


def samples():
    """name -> (prediction, target), with what tends to go wrong: ties, gaps, one class only."""
    rng = np.random.default_rng(0)
    p, y = rng.random(60), rng.integers(0, 2, 60)
    rare = np.arange(60) % 20 == 0
    score = rng.standard_normal(60) + y
    p5 = ml.functional.softmax(2 * rng.standard_normal((150, 5)))
    reals = rng.standard_normal((60, 3)) * [1, 10, 100]
    guess = reals + rng.standard_normal((60, 3))
    gains = rng.integers(0, 4, (30, 8))
    gains[:, 0] = 1
    return {
        "classes": (rng.integers(0, 5, 150), rng.integers(0, 5, 150)),
        "gaps": (rng.choice([0, 2, 3, 7], 150), rng.choice([0, 2, 5, 7], 150)),
        "one of many": (rng.integers(0, 5, 150), np.full(150, 2)),
        "mostly 0": (
            rng.choice(3, 60, p=[0.9, 0.06, 0.04]),
            rng.choice(3, 60, p=[0.8, 0.1, 0.1]),
        ),
        "binary": (p > 0.4, y),
        "rare": (p > 0.9, rare),
        "all 0": (p > 0.5, np.zeros(60, int)),
        "all 1": (p > 0.5, np.ones(60, int)),
        "never": (np.zeros(60, int), y),
        "neither": (np.zeros(60, int), np.zeros(60, int)),
        "always": (np.ones(60, int), np.ones(60, int)),
        "score": (score, y),
        "score ties": (score.round(), y),
        "score rare": (score.round(1), rare),
        "score equal": (np.ones(60), y),
        "score all 1": (score, np.ones(60, int)),
        "p": (p, y),
        "p ties": (p.round(1), y),
        "p certain": (p.round(), y),
        "p rare": (p, rare),
        "p all 0": (p, np.zeros(60, int)),
        "p all 1": (p, np.ones(60, int)),
        "p5": (p5, rng.integers(0, 5, 150)),
        "p5 one class": (p5, np.full(150, 3)),
        "real": (guess[:, 0], reals[:, 0]),
        "reals": (guess, reals),
        "constant": (guess, np.full((60, 3), 0.5)),
        "constant met": (np.full(60, 0.5), np.full(60, 0.5)),
        "ranks": (rng.standard_normal((30, 8)), gains),
        "ranks tied": (rng.integers(0, 3, (30, 8)), gains),
    }


LABELS = ["classes", "gaps", "one of many", "mostly 0", "binary", "rare", "all 0", "all 1"]
LABELS += ["never", "neither", "always"]
BINARY = LABELS[4:]
SCORES = ["score", "score ties", "score rare", "score equal", "p"]
PROBABILITIES = ["p", "p ties", "p certain", "p rare", "p all 0", "p all 1"]
REAL = ["real", "reals", "constant", "constant met"]


def same(**options):
    """Options that both sides know by the same name."""
    return options, options


# our name, scikit-learn's, data, our options, its options
PEERS = [
    ("accuracy", "metrics.accuracy_score", LABELS, *same()),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS, *same()),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS, *same(labels=[7, 1, 0, 2, 3, 4, 5])),
    ("balanced_accuracy", "metrics.balanced_accuracy_score", LABELS, *same()),
    *(
        (
            name,
            f"metrics.{name.removesuffix('_score')}_score",
            BINARY if average == "binary" else LABELS,
            *same(average=average, zero_division=zero_division),
        )
        for name in ("precision", "recall", "f1_score")
        for average in ("binary", "macro", "micro", None)
        for zero_division in (0.0, 1.0)
    ),
    ("roc_curve", "metrics.roc_curve", SCORES, {}, {"drop_intermediate": False}),
    ("roc_auc", "metrics.roc_auc_score", SCORES, *same()),
    ("precision_recall_curve", "metrics.precision_recall_curve", [*SCORES, "score all 1"], *same()),
    ("average_precision", "metrics.average_precision_score", [*SCORES, "score all 1"], *same()),
    ("log_loss", "metrics.log_loss", PROBABILITIES, {}, {"labels": [0, 1]}),
    ("log_loss", "metrics.log_loss", ["p5", "p5 one class"], {}, {"labels": range(5)}),
    ("brier_score", "metrics.brier_score_loss", PROBABILITIES, {}, {"pos_label": 1}),
    ("brier_score", "metrics.brier_score_loss", ["p5", "p5 one class"], {}, {"labels": range(5)}),
    *(
        ("calibration_curve", "calibration.calibration_curve", PROBABILITIES, {"n_bins": n},
         {"n_bins": n, "pos_label": 1})
        for n in (1, 7, 10)
    ),
    ("r2_score", "metrics.r2_score", REAL, *same()),
    ("mean_absolute_error", "metrics.mean_absolute_error", REAL, *same()),
    ("root_mean_squared_error", "metrics.root_mean_squared_error", REAL, *same()),
    ("pinball", "metrics.mean_pinball_loss", REAL, {"quantile": 0.9}, {"alpha": 0.9}),
    ("iou", "metrics.jaccard_score", BINARY, {}, {"zero_division": 1.0}),
    ("dice_coefficient", "metrics.f1_score", BINARY, {}, {"zero_division": 1.0}),
    *(("ndcg", "metrics.ndcg_score", ["ranks", "ranks tied"], *same(k=k)) for k in (None, 1, 3, 9)),
]  # fmt: skip
CALLS = {
    " ".join([name, *(f"{k}={v}" for k, v in options.items()), "on", sample]): (
        name, peer, sample, options, peer_options,
    )
    for name, peer, data, options, peer_options in PEERS
    for sample in data
}  # fmt: skip
SAMPLES = samples()


def peer_values(peer, sample, options):
    module, name = peer.split(".")
    function = getattr(importlib.import_module(f"sklearn.{module}"), name)
    prediction, target = SAMPLES[sample]
    return function(target, prediction, **options)


def our_values(name, sample, options):
    result = getattr(metrics, name)(*SAMPLES[sample], **options)
    return result[:2] if name == "calibration_curve" else result  # theirs has no counts


@pytest.mark.parametrize("call", CALLS)
def test_follows_scikit_learn_kept(call):
    name, _, sample, options, _ = CALLS[call]
    kept = json.loads(KEPT.read_text())["values"][call]
    assert_same(our_values(name, sample, options), tuple(kept))


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
@pytest.mark.parametrize("call", CALLS)
def test_follows_scikit_learn_live(call):
    pytest.importorskip("sklearn")
    name, peer, sample, options, peer_options = CALLS[call]
    assert_same(our_values(name, sample, options), peer_values(peer, sample, peer_options))


# ---- decisions and scores ------------------------------------------------------------------------


def labels(seed, classes=4, n=60):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, n), rng.integers(0, classes, n)


def tied_scores(seed, n=60):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n)
    return (rng.standard_normal(n) + target).round(), target


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
    images = prediction.reshape(3, 4, 5), target.reshape(3, 4, 5)
    assert np.array_equal(metrics.confusion_matrix(*images), expected)


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


# ---- probabilities -------------------------------------------------------------------------------


def test_log_loss_is_the_loss():
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((20, 4)), rng.integers(0, 4, 20)
    p = ml.functional.softmax(logits)
    expected = losses.cross_entropy(logits, target)
    assert metrics.log_loss(p, target) == pytest.approx(expected, rel=1e-13)
    assert math.exp(metrics.log_loss(p, target)) == pytest.approx(perplexity(logits, target))


@pytest.mark.parametrize("metric", [metrics.log_loss, metrics.brier_score])
def test_one_column_or_two(metric):
    p, y = SAMPLES["p"]
    assert metric(np.stack([1 - p, p], axis=1), y) == pytest.approx(metric(p, y), rel=1e-14)


def test_tiny_probabilities_raise_no_underflow():
    assert metrics.brier_score([1e-200, 1.0], [0, 1]) == 0
    assert metrics.brier_score([[1e-200, 1.0, 0.0]], [1]) == 0


def test_calibration_error_of_a_calibrated_model_is_zero():
    p = np.repeat([0.25, 0.75], 8)
    y = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0])
    assert metrics.expected_calibration_error(p, y) == 0
    assert metrics.expected_calibration_error(1 - p, y) == 0.5


def test_calibration_error_weighs_bins_by_their_size():
    p, y = SAMPLES["p"]
    place = np.ceil(p * 10)
    bins = [place == b for b in range(1, 11)]
    expected = sum(abs((y[b] - p[b]).sum()) for b in bins) / len(p)
    assert metrics.expected_calibration_error(p, y) == pytest.approx(expected, rel=1e-12)
    assert metrics.calibration_curve(p, y)[2].sum() == len(p)


# ---- regression ----------------------------------------------------------------------------------


def test_regression_identities():
    prediction, target = SAMPLES["real"]
    mse = float(losses.mse_loss(prediction, target))
    assert metrics.root_mean_squared_error(prediction, target) ** 2 == pytest.approx(mse)
    assert metrics.r2_score(prediction, target) == pytest.approx(1 - mse / target.var(), rel=1e-13)
    mae = metrics.mean_absolute_error(prediction, target)
    assert metrics.pinball(prediction, target) == pytest.approx(mae / 2, rel=1e-13)
    mean = np.full_like(target, target.mean())
    assert metrics.r2_score(mean, target) == pytest.approx(0, abs=1e-14)


def test_a_constant_target_whose_mean_rounds():
    target = np.full(3, 0.1)
    assert target.mean() != 0.1
    assert metrics.r2_score(target, target) == 1 and metrics.r2_score(target + 1, target) == 0


# ---- masks and rankings --------------------------------------------------------------------------


def test_masks():
    rng = np.random.default_rng(0)
    prediction, target = rng.random((2, 5, 6, 7)) > 0.6
    iou, dice = metrics.iou(prediction, target), metrics.dice_coefficient(prediction, target)
    assert dice == pytest.approx(2 * iou / (1 + iou), rel=1e-14)
    assert dice == pytest.approx(metrics.f1_score(prediction, target), rel=1e-14)
    for metric in (metrics.iou, metrics.dice_coefficient):
        each = [metric(p, t) for p, t in zip(prediction, target)]
        assert np.array_equal(metric(prediction, target, axis=(1, 2)), each)


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


# ---- sequences -----------------------------------------------------------------------------------


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


# ---- what goes in --------------------------------------------------------------------------------


OF_TOKENS = (metrics.bleu, metrics.rouge_l, metrics.edit_distance, metrics.perplexity)


@pytest.mark.parametrize(
    "metric, args, kwargs, expected", [row for row in BY_HAND if row[0] not in OF_TOKENS]
)
def test_tensors_serve_and_stay(metric, args, kwargs, expected):
    tensors = [ml.Tensor(np.asarray(a, float), requires_grad=True) for a in args]
    before = [t.data.copy() for t in tensors]
    result = metric(*tensors, **kwargs)
    assert_same(result, expected)
    assert all(np.array_equal(t.data, b) for t, b in zip(tensors, before))
    kind = tuple if isinstance(expected, tuple) else np.ndarray if np.ndim(expected) else float
    assert type(result) is kind


@pytest.mark.parametrize(
    "metric", [metrics.log_loss, metrics.brier_score, metrics.root_mean_squared_error]
)
def test_float32_is_judged_in_double_precision(metric):
    p, y = SAMPLES["p"]
    p = p.astype(np.float32)
    assert metric(p, y) == metric(p.astype(np.float64), y)


def test_edit_distance_of_tensors():
    assert metrics.edit_distance(ml.Tensor([1.0, 2.0]), [1, 3, 2]) == 1


ERRORS = [
    (metrics.accuracy, ([], []), {}, "prediction is empty"),
    (metrics.accuracy, ([[1], [0]], [1, 0]), {}, r"\(2, 1\).*\(2,\).*target.reshape\(2, 1\)"),
    (metrics.accuracy, ([1], 1), {}, "did you mean"),
    (metrics.accuracy, (np.eye(3), [0, 1, 2]), {}, r"prediction.argmax\(axis=1\)"),
    (metrics.accuracy, ([0.7, 0.2], [1, 0]), {}, "prediction holds 0.7.*prediction > 0.5"),
    (metrics.accuracy, ([1, 0], [0.5, 0]), {}, "target holds 0.5"),
    (metrics.accuracy, ([np.nan, 1], [1, 1]), {}, "prediction holds nan .1 of 2"),
    (metrics.confusion_matrix, ([0, 4], [0, 1]), {"labels": range(3)}, "labels lacks 4"),
    (metrics.precision, ([0, 2], [0, 1]), {}, "prediction holds 2.*macro"),
    (metrics.recall, ([0, 1], [0, 2]), {}, "target holds 2.*macro"),
    (metrics.f1_score, ([1, 1], [-1, 1]), {}, r"target holds -1.*\(target \+ 1\) / 2"),
    (metrics.f1_score, ([0.2, 1], [0, 1]), {}, "prediction > 0.5"),
    (metrics.f1_score, ([0, 1], [0, 1]), {"average": "weighted"}, "average.*'weighted'"),
    (metrics.f1_score, ([0, 1], [0, 1]), {"zero_division": np.nan}, "zero_division"),
    (metrics.roc_curve, ([0.1, 0.2], [1, 1]), {}, "target holds only 1s"),
    (metrics.roc_auc, ([0.1, 0.2], [0, 0]), {}, "target holds only 0s"),
    (metrics.roc_auc, ([0.1, 0.2], [-1, 1]), {}, r"\(target \+ 1\) / 2"),
    (metrics.roc_auc, ([0.1, 0.2, 0.3], [0, 1, 2]), {}, "target holds 2.*target == c"),
    (metrics.roc_auc, ([0.1, np.inf], [0, 1]), {}, "score holds inf"),
    (metrics.roc_auc, ([0.1, 0.2], [[0], [1]]), {}, "score has shape"),
    (metrics.precision_recall_curve, ([0.1, 0.2], [0, 0]), {}, "only 0s"),
    (metrics.average_precision, ([0.1, 0.2], [0, 0]), {}, "only 0s"),
    (metrics.log_loss, ([0.1, 1.2], [0, 1]), {}, "probability holds 1.2.*sigmoid"),
    (metrics.log_loss, ([[0.1, -0.2, 1.1]], [0]), {}, "probability holds -0.2.*softmax"),
    (metrics.log_loss, ([[0.1, 0.2, 0.2]], [0]), {}, "sums to 0.5"),
    (metrics.log_loss, ([[0.5, 0.5]], [2]), {}, "target holds 2.*0 to 1"),
    (metrics.log_loss, ([[0.5, 0.5]], [0.5]), {}, "target holds 0.5"),
    (metrics.log_loss, ([[0.5, 0.5]], [0, 1]), {}, r"\(1, 2\).*\(2,\)"),
    (metrics.log_loss, ([[0.5], [0.5]], [0, 1]), {}, r"target.reshape\(2, 1\)"),
    (metrics.log_loss, ([0.5, 0.5], [0, 2]), {}, "target holds 2"),
    (metrics.brier_score, ([0.5], [[0]]), {}, "probability has shape"),
    (metrics.calibration_curve, ([0.5, 1.5], [0, 1]), {}, "probability holds 1.5"),
    (metrics.calibration_curve, ([0.5, 0.5], [0, 1]), {"n_bins": 0}, "n_bins"),
    (metrics.expected_calibration_error, ([0.5], [1]), {"n_bins": 2.5}, "n_bins.*2.5"),
    (metrics.r2_score, ([1.0], [1.0]), {}, "two samples"),
    (metrics.r2_score, (1.0, 1.0), {}, "two samples"),
    (metrics.r2_score, ([1.0, np.inf], [1.0, 2.0]), {}, "prediction holds inf"),
    (metrics.mean_absolute_error, ([[1.0]], [1.0]), {}, "must be equal"),
    (metrics.root_mean_squared_error, ([1.0], [np.nan]), {}, "target holds nan"),
    (metrics.pinball, ([1.0], [1.0]), {"quantile": 1.0}, "quantile"),
    (metrics.interval_coverage, ([1.0], [2.0, 3.0], [1.0]), {}, "upper has shape"),
    (metrics.interval_coverage, ([1.0], [2.0], [1.0, 2.0]), {}, "lower has shape"),
    (metrics.interval_coverage, ([2.0], [1.0], [1.5]), {}, "swapped"),
    (metrics.interval_coverage, ([np.nan], [1.0], [1.5]), {}, "lower holds nan"),
    (metrics.iou, ([0.2, 0.9], [0, 1]), {}, "prediction holds 0.2.*prediction > 0.5"),
    (metrics.dice_coefficient, ([0, 1], [0, 255]), {}, "target holds 255"),
    (metrics.recall_at_k, ([[1, 2], [3, 4]], [[1, 0], [0, 0]]), {"k": 1}, "query 1 .1 of 2"),
    (metrics.recall_at_k, ([[1, 2]], [[1, 0]]), {"k": 0}, "k must be.*0"),
    (metrics.recall_at_k, (np.zeros((2, 2, 2)), np.ones((2, 2, 2))), {"k": 1}, "queries"),
    (metrics.recall_at_k, ([[1, np.nan]], [[1, 0]]), {"k": 1}, "score holds nan"),
    (metrics.ndcg, ([[1, 2]], [[1, -1]]), {}, "target holds -1"),
    (metrics.ndcg, ([[1, 2]], [[0, 0]]), {}, "query 0"),
    (metrics.ndcg, ([[1, 2]], [[0, 1]]), {"k": 1.5}, "k must be"),
    (metrics.edit_distance, (3, "abc"), {}, "prediction must be a sequence"),
    (metrics.edit_distance, ("abc", np.array(3)), {}, "target must be a sequence"),
    (metrics.rouge_l, ("the cat", ["the"]), {}, "prediction is the string 'the cat'.*split"),
    (metrics.rouge_l, ([], []), {}, "both empty"),
    (metrics.bleu, ("the cat", [["the"]]), {}, "prediction is the string"),
    (metrics.bleu, (["the cat"], [[CAT]]), {}, r"prediction\[0\] is the string"),
    (metrics.bleu, ([CAT], [CAT]), {}, r"target\[0\]\[0\] is the string 'the'"),
    (metrics.bleu, ([CAT], [CAT, CAT]), {}, "1 sentences, target references for 2"),
    (metrics.bleu, ([], []), {}, "0 sentences"),
    (metrics.bleu, ([CAT], [[]]), {}, r"target\[0\] is empty"),
    (metrics.bleu, ([CAT], [[CAT]]), {"max_n": 0}, "max_n"),
]


@pytest.mark.parametrize("metric, args, kwargs, message", ERRORS)
def test_errors(metric, args, kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        metric(*args, **kwargs)


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.mean_absolute_error, metrics.roc_auc])
def test_words_are_no_numbers(metric):
    with pytest.raises(TypeError, match="real numbers"):
        metric(["cat"], ["dog"])


# ---- perplexity ----------------------------------------------------------------------------------


def test_perplexity_of_a_uniform_model_is_the_number_of_tokens():
    assert perplexity(np.zeros((2, 3, 7)), np.zeros((2, 3), int)) == pytest.approx(7, rel=1e-14)


def test_perplexity_of_a_certain_model_is_one():
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    assert perplexity(logits, [0, 1]) == 1
    with np.errstate(divide="ignore"):
        assert perplexity(np.log(np.eye(2)), [0, 1]) == 1


def test_perplexity_published():
    """torchmetrics 1.9.0."""
    logits = [[[1, 2, 0.5], [0.1, -1, 3], [0, 0, 0]]]
    x = ml.Tensor(logits, requires_grad=True)
    value = perplexity(x, [[1, 0, -100]], ignore_index=-100)
    assert value.item() == pytest.approx(5.5709829, rel=1e-8)
    value.backward()
    np.testing.assert_allclose(
        x.grad,
        [
            [
                [0.6440721898, -1.03472172, 0.3906495302],
                [-2.642697115, 0.04753210517, 2.595165009],
                [0, 0, 0],
            ]
        ],
        rtol=1e-9,
    )


def test_perplexity_is_over_all_tokens_not_over_sequences():
    p = np.array([[[0.5, 0.5], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])
    target = [[0, 0], [0, -1]]
    expected = (1 / (0.5 * 0.5 * 0.1)) ** (1 / 3)
    assert perplexity(np.log(p), target, ignore_index=-1) == pytest.approx(expected, rel=1e-13)


def test_logits_and_log_probabilities_give_one_value():
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((4, 5)), rng.integers(0, 5, 4)
    log_probs = ml.functional.log_softmax(logits)
    assert perplexity(logits, target) == pytest.approx(perplexity(log_probs, target), rel=1e-14)


def test_perplexity_of_the_impossible_is_infinite():
    assert perplexity([[0.0, -1e4]], [1]) == np.inf


@pytest.mark.parametrize(
    "target, options, message",
    [
        ([0, -100], {}, "target holds the label -100"),
        ([0, 3], {}, "target holds the label 3"),
        ([0], {}, r"target has shape \(1,\)"),
        ([0, 0], {"ignore_index": 0}, "nothing to average"),
    ],
)
def test_perplexity_errors(target, options, message):
    with pytest.raises(ValueError, match=message):
        perplexity(np.zeros((2, 3)), target, **options)


if __name__ == "__main__":
    import warnings

    import sklearn

    warnings.filterwarnings("ignore", "y_pred contains classes|A single label")
    values = {
        call: [a.tolist() for a in arrays(peer_values(peer, sample, options))]
        for call, (_, peer, sample, _, options) in CALLS.items()
    }
    made = f"scikit-learn {sklearn.__version__}, float64, by tests/test_metrics.py"
    text = json.dumps({"made by": made, "values": values}, separators=(",", ":"))
    KEPT.write_text(text.replace('],"', '],\n"') + "\n")
