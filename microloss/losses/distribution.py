"""Losses that compare probability distributions."""

import numpy as np

from ..engine.tensor import Tensor, values_of
from ..functional import log_softmax
from . import check
from .classification import cross_entropy
from .common import loss, reduce, replaced

__all__ = [
    "distillation_loss", "gaussian_kl", "js_divergence", "kl_div", "kl_divergence",
    "wasserstein_distance_1d",
]  # fmt: skip


@loss
def kl_div(input, target, *, log_target: bool = False, reduction: str = "mean") -> Tensor:
    """PyTorch's Kullback-Leibler divergence: log-probabilities of the model first.

    Formula: target (log(target) - input), elementwise; with log_target e^target (target - input).
    Summed over a distribution it is KL(target || e^input), the book's
    kl_divergence(target, np.exp(input)). "mean" divides by the number of elements, so it is not
    the mean divergence; "batchmean" divides by the length of the first axis, and is.

    Gradient: -target / N; with log_target -e^target / N. Where the target's probability is 0 all
    gradients are 0, that of the target too.

    Problem: distributions as targets.

    Use: the target is a distribution and the model gives log-probabilities, as log_softmax does;
    take reduction="batchmean".

    Meaning: the nats wasted by coding the target with the model's code; cross-entropy less the
    entropy of the target.

    Outliers: sensitive: ruling out what the target holds possible costs infinitely much.

    Shapes: input and target of one shape; nothing is normalised. Units: nats.

    Raises: ValueError for unequal shapes, probabilities outside of [0, 1], log-probabilities
    above 0, an unknown reduction, or an empty mean; TypeError for what is not a real number.

    >>> q, p = [[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]], [[0.0, 0.6, 0.4], [0.25, 0.25, 0.5]]
    >>> kl_div(np.log(q), p, reduction="batchmean").round(10)
    np.float64(0.2450420368)

    Reference: Kullback, Leibler (1951), On Information and Sufficiency; PyTorch's kl_div.
    """
    check.reduction(reduction, (*check.REDUCTIONS, "batchmean"))
    input, target = check.alike(input=input, target=target)
    check.log_probabilities("input", input)
    if log_target:
        check.log_probabilities("target", target)
        values = p_log_p_over_q_of_logs(target, input)
    else:
        check.probabilities("target", target, "; for their logarithms pass log_target=True")
        impossible = np.equal(target, 0)
        target, input = replaced(target, impossible, 1), replaced(input, impossible, 0)
        values = target * (np.log(target) - input)
    if reduction == "batchmean":
        if not values.ndim:
            raise ValueError('reduction="batchmean": input has shape (), without an axis to count')
        return reduce(values, "mean", count=len(values))
    return reduce(values, reduction)


def p_log_p_over_q_of_logs(log_p, log_q):
    """p log(p / q), elementwise: 0 without a gradient where p is 0, for q = 0 too."""
    impossible = np.equal(log_p, -np.inf)
    log_p, log_q = replaced(log_p, impossible, 0), replaced(log_q, impossible, 0)
    return np.exp(log_p) * (log_p - log_q)


@loss
def kl_divergence(p, q, *, reduction: str = "mean") -> Tensor:
    """Kullback-Leibler divergence of two distributions, in the book's order D(p || q).

    Formula: sum(p log(p / q)) over the last axis, then reduced over the others.  0 log 0 is 0.
    PyTorch's kl_div(log(q), p) is the same before its reduction, with the arguments turned round.

    Gradient: -p / q / N for q, (log(p / q) + 1) / N for p; 0 where p is 0, or q is while p is not.

    Problem: distributions as targets.

    Use: p is the truth and q the model, which must cover every place where p is possible.

    Meaning: the nats wasted by coding samples of p with the code of q; at least 0, and 0 only for
    p = q. It is not symmetric: D(model || truth) makes a model seek one mode of the truth and
    leave the others.

    Outliers: sensitive: infinite where q is 0 and p is not.

    Shapes: p and q of one shape (..., K), probabilities on the last axis; that they sum to 1 is not
    checked. Where rounding keeps them from that, as in float32, distributions that are very close
    may come out slightly below 0. Units: nats.

    Raises: ValueError for unequal shapes, probabilities outside of [0, 1], an unknown reduction,
    or an empty mean; TypeError for what is not a real number.

    >>> kl_divergence([0.5, 0.5], [0.25, 0.75]).round(6)            # log(4 / 3) / 2
    np.float64(0.143841)
    >>> kl_divergence([0.25, 0.75], [0.5, 0.5]).round(6)
    np.float64(0.130812)

    Reference: Kullback, Leibler (1951), On Information and Sufficiency.
    """
    p, q = distributions(p, q)
    infinite = np.equal(q, 0) & np.greater(p, 0)
    values = p_log_p_over_q(p, replaced(q, infinite, 1))
    return summed(replaced(values, infinite, np.inf), reduction)


