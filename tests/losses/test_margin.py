"""Margin losses: their kinks, and identities between them."""

import numpy as np
from harness import close, gradient

import microloss as ml
from microloss.losses import (
    binary_cross_entropy_with_logits,
    hinge_loss,
    multi_margin_loss,
    multiclass_hinge_loss,
    soft_margin_loss,
    squared_hinge_loss,
)

X, Y = np.array([0.3, -0.8, 1.0, 2.0]), np.array([1, -1, 1, -1])
ROWS, CLASSES = np.array([[0.1, 0.2, 0.4, 0.8], [1.0, 2.5, -0.5, 0.0]]), np.array([3, 0])


def test_hinge_by_hand_and_on_its_margin():
    """The third score is exactly on the margin: no pull."""
    close(hinge_loss(X, Y, reduction="none"), [0.7, 0.2, 0, 3])
    close(hinge_loss(X, Y), 0.975)
    close(gradient(lambda x: hinge_loss(x, Y), X), [-0.25, 0.25, 0, 0.25])


def test_squared_hinge_by_hand_and_on_its_margin():
    close(squared_hinge_loss(X, Y), 2.3825)
    close(gradient(lambda x: squared_hinge_loss(x, Y), X), [-0.35, 0.1, 0, 1.5])
    curvature = ml.hessian(lambda x: squared_hinge_loss(x, Y, reduction="sum"), X)
    close(curvature, np.diag([2.0, 2.0, 0.0, 2.0]))


def test_soft_margin_by_hand():
    close(soft_margin_loss([np.log(3), np.log(3)], [1, -1], reduction="none"), np.log([4 / 3, 4]))
    close(gradient(lambda x: soft_margin_loss(x, [-1]), [np.log(3)]), [0.75])


def test_soft_margin_is_binary_cross_entropy():
    close(soft_margin_loss(X, Y), binary_cross_entropy_with_logits(X, (Y + 1) / 2))


def test_multi_margin_of_pytorch_and_on_its_margin():
    """The fourth class of the second row is exactly on the margin: no pull."""
    close(multi_margin_loss(ROWS, CLASSES), 0.475)
    expected = [[0.125, 0.125, 0.125, -0.375], [-0.125, 0.125, 0, 0]]
    close(gradient(lambda x: multi_margin_loss(x, CLASSES), ROWS), expected)


def test_multi_margin_by_hand():
    close(multi_margin_loss([[0.0, 0.0]], [0]), 0.5)
    close(multi_margin_loss([[0.0, 1.0]], [0], p=2), 2)
    close(multi_margin_loss([[0.0, 1.0]], [0], p=2, margin=2, weight=[3, 0]), 13.5)


def test_multi_margin_averages_over_examples_not_over_weights():
    close(multi_margin_loss(ROWS, CLASSES, weight=[2] * 4), 2 * multi_margin_loss(ROWS, CLASSES))


def test_multiclass_hinge_by_hand():
    close(multiclass_hinge_loss(ROWS, CLASSES, reduction="none"), [0.6, 2.5])
    expected = [[0, 0, 1, -1], [-1, 1, 0, 0]]
    close(gradient(lambda x: multiclass_hinge_loss(x, CLASSES, reduction="sum"), ROWS), expected)


def test_ties_of_the_strongest_class_share():
    two_rivals = gradient(lambda x: multiclass_hinge_loss(x, [0]), [[0.0, 1.0, 1.0]])
    close(two_rivals, [[-1, 0.5, 0.5]])
    on_the_margin = gradient(lambda x: multiclass_hinge_loss(x, [0]), [[2.0, 1.0, 0.0]])
    close(on_the_margin, [[-0.5, 0.5, 0]])


def test_a_class_that_leads_by_more_has_no_loss():
    """Also where all other scores are negative, and no true class counts as its own rival."""
    for loss in (multi_margin_loss, multiclass_hinge_loss):
        assert loss([[-1.0, -3.0, -4.0]], [0]) == 0
        assert (gradient(lambda x, loss=loss: loss(x, [0]), [[-1.0, -3.0, -4.0]]) == 0).all()


def test_two_classes_make_a_hinge():
    scores = np.stack([-X / 2, X / 2], axis=1)
    close(multiclass_hinge_loss(scores, (Y + 1) // 2), hinge_loss(X, Y))
    close(multi_margin_loss(scores, (Y + 1) // 2), hinge_loss(X, Y) / 2)
