"""Sheet 3: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake, slip


def bce_with_logits(input, target):
    softplus = np.maximum(input, 0) + np.log1p(np.exp(-np.abs(input)))
    return np.mean(softplus - input * target)


bce_summed = slip(bce_with_logits, "a sum taken for a mean", ("np.mean", "np.sum"))
bce_likelihood = slip(
    bce_with_logits,
    "the sign is flipped",
    ("softplus - input * target", "input * target - softplus"),
)
bce_of_the_other_class = slip(
    bce_with_logits, "the two targets are exchanged", ("* target", "* (1 - target)")
)
bce_of_ones = slip(
    bce_with_logits,
    "targets of 0 cost something too",
    ("softplus - input * target", "target * (softplus - input)"),
)
bce_with_a_kink = slip(
    bce_with_logits,
    "a comparison chooses one side's slope",
    ("np.maximum(input, 0)", "np.where(input > 0, input, 0)"),
)


@mistake(bce_with_logits, "do not go through p")
def bce_clipped(input, target):
    p = np.clip(1 / (1 + np.exp(-input)), 1e-12, 1 - 1e-12)
    return np.mean(-target * np.log(p) - (1 - target) * np.log(1 - p))


@mistake(bce_with_logits, "input holds logits")
def bce_of_probabilities(input, target):
    return np.mean(-target * np.log(input) - (1 - target) * np.log(1 - input))


@mistake(bce_with_logits, "let exp see -|x| only")
def bce_with_two_branches(input, target):
    softplus = np.where(input >= 0, input + np.log1p(np.exp(-input)), np.log1p(np.exp(input)))
    return np.mean(softplus - input * target)


@mistake(bce_with_logits, "would cut the Tensor from its graph")
def bce_number_by_number(input, target):
    pairs = zip(input.reshape(-1), target.reshape(-1))
    costs = [max(float(x), 0) - float(x) * t + np.log1p(np.exp(-abs(float(x)))) for x, t in pairs]
    return sum(costs) / len(costs)


def cross_entropy_gradient(logits, labels):
    logits = logits - np.max(logits, axis=1, keepdims=True)
    p = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


gradient_of_the_sum = slip(
    cross_entropy_gradient,
    "4 is the length of logits, axis 0: a sum taken for a mean",
    (" / len(p)", ""),
)
divided_by_all = slip(
    cross_entropy_gradient,
    "3 is the length of logits, axis 1: a mean taken for a sum",
    ("/ len(p)", "/ p.size"),
)
uphill = slip(cross_entropy_gradient, "the sign is flipped", ("return p", "return -p"))
softmax_of_the_book = slip(
    cross_entropy_gradient,
    "subtract the largest logit of each row before exp",
    (" - np.max(logits, axis=1, keepdims=True)", ""),
)
one_maximum = slip(
    cross_entropy_gradient, "each row has its own", ("max(logits, axis=1, ", "max(logits, ")
)
softmax_of_examples = slip(
    cross_entropy_gradient,
    "it sums over the classes, axis 1",
    ("max(logits, axis=1", "max(logits, axis=0"),
    ("exp(logits), axis=1", "exp(logits), axis=0"),
)
all_rows_at_these_columns = slip(
    cross_entropy_gradient, "use p[np.arange(N), labels]", ("np.arange(len(p))", ":")
)
label_as_a_number = slip(
    cross_entropy_gradient,
    "subtract 1 there, not the label",
    ("p[np.arange(len(p)), labels] -= 1", "p -= labels[:, None]"),
)
nothing_subtracted = slip(
    cross_entropy_gradient,
    "1 is to be subtracted from p at the label",
    ("    p[np.arange(len(p)), labels] -= 1\n", ""),
)
in_the_callers_array = slip(
    cross_entropy_gradient, "it changes logits in place", ("logits = logits -", "logits -=")
)


labels_counted_from_1 = slip(
    cross_entropy_gradient, "one class too early", ("labels]", "labels - 1]")
)


def f1_score(predicted, actual):
    found = np.sum((predicted == 1) & (actual == 1))
    ones = np.sum(predicted) + np.sum(actual)
    return 2 * found / ones if found else 0.0


f1_perfect_without_ones = slip(
    f1_score, "F1 is 0 here, not 1", ("if found else 0.0", "if ones else 1.0")
)
f1_arithmetic = slip(
    f1_score,
    "the harmonic one is",
    ("2 * found / ones", "(found / np.sum(predicted) + found / np.sum(actual)) / 2"),
)
f1_without_misses = slip(
    f1_score, "this is the precision alone", ("2 * found / ones", "found / np.sum(predicted)")
)
intersection_over_union = slip(
    f1_score, "hits count twice", ("2 * found / ones", "found / (ones - found)")
)


@mistake(f1_score, "2 TP / (2 TP + FP + FN)")
def f1_of_nothing(predicted, actual):
    found = np.sum(predicted * actual)
    precision, recall = found / predicted.sum(), found / actual.sum()
    return 2 * precision * recall / (precision + recall)


@mistake(f1_score, "division by zero")
def f1_in_plain_python(predicted, actual):
    found = sum(p and a for p, a in zip(predicted.tolist(), actual.tolist()))
    precision, recall = found / sum(predicted.tolist()), found / sum(actual.tolist())
    return 2 * precision * recall / (precision + recall)


@mistake(f1_score, "this is the accuracy")
def share_of_right_answers(predicted, actual):
    return np.mean(predicted == actual)


def focal_loss(input, target, gamma):
    s = input * (2 * target - 1)
    return np.mean(np.exp(-gamma * np.logaddexp(0, s)) * np.logaddexp(0, -s))


focal_stable_in_one_half = slip(
    focal_loss,
    "the value is right, its gradient for input is not",
    ("np.exp(-gamma * np.logaddexp(0, s))", "(1 / (1 + np.exp(s))) ** gamma"),
)
focal_weight_of_the_truth = slip(
    focal_loss, "it must turn down what is right already", ("(0, s)", "(0, -s)")
)
focal_of_p = slip(focal_loss, "for a target of 0 it is p^gamma", ("(0, s)", "(0, input)"))
focal_factor = slip(focal_loss, "gamma is an exponent", ("np.exp(-gamma * ", "gamma * np.exp(-"))
focal_with_alpha = slip(
    focal_loss, "alpha = 0.25", ("np.mean(", "np.mean(np.where(target == 1, 0.25, 0.75) * ")
)
focal_summed = slip(focal_loss, "a sum taken for a mean", ("np.mean", "np.sum"))


@mistake(focal_loss, "do not go through q")
def focal_of_the_book(input, target, gamma):
    p = 1 / (1 + np.exp(-input))
    q = np.where(target == 1, p, 1 - p)
    return np.mean(-((1 - q) ** gamma) * np.log(q))


def kl_divergence(p, q):
    possible = p > 0
    if np.any(q[possible] == 0):
        return np.inf
    p, q = p[possible], q[possible]
    return np.sum(p * np.log(p / q))


kl_reversed = slip(kl_divergence, "the other way round", ("p * np.log(p / q)", "q * np.log(q / p)"))
kl_averaged = slip(kl_divergence, "a mean taken for a sum", ("np.sum", "np.mean"))
kl_in_bits = slip(kl_divergence, "nats are asked for", ("np.log", "np.log2"))
cross_entropy_of_two = slip(
    kl_divergence, "the entropy of p is part of it", ("np.log(p / q)", "-np.log(q)")
)
kl_below_zero = slip(kl_divergence, "the sign is flipped", ("p / q", "q / p"))


@mistake(kl_divergence, "leave out where p is 0")
def kl_of_the_book(p, q):
    return np.sum(p * np.log(p / q))


@mistake(kl_divergence, "take q as it is")
def kl_with_epsilon(p, q):
    return np.sum(p * (np.log(p + 1e-12) - np.log(q + 1e-12)))
