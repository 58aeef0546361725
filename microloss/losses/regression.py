"""Losses for targets that are numbers."""

from ..tensor import Tensor
from .common import operand, pair, reduce, unequal


def mse_loss(input, target, *, weight=None, reduction: str = "mean") -> Tensor:
    """Mean squared error: how far off, squared.

    Formula: (input - target)^2; with weight, the mean is sum(w (input - target)^2) / sum(w).

    Gradient: 2 (input - target) / N: it grows with the error without bound.

    Problem: regression.  Use it by default, when large errors are much worse than small ones and
    no target is grossly wrong; the best constant prediction is the mean.

    Likelihood: the negative log-likelihood of Gaussian noise of constant variance, up to constants.

    Outliers: one target that is k times as far off weighs k^2 times as much.

    Shapes: input and target of one shape, weight of the same.  Units: the square of the target's.
    Raises ValueError for unequal shapes, an unknown reduction, or an empty mean; TypeError for
    what is not a real number.

    >>> mse_loss([1.0, 2.5, -0.5, 4.0], [1.5, 2.0, -0.5, 1.0])
    np.float64(2.375)

    Reference: Gauss (1809), Theoria motus corporum coelestium; PyTorch's mse_loss.
    """
    input, target = pair(input, target)
    error = input - target
    if weight is None:
        return reduce(error * error, reduction)
    weight = operand("weight", weight, like=input)
    if weight.shape != input.shape:
        raise ValueError(unequal("input", input, "weight", weight))
    return reduce(weight * (error * error), reduction, count=weight.sum())
