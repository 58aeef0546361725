"""NumPy functions that need no rule of their own: each is written with others that have rules.

COMPOSED    function -> the same function, written with others
PLAIN       functions without a derivative, answered with plain arrays
"""

import functools
import math
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .rules import (
    NotSupported,
    along,
    broadcast,
    clip,
    einsum,
    join,
    normalized,
    pad,
    scatter_add,
    stack,
)

COMPOSED: dict[Any, Any] = {}


def composes(*functions):
    """Register a formula for NumPy functions that need no rule of their own."""

    def register(formula):
        COMPOSED.update(dict.fromkeys(functions, formula))
        return formula

    return register


def gather_like(fn, a, *args, **kwargs):
    """fn(a, ...) for a function that only moves elements: move their numbers, then gather."""
    integers_only(fn, (*args, *kwargs.values()))
    numbers = fn(np.arange(np.size(a)).reshape(np.shape(a)), *args, **kwargs)
    return np.ravel(a)[numbers]


def reshape_like(fn, a, *args):
    """fn(a, ...) for a function that only adds or removes axes of length 1."""
    return np.reshape(a, fn(np.empty(np.shape(a)), *args).shape)


def integers_only(fn, args):
    """Refuse a Tensor where fn needs indices or counts."""
    if any(hasattr(arg, "requires_grad") for arg in args):
        raise NotSupported(
            f"{fn.__name__}: a Tensor holds floats; keep indices and counts as integers or NumPy "
            "integer arrays"
        )


COMPOSED |= {
    # elements moved
    np.tile: lambda A, reps: gather_like(np.tile, A, reps),
    np.repeat: lambda a, repeats, axis=None: gather_like(np.repeat, a, repeats, axis),
    np.rot90: lambda m, k=1, axes=(0, 1): gather_like(np.rot90, m, k, axes),
    np.take: lambda a, indices, axis=None, mode="raise": gather_like(
        np.take, a, indices, axis, mode=mode
    ),
    np.take_along_axis: lambda arr, indices, axis=-1: gather_like(
        np.take_along_axis, arr, indices, axis
    ),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: gather_like(
        np.diagonal, a, offset, axis1, axis2
    ),
    sliding_window_view: lambda x, window_shape, axis=None: gather_like(
        sliding_window_view, x, window_shape, axis
    ),
    np.flipud: lambda m: np.flip(m, 0),
    np.fliplr: lambda m: np.flip(m, 1),
    np.sort: lambda a, axis=-1, kind="stable": np.take_along_axis(
        a, np.argsort(a, axis=axis, kind=kind), axis
    ),
    np.unique: lambda ar: (ordered := np.sort(ar, axis=None))[
        np.unique(np.searchsorted(ordered, ordered))
    ],
    # shapes
    np.ravel: lambda a: np.reshape(a, -1),
    np.broadcast_to: lambda array, shape: broadcast(
        array, shape=np.broadcast_to(np.empty(np.shape(array)), shape).shape
    ),
    np.expand_dims: lambda a, axis: reshape_like(np.expand_dims, a, axis),
    np.squeeze: lambda a, axis=None: reshape_like(np.squeeze, a, axis),
    np.atleast_1d: lambda *arys: one_or_all(reshape_like(np.atleast_1d, a) for a in arys),
    np.atleast_2d: lambda *arys: one_or_all(reshape_like(np.atleast_2d, a) for a in arys),
    np.atleast_3d: lambda *arys: one_or_all(reshape_like(np.atleast_3d, a) for a in arys),
    np.copy: lambda a: +a,
    np.full_like: lambda a, fill_value, dtype=None, shape=None: np.broadcast_to(
        fill_value, np.shape(a) if shape is None else shape
    ).astype(np.result_type(a) if dtype is None else dtype),
    # arrays put together
    np.append: lambda arr, values, axis=None: np.concatenate((arr, values), axis),
    np.vstack: lambda tup: np.concatenate([np.atleast_2d(a) for a in tup]),
    np.hstack: lambda tup: np.concatenate(
        [np.atleast_1d(a) for a in tup], int(np.ndim(tup[0]) > 1)
    ),
    np.dstack: lambda tup: np.concatenate([np.atleast_3d(a) for a in tup], 2),
    np.column_stack: lambda tup: np.concatenate(
        [a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], 1
    ),
    np.hsplit: lambda ary, indices_or_sections: np.split(
        ary, indices_or_sections, min(np.ndim(ary) - 1, 1)
    ),
    np.vsplit: lambda ary, indices_or_sections: np.split(
        ary, indices_or_sections, 0 if np.ndim(ary) > 1 else 1
    ),
    np.dsplit: lambda ary, indices_or_sections: np.split(ary, indices_or_sections, 2),
    # elementwise
    np.fmax: lambda a, b: np.maximum(np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b)),
    np.fmin: lambda a, b: np.minimum(np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b)),
    np.polyval: lambda p, x: functools.reduce(lambda y, c: y * x + c, p, np.zeros_like(x)),
    # sums and products
    np.nansum: lambda a, axis=None, keepdims=False: np.sum(
        np.where(np.isnan(a), 0, a), axis=axis, keepdims=keepdims
    ),
    np.nanmean: lambda a, axis=None, keepdims=False: (
        np.nansum(a, axis, keepdims=keepdims) / np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    ),
    np.trace: lambda a, offset=0, axis1=0, axis2=1: np.sum(
        np.diagonal(a, offset, axis1, axis2), axis=-1
    ),
    np.outer: lambda a, b: np.ravel(a)[:, None] * np.ravel(b),
    np.inner: lambda a, b: np.tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else a * b,
    np.vdot: lambda a, b: np.matmul(np.ravel(a), np.ravel(b)),
}


