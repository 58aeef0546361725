"""Losses of two networks that play against each other: one makes samples, one tells them apart.

Where the discriminator or critic learns, give it `fake.detach()`: the generator must not move.
"""

import numpy as np

from ..engine.grad import grad
from ..engine.tensor import Tensor
from ..functional import norm, relu, softplus
from . import check
from .common import loss, reduce

__all__ = [
    "gan_discriminator_loss", "gan_generator_loss", "gradient_penalty",
    "hinge_gan_discriminator_loss", "hinge_gan_generator_loss", "lsgan_discriminator_loss",
    "lsgan_generator_loss", "wasserstein_critic_loss", "wasserstein_generator_loss",
]  # fmt: skip


@loss
def gan_discriminator_loss(real_logits, fake_logits, *, label_smoothing: float = 0.0) -> Tensor:
    """GAN discriminator loss: binary cross-entropy of telling real from fake.

    Formula: mean(-t log p - (1 - t) log(1 - p)) over the real, with p = sigmoid(real_logits), and
    mean(-log(1 - p)) over the fake; t = 1 - label_smoothing / 2, the real label mixed with 1/2.

    Gradient: (p - t) / N for each of N real logits, p / M for each of M fake ones with
    p = sigmoid(fake_logits): bounded.

    Problem: generative modelling.

    Use: for the discriminator of a GAN. label_smoothing (of the real label alone) keeps it from
    growing too sure.

    Meaning: at its best the discriminator's loss is 2 log 2 - 2 JS(real || fake), JS being the
    Jensen-Shannon divergence.

    Outliers: sensitive: a confident mistake costs its logit.

    Shapes: any, and not the same for both; each has its own mean. Units: nats.

    Raises: ValueError for label_smoothing outside of [0, 1] and for an empty batch.

    >>> gan_discriminator_loss([2.0, -0.5, 1.0], [-1.0, 0.5, 0.0]).round(6)
    np.float64(1.131584)

    Reference: Goodfellow et al. (2014), Generative Adversarial Nets; one-sided label smoothing:
    Salimans et al. (2016), Improved Techniques for Training GANs (whose label 0.9 is
    label_smoothing=0.2 here).
    """
    label_smoothing = check.fraction("label_smoothing", label_smoothing)
    real, fake = check.one_precision(real_logits=real_logits, fake_logits=fake_logits)
    # -t log p - (1 - t) log(1 - p), as -log p is softplus(-x) and -log(1 - p) is x more
    surprise = softplus(-real)
    if label_smoothing:
        surprise = surprise + (label_smoothing / 2) * real
    return reduce(surprise, "mean") + reduce(softplus(fake), "mean")


@loss
def gan_generator_loss(fake_logits, *, saturating: bool = False) -> Tensor:
    """GAN generator loss: how far the discriminator is from mistaking the fake for real.

    Formula: mean(-log p) with p = sigmoid(fake_logits); saturating: mean(log(1 - p)), the minimax
    game as first written, which is below 0.

    Gradient: -(1 - p) / N, largest where the discriminator wins; saturating: -p / N, which fades
    there.

    Problem: generative modelling.

    Use: for the generator of a GAN; saturating only to see why not.

    Meaning: saturating, against the best discriminator, it minimises the Jensen-Shannon divergence
    between real and fake.

    Outliers: sensitive: a sample that is easily told apart pulls hardest; saturating: bounded
    pull, and none from such samples.

    Shapes: any; the mean of all. Units: nats.

    Raises: ValueError for an empty batch.

    >>> gan_generator_loss([-1.0, 0.5, 0.0]).round(6)
    np.float64(0.826829)
    >>> gan_generator_loss([-1.0, 0.5, 0.0], saturating=True).round(6)
    np.float64(-0.660162)

    Reference: Goodfellow et al. (2014), Generative Adversarial Nets.
    """
    fake = check.numbers("fake_logits", fake_logits)
    return reduce(-softplus(fake) if saturating else softplus(-fake), "mean")


@loss
def lsgan_discriminator_loss(real, fake) -> Tensor:
    """LSGAN discriminator loss: squared distance of real scores from 1 and of fake ones from 0.

    Formula: (mean((real - 1)^2) + mean(fake^2)) / 2.

    Gradient: (real - 1) / N for each of N real and fake / M for each of M fake scores: linear, also
    for scores that are right but far off.

    Problem: generative modelling.

    Use: as the GAN loss, with less saturation. Scores as they are, without a sigmoid.

    Meaning: least squares; the best score of a sample is the probability that it is real. The paper
    shows a Pearson chi-squared divergence for other codes: -1 for fake, 1 for real, and 0 as the
    generator's aim; 0, 1 and 1 are its second choice, which it found to work as well.

    Outliers: very sensitive: quadratic in the score.

    Shapes: any, and not the same for both; each has its own mean. Units: the scores', squared.

    Raises: ValueError for an empty batch.

    >>> lsgan_discriminator_loss([2.0, -0.5, 1.0], [-1.0, 0.5, 0.0])
    np.float64(0.75)

    Reference: Mao et al. (2017), Least Squares Generative Adversarial Networks.
    """
    real, fake = check.one_precision(real=real, fake=fake)
    return 0.5 * (reduce((real - 1) ** 2, "mean") + reduce(fake**2, "mean"))


