"""Grade a class: every file of a folder in a process of its own, the results in CSV and JSON.

The JSON is written after each submission and read again at the start, so that an interrupted run
goes on where it stopped, and only what has changed since is graded again.
"""

import csv
import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from microloss import __version__

from .one_file import Mark, SheetError, interrupted, mark
from .sheet import Plan

LARGEST = 1 << 20  # bytes of a submission


@dataclass(frozen=True)
class Submission:
    """What one student handed in: a file, or the reason why there is none to grade."""

    student: str
    path: Path | None
    problem: str = ""


def submissions(folder: Path, plan: Plan, besides: tuple[Path, ...] = ()) -> list[Submission]:
    """The submissions in a folder: `name.py`, or a folder `name/` that holds the file.

    besides : files that are none, such as the marks of an earlier run.

    Raises ValueError if there are none.
    """
    besides = {path.absolute() for path in besides}
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; pass the folder that holds the submissions")
    found = []
    for entry in sorted(folder.iterdir()):
        if hidden(entry) or entry.absolute() in besides:
            continue
        if not entry.name.isprintable():
            raise ValueError(f"{entry!r}: rename it, its name would garble the terminal")
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            found.append(Submission(entry.name, None, "a link, no file of its own"))
        elif entry.is_dir():
            found.append(choose(entry, plan))
        elif entry.suffix.lower() == ".py":
            found.append(Submission(entry.stem, entry))
        else:
            found.append(Submission(entry.name, None, "no .py file"))
    students = [s.student for s in found]
    if twice := {s for s in students if students.count(s) > 1}:
        raise ValueError(f"{folder}: both a file and a folder are named {', '.join(sorted(twice))}")
    if not found:
        raise ValueError(f"{folder} holds no .py files, and no folders with one each")
    return found


def hidden(path: Path) -> bool:
    """Whether a file is one that systems leave behind."""
    return path.name.startswith(".") or path.name in ("__MACOSX", "__pycache__")


def choose(folder: Path, plan: Plan) -> Submission:
    """The file of a student's folder: its only .py, or the only one that is of this sheet."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() == ".py" and path.is_file() and not path.is_symlink()
        if not any(map(hidden, [path, *path.relative_to(folder).parents]))
    ]
    opening = f"Sheet {plan.sheet.label}.".encode()
    mine = [path for path in files if opening in path.read_bytes()[:1000]]
    for candidates in (mine, files):
        if len(candidates) == 1:
            return Submission(folder.name, candidates[0])
    names = ", ".join(path.name for path in mine or files) or "no .py file"
    return Submission(folder.name, None, f"one file is needed, the folder has {names}")


def text_of(path: Path) -> str:
    """The text of a submission. Raises ValueError for a file that is too long, or no text."""
    source = path.read_bytes()
    if len(source) > LARGEST:
        raise ValueError(f"the file has {len(source)} bytes; {LARGEST} are allowed")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the file is not text in UTF-8") from None


def grade_one(submission: Submission, plan: Plan) -> list[Mark]:
    """The marks of one submission; whatever is wrong with it costs its own points only."""
    try:
        if submission.problem:
            raise ValueError(submission.problem)
        text = text_of(submission.path)
    except (ValueError, OSError) as error:
        return [Mark(e.name, 0, plan.points[e.name], str(error)) for e in plan.exercises]
    try:
        return mark(plan, text, submission.path.name, quiet=True)
    except SheetError:
        raise
    except Exception as error:
        why = f"the grader stumbles over what this file does: {type(error).__name__}: {error}"
        return [Mark(e.name, 0, plan.points[e.name], why) for e in plan.exercises]


def fingerprint(plan: Plan) -> str:
    """What the marks depend on beside the submissions."""
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    settings = (__version__, plan.points, plan.seed, plan.seconds, plan.megabytes)
    return digest(b"".join([*code, plan.sheet.path.read_bytes(), repr(settings).encode()]))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def grade(
    folder: Path, plan: Plan, out: Path, *, fresh: bool, jobs: int, report: Callable[[str], None]
) -> list[dict]:
    """Grade a folder; write `out` (CSV), and the same with its name in .json; return the rows.

    fresh : grade all again, also what is known from an earlier run.
    report : called with a line of progress after each submission.

    Raises ValueError if `out` holds marks of another sheet, plan or seed, unless fresh.
    """
    kept = out.with_suffix(".json")
    todo = submissions(folder, plan, besides=(out, kept))
    rows = {} if fresh else earlier(kept, plan)
    names = {s.student for s in todo}
    rows = {student: row for student, row in rows.items() if student in names}
    digests = {
        s.student: digest(s.path.read_bytes() if s.path else s.problem.encode()) for s in todo
    }
    waiting = [s for s in todo if rows.get(s.student, {}).get("file") != digests[s.student]]
    if len(waiting) < len(todo):
        report(f"{len(todo) - len(waiting)} of {len(todo)} are graded already")

    def timed(submission):
        started = time.perf_counter()
        return submission, grade_one(submission, plan), time.perf_counter() - started

    about = {"sheet": str(plan.sheet), "seed": plan.seed, "fingerprint": fingerprint(plan)}
    interrupted.clear()
    pool = ThreadPoolExecutor(jobs)
    try:
        done = [pool.submit(timed, submission) for submission in waiting]
        for count, future in enumerate(as_completed(done), start=1):
            submission, marks, seconds = future.result()
            points, of = sum(m.points for m in marks), sum(m.of for m in marks)
            student = submission.student
            rows[student] = {
                "student": student,
                "points": points,
                "of": of,
                "file": digests[student],
                "exercises": [m.as_dict() for m in marks],
            }
            write(kept, json_of(rows, about))
            progress = f"{count:>{len(str(len(waiting)))}} of {len(waiting)}"
            report(f"{progress}  {student}  {points:g} of {of:g} points  {seconds:.1f} s")
    except KeyboardInterrupt:
        interrupted.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    write(kept, json_of(rows, about))
    ordered = [rows[student] for student in sorted(rows)]
    write(out, csv_of(ordered))
    return ordered


def earlier(kept: Path, plan: Plan) -> dict[str, dict]:
    """The rows of an earlier run by student."""
    if not kept.exists():
        return {}
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        same = known["fingerprint"] == fingerprint(plan)
        rows = {row["student"]: row for row in known["students"]}
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{kept} is not a file of marks; choose another --out") from None
    if not same:
        raise ValueError(
            f"{kept} holds marks of another sheet, plan, seed or version of the checks; "
            "choose another --out, or replace them with --fresh"
        )
    return rows


def json_of(rows: dict[str, dict], about: dict) -> str:
    students = [rows[student] for student in sorted(rows)]
    return json.dumps(about | {"students": students}, indent=1, ensure_ascii=False)


def csv_of(rows: list[dict]) -> str:
    """A line for each student: student, points, of, then points and feedback of each exercise."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [m["name"] for m in rows[0]["exercises"]]
    header = [column for name in names for column in (name, f"{name}: feedback")]
    writer.writerow(["student", "points", "of", *header])
    for row in rows:
        marks = [cell for m in row["exercises"] for cell in (m["points"], harmless(m["feedback"]))]
        writer.writerow([harmless(row["student"]), row["points"], row["of"], *marks])
    return text.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8"
    ) as draft:
        draft.write(text)
    os.replace(draft.name, path)
