"""The checker: what is right passes, what is wrong fails and is named."""

import functools
import re
import warnings

import numpy as np
import pytest

import microloss as ml
from microloss import functional as F
from microloss import primitive
from microloss.engine.rules import RULES
from microloss.engine.tensor import Tensor
from microloss.gradcheck import GradientError, explain, gradcheck, taylor_check

SEEDS = range(5)


def draw(seed, *kinds):
    """Arrays, by kind: a shape of normal numbers, or "positive"."""
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.05, 2, (4, 3)) if kind == "positive" else rng.normal(size=kind)
        for kind in kinds
    ]


X, W, B = draw(0, (4, 3), (3, 3), (3,))


def message(f, inputs, **options):
    with pytest.raises(GradientError) as caught:
        gradcheck(f, inputs, **options)
    return str(caught.value)


def wrong(forward, *rules):
    """A primitive with rules that are not forward's derivative, known to the table when called."""

    @functools.wraps(forward)
    def fn(*args):
        return forward(*args)

    return functools.wraps(forward)(lambda *args: primitive(*rules)(fn)(*args))


@pytest.fixture(autouse=True)
def wrong_rules_are_forgotten():
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


# ---- what is right passes ------------------------------------------------------------------------

RIGHT = {
    "exp": (np.exp, (4, 3)),
    "log": (np.log, "positive"),
    "sqrt": (np.sqrt, "positive"),
    "tan": (np.tan, (4, 3)),
    "divide": (lambda a, b: a / b, (4, 3), "positive"),
    "power": (lambda a, p: a**p, "positive", (4, 3)),
    "arctan2": (np.arctan2, (4, 3), (4, 3)),
    "broadcasting": (lambda a, b, c: a * b + c, (4, 3), (3,), (4, 1)),
    "matmul": (lambda a, b: a @ b, (4, 3), (3, 2)),
    "einsum": (lambda a, b: np.einsum("ij,kj->ik", a, b), (4, 3), (2, 3)),
    "solve": (lambda a, b: np.linalg.solve(a @ a.T + np.eye(4), b), (4, 3), (4, 2)),
    "sort": (lambda a: np.sort(a, axis=0), (4, 3)),
    "indexing": (lambda a: a[[0, 0, 2], 1:], (4, 3)),
    "two outputs": (lambda a, b: (np.sin(a) @ b, a.sum(axis=0)), (4, 3), (3, 2)),
    "a list of outputs": (lambda a: np.split(a, 2), (4, 3)),
    "softmax": (F.softmax, (4, 3)),
    "log_softmax": (lambda x, w: F.log_softmax(np.tanh(x @ w)), (4, 3), (3, 3)),
    "logsumexp": (lambda x: F.logsumexp(x, axis=1), (4, 3)),
    "gelu": (F.gelu, (4, 3)),
    "relu": (F.relu, (4, 3)),
    "xlogy": (F.xlogy, (4, 3), "positive"),
    "norm": (lambda x: F.norm(x, 3, axis=1), (4, 3)),
    "cosine_similarity": (F.cosine_similarity, (4, 3), (4, 3)),
    "large logits": (lambda x: F.log_softmax(1e4 * x), (4, 3)),
    "tiny": (lambda x: 1e-15 * np.sum(x * x), (4, 3)),
    "huge": (lambda x: 1e15 * np.sum(x * x), (4, 3)),
    "fast": (lambda x: np.sin(1000 * x), (4, 3)),
    "cancelling": (lambda x: np.var(x + 1000, axis=1), (4, 3)),
    "gradient 0 everywhere": (lambda x: np.sum(F.softmax(x)), (4, 3)),
    "value 0 everywhere": (lambda x: np.sum(x - np.mean(x)), (4, 3)),
    "not used": (lambda a, b: 2 * a, (4, 3), (3,)),
    "constant": (lambda a: Tensor(3.0), (4, 3)),
    "one number": (lambda a: a * a, ()),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RIGHT)
def test_right_functions_pass(name, seed):
    f, *kinds = RIGHT[name]
    assert gradcheck(f, draw(seed, *kinds), order=2, seed=seed) is True


