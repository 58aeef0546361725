"""The gradient of each loss, written out on the example of its card."""

import doctest
import inspect
import textwrap
from dataclasses import replace

import numpy as np

from . import losses
from .catalogue import card
from .derivation import Derivation, derivation
from .engine.tensor import Tensor

__all__ = ["worked_example"]


class Call(Exception):
    """The first call of a loss, caught before it runs."""

    def __init__(self, args, kwargs):
        self.args_given, self.kwargs_given = args, kwargs


def first_call(name):
    """The arguments of the first call in the example of a card, by name."""

    def caught(*args, **kwargs):
        raise Call(args, kwargs)

    space = {"np": np, "Tensor": Tensor} | vars(losses) | {name: caught}
    for example in doctest.DocTestParser().get_examples(card(name).example):
        try:
            exec(example.source, space)
        except Call as call:
            signature = inspect.signature(losses.LOSSES[name])
            return signature.bind(*call.args_given, **call.kwargs_given).arguments
    raise ValueError(f"the example of {name} does not call it")


def explained(name: str, values: bool = False) -> str:
    """The gradient that the card of a loss states, and the derivation of its example."""
    stated = textwrap.fill(f"Gradient: {card(name).sections['Gradient']}", 88)
    made = replace(worked_example(name), values=values)
    given = "\n".join(f"{key} = {text(x)}" for key, x in made.inputs.items())
    return f"{name}\n\n{stated}\n\n{given}\n\n{made}"


def text(array):
    return "np.array(" + np.array2string(array, separator=", ", prefix=" " * 9) + ")"


def worked_example(name: str) -> Derivation:
    """The derivation of a loss for the numbers in the example of its card.

    The gradient is taken for all arguments that hold real numbers and may have one.

    Raises: KeyError for a name that is not a loss.

    >>> print(worked_example("l1_loss"))
    v1 = input - target
    v2 = np.absolute(v1)
    v3 = np.sum(v2)
    loss = v3 * 0.25
    # backward
    d_loss = 1.0
    d_v3 = d_loss * 0.25       # multiply
    d_v1 = d_v3 * np.sign(v1)  # absolute
    d_input = d_v1             # subtract
    d_target = -d_v1           # subtract
    """
    given = first_call(name)
    reals = [key for key, x in given.items() if kind(x) == "f"]
    for variables in (reals, reals[:1], list(given)[:1], []):
        try:
            names, loss = run(losses.LOSSES[name], given, variables)
        except TypeError:  # one of them is a constant for this loss
            continue
        if isinstance(loss, Tensor):
            return derivation(np.sum(loss) if loss.ndim else loss, names)
    raise ValueError(f"the example of {name} has nothing to differentiate")


def run(loss, given, variables):
    """The value for these arguments, `variables` as Tensors; and the names of all arrays."""
    names, arguments = {}, {}

    def array(key, x):
        values = np.asarray(x.data if isinstance(x, Tensor) else x)
        names[key] = Tensor(values, requires_grad=True) if key in variables else values
        return names[key]

    for key, x in given.items():
        if kind(x):
            x = array(key, x)
        elif isinstance(x, list | tuple) and all(map(kind, x)):
            variables = [*variables, *(f"{key}{i}" for i in range(len(x)) if key in variables)]
            x = [array(f"{key}{i}", part) for i, part in enumerate(x)]
        arguments[key] = x
    bound = inspect.BoundArguments(inspect.signature(loss), arguments)
    return names, loss(*bound.args, **bound.kwargs)


def kind(x):
    """ "f" for an array, a Tensor or nested lists of real numbers, "i" for integers, else ""."""
    if isinstance(x, Tensor):
        return "f"
    if not isinstance(x, list | tuple | np.ndarray) or any(isinstance(i, Tensor) for i in x):
        return ""
    try:
        found = np.asarray(x).dtype.kind
    except ValueError:  # rows of different lengths
        return ""
    return {"f": "f", "i": "i", "u": "i", "b": "i"}.get(found, "")
