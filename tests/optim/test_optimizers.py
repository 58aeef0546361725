"""What all optimizers do with their parameters, options and gradients."""

import warnings

import numpy as np
import pytest
from curves import OPTIMIZERS

import microloss as ml
from microloss import nn, optim

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def P(*values, **options):
    return ml.Tensor(np.array(values, float), requires_grad=True, **options)


def make(name, params, **options):
    kind, defaults = OPTIMIZERS[name]
    return getattr(optim, kind)(params, **defaults | options)


# ---- parameters ----------------------------------------------------------------------------------


def test_one_tensor_and_a_generator_are_lists_of_parameters():
    w, b = P(1.0), P(2.0)
    assert optim.SGD(w).parameters()[0] is w
    assert [p.item() for p in optim.SGD(p for p in (w, b)).parameters()] == [1.0, 2.0]
    assert optim.SGD([{"params": w}, {"params": (p for p in [b])}]).parameters()[1] is b


def test_groups_have_options_of_their_own():
    a, b = P(1.0), P(1.0)
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.1)
    (a + b).sum().backward()
    optimizer.step()
    assert a.data == 0.5 and b.data == 0.9


def test_a_group_that_is_refused_leaves_the_optimizer_as_it_was():
    a, b = P(1.0), P(2.0)
    optimizer = optim.SGD([a])
    for params, options in (([b, a], {}), ([b, b], {}), ([b], {"lr": -1})):
        with pytest.raises(ValueError):
            optimizer.add_param_group({"params": params} | options)
        assert len(optimizer.param_groups) == len(optimizer.parameters()) == 1
    optimizer.add_param_group({"params": [b]})
    assert optimizer.parameters()[1] is b


LISTS = {
    "SGD": optim.SGD,
    "Adam": optim.Adam,
    "a group": lambda params: optim.SGD([{"params": params}]),
    "add_param_group": lambda params: optim.SGD(P(0.0)).add_param_group({"params": params}),
    "SaddleFreeNewton": optim.SaddleFreeNewton,
    "SWA": optim.SWA,
    "EMA": optim.EMA,
    "clip_grad_norm_": lambda params: optim.clip_grad_norm_(params, 1.0),
    "clip_grad_value_": lambda params: optim.clip_grad_value_(params, 1.0),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "given, words",
    [
        (lambda: [P(1.0, 2.0) * 0.1], r"params\[0\] was computed by multiply.*requires_grad=True"),
        (lambda: P(1.0, 2.0) * 0.1, r"params\[0\] was computed by multiply"),
        (lambda: [P(1.0), 2.0], r"params\[1\] must be a Tensor"),
        (lambda: [], "params is empty"),
        (lambda: nn.Linear(2, 1, rng=0), r"params is a Linear: pass its .parameters\(\)"),
        (lambda: 3, "params must be a Tensor or a list of Tensors, got 3"),
    ],
)
def test_what_is_not_a_list_of_leaves_is_refused(name, given, words):
    with pytest.raises((ValueError, TypeError), match=words):
        LISTS[name](given())


@pytest.mark.parametrize("name", ["SWA", "EMA", "clip_grad_norm_", "clip_grad_value_"])
def test_one_tensor_is_a_list_of_one(name):
    p = P(3.0, 4.0)
    p.grad = np.array([3.0, 4.0])
    done = LISTS[name](p)
    if name in ("SWA", "EMA"):
        done.update()
        assert done.averages[0].tolist() == [3.0, 4.0]
    else:
        assert np.abs(p.grad).max() <= 1.0


@pytest.mark.parametrize(
    "params, words",
    [
        ({"params": [P(1.0)]}, "pass a list of groups"),
        ([{"params": [P(1.0)]}, P(2.0)], 'a group must be a dict with "params"'),
        ([{"lr": 1.0}], 'a group must be a dict with "params"'),
    ],
)
def test_groups_that_are_none(params, words):
    with pytest.raises(TypeError, match=words):
        optim.SGD(params)


