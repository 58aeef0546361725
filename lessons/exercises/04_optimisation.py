"""Sheet 4. Optimisation, lessons 14 to 20

Momentum and Adam by hand, a learning rate that rises and falls, the kinds of critical points, exact
zeros, when to stop, and what a pair of loss curves says.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py
"""

import numpy as np


def momentum_step(theta, velocity, g, lr, momentum):
    """One step of gradient descent with momentum: the new theta and the new velocity.

    theta, velocity and the gradient g are arrays of one shape. As PyTorch has it, the new velocity
    is momentum * velocity + g, and theta moves by -lr times the new velocity.

    Return (theta, velocity), both new: the arrays that come in stay as they are.

    Lesson 14. 1 point.
    """
    ...


def adam_step(theta, m, v, g, t, lr, beta1, beta2, eps):
    """Step number t of Adam, t = 1, 2, ...: the new theta, m and v.

    theta, m, v and the gradient g are arrays of one shape.  m and v are running averages, of g and
    of g^2: the old one gets the weight beta1 (of v: beta2), what is new gets the rest. They begin
    at 0 and so are too small at first: to correct them, the step divides m by 1 - beta1^t and v by
    1 - beta2^t. It moves theta by -lr m / (sqrt(v) + eps), m and v corrected.

    Return (theta, m, v), all new: the arrays that come in stay as they are.  m and v are returned
    without the correction.

    Lesson 14. 3 points.
    """
    ...


def warmup_cosine(t, peak, warmup, total):
    """The learning rate of step t, for t = 0, 1, ..., total: a warm-up, then a cosine.

    It rises in a straight line from 0 at t = 0 to peak at t = warmup. From there it falls to 0 at
    t = total: it is peak times (1 + cos(pi share)) / 2, where share goes evenly from 0 at
    t = warmup to 1 at t = total.

    warmup is a whole number below total, and may be 0: then it begins at the peak.

    Lesson 15. 2 points.
    """
    ...


def critical_point(hessian):
    """What kind of point it is where the gradient is 0, by the Hessian there: (kind, index).

    hessian is a symmetric matrix. An eigenvalue counts as 0 if its absolute value is at most 1e-6
    times the largest absolute value among them.  kind is

    "saddle" if there are positive and negative ones, whether or not others are 0;
    otherwise "degenerate" if one or more are 0;
    otherwise "minimum" or "maximum".

    index is the share of the eigenvalues that are negative, from 0.0 to 1.0.

    Lesson 16. 2 points.
    """
    ...


def proximal_l1(theta, lr, strength):
    """The proximal step of the penalty strength * sum(|theta|), after a gradient step of size lr.

    Each element moves towards 0 by lr * strength, and stops there: those that are no larger than
    that become exactly 0. It is called soft thresholding.

    theta is an array of any shape; return a new one of the same shape.

    Lesson 19. 1 point.
    """
    ...


def early_stopping(val, patience):
    """Which epoch's parameters to keep, and when to stop: the pair (best, last) of epochs.

    val holds the validation loss after each epoch of a training that nobody stopped; epochs count
    from 0. An epoch is an improvement if its loss is strictly below the lowest so far: epoch 0
    always is, and nan never. Training stops after the epoch that is number `patience` in a row
    without an improvement. `last` is that epoch, or the last of the curve if training never stops.
    `best` is the latest improvement up to `last`: nobody has seen what comes after.

    patience is 1 or more; val[0] is a number, not nan.

    Lesson 19. 3 points.
    """
    ...


def diagnose_curve(train, val):
    """What a training and a validation loss show, arrays of one loss per epoch: one of five names.

    With fall = train[0] - min(train), the first of these that holds:

    "diverged": a loss in one of the curves is nan or inf, or train ends above where it begins;
    "oscillating": train turns (from falling to rising or back) at more than half of the epochs
        between the first and the last, and its largest rise from one epoch to the next is more
        than fall / 10;
    "overfitting": val ends more than fall / 10 above its own lowest;
    "underfitting": train ends above half of where it begins;
    "healthy": none of these.

    microloss.diagnosis knows more names, and looks through noise.

    Lesson 20. 3 points.
    """
    ...
