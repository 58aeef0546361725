"""Sheet 5. Structure, lessons 21 to 25

Distances instead of answers: which triplets teach, and what they cost; pairs that know each other;
a transcript without timing; and a mask that may be empty.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py

A Tensor is an array that remembers how it was computed, so that backward can follow. Operators and
NumPy's functions take it as it is; float(), np.array(), `if` and assignment to elements do not.
"""

import numpy as np


def semi_hard_triplets(embeddings, labels, margin):
    """The triplets whose negative is farther than the positive, but by no more than the margin.

    embeddings of shape (N, D) are points, labels of shape (N,) their classes. In a triplet (a, p,
    n) of indices, p is another point of a's class, and n a point of another class. Return those
    with 0 < |a - n| - |a - p| <= margin, for Euclidean distances, as an array of integers of shape
    (K, 3), ordered by a, then p, then n (as np.argwhere does); of shape (0, 3) if there are none.

    Lesson 21. 2 points.
    """
    ...


def triplet_margin_loss(anchor, positive, negative, margin):
    """The mean triplet loss of three arrays of shape (N, D): one number.

    A triplet costs max(0, |anchor - positive| - |anchor - negative| + margin), for Euclidean
    distances over the D coordinates. Use NumPy's functions, so that it takes Tensors too.

    Lesson 21. 1 point.
    """
    ...


def info_nce_loss(query, positive, temperature):
    """InfoNCE: each query should recognise its own positive among all, by cosine similarity.

    query and positive are of shape (N, D); row i of one belongs to row i of the other. The score
    s[i, j] of query i for row j is their cosine similarity over the temperature. Return the mean
    over i of log(sum over j of exp(s[i, j])) - s[i, i], which must not overflow where the
    temperature is low. Use NumPy's functions, so that it takes Tensors too.

    Lesson 22. 2 points.
    """
    ...


def ctc_loss(log_probs, target):
    """CTC of one sequence: -log of the probability that its frames spell the target.

    log_probs of shape (T, C) holds the log-probabilities of C classes at each of T frames; class 0
    is the blank.  target is a list of at least one label from 1 to C - 1. A path, one class for
    each frame, spells what is left when repeats are merged and then blanks removed; its
    log-probability is the sum over the frames. Sum over all paths that spell the target by the
    forward recursion, in logarithms (np.logaddexp), over the states blank, label, blank, label,
    ..., blank: a state is reached from itself, from the one before, and, skipping a blank, from the
    one before that, unless its label would repeat. Infinite when there is no such path.

    Lesson 24. 4 points.
    """
    ...


def dice_loss(input, target, eps):
    """The Dice loss of a mask of probabilities against a mask of 0 and 1: one number.

    1 - (2 I + eps) / (P + T + eps), with I the sum of input * target, P that of input, T that of
    target, all over the whole arrays, which have one shape.  eps makes it 0, not nan, where both
    masks are empty. Use NumPy's functions, so that it takes Tensors too.

    Lesson 25. 2 points.
    """
    ...
