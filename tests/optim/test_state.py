"""Saved state: a resumed run takes the same next step, and what does not fit changes nothing."""

import copy

import numpy as np
import pytest
from curves import OPTIMIZERS, SCHEDULES, advance, build

import microloss as ml
from microloss import nn, optim

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def start(optimizer="Adam", schedule="StepLR"):
    p, q = (ml.Tensor(np.arange(n, dtype=float), requires_grad=True) for n in (3, 2))
    kind, options = OPTIMIZERS[optimizer]
    optimizer = getattr(optim, kind)([{"params": [p]}, {"params": [q], "lr": 0.3}], **options)
    return (p, q), optimizer, build(optim, optimizer, *SCHEDULES[schedule])


def train(params, optimizer, schedule, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum(((np.tanh(p) - np.linspace(-1, 1, p.size)) ** 2).sum() for p in params)
        loss.backward()
        optimizer.step()
        advance(schedule, round(loss.item(), 1))


def through_a_file(state, tmp_path):
    nn.save(tmp_path / "state.npz", state)
    return nn.load(tmp_path / "state.npz")


def check_resuming(tmp_path, optimizer="Adam", schedule="StepLR", steps=12):
    straight = start(optimizer, schedule)
    train(*straight, steps + 40)
    stopped = start(optimizer, schedule)
    train(*stopped, steps)
    saved = {
        "weights": [p.data for p in stopped[0]],
        "optimizer": stopped[1].state_dict(),
        "schedule": stopped[2].state_dict(),
    }
    for state in (copy.deepcopy(saved), through_a_file(saved, tmp_path)):
        params, optimizer_, schedule_ = start(optimizer, schedule)
        for p, values in zip(params, state["weights"]):
            p.data = values
        optimizer_.load_state_dict(state["optimizer"])
        schedule_.load_state_dict(state["schedule"])
        assert schedule_.get_last_lr() == stopped[2].get_last_lr()
        train(params, optimizer_, schedule_, 40)
        for p, q in zip(params, straight[0]):
            assert np.array_equal(p.data, q.data)
        assert schedule_.get_last_lr() == straight[2].get_last_lr()
    train(*stopped, 40)  # has not been touched by what was handed over
    assert np.array_equal(stopped[0][0].data, straight[0][0].data)


@every_optimizer
def test_an_optimizer_resumes_bit_for_bit(name, tmp_path):
    check_resuming(tmp_path, optimizer=name)


@every_schedule
def test_a_schedule_resumes_bit_for_bit(name, tmp_path):
    check_resuming(tmp_path, optimizer="SGD momentum", schedule=name)


def test_newton_and_sam_resume(tmp_path):
    def take(optimizer, p):
        def closure():
            loss = (p**4 - p).sum()
            if isinstance(optimizer, optim.SAM):
                optimizer.zero_grad()
                loss.backward()
            return loss

        optimizer.step(closure)

    for make in (
        lambda p, **o: optim.SaddleFreeNewton(p, **({"lr": 0.5, "damping": 0.1} | o)),
        lambda p, **o: optim.SAM(optim.SGD(p, lr=0.1, momentum=0.9), **({"rho": 0.2} | o)),
    ):
        p = ml.Tensor([1.0, 2.0], requires_grad=True)
        optimizer = make(p)
        take(optimizer, p)
        q = ml.Tensor(p.data, requires_grad=True)
        again = make(q, **({"rho": 0.9} if isinstance(optimizer, optim.SAM) else {"lr": 9.0}))
        again.load_state_dict(through_a_file(optimizer.state_dict(), tmp_path))
        take(optimizer, p)
        take(again, q)
        assert np.array_equal(p.data, q.data)


# ---- the order of making and loading -------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "ReduceLROnPlateau"])
@pytest.mark.parametrize("order", ["optimizer first", "schedule first", "made after loading"])
def test_the_order_of_loading_does_not_matter(name, order):
    _, optimizer, schedule = start("SGD", name)
    for p in optimizer.parameters():
        p.grad = np.zeros(p.shape)
    for _ in range(31):
        schedule.step()
    _, optimizer2, schedule2 = start("SGD", name)
    if order == "schedule first":
        schedule2.load_state_dict(schedule.state_dict())
    optimizer2.load_state_dict(optimizer.state_dict())
    if order == "made after loading":
        schedule2 = build(optim, optimizer2, *SCHEDULES[name])
    if order != "schedule first":
        schedule2.load_state_dict(schedule.state_dict())
    for _ in range(40):
        assert schedule2.get_last_lr() == schedule.get_last_lr()
        schedule.step()
        schedule2.step()


def test_a_schedule_made_after_loading_the_optimizer_keeps_its_rate():
    _, optimizer, schedule = start("SGD")
    for _ in range(60):
        schedule.step()
    _, again, _ = start("SGD")
    again.load_state_dict(optimizer.state_dict())
    optim.StepLR(again, 30, gamma=0.5)
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"] == 0.1 / 4


def test_state_goes_by_key_and_not_by_order():
    params, optimizer, schedule = start()
    train(params, optimizer, schedule, 3)
    state = optimizer.state_dict()
    state["state"] = dict(reversed(state["state"].items()))
    _, again, _ = start()
    again.load_state_dict(state)
    for p, q in zip(params, again.parameters()):
        assert np.array_equal(again.state[q]["mean"], optimizer.state[p]["mean"])


# ---- what does not fit ---------------------------------------------------------------------------


def remove(path):
    def change(state):
        *outer, last = path
        for key in outer:
            state = state[key]
        del state[last]

    return change


def put(path, value):
    def change(state):
        *outer, last = path
        for key in outer:
            state = state[key]
        state[last] = value

    return change


@pytest.mark.parametrize(
    "change, error, words",
    [
        (put(["class"], "AdamW"), ValueError, "state_dict is the state of AdamW, this is Adam"),
        (remove(["class"]), ValueError, "takes what Adam.state_dict"),
        (remove(["state"]), ValueError, r"missing entries \['state'\]"),
        (put(["more"], 1), ValueError, r"unknown entries \['more'\]"),
        (remove(["state", "1"]), ValueError, r"missing entries \['1'\]"),
        (put(["state", "2"], {}), ValueError, r"unknown entries \['2'\]"),
        (remove(["state", "1", "mean"]), ValueError, r"missing entries \['mean'\]"),
        (
            put(["state", "1", "velocity"], np.ones(2)),
            ValueError,
            r"unknown entries \['velocity'\]",
        ),
        (put(["state", "1", "mean"], np.ones(3)), ValueError, r"shape \(3,\).*shape \(2,\)"),
        (put(["state", "1", "mean"], np.ones(())), ValueError, r"shape \(\)"),
        (put(["state", "1", "mean"], 0.5), TypeError, "must be an array of floats"),
        (put(["state", "1", "step"], -1), ValueError, "must be at least 1"),
        (put(["state", "1", "step"], 1.5), TypeError, "must be a whole number"),
        (remove(["param_groups", 1]), ValueError, r"groups of \[1\] parameters.*\[1, 1\]"),
        (put(["param_groups", 1, "params"], [1, 2]), ValueError, r"\[1, 2\] parameters"),
        (remove(["param_groups", 1, "eps"]), ValueError, r"missing entries \['eps'\]"),
        (put(["param_groups", 1, "rate"], 1), ValueError, r"unknown entries \['rate'\]"),
        (put(["param_groups", 1, "lr"], np.nan), ValueError, "lr must be a number"),
        (put(["param_groups", 1, "betas"], [0.9, 2.0]), ValueError, "betas"),
        (put(["param_groups", 1, "initial_lr"], -1), ValueError, "initial_lr"),
    ],
)
def test_an_optimizer_refuses_what_does_not_fit_before_anything_changes(change, error, words):
    params, optimizer, schedule = start("Adam")
    train(params, optimizer, schedule, 3)
    state = optimizer.state_dict()
    change(state)
    params, optimizer, schedule = start("Adam")
    train(params, optimizer, schedule, 1)
    before = repr(optimizer.state_dict())
    with pytest.raises(error, match=words):
        optimizer.load_state_dict(state)
    assert repr(optimizer.state_dict()) == before


@every_optimizer
def test_every_optimizer_refuses_the_state_of_another_class(name):
    _, optimizer, _ = start(name)
    other = "Adagrad" if OPTIMIZERS[name][0] != "Adagrad" else "RMSprop"
    with pytest.raises(ValueError, match=f"is the state of {other}"):
        optimizer.load_state_dict(start(other)[1].state_dict())
    with pytest.raises(ValueError, match="is the state of"):
        optim.SAM(optimizer).load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match="is the state of SAM"):
        optimizer.load_state_dict(optim.SAM(optimizer).state_dict())


