"""Stated gradients of microloss/losses/distribution.py."""

import numpy as np
from cases.distribution import log_and_log, log_and_target, p_and_q

from microloss import losses
from microloss.functional import softmax

from . import Stated


def two_codes(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal((4, 3))


def logits_and_labels(rng):
    return *two_codes(rng), np.array([2, 0, 1, 1])


def samples(rng):
    return rng.standard_normal(4), rng.standard_normal(4)


def distillation(student, teacher, target, temperature, alpha):
    t, n = temperature, len(student)
    soft = softmax(student / t, axis=1) - softmax(teacher / t, axis=1)
    hard = softmax(student, axis=1) - np.eye(3)[target]
    return (alpha * t * soft + (1 - alpha) * hard) / n


def carried(x, y):
    slope = np.empty(x.shape)
    slope[np.argsort(x)] = np.sign(np.sort(x) - np.sort(y)) / x.size
    return slope


GRADIENTS = [
    Stated(losses.kl_div, "-target / N", lambda x, t: -t / x.size, log_and_target),
    Stated(
        losses.kl_div,
        "-e^target / N",
        lambda x, t, log_target: -np.exp(t) / x.size,
        log_and_log,
        kwargs={"log_target": True},
    ),
    Stated(
        losses.kl_divergence,
        "-p / q / N for q, (log(p / q) + 1) / N for p",
        lambda p, q: ((np.log(p / q) + 1) / 8, -p / q / 8),
        p_and_q,
        wrt=(0, 1),
    ),
    Stated(
        losses.js_divergence,
        "log(p / m) / 2 / N for p, likewise for q",
        lambda p, q: tuple(np.log(a / (0.5 * (p + q))) / 16 for a in (p, q)),
        p_and_q,
        wrt=(0, 1),
    ),
    Stated(
        losses.gaussian_kl,
        "mu / N for mu, (e^logvar - 1) / 2 / N for logvar",
        lambda mu, logvar: (mu / 4, (np.exp(logvar) - 1) / 8),
        two_codes,
        wrt=(0, 1),
    ),
    Stated(
        losses.distillation_loss,
        "alpha T (softmax(student / T) - softmax(teacher / T)) / N "
        "+ (1 - alpha) (softmax(student) - target) / N",
        distillation,
        logits_and_labels,
        kwargs={"temperature": 3.0, "alpha": 0.7},
    ),
    Stated(
        losses.wasserstein_distance_1d,
        "sign(x - y) / N for a sample x that is carried to y",
        carried,
        samples,
    ),
]
