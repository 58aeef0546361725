"""The walk: the famous bugs of small engines, PyTorch's semantics, depth, and whole derivatives."""

import gc
import importlib
import math
import re
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest

import microloss as ml
from microloss import Tensor, engine, grad, hessian, losses, nn, no_grad, optim, primitive
from microloss import functional as F


def variable(values, **options):
    return Tensor(values, requires_grad=True, **options)


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# ---- ten famous bugs -----------------------------------------------------------------------------


def test_bug_1_no_topological_order():
    a = variable(2.0)
    b = a * a
    c = b * a
    d = b + c
    d.backward()
    assert a.grad == 16


def test_bug_2_shared_gradient_buffers():
    x = variable(3.0)
    (x + x).backward()
    assert x.grad == 2
    a, b = variable([1.0, 2.0]), variable([3.0, 4.0])
    ((a + b) + a).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([2, 2], [1, 1])


def test_bug_3_deep_graphs(without_collector):
    for depth in (5_000, 1_000_000):
        x = y = variable(1.0)
        for _ in range(depth):
            y = y + 1
        y.backward()
        assert (y.item(), x.grad) == (depth + 1, 1)


def test_bug_4_stale_intermediates_in_a_second_backward():
    x = variable(2.0)
    b = x * x
    y = b * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 24


@pytest.mark.parametrize(
    ("left", "right"), [((4, 3), (3,)), ((4, 1), (1, 3)), ((), (2, 3)), ((1,), ()), ((1, 1), (3,))]
)
@pytest.mark.parametrize("f", [np.add, np.multiply, np.divide, np.maximum, np.power, np.hypot])
def test_bug_5_broadcast_not_summed_back(f, left, right):
    rng = np.random.default_rng(0)
    a, b = variable(rng.uniform(1, 2, left)), variable(rng.uniform(1, 2, right))
    f(a, b).sum().backward()
    assert (a.grad.shape, b.grad.shape) == (left, right)


def test_bug_6_mutation_after_use():
    x = variable(1.0)
    y = x * x
    x.data += 1
    with pytest.raises(RuntimeError, match=r"through multiply: .* argument 0, .*changed after use"):
        y.backward()
    assert x.grad is None


@pytest.mark.filterwarnings("ignore")
def test_bug_7_the_unused_branch_of_where():
    x = variable([0.0, 4.0])
    with np.errstate(all="ignore"):
        np.where(x > 0, np.sqrt(x), 0).sum().backward()
    assert np.isnan(x.grad[0])  # as everywhere: 0 times infinity
    x.grad = None
    safe = np.where(x > 0, x, 1)
    np.where(x > 0, np.sqrt(safe), 0).sum().backward()
    assert x.grad.tolist() == [0, 0.25]


def test_bug_8_norm_at_zero():
    for norm in (F.norm, np.linalg.norm, lambda x: F.norm(x, 3), lambda x: F.norm(x, 1, axis=0)):
        x = variable(np.zeros(2))
        norm(x).backward()
        assert x.grad.tolist() == [0, 0]
    a, n = variable(np.ones((2, 3))), variable(np.full((2, 3), 1.5))
    triplet = np.maximum(F.norm(a - a, axis=1) - F.norm(a - n, axis=1) + 1, 0).mean()
    triplet.backward()
    assert np.isfinite(triplet.item()) and np.isfinite(a.grad).all()


def test_bug_9_ties():
    x = variable([1.0, 1.0, 0.0])
    np.max(x).backward()
    assert x.grad.tolist() == [0.5, 0.5, 0]
    y = variable(2.0)
    np.maximum(y, y).backward()
    assert y.grad == 1


def test_bug_10_zero_times_log_zero():
    p = variable([0.0, 1.0])
    entropy = -F.xlogy(p, p).sum()
    entropy.backward()
    assert entropy.item() == 0 and np.isfinite(p.grad).all()
    logit = variable(40.0)
    bce = F.softplus(logit) - 0 * logit
    bce.backward()
    assert (bce.item(), logit.grad) == (pytest.approx(40, abs=1e-15), pytest.approx(1, abs=1e-15))


def test_also_an_integer_leaf():
    x = variable([1, 2, 3])
    (x * x / 2).sum().backward()
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [1, 2, 3]


# ---- accumulation --------------------------------------------------------------------------------


def test_backward_adds_to_grad_until_it_is_reset():
    x = variable([1.0, 2.0])
    for _ in range(3):
        (x * x).sum().backward()
    assert x.grad.tolist() == [6, 12]
    x.grad = None
    (3 * x).sum().backward()
    assert x.grad.tolist() == [3, 3]
    optimizer = optim.SGD([x], lr=0.1)
    optimizer.zero_grad()
    x.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_grad_is_a_plain_array():
    x, y = variable(2.0), variable([1.0, 2.0])
    for _ in range(2):  # a second time adds; the sum of two 0-dimensional arrays is not an array
        (x * x * y + x).sum().backward()
        for tensor in (x, y):
            assert type(tensor.grad) is np.ndarray
            assert tensor.grad.shape == tensor.shape


