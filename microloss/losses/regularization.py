"""Penalties on the parameters of a model, to be added to a loss."""

from collections.abc import Iterable

import numpy as np

from ..engine.tensor import Tensor
from ..functional import dot
from . import check
from .common import loss

__all__ = ["elastic_net_penalty", "ewc_penalty", "l1_penalty", "l2_penalty", "soft_threshold"]


@loss
def l1_penalty(params, *, strength: float = 1.0) -> Tensor:
    """L1 penalty (lasso): pulls parameters to exactly zero.

    Formula: strength * sum |w| over all parameters.

    Gradient: strength * sign(w), and 0 at 0: of one size however small the parameter. Plain steps
    jitter around zero; the proximal step, soft_threshold, lands on it.

    Problem: regularisation.

    Use: when few of many features matter, and the model should say which. Biases are usually left
    out.

    Meaning: the negative logarithm of a Laplace prior on the parameters, up to constants.

    Outliers: robust: a large parameter that the data demand is pulled no harder than a small one.

    Shapes: params an array or a Tensor of any shape, or a list of them; the result is one number.
    Units: those of the loss that it is added to.

    Raises: ValueError for a negative strength or no parameters; TypeError for what is not a real
    number.

    >>> l1_penalty([[1.0, -2.0, 0.0], [[0.5], [-0.5]]], strength=0.01)
    np.float64(0.04)

    Reference: Tibshirani (1996), Regression Shrinkage and Selection via the Lasso.
    """
    strength = check.not_negative("strength", strength)
    return strength * total(np.abs(w).sum() for w in parameters(params))


@loss
def l2_penalty(params, *, strength: float = 1.0) -> Tensor:
    """L2 penalty (ridge): pulls parameters towards zero in proportion to their size.

    Formula: strength * sum w^2 over all parameters, without a 1/2.

    Gradient: 2 strength * w: strong for large parameters, vanishing for small ones, so none becomes
    exactly zero.

    Problem: regularisation.

    Use: the default against overfitting; it shares weight among features that go together. Biases
    are usually left out. For SGD it is the same as weight_decay = 2 strength; with Adam the penalty
    is divided by each parameter's step size, as weight_decay in Adam is, and AdamW's weight_decay,
    which is not, is another method.

    Meaning: the negative logarithm of a Gaussian prior of variance 1 / (2 strength), up to
    constants.

    Outliers: very sensitive: one large parameter costs more than many small ones.

    Shapes: params an array or a Tensor of any shape, or a list of them; the result is one number.
    Units: those of the loss that it is added to.

    Raises: ValueError for a negative strength or no parameters; TypeError for what is not a real
    number.

    >>> l2_penalty([[1.0, -2.0, 0.0], [[0.5], [-0.5]]], strength=0.01)
    np.float64(0.055)

    Reference: Hoerl, Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal
    Problems.
    """
    strength = check.not_negative("strength", strength)
    return strength * total(dot(w, w) for w in parameters(params))


