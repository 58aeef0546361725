"""What all metrics share: how arguments are checked, weighed and averaged."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from ..engine.arguments import real
from ..engine.tensor import values_of
from ..functional import to_zero
from ..losses import check

Function = TypeVar("Function", bound=Callable[..., Any])

SCIKIT_LEARN_OPTIONS = {
    "y_true": "pass target as the second argument; predictions come first here",
    "y_pred": "pass the prediction as the first argument; targets come second here",
    "y_score": "pass score as the first argument; targets come second here",
    "y_prob": "pass probability as the first argument; targets come second here",
    "y_proba": "pass probability as the first argument; targets come second here",
    "pos_label": "labels are 0 and 1; pass target == pos_label as the target",
    "normalize": "divide the result by the sum that you need",
    "labels_true": "pass target as the second argument; predictions come first here",
    "labels_pred": "pass the prediction as the first argument; targets come second here",
}


def metric(fn: Function) -> Function:
    """Inside a metric, underflow to 0 is not an error; scikit-learn's options get an answer."""

    @functools.wraps(fn)
    def call(*args, **options):
        for name in options:
            if name in SCIKIT_LEARN_OPTIONS:
                raise TypeError(f"{fn.__name__} has no {name}=; {SCIKIT_LEARN_OPTIONS[name]}")
        return quiet(*args, **options)

    quiet = to_zero(fn)
    return cast(Function, call)


def numbers(name, x, finite=True):
    """The values of x as float64, cut from any graph; never empty, never nan."""
    x = real(values_of(x), name).astype(np.float64, copy=False)
    if not x.size:
        raise ValueError(f"{name} is empty (shape {x.shape}); a metric needs at least one element")
    wrong = ~np.isfinite(x) if finite else np.isnan(x)
    if wrong.any():
        raise ValueError(
            f"{name} holds {x[wrong].flat[0]:g} ({wrong.sum()} of {x.size} elements); look for "
            "where the model diverged"
        )
    return x


def pair(name, x, target, finite=True):
    """Predictions and targets of one shape, never broadcast; finite is about the predictions."""
    x, target = numbers(name, x, finite), numbers("target", target)
    check.same_shape(name, x, "target", target)
    return x, target


def whole(name, x):
    """Class labels as int64."""
    array = real(values_of(x), name)
    if array.dtype.kind == "f" or not array.size:
        array = numbers(name, array)
        wrong = (array != np.rint(array)) | (np.abs(array) >= 2**53)
        if wrong.any():
            raise ValueError(
                f"{name} holds {array[wrong].flat[0]:g}, class labels are whole numbers: pass "
                f"{name} > 0.5 for probabilities, {name} > 0 for logits"
            )
    elif array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {array.max()}, class labels must fit into int64")
    return array.astype(np.int64)


def row(name, x):
    """A row of numbers: (N,), or (N, 1) as (N,)."""
    if x.ndim == 1 or (x.ndim == 2 and x.shape[1] == 1):
        return x.reshape(-1)
    raise ValueError(
        f"{name} has shape {x.shape}, it must be (N,); to count every element by itself pass "
        f"{name}.ravel() and target.ravel()"
    )


def label_pair(prediction, target):
    """Whole numbers of one shape: (N,), or 0/1 in (N, L) where an example may have many labels."""
    prediction, target = whole("prediction", prediction), whole("target", target)
    if prediction.ndim == target.ndim + 1 > 1 and prediction.shape[1] > 1:
        raise ValueError(
            f"prediction has shape {prediction.shape}, target has shape {target.shape}: for the "
            "label with the highest score pass prediction.argmax(axis=1)"
        )
    check.same_shape("prediction", prediction, "target", target)
    if target.ndim == 2 and target.shape[1] > 1:
        for name, x in ("prediction", prediction), ("target", target):
            if ((x != 0) & (x != 1)).any():
                raise ValueError(
                    f"{name} has shape {x.shape}, where column j must hold 1 if an example has the "
                    f"label j and 0 if not, and it holds {x[(x != 0) & (x != 1)][0]}; to count "
                    f"every element by itself pass prediction.ravel() and target.ravel()"
                )
        return prediction, target
    return row("prediction", prediction), row("target", target)


def class_labels(prediction, target):
    """Whole numbers in one row: one class for each example."""
    prediction, target = label_pair(prediction, target)
    return row("prediction", prediction), row("target", target)


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
    cure = ": for one class against the rest pass target == c"
    if np.isin(x, (0, 1)).all():
        cure = f": {name} comes first and target second; did you swap them?"
        if ((target >= 0) & (target <= 1)).all() and not np.isin(target, (0, 1)).all():
            raise ValueError(f"target holds {target.flat[0]:g}, it must hold 0 and 1{cure}")
    target = yes_or_no("target", target, cure)
    return row(name, x), row("target", target)


def weights(sample_weight, n):
    """The weight of each of n examples; 1 by default."""
    if sample_weight is None:
        return np.ones(n)
    w = numbers("sample_weight", sample_weight)
    if w.shape != (n,):
        raise ValueError(f"sample_weight has shape {w.shape}, it must be ({n},), one per example")
    if (w < 0).any() or not w.any():
        raise ValueError(
            f"sample_weight holds {w.min():g}; weights must be at least 0, and one must be above 0"
        )
    return w


def weighted_mean(values, sample_weight) -> np.ndarray:
    """The mean over the first axis."""
    if sample_weight is None:
        return values.mean(axis=0)
    w = weights(sample_weight, len(values))
    return np.tensordot(w, values, 1) / w.sum()


def defined_mean(values, w=None) -> float:
    """The mean of the values that are not nan, plain where their weights are all 0."""
    keep = ~np.isnan(values)
    if not keep.any():
        return float("nan")
    w = np.ones(len(values)) if w is None else w
    values, w = values[keep], w[keep]
    return float(np.average(values, weights=w if w.any() else None))


def quotient(part, whole, undefined):
    """part / whole, and `undefined` where whole is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), undefined)


def check_count(name, n):
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {n!r}")


def check_choice(name, value, allowed):
    if value not in allowed:
        names = ", ".join(f'"{a}"' if isinstance(a, str) else str(a) for a in allowed)
        raise ValueError(f"{name} must be one of {names}; got {value!r}")
