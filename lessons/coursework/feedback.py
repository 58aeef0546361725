"""Say what is wrong with an answer, and why it is probably so.

The surest cause comes first: an exception, nothing returned, an argument changed in place, one of
the mistakes that the sheet knows (the answer is what that mistake gives), a wrong shape, nan, and
then what the gradient check knows of wrong numbers.
"""

import copy
import inspect
import pprint
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from microloss.explanations import (
    DIAGNOSES,
    Disagreement,
    extent,
    factor,
    kink,
    misplaced,
    missing_term,
    second_order,
    unsettled,
)

from .runner import decode, encode
from .sheet import Check, Exercise, direct, gradient

WIDTH = 88
NOT_BEGUN = "not begun"
OF_GRADIENTS = [d for d in DIAGNOSES if d not in (kink, unsettled, second_order)]
OF_VALUES = [factor, misplaced, missing_term]
OF_ERRORS = {
    "TooSlow": "a loop without an end, or work that doubles with each step",
    "Ended": "it leaves Python (os._exit), or takes more memory or time than the limits allow",
    "MemoryError": "it asks for more memory than the limits allow",
    "RecursionError": "one call inside another for each step is too deep: use a loop",
    "SystemExit": "it calls sys.exit(): return the answer instead",
    "NameError": "is a name misspelt, or an import missing?",
    "EOFError": "it asks for input(): all it needs is in the arguments",
}
CUT = "a path is cut on the way, by .data, float() or np.array()"
ANYTHING = type("Anything", (), {"__repr__": lambda self: "(any)"})()
one_at_a_time = threading.Lock()  # no_grad() in one thread would hold in the others as well
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


@quiet
def call(check: Check, function, args: tuple):
    """What a function of the sheet itself gives for a case."""
    with one_at_a_time:
        value = decode(encode(check.call(function, *copy.deepcopy(args))))
    return [ANYTHING if g is None else g for g in value] if check.call is gradient else value


def explain(e: Exercise, answers: list[Answer]) -> str:
    """What is wrong with the first wrong one of these answers; empty if none is."""
    wrong = next((a for a in answers if not right(a)), None)
    if wrong is None:
        return ""
    lines = [("checked", wrong.check.title), ("called", show_call(e, wrong))]
    if "error" in wrong.reply:
        error = wrong.reply["error"]
        lines.append(("raised", f"{error['kind']}: {error['text']}"))
        lines += [("in", error["where"])] if error["where"] else []
        why = of_error(error) or wrong.check.hint
    else:
        lines += [("returned", show(wrong.reply["value"])), ("expected", show(wrong.want))]
        why = cause(e, wrong, answers)
    lines += [("why", why)] if why else []
    return "\n".join(hang(head, text) for head, text in lines)


def unreadable(error: dict) -> str:
    """Why a file could not be run at all."""
    lines = [("raised", f"{error['kind']}: {error['text']}"), ("in", error["where"])]
    lines.append(("why", of_error(error) or "the file must run before its functions are called"))
    return "\n".join(hang(head, text) for head, text in lines if text)


def of_error(error: dict) -> str:
    if "positional argument" in error["text"]:
        return "keep the arguments of the sheet, and their order"
    if "does not depend on" in error["text"]:
        return "the path is cut before it, by .data or by grad() without create_graph=True"
    return OF_ERRORS.get(error["kind"], "")


# ---- right or wrong ------------------------------------------------------------------------------


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
        missing = "nothing is returned: is the `return` missing?"
        yield Difference(
            place, got, want, f"None where numbers belong: {CUT}" if place else missing
        )
    elif isinstance(want, dict):
        if not isinstance(got, dict) or got.keys() != want.keys():
            keys = ", ".join(map(repr, list(want)[:10]))
            yield Difference(place, got, want, f"a dict with the keys {keys} is asked for")
        else:
            for key in want:
                yield from differences(got[key], want[key], (*place, key))
    elif isinstance(want, list | tuple):
        sequence = isinstance(got, list) or np.ndim(got) > 0
        if not sequence or len(got) != len(want):
            yield Difference(place, got, want, f"a sequence of {len(want)} is asked for")
        else:
            for i, item in enumerate(want):
                yield from differences(got[i], item, (*place, i))
    elif want is None or isinstance(want, str):
        if (got is not None and not isinstance(got, str)) or got != want:
            yield Difference(place, got, want)
    else:
        yield from numeric_difference(got, want, place)


def numeric_difference(got, want, place) -> Iterator[Difference]:
    try:
        a, b = np.asarray(got, float), np.asarray(want, float)
    except (TypeError, ValueError):
        kind = f"an array of shape {np.shape(want)}" if np.ndim(want) else "a number"
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


# ---- why -----------------------------------------------------------------------------------------


