"""Finite differences against backward, and an explanation when they disagree.

f becomes one number s(x) = sum(w f(x)), with random weights w: weights of one would hide whatever
cancels in a sum.  Each element of x moves to both sides, and the slope of s is compared with what
backward says.  Three errors limit the comparison:

Truncation.  The slope over [-h, h] is wrong by about h^2.  Combined with the slope over [-2h, 2h]
so that these errors cancel (Richardson), it is wrong by about h^4.
Rounding.  A value v between x and s is rounded by up to eps v, which moves s by eps v ds/dv, and
its slope by that over h.  backward knows ds/dv for every v, so this is computed, not guessed.
Kinks and edges.  Where f bends within 2h of x, or ends, h is too long.  So an element that
disagrees is tried with steps that are 16 times shorter each, until two of them give one slope.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .functional import sigmoid
from .grad import differentiate, leading_to
from .tensor import Tensor

__all__ = ["GradientError", "Taylor", "explain", "gradcheck", "taylor_check"]

Array = np.ndarray | Tensor
EPS = np.finfo(float).eps
SHORTER = 16.0 ** -np.arange(5)
quiet = np.errstate(all="ignore")  # away from the point, anything may happen


class GradientError(AssertionError):
    """backward and finite differences disagree, or f cannot be checked; the message says why."""


# ---- the checks ----------------------------------------------------------------------------------


def gradcheck(
    f: Callable,
    inputs: Array | Sequence[Array],
    *,
    order: int = 1,
    eps: float = 2.0**-10,
    rtol: float = 1e-8,
    atol: float = 0.0,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Check backward against central differences at every element of every input.

    Passes where |backward - numeric| <= atol + rtol |numeric| + what rounding can do.

    f : called with one Tensor for each input; returns a Tensor of any shape, or a tuple of them.
    inputs : one float64 array or Tensor, or a list of them (a list always means several inputs).
    order : 2 checks the derivative of the gradient too, with respect to the inputs and to the
        gradient that backward starts from.
    eps : the longest step, times max(1, |x|).
    seed : of the random weights that make one number of f's output.

    Returns True; without raise_exception, False for a wrong gradient.  Raises GradientError, with
    an explanation; TypeError and ValueError for inputs that allow no check, such as float32: its
    rounding error of 6e-8 over a step of 1e-3 leaves too few digits to judge a rule by.

    A gradient that drowns in the rounding of f, such as that of sigmoid at 40, is beyond any
    differences, and passes.  Choose points where f still moves.

    >>> gradcheck(lambda x, w: np.tanh(x @ w), [np.ones((4, 3)), np.eye(3, 2)], order=2)
    True
    >>> from microloss import primitive
    >>> my_cos = primitive(lambda g, y, x: g * np.sin(x))(lambda x: np.cos(x))
    >>> gradcheck(my_cos, np.array([1.0, 2.0]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    microloss.gradcheck.GradientError: gradcheck: input 0 (x), element (0,): backward gives
    -0.95..., central differences give 0.95.... All 2 elements disagree. Likely cause: the sign is
    flipped.
    """
    point, rng = float64_arrays(inputs, order), np.random.default_rng(seed)
    names = [f"input {i}{name}" for i, name in enumerate(parameter_names(f, len(point)))]
    try:
        probe = Probe(f, point, rng)
        gradients, noise = compare(probe, names, 1, eps, rtol, atol)
        if order == 2:
            slopes = Probe(probe.recorded_gradients, point + probe.weights, rng)
            for i, (name, g) in enumerate(zip(names, gradients)):
                again = sum(y.data for y in slopes.outputs[i :: len(point)])
                if np.any(np.abs(g - again) > 1e-8 * np.abs(g) + 16 * EPS * noise[i]):
                    raise GradientError(
                        f"{name}: with create_graph=True backward gives another gradient, so a "
                        "rule treats Tensors and arrays differently"
                    )
            names += [f"incoming gradient {i}" for i in range(len(probe.weights))]
            compare(slopes, [f"second order, {name}" for name in names], 2, eps, rtol, atol)
    except GradientError as error:
        if raise_exception:
            raise GradientError(f"gradcheck: {error}") from error.__cause__
        return False
    return True


