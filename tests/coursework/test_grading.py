"""Grading a class: what a submission can do to itself, and that it can do nothing to others."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lessons.coursework.commands import main
from lessons.coursework.one_file import mark
from lessons.coursework.sheet import SHEETS, find, load, read_plan, whole
from lessons.coursework.whole_class import csv_of, grade, submissions

from .planted import submission

ROOT = Path(__file__).resolve().parents[2]
SHEET = find(2)
PLAN = replace(whole(SHEET), seconds=2, megabytes=512)
RIGHT = submission(SHEET)
PAGE = (SHEETS.parent / "README.md").read_text(encoding="utf-8")
FIRST, *OTHERS = [e.name for e in SHEET.exercises]


def marks_of(source, plan=PLAN):
    return {m.name: m for m in mark(plan, source, "student.py", quiet=True)}


def with_body(body):
    """All right, but for the first function."""
    return f"{RIGHT}\n\ndef {FIRST}(input, target, delta):\n    {body}\n"


# ---- one submission ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, words",
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("while True: pass", "a loop without an end"),
        ("import sys; sys.exit(0)", "it calls sys.exit()"),
        ("import os; os._exit(0)", "the process ended"),
        ("return [0.0] * 10**9", "it asks for more memory"),
        ("return huber_loss(input, target, delta)", "use a loop"),
        ("return input()", "raised TypeError"),
        ("import builtins; return builtins.input()", "it asks for input()"),
        ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        ("return 'x' * 2**25", "the answer is too long"),
        ("return lambda: 0", "it returns a function"),
        ("return [[0.0] * 1000] * 50", "not shape (50, 1000)"),
        ("return [[1.0], 2.0]", "a number is asked for, not list"),
        ("raise ValueError('\\033[2J')", "ValueError: ?[2J"),
        ("return np.array([1j])", "dtype complex128"),
        ("return 'much'", "a number is asked for, not str"),
        ("pass; 0 + 0", "nothing is returned"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "os.kill is not open"),
        ("import socket; socket.socket()", "socket.__new__ is not open"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen is not open"),
        ("import os; os.fork()", "os.fork is not open"),
        ("import ctypes; ctypes.CDLL(None)", "ctypes.dlopen is not open"),
        (f"return open({str(SHEET.path)!r}).read()", "closed to a file being checked"),
        (f"import os; return os.listdir({str(SHEETS)!r})", "closed to a file being checked"),
        ("open('/etc/hostname')", "closed to a file being checked"),
        ("import os; os.symlink('/etc', 'x'); open('x/hostname')", "closed to a file being"),
        ("import importlib; importlib.import_module('lessons.kit')", "closed to a file"),
        ("import importlib; importlib.import_module('microloss.losses')", "closed to a file being"),
        ("__import__('microloss').grad", "microloss is not open here"),
        ("__import__('matplotlib')", "closed to a file being"),
        ("import os; os.open('../x', 0, dir_fd=os.open('.', 0))", "closed to a file being checked"),
        ("import os; os.pidfd_open(os.getppid())", "raised AttributeError"),
        ("from multiprocessing.util import spawnv_passfds as f; f(b'x', [b'x'], [])", "a process"),
        ("return 10**400", "a number is asked for"),
    ],
)
def test_what_goes_wrong_costs_one_exercise(body, words):
    marks = marks_of(with_body(body))
    assert [name for name, m in marks.items() if m.points == 0] == [FIRST]
    assert words in " ".join(marks[FIRST].feedback.split()), marks[FIRST].feedback


@pytest.mark.parametrize(
    "source, words",
    [
        ("def broken(:", "SyntaxError: invalid syntax in line 1: def broken(:"),
        ("import sys\nsys.exit()\n" + RIGHT, "it calls sys.exit()"),
        ("while True: pass", "a loop without an end"),
        ("\0", "null bytes"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_why(source, words):
    marks = marks_of(source)
    assert {m.points for m in marks.values()} == {0}
    assert all(words in " ".join(m.feedback.split()) for m in marks.values()), marks


@pytest.mark.parametrize(
    "trial",
    [
        "import torch",
        "from torch import *",
        "import matplotlib.pyplot as plt",
        "from microloss.losses import huber_loss as theirs",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "if __name__ == '__main__':\n    import matplotlib.pyplot as plt\n    plt.show()",
        "def trial():\n    import torch\n    return torch.ones(3)",
    ],
)
def test_a_foreign_import_costs_nothing_that_does_not_need_it(trial):
    for source in (f"{trial}\n{RIGHT}", f"{RIGHT}\n{trial}\n"):
        assert {m.feedback for m in marks_of(source).values()} == {""}


@pytest.mark.parametrize(
    "imported, used, words",
    [
        ("import torch", "torch.mean(input)", "it imports torch in line 1"),
        ("from torch import mean", "mean(input)", "it imports torch.mean in line 1"),
        ("from microloss.losses import huber_loss as theirs", "theirs(1, 2)", "microloss.losses."),
    ],
)
def test_a_foreign_import_costs_the_function_that_uses_it(imported, used, words):
    marks = marks_of(f"{imported}\n" + with_body(f"return {used}"))
    assert [name for name, m in marks.items() if m.points == 0] == [FIRST]
    assert words in " ".join(marks[FIRST].feedback.split()), marks[FIRST].feedback
    local = marks_of(with_body(f"{imported}; return {used}"))
    assert "use what the sheet imports" in " ".join(local[FIRST].feedback.split())


@pytest.mark.parametrize(
    "reply",
    [
        '{"error": 5}',
        '{"functions": [], "empty": []}',
        "[1, 2]",
        "{" * 100_000,
        '{"value": {"dict": [[[1], 2]]}, "changed": []}',
        '{"value": {"array": [1, 2], "kind": "f", "shape": [3]}, "changed": []}',
        '{"value": {"array": [1], "kind": "O", "shape": [1]}, "changed": []}',
        '{"value": 1e999, "changed": [99, "x"]}',
    ],
)
def test_forged_replies_do_not_harm(reply):
    """The file finds the pipe to the grader and writes to it."""
    source = with_body("forge()\n    return 1.0")
    pipes = f"[os.write(fd, {reply!r}.encode() + b'\\n') for fd in (3, 4)]"
    marks = marks_of(f"{source}\n\ndef forge():\n    import os\n    {pipes}\n")
    assert marks[FIRST].points == 0


def test_a_missing_function_is_named():
    marks = marks_of(RIGHT.replace(f"def {FIRST}", "def hubert"))
    assert "there is no function huber_loss" in marks[FIRST].feedback


@pytest.mark.parametrize(
    "nuisance",
    [
        "print('{\"value\": 1}')",
        "import sys, os; os.write(1, b'noise'); sys.stdout.close()",
        "import microloss; microloss.losses = None; microloss.Tensor.data = 3",
        "np.testing = np.random = None",
        "import random; random.seed = None",
        "open('notes.txt', 'w').write('kept nowhere')",
    ],
)
def test_what_does_no_harm_costs_nothing(nuisance):
    allowed = replace(PLAN, sheet=replace(SHEET, given="import numpy as np\nimport microloss\n"))
    marks = marks_of(f"{RIGHT}\n\n{nuisance}\n\ndef {FIRST}_2(): ...", allowed)
    lost = {name for name, m in marks.items() if m.points == 0}
    assert lost <= ({FIRST} if "Tensor" in nuisance else set()), marks


def test_replacing_numpy_costs_only_oneself(tmp_path):
    (tmp_path / "a.py").write_text("import numpy as np\nnp.mean = np.array = None\n" + RIGHT)
    (tmp_path / "b.py").write_text(RIGHT)
    rows = graded(tmp_path)
    assert rows[0]["points"] < rows[1]["points"] == rows[1]["of"]


# ---- a class -------------------------------------------------------------------------------------


def graded(folder, plan=PLAN, out=None, **options):
    lines = []
    options = {"fresh": False, "jobs": 2, "report": lines.append} | options
    rows = grade(folder, plan, out or folder.parent / f"{folder.name}.csv", **options)
    graded.lines = lines
    return rows


@pytest.fixture
def class_of_three(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "anna.py").write_text(RIGHT)
    (folder / "ben.py").write_text(with_body("return 0.0"))
    (folder / "cleo").mkdir()
    (folder / "cleo" / "my answers.py").write_text(whole(SHEET).template())
    return folder


def test_a_class_in_csv_and_json(class_of_three):
    rows = graded(class_of_three)
    total = sum(PLAN.points.values())
    assert [(r["student"], r["points"], r["of"]) for r in rows] == [
        ("anna", total, total),
        ("ben", total - PLAN.points[FIRST], total),
        ("cleo", 0, total),
    ]
    assert len(graded.lines) == 3
    with open(class_of_three.with_suffix(".csv"), newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [float(line["points"]) for line in table] == [r["points"] for r in rows]
    assert "returned  0" in table[1][f"{FIRST}: feedback"]
    assert json.loads(class_of_three.with_suffix(".json").read_text())["students"] == rows


def test_the_same_again_whatever_the_order(class_of_three, tmp_path):
    graded(class_of_three, out=tmp_path / "one.csv", jobs=1)
    graded(class_of_three, out=tmp_path / "two.csv", jobs=3)
    for suffix in (".csv", ".json"):
        one, two = (tmp_path / f"{name}{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_goes_on_where_it_stopped(class_of_three):
    first = graded(class_of_three)
    kept = class_of_three.with_suffix(".json")
    whole_file = kept.read_text()
    cut = json.loads(whole_file)
    del cut["students"][1]  # as after an interruption
    kept.write_text(json.dumps(cut))
    assert graded(class_of_three) == first
    assert kept.read_text() == whole_file
    assert graded.lines[0] == "2 of 3 are graded already"
    assert "ben" in graded.lines[1] and len(graded.lines) == 2
    (class_of_three / "anna.py").write_text(with_body("return 0.0"))
    (class_of_three / "ben.py").unlink()
    rows = graded(class_of_three)
    assert [r["student"] for r in rows] == ["anna", "cleo"]
    assert rows[0]["points"] < first[0]["points"]


def test_marks_beside_the_submissions_are_no_submission(class_of_three):
    for _ in range(2):
        rows = graded(class_of_three, out=class_of_three / "grades.csv")
        assert [row["student"] for row in rows] == ["anna", "ben", "cleo"]


def test_marks_of_other_checks_are_not_overwritten(class_of_three):
    graded(class_of_three)
    with pytest.raises(ValueError, match="another sheet, plan, seed"):
        graded(class_of_three, replace(PLAN, seed=5))
    assert len(graded(class_of_three, replace(PLAN, seed=5), fresh=True)) == 3
    class_of_three.with_suffix(".json").write_text("[]")
    with pytest.raises(ValueError, match="not a file of marks"):
        graded(class_of_three)


def test_what_cannot_be_graded_is_said(tmp_path):
    folder = tmp_path / "class"
    for name in ("empty", "two"):
        (folder / name).mkdir(parents=True)
    (folder / "two" / "a.py").write_text("")
    (folder / "two" / "b.py").write_text("")
    (folder / "book.ipynb").write_text("{}")
    (folder / "latin.py").write_bytes(b"# \xe9")
    (folder / "long.py").write_text("#" * 2_000_000)
    (folder / ".hidden").write_text("")
    said = {r["student"]: r["exercises"][0]["feedback"] for r in graded(folder)}
    assert said == {
        "book.ipynb": "no .py file",
        "empty": "one file is needed, the folder has no .py file",
        "latin": "the file is not text in UTF-8",
        "long": "the file has 2000000 bytes; 1048576 are allowed",
        "two": "one file is needed, the folder has a.py, b.py",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_the_grading_and_what_it_started(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    for name in ("anna", "ben", "cleo"):
        (folder / f"{name}.py").write_text(with_body("while True: pass"))
    command = [sys.executable, "-u", "-m", "lessons", "grade", folder, "--sheet", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    grader = subprocess.Popen([*command, "--out", tmp_path / "x.csv"], cwd=ROOT, **pipes)
    assert grader.stdout.readline() == f"{SHEET}\n"
    time.sleep(1)
    grader.send_signal(signal.SIGINT)
    assert "interrupted" in grader.communicate(timeout=7)[1]  # the loops alone would take 10
    assert grader.returncode == 130


def test_check_and_grade_use_other_numbers(tmp_path):
    """An answer that repeats what `check` prints earns nothing."""
    (tmp_path / "anna.py").write_text(with_body("return 0.0"))
    main(["grade", str(tmp_path), "--sheet", "2", "--out", str(tmp_path.parent / "seeds.csv")])
    kept = json.loads((tmp_path.parent / "seeds.json").read_text())
    assert kept["seed"] == 1 != PLAN.seed


def test_links_are_no_submissions(tmp_path):
    folder = tmp_path / "class"
    (folder / "zoe").mkdir(parents=True)
    (folder / "anna.py").write_text(RIGHT)
    (folder / "ben.py").symlink_to(folder / "anna.py")
    (folder / "cleo.py").symlink_to(folder / "nowhere.py")
    (folder / "zoe" / "a.py").symlink_to(folder / "anna.py")
    (folder / "zoe" / ".ipynb_checkpoints").mkdir()
    (folder / "zoe" / ".ipynb_checkpoints" / "a.py").write_text(RIGHT)
    points = {row["student"]: row["points"] for row in graded(folder)}
    assert points == {"anna": sum(PLAN.points.values()), "ben.py": 0, "cleo.py": 0, "zoe": 0}


def test_the_last_definition_counts():
    stub = f"def {FIRST}(input, target, delta):\n    ...\n\n"
    marks = marks_of(stub + RIGHT)
    assert marks[FIRST].feedback == ""


def test_a_stumbling_grader_goes_on(class_of_three, monkeypatch):
    def stumble(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("lessons.coursework.whole_class.mark", stumble)
    rows = graded(class_of_three)
    assert len(rows) == 3 and "stumbles" in rows[0]["exercises"][0]["feedback"]


def test_the_file_of_the_sheet_is_chosen_among_several(tmp_path):
    folder = tmp_path / "anna"
    folder.mkdir()
    (folder / "answers.py").write_text(PLAN.template())
    (folder / "helper.py").write_text("")
    assert submissions(tmp_path, PLAN)[0].path == folder / "answers.py"


def test_folder_must_hold_submissions(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        submissions(tmp_path / "none", PLAN)
    with pytest.raises(ValueError, match=r"holds no \.py files"):
        submissions(tmp_path, PLAN)
    (tmp_path / "a.py").write_text("")
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="both a file and a folder are named a"):
        submissions(tmp_path, PLAN)


def test_no_cell_of_the_csv_is_a_formula():
    exercises = [{"name": "f", "points": 0, "of": 1, "feedback": "@SUM(A1)"}]
    row = {"student": "=1+1", "points": 0, "of": 1, "exercises": exercises}
    assert csv_of([row]).splitlines()[1] == "'=1+1,0,1,0,'@SUM(A1)"


# ---- plans, sheets and commands ------------------------------------------------------------------


def block(language):
    """The last code block of the documentation in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)[-1]


