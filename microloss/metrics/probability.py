"""Metrics of predicted probabilities."""

import numpy as np

from ..engine.tensor import Tensor
from ..functional import one_hot
from ..losses import check, cross_entropy
from .classification import check_range, classes_last
from .common import (
    binary,
    check_choice,
    check_count,
    metric,
    numbers,
    weighted_mean,
    whole,
    yes_or_no,
)

__all__ = [
    "brier_score",
    "calibration_curve",
    "expected_calibration_error",
    "log_loss",
    "perplexity",
]


def check_distributions(name, p):
    """Each row holds probabilities that sum to 1."""
    check.probabilities(name, p, ": pass softmax(logits)")
    total = p.sum(axis=-1)
    wrong = np.abs(total - 1) > 1e-3  # far above the rounding of a float16 softmax
    if wrong.any():
        raise ValueError(
            f"{name} has a row that sums to {total[wrong][0]:g}, not 1: pass softmax(logits)"
        )


def binary_probability(probability, target):
    p, y = binary("probability", probability, target)
    check.probabilities("probability", p, ": pass sigmoid(logits)")
    return p, y


def distributions(probability, target):
    """Probabilities of all classes (N, C), and the true labels (N,)."""
    p = numbers("probability", probability)
    if p.ndim < 2 or p.shape[1] < 2:
        p, y = binary_probability(p, target)
        return np.stack([1 - p, p], axis=1), y.astype(np.int64)
    y = whole("target", target)
    classes = p.shape[1]
    if p.ndim > 2 or y.shape not in ((len(p),), p.shape):
        raise ValueError(
            f"probability has shape {p.shape}, target {y.shape}: with the C classes on the last "
            "axis pass probability.reshape(-1, C) and target.reshape(-1)"
        )
    if y.shape == p.shape:  # one-hot
        if (yes_or_no("target", y).sum(axis=1) != 1).any():
            raise ValueError(
                f"target has shape {y.shape} like probability, so each row must be one-hot; for "
                "labels that do not exclude each other pass probability.ravel() and target.ravel()"
            )
        y = y.argmax(axis=1)
    check_range(y, classes)
    check_distributions("probability", p)
    return p, y


@metric
def log_loss(probability, target, *, sample_weight=None) -> float:
    """Mean surprise at the true class, in nats.

    Formula: -mean(log p[target]); for (N,) probabilities of class 1, p[0] = 1 - p[1]. No
    probability counts as less than 2^-52, so a certain mistake costs 36.04 and not infinity.

    Shapes: probability (N,) and target (N,) of 0/1; or probability (N, C), and as target labels
    from 0 to C - 1 (N,) or one-hot rows (N, C); sample_weight (N,). Units: nats; log C for a model
    that knows nothing.

    Raises: ValueError for probabilities outside of [0, 1], rows that do not sum to 1, labels out of
    range, one-hot rows without exactly one 1, shapes that do not fit, nan, empty input, or weights
    that are negative or all 0.

    >>> round(log_loss([0.9, 0.2], [1, 0]), 6)
    0.164252
    >>> round(log_loss([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]], [[1, 0, 0], [0, 1, 0]]), 6)
    0.289909

    Reference: Good (1952), Rational Decisions; scikit-learn's log_loss.
    """
    p, y = distributions(probability, target)
    chosen = np.maximum(p[np.arange(len(y)), y], np.finfo(np.float64).eps)
    return float(-weighted_mean(np.log(chosen), sample_weight))


