"""Connectionist temporal classification: labels are known in order, but not when each occurs."""

import numpy as np

from ..engine.grad import slopes
from ..engine.rules import primitive
from ..engine.tensor import Tensor, values_of
from ..functional import logsumexp
from . import check
from .common import loss, reduce

__all__ = ["ctc_beam_search", "ctc_greedy_decode", "ctc_loss"]


@loss
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """CTC: the labels must come in this order, at any frames.

    Formula: -log of the sum, over all paths (one class for each frame) that spell the target, of
    the path's probability. A path spells what remains when repeats are merged and blanks removed.
    The mean divides each loss by its target's length (at least 1) first, then averages.

    Gradient: -P(class c at frame t | the target is spelled) / S / N for one of N targets, of S
    labels: the posterior of the alignment; after log_softmax, the softmax minus that posterior with
    respect to logits. It is the derivative with respect to log_probs itself; PyTorch's has
    log_softmax's own derivative folded in.

    Problem: sequence labelling.

    Use: speech, handwriting and the like, where a transcript is known but not its timing, and is
    shorter than the input. Pass log_softmax(logits, axis=-1).

    Meaning: the negative log-likelihood of the target when frames are independent, given the
    input; the sum over paths is the forward algorithm of a hidden Markov model.

    Outliers: sensitive: a wrong label in a transcript costs as much as it is improbable, and bends
    the alignment around it; a transcript that is too long for its input costs infinity (gradient
    0), or nothing with zero_infinity.

    Shapes: log_probs (T, N, C), or (T, C) for one sequence; targets (N, S) padded, or all in one
    row (sum of target_lengths,); input_lengths and target_lengths (N,), or one number each;
    result (N,) or () for "none". Units: nats.

    Raises: ValueError for shapes or lengths that do not fit, labels that are blank or not a class,
    log_probs above 0, an unknown reduction, or an empty mean; TypeError for labels or lengths that
    are not integers.

    >>> log_probs = np.log([[0.4, 0.6], [0.5, 0.5]])        # two frames: P(blank), P(label 1)
    >>> ctc_loss(log_probs, [1], 2, 1).round(6)             # -log(.4*.5 + .6*.5 + .6*.5)
    np.float64(0.223144)

    Reference: Graves, Fernandez, Gomez, Schmidhuber (2006), Connectionist Temporal Classification;
    PyTorch's ctc_loss.
    """
    check.reduction(reduction)
    log_probs = check.numbers("log_probs", log_probs)
    unbatched = log_probs.ndim == 2
    if unbatched:
        log_probs = log_probs[:, None]
    alignment = Alignment(log_probs, targets, input_lengths, target_lengths, blank)
    values = ctc_nll(log_probs, alignment)
    if zero_infinity:
        values = np.where(np.isinf(values), 0, values)
    if reduction == "mean":
        values = values / np.maximum(alignment.target_lengths, 1).astype(values.dtype)
    return reduce(values.reshape(()) if unbatched else values, reduction)


# Log-probabilities may be this much above 0 by rounding. Logits and probabilities nearly always
# hold a number that is further above.
ROUNDING = 1e-3


class Alignment:
    """What a target allows: one state for each of its labels, and one for each blank around them.

    states : (2S + 1, N), the class that each state emits: blank, label, blank, label, ..., blank.
    may_skip : (2S + 1, N), whether the blank before a label may be left out. Between two equal
        labels it may not, they would be merged.
    last : (N,), the index of the last blank; a sequence ends there or in the label before it.
    """

    def __init__(self, log_probs, targets, input_lengths, target_lengths, blank):
        if log_probs.ndim != 3:
            raise ValueError(f"log_probs must be (T, N, C) or (T, C), got shape {log_probs.shape}")
        frames, count, classes = log_probs.shape
        if not 0 <= blank < classes:
            raise ValueError(f"blank must be a class, 0 to {classes - 1}; got {blank!r}")
        check.log_probabilities("log_probs", log_probs, most=ROUNDING)
        self.input_lengths = lengths("input_lengths", input_lengths, count, frames)
        targets = check.integers("targets", targets)
        if targets.ndim != 1 and targets.shape[:-1] != (count,):
            raise ValueError(
                f"targets has shape {targets.shape}; it must be ({count}, S), or all labels in one "
                "row"
            )
        most = targets.shape[-1]
        self.target_lengths = lengths("target_lengths", target_lengths, count, most)
        labels, counted = padded(targets, self.target_lengths)
        wrong = counted & ((labels < 0) | (labels >= classes) | (labels == blank))
        if wrong.any():
            raise ValueError(
                f"targets holds {labels[wrong][0]}; labels run from 0 to {classes - 1} without the "
                f"blank {blank}, for this log_probs of {classes} classes"
            )
        self.last = 2 * self.target_lengths
        self.states = np.full((2 * labels.shape[1] + 1, count), blank)
        self.states[1::2] = np.where(counted, labels, blank).T
        self.may_skip = np.zeros(self.states.shape, bool)
        self.may_skip[2:] = (self.states[2:] != blank) & (self.states[2:] != self.states[:-2])
        self.blank = blank


