"""The engine: one table of derivative rules, one Tensor, one walk back through the graph.

Read it in this order:

1. rules.py          each derivative once, as the NumPy formula from a calculus book
2. compositions.py   NumPy functions written with others that have rules
3. tensor.py         Tensor: an array that remembers how it was made
4. grad.py           the walk back, and the derivatives that are made of it

These are about 2,100 lines, docstrings and blank lines included.

Beside them stand what a first reader skips: linalg.py (rules of linear algebra), arguments.py
(NumPy's calling conventions and the errors of a call) and modes.py (no_grad, detect_anomaly).
"""

from . import linalg
from .compositions import COMPOSED, PLAIN
from .grad import grad, hessian, hessians, hvp, hvps, jacobian, jacobians
from .modes import detect_anomaly, enable_grad, no_grad
from .rules import RULES, primitive
from .tensor import Tensor

__all__ = [
    "COMPOSED", "PLAIN", "RULES", "Tensor", "detect_anomaly", "enable_grad", "grad", "hessian",
    "hessians", "hvp", "hvps", "jacobian", "jacobians", "linalg", "no_grad", "primitive",
]  # fmt: skip
