"""Cases of microloss/losses/robust.py."""

import math

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses

from .regression import FAR, SIGNS, X, reduced, two


def naive_robust(x, t, alpha, scale=1.0):
    z = ((x - t) / scale) ** 2
    limits = {
        2.0: z / 2,
        0.0: np.log(1 + z / 2),
        np.inf: np.exp(z / 2) - 1,
        -np.inf: 1 - np.exp(-z / 2),
    }
    if np.ndim(alpha):
        return np.vectorize(naive_robust)(x, t, np.asarray(alpha), scale)
    if float(alpha) in limits:
        return limits[float(alpha)]
    b = abs(alpha - 2)
    return b / alpha * ((z / b + 1) ** (alpha / 2) - 1)


def torch_robust(alpha, scale=1.0):
    def formula(torch, x, t, reduction):
        z = ((x - t) / scale) ** 2
        b = abs(alpha - 2)
        limits = {
            2.0: z / 2,
            0.0: torch.log1p(z / 2),
            np.inf: torch.expm1(z / 2),
            -np.inf: -torch.expm1(-z / 2),
        }
        if alpha in limits:
            return reduced(limits[alpha], reduction)
        return reduced(b / alpha * ((z / b + 1) ** (alpha / 2) - 1), reduction)

    return formula


CASES = [
    Case(
        losses.robust_loss,
        two,
        naive_robust,
        wrt=(0, 1),
        kwargs={"alpha": alpha, "scale": 0.7},
        torch=torch_robust(alpha, 0.7),
        name=f"alpha{alpha}",
    )
    for alpha in (2, 1, 0.5, 0, -2, 3.0, np.inf, -np.inf)
]
CASES.append(
    Case(
        losses.robust_loss,
        two,
        naive_robust,
        wrt=(0, 1),
        kwargs={
            "alpha": np.array([1.0, 0.0, 2.0]),
            "scale": np.array([[0.5], [1.0], [2.0], [3.0]]),
        },
        name="arrays",
    )
)

Z, B = 4e8, 4.0  # the squared error of FAR; |alpha - 2| at alpha = -2
EXTREMES = [
    Extreme(
        losses.robust_loss,
        FAR,
        {"alpha": alpha},
        value,
        gradients=None if slope is None else (slope * SIGNS,),
        name=f"alpha{alpha}",
    )
    for alpha, value, slope in (
        (2, Z, 2e4),
        (1, 2 * (math.sqrt(Z + 1) - 1), 2e4 / math.sqrt(Z + 1)),
        (0, 2 * math.log(Z / 2 + 1), 2e4 / (Z / 2 + 1)),
        (-2, 2 * B / 2 * (1 - 1 / (Z / B + 1)), 2e4 / (Z / B + 1) ** 2),
        (-np.inf, 2.0, 0.0),
        (1e-30, 2 * math.log(Z / 2 + 1), 2e4 / (Z / 2 + 1)),
        (np.inf, np.inf, None),
        (100, np.inf, None),
    )
]

ERRORS = [
    Error(
        losses.robust_loss,
        (np.zeros((3, 1)), np.zeros(3)),
        {"alpha": 1},
        ValueError,
        ("(3, 1)", "(3,)"),
    ),
    Error(losses.robust_loss, X, {"alpha": 1, "scale": 0.0}, ValueError, ("scale", "0.0")),
    Error(losses.robust_loss, X, {"alpha": 1, "scale": [1, 0, 1]}, ValueError, ("scale", "0")),
    Error(losses.robust_loss, X, {"alpha": np.nan}, ValueError, ("alpha", "nan")),
    Error(losses.robust_loss, X, {"alpha": np.ones(4)}, ValueError, ("alpha", "(4,)", "(4, 3)")),
    Error(losses.robust_loss, X, {"alpha": np.full(3, np.inf)}, ValueError, ("alpha", "inf")),
]
