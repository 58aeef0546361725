"""Metrics of rankings: values by hand, and calls that are refused."""

import math

import numpy as np

from microloss import metrics

from ..samples import same

BY_HAND = [
    # ranks 2, 1, and 2 because of the tie
    (
        metrics.mean_reciprocal_rank,
        ([[3, 2, 1], [3, 2, 1], [3, 3, 1]], [[0, 1, 1], [1, 0, 1], [1, 0, 0]]),
        {},
        (1 / 2 + 1 + 1 / 2) / 3,
    ),
    (metrics.mean_average_precision, ([[4, 3, 2, 1]], [[0, 1, 0, 1]]), {}, (1 / 2 + 2 / 4) / 2),
    (metrics.mean_average_precision, ([2, 2, 1], [1, 0, 1]), {}, (1 / 2 + 2 / 3) / 2),
    # first, second behind an irrelevant one, first but tied with an irrelevant one
    (
        metrics.recall_at_k,
        ([[3, 2, 1], [3, 2, 1], [3, 3, 1]], [[1, 0, 0], [0, 1, 1], [1, 0, 0]]),
        {"k": 1},
        1 / 3,
    ),
    (metrics.recall_at_k, ([3, 2, 1], [0, 1, 1]), {"k": 2}, 1),
    # ranked with gains 0, 3, 1; the ideal is 3, 1, 0
    (
        metrics.ndcg,
        ([9, 8, 7], [0, 3, 1]),
        {},
        (3 / math.log2(3) + 1 / 2) / (3 + 1 / math.log2(3)),
    ),
    (metrics.ndcg, ([9, 8, 7], [0, 3, 1]), {"k": 2}, (3 / math.log2(3)) / (3 + 1 / math.log2(3))),
    (metrics.ndcg, ([[9, 8, 8], [2, 1, 0]], [[0, 3, 1], [1, 0, 0]]), {"k": 1}, (0 + 1) / 2),
]

PEERS = [
    *(("ndcg", "metrics.ndcg_score", ["ranks", "ranks tied"], *same(k=k)) for k in (None, 1, 3, 9)),
    (
        "mean_average_precision", "metrics.label_ranking_average_precision_score",
        ["marks", "marks tied"], *same(),
    ),
]  # fmt: skip

ERRORS = [
    (metrics.mean_reciprocal_rank, ([1, 2], [0, 0]), {}, "no relevant"),
    (metrics.mean_average_precision, ([[1, 2]], [[0, 0]]), {}, "no relevant"),
    (metrics.recall_at_k, ([[1, 2], [3, 4]], [[1, 0], [0, 0]]), {"k": 1}, "query 1 .1 of 2"),
    (metrics.recall_at_k, ([[1, 2]], [[1, 0]]), {"k": 0}, "k must be.*0"),
    (metrics.recall_at_k, (np.zeros((2, 2, 2)), np.ones((2, 2, 2))), {"k": 1}, "queries"),
    (metrics.recall_at_k, ([[1, np.nan]], [[1, 0]]), {"k": 1}, "score holds nan"),
    (metrics.ndcg, ([[1, 2]], [[1, -1]]), {}, "target holds -1"),
    (metrics.ndcg, ([[1, 2]], [[0, 0]]), {}, "query 0"),
    (metrics.ndcg, ([[1, 2]], [[0, 1]]), {"k": 1.5}, "k must be"),
]
