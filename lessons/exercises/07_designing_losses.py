"""Sheet 7. Designing losses, lessons 31 to 36

A lopsided loss written from its description, losses joined with weights that are learned, a
gradient through a training step, what holds an old task in mind, an average of models, and
gradients that are cut to length.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py

A Tensor is an array that remembers how it was computed, so that backward can follow. Operators and
NumPy's functions take it as it is; float(), np.array(), `if` and assignment to elements do not.
"""

import numpy as np

from microloss import Tensor, grad


def linex_loss(input, target, a):
    """The mean LINEX loss of two arrays of equal shape: one number.

    An error e = target - input costs exp(a e) - a e - 1: it grows like an exponential on one side
    and like a line on the other, and costs nothing at e = 0. For a > 0 the dear side is that of
    predictions that are too low, for a < 0 that of those that are too high. Use NumPy's functions,
    so that it takes Tensors too.

    Lesson 31. 1 point.
    """
    ...


def uncertainty_weighted_loss(losses, log_vars):
    """Kendall's loss of several tasks, each weighed by a noise that is learned with it: one number.

    losses and log_vars are of shape (T,): the tasks' losses L, and the logarithms s of the
    variances of their noise. A task costs (exp(-s) L + s) / 2, and the tasks' costs are summed.
    Use NumPy's functions, so that it takes Tensors too: backward must reach both.

    Lesson 32. 1 point.
    """
    ...


def meta_gradient(train_loss, validation_loss, theta, alpha, lr):
    """The gradient of the loss after a training step, with respect to a parameter of that loss.

    theta and alpha are arrays of shapes (D,) and (K,).  train_loss(theta, alpha) and
    validation_loss(theta) take Tensors and return a Tensor with one number. The step is
    theta' = theta - lr d train_loss / d theta. Return d validation_loss(theta') / d alpha, an
    array of shape (K,): alpha acts through the step alone.  grad(y, x) needs
    x = Tensor(..., requires_grad=True), and returns a tuple.

    Lesson 33. 3 points.
    """
    ...


def ewc_penalty(params, anchor, gradients, strength):
    """Elastic weight consolidation: what it costs to leave the parameters of an old task.

    params and anchor are of shape (D,): the parameters now, and those after the old task.
    gradients of shape (N, D) holds the gradient of the old task's log-likelihood for each of N
    examples. The Fisher information F of a parameter is the mean over the examples of the square
    of its gradient. Return strength / 2 times the sum of F (params - anchor)^2.

    Lesson 34. 2 points.
    """
    ...


def federated_average(params, sizes):
    """FedAvg's server: the mean of the clients' parameters, weighed by how much data each has.

    params of shape (K, D) holds the D parameters of each of K clients, sizes of shape (K,) their
    numbers of examples. Return an array of shape (D,).

    Lesson 34. 1 point.
    """
    ...


def clip_by_norm(gradients, max_norm):
    """Scale all gradients by one factor, so that their common norm is at most max_norm.

    gradients is a list of arrays of any shapes. Their common norm is the root of the sum of all
    their squares, the factor max_norm / (norm + 1e-6) where that is below 1, and 1 otherwise.
    Return a list of arrays; those that were given stay as they are.

    Lesson 35. 2 points.
    """
    ...


def multiply_adds(sizes, batch):
    """How many multiply-adds the matrix products of one training step take: a whole number.

    `sizes` are the widths of a network of linear layers, from the input to the output, such as
    (64, 32, 10); a batch of `batch` examples goes forward once, and back once. Forward, a layer
    multiplies its input by its weights. Backward there is a product for the gradient of the
    weights and one for the gradient of the input, except that nobody needs the gradient of the
    network's own input. Biases and activations do not count.

    Lesson 36. 1 point.
    """
    ...
