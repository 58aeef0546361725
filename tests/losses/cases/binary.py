"""Cases of microloss/losses/binary.py."""

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses

WEIGHT = np.random.default_rng(9).uniform(0.5, 2, (4, 3))
OF_COLUMN = np.array([0.5, 2.0, 3.0])


def probabilities(rng, shape=(4, 3)):
    return rng.uniform(0.05, 0.95, shape), rng.uniform(0.05, 0.95, shape)


def logits(rng, shape=(4, 3)):
    return rng.normal(0, 2, shape), rng.uniform(0.05, 0.95, shape)


def logits_and_answers(rng, shape=(4, 3)):
    return rng.normal(0, 2, shape), rng.integers(0, 2, shape).astype(float)


def naive_bce(p, t, weight=1.0):
    return np.log(p ** (-t * weight) * (1 - p) ** ((t - 1) * weight))


def naive_bce_with_logits(x, t, weight=1.0, pos_weight=1.0):
    e = np.exp(-x)
    return weight * (pos_weight * t * np.log(1 + e) + (1 - t) * np.log((1 + e) / e))


def naive_focal(x, t, alpha=0.25, gamma=2.0):
    p = np.where(t == 1, 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x)))
    weight = 1 if alpha is None else np.where(t == 1, alpha, 1 - alpha)
    return weight * (1 - p) ** gamma * -np.log(p)


def in_torch(name, **options):
    def call(torch, x, t, reduction):
        given = {k: torch.tensor(v) for k, v in options.items()}
        return getattr(torch.nn.functional, name)(x, t, reduction=reduction, **given)

    return call


def focal_in_torch(alpha=0.25, gamma=2.0):
    """The formula of torchvision.ops.sigmoid_focal_loss."""

    def call(torch, x, t, reduction):
        p = torch.sigmoid(x)
        cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
        loss = cross_entropy(x, t, reduction="none") * (1 - p * t - (1 - p) * (1 - t)) ** gamma
        if alpha is not None:
            loss = (alpha * t + (1 - alpha) * (1 - t)) * loss
        return loss if reduction == "none" else getattr(loss, reduction)()

    return call


def bce_case(name, args=probabilities, **options):
    return Case(
        losses.binary_cross_entropy,
        args,
        naive_bce,
        wrt=(0, 1),
        kwargs=options,
        torch=in_torch("binary_cross_entropy", **options),
        name=name,
    )


def bce_with_logits_case(name, args=logits, **options):
    return Case(
        losses.binary_cross_entropy_with_logits,
        args,
        naive_bce_with_logits,
        wrt=(0, 1),
        kwargs=options,
        torch=in_torch("binary_cross_entropy_with_logits", **options),
        name=name,
    )


def focal_case(name, args=logits_and_answers, **options):
    return Case(
        losses.sigmoid_focal_loss,
        args,
        naive_focal,
        kwargs=options,
        torch=focal_in_torch(**options),
        name=name,
    )


def multilabel_case(name, args=logits, **options):
    return Case(
        losses.multilabel_soft_margin_loss,
        args,
        lambda x, t, weight=1.0: naive_bce_with_logits(x, t, weight).mean(axis=-1),
        wrt=(0, 1),
        kwargs=options,
        torch=in_torch("multilabel_soft_margin_loss", **options),
        torch_wrt=(0, 1),
        name=name,
    )


CASES = [
    multilabel_case(""),
    multilabel_case("weight", weight=OF_COLUMN),
    bce_case(""),
    bce_case("one-number", lambda rng: (np.array(0.3), np.array(0.8))),
    bce_case("weight", weight=WEIGHT),
    bce_case("weight-of-columns", weight=OF_COLUMN),
    bce_with_logits_case(""),
    bce_with_logits_case("one-number", lambda rng: (np.array(0.3), np.array(0.8))),
    bce_with_logits_case("pos_weight", pos_weight=OF_COLUMN),
    bce_with_logits_case("both-weights", weight=WEIGHT, pos_weight=OF_COLUMN),
    focal_case(""),
    focal_case("pixels", lambda rng: logits_and_answers(rng, (2, 1, 3, 2))),
    focal_case("no-alpha", alpha=None),
    focal_case("gamma-0", alpha=0.75, gamma=0),
    focal_case("gamma-half", gamma=0.5),
]

FAR = np.array([1e4, -1e4, 1e4, -1e4])
ANSWERS = np.array([1.0, 1.0, 0.0, 0.0])
RIGHT, WRONG = [0, 3], [1, 2]

