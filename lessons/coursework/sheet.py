"""What a sheet is: functions to write, their right answers, and checks that students do not see.

A sheet is one Python file. Its docstring opens with the line `Sheet LABEL. Title`. Each exercise
is a function whose docstring is the task and whose body is the right answer; checks hang on it,
and mistakes that students are known to make:

    @exercise(lesson=6, points=2)
    def absolute_error(input, target):
        '''The mean absolute error of two arrays of equal shape. ...'''
        return losses.l1_loss(input, target)

    @absolute_error.check("two small arrays")
    def small(rng):
        yield rng.normal(size=3), rng.normal(size=3)     # the arguments of one call

    @absolute_error.mistake("it sums: divide by the number of elements")
    def summed(input, target):
        return np.abs(input - target).sum()

What students get is made of the same file: the docstrings, the signatures, and nothing else.
"""

import importlib.util
import inspect
import math
import textwrap
import tomllib
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microloss import Tensor

SHEETS = Path(__file__).with_name("sheets")
TEMPLATES = Path(__file__).parents[1] / "exercises"

HOW_TO = """\
Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py{options}
"""
ABOUT_TENSORS = """
A Tensor is an array that remembers how it was computed, so that backward can follow. Operators and
NumPy's functions take it as it is; float(), np.array(), `if` and assignment to elements do not.
"""


def direct(f, *args):
    """How a check calls a function unless it says otherwise."""
    return f(*args)


def gradient(f, *args):
    """The gradients of what f returns, with respect to each array of floats among its arguments.

    None for an array that the right answer takes for a constant: there, any gradient is right.
    """
    floats = [isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in args]
    tensors = [Tensor(a, requires_grad=True) if yes else a for a, yes in zip(args, floats)]
    y = f(*tensors)
    if not isinstance(y, Tensor):
        raise TypeError(
            f"called with Tensors it returns a {type(y).__name__}: the path back is cut. "
            "NumPy's functions take Tensors as they are; leave out float(), .data and np.array()"
        )
    y.backward()
    return [t.grad for t, yes in zip(tensors, floats) if yes]


@dataclass(frozen=True)
class Check:
    title: str
    cases: Callable[[np.random.Generator], Iterable[tuple]]
    call: Callable  # call(f, *arguments of a case); its source goes to the student's process
    hint: str | None


@dataclass(frozen=True)
class Mistake:
    why: str
    function: Callable


@dataclass
class Exercise:
    """One function to write. `reference` is the right answer, its docstring the task."""

    reference: Callable
    lesson: int
    points: float
    gradient_of: str | None
    checks: list[Check] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.reference.__name__

    def check(self, title: str, *, call: Callable = direct, hint: str | None = None) -> Callable:
        """Add a check: the function below takes a Generator and yields tuples of arguments.

        call : calls the student's function with them, where `f(*arguments)` is not enough; it
            stands in the sheet at top level and uses nothing but np, ml, Tensor and grad.
        hint : the likely cause, where nothing better is found.
        """
        if not call.__name__.isidentifier():
            raise ValueError(f"{self.name}: call= takes a function defined at top level, no lambda")

        def add(cases):
            self.checks.append(Check(title, cases, call, hint))
            return cases

        return add

    def mistake(self, why: str) -> Callable:
        """Add a mistake: a student's function that returns what the one below does is told why."""

        def add(function):
            self.mistakes.append(Mistake(why, function))
            return function

        return add


def exercise(*, lesson: int, points: float, gradient_of: str | None = None) -> Callable:
    """Make a function an Exercise.

    gradient_of : the argument of which it returns the gradient, if it returns one: the diagnoses of
        the gradient check then apply; an argument `g` is taken for the incoming gradient.
    """
    return lambda reference: Exercise(reference, lesson, points, gradient_of)


@dataclass(frozen=True)
class Sheet:
    label: str
    title: str
    introduction: str
    given: str  # the lines of import that students start from, and all they may import
    path: Path
    exercises: list[Exercise]

    def __str__(self) -> str:
        return f"Sheet {self.label}. {self.title}"


def function_to_write(e: Exercise, points: float) -> str:
    signature = f"def {e.name}{inspect.signature(e.reference)}:"
    task = inspect.cleandoc(e.reference.__doc__)
    worth = f"Lesson {e.lesson}. {points:g} point{'s' * (points != 1)}."
    body = f'"""{task}\n\n{worth}\n"""\n...\n'
    return f"{signature}\n{textwrap.indent(body, '    ')}"


