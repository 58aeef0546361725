"""Sheet 6: right answers, and mistakes as students make them."""

import numpy as np

from microloss import Tensor, grad

from .planted import slip


def gaussian_kl(mu, logvar):
    return 0.5 * np.mean(np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=1))


kl_of_the_book_with_the_sign_lost = slip(
    gaussian_kl,
    "the sign is flipped",
    ("mu**2 + np.exp(logvar) - 1 - logvar", "1 + logvar - mu**2 - np.exp(logvar)"),
)
kl_without_half = slip(gaussian_kl, "it is twice what it should be", ("0.5 * ", ""))
kl_averaged_over_the_code = slip(gaussian_kl, "a mean taken for a sum", ("np.sum", "np.mean"))
kl_of_log_sigma = slip(
    gaussian_kl,
    "the logarithm of the variance, not of the standard deviation",
    ("np.exp(logvar)", "np.exp(2 * logvar)"),
    ("- logvar", "- 2 * logvar"),
)
kl_with_a_detached_variance = slip(
    gaussian_kl,
    "its gradient for logvar is not: all 6 elements differ: a term is missing or too much",
    ("np.exp(logvar)", "np.exp(logvar.data if isinstance(logvar, Tensor) else logvar)"),
)


def gradient_penalty(critic, real, fake, mix):
    share = mix.reshape(-1, 1)
    x = Tensor(share * real + (1 - share) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=True)
    length = np.sqrt((slope**2).sum(axis=1))
    return ((length - 1) ** 2).mean()


penalty_of_constants = slip(
    gradient_penalty,
    "the path back to the critic's parameters is cut",
    (", create_graph=True", ""),
    ("((length - 1) ** 2).mean()", "Tensor(((length - 1) ** 2).mean())"),
)
penalty_with_one_norm = slip(
    gradient_penalty, "each has its own, over axis 1", (".sum(axis=1)", ".sum()")
)
penalty_like_a_hinge = slip(
    gradient_penalty,
    "a slope below 1 costs as well",
    ("(length - 1)", "np.maximum(length - 1, 0)"),
)
penalty_of_the_mean_score = slip(
    gradient_penalty, "sum the scores", ("critic(x).sum()", "critic(x).mean()")
)
penalty_with_mix_as_it_comes = slip(
    gradient_penalty, "stretched along the numbers: write mix[:, None]", (".reshape(-1, 1)", "")
)
penalty_of_squares = slip(
    gradient_penalty,
    "the squared norm is compared with 1",
    ("np.sqrt((slope**2).sum(axis=1))", "(slope**2).sum(axis=1)"),
)


def pyramid_loss(x, y, levels):
    difference = x - y
    loss = (difference**2).mean()
    for _ in range(levels - 1):
        n, height, width = difference.shape
        blocks = difference.reshape(n, height // 2, 2, width // 2, 2)
        difference = blocks.mean(axis=(2, 4))
        loss = loss + (difference**2).mean()
    return loss


pyramid_of_strange_blocks = slip(
    pyramid_loss,
    "the blocks hold pixels that lie far apart",
    ("(n, height // 2, 2, width // 2, 2)", "(n, 2, height // 2, 2, width // 2)"),
    ("axis=(2, 4)", "axis=(1, 3)"),
)
pyramid_of_sums = slip(pyramid_loss, "a block is summed", ("blocks.mean", "blocks.sum"))
pyramid_of_corners = slip(
    pyramid_loss,
    "a corner of each block is taken",
    ("blocks.mean(axis=(2, 4))", "blocks[:, :, 0, :, 0]"),
)
pyramid_with_a_level_too_many = slip(
    pyramid_loss, "the pictures themselves count as one", ("range(levels - 1)", "range(levels)")
)
pyramid_of_squares = slip(
    pyramid_loss,
    "average the pictures, then square",
    ("difference = x - y", "difference = (x - y) ** 2"),
    ("loss = (difference**2).mean()", "loss = difference.mean()"),
    ("loss + (difference**2).mean()", "loss + difference.mean()"),
)
pyramid_without_its_base = slip(
    pyramid_loss,
    "they are level 0",
    ("loss = (difference**2).mean()\n", "loss = 0\n"),
)
pyramid_averaged = slip(pyramid_loss, "sum them", ("return loss", "return loss / levels"))


def perplexity(logits, target):
    x = logits - logits.max(axis=1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return np.exp(-log_p[np.arange(len(target)), target].mean())


perplexity_overflowing = slip(
    perplexity,
    "subtract the largest of each row first",
    (" - logits.max(axis=1, keepdims=True)", ""),
)
perplexity_of_logits = slip(
    perplexity, "the logits are taken for log-probabilities", ("-log_p", "-logits")
)
cross_entropy = slip(perplexity, "take exp of it", ("return np.exp", "return "))
perplexity_averaged = slip(
    perplexity, "a mean of exponentials", ("target].mean())", "target]).mean()")
)


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected))
    return np.mean(np.logaddexp(0, -h))


dpo_of_the_policy = slip(
    dpo_loss,
    "what counts is the rise above it",
    (" - reference_chosen", ""),
    (" - reference_rejected", ""),
)
dpo_overflowing = slip(
    dpo_loss,
    "-log sigmoid(h) is np.logaddexp(0, -h)",
    ("np.logaddexp(0, -h)", "-np.log(1 / (1 + np.exp(-h)))"),
)
dpo_as_a_likelihood = slip(dpo_loss, "the sign is flipped", ("np.mean", "-np.mean"))
dpo_for_the_rejected = slip(dpo_loss, "preferred and rejected are exchanged", ("-h", "h"))
dpo_with_beta_in_front = slip(
    dpo_loss, "it belongs to h", ("h = beta * ", "h = "), ("np.mean", "beta * np.mean")
)
