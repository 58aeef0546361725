"""Cases of microloss/losses/regularization.py."""

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import losses


def dyadic(rng, *shapes):
    """Multiples of 1/8, not 0: their sums are exact in any order."""
    return tuple((rng.integers(1, 20, s) * rng.choice([-1, 1], s)) / 8 for s in shapes)


def one(rng):
    return dyadic(rng, (4, 3))


def earlier_task(rng):
    w, anchors, fisher = dyadic(rng, (4, 3), (4, 3), (4, 3))
    return w, anchors, np.abs(fisher)


CASES = [
    Case(
        losses.l1_penalty,
        one,
        lambda w, strength: strength * sum(abs(x) for x in w.flat),
        kwargs={"strength": 0.25},
        torch=lambda torch, w: 0.25 * w.abs().sum(),
        reductions=(),
    ),
    Case(
        losses.l2_penalty,
        one,
        lambda w, strength: strength * sum(x * x for x in w.flat),
        kwargs={"strength": 0.25},
        torch=lambda torch, w: 0.25 * (w**2).sum(),
        reductions=(),
    ),
    Case(
        losses.elastic_net_penalty,
        one,
        lambda w, l1, l2: sum(l1 * abs(x) + l2 * x * x for x in w.flat),
        kwargs={"l1": 0.25, "l2": 0.5},
        torch=lambda torch, w: 0.25 * w.abs().sum() + 0.5 * (w**2).sum(),
        reductions=(),
    ),
    Case(
        losses.ewc_penalty,
        earlier_task,
        lambda w, a, f, strength: np.sum(f * (w**2 - 2 * a * w + a**2)) * strength / 2,
        kwargs={"strength": 3.0},
        torch=lambda torch, w, a, f: 1.5 * (f * (w - a) ** 2).sum(),
        reductions=(),
    ),
]

ZEROS = np.zeros(3)

EXTREMES = [
    Extreme(losses.l1_penalty, (ZEROS,), value=0.0, gradients=(ZEROS,)),
    Extreme(losses.l2_penalty, (ZEROS,), value=0.0, gradients=(ZEROS,)),
    Extreme(
        losses.l2_penalty, (np.array([1e4]),), value=1e8, gradients=(np.array([2e4]),), name="far"
    ),
    Extreme(losses.elastic_net_penalty, (ZEROS,), {"l1": 1.0}, value=0.0, gradients=(ZEROS,)),
    Extreme(losses.ewc_penalty, (ZEROS, ZEROS, ZEROS), value=0.0, gradients=(ZEROS,)),
]

W = np.ones(3)

ERRORS = [
    Error(losses.l1_penalty, (W,), {"strength": -0.1}, ValueError, ("strength", "-0.1")),
    Error(losses.l1_penalty, ([],), {}, ValueError, ("params", "empty")),
    Error(losses.l1_penalty, (3.0,), {}, TypeError, ("params", "3.0")),
    Error(losses.l1_penalty, (W,), {"strength": W}, TypeError, ("strength", "one real number")),
    Error(losses.ewc_penalty, ([W], 1.0, [W]), {}, TypeError, ("anchors", "1.0")),
    Error(losses.l2_penalty, (W,), {"strength": np.nan}, ValueError, ("strength", "nan")),
    Error(losses.l2_penalty, (["a"],), {}, TypeError, ("params", "real numbers")),
    Error(losses.elastic_net_penalty, (W,), {"l1": -1}, ValueError, ("l1", "-1")),
    Error(losses.elastic_net_penalty, (W,), {"l2": -1}, ValueError, ("l2", "-1")),
    Error(losses.ewc_penalty, (W, W[:2], W), {}, ValueError, ("anchors", "(3,)", "(2,)")),
    Error(losses.ewc_penalty, ([W, W], [W], [W, W]), {}, ValueError, ("2 params", "1 anchors")),
    Error(losses.ewc_penalty, (W, W, -W), {}, ValueError, ("fisher", "-1")),
    Error(losses.ewc_penalty, (W, W, W), {"strength": -1}, ValueError, ("strength", "-1")),
]

GRADIENTS = [
    Stated(
        losses.l1_penalty,
        "strength * sign(w)",
        lambda w, strength: strength * np.sign(w),
        one,
        kwargs={"strength": 0.25},
    ),
    Stated(
        losses.l2_penalty,
        "2 strength * w",
        lambda w, strength: 2 * strength * w,
        one,
        kwargs={"strength": 0.25},
    ),
    Stated(
        losses.elastic_net_penalty,
        "l1 * sign(w) + 2 l2 * w",
        lambda w, l1, l2: l1 * np.sign(w) + 2 * l2 * w,
        one,
        kwargs={"l1": 0.25, "l2": 0.5},
    ),
    Stated(
        losses.ewc_penalty,
        "strength * F (w - w*)",
        lambda w, anchors, fisher, strength: strength * fisher * (w - anchors),
        earlier_task,
        kwargs={"strength": 3.0},
    ),
]
