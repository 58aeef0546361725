"""Sheet 6. Generating and aligning, lessons 26 to 30

What a variational autoencoder pays for its code, a gradient inside a loss, pictures compared at
several scales, what a language model is undecided between, and preferences without a reward model.

Write the body of each function in place of `...`; keep the names and the arguments, and import
nothing but this and the standard library. (A power, x^2 in a text, is x**2.) Then see what is
right, and why the rest is not:

    python -m lessons check PATH/OF/THIS_FILE.py

A Tensor is an array that remembers how it was computed, so that backward can follow. Operators and
NumPy's functions take it as it is; float(), np.array(), `if` and assignment to elements do not.
"""

import numpy as np

from microloss import Tensor, grad


def gaussian_kl(mu, logvar):
    """The mean over samples of the KL divergence from N(mu, exp(logvar)) to N(0, 1).

    mu and logvar are of shape (N, D): N samples, D numbers of the code, independent of each other.
    One number of the code costs (mu^2 + exp(logvar) - 1 - logvar) / 2; a sample costs the sum over
    its D numbers. Return the mean over the samples. Use NumPy's functions, so that it takes
    Tensors too.

    Lesson 26. 1 point.
    """
    ...


def gradient_penalty(critic, real, fake, mix):
    """The gradient penalty of WGAN-GP: the mean of (|slope| - 1)^2 over points between samples.

    real and fake are arrays of shape (N, D), mix of shape (N,). Point n is
    mix[n] real[n] + (1 - mix[n]) fake[n].  critic takes a Tensor of N points and returns a Tensor
    of N scores, each of its own point alone; the slope of a point is the gradient of its score with
    respect to the point, and |slope| is the root of the sum of its D squares.  grad(y, x) needs
    x = Tensor(..., requires_grad=True), and returns a tuple. Return a Tensor from which backward
    reaches the parameters of the critic: grad(..., create_graph=True).

    Lesson 27. 3 points.
    """
    ...


def pyramid_loss(x, y, levels):
    """The squared error of two stacks of pictures at several scales, summed over the levels.

    x and y are of shape (N, H, W). Level 0 is the pictures themselves. Each further level has half
    the height and half the width: a pixel of it is the mean of a block of 2 x 2 pixels of the level
    before. A level costs the mean of the squared differences of all its pixels. Return the sum over
    `levels` levels, 1 or more; H and W can be halved as often as needed. Use reshape, sums and
    means, so that it takes Tensors too.

    Lesson 28. 2 points.
    """
    ...


def perplexity(logits, target):
    """How many equally likely characters a language model is undecided between.

    logits of shape (T, C) hold a score of any size for each of C characters at each of T places,
    before the softmax; target of shape (T,) holds the index of the character that came. Return exp
    of the mean of -log p(target), for p = softmax(logits).

    Lesson 29. 2 points.
    """
    ...


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    """The loss of direct preference optimisation, averaged over pairs of answers: one number.

    The four arrays of shape (N,) hold log-probabilities of the preferred and of the rejected
    answer, under the policy and under the reference. A pair costs -log sigmoid(h), where h is beta
    times how much more the policy's log-probability has risen above the reference's for the
    preferred answer than for the rejected one. Use NumPy's functions, so that it takes Tensors
    too; np.logaddexp(0, x) is log(1 + exp(x)) without overflow.

    Lesson 30. 2 points.
    """
    ...
