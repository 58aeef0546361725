"""Losses between features of a network instead of between its outputs."""

from collections.abc import Iterable

import numpy as np

from ..engine.tensor import Tensor, values_of
from . import check
from .common import loss, reduce

__all__ = ["perceptual_loss"]


@loss
def perceptual_loss(features, input, target, *, weights=None) -> Tensor:
    """Perceptual loss: mean squared difference of what a network sees in two pictures.

    Formula: sum over layers l of weights_l * mean((features(input)_l - features(target)_l)^2).

    Gradient: 2 weights_l (features(input)_l - features(target)_l) / size of l, sent back through
    `features` to input and summed over the layers; the target's features are constants.

    Problem: generative modelling.

    Use: when images should look alike, not agree pixel by pixel. Freeze the network of `features`:
    parameters that require a gradient get one, from the features of input.

    Meaning: the squared Euclidean distance in the space of features, over their number.

    Outliers: very sensitive: quadratic in each feature.

    Shapes: input and target of one shape; features maps them to a list of arrays, one for each
    layer (or to one array); weights: one number for each layer, 1 if not given. Units: the
    features', squared.

    Raises: ValueError for unequal shapes, and for weights that are not as many as the layers;
    TypeError for a target with requires_grad (pass target.data) and for features that give neither
    arrays nor a list of them.

    >>> a, b = np.array([1.0, 2.0, 0.0, 1.0]), np.array([0.0, 2.0, 1.0, 1.0])
    >>> perceptual_loss(lambda x: [x, x[:2]], a, b, weights=[1.0, 0.5])
    np.float64(0.75)

    Reference: Johnson, Alahi, Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer and
    Super-Resolution.
    """
    input = check.numbers("input", input)
    target = check.constant("target", target, like=input)
    check.same_shape("input", input, "target", target)
    seen = layers(features(input))
    wanted = [
        check.numbers("features(target)", values_of(f), input) for f in layers(features(target))
    ]
    if not seen:
        raise ValueError("features(input) gives no layers")
    weights = np.ones(len(seen)) if weights is None else weights
    weights = check.numbers("weights", weights, like=input)
    if weights.shape != (len(seen),):
        raise ValueError(f"weights has shape {weights.shape}; features gives {len(seen)} layers")
    return sum(w * reduce((f - g) ** 2, "mean") for w, f, g in zip(weights, seen, wanted))


def layers(features):
    """The arrays of all layers; a network may give one array for one layer."""
    if isinstance(features, Tensor | np.ndarray | np.number):
        return [features]
    if not isinstance(features, Iterable):
        raise TypeError(f"features must give a list of arrays or one array, got {features!r:.60}")
    return list(features)