def test_a_result_or_a_constant_collects_no_gradient():
    x, c = variable([1.0, 2.0]), Tensor([3.0, 4.0])
    y = x * c
    y.sum().backward()
    assert y.grad is None and c.grad is None
    assert x.grad.tolist() == [3, 4]


def test_a_leaf_may_start_to_require_a_gradient():
    x = Tensor([1.0, 2.0])
    x.requires_grad = True
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4]


def test_backward_of_a_leaf():
    x = variable(2.0)
    x.backward()
    assert x.grad == 1
    assert ml.grad(x, x)[0] == 1


VIEWS = [
    lambda x: x, lambda x: +x, lambda x: x.reshape(3, 2).reshape(2, 3), lambda x: x.T.T,
    lambda x: x[:], lambda x: np.flip(x, 0), lambda x: np.broadcast_to(x, (2, 3)),
    lambda x: np.concatenate([x]), lambda x: np.moveaxis(x, 0, 1).T, lambda x: x + 0,
    lambda x: np.stack([x])[0], lambda x: x.astype(np.float64), lambda x: x.sum(axis=()),
]  # fmt: skip


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("g", ["array", "Tensor"])
@pytest.mark.parametrize("f", VIEWS)
def test_no_two_leaves_share_the_memory_of_their_gradients(f, g, create_graph):
    x, y = variable(np.ones((2, 3))), variable(np.ones((2, 3)))
    g = np.ones((2, 3)) if g == "array" else Tensor(np.ones((2, 3)))
    z = f(x) + f(y)
    z.retain_grad()
    z.backward(g, create_graph=create_graph)
    grads = [t.grad.data if create_graph else t.grad for t in (x, y, z)]
    grads.append(g.data if isinstance(g, Tensor) else g)
    for i, one in enumerate(grads):
        for other in grads[:i]:
            assert not np.shares_memory(one, other)
    if not create_graph:
        x.grad += 1
        assert (y.grad == 1).all() and (grads[3] == 1).all()
    x.grad = y.grad = z.grad = None  # a graph of its own gradient is a cycle


def test_the_gradient_of_a_leaf_is_no_view_of_the_gradient_passed_in():
    for g in (np.ones(2), Tensor([1.0, 1.0])):
        x = variable([1.0, 2.0])
        x.backward(g)
        x.grad += 5
        assert (g == 1).all()


def test_two_gradients_from_grad_do_not_share_memory():
    x, y = variable(np.ones(2)), variable(np.ones(2))
    first, second = ml.grad((x + y).sum(), [x, y])
    first += 1
    assert second.tolist() == [1, 1]


# ---- graphs that were used -----------------------------------------------------------------------


def test_backward_twice_raises():
    x = variable(2.0)
    y = np.exp(x * x)
    y.backward()
    with pytest.raises(RuntimeError, match=r"through exp is not possible: .*retain_graph=True"):
        y.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        ml.grad(y, x)


def test_backward_through_a_part_that_was_freed_raises():
    x = variable(2.0)
    shared = x * x
    (shared + 1).backward()
    other = shared * 3
    with pytest.raises(RuntimeError, match=r"through multiply is not possible: .*retain_graph"):
        other.backward()
    with pytest.raises(RuntimeError, match=r"through multiply is not possible: .*retain_graph"):
        ml.grad(shared * 3, x)
    y = variable(5.0)  # whose gradient needs nothing of the freed part
    assert ml.grad(shared * y, y) == (4.0,)


def test_retain_graph_keeps_everything():
    x = variable(2.0)
    y = np.exp(x) * x
    slopes = [ml.grad(y, x, retain_graph=True)[0] for _ in range(3)]
    assert slopes == [pytest.approx(3 * np.exp(2), rel=1e-15)] * 3
    y.backward()


def test_the_leaves_may_be_used_again_without_retain_graph():
    x = variable(2.0)
    (x * x).backward()
    (x * x).backward()
    assert x.grad == 8


# ---- data changed after use ----------------------------------------------------------------------


def changed(f, change):
    x = variable([1.0, 2.0])
    c = Tensor([3.0, 4.0])
    middle = x * c
    y = np.exp(middle).sum()
    change(x, c, middle, y)
    f(y, x)


@pytest.mark.parametrize("f", [lambda y, x: y.backward(), lambda y, x: ml.grad(y, x),
                               lambda y, x: ml.grad(y, x, create_graph=True)])  # fmt: skip
@pytest.mark.parametrize(
    ("change", "operation"),
    [
        ("x.data += 1", "multiply"), ("x.data = x.data + 1", "multiply"),
        ("x.data = x.data", "multiply"), ("c.data *= 2", "multiply"),
        ("c.data = [1, 2]", "multiply"), ("middle.data -= 1", "(exp|multiply)"),
        ("y.data *= 0", "sum"),
    ],
)  # fmt: skip
def test_changed_data_are_noticed(change, operation, f):
    with pytest.raises(RuntimeError, match=rf"backward through {operation}.*changed"):
        changed(f, lambda x, c, middle, y: exec(change, {}, locals()))


