"""Sheet 1. The machine, lessons 1 to 5

The parts of a machine that learns, by hand: the slopes of a loss, two rules of backpropagation and
what broadcasting asks of them, the walk through a graph, the differences that check a gradient, an
exponential that does not overflow, and all gradients of a network.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py
"""

import numpy as np


def mse_slopes(x, y, a, b):
    """The slopes of the mean squared error of the line a x + b: for a, and for b, in this order.

    x and y are arrays of shape (N,), a and b are numbers. The error is the mean of
    (a x + b - y)^2. Return two numbers.

    Lesson 1. 1 point.
    """
    ...


def tanh_rule(g, y, x):
    """The rule of y = tanh(x): from the gradient g with respect to y to the one with respect to x.

    g, y and x are arrays of one shape, and so is the result.  dy/dx = 1 - tanh(x)^2.

    Lesson 2. 1 point.
    """
    ...


def matmul_rule(g, a, b):
    """The rule of the matrix product y = a @ b: the gradient for a, and that for b, in this order.

    a has shape (n, k), b has (k, m), and g, the gradient with respect to y, has (n, m). Each
    result has the shape of what it belongs to.

    Lesson 2. 2 points.
    """
    ...


def sum_to_shape(g, shape):
    """Undo broadcasting: sum the gradient g back to the shape of an input.

    NumPy stretched an input of this shape to g.shape: it put new axes in front, and repeated what
    was 1 long. Each element of the input gets the sum of the gradients of its copies.  shape is a
    tuple, () for a single number; the result is an array of that shape (or a number, for ()).

    Lesson 2. 2 points.
    """
    ...


def backward_walk(parents, root):
    """Walk back through a graph: the derivative of root with respect to each node it is made of.

    parents is a dict with a key for every node, a string.  parents["c"] lists what c was made of:
    [["a", 2.0], ["b", -1.0]] says dc/da = 2 and dc/db = -1; a node made of nothing has []. The
    pairs of one parent that is listed twice add up, as for a * a. The keys are in any order.

    Return a dict: node -> d root / d node, for root (1.0) and all that it was made of, directly or
    not; leave out the others. Graphs may be deep, 20,000 nodes in a chain, and may have more paths
    than you can follow one by one: the work must grow with the number of pairs only.

    Lesson 2. 4 points.
    """
    ...


def central_difference(f, x, step):
    """The slope of f along each element of x, by central differences: an array of x's shape.

    f takes an array of x's shape and returns a number. For each element alone: its value a little
    to the right minus its value a little to the left, divided by their distance, where a little is
    `step`.  x is an array of floats of any shape, also (); leave it as it is.

    Lesson 3. 2 points.
    """
    ...


def log_sum_exp(x):
    """log(sum(exp(x))) along the last axis, of numbers of any size: shape (..., n) to (...).

    The result is right to its last digits where exp(x) would overflow, or vanish.  x may hold -inf,
    whose exponential is 0; where all are -inf, the result is -inf.

    Lesson 4. 2 points.
    """
    ...


def network_gradients(X, labels, W1, b1, W2, b2):
    """The gradients of a network's loss for W1, b1, W2 and b2, in this order, without backward.

    X has shape (N, D), W1 (D, H), b1 (H,), W2 (H, C), b2 (C,); labels has shape (N,) and holds the
    number of the true class of each row of X, from 0 to C - 1. The network computes

        A = X W1 + b1,  hidden = max(0, A),  scores = hidden W2 + b2,  p = softmax of each row

    and its loss is the mean over the rows of -log p[label]. The gradient for the scores is
    (p - 1 at the label) / N; a hidden unit passes its gradient on where A > 0. Each result has the
    shape of what it belongs to.

    Lesson 5. 4 points.
    """
    ...
