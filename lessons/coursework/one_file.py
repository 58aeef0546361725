"""Mark one file: its functions are called in a process of their own, and what came is explained."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import microloss

from . import feedback
from .compare import Answer, call, source_of
from .messages import decode, encode
from .sheet import Check, Exercise, Plan

RUNNER = Path(__file__).with_name("runner.py")
LIBRARY = Path(microloss.__file__).parents[1]
LONGEST = 1 << 22  # characters of one reply
LARGEST_FOLDER = 64 << 20  # bytes that a submission may write in all
interrupted = threading.Event()  # set, all that wait for a process give up
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Mark:
    """The points of one exercise, and why."""

    name: str
    points: float
    of: float
    feedback: str = ""  # empty for full points

    as_dict = asdict


class SheetError(ValueError):
    """The author's mistake, not a student's."""


class TooLarge(Exception):
    """A submission fills its folder."""


class Process:
    """A process that runs a student's file, started when it is first asked for something."""

    def __init__(self, plan: Plan, source: str, name: str, quiet: bool):
        self.plan, self.quiet = plan, quiet
        self.job = {
            "source": source,
            "name": name,
            "given": plan.sheet.given,
            "megabytes": plan.megabytes,
            "seconds": 60 * plan.seconds,
        }
        self.process = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def start(self) -> dict:
        """Load the file in a new process; what became of it."""
        fixed = {"TMPDIR": self.folder.name, "PYTHONHASHSEED": "0"}
        fixed |= {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
        self.process = subprocess.Popen(
            [sys.executable, "-u", RUNNER, LIBRARY],
            cwd=self.folder.name,
            env={key: os.environ[key] for key in KEPT if key in os.environ} | fixed,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.quiet else None,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the grader
        )
        self.replies = queue.SimpleQueue()
        pipe = self.process.stdout, self.replies
        threading.Thread(target=self.listen, args=pipe, daemon=True).start()
        self.send(self.job)
        return self.ask({})

    @staticmethod
    def listen(stdout, replies):
        with stdout:
            while line := stdout.readline(LONGEST):
                replies.put(line)
        replies.put("")

    def send(self, request: dict):
        """Send a request, which takes long if it is long and nobody reads."""
        pipe = self.process.stdin

        def write():
            with contextlib.suppress(OSError, ValueError):  # ended: the missing reply will say so
                pipe.write(json.dumps(request) + "\n")
                pipe.flush()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        writer.join(self.plan.seconds)

    def call(self, e: Exercise, check: Check, args: tuple) -> dict:
        """What a call of the student's function gave: {"value", "changed"} or {"error"}."""
        if self.process is None and "error" in (loaded := self.start()):
            return loaded
        how = {"driver": source_of(check.call), "call": check.call.__name__}
        return self.ask({"name": e.name, "args": encode(args)} | how)

    def ask(self, request: dict) -> dict:
        """The reply to a request. A process that gives none in time, or no proper one, is ended.

        Nothing in a reply is trusted: the file may have written it itself.
        """
        self.send(request)
        seconds = self.plan.seconds
        try:
            line = self.wait(seconds)
            if not line:
                return self.failure("Ended", "the process ended in the middle of it")
            reply = json.loads(line)
            if "error" in reply:
                return {
                    "error": {
                        key: str(reply["error"][key])[:2000] for key in ("kind", "text", "where")
                    }
                }
            if not request:
                return {key: {str(name) for name in reply[key]} for key in ("functions", "empty")}
            changed = [i for i in range(len(request["args"])) if i in reply["changed"]]
            return {"value": decode(reply["value"]), "changed": changed}
        except queue.Empty:
            return self.failure("TooSlow", f"no answer within {seconds:g} seconds")
        except TooLarge:
            return self.failure(
                "TooLarge", f"it writes more than {LARGEST_FOLDER >> 20} MB of files"
            )
        except Exception:
            return self.failure("Unreadable", "the answer is too long, or garbled")

    def wait(self, seconds: float) -> str:
        """The next line, the empty one at the end. Raises Empty after this time."""
        deadline = time.monotonic() + seconds
        while True:
            if interrupted.is_set():
                raise KeyboardInterrupt
            try:
                return self.replies.get(timeout=min(0.5, max(0, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise
            if size_of(self.folder.name) > LARGEST_FOLDER:
                raise TooLarge

    def failure(self, kind: str, text: str) -> dict:
        self.stop()
        return {"error": {"kind": kind, "text": text, "where": ""}}

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            with contextlib.suppress(OSError):  # what it has not read any more
                self.process.stdin.close()
            self.process = None


def size_of(folder: str) -> int:
    """The bytes of all files in a folder, which may change meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total


def what_stays_open() -> list[str]:
    """What the kernel of this machine does not keep from a submission; empty if nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(RUNNER.with_name("kernel.py"))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return [f"files, processes and the network: {done.stderr.strip()[-200:] or 'no answer'}"]


def mark(plan: Plan, source: str, name: str, *, quiet: bool) -> list[Mark]:
    """The marks of a file, one for each exercise of the plan.

    quiet : throw away what the file prints.
    """
    with Process(plan, source, name, quiet) as process:
        loaded = process.start()
        if "error" in loaded:
            why = feedback.unreadable(loaded["error"])
            return [Mark(e.name, 0, plan.points[e.name], why) for e in plan.exercises]
        marks = []
        for e in plan.exercises:
            if e.name in loaded["empty"]:
                why = feedback.NOT_BEGUN
            elif e.name not in loaded["functions"]:
                why = f"there is no function {e.name} in the file: keep the names of the sheet"
            else:
                why = examine(e, process)
            marks.append(Mark(e.name, 0 if why else plan.points[e.name], plan.points[e.name], why))
        return marks


def examine(e: Exercise, process: Process) -> str:
    """What is wrong with a student's function, by the first check it fails; empty if nothing is."""
    answers = []
    for check, calls in cases(e, process.plan):
        for args, want in calls:
            answers.append(Answer(check, args, want, process.call(e, check, args)))
            if "error" in answers[-1].reply:
                break  # the next call would most likely wait as long
        if why := feedback.explain(e, answers):
            return why
    return ""


def cases(e: Exercise, plan: Plan) -> Iterator[tuple[Check, Iterator[tuple]]]:
    """The checks of an exercise, each with its calls: their arguments, and what is right.

    Raises SheetError where the right answer itself fails, which is its author's mistake.
    """

    def calls(check, rng):
        try:
            for args in check.cases(rng):
                yield args, call(check, e.reference, args)
        except Exception as error:
            raise SheetError(
                f"{plan.sheet.path}: in the check {check.title!r} of {e.name}, the right answer "
                f"itself fails: {type(error).__name__}: {error}"
            ) from error

    for number, check in enumerate(e.checks):
        # each check has numbers of its own, whatever else is asked
        rng = np.random.default_rng([plan.seed, zlib.crc32(e.name.encode()), number])
        yield check, calls(check, rng)


def verify(plan: Plan) -> None:
    """Raise SheetError unless the right answers can be called and the checks catch all mistakes."""
    for e in plan.exercises:
        asked = [
            Answer(check, args, want, {"value": want})
            for check, calls in cases(e, plan)
            for args, want in calls
        ]
        for known in e.mistakes:
            if all(feedback.fits(known.function, answer) for answer in asked):
                raise SheetError(f"{plan.sheet.path}: no check of {e.name} catches: {known.why}")
