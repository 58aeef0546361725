"""Cases of microloss/losses/adversarial.py."""

import functools

import numpy as np
from harness import Case, Error, Extreme, Stated

import microloss as ml
from microloss import losses


def scores(rng):
    """Of the real and of the fake, not equally many."""
    return rng.standard_normal((5, 1)), rng.standard_normal((3, 1))


def fake_scores(rng):
    return (rng.standard_normal((3, 1)),)


def mean_nll(x, label=1):
    p = 1 / (1 + np.exp(-x))
    return np.mean(-label * np.log(p) - (1 - label) * np.log(1 - p))


def bce_in_torch(torch, x, label):
    t = torch.full_like(x, label)
    return torch.nn.functional.binary_cross_entropy_with_logits(x, t)


def discriminator_case(name, smoothing):
    return Case(
        losses.gan_discriminator_loss,
        scores,
        lambda real, fake, **_: mean_nll(real, 1 - smoothing / 2) + mean_nll(-fake),
        wrt=(0, 1),
        kwargs={"label_smoothing": smoothing} if smoothing else {},
        torch=lambda torch, real, fake: (
            bce_in_torch(torch, real, 1 - smoothing / 2) + bce_in_torch(torch, fake, 0.0)
        ),
        reductions=(),
        name=name,
    )


# ---- the gradient penalty of the critic f(x) = v . tanh(W x) -------------------------------------

MIX = np.array([0.25, 0.75, 0.4, 0.0])


def critic_and_samples(rng):
    return tuple(rng.standard_normal(s) for s in ((5, 6), (5,), (4, 2, 3), (4, 2, 3)))


@functools.wraps(losses.gradient_penalty)
def gradient_penalty(w, v, real, fake, **options):
    """The loss as a function of the critic's parameters; plain for plain parameters."""
    plain = not isinstance(w, ml.Tensor)
    w, v = (np.asarray(w), np.asarray(v)) if plain else (w, v)
    penalty = losses.gradient_penalty(
        lambda x: np.tanh(x.reshape(len(x), -1) @ w.T) @ v, real, fake, **options
    )
    return penalty.data if plain else penalty


def naive_penalty(w, v, real, fake, weight=10.0, mix=None):
    values = []
    for r, f, a in zip(real, fake, mix):
        hidden = np.tanh(w @ (a * r + (1 - a) * f).ravel())
        slope = w.T @ (v * (1 - hidden**2))
        values.append((np.sqrt(slope @ slope) - 1) ** 2)
    return weight * np.mean(values)


