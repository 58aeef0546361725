"""Sheet 7: right answers, and mistakes as students make them."""

import numpy as np

from microloss import Tensor, grad

from .planted import mistake


def uncertainty_weighted_loss(losses, log_vars):
    return 0.5 * np.sum(losses / np.exp(log_vars) + log_vars)


@mistake(uncertainty_weighted_loss, "without it the weights sink to 0")
def kendall_without_the_logarithm(losses, log_vars):
    return 0.5 * np.sum(losses * np.exp(-log_vars))


@mistake(uncertainty_weighted_loss, "exp(-s), not exp(s)")
def kendall_upside_down(losses, log_vars):
    return 0.5 * np.sum(losses * np.exp(log_vars) + log_vars)


@mistake(uncertainty_weighted_loss, "it is twice what it should be")
def kendall_without_half(losses, log_vars):
    return np.sum(losses * np.exp(-log_vars) + log_vars)


@mistake(uncertainty_weighted_loss, "a mean taken for a sum")
def kendall_averaged(losses, log_vars):
    return np.mean(losses * np.exp(-log_vars) + log_vars) / 2


@mistake(
    uncertainty_weighted_loss,
    "its gradient is not: all 3 elements differ: a path is cut on the way",
)
def kendall_with_detached_weights(losses, log_vars):
    weights = np.exp(-(log_vars.data if isinstance(log_vars, Tensor) else log_vars))
    return 0.5 * np.sum(losses * weights + log_vars)


def meta_gradient(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w, create_graph=True)[0]
    after = w - lr * slope
    return grad(validation_loss(after), a)[0]


@mistake(meta_gradient, "by grad() without create_graph=True")
def meta_of_first_order(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w)[0]
    return grad(validation_loss(w - lr * slope), a)[0]


@mistake(meta_gradient, "the step goes uphill")
def meta_uphill(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w, create_graph=True)[0]
    return grad(validation_loss(w + lr * slope), a)[0]


@mistake(meta_gradient, "lr is missing in the step")
def meta_without_rate(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w, create_graph=True)[0]
    return grad(validation_loss(w - slope), a)[0]


@mistake(meta_gradient, "this is the gradient of train_loss")
def meta_of_the_wrong_loss(train_loss, validation_loss, theta, alpha, lr):
    a = Tensor(alpha, requires_grad=True)
    return grad(train_loss(Tensor(theta), a), a)[0]


@mistake(meta_gradient, "taken at theta, not after the step")
def meta_by_the_chain_rule_at_the_wrong_point(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w, create_graph=True)[0]
    pull = grad(validation_loss(w), w)[0]
    return -lr * grad((slope * pull).sum(), a)[0]


@mistake(meta_gradient, "the sign is flipped")
def meta_descent_direction(train_loss, validation_loss, theta, alpha, lr):
    w, a = Tensor(theta, requires_grad=True), Tensor(alpha, requires_grad=True)
    slope = grad(train_loss(w, a), w, create_graph=True)[0]
    return -grad(validation_loss(w - lr * slope), a)[0]


def ewc_penalty(params, anchor, gradients, strength):
    information = (gradients**2).mean(axis=0)
    return 0.5 * strength * np.dot(information, (params - anchor) ** 2)


@mistake(ewc_penalty, "gradients of both signs cancel")
def ewc_of_the_mean_gradient(params, anchor, gradients, strength):
    information = gradients.mean(axis=0) ** 2
    return 0.5 * strength * np.dot(information, (params - anchor) ** 2)


@mistake(ewc_penalty, "take the mean")
def ewc_summed_over_examples(params, anchor, gradients, strength):
    information = (gradients**2).sum(axis=0)
    return 0.5 * strength * np.dot(information, (params - anchor) ** 2)


@mistake(ewc_penalty, "it is twice what it should be")
def ewc_without_half(params, anchor, gradients, strength):
    return strength * np.sum((gradients**2).mean(axis=0) * (params - anchor) ** 2)


@mistake(ewc_penalty, "every parameter is held alike")
def plain_decay_to_the_anchor(params, anchor, gradients, strength):
    return strength / 2 * np.sum((params - anchor) ** 2)


def federated_average(params, sizes):
    return (params * (sizes / sizes.sum())[:, None]).sum(axis=0)


@mistake(federated_average, "a client with little data counts like the others")
def average_of_models(params, sizes):
    return params.mean(axis=0)


@mistake(federated_average, "divide by sizes.sum()")
def average_not_normalised(params, sizes):
    return np.sum(params * sizes[:, None], axis=0)


@mistake(federated_average, "averaged once more")
def average_of_weighted(params, sizes):
    return np.mean(params * (sizes / np.sum(sizes)).reshape(-1, 1), axis=0)


@mistake(federated_average, "could not be broadcast")
def average_along_the_wrong_axis(params, sizes):
    return np.sum(params * sizes / sizes.sum(), axis=0)


def clip_by_norm(gradients, max_norm):
    norm = np.sqrt(np.sum([np.sum(np.square(g)) for g in gradients]))
    factor = min(1.0, max_norm / (norm + 1e-6))
    return [factor * g for g in gradients]


@mistake(clip_by_norm, "use one for all")
def clip_each(gradients, max_norm):
    clipped = []
    for g in gradients:
        norm = np.sqrt(np.sum(g**2))
        clipped.append(g if norm <= max_norm else g * max_norm / (norm + 1e-6))
    return clipped


@mistake(clip_by_norm, "it changes gradients in place")
def clip_in_place(gradients, max_norm):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    for g in gradients:
        g *= min(1.0, max_norm / (norm + 1e-6))
    return gradients


@mistake(clip_by_norm, "the factor is at most 1")
def clip_to_a_sphere(gradients, max_norm):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * (max_norm / (norm + 1e-6)) for g in gradients]


@mistake(clip_by_norm, "cut one by one")
def clip_values(gradients, max_norm):
    return [np.minimum(np.maximum(g, -max_norm), max_norm) for g in gradients]
