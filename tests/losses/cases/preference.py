"""Cases of microloss/losses/preference.py."""

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import losses


def logps(count, size=5, like=-3.0):
    """Log-probabilities of answers."""
    return lambda rng: tuple(like + rng.standard_normal(size) for _ in range(count))


def sigma(x):
    return 1 / (1 + np.exp(-x))


# ---- naive formulas ------------------------------------------------------------------------------


def naive_ppo(log_p, old, advantages, clip=0.2):
    r = np.exp(log_p) / np.exp(old)
    return -np.minimum(r * advantages, np.clip(r, 1 - clip, 1 + clip) * advantages)


def naive_kl(log_p, reference, estimator):
    ratio = np.exp(reference) / np.exp(log_p)
    k = {"k1": -np.log(ratio), "k2": np.log(ratio) ** 2 / 2, "k3": ratio - 1 - np.log(ratio)}
    return k[estimator]


def margin_of(pc, pr, rc, rr):
    return pc - rc - (pr - rr)


def naive_dpo(*four, beta=0.1, label_smoothing=0.0):
    h = beta * margin_of(*four)
    return -(1 - label_smoothing) * np.log(sigma(h)) - label_smoothing * np.log(sigma(-h))


def naive_kto(pc, pr, rc, rr, kl, beta=0.1, desirable_weight=1.0, undesirable_weight=1.0):
    chosen = desirable_weight * (1 - sigma(beta * (pc - rc - kl)))
    rejected = undesirable_weight * (1 - sigma(beta * (kl - (pr - rr))))
    return np.concatenate([chosen, rejected])


def naive_orpo(chosen, rejected, nll, beta=0.1):
    odds = lambda log_p: np.exp(log_p) / (1 - np.exp(log_p))
    return nll - beta * np.log(sigma(np.log(odds(chosen) / odds(rejected))))


# ---- the same in PyTorch -------------------------------------------------------------------------


def in_torch(formula):
    """formula(torch, *args) for each element, then PyTorch's reduction."""

    def call(torch, *args, reduction):
        values = formula(torch, *args)
        return values if reduction == "none" else getattr(values, reduction)()

    return call


def log_sigma(torch, x):
    return torch.nn.functional.logsigmoid(x)


def torch_ppo(torch, log_p, old, advantages):
    r = (log_p - old).exp()
    return torch.max(-advantages * r, -advantages * r.clamp(0.8, 1.2))


def torch_kto(torch, pc, pr, rc, rr, kl):
    chosen = 1 - torch.sigmoid(0.2 * (pc - rc - kl))
    rejected = 1 - torch.sigmoid(0.2 * (kl - (pr - rr)))
    return torch.cat([0.7 * chosen, 1.3 * rejected])


def torch_orpo(torch, chosen, rejected, nll):
    log_odds = chosen - rejected - (torch.log1p(-chosen.exp()) - torch.log1p(-rejected.exp()))
    return nll - 0.4 * log_sigma(torch, log_odds)


# ---- cases ---------------------------------------------------------------------------------------

BOTH = (0, 1)


def kto_args(rng):
    pc, pr, rc, rr = logps(4)(rng)
    return pc, pr[:3], rc, rr[:3], 0.4


MARGIN = np.array([0.5, 1.0, 0.0, 2.0, 0.25])