def cause(e: Exercise, wrong: Answer, answers: list[Answer]) -> str:
    """The likely cause of a wrong answer, in one clause or two; empty if none is recognised."""
    value, changed = wrong.reply["value"], wrong.reply["changed"]
    if changed:
        names = " and ".join(arguments(e, wrong.check)[i] for i in changed)
        return f"it changes {names} in place, which belongs to the caller: work on a copy"
    for known in e.mistakes:
        if fits(known.function, wrong) and all(fits(known.function, a) for a in answers):
            return known.why
    difference = next(differences(value, wrong.want))
    if difference.why:
        return difference.why
    if isinstance(difference.want, str):
        return wrong.check.hint or ""
    if wrong.check.call is gradient and any(a.check.call is direct for a in answers):
        return f"the value is right, its gradient is not: {of_numbers(e, wrong, difference, CUT)}"
    return of_numbers(e, wrong, difference)


@quiet
def fits(mistake, answer: Answer) -> bool:
    """Whether an answer is what a known mistake gives."""
    if "value" not in answer.reply:
        return True
    try:
        return matches(answer.reply["value"], call(answer.check, mistake, answer.args))
    except Exception:  # a mistake may fail where the right answer does not
        return False


@quiet
def of_numbers(e: Exercise, wrong: Answer, difference: Difference, default: str = "") -> str:
    got, want = np.asarray(difference.got, float), np.asarray(difference.want, float)
    hint = wrong.check.hint or default
    if not np.isfinite(got[np.isfinite(want)]).all():
        return hint or "nan or inf: a form that is right on paper overflows here; use a stable one"
    named = dict(zip(arguments(e, wrong.check), wrong.args))
    arrays = {name: a for name, a in named.items() if isinstance(a, np.ndarray)}
    known: dict[str, Any] = {"shapes": {name: a.shape for name, a in arrays.items()}}
    x = arrays.get(e.gradient_of)
    if wrong.check.call is gradient:
        floats = [a for a in arrays.values() if a.dtype.kind == "f"]
        x = floats[difference.place[0]]
    if x is not None and x.shape != got.shape:
        x = None
    if "g" in arrays:
        known["g"] = arrays["g"]
    d = Disagreement(got, want, x, bad=wrong_elements(got, want), **known)
    diagnoses = OF_GRADIENTS if e.gradient_of or wrong.check.call is gradient else OF_VALUES
    why = next(filter(None, (diagnosis(d) for diagnosis in diagnoses)), hint)
    where = (
        extent(d).replace("disagree", "differ").replace("All", "all").rstrip(". ")
        if got.ndim
        else ""
    )
    return ": ".join(filter(None, [where, why]))


# ---- in words ------------------------------------------------------------------------------------


def arguments(e: Exercise, check: Check) -> list[str]:
    """The names of what a check passes."""
    parameters = list(inspect.signature(check.call).parameters.values())
    if parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL:
        return list(inspect.signature(e.reference).parameters)
    return [p.name for p in parameters[1:]]


def show_call(e: Exercise, answer: Answer) -> str:
    names = arguments(e, answer.check)
    given = [hang(f"  {name} =", show(value), 0) for name, value in zip(names, answer.args)]
    prefix = "backward through " if answer.check.call is gradient else ""
    parameters = ", ".join(inspect.signature(e.reference).parameters)
    return "\n".join([f"{prefix}{e.name}({parameters})", *given])


def show(value) -> str:
    """A value in a few lines."""
    if isinstance(value, np.ndarray) and value.ndim:
        style = {"precision": 6, "threshold": 30, "edgeitems": 2, "max_line_width": WIDTH - 30}
        text = np.array2string(value, separator=", ", **style)
        return text if value.size <= 30 else f"shape {value.shape}: {text}"
    if isinstance(value, float | np.floating | np.ndarray):
        return f"{float(value):.9g}"
    if isinstance(value, list | tuple) and any(isinstance(v, np.ndarray) for v in value):
        return "\n".join(show(v) for v in value[:6])
    text = pprint.pformat(brief(value), width=WIDTH - 24, compact=True, sort_dicts=False)
    lines = text.splitlines()
    return "\n".join([*lines[:8], "..."] if len(lines) > 8 else lines)


def brief(value):
    """Numbers inside lists and dicts to six digits."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: brief(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(brief, value))
    return value


def hang(head: str, text: str, width: int = 9) -> str:
    """Text beside a heading; lines of its own are kept, long ones are wrapped."""
    first = f"{head:<{width}} "
    lines = [
        part
        for line in text.splitlines() or [""]
        for part in textwrap.wrap(line, WIDTH - 16, drop_whitespace=False) or [""]
    ]
    return first + ("\n" + " " * len(first)).join(line.rstrip() for line in lines)