def test_in_place_operators_in_no_grad_are_noticed():
    x = variable([1.0, 2.0])
    y = (x * x).sum()
    with no_grad():
        x -= 0.1
    with pytest.raises(RuntimeError, match=r"multiply.*changed after use"):
        y.backward()


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_an_optimizer_step_between_forward_and_backward_is_noticed(make):
    w = variable(np.ones((2, 3)))
    optimizer = make([w], lr=0.1)
    F.linear(np.ones((1, 3)), w).sum().backward()
    loss = F.linear(np.ones((1, 3)), w).sum()
    optimizer.step()
    with pytest.raises(
        RuntimeError, match=r"linear: .* argument 1, of shape \(2, 3\), was changed"
    ):
        loss.backward()


def test_data_may_change_between_backward_and_the_next_forward():
    x = variable([1.0, 2.0])
    for _ in range(3):
        x.grad = None
        (x * x).sum().backward()
        x.data -= 0.25 * x.grad
    assert x.tolist() == [0.125, 0.25]


def test_data_of_another_tensor_may_change():
    x, other = variable([1.0]), variable([1.0])
    y = (x * x).sum()
    other.data += 1
    y.backward()
    assert x.grad == 2


# ---- starting ------------------------------------------------------------------------------------


def test_more_than_one_element_needs_a_gradient():
    y = variable([1.0, 2.0]) * 2
    with pytest.raises(RuntimeError, match=r"shape \(2,\).*\.sum\(\) or \.mean\(\)"):
        y.backward()
    with pytest.raises(RuntimeError, match=r"\.sum\(\) or \.mean\(\)"):
        ml.grad(y, variable(1.0))


@pytest.mark.parametrize("shape", [(1,), (1, 1), ()])
def test_one_element_of_any_shape_needs_none(shape):
    x = variable(np.full(shape, 3.0))
    (x * x).backward()
    assert x.grad.shape == shape and x.grad == 6


@pytest.mark.parametrize("make", [np.array, Tensor, list])
def test_a_gradient_to_start_from(make):
    x = variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    g = [[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]
    (x * x).backward(make(g))
    np.testing.assert_array_equal(x.grad, 2 * x.data * g)
    np.testing.assert_array_equal(ml.grad(x * x, x, make(g))[0], 2 * x.data * g)


@pytest.mark.parametrize("make", [np.ones, lambda shape: Tensor(np.ones(shape))])
@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (1, 2, 3)])
def test_a_gradient_of_another_shape_is_refused(shape, make):
    y = variable(np.ones((2, 3))) * 2
    with pytest.raises(ValueError, match=r"gradient has shape .* the Tensor has shape \(2, 3\)"):
        y.backward(make(shape))


@pytest.mark.parametrize("constant", [
    lambda x: Tensor(1.0) * 2, lambda x: x.detach().sum(), lambda x: Tensor(x.data).sum(),
])  # fmt: skip
def test_a_constant_output_is_refused(constant):
    x = variable([1.0, 2.0])
    for start in (lambda y: y.backward(), lambda y: ml.grad(y, x)):
        with pytest.raises(RuntimeError, match="does not depend on any Tensor with requires_grad"):
            start(constant(x))


def test_an_output_from_no_grad_is_refused():
    with no_grad():
        y = variable(1.0) * 2
    with pytest.raises(RuntimeError, match=r"inside no_grad\(\)"):
        y.backward()


# ---- grad() --------------------------------------------------------------------------------------


def test_grad_returns_a_tuple_and_touches_no_grad():
    x, y = variable(2.0), variable(3.0)
    z = x * y
    z.retain_grad()
    assert ml.grad(z * z, x, retain_graph=True) == (36.0,)
    assert ml.grad(z * z, [y, x], retain_graph=True) == (24.0, 36.0)
    twice = ml.grad(z * z, (x, x))
    assert twice == (36.0, 36.0) and not np.shares_memory(*twice)
    assert x.grad is None and y.grad is None and z.grad is None


def test_grad_is_made_of_arrays():
    x = variable(2.0)
    for y in (x * x, x * x + x * 3 + x):
        (slope,) = ml.grad(y, x)
        assert type(slope) is np.ndarray and slope.shape == ()


def test_grad_of_intermediate_results():
    x = variable([1.0, 2.0])
    middle = x * x
    y = (middle * x + middle).sum()
    by_middle, by_x = ml.grad(y, [middle, x], retain_graph=True)
    np.testing.assert_array_equal(by_middle, x.data + 1)
    np.testing.assert_array_equal(by_x, 3 * x.data**2 + 2 * x.data)
    assert ml.grad(y, [y, middle])[0] == 1


def test_grad_of_an_unused_input_raises():
    x, unused = variable(2.0), variable(1.0)
    with pytest.raises(RuntimeError, match=r"does not depend on inputs\[1\], Tensor\(1\."):
        ml.grad(x * x, [x, unused])
    with pytest.raises(RuntimeError, match=r"does not depend on inputs\[0\]"):
        ml.grad(x * x, Tensor(1.0))


