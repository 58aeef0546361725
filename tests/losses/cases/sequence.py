"""Cases of microloss/losses/sequence.py."""

import itertools

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import losses


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def sequences(targets, input_lengths, target_lengths, classes=3):
    """Random log-probabilities (T, N, C) beside these targets."""

    def args(rng):
        shape = (max(input_lengths), len(input_lengths), classes)
        log_probs = log_softmax(rng.standard_normal(shape))
        return log_probs, *map(np.array, (targets, input_lengths, target_lengths))

    return args


# ---- brute force: all paths ----------------------------------------------------------------------


def collapse(path, blank=0):
    """Merge repeats, remove blanks."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def spelled(log_probs, blank=0):
    """The probability of every sequence of labels, from all paths through (T, C)."""
    found = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        p = np.exp(sum(row[c] for row, c in zip(log_probs, path)))
        labels = collapse(path, blank)
        found[labels] = found.get(labels, 0.0) + p
    return found


def rows_of(targets, target_lengths):
    if targets.ndim == 1:
        return np.split(targets, np.cumsum(target_lengths)[:-1])
    return [row[:n] for row, n in zip(targets, target_lengths)]


def brute_force(log_probs, targets, input_lengths, target_lengths, blank=0, zero_infinity=False):
    impossible = 0.0 if zero_infinity else np.inf
    values = []
    for n, labels in enumerate(rows_of(targets, target_lengths)):
        p = spelled(log_probs[: input_lengths[n], n].astype(float), blank).get(tuple(labels), 0.0)
        values.append(-np.log(p) if p else impossible)
    return np.array(values)


def brute_force_unbatched(log_probs, targets, input_length, target_length):
    (value,) = brute_force(log_probs[:, None], targets, [input_length], [target_length])
    return value


def mean(values, log_probs, targets, input_lengths, target_lengths):
    return np.mean(values / np.maximum(target_lengths, 1))


# ---- PyTorch -------------------------------------------------------------------------------------


def torch_ctc(torch, log_probs, targets, input_lengths, target_lengths, reduction, **options):
    """PyTorch's ctc_loss, differentiated with respect to log_probs.

    Its backward gives softmax - posterior, right only after log_softmax; a term of value 0 takes
    that softmax off again.
    """
    values = torch.nn.functional.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, reduction="none", **options
    )
    inside = torch.arange(len(log_probs))[:, None] < input_lengths
    if log_probs.ndim == 2:
        inside = inside[:, 0]
    total = (log_probs.exp().sum(-1) * inside).sum(0) * (values.detach() != 0)
    values = values + total.detach() - total
    if reduction == "mean":
        return (values / target_lengths.clamp(min=1)).mean()
    return values if reduction == "none" else values.sum()


def case(args, name="", **options):
    return Case(
        losses.ctc_loss,
        args,
        brute_force,
        kwargs=options,
        mean=mean,
        torch=lambda *a, **k: torch_ctc(*a, **k, **options),
        name=name,
    )


CASES = [
    case(sequences([[1, 2], [1, 1], [2, 9], [9, 9]], [5, 4, 3, 4], [2, 2, 1, 0])),
    case(sequences([1, 2, 1, 1, 2], [5, 4, 3, 4], [2, 2, 1, 0]), "concatenated"),
    case(sequences([[0, 1], [1, 1]], [4, 5], [2, 2]), "last is blank", blank=2),
    case(sequences([[1, 1], [1, 2]], [2, 4], [2, 2]), "zero infinity", zero_infinity=True),
    Case(
        losses.ctc_loss,
        lambda rng: (log_softmax(rng.standard_normal((4, 3))), np.array([2, 1]), 4, 2),
        brute_force_unbatched,
        mean=lambda value, *args: value / 2,
        name="unbatched",
    ),
]

# ---- edges ---------------------------------------------------------------------------------------

with np.errstate(divide="ignore"):
    CERTAIN = np.log(np.eye(2)[[0, 1, 0]])[:, None]  # blank, 1, blank, each with probability 1
SURE = np.array([[0.0, -1e4], [0.0, -1e4], [0.0, -1e4]])[:, None]


def sequence(log_probs, labels, frames=None):
    frames = len(log_probs) if frames is None else frames
    labels = np.array([labels], dtype=int)
    return log_probs, labels, np.array([frames]), np.array([labels.shape[1]])


EXTREMES = [
    Extreme(
        losses.ctc_loss,
        sequence(CERTAIN, [1]),
        value=0.0,
        gradients=(-np.exp(CERTAIN),),
        name="probabilities 0 and 1",
    ),
    Extreme(losses.ctc_loss, sequence(CERTAIN, []), value=np.inf, name="probability 0"),
    Extreme(
        losses.ctc_loss,
        sequence(CERTAIN, []),
        kwargs={"zero_infinity": True},
        value=0.0,
        gradients=(np.zeros((3, 1, 2)),),
        name="probability 0 taken as nothing",
    ),
    Extreme(
        losses.ctc_loss,
        sequence(SURE, [1]),
        value=1e4 - np.log(3),  # at any one of three frames
        gradients=(np.array([[[-2 / 3, -1 / 3]]] * 3),),
        name="sure of the wrong",
    ),
    Extreme(
        losses.ctc_loss,
        sequence(SURE, [1, 1]),
        value=2e4,
        gradients=(np.array([[[0.0, -1.0]], [[-1.0, 0.0]], [[0.0, -1.0]]]),),
        name="repeated",
    ),
    Extreme(losses.ctc_loss, sequence(SURE[:2], [1, 1]), value=np.inf, name="too short"),
    Extreme(
        losses.ctc_loss,
        sequence(SURE[:2], [1, 1]),
        kwargs={"zero_infinity": True},
        value=0.0,
        gradients=(np.zeros((2, 1, 2)),),
        name="too short taken as nothing",
    ),
    Extreme(
        losses.ctc_loss,
        sequence(SURE, [], frames=0),
        value=0.0,
        gradients=(np.zeros((3, 1, 2)),),
        name="nothing to read, nothing to spell",
    ),
    Extreme(losses.ctc_loss, sequence(SURE, [1], frames=0), value=np.inf, name="nothing to read"),
    Extreme(
        losses.ctc_loss,
        sequence(np.log(np.full((1, 1, 2), 0.5)), [1]),
        value=np.log(2),
        gradients=(np.array([[[0.0, -1.0]]]),),
        name="one frame",
    ),
    Extreme(
        losses.ctc_loss,
        sequence(np.zeros((0, 1, 2)), []),
        value=0.0,
        gradients=(np.zeros((0, 1, 2)),),
        name="no frames",
    ),
]

LP = np.log(np.full((4, 2, 3), 1 / 3))
GOOD = (LP, [[1, 2], [1, 2]], [4, 4], [2, 2])


def replaced(position, value):
    return (*GOOD[:position], value, *GOOD[position + 1 :])


ERRORS = [
    Error(losses.ctc_loss, replaced(0, LP[0, 0]), {}, ValueError, ("log_probs", "(T, N, C)")),
    Error(losses.ctc_loss, replaced(0, LP + 4), {}, ValueError, ("log_softmax", "holds 2.9")),
    Error(losses.ctc_loss, replaced(1, [[1, 0], [1, 2]]), {}, ValueError, ("holds 0", "blank 0")),
    Error(losses.ctc_loss, replaced(1, [[1, 3], [1, 2]]), {}, ValueError, ("holds 3", "0 to 2")),
    Error(losses.ctc_loss, replaced(1, [[1, -1], [1, 2]]), {}, ValueError, ("holds -1", "0 to 2")),
    Error(losses.ctc_loss, replaced(1, [[1.0, 2.0]] * 2), {}, TypeError, ("targets", "integers")),
    Error(losses.ctc_loss, replaced(1, [[1, 2]] * 3), {}, ValueError, ("(3, 2)", "(2, S)")),
    Error(losses.ctc_loss, replaced(1, [1, 2, 1]), {}, ValueError, ("3 labels", "add up to 4")),
    Error(losses.ctc_loss, replaced(2, [4, 5]), {}, ValueError, ("input_lengths", "5", "0..4")),
    Error(losses.ctc_loss, replaced(2, [4, -1]), {}, ValueError, ("input_lengths", "-1", "0..4")),
    Error(losses.ctc_loss, replaced(2, [4]), {}, ValueError, ("input_lengths", "(1,)", "(2,)")),
    Error(losses.ctc_loss, replaced(2, [4.0, 4.0]), {}, TypeError, ("input_lengths", "integers")),
    Error(losses.ctc_loss, replaced(3, [2, 3]), {}, ValueError, ("target_lengths", "3", "0..2")),
    Error(losses.ctc_loss, replaced(3, 2), {}, ValueError, ("target_lengths", "()", "(2,)")),
    Error(losses.ctc_loss, GOOD, {"blank": 3}, ValueError, ("blank", "0 to 2", "3")),
    Error(losses.ctc_loss, (LP[:, :0], np.zeros((0, 1), int), [], []), {}, ValueError, ("mean",)),
]

# ---- the gradient that the card states -----------------------------------------------------------


def stated_ctc(log_probs, targets, input_lengths, target_lengths):
    """The posterior, from all paths that spell the target, divided as the mean divides."""
    posterior = np.zeros(log_probs.shape)
    for n, labels in enumerate(rows_of(targets, target_lengths)):
        rows, total = log_probs[: input_lengths[n], n], 0.0
        for path in itertools.product(range(log_probs.shape[2]), repeat=len(rows)):
            if collapse(path) == tuple(labels):
                p = np.exp(sum(row[c] for row, c in zip(rows, path)))
                posterior[np.arange(len(rows)), n, path] += p
                total += p
        posterior[:, n] /= total * len(labels) * len(target_lengths)
    return -posterior


GRADIENTS = [
    Stated(
        losses.ctc_loss,
        "-P(class c at frame t | the target is spelled) / S / N",
        stated_ctc,
        sequences([[1, 2], [2, 0]], (4, 3), (2, 1)),
    ),
]
