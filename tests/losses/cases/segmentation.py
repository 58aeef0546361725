"""Cases of microloss/losses/segmentation.py."""

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses

from .binary import naive_bce_with_logits
from .classification import logits as logits_and_labels
from .classification import naive_cross_entropy

EPS = 1e-7


def masks(rng, shape=(2, 3, 4)):
    return rng.uniform(0.05, 0.95, shape), rng.uniform(0.05, 0.95, shape)


def logits_and_mask(rng, shape=(2, 3, 4)):
    return rng.standard_normal(shape), rng.uniform(0.05, 0.95, shape)


def boxes(rng):
    """One pair of boxes of each kind, and some by chance."""
    first = [[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 4, 4], [0, 0, 2, 2], [0, 0, 3, 1]]
    second = [[1, 1, 3, 3.5], [2, 2.5, 3, 4], [1, 1.5, 2, 3], [3, 1, 4, 3], [1, -1, 2, 2]]
    return np.concatenate([first, random_boxes(rng)]), np.concatenate([second, random_boxes(rng)])


def random_boxes(rng, n=5):
    corner = rng.uniform(0, 2, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 2, (n, 2))], axis=1)


# ---- the formulas, mask by mask and box by box ---------------------------------------------------


def mask_by_mask(loss):
    """Apply loss(P, T, I) to the sums over `axis`."""

    def naive(p, t, axis=None, squared=False, eps=EPS, **options):
        axes = np.arange(p.ndim) if axis is None else np.atleast_1d(axis) % p.ndim
        rest = [i for i in range(p.ndim) if i not in axes]
        values = np.empty([p.shape[i] for i in rest])
        for place in np.ndindex(values.shape):
            index = [slice(None)] * p.ndim
            for i, at in zip(rest, place):
                index[i] = at
            a, b = p[tuple(index)].ravel(), t[tuple(index)].ravel()
            power = 2 if squared else 1
            values[place] = loss(sum(a**power), sum(b**power), sum(a * b), eps, **options)
        return values

    return naive


@mask_by_mask
def naive_dice(p, t, both, eps):
    return (p + t - 2 * both) / (p + t + eps)


@mask_by_mask
def naive_iou(p, t, both, eps):
    return (p + t - 2 * both) / (p + t - both + eps)


@mask_by_mask
def naive_tversky(p, t, both, eps, alpha=0.5, beta=0.5):
    wrong = alpha * (p - both) + beta * (t - both)
    return wrong / (both + wrong + eps)


def naive_squared_tversky(p, t, alpha, beta, squared):
    """Pixel by pixel: a difference upward is a false alarm, one downward a miss."""
    both = wrong = 0
    for a, b in zip(p.ravel(), t.ravel()):
        both += a * b
        wrong += (alpha if a > b else beta) * (a - b) ** 2
    return np.array(wrong / (both + wrong + EPS))


def naive_dice_ce(x, target, dice_weight=1.0, ce_weight=1.0):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    mask = np.moveaxis(np.eye(x.shape[1])[target], -1, 1)
    dice = naive_dice(p, mask, axis=tuple(range(2, x.ndim))).mean()
    return dice_weight * dice + ce_weight * naive_cross_entropy(x, target).mean()


def naive_dice_bce(x, t, dice_weight=1.0, bce_weight=1.0):
    dice = naive_dice(1 / (1 + np.exp(-x)), t)
    return dice_weight * dice + bce_weight * naive_bce_with_logits(x, t).mean()


def naive_boxes(generalized):
    def naive(boxes1, boxes2):
        values = []
        for (a, b, c, d), (e, f, g, h) in zip(boxes1, boxes2):
            both = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
            union = (c - a) * (d - b) + (g - e) * (h - f) - both
            around = (max(c, g) - min(a, e)) * (max(d, h) - min(b, f))
            apart = (around - union) / (around + EPS) if generalized else 0
            values.append(1 - both / (union + EPS) + apart)
        return values

    return naive


# ---- PyTorch: the formulas of MONAI (with one eps) and of torchvision ----------------------------


