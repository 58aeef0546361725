"""Losses for overlap: of masks, pixel by pixel, and of boxes."""

import numpy as np

from ..engine.tensor import Tensor
from ..functional import relu, sigmoid, softmax
from . import check
from .binary import binary_cross_entropy_with_logits
from .classification import cross_entropy, places, with_classes
from .common import loss, reduce

__all__ = [
    "box_iou_loss", "dice_bce_loss", "dice_ce_loss", "dice_loss", "generalized_box_iou_loss",
    "iou_loss", "tversky_loss",
]  # fmt: skip


@loss
def dice_loss(
    input, target, *, axis=None, squared: bool = False, eps: float = 1e-7, reduction: str = "mean"
) -> Tensor:
    """Dice loss: 1 minus the overlap of two masks over their mean size.

    Formula: 1 - (2 I + eps) / (P + T + eps), with I = sum(p t), P = sum(p), T = sum(t) over `axis`
    (all elements for None), p = input, t = target; squared: P = sum(p^2), T = sum(t^2).

    Gradient: -(2 t - (2 I + eps) / (P + T + eps)) / (P + T + eps), not squared: large for a small
    object, and 1 / eps where prediction and target are both empty.

    Problem: segmentation.

    Use: when the foreground is a small part of the picture: the background does not count.

    Meaning: 1 minus the F1 score of the pixels, with probabilities for decisions.

    Outliers: bounded: at most 1, and a wrong pixel counts no more than its share of the masks.

    Shapes: input (probabilities) and target (mask in [0, 1]) of one shape; what `axis` leaves is
    reduced.  For a mean over the images and classes of (N, C, H, W), axis=(2, 3).  Units: none; 0
    is a perfect match or empty against empty, 1 a total miss.

    Raises: ValueError for values outside of [0, 1] (logits need a sigmoid first), unequal shapes,
    an eps that is not positive, or an empty mean.

    >>> dice_loss([[0.8, 0.4], [0.1, 0.9]], [[1, 0], [0, 1]]).round(6)
    np.float64(0.190476)

    Reference: Milletari, Navab, Ahmadi (2016), V-Net.
    """

    def dice(i, p, t):
        return 2 * i, p + t

    return overlap_loss(dice, input, target, axis, squared, eps, reduction)


@loss
def iou_loss(
    input, target, *, axis=None, squared: bool = False, eps: float = 1e-7, reduction: str = "mean"
) -> Tensor:
    """IoU (Jaccard) loss: 1 minus intersection over union of two masks.

    Formula: 1 - (I + eps) / (P + T - I + eps), with I = sum(p t), P = sum(p), T = sum(t) over
    `axis` (all elements for None), p = input, t = target; squared: P = sum(p^2), T = sum(t^2).

    Gradient: -(t - (1 - t) (I + eps) / (U + eps)) / (U + eps) with the union U = P + T - I, not
    squared: half of Dice's without any overlap, twice Dice's at a full one.

    Problem: segmentation.

    Use: when intersection over union is the metric.

    Meaning: the Jaccard distance of two sets, with probabilities for membership.

    Outliers: bounded: at most 1, and a wrong pixel counts no more than its share of the union.

    Shapes: input (probabilities) and target (mask in [0, 1]) of one shape; what `axis` leaves is
    reduced.  Units: none; 0 is a perfect match or empty against empty, 1 a total miss.

    Raises: ValueError for values outside of [0, 1] (logits need a sigmoid first), unequal shapes,
    an eps that is not positive, or an empty mean.

    >>> iou_loss([[0.8, 0.4], [0.1, 0.9]], [[1, 0], [0, 1]]).round(6)
    np.float64(0.32)

    Reference: Rahman, Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks for
    Image Segmentation.
    """

    def iou(i, p, t):
        return i, p + t - i

    return overlap_loss(iou, input, target, axis, squared, eps, reduction)