def test_grad_computes_no_more_than_it_needs(monkeypatch):
    called = []
    rule = ml.engine.RULES[np.exp][0]
    monkeypatch.setitem(ml.engine.RULES, np.exp, (lambda *a: called.append(a) or rule(*a),))
    x, y = variable(2.0), variable(3.0)
    z = np.exp(x) * np.sin(y)
    ml.grad(z, y, retain_graph=True)
    assert called == []
    ml.grad(z, x)
    assert len(called) == 1


def test_a_part_with_constants_is_not_walked():
    x, c = variable(2.0), Tensor([1.0, 2.0])
    y = x * np.exp(c).sum()
    assert y._args[1].is_leaf


def test_create_graph_makes_gradients_that_can_be_differentiated():
    x = variable([1.0, 2.0])
    (first,) = ml.grad((x**4).sum(), x, create_graph=True)
    assert isinstance(first, Tensor) and first.requires_grad
    (second,) = ml.grad(first.sum(), x, create_graph=True)
    (third,) = ml.grad(second.sum(), x)
    np.testing.assert_allclose(second.data, 12 * x.data**2, 1e-15)
    np.testing.assert_allclose(third, 24 * x.data, 1e-15)


def test_backward_with_create_graph():
    x = variable(3.0)
    (x**3).backward(create_graph=True)
    slope, x.grad = x.grad, None
    assert slope.data == 27
    slope.backward()
    assert x.grad == 18


def test_a_gradient_penalty():
    # d/dw of (d/dx (w x^2))^2 = (2 w x)^2 is 8 w x^2
    x, w = variable(3.0), variable(0.5)
    (slope,) = ml.grad(w * x * x, x, create_graph=True)
    (slope * slope).backward()
    assert w.grad == 36


def test_a_gradient_penalty_by_backward():
    # the gradient 3 x^2, and to it that of (3 x^2)^2, 36 x^3
    x = variable([1.0, 2.0])
    (x**3).sum().backward(create_graph=True)
    (x.grad**2).sum().backward()
    assert type(x.grad) is np.ndarray
    assert x.grad.tolist() == [39, 300]


def test_without_create_graph_gradients_are_constants():
    x = variable(3.0)
    (slope,) = ml.grad(x**3, x)
    assert type(slope) is np.ndarray


# ---- retain_grad ---------------------------------------------------------------------------------


def test_an_intermediate_result_keeps_its_gradient_if_asked():
    x = variable([1.0, 2.0])
    y = x * 3
    y.retain_grad()
    z = (y * y).sum()
    z.retain_grad()
    z.backward(retain_graph=True)
    assert (y.grad.tolist(), z.grad, x.grad.tolist()) == ([6, 12], 1, [18, 36])
    assert type(z.grad) is np.ndarray
    z.backward()  # adds up, as at a leaf
    assert (y.grad.tolist(), z.grad, x.grad.tolist()) == ([12, 24], 2, [36, 72])


# ---- depth, cost and memory ----------------------------------------------------------------------


def chain(x, depth):
    for _ in range(depth):
        x = x * 1.0
    return x


def test_a_deep_graph_dies_without_the_collector(without_collector):
    x = variable(1.0)
    for walk in (lambda y: None, lambda y: y.backward(), lambda y: y.backward(retain_graph=True)):
        y = chain(x, 100_000)
        deep = weakref.ref(y._args[0]._args[0]._args[0])
        walk(y)
        del y
        assert deep() is None


def test_second_order_through_a_deep_graph(without_collector):
    x = variable(1.5)
    y = chain(x, 3_000) * x
    (slope,) = ml.grad(y, x, create_graph=True)
    (second,) = ml.grad(slope, x)
    assert (slope.data, second) == (3, 2)


