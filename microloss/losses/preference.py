"""Losses that learn from preferences: reward models, PPO, and DPO with its relatives.

`logps` are log-probabilities of whole answers, summed over their tokens (for ORPO, averaged), so
shapes are those of a batch of answers. What belongs to the reference model, to the policy that
sampled, or to the advantages is a constant: a Tensor that requires a gradient is refused there, and
its .data is accepted.
"""

import math

import numpy as np

from ..engine.tensor import Tensor
from ..functional import log1mexp, sigmoid, softplus
from . import check
from .common import loss, reduce

__all__ = [
    "dpo_loss", "ipo_loss", "kl_penalty", "kto_loss", "orpo_loss", "ppo_clip_loss",
    "reward_ranking_loss",
]  # fmt: skip


@loss
def reward_ranking_loss(chosen, rejected, *, margin=None, reduction: str = "mean") -> Tensor:
    """Reward model loss: the preferred answer should get the higher reward.

    Formula: -log sigmoid(chosen - rejected - margin) = softplus(rejected - chosen + margin).

    Gradient: -sigmoid(rejected - chosen + margin) / N with respect to chosen, its opposite for
    rejected: 1 in size while the order is badly wrong, vanishing once it is right.

    Problem: ranking.

    Use: to train a reward model on comparisons; with margin, on comparisons of graded strength.

    Meaning: the negative log-likelihood of the Bradley-Terry model, where the odds of being
    preferred are e^(difference of rewards); only differences of rewards are learned.

    Outliers: robust: a wrongly labelled comparison pulls with a gradient of at most 1.

    Shapes: chosen, rejected and margin of one shape; margin may also be one number. Units: nats.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean.

    >>> reward_ranking_loss([1.0, 0.5, -0.2], [0.0, 1.0, -0.2]).round(6)
    np.float64(0.660162)

    Reference: Bradley, Terry (1952), Rank Analysis of Incomplete Block Designs; Ouyang et al.
    (2022), Training language models to follow instructions with human feedback; margin: Touvron
    et al. (2023), Llama 2.
    """
    chosen, rejected = check.alike(chosen=chosen, rejected=rejected)
    gap = rejected - chosen
    if margin is not None:
        gap = gap + each_or_all("margin", margin, chosen)
    return reduce(softplus(gap), reduction)


@loss
def ppo_clip_loss(
    log_probs, old_log_probs, advantages, *, clip: float = 0.2, reduction: str = "mean"
) -> Tensor:
    """PPO's clipped surrogate: raise what turned out well, but by no more than a trusted factor.

    Formula: -min(r A, clip(r, 1 - c, 1 + c) A), with the ratio r = e^(log_probs - old_log_probs).

    Gradient: -r A / N while r is at most 1 + c (for A > 0) or at least 1 - c (for A < 0); beyond
    that 0, so that nothing is gained by going further.

    Problem: alignment.

    Use: policy gradients with several steps on the same samples, for games as for language models.
    Standardise the advantages first, and add a penalty on the KL divergence (kl_penalty).

    Meaning: a pessimistic estimate of how much better than the old policy the new one is.

    Outliers: unbounded: for A < 0, a ratio that has grown costs and pulls in proportion, up to
    infinity where e^(log_probs - old_log_probs) overflows; for A > 0 it is bounded.

    Shapes: log_probs, old_log_probs and advantages of one shape, one element for each action or
    token; old_log_probs and advantages are constants. Units: the advantage's.

    Raises: ValueError for unequal shapes, clip outside of (0, 1), an unknown reduction, or an empty
    mean; TypeError for a constant with requires_grad (pass its .data).

    >>> ppo_clip_loss([-1.0, -0.5], [-1.0, -1.0], [1.0, 2.0], reduction="none")
    array([-1. , -2.4])

    Reference: Schulman, Wolski, Dhariwal, Radford, Klimov (2017), Proximal Policy Optimization
    Algorithms.
    """
    clip = check.number("clip", clip)
    if not 0 < clip < 1:
        raise ValueError(f"clip must be in (0, 1), got {clip!r}")
    log_probs, old, advantages = check.alike(
        log_probs=log_probs,
        old_log_probs=check.constant("old_log_probs", old_log_probs),
        advantages=check.constant("advantages", advantages),
    )
    # The minimum caps r from above where A >= 0 and from below where A < 0. Capping the exponent
    # instead gives the same value and gradient, without 0 times infinity when r would overflow.
    bad = advantages < 0
    lowest = np.where(bad, math.log1p(-clip), -np.inf).astype(advantages.dtype)
    highest = np.where(bad, np.inf, math.log1p(clip)).astype(advantages.dtype)
    with np.errstate(over="ignore"):
        ratio = np.exp(np.clip(log_probs - old, lowest, highest))
        return reduce(-advantages * ratio, reduction)


