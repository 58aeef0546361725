"""Run the course: `python -m lessons` all of it, `python -m lessons 5 7` some, `--list` the titles.

Each lesson runs in a process of its own, one after the other, and reports its claims and figures
through a file, not through what it prints.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from . import kit
from .coursework import commands
from .syllabus import syllabus


@dataclass(frozen=True)
class Lesson:
    path: Path
    number: int
    title: str

    def __str__(self) -> str:
        return f"{self.number:>2}  {self.title}"


@dataclass(frozen=True)
class Result:
    passed: bool
    claims: list[bool]
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
        if quiet:
            environment["PYTHONIOENCODING"] = sys.stdout.encoding  # what will show it in the end
        started = time.perf_counter()
        process = subprocess.run(
            [sys.executable, lesson.path, *options],
            env=environment,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            encoding=sys.stdout.encoding,
            errors="replace",
        )
        seconds = time.perf_counter() - started
        events = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return Result(
        passed=process.returncode == 0,
        claims=[event["holds"] for event in events if "claim" in event],
        figures=sum("figure" in event for event in events),
        seconds=seconds,
        output=process.stdout or "",
    )


def run_all(lessons: list[Lesson], options: list[str]) -> list[Result]:
    """Run lessons one after the other: a line each, and the output of those that fail."""
    width = max(len(str(lesson)) for lesson in lessons)
    results = []
    for lesson in lessons:
        print(f"{lesson!s:<{width}}", end="", flush=True)
        result = run(lesson, options, quiet=True)
        held = f"{sum(result.claims)} of {len(result.claims)} claims held"
        print(f"{result.seconds:7.1f} s  {held}{'' if result.passed else ', FAILED'}", flush=True)
        if not result.passed:
            print(textwrap.indent(result.output, "    | ", predicate=lambda line: True))
        results.append(result)
    return results


def summary(lessons: list[Lesson], results: list[Result]) -> str:
    claims = [holds for result in results for holds in result.claims]
    failed = [str(lesson) for lesson, result in zip(lessons, results) if not result.passed]
    total = (
        f"Lessons passed: {len(results) - len(failed)} of {len(results)}. "
        f"Claims held: {sum(claims)} of {len(claims)}. "
        f"Figures: {sum(result.figures for result in results)}. "
        f"Seconds: {sum(result.seconds for result in results):.1f}."
    )
    return "\n".join([total, "Failed:", *failed] if failed else [total])


def main(argv: list[str] | None = None, folder: Path = Path(__file__).parent) -> int:
    sys.stdout.reconfigure(errors="replace")  # titles on a terminal in ASCII
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in commands.NAMES:
        return commands.main(argv)
    parser = argparse.ArgumentParser(
        prog="python -m lessons",
        description="Run the whole course, or the lessons named.",
        parents=[kit.options],
        epilog="Coursework: python -m lessons check, grade or sheet, each with --help.",
    )
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="5, 05 or 05_first_network")
    parser.add_argument("--list", action="store_true", help="list the lessons and stop")
    parser.add_argument("--syllabus", action="store_true", help="print lessons/README.md and stop")
    args = parser.parse_args(argv)

    try:
        lessons = course(folder)
        chosen = [find(name, lessons) for name in args.lessons]
    except ValueError as error:
        parser.error(str(error))
    if args.list:
        print(*chosen or lessons, sep="\n")
        return 0
    if args.syllabus:
        print(syllabus(lessons), end="")
        return 0

    options = ["--seed", str(args.seed), "--out", str(args.out), *["--show"] * args.show]
    try:
        if chosen:
            results = [run(lesson, options, quiet=False) for lesson in chosen]
        else:
            chosen, results = lessons, run_all(lessons, options)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    if len(chosen) > 1:
        print("", summary(chosen, results), sep="\n")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