CASES = [
    Case(
        losses.reward_ranking_loss,
        logps(2),
        lambda c, r: -np.log(sigma(c - r)),
        wrt=BOTH,
        torch=in_torch(lambda torch, c, r: -log_sigma(torch, c - r)),
    ),
    Case(
        losses.reward_ranking_loss,
        logps(2),
        lambda c, r, margin: -np.log(sigma(c - r - margin)),
        wrt=BOTH,
        kwargs={"margin": MARGIN},
        torch=in_torch(lambda torch, c, r: -log_sigma(torch, c - r - torch.from_numpy(MARGIN))),
        name="margins",
    ),
    Case(
        losses.reward_ranking_loss,
        logps(2),
        lambda c, r, margin: -np.log(sigma(c - r - margin)),
        wrt=BOTH,
        kwargs={"margin": 0.5},
        name="margin",
    ),
    Case(
        losses.ppo_clip_loss,
        lambda rng: (*(-2 + 0.3 * rng.standard_normal((2, 4, 3))), rng.standard_normal((4, 3))),
        naive_ppo,
        torch=in_torch(torch_ppo),
    ),
    Case(
        losses.ppo_clip_loss,
        lambda rng: (*(-2 + 0.5 * rng.standard_normal((2, 12))), rng.standard_normal(12)),
        naive_ppo,
        kwargs={"clip": 0.4},
        name="clip",
    ),
    *(
        Case(
            losses.kl_penalty,
            logps(2),
            naive_kl,
            kwargs={"estimator": estimator},
            torch=in_torch(formula),
            name=estimator,
        )
        for estimator, formula in {
            "k1": lambda torch, log_p, reference: log_p - reference,
            "k2": lambda torch, log_p, reference: (log_p - reference) ** 2 / 2,
            "k3": lambda torch, log_p, reference: (
                (reference - log_p).exp() - 1 - (reference - log_p)
            ),
        }.items()
    ),
    Case(
        losses.dpo_loss,
        logps(4),
        naive_dpo,
        wrt=BOTH,
        torch=in_torch(lambda torch, *four: -log_sigma(torch, 0.1 * margin_of(*four))),
    ),
    Case(
        losses.dpo_loss,
        logps(4),
        naive_dpo,
        wrt=BOTH,
        kwargs={"beta": 0.5, "label_smoothing": 0.2},
        torch=in_torch(
            lambda torch, *four: (
                -0.8 * log_sigma(torch, 0.5 * margin_of(*four))
                - 0.2 * log_sigma(torch, -0.5 * margin_of(*four))
            )
        ),
        name="smoothing",
    ),
    Case(
        losses.ipo_loss,
        logps(4),
        lambda *four, beta: (margin_of(*four) - 1 / (2 * beta)) ** 2,
        wrt=BOTH,
        kwargs={"beta": 0.3},
        torch=in_torch(lambda torch, *four: (margin_of(*four) - 1 / 0.6) ** 2),
    ),
    Case(
        losses.kto_loss,
        kto_args,
        naive_kto,
        wrt=BOTH,
        kwargs={"beta": 0.2, "desirable_weight": 0.7, "undesirable_weight": 1.3},
        torch=in_torch(torch_kto),
    ),
    Case(
        losses.orpo_loss,
        lambda rng: tuple(-rng.uniform(0.1, 3, 5) for _ in range(3)),
        naive_orpo,
        wrt=(0, 1, 2),
        kwargs={"beta": 0.4},
        torch=in_torch(torch_orpo),
    ),
    Case(
        losses.orpo_loss,
        lambda rng: (*(-rng.uniform(0.1, 3, 5) for _ in range(2)), np.array(0.85)),
        naive_orpo,
        wrt=(0, 1, 2),
        kwargs={"beta": 0.4},
        torch=in_torch(torch_orpo),
        name="one nll",
    ),
]

FAR, NEAR = np.array([-1e4, -1.0]), np.array([-1.0, -1e4])
ONE = np.array([-1.0, -1.0])

EXTREMES = [
    Extreme(
        losses.reward_ranking_loss,
        (-FAR, -NEAR),
        value=9999.0,
        wrt=BOTH,
        gradients=(np.array([0.0, -1.0]), np.array([0.0, 1.0])),
    ),
    Extreme(
        losses.ppo_clip_loss,
        (NEAR, FAR, np.array([2.0, -2.0])),
        value=-2 * 1.2 + 2 * 0.8,
        gradients=(np.zeros(2),),
        name="far",
    ),
    Extreme(
        losses.ppo_clip_loss,
        (NEAR, FAR, np.zeros(2)),
        value=0.0,
        gradients=(np.zeros(2),),
        name="no advantage",
    ),
    Extreme(losses.ppo_clip_loss, (NEAR, FAR, np.array([-1.0, 1.0])), value=np.inf, name="worse"),
    Extreme(
        losses.kl_penalty,
        (NEAR, FAR),
        kwargs={"estimator": "k2"},
        value=9999.0**2,
        gradients=(np.array([9999.0, -9999.0]),),
        name="k2",
    ),
    Extreme(
        losses.kl_penalty,
        (NEAR[:1], FAR[:1]),
        kwargs={"estimator": "k3"},
        value=9998.0,
        gradients=(np.ones(1),),
        name="k3",
    ),
    Extreme(
        losses.kl_penalty, (FAR, NEAR), kwargs={"estimator": "k3"}, value=np.inf, name="k3 inf"
    ),
    Extreme(
        losses.dpo_loss,
        (FAR, NEAR, ONE, ONE),
        kwargs={"beta": 1.0},
        value=9999.0,
        wrt=BOTH,
        gradients=(np.array([-1.0, 0.0]), np.array([1.0, 0.0])),
    ),
    Extreme(
        losses.dpo_loss,
        (FAR, NEAR, ONE, ONE),
        kwargs={"beta": 1.0, "label_smoothing": 0.1},
        value=9999.0,
        wrt=BOTH,
        gradients=(np.array([-0.9, 0.1]), np.array([0.9, -0.1])),
        name="smoothing",
    ),
    Extreme(
        losses.ipo_loss,
        (FAR, NEAR, ONE, ONE),
        value=10004.0**2 + 9994.0**2,
        gradients=(np.array([-20008.0, 19988.0]),),
    ),
    Extreme(
        losses.kto_loss,
        (FAR, NEAR, ONE, ONE, 0.0),
        kwargs={"beta": 1.0},
        value=0.5 + 0.5 + 1.0,
        wrt=BOTH,
        gradients=(np.array([0.0, -0.25]), np.array([0.25, 0.0])),
    ),
    Extreme(
        losses.kto_loss,
        (np.zeros(0), ONE, np.zeros(0), ONE, 0.0),
        value=1.0,
        wrt=BOTH,
        name="nothing chosen",
    ),
    Extreme(
        losses.kto_loss,
        (ONE, np.zeros(0), ONE, np.zeros(0), -1.0),
        value=1.0,
        wrt=BOTH,
        name="nothing rejected",
    ),
    Extreme(
        losses.orpo_loss,
        (FAR, NEAR, -FAR),
        value=10001 + 0.1 * (9999 - np.log(1 - np.exp(-1))),
        wrt=BOTH,
    ),
    Extreme(
        losses.orpo_loss,
        (np.array([0.0, -1.0, 0.0]), np.array([-1.0, 0.0, 0.0]), np.zeros(3)),
        wrt=BOTH,
        name="certain",
    ),
]

