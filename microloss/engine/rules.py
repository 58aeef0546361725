"""The derivative table: each rule once, as the plain NumPy formula from a calculus book.

A rule answers: if the loss changes by g per unit of the output y, by how much does it change per
unit of this argument? Rules are called as `rule(g, y, *args, **kwargs)` with the arguments of the
forward call, one rule for each argument (None: no derivative exists), and see nothing else.
Given arrays, a rule computes the gradient; given Tensors, the same formula records a graph, so
gradients can be differentiated again. A rule that looked inside a Tensor would lose that order.

Where ufuncs broadcast, a rule may return the broadcast shape: the walk sums it back.

    RULES       function -> its rules; for a function of any number of arguments: index -> rule
    primitive   adds an operation of your own

A function without an entry here is written with functions that have one, in compositions.py.
"""

import functools
import inspect
import operator
from collections.abc import Callable
from string import ascii_letters
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

LOG_2, LOG_10 = float(np.log(2)), float(np.log(10))
DEGREE = float(np.pi / 180)

# ---- the table -----------------------------------------------------------------------------------

RULES: dict[Callable, Any] = {
    np.add: (lambda g, y, a, b: g, lambda g, y, a, b: g),
    np.subtract: (lambda g, y, a, b: g, lambda g, y, a, b: -g),
    np.multiply: (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    np.divide: (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    np.negative: (lambda g, y, a: -g,),
    np.positive: (lambda g, y, a: g,),
    # exponentials and logarithms
    np.exp: (lambda g, y, a: g * y,),
    np.expm1: (lambda g, y, a: g * (y + 1),),
    np.exp2: (lambda g, y, a: g * y * LOG_2,),
    np.log: (lambda g, y, a: g / a,),
    np.log1p: (lambda g, y, a: g / (1 + a),),
    np.log2: (lambda g, y, a: g / (a * LOG_2),),
    np.log10: (lambda g, y, a: g / (a * LOG_10),),
    np.logaddexp: (
        lambda g, y, a, b: g * share_of_exp(a, b, y),
        lambda g, y, a, b: g * share_of_exp(b, a, y),
    ),
    # roots and powers
    np.sqrt: (lambda g, y, a: g / (2 * y),),
    np.cbrt: (lambda g, y, a: g / (3 * y * y),),
    np.square: (lambda g, y, a: g * (2 * a),),
    np.reciprocal: (lambda g, y, a: -g * y * y,),
    np.power: (
        lambda g, y, a, p: g * p * a ** exponent_minus_one(p, a),
        lambda g, y, a, p: g * power_by_exponent(y, a),
    ),
    np.hypot: (
        lambda g, y, a, b: g * a / np.where(y == 0, 1, y),
        lambda g, y, a, b: g * b / np.where(y == 0, 1, y),
    ),
    # trigonometry
    np.sin: (lambda g, y, a: g * np.cos(a),),
    np.cos: (lambda g, y, a: -g * np.sin(a),),
    np.tan: (lambda g, y, a: g * (1 + y * y),),
    np.arcsin: (lambda g, y, a: g / np.sqrt(1 - a * a),),
    np.arccos: (lambda g, y, a: -g / np.sqrt(1 - a * a),),
    np.arctan: (lambda g, y, a: g / (1 + a * a),),
    np.arctan2: (
        lambda g, y, a, b: g * b / squared_radius(a, b),
        lambda g, y, a, b: -g * a / squared_radius(a, b),
    ),
    np.sinh: (lambda g, y, a: g * np.cosh(a),),
    np.cosh: (lambda g, y, a: g * np.sinh(a),),
    np.tanh: (lambda g, y, a: g * (1 - y * y),),
    np.arcsinh: (lambda g, y, a: g / np.sqrt(a * a + 1),),
    np.arccosh: (lambda g, y, a: g / np.sqrt(a * a - 1),),
    np.arctanh: (lambda g, y, a: g / (1 - a * a),),
    np.deg2rad: (lambda g, y, a: g * DEGREE,),
    np.rad2deg: (lambda g, y, a: g / DEGREE,),
    # kinks: |a|'(0) = 0; ties of maximum share, so half of >= and half of >
    np.absolute: (lambda g, y, a: g * np.sign(a),),
    np.maximum: (
        lambda g, y, a, b: (g * (a >= b) + g * (a > b)) * 0.5,
        lambda g, y, a, b: (g * (b >= a) + g * (b > a)) * 0.5,
    ),
    np.minimum: (
        lambda g, y, a, b: (g * (a <= b) + g * (a < b)) * 0.5,
        lambda g, y, a, b: (g * (b <= a) + g * (b < a)) * 0.5,
    ),
    np.remainder: (lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor_divide(a, b)),
    np.fmod: (lambda g, y, a, b: g, lambda g, y, a, b: -g * np.trunc(a / b)),
    np.where: (
        None,
        lambda g, y, condition, a, b: np.where(condition, g, 0),
        lambda g, y, condition, a, b: np.where(condition, 0, g),
    ),
    # reductions
    np.sum: (lambda g, y, a, axis=None, keepdims=False: expand_reduced(g, a, axis),),
    np.mean: (
        lambda g, y, a, axis=None, keepdims=False: expand_reduced(
            g * (y.size / max(a.size, 1)), a, axis
        ),
    ),
    # shapes
    np.reshape: (lambda g, y, a, shape: g.reshape(a.shape),),
    np.swapaxes: (lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2),),
    np.moveaxis: (lambda g, y, a, source, destination: np.moveaxis(g, destination, source),),
    np.flip: (lambda g, y, m, axis=None: np.flip(g, axis),),
    np.roll: (lambda g, y, a, shift, axis=None: np.roll(g, np.negative(shift), axis),),
    np.tril: (lambda g, y, m, k=0: unbroadcast(np.tril(g, k), m.shape),),
    np.triu: (lambda g, y, m, k=0: unbroadcast(np.triu(g, k), m.shape),),
}
RULES[np.degrees], RULES[np.radians] = RULES[np.rad2deg], RULES[np.deg2rad]
RULES[np.fabs] = RULES[np.absolute]


def exponent_minus_one(p, a):
    """p - 1 for the derivative of a**p; where p and a are 0, 0 * 0**-1 counts as 0."""
    if isinstance(p, int | float):
        return p - 1 if p else 1
    less = p - 1.0  # a float: 0 - 1 is 255 in unsigned integers
    both = np.equal(p, 0) & np.equal(a, 0)
    return np.where(both, 1, less) if both.any() else less


def power_by_exponent(y, a):
    """y log a: 0 where a is 0, undefined (nan) where a is negative."""
    return np.where(a < 0, np.nan, y * np.log(np.where(a > 0, a, 1)))


def share_of_exp(a, b, y):
    """e^a / (e^a + e^b) = 1 / (1 + e^(b - a)), and 0 where both exponentials are 0."""
    empty = y == -np.inf
    gap = np.where(empty, np.inf, b) - np.where(empty, 0, a)
    return np.exp(-np.logaddexp(0, gap))


def squared_radius(a, b):
    """a^2 + b^2, and 1 at the origin, where the gradient of the angle counts as 0."""
    return a * a + b * b + (np.equal(a, 0) & np.equal(b, 0))


# ---- operations of your own ----------------------------------------------------------------------


def dispatch(fn, args, kwargs):
    """Call fn; tensor.py puts its own function here, which looks for Tensors among the args."""
    return fn(*args, **kwargs)


def primitive(*rules) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Turn a NumPy function into a differentiable operation: `@primitive(rule, rule, ...)`.

    Formula: each rule is `(g, y, *args, **kwargs) -> gradient`. g and y have the shape of the
    output, the result has the shape of the argument. None stands for an argument without
    derivative; `variadic(index -> rule)` for any number of arguments. Pass arrays and Tensors as
    positional arguments, everything else by keyword. Write rules with NumPy functions and
    operators only: then they work on Tensors too, and the second order is right.

    >>> import numpy as np, microloss as ml
    >>> @ml.primitive(lambda g, y, x: g * (1 - y * y))
    ... def my_tanh(x):
    ...     return np.tanh(x)
    >>> x = ml.Tensor([0.0, 1.0], requires_grad=True)
    >>> my_tanh(x).sum().backward()
    >>> x.grad.round(4).tolist()
    [1.0, 0.42]
    >>> ml.gradcheck(my_tanh, np.array([0.3, -1.2]), order=2)
    True
    """
    table = rules[0] if len(rules) == 1 and isinstance(rules[0], variadic) else rules

    def register(fn: Callable[P, R]) -> Callable[P, R]:
        RULES[fn] = table
        if isinstance(table, tuple) and None in table:

            def call(*args, **kwargs):
                check_constants(fn, args)
                return dispatch(fn, args, kwargs)

        else:

            def call(*args, **kwargs):
                try:
                    return dispatch(fn, args, kwargs)
                except TypeError:
                    check_call(fn, args, kwargs)
                    raise

        return functools.update_wrapper(call, fn)

    return register


def check_call(fn, args, kwargs):
    """Refuse arguments that fn does not have, and say how it is called."""
    signature = inspect.signature(fn)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        from ..pytorch_names import hint

        unknown = [name for name in kwargs if name not in signature.parameters]
        hints = "".join(hint(f"{name}=") for name in unknown)
        raise TypeError(
            f"{fn.__name__}{signature}: {error}; what stands after * is passed by name{hints}"
        ) from None


def check_constants(fn, args):
    """Refuse a Tensor that requires a gradient where fn has no derivative."""
    for i, (rule, arg) in enumerate(zip(RULES[fn], args)):
        if rule is None and getattr(arg, "requires_grad", False):
            raise TypeError(
                f"{fn.__name__}: argument {i} has no derivative; pass t.data if it is a constant"
            )


class NotSupported(TypeError):
    """What NumPy accepts, but Tensors do not; the message says what to use instead."""


class variadic:
    """The rules of a function of any number of arguments: `make(i)` is the i-th."""

    def __init__(self, make):
        self.make = make

    def __getitem__(self, index):
        return self.make(index)


# ---- shapes --------------------------------------------------------------------------------------


def unbroadcast(g, shape):
    """Sum g over the axes along which an argument of `shape` was repeated by broadcasting."""
    if shape and g.shape[1:] == shape:  # the usual case: a bias
        return np.add.reduce(g)
    lead = len(g.shape) - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1
    )
    return g.sum(axis=axes).reshape(shape) if axes else g


def normalized(axis, ndim):
    """The axes meant by NumPy's `axis` argument, as non-negative integers."""
    if axis is None:
        return tuple(range(ndim))
    axes = [operator.index(a) for a in ((axis,) if isinstance(axis, int | np.integer) else axis)]
    for a in axes:
        if not -ndim <= a < ndim:
            raise np.exceptions.AxisError(a, ndim)
    axes = tuple(a % ndim for a in axes)
    if len(set(axes)) < len(axes):
        raise ValueError(f"repeated axis in {axis}")
    return axes


def unreduce(g, a, axis):
    """Give the reduced axes back to g, with length 1, so that it broadcasts against a."""
    if axis is None or not a.shape:  # a number has the axes 0 and -1 for NumPy's reductions
        return g.reshape((1,) * len(a.shape))
    axes = normalized(axis, len(a.shape))
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(a.shape)))


