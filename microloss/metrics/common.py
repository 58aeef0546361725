"""What all metrics share: how arguments are checked."""

import numpy as np

from ..engine.tensor import values_of
from ..losses import check


def real(name, x, finite=True):
    """x as float64, cut from any graph; never empty, never nan."""
    x = check.numbers(name, values_of(x)).astype(np.float64, copy=False)
    if not x.size:
        raise ValueError(f"{name} is empty (shape {x.shape}), there is nothing to measure")
    wrong = ~np.isfinite(x) if finite else np.isnan(x)
    if wrong.any():
        raise ValueError(
            f"{name} holds {x[wrong].flat[0]:g} ({wrong.sum()} of {x.size} elements): look for "
            "where the model diverged"
        )
    return x


def pair(name, x, target, finite=True):
    """Predictions and targets of one shape, never broadcast; finite is about the predictions."""
    x, target = real(name, x, finite), real("target", target)
    check.same_shape(name, x, "target", target)
    return x, target


def class_labels(prediction, target):
    """Whole numbers, in one row."""
    prediction, target = real("prediction", prediction), real("target", target)
    if prediction.ndim == target.ndim + 1 > 1 and prediction.shape[1] > 1:
        raise ValueError(
            f"prediction has shape {prediction.shape}, target has shape {target.shape}: for the "
            "label with the highest score pass prediction.argmax(axis=1)"
        )
    prediction, target = pair("prediction", prediction, target)
    for name, x in ("prediction", prediction), ("target", target):
        wrong = x != np.rint(x)
        if wrong.any():
            raise ValueError(
                f"{name} holds {x[wrong][0]:g}, class labels are whole numbers: pass "
                f"{name} > 0.5 for probabilities, {name} > 0 for logits"
            )
    return prediction.ravel().astype(np.int64), target.ravel().astype(np.int64)


def yes_or_no(name, x, cure=""):
    """0 and 1 as booleans."""
    wrong = (x != 0) & (x != 1)
    if wrong.any():
        if (np.abs(x) == 1).all():
            cure = f": pass ({name} + 1) / 2"
        elif ((x >= 0) & (x <= 1)).all():
            cure = f": pass {name} > 0.5"
        raise ValueError(f"{name} holds {x[wrong][0]:g}, it must hold 0 and 1{cure}")
    return x == 1


def binary(name, x, target):
    """Numbers and their labels 0/1 as booleans, both in one row."""
    x, target = pair(name, x, target)
    target = yes_or_no("target", target, ": for one class against the rest pass target == c")
    return x.ravel(), target.ravel()


def quotient(part, whole, undefined):
    """part / whole, and `undefined` where whole is 0; counts, so no whole is less than 1."""
    return np.where(whole > 0, part / np.maximum(whole, 1), undefined)


def check_count(name, n):
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {n!r}")
