"""Networks: modules that own parameters, in PyTorch's layout, so that weights can move there."""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from . import functional as F
from .engine.tensor import Tensor

__all__ = [
    "ELU", "GELU", "MLP", "Dropout", "Embedding", "LayerNorm", "LeakyReLU", "Linear", "Module",
    "ReLU", "Sequential", "SiLU", "Sigmoid", "Softplus", "Tanh", "kaiming_normal_",
    "kaiming_uniform_", "load", "save", "xavier_normal_", "xavier_uniform_",
]  # fmt: skip


class Module:
    """A function with parameters: every Tensor attribute, and those of every Module attribute.

    Subclasses set attributes in __init__ and define forward().  Attributes that are lists of
    Modules belong to it too.  Tensors that do not require a gradient are constants, no parameters.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> Line()(np.array([1.0, 2.0]))
    Tensor([2., 4.], op='multiply')
    """

    training = True

    def __call__(self, *args):
        return self.forward(*args)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Names and Modules that belong to this one directly."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Pairs of name and Tensor, in the order of definition, such as ("0.weight", ...)."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and value.requires_grad:
                yield prefix + name, value
        for name, module in self.children():
            yield from module.named_parameters(f"{prefix}{name}.")

    def parameters(self) -> list[Tensor]:
        """All parameters, each once."""
        return list(dict.fromkeys(parameter for _, parameter in self.named_parameters()))

    def train(self, mode: bool = True) -> "Module":
        """Say whether this is training, which Dropout wants to know; eval() says it is not."""
        self.training = mode
        for _, module in self.children():
            module.train(mode)
        return self

    def eval(self) -> "Module":
        """The same as train(False)."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters' values by name; PyTorch's names for PyTorch's layers."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state_dict: Mapping) -> None:
        """Set all parameters; takes arrays, or PyTorch's tensors on the CPU.

        Raises KeyError for names that are missing or too many, ValueError for shapes that differ.
        """
        own = dict(self.named_parameters())
        missing, extra = sorted(own.keys() - state_dict), sorted(state_dict.keys() - own)
        if missing or extra:
            raise KeyError(f"state_dict lacks {missing}, and has {extra} too many")
        values = {name: np.asarray(value) for name, value in state_dict.items()}
        for name, p in own.items():
            if values[name].shape != p.shape:
                raise ValueError(f"{name}: shape {values[name].shape} is not {p.shape}")
        for name, p in own.items():
            p.data = values[name].astype(p.dtype)


# ---- layers --------------------------------------------------------------------------------------


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


class Embedding(Module):
    """One learned vector for each of num_embeddings symbols: integers in, vectors out.

    Shapes: (...) -> (..., embedding_dim).  Starts standard normal, as in PyTorch.

    >>> Embedding(10, 4, rng=0)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, *, rng, dtype=np.float64):
        values = np.random.default_rng(rng).standard_normal((num_embeddings, embedding_dim))
        self.weight = Tensor(values, requires_grad=True, dtype=dtype)

    def forward(self, index):
        index, n = np.asarray(index), len(self.weight)
        if index.dtype.kind not in "iu":
            raise TypeError(f"Embedding takes integers, got dtype {index.dtype}")
        if index.size and not (index.min() >= 0 and index.max() < n):
            raise ValueError(
                f"Embedding holds symbols 0 to {n - 1}; got {index.min()} to {index.max()}"
            )
        return self.weight[index]


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) over the last axes, then scaled and shifted, both learned.

    normalized_shape : the shape of those axes, or the length of the last.

    Reference: Ba, Kiros, Hinton (2016), Layer normalization.
    """

    def __init__(self, normalized_shape: int | tuple, *, eps: float = 1e-5, dtype=np.float64):
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.weight = Tensor(np.ones(shape), requires_grad=True, dtype=dtype)
        self.bias = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)
        self.eps = eps

    def forward(self, x):
        axes = tuple(range(-self.weight.ndim, 0))
        if x.shape[-self.weight.ndim :] != self.weight.shape:
            raise ValueError(f"LayerNorm over {self.weight.shape} got an input of shape {x.shape}")
        centred = x - np.mean(x, axis=axes, keepdims=True)
        variance = np.mean(centred * centred, axis=axes, keepdims=True)
        return centred / np.sqrt(variance + self.eps) * self.weight + self.bias


class Dropout(Module):
    """Zeroes each element with probability p while training, and divides the others by 1 - p."""

    def __init__(self, p: float = 0.5, *, rng):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), got {p!r}")
        self.p, self.rng = p, np.random.default_rng(rng)

    def forward(self, x):
        return F.dropout(x, self.p, rng=self.rng, training=self.training)


def activation(name, function):
    """A Module without parameters around a function."""
    doc = f"{function.__name__} as a Module."
    return type(name, (Module,), {
        "__doc__": doc, "forward": staticmethod(function), "__module__": __name__,
    })  # fmt: skip


ELU = activation("ELU", F.elu)
GELU = activation("GELU", F.gelu)
LeakyReLU = activation("LeakyReLU", F.leaky_relu)
ReLU = activation("ReLU", F.relu)
Sigmoid = activation("Sigmoid", F.sigmoid)
SiLU = activation("SiLU", F.silu)
Softplus = activation("Softplus", F.softplus)
Tanh = activation("Tanh", np.tanh)


class Sequential(Module):
    """Modules in a row; their parameters are named by position, as in PyTorch."""

    def __init__(self, *modules: Module):
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: argument {i} is no Module: {module!r:.60}")
        self.modules = modules

    def children(self):
        return ((str(i), module) for i, module in enumerate(self.modules))

    def __getitem__(self, index: int) -> Module:
        return self.modules[index]

    def __len__(self) -> int:
        return len(self.modules)

    def forward(self, x):
        for module in self.modules:
            x = module.forward(x)
        return x


class MLP(Sequential):
    """Linear layers of the given sizes with an activation between them.

    >>> model = MLP(64, 32, 10, rng=0)
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *sizes: int, rng, activation=ReLU, dtype=np.float64):
        if len(sizes) < 2:
            raise ValueError(f"MLP needs at least the sizes of input and output, got {sizes}")
        rng = np.random.default_rng(rng)
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [Linear(n_in, n_out, rng=rng, dtype=dtype), activation()]
        super().__init__(*layers[:-1])


