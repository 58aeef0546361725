"""Losses of masks and boxes: identities, kinks and what no table of cases can say."""

import numpy as np
import pytest
from harness import close, gradient

import microloss as ml
from microloss import functional as F
from microloss.losses import (
    binary_cross_entropy_with_logits,
    box_iou_loss,
    cross_entropy,
    dice_bce_loss,
    dice_ce_loss,
    dice_loss,
    generalized_box_iou_loss,
    iou_loss,
    tversky_loss,
)

P, MASK = np.array([[0.8, 0.4], [0.1, 0.9]]), np.array([[1, 0], [0, 1]])
HARD = np.array([[1, 1, 1, 0]])  # overlaps TARGET in two pixels, with one more and one less
TARGET = np.array([[0, 1, 1, 1]])
ZEROS = np.zeros((2, 2))


def random_masks(seed=0, shape=(4, 2, 3)):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, shape), rng.uniform(0, 1, shape)


# ---- masks ---------------------------------------------------------------------------------------


def test_overlaps_by_hand():
    close(dice_loss(HARD, TARGET, eps=1e-12), 1 / 3)
    close(iou_loss(HARD, TARGET, eps=1e-12), 1 / 2)
    close(tversky_loss(HARD, TARGET, alpha=0.25, beta=1, eps=1e-12), 1.25 / 3.25)
    close(dice_loss(P, MASK, squared=True, eps=1e-12), 1 - 3.4 / 3.62)


def test_dice_of_monai():
    close(dice_loss(P, MASK, eps=1e-5), 0.190475737)
    slope = gradient(lambda p: dice_loss(p, MASK, eps=1e-5), P)
    close(slope, [[-0.2834459292, 0.1927434132], [0.1927434132, -0.2834459292]])


def test_tversky_of_monai():
    options = {"alpha": 0.3, "beta": 0.7, "eps": 1e-5}
    close(tversky_loss(P, MASK, **options), 0.1747564332)
    slope = gradient(lambda p: tversky_loss(p, MASK, **options), P)
    close(slope, [[-0.3652540182, 0.1201805186], [0.1201805186, -0.3652540182]])


def test_iou_of_monai():
    """MONAI doubles numerator and denominator before it adds its eps of 1e-5."""
    close(iou_loss(P, MASK, eps=0.5e-5), 0.31999936)
    slope = gradient(lambda p: iou_loss(p, MASK, eps=0.5e-5), P)
    close(slope, [[-0.3999992, 0.271999712], [0.271999712, -0.3999992]])


def test_dice_and_cross_entropy_of_monai():
    x = [
        [[[2, 0.5, -1]], [[0, 1.5, 0]], [[-1, 0, 1]]],
        [[[0.3, 0.2, 0.1]], [[1, -1, 0.5]], [[0, 2, -0.5]]],
    ]
    y = [[[0, 1, 2]], [[1, 2, 1]]]
    loss = dice_ce_loss(x, y, dice_weight=0.7, ce_weight=0.3)
    close(loss, 0.4144718623, atol=3e-6)  # MONAI's eps is 1e-5


@pytest.mark.parametrize("squared", [False, True])
def test_dice_and_iou_are_special_cases_of_tversky(squared):
    p, t = random_masks()
    dice = dice_loss(p, t, axis=(1, 2), squared=squared, eps=2e-3, reduction="none")
    iou = iou_loss(p, t, axis=(1, 2), squared=squared, eps=1e-3, reduction="none")
    options = {"axis": (1, 2), "squared": squared, "eps": 1e-3, "reduction": "none"}
    close(tversky_loss(p, t, **options), dice)
    close(tversky_loss(p, t, alpha=1, beta=1, **options), iou)


def test_iou_pulls_half_as_much_as_dice_without_overlap_and_twice_at_a_full_one():
    for p, t, factor in ((ZEROS, MASK, 0.5), (MASK, MASK, 2.0)):
        dice = gradient(lambda p, t=t: dice_loss(p, t, eps=1e-30), p)
        close(gradient(lambda p, t=t: iou_loss(p, t, eps=1e-30), p), factor * dice)


