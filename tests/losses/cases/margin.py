"""Cases of microloss/losses/margin.py."""

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses

from .classification import errors_of_classes, logits, one_by_one

WEIGHT = np.array([0.5, 2.0, 1.0, 3.0])


def scores_and_signs(rng, shape=(4, 3)):
    return 1.5 * rng.standard_normal(shape), rng.choice([-1.0, 1.0], shape)


@one_by_one
def naive_multi_margin(x, target, p=1, margin=1.0, weight=None):
    excess = [max(0, margin - x[target] + x[j]) ** p for j in range(len(x)) if j != target]
    return (1 if weight is None else weight[target]) * sum(excess) / len(x)


@one_by_one
def naive_multiclass_hinge(x, target):
    return max(0, 1 + max(np.delete(x, target)) - x[target])


def reduced(values, reduction):
    return values if reduction == "none" else getattr(values, reduction)()


def multi_margin_in_torch(**options):
    def call(torch, x, target, reduction):
        given = {k: torch.tensor(v) if np.ndim(v) else v for k, v in options.items()}
        target = torch.as_tensor(target)
        return torch.nn.functional.multi_margin_loss(x, target, reduction=reduction, **given)

    return call


def multiclass_hinge_in_torch(torch, x, target, reduction):
    own = torch.nn.functional.one_hot(torch.as_tensor(target), x.shape[1])
    return reduced((x + 1 - own).amax(1) - (x * own).sum(1), reduction)


def multi_margin_case(name, args=None, **options):
    return Case(
        losses.multi_margin_loss,
        args or logits(5, 4),
        naive_multi_margin,
        kwargs=options,
        torch=multi_margin_in_torch(**options),
        name=name,
    )


def rows_of_labels(*shape):
    """Scores, and labels: a part of the classes in random order, then -1 and noise."""

    def args(rng):
        scores = rng.standard_normal(shape)
        labels = rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)
        rows = labels.reshape(-1, shape[-1])
        for row in rows:
            row[rng.integers(1, shape[-1])] = -1
        return scores, rows.reshape(shape)

    return args


def naive_multilabel_margin(x, target):
    def one(scores, row):
        right = row[: row.tolist().index(-1)]
        wrong = [j for j in range(len(scores)) if j not in right]
        return sum(max(0, 1 - scores[y] + scores[j]) for y in right for j in wrong) / len(scores)

    return one(x, target) if x.ndim == 1 else np.array([one(*pair) for pair in zip(x, target)])


def multilabel_margin_in_torch(torch, x, target, reduction):
    target = torch.as_tensor(target)
    return torch.nn.functional.multilabel_margin_loss(x, target, reduction=reduction)


CASES = [
    Case(
        losses.multilabel_margin_loss,
        rows_of_labels(4, 5),
        naive_multilabel_margin,
        torch=multilabel_margin_in_torch,
    ),
    Case(
        losses.multilabel_margin_loss,
        rows_of_labels(5),
        naive_multilabel_margin,
        torch=multilabel_margin_in_torch,
        name="unbatched",
    ),
    Case(
        losses.hinge_loss,
        scores_and_signs,
        lambda x, t: np.where(x * t < 1, 1 - x * t, 0),
        torch=lambda torch, x, t, reduction: reduced(torch.relu(1 - x * t), reduction),
    ),
    Case(
        losses.squared_hinge_loss,
        scores_and_signs,
        lambda x, t: np.where(x * t < 1, (1 - x * t) ** 2, 0),
        torch=lambda torch, x, t, reduction: reduced(torch.relu(1 - x * t) ** 2, reduction),
    ),
    Case(
        losses.soft_margin_loss,
        scores_and_signs,
        lambda x, t: np.log(1 + np.exp(-x * t)),
        torch=lambda torch, x, t, reduction: torch.nn.functional.soft_margin_loss(
            x, t, reduction=reduction
        ),
    ),
    multi_margin_case(""),
    multi_margin_case("unbatched", logits(4)),
    multi_margin_case("squared", p=2),
    multi_margin_case("everything", p=2, margin=0.5, weight=WEIGHT),
    multi_margin_case("no-margin", margin=0.0, weight=WEIGHT),
    Case(
        losses.multi_margin_loss,
        logits(2, 4, 3),
        naive_multi_margin,
        kwargs={"weight": WEIGHT},
        name="pixels",
    ),
    Case(
        losses.multiclass_hinge_loss,
        logits(5, 4),
        naive_multiclass_hinge,
        torch=multiclass_hinge_in_torch,
    ),
    Case(losses.multiclass_hinge_loss, logits(4), naive_multiclass_hinge, name="unbatched"),
    Case(losses.multiclass_hinge_loss, logits(2, 4, 3), naive_multiclass_hinge, name="pixels"),
]

