"""Every derivative rule is right to second order, and the check of that rejects wrong rules."""

import inspect
import math
import warnings

import numpy as np
import pytest
from rule_cases import CASES, check

import microloss as ml
from microloss import Tensor, functional
from microloss.engine import rules
from microloss.engine.compositions import COMPOSED, PLAIN
from microloss.engine.rules import RULES, NotSupported, unbroadcast, variadic


def module(fn):
    return getattr(fn, "__module__", "numpy")  # some NumPys do not tell it of ufuncs


# Taken now: doctests add primitives later. Those of the losses are checked with the losses.
ENGINE = {
    fn: found
    for fn, found in RULES.items()
    if module(fn).startswith(("numpy", "microloss")) and "losses" not in module(fn)
}


def variable(values):
    return Tensor(values, requires_grad=True)


def gradient(f, *values):
    """Gradients of sum(f(...)) at values, as lists."""
    tensors = [variable(v) for v in values]
    slopes = [g.tolist() for g in ml.grad(np.sum(f(*tensors)), tensors)]
    return slopes if len(slopes) > 1 else slopes[0]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_derivatives(case):
    check(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_arrays_give_arrays_and_tensors_the_same_values(case):
    for plain, tensor in zip(case.f(*case.inputs), case.f(*map(Tensor, case.inputs))):
        assert isinstance(plain, np.ndarray | np.floating)
        assert isinstance(tensor, Tensor)
        assert not tensor.requires_grad
        np.testing.assert_allclose(tensor.data, plain, 1e-14, 1e-15, strict=True)


def test_everything_has_a_row():
    functions = {case.function for case in CASES}
    differentiable = {fn for fn, found in ENGINE.items() if found != (None,)}
    missing = (differentiable | set(COMPOSED)) - functions
    assert not missing, f"no example call in rule_cases.py: {[fn.__name__ for fn in missing]}"


def test_every_method_has_a_row():
    calls = " ".join([case.call for case in CASES] + [call for call, _ in PLAIN_CASES.values()])
    other = {"backward", "detach", "forget", "item", "retain_grad", "tolist"}
    methods = [
        m for m in dir(Tensor) if not m.startswith("_") and callable(getattr(Tensor, m, None))
    ]
    assert [m for m in methods if f".{m}(" not in calls and m not in other] == []


# ---- the tester tested ---------------------------------------------------------------------------

BUGS = {
    "sign flipped": lambda d: -d,
    "scaled": lambda d: 1.01 * d,
    "zero": lambda d: 0.0 * d,
    "reversed": lambda d: np.flip(d),
    "transposed": lambda d: np.reshape(np.transpose(d), np.shape(d)),
    "not recorded": lambda d: Tensor(d.data) if isinstance(d, Tensor) else d,
}


class Planted:
    """A rule with a bug, which notices whether the bug shows: the zero of a 0 does not."""

    def __init__(self, fn, index, bug):
        self.rule, self.bug, self.index = RULES[fn][index], bug, index
        self.broadcasts = isinstance(fn, np.ufunc) or fn in rules.BROADCASTING
        self.shows = False
        self.__code__ = self.rule.__code__  # parameter names, for the arrangement of arguments

    def __call__(self, g, y, *args, **kwargs):
        d = self.rule(g, y, *args, **kwargs)
        if self.broadcasts:  # a bug that vanishes in the sum is none
            d = unbroadcast(d, np.shape(args[self.index]))
        wrong = self.bug(d)
        was, now = (x.data if isinstance(x, Tensor) else x for x in (d, wrong))
        lost = isinstance(d, Tensor) and d.requires_grad and not wrong.requires_grad
        self.shows |= bool(lost or not np.allclose(was, now, rtol=1e-4, atol=0))
        return wrong

    def among(self, others):
        if isinstance(others, variadic):
            return variadic(lambda i: self if i == self.index else others[i])
        return (*others[: self.index], self, *others[self.index + 1 :])


def is_rejected(case):
    try:
        check(case)
    except (AssertionError, RuntimeError):
        return True
    return False


@pytest.mark.parametrize(
    ("fn", "index"),
    [
        pytest.param(fn, i, id=f"{fn.__name__}-{i}")
        for fn, found in ENGINE.items()
        for i in (range(2) if isinstance(found, variadic) else range(len(found)))
        if found[i] is not None
    ],
)
def test_a_wrong_rule_is_rejected(fn, index, monkeypatch):
    cases = [case for case in CASES if case.function is fn]
    for name, bug in BUGS.items():
        shown = 0
        for case in cases:
            planted = Planted(fn, index, bug)
            with monkeypatch.context() as patch:
                patch.setitem(RULES, fn, planted.among(RULES[fn]))
                assert is_rejected(case) == planted.shows, f"{name}: {case}"
            shown += planted.shows
        assert shown or name == "transposed", f"no row of {fn.__name__} can show: {name}"


# ---- names ---------------------------------------------------------------------------------------


def own_parameters(fn):
    if fn in COMPOSED:
        return list(inspect.signature(COMPOSED[fn]).parameters)
    return next(list(inspect.signature(rule).parameters)[2:] for rule in ENGINE[fn] if rule)


def numpy_functions():
    return [
        fn
        for fn in [*ENGINE, *COMPOSED]
        if not isinstance(fn, np.ufunc)
        and module(fn).startswith("numpy")
        # which take positions only, or any number of them
        and fn not in (np.where, np.einsum)
    ]


@pytest.mark.parametrize("fn", numpy_functions(), ids=lambda fn: fn.__name__)
def test_parameters_have_numpys_names_and_order(fn):
    ours = own_parameters(fn)
    try:
        numpys = list(inspect.signature(fn).parameters)
    except ValueError:
        pytest.skip("this NumPy does not tell the signature")
    if fn is np.pad:  # a keyword of NumPy's **kwargs
        assert ours.pop() == "constant_values"
    assert ours == [name for name in numpys if name in ours]


@pytest.mark.parametrize(
    "fn", [fn for fn in ENGINE if isinstance(ENGINE[fn], tuple) and ENGINE[fn] != (None,)]
)
def test_all_rules_of_a_function_have_the_same_parameters(fn):
    assert len({str(inspect.signature(rule)) for rule in ENGINE[fn] if rule}) == 1
    if isinstance(fn, np.ufunc):
        assert len(ENGINE[fn]) == fn.nin


# ---- functions without a derivative --------------------------------------------------------------

X = np.array([[-1.5, 0.0, 2.4], [0.6, -0.6, 2.4]])
PLAIN_CASES = {
    np.greater: ("a > b", [X, 0.5]),
    np.greater_equal: ("a >= b", [X, 0 * X[:, :1]]),
    np.less: ("0.5 < a", [X]),
    np.less_equal: ("np.zeros(3) <= a", [X]),
    np.equal: ("a == b", [X, X[0]]),
    np.not_equal: ("a != [0, 1, 2]", [X]),
    np.logical_and: ("np.logical_and(a, b)", [X, X[0]]),
    np.logical_or: ("np.logical_or(a, b)", [X, X[0]]),
    np.logical_not: ("np.logical_not(a)", [X]),
    np.logical_xor: ("np.logical_xor(a, True)", [X]),
    np.isnan: ("np.isnan(a)", [X]),
    np.isfinite: ("np.isfinite(a)", [X]),
    np.isinf: ("np.isinf(a)", [X]),
    np.isneginf: ("np.isneginf(a)", [X]),
    np.isposinf: ("np.isposinf(a)", [X]),
    np.signbit: ("np.signbit(a)", [X]),
    np.sign: ("np.sign(a)", [X]),
    np.floor: ("np.floor(a)", [X]),
    np.ceil: ("np.ceil(a)", [X]),
    np.rint: ("np.rint(a)", [X]),
    np.trunc: ("np.trunc(a)", [X]),
    np.round: ("(np.round(a), a.round(1), np.round(a, decimals=1))", [X]),
    np.around: ("np.around(a, 1)", [X]),
    np.fix: ("np.fix(a)", [X]),
    np.floor_divide: ("(a // 2, np.floor_divide(5, a))", [X + 0.1]),
    np.argmax: ("(np.argmax(a, axis=1), a.argmax(0), a.argmax())", [X]),
    np.argmin: ("(np.argmin(a, 1), a.argmin(axis=0, keepdims=True))", [X]),
    np.argsort: ("(np.argsort(a, axis=0), a.argsort(-1))", [X]),
    np.argwhere: ("np.argwhere(a)", [X]),
    np.nonzero: ("(np.nonzero(a), a.nonzero())", [X]),
    np.flatnonzero: ("np.flatnonzero(a)", [X]),
    np.count_nonzero: ("np.count_nonzero(a, axis=0)", [X]),
    np.searchsorted: ("np.searchsorted(a, [0.0, b[0]])", [np.arange(4.0), X[0]]),
    np.digitize: ("np.digitize(a, np.array([0.0, 1.0]))", [X]),
    np.isin: ("np.isin(a, b)", [X, X[0]]),
    np.all: ("(np.all(a), a.all(axis=0))", [X]),
    np.any: ("(np.any(a, axis=1), a.any())", [X]),
    np.isclose: ("np.isclose(a, b, atol=0.1)", [X, X[0]]),
    np.allclose: ("np.allclose(a, b)", [X, X]),
    np.array_equal: ("np.array_equal(a, b)", [X, X]),
    np.array_equiv: ("np.array_equiv(a, b)", [X, X[0]]),
    np.shape: ("np.shape(a)", [X]),
    np.ndim: ("np.ndim(a)", [X]),
    np.size: ("(np.size(a), np.size(a, 1))", [X]),
    np.result_type: ("np.result_type(a, np.float32)", [X]),
    np.can_cast: ("np.can_cast(a, np.float32)", [X]),
    np.zeros_like: ("np.zeros_like(a)", [X]),
    np.ones_like: ("np.ones_like(a, dtype=np.float32)", [X]),
    np.empty_like: ("np.empty_like(a).shape", [X]),
}


def test_every_plain_function_has_a_row():
    assert set(PLAIN_CASES) == PLAIN


@pytest.mark.parametrize("fn", PLAIN_CASES, ids=lambda fn: fn.__name__)
def test_functions_without_derivative_give_plain_values(fn):
    call, inputs = PLAIN_CASES[fn]
    call = eval(f"lambda a, b=None: {call}", {"np": np})
    got, want = call(*map(variable, inputs)), call(*inputs)

    def compare(got, want):
        assert type(got) is type(want)
        if isinstance(want, tuple):
            assert len(got) == len(want)
            for pair in zip(got, want):
                compare(*pair)
        elif isinstance(want, np.ndarray):
            np.testing.assert_array_equal(got, want, strict=True)
        else:
            assert got == want

    compare(got, want)


# ---- the subgradient chosen at a kink ------------------------------------------------------------


def test_absolute_has_slope_0_at_0():
    assert gradient(np.abs, [-2.0, 0.0, 3.0]) == [-1, 0, 1]


@pytest.mark.parametrize("fn", [np.maximum, np.minimum])
def test_ties_of_maximum_and_minimum_give_half_each(fn):
    sign = 1 if fn is np.maximum else -1
    a, b = gradient(lambda a, b: fn(sign * a, sign * b), [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert [a, b] == [[0, sign / 2, sign], [sign, sign / 2, 0]]
    assert gradient(lambda x: fn(x, x), [1.0, 2.0]) == [1, 1]
    assert gradient(lambda x: fn(x, 0), [-1.0, 0.0, 1.0])[1] == 0.5


@pytest.mark.parametrize("fn", [np.max, np.min, np.amax, np.amin])
def test_ties_of_a_reduction_share_the_gradient_equally(fn):
    sign = -1 if fn in (np.min, np.amin) else 1
    assert gradient(lambda x: sign * fn(sign * x), [1.0, 1.0, 0.0]) == [0.5, 0.5, 0]
    x = [[3.0, 3.0, 3.0], [1.0, 2.0, 0.0]]
    third = 1 / 3
    assert gradient(lambda x: sign * fn(sign * x, axis=1), x) == [[third] * 3, [0, 1, 0]]
    assert gradient(lambda x: sign * fn(sign * x, axis=(0, 1)), x) == [[third] * 3, [0, 0, 0]]


def test_clip_passes_the_gradient_at_its_bounds():
    x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert gradient(lambda x: np.clip(x, -1, 1), x) == [0, 1, 1, 1, 0]
    slopes = gradient(np.clip, x, [-1.0] * 5, [1.0] * 5)
    assert slopes == [[0, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert gradient(lambda x: np.clip(x, None, 0), x) == [1, 1, 1, 0, 0]
    assert gradient(lambda x: np.clip(x, 0, None), x) == [0, 0, 1, 1, 1]


def test_clip_with_crossed_bounds_is_the_upper_bound():
    x, low, high = gradient(np.clip, [0.0, 1.5, 3.0], [2.0] * 3, [1.0] * 3)
    assert (x, low, high) == ([0, 0, 0], [0, 0, 0], [1, 1, 1])


def test_norm_hypot_and_std_have_slope_0_at_0():
    assert gradient(np.linalg.norm, [0.0, 0.0]) == [0, 0]
    assert gradient(np.hypot, [0.0], [0.0]) == [[0], [0]]
    assert gradient(np.std, [2.0, 2.0, 2.0]) == [0, 0, 0]


def test_sort_of_ties_keeps_their_order():
    x = variable([1.0] * 50 + [0.0] * 50)
    np.sort(x).backward(np.arange(100))
    assert x.grad.tolist() == [*range(50, 100), *range(50)]


def test_logaddexp_of_two_minus_infinities_is_defined():
    assert gradient(np.logaddexp, [-np.inf, 0.0], [-np.inf, -np.inf]) == [[0, 1], [0, 0]]


# ---- powers at 0, and high orders ----------------------------------------------------------------


def nth_derivatives(f, x, n):
    x = variable(x)
    slope = f(x)
    for order in range(n):
        # + 0 * x: a slope that has become constant goes on to have derivatives
        (slope,) = ml.grad(np.sum(slope + 0 * x), x, create_graph=True)
        yield order + 1, slope.data


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 2.0, np.int64(3), np.float64(2)])
@pytest.mark.parametrize("x", [0.0, -2.0])
def test_powers_have_every_derivative_at_0_and_below(exponent, x):
    factor, p = 1.0, int(exponent)
    for n, slope in nth_derivatives(lambda x: x**exponent, x, 4):
        factor *= p - n + 1
        assert slope == (factor * x ** (p - n) if n <= p else 0)


def test_an_array_of_exponents_has_every_derivative_at_0():
    p = np.array([0, 1, 2, 3])
    slopes = [slope.tolist() for _, slope in nth_derivatives(lambda x: x**p, [0.0] * 4, 3)]
    assert slopes == [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 6]]


def test_the_derivative_by_an_exponent_at_base_0_is_0_and_below_undefined():
    assert gradient(lambda p: 0.0**p, [1.0, 2.0]) == [0, 0]
    assert np.isnan(gradient(lambda p: (-2.0) ** p, [2.0])).all()


def test_fifth_derivative_of_a_product():
    # (x e^x)^(n) = (x + n) e^x
    for n, slope in nth_derivatives(lambda x: x * np.exp(x), [0.3, -1.2], 5):
        np.testing.assert_allclose(slope, (np.array([0.3, -1.2]) + n) * np.exp([0.3, -1.2]), 1e-12)


@pytest.mark.parametrize("n_zeros", [0, 1, 2, 3])
def test_prod_with_zeros_has_all_derivatives_of_a_polynomial(n_zeros):
    x = np.array([1.5, -2.0, 0.5, 3.0])
    x[:n_zeros] = 0
    hessian = ml.hessian(np.prod, x)
    for i, j in np.ndindex(4, 4):
        rest = np.delete(x, [i, j])
        assert hessian[i, j] == pytest.approx(0 if i == j else np.prod(rest), abs=1e-14)


# ---- calls that are refused ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["linear_ramp", "maximum", "mean", "empty", lambda *args: None])
def test_pad_refuses_modes_that_compute_something(mode):
    with pytest.raises(TypeError, match=r"pad: mode=.* constant, edge, reflect, symmetric, wrap"):
        np.pad(variable([1.0, 2.0]), 1, mode)


def test_pad_refuses_options_that_change_what_is_copied():
    with pytest.raises(TypeError, match=r"pad: the argument reflect_type="):
        np.pad(variable([1.0, 2.0]), 1, "reflect", reflect_type="odd")


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ii", [(1, 3)]), ("ijk", [(2, 3)]), ("ij", [(2, 3, 1)]), ("i...j", [(3,)]),
        ("ij,jk", [(2, 3)]), ("ij,jk", [(2, 3), (4, 2)]), ("ij->ik", [(2, 3)]),
        ("...i->i", [(2, 3)]),
    ],
)  # fmt: skip
def test_einsum_refuses_what_numpy_refuses(subscripts, shapes):
    arrays = [np.ones(shape) for shape in shapes]
    with pytest.raises(ValueError):
        np.einsum(subscripts, *arrays)
    with pytest.raises(ValueError):
        np.einsum(subscripts, *map(variable, arrays))


