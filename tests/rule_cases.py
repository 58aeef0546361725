"""A table of example calls for every function that the engine differentiates, and the check of one.

A row is an expression in a, b, c and the shapes of these. It is evaluated on plain arrays, which
is the reference, and on Tensors. `check` compares first and second derivatives with finite
differences of the plain NumPy function in every element; nothing of the engine makes the reference.
"""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import microloss as ml
from microloss import Tensor
from microloss import functional as F
from microloss.engine import linalg, rules
from microloss.engine.compositions import COMPOSED
from microloss.engine.rules import RULES
from microloss.engine.tensor import astype

TOLERANCE = 1e-8  # relative to the largest element
STEP = 1e-3
# f'(x) = sum of weight * f(x + k STEP) / STEP, exact for polynomials of degree 6
STENCIL = {k: w / 60 for k, w in zip((-3, -2, -1, 1, 2, 3), (-1, 9, -45, 45, -9, 1))}

NAMES = {"np": np, "F": F, "rules": rules, "sliding_window_view": sliding_window_view}


@dataclass(eq=False)
class Case:
    """One call: `call` in terms of a, b, c, and the values of these."""

    function: object  # the key in RULES or COMPOSED, or a function of microloss.functional
    call: str
    inputs: list[np.ndarray]

    def __str__(self):
        return f"{self.call} {' '.join(str(x.shape).replace(' ', '') for x in self.inputs)}"

    @cached_property
    def f(self):
        """The call as a function with a list of outputs."""
        call = eval(f"lambda {', '.join('abc'[: len(self.inputs)])}: {self.call}", NAMES)

        def f(*inputs):
            y = call(*inputs)
            return list(y) if isinstance(y, list | tuple) else [y]

        return f

    @cached_property
    def point(self):
        """The inputs, and a random cotangent for each output: variables like the inputs.

        Second derivatives that mix the two tell whether a rule remembers what it did to g.
        """
        rng = np.random.default_rng(1)
        return [*self.inputs, *(away_from_0(rng, np.shape(y)) for y in self.f(*self.inputs))]

    def weighed(self, point):
        """A number made of all outputs."""
        n = len(self.inputs)
        return sum(np.sum(g * y) for g, y in zip(point[n:], self.f(*point[:n])))

    def differences(self, point):
        """Derivatives of `weighed`, by finite differences in each element of the inputs."""
        n = len(self.inputs)
        slopes = [np.zeros(x.shape) for x in point[:n]]
        for i, x in enumerate(point[:n]):
            for at in np.ndindex(x.shape):
                for k, weight in STENCIL.items():
                    moved = np.array(x)
                    moved[at] += k * STEP
                    slopes[i][at] += weight * self.weighed([*point[:i], moved, *point[i + 1 :]])
        return [slope / STEP for slope in slopes] + self.f(*point[:n])

    @cached_property
    def slopes(self):
        return self.differences(self.point)

    @cached_property
    def direction(self):
        rng = np.random.default_rng(2)
        return [away_from_0(rng, x.shape) for x in self.point]

    @cached_property
    def bends(self):
        """How the slopes change along the direction, by finite differences."""
        nearby = {
            k: self.differences([x + k * STEP * v for x, v in zip(self.point, self.direction)])
            for k in STENCIL
        }
        return [
            sum(weight * nearby[k][i] for k, weight in STENCIL.items()) / STEP
            for i in range(len(self.point))
        ]


# ---- points to differentiate at ------------------------------------------------------------------