@loss
def js_divergence(p, q, *, reduction: str = "mean") -> Tensor:
    """Jensen-Shannon divergence: how well one can tell from which of two distributions a sample is.

    Formula: D(p || m) / 2 + D(q || m) / 2 with m = (p + q) / 2 and D the Kullback-Leibler
    divergence over the last axis, then reduced over the others.

    Gradient: log(p / m) / 2 / N for p, likewise for q. Where p is 0 the true one is infinite; the
    term D(p || m) then gives none.

    Problem: distributions as targets.

    Use: neither distribution is the truth, or either may hold impossible what the other does not.

    Meaning: the information that one sample from p or q, at even odds, gives about its source; its
    square root is a distance.

    Outliers: bounded: between 0 for p = q and log 2 for distributions without a common outcome,
    where moving them closer changes nothing.

    Shapes: p and q of one shape (..., K), probabilities on the last axis; that they sum to 1 is not
    checked. Units: nats.

    Raises: ValueError for unequal shapes, probabilities outside of [0, 1], an unknown reduction,
    or an empty mean; TypeError for what is not a real number.

    >>> p, q = [[0.2, 0.5, 0.3], [0.0, 0.6, 0.4]], [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]
    >>> js_divergence(p, q, reduction="none").round(10)             # the second is log 2
    array([0.05558247, 0.69314718])

    Reference: Lin (1991), Divergence Measures Based on the Shannon Entropy.
    """
    p, q = distributions(p, q)
    one_sided = np.equal(p, 0) | np.equal(q, 0)
    values = js_of_positive(replaced(p, one_sided, 1), replaced(q, one_sided, 1))
    if one_sided.any():
        m = 0.5 * (p + q)
        values = np.where(one_sided, p_log_p_over_q(p, m) + p_log_p_over_q(q, m), values)
    return 0.5 * summed(values, reduction)


def js_of_positive(p, q):
    """p log(p / m) + q log(q / m), elementwise, with all digits also where p is close to q.

    With d = (p - q) / (p + q), p = m (1 + d) and q = m (1 - d).
    """
    d = (p - q) / (p + q)
    log_above, log_below = np.log1p(d), np.log1p(-d)
    return 0.5 * (p + q) * (np.log1p(-d * d) + d * (log_above - log_below))


def distributions(p, q):
    p, q = check.alike(p=p, q=q)
    check.probabilities("p", p)
    check.probabilities("q", q)
    return p, q


def p_log_p_over_q(p, q):
    """p log(p / q), elementwise: 0 without a gradient where p is 0, for q = 0 too."""
    impossible = np.equal(p, 0)
    p, q = replaced(p, impossible, 1), replaced(q, impossible, 1)
    return p * (np.log(p) - np.log(q))  # p / q could overflow


