"""Cases of microloss/losses/regression.py."""

import math

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses


def two(rng, shape=(4, 3)):
    return rng.standard_normal(shape), rng.standard_normal(shape)


def with_torch(name, **options):
    return lambda torch, *args, reduction: getattr(torch.nn.functional, name)(
        *args, reduction=reduction, **options
    )


def reduced(values, reduction):
    return {"mean": values.mean, "sum": values.sum, "none": lambda: values}[reduction]()


WEIGHT = np.random.default_rng(9).uniform(0.5, 2, (4, 3))


def with_weight(loss, name, naive, **options):
    return Case(
        loss,
        two,
        lambda x, t, weight, **options: weight * naive(x, t, **options),
        wrt=(0, 1),
        kwargs={"weight": WEIGHT, **options},
        mean=lambda values, *args: values.sum() / WEIGHT.sum(),
        torch=lambda torch, x, t, reduction: getattr(torch.nn.functional, name)(
            x, t, reduction=reduction, weight=torch.from_numpy(WEIGHT), **options
        ),
        name="weight",
    )


# ---- between the square and the absolute value ---------------------------------------------------


def naive_huber(x, t, delta=1.0):
    e = np.abs(x - t)
    return np.where(e <= delta, e * e / 2, delta * (e - delta / 2))


def naive_smooth_l1(x, t, beta=1.0):
    e = np.abs(x - t)
    return e if beta == 0 else np.where(e < beta, e * e / (2 * beta), e - beta / 2)


def torch_log_cosh(torch, x, t, reduction):
    e = (x - t).abs()
    return reduced(e + torch.nn.functional.softplus(-2 * e) - math.log(2), reduction)


weighted_huber = with_weight(losses.huber_loss, "huber_loss", naive_huber, delta=0.8)
weighted_huber.mean = None  # divides by the number of elements

CASES = [
    Case(losses.mse_loss, two, lambda x, t: (x - t) ** 2, wrt=(0, 1), torch=with_torch("mse_loss")),
    with_weight(losses.mse_loss, "mse_loss", lambda x, t: x * x - 2 * x * t + t * t),
    Case(
        losses.l1_loss,
        two,
        lambda x, t: np.sqrt((x - t) ** 2),
        wrt=(0, 1),
        torch=with_torch("l1_loss"),
    ),
    with_weight(losses.l1_loss, "l1_loss", lambda x, t: np.maximum(x, t) - np.minimum(x, t)),
    Case(losses.huber_loss, two, naive_huber, wrt=(0, 1), torch=with_torch("huber_loss")),
    weighted_huber,
    Case(losses.smooth_l1_loss, two, naive_smooth_l1, (0, 1), torch=with_torch("smooth_l1_loss")),
    *(
        Case(
            losses.smooth_l1_loss,
            two,
            naive_smooth_l1,
            wrt=(0, 1),
            kwargs={"beta": beta},
            torch=with_torch("smooth_l1_loss", beta=beta),
            name=f"beta{beta:g}",
        )
        for beta in (0.0, 0.3, 2.0)
    ),
    Case(
        losses.log_cosh_loss,
        two,
        lambda x, t: np.log(np.cosh(x - t)),
        wrt=(0, 1),
        torch=torch_log_cosh,
    ),
]

# ---- other questions than "how far off" ----------------------------------------------------------


