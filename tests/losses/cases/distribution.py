"""Cases of microloss/losses/distribution.py."""

import math
import warnings

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses

from .regression import reduced


def probabilities(rng, shape=(4, 3)):
    return rng.dirichlet(np.full(shape[-1], 2.0), shape[:-1])


def log_and_target(rng):
    return np.log(probabilities(rng)), probabilities(rng)


def log_and_log(rng):
    return np.log(probabilities(rng)), np.log(probabilities(rng))


def p_and_q(rng):
    return probabilities(rng, (2, 4, 3)), probabilities(rng, (2, 4, 3))


def naive_kl(p, q):
    return np.sum(p * np.log(p / q), axis=-1)


def torch_kl(torch, p, q):
    return (p * (p / q).log()).sum(-1)


WITH_BATCHMEAN = ("mean", "sum", "none", "batchmean")


def torch_kl_div(log_target):
    def formula(torch, x, t, reduction):
        with warnings.catch_warnings(action="ignore"):  # PyTorch advises against "mean"
            return torch.nn.functional.kl_div(x, t, reduction=reduction, log_target=log_target)

    return formula


CASES = [
    Case(
        losses.kl_div,
        log_and_target,
        lambda x, t: t * np.log(t / np.exp(x)),
        wrt=(0, 1),
        torch=torch_kl_div(False),
        reductions=WITH_BATCHMEAN,
    ),
    Case(
        losses.kl_div,
        log_and_log,
        lambda x, t, log_target: np.exp(t) * np.log(np.exp(t) / np.exp(x)),
        wrt=(0, 1),
        kwargs={"log_target": True},
        torch=torch_kl_div(True),
        reductions=WITH_BATCHMEAN,
        name="log-target",
    ),
    Case(
        losses.kl_divergence,
        p_and_q,
        naive_kl,
        wrt=(0, 1),
        torch=lambda torch, p, q, reduction: reduced(torch_kl(torch, p, q), reduction),
    ),
    Case(
        losses.js_divergence,
        p_and_q,
        lambda p, q: (naive_kl(p, (p + q) / 2) + naive_kl(q, (p + q) / 2)) / 2,
        wrt=(0, 1),
        torch=lambda torch, p, q, reduction: reduced(
            (torch_kl(torch, p, (p + q) / 2) + torch_kl(torch, q, (p + q) / 2)) / 2, reduction
        ),
    ),
    Case(
        losses.gaussian_kl,
        lambda rng: (rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 3))),
        lambda mu, logvar: np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=-1) / 2,
        wrt=(0, 1),
        torch=lambda torch, mu, logvar, reduction: reduced(
            torch.distributions.kl_divergence(
                torch.distributions.Normal(mu, (logvar / 2).exp()),
                torch.distributions.Normal(0.0, 1.0),
            ).sum(-1),
            reduction,
        ),
    ),
]

# ---- distillation --------------------------------------------------------------------------------


def logits_twice(shape=(4, 3)):
    return lambda rng: (rng.standard_normal(shape), rng.standard_normal(shape))


def with_classes(shape=(4, 3)):
    def args(rng):
        return *logits_twice(shape)(rng), rng.integers(0, 3, (shape[0], *shape[2:]))

    return args


def naive_softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def naive_distillation(student, teacher, target=None, temperature=4.0, alpha=0.9):
    axis = min(1, student.ndim - 1)
    p, q = (naive_softmax(x / temperature, axis) for x in (teacher, student))
    soft = alpha * temperature**2 * np.sum(p * np.log(p / q), axis)
    if target is None:
        return soft
    picked = np.take_along_axis(naive_softmax(student, 1), np.expand_dims(target, 1), 1)
    return soft - (1 - alpha) * np.log(picked.squeeze(1))


def torch_distillation(temperature=4.0, alpha=0.9):
    def formula(torch, student, teacher, target=None, *, reduction):
        F = torch.nn.functional
        axis = min(1, student.ndim - 1)
        log_q = F.log_softmax(student / temperature, axis)
        log_p = F.log_softmax(teacher / temperature, axis)
        kl = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(axis)
        soft = alpha * temperature**2 * reduced(kl, reduction)
        if target is None:
            return soft
        hard = F.cross_entropy(student, torch.from_numpy(np.asarray(target)), reduction=reduction)
        return soft + (1 - alpha) * hard

    return formula


