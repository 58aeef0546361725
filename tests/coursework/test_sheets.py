"""Each sheet gives full marks for right answers, none for the template, and names mistakes."""

import ast
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lessons.coursework import feedback  # noqa: E402
from lessons.coursework.marking import examine, mark  # noqa: E402
from lessons.coursework.sheet import SHEETS, TEMPLATES, find, whole  # noqa: E402

from .planted import planted, submission  # noqa: E402

PLANS = [whole(find(str(path))) for path in sorted(SHEETS.glob("[0-9][0-9]_*.py"))]
MISTAKES = [(plan, wrong) for plan in PLANS for wrong in planted(plan.sheet)]
of_each_sheet = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.sheet.path.stem)


@pytest.fixture(scope="session")
def marked(request):
    """The marks of the submissions with one mistake each, marked two at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield {
            (plan.sheet.label, wrong.name): pool.submit(
                mark, quick, submission(plan.sheet, wrong), f"{wrong.name}.py", quiet=True
            )
            for plan, wrong in MISTAKES
            for quick in [replace(plan, seconds=3)]
            if any(f"{wrong.name}]" in item.name for item in request.session.items)
        }


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
    for e in plan.exercises:
        assert sum(w.exercise == e.name for w in planted(plan.sheet)) >= 3, e.name


@pytest.mark.parametrize(
    "plan, wrong", MISTAKES, ids=[f"{p.sheet.label}-{w.exercise}-{w.name}" for p, w in MISTAKES]
)
def test_mistake_costs_its_points_and_is_named(plan, wrong, marked):
    marks = marked[plan.sheet.label, wrong.name].result()
    assert [m.name for m in marks if m.points < m.of] == [wrong.exercise], marks
    (lost,) = [m for m in marks if m.name == wrong.exercise]
    assert lost.points == 0
    why = " ".join(lost.feedback.split())
    assert wrong.words in why, lost.feedback


@of_each_sheet
def test_checks_hold_for_other_seeds(plan):
    for seed in range(1, 6):
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