def lengths(name, x, count, most):
    x = check.integers(name, x)
    if x.shape != (count,) and not (x.ndim == 0 and count == 1):
        raise ValueError(f"{name} has shape {x.shape}, one for each sequence is {(count,)}")
    if ((x < 0) | (x > most)).any():
        raise ValueError(f"{name} holds {x[(x < 0) | (x > most)][0]}, it must be in 0..{most}")
    return x.reshape(count)


def padded(targets, target_lengths):
    """Targets as (N, S), and which of its elements are labels."""
    counted = np.arange(target_lengths.max(initial=0)) < target_lengths[:, None]
    if targets.ndim == 1:
        if len(targets) != target_lengths.sum():
            raise ValueError(
                f"targets holds {len(targets)} labels in one row, target_lengths add up to "
                f"{target_lengths.sum()}"
            )
        labels = np.zeros(counted.shape, np.int64)
        labels[counted] = targets
        return labels, counted
    return targets[:, : counted.shape[1]], counted


# ---- the forward algorithm, as a formula and fused -----------------------------------------------
# The formula records some ten operations for each frame. The fused form runs the same recursion on
# plain arrays, and gets the derivative, the posterior of the states, from running it backward too:
# several times faster. Further derivatives come from the formula, and the tests compare the two.


def forward_algorithm(log_probs, alignment):
    """-log P(target), from the probability of having reached each state after each frame."""
    a = alignment
    sequences = np.arange(log_probs.shape[1])
    index = np.arange(len(a.states))[:, None]
    emitted = log_probs[:, sequences, a.states]
    nowhere = np.full((2, len(sequences)), -np.inf, log_probs.dtype)
    # before the first frame: in the first blank, without having emitted it
    reached = np.where(index == 0, np.zeros(a.states.shape, log_probs.dtype), -np.inf)
    for t in range(len(log_probs)):
        behind = np.concatenate([nowhere, reached])
        ways = [reached, behind[1:-1], np.where(a.may_skip, behind[:-2], -np.inf)]
        moved = logsumexp(np.stack(ways), axis=0) + emitted[t]
        reached = np.where(t < a.input_lengths, moved, reached)
    at_end = (index == a.last) | (index == a.last - 1)
    return -logsumexp(np.where(at_end, reached, -np.inf), axis=0)


def ctc_nll(log_probs, alignment):
    """forward_algorithm, computed together with its slope if that will be needed."""
    wanted = isinstance(log_probs, Tensor) and log_probs.requires_grad
    values = log_probs.data if isinstance(log_probs, Tensor) else log_probs
    nll, slope = forward_backward(values.astype(np.float64, copy=False), alignment, wanted)
    known = nll.astype(values.dtype, copy=False), slope
    return known_nll(log_probs, alignment=alignment, known=known)


def nll_rule(g, y, log_probs, *, alignment, known):
    if isinstance(log_probs, np.ndarray):
        slope = known[1]
    elif isinstance(log_probs, Tensor):  # the slope must have a derivative itself
        total = forward_algorithm(log_probs, alignment).sum()
        (slope,) = slopes(total, [log_probs], create_graph=True)
    else:
        slope = posterior(log_probs, alignment=alignment)
    return g[:, None] * slope


