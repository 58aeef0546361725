"""Steps scaled by running averages of the gradient and of its square."""

import numpy as np

from .optimizer import Optimizer


class Adam(Optimizer):
    """Adaptive moment estimation.

    Formula: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).

    >>> from microloss import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.data.round(6)
    array([0.9])

    Reference: Kingma, Ba (2015), Adam: a method for stochastic optimization; PyTorch's Adam.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(params, lr)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be in [0, 1), got {betas!r}")
        self.betas, self.eps = betas, eps

    def update(self, data, grad, state, lr):
        beta1, beta2 = self.betas
        if not state:
            state.update(t=0, m=np.zeros_like(data), v=np.zeros_like(data))
        state["t"] += 1
        t, m, v = state["t"], state["m"], state["v"]
        m += (1 - beta1) * (grad - m)
        v *= beta2
        v += (1 - beta2) * grad * grad
        scale = np.sqrt(v)
        scale /= np.sqrt(1 - beta2**t)
        scale += self.eps
        data -= (lr / (1 - beta1**t)) * m / scale
