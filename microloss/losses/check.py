"""The checks of all losses: what a call gives, as numbers of one precision, or a clear error.

`from . import check`, and the first lines of a loss read

    input, target = check.alike(input=input, target=target)
    delta = check.positive("delta", delta)

Each check names the argument in its message, and returns the argument in the form to go on with.
"""

import math

import numpy as np

from ..engine.arguments import real
from ..engine.tensor import Tensor, values_of

# ---- arrays and Tensors --------------------------------------------------------------------------


def numbers(name, x, like=None):
    """x as a Tensor or an array of floats; an array gets the precision of `like`."""
    if isinstance(x, Tensor):
        return x
    array = real(x, name)
    if like is not None:
        return array.astype(like.dtype, copy=False)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def one_precision(**given):
    """The operands of a loss, by name, of any shapes; arrays get the precision of a Tensor."""
    like = None
    for x in given.values():
        if isinstance(x, Tensor):
            like = x
            break
    operands = []
    for name, x in given.items():
        x = numbers(name, x, like)
        if like is None:
            like = x
        operands.append(x)
    return operands


def alike(**given):
    """The operands of a loss, by name, all of one shape: never a broadcast."""
    operands = one_precision(**given)
    first, *others = operands
    for x in others:
        if x.shape != first.shape:
            name = list(given)[[x is y for y in operands].index(True)]
            raise unequal(next(iter(given)), first, name, x)
    return operands


def constant(name, x, like=None):
    """The values of x, which gets no gradient, in the precision of `like`.

    A Tensor that requires a gradient is refused: it would wait for one in vain.
    """
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise TypeError(
                f"{name} requires a gradient, but this loss gives it none: pass {name}.data, or "
                "compute it under no_grad()"
            )
        x = x.data
    return numbers(name, x, like)


def signs(target, like, shape):
    """Labels -1 and +1 of that shape, in the precision of `like`."""
    target = constant("target", target, like)
    target_shape(target, shape)
    wrong = np.abs(target) != 1
    if wrong.any():
        message = f"target holds {target[wrong][0]!s}, labels here are -1 and +1"
        if np.isin(target, (0, 1)).all():
            message = "target holds 0/1, labels here are -1/+1: pass 2 * target - 1"
        raise ValueError(message)
    return target


# ---- shapes --------------------------------------------------------------------------------------


def same_shape(name1, x1, name2, x2):
    if x1.shape != x2.shape:
        raise unequal(name1, x1, name2, x2)


def unequal(name1, x1, name2, x2):
    """The error for two shapes that must be equal."""
    message = f"{name1} has shape {x1.shape}, {name2} has shape {x2.shape}; they must be equal"
    if x1.size == x2.size:
        message += f": did you mean {name2}.reshape{x1.shape}?"
    return ValueError(message)


def target_shape(target, shape):
    if target.shape != shape:
        cure = f": did you mean target.reshape{shape}?" if target.size == np.prod(shape) else ""
        raise ValueError(
            f"target has shape {target.shape}, for this input it must be {shape}{cure}"
        )


def broadcastable(name, x, like):
    """x in the precision of `like`, in any shape that broadcasts to it and no further."""
    x = numbers(name, x, like)
    try:
        fits = np.broadcast_shapes(x.shape, like.shape) == like.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} has shape {x.shape}; it must broadcast to input's {like.shape}")
    return x


# ---- one number ----------------------------------------------------------------------------------


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


def positive(name, value):
    value = number(name, value)
    if not value > 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return value


def not_negative(name, value):
    value = number(name, value)
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")
    return value


def epsilon(name, value, like):
    """A small positive number, not so small that it would be 0 in the precision of `like`."""
    return max(positive(name, value), float(np.finfo(like.dtype).tiny))


def fraction(name, value):
    value = number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")
    return value


# ---- ranges --------------------------------------------------------------------------------------


def none_negative(name, x, why):
    """No element may be negative; returns the least."""
    lowest = values_of(x).min(initial=np.inf)
    if lowest < 0:
        raise ValueError(f"{name} holds {lowest:g}; {why}, so it must be at least 0")
    return lowest


def probabilities(name, x, cure="", most=1 + 1e-6):
    """Every element must be in [0, 1], which rounding may exceed up to `most`; nan is not."""
    values = values_of(x)
    low, high = np.minimum.reduce, np.maximum.reduce
    if values.size and not (low(values, None) >= 0 and high(values, None) <= most):
        wrong = values[~((values >= 0) & (values <= most))].flat[0]
        raise ValueError(f"{name} holds {wrong!s}, probabilities are in [0, 1]{cure}")


def log_probabilities(name, x, most=1e-6):
    """No element may be above 0, except up to `most` by rounding."""
    highest = values_of(x).max(initial=-np.inf)
    if highest > most:
        raise ValueError(
            f"{name} holds {highest:g}; log-probabilities are at most 0: pass log_softmax(logits) "
            "or the logarithm of the probabilities"
        )


# ---- class labels --------------------------------------------------------------------------------


def integers(name, x, what="integers"):
    """x as int64."""
    if type(x) is np.ndarray and x.dtype == np.int64:
        return x
    if isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be {what}, got a Tensor; Tensors hold floats: keep indices and labels as "
            "NumPy integer arrays"
        )
    x = real(x, name)
    if x.dtype.kind not in "iu" and x.size:
        raise TypeError(
            f"{name} must be {what}, got dtype {x.dtype}; whole numbers convert with "
            f"{name}.astype(int)"
        )
    return x.astype(np.int64, copy=False)


def class_indices(target, classes, shape):
    """Labels as int64, checked for kind and shape; their range is left to the caller."""
    target = integers("target", target, f"class indices (integers from 0 to {classes - 1})")
    target_shape(target, shape)
    return target


def labels_fit(target, classes):
    """Whether all labels are in 0..classes-1, at a third of the cost of two comparisons.

    bincount refuses negative numbers and returns more counts than classes for too large ones.
    """
    try:
        return len(np.bincount(target, minlength=classes)) == classes
    except (ValueError, MemoryError):
        return False


def labels(target, counted, classes):
    """Every label that counts must name a class."""
    wrong = counted & ((target < 0) | (target >= classes))
    if wrong.any():
        raise ValueError(
            f"target holds the label {target[wrong][0]}; labels run from 0 to {classes - 1} "
            f"because input has {classes} classes"
        )


# ---- options -------------------------------------------------------------------------------------

REDUCTIONS = ("mean", "sum", "none")


def reduction(name, allowed=REDUCTIONS):
    if name not in allowed:
        raise ValueError(f"reduction must be one of {', '.join(allowed)}; got {name!r}")