MODELS = {
    "network": lambda x: F.softmax(F.relu(F.linear(x, x, x[0])) @ np.exp(x) + x.mean(axis=0)),
    "shapes": lambda x: np.concatenate([x.T, np.stack([x[0], x[1]])[::-1], np.pad(x, 1)[1:3, :2]]),
    "reductions": lambda x: np.max(x, axis=0) * np.prod(x, axis=1) + np.std(x) + np.linalg.norm(x),
    "algebra": lambda x: np.linalg.solve(x + 3 * np.eye(2), x) @ np.einsum("ij,jk->ki", x, x),
    "choices": lambda x: np.where(x > 0, np.clip(x, -1, 1), np.sort(x)) ** 2,
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("freed", [True, False])
def test_no_graph_holds_a_cycle(model, freed, without_collector):
    x = variable([[1.0, -2.0], [0.5, 3.0]])
    y = model(x)
    total = y.sum()
    total.backward(retain_graph=not freed)
    died = [weakref.ref(t) for t in (y, total)]
    del y, total
    assert [ref() for ref in died] == [None, None]
    assert gc.collect() == 0


def test_second_order_holds_no_cycle(without_collector):
    x = variable([[1.0, -2.0], [0.5, 3.0]])
    for model in MODELS.values():
        (slope,) = ml.grad((model(x) ** 2).sum(), x, create_graph=True)
        ml.grad((slope * slope).sum(), x)
        died = weakref.ref(slope)
        del slope
        assert died() is None
    assert gc.collect() == 0


def test_an_exception_in_backward_leaves_no_cycle(without_collector):
    x = variable([1.0, 2.0])
    y = (x * x).sum()
    x.data += 1
    with pytest.raises(RuntimeError):
        y.backward()
    died = weakref.ref(y)
    del y
    gc.collect()  # the traceback refers to frames
    assert died() is None


def test_memory_is_freed_while_walking_back():
    x = variable(np.ones(10))
    first = np.exp(x)
    values = weakref.ref(first.data)
    y = (first * first).sum()
    del first
    y.backward()
    assert values() is None


def seconds_per_node(build, depth):
    """The least of some runs, forward and backward."""
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        y = build(depth)
        y.backward()
        best = min(best, (time.perf_counter() - start) / depth)
    return best


def test_the_cost_of_a_node_does_not_grow_with_a_chain(without_collector):
    def build(depth):
        return chain(variable(1.0), depth)

    assert seconds_per_node(build, 300_000) < 3 * seconds_per_node(build, 10_000)


def test_the_cost_of_a_node_does_not_grow_with_a_wide_graph(without_collector):
    def build(width):
        x = variable(1.0)
        return sum(x * 1.0 for _ in range(width))

    assert seconds_per_node(build, 30_000) < 3 * seconds_per_node(build, 1_000)


def test_the_cost_of_shared_results_does_not_explode(without_collector):
    # 2^100 paths, 100 nodes
    x = y = variable(1.0)
    for _ in range(100):
        y = (y + y) * 0.5
    y.backward()
    assert x.grad == 1


# ---- whole derivatives ---------------------------------------------------------------------------


def test_jacobian():
    a = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]])
    np.testing.assert_array_equal(ml.jacobian(lambda x: a @ x, [1.0, 2.0, 3.0]), a)
    x = np.array([[0.5, 1.0, 2.0], [-1.0, 0.3, 1.5]])
    jacobian = ml.jacobian(lambda x: np.sin(x) @ np.ones((3, 4)), x)
    assert jacobian.shape == (2, 4, 2, 3)
    for i in range(2):
        np.testing.assert_allclose(jacobian[i, :, i], np.tile(np.cos(x[i]), (4, 1)), 1e-15)
        assert not jacobian[i, :, 1 - i].any()


def test_jacobian_of_special_functions():
    x = [1.0, 2.0]
    np.testing.assert_array_equal(ml.jacobian(lambda x: x, x), np.eye(2))
    assert ml.jacobian(lambda x: x**2, 3.0) == 6
    assert ml.jacobian(np.sum, Tensor(x)).tolist() == [1, 1]
    assert ml.jacobian(lambda x: x[:0], x).shape == (0, 2)
    assert ml.jacobian(lambda x: 2 * x, (2.0, 3.0)).tolist() == [[2, 0], [0, 2]]


WHOLE = {
    "jacobian": lambda f, **options: ml.jacobian(f, [1.0, 2.0], **options),
    "hessian": lambda f, **options: ml.hessian(f, [1.0, 2.0], **options),
    "hvp": lambda f, **options: ml.hvp(f, [1.0, 2.0], [1.0, 1.0], **options),
    "jacobians": lambda f, **options: ml.jacobians(f, [[1.0, 2.0]], **options)[0],
    "hessians": lambda f, **options: ml.hessians(f, [[1.0, 2.0]], **options)[0][0],
    "hvps": lambda f, **options: ml.hvps(f, [[1.0, 2.0]], [[1.0, 1.0]], **options)[0],
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    "f", [lambda x: None, lambda x: 3.0, lambda x: x.sum().item(), lambda x: (x * x).sum().data]
)
def test_a_function_that_returns_no_tensor_is_refused(name, f):
    for options in ({}, {"allow_unused": True}):
        with pytest.raises(TypeError, match=rf"{name}: f must return a Tensor, it returned"):
            WHOLE[name](f, **options)


def without_recording(x):
    with no_grad():
        return (x * x).sum()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    "f", [lambda x: x.detach().sum(), lambda x: variable(2.0) * 3, without_recording]
)
def test_a_result_that_does_not_depend_on_its_input_is_refused_or_0(name, f):
    with pytest.raises(RuntimeError, match=rf"{name}: .*does not depend on .*allow_unused=True"):
        WHOLE[name](f)
    zeros = WHOLE[name](f, allow_unused=True)
    assert type(zeros) is np.ndarray and not zeros.any()
    assert zeros.shape == ((2, 2) if name in ("hessian", "hessians") else (2,))


@pytest.mark.parametrize("name", WHOLE)
def test_whole_derivatives_inside_of_no_grad(name):
    f = lambda x: (x**3).sum()
    with no_grad():
        result = WHOLE[name](f)
    np.testing.assert_array_equal(result, WHOLE[name](f))
    assert result.any()


