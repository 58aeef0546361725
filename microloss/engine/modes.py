"""What holds in one thread: whether operations are recorded, and whether nan is looked for."""

import contextlib
import os
import sys
import threading

import numpy as np

ndarray = np.ndarray


class Mode(threading.local):
    """What holds in one thread: no_grad() in another must not cut this one's graph."""

    recording = True  # False inside no_grad()
    origins = None  # inside detect_anomaly(): number of a Tensor -> where it was made


mode = Mode()
blocks = 0  # of no_grad() and the like, open in any thread; while 0, no need to look at `mode`
changing = threading.Lock()


@contextlib.contextmanager
def no_grad():
    """Record nothing inside the block: for evaluation, and for changing parameters.

    >>> from microloss import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    with mode_set(recording=False):
        yield


@contextlib.contextmanager
def mode_set(**changes):
    """Change the mode of this thread for a block."""
    global blocks
    before = {name: getattr(mode, name) for name in changes}
    with changing:
        blocks += 1
    try:
        vars(mode).update(changes)
        yield
    finally:
        vars(mode).update(before)
        with changing:
            blocks -= 1


@contextlib.contextmanager
def detect_anomaly():
    """Raise FloatingPointError at the operation that first makes a nan or an infinity.

    Forward or backward; the message names the operation and the line of your code that called it.
    Everything runs slower inside the block.

    >>> import numpy as np
    >>> from microloss import Tensor
    >>> with detect_anomaly(), np.errstate(all="ignore"):  # doctest: +ELLIPSIS
    ...     np.log(Tensor([1.0, 0.0]))
    Traceback (most recent call last):
    FloatingPointError: log made -inf at element (1,), from 0.0; called at ...
    """
    with mode_set(origins={}):
        yield


PACKAGE = os.path.dirname(os.path.dirname(__file__))
LIBRARIES = (PACKAGE + os.sep, os.path.dirname(np.__file__) + os.sep, contextlib.__file__)


def users_line() -> str:
    """The innermost line of code on the stack that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(LIBRARIES):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}, in {frame.f_code.co_name}"


def first_bad(data, operands):
    """Where data first is nan, or infinite, though none of the operands is; or None."""
    operands = [v for v in operands if isinstance(v, ndarray | float | np.floating)]
    for bad in (np.isnan, np.isinf):
        found = bad(data)
        if found.any() and not any(bad(v).any() for v in operands):
            return tuple(map(int, np.unravel_index(np.argmax(found), data.shape)))
    return None


def watch(out, fn, values):
    """Forward check of detect_anomaly()."""
    mode.origins[out._number] = users_line()
    at = first_bad(out._data, values)
    if at is None:
        return
    sources = [v[at] for v in map(np.asarray, values) if v.shape == out.shape]
    raise FloatingPointError(
        f"{fn.__name__} made {out._data[at]} at element {at}"
        + (f", from {', '.join(map(str, sources))}" if sources else "")
        + f"; called at {mode.origins[out._number]}"
    )