def one_or_all(results):
    """The only result, or a tuple of several."""
    results = tuple(results)
    return results[0] if len(results) == 1 else results


# ---- arrays put together, and apart --------------------------------------------------------------

# Each rule is handed all operands of its call, so n of them at once would cost n^2 going back.
GROUP = 64


def groups(arrays):
    return (arrays[i : i + GROUP] for i in range(0, len(arrays), GROUP))


@composes(np.concatenate)
def _concatenate(arrays, axis=0):
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    if len(arrays) > GROUP:
        return np.concatenate([np.concatenate(g, axis) for g in groups(arrays)], axis)
    starts = np.cumsum([0] + [np.shape(a)[axis] for a in arrays]).tolist()
    return join(*arrays, axis=axis, starts=starts)


@composes(np.stack)
def _stack(arrays, axis=0):
    if len(arrays) > GROUP:
        return np.concatenate([np.stack(g, axis) for g in groups(arrays)], axis)
    return stack(*arrays, axis=axis)


def pieces(fn):
    """np.split or np.array_split: split the row numbers, then take each run of rows."""

    def formula(ary, indices_or_sections, axis=0):
        integers_only(fn, (indices_or_sections,))
        runs = fn(np.arange(ary.shape[axis]), indices_or_sections)
        return [
            ary[along(axis, slice(r[0], r[-1] + 1) if r.size else slice(0), ary.ndim)] for r in runs
        ]

    return formula


COMPOSED |= {fn: pieces(fn) for fn in (np.split, np.array_split)}


@composes(np.meshgrid)
def _meshgrid(*xi, indexing="xy"):
    sizes, order = [np.size(x) for x in xi], list(range(len(xi)))
    if indexing == "xy":
        order[:2] = order[1::-1]
    elif indexing != "ij":
        raise ValueError
    grids = []
    for i, x in enumerate(xi):
        row = np.reshape(x, [-1 if j == i else 1 for j in range(len(xi))])
        grids.append(np.transpose(np.broadcast_to(row, sizes), order))
    return tuple(grids)


@composes(np.diag)
def _diag(v, k=0):
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    places = np.diag(np.ones(np.shape(v)), k)
    return scatter_add(v, index=np.nonzero(places), shape=places.shape)


