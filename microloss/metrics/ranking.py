"""Metrics of rankings: candidates by falling score."""

import numpy as np

from ..losses import check
from .common import check_count, pair


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
            f"({hopeless.sum()} of {len(target)} queries): leave such queries out"
        )
    if k is not None:
        check_count("k", k)
    return score, target


def recall_at_k(score, target, *, k: int) -> float:
    """Share of queries that have a relevant candidate among the k with the highest scores.

    Formula: mean over queries of [fewer than k irrelevant candidates score as high as the best
    relevant one].  Ties count against the query, so equal scores for all get 0.  Where each query
    has one relevant candidate, this is also the share of relevant candidates found.

    Shapes: score (Q, N) and target (Q, N), above 0 where relevant; or (N,) each for one query.
    Scores may be infinite.  Range: 0 to 1.

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
    score, target = ranking(score, target, k)
    relevant = target > 0
    best = np.max(score, axis=1, where=relevant, initial=-np.inf, keepdims=True)
    return float(np.mean((~relevant & (score >= best)).sum(axis=1) < k))


def ndcg(score, target, *, k: int | None = None) -> float:
    """Normalised discounted cumulative gain: are the most relevant candidates ranked first?

    Formula: DCG / (DCG of the ideal order), DCG = sum over ranks r = 1..k of gain_r / log2(r + 1);
    the gain is the target, and candidates of equal score share their mean gain.  The mean over
    queries.  For the gain 2^relevance - 1, pass 2**target - 1.

    Shapes: score (Q, N) and target (Q, N), relevance of at least 0; or (N,) each for one query;
    all ranks for k=None.  Range: 0 to 1.

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
