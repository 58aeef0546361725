"""Cases of microloss/losses/classification.py."""

import numpy as np
from harness import Case, Error, Extreme

from microloss import losses

WEIGHT = np.array([0.5, 2.0, 1.0, 3.0])
ALPHA = np.array([0.25, 1.0, 0.0, 2.0])


# ---- arguments -----------------------------------------------------------------------------------


def logits(*shape, ignored=None):
    """rng -> logits of that shape and labels; the second label is `ignored`, if that is given."""

    def args(rng):
        x = rng.standard_normal(shape)
        axis = 1 if x.ndim > 1 else 0
        target = rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :])
        if ignored is not None:
            target[1] = ignored
        return x, np.asarray(target)

    return args


def log_probabilities(*shape, ignored=None):
    def args(rng):
        x, target = logits(*shape, ignored=ignored)(rng)
        return x - np.log(np.exp(x).sum(axis=min(1, x.ndim - 1), keepdims=True)), target

    return args


def logits_and_probabilities(*shape):
    def args(rng):
        x, p = rng.standard_normal(shape), rng.uniform(0.1, 0.9, shape)
        return x, p / p.sum(axis=min(1, p.ndim - 1), keepdims=True)

    return args


# ---- the formulas, one example after the other ---------------------------------------------------


def one_by_one(loss):
    """Apply loss(row of input, target) to each place of the batch."""

    def naive(x, target, **options):
        axis = min(1, x.ndim - 1)
        rows = np.moveaxis(x, axis, -1)
        if np.shape(target) == x.shape:
            target = np.moveaxis(target, axis, -1)
        values = np.empty(rows.shape[:-1])
        for place in np.ndindex(values.shape):
            values[place] = loss(rows[place], np.asarray(target)[place], **options)
        return values

    return naive


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


@one_by_one
def naive_cross_entropy(x, target, weight=None, ignore_index=-100, label_smoothing=0.0):
    if np.ndim(target) == 0:
        if target == ignore_index:
            return 0
        target = np.eye(len(x))[target]
    mixed = (1 - label_smoothing) * target + label_smoothing / len(x)
    return -sum(
        (1 if weight is None else weight[c]) * mixed[c] * np.log(softmax(x)[c])
        for c in range(len(x))
    )


@one_by_one
def naive_nll(log_p, target, weight=None, ignore_index=-100):
    if target == ignore_index:
        return 0
    return -(1 if weight is None else weight[target]) * log_p[target]


@one_by_one
def naive_focal(x, target, alpha=None, gamma=2.0, ignore_index=-100):
    if target == ignore_index:
        return 0
    p = softmax(x)[target]
    return -(1 if alpha is None else alpha[target]) * (1 - p) ** gamma * np.log(p)


@one_by_one
def naive_generalized(x, target, q=0.7):
    p = softmax(x)[target]
    return (1 - p**q) / q if q else -np.log(p)


def weighted_mean(weight=None, ignore_index=-100):
    """Divides by the sum of the weights of the targets that count."""

    def mean(values, x, target):
        counted = target[target != ignore_index]
        return values.sum() / (counted.size if weight is None else weight[counted].sum())

    return mean


# ---- PyTorch -------------------------------------------------------------------------------------


def in_torch(name, **options):
    def call(torch, x, target, reduction):
        given = {k: torch.tensor(v) if np.ndim(v) else v for k, v in options.items()}
        target = torch.as_tensor(target)
        return getattr(torch.nn.functional, name)(x, target, reduction=reduction, **given)

    return call


def reduced(values, reduction, count):
    return values if reduction == "none" else values.sum() / (count if reduction == "mean" else 1)


def picked_in_torch(torch, x, target):
    target = torch.as_tensor(target)
    log_p = torch.log_softmax(x, 1)
    return log_p.gather(1, target.clamp(min=0).unsqueeze(1)).squeeze(1), target


