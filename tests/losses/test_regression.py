"""What only regression losses have: hand-derived values, kinks, learned parameters."""

import math

import numpy as np
import pytest
from harness import slopes

import microloss as ml
from microloss import losses

X, T = np.array([1, 2.5, -0.5, 4]), np.array([1.5, 2, -0.5, 1])


@pytest.mark.parametrize(
    "loss, options, value, slope",
    [
        (losses.mse_loss, {}, 2.375, [-0.25, 0.25, 0, 1.5]),
        (losses.l1_loss, {}, 1, [-0.25, 0.25, 0, 0.25]),
        (losses.huber_loss, {"delta": 2}, 1.0625, [-0.125, 0.125, 0, 0.5]),
        (losses.smooth_l1_loss, {"beta": 2}, 0.53125, [-0.0625, 0.0625, 0, 0.25]),
        (
            losses.log_cosh_loss,
            {},
            0.6373893796,
            [-0.1155292893, 0.1155292893, 0, 0.2487636884],
        ),
    ],
)
def test_by_hand(loss, options, value, slope):
    assert loss(X, T, **options) == pytest.approx(value, abs=1e-10)
    for gradient, sign in zip(slopes(loss, X, T, **options), (1, -1)):
        np.testing.assert_allclose(gradient, sign * np.array(slope), atol=1e-10)


@pytest.mark.parametrize(
    "loss, options",
    [
        (losses.l1_loss, {}),
        (losses.huber_loss, {}),
        (losses.smooth_l1_loss, {"beta": 0}),
        (losses.log_cosh_loss, {}),
        (losses.robust_loss, {"alpha": -np.inf}),
    ],
)
def test_no_gradient_at_equality(loss, options):
    assert not np.any(slopes(loss, T, T, **options))


# ---- Huber, smooth L1, log-cosh ------------------------------------------------------------------


@pytest.mark.parametrize("delta", [0.3, 2.0])
def test_huber_is_smooth_at_delta(delta):
    e = np.array([delta, -delta, np.nextafter(delta, 9), np.nextafter(delta, 0)])
    (slope,) = slopes(lambda x: losses.huber_loss(x, 0 * e, delta=delta, reduction="sum"), e)
    np.testing.assert_allclose(slope, [delta, -delta, delta, delta], rtol=1e-15)


def test_huber_is_beta_times_smooth_l1():
    for beta in (0.1, 1.0, 3.0):
        expected = beta * losses.smooth_l1_loss(X, T, beta=beta)
        assert losses.huber_loss(X, T, delta=beta) == pytest.approx(expected, rel=1e-15)


def test_an_infinite_error_pulls_as_hard_as_any():
    (slope,) = slopes(lambda x: losses.huber_loss(x, [0.0, 0.0], delta=2.0), np.array([np.inf, 3]))
    np.testing.assert_array_equal(slope, [1, 1])


def test_log_cosh_is_accurate_at_every_size():
    e = 10.0 ** np.arange(-8, 1)
    series = e**2 / 2 - e**4 / 12 + e**6 / 45
    np.testing.assert_allclose(
        losses.log_cosh_loss(e, 0 * e, reduction="none")[:6], series[:6], rtol=1e-15
    )
    far = np.array([19.0, 20.0, 21.0, 300.0])
    exact = far - math.log(2) + np.log1p(np.exp(-2 * far))
    np.testing.assert_allclose(
        losses.log_cosh_loss(far, 0 * far, reduction="none"), exact, rtol=1e-15
    )


def test_log_cosh_curves_at_zero():
    hessian = ml.hessian(lambda x: losses.log_cosh_loss(x, [0.0, 1.0], reduction="sum"), [0.0, 1.0])
    np.testing.assert_array_equal(hessian, np.eye(2))


# ---- quantiles -----------------------------------------------------------------------------------


def test_quantile_by_hand():
    x, t = np.array([1, 2.5, 4]), np.array([1.5, 2, 1])
    assert losses.quantile_loss(x, t, quantile=0.9) == pytest.approx(0.8 / 3, rel=1e-15)
    slope, _ = slopes(losses.quantile_loss, x, t, quantile=0.9)
    np.testing.assert_allclose(slope, [-0.3, 0.1 / 3, 0.1 / 3], rtol=1e-14)


