"""Sheet 3: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake


def bce_with_logits(input, target):
    softplus = np.maximum(input, 0) + np.log1p(np.exp(-np.abs(input)))
    return np.mean(softplus - input * target)


@mistake(bce_with_logits, "do not go through p")
def bce_of_the_book(input, target):
    p = 1 / (1 + np.exp(-input))
    return np.mean(-target * np.log(p) - (1 - target) * np.log(1 - p))


@mistake(bce_with_logits, "do not go through p")
def bce_clipped(input, target):
    p = np.clip(1 / (1 + np.exp(-input)), 1e-12, 1 - 1e-12)
    return np.mean(-target * np.log(p) - (1 - target) * np.log(1 - p))


@mistake(bce_with_logits, "input holds logits")
def bce_of_probabilities(input, target):
    return np.mean(-target * np.log(input) - (1 - target) * np.log(1 - input))


@mistake(bce_with_logits, "a sum taken for a mean")
def bce_summed(input, target):
    return np.sum(np.logaddexp(0, input) - input * target)


@mistake(bce_with_logits, "the sign is flipped")
def bce_likelihood(input, target):
    return np.mean(input * target - np.logaddexp(0, input))


@mistake(bce_with_logits, "the two targets are exchanged")
def bce_of_the_other_class(input, target):
    return np.mean(np.logaddexp(0, input) - input * (1 - target))


@mistake(bce_with_logits, "targets of 0 cost something too")
def bce_of_ones(input, target):
    return np.mean(target * np.logaddexp(0, -input))


@mistake(bce_with_logits, "a comparison chooses one side's slope")
def bce_with_a_kink(input, target):
    positive = np.where(input > 0, input, 0)
    return np.mean(positive - input * target + np.log1p(np.exp(-np.abs(input))))


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
    e = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@mistake(cross_entropy_gradient, "4 is the length of logits, axis 0: a sum taken for a mean")
def gradient_of_the_sum(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p - np.eye(logits.shape[1])[labels]


@mistake(cross_entropy_gradient, "3 is the length of logits, axis 1: a mean taken for a sum")
def divided_by_all(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return (p - np.eye(logits.shape[1])[labels]) / logits.size


@mistake(cross_entropy_gradient, "the sign is flipped")
def uphill(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (np.eye(logits.shape[1])[labels] - e / e.sum(axis=1, keepdims=True)) / len(logits)


@mistake(cross_entropy_gradient, "subtract the largest logit of each row before exp")
def softmax_of_the_book(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@mistake(cross_entropy_gradient, "each row has its own")
def one_maximum(logits, labels):
    e = np.exp(logits - np.max(logits))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@mistake(cross_entropy_gradient, "it sums over the classes, axis 1")
def softmax_of_examples(logits, labels):
    e = np.exp(logits - logits.max(axis=0))
    p = e / e.sum(axis=0)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@mistake(cross_entropy_gradient, "use p[np.arange(N), labels]")
def all_rows_at_these_columns(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[:, labels] -= 1
    return p / len(p)


@mistake(cross_entropy_gradient, "subtract 1 there, not the label")
def label_as_a_number(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return (p - labels.reshape(-1, 1)) / len(p)


@mistake(cross_entropy_gradient, "1 is to be subtracted from p at the label")
def nothing_subtracted(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) / len(logits)


@mistake(cross_entropy_gradient, "it changes logits in place")
def in_the_callers_array(logits, labels):
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


def f1_score(predicted, actual):
    found = np.sum((predicted == 1) & (actual == 1))
    return 2 * found / (np.sum(predicted) + np.sum(actual)) if found else 0.0


@mistake(f1_score, "2 TP / (2 TP + FP + FN)")
def f1_of_nothing(predicted, actual):
    found = np.sum(predicted * actual)
    precision, recall = found / predicted.sum(), found / actual.sum()
    return 2 * precision * recall / (precision + recall)


@mistake(f1_score, "F1 is 0 here, not 1")
def f1_perfect_without_ones(predicted, actual):
    total = predicted.sum() + actual.sum()
    return 2 * np.sum(predicted * actual) / total if total else 1.0


@mistake(f1_score, "division by zero")
def f1_in_plain_python(predicted, actual):
    found = sum(p and a for p, a in zip(predicted.tolist(), actual.tolist()))
    precision, recall = found / sum(predicted.tolist()), found / sum(actual.tolist())
    return 2 * precision * recall / (precision + recall)


@mistake(f1_score, "this is the accuracy")
def share_of_right_answers(predicted, actual):
    return np.mean(predicted == actual)


@mistake(f1_score, "the harmonic one is")
def f1_arithmetic(predicted, actual):
    found = np.sum(predicted * actual)
    return (found / predicted.sum() + found / actual.sum()) / 2


@mistake(f1_score, "this is the precision alone")
def f1_without_misses(predicted, actual):
    return np.sum(predicted * actual) / np.sum(predicted)


@mistake(f1_score, "hits count twice")
def intersection_over_union(predicted, actual):
    return np.sum(predicted & actual) / np.sum(predicted | actual)


def focal_loss(input, target, gamma):
    s = input * (2 * target - 1)
    return np.mean(np.exp(-gamma * np.logaddexp(0, s)) * np.logaddexp(0, -s))


@mistake(focal_loss, "do not go through q")
def focal_of_the_book(input, target, gamma):
    p = 1 / (1 + np.exp(-input))
    q = np.where(target == 1, p, 1 - p)
    return np.mean(-((1 - q) ** gamma) * np.log(q))


@mistake(focal_loss, "do not go through q")
def focal_clipped(input, target, gamma):
    p = np.clip(1 / (1 + np.exp(-input)), 1e-7, 1 - 1e-7)
    q = np.where(target == 1, p, 1 - p)
    return np.mean(-((1 - q) ** gamma) * np.log(q))


@mistake(focal_loss, "the value is right, its gradient is not")
def focal_stable_in_one_half(input, target, gamma):
    s = input * (2 * target - 1)
    return np.mean((1 / (1 + np.exp(s))) ** gamma * np.logaddexp(0, -s))


@mistake(focal_loss, "it must turn down what is right already")
def focal_weight_of_the_truth(input, target, gamma):
    s = input * (2 * target - 1)
    return np.mean(np.exp(-gamma * np.logaddexp(0, -s)) * np.logaddexp(0, -s))


@mistake(focal_loss, "for a target of 0 it is p^gamma")
def focal_of_p(input, target, gamma):
    bce = np.logaddexp(0, input) - input * target
    return np.mean(np.exp(-gamma * np.logaddexp(0, input)) * bce)


@mistake(focal_loss, "gamma is an exponent")
def focal_factor(input, target, gamma):
    s = input * (2 * target - 1)
    return np.mean(gamma * np.exp(-np.logaddexp(0, s)) * np.logaddexp(0, -s))


@mistake(focal_loss, "alpha = 0.25")
def focal_with_alpha(input, target, gamma):
    s = input * (2 * target - 1)
    alpha = np.where(target == 1, 0.25, 0.75)
    return np.mean(alpha * np.exp(-gamma * np.logaddexp(0, s)) * np.logaddexp(0, -s))


@mistake(focal_loss, "a sum taken for a mean")
def focal_summed(input, target, gamma):
    s = input * (2 * target - 1)
    return np.sum(np.exp(-gamma * np.logaddexp(0, s)) * np.logaddexp(0, -s))


def kl_divergence(p, q):
    if np.any((q == 0) & (p > 0)):
        return np.inf
    possible = p > 0
    return np.sum(p[possible] * np.log(p[possible] / q[possible]))


@mistake(kl_divergence, "leave out where p is 0")
def kl_of_the_book(p, q):
    return np.sum(p * np.log(p / q))


@mistake(kl_divergence, "take q as it is")
def kl_with_epsilon(p, q):
    return np.sum(p * (np.log(p + 1e-12) - np.log(q + 1e-12)))


@mistake(kl_divergence, "take q as it is")
def kl_where_both_are_possible(p, q):
    both = (p > 0) & (q > 0)
    return np.sum(p[both] * np.log(p[both] / q[both]))


@mistake(kl_divergence, "the other way round")
def kl_reversed(p, q):
    return np.sum(q * np.log(q / p))


@mistake(kl_divergence, "a mean taken for a sum")
def kl_averaged(p, q):
    return np.mean(np.where(p > 0, p * np.log(p / q), 0))


@mistake(kl_divergence, "nats are asked for")
def kl_in_bits(p, q):
    return np.sum(np.where(p > 0, p * np.log2(p / q), 0))


@mistake(kl_divergence, "the entropy of p is part of it")
def cross_entropy_of_two(p, q):
    return np.sum(-p * np.log(q))


@mistake(kl_divergence, "the sign is flipped")
def kl_below_zero(p, q):
    return np.sum(np.where(p > 0, p * np.log(q / p), 0))
