"""Metrics of masks: identities and brute force."""

import numpy as np
import pytest

from microloss import metrics


def test_masks():
    rng = np.random.default_rng(0)
    prediction, target = rng.random((2, 5, 6, 7)) > 0.6
    iou, dice = metrics.iou(prediction, target), metrics.dice_coefficient(prediction, target)
    assert dice == pytest.approx(2 * iou / (1 + iou), rel=1e-14)
    assert dice == pytest.approx(metrics.f1_score(prediction.ravel(), target.ravel()), rel=1e-14)
    for metric in (metrics.iou, metrics.dice_coefficient):
        each = [metric(p, t) for p, t in zip(prediction, target)]
        assert np.array_equal(metric(prediction, target, axis=(1, 2)), each)
