"""Cases of microloss/losses/segmentation.py."""

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import losses

from .binary import naive_bce_with_logits
from .classification import logits as logits_and_labels

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


def naive_dice_ce(
    x,
    target,
    dice_weight=1.0,
    ce_weight=1.0,
    weight=None,
    ignore_index=-100,
    include_background=True,
    ignore_empty=False,
    batch=False,
    squared=False,
):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else weight
    images = [range(len(x))] if batch else [[n] for n in range(len(x))]
    dice = []
    for rows in images:
        for c in range(0 if include_background else 1, classes):
            at = [(n, *place) for n in rows for place in np.ndindex(target.shape[1:])]
            at = [place for place in at if target[place] != ignore_index]
            mask = np.array([target[place] == c for place in at], float)
            values = np.array([p[(place[0], c, *place[1:])] for place in at])
            if mask.any() or not ignore_empty:
                dice.append(weight[c] * naive_dice(values, mask, squared=squared))
    ce = [
        (weight[target[place]], -np.log(p[(place[0], target[place], *place[1:])]))
        for place in np.ndindex(target.shape)
        if target[place] != ignore_index
    ]
    mean = sum(w * v for w, v in ce) / sum(w for w, _ in ce)
    return dice_weight * np.mean(dice) + ce_weight * mean


def naive_dice_bce(x, t, dice_weight=1.0, bce_weight=1.0, squared=False):
    dice = naive_dice(1 / (1 + np.exp(-x)), t, squared=squared)
    return dice_weight * dice + bce_weight * naive_bce_with_logits(x, t).mean()


def each_box(apart):
    """1 - IoU + apart(x, y, x, y of both boxes), box by box."""

    def naive(boxes1, boxes2, eps=0.0):
        values = []
        for (a, b, c, d), (e, f, g, h) in zip(boxes1, boxes2):
            both = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
            union = (c - a) * (d - b) + (g - e) * (h - f) - both
            width, height = max(c, g) - min(a, e), max(d, h) - min(b, f)
            iou = both / (union + eps)
            values.append(1 - iou + apart((a, b, c, d), (e, f, g, h), iou, union, width, height))
        return values

    return naive


def empty_part(one, two, iou, union, width, height):
    return 1 - union / (width * height)


def distance(one, two, iou, union, width, height):
    (a, b, c, d), (e, f, g, h) = one, two
    return (((a + c) - (e + g)) ** 2 + ((b + d) - (f + h)) ** 2) / 4 / (width**2 + height**2)


def shape(one, two, iou):
    angle = [np.arctan((c - a) / (d - b)) for a, b, c, d in (one, two)]
    v = (2 / np.pi * (angle[0] - angle[1])) ** 2
    return v, v / (1 - iou + v)


def distance_and_shape(one, two, iou, *areas):
    v, a = shape(one, two, iou)
    return distance(one, two, iou, *areas) + a * v


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


def dice_parts(both, p, t):
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
    return 0.7 * overlap_in_torch(dice_parts, (2, 3))(
        torch, torch.softmax(x, 1), mask
    ) + 0.3 * torch.nn.functional.cross_entropy(x, target)


def dice_bce_in_torch(torch, x, t):
    bce = torch.nn.functional.binary_cross_entropy_with_logits(x, t)
    return 0.7 * overlap_in_torch(dice_parts)(torch, torch.sigmoid(x), t) + 0.3 * bce


def boxes_in_torch(apart):
    def call(torch, boxes1, boxes2, reduction):
        low = torch.maximum(boxes1[:, :2], boxes2[:, :2])
        high = torch.minimum(boxes1[:, 2:], boxes2[:, 2:])
        both = torch.where((low < high).all(1), (high - low).prod(1), 0)
        area1, area2 = ((b[:, 2:] - b[:, :2]).prod(1) for b in (boxes1, boxes2))
        union = area1 + area2 - both
        low = torch.minimum(boxes1[:, :2], boxes2[:, :2])
        around = torch.maximum(boxes1[:, 2:], boxes2[:, 2:]) - low
        values = 1 - both / union + apart(torch, boxes1, boxes2, both / union, union, around)
        return reduced(values, reduction)

    return call


def no_part_in_torch(*_):
    return 0


