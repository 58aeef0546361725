"""What all losses share: how arguments are checked and how values are reduced."""

import math

import numpy as np

from ..engine.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")
LOSSES = {}  # name -> function, in the order of the catalogue


def loss(fn):
    """Enter a loss in the catalogue; inside it, underflow to 0 is no error.

    Its docstring is the card that the catalogue prints, with the sections of `catalogue.SECTIONS`.
    """
    LOSSES[fn.__name__] = quiet = np.errstate(under="ignore")(fn)
    return quiet


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
    return alike(input=input, target=target)


def alike(**given):
    """The operands of a loss, by name, all of one shape; arrays get the precision of a Tensor."""
    like = None
    for x in given.values():
        if isinstance(x, Tensor):
            like = x
            break
    first, *others = given
    operands = [operand(first, given[first], like)]
    shape = operands[0].shape
    for name in others:
        x = operand(name, given[name], operands[0])
        if x.shape != shape:
            raise ValueError(unequal(first, operands[0], name, x))
        operands.append(x)
    return operands


def constant(name, x, like):
    """The values of x, cut from any graph, in the precision of `like`."""
    return operand(name, x.data if isinstance(x, Tensor) else x, like)


def signs(target, like, shape):
    """Labels -1 and +1 of that shape, in the precision of `like`."""
    target = constant("target", target, like)
    check_target_shape(target, shape)
    wrong = np.abs(target) != 1
    if wrong.any():
        message = f"target holds {target[wrong][0]!s}, labels here are -1 and +1"
        if np.isin(target, (0, 1)).all():
            message = "target holds 0/1, labels here are -1/+1: pass 2 * target - 1"
        raise ValueError(message)
    return target


def unequal(name1, x1, name2, x2):
    message = f"{name1} has shape {x1.shape}, {name2} has shape {x2.shape}; they must be equal"
    if x1.size == x2.size:
        message += f": did you mean {name2}.reshape{x1.shape}?"
    return message


def check_target_shape(target, shape):
    if target.shape != shape:
        cure = f": did you mean target.reshape{shape}?" if target.size == np.prod(shape) else ""
        raise ValueError(
            f"target has shape {target.shape}, for this input it must be {shape}{cure}"
        )


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
    check_target_shape(target, shape)
    return target.astype(np.int64, copy=False)


def replaced(x, where, value):
    """x, but `value`, through which no gradient passes, at some places."""
    return np.where(where, value, x) if where.any() else x


def is_floating(x):
    return isinstance(x, Tensor) or np.asarray(x).dtype.kind == "f"


def check_fraction(name, value):
    if not 0 <= number(name, value) <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")


def check_positive(name, value):
    if not number(name, value) > 0:
        raise ValueError(f"{name} must be positive, got {value!r}")


def check_not_negative(name, value):
    if not number(name, value) >= 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")


def number(name, value):
    """A hyper-parameter as a Python float, beside which float32 stays float32."""
    if isinstance(value, Tensor):
        raise TypeError(f"{name} is a Tensor, which would get no gradient: pass {name}=t.item()")
    if not isinstance(value, int | float) and (
        np.ndim(value) or np.asarray(value).dtype.kind not in "fiub"
    ):
        raise TypeError(f"{name} must be one real number, got {value!r:.60}")
    value = float(value)
    if math.isnan(value):
        raise ValueError(f"{name} must be a number, got nan")
    return value


def check_none_negative(name, x, why):
    """No element may be negative; returns the least."""
    lowest = (x.data if isinstance(x, Tensor) else x).min(initial=np.inf)
    if lowest < 0:
        raise ValueError(f"{name} holds {lowest:g}; {why}, so it must be at least 0")
    return lowest


def check_probabilities(name, x, cure="", most=1 + 1e-6):
    """Every element must be in [0, 1], which rounding may exceed up to `most`; nan is not."""
    values = x.data if isinstance(x, Tensor) else x
    low, high = np.minimum.reduce, np.maximum.reduce
    if values.size and not (low(values, None) >= 0 and high(values, None) <= most):
        wrong = values[~((values >= 0) & (values <= most))].flat[0]
        raise ValueError(f"{name} holds {wrong!s}, probabilities are in [0, 1]{cure}")


def check_log_probabilities(name, x, most=1e-6):
    """No element may be above 0, except up to `most` by rounding."""
    values = x.data if isinstance(x, Tensor) else x
    highest = values.max(initial=-np.inf)
    if highest > most:
        raise ValueError(
            f"{name} holds {highest:g}; log-probabilities are at most 0: pass log_softmax(logits) "
            "or the logarithm of the probabilities"
        )


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