@loss
def lsgan_generator_loss(fake) -> Tensor:
    """LSGAN generator loss: squared distance of fake scores from 1, the label of the real.

    Formula: mean((fake - 1)^2) / 2.

    Gradient: (fake - 1) / N: grows with the distance, so it does not fade where the critic wins.

    Problem: generative modelling.

    Use: with lsgan_discriminator_loss.

    Meaning: least squares. With the codes 0 and 1 it does not minimise a Pearson chi-squared
    divergence; see lsgan_discriminator_loss.

    Outliers: very sensitive: quadratic in the score.

    Shapes: any; the mean of all. Units: the scores', squared.

    Raises: ValueError for an empty batch.

    >>> lsgan_generator_loss([-1.0, 0.5, 0.0]).round(6)
    np.float64(0.875)

    Reference: Mao et al. (2017), Least Squares Generative Adversarial Networks.
    """
    return 0.5 * reduce((check.numbers("fake", fake) - 1) ** 2, "mean")


@loss
def wasserstein_critic_loss(real, fake) -> Tensor:
    """Wasserstein critic loss: by how much fake scores exceed real ones.

    Formula: mean(fake) - mean(real).

    Gradient: 1 / M for each of M fake scores, -1 / N for each of N real ones: constant.

    Problem: generative modelling.

    Use: for the critic of a WGAN, with gradient_penalty to bound its slope.

    Meaning: minus an estimate of the earth mover's distance, if the critic's slope is at most 1.

    Outliers: moderate: linear in the score.

    Shapes: any, and not the same for both; each has its own mean. Units: the scores'.

    Raises: ValueError for an empty batch.

    >>> wasserstein_critic_loss([2.0, -0.5, 1.0], [-1.0, 0.5, 0.0]).round(6)
    np.float64(-1.0)

    Reference: Arjovsky, Chintala, Bottou (2017), Wasserstein GAN.
    """
    real, fake = check.one_precision(real=real, fake=fake)
    return reduce(fake, "mean") - reduce(real, "mean")


@loss
def wasserstein_generator_loss(fake) -> Tensor:
    """Wasserstein generator loss: minus the critic's score of the fake.

    Formula: -mean(fake).

    Gradient: -1 / N for each score: what reaches the generator is the critic's own slope.

    Problem: generative modelling.

    Use: with wasserstein_critic_loss.

    Meaning: the part of the earth mover's distance that the generator can change.

    Outliers: moderate: linear in the score.

    Shapes: any; the mean of all. Units: the scores'.

    Raises: ValueError for an empty batch.

    >>> wasserstein_generator_loss([-1.0, 0.5, 0.0]).round(6)
    np.float64(0.166667)

    Reference: Arjovsky, Chintala, Bottou (2017), Wasserstein GAN.
    """
    return -reduce(check.numbers("fake", fake), "mean")


@loss
def hinge_gan_discriminator_loss(real, fake) -> Tensor:
    """Hinge GAN discriminator loss: real scores should be above 1, fake ones below -1.

    Formula: mean(max(0, 1 - real)) + mean(max(0, 1 + fake)).

    Gradient: -1 / N for each of N real scores below 1, 1 / M for each of M fake scores above -1,
    else 0 (also on the margin itself): a score that is right by a margin does not pull.

    Problem: generative modelling.

    Use: the usual choice for large GANs, with spectral normalisation or gradient_penalty to bound
    the slope of the discriminator. Scores as they are, without a sigmoid.

    Meaning: the hinge loss of a support vector machine that tells real from fake.

    Outliers: moderate: linear in the score of a mistake.

    Shapes: any, and not the same for both; each has its own mean. Units: the scores'.

    Raises: ValueError for an empty batch.

    >>> hinge_gan_discriminator_loss([2.0, -0.5, 1.0], [-1.0, 0.5, 0.0]).round(6)
    np.float64(1.333333)

    Reference: Lim, Ye (2017), Geometric GAN; Zhang, Goodfellow, Metaxas, Odena (2019),
    Self-Attention Generative Adversarial Networks.
    """
    real, fake = check.one_precision(real=real, fake=fake)
    return reduce(relu(1 - real), "mean") + reduce(relu(1 + fake), "mean")


