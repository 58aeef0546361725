"""Metrics of masks."""

import numpy as np

from .common import pair, quotient, yes_or_no


def overlap(prediction, target, axis):
    """Sizes of the intersection, of the predicted mask and of the true one."""
    prediction, target = pair("prediction", prediction, target)
    a, b = yes_or_no("prediction", prediction), yes_or_no("target", target)
    return [mask.sum(axis=axis) for mask in (a & b, a, b)]


def iou(prediction, target, *, axis=None) -> float | np.ndarray:
    """Intersection over union of two masks; also called Jaccard index.

    Formula: |A and B| / |A or B|; 1 where both masks are empty.

    Shapes: 0/1 or booleans, both of one shape; counted over `axis` (all elements for None), for
    each image of (N, H, W) over axis=(1, 2).  Range: 0 to 1.

    Raises: ValueError for unequal shapes, values other than 0 and 1, nan, or empty input.

    >>> iou([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.3333333333333333

    Reference: Jaccard (1912), The Distribution of the Flora in the Alpine Zone.
    """
    both, predicted, actual = overlap(prediction, target, axis)
    score = quotient(both, predicted + actual - both, 1.0)
    return score if score.ndim else float(score)


def dice_coefficient(prediction, target, *, axis=None) -> float | np.ndarray:
    """Overlap of two masks over their mean size: the F1 score of the pixels.

    Formula: 2 |A and B| / (|A| + |B|) = 2 IoU / (1 + IoU); 1 where both masks are empty.

    Shapes, range, errors: as for iou.

    >>> dice_coefficient([[1, 1, 0, 0]], [[0, 1, 1, 0]])
    0.5

    Reference: Dice (1945), Measures of the Amount of Ecologic Association Between Species.
    """
    both, predicted, actual = overlap(prediction, target, axis)
    score = quotient(2 * both, predicted + actual, 1.0)
    return score if score.ndim else float(score)
