"""Tensor: what it takes, how NumPy reaches it, what it refuses, and its modes."""

import copy
import inspect
import operator
import pickle
import re
import subprocess
import sys
from threading import Event, Thread

import numpy as np
import pytest
from matplotlib.figure import Figure

import microloss as ml
from microloss import Tensor, detect_anomaly, nn, no_grad, optim
from microloss import functional as F
from microloss.engine.modes import users_line
from microloss.losses import mse_loss


def variable(values, **options):
    return Tensor(values, requires_grad=True, **options)


# ---- what it takes -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_floats_keep_their_precision(dtype):
    assert Tensor(np.ones(2, dtype)).dtype == dtype


@pytest.mark.parametrize("values", [3, True, [1, 2], [True], np.arange(3, dtype=np.uint8)])
def test_integers_and_booleans_become_float64(values):
    assert Tensor(values).dtype == np.float64
    assert Tensor(values, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    "values", ["a", ["1", "2"], None, [1, None], 1j, [1j], [object()], np.array(["2020"], "M8[Y]")]
)
def test_what_is_not_a_real_number_is_refused(values):
    with pytest.raises(TypeError, match=r"data must be real numbers, got dtype"):
        Tensor(values)
    x = variable(1.0) if np.ndim(values) == 0 else variable(np.ones(np.shape(values)))
    with pytest.raises(TypeError, match=r"data must be real numbers, got dtype"):
        x.data = values
    with pytest.raises(TypeError):
        x + values


def test_a_ragged_list_is_refused():
    with pytest.raises(ValueError, match="inhomogeneous"):
        Tensor([[1.0], [1.0, 2.0]])


@pytest.mark.parametrize("dtype", [int, complex, bool, object, str])
def test_a_dtype_that_is_not_floating_is_refused(dtype):
    with pytest.raises(TypeError, match=r"Tensor\(dtype=\.\.\.\): a floating dtype"):
        Tensor([1.0], dtype=dtype)
    with pytest.raises(TypeError):
        Tensor([1.0]).astype(dtype)


def test_a_tensor_of_a_tensor_is_refused():
    x = Tensor([1.0])
    with pytest.raises(TypeError, match="is a Tensor already"):
        Tensor(x)
    y = variable([1.0])
    for nested in ([y, y], [x, y.sum(axis=0, keepdims=True)]):
        with pytest.raises(TypeError, match=r"np\.stack"):
            Tensor(nested)


def test_data_are_copied():
    values = np.ones(2)
    x = Tensor(values)
    values[0] = 5
    assert x.tolist() == [1, 1]


def test_detach_is_a_constant_copy():
    x = variable([1.0, 2.0])
    y = (2 * x).detach()
    assert y.is_leaf and not y.requires_grad
    x.data -= 1
    z = x.detach()
    z.data += 10
    assert (x.tolist(), y.tolist()) == ([0, 1], [2, 4])
    assert ml.grad((x * x.detach()).sum(), x)[0].tolist() == [0, 1]


def test_new_data_must_fit():
    x = variable(np.ones((2, 3)), dtype=np.float32)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) cannot become \(3,\)"):
        x.data = np.ones(3)
    x.data = np.zeros((2, 3))
    assert x.dtype == np.float32


def test_attributes():
    x = variable(np.ones((2, 3)))
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.float64, 2)
    assert (x.is_leaf, x.op, x.grad) == (True, None, None)
    y = x * 2
    assert (y.is_leaf, y.op, y.requires_grad) == (False, "multiply", True)
    z = Tensor(1.0) * 2
    assert (z.is_leaf, z.op, z.requires_grad) == (True, None, False)


def test_conversions():
    x = Tensor(2.5)
    assert (float(x), int(x), bool(x), x.item(), x.tolist()) == (2.5, 2, True, 2.5, 2.5)
    assert f"{x:.2f} {x}" == "2.50 Tensor(2.5)"
    assert f"{Tensor([[0.125]]):.2f}" == "0.12"
    assert isinstance(Tensor([2.0]).item(), float)
    for convert in (float, bool):
        with pytest.raises((TypeError, ValueError)):
            convert(Tensor([1.0, 2.0]))
    with pytest.raises(ValueError):
        Tensor([1.0, 2.0]).item()


def test_repr():
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(variable(1.0, dtype=np.float32)) == (
        "Tensor(1., dtype=float32, requires_grad=True)"
    )
    assert repr(np.exp(variable(0.0))) == "Tensor(1., op='exp')"


def test_equality_is_elementwise_and_hashing_by_identity():
    x, y = Tensor([1.0, 2.0]), Tensor([1.0, 3.0])
    assert type(x == y) is np.ndarray
    assert (x == y).tolist() == [True, False]
    assert len({x, y, x}) == 2