FAR = np.array([1e4, -1e4])
NO_SCORES, NO_SIGNS = np.zeros((0, 3)), np.zeros((0, 3))
ROWS = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]])

EXTREMES = [
    Extreme(
        losses.multilabel_margin_loss,
        (ROWS, np.array([[0, -1, 1], [1, 2, -1]])),
        value=(20001 + 10001) / 3,
    ),
    Extreme(
        losses.multilabel_margin_loss, (ROWS, np.full((2, 3), -1)), value=0.0, name="no-labels"
    ),
    Extreme(losses.hinge_loss, (FAR, np.ones(2)), {}, 10001.0, gradients=(np.array([0.0, -1.0]),)),
    Extreme(losses.hinge_loss, (NO_SCORES, NO_SIGNS), value=0.0, name="empty"),
    Extreme(losses.squared_hinge_loss, (FAR, np.ones(2)), {}, 10001.0**2),
    Extreme(losses.squared_hinge_loss, (NO_SCORES, NO_SIGNS), value=0.0, name="empty"),
    Extreme(
        losses.soft_margin_loss, (FAR, np.ones(2)), {}, 1e4, gradients=(np.array([0.0, -1.0]),)
    ),
    Extreme(losses.soft_margin_loss, (NO_SCORES, NO_SIGNS), value=0.0, name="empty"),
    Extreme(
        losses.multi_margin_loss,
        (ROWS, np.array([0, 1])),
        value=(20001 + 10001) / 3,
        gradients=(np.array([[0, 0, 0], [1, -2, 1]]) / 3,),
    ),
    Extreme(losses.multi_margin_loss, (NO_SCORES, np.zeros(0, int)), value=0.0, name="empty"),
    Extreme(
        losses.multi_margin_loss, (np.ones((2, 1)), np.zeros(2, int)), {}, 0.0, name="one-class"
    ),
    Extreme(
        losses.multiclass_hinge_loss,
        (ROWS, np.array([0, 1])),
        value=20001,
        gradients=(np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]]),),
    ),
    Extreme(losses.multiclass_hinge_loss, (NO_SCORES, np.zeros(0, int)), value=0.0, name="empty"),
]

X, Y = np.zeros((2, 3)), np.array([0, 1])


def errors_of_signs(loss):
    """What every loss of labels -1 and +1 refuses."""
    column, ones = np.zeros((2, 1)), np.ones((2, 1))
    return [
        Error(loss, (column, np.ones(2)), {}, ValueError, ("(2, 1)", "(2,)", "reshape(2, 1)")),
        Error(loss, (column, [[0], [1]]), {}, ValueError, ("0/1", "2 * target - 1")),
        Error(loss, (column, 2 * ones), {}, ValueError, ("target", "2", "-1 and +1")),
        Error(loss, (column, np.nan * ones), {}, ValueError, ("target", "nan")),
        Error(loss, (np.zeros(0), np.zeros(0)), {}, ValueError, ("mean", "nothing")),
    ]


ERRORS = [
    *errors_of_signs(losses.hinge_loss),
    *errors_of_signs(losses.squared_hinge_loss),
    *errors_of_signs(losses.soft_margin_loss),
    *errors_of_classes(losses.multi_margin_loss),
    *errors_of_classes(losses.multiclass_hinge_loss),
    Error(losses.multilabel_margin_loss, (X, Y), {}, ValueError, ("target has shape",)),
    Error(losses.multilabel_margin_loss, ([0.1, 0.2], [2, -1]), {}, ValueError, ("target", "2")),
    Error(losses.multilabel_margin_loss, ([0.1, 0.2], [0.5, -1]), {}, TypeError, ("target",)),
    Error(losses.multi_margin_loss, (X, Y), {"p": 3}, ValueError, ("p must be 1 or 2", "3")),
    Error(losses.multi_margin_loss, (X, Y), {"margin": -1}, ValueError, ("margin", "-1")),
    Error(losses.multi_margin_loss, (X, Y), {"weight": [1, 2]}, ValueError, ("weight", "(3,)")),
]
