"""What a lesson is written with.

A lesson is a flat script. Its docstring opens with the line `Lesson N. Title` and goes on with why
the subject matters; then

    from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

    rng = begin()                                  # prints the docstring; rng follows --seed
    predict("What will happen when ...?")
    say("Prose, wrapped.")
    claim("the one is ten times the other", ratio > 10, f"{ratio:.1f} times")
    save(fig)                                      # figures/NN_name.png
    takeaway("What to remember.")
    exercises(["Try ...", "Change ..."])

A claim that does not hold lets the lesson run to its end, and then fails it with exit status 1.
"""

import argparse
import atexit
import inspect
import io
import itertools
import json
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import __main__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 88
MAX_FIGURE_KB = 150
REPORT = "MICROLOSS_LESSON_REPORT"  # the file in which `python -m lessons` collects the claims

# Okabe and Ito's colours, which colour-blind readers tell apart, and three dark companions chosen
# so that no two of the ten come closer than Okabe and Ito's own green and purple.
BLACK, SKY, BLUE, ORANGE = "#000000", "#56B4E9", "#0072B2", "#E69F00"
GREEN, VERMILLION, PURPLE = "#009E73", "#D55E00", "#CC79A7"
NAVY, BROWN, WINE = "#113388", "#552200", "#882255"

# One colour per loss and optimizer through the whole course. Only what is never drawn together
# shares a colour.
COLOR = {
    # roles
    "truth": BLACK, "model": BLUE, "train": BLUE, "validation": ORANGE,
    "naive": VERMILLION, "stable": BLUE,
    # regression
    "mse": BLUE, "mae": VERMILLION, "huber": GREEN, "log_cosh": ORANGE, "quantile": WINE,
    "gaussian_nll": NAVY, "robust": BROWN,
    # classification and segmentation
    "ce": SKY, "bce": ORANGE, "weighted_bce": NAVY, "focal": WINE, "hinge": GREEN,
    "squared_hinge": BROWN, "gce": BROWN, "label_smoothing": NAVY,
    "dice": BLUE, "iou": GREEN, "tversky": BROWN, "dice_ce": NAVY,
    # divergences
    "forward_kl": BLUE, "reverse_kl": VERMILLION, "js": GREEN, "wasserstein": ORANGE,
    # preferences
    "ppo": ORANGE, "dpo": BLUE, "ipo": SKY, "kto": GREEN, "orpo": VERMILLION,
    # optimizers
    "sgd": BLACK, "momentum": SKY, "nesterov": BLUE, "adagrad": GREEN, "rmsprop": PURPLE,
    "adam": VERMILLION, "adamw": BROWN, "sam": ORANGE, "swa": GREEN,
    "newton": WINE, "saddle_free": NAVY,
}  # fmt: skip


def natural_number(text: str) -> int:
    """A seed: NumPy takes none below 0."""
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return int(text)


options = argparse.ArgumentParser(add_help=False)
options.add_argument(
    "--seed",
    type=natural_number,
    default=0,
    help="seed of the random numbers, at least 0 (default: 0)",
)
options.add_argument(
    "--out",
    type=Path,
    metavar="DIR",
    default=Path(__file__).resolve().parents[1] / "figures",
    help="where the figures go (default: the repository's figures/)",
)
options.add_argument("--show", action="store_true", help="open each figure; close it to go on")

args = argparse.Namespace()  # --seed, --out and --show, once begin() has read them
_claims: list[tuple[bool, str]] = []
_figures: list[Path] = []
_started = time.perf_counter()


def begin() -> np.random.Generator:
    """Open the lesson: read the command line, print the docstring, return the generator of --seed.

    A lesson that needs the seed itself finds it in `args.seed`.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    title, _, introduction = inspect.cleandoc(__main__.__doc__).partition("\n")
    parser = argparse.ArgumentParser(description=title, parents=[options])
    parser.parse_args(namespace=args)

    if not args.show:
        matplotlib.use("Agg")
    # "default" first: a learner's own matplotlibrc must not change the figures.
    plt.style.use(["default", Path(__file__).with_name("style.mplstyle")])

    sys.stdout.reconfigure(errors="replace")  # a terminal in ASCII shows ? for what it lacks
    sys.excepthook = _crash
    atexit.register(_end)

    print(title, "=" * len(title), sep="\n")
    say(introduction)
    return np.random.default_rng(args.seed)


def say(text: str) -> None:
    """Print prose, wrapped. Indented lines (formulas, lists, small drawings) stay as they are."""
    print("", _wrap(text), sep="\n")


def predict(question: str) -> None:
    """Ask before the answer is shown: who has guessed remembers."""
    _section("Predict first", question)


def takeaway(text: str) -> None:
    """Print what to remember of the lesson."""
    _section("Take away", text)


def exercises(tasks: Sequence[str]) -> None:
    """Print numbered tasks, and where the lesson's exercises with checks are."""
    numbered = (_hang(f"    {number}. ", task) for number, task in enumerate(tasks, start=1))
    print("", "Exercises", *numbered, sep="\n")
    if sheet := coursework(int(Path(__main__.__file__).name[:2])):
        print("", _hang("    ", sheet), sep="\n")