def test_iteration():
    x = variable([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]
    with pytest.raises(TypeError, match=r"shape \(\) has no elements to iterate over"):
        iter(x.sum())


# ---- copies --------------------------------------------------------------------------------------

COPIES = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("make", COPIES)
def test_a_copy_of_a_leaf_has_values_and_a_gradient_of_its_own(make):
    x = variable([1.0, 2.0])
    x.grad = np.ones(2)
    y = make(x)
    y.data -= 1
    y.grad += 1
    assert y.requires_grad and not make(Tensor(1.0)).requires_grad
    assert (x.tolist(), x.grad.tolist(), y.tolist(), y.grad.tolist()) == (
        [1, 2], [1, 1], [0, 1], [2, 2],
    )  # fmt: skip


@pytest.mark.parametrize("make", COPIES)
def test_a_copy_takes_part_in_a_graph_beside_the_original(make):
    x = variable([3.0])
    y = make(x)
    z = (x * x + 5 * y).sum()
    x.grad = None
    z.backward(retain_graph=True)
    assert (x.grad, y.grad) == (6, 5)
    y.data += 1  # changes y and nothing else
    assert x.data == 3
    with pytest.raises(RuntimeError, match=r"multiply: .*changed after use"):
        z.backward()


@pytest.mark.parametrize("make", COPIES)
def test_a_result_is_not_copied(make):
    y = variable([3.0]) * 2
    with pytest.raises(TypeError, match=r"only leaves .*computed by multiply: .*t\.detach\(\)"):
        make(y)
    assert make(y.detach()).tolist() == [6]


def test_a_tensor_and_a_model_pickled_in_another_process_can_be_used_here(tmp_path):
    script = (
        "import pickle, sys, microloss as ml; from microloss import nn\n"
        "for _ in range(100_000): x = ml.Tensor([2.0], requires_grad=True)\n"  # a late number
        "pickle.dump((x, nn.MLP(2, 3, 1, rng=0)), open(sys.argv[1], 'wb'))"
    )
    file = tmp_path / "saved"
    subprocess.run([sys.executable, "-c", script, file], check=True)
    x, model = pickle.loads(file.read_bytes())
    (x * x).sum().backward()
    assert x.grad == 4
    model(np.ones((1, 2))).sum().backward()
    same = nn.MLP(2, 3, 1, rng=0)
    same(np.ones((1, 2))).sum().backward()
    for p, q in zip(model.parameters(), same.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.grad, q.grad)


def test_a_deep_copy_of_a_model_learns_by_itself():
    model = nn.MLP(2, 3, 1, rng=0)
    twin = copy.deepcopy(model)
    (model(np.ones((1, 2))) - 2 * twin(np.ones((1, 2)))).sum().backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(q.grad, -2 * p.grad)


# ---- precision -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_precision_holds_from_forward_to_gradient(dtype):
    x = variable([[0.5, -1.0], [2.0, 0.3]], dtype=dtype)
    y = np.exp(-x * x) / 3 + x.mean(axis=0) * 1.5 - np.where(x > 0, x, 0) ** 2 + x.std()
    y = np.concatenate([y, np.clip(x, -0.5, 1), np.maximum(x, 0), x.var(axis=1, keepdims=True) + x])
    z = np.einsum("ij->j", y).sum() + np.linalg.norm(x) + np.prod(x) + np.max(x)
    assert (y.dtype, z.dtype) == (dtype, dtype)
    z.backward()
    assert x.grad.dtype == dtype
    (slope,) = ml.grad((x * x * x).sum(), x, create_graph=True)
    (second,) = ml.grad(slope.sum(), x)
    assert (slope.dtype, second.dtype) == (dtype, dtype)


FUNCTIONAL = {
    "relu", "leaky_relu", "elu", "erf", "gelu", "sigmoid", "silu", "softplus", "log_sigmoid",
    "logsumexp", "softmax", "log_softmax", "log1mexp", "norm",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FUNCTIONAL))
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_functional_keeps_the_precision(name, dtype):
    x = variable([[-0.5, -1.0], [-2.0, -0.3]], dtype=dtype)
    y = getattr(F, name)(x)
    assert y.dtype == dtype
    assert getattr(F, name)(x.data).dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.dot(x, x), lambda x: F.xlogy(x, x), lambda x: F.pairwise_distance(x, 2 * x),
        lambda x: F.cosine_similarity(x, x + 1), lambda x: F.linear(x, x, x[0]),
        lambda x: F.dropout(x, rng=np.random.default_rng(0)),
    ],
)  # fmt: skip
def test_functional_of_several_keeps_the_precision(f):
    x = variable([[0.5, 1.0], [2.0, 0.3]], dtype=np.float32)
    y = f(x)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_the_gradient_of_a_float32_leaf_is_float32_in_a_float64_expression():
    x, y = variable([1.0, 2.0], dtype=np.float32), variable([1.0, 2.0])
    z = x * np.array([0.1, 0.2]) + y
    assert z.dtype == np.float64
    z.sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    assert x.grad.tolist() == np.array([0.1, 0.2], np.float32).tolist()


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_a_training_step_keeps_float32(make):
    model = nn.MLP(3, 4, 2, rng=0, dtype=np.float32)
    optimizer = make(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss = mse_loss(model(np.ones((5, 3), np.float32)), np.zeros((5, 2), np.float32))
        loss.backward()
        optimizer.step()
    assert loss.dtype == np.float32
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}


