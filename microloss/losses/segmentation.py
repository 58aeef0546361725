"""Losses for overlap: of masks, pixel by pixel, and of boxes."""

import numpy as np

from ..engine.tensor import Tensor, values_of
from ..functional import relu, sigmoid, softmax
from . import check
from .binary import binary_cross_entropy_with_logits
from .classification import class_weights, cross_entropy, places, with_classes
from .common import in_float32, loss, reduce, replaced

__all__ = [
    "box_iou_loss", "complete_box_iou_loss", "dice_bce_loss", "dice_ce_loss", "dice_loss",
    "distance_box_iou_loss", "generalized_box_iou_loss", "iou_loss", "tversky_loss",
]  # fmt: skip

# ---- masks ---------------------------------------------------------------------------------------


@loss
@in_float32
def dice_loss(
    input, target, *, axis=None, squared: bool = False, eps: float = 1e-7, reduction: str = "mean"
) -> Tensor:
    """Dice loss: 1 minus the overlap of two masks over their mean size.

    Formula: 1 - (2 I + eps) / (P + T + eps), with I = sum(p t), P = sum(p), T = sum(t) over `axis`
    (all elements for None), p = input, t = target; squared: P = sum(p^2), T = sum(t^2).

    Gradient: -(2 t - (2 I + eps) / (P + T + eps)) / (P + T + eps) / N for N masks; squared: with
    2 p in front of the inner quotient. Large for a small object, and 1 / eps where prediction and
    target are both empty.

    Problem: segmentation.

    Use: when the foreground is a small part of the picture: the background does not count. For a
    soft target (0 < t < 1) take squared=True.

    Meaning: 1 minus the F1 score of the pixels, with probabilities for decisions. The paper squares
    p and t, as squared=True does. Only then is p = t the minimum for a soft target: the default
    costs 0.5 at p = t = 0.5, and pushes p away from t, towards 0 or 1.

    Outliers: bounded: at most 1, and a wrong pixel counts no more than its share of the masks.

    Shapes: input (probabilities) and target (a mask in [0, 1]) of one shape; what `axis` leaves is
    reduced. For a mean over the images and classes of (N, C, H, W), axis=(2, 3). Units: none; 0
    for equal masks of 0 and 1 and for empty against empty, 1 for a total miss.

    Raises: ValueError for values outside of [0, 1] (logits need a sigmoid first), unequal shapes,
    an eps that is not positive, or an empty mean.

    >>> dice_loss([[0.8, 0.4], [0.1, 0.9]], [[1, 0], [0, 1]]).round(6)
    np.float64(0.190476)
    >>> dice_loss([0.5, 0.2], [0.5, 0.2], squared=True)     # a soft mask, predicted exactly
    np.float64(0.0)

    Reference: Milletari, Navab, Ahmadi (2016), V-Net.
    """
    eps = check.positive("eps", eps)
    p, t = masks(input, target, reduction)
    return reduce(soft_dice(p, t, axis, squared, eps), reduction)


def soft_dice(p, t, axis, squared, eps=1e-7):
    """1 minus the Dice coefficient of each mask; p may be nan."""
    both = np.sum(p * t, axis=axis)
    p, t = (p * p, t * t) if squared else (p, t)
    return 1 - (2 * both + eps) / (np.sum(p, axis=axis) + np.sum(t, axis=axis) + eps)


