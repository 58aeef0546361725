"""The catalogue is complete, reaches the command line, and losses/README.md repeats it."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import microloss as ml
from microloss import catalogue, losses
from microloss.__main__ import main

README = Path(__file__).resolve().parents[1] / "microloss" / "losses" / "README.md"


@pytest.mark.parametrize("name", catalogue.LOSSES)
def test_every_card_is_whole(name):
    card = catalogue.card(name)
    assert all(card.sections[section].endswith((".", ")")) for section in catalogue.SECTIONS)
    assert list(card.sections) == list(catalogue.SECTIONS)


@pytest.mark.parametrize("name", catalogue.LOSSES)
def test_sections_stand_in_order(name):
    text = inspect.getdoc(catalogue.LOSSES[name])
    places = [text.index(f"\n{section}:") for section in catalogue.SECTIONS]
    assert places == sorted(places)


def test_table_names_every_loss():
    text = catalogue.table(120)
    assert all(f"\n{name} " in text for name in catalogue.LOSSES)
    assert max(map(len, text.splitlines())) <= 135  # a formula is not broken
    assert "tanh(input - target) / N" in text


def test_one_card(capsys):
    assert main(["losses", "mse_loss"]) == 0
    printed = capsys.readouterr().out
    assert "Mean squared error" in printed and "Outliers: very sensitive" in printed


def test_a_wrong_name_is_answered_with_close_ones(capsys):
    with pytest.raises(SystemExit):
        main(["losses", "mse"])
    assert "mse_loss" in capsys.readouterr().err


@pytest.mark.parametrize("task", catalogue.TASKS)
def test_choose(task, capsys):
    assert main(["choose", task]) == 0
    printed = capsys.readouterr().out
    for name, reason in catalogue.TASKS[task]:
        assert name in catalogue.LOSSES
        assert name in printed and reason.split()[0] in printed


def test_choose_reaches_every_loss():
    named = {name for choices in catalogue.TASKS.values() for name, _ in choices}
    assert named == set(catalogue.LOSSES)


def test_choose_knows_the_tasks():
    assert {
        "regression", "binary", "multi-class", "multi-label", "imbalanced", "ranking",
        "segmentation", "sequence", "generative", "alignment",
    } <= set(catalogue.TASKS)  # fmt: skip


def test_a_loss_without_advice_comes_last_in_the_task_of_its_card(monkeypatch):
    tasks = {task: list(choices) for task, choices in catalogue.TASKS.items()}
    tasks["detection"].remove(next(c for c in tasks["detection"] if c[0] == "box_iou_loss"))
    monkeypatch.setattr(catalogue, "TASKS", tasks)
    catalogue.add_the_rest()
    assert tasks["detection"][-1] == (
        "box_iou_loss",
        "for boxes that overlap already; otherwise generalized_box_iou_loss",
    )


def test_advice_says_what_a_weight_of_positives_does():
    """With pos_weight w the best probability is w p / (w p + 1 - p): log w more in logits."""
    p, w = 0.2, 9.0
    assert "subtract log(pos_weight) from the logits" in " ".join(
        catalogue.advice("imbalanced").split()
    )
    logit = np.log(w * p / (1 - p))
    slope = ml.grad(
        losses.binary_cross_entropy_with_logits(
            x := ml.Tensor(logit, requires_grad=True), p, pos_weight=w
        ),
        x,
    )
    assert abs(slope[0]) < 1e-15


def test_readme_of_the_losses_repeats_the_table():
    page = README.read_text(encoding="utf-8")
    assert page.endswith(catalogue.markdown() + "\n"), "run `python tests/losses/update.py`"