def expand_reduced(g, a, axis):
    """Hand g to every element that was reduced over `axis`."""
    return broadcast(unreduce(g, a, axis), shape=a.shape)


def along(axis, index, ndim):
    """The index that applies `index` to one axis and takes all of the others."""
    return (slice(None),) * normalized(operator.index(axis), ndim)[0] + (index,)


# ---- rules of more than one line -----------------------------------------------------------------


def times(a, b):
    """a @ b, of matrices; .dot takes half the time if they are small."""
    return a.dot(b) if type(a) is type(b) is np.ndarray else a @ b


def matmul_left(g, y, a, b):
    if a.ndim == b.ndim == 2:
        return times(g, b.T)
    if b.ndim == 1:
        return g[..., None] * b
    return g @ b.mT if a.ndim > 1 else (b @ g[..., None])[..., 0]


def matmul_right(g, y, a, b):
    if a.ndim == b.ndim == 2:
        return times(a.T, g)
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    return a.mT @ g if b.ndim > 1 else (a.mT @ g[..., None])[..., 0]


def extremum(g, y, a, axis=None, keepdims=False):
    """The largest (or smallest) elements share g equally."""
    ties = a == unreduce(y, a, axis)
    axis = axis if a.ndim else None
    return ties * (unreduce(g, a, axis) / np.sum(ties, axis=axis, keepdims=True, dtype=a.dtype))


