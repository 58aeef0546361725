"""Clipping: the norm it returns, the gradients it leaves, what it refuses."""

import numpy as np
import pytest

import microloss as ml
from microloss import optim


def with_grads(*grads, dtype=float):
    params = [ml.Tensor(np.zeros(np.shape(g)), requires_grad=True, dtype=dtype) for g in grads]
    for p, g in zip(params, grads):
        p.grad = np.array(g, dtype)
    return params


def test_values_by_hand():
    a, b = with_grads([3.0], [[4.0]])
    assert optim.clip_grad_norm_([a, b], 10.0) == 5.0 and a.grad == 3.0
    assert optim.clip_grad_norm_([a, b], 1.0) == 5.0
    factor = 1 / (5 + 1e-6)
    np.testing.assert_allclose([a.grad[0], b.grad[0, 0]], [3 * factor, 4 * factor], rtol=1e-15)
    assert optim.clip_grad_norm_([a, b], 0.1, norm_type=np.inf) == 4 * factor
    optim.clip_grad_value_([a, b], 0.05)
    assert a.grad == 0.05 and b.grad == 0.05


@pytest.mark.parametrize(
    "options, words",
    [
        ({"max_norm": -1.0}, "max_norm must be at least 0, got -1.0"),
        ({"max_norm": np.nan}, "max_norm must be a number, got nan"),
        ({"max_norm": None}, "max_norm"),
        ({"max_norm": 1.0, "norm_type": 0}, "norm_type must be positive"),
        ({"max_norm": 1.0, "norm_type": np.nan}, "norm_type"),
    ],
)
def test_options_are_checked(options, words):
    (p,) = with_grads([3.0])
    with pytest.raises((ValueError, TypeError), match=words):
        optim.clip_grad_norm_([p], **options)
    assert p.grad == 3.0


@pytest.mark.parametrize("value", [-1.0, np.nan, None])
def test_clip_value_is_checked(value):
    with pytest.raises((ValueError, TypeError), match="clip_value"):
        optim.clip_grad_value_(with_grads([3.0]), value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_norm_that_is_not_finite(bad):
    a, b = with_grads([1.0, bad], [2.0])
    with pytest.raises(ValueError, match=r"norm of the gradients is (nan|inf).*detect_anomaly"):
        optim.clip_grad_norm_([a, b], 1.0, error_if_nonfinite=True)
    assert b.grad == 2.0
    norm = optim.clip_grad_norm_([a, b], np.inf)  # measures only
    assert np.array_equal(norm, abs(bad), equal_nan=True) and b.grad == 2.0
    optim.clip_grad_norm_([a, b], 1.0)  # PyTorch's values
    expected = [np.nan, np.nan, np.nan] if np.isnan(bad) else [0.0, np.nan, 0.0]
    np.testing.assert_array_equal([*a.grad, *b.grad], expected)


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_gradients_with_a_graph(clip):
    p = ml.Tensor([3.0, 4.0], requires_grad=True)
    (p * p).sum().backward(create_graph=True)
    assert isinstance(p.grad, ml.Tensor)
    clip([p], 1.0)
    assert type(p.grad) is np.ndarray
    expected = [0.6, 0.8] if clip is optim.clip_grad_norm_ else [1.0, 1.0]
    np.testing.assert_allclose(p.grad, expected, rtol=1e-6)
    optim.SGD([p], lr=1.0).step()


@pytest.mark.parametrize("dtype, size", [(np.float64, 1e200), (np.float32, 1e30)])
def test_exploded_gradients_are_clipped_though_their_squares_overflow(dtype, size):
    (p,) = with_grads([3 * size, -4 * size], dtype=dtype)
    assert optim.clip_grad_norm_([p], 1.0) == pytest.approx(5 * size, rel=1e-6)
    np.testing.assert_allclose(p.grad, [0.6, -0.8], rtol=1e-6)
    assert p.grad.dtype == dtype


def test_underflow_is_harmless():
    tiny = np.finfo(float).tiny
    (p,) = with_grads([tiny, 1e200])
    assert optim.clip_grad_norm_([p], 1.0) == 1e200
    (p,) = with_grads([3 * tiny, 4 * tiny])
    assert optim.clip_grad_norm_([p], 1.0) == pytest.approx(5 * tiny, rel=1e-12)


def test_a_parameter_given_twice_is_clipped_once_and_a_number_stays_an_array():
    p, q = with_grads([3.0], 4.0)
    assert optim.clip_grad_norm_([p, p, q], 1.0) == 5.0
    np.testing.assert_allclose([p.grad[0], q.grad], [0.6, 0.8], rtol=1e-6)
    assert type(q.grad) is np.ndarray


def test_parameters_without_a_gradient_count_as_zero():
    p, (q,) = ml.Tensor([1.0], requires_grad=True), with_grads([2.0])
    assert optim.clip_grad_norm_([p], 1.0) == 0.0
    assert optim.clip_grad_norm_([p, q], 5.0) == 2.0 and p.grad is None