def test_alpha_weighs_false_alarms_and_beta_misses():
    alarm, miss = [[1, 1, 1]], [[1, 0, 0]]
    target = [[1, 1, 0]]
    assert tversky_loss(alarm, target, alpha=0.9, beta=0.1) > tversky_loss(
        miss, target, alpha=0.9, beta=0.1
    )
    assert tversky_loss(alarm, target, alpha=0.1, beta=0.9) < tversky_loss(
        miss, target, alpha=0.1, beta=0.9
    )


def test_squared_tversky_by_hand():
    """I = .65, no false positives, .35^2 of false negatives."""
    options = {"alpha": 0.7, "beta": 0.3, "squared": True, "eps": 1e-12}
    close(tversky_loss([0.65], [1.0], **options), 0.3 * 0.1225 / (0.65 + 0.3 * 0.1225), 1e-11)
    p = P[0]
    alarms, misses = np.sum(p**2 * (1 - MASK[0])), np.sum((1 - p) ** 2 * MASK[0])
    wrong = 0.7 * alarms + 0.3 * misses
    close(tversky_loss(p, MASK[0], **options), wrong / (0.8 + wrong), 1e-11)


@pytest.mark.parametrize("alpha, beta", [(2, 0), (0, 2), (0.7, 0.3), (0, 0)])
def test_squared_tversky_is_bounded(alpha, beta):
    options = {"alpha": alpha, "beta": beta, "squared": True}
    p, soft = random_masks()
    for t in (soft, soft.round()):
        values = tversky_loss(p, t, axis=(1, 2), reduction="none", **options)
        assert ((values >= 0) & (values <= 1)).all()
        close(tversky_loss(t, t, **options), 0)
    close(tversky_loss([0.0, 1.0], [1.0, 0.0], **options), 1.0 if alpha or beta else 0.0, 1e-6)


@pytest.mark.parametrize("loss", [dice_loss, iou_loss, tversky_loss])
def test_each_axis_has_its_own_overlap(loss):
    p, t = random_masks()
    each = [loss(a, b) for a, b in zip(p, t)]
    close(loss(p, t, axis=(1, 2), reduction="none"), each)
    close(loss(p, t, axis=(-1, -2)), np.mean(each))
    assert loss(p, t, reduction="none").shape == ()
    assert loss(p[:0], t[:0], axis=(1, 2), reduction="none").shape == (0,)


@pytest.mark.parametrize("loss", [dice_loss, iou_loss, tversky_loss])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_empty_against_empty(loss, dtype):
    """No loss, and the slope against any first pixel is 1 / eps (a half of that for Tversky)."""
    zeros = ZEROS.astype(dtype)
    assert loss(zeros, zeros) == 0
    slope = gradient(lambda p: loss(p, zeros, eps=1e-3), zeros)
    close(slope, np.full((2, 2), 500.0 if loss is tversky_loss else 1000.0), rtol=1e-6)
    assert np.isfinite(ml.hessian(lambda p: loss(p, zeros), zeros)).all()


def test_gradients_of_the_cards():
    p, t = random_masks()
    both, eps = np.sum(p * t), 1e-2
    size, union = p.sum() + t.sum(), p.sum() + t.sum() - both
    expected = -(2 * t - (2 * both + eps) / (size + eps)) / (size + eps)
    close(gradient(lambda p: dice_loss(p, t, eps=eps), p), expected)
    expected = -(t - (1 - t) * (both + eps) / (union + eps)) / (union + eps)
    close(gradient(lambda p: iou_loss(p, t, eps=eps), p), expected)
    total = both + 0.3 * (p.sum() - both) + 0.6 * (t.sum() - both) + eps
    expected = -(t - (0.3 + 0.1 * t) * (both + eps) / total) / total
    close(gradient(lambda p: tversky_loss(p, t, alpha=0.3, beta=0.6, eps=eps), p), expected)


def test_masks_of_booleans_and_integers():
    expected = dice_loss(P, MASK)
    assert dice_loss(P, MASK == 1) == dice_loss(P, MASK.astype(np.uint8)) == expected


def test_sums_are_of_both_terms():
    x, _ = random_masks(shape=(2, 3, 4))
    y = np.random.default_rng(0).integers(0, 3, (2, 4))
    one_hot = F.one_hot(y, 3).transpose(0, 2, 1)
    dice = dice_loss(F.softmax(x, axis=1), one_hot, axis=2)
    close(dice_ce_loss(x, y, dice_weight=2, ce_weight=3), 2 * dice + 3 * cross_entropy(x, y))
    dice, bce = dice_loss(F.sigmoid(x), one_hot), binary_cross_entropy_with_logits(x, one_hot)
    close(dice_bce_loss(x, one_hot, dice_weight=2, bce_weight=3), 2 * dice + 3 * bce)