@loss
def hinge_gan_generator_loss(fake) -> Tensor:
    """Hinge GAN generator loss: minus the discriminator's score of the fake.

    Formula: -mean(fake).

    Gradient: -1 / N for each score, without a margin: what reaches the generator is the slope of
    the discriminator.

    Problem: generative modelling.

    Use: with hinge_gan_discriminator_loss.

    Meaning: moves the fake to the side of the real; a hinge here would stop the pull too early.

    Outliers: moderate: linear in the score.

    Shapes: any; the mean of all. Units: the scores'.

    Raises: ValueError for an empty batch.

    >>> hinge_gan_generator_loss([-1.0, 0.5, 0.0]).round(6)
    np.float64(0.166667)

    Reference: Lim, Ye (2017), Geometric GAN.
    """
    return -reduce(check.numbers("fake", fake), "mean")


@loss
def gradient_penalty(critic, real, fake, *, weight: float = 10.0, mix=None, rng=None) -> Tensor:
    """Gradient penalty: how far the critic's slope is from 1, between real and fake samples.

    Formula: weight * mean over n of (||d critic(x)_n / d x_n|| - 1)^2 at the points
    x_n = mix_n real_n + (1 - mix_n) fake_n; the norm is over all axes but the first.

    Gradient: with respect to the critic's parameters, through its gradient: the sum over n of
    weight / N * 2 (||s_n|| - 1) s_n / ||s_n||, for the slope s_n, times the second derivative
    d s_n / d parameter; 0 where the slope is 0.

    Problem: generative modelling.

    Use: beside wasserstein_critic_loss. The critic must treat samples apart: no batch statistics.

    Meaning: the best critic has a slope of 1 nearly everywhere between the two distributions.

    Outliers: very sensitive: quadratic in the norm of the slope.

    Shapes: real and fake (N, ...) of one shape; critic maps that to scores (N,) or (N, 1), with
    operations on Tensors. real, fake and mix are constants. mix (N,) in [0, 1], or rng to draw it
    evenly: a numpy Generator, made once before the training; a seed draws the same mixture in every
    step. The result is a Tensor. Units: weight's.

    Raises: ValueError unless one of mix and rng is given, for mix outside of [0, 1], a negative
    weight, shapes that do not fit, or an empty batch; TypeError for samples with requires_grad
    (pass fake.data) and for a critic that does not give a Tensor; RuntimeError inside of no_grad().

    >>> w = Tensor([3.0, 4.0], requires_grad=True)  # a critic of slope 5 everywhere
    >>> penalty = gradient_penalty(lambda x: x @ w, [[1.0, 0.0]], [[0.0, 1.0]], mix=[0.25])
    >>> penalty.backward()
    >>> penalty.item(), w.grad.tolist()
    (160.0, [48.0, 64.0])

    Reference: Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville (2017), Improved Training of
    Wasserstein GANs.
    """
    weight = check.not_negative("weight", weight)
    real, fake, mix = samples(real, fake, mix, rng)
    x = Tensor(mix * real + (1 - mix) * fake, requires_grad=True)
    scores = critic(x)
    if not isinstance(scores, Tensor):
        raise TypeError(f"critic(x) must be a Tensor, got {type(scores).__name__}")
    if scores.size != len(real):
        raise ValueError(
            f"critic(x) has shape {scores.shape}; one score a sample: {real.shape[:1]}"
        )
    (slope,) = grad(scores.sum(), x, create_graph=True)
    excess = norm(slope, axis=tuple(range(1, real.ndim))) - 1
    return weight * reduce(excess**2, "mean")


def samples(real, fake, mix, rng):
    """Real and fake samples, and the share of the real in each mixture."""
    real = check.constant("real", real, None)
    fake = check.constant("fake", fake, real)
    check.same_shape("real", real, "fake", fake)
    if not real.ndim:
        raise ValueError("real has shape (); samples need an axis of the batch: (N, ...)")
    if (mix is None) == (rng is None):
        raise ValueError("give one of mix (weights of real) and rng (to draw them)")
    if mix is None:
        mix = np.random.default_rng(rng).random(len(real))
    mix = check.constant("mix", mix, real)
    if mix.shape != real.shape[:1]:
        raise ValueError(f"mix has shape {mix.shape}; one number for each sample: {real.shape[:1]}")
    check.probabilities("mix", mix)
    return real, fake, mix.reshape([-1] + [1] * (real.ndim - 1))