@pytest.mark.parametrize("seed", SEEDS)
def test_minimum_where_all_slopes_are_zero_passes(seed):
    features, w = draw(seed, (4, 3), (3,))
    target = features @ w
    assert gradcheck(lambda w: np.mean((features @ w - target) ** 2), w, order=2)


@pytest.mark.parametrize("x", [1e-3, 3e-6])
def test_edge_of_the_domain_is_no_error(x):
    assert gradcheck(np.log, np.array([x, 1.0]), order=2)


def test_function_that_refuses_points_outside_of_its_domain():
    def f(p):
        if p.data.max() > 1:
            raise ValueError("a probability above 1")
        return -np.log(p)

    assert gradcheck(f, np.array([0.3, 0.9999]), order=2)


def test_no_warnings_from_points_nearby():
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        assert gradcheck(lambda x: np.log(-x), np.array([-1e-4, -1.0]))
        taylor_check(np.log, np.array([0.01]), raise_exception=False)


def test_inputs_may_be_tensors_and_are_left_alone():
    x = Tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.array([5.0, 6.0])
    assert gradcheck(np.exp, x, order=2)
    assert x.grad.tolist() == [5.0, 6.0]
    assert x.data.tolist() == [1.0, 2.0]


def test_function_with_a_gradient_inside():
    """A gradient penalty: f differentiates in its turn."""

    def f(x, w):
        (slope,) = ml.grad(np.sum(np.tanh(x @ w)), x, create_graph=True)
        return np.sum(slope * slope)

    assert gradcheck(f, [X, W], order=2)


# ---- what is wrong fails, and is named -----------------------------------------------------------


def keep_first_order(g, y, x):
    """The derivative of x^3, in which one x is raw data."""
    return g * (3 * x * (Tensor(x.data) if isinstance(x, Tensor) else x))


def l2_loss(x):
    """sum(x^4) + 0.3 sum(x^2), whose penalty is forgotten."""
    return np.sum(x**4) + 0.15 * np.sum(x**2)


