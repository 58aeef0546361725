"""Sheet 5. Structure, lessons 21 to 25

Distances instead of answers: which triplets teach, and what they cost; pairs that know each other;
a transcript without timing; and a mask that may be empty.
"""

import numpy as np

from lessons.coursework import exercise, gradient
from microloss import losses
from microloss.losses.metric_learning import semi_hard_triplets as library_triplets

# ---- semi_hard_triplets --------------------------------------------------------------------------


@exercise(lesson=21, points=2)
def semi_hard_triplets(embeddings, labels, margin):
    """The triplets whose negative is farther than the positive, but by no more than the margin.

    embeddings of shape (N, D) are points, labels of shape (N,) their classes. In a triplet (a, p,
    n) of indices, p is another point of a's class, and n a point of another class. Return those
    with 0 < |a - n| - |a - p| <= margin, for Euclidean distances, as an array of integers of shape
    (K, 3), ordered by a, then p, then n (as np.argwhere does); of shape (0, 3) if there are none.
    """
    return np.stack(library_triplets(embeddings, labels, margin=margin), axis=1)


@semi_hard_triplets.check("five points on a line")
def on_a_line(rng):
    yield np.array([[0.0], [1.0], [1.5], [4.0], [2.2]]), np.array([0, 0, 1, 1, 0]), 1.0


@semi_hard_triplets.check("gaps of exactly 0, and of exactly the margin")
def ties(rng):
    yield np.array([[0.0], [1.0], [-1.0], [2.0]]), np.array([0, 0, 1, 1]), 1.0


@semi_hard_triplets.check("points of a plane")
def on_a_plane(rng):
    yield rng.normal(size=(6, 2)).round(2), np.array([0, 1, 0, 2, 1, 0]), 0.7


@semi_hard_triplets.check("none is semi-hard")
def none_is_semi_hard(rng):
    yield np.array([[0.0], [0.1], [9.0]]), np.array([0, 0, 1]), 0.5


def triplets(embeddings, labels, wanted, other=True, power=1):
    """The triplets for which wanted(gap) holds; other: whether the positive is another point."""
    distance = np.linalg.norm(embeddings[:, None] - embeddings, axis=2) ** power
    positive = labels[:, None] == labels
    if other:
        positive = positive & ~np.eye(len(labels), dtype=bool)
    gap = distance[:, None, :] - distance[:, :, None]
    mask = positive[:, :, None] & (labels[:, None] != labels)[:, None, :]
    return np.argwhere(mask & wanted(gap))


@semi_hard_triplets.mistake(
    "hard ones are in it, whose negative is nearer: the gap must be above 0"
)
def with_hard_ones(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: gap <= margin)


@semi_hard_triplets.mistake("easy ones are in it: beyond the margin they teach nothing")
def with_easy_ones(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: gap > 0)


@semi_hard_triplets.mistake("a point is taken for its own positive: p must be another than a")
def with_itself(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: (gap > 0) & (gap <= margin), other=False)


@semi_hard_triplets.mistake("the distances are squared: the margin is one of distances")
def with_squares(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: (gap > 0) & (gap <= margin), power=2)


@semi_hard_triplets.mistake("a gap of exactly 0 is in it: the negative must be farther")
def with_ties(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: (gap >= 0) & (gap <= margin))


@semi_hard_triplets.mistake("a gap of exactly the margin is missing: no more than it is allowed")
def below_the_margin(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: (gap > 0) & (gap < margin))


@semi_hard_triplets.mistake("these are the hard ones: the sign of the gap is wrong")
def the_hard_ones(embeddings, labels, margin):
    return triplets(embeddings, labels, lambda gap: (gap < 0) & (gap >= -margin))


# ---- triplet_margin_loss -------------------------------------------------------------------------


@exercise(lesson=21, points=1)
def triplet_margin_loss(anchor, positive, negative, margin):
    """The mean triplet loss of three arrays of shape (N, D): one number.

    A triplet costs max(0, |anchor - positive| - |anchor - negative| + margin), for Euclidean
    distances over the D coordinates. Use NumPy's functions, so that it takes Tensors too.
    """
    return losses.triplet_margin_loss(anchor, positive, negative, margin=margin, eps=0)