@pytest.mark.parametrize("order", [0, 0.5, -1])
def test_vector_norms_below_1_are_refused_by_name(order):
    with pytest.raises(TypeError, match=r"np\.linalg\.norm: no derivative rule for ord="):
        np.linalg.norm(variable([1.0, 2.0]), order)


def test_u_and_v_of_svd_are_refused_with_a_cure():
    with pytest.raises(TypeError, match="U and V have no derivative rule; pass compute_uv=False"):
        np.linalg.svd(variable(np.ones((2, 3))))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.take(t, t), lambda t: np.repeat(t, t), lambda t: np.tile([1.0], t),
        lambda t: np.split(np.ones(3), t), lambda t: np.array_split(t, t),
        lambda t: np.take_along_axis(np.ones(3), t, 0), lambda t: np.quantile(t, t),
    ],
)  # fmt: skip
def test_a_tensor_is_refused_where_indices_are_meant(call):
    with pytest.raises(TypeError, match="a Tensor holds floats; keep indices and counts as"):
        call(Tensor([1.0, 0.0]))


def test_what_has_no_rule_says_what_can_be_done():
    t = variable(np.eye(2))
    for call, message in (
        (np.linalg.qr, r"np\.linalg\.qr has no derivative rule.* a function of one result"),
        (
            lambda t: np.block([t, t]),
            r"np\.block has no derivative rule.* Tensors outside of lists",
        ),
        (
            lambda t: np.full_like(np.ones(2), t),
            r"for np\.full_like use np\.broadcast_to\(t, shape\)",
        ),
        (np.i0, r"np\.i0 has no derivative rule.*RULES\[np\.i0\]"),
        (np.frompyfunc(math.erf, 1, 1), r"erf .*, a ufunc of another library, .*RULES\[erf"),
    ):
        with pytest.raises(TypeError, match=message):
            call(t)