BUGS = {
    "sign": (wrong(np.cos, lambda g, y, x: g * np.sin(x)), [X], "the sign is flipped"),
    "zero": (wrong(np.sin, lambda g, y, x: 0 * g), [X], "a path is detached"),
    "all detached": (lambda x: Tensor(np.sin(x.data)), [X], "a path is detached"),
    "one path detached": (lambda x: x * x.data, [X], "half of what it should be"),
    "counted twice": (wrong(np.sin, lambda g, y, x: 2 * g * np.cos(x)), [X], "counted twice"),
    "scaled": (
        wrong(np.sin, lambda g, y, x: 1.0001 * g * np.cos(x)),
        [X],
        "it is 1.0001 times what it should be",
    ),
    "scaled by almost nothing": (
        wrong(np.sin, lambda g, y, x: (1 + 1e-6) * g * np.cos(x)),
        [X],
        "it is 1.000001 times what it should be",
    ),
    "scaled and flipped": (
        wrong(np.sin, lambda g, y, x: -0.7 * g * np.cos(x)),
        [X],
        "the sign is flipped and it is 0.7 times what it should be",
    ),
    "sum for mean": (
        wrong(np.mean, lambda g, y, x: g * np.ones(x.shape)),
        [X],
        "12 times too large, and 12 is the size of input 0 (a): a sum taken for a mean",
    ),
    "mean for sum": (
        wrong(lambda x: np.sum(x, axis=1), lambda g, y, x: (g / 3)[:, None] * np.ones(x.shape)),
        [X],
        "3 times too small, and 3 is the length of input 0 (x), axis 1: a mean taken for a sum",
    ),
    "mean over the batch": (
        wrong(lambda x, w: x @ w, lambda g, y, x, w: g @ w.T, lambda g, y, x, w: x.T @ g / 4),
        [X, W],
        "4 times too small, and 4 is the length of input 0 (x), axis 0",
    ),
    "transposed result": (
        wrong(lambda x, w: x @ w, lambda g, y, x, w: g @ w.T, lambda g, y, x, w: g.T @ x),
        [X, W],
        "transposed, axes 0 and 1",
    ),
    "transpose forgotten": (
        wrong(lambda x, w: x @ w, lambda g, y, x, w: g @ w, lambda g, y, x, w: x.T @ g),
        [X, W],
        "applied forwards: backward needs its transpose",
    ),
    "cumsum not reversed": (
        wrong(np.cumsum, lambda g, y, x: np.cumsum(g)),
        [X[0]],
        "applied forwards",
    ),
    "reshape for transpose": (
        wrong(np.transpose, lambda g, y, x: g.reshape(x.shape)),
        [X],
        "a reshape stands where a transpose belongs",
    ),
    "wrong order": (
        wrong(lambda x: x[[1, 2, 0, 3]].sum(axis=1), lambda g, y, x: g[:, None] * np.ones((4, 3))),
        [X],
        "right, but in the wrong places",
    ),
    "one row for the sum": (
        wrong(lambda x, b: x + b, lambda g, y, x, b: g, lambda g, y, x, b: g[0]),
        [X, B],
        "only the share of index 0 on axis 0 of the output: broadcasting is not summed back",
    ),
    "last column for the sum": (
        wrong(lambda x, b: x * b, lambda g, y, x, b: g * b, lambda g, y, x, b: (g * x)[:, 2:]),
        [X, B[:1] + np.ones((4, 1))],
        "only the share of index 2 on axis 1 of the output",
    ),
    "mean for the sum of a broadcast": (
        wrong(lambda x, b: x + b, lambda g, y, x, b: g, lambda g, y, x, b: g.mean(axis=0)),
        [X, B],
        "4 times too small, and 4 is the length of input 0 (x), axis 0",
    ),
    "incoming gradient forgotten": (wrong(np.exp, lambda g, y, x: y), [X], "misses the factor g,"),
    "incoming gradient of a number forgotten": (
        wrong(lambda x: np.sum(x * x), lambda g, y, x: 2 * x),
        [X],
        "the incoming gradient g is not used",
    ),
    "where is constant": (
        wrong(lambda x: np.sum(x, axis=1), lambda g, y, x: np.ones(x.shape) * 2.5 + 0 * x),
        [X],
        "No known pattern: backward / numeric is from",
    ),
    "forgotten penalty": (
        wrong(l2_loss, lambda g, y, x: g * 4 * x**3),
        [X],
        " x at these elements",
    ),
    "forgotten constant": (
        wrong(lambda x: np.sum(x**3 + 0.2 * x), lambda g, y, x: g * 3 * x**2),
        [X],
        "a term is missing or too much",
    ),
    "forgotten term": (
        wrong(lambda x: np.sum(x**3 + 0.5 * np.exp(x)), lambda g, y, x: g * 3 * x**2),
        [X],
        " exp(x) at these elements",
    ),
    "no influence": (
        wrong(lambda x: np.sum(x[:, :2]), lambda g, y, x: g * np.ones(x.shape)),
        [X],
        "f does not change when these elements move",
    ),
    "nan": (
        lambda x: np.where(x > 0, np.sqrt(x * (x > 0)), x),
        [np.array([1.0, -2.0])],
        "backward makes nan or inf",
    ),
    "rule of a wrong shape": (
        wrong(np.cumsum, lambda g, y, x: g),
        [X],
        "backward fails: the rule of cumsum for argument 0 returned shape (12,)",
    ),
}  # fmt: skip
INNER = {
    "x": (lambda x: x**2 / 2, lambda x: 1.0),
    "x^2": (lambda x: x**3 / 3, lambda x: 1.0),
    "3 x^2": (lambda x: x**3, lambda x: 1.0),
    "exp(x)": (np.exp, lambda x: 1.0),
    "cos(x)": (np.sin, lambda x: 1.0),
    "-1 sin(x)": (np.cos, lambda x: 1.0),
    "(1 - tanh(x)^2)": (np.tanh, lambda x: 1.0),
    "sigmoid(x) (1 - sigmoid(x))": (F.sigmoid, lambda x: 1.0),
    "(1 - sigmoid(x))": (F.sigmoid, F.sigmoid),
    "sigmoid(x)": (F.softplus, lambda x: 1.0),
    "2 x": (lambda x: np.exp(x * x), lambda x: np.exp(x * x)),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", BUGS)
def test_bugs_are_named(name, seed):
    f, inputs, cause = BUGS[name]
    with np.errstate(divide="ignore", invalid="ignore"):  # the nan is the point of one of them
        assert cause in message(f, inputs, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("factor", INNER)
def test_missing_inner_derivative_is_named(factor, seed):
    forward, slope = INNER[factor]
    f = wrong(forward, lambda g, y, x: g * slope(x))
    (x,) = draw(seed, (4, 3))
    assert f"misses the factor {factor}: see the chain rule" in message(f, x, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_needless_factor_is_named(seed):
    f = wrong(np.log, lambda g, y, x: g / (x * x) * np.log(x))
    (x,) = draw(seed, "positive")
    assert "No known pattern" in message(f, x)  # two factors at once are too many
    f = wrong(np.log, lambda g, y, x: g / x * np.exp(x))
    assert "has a needless factor exp(x)" in message(f, x)


def test_message_says_what_where_and_how_many():
    f = wrong(lambda weight: weight[:2] * 1.0, lambda g, y, weight: np.pad(-g, ((0, 2), (0, 0))))
    found = re.fullmatch(
        r"gradcheck: input 0 \(weight\), element \((\d), (\d)\): backward gives (\S+), "
        r"central differences give (\S+)\. 6 of 12 elements disagree\. "
        r"Likely cause: the sign is flipped\.",
        message(f, X),
    )
    row, _, analytic, numeric = map(float, found.groups())
    assert row < 2
    assert 0.5 <= abs(analytic) <= 1.5
    assert analytic == -numeric


def test_every_wrong_input_has_its_line():
    f = wrong(
        lambda x, w, b: x @ w + b,
        lambda g, y, x, w, b: -(g @ w.T),
        lambda g, y, x, w, b: x.T @ g,
        lambda g, y, x, w, b: 3.1 * g.sum(axis=0),
    )
    first, second = message(f, [X, W, B]).splitlines()
    assert "input 0 (x)" in first and "the sign is flipped" in first
    assert "input 2 (b)" in second and "it is 3.1 times" in second


def test_wrong_in_one_of_two_outputs():
    f = wrong(np.sin, lambda g, y, x: -g * np.cos(x))
    assert "input 0 (x)" in message(lambda x: (x * x, f(x)), X)
    assert "input 0 (x)" in message(lambda x: (f(x), x * x), X)


@pytest.mark.parametrize(
    ("mask", "where"),
    [
        (X < 0, "those at negative x"),
        (X > 0, "those at positive x"),
        (np.arange(4)[:, None] == 2, "those at index 2 of axis 0"),
        (np.arange(3) == 0, "those at index 0 of axis 1"),
    ],
)
def test_message_says_which_elements_when_that_is_simple(mask, where):
    f = wrong(np.sin, lambda g, y, x: g * np.cos(x) * np.where(mask, -1, 1))
    text = message(f, X)
    assert f"of 12 elements disagree, {where}." in text
    assert "the sign is flipped" in text


# ---- nothing masks a wrong rule ------------------------------------------------------------------


@pytest.mark.parametrize("bug", [lambda d: 0 * d, lambda d: -d, lambda d: d * (1 + 1e-6)])
@pytest.mark.parametrize("scale", [1e-150, 1e-15, 1, 1e15, 1e200])
def test_no_scale_hides_a_wrong_rule(scale, bug):
    right = wrong(lambda x: scale * x**3, lambda g, y, x: g * (3 * scale * x**2))
    f = wrong(lambda x: scale * x**3, lambda g, y, x: bug(g * (3 * scale * x**2)))
    assert gradcheck(right, X)
    assert not gradcheck(f, X, raise_exception=False)


@pytest.mark.parametrize("seed", range(20))
def test_every_element_of_the_output_is_weighed(seed):
    """A rule that is wrong for one element of the output only, by a thousandth."""
    at = seed % 12
    error = 1 + 1e-3 * (np.arange(12) == at).reshape(4, 3)
    f = wrong(np.sin, lambda g, y, x: g * np.cos(x) * error)
    assert "1 of 12 elements" in message(f, X, seed=seed)


def test_one_small_gradient_beside_large_ones_is_checked():
    f = wrong(np.exp, lambda g, y, x: g * y * (x > -10))
    text = message(f, np.array([1.0, 2.0, -20.0]))
    assert "element (2,)" in text and "1 of 3 elements" in text and "detached" in text


@pytest.mark.parametrize("x", [1e-3, 1.0, 1e6, 1e12])
def test_no_size_of_the_input_hides_a_wrong_rule(x):
    f = wrong(np.log, lambda g, y, x: g / x * (1 + 1e-6))
    assert gradcheck(np.log, np.array([x]))
    assert not gradcheck(f, np.array([x]), raise_exception=False)


def test_what_cancels_in_a_sum_is_seen():
    """Cotangents of ones cannot see softmax's gradient: each row sums to 1."""
    assert "All 12 elements" in message(wrong(F.softmax, lambda g, y, x: 0 * g), X)


@pytest.mark.parametrize("fn", [np.add, np.multiply, np.sum])
@pytest.mark.parametrize("order", [1, 2])
def test_the_checker_does_not_lean_on_the_rules_it_checks(monkeypatch, fn, order):
    def flipped(rule):
        def call(g, *args, **kwargs):
            return np.negative(rule(g, *args, **kwargs))

        call.__code__ = call.__code__.replace()
        return call

    right = RULES[fn]
    calls = {np.add: lambda x: x + 1.5, np.multiply: lambda x: x * 1.5, np.sum: lambda x: x.sum()}
    monkeypatch.setitem(RULES, fn, tuple(map(flipped, right)))
    assert "the sign is flipped" in message(calls[fn], X, order=order)


# ---- kinks and edges -----------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-8, -2e-8])
def test_kink_is_named_with_its_distance(distance):
    text = message(F.relu, np.array([1.0, distance, -2.0]))
    assert "element (1,)" in text and "1 of 3 elements disagree. " in text
    assert "f has a kink" in text
    found = float(re.search(r"at distance ([-.e\d]+),", text)[1])
    assert found == pytest.approx(abs(distance), rel=0.02, abs=1e-12)


@pytest.mark.parametrize("distance", [1e-7, 1e-5, 3e-4, -0.002])
def test_kink_at_some_distance_is_no_problem(distance):
    assert gradcheck(F.relu, np.array([1.0, distance, -2.0]), order=2)


def test_curved_kink():
    text = message(lambda x: np.where(x > 1, x**3, np.exp(x - 1)), np.array([1 + 1e-8]))
    assert "kink, at distance 1e-08" in text


def test_wrong_rule_near_a_kink_is_no_kink():
    f = wrong(lambda x: np.maximum(x, 0), lambda g, y, x: -g * (x > 0))
    assert "the sign is flipped" in message(f, np.array([0.7, 1e-4, 0.4]))


def test_curvature_is_no_kink():
    f = wrong(lambda x: np.sin(1000 * x), lambda g, y, x: -1000 * g * np.cos(1000 * x))
    assert "the sign is flipped" in message(f, np.array([7e-4]))


def test_faint_kink():
    assert "kink" in message(lambda x: np.where(x > 0, 1.001 * x, x), np.array([1.0, 1e-9]))


def test_kink_far_from_zero():
    assert "kink" in message(lambda x: F.relu(x - 1e12), np.array([1e12]))


def test_jump_is_named():
    text = message(lambda x: np.where(x > 1, 2 * x, x), np.array([1.0, 0.5]))
    assert "element (0,)" in text and "f jumps here" in text


def test_kink_is_a_jump_of_the_gradient():
    f = np.abs  # whose derivative at 0, by convention 0, is what central differences say too
    assert gradcheck(f, np.array([0.0, 0.5]))
    assert "second order" in message(f, np.array([0.0, 0.5]), order=2)
    assert "the gradient of f jumps here" in message(f, np.array([0.0, 0.5]), order=2)


def test_too_near_to_the_edge_of_the_domain():
    assert "try a smaller eps" in message(np.log, np.array([1.0, 1e-9]))
    assert gradcheck(np.log, np.array([1.0, 1e-9]), eps=1e-12)


# ---- second order --------------------------------------------------------------------------------


def test_raw_data_in_a_rule_shows_in_the_second_order():
    f = wrong(lambda x: x**3, keep_first_order)
    assert gradcheck(f, X)
    text = message(f, X, order=2)
    assert text.startswith("gradcheck: second order, input 0 (x), element")
    assert "the first order is right: a rule looks at .data" in text


def test_gradient_cut_from_the_incoming_one_shows_in_the_second_order():
    """For f alone g is a constant: only moving it too shows that the rule forgets it."""
    f = wrong(np.sin, lambda g, y, x: (Tensor(g.data) if isinstance(g, Tensor) else g) * np.cos(x))
    assert gradcheck(f, X)
    assert "second order, incoming gradient 0, element" in message(f, X, order=2)


def test_rule_that_needs_arrays():
    f = wrong(np.sin, lambda g, y, x: g * np.cos(np.asarray(x)))
    assert gradcheck(f, X)
    text = message(f, X, order=2)
    assert "backward fails with create_graph=True, a rule works on arrays only" in text


def test_rule_that_is_another_on_tensors():
    f = wrong(np.sin, lambda g, y, x: g * (np.cos(x) if isinstance(x, np.ndarray) else x))
    assert gradcheck(f, X)
    assert "a rule treats Tensors and arrays differently" in message(f, X, order=2)


def test_wrong_first_order_is_told_first():
    f = wrong(np.cos, lambda g, y, x: g * np.sin(x))
    assert "second order" not in message(f, X, order=2)


# ---- functions and inputs that allow no check ----------------------------------------------------


def test_random_function():
    rng = np.random.default_rng(0)
    text = message(lambda x: F.dropout(x, rng=rng), X)
    assert "not deterministic" in text and "Generator from a fixed seed" in text
    assert gradcheck(lambda x: F.dropout(x, rng=np.random.default_rng(0)), X)


def test_function_that_changes_its_input():
    def f(x, w):
        w.data[0] = 7.0
        return x * w

    assert "changes the data of input 1" in message(f, [B, B])


def f_nan(x):
    with np.errstate(invalid="ignore"):
        return np.log(x)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: np.sin(x.data), "returns a ndarray, not a Tensor"),
        (lambda x: 3.0, "returns a float, not a Tensor"),
        (lambda x: (x, None), "returns a NoneType, not a Tensor"),
        (lambda x: x.astype(np.float32), "f returns float32"),
        (f_nan, "f returns nan or inf here"),
        (lambda x: (), "nothing to check"),
        (lambda x: x[:0], "nothing to check"),
    ],
)
def test_output_that_cannot_be_checked(f, says):
    assert says in message(f, -np.ones(3))


