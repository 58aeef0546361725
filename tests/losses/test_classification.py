"""Losses of one class out of several: identities, kinks and what no table of cases can say."""

import numpy as np
import pytest
from harness import close, gradient

import microloss as ml
from microloss import functional as F
from microloss.losses import cross_entropy, focal_loss, generalized_cross_entropy, nll_loss

X = np.array([[1, 2, 0.5], [0.1, -1, 3]])
Y = np.array([1, 0])


def random_logits(seed=0, shape=(6, 4)):
    rng = np.random.default_rng(seed)
    return 3 * rng.standard_normal(shape), rng.integers(0, shape[1], shape[0])


# ---- cross-entropy -------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    close(cross_entropy([[0.0, 0.0]], [0]), np.log(2))
    close(cross_entropy([[np.log(3), 0.0]], [1]), np.log(4))
    close(gradient(lambda x: cross_entropy(x, [1]), [[np.log(3), 0.0]]), [[0.75, -0.75]])


def test_cross_entropy_of_pytorch():
    close(cross_entropy(X, Y), 1.717571502)
    expected = [
        [0.1156119488, -0.1857341404, 0.07012219158],
        [-0.4743681971, 0.008532085993, 0.4658361112],
    ]
    close(gradient(lambda x: cross_entropy(x, Y), X), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("seed", range(5))
def test_the_fused_form_is_the_composition(reduction, seed):
    x, y = random_logits(seed)

    def fused(x):
        return cross_entropy(x, y, reduction=reduction)

    def composed(x):
        return nll_loss(F.log_softmax(x, axis=1), y, reduction=reduction)

    assert fused(ml.Tensor(x, requires_grad=True)).op == "softmax_nll"
    close(fused(x), composed(x))
    close(gradient(fused, x), gradient(composed, x))
    close(ml.hessian(fused, x), ml.hessian(composed, x))

    def slope_of_slope(f):  # the third derivative
        v = np.random.default_rng(1).standard_normal(x.shape)

        def along(x):
            (slope,) = ml.grad(f(x), x, create_graph=True)
            return np.sum(slope * v)

        return ml.hvp(along, x, v)

    close(slope_of_slope(fused), slope_of_slope(composed))


def test_an_ignored_class_is_never_left_to_the_fused_form():
    x, y = random_logits()
    y[:] = [0, 1, 2, 3, 0, 1]
    close(cross_entropy(x, y, ignore_index=0), cross_entropy(x[[1, 2, 3, 5]], y[[1, 2, 3, 5]]))
    assert (gradient(lambda x: cross_entropy(x, y, ignore_index=0), x)[[0, 4]] == 0).all()


def test_one_hot_probabilities_are_class_indices():
    x, y = random_logits()
    weight = [0.5, 2.0, 1.0, 3.0]
    close(cross_entropy(x, F.one_hot(y, 4)), cross_entropy(x, y))
    for options in ({}, {"weight": weight}, {"weight": weight, "label_smoothing": 0.3}):
        close(
            cross_entropy(x, F.one_hot(y, 4), reduction="sum", **options),
            cross_entropy(x, y, reduction="sum", **options),
        )


def test_smoothing_mixes_the_target_with_the_uniform_distribution():
    x, y = random_logits()
    mixed = 0.8 * F.one_hot(y, 4) + 0.2 / 4
    close(cross_entropy(x, y, label_smoothing=0.2), cross_entropy(x, mixed))


def test_it_is_the_divergence_plus_the_entropy():
    x, _ = random_logits()
    p = F.softmax(x[::-1])
    divergence = np.sum(p * np.log(p / F.softmax(x)), axis=1)
    entropy = -np.sum(p * np.log(p), axis=1)
    close(cross_entropy(x, p, reduction="none"), divergence + entropy)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_type(dtype):
    assert cross_entropy(X, Y.astype(dtype)) == cross_entropy(X, Y)


def test_classes_ruled_out_by_infinite_logits():
    x = np.array([[1.0, -np.inf, 2.0, 0.5]])
    p = np.array([[0.25, 0.0, 0.5, 0.25]])
    rest = [0, 2, 3]
    close(cross_entropy(x, p), cross_entropy(x[:, rest], p[:, rest]))
    slope = gradient(lambda x: cross_entropy(x, p), x)
    close(slope[:, rest], gradient(lambda x: cross_entropy(x, p[:, rest]), x[:, rest]))
    assert slope[0, 1] == 0
    assert cross_entropy(x, np.full((1, 4), 0.25)) == np.inf
    assert cross_entropy(x, [0], label_smoothing=0.1) == np.inf
    assert np.isfinite(ml.hessian(lambda x: cross_entropy(x, [0]), x)).all()


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss, focal_loss])
def test_nothing_counts(loss):
    ignored = np.array([-100, -100])
    x = ml.Tensor(X, requires_grad=True)
    total = loss(x, ignored, reduction="sum")
    assert total.item() == 0
    assert (ml.grad(total, x)[0] == 0).all()
    close(loss(X, ignored, reduction="none"), [0, 0])
    assert loss(np.zeros((0, 3)), np.zeros(0, int), reduction="none").shape == (0,)


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss, focal_loss, generalized_cross_entropy])
def test_nan_stays_nan(loss):
    with np.errstate(invalid="ignore"):
        values = loss(np.array([[np.nan, 0.0], [0.0, 0.0]]), [0, 1], reduction="none")
    assert np.isnan(values[0]) and np.isfinite(values[1])


@pytest.mark.parametrize(
    "loss, option",
    [(cross_entropy, "label_smoothing"), (focal_loss, "gamma"), (generalized_cross_entropy, "q")],
)
def test_options_of_double_precision_leave_float32(loss, option):
    x, y = random_logits()
    assert loss(x.astype(np.float32), y, **{option: np.float64(0.5)}).dtype == np.float32


