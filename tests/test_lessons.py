"""Every lesson runs, all its claims hold, and the syllabus is in step."""

import subprocess
import sys
from pathlib import Path

import pytest

from lessons.__main__ import Lesson, course
from lessons.syllabus import syllabus
from microloss.losses import LOSSES

ROOT = Path(__file__).resolve().parents[1]
LESSONS = course(ROOT / "lessons")
ATLAS = Lesson(ROOT / "lessons" / "atlas.py", 0, "Atlas")


def finished(lessons_run, lesson):
    """The result of a lesson, and the names of the figures it drew, which figures/ must hold."""
    folder, future = lessons_run[lesson.path]
    result = future.result()
    assert result.passed, result.output
    drawn = {path.name for path in folder.iterdir()}
    kept = {path.name for path in (ROOT / "figures").glob(f"{lesson.path.stem}*.png")}
    assert drawn == kept, "run the lesson and commit its figures"
    return result, drawn


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_lesson(lesson, lessons_run):
    result, drawn = finished(lessons_run, lesson)
    assert len(result.claims) >= 3
    assert f"{lesson.path.stem}.png" in drawn


def test_atlas(lessons_run):
    result, drawn = finished(lessons_run, ATLAS)
    assert len(result.claims) == 2
    assert drawn == {"atlas.png"} | {f"atlas_{name}.png" for name in LOSSES}


def test_numbers_run_on():
    assert [lesson.number for lesson in LESSONS] == list(range(1, len(LESSONS) + 1))


def test_syllabus_is_in_step():
    page = (ROOT / "lessons" / "README.md").read_text(encoding="utf-8")
    assert page == syllabus(LESSONS), "run `python -m lessons --syllabus > lessons/README.md`"


def test_listing():
    command = [sys.executable, "-m", "lessons", "--list"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(lesson.title in listed for lesson in LESSONS)
