"""Clipping, constants, rounding, and numbers derived by hand or published."""

import numpy as np
import pytest

import microloss as ml
from microloss import losses

CHOSEN, REJECTED = [-10.0, -12.0, -8.0], [-11.0, -10.0, -8.0]
REFERENCE = [-10.5, -12.5, -8.0], [-10.5, -10.5, -7.0]


def gradients(loss, *arrays, wrt=(0, 1), **options):
    tensors = [ml.Tensor(a, requires_grad=True) if i in wrt else a for i, a in enumerate(arrays)]
    value = loss(*tensors, **options)
    value.backward()
    return [tensors[i].grad for i in wrt]


# ---- numbers by hand, and those of the published formulas ----------------------------------------


def test_reward_ranking_by_hand():
    # odds of 3 to 1: log(4/3), gradient -1/4
    assert losses.reward_ranking_loss([np.log(3)], [0.0]) == pytest.approx(np.log(4 / 3), rel=1e-15)
    assert losses.reward_ranking_loss([np.log(6)], [0.0], margin=np.log(2)) == pytest.approx(
        np.log(4 / 3), rel=1e-15
    )
    d = gradients(losses.reward_ranking_loss, [np.log(3)], [0.0])
    np.testing.assert_allclose(d, [[-0.25], [0.25]], rtol=1e-15)


def test_ppo_published():
    """TRL's formula, over the five tokens that are not masked."""
    old = [-1.0, -1.0, -1.5, -0.4, -1.0]
    advantages = [1.0, 2.0, -1.0, -0.5, 1.5]
    log_probs = [-1.0, -0.5, -2.0, -0.3, -1.2]
    value = losses.ppo_clip_loss(log_probs, old, advantages)
    assert value == pytest.approx(-0.6551021341, rel=1e-9)
    (d,) = gradients(losses.ppo_clip_loss, log_probs, old, advantages, wrt=(0,))
    np.testing.assert_allclose(d, [-0.2, 0, 0, 0.1105170918, -0.2456192259], rtol=1e-9)


def test_kl_by_hand():
    # the policy is twice as sure as the reference
    log_p, reference = [np.log(0.5)], [np.log(0.25)]
    for estimator, value, slope in [
        ("k1", np.log(2), 1.0),
        ("k2", np.log(2) ** 2 / 2, np.log(2)),
        ("k3", np.log(2) - 0.5, 0.5),
    ]:
        assert losses.kl_penalty(log_p, reference, estimator=estimator) == pytest.approx(
            value, rel=1e-14
        )
        (d,) = gradients(losses.kl_penalty, log_p, reference, wrt=(0,), estimator=estimator)
        np.testing.assert_allclose(d, [slope], rtol=1e-14)


def test_kl_estimators_average_to_the_divergence():
    """What the card says of values and gradients, with expectations computed exactly."""
    logits = ml.Tensor([0.3, -0.8, 0.5], requires_grad=True)
    reference = np.log([0.2, 0.5, 0.3])

    def both(estimator):
        log_p = ml.functional.log_softmax(logits)
        p = np.exp(log_p.data)
        values = losses.kl_penalty(log_p, reference, estimator=estimator, reduction="none")
        (slope,) = ml.grad((p * values).sum(), logits)  # p is constant: actions are sampled
        return (p * values.data).sum(), slope

    def divergence(of):
        log_p = ml.functional.log_softmax(logits)
        value = of(log_p)
        return value.item(), ml.grad(value, logits)[0]

    forward, of_forward = divergence(lambda log_p: (np.exp(log_p) * (log_p - reference)).sum())
    _, of_reverse = divergence(lambda log_p: (np.exp(reference) * (reference - log_p)).sum())
    (k1, d1), (k2, d2), (k3, d3) = both("k1"), both("k2"), both("k3")
    assert k1 == pytest.approx(forward, rel=1e-14)
    assert k3 == pytest.approx(forward, rel=1e-14)
    assert k2 != pytest.approx(forward, rel=1e-3)
    np.testing.assert_allclose(d1, 0, atol=1e-15)
    np.testing.assert_allclose(d2, of_forward, rtol=1e-13)
    np.testing.assert_allclose(d3, of_reverse, rtol=1e-13)


def test_dpo_published():
    values = losses.dpo_loss(CHOSEN, REJECTED, *REFERENCE, reduction="none")
    np.testing.assert_allclose(values, [0.6443966601, 0.6931471806, 0.6443966601], rtol=1e-9)
    d = gradients(losses.dpo_loss, CHOSEN, REJECTED, *REFERENCE, reduction="sum")
    expected = np.array([-0.04750208125, -0.05, -0.04750208125])
    np.testing.assert_allclose(d, [expected, -expected], rtol=1e-9)


def test_dpo_starts_at_log_2():
    four = (CHOSEN, REJECTED, CHOSEN, REJECTED)
    assert losses.dpo_loss(*four) == pytest.approx(np.log(2), rel=1e-15)
    assert losses.dpo_loss(*four, label_smoothing=0.3) == pytest.approx(np.log(2), rel=1e-15)