def spread(shapes, rng):
    """Arrays of numbers of both signs, all far from 0 and from each other: no kinks nearby."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    n = sum(sizes)
    numbers = 0.3 + 1.5 * (rng.permutation(n) + rng.uniform(0.25, 0.75, n)) / n
    numbers *= rng.choice([-1, 1], n)
    pieces = np.split(numbers, np.cumsum(sizes)[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes)]


def away_from_0(rng, shape):
    return rng.choice([-1, 1], shape) * rng.uniform(0.5, 1, shape)


DOMAIN = {
    fn: transform
    for transform, functions in {
        np.abs: (np.log, np.log2, np.log10, np.sqrt, np.power, F.xlogy),
        lambda x: x / 2: (np.arcsin, np.arccos, np.arctanh, np.log1p),
        lambda x: 1 + np.abs(x): (np.arccosh,),
        lambda x: -np.abs(x): (F.log1mexp,),
    }.items()
    for fn in functions
}


def row(fn, call, *inputs):
    """A Case; inputs are shapes, or arrays where the values matter."""
    rng = np.random.default_rng(zlib.crc32(f"{call}{inputs}".encode()))
    drawn = iter(spread([x for x in inputs if isinstance(x, tuple)], rng))
    transform = DOMAIN.get(fn, lambda x: x)
    values = [transform(next(drawn)) if isinstance(x, tuple) else x for x in inputs]
    return Case(key(fn), call, [np.array(x) for x in values])


def key(fn):
    """fn as the tables know it: a primitive is listed without its wrapper."""
    inner = getattr(fn, "__wrapped__", fn)
    return inner if fn not in RULES and fn not in COMPOSED and inner in RULES else fn


# ---- the table -----------------------------------------------------------------------------------

UNARY = [
    np.exp, np.expm1, np.exp2, np.log, np.log1p, np.log2, np.log10, np.sqrt, np.cbrt, np.square,
    np.reciprocal, np.absolute, np.negative, np.positive, np.sin, np.cos, np.tan, np.arcsin,
    np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
    np.fabs, np.deg2rad, np.rad2deg, np.degrees, np.radians,
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.hypot, np.arctan2, np.logaddexp,
    np.maximum, np.minimum,
]  # fmt: skip
SMOOTH = [F.relu, F.leaky_relu, F.elu, F.erf, F.gelu, F.sigmoid, F.silu, F.softplus, F.log_sigmoid,
          F.log1mexp]  # fmt: skip
ZEROS = {  # a row without, with one, and with two
    "none": [[0.5, -1.2, 2.0], [1.1, 0.7, -0.4]],
    "one": [[0.5, 0.0, 2.0], [1.1, 0.7, -0.4]],
    "two": [[0.5, 0.0, 0.0], [1.1, 0.7, -0.4]],
}

MODULO = [[7.3, -5.2, 0.4], [2.6, 9.5, -3.3]], [2.0, 3.0, -1.5]  # far from whole quotients

MAX = [
    ("np.max(a)", (2, 3)), ("np.max(a, 0)", (2, 3)), ("np.max(a, axis=-1)", (2, 3)),
    ("np.max(a, axis=(0, 2), keepdims=True)", (2, 3, 2)), ("np.max(a, None, None, True)", (2, 3)),
]  # fmt: skip
MAX_METHODS = [
    ("a.max()", (2, 3)), ("a.max(axis=1, keepdims=True)", (2, 3)), ("a.max(-1)", (2, 3)),
    ("np.maximum.reduce(a, axis=(0, 1))", (2, 3)),
]  # fmt: skip


def renamed(rows, name):
    return [(call.replace("max", name), *shapes) for call, *shapes in rows]


TABLE = {
    np.add: [
        ("a + 1.5", (2, 3)), ("1.5 + a", (2, 3)), ("[1, 2, 3] + a", (2, 3)), ("a + a", (2, 3)),
        ("np.ones((2, 1)) + a", (3,)), ("a + np.array([1, 2, 3])", (2, 3)),
        ("np.float64(2) + a", (2, 3)), ("(a + b) + a", (2, 3), (3,)), ("a + [[1], [2]]", (3,)),
        ("np.add.outer(a, b)", (2, 3), (2,)),
    ],
    np.subtract: [
        ("a - 1.5", (2, 3)), ("1.5 - a", (2, 3)), ("np.ones((2, 1)) - a", (3,)),
        ("[1, 2, 3] - a", (2, 3)), ("a - a[0]", (2, 3)),
    ],
    np.multiply: [
        ("a * 1.5", (2, 3)), ("3 * a", (2, 3)), ("np.array([1, 2, 3]) * a", (2, 3)),
        ("a * a", (2, 3)), ("a * np.arange(2.0)[:, None]", (3,)),
        ("np.multiply.outer([1, 2], a)", (3,)), ("np.multiply.outer(a, 2.0)", (3,)),
    ],
    np.divide: [
        ("a / 1.5", (2, 3)), ("2 / a", (2, 3)), ("np.array([1, 2, 3]) / a", (2, 3)),
        ("a / a.sum()", (2, 3)), ("a / [1, 2, 3]", (2, 3)),
    ],
    np.power: [
        ("a ** 0", (2, 3)), ("a ** 1", (2, 3)), ("a ** 2", (2, 3)), ("a ** 3", (2, 3)),
        ("(-a) ** 3", (2, 3)), ("a ** -1.5", (2, 3)), ("a ** 0.5", (2, 3)), ("2 ** a", (2, 3)),
        ("0.3 ** a", (2, 3)), ("np.array([1, 2, 3.5]) ** a", (2, 3)), ("a ** a", (2, 3)),
        ("a ** np.array([0, 1, 2])", (2, 3)), ("a ** np.float64(2.5)", (2, 3)),
        ("np.power(a, np.int64(3))", (2, 3)), ("a ** np.uint8([0, 1, 2])", (2, 3)),
        ("a ** np.array([True, False, True])", (2, 3)), ("pow(a, b)", (2, 3), ()),
    ],
    np.negative: [("-a", (2, 3))],
    np.positive: [("+a", (2, 3))],
    np.absolute: [("abs(a)", (2, 3)), ("np.abs(a)", ())],
    np.maximum: [("np.maximum(a, 0.1)", (2, 3)), ("np.maximum([0.1, 0.2, 0.3], a)", (2, 3))],
    np.minimum: [("np.minimum(a, 0.1)", (2, 3)), ("np.minimum([0.1, 0.2, 0.3], a)", (2, 3))],
    np.remainder: [("np.remainder(a, b)", *MODULO), ("a % 0.7", MODULO[0]), ("5 % a", MODULO[1])],
    np.fmod: [("np.fmod(a, b)", *MODULO), ("np.fmod(5.0, a)", MODULO[1])],
    np.matmul: [
        ("a @ b", (3,), (3,)), ("a @ b", (2, 3), (3,)), ("a @ b", (3,), (3, 2)),
        ("a @ b", (2, 3), (3, 4)), ("a @ b", (2, 3, 4), (4,)), ("a @ b", (4,), (2, 4, 3)),
        ("a @ b", (2, 2, 3), (3, 4)), ("a @ b", (2, 3), (3, 3, 2)),
        ("np.matmul(a, b)", (2, 1, 2, 3), (3, 3, 2)), ("np.ones((2, 3)) @ a", (3, 2)),
        ("a @ [[1, 2], [3, 4], [5, 6]]", (2, 3)), ("a @ a.T", (2, 3)), ("[1, 2] @ a", (2, 3)),
    ],
    np.where: [
        ("np.where(np.arange(3) > 0, a, b)", (2, 3), (3,)), ("np.where(a > 0, a, 0)", (2, 3)),
        ("np.where([[True], [False]], 2.0, a)", (3,)), ("np.where(a > b, a * b, b)", (2, 1), (3,)),
        ("np.where([[True], [False]], a, b)", (2, 3), ()),
    ],
    np.clip: [
        ("np.clip(a, -1, 1)", (2, 3)), ("np.clip(a, None, 1)", (2, 3)), ("a.clip(-1, 1)", (2, 3)),
        ("np.clip(a, a_min=-1, a_max=None)", (2, 3)), ("a.clip(min=-0.5)", (2, 3)),
        ("np.clip(a, [-1, 0, 0.1], 1, None)", (2, 3)), ("a.clip(max=0.5)", (2, 3)),
    ],
    rules.clip: [
        ("np.clip(a, 0.2 * b - 0.8, 0.2 * c + 0.8)", (4, 3), (3,), (4, 1)),
        ("np.clip(a, b, None)", (2, 3), (2, 3)), ("np.clip(a, None, b)", (2, 3), (3,)),
        ("np.clip(0.1, a, a + 1.2)", (2, 3)),
    ],
    np.sum: [
        ("np.sum(a)", (2, 3)), ("np.sum(a, 0)", (2, 3)), ("np.sum(a, axis=-1)", (2, 3)),
        ("np.sum(a, axis=(0, -1), keepdims=True)", (2, 3, 2)), ("a.sum()", (2, 3)),
        ("a.sum(1)", (2, 3)), ("a.sum(axis=(2, 0))", (2, 3, 2)), ("np.add.reduce(a)", (2, 3)),
        ("np.add.reduce(a, axis=1, keepdims=True)", (2, 3)), ("a.sum(axis=())", (2, 3)),
        ("np.sum(a, None, None, None, True)", (2, 3)), ("np.sum(a=a, axis=0)", (2, 3)),
        ("np.sum(a)", ()),
    ],
    np.mean: [
        ("np.mean(a)", (2, 3)), ("np.mean(a, 0)", (2, 3)), ("np.mean(a, axis=-1)", (2, 3)),
        ("np.mean(a, axis=(0, -1), keepdims=True)", (2, 3, 2)), ("a.mean()", (2, 3)),
        ("a.mean(axis=1, keepdims=True)", (2, 3)), ("np.mean(a, axis=(1,))", (2, 3)),
    ],
    np.prod: [
        *[("np.prod(a, axis=1)", x) for x in ZEROS.values()],
        ("np.prod(a)", ZEROS["none"]), ("np.prod(a)", ZEROS["one"]),
        ("np.prod(a, axis=0, keepdims=True)", ZEROS["two"]), ("a.prod(-1)", (2, 3)),
        ("np.prod(a, axis=(0, 2))", (2, 3, 2)), ("np.multiply.reduce(a)", (2, 3)),
        ("np.prod(a, axis=(2, 0))", [[[0.0, 2.0], [1.0, 3.0]], [[4.0, 0.5], [6.0, 0.0]]]),
    ],
    np.max: MAX + MAX_METHODS,
    np.min: renamed(MAX + MAX_METHODS, "min"),
    np.amax: renamed(MAX, "amax"),
    np.amin: renamed(MAX, "amin"),
    np.var: [
        ("np.var(a)", (2, 3)), ("np.var(a, 0)", (2, 3)), ("np.var(a, axis=-1, ddof=1)", (2, 3)),
        ("np.var(a, axis=(0, 2), ddof=1.5, keepdims=True)", (2, 3, 2)),
        ("a.var(0, ddof=1)", (4, 3)),
        ("np.var(a, 1, None, None, 1, True)", (2, 3)),
    ],
    np.std: [
        ("np.std(a)", (2, 3)), ("np.std(a, 0)", (4, 3)), ("np.std(a, axis=-1, ddof=1)", (2, 3)),
        ("np.std(a, axis=(0, 2), ddof=1.5, keepdims=True)", (2, 3, 2)), ("a.std(1)", (2, 3)),
    ],
    np.cumsum: [
        ("np.cumsum(a)", (2, 3)), ("np.cumsum(a, 0)", (2, 3)), ("a.cumsum(axis=-1)", (2, 3)),
        ("np.cumsum(a, axis=1)", (2, 3, 2)),
    ],
    np.cumprod: [
        *[("np.cumprod(a, axis=1)", x) for x in ZEROS.values()],
        *[("np.cumprod(a)", x) for x in ZEROS.values()],
        *[("np.cumprod(a, 0)", x) for x in ZEROS.values()], ("np.cumprod(a, -2)", (2, 3, 2)),
    ],
    np.reshape: [
        ("np.reshape(a, (3, 2))", (2, 3)), ("a.reshape(-1)", (2, 3)), ("a.reshape(3, -1)", (2, 3)),
        ("a.reshape((1, 6, 1))", (2, 3)), ("np.reshape(a, -1)", (2, 3)), ("a.flatten()", (2, 3)),
        ("np.reshape(a, (3, 2), order='C')", (2, 3)), ("a.reshape(())", (1, 1)),
    ],
    np.ravel: [("np.ravel(a)", (2, 3)), ("a.ravel()", (2, 3)), ("np.ravel(a, 'C')", ())],
    np.transpose: [
        ("np.transpose(a)", (2, 3)), ("a.T", (2, 3, 4)), ("np.transpose(a, (1, 2, 0))", (2, 3, 2)),
        ("a.transpose(1, 0, 2)", (2, 3, 2)), ("a.transpose((-1, 0, 1))", (2, 3, 2)),
        ("a.transpose()", (2, 3)), ("np.transpose(a, axes=[2, 0, 1])", (2, 3, 2)), ("a.T", (3,)),
    ],
    np.swapaxes: [
        ("np.swapaxes(a, 0, 2)", (2, 3, 2)), ("a.swapaxes(-1, 0)", (2, 3)), ("a.mT", (2, 2, 3)),
        ("np.swapaxes(a, axis1=1, axis2=-1)", (2, 2, 3)),
    ],
    np.moveaxis: [
        ("np.moveaxis(a, 0, -1)", (2, 3, 2)), ("np.moveaxis(a, (0, 1), (2, 0))", (2, 3, 2)),
        ("np.moveaxis(a, source=2, destination=0)", (2, 1, 3)),
    ],
    np.expand_dims: [
        ("np.expand_dims(a, 0)", (2, 3)), ("np.expand_dims(a, axis=-1)", (2, 3)),
        ("np.expand_dims(a, (0, 2))", (2, 3)), ("np.expand_dims(a, (-1, -2))", (3,)),
    ],
    np.squeeze: [
        ("np.squeeze(a)", (1, 3, 1)), ("np.squeeze(a, 0)", (1, 3, 1)), ("a.squeeze()", (1, 3)),
        ("a.squeeze(axis=(0, -1))", (1, 3, 1)),
    ],
    np.broadcast_to: [("np.broadcast_to(a, shape=(2, 3))", (3,))],
    rules.broadcast: [
        ("np.broadcast_to(a, (2, 3, 2))", (3, 1)), ("np.broadcast_to(a, (2, 3))", ()),
        ("np.broadcast_to(a, (2, 3))", (2, 3)),
    ],
    np.copy: [("np.copy(a)", (2, 3)), ("a.copy()", (2, 3))],
    astype: [("a.astype(np.float64)", (2, 3))],
    np.concatenate: [
        ("np.concatenate([a, b])", (1, 3), (2, 3)), ("np.concatenate((a, b), -1)", (2, 3), (2, 1)),
        ("np.concatenate([a, [1.0, 2.0], a])", (2,)),
        ("np.concatenate([a, b], axis=None)", (2, 2), (3,)),
    ],
    rules.join: [
        ("np.concatenate([a, b, c], axis=1)", (2, 1, 2), (2, 2, 2), (2, 3, 2)),
        ("np.concatenate([a, np.ones((1, 3)), b])", (1, 3), (2, 3)), ("np.concatenate(a)", (2, 3)),
    ],
    np.stack: [("np.stack([a, b])", (3,), (3,)), ("np.stack((a, np.ones(3)), axis=1)", (3,))],
    rules.stack: [
        ("np.stack([a, b, a], axis=-1)", (2, 3), (2, 3)), ("np.stack(list(a), 1)", (2, 3)),
        ("np.stack([a, 2.0, b])", (), ()),
    ],
    np.vstack: [
        ("np.vstack([a, b])", (3,), (2, 3)), ("np.vstack([[1, 2, 3], a])", (3,)),
        ("np.vstack([a, b])", (), ()),
    ],
    np.hstack: [
        ("np.hstack([a, b])", (3,), (2,)), ("np.hstack([a, b])", (2, 1), (2, 3)),
        ("np.hstack([a, b, [1, 2]])", (), ()),
    ],
    np.split: [
        ("np.split(a, 3)", (3, 2)), ("np.split(a, [1, 2], axis=1)", (2, 4)),
        ("np.split(a, (1, 1, 3), -1)", (2, 4)),
    ],
    np.array_split: [("np.array_split(a, 3)", (4, 2)), ("np.array_split(a, 2, axis=-1)", (2, 3))],
    np.repeat: [
        ("np.repeat(a, 2)", (2, 3)), ("np.repeat(a, 2, axis=0)", (2, 3)),
        ("a.repeat(2, 1)", (2, 3)),
        ("np.repeat(a, repeats=[1, 0, 3], axis=-1)", (2, 3)), ("a.repeat(2, axis=0)", (2, 3)),
    ],
    np.tile: [
        ("np.tile(a, 2)", (2, 3)), ("np.tile(a, (2, 1, 2))", (2, 3)),
        ("np.tile(a, reps=(2, 2))", (3,)),
        ("np.tile(A=a, reps=2)", ()),
    ],
    np.pad: [
        *[(f"np.pad(a, ((1, 2), (2, 1)), mode='{mode}')", (3, 4))
          for mode in ("edge", "reflect", "symmetric", "wrap")],
        ("np.pad(a, 2, 'wrap')", (1, 2)), ("np.pad(a, (1, 2), 'edge')", (3,)),
    ],
    rules.pad: [
        ("np.pad(a, 1)", (2, 3)), ("np.pad(a, ((1, 0), (0, 2)), constant_values=3.0)", (2, 3)),
        ("np.pad(a, [(2, 1)], mode='constant')", (2, 3)), ("np.pad(a, (1, 2), 'constant')", (3,)),
        ("np.pad(a, pad_width=(1,))", (3,)),
    ],
    np.flip: [
        ("np.flip(a)", (2, 3)), ("np.flip(a, 0)", (2, 3)), ("np.flip(a, axis=(0, -1))", (2, 3, 2)),
        ("np.flip(m=a, axis=1)", (2, 3)),
    ],
    np.roll: [
        ("np.roll(a, 2)", (2, 3)), ("np.roll(a, 1, axis=0)", (3, 2)),
        ("np.roll(a, (1, -1), (0, 1))", (3, 4)), ("np.roll(a, shift=-2, axis=-1)", (2, 3)),
    ],
    np.rot90: [("np.rot90(a)", (2, 3)), ("np.rot90(a, 3, (0, 2))", (2, 3, 2))],
    rules.getitem: [
        ("a[0]", (2, 3)), ("a[-1, 2]", (2, 3)), ("a[1:, ::2]", (3, 3)), ("a[::-1, 1]", (2, 3)),
        ("a[..., 0]", (2, 3, 2)), ("a[:, None]", (2, 3)), ("a[None, ..., -1:]", (2, 3)),
        ("a[[0, 0, 2]]", (3, 2)), ("a[np.array([[0, 1], [1, 1]])]", (3, 2)), ("a[True]", (2, 3)),
        ("a[[0, 1, 0], [1, 1, 1]]", (2, 3)), ("a[[0, 0], 1:]", (2, 3)), ("a[1, [0, 2, 2]]", (2, 3)),
        ("a[:, [0, 2, 2], 1]", (2, 3, 2)), ("a[[0, 1], :, [1, 1]]", (2, 3, 2)),
        ("a[[[0], [1], [0]], [2, 0]]", (2, 3)), ("a[np.arange(6).reshape(2, 3) % 2 == 0]", (2, 3)),
        ("a[a > 0]", (3, 3)), ("a[[True, False, True]]", (3, 2)),
        ("a[:, [True, False, True]]", (2, 3)),
        ("a[np.array([True, False]), 1:]", (2, 3)), ("a[np.int64(1)]", (2, 3)), ("a[()]", ()),
        ("a[None]", ()), ("a[..., None, [0, 0]]", (2, 3)), ("a[np.ix_([0, 1, 1], [2, 0])]", (2, 3)),
        ("[x * x for x in a]", (2, 3)),
    ],
    rules.scatter_add: [
        ("rules.scatter_add(a, index=[0, 0, 2], shape=(4,))", (3,)),
        ("rules.scatter_add(a, index=(slice(None), 1), shape=(2, 3))", (2,)),
    ],
    np.take: [
        ("np.take(a, [0, 0, 4])", (2, 3)), ("np.take(a, [[0, 2], [2, 2]], axis=1)", (2, 3)),
        ("a.take(1, 0)", (2, 3)), ("np.take(a, [5, -1], 1, None, 'wrap')", (2, 3)),
    ],
    np.take_along_axis: [
        ("np.take_along_axis(a, np.array([[0, 0], [2, 1]]), axis=1)", (2, 3)),
        ("np.take_along_axis(a, np.array([[0, 2]]), 1)", (2, 3)),
        ("np.take_along_axis(a, np.array([[1, 0, 1]]), 0)", (2, 3)),
        ("np.take_along_axis(a, np.array([[0], [2], [1]]), 1)", (1, 3)),
        ("np.take_along_axis(a, np.array([5, 0, 0]), None)", (2, 3)),
        ("np.take_along_axis(a, np.argsort(a, axis=-1), axis=-1)", (2, 3, 2)),
    ],
    np.diagonal: [
        ("np.diagonal(a)", (3, 4)), ("a.diagonal(1)", (3, 4)),
        ("np.diagonal(a, -1, 1, 2)", (2, 3, 3)),
        ("np.diagonal(a, offset=1, axis1=2, axis2=0)", (2, 3, 3)),
    ],
    np.trace: [
        ("np.trace(a)", (3, 4)), ("a.trace(-1)", (3, 4)), ("np.trace(a, 0, 1, 2)", (2, 3, 3)),
        ("np.trace(a, offset=1, axis1=2, axis2=1)", (2, 3, 3)),
    ],
    np.tril: [
        ("np.tril(a)", (3, 4)), ("np.tril(a)", (3,)),
        ("np.tril(a, 1)", (2, 3, 3)), ("np.tril(a, k=-1)", (3, 3)),
    ],
    np.triu: [
        ("np.triu(a)", (3, 4)), ("np.triu(a, 1)", (3,)),
        ("np.triu(a, 1)", (2, 3, 3)), ("np.triu(a, k=-1)", (4, 3)),
    ],
    np.sort: [
        ("np.sort(a)", (3, 4)), ("np.sort(a, 0)", (3, 4)), ("np.sort(a, axis=None)", (3, 2)),
        ("np.sort(a, -1, 'stable')", (3, 4)),
    ],
    np.diff: [("np.diff(a)", (2, 4)), ("np.diff(a, 2, 0)", (4, 2)), ("np.diff(a, n=0)", (3,))],
    np.outer: [("np.outer(a, b)", (3,), (4,)), ("np.outer(a, [1, 2])", (2, 3))],
    np.inner: [
        ("np.inner(a, b)", (3,), (3,)), ("np.inner(a, b)", (2, 3), (4, 3)),
        ("np.inner(2, a)", (3,)),
        ("np.inner(a, np.arange(3.0))", (2, 2, 3)),
    ],
    np.dot: [
        ("np.dot(a, b)", (3,), (3,)), ("np.dot(a, b)", (2, 3), (3, 2)), ("a.dot(b)", (2, 3), (3,)),
        ("np.dot(a, b)", (2, 3), (2, 3, 2)), ("np.dot(3.0, a)", (2, 3)), ("np.dot(a, b)", (), (3,)),
        ("np.dot(a, b)", (2, 2, 3), (3, 2)),
    ],
    np.tensordot: [
        ("np.tensordot(a, b)", (2, 3, 2), (3, 2)), ("np.tensordot(a, b, 1)", (2, 3), (3, 2)),
        ("np.tensordot(a, b, ([0, 1], [2, 0]))", (2, 3, 2), (3, 2, 2)),
        ("np.tensordot(a, b, axes=0)", (2,), (3,)), ("np.tensordot(a, b, (-1, 0))", (2, 3), (3,)),
    ],
    np.einsum: [
        ("np.einsum('ij,jk', a, b)", (2, 3), (3, 4)), ("np.einsum('ba', a)", (2, 3)),
        ("np.einsum('...ij,...jk', a, b)", (2, 2, 3), (3, 2)),
        ("np.einsum('...i->...', a)", (2, 3, 2)), ("np.einsum('i..., i...', a, b)", (2, 3), (2, 1)),
        ("np.einsum('ij,jk->ki', a, b, optimize=True)", (2, 3), (3, 4)),
    ],
    rules.einsum: [
        ("np.einsum('ij,jk->ik', a, b)", (2, 3), (3, 4)), ("np.einsum('ij->', a)", (2, 3)),
        ("np.einsum('ij->j', a)", (2, 3)), ("np.einsum('ii', a)", (3, 3)),
        ("np.einsum('ii->i', a)", (3, 3)),
        ("np.einsum('iij->ji', a)", (2, 2, 3)), ("np.einsum('iii->i', a)", (2, 2, 2)),
        ("np.einsum('i,j->ij', a, b)", (2,), (3,)),
        ("np.einsum('i,i,i->', a, b, c)", (3,), (3,), (3,)),
        ("np.einsum('ij,jk,kl->il', a, b, c)", (2, 3), (3, 2), (2, 2)),
        ("np.einsum('bij,bkj->bik', a, b)", (2, 2, 3), (2, 1, 3)),
        ("np.einsum('ij,jk->k', a, b)", (2, 3), (3, 2)),
        ("np.einsum('ij,kl->ik', a, b)", (2, 3), (2, 2)),
        ("np.einsum('ij,ij->ij', a, b)", (2, 3), (1, 3)),
        ("np.einsum('ii,i->', a, b)", (3, 3), (3,)),
        ("np.einsum(',ij->ji', a, b)", (), (2, 3)),
        ("np.einsum('ij,j->i', np.ones((2, 3)), a)", (3,)),
        ("np.einsum(a, [0, 1], b, [1, 2], [2, 0])", (2, 3), (3, 4)),
        ("np.einsum(a, [..., 0], [1.0, 2.0], [0])", (3, 2)),
        ("np.einsum('ij,j->i', [[1, 2], [3, 4]], a)", (2,)),
    ],
    np.linalg.norm: [
        ("np.linalg.norm(a)", (2, 3)), ("np.linalg.norm(a, axis=0)", (2, 3)),
        ("np.linalg.norm(a, 1, 1)", (2, 3)), ("np.linalg.norm(a, 3, -1, True)", (2, 3)),
        ("np.linalg.norm(a, np.inf, axis=1, keepdims=True)", (2, 3)),
        ("np.linalg.norm(a, 'fro')", (2, 3)),
        ("np.linalg.norm(a, axis=(0, 2))", (2, 3, 2)), ("np.linalg.norm(a, ord=2)", (3,)),
        ("np.linalg.norm(a, 'fro', (1, 2), keepdims=True)", (2, 3, 2)),
        *[(f"np.linalg.norm(a, {order})", (2, 3))
          for order in (1, -1, 2, -2, "np.inf", "-np.inf", "'nuc'")],
        ("np.linalg.norm(a, 2, axis=(0, 2), keepdims=True)", (2, 3, 2)),
        ("np.linalg.norm(a, 1, axis=(2, 0))", (2, 3, 2)), ("np.linalg.norm(a, -np.inf)", (3,)),
    ],
    np.linalg.solve: [
        ("np.linalg.solve(a + 3 * np.eye(3), b)", (3, 3), (3,)),
        ("np.linalg.solve(a + 3 * np.eye(3), b)", (3, 3), (3, 2)),
        ("np.linalg.solve(a + 3 * np.eye(2), b)", (3, 2, 2), (2, 2)),
        ("np.linalg.solve(a + 3 * np.eye(2), b)", (3, 2, 2), (2,)),
        ("np.linalg.solve(a + 3 * np.eye(2), b)", (2, 2), (3, 2, 1)),
        ("np.linalg.solve(a + 3 * np.eye(2), b)", (2, 1, 2, 2), (3, 2, 2)),
        ("np.linalg.solve(a + 3 * np.eye(2), [1, 2])", (2, 2)),
        ("np.linalg.solve([[3, 1], [1, 2]], a)", (2, 3)),
        ("np.linalg.solve(b=b, a=a + 3 * np.eye(3))", (3, 3), (3,)),
    ],
    np.linalg.inv: [
        ("np.linalg.inv(a + 3 * np.eye(3))", (3, 3)),
        ("np.linalg.inv(a + 3 * np.eye(2))", (3, 2, 2)),
    ],
    np.unique: [("np.unique(a)", (2, 3)), ("np.unique([[1.0, 2.0], [3.0, 1.0]] + a * 0.1)", ())],
    sliding_window_view: [
        ("sliding_window_view(a, 2)", (4,)), ("sliding_window_view(a, (2, 2))", (3, 3)),
        ("sliding_window_view(a, 2, axis=0)", (3, 2)),
    ],
    np.flipud: [("np.flipud(a)", (2, 3)), ("np.flipud(m=a)", (3,))],
    np.fliplr: [("np.fliplr(a)", (2, 3))],
    np.atleast_1d: [("np.atleast_1d(a)", ()), ("np.atleast_1d(a, b)", (), (2, 3))],
    np.atleast_2d: [("np.atleast_2d(a)", (3,)), ("np.atleast_2d(a)", ())],
    np.atleast_3d: [("np.atleast_3d(a)", shape) for shape in ((), (3,), (2, 3), (2, 2, 2))],
    np.full_like: [
        ("np.full_like(a, a[0])", (2, 3)), ("np.full_like(a, a, dtype=float, shape=(3, 2))", (2,)),
    ],
    np.append: [
        ("np.append(a, 2.0)", (2, 3)), ("np.append([1, 2], a)", (2, 3)),
        ("np.append(a, b, axis=0)", (2, 3), (1, 3)),
    ],
    np.dstack: [("np.dstack([a, b])", (2, 3), (2, 3)), ("np.dstack([a, [1, 2]])", (2,))],
    np.column_stack: [
        ("np.column_stack([a, b])", (3,), (3, 2)), ("np.column_stack([a, [1, 2]])", (2,)),
    ],
    np.hsplit: [("np.hsplit(a, 2)", (2, 4)), ("np.hsplit(a, [1])", (3,))],
    np.vsplit: [("np.vsplit(a, [1, 2])", (3, 2))],
    np.dsplit: [("np.dsplit(a, 3)", (2, 1, 3))],
    np.meshgrid: [
        ("np.meshgrid(a, b)", (3,), (2,)), ("np.meshgrid(a, b, indexing='ij')", (3,), (2,)),
        ("np.meshgrid(a, [1, 2], b)[::2]", (3,), ()),
    ],
    np.diag: [
        ("np.diag(a)", (3,)), ("np.diag(a, k=-1)", (2,)), ("np.diag(a, 1)", (3, 4)),
    ],
    np.linspace: [
        ("np.linspace(a, b, 4)", (), ()), ("np.linspace(0.0, a, num=3, endpoint=False)", (2,)),
        ("np.linspace(a, [1, 2], 3, axis=-1)", (2,)),
    ],
    np.fmax: [
        ("np.fmax(a, 0.1)", (2, 3)), ("np.fmax(np.where([True, False, False], np.nan, a), b)",
         (2, 3), (3,)),
    ],
    np.fmin: [
        ("np.fmin(0.1, a)", (2, 3)), ("np.fmin(a, np.where([True, False, False], np.nan, b))",
         (2, 3), (3,)),
    ],
    np.polyval: [
        ("np.polyval(a, b)", (3,), (2, 3)), ("np.polyval([2, 0, 1], a)", (2, 3)),
        ("np.polyval(a, [1.0, 2.0])", (4,)),
    ],
    np.nan_to_num: [
        ("np.nan_to_num(np.where([True, False, False], np.nan, a))", (2, 3)),
        ("np.nan_to_num(np.where([True, False, False], np.inf, a), posinf=2.0)", (2, 3)),
        ("np.nan_to_num(np.where([True, False, False], -np.inf, a), True, 0.0, 1.0, -1.0)", (3,)),
    ],
    np.select: [
        ("np.select([a > 0, a < -0.5], [a * a, b], 2.0)", (2, 3), (3,)),
        ("np.select([[True, False, False]], [a], default=b)", (2, 3), ()),
    ],
    np.sinc: [
        ("np.sinc(a)", (2, 3)), ("np.sinc(a)", [0.0, 0.05, -0.09, 0.12]), ("np.sinc(a)", ()),
    ],
    np.interp: [
        ("np.interp(a, [-1, 0, 0.5], b)", [[-0.7, 0.2], [-1.5, 3.0]], (3,)),
        ("np.interp([0.3, 1.4, 5.0], a, b, left=0.5, right=-2.0)", [0.4, 1.0, 2.5], (3,)),
        ("np.interp(0.6, [0.0, 1.0], a)", (2,)),
    ],
    np.nansum: [
        ("np.nansum(np.where([True, False, False], np.nan, a), axis=0)", (2, 3)),
        ("np.nansum(a, 1, keepdims=True)", (2, 3)),
    ],
    np.nanmean: [
        ("np.nanmean(np.where([True, False, False], np.nan, a))", (2, 3)),
        ("np.nanmean(np.where([[True], [False]], np.nan, a), 0, keepdims=True)", (2, 3)),
    ],
    np.kron: [
        ("np.kron(a, b)", (2, 3), (3, 2)), ("np.kron(a, b)", (3,), (2, 2)),
        ("np.kron([1, 2], a)", (2,)), ("np.kron(a, 2.0)", (2,)),
    ],
    np.cross: [
        ("np.cross(a, b)", (3,), (3,)), ("np.cross(a, b)", (2, 3), (3,)),
        ("np.cross(a, b, axis=0)", (3, 2), (3, 2)), ("np.cross([1, 2, 3], a)", (3,)),
        ("np.cross(a, b, 0, 1, 0)", (3, 2), (2, 3)),
    ],
    np.average: [
        ("np.average(a)", (2, 3)), ("np.average(a, 1, np.array([1, 2, 3]))", (2, 3)),
        ("np.average(a, weights=b * b)", (2, 3), (2, 3)), ("np.average([1.0, 2], weights=a)", (2,)),
        ("np.average(a, axis=0, weights=[1, 3], keepdims=True)", (2, 3)),
    ],
    np.median: [
        ("np.median(a)", (2, 3)), ("np.median(a, axis=1)", (2, 3)), ("np.median(a, 0)", (4, 3)),
        ("np.median(a, (0, 2), keepdims=True)", (2, 3, 2)), ("np.median(a)", ()),
    ],
    np.quantile: [
        ("np.quantile(a, 0.3)", (2, 3)), ("np.quantile(a, [0.0, 0.35, 1.0], axis=0)", (4, 3)),
        ("np.quantile(a, [[0.2], [0.9]], -1, keepdims=True)", (2, 3)),
    ],
    np.percentile: [("np.percentile(a, 30)", (2, 3)), ("np.percentile(a, [5, 50], 1)", (2, 4))],
    np.cov: [
        ("np.cov(a)", (3, 4)), ("np.cov(a)", (4,)), ("np.cov(a, b)", (4,), (4,)),
        ("np.cov(a, rowvar=False, bias=True)", (4, 3)), ("np.cov(a, None, True, False, 2)", (2, 4)),
    ],
    np.corrcoef: [("np.corrcoef(a)", (3, 4)), ("np.corrcoef(a, b)", (4,), (4,)),
                  ("np.corrcoef(a, rowvar=False)", (4, 2))],
    np.convolve: [
        *[(f"np.convolve(a, b, '{mode}')", (5,), (n,))
          for mode in ("full", "same", "valid") for n in (1, 2, 3)],
        ("np.convolve([1, 2], a)", (3,)), ("np.convolve(a, b, mode='same')", (2,), (5,)),
    ],
    np.trapezoid: [
        ("np.trapezoid(a)", (4,)), ("np.trapezoid(a, dx=0.5, axis=0)", (3, 2)),
        ("np.trapezoid(a, b, axis=0)", (3, 2), (3,)), ("np.trapezoid(a, b)", (2, 3), (2, 3)),
        ("np.trapezoid(a, [0, 1, 3])", (2, 3)),
    ],
    np.gradient: [
        ("np.gradient(a)", (4,)), ("np.gradient(a, 0.5)", (3, 4)),
        ("np.gradient(a, 0.5, 2.0)", (3, 3)), ("np.gradient(a, axis=1)", (3, 4)),
    ],
    np.vdot: [("np.vdot(a, b)", (2, 3), (2, 3)), ("np.vdot(a, [1, 2])", (2,))],
    np.linalg.det: [
        ("np.linalg.det(a + 3 * np.eye(3))", (3, 3)), ("np.linalg.det(a)", (2, 2, 2)),
        ("np.linalg.det(a)", [[1.0, 2.0], [3.0, 6.0]]), ("np.linalg.det(a)", np.zeros((3, 3))),
        ("np.linalg.det(a)", np.diag([1.0, 2.0, 0.0])), ("np.linalg.det(a)", (1, 1)),
    ],
    np.linalg.slogdet: [("np.linalg.slogdet(a + 3 * np.eye(3))[1]", (3, 3))],
    linalg.logabsdet: [
        ("np.linalg.slogdet(a + 3 * np.eye(3)).logabsdet", (3, 3)),
        ("np.linalg.slogdet(a - 3 * np.eye(3))[1]", (2, 3, 3)),
    ],
    np.linalg.cholesky: [
        ("np.linalg.cholesky(a @ a.T + np.eye(3))", (3, 3)),
        ("np.linalg.cholesky(a @ a.mT + np.eye(2))", (2, 2, 2)),
    ],
    np.linalg.pinv: [
        ("np.linalg.pinv(a)", (3, 2)), ("np.linalg.pinv(a)", (2, 3)),
        ("np.linalg.pinv(a + 3 * np.eye(2))", (2, 2, 2)),
    ],
    np.linalg.eigvalsh: [("np.linalg.eigvalsh(a + a.T, UPLO='U')", (3, 3))],
    np.linalg.eigh: [("list(np.linalg.eigh(a + a.T, 'U'))", (3, 3))],
    linalg.eigenvalues: [
        ("np.linalg.eigvalsh(a + a.T)", (3, 3)), ("np.linalg.eigh(a + a.mT)[0]", (2, 2, 2)),
    ],
    linalg.eigenvectors: [
        ("np.linalg.eigh(a + a.T).eigenvectors ** 2", (3, 3)),
        ("np.linalg.eigh(a + a.mT)[1]", (2, 2, 2)),
    ],
    np.linalg.svd: [("np.linalg.svd(a, compute_uv=False)", (2, 3))],
    np.linalg.svdvals: [("np.linalg.svdvals(a)", (3, 2))],
    linalg.singular_values: [
        ("np.linalg.svd(a, compute_uv=False)", shape) for shape in ((3, 2), (2, 3), (2, 2, 2))
    ],
    np.linalg.matrix_power: [
        ("np.linalg.matrix_power(a + np.eye(2), n)".replace("n)", f"{n})"), (2, 2))
        for n in (-2, 0, 1, 2, 5)
    ],
    np.linalg.multi_dot: [
        ("np.linalg.multi_dot([a, b, c])", (3,), (3, 2), (2, 3)),
        ("np.linalg.multi_dot([a, [[1.0], [2.0]]])", (3, 2)),
    ],
    # microloss.functional
    F.leaky_relu: [("F.leaky_relu(a, negative_slope=0.3)", (2, 3))],
    F.elu: [("F.elu(a, alpha=0.7)", (2, 3))],
    F.gelu: [("F.gelu(a, approximate='tanh')", (2, 3))],
    F.logsumexp: [
        ("F.logsumexp(a)", (2, 3)), ("F.logsumexp(a, axis=0)", (2, 3)),
        ("F.logsumexp(a, axis=(0, -1), keepdims=True)", (2, 3, 2)),
    ],
    F.softmax: [
        ("F.softmax(a)", (2, 3)), ("F.softmax(a, axis=0)", (2, 3)),
        ("F.softmax(a, axis=(0, 2))", (2, 3, 2)),
    ],
    F.log_softmax: [
        ("F.log_softmax(a)", (2, 3)), ("F.log_softmax(a, axis=1)", (2, 3, 2)),
        ("F.log_softmax(a, axis=(0, 2))", (2, 3, 2)),
    ],
    F.dot: [
        ("F.dot(a, b)", (2, 3), (2, 3)), ("F.dot(a, np.arange(3.0))", (3,)), ("F.dot(a, a)", (3,)),
    ],
    F.xlogy: [
        ("F.xlogy(a, b)", (2, 3), (3,)), ("F.xlogy(a, 0.3)", (2, 3)), ("F.xlogy(2, a)", (2, 3)),
    ],
    F.norm: [("F.norm(a, np.inf, axis=0)", (2, 3))],
    linalg.p_norm: [
        ("F.norm(a)", (2, 3)), ("F.norm(a, axis=0)", (2, 3)), ("F.norm(a, 3, axis=-1)", (2, 3)),
        ("F.norm(a, 1, axis=1, keepdims=True)", (2, 3)), ("F.norm(a, 1.5, axis=(0, 2))", (2, 3, 2)),
    ],
    F.pairwise_distance: [
        ("F.pairwise_distance(a, b)", (2, 3), (3,)),
        ("F.pairwise_distance(a, b, 1.0, eps=0.0, keepdims=True)", (2, 3), (2, 3)),
    ],
    F.cosine_similarity: [
        ("F.cosine_similarity(a, b)", (2, 3), (2, 3)),
        ("F.cosine_similarity(a, b, axis=-1)", (2, 1, 3), (2, 3)),
    ],
    F.linear: [
        ("F.linear(a, b, c)", (4, 3), (2, 3), (2,)), ("F.linear(a, b)", (4, 3), (2, 3)),
        ("F.linear(a, b, c)", (3,), (2, 3), (2,)), ("F.linear(a, b, c)", (2, 2, 3), (2, 3), (2,)),
        ("F.linear(a, b, None)", (2, 2, 3), (2, 3)), ("F.linear(np.ones((2, 3)), a)", (2, 3)),
    ],
    F.dropout: [("F.dropout(a, 0.4, rng=np.random.default_rng(0))", (3, 4))],
}  # fmt: skip

CASES = [
    *(row(fn, f"np.{fn.__name__}(a)", shape) for fn in UNARY for shape in ((2, 3), ())),
    *(
        row(fn, f"np.{fn.__name__}(a, b)", *shapes)
        for fn in BINARY
        for shapes in (((2, 3), (2, 3)), ((2, 1), (1, 3)), ((3,), (2, 3)), ((2, 3), ()))
    ),
    *(row(fn, f"F.{fn.__name__}(a)", shape) for fn in SMOOTH for shape in ((2, 3), ())),
    *(row(fn, *example) for fn, examples in TABLE.items() for example in examples),
]


# ---- the check -----------------------------------------------------------------------------------


def assert_close(got, want, what):
    assert np.shape(got) == np.shape(want), f"{what}: shape {np.shape(got)}, not {np.shape(want)}"
    scale = max(1.0, np.max(np.abs(want), initial=0))
    error = np.max(np.abs(got - want), initial=0) / scale
    assert error <= TOLERANCE, f"{what}: off by {error:.1e}\n{got}\ninstead of\n{want}"


def check(case):
    """Raise AssertionError if a first or second derivative of the case is wrong."""
    variables = [Tensor(x, requires_grad=True) for x in case.point]
    first = ml.grad(case.weighed(variables), variables)
    for i, (got, want) in enumerate(zip(first, case.slopes)):
        assert_close(got, want, f"{case}: gradient of variable {i}")

    recorded = ml.grad(case.weighed(variables), variables, create_graph=True)
    for i, (got, want) in enumerate(zip(recorded, first)):
        assert_close(got.data, want, f"{case}: gradient of variable {i} with create_graph=True")
    along = sum(np.sum(v * g) for v, g in zip(case.direction, recorded))
    for i, (got, want) in enumerate(zip(ml.grad(along, variables), case.bends)):
        assert_close(got, want, f"{case}: second derivative in variable {i}")
