"""Losses of masks and boxes: identities, kinks and what no table of cases can say."""

import numpy as np
import pytest
from harness import close, gradient

import microloss as ml
from microloss import functional as F
from microloss.losses import (
    binary_cross_entropy_with_logits,
    box_iou_loss,
    complete_box_iou_loss,
    cross_entropy,
    dice_bce_loss,
    dice_ce_loss,
    dice_loss,
    distance_box_iou_loss,
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


SEVERAL_LOGITS = np.array(
    [
        [[[2, 0.5, -1]], [[0, 1.5, 0]], [[-1, 0, 1]]],
        [[[0.3, 0.2, 0.1]], [[1, -1, 0.5]], [[0, 2, -0.5]]],
    ]
)
WITHOUT_0_AND_2 = np.array([[[0, 1, 2]], [[1, 1, 1]]])  # the second image holds class 1 alone


@pytest.mark.parametrize(
    "options, value, slopes",
    [
        ({}, 1.485749631656787, [-0.045832058489650204, 0.06376314475755729]),
        (
            {"include_background": False},
            1.459185450654661,
            [-0.03715493153075455, 0.060376653299531735],
        ),
        ({"batch": True}, 1.4021267917849412, [-0.052198088544024225, 0.06042750935752632]),
        ({"weight": [1, 2, 0.5]}, 1.68163780272991, [-0.04019992254000346, 0.09162419890888038]),
        ({"squared": True}, 1.374992922384312, [-0.0333647006292476, 0.06018551411649183]),
        (
            {"include_background": False, "batch": True, "weight": [1, 2, 0.5], "squared": True},
            1.5115725692401507,
            [-0.019634082345810926, 0.08140223807851285],
        ),
    ],
)
def test_dice_ce_of_monai(options, value, slopes):
    """MONAI 1.6.1's DiceCELoss in float64, with smooth_nr = smooth_dr = 1e-7."""
    f = lambda x: dice_ce_loss(x, WITHOUT_0_AND_2, **options)
    close(f(SEVERAL_LOGITS), value, rtol=1e-12)
    close(gradient(f, SEVERAL_LOGITS).ravel()[:2], slopes, rtol=1e-12)


def test_classes_that_an_image_does_not_hold():
    """They cost 1 each whatever is predicted, unless they are left out."""
    x, t = SEVERAL_LOGITS[1:], WITHOUT_0_AND_2[1:]
    p = F.softmax(x, axis=1)
    dice = dice_loss(p[:, 1], t == 1)
    plain = dice_ce_loss(x, t, ce_weight=0)
    close(plain, (1 + dice + 1) / 3, rtol=1e-6)
    close(dice_ce_loss(x, t, ce_weight=0, ignore_empty=True), dice)
    left = dice_ce_loss(x, 0 * t, ce_weight=0, ignore_empty=True, include_background=False)
    assert left == 0


def test_ignored_pixels_do_not_count():
    x, t = SEVERAL_LOGITS, np.where([[[0, 1, 0]]], 255, WITHOUT_0_AND_2)
    expected = dice_ce_loss(x[..., [0, 2]], t[..., [0, 2]])
    close(dice_ce_loss(x, t, ignore_index=255), expected)
    slope = gradient(lambda x: dice_ce_loss(x, t, ignore_index=255), x)
    assert (slope[..., 1] == 0).all() and slope[..., 0].all()


@pytest.mark.parametrize("loss", [dice_loss, iou_loss, tversky_loss])
def test_soft_masks_need_squares(loss):
    """squared: p = t costs 0 and is the minimum; the default costs more and pushes p away from t.

    At p = t = 1/2 the default costs 1/2, 2/3 and 1/2, as the cards say.
    """
    half = np.full(4, 0.5)
    close(loss(half, half, eps=1e-12), 2 / 3 if loss is iou_loss else 1 / 2)
    soft = np.array([0.2, 0.9, 0.6, 0.0])
    close(loss(soft, soft, squared=True), 0, atol=1e-12)
    slope = gradient(lambda p: loss(p, soft, squared=True), soft)
    close(slope[:3], 0, atol=1e-7)
    assert abs(gradient(lambda p: loss(p, soft), soft)).max() > 0.1


def test_soft_masks_in_the_losses_of_logits():
    soft = np.array([[0.2, 0.9], [0.6, 0.1]])
    logits = np.log(soft / (1 - soft))
    slope = lambda **options: gradient(lambda x: dice_bce_loss(x, soft, **options), logits)
    close(slope(squared=True), np.zeros((2, 2)), atol=1e-7)
    assert abs(slope()).max() > 0.01


def test_logits_of_nan_give_nan_and_probabilities_of_nan_are_refused():
    x = np.array([[[np.nan, 1.0], [0.0, 2.0]]])
    assert np.isnan(dice_ce_loss(x, [[0, 1]])) and np.isnan(dice_bce_loss(x, np.zeros((1, 2, 2))))
    with pytest.raises(ValueError, match="target holds nan"):
        dice_bce_loss(np.zeros((1, 2, 2)), x)


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
BOX_LOSSES = [
    box_iou_loss, generalized_box_iou_loss, distance_box_iou_loss, complete_box_iou_loss,
]  # fmt: skip


def test_boxes_of_torchvision():
    """Overlapping by 1/7, apart, and equal: there maximum and minimum share the gradient."""
    loss = lambda b: box_iou_loss(b, TWO, eps=1e-7, reduction="none")
    close(loss(ONE), [0.8571428592, 1, 1.249999981e-08], 1e-8)
    slope = gradient(lambda b: loss(b).sum(), ONE)
    expected = [
        [-0.04081632536, -0.04081632536, -0.1224489781, -0.1224489781],
        [0, 0, 0, 0],
        [3.124999925e-09, 1.562499963e-09, -3.124999925e-09, -1.562499963e-09],
    ]
    close(slope, expected, atol=1e-16)


def test_distance_and_complete_boxes_of_torchvision():
    """torchvision 0.29.1, in float64: overlapping, apart, shifted, and one inside the other."""
    one = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 4], [0, 0, 4, 3.0]])
    two = np.array([[1, 1, 3, 3.5], [2, 2, 3, 4], [0, 0.5, 2, 5], [1, 1, 2, 1.5]])
    for loss, values, slopes in (
        (
            distance_box_iou_loss,
            [0.9955882362891436, 1.40999999836, 0.31939655865725314, 0.9708333336305555],
            [
                [-0.04426037994059004, -0.05035034533655991],
                [0.018399999532799985, 0.031199999350399993],
                [0.018837694613128834, -0.15917360001069342],
                [0.013583333394944441, -0.0008888887214074104],
            ],
        ),
        (
            complete_box_iou_loss,
            [0.9956162245045899, 1.4116894590593956, 0.31939888302139285, 0.9710102543149036],
            [
                [-0.04438684351499282, -0.05022388176215713],
                [0.013149159475776159, 0.036450839407423816],
                [0.018817226129397156, -0.15916336576882756],
                [0.01381941978910723, -0.001203670580291128],
            ],
        ),
    ):
        f = lambda b, loss=loss, two=two: loss(b, two, eps=1e-7, reduction="none")
        close(f(one), values, rtol=1e-12)
        close(gradient(lambda b, f=f: f(b).sum(), one)[:, :2], slopes, rtol=1e-11)


