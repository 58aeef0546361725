"""Right or wrong: what a call should give, and where what a student's function gave differs."""

import ast
import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .messages import decode, encode, scope
from .sheet import Check, gradient

CUT = "a path is cut on the way, by .data, float() or np.array()"
ANYTHING = type("Anything", (), {"__repr__": lambda self: "(any)"})()
quiet = np.errstate(all="ignore")


@dataclass(frozen=True)
class Answer:
    """One call: what was asked, what is right, and what the student's process replied."""

    check: Check
    args: tuple
    want: Any
    reply: dict


@dataclass(frozen=True)
class Difference:
    """One part of an answer that is wrong. `why` is known where the kind or shape is wrong."""

    place: tuple
    got: Any
    want: Any
    why: str = ""


@functools.cache
def source_of(call: Callable) -> str:
    """The text of the function that makes a call, as the student's process gets it."""
    (function,) = ast.parse(inspect.getsource(call)).body
    function.decorator_list = []
    return ast.unparse(function)


@quiet
def call(check: Check, function: Callable, args: tuple):
    """What a function of the sheet itself gives, called as a student's is."""
    names = scope()
    exec(source_of(check.call), names)
    value = decode(encode(names[check.call.__name__](function, *copy.deepcopy(args))))
    return [ANYTHING if g is None else g for g in value] if check.call is gradient else value


def right(answer: Answer) -> bool:
    reply = answer.reply
    return "value" in reply and not reply["changed"] and matches(reply["value"], answer.want)


def matches(got, want) -> bool:
    return next(differences(got, want), None) is None


def differences(got, want, place: tuple = ()) -> Iterator[Difference]:
    """Where an answer differs from the right one, which says what is expected at each place."""
    if want is ANYTHING:
        return
    if got is None and want is not None:
        missing = "nothing is returned: is `return` missing?"
        why = f"None where numbers belong: {CUT}" if place else missing
        yield Difference(place, got, want, why)
    elif isinstance(want, dict):
        if not isinstance(got, dict) or got.keys() != want.keys():
            keys = ", ".join(map(repr, list(want)[:10]))
            yield Difference(place, got, want, f"a dict with the keys {keys} is asked for")
        else:
            for key in want:
                yield from differences(got[key], want[key], (*place, key))
    elif isinstance(want, list | tuple):
        results = f"{len(want)} results are asked for"
        whole = [np.ndim(item) for item in want if not isinstance(item, dict | list | str)]
        if not isinstance(got, list) and np.ndim(got) <= max(whole, default=0):
            kind = "one array" if np.ndim(got) else "one"
            yield Difference(place, got, want, f"{results}, {kind} came")
        elif len(got) != len(want):
            yield Difference(place, got, want, f"{results}, {len(got)} came")
        else:
            for i, item in enumerate(want):
                yield from differences(got[i], item, (*place, i))
    elif want is None or isinstance(want, str):
        if (got is not None and not isinstance(got, str)) or got != want:
            yield Difference(place, got, want)
    else:
        yield from numeric_difference(got, want, place)


def numeric_difference(got, want, place) -> Iterator[Difference]:
    kind = f"an array of shape {np.shape(want)}" if np.ndim(want) else "a number"
    if isinstance(got, list) and len(got) == 1 and np.shape(want)[:1] != (1,):
        why = f"{kind} is asked for, not a tuple or list that holds one: take [0] of it"
        yield Difference(place, got, want, why)
        return
    try:
        a, b = np.asarray(got, float), np.asarray(want, float)
    except (TypeError, ValueError, OverflowError):
        yield Difference(place, got, want, f"{kind} is asked for, not {type(got).__name__}")
        return
    if a.shape != b.shape:
        yield Difference(place, got, want, of_shape(a.shape, b.shape))
    elif wrong_elements(a, b).any():
        yield Difference(place, got, want)


@quiet
def wrong_elements(a, b):
    """The mask of what is off by more than rounding can explain."""
    finite = np.abs(b[np.isfinite(b)])
    largest = np.max(finite, initial=0)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    near = np.abs(a - b) <= 1e-8 * np.abs(b) + (1e-11 * largest or 1e-12)
    return ~(same | (near & np.isfinite(a) & np.isfinite(b)))


def of_shape(got: tuple, want: tuple) -> str:
    if want == () and set(got) == {1}:
        return f"one number is asked for, not shape {got}: take its element, or drop keepdims"
    if want == ():
        return f"one number is asked for, not shape {got}: is the sum or the mean missing?"
    if got == ():
        return f"shape {want} is asked for, not one number: do not sum over the elements"
    text = f"its shape is {got}, not {want}"
    if got == want[::-1]:
        return f"{text}: it is transposed"
    if len(got) > len(want):
        return f"{text}: broadcasting has made a table, or an axis is not summed over"
    return text