@composes(np.pad)
def _pad(array, pad_width, mode="constant", constant_values=0):
    if array.ndim == 0:
        np.pad(0.0, pad_width)  # NumPy's own checks
        return +array
    if mode == "constant":
        widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
        return pad(array, widths=widths, constant_values=constant_values)
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        return gather_like(np.pad, array, pad_width, mode)
    raise NotSupported(
        f"pad: mode={mode!r} is not supported on Tensors; supported here: "
        "constant, edge, reflect, symmetric, wrap"
    )


@composes(np.linspace)
def _linspace(start, stop, num=50, endpoint=True, axis=0):
    ndim = max(np.ndim(start), np.ndim(stop))
    steps = np.linspace(0.0, 1.0, num, endpoint)
    line = start + steps.reshape((num,) + (1,) * ndim) * (stop - start)
    return np.moveaxis(line, 0, axis)


# ---- elementwise ---------------------------------------------------------------------------------


@composes(np.clip)
def _clip(a, a_min=np._NoValue, a_max=np._NoValue, *, min=np._NoValue, max=np._NoValue):
    given = [bound for bound in (a_min, a_max) if bound is not np._NoValue]
    named = [bound for bound in (min, max) if bound is not np._NoValue]
    if len(given) == 1 or (given and named):
        raise TypeError
    low, high = given or (None if bound is np._NoValue else bound for bound in (min, max))
    return clip(a, low, high)


@composes(np.nan_to_num)
def _nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    largest = np.finfo(x.dtype).max
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.isposinf(x), largest if posinf is None else posinf, x)
    return np.where(np.isneginf(x), -largest if neginf is None else neginf, x)


@composes(np.select)
def _select(condlist, choicelist, default=0):
    if not condlist or len(condlist) != len(choicelist):
        raise ValueError
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        if np.asarray(condition).dtype != np.bool_:
            raise TypeError
        result = np.where(condition, choice, result)
    return result


@composes(np.sinc)
def _sinc(x):
    """sin(z) / z with z = pi x; near 0 by its series, where a quotient has no derivatives."""
    z = np.pi * x
    near = np.abs(x) < 0.1
    square = np.where(near, z, 0) ** 2
    series = np.polyval([(-1) ** k / math.factorial(2 * k + 1) for k in range(7, -1, -1)], square)
    far = np.where(near, 1, z)
    return np.where(near, series, np.sin(far) / far)


@composes(np.interp)
def _interp(x, xp, fp, left=None, right=None):
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp):
        raise ValueError
    xp, fp = np.ravel(xp), np.ravel(fp)
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)
    slope = (fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i])
    y = fp[i] + slope * (np.clip(x, xp[0], xp[-1]) - xp[i])
    y = y if left is None else np.where(np.less(x, xp[0]), left, y)
    return y if right is None else np.where(np.greater(x, xp[-1]), right, y)


# ---- sums and products ---------------------------------------------------------------------------


