"""Averages of the weights along the path of training."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..parameters import parameter_list
from . import check


class Average:
    """Keeps an average of parameters: `update()` after a step or an epoch, `applied()` to use it.

    Subclasses define `weight(n)`, the share that the n-th snapshot gets.

    Raises: TypeError or ValueError for params that are not a list of leaf Tensors, or empty.
    """

    def __init__(self, params: Tensor | Iterable[Tensor]):
        self.params = parameter_list(params)
        self.averages = [np.zeros_like(p.data) for p in self.params]
        self.n = 0

    def weight(self, n: int) -> float:
        """The share of the n-th snapshot in the average."""
        raise TypeError(f"{type(self).__name__} must define weight(n)")

    @np.errstate(under="ignore")
    def update(self) -> None:
        """Take the parameters as they are into the average."""
        self.n += 1
        weight = self.weight(self.n)
        for average, p in zip(self.averages, self.params):
            average += weight * (p.data - average)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the parameters are the averages; afterwards what they were."""
        before = [p.data.copy() for p in self.params]
        self.copy_to()
        try:
            yield
        finally:
            for p, values in zip(self.params, before):
                p.data = values

    def copy_to(self) -> None:
        """Set the parameters to the averages for good.

        Raises: RuntimeError before the first update().
        """
        if self.n == 0:
            raise RuntimeError("no average yet: call update() first")
        for p, average in zip(self.params, self.averages):
            p.data = average.copy()

    def state_dict(self) -> dict[str, Any]:
        """The averages, to go on with later."""
        averages = {str(i): average.copy() for i, average in enumerate(self.averages)}
        return {"class": type(self).__name__, "n": self.n, "averages": averages}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the saved averages of the same parameters.

        Raises: TypeError or ValueError, before anything changes, for the state of
        another class, for entries that are missing or unknown, and for other shapes.
        """
        check.same_class(state_dict, self)
        check.same_entries("state_dict", state_dict, set(self.state_dict()))
        saved, n = state_dict["averages"], check.whole('state_dict["n"]', state_dict["n"], 0)
        names = [str(i) for i in range(len(self.params))]
        check.same_entries('state_dict["averages"]', saved, set(names))
        self.averages = [
            check.same_shape(f'state_dict["averages"]["{name}"]', saved[name], p)
            for name, p in zip(names, self.params)
        ]
        self.n = n


class SWA(Average):
    """Stochastic weight averaging: the plain mean of the weights at the end of several epochs.

    Formula: average = average + (weights - average) / n, at the n-th update.

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

    def weight(self, n: int) -> float:
        return 1 / n


class EMA(Average):
    """Exponential moving average of the weights.

    Formula: average = decay average + (1 - decay) weights. The first update takes the weights as
    they are.

    >>> p = Tensor([0.0], requires_grad=True)
    >>> ema = EMA([p], decay=0.75)
    >>> for value in 1.0, 5.0:
    ...     p.data = [value]
    ...     ema.update()
    >>> with ema.applied():
    ...     print(p.data)
    [2.]

    Reference: Polyak, Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, params: Tensor | Iterable[Tensor], *, decay: float = 0.999):
        self.decay = check.fraction("decay", decay)
        super().__init__(params)

    def weight(self, n: int) -> float:
        return 1.0 if n == 1 else 1 - self.decay

    def state_dict(self) -> dict[str, Any]:
        """The averages and their decay, to go on with later."""
        return super().state_dict() | {"decay": self.decay}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the saved averages of the same parameters, and with their decay."""
        decay = check.fraction("decay", state_dict.get("decay", self.decay))
        super().load_state_dict(state_dict)
        self.decay = decay
