"""Adversarial losses: numbers by hand, and what the gradient penalty must and must not touch."""

import numpy as np
import pytest
from harness import close

import microloss as ml
from microloss import nn
from microloss.losses import (
    gan_discriminator_loss,
    gan_generator_loss,
    gradient_penalty,
    hinge_gan_discriminator_loss,
    hinge_gan_generator_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)

REAL, FAKE = np.array([2, -0.5, 1]), np.array([-1, 0.5, 0])


def gradients(f, *arrays):
    tensors = [ml.Tensor(a, requires_grad=True) for a in arrays]
    return ml.grad(f(*tensors), tensors)


def test_gan_of_the_references():
    close(gan_discriminator_loss(REAL, FAKE), 1.131584178)
    real, fake = gradients(gan_discriminator_loss, REAL, FAKE)
    close(real, [-0.03973430734, -0.2074864437, -0.08964714046])
    close(fake, [0.08964714046, 0.2074864437, 0.1666666667])
    close(gan_discriminator_loss(REAL, FAKE, label_smoothing=0.25), 1.235750845)  # TF-GAN's


def test_gan_when_nobody_knows():
    zeros = np.zeros(3)
    close(gan_discriminator_loss(zeros, zeros), 2 * np.log(2))
    close(gan_generator_loss(zeros), np.log(2))
    close(gan_generator_loss(zeros, saturating=True), -np.log(2))


def test_the_saturating_generator_fades_where_the_discriminator_wins():
    (plain,) = gradients(gan_generator_loss, [-5.0])
    (saturating,) = gradients(lambda x: gan_generator_loss(x, saturating=True), [-5.0])
    p = 1 / (1 + np.exp(5))
    close(plain, [p - 1])
    close(saturating, [-p])


def test_lsgan_of_the_references():
    close(lsgan_discriminator_loss(REAL, FAKE), 0.75)
    real, fake = gradients(lsgan_discriminator_loss, REAL, FAKE)
    close(real, [1 / 3, -0.5, 0])
    close(fake, [-1 / 3, 1 / 6, 0])
    close(lsgan_generator_loss(FAKE), (4 + 0.25 + 1) / 6)


def test_wasserstein_of_the_references():
    close(wasserstein_critic_loss(REAL, FAKE), -1)
    real, fake = gradients(wasserstein_critic_loss, REAL, FAKE)
    close(real, [-1 / 3] * 3)
    close(fake, [1 / 3] * 3)
    close(wasserstein_generator_loss(REAL), -2.5 / 3)


def test_hinge_gan_by_hand():
    """Real 1.5 below the margin, and one on it; fake on the margin, 1.5 and 1 above it."""
    close(hinge_gan_discriminator_loss(REAL, FAKE), 1.5 / 3 + 2.5 / 3)
    real, fake = gradients(hinge_gan_discriminator_loss, REAL, FAKE)
    close(real, [0, -1 / 3, 0])  # on the margin itself 0, as in the authors' ReLU
    close(fake, [0, 1 / 3, 1 / 3])
    close(hinge_gan_generator_loss(FAKE), 0.5 / 3)


@pytest.mark.parametrize(
    "loss",
    [
        gan_discriminator_loss,
        lsgan_discriminator_loss,
        wasserstein_critic_loss,
        hinge_gan_discriminator_loss,
    ],
)
def test_a_list_beside_float32_stays_float32(loss):
    scores = ml.Tensor(REAL, dtype=np.float32)
    assert loss(scores, [0.5, 1.0]).dtype == loss([0.5, 1.0], scores).dtype == np.float32


def test_real_and_fake_are_averaged_apart():
    for loss in (
        gan_discriminator_loss,
        lsgan_discriminator_loss,
        wasserstein_critic_loss,
        hinge_gan_discriminator_loss,
    ):
        close(loss(np.tile(REAL, 2), FAKE[:, None]), loss(REAL, FAKE))


# ---- gradient penalty ----------------------------------------------------------------------------