def prod(g, y, a, axis=None, keepdims=False):
    """The product of the other elements: y / a, or spelled out where an element is 0."""
    if np.all(a != 0):
        return unreduce(g * y, a, axis) / a
    axes = normalized(axis if a.ndim else None, a.ndim)
    rest = tuple(i for i in range(a.ndim) if i not in axes)
    rows = np.transpose(a, rest + axes).reshape((*[a.shape[i] for i in rest], 1, -1))
    n = rows.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1, rows), axis=-1)
    others = others.reshape([a.shape[i] for i in rest + axes])
    return unreduce(g, a, axis) * np.transpose(others, np.argsort(rest + axes))


def degrees_of_freedom(a, y, ddof):
    """How many numbers a variance divides by; nan where there are none."""
    n = a.size // max(y.size, 1) - ddof
    return n if n > 0 else np.nan


def var(g, y, a, axis=None, ddof=0, keepdims=False):
    return unreduce(g * (2 / degrees_of_freedom(a, y, ddof)), a, axis) * (
        a - np.mean(a, axis=axis, keepdims=True)
    )


def std(g, y, a, axis=None, ddof=0, keepdims=False):
    """The gradient is 0 where all elements are equal, as for a norm at zero."""
    n = degrees_of_freedom(a, y, ddof)
    centred = a - np.mean(a, axis=axis, keepdims=True)
    return unreduce(g / (n * np.where(y == 0, 1, y)), a, axis) * centred


