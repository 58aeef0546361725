"""Gradient descent, with or without momentum."""

import numpy as np

from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent.

    Formula: g = grad + weight_decay p; v = momentum v + (1 - dampening) g, v = g at first;
    p = p - lr v, and p = p - lr (g + momentum v) with nesterov.

    >>> from microloss import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.data
    array([0.8])

    Reference: Robbins, Monro (1951), A stochastic approximation method; Polyak (1964), Some methods
    of speeding up the convergence of iteration methods; Sutskever, Martens, Dahl, Hinton (2013), On
    the importance of initialization and momentum in deep learning; PyTorch's SGD.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
        )

    def checked(self, options):
        options = super().checked(options)
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ValueError(
                "nesterov=True looks ahead along the momentum: it needs momentum > 0 "
                f"and dampening = 0, got {options['momentum']} and {options['dampening']}"
            )
        return options

    def slots(self, group):
        return ("velocity",) if group["momentum"] else ()

    def start(self, name, data):
        return None  # the first velocity is the first gradient

    def update(self, data, grad, state, group, lr):
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * data
        momentum = group["momentum"]
        if momentum:
            velocity = state["velocity"]
            if velocity is None:
                # an array, also of a single number: a NumPy scalar would not change in place
                velocity = state["velocity"] = np.array(grad, data.dtype)
            else:
                velocity *= momentum
                velocity += (1 - group["dampening"]) * grad if group["dampening"] else grad
            grad = grad + momentum * velocity if group["nesterov"] else velocity
        data -= lr * grad
