"""Sheet 5: right answers, and mistakes as students make them."""

import itertools

import numpy as np

from .planted import mistake, slip


def semi_hard_triplets(embeddings, labels, margin):
    d = np.sqrt(np.sum((embeddings[:, None] - embeddings[None]) ** 2, axis=2))
    found = []
    for a in range(len(labels)):
        for p in range(len(labels)):
            for n in range(len(labels)):
                gap = d[a, n] - d[a, p]
                if p != a and labels[p] == labels[a] != labels[n] and 0 < gap <= margin:
                    found.append((a, p, n))
    return np.array(found, dtype=int).reshape(-1, 3)


all_that_cost = slip(semi_hard_triplets, "hard ones are in it", ("0 < gap <=", "gap <="))
all_that_are_not_hard = slip(semi_hard_triplets, "easy ones are in it", (" <= margin", ""))
ties_for_semi_hard = slip(semi_hard_triplets, "a gap of exactly 0", ("0 < gap", "0 <= gap"))
own_positive = slip(semi_hard_triplets, "p must be another than a", ("p != a and ", ""))
root_forgotten = slip(semi_hard_triplets, "the distances are squared", ("np.sqrt", ""))
shape_lost = slip(semi_hard_triplets, "its shape is (0,), not (0, 3)", (".reshape(-1, 3)", ""))


def triplet_margin_loss(anchor, positive, negative, margin):
    to_positive = np.sqrt(np.sum((anchor - positive) ** 2, axis=-1))
    to_negative = np.sqrt(np.sum((anchor - negative) ** 2, axis=-1))
    return np.mean(np.maximum(to_positive - to_negative + margin, 0))


triplet_without_floor = slip(
    triplet_margin_loss,
    "beyond the margin a triplet costs nothing",
    ("np.maximum(to_positive - to_negative + margin, 0)", "to_positive - to_negative + margin"),
)
triplet_the_wrong_way_round = slip(
    triplet_margin_loss,
    "the positive should be nearer",
    ("to_positive - to_negative", "to_negative - to_positive"),
)
triplets_summed = slip(triplet_margin_loss, "a sum taken for a mean", ("np.mean", "np.sum"))


@mistake(triplet_margin_loss, "the distances are squared")
def triplet_of_squares(anchor, positive, negative, margin):
    gap = ((anchor - positive) ** 2).sum(axis=1) - ((anchor - negative) ** 2).sum(axis=1)
    return np.maximum(gap + margin, 0).mean()


def info_nce_loss(query, positive, temperature):
    q = query / np.sqrt(np.sum(query**2, axis=1, keepdims=True))
    k = positive / np.sqrt(np.sum(positive**2, axis=1, keepdims=True))
    scores = q @ k.T / temperature
    scores = scores - np.max(scores, axis=1, keepdims=True)
    own = np.arange(len(query))
    return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - scores[own, own])


nce_of_products = slip(
    info_nce_loss, "a cosine is of directions alone", ("q @ k.T", "query @ positive.T")
)
nce_times_temperature = slip(info_nce_loss, "divide", ("/ temperature", "* temperature"))


@mistake(info_nce_loss, "exp overflows at a low temperature")
def nce_overflowing(query, positive, temperature):
    q = query / np.sqrt(np.sum(query**2, axis=1, keepdims=True))
    k = positive / np.sqrt(np.sum(positive**2, axis=1, keepdims=True))
    e = np.exp(q @ k.T / temperature)
    own = np.arange(len(query))
    return -np.mean(np.log(e[own, own] / np.sum(e, axis=1)))


@mistake(info_nce_loss, "each query chooses among the positives")
def nce_down_the_columns(query, positive, temperature):
    q = query / np.sqrt(np.sum(query**2, axis=1, keepdims=True))
    k = positive / np.sqrt(np.sum(positive**2, axis=1, keepdims=True))
    scores = q @ k.T / temperature
    scores = scores - np.max(scores, axis=0)
    own = np.arange(len(query))
    return np.mean(np.log(np.sum(np.exp(scores), axis=0)) - scores[own, own])