@pytest.mark.parametrize("check", [gradcheck, taylor_check])
@pytest.mark.parametrize(
    ("inputs", "error", "says"),
    [
        (X.astype(np.float32), TypeError, "input 0 has dtype float32, which is too coarse"),
        ([X, Tensor(B, dtype=np.float32)], TypeError, "input 1 has dtype float32"),
        (np.arange(3), TypeError, "input 0 has dtype int64, which cannot move"),
        ([X, 2], TypeError, "input 1 has dtype int64"),
        (np.ones((0, 3)), ValueError, "input 0 has no elements"),
        (np.array([1.0, np.nan]), ValueError, "input 0 contains nan or inf"),
        ([], ValueError, "inputs is empty"),
    ],
)
def test_inputs_that_cannot_be_checked(check, inputs, error, says):
    with pytest.raises(error, match=says):
        check(lambda *inputs: inputs[0], inputs, raise_exception=False)


@pytest.mark.parametrize("check", [gradcheck, taylor_check])
def test_unknown_order(check):
    with pytest.raises(ValueError, match="order must be 1 or 2, got 3"):
        check(np.exp, X, order=3)


def test_without_exception():
    assert gradcheck(np.sin, X, raise_exception=False) is True
    assert gradcheck(lambda x: x * x.data, X, raise_exception=False) is False
    assert gradcheck(lambda x: x.data, X, raise_exception=False) is False