@composes(np.dot)
def _dot(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    return np.matmul(a, b) if np.ndim(b) < 3 else np.tensordot(a, b, (-1, -2))


@composes(np.tensordot)
def _tensordot(a, b, axes=2):
    if isinstance(axes, int):
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    left, right = normalized(axes[0], np.ndim(a)), normalized(axes[1], np.ndim(b))
    letters = [chr(ord("a") + i) for i in range(np.ndim(a) + np.ndim(b))]
    for i, j in zip(left, right, strict=True):
        if np.shape(a)[i] != np.shape(b)[j]:
            raise ValueError
        letters[np.ndim(a) + j] = letters[i]
    first, second = "".join(letters[: np.ndim(a)]), "".join(letters[np.ndim(a) :])
    summed = set(first) & set(second)
    out = "".join(c for c in first + second if c not in summed)
    return einsum(a, b, terms=[first, second], out=out)


@composes(np.einsum)
def _einsum(subscripts, *operands, optimize=False):
    """Spell out an ellipsis and an implicit output, then call the primitive, which optimizes."""
    if not isinstance(subscripts, str):
        subscripts, operands = from_lists(subscripts, *operands)
    np.einsum(subscripts, *(np.empty((1,) * np.ndim(a)) for a in operands))  # NumPy's own checks
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    unused = [letter for letter in ascii_letters if letter not in subscripts]
    extra = [
        np.ndim(a) - len(t.replace("...", "")) if "..." in t else 0 for t, a in zip(terms, operands)
    ]
    dots = "".join(unused[: max(extra)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, extra)]
    if not arrow:
        joined = "".join(terms)
        out = dots + "".join(sorted(c for c in set(joined) - set(dots) if joined.count(c) == 1))
    out = out.replace("...", dots)
    sizes = {}
    for term, a in zip(terms, operands):
        lengths = set(zip(term, np.shape(a)))
        if len(lengths) > len(set(term)):
            raise ValueError  # a diagonal of two lengths
        for letter, size in lengths:
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
    # a length 1 that meets a longer axis is broadcast: done first, so that every rule may assume
    # one length for each letter
    operands = [
        a if np.shape(a) == full else np.broadcast_to(a, full)
        for a, full in ((a, tuple(sizes[c] for c in t)) for t, a in zip(terms, operands))
    ]
    return einsum(*operands, terms=terms, out=out)


def from_lists(*operands):
    """einsum's other form, (a, [0, 1], b, [1, 2], [0, 2]), as its string and operands."""
    *pairs, out = operands if len(operands) % 2 else (*operands, None)
    arrays, lists = pairs[::2], pairs[1::2]
    lists += [] if out is None else [out]
    terms = ["".join("..." if i is ... else ascii_letters[i] for i in axes) for axes in lists]
    inputs = ",".join(terms[: len(arrays)])
    return inputs if out is None else f"{inputs}->{terms[-1]}", arrays


@composes(np.kron)
def _kron(a, b):
    n = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)) for x in (a, b))
    blocks = np.expand_dims(a, (*range(1, 2 * n, 2),)) * np.expand_dims(b, (*range(0, 2 * n, 2),))
    return blocks.reshape([i * j for i, j in zip(a.shape, b.shape)])


@composes(np.cross)
def _cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if 2 in (a.shape[-1], b.shape[-1]):
        raise NotSupported("cross: two components are not supported on Tensors; add a 0 to them")
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError
    turned = a * np.roll(b, -1, -1) - np.roll(a, -1, -1) * b
    return np.moveaxis(np.roll(turned, -1, -1), -1, axisc)


@composes(np.average)
def _average(a, axis=None, weights=None, keepdims=False):
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        if not mean.size:
            raise ZeroDivisionError
        return mean
    if np.shape(weights) != np.shape(a):  # one weight for each place along the axis
        (along_axis,) = normalized(axis, np.ndim(a))
        weights = np.reshape(weights, [-1 if i == along_axis else 1 for i in range(np.ndim(a))])
        weights = np.broadcast_to(weights, np.shape(a))
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if np.any(total == 0) or not total.size:
        raise ZeroDivisionError
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


def ordered(a, axis):
    """The elements to be reduced over `axis` as a sorted last axis, and the shape of keepdims."""
    axes = normalized(axis, a.ndim)
    rest = tuple(i for i in range(a.ndim) if i not in axes)
    length = math.prod(a.shape[i] for i in axes)
    rows = np.transpose(a, rest + axes).reshape((*[a.shape[i] for i in rest], length))
    return np.sort(rows), tuple(1 if i in axes else n for i, n in enumerate(a.shape))