@loss
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

    Formula: 1 - (I + eps) / (I + alpha (P - I) + beta (T - I) + eps), with I = sum(p t), P = sum(p)
    and T = sum(t) over `axis` (all elements for None), p = input, t = target.  P - I is the mass of
    false positives, T - I of false negatives; squared: sum(max(p - t, 0)^2) and
    sum(max(t - p, 0)^2), which for masks of 0 and 1 is sum(p^2 (1 - t)) and sum((1 - p)^2 t).

    Gradient: -(t - (alpha + (1 - alpha - beta) t) (I + eps) / (D + eps)) / (D + eps), with the
    denominator D + eps, not squared: pixels of the target pull harder, the larger beta.

    Problem: segmentation.

    Use: when a miss and a false alarm cost differently: beta > alpha finds more of the target.

    Meaning: Tversky's index of similarity; alpha = beta = 1/2 is Dice (its eps halved), 1 is IoU.

    Outliers: bounded: at most 1, and a wrong pixel counts no more than its share of the masks.

    Shapes: input (probabilities) and target (mask in [0, 1]) of one shape; what `axis` leaves is
    reduced.  Units: none; 0 is a perfect match or empty against empty, 1 a total miss.

    Raises: ValueError for a negative alpha or beta, values outside of [0, 1] (logits need a sigmoid
    first), unequal shapes, an eps that is not positive, or an empty mean.

    >>> tversky_loss([[0.8, 0.4], [0.1, 0.9]], [[1, 0], [0, 1]], alpha=0.3, beta=0.7).round(6)
    np.float64(0.174757)

    Reference: Salehi, Erdogmus, Gholipour (2017), Tversky Loss Function for Image Segmentation.
    """
    alpha = check.not_negative("alpha", alpha)
    beta = check.not_negative("beta", beta)

    def tversky(i, p, t):
        # P = sum(p^2) would make P - I negative where p < t
        positives, negatives = (p, t) if squared else (p - i, t - i)
        return i, i + alpha * positives + beta * negatives

    return overlap_loss(tversky, input, target, axis, squared, eps, reduction, sizes=excesses)


@loss
def dice_ce_loss(input, target, *, dice_weight: float = 1.0, ce_weight: float = 1.0) -> Tensor:
    """Dice plus cross-entropy: overlap against imbalance, cross-entropy for its gradients.

    Formula: dice_weight * dice_loss(softmax(input), one-hot target), per image and class and then
    averaged, + ce_weight * cross_entropy(input, target).

    Gradient: the sum of both: cross-entropy's stays where Dice's fades, far from any overlap.

    Problem: segmentation.

    Use: the default for several classes of very different sizes.

    Meaning: a compromise between the F1 score of each class and the likelihood of each pixel.

    Outliers: sensitive: the cross-entropy of a confident mistake is its logit margin.

    Shapes: input (logits) (N, C, d1, ...), target integers (N, d1, ...).  Units: nats, and none.

    Raises: ValueError for labels outside of 0..C-1, shapes that do not fit, negative weights, or an
    empty batch; TypeError for targets that are not integers.

    >>> dice_ce_loss([[[4.0, 0.0], [0.0, 4.0]]], [[0, 1]]).round(6)
    np.float64(0.036136)

    Reference: Isensee et al. (2021), nnU-Net.
    """
    dice_weight = check.not_negative("dice_weight", dice_weight)
    ce_weight = check.not_negative("ce_weight", ce_weight)
    input, target, axis = with_classes(input, target)
    if input.ndim < 3:
        raise ValueError(f"input has shape {input.shape}; it must be (N, C, d1, ...)")
    mask = np.zeros(input.shape, input.dtype)
    at, _ = places(target, input.shape[axis], axis)
    mask[at] = 1
    pixels = tuple(range(2, input.ndim))
    dice = dice_loss(softmax(input, axis=axis), mask, axis=pixels)
    return dice_weight * dice + ce_weight * cross_entropy(input, target)


@loss
def dice_bce_loss(input, target, *, dice_weight: float = 1.0, bce_weight: float = 1.0) -> Tensor:
    """Dice plus binary cross-entropy: the same compromise for one foreground.

    Formula: dice_weight * dice_loss(sigmoid(input), target), over all elements at once,
    + bce_weight * binary_cross_entropy_with_logits(input, target).

    Gradient: the sum of both: cross-entropy's stays where Dice's fades, far from any overlap.

    Problem: segmentation.

    Use: the default for one foreground of a small size.

    Meaning: a compromise between the F1 score of the foreground and the likelihood of each pixel.

    Outliers: sensitive: the cross-entropy of a confident mistake is its logit.

    Shapes: input (logits) and target (mask in [0, 1]) of one shape.  Units: nats, and none.

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
    return dice_weight * dice_loss(sigmoid(input), target) + bce_weight * bce