def test_astype_returns_the_gradient_in_the_first_precision():
    x = variable([1.0, 2.0], dtype=np.float32)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (np.float32, [2, 4])


# ---- operators -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "left", [np.ones(3), np.float64(1), np.float32(1), 1, 1.0, [1, 1, 1], (1,)]
)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow"])
def test_anything_on_the_left_of_a_tensor_gives_a_tensor(left, name):
    x = variable([2.0, 3.0, 4.0])
    operate = getattr(operator, name)
    y = operate(left, x)
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(y.data, operate(np.asarray(left), x.data))
    y.sum().backward()
    assert x.grad.shape == (3,)


def test_comparisons_with_an_array_on_the_left_are_plain():
    x = variable([1.0, 2.0])
    for y in (np.ones(2) < x, np.ones(2) == x, x <= 1.5, x != x):
        assert type(y) is np.ndarray


def test_in_place_operators_on_a_result_rebind_the_name():
    x = variable([1.0, 2.0])
    y = before = x * 2
    for operate in ("y += 1", "y -= x", "y *= 3", "y /= 2", "y **= 2"):
        scope = {"y": y, "x": x}
        exec(operate, scope)
        y = scope["y"]
    assert before.tolist() == [2, 4]
    y.sum().backward()
    # ((2 x + 1 - x) 3 / 2)^2 = 2.25 (x + 1)^2
    np.testing.assert_allclose(x.grad, 4.5 * (x.data + 1), 1e-15)


@pytest.mark.parametrize("operate", ["x += 1", "x -= 1", "x *= 2", "x /= 2", "x **= 2", "x @= x"])
def test_in_place_operators_on_a_leaf_raise(operate):
    x = variable(np.eye(2))
    with pytest.raises(RuntimeError, match=r"in-place \w+ on a leaf that requires grad"):
        exec(operate, {"x": x})
    with no_grad():
        exec(operate, {"x": x})  # changes the data of x itself
    assert x.is_leaf and x.requires_grad
    assert (
        x.tolist() == eval(re.sub(r"(\S+) (\S+)= ", r"\1 \2 ", operate), {"x": np.eye(2)}).tolist()
    )


def test_in_place_on_a_constant_gives_a_result():
    x = c = Tensor([1.0, 2.0])
    x += variable([1.0, 1.0])
    assert (x.requires_grad, c.tolist()) == (True, [1, 2])


def test_an_array_cannot_take_a_tensor_in_place():
    array = np.zeros(2)
    with pytest.raises(TypeError, match=r"add: the argument out=.* a = a \+ t in place of a \+= t"):
        array += variable([1.0, 2.0])


@pytest.mark.parametrize("other", ["a", None, object(), 1j, [1, "b"], {"a": 1}])
def test_arithmetic_with_what_is_not_a_number_is_refused(other):
    for operate in (lambda: variable(1.0) + other, lambda: other * variable(1.0)):
        with pytest.raises(TypeError):
            operate()


# ---- NumPy's protocols ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [np.asarray, np.array, lambda x: np.array([x, x]), lambda x: np.array([x.sum()]), np.mat, list]
    if hasattr(np, "mat")
    else [np.asarray, np.array, lambda x: np.array([x, x]), lambda x: np.array([x.sum()])],
)
def test_a_tensor_does_not_turn_into_an_array_silently(convert):
    with pytest.raises(TypeError, match=r"t\.data .*np\.stack"):
        convert(variable([1.0, 2.0]))


def test_a_constant_turns_into_an_array_of_its_own():
    x = variable([1.0, 2.0])
    for make in (np.asarray, np.array, np.asanyarray, lambda t: np.array([t, t])[0]):
        array = make(x.detach())
        assert type(array) is np.ndarray and array.tolist() == [1, 2]
    assert np.asarray(x.detach(), np.float32).dtype == np.float32
    assert np.mean([x.sum().detach(), x.sum().detach()]) == 3
    c = x.detach()
    np.asarray(c)[0] = 9
    assert c.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"use t\.data"):
        np.array(c, copy=False)
    with no_grad():
        assert np.asarray(x).tolist() == [1, 2]
    array = np.zeros((2, 2))
    array[0] = c
    array[1, 1] = c[0]
    assert array.tolist() == [[1, 2], [0, 1]]