# ---- one rule: what NumPy refuses is refused in its words; what goes forward goes back -----------

SHAPES = [(), (0,), (1,), (3,), (2, 3), (1, 3), (0, 3), (2, 0), (3, 3), (2, 1, 3)]
AXES = [None, 0, 1, -1, -2, -3, (0,), (0, 1), (-1, 0), (1, 1), ()]
WITH_AXIS = [
    np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std, np.cumsum,
    np.cumprod, np.flip, np.sort, np.diff, np.squeeze, np.expand_dims, np.nansum, np.nanmean,
    np.average, np.median, np.linalg.norm, np.trapezoid, np.gradient, np.ediff1d,
]  # fmt: skip
NUMPYS = [
    fn
    for fn in [*ENGINE, *COMPOSED]
    if (module(fn).startswith("numpy") or isinstance(fn, np.ufunc)) and fn is not np.where
]
OF_TWO = [
    np.matmul,
    np.dot,
    np.inner,
    np.outer,
    np.kron,
    np.cross,
    np.vdot,
    np.tensordot,
    np.linalg.solve,
    np.polyval,
    np.convolve,
    np.append,
    np.linspace,
    np.cov,
    np.corrcoef,
]
OF_LISTS = [
    np.concatenate,
    np.stack,
    np.vstack,
    np.hstack,
    np.dstack,
    np.column_stack,
    np.linalg.multi_dot,
]
CALLS = {
    **{f"np.{fn.__name__}(a)": fn for fn in NUMPYS if fn not in OF_LISTS},
    **{f"np.{fn.__name__}(a, a)": lambda a, fn=fn: fn(a, a) for fn in OF_TWO},
    **{f"np.{fn.__name__}([a, a])": lambda a, fn=fn: fn([a, a]) for fn in OF_LISTS},
    **{
        f"np.{fn.__name__}(a, axis={axis})": lambda a, fn=fn, axis=axis: fn(a, axis=axis)
        for fn in WITH_AXIS
        for axis in AXES
        if (fn, axis) != (np.median, ())  # NumPy's fails for no elements only
    },
    **{
        f"{call}{options}": eval(f"lambda a: {call}{options}", {"np": np, "x": np.ones(3)})
        for call, several in {
            "np.einsum": ["('...i->i', a)", "('i', a)", "('ij', a)", "('ii', a)", "('i,i', a, a)",
                          "('...', a)", "('ij,jk', a, a)", "('i->ii', a)", "(a, [0], [0])",
                          "(a, [0, 1])", "('ij->k', a)", "('i..j', a)"],
            "np.diff": ["(a, n=-1)", "(a, 2)", "(a, axis=(1, 0))", "(a, 0, 5)", "(a, 1.5)"],
            "np.clip": ["(a, 0, 1, min=0)", "(a, 0, min=0)", "(a, 0)", "(a, None, None)",
                        "(a, 0, 1)", "(a, max=1)", "(a, [0, 1], 2)"],
            "np.linalg.norm": ["(a, 'fro')", "(a, 'nuc')", "(a, 2)", "(a, 3)", "(a, 1, (0, 1))",
                               "(a, 'bad')", "(a, np.inf, keepdims=True)", "(a, None, (0, 1, 2))"],
            "np.take_along_axis": ["(a, np.zeros((2, 2), int), None)", "(a, np.array([0]), 0)",
                                   "(a, np.zeros((2, 1), int), 1)", "(a, np.array([[9]]), 1)"],
            "np.take": ["(a, 0)", "(a, [0, -1], 1)", "(a, 5)", "(a, 0, 3)"],
            "np.reshape": ["(a, (3, -1))", "(a, 3)", "(a, (-1, -1))", "(a, ())"],
            "np.transpose": ["(a, (1, 0))", "(a, (0, 0))", "(a, 0)", "(a, (0, 2, 1))"],
            "np.swapaxes": ["(a, 0, 1)", "(a, -1, 2)"],
            "np.moveaxis": ["(a, 0, -1)", "(a, (0, 1), (1, 0))", "(a, (0, 0), (0, 1))"],
            "np.roll": ["(a, 1)", "(a, 1, 1)", "(a, (1, 2), (0, 1))", "(a, 1, (0, 1))"],
            "np.repeat": ["(a, 2)", "(a, 2, 1)", "(a, -1)", "(a, [1, 2])"],
            "np.tile": ["(a, 2)", "(a, (2, 1))", "(a, 0)", "(a, -1)"],
            "np.pad": ["(a, 1)", "(a, (1, 2))", "(a, -1)", "(a, ((1, 1), (0, 2)))",
                       "(a, 1, 'edge')", "(a, 1, 'reflect')", "(a, 1, 'wrap')"],
            "np.broadcast_to": ["(a, 3)", "(a, (3,))", "(a, (2, 3))", "(a, (2, 1, 3))", "(a, ())",
                                "(a, (-1,))"],
            "np.split": ["(a, 2)", "(a, 3)", "(a, [1], -1)", "(a, 0)"],
            "np.array_split": ["(a, 2)", "(a, 3, 1)", "(a, 0)"],
            "np.hsplit": ["(a, 3)", "(a, [1])"],
            "np.vsplit": ["(a, 2)", "(a, [1])"],
            "np.dsplit": ["(a, 3)", "(a, [1])"],
            "np.tensordot": ["(a, a)", "(a, a, 1)", "(a, a, 0)", "(a, a, ((0,), (0,)))",
                             "(a, a, ((0, 1), (0,)))", "(a, a, 3)"],
            "np.concatenate": ["([a, a], 1)", "([a, x])", "([a, a], None)", "([])", "([a], -1)"],
            "np.stack": ["([a, a], 1)", "([a, x])", "([a], -3)"],
            "np.append": ["(a, x)", "(a, a, 0)", "(a, x, 1)"],
            "np.diagonal": ["(a)", "(a, 1, 0, 0)", "(a, 5)", "(a, 0, 1, 2)"],
            "np.trace": ["(a)", "(a, 5)", "(a, 0, 0, 1)"],
            "np.quantile": ["(a, 0.5)", "(a, [0.1, 0.5], 0)", "(a, 1.5)", "(a, 0.5, (0, 1))"],
            "np.percentile": ["(a, 50)", "(a, 150)", "(a, 50, 0)"],
            "np.average": ["(a, 0, x)", "(a, weights=x)", "(a, -1, x - 1)"],
            "np.interp": ["(a, [0, 1, 2], x)", "(a, [0.1, 2], [1, 2])", "(0.5, [0, 1, 2], a)"],
            "np.trapezoid": ["(a, x)", "(a, x, axis=0)"],
            "np.gradient": ["(a, 2.0)", "(a, 2.0, 1.0)", "(a, 2.0, axis=0)"],
            "np.convolve": ["(a, x)", "(a, x, 'same')", "(a, x, 'valid')", "(a, x, 'bad')"],
            "np.cov": ["(a, x)", "(a, rowvar=False)"],
            "np.cross": ["(a, x)", "(a, a, axis=0)"],
            "np.linspace": ["(0, a)", "(a, a, 0)", "(a, 1, -1)", "(a, 1, 3, axis=2)"],
            "np.meshgrid": ["(a, x)", "(a, x, indexing='ij')", "(a, x, indexing='bad')"],
            "np.select": ["([a > 0], [a])", "([], [a])", "([a > 0], [])", "([a > 0, a > 1], [a])"],
            "np.polyval": ["(a, 2.0)", "(x, a)"],
            "np.vdot": ["(a, x)"], "np.kron": ["(a, x)"], "np.outer": ["(a, x)"],
            "np.inner": ["(a, x)"], "np.dot": ["(a, x)", "(x, a)"],
            "np.matmul": ["(a, x)", "(x, a)"],
            "np.linalg.matrix_power": ["(a, 2)", "(a, 0)", "(a, 1.5)", "(a, -1)"],
            "np.diag": ["(a, 1)", "(a, -1)"], "np.tril": ["(a, 1)"], "np.rot90": ["(a, 1, (0, 0))"],
            "np.linalg.svd": ["(a, compute_uv=False)"],
        }.items()
        for options in several
    },
}  # fmt: skip


