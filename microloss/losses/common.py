"""What all losses share beside their checks: the catalogue's entry, and how values are reduced."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from ..engine.tensor import Tensor
from . import check

Function = TypeVar("Function", bound=Callable[..., Any])

LOSSES: dict[str, Callable[..., Any]] = {}  # name -> function, in the order of definition


def loss(fn: Function) -> Function:
    """Enter a loss in the catalogue; inside it, underflow to 0 is not an error.

    Its docstring is the card that the catalogue prints, with the sections of `catalogue.SECTIONS`.
    """
    LOSSES[fn.__name__] = quiet = np.errstate(under="ignore")(fn)
    return quiet


def reduce(values, reduction, count=None):
    """Mean, sum or all of the values; the mean divides by `count`, the number of values if None."""
    if reduction == "mean":
        count = values.size if count is None else count
        if count == 0:
            raise ValueError("reduction='mean': nothing to average, no element counts")
        if values.dtype == np.float16:  # whose sum overflows beyond 65504; np.mean adds up wider
            return values.mean() * (values.size / count)
        return values.sum() * (1 / count)
    check.reduction(reduction)
    return values if reduction == "none" else values.sum()


def in_float32(fn: Function) -> Function:
    """Compute in float32 what is given in float16, whose sums end at 65504 and whose eps is 0."""

    @functools.wraps(fn)
    def computed(*args, **options):
        half = [getattr(x, "dtype", None) == np.float16 for x in args]
        if not any(half):
            return fn(*args, **options)
        wide = (x.astype(np.float32) if is_half else x for x, is_half in zip(args, half))
        return fn(*wide, **options).astype(np.float16)

    return cast(Function, computed)


def total(weight):
    """The sum of weights, for a mean to divide by; wide enough also for float16."""
    if isinstance(weight, Tensor):
        return weight.sum()
    return float(weight.sum(dtype=np.float64))


def replaced(x, where, value):
    """x, but `value`, through which no gradient passes, at some places."""
    return np.where(where, value, x) if where.any() else x
