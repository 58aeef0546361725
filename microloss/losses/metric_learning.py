"""Losses for embeddings and scores, where only comparisons between examples matter."""

from collections.abc import Callable

import numpy as np

from ..engine.tensor import Tensor, values_of
from ..functional import log_softmax, logsumexp, norm, pairwise_distance, softmax, softplus
from . import check
from .classification import cross_entropy
from .common import in_float32, loss, reduce, replaced

__all__ = [
    "batch_hard_triplets", "bpr_loss", "clip_loss", "contrastive_loss", "cosine_embedding_loss",
    "hinge_embedding_loss", "info_nce_loss", "listnet_loss", "margin_ranking_loss", "nt_xent_loss",
    "semi_hard_triplets", "supervised_contrastive_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip

# ---- pairs and triplets --------------------------------------------------------------------------


@loss
def contrastive_loss(
    input1, input2, target, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Contrastive loss: pull similar pairs together, push others apart up to a margin.

    Formula: with D = |input1 - input2|, (1 - target) D^2 + target max(0, margin - D)^2; target 0
    is a similar pair, 1 a dissimilar one. No factor 1/2.

    Gradient: 2 (input1 - input2) for a similar pair, -2 (margin / D - 1) (input1 - input2) for a
    dissimilar one within the margin, each / N: a spring that pulls, a spring that pushes and lets
    go at the margin; 0 for a dissimilar pair at distance 0, where no direction is better.

    Problem: metric learning.

    Use: pairs are labelled as the same or not, and absolute distances should mean something.

    Meaning: the energy of springs between points in Euclidean space.

    Outliers: sensitive: a similar pair that is k times as far apart weighs k^2 times as much;
    dissimilar pairs are bounded by margin^2.

    Shapes: input1 and input2 (N, D) or (D,), target without the last axis; target is a constant.
    Units: distance, squared.

    Raises: ValueError for unequal shapes, targets other than 0 and 1, a margin that is not
    positive, an unknown reduction, or an empty mean; TypeError for a target with requires_grad
    (pass target.data).

    >>> x1 = [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [2.0, 0.0]]
    >>> x2 = [[0.3, 0.4], [1.0, 1.5], [3.0, 4.0], [2.0, 0.0]]
    >>> contrastive_loss(x1, x2, [0, 1, 1, 0], reduction="none")
    array([0.25, 0.25, 0.  , 0.  ])

    Reference: Hadsell, Chopra, LeCun (2006), Dimensionality Reduction by Learning an Invariant
    Mapping (with factors 1/2).
    """
    margin = check.positive("margin", margin)
    input1, input2 = check.alike(input1=input1, input2=input2)
    dissimilar = dissimilarity(target, input1)
    difference = input1 - input2
    # D^2 without D: the norm has no second derivative at 0, its square has
    pull = (difference * difference).sum(axis=-1)
    push = np.clip(margin - norm(difference, axis=-1), 0, None) ** 2
    return reduce(np.where(dissimilar, push, pull), reduction)


def dissimilarity(target, input):
    """Labels 0 (similar) and 1 (dissimilar) as a mask."""
    target = check.constant("target", target, input)
    check.target_shape(target, input.shape[:-1])
    wrong = (target != 0) & (target != 1)
    if wrong.any():
        message = f"target holds {target[wrong][0]!s}, labels here are 0 (similar), 1 (dissimilar)"
        if (np.abs(target) == 1).all():
            message += ": if 1 means similar and -1 does not, pass (1 - target) / 2"
        raise ValueError(message)
    return target == 1


@loss
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    *,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Triplet loss: the positive must be closer to the anchor than the negative, by a margin.

    Formula: max(0, margin + d(a, p) - d(a, n)) with d(u, v) = |u - v + eps|_p; eps is added to
    each component. With swap, the smaller of d(a, n) and d(p, n) replaces d(a, n).

    Gradient: for the anchor of an active triplet and p = 2, the unit vector of a - p minus that of
    a - n, over N, at any distance (eps added to each difference); for the positive minus the first
    and for the negative plus the second; 0 for triplets that are not active. Exactly on the hinge a
    triplet counts as active.

    Problem: metric learning.

    Use: which of two is closer is known, but no absolute distance; choose triplets with
    batch_hard_triplets or semi_hard_triplets, because most random ones are inactive soon.

    Meaning: a hinge on the difference of two distances.

    Outliers: robust: the gradient of each triplet is bounded, but a mislabelled one stays active
    for ever.

    Shapes: anchor, positive and negative of one shape, (N, D) or (D,). Units: distance.

    Raises: ValueError for unequal shapes, a margin that is not positive, p below 1, an unknown
    reduction, or an empty mean.

    >>> anchor, positive, negative = [[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 1.0]]
    >>> triplet_margin_loss(anchor, positive, negative, eps=0.0)      # max(0, 1 + 5 - 1)
    np.float64(5.0)

    Reference: Schroff, Kalenichenko, Philbin (2015), FaceNet (with squared distances); PyTorch's
    triplet_margin_loss.
    """
    margin, eps = check.positive("margin", margin), check.number("eps", eps)
    anchor, positive, negative = check.alike(anchor=anchor, positive=positive, negative=negative)

    def d(u, v):
        return pairwise_distance(u, v, p, eps=eps)

    return reduce(triplet_hinge(d, anchor, positive, negative, margin, swap), reduction)


@loss
def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function: Callable | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Triplet loss with a distance of your own.

    Formula: max(0, margin + d(a, p) - d(a, n)) with d = distance_function, the Euclidean
    pairwise_distance if None. With swap, the smaller of d(a, n) and d(p, n) replaces d(a, n).

    Gradient: for the anchor of an active triplet, (d'(a, p) - d'(a, n)) / N with the derivative d'
    of the distance by a; 0 for triplets that are not active. Exactly on the hinge a triplet counts
    as active.

    Problem: metric learning.

    Use: as triplet_margin_loss, when another distance is meant: 1 - cosine similarity, squared
    distances as in FaceNet, a distance that is learned.

    Meaning: a hinge on the difference of two distances.

    Outliers: robust: for a distance with a bounded gradient the gradient of each triplet is
    bounded, but a mislabelled one stays active for ever.

    Shapes: anchor, positive and negative of one shape, (N, ...); distance_function maps two of them
    to one distance for each triplet, (N,). Units: the distance's.

    Raises: ValueError for unequal shapes, distances that are not one for each triplet, a margin
    that is not positive, an unknown reduction, or an empty mean.

    >>> anchor, positive, negative = [[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 1.0]]
    >>> def squared(u, v):
    ...     return ((u - v) ** 2).sum(axis=-1)
    >>> triplet_margin_with_distance_loss(                           # max(0, 1 + 25 - 1)
    ...     anchor, positive, negative, distance_function=squared)
    np.float64(25.0)

    Reference: Schroff, Kalenichenko, Philbin (2015), FaceNet; PyTorch's
    triplet_margin_with_distance_loss.
    """
    margin = check.positive("margin", margin)
    anchor, positive, negative = check.alike(anchor=anchor, positive=positive, negative=negative)
    d = pairwise_distance if distance_function is None else distance_function
    return reduce(triplet_hinge(d, anchor, positive, negative, margin, swap), reduction)


def triplet_hinge(d, anchor, positive, negative, margin, swap):
    """max(0, margin + d(a, p) - d(a, n)) for each triplet."""
    to_positive, to_negative = d(anchor, positive), d(anchor, negative)
    if to_positive.shape[:1] != anchor.shape[:-1][:1] or to_positive.shape != to_negative.shape:
        raise ValueError(
            f"distance_function(anchor, positive) has shape {to_positive.shape} and "
            f"(anchor, negative) {to_negative.shape}; anchors of shape {anchor.shape} need one "
            f"distance each: {anchor.shape[:-1][:1]}"
        )
    if swap:
        to_negative = np.minimum(to_negative, d(positive, negative))
    return np.clip(margin + (to_positive - to_negative), 0, None)


def batch_hard_triplets(embeddings, labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each anchor, the farthest example of its class and the nearest one of another class.

    Euclidean distances; the first of several equal ones. Anchors without a positive or without a
    negative are left out. Nothing is recorded: index the embeddings with the result.

    Shapes: embeddings (N, D), labels (N,); returns indices of anchors, positives and negatives.

    Raises: ValueError for shapes that do not fit and for embeddings that are not finite.

    >>> a, p, n = batch_hard_triplets([[0.0], [1.0], [3.0], [2.5], [9.0]], [0, 0, 0, 1, 2])
    >>> a, p, n
    (array([0, 1, 2]), array([2, 2, 0]), array([3, 3, 3]))

    Reference: Hermans, Beyer, Leibe (2017), In Defense of the Triplet Loss.
    """
    distance, positive, negative = relations(embeddings, labels)
    anchors = np.flatnonzero(positive.any(axis=1) & negative.any(axis=1))
    farthest = np.where(positive, distance, -np.inf)[anchors]
    nearest = np.where(negative, distance, np.inf)[anchors]
    if not anchors.size:  # argmax refuses to search in nothing
        return anchors, anchors, anchors
    return anchors, farthest.argmax(axis=1), nearest.argmin(axis=1)


def semi_hard_triplets(
    embeddings, labels, *, margin: float = 0.2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All triplets whose negative is farther than the positive, by no more than the margin.

    Formula: 0 < d(a, n) - d(a, p) <= margin. Harder negatives, nearer than the positive, often
    collapse all embeddings to one point early in training; easier ones have no gradient.
    Nothing is recorded: index the embeddings with the result.

    Shapes: embeddings (N, D), labels (N,); returns indices of anchors, positives and negatives.

    Raises: ValueError for shapes that do not fit, embeddings that are not finite and a margin that
    is not positive.

    >>> semi_hard_triplets([[0.0], [1.0], [1.5], [4.0]], [0, 0, 1, 1], margin=1.0)
    (array([0, 3]), array([1, 2]), array([2, 1]))

    Reference: Schroff, Kalenichenko, Philbin (2015), FaceNet.
    """
    margin = check.positive("margin", margin)
    distance, positive, negative = relations(embeddings, labels)
    anchors, positives = np.nonzero(positive)
    gap = distance[anchors] - distance[anchors, positives][:, None]
    rows, negatives = np.nonzero(negative[anchors] & (gap > 0) & (gap <= margin))
    return anchors[rows], positives[rows], negatives


def check_rows_and_labels(x, labels):
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError(
            f"embeddings must be (N, D) and labels (N,); got shapes {x.shape} and {labels.shape}"
        )


def relations(embeddings, labels):
    """Distances between all rows, which pairs are of one class, and which are of two."""
    x, labels = values_of(check.numbers("embeddings", embeddings)), np.asarray(labels)
    check_rows_and_labels(x, labels)
    wrong = ~np.isfinite(x)
    if wrong.any():
        raise ValueError(f"embeddings holds {x[wrong][0]!s}: distances need finite numbers")
    # row by row, and not from x @ x.T, which rounds small distances away
    distance = np.array([norm(x - row, axis=1) for row in x]).reshape(len(x), len(x))
    same = labels[:, None] == labels
    return distance, same & ~np.eye(len(x), dtype=bool), ~same


@loss
@in_float32
def cosine_embedding_loss(
    input1, input2, target, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Cosine embedding loss: small angles within similar pairs, large ones within others.

    Formula: with cos = input1 . input2 / sqrt((|input1|^2 + 1e-12) (|input2|^2 + 1e-12)),
    1 - cos for target 1 (similar), max(0, cos - margin) for target -1 (dissimilar).

    Gradient: -target (u2 - cos u1) / |input1| / N with respect to input1, u1 and u2 the unit
    vectors; 0 for a dissimilar pair below the margin (exactly at the margin it still counts). At
    right angles to input1, and large for short vectors.

    Problem: metric learning.

    Use: pairs are labelled, and only the direction of an embedding should matter, as for texts of
    different lengths.

    Meaning: half the squared distance of the points on the unit sphere.

    Outliers: bounded: no pair costs more than 2.

    Shapes: input1 and input2 (N, D) or (D,), target without the last axis; target is a constant.
    Units: none.

    Raises: ValueError for unequal shapes, targets other than -1 and +1, a margin outside of [-1,
    1], an unknown reduction, or an empty mean; TypeError for a target with requires_grad (pass
    target.data).

    >>> cosine_embedding_loss([[1.0, 2.0], [1.0, 0.0]], [[2.0, 1.0], [1.0, 1.0]], [1, -1],
    ...                       margin=0.5, reduction="none").round(6)
    array([0.2     , 0.207107])

    Reference: Bromley, Guyon, LeCun, Sackinger, Shah (1993), Signature Verification using a
    "Siamese" Time Delay Neural Network (for cosines of pairs); PyTorch's cosine_embedding_loss.
    """
    margin = check.number("margin", margin)
    if not -1 <= margin <= 1:
        raise ValueError(f"margin must be in [-1, 1], as a cosine is; got {margin!r}")
    input1, input2 = check.alike(input1=input1, input2=input2)
    target = check.signs(target, input1, input1.shape[:-1])
    product = (input1 * input2).sum(axis=-1)
    square1, square2 = ((x * x).sum(axis=-1) + 1e-12 for x in (input1, input2))
    cos = product / np.sqrt(square1 * square2)
    return reduce(np.where(target == 1, 1 - cos, np.clip(cos - margin, 0, None)), reduction)


@loss
def hinge_embedding_loss(input, target, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Hinge embedding loss: small distances for similar pairs, large ones for others.

    Formula: input for target 1 (similar), max(0, margin - input) for target -1 (dissimilar);
    input is a distance.

    Gradient: 1 / N for a similar pair, -1 / N for a dissimilar one up to and including the margin,
    else 0: of one size everywhere.

    Problem: metric learning.

    Use: a distance of any kind is computed already, L1 for example, and pairs are labelled.

    Meaning: a hinge on a distance; the contrastive loss without its squares.

    Outliers: robust: the gradient does not grow with the distance.

    Shapes: input and target of one shape; target is a constant. Units: the distance's.

    Raises: ValueError for unequal shapes, targets other than -1 and +1, a margin of nan, an unknown
    reduction, or an empty mean; TypeError for a target with requires_grad (pass target.data).

    >>> hinge_embedding_loss([0.3, -0.2, 0.4, 1.0, 1.5], [1, 1, -1, -1, -1], reduction="none")
    array([ 0.3, -0.2,  0.6,  0. ,  0. ])

    Reference: Mobahi, Collobert, Weston (2009), Deep Learning from Temporal Coherence in Video
    (with L1 distances); PyTorch's hinge_embedding_loss.
    """
    margin = check.number("margin", margin)
    input = check.numbers("input", input)
    target = check.signs(target, input, input.shape)
    return reduce(np.where(target == 1, input, np.clip(margin - input, 0, None)), reduction)


# ---- ranking -------------------------------------------------------------------------------------


@loss
def margin_ranking_loss(
    input1, input2, target, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Margin ranking loss: of two scores, the one that should be higher must lead by a margin.

    Formula: max(0, margin - target (input1 - input2)); target 1 ranks input1 higher, -1 input2.

    Gradient: -target / N with respect to input1 and its opposite for input2 while the order is
    wrong or the margin is not reached, exactly on the margin too; else 0. A target that requires
    a gradient gets (input2 - input1) / N, as in PyTorch.

    Problem: ranking.

    Use: it is known which of two should rank higher, and a margin is enough.

    Meaning: a hinge on the difference of two scores; with margin 1 it bounds the share of wrong
    orders from above.

    Outliers: robust: the gradient of each pair is bounded.

    Shapes: input1, input2 and target of one shape. Units: the scores'.

    Raises: ValueError for unequal shapes, targets other than -1 and +1, a margin of nan, an
    unknown reduction, or an empty mean.

    >>> margin_ranking_loss([1.0, 2.0, 0.5, 1.0], [0.5, 2.5, 0.5, 2.0], [1, 1, 1, -1], margin=0.25)
    np.float64(0.25)

    Reference: Herbrich, Graepel, Obermayer (2000), Large Margin Rank Boundaries for Ordinal
    Regression; PyTorch's margin_ranking_loss.
    """
    input1, input2 = check.alike(input1=input1, input2=input2)
    check.signs(values_of(target), input1, input1.shape)
    target, margin = check.numbers("target", target, input1), check.number("margin", margin)
    return reduce(np.clip(margin - target * (input1 - input2), 0, None), reduction)


@loss
def bpr_loss(positive, negative, *, reduction: str = "mean") -> Tensor:
    """Bayesian personalised ranking: what a user chose should score above what was not chosen.

    Formula: -log sigmoid(positive - negative) = softplus(negative - positive).

    Gradient: -sigmoid(negative - positive) / N with respect to positive, its opposite for negative:
    1 in size while the order is badly wrong, vanishing once it is right.

    Problem: ranking.

    Use: recommendations from clicks, purchases and the like, where only choices are seen.

    Meaning: the negative log-likelihood of a logistic model of each preference; a smooth substitute
    for 1 - AUC.

    Outliers: robust: linear in the score of a wrong order, so its gradient is bounded by 1.

    Shapes: positive and negative of one shape. Units: nats.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean.

    >>> bpr_loss([2.0, 0.5, -1.0], [1.0, 1.5, -1.0]).round(6)
    np.float64(0.773224)

    Reference: Rendle, Freudenthaler, Gantner, Schmidt-Thieme (2009), BPR: Bayesian Personalized
    Ranking from Implicit Feedback.
    """
    positive, negative = check.alike(positive=positive, negative=negative)
    return reduce(softplus(negative - positive), reduction)


@loss
def listnet_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """ListNet: the scores of a list should put the same item first as its relevances do.

    Formula: -sum_j q_j log p_j over the items j of a list (the last axis), with p = softmax(input)
    and q = softmax(target).

    Gradient: (p - q) / N with respect to the scores of each of N lists: bounded.

    Problem: ranking.

    Use: whole lists with graded relevances, as search results are; pairs are enough for bpr_loss.

    Meaning: the cross-entropy between two models of which item comes first, each with odds
    e^(difference of scores). Its least value is the entropy of q, not 0.

    Outliers: robust: the gradient of a list is bounded, whatever its relevances.

    Shapes: input (scores) and target (relevances) of one shape, (N, M) or (M,) for one list; "none"
    gives (N,). Fill shorter lists with -inf in both. target is a constant. Units: nats.

    Raises: ValueError for unequal shapes, lists without items, an unknown reduction, or an empty
    mean; TypeError for a target with requires_grad (pass target.data).

    >>> listnet_loss([2.0, 1.0, 0.0], [2.0, 1.0, 0.0]).round(6)      # the entropy of the target
    np.float64(0.832396)
    >>> listnet_loss([0.0, 1.0, 2.0], [2.0, 1.0, 0.0]).round(6)      # the order reversed
    np.float64(1.982816)

    Reference: Cao, Qin, Liu, Tsai, Li (2007), Learning to Rank: From Pairwise Approach to Listwise
    Approach (the top-one probabilities).
    """
    input, target = check.alike(input=input, target=check.constant("target", target))
    if not input.shape[-1:] or not input.shape[-1]:
        raise ValueError(f"input has shape {input.shape}; it must be (N, M) or (M,) with M items")
    q = softmax(target)
    log_p = replaced(
        log_softmax(input), q == 0, 0
    )  # 0 log p counts as 0, even where p is 0 as well
    return reduce(-(q * log_p).sum(axis=-1), reduction)


# ---- one positive among many negatives -----------------------------------------------------------


@loss
@in_float32
def info_nce_loss(
    query, positive, negatives=None, *, temperature=0.1, reduction: str = "mean"
) -> Tensor:
    """InfoNCE: recognise the positive of each query among negatives, by cosine similarity.

    Formula: -log(e^(s_0 / T) / sum_k e^(s_k / T)) with the cosines s_k = u . v_k of the unit vector
    u of a query with those of its keys: key 0 is its positive, the other keys are the negatives.
    Without `negatives`, the positives of the other queries serve as such.

    Gradient: (g - (g . u) u) / (T |query|) / N with g = sum_k p_k v_k - v_0 with respect to a
    query, p being the softmax of s / T over the keys. Hard negatives push most, the more so the
    lower the temperature T.

    Problem: metric learning.

    Use: self-supervised learning from pairs, where everything else in the batch is a negative;
    large batches help.

    Meaning: cross-entropy of a classifier whose classes are the candidates; log(number of
    candidates) minus the loss bounds the mutual information from below.

    Outliers: bounded: no loss exceeds log(candidates) + 2 / T; but a negative that is truly a
    positive is pushed away.

    Shapes: query and positive (N, D); negatives (M, D) for all queries or (N, M, D), own ones for
    each; temperature a number, or a Tensor to learn it. Units: nats.

    Raises: ValueError for shapes that do not fit, a temperature that is not positive, an unknown
    reduction, or an empty mean.

    >>> query, positive = [[1.0, 0.0], [0.6, 0.8]], [[0.8, 0.6], [0.0, 2.0]]
    >>> info_nce_loss(query, positive, temperature=0.5).round(6)
    np.float64(0.524897)

    Reference: van den Oord, Li, Vinyals (2018), Representation Learning with Contrastive
    Predictive Coding (which scores with a learned bilinear form; the cosine over a temperature is
    from Wu, Xiong, Yu, Lin (2018), Unsupervised Feature Learning via Non-Parametric Instance
    Discrimination).
    """
    query, positive = rows_of(query=query, positive=positive)
    if negatives is None:
        return identification(
            similarities(query, positive, temperature), np.arange(len(query)), reduction
        )
    negatives = check.numbers("negatives", negatives, query)
    n, d = query.shape
    many = negatives.shape[-2:-1]
    if not many or negatives.shape not in ((*many, d), (n, *many, d)):
        raise ValueError(
            f"negatives has shape {negatives.shape}; for a query of shape {query.shape} it must "
            f"be (M, {d}), shared by all queries, or ({n}, M, {d})"
        )
    query, positive, negatives = unit(query), unit(positive), unit(negatives)
    to_positive = (query * positive).sum(axis=-1, keepdims=True)
    if negatives.ndim == 2:
        to_negatives = query @ negatives.T
    else:
        to_negatives = (negatives @ query[:, :, None])[:, :, 0]
    logits = np.concatenate([to_positive, to_negatives], axis=1) / checked(temperature, query)
    return identification(logits, np.zeros(n, int), reduction)


@loss
@in_float32
def nt_xent_loss(z1, z2, *, temperature=0.5, reduction: str = "mean") -> Tensor:
    """NT-Xent, SimCLR's loss: the two views of an example should find each other among all views.

    Formula: for each of the 2N rows i, with its other view j,
    -log(e^(s_ij / T) / sum over k other than i of e^(s_ik / T)), with the cosines s_ik = u_i . u_k
    of the unit vectors u of all rows.

    Gradient: (g - (g . u_i) u_i) / (T |z_i|) / 2N with g = sum_k (P_ik + P_ki) u_k - 2 u_j with
    respect to row z_i, P_ik being the softmax of s_ik / T over k other than i.

    Problem: metric learning.

    Use: self-supervised learning from two augmented views of each example; large batches help.

    Meaning: cross-entropy of finding the partner among 2N - 1 candidates on the unit sphere.

    Outliers: bounded: no loss exceeds log(2N - 1) + 2 / T; but examples of one class in a batch
    push each other away.

    Shapes: z1 and z2 (N, D); "none" gives (2N,), the rows of z1, then those of z2; temperature a
    number, or a Tensor to learn it. Units: nats.

    Raises: ValueError for unequal shapes, a temperature that is not positive, an unknown
    reduction, or an empty mean.

    >>> nt_xent_loss([[1.0, 0.0], [0.6, 0.8]], [[0.8, 0.6], [0.0, 1.0]]).round(6)
    np.float64(0.870714)

    Reference: Chen, Kornblith, Norouzi, Hinton (2020), A Simple Framework for Contrastive
    Learning of Visual Representations.
    """
    z1, z2 = rows_of(z1=z1, z2=z2)
    n = len(z1)
    z = unit(np.concatenate([z1, z2]))
    # a row is not its own candidate: masked, because subtracting its term e^(1 / T) would cancel
    similarity = (z @ z.T) / checked(temperature, z)
    logits = np.where(np.eye(2 * n, dtype=bool), -np.inf, similarity)
    return identification(logits, np.roll(np.arange(2 * n), n), reduction)


@loss
@in_float32
def clip_loss(image_embeddings, text_embeddings, *, temperature=0.07) -> Tensor:
    """CLIP's loss: each image should find its text in the batch, and each text its image.

    Formula: (CE(S / T) + CE(S^T / T)) / 2, S the cosine similarities of all images with all texts
    and CE the mean cross-entropy with the matching ones, on the diagonal, as classes. Embeddings
    are scaled to unit length here; for unit vectors that changes nothing.

    Gradient: G = (P + Q^T - 2 I) / (2 N T) with respect to S, with P and Q the softmaxes of S / T
    over texts and of S^T / T over images; with respect to image i, (g - (g . u) u) / |image i| with
    g = sum_j G_ij v_j, u and v_j being the unit vectors of the image and of the texts.

    Problem: metric learning.

    Use: two kinds of data in pairs, such as images and captions, for one common space.

    Meaning: InfoNCE in both directions.

    Outliers: bounded: no loss exceeds log(N) + 2 / T; but a wrong pair pulls as hard as any.

    Shapes: image_embeddings and text_embeddings (N, D), matching row by row; temperature a number,
    or a Tensor to learn it; result (). Units: nats.

    Raises: ValueError for unequal shapes, no pairs, or a temperature that is not positive.

    >>> images, texts = [[1.0, 0.0], [0.6, 0.8]], [[0.8, 0.6], [0.0, 1.0]]
    >>> clip_loss(images, texts, temperature=0.5).round(6)
    np.float64(0.524897)

    Reference: Radford et al. (2021), Learning Transferable Visual Models From Natural Language
    Supervision.
    """
    images, texts = rows_of(image_embeddings=image_embeddings, text_embeddings=text_embeddings)
    logits = similarities(images, texts, temperature)
    own = np.arange(len(images))
    return 0.5 * (identification(logits, own, "mean") + identification(logits.T, own, "mean"))


@loss
@in_float32
def supervised_contrastive_loss(
    embeddings, labels, *, temperature=0.1, reduction: str = "mean"
) -> Tensor:
    """Supervised contrastive loss: NT-Xent with labels, so one row has many positives.

    Formula: for each row i, -1 / |P(i)| times the sum over its positives j in P(i), the other rows
    of its class, of log(e^(s_ij / T) / sum over k other than i of e^(s_ik / T)), s being the
    cosines. A row without a positive costs 0, and the mean leaves it out.

    Gradient: (g - (g . u_i) u_i) / (T |z_i|) / N with g = sum_k (D_ik + D_ki) u_k with respect to
    row z_i of N rows that count, u being the unit vectors and D_ik the softmax of s_ik / T over k
    other than i, minus 1 / |P(i)| where k is a positive of i; D_ik is 0 for a row that does not
    count.

    Problem: metric learning.

    Use: labels are known, and the embedding should serve more than one classifier; batches must
    hold several rows of a class.

    Meaning: cross-entropy of finding a row of the same class among all others on the unit sphere,
    averaged over those of the class. With two rows a class it is nt_xent_loss.

    Outliers: bounded: no loss exceeds log(N - 1) + 2 / T; but a wrongly labelled row is pulled to
    the wrong class.

    Shapes: embeddings (N, D), labels (N,) of any kind that can be compared; "none" gives (N,);
    temperature a number, or a Tensor to learn it. Units: nats.

    Raises: ValueError for shapes that do not fit, a temperature that is not positive, an unknown
    reduction, or a mean over no row with a positive.

    >>> z = [[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 2.0], [-1.0, 1.0]]
    >>> supervised_contrastive_loss(z, [0, 1, 0, 1, 0], temperature=0.5).round(6)
    np.float64(1.833587)

    Reference: Khosla et al. (2020), Supervised Contrastive Learning (L_out, without its factor
    T / T_base).
    """
    z, labels = check.numbers("embeddings", embeddings), np.asarray(labels)
    check_rows_and_labels(z, labels)
    if len(z) < 2:  # no other rows, so a softmax over nothing
        return reduce(0 * z.sum(axis=1), reduction, count=0)
    u = unit(z)
    others = ~np.eye(len(labels), dtype=bool)
    positives = others & (labels[:, None] == labels)
    s = np.where(others, (u @ u.T) / checked(temperature, z), -np.inf)
    log_p = np.where(positives, s - logsumexp(s, axis=1, keepdims=True), 0)
    count = positives.sum(axis=1)
    values = -log_p.sum(axis=1) / np.maximum(count, 1).astype(z.dtype)
    return reduce(values, reduction, count=int((count > 0).sum()))


def rows_of(**embeddings):
    """Two batches of embeddings (N, D) of one shape."""
    pair = check.alike(**embeddings)
    if pair[0].ndim != 2:
        names = " and ".join(embeddings)
        raise ValueError(f"{names} must have shape (N, D), got {pair[0].shape}")
    return pair


def unit(x):
    """The rows of x at length 1; a row of zeros stays."""
    return x / np.maximum(norm(x, axis=-1, keepdims=True), 1e-12)


def similarities(x, y, temperature):
    """Cosines of all rows of x with all rows of y, over the temperature."""
    return (unit(x) @ unit(y).T) / checked(temperature, x)


def identification(logits, own, reduction):
    """Cross-entropy of telling each row's own candidate from the others."""
    if not own.size:  # no rows, so perhaps no candidates either: no cross-entropy has 0 classes
        return reduce(logits.sum(axis=1), reduction)
    return cross_entropy(logits, own, reduction=reduction)


def checked(temperature, like):
    """A temperature above 0: a Tensor as it is, a number in the precision of `like`."""
    if not isinstance(temperature, Tensor):
        temperature = np.asarray(temperature, like.dtype)
    if temperature.size != 1:
        raise ValueError(f"temperature must be one number, got shape {temperature.shape}")
    check.positive("temperature", values_of(temperature).item())
    return temperature
