"""NumPy functions that need no rule of their own: each is written with others that have rules.

COMPOSED    function -> the same function, written with others
PLAIN       functions without a derivative, answered with plain arrays
"""

from string import ascii_letters

import numpy as np

from .rules import along, broadcast, clip, einsum, join, normalized, pad, stack

COMPOSED = {}


def composes(*functions):
    """Register a formula for NumPy functions that need no rule of their own."""

    def register(formula):
        COMPOSED.update(dict.fromkeys(functions, formula))
        return formula

    return register


def gather_like(fn, a, *args, **kwargs):
    """fn(a, ...) for a function that only moves elements: move their numbers, then gather."""
    numbers = fn(np.arange(a.size).reshape(a.shape), *args, **kwargs)
    return a.reshape(-1)[numbers]


COMPOSED |= {
    np.tile: lambda A, reps: gather_like(np.tile, A, reps),
    np.repeat: lambda a, repeats, axis=None: gather_like(np.repeat, a, repeats, axis),
    np.rot90: lambda m, k=1, axes=(0, 1): gather_like(np.rot90, m, k, axes),
    np.take: lambda a, indices, axis=None, mode="raise": gather_like(
        np.take, a, indices, axis, mode=mode
    ),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: gather_like(
        np.diagonal, a, offset, axis1, axis2
    ),
    np.ravel: lambda a: a.reshape(-1),
    np.broadcast_to: lambda array, shape: broadcast(array, shape=shape),
    np.copy: lambda a: +a,
    np.trace: lambda a, offset=0, axis1=0, axis2=1: np.sum(
        np.diagonal(a, offset, axis1, axis2), axis=-1
    ),
    np.outer: lambda a, b: np.ravel(a)[:, None] * np.ravel(b),
    np.inner: lambda a, b: np.tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else a * b,
    np.vstack: lambda tup: np.concatenate(
        [np.reshape(a, (1, -1)) if np.ndim(a) < 2 else a for a in tup]
    ),
    np.hstack: lambda tup: np.concatenate(
        [a if np.ndim(a) else np.ravel(a) for a in tup], int(np.ndim(tup[0]) > 1)
    ),
    np.sort: lambda a, axis=-1, kind="stable": np.take_along_axis(
        a, np.argsort(a, axis=axis, kind=kind), axis
    ),
}


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
        runs = fn(np.arange(ary.shape[axis]), indices_or_sections)
        return [
            ary[along(axis, slice(r[0], r[-1] + 1) if r.size else slice(0), ary.ndim)] for r in runs
        ]

    return formula


COMPOSED |= {fn: pieces(fn) for fn in (np.split, np.array_split)}


@composes(np.clip)
def _clip(a, a_min=None, a_max=None, *, min=None, max=None):
    return clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


@composes(np.pad)
def _pad(array, pad_width, mode="constant", constant_values=0):
    if mode == "constant":
        widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
        return pad(array, widths=widths, constant_values=constant_values)
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        return gather_like(np.pad, array, pad_width, mode)
    raise TypeError(
        f"pad: mode={mode!r} is not supported on Tensors; supported here: "
        "constant, edge, reflect, symmetric, wrap"
    )


@composes(np.expand_dims)
def _expand_dims(a, axis):
    axes = normalized(axis, a.ndim + np.size(axis))
    sizes = iter(a.shape)
    return a.reshape(tuple(1 if i in axes else next(sizes) for i in range(a.ndim + len(axes))))


@composes(np.squeeze)
def _squeeze(a, axis=None):
    return a.reshape(np.squeeze(np.empty(a.shape), axis).shape)


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
            raise ValueError(
                f"tensordot: axis {i} of shape {np.shape(a)} and axis {j} of shape {np.shape(b)} "
                "are summed together, but are not equally long"
            )
        letters[np.ndim(a) + j] = letters[i]
    first, second = "".join(letters[: np.ndim(a)]), "".join(letters[np.ndim(a) :])
    summed = set(first) & set(second)
    out = "".join(c for c in first + second if c not in summed)
    return einsum(a, b, terms=[first, second], out=out)


@composes(np.einsum)
def _einsum(subscripts, *operands, optimize=False):
    """Spell out an ellipsis and an implicit output, then call the primitive, which optimizes."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum: pass the subscripts as a string, such as 'ij,jk->ik'")
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {len(terms)} terms in {subscripts!r}, {len(operands)} operands")
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
        if len(term) != np.ndim(a) or len(lengths) > len(set(term)):
            raise ValueError(f"einsum: {subscripts!r} does not fit an operand of shape {a.shape}")
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


@composes(np.take_along_axis)
def _take_along_axis(arr, indices, axis=-1):
    if axis is None:
        return arr.reshape(-1)[indices]
    if np.ndim(indices) != arr.ndim:
        raise ValueError(
            f"take_along_axis: indices have shape {np.shape(indices)}, the array {arr.shape}: they "
            "need as many axes, such as labels[:, None]"
        )
    grid = list(np.ogrid[tuple(slice(n) for n in arr.shape)])
    grid[axis] = indices
    return arr[tuple(grid)]


@composes(np.diff)
def _diff(a, n=1, axis=-1):
    for _ in range(n):
        a = a[along(axis, slice(1, None), a.ndim)] - a[along(axis, slice(-1), a.ndim)]
    return a


# ---- functions without a derivative --------------------------------------------------------------

PLAIN = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.isnan, np.isfinite, np.isinf, np.isneginf, np.isposinf, np.signbit,
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.around, np.fix, np.floor_divide,
    np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
    np.searchsorted, np.digitize, np.unique, np.isin,
    np.all, np.any, np.isclose, np.allclose, np.array_equal, np.array_equiv,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast,
    np.zeros_like, np.ones_like, np.full_like, np.empty_like,
}  # fmt: skip
