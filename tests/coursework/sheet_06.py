"""Sheet 6: right answers, and mistakes as students make them."""

import numpy as np

from microloss import Tensor, grad

from .planted import mistake


def gaussian_kl(mu, logvar):
    return 0.5 * np.mean(np.sum(np.square(mu) + np.exp(logvar) - 1 - logvar, axis=1))


@mistake(gaussian_kl, "the sign is flipped")
def kl_of_the_book_with_the_sign_lost(mu, logvar):
    return 0.5 * np.mean(np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1))


@mistake(gaussian_kl, "it is twice what it should be")
def kl_without_half(mu, logvar):
    return np.mean(np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=1))


@mistake(gaussian_kl, "a mean taken for a sum")
def kl_averaged_over_the_code(mu, logvar):
    return 0.5 * np.mean(mu**2 + np.exp(logvar) - 1 - logvar)


@mistake(gaussian_kl, "the logarithm of the variance, not of the standard deviation")
def kl_of_log_sigma(mu, logvar):
    return np.mean(np.sum(0.5 * (mu**2 + np.exp(logvar) ** 2 - 1) - logvar, axis=1))


@mistake(gaussian_kl, "its gradient is not: all 6 elements differ: a term is missing or too much")
def kl_with_a_detached_variance(mu, logvar):
    variance = np.exp(logvar.data if isinstance(logvar, Tensor) else logvar)
    return 0.5 * np.mean(np.sum(mu**2 + variance - 1 - logvar, axis=1))


def gradient_penalty(critic, real, fake, mix):
    share = mix.reshape(-1, 1)
    x = Tensor(share * real + (1 - share) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=True)
    length = np.sqrt((slope**2).sum(axis=1))
    return ((length - 1) ** 2).mean()


@mistake(gradient_penalty, "the path back to the critic's parameters is cut")
def penalty_of_constants(critic, real, fake, mix):
    x = Tensor(mix[:, None] * real + (1 - mix[:, None]) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x)
    return Tensor(((np.linalg.norm(slope, axis=1) - 1) ** 2).mean())


@mistake(gradient_penalty, "each has its own, over axis 1")
def penalty_with_one_norm(critic, real, fake, mix):
    x = Tensor(mix[:, None] * real + (1 - mix[:, None]) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=True)
    return (np.linalg.norm(slope) - 1) ** 2


@mistake(gradient_penalty, "a slope below 1 costs as well")
def penalty_like_a_hinge(critic, real, fake, mix):
    x = Tensor(mix[:, None] * real + (1 - mix[:, None]) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=True)
    return np.mean(np.maximum(0, np.sqrt(np.sum(slope**2, axis=1)) - 1) ** 2)


@mistake(gradient_penalty, "sum the scores")
def penalty_of_the_mean_score(critic, real, fake, mix):
    x = Tensor(mix[:, None] * real + (1 - mix[:, None]) * fake, requires_grad=True)
    (slope,) = grad(critic(x).mean(), x, create_graph=True)
    return np.mean((np.sqrt(np.sum(slope**2, axis=1)) - 1) ** 2)


@mistake(gradient_penalty, "could not be broadcast")
def penalty_with_mix_as_it_comes(critic, real, fake, mix):
    x = Tensor(mix * real + (1 - mix) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=True)
    return np.mean((np.sqrt(np.sum(slope**2, axis=1)) - 1) ** 2)


@mistake(gradient_penalty, "the squared norm is compared with 1")
def penalty_of_squares(critic, real, fake, mix):
    x = Tensor(mix[:, None] * real + (1 - mix[:, None]) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=True)
    return np.mean((np.sum(slope * slope, axis=1) - 1) ** 2)


def perplexity(logits, target):
    x = logits - logits.max(axis=1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return np.exp(-log_p[np.arange(len(target)), target].mean())


@mistake(perplexity, "subtract the largest of each row first")
def perplexity_overflowing(logits, target):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.exp(-np.log(p[np.arange(len(target)), target]).mean())


@mistake(perplexity, "the logits are taken for log-probabilities")
def perplexity_of_logits(logits, target):
    return np.exp(-logits[np.arange(len(target)), target].mean())


@mistake(perplexity, "take exp of it")
def cross_entropy(logits, target):
    x = logits - logits.max(axis=1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(target)), target].mean()


@mistake(perplexity, "a mean of exponentials")
def perplexity_averaged(logits, target):
    x = logits - logits.max(axis=1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return np.exp(-log_p[np.arange(len(target)), target]).mean()


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected))
    return np.mean(np.logaddexp(0, -h))


@mistake(dpo_loss, "what counts is the rise above it")
def dpo_of_the_policy(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    return np.mean(np.logaddexp(0, beta * (policy_rejected - policy_chosen)))


@mistake(dpo_loss, "-log sigmoid(h) is np.logaddexp(0, -h)")
def dpo_overflowing(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return -np.mean(np.log(1 / (1 + np.exp(-h))))


@mistake(dpo_loss, "the sign is flipped")
def dpo_as_a_likelihood(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return np.mean(-np.logaddexp(0, -h))


@mistake(dpo_loss, "preferred and rejected are exchanged")
def dpo_for_the_rejected(
    policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta
):
    h = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return np.mean(np.logaddexp(0, h))


@mistake(dpo_loss, "it belongs to h")
def dpo_with_beta_in_front(
    policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta
):
    h = policy_chosen - policy_rejected - (reference_chosen - reference_rejected)
    return beta * np.mean(np.logaddexp(0, -h))
