"""Gradient descent, with or without momentum."""

from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent.

    Formula: v = momentum * v + g (v = g at first); p = p - lr * v; with nesterov
    p = p - lr * (g + momentum * v).  weight_decay adds weight_decay * p to g.

    >>> from microloss import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.data
    array([0.8])

    Reference: Polyak (1964); Sutskever et al. (2013); PyTorch's SGD.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        super().__init__(params, lr)
        if nesterov and not momentum:
            raise ValueError("nesterov=True looks ahead along the momentum: set momentum > 0")
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov

    def update(self, data, grad, state, lr):
        if self.weight_decay:
            grad = grad + self.weight_decay * data
        if self.momentum:
            if "velocity" in state:
                velocity = state["velocity"]
                velocity *= self.momentum
                velocity += grad
            else:
                velocity = state["velocity"] = grad.copy()
            grad = grad + self.momentum * velocity if self.nesterov else velocity
        data -= lr * grad