@loss
def kl_penalty(
    log_probs, reference_log_probs, *, estimator: str = "k1", reduction: str = "mean"
) -> Tensor:
    """KL penalty: an estimate of how far the policy has moved from the reference, from samples.

    Formula: with l = reference_log_probs - log_probs of sampled actions, k1 = -l, k2 = l^2 / 2,
    k3 = e^l - 1 - l.

    Gradient: k1: 1 / N; k2: -l / N; k3: (1 - e^l) / N. Added to a loss, k2 has in expectation the
    gradient of KL(policy || reference), k3 that of KL(reference || policy), k1 none at all.

    Problem: alignment.

    Use: k1 (unbiased, noisy) to subtract from rewards, k3 (unbiased, never negative) to watch, k2
    (biased, never negative) or k3 to add to a loss.

    Meaning: the mean of k1 and of k3 over samples of the policy is KL(policy || reference).

    Outliers: sensitive: k1 is linear in the log-ratio, k2 quadratic, k3 exponential where the
    policy avoids what the reference does, up to infinity where e^l overflows.

    Shapes: log_probs and reference_log_probs of one shape, one element for each action or token;
    reference_log_probs are constants. Units: nats.

    Raises: ValueError for unequal shapes, an unknown estimator or reduction, or an empty mean;
    TypeError for a reference with requires_grad (pass its .data).

    >>> [kl_penalty([-1.0], [-1.5], estimator=k).round(6).item() for k in ("k1", "k2", "k3")]
    [0.5, 0.125, 0.106531]

    Reference: Schulman (2020), Approximating KL Divergence.
    """
    log_probs, reference = check.alike(
        log_probs=log_probs,
        reference_log_probs=check.constant("reference_log_probs", reference_log_probs),
    )
    if estimator == "k1":
        return reduce(log_probs - reference, reduction)
    log_ratio = reference - log_probs
    if estimator == "k2":
        return reduce(log_ratio * log_ratio / 2, reduction)
    if estimator == "k3":
        with np.errstate(over="ignore"):
            return reduce(np.expm1(log_ratio) - log_ratio, reduction)
    raise ValueError(f"estimator must be one of k1, k2, k3; got {estimator!r}")