@mistake(info_nce_loss, "it is one of the candidates")
def nce_against_the_others(query, positive, temperature):
    q = query / np.sqrt(np.sum(query**2, axis=1, keepdims=True))
    k = positive / np.sqrt(np.sum(positive**2, axis=1, keepdims=True))
    scores = q @ k.T / temperature
    own = np.arange(len(query))
    others = np.sum(np.exp(scores) * (1 - np.eye(len(query))), axis=1)
    return np.mean(np.log(others) - scores[own, own])


def ctc_loss(log_probs, target):
    states = [0]
    for label in target:
        states += [label, 0]
    alpha = np.full(len(states), -np.inf)
    alpha[:2] = log_probs[0, states[:2]]
    for t in range(1, len(log_probs)):
        before = alpha
        alpha = np.full(len(states), -np.inf)
        for s, c in enumerate(states):
            total = before[s]
            if s > 0:
                total = np.logaddexp(total, before[s - 1])
            if s > 1 and c != 0 and c != states[s - 2]:
                total = np.logaddexp(total, before[s - 2])
            alpha[s] = total + log_probs[t, c]
    return -np.logaddexp(alpha[-1], alpha[-2])


ctc_without_the_rule_of_repeats = slip(
    ctc_loss, "they would be merged", (" and c != states[s - 2]", "")
)
ctc_through_every_blank = slip(
    ctc_loss, "different labels may stand side by side", ("s > 1 and c != 0", "False")
)
ctc_of_the_last_state = slip(
    ctc_loss, "the last two states count", ("np.logaddexp(alpha[-1], alpha[-2])", "alpha[-1]")
)


@mistake(ctc_loss, "a product of 300 probabilities is 0")
def ctc_of_probabilities(log_probs, target):
    p = np.exp(log_probs)
    states = [0]
    for label in target:
        states += [label, 0]
    alpha = np.zeros(len(states))
    alpha[:2] = p[0, states[:2]]
    for t in range(1, len(p)):
        before, alpha = alpha, np.zeros(len(states))
        for s, c in enumerate(states):
            total = before[s] + (before[s - 1] if s else 0)
            if s > 1 and c != 0 and c != states[s - 2]:
                total += before[s - 2]
            alpha[s] = total * p[t, c]
    return -np.log(alpha[-1] + alpha[-2])


@mistake(ctc_loss, "or work that doubles with each step")
def ctc_by_listing_paths(log_probs, target):
    total = -np.inf
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        merged = [c for c, _ in itertools.groupby(path) if c != 0]
        if merged == list(target):
            total = np.logaddexp(total, sum(row[c] for row, c in zip(log_probs, path)))
    return -total


def dice_loss(input, target, eps):
    both = np.sum(input * target)
    return 1 - (2 * both + eps) / (np.sum(input) + np.sum(target) + eps)


@mistake(dice_loss, "eps is missing")
def dice_of_nothing(input, target, eps):
    return 1 - 2 * np.sum(input * target) / (np.sum(input) + np.sum(target))


@mistake(dice_loss, "two empty masks then cost 1")
def dice_with_eps_below(input, target, eps):
    return 1 - 2 * np.sum(input * target) / (np.sum(input) + np.sum(target) + eps)


@mistake(dice_loss, "this is the IoU loss")
def soft_jaccard(input, target, eps):
    both = (input * target).sum()
    return 1 - (both + eps) / (input.sum() + target.sum() - both + eps)


@mistake(dice_loss, "the loss is 1 minus it")
def dice_coefficient(input, target, eps):
    return (2 * (input * target).sum() + eps) / (input.sum() + target.sum() + eps)


@mistake(dice_loss, "the path back is cut")
def dice_of_plain_numbers(input, target, eps):
    both = np.sum(input * target)
    value = 1 - (2 * both + eps) / (np.sum(input) + np.sum(target) + eps)
    return value.item()
