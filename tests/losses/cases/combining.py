"""Cases of microloss/losses/combining.py."""

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import losses


def three_tasks(rng):
    return rng.uniform(0.1, 4, 3), rng.standard_normal(3)


KINDS = ["classification", "regression", "classification"]

CASES = [
    Case(
        losses.uncertainty_weighted_loss,
        three_tasks,
        lambda values, s: sum(
            v / (2 * np.exp(t)) + np.log(np.sqrt(np.exp(t))) for v, t in zip(values, s)
        ),
        wrt=(0, 1),
        torch=lambda torch, values, s: ((-s).exp() * values / 2 + s / 2).sum(),
        reductions=(),
    ),
    Case(
        losses.uncertainty_weighted_loss,
        three_tasks,
        lambda values, s, kinds: sum(
            v / np.exp(t) / (2 if kind == "regression" else 1) + t / 2
            for v, t, kind in zip(values, s, kinds)
        ),
        wrt=(0, 1),
        kwargs={"kinds": KINDS},
        torch=lambda torch, values, s: (
            (-s).exp() * values * torch.tensor([1, 0.5, 1]) + s / 2
        ).sum(),
        reductions=(),
        name="kinds",
    ),
]

EXTREMES = [
    Extreme(
        losses.uncertainty_weighted_loss,
        (np.array([1e4, 0.0]), np.array([1e4, -10.0])),
        value=(1e4 - 10) / 2,
        wrt=(0, 1),
        gradients=(np.array([0.0, np.exp(10) / 2]), np.array([0.5, 0.5])),
    ),
    Extreme(
        losses.uncertainty_weighted_loss,
        (np.array([1.0]), np.array([-1e4])),
        value=np.inf,
        wrt=(0, 1),
        name="overconfident",
    ),
]

EXTREMES += [
    Extreme(
        losses.uncertainty_weighted_loss,
        (np.array([0.0, 1.0]), np.array([s, 0.0])),
        value=(s + 1) / 2,
        wrt=(1,),
        gradients=(np.array([0.5, 0.0]),),
        name=f"solved{s}",
    )
    for s in (-88.0, -88.72284, -90.0, -709.5, -710.0, -1e4)
]

ERRORS = [
    Error(
        losses.uncertainty_weighted_loss,
        ([1.0, 2.0], [0.0]),
        {},
        ValueError,
        ("losses", "(2,)", "log_vars", "(1,)"),
    ),
    *(
        Error(
            losses.uncertainty_weighted_loss,
            ([1.0, 2.0], [0.0, 0.0]),
            {"kinds": kinds},
            ValueError,
            words,
        )
        for kinds, words in (
            ("clustering", ("kinds", "'clustering'", '"regression"')),
            (["regression", None], ("kinds", "None")),
            (["regression"], ("kinds has 1 entries", "losses 2")),
        )
    ),
    Error(losses.uncertainty_weighted_loss, (1.0, 0.0), {}, ValueError, ("()", "(T,)")),
    Error(losses.uncertainty_weighted_loss, ([], []), {}, ValueError, ("(0,)", "(T,)")),
]

GRADIENTS = [
    Stated(
        losses.uncertainty_weighted_loss,
        "c e^-s for a task's loss, 1/2 - c e^-s L for its s",
        lambda values, s, kinds: (
            np.array([1, 0.5, 1]) * np.exp(-s),
            0.5 - np.array([1, 0.5, 1]) * np.exp(-s) * values,
        ),
        three_tasks,
        wrt=(0, 1),
        kwargs={"kinds": KINDS},
    ),
]
