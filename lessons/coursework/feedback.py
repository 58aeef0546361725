"""Say what is wrong with an answer, and why it is probably so.

The surest cause comes first: an exception, an argument changed in place, one of the mistakes that
the sheet knows (the answers are what that mistake gives), a wrong kind or shape, nan, and then what
the gradient check knows of wrong numbers. The hint of the check is the last resort.
"""

import inspect
import itertools
import pprint
import re
import textwrap
from typing import Any

import numpy as np

from microloss.gradcheck.explanations import (
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

from .compare import (
    CUT,
    Answer,
    Difference,
    call,
    differences,
    matches,
    quiet,
    right,
    source_of,
    wrong_elements,
)
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
OF_MESSAGES = {
    "positional argument": "keep the arguments of the sheet, and their order",
    "nothing to differentiate": "none of it asks for gradients: Tensor(x, requires_grad=True)",
    "does not depend on": "a path is cut before it, by .data or grad() without create_graph=True",
    "must be a Tensor": "an array is not a Tensor yet: Tensor(x, requires_grad=True)",
    "truth value": "an `if` cannot decide for all elements at once: np.where or np.maximum does",
    "could not be broadcast|not aligned|core dimension": "these shapes do not go together: "
    "keepdims=True keeps an axis that is summed over, x[:, None] adds one",
    "bitwise_xor": "^ is not the power in Python: write **",
    "derivative rule": "take functions that have one, such as np.mean, np.abs and np.where",
    "'tuple'": "a tuple stands where an array belongs: grad() returns one, take [0] of it",
}
ARITHMETIC = ("ZeroDivisionError", "OverflowError", "FloatingPointError", "ValueError")


def explain(e: Exercise, answers: list[Answer]) -> str:
    """What is wrong with the first wrong one of these answers; empty if none is."""
    wrong = next((a for a in answers if not right(a)), None)
    if wrong is None:
        return ""
    lines = [("checked", wrong.check.title), ("called", show_call(e, wrong))]
    if wrong.check.call not in (direct, gradient):
        lines.append(("through", source_of(wrong.check.call)))
    if "error" in wrong.reply:
        error = wrong.reply["error"]
        lines += [("raised", f"{error['kind']}: {error['text']}"), ("in", error["where"])]
        lines.append(("why", of_error(error) or perhaps(wrong) * (error["kind"] in ARITHMETIC)))
    else:
        lines += [("returned", show(wrong.reply["value"])), ("expected", show(wrong.want))]
        lines.append(("why", cause(e, wrong, answers)))
    return "\n".join(hang(head, text) for head, text in lines if text)


def unreadable(error: dict) -> str:
    """Why a file could not be run at all."""
    why = OF_ERRORS.get(error["kind"], "")
    if error["kind"] in ("SyntaxError", "IndentationError", "TabError"):
        why = "this is not Python, so nothing in the file can be run"
    elif not why and error["where"]:
        why = 'the file must run to its end: trials belong under `if __name__ == "__main__":`'
    lines = [("raised", f"{error['kind']}: {error['text']}"), ("in", error["where"]), ("why", why)]
    return "\n".join(hang(head, text) for head, text in lines if text)


# ---- why -----------------------------------------------------------------------------------------


def of_error(error: dict) -> str:
    """The likely cause of an exception; empty if none is recognised."""
    known = (why for pattern, why in OF_MESSAGES.items() if re.search(pattern, error["text"]))
    return next(known, OF_ERRORS.get(error["kind"], ""))


def cause(e: Exercise, wrong: Answer, answers: list[Answer]) -> str:
    """The likely cause of a wrong answer, in one clause or two; empty if none is recognised."""
    value, changed = wrong.reply["value"], wrong.reply["changed"]
    if changed:
        names = " and ".join(arguments(e, wrong.check)[i] for i in changed)
        return f"it changes {names} in place, which belongs to the caller: work on a copy"
    for known in e.mistakes:
        if fits(known.function, wrong) and all(fits(known.function, a) for a in answers):
            return known.why
    if isinstance(value, list) and 2 <= len(value) <= 4:
        orders = itertools.permutations(value)
        if any(matches([*order], wrong.want) for order in orders):
            return "the results are right, but in another order"
    difference = next(differences(value, wrong.want))
    which = name_of(e, wrong, difference.place)
    if wrong.check.call is gradient and any(a.check.call is direct for a in answers):
        which = f"the value is right, its gradient {which} is not"
    why = difference.why or of_numbers(e, wrong, difference)
    return ": ".join(filter(None, [which, why]))


@quiet
def fits(mistake, answer: Answer) -> bool:
    """Whether an answer is what a known mistake gives."""
    if "value" not in answer.reply:
        return True
    try:
        return matches(answer.reply["value"], call(answer.check, mistake, answer.args))
    except Exception:  # a mistake may fail where the right answer does not
        return False


def perhaps(wrong: Answer) -> str:
    return f"perhaps: {wrong.check.hint}" if wrong.check.hint else ""


@quiet
def of_numbers(e: Exercise, wrong: Answer, difference: Difference) -> str:
    """What the numbers themselves tell."""
    if isinstance(difference.want, str) or difference.want is None:
        return perhaps(wrong)
    got, want = np.asarray(difference.got, float), np.asarray(difference.want, float)
    named = dict(zip(arguments(e, wrong.check), wrong.args))
    arrays = {name: a for name, a in named.items() if isinstance(a, np.ndarray)}
    if not np.isfinite(got[np.isfinite(want)]).all():
        large = any(a.size and np.max(np.abs(a)) > 50 for a in arrays.values())
        bad = "0 / 0, or the logarithm or root of a number that is not positive"
        return perhaps(wrong) or ("overflow: take a form that is stable" if large else bad)
    of_gradient = wrong.check.call is gradient
    last = perhaps(wrong) or CUT * of_gradient
    if np.asarray(difference.want).dtype.kind != "f" or (difference.place and not got.ndim):
        return last  # of whole numbers, and of one among several, a ratio tells nothing
    known: dict[str, Any] = {"shapes": {name: a.shape for name, a in arrays.items()}}
    x = arrays.get(e.gradient_of)
    if of_gradient:
        x = [a for a in arrays.values() if a.dtype.kind == "f"][difference.place[0]]
    if "g" in arrays:
        known["g"] = arrays["g"]
    x = None if x is None or x.shape != got.shape else x
    d = Disagreement(got, want, x, bad=wrong_elements(got, want), **known)
    diagnoses = OF_GRADIENTS if e.gradient_of or of_gradient else OF_VALUES
    why = next(filter(None, (diagnosis(d) for diagnosis in diagnoses)), last)
    where = extent(d).replace("disagree", "differ").replace("All", "all").rstrip(". ")
    return ": ".join(filter(None, [where if got.ndim else "", why]))


# ---- in words ------------------------------------------------------------------------------------


def name_of(e: Exercise, wrong: Answer, place: tuple) -> str:
    """Which of several results is meant."""
    if not place:
        return ""
    if wrong.check.call is gradient:
        named = zip(arguments(e, wrong.check), wrong.args)
        floats = [name for name, a in named if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        return f"for {floats[place[0]]}"
    if isinstance(place[0], int) and isinstance(wrong.want, list):
        return f"result {place[0] + 1} of {len(wrong.want)}"
    return repr(place[0])


def arguments(e: Exercise, check: Check) -> list[str]:
    """The names of what a check passes."""
    parameters = list(inspect.signature(check.call).parameters.values())
    if parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL:
        return list(inspect.signature(e.reference).parameters)
    return [p.name for p in parameters[1:]]


def show_call(e: Exercise, answer: Answer) -> str:
    names = arguments(e, answer.check)
    given = [hang(f"  {name} =", show(value), 0) for name, value in zip(names, answer.args)]
    called = f"{e.name}({', '.join(names)})"
    if answer.check.call is gradient:
        called = f"backward through {called}"
    elif answer.check.call is not direct:
        called = f"{answer.check.call.__name__}({', '.join([e.name, *names])})"
    return "\n".join([called, *given])


def show(value) -> str:
    """A value in a few lines."""
    if isinstance(value, np.ndarray) and value.ndim:
        style = {"precision": 6, "threshold": 30, "edgeitems": 2, "max_line_width": WIDTH - 30}
        text = np.array2string(value, separator=", ", **style)
        return text if value.size <= 30 else f"shape {value.shape}: {text}"
    if isinstance(value, float | np.floating | np.ndarray):
        return f"{float(value):.9g}"
    if isinstance(value, list | tuple) and any(isinstance(v, np.ndarray) for v in value[:6]):
        return "\n".join(show(v) for v in value[:6])
    text = pprint.pformat(brief(value), width=WIDTH - 24, compact=True, sort_dicts=False)
    lines = text.splitlines()
    return "\n".join([*lines[:8], "..."] if len(lines) > 8 else lines)


def brief(value, depth: int = 4):
    """The first items of lists and dicts, their numbers to six digits, their texts cut short."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}")
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, dict | list | tuple) and not depth:
        return "..."
    if isinstance(value, dict):
        first = itertools.islice(value.items(), 20)
        return {brief(key): brief(item, depth - 1) for key, item in first}
    if isinstance(value, list | tuple):
        return [brief(item, depth - 1) for item in value[:20]]
    return value


def hang(head: str, text: str, width: int = 9) -> str:
    """Text beside a heading; lines of its own are kept, long ones are wrapped."""
    first = f"{head:<{width}} "
    text = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    lines = []
    for line in text.splitlines() or [""]:
        margin = " " * (len(line) - len(line.lstrip()))
        lines += textwrap.wrap(line, WIDTH - 16, subsequent_indent=margin) or [""]
    return first + ("\n" + " " * len(first)).join(line.rstrip() for line in lines)