def compare(probe, names, order, eps, rtol, atol):
    """Raise GradientError with one line for each input whose gradient is wrong."""
    gradients, noise = probe.backward()
    noise = np.fmax(noise, probe.noise_nearby(eps))  # at a minimum all slopes are 0, not beside it
    shapes = dict(zip(names, (x.shape for x in probe.point)))
    shapes |= {f"output {i}": w.shape for i, w in enumerate(probe.weights)}
    complaints = []
    for i, (name, x, analytic) in enumerate(zip(names, probe.point, gradients)):

        def along(index, i=i):
            """The direction in which one element of input i moves."""
            direction = [np.zeros_like(x) for x in probe.point]
            direction[i][index] = 1
            return direction

        parts, agrees = [], np.zeros(x.shape, bool)
        for index in np.ndindex(x.shape):
            steps = eps * max(1, abs(x[index])) * SHORTER
            rounding = atol + 16 * EPS * noise[i] / steps
            slopes, agrees[index] = settle(
                probe, along(index), steps, analytic[index], rtol, rounding
            )
            parts.append(slopes)
        if not agrees.all():
            known = {"bad": ~agrees, "order": order, "shapes": shapes, "step": eps * SHORTER[-1]}
            known["line"] = lambda index, t, along=along: probe.change(along(index), t)
            if len(probe.weights) == 1:
                (g,) = probe.weights
                known |= {"g": g, "parts": np.reshape(parts, x.shape + g.shape)}
            numeric = np.sum(parts, axis=1).reshape(x.shape)
            complaints.append(f"{name}, {explain(analytic, numeric, x, **known)}")
    if complaints:
        raise GradientError("\n".join(complaints))
    return gradients, noise


@quiet
def settle(probe, direction, steps, analytic, rtol, rounding):
    """The numeric slopes, and whether the analytic one agrees with their sum at one of the steps.

    nan if no step is good: each gives another sum.
    """
    before = np.nan
    for h, tolerance in zip(steps, rounding):
        slopes = probe.slopes(direction, h)
        numeric = slopes.sum()
        tolerance += rtol * abs(numeric)
        if abs(analytic - numeric) <= tolerance:
            return slopes, True
        if abs(before - numeric) <= tolerance:
            return slopes, False  # shorter steps would only round more
        before = numeric
    return slopes * np.nan, False


class Taylor(NamedTuple):
    """What taylor_check measured: a row of remainders, and its slope, for each order from 0."""

    steps: np.ndarray
    remainders: np.ndarray
    slopes: tuple[float, ...]


def taylor_check(
    f: Callable,
    inputs: Array | Sequence[Array],
    *,
    order: int = 1,
    steps: Sequence[float] = tuple(10.0 ** -np.arange(1, 6.1, 0.5)),
    tolerance: float = 0.1,
    seed: int = 0,
    raise_exception: bool = True,
) -> Taylor:
    """Check that each term of the Taylor series leaves a remainder of the next power of h.

    Formula: with s = sum(w f) for random weights w, and a random direction v, the rows are
    |s(x + h v) - s(x)|, the same less h g.v, and for order 2 that less h^2/2 v.Hv: they shrink like
    h, h^2 and h^3.  A wrong gradient g leaves the second row at h.

    A slope is fitted, on logarithmic axes, to the last four remainders above rounding; it is inf
    where there are not two.  More than expected is no mistake: the next term may happen to be 0.

    steps : from the longest to the shortest.

    Raises GradientError when the last slope is below order + 1 - tolerance (without
    raise_exception, look at `slopes`); TypeError and ValueError as gradcheck does.

    >>> taylor = taylor_check(lambda x: x * np.exp(x), np.array([0.3, -0.5]), order=2)
    >>> [round(slope, 1) for slope in taylor.slopes]
    [1.0, 2.0, 3.0]
    """
    point, rng = float64_arrays(inputs, order), np.random.default_rng(seed)
    probe = Probe(f, point, rng)
    v = [nonzero(rng, x.shape) * np.maximum(1, np.abs(x)) for x in point]
    along_v = lambda gradients: sum(map(np.vdot, v, gradients))
    gradients, noise = probe.backward()
    terms = [0.0, along_v(gradients)]
    if order == 2:
        curvature = Probe(probe.recorded_gradients, point + probe.weights, rng)
        curvature.weights = v * len(probe.weights)
        terms.append(along_v(curvature.backward()[0]) / 2)
    steps = np.array(steps, float)
    changes = np.array([probe.change(v, h) for h in steps])
    remainders = np.abs(changes - np.cumsum([c * steps**i for i, c in enumerate(terms)], axis=0))
    slopes = tuple(log_slope(steps, row, 1000 * EPS * max(noise)) for row in remainders)
    if raise_exception and not slopes[-1] >= order + 1 - tolerance:
        raise GradientError(
            f"taylor_check: the remainder of order {order} shrinks like h^{slopes[-1]:.2f}, not "
            f"like h^{order + 1}: the {('gradient', 'second derivative')[order - 1]} is wrong "
            "(gradcheck tells where), or f has a kink nearby"
        )
    return Taylor(steps, remainders, slopes)


