"""Sheet 3. Classification, lessons 10 to 13

Cross-entropy for two classes and for many, from logits of any size; a measure and a loss for a
class that is rare; and how far one distribution is from another.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py

A Tensor is an array that remembers how it was computed, so that backward can follow. Operators and
NumPy's functions take it as it is; float(), np.array(), `if` and assignment to elements do not.
"""

import numpy as np


def bce_with_logits(input, target):
    """The mean binary cross-entropy of logits: one number.

    input holds logits x, of any size; target has the same shape and holds t from 0 to 1. With
    p = sigmoid(x), an element costs -t log p - (1 - t) log(1 - p). Write it with NumPy's
    functions, so that it takes Tensors too.

    Value and gradient must hold for logits of 1000 and -1000, which cost 1000 where they are wrong,
    and for a logit of 0, where the loss has no kink: its derivative is p - t everywhere.

    Lesson 10. 3 points.
    """
    ...


def cross_entropy_gradient(logits, labels):
    """The gradient of the mean cross-entropy with respect to the logits, by hand.

    logits has shape (N, C), a row for each example, with numbers of any size; labels has shape (N,)
    and holds the number of the true class of each, from 0 to C - 1. With p = softmax of a row,
    an example costs -log p[label], and the loss is the mean over the examples. The result has the
    shape (N, C).

    Lesson 10. 3 points.
    """
    ...


def f1_score(predicted, actual):
    """The F1 score of predicted labels, 1 for the rare class and 0 for the other: one number.

    predicted and actual are arrays of equal shape (N,). Precision is the share of the predicted 1s
    that are right, recall the share of the actual 1s that are found, and F1 their harmonic mean.
    Where no 1 is found, F1 is 0, even if there is none, or none predicted.

    Lesson 11. 1 point.
    """
    ...


def focal_loss(input, target, gamma):
    """The mean focal loss of logits, without alpha: one number.

    input holds logits x, of any size; target has the same shape and holds 0 or 1. With q the
    probability given to the truth, sigmoid(x) for target 1 and 1 - sigmoid(x) for target 0, an
    element costs -(1 - q)^gamma log q.  gamma is a number from 0 up; with 0 this is binary
    cross-entropy. Write it with NumPy's functions, so that it takes Tensors too.

    Value and gradient must hold for logits of 1000 and -1000.

    Lesson 11. 3 points.
    """
    ...


def kl_divergence(p, q):
    """The Kullback-Leibler divergence KL(p || q) of two distributions, in nats: one number.

    p and q are arrays of shape (K,), probabilities that sum to 1. The divergence is the sum of
    p log(p / q) over the outcomes. Where p is 0 an outcome costs 0, whatever q is (0 log 0 = 0);
    where q is 0 and p is not, the divergence is np.inf.

    Lesson 13. 2 points.
    """
    ...