def empty_part_in_torch(torch, boxes1, boxes2, iou, union, around):
    return (around.prod(1) - union) / around.prod(1)


def distance_in_torch(torch, boxes1, boxes2, iou, union, around):
    between = (boxes1[:, :2] + boxes1[:, 2:] - boxes2[:, :2] - boxes2[:, 2:]) / 2
    return between.square().sum(1) / around.square().sum(1)


def distance_and_shape_in_torch(torch, boxes1, boxes2, iou, *areas):
    sides1, sides2 = (b[:, 2:] - b[:, :2] for b in (boxes1, boxes2))
    angles = (torch.atan(sides[:, 0] / sides[:, 1]) for sides in (sides2, sides1))
    v = 4 / torch.pi**2 * (next(angles) - next(angles)) ** 2
    with torch.no_grad():
        a = v / (1 - iou + v)
    return distance_in_torch(torch, boxes1, boxes2, iou, *areas) + a * v


MONAI = {
    "weight": np.array([1.0, 2.0, 0.5]),
    "include_background": False,
    "batch": True,
    "squared": True,
}
ALL_OPTIONS = MONAI | {"ignore_index": 2, "ignore_empty": True, "batch": False, "dice_weight": 0.3}


def dice_ce_of_monai(torch, x, target):
    target = torch.as_tensor(target)
    mask = torch.nn.functional.one_hot(target, x.shape[1]).movedim(-1, 1)
    weight = torch.as_tensor(MONAI["weight"])
    dice = overlap_in_torch(dice_parts, (0, 2, 3), squared=True)(
        torch, torch.softmax(x, 1)[:, 1:], mask[:, 1:], "none"
    )
    return (weight[1:] * dice).mean() + torch.nn.functional.cross_entropy(x, target, weight)


