"""Metrics of clusterings: values by hand, and calls that are refused."""

from microloss import metrics

from ..samples import LABELS, same

BY_HAND = [
    # clusters of 3 and 2 with 2 and 1 of their most common class
    (metrics.purity, ([0, 0, 0, 1, 1], [7, 7, 8, 8, 7]), {}, 3 / 5),
    (metrics.purity, ([1, 2, 3], [5, 5, 5]), {}, 1),
    # pairs together: 1 in both, 3 in clusters, 2 in classes, of 6: 1 is what chance gives
    (metrics.adjusted_rand_index, ([0, 0, 0, 1], [5, 5, 6, 6]), {}, 0),
    # 1 in both, 1 in clusters, 2 in classes, of 6: (1 - 1/3) / (3/2 - 1/3)
    (metrics.adjusted_rand_index, ([0, 0, 1, 2], [0, 0, 1, 1]), {}, 4 / 7),
    (metrics.adjusted_rand_index, ([3, 3], [1, 1]), {}, 1),
]

PEERS = [
    ("adjusted_rand_index", "metrics.adjusted_rand_score", LABELS, *same()),
    ("purity", "purity", LABELS, *same()),
]

ERRORS = [
    (metrics.purity, ([0.5, 1], [0, 1]), {}, "prediction holds 0.5"),
    (metrics.purity, ([], []), {}, "empty"),
    (metrics.adjusted_rand_index, ([[0, 1]], [[1, 0]]), {}, r"\(1, 2\).*must be \(N,\)"),
    (metrics.adjusted_rand_index, ([0, 1], [0, 1, 2]), {}, "must be equal"),
]
