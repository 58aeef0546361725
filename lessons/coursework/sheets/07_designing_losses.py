"""Sheet 7. Designing losses, lessons 31 to 36

A lopsided loss written from its description, losses joined with weights that are learned, a
gradient through a training step, what holds an old task in mind, an average of models, and
gradients that are cut to length.
"""

from itertools import pairwise

import numpy as np

from lessons.coursework import exercise, gradient
from microloss import Tensor, grad
from microloss import losses as library
from microloss.optim import clip_grad_norm_

GIVEN = "import numpy as np\n\nfrom microloss import Tensor, grad\n"


# ---- linex_loss ----------------------------------------------------------------------------------


@exercise(lesson=31, points=1)
def linex_loss(input, target, a):
    """The mean LINEX loss of two arrays of equal shape: one number.

    An error e = target - input costs exp(a e) - a e - 1: it grows like an exponential on one side
    and like a line on the other, and costs nothing at e = 0. For a > 0 the dear side is that of
    predictions that are too low, for a < 0 that of those that are too high. Use NumPy's functions,
    so that it takes Tensors too.
    """
    e = target - input
    return np.mean(np.exp(a * e) - a * e - 1)


def two_sides(rng):
    """Predictions that are too low, and predictions that are too high."""
    return rng.normal(size=(2, 3)).round(2), rng.normal(size=(2, 3)).round(2)


@linex_loss.check("predictions too low and too high")
def low_and_high(rng):
    yield np.array([1.0, -0.5, 3.0]), np.array([2.0, -1.5, 2.5]), 0.8
    yield *two_sides(rng), 1.5


@linex_loss.check("a below 0: too high is dear")
def high_is_dear(rng):
    yield *two_sides(rng), -0.6


@linex_loss.check("no error", hint="an error of 0 costs nothing")
def no_error(rng):
    x = rng.normal(size=4).round(2)
    yield x, x.copy(), 1.2


@linex_loss.check("its gradient, by backward", call=gradient)
def gradient_of_linex(rng):
    yield *two_sides(rng), 1.5


@linex_loss.mistake("the sides are exchanged: e = target - input")
def exchanged(input, target, a):
    e = input - target
    return np.mean(np.exp(a * e) - a * e - 1)


@linex_loss.mistake("- 1 is missing: an error of 0 must cost nothing")
def costs_at_the_bottom(input, target, a):
    e = target - input
    return np.mean(np.exp(a * e) - a * e)


@linex_loss.mistake("- a e is missing: without it there is no bottom, and too high is a gain")
def without_bottom(input, target, a):
    return np.mean(np.exp(a * (target - input)) - 1)


@linex_loss.mistake("a is missing in the line: with - e the bottom is not at e = 0")
def bottom_elsewhere(input, target, a):
    e = target - input
    return np.mean(np.exp(a * e) - e - 1)


@linex_loss.mistake("a belongs to the error, in the exponent too: it is not a factor of the loss")
def a_in_front(input, target, a):
    e = target - input
    return np.mean(a * (np.exp(e) - e - 1))


@linex_loss.mistake("the absolute value makes both sides alike: e has a sign")
def both_sides_alike(input, target, a):
    e = np.abs(target - input)
    return np.mean(np.exp(a * e) - a * e - 1)


# ---- uncertainty_weighted_loss -------------------------------------------------------------------


@exercise(lesson=32, points=1)
def uncertainty_weighted_loss(losses, log_vars):
    """Kendall's loss of several tasks, each weighed by a noise that is learned with it: one number.

    losses and log_vars are of shape (T,): the tasks' losses L, and the logarithms s of the
    variances of their noise. A task costs (exp(-s) L + s) / 2, and the tasks' costs are summed.
    Use NumPy's functions, so that it takes Tensors too: backward must reach both.
    """
    return library.uncertainty_weighted_loss(losses, log_vars)


@uncertainty_weighted_loss.check("three tasks")
def tasks(rng):
    yield rng.uniform(1, 5, size=3).round(2), rng.normal(size=3).round(2)


@uncertainty_weighted_loss.check("its gradient, by backward", call=gradient)
def slopes_of_tasks(rng):
    yield rng.uniform(1, 5, size=3).round(2), rng.normal(size=3).round(2)


@uncertainty_weighted_loss.mistake("+ s / 2 is missing: without it the weights sink to 0")
def no_price_for_noise(losses, log_vars):
    return np.sum(np.exp(-log_vars) * losses) / 2


