"""Sheet 4. Optimisation, lessons 14 to 20

Momentum and Adam by hand, a learning rate that rises and falls, the kinds of critical points, exact
zeros, when to stop, and what a pair of loss curves says.
"""

from functools import partial

import numpy as np

from lessons.coursework import exercise
from microloss import Tensor, landscape, losses, nn, optim, training


def numbers(rng, *shape):
    """Random numbers that are short to print."""
    return rng.normal(size=shape).round(2)


def after_a_step(optimizer, theta, g, **state):
    """A parameter, and what the optimizer remembers of it, after optimizer([parameter]).step()."""
    p = Tensor(theta, requires_grad=True)
    p.grad = g
    made = optimizer([p])
    made.state[p] = state
    made.step()
    return p.data, state


# ---- momentum ------------------------------------------------------------------------------------


def five_steps_down(f, theta, curvature, lr, momentum):
    """The way down the sum of curvature * theta^2 / 2, from rest."""
    velocity, path = np.zeros(theta.shape), []
    for _ in range(5):
        theta, velocity = f(theta, velocity, curvature * theta, lr, momentum)
        path.append(theta)
    return path


@exercise(lesson=14, points=1)
def momentum_step(theta, velocity, g, lr, momentum):
    """One step of gradient descent with momentum: the new theta and the new velocity.

    theta, velocity and the gradient g are arrays of one shape. As PyTorch has it, the new velocity
    is momentum * velocity + g, and theta moves by -lr times the new velocity.

    Return (theta, velocity), both new: the arrays that come in stay as they are.
    """
    sgd = partial(optim.SGD, lr=lr, momentum=momentum)
    theta, state = after_a_step(sgd, theta, g, velocity=velocity)
    return theta, state["velocity"]


@momentum_step.check("one step")
def one_step_of_momentum(rng):
    yield *numbers(rng, 3, 3), 0.05, 0.8
    yield *numbers(rng, 3, 2, 3), 0.5, 0.9


@momentum_step.check(
    "five steps down a ravine, from rest",
    call=five_steps_down,
    hint="the first step is like the others: from a velocity of 0 it moves theta by -lr g",
)
def ravine(rng):
    yield np.array([-9.0, 2.0, 1.0]), np.array([1.0, 30.0, 4.0]), 0.03, 0.9


