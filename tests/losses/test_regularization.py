"""What only penalties have: lists of parameters, proximal steps, springs."""

import numpy as np
import pytest

import microloss as ml
from microloss import losses, nn, optim

ELASTIC_NET = np.array([1.5478127329492806, -0.710519852743809, 0.029147299138457216, -0.0])
W1, W2 = np.array([1.0, -2.0, 0.0]), np.array([[0.5], [-0.5]])


@pytest.mark.parametrize(
    "penalty, options, value, slope",
    [
        (losses.l1_penalty, {"strength": 0.01}, 0.04, lambda w: 0.01 * np.sign(w)),
        (losses.l2_penalty, {"strength": 0.01}, 0.055, lambda w: 0.02 * w),
        (
            losses.elastic_net_penalty,
            {"l1": 0.01, "l2": 0.1},
            0.04 + 0.55,
            lambda w: 0.01 * np.sign(w) + 0.2 * w,
        ),
    ],
)
def test_by_hand_over_a_list(penalty, options, value, slope):
    params = [ml.Tensor(W1, requires_grad=True), ml.Tensor(W2, requires_grad=True)]
    total = penalty(params, **options)
    assert total.item() == pytest.approx(value, rel=1e-15)
    total.backward()
    for w in params:
        np.testing.assert_allclose(w.grad, slope(w.data), rtol=1e-15)
    assert penalty((w for w in params), **options).item() == total.item()
    assert penalty([W1, W2], **options) == total.item()
    assert penalty([W1.tolist(), W2.tolist()], **options) == total.item()


def test_one_parameter_and_a_list_of_one_are_the_same():
    w = ml.Tensor(W1, requires_grad=True)
    assert losses.l2_penalty(w).item() == losses.l2_penalty([w]).item() == 5
    assert losses.ewc_penalty(w, W1 + 1, W1**2).item() == 2.5
    assert losses.ewc_penalty([w], [W1 + 1], [W1**2]).item() == 2.5


def test_parameters_of_a_model():
    model = nn.Linear(3, 2, rng=np.random.default_rng(0))
    expected = sum(np.sum(p.data**2) for p in model.parameters())
    assert losses.l2_penalty(model.parameters()).item() == pytest.approx(expected, rel=1e-14)


# ---- soft threshold ------------------------------------------------------------------------------


def test_soft_threshold_solves_its_problem():
    x = np.array([-3.0, -0.5, 0.2, 0.7, 2.0])
    grid = np.linspace(-4, 4, 8001)
    best = [grid[np.argmin((grid - v) ** 2 / 2 + 0.6 * np.abs(grid))] for v in x]
    np.testing.assert_allclose(losses.soft_threshold(x, 0.6), best, atol=6e-4)


def test_soft_threshold_gives_exact_zeros_and_half_the_slopes():
    x = ml.Tensor([-3.0, -1.0, -0.3, 0.0, 1.0, 1.5], requires_grad=True)
    y = losses.soft_threshold(x, 1.0)
    np.testing.assert_array_equal(y.data, [-2, 0, 0, 0, 0, 0.5])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 0, 0, 0, 1])
    assert losses.soft_threshold(x.data.astype(np.float32), np.float64(0.1)).dtype == np.float32
    with pytest.raises(ValueError, match="amount must be at least 0, got -1"):
        losses.soft_threshold(x, -1)


def test_proximal_steps_reach_the_lasso():
    """For an orthonormal design the lasso is the soft threshold of least squares."""
    rng = np.random.default_rng(0)
    design = np.linalg.qr(rng.standard_normal((20, 5)))[0]
    y = design @ np.array([3.0, -0.05, 0.0, 1.0, 0.02])
    w, strength = ml.Tensor(np.zeros(5), requires_grad=True), 0.2
    for _ in range(200):
        (slope,) = ml.grad(0.5 * np.sum((design @ w - y) ** 2), [w])
        w.data = losses.soft_threshold(w.data - 0.5 * slope, 0.5 * strength)
    np.testing.assert_allclose(w.data, [2.8, 0, 0, 0.8, 0], atol=1e-12)
    assert (w.data[[1, 2, 4]] == 0).all()


def test_the_proximal_step_of_the_elastic_net_is_a_shrunken_soft_threshold():
    x, lr, l1, l2 = np.array([-3.0, 0.5, 2.0]), 0.5, 2.0, 1.0
    step = losses.soft_threshold(x, lr * l1) / (1 + 2 * lr * l2)
    grid = np.linspace(-4, 4, 8001)[:, None]
    penalty = np.array([losses.elastic_net_penalty(w, l1=l1, l2=l2) for w in grid])[:, None]
    best = grid[np.argmin((grid - x) ** 2 / 2 + lr * penalty, axis=0), 0]
    np.testing.assert_allclose(step, best, atol=5e-4)


# ---- elastic weight consolidation ----------------------------------------------------------------


def test_ewc_by_hand():
    w = ml.Tensor([1.0, 2.0, -1.0], requires_grad=True)
    total = losses.ewc_penalty(w, [0.5, 2.5, -1.0], [2.0, 0.5, 10.0], strength=100)
    assert total.item() == 31.25
    total.backward()
    np.testing.assert_array_equal(w.grad, [100, -25, 0])


def test_ewc_anchors_must_not_move_with_the_parameters():
    params = list(nn.Linear(3, 2, rng=0).parameters())
    fisher = [np.ones(p.shape) for p in params]
    for live in ([p.data for p in params], [p.data[:] for p in params]):
        with pytest.raises(ValueError, match=r"anchors share memory.*p\.data\.copy\(\)"):
            losses.ewc_penalty(params, live, fisher)
    anchors = [p.data.copy() for p in params]
    for p in params:
        p.data += 0.5
    assert losses.ewc_penalty(params, anchors, fisher).item() == pytest.approx(1.0, rel=1e-12)


# ---- what the cards say of other libraries -------------------------------------------------------


def test_weight_decay_of_sgd_is_twice_the_strength():
    rng = np.random.default_rng(0)
    start, slope = rng.standard_normal((2, 4))
    ends = []
    for decay, strength in ((0.06, 0.0), (0.0, 0.03)):
        w = ml.Tensor(start, requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1, weight_decay=decay)
        (np.dot(slope, w) + losses.l2_penalty(w, strength=strength)).backward()
        optimizer.step()
        ends.append(w.data)
    np.testing.assert_allclose(*ends, rtol=1e-14)


@pytest.mark.parametrize("factor", [1, 2])
def test_elastic_net_of_scikit_learn(factor):
    """scikit-learn 1.9's ElasticNet(alpha=0.3, l1_ratio=0.6), beside half or the whole MSE."""
    rng = np.random.default_rng(0)
    design = rng.standard_normal((20, 4))
    y = design @ np.array([2.0, -1.0, 0.1, 0.0]) + 0.1 * rng.standard_normal(20)
    options = {"l1": factor * 0.3 * 0.6, "l2": factor * 0.3 * 0.4 / 2}
    w = ml.Tensor(ELASTIC_NET, requires_grad=True)
    (
        factor / 2 * losses.mse_loss(design @ w, y) + losses.elastic_net_penalty(w, **options)
    ).backward()
    kept = ELASTIC_NET != 0
    assert kept.any() and not kept.all()
    np.testing.assert_allclose(w.grad[kept], 0, atol=1e-9)
    assert (abs(w.grad[~kept]) <= options["l1"]).all()
