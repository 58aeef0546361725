"""What only losses of distributions have: zeros, order and averaging of KL, transport."""

import itertools
import math

import numpy as np
import pytest

import microloss as ml
from microloss import losses

Q = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
P = np.array([[0.0, 0.6, 0.4], [0.25, 0.25, 0.5]])


def slopes(loss, *arrays, **options):
    tensors = [ml.Tensor(a, requires_grad=True) for a in arrays]
    return ml.grad(loss(*tensors, **options), tensors)


# ---- Kullback-Leibler ----------------------------------------------------------------------------


def test_kl_div_by_hand():
    rows = [
        0.6 * math.log(0.6 / 0.5) + 0.4 * math.log(0.4 / 0.3),
        0.25 * math.log(2.5) + 0.25 * math.log(0.25 / 0.6) + 0.5 * math.log(0.5 / 0.3),
    ]
    value = losses.kl_div(np.log(Q), P, reduction="batchmean")
    assert value == pytest.approx(sum(rows) / 2, rel=1e-14)
    slope, _ = slopes(losses.kl_div, np.log(Q), P, reduction="batchmean")
    np.testing.assert_allclose(slope, -P / 2, rtol=1e-15)


def test_batchmean_divides_by_the_first_axis_only():
    log_q, p = np.log(Q).reshape(2, 3, 1), P.reshape(2, 3, 1)
    total = losses.kl_div(log_q, p, reduction="sum")
    assert losses.kl_div(log_q, p, reduction="batchmean") == total / 2
    assert losses.kl_div(log_q, p) == pytest.approx(total / 6, rel=1e-15)


def test_the_two_kl_agree():
    book = losses.kl_divergence(P, Q)
    assert losses.kl_div(np.log(Q), P, reduction="batchmean") == pytest.approx(book, rel=1e-14)
    assert losses.kl_divergence(Q, P + 1e-9) != pytest.approx(book, rel=0.1)


def test_no_gradient_where_the_target_is_0():
    slope, target_slope = slopes(losses.kl_div, np.log(Q), P, reduction="sum")
    assert slope[0, 0] == 0 and target_slope[0, 0] == 0
    np.testing.assert_allclose(target_slope[1], np.log(P[1] / Q[1]) + 1, rtol=1e-14)


def test_log_target_is_the_same_divergence():
    with np.errstate(divide="ignore"):
        log_p = np.log(P)
    value = losses.kl_div(np.log(Q), log_p, log_target=True, reduction="none")
    expected = losses.kl_div(np.log(Q), P, reduction="none")
    np.testing.assert_allclose(value, expected, rtol=1e-14)


def test_kl_is_cross_entropy_less_entropy():
    logits = np.random.default_rng(0).standard_normal((2, 3))
    log_q = ml.functional.log_softmax(logits)
    entropy = -np.sum(ml.functional.xlogy(P, P), axis=1)
    kl = losses.kl_div(log_q, P, reduction="none").sum(axis=1)
    cross = losses.cross_entropy(logits, P, reduction="none")
    np.testing.assert_allclose(kl, cross - entropy, rtol=1e-13)


# ---- Jensen-Shannon ------------------------------------------------------------------------------


def test_js_by_hand():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    expected = 0.5 * (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(2)) + 0.5 * math.log(1 / 0.75)
    assert losses.js_divergence(p, q) == pytest.approx(expected, rel=1e-14)


def test_js_is_symmetric_and_0_only_for_equal():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), (2, 10))
    forth, back = (losses.js_divergence(*pair, reduction="none") for pair in ((p, q), (q, p)))
    np.testing.assert_allclose(forth, back, rtol=1e-13)
    assert (forth > 0).all() and (forth < math.log(2)).all()
    assert losses.js_divergence(p, p) == 0


def test_js_with_zeros_has_a_finite_gradient():
    p, q = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.5, 0.5])
    p_slope, q_slope = slopes(losses.js_divergence, p, q)
    # p log(p / m) gives nothing where p is 0; q log(q / m) is there: -q / m / 4
    np.testing.assert_allclose(p_slope, [0, -0.5, math.log(1 / 0.75) / 2], rtol=1e-14)
    np.testing.assert_allclose(q_slope, [0, math.log(2) / 2, math.log(0.5 / 0.75) / 2], rtol=1e-14)


# ---- Gaussians, distillation ---------------------------------------------------------------------


def test_gaussian_kl_by_hand():
    mu, logvar = np.array([[0.5, -1], [0, 2]]), np.array([[0, -0.5], [0.3, 1]])
    assert losses.gaussian_kl(mu, logvar, reduction="sum") == pytest.approx(3.062335648, abs=1e-9)
    mu_slope, logvar_slope = slopes(losses.gaussian_kl, mu, logvar, reduction="sum")
    np.testing.assert_allclose(mu_slope, mu, rtol=1e-15)
    np.testing.assert_allclose(logvar_slope, (np.exp(logvar) - 1) / 2, atol=1e-15)
    assert losses.gaussian_kl(mu, logvar) == losses.gaussian_kl(mu, logvar, reduction="sum") / 2