@loss
@in_float32
def iou_loss(
    input, target, *, axis=None, squared: bool = False, eps: float = 1e-7, reduction: str = "mean"
) -> Tensor:
    """IoU (Jaccard) loss: 1 minus intersection over union of two masks.

    Formula: 1 - (I + eps) / (P + T - I + eps), with I = sum(p t), P = sum(p), T = sum(t) over
    `axis` (all elements for None), p = input, t = target; squared: P = sum(p^2), T = sum(t^2).

    Gradient: -(t - (1 - t) (I + eps) / (U + eps)) / (U + eps) / N with the union U = P + T - I, for
    N masks; squared: with 2 p - t for 1 - t. Half of Dice's without any overlap, twice Dice's at a
    full one.

    Problem: segmentation.

    Use: when intersection over union is the metric. For a soft target (0 < t < 1) take
    squared=True.

    Meaning: the Jaccard distance of two sets, with probabilities for membership. For a soft target
    the default has its minimum away from p = t, and costs 0.667 at p = t = 0.5; squared=True has it
    at p = t.

    Outliers: bounded: at most 1, and a wrong pixel counts no more than its share of the union.

    Shapes: input (probabilities) and target (a mask in [0, 1]) of one shape; what `axis` leaves is
    reduced. Units: none; 0 for equal masks of 0 and 1 and for empty against empty, 1 for a total
    miss.

    Raises: ValueError for values outside of [0, 1] (logits need a sigmoid first), unequal shapes,
    an eps that is not positive, or an empty mean.

    >>> iou_loss([[0.8, 0.4], [0.1, 0.9]], [[1, 0], [0, 1]]).round(6)
    np.float64(0.32)

    Reference: Rahman, Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for
    Image Segmentation.
    """
    eps = check.positive("eps", eps)
    p, t = masks(input, target, reduction)
    both = np.sum(p * t, axis=axis)
    p, t = (p * p, t * t) if squared else (p, t)
    union = np.sum(p, axis=axis) + np.sum(t, axis=axis) - both
    return reduce(1 - (both + eps) / (union + eps), reduction)


@loss
@in_float32
def tversky_loss(
    input,
    target,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis=None,
    squared: bool = False,
    eps: float = 1e-7,
    reduction: str = "mean",
) -> Tensor:
    """Tversky loss: overlap where a false alarm and a miss cost differently.

    Formula: 1 - (I + eps) / (I + alpha A + beta M + eps), with the overlap I = sum(p t), the false
    alarms A = sum(p (1 - t)) and the misses M = sum((1 - p) t) over `axis` (all elements for None),
    p = input, t = target; squared: A = sum(max(p - t, 0)^2), M = sum(max(t - p, 0)^2).

    Gradient: -(t - (alpha + (1 - alpha - beta) t) (I + eps) / D) / D / N with the denominator D,
    for N masks; squared: with t + 2 alpha max(p - t, 0) - 2 beta max(t - p, 0) for the term in
    alpha. Pixels of the target pull harder, the larger beta.

    Problem: segmentation.

    Use: when a miss and a false alarm cost differently: beta > alpha finds more of the target. For
    a soft target (0 < t < 1) take squared=True.

    Meaning: Tversky's index of similarity; alpha = beta = 1/2 is Dice (its eps halved), 1 is IoU.
    For a soft target the default has its minimum away from p = t, and costs 0.5 at p = t = 0.5;
    squared=True has it at p = t.

    Outliers: bounded: at most 1, and a wrong pixel counts no more than its share of the masks.

    Shapes: input (probabilities) and target (a mask in [0, 1]) of one shape; what `axis` leaves is
    reduced. Units: none; 0 for equal masks of 0 and 1 and for empty against empty, 1 for a total
    miss.

    Raises: ValueError for a negative alpha or beta, values outside of [0, 1] (logits need a sigmoid
    first), unequal shapes, an eps that is not positive, or an empty mean.

    >>> tversky_loss([[0.8, 0.4], [0.1, 0.9]], [[1, 0], [0, 1]], alpha=0.3, beta=0.7).round(6)
    np.float64(0.174757)

    Reference: Salehi, Erdogmus, Gholipour (2017), Tversky Loss Function for Image Segmentation.
    """
    alpha, beta = check.not_negative("alpha", alpha), check.not_negative("beta", beta)
    eps = check.positive("eps", eps)
    p, t = masks(input, target, reduction)
    # p^2 (1 - t) would leave alarms where p = t is soft
    alarms, misses = (relu(p - t) ** 2, relu(t - p) ** 2) if squared else (p * (1 - t), (1 - p) * t)
    both = np.sum(p * t, axis=axis)
    wrong = alpha * np.sum(alarms, axis=axis) + beta * np.sum(misses, axis=axis)
    return reduce(1 - (both + eps) / (both + wrong + eps), reduction)


