"""Each sheet gives full marks for right answers, none for the template, and names mistakes."""

import ast
import functools
from dataclasses import replace

import pytest

from lessons.coursework import feedback
from lessons.coursework.one_file import examine, mark, verify
from lessons.coursework.sheet import SHEETS, TEMPLATES, find, whole
from lessons.kit import coursework
from lessons.syllabus import PARTS

from .planted import planted, submission

PLANS = [whole(find(str(path))) for path in sorted(SHEETS.glob("[0-9][0-9]_*.py"))]
of_each_sheet = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.sheet.path.stem)
MISTAKES = [
    pytest.param(plan.sheet.label, k, wrong, id=f"{plan.sheet.label}-{wrong.exercise}-{name}")
    for plan in PLANS
    for mistakes in planted(plan.sheet).values()
    for k, (name, wrong) in enumerate(mistakes.items())
]


@functools.cache
def marks_with_mistakes(sheet, k):
    """The marks of a file with the k-th mistake of each exercise that has so many, and which do."""
    plan = next(plan for plan in PLANS if plan.sheet.label == sheet)
    wrong = [m[k] for m in map(list, map(dict.values, planted(plan.sheet).values())) if k < len(m)]
    marks = mark(replace(plan, seconds=3), submission(plan.sheet, wrong), "wrong.py", quiet=True)
    return {m.name: m for m in marks}, {w.exercise for w in wrong}


class Library:
    """Stands in for the student's process, and answers what the library answers."""

    def __init__(self, plan):
        self.plan = plan

    def call(self, e, check, args):
        return {"value": feedback.call(check, e.reference, args), "changed": []}


@of_each_sheet
def test_reference_scores_full_marks(plan):
    assert [examine(e, Library(plan)) for e in plan.exercises] == [""] * len(plan.exercises)


@of_each_sheet
def test_checks_catch_the_known_mistakes(plan):
    verify(plan)


@of_each_sheet
def test_right_answers_score_full_marks(plan):
    for m in mark(plan, submission(plan.sheet), "right.py", quiet=True):
        assert (m.points, m.feedback) == (m.of, ""), m


@of_each_sheet
def test_template_scores_zero(plan):
    marks = mark(plan, plan.template(), "template.py", quiet=True)
    assert [m.points for m in marks] == [0] * len(plan.exercises)
    assert {m.feedback for m in marks} == {feedback.NOT_BEGUN}


@of_each_sheet
def test_at_least_three_mistakes_are_planted(plan):
    assert min(map(len, planted(plan.sheet).values())) >= 3


@pytest.mark.parametrize("sheet, k, wrong", MISTAKES)
def test_mistake_costs_its_points_and_is_named(sheet, k, wrong):
    marks, mistaken = marks_with_mistakes(sheet, k)
    assert {name for name, m in marks.items() if m.points < m.of} == mistaken
    assert marks[wrong.exercise].points == 0
    assert wrong.words in " ".join(marks[wrong.exercise].feedback.split()), marks[wrong.exercise]


@of_each_sheet
def test_a_mistake_costs_nothing_else(plan):
    """Each exercise in turn is wrong, all others are right."""
    for name, mistakes in planted(plan.sheet).items():
        marks = mark(plan, submission(plan.sheet, [*mistakes.values()][:1]), "wrong.py", quiet=True)
        assert {m.name: m.points for m in marks} == plan.points | {name: 0}


@of_each_sheet
def test_checks_hold_for_other_seeds(plan):
    for seed in range(1, 4):
        other = replace(plan, seed=seed)
        assert not any(examine(e, Library(other)) for e in other.exercises)


@of_each_sheet
def test_template_in_exercises_is_in_step(plan):
    """Bodies aside: a student may be at work on the file."""
    given = (TEMPLATES / plan.sheet.path.name).read_text(encoding="utf-8")
    command = (
        f"python -m lessons sheet {plan.sheet.label} > lessons/exercises/{plan.sheet.path.name}"
    )
    assert outline(given) == outline(plan.template()), command


def outline(source):
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    tasks = [(f.name, ast.unparse(f.args), ast.get_docstring(f)) for f in functions]
    return ast.get_docstring(tree), tasks


def test_sheets_follow_the_parts_of_the_course():
    titles = [f"{name}, lessons {part[0]} to {part[-1]}" for name, part in PARTS.items()]
    assert [plan.sheet.title for plan in PLANS] == titles[: len(PLANS)]  # the last has no sheet
    assert [plan.sheet.label for plan in PLANS] == [str(n) for n in range(1, 8)]
    assert sum(len(plan.exercises) for plan in PLANS) >= 20
    for plan, part in zip(PLANS, PARTS.values()):
        assert {e.lesson for e in plan.exercises} <= set(part)


def test_lessons_name_their_exercises():
    for plan, part in zip(PLANS, PARTS.values()):
        for lesson in part:
            named = coursework(lesson)
            assert f"lessons/exercises/{plan.sheet.path.name}" in named
            assert all(e.name in named for e in plan.exercises if e.lesson == lesson)
