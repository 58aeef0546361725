"""Stated gradients of microloss/losses/robust.py."""

from cases.regression import two

from microloss import losses

from . import Stated


def robust(x, t, alpha, scale):
    e, b = x - t, abs(alpha - 2)
    return e / scale**2 * ((e / scale) ** 2 / b + 1) ** (alpha / 2 - 1) / x.size


GRADIENTS = [
    *(
        Stated(
            losses.robust_loss,
            "e / scale^2 (z / b + 1)^(alpha / 2 - 1) / N",
            robust,
            two,
            kwargs={"alpha": alpha, "scale": 0.7},
        )
        for alpha in (1.0, 0.0, -2.0)
    ),
]
