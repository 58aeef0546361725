"""What all losses share: how arguments are checked and how values are reduced."""

import numpy as np

from ..tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def operand(name, x, like=None):
    """x as a Tensor or an array of floats; an array gets the precision of `like`."""
    if isinstance(x, Tensor):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}: {x!r:.60}")
    if like is not None:
        return array.astype(like.dtype, copy=False)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def pair(input, target):
    """The two operands of a loss that compares elements; equal shapes, never a broadcast."""
    input = operand("input", input, like=target if isinstance(target, Tensor) else None)
    target = operand("target", target, like=input)
    if input.shape != target.shape:
        raise ValueError(unequal("input", input, "target", target))
    return input, target


def unequal(name1, x1, name2, x2):
    message = f"{name1} has shape {x1.shape}, {name2} has shape {x2.shape}; they must be equal"
    if x1.size == x2.size:
        message += f": did you mean {name2}.reshape{x1.shape}?"
    return message


def check_reduction(reduction, allowed=REDUCTIONS):
    if reduction not in allowed:
        raise ValueError(f"reduction must be one of {', '.join(allowed)}; got {reduction!r}")


def reduce(values, reduction, count=None):
    """Mean, sum or all of the values; the mean divides by `count`, the number of values if None."""
    if reduction == "mean":
        count = values.size if count is None else count
        if count == 0:
            raise ValueError("reduction='mean': nothing to average, no element counts")
        return values.sum() * (1 / count)
    check_reduction(reduction)
    return values if reduction == "none" else values.sum()


def class_indices(target, classes, shape):
    """Labels as int64, checked for kind and shape; their range is left to the caller."""
    target = np.asarray(target)
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"target must hold class indices (integers from 0 to {classes - 1}), got dtype "
            f"{target.dtype}; labels that are whole numbers convert with target.astype(int)"
        )
    if target.shape != shape:
        raise ValueError(f"target has shape {target.shape}, for this input it must be {shape}")
    return target.astype(np.int64, copy=False)


def is_floating(x):
    return isinstance(x, Tensor) or np.asarray(x).dtype.kind == "f"


def check_fraction(name, value):
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")


def labels_fit(target, classes):
    """Whether all labels are in 0..classes-1, at a third of the cost of two comparisons.

    bincount refuses negative numbers and returns more counts than classes for too large ones.
    """
    try:
        return len(np.bincount(target, minlength=classes)) == classes
    except (ValueError, MemoryError):
        return False


def check_labels(target, counted, classes):
    """Every label that counts must name a class."""
    wrong = counted & ((target < 0) | (target >= classes))
    if wrong.any():
        raise ValueError(
            f"target holds the label {target[wrong][0]}; labels run from 0 to {classes - 1} "
            f"because input has {classes} classes"
        )