EXTREMES = [
    Extreme(
        losses.multilabel_soft_margin_loss,
        (np.array([[1e4, -1e4], [-1e4, 0.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])),
        value=(1e4 + 1e4 + np.log(2)) / 2,
        gradients=(np.array([[0.5, 0.0], [-0.5, -0.25]]),),
    ),
    Extreme(
        losses.multilabel_soft_margin_loss,
        (np.zeros((0, 2)), np.zeros((0, 2))),
        value=0.0,
        name="empty",
    ),
    Extreme(
        losses.binary_cross_entropy,
        (np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])),
        value=200.0,
        gradients=(np.array([-1e12, 1e12, 0.0, 0.0]), np.array([100.0, -100.0, 100.0, -100.0])),
        wrt=(0, 1),
    ),
    Extreme(
        losses.binary_cross_entropy, (np.zeros((0, 2)), np.zeros((0, 2))), {}, 0.0, name="empty"
    ),
    Extreme(
        losses.binary_cross_entropy_with_logits,
        (FAR, ANSWERS),
        value=2e4,
        gradients=(np.array([0.0, -1.0, 1.0, 0.0]), -FAR),
        wrt=(0, 1),
    ),
    Extreme(
        losses.binary_cross_entropy_with_logits,
        (np.array([40.0]), np.array([0.0])),
        value=40.0,
        gradients=(np.ones(1),),
        name="40",
    ),
    Extreme(
        losses.binary_cross_entropy_with_logits,
        (FAR, ANSWERS),
        {"pos_weight": 3.0, "weight": [2.0, 2.0, 1.0, 1.0]},
        value=7e4,
        name="weights",
    ),
    Extreme(
        losses.binary_cross_entropy_with_logits, (np.zeros(0), np.zeros(0)), value=0.0, name="empty"
    ),
    *(
        Extreme(
            losses.sigmoid_focal_loss,
            (scale * FAR, ANSWERS),
            {"gamma": gamma},
            value=scale * 1e4,
            gradients=(np.array([0.0, -0.25, 0.75, 0.0]),),
            name=f"gamma-{gamma}-{scale:g}",
        )
        for gamma in (0, 0.5, 2)
        for scale in (1e-2, 1.0)
    ),
    Extreme(losses.sigmoid_focal_loss, (np.zeros(0), np.zeros(0)), value=0.0, name="empty"),
]

HALF = np.full((2, 1), 0.5)


def errors_of_pairs(loss):
    """What every loss of yes or no refuses."""
    return [
        Error(loss, (HALF, np.ones(2)), {}, ValueError, ("(2, 1)", "(2,)", "reshape(2, 1)")),
        Error(loss, (HALF, np.ones((1, 2))), {}, ValueError, ("(2, 1)", "(1, 2)")),
        Error(loss, (HALF, 2 * np.ones((2, 1))), {}, ValueError, ("target", "2")),
        Error(loss, (HALF, -np.ones((2, 1))), {}, ValueError, ("target", "-1")),
        Error(loss, (HALF, HALF * np.nan), {}, ValueError, ("target", "nan")),
        Error(loss, (np.zeros(0), np.zeros(0)), {}, ValueError, ("mean", "nothing")),
        Error(loss, (["a"], [1]), {}, TypeError, ("input", "real numbers")),
    ]


ERRORS = [
    *errors_of_pairs(losses.binary_cross_entropy),
    *errors_of_pairs(losses.binary_cross_entropy_with_logits),
    *errors_of_pairs(losses.sigmoid_focal_loss),
    *errors_of_pairs(losses.multilabel_soft_margin_loss),
    Error(losses.multilabel_soft_margin_loss, (1.0, 1.0), {}, ValueError, ("axis of classes",)),
    Error(losses.binary_cross_entropy, ([1.5], [1]), {}, ValueError, ("input", "1.5", "logits")),
    Error(
        losses.binary_cross_entropy,
        ([np.nextafter(1, 2)], [1]),
        {},
        ValueError,
        ("input", "1.0000000000000002,"),
    ),
    Error(losses.binary_cross_entropy, ([np.nan], [1]), {}, ValueError, ("input", "nan")),
    Error(
        losses.binary_cross_entropy,
        (HALF, HALF),
        {"weight": [1, 2]},
        ValueError,
        ("weight", "(2,)"),
    ),
    Error(
        losses.binary_cross_entropy_with_logits,
        (HALF, HALF),
        {"pos_weight": [1, 2]},
        ValueError,
        ("pos_weight", "(2,)", "(2, 1)"),
    ),
    Error(
        losses.sigmoid_focal_loss,
        ([1], [np.nextafter(1, 2)]),
        {},
        ValueError,
        ("1.0000000000000002",),
    ),
    Error(losses.sigmoid_focal_loss, ([1], [1.5]), {}, ValueError, ("target", "1.5", "[0, 1]")),
    Error(losses.sigmoid_focal_loss, ([1], [1]), {"gamma": -2}, ValueError, ("gamma", "-2")),
    Error(losses.sigmoid_focal_loss, ([1], [1]), {"alpha": 2}, ValueError, ("alpha", "2")),
    Error(losses.sigmoid_focal_loss, ([1], [1]), {"alpha": -1}, ValueError, ("alpha", "None")),
]