def log_slope(steps, remainders, floor):
    above = np.flatnonzero(~(remainders <= floor))[-4:]
    if len(above) < 2:
        return np.inf
    return float(np.polyfit(np.log(steps[above]), np.log(remainders[above]), 1)[0])


# ---- f near a point ------------------------------------------------------------------------------


class Probe:
    """s(x) = sum(w f(x)) near `point`, a list with one array for each input."""

    def __init__(self, f, point, rng):
        self.f, self.point = f, point
        tensors, outputs = self.run(point)
        for i, (tensor, x) in enumerate(zip(tensors, point)):
            if not np.array_equal(tensor.data, x):
                raise GradientError(f"f changes the data of input {i}: let it work on a copy")
        for y in outputs:
            if not isinstance(y, Tensor):
                raise GradientError(
                    f"f returns a {type(y).__name__}, not a Tensor, so backward cannot start "
                    "(was .data used on the way?)"
                )
            if y.dtype != np.float64:
                raise GradientError(f"f returns {y.dtype}: keep float64 throughout for a check")
            if not np.isfinite(y.data).all():
                raise GradientError("f returns nan or inf here: choose another point")
        if not sum(y.size for y in outputs):
            raise GradientError("f returns no numbers: there is nothing to check")
        for y, again in zip(outputs, self.run(point)[1]):
            if not np.allclose(y.data, again.data, rtol=1e-10, atol=0):
                raise GradientError(
                    "f is not deterministic, two calls at one point differ by up to "
                    f"{np.max(np.abs(y.data - again.data)):.3g}: if it draws random numbers, let "
                    "each call make its own Generator from a fixed seed"
                )
        self.outputs, self.weights = outputs, [nonzero(rng, y.shape) for y in outputs]

    def run(self, point):
        tensors = [Tensor(x, requires_grad=True) for x in point]
        return tensors, as_tuple(self.f(*tensors))

    def moved(self, direction, t):
        """w f(x + t direction), flat; nan where f refuses that point."""
        try:
            _, outputs = self.run([x + t * d for x, d in zip(self.point, direction)])
            return np.concatenate([(y.data * w).ravel() for y, w in zip(outputs, self.weights)])
        except (ValueError, ArithmeticError):
            return np.full(sum(w.size for w in self.weights), np.nan)

    @quiet
    def change(self, direction, t):
        """s(x + t direction) - s(x)"""
        return np.sum(self.moved(direction, t) - self.moved(direction, 0.0))

    def slopes(self, direction, h):
        """The derivative of w f along the direction, flat, by central differences."""

        def central(h):
            return (self.moved(direction, h) - self.moved(direction, -h)) / (2 * h)

        return (4 * central(h) - central(2 * h)) / 3

    def backward(self, away=0.0):
        """ds/dx for each input; and for each, the norm of v ds/dv over all v made from it."""
        tensors, outputs = self.run([x + away * np.maximum(1, np.abs(x)) for x in self.point])
        gradients, noise = [np.zeros(x.shape) for x in tensors], np.zeros(len(tensors))
        for y, w in zip(outputs, self.weights):
            paths = [leading_to({x}, y) for x in tensors]
            totals = derivatives(y, w, set().union(*paths), False)
            for i, (x, path) in enumerate(zip(tensors, paths)):
                gradients[i] = gradients[i] + totals.get(x, 0)
                noise[i] += norm(v.data * totals.get(v, 0) for v in path)
        return gradients, noise

    @quiet
    def noise_nearby(self, eps):
        try:
            return self.backward(eps)[1]
        except (ValueError, ArithmeticError):
            return 0.0

    def recorded_gradients(self, *tensors):
        """ds/dx as Tensors, a function of x and w: what to probe for the second order."""
        variables, weights = tensors[: len(self.point)], tensors[len(self.point) :]
        gradients = []
        for y, w in zip(as_tuple(self.f(*variables)), weights):
            totals = derivatives(y, w, set(variables), True)
            gradients += [totals.get(x, Tensor(np.zeros(x.shape))) for x in variables]
        return tuple(gradients)