def test_a_constant_can_be_plotted():
    (line,) = Figure().subplots().plot(variable([1.0, 2.0]).detach())
    assert line.get_ydata().tolist() == [1, 2]


class Doubling(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return 2 * getattr(ufunc, method)(*map(np.asarray, inputs), **options)


MASKED = np.ma.array([1.0, 100.0], mask=[0, 1])


@pytest.mark.parametrize(
    ("other", "cure"),
    [
        (MASKED, r"MaskedArray.*\.filled"), ([1.0, np.ma.masked], r"MaskedConstant.*\.filled"),
        ([MASKED, MASKED], r"MaskedArray.*\.filled"),
        (np.asmatrix([1.0, 2.0]), r"matrix.*np\.asarray"),
        (np.ones(2).view(Doubling), r"Doubling.*np\.asarray"),
    ],
)  # fmt: skip
def test_arrays_with_arithmetic_of_their_own_are_refused(other, cure):
    t = variable([1.0, 2.0])
    for use in (
        lambda: t * other, lambda: t + other, lambda: t @ other, lambda: t > other,
        lambda: t // other, lambda: Tensor(other), lambda: setattr(t, "data", other),
        lambda: np.add(t, other), lambda: np.maximum(t, other), lambda: t.backward(other),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=cure):
            use()
    if isinstance(other, np.ndarray):
        for use in (lambda: other * t, lambda: other + t, lambda: other - t, lambda: t == other):
            with pytest.raises(TypeError):
                use()


def test_an_array_in_a_file_is_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "values", np.float64, "w+", shape=2)
    mapped[:] = 3
    t = variable([1.0, 2.0])
    (t * mapped + mapped * t).sum().backward()
    assert t.grad.tolist() == [6, 6]
    assert type(t.grad) is np.ndarray and type((t * mapped).data) is np.ndarray
    assert Tensor(mapped).tolist() == [3, 3]


def test_comparisons_with_what_is_not_a_number():
    t = variable([1.0, 2.0])
    for other in ("a", None, object()):
        assert (t == other).tolist() == [False, False]
        assert (t != other).tolist() == [True, True]
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.floordiv):
        with pytest.raises(TypeError, match=r"operand of a Tensor must be real numbers.*'a'"):
            compare(t, "a")
    assert (t < [t.sum(), 1]).tolist() == [True, False]


def test_where_with_one_argument_is_nonzero():
    assert [i.tolist() for i in np.where(variable([0.0, 2.0, 3.0]))] == [[1, 2]]


def test_the_methods_of_an_array_take_a_tensor_as_a_bound():
    x = variable(0.5)
    for clipped in (np.ones(3).clip(0, x), np.ones(3).clip(max=x)):
        assert isinstance(clipped, Tensor) and clipped.tolist() == [0.5] * 3
        assert ml.grad(clipped.sum(), x) == (3,)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("exp", "np.exp(t)"), ("log", "np.log(t)"), ("abs", "np.abs(t)"), ("relu", "F.relu(t)"),
        ("numpy", "t.data"), ("view", "t.reshape"), ("unsqueeze", "np.expand_dims"),
        ("arctan", "np.arctan(t)"), ("hypot", "np.hypot(t)"), ("zero_", "t.data ="),
    ],
)  # fmt: skip
def test_methods_that_people_try_first(name, cure):
    for owner in (variable([1.0]), Tensor):
        assert not hasattr(owner, name)
        with pytest.raises(AttributeError, match=rf"{name}.*; .*use {re.escape(cure)}"):
            getattr(owner, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        variable([1.0]).nonsense  # noqa: B018


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "prod", "argmax"])
def test_options_of_pytorch_are_told_ours(name):
    method = getattr(variable([[1.0, 2.0]]), name)
    with pytest.raises(TypeError, match=rf"{name}\(\) has no option dim=; .*use axis="):
        method(dim=0)
    with pytest.raises(TypeError, match=r"no option keepdim=; .*use keepdims="):
        method(axis=0, keepdim=True)
    with pytest.raises(TypeError, match=r"no option nonsense=$"):
        method(nonsense=0)