X, Y, NONE = np.full((3, 1), -1.0), np.full(3, -1.0), np.zeros(0)
FOUR = (Y, Y, Y, Y)


ERRORS = [
    *(
        Error(loss, args, {}, ValueError, ("(3, 1)", "(3,)", ".reshape(3,)"))
        for loss, args in [
            (losses.reward_ranking_loss, (Y, X)),
            (losses.ppo_clip_loss, (Y, X, Y)),
            (losses.kl_penalty, (Y, X)),
            (losses.dpo_loss, (Y, X, Y, Y)),
            (losses.ipo_loss, (Y, Y, X, Y)),
            (losses.kto_loss, (Y, Y, X, Y, 0.0)),
            (losses.orpo_loss, (Y, X, 1.0)),
        ]
    ),
    Error(losses.ppo_clip_loss, (Y, Y, X), {}, ValueError, ("advantages", "(3, 1)")),
    Error(losses.dpo_loss, (Y, Y, Y, X), {}, ValueError, ("reference_rejected_logps",)),
    Error(losses.kto_loss, (Y, Y, Y, X, 0.0), {}, ValueError, ("reference_rejected_logps",)),
    Error(losses.kto_loss, (X, Y, X, Y, 0.0), {}, ValueError, ("policy_chosen_logps", "(N,)")),
    Error(losses.kto_loss, (*FOUR, Y), {}, ValueError, ("kl", "one number", "mean")),
    Error(losses.orpo_loss, (Y, Y, X), {}, ValueError, ("chosen_nll", "(3, 1)", "(3,)")),
    Error(losses.orpo_loss, (-Y, Y, 1.0), {}, ValueError, ("chosen_logps", "at most 0", "got 1")),
    Error(losses.orpo_loss, (Y, -Y, 1.0), {}, ValueError, ("rejected_logps", "at most 0")),
    Error(losses.reward_ranking_loss, (Y, Y), {"margin": X}, ValueError, ("margin", "(3, 1)")),
    Error(losses.ppo_clip_loss, (Y, Y, Y), {"clip": 1.5}, ValueError, ("clip", "1.5")),
    Error(losses.kl_penalty, (Y, Y), {"estimator": "k4"}, ValueError, ("estimator", "k4", "k3")),
    *(
        Error(loss, args, {"beta": 0.0}, ValueError, ("beta must be positive", "0.0"))
        for loss, args in [
            (losses.dpo_loss, FOUR),
            (losses.ipo_loss, FOUR),
            (losses.kto_loss, (*FOUR, 0.0)),
            (losses.orpo_loss, (Y, Y, 1.0)),
        ]
    ),
    Error(losses.dpo_loss, FOUR, {"label_smoothing": 1.5}, ValueError, ("label_smoothing", "1.5")),
    Error(
        losses.kto_loss, (*FOUR, 0.0), {"desirable_weight": -1}, ValueError, ("desirable_weight",)
    ),
    Error(losses.kto_loss, (*FOUR, 0.0), {"undesirable_weight": -1}, ValueError, ("undesirable",)),
    *(
        Error(loss, (NONE,) * count, {}, ValueError, ("mean", "nothing"))
        for loss, count in [
            (losses.reward_ranking_loss, 2),
            (losses.ppo_clip_loss, 3),
            (losses.kl_penalty, 2),
            (losses.dpo_loss, 4),
            (losses.ipo_loss, 4),
            (losses.orpo_loss, 3),
        ]
    ),
    Error(losses.kto_loss, (NONE,) * 4 + (0.0,), {}, ValueError, ("mean", "nothing")),
]