def cheap_and_dear(rng):
    """Three triplets, of which the last costs nothing."""
    for margin in (2.0, 0.8):
        anchor, positive = rng.normal(size=(2, 3, 2)).round(2)
        negative = anchor + np.array([[0.4, 0.3], [0.1, -0.9], [30.0, 40.0]])
        yield anchor, positive, negative, margin


triplet_margin_loss.check("two triplets that cost, one that does not")(cheap_and_dear)
triplet_margin_loss.check("its gradient, by backward", call=gradient)(cheap_and_dear)


@triplet_margin_loss.mistake("max(0, ...) is missing: beyond the margin a triplet costs nothing")
def without_floor(anchor, positive, negative, margin):
    to_positive = np.linalg.norm(anchor - positive, axis=1)
    return np.mean(to_positive - np.linalg.norm(anchor - negative, axis=1) + margin)


@triplet_margin_loss.mistake("max(0, ...) is taken of the mean: each triplet has its own")
def floor_of_the_mean(anchor, positive, negative, margin):
    return np.maximum(0, without_floor(anchor, positive, negative, margin))


@triplet_margin_loss.mistake("the distances are squared: take the root of the sums of squares")
def squared_distances(anchor, positive, negative, margin):
    to_positive = np.sum((anchor - positive) ** 2, axis=1)
    to_negative = np.sum((anchor - negative) ** 2, axis=1)
    return np.mean(np.maximum(0, to_positive - to_negative + margin))


@triplet_margin_loss.mistake("positive and negative are exchanged: the positive should be nearer")
def exchanged(anchor, positive, negative, margin):
    return losses.triplet_margin_loss(anchor, negative, positive, margin=margin, eps=0)


@triplet_margin_loss.mistake("the margin is subtracted: it asks for more than a correct order")
def margin_subtracted(anchor, positive, negative, margin):
    to_positive = np.linalg.norm(anchor - positive, axis=1)
    to_negative = np.linalg.norm(anchor - negative, axis=1)
    return np.mean(np.maximum(0, to_positive - to_negative - margin))


# ---- info_nce_loss -------------------------------------------------------------------------------


@exercise(lesson=22, points=2)
def info_nce_loss(query, positive, temperature):
    """InfoNCE: each query should recognise its own positive among all, by cosine similarity.

    query and positive are of shape (N, D); row i of one belongs to row i of the other. The score
    s[i, j] of query i for row j is their cosine similarity over the temperature. Return the mean
    over i of log(sum over j of exp(s[i, j])) - s[i, i], which must not overflow where the
    temperature is low. Use NumPy's functions, so that it takes Tensors too.
    """
    return losses.info_nce_loss(query, positive, temperature=temperature)


@info_nce_loss.check("three pairs")
def three_pairs(rng):
    yield rng.normal(size=(3, 2)).round(2), rng.normal(size=(3, 2)).round(2), 0.5


@info_nce_loss.check(
    "a low temperature",
    hint="exp overflows at a low temperature: subtract the largest score of each row first",
)
def cold(rng):
    yield np.array([[2.0, 0.0], [0.5, 0.1]]), np.array([[1.0, 0.1], [-1.0, 3.0]]), 1e-3


@info_nce_loss.check("its gradient, by backward", call=gradient)
def slopes_of_pairs(rng):
    yield rng.normal(size=(3, 2)).round(2), rng.normal(size=(3, 2)).round(2), 0.5


def identified(scores):
    top = scores.max(axis=1, keepdims=True)
    log_p = scores - top - np.log(np.sum(np.exp(scores - top), axis=1, keepdims=True))
    return -np.mean(np.diagonal(log_p))


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@info_nce_loss.mistake("the rows are not brought to length 1: a cosine is of directions alone")
def of_dot_products(query, positive, temperature):
    return identified(query @ positive.T / temperature)


@info_nce_loss.mistake("the scores are multiplied by the temperature: divide")
def times_temperature(query, positive, temperature):
    return identified(unit(query) @ unit(positive).T * temperature)


@info_nce_loss.mistake("the temperature is missing: divide the similarities by it")
def without_temperature(query, positive, temperature):
    return identified(unit(query) @ unit(positive).T)


@info_nce_loss.mistake("queries choose among positives, and not the other way round as well")
def both_ways(query, positive, temperature):
    scores = unit(query) @ unit(positive).T / temperature
    return (identified(scores) + identified(scores.T)) / 2