def test_variances_take_their_options_by_name():
    t = variable([[1.0, 2.0], [3.0, 7.0]])
    for name in ("var", "std"):
        with pytest.raises(TypeError, match=rf"{name}: .*t\.{name}\(0, ddof=1, keepdims=True\)"):
            getattr(t, name)(0, True)
        ours, numpys = (getattr(x, name)(0, ddof=1, keepdims=True) for x in (t, t.data))
        np.testing.assert_array_equal(ours.data, numpys)
    with pytest.raises(TypeError, match=r"unbiased=.*n - 1"):
        t.var(unbiased=False)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std"])
@pytest.mark.parametrize("axis", [None, 0, -1, ()])
def test_reductions_of_one_number_go_back_or_are_refused_in_numpys_words(name, axis):
    x = variable(3.0)
    if name in ("mean", "var", "std") and axis in (0, -1):
        with pytest.raises(np.exceptions.AxisError, match="out of bounds for array of dimension 0"):
            getattr(x, name)(axis=axis)
        return
    y = getattr(x, name)(axis=axis)
    assert y.shape == () and y.data == getattr(np, name)(3.0, axis=axis)
    y.backward()
    assert x.grad == (name not in ("var", "std"))


@pytest.mark.parametrize(
    ("call", "shape"), [(lambda a, b: a.dot(b), ()), (lambda a, b: a.dot(b[None].T), (1,))]
)
def test_dot_as_a_method(call, shape):
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    x, y = variable(a), variable(b)
    z = call(x, y)
    assert z.shape == shape and z.op == "matmul"
    z.sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([3, 4], [1, 2])
    for other in (2.0, np.ones((2, 2, 3))):
        np.testing.assert_array_equal(x.dot(other).data, a.dot(other))


# ---- constants, views and changed data -----------------------------------------------------------

VIEWS = [
    lambda t: t.reshape(-1), lambda t: t.T, lambda t: t[:], lambda t: t[0], lambda t: t.mT,
    lambda t: np.expand_dims(t, 0), lambda t: np.moveaxis(t, 0, 1), lambda t: t.squeeze(),
    lambda t: np.diagonal(t), lambda t: np.flip(t, 0), lambda t: as_it_is(t),
]  # fmt: skip
as_it_is = ml.primitive(lambda g, y, a: g)(lambda a: a)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_a_constant_keeps_its_values_when_the_constant_changes(view):
    x, c = variable(3.0), Tensor([[1.0, 2.0], [3.0, 4.0]])
    w = variable(c.data)
    constants = [view(c)]
    with no_grad():
        constants.append(view(w))
    before = constants[0].data.copy()
    y = sum((x * v).sum() for v in constants)
    c.data += 1
    w.data *= 5
    y.backward()
    assert x.grad == 2 * before.sum()
    constants[0].data *= 7
    assert c.tolist() == [[2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (np.linalg.eigvals, "np.linalg.eigvals"), (np.fft.fft, "np.fft.fft"), (np.i0, "np.i0"),
        (lambda x: np.heaviside(x, 0), "np.heaviside"), (np.modf, "np.modf"),
        (np.unwrap, "np.unwrap"), (lambda x: np.add.accumulate(x), "np.add.accumulate"),
    ],
)  # fmt: skip
def test_a_function_without_a_rule_is_named(call, name):
    with pytest.raises(TypeError, match=rf"{re.escape(name)} has no derivative rule"):
        call(variable(np.eye(2)))


def test_the_message_says_how_to_add_a_rule():
    hint = r"microloss\.engine\.RULES\[np\.linalg\.eigvals\] = \(lambda g"
    with pytest.raises(TypeError, match=hint):
        np.linalg.eigvals(variable(np.eye(2)))


@pytest.mark.parametrize("options", [{"where": np.array([True, False])}, {"dtype": np.float32},
                                     {"out": np.zeros(2)}, {"casting": "unsafe"}])  # fmt: skip