def outcome(call, *args):
    """The results of a call as a list, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's of empty means
            with np.errstate(all="ignore"):
                y = call(*args)
    except Exception as error:
        return error
    return list(y) if isinstance(y, list | tuple) else [y]


@pytest.mark.parametrize("name", CALLS)
def test_what_numpy_refuses_is_refused_in_its_words_and_what_goes_forward_goes_back(name):
    call = CALLS[name]
    for shape in SHAPES:
        values = np.random.default_rng(0).uniform(0.5, 0.9, shape)
        x = variable(values)
        want, got = outcome(call, values), outcome(call, x)
        where = f"{name} of shape {shape}: {got!r:.300}, NumPy: {want!r:.300}"
        if isinstance(got, NotSupported):
            continue
        if isinstance(want, Exception):
            assert type(got) is type(want), where
            assert str(got) == str(want), where
            continue
        assert not isinstance(got, Exception), where
        assert [np.shape(y) for y in got] == [np.shape(y) for y in want], where
        for y, plain in zip(got, want):
            values = y.data if isinstance(y, Tensor) else y
            np.testing.assert_allclose(values, plain, 1e-13, 1e-14, err_msg=where)
            if isinstance(y, Tensor) and y.requires_grad:
                with np.errstate(all="ignore"):
                    (slope,) = ml.grad(y.sum(), x, create_graph=True)
                    assert slope.shape == shape, where
                    if slope.requires_grad:
                        assert ml.grad(slope.sum(), x)[0].shape == shape, where


# ---- operations of one's own ---------------------------------------------------------------------


@pytest.fixture
def new_rules():
    """Forgets the primitives that a test adds."""
    before = dict(RULES)
    yield
    for fn in set(RULES) - set(before):
        del RULES[fn]


def test_a_rule_can_be_added_for_a_numpy_function(new_rules):
    x = variable([0.3, 1.2])
    with pytest.raises(TypeError, match=r"np\.logaddexp2 has no derivative rule.*RULES\[np\.log"):
        np.logaddexp2(x, 1.0)
    RULES[np.logaddexp2] = (
        lambda g, y, a, b: g * np.exp2(a - y),
        lambda g, y, a, b: g * np.exp2(b - y),
    )
    (slope,) = ml.grad(np.sum(np.logaddexp2(x, 1.0)), x, create_graph=True)
    share = np.exp2(x.data) / (np.exp2(x.data) + 2)
    np.testing.assert_allclose(slope.data, share, 1e-14)
    (second,) = ml.grad(np.sum(slope), x)
    np.testing.assert_allclose(second, share * (1 - share) * np.log(2), 1e-14)


def test_a_primitive_keeps_its_name_and_docstring(new_rules):
    @ml.primitive(lambda g, y, x: 2 * g)
    def twice(x):
        """2 x"""
        return 2 * x

    assert (twice.__name__, twice.__doc__) == ("twice", "2 x")
    assert type(twice(np.ones(2))) is np.ndarray
    assert twice(variable([1.0])).op == "twice"


def test_an_argument_without_derivative_refuses_a_tensor_that_wants_one(new_rules):
    @ml.primitive(lambda g, y, x, k: g * k, None)
    def scale(x, k):
        return x * k

    assert gradient(lambda x: scale(x, Tensor(3.0)), [1.0]) == [3]
    with pytest.raises(TypeError, match="scale: argument 1 has no derivative"):
        scale(variable([1.0]), variable(3.0))
    with pytest.raises(TypeError, match="where: argument 0 has no derivative"):
        np.where(variable([1.0, 0.0]), 1.0, 2.0)


def test_a_primitive_of_any_number_of_arguments(new_rules):
    @ml.primitive(variadic(lambda i: lambda g, y, *xs: (i + 1) * g))
    def weighed(*xs):
        return sum((i + 1) * x for i, x in enumerate(xs))

    assert gradient(weighed, 5.0, 6.0, 7.0) == [1, 2, 3]


@pytest.mark.parametrize("wrong", [(), (2,), (3, 1), (2, 3)])
def test_a_rule_that_returns_a_wrong_shape_is_caught(wrong, new_rules):
    @ml.primitive(lambda g, y, x: np.ones(wrong))
    def broken(x):
        return x * 1

    with pytest.raises(RuntimeError, match=r"broken for argument 0 returned shape .*\(3,\)"):
        broken(variable([1.0, 2.0, 3.0])).sum().backward()


def test_functional_reads_arrays_and_lists():
    assert functional.relu(np.array([1, -2])).tolist() == [1, 0]
    assert functional.relu([1.5, -2]).tolist() == [1.5, 0]
