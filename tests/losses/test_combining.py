"""Uncertainty weights and self-paced weights."""

import numpy as np
import pytest

import microloss as ml
from microloss import losses


def test_uncertainty_by_hand():
    values, s = (
        ml.Tensor([2.0, 0.8], requires_grad=True),
        ml.Tensor([0.5, -1.0], requires_grad=True),
    )
    total = losses.uncertainty_weighted_loss(values, s)
    expected = np.exp(-0.5) + 0.25 + 0.4 * np.exp(1) - 0.5
    assert total.item() == pytest.approx(expected, rel=1e-15)
    total.backward()
    np.testing.assert_allclose(values.grad, np.exp([-0.5, 1]) / 2, rtol=1e-15)
    slopes = [(1 - 2 * np.exp(-0.5)) / 2, (1 - 0.8 * np.exp(1)) / 2]
    np.testing.assert_allclose(s.grad, slopes, rtol=1e-14)


def test_kinds_by_hand():
    """Regression e^-s L / 2 + s / 2, classification e^-s L + s / 2."""
    args, kinds = ([2.0, 0.8], [0.5, -1.0]), ["regression", "classification"]
    total = losses.uncertainty_weighted_loss(*args, kinds=kinds)
    assert total == pytest.approx(np.exp(-0.5) + 0.25 + 0.8 * np.exp(1) - 0.5, rel=1e-15)
    assert total == pytest.approx(2.53115612247987, rel=1e-14)
    for kind in kinds:
        one = losses.uncertainty_weighted_loss(*args, kinds=kind)
        assert one == losses.uncertainty_weighted_loss(*args, kinds=[kind, kind])
    s = ml.Tensor(np.log([2.0, 1.6]), requires_grad=True)  # e^s = 2 c L
    losses.uncertainty_weighted_loss([2.0, 0.8], s, kinds=kinds).backward()
    np.testing.assert_allclose(s.grad, 0, atol=1e-16)


def test_no_pull_where_the_variance_is_the_loss():
    values = np.array([2.0, 0.8, 1e-3])
    s = ml.Tensor(np.log(values), requires_grad=True)
    losses.uncertainty_weighted_loss(values, s).backward()
    np.testing.assert_allclose(s.grad, 0, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lists_of_tensors(dtype):
    a, b, s = (ml.Tensor(v, requires_grad=True, dtype=dtype) for v in (2.0, 0.8, 0.5))
    total = losses.uncertainty_weighted_loss([a * a, b], [s, -1.0])
    same = losses.uncertainty_weighted_loss([4.0, 0.8], [0.5, -1.0])
    assert total.dtype == dtype and total.item() == pytest.approx(same, rel=1e-6)
    total.backward()
    assert a.grad == pytest.approx(2 * np.exp(-0.5), rel=1e-6)
    assert s.grad == pytest.approx((1 - 4 * np.exp(-0.5)) / 2, rel=1e-6)


def test_hard_weights_keep_what_is_below_the_threshold():
    values = np.array([0.1, 0.5, 0.9, 1, 2])
    weights = losses.self_paced_weights(values, threshold=1)
    np.testing.assert_array_equal(weights, [1, 1, 1, 0, 0])  # a loss at the threshold is out
    assert np.sum(weights * values) == 1.5


@pytest.mark.parametrize("mode", ["hard", "linear"])
def test_weights_solve_their_problem(mode):
    values = np.array([-0.5, 0.0, 0.3, 1.2, 5.0])
    weights = losses.self_paced_weights(values, threshold=1.5, mode=mode)
    grid = np.linspace(0, 1, 1001)[:, None]
    penalty = {"hard": -1.5 * grid, "linear": 1.5 * (grid**2 / 2 - grid)}[mode]
    best = grid[np.argmin(grid * values + penalty, axis=0), 0]
    np.testing.assert_allclose(weights, best, atol=5e-4)


def test_weights_carry_no_gradient():
    values = ml.Tensor(np.array([0.2, 3.0], np.float32), requires_grad=True)
    weights = losses.self_paced_weights(values, threshold=np.float64(1), mode="linear")
    assert type(weights) is np.ndarray and weights.dtype == np.float32
    (weights * values).sum().backward()
    np.testing.assert_array_equal(values.grad, weights)


@pytest.mark.parametrize(
    "options, words",
    [({"threshold": 0}, "threshold .*0"), ({"threshold": 1, "mode": "soft"}, "mode .*'soft'")],
)
def test_self_paced_errors(options, words):
    with pytest.raises(ValueError, match=words):
        losses.self_paced_weights([1.0], **options)