def reversed_cumsum(g, axis):
    """The sum of each element and all that follow it; over everything if axis is None."""
    axis = 0 if axis is None else axis
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def cumprod(g, y, a, axis=None):
    """Each product that contains an element changes by the product of its other elements."""
    if np.all(a != 0):
        return reversed_cumsum(g * y, axis).reshape(a.shape) / a
    axis = 0 if axis is None else axis
    rows = np.moveaxis(a.reshape(y.shape), axis, -1)
    n = rows.shape[-1]
    product = np.tri(n, dtype=bool)[:, None, :]  # [which product, which element, its factors]
    factors = product & ~np.eye(n, dtype=bool)
    others = np.prod(np.where(factors, rows[..., None, None, :], 1), axis=-1) * np.tri(n)
    slopes = np.sum(np.moveaxis(g, axis, -1)[..., None] * others, axis=-2)
    return np.moveaxis(slopes, -1, axis).reshape(a.shape)


def transpose(g, y, a, axes=None):
    return g.transpose(None if axes is None else np.argsort(normalized(axes, a.ndim)))


RULES |= {
    np.matmul: (matmul_left, matmul_right),
    np.max: (extremum,),
    np.min: (extremum,),
    np.amax: (extremum,),
    np.amin: (extremum,),
    np.prod: (prod,),
    np.var: (var,),
    np.std: (std,),
    np.cumsum: (lambda g, y, a, axis=None: reversed_cumsum(g, axis).reshape(a.shape),),
    np.cumprod: (cumprod,),
    np.transpose: (transpose,),
}


# ---- primitives that NumPy writes as syntax or with nested operands ------------------------------


