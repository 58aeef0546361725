"""microloss: losses, gradients and optimisation, learned by reading and running them."""

from . import functional
from .grad import grad, hessian, hvp, jacobian
from .rules import primitive
from .tensor import Tensor, detect_anomaly, no_grad

__version__ = "0.1.0"
__all__ = [
    "Tensor", "detect_anomaly", "functional", "grad", "hessian", "hvp", "jacobian", "no_grad",
    "primitive",
]  # fmt: skip
