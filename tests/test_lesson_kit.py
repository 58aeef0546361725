"""The lesson kit: what a lesson prints, when it fails, what `python -m lessons` makes of it."""

import argparse
import base64
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lessons.seeds import parse

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ROOT / "lessons"

OPENING = '''"""Lesson {number}. {title}

Why it matters.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, sweep
from kit import table, takeaway

rng = begin()
'''
FIGURE = """
fig, ax = plt.subplots()
ax.plot([1, 2, 3], color=COLOR["mse"])
save(fig)
"""


@pytest.fixture
def write(tmp_path):
    """Write a lesson, given what follows its opening."""

    def write(body, number=6, name="toy", title="A toy"):
        path = tmp_path / f"{number:02}_{name}.py"
        path.write_text(OPENING.format(number=number, title=title) + body, encoding="utf-8")
        return path

    return write


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(LESSONS), "PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        encoding="utf-8",
    )


COURSE = (
    "import sys; from pathlib import Path; from lessons.__main__ import main;"
    "sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"
)


def course(folder, *arguments, **environment):
    """`python -m lessons` on the lessons of another folder."""
    return python("-c", COURSE, folder, *arguments, **environment)


# --- one lesson


def test_sections_read_in_order(write):
    lesson = write("""
predict("Which is larger?")
say('''
    The first line
    is joined to the second:

        L  = x²
        L' = 2x

    and that is all.
    ''')
formula("dL/dx = 2x", tex=r"\\frac{dL}{dx} = 2x")
table(["loss", "steps"], [["mse", 7], ["huber", 12]])
claim("two is more than one", 2 > 1, "2 against 1")
claim("NumPy's truth counts too", np.float64(2) > 1, "2.0")
takeaway("Two is more.")
exercises(["Try three.", "Try four."])
""")
    run = python(lesson)
    assert run.returncode == 0, run.stderr
    *text, score = run.stdout.splitlines()
    assert text == [
        "Lesson 6. A toy",
        "===============",
        "",
        "Why it matters.",
        "",
        "Predict first",
        "    Which is larger?",
        "",
        "The first line is joined to the second:",
        "",
        "    L  = x²",
        "    L' = 2x",
        "",
        "and that is all.",
        "",
        "    dL/dx = 2x",
        "",
        "    loss   steps",
        "    -----  -----",
        "    mse        7",
        "    huber     12",
        "  ✓ two is more than one (2 against 1)",
        "  ✓ NumPy's truth counts too (2.0)",
        "",
        "Take away",
        "    Two is more.",
        "",
        "Exercises",
        "    1. Try three.",
        "    2. Try four.",
        "",
        "    Answers, after you have tried: lessons/answers.md.",
        "    With checks: huber_loss, huber_gradient, in lessons/exercises/02_regression.py; then",
        "    `python -m lessons check 02`.",
        "",
    ]
    assert score.startswith("Claims held: 2 of 2. Figures: 0. Seconds: ")


def test_long_lines_are_wrapped(write):
    lesson = write("""
say("word " * 60)
claim("word " * 60, True, "1")
exercises(["word " * 60])
""")
    run = python(lesson)
    assert run.stdout.count("word") == 180
    assert max(map(len, run.stdout.splitlines())) <= 88


def test_false_claim_fails_the_lesson_after_its_end(write):
    lesson = write("""
claim("one is more than two", 1 > 2, "1 against 2")
claim("nothing is more than nan", np.nan > 1, "nan")
say("the rest")
claim("two is more than one", 2 > 1, "2 against 1")
""")
    run = python(lesson)
    assert run.returncode == 1
    _, rest = run.stdout.split("the rest")
    assert "✓ two is more than one" in rest
    _, last = rest.split("These claims do not hold:")
    assert "✗ one is more than two (1 against 2)" in last
    assert "✗ nothing is more than nan (nan)" in last
    assert "Claims held: 1 of 3." in last