def is_basic(index):
    """Whether an index of slices and integers (or one mask) meets each element at most once."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) == 1 and isinstance(parts[0], np.ndarray) and parts[0].dtype == bool:
        return True
    return all(
        part is None or part is Ellipsis or isinstance(part, slice | int | np.integer)
        for part in parts
    )


@primitive(lambda g, y, a, *, shape: unbroadcast(g, a.shape))
def broadcast(a, *, shape):
    """np.broadcast_to as a copy, which for small arrays is several times faster than the view."""
    out = np.empty(shape, a.dtype)
    out[...] = a
    return out


@primitive(lambda g, y, a, *, index: scatter_add(g, index=index, shape=a.shape))
def getitem(a, *, index):
    """a[index]"""
    return a[index]


@primitive(lambda g, y, a, *, index, shape: getitem(g, index=index))
def scatter_add(a, *, index, shape):
    """The adjoint of getitem: zeros of `shape`, a added at `index`; repeated indices add up."""
    out = np.zeros(shape, a.dtype)
    if is_basic(index):
        out[index] = a
    else:
        np.add.at(out, index, a)
    return out


@primitive(
    variadic(
        lambda i: (
            lambda g, y, *arrays, axis, starts: getitem(
                g, index=along(axis, slice(starts[i], starts[i + 1]), len(g.shape))
            )
        )
    )
)
def join(*arrays, axis, starts):
    """np.concatenate with the arrays as arguments; the i-th begins at starts[i]."""
    return np.concatenate(arrays, axis=axis)


@primitive(
    variadic(lambda i: lambda g, y, *arrays, axis: getitem(g, index=along(axis, i, len(g.shape))))
)
def stack(*arrays, axis):
    """np.stack with the arrays as arguments."""
    return np.stack(arrays, axis=axis)


@primitive(
    lambda g, y, a, *, widths, constant_values: g[
        tuple(slice(before, before + n) for (before, _), n in zip(widths, a.shape))
    ]
)
def pad(a, *, widths, constant_values):
    """np.pad with constants, and a pair of widths for each axis."""
    return np.pad(a, widths, constant_values=constant_values)


def between(a, low, high):
    return (a >= (-np.inf if low is None else low)) & (a <= (np.inf if high is None else high))


@primitive(
    lambda g, y, a, low, high: g * between(a, low, high),
    lambda g, y, a, low, high: g * ((a < low) & between(low, None, high)),
    lambda g, y, a, low, high: g * ((a > high) | ~between(high, low, None)),
)
def clip(a, low, high):
    """np.clip, which passes the gradient at its bounds, as PyTorch's clamp does."""
    return np.clip(a, low, high)


def einsum_rule(i):
    """einsum's derivative is an einsum of g with the other operands.

    A letter that only this operand has was summed out: ones give it its length back. A letter that
    this operand has twice read a diagonal: an identity matrix puts g back on it.
    """

    def rule(g, y, *operands, terms, out):
        others = [(term, a) for j, (term, a) in enumerate(zip(terms, operands)) if j != i]
        factors = [(out, g), *others]
        known = set(out).union(*(term for term, _ in others))
        fresh = (letter for letter in ascii_letters if letter not in "".join([*terms, out]))
        target = ""
        for letter, size in zip(terms[i], operands[i].shape):
            if letter in target:
                twin = next(fresh)
                factors.append((letter + twin, np.eye(size)))
                letter = twin
            elif letter not in known:
                factors.append((letter, np.ones(size)))
            target += letter
        return einsum(*(a for _, a in factors), terms=[term for term, _ in factors], out=target)

    return rule


@primitive(variadic(einsum_rule))
def einsum(*operands, terms, out):
    """np.einsum with the operands as arguments and one explicit subscript term for each."""
    return np.einsum(",".join(terms) + "->" + out, *operands, optimize=len(operands) > 2)


# The functions whose arguments broadcast against each other, as those of every ufunc do.
BROADCASTING = {np.where, inspect.unwrap(clip)}
