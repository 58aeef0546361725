"""Metrics of predicted numbers and intervals."""

import numpy as np

from ..functional import to_zero
from ..losses import l1_loss, quantile_loss
from .common import pair


@to_zero
def r2_score(prediction, target) -> float:
    """Share of the target's variance that the prediction explains.

    Formula: 1 - sum((target - prediction)^2) / sum((target - mean(target))^2).  A constant target
    has no variance: 1 if it is predicted exactly, else 0.

    Shapes: both (N,), or (N, ...) for several outputs, whose scores are averaged.  Range: 1 is
    perfect, 0 as good as the mean, negative worse.

    Raises: ValueError for unequal shapes, fewer than two samples, nan or infinite input.

    >>> round(r2_score([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 6)
    0.948608

    Reference: Draper, Smith (1998), Applied Regression Analysis; scikit-learn's r2_score.
    """
    prediction, target = pair("prediction", prediction, target)
    if target.ndim == 0 or len(target) < 2:
        raise ValueError(f"target has shape {target.shape}: variance needs two samples or more")
    left = ((target - prediction) ** 2).sum(axis=0)
    total = ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    same = np.ptp(target, axis=0) == 0  # total may be off 0 by rounding
    return float(np.where(same, left == 0, 1 - left / np.where(same, 1, total)).mean())


def mean_absolute_error(prediction, target) -> float:
    """Mean distance between prediction and target.

    Formula: mean(|prediction - target|).

    Shapes: both of one shape, any.  Units: the target's.

    Raises: ValueError for unequal shapes, nan, infinite or empty input.

    >>> mean_absolute_error([1.0, 2.0], [2.0, 4.0])
    1.5

    Reference: scikit-learn's mean_absolute_error.
    """
    return float(l1_loss(*pair("prediction", prediction, target)))


@to_zero
def root_mean_squared_error(prediction, target) -> float:
    """Typical size of an error, large ones weighing more.

    Formula: sqrt(mean((prediction - target)^2)).

    Shapes: both (N,), or (N, ...) for several outputs, whose errors are averaged.  Units: the
    target's.

    Raises: ValueError for unequal shapes, nan, infinite or empty input.

    >>> root_mean_squared_error([1.0, 2.0], [2.0, 9.0])
    5.0

    Reference: scikit-learn's root_mean_squared_error.
    """
    prediction, target = pair("prediction", prediction, target)
    return float(np.sqrt(((prediction - target) ** 2).mean(axis=0)).mean())


def pinball(prediction, target, *, quantile: float = 0.5) -> float:
    """Mean pinball loss of a predicted quantile.

    Formula: e = target - prediction; the mean of q e where e >= 0, (q - 1) e where e < 0.

    Shapes: both of one shape, any; quantile q between 0 and 1.  Units: the target's.

    Raises: ValueError for unequal shapes, a quantile outside of (0, 1), nan, infinite or empty
    input.

    >>> round(pinball([1.0, 2.5, 4.0], [1.5, 2.0, 1.0], quantile=0.9), 6)
    0.266667

    Reference: Koenker, Bassett (1978), Regression Quantiles; scikit-learn's mean_pinball_loss.
    """
    return float(quantile_loss(*pair("prediction", prediction, target), quantile=quantile))


def interval_coverage(lower, upper, target) -> float:
    """Share of targets inside their predicted interval; a 90 % interval should get 0.9.

    Formula: mean(lower <= target <= upper).  An interval whose ends have crossed covers nothing.

    Shapes: all of one shape, any; the ends may be infinite.  Range: 0 to 1.

    Raises: ValueError for unequal shapes, nan or empty input, or when lower is above upper in
    every interval.

    >>> interval_coverage([0.0, 0.0, 2.0], [1.0, 1.0, 3.0], [0.5, 1.0, 1.0])
    0.6666666666666666

    Reference: Khosravi et al. (2011), Comprehensive Review of Neural Network-Based Prediction
    Intervals (its PICP).
    """
    lower, target = pair("lower", lower, target, finite=False)
    upper, target = pair("upper", upper, target, finite=False)
    if (lower > upper).all():
        raise ValueError("lower is above upper in every interval: are the two swapped?")
    return float(np.mean((lower <= target) & (target <= upper)))