@loss
def elastic_net_penalty(params, *, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    """Elastic net: exact zeros as from L1, and as from L2 features that go together stay together.

    Formula: l1 * sum |w| + l2 * sum w^2. scikit-learn's ElasticNet has half the mean squared error:
    beside mse_loss / 2, l1 = alpha * l1_ratio and l2 = alpha * (1 - l1_ratio) / 2; beside mse_loss
    itself, twice both.

    Gradient: l1 * sign(w) + 2 l2 * w, and 0 at 0.

    Problem: regularisation.

    Use: many features of which few matter, in groups that are correlated: L1 alone would take one
    of each group at random.

    Meaning: the negative logarithm of a prior between Laplace and Gaussian, up to constants.

    Outliers: sensitive: the square part pulls large parameters harder.

    Shapes: params an array or a Tensor of any shape, or a list of them; the result is one number.
    Units: those of the loss that it is added to.

    Raises: ValueError for a negative l1 or l2 or no parameters; TypeError for what is not a real
    number.

    >>> elastic_net_penalty([[1.0, -2.0, 0.0], [[0.5], [-0.5]]], l1=0.01, l2=0.1).round(6)
    np.float64(0.59)

    Reference: Zou, Hastie (2005), Regularization and Variable Selection via the Elastic Net.
    """
    l1 = check.not_negative("l1", l1)
    l2 = check.not_negative("l2", l2)
    return total(l1 * np.abs(w).sum() + l2 * dot(w, w) for w in parameters(params))


def soft_threshold(x, amount: float) -> Tensor:
    """The proximal step of the L1 penalty: moves every element towards 0, and stops there.

    Formula: sign(x) max(|x| - amount, 0), the minimiser w of (w - x)^2 / 2 + amount |w|. After a
    gradient step of size lr on the loss alone, amount = lr * strength gives exact zeros:
    `p.data = soft_threshold(p.data, lr * strength)`. The step of the elastic net then divides by
    1 + 2 lr l2.

    Shapes: x of any shape, the result of the same; amount a number. The derivative is 1 where
    |x| > amount and 0 elsewhere.

    Raises: ValueError for a negative amount; TypeError for what is not a real number.

    >>> soft_threshold([-3.0, 0.5, 2.0], 1.0)
    array([-2.,  0.,  1.])
    >>> lr, l1, l2 = 0.5, 2.0, 1.0                          # a step of the elastic net
    >>> soft_threshold([-3.0, 0.5, 2.0], lr * l1) / (1 + 2 * lr * l2)
    array([-1. ,  0. ,  0.5])

    Reference: Donoho, Johnstone (1994), Ideal Spatial Adaptation by Wavelet Shrinkage.
    """
    amount = check.not_negative("amount", amount)
    x = check.numbers("x", x)
    return x - np.clip(x, -amount, amount)


@loss
def ewc_penalty(params, anchors, fisher, *, strength: float = 1.0) -> Tensor:
    """Elastic weight consolidation: holds parameters where an earlier task needs them.

    Formula: strength / 2 * sum F (w - w*)^2, with the anchors w* (the parameters after the earlier
    task) and their Fisher information F.

    Gradient: strength * F (w - w*): a spring for each parameter, stiff where the earlier task is
    sensitive to it.

    Problem: regularisation.

    Use: when tasks come one after the other and the data of earlier ones are gone; for several,
    add one penalty each.

    Meaning: the negative logarithm of the earlier task's posterior in Laplace's approximation, with
    a diagonal Hessian. F is the mean square of the per-example gradients of the log-likelihood,
    with labels drawn from the model; the square of the mean gradient is far too small.

    Outliers: very sensitive: square in the distance that a parameter has moved.

    Shapes: params, anchors and fisher arrays or Tensors of one shape, or lists with equal shapes;
    anchors and fisher are constants. The result is one number. Units: nats, if F is measured on
    log-likelihoods.

    Raises: ValueError for unequal shapes or lengths, anchors that share memory with params and
    would move with them, a negative strength or Fisher information, or no parameters; TypeError for
    anchors or fisher with requires_grad (pass .data.copy()) and for what is not a real number.

    >>> ewc_penalty([1.0, 2.0, -1.0], [0.5, 2.5, -1.0], [2.0, 0.5, 10.0], strength=100.0)
    np.float64(31.25)

    Reference: Kirkpatrick et al. (2017), Overcoming catastrophic forgetting in neural networks.
    """
    strength = check.not_negative("strength", strength)
    if isinstance(params, Tensor | np.ndarray):
        params, anchors, fisher = [params], [anchors], [fisher]
    params = parameters(params)
    anchors, fisher = as_list("anchors", anchors), as_list("fisher", fisher)
    if not len(params) == len(anchors) == len(fisher):
        raise ValueError(
            f"{len(params)} params, {len(anchors)} anchors, {len(fisher)} Fisher informations: "
            "each parameter needs one of both"
        )
    terms = []
    for w, anchor, f in zip(params, anchors, fisher):
        anchor, f = check.constant("anchors", anchor, w), check.constant("fisher", f, w)
        check.same_shape("params", w, "anchors", anchor)
        check.same_shape("params", w, "fisher", f)
        check.none_negative("fisher", f, "it is a mean of squares")
        if isinstance(w, Tensor) and np.shares_memory(anchor, w.data):
            raise ValueError(
                "anchors share memory with params, so they move along and the penalty stays 0: "
                "copy them when the earlier task is done, [p.data.copy() for p in params]"
            )
        moved = w - anchor
        terms.append(dot(f * moved, moved))
    return 0.5 * strength * total(terms)


def parameters(params):
    """The arrays and Tensors of one, a list, or a generator such as model.parameters()."""
    listed = as_list("params", params)
    if not listed:
        raise ValueError("params is empty (a generator can be used only once: make it a list)")
    return [check.numbers("params", w) for w in listed]


def as_list(name, x):
    if isinstance(x, Tensor | np.ndarray):
        return [x]
    if not isinstance(x, Iterable):
        raise TypeError(f"{name} must be an array, a Tensor or a list of them, got {x!r:.60}")
    return list(x)


def total(terms):
    first, *others = terms
    for term in others:
        first = first + term
    return first