# ---- the gradients that the cards state ----------------------------------------------------------


def ratios(rng):
    return *(-2 + 0.3 * rng.standard_normal((2, 4, 3))), rng.standard_normal((4, 3))


def stated_ppo(log_p, old, advantages):
    r = np.exp(log_p - old)
    counts = np.where(advantages > 0, r <= 1.2, r >= 0.8)
    return -r * advantages * counts / r.size


def stated_kto(pc, pr, rc, rr, kl, beta, desirable_weight, undesirable_weight):
    count = pc.size + pr.size
    s, t = sigma(beta * (pc - rc - kl)), sigma(beta * (kl - (pr - rr)))
    good = -desirable_weight * beta * s * (1 - s) / count
    return good, undesirable_weight * beta * t * (1 - t) / count


def stated_orpo(chosen, rejected, nll, beta):
    log_odds = [log_p - np.log(1 - np.exp(log_p)) for log_p in (chosen, rejected)]
    s, n = sigma(log_odds[1] - log_odds[0]), chosen.size
    good, bad = (beta * s / (1 - np.exp(log_p)) / n for log_p in (chosen, rejected))
    return -good, bad, 1 / n if np.ndim(nll) else 1.0


def both_ways(slope):
    return slope, -slope


GRADIENTS = [
    Stated(
        losses.reward_ranking_loss,
        "-sigmoid(rejected - chosen + margin) / N with respect to chosen, its opposite for",
        lambda c, r, margin: both_ways(-sigma(r - c + margin) / c.size),
        logps(2),
        wrt=BOTH,
        kwargs={"margin": 0.5},
    ),
    Stated(
        losses.ppo_clip_loss,
        "-r A / N while r is at most 1 + c (for A > 0) or at least 1 - c (for A < 0)",
        stated_ppo,
        ratios,
    ),
    *(
        Stated(losses.kl_penalty, words, formula, logps(2), kwargs={"estimator": words[:2]})
        for words, formula in (
            ("k1: 1 / N", lambda x, y, estimator: 1 / x.size),
            ("k2: -l / N", lambda x, y, estimator: -(y - x) / x.size),
            ("k3: (1 - e^l) / N", lambda x, y, estimator: (1 - np.exp(y - x)) / x.size),
        )
    ),
    Stated(
        losses.dpo_loss,
        "-beta (sigmoid(-h) - e) / N with respect to policy_chosen, its opposite for",
        lambda *four, beta, label_smoothing: both_ways(
            -beta * (sigma(-beta * margin_of(*four)) - label_smoothing) / four[0].size
        ),
        logps(4),
        wrt=BOTH,
        kwargs={"beta": 0.5, "label_smoothing": 0.2},
    ),
    Stated(
        losses.ipo_loss,
        "2 (h - 1 / (2 beta)) / N with respect to policy_chosen, its opposite for policy_rejected",
        lambda *four, beta: both_ways(2 * (margin_of(*four) - 1 / (2 * beta)) / four[0].size),
        logps(4),
        wrt=BOTH,
        kwargs={"beta": 0.3},
    ),
    Stated(
        losses.kto_loss,
        "-weight beta s (1 - s) / (N + M) with respect to a chosen log-probability",
        stated_kto,
        kto_args,
        wrt=BOTH,
        kwargs={"beta": 0.2, "desirable_weight": 0.7, "undesirable_weight": 1.3},
    ),
    *(
        Stated(
            losses.orpo_loss,
            words,
            stated_orpo,
            lambda rng, nll=nll: (*(-rng.uniform(0.1, 3, (2, 5))), nll),
            wrt=(0, 1, 2),
            kwargs={"beta": 0.4},
        )
        for words, nll in (
            ("-beta s / (1 - e^l) / N with respect to l = chosen_logps", np.arange(5.0)),
            ("1 / N for each chosen_nll, 1 if it is one number for all", np.array(0.85)),
        )
    ),
]