@pytest.mark.parametrize(
    "change, error, words",
    [
        (put(["class"], "Other"), ValueError, "state_dict is the state of Other"),
        (remove(["class"]), ValueError, "no entry .class."),
        (remove(["lr"]), ValueError, r"missing entries \['lr'\]"),
        (put(["more"], 1), ValueError, r"unknown entries \['more'\]"),
        (put(["lr"], [0.1]), ValueError, "must be a list of 2, one for each parameter group"),
        (put(["lr"], [0.1, None]), TypeError, "must be one real number"),
    ],
)
@every_schedule
def test_a_schedule_refuses_what_does_not_fit_before_anything_changes(name, change, error, words):
    _, optimizer, schedule = start("SGD", name)
    for _ in range(5):
        advance(schedule, 1.0)
    state = schedule.state_dict()
    change(state)
    _, optimizer, schedule = start("SGD", name)
    before = repr((schedule.state_dict(), optimizer.state_dict()))
    with pytest.raises(error, match=words):
        schedule.load_state_dict(state)
    assert repr((schedule.state_dict(), optimizer.state_dict())) == before


@pytest.mark.parametrize(
    "change, words",
    [
        ({"t": 1.5}, "must be a whole number"),
        ({"gamma": None}, "must be one real number"),
        ({"initial_lr": [0.1, 0.1, 0.1]}, "must be a list of 2"),
        ({"milestones": [2, 1]}, "must rise"),
        ({"class": "StepLR"}, "is the state of StepLR, this is MultiStepLR"),
    ],
)
def test_the_numbers_of_a_schedule_are_checked(change, words):
    _, _, schedule = start("SGD", "MultiStepLR")
    with pytest.raises((ValueError, TypeError), match=words):
        schedule.load_state_dict(schedule.state_dict() | change)