def test_penalty_of_a_linear_critic():
    """The slope is w everywhere: 10 (5 - 1)^2 = 160, and its derivative 20 (5 - 1) w / 5."""
    w = ml.Tensor([3.0, 4.0], requires_grad=True)
    real, fake = [[1, 0], [0, 2]], [[0, 1], [1, 0]]
    for mix in ([0.25, 0.75], [0.0, 1.0]):
        penalty = gradient_penalty(lambda x: x @ w, real, fake, mix=mix)
        close(penalty.item(), 160)
        close(ml.grad(penalty, w)[0], [48, 64])


def test_mix_is_the_share_of_the_real():
    """The slope of x^2 at x = 0.25 is 0.5."""
    penalty = gradient_penalty(lambda x: x * x, [1.0], [0.0], mix=[0.25])
    close(penalty.item(), 10 * 0.5**2)
    assert gradient_penalty(lambda x: x * x, [1.0], [0.0], mix=[0.5], weight=3).item() == 0


def test_the_norm_is_over_all_axes_but_the_first():
    """Slopes of ones, 2 x 2 in each sample, have length 2."""
    images = np.zeros((3, 2, 2))
    penalty = gradient_penalty(lambda x: x.sum(axis=(1, 2)), images, images, mix=[0, 0.5, 1])
    close(penalty.item(), 10)


def test_random_mixtures_repeat():
    def critic(x):
        return np.sum(x**3, axis=1)

    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((2, 5, 3))
    expected = gradient_penalty(critic, real, fake, mix=np.random.default_rng(7).random(5)).item()
    assert gradient_penalty(critic, real, fake, rng=7).item() == expected
    rng = np.random.default_rng(7)
    assert gradient_penalty(critic, real, fake, rng=rng).item() == expected
    assert gradient_penalty(critic, real, fake, rng=rng).item() != expected


@pytest.mark.parametrize("seed", range(5))
def test_penalty_trains_a_network(seed):
    """Every parameter of the critic but its last bias gets a gradient, which lowers the penalty."""
    rng = np.random.default_rng(seed)
    critic = nn.MLP(3, 8, 1, rng=rng, activation=nn.Tanh)
    real, fake = rng.standard_normal((2, 6, 3))
    mix = rng.random(6)

    def penalty():
        return gradient_penalty(critic, real, fake, mix=mix)

    before = penalty()
    before.backward()
    for name, parameter in critic.named_parameters():
        if name == "2.bias":
            assert parameter.grad is None or (parameter.grad == 0).all()
        else:
            assert np.any(parameter.grad)
            parameter.data = parameter.data - 1e-3 * parameter.grad
    assert penalty().item() < before.item()


def test_scores_in_a_column_or_a_row():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((2, 4, 3))
    w = rng.standard_normal((3, 1))
    column = gradient_penalty(lambda x: np.tanh(x @ w), real, fake, rng=0)
    row = gradient_penalty(lambda x: np.tanh(x @ w[:, 0]), real, fake, rng=0)
    close(column.item(), row.item())


def test_a_slope_of_zero_pulls_nowhere():
    """The penalty of a flat critic is 10; the norm's subgradient there is 0."""
    w = ml.Tensor(np.zeros(3), requires_grad=True)
    real, fake = np.random.default_rng(0).standard_normal((2, 4, 3))
    penalty = gradient_penalty(lambda x: x @ w, real, fake, rng=0)
    close(penalty.item(), 10)
    assert (ml.grad(penalty, w)[0] == 0).all()


def test_penalty_keeps_float32():
    real, fake = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    assert gradient_penalty(lambda x: np.sum(x**3, axis=1), real, fake, rng=0).dtype == np.float32


def test_penalty_needs_a_graph():
    with ml.no_grad(), pytest.raises(RuntimeError, match="no_grad"):
        gradient_penalty(lambda x: x @ np.ones(2), [[1, 0]], [[0, 1]], rng=0)


def test_options_of_double_precision_leave_float32():
    x, half = np.float32(REAL), np.float64(0.5)
    assert gan_discriminator_loss(x, x, label_smoothing=half).dtype == np.float32
    penalty = gradient_penalty(np.square, x, x, weight=half, mix=[half] * 3)
    assert penalty.dtype == np.float32
