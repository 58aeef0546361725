"""Stated gradients of microloss/losses/margin.py."""

import numpy as np
from cases.classification import logits
from cases.margin import rows_of_labels, scores_and_signs

from microloss import losses
from microloss.functional import sigmoid

from . import Stated


def within(x, target):
    """1 for each class within a margin of 1 of the true class, minus their sum for the true one."""
    rows = np.arange(len(x))
    slope = (1 - x[rows, target][:, None] + x > 0).astype(float)
    slope[rows, target] = 0
    slope[rows, target] = -slope.sum(axis=1)
    return slope


def strongest(x, target):
    rows = np.arange(len(x))
    lead = x + 1
    lead[rows, target] -= 1
    slope = np.zeros(x.shape)
    slope[rows, lead.argmax(axis=1)] += 1
    slope[rows, target] -= 1
    return slope / len(x)


def pairs_within(x, target):
    slope = np.zeros(x.shape)
    for n, row in enumerate(target):
        right = row[: row.tolist().index(-1)]
        for y in right:
            for j in set(range(x.shape[1])) - set(right):
                active = 1 - x[n, y] + x[n, j] > 0
                slope[n, j] += active
                slope[n, y] -= active
    return slope / x.size


GRADIENTS = [
    Stated(
        losses.multilabel_margin_loss,
        "1 / (C N) for a class j from each label it comes within 1 of, -1 / (C N) for a label "
        "from each class within 1 of it (0 exactly on the margin)",
        pairs_within,
        rows_of_labels(4, 5),
    ),
    Stated(
        losses.hinge_loss,
        "-target / N where target input < 1, else 0",
        lambda x, t: -t * (t * x < 1) / x.size,
        scores_and_signs,
    ),
    Stated(
        losses.squared_hinge_loss,
        "-2 target max(0, 1 - target input) / N",
        lambda x, t: -2 * t * np.maximum(0, 1 - t * x) / x.size,
        scores_and_signs,
    ),
    Stated(
        losses.soft_margin_loss,
        "-target sigmoid(-target input) / N",
        lambda x, t: -t * sigmoid(-t * x) / x.size,
        scores_and_signs,
    ),
    Stated(
        losses.multi_margin_loss,
        "for p = 1, w_y / (C N) for each class within the margin (0 exactly on it), and minus "
        "their sum for the true class",
        lambda x, target: within(x, target) / x.size,
        logits(5, 4),
    ),
    Stated(
        losses.multiclass_hinge_loss,
        "1 / N for the class that comes closest (ties share) and -1 / N for the true class",
        strongest,
        logits(5, 4),
    ),
]