@loss
@in_float32
def dice_ce_loss(
    input,
    target,
    *,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    weight=None,
    ignore_index: int = -100,
    include_background: bool = True,
    ignore_empty: bool = False,
    batch: bool = False,
    squared: bool = False,
) -> Tensor:
    """Dice plus cross-entropy: overlap against imbalance, cross-entropy for its gradients.

    Formula: dice_weight * mean over images and classes of dice_loss(softmax(input), one-hot target)
    + ce_weight * cross_entropy(input, target). With batch, the pixels of all images count as one
    mask for each class. With weight, the Dice loss of class c counts w_c times, divided by the
    number of classes all the same (as in MONAI), and the cross-entropy is PyTorch's weighted one.

    Gradient: that of dice_loss through the softmax, plus (softmax(input) - one-hot target) / pixels
    from the cross-entropy, which stays where Dice's fades, far from any overlap.

    Problem: segmentation.

    Use: the default for several classes of very different sizes. include_background=False leaves
    class 0 out of the Dice loss. A class that an image does not hold costs about 1 there, whatever
    is predicted: ignore_empty=True leaves out such pairs of image and class, batch=True makes them
    rare.

    Meaning: a compromise between the F1 score of each class and the likelihood of each pixel.

    Outliers: sensitive: the cross-entropy of a confident mistake is its logit margin.

    Shapes: input (logits) (N, C, d1, ...), target integers (N, d1, ...), weight (C,). Pixels of
    ignore_index count in neither term. Units: nats, and none.

    Raises: ValueError for labels outside of 0..C-1, shapes that do not fit, negative weights, no
    class beside the background, or an empty batch; TypeError for targets that are not integers.

    >>> dice_ce_loss([[[4.0, 0.0], [0.0, 4.0]]], [[0, 1]]).round(6)
    np.float64(0.036136)

    Reference: Isensee et al. (2021), nnU-Net; names as in MONAI's DiceCELoss.
    """
    dice_weight = check.not_negative("dice_weight", dice_weight)
    ce_weight = check.not_negative("ce_weight", ce_weight)
    input, target, axis = with_classes(input, target)
    classes = foreground(input, include_background)
    p, t = softmax_and_one_hot(input, target, axis, ignore_index)
    over = (0, *range(2, input.ndim)) if batch else tuple(range(2, input.ndim))
    dice = soft_dice(p, t, over, squared)
    if weight is not None:
        weight = class_weights(weight, input, axis).reshape(-1)
        check.none_negative("weight", weight, "it weighs a loss")
        dice = weight * dice
    counts = (t.any(axis=over) | (not ignore_empty))[..., classes]
    dice = np.where(counts, dice[..., classes], 0).sum() / (int(counts.sum()) or 1)
    ce = cross_entropy(input, target, weight=weight, ignore_index=ignore_index)
    return dice_weight * dice + ce_weight * ce


def softmax_and_one_hot(input, target, axis, ignore_index):
    """Probabilities and masks of the classes, both 0 where a pixel does not count."""
    at, counted = places(target, input.shape[axis], axis, ignore_index)
    p, t = softmax(input, axis=axis), np.zeros(input.shape, input.dtype)
    t[at] = 1 if counted is None else counted
    return p if counted is None else np.where(np.expand_dims(counted, axis), p, 0), t


def foreground(input, include_background):
    """The slice of the classes that count, of logits (N, C, d1, ...)."""
    if input.ndim < 3:
        raise ValueError(f"input has shape {input.shape}; it must be (N, C, d1, ...)")
    if not include_background and input.shape[1] < 2:
        raise ValueError(
            f"input has shape {input.shape}: without its background (class 0) it has no class; use "
            "include_background=True, or dice_bce_loss for one foreground"
        )
    return slice(None) if include_background else slice(1, None)


