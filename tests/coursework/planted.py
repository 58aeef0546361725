"""What the files sheet_NN.py here are made of: right answers, and mistakes planted on purpose.

Right answers are plain functions, written with what students may import. A mistake is either a
right answer with a slip of the pen in it, or a function that stands in for it; and it comes with
words that its feedback must hold.
"""

import ast
import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from lessons.coursework.sheet import Sheet


@dataclass(frozen=True)
class Planted:
    """A wrong answer to an exercise, and words that its feedback must hold."""

    exercise: str
    words: str
    source: str


def slip(right, words: str, *edits: tuple[str, str]) -> Planted:
    """The right answer with pieces of its text replaced, each of which stands there once."""
    source = inspect.getsource(right)
    for old, new in edits:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {source}"
        source = source.replace(old, new)
    return Planted(right.__name__, words, source)


def mistake(right, words: str):
    """Plant a function, the one decorated, in place of the right answer."""

    def plant(function):
        tree = ast.parse(inspect.getsource(function))
        tree.body[0].decorator_list = []
        tree.body[0].name = right.__name__
        return Planted(right.__name__, words, ast.unparse(tree))

    return plant


def answers(sheet: Sheet) -> ModuleType:
    """The file with the answers to a sheet of the course."""
    return importlib.import_module(f".sheet_{sheet.path.name[:2]}", __package__)


def planted(sheet: Sheet) -> dict[str, dict[str, Planted]]:
    """The mistakes by exercise, and by their own names."""
    found = {name: v for name, v in vars(answers(sheet)).items() if isinstance(v, Planted)}
    return {
        e.name: {name: wrong for name, wrong in found.items() if wrong.exercise == e.name}
        for e in sheet.exercises
    }


def submission(sheet: Sheet, wrong: Iterable[Planted] = ()) -> str:
    """A file as a student hands it in: all right, but for these mistakes."""
    module = answers(sheet)
    nodes = ast.parse(inspect.getsource(module)).body
    standard = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import)]
    own = [v for v in vars(module).values() if inspect.isfunction(v)]
    sources = [inspect.getsource(f) for f in own if f.__module__ == module.__name__]
    return "\n\n".join([sheet.given, *standard, *sources, *(w.source for w in wrong)])