def test_complete_boxes_by_hand():
    """A bar of 2 x 1 on one of 1 x 2 with the same corner: I 1, U 3, c^2 8, r^2 1/2."""
    v = 4 / np.pi**2 * (np.arctan(2) - np.arctan(0.5)) ** 2
    expected = 2 / 3 + 1 / 16
    close(distance_box_iou_loss([0, 0, 2, 1], [0, 0, 1, 2]), expected)
    close(complete_box_iou_loss([0, 0, 2, 1], [0, 0, 1, 2]), expected + v * v / (2 / 3 + v))


@pytest.mark.parametrize("loss", [distance_box_iou_loss, complete_box_iou_loss])
def test_a_box_inside_of_another_is_still_pulled_to_its_centre(loss):
    """There the generalized loss is the plain one, and a shift costs nothing."""
    inner, outer = np.array([1.0, 1.0, 2.0, 2.0]), [0, 0, 4, 4]
    shift = lambda f: gradient(lambda x: f(inner + x * np.array([1.0, 0, 1, 0]), outer), [0.0])[0]
    assert abs(shift(box_iou_loss)) < 1e-15 and abs(shift(generalized_box_iou_loss)) < 1e-15
    close(shift(loss), -1 / 32)  # r^2 / c^2 = ((x - 2)^2 + ...) / 32 at x = 1.5


