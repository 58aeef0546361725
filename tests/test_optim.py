"""Optimizers and schedules follow PyTorch step by step; state resumes bit for bit.

PyTorch's curves are kept in data/optim.json, made by `python tests/test_optim.py` with torch.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import microloss as ml
from microloss import nn, optim
from microloss.losses import cross_entropy

KEPT = Path(__file__).parent / "data" / "optim.json"
STEPS = 100

OPTIMIZERS = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "SGD dampening": (
        "SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    ),
    "SGD nesterov": (
        "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "Adagrad": ("Adagrad", {"lr": 0.05}),
    "Adagrad decay": ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.01}),
    "RMSprop": ("RMSprop", {"lr": 0.01}),
    "RMSprop centered": (
        "RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.01},
    ),
    "Adam": ("Adam", {"lr": 0.02}),
    "Adam decay": ("Adam", {"lr": 0.02, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-4}),
    "AdamW": ("AdamW", {"lr": 0.02, "weight_decay": 0.1}),
}  # fmt: skip
SCHEDULES = {
    "StepLR": ("StepLR", {"step_size": 30, "gamma": 0.5}),
    "ExponentialLR": ("ExponentialLR", {"gamma": 0.97}),
    "LinearLR": ("LinearLR", {"start_factor": 0.1, "total_iters": 20}),
    "CosineAnnealingLR": ("CosineAnnealingLR", {"T_max": 100, "eta_min": 0.001}),
    "CosineAnnealingWarmRestarts": (
        "CosineAnnealingWarmRestarts", {"T_0": 10, "T_mult": 2, "eta_min": 0.001},
    ),
    "OneCycleLR": ("OneCycleLR", {"max_lr": 0.5, "total_steps": 101}),
    "SequentialLR": ("SequentialLR", {}),
    "ReduceLROnPlateau": (
        "ReduceLROnPlateau",
        {"factor": 0.5, "patience": 3, "threshold": 0.02, "cooldown": 2, "min_lr": 0.001},
    ),
}  # fmt: skip


def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
    return X, y, [p.data for p in nn.MLP(3, 5, 3, activation=nn.Tanh, rng=1).parameters()]


def build(library, schedules, optimizer, name, options):
    """A schedule of ours or of PyTorch's."""
    if name != "SequentialLR":
        options = dict(options)
        if name == "OneCycleLR" and library != "ours":
            options["cycle_momentum"] = False
        return getattr(schedules, name)(optimizer, **options)
    parts = [
        schedules.LinearLR(optimizer, start_factor=0.1, total_iters=20),
        schedules.CosineAnnealingLR(optimizer, T_max=80),
    ]
    return schedules.SequentialLR(optimizer, parts, milestones=[20])


def our_curve(optimizer_name, options, schedule=None):
    X, y, weights = problem()
    model = nn.MLP(3, 5, 3, activation=nn.Tanh, rng=1)
    for p, w in zip(model.parameters(), weights):
        p.data = w.copy()
    optimizer = getattr(optim, optimizer_name)(model.parameters(), **options)
    schedule = schedule and build("ours", optim, optimizer, *schedule)
    curve = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        curve.append([loss.item(), optimizer.param_groups[0]["lr"]])
        if schedule:
            schedule.step(*[loss.item()] * isinstance(schedule, optim.ReduceLROnPlateau))
    return np.array(curve)


def torch_curve(optimizer_name, options, schedule=None):
    import torch

    X, y, weights = problem()
    X, y = torch.tensor(X), torch.tensor(y)
    W1, b1, W2, b2 = parameters = [torch.tensor(w, requires_grad=True) for w in weights]
    optimizer = getattr(torch.optim, optimizer_name)(parameters, **options)
    schedule = schedule and build("torch", torch.optim.lr_scheduler, optimizer, *schedule)
    curve = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        logits = torch.tanh(X @ W1.T + b1) @ W2.T + b2
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        curve.append([loss.item(), optimizer.param_groups[0]["lr"]])
        if schedule:
            plateau = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
            schedule.step(*[loss.item()] * plateau)
    return np.array(curve)