# ---- initial values ------------------------------------------------------------------------------


def fans(weight: Tensor) -> tuple[int, int]:
    """How many numbers go into and come out of each unit of a weight (out, in, ...)."""
    if weight.ndim < 2:
        raise ValueError(
            f"a weight of shape {weight.shape} has no fan-in and fan-out: 2 axes are the least"
        )
    field = weight.size // (weight.shape[0] * weight.shape[1])
    return weight.shape[1] * field, weight.shape[0] * field


def _fill(weight, std, rng, uniform):
    rng = np.random.default_rng(rng)
    bound = np.sqrt(3) * std  # a uniform in +-bound has the standard deviation bound / sqrt(3)
    draw = rng.uniform(-bound, bound, weight.shape) if uniform else rng.normal(0, std, weight.shape)
    weight.data = draw
    return weight


def xavier_uniform_(weight: Tensor, *, gain: float = 1.0, rng) -> Tensor:
    """Fill with uniform numbers of variance gain^2 2 / (fan_in + fan_out), for tanh and sigmoid.

    Reference: Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks.
    """
    return _fill(weight, gain * np.sqrt(2 / sum(fans(weight))), rng, uniform=True)


def xavier_normal_(weight: Tensor, *, gain: float = 1.0, rng) -> Tensor:
    """xavier_uniform_ with normal numbers."""
    return _fill(weight, gain * np.sqrt(2 / sum(fans(weight))), rng, uniform=False)


def kaiming_uniform_(weight: Tensor, *, a: float = 0.0, rng) -> Tensor:
    """Fill with uniform numbers of variance 2 / ((1 + a^2) fan_in), a: the ReLU's slope below 0.

    Reference: He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """
    return _fill(weight, np.sqrt(2 / ((1 + a * a) * fans(weight)[0])), rng, uniform=True)


def kaiming_normal_(weight: Tensor, *, a: float = 0.0, rng) -> Tensor:
    """kaiming_uniform_ with normal numbers."""
    return _fill(weight, np.sqrt(2 / ((1 + a * a) * fans(weight)[0])), rng, uniform=False)


# ---- files ---------------------------------------------------------------------------------------


def save(path, state: dict) -> None:
    """Write nested dicts and lists of arrays, numbers and strings to an .npz file, without pickles.

    A whole run: `save("run.npz", {"model": model.state_dict(), "optimizer":
    optimizer.state_dict(), "rng": rng.bit_generator.state})`.
    """
    arrays = []

    def outline(value):
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, dict):
            return {"dict": {str(k): outline(v) for k, v in value.items()}}
        if isinstance(value, list | tuple):
            return [outline(v) for v in value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise TypeError(f"save: {value!r:.60} is no array, number, string, dict or list")

    text = json.dumps(outline(state))
    with open(path, "wb") as file:
        np.savez_compressed(file, outline=text, **{f"a{i}": a for i, a in enumerate(arrays)})


def load(path) -> dict:
    """Read what save() wrote.  No code in the file is run, whoever made it."""
    with np.load(path, allow_pickle=False) as file:

        def restore(value):
            if isinstance(value, list):
                return [restore(v) for v in value]
            if not isinstance(value, dict):
                return value
            if "array" in value:
                return file[f"a{value['array']}"]
            return {k: restore(v) for k, v in value["dict"].items()}

        return restore(json.loads(str(file["outline"])))