def test_derivatives_of_functions_of_several_arguments():
    x, y = np.array([1.0, 2.0]), 3.0
    f = lambda x, y: x * x * y
    by_x, by_y = ml.jacobians(f, [x, y])
    np.testing.assert_array_equal(by_x, np.diag(2 * x * y))
    np.testing.assert_array_equal(by_y, x * x)
    total = lambda x, y: f(x, y).sum() + y**3
    (xx, xy), (yx, yy) = ml.hessians(total, [x, y])
    np.testing.assert_array_equal(xx, 2 * y * np.eye(2))
    np.testing.assert_array_equal(xy, 2 * x)
    np.testing.assert_array_equal(yx, xy)
    assert yy == 6 * y
    v, w = np.array([0.5, -1.0]), 2.0
    for_x, for_y = ml.hvps(total, (x, y), (v, w))
    np.testing.assert_array_equal(for_x, xx @ v + xy * w)
    assert for_y == yx @ v + yy * w


def test_an_argument_that_is_not_used_is_named():
    for call in (ml.jacobians, ml.hessians):
        with pytest.raises(RuntimeError, match=r"does not depend on inputs\[1\]"):
            call(lambda x, y: x * x, [2.0, 3.0])
    assert ml.jacobians(lambda x, y: x * x, [2.0, 3.0], allow_unused=True) == (4, 0)
    # linear in y: the second derivatives are 0, the first is not
    assert ml.hessians(lambda x, y: x * x + y, [2.0, 3.0]) == ((2, 0), (0, 0))
    for wrong in (np.ones(2), variable([1.0, 2.0]), 3.0, []):
        with pytest.raises(TypeError, match="inputs must be a list"):
            ml.jacobians(lambda *x: x[0], wrong)
    with pytest.raises(ValueError, match="2 inputs, but 1 vectors"):
        ml.hvps(lambda x, y: x * y, [2.0, 3.0], [1.0])


# ---- derivatives of derivatives ------------------------------------------------------------------

CUBES = {
    "jacobian in jacobian": lambda x: ml.jacobian(
        lambda x: ml.jacobian(lambda z: (z**3).sum(), x), x
    ),
    "grad in jacobian": lambda x: ml.jacobian(lambda x: ml.grad((x**3).sum(), x)[0], x),
    "backward in jacobian": lambda x: ml.jacobian(slope_by_backward, x),
    "through a closure": lambda x: ml.jacobian(
        lambda x: ml.jacobian(lambda z: 3 * (z * x * x).sum(), [1.0, 1.0]), x
    ),
}  # fmt: skip


def slope_by_backward(x):
    z = variable([1.0, 1.0])
    (z * x * x * 3).sum().backward()
    slope, z.grad = z.grad, None
    return slope


@pytest.mark.parametrize("make", [list, np.array, Tensor, variable])
@pytest.mark.parametrize("name", CUBES)
def test_a_derivative_inside_of_a_derivative_is_recorded(name, make):
    second = CUBES[name](make([1.0, 2.0]))
    second = second.data if isinstance(second, Tensor) else second
    np.testing.assert_allclose(second, np.diag([6, 12]), 1e-15)


def test_higher_derivatives_by_nesting():
    x = np.array([0.5, -1.0])
    quartic = lambda z: (z**4).sum()
    third = ml.jacobian(lambda x: ml.hessian(quartic, x), x)
    fourth = ml.hessian(lambda x: ml.hessian(quartic, x).sum(), x)
    by_hvp = ml.jacobian(lambda x: ml.hvp(quartic, x, np.ones(2)), x)
    expected = np.zeros((2, 2, 2))
    expected[[0, 1], [0, 1], [0, 1]] = 24 * x
    np.testing.assert_allclose(third, expected, 1e-14, 1e-14)
    np.testing.assert_allclose(fourth, 24 * np.eye(2), 1e-14)
    np.testing.assert_allclose(by_hvp, np.diag(24 * x), 1e-14)
    by_v = ml.jacobian(lambda v: ml.hvp(quartic, x, v), np.ones(2))
    np.testing.assert_allclose(by_v, np.diag(12 * x**2), 1e-14)


def test_a_penalty_on_a_jacobian_reaches_the_weights():
    x, w = np.array([0.3, -0.7]), variable([[1.0, 2.0], [3.0, -1.0]])
    for jacobian in (
        ml.jacobian(lambda x: np.tanh(w @ x), x, create_graph=True),
        ml.jacobian(lambda x: np.tanh(w @ x), variable(x)),
    ):
        w.grad = None
        (jacobian**2).sum().backward()
        y = np.tanh(w.data @ x)
        d = 1 - y * y
        rows = (w.data**2).sum(axis=1)
        expected = 2 * d[:, None] ** 2 * w.data - (4 * d * d * y * rows)[:, None] * x
        np.testing.assert_allclose(w.grad, expected, 1e-13)
    assert type(ml.jacobian(lambda x: np.tanh(w @ x), x)) is np.ndarray


def test_a_derivative_of_a_parameter_is_part_of_its_graph():
    x = variable([1.0, 2.0])
    f = lambda z: (z**3).sum()
    (ml.jacobian(f, x).sum() + ml.hvp(f, x, [1.0, 1.0]).sum()).backward()
    assert x.grad.tolist() == [12, 18]
    for whole in (ml.jacobian, ml.hessian):
        assert type(whole(f, x, create_graph=False)) is np.ndarray
        with no_grad():
            assert type(whole(f, x)) is np.ndarray


