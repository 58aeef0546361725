"""Sheet 6. Generating and aligning, lessons 26 to 30

What a variational autoencoder pays for its code, a gradient inside a loss, pictures compared at
several scales, what a language model is undecided between, and preferences without a reward model.
"""

import numpy as np

from lessons.coursework import exercise, gradient
from microloss import Tensor, grad, losses, metrics
from microloss.engine.tensor import values_of

GIVEN = "import numpy as np\n\nfrom microloss import Tensor, grad\n"


# ---- gaussian_kl ---------------------------------------------------------------------------------


@exercise(lesson=26, points=1)
def gaussian_kl(mu, logvar):
    """The mean over samples of the KL divergence from N(mu, exp(logvar)) to N(0, 1).

    mu and logvar are of shape (N, D): N samples, D numbers of the code, independent of each other.
    One number of the code costs (mu^2 + exp(logvar) - 1 - logvar) / 2; a sample costs the sum over
    its D numbers. Return the mean over the samples. Use NumPy's functions, so that it takes
    Tensors too.
    """
    return losses.gaussian_kl(mu, logvar)


@gaussian_kl.check("two samples, three numbers each")
def codes(rng):
    yield rng.normal(size=(2, 3)).round(2), rng.normal(size=(2, 3)).round(2)


@gaussian_kl.check("the standard normal distribution itself: no cost")
def standard_codes(rng):
    yield np.zeros((2, 3)), np.zeros((2, 3))


@gaussian_kl.check("its gradient, by backward", call=gradient)
def slopes_of_codes(rng):
    yield rng.normal(size=(3, 2)).round(2), rng.normal(size=(3, 2)).round(2)


@gaussian_kl.mistake("logvar is the logarithm of the variance, not of the standard deviation")
def log_of_the_deviation(mu, logvar):
    return losses.gaussian_kl(mu, 2 * logvar)


@gaussian_kl.mistake("logvar itself is taken for the variance: that is exp(logvar)")
def variance_not_exponentiated(mu, logvar):
    return np.mean(np.sum(mu**2 + logvar - 1 - np.log(np.abs(logvar)), axis=1)) / 2


@gaussian_kl.mistake("the - 1 is missing: the standard normal itself must cost nothing")
def never_nothing(mu, logvar):
    return np.mean(np.sum(mu**2 + np.exp(logvar) - logvar, axis=1)) / 2


@gaussian_kl.mistake("the two means are exchanged: sum over the code, axis 1; average over axis 0")
def wrong_axis(mu, logvar):
    return losses.gaussian_kl(mu.T, logvar.T)


# ---- gradient_penalty ----------------------------------------------------------------------------


@exercise(lesson=27, points=3)
def gradient_penalty(critic, real, fake, mix):
    """The gradient penalty of WGAN-GP: the mean of (|slope| - 1)^2 over points between samples.

    real and fake are arrays of shape (N, D), mix of shape (N,). Point n is
    mix[n] real[n] + (1 - mix[n]) fake[n].  critic takes a Tensor of N points and returns a Tensor
    of N scores, each of its own point alone; the slope of a point is the gradient of its score with
    respect to the point, and |slope| is the root of the sum of its D squares.  grad(y, x) needs
    x = Tensor(..., requires_grad=True), and returns a tuple. Return a Tensor from which backward
    reaches the parameters of the critic: grad(..., create_graph=True).
    """
    return losses.gradient_penalty(critic, real, fake, weight=1.0, mix=mix)


def with_a_critic(f, w, v, real, fake, mix):
    return f(lambda x: np.tanh(x @ w) @ v, real, fake, mix)


def down_to_the_weights(f, w, v, real, fake, mix):
    w = Tensor(w, requires_grad=True)
    penalty = f(lambda x: np.tanh(x @ w) @ v, real, fake, mix)
    if not isinstance(penalty, Tensor) or not penalty.requires_grad:
        raise TypeError(
            "the path back to the critic's parameters is cut: backward would not move them. "
            "Take the slope by grad(..., create_graph=True), and no .data of it"
        )
    return grad(penalty, w)[0]