@pytest.mark.parametrize(
    "condition, given",
    [
        ("None", "None"),
        ("1", "1"),
        ("float('nan')", "nan"),
        ("np.float64('nan')", "np.float64(nan)"),
        ("np.array([True, True])", "an array of shape (2,)"),
        ("np.array(True)", "array(True)"),
    ],
)
def test_condition_is_one_truth_value(monkeypatch, condition, given):
    monkeypatch.syspath_prepend(LESSONS)
    import kit

    monkeypatch.setattr(kit.args, "seed", 0, raising=False)
    with pytest.raises(TypeError) as error:
        kit.claim("it is so", eval(condition), "1")
    assert str(error.value).startswith(
        f"claim('it is so'): `holds` must be one True or False, not {given};"
    )


def test_claim_without_begin(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    import kit

    with pytest.raises(RuntimeError, match=r"call begin\(\) first"):
        kit.claim("it is so", False, "1")


def test_exception_ends_the_lesson_with_its_traceback(write):
    lesson = write('claim("fine so far", True, "1")\n1 / 0\n')
    run = python(lesson)
    assert run.returncode == 1
    assert "ZeroDivisionError" in run.stderr and lesson.name in run.stderr
    assert "✓ fine so far" in run.stdout
    assert "Claims held" not in run.stdout


def test_interrupt_is_quiet(write):
    run = python(write("raise KeyboardInterrupt\n"))
    assert run.returncode != 0
    assert run.stderr == "\ninterrupted\n"


def test_figures(write, tmp_path):
    lesson = write(FIGURE + FIGURE.replace("save(fig)", 'save(fig, "path")'))
    out = tmp_path / "new" / "figures"
    run = python(lesson, "--out", out)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in out.iterdir()) == ["06_toy.png", "06_toy_path.png"]
    assert f"figure: {out / '06_toy.png'}\n" in run.stdout
    assert f"figure: {out / '06_toy_path.png'}\n" in run.stdout
    assert "Figures: 2." in run.stdout

    first = (out / "06_toy.png").read_bytes()
    assert first.startswith(b"\x89PNG") and b"Software" not in first
    # a learner's own settings change nothing
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\n")
    run = python(lesson, "--out", out, MATPLOTLIBRC=str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert (out / "06_toy.png").read_bytes() == first


def test_figures_go_to_the_repository_by_default(write):
    run = python(write("print(args.out)\n"))
    assert run.stdout.splitlines()[4] == str(ROOT / "figures")


def test_figure_name_taken(write, tmp_path):
    run = python(write(FIGURE + FIGURE), "--out", tmp_path)
    assert run.returncode == 1
    assert "ValueError: save: this lesson has drawn 06_toy.png already" in run.stderr


def test_figure_too_large(write, tmp_path):
    lesson = write("""
fig, ax = plt.subplots(figsize=(8, 8))
ax.imshow(rng.random((900, 900)))
save(fig)
""")
    run = python(lesson, "--out", tmp_path)
    assert run.returncode == 1
    assert "ValueError: save: 06_toy.png takes" in run.stderr
    assert "more than 150; make the figure smaller" in run.stderr
    assert not (tmp_path / "06_toy.png").exists()


def test_show_opens_every_figure(write, tmp_path):
    lesson = write('plt.show = lambda: print("on", plt.get_backend())\n' + FIGURE)
    shown = python(lesson, "--out", tmp_path, "--show", MPLBACKEND="svg")
    assert shown.returncode == 0, shown.stderr
    assert "on svg" in shown.stdout
    lesson = write("print(plt.get_backend().lower())\n")
    assert python(lesson, MPLBACKEND="svg").stdout.splitlines()[4] == "agg"


def test_seed(write):
    lesson = write("print(args.seed, rng.random())\n")

    def drawn(*arguments):
        return python(lesson, *arguments).stdout.splitlines()[4]

    assert drawn() == drawn("--seed", 0) == f"0 {np.random.default_rng(0).random()}"
    assert drawn("--seed", 3) == f"3 {np.random.default_rng(3).random()}"


def test_ascii_terminal(write):
    body = 'say("x² is smooth")\nclaim("1 ≤ 2", True, "1")\nclaim("2 ≤ 1", False, "2")\n'
    run = python(write(body, title="Größe"), PYTHONIOENCODING="ascii")
    assert run.returncode == 1 and run.stderr == ""
    assert "x? is smooth" in run.stdout
    assert "  ok 1 ? 2 (1)" in run.stdout
    assert "  NO 2 ? 1 (2)" in run.stdout


def test_statement_claimed_twice(write):
    run = python(write('for figure in "12":\n    claim("it  is so", True, figure)\n'))
    assert run.returncode == 1
    assert "ValueError: claim('it is so') is made twice" in run.stderr


SWEEP = """
def draw(fig, value):
    fig.subplots().plot([0, value])
    print("drawn", value)
"""


def test_sweep_saves_its_middle_frame(write, tmp_path):
    lesson = write(SWEEP + 'sweep(draw, [0.1, 1, 10], "learning rate")\n')
    run = python(lesson, "--out", tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("drawn") == 1 and "drawn 1\n" in run.stdout
    assert f"figure: {tmp_path / '06_toy_learning_rate.png'}\n" in run.stdout


SHOWN = """
from matplotlib import widgets

class Slider(widgets.Slider):
    def __init__(self, *arguments, **options):
        global slider
        super().__init__(*arguments, **options)
        slider = self

def show():
    assert slider.valtext.get_text() == "1"
    slider.set_val(2)
    assert slider.valtext.get_text() == "10"

widgets.Slider, plt.show = Slider, show
sweep(draw, [0.1, 1, 10], "rate")
"""


def test_sweep_shows_a_slider(write, tmp_path):
    run = python(write(SWEEP + SHOWN), "--out", tmp_path, "--show", MPLBACKEND="svg")
    assert run.returncode == 0, run.stderr
    assert [line for line in run.stdout.splitlines() if "drawn" in line] == [
        "drawn 1",  # the file
        "drawn 1",  # the window
        "drawn 10",  # the slider, moved
    ]


@pytest.fixture
def terminal(write):
    """Run a lesson in a terminal: what it prints until it ends, or waits for the keyboard."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    lesson = write('predict("Which?")\nclaim("two is more than one", True, "2")\n')
    started = []

    def run(*command):
        ours, theirs = pty.openpty()
        environment = os.environ | {"PYTHONPATH": str(LESSONS), "PYTHONIOENCODING": "utf-8"}
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        command = [sys.executable, *map(str, command or [lesson])]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, **streams)
        os.close(theirs)
        started.append((process, ours))
        return ours, read(ours)

    def read(ours):
        text = b""
        while b"straight through. " not in text:
            try:
                text += os.read(ours, 1000)
            except OSError:  # it has ended
                break
        return text.decode()

    run.lesson, run.read = lesson, read
    yield run
    for process, ours in started:
        process.kill()
        process.wait()
        os.close(ours)


def test_prediction_waits_in_a_terminal(terminal):
    keyboard, text = terminal()
    assert "Enter shows what happens; --no-pause goes straight through. " in text
    assert "two is more" not in text
    os.write(keyboard, b"\n")
    assert "two is more than one" in terminal.read(keyboard)


def test_prediction_does_not_wait_if_told(terminal):
    _, text = terminal(terminal.lesson, "--no-pause")
    assert "Enter shows" not in text and "two is more than one" in text


def test_prediction_waits_for_a_single_lesson_only(terminal):
    folder = terminal.lesson.parent
    (folder / "07_other.py").write_text(
        terminal.lesson.read_text(encoding="utf-8").replace("Lesson 6", "Lesson 7")
    )
    assert "Enter shows" in terminal("-c", COURSE, folder, "6")[1]
    for arguments in (["6", "7"], [], ["6", "--no-pause"]):
        _, text = terminal("-c", COURSE, folder, *arguments)
        assert "Enter shows" not in text and "1 of 1" in text


# --- in a notebook

KERNEL = """
import json, sys, types

class Shell:
    kernel = True
    events = types.SimpleNamespace(register=lambda event, function: None)

IPython = types.ModuleType("IPython")
IPython.get_ipython, IPython.version_info = Shell, (9, 0)
IPython.display = types.ModuleType("IPython.display")
IPython.display.display = lambda bundle, raw: print(json.dumps(bundle))
sys.modules |= {"IPython": IPython, "IPython.display": IPython.display}
sys.argv[1:] = ["-f", "kernel-1.json"]
"""


def notebook(body):
    """What the cells of a lesson show: a MIME bundle each. A kernel has no file to run."""
    run = python("-c", KERNEL + OPENING.format(number=6, title="A toy") + body, MPLBACKEND="agg")
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_notebook_shows_markdown():
    shown = notebook("""
say('''
    Of $5, `a * b` and a * b
    and a < b remain:

        x_1 * 2

    and that is all.
    ''')
predict("Which is larger?")
formula("L = x^2", tex=r"L = x^2")
table(["a|b", "n"], [["x_1", 2]])
claim("a_1 < b_1", True, "1")
claim("a_1 > b_1", False, "1 * 2")
claim("a_1 > b_1", False, "1 * 2")
takeaway("That.")
exercises(["Try `a_1`.", "Try three."])
""")
    assert all(bundle.pop("text/plain").startswith(("\n", "  ")) for bundle in shown)
    assert [bundle["text/markdown"] for bundle in shown] == [
        "Of \\$5, `a * b` and a \\* b and a \\< b remain:\n\n"
        "```text\nx_1 * 2\n```\n\nand that is all.",
        "**Predict first**\n\nWhich is larger?",
        "$$\nL = x^2\n$$",
        "| a\\|b | n |\n| --- | ---: |\n| x\\_1 | 2 |",
        '<span style="color: #009E73">✓ a\\_1 \\< b\\_1</span> (1)',
        *['<span style="color: #D55E00">✗ a\\_1 > b\\_1</span> (1 \\* 2)'] * 2,
        "**Take away**\n\nThat.",
        "**Exercises**\n\n1. Try `a_1`.\n2. Try three.\n\n"
        "Answers, after you have tried: lessons/answers.md.",
    ]


def test_notebook_shows_figures_and_players():
    draw = SWEEP.replace('print("drawn", value)', "pass")
    shown = notebook(FIGURE + draw + 'sweep(draw, [1, 2], "rate")\nassert not plt.get_fignums()\n')
    assert base64.b64decode(shown[0]["image/png"]).startswith(b"\x89PNG")
    player = shown[1]["text/html"]
    assert "data:image/png;base64" in player and 'type="range"' in player
    assert "<link" not in player and "https:" not in player and 'class="fa' not in player
    assert "⏮" in player and "▶" in player


# --- many seeds


def test_seeds_are_parsed():
    assert parse("0-3") == [0, 1, 2, 3]
    assert parse("7,1,3-4,3") == [1, 3, 4, 7]
    for text in ("", "a", "3-1", "-1", "1,,2", "1-2-3"):
        with pytest.raises(argparse.ArgumentTypeError, match="seed"):
            parse(text)


def test_claims_over_seeds(write, tmp_path):
    write(
        """
claim("a is small", args.seed != 2, f"it is {[1.5, -3e2, 1200, 4][args.seed]}")
claim("b is b", True, "the same")
claim(f"c is {args.seed // 3}", True, "1")
"""
        + FIGURE,
        1,
        "first",
    )
    write('claim("d grows", True, f"{10 - args.seed:,} times")\n', 2, "second")
    crash = "if args.seed == 3:\n    1 / 0\n"
    write(f'claim("e", True, "1")\n{crash}claim("f", True, "1")\n', 3, "third")
    run = course(tmp_path, "--seeds", "0-3", "--out", tmp_path / "figures")
    assert run.returncode == 1 and run.stderr == ""
    assert not (tmp_path / "figures").exists()
    lines = run.stdout.splitlines()
    unsteady = "a statement must be the same for every seed, so put computed numbers into the"
    assert lines == [
        " 1  A toy ..F.",
        "  ✗   3 of 4  a is small",
        "        fails on seed 2: it is 1200",
        "  ✓   4 of 4  b is b",
        "        the same",
        "  ✗   3 of 4  c is 0",
        f"        not claimed on seeds 3: {unsteady} evidence",
        "        1",
        "  ✗   1 of 4  c is 1",
        f"        not claimed on seeds 0, 1, 2: {unsteady} evidence",
        "        1",
        "",
        " 2  A toy ....",
        "  ✓   4 of 4  d grows",
        "        least:    7 times (seed 3)",
        "        greatest: 10 times (seed 0)",
        "",
        " 3  A toy ...F",
        "  ✓   4 of 4  e",
        "        1",
        "  ✗   3 of 4  f",
        "        1",
        "  ✗   seed 3  the lesson ended with an error",
        "        ZeroDivisionError: division by zero",
        "",
    ]
    assert course(tmp_path, "2", "--seeds", "5").returncode == 0


# --- the course


def test_whole_course(write, tmp_path):
    write('claim("a", True, "1")\nclaim("b", True, "2")\n' + FIGURE, 1, "first", "One")
    write('claim("c", True, "3")\nclaim("d", False, "4")\n', 2, "second", "Two")
    write('claim("e", True, "5")\nraise RuntimeError("broken ²")\n', 10, "tenth", "Ten")
    run = course(tmp_path, "--out", tmp_path)
    assert run.returncode == 1

    lines = run.stdout.splitlines()
    rows = [line.split() for line in lines if line.endswith(("held", "FAILED"))]
    assert [row[:2] for row in rows] == [["1", "One"], ["2", "Two"], ["10", "Ten"]]
    assert " ".join(rows[0][3:]) == "s 2 of 2 claims held"
    assert " ".join(rows[1][3:]) == "s 1 of 2 claims held, FAILED"
    assert " ".join(rows[2][3:]) == "s 1 of 1 claims held, FAILED"

    assert "    |   ✗ d (4)" in lines  # the output of those that failed, and of no other
    assert lines.index("    |   ✓ e (5)") < lines.index("    | RuntimeError: broken ²")
    assert not any("a (1)" in line for line in lines)

    end = lines.index("Failed:")
    assert lines[end - 1].startswith(
        "Lessons passed: 1 of 3. Claims held: 4 of 5. Figures: 1. Seconds: "
    )
    assert lines[end + 1 :] == [" 2  Two", "10  Ten"]


def test_whole_course_passes(write, tmp_path):
    write('claim("a", True, "1")\n', 1, "first", "One")
    write('claim("b ✓", True, "2")\n', 2, "second", "Größe")
    run = course(tmp_path, PYTHONIOENCODING="ascii")
    assert run.returncode == 0, run.stderr
    assert "Lessons passed: 2 of 2. Claims held: 2 of 2. Figures: 0." in run.stdout
    assert "Failed" not in run.stdout and "Lesson 1." not in run.stdout


def test_whole_course_fails_in_ascii(write, tmp_path):
    write('claim("x² > 0", False, "0")\n')
    run = course(tmp_path, PYTHONIOENCODING="ascii")
    assert run.returncode == 1
    assert "    |   NO x? > 0 (0)" in run.stdout


def test_lessons_by_number_and_name(write, tmp_path):
    for number, name in [(1, "first"), (2, "second"), (5, "fifth")]:
        write(f'print("{name}", args.seed, args.out, args.show)\n', number, name)
    run = course(tmp_path, "05", "2", "--seed", 4, "--out", "elsewhere", "--show")
    assert run.returncode == 0, run.stderr
    shown = [line for line in run.stdout.splitlines() if "elsewhere" in line]
    assert shown == ["fifth 4 elsewhere True", "second 4 elsewhere True"]
    assert "Lessons passed: 2 of 2." in run.stdout

    for name in ("01_first", "lessons/01_first.py"):
        run = course(tmp_path, name)
        assert "first 0" in run.stdout and "second" not in run.stdout
        assert "Lessons passed" not in run.stdout  # the lesson's own score is enough


def test_list_does_not_run_the_lessons(write, tmp_path):
    write("1 / 0\n", 3, "third", "A loss: what for?")
    write("1 / 0\n", 12, "twelfth", "Größe")
    run = course(tmp_path, "--list")
    assert run.returncode == 0
    assert run.stdout == " 3  A loss: what for?\n12  Größe\n"


def test_unknown_lesson(write, tmp_path):
    write("", 3, "third", "Three")
    for name in ("7", "third", "²"):
        run = course(tmp_path, name)
        assert run.returncode == 2
        assert f"no lesson '{name}'; there are\n 3  Three" in run.stderr


def test_folder_without_lessons(tmp_path):
    run = course(tmp_path)
    assert run.returncode == 2
    assert f"no lessons NN_name.py in {tmp_path}" in run.stderr


def test_title_that_disagrees_with_the_file_name(write, tmp_path):
    write("", 3, "third").rename(tmp_path / "04_third.py")
    run = course(tmp_path, "--list")
    assert run.returncode == 2
    assert "04_third.py: the docstring must open with the line `Lesson 4. Title`" in run.stderr


def test_interrupted_course(write, tmp_path):
    write("""
import os, signal, time
time.sleep(0.5)  # until it waits for this lesson
os.kill(os.getppid(), signal.SIGINT)
time.sleep(60)
""")
    run = course(tmp_path)
    assert run.returncode == 130
    assert run.stderr == "\ninterrupted\n"


def test_command_of_the_repository():
    run = python("-m", "lessons", "--help")
    assert run.returncode == 0
    assert "usage: python -m lessons" in run.stdout


# --- colours

FAMILIES = [
    "truth mse mae huber log_cosh quantile gaussian_nll robust",
    "train validation",
    "truth model",
    "naive stable truth",
    "ce bce mse",
    "ce bce weighted_bce focal hinge squared_hinge",
    "ce mae gce label_smoothing",
    "ce bce focal dice iou tversky dice_ce",
    "truth forward_kl reverse_kl js wasserstein",
    "ppo dpo ipo kto orpo",
    "sgd momentum nesterov adagrad rmsprop adam adamw sam newton saddle_free",
    "sgd sam swa",
]

# Machado, Oliveira & Fernandes (2009), severity 1: how linear RGB is seen without one kind of cone.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear_rgb(color):
    value = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson (2020): coordinates in which distance is close to perceived difference."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return lab @ np.cbrt(cones @ np.clip(rgb, 0, 1))


def difference(a, b):
    """How different two colours look to those who tell them apart worst."""
    return min(
        np.linalg.norm(oklab(sight @ linear_rgb(a)) - oklab(sight @ linear_rgb(b)))
        for sight in SIGHT.values()
    )


def test_colours_drawn_together_are_told_apart(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    from kit import COLOR, GREEN, PURPLE

    assert set(COLOR) == set(" ".join(FAMILIES).split())
    closest = difference(GREEN, PURPLE)  # the least difference within Okabe and Ito's own set
    assert difference("#8C8C8C", GREEN) < closest  # grey would not do
    for family in FAMILIES:
        for a, b in itertools.combinations(family.split(), 2):
            assert difference(COLOR[a], COLOR[b]) >= closest, (a, b)


def test_colours_stand_out_from_white_paper(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    from kit import COLOR

    for name, color in COLOR.items():
        luminance = linear_rgb(color) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) > 2, name