def focal_in_torch(alpha=None, gamma=2.0):
    def call(torch, x, target, reduction):
        log_p, target = picked_in_torch(torch, x, target)
        counted = target != -100
        values = -((1 - log_p.exp()) ** gamma) * log_p * counted
        if alpha is not None:
            values = torch.tensor(alpha)[target.clamp(min=0)] * values
        return reduced(values, reduction, counted.sum())

    return call


def generalized_in_torch(q):
    def call(torch, x, target, reduction):
        log_p, target = picked_in_torch(torch, x, target)
        return reduced((1 - log_p.exp() ** q) / q, reduction, target.numel())

    return call


# ---- cases ---------------------------------------------------------------------------------------


def cross_entropy_case(name, args, probabilities=False, **options):
    counting = {k: v for k, v in options.items() if k != "label_smoothing"}
    return Case(
        losses.cross_entropy,
        args,
        naive_cross_entropy,
        wrt=(0, 1) if probabilities else (0,),
        kwargs=options,
        mean=None if probabilities else weighted_mean(**counting),
        torch=in_torch("cross_entropy", **options),
        name=name,
    )


def nll_case(name, args, **options):
    return Case(
        losses.nll_loss,
        args,
        naive_nll,
        kwargs=options,
        mean=weighted_mean(**options),
        torch=in_torch("nll_loss", **options),
        name=name,
    )


def focal_case(name, args, torch=True, **options):
    return Case(
        losses.focal_loss,
        args,
        naive_focal,
        kwargs=options,
        mean=weighted_mean(ignore_index=options.get("ignore_index", -100)),
        torch=focal_in_torch(**options) if torch else None,
        name=name,
    )


def generalized_case(name, args, torch=True, **options):
    return Case(
        losses.generalized_cross_entropy,
        args,
        naive_generalized,
        kwargs=options,
        torch=generalized_in_torch(options.get("q", 0.7)) if torch else None,
        name=name,
    )


CASES = [
    cross_entropy_case("", logits(5, 4)),
    cross_entropy_case("unbatched", logits(4)),
    cross_entropy_case("pixels", logits(2, 4, 3, 2)),
    cross_entropy_case("weight", logits(5, 4), weight=WEIGHT),
    cross_entropy_case("ignored", logits(5, 4, ignored=-100)),
    cross_entropy_case("ignored-no-class", logits(5, 4, ignored=255), ignore_index=255),
    cross_entropy_case("ignored-a-class", logits(5, 4, ignored=2), ignore_index=2),
    cross_entropy_case("ignored-pixels", logits(2, 4, 3, ignored=-100), weight=WEIGHT),
    cross_entropy_case("smooth", logits(5, 4), label_smoothing=0.2),
    cross_entropy_case("smooth-unbatched", logits(4), label_smoothing=0.2, weight=WEIGHT),
    cross_entropy_case(
        "everything",
        logits(3, 4, 2, ignored=1),
        label_smoothing=0.3,
        weight=WEIGHT,
        ignore_index=1,
    ),
    cross_entropy_case("probabilities", logits_and_probabilities(5, 4), True),
    cross_entropy_case("probabilities-unbatched", logits_and_probabilities(4), True),
    cross_entropy_case("probabilities-pixels", logits_and_probabilities(2, 4, 3), True),
    cross_entropy_case(
        "probabilities-everything",
        logits_and_probabilities(2, 4, 3),
        True,
        weight=WEIGHT,
        label_smoothing=0.3,
    ),
    nll_case("", log_probabilities(5, 4)),
    nll_case("unbatched", log_probabilities(4)),
    nll_case("pixels", log_probabilities(2, 4, 3, 2), weight=WEIGHT),
    nll_case("weight-ignored", log_probabilities(5, 4, ignored=2), weight=WEIGHT, ignore_index=2),
    focal_case("", logits(5, 4)),
    focal_case("unbatched", logits(4), torch=False),
    focal_case("pixels-ignored", logits(2, 4, 3, ignored=-100)),
    focal_case("alpha", logits(5, 4), alpha=ALPHA, gamma=1.5),
    focal_case("gamma-half", logits(5, 4), gamma=0.5),
    focal_case("gamma-0", logits(5, 4), gamma=0),
    focal_case("one-class", lambda rng: (rng.standard_normal((3, 1)), np.zeros(3, int)), gamma=0),
    focal_case(
        "everything",
        logits(3, 4, 2, ignored=3),
        torch=False,
        alpha=ALPHA,
        gamma=3.0,
        ignore_index=3,
    ),
    generalized_case("", logits(5, 4)),
    generalized_case("unbatched", logits(4), torch=False),
    generalized_case("pixels", logits(2, 4, 3), q=0.3),
    generalized_case("q-1", logits(5, 4), q=1.0),
    generalized_case("q-0", logits(5, 4), torch=False, q=0.0),
]


