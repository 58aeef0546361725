"""Metrics of predicted numbers and intervals."""

import numpy as np

from ..losses import l1_loss, quantile_loss
from .common import metric, pair, weighted_mean, weights

__all__ = [
    "interval_coverage",
    "mean_absolute_error",
    "pinball",
    "r2_score",
    "root_mean_squared_error",
]


def mean_over_examples(values, sample_weight):
    return float(weighted_mean(np.atleast_1d(values), sample_weight).mean())


@metric
def r2_score(prediction, target, *, sample_weight=None) -> float:
    """Share of the target's variance that the prediction explains.

    Formula: 1 - sum((target - prediction)^2) / sum((target - mean(target))^2). A constant target
    has no variance: 1 if it is predicted exactly, else 0.

    Shapes: both (N,), or (N, ...) for several outputs, whose scores are averaged; sample_weight
    (N,). Range: 1 is perfect, 0 as good as the mean, negative worse.

    Raises: ValueError for unequal shapes, fewer than two samples, nan or infinite input.

    >>> round(r2_score([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 6)
    0.948608

    Reference: Draper, Smith (1998), Applied Regression Analysis; scikit-learn's r2_score.
    """
    prediction, target = pair("prediction", prediction, target)
    if target.ndim == 0 or len(target) < 2:
        raise ValueError(f"target has shape {target.shape}: variance needs two samples or more")
    left = weighted_mean((target - prediction) ** 2, sample_weight)
    total = weighted_mean((target - weighted_mean(target, sample_weight)) ** 2, sample_weight)
    counted = target[weights(sample_weight, len(target)) > 0]
    same = np.ptp(counted, axis=0) == 0  # total may differ from 0 by rounding
    return float(np.where(same, left == 0, 1 - left / np.where(same, 1, total)).mean())


@metric
def mean_absolute_error(prediction, target, *, sample_weight=None) -> float:
    """Mean distance between prediction and target.

    Formula: mean(|prediction - target|).

    Shapes: both of one shape, any; sample_weight (N,), over the first axis. Units: the target's.

    Raises: ValueError for unequal shapes, nan, infinite or empty input.

    >>> mean_absolute_error([1.0, 2.0], [2.0, 4.0])
    1.5

    Reference: scikit-learn's mean_absolute_error.
    """
    prediction, target = pair("prediction", prediction, target)
    return mean_over_examples(l1_loss(prediction, target, reduction="none"), sample_weight)


@metric
def root_mean_squared_error(prediction, target, *, sample_weight=None) -> float:
    """Typical size of an error, large ones weighing more.

    Formula: sqrt(mean((prediction - target)^2)).

    Shapes: both (N,), or (N, ...) for several outputs, whose errors are averaged; sample_weight
    (N,). Units: the target's.

    Raises: ValueError for unequal shapes, nan, infinite or empty input.

    >>> root_mean_squared_error([1.0, 2.0], [2.0, 9.0])
    5.0

    Reference: scikit-learn's root_mean_squared_error.
    """
    prediction, target = pair("prediction", prediction, target)
    squares = np.atleast_1d((prediction - target) ** 2)
    return float(np.sqrt(weighted_mean(squares, sample_weight)).mean())


@metric
def pinball(prediction, target, *, quantile: float = 0.5, sample_weight=None) -> float:
    """Mean pinball loss of a predicted quantile.

    Formula: e = target - prediction; the mean of q e where e >= 0, (q - 1) e where e < 0.

    Shapes: both of one shape, any; quantile q between 0 and 1; sample_weight (N,),
    over the first axis. Units: the target's.

    Raises: ValueError for unequal shapes, a quantile outside of (0, 1), nan, infinite or empty
    input.

    >>> round(pinball([1.0, 2.5, 4.0], [1.5, 2.0, 1.0], quantile=0.9), 6)
    0.266667

    Reference: Koenker, Bassett (1978), Regression Quantiles; scikit-learn's mean_pinball_loss.
    """
    prediction, target = pair("prediction", prediction, target)
    values = quantile_loss(prediction, target, quantile=quantile, reduction="none")
    return mean_over_examples(values, sample_weight)


@metric
def interval_coverage(lower, upper, target) -> float:
    """Share of targets inside their predicted interval; a 90 % interval should get 0.9.

    Formula: mean(lower <= target <= upper). An interval whose ends have crossed covers nothing.

    Shapes: all of one shape, any; the ends may be infinite. Range: 0 to 1.

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