@primitive(nll_rule)
def known_nll(log_probs, *, alignment, known):
    if isinstance(log_probs, np.ndarray):
        return known[0]
    return forward_algorithm(log_probs, alignment)


@primitive(None)
def posterior(log_probs, *, alignment):
    """The slope of the loss: minus the probability of each label at each frame."""
    return forward_backward(log_probs, alignment, True)[1]


NEVER = -1e300  # in place of log 0: finite, because -inf - -inf is nan, yet no sum comes near it


def forward_backward(log_probs, alignment, slope_wanted):
    """-log P(target) (N,), and its derivative (T, N, C) or None.

    Backward is forward on the mirror image, time and states reversed, so both run in one loop, side
    by side. `arriving[t]` is the log-probability of all ways to each state at frame t, that frame
    not included. Sequences that are over wait in their last blank, at no cost, until frame T.
    """
    a = alignment
    frames, count, classes = log_probs.shape
    sequences = np.arange(count)
    column = (sequences * classes + a.states).ravel()
    emitted = log_probs.reshape(frames, count * classes).take(column, axis=1)
    emitted = np.maximum(emitted.reshape(frames, *a.states.shape), NEVER)
    over = np.arange(frames)[:, None] >= a.input_lengths
    t, n = np.nonzero(over)
    emitted[t, :, n] = NEVER
    emitted[t, a.last[n], n] = 0

    start = np.full(a.states.shape, NEVER)
    start[0] = 0
    toll = np.where(a.may_skip, 0, NEVER)  # of skipping a blank
    if slope_wanted:
        end = np.full(a.states.shape, NEVER)
        end[a.last, sequences] = 0
        start = np.concatenate([start, end[::-1]], axis=1)
        # what may be skipped on the way to s, may be skipped on the way back from s to s - 2
        back = np.concatenate([np.full((2, count), NEVER), toll[:1:-1]])[: len(toll)]
        toll = np.concatenate([toll, back], axis=1)
        emitted = np.concatenate([emitted, emitted[::-1, ::-1]], axis=2)

    reached = np.full((len(start) + 2, start.shape[1]), NEVER)  # two rows: nothing before the start
    stay, step, skip = reached[2:], reached[1:-1], reached[:-2]
    stay[...] = start
    ways = np.empty((3, *start.shape))
    top = np.empty(start.shape)
    arriving = np.empty((frames + 1, *start.shape))
    for t in range(frames + 1):
        np.add(skip, toll, out=ways[2])
        np.maximum(stay, step, out=top)
        np.maximum(top, ways[2], out=top)
        np.subtract(stay, top, out=ways[0])
        np.subtract(step, top, out=ways[1])
        ways[2] -= top
        np.exp(ways, out=ways)
        np.add.reduce(ways, axis=0, out=arriving[t])
        np.log(arriving[t], out=arriving[t])
        arriving[t] += top
        if t < frames:
            np.add(arriving[t], emitted[t], out=stay)

    log_p = arriving[frames, a.last, sequences]
    impossible = log_p < NEVER / 2
    nll = np.where(impossible, np.inf, -log_p)
    if not slope_wanted:
        return nll, None
    posterior = arriving[:-1, :, :count] + arriving[-2::-1, ::-1, count:]
    posterior += emitted[:, :, :count]
    posterior -= np.where(impossible, np.inf, log_p)
    np.exp(posterior, out=posterior)
    posterior.transpose(0, 2, 1)[over] = 0
    slope = np.zeros(log_probs.shape)
    slope[:, :, a.blank] = -posterior[:, ::2].sum(axis=1)
    for s in range(1, len(a.states), 2):  # one label at a time, so that no index comes twice
        slope[:, sequences, a.states[s]] -= posterior[:, s]
    return nll, slope


# ---- decoding ------------------------------------------------------------------------------------


