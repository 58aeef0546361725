"""Averages of weights: their values, and how they are used."""

import numpy as np
import pytest

import microloss as ml
from microloss import optim


def test_values_by_hand():
    p = ml.Tensor([0.0], requires_grad=True)
    swa, ema = optim.SWA([p]), optim.EMA([p], decay=0.5)
    for value in (1.0, 2.0, 6.0):
        p.data = [value]
        swa.update()
        ema.update()
    with swa.applied():
        assert p.data == 3.0
    assert p.data == 6.0
    ema.copy_to()
    assert p.data == 0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 6


@pytest.mark.parametrize("make", [optim.SWA, optim.EMA])
def test_before_the_first_update_there_is_no_average(make):
    p = ml.Tensor([5.0], requires_grad=True)
    average = make([p])
    with pytest.raises(RuntimeError, match=r"no average yet: call update\(\) first"):
        average.copy_to()
    with pytest.raises(RuntimeError, match="no average yet"), average.applied():
        pass
    assert p.data == 5.0


def test_the_weights_come_back_after_an_error():
    p = ml.Tensor([5.0], requires_grad=True)
    swa = optim.SWA([p])
    swa.update()
    p.data = [7.0]
    with pytest.raises(KeyError), swa.applied():
        assert p.data == 5.0
        raise KeyError
    assert p.data == 7.0


@pytest.mark.parametrize("make", [optim.SWA, optim.EMA])
def test_underflow_is_harmless_and_float32_stays(make):
    p = ml.Tensor(np.zeros(2), requires_grad=True, dtype=np.float32)
    average = make([p])
    for size in (1.0, 2.0):
        p.data = np.full(2, size * np.finfo(np.float32).tiny)
        average.update()
        average.update()
    assert average.averages[0].dtype == np.float32


@pytest.mark.parametrize("decay", [1.0, -0.1, np.nan, None])
def test_decay_is_checked(decay):
    with pytest.raises((ValueError, TypeError), match="decay"):
        optim.EMA([ml.Tensor([1.0])], decay=decay)