@composes(np.median)
def _median(a, axis=None, keepdims=False):
    rows, kept = ordered(a, axis)
    n = rows.shape[-1]
    if n == 0:
        return np.mean(a, axis=axis, keepdims=keepdims)  # nan
    middle = (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2
    middle = np.where(np.isnan(rows[..., -1]), np.nan, middle)
    return middle.reshape(kept) if keepdims else middle


@composes(np.quantile)
def _quantile(a, q, axis=None, keepdims=False):
    integers_only(np.quantile, (q,))
    q = np.asarray(q)
    if not np.all((q >= 0) & (q <= 1)):
        raise ValueError
    rows, kept = ordered(a, axis)
    at = q * (rows.shape[-1] - 1)
    low, high, part = np.floor(at).astype(int), np.ceil(at).astype(int), at % 1
    value = rows[..., low] * (1 - part) + np.where(part > 0, rows[..., high], 0) * part
    value = np.where(np.isnan(rows[(..., -1, *[None] * q.ndim)]), np.nan, value)
    value = np.moveaxis(value, range(-q.ndim, 0), range(q.ndim))
    return value.reshape(q.shape + kept) if keepdims else value


COMPOSED[np.percentile] = lambda a, q, axis=None, keepdims=False: np.quantile(
    a, np.true_divide(q, 100), axis, keepdims=keepdims
)


@composes(np.cov)
def _cov(m, y=None, rowvar=True, bias=False, ddof=None):
    if not np.size(m):
        raise NotSupported("cov: an empty array is not supported on Tensors")
    variables = [a for a in (m, y) if a is not None]
    if any(np.ndim(a) > 2 for a in variables):
        raise ValueError
    variables = [np.atleast_2d(a if rowvar else np.transpose(a)) for a in variables]
    rows = np.concatenate(variables)
    centred = rows - np.mean(rows, axis=1, keepdims=True)
    freedom = rows.shape[1] - (not bias if ddof is None else ddof)
    return np.squeeze(centred @ centred.T / max(freedom, 0))


@composes(np.corrcoef)
def _corrcoef(x, y=None, rowvar=True):
    c = np.cov(x, y, rowvar)
    deviation = np.sqrt(np.diag(c)) if c.ndim else np.sqrt(c)
    return c / np.multiply.outer(deviation, deviation)


@composes(np.convolve)
def _convolve(a, v, mode="full"):
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    if a.ndim > 1 or v.ndim > 1:
        raise ValueError
    if len(v) > len(a):
        a, v = v, a
    n, k = len(a), len(v)
    windows = sliding_window_view(np.pad(a, k - 1), k)
    first, last = {"full": (0, n + k - 1), "same": ((k - 1) // 2, (k - 1) // 2 + n),
                   "valid": (k - 1, n)}[mode]  # fmt: skip
    return windows[first:last] @ np.flip(v)


# ---- neighbours ----------------------------------------------------------------------------------


@composes(np.diff)
def _diff(a, n=1, axis=-1):
    if n < 0:
        raise ValueError
    for _ in range(n):
        a = a[along(axis, slice(1, None), a.ndim)] - a[along(axis, slice(-1), a.ndim)]
    return a


@composes(np.trapezoid)
def _trapezoid(y, x=None, dx=1.0, axis=-1):
    width = dx
    if x is not None:
        width = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
        if np.ndim(x) == 1:
            width = np.reshape(width, [-1 if i == axis % y.ndim else 1 for i in range(y.ndim)])
    pairs = y[along(axis, slice(1, None), y.ndim)] + y[along(axis, slice(-1), y.ndim)]
    return np.sum(width * pairs / 2, axis=axis)


@composes(np.gradient)
def _gradient(f, *varargs, axis=None):
    axes = normalized(axis, f.ndim)
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if any(np.ndim(step) for step in steps):
        raise NotSupported(
            "gradient: unequal spacing is not supported on Tensors; give one number for each axis"
        )
    if any(f.shape[i] < 2 for i in axes):
        raise ValueError
    slopes = []
    for i, step in zip(axes, steps, strict=True):
        part = lambda start, stop, i=i: f[along(i, slice(start, stop), f.ndim)]
        ends = part(1, 2) - part(0, 1), part(-1, None) - part(-2, -1)
        inner = (part(2, None) - part(None, -2)) / 2
        slopes.append(np.concatenate([ends[0], inner, ends[1]], i) / step)
    return one_or_all(slopes)


# ---- functions without a derivative --------------------------------------------------------------

PLAIN = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.isnan, np.isfinite, np.isinf, np.isneginf, np.isposinf, np.signbit,
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.around, np.fix, np.floor_divide,
    np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
    np.searchsorted, np.digitize, np.isin,
    np.all, np.any, np.isclose, np.allclose, np.array_equal, np.array_equiv,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast,
    np.zeros_like, np.ones_like, np.empty_like,
}  # fmt: skip