@info_nce_loss.mistake("the softmax runs over the queries: each query chooses among the positives")
def over_the_queries(query, positive, temperature):
    return identified(unit(positive) @ unit(query).T / temperature)


@info_nce_loss.mistake("the own positive is missing in the sum below: it is one of the candidates")
def without_own(query, positive, temperature):
    scores = unit(query) @ unit(positive).T / temperature
    others = np.where(np.eye(len(scores)), -np.inf, scores)
    return np.mean(np.log(np.sum(np.exp(others), axis=1)) - np.diagonal(scores))


@info_nce_loss.mistake(
    "this is the mean over all of the matrix: the own positive is on the diagonal"
)
def all_of_the_matrix(query, positive, temperature):
    scores = unit(query) @ unit(positive).T / temperature
    top = scores.max(axis=1, keepdims=True)
    return -np.mean(scores - top - np.log(np.sum(np.exp(scores - top), axis=1, keepdims=True)))


# ---- ctc_loss ------------------------------------------------------------------------------------


@exercise(lesson=24, points=4)
def ctc_loss(log_probs, target):
    """CTC of one sequence: -log of the probability that its frames spell the target.

    log_probs of shape (T, C) holds the log-probabilities of C classes at each of T frames; class 0
    is the blank.  target is a list of at least one label from 1 to C - 1. A path, one class for
    each frame, spells what is left when repeats are merged and then blanks removed; its
    log-probability is the sum over the frames. Sum over all paths that spell the target by the
    forward recursion, in logarithms (np.logaddexp), over the states blank, label, blank, label,
    ..., blank: a state is reached from itself, from the one before, and, skipping a blank, from the
    one before that, unless its label would repeat. Infinite when there is no such path.
    """
    frames = len(log_probs)
    return losses.ctc_loss(log_probs, list(target), frames, len(target), reduction="sum")


def frames(rng, count, classes):
    scores = rng.normal(size=(count, classes))
    return scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))


@ctc_loss.check("one label")
def one_label(rng):
    yield frames(rng, 2, 2), [1]
    yield frames(rng, 3, 2), [1]


@ctc_loss.check("four frames, two labels")
def four_frames(rng):
    yield frames(rng, 4, 3), [2, 1]


@ctc_loss.check(
    "a label twice in a row",
    hint="between two equal labels the blank cannot be skipped, or they would be merged",
)
def twice(rng):
    yield frames(rng, 4, 3), [2, 2]


@ctc_loss.check("too few frames: no path", hint="-log 0 is infinite: np.inf")
def too_few(rng):
    yield frames(rng, 2, 2), [1, 1]


@ctc_loss.check(
    "three hundred frames",
    hint="a product of 300 probabilities is 0 in floating point: add logarithms, by np.logaddexp",
)
def many_frames(rng):
    yield frames(rng, 300, 4) - 3.0, [3, 1, 2, 2, 1, 3]


def forward(
    log_probs,
    target,
    may_skip=lambda s, states: states[s] != states[s - 2],
    begins=2,
    ends=2,
    before_first=None,
):
    """The recursion, with its rule for skipping and its edges."""
    states = [0]
    for label in target:
        states += [label, 0]
    a = np.full(len(states), -np.inf)
    a[:begins] = log_probs[0][states[:begins]]
    for row in log_probs[1:]:
        first = -np.inf if before_first is None else a[before_first]
        ways = [a, np.r_[first, a[:-1]], np.full(len(a), -np.inf)]
        for s in range(2, len(states)):
            if may_skip(s, states):
                ways[2][s] = a[s - 2]
        a = np.logaddexp.reduce(ways) + row[states]
    return -np.logaddexp.reduce(a[len(a) - ends :])


@ctc_loss.mistake("the blank between two equal labels is skipped: they would be merged into one")
def repeats_merged(log_probs, target):
    return forward(log_probs, target, lambda s, states: states[s] != 0)


@ctc_loss.mistake("the first state is reached from the last: a[s - 1] at s = 0 is a[-1]")
def from_the_end(log_probs, target):
    return forward(log_probs, target, before_first=-1)


@ctc_loss.mistake("paths that begin with the first label are missing: two states begin")
def begins_with_blank(log_probs, target):
    return forward(log_probs, target, begins=1)


@ctc_loss.mistake("no blank is ever skipped: different labels may stand side by side")
def never_skips(log_probs, target):
    return forward(log_probs, target, lambda s, states: False)


