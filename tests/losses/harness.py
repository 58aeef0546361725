"""Every loss is described by cases; the tests in test_all_losses.py run all of them.

A family's file (cases/regression.py, ...) lists its CASES. What every case must stand: the value of
an independent naive formula, first and second derivatives, PyTorch's values (kept in oracle/, made
by `python tests/losses/update.py` with PyTorch 2.13), reductions, dtypes, no mutation. It also
lists EXTREMES, ERRORS, and GRADIENTS, which test_gradients.py compares with numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import microloss as ml


@dataclass
class Case:
    """One way to call a loss.

    loss : the loss function.
    args : rng -> its positional arguments, as arrays, away from kinks.
    naive : (*args, **kwargs) -> the value for reduction="none" (or the value itself, for a loss
        without reduction), in plain NumPy and another form than the library's.
    wrt : positions of the arguments to differentiate.
    kwargs : options other than reduction; Tensors among them are given as arrays in `args`.
    torch : (torch, *tensors, reduction=...) -> PyTorch's value for the same call, or None.
    torch_wrt : positions PyTorch differentiates; `wrt` if None.
    reductions : the reductions that the loss has; () for a loss without that argument.
    mean : (none_values, *args) -> the value of reduction="mean"; the plain mean if None.
    held : for a loss that takes a part of its value for a constant: (*args) -> a function of the
        arguments in `wrt` and reduction, in which that part is a number; its derivatives are the
        loss's.
    """

    loss: Callable
    args: Callable
    naive: Callable
    wrt: tuple = (0,)
    kwargs: dict = field(default_factory=dict)
    torch: Callable | None = None
    torch_wrt: tuple | None = None
    reductions: tuple = ("mean", "sum", "none")
    mean: Callable | None = None
    name: str = ""
    held: Callable | None = None
    order: int = 2  # of the derivatives to check

    @property
    def id(self) -> str:
        return self.loss.__name__ + (f"-{self.name}" if self.name else "")

    def arguments(self, seed=0) -> tuple:
        return self.args(np.random.default_rng(seed))

    def options(self, reduction) -> dict:
        return self.kwargs | ({"reduction": reduction} if self.reductions else {})

    def expected(self, args, reduction):
        values = np.asarray(self.naive(*args, **self.kwargs))
        if not self.reductions or reduction == "none":
            return values
        if reduction == "sum":
            return values.sum()
        if reduction == "batchmean":
            return values.sum() / len(args[0])
        return values.mean() if self.mean is None else self.mean(values, *args)


@dataclass
class Extreme:
    """Arguments at the edge, where value and gradients must stay finite and silent.

    value : the expected value (of reduction="sum", or without reduction); may be infinite, then no
        gradient is asked for.  gradients : expected gradients for `wrt`, or None for "finite".
    """

    loss: Callable
    args: tuple
    kwargs: dict = field(default_factory=dict)
    value: float | None = None
    wrt: tuple = (0,)
    gradients: tuple | None = None
    name: str = ""

    @property
    def id(self) -> str:
        return self.loss.__name__ + (f"-{self.name}" if self.name else "")


@dataclass
class Error:
    """A call that must raise, and words that the message must hold."""

    loss: Callable
    args: tuple
    kwargs: dict
    error: type
    words: tuple

    @property
    def id(self) -> str:
        return f"{self.loss.__name__}-{'-'.join(self.words)}"


@dataclass
class Stated:
    """The gradient that a card states, once more as a formula in NumPy, to compare with numbers.

    words : of the Gradient section of the card.
    formula : (*args, **kwargs) -> the gradient for `wrt`, a tuple of them for several positions.
    args : rng -> the positional arguments, away from kinks.
    held : as in Case.
    """

    loss: Callable
    words: str
    formula: Callable
    args: Callable
    wrt: int | tuple = 0
    kwargs: dict = field(default_factory=dict)
    held: Callable | None = None

    @property
    def id(self) -> str:
        options = "".join(
            f" {name}={value}" for name, value in self.kwargs.items() if value is True
        )
        return f"{self.loss.__name__}{options}: {self.words}"


def evaluate(loss, args, wrt, options, dtype=np.float64):
    """The value of a call and its gradients with respect to the arguments in `wrt`."""
    tensors = [
        ml.Tensor(a, requires_grad=i in wrt, dtype=dtype)
        if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        else a
        for i, a in enumerate(args)
    ]
    value = loss(*tensors, **options)
    cotangent = np.random.default_rng(1).standard_normal(value.shape) if value.ndim else None
    gradients = ml.grad(value, [tensors[i] for i in wrt], cotangent)
    return value, gradients


def close(actual, expected, rtol=1e-9, atol=1e-13):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def gradient(f, x):
    """The derivative of f at the array x."""
    x = ml.Tensor(x, requires_grad=True)
    return ml.grad(f(x), x)[0]


def slopes(loss, *args, **options):
    """The gradients of the arguments that are arrays."""
    tensors = [ml.Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) else a for a in args]
    value = loss(*tensors, **options)
    return ml.grad(value, [t for t in tensors if isinstance(t, ml.Tensor)])
