"""Sheet 2. Regression, lessons 6 to 9

A loss for numbers that distrusts large errors, its gradient by hand, and a loss whose minimum is a
quantile instead of the mean.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py

A Tensor is an array that remembers how it was computed, so that backward can follow. Operators and
NumPy's functions take it as it is; float(), np.array(), `if` and assignment to elements do not.
"""

import numpy as np


def huber_loss(input, target, delta):
    """The mean Huber loss of two arrays of equal shape: one number.

    With e = input - target, an element costs e^2 / 2 where |e| <= delta, and
    delta (|e| - delta / 2) beyond. Write it with NumPy's functions, so that it takes Tensors too.

    Lesson 6. 2 points.
    """
    ...


def huber_gradient(input, target, delta):
    """The gradient of the mean Huber loss with respect to input, by hand, without backward.

    The loss is the mean of e^2 / 2 where |e| <= delta, and of delta (|e| - delta / 2) beyond, for
    e = input - target. Return an array of input's shape.

    Lesson 6. 1 point.
    """
    ...


def laplace_nll(input, target, scale):
    """The mean negative log-likelihood of targets under Laplace noise: one number.

    Around the prediction, input, the noise has the density exp(-|e| / scale) / (2 scale), for
    e = target - input. input and target have equal shapes, scale is a positive number.

    Lesson 7. 1 point.
    """
    ...


def quantile_loss(input, target, quantile):
    """The mean quantile loss of two arrays of equal shape: one number.

    An error e = target - input costs quantile * e where it is positive, and (quantile - 1) * e
    where it is negative.

    Lesson 8. 2 points.
    """
    ...


def gaussian_slopes(mean, log_variance, target):
    """The slopes of the Gaussian NLL: along the mean, and along the log of the variance.

    For one target y, with s the log of the variance, the loss is (y - mean)^2 / (2 exp(s)) + s / 2.
    The arguments are arrays of equal shape; return two arrays of that shape, by hand, without
    backward. Nothing is averaged: each element has its own loss.

    Lesson 9. 2 points.
    """
    ...