RUNS = {name: (*spec, None) for name, spec in OPTIMIZERS.items()} | {
    name: ("SGD", {"lr": 0.3, "momentum": 0.5}, spec) for name, spec in SCHEDULES.items()
}


@pytest.mark.parametrize("name", RUNS)
def test_follows_pytorch_kept(name):
    kept = json.loads(KEPT.read_text())["curves"][name]
    np.testing.assert_allclose(our_curve(*RUNS[name]), kept, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", RUNS)
def test_follows_pytorch_live(name):
    pytest.importorskip("torch")
    np.testing.assert_allclose(
        our_curve(*RUNS[name]), torch_curve(*RUNS[name]), rtol=1e-8, atol=1e-12
    )


def test_every_optimizer_and_schedule_has_a_run():
    tested = {name for name, _ in [*OPTIMIZERS.values(), *SCHEDULES.values()]}
    apart = {"EMA", "SAM", "SWA", "SaddleFreeNewton", "Optimizer"}
    assert {n for n in optim.__all__ if n[0].isupper()} == tested | apart & set(optim.__all__)


def train(optimizer, schedule, p, steps):
    target = np.linspace(-1, 1, p.size)
    for _ in range(steps):
        optimizer.zero_grad()
        ((np.tanh(p) - target) ** 2).sum().backward()
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumes_bit_for_bit(name):
    cls, options = OPTIMIZERS[name]

    def start():
        p = ml.Tensor(np.arange(4.0), requires_grad=True)
        optimizer = getattr(optim, cls)([p], **options)
        return p, optimizer, optim.StepLR(optimizer, 3, gamma=0.5)

    p, optimizer, schedule = start()
    train(optimizer, schedule, p, 10)
    stopped, optimizer1, schedule1 = start()
    train(optimizer1, schedule1, stopped, 4)
    resumed, optimizer2, schedule2 = start()
    resumed.data = stopped.data.copy()
    optimizer2.load_state_dict(optimizer1.state_dict())
    schedule2.load_state_dict(schedule1.state_dict())
    train(optimizer1, schedule1, stopped, 6)  # must not touch what was handed over
    train(optimizer2, schedule2, resumed, 6)
    assert np.array_equal(p.data, resumed.data) and np.array_equal(p.data, stopped.data)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_stays_and_gradients_are_not_touched(name):
    cls, options = OPTIMIZERS[name]
    p = ml.Tensor(np.ones(3), requires_grad=True, dtype=np.float32)
    optimizer = getattr(optim, cls)([p], **options)
    for _ in range(3):
        optimizer.zero_grad()
        (p * p).sum().backward()
        before = p.grad.copy()
        optimizer.step()
        assert np.array_equal(p.grad, before)
    arrays = [v for v in optimizer.state[p].values() if isinstance(v, np.ndarray)]
    assert all(a.dtype == np.float32 for a in [p.data, *arrays])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_single_number_goes_as_a_vector_of_one(name):
    kind, options = OPTIMIZERS[name]
    ends = []
    for start in (1.0, [1.0]):
        p = ml.Tensor(start, requires_grad=True)
        optimizer = getattr(optim, kind)([p], **options)
        for _ in range(5):
            optimizer.zero_grad()
            (p**4).sum().backward()
            optimizer.step()
        ends.append(p.data.reshape(()))
    assert ends[0] == ends[1]


def test_groups_have_options_of_their_own():
    a, b = (ml.Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1)
    (a + b).sum().backward()
    optimizer.step()
    assert a.data == 0.5 and b.data == 0.9
    assert optimizer.parameters()[0] is a


def test_a_step_between_forward_and_backward_is_noticed():
    p = ml.Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = np.array([1.0])
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"multiply.*changed"):
        loss.backward()


