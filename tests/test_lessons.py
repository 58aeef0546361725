"""Every lesson runs, all its claims hold, and the syllabus is in step."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lessons.__main__ import Lesson, course, run  # noqa: E402
from lessons.syllabus import syllabus  # noqa: E402
from microloss.losses import LOSSES  # noqa: E402

LESSONS = course(ROOT / "lessons")
ATLAS = Lesson(ROOT / "lessons" / "atlas.py", 0, "Atlas")


@pytest.fixture(scope="session")
def results(request, tmp_path_factory):
    """The runs of the lessons whose tests were chosen, two at a time, each with its folder."""
    names = {item.name for item in request.session.items}
    chosen = [le for le in LESSONS if f"test_lesson[{le.path.stem}]" in names]
    chosen += [ATLAS] if "test_atlas" in names else []
    with ThreadPoolExecutor(2) as pool:
        started = {}
        for lesson in chosen:
            folder = tmp_path_factory.mktemp(lesson.path.stem)
            started[lesson] = folder, pool.submit(run, lesson, ["--out", str(folder)], quiet=True)
        yield started


def finished(results, lesson):
    """The result of a lesson, and the names of the figures it drew, which figures/ must hold."""
    folder, future = results[lesson]
    result = future.result()
    assert result.passed, result.output
    drawn = {path.name for path in folder.iterdir()}
    kept = {path.name for path in (ROOT / "figures").glob(f"{lesson.path.stem}*.png")}
    assert drawn == kept, "run the lesson and commit its figures"
    return result, drawn


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_lesson(lesson, results):
    result, drawn = finished(results, lesson)
    assert len(result.claims) >= 3
    assert f"{lesson.path.stem}.png" in drawn


def test_atlas(results):
    result, drawn = finished(results, ATLAS)
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