def test_a_hit_pulls_upwards():
    slope, target_slope = slopes(losses.quantile_loss, np.zeros(1), np.zeros(1), quantile=0.9)
    assert slope == [-0.9] and target_slope == [0.9]


def test_half_the_absolute_error_is_the_median_s():
    assert losses.quantile_loss(X, T) == losses.l1_loss(X, T) / 2


@pytest.mark.parametrize("seed", range(5))
def test_the_best_constant_is_the_quantile(seed):
    t = np.random.default_rng(seed).standard_normal(101)
    candidates = np.sort(t)
    costs = [losses.quantile_loss(np.full(101, c), t, quantile=0.2) for c in candidates]
    assert np.argmin(costs) == 20


def test_several_quantiles_are_one_each():
    rng = np.random.default_rng(0)
    x, t, quantiles = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 5)), (0.1, 0.5, 0.9)
    together = losses.quantile_loss(x, t, quantile=quantiles, reduction="none")
    for i, q in enumerate(quantiles):
        alone = losses.quantile_loss(x[..., i], t, quantile=q, reduction="none")
        np.testing.assert_array_equal(together[..., i], alone)


# ---- likelihoods ---------------------------------------------------------------------------------


def test_gaussian_by_hand():
    args = np.array([0.0, 1, 2]), np.array([1.0, 1, 0]), np.array([1.0, 0.5, 4])
    value = losses.gaussian_nll_loss(*args)
    assert value == pytest.approx((1 + math.log(0.5) + math.log(4) + 1) / 6, rel=1e-15)
    for gradient, expected in zip(
        slopes(losses.gaussian_nll_loss, *args),
        ([-1 / 3, 0, 1 / 6], [1 / 3, 0, -1 / 6], [0, 1 / 3, 0]),
    ):
        np.testing.assert_allclose(gradient, expected, atol=1e-15)


def test_the_gradient_passes_the_clamp_of_var():
    """0.5 (1 / v - e^2 / v^2) at v = eps, not at var, and not 0."""
    x, t, var = np.array([0.0, 3.0]), np.array([1.0, 0.0]), np.array([0.1, 0.0])
    *_, slope = slopes(losses.gaussian_nll_loss, x, t, var, eps=0.5, reduction="sum")
    np.testing.assert_allclose(slope, [0.5 * (2 - 4), 0.5 * (2 - 36)], rtol=1e-14)
    same = losses.gaussian_nll_loss(x, t, 0.5, eps=0.5, reduction="sum")
    assert losses.gaussian_nll_loss(x, t, var, eps=0.5, reduction="sum") == same


def test_variances_of_pytorch_s_shapes():
    x, t, rows = np.zeros((3, 3)), np.ones((3, 3)), np.array([1.0, 2.0, 4.0])
    values = losses.gaussian_nll_loss(x, t, rows, reduction="none")  # one for each row, if N = D
    np.testing.assert_allclose(values[:, 0], (np.log(rows) + 1 / rows) / 2, rtol=1e-15)
    np.testing.assert_array_equal(values, values[:, :1].repeat(3, axis=1))
    assert losses.gaussian_nll_loss([1.0], [2.0], 1) == 0.5  # an integer variance too
    assert losses.gaussian_nll_loss(1.0, 2.0, 1.0) == 0.5
    deep = losses.gaussian_nll_loss(np.zeros((2, 3, 4)), np.ones((2, 3, 4)), np.ones((2, 1, 1)))
    assert deep == 0.5


def test_poisson_by_hand():
    x, t = np.array([0.5, -1, 2]), np.array([1, 0, 5])
    value = losses.poisson_nll_loss(x, t)
    expected = (math.exp(0.5) - 0.5 + math.exp(-1) + math.exp(2) - 10) / 3
    assert value == pytest.approx(expected, rel=1e-14)
    (slope,) = slopes(lambda x: losses.poisson_nll_loss(x, t), x)
    np.testing.assert_allclose(slope, (np.exp(x) - t) / 3, rtol=1e-14)