def penalty_in_torch(weight=10.0):
    def call(torch, w, v, real, fake):
        mix = torch.tensor(MIX)[:, None, None]
        x = (mix * real.detach() + (1 - mix) * fake.detach()).requires_grad_()
        score = torch.tanh(x.flatten(1) @ w.T) @ v
        (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return weight * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()

    return call


CASES = [
    discriminator_case("", 0.0),
    discriminator_case("smooth", 0.25),
    Case(
        losses.gan_generator_loss,
        fake_scores,
        mean_nll,
        torch=lambda torch, fake: bce_in_torch(torch, fake, 1.0),
        reductions=(),
    ),
    Case(
        losses.gan_generator_loss,
        fake_scores,
        lambda fake, saturating: np.mean(np.log(1 - 1 / (1 + np.exp(-fake)))),
        kwargs={"saturating": True},
        torch=lambda torch, fake: -bce_in_torch(torch, fake, 0.0),
        reductions=(),
        name="saturating",
    ),
    Case(
        losses.lsgan_discriminator_loss,
        scores,
        lambda real, fake: np.sum((1 - real) ** 2) / 10 + np.sum(fake**2) / 6,
        wrt=(0, 1),
        torch=lambda torch, real, fake: (((real - 1) ** 2).mean() + (fake**2).mean()) / 2,
        reductions=(),
    ),
    Case(
        losses.lsgan_generator_loss,
        fake_scores,
        lambda fake: np.sum((1 - fake) ** 2) / 6,
        torch=lambda torch, fake: ((fake - 1) ** 2).mean() / 2,
        reductions=(),
    ),
    Case(
        losses.wasserstein_critic_loss,
        scores,
        lambda real, fake: np.sum(fake) / 3 - np.sum(real) / 5,
        wrt=(0, 1),
        torch=lambda torch, real, fake: fake.mean() - real.mean(),
        reductions=(),
    ),
    Case(
        losses.wasserstein_generator_loss,
        fake_scores,
        lambda fake: -np.sum(fake) / 3,
        torch=lambda torch, fake: -fake.mean(),
        reductions=(),
    ),
    Case(
        losses.hinge_gan_discriminator_loss,
        scores,
        lambda real, fake: (
            sum(max(0, 1 - x) for x in real.flat) / 5 + sum(max(0, 1 + x) for x in fake.flat) / 3
        ),
        wrt=(0, 1),
        torch=lambda torch, real, fake: (1 - real).relu().mean() + (1 + fake).relu().mean(),
        reductions=(),
    ),
    Case(
        losses.hinge_gan_generator_loss,
        fake_scores,
        lambda fake: -np.sum(fake) / 3,
        torch=lambda torch, fake: -fake.mean(),
        reductions=(),
    ),
    Case(
        gradient_penalty,
        critic_and_samples,
        naive_penalty,
        wrt=(0, 1),
        kwargs={"mix": MIX},
        torch=penalty_in_torch(),
        reductions=(),
    ),
    Case(
        gradient_penalty,
        critic_and_samples,
        naive_penalty,
        wrt=(0, 1),
        kwargs={"mix": MIX, "weight": 3.0},
        torch=penalty_in_torch(3.0),
        reductions=(),
        name="weight",
    ),
]

FAR = np.array([1e4, -1e4])
REAL = np.array([[1.0, 2.0]])

EXTREMES = [
    Extreme(
        losses.gan_discriminator_loss,
        (FAR, FAR),
        value=1e4,
        wrt=(0, 1),
        gradients=(np.array([0.0, -0.5]), np.array([0.5, 0.0])),
    ),
    Extreme(
        losses.gan_discriminator_loss,
        (FAR, FAR),
        {"label_smoothing": 0.2},
        value=1e4,
        wrt=(0, 1),
        gradients=(np.array([0.05, -0.45]), np.array([0.5, 0.0])),
        name="smooth",
    ),
    Extreme(losses.gan_generator_loss, (FAR,), value=5e3, gradients=(np.array([0.0, -0.5]),)),
    Extreme(
        losses.gan_generator_loss,
        (FAR,),
        {"saturating": True},
        value=-5e3,
        gradients=(np.array([-0.5, 0.0]),),
        name="saturating",
    ),
    Extreme(losses.lsgan_discriminator_loss, (FAR, FAR), wrt=(0, 1)),
    Extreme(losses.lsgan_generator_loss, (FAR,)),
    Extreme(losses.wasserstein_critic_loss, (FAR, FAR), value=0.0, wrt=(0, 1)),
    Extreme(losses.wasserstein_generator_loss, (FAR[:1],), value=-1e4),
    Extreme(
        losses.hinge_gan_discriminator_loss,
        (FAR, FAR),
        value=10001.0,
        wrt=(0, 1),
        gradients=(np.array([0.0, -0.5]), np.array([0.5, 0.0])),
    ),
    Extreme(losses.hinge_gan_generator_loss, (FAR[:1],), value=-1e4),
    Extreme(
        gradient_penalty,
        (np.zeros((3, 2)), np.ones(3), REAL, -REAL),
        {"mix": [0.5]},
        value=10.0,
        wrt=(0, 1),
        gradients=(np.zeros((3, 2)), np.zeros(3)),
        name="no-slope",
    ),
]

NOTHING = np.zeros(0)


def linear(x):
    return x @ np.ones(2)


def penalty_error(kwargs, error, words, critic=linear, real=REAL, fake=REAL):
    return Error(losses.gradient_penalty, (critic, real, fake), kwargs, error, words)


ERRORS = [
    Error(losses.gan_discriminator_loss, (NOTHING, FAR), {}, ValueError, ("mean", "nothing")),
    Error(losses.gan_discriminator_loss, (FAR, NOTHING), {}, ValueError, ("mean", "nothing")),
    Error(losses.gan_discriminator_loss, (FAR, ["a"]), {}, TypeError, ("fake_logits", "real")),
    Error(
        losses.gan_discriminator_loss,
        (FAR, FAR),
        {"label_smoothing": 1.1},
        ValueError,
        ("label_smoothing", "1.1"),
    ),
    Error(losses.gan_generator_loss, (NOTHING,), {}, ValueError, ("mean", "nothing")),
    Error(losses.lsgan_discriminator_loss, (FAR, NOTHING), {}, ValueError, ("mean", "nothing")),
    Error(losses.lsgan_generator_loss, (NOTHING,), {}, ValueError, ("mean", "nothing")),
    Error(losses.wasserstein_critic_loss, (NOTHING, FAR), {}, ValueError, ("mean", "nothing")),
    Error(losses.wasserstein_generator_loss, (NOTHING,), {}, ValueError, ("mean", "nothing")),
    Error(losses.hinge_gan_discriminator_loss, (NOTHING, FAR), {}, ValueError, ("mean", "nothing")),
    Error(losses.hinge_gan_generator_loss, (NOTHING,), {}, ValueError, ("mean", "nothing")),
    penalty_error({}, ValueError, ("mix", "rng")),
    penalty_error({"mix": [0.5], "rng": 0}, ValueError, ("mix", "rng")),
    penalty_error({"mix": [0.5, 0.5]}, ValueError, ("mix", "(2,)", "(1,)")),
    penalty_error({"mix": [1.5]}, ValueError, ("mix", "1.5", "[0, 1]")),
    penalty_error({"rng": 0, "weight": -1}, ValueError, ("weight", "-1")),
    penalty_error({"rng": 0}, ValueError, ("(1, 2)", "(2,)", "reshape"), fake=REAL[0]),
    penalty_error({"rng": 0}, ValueError, ("real", "()"), real=1.0, fake=1.0),
    penalty_error({"rng": 0}, TypeError, ("critic(x)", "ndarray"), lambda x: x.data[:, 0]),
    penalty_error({"rng": 0}, ValueError, ("critic(x)", "(1, 2)", "(1,)"), lambda x: x * 2),
    penalty_error({"rng": 0}, ValueError, ("mean", "nothing"), real=REAL[:0], fake=REAL[:0]),
]

# ---- the gradients that the cards state ----------------------------------------------------------


def p(x):
    return 1 / (1 + np.exp(-x))


@functools.wraps(losses.gradient_penalty)
def penalty_of_squares(w, real, fake, **options):
    """For the critic sum(w x^2) / 2, whose slope is w x."""
    critic = lambda x: (w * x * x).sum(axis=1) / 2
    penalty = losses.gradient_penalty(critic, real, fake, **options)
    return penalty if isinstance(w, ml.Tensor) else penalty.data


def stated_penalty(w, real, fake, mix, weight):
    x = mix[:, None] * real + (1 - mix[:, None]) * fake
    s = w * x
    length = np.sqrt((s * s).sum(axis=1, keepdims=True))
    return (weight / len(x) * 2 * (length - 1) * s / length * x).sum(axis=0)


GRADIENTS = [
    Stated(
        losses.gan_discriminator_loss,
        "(p - t) / N for each of N real logits, p / M for each of M fake ones",
        lambda real, fake, label_smoothing: (
            (p(real) - (1 - label_smoothing / 2)) / real.size,
            p(fake) / fake.size,
        ),
        scores,
        wrt=(0, 1),
        kwargs={"label_smoothing": 0.3},
    ),
    Stated(
        losses.gan_generator_loss,
        "-(1 - p) / N",
        lambda fake: -(1 - p(fake)) / fake.size,
        fake_scores,
    ),
    Stated(
        losses.gan_generator_loss,
        "saturating: -p / N",
        lambda fake, saturating: -p(fake) / fake.size,
        fake_scores,
        kwargs={"saturating": True},
    ),
    Stated(
        losses.lsgan_discriminator_loss,
        "(real - 1) / N for each of N real and fake / M for each of M fake scores",
        lambda real, fake: ((real - 1) / real.size, fake / fake.size),
        scores,
        wrt=(0, 1),
    ),
    Stated(
        losses.lsgan_generator_loss,
        "(fake - 1) / N",
        lambda fake: (fake - 1) / fake.size,
        fake_scores,
    ),
    Stated(
        losses.wasserstein_critic_loss,
        "1 / M for each of M fake scores, -1 / N for each of N real ones",
        lambda real, fake: (-1 / real.size, 1 / fake.size),
        scores,
        wrt=(0, 1),
    ),
    Stated(
        losses.wasserstein_generator_loss,
        "-1 / N for each score",
        lambda fake: -1 / fake.size,
        fake_scores,
    ),
    Stated(
        losses.hinge_gan_discriminator_loss,
        "-1 / N for each of N real scores below 1, 1 / M for each of M fake scores above -1",
        lambda real, fake: (-1.0 * (real < 1) / real.size, (fake > -1) / fake.size),
        scores,
        wrt=(0, 1),
    ),
    Stated(
        losses.hinge_gan_generator_loss,
        "-1 / N for each score",
        lambda fake: -1 / fake.size,
        fake_scores,
    ),
    Stated(
        penalty_of_squares,
        "weight / N * 2 (||s_n|| - 1) s_n / ||s_n||",
        stated_penalty,
        lambda rng: (rng.standard_normal(3), *rng.standard_normal((2, 4, 3))),
        kwargs={"mix": MIX, "weight": 10.0},
    ),
]
