"""SAM and SaddleFreeNewton, which need more than one gradient for a step."""

import numpy as np
import pytest

import microloss as ml
from microloss import nn, optim


def P(*values):
    return ml.Tensor(np.array(values, float), requires_grad=True)


# ---- SAM -----------------------------------------------------------------------------------------


def closure_of(optimizer, loss):
    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return closure


def test_sam_takes_the_gradient_at_the_worst_neighbour():
    p = P(3.0, 4.0)
    optimizer = optim.SAM(optim.SGD([p], lr=0.1), rho=1.0)
    assert optimizer.step(closure_of(optimizer, lambda: (p * p).sum() / 2)).item() == 12.5
    # the gradient (3, 4) has norm 5; at p + (0.6, 0.8) it is (3.6, 4.8)
    np.testing.assert_allclose(p.data, [3 - 0.36, 4 - 0.48], rtol=1e-12)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_second_closure_leaves_the_weights_where_they_were(error):
    p, q = P(3.0, 4.0), P(1.0)
    optimizer = optim.SAM(optim.SGD([p, q], lr=0.1), rho=1.0)
    calls = []

    def closure():
        calls.append(p.data.tolist())
        if len(calls) == 2:
            raise error
        optimizer.zero_grad()
        ((p * p).sum() + q.sum()).backward()

    with pytest.raises(error):
        optimizer.step(closure)
    assert calls[1] != [3.0, 4.0]
    assert p.data.tolist() == [3.0, 4.0] and q.data.tolist() == [1.0]


def test_sam_leaves_frozen_weights_and_huge_gradients_in_place():
    p, frozen = P(1.0), P(1.0)
    optimizer = optim.SAM(optim.SGD([p, frozen], lr=1e-201), rho=0.5)
    frozen.requires_grad = False
    frozen.grad = np.ones(1)
    seen = []

    def closure():
        seen.append([p.item(), frozen.item()])
        p.grad = np.array([1e200])

    optimizer.step(closure)
    assert seen == [[1.0, 1.0], [1.5, 1.0]] and p.item() == pytest.approx(0.9, abs=1e-15)


def test_sam_offers_what_an_optimizer_offers():
    p, q = P(1.0), P(2.0)
    optimizer = optim.SAM(optim.SGD([p], lr=0.5))
    optimizer.add_param_group({"params": [q]})
    assert [t.item() for t in optimizer.parameters()] == [1.0, 2.0]
    optim.StepLR(optimizer, 1).step()
    assert optimizer.base.param_groups[1]["lr"] == pytest.approx(0.05, rel=1e-12)


def test_sam_errors():
    with pytest.raises(ValueError, match="rho must be finite and at least 0"):
        optim.SAM(optim.SGD(P(1.0)), rho=-1)
    with pytest.raises(TypeError, match="base must be an optimizer"):
        optim.SAM([P(1.0)])


# ---- SaddleFreeNewton ----------------------------------------------------------------------------


def test_a_newton_step_on_a_saddle_by_hand():
    p, q = P(1.0, 0.1), P(2.0)
    optimizer = optim.SaddleFreeNewton([p, q], lr=0.5, damping=1.0)
    loss = optimizer.step(lambda: p[0] ** 2 - p[1] ** 2 + 3 * q[0] ** 2)
    assert loss.item() == pytest.approx(12.99, rel=1e-12)
    # half a step along g / (|h| + 1), with h = 2, -2, 6
    np.testing.assert_allclose(p.data, [1 - 2 / 6, 0.1 + 0.2 / 6], rtol=1e-12)
    np.testing.assert_allclose(q.data, [2 - 0.5 * 12 / 7], rtol=1e-12)


def test_newton_offers_what_an_optimizer_offers():
    p = P(1.0, 2.0)
    optimizer = optim.SaddleFreeNewton(p, lr=1.0)
    assert isinstance(optimizer, optim.Optimizer) and optimizer.parameters()[0] is p
    p.grad = np.ones(2)
    optimizer.zero_grad()
    assert p.grad is None
    schedule = optim.ExponentialLR(optimizer, 0.5)
    schedule.step()
    optimizer.step(lambda: (p * p).sum())
    np.testing.assert_allclose(p.data, [0.5, 1.0], rtol=1e-12)
    again = optim.SaddleFreeNewton(P(0.0, 0.0), damping=7.0)
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["lr"] == 0.5 and again.param_groups[0]["damping"] == 0.0


def test_newton_errors_change_nothing():
    p = P(1.0, 2.0)
    optimizer = optim.SaddleFreeNewton([p])
    with pytest.raises(TypeError, match=r"closure must return the loss as a Tensor.*got 3.0"):
        optimizer.step(lambda: 3.0)
    with pytest.raises(RuntimeError, match="freed"):
        optimizer.step(closure_of(optimizer, lambda: (p * p).sum()))
    with pytest.raises(FloatingPointError, match="detect_anomaly"):
        optimizer.step(lambda: (p * [np.nan, 1.0]).sum())
    with pytest.raises(ValueError, match="one group"):
        optimizer.add_param_group({"params": [P(1.0)]})
    with pytest.raises(ValueError, match="one group"):
        optim.SaddleFreeNewton([{"params": [p]}, {"params": [P(1.0)]}])
    assert p.data.tolist() == [1.0, 2.0] and len(optimizer.param_groups) == 1


def test_newton_moves_only_what_is_not_frozen():
    model = nn.Linear(2, 1, rng=0)
    optimizer = optim.SaddleFreeNewton(model.parameters())
    X, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [2.0]])
    loss = lambda: ((model(X) - y) ** 2).sum()
    model.weight.requires_grad = False
    before = model.weight.data.copy()
    optimizer.step(loss)
    residual = y - X @ before.T
    np.testing.assert_allclose(model.bias.data, [residual.mean()], rtol=1e-12)
    assert np.array_equal(model.weight.data, before)
    model.bias.requires_grad = False
    with pytest.warns(UserWarning, match="frozen") as seen:
        optimizer.step(loss)
        optimizer.step(loss)
    assert len(seen) == 1 and seen[0].filename == __file__
