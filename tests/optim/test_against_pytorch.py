"""Optimizers, schedules, averages and clipping follow PyTorch, as kept in data/optim.json."""

import json

import numpy as np
import pytest
from curves import (
    CLIPS,
    KEPT,
    OPTIMIZERS,
    RATES,
    RUNS,
    SCHEDULES,
    our_averages,
    our_clips,
    our_curve,
    our_rates,
    torch_averages,
    torch_clips,
    torch_curve,
    torch_rates,
)

from microloss import optim

kept = json.loads(KEPT.read_text())


@pytest.mark.parametrize("name", RUNS)
def test_curves_kept(name):
    np.testing.assert_allclose(our_curve(*RUNS[name]), kept["curves"][name], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", RUNS)
def test_curves_live(name):
    pytest.importorskip("torch")
    np.testing.assert_allclose(
        our_curve(*RUNS[name]), torch_curve(*RUNS[name]), rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize("name", RATES)
def test_chained_and_hand_set_rates_kept(name):
    np.testing.assert_allclose(our_rates(*RATES[name]), kept["rates"][name], rtol=1e-9, atol=1e-15)


@pytest.mark.filterwarnings("ignore")  # PyTorch's, about the order of calls
@pytest.mark.parametrize("name", RATES)
def test_chained_and_hand_set_rates_live(name):
    pytest.importorskip("torch")
    np.testing.assert_allclose(
        our_rates(*RATES[name]), torch_rates(*RATES[name]), rtol=1e-9, atol=1e-15
    )


@pytest.mark.parametrize("name", ["SWA", "EMA"])
def test_averages_kept(name):
    np.testing.assert_allclose(our_averages()[name], kept["averages"][name], rtol=0, atol=1e-13)


def test_averages_live():
    pytest.importorskip("torch")
    ours, theirs = our_averages(), torch_averages()
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-13)


@pytest.mark.parametrize("i", range(len(CLIPS)))
def test_clips_kept(i):
    np.testing.assert_allclose(our_clips()[i], kept["clips"][i], rtol=1e-12)


def test_clips_live():
    pytest.importorskip("torch")
    for ours, theirs in zip(our_clips(), torch_clips()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_every_optimizer_schedule_and_average_has_a_run():
    tested = {name for name, _ in [*OPTIMIZERS.values(), *SCHEDULES.values()]} | {"SWA", "EMA"}
    apart = {"SAM", "SaddleFreeNewton", "Optimizer"}  # PyTorch has neither
    assert {name for name in optim.__all__ if name[0].isupper()} == tested | apart
