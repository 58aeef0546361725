"""Sheet 4: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake


def momentum_step(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta - lr * velocity, velocity


@mistake(momentum_step, "the learning rate is inside the velocity")
def rate_in_the_velocity(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + lr * g
    return theta - velocity, velocity


@mistake(momentum_step, "this velocity holds the learning rate and points downhill")
def velocity_of_the_ball(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity - lr * g
    return theta + velocity, velocity


@mistake(momentum_step, "without the factor 1 - momentum of a running average")
def running_average(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + (1 - momentum) * g
    return theta - lr * velocity, velocity


@mistake(momentum_step, "it changes theta and velocity in place")
def momentum_in_place(theta, velocity, g, lr, momentum):
    velocity *= momentum
    velocity += g
    theta -= lr * velocity
    return theta, velocity


@mistake(momentum_step, "renew the velocity first")
def moves_by_the_old_velocity(theta, velocity, g, lr, momentum):
    theta = theta - lr * velocity
    velocity = momentum * velocity + g
    return theta, velocity


@mistake(momentum_step, "that is Nesterov's step")
def looks_ahead(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta - lr * g - lr * momentum * velocity, velocity


@mistake(momentum_step, "theta climbs")
def momentum_uphill(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta + lr * velocity, velocity


@mistake(momentum_step, "a sequence of 2 is asked for")
def only_theta(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta - lr * velocity


@mistake(momentum_step, "the velocity that it returns is the old one")
def velocity_not_kept(theta, velocity, g, lr, momentum):
    step = momentum * velocity + g
    return theta - lr * step, velocity


@mistake(momentum_step, "the first step is like the others")
def rests_at_first(theta, velocity, g, lr, momentum):
    if not velocity.any():
        return theta, g
    velocity = momentum * velocity + g
    return theta - lr * velocity, velocity


def adam_step(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "the averages are not corrected")
def adam_without_correction(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (np.sqrt(v) + eps), m, v


@mistake(adam_step, "the correction misses the power t")
def adam_without_power(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * (m / (1 - beta1)) / (np.sqrt(v / (1 - beta2)) + eps), m, v


@mistake(adam_step, "t counts from 1 already")
def adam_from_0(theta, m, v, g, t, lr, beta1, beta2, eps):
    t = t + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "which makes 0 / 0 at first")
def adam_a_step_behind(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1 ** (t - 1)), v / (1 - beta2 ** (t - 1))
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "eps stands inside the root")
def adam_eps_inside(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / np.sqrt(v_hat + eps), m, v


@mistake(adam_step, "eps is added too early")
def adam_of_the_footnote(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return theta - rate * m / (np.sqrt(v) + eps), m, v


@mistake(adam_step, "there is no root")
def adam_without_root(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (v_hat + eps), m, v


@mistake(adam_step, "v is the average of g squared")
def adam_without_square(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "beta1 and beta2 are exchanged")
def adam_betas_exchanged(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta2 * m + (1 - beta2) * g
    v = beta1 * v + (1 - beta1) * g**2
    m_hat, v_hat = m / (1 - beta2**t), v / (1 - beta1**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "the weights are exchanged")
def adam_weights_exchanged(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = (1 - beta1) * m + beta1 * g
    v = (1 - beta2) * v + beta2 * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "it returns the corrected m and v")
def adam_corrected_for_good(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    v = (beta2 * v + (1 - beta2) * g**2) / (1 - beta2**t)
    return theta - lr * m / (np.sqrt(v) + eps), m, v


@mistake(adam_step, "it changes m and v in place")
def adam_in_place(theta, m, v, g, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@mistake(adam_step, "only eps keeps 0 / 0 away")
def adam_without_eps(theta, m, v, g, t, lr, beta1, beta2, eps):
    eps = eps if np.all(v + g**2 > 0) else 0.0
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@mistake(adam_step, "at t = 1 the corrected m is g")
def adam_corrected_later(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = (m / (1 - beta1**t), v / (1 - beta2**t)) if t > 1 else (m, v)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@mistake(adam_step, "theta climbs")
def adam_uphill(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta + lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def warmup_cosine(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    share = (t - warmup) / (total - warmup)
    return peak * (1 + np.cos(np.pi * share)) / 2


@mistake(warmup_cosine, "it begins at warmup")
def cosine_of_the_whole_run(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    return peak * (1 + np.cos(np.pi * t / total)) / 2


@mistake(warmup_cosine, "the cosine has total - warmup steps")
def cosine_does_not_arrive(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    return peak * (1 + np.cos(np.pi * (t - warmup) / total)) / 2


@mistake(warmup_cosine, "at t = 0 the rate is 0")
def warmup_begins_at_1(t, peak, warmup, total):
    if t < warmup:
        return peak * (t + 1) / warmup
    share = (t - warmup) / (total - warmup)
    return peak * (1 + np.cos(np.pi * share)) / 2


@mistake(warmup_cosine, "halve it")
def cosine_not_halved(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    share = (t - warmup) / (total - warmup)
    return peak * (1 + np.cos(np.pi * share))


@mistake(warmup_cosine, "the cosine falls to -peak")
def cosine_itself(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    return peak * np.cos(np.pi * (t - warmup) / (total - warmup))


@mistake(warmup_cosine, "it falls in a straight line")
def cosine_forgotten(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    return peak * (1 - (t - warmup) / (total - warmup))


@mistake(warmup_cosine, "0 at t = 0 and at t = total")
def warmup_never_0(t, peak, warmup, total):
    if t < warmup:
        return peak * max(t, 1) / warmup
    share = (t - warmup) / (total - warmup)
    return peak * (1 + np.cos(np.pi * share)) / 2


@mistake(warmup_cosine, "ZeroDivisionError")
def warmup_of_no_steps(t, peak, warmup, total):
    rise = t / warmup
    share = max(t - warmup, 0) / (total - warmup)
    return peak * min(rise, (1 + np.cos(np.pi * share)) / 2)


@mistake(warmup_cosine, "with warmup = 0 the cosine begins at once")
def warmup_of_one_step_at_least(t, peak, warmup, total):
    warmup = max(warmup, 1)
    if t < warmup:
        return peak * t / warmup
    share = (t - warmup) / (total - warmup)
    return peak * (1 + np.cos(np.pi * share)) / 2


def critical_point(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    flat = 1e-6 * np.abs(eigenvalues).max()
    negative, positive = np.sum(eigenvalues < -flat), np.sum(eigenvalues > flat)
    if negative and positive:
        kind = "saddle"
    elif negative + positive < len(eigenvalues):
        kind = "degenerate"
    else:
        kind = "maximum" if negative else "minimum"
    return kind, negative / len(eigenvalues)


@mistake(critical_point, "the signs of the diagonal are taken for those of the eigenvalues")
def signs_of_the_diagonal(hessian):
    negative, n = np.sum(np.diag(hessian) < 0), len(hessian)
    if np.any(np.diag(hessian) == 0):
        return "degenerate", negative / n
    return {0: "minimum", n: "maximum"}.get(negative, "saddle"), negative / n


@mistake(critical_point, "neither the diagonal nor the determinant tells")
def sign_of_the_determinant(hessian):
    determinant, trace = np.linalg.det(hessian), np.trace(hessian)
    if determinant < 0:
        return "saddle", 1 / 2
    return ("minimum", 0.0) if trace > 0 else ("maximum", 1.0)


@mistake(critical_point, "rounding moves it")
def compared_with_0(hessian):
    eigenvalues = np.linalg.eigvals(hessian)
    negative, positive, n = np.sum(eigenvalues < 0), np.sum(eigenvalues > 0), len(hessian)
    if negative and positive:
        return "saddle", negative / n
    if negative + positive < n:
        return "degenerate", negative / n
    return ("maximum" if negative else "minimum"), negative / n


@mistake(critical_point, "depends on the largest eigenvalue, not on a fixed number")
def compared_with_a_fixed_number(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    negative, positive = np.sum(eigenvalues < -1e-8), np.sum(eigenvalues > 1e-8)
    n = len(hessian)
    if negative and positive:
        return "saddle", negative / n
    if negative + positive < n:
        return "degenerate", negative / n
    return ("maximum" if negative else "minimum"), negative / n


@mistake(critical_point, "index is a share")
def number_of_negative_ones(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    flat = 1e-6 * np.abs(eigenvalues).max()
    negative, positive = np.sum(eigenvalues < -flat), np.sum(eigenvalues > flat)
    if negative and positive:
        return "saddle", negative
    if negative + positive < len(eigenvalues):
        return "degenerate", negative
    return ("maximum" if negative else "minimum"), negative


@mistake(critical_point, "not of the positive")
def share_of_positive_ones(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    flat = 1e-6 * np.abs(eigenvalues).max()
    negative, positive = np.any(eigenvalues < -flat), np.any(eigenvalues > flat)
    index = np.mean(eigenvalues > flat)
    if negative and positive:
        return "saddle", index
    if np.any(np.abs(eigenvalues) <= flat):
        return "degenerate", index
    return ("maximum" if negative else "minimum"), index


@mistake(critical_point, "unless there are both signs")
def flat_before_saddle(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    flat = 1e-6 * np.abs(eigenvalues).max()
    index = np.mean(eigenvalues < -flat)
    if np.any(np.abs(eigenvalues) <= flat):
        return "degenerate", index
    return {0: "minimum", 1: "maximum"}.get(index, "saddle"), index


@mistake(critical_point, 'an eigenvalue of 0 makes it "degenerate"')
def never_degenerate(hessian):
    eigenvalues = np.linalg.eigvalsh(hessian)
    index = np.mean(eigenvalues < -1e-6 * np.abs(eigenvalues).max())
    return {0: "minimum", 1: "maximum"}.get(index, "saddle"), index


def proximal_l1(theta, lr, strength):
    return np.sign(theta) * np.maximum(np.abs(theta) - lr * strength, 0)


@mistake(proximal_l1, "small elements jump over 0")
def gradient_step_of_l1(theta, lr, strength):
    return theta - lr * strength * np.sign(theta)


@mistake(proximal_l1, "large elements stay as they are")
def hard_threshold(theta, lr, strength):
    return theta * (np.abs(theta) > lr * strength)


@mistake(proximal_l1, "the threshold is lr * strength")
def threshold_without_rate(theta, lr, strength):
    return np.sign(theta) * np.maximum(np.abs(theta) - strength, 0)


@mistake(proximal_l1, "the signs are lost")
def signs_lost(theta, lr, strength):
    return np.maximum(abs(theta) - lr * strength, 0)


@mistake(proximal_l1, "all negative elements become 0")
def positive_only(theta, lr, strength):
    return np.maximum(theta - lr * strength, 0)


@mistake(proximal_l1, "the negative ones must move up")
def all_downwards(theta, lr, strength):
    moved = theta - lr * strength
    moved[np.abs(theta) <= lr * strength] = 0
    return moved


@mistake(proximal_l1, "it multiplies, as weight decay (L2) does")
def weight_decay(theta, lr, strength):
    return theta - lr * strength * theta


@mistake(proximal_l1, "it changes theta in place")
def thresholded_in_place(theta, lr, strength):
    theta[np.abs(theta) <= lr * strength] = 0
    return theta - lr * strength * np.sign(theta)


@mistake(proximal_l1, "0 / 0 at an element 0")
def divided_by_size(theta, lr, strength):
    size = np.abs(theta)
    return theta / size * np.maximum(size - lr * strength, 0)


@mistake(proximal_l1, "transposed")
def proximal_transposed(theta, lr, strength):
    return np.array([np.sign(x) * np.maximum(abs(x) - lr * strength, 0) for x in theta.T])


def early_stopping(val, patience):
    best = 0
    for epoch, loss in enumerate(val):
        if loss < val[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best, epoch


@mistake(early_stopping, "it stops an epoch late")
def stops_late(val, patience):
    best, waited = 0, 0
    for epoch in range(1, len(val)):
        if val[epoch] < val[best]:
            best, waited = epoch, 0
        else:
            waited += 1
            if waited > patience:
                return best, epoch
    return best, len(val) - 1


@mistake(early_stopping, "it stops an epoch early")
def stops_early(val, patience):
    best, waited = 0, 1
    for epoch in range(1, len(val)):
        if waited >= patience:
            return best, epoch - 1
        if val[epoch] < val[best]:
            best, waited = epoch, 1
        else:
            waited += 1
    return best, len(val) - 1


@mistake(early_stopping, "the epochs count from 0")
def counts_from_1(val, patience):
    best, lowest = 1, val[0]
    for epoch, loss in enumerate(val, start=1):
        if loss < lowest:
            best, lowest = epoch, loss
        if epoch - best >= patience:
            break
    return best, epoch


@mistake(early_stopping, "nobody has seen the losses after the stop")
def best_of_all(val, patience):
    best = 0
    for epoch, loss in enumerate(val):
        if loss < val[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return int(np.argmin(val)), epoch


@mistake(early_stopping, "keep the parameters of the lowest loss")
def keeps_what_it_has(val, patience):
    best = 0
    for epoch, loss in enumerate(val):
        if loss < val[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch, epoch


@mistake(early_stopping, "an equal loss is no improvement")
def equal_is_enough(val, patience):
    best = 0
    for epoch, loss in enumerate(val):
        if loss <= val[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return best, epoch


@mistake(early_stopping, "compare with the lowest so far")
def counts_rises(val, patience):
    best = rises = 0
    for epoch in range(1, len(val)):
        if val[epoch] < val[best]:
            best = epoch
        rises = 0 if val[epoch] < val[epoch - 1] else rises + 1
        if rises == patience:
            return best, epoch
    return best, len(val) - 1


@mistake(early_stopping, "only those in a row count")
def counter_not_reset(val, patience):
    best = bad = 0
    for epoch in range(1, len(val)):
        if val[epoch] < val[best]:
            best = epoch
        else:
            bad += 1
        if bad == patience:
            return best, epoch
    return best, len(val) - 1


@mistake(early_stopping, "also loss >= best")
def nan_is_no_rise(val, patience):
    best, lowest, bad = 0, np.inf, 0
    for epoch, loss in enumerate(val):
        if loss >= lowest:
            bad += 1
        else:
            best, lowest, bad = epoch, loss, 0
        if bad == patience:
            break
    return best, epoch


@mistake(early_stopping, "np.argmin takes it for the lowest")
def argmin_so_far(val, patience):
    for epoch in range(len(val)):
        best = np.argmin(val[: epoch + 1])
        if epoch - best >= patience:
            break
    return best, epoch


@mistake(early_stopping, "nothing is returned")
def returns_at_the_stop_only(val, patience):
    best = 0
    for epoch, loss in enumerate(val):
        if loss < val[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch


def diagnose_curve(train, val):
    if not (np.all(np.isfinite(train)) and np.all(np.isfinite(val))):
        return "diverged"
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "ask np.isfinite first")
def nan_not_asked_for(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "ask np.isfinite first, of both curves")
def nan_of_train_only(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite(train)) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "train ends above where it begins")
def diverged_by_nan_only(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite([train, val])):
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, 'is no "overfitting" while val falls')
def gap_for_overfitting(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] - train[-1] > 0.25 * fall:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "what is below fall / 10 is noise")
def any_rise_for_overfitting(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] > min(val):
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "what is below fall / 10 is noise")
def any_swing_for_oscillating(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(np.sign(steps[1:]) != np.sign(steps[:-1]))
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "in the order of the task")
def underfitting_first(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if train[-1] > train[0] / 2:
        return "underfitting"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    return "healthy"


@mistake(diagnose_curve, "more than a tenth of what train falls")
def fixed_bounds(train, val):
    steps = np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > 0.1:
        return "oscillating"
    if val[-1] - min(val) > 0.1:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, "the sign of np.diff(train) changes")
def rises_for_turns(train, val):
    fall = train[0] - min(train)
    steps = np.diff(train)
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if np.sum(steps > fall / 10) > len(train) / 2:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


@mistake(diagnose_curve, 'train stays high: "underfitting"')
def two_names_only(train, val):
    return "diverged" if not train[-1] <= train[0] else "healthy"