# ---- the edge ------------------------------------------------------------------------------------

FAR = np.array([[1e4, -1e4], [-1e4, 1e4]])
SURE = np.array([[100.0, -100.0, 0.0]])
RULED_OUT = np.array([[0.0, -np.inf, 0.0]])
HALF = np.array([[0.5, 0.0, 0.5]])

EXTREMES = [
    Extreme(
        losses.cross_entropy,
        (FAR, np.array([0, 0])),
        value=2e4,
        gradients=(np.array([[0.0, 0.0], [-1.0, 1.0]]),),
    ),
    Extreme(losses.cross_entropy, (FAR, np.eye(2)), value=0.0, wrt=(0, 1), name="probabilities"),
    Extreme(
        losses.cross_entropy,
        (FAR, np.array([0, 0])),
        {"label_smoothing": 0.1, "weight": [1.0, 0.0]},
        value=1.9e4,
        name="options",
    ),
    Extreme(
        losses.cross_entropy,
        (RULED_OUT, np.array([0])),
        value=np.log(2),
        gradients=(np.array([[-0.5, 0.0, 0.5]]),),
        name="class-ruled-out",
    ),
    Extreme(
        losses.cross_entropy,
        (RULED_OUT, HALF),
        value=np.log(2),
        gradients=(np.zeros((1, 3)), np.array([[np.log(2), 0.0, np.log(2)]])),
        wrt=(0, 1),
        name="class-ruled-out-probabilities",
    ),
    Extreme(
        losses.cross_entropy, (RULED_OUT, np.array([1])), value=np.inf, name="target-ruled-out"
    ),
    Extreme(
        losses.cross_entropy,
        (SURE, np.array([-100])),
        value=0.0,
        gradients=(np.zeros((1, 3)),),
        name="all-ignored",
    ),
    Extreme(losses.cross_entropy, (np.zeros((0, 3)), np.zeros(0, int)), value=0.0, name="empty"),
    Extreme(
        losses.nll_loss,
        (np.array([[0.0, -np.inf], [-np.inf, 0.0], [-np.inf, 0.0]]), np.array([0, 1, -100])),
        value=0.0,
        gradients=(np.array([[-1.0, 0.0], [0.0, -1.0], [0.0, 0.0]]),),
    ),
    Extreme(losses.nll_loss, (np.zeros((0, 3)), np.zeros(0, int)), value=0.0, name="empty"),
    *(
        Extreme(
            losses.focal_loss,
            (x, np.array([target])),
            {"gamma": gamma},
            value=value,
            name=f"gamma-{gamma}-class-{target}-{x.max():g}",
        )
        for x in (SURE, 100 * SURE)
        for gamma in (0, 0.5, 2)
        for target, value in ((0, None), (1, 2 * x.max()), (2, x.max()))
    ),
    Extreme(losses.focal_loss, (RULED_OUT, np.array([0])), value=np.log(2) / 4, name="ruled-out"),
    Extreme(losses.focal_loss, (np.zeros((0, 3)), np.zeros(0, int)), value=0.0, name="empty"),
    Extreme(
        losses.generalized_cross_entropy,
        (FAR, np.array([0, 0])),
        value=1 / 0.7,
        gradients=(np.zeros((2, 2)),),
    ),
    Extreme(
        losses.generalized_cross_entropy,
        (RULED_OUT, np.array([1])),
        value=1 / 0.7,
        gradients=(np.zeros((1, 3)),),
        name="target-ruled-out",
    ),
    Extreme(losses.generalized_cross_entropy, (FAR, np.zeros(2, int)), {"q": 0}, 2e4, name="q-0"),
]

