"""What a lesson is written with.

A lesson is a flat script in cells (`# %% Title`), which editors and notebooks run one by one. Its
docstring opens with the line `Lesson N. Title` and goes on with why the subject matters. Then:

    from kit import begin, claim, exercises, formula, predict, save, say, sweep, table, takeaway

    rng = begin()                                  # prints the docstring; rng follows --seed
    predict("What will happen when ...?")          # the last line of its cell
    say("Prose, wrapped.")
    formula("dL/dz = p - y", tex=r"\\frac{dL}{dz} = p - y")
    claim("A costs ten times as much as B", ratio > 10, f"{ratio:.1f} times")
    save(fig)                                      # figures/NN_name.png
    sweep(draw, values, "learning rate")           # a figure with a slider
    takeaway("What to remember.")
    exercises(["Try ...", "Change ..."])

In a terminal a lesson prints text. In a notebook, or in a cell of an editor, the same calls show
Markdown, tables, mathematics, figures and sliders. A claim that does not hold lets a script run to
its end, and then fails it with exit status 1.
"""

import argparse
import atexit
import base64
import contextlib
import inspect
import io
import itertools
import json
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import __main__

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

WIDTH = 88
MAX_FIGURE_KB = 150
SWEEP_SIZE = (6, 4)  # inches
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

