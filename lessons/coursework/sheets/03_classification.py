"""Sheet 3. Classification, lessons 10 to 13

Cross-entropy for two classes and for many, from logits of any size; a measure and a loss for a
class that is rare; and how far one distribution is from another.
"""

import numpy as np

from lessons.coursework import exercise, gradient
from microloss import Tensor, grad, losses, metrics


@exercise(lesson=10, points=3)
def bce_with_logits(input, target):
    """The mean binary cross-entropy of logits: one number.

    input holds logits x, of any size; target has the same shape and holds t from 0 to 1. With
    p = sigmoid(x), an element costs -t log p - (1 - t) log(1 - p). Write it with NumPy's
    functions, so that it takes Tensors too.

    Value and gradient must hold for logits of 1000 and -1000, which cost 1000 where they are wrong,
    and for a logit of 0, where the loss has no kink: its derivative is p - t everywhere.
    """
    return losses.binary_cross_entropy_with_logits(input, target)


LOGITS = "input holds logits, from below 0 to above 1: p = 1 / (1 + exp(-x))"
STABLE = (
    "do not go through p, which rounds to 0 and 1: -log p is log(1 + exp(-x)), which is "
    "max(-x, 0) + log(1 + exp(-|x|))"
)


@bce_with_logits.check("logits of both signs, hard and soft targets", hint=LOGITS)
def logits_of_both_signs(rng):
    yield np.array([0.5, -1.2, 2.0]), np.array([1, 0, 0])
    yield rng.normal(size=(2, 3)), rng.uniform(size=(2, 3))


@bce_with_logits.check("logits of 1000 and -1000", hint=STABLE)
def extreme_logits(rng):
    yield np.array([1000.0, -1000.0, 0.4]), np.array([0, 0, 1])
    yield np.array([1000.0, -1000.0, 0.4]), np.array([1, 1, 0])


@bce_with_logits.check("its gradient, by backward", call=gradient)
def bce_gradient(rng):
    yield rng.normal(size=4), np.array([1, 0, 0, 1])


@bce_with_logits.check(
    "its gradient at a logit of 0",
    call=gradient,
    hint="a comparison chooses one side's slope; np.maximum(x, 0) has 1/2 at 0, np.abs(x) has 0",
)
def bce_gradient_at_0(rng):
    yield np.array([0.0, 0.0, 1.3]), np.array([1, 0, 1])


@bce_with_logits.check(
    "its gradient at logits of 1000 and -1000",
    call=gradient,
    hint="in the branch that np.where does not take, exp overflows, and 0 * inf is nan: "
    "let exp see -|x| only",
)
def bce_gradient_far_out(rng):
    yield np.array([1000.0, -1000.0, 0.4]), np.array([0, 0, 1])
    yield np.array([1000.0, -1000.0, 0.4]), np.array([1, 1, 0])


@bce_with_logits.mistake("the two targets are exchanged: -log p is what a target of 1 costs")
def targets_exchanged(input, target):
    return losses.binary_cross_entropy_with_logits(input, 1 - target)


@bce_with_logits.mistake("-(1 - t) log(1 - p) is missing: targets of 0 cost something too")
def ones_only(input, target):
    return np.mean(target * np.logaddexp(0, -input))


@exercise(lesson=10, points=3, gradient_of="logits")
def cross_entropy_gradient(logits, labels):
    """The gradient of the mean cross-entropy with respect to the logits, by hand.

    logits has shape (N, C), a row for each example, with numbers of any size; labels has shape (N,)
    and holds the number of the true class of each, from 0 to C - 1. With p = softmax of a row,
    an example costs -log p[label], and the loss is the mean over the examples. The result has the
    shape (N, C).
    """
    x = Tensor(logits, requires_grad=True)
    return grad(losses.cross_entropy(x, labels), x)[0]


@cross_entropy_gradient.check("a few examples")
def a_few_examples(rng):
    yield rng.normal(size=(4, 3)), np.array([2, 0, 2, 1])
    yield rng.normal(size=(1, 4)), np.array([1])


@cross_entropy_gradient.check(
    "logits of 1000 and -1000", hint="subtract the largest logit of each row before exp"
)
def extreme_rows(rng):
    yield np.array([[1000.0, -1000.0, 999.0], [-1000.0, 1000.0, 0.0]]), np.array([2, 0])
    yield np.array([[1000.0, 1001.0], [-1000.0, -1000.5], [0.3, -0.2]]), np.array([0, 1, 1])


