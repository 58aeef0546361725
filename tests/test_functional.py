"""Functions of microloss.functional: values, stability at any size of input, and edges."""

import math

import numpy as np
import pytest
from rule_cases import CASES, key

import microloss as ml
from microloss import Tensor
from microloss import functional as F


def variable(values, **options):
    return Tensor(values, requires_grad=True, **options)


X = np.array([[-2.0, -0.5, 0.0, 0.3, 3.0], [1.5, -1.0, 0.1, -0.2, 0.7]])
Y = np.array([[0.4, 1.5, 2.0, 0.1, 1.0], [-1.5, 1.0, 0.3, 0.2, -0.7]])


def test_everything_has_a_row_in_the_table_of_derivatives():
    checked = {case.function for case in CASES}
    functions = [getattr(F, name) for name in F.__all__ if name != "one_hot"]
    assert [f.__name__ for f in functions if key(f) not in checked] == []


# ---- values --------------------------------------------------------------------------------------

SIGMOID = 1 / (1 + np.exp(-X))
ERF = np.vectorize(math.erf)
NAIVE = {
    "relu": (F.relu(X), np.maximum(X, 0)),
    "leaky_relu": (F.leaky_relu(X), np.where(X > 0, X, 0.01 * X)),
    "leaky_relu with a slope": (F.leaky_relu(X, negative_slope=0.2), np.where(X > 0, X, 0.2 * X)),
    "elu": (F.elu(X), np.where(X > 0, X, np.exp(X) - 1)),
    "elu with alpha": (F.elu(X, alpha=0.5), np.where(X > 0, X, 0.5 * (np.exp(X) - 1))),
    "erf": (F.erf(X), ERF(X)),
    "gelu": (F.gelu(X), X * (1 + ERF(X / np.sqrt(2))) / 2),
    "gelu by tanh": (
        F.gelu(X, approximate="tanh"),
        X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))) / 2,
    ),
    "sigmoid": (F.sigmoid(X), SIGMOID),
    "silu": (F.silu(X), X * SIGMOID),
    "softplus": (F.softplus(X), np.log(1 + np.exp(X))),
    "log_sigmoid": (F.log_sigmoid(X), np.log(SIGMOID)),
    "logsumexp": (F.logsumexp(X), np.log(np.exp(X).sum())),
    "logsumexp over 0": (F.logsumexp(X, axis=0), np.log(np.exp(X).sum(axis=0))),
    "logsumexp over both": (
        F.logsumexp(X, axis=(0, 1), keepdims=True), np.log(np.exp(X).sum(keepdims=True)),
    ),
    "softmax": (F.softmax(X), np.exp(X) / np.exp(X).sum(axis=-1, keepdims=True)),
    "softmax over 0": (F.softmax(X, axis=0), np.exp(X) / np.exp(X).sum(axis=0)),
    "log_softmax": (F.log_softmax(X), X - np.log(np.exp(X).sum(axis=-1, keepdims=True))),
    "log_softmax over 0": (F.log_softmax(X, axis=0), X - np.log(np.exp(X).sum(axis=0))),
    "dot": (F.dot(X, Y), (X * Y).sum()),
    "xlogy": (F.xlogy(X, np.abs(Y)), X * np.log(np.abs(Y))),
    "log1mexp": (F.log1mexp(-np.abs(Y)), np.log(1 - np.exp(-np.abs(Y)))),
    "norm": (F.norm(X), np.sqrt((X**2).sum())),
    "norm over 1": (F.norm(X, axis=1), np.sqrt((X**2).sum(axis=1))),
    "3-norm": (F.norm(X, 3, axis=0), np.cbrt((np.abs(X) ** 3).sum(axis=0))),
    "1-norm": (F.norm(X, 1, axis=1, keepdims=True), np.abs(X).sum(axis=1, keepdims=True)),
    "maximum norm": (F.norm(X, np.inf, axis=1), np.abs(X).max(axis=1)),
    "pairwise_distance": (
        F.pairwise_distance(X, Y), np.sqrt(((X - Y + 1e-6) ** 2).sum(axis=-1)),
    ),
    "cosine_similarity": (
        F.cosine_similarity(X, Y),
        (X * Y).sum(axis=1) / np.sqrt((X**2).sum(axis=1) * (Y**2).sum(axis=1)),
    ),
    "linear": (F.linear(X, Y, np.array([1.0, 2.0])), X @ Y.T + [1, 2]),
}  # fmt: skip