def test_tolerances():
    f = wrong(np.sin, lambda g, y, x: g * np.cos(x) * 1.01)
    assert gradcheck(f, X, rtol=0.011)
    assert not gradcheck(f, X, rtol=0.009, raise_exception=False)
    assert gradcheck(f, X, atol=0.016)


# ---- explain -------------------------------------------------------------------------------------


def test_explain_needs_two_arrays_only():
    assert explain([[-2.0, 4.0]], [[2.0, -4.0]]) == (
        "element (0, 1): backward gives 4, central differences give -4. All 2 elements disagree. "
        "Likely cause: the sign is flipped."
    )


def test_explain_without_disagreement():
    assert "agree at all 3 elements" in explain(np.ones(3), np.ones(3) + 1e-9)
    assert "agree" in explain(np.zeros(3), np.zeros(3))


def test_explain_one_number():
    assert "No known pattern" in explain(np.array([3.0]), np.array([4.0]), np.array([0.5]))
    assert explain(3.0, 4.0) == (
        "backward gives 3, central differences give 4. "
        "No known pattern: backward / numeric is 0.75."
    )


def test_explain_other_shape():
    text = explain(np.ones((4, 3)), np.ones(3))
    assert "backward gives shape (4, 3), the input has shape (3,)" in text
    assert "broadcasting" in text


