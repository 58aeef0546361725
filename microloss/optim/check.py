"""Checks of options: each names the option in its message, and returns the value to go on with."""

from math import inf
from numbers import Integral
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..losses.check import number, positive

__all__ = [
    "fraction", "in_range", "number", "pair_of_fractions", "positive", "same_class", "same_entries",
    "same_shape", "switch", "whole",
]  # fmt: skip


def in_range(name: str, value: Any, low: float = 0.0, below: float = inf) -> float:
    """A number at least `low` and smaller than `below`; by default any that is not negative."""
    value = number(name, value)
    if not low <= value < below:
        allowed = f"in [{low:g}, {below:g})" if below < inf else f"finite and at least {low:g}"
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return value


def fraction(name: str, value: Any) -> float:
    """A number in [0, 1)."""
    return in_range(name, value, below=1.0)


def pair_of_fractions(name: str, value: Any) -> tuple[float, float]:
    """Two numbers in [0, 1), as a tuple."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, such as (0.9, 0.999), got {value!r:.60}")
    first, second = (fraction(f"{name}[{i}]", part) for i, part in enumerate(value))
    return first, second


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number, at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r:.60}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def switch(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r:.60}")
    return value


def same_entries(what: str, given: Any, expected: set[str]) -> None:
    """Saved state must be a dict with exactly these keys."""
    if not isinstance(given, dict):
        raise TypeError(f"{what} must be a dict, got {given!r:.60}")
    if given.keys() != expected:
        missing, extra = sorted(expected - given.keys()), sorted(map(str, given.keys() - expected))
        raise ValueError(f"{what}: missing entries {missing}, unknown entries {extra}")


def same_class(state_dict: Any, owner: object) -> None:
    """Saved state must come from the class that loads it."""
    name = type(owner).__name__
    if not isinstance(state_dict, dict) or "class" not in state_dict:
        raise ValueError(
            f'state_dict has no entry "class": {name}.load_state_dict takes what '
            f"{name}.state_dict() returned"
        )
    if state_dict["class"] != name:
        raise ValueError(f"state_dict is the state of {state_dict['class']}, this is {name}")


def same_shape(what: str, given: Any, p: Tensor) -> np.ndarray:
    """A copy of saved numbers that belong to a parameter, in its precision."""
    if not isinstance(given, np.ndarray) or given.dtype.kind != "f":
        raise TypeError(f"{what} must be an array of floats, got {given!r:.60}")
    if given.shape != p.shape:
        raise ValueError(f"{what} has shape {given.shape}, the parameter has shape {p.shape}")
    return given.astype(p.dtype)