@loss
def dpo_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Direct preference optimisation: a reward model's loss, with the policy as the reward model.

    Formula: -log sigmoid(h), h = beta ((policy_chosen - policy_rejected) - (reference_chosen -
    reference_rejected)); with label_smoothing e, -(1 - e) log sigmoid(h) - e log sigmoid(-h).

    Gradient: -beta (sigmoid(-h) - e) / N with respect to policy_chosen, its opposite for
    policy_rejected: largest while the order is wrong, vanishing once it is right. With
    label_smoothing it is 0 at sigmoid(-h) = e, and pulls back beyond.

    Problem: alignment.

    Use: pairs of a preferred and a rejected answer to one prompt, without a reward model and
    without sampling. It starts at log 2. label_smoothing, the share of preferences that are wrong,
    must be below 0.5: at 0.5 nothing is learned, above it the rejected answer is preferred.

    Meaning: the negative log-likelihood of the Bradley-Terry model with reward
    beta log(policy / reference), the one for which the policy is optimal under a KL penalty beta.

    Outliers: robust: the gradient is bounded by beta; but preferences without exception drive h to
    infinity (ipo_loss stops).

    Shapes: four of one shape, one element for each pair, log-probabilities summed over the answer;
    those of the reference are constants. Units: nats.

    Raises: ValueError for unequal shapes, beta not positive, label_smoothing outside of [0, 1], an
    unknown reduction, or an empty mean; TypeError for a reference with requires_grad (pass its
    .data).

    >>> dpo_loss([-10.0, -12.0], [-11.0, -10.0], [-10.5, -12.5], [-10.5, -10.5],
    ...          reduction="none").round(6)
    array([0.644397, 0.693147])

    Reference: Rafailov et al. (2023), Direct Preference Optimization; label_smoothing: Mitchell
    (2023), A note on DPO with noisy preferences.
    """
    beta = check.positive("beta", beta)
    label_smoothing = check.fraction("label_smoothing", label_smoothing)
    h = beta * log_ratio_margin(
        policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps
    )
    values = softplus(-h)  # -log sigmoid(h)
    if label_smoothing:
        values = (1 - label_smoothing) * values + label_smoothing * softplus(h)
    return reduce(values, reduction)


@loss
def ipo_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    *,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    """Identity preference optimisation: the policy's lead should grow to 1 / (2 beta), and stop.

    Formula: (h - 1 / (2 beta))^2, h = (policy_chosen - policy_rejected) - (reference_chosen -
    reference_rejected).

    Gradient: 2 (h - 1 / (2 beta)) / N with respect to policy_chosen, its opposite for
    policy_rejected: linear, and 0 at the target.

    Problem: alignment.

    Use: as dpo_loss, when preferences are nearly certain and DPO would go on for ever.

    Meaning: least squares towards a fixed log-ratio; it regularises the probability of being
    preferred itself, not its log-odds, against the KL to the reference.

    Outliers: very sensitive: quadratic, and an answer's log-ratio grows with its length.

    Shapes: four of one shape, one element for each pair, log-probabilities summed over the answer
    (divide by its length for the average form); those of the reference are constants. Units: nats,
    squared.

    Raises: ValueError for unequal shapes, beta not positive, an unknown reduction, or an empty
    mean; TypeError for a reference with requires_grad (pass its .data).

    >>> ipo_loss([-10.0, -12.0], [-11.0, -10.0], [-10.5, -12.5], [-10.5, -10.5], reduction="none")
    array([16., 25.])

    Reference: Azar et al. (2023), A General Theoretical Paradigm to Understand Learning from Human
    Preferences (beta is its tau).
    """
    beta = check.positive("beta", beta)
    h = log_ratio_margin(
        policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps
    )
    return reduce((h - 1 / (2 * beta)) ** 2, reduction)


@loss
def kto_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    kl,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Kahneman-Tversky optimisation: answers are good or bad, each against the average drift.

    Formula: with r = policy - reference log-probability,
    desirable_weight (1 - sigmoid(beta (r - kl))) for chosen answers,
    undesirable_weight (1 - sigmoid(beta (kl - r))) for rejected ones.

    Gradient: -weight beta s (1 - s) / (N + M) with respect to a chosen log-probability, s being the
    sigmoid; +weight beta s (1 - s) / (N + M) for a rejected one: largest at r = kl, vanishing on
    both sides, for hopeless answers too.

    Problem: alignment.

    Use: answers with a thumb up or down instead of pairs. Unequal numbers of both are balanced by
    the weights.

    Meaning: prospect theory's value of gains and losses against a reference point, the KL between
    policy and reference.

    Outliers: bounded: no answer costs more than its weight, and wrong labels stop pulling.

    Shapes: chosen ones (N,), rejected ones (M,), either may be empty; kl one number, such as the
    mean of policy - reference over mismatched answers (below 0 counts as 0). kl and the reference
    are constants. "none" gives (N + M,), the chosen, then the rejected. Units: none.

    Raises: ValueError for unequal shapes, more than one kl, beta not positive, a negative weight,
    an unknown reduction, or an empty mean; TypeError for a constant with requires_grad (pass its
    .data).

    >>> kto_loss([-10.0, -12.0], [-11.0], [-10.5, -14.0], [-10.5], 0.4, undesirable_weight=1.33,
    ...          reduction="none").round(6)
    array([0.4975  , 0.460085, 0.635095])

    Reference: Ethayarajh, Xu, Muennighoff, Jurafsky, Kiela (2024), KTO: Model Alignment as Prospect
    Theoretic Optimization.
    """
    beta = check.positive("beta", beta)
    desirable_weight = check.not_negative("desirable_weight", desirable_weight)
    undesirable_weight = check.not_negative("undesirable_weight", undesirable_weight)
    chosen, rejected, reference_chosen, reference_rejected, kl = check.one_precision(
        policy_chosen_logps=policy_chosen_logps,
        policy_rejected_logps=policy_rejected_logps,
        reference_chosen_logps=check.constant("reference_chosen_logps", reference_chosen_logps),
        reference_rejected_logps=check.constant(
            "reference_rejected_logps", reference_rejected_logps
        ),
        kl=check.constant("kl", kl),
    )
    row_of_answers("chosen", chosen, reference_chosen)
    row_of_answers("rejected", rejected, reference_rejected)
    if kl.size != 1:
        raise ValueError(f"kl must be one number, got shape {kl.shape}: pass its mean")
    kl = np.maximum(kl.reshape(()), 0)
    good = desirable_weight * sigmoid(-beta * (chosen - reference_chosen - kl))  # 1 - sigmoid(x)
    bad = undesirable_weight * sigmoid(-beta * (kl - (rejected - reference_rejected)))
    return reduce(np.concatenate([good, bad]), reduction)