def reduced(values, reduction):
    return values if reduction == "none" else getattr(values, reduction)()


def overlap_in_torch(ratio, axis=None, squared=False, **options):
    def call(torch, p, t, reduction="mean"):
        axes = tuple(range(p.ndim)) if axis is None else axis
        both = (p * t).sum(axes)
        common, total = ratio(
            both, *((m * m if squared else m).sum(axes) for m in (p, t)), **options
        )
        return reduced(1 - (common + EPS) / (total + EPS), reduction)

    return call


def dice(both, p, t):
    return 2 * both, p + t


def iou(both, p, t):
    return both, p + t - both


def tversky(both, p, t, alpha, beta):
    return both, both + alpha * (p - both) + beta * (t - both)


def squared_tversky_in_torch(torch, p, t, reduction):
    both, apart = (p * t).sum(), p - t
    alarms, misses = apart.clamp(min=0).square().sum(), apart.clamp(max=0).square().sum()
    return 1 - (both + EPS) / (both + 0.6 * alarms + 0.1 * misses + EPS)


def dice_ce_in_torch(torch, x, target):
    target = torch.as_tensor(target)
    mask = torch.nn.functional.one_hot(target, x.shape[1]).movedim(-1, 1)
    return 0.7 * overlap_in_torch(dice, (2, 3))(
        torch, torch.softmax(x, 1), mask
    ) + 0.3 * torch.nn.functional.cross_entropy(x, target)


def dice_bce_in_torch(torch, x, t):
    bce = torch.nn.functional.binary_cross_entropy_with_logits(x, t)
    return 0.7 * overlap_in_torch(dice)(torch, torch.sigmoid(x), t) + 0.3 * bce


def boxes_in_torch(generalized):
    def call(torch, boxes1, boxes2, reduction):
        low = torch.maximum(boxes1[:, :2], boxes2[:, :2])
        high = torch.minimum(boxes1[:, 2:], boxes2[:, 2:])
        both = torch.where((low < high).all(1), (high - low).prod(1), 0)
        area1, area2 = ((b[:, 2:] - b[:, :2]).prod(1) for b in (boxes1, boxes2))
        union = area1 + area2 - both
        values = 1 - both / (union + EPS)
        if generalized:
            low = torch.minimum(boxes1[:, :2], boxes2[:, :2])
            around = (torch.maximum(boxes1[:, 2:], boxes2[:, 2:]) - low).prod(1)
            values = values + (around - union) / (around + EPS)
        return reduced(values, reduction)

    return call


# ---- cases ---------------------------------------------------------------------------------------


def mask_case(loss, naive, ratio, name, **options):
    return Case(
        loss,
        masks,
        naive,
        wrt=(0, 1),
        kwargs=options,
        torch=overlap_in_torch(ratio, **options),
        name=name,
    )


