"""Metrics of masks: values by hand, and calls that are refused."""

from microloss import metrics

from ..samples import BINARY, LABELS, same

BY_HAND = [
    (metrics.iou, ([1, 1, 0, 1], [1, 0, 1, 9]), {"ignore_index": 9}, 1 / 3),
    (metrics.iou, ([1, 1, 0, 1], [1, 0, 1, 9]), {"ignore_index": 9, "axis": 0}, 1 / 3),
    (metrics.dice_coefficient, ([1, 1, 0, 1], [1, 0, 1, 9]), {"ignore_index": 9}, 2 / 4),
    (metrics.mean_iou, ([[0, 1], [1, 3]], [[0, 1], [0, 9]]), {"ignore_index": 9}, 1 / 2),
    (metrics.mean_iou, ([0, 1, 1], [0, 1, 5]), {"average": None}, [1, 1 / 2, 0]),
    (metrics.iou, ([1, 1, 1, 0, 0], [0, 1, 1, 1, 0]), {}, 2 / 4),
    (metrics.iou, ([[1, 1], [0, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]), {"axis": 1}, [1 / 2, 0, 1]),
    (metrics.dice_coefficient, ([1, 1, 1, 0, 0], [0, 1, 1, 1, 0]), {}, 4 / 6),
    (metrics.dice_coefficient, ([0, 0], [0, 0]), {}, 1),
]

PEERS = [
    ("iou", "metrics.jaccard_score", BINARY, {}, {"zero_division": 1.0}),
    ("dice_coefficient", "metrics.f1_score", BINARY, {}, {"zero_division": 1.0}),
    *(
        ("mean_iou", "metrics.jaccard_score", LABELS, *same(average=average))
        for average in ("macro", None)
    ),
]  # fmt: skip

ERRORS = [
    (metrics.iou, ([1, 0], [9, 9]), {"ignore_index": 9}, "only ignore_index=9"),
    (metrics.iou, ([[1], [0]], [[9], [0]]), {"ignore_index": 9, "axis": 1}, "only ignore_index=9"),
    (metrics.iou, ([1, 0], [9, 1]), {"ignore_index": 255}, "target holds 9"),
    (metrics.mean_iou, ([0.5], [0]), {}, "prediction holds 0.5"),
    (metrics.mean_iou, ([[1, 2]], [[1], [2]]), {}, "must be equal"),
    (metrics.mean_iou, ([1], [1]), {"average": "micro"}, "average must be one of"),
    (metrics.mean_iou, ([1], [-1]), {"ignore_index": -1}, "only ignore_index=-1"),
    (metrics.iou, ([0.2, 0.9], [0, 1]), {}, "prediction holds 0.2.*prediction > 0.5"),
    (metrics.dice_coefficient, ([0, 1], [0, 255]), {}, "target holds 255"),
]