def test_a_gradient_with_a_graph_serves_too():
    p = ml.Tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    (p * p).sum().backward(create_graph=True)
    optimizer.step()
    assert p.data == 0.0


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda p: optim.SGD([], lr=1), "empty"),
        (lambda p: optim.SGD(p, lr=1), "list"),
        (lambda p: optim.SGD([p], lr=-1), "lr"),
        (lambda p: optim.SGD([p, p]), "already"),
        (lambda p: optim.SGD([p.detach()]), "requires_grad"),
        (lambda p: optim.SGD([p], nesterov=True), "momentum"),
        (lambda p: optim.SGD([{"params": [p], "rate": 1}]), "no option rate"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), "betas"),
        (lambda p: optim.RMSprop([p], alpha=2), "alpha"),
        (lambda p: optim.SAM(optim.SGD([p]), rho=-1), "rho"),
        (lambda p: optim.EMA([p], decay=1.0), "decay"),
        (lambda p: optim.ReduceLROnPlateau(optim.SGD([p]), mode="low"), "mode"),
        (lambda p: optim.SequentialLR(optim.SGD([p]), [], [3]), "milestones"),
    ],
)
def test_errors(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make(ml.Tensor([1.0], requires_grad=True))


def test_sam_takes_the_gradient_at_the_worst_neighbour():
    p = ml.Tensor([3.0, 4.0], requires_grad=True)
    optimizer = optim.SAM(optim.SGD([p], lr=0.1), rho=1.0)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum() / 2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 12.5
    # the gradient (3, 4) has norm 5; at p + (0.6, 0.8) it is (3.6, 4.8)
    np.testing.assert_allclose(p.data, [3 - 0.36, 4 - 0.48], rtol=1e-12)


def test_averages():
    p = ml.Tensor([0.0], requires_grad=True)
    swa, ema = optim.SWA([p]), optim.EMA([p], decay=0.5)
    with pytest.raises(RuntimeError, match="update"), swa.applied():
        pass
    for value in (1.0, 2.0, 6.0):
        p.data = [value]
        swa.update()
        ema.update()
    with swa.applied():
        assert p.data == 3.0
    assert p.data == 6.0
    again = optim.EMA([p], decay=0.5)
    again.load_state_dict(ema.state_dict())
    again.copy_to()
    assert p.data == 0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 6


def test_clipping():
    a, b = ml.Tensor([3.0], requires_grad=True), ml.Tensor([[4.0]], requires_grad=True)
    a.grad, b.grad = np.array([3.0]), np.array([[4.0]])
    assert optim.clip_grad_norm_([a, b], 10.0) == 5.0 and a.grad == 3.0
    assert optim.clip_grad_norm_([a, b], 1.0) == 5.0
    np.testing.assert_allclose([a.grad[0], b.grad[0, 0]], [0.6, 0.8], rtol=1e-6)
    assert optim.clip_grad_norm_([a, b], 0.1, norm_type=np.inf) == pytest.approx(0.8)
    optim.clip_grad_value_([a, b], 0.05)
    assert a.grad == 0.05 and b.grad == 0.05


def test_one_cycle_is_over_when_it_is_over():
    optimizer = optim.SGD([ml.Tensor([1.0], requires_grad=True)])
    schedule = optim.OneCycleLR(optimizer, 0.1, total_steps=3)
    rates = [schedule.get_last_lr()[0]]
    for _ in range(2):
        schedule.step()
        rates += schedule.get_last_lr()
    assert all(a > b for a, b in pairwise(rates[1:]))
    with pytest.raises(ValueError, match="total_steps=3"):
        schedule.step()


if __name__ == "__main__":
    import torch

    curves = {name: torch_curve(*run).tolist() for name, run in RUNS.items()}
    made = f"PyTorch {torch.__version__}, float64, by tests/test_optim.py: [loss, lr] of each step"
    text = json.dumps({"made by": made, "curves": curves}, separators=(",", ":"))
    KEPT.write_text(text.replace(']],"', ']],\n"') + "\n")