@loss
@in_float32
def dice_bce_loss(
    input, target, *, dice_weight: float = 1.0, bce_weight: float = 1.0, squared: bool = False
) -> Tensor:
    """Dice plus binary cross-entropy: the same compromise for one foreground.

    Formula: dice_weight * dice_loss(sigmoid(input), target), over all elements at once,
    + bce_weight * binary_cross_entropy_with_logits(input, target).

    Gradient: that of dice_loss times p (1 - p), plus (p - target) / N from the cross-entropy, with
    p = sigmoid(input): the latter stays where Dice's fades, far from any overlap.

    Problem: segmentation.

    Use: the default for one foreground of a small size. For a soft target take squared=True.

    Meaning: a compromise between the F1 score of the foreground and the likelihood of each pixel.

    Outliers: sensitive: the cross-entropy of a confident mistake is its logit.

    Shapes: input (logits) and target (a mask in [0, 1]) of one shape. Units: nats, and none.

    Raises: ValueError for a target outside of [0, 1], unequal shapes, negative weights, or empty
    input.

    >>> dice_bce_loss([[4.0, -4.0], [-4.0, 4.0]], [[1, 0], [0, 1]]).round(6)
    np.float64(0.036136)

    Reference: Isensee et al. (2021), nnU-Net, for its two terms.
    """
    dice_weight = check.not_negative("dice_weight", dice_weight)
    bce_weight = check.not_negative("bce_weight", bce_weight)
    input, target = check.alike(input=input, target=target)
    bce = binary_cross_entropy_with_logits(input, target)
    return dice_weight * soft_dice(sigmoid(input), target, None, squared) + bce_weight * bce


def masks(input, target, reduction):
    """Probabilities and a mask of one shape, both in [0, 1]."""
    input, target = check.alike(input=input, target=target)
    check.probabilities("input", input, "; logits need a sigmoid or softmax first")
    check.probabilities("target", target)
    if not input.size:
        reduce(input, reduction)  # a mean over no pixels raises, though their sums are numbers
    return input, target


# ---- boxes ---------------------------------------------------------------------------------------


@loss
@in_float32
def box_iou_loss(boxes1, boxes2, *, eps: float = 0.0, reduction: str = "mean") -> Tensor:
    """Box IoU loss: 1 minus intersection over union of two boxes.

    Formula: 1 - I / (U + eps), with the areas I of the intersection and U of the union.

    Gradient: (I dU - U dI) / U^2 / N for eps = 0, dI and dU the derivatives of the areas: where a
    side bounds the intersection, dI is the length of the shared part of that side; dU is the length
    of the side minus dI (both with the sign of growing). 0 for boxes that do not touch.

    Problem: object detection.

    Use: for boxes that overlap already; otherwise generalized_box_iou_loss.

    Meaning: the Jaccard distance of two rectangles. With eps = 0 it is the same at any scale.

    Outliers: bounded: at most 1, and boxes far apart do not pull at all.

    Shapes: boxes1 and boxes2 (N, 4) or (4,) as x1, y1, x2, y2; the result for each box is reduced.
    Where the union is 0 (two points) the quotient counts as 0. torchvision's eps is 1e-7: with it,
    two equal boxes of side 1e-4 cost 0.9. Units: none.

    Raises: ValueError for boxes with x2 < x1 or y2 < y1, other shapes, a negative eps, or an empty
    mean.

    >>> box_iou_loss([[0, 0, 2, 2]], [[1, 1, 3, 3]]).round(6)
    np.float64(0.857143)

    Reference: Yu, Jiang, Wang, Cao, Huang (2016), UnitBox (which takes -log IoU); torchvision's
    box_iou.
    """
    boxes1, boxes2, eps = pair_of_boxes(boxes1, boxes2, eps)
    return reduce(1 - box_iou(boxes1, boxes2, eps), reduction)