def test_stirling_counts_above_1_only():
    t = np.array([0.0, 1.0, 1.5, 20.0])
    extra = losses.poisson_nll_loss(0 * t, t, full=True, reduction="none") - 1
    assert not extra[:2].any() and extra[2] > 0
    assert extra[3] == pytest.approx(math.lgamma(21), abs=0.005)


def test_an_infinite_rate_is_silent_and_its_gradient_infinite():
    (slope,) = slopes(lambda x: losses.poisson_nll_loss(x, [3.0, 1.0]), np.array([1e4, 0.0]))
    np.testing.assert_array_equal(slope, [np.inf, 0])


# ---- the CRPS ------------------------------------------------------------------------------------


def test_crps_is_an_integral():
    """Of (F(y) - [y >= target])^2, F the Gaussian distribution function, by trapezoids."""
    for mean, var, t in ((0.0, 1.0, 0.0), (1.0, 4.0, 3.0), (-0.5, 0.09, 0.1)):
        far = np.linspace(0, 12 * math.sqrt(var), 20_001)
        total = 0.0
        for y, step in ((t - far[::-1], 0.0), (t + far, 1.0)):
            z = (y - mean) / math.sqrt(2 * var)
            below = 0.5 * (1 + np.array([math.erf(v) for v in z]))
            with np.errstate(under="ignore"):
                total += np.trapezoid((below - step) ** 2, y)
        value = losses.gaussian_crps_loss([mean], [t], var)
        assert value == pytest.approx(total, rel=1e-6)


def test_crps_of_a_sure_prediction_is_the_absolute_error():
    value = losses.gaussian_crps_loss(X, T, 1e-20)
    assert value == pytest.approx(losses.l1_loss(X, T), rel=1e-9)


# ---- nan and float16 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss", [losses.mse_loss, losses.l1_loss, losses.huber_loss, losses.quantile_loss]
)
def test_nan_goes_through_value_and_gradient(loss):
    value, slope = loss([1.0, 2.0], [np.nan, 1.0]), slopes(loss, X, np.where(X > 3, np.nan, T))[0]
    assert math.isnan(value) and np.isnan(slope).tolist() == [False, False, False, True]


def test_means_of_float16_do_not_overflow():
    x = np.full((100, 10), 100, np.float16)
    for loss in (losses.mse_loss, losses.l1_loss, losses.huber_loss):
        (slope,) = slopes(lambda x, loss=loss: loss(x, np.zeros_like(x)), x)
        assert slope.dtype == np.float16 and np.isfinite(slope).all() and slope.all()
    assert losses.mse_loss(x, np.zeros_like(x)) == np.float16(10_000)
    ones = np.full((300, 300), 1, np.float16)
    assert losses.l1_loss(ones, 0 * ones, weight=ones) == 1


# ---- numbers, precision, empty batches -----------------------------------------------------------


def test_numpy_numbers_leave_float32_alone():
    x = np.ones(2, np.float32)
    number = np.float64(0.5)
    for loss, options in (
        (losses.huber_loss, {"delta": number}),
        (losses.smooth_l1_loss, {"beta": number}),
        (losses.quantile_loss, {"quantile": number}),
        (losses.gaussian_nll_loss, {"eps": number}),
        (losses.poisson_nll_loss, {"eps": number, "log_input": False}),
        (losses.robust_loss, {"alpha": number, "scale": number}),
    ):
        var = (0 * x,) if loss is losses.gaussian_nll_loss else ()
        assert loss(ml.Tensor(x), x, *var, **options).dtype == np.float32


def test_a_learned_delta_is_refused():
    delta = ml.Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match="delta is a Tensor"):
        losses.huber_loss(X, T, delta=delta)


def test_empty_batches():
    for loss in (losses.mse_loss, losses.l1_loss, losses.huber_loss, losses.log_cosh_loss):
        x = ml.Tensor(np.zeros((0, 3)), requires_grad=True)
        total = loss(x, x, reduction="sum")
        assert total.item() == 0 and total.requires_grad
        assert loss(x, x, reduction="none").shape == (0, 3)
    empty = np.zeros(0)
    assert losses.gaussian_nll_loss(empty, empty, empty, reduction="sum") == 0
    assert losses.poisson_nll_loss(empty, empty, full=True, reduction="sum") == 0
