"""The syllabus, lessons/README.md, made of the lessons: `python -m lessons --syllabus`."""

import ast
import re
from pathlib import Path

from microloss.pytorch_names import markdown

PARTS = {
    "The machine": range(1, 6),
    "Regression": range(6, 10),
    "Classification": range(10, 14),
    "Optimisation": range(14, 21),
    "Structure": range(21, 26),
    "Generating and aligning": range(26, 31),
    "Designing losses": range(31, 37),
    "Wider fields": range(37, 43),
}
WORDS_A_MINUTE = 60  # of a script: code and formulas read slowly, predictions and figures included

HEAD = """\
# The course

Each lesson is a script to read from top to bottom and to run: `python -m lessons N`, or
`python lessons/NN_name.py`. A lesson asks before it answers, lets the naive way fail before it
shows the cure, and checks every claim it makes in its own run: ✓ with the figure, or the lesson
fails. `--seed N` repeats it with other random numbers, `--show` opens its figures, `--out DIR`
writes them elsewhere. `python -m lessons` runs the whole course, and
`python -m lessons --seeds 0-29 N` says on how many seeds each claim of lesson N holds.

You need to know NumPy, and what a derivative is. Each lesson ends with exercises; their answers are
folded in [answers.md](answers.md). Each part ends with a sheet of exercises: functions to write,
and `python -m lessons check N` says which are right, and why the others are not.
[coursework/README.md](coursework/README.md) is for those who teach with them.

## Your first day

1. Open [01_what_is_a_loss.py](01_what_is_a_loss.py) in an editor, beside a terminal.
2. Run `python -m lessons 1` in the terminal. At "Predict first" it waits (with `--no-pause` it does
   not). Write down what you expect, in one sentence, and why; then press Enter. To be wrong here
   costs nothing, and you will remember the answer.
3. Read the cell of the script (from one `# %%` to the next) that printed what you see. Editors such
   as VS Code, Spyder and PyCharm run a script cell by cell, and show formulas and figures in place.
4. Open the figure that the lesson names, and find in it what its titles say.
5. Change one number in the script, say what will happen, and run it again. A claim that turns to ✗
   is not an accident: find out why it no longer holds.
6. Do one exercise of the lesson, then open its answer in [answers.md](answers.md).
7. Go on with lessons 2 and 5. Then write `tanh_rule` in
   [exercises/01_the_machine.py](exercises/01_the_machine.py), and let
   `python -m lessons check 01` tell you whether it is right.

That is a day of about four hours. The minutes given below are for reading a lesson with its run and
its predictions, estimated at {words} words of the script a minute. An exercise takes about 15
minutes more, a function of a sheet about 20.
"""

PATHS = """\
## Which way to go

- **Two days:** 1, 2, 5, 6 and 10: what a loss is, what backward does, a network that reads
  digits, and what the choice of the loss does to lines and to classes.
- **A term:** in order, three lessons a week; each names what it builds on. A sheet of exercises
  whenever a part is done.
- **Only how networks learn:** part 1, then 14 to 20, then 35.
- **Only to choose a loss:** `python -m microloss choose` for the answer; for the reasons, 6 and 8
  (numbers), 10, 11 and 12 (classes, rare ones, wrong labels), 21 to 25 (distances, order, strings,
  masks), and 31 for one of your own.
"""

NAMES = """\
## Coming from PyTorch, or going there

Names that mean the same in both are not listed. An unknown name raises an error with the same hint.
**One difference is silent: `var` and `std` divide by n here, as in NumPy, and by n - 1 in PyTorch
(`ddof=1` gives PyTorch's numbers).**

"""

FOOT = """\
<!-- made by `python -m lessons --syllabus`; a test compares it with the lessons -->
"""


def opening(path: Path) -> str:
    """The first sentence of a lesson's docstring, after its title."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    body = " ".join(docstring.partition("\n")[2].split())
    return re.match(r".+?[.?!](?= [A-Z]|$)", body)[0]


def minutes(path: Path) -> int:
    """Time to read a lesson, in steps of five minutes."""
    words = len(re.findall(r"[A-Za-z]{2,}", path.read_text(encoding="utf-8")))
    return max(5, 5 * round(words / WORDS_A_MINUTE / 5))


def functions(sheet: Path) -> str:
    """What a sheet of exercises asks for."""
    tree = ast.parse(sheet.read_text(encoding="utf-8"))
    return ", ".join(f"`{node.name}`" for node in tree.body if isinstance(node, ast.FunctionDef))


def syllabus(lessons) -> str:
    """The page, for lessons with `number`, `title` and `path`."""
    lines = [HEAD.format(words=WORDS_A_MINUTE), PATHS]
    for part, (name, numbers) in enumerate(PARTS.items(), start=1):
        chosen = [lesson for lesson in lessons if lesson.number in numbers]
        if not chosen:
            continue
        lines += [f"## Part {part}: {name}", ""]
        for lesson in chosen:
            file = lesson.path.name
            picture = f"../figures/{lesson.path.stem}.png"
            lines += [
                f"**{lesson.number}. [{lesson.title}]({file})** {opening(lesson.path)} "
                f"({minutes(lesson.path)} minutes)",
                "",
                f'<a href="{picture}"><img src="{picture}" width="720" alt="{lesson.title}"></a>',
                "",
            ]
        for sheet in chosen[0].path.parent.glob(f"exercises/{part:02}_*.py"):
            lines += [f"Exercises: [{sheet.name}](exercises/{sheet.name}), {functions(sheet)}.", ""]
    return "\n".join([*lines, NAMES + markdown() + "\n", FOOT])
