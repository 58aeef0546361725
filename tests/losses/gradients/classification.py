"""Stated gradients of microloss/losses/classification.py."""

import numpy as np
from cases.classification import logits

from microloss import losses
from microloss.functional import softmax

from . import Stated


def difference(x, target):
    """softmax(input) - target, and the probability of the target."""
    p = softmax(x, axis=1)
    return p - np.eye(x.shape[1])[target], p[np.arange(len(x)), target][:, None]


def cross_entropy(x, target):
    return difference(x, target)[0] / len(x)


def picked(x, target):
    return -np.eye(x.shape[1])[target] / len(x)


def focal(x, target, alpha, gamma):
    pull, p = difference(x, target)
    weight = alpha[target][:, None] * (1 - p) ** gamma
    return weight * (1 - gamma * p * np.log(p) / (1 - p)) * pull / len(x)


def generalized(x, target, q):
    pull, p = difference(x, target)
    return p**q * pull / len(x)


GRADIENTS = [
    Stated(losses.cross_entropy, "(softmax(input) - target) / N", cross_entropy, logits(5, 4)),
    Stated(
        losses.nll_loss,
        "-1 / N at the target's log-probability and 0 elsewhere",
        picked,
        logits(5, 4),
    ),
    Stated(
        losses.focal_loss,
        "alpha_y (1 - p_y)^gamma (1 - gamma p_y log(p_y) / (1 - p_y)) (p - target) / N",
        focal,
        logits(5, 4),
        kwargs={"alpha": np.array([0.5, 2.0, 1.0, 3.0]), "gamma": 2.0},
    ),
    Stated(
        losses.generalized_cross_entropy,
        "p_y^q (softmax(input) - target) / N",
        generalized,
        logits(5, 4),
        kwargs={"q": 0.7},
    ),
]