X, Y = np.zeros((2, 3)), np.array([0, 1])
P = np.full((2, 3), 1 / 3)
NONE, NO_LABELS = np.zeros((0, 3)), np.zeros(0, int)


def errors_of_classes(loss):
    """What every loss of logits and class indices refuses."""
    return [
        Error(loss, (X, np.array([0, 3])), {}, ValueError, ("label 3", "0 to 2")),
        Error(loss, (X, np.array([0, -1])), {}, ValueError, ("label -1", "0 to 2")),
        Error(loss, (X, Y[:, None]), {}, ValueError, ("(2, 1)", "(2,)", "reshape")),
        Error(loss, (X, np.array([0, 1, 2])), {}, ValueError, ("(3,)", "(2,)")),
        Error(loss, (X, [True, False]), {}, TypeError, ("target", "bool")),
        Error(loss, (np.array(1.0), np.array(0)), {}, ValueError, ("input", "()", "(N, C)")),
        Error(loss, (NONE, NO_LABELS), {}, ValueError, ("mean", "nothing")),
        Error(loss, (X.astype(complex), Y), {}, TypeError, ("input", "complex")),
    ]


ERRORS = [
    *errors_of_classes(losses.cross_entropy),
    *errors_of_classes(losses.nll_loss),
    *errors_of_classes(losses.focal_loss),
    *errors_of_classes(losses.generalized_cross_entropy),
    Error(losses.cross_entropy, (X, [0.0, 1.0]), {}, ValueError, ("(2, 3)", "integers")),
    Error(
        losses.cross_entropy,
        (X, np.eye(3, dtype=int)[Y]),
        {},
        ValueError,
        ("one-hot or probabilities must be floats", "astype(float)", "target.argmax(axis=1)"),
    ),
    Error(losses.cross_entropy, (X[0], [True, False, False]), {}, ValueError, ("argmax(axis=0)",)),
    Error(losses.cross_entropy, (X, P - 1), {}, ValueError, ("target", "[0, 1]", "-0.6")),
    Error(losses.cross_entropy, (X, P), {"ignore_index": 1}, ValueError, ("ignore_index=1",)),
    Error(losses.cross_entropy, (X, Y), {"weight": [1.0, 2.0]}, ValueError, ("weight", "(3,)")),
    Error(losses.cross_entropy, (X, Y), {"weight": [0.0] * 3}, ValueError, ("nothing",)),
    Error(losses.cross_entropy, (X, Y), {"label_smoothing": 1.5}, ValueError, ("smoothing", "1.5")),
    Error(losses.cross_entropy, (X, P), {"label_smoothing": -0.1}, ValueError, ("-0.1",)),
    Error(losses.cross_entropy, (X, Y), {"reduction": "avg"}, ValueError, ("'avg'",)),
    Error(losses.cross_entropy, (X, Y - 100), {}, ValueError, ("label -99",)),
    Error(losses.cross_entropy, (X, Y * 0 - 100), {}, ValueError, ("nothing", "mean")),
    Error(losses.nll_loss, (X, [0.0, 1.0]), {}, TypeError, ("target", "float64", "astype(int)")),
    Error(losses.nll_loss, (X, Y), {"weight": [1.0, 2.0]}, ValueError, ("weight", "(3,)", "(2,)")),
    Error(losses.nll_loss, (X, Y * 0 - 100), {}, ValueError, ("nothing",)),
    Error(losses.focal_loss, (X, Y), {"alpha": 0.25}, ValueError, ("alpha", "(3,)")),
    Error(losses.focal_loss, (X, Y), {"gamma": -1.0}, ValueError, ("gamma", "-1.0")),
    Error(losses.focal_loss, (X, Y * 0 - 100), {}, ValueError, ("nothing",)),
    Error(losses.generalized_cross_entropy, (X, Y), {"q": 1.5}, ValueError, ("q", "1.5")),
]