def test_options_of_ufuncs_are_refused_at_the_call(options):
    (name,) = options
    for call in (
        lambda **o: np.exp(variable([1.0, 2.0]), **o),
        lambda **o: np.add(1, variable([1.0, 2.0]), **o),
    ):
        with pytest.raises(TypeError, match=rf"(exp|add): the argument {name}= is not supported"):
            call(**options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("np.sum(x, out=np.zeros(()))", "sum: the argument out=.*never written into"),
        ("np.sum(x, 0, None, np.zeros(()))", "sum: the argument out="),
        ("np.sum(x, where=x.data > 1)", r"sum: the argument where=.*np\.where\(mask, t, 0\)"),
        ("np.mean(x, dtype=np.float32)", r"mean: the argument dtype=.*t\.astype"),
        ("np.max(x, initial=0.0)", "max: the argument initial=.*axis, keepdims"),
        ("np.var(x, correction=1)", "var: the argument correction=.*ddof"),
        ("np.reshape(x, (2, 1), order='F')", "reshape: the argument order="),
        ("np.ravel(x, 'F')", "ravel: the argument order="),
        ("np.concatenate([x, x], out=np.zeros(4))", "concatenate: the argument out="),
        ("np.stack([x, x], dtype=np.float32)", "stack: the argument dtype="),
        ("np.take(x, [0], out=np.zeros(1))", "take: the argument out="),
        ("np.diff(x, prepend=0)", "diff: the argument prepend="),
        ("np.clip(x, 0, 1, np.zeros(2))", "clip: the argument out="),
        ("np.dot(x, x, out=np.zeros(()))", "dot: the argument out="),
        ("np.add.reduce(x, out=np.zeros(()))", "sum: the argument out="),
        ("x.prod(dtype=np.float32)", "prod: the argument dtype="),
        ("np.einsum('i->', x, out=np.zeros(()))", "einsum: the argument out="),
    ],
)
def test_options_without_support_are_refused_at_the_call(call, message):
    with pytest.raises(TypeError, match=message):
        eval(call, {"np": np, "x": variable([1.0, 2.0])})


@pytest.mark.parametrize(
    "call",
    [
        "np.sum(x, 0, None, None, False)", "np.reshape(x, (2, 1), order='C')",
        "np.concatenate([x, x], 0, out=None)", "np.take(x, [0], None, None, 'raise')",
        "np.trace(x[None], 0, 0, 1, None, None)", "np.broadcast_to(x, (2, 2), False)",
        "np.einsum('i->', x, optimize=False, out=None)", "np.var(x, 0, None, None, 0, False)",
        "np.ravel(x, 'C')", "np.copy(x, 'K', False)", "np.sort(x, 0, None, None)",
    ],
)  # fmt: skip
def test_options_at_their_default_are_no_options(call):
    x = variable([1.0, 2.0])
    tensor = eval(call, {"np": np, "x": x})
    np.testing.assert_array_equal(tensor.data, eval(call, {"np": np, "x": x.data}))


@pytest.mark.parametrize("call", [
    "np.add.accumulate(x)", "np.multiply.outer(x, x, out=np.ones((2, 2)))", "np.subtract.reduce(x)",
    "np.add.reduceat(x, [0, 1])", "np.add.at(np.zeros(2), [0, 1], x)", "np.divide.reduce(x)",
    "np.logical_or.reduce(x)",
])  # fmt: skip
def test_methods_of_ufuncs_are_refused(call):
    with pytest.raises(TypeError, match="has no derivative rule for Tensors"):
        eval(call, {"np": np, "x": variable([1.0, 2.0])})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("F.linear(a, weight=w)", "linear: the Tensor in weight= would get no gradient"),
        ("F.linear(np.ones((1, 2)), weight=w)", "linear: the Tensor in weight="),
        ("F.linear(a, w, bias=b)", "linear: the Tensor in bias="),
        ("F.softmax(x=a)", "softmax: the Tensor in x="),
        ("F.leaky_relu(a, negative_slope=b[0])", "leaky_relu: the Tensor in negative_slope="),
        ("np.pad(a, 1, constant_values=b[0])", "pad: the Tensor in constant_values="),
        ("np.var(a, ddof=b[0])", "var: the Tensor in ddof="),
    ],
)
def test_tensors_in_keyword_arguments_are_refused_at_the_call(call, message):
    scope = {"np": np, "F": F, "a": variable(np.ones((1, 2))), "w": variable(np.ones((3, 2))),
             "b": variable(np.ones(3))}  # fmt: skip
    with pytest.raises(TypeError, match=message):
        eval(call, scope)


