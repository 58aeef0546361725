"""microloss: losses, gradients and optimisation, learned by reading and running them."""

from . import functional
from .derivation import derivation
from .engine import (
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    hessian,
    hessians,
    hvp,
    hvps,
    jacobian,
    jacobians,
    no_grad,
    primitive,
)
from .gradcheck import gradcheck, taylor_check
from .pytorch_names import no_attribute

__version__ = "0.1.0"
__all__ = [
    "Tensor", "derivation", "detect_anomaly", "draw_graph", "enable_grad", "functional", "grad",
    "gradcheck", "hessian", "hessians", "hvp", "hvps", "jacobian", "jacobians", "no_grad",
    "primitive", "taylor_check",
]  # fmt: skip


def __getattr__(name):
    if name == "draw_graph":  # at first use: most programs draw nothing
        from .draw import draw_graph

        return draw_graph
    raise no_attribute("microloss", name)