CASES += [
    Case(
        losses.distillation_loss,
        args,
        naive_distillation,
        kwargs=options,
        torch=torch_distillation(**options),
        name=name,
    )
    for name, args, options in (
        ("both", with_classes(), {}),
        ("soft-only", logits_twice(), {"temperature": 2.5, "alpha": 1.0}),
        ("pixels", with_classes((4, 3, 2, 2)), {"temperature": 1.0, "alpha": 0.3}),
        ("one-example", logits_twice((3,)), {}),
    )
]

# ---- one-dimensional transport -------------------------------------------------------------------


def samples(n, m):
    return lambda rng: (rng.standard_normal(n), rng.standard_normal(m) + 0.5)


def area_between_distribution_functions(x, y):
    edges = np.sort(np.concatenate([x, y]))
    below = [np.mean(sample[:, None] <= edges[:-1], axis=0) for sample in (x, y)]
    return np.sum(np.abs(below[0] - below[1]) * np.diff(edges))


CASES += [
    Case(
        losses.wasserstein_distance_1d,
        samples(n, m),
        area_between_distribution_functions,
        wrt=(0, 1),
        torch=(lambda torch, x, y: (x.sort().values - y.sort().values).abs().mean())
        if n == m
        else None,
        reductions=(),
        name=f"{n}-{m}",
    )
    for n, m in ((6, 6), (4, 7), (6, 4), (1, 5))
]

# ---- edges ---------------------------------------------------------------------------------------

CERTAIN, EVEN = np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])
JUST_ABOVE = np.nextafter(CERTAIN, [[0, 2]])

EXTREMES = [
    Extreme(
        losses.kl_div,
        (np.array([-np.inf, 0.0, -1e4]), np.array([0.0, 1.0, 0.0])),
        value=0.0,
        wrt=(0, 1),
        gradients=(np.array([0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0])),
    ),
    Extreme(losses.kl_div, (np.array([-np.inf]), np.array([0.5])), value=np.inf, name="excluded"),
    Extreme(
        losses.kl_div,
        (np.array([-np.inf, -1e4]), np.array([-np.inf, -1e4])),
        {"log_target": True},
        value=0.0,
        wrt=(0, 1),
        gradients=(np.zeros(2), np.zeros(2)),
        name="log-target",
    ),
    Extreme(
        losses.kl_divergence,
        (CERTAIN, EVEN),
        value=math.log(2),
        wrt=(0, 1),
        gradients=(np.array([[0.0, 1 + math.log(2)]]), np.array([[0.0, -2.0]])),
        name="certain",
    ),
    Extreme(losses.kl_divergence, (CERTAIN, CERTAIN), value=0.0, wrt=(0, 1), name="both-certain"),
    Extreme(
        losses.kl_divergence,
        (EVEN, CERTAIN),
        value=np.inf,
        wrt=(0, 1),
        gradients=(np.array([[0.0, 1 - math.log(2)]]), np.array([[0.0, -0.5]])),
        name="excluded",
    ),
    Extreme(
        losses.js_divergence,
        (CERTAIN, 1 - CERTAIN),
        value=math.log(2),
        wrt=(0, 1),
        name="nothing-in-common",
    ),
    Extreme(losses.js_divergence, (CERTAIN, CERTAIN), value=0.0, wrt=(0, 1), name="equal"),
    Extreme(
        losses.gaussian_kl,
        (np.array([[1e4, 0.0]]), np.array([[0.0, -1e4]])),
        value=(1e8 + 1e4 - 1) / 2,
        wrt=(0, 1),
        gradients=(np.array([[1e4, 0.0]]), np.array([[0.0, -0.5]])),
    ),
    Extreme(
        losses.gaussian_kl, (np.zeros(1), np.array([1e4])), value=np.inf, wrt=(0, 1), name="inf"
    ),
    Extreme(
        losses.distillation_loss,
        (np.array([[1e4, -1e4]]), np.array([[-1e4, 1e4]]), np.array([1])),
        {"temperature": 2.0, "alpha": 0.5},
        value=0.5 * 4 * 1e4 + 0.5 * 2e4,
        gradients=(np.array([[1.5, -1.5]]),),
    ),
    Extreme(
        losses.distillation_loss,
        (np.array([[0.0, 0.0, -np.inf]]), np.array([[math.log(3), 0.0, -np.inf]]), np.array([0])),
        {"temperature": 1.0, "alpha": 0.5},
        value=0.5 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) + 0.5 * math.log(2),
        gradients=(np.array([[-0.375, 0.375, 0.0]]),),
        name="ruled-out-by-both",
    ),
    Extreme(
        losses.distillation_loss,
        (np.array([[0.0, 0.0]]), np.array([[0.0, -np.inf]])),
        {"temperature": 1.0, "alpha": 1.0},
        value=math.log(2),
        gradients=(np.array([[-0.5, 0.5]]),),
        name="ruled-out-by-the-teacher",
    ),
    Extreme(
        losses.distillation_loss,
        (np.array([[0.0, -np.inf]]), np.array([[0.0, 0.0]])),
        value=np.inf,
        name="ruled-out-by-the-student",
    ),
    Extreme(losses.kl_divergence, (JUST_ABOVE, CERTAIN), wrt=(0, 1), name="rounded-up"),
    Extreme(losses.js_divergence, (CERTAIN, JUST_ABOVE), wrt=(0, 1), name="rounded-up"),
    Extreme(losses.kl_div, (np.array([0.0]), JUST_ABOVE[0, 1:]), wrt=(0, 1), name="rounded-up"),
    Extreme(
        losses.wasserstein_distance_1d,
        (np.array([2.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0])),
        value=0.0,
        wrt=(0, 1),
        gradients=(np.zeros(3), np.zeros(3)),
        name="equal",
    ),
    Extreme(
        losses.wasserstein_distance_1d,
        (np.array([1e4]), np.array([-1e4, 1e4])),
        value=1e4,
        wrt=(0, 1),
        gradients=(np.array([0.5]), np.array([-0.5, 0.0])),
    ),
]