@uncertainty_weighted_loss.mistake(
    "a large variance must make a task count less: exp(-s), not exp(s)"
)
def weights_upside_down(losses, log_vars):
    return np.sum(np.exp(log_vars) * losses + log_vars) / 2


@uncertainty_weighted_loss.mistake("s is the logarithm of the variance: the weight is exp(-s)")
def variance_itself(losses, log_vars):
    return np.sum(losses / log_vars + np.log(np.abs(log_vars))) / 2


# ---- meta_gradient -------------------------------------------------------------------------------


@exercise(lesson=33, points=3, gradient_of="alpha")
def meta_gradient(train_loss, validation_loss, theta, alpha, lr):
    """The gradient of the loss after a training step, with respect to a parameter of that loss.

    theta and alpha are arrays of shapes (D,) and (K,).  train_loss(theta, alpha) and
    validation_loss(theta) take Tensors and return a Tensor with one number. The step is
    theta' = theta - lr d train_loss / d theta. Return d validation_loss(theta') / d alpha, an
    array of shape (K,): alpha acts through the step alone.  grad(y, x) needs
    x = Tensor(..., requires_grad=True), and returns a tuple.
    """
    theta, alpha = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    (slope,) = grad(train_loss(theta, alpha), theta, create_graph=True)
    return grad(validation_loss(theta - lr * slope), alpha)[0]


def weighted_examples(f, x, target, theta, alpha, lr):
    """alpha: logarithms of the weights of the examples."""

    def train_loss(theta, alpha):
        return np.mean(np.exp(alpha) * (x @ theta - target) ** 2)

    def validation_loss(theta):
        return np.sum((theta - 1) ** 2)

    return f(train_loss, validation_loss, theta, alpha, lr)


def weight_decay(f, target, theta, alpha, lr):
    """alpha: the price of large parameters, one for each."""

    def train_loss(theta, alpha):
        return np.sum((theta - target) ** 4) + np.sum(alpha * theta**2)

    def validation_loss(theta):
        return np.mean(np.tanh(theta - target) ** 2)

    return f(train_loss, validation_loss, theta, alpha, lr)


@meta_gradient.check("weights of three examples", call=weighted_examples)
def examples(rng):
    x, target = rng.normal(size=(3, 2)).round(2), rng.normal(size=3).round(2)
    yield x, target, rng.normal(size=2).round(2), rng.normal(size=3).round(2), 0.1


@meta_gradient.check("prices of three parameters", call=weight_decay)
def prices(rng):
    yield (
        rng.normal(size=3).round(2),
        rng.normal(size=3).round(2),
        rng.uniform(size=3).round(2),
        0.05,
    )


@meta_gradient.mistake("the step goes uphill: theta minus lr times the slope")
def step_uphill(train_loss, validation_loss, theta, alpha, lr):
    return meta_gradient.reference(train_loss, validation_loss, theta, alpha, -lr)


@meta_gradient.mistake("lr is missing in the step")
def step_without_rate(train_loss, validation_loss, theta, alpha, lr):
    return meta_gradient.reference(train_loss, validation_loss, theta, alpha, 1.0)


@meta_gradient.mistake(
    "this is what train_loss gives without the step, which .grad does not record: see grad()"
)
def of_the_training_loss(train_loss, validation_loss, theta, alpha, lr):
    alpha = Tensor(alpha, requires_grad=True)
    return grad(train_loss(Tensor(theta), alpha), alpha)[0]


@meta_gradient.mistake("train_loss is asked again after the step, where validation_loss belongs")
def validated_on_training(train_loss, validation_loss, theta, alpha, lr):
    theta, alpha = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    (slope,) = grad(train_loss(theta, alpha), theta, create_graph=True)
    return grad(train_loss(theta - lr * slope, alpha), alpha)[0]


@meta_gradient.mistake("the slope of validation_loss is taken at theta, not after the step")
def validated_before_the_step(train_loss, validation_loss, theta, alpha, lr):
    theta, alpha = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    (slope,) = grad(train_loss(theta, alpha), theta, create_graph=True)
    (pull,) = grad(validation_loss(theta), theta)
    return grad(-lr * np.sum(slope * pull), alpha)[0]


# ---- ewc_penalty ---------------------------------------------------------------------------------


