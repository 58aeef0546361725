"""Metrics of rankings: candidates by falling score."""

import numpy as np

from ..losses import check
from .common import check_count, metric, pair

__all__ = ["mean_average_precision", "mean_reciprocal_rank", "ndcg", "recall_at_k"]


def ranking(score, target, k):
    """Scores and relevance of the candidates, (Q, N) each."""
    score, target = pair("score", score, target, finite=False)
    if score.ndim not in (1, 2):
        raise ValueError(f"score has shape {score.shape}, it must be (queries, candidates)")
    score, target = np.atleast_2d(score, target)
    check.none_negative("target", target, "it is the relevance")
    hopeless = (target == 0).all(axis=1)
    if hopeless.any():
        raise ValueError(
            f"target holds no relevant candidate for query {np.argmax(hopeless)} "
            f"({hopeless.sum()} of {len(target)} queries); leave such queries out"
        )
    if k is not None:
        check_count("k", k)
    return score, target


def ahead_of_the_best(score, target):
    """For each query, how many irrelevant candidates score as high as the best relevant one."""
    relevant = target > 0
    best = np.max(score, axis=1, where=relevant, initial=-np.inf, keepdims=True)
    return (~relevant & (score >= best)).sum(axis=1)


@metric
def recall_at_k(score, target, *, k: int) -> float:
    """Share of queries that have a relevant candidate among the k with the highest scores.

    Formula: mean over queries of [fewer than k irrelevant candidates score as high as the best
    relevant one]. Ties count against the query, so equal scores for all get 0. Where each query
    has one relevant candidate, this is also the share of relevant candidates found.

    Shapes: score (Q, N) and target (Q, N), above 0 where relevant; or (N,) each for one query.
    Scores may be infinite. Range: 0 to 1.

    Raises: ValueError for unequal shapes, a query without relevant candidates, k below 1, nan, or
    empty input.

    For embeddings with class labels, score = -distance, and nothing is a candidate for itself:

    >>> x, labels = np.array([0.0, 1.0, 1.5, 4.0]), np.array([0, 0, 1, 1])
    >>> score, same = -np.abs(x[:, None] - x), labels[:, None] == labels
    >>> np.fill_diagonal(score, -np.inf)
    >>> np.fill_diagonal(same, False)
    >>> recall_at_k(score, same, k=1), recall_at_k(score, same, k=2)
    (0.5, 0.75)

    Reference: Jegou, Douze, Schmid (2011), Product Quantization for Nearest Neighbor Search; Oh
    Song et al. (2016), Deep Metric Learning via Lifted Structured Feature Embedding.
    """
    return float(np.mean(ahead_of_the_best(*ranking(score, target, k)) < k))


@metric
def mean_reciprocal_rank(score, target) -> float:
    """Mean over queries of 1 / (rank of the best relevant candidate).

    Formula: mean of 1 / (1 + number of irrelevant candidates that score as high as the best
    relevant one). Ties count against the query.

    Shapes: score (Q, N) and target (Q, N), above 0 where relevant; or (N,) each for one query.
    Scores may be infinite. Range: above 0, to 1.

    Raises: ValueError for unequal shapes, a query without relevant candidates, nan, or empty
    input.

    >>> mean_reciprocal_rank([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]], [[1, 0, 0], [0, 1, 1]])
    0.75

    Reference: Voorhees (1999), The TREC-8 Question Answering Track Report.
    """
    return float(np.mean(1 / (1 + ahead_of_the_best(*ranking(score, target, None)))))


@metric
def mean_average_precision(score, target) -> float:
    """Mean over queries of the average precision: are the relevant candidates ranked first?

    Formula: for each relevant candidate, the share of relevant ones among all that score at least
    as high; the mean of this over the relevant candidates of a query, then over the queries. (The
    mAP of object detection is another metric.)

    Shapes: score (Q, N) and target (Q, N), above 0 where relevant; or (N,) each for one query.
    Scores may be infinite. Range: above 0, to 1.

    Raises: ValueError for unequal shapes, a query without relevant candidates, nan, or empty
    input.

    >>> round(mean_average_precision([0.9, 0.5, 0.1], [1, 0, 1]), 6)          # (1/1 + 2/3) / 2
    0.833333

    Reference: Manning, Raghavan, Schuetze (2008), Introduction to Information Retrieval, ch. 8;
    scikit-learn's label_ranking_average_precision_score.
    """
    score, target = ranking(score, target, None)

    def average_precision(score, relevant):
        thresholds = score[relevant]
        found = (thresholds >= thresholds[:, None]).sum(axis=1)
        taken = (score >= thresholds[:, None]).sum(axis=1)
        return np.mean(found / taken)

    return float(np.mean([average_precision(s, t > 0) for s, t in zip(score, target)]))


@metric
def ndcg(score, target, *, k: int | None = None) -> float:
    """Normalised discounted cumulative gain: are the most relevant candidates ranked first?

    Formula: DCG / (DCG of the ideal order), DCG = sum over ranks r = 1..k of gain_r / log2(r + 1);
    the gain is the target, and candidates of equal score share their mean gain. The mean over
    queries. For the gain 2^relevance - 1, pass 2**target - 1.

    Shapes: score (Q, N) and target (Q, N), relevance of at least 0; or (N,) each for one query;
    all ranks for k=None. Range: 0 to 1.

    Raises: ValueError for unequal shapes, negative relevance, a query without relevant candidates,
    k below 1, nan, or empty input.

    >>> round(ndcg([0.3, 0.2, 0.1], [1, 2, 0]), 6)          # (1 + 2/log2 3) / (2 + 1/log2 3)
    0.859719

    Reference: Jarvelin, Kekalainen (2002), Cumulated Gain-Based Evaluation of IR Techniques;
    scikit-learn's ndcg_score.
    """
    score, target = ranking(score, target, k)
    discount = 1 / np.log2(np.arange(2, score.shape[1] + 2))
    if k is not None:
        discount[k:] = 0

    def dcg(score, gain):
        _, tied, count = np.unique(-score, return_inverse=True, return_counts=True)
        return np.repeat(np.bincount(tied, gain) / count, count) @ discount

    return float(np.mean([dcg(s, t) / dcg(t, t) for s, t in zip(score, target)]))
