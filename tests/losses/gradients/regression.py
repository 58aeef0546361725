"""Stated gradients of microloss/losses/regression.py."""

import numpy as np
from cases.regression import two

from microloss import losses
from microloss.functional import erf

from . import Stated


def heteroscedastic(rng):
    return *two(rng), rng.uniform(0.5, 2, (4, 3))


def counts(rng):
    return rng.standard_normal((4, 3)), rng.poisson(2.0, (4, 3)).astype(float)


def rates(rng):
    return rng.uniform(0.5, 3, (4, 3)), rng.poisson(2.0, (4, 3)).astype(float)


GRADIENTS = [
    Stated(losses.mse_loss, "2 (input - target) / N", lambda x, t: 2 * (x - t) / x.size, two),
    Stated(losses.l1_loss, "sign(input - target) / N", lambda x, t: np.sign(x - t) / x.size, two),
    Stated(
        losses.huber_loss,
        "clip(e, -delta, delta) / N",
        lambda x, t, delta: np.clip(x - t, -delta, delta) / x.size,
        two,
        kwargs={"delta": 0.8},
    ),
    Stated(
        losses.smooth_l1_loss,
        "clip(e / beta, -1, 1) / N",
        lambda x, t, beta: np.clip((x - t) / beta, -1, 1) / x.size,
        two,
        kwargs={"beta": 0.8},
    ),
    Stated(
        losses.log_cosh_loss,
        "tanh(input - target) / N",
        lambda x, t: np.tanh(x - t) / x.size,
        two,
    ),
    Stated(
        losses.quantile_loss,
        "-q / N where target >= input, (1 - q) / N elsewhere",
        lambda x, t, quantile: np.where(t >= x, -quantile, 1 - quantile) / x.size,
        two,
        kwargs={"quantile": 0.9},
    ),
    Stated(
        losses.gaussian_nll_loss,
        "(input - target) / v / N",
        lambda x, t, v: (x - t) / v / x.size,
        heteroscedastic,
    ),
    Stated(
        losses.gaussian_nll_loss,
        "(1 - (input - target)^2 / v) / (2 v N)",
        lambda x, t, v: (1 - (x - t) ** 2 / v) / (2 * v * x.size),
        heteroscedastic,
        wrt=2,
    ),
    Stated(
        losses.poisson_nll_loss,
        "(e^input - target) / N",
        lambda x, t: (np.exp(x) - t) / x.size,
        counts,
    ),
    Stated(
        losses.poisson_nll_loss,
        "(1 - target / (input + eps)) / N",
        lambda x, t, log_input, eps: (1 - t / (x + eps)) / x.size,
        rates,
        kwargs={"log_input": False, "eps": 0.01},
    ),
    Stated(
        losses.gaussian_crps_loss,
        "erf(z / sqrt 2) / N",
        lambda x, t, v: erf((x - t) / np.sqrt(2 * v)) / x.size,
        heteroscedastic,
    ),
    Stated(
        losses.gaussian_crps_loss,
        "(sqrt(2 / pi) e^(-z^2 / 2) - 1 / sqrt(pi)) / (2 s N)",
        lambda x, t, v: (
            (np.sqrt(2 / np.pi) * np.exp(-((x - t) ** 2) / (2 * v)) - 1 / np.sqrt(np.pi))
            / (2 * np.sqrt(v) * x.size)
        ),
        heteroscedastic,
        wrt=2,
    ),
]