def coursework(lesson: int) -> str:
    """Which exercises of lessons/exercises/ belong to a lesson; empty if none do."""
    for path in sorted(Path(__file__).with_name("exercises").glob("[0-9][0-9]_*.py")):
        text = path.read_text(encoding="utf-8")
        part = re.search(r"lessons (\d+) to (\d+)", text)
        if part and int(part[1]) <= lesson <= int(part[2]):
            functions = re.findall(r'^def (\w+).*\n    """(?s:.*?)Lesson (\d+)\.', text, re.M)
            mine = ", ".join(name for name, number in functions if int(number) == lesson)
            return (
                f"With checks: {mine or 'those of this part'}, in lessons/exercises/{path.name}; "
                f"then `python -m lessons check {path.name[:2]}`."
            )
    return ""


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, the first column to the left and the figures to the right."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    print()
    for name, *figures in cells:
        right = (figure.rjust(width) for figure, width in zip(figures, widths[1:]))
        print("    " + "  ".join([name.ljust(widths[0]), *right]))


def claim(statement: str, holds: bool | np.bool_, evidence: str) -> None:
    """Check a statement, and print it with the figure that the run has measured.

    Raises TypeError unless `holds` is one True or False, and RuntimeError before begin().
    """
    if not vars(args):
        raise RuntimeError("claim: call begin() first; without it a false claim would not fail")
    if not isinstance(holds, bool | np.bool_):
        shape = getattr(holds, "shape", ())
        given = f"an array of shape {shape}" if shape else repr(holds)
        raise TypeError(
            f"claim({statement!r}): `holds` must be one True or False, not {given}; "
            "compare a number with its bound, and end a comparison of arrays with .all() or .any()"
        )
    line = _hang(f"  {tick(holds)} ", f"{statement} ({evidence})")
    print(line)
    _claims.append((bool(holds), line))
    _report(claim=statement, holds=bool(holds), evidence=evidence)


def save(fig: "Figure", suffix: str = "") -> None:
    """Write a figure to NN_name.png, or to NN_name_suffix.png for all but the first of a lesson.

    Raises ValueError for a name taken already, and for a file too large for a repository.
    """
    import matplotlib.pyplot as plt
    from PIL import Image

    lesson = Path(__main__.__file__).stem
    path = args.out / f"{lesson}{suffix and '_'}{suffix}.png"
    if path in _figures:
        raise ValueError(
            f"save: this lesson has drawn {path.name} already; "
            'name the second figure: save(fig, "path")'
        )
    drawn, png = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png")
    # 256 colours make the file small; without metadata every run writes the same bytes.
    palette = {"colors": 256, "method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    Image.open(drawn).convert("RGB").quantize(**palette).save(png, format="png", optimize=True)
    kilobytes = len(png.getvalue()) / 1024
    if kilobytes > MAX_FIGURE_KB:
        raise ValueError(
            f"save: {path.name} takes {kilobytes:.0f} KB, more than {MAX_FIGURE_KB}; "
            "make the figure smaller, or draw fewer points and colours"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png.getvalue())
    _figures.append(path)
    _report(figure=str(path))
    print("  figure:", path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    if args.show:
        plt.show()
    plt.close(fig)


def _wrap(text: str, indent: str = "") -> str:
    lines = inspect.cleandoc(text).splitlines()
    blocks = itertools.groupby(lines, key=lambda line: line == "" or line.startswith(" "))
    wrapped = (
        "\n".join(block) if verbatim else textwrap.fill(" ".join(block), WIDTH - len(indent))
        for verbatim, block in blocks
    )
    return textwrap.indent("\n".join(wrapped), indent)


def _hang(first: str, text: str) -> str:
    words = " ".join(text.split())
    return textwrap.fill(words, WIDTH, initial_indent=first, subsequent_indent=" " * len(first))


def _section(heading: str, text: str) -> None:
    print("", heading, _wrap(text, indent="    "), sep="\n")


def tick(holds: bool) -> str:
    """A mark for what holds and what does not, in ASCII where a terminal knows no other."""
    try:
        "✓✗".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return "ok" if holds else "NO"
    return "✓" if holds else "✗"


def _report(**event: object) -> None:
    if REPORT in os.environ:
        with open(os.environ[REPORT], "a", encoding="utf-8") as file:
            print(json.dumps(event), file=file)


def _end() -> None:
    false = [line for holds, line in _claims if not holds]
    if false:
        print("\nThese claims do not hold:", *false, sep="\n")
    seconds = time.perf_counter() - _started
    print(
        f"\nClaims held: {len(_claims) - len(false)} of {len(_claims)}. "
        f"Figures: {len(_figures)}. Seconds: {seconds:.1f}."
    )
    if false:
        # A flat script has no last line that could return a status, and SystemExit is ignored here.
        sys.stdout.flush()
        os._exit(1)


def _crash(kind, error, trace) -> None:
    atexit.unregister(_end)  # a lesson that did not reach its end has no score
    if issubclass(kind, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
