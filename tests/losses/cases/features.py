"""Cases of microloss/losses/features.py."""

import functools

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import losses

KERNEL = np.random.default_rng(9).standard_normal((6, 4))


def two_layers(x):
    hidden = np.tanh(x.reshape(len(x), 6) @ KERNEL.astype(x.dtype))
    return [hidden, hidden[:, 1:] * hidden[:, :-1]]


@functools.wraps(losses.perceptual_loss)
def perceptual_loss(input, target, **options):
    return losses.perceptual_loss(two_layers, input, target, **options)


def naive(x, y, weights=(1, 1)):
    total = 0
    for weight, f, g in zip(weights, two_layers(x), two_layers(y)):
        total += weight * sum((a - b) ** 2 for a, b in zip(f.flat, g.flat)) / f.size
    return total


def in_torch(torch, x, y):
    def layers(x):
        hidden = torch.tanh(x.flatten(1) @ torch.tensor(KERNEL))
        return hidden, hidden[:, 1:] * hidden[:, :-1]

    seen, wanted = layers(x), layers(y.detach())
    mse = torch.nn.functional.mse_loss
    return 0.5 * mse(seen[0], wanted[0]) + 2.0 * mse(seen[1], wanted[1])


def pictures(rng):
    return rng.standard_normal((2, 2, 3)), rng.standard_normal((2, 2, 3))


CASES = [
    Case(perceptual_loss, pictures, naive, reductions=()),
    Case(
        perceptual_loss,
        pictures,
        naive,
        kwargs={"weights": [0.5, 2.0]},
        torch=in_torch,
        reductions=(),
        name="weights",
    ),
]

X = np.zeros((1, 2, 3))
FAR = np.full((1, 2, 3), 1e4)

EXTREMES = [
    Extreme(perceptual_loss, (X, X), value=0.0, gradients=(X,), name="equal"),
    Extreme(perceptual_loss, (FAR, -FAR), value=4.0, gradients=(X,), name="far"),
]

ERRORS = [
    Error(perceptual_loss, (X, X[0]), {}, ValueError, ("(1, 2, 3)", "(2, 3)", "reshape")),
    Error(perceptual_loss, (X, X), {"weights": [1.0]}, ValueError, ("weights", "(1,)", "2 layers")),
    Error(perceptual_loss, (X[:0], X[:0]), {}, ValueError, ("mean", "nothing")),
    Error(losses.perceptual_loss, (lambda x: None, X, X), {}, TypeError, ("features", "None")),
    Error(losses.perceptual_loss, (lambda x: [], X, X), {}, ValueError, ("features", "no layers")),
]


@functools.wraps(losses.perceptual_loss)
def perceptual_loss_of_squares(input, target, **options):
    return losses.perceptual_loss(lambda x: [x, x**2], input, target, **options)


GRADIENTS = [
    Stated(
        perceptual_loss_of_squares,
        "2 weights_l (features(input)_l - features(target)_l) / size of l",
        lambda x, y, weights: (
            2 * weights[0] * (x - y) / x.size + 2 * weights[1] * (x**2 - y**2) / x.size * 2 * x
        ),
        pictures,
        kwargs={"weights": [0.5, 2.0]},
    ),
]