@exercise(lesson=34, points=2)
def ewc_penalty(params, anchor, gradients, strength):
    """Elastic weight consolidation: what it costs to leave the parameters of an old task.

    params and anchor are of shape (D,): the parameters now, and those after the old task.
    gradients of shape (N, D) holds the gradient of the old task's log-likelihood for each of N
    examples. The Fisher information F of a parameter is the mean over the examples of the square
    of its gradient. Return strength / 2 times the sum of F (params - anchor)^2.
    """
    fisher = np.mean(gradients**2, axis=0)
    return library.ewc_penalty(params, anchor, fisher, strength=strength)


@ewc_penalty.check("four examples, three parameters")
def old_task(rng):
    yield (
        rng.normal(size=3).round(2),
        rng.normal(size=3).round(2),
        rng.normal(size=(4, 3)).round(2),
        20.0,
    )


@ewc_penalty.check("nothing has moved")
def unmoved(rng):
    yield np.ones(2), np.ones(2), rng.normal(size=(3, 2)).round(2), 5.0


@ewc_penalty.mistake("the mean comes before the square: gradients of both signs cancel")
def square_of_the_mean(params, anchor, gradients, strength):
    fisher = np.mean(gradients, axis=0) ** 2
    return library.ewc_penalty(params, anchor, fisher, strength=strength)


@ewc_penalty.mistake("F is a sum over the examples here: take the mean")
def summed_information(params, anchor, gradients, strength):
    fisher = np.sum(gradients**2, axis=0)
    return library.ewc_penalty(params, anchor, fisher, strength=strength)


@ewc_penalty.mistake("F is missing: every parameter is held alike")
def held_alike(params, anchor, gradients, strength):
    return strength / 2 * np.sum((params - anchor) ** 2)


@ewc_penalty.mistake("F is the variance of the gradients: it is the mean of their squares")
def variance_of_gradients(params, anchor, gradients, strength):
    fisher = np.var(gradients, axis=0)
    return library.ewc_penalty(params, anchor, fisher, strength=strength)


@ewc_penalty.mistake("F is one number for all: each parameter has its own mean, over axis 0")
def one_for_all(params, anchor, gradients, strength):
    return strength / 2 * np.mean(gradients**2) * np.sum((params - anchor) ** 2)


@ewc_penalty.mistake("each gradient counts by its size, not by its square")
def absolute_gradients(params, anchor, gradients, strength):
    fisher = np.mean(np.abs(gradients), axis=0)
    return library.ewc_penalty(params, anchor, fisher, strength=strength)


# ---- federated_average ---------------------------------------------------------------------------


@exercise(lesson=34, points=1)
def federated_average(params, sizes):
    """FedAvg's server: the mean of the clients' parameters, weighed by how much data each has.

    params of shape (K, D) holds the D parameters of each of K clients, sizes of shape (K,) their
    numbers of examples. Return an array of shape (D,).
    """
    return np.average(params, axis=0, weights=sizes)


@federated_average.check("as many clients as parameters")
def square_of_clients(rng):
    yield rng.normal(size=(3, 3)).round(2), np.array([1, 7, 2])


@federated_average.check("three clients, two parameters")
def clients(rng):
    yield rng.normal(size=(3, 2)).round(2), np.array([10, 1, 4])


@federated_average.check("one client")
def alone(rng):
    yield rng.normal(size=(1, 3)).round(2), np.array([5])


@federated_average.mistake(
    "the sizes are left out: a client with little data counts like the others"
)
def plain_mean(params, sizes):
    return np.mean(params, axis=0)


@federated_average.mistake("the weights add up to the number of examples: divide by sizes.sum()")
def weighted_sum(params, sizes):
    return sizes @ params


@federated_average.mistake(
    "the weighted parameters are averaged once more: sum them over the clients"
)
def averaged_twice(params, sizes):
    return np.mean(params * sizes[:, None] / sizes.sum(), axis=0)


@federated_average.mistake(
    "sizes of shape (K,) are stretched along the parameters: write sizes[:, None]"
)
def along_the_parameters(params, sizes):
    return np.sum(params * sizes / sizes.sum(), axis=0)


# ---- clip_by_norm --------------------------------------------------------------------------------