def test_explain_uses_the_shapes_it_is_given():
    a, n = np.array([1.0, 2.0]) / 7, np.array([1.0, 2.0])
    assert "0.142857143 times" in explain(a, n)
    assert "7 is the length of batch, axis 0: a mean" in explain(a, n, shapes={"batch": (7, 2)})


def test_explain_lets_zeros_be_zeros():
    a = np.array([[0.0, 1.0], [2.0, 0.0]])
    assert "transposed" in explain(a, a.T + 1e-12 * np.eye(2))


def test_explain_picks_the_element_furthest_off():
    assert explain([1.0, 5.0, 3.0], [1.0, 2.0, 2.5]).startswith("element (1,)")
    assert explain([1.0, 5.0, np.nan], [1.0, 2.0, 2.5]).startswith("element (2,)")


# ---- Taylor --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "name", ["exp", "matmul", "log_softmax", "two outputs", "gelu", "softmax", "broadcasting"]
)
def test_taylor_slopes(name, seed):
    f, *kinds = RIGHT[name]
    taylor = taylor_check(f, draw(seed, *kinds), order=2, seed=seed)
    if name == "matmul":  # its second order is all there is
        assert taylor.slopes[2] == np.inf
        assert taylor.slopes[:2] == pytest.approx((1, 2), abs=0.05)
    elif name != "broadcasting":
        assert taylor.slopes == pytest.approx((1, 2, 3), abs=0.05)
    assert taylor.remainders.shape == (3, len(taylor.steps))


