"""Schedules: where they begin and end, what they keep, what they refuse."""

from itertools import pairwise

import numpy as np
import pytest

import microloss as ml
from microloss import optim


def sgd(lr=1.0):
    return optim.SGD([ml.Tensor([1.0], requires_grad=True)], lr=lr)


def rate(optimizer, group=0):
    return optimizer.param_groups[group]["lr"]


# ---- OneCycleLR ----------------------------------------------------------------------------------


def test_one_cycle_survives_as_many_steps_as_it_was_made_for():
    optimizer = sgd()
    schedule = optim.OneCycleLR(optimizer, 0.1, total_steps=5)
    rates = [rate(optimizer)]
    for _ in range(5):
        schedule.step()
        rates.append(rate(optimizer))
    # values of PyTorch 2.13
    kept = [0.004, 0.09504846320134738, 0.06112620219362893, 0.0188258346050237, 4e-07,
            0.01882583460502369]  # fmt: skip
    np.testing.assert_allclose(rates, kept, rtol=1e-12)
    with pytest.raises(ValueError, match=r"total_steps=5, and this is step 6"):
        schedule.step()
    assert rate(optimizer) == rates[5] and schedule.t == 5


@pytest.mark.parametrize(
    "total, share, rates",
    [
        (1, 0.3, [4e-07, 0.06112620219362893]),
        (4, 0.0, [0.08535539763797113, 0.0500002, 0.014645002362028864, 4e-07]),
        (10, 0.1, [0.1]),  # PyTorch divides by zero: the top is at t = 0
    ],
)
def test_one_cycle_with_few_steps(total, share, rates):
    optimizer = sgd()
    schedule = optim.OneCycleLR(optimizer, 0.1, total_steps=total, pct_start=share)
    seen = [rate(optimizer)]
    for _ in rates[1:]:
        schedule.step()
        seen.append(rate(optimizer))
    np.testing.assert_allclose(seen, rates, rtol=1e-12)


# ---- rates that were set, loaded or chained ------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda o: optim.StepLR(o, 3),
        lambda o: optim.MultiStepLR(o, [3]),
        lambda o: optim.ExponentialLR(o, 0.5),
        lambda o: optim.CosineAnnealingLR(o, 10, eta_min=0.003),
        lambda o: optim.ReduceLROnPlateau(o),
    ],
)
def test_making_a_schedule_keeps_a_rate_set_by_hand(make):
    optimizer = sgd()
    make(optimizer)
    optimizer.param_groups[0]["lr"] = 0.07
    make(optimizer)
    assert rate(optimizer) == 0.07


def test_a_linear_warm_up_from_zero_reaches_the_initial_rate():
    optimizer = sgd(0.3)
    schedule = optim.LinearLR(optimizer, start_factor=0.0, total_iters=3)
    rates = [rate(optimizer)]
    for _ in range(4):
        schedule.step()
        rates.append(rate(optimizer))
    np.testing.assert_allclose(rates, [0, 0.1, 0.2, 0.3, 0.3], rtol=1e-12)


def test_after_100_000_steps_the_factors_have_not_drifted():
    optimizer = sgd(0.3)
    schedule = optim.CosineAnnealingLR(optimizer, 30_000, eta_min=0.01)
    for t in range(1, 100_001):
        schedule.step()
        if t % 9999 == 0:
            assert rate(optimizer) == pytest.approx(schedule.lr(t, 0.3), rel=1e-8)


@pytest.mark.parametrize(
    "make, before, after",
    [
        (lambda o: optim.StepLR(o, 2), [1.0, 0.5], [0.1, 0.05]),
        (lambda o: optim.LambdaLR(o, lambda t: 1 / (1 + t)), [0.5, 0.5], [1 / 3, 0.5 / 3]),
        (lambda o: optim.LinearLR(o, start_factor=0.5, total_iters=2), [0.75, 0.5], [1, 2 / 3]),
    ],
)
def test_a_group_can_be_added_after_the_schedule(make, before, after):
    optimizer = sgd()
    schedule = make(optimizer)
    schedule.step()
    optimizer.add_param_group({"params": ml.Tensor([1.0], requires_grad=True), "lr": 0.5})
    np.testing.assert_allclose(schedule.get_last_lr(), before, rtol=1e-12)
    schedule.step()
    np.testing.assert_allclose(schedule.get_last_lr(), after, rtol=1e-12)


# ---- a rate that follows a metric ----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_first_metric_of_nan_is_beaten(mode):
    optimizer = sgd()
    schedule = optim.ReduceLROnPlateau(optimizer, mode=mode, patience=1)
    for metric in (np.nan, 2.0, 2.0):
        schedule.step(metric)
    assert rate(optimizer) == 1.0 and schedule.best == (2.0 if mode == "min" else -2.0)
    schedule.step(2.0)
    assert rate(optimizer) == pytest.approx(0.1, rel=1e-12)


def test_nan_is_worse_than_every_number():
    optimizer = sgd()
    schedule = optim.ReduceLROnPlateau(optimizer, patience=1)
    for metric in (1.0, np.nan, np.nan):
        schedule.step(metric)
    assert rate(optimizer) == pytest.approx(0.1, rel=1e-12) and schedule.best == 1.0
    for metric in (np.nan, 0.5):
        schedule.step(metric)
    assert schedule.best == 0.5


def test_infinities_are_compared_too():
    schedule = optim.ReduceLROnPlateau(sgd(), threshold=0.0)
    schedule.step(np.inf)
    assert schedule.bad_steps == 1
    for metric, best in ((3.0, 3.0), (-np.inf, -np.inf), (-5.0, -np.inf)):
        schedule.step(metric)
        assert schedule.best == best