@loss
@in_float32
def generalized_box_iou_loss(
    boxes1, boxes2, *, eps: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Generalized box IoU loss: box IoU that also pulls boxes together that do not overlap.

    Formula: 1 - I / (U + eps) + (A - U) / (A + eps), with the areas I of the intersection, U of the
    union and A of the smallest box around both.

    Gradient: that of box_iou_loss, plus (U dA - A dU) / A^2 / N for eps = 0, dA the length of the
    side of the box around both that moves along: not 0 for boxes apart.

    Problem: object detection.

    Use: the default for boxes: it also learns from boxes that do not overlap yet.

    Meaning: 1 minus an index from -1 (far apart) to 1 (equal). With eps = 0 it is the same at any
    scale.

    Outliers: bounded: at most 2.

    Shapes: boxes1 and boxes2 (N, 4) or (4,) as x1, y1, x2, y2; the result for each box is reduced.
    A quotient 0 / 0 counts as 0; torchvision's eps is 1e-7. Units: none.

    Raises: ValueError for boxes with x2 < x1 or y2 < y1, other shapes, a negative eps, or an empty
    mean.

    >>> generalized_box_iou_loss([[0, 0, 1, 1]], [[2, 2, 3, 4]]).round(6)
    np.float64(1.75)

    Reference: Rezatofighi et al. (2019), Generalized Intersection over Union; torchvision's
    generalized_box_iou_loss.
    """
    boxes1, boxes2, eps = pair_of_boxes(boxes1, boxes2, eps)
    union, around = union_area(boxes1, boxes2), area(sides(box_around(boxes1, boxes2)))
    empty = quotient(around - union, around + eps)
    return reduce(1 - box_iou(boxes1, boxes2, eps) + empty, reduction)


@loss
@in_float32
def distance_box_iou_loss(boxes1, boxes2, *, eps: float = 0.0, reduction: str = "mean") -> Tensor:
    """Distance box IoU loss: box IoU that also pulls the centres of the boxes together.

    Formula: 1 - I / (U + eps) + r^2 / (c^2 + eps), with the areas I of the intersection and U of
    the union, the distance r of the centres and the diagonal c of the smallest box around both.

    Gradient: that of box_iou_loss, plus (c^2 dr^2 - r^2 dc^2) / c^4 / N for eps = 0; dr^2 is the
    distance of the centres along the axis of the side, dc^2 twice the side of the box around both
    where that side moves along.

    Problem: object detection.

    Use: as generalized_box_iou_loss, when one box often holds the other: there the generalized loss
    is the plain one, and this one still moves the centre.

    Meaning: an overlap plus a normalised distance. With eps = 0 it is the same at any scale.

    Outliers: bounded: at most 2.

    Shapes: boxes1 and boxes2 (N, 4) or (4,) as x1, y1, x2, y2; the result for each box is reduced.
    A quotient 0 / 0 counts as 0; torchvision's eps is 1e-7. Units: none.

    Raises: ValueError for boxes with x2 < x1 or y2 < y1, other shapes, a negative eps, or an empty
    mean.

    >>> distance_box_iou_loss([[0, 0, 2, 2]], [[1, 1, 3, 3]]).round(6)     # 6/7 + 2/18
    np.float64(0.968254)

    Reference: Zheng et al. (2020), Distance-IoU Loss: Faster and Better Learning for Bounding Box
    Regression; torchvision's distance_box_iou_loss.
    """
    boxes1, boxes2, eps = pair_of_boxes(boxes1, boxes2, eps)
    distance = centre_distance(boxes1, boxes2, eps)
    return reduce(1 - box_iou(boxes1, boxes2, eps) + distance, reduction)


@loss
@in_float32
def complete_box_iou_loss(boxes1, boxes2, *, eps: float = 0.0, reduction: str = "mean") -> Tensor:
    """Complete box IoU loss: the distance IoU loss, plus the difference of the shapes.

    Formula: 1 - I / (U + eps) + r^2 / (c^2 + eps) + a v, the first three as in
    distance_box_iou_loss, v = 4 / pi^2 (arctan(w2 / h2) - arctan(w1 / h1))^2 for widths w and
    heights h, and the weight a = v / (1 - I / (U + eps) + v + eps), which counts as a constant.

    Gradient: that of distance_box_iou_loss, plus a dv / N with dv = 8 / pi^2 (arctan(w1 / h1) -
    arctan(w2 / h2)) h1 / (w1^2 + h1^2) for w1, and -w1 / h1 times that for h1.

    Problem: object detection.

    Use: as distance_box_iou_loss, when the ratio of width to height matters as well.

    Meaning: overlap, distance and shape, each without a unit. With eps = 0 it is the same at any
    scale.

    Outliers: bounded: at most 3.

    Shapes: boxes1 and boxes2 (N, 4) or (4,) as x1, y1, x2, y2; the result for each box is reduced.
    A quotient 0 / 0 counts as 0, and a point has no shape, 0; torchvision's eps is 1e-7. Units:
    none.

    Raises: ValueError for boxes with x2 < x1 or y2 < y1, other shapes, a negative eps, or an empty
    mean.

    >>> complete_box_iou_loss([[0, 0, 2, 2]], [[1, 1, 3, 3]]).round(6)     # equal shapes: DIoU
    np.float64(0.968254)

    Reference: Zheng et al. (2020), Distance-IoU Loss: Faster and Better Learning for Bounding Box
    Regression; torchvision's complete_box_iou_loss.
    """
    boxes1, boxes2, eps = pair_of_boxes(boxes1, boxes2, eps)
    iou, distance = box_iou(boxes1, boxes2, eps), centre_distance(boxes1, boxes2, eps)
    v = 4 / np.pi**2 * (shape_angle(boxes2) - shape_angle(boxes1)) ** 2
    a = values_of(quotient(v, 1 - iou + v + eps))
    return reduce(1 - iou + distance + a * v, reduction)


def pair_of_boxes(boxes1, boxes2, eps):
    boxes1, boxes2 = check.alike(boxes1=boxes1, boxes2=boxes2)
    if boxes1.shape[-1:] != (4,):
        raise ValueError(f"boxes1 has shape {boxes1.shape}; x1, y1, x2, y2 make it (N, 4)")
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        values = values_of(boxes)
        wrong = values[..., :2] > values[..., 2:]
        if wrong.any():
            raise ValueError(
                f"{name} holds the box {values[wrong.any(axis=-1)][0].tolist()}; x1, y1, x2, y2 "
                "need x1 <= x2 and y1 <= y2 (from x, y, width, height: x2 = x + width)"
            )
    return boxes1, boxes2, check.not_negative("eps", eps)


def quotient(a, b):
    """a / b, and 0 where b is 0, as a then is."""
    return a / replaced(b, np.equal(b, 0), 1)


def sides(boxes):
    return boxes[..., 2:] - boxes[..., :2]


def area(sides):
    return sides[..., 0] * sides[..., 1]


def box_around(boxes1, boxes2):
    low = np.minimum(boxes1[..., :2], boxes2[..., :2])
    return np.concatenate([low, np.maximum(boxes1[..., 2:], boxes2[..., 2:])], axis=-1)


def intersection_area(boxes1, boxes2):
    low = np.maximum(boxes1[..., :2], boxes2[..., :2])
    return area(relu(np.minimum(boxes1[..., 2:], boxes2[..., 2:]) - low))


def union_area(boxes1, boxes2):
    return area(sides(boxes1)) + area(sides(boxes2)) - intersection_area(boxes1, boxes2)


def box_iou(boxes1, boxes2, eps):
    return quotient(intersection_area(boxes1, boxes2), union_area(boxes1, boxes2) + eps)


def centre_distance(boxes1, boxes2, eps):
    """The squared distance of the centres, over the squared diagonal of the box around both."""
    between = (boxes1[..., :2] + boxes1[..., 2:] - boxes2[..., :2] - boxes2[..., 2:]) / 2
    diagonal = (sides(box_around(boxes1, boxes2)) ** 2).sum(axis=-1)
    return quotient((between**2).sum(axis=-1), diagonal + eps)


def shape_angle(boxes):
    """arctan(width / height), and 0 for a point."""
    width, height = sides(boxes)[..., 0], sides(boxes)[..., 1]
    return np.arctan2(width, replaced(height, np.equal(width, 0) & np.equal(height, 0), 1))