def test_gaussian_kl_is_exact_near_the_prior():
    logvar = np.array([1e-5])
    series = logvar**2 / 4 + logvar**3 / 12
    np.testing.assert_allclose(losses.gaussian_kl([0.0], logvar), series[0], rtol=1e-5)


def test_distillation_by_hand():
    student, teacher = (
        np.array([[2, 0.5, -1], [0, 1, 0.5]]),
        np.array([[3, 0, -2], [0.5, 0.5, 1.5]]),
    )
    value = losses.distillation_loss(student, teacher, [0, 2])
    assert value == pytest.approx(0.327483983, abs=1e-9)
    (slope,) = slopes(lambda s: losses.distillation_loss(s, teacher, [0, 2]), student)
    expected = [
        [-0.2006375595, 0.0981847007, 0.1024528588],
        [-0.01204055793, 0.1535779682, -0.1415374103],
    ]
    np.testing.assert_allclose(slope, expected, atol=1e-10)
    soft = losses.distillation_loss(student, teacher, alpha=1.0)
    assert soft == pytest.approx(0.2848943719, abs=1e-10)
    hard = losses.distillation_loss(student, teacher, [0, 2], alpha=0.0)
    assert hard == losses.cross_entropy(student, [0, 2])


def test_high_temperatures_compare_logits():
    rng = np.random.default_rng(0)
    student, teacher = rng.standard_normal((2, 4, 3))
    student -= student.mean(axis=1, keepdims=True)
    teacher -= teacher.mean(axis=1, keepdims=True)
    (slope,) = slopes(
        lambda s: losses.distillation_loss(s, teacher, temperature=1e4, alpha=1.0), student
    )
    np.testing.assert_allclose(slope, (student - teacher) / 12, atol=1e-4)


# ---- transport -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_wasserstein_is_the_cheapest_assignment(seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 5))
    cheapest = min(np.abs(x - y[list(order)]).mean() for order in itertools.permutations(range(5)))
    assert losses.wasserstein_distance_1d(x, y) == pytest.approx(cheapest, rel=1e-14)


def test_wasserstein_splits_mass():
    x, y = np.array([0.0, 3.0]), np.array([1.0, 0.0, 5.0])
    # levels 0, 1/3, 1/2, 2/3, 1: 0 -> 0, 0 -> 1, 3 -> 1, 3 -> 5
    assert losses.wasserstein_distance_1d(x, y) == pytest.approx(0 + 1 / 6 + 2 / 6 + 2 / 3)
    x_slope, y_slope = slopes(losses.wasserstein_distance_1d, x, y)
    np.testing.assert_allclose(x_slope, [-1 / 6, 1 / 6 - 1 / 3], rtol=1e-14)
    np.testing.assert_allclose(y_slope, [1 / 6 - 1 / 6, 0, 1 / 3], atol=1e-16)


def test_wasserstein_repeats_change_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(4), rng.standard_normal(6)
    once = losses.wasserstein_distance_1d(x, y)
    assert losses.wasserstein_distance_1d(np.tile(x, 3), y) == pytest.approx(once, rel=1e-13)
    assert losses.wasserstein_distance_1d(x + 2, x) == pytest.approx(2, rel=1e-14)


def test_wasserstein_is_scipy_s():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for n, m in ((7, 7), (3, 11), (50, 8)):
        x, y = rng.standard_normal(n), rng.standard_normal(m).round(1)
        expected = stats.wasserstein_distance(x, y)
        assert losses.wasserstein_distance_1d(x, y) == pytest.approx(expected, rel=1e-12)


def test_js_of_close_distributions_keeps_its_digits():
    """For q = p + e it is sum(e^2 / p) / 8 to first order; never below 0, in float32 too."""
    p = np.array([0.2, 0.3, 0.5])
    e = 1e-9 * np.array([1.0, -3.0, 2.0])
    close = losses.js_divergence(p, p + e)
    assert close == pytest.approx(np.sum(((p + e) - p) ** 2 / p) / 8, rel=1e-7)
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.dirichlet(np.ones(5)).astype(np.float32)
        q = (p * (1 + 1e-6 * rng.standard_normal(5))).astype(np.float32)
        assert losses.js_divergence(p, q) >= 0


def test_wasserstein_takes_the_precision_of_a_tensor():
    y = ml.Tensor(np.zeros(2), dtype=np.float32)
    assert losses.wasserstein_distance_1d([1.0, 2.0], y).dtype == np.float32


def test_wasserstein_of_an_infinite_sample_is_infinite():
    assert losses.wasserstein_distance_1d([-np.inf, 0.0], [0.0, 1.0]) == np.inf