LOG, P = np.log(EVEN), EVEN

ERRORS = [
    Error(losses.kl_div, (LOG, P[0]), {}, ValueError, ("(1, 2)", "(2,)", "reshape")),
    Error(losses.kl_div, (P, P), {}, ValueError, ("input", "0.5", "log_softmax")),
    Error(losses.kl_div, (LOG, LOG), {}, ValueError, ("target", "log_target=True")),
    Error(losses.kl_div, (LOG, P), {"log_target": True}, ValueError, ("target", "0.5")),
    Error(losses.kl_div, (-1.0, 0.5), {"reduction": "batchmean"}, ValueError, ("()", "axis")),
    Error(losses.kl_div, (LOG[:0], P[:0]), {"reduction": "batchmean"}, ValueError, ("nothing",)),
    Error(losses.kl_divergence, (P, P[0]), {}, ValueError, ("p has", "(1, 2)", "(2,)")),
    Error(losses.kl_divergence, (2 * P + 1, P), {}, ValueError, ("p holds 2",)),
    Error(losses.kl_divergence, (P, -P), {}, ValueError, ("q holds -0.5",)),
    Error(losses.kl_divergence, (2e-6 + 2 * P, P), {}, ValueError, ("p holds 1.000002,",)),
    Error(losses.kl_divergence, (0.5, 0.5), {}, ValueError, ("()", "axis")),
    Error(losses.kl_divergence, (P[:0], P[:0]), {}, ValueError, ("mean", "nothing")),
    Error(losses.js_divergence, (P, P[0]), {}, ValueError, ("(1, 2)", "(2,)")),
    Error(losses.js_divergence, (P, LOG), {}, ValueError, ("q holds -0.69",)),
    Error(losses.gaussian_kl, (np.zeros((3, 1)), np.zeros(3)), {}, ValueError, ("mu", "logvar")),
    Error(losses.distillation_loss, (P, P[0]), {}, ValueError, ("student", "teacher", "(2,)")),
    Error(losses.distillation_loss, (P, P), {"temperature": 0}, ValueError, ("temperature", "0")),
    Error(losses.distillation_loss, (P, P), {"alpha": 1.5}, ValueError, ("alpha", "1.5")),
    Error(losses.distillation_loss, (P, P, [2]), {}, ValueError, ("target", "2")),
    Error(losses.wasserstein_distance_1d, (P, P[0]), {}, ValueError, ("x has shape (1, 2)",)),
    Error(losses.wasserstein_distance_1d, ([1.0], []), {}, ValueError, ("y has shape (0,)",)),
]
