"""Run the course: `python -m lessons` all of it, `python -m lessons 5 7` some, `--list` the titles.

`--seeds 0-29` runs lessons over many seeds and says on how many of them each claim held.
"""

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Iterable
from pathlib import Path

from . import kit, seeds
from .course import Lesson, Result, course, find, run, run_all
from .coursework import commands
from .syllabus import syllabus


def report(lessons: list[Lesson], results: Iterable[Result]) -> list[Result]:
    """A line for each lesson as soon as its result is there, and the output of those that fail."""
    width = max(len(str(lesson)) for lesson in lessons)
    results = iter(results)
    shown = []
    for lesson in lessons:
        print(f"{lesson!s:<{width}}", end="", flush=True)
        result = next(results)
        held = f"{sum(c.holds for c in result.claims)} of {len(result.claims)} claims held"
        print(f"{result.seconds:7.1f} s  {held}{'' if result.passed else ', FAILED'}", flush=True)
        if not result.passed:
            print(textwrap.indent(result.output, "    | ", predicate=lambda line: True))
        shown.append(result)
    return shown


def summary(lessons: list[Lesson], results: list[Result], seconds: float) -> str:
    claims = [claim.holds for result in results for claim in result.claims]
    failed = [str(lesson) for lesson, result in zip(lessons, results) if not result.passed]
    total = (
        f"Lessons passed: {len(results) - len(failed)} of {len(results)}. "
        f"Claims held: {sum(claims)} of {len(claims)}. "
        f"Figures: {sum(result.figures for result in results)}. "
        f"Seconds: {seconds:.1f}."
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
    parser.add_argument(
        "--seeds",
        type=seeds.parse,
        metavar="0-29",
        help="run the lessons with each of these seeds, and count on how many each claim holds",
    )
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
    if args.no_pause or len(chosen) != 1:
        options.append("--no-pause")
    started = time.perf_counter()
    try:
        if args.seeds:
            passed = [
                seeds.report(*of_lesson) for of_lesson in seeds.over(chosen or lessons, args.seeds)
            ]
            return 0 if all(passed) else 1
        if chosen:
            results = [run(lesson, options, quiet=False) for lesson in chosen]
        else:
            at_once = 1 if args.show else os.cpu_count()
            runs = run_all([(lesson, options) for lesson in lessons], at_once)
            chosen, results = lessons, report(lessons, runs)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    if len(chosen) > 1:
        print("", summary(chosen, results, time.perf_counter() - started), sep="\n")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
