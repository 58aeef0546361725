"""Layers, in PyTorch's layout, so that weights can move there."""

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .. import functional as F
from ..engine.tensor import Tensor
from ..randomness import Random, generator
from .module import Module, Sequential

__all__ = [
    "ELU", "GELU", "MLP", "Dropout", "Embedding", "LayerNorm", "LeakyReLU", "Linear", "ReLU",
    "SiLU", "Sigmoid", "Softplus", "Tanh",
]  # fmt: skip


def width(value: Any, name: str) -> int:
    """A whole number of at least 1, or an error."""
    try:
        if operator.index(value) >= 1:
            return operator.index(value)
    except TypeError:
        pass
    raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")


class Linear(Module):
    """x W^T + b, with W of shape (out, in) and b of shape (out,).

    Both start uniform in +-1/sqrt(in), as in PyTorch.
    rng : a NumPy Generator or a seed; it must be given.

    >>> Linear(3, 2, rng=0)(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: Random = None,
        bias: bool = True,
        dtype=np.float64,
    ):
        in_features = width(in_features, "Linear: in_features")
        out_features = width(out_features, "Linear: out_features")
        rng = generator(rng, "Linear")
        bound = 1 / np.sqrt(in_features)
        shapes = (out_features, in_features), (out_features,)
        weight, bias_values = (rng.uniform(-bound, bound, shape) for shape in shapes)
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype)
        self.bias = Tensor(bias_values, requires_grad=True, dtype=dtype) if bias else None

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self):
        out_features, in_features = self.weight.shape
        bias = self.bias is not None
        return f"in_features={in_features}, out_features={out_features}, bias={bias}"


class Embedding(Module):
    """One learned vector for each of num_embeddings symbols: integers in, vectors out.

    Shapes: (...) -> (..., embedding_dim). Starts standard normal, as in PyTorch.

    >>> Embedding(10, 4, rng=0)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: Random = None, dtype=np.float64
    ):
        shape = (
            width(num_embeddings, "Embedding: num_embeddings"),
            width(embedding_dim, "Embedding: embedding_dim"),
        )
        values = generator(rng, "Embedding").standard_normal(shape)
        self.weight = Tensor(values, requires_grad=True, dtype=dtype)

    def forward(self, index):
        if isinstance(index, Tensor):
            raise TypeError("Embedding: Tensors hold floats; pass a NumPy array of integers")
        index, n = np.asarray(index), len(self.weight)
        if index.dtype.kind not in "iu":
            raise TypeError(f"Embedding: symbols must be integers, got dtype {index.dtype}")
        if index.size and not (index.min() >= 0 and index.max() < n):
            raise ValueError(
                f"Embedding: symbols must be from 0 to {n - 1}, got {index.min()} to {index.max()}"
            )
        return self.weight[index]

    def extra_repr(self):
        return ", ".join(map(str, self.weight.shape))


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) over the last axes, then scaled and shifted, both learned.

    normalized_shape : the shape of those axes, or the length of the last.

    >>> LayerNorm(2)(np.array([[1.0, 3.0]])).data.round(3)
    array([[-1.,  1.]])

    Reference: Ba, Kiros, Hinton (2016), Layer normalization.
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], *, eps: float = 1e-5, dtype=np.float64
    ):
        lengths = np.atleast_1d(normalized_shape).tolist()
        shape = tuple(width(length, "LayerNorm: normalized_shape") for length in lengths)
        if not (shape and eps > 0):
            raise ValueError(f"LayerNorm: at least one axis and eps > 0, got {shape} and {eps!r}")
        self.weight = Tensor(np.ones(shape), requires_grad=True, dtype=dtype)
        self.bias = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)
        self.eps = eps

    def forward(self, x):
        x = x if isinstance(x, Tensor) else np.asarray(x)
        axes = tuple(range(-self.weight.ndim, 0))
        if x.shape[-self.weight.ndim :] != self.weight.shape:
            raise ValueError(
                f"LayerNorm: the last axes must have shape {self.weight.shape}, got an input of "
                f"shape {x.shape}"
            )
        centred = x - np.mean(x, axis=axes, keepdims=True)
        variance = np.mean(centred * centred, axis=axes, keepdims=True)
        return centred / np.sqrt(variance + self.eps) * self.weight + self.bias

    def extra_repr(self):
        return f"{self.weight.shape}, eps={self.eps}"


class Dropout(Module):
    """Zeroes each element with probability p while training, and divides the others by 1 - p.

    rng : a NumPy Generator or a seed; it must be given.
    """

    def __init__(self, p: float = 0.5, *, rng: Random = None):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), got {p!r}")
        self.p, self.rng = p, generator(rng, "Dropout")

    def forward(self, x):
        return F.dropout(x, self.p, rng=self.rng, training=self.training)

    def extra_repr(self):
        return f"p={self.p}"


# ---- activations ---------------------------------------------------------------------------------


class ReLU(Module):
    """functional.relu as a Module."""

    forward = staticmethod(F.relu)


class Sigmoid(Module):
    """functional.sigmoid as a Module."""

    forward = staticmethod(F.sigmoid)


class SiLU(Module):
    """functional.silu as a Module."""

    forward = staticmethod(F.silu)


class Softplus(Module):
    """functional.softplus as a Module."""

    forward = staticmethod(F.softplus)


class Tanh(Module):
    """np.tanh as a Module."""

    forward = staticmethod(np.tanh)


class LeakyReLU(Module):
    """functional.leaky_relu as a Module, with its option."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope!r}"


class ELU(Module):
    """functional.elu as a Module, with its option."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x):
        return F.elu(x, alpha=self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha!r}"


class GELU(Module):
    """functional.gelu as a Module, with its option."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x):
        return F.gelu(x, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


# ---- a whole network -----------------------------------------------------------------------------


class MLP(Sequential):
    """Linear layers of the given sizes with an activation between them.

    rng : a NumPy Generator or a seed; it must be given.
    activation : a class of Modules, which is called once for each gap.

    >>> model = MLP(64, 32, 10, rng=0)
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(
        self,
        *sizes: int,
        rng: Random = None,
        activation: Callable[[], Module] = ReLU,
        dtype=np.float64,
    ):
        if len(sizes) < 2:
            raise ValueError(f"MLP: pass at least the sizes of input and output, got {sizes}")
        if isinstance(activation, Module):
            raise TypeError(f"MLP: activation must be a class, such as nn.ReLU, got {activation}")
        rng = generator(rng, "MLP")
        layers: list[Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [Linear(n_in, n_out, rng=rng, dtype=dtype), activation()]
        super().__init__(*layers[:-1])