def complete_with_a_constant_weight(boxes1, boxes2):
    """The loss as its derivatives see it: the weight of the difference of shapes is a number."""
    pairs = list(zip(boxes1, boxes2))
    iou = 1 - losses.box_iou_loss(boxes1, boxes2, reduction="none")
    a = np.array([shape(one, two, i)[1] for (one, two), i in zip(pairs, iou)])

    def held(boxes1, boxes2, reduction="mean"):
        angles = [np.arctan((b[:, 2] - b[:, 0]) / (b[:, 3] - b[:, 1])) for b in (boxes1, boxes2)]
        v = (2 / np.pi * (angles[0] - angles[1])) ** 2
        values = losses.distance_box_iou_loss(boxes1, boxes2, reduction="none") + a * v
        return values if reduction == "none" else getattr(values, reduction)()

    return held


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
            (losses.dice_loss, naive_dice, dice_parts),
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
    *(
        Case(
            losses.dice_ce_loss,
            args,
            naive_dice_ce,
            kwargs=options,
            torch=call,
            reductions=(),
            name=name,
        )
        for name, args, options, call in (
            ("monai", logits_and_labels(4, 3, 2, 2), MONAI, dice_ce_of_monai),
            ("ignore", logits_and_labels(4, 3, 2, 2), {"ignore_index": 1}, None),
            ("empty", logits_and_labels(4, 5, 2, 2), {"ignore_empty": True}, None),
            ("all-options", logits_and_labels(4, 3, 5), ALL_OPTIONS, None),
        )
    ),
    Case(
        losses.dice_bce_loss,
        logits_and_mask,
        naive_dice_bce,
        wrt=(0, 1),
        kwargs={"squared": True},
        reductions=(),
        name="squared",
    ),
    *(
        Case(loss, boxes, each_box(apart), wrt=(0, 1), torch=boxes_in_torch(in_torch), held=held)
        for loss, apart, in_torch, held in (
            (losses.box_iou_loss, lambda *_: 0, no_part_in_torch, None),
            (losses.generalized_box_iou_loss, empty_part, empty_part_in_torch, None),
            (losses.distance_box_iou_loss, distance, distance_in_torch, None),
            (
                losses.complete_box_iou_loss,
                distance_and_shape,
                distance_and_shape_in_torch,
                complete_with_a_constant_weight,
            ),
        )
    ),
    Case(losses.box_iou_loss, boxes, each_box(lambda *_: 0), kwargs={"eps": 0.1}, name="eps"),
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
        for loss, far in (
            (losses.box_iou_loss, 1.0),
            (losses.generalized_box_iou_loss, None),
            (losses.distance_box_iou_loss, None),
            (losses.complete_box_iou_loss, None),
        )
        for args, value, name in (
            ((ONE_BOX, ONE_BOX), 0.0, "equal"),
            ((ONE_BOX * 1e-4, ONE_BOX * 1e-4), 0.0, "tiny"),
            ((POINT, POINT), 1.0, "points"),
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
    *errors_of_boxes(losses.distance_box_iou_loss),
    *errors_of_boxes(losses.complete_box_iou_loss),
    Error(
        losses.dice_ce_loss,
        (PIXELS[:, :1], LABELS * 0),
        {"include_background": False},
        ValueError,
        ("(1, 1, 2)", "include_background=True", "dice_bce_loss"),
    ),
    Error(losses.dice_ce_loss, (PIXELS, LABELS), {"weight": [1, 2]}, ValueError, ("(2,)", "(3,)")),
    Error(losses.dice_ce_loss, (PIXELS, LABELS), {"weight": [1, -2, 1]}, ValueError, ("-2",)),
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

# ---- the gradients that the cards state ----------------------------------------------------------


def masks_of_images(rng):
    return masks(rng, (3, 2, 2))


def sums(p, t, squared):
    """I, P and T of each image, to be broadcast to its pixels."""
    of_pixels = (p * t, p * p, t * t) if squared else (p * t, p, t)
    return tuple(x.sum(axis=(1, 2), keepdims=True) for x in of_pixels)


def stated_dice(p, t, axis, squared):
    both, size, wanted = sums(p, t, squared)
    total = size + wanted + EPS
    inner = (2 * both + EPS) / total * (2 * p if squared else 1)
    return -(2 * t - inner) / total / len(p)


def stated_iou(p, t, axis, squared):
    both, size, wanted = sums(p, t, squared)
    union = size + wanted - both + EPS
    return -(t - (2 * p - t if squared else 1 - t) * (both + EPS) / union) / union / len(p)


def stated_tversky(p, t, axis, squared, alpha, beta):
    both = (p * t).sum(axis=axis, keepdims=True)
    over, under = np.maximum(p - t, 0), np.maximum(t - p, 0)
    wrong = alpha * over**2 + beta * under**2
    wrong = wrong if squared else alpha * p * (1 - t) + beta * (1 - p) * t
    total = both + wrong.sum(axis=axis, keepdims=True) + EPS
    slope = t + 2 * alpha * over - 2 * beta * under if squared else alpha + (1 - alpha - beta) * t
    return -(t - slope * (both + EPS) / total) / total / len(p)


def stated_dice_ce(x, target):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    t = np.moveaxis(np.eye(x.shape[1])[target], -1, 1)
    both, total = (v.sum(axis=(2, 3), keepdims=True) for v in (p * t, p + t))
    dice = -(2 * t - (2 * both + EPS) / (total + EPS)) / (total + EPS) / (x.shape[0] * x.shape[1])
    return p * (dice - (p * dice).sum(axis=1, keepdims=True)) + (p - t) / target.size


def stated_dice_bce(x, t):
    p = 1 / (1 + np.exp(-x))
    total = p.sum() + t.sum() + EPS
    dice = -(2 * t - (2 * np.sum(p * t) + EPS) / total) / total
    return dice * p * (1 - p) + (p - t) / x.size


def areas(one, two):
    """I, U and the sides of the box around both; dI, dU, and which sides move the box around."""
    low, high = np.maximum(one[:, :2], two[:, :2]), np.minimum(one[:, 2:], two[:, 2:])
    around = np.maximum(one[:, 2:], two[:, 2:]) - np.minimum(one[:, :2], two[:, :2])
    shared = np.maximum(high - low, 0)
    sides, other = (b[:, 2:] - b[:, :2] for b in (one, two))
    both = shared.prod(axis=1, keepdims=True)
    union = (sides.prod(axis=1) + other.prod(axis=1))[:, None] - both
    grows = np.array([-1, -1, 1, 1])
    bounds = np.concatenate([one[:, :2] > two[:, :2], one[:, 2:] < two[:, 2:]], axis=1)
    d_both = grows * bounds * (both > 0) * np.tile(shared[:, ::-1], 2)
    d_union = grows * np.tile(sides[:, ::-1], 2) - d_both
    return both, union, around, d_both, d_union, grows * ~bounds


def stated_iou_of_boxes(one, two):
    both, union, _, d_both, d_union, _ = areas(one, two)
    return (both * d_union - union * d_both) / union**2 / len(one)


def stated_generalized(one, two):
    _, union, around, _, d_union, moves = areas(one, two)
    area, d_area = around.prod(axis=1, keepdims=True), moves * np.tile(around[:, ::-1], 2)
    empty = (union * d_area - area * d_union) / area**2 / len(one)
    return stated_iou_of_boxes(one, two) + empty


def stated_distance(one, two):
    *_, around, _, _, moves = areas(one, two)
    c2 = (around**2).sum(axis=1, keepdims=True)
    between = (one[:, :2] + one[:, 2:] - two[:, :2] - two[:, 2:]) / 2
    r2, d_r2 = (between**2).sum(axis=1, keepdims=True), np.tile(between, 2)
    d_c2 = moves * 2 * np.tile(around, 2)
    return stated_iou_of_boxes(one, two) + (c2 * d_r2 - r2 * d_c2) / c2**2 / len(one)


def stated_complete(one, two):
    iou = 1 - losses.box_iou_loss(one, two, reduction="none")
    a = np.array([shape(b, c, i)[1] for b, c, i in zip(one, two, iou)])
    (w1, h1), (w2, h2) = ((b[:, 2:] - b[:, :2]).T for b in (one, two))
    d_v = 8 / np.pi**2 * (np.arctan(w1 / h1) - np.arctan(w2 / h2)) * h1 / (w1**2 + h1**2)
    sides = np.stack([d_v, -w1 / h1 * d_v], axis=1)
    of_shape = a[:, None] * np.concatenate([-sides, sides], axis=1)
    return stated_distance(one, two) + of_shape / len(one)


def ten_boxes(rng):
    return random_boxes(rng, 10), random_boxes(rng, 10)


GRADIENTS = [
    *(
        Stated(loss, words, formula, masks_of_images, kwargs=options | {"axis": (1, 2)} | more)
        for loss, words, formula, more in (
            (
                losses.dice_loss,
                "-(2 t - (2 I + eps) / (P + T + eps)) / (P + T + eps) / N",
                stated_dice,
                {},
            ),
            (
                losses.iou_loss,
                "-(t - (1 - t) (I + eps) / (U + eps)) / (U + eps) / N",
                stated_iou,
                {},
            ),
            (
                losses.tversky_loss,
                "-(t - (alpha + (1 - alpha - beta) t) (I + eps) / D) / D / N",
                stated_tversky,
                {"alpha": 0.3, "beta": 0.6},
            ),
        )
        for options in ({"squared": False}, {"squared": True})
    ),
    Stated(
        losses.dice_ce_loss,
        "that of dice_loss through the softmax, plus (softmax(input) - one-hot target) / pixels",
        stated_dice_ce,
        logits_and_labels(2, 3, 4, 2),
    ),
    Stated(
        losses.dice_bce_loss,
        "that of dice_loss times p (1 - p), plus (p - target) / N",
        stated_dice_bce,
        logits_and_mask,
    ),
    Stated(losses.box_iou_loss, "(I dU - U dI) / U^2 / N", stated_iou_of_boxes, ten_boxes),
    Stated(
        losses.generalized_box_iou_loss,
        "that of box_iou_loss, plus (U dA - A dU) / A^2 / N",
        stated_generalized,
        ten_boxes,
    ),
    Stated(
        losses.distance_box_iou_loss,
        "that of box_iou_loss, plus (c^2 dr^2 - r^2 dc^2) / c^4 / N",
        stated_distance,
        ten_boxes,
    ),
    Stated(
        losses.complete_box_iou_loss,
        "dv = 8 / pi^2 (arctan(w1 / h1) - arctan(w2 / h2)) h1 / (w1^2 + h1^2) for w1",
        stated_complete,
        ten_boxes,
        held=complete_with_a_constant_weight,
    ),
]