@loss
def box_iou_loss(boxes1, boxes2, *, eps: float = 1e-7, reduction: str = "mean") -> Tensor:
    """Box IoU loss: 1 minus intersection over union of two boxes.

    Formula: 1 - I / (U + eps), with the areas I of the intersection and U of the union.

    Gradient: moves the sides of the boxes towards each other; 0 for boxes that do not touch.

    Problem: object detection.

    Use: for boxes that overlap already; otherwise generalized_box_iou_loss.

    Meaning: the Jaccard distance of two rectangles: the same at any scale.

    Outliers: bounded: at most 1, and boxes far apart do not pull at all.

    Shapes: boxes1 and boxes2 (N, 4) or (4,) as x1, y1, x2, y2; the result for each box is reduced.
    Units: none.

    Raises: ValueError for boxes with x2 < x1 or y2 < y1, other shapes, or an empty mean.

    >>> box_iou_loss([[0, 0, 2, 2]], [[1, 1, 3, 3]]).round(6)
    np.float64(0.857143)

    Reference: Yu, Jiang, Wang, Cao, Huang (2016), UnitBox (which takes -log IoU); torchvision's
    box_iou.
    """
    return box_loss(boxes1, boxes2, eps, reduction, generalized=False)


@loss
def generalized_box_iou_loss(
    boxes1, boxes2, *, eps: float = 1e-7, reduction: str = "mean"
) -> Tensor:
    """Generalized box IoU loss: box IoU that also pulls boxes together that do not overlap.

    Formula: 1 - I / (U + eps) + (A - U) / (A + eps), with the areas I of the intersection, U of the
    union and A of the smallest box around both.

    Gradient: that of box_iou_loss, plus one that shrinks the empty part of the box around both:
    not 0 for boxes apart.

    Problem: object detection.

    Use: the default for boxes: it also learns from boxes that do not overlap yet.

    Meaning: 1 minus an index from -1 (far apart) to 1 (equal): the same at any scale.

    Outliers: bounded: at most 2.

    Shapes: boxes1 and boxes2 (N, 4) or (4,) as x1, y1, x2, y2; the result for each box is reduced.
    Units: none.

    Raises: ValueError for boxes with x2 < x1 or y2 < y1, other shapes, or an empty mean.

    >>> generalized_box_iou_loss([[0, 0, 1, 1]], [[2, 2, 3, 4]]).round(6)
    np.float64(1.75)

    Reference: Rezatofighi et al. (2019), Generalized Intersection over Union; torchvision's
    generalized_box_iou_loss.
    """
    return box_loss(boxes1, boxes2, eps, reduction, generalized=True)


# ---- masks ---------------------------------------------------------------------------------------


def squares(p, t):
    return p**2, t**2


def excesses(p, t):
    """The square of where p says too much, and of where it says too little."""
    return relu(p - t) ** 2, relu(t - p) ** 2


def overlap_loss(ratio, input, target, axis, squared, eps, reduction, sizes=squares):
    """1 - ratio(I, P, T), whose two parts get eps: empty against empty is 0, a total miss 1."""
    eps = check.positive("eps", eps)
    input, target = check.alike(input=input, target=target)
    check.probabilities("input", input, "; logits need a sigmoid or softmax first")
    check.probabilities("target", target)
    common = np.sum(input * target, axis=axis)
    both = sizes(input, target) if squared else (input, target)
    common, total = ratio(common, *(np.sum(size, axis=axis) for size in both))
    values = 1 - (common + eps) / (total + eps)
    return reduce(values, reduction, count=None if input.size else 0)


# ---- boxes ---------------------------------------------------------------------------------------


def pair_of_boxes(boxes1, boxes2):
    boxes1, boxes2 = check.alike(boxes1=boxes1, boxes2=boxes2)
    if boxes1.shape[-1:] != (4,):
        raise ValueError(f"boxes1 has shape {boxes1.shape}; x1, y1, x2, y2 make it (N, 4)")
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        values = boxes.data if isinstance(boxes, Tensor) else boxes
        wrong = values[..., :2] > values[..., 2:]
        if wrong.any():
            raise ValueError(
                f"{name} holds the box {values[wrong.any(axis=-1)][0].tolist()}; x1, y1, x2, y2 "
                "need x1 <= x2 and y1 <= y2 (from x, y, width, height: x2 = x + width)"
            )
    return boxes1, boxes2


def area(sides):
    return sides[..., 0] * sides[..., 1]


def box_loss(boxes1, boxes2, eps, reduction, generalized):
    eps = check.positive("eps", eps)
    boxes1, boxes2 = pair_of_boxes(boxes1, boxes2)
    low1, high1, low2, high2 = boxes1[..., :2], boxes1[..., 2:], boxes2[..., :2], boxes2[..., 2:]
    intersection = area(relu(np.minimum(high1, high2) - np.maximum(low1, low2)))
    union = area(high1 - low1) + area(high2 - low2) - intersection
    values = 1 - intersection / (union + eps)
    if generalized:
        around = area(np.maximum(high1, high2) - np.minimum(low1, low2))
        values = values + (around - union) / (around + eps)
    return reduce(values, reduction)