@momentum_step.mistake("the learning rate is inside the velocity: multiply it in when theta moves")
def rate_inside(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + lr * g
    return theta - velocity, velocity


@momentum_step.mistake(
    "this velocity holds the learning rate and points downhill: it is momentum * velocity + g here"
)
def downhill(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity - lr * g
    return theta + velocity, velocity


@momentum_step.mistake("g comes in whole, without the factor 1 - momentum of a running average")
def damped(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + (1 - momentum) * g
    return theta - lr * velocity, velocity


@momentum_step.mistake("theta moves by the old velocity: renew the velocity first")
def late(theta, velocity, g, lr, momentum):
    return theta - lr * velocity, momentum * velocity + g


@momentum_step.mistake("theta moves by g + momentum * velocity: that is Nesterov's step")
def nesterov(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta - lr * (g + momentum * velocity), velocity


@momentum_step.mistake("theta climbs: subtract lr times the velocity")
def uphill(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta + lr * velocity, velocity


@momentum_step.mistake("the velocity that it returns is the old one: the next step needs the new")
def forgetful(theta, velocity, g, lr, momentum):
    return theta - lr * (momentum * velocity + g), velocity


# ---- Adam ----------------------------------------------------------------------------------------


def four_steps(f, theta, gradients, lr, beta1, beta2, eps):
    """The way from theta, with averages that begin at 0."""
    m, v, path = np.zeros(theta.shape), np.zeros(theta.shape), []
    for t, g in enumerate(gradients, start=1):
        theta, m, v = f(theta, m, v, g, t, lr, beta1, beta2, eps)
        path.append(theta)
    return path


@exercise(lesson=14, points=3)
def adam_step(theta, m, v, g, t, lr, beta1, beta2, eps):
    """Step number t of Adam, t = 1, 2, ...: the new theta, m and v.

    theta, m, v and the gradient g are arrays of one shape.  m and v are running averages, of g and
    of g^2: the old one gets the weight beta1 (of v: beta2), what is new gets the rest. They begin
    at 0 and so are too small at first: to correct them, the step divides m by 1 - beta1^t and v by
    1 - beta2^t. It moves theta by -lr m / (sqrt(v) + eps), m and v corrected.

    Return (theta, m, v), all new: the arrays that come in stay as they are.  m and v are returned
    without the correction.
    """
    adam = partial(optim.Adam, lr=lr, betas=(beta1, beta2), eps=eps)
    theta, state = after_a_step(adam, theta, g, step=t - 1, mean=m, square=v)
    return theta, state["mean"], state["square"]


@adam_step.check("the third step")
def third_step(rng):
    theta, m, v, g = numbers(rng, 4, 2, 3)
    yield theta[0], m[0], v[0] ** 2, g[0], 3, 0.1, 0.9, 0.8, 0.1  # eps is large: where is it added?
    yield theta, m, v**2, g, 5, 0.01, 0.8, 0.99, 1e-8


@adam_step.check(
    "four steps from the start",
    call=four_steps,
    hint="the first step is like the others: at t = 1 the corrected m is g, the corrected v is g^2",
)
def from_the_start(rng):
    yield numbers(rng, 2), numbers(rng, 4, 2), 0.1, 0.9, 0.999, 1e-8


@adam_step.check(
    "a gradient that has always been 0",
    hint="without a gradient m and v are 0: only eps keeps 0 / 0 away",
)
def never_a_gradient(rng):
    theta, g, m, v = np.array([1.0, -2.0]), np.array([0.0, 3.0]), np.zeros(2), np.zeros(2)
    yield theta, m, v, g, 1, 0.1, 0.9, 0.99, 0.1


def averages(m, v, g, beta1, beta2):
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


@adam_step.mistake("the averages are not corrected: divide m by 1 - beta1^t and v by 1 - beta2^t")
def uncorrected(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, beta1, beta2)
    return theta - lr * m / (np.sqrt(v) + eps), m, v


@adam_step.mistake("the correction misses the power t: divide by 1 - beta^t, not by 1 - beta")
def without_power(theta, m, v, g, t, lr, beta1, beta2, eps):
    return adam_step.reference(theta, m, v, g, 1, lr, beta1, beta2, eps)


@adam_step.mistake("the power of the correction is t + 1: t counts from 1 already")
def counted_from_0(theta, m, v, g, t, lr, beta1, beta2, eps):
    return adam_step.reference(theta, m, v, g, t + 1, lr, beta1, beta2, eps)


@adam_step.mistake("the power of the correction is t - 1, which makes 0 / 0 at first: it is t")
def one_behind(theta, m, v, g, t, lr, beta1, beta2, eps):
    return adam_step.reference(theta, m, v, g, t - 1, lr, beta1, beta2, eps)


@adam_step.mistake("eps stands inside the root: it is sqrt(v) + eps")
def eps_inside(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, beta1, beta2)
    return theta - lr * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps), m, v


@adam_step.mistake("eps is added too early: divide v by 1 - beta2^t first")
def eps_early(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, beta1, beta2)
    return theta - lr * m / (1 - beta1**t) / ((np.sqrt(v) + eps) / np.sqrt(1 - beta2**t)), m, v


@adam_step.mistake("m is corrected, v is not: divide it by 1 - beta2^t")
def half_corrected(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, beta1, beta2)
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v) + eps), m, v


@adam_step.mistake("the root of v is corrected: correct v, and then take the root")
def corrected_root(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, beta1, beta2)
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v) / (1 - beta2**t) + eps), m, v


@adam_step.mistake("there is no root: m is divided by sqrt(v) + eps")
def rootless(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, beta1, beta2)
    return theta - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps), m, v


