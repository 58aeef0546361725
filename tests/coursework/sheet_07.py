"""Sheet 7: right answers, and mistakes as students make them."""

import numpy as np

from microloss import Tensor, grad

from .planted import mistake, slip


def linex_loss(input, target, a):
    e = a * (target - input)
    return (np.exp(e) - e - 1).mean()


linex_turned = slip(linex_loss, "the sides are exchanged", ("target - input", "input - target"))
linex_without_one = slip(linex_loss, "an error of 0 must cost nothing", (" - e - 1", " - e"))
linex_without_line = slip(linex_loss, "without it there is no bottom", (" - e - 1", " - 1"))
linex_summed = slip(linex_loss, "a sum taken for a mean", (".mean()", ".sum()"))
linex_not_reduced = slip(linex_loss, "is the sum or the mean missing?", (".mean()", ""))
linex_alike = slip(
    linex_loss, "makes both sides alike", ("(target - input)", "np.abs(target - input)")
)
linex_line_without_a = slip(
    linex_loss, "the bottom is not at e = 0", (" - e - 1", " - (target - input) - 1")
)
linex_with_a_in_front = slip(
    linex_loss,
    "it is not a factor of the loss",
    ("a * (target - input)", "target - input"),
    ("(np.exp", "(a * np.exp"),
    (" - e - 1", " - a * e - a"),
)


@mistake(linex_loss, "the path back is cut")
def linex_of_plain_numbers(input, target, a):
    e = a * (np.asarray(getattr(target, "data", target)) - getattr(input, "data", input))
    return np.mean(np.exp(e) - e - 1)


def uncertainty_weighted_loss(losses, log_vars):
    return 0.5 * np.sum(losses / np.exp(log_vars) + log_vars)


kendall_without_the_logarithm = slip(
    uncertainty_weighted_loss, "without it the weights sink to 0", (" + log_vars", "")
)
kendall_upside_down = slip(
    uncertainty_weighted_loss, "exp(-s), not exp(s)", ("losses /", "losses *")
)
kendall_without_half = slip(
    uncertainty_weighted_loss, "it is twice what it should be", ("0.5 * ", "")
)
kendall_averaged = slip(uncertainty_weighted_loss, "a mean taken for a sum", ("np.sum", "np.mean"))
kendall_with_detached_weights = slip(
    uncertainty_weighted_loss,
    "its gradient for log_vars is not: all 3 elements differ: a path is cut on the way",
    ("np.exp(log_vars)", "np.exp(log_vars.data if isinstance(log_vars, Tensor) else log_vars)"),
)


def meta_gradient(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w, create_graph=True)[0]
    after = w - lr * slope
    return grad(validation_loss(after), a)[0]


meta_of_first_order = slip(
    meta_gradient, "or grad() without create_graph=True", (", create_graph=True", "")
)
meta_uphill = slip(meta_gradient, "the step goes uphill", ("w - lr", "w + lr"))
meta_without_rate = slip(meta_gradient, "lr is missing in the step", ("lr * slope", "slope"))
meta_by_the_chain_rule_at_the_wrong_point = slip(
    meta_gradient,
    "taken at theta, not after the step",
    ("after = w - lr * slope", "pull = grad(validation_loss(w), w)[0]"),
    ("grad(validation_loss(after)", "grad(-lr * (slope * pull).sum()"),
)
meta_descent_direction = slip(meta_gradient, "the sign is flipped", ("return grad", "return -grad"))


@mistake(meta_gradient, "without the step, which .grad does not record")
def meta_of_the_wrong_loss(train_loss, validation_loss, theta, alpha, lr):
    a = Tensor(alpha, requires_grad=True)
    return grad(train_loss(Tensor(theta), a), a)[0]


def ewc_penalty(params, anchor, gradients, strength):
    information = (gradients**2).mean(axis=0)
    return 0.5 * strength * np.dot(information, (params - anchor) ** 2)


ewc_of_the_mean_gradient = slip(
    ewc_penalty,
    "gradients of both signs cancel",
    ("(gradients**2).mean(axis=0)", "gradients.mean(axis=0) ** 2"),
)
ewc_summed_over_examples = slip(ewc_penalty, "take the mean", (".mean", ".sum"))
ewc_without_half = slip(ewc_penalty, "it is twice what it should be", ("0.5 * ", ""))
plain_decay_to_the_anchor = slip(
    ewc_penalty, "every parameter is held alike", ("np.dot(information, ", "np.sum(")
)


def federated_average(params, sizes):
    return (params * (sizes / sizes.sum())[:, None]).sum(axis=0)


average_of_models = slip(
    federated_average,
    "a client with little data counts like the others",
    ("(params * (sizes / sizes.sum())[:, None]).sum", "params.mean"),
)
average_not_normalised = slip(federated_average, "divide by sizes.sum()", (" / sizes.sum()", ""))
average_of_weighted = slip(federated_average, "averaged once more", ("sum(axis=0)", "mean(axis=0)"))
average_along_the_wrong_axis = slip(
    federated_average, "stretched along the parameters", ("[:, None]", "")
)


def clip_by_norm(gradients, max_norm):
    norm = np.sqrt(np.sum([np.sum(np.square(g)) for g in gradients]))
    factor = min(1.0, max_norm / (norm + 1e-6))
    return [factor * g for g in gradients]


clip_in_place = slip(
    clip_by_norm,
    "it changes gradients in place",
    (
        "return [factor * g for g in gradients]",
        "for g in gradients:\n        g *= factor\n    return gradients",
    ),
)
clip_to_a_sphere = slip(
    clip_by_norm,
    "the factor is at most 1",
    ("min(1.0, max_norm / (norm + 1e-6))", "max_norm / (norm + 1e-6)"),
)


@mistake(clip_by_norm, "use one for all")
def clip_each(gradients, max_norm):
    clipped = []
    for g in gradients:
        norm = np.sqrt(np.sum(g**2))
        clipped.append(g if norm <= max_norm else g * max_norm / (norm + 1e-6))
    return clipped


@mistake(clip_by_norm, "cut one by one")
def clip_values(gradients, max_norm):
    return [np.minimum(np.maximum(g, -max_norm), max_norm) for g in gradients]


def multiply_adds(sizes, batch):
    total = 0
    for place in range(len(sizes) - 1):
        n, m = sizes[place : place + 2]
        total += batch * n * m * (3 if place > 0 else 2)
    return total


input_counted = slip(multiply_adds, "nobody needs it", (" if place > 0 else 2", ""))
without_a_way_back = slip(
    multiply_adds, "the way back is missing", ("(3 if place > 0 else 2)", "1")
)
half_a_way_back = slip(multiply_adds, "weights and input", ("3 if place > 0 else 2", "2"))
batch_forgotten = slip(multiply_adds, "multiply by the batch", ("batch * n", "n"))
with_biases = slip(multiply_adds, "biases do not count", ("n * m *", "(n * m + m) *"))
