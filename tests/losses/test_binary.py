"""Losses of yes or no: identities, kinks and what no table of cases can say."""

import numpy as np
import pytest
from harness import close, gradient

import microloss as ml
from microloss import functional as F
from microloss.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    focal_loss,
    sigmoid_focal_loss,
)


def logits_and_targets(seed=0):
    rng = np.random.default_rng(seed)
    return 3 * rng.standard_normal((4, 3)), rng.uniform(0, 1, (4, 3))


# ---- from probabilities --------------------------------------------------------------------------


def test_bce_by_hand():
    close(binary_cross_entropy([0.5, 0.25], [1, 0], reduction="none"), np.log([2, 4 / 3]))
    close(binary_cross_entropy([0.25], [0.5]), np.log(16 / 3) / 2)


def test_bce_of_pytorch():
    p, t = np.array([0.9, 0.2, 0.6]), np.array([1, 0, 0.3])
    close(binary_cross_entropy(p, t), 0.3743850888)
    slope = gradient(lambda p: binary_cross_entropy(p, t), p)
    close(slope, [-0.3703703704, 0.4166666667, 0.4166666667])
    slope = gradient(lambda t: binary_cross_entropy(p, t), t)
    close(slope, [-0.7324081924, 0.4620981204, -0.135155036])


def test_bce_at_certainty():
    """The value ends at 100 and the gradient at 1e12: large, but it leads back."""
    p, t = np.array([0.0, 1.0, 0.0, 1.0, 1e-50]), np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    close(binary_cross_entropy(p, t, reduction="none"), [100, 100, 0, 0, 100])
    slope = gradient(lambda p: binary_cross_entropy(p, t, reduction="sum"), p)
    close(slope, [-1e12, 1e12, 0, 0, -1e12])


def test_bce_curvature():
    p, t = np.array([0.1, 0.5, 0.9]), np.array([0.0, 0.25, 1.0])
    curvature = ml.hessian(lambda p: binary_cross_entropy(p, t, reduction="sum"), p)
    close(curvature, np.diag(t / p**2 + (1 - t) / (1 - p) ** 2))
    for dtype in (np.float64, np.float32):
        edge = np.array([0.0, 1.0, 0.0, 1.0], dtype)
        curvature = ml.hessian(lambda p: binary_cross_entropy(p, [1, 0, 0, 1]), edge)
        assert np.isfinite(curvature).all()


def test_bce_is_differentiated_by_both_arguments_in_any_order():
    p, t = np.array([0.1, 0.5, 0.0]), np.array([0.25, 0.5, 1.0])

    def mixed(first, second, swap):
        a, b = ml.Tensor(first, requires_grad=True), ml.Tensor(second, requires_grad=True)
        loss = binary_cross_entropy(*((b, a) if swap else (a, b)), reduction="sum")
        (slope,) = ml.grad(loss, a, create_graph=True)
        return ml.grad(slope.sum(), b)[0]

    expected = -1 / np.maximum(p * (1 - p), 1e-12)
    close(mixed(p, t, False), expected)
    close(mixed(t, p, True), expected)


# ---- from logits ---------------------------------------------------------------------------------


def test_bce_with_logits_by_hand():
    close(
        binary_cross_entropy_with_logits([0.0, np.log(3)], [0.3, 0.0], reduction="none"),
        np.log([2, 4]),
    )


def test_bce_with_logits_of_pytorch():
    x, t = np.array([0.5, -1, 2]), np.array([1, 0, 0.3])
    close(binary_cross_entropy_with_logits(x, t), 0.7714222276)
    slope = gradient(lambda x: binary_cross_entropy_with_logits(x, t), x)
    close(slope, [-0.1258468896, 0.08964714046, 0.193599026])
    slope = gradient(lambda t: binary_cross_entropy_with_logits(x, t), t)
    close(slope, [-0.1666666667, 0.3333333333, -0.6666666667])


def test_probabilities_and_logits_agree():
    x, t = logits_and_targets()
    close(binary_cross_entropy(F.sigmoid(x), t), binary_cross_entropy_with_logits(x, t))
    close(
        gradient(lambda x: binary_cross_entropy(F.sigmoid(x), t), x),
        gradient(lambda x: binary_cross_entropy_with_logits(x, t), x),
    )


def test_the_fused_form_is_the_composition():
    x, t = logits_and_targets()

    def fused(x):
        return binary_cross_entropy_with_logits(x, t)

    def composed(x):
        return np.mean(-t * F.log_sigmoid(x) - (1 - t) * F.log_sigmoid(-x))

    close(fused(x), composed(x))
    close(gradient(fused, x), gradient(composed, x))
    close(ml.hessian(fused, x), ml.hessian(composed, x))


def test_sure_answers_keep_their_digits():
    values = binary_cross_entropy_with_logits([30.0, -30.0], [1, 0], reduction="none")
    close(values, [np.exp(-30), np.exp(-30)], rtol=1e-12, atol=0)


