"""What a card says about the gradient is the gradient; see Stated in harness.py."""

from dataclasses import replace

import numpy as np
import pytest
from gradients import FAMILIES

from microloss import catalogue, losses

ROWS = [row for rows in FAMILIES.values() for row in rows]


def differences(f, x, step=3e-4):
    """The gradient of f at x from four values along each axis; wrong by about step^4."""
    slope = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        at = []
        for k in (-2, -1, 1, 2):
            moved = x.copy()
            moved[i] += k * step
            at.append(float(f(moved)))
        slope[i] = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step)
    return slope


def compare(row, seed):
    args = row.args(np.random.default_rng(seed))
    stated = row.formula(*args, **row.kwargs)
    wrt, stated = (row.wrt, stated) if isinstance(row.wrt, tuple) else ((row.wrt,), (stated,))
    loss = row.loss if row.held is None else row.held(*args)
    for i, expected in zip(wrt, stated, strict=True):

        def f(x, i=i):
            return loss(*args[:i], x, *args[i + 1 :], **row.kwargs)

        x = np.asarray(args[i], float)
        actual = differences(f, x)
        np.testing.assert_allclose(np.broadcast_to(expected, x.shape), actual, 1e-7, 1e-9)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_stated_gradient_is_right(row):
    for seed in range(3):
        compare(row, seed)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_wrong_gradient_is_noticed(row):
    def wrong(*args, **kwargs):
        stated = row.formula(*args, **kwargs)
        return tuple(1.001 * g for g in stated) if isinstance(stated, tuple) else 1.001 * stated

    with pytest.raises(AssertionError):
        for seed in range(3):
            compare(replace(row, formula=wrong), seed)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_row_repeats_the_words_of_the_card(row):
    name = row.loss.__name__
    assert row.words in catalogue.card(name).sections["Gradient"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_loss_has_a_row(family):
    named = {row.loss.__name__ for row in FAMILIES[family]}
    assert named == {name for name in losses.LOSSES if catalogue.family(name) == family}
