"""Initial values of weights."""

import numpy as np

from ..engine.tensor import Tensor
from ..parameters import parameter_list
from ..randomness import Random, generator

__all__ = ["kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_"]


def xavier_uniform_(weight: Tensor, *, gain: float = 1.0, rng: Random = None) -> Tensor:
    """Fill with uniform numbers of variance gain^2 2 / (fan_in + fan_out), for tanh and sigmoid.

    rng : a NumPy Generator or a seed.

    Reference: Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks.
    """
    return _fill(weight, _xavier(weight, gain), generator(rng, "xavier_uniform_"), uniform=True)


def xavier_normal_(weight: Tensor, *, gain: float = 1.0, rng: Random = None) -> Tensor:
    """The same as xavier_uniform_, with normal numbers."""
    return _fill(weight, _xavier(weight, gain), generator(rng, "xavier_normal_"), uniform=False)


def kaiming_uniform_(weight: Tensor, *, a: float = 0.0, rng: Random = None) -> Tensor:
    """Fill with uniform numbers of variance 2 / ((1 + a^2) fan_in), a: the ReLU's slope below 0.

    rng : a NumPy Generator or a seed.

    Reference: He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """
    return _fill(weight, _kaiming(weight, a), generator(rng, "kaiming_uniform_"), uniform=True)


def kaiming_normal_(weight: Tensor, *, a: float = 0.0, rng: Random = None) -> Tensor:
    """The same as kaiming_uniform_, with normal numbers."""
    return _fill(weight, _kaiming(weight, a), generator(rng, "kaiming_normal_"), uniform=False)


def fans(weight: Tensor) -> tuple[int, int]:
    """How many numbers go into and come out of each unit of a weight (out, in, ...)."""
    (weight,) = parameter_list([weight], "weight")
    if weight.ndim < 2:
        raise ValueError(
            f"a weight of shape {weight.shape} has no fan-in and fan-out; it needs at least 2 axes"
        )
    field = weight.size // (weight.shape[0] * weight.shape[1])
    return weight.shape[1] * field, weight.shape[0] * field


def _xavier(weight, gain):
    return gain * np.sqrt(2 / sum(fans(weight)))


def _kaiming(weight, a):
    return np.sqrt(2 / ((1 + a * a) * fans(weight)[0]))


def _fill(weight, std, rng, uniform):
    bound = np.sqrt(3) * std  # a uniform in +-bound has the standard deviation bound / sqrt(3)
    draw = rng.uniform(-bound, bound, weight.shape) if uniform else rng.normal(0, std, weight.shape)
    weight.data = draw
    return weight