def quantile_heads(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal(4)


def naive_quantile(x, t, quantile=0.5):
    q = np.asarray(quantile)
    e = (t[..., None] if q.ndim else t) - x
    return np.maximum(q * e, (q - 1) * e)


def torch_quantile(q):
    def formula(torch, x, t, reduction):
        quantile = torch.tensor(q, dtype=x.dtype)
        e = (t[..., None] if quantile.ndim else t) - x
        return reduced(torch.maximum(quantile * e, (quantile - 1) * e), reduction)

    return formula


CASES += [
    Case(
        losses.quantile_loss,
        args,
        naive_quantile,
        wrt=(0, 1),
        kwargs={"quantile": quantile},
        torch=torch_quantile(quantile),
        name=name,
    )
    for name, args, quantile in (
        ("one", two, 0.9),
        ("several", quantile_heads, [0.05, 0.5, 0.95]),
        ("list-of-one", lambda rng: (rng.standard_normal((5, 1)), rng.standard_normal(5)), [0.3]),
    )
]


def with_variance(shape):
    return lambda rng: (*two(rng), rng.uniform(0.5, 2, shape))


def naive_gaussian_nll(x, t, var, full=False):
    """-log of the density, less its constant."""
    var = np.broadcast_to(var[:, None] if np.shape(var) == (4,) else var, x.shape)
    density = np.exp(-((x - t) ** 2) / (2 * var)) / np.sqrt(2 * np.pi * var)
    return -np.log(density) - (0 if full else np.log(2 * np.pi) / 2)


CASES += [
    Case(
        losses.gaussian_nll_loss,
        with_variance(shape),
        naive_gaussian_nll,
        wrt=(0, 1, 2),
        kwargs=options,
        torch=with_torch("gaussian_nll_loss", **options),
        name=name,
    )
    for name, shape, options in (
        ("each", (4, 3), {}),
        ("full", (4, 3), {"full": True}),
        ("without-last-axis", (4,), {}),
        ("length-1-last", (4, 1), {}),
        ("length-1-first", (1, 3), {}),
    )
]
CASES += [
    Case(
        losses.gaussian_nll_loss,
        lambda rng: (*two(rng), 0.7),
        naive_gaussian_nll,
        wrt=(0, 1),
        torch=with_torch("gaussian_nll_loss"),
        name="number",
    ),
    Case(
        losses.gaussian_nll_loss,
        lambda rng: (*two(rng), np.array(0.7)),
        naive_gaussian_nll,
        wrt=(0, 1, 2),
        name="one-learned-number",
    ),
]


def counts(rng):
    return rng.standard_normal((4, 3)), rng.poisson(2.0, (4, 3)).astype(float)


def positive_targets(rng):
    return rng.standard_normal((4, 3)), rng.uniform(0.2, 5, (4, 3))


def rates(rng):
    return rng.uniform(0.5, 3, (4, 3)), rng.poisson(2.0, (4, 3)).astype(float)


def naive_poisson_nll(x, t, log_input=True, full=False, eps=1e-8):
    rate = np.exp(x) if log_input else x
    values = rate - t * (x if log_input else np.log(x + eps))
    if full:
        stirling = [
            n * math.log(n) - n + math.log(2 * math.pi * n) / 2 if n > 1 else 0 for n in t.flat
        ]
        values = values + np.reshape(stirling, t.shape)
    return values


CASES += [
    Case(
        losses.poisson_nll_loss,
        args,
        naive_poisson_nll,
        wrt=wrt,
        kwargs=options,
        torch=with_torch("poisson_nll_loss", **options),
        name=name,
    )
    for name, args, wrt, options in (
        ("log-rate", lambda rng: (two(rng)[0], rng.uniform(0.5, 3, (4, 3))), (0, 1), {}),
        ("full", counts, (0,), {"full": True}),
        (
            "full-target",
            lambda rng: (two(rng)[0], rng.uniform(1.5, 9, (4, 3))),
            (0, 1),
            {"full": True},
        ),
        ("rate", rates, (0,), {"log_input": False, "eps": 1e-3}),
        ("rate-full", rates, (0,), {"log_input": False, "full": True}),
    )
]
CASES.append(
    Case(
        losses.poisson_nll_loss,
        lambda rng: (rng.standard_normal(6), rng.poisson(2.0, 6)),
        naive_poisson_nll,
        torch=with_torch("poisson_nll_loss"),
        name="integers",
    )
)


def naive_crps(x, t, var):
    """s (z (2 F(z) - 1) + 2 f(z) - 1 / sqrt(pi)), F and f the standard normal distribution."""
    s = np.sqrt(np.broadcast_to(var, x.shape))
    z = (t - x) / s
    below = 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return s * (z * (2 * below - 1) + 2 * density) - s / math.sqrt(math.pi)


def torch_crps(torch, x, t, var, reduction):
    s = var.sqrt()
    z = (t - x) / s
    density = (-z * z / 2).exp() / math.sqrt(2 * math.pi)
    below = torch.special.ndtr(z)
    return reduced(s * (z * (2 * below - 1) + 2 * density - math.pi**-0.5), reduction)


CASES += [
    Case(
        losses.gaussian_crps_loss,
        with_variance((4, 3)),
        naive_crps,
        wrt=(0, 1, 2),
        torch=torch_crps,
    ),
    Case(
        losses.gaussian_crps_loss,
        with_variance((4, 1)),
        naive_crps,
        wrt=(0, 1, 2),
        torch=torch_crps,
        name="length-1-last",
    ),
]

# ---- edges ---------------------------------------------------------------------------------------

FAR = (np.array([1e4, -1e4, 3.0]), np.array([-1e4, 1e4, 3.0]))
SIGNS = np.array([1.0, -1.0, 0.0])

EXTREMES = [
    Extreme(losses.mse_loss, FAR, value=8e8, gradients=(4e4 * SIGNS,)),
    Extreme(losses.l1_loss, FAR, value=4e4, gradients=(SIGNS,)),
    Extreme(losses.huber_loss, FAR, {"delta": 2.0}, 8e4 - 4, gradients=(2 * SIGNS,)),
    Extreme(losses.huber_loss, FAR, {"delta": np.inf}, 4e8, gradients=(2e4 * SIGNS,), name="wide"),
    Extreme(losses.smooth_l1_loss, FAR, {"beta": 0}, 4e4, gradients=(SIGNS,), name="sharp"),
    Extreme(losses.smooth_l1_loss, FAR, {"beta": 1e-30}, 4e4, gradients=(SIGNS,)),
    Extreme(losses.log_cosh_loss, FAR, value=4e4 - 2 * math.log(2), gradients=(SIGNS,)),
    Extreme(
        losses.log_cosh_loss,
        (np.array([1e-6, -1e-9]), np.zeros(2)),
        value=(1e-12 + 1e-18) / 2,
        gradients=(np.array([1e-6, -1e-9]),),
        name="tiny",
    ),
    Extreme(
        losses.quantile_loss,
        FAR,
        {"quantile": 0.9},
        2e4,
        gradients=(np.array([0.1, -0.9, -0.9]),),
    ),
    Extreme(
        losses.gaussian_nll_loss,
        (np.array([1e2, 1.0]), np.array([0.0, 1.0]), np.array([1e4, 0.0])),
        value=(math.log(1e4) + 1 + math.log(1e-6)) / 2,
        wrt=(0, 2),
        gradients=(np.array([1e-2, 0.0]), np.array([0.0, 0.5e6])),
    ),
    Extreme(
        losses.gaussian_crps_loss,
        (*FAR, np.array([1.0, 1e-12, 1e4])),
        value=4e4 + (100 * (math.sqrt(2) - 1) - 1 - 1e-6) / math.sqrt(math.pi),
        gradients=(SIGNS,),
    ),
    Extreme(losses.poisson_nll_loss, (np.array([1e4]), np.array([3.0])), value=np.inf),
    Extreme(
        losses.poisson_nll_loss,
        (np.array([-1e4, 5.0]), np.array([0.0, 0.0])),
        value=math.exp(5),
        gradients=(np.array([0.0, math.exp(5)]),),
        name="empty",
    ),
    Extreme(
        losses.poisson_nll_loss,
        (np.array([0.0, 0.0]), np.array([0.0, 1.0])),
        {"log_input": False},
        value=-math.log(1e-8),
        gradients=(np.array([1.0, 1 - 1e8]),),
        name="no-rate",
    ),
]
ERRORS = [
    Error(loss, (np.zeros((3, 1)), np.zeros(3), *more), options, ValueError, ("(3, 1)", "(3,)"))
    for loss, more, options in (
        (losses.mse_loss, (), {}),
        (losses.l1_loss, (), {}),
        (losses.huber_loss, (), {}),
        (losses.smooth_l1_loss, (), {}),
        (losses.log_cosh_loss, (), {}),
        (losses.quantile_loss, (), {}),
        (losses.gaussian_nll_loss, (1.0,), {}),
        (losses.gaussian_crps_loss, (1.0,), {}),
        (losses.poisson_nll_loss, (), {}),
    )
]
X = (np.zeros((4, 3)), np.zeros((4, 3)))
EMPTY = (np.zeros(0), np.zeros(0))
ERRORS += [
    Error(losses.mse_loss, EMPTY, {}, ValueError, ("mean", "nothing")),
    Error(losses.mse_loss, X, {"weight": np.ones(3)}, ValueError, ("(4, 3)", "weight", "(3,)")),
    Error(losses.l1_loss, EMPTY, {}, ValueError, ("mean", "nothing")),
    Error(losses.l1_loss, X, {"weight": np.ones((3, 4))}, ValueError, ("weight", "(3, 4)")),
    Error(losses.l1_loss, X, {"weight": np.zeros((4, 3))}, ValueError, ("no element counts",)),
    Error(losses.l1_loss, (["a"], [1.0]), {}, TypeError, ("input", "real numbers")),
    Error(losses.huber_loss, X, {"delta": 0.0}, ValueError, ("delta", "0.0")),
    Error(
        losses.huber_loss, X, {"delta": np.ones(2)}, TypeError, ("delta", "one", "array([1., 1.")
    ),
    Error(losses.huber_loss, X, {"delta": "a"}, TypeError, ("delta", "'a'")),
    Error(losses.smooth_l1_loss, X, {"beta": np.ones(2)}, TypeError, ("beta", "one")),
    Error(losses.huber_loss, X, {"delta": np.nan}, ValueError, ("delta", "nan")),
    Error(losses.huber_loss, X, {"weight": np.ones(3)}, ValueError, ("weight", "(3,)")),
    Error(losses.smooth_l1_loss, X, {"beta": -0.5}, ValueError, ("beta", "-0.5")),
    Error(losses.log_cosh_loss, EMPTY, {}, ValueError, ("mean", "nothing")),
    Error(losses.quantile_loss, X, {"quantile": 1.0}, ValueError, ("quantile", "1.0")),
    Error(losses.quantile_loss, X, {"quantile": [0.1, -0.1]}, ValueError, ("2 quantiles",)),
    Error(
        losses.quantile_loss,
        (np.zeros((4, 2)), np.zeros(4)),
        {"quantile": [0.1, -0.1]},
        ValueError,
        ("quantile", "-0.1"),
    ),
    Error(losses.gaussian_nll_loss, (*X, -1.0), {}, ValueError, ("var", "-1", "np.exp")),
    Error(losses.gaussian_nll_loss, (*X, np.ones(3)), {}, ValueError, ("var", "(3,)", "(4,)")),
    Error(losses.gaussian_nll_loss, (*X, 1.0), {"eps": 0.0}, ValueError, ("eps", "0.0")),
    Error(losses.gaussian_crps_loss, (*X, -1.0), {}, ValueError, ("var", "-1", "np.exp")),
    Error(losses.gaussian_crps_loss, (*X, 0.0), {}, ValueError, ("var holds 0", "positive")),
    Error(losses.poisson_nll_loss, (X[0], X[0] - 2), {}, ValueError, ("target", "-2", "counts")),
    Error(losses.poisson_nll_loss, X, {"eps": -1.0}, ValueError, ("eps", "-1.0")),
    Error(
        losses.poisson_nll_loss,
        (X[0] - 1, X[0]),
        {"log_input": False},
        ValueError,
        ("input", "-1", "rate"),
    ),
]
