"""Networks: modules that own parameters, in PyTorch's layout, so that weights can move there.

module.py: Module and Sequential. layers.py: the layers. initial.py: initial values of weights.
files.py: save and load.
"""

from ..pytorch_names import no_attribute
from .files import load, save
from .initial import kaiming_normal_, kaiming_uniform_, xavier_normal_, xavier_uniform_
from .layers import (
    ELU,
    GELU,
    MLP,
    Dropout,
    Embedding,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from .module import Module, Sequential

__all__ = [
    "ELU", "GELU", "MLP", "Dropout", "Embedding", "LayerNorm", "LeakyReLU", "Linear", "Module",
    "ReLU", "Sequential", "SiLU", "Sigmoid", "Softplus", "Tanh", "kaiming_normal_",
    "kaiming_uniform_", "load", "save", "xavier_normal_", "xavier_uniform_",
]  # fmt: skip


def __getattr__(name: str):
    raise no_attribute("microloss.nn", name)