@ctc_loss.mistake("labels are skipped too: only the blank before a label may be left out")
def skips_labels(log_probs, target):
    return forward(log_probs, target, lambda s, states: True)


@ctc_loss.mistake("paths that end in the last label are missing: the last two states count")
def ends_in_blank(log_probs, target):
    return forward(log_probs, target, ends=1)


@ctc_loss.mistake("the loss is divided by the length of the target")
def per_label(log_probs, target):
    return forward(log_probs, target) / len(target)


@ctc_loss.mistake("this is the most likely path alone: add the paths up, by np.logaddexp")
def best_path(log_probs, target):
    states = [0]
    for label in target:
        states += [label, 0]
    a = np.full(len(states), -np.inf)
    a[:2] = log_probs[0][states[:2]]
    for row in log_probs[1:]:
        skip = [-np.inf] * 2
        skip += [a[s - 2] if states[s] != states[s - 2] else -np.inf for s in range(2, len(states))]
        a = np.max([a, np.r_[-np.inf, a[:-1]], skip], axis=0) + row[states]
    return -max(a[-2:])


# ---- dice_loss -----------------------------------------------------------------------------------


@exercise(lesson=25, points=2)
def dice_loss(input, target, eps):
    """The Dice loss of a mask of probabilities against a mask of 0 and 1: one number.

    1 - (2 I + eps) / (P + T + eps), with I the sum of input * target, P that of input, T that of
    target, all over the whole arrays, which have one shape.  eps makes it 0, not nan, where both
    masks are empty. Use NumPy's functions, so that it takes Tensors too.
    """
    return losses.dice_loss(input, target, eps=eps)


@dice_loss.check("two masks of two rows")
def masks(rng):
    yield rng.uniform(size=(2, 3)).round(2), np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]), 1e-7


@dice_loss.check("both masks are empty")
def empty(rng):
    yield np.zeros((2, 2)), np.zeros((2, 2)), 1e-7


@dice_loss.check("an empty mask, and a large eps")
def empty_target(rng):
    yield rng.uniform(size=(2, 2)).round(2), np.zeros((2, 2)), 1.0


@dice_loss.check("its gradient, by backward", call=gradient)
def slopes_of_masks(rng):
    yield rng.uniform(size=4).round(2), np.array([1.0, 0.0, 0.0, 1.0]), 0.5


@dice_loss.mistake("eps stands below only: two empty masks then cost 1")
def eps_below(input, target, eps):
    return 1 - 2 * np.sum(input * target) / (np.sum(input) + np.sum(target) + eps)


@dice_loss.mistake("eps is missing")
def no_eps(input, target, eps):
    return 1 - 2 * np.sum(input * target) / (np.sum(input) + np.sum(target))


@dice_loss.mistake("this is the IoU loss: Dice has twice the intersection over both sizes added")
def jaccard(input, target, eps):
    both = np.sum(input * target)
    return 1 - (both + eps) / (np.sum(input) + np.sum(target) - both + eps)


@dice_loss.mistake("the 2 above is missing")
def without_two(input, target, eps):
    return 1 - (np.sum(input * target) + eps) / (np.sum(input) + np.sum(target) + eps)


@dice_loss.mistake("eps is doubled above: it is 2 I + eps")
def doubled_eps(input, target, eps):
    return 1 - 2 * (np.sum(input * target) + eps) / (np.sum(input) + np.sum(target) + eps)


@dice_loss.mistake("the masks are squared below: P and T are plain sums")
def squares_below(input, target, eps):
    sizes = np.sum(input**2) + np.sum(target**2)
    return 1 - (2 * np.sum(input * target) + eps) / (sizes + eps)


@dice_loss.mistake("means stand for sums, and eps weighs more against them")
def of_means(input, target, eps):
    return 1 - (2 * np.mean(input * target) + eps) / (np.mean(input) + np.mean(target) + eps)


@dice_loss.mistake("this is the overlap: the loss is 1 minus it")
def overlap(input, target, eps):
    return (2 * np.sum(input * target) + eps) / (np.sum(input) + np.sum(target) + eps)


@dice_loss.mistake("each row is taken for a mask of its own: sum over the whole arrays")
def row_by_row(input, target, eps):
    both = 2 * np.sum(input * target, axis=-1) + eps
    return np.mean(1 - both / (np.sum(input, axis=-1) + np.sum(target, axis=-1) + eps))
