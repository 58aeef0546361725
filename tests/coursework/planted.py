"""What the files sheet_NN.py here are made of: right answers, and mistakes planted on purpose.

Right answers are plain functions, written with what students may import.  A mistake is a function
decorated with `mistake`: it stands in for the right one, and must be told the words that are given.
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
    name: str


def mistake(right, words: str):
    """Plant a mistake in place of the function `right`."""

    def plant(function):
        tree = ast.parse(inspect.getsource(function))
        tree.body[0].decorator_list = []
        tree.body[0].name = right.__name__
        return Planted(right.__name__, words, ast.unparse(tree), function.__name__)

    return plant


def answers(sheet: Sheet) -> ModuleType:
    """The file with the answers to a sheet of the course."""
    return importlib.import_module(f".sheet_{sheet.path.name[:2]}", __package__)


def planted(sheet: Sheet) -> dict[str, list[Planted]]:
    """The mistakes by exercise."""
    found = [value for value in vars(answers(sheet)).values() if isinstance(value, Planted)]
    return {e.name: [p for p in found if p.exercise == e.name] for e in sheet.exercises}


def submission(sheet: Sheet, wrong: Iterable[Planted] = ()) -> str:
    """A file as a student hands it in: all right, but for these mistakes."""
    module = answers(sheet)
    nodes = ast.parse(inspect.getsource(module)).body
    standard = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import)]
    own = [v for v in vars(module).values() if inspect.isfunction(v)]
    sources = [inspect.getsource(f) for f in own if f.__module__ == module.__name__]
    return "\n\n".join([sheet.given, *standard, *sources, *(w.source for w in wrong)])