def test_taylor_of_a_linear_function_has_no_remainder():
    taylor = taylor_check(lambda x: 3 * x, X)
    assert taylor.slopes[0] == pytest.approx(1, abs=1e-6)
    assert taylor.slopes[1] == np.inf


@pytest.mark.parametrize("scale", [0.0, -1.0, 2.0, 1.0001])
@pytest.mark.parametrize("seed", SEEDS)
def test_taylor_sees_a_wrong_gradient(scale, seed):
    f = wrong(np.exp, lambda g, y, x: scale * g * y)
    with pytest.raises(GradientError, match=r"order 1 shrinks like h\^[01]\.\d\d, not like h\^2"):
        taylor_check(f, X, seed=seed)
    taylor = taylor_check(f, X, seed=seed, raise_exception=False)
    if scale != 1.0001:  # 1e-4 h outweighs h^2 at the last steps only
        assert taylor.slopes == pytest.approx((1, 1), abs=0.01)


def test_taylor_sees_a_wrong_second_order():
    f = wrong(lambda x: x**3, keep_first_order)
    assert taylor_check(f, X).slopes[1] == pytest.approx(2, abs=0.05)
    with pytest.raises(GradientError, match="second derivative is wrong"):
        taylor_check(f, X, order=2)


def test_taylor_takes_its_steps_from_the_caller():
    steps = [1e-1, 1e-2, 1e-3]
    taylor = taylor_check(np.exp, X, steps=steps)
    assert taylor.steps.tolist() == steps
    assert taylor.remainders.shape == (2, 3)