@metric
def perplexity(
    log_probs_or_logits, target, *, ignore_index: int | None = None, axis: int = -1
) -> np.ndarray | Tensor:
    """How many equally likely tokens the model is, on average, undecided between.

    Formula: exp of the mean of -log p(target), over all tokens of all sequences but those with
    ignore_index. Logits and log-probabilities give the same, because log_softmax does not change
    the latter. Targets are not shifted: position t of the input must predict position t of the
    target.

    Shapes: input (..., C), or the classes on `axis` (axis=1 for PyTorch's (N, C, T)); target whole
    numbers in the input's shape without that axis; a number, infinite where exp overflows. A Tensor
    gives a Tensor, so that a gradient can be taken.

    Raises: ValueError for shapes that do not fit, for labels outside of 0..C-1, for nan where a
    token counts, and when no token counts.

    >>> perplexity(np.log([[0.5, 0.5], [0.125, 0.875]]), [0, 0]).round(6)     # sqrt(2 * 8)
    np.float64(4.0)

    Reference: Jelinek, Mercer, Bahl, Baker (1977), Perplexity, a measure of the difficulty of
    speech recognition tasks.
    """
    x = check.numbers("log_probs_or_logits", log_probs_or_logits)
    target = whole("target", target)
    x, classes = classes_last("log_probs_or_logits", x, target, axis)
    target = target.reshape(-1)
    counted = np.full(target.shape, True) if ignore_index is None else target != ignore_index
    if not counted.any():
        raise ValueError(f"every target is ignore_index={ignore_index}, nothing to average")
    x, target = x.reshape(-1, classes)[counted], target[counted]
    check_range(target, classes)
    numbers("log_probs_or_logits", x, finite=False)
    nll = cross_entropy(x, target)
    with np.errstate(over="ignore"):
        return np.exp(nll)


@metric
def brier_score(probability, target, *, sample_weight=None) -> float:
    """Mean squared distance of the probabilities from what happened.

    Formula: mean((p - y)^2) for two classes; the mean of sum_c (p_c - [target = c])^2 for more.

    Shapes: as for log_loss. Range: 0 to 1 for two classes, 0 to 2 for more.

    Raises: ValueError as log_loss does.

    >>> round(brier_score([0.9, 0.2], [1, 0]), 6)
    0.025

    Reference: Brier (1950), Verification of Forecasts Expressed in Terms of Probability;
    scikit-learn's brier_score_loss.
    """
    p, y = distributions(probability, target)
    classes = p.shape[1]
    distance = ((p - one_hot(y, classes)) ** 2).sum(axis=1)
    # two classes make the same error twice
    return float(weighted_mean(distance, sample_weight) / (2 if classes == 2 else 1))


@metric
def calibration_curve(
    probability, target, *, n_bins: int = 10, strategy: str = "uniform"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often it happened, against how probable it was said to be, in bins.

    Formula: strategy="uniform": bins of equal width, bin b holds (b / B, (b + 1) / B], and 0
    belongs to the first; "quantile": bins of about equal counts, whose edges are the quantiles
    b / B of the probabilities. In each bin, the mean of target, the mean of probability, and how
    many there are.

    Shapes: probability and target (0/1), both (N,); result (observed, predicted, count), one
    element for each bin that is not empty.

    Raises: ValueError for probabilities outside of [0, 1], labels other than 0 and 1, unequal or
    other shapes, nan, empty input, n_bins below 1, or an unknown strategy.

    >>> observed, predicted, count = calibration_curve([0.1, 0.2, 0.9], [0, 1, 1], n_bins=2)
    >>> observed, predicted.round(4), count
    (array([0.5, 1. ]), array([0.15, 0.9 ]), array([2, 1]))

    Reference: DeGroot, Fienberg (1983), The Comparison and Evaluation of Forecasters; the first two
    are scikit-learn's calibration_curve.
    """
    p, y = binary_probability(probability, target)
    check_count("n_bins", n_bins)
    check_choice("strategy", strategy, ("uniform", "quantile"))
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.percentile(p, edges * 100)
    place = np.searchsorted(edges[1:-1], p)
    _, place, count = np.unique(place, return_inverse=True, return_counts=True)
    return np.bincount(place, y) / count, np.bincount(place, p) / count, count


@metric
def expected_calibration_error(
    probability, target, *, n_bins: int = 10, strategy: str = "uniform"
) -> float:
    """Mean distance between how probable it was said to be and how often it happened.

    Formula: sum_b (n_b / N) |observed_b - predicted_b| over the bins of calibration_curve. For
    more than two classes, judge the confidence in the predicted one: pass p.max(axis=1) and
    p.argmax(axis=1) == target.

    Shapes: as for calibration_curve. Range: 0 to 1; with few elements in a bin even a calibrated
    model is above 0.

    Raises: ValueError as calibration_curve does.

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [1, 1, 0, 0])
    0.25

    Reference: Naeini, Cooper, Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using
    Bayesian Binning; Guo et al. (2017), On Calibration of Modern Neural Networks.
    """
    observed, predicted, count = calibration_curve(
        probability, target, n_bins=n_bins, strategy=strategy
    )
    return float(count @ np.abs(observed - predicted) / count.sum())