def test_arrays_may_be_named():
    x = variable([[3.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(np.sum(a=x, axis=0).data, [4, 3])
    np.testing.assert_allclose(np.linalg.solve(b=[1, 2], a=x).data, [0, 1], atol=1e-15)
    np.testing.assert_array_equal(np.concatenate(arrays=[x, x]).shape, (4, 2))


# ---- indexing ------------------------------------------------------------------------------------


def test_repeated_indices_add_up():
    x = variable([1.0, 2.0, 3.0])
    x[[0, 0, 1]].sum().backward()
    assert x.grad.tolist() == [2, 1, 0]


def test_a_tensor_is_not_an_index():
    x, t = variable(np.ones((2, 2))), Tensor([0.0, 1.0])
    for index in (t, t[0], (t, 0), (0, t)):
        with pytest.raises(TypeError, match=r"integers or a mask.*NumPy integer arrays"):
            x[index]
    with pytest.raises(IndexError):  # NumPy's, for floats
        x[[t]]


def test_assignment_into_a_tensor_is_refused():
    x = variable([1.0, 2.0])
    with pytest.raises(TypeError, match=r"not assigned into.*np\.where"):
        x[0] = 1.0


def test_an_index_out_of_range_is_numpys_error():
    with pytest.raises(IndexError):
        variable([1.0, 2.0])[2]


# ---- modes ---------------------------------------------------------------------------------------


def test_no_grad_as_a_block():
    x = variable([1.0, 2.0])
    with no_grad():
        y = x * x
        with no_grad():
            pass
        z = np.concatenate([x, x])
        leaf = variable(3.0)
    assert not y.requires_grad and y.is_leaf and y.op is None and not z.requires_grad
    assert leaf.requires_grad
    assert (x * x).requires_grad


def test_no_grad_as_a_decorator():
    x = variable(2.0)

    @no_grad()
    def evaluate(x):
        """Its docstring."""
        return x * x

    assert not evaluate(x).requires_grad
    assert not evaluate(x).requires_grad  # more than once
    assert evaluate.__doc__ == "Its docstring."
    assert (x * x).requires_grad


@pytest.mark.parametrize("block", [no_grad, detect_anomaly])
def test_a_block_holds_in_its_own_thread_only(block):
    x, entered, leave = Tensor([1.0, 0.0], requires_grad=True), Event(), Event()

    def elsewhere():
        with block():
            entered.set()
            leave.wait(10)

    thread = Thread(target=elsewhere)
    thread.start()
    entered.wait(10)
    with np.errstate(divide="ignore"):
        y = np.log(x)  # of 0: detect_anomaly() would raise
    leave.set()
    thread.join()
    assert y.requires_grad


@pytest.mark.parametrize("make", [no_grad, detect_anomaly])
def test_one_block_can_be_used_again_and_inside_of_itself(make):
    x, block = variable([0.0]), make()
    with np.errstate(divide="ignore"):
        for _ in range(2):
            with block:
                with block:
                    pass
                if make is no_grad:
                    assert not (x * x).requires_grad
                else:
                    with pytest.raises(FloatingPointError):
                        np.log(x)
            assert np.log(x).requires_grad

    @block
    def evaluate(depth):
        return evaluate(depth - 1) if depth else x * x

    assert evaluate(3).requires_grad is (make is not no_grad)
    assert (x * x).requires_grad


def test_enable_grad_records_inside_of_no_grad():
    x = variable(3.0)

    @ml.enable_grad()
    def square(x):
        return x * x

    with no_grad():
        with ml.enable_grad():
            y = x * x
            with no_grad():
                assert not (x * x).requires_grad
        assert not (x * x).requires_grad
        z = square(x)
    assert ml.grad(y, x) == ml.grad(z, x) == (6,)


def test_no_grad_ends_with_an_exception():
    x = variable(2.0)
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert (x * x).requires_grad


def test_backward_works_inside_no_grad():
    x = variable(2.0)
    y = x**3
    with no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad
    assert ml.grad(x.grad, x)[0] == 12
    x.grad = None


# ---- detect_anomaly ------------------------------------------------------------------------------


def this_line(offset=0):
    frame = inspect.currentframe().f_back
    return f"{__file__}, line {frame.f_lineno + offset}, in {frame.f_code.co_name}"


@pytest.fixture
def quiet_floats():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.usefixtures("quiet_floats")
class TestDetectAnomaly:
    def test_names_the_operation_and_the_line_that_called_it(self):
        x = variable([1.0, 0.0])
        with detect_anomaly(), pytest.raises(FloatingPointError) as error:
            line = this_line(+1)
            np.log(x)
        assert str(error.value) == (f"log made -inf at element (1,), from 0.0; called at {line}")

    @pytest.mark.parametrize(
        ("f", "operation"),
        [
            (lambda x: x[1] / (x[0] - x[0]), "divide"), (lambda x: np.exp(1e4 * x), "exp"),
            (lambda x: x.sum() / 0.0, "divide"),
            (lambda x: np.where(x > 2, x, np.inf) * 0, "multiply"),
            (lambda x: (x + np.array([np.inf, -np.inf])).sum(), "sum"),
            (lambda x: np.sqrt(-x), "sqrt"), (lambda x: (-x) ** 0.5, "power"),
            (lambda x: np.linalg.norm(x * 1e300), "p_norm"),
        ],
    )  # fmt: skip
    def test_finds_the_first_operation(self, f, operation):
        with detect_anomaly(), pytest.raises(FloatingPointError, match=f"^{operation} made"):
            f(variable([[1.0, 2.0], [3.0, 4.0]]))

    def test_sees_through_our_own_and_numpys_frames(self):
        x = variable([-1e4])
        with detect_anomaly(), pytest.raises(FloatingPointError) as error:
            line = this_line(+1)
            np.linalg.norm(x * 1e300, axis=0)
        assert str(error.value).endswith(line)

    def test_a_directory_that_begins_like_ours_is_not_ours(self, tmp_path):
        file = ml.__file__.replace("__init__.py", "").rstrip("/\\") + "_course/lesson.py"
        scope = {"users_line": users_line}
        exec(compile("line = users_line()", file, "exec"), scope)
        assert scope["line"] == f"{file}, line 1, in <module>"

    def test_backward_names_the_operation_and_its_line(self):
        x = variable([4.0, 0.0])
        with detect_anomaly(), pytest.raises(FloatingPointError) as error:
            line = this_line(+1)
            y = np.sqrt(x)
            y.sum().backward()
        assert str(error.value) == (
            "backward through sqrt made inf at element (1,) of the gradient of its argument 0; "
            f"sqrt was called at {line}"
        )

    def test_backward_finds_the_nan_behind_a_where(self):
        x = variable([4.0, 0.0])
        with detect_anomaly(), pytest.raises(FloatingPointError, match="backward through sqrt"):
            np.where(x.data > 0, np.sqrt(x), 0).sum().backward()

    def test_backward_through_a_graph_from_before(self):
        y = np.sqrt(variable([0.0]))
        with (
            detect_anomaly(),
            pytest.raises(FloatingPointError, match=r"outside of detect_anomaly"),
        ):
            y.backward()

    def test_with_create_graph(self):
        y = np.sqrt(variable([0.0]))
        with detect_anomaly(), pytest.raises(FloatingPointError, match="made inf"):
            y.backward(create_graph=True)

    def test_a_nan_that_came_in_is_reported_as_the_argument_that_holds_it(self):
        x, w = variable([1.0, 2.0]), variable([[3.0, np.nan], [1.0, 1.0]])
        with detect_anomaly(), pytest.raises(FloatingPointError) as error:
            line = this_line(+1)
            x @ w
        assert str(error.value) == (
            "argument 1 of matmul, of shape (2, 2), holds nan at element (0, 1) before the "
            f"operation; called at {line}"
        )
        with detect_anomaly(), pytest.raises(FloatingPointError, match=r"^argument 1 of add"):
            x + np.array([np.nan, 1.0])

    def test_a_nan_that_is_masked_and_an_infinity_that_came_in_are_allowed(self):
        x = variable([np.nan, 1.0])
        with detect_anomaly():
            np.where([False, True], x, 0.0).sum().backward()
            np.exp(variable([-np.inf, 0.0])).sum().backward()
        assert x.grad.tolist() == [0, 1]

    def test_backward_reports_a_nan_that_came_in(self):
        x = variable([2.0, np.nan])
        y = (x * x).sum()
        with detect_anomaly():
            with pytest.raises(
                FloatingPointError, match=r"^argument 0 of multiply, .*element \(1,"
            ):
                y.backward()
            with pytest.raises(
                FloatingPointError, match=r"^the gradient that reaches multiply, of"
            ):
                (variable([1.0]) * 2).backward([np.nan])
            (variable([1.0]) * 2).backward([np.inf])

    @pytest.mark.parametrize(
        ("write", "what"),
        [
            ("x.data[0] = 5", "multiply: its argument 0"), ("c[1] = 0", "add: its argument 1"),
            ("c += 1", "add: its argument 1"), ("y.data[:] = 0", "sum: its argument 0"),
            ("z.data[...] = 0", "sum: its result"),
            ("x._array.sort()", "multiply: its argument 0"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("create_graph", [False, True])
    def test_what_was_written_into_after_use_is_noticed(self, write, what, create_graph):
        x, c = variable([2.0, 1.0]), np.array([3.0, 4.0])
        with detect_anomaly():
            line = this_line(+1)
            z = (y := np.exp(x * x + c)).sum()
            z.backward(retain_graph=True)
            exec(write, {"x": x, "c": c, "y": y, "z": z})
            message = f"backward through {what} was written into after use"
            with pytest.raises(RuntimeError, match=re.escape(message)) as error:
                z.backward(create_graph=create_graph)
        assert str(error.value).endswith(f"called at {line}")

    def test_nested_and_off_afterwards(self):
        x = variable([0.0])
        with detect_anomaly():
            with detect_anomaly(), pytest.raises(FloatingPointError):
                np.log(x)
            with pytest.raises(FloatingPointError):
                np.log(x)
        assert np.log(x).data == -np.inf

    def test_off_after_an_exception(self):
        with pytest.raises(ZeroDivisionError), detect_anomaly():
            1 / 0  # noqa: B018
        assert np.log(variable([0.0])).data == -np.inf