# What stands on the buttons of matplotlib's player, by the names of its icons.
ICONS = {
    "minus": "−", "plus": "+", "pause": "❚❚", "play": "▶", "play fa-flip-horizontal": "◀",
    "fast-backward": "⏮", "step-backward": "‹", "step-forward": "›", "fast-forward": "⏭",
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
options.add_argument(
    "--no-pause", action="store_true", help="do not wait for Enter where a lesson asks"
)

args = argparse.Namespace()  # the options, once begin() has read them
_claims: dict[str, tuple[bool, str]] = {}  # statement -> whether it holds, its line
_figures: list[Path] = []
_started = time.perf_counter()


def begin() -> np.random.Generator:
    """Open the lesson: read the command line, print the docstring, return the generator of --seed.

    A lesson that needs the seed itself finds it in `args.seed`. A notebook has no command line and
    shows the docstring as a cell, so there begin() takes the defaults and prints nothing.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    notebook = _in_notebook()
    title, _, introduction = inspect.cleandoc(__main__.__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=title, parents=[options])
    parser.parse_args([] if notebook else None, namespace=args)

    if not (notebook or args.show):
        matplotlib.use("Agg")
    # "default" first: a learner's own matplotlibrc must not change the figures.
    plt.style.use(["default", Path(__file__).with_name("style.mplstyle")])

    if not notebook:
        sys.stdout.reconfigure(errors="replace")  # a terminal in ASCII shows ? for what it lacks
        sys.excepthook = _crash
        atexit.register(_end)
        print(title, "=" * len(title), sep="\n")
        say(introduction)
    return np.random.default_rng(args.seed)


def say(text: str) -> None:
    """Print prose, wrapped. Indented lines (lists, small drawings) stay as they are."""
    _show("\n" + _wrap(text), "text/markdown", _markdown(text))


def formula(text: str, *, tex: str) -> None:
    """Print a formula: as plain text in a terminal, typeset from TeX in a notebook."""
    plain = textwrap.indent(inspect.cleandoc(text), "    ")
    _show("\n" + plain, "text/markdown", f"$$\n{inspect.cleandoc(tex)}\n$$")


def predict(question: str) -> None:
    """Ask before the answer is shown: a reader who has guessed remembers the answer.

    A single lesson in a terminal waits for Enter. In a notebook the answer is in the next cell.
    """
    _section("Predict first", question)
    if _in_notebook() or args.no_pause or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    global _started
    asked = time.perf_counter()
    with contextlib.suppress(EOFError):
        input("\n    Enter shows what happens; --no-pause goes straight through. ")
    _started += time.perf_counter() - asked  # the time to think is not the lesson's


def takeaway(text: str) -> None:
    """Print what to remember of the lesson."""
    _section("Take away", text)


def exercises(tasks: Sequence[str]) -> None:
    """Print numbered tasks, and where their answers and the exercises with checks are."""
    numbered = [_hang(f"    {number}. ", task) for number, task in enumerate(tasks, start=1)]
    listed = [f"{number}. {_markdown(task)}" for number, task in enumerate(tasks, start=1)]
    pointers = ["Answers, after you have tried: lessons/answers.md."]
    if not _in_notebook() and (sheet := coursework(int(Path(__main__.__file__).name[:2]))):
        pointers.append(sheet)
    _show(
        "\n".join(["", "Exercises", *numbered, "", *(_hang("    ", p) for p in pointers)]),
        "text/markdown",
        "\n".join(["**Exercises**", "", *listed, "", *pointers]),
    )


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
    lines = []
    for name, *figures in [cells[0], ["-" * width for width in widths], *cells[1:]]:
        right = (figure.rjust(width) for figure, width in zip(figures, widths[1:]))
        lines.append("    " + "  ".join([name.ljust(widths[0]), *right]))
    rules = ["---", *["---:"] * (len(widths) - 1)]
    marked = [[_markdown(cell).replace("|", r"\|") for cell in row] for row in cells]
    piped = [f"| {' | '.join(row)} |" for row in [marked[0], rules, *marked[1:]]]
    _show("\n".join(["", *lines]), "text/markdown", "\n".join(piped))


def claim(statement: str, holds: bool | np.bool_, evidence: str) -> None:
    """Check a statement, and print it with the figure that the run has measured.

    The statement is the claim's name over many seeds: what the run has computed belongs in the
    evidence.

    Raises TypeError unless `holds` is one True or False, ValueError for a statement made already,
    and RuntimeError before begin().
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
    statement = " ".join(statement.split())
    if statement in _claims and not _in_notebook():  # there a cell may run twice
        raise ValueError(f"claim({statement!r}) is made twice; say in each what it is about")
    line = _hang(f"  {tick(holds)} ", f"{statement} ({evidence})")
    color = GREEN if holds else VERMILLION
    mark = f'<span style="color: {color}">{"✓" if holds else "✗"} {_markdown(statement)}</span>'
    _show(line, "text/markdown", f"{mark} ({_markdown(evidence)})")
    _claims[statement] = bool(holds), line
    _report(claim=statement, holds=bool(holds), evidence=evidence)


def save(fig: "Figure", suffix: str = "") -> None:
    """Write a figure to NN_name.png, or to NN_name_suffix.png for all but the first of a lesson.

    A notebook shows the figure itself, and no file is written.

    Raises ValueError for a name taken already, and for a file too large for a repository.
    """
    import matplotlib.pyplot as plt

    if _in_notebook():
        _show("[a figure]", "image/png", base64.b64encode(_png(fig)).decode())
    else:
        _write(_png(fig), suffix)
        if args.show:
            plt.show()
    plt.close(fig)


def sweep(
    draw: Callable[["Figure | SubFigure", float], None], values: Iterable[float], label: str
) -> None:
    """Show how a figure changes with one number.

    `draw(fig, value)` draws on an empty figure, with the same limits of the axes for every value.
    --show opens a window with a slider, and a notebook shows a player with a slider. A plain run
    saves the middle frame to NN_name_label.png, as save() does.
    """
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation
    from matplotlib.widgets import Slider

    values = list(values)
    middle = len(values) // 2

    def frame(value, fig):
        fig.clear()
        draw(fig, value)
        fig.suptitle(f"{label} = {value:g}")

    if _in_notebook():
        fig = plt.figure(figsize=SWEEP_SIZE)
        animation = FuncAnimation(fig, frame, frames=values, fargs=(fig,))
        player = _offline(animation.to_jshtml(default_mode="once"))
        _show(f"[a figure for each {label}]", "text/html", player)
        plt.close(fig)
        return

    fig = plt.figure(figsize=SWEEP_SIZE)
    frame(values[middle], fig)
    _write(_png(fig), re.sub(r"\W+", "_", label).strip("_"))
    plt.close(fig)
    if args.show:
        window = plt.figure(figsize=(SWEEP_SIZE[0], SWEEP_SIZE[1] + 0.5))
        picture, below = window.subfigures(2, 1, height_ratios=[SWEEP_SIZE[1], 0.5])
        bar = below.add_axes([0.25, 0.3, 0.5, 0.5])
        slider = Slider(bar, label, 0, len(values) - 1, valinit=middle, valstep=1)

        def move(index):
            frame(values[int(index)], picture)
            slider.valtext.set_text(f"{values[int(index)]:g}")
            window.canvas.draw_idle()

        slider.on_changed(move)
        move(middle)
        plt.show()
        plt.close(window)


def _in_notebook() -> bool:
    """Whether a kernel runs this: a notebook, a page made of one, or a cell of an editor."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _show(text: str, kind: str, rich: str) -> None:
    """Print text in a terminal; in a notebook show `rich`, which is of the MIME type `kind`."""
    if _in_notebook():
        from IPython.display import display

        display({kind: rich, "text/plain": text}, raw=True)
    else:
        print(text)


def _markdown(text: str) -> str:
    """Prose as Markdown: signs are not markup (but backticks are), indented lines are fenced."""

    def escape(found):
        return found[1] or "\\" + found[0]

    blocks = []
    for verbatim, lines in _blocks(text):
        if verbatim:
            blocks.append("```text\n" + textwrap.dedent("\n".join(lines)) + "\n```")
        else:
            blocks.append(re.sub(r"(`[^`]*`)|[\\*_$<]", escape, " ".join(lines)))
    return "\n\n".join(blocks)


def _png(fig: "Figure") -> bytes:
    """A small file: 256 colours, and no metadata, so that every run makes the same bytes."""
    from PIL import Image

    drawn, png = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png")
    palette = {"colors": 256, "method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    Image.open(drawn).convert("RGB").quantize(**palette).save(png, format="png", optimize=True)
    return png.getvalue()


def _write(png: bytes, suffix: str) -> None:
    lesson = Path(__main__.__file__).stem
    path = args.out / f"{lesson}{suffix and '_'}{suffix}.png"
    if path in _figures:
        raise ValueError(
            f"save: this lesson has drawn {path.name} already; "
            'name the second figure: save(fig, "path")'
        )
    kilobytes = len(png) / 1024
    if kilobytes > MAX_FIGURE_KB:
        raise ValueError(
            f"save: {path.name} takes {kilobytes:.0f} KB, more than {MAX_FIGURE_KB}; "
            "make the figure smaller, or draw fewer points and colours"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    _figures.append(path)
    _report(figure=str(path))
    print("  figure:", path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _offline(player: str) -> str:
    """Matplotlib's player without the icon font that it would fetch: characters on its buttons."""
    player = re.sub(r"<link\b[^>]*>", "", player)
    return re.sub(r'<i class="fa fa-([^"]+)"></i>', lambda icon: ICONS[icon[1]], player)


def _blocks(text: str) -> list[tuple[bool, list[str]]]:
    """The paragraphs of a text; True marks those that are indented and stay as they are."""
    lines = inspect.cleandoc(text).splitlines()
    paragraphs = itertools.groupby(lines, key=lambda line: line and line.startswith(" "))
    return [(kind is True, [*block]) for kind, block in paragraphs if kind != ""]


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
    plain = "\n".join(["", heading, _wrap(text, indent="    ")])
    _show(plain, "text/markdown", f"**{heading}**\n\n{_markdown(text)}")


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
    false = [line for holds, line in _claims.values() if not holds]
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