def critics(rng):
    """As many samples as numbers, two, and then three samples."""
    for n in (2, 3):
        w, v = rng.normal(size=(2, 2)).round(2), (2 * rng.normal(size=2)).round(2)
        yield (
            w,
            v,
            rng.normal(size=(n, 2)).round(2),
            rng.normal(size=(n, 2)).round(2),
            rng.uniform(size=n).round(2),
        )


gradient_penalty.check("the critic tanh(x @ w) @ v", call=with_a_critic)(critics)
gradient_penalty.check(
    "its gradient with respect to w, in the critic tanh(x @ w) @ v", call=down_to_the_weights
)(critics)


def slopes(critic, x):
    x = Tensor(x, requires_grad=True)
    return grad(critic(x).sum(), x, create_graph=True)[0]


def between(real, fake, mix):
    return mix[:, None] * real + (1 - mix[:, None]) * fake


@gradient_penalty.mistake("the norm is that of all samples at once: each has its own, over axis 1")
def one_norm(critic, real, fake, mix):
    return (np.sqrt(np.sum(slopes(critic, between(real, fake, mix)) ** 2)) - 1) ** 2


@gradient_penalty.mistake("the root is missing: the squared norm is compared with 1")
def no_root(critic, real, fake, mix):
    squares = np.sum(slopes(critic, between(real, fake, mix)) ** 2, axis=1)
    return np.mean((squares - 1) ** 2)


@gradient_penalty.mistake("a slope below 1 costs as well: the penalty has two sides")
def one_sided(critic, real, fake, mix):
    norms = np.sqrt(np.sum(slopes(critic, between(real, fake, mix)) ** 2, axis=1))
    return np.mean(np.maximum(norms - 1, 0) ** 2)


@gradient_penalty.mistake("mix and 1 - mix are exchanged: mix is the share of real")
def exchanged_shares(critic, real, fake, mix):
    return losses.gradient_penalty(critic, fake, real, weight=1.0, mix=mix)


@gradient_penalty.mistake("the slope is taken at the real samples, not between real and fake")
def at_the_real(critic, real, fake, mix):
    return losses.gradient_penalty(critic, real, real, weight=1.0, mix=mix)


@gradient_penalty.mistake("mix of shape (N,) is stretched along the numbers: write mix[:, None]")
def mix_along_the_numbers(critic, real, fake, mix):
    norms = np.sqrt(np.sum(slopes(critic, mix * real + (1 - mix) * fake) ** 2, axis=1))
    return np.mean((norms - 1) ** 2)


@gradient_penalty.mistake("the slope of the mean score is N times too small: sum the scores")
def slope_of_the_mean(critic, real, fake, mix):
    norms = np.sqrt(np.sum(slopes(critic, between(real, fake, mix)) ** 2, axis=1)) / len(real)
    return np.mean((norms - 1) ** 2)


# ---- pyramid_loss --------------------------------------------------------------------------------


def halved(x):
    """The means of blocks of 2 x 2 pixels."""
    n, height, width = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


@exercise(lesson=28, points=2)
def pyramid_loss(x, y, levels):
    """The squared error of two stacks of pictures at several scales, summed over the levels.

    x and y are of shape (N, H, W). Level 0 is the pictures themselves. Each further level has half
    the height and half the width: a pixel of it is the mean of a block of 2 x 2 pixels of the level
    before. A level costs the mean of the squared differences of all its pixels. Return the sum over
    `levels` levels, 1 or more; H and W can be halved as often as needed. Use reshape, sums and
    means, so that it takes Tensors too.
    """
    total = 0.0
    for level in range(levels):
        if level:
            x, y = halved(x), halved(y)
        total = total + losses.mse_loss(x, y)
    return total


@pyramid_loss.check("two pictures of 4 x 4 pixels, two levels")
def small_pictures(rng):
    yield rng.normal(size=(2, 4, 4)).round(1), rng.normal(size=(2, 4, 4)).round(1), 2


@pyramid_loss.check("one level: the mean squared error")
def one_level(rng):
    yield rng.normal(size=(2, 2, 4)).round(1), rng.normal(size=(2, 2, 4)).round(1), 1


@pyramid_loss.check("wide pictures, three levels")
def wide_pictures(rng):
    yield rng.normal(size=(1, 8, 16)).round(1), rng.normal(size=(1, 8, 16)).round(1), 3