# ---- boxes ---------------------------------------------------------------------------------------

ONE = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 4]])
TWO = np.array([[1, 1, 3, 3], [2, 2, 3, 4], [0, 0, 2, 4]])


def test_boxes_of_torchvision():
    """Overlapping by 1/7, apart, and equal: there maximum and minimum share the gradient."""
    close(box_iou_loss(ONE, TWO, reduction="none"), [0.8571428592, 1, 1.249999981e-08], 1e-8)
    slope = gradient(lambda b: box_iou_loss(b, TWO, reduction="sum"), ONE)
    expected = [
        [-0.04081632536, -0.04081632536, -0.1224489781, -0.1224489781],
        [0, 0, 0, 0],
        [3.124999925e-09, 1.562499963e-09, -3.124999925e-09, -1.562499963e-09],
    ]
    close(slope, expected, atol=1e-16)


def test_generalized_boxes_by_hand():
    """Union 7 in a box of 9; areas 1 and 2 in a box of 12; equal."""
    values = generalized_box_iou_loss(ONE, TWO, eps=1e-12, reduction="none")
    close(values, [6 / 7 + 2 / 9, 1 + 9 / 12, 0], atol=1e-11)


def test_only_the_generalized_loss_pulls_boxes_that_are_apart():
    assert (gradient(lambda b: box_iou_loss(b, TWO[1:2]), ONE[1:2]) == 0).all()
    slope = gradient(lambda b: generalized_box_iou_loss(b, TWO[1:2]), ONE[1:2])[0]
    assert (slope[2:] < 0).all()  # right and down, towards the other


def test_boxes_that_touch_do_not_overlap():
    assert box_iou_loss([0, 0, 1, 1], [1, 0, 2, 1]) == 1
    assert (gradient(lambda b: box_iou_loss(b, [1, 0, 2, 1]), [0, 0, 1, 1]) == 0).all()


def test_a_box_without_width_can_grow():
    """Its area's derivative is its height, as in torchvision: x2 may grow out of x1."""
    slope = gradient(lambda b: box_iou_loss(b, [0, 0, 2, 2], eps=1e-12), [1.0, 0.0, 1.0, 2.0])
    close(slope, [0, 0, 0, 0])  # the intersection of no width has none
    line, box = [1.0, 0.0, 1.0, 2.0], [2, 0, 4, 2]
    slope = gradient(lambda b: generalized_box_iou_loss(b, box, eps=1e-12), line)
    # A = 6, U = 4: d (A - U) / A = (dA - dU) / A - (A - U) dA / A^2, dA/dx1 = -2, dU/dx1 = -2
    close(slope[[0, 2]], [2 * 2 / 36, -2 / 6])


@pytest.mark.parametrize("loss", [box_iou_loss, generalized_box_iou_loss])
def test_boxes_have_no_place_no_scale_and_no_order(loss):
    rng = np.random.default_rng(0)
    one, two = (
        np.concatenate([low, low + rng.uniform(0.5, 2, (20, 2))], axis=1)
        for low in rng.uniform(0, 2, (2, 20, 2))
    )
    expected = loss(one, two, reduction="none")
    close(loss(two, one, reduction="none"), expected)
    close(loss(one + 7, two + 7, reduction="none"), expected)
    close(loss(one * 3, two * 3, eps=9e-7, reduction="none"), expected)
    close(loss(one[0], two[0]), expected[0])
    close(loss(one.reshape(4, 5, 4), two.reshape(4, 5, 4), reduction="none").ravel(), expected)


def test_options_of_double_precision_leave_float32():
    p, x, half = P.astype(np.float32), np.float32(ONE), np.float64(0.5)
    assert tversky_loss(p, MASK, alpha=half, beta=half, eps=half).dtype == np.float32
    assert dice_bce_loss(p, MASK, dice_weight=half, bce_weight=half).dtype == np.float32
    assert dice_ce_loss(p[None], [[0, 1]], dice_weight=half, ce_weight=half).dtype == np.float32
    assert generalized_box_iou_loss(x, TWO, eps=half).dtype == np.float32