# ---- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, options, words",
    [
        ("SGD", {"lr": -1}, "lr must be finite and at least 0, got -1.0"),
        ("SGD", {"lr": np.nan}, "lr must be a number, got nan"),
        ("SGD", {"lr": np.inf}, "lr must be finite"),
        ("SGD", {"lr": None}, "lr must be one real number, got None"),
        ("SGD", {"lr": "0.1"}, "lr must be one real number, got '0.1'"),
        ("SGD", {"lr": np.array([0.1, 0.2])}, "lr must be one real number"),
        ("SGD", {"lr": ml.Tensor(0.1)}, "lr is a Tensor"),
        ("SGD", {"momentum": -0.1}, "momentum"),
        ("SGD", {"dampening": None}, "dampening"),
        ("SGD", {"weight_decay": -1}, "weight_decay"),
        ("SGD", {"nesterov": True}, "momentum > 0"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening = 0"),
        ("SGD", {"nesterov": 1, "momentum": 0.9}, "nesterov must be True or False"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay"),
        ("Adagrad", {"eps": -1}, "eps"),
        ("RMSprop", {"alpha": 2}, r"alpha must be in \[0, 1\), got 2"),
        ("RMSprop", {"centered": "yes"}, "centered"),
        ("RMSprop", {"momentum": np.nan}, "momentum"),
        ("Adam", {"betas": (0.9, 1.0)}, r"betas\[1\] must be in \[0, 1\), got 1"),
        ("Adam", {"betas": (0.9,)}, "betas must be two numbers"),
        ("Adam", {"betas": 0.9}, "betas must be two numbers"),
        ("Adam", {"betas": (0.9, 0.99, 0.999)}, "betas must be two numbers"),
        ("Adam", {"amsgrad": 1}, "amsgrad"),
        ("AdamW", {"eps": None}, "eps"),
        ("SaddleFreeNewton", {"damping": -1}, "damping"),
        ("SaddleFreeNewton", {"rank": 0}, "rank must be at least 1"),
        ("SaddleFreeNewton", {"rank": 2.5}, "rank must be a whole number"),
    ],
)
def test_every_option_is_checked_in_every_group(kind, options, words):
    make = getattr(optim, kind)
    with pytest.raises((ValueError, TypeError), match=words):
        make([P(1.0)], **options)
    with pytest.raises((ValueError, TypeError), match=words):
        make([{"params": [P(1.0)]} | options])


def test_options_that_do_not_exist():
    with pytest.raises(ValueError, match="SGD has no option rate; it has lr, momentum"):
        optim.SGD([{"params": [P(1.0)], "rate": 1}])


@pytest.mark.parametrize("lr", [None, -0.1, np.nan, np.array([0.1, 0.2])])
def test_a_rate_set_by_hand_is_checked_at_the_step(lr):
    p = P(1.0, 1.0)
    optimizer = optim.SGD([p])
    p.grad = np.ones(2)
    optimizer.param_groups[0]["lr"] = lr
    with pytest.raises((ValueError, TypeError), match="lr must be"):
        optimizer.step()
    assert p.data.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "kind, option, value",
    [("SGD", "momentum", 0.9), ("RMSprop", "momentum", 0.9), ("RMSprop", "centered", True),
     ("Adam", "amsgrad", True)],
)  # fmt: skip
def test_an_option_can_be_switched_on_later(kind, option, value):
    p = P(1.0, 2.0)
    optimizer = getattr(optim, kind)([p], lr=0.1)
    p.grad = np.ones(2)
    optimizer.step()
    optimizer.param_groups[0][option] = value
    optimizer.step()
    assert np.isfinite(p.data).all()


# ---- steps ---------------------------------------------------------------------------------------


