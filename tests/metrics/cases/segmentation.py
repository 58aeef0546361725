"""Metrics of masks: values by hand, and calls that are refused."""

from microloss import metrics

from ..samples import BINARY

BY_HAND = [
    (metrics.iou, ([1, 1, 1, 0, 0], [0, 1, 1, 1, 0]), {}, 2 / 4),
    (metrics.iou, ([[1, 1], [0, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]), {"axis": 1}, [1 / 2, 0, 1]),
    (metrics.dice_coefficient, ([1, 1, 1, 0, 0], [0, 1, 1, 1, 0]), {}, 4 / 6),
    (metrics.dice_coefficient, ([0, 0], [0, 0]), {}, 1),
]

PEERS = [
    ("iou", "metrics.jaccard_score", BINARY, {}, {"zero_division": 1.0}),
    ("dice_coefficient", "metrics.f1_score", BINARY, {}, {"zero_division": 1.0}),
]  # fmt: skip

ERRORS = [
    (metrics.iou, ([0.2, 0.9], [0, 1]), {}, "prediction holds 0.2.*prediction > 0.5"),
    (metrics.dice_coefficient, ([0, 1], [0, 255]), {}, "target holds 255"),
]
