"""How NumPy's calling conventions become positional arrays and named options; a call's errors."""

import functools
import inspect

import numpy as np

from .compositions import COMPOSED
from .rules import RULES


def real(values, name) -> np.ndarray:
    """values as an array of real numbers; the one gate through which foreign data comes in.

    Subclasses of ndarray may compute in a way of their own, and what they know beside their numbers
    (a mask, a unit) would be lost: they are refused.
    """
    if isinstance(values, np.ndarray) and type(values) not in (np.ndarray, np.memmap):
        raise subclass(values, name)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, with rows of one length: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}: {values!r:.60}")
    return array


def subclass(values, name):
    """The error for a subclass of ndarray, with its cure."""
    cure = "pass np.asarray(...) of it"
    if isinstance(values, np.ma.MaskedArray):
        cure = "pass .filled(value), or give the masked elements a weight of 0"
    return TypeError(
        f"{name} is a {type(values).__name__}, which is not a plain NumPy array: {cure}"
    )


def no_rule(fn):
    name = f"{getattr(fn, '__module__', None) or 'numpy'}.{fn.__name__}".replace("numpy", "np", 1)
    return TypeError(
        f"{name} has no derivative rule, so it does not work on Tensors. Use t.data for plain "
        f"values, or add a rule: microloss.engine.RULES[{name}] = (lambda g, y, x: ...,) with one "
        "entry for each argument; see microloss.primitive"
    )


def refuse(fn, name, accepted):
    cure = {
        "out": "Tensors are never written into: use the result that is returned",
        "where": "use np.where(mask, t, 0) first",
        "dtype": "convert with t.astype(...) first",
    }.get(name, "supported here: " + (", ".join(sorted(accepted)) or "none"))
    raise TypeError(f"{fn.__name__}: the argument {name}= is not supported on Tensors; {cure}")


@functools.cache
def parameters(fn, skip=2) -> frozenset:
    """Names of the parameters of a rule (after g and y) or of a formula."""
    code = fn.__code__
    return frozenset(code.co_varnames[skip : code.co_argcount + code.co_kwonlyargcount])


@functools.cache
def numpy_parameters(fn) -> dict:
    """Names and defaults of NumPy's parameters; nothing where any number of arguments goes."""
    try:
        found = inspect.signature(fn).parameters
    except ValueError:  # some functions written in C do not tell
        return {}
    return {} if "operands" in found else {name: p.default for name, p in found.items()}


def arrange(fn, args, kwargs):
    """Arrays by position, the rest as the rule or the formula of fn names it; refuse what it lacks.

    Options that have no name there may still be given their default.
    """
    defaults = numpy_parameters(fn)
    names = list(defaults)
    if fn in RULES:
        accepted = parameters(next(rule for rule in RULES[fn] if rule is not None))
        arrays = len(RULES[fn])
    else:
        accepted, arrays = parameters(COMPOSED[fn], 0), 0
    for name in names[len(args) : arrays]:
        if name in kwargs:
            args = (*args, kwargs.pop(name))
    known = arrays
    while known < len(args) and (known >= len(names) or names[known] in accepted):
        known += 1
    kwargs = dict(zip(names[known:], args[known:])) | kwargs
    for name, value in list(kwargs.items()):
        if name not in accepted:
            if not any(value is d for d in (None, np._NoValue, defaults.get(name))):
                refuse(fn, name, accepted)
            del kwargs[name]
    return args[:known], kwargs