@pytest.mark.parametrize("name", NAIVE)
def test_values(name):
    got, want = NAIVE[name]
    np.testing.assert_allclose(got, want, 1e-13, 1e-15)
    assert np.shape(got) == np.shape(want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_of_one_number(dtype):
    for x in (np.array(0.5, dtype), dtype(0.5)):
        assert F.erf(x).dtype == dtype
        assert float(F.erf(x)) == pytest.approx(math.erf(0.5), rel=1e-6)
    assert F.gelu(Tensor(1.0)).item() == pytest.approx((1 + math.erf(0.5**0.5)) / 2, rel=1e-15)


# ---- stability -----------------------------------------------------------------------------------

# Value and slope at -1e4, -100, 100 and 1e4
FAR = np.array([-1e4, -100.0, 100.0, 1e4])
AT_FAR = {
    F.relu: ([0, 0, 100, 1e4], [0, 0, 1, 1]),
    F.leaky_relu: ([-100, -1, 100, 1e4], [0.01, 0.01, 1, 1]),
    F.elu: ([-1, -1, 100, 1e4], [0, 0, 1, 1]),
    F.erf: ([-1, -1, 1, 1], [0, 0, 0, 0]),
    F.gelu: ([0, 0, 100, 1e4], [0, 0, 1, 1]),
    F.sigmoid: ([0, 0, 1, 1], [0, 0, 0, 0]),
    F.silu: ([0, 0, 100, 1e4], [0, 0, 1, 1]),
    F.softplus: ([0, 0, 100, 1e4], [0, 0, 1, 1]),
    F.log_sigmoid: ([-1e4, -100, 0, 0], [1, 1, 0, 0]),
    F.softmax: ([0, 0, 0, 1], [0, 0, 0, 0]),
    F.log_softmax: ([-2e4, -10100, -9900, 0], [1, 1, 1, -3]),
    F.logsumexp: (1e4, [0, 0, 0, 1]),
    F.norm: (np.sqrt(2.0002e8), FAR / np.sqrt(2.0002e8)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", AT_FAR, ids=lambda f: f.__name__)
def test_far_from_0(f, dtype):
    x = variable(FAR, dtype=dtype)
    y = f(x)
    (slope,) = ml.grad(y.sum(), x, create_graph=True)
    near = {"rtol": 1e-6, "atol": 1e-30} if dtype == np.float32 else {"rtol": 1e-14, "atol": 1e-40}
    value, wanted = AT_FAR[f]
    np.testing.assert_allclose(y.data, value, **near)
    np.testing.assert_allclose(slope.data, wanted, **near)
    assert (y.dtype, slope.dtype) == (dtype, dtype)
    if f is F.norm:  # (1 - x x^T / |x|^2) / |x|, times ones
        bend = (1 - FAR * FAR.sum() / 2.0002e8) / np.sqrt(2.0002e8)
    else:
        bend = np.zeros(4)
    if slope.requires_grad:
        (second,) = ml.grad(slope.sum(), x)
        np.testing.assert_allclose(second, bend, **near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_by_tanh_far_from_0(dtype):
    x = variable(FAR, dtype=dtype)
    y = F.gelu(x, approximate="tanh")
    (slope,) = ml.grad(y.sum(), x, create_graph=True)
    (second,) = ml.grad(slope.sum(), x)
    assert (y.tolist(), slope.tolist(), second.tolist()) == (
        [0, 0, 100, 1e4],
        [0, 0, 1, 1],
        [0] * 4,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [F.logsumexp, F.softmax, F.log_softmax])
@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_shifted_logits(f, shift, dtype):
    x = np.array([[0.0, 1.0, -2.0], [0.5, 0.25, 3.0]])
    near, far = variable(x, dtype=dtype), variable(x + shift, dtype=dtype)
    tolerance = 1e-3 if dtype == np.float32 else 1e-11
    y, z = f(near, axis=-1), f(far, axis=-1)
    np.testing.assert_allclose(
        z.data - (shift if f is F.logsumexp else 0), y.data, tolerance, tolerance
    )
    weights = np.arange(y.size).reshape(y.shape).astype(dtype)
    slopes = [
        ml.grad((w * weights).sum(), t, create_graph=True)[0] for w, t in ((y, near), (z, far))
    ]
    np.testing.assert_allclose(slopes[1].data, slopes[0].data, tolerance, tolerance)
    bends = [ml.grad((s * s).sum(), t)[0] for s, t in zip(slopes, (near, far))]
    np.testing.assert_allclose(bends[1], bends[0], 10 * tolerance, 10 * tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softplus_and_sigmoid_keep_small_numbers(dtype):
    x = variable(np.array([-30.0, -80.0]), dtype=dtype)
    expected = np.exp(x.data.astype(np.float64))
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    for f in (F.softplus, F.sigmoid):
        np.testing.assert_allclose(f(x).data, expected, tolerance)
        np.testing.assert_allclose(ml.grad(f(x).sum(), x)[0], expected, tolerance)
    np.testing.assert_allclose(F.log_sigmoid(-x).data, -expected, tolerance)


# ---- edges ---------------------------------------------------------------------------------------


def test_kinks_have_pytorchs_slope():
    x = variable([0.0, -0.0])
    for f, slope in ((F.relu, 0), (F.leaky_relu, 0.01), (F.elu, 1)):
        assert ml.grad(f(x).sum(), x)[0].tolist() == [slope, slope]


def test_logsumexp_of_minus_infinities_is_defined():
    x = variable([[-np.inf, -np.inf], [-np.inf, 1.0], [0.0, 0.0]])
    y = F.logsumexp(x, axis=1)
    np.testing.assert_allclose(y.data, [-np.inf, 1, np.log(2)], 1e-15)
    (slope,) = ml.grad(y, x, np.ones(3), create_graph=True)
    np.testing.assert_allclose(slope.data, [[0, 0], [0, 1], [0.5, 0.5]], 1e-15)
    (second,) = ml.grad((slope * [[1.0, 2.0]]).sum(), x)
    np.testing.assert_allclose(second, [[0, 0], [0, 0], [-0.25, 0.25]], 1e-15)
    assert F.logsumexp(np.full(3, -np.inf)) == -np.inf


def test_masked_softmax():
    x = variable([-np.inf, 0.0, 0.0])
    for f, value in ((F.softmax, [0, 0.5, 0.5]), (F.log_softmax, [-np.inf, *[-np.log(2)] * 2])):
        y = f(x)
        np.testing.assert_allclose(y.data, value, 1e-15)
        (slope,) = ml.grad(y[1], x)
        assert np.isfinite(slope).all()


def test_xlogy_at_0():
    x, y = variable([0.0, 0.0, 2.0]), variable([0.0, 3.0, 1.0])
    z = F.xlogy(x, y)
    assert z.tolist() == [0, 0, 0]
    by_x, by_y = ml.grad(z.sum(), [x, y], create_graph=True)
    np.testing.assert_allclose(by_x.data, [0, np.log(3), 0])
    np.testing.assert_allclose(by_y.data, [0, 0, 2])
    for second in ml.grad((by_x + by_y).sum(), [x, y]):
        assert np.isfinite(second).all()
    assert F.xlogy(0, np.zeros(2)).tolist() == [0, 0]


LOG1MEXP = {  # x, log(1 - e^x), its first and second derivative, by series at each end
    "near": (-1e-12, np.log(1e-12), -1e12, -1e24),
    "very near": (-1e-100, -100 * np.log(10), -1e100, -1e200),
    "far": (-50.0, -math.exp(-50), -math.exp(-50), -math.exp(-50)),
    "very far": (-1e4, 0, 0, 0),
    "between": (-1.0, math.log(1 - math.exp(-1)), -1 / (math.e - 1), -math.e / (math.e - 1) ** 2),
}


@pytest.mark.parametrize("name", LOG1MEXP)
def test_log1mexp(name):
    at, value, slope, bend = LOG1MEXP[name]
    x = variable(at)
    y = F.log1mexp(x)
    (first,) = ml.grad(y, x, create_graph=True)
    (second,) = ml.grad(first, x)
    np.testing.assert_allclose([y.data, first.data, second], [value, slope, bend], 1e-11)


def test_log1mexp_at_0_and_around_its_threshold():
    assert F.log1mexp(np.array(0.0)) == -np.inf
    x = -math.log(2) + np.array([-1e-9, 0, 1e-9])
    np.testing.assert_allclose(F.log1mexp(x), np.log(1 - np.exp(x)), 1e-15)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_the_norm_of_zeros_has_gradient_0(p):
    x = variable(np.zeros((2, 3)))
    y = F.norm(x, p, axis=1)
    assert y.tolist() == [0, 0]
    assert ml.grad(y.sum(), x)[0].tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_of_small_numbers_do_not_complain(dtype):
    tiny = np.finfo(dtype).tiny
    x = variable(np.array([tiny, 1.0, 0.0]), dtype=dtype)
    for y in (
        F.norm(x),
        F.norm(x, 3),
        F.cosine_similarity(x, x, axis=0),
        F.pairwise_distance(x, -x),
    ):
        assert np.isfinite(ml.grad(y, x)[0]).all()


def test_norm_refuses_what_is_no_norm():
    for p in (0, 0.5, -1, np.nan):
        with pytest.raises(ValueError, match="norm: p must be at least 1"):
            F.norm(X, p)


def test_pairwise_distance_of_equal_vectors():
    a = variable(np.ones((2, 4)))
    y = F.pairwise_distance(a, a.detach())
    np.testing.assert_allclose(y.data, 2e-6, 1e-9)
    assert np.isfinite(ml.grad(y.sum(), a)[0]).all()
    exact = F.pairwise_distance(a, a.detach(), eps=0.0)
    assert (ml.grad(exact.sum(), a)[0] == 0).all()


def test_cosine_similarity_of_a_zero_vector_is_0():
    a, b = variable(np.zeros((1, 3))), variable([[1.0, 2.0, 2.0]])
    y = F.cosine_similarity(a, b)
    by_a, by_b = ml.grad(y.sum(), [a, b])
    assert y.tolist() == [0]
    np.testing.assert_allclose(by_a, b.data / 3 / 1e-8)
    assert by_b.tolist() == [[0, 0, 0]]


def test_linear_says_what_does_not_fit():
    with pytest.raises(
        ValueError, match=r"linear: x has shape \(2, 3\), its last axis must be 4 long"
    ):
        F.linear(variable(np.ones((2, 3))), np.ones((5, 4)))


def test_gelu_knows_two_forms():
    with pytest.raises(ValueError, match="gelu: approximate"):
        F.gelu(X, approximate="erf")


# ---- one_hot and dropout -------------------------------------------------------------------------


def test_one_hot():
    assert F.one_hot([[1, 0]], 3).tolist() == [[[0, 1, 0], [1, 0, 0]]]
    assert F.one_hot(np.array([2], np.uint8), dtype=np.float32).dtype == np.float32
    assert F.one_hot(np.zeros(0, int), 3).shape == (0, 3)
    for labels, classes in (([3], 3), ([-1], 3), ([-1], None)):
        with pytest.raises(ValueError, match="one_hot: labels from"):
            F.one_hot(labels, classes)
    with pytest.raises(TypeError, match="labels must be integers, got dtype float64"):
        F.one_hot([1.0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expectation(p, seed):
    n = 20_000
    y = F.dropout(np.ones(n), p, rng=np.random.default_rng(seed))
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], 1e-15)
    assert abs(y.mean() - 1) < 5 * np.sqrt(p / (1 - p) / n)  # five standard errors


def test_dropout_passes_the_gradient_where_it_kept_the_value():
    x = variable(np.ones(50))
    y = F.dropout(x, 0.4, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(ml.grad(y.sum(), x)[0], y.data)


def test_dropout_is_off_outside_of_training_and_wants_a_generator_in_it():
    x = variable(np.ones(5))
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    with pytest.raises(ValueError, match=r"dropout: pass rng=np\.random\.default_rng"):
        F.dropout(x, 0.5)
    for p in (-0.1, 1, np.nan):
        with pytest.raises(ValueError, match=r"dropout: p must be in \[0, 1\)"):
            F.dropout(x, p)


# ---- one gate for what is not a float array ------------------------------------------------------

OF_ONE = ["relu", "leaky_relu", "elu", "erf", "gelu", "sigmoid", "silu", "softplus", "log_sigmoid",
          "logsumexp", "softmax", "log_softmax", "norm"]  # fmt: skip
OF_TWO = ["dot", "xlogy", "pairwise_distance"]


@pytest.mark.parametrize("kind", [np.uint8, np.int8, bool, list])
@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO, "cosine_similarity", "linear", "log1mexp"])
def test_integers_booleans_and_lists_become_float64(name, kind):
    f, values = getattr(F, name), [[1, 0, 1], [1, 1, 1]]
    if name == "log1mexp":
        values = [[0, 0]] if kind in (np.uint8, bool) else [[-1, -3, -2], [-5, -1, -1]]
    x = values if kind is list else np.array(values, kind)
    count = 1 if name in (*OF_ONE, "log1mexp") else 2
    got, want = f(*[x] * count), f(*[np.array(values, float)] * count)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, want)


def test_linear_beside_lists_integers_and_other_precisions():
    x = variable(np.ones((2, 3)))
    weight = np.array([[1, 2, 3], [4, 5, 250]], np.uint8)
    y = F.linear(x, weight.tolist(), [1, 2])
    assert y.tolist() == [[7, 261]] * 2
    assert ml.grad(y.sum(), x)[0].tolist() == [[5, 7, 253]] * 2
    assert F.linear(x, weight).tolist() == [[6, 259]] * 2
    w = variable(weight.astype(float))
    (slope,) = ml.grad(F.linear([[[1, 2, 3]]], w).sum(), w)
    assert slope.tolist() == [[1, 2, 3]] * 2
    single = np.ones((2, 3), np.float32)
    assert F.linear(single, single, np.ones(2)).dtype == np.float64
    for bias in (np.ones((2, 1)), 1.0, np.ones(1)):
        with pytest.raises(ValueError, match=r"linear: bias has shape .* it must be \(2,\)"):
            F.linear(x, w, bias)


def test_cosine_similarity_broadcasts_before_it_measures():
    a, b = variable(np.ones((1, 2, 3))), variable(np.ones((2, 1, 3)))
    np.testing.assert_allclose(F.cosine_similarity(a, b, axis=-2).data, np.ones((2, 3)), 1e-15)


def test_dot_wants_one_shape():
    with pytest.raises(ValueError, match=r"dot: a has shape \(2, 3\) and b has shape \(3, 2\)"):
        F.dot(variable(np.ones((2, 3))), np.ones((3, 2)))


@pytest.mark.parametrize("f", [F.softmax, F.log_softmax])
def test_softmax_over_nothing_is_empty(f):
    x = variable(np.ones((2, 0)))
    y = f(x)
    assert y.shape == (2, 0)
    assert ml.grad(y.sum(), x)[0].shape == (2, 0)


def test_norms_of_float16_are_summed_wider():
    x = np.full(10, 300, np.float16)
    assert F.norm(x).dtype == np.float16
    np.testing.assert_allclose(float(F.norm(x)), 300 * np.sqrt(10), rtol=1e-3)