def test_a_sequence_refuses_parts_of_another_class_and_number():
    _, optimizer, schedule = start("SGD", "SequentialLR")
    state = schedule.state_dict()
    before = repr((state, optimizer.state_dict()))
    for change, words in (
        (put(["schedules", 2, "class"], "StepLR"), "is the state of StepLR, this is ExponentialLR"),
        (remove(["schedules", 2]), "has 2 schedules"),
    ):
        changed = copy.deepcopy(state) | {"t": 7}
        change(changed)
        with pytest.raises(ValueError, match=words):
            schedule.load_state_dict(changed)
        assert repr((schedule.state_dict(), optimizer.state_dict())) == before


@pytest.mark.parametrize("make", [optim.SWA, optim.EMA])
def test_averages_resume_and_refuse(make, tmp_path):
    w, b = (ml.Tensor(np.zeros(n), requires_grad=True) for n in (2, 1))
    average = make([w, b])
    for _ in range(3):
        w.data, b.data = w.data + np.array([1.0, 2.0]), b.data + 3.0
        average.update()
    state = average.state_dict()
    again = make([w, b])
    again.load_state_dict(through_a_file(state, tmp_path))
    average.update()
    again.update()
    assert all(np.array_equal(x, y) for x, y in zip(again.averages, average.averages))
    for change, error, words in (
        (put(["class"], "Other"), ValueError, "is the state of Other"),
        (remove(["n"]), ValueError, r"missing entries \['n'\]"),
        (put(["n"], -1), ValueError, "at least 0"),
        (remove(["averages", "1"]), ValueError, r"missing entries \['1'\]"),
        (put(["averages", "2"], np.ones(1)), ValueError, r"unknown entries \['2'\]"),
        (put(["averages", "1"], np.ones(2)), ValueError, r"has shape \(2,\)"),
        (put(["averages", "1"], None), TypeError, "array of floats"),
    ):
        fresh, changed = make([w, b]), copy.deepcopy(state)
        change(changed)
        with pytest.raises(error, match=words):
            fresh.load_state_dict(changed)
        assert fresh.n == 0 and not fresh.averages[0].any()
    other = optim.EMA if make is optim.SWA else optim.SWA
    with pytest.raises(ValueError, match="is the state of"):
        other([w, b]).load_state_dict(state)


def test_ema_takes_over_the_saved_decay():
    w = ml.Tensor([1.0], requires_grad=True)
    ema = optim.EMA(w, decay=0.5)
    again = optim.EMA(w)
    again.load_state_dict(ema.state_dict())
    assert again.decay == 0.5
    with pytest.raises(ValueError, match="decay"):
        again.load_state_dict(ema.state_dict() | {"decay": 1.0, "n": 3})
    assert again.decay == 0.5 and again.n == 0