def summed(values, reduction, axis=-1):
    """Sum the values over one axis, then reduce() over the others."""
    if not values.ndim:
        raise ValueError("shape (): a distribution needs an axis")
    if reduction == "none":
        return values.sum(axis=axis)
    return reduce(values, reduction, count=values.size // max(values.shape[axis], 1))


@loss
def gaussian_kl(mu, logvar, *, reduction: str = "mean") -> Tensor:
    """The KL term of a variational autoencoder: how far a Gaussian is from the standard one.

    Formula: sum(mu^2 + e^logvar - 1 - logvar) / 2 over the last axis, then reduced over the others.

    Gradient: mu / N for mu, (e^logvar - 1) / 2 / N for logvar.

    Problem: generative modelling.

    Use: beside a reconstruction loss that is summed over the features of an example, as this is
    over the latent ones: a mean over either changes the weight between them.

    Meaning: D(N(mu, e^logvar) || N(0, 1)) of independent Gaussians: the nats that the code of one
    example carries beyond the prior.

    Outliers: very sensitive: square in mu, exponential in logvar (inf where e^logvar overflows).

    Shapes: mu and logvar of one shape (..., D), one Gaussian for each row. Units: nats.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean; TypeError for
    what is not a real number.

    >>> mu, logvar = [[0.5, -1.0], [0.0, 2.0]], [[0.0, -0.5], [0.3, 1.0]]
    >>> gaussian_kl(mu, logvar, reduction="sum").round(9)
    np.float64(3.062335648)

    Reference: Kingma, Welling (2014), Auto-Encoding Variational Bayes.
    """
    mu, logvar = check.alike(mu=mu, logvar=logvar)
    with np.errstate(over="ignore"):
        values = mu * mu + (np.expm1(logvar) - logvar)  # near 0 the digits of e^logvar - 1 count
    return 0.5 * summed(values, reduction)


@loss
def distillation_loss(
    student_logits,
    teacher_logits,
    target=None,
    *,
    temperature: float = 4.0,
    alpha: float = 0.9,
    reduction: str = "mean",
) -> Tensor:
    """Knowledge distillation: a small network learns what a large one thinks of every class.

    Formula: alpha T^2 KL(softmax(teacher / T) || softmax(student / T))
    + (1 - alpha) cross_entropy(student, target); without target, the first term alone.

    Gradient: alpha T (softmax(student / T) - softmax(teacher / T)) / N
    + (1 - alpha) (softmax(student) - target) / N: bounded; none for the teacher.

    Problem: multi-class classification.

    Use: to compress a network, or to learn from one where labels are few. A higher temperature
    shows more of the order among the classes that the teacher holds unlikely.

    Meaning: the nats wasted by coding the teacher's softened beliefs with the student's. T^2 keeps
    the gradient's size when T changes: for large T the first term's tends to
    alpha (student - teacher) / (N C), for logits that are centred.

    Outliers: robust: a soft target pulls less than a wrong label; the teacher's own errors are
    learned with the rest.

    Shapes: student_logits and teacher_logits (C,), (N, C) or (N, C, d1, ...), classes on axis 1;
    target as for cross_entropy. A logit of -inf rules a class out; what the teacher rules out
    costs nothing where the student does so too. Units: nats.

    Raises: ValueError for unequal shapes, temperature that is not positive, alpha outside of
    [0, 1], labels out of range, an unknown reduction, or an empty mean; TypeError for what is not a
    real number.

    >>> student, teacher = [[2.0, 0.5, -1.0], [0.0, 1.0, 0.5]], [[3.0, 0.0, -2.0], [0.5, 0.5, 1.5]]
    >>> distillation_loss(student, teacher, [0, 2]).round(9)
    np.float64(0.327483983)

    Reference: Hinton, Vinyals, Dean (2015), Distilling the Knowledge in a Neural Network.
    """
    t = check.positive("temperature", temperature)
    alpha = check.fraction("alpha", alpha)
    student = check.numbers("student_logits", student_logits)
    teacher = check.constant("teacher_logits", teacher_logits, like=student)
    check.same_shape("student_logits", student, "teacher_logits", teacher)
    axis = 1 if student.ndim > 1 else 0
    log_p = log_softmax(teacher / t, axis=axis)
    log_q = log_softmax(student / t, axis=axis)
    soft = alpha * t * t * summed(p_log_p_over_q_of_logs(log_p, log_q), reduction, axis)
    if target is None:
        return soft
    return soft + (1 - alpha) * cross_entropy(student, target, reduction=reduction)


@loss
def wasserstein_distance_1d(x, y) -> Tensor:
    """Wasserstein (earth mover's) distance of two samples of numbers, of equal or different sizes.

    Formula: the integral of |F^-1(u) - G^-1(u)| over u from 0 to 1, where F^-1 and G^-1 are the
    quantile functions of the samples; for equal sizes the mean of |sort(x) - sort(y)|.

    Gradient: sign(x - y) / N for a sample x that is carried to y, or the mean of the signs,
    weighted by the shares, where it is split among several: of one size at any distance.

    Problem: generative modelling.

    Use: to compare generated with real numbers, also where the two do not overlap: it says how far
    apart they are, where KL and JS say only that they are.

    Meaning: the least mean distance over which one sample's mass must be carried to become the
    other's; the area between the two distribution functions.

    Outliers: sensitive: in proportion to their distance and to their share of the sample.

    Shapes: x (N,) and y (M,); the result is one number. Units: those of the samples.

    Raises: ValueError for arrays that have no elements or are not one-dimensional; TypeError for
    what is not a real number.

    >>> wasserstein_distance_1d([0.0, 1.0, 3.0], [5.0, 6.0, 8.0])
    np.float64(5.0)
    >>> wasserstein_distance_1d([0.0, 1.0], [0.5])
    np.float64(0.5)

    Reference: Vallender (1974), Calculation of the Wasserstein Distance Between Probability
    Distributions on the Line.
    """
    x, y = check.one_precision(x=x, y=y)
    for name, sample in (("x", x), ("y", y)):
        if sample.ndim != 1 or not sample.size:
            raise ValueError(
                f"{name} has shape {sample.shape}; a sample is one-dimensional and not empty"
                + (f": did you mean {name}.reshape(-1)?" if sample.size else "")
            )
    # Between two neighbouring levels u = i / N or j / M both quantile functions are constant. In
    # units of 1 / (N M) these levels are whole numbers; one that occurs twice gets no share.
    n, m = x.size, y.size
    levels = np.sort(np.concatenate([m * np.arange(n), n * np.arange(m)]), kind="stable")
    shares = (np.diff(levels, append=n * m) / (n * m)).astype(x.dtype)
    levels, shares = levels[shares > 0], shares[shares > 0]  # 0 times an infinite gap is nan
    order_x, order_y = np.argsort(values_of(x)), np.argsort(values_of(y))
    gap = x[order_x[levels // m]] - y[order_y[levels // n]]
    return (np.abs(gap) * shares).sum()
