"""Every test runs with floating-point errors raised, and beside all of them run the lessons."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lessons.course import Lesson, run  # noqa: E402


@pytest.fixture(autouse=True)
def strict_floats():
    """No silent overflow, no silent nan."""
    with np.errstate(all="raise"):
        yield


@pytest.fixture(scope="session", autouse=True)
def lessons_run(request, tmp_path_factory):
    """The runs of the lessons whose tests were chosen: path -> folder of its figures, its result.

    They take as long as all other tests together, so one core works on them from the beginning.
    """
    names = [item.name for item in request.session.items]
    chosen = [name[len("test_lesson[") : -1] for name in names if name.startswith("test_lesson[")]
    chosen += ["atlas"] if "test_atlas" in names else []
    with ThreadPoolExecutor(1) as pool:
        started = {}
        for name in chosen:
            path, folder = ROOT / "lessons" / f"{name}.py", tmp_path_factory.mktemp(name)
            options = ["--out", str(folder)]
            started[path] = folder, pool.submit(run, Lesson(path, 0, name), options, quiet=True)
        yield started
        pool.shutdown(cancel_futures=True)