@exercise(lesson=35, points=2)
def clip_by_norm(gradients, max_norm):
    """Scale all gradients by one factor, so that their common norm is at most max_norm.

    gradients is a list of arrays of any shapes. Their common norm is the root of the sum of all
    their squares, the factor max_norm / (norm + 1e-6) where that is below 1, and 1 otherwise.
    Return a list of arrays; those that were given stay as they are.
    """
    params = [Tensor(np.zeros(g.shape), requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients):
        p.grad = g
    clip_grad_norm_(params, max_norm)
    return [p.grad for p in params]


@clip_by_norm.check("two arrays, too long together")
def too_long(rng):
    yield [rng.normal(size=(2, 2)).round(2), (3 * rng.normal(size=2)).round(2)], 0.5


@clip_by_norm.check("each is short enough, together they are not")
def long_together(rng):
    yield [np.array([0.6, 0.0]), np.array([0.0, -0.7])], 0.8


@clip_by_norm.check("short enough: nothing changes")
def short(rng):
    yield [np.array([0.1, -0.2]), np.array([[0.3]])], 1.0


@clip_by_norm.mistake(
    "each array is cut by its own norm, which turns the direction: use one for all"
)
def each_by_itself(gradients, max_norm):
    return [g * min(1, max_norm / (np.linalg.norm(g) + 1e-6)) for g in gradients]


@clip_by_norm.mistake("short gradients are made longer: the factor is at most 1")
def always_scaled(gradients, max_norm):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * max_norm / (norm + 1e-6) for g in gradients]


@clip_by_norm.mistake("the elements are cut one by one, which turns the direction: scale them all")
def by_value(gradients, max_norm):
    return [np.clip(g, -max_norm, max_norm) for g in gradients]


@clip_by_norm.mistake("the root is missing: the norm is the root of the sum of squares")
def no_root(gradients, max_norm):
    norm = sum(np.sum(g**2) for g in gradients)
    return [g * min(1, max_norm / (norm + 1e-6)) for g in gradients]


@clip_by_norm.mistake("+ 1e-6 is missing")
def without_eps(gradients, max_norm):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * min(1, max_norm / norm) for g in gradients]


@clip_by_norm.mistake("the norms are added: the common norm is the root of the sum of squares")
def sum_of_norms(gradients, max_norm):
    norm = sum(np.linalg.norm(g) for g in gradients)
    return [g * min(1, max_norm / (norm + 1e-6)) for g in gradients]


@exercise(lesson=36, points=1)
def multiply_adds(sizes, batch):
    """How many multiply-adds the matrix products of one training step take: a whole number.

    `sizes` are the widths of a network of linear layers, from the input to the output, such as
    (64, 32, 10); a batch of `batch` examples goes forward once, and back once. Forward, a layer
    multiplies its input by its weights. Backward there is a product for the gradient of the
    weights and one for the gradient of the input, except that nobody needs the gradient of the
    network's own input. Biases and activations do not count.
    """
    layers = [n * m for n, m in pairwise(sizes)]
    return batch * (3 * sum(layers) - layers[0])


@multiply_adds.check("a few networks")
def networks(rng):
    yield (7, 5, 3), 11
    yield (13, 17, 2, 5), 3


@multiply_adds.check("a single layer", hint="forward, and backward for the weights: two products")
def single_layer(rng):
    yield (7, 3), 5


@multiply_adds.mistake("the gradient of the network's own input is counted: nobody needs it")
def own_input_too(sizes, batch):
    return 3 * batch * sum(n * m for n, m in pairwise(sizes))


@multiply_adds.mistake("the way back is missing: up to two further products for each layer")
def forward_only(sizes, batch):
    return batch * sum(n * m for n, m in pairwise(sizes))


@multiply_adds.mistake("backward, most layers have two products: weights and input")
def one_product_back(sizes, batch):
    return 2 * batch * sum(n * m for n, m in pairwise(sizes))


@multiply_adds.mistake("each example of the batch takes its own: multiply by the batch")
def one_example(sizes, batch):
    layers = [n * m for n, m in pairwise(sizes)]
    return 3 * sum(layers) - layers[0]


@multiply_adds.mistake("biases do not count here: they are added, not multiplied")
def biases_too(sizes, batch):
    layers = [n * m + m for n, m in pairwise(sizes)]
    return batch * (3 * sum(layers) - layers[0])


@multiply_adds.mistake(
    "it is the last layer whose input needs a gradient; the first one's does not"
)
def last_layer_left_out(sizes, batch):
    layers = [n * m for n, m in pairwise(sizes)]
    return batch * (3 * sum(layers) - layers[-1])