def test_dpo_smoothing_turns_round():
    # the gradient is 0 where sigmoid(-h) = e, here h = log 9
    (d,) = gradients(
        losses.dpo_loss, [np.log(9)], [0.0], [0.0], [0.0], wrt=(0,), beta=1.0, label_smoothing=0.1
    )
    np.testing.assert_allclose(d, [0.0], atol=1e-16)


def test_ipo_by_hand():
    # leads of 1, 0 and 1 nats, the target is 1 / (2 * 0.1) = 5
    values = losses.ipo_loss(CHOSEN, REJECTED, *REFERENCE, reduction="none")
    np.testing.assert_allclose(values, [16, 25, 16], rtol=1e-15)
    d = gradients(losses.ipo_loss, CHOSEN, REJECTED, *REFERENCE, reduction="sum")
    np.testing.assert_allclose(d, [[-8, -10, -8], [8, 10, 8]], rtol=1e-15)
    lead = losses.ipo_loss([5.0], [0.0], [0.0], [0.0])
    assert lead == 0


def test_kto_published():
    args = [-10.0, -12.0], [-11.0], [-10.5, -14.0], [-10.5], 0.4
    d = gradients(losses.kto_loss, *args, undesirable_weight=1.33, reduction="sum")
    np.testing.assert_allclose(d[0], [-0.02499937501, -0.0248406802], rtol=1e-9)
    np.testing.assert_allclose(d[1], [0.03318275954], rtol=1e-9)


def test_orpo_published():
    d = gradients(losses.orpo_loss, [-0.5, -1.2], [-1.0, -0.9], 0.85, wrt=(0, 1, 2))
    np.testing.assert_allclose(d[0], [-0.03482718868, -0.04392014346], rtol=1e-9)
    np.testing.assert_allclose(d[1], [0.02167850857, 0.05171904499], rtol=1e-9)
    assert d[2] == 1


def test_orpo_by_hand():
    # odds 3 and 1: the odds ratio is 3, so log(4/3)
    value = losses.orpo_loss([np.log(0.75)], [np.log(0.5)], [2.0], beta=0.5)
    assert value == pytest.approx(2 + 0.5 * np.log(4 / 3), rel=1e-15)


# ---- PPO's clip ----------------------------------------------------------------------------------


@pytest.mark.parametrize("advantage", [2.0, -2.0])
def test_ppo_clip_stops_on_one_side_only(advantage):
    low, high = np.log([0.5, 1.5])
    (d,) = gradients(
        losses.ppo_clip_loss, [low, 0.0, high], np.zeros(3), np.full(3, advantage), wrt=(0,),
        reduction="sum",
    )  # fmt: skip
    expected = -advantage * np.array([0.5, 1.0, 1.5])
    expected[2 if advantage > 0 else 0] = 0
    np.testing.assert_allclose(d, expected, rtol=1e-15)


@pytest.mark.parametrize("advantage, bound", [(1.0, 1.25), (-1.0, 0.75)])
def test_ppo_passes_the_full_gradient_at_its_bound(advantage, bound):
    (d,) = gradients(
        losses.ppo_clip_loss, [np.log1p(bound - 1)], [0.0], [advantage], wrt=(0,), clip=0.25
    )
    np.testing.assert_allclose(d, [-advantage * bound], rtol=1e-15)


# ---- rounding ------------------------------------------------------------------------------------


def test_kto_keeps_its_digits_for_good_answers():
    # 1 - sigmoid(50) rounds to 0
    value = losses.kto_loss([50.0], [], [0.0], [], 0.0, beta=1.0)
    assert value == pytest.approx(np.exp(-50), rel=1e-14, abs=0)


def test_orpo_takes_certainty_as_the_nearest_number_below():
    tiny = np.finfo(float).tiny
    # log odds of 1: -log(tiny), against log odds 0 of one half
    value = losses.orpo_loss([np.log(0.5)], [0.0], 0.0, beta=1.0)
    assert value == pytest.approx(-np.log(tiny), rel=1e-12)
    assert losses.orpo_loss([0.0], [np.log(0.5)], 0.0, beta=1.0) < 1e-300
    rounded_up = losses.orpo_loss([1e-9], [np.log(0.5)], 0.0)
    assert rounded_up < 1e-300


# ---- constants -----------------------------------------------------------------------------------


def test_dpo_smoothing_above_one_half_prefers_the_rejected():
    slopes = [
        gradients(losses.dpo_loss, [-1.0], [-1.0], [-1.0], [-1.0], label_smoothing=e)[0][0]
        for e in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(slopes, [-0.05, 0, 0.05], atol=1e-16)


def test_kto_takes_a_negative_estimate_of_kl_as_zero():
    args = [-1.0, -2.0], [-3.0], [-1.5, -1.5], [-2.5]
    assert losses.kto_loss(*args, -0.7) == losses.kto_loss(*args, 0.0)
    assert losses.kto_loss(*args, 0.7) != losses.kto_loss(*args, 0.0)
    assert losses.kto_loss(*args, [0.7]) == losses.kto_loss(*args, 0.7)


def test_kto_precision_is_that_of_any_tensor():
    rejected = ml.Tensor([-1.0], requires_grad=True, dtype=np.float32)
    value = losses.kto_loss([-1.0], rejected, [-1.0], [-1.0], 0.1, beta=np.float64(0.1))
    assert value.dtype == np.float32
