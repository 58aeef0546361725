"""The commands `python -m lessons check`, `grade` and `sheet`."""

import argparse
import os
import re
import sys
import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..kit import natural_number, tick
from .feedback import NOT_BEGUN
from .one_file import Mark, mark, verify, what_stays_open
from .sheet import SHEETS, TEMPLATES, Plan, find, load, read_plan, whole
from .whole_class import grade, text_of

NAMES = ("check", "grade", "sheet")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lessons")
    commands = top.add_subparsers(dest="command", required=True)

    def command(name, function, text):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=function)
        added.add_argument("--plan", type=Path, metavar="TOML", help="exercises, points, limits")
        return added

    text = "Check a sheet you have worked on: what is right, and why the rest is not."
    one = command("check", check, text)
    one.add_argument("file", help="06 for lessons/exercises/06_*.py, or a path")
    one.add_argument("--checks", action="store_true", help="name all that is checked, as well")

    text = "Grade a folder of submissions, each in a process of its own."
    many = command("grade", grade_class, text)
    many.add_argument("folder", type=Path, help="NAME.py for each student, or a folder NAME/ each")
    many.add_argument(
        "--out", type=Path, default=Path("grades.csv"), metavar="CSV", help="default: grades.csv"
    )
    many.add_argument("--fresh", action="store_true", help="grade again what is graded already")
    many.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    many.add_argument(
        "--require-sandbox",
        action="store_true",
        help="do not grade where the operating system cannot close files, processes and network",
    )

    for added in (one, many):
        added.add_argument("--sheet", help="06, or the path of your own sheet")
        added.add_argument("--seed", type=natural_number, help="of the numbers in the checks")

    text = "Print a sheet as students get it; without a name, list the sheets."
    show = command("sheet", print_sheet, text)
    show.add_argument("sheet", nargs="?", help="06, or the path of your own sheet")
    return top


def main(argv: list[str]) -> int:
    commands = parser()
    args = commands.parse_args(argv)
    try:
        return args.run(args)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:  # a file that cannot be read or written, too
        commands.error(str(error))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def chosen(args: argparse.Namespace, seed: int = 0) -> Plan | None:
    """The plan that the options name, if they name one; with this seed if nobody names another."""
    if args.plan and args.sheet:
        raise ValueError("the plan says which sheet: leave out the other")
    if args.plan:
        plan = read_plan(args.plan, seed)
    elif args.sheet:
        plan = whole(find(args.sheet), seed)
    else:
        return None
    named = getattr(args, "seed", None)
    return plan if named is None else replace(plan, seed=named)


def check(args: argparse.Namespace) -> int:
    """Check one file. Exit status 1 unless all is right."""
    path = Path(args.file)
    if args.file.isdecimal():
        sheet = find(args.file)
        path, args.sheet = TEMPLATES / sheet.path.name, args.sheet or args.file
    if not path.is_file():
        raise ValueError(f"no file {path}; sheets by number: python -m lessons sheet")
    text = text_of(path)
    if not (args.plan or args.sheet):
        label = re.search(r"Sheet (\d+)\. ", text)
        if not label:
            raise ValueError(f"{path} does not say of which sheet it is: name it with --sheet")
        args.sheet = label[1]
    plan = chosen(args)
    print(plan.sheet)
    marks = mark(plan, text, path.name, quiet=False)
    told = {m.feedback for m in marks}
    if len(told) == 1 < len(marks) and told.isdisjoint({"", NOT_BEGUN}):  # the file cannot be run
        print(textwrap.indent(told.pop(), "  "))
        marks = [replace(m, feedback="see above") for m in marks]
    for m, e in zip(marks, plan.exercises):
        print(line_of(m))
        if args.checks:
            print(*(f"      [{check.title}]" for check in e.checks), sep="\n")
    points, of = sum(m.points for m in marks), sum(m.of for m in marks)
    print(f"\nPoints: {points:g} of {of:g}.")
    return 0 if points == of else 1


def line_of(m: Mark) -> str:
    """A mark as the terminal shows it: the line, and the feedback below."""
    if m.feedback == NOT_BEGUN:
        return f"  · {m.name}: not begun, 0 of {m.of:g}"
    line = f"  {tick(not m.feedback)} {m.name}: {m.points:g} of {m.of:g}"
    return "\n".join([line, *filter(None, [textwrap.indent(m.feedback, "      ")])])


def grade_class(args: argparse.Namespace) -> int:
    plan = chosen(args, seed=1)  # other numbers than those that `check` prints
    if plan is None:
        raise ValueError("say which sheet: --sheet 06, or --plan with a TOML")
    if args.jobs < 1:
        raise ValueError(f"--jobs {args.jobs}: at least one at a time")
    out = args.out
    if out.suffix == ".json" or out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"--out {out}: a .csv in a folder that exists; a .json goes beside it")

    print(plan.sheet)
    if still_open := what_stays_open():
        if args.require_sandbox:
            raise ValueError("--require-sandbox: not closed here: " + "; ".join(still_open))
        print("not closed to submissions by the operating system: " + "; ".join(still_open))
        print("(only Python's audit hook keeps them out; see lessons/coursework/README.md)")
    report = partial(print, flush=True)
    rows = grade(args.folder, plan, out, fresh=args.fresh, jobs=args.jobs, report=report)
    print("\nexercise: share of the class that has its points")
    for k, e in enumerate(plan.exercises):
        share = sum(not row["exercises"][k]["feedback"] for row in rows) / len(rows)
        print(f"  {e.name:<30} {share:4.0%}")
    mean = sum(row["points"] for row in rows) / len(rows)
    print(f"\n{len(rows)} submissions, {mean:.1f} of {rows[0]['of']:g} points on average.")
    print(f"Written: {out} and {out.with_suffix('.json')}.")
    return 0


def print_sheet(args: argparse.Namespace) -> int:
    if plan := chosen(args):
        verify(plan)
        own = f" --sheet {args.sheet}" if args.sheet and not args.sheet.isdecimal() else ""
        print(plan.template(f" --plan {args.plan}" if args.plan else own), end="")
        return 0
    for path in sorted(SHEETS.glob("[0-9][0-9]_*.py")):
        sheet = load(path)
        print(sheet)
        for e in sheet.exercises:
            print(f"    {e.name:<30} lesson {e.lesson:>2}, points: {e.points:g}")
    return 0
