"""Metrics of scores: values by hand, and calls that are refused."""

import numpy as np

from microloss import metrics

from ..samples import SCORES, same

BY_HAND = [
    # thresholds inf, 3, 2, 1: nobody; one positive; also one of each; everybody
    (
        metrics.roc_curve,
        ([3, 2, 2, 1], [1, 1, 0, 0]),
        {},
        ([0, 0, 1 / 2, 1], [0, 1 / 2, 1, 1], [np.inf, 3, 2, 1]),
    ),
    # of the four pairs, three are ordered and one is tied
    (metrics.roc_auc, ([3, 2, 2, 1], [1, 1, 0, 0]), {}, 3.5 / 4),
    (
        metrics.precision_recall_curve,
        ([3, 2, 2, 1], [1, 1, 0, 0]),
        {},
        ([2 / 4, 2 / 3, 1, 1], [1, 1, 1 / 2, 0], [1, 2, 3]),
    ),
    (metrics.average_precision, ([3, 2, 2, 1], [1, 1, 0, 0]), {}, 1 / 2 * 1 + 1 / 2 * 2 / 3),
]

PEERS = [
    ("roc_curve", "metrics.roc_curve", SCORES, {}, {"drop_intermediate": False}),
    ("roc_auc", "metrics.roc_auc_score", SCORES, *same()),
    ("precision_recall_curve", "metrics.precision_recall_curve", [*SCORES, "score all 1"], *same()),
    ("average_precision", "metrics.average_precision_score", [*SCORES, "score all 1"], *same()),
]  # fmt: skip

ERRORS = [
    (metrics.roc_curve, ([0.1, 0.2], [1, 1]), {}, "target holds only 1s"),
    (metrics.roc_auc, ([0.1, 0.2], [0, 0]), {}, "target holds only 0s"),
    (metrics.roc_auc, ([0.1, 0.2], [-1, 1]), {}, r"\(target \+ 1\) / 2"),
    (metrics.roc_auc, ([0.1, 0.2, 0.3], [0, 1, 2]), {}, "target holds 2.*target == c"),
    (metrics.roc_auc, ([0.1, np.inf], [0, 1]), {}, "score holds inf"),
    (metrics.roc_auc, ([0.1, 0.2], [[0], [1]]), {}, "score has shape"),
    (metrics.precision_recall_curve, ([0.1, 0.2], [0, 0]), {}, "only 0s"),
    (metrics.average_precision, ([0.1, 0.2], [0, 0]), {}, "only 0s"),
]