CASES = [
    *(
        mask_case(loss, naive, ratio, name, **options)
        for loss, naive, ratio in (
            (losses.dice_loss, naive_dice, dice),
            (losses.iou_loss, naive_iou, iou),
        )
        for name, options in (
            ("", {}),
            ("each-image", {"axis": (1, 2)}),
            ("last-axis", {"axis": -1}),
            ("squared", {"axis": (1, 2), "squared": True}),
        )
    ),
    mask_case(losses.tversky_loss, naive_tversky, tversky, "", alpha=0.3, beta=0.7),
    mask_case(
        losses.tversky_loss, naive_tversky, tversky, "each-image", alpha=0.6, beta=0.1, axis=(1, 2)
    ),
    Case(
        losses.tversky_loss,
        masks,
        naive_squared_tversky,
        wrt=(0, 1),
        kwargs={"alpha": 0.6, "beta": 0.1, "squared": True},
        torch=squared_tversky_in_torch,
        name="squared",
    ),
    Case(losses.tversky_loss, masks, naive_tversky, wrt=(0, 1), name="default"),
    Case(losses.dice_loss, masks, naive_dice, wrt=(0, 1), kwargs={"eps": 1.0}, name="eps"),
    Case(
        losses.dice_ce_loss,
        logits_and_labels(2, 3, 4, 2),
        naive_dice_ce,
        kwargs={"dice_weight": 0.7, "ce_weight": 0.3},
        torch=dice_ce_in_torch,
        reductions=(),
    ),
    Case(
        losses.dice_ce_loss,
        logits_and_labels(2, 3, 4),
        naive_dice_ce,
        reductions=(),
        name="default",
    ),
    Case(
        losses.dice_bce_loss,
        logits_and_mask,
        naive_dice_bce,
        wrt=(0, 1),
        kwargs={"dice_weight": 0.7, "bce_weight": 0.3},
        torch=dice_bce_in_torch,
        reductions=(),
    ),
    Case(
        losses.dice_bce_loss,
        logits_and_mask,
        naive_dice_bce,
        wrt=(0, 1),
        reductions=(),
        name="default",
    ),
    Case(losses.box_iou_loss, boxes, naive_boxes(False), wrt=(0, 1), torch=boxes_in_torch(False)),
    Case(
        losses.generalized_box_iou_loss,
        boxes,
        naive_boxes(True),
        wrt=(0, 1),
        torch=boxes_in_torch(True),
    ),
]

EMPTY, FULL, MASK = np.zeros((2, 2)), np.ones((2, 2)), np.eye(2)
ONE_BOX = np.array([[0.0, 0.0, 2.0, 4.0]])
POINT = np.array([[1.0, 1.0, 1.0, 1.0]])
LOGITS = np.array([[[1e4, -1e4], [-1e4, 1e4]]])

EXTREMES = [
    *(
        Extreme(loss, (p, t), value=1 - EPS / miss if value else 0.0, name=name)
        for loss, miss in ((losses.dice_loss, 4), (losses.iou_loss, 4), (losses.tversky_loss, 2))
        for p, t, value, name in (
            (EMPTY, EMPTY, 0.0, "both-empty"),
            (MASK, MASK, 0.0, "perfect"),
            (MASK, FULL - MASK, 1.0, "miss"),
            (EMPTY, FULL, 1.0, "nothing-found"),
            (FULL, EMPTY, 1.0, "nothing-there"),
            (np.zeros((0, 2)), np.zeros((0, 2)), 0.0, "no-pixels"),
        )
    ),
    *(
        Extreme(loss, (MASK * np.nextafter(1, 2), MASK), name="rounded-up")
        for loss in (losses.dice_loss, losses.iou_loss, losses.tversky_loss)
    ),
    Extreme(losses.dice_ce_loss, (LOGITS, np.array([[0, 1]])), value=0.0, name="right"),
    Extreme(losses.dice_ce_loss, (LOGITS, np.array([[1, 0]])), value=20001.0, name="wrong"),
    Extreme(losses.dice_bce_loss, (LOGITS[0], np.eye(2)), value=0.0, name="right"),
    Extreme(losses.dice_bce_loss, (LOGITS[0], 1 - np.eye(2)), value=10001.0, name="wrong"),
    *(
        Extreme(loss, args, value=value, wrt=(0, 1), name=name)
        for loss, far in ((losses.box_iou_loss, 1.0), (losses.generalized_box_iou_loss, None))
        for args, value, name in (
            ((ONE_BOX, ONE_BOX), None, "equal"),
            ((POINT, POINT), None, "points"),
            ((ONE_BOX, POINT), None, "one-point"),
            ((ONE_BOX, ONE_BOX + 1e4), far, "far"),
            ((np.zeros((0, 4)), np.zeros((0, 4))), 0.0, "none"),
        )
    ),
]

HALF = np.full((2, 1), 0.5)


