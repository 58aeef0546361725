"""Metrics of probabilities: identities and brute force."""

import math

import numpy as np
import pytest

import microloss as ml
from microloss import losses, metrics
from microloss.metrics import perplexity

from .samples import SAMPLES


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


@pytest.mark.parametrize(
    "metric", [metrics.log_loss, metrics.brier_score, metrics.root_mean_squared_error]
)
def test_float32_is_judged_in_double_precision(metric):
    p, y = SAMPLES["p"]
    p = p.astype(np.float32)
    assert metric(p, y) == metric(p.astype(np.float64), y)


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
        ([0], {}, r"target must have shape \(2,\), and it has \(1,\)"),
        ([0, 0], {"ignore_index": 0}, "nothing to average"),
    ],
)
def test_perplexity_errors(target, options, message):
    with pytest.raises(ValueError, match=message):
        perplexity(np.zeros((2, 3)), target, **options)


def test_perplexity_takes_pytorch_axis():
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((2, 4, 3)), rng.integers(0, 4, (2, 3))
    x = ml.Tensor(logits, requires_grad=True)
    value = perplexity(x, target, axis=1)
    assert value.item() == pytest.approx(perplexity(logits.transpose(0, 2, 1), target), rel=1e-14)
    value.backward()
    [gradient] = ml.grad(losses.cross_entropy(x, target), [x])
    expected = value.data * gradient
    np.testing.assert_allclose(x.grad, expected, rtol=1e-12)


def test_perplexity_takes_labels_as_floats():
    logits = np.zeros((2, 3))
    for target in ([0.0, 2.0], ml.Tensor([0, 2])):
        assert perplexity(logits, target) == pytest.approx(3)


def test_nan_where_no_token_counts_is_ignored():
    assert perplexity([[0.0, 0.0], [np.nan, 0.0]], [0, -1], ignore_index=-1) == pytest.approx(2)