@pyramid_loss.check("its gradient, by backward", call=gradient)
def slopes_of_pictures(rng):
    yield rng.normal(size=(2, 4, 4)).round(1), rng.normal(size=(2, 4, 4)).round(1), 2


def with_levels(x, y, levels, smaller, first=0):
    """The loss with another way to make a level, and with levels from `first` on."""
    total = 0.0
    for level in range(levels):
        if level:
            x, y = smaller(x), smaller(y)
        if level >= first:
            total = total + losses.mse_loss(x, y)
    return total


@pyramid_loss.mistake("a corner of each block is taken: take the mean of its four pixels")
def corners(x, y, levels):
    return with_levels(x, y, levels, lambda x: x[:, ::2, ::2])


@pyramid_loss.mistake("a block is summed: take the mean of its four pixels")
def summed_blocks(x, y, levels):
    return with_levels(x, y, levels, lambda x: 4 * halved(x))


@pyramid_loss.mistake("the largest pixel of a block is taken: take the mean of its four pixels")
def largest_of_block(x, y, levels):
    return with_levels(
        x, y, levels, lambda x: x.reshape(len(x), x.shape[1] // 2, 2, -1, 2).max(axis=(2, 4))
    )


@pyramid_loss.mistake(
    "the blocks hold pixels that lie far apart: reshape to (N, H / 2, 2, W / 2, 2), and take the "
    "mean over axes 2 and 4"
)
def far_apart(x, y, levels):
    return with_levels(
        x, y, levels, lambda x: x.reshape(len(x), 2, x.shape[1] // 2, 2, -1).mean(axis=(1, 3))
    )


@pyramid_loss.mistake("only the height is halved: halve the width as well")
def rows_alone(x, y, levels):
    return with_levels(
        x, y, levels, lambda x: x.reshape(len(x), x.shape[1] // 2, 2, -1).mean(axis=2)
    )


@pyramid_loss.mistake(
    "the squared errors are averaged over blocks: average the pictures, then square"
)
def squares_averaged(x, y, levels):
    return levels * losses.mse_loss(x, y)


@pyramid_loss.mistake("the pictures themselves are missing: they are level 0")
def without_the_finest(x, y, levels):
    return with_levels(x, y, levels, halved, first=1)


@pyramid_loss.mistake("this is the coarsest level alone: sum over all of them")
def coarsest_alone(x, y, levels):
    return with_levels(x, y, levels, halved, first=levels - 1)


@pyramid_loss.mistake("one level too many: the pictures themselves count as one")
def one_too_many(x, y, levels):
    return with_levels(x, y, levels + 1, halved)


@pyramid_loss.mistake("the levels are averaged: sum them")
def mean_over_levels(x, y, levels):
    return with_levels(x, y, levels, halved) / levels


@pyramid_loss.mistake("a level costs the mean over its pixels, not their sum")
def sum_over_pixels(x, y, levels):
    total = 0.0
    for level in range(levels):
        if level:
            x, y = halved(x), halved(y)
        total = total + np.sum((x - y) ** 2)
    return total


# ---- perplexity ----------------------------------------------------------------------------------


@exercise(lesson=29, points=2)
def perplexity(logits, target):
    """How many equally likely characters a language model is undecided between.

    logits of shape (T, C) hold a score of any size for each of C characters at each of T places,
    before the softmax; target of shape (T,) holds the index of the character that came. Return exp
    of the mean of -log p(target), for p = softmax(logits).
    """
    return metrics.perplexity(logits, target)


@perplexity.check("three places, four characters")
def places(rng):
    yield rng.normal(size=(3, 4)).round(2), rng.integers(4, size=3)


@perplexity.check("equal scores: undecided between all")
def undecided(rng):
    yield np.full((2, 5), 0.3), np.array([4, 0])


@perplexity.check(
    "scores of 1000",
    hint="exp overflows for large scores: subtract the largest of each row first, which leaves the "
    "softmax as it is",
)
def large_scores(rng):
    yield np.array([[1000.0, 1001.0], [-1000.0, -1002.0]]), np.array([0, 0])


@perplexity.mistake("the logits are taken for log-probabilities: normalise them first")
def not_normalised(logits, target):
    return np.exp(-np.mean(logits[np.arange(len(target)), target]))


@perplexity.mistake("the exponential comes after the mean: this is a mean of exponentials")
def mean_of_exponentials(logits, target):
    return np.mean([metrics.perplexity(x[None], t[None]) for x, t in zip(logits, target)])


@perplexity.mistake("the places are summed, not averaged, before the exponential")
def of_the_whole_text(logits, target):
    return metrics.perplexity(logits, target) ** len(target)


@perplexity.mistake("this is the mean of -log p: take exp of it")
def still_in_nats(logits, target):
    return np.log(metrics.perplexity(logits, target))


@perplexity.mistake("the softmax runs over the places: it belongs to the characters, axis 1")
def over_the_places(logits, target):
    log_p = logits - np.log(np.sum(np.exp(logits), axis=0))
    return np.exp(-np.mean(log_p[np.arange(len(target)), target]))


@perplexity.mistake("the minus is missing: this is 1 over the perplexity")
def inverse(logits, target):
    return 1 / metrics.perplexity(logits, target)


@perplexity.mistake("p[:, target] takes every target at every place: p[np.arange(T), target]")
def all_targets_everywhere(logits, target):
    log_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return np.exp(-np.mean(log_p[:, target]))


@perplexity.mistake("2 to the power of nats: natural logarithms go with exp")
def power_of_two(logits, target):
    return 2 ** np.log(metrics.perplexity(logits, target))


# ---- dpo_loss ------------------------------------------------------------------------------------


def library_dpo(policy_chosen, policy_rejected, *references, beta):
    """The library's loss; here the references require a gradient too, which it refuses."""
    return losses.dpo_loss(policy_chosen, policy_rejected, *map(values_of, references), beta=beta)


@exercise(lesson=30, points=2)
def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    """The loss of direct preference optimisation, averaged over pairs of answers: one number.

    The four arrays of shape (N,) hold log-probabilities of the preferred and of the rejected
    answer, under the policy and under the reference. A pair costs -log sigmoid(h), where h is beta
    times how much more the policy's log-probability has risen above the reference's for the
    preferred answer than for the rejected one. Use NumPy's functions, so that it takes Tensors
    too; np.logaddexp(0, x) is log(1 + exp(x)) without overflow.
    """
    return library_dpo(
        policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta=beta
    )


@dpo_loss.check("three pairs")
def pairs(rng):
    yield *-(5 * rng.uniform(size=(4, 3))).round(2), 0.3


@dpo_loss.check(
    "log-probabilities of long texts",
    hint="exp overflows, or log meets 0: -log sigmoid(h) is np.logaddexp(0, -h)",
)
def long_texts(rng):
    yield np.array([-9e3, -1e3]), np.array([-1e3, -9e3]), np.full(2, -5e3), np.full(2, -5e3), 0.5


@dpo_loss.check("its gradient, by backward", call=gradient)
def slopes_of_pairs(rng):
    yield *-(5 * rng.uniform(size=(4, 3))).round(2), 0.3


@dpo_loss.mistake("the reference is missing: what counts is the rise above it")
def without_reference(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    return np.mean(np.logaddexp(0, -beta * (policy_chosen - policy_rejected)))


@dpo_loss.mistake("preferred and rejected are exchanged: the sign of h is wrong")
def exchanged_answers(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    return library_dpo(
        policy_rejected, policy_chosen, reference_rejected, reference_chosen, beta=beta
    )


@dpo_loss.mistake("the reference's margin is added: subtract it")
def reference_added(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    return library_dpo(
        policy_chosen, policy_rejected, reference_rejected, reference_chosen, beta=beta
    )


@dpo_loss.mistake("beta is missing")
def without_beta(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    return library_dpo(
        policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta=1.0
    )


@dpo_loss.mistake("beta stands outside the sigmoid: it belongs to h")
def beta_outside(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    return beta * library_dpo(
        policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta=1.0
    )


@dpo_loss.mistake("the logarithm is missing: this is 1 - sigmoid(h) or sigmoid(-h)")
def no_logarithm(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * (policy_chosen - policy_rejected - reference_chosen + reference_rejected)
    return np.mean(1 / (1 + np.exp(h)))


@dpo_loss.mistake("the mean of h is taken before the sigmoid: each pair has a loss of its own")
def mean_too_early(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * (policy_chosen - policy_rejected - reference_chosen + reference_rejected)
    return np.logaddexp(0, -np.mean(h))
