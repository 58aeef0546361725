"""Loss functions: predictions first, then targets; every other argument by keyword.

Each one is written as its formula in the operations of the engine, so that first and second
derivatives come from there.  Names and meanings are PyTorch's where PyTorch has the loss.
"""

from .classification import cross_entropy
from .regression import mse_loss

__all__ = ["cross_entropy", "mse_loss"]
