"""Perceptual loss: a number by hand, and where gradients go."""

import numpy as np
from harness import close, gradient

import microloss as ml
from microloss.losses import mse_loss, perceptual_loss


def test_by_hand():
    """One layer, the picture itself: the mean squared difference."""
    x = np.array([[[[1, 2], [0, 1]], [[0.5, 0], [1, -1]]]])
    y = np.array([[[[0, 2], [1, 1]], [[0.5, 1], [0, -1]]]])
    close(perceptual_loss(lambda x: [x], x, y), 0.5)
    x = ml.Tensor(x, requires_grad=True)
    (slope,) = ml.grad(perceptual_loss(lambda x: [x], x, y), x)
    close(slope, [[[[0.25, 0], [-0.25, 0]], [[0, -0.25], [0.25, 0]]]])


def test_layers_are_weighted_and_averaged_apart():
    x, y = np.random.default_rng(0).standard_normal((2, 3, 4))

    def features(x):
        return [x, np.tanh(x[:, :2])]

    near, far = mse_loss(x, y), mse_loss(np.tanh(x[:, :2]), np.tanh(y[:, :2]))
    close(perceptual_loss(features, x, y), near + far)
    close(perceptual_loss(features, x, y, weights=[0.5, 3]), near / 2 + 3 * far)


def test_one_array_is_one_layer():
    x, y = np.random.default_rng(0).standard_normal((2, 3, 4))
    assert perceptual_loss(np.tanh, x, y) == perceptual_loss(lambda x: [np.tanh(x)], x, y)
    x = ml.Tensor(x)
    assert perceptual_loss(np.tanh, x, y).item() == perceptual_loss(np.tanh, x.data, y)


def test_the_targets_features_are_constants():
    """Through the target the network gets no gradient."""
    rng = np.random.default_rng(0)
    x, w = (ml.Tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 3), (3, 4)))
    y = rng.standard_normal((2, 3))
    perceptual_loss(lambda x: [x @ w], x, y).backward()
    error = (x.data - y) @ w.data
    close(x.grad, error @ w.data.T / 4)
    close(w.grad, x.data.T @ error / 4)


def test_one_number_is_one_layer():
    x, y = np.array([3.0, 1.0]), np.array([1.0, 2.0])
    assert perceptual_loss(np.sum, x, y) == 1.0
    close(gradient(lambda x: perceptual_loss(np.sum, x, y), x), [2, 2])


def test_weights_can_be_learned():
    x, y = np.random.default_rng(0).standard_normal((2, 3, 4))
    weights = ml.Tensor([1.0, 2.0], requires_grad=True)
    (slope,) = ml.grad(perceptual_loss(lambda x: [x, x * x], x, y, weights=weights), weights)
    close(slope, [mse_loss(x, y), mse_loss(x * x, y * y)])


def test_float32_stays():
    x, y = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    for weights in (None, [0.5], np.array([0.5])):
        assert perceptual_loss(np.tanh, x, y, weights=weights).dtype == np.float32
