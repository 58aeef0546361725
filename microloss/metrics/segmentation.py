"""Metrics of masks, and of images whose pixels have classes."""

import numpy as np

from ..losses import check
from .classification import confusion_matrix
from .common import check_choice, metric, pair, quotient, whole, yes_or_no

__all__ = ["dice_coefficient", "iou", "mean_iou"]


def overlap(prediction, target, axis, ignore_index):
    """Sizes of the intersection, of the predicted mask and of the true one."""
    prediction, target = pair("prediction", prediction, target)
    counted = not_ignored(target, ignore_index, axis)
    a = yes_or_no("prediction", np.where(counted, prediction, 0))
    b = yes_or_no("target", np.where(counted, target, 0))
    return [mask.sum(axis=axis) for mask in (a & b, a, b)]


def not_ignored(target, ignore_index, axis=None):
    """Where target counts; it must count somewhere, in each mask."""
    if ignore_index is None:
        return np.full(target.shape, True)
    counted = target != ignore_index
    if not counted.any(axis=axis).all():
        raise ValueError(f"target holds only ignore_index={ignore_index} in a mask; leave it out")
    return counted


@metric
def iou(
    prediction, target, *, axis: int | tuple | None = None, ignore_index: int | None = None
) -> float | np.ndarray:
    """Intersection over union of two masks; also called Jaccard index.

    Formula: |A and B| / |A or B|; 1 where both masks are empty. Elements whose target is
    ignore_index are left out.

    Shapes: 0/1 or booleans, both of one shape; counted over `axis` (all elements for None), for
    each image of (N, H, W) over axis=(1, 2). Range: 0 to 1.

    Raises: ValueError for unequal shapes, values other than 0 and 1 (and ignore_index in target),
    a mask whose elements are all ignored, nan, or empty input.

    >>> iou([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.3333333333333333
    >>> iou([[1, 1, 0, 0]], [[255, 1, 1, 0]], ignore_index=255)
    0.5

    Reference: Jaccard (1912), The Distribution of the Flora in the Alpine Zone.
    """
    both, predicted, actual = overlap(prediction, target, axis, ignore_index)
    score = quotient(both, predicted + actual - both, 1.0)
    return score if score.ndim else float(score)


@metric
def dice_coefficient(
    prediction, target, *, axis: int | tuple | None = None, ignore_index: int | None = None
) -> float | np.ndarray:
    """Overlap of two masks over their mean size: the F1 score of the pixels.

    Formula: 2 |A and B| / (|A| + |B|) = 2 IoU / (1 + IoU); 1 where both masks are empty. Elements
    whose target is ignore_index are left out.

    Shapes, range, errors: as for iou.

    >>> dice_coefficient([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5

    Reference: Dice (1945), Measures of the Amount of Ecologic Association Between Species.
    """
    both, predicted, actual = overlap(prediction, target, axis, ignore_index)
    score = quotient(2 * both, predicted + actual, 1.0)
    return score if score.ndim else float(score)


@metric
def mean_iou(
    prediction, target, *, average: str | None = "macro", ignore_index: int | None = None
) -> float | np.ndarray:
    """Intersection over union of each class, averaged over the classes.

    Formula: mean over c of C[c, c] / (sum_j C[c, j] + sum_j C[j, c] - C[c, c]), with the confusion
    matrix C of all elements. Classes that occur in neither do not count, nor do elements whose
    target is ignore_index.

    Shapes: whole numbers, both of one shape, any; average="macro": the mean; None: one score for
    each class that occurs, sorted, (C,). Range: 0 to 1.

    Raises: ValueError for unequal shapes, labels that are not whole numbers, an unknown average, a
    target of nothing but ignore_index, nan, or empty input.

    >>> mean_iou([[0, 1], [2, 2]], [[0, 1], [1, 2]])                # (1 + 1/2 + 1/2) / 3
    0.6666666666666666

    Reference: Everingham et al. (2015), The PASCAL Visual Object Classes Challenge: A
    Retrospective; scikit-learn's jaccard_score with average="macro".
    """
    check_choice("average", average, ("macro", None))
    prediction, target = whole("prediction", prediction), whole("target", target)
    check.same_shape("prediction", prediction, "target", target)
    counted = not_ignored(target, ignore_index)
    matrix = confusion_matrix(prediction[counted], target[counted])
    both = np.diag(matrix)
    each = both / (matrix.sum(axis=0) + matrix.sum(axis=1) - both)
    return each if average is None else float(each.mean())
