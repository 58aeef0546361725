"""Averages of the weights along the path of training."""

import contextlib
from collections.abc import Iterable

import numpy as np

from ..engine.tensor import Tensor


class Average:
    """Keeps an average of parameters: `update()` after a step or an epoch, `applied()` to use it.

    Subclasses define `weight(n)`, the share that the n-th snapshot gets.
    """

    def __init__(self, params: Iterable[Tensor]):
        self.params = list(params)
        if not self.params:
            raise ValueError("params is empty: pass model.parameters()")
        self.averages = [np.zeros_like(p.data) for p in self.params]
        self.n = 0

    def update(self) -> None:
        """Take the parameters as they are into the average."""
        self.n += 1
        weight = self.weight(self.n)
        for average, p in zip(self.averages, self.params):
            average += weight * (p.data - average)

    @contextlib.contextmanager
    def applied(self):
        """Inside the block the parameters are the averages; afterwards what they were."""
        if self.n == 0:
            raise RuntimeError("there is no average yet: call update() first")
        before = [p.data.copy() for p in self.params]
        self.copy_to()
        try:
            yield
        finally:
            for p, values in zip(self.params, before):
                p.data = values

    def copy_to(self) -> None:
        """Set the parameters to the averages for good."""
        for p, average in zip(self.params, self.averages):
            p.data = average.copy()

    def state_dict(self) -> dict:
        """The averages, to go on with later."""
        return {"n": self.n, "averages": {str(i): a.copy() for i, a in enumerate(self.averages)}}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on with saved averages."""
        self.n = state_dict["n"]
        self.averages = [np.copy(a) for a in state_dict["averages"].values()]


class SWA(Average):
    """Stochastic weight averaging: the plain mean of the weights at the end of several epochs.

    >>> p = Tensor([0.0], requires_grad=True)
    >>> swa = SWA([p])
    >>> for value in 1.0, 2.0, 6.0:
    ...     p.data = [value]
    ...     swa.update()
    >>> with swa.applied():
    ...     print(p.data)
    [3.]

    Reference: Izmailov, Podoprikhin, Garipov, Vetrov, Wilson (2018), Averaging weights leads to
    wider optima and better generalization.
    """

    def weight(self, n):
        return 1 / n


class EMA(Average):
    """Exponential moving average: average = decay average + (1 - decay) weights.

    The first update takes the weights as they are.

    Reference: Polyak, Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, params: Iterable[Tensor], *, decay: float = 0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay!r}")
        super().__init__(params)
        self.decay = decay

    def weight(self, n):
        return 1.0 if n == 1 else 1 - self.decay
