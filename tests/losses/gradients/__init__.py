"""The gradient that each card states, once more as a formula in NumPy, to be compared with numbers.

One module for each file of microloss/losses/, with a list GRADIENTS of rows:

    Stated(
        losses.mse_loss,
        "2 (input - target) / N",  # words of the Gradient section of its card
        lambda x, t: 2 * (x - t) / x.size,  # the same in NumPy: (*args, **kwargs) -> gradient
        two,  # rng -> the arguments, away from kinks
    )

`wrt` names the positions of the arguments whose gradient is stated; for several of them the formula
returns a tuple. Every loss has a row; test_gradients.py checks each one at three points.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Stated:
    loss: Callable
    words: str
    formula: Callable
    args: Callable
    wrt: int | tuple = 0
    kwargs: dict = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.loss.__name__}: {self.words}"


FAMILIES = {
    found.name: importlib.import_module(f"{__name__}.{found.name}").GRADIENTS
    for found in pkgutil.iter_modules(__path__)
}