def softmax(x, axis=-1, largest_along=-1):
    e = np.exp(x - x.max(axis=largest_along, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(logits, labels):
    return labels[:, None] == np.arange(logits.shape[1])


@cross_entropy_gradient.mistake("softmax runs over the examples: it sums over the classes, axis 1")
def softmax_of_columns(logits, labels):
    return (softmax(logits, 0, 0) - one_hot(logits, labels)) / len(logits)


@cross_entropy_gradient.mistake("1 is to be subtracted from p at the label of each row")
def probabilities_alone(logits, labels):
    return softmax(logits) / len(logits)


@cross_entropy_gradient.mistake("a label is the number of a class: subtract 1 there, not the label")
def labels_subtracted(logits, labels):
    return (softmax(logits) - labels[:, None]) / len(logits)


@cross_entropy_gradient.mistake(
    "p[:, labels] means these columns of every row: use p[np.arange(N), labels]"
)
def columns_of_every_row(logits, labels):
    p = softmax(logits)
    p[:, labels] -= 1
    return p / len(logits)


@cross_entropy_gradient.mistake("labels count from 0 already: 1 is subtracted one class too early")
def labels_from_1(logits, labels):
    return (softmax(logits) - one_hot(logits, (labels - 1) % logits.shape[1])) / len(logits)


@cross_entropy_gradient.mistake("this is the gradient by p: go on through the softmax, to p - 1")
def by_the_probabilities(logits, labels):
    return -one_hot(logits, labels) / softmax(logits) / len(logits)


@cross_entropy_gradient.mistake("one largest logit serves for all rows: each row has its own")
def one_for_all(logits, labels):
    return (softmax(logits, largest_along=None) - one_hot(logits, labels)) / len(logits)


@exercise(lesson=11, points=1)
def f1_score(predicted, actual):
    """The F1 score of predicted labels, 1 for the rare class and 0 for the other: one number.

    predicted and actual are arrays of equal shape (N,). Precision is the share of the predicted 1s
    that are right, recall the share of the actual 1s that are found, and F1 their harmonic mean.
    Where no 1 is found, F1 is 0, even if there is none, or none predicted.
    """
    return metrics.f1_score(predicted, actual)


@f1_score.check("hits, misses and false alarms")
def hits_and_misses(rng):
    yield np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.array([1, 1, 1, 0, 1, 1, 0, 0])
    yield np.array([0, 1, 1, 1, 0, 1]), np.array([0, 1, 0, 0, 0, 1])


@f1_score.check(
    "no 1 is found",
    hint="0 / 0 is nan: count instead, 2 TP / (2 TP + FP + FN), and see to the case of no 1 at all",
)
def none_found(rng):
    yield np.array([0, 0, 0]), np.array([0, 1, 1])
    yield np.array([1, 0, 0]), np.array([0, 0, 0])
    yield np.array([1, 0, 0]), np.array([0, 1, 0])
    yield np.array([0, 0, 0]), np.array([0, 0, 0])


@f1_score.mistake("where there is no 1 at all F1 is 0 here, not 1")
def perfect_without_ones(predicted, actual):
    return metrics.f1_score(predicted, actual, zero_division=1.0)


@f1_score.mistake("this is the accuracy, which the common class decides")
def accuracy(predicted, actual):
    return metrics.accuracy(predicted, actual)


@f1_score.mistake("this is the precision alone: a missed 1 must count too")
def precision(predicted, actual):
    return metrics.precision(predicted, actual)


@f1_score.mistake("this is the recall alone: a false alarm must count too")
def recall(predicted, actual):
    return metrics.recall(predicted, actual)


@f1_score.mistake(
    "the arithmetic mean of precision and recall: the harmonic one is 2 P R / (P + R)"
)
def arithmetic_mean(predicted, actual):
    return (metrics.precision(predicted, actual) + metrics.recall(predicted, actual)) / 2


@f1_score.mistake("hits count twice, among the predicted and among the actual 1s: 2 TP")
def overlap(predicted, actual):
    return metrics.iou(predicted, actual)


@exercise(lesson=11, points=3)
def focal_loss(input, target, gamma):
    """The mean focal loss of logits, without alpha: one number.

    input holds logits x, of any size; target has the same shape and holds 0 or 1. With q the
    probability given to the truth, sigmoid(x) for target 1 and 1 - sigmoid(x) for target 0, an
    element costs -(1 - q)^gamma log q.  gamma is a number from 0 up; with 0 this is binary
    cross-entropy. Write it with NumPy's functions, so that it takes Tensors too.

    Value and gradient must hold for logits of 1000 and -1000.
    """
    return losses.sigmoid_focal_loss(input, target, alpha=None, gamma=gamma)


MODULATED = (
    "do not go through q, which rounds to 0 and 1: with s = x for target 1 and -x for 0, -log q is "
    "log(1 + exp(-s)), and 1 - q is exp(-log(1 + exp(s)))"
)


@focal_loss.check("logits of both signs", hint="1 - q is the probability given to the other answer")
def focal_of_both_signs(rng):
    yield np.array([0.5, -1.2, 2.0]), np.array([1, 0, 0]), 2.0
    yield rng.normal(size=(2, 3)), np.array([[1, 0, 1], [0, 0, 1]]), 0.5
    yield np.array([0.5, -1.2, 2.0]), np.array([1, 0, 0]), 0.0


@focal_loss.check("logits of 1000 and -1000", hint=MODULATED)
def focal_of_extremes(rng):
    yield np.array([1000.0, -1000.0, 0.4]), np.array([0, 0, 1]), 2.0
    yield np.array([1000.0, -1000.0, 0.4]), np.array([1, 1, 0]), 0.5


@focal_loss.check("its gradient, by backward", call=gradient)
def focal_gradient(rng):
    yield rng.normal(size=4), np.array([1, 0, 0, 1]), 2.0


@focal_loss.check("its gradient at logits of 1000 and -1000", call=gradient, hint=MODULATED)
def focal_gradient_far_out(rng):
    for gamma in (2.0, 0.5, 0.0):
        yield np.array([1000.0, -1000.0, 0.4]), np.array([0, 0, 1]), gamma
        yield np.array([1000.0, -1000.0, 0.4]), np.array([1, 1, 0]), gamma


def focal_of(input, target, weight):
    """Focal loss with a weight of another kind: a function of sigmoid(x) and of q."""
    p = 1 / (1 + np.exp(-input))
    q = np.where(target == 1, p, 1 - p)
    return np.mean(-weight(p, q) * np.log(q))


@focal_loss.mistake("the weight is q^gamma: it must turn down what is right already, (1 - q)^gamma")
def turned_up(input, target, gamma):
    return focal_of(input, target, lambda p, q: q**gamma)


@focal_loss.mistake("the weight is (1 - p)^gamma for both targets: for a target of 0 it is p^gamma")
def one_weight_for_both(input, target, gamma):
    return focal_of(input, target, lambda p, q: (1 - p) ** gamma)


@focal_loss.mistake("gamma is an exponent: (1 - q)^gamma, not gamma (1 - q)")
def gamma_times(input, target, gamma):
    return focal_of(input, target, lambda p, q: gamma * (1 - q))


@focal_loss.mistake("it weighs the classes with alpha = 0.25, which this loss leaves out")
def weighed_classes(input, target, gamma):
    return losses.sigmoid_focal_loss(input, target, gamma=gamma)


@exercise(lesson=13, points=2)
def kl_divergence(p, q):
    """The Kullback-Leibler divergence KL(p || q) of two distributions, in nats: one number.

    p and q are arrays of shape (K,), probabilities that sum to 1. The divergence is the sum of
    p log(p / q) over the outcomes. Where p is 0 an outcome costs 0, whatever q is (0 log 0 = 0);
    where q is 0 and p is not, the divergence is np.inf.
    """
    return losses.kl_divergence(p, q)


@kl_divergence.check("all is possible")
def all_possible(rng):
    yield np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.3, 0.1])


@kl_divergence.check("outcomes that p rules out", hint="0 log 0 is nan: leave out where p is 0")
def ruled_out_by_p(rng):
    yield np.array([0.0, 0.4, 0.6]), np.array([0.2, 0.5, 0.3])
    yield np.array([0.3, 0.0, 0.7]), np.array([0.8, 0.0, 0.2])


@kl_divergence.check(
    "an outcome that q alone rules out",
    hint="the divergence is infinite here: take q as it is, and leave out only where p is 0",
)
def ruled_out_by_q(rng):
    yield np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.6, 0.0])


@kl_divergence.mistake("the other way round: this is KL(q || p)")
def exchanged(p, q):
    return losses.kl_divergence(q, p)


@kl_divergence.mistake("this is the cross-entropy of p and q: the entropy of p is part of it")
def cross_entropy(p, q):
    return -np.sum(p * np.log(q))


@kl_divergence.mistake("these are bits, from log2: nats are asked for")
def in_bits(p, q):
    return losses.kl_divergence(p, q) / np.log(2)