def load(path: Path) -> Sheet:
    """Read a sheet from its file. Raises ValueError for a file that is none."""
    if not path.is_file():
        raise ValueError(f"no sheet {path}")
    spec = importlib.util.spec_from_file_location(f"sheet_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f" (line {frame.lineno})" for frame in frames if frame.filename == str(path)]
        where = lines[-1] if lines else ""  # the message of a SyntaxError names the line itself
        raise ValueError(f"{path}: {type(error).__name__}: {error}{where}") from error
    first, _, introduction = inspect.cleandoc(module.__doc__ or "").partition("\n")
    label, _, title = first.removeprefix("Sheet ").partition(". ")
    exercises = [e for e in vars(module).values() if isinstance(e, Exercise)]
    if not (first.startswith("Sheet ") and title):
        raise ValueError(f"{path}: the docstring must open with the line `Sheet LABEL. Title`")
    if not exercises:
        raise ValueError(f"{path} has no exercise: decorate its functions with @exercise(...)")
    for e in exercises:
        if not e.reference.__doc__ or not e.checks:
            raise ValueError(f"{path}: {e.name} needs a docstring (the task) and a check")
    given = getattr(module, "GIVEN", "import numpy as np\n")
    return Sheet(label, title, introduction.strip(), given, path, exercises)


def find(name: str | int) -> Sheet:
    """The sheet of a number (6 or 06) or of a path. Raises ValueError if there is none."""
    sheets = {int(path.name[:2]): path for path in sorted(SHEETS.glob("[0-9][0-9]_*.py"))}
    if not str(name).isdecimal():
        return load(Path(name))
    if int(name) not in sheets:
        files = ", ".join(path.stem for path in sheets.values())
        raise ValueError(f"no sheet {name}; there are {files}")
    return load(sheets[int(name)])


@dataclass(frozen=True)
class Plan:
    """What is asked of a class: a sheet, points for each of its exercises, a seed, and limits."""

    sheet: Sheet
    points: dict[str, float]
    seed: int
    seconds: float = 10.0
    megabytes: int = 1024

    @property
    def exercises(self) -> list[Exercise]:
        return [e for e in self.sheet.exercises if e.name in self.points]

    def template(self, options: str = "") -> str:
        """The file that students fill in; `options` are those that its check needs."""
        functions = [function_to_write(e, self.points[e.name]) for e in self.exercises]
        how_to = HOW_TO.format(options=options)
        if any("Tensor" in text for text in functions):
            how_to += ABOUT_TENSORS
        opening = "\n\n".join([str(self.sheet), self.sheet.introduction, how_to])
        return "\n\n".join([f'"""{opening}"""\n\n{self.sheet.given}', *functions])


def whole(sheet: Sheet, seed: int = 0) -> Plan:
    """The plan of which nothing is chosen: the sheet as it is."""
    return Plan(sheet, {e.name: e.points for e in sheet.exercises}, seed)


def read_plan(path: Path, seed: int = 0) -> Plan:
    """A plan from TOML, with this seed if it names none.

    Raises ValueError, naming the key, for what it cannot mean.
    """
    try:
        given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    kinds = {"sheet": int | str, "points": dict, "seed": int, "seconds": int | float}
    kinds["megabytes"] = int
    for key, value in given.items():
        if key not in kinds:
            raise ValueError(f"{path}: no key {key!r}; there are {', '.join(kinds)}")
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            raise ValueError(f"{path}: {key} = {value!r} is of the wrong type")
        if key in ("seconds", "megabytes") and not 0 < value < math.inf:
            raise ValueError(f"{path}: {key} = {value} must be above 0")
        if key == "seed" and value < 0:
            raise ValueError(f"{path}: seed = {value} must be 0 or more")
    if "sheet" not in given:
        raise ValueError(f"{path}: say which sheet: sheet = 6, or the path of your own")
    name = str(given.pop("sheet"))
    sheet = find(name if name.isdecimal() else path.parent / name)
    default = whole(sheet).points
    points = given.pop("points", default)
    if not points:
        raise ValueError(f"{path}: [points] names no exercise")
    for exercise_name, value in points.items():
        if exercise_name not in default:
            names = ", ".join(default)
            raise ValueError(
                f"{path}: sheet {sheet.label} has no {exercise_name!r}; it has {names}"
            )
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 <= value < math.inf):
            raise ValueError(f"{path}: {exercise_name} = {value!r} must be a number of points")
    return Plan(sheet, points, **{"seed": seed} | given)