# ---- negative log-likelihood ---------------------------------------------------------------------


def test_nll_of_pytorch():
    log_p = F.log_softmax(X, axis=1)
    options = {"weight": [1, 2, 3]}
    close(nll_loss(log_p, Y, **options), 1.299837262)
    slope = gradient(lambda x: nll_loss(x, Y, **options), log_p)
    close(slope, [[0, -2 / 3, 0], [-1 / 3, 0, 0]])


def test_nll_takes_one_element_from_each_row():
    close(nll_loss([[-1.0, -2.0], [-4.0, -8.0]], [1, 0], reduction="none"), [2, 4])


# ---- focal loss ----------------------------------------------------------------------------------


def test_focal_by_hand():
    close(focal_loss([[0.0, 0.0]], [0]), np.log(2) / 4)
    close(focal_loss([[0.0, 0.0, 0.0]], [2], alpha=[1, 1, 3], gamma=1), 3 * (2 / 3) * np.log(3))


def test_focal_of_the_references():
    close(focal_loss(X, Y), 1.369036864)
    expected = [
        [0.04102258282, -0.06590403704, 0.02488145422],
        [-0.5640578493, 0.01014526291, 0.5539125864],
    ]
    close(gradient(lambda x: focal_loss(x, Y), X), expected)


def test_focal_gradient_of_the_card():
    x, y = random_logits()
    p, mask = F.softmax(x), F.one_hot(y, 4)
    own = p[mask == 1][:, None]
    expected = (1 - own) ** 2 * (1 - 2 * own * np.log(own) / (1 - own)) * (p - mask) / len(y)
    close(gradient(lambda x: focal_loss(x, y), x), expected)


def test_focal_without_gamma_is_cross_entropy():
    x, y = random_logits()
    y[2] = -100
    close(focal_loss(x, y, gamma=0), cross_entropy(x, y))
    close(
        ml.hessian(lambda x: focal_loss(x, y, gamma=0), x),
        ml.hessian(lambda x: cross_entropy(x, y), x),
    )


def test_focal_averages_over_targets_not_over_alpha():
    x, y = random_logits()
    close(focal_loss(x, y, alpha=[2.0] * 4), 2 * focal_loss(x, y))


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
@pytest.mark.parametrize("scale", [100, 1e4])
def test_focal_curvature_stays_finite(gamma, scale):
    x = scale * np.array([[1.0, -1.0, 0.0]] * 3)
    assert np.isfinite(ml.hessian(lambda x: focal_loss(x, [0, 1, 2], gamma=gamma), x)).all()


def test_focal_keeps_the_digits_of_a_sure_answer():
    """At a logit of 50, 1 - p is 2e-22; computed as 1 - p it would be 0."""
    u = np.exp(-50.0)
    close(focal_loss([[50.0, 0.0]], [0], gamma=0.5), u**1.5, rtol=1e-12)


# ---- generalized cross-entropy -------------------------------------------------------------------


def test_generalized_by_hand():
    close(generalized_cross_entropy([[0.0, 0.0]], [0], q=1.0), 0.5)
    close(generalized_cross_entropy([[0.0, 0.0]], [0], q=0.5), 2 - np.sqrt(2))


def test_generalized_of_the_references():
    close(generalized_cross_entropy(X, Y, q=0.7), 0.8232337215)
    expected = [
        [0.08352793823, -0.1341901937, 0.05066225548],
        [-0.05929007093, 0.001066403664, 0.05822366727],
    ]
    close(gradient(lambda x: generalized_cross_entropy(x, Y), X), expected)


def test_generalized_becomes_cross_entropy():
    x, y = random_logits()
    expected = cross_entropy(x, y)
    close(generalized_cross_entropy(x, y, q=0), expected)
    for q in (1e-3, 1e-6, 1e-9, 1e-300):
        error = abs(generalized_cross_entropy(x, y, q=q) - expected)
        assert error <= 20 * q + 1e-14


def test_generalized_gradient_is_that_of_cross_entropy_times_p_to_the_q():
    x, y = random_logits()
    p = F.softmax(x)[np.arange(len(y)), y][:, None]
    slope = gradient(lambda x: generalized_cross_entropy(x, y, q=0.3), x)
    close(slope, p**0.3 * gradient(lambda x: cross_entropy(x, y), x))


def test_full_q_is_half_the_absolute_error():
    x, y = random_logits()
    error = np.abs(F.softmax(x) - F.one_hot(y, 4)).sum(axis=1)
    close(generalized_cross_entropy(x, y, q=1, reduction="none"), error / 2)


@pytest.mark.parametrize("q", [0.0, 0.7])
def test_generalized_cross_entropy_ignores_labels(q):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((4, 3)), np.array([2, -100, 0, 1])
    counted = target != -100
    options = {"q": q, "reduction": "none"}
    values = generalized_cross_entropy(x, target, **options)
    expected = generalized_cross_entropy(x[counted], target[counted], **options)
    np.testing.assert_array_equal(values, np.insert(expected, 1, 0))
    mean = generalized_cross_entropy(x, target, q=q)
    assert mean == pytest.approx(expected.mean(), rel=1e-14)
    with pytest.raises(ValueError, match="no element counts"):
        generalized_cross_entropy(x, np.full(4, -100), q=q)


def test_infinite_logits_have_their_limits():
    close(focal_loss([[np.inf, 0.0]], [0]), 0)
    weighted = cross_entropy([[-np.inf, 0.0], [0.0, 1.0]], [0, 1], weight=[0.0, 1.0])
    close(weighted, np.log(1 + np.exp(-1)))  # a class of weight 0 costs nothing, not 0 times inf
