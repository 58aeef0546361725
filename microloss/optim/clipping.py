"""Bounds on gradients, applied between backward() and step()."""

from collections.abc import Iterable
from math import inf

import numpy as np

from ..engine.tensor import Tensor
from ..losses.check import not_negative, positive
from ..parameters import parameter_list
from .optimizer import gradient


def clip_grad_norm_(
    params: Tensor | Iterable[Tensor],
    max_norm: float,
    *,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients by one factor, so that their common norm is at most max_norm.

    Formula: g = g min(1, max_norm / (|g| + 1e-6)), where |g| is the norm of all gradients as one
    vector: (sum |g_i|^norm_type)^(1 / norm_type), the largest |g_i| for norm_type inf.

    Returns the norm before. Gradients of a smaller norm stay as they are; scaled ones are plain
    arrays, also after backward(create_graph=True). A norm of nan makes all gradients nan; an
    infinite norm makes infinite gradients nan and all others 0, as in PyTorch. With
    error_if_nonfinite such a norm is an error, and nothing changes. max_norm = inf only measures.

    >>> p = Tensor([3.0, 4.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> clip_grad_norm_([p], 1.0), p.grad.round(4)
    (10.0, array([0.6, 0.8]))

    Raises: ValueError for a max_norm that is negative or nan, for a norm_type that is not positive,
    and with error_if_nonfinite for a norm that is not finite.

    Reference: Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural
    networks; PyTorch's clip_grad_norm_.
    """
    max_norm, norm_type = not_negative("max_norm", max_norm), positive("norm_type", norm_type)
    with_grad = with_gradients(params)
    total = total_norm([gradient(p) for p in with_grad], norm_type)
    if error_if_nonfinite and not np.isfinite(total):
        raise ValueError(
            f"the norm of the gradients is {total}, and no factor makes it finite: look for the "
            "cause with detect_anomaly(), or lower the learning rate"
        )
    factor = max_norm / (total + 1e-6)
    if max_norm < inf and not factor >= 1:  # smaller, or nan
        with np.errstate(under="ignore", invalid="ignore"):
            for p in with_grad:
                p.grad = np.asarray(gradient(p) * p.dtype.type(factor))
    return total


def clip_grad_value_(params: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]; nan stays nan.

    >>> p = Tensor([3.0, -0.5], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> clip_grad_value_([p], 2.0)
    >>> p.grad
    array([ 2., -1.])

    Raises: ValueError for a clip_value that is negative or nan.
    """
    clip_value = not_negative("clip_value", clip_value)
    for p in with_gradients(params):
        p.grad = np.asarray(np.clip(gradient(p), -clip_value, clip_value))


def with_gradients(params: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The parameters that have a gradient, each once."""
    return [p for p in dict.fromkeys(parameter_list(params)) if p.grad is not None]


@np.errstate(under="ignore")
def total_norm(grads: list[np.ndarray], norm_type: float = 2.0) -> float:
    """The norm of all gradients as one vector, also where the powers of its elements overflow."""
    largest = max((float(np.abs(g).max(initial=0)) for g in grads), default=0.0)
    if any(np.isnan(g).any() for g in grads):
        return np.nan
    if largest in (0, inf) or norm_type == inf:
        return largest
    # the largest element becomes 1; float64, so that a long float32 gradient is summed exactly
    scaled = (np.abs(g.astype(np.float64)) / largest for g in grads)
    return largest * sum(float(np.sum(s**norm_type)) for s in scaled) ** (1 / norm_type)