@pytest.mark.parametrize("loss", BOX_LOSSES)
def test_points_and_lines_have_finite_slopes(loss):
    point, line, box = [1.0, 1, 1, 1], [1.0, 1, 1, 3], [0.0, 0, 2, 3]
    for one in (point, line, box):
        for two in (point, line, box):
            f = lambda b, two=two: loss(b, two)
            assert np.isfinite(gradient(f, one)).all() and np.isfinite(ml.hessian(f, one)).all()


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


@pytest.mark.parametrize("loss", BOX_LOSSES)
def test_boxes_have_no_place_no_scale_and_no_order(loss):
    rng = np.random.default_rng(0)
    one, two = (
        np.concatenate([low, low + rng.uniform(0.5, 2, (20, 2))], axis=1)
        for low in rng.uniform(0, 2, (2, 20, 2))
    )
    expected = loss(one, two, reduction="none")
    close(loss(two, one, reduction="none"), expected)
    close(loss(one + 7, two + 7, reduction="none"), expected)
    for scale in (3, 1e-4, 1e-9):
        close(loss(one * scale, two * scale, reduction="none"), expected)
    close(loss(one[0], two[0]), expected[0])
    close(loss(one.reshape(4, 5, 4), two.reshape(4, 5, 4), reduction="none").ravel(), expected)


@pytest.mark.parametrize("loss", [dice_loss, iou_loss, tversky_loss, dice_bce_loss])
def test_float16_beyond_its_largest_number(loss):
    """300 x 300 pixels are more than 65504; the sums are float32, the result is float16."""
    p = np.random.default_rng(0).uniform(0.1, 0.9, (300, 300)).astype(np.float16)
    t = (p > 0.4).astype(np.float16)
    x = ml.Tensor(p, requires_grad=True)
    value = loss(x, t)
    assert value.dtype == np.float16
    close(value.item(), loss(p.astype(float), t.astype(float)), rtol=1e-3)
    assert np.isfinite(ml.grad(value, x)[0]).all()


def test_float16_boxes_of_a_picture():
    one, two = np.float16([[0, 0, 600, 400]]), np.float16([[100, 0, 700, 400]])
    for loss in BOX_LOSSES:
        value = loss(one, two)
        assert value.dtype == np.float16
        close(value, loss(one.astype(float), two.astype(float)), rtol=1e-3)


def test_options_of_double_precision_leave_float32():
    p, x, half = P.astype(np.float32), np.float32(ONE), np.float64(0.5)
    assert tversky_loss(p, MASK, alpha=half, beta=half, eps=half).dtype == np.float32
    assert dice_bce_loss(p, MASK, dice_weight=half, bce_weight=half).dtype == np.float32
    assert dice_ce_loss(p[None], [[0, 1]], dice_weight=half, ce_weight=half).dtype == np.float32
    for loss in BOX_LOSSES:
        assert loss(x, TWO, eps=half).dtype == np.float32
