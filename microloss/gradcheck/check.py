"""Finite differences against backward, and an explanation when they disagree.

f becomes one number s(x) = sum(w f(x)), with random weights w: weights of one would hide whatever
cancels in a sum. Each element of x moves to both sides, and the slope of s is compared with what
backward says. Three errors limit the comparison:

Truncation. The slope over [-h, h] is wrong by about h^2. Combined with the slope over [-2h, 2h]
so that these errors cancel (Richardson), it is wrong by about h^4.
Rounding. A value v between x and s is rounded by up to eps v, which moves s by eps v ds/dv, and
its slope by that over h.  backward knows ds/dv for every v, so this is computed, not guessed.
Kinks and edges. Where f bends within 2h of x, or ends, h is too long. So an element that
disagrees is tried with steps that are 16 times shorter each, until two of them give one slope.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..engine.grad import differentiate, on_path_to
from ..engine.tensor import Tensor
from .explanations import explain

__all__ = ["GradientError", "Taylor", "explain", "gradcheck", "taylor_check"]

Array = np.ndarray | Tensor
EPS = np.finfo(float).eps
SHORTER = 16.0 ** -np.arange(5)
quiet = np.errstate(all="ignore")  # away from the point, anything may happen


class GradientError(AssertionError):
    """backward and finite differences disagree, or f cannot be checked; the message says why."""

    __module__ = "microloss.gradcheck"  # where users import it from


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

    Returns True; without raise_exception, False for a wrong gradient. Raises GradientError, with
    an explanation; TypeError and ValueError for inputs that allow no check, such as float32: its
    rounding error of 6e-8 over a step of 1e-3 leaves too few digits to judge a rule by.

    A gradient that drowns in the rounding of f, such as that of sigmoid at 40, is beyond any
    differences, and passes. Choose points where f still moves.

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
    h, h^2 and h^3. A wrong gradient g leaves the second row at h.

    A slope is fitted, on logarithmic axes, to the last four remainders above rounding; it is inf
    where there are not two. More than expected is not a mistake: the next term may happen to be 0.

    steps : from the longest to the shortest.

    Raises: GradientError when the last slope is below order + 1 - tolerance (without
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
    h = np.array(steps, float)
    changes = np.array([probe.change(v, step) for step in h])
    remainders = np.abs(changes - np.cumsum([c * h**i for i, c in enumerate(terms)], axis=0))
    slopes = tuple(log_slope(h, row, 1000 * EPS * max(noise)) for row in remainders)
    if raise_exception and not slopes[-1] >= order + 1 - tolerance:
        raise GradientError(
            f"taylor_check: the remainder of order {order} shrinks like h^{slopes[-1]:.2f}, not "
            f"like h^{order + 1}: the {('gradient', 'second derivative')[order - 1]} is wrong "
            "(gradcheck tells where), or f has a kink nearby"
        )
    return Taylor(h, remainders, slopes)


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
            paths = [on_path_to({x}, y) for x in tensors]
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


def derivatives(output, gradient, wrt, create_graph):
    """differentiate(), but empty where there is nothing to differentiate."""
    if not output.requires_grad:
        return {}
    try:
        return differentiate(output, gradient, True, create_graph, wrt)
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