def test_hessian_and_hvp():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((4, 4))
    x, v = rng.standard_normal((2, 2, 2))

    def f(x):
        x = x.reshape(-1)
        return x @ a @ x + np.sum(x**3)

    expected = a + a.T + np.diag(6 * x.ravel())
    hessian = ml.hessian(f, x)
    assert hessian.shape == (2, 2, 2, 2)
    np.testing.assert_allclose(hessian.reshape(4, 4), expected, 1e-13)
    np.testing.assert_allclose(ml.hvp(f, x, v).ravel(), expected @ v.ravel(), 1e-13)
    np.testing.assert_array_equal(ml.hvp(f, Tensor(x), Tensor(v)), ml.hvp(f, x, v))


def test_second_derivatives_of_what_is_linear_are_zero():
    assert ml.hessian(lambda x: x.sum(), [1.0, 2.0]).tolist() == [[0, 0], [0, 0]]
    assert ml.hvp(lambda x: x.sum(), [1.0, 2.0], [1.0, 1.0]).tolist() == [0, 0]


def test_second_derivatives_are_arrays_and_leave_x_alone():
    x = Tensor(2.0)
    for result in (
        ml.hvp(lambda x: x * x + x * 3 * x, x, 1.0), ml.hessian(lambda x: x**3, x),
        ml.jacobian(lambda x: x * x + x, x),
    ):  # fmt: skip
        assert type(result) is np.ndarray and result.shape == ()
    assert x.grad is None
    assert ml.hvp(lambda x: (x**3).sum(), np.ones(2, np.float32), np.ones(2)).dtype == np.float32


def test_second_derivatives_want_one_number():
    for call in (lambda f: ml.hessian(f, [1.0, 2.0]), lambda f: ml.hvp(f, [1.0, 2.0], [1, 1])):
        with pytest.raises(ValueError, match=r"f must return one number, it returned shape \(2,\)"):
            call(lambda x: x * x)
    with pytest.raises(ValueError, match=r"v has shape \(3,\), x has shape \(2,\)"):
        ml.hvp(np.sum, [1.0, 2.0], np.ones(3))


def test_power_is_differentiated_in_its_exponent_too_where_that_is_0():
    # d/dp of the slope p a**(p-1) is a**(p-1) + ..., which is 1/a at p = 0, from both sides
    np.testing.assert_allclose(
        hessian(lambda v: v[0] ** v[1], [2.0, 0.0]),
        [[0, 0.5], [0.5, np.log(2) ** 2]],
        rtol=1e-12,
        atol=1e-15,
    )


def test_writing_to_a_view_leaves_what_it_was_made_of():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for view in (x[:1], x.reshape(3, 1), x.T):
        view.data += 1
    (x * x).sum().backward()
    assert x.data.tolist() == [1, 2, 3] and x.grad.tolist() == [2, 4, 6]


@pytest.mark.parametrize("detach", [float, int, math.exp])
def test_a_tensor_is_not_cut_from_its_graph_by_a_conversion(detach):
    x = Tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match="item"):
        detach(x)
    with no_grad():
        detach(x)
    detach(x.detach())


def test_a_tensor_is_not_written_into_an_array():
    array = np.zeros((3, 2))
    with pytest.raises(ValueError, match="array element") as error:  # NumPy's own, made from ours
        array[0, 0] = Tensor(2.0, requires_grad=True)
    assert "array[i] = t would cut the Tensor from its graph" in str(error.value.__cause__)
    with pytest.raises(TypeError, match=r"does not turn into an array silently.*np\.stack"):
        array[0] = Tensor([2.0, 1.0], requires_grad=True)


def test_a_table_entry_that_does_not_fit_its_operation_is_told():
    x = Tensor([1.0, 2.0], requires_grad=True)
    two = primitive(lambda g, y, a, b: g)(lambda a, b: a + b)
    with pytest.raises(RuntimeError, match="rules for 1 of its arguments"):
        two(x, x).sum().backward()
    number = primitive(lambda g, y, a: 1.0)(lambda a: a)
    with pytest.raises(RuntimeError, match=r"returned 1\.0, not an array"):
        number(x).sum().backward()
    pair = primitive(lambda g, y, a: g)(lambda a: (a, a))
    with pytest.raises(TypeError, match="2 results"):
        pair(x)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda x: np.take_along_axis(x, np.array([0, 1]), axis=1), ValueError, "same number"),
        (lambda x: np.tensordot(x, np.ones((3, 4)), 1), ValueError, "shape-mismatch"),
        (lambda x: np.inner(x, np.ones(4)), ValueError, "not aligned"),
        (lambda x: np.expand_dims(x, 5), ValueError, "axis 5"),
        (lambda x: np.expand_dims(x, (0, 0)), ValueError, "repeated"),
        (lambda x: np.diff(x, axis=5), ValueError, "axis 5"),
        (lambda x: F.linear(x, np.ones((4, 2)), np.ones(1)), ValueError, "bias"),
        (lambda x: F.linear(x, np.ones(2)), ValueError, "weight"),
        (lambda x: grad(x, x), RuntimeError, "grad_output"),
        (lambda x: grad(5.0, x), TypeError, "output"),
        (lambda x: x.sum().backward("ab"), TypeError, "gradient"),
        (lambda x: Tensor([[1, 2], [3]]), ValueError, "one length"),
    ],
)
def test_what_numpy_refuses_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call(Tensor(np.ones((3, 2)), requires_grad=True))