def test_there_is_no_kink_at_logit_0():
    for target in (0.0, 0.3, 1.0):

        def f(x, target=target):
            return binary_cross_entropy_with_logits(x, [target])

        close(gradient(f, [0.0]), [0.5 - target])
        close(ml.hessian(f, [0.0]), [[0.25]])


def test_pos_weight_counts_a_yes_that_often():
    x, _ = logits_and_targets()
    t = np.tile([0.0, 1.0, 1.0], (4, 1))
    plain = binary_cross_entropy_with_logits(x, t, reduction="none")
    weighted = binary_cross_entropy_with_logits(x, t, pos_weight=3.0, reduction="none")
    close(weighted, plain * [1, 3, 3])


def test_weights_broadcast_towards_the_elements_only():
    x, t = logits_and_targets()
    for shape in ((), (3,), (1, 3), (4, 1)):
        assert binary_cross_entropy_with_logits(
            x, t, weight=np.ones(shape), reduction="none"
        ).shape == (4, 3)
    for shape in ((4,), (1, 4, 3), (2, 3)):
        with pytest.raises(ValueError, match="weight"):
            binary_cross_entropy_with_logits(x, t, weight=np.ones(shape))
        with pytest.raises(ValueError, match="pos_weight"):
            binary_cross_entropy_with_logits(x, t, pos_weight=np.ones(shape))


# ---- focal loss ----------------------------------------------------------------------------------


def test_focal_by_hand():
    close(sigmoid_focal_loss([0.0, 0.0], [1, 0], reduction="none"), np.log(2) / [16, 16 / 3])


def test_focal_of_torchvision():
    x, t = np.array([1, -2, 0.5, 3]), np.array([1, 0, 0, 1])
    expected = [0.005664514377, 0.001352672126, 0.2830587006, 2.732083112e-05]
    close(sigmoid_focal_loss(x, t, reduction="none"), expected)
    slope = gradient(lambda x: sigmoid_focal_loss(x, t, reduction="sum"), x)
    close(slope, [-0.01314528249, 0.003653205147, 0.3946138664, -7.871796162e-05])


def test_focal_without_gamma_and_alpha_is_cross_entropy():
    x, _ = logits_and_targets()
    t = np.tile([0.0, 1.0, 1.0], (4, 1))

    def focal(x):
        return sigmoid_focal_loss(x, t, alpha=None, gamma=0)

    def bce(x):
        return binary_cross_entropy_with_logits(x, t)

    close(focal(x), bce(x))
    close(ml.hessian(focal, x), ml.hessian(bce, x))


def test_focal_of_a_sigmoid_is_that_of_two_logits():
    x = np.array([-2.0, 0.0, 0.5, 3.0])
    two = np.stack([np.zeros(4), x], axis=1)
    t = np.array([0, 1, 0, 1])
    close(sigmoid_focal_loss(x, t, alpha=None), focal_loss(two, t))
    close(sigmoid_focal_loss(x, t, alpha=0.2), focal_loss(two, t, alpha=[0.8, 0.2]))


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
@pytest.mark.parametrize("scale", [100.0, 1e4])
def test_focal_curvature_stays_finite(gamma, scale):
    x, t = scale * np.array([1.0, -1.0, 1.0, -1.0]), [0, 0, 1, 1]
    assert np.isfinite(ml.hessian(lambda x: sigmoid_focal_loss(x, t, gamma=gamma), x)).all()


def test_options_of_double_precision_leave_float32():
    x, t = np.float32([0.5, -2.0]), [0, 1]
    options = {"alpha": np.float64(0.3), "gamma": np.float64(0.5)}
    assert sigmoid_focal_loss(x, t, **options).dtype == np.float32


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal_loss_of_soft_labels(alpha, gamma):
    """torchvision's formula, and hard labels beside soft ones as they are alone."""
    x, t = np.array([1.0, -2.0, 0.5, 3.0]), np.array([0.3, 0.9, 0.0, 1.0])
    p = 1 / (1 + np.exp(-x))
    ce = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    expected = ce * (1 - (p * t + (1 - p) * (1 - t))) ** gamma
    if alpha is not None:
        expected *= alpha * t + (1 - alpha) * (1 - t)
    options = {"alpha": alpha, "gamma": gamma, "reduction": "none"}
    values = sigmoid_focal_loss(x, t, **options)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    hard = sigmoid_focal_loss(x[2:], t[2:], **options)
    np.testing.assert_array_equal(values[2:], hard)
    assert ml.gradcheck(lambda x: sigmoid_focal_loss(x, t, **options), x, order=2)


def test_infinite_logits_have_their_limits():
    sure = binary_cross_entropy_with_logits([np.inf, -np.inf, np.inf, 0.0], [1, 0, 0, 1],
                                            reduction="none")  # fmt: skip
    close(sure[[0, 1, 3]], [0, 0, np.log(2)])
    assert sure[2] == np.inf
    x = ml.Tensor([np.inf, -np.inf, 1.0], requires_grad=True)
    (slope,) = ml.grad(binary_cross_entropy_with_logits(x, [1, 0, 1], reduction="sum"), x)
    close(slope, [0, 0, F.sigmoid(1.0) - 1])
