"""How NumPy's calling conventions become positional arrays and named options; a call's errors."""

import functools
import inspect

import numpy as np

from .compositions import COMPOSED
from .rules import RULES, NotSupported


def real(values, name) -> np.ndarray:
    """values as an array of real numbers; the one gate through which foreign data comes in.

    Subclasses of ndarray may compute in a way of their own, and what they know beside their numbers
    (a mask, a unit) would be lost: they are refused.
    """
    if type(values) is np.ndarray and values.dtype.kind in "fiub":
        return values
    check_plain(values, name)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, with rows of one length: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}: {values!r:.60}")
    return array


def check_plain(values, name):
    """Raise for subclasses of ndarray, also inside of lists."""
    if isinstance(values, list | tuple):
        for part in values:
            check_plain(part, name)
    elif isinstance(values, np.ndarray) and type(values) not in (np.ndarray, np.memmap):
        raise subclass(values, name)


def subclass(values, name):
    """The error for a subclass of ndarray, with its cure."""
    cure = "pass np.asarray(...) of it"
    if isinstance(values, np.ma.MaskedArray):
        cure = "pass .filled(value), or give the masked elements a weight of 0"
    return TypeError(
        f"{name} is a {type(values).__name__}, which is not a plain NumPy array: {cure}"
    )


def no_rule(fn, args=(), result=None):
    """The error for a function without derivative; `result` is what it gives for plain arrays."""
    if fn is np.copyto:  # which is how np.full_like works
        return TypeError(
            "a Tensor is not written into an array, that would cut it from its graph; for "
            "np.full_like use np.broadcast_to(t, shape)"
        )
    name = getattr(fn, "__name__", "")
    if isinstance(fn, np.ufunc):
        known = getattr(np, name, None) is fn
        name = f"np.{name}" if known else f"{name}, a ufunc of another library,"
    else:
        name = f"{getattr(fn, '__module__', None) or 'numpy'}.{name}".replace("numpy", "np", 1)
    if isinstance(result, list | tuple):
        cure = "write it with functions that have one (a rule needs a function of one result)"
    elif any(isinstance(arg, list | tuple) and any(map(is_tensor, arg)) for arg in args):
        cure = "write it with functions that have one (a rule needs Tensors outside of lists)"
    else:
        key = name if name.startswith("np.") else fn.__name__
        cure = (
            f"add a rule: microloss.engine.RULES[{key}] = (lambda g, y, x: ...,) with one entry "
            "for each argument; see microloss.primitive"
        )
    return TypeError(
        f"{name} has no derivative rule, so it does not work on Tensors. Use t.data for plain "
        f"values, or {cure}"
    )


def is_tensor(x):
    return hasattr(x, "requires_grad")


def refuse(fn, name, accepted):
    cure = {
        "out": "Tensors are never written into, and arrays not by Tensors: use the result that is "
        "returned, such as a = a + t in place of a += t",
        "where": "use np.where(mask, t, 0) first",
        "dtype": "convert with t.astype(...) first",
    }.get(name, "supported here: " + (", ".join(sorted(accepted)) or "none"))
    raise NotSupported(f"{fn.__name__}: the argument {name}= is not supported on Tensors; {cure}")


@functools.cache
def parameters(fn, skip=2) -> frozenset:
    """Names of the parameters of a rule (after g and y) or of a formula."""
    code = fn.__code__
    return frozenset(code.co_varnames[skip : code.co_argcount + code.co_kwonlyargcount])


@functools.cache
def numpy_parameters(fn) -> dict:
    """Names and defaults of NumPy's parameters; empty for any number of arguments."""
    try:
        found = inspect.signature(fn).parameters
    except ValueError:  # some functions written in C do not tell
        return {}
    if any(p.kind is p.VAR_POSITIONAL for p in found.values()):
        return {}
    return {name: p.default for name, p in found.items()}


def is_arranged(fn, args, kwargs) -> bool:
    """Whether a call of a function with rules needs no arrange(), as those of the rules do not."""
    rules = RULES[fn]
    return len(args) == len(rules) and kwargs.keys() <= parameters(next(filter(None, rules)))


def arrange(fn, args, kwargs):
    """Return (args, kwargs) as the rule of fn, or its formula, takes them.

    An option that the rule or the formula of fn does not have may still be given its default;
    with any other value it raises TypeError.

    >>> arrange(np.sum, ("a", 0, None, None, True), {})
    (('a', 0), {'keepdims': True})
    >>> arrange(np.transpose, (), {"a": "a", "axes": (1, 0)})
    (('a',), {'axes': (1, 0)})
    """
    kwargs = dict(kwargs)
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