@adam_step.mistake("v is the average of g squared, not of g")
def unsquared(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@adam_step.mistake("beta1 and beta2 are exchanged: beta1 belongs to m")
def betas_exchanged(theta, m, v, g, t, lr, beta1, beta2, eps):
    return adam_step.reference(theta, m, v, g, t, lr, beta2, beta1, eps)


@adam_step.mistake("the weights are exchanged: the old average gets beta, what is new 1 - beta")
def weights_exchanged(theta, m, v, g, t, lr, beta1, beta2, eps):
    m, v = averages(m, v, g, 1 - beta1, 1 - beta2)
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@adam_step.mistake("it returns the corrected m and v: the next step needs them as they were before")
def corrected_for_good(theta, m, v, g, t, lr, beta1, beta2, eps):
    theta, m, v = adam_step.reference(theta, m, v, g, t, lr, beta1, beta2, eps)
    return theta, m / (1 - beta1**t), v / (1 - beta2**t)


@adam_step.mistake("theta climbs: subtract the step")
def climbing(theta, m, v, g, t, lr, beta1, beta2, eps):
    down, m, v = adam_step.reference(theta, m, v, g, t, lr, beta1, beta2, eps)
    return 2 * theta - down, m, v


# ---- learning rate -------------------------------------------------------------------------------


def at_every_step(f, peak, warmup, total):
    return np.array([f(t, peak, warmup, total) for t in range(total + 1)])


@exercise(lesson=15, points=2)
def warmup_cosine(t, peak, warmup, total):
    """The learning rate of step t, for t = 0, 1, ..., total: a warm-up, then a cosine.

    It rises in a straight line from 0 at t = 0 to peak at t = warmup. From there it falls to 0 at
    t = total: it is peak times (1 + cos(pi share)) / 2, where share goes evenly from 0 at
    t = warmup to 1 at t = total.

    warmup is a whole number below total, and may be 0: then it begins at the peak.
    """
    optimizer = optim.SGD([Tensor(0.0, requires_grad=True)], lr=peak)
    rise = optim.LinearLR(optimizer, start_factor=0.0, total_iters=max(warmup, 1))
    fall = optim.CosineAnnealingLR(optimizer, total - warmup)
    return optim.SequentialLR(optimizer, [rise, fall], [warmup]).lr(t, peak)


@warmup_cosine.check("a step of the warm-up, and one after it")
def rising_and_falling(rng):
    yield 1, 0.3, 4, 10
    yield 8, 0.3, 4, 10


@warmup_cosine.check(
    "every step of a run",
    call=at_every_step,
    hint="look at its ends: 0 at t = 0 and at t = total, peak at t = warmup",
)
def whole_run(rng):
    yield round(rng.uniform(0.1, 1), 2), 3, 8


@warmup_cosine.check(
    "a run without a warm-up",
    call=at_every_step,
    hint="with warmup = 0 the cosine begins at once",
)
def without_warmup(rng):
    yield 0.5, 0, 6


@warmup_cosine.mistake("the cosine goes by t / total, as if it had begun at 0: it begins at warmup")
def cosine_from_0(t, peak, warmup, total):
    return peak * (t / warmup if t < warmup else (1 + np.cos(np.pi * t / total)) / 2)


@warmup_cosine.mistake("share must be 1 at t = total: the cosine has total - warmup steps")
def too_slow(t, peak, warmup, total):
    return peak * (t / warmup if t < warmup else (1 + np.cos(np.pi * (t - warmup) / total)) / 2)


@warmup_cosine.mistake("the warm-up is a step early: at t = 0 the rate is 0")
def early_warmup(t, peak, warmup, total):
    return (
        peak * (t + 1) / warmup if t < warmup else warmup_cosine.reference(t, peak, warmup, total)
    )


@warmup_cosine.mistake("1 + cos falls from 2 to 0: halve it")
def not_halved(t, peak, warmup, total):
    rate = warmup_cosine.reference(t, peak, warmup, total)
    return rate if t < warmup else 2 * rate


@warmup_cosine.mistake("the cosine falls to -peak: it is (1 + cos) / 2")
def below_0(t, peak, warmup, total):
    rate = warmup_cosine.reference(t, peak, warmup, total)
    return rate if t < warmup else 2 * rate - peak


@warmup_cosine.mistake("there is no cosine: it falls in a straight line")
def straight(t, peak, warmup, total):
    return peak * (t / warmup if t < warmup else (total - t) / (total - warmup))


# ---- critical points -----------------------------------------------------------------------------


def bent(eigenvalues, rng):
    """A symmetric matrix of these eigenvalues, its axes turned at random."""
    Q, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))
    H = Q * eigenvalues @ Q.T
    return (H + H.T) / 2