def test_the_plan_of_the_documentation(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(block("toml"))
    plan = read_plan(path)
    assert plan.points == {"huber_loss": 4, "quantile_loss": 1.5}
    assert (plan.seed, plan.seconds, plan.megabytes) == (2027, 5, 1024)
    assert "huber_gradient" not in plan.template()
    marks = marks_of(RIGHT, plan)
    assert {name: m.points for name, m in marks.items()} == plan.points


def test_a_sheet_of_ones_own_as_documented(tmp_path, capsys):
    path = tmp_path / "errors.py"
    path.write_text(block("python"))
    assert main(["sheet", str(path)]) == 0
    template = capsys.readouterr().out
    wrong = template.replace("    ...", "    return abs(np.mean(input - target))")
    (tmp_path / "wrong.py").write_text(wrong)
    assert main(["check", str(tmp_path / "wrong.py"), "--sheet", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "✗ absolute_error: 0 of 2" in shown and "errors of opposite sign cancel" in shown
    (tmp_path / "right.py").write_text(wrong.replace("abs(np.mean(", "np.mean(np.abs("))
    (tmp_path / "plan.toml").write_text('sheet = "errors.py"')
    arguments = [str(tmp_path / "right.py"), "--plan", str(tmp_path / "plan.toml")]
    assert main(["check", *arguments]) == 0
    assert "Points: 2 of 2." in capsys.readouterr().out


@pytest.mark.parametrize(
    "text, words",
    [
        ("sheet = 2\nsed = 1", "no key 'sed'"),
        ("sheet = 2\nseconds = 0", "seconds = 0 must be above 0"),
        ("sheet = 2\nseconds = nan", "seconds = nan must be above 0"),
        ("sheet = 2\nseed = -1", "seed = -1 must be 0 or more"),
        ("sheet = 2\n[points]\nhuber_loss = inf", "must be a number of points"),
        ("sheet = 2\nseed = 1.5", "seed = 1.5 is of the wrong type"),
        ("sheet = 2\nmegabytes = true", "megabytes = True is of the wrong type"),
        ("sheet = 99", "no sheet 99; there are"),
        ("sheet = 'none.py'", "no sheet .*none.py"),
        ("seed = 2", "say which sheet"),
        ("sheet = 2\n[points]\nhubert = 3", "has no 'hubert'; it has huber_loss"),
        ("sheet = 2\n[points]\nhuber_loss = -3", "huber_loss = -3 must be a number of points"),
        ("sheet = 2\npoints = {}", "names no exercise"),
        ("sheet =", "Invalid value"),
    ],
)
def test_a_plan_that_means_nothing_is_refused(tmp_path, text, words):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_plan(path)


@pytest.mark.parametrize(
    "text, words",
    [
        ("'''Sheet X. Half'''\n1 / 0", r"ZeroDivisionError: division by zero \(line 2\)"),
        ("'''Sheet X. Half'''\ndef f(:", "SyntaxError.*line 2"),
        ("'''Exercise.'''", "must open with the line `Sheet LABEL. Title`"),
        ("'''Sheet X. Empty'''", "has no exercise"),
        (
            "'''Sheet X. One'''\nfrom lessons.coursework import exercise\n"
            "@exercise(lesson=1, points=1)\ndef f(x): return x",
            "f needs a docstring",
        ),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(tmp_path, text, words):
    path = tmp_path / "sheet.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        load(path)


OWN = block("python")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("call=gradient", "call=lambda f, *args: f(*args)", "no lambda"),
        ("call=gradient", "call=twice", "NameError: name 'once' is not defined"),
        (
            "return abs(np.mean(input - target))",
            "return np.mean(np.abs(input - target))",
            "catches",
        ),
        ("yield rng.normal(size=4)", "yield rng.nothing(size=4)", "the right answer itself fails"),
    ],
)
def test_an_author_is_told_what_is_wrong_with_a_sheet(tmp_path, capsys, old, new, words):
    text = OWN.replace(old, new)
    driver = "def twice(f, *args):\n    return once(f, *args)\n\n\n@absolute_error.check("
    (tmp_path / "errors.py").write_text(text.replace("@absolute_error.check(", driver, 1))
    with pytest.raises(SystemExit):
        main(["sheet", str(tmp_path / "errors.py")])
    assert words in capsys.readouterr().err


def test_checks_are_named_on_demand(tmp_path, capsys):
    (tmp_path / "right.py").write_text(RIGHT)
    command = ["check", str(tmp_path / "right.py"), "--sheet", "2"]
    assert main(command) == 0
    assert "[an error of exactly delta]" not in capsys.readouterr().out
    main([*command, "--checks"])
    assert "[an error of exactly delta]" in capsys.readouterr().out


def test_a_template_says_how_it_is_checked(tmp_path, capsys):
    (tmp_path / "plan.toml").write_text("sheet = 2\n[points]\nquantile_loss = 1")
    main(["sheet", "--plan", str(tmp_path / "plan.toml")])
    assert f"THIS_FILE.py --plan {tmp_path / 'plan.toml'}\n" in capsys.readouterr().out


def test_a_file_that_cannot_be_run_is_told_once(tmp_path, capsys):
    (tmp_path / "broken.py").write_text('"""Sheet 2."""\nprint(1 / 0)')
    assert main(["check", str(tmp_path / "broken.py"), "--sheet", "2"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("ZeroDivisionError") == 1 and "__main__" in shown


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["check", "98"], "no sheet 98; there are"),
        (["check", "none.py"], "no file none.py"),
        (["check", __file__], "does not say of which sheet it is"),
        (["grade", "."], "say which sheet: --sheet 06"),
        (["grade", ".", "--sheet", "2", "--jobs", "0"], "at least one at a time"),
        (["grade", ".", "--sheet", "2", "--plan", "x"], "leave out the other"),
        (["grade", ".", "--sheet", "2", "--out", "none/x.csv"], "a folder that exists"),
        (["grade", ".", "--sheet", "2", "--out", "x.json"], "a .json goes beside it"),
        (["sheet", "--plan", "none.toml"], "none.toml"),
        (["sheet", "/"], "no sheet /"),
    ],
)
def test_commands_say_what_is_wrong(arguments, words, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert words in capsys.readouterr().err


def test_from_the_command_line(class_of_three, tmp_path):
    out = tmp_path / "grades.csv"
    command = ["grade", class_of_three, "--sheet", "02", "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "lessons", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    of = sum(e.points for e in SHEET.exercises)
    assert f"anna  {of:g} of {of:g} points" in done.stdout and "3 submissions" in done.stdout
    assert out.exists() and out.with_suffix(".json").exists()
