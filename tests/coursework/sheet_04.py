"""Sheet 4: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake, slip


def momentum_step(theta, velocity, g, lr, momentum):
    velocity = momentum * velocity + g
    return theta - lr * velocity, velocity


rate_in_the_velocity = slip(
    momentum_step,
    "the learning rate is inside the velocity",
    ("+ g", "+ lr * g"),
    ("- lr * velocity", "- velocity"),
)
velocity_of_the_ball = slip(
    momentum_step,
    "this velocity holds the learning rate and points downhill",
    ("+ g", "- lr * g"),
    ("- lr * velocity", "+ velocity"),
)
running_average = slip(
    momentum_step,
    "without the factor 1 - momentum of a running average",
    ("+ g", "+ (1 - momentum) * g"),
)
moves_by_the_old_velocity = slip(
    momentum_step,
    "renew the velocity first",
    ("    velocity =", "    new ="),
    ("velocity, velocity", "velocity, new"),
)
looks_ahead = slip(
    momentum_step, "that is Nesterov's step", ("lr * velocity", "lr * (g + momentum * velocity)")
)
momentum_uphill = slip(momentum_step, "theta climbs", ("theta - lr", "theta + lr"))
only_theta = slip(
    momentum_step, "2 results are asked for, one array came", ("velocity, velocity", "velocity")
)
velocity_not_kept = slip(
    momentum_step,
    "the velocity that it returns is the old one",
    ("    velocity =", "    new ="),
    ("lr * velocity", "lr * new"),
)
rests_at_first = slip(
    momentum_step,
    "the first step is like the others",
    ("    velocity =", "    if not velocity.any():\n        return theta, g\n    velocity ="),
)


@mistake(momentum_step, "it changes theta and velocity in place")
def momentum_in_place(theta, velocity, g, lr, momentum):
    velocity *= momentum
    velocity += g
    theta -= lr * velocity
    return theta, velocity


def adam_step(theta, m, v, g, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


adam_with_v_as_it_is = slip(adam_step, "m is corrected, v is not", ("v / (1 - beta2**t)", "v"))
adam_with_a_corrected_root = slip(
    adam_step,
    "correct v, and then take the root",
    ("v / (1 - beta2**t)", "v"),
    ("np.sqrt(v_hat)", "np.sqrt(v_hat) / (1 - beta2**t)"),
)
adam_without_correction = slip(
    adam_step,
    "the averages are not corrected",
    ("m / (1 - beta1**t), v / (1 - beta2**t)", "m, v"),
)
adam_without_power = slip(
    adam_step, "the correction misses the power t", ("beta1**t", "beta1"), ("beta2**t", "beta2")
)
adam_from_0 = slip(
    adam_step,
    "t counts from 1 already",
    ("beta1**t", "beta1 ** (t + 1)"),
    ("beta2**t", "beta2 ** (t + 1)"),
)
adam_a_step_behind = slip(
    adam_step,
    "which makes 0 / 0 at first",
    ("beta1**t", "beta1 ** (t - 1)"),
    ("beta2**t", "beta2 ** (t - 1)"),
)
adam_eps_inside = slip(
    adam_step, "eps stands inside the root", ("np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)")
)
adam_of_the_footnote = slip(
    adam_step,
    "eps is added too early",
    ("m / (1 - beta1**t), v / (1 - beta2**t)", "m / (1 - beta1**t), v"),
    ("lr * m_hat", "lr * np.sqrt(1 - beta2**t) * m_hat"),
)
adam_without_root = slip(adam_step, "there is no root", ("np.sqrt(v_hat)", "v_hat"))
adam_without_square = slip(adam_step, "v is the average of g squared", ("g**2", "g"))
adam_betas_exchanged = slip(
    adam_step,
    "beta1 and beta2 are exchanged",
    ("    m = beta1", "    beta1, beta2 = beta2, beta1\n    m = beta1"),
)
adam_weights_exchanged = slip(
    adam_step,
    "the weights are exchanged",
    ("beta1 * m + (1 - beta1) * g", "(1 - beta1) * m + beta1 * g"),
    ("beta2 * v + (1 - beta2) * g", "(1 - beta2) * v + beta2 * g"),
)
adam_corrected_for_good = slip(
    adam_step, "it returns the corrected m and v", ("eps), m, v", "eps), m_hat, v_hat")
)
adam_in_place = slip(
    adam_step,
    "it changes m and v in place",
    ("m = beta1", "m[:] = beta1"),
    ("v = beta2", "v[:] = beta2"),
)
adam_without_eps = slip(
    adam_step,
    "only eps keeps 0 / 0 away",
    ("v_hat) + eps", "v_hat) + (eps if np.all(v > 0) else 0.0)"),
)
adam_corrected_later = slip(
    adam_step,
    "at t = 1 the corrected m is g",
    ("    return", "    if t == 1:\n        m_hat, v_hat = m, v\n    return"),
)
adam_uphill = slip(adam_step, "theta climbs", ("theta - lr", "theta + lr"))


def warmup_cosine(t, peak, warmup, total):
    if t < warmup:
        return peak * t / warmup
    share = (t - warmup) / (total - warmup)
    return peak * (1 + np.cos(np.pi * share)) / 2


cosine_of_the_whole_run = slip(
    warmup_cosine, "it begins at warmup", ("(t - warmup) / (total - warmup)", "t / total")
)
cosine_does_not_arrive = slip(
    warmup_cosine, "the cosine has total - warmup steps", ("(total - warmup)", "total")
)
warmup_begins_at_1 = slip(
    warmup_cosine, "at t = 0 the rate is 0", ("peak * t /", "peak * (t + 1) /")
)
cosine_not_halved = slip(warmup_cosine, "halve it", (" / 2", ""))
cosine_itself = slip(
    warmup_cosine,
    "the cosine falls to -peak",
    ("(1 + np.cos(np.pi * share)) / 2", "np.cos(np.pi * share)"),
)
cosine_forgotten = slip(
    warmup_cosine,
    "it falls in a straight line",
    ("(1 + np.cos(np.pi * share)) / 2", "(1 - share)"),
)
warmup_never_0 = slip(
    warmup_cosine, "0 at t = 0 and at t = total", ("peak * t /", "peak * max(t, 1) /")
)
warmup_of_no_steps = slip(warmup_cosine, "ZeroDivisionError", ("t < warmup", "t <= warmup"))
warmup_of_one_step_at_least = slip(
    warmup_cosine,
    "with warmup = 0 the cosine begins at once",
    ("    if", "    warmup = max(warmup, 1)\n    if"),
)


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


signs_of_the_diagonal = slip(
    critical_point,
    "the signs of the diagonal are taken for those of the eigenvalues",
    ("np.linalg.eigvalsh(hessian)", "np.diag(hessian)"),
)
compared_with_0 = slip(
    critical_point, "rounding moves it", ("1e-6 * np.abs(eigenvalues).max()", "0")
)
compared_with_a_fixed_number = slip(
    critical_point,
    "depends on the largest eigenvalue, not on a fixed number",
    ("1e-6 * np.abs(eigenvalues).max()", "1e-8"),
)
number_of_negative_ones = slip(critical_point, "index is a share", (" / len(eigenvalues)", ""))
share_of_positive_ones = slip(
    critical_point, "not of the positive", ("negative / len", "positive / len")
)
flat_before_saddle = slip(
    critical_point,
    "unless there are both signs",
    ("negative and positive:", "negative and positive and np.all(np.abs(eigenvalues) > flat):"),
)
never_degenerate = slip(
    critical_point,
    'an eigenvalue of 0 makes it "degenerate"',
    ('    elif negative + positive < len(eigenvalues):\n        kind = "degenerate"\n', ""),
)


@mistake(critical_point, "neither the diagonal nor the determinant tells")
def sign_of_the_determinant(hessian):
    determinant, trace = np.linalg.det(hessian), np.trace(hessian)
    if determinant < 0:
        return "saddle", 1 / 2
    return ("minimum", 0.0) if trace > 0 else ("maximum", 1.0)


def proximal_l1(theta, lr, strength):
    return np.sign(theta) * np.maximum(np.abs(theta) - lr * strength, 0)


threshold_without_rate = slip(
    proximal_l1, "the threshold is lr * strength", ("lr * strength", "strength")
)
signs_lost = slip(proximal_l1, "the signs are lost", ("np.sign(theta) * ", ""))
positive_only = slip(
    proximal_l1,
    "all negative elements become 0",
    ("np.sign(theta) * ", ""),
    ("np.abs(theta)", "theta"),
)
divided_by_size = slip(
    proximal_l1, "0 / 0 at an element 0", ("np.sign(theta)", "theta / np.abs(theta)")
)
proximal_transposed = slip(proximal_l1, "transposed", ("return", "theta = theta.T\n    return"))


@mistake(proximal_l1, "small elements jump over 0")
def gradient_step_of_l1(theta, lr, strength):
    return theta - lr * strength * np.sign(theta)


@mistake(proximal_l1, "large elements stay as they are")
def hard_threshold(theta, lr, strength):
    return theta * (np.abs(theta) > lr * strength)


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


def early_stopping(val, patience):
    best = 0
    for epoch, loss in enumerate(val):
        if loss < val[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best, epoch


stops_late = slip(early_stopping, "it stops an epoch late", ("== patience", "== patience + 1"))
stops_early = slip(early_stopping, "it stops an epoch early", ("== patience", "== patience - 1"))
counts_from_1 = slip(
    early_stopping, "the epochs count from 0", ("return best, epoch", "return best + 1, epoch + 1")
)
best_of_all = slip(
    early_stopping,
    "nobody has seen the losses after the stop",
    ("return best", "return int(np.argmin(val))"),
)
keeps_what_it_has = slip(
    early_stopping, "keep the parameters of the lowest loss", ("return best", "return epoch")
)
equal_is_enough = slip(early_stopping, "an equal loss is not an improvement", ("loss <", "loss <="))
nan_is_no_rise = slip(early_stopping, "also loss >= best", ("loss <", "not loss >="))
argmin_so_far = slip(
    early_stopping,
    "np.argmin takes it for the lowest",
    ("if loss < val[best]:\n            best = epoch", "best = np.argmin(val[: epoch + 1])"),
)
returns_at_the_stop_only = slip(
    early_stopping, "nothing is returned", ("break\n    return", "return")
)


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


def diagnose_curve(train, val):
    fall, steps = train[0] - min(train), np.diff(train)
    turns = np.sum(steps[1:] * steps[:-1] < 0)
    if not np.all(np.isfinite([train, val])) or train[-1] > train[0]:
        return "diverged"
    if turns > (len(train) - 2) / 2 and max(steps) > fall / 10:
        return "oscillating"
    if val[-1] - min(val) > fall / 10:
        return "overfitting"
    if train[-1] > train[0] / 2:
        return "underfitting"
    return "healthy"


nan_not_asked_for = slip(
    diagnose_curve, "ask np.isfinite first", ("not np.all(np.isfinite([train, val])) or ", "")
)
nan_of_train_only = slip(
    diagnose_curve, "ask np.isfinite first, of both curves", ("[train, val]", "train")
)
diverged_by_nan_only = slip(
    diagnose_curve, "train ends above where it begins", (" or train[-1] > train[0]", "")
)
gap_for_overfitting = slip(
    diagnose_curve,
    'is no "overfitting" while val falls',
    ("val[-1] - min(val) > fall / 10", "val[-1] - train[-1] > fall / 4"),
)
any_rise_for_overfitting = slip(
    diagnose_curve,
    "what is below fall / 10 is noise",
    ("val[-1] - min(val) > fall / 10", "val[-1] > min(val)"),
)
any_swing_for_oscillating = slip(
    diagnose_curve, "what is below fall / 10 is noise", (" and max(steps) > fall / 10", "")
)
underfitting_first = slip(
    diagnose_curve,
    "in the order of the task",
    ("    if val", '    if train[-1] > train[0] / 2:\n        return "underfitting"\n    if val'),
)
fall_of_the_wrong_curve = slip(
    diagnose_curve,
    "by more than a tenth of what train falls",
    ("train[0] - min(train)", "val[0] - min(val)"),
)
fall_to_the_last = slip(
    diagnose_curve, "to its lowest, not to its last", ("min(train)", "train[-1]")
)
any_turn_for_oscillating = slip(
    diagnose_curve, "one rise is not swinging", ("turns > (len(train) - 2) / 2 and ", "")
)
fixed_bounds = slip(
    diagnose_curve,
    "more than a tenth of what train falls",
    ("max(steps) > fall / 10", "max(steps) > 0.1"),
    ("min(val) > fall / 10", "min(val) > 0.1"),
)
rises_for_turns = slip(
    diagnose_curve,
    "the sign of np.diff(train) changes",
    ("np.sum(steps[1:] * steps[:-1] < 0)", "np.sum(steps > fall / 10)"),
)


@mistake(diagnose_curve, 'train stays high: "underfitting"')
def two_names_only(train, val):
    return "diverged" if not train[-1] <= train[0] else "healthy"
