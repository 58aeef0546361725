"""What holds in one thread: whether operations are recorded, and whether nan is looked for."""

import contextlib
import os
import sys
import threading
import zlib
from typing import Any

import numpy as np

ndarray = np.ndarray


class Mode(threading.local):
    """What holds in one thread: no_grad() in another must not cut this one's graph."""

    recording = True  # False inside no_grad()
    nested = False  # True while jacobian() and the like run their function
    origins: Any = (
        None  # inside detect_anomaly(): a Tensor's number -> where and of what it was made
    )

    def __init__(self):  # runs once in each thread
        self.before = []  # what the open blocks have changed, the outermost first


mode = Mode()
blocks = 0  # open in any thread; while there are none, nobody needs to look at `mode`
changing = threading.Lock()


class Block(contextlib.ContextDecorator):
    """A `with` block, or a decorator, that changes the mode of its thread; usable many times."""

    def __init__(self, **changes):
        self.changes = changes

    def __enter__(self) -> None:
        global blocks
        mode.before.append({name: getattr(mode, name) for name in self.changes})
        vars(mode).update(self.changes)
        with changing:
            blocks += 1

    def __exit__(self, *error) -> None:
        global blocks
        vars(mode).update(mode.before.pop())
        with changing:
            blocks -= 1


def no_grad() -> Block:
    """Record nothing inside the block: for evaluation, and for changing parameters.

    Also a decorator: `@no_grad()` above a function holds for each of its calls.

    >>> from microloss import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    return Block(recording=False)


def enable_grad() -> Block:
    """Record again, inside of a no_grad() block.

    >>> from microloss import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with no_grad(), enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """
    return Block(recording=True)


def detect_anomaly() -> Block:
    """Raise FloatingPointError at the operation that first makes a nan or an infinity.

    It looks forward and backward. The message names the operation and the line of your code that
    called it; a nan that was there before, in data or in a weight, is reported as the argument that
    holds it. Backward also raises RuntimeError if an array was written into after its use, such as
    by `p.data[0] = 5`. Everything runs slower inside the block.

    >>> import numpy as np
    >>> from microloss import Tensor
    >>> with detect_anomaly(), np.errstate(all="ignore"):  # doctest: +ELLIPSIS
    ...     np.log(Tensor([1.0, 0.0]))
    Traceback (most recent call last):
    FloatingPointError: log made -inf at element (1,), from 0.0; called at ...
    """
    return Block(origins={})


# ---- what detect_anomaly() does ------------------------------------------------------------------

PACKAGE = os.path.dirname(os.path.dirname(__file__))
LIBRARIES = (PACKAGE + os.sep, os.path.dirname(np.__file__) + os.sep, contextlib.__file__)


def users_line() -> str:
    """The innermost line of code on the stack that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(LIBRARIES):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}, in {frame.f_code.co_name}"


def first_bad(data, operands):
    """(index, operand): where data first is nan or infinite, and which operand holds nan already.

    None if data is finite, or if an operand was infinite before. operand is None where the
    operation itself made what is bad.
    """
    floats = {i: v for i, v in enumerate(operands) if isinstance(v, ndarray | float | np.floating)}
    for bad in (np.isnan, np.isinf):
        found = bad(data)
        if found.any():
            holders = [i for i, v in floats.items() if bad(v).any()]
            if not holders or bad is np.isnan:
                at = tuple(map(int, np.unravel_index(np.argmax(found), data.shape)))
                return at, holders[0] if holders else None
    return None


def watch(out, fn, values) -> None:
    """Forward check of detect_anomaly()."""
    line = users_line()
    mode.origins[out._number] = line, checksums(out._array, values)
    bad = first_bad(out._array, values)
    if bad is None:
        return
    at, holder = bad
    if holder is not None:
        raise FloatingPointError(
            f"{nan_in(values[holder], f'argument {holder} of {fn.__name__}')}; called at {line}"
        )
    sources = [v[at] for v in map(np.asarray, values) if v.shape == out.shape]
    raise FloatingPointError(
        f"{fn.__name__} made {out._array[at]} at element {at}"
        + (f", from {', '.join(map(str, sources))}" if sources else "")
        + f"; called at {line}"
    )


def nan_in(array, name) -> str:
    """Where an array holds its first nan, in words."""
    nan = np.isnan(array)
    at = tuple(map(int, np.unravel_index(np.argmax(nan), nan.shape)))
    return f"{name}, of shape {nan.shape}, holds nan at element {at} before the operation"


def watch_back(d, g, fn, i, tensor) -> None:
    """Backward check of detect_anomaly(): d is what the rule made of g for argument i."""
    bad = first_bad(d, (g, *tensor._values))
    if bad is None:
        return
    at, holder = bad
    line, _ = mode.origins.get(tensor._number, ("a line outside of detect_anomaly()", None))
    if holder is None:
        problem = (
            f"backward through {fn.__name__} made {d[at]} at element {at} of the gradient of its "
            f"argument {i}"
        )
    elif holder == 0:
        problem = nan_in(g, f"the gradient that reaches {fn.__name__}")
    else:
        problem = nan_in(tensor._values[holder - 1], f"argument {holder - 1} of {fn.__name__}")
    raise FloatingPointError(f"{problem}; {fn.__name__} was called at {line}")


def checksums(y, values) -> list:
    """One number for each array that a rule may look at, 0 for what is not an array."""
    return [
        zlib.crc32(np.ascontiguousarray(v).tobytes()) if isinstance(v, ndarray) else 0
        for v in (*values, y)
    ]


def check_unwritten(tensor) -> None:
    """Raise if an array that the rules of `tensor` look at was written into since forward."""
    line, kept = mode.origins.get(tensor._number, (None, None))
    if kept is None:
        return
    for i, (now, then) in enumerate(zip(checksums(tensor._array, tensor._values), kept)):
        if now != then:
            what = "its result" if i == len(tensor._values) else f"its argument {i}"
            raise RuntimeError(
                f"backward through {tensor.op}: {what} was written into after use (by "
                "t.data[...] = ..., or through the array that was passed in): assign the whole "
                f".data, or compute the result again; {tensor.op} was called at {line}"
            )