def errors_of_masks(loss):
    return [
        Error(loss, (HALF, np.ones(2)), {}, ValueError, ("(2, 1)", "(2,)", "reshape(2, 1)")),
        Error(loss, (HALF * 4, HALF), {}, ValueError, ("input", "2", "[0, 1]", "sigmoid")),
        Error(loss, (HALF, HALF * 4), {}, ValueError, ("target", "2", "[0, 1]")),
        Error(loss, (HALF, -HALF), {}, ValueError, ("target", "-0.5")),
        Error(loss, (HALF * np.nan, HALF), {}, ValueError, ("input", "nan")),
        Error(loss, (HALF, HALF), {"eps": 0}, ValueError, ("eps", "0")),
        Error(loss, (HALF, HALF), {"axis": 2}, ValueError, ("axis 2",)),
        Error(loss, (np.zeros((0, 2)), np.zeros((0, 2))), {}, ValueError, ("mean", "nothing")),
    ]


def errors_of_boxes(loss):
    swapped = ONE_BOX[:, ::-1]
    return [
        Error(loss, (ONE_BOX, ONE_BOX[0]), {}, ValueError, ("(1, 4)", "(4,)", "reshape(1, 4)")),
        Error(loss, (HALF, HALF), {}, ValueError, ("boxes1", "(2, 1)", "(N, 4)")),
        Error(loss, (np.array(1.0), np.array(1.0)), {}, ValueError, ("boxes1", "()", "(N, 4)")),
        Error(loss, (swapped, ONE_BOX), {}, ValueError, ("boxes1", "4.0, 2.0", "width")),
        Error(loss, (ONE_BOX, swapped), {}, ValueError, ("boxes2", "4.0, 2.0", "width")),
        Error(loss, (ONE_BOX, ONE_BOX), {"eps": -1.0}, ValueError, ("eps", "-1.0")),
        Error(loss, (np.zeros((0, 4)), np.zeros((0, 4))), {}, ValueError, ("mean", "nothing")),
    ]


PIXELS, LABELS = np.zeros((1, 3, 2)), np.array([[0, 2]])

ERRORS = [
    *errors_of_masks(losses.dice_loss),
    *errors_of_masks(losses.iou_loss),
    *errors_of_masks(losses.tversky_loss),
    *errors_of_boxes(losses.box_iou_loss),
    *errors_of_boxes(losses.generalized_box_iou_loss),
    Error(losses.tversky_loss, (HALF, HALF), {"alpha": -0.1}, ValueError, ("alpha", "-0.1")),
    Error(losses.tversky_loss, (HALF, HALF), {"beta": -0.1}, ValueError, ("beta", "-0.1")),
    Error(losses.dice_ce_loss, (PIXELS, LABELS + 1), {}, ValueError, ("label 3", "0 to 2")),
    Error(losses.dice_ce_loss, (PIXELS, LABELS[0]), {}, ValueError, ("(2,)", "(1, 2)")),
    Error(losses.dice_ce_loss, (PIXELS[0], [0, 0, 0]), {}, ValueError, ("(3, 2)", "(N, C, d1")),
    Error(losses.dice_ce_loss, (PIXELS, LABELS * 1.0), {}, TypeError, ("target", "float64")),
    Error(losses.dice_ce_loss, (PIXELS[:0], LABELS[:0]), {}, ValueError, ("mean", "nothing")),
    Error(losses.dice_ce_loss, (PIXELS, LABELS), {"ce_weight": -1}, ValueError, ("ce_weight",)),
    Error(losses.dice_ce_loss, (PIXELS, LABELS), {"dice_weight": -1}, ValueError, ("dice_weight",)),
    Error(losses.dice_bce_loss, (HALF, np.ones(2)), {}, ValueError, ("(2, 1)", "(2,)", "reshape")),
    Error(losses.dice_bce_loss, (HALF, 4 * HALF), {}, ValueError, ("target", "2", "[0, 1]")),
    Error(losses.dice_bce_loss, (HALF, HALF), {"bce_weight": -1}, ValueError, ("bce_weight",)),
    Error(losses.dice_bce_loss, (HALF, HALF), {"dice_weight": -1}, ValueError, ("dice_weight",)),
    Error(losses.dice_bce_loss, (HALF[:0], HALF[:0]), {}, ValueError, ("mean", "nothing")),
]
