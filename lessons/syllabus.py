"""The syllabus, lessons/README.md, made of the lessons: `python -m lessons --syllabus`."""

import ast
import re
from pathlib import Path

PARTS = {
    "The machine": range(1, 6),
    "Regression": range(6, 10),
    "Classification": range(10, 14),
    "Optimisation": range(14, 21),
    "Structure": range(21, 26),
    "Generating and aligning": range(26, 31),
    "Designing losses": range(31, 37),
}
WORDS_A_MINUTE = 110  # of a script and what it prints, with a look at each figure

HEAD = """\
# The course

{count} lessons, each a script to read from top to bottom and to run: `python -m lessons N`, or
`python lessons/NN_name.py`. A lesson asks before it answers, lets the naive way fail before it
shows the cure, and checks every claim it makes in its own run: ✓ with the figure, or the lesson
fails. `--seed N` repeats it with other random numbers, `--show` opens its figures, `--out DIR`
writes them elsewhere. `python -m lessons` runs the whole course.

You need to know NumPy, and what a derivative is. Each part ends with a sheet of exercises:
functions to write, and `python -m lessons check N` says which are right, and why the others are
not. [coursework/README.md](coursework/README.md) is for those who teach with them.
"""

PATHS = """\
## Which way to go

- **One afternoon:** 1, 2, 5, 6 and 10: what a loss is, what backward does, a network that reads
  digits, and what the choice of the loss does to lines and to classes.
- **A term:** in order, three lessons a week for twelve weeks; each names what it builds on. A sheet
  of exercises whenever a part is done.
- **Only how networks learn:** part 1, then 14 to 20, then 35.
- **Only to choose a loss:** `python -m microloss choose` for the answer; for the reasons, 6 and 8
  (numbers), 10, 11 and 12 (classes, rare ones, wrong labels), 21 to 25 (distances, order, strings,
  masks), and 31 for one of your own.
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
    """Time to read a lesson."""
    words = len(re.findall(r"[A-Za-z]{2,}", path.read_text(encoding="utf-8")))
    return max(1, round(words / WORDS_A_MINUTE))


def functions(sheet: Path) -> str:
    """What a sheet of exercises asks for."""
    tree = ast.parse(sheet.read_text(encoding="utf-8"))
    return ", ".join(f"`{node.name}`" for node in tree.body if isinstance(node, ast.FunctionDef))


def syllabus(lessons) -> str:
    """The page, for lessons with `number`, `title` and `path`."""
    lines = [HEAD.format(count=len(lessons)), PATHS]
    for part, (name, numbers) in enumerate(PARTS.items(), start=1):
        chosen = [lesson for lesson in lessons if lesson.number in numbers]
        if not chosen:
            continue
        lines += [f"## Part {part}: {name}", "", "| | lesson | minutes |", "| --- | --- | --- |"]
        for lesson in chosen:
            file = lesson.path.name
            picture = f"../figures/{lesson.path.stem}.png"
            lines.append(
                f'| <img src="{picture}" width="170" alt=""> '
                f"| **{lesson.number}. [{lesson.title}]({file})** {opening(lesson.path)} "
                f"| {minutes(lesson.path)} |"
            )
        sheets = chosen[0].path.parent.glob(f"exercises/{part:02}_*.py")
        lines += [f"\nExercises: [{s.name}](exercises/{s.name}), {functions(s)}." for s in sheets]
        lines.append("")
    return "\n".join([*lines, FOOT])