@quiet
def norm(arrays):
    """The root of the sum of all squares; 0 where that overflows, so that it excuses nothing."""
    return np.nan_to_num(np.sqrt(sum(np.sum(a * a) for a in arrays)), nan=0, posinf=0)


def derivatives(output, gradient, towards, create_graph):
    """differentiate(), but empty where there is nothing to differentiate."""
    if not output.requires_grad:
        return {}
    try:
        return differentiate(output, gradient, True, create_graph, towards)
    except Exception as error:
        why = " with create_graph=True, a rule works on arrays only" if create_graph else ""
        raise GradientError(f"backward fails{why}: {error}") from error


def as_tuple(outputs):
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def nonzero(rng, shape):
    """Random numbers of either sign, none so small that what it multiplies goes unseen."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def float64_arrays(inputs, order):
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, got {order!r}")
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    point = [np.array(x.data if isinstance(x, Tensor) else x) for x in inputs]
    for i, x in enumerate(point):
        if x.dtype != np.float64:
            why = "is too coarse for differences" if x.dtype.kind == "f" else "cannot move by 0.001"
            raise TypeError(
                f"input {i} has dtype {x.dtype}, which {why}: pass x.astype(np.float64)"
            )
        if not x.size or not np.isfinite(x).all():
            raise ValueError(f"input {i} {'contains nan or inf' if x.size else 'has no elements'}")
    if not point:
        raise ValueError("inputs is empty: there is nothing to check")
    return point


def parameter_names(f, count):
    """What f calls its inputs, as ' (name)'."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # some functions written in C do not tell
        parameters = ()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return ([f" ({p.name})" for p in positional] + [""] * count)[:count]


# ---- explanations --------------------------------------------------------------------------------


@dataclass
class Disagreement:
    """What a diagnosis may look at: the arguments of explain()."""

    analytic: np.ndarray
    numeric: np.ndarray
    x: np.ndarray | None = None
    bad: np.ndarray | None = None
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


# Each diagnosis makes one test, and returns a clause or None.  The surer ones come first.


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
    yield 2, "it is twice what it should be: a term counted twice, or a sum of 2 taken for a mean"
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
    """Is the difference a multiple of 1, x or sign(x)?"""
    off = d.analytic[d.bad] - d.numeric[d.bad]
    if len(off) < 3:
        return None
    x = np.zeros(len(off)) if d.x is None else d.x[d.bad]
    for name, term in (("", np.ones(len(off))), (" x", x), (" sign(x)", np.sign(x))):
        k = np.sum(off * term) / np.sum(term * term)
        if d.alike(off, k * term):
            return f"a term is missing or too much: it is off by {k:.4g}{name} at these elements"


DIAGNOSES = (
    not_finite, kink, unsettled, second_order, detached, invented, factor, misplaced,
    inner_derivative, one_slice, missing_term,
)  # fmt: skip