def test_the_metric_may_be_a_tensor_with_a_graph():
    p = ml.Tensor(3.0, requires_grad=True)
    schedule = optim.ReduceLROnPlateau(sgd())
    schedule.step(p * 2)
    assert schedule.best == 6.0


def test_a_rate_below_min_lr_is_not_raised():
    optimizer = sgd(1e-3)
    optimizer.add_param_group({"params": ml.Tensor([1.0], requires_grad=True), "lr": 1.0})
    schedule = optim.ReduceLROnPlateau(optimizer, patience=0, min_lr=0.5)
    for metric in (1.0, 1.0, 1.0):
        schedule.step(metric)
    assert schedule.get_last_lr() == [1e-3, 0.5]


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda o: optim.StepLR(o, 0), "step_size must be at least 1, got 0"),
        (lambda o: optim.StepLR(o, 2.5), "step_size must be a whole number, got 2.5"),
        (lambda o: optim.StepLR(o, 2, gamma=-1), "gamma must be finite and at least 0, got -1"),
        (lambda o: optim.StepLR(o, 2, gamma=np.nan), "gamma must be a number, got nan"),
        (lambda o: optim.MultiStepLR(o, [5, 3]), "milestones must rise"),
        (lambda o: optim.MultiStepLR(o, 5), "milestones must be a list of whole numbers"),
        (lambda o: optim.MultiStepLR(o, [1.5]), r"milestones\[0\] must be a whole number"),
        (lambda o: optim.MultiStepLR(o, [-1]), r"milestones\[0\] must be at least 0"),
        (lambda o: optim.MultiStepLR(o, [3], gamma=-1), "gamma"),
        (lambda o: optim.ConstantLR(o, factor=-0.1), "factor"),
        (lambda o: optim.ConstantLR(o, total_iters=0), "total_iters must be at least 1"),
        (lambda o: optim.LinearLR(o, total_iters=0), "total_iters must be at least 1"),
        (lambda o: optim.LinearLR(o, start_factor=np.nan), "start_factor"),
        (lambda o: optim.LinearLR(o, end_factor=-1), "end_factor"),
        (lambda o: optim.ExponentialLR(o, -0.9), "gamma"),
        (lambda o: optim.ExponentialLR(o, None), "gamma must be one real number"),
        (lambda o: optim.LambdaLR(o, 0.5), "lr_lambda must be one function of t"),
        (lambda o: optim.LambdaLR(o, lambda t: np.nan), r"initial \* lr_lambda\(0\) must be"),
        (lambda o: optim.LambdaLR(o, lambda t: -1.0), r"initial \* lr_lambda\(0\) must be finite"),
        (lambda o: optim.CosineAnnealingLR(o, 0), "T_max must be at least 1"),
        (lambda o: optim.CosineAnnealingLR(o, 5, eta_min=-1), "eta_min"),
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 0), "T_0 must be at least 1"),
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 3, T_mult=0), "T_mult must be at least 1"),
        (lambda o: optim.OneCycleLR(o, -1, total_steps=3), "max_lr"),
        (lambda o: optim.OneCycleLR(o, 1, total_steps=0), "total_steps must be at least 1"),
        (lambda o: optim.OneCycleLR(o, 1, total_steps=3, pct_start=1), r"pct_start must be in \[0"),
        (lambda o: optim.OneCycleLR(o, 1, total_steps=3, div_factor=0), "div_factor"),
        (lambda o: optim.OneCycleLR(o, 1, total_steps=3, final_div_factor=-1), "final_div_factor"),
        (lambda o: optim.SequentialLR(o, [], [3]), "0 schedules need -1 milestones"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1)], [3]), "need 0 milestones, got"),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(o, 1), optim.ReduceLROnPlateau(o)], [3]),
            r"schedules\[1\] is a ReduceLROnPlateau, whose step needs a metric",
        ),
        (lambda o: optim.SequentialLR(o, [optim.StepLR], []), r"schedules\[0\] must be a schedule"),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(sgd(), 1)], []),
            r"schedules\[0\] belongs to another optimizer",
        ),
        (lambda o: optim.ReduceLROnPlateau(o, mode="low"), 'mode must be "min" or "max"'),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), r"factor must be in \[0, 1\)"),
        (lambda o: optim.ReduceLROnPlateau(o, patience=-1), "patience"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold=np.nan), "threshold"),
        (lambda o: optim.ReduceLROnPlateau(o, cooldown=1.5), "cooldown"),
        (lambda o: optim.ReduceLROnPlateau(o, min_lr=-1), "min_lr"),
        (lambda o: optim.ReduceLROnPlateau(o.parameters()), "optimizer must be one"),
        (lambda o: optim.StepLR(o.parameters(), 1), "optimizer must be one"),
    ],
)
def test_options_are_checked_when_the_schedule_is_made(make, words):
    optimizer = sgd(0.3)
    with pytest.raises((ValueError, TypeError), match=words):
        make(optimizer)
    assert rate(optimizer) in (0.3, 0.3 * 0.1)


def test_restarts_are_quick_after_many_steps():
    schedule = optim.CosineAnnealingWarmRestarts(sgd(), 3)
    assert schedule.lr(3 * 10**12, 1.0) == 1.0
    assert all(a > b for a, b in pairwise(schedule.lr(3 * 10**12 + t, 1.0) for t in range(3)))
