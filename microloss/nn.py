"""Networks: modules that own parameters, in PyTorch's layout, so that weights can move there."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from . import functional as F
from .tensor import Tensor

__all__ = ["MLP", "Linear", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"]


class Module:
    """A function with parameters: every Tensor attribute, and those of every Module attribute.

    Subclasses set attributes in __init__ and define forward().
    """

    def __call__(self, x):
        return self.forward(x)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Pairs of name and Tensor, in the order of definition, such as ("0.weight", ...)."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value.named_parameters(f"{prefix}{name}.")

    def parameters(self) -> list[Tensor]:
        """All parameters, in the order of definition."""
        return [parameter for _, parameter in self.named_parameters()]


class Linear(Module):
    """x W^T + b, with W of shape (out, in) and b of shape (out,).

    Both start uniform in +-1/sqrt(in), as in PyTorch.  rng: a numpy Generator or a seed.

    >>> Linear(3, 2, rng=0)(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, *, rng, bias: bool = True, dtype=np.float64
    ):
        rng = np.random.default_rng(rng)
        bound = 1 / np.sqrt(in_features)
        shapes = (out_features, in_features), (out_features,)
        weight, bias_values = (rng.uniform(-bound, bound, shape) for shape in shapes)
        self.weight = Tensor(weight, requires_grad=True, dtype=dtype)
        self.bias = Tensor(bias_values, requires_grad=True, dtype=dtype) if bias else None

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


def activation(function, doc):
    """A Module without parameters around a function."""
    return type(doc.split()[0], (Module,), {
        "__doc__": doc, "forward": staticmethod(function), "__module__": __name__,
    })  # fmt: skip


ReLU = activation(F.relu, "ReLU as a Module.")
Sigmoid = activation(F.sigmoid, "Sigmoid as a Module.")
Tanh = activation(np.tanh, "Tanh as a Module.")


class Sequential(Module):
    """Modules in a row; their parameters are named by position, as in PyTorch."""

    def __init__(self, *modules: Module):
        self.modules = modules

    def named_parameters(self, prefix: str = ""):
        for i, module in enumerate(self.modules):
            yield from module.named_parameters(f"{prefix}{i}.")

    def forward(self, x):
        for module in self.modules:
            x = module(x)
        return x


class MLP(Sequential):
    """Linear layers of the given sizes with an activation between them.

    >>> model = MLP(64, 32, 10, rng=0)
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *sizes: int, rng, activation=ReLU, dtype=np.float64):
        rng = np.random.default_rng(rng)
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [Linear(n_in, n_out, rng=rng, dtype=dtype), activation()]
        super().__init__(*layers[:-1])
