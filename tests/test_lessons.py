"""Every lesson runs, its claims hold and can fail, its exercises have answers."""

import ast
import doctest
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lessons import seeds
from lessons.answers import answers
from lessons.course import Lesson, course, run, tasks
from lessons.syllabus import PARTS, syllabus
from microloss.losses import LOSSES

ROOT = Path(__file__).resolve().parents[1]
LESSONS = course(ROOT / "lessons")
ATLAS = Lesson(ROOT / "lessons" / "atlas.py", 0, "Atlas")
ANSWERS = answers()
QUICK = [
    lesson for lesson in LESSONS if lesson.number in {1, 2, 3, 4, 6, 7, 8, 9, 31, 33}
]  # the ten that take least time

# Changes to the experiment of a lesson, each of which must turn one of its claims false. A file for
# each lesson, tests/planted/NN.toml, with one or more of
#     [[planted]]
#     why = "what the change takes away"
#     old = '''text that occurs once in the lesson'''
#     new = '''what stands there instead'''
#     false = "the statement of the claim that no longer holds"
PLANTED = [
    (lesson, change)
    for lesson in LESSONS
    if (path := ROOT / "tests" / "planted" / f"{lesson.number:02}.toml").exists()
    for change in tomllib.loads(path.read_text(encoding="utf-8"))["planted"]
]


def stem(lesson):
    return lesson.path.stem


def finished(lesson, folder):
    """The result of a lesson, and the names of the figures it drew, which figures/ must hold."""
    result = run(lesson, ["--out", str(folder)], quiet=True)
    assert result.passed, result.output
    drawn = {path.name for path in folder.iterdir()}
    kept = {path.name for path in (ROOT / "figures").glob(f"{lesson.path.stem}*.png")}
    assert drawn == kept, "run the lesson and commit its figures"
    return result, drawn


@pytest.mark.parametrize("lesson", LESSONS, ids=stem)
def test_lesson(lesson, tmp_path):
    result, drawn = finished(lesson, tmp_path)
    assert len(result.claims) >= 3
    assert f"{lesson.path.stem}.png" in drawn


def test_atlas(tmp_path):
    result, drawn = finished(ATLAS, tmp_path)
    assert len(result.claims) == 2
    assert drawn == {"atlas.png"} | {f"atlas_{name}.png" for name in LOSSES}


# --- claims: on other seeds, and against a planted change


@pytest.mark.thorough
@pytest.mark.parametrize("lesson", QUICK, ids=stem)
def test_claims_hold_on_other_seeds(lesson, capsys):
    ((_, results),) = seeds.over([lesson], [1, 8, 23])
    assert seeds.report(lesson, results), capsys.readouterr().out


@pytest.mark.thorough
@pytest.mark.parametrize(
    "lesson, change", PLANTED, ids=[f"{n.number}-{c['false'][:30]}" for n, c in PLANTED]
)
def test_a_planted_change_turns_a_claim_false(lesson, change, tmp_path, monkeypatch):
    text = lesson.path.read_text(encoding="utf-8")
    assert text.count(change["old"]) == 1, "`old` must occur once in the lesson"
    changed = tmp_path / lesson.path.name
    changed.write_text(
        until(change["false"], text.replace(change["old"], change["new"])), encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "lessons"), str(ROOT)]))
    result = run(Lesson(changed, lesson.number, ""), ["--out", str(tmp_path)], quiet=True)
    verdicts = {claim.statement: claim.holds for claim in result.claims}
    assert change["false"] in verdicts, f"not claimed\n{result.output}"
    assert not verdicts[change["false"]], f"it holds all the same\n{result.output}"


def until(statement, text):
    """The text up to where the statement is claimed: the rest of the lesson need not run."""
    for node in ast.parse(text).body:
        strings = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
        if any(isinstance(s, str) and " ".join(s.split()) == statement for s in strings):
            return "\n".join(text.splitlines()[: node.end_lineno]) + "\n"
    return text  # an f-string: it must run to see


@pytest.mark.parametrize("lesson", LESSONS, ids=stem)
def test_lesson_has_a_planted_change(lesson):
    assert any(planted is lesson for planted, _ in PLANTED), "write tests/planted/NN.toml"


# --- exercises and their answers


@pytest.mark.parametrize("lesson", LESSONS, ids=stem)
def test_every_exercise_has_an_answer(lesson):
    asked = [" ".join(task.split()) for task in tasks(lesson.path)]
    assert [answer.question for answer in ANSWERS[lesson.number]] == asked, "see lessons/answers.md"


@pytest.mark.parametrize("number", [n for n in ANSWERS if ANSWERS[n]])
def test_code_of_the_answers(number):
    for place, answer in enumerate(ANSWERS[number], start=1):
        code = "\n".join(re.findall(r"```python\n(.*?)```", answer.text, flags=re.DOTALL))
        name = f"lesson {number}, exercise {place}"
        test = doctest.DocTestParser().get_doctest(code, {}, name, "lessons/answers.md", 0)
        assert bool(code) == bool(test.examples), f"{name}: code is written as in a prompt: >>> "
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0, name


# --- how a lesson is written


@pytest.mark.parametrize("lesson", LESSONS, ids=stem)
def test_cells(lesson):
    text = lesson.path.read_text(encoding="utf-8")
    assert "\n# %% " in text and "\n# ----" not in text, "a section is a cell: # %% Title"
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if ast.unparse(node).startswith("predict("):
            rest = [line for line in lines[node.end_lineno :] if line]
            assert rest[0].startswith("# %%"), f"line {node.lineno}: predict() ends its cell"


@pytest.mark.parametrize("lesson", LESSONS, ids=stem)
def test_formulas_are_tex(lesson):
    for node in ast.walk(ast.parse(lesson.path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "formula":
            (tex,) = (ast.literal_eval(k.value) for k in node.keywords if k.arg == "tex")
            bare = re.sub(r"\\[{}]", "", tex)
            assert bare.count("{") == bare.count("}"), tex
            begun, ended = (re.findall(rf"\\{end}{{(.+?)}}", tex) for end in ("begin", "end"))
            assert sorted(begun) == sorted(ended), tex
            assert len(re.findall(r"\\left\b", tex)) == len(re.findall(r"\\right\b", tex)), tex


# --- the syllabus


def test_numbers_belong_to_the_parts():
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(numbers) <= {number for part in PARTS.values() for number in part}


def test_syllabus_is_in_step():
    page = (ROOT / "lessons" / "README.md").read_text(encoding="utf-8")
    assert page == syllabus(LESSONS), "run `python -m lessons --syllabus > lessons/README.md`"


def test_listing():
    command = [sys.executable, "-m", "lessons", "--list"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(lesson.title in listed for lesson in LESSONS)
