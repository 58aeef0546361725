"""Bounds on gradients, applied between backward() and step()."""

from collections.abc import Iterable

import numpy as np

from ..engine.tensor import Tensor


def clip_grad_norm_(params: Iterable[Tensor], max_norm: float, *, norm_type: float = 2.0) -> float:
    """Scale all gradients by one factor, so that their common norm is at most max_norm.

    Returns the norm before.  Gradients of a smaller norm stay as they are.

    >>> p = Tensor([3.0, 4.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> clip_grad_norm_([p], 1.0), p.grad.round(4)
    (10.0, array([0.6, 0.8]))

    Reference: Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural
    networks; PyTorch's clip_grad_norm_.
    """
    with_grad = [p for p in params if p.grad is not None]
    norms = [np.linalg.norm(p.grad.reshape(-1), norm_type) for p in with_grad]
    total = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    factor = max_norm / (total + 1e-6)
    if factor < 1:
        for p in with_grad:
            p.grad = p.grad * p.grad.dtype.type(factor)
    return total


def clip_grad_value_(params: Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]."""
    for p in params:
        if p.grad is not None:
            p.grad = np.clip(p.grad, -clip_value, clip_value)
