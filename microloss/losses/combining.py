"""Weighing several losses, or the losses of several examples, against each other."""

from collections.abc import Sequence

import numpy as np

from ..engine.tensor import Tensor, values_of
from . import check
from .common import loss, replaced

__all__ = ["self_paced_weights", "uncertainty_weighted_loss"]


@loss
def uncertainty_weighted_loss(losses, log_vars, *, kinds=None) -> Tensor:
    """Kendall's multi-task loss: each task is weighed by an uncertainty that is learned with it.

    Formula: sum(c e^-s L + s / 2) over the tasks, with their losses L and the logarithms s of their
    noise variances; c is 1/2 for the kind "regression", 1 for "classification". Where L = 0 the
    product e^-s L counts as 0, even if e^-s overflows.

    Gradient: c e^-s for a task's loss, 1/2 - c e^-s L for its s: at the best s, e^s = 2 c L, so
    every task ends at the same weighted size.

    Problem: multi-task learning.

    Use: several losses in different units, where nobody knows their weights. Make log_vars a
    learned parameter that starts at the logarithms of the losses before training; from 0, a loss in
    small units drowns until its s has caught up. Give cross-entropies the kind "classification".

    Meaning: the negative log-likelihood, up to constants, of tasks with Gaussian noise of unknown
    variance e^s, for losses that are squared errors; for cross-entropies approximately that of a
    softmax with temperature e^s. A task that is solved, L = 0, has no noise: its s sinks without
    end. A negative loss sends the total to minus infinity: add a constant that makes it positive.

    Outliers: robust: a task that stays hard is given less weight, logarithmically in the end.

    Shapes: losses and log_vars are T numbers each: arrays or Tensors (T,), or lists of single
    numbers; kinds one kind for all or a list of T, all "regression" if None. The result is one
    number, which may be negative; infinite where e^-s overflows and L is not 0.

    Raises: ValueError for different or zero numbers of tasks, losses that are not single numbers,
    or an unknown kind; TypeError for what is not a real number.

    >>> uncertainty_weighted_loss([2.0, 0.8], [0.5, -1.0]).round(6)
    np.float64(1.443843)
    >>> uncertainty_weighted_loss([2.0, 0.8], [0.5, -1.0], kinds=["regression", "classification"])
    np.float64(2.53115612247987)

    Reference: Kendall, Gal, Cipolla (2018), Multi-Task Learning Using Uncertainty to Weigh Losses
    for Scene Geometry and Semantics.
    """
    losses, s = check.alike(losses=stacked(losses), log_vars=stacked(log_vars))
    if s.ndim != 1 or not s.size:
        raise ValueError(f"losses and log_vars have shape {s.shape}; one number a task is (T,)")
    c = shares(kinds, s)
    # 0 times an overflow would be nan; 1 is for the rounding of exp at the edge
    solved = np.equal(losses, 0) & np.less(s, 1 - np.log(np.finfo(s.dtype).max))
    losses, safe = replaced(losses, solved, 0), replaced(s, solved, 0)
    with np.errstate(over="ignore"):
        return (c * np.exp(-safe) * losses + s / 2).sum()


SHARES = {"regression": 0.5, "classification": 1.0}  # of e^-s L


def shares(kinds, like):
    """The factor of each task's loss."""
    kinds = "regression" if kinds is None else kinds
    kinds = [kinds] * like.size if isinstance(kinds, str) else list(kinds)
    if len(kinds) != like.size:
        raise ValueError(f"kinds has {len(kinds)} entries, losses {like.size}; give one for each")
    for kind in kinds:
        if kind not in SHARES:
            raise ValueError(f'kinds must be "regression" or "classification", got {kind!r}')
    return np.array([SHARES[kind] for kind in kinds], like.dtype)


def stacked(x):
    """A list in which there are Tensors as one Tensor."""
    tensors = [item for item in x if isinstance(item, Tensor)] if isinstance(x, Sequence) else []
    if not tensors:
        return x
    return np.stack([check.numbers("a task", item, like=tensors[0]) for item in x])


def self_paced_weights(losses, *, threshold: float, mode: str = "hard") -> np.ndarray:
    """Weights of examples for self-paced learning: easy ones first.

    Formula: "hard": 1 where loss < threshold, else 0; "linear": 1 - loss / threshold, kept within
    [0, 1]. Each minimises sum(w L) + f(w) over w in [0, 1], with f = -threshold * sum(w) for
    "hard" and f = threshold * sum(w^2 / 2 - w) for "linear".

    Train on mean(w * losses), and raise the threshold from epoch to epoch until all examples are
    in. The weights are plain numbers: no gradient passes through them.

    Shapes: losses of any shape, one for each example; the result of the same.

    Raises: ValueError for a threshold that is not positive and for an unknown mode; TypeError for
    what is not a real number.

    >>> self_paced_weights([0.1, 0.5, 0.9, 1.0, 2.0], threshold=1.0)
    array([1., 1., 1., 0., 0.])
    >>> self_paced_weights([0.1, 0.5, 0.9, 1.0, 2.0], threshold=1.0, mode="linear").round(1)
    array([0.9, 0.5, 0.1, 0. , 0. ])

    Reference: Kumar, Packer, Koller (2010), Self-Paced Learning for Latent Variable Models; Jiang
    et al. (2014), Easy Samples First: Self-paced Reranking for Zero-Example Multimedia Search.
    """
    threshold = check.positive("threshold", threshold)
    losses = values_of(check.numbers("losses", losses))
    if mode == "hard":
        return (losses < threshold).astype(losses.dtype)
    if mode == "linear":
        return np.clip(1 - losses / threshold, 0, 1)
    raise ValueError(f'mode must be "hard" or "linear", got {mode!r}')