def row_of_answers(kind, policy, reference):
    if policy.ndim != 1:
        raise ValueError(
            f"policy_{kind}_logps has shape {policy.shape}, it must be (N,), one for each answer"
        )
    check.same_shape(f"policy_{kind}_logps", policy, f"reference_{kind}_logps", reference)


@loss
def orpo_loss(
    chosen_logps, rejected_logps, chosen_nll, *, beta: float = 0.1, reduction: str = "mean"
) -> Tensor:
    """Odds ratio preference optimisation: fine-tune on the chosen answer, disfavour the rejected.

    Formula: chosen_nll - beta log sigmoid(log odds(chosen) - log odds(rejected)) with
    log odds(l) = l - log(1 - e^l), l being the average log-probability of a token.

    Gradient: -beta s / (1 - e^l) / N with respect to l = chosen_logps, with s = sigmoid(log
    odds(rejected) - log odds(chosen)); +beta s / (1 - e^l) / N for l = rejected_logps; 1 / N for
    each chosen_nll, 1 if it is one number for all.

    Problem: alignment.

    Use: preference pairs and no reference model: supervised fine-tuning and alignment in one.

    Meaning: the negative log-likelihood of the chosen answer, plus that of a logistic model in
    which the odds ratio of the two answers is the odds of being preferred.

    Outliers: sensitive: an improbable chosen answer costs its full negative log-likelihood; the
    preference term is linear in the log odds.

    Shapes: chosen_logps and rejected_logps of one shape, averages over tokens; chosen_nll of that
    shape or one number for all. Units: nats.

    Raises: ValueError for unequal shapes, log-probabilities above 0, beta not positive, an unknown
    reduction, or an empty mean.

    >>> orpo_loss([-0.5, -1.2], [-1.0, -0.9], 0.85).round(6)
    np.float64(0.913589)

    Reference: Hong, Lee, Thorne (2024), ORPO: Monolithic Preference Optimization without Reference
    Model.
    """
    beta = check.positive("beta", beta)
    chosen, rejected = check.alike(chosen_logps=chosen_logps, rejected_logps=rejected_logps)
    nll = each_or_all("chosen_nll", chosen_nll, chosen)
    log_odds_ratio = log_odds("chosen_logps", chosen) - log_odds("rejected_logps", rejected)
    return reduce(nll + beta * softplus(-log_odds_ratio), reduction)


def log_odds(name, log_p):
    """log(p / (1 - p)) from log(p)."""
    # rounding may lift a certain answer a little above 0; logits and their sums are far above
    if (log_p > 1e-3).any():
        raise ValueError(f"{name} must be log-probabilities, at most 0; got {np.max(log_p):g}")
    # the odds of p = 1 are infinite: count it as the nearest number below
    log_p = np.clip(log_p, None, -np.finfo(log_p.dtype).tiny)
    return log_p - log1mexp(log_p)


def log_ratio_margin(policy_chosen, policy_rejected, reference_chosen, reference_rejected):
    """By how much more than the reference the policy prefers the chosen answers, in nats."""
    chosen, rejected, reference_chosen, reference_rejected = check.alike(
        policy_chosen_logps=policy_chosen,
        policy_rejected_logps=policy_rejected,
        reference_chosen_logps=check.constant("reference_chosen_logps", reference_chosen),
        reference_rejected_logps=check.constant("reference_rejected_logps", reference_rejected),
    )
    return (chosen - rejected) - (reference_chosen - reference_rejected)


def each_or_all(name, x, like):
    """One number for each element of `like`, or one for all."""
    x = check.numbers(name, x, like)
    if x.shape not in ((), like.shape):
        raise ValueError(f"{name} has shape {x.shape}, it must be () or {like.shape}")
    return x
