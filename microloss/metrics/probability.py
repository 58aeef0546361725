"""Metrics of predicted probabilities."""

import numpy as np

from ..functional import one_hot, to_zero
from ..losses import check, cross_entropy
from .common import binary, check_count, real


def binary_probability(probability, target):
    p, y = binary("probability", probability, target)
    check.probabilities("probability", p, ": pass sigmoid(logits)")
    return p, y


def distributions(probability, target):
    """Probabilities of all classes (N, C), and the true labels (N,)."""
    p, y = real("probability", probability), real("target", target)
    if p.ndim != y.ndim + 1 or p.shape[-1] < 2:
        p, y = binary_probability(p, y)
        return np.stack([1 - p, p], axis=1), y.astype(np.int64)
    if p.shape[:-1] != y.shape:
        raise ValueError(f"probability has shape {p.shape}, target {y.shape}: it must be (N, C)")
    check.probabilities("probability", p, ": pass softmax(logits)")
    total = p.sum(axis=-1)
    wrong = np.abs(total - 1) > 1e-3  # far above the rounding of a float16 softmax
    if wrong.any():
        raise ValueError(
            f"probability has a row that sums to {total[wrong][0]:g}, not 1: pass softmax(logits)"
        )
    classes = p.shape[-1]
    wrong = ~np.isin(y, np.arange(classes))
    if wrong.any():
        raise ValueError(f"target holds {y[wrong][0]:g}, its labels are 0 to {classes - 1}")
    return p.reshape(-1, classes), y.ravel().astype(np.int64)


def log_loss(probability, target) -> float:
    """Mean surprise at the true class, in nats.

    Formula: -mean(log p[target]); for (N,) probabilities of class 1, p[0] = 1 - p[1].  No
    probability counts as less than 2^-52, so a certain mistake costs 36.04 and not infinity.

    Shapes: probability (N,) and target (N,) of 0/1, or probability (N, C) and labels (N,) from 0 to
    C - 1.  Units: nats; log C for a model that knows nothing.

    Raises: ValueError for probabilities outside of [0, 1], rows that do not sum to 1, labels out of
    range, shapes that do not fit, nan, or empty input.

    >>> round(log_loss([0.9, 0.2], [1, 0]), 6)
    0.164252

    Reference: Good (1952), Rational Decisions; scikit-learn's log_loss.
    """
    p, y = distributions(probability, target)
    chosen = np.maximum(p[np.arange(len(y)), y], np.finfo(np.float64).eps)
    return float(-np.log(chosen).mean())


def perplexity(log_probs_or_logits, target, *, ignore_index: int | None = None):
    """How many equally likely tokens the model is, on average, undecided between.

    Formula: exp of the mean of -log p(target), over all tokens of all sequences but those with
    ignore_index.  Both logits and log-probabilities do, because log_softmax leaves the latter.
    Targets are not shifted: position t of the input must predict position t of the target.

    Shapes: input (..., C), target (...) of integers; a number, infinite where exp overflows.

    Raises ValueError for shapes that do not fit, for labels outside of 0..C-1 and when no token
    counts.

    >>> perplexity(np.log([[0.5, 0.5], [0.125, 0.875]]), [0, 0]).round(6)     # sqrt(2 * 8)
    np.float64(4.0)

    Reference: Jelinek, Mercer, Bahl, Baker (1977), Perplexity, a measure of the difficulty of
    speech recognition tasks.
    """
    x = check.numbers("log_probs_or_logits", log_probs_or_logits)
    classes = x.shape[-1]
    target = check.class_indices(target, classes, x.shape[:-1]).reshape(-1)
    counted = np.full(target.shape, True) if ignore_index is None else target != ignore_index
    check.labels(target, counted, classes)
    nll = cross_entropy(x.reshape(-1, classes)[counted], target[counted])
    with np.errstate(over="ignore"):
        return np.exp(nll)


@to_zero
def brier_score(probability, target) -> float:
    """Mean squared distance of the probabilities from what happened.

    Formula: mean((p - y)^2) for two classes; the mean of sum_c (p_c - [target = c])^2 for more.

    Shapes: as for log_loss.  Range: 0 to 1 for two classes, 0 to 2 for more.

    Raises: ValueError as log_loss does.

    >>> round(brier_score([0.9, 0.2], [1, 0]), 6)
    0.025

    Reference: Brier (1950), Verification of Forecasts Expressed in Terms of Probability.
    """
    p, y = distributions(probability, target)
    classes = p.shape[1]
    # two classes make the same error twice
    return float(((p - one_hot(y, classes)) ** 2).sum() / len(y) / (2 if classes == 2 else 1))


def calibration_curve(
    probability, target, *, n_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often it happened, against how probable it was said to be, in bins of equal width.

    Formula: bin b holds (b / B, (b + 1) / B], and 0 belongs to the first; in each bin, the mean of
    target, the mean of probability, and how many there are.

    Shapes: probability and target (0/1) of one shape, any; result (observed, predicted, count), one
    element for each bin that is not empty.

    Raises: ValueError for probabilities outside of [0, 1], labels other than 0 and 1, unequal
    shapes, nan, empty input, or n_bins below 1.

    >>> observed, predicted, count = calibration_curve([0.1, 0.2, 0.9], [0, 1, 1], n_bins=2)
    >>> observed, predicted.round(4), count
    (array([0.5, 1. ]), array([0.15, 0.9 ]), array([2, 1]))

    Reference: DeGroot, Fienberg (1983), The Comparison and Evaluation of Forecasters; the first two
    are scikit-learn's calibration_curve.
    """
    p, y = binary_probability(probability, target)
    check_count("n_bins", n_bins)
    edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    _, place, count = np.unique(np.searchsorted(edges, p), return_inverse=True, return_counts=True)
    return np.bincount(place, y) / count, np.bincount(place, p) / count, count


def expected_calibration_error(probability, target, *, n_bins: int = 10) -> float:
    """Mean distance between how probable it was said to be and how often it happened.

    Formula: sum_b (n_b / N) |observed_b - predicted_b| over the bins of calibration_curve.  For
    more than two classes, judge the confidence in the predicted one: pass p.max(axis=1) and
    p.argmax(axis=1) == target.

    Shapes: as for calibration_curve.  Range: 0 to 1; with few elements in a bin even a calibrated
    model is above 0.

    Raises: ValueError as calibration_curve does.

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [1, 1, 0, 0])
    0.25

    Reference: Naeini, Cooper, Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using
    Bayesian Binning; Guo et al. (2017), On Calibration of Modern Neural Networks.
    """
    observed, predicted, count = calibration_curve(probability, target, n_bins=n_bins)
    return float(count @ np.abs(observed - predicted) / count.sum())
