"""Why a gradient is wrong: backward against finite differences, and the likely cause.

Each diagnosis is one test on the two gradients, and on whatever else is known; the surer ones come
first. A new one is a function that returns a clause or None, and a place in DIAGNOSES.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from ..functional import sigmoid

__all__ = ["explain"]

quiet = np.errstate(all="ignore")  # a division by a gradient of 0 is part of the comparison


@dataclass
class Disagreement:
    """What a diagnosis may look at: the arguments of explain()."""

    analytic: np.ndarray
    numeric: np.ndarray
    x: np.ndarray | None = None
    bad: Any = None
    order: int = 1
    shapes: dict[str, tuple] = field(default_factory=dict)
    g: np.ndarray | None = None
    parts: np.ndarray | None = None
    line: Callable | None = None
    step: float = 1e-7

    def __post_init__(self):
        error, size = np.abs(self.analytic - self.numeric), np.abs(self.numeric)
        if self.bad is None:
            self.bad = ~(error <= 1e-6 * size + 1e-10 * np.max(size))
        error = np.where(self.bad, np.nan_to_num(error, nan=np.inf), -1)
        self.worst = tuple(map(int, np.unravel_index(np.argmax(error), error.shape)))
        self.blur = np.fmin(1e-5, 0.01 * np.max(error) / np.max(size))

    def alike(self, a, b):
        """Whether a is b, so nearly that the disagreement is explained by what tells them apart."""
        return bool(np.all(np.abs(a - b) <= self.blur * (np.abs(b) + 1e-3 * np.max(np.abs(b)))))


@quiet
def explain(analytic: np.ndarray, numeric: np.ndarray, x: np.ndarray | None = None, **known) -> str:
    """Say how the gradient from backward differs from the numeric one, and the likely cause.

    Two arrays are enough; x, the input they belong to, and each of these let more causes be seen:

    bad : mask of the elements that disagree; by default those off by more than 1e-6 relative.
    order : 2 when both are second derivatives and the first ones agreed.
    shapes : name -> shape of inputs and outputs, to recognise a factor that is a length.
    g : the gradient that backward started from, of the output's shape.
    parts : numeric split by the output elements it comes from, of shape x.shape + output shape.
    line : (index, t) -> change of the function when element `index` of x moves by t.
    step : a kink or jump is looked for along the line within 16 times this, times max(1, |x|).

    >>> print(explain(np.array([-2.0, -4.0]), np.array([2.0, 4.0])))
    element (1,): backward gives -4, central differences give 4. All 2 elements disagree.
    Likely cause: the sign is flipped.
    """
    analytic, numeric = np.asarray(analytic, float), np.asarray(numeric, float)
    if analytic.shape != numeric.shape:
        return (
            f"backward gives shape {analytic.shape}, the input has shape {numeric.shape}: what "
            "broadcasting repeated must be summed back."
        )
    d = Disagreement(analytic, numeric, None if x is None else np.asarray(x), **known)
    if not d.bad.any():
        return f"backward and central differences agree at all {d.bad.size} elements."
    cause = next(filter(None, (diagnosis(d) for diagnosis in DIAGNOSES)), None)
    element = f"element {d.worst}: " if d.worst else ""
    return (
        f"{element}backward gives {analytic[d.worst]:.9g}, central differences give "
        f"{numeric[d.worst]:.9g}. {extent(d)}{f'Likely cause: {cause}.' if cause else unknown(d)}"
    )


def extent(d):
    """How many elements disagree, and which they are where that is simple to say."""
    count, size = d.bad.sum(), d.bad.size
    if count == size:
        return f"All {size} elements disagree. " if size > 1 else ""
    masks = {
        f"index {k} of axis {axis}": places == k
        for axis, places in enumerate(np.indices(d.bad.shape))
        for k in np.unique(places)
    }
    if d.x is not None:
        masks |= {"negative x": d.x < 0, "positive x": d.x > 0}
    which = [f", those at {name}" for name, mask in masks.items() if np.array_equal(d.bad, mask)]
    return f"{count} of {size} elements disagree{which[0] if which and count > 1 else ''}. "


def unknown(d):
    ratio = d.analytic[d.bad] / d.numeric[d.bad]
    low, high = f"{ratio.min():.9g}", f"{ratio.max():.9g}"
    span = low if low == high else f"from {low} to {high}"
    return f"No known pattern: backward / numeric is {span}."


# Each diagnosis makes one test, and returns a clause or None. The surer ones come first.


def not_finite(d):
    if not np.isfinite(d.analytic[d.bad]).all():
        return "backward makes nan or inf (0 * inf, in a branch that np.where does not take?)"


def kink(d):
    """Continue s from both sides along its tangents: do they meet at an angle, or not at all?"""
    if d.line is None or d.x is None:
        return None
    h = 16 * d.step * max(1, abs(d.x[d.worst]))
    at = {k: d.line(d.worst, k * h) for k in (-3, -2, -1, 1, 2, 3)}
    left, right = (at[-1] - at[-2]) / h, (at[2] - at[1]) / h
    bend = abs(left - (at[-2] - at[-3]) / h) + abs((at[3] - at[2]) / h - right)
    blur = 10 * bend + 1e-5 * max(abs(left), abs(right), abs(d.analytic[d.worst]))
    gap = at[1] - at[-1] - (left + right) * h
    name = "f" if d.order == 1 else "the gradient of f"
    if abs(gap) > (abs(left - right) + blur) * h:
        return f"{name} jumps here and has no derivative: move the point away"
    if abs(left - right) > blur:
        place = f"at distance {abs(gap / (left - right)):.2g}"
        return f"{name} has a kink, {place}, and no derivative: move the point away"


def unsettled(d):
    if not np.isfinite(d.numeric[d.bad]).all():
        return "f ends or bends too near for differences: move the point away, or try a smaller eps"


def second_order(d):
    if d.order == 2:
        return "the first order is right: a rule looks at .data, or takes something for a constant"


def detached(d):
    if np.all(d.analytic[d.bad] == 0):
        return "a path is detached (by .data, detach() or no_grad()), or its rule returns zero"


def invented(d):
    if np.all(np.abs(d.numeric[d.bad]) < 1e-9 * np.abs(d.analytic[d.bad])):
        return "f does not change when these elements move, so backward should give 0"


def factor(d):
    """Is analytic = k numeric, and does k have a meaning?"""
    a, n = d.analytic[d.bad], d.numeric[d.bad]
    k = np.sum(a * n) / np.sum(n * n)
    if not d.alike(a, k * n):
        return None
    sign = "the sign is flipped" if k < 0 else ""
    if d.alike(abs(k), 1):
        return sign
    if d.g is not None and d.g.size == 1 and d.alike(k * d.g, 1):
        return "the incoming gradient g is not used"
    size = f"it is {abs(k):.9g} times what it should be" if len(a) > 1 else ""
    size = next((text for value, text in meanings(d.shapes) if d.alike(abs(k), value)), size)
    return size and " and ".join(filter(None, (sign, size)))


def meanings(shapes):
    """Factors that have a meaning: 2, 1/2, and the lengths and sizes of inputs and outputs."""
    yield (
        2,
        "it is twice what it should be: a 1/2 forgotten, a term counted twice, a sum of 2 elements",
    )
    yield 0.5, "it is half of what it should be: a 2 forgotten, or one of two equal paths detached"
    for name, shape in shapes.items():
        for axis, n in [*enumerate(shape), (None, int(np.prod(shape)))]:
            what = f"the size of {name}" if axis is None else f"the length of {name}, axis {axis}"
            if n > 2:
                yield n, f"it is {n} times too large, and {n} is {what}: a sum taken for a mean"
                yield 1 / n, f"it is {n} times too small, and {n} is {what}: a mean taken for a sum"


def misplaced(d):
    a, n = d.analytic, d.numeric
    for i, j in combinations(range(a.ndim), 2):
        if a.shape[i] == a.shape[j] and d.alike(a.swapaxes(i, j), n):
            return f"it is transposed, axes {i} and {j} are swapped"
    if a.ndim > 1 and d.alike(a.ravel(), n.T.ravel()):
        return "its elements are in transposed order: a reshape stands where a transpose belongs"
    if d.parts is not None and d.g is not None and d.g.size == a.size:
        jacobian = d.parts.reshape(a.size, a.size).T / d.g.reshape(-1, 1)
        if d.alike(a.ravel(), jacobian @ d.g.ravel()):
            return "the derivative is applied forwards: backward needs its transpose"
    if d.alike(np.sort(a, axis=None), np.sort(n, axis=None)):
        return "the numbers are right, but in the wrong places: look at the order of the indices"


INNER = {
    "x": lambda x: x, "x^2": np.square, "sqrt(x)": np.sqrt, "(1 + x^2)": lambda x: 1 + x * x,
    "exp(x)": np.exp, "log(x)": np.log, "sin(x)": np.sin, "cos(x)": np.cos,
    "tanh(x)": np.tanh, "(1 - tanh(x)^2)": lambda x: 1 - np.tanh(x) ** 2,
    "sigmoid(x)": sigmoid, "(1 - sigmoid(x))": lambda x: sigmoid(-x),
    "sigmoid(x) (1 - sigmoid(x))": lambda x: sigmoid(x) * sigmoid(-x),
}  # fmt: skip


def inner_derivative(d):
    """Is numeric / analytic, or its inverse, a known function of x, up to a constant?"""
    if d.x is None:
        return None
    factors = {f"{name}: see the chain rule": f(d.x[d.bad]) for name, f in INNER.items()}
    if d.g is not None and d.g.shape == d.x.shape:
        factors["g, the incoming gradient"] = d.g[d.bad]
    ratio = d.numeric[d.bad] / d.analytic[d.bad]
    for name, value in factors.items():
        if np.ptp(value) > 1e-3 * np.max(np.abs(value)):  # one number has any factor
            for text, k in (("misses the", ratio / value), ("has a needless", 1 / ratio / value)):
                if d.alike(k, k[0]):
                    return f"it {text} factor {'' if d.alike(k, 1) else f'{k[0]:.4g} '}{name}"


def one_slice(d):
    """Does backward hold one slice of what it should have summed?"""
    if d.parts is None:
        return None
    first = d.analytic.ndim
    outputs = range(first, d.parts.ndim)
    for axis in outputs:
        slices = d.parts.sum(axis=tuple(a for a in outputs if a != axis))
        for k in range(slices.shape[-1]):
            if d.alike(d.analytic[d.bad], slices[..., k][d.bad]):
                place = f"index {k} on axis {axis - first} of the output"
                return f"it holds only the share of {place}: broadcasting is not summed back"


def missing_term(d):
    """Is the difference a multiple of 1, sign(x) or a known function of x?"""
    off = d.analytic[d.bad] - d.numeric[d.bad]
    if len(off) < 3:
        return None
    terms = {"": np.ones(len(off))}
    if d.x is not None:
        functions = {"sign(x)": np.sign} | INNER
        terms |= {f" {name}": f(d.x[d.bad]) for name, f in functions.items()}
    for name, term in terms.items():
        k = np.sum(off * term) / np.sum(term * term)
        if d.alike(off, k * term):
            return f"a term is missing or too much: it is off by {k:.4g}{name} at these elements"


DIAGNOSES = (
    not_finite, kink, unsettled, second_order, detached, invented, factor, misplaced,
    inner_derivative, one_slice, missing_term,
)  # fmt: skip
