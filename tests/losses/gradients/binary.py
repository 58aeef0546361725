"""Stated gradients of microloss/losses/binary.py."""

import numpy as np

from microloss import losses
from microloss.functional import sigmoid

from . import Stated


def probabilities(rng):
    return rng.uniform(0.1, 0.9, (4, 3)), rng.uniform(0, 1, (4, 3))


def logits(rng):
    return rng.standard_normal((4, 3)), rng.uniform(0, 1, (4, 3))


def logits_and_labels(rng):
    return rng.standard_normal((4, 3)), rng.integers(0, 2, (4, 3)).astype(float)


def focal(x, t, alpha, gamma):
    p = sigmoid(x)
    p_t, alpha_t = np.where(t == 1, p, 1 - p), np.where(t == 1, alpha, 1 - alpha)
    turned = 1 - gamma * p_t * np.log(p_t) / (1 - p_t)
    return alpha_t * (1 - p_t) ** gamma * turned * (p - t) / x.size


GRADIENTS = [
    Stated(
        losses.multilabel_soft_margin_loss,
        "w (p - t) / (C N)",
        lambda x, t, weight: weight * (sigmoid(x) - t) / x.size,
        logits,
        kwargs={"weight": np.array([0.5, 2.0, 1.0])},
    ),
    Stated(
        losses.binary_cross_entropy,
        "w (p - t) / max(p (1 - p), 1e-12) / N",
        lambda p, t, weight: weight * (p - t) / (p * (1 - p)) / p.size,
        probabilities,
        kwargs={"weight": np.array([0.5, 2.0, 1.0])},
    ),
    Stated(
        losses.binary_cross_entropy_with_logits,
        "w (p - t) / N without pos_weight",
        lambda x, t, weight: weight * (sigmoid(x) - t) / x.size,
        logits,
        kwargs={"weight": np.array([0.5, 2.0, 1.0])},
    ),
    Stated(
        losses.sigmoid_focal_loss,
        "alpha_t (1 - p_t)^gamma (1 - gamma p_t log(p_t) / (1 - p_t)) (p - t) / N",
        focal,
        logits_and_labels,
        kwargs={"alpha": 0.25, "gamma": 2.0},
    ),
]
