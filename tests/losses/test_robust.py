"""What only Barron's loss has: learned parameters, limits of alpha, errors of any size."""

import math

import numpy as np
import pytest
from harness import slopes

import microloss as ml
from microloss import losses
from microloss.losses.robust import exp_moment


def test_robust_by_hand():
    x, t = np.full(5, 1.5), np.zeros(5)
    alpha = np.array([2, 1, 0, -2, 0.5])
    value = [1.125, math.sqrt(3.25) - 1, math.log(2.125), 0.72, 0.772300289]
    slope = [1.5, 1.5 / math.sqrt(3.25), 1.5 / 2.125, 0.6144, 0.7544600578]
    np.testing.assert_allclose(
        losses.robust_loss(x, t, alpha=alpha, reduction="none"), value, rtol=1e-9
    )
    for shape in (alpha, *alpha):
        options = {"alpha": shape, "reduction": "sum"}
        gradient, _ = slopes(losses.robust_loss, x, t, **options)
        expected = np.array(slope) if np.ndim(shape) else slope[list(alpha).index(shape)]
        np.testing.assert_allclose(gradient, np.broadcast_to(expected, 5), rtol=1e-9)


@pytest.mark.parametrize("alpha", [-3.0, -0.5, 0.0, 1e-7, -1e-19, 1.0, 1.9, 2.0, 2.5])
def test_learned_and_given_alpha_agree(alpha):
    rng = np.random.default_rng(0)
    x, t = 10 * rng.standard_normal((2, 20))
    value = losses.robust_loss(x, t, alpha=alpha, scale=0.5)
    learned = losses.robust_loss(x, t, alpha=ml.Tensor(alpha, requires_grad=True), scale=0.5)
    assert learned.item() == pytest.approx(value, rel=1e-13)
    given = slopes(lambda x: losses.robust_loss(x, t, alpha=alpha, scale=0.5), x)
    same = slopes(lambda x: losses.robust_loss(x, t, alpha=ml.Tensor(alpha), scale=0.5), x)
    np.testing.assert_allclose(same, given, rtol=1e-10)


@pytest.mark.parametrize("alpha", [-3.0, -0.5, -1e-7, 0.0, 1e-7, 0.4, 1.0, 1.9, 2.1, 3.0])
def test_alpha_and_scale_are_learned(alpha):
    rng = np.random.default_rng(1)
    x, t = 2 * rng.standard_normal((2, 4, 3))

    def learned(alpha, scale, x):
        return losses.robust_loss(x, t, alpha=alpha, scale=scale)

    assert ml.gradcheck(learned, [np.array(alpha), np.array(0.7), x], order=2)
    shapes = np.full((4, 1), alpha), rng.uniform(0.5, 2, 3)
    assert ml.gradcheck(learned, [*shapes, x], order=2)


def slope_in_alpha(alpha, x=1.5):
    alpha = ml.Tensor(alpha, requires_grad=True)
    return ml.grad(losses.robust_loss([x], [0.0], alpha=alpha), [alpha])[0].item()


def test_slope_in_alpha_at_0():
    z = 1.5**2
    log = math.log(z / 2 + 1)
    exact = log**2 / 4 - log / 2 + z / (2 * (z + 2))  # the derivative of the formula, alpha -> 0
    assert exact == pytest.approx(0.029863, abs=1e-6)
    assert slope_in_alpha(0.0) == pytest.approx(exact, rel=1e-13)
    for alpha in (1e-300, -1e-12, 1e-9):
        assert slope_in_alpha(alpha) == pytest.approx(exact, rel=1e-7)


def test_slope_in_alpha_near_2():
    """It grows like -(z / 4) log b, with b = |alpha - 2|; 0 by convention at 2."""
    for b in (1e-3, 1e-5, 1e-8):
        step = slope_in_alpha(2 - b / 10) - slope_in_alpha(2 - b)
        assert step == pytest.approx(1.5**2 / 4 * math.log(10), rel=0.02)
    assert slope_in_alpha(2.0) == 0


def test_small_gradients_of_large_errors_are_exact():
    x = np.array([1e3, 1e6])
    (slope,) = slopes(lambda x: losses.robust_loss(x, 0 * x, alpha=-2, reduction="sum"), x)
    np.testing.assert_allclose(slope, x / (x**2 / 4 + 1) ** 2, rtol=1e-13)


@pytest.mark.parametrize("k", range(4))
def test_exp_moment(k):
    w = np.array([-800, -30, -1.0, -0.26, -0.24, 0, 1e-9, 0.24, 0.26, 3, 30])
    t, weights = np.polynomial.legendre.leggauss(80)
    t, weights = (t + 1) / 2, weights / 2
    with np.errstate(under="ignore"):
        integral = (t**k * np.exp(w[:, None] * t)) @ weights
        np.testing.assert_allclose(exp_moment(w, k=k)[1:], integral[1:], rtol=1e-11)
        np.testing.assert_allclose(exp_moment(w, k=k)[0], math.factorial(k) / 800 ** (k + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, -2.0])
@pytest.mark.parametrize("learned", [False, True])
def test_errors_whose_squares_overflow(dtype, alpha, learned):
    """Far out the loss is (b / alpha) (|e| / sqrt b)^alpha, or its limits."""
    e = np.array([1.0, -1.0]) * math.sqrt(float(np.finfo(dtype).max)) * 16
    size, b = abs(e[0]), abs(alpha - 2)
    ratio = size / math.sqrt(b)
    if alpha > 0:  # the difference of (z / b + 1)^(alpha / 2) and 1
        value = b / alpha * (ratio**alpha - 1)
    else:
        value = 2 * math.log(size) - math.log(2) if alpha == 0 else b / 2
    given = ml.Tensor(alpha, dtype=dtype) if learned else alpha
    x = ml.Tensor(e, requires_grad=True, dtype=dtype)
    loss = losses.robust_loss(x, np.zeros(2), alpha=given, reduction="none")
    rtol = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(loss.data, value, rtol=rtol)
    if alpha >= 0:  # below, the slope is 0 to rounding
        slope = np.sign(e) * ratio ** (alpha - 1) * math.sqrt(b)
        np.testing.assert_allclose(ml.grad(loss.sum(), x)[0], slope, rtol=20 * rtol)
