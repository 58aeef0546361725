"""The lessons of a folder, and how one of them is run: in a process of its own.

A lesson reports its claims and figures through a file, not through what it prints.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import kit

RUNNING: set[subprocess.Popen] = set()  # the lessons that run now


@dataclass(frozen=True)
class Lesson:
    path: Path
    number: int
    title: str

    def __str__(self) -> str:
        return f"{self.number:>2}  {self.title}"


@dataclass(frozen=True)
class Claim:
    statement: str
    holds: bool
    evidence: str


@dataclass(frozen=True)
class Result:
    passed: bool
    claims: list[Claim]
    figures: int
    seconds: float
    output: str


def course(folder: Path) -> list[Lesson]:
    """The lessons in a folder, in order. Raises ValueError if there are none."""
    lessons = [read(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]
    if not lessons:
        raise ValueError(f"no lessons NN_name.py in {folder}")
    return lessons


def read(path: Path) -> Lesson:
    """A lesson's number and title, from its docstring and without running it."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    number = int(path.name[:2])
    title = re.match(rf"Lesson {number}\. (.+)", docstring)
    if not title:
        raise ValueError(f"{path}: the docstring must open with the line `Lesson {number}. Title`")
    return Lesson(path, number, title[1])


def tasks(path: Path) -> list[str]:
    """The exercises that a lesson prints, from its text: they are literals."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "exercises":
            return ast.literal_eval(node.args[0])
    raise ValueError(f"{path}: no call of exercises()")


def find(name: str, lessons: list[Lesson]) -> Lesson:
    """The lesson of a number (5, 05), a name (05_first_network) or a path."""
    stem = Path(name).stem
    for lesson in lessons:
        if stem == lesson.path.stem or (stem.isdecimal() and int(stem) == lesson.number):
            return lesson
    raise ValueError(f"no lesson {name!r}; there are\n" + "\n".join(map(str, lessons)))


def run(lesson: Lesson, options: list[str], quiet: bool) -> Result:
    """Run one lesson. If quiet, its output is kept in the result instead of being shown."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.jsonl")
        report.touch()
        # for small matrices, one thread is faster than several that wait for each other
        environment = {"OPENBLAS_NUM_THREADS": "1"} | os.environ | {kit.REPORT: str(report)}
        encoding = sys.stdout.encoding or "utf-8"  # of what will show it in the end
        if quiet:
            environment["PYTHONIOENCODING"] = encoding
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, lesson.path, *options],
            env=environment,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            encoding=encoding,
            errors="replace",
        )
        RUNNING.add(process)
        try:
            output, _ = process.communicate()
        finally:
            process.kill()
            RUNNING.discard(process)
        seconds = time.perf_counter() - started
        events = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return Result(
        passed=process.returncode == 0,
        claims=[
            Claim(event["claim"], event["holds"], event["evidence"])
            for event in events
            if "claim" in event
        ],
        figures=sum("figure" in event for event in events),
        seconds=seconds,
        output=output or "",
    )


def run_all(
    runs: Iterable[tuple[Lesson, list[str]]], at_once: int | None = os.cpu_count()
) -> Iterator[Result]:
    """The results of lessons, each with its options, in their order; several run at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        try:
            started = [pool.submit(run, *one, quiet=True) for one in runs]
            for future in started:
                yield future.result()
        finally:  # interrupted, what runs is stopped, and what waits does not begin
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):
                process.kill()