def ctc_greedy_decode(log_probs, input_lengths=None, *, blank: int = 0) -> list:
    """The labels that the most probable path spells: fast, but not the most probable labels.

    Formula: the best class of each frame, repeats merged, blanks removed.

    Shapes: log_probs (T, N, C), result a list of labels for each sequence; or (T, C) and one list.
    input_lengths (N,), all T if None.

    Raises: ValueError for shapes or lengths that do not fit and for log_probs above 0.

    >>> ctc_greedy_decode(np.log([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9]]))
    [1, 1]

    Reference: Graves et al. (2006), Connectionist Temporal Classification, "best path decoding".
    """

    def decode(rows):
        path = rows.argmax(axis=1)
        first = np.append(True, path[1:] != path[:-1])[: len(path)]
        return path[first & (path != blank)].tolist()

    return each_sequence(decode, log_probs, input_lengths, blank)


def ctc_beam_search(
    log_probs, input_lengths=None, *, beam_width: int = 8, blank: int = 0
) -> list | tuple[list, float]:
    """The most probable labels, and the logarithm of their probability, by prefix beam search.

    Formula: P(labels) sums over all paths that spell them. For each prefix, the probabilities of
    the paths that end in a blank and of those that end in its last label are kept apart, because
    only after a blank does the same label again begin a new one. After each frame the `beam_width`
    most probable prefixes survive; if all do, the result is exact, else the labels may not be the
    best ones and their probability is a lower bound.

    Shapes: log_probs (T, N, C), result a pair (labels, log-probability) for each sequence; or
    (T, C) and one pair. input_lengths (N,), all T if None.

    Raises: ValueError for shapes or lengths that do not fit, log_probs above 0 and a beam_width
    that is not an integer of at least 1.

    >>> labels, log_p = ctc_beam_search(np.log([[0.6, 0.4], [0.6, 0.4]]))
    >>> labels, np.exp(log_p).round(6)                      # best path: two blanks, with P = 0.36
    ([1], np.float64(0.64))

    Reference: Hannun, Maas, Jurafsky, Ng (2014), First-Pass Large Vocabulary Continuous Speech
    Recognition using Bi-Directional Recurrent DNNs.
    """
    if not isinstance(beam_width, int | np.integer) or beam_width < 1:
        raise ValueError(f"beam_width must be an integer of at least 1, got {beam_width!r}")

    def total(ends):
        return np.logaddexp(*ends)

    def decode(rows):
        beam = {(): (0.0, -np.inf)}  # prefix -> log-probabilities (after a blank, after its label)
        for row in rows.tolist():
            grown = {}

            def add(prefix, after_blank, after_label, grown=grown):
                b, n = grown.get(prefix, (-np.inf, -np.inf))
                grown[prefix] = np.logaddexp(b, after_blank), np.logaddexp(n, after_label)

            for prefix, ends in beam.items():
                for label, log_p in enumerate(row):
                    if label == blank:
                        add(prefix, total(ends) + log_p, -np.inf)
                    elif prefix and label == prefix[-1]:
                        add(prefix, -np.inf, ends[1] + log_p)
                        add((*prefix, label), -np.inf, ends[0] + log_p)
                    else:
                        add((*prefix, label), -np.inf, total(ends) + log_p)
            best = sorted(grown, key=lambda prefix: -total(grown[prefix]))
            beam = {prefix: grown[prefix] for prefix in best[:beam_width]}
        best = max(beam, key=lambda prefix: total(beam[prefix]))
        return list(best), float(total(beam[best]))

    return each_sequence(decode, log_probs, input_lengths, blank)


def each_sequence(decode, log_probs, input_lengths, blank):
    """decode((T, C)) for each sequence, cut to its length."""
    log_probs = values_of(check.numbers("log_probs", log_probs))
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"log_probs must be (T, N, C) or (T, C), got shape {log_probs.shape}")
    check.log_probabilities("log_probs", log_probs, most=ROUNDING)
    if not 0 <= blank < log_probs.shape[-1]:
        raise ValueError(f"blank must be a class, 0 to {log_probs.shape[-1] - 1}; got {blank!r}")
    batch = log_probs if log_probs.ndim == 3 else log_probs[:, None]
    frames, count, _ = batch.shape
    input_lengths = np.full(count, frames) if input_lengths is None else input_lengths
    ends = lengths("input_lengths", input_lengths, count, frames)
    results = [decode(batch[:end, n]) for n, end in enumerate(ends)]
    return results if log_probs.ndim == 3 else results[0]