SIGNS = "neither the diagonal nor the determinant tells: count the signs of the eigenvalues"


@exercise(lesson=16, points=2)
def critical_point(hessian):
    """What kind of point it is where the gradient is 0, by the Hessian there: (kind, index).

    hessian is a symmetric matrix. An eigenvalue counts as 0 if its absolute value is at most 1e-6
    times the largest absolute value among them.  kind is

    "saddle" if there are positive and negative ones, whether or not others are 0;
    otherwise "degenerate" if one or more are 0;
    otherwise "minimum" or "maximum".

    index is the share of the eigenvalues that are negative, from 0.0 to 1.0.
    """
    w = Tensor(np.zeros(len(hessian)), requires_grad=True)
    point = landscape.classify(lambda: w @ hessian @ w / 2, [w])
    return point.kind, point.index


@critical_point.check("a minimum, a maximum, a saddle", hint=SIGNS)
def three_kinds(rng):
    yield (np.array([[3.0, 1.0], [1.0, 2.0]]),)
    yield (np.array([[-2.0, 0.5], [0.5, -1.0]]),)
    yield (np.array([[1.0, 0.5], [0.5, -2.0]]),)


@critical_point.check("a saddle with a positive diagonal", hint=SIGNS)
def hidden_saddle(rng):
    yield (np.array([[1.0, 3.0], [3.0, 2.0]]),)


@critical_point.check("three and four dimensions", hint=SIGNS)
def more_dimensions(rng):
    yield (bent([3.0, -1.0, -2.0], rng),)
    yield (bent([-3.0, -1.0, -2.0, -0.5], rng),)
    yield (bent([4.0, 1.0, 2.0, 0.5], rng),)


@critical_point.check(
    "flat directions",
    hint='an eigenvalue of 0 makes it "degenerate", unless there are both signs: then "saddle"',
)
def flat_directions(rng):
    yield (bent([2.0, 1.0, -1e-9], rng),)
    yield (bent([-2.0, -1.0, 1e-9], rng),)
    yield (bent([2.0, -1.0, 1e-9, 3.0], rng),)
    yield (np.zeros((2, 2)),)


@critical_point.check("large and small Hessians", hint="an eigenvalue is 0 beside the largest one")
def scales(rng):
    yield (bent([2e6, 1e6, -1e-3], rng),)
    yield (bent([3e-9, -1e-9], rng),)


@critical_point.mistake(
    "the signs of the diagonal are taken for those of the eigenvalues: use np.linalg.eigvalsh"
)
def diagonal(hessian):
    return critical_point.reference(np.diag(np.diag(hessian)))


@critical_point.mistake("an eigenvalue counts as 0 up to 1e-6 times the largest: rounding moves it")
def exact(hessian):
    return critical_point.reference(np.diag(np.sign(np.linalg.eigvalsh(hessian))))


