"""Optimizers that scale each coordinate's step by the size of its past gradients."""

import numpy as np

from .optimizer import Optimizer


def squared(grad, like):
    """grad^2 as an array, also of a single number, where `grad * grad` would be a NumPy scalar."""
    return np.multiply(grad, grad, out=np.empty_like(like))


def moving_average(average, weight, new, scratch):
    """average = (1 - weight) average + weight new, in place."""
    average *= 1 - weight
    average += np.multiply(new, weight, out=scratch)


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients.

    Formula: s = s + g^2; p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).

    >>> from microloss import Tensor
    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = Adagrad([p], lr=0.1)
    >>> (p * [1.0, 100.0]).sum().backward()
    >>> optimizer.step()
    >>> p.data.round(6)
    array([0.9, 0.9])

    Reference: Duchi, Hazan, Singer (2011), Adaptive subgradient methods for online learning and
    stochastic optimization; PyTorch's Adagrad.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        eps: float = 1e-10,
    ):
        super().__init__(params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)

    def slots(self, group):
        return "step", "sum"

    def update(self, data, grad, state, group, lr):
        state["step"] += 1
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * data
        total = state["sum"]
        scratch = squared(grad, data)
        total += scratch
        np.sqrt(total, out=scratch)
        scratch += group["eps"]
        np.divide(grad, scratch, out=scratch)
        scratch *= lr / (1 + (state["step"] - 1) * group["lr_decay"])
        data -= scratch


class RMSprop(Optimizer):
    """Steps divided by the root of a running average of squared gradients.

    Formula: s = alpha s + (1 - alpha) g^2; p = p - lr g / (sqrt(s) + eps). centered subtracts
    the squared running average of g from s; momentum averages the scaled gradients.

    >>> from microloss import Tensor
    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = RMSprop([p], lr=0.01)
    >>> (p * [1.0, 100.0]).sum().backward()
    >>> optimizer.step()
    >>> p.data.round(6)
    array([0.9, 0.9])

    Reference: Tieleman, Hinton (2012), Lecture 6.5: rmsprop; Graves (2013), Generating sequences
    with recurrent neural networks, for `centered`; PyTorch's RMSprop.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def slots(self, group):
        return (
            "square",
            *(["mean"] if group["centered"] else []),
            *(["velocity"] if group["momentum"] else []),
        )

    def update(self, data, grad, state, group, lr):
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * data
        scratch = squared(grad, data)
        moving_average(state["square"], 1 - group["alpha"], scratch, scratch)
        root = state["square"]
        if group["centered"]:
            moving_average(state["mean"], 1 - group["alpha"], grad, scratch)
            # a variance, which rounding can bring below 0 when the gradient stays the same
            root = np.maximum(root - state["mean"] * state["mean"], 0)
        np.sqrt(root, out=scratch)
        scratch += group["eps"]
        np.divide(grad, scratch, out=scratch)
        if group["momentum"]:
            velocity = state["velocity"]
            velocity *= group["momentum"]
            velocity += scratch
            np.multiply(velocity, lr, out=scratch)
        else:
            scratch *= lr
        data -= scratch


class Adam(Optimizer):
    """Momentum, divided by the root of a running average of squared gradients.

    Formula: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
    weight_decay adds weight_decay p to g, so that it is scaled like a gradient; AdamW does not.
    amsgrad divides by the root of the largest v so far.

    >>> from microloss import Tensor
    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * [1.0, 100.0]).sum().backward()
    >>> optimizer.step()
    >>> p.data.round(6)
    array([0.9, 0.9])

    Reference: Kingma, Ba (2015), Adam: a method for stochastic optimization; Reddi, Kale, Kumar
    (2018), On the convergence of Adam and beyond, for `amsgrad`; PyTorch's Adam.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ):
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad
        )

    def slots(self, group):
        return ("step", "mean", "square", *(["highest"] if group["amsgrad"] else []))

    def update(self, data, grad, state, group, lr):
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * data
        self.adapt(data, grad, state, group, lr)

    def adapt(self, data, grad, state, group, lr):
        state["step"] += 1
        beta1, beta2 = group["betas"]
        unbias = np.sqrt(1 - beta2 ** state["step"])
        scratch = squared(grad, data)
        moving_average(state["square"], 1 - beta2, scratch, scratch)
        moving_average(state["mean"], 1 - beta1, grad, scratch)
        square = state["square"]
        if group["amsgrad"]:
            square = np.maximum(state["highest"], square, out=state["highest"])
        # sqrt(v / (1 - b2^t)) + eps, times the root of the denominator, which lr takes back
        np.sqrt(square, out=scratch)
        scratch += group["eps"] * unbias
        np.divide(state["mean"], scratch, out=scratch)
        scratch *= lr * (unbias / (1 - beta1 ** state["step"]))
        data -= scratch


class AdamW(Adam):
    """Adam with weight decay that is not scaled by the gradients' size.

    Formula: p = (1 - lr weight_decay) p, then Adam's step.

    >>> from microloss import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
    >>> (0 * p).sum().backward()
    >>> optimizer.step()
    >>> p.data
    array([0.95])

    Reference: Loshchilov, Hutter (2019), Decoupled weight decay regularization; PyTorch's AdamW.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ):
        super().__init__(
            params, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad
        )

    def update(self, data, grad, state, group, lr):
        data *= 1 - lr * group["weight_decay"]
        self.adapt(data, grad, state, group, lr)
