"""Metrics of numbers and intervals: identities and brute force."""

import numpy as np
import pytest

from microloss import losses, metrics

from .samples import SAMPLES


def test_regression_identities():
    prediction, target = SAMPLES["real"]
    mse = float(losses.mse_loss(prediction, target))
    assert metrics.root_mean_squared_error(prediction, target) ** 2 == pytest.approx(mse)
    assert metrics.r2_score(prediction, target) == pytest.approx(1 - mse / target.var(), rel=1e-13)
    mae = metrics.mean_absolute_error(prediction, target)
    assert metrics.pinball(prediction, target) == pytest.approx(mae / 2, rel=1e-13)
    mean = np.full_like(target, target.mean())
    assert metrics.r2_score(mean, target) == pytest.approx(0, abs=1e-14)


def test_a_constant_target_whose_mean_rounds():
    target = np.full(3, 0.1)
    assert target.mean() != 0.1
    assert metrics.r2_score(target, target) == 1 and metrics.r2_score(target + 1, target) == 0
