"""The catalogue is complete, reaches the command line, and the README repeats it."""

import inspect
from pathlib import Path

import pytest

from microloss import catalogue
from microloss.__main__ import main

README = Path(__file__).resolve().parents[1] / "README.md"


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


def test_readme_repeats_the_table():
    readme = README.read_text(encoding="utf-8")
    assert catalogue.markdown() in readme, "paste `python -m microloss losses --markdown` into it"