def test_nothing_to_sum_and_nothing_to_divide_by():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    np.einsum("ij,kj->ik", x, np.ones((2, 3))).sum().backward()
    assert x.grad.shape == (0, 3)
    one = Tensor([1.0], requires_grad=True)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        np.var(one, ddof=1).backward()
    assert np.isnan(one.grad).all()


def test_floor_division_from_both_sides():
    x = Tensor([2.0, 4.0])
    assert (9 // x).tolist() == [4, 2] and (x // 3).tolist() == [0, 1]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("join", [np.stack, np.concatenate])
def test_many_operands_are_joined_in_order(join, axis):
    arrays = [np.random.default_rng(i).standard_normal((2, 3)) for i in range(200)]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    joined = join(tensors, axis=axis)
    np.testing.assert_array_equal(joined.data, join(arrays, axis=axis))
    weights = np.random.default_rng(0).standard_normal(joined.shape)
    gradients = grad(joined, tensors, weights)
    pieces = np.split(weights, 200, axis)
    for gradient, piece in zip(gradients, pieces, strict=True):
        np.testing.assert_array_equal(gradient, piece.reshape(2, 3))


def test_the_cost_of_an_operand_does_not_grow_with_their_number():
    def seconds(n):
        tensors = [Tensor(float(i), requires_grad=True) for i in range(n)]
        start = time.perf_counter()
        np.stack(tensors).sum().backward()
        return (time.perf_counter() - start) / n

    few, many = (min(seconds(n) for _ in range(3)) for n in (1000, 20_000))
    assert many < 3 * few


# ---- the walk as its module shows it -------------------------------------------------------------


walk_module = importlib.import_module("microloss.engine.grad")  # engine.grad is the function


def shown_walk():
    """The walk in the docstring of its module, as a function."""
    lines = [line for line in walk_module.__doc__.splitlines() if line.startswith("    ")]
    assert len(lines) == 8
    code = "def walk(output, gradient):\n" + "\n".join(lines) + "\n    return totals"
    scope = vars(walk_module) | {"number": lambda tensor: tensor._number}
    exec(code, scope)
    return scope["walk"]


def random_graph(rng):
    """Leaves, and a result that uses them and intermediate results several times."""
    leaves = [variable(rng.uniform(0.5, 2, shape)) for shape in [(3, 4), (4,), (3, 1), ()]]
    tensors = list(leaves)
    unary = [
        np.exp, np.tanh, np.sqrt, lambda a: a.T.T, lambda a: a.sum(axis=-1, keepdims=True),
        lambda a: a[..., :1], lambda a: np.concatenate([a, 2 * a])[: len(a)], np.mean,
    ]  # fmt: skip
    for _ in range(12):
        a, b = (tensors[i] for i in rng.integers(len(tensors), size=2))
        f = unary[rng.integers(len(unary))]
        a = f(a) if a.ndim == 2 else a * a
        tensors.append(0.5 * np.abs(a * b - a / (1 + b * b)) + 0.1)
    return leaves, sum((t * t).sum() for t in tensors)


@pytest.mark.parametrize("seed", range(20))
def test_the_walk_in_the_docstring_is_the_walk(seed):
    leaves, output = random_graph(np.random.default_rng(seed))
    shown = shown_walk()(output, np.ones(()))
    for leaf, gradient in zip(leaves, grad(output, leaves), strict=True):
        np.testing.assert_allclose(shown[leaf], gradient, 1e-12)


def test_second_order_makes_no_detours(monkeypatch):
    calls = []
    arrange = engine.tensor.arrange
    monkeypatch.setattr(
        engine.tensor, "arrange", lambda fn, *rest: calls.append(fn.__name__) or arrange(fn, *rest)
    )
    model = nn.MLP(3, 8, 8, 2, rng=0)
    loss = losses.cross_entropy(model(np.ones((5, 3))), np.array([0, 1, 0, 1, 1]))
    slopes = grad(loss, list(model.parameters()), create_graph=True)
    grad(sum((s * s).sum() for s in slopes), list(model.parameters()), create_graph=True)
    assert calls == []


def test_the_engine_says_how_long_it_is():
    text = engine.__doc__
    folder = Path(engine.__file__).parent
    files = re.findall(r"^\d\. (\w+\.py)", text, flags=re.MULTILINE)
    lines = sum(len((folder / file).read_text("utf-8").splitlines()) for file in files)
    (said,) = re.findall(r"about ([\d,]+) lines", text)
    assert files == ["rules.py", "compositions.py", "tensor.py", "grad.py"]
    assert abs(int(said.replace(",", "")) - lines) <= 0.1 * lines