@every_optimizer
def test_float32_stays_and_gradients_are_not_touched(name):
    p = ml.Tensor(np.ones(3), requires_grad=True, dtype=np.float32)
    optimizer = make(name, [p])
    for _ in range(3):
        optimizer.zero_grad()
        (p * p).sum().backward()
        before = p.grad.copy()
        optimizer.step()
        assert np.array_equal(p.grad, before)
    arrays = [v for v in optimizer.state[p].values() if isinstance(v, np.ndarray)]
    assert all(a.dtype == np.float32 for a in [p.data, *arrays])


@every_optimizer
def test_a_single_number_goes_as_a_vector_of_one(name):
    ends = []
    for start in (1.0, [1.0]):
        p = ml.Tensor(start, requires_grad=True)
        optimizer = make(name, [p])
        for _ in range(5):
            optimizer.zero_grad()
            (p**4).sum().backward()
            p.grad = p.grad * 1.0  # of a single number this makes a NumPy scalar
            optimizer.step()
        ends.append(p.data.reshape(()))
    assert ends[0] == ends[1]


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_underflow_is_harmless(name, dtype):
    p = ml.Tensor([1.0, 0.0], requires_grad=True, dtype=dtype)
    optimizer, tiny = make(name, [p]), 1.5 * np.finfo(dtype).tiny
    for size in (1.0, tiny, tiny, tiny):
        p.grad = np.array([size, tiny], dtype)
        optimizer.step()  # under np.errstate(all="raise"), as all tests
    assert np.isfinite(p.data).all() and p.data[0] < 1


def test_the_variance_of_a_constant_gradient_does_not_fall_below_zero():
    p = P(0.1, 0.3, 0.7)
    optimizer = optim.RMSprop([p], lr=1e-6, centered=True, alpha=0.5)
    p.grad = np.array([0.1, 0.3, 0.7])
    for _ in range(80):
        optimizer.step()
    assert np.isfinite(p.data).all()


@pytest.mark.parametrize("grad", [np.ones(1), np.ones((3, 1)), 1.0, [1, 2, 3]])
def test_a_gradient_of_another_shape_is_refused(grad):
    p = P(1.0, 2.0, 3.0)
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = grad
    with pytest.raises(
        ValueError, match=r"p\.grad must hold floats of the parameter's shape \(3,\)"
    ):
        optimizer.step()
    with pytest.raises(ValueError, match=r"p\.grad must hold floats"):
        optim.clip_grad_norm_([p], 1.0)


def test_a_step_between_forward_and_backward_is_noticed():
    p = P(1.0)
    optimizer = optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = np.array([1.0])
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"multiply.*changed"):
        loss.backward()


def test_a_gradient_with_a_graph_serves_too():
    p = P(3.0)
    optimizer = optim.SGD([p], lr=0.5)
    (p * p).sum().backward(create_graph=True)
    optimizer.step()
    assert p.data == 0.0


# ---- frozen weights ------------------------------------------------------------------------------


@every_optimizer
def test_a_frozen_weight_does_not_move_and_another_does(name):
    frozen, free = P(1.0), P(1.0)
    optimizer = make(name, [frozen, free])
    (frozen + free).sum().backward()
    frozen.requires_grad = False  # its gradient is still there
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
    assert frozen.data == 1.0 and free.data != 1.0
    frozen.requires_grad = True
    optimizer.step()
    assert frozen.data != 1.0


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_an_optimizer_of_frozen_weights_says_once_that_it_does_nothing(kind):
    model = nn.Linear(2, 1, rng=0)
    optimizer = kind(model.parameters())
    for p in model.parameters():
        p.requires_grad = False
    with pytest.warns(UserWarning, match="changed nothing: all its parameters are frozen") as seen:
        optimizer.step()
        optimizer.step()
    assert len(seen) == 1 and seen[0].filename == __file__
    assert kind([ml.Tensor([1.0])]).parameters()[0].data == 1.0


def test_a_step_without_any_gradient_says_so():
    optimizer = optim.SGD([P(1.0)])
    with pytest.warns(UserWarning, match=r"call loss.backward\(\) before step\(\)"):
        optimizer.step()