@critical_point.mistake("what counts as 0 depends on the largest eigenvalue, not on a fixed number")
def fixed_tolerance(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    return critical_point.reference(np.diag(np.sign(eigenvalues) * (np.abs(eigenvalues) > 1e-6)))


@critical_point.mistake("index is a share: divide the number of negative ones by that of all")
def counted(hessian):
    kind, index = critical_point.reference(hessian)
    return kind, index * len(hessian)


@critical_point.mistake("index is the share of the negative ones, not of the positive")
def share_of_positive(hessian):
    return critical_point.reference(hessian)[0], critical_point.reference(-hessian)[1]


# ---- exact zeros ---------------------------------------------------------------------------------


@exercise(lesson=19, points=1)
def proximal_l1(theta, lr, strength):
    """The proximal step of the penalty strength * sum(|theta|), after a gradient step of size lr.

    Each element moves towards 0 by lr * strength, and stops there: those that are no larger than
    that become exactly 0. It is called soft thresholding.

    theta is an array of any shape; return a new one of the same shape.
    """
    return losses.soft_threshold(theta, lr * strength)


@proximal_l1.check("elements large and small")
def large_and_small(rng):
    yield np.array([3.0, -2.0, 0.4, -0.3, 1.2]), 0.5, 2.0
    yield numbers(rng, 2, 3), 0.1, 4.0


@proximal_l1.check(
    "an element 0, and one as large as the threshold",
    hint="theta / |theta| is 0 / 0 at an element 0: np.sign(theta) is 0 there",
)
def at_the_edges(rng):
    yield np.array([0.0, 0.5, -0.5, 2.0]), 0.25, 2.0


@proximal_l1.mistake("small elements jump over 0 to the other side: they must stop there")
def over_0(theta, lr, strength):
    return theta - lr * strength * np.sign(theta)


@proximal_l1.mistake("large elements stay as they are: they, too, move by lr * strength")
def hard(theta, lr, strength):
    return np.where(np.abs(theta) > lr * strength, theta, 0)


@proximal_l1.mistake("the threshold is lr * strength, not strength alone")
def without_rate(theta, lr, strength):
    return losses.soft_threshold(theta, strength)


@proximal_l1.mistake("the signs are lost: give each element its own again, np.sign(theta)")
def unsigned(theta, lr, strength):
    return np.maximum(np.abs(theta) - lr * strength, 0)


@proximal_l1.mistake("all negative elements become 0: compare |theta| with the threshold")
def one_sided(theta, lr, strength):
    return np.maximum(theta - lr * strength, 0)


@proximal_l1.mistake("all elements move down: the negative ones must move up, towards 0")
def downwards(theta, lr, strength):
    return np.where(np.abs(theta) > lr * strength, theta - lr * strength, 0)


@proximal_l1.mistake("it multiplies, as weight decay (L2) does: L1 subtracts equally from all")
def decayed(theta, lr, strength):
    return theta * (1 - lr * strength)


# ---- early stopping ------------------------------------------------------------------------------


@exercise(lesson=19, points=3)
def early_stopping(val, patience):
    """Which epoch's parameters to keep, and when to stop: the pair (best, last) of epochs.

    val holds the validation loss after each epoch of a training that nobody stopped; epochs count
    from 0. An epoch is an improvement if its loss is strictly below the lowest so far: epoch 0
    always is, and nan never. Training stops after the epoch that is number `patience` in a row
    without an improvement. `last` is that epoch, or the last of the curve if training never stops.
    `best` is the latest improvement up to `last`: nobody has seen what comes after.

    patience is 1 or more; val[0] is a number, not nan.
    """
    model, X, curve = nn.Linear(1, 1, rng=0), np.zeros((1, 1)), iter(val)
    optimizer, rng = optim.SGD(model.parameters(), lr=0.0), np.random.default_rng(0)

    def loss(output, target):
        return output.sum() if model.training else next(curve)

    options = {"epochs": len(val), "validation": (X, X), "patience": patience}
    history = training.fit(model, loss, optimizer, X, X, rng=rng, **options)
    return history.best_epoch, len(history.val) - 1


@early_stopping.check("a loss that falls, then rises")
def one_valley(rng):
    yield np.array([0.9, 0.5, 0.4, 0.6, 0.7, 0.8, 0.9]), 2
    yield np.array([0.9, 0.5, 0.4, 0.6, 0.7, 0.8, 0.9]), 3


@early_stopping.check("a rise in between", hint="an improvement ends the wait: begin to count anew")
def bumps(rng):
    yield np.array([0.9, 0.7, 0.8, 0.6, 0.7, 0.5, 0.6, 0.7]), 2
    yield np.array([0.9, 0.5, 0.8, 0.7, 0.6, 0.9, 0.8]), 3


@early_stopping.check("a training that never stops", hint="then last is the last of the curve")
def to_the_end(rng):
    yield np.array([0.9, 0.8, 0.6, 0.5]), 2
    yield np.array([0.9, 0.8, 0.5, 0.6, 0.7]), 4
    yield np.array([0.7]), 1


@early_stopping.check("lower losses that nobody has seen")
def unseen(rng):
    yield np.array([0.9, 0.5, 0.6, 0.7, 0.3, 0.2]), 2


@early_stopping.check("equal losses")
def ties(rng):
    yield np.array([0.9, 0.5, 0.5, 0.5, 0.4]), 2
    yield np.array([0.9, 0.5, 0.6, 0.5, 0.7, 0.4]), 3


@early_stopping.check("nan in the curve", hint="nan is not an improvement")
def not_a_number(rng):
    yield np.array([0.9, 0.7, np.nan, 0.8, 0.75, 0.6]), 3
    yield np.array([0.9, np.nan, 0.6, np.nan, np.nan, 0.5]), 2


@early_stopping.check("a curve of noise")
def noise(rng):
    for patience in (1, 2, 3):
        yield rng.uniform(0.2, 1, 8).round(2), patience


@early_stopping.mistake("it stops an epoch late: after `patience` epochs without an improvement")
def one_late(val, patience):
    return early_stopping.reference(val, patience + 1)


@early_stopping.mistake("it stops an epoch early: the best epoch itself is none of the `patience`")
def one_early(val, patience):
    return early_stopping.reference(val, patience - 1)


@early_stopping.mistake("the epochs count from 0")
def counted_from_1(val, patience):
    return tuple(epoch + 1 for epoch in early_stopping.reference(val, patience))


@early_stopping.mistake("best comes after last: nobody has seen the losses after the stop")
def hindsight(val, patience):
    return int(np.nanargmin(val)), early_stopping.reference(val, patience)[1]


@early_stopping.mistake("best is the epoch of the stop: keep the parameters of the lowest loss")
def keeps_the_last(val, patience):
    return (early_stopping.reference(val, patience)[1],) * 2


@early_stopping.mistake("an equal loss is not an improvement: the earlier one stays")
def equal_is_enough(val, patience):
    shrinking = val - 1e-9 * np.arange(len(val))
    return early_stopping.reference(shrinking, patience)


@early_stopping.mistake(
    "nan is not an improvement: each comparison with it is False, also loss >= best"
)
def nan_is_lower(val, patience):
    best = last = 0
    while last - best < patience and last + 1 < len(val):
        last += 1
        best = best if val[last] >= val[best] else last
    return best, last


@early_stopping.mistake("nan is not an improvement, but np.argmin takes it for the lowest")
def argmin_takes_nan(val, patience):
    last = 0
    while last - np.argmin(val[: last + 1]) < patience and last + 1 < len(val):
        last += 1
    return int(np.argmin(val[: last + 1])), last


@early_stopping.mistake("it compares with the epoch before: compare with the lowest so far")
def compares_with_the_last(val, patience):
    last = waited = 0
    while waited < patience and last + 1 < len(val):
        last += 1
        waited = 0 if val[last] < val[last - 1] else waited + 1
    return int(np.nanargmin(val[: last + 1])), last


@early_stopping.mistake("it adds up all epochs without an improvement: only those in a row count")
def adds_up(val, patience):
    best = last = waited = 0
    while waited < patience and last + 1 < len(val):
        last += 1
        if val[last] < val[best]:
            best = last
        else:
            waited += 1
    return best, last


# ---- loss curves ---------------------------------------------------------------------------------

EPOCHS = np.arange(10)
ZIGZAG = (-1) ** EPOCHS


def towards(start, end, rate=0.4):
    """A curve that falls, steeply at first."""
    return end + (start - end) * np.exp(-rate * EPOCHS)


def drawn(rng, train, val):
    """Curves that begin at about 1, on three scales, rounded so that they are short to print."""
    for start, digits in (rng.uniform(1.5, 3), 2), (1000.0, -1), (0.01, 4):
        yield (start * train).round(digits), (start * val).round(digits)


@exercise(lesson=20, points=3)
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
    """
    fall, rises = train[0] - np.min(train), np.diff(train)
    turns = np.mean(rises[1:] * rises[:-1] < 0)
    if not np.isfinite([train, val]).all() or train[-1] > train[0]:
        return "diverged"
    if turns > 0.5 and rises.max() > fall / 10:
        return "oscillating"
    if val[-1] > np.min(val) + fall / 10:
        return "overfitting"
    return "underfitting" if train[-1] > train[0] / 2 else "healthy"


@diagnose_curve.check(
    "training as it should be",
    hint='no other name holds: a gap between val and train is no "overfitting" while val falls',
)
def as_it_should_be(rng):
    yield from drawn(rng, towards(1, 0.05), towards(1, 0.08))
    yield from drawn(rng, towards(1, 0.05), towards(1, 0.4))


@diagnose_curve.check("a loss that climbs", hint='train ends above where it begins: "diverged"')
def climbs(rng):
    yield from drawn(rng, 1 + 0.1 * EPOCHS, 1 + 0.12 * EPOCHS)
    yield from drawn(rng, *[towards(1, 0.4) + 0.004 * np.exp(0.7 * EPOCHS)] * 2)


@diagnose_curve.check("a loss that hardly falls", hint='train stays high: "underfitting"')
def hardly_falls(rng):
    yield from drawn(rng, 1 - 0.02 * EPOCHS, 1.02 - 0.02 * EPOCHS)
    yield from drawn(rng, towards(1, 0.7), towards(1, 0.75))


@diagnose_curve.check(
    "a validation loss that turns",
    hint="val ends above its own lowest, by more than a tenth of what train falls",
)
def turns(rng):
    yield from drawn(rng, towards(1, 0.05), towards(1, 0.1, 0.8) + 0.04 * EPOCHS)
    # here val falls further than train, whose fall is the measure
    yield from drawn(rng, towards(1, 0.05), towards(2, 0.1, 0.9) + 0.03 * EPOCHS)


@diagnose_curve.check(
    "a loss that swings", hint="count the epochs at which the sign of np.diff(train) changes"
)
def swings(rng):
    yield from drawn(rng, towards(1, 0.4) + 0.15 * ZIGZAG, towards(1, 0.5) + 0.1 * ZIGZAG)


@diagnose_curve.check("a rise and swings that are small", hint="what is below fall / 10 is noise")
def small(rng):
    yield from drawn(rng, towards(1, 0.05), towards(1, 0.25, 0.8) + 0.004 * EPOCHS)
    yield from drawn(rng, towards(1, 0.05, 1.0) + 0.02 * ZIGZAG, towards(1, 0.2))


@diagnose_curve.check(
    "a training loss that rises at the end",
    hint="its fall is measured down to its lowest, not to its last",
)
def rises_at_the_end(rng):
    late = np.maximum(EPOCHS - 5, 0)
    yield from drawn(
        rng, towards(1, 0.1, 0.75) + 0.053 * late, towards(1.1, 0.3, 0.75) + 0.023 * late
    )


@diagnose_curve.check(
    "one bump", hint="one rise is not swinging: train turns at half of the epochs"
)
def one_bump(rng):
    yield from drawn(rng, towards(1, 0.1) + 0.25 * (EPOCHS == 5), towards(1, 0.2))


@diagnose_curve.check(
    "nan and inf", hint="comparisons with nan are False: ask np.isfinite first, of both curves"
)
def no_numbers(rng):
    train, val = next(drawn(rng, towards(1, 0.05), towards(1, 0.2)))
    lost = np.where(EPOCHS < 7, 0, np.nan)
    yield train + lost, val + lost
    yield train, val + lost
    yield train + np.where(EPOCHS == 5, np.inf, 0), val


@diagnose_curve.check("two names that fit", hint="the first that holds, in the order of the task")
def two_names(rng):
    yield from drawn(rng, towards(1, 0.7), towards(1, 0.75, 0.8) + 0.02 * EPOCHS)
    yield from drawn(rng, towards(1, 0.3) + 0.15 * ZIGZAG, towards(1, 0.2, 0.8) + 0.05 * EPOCHS)
