"""Metrics of scores: values by hand, and calls that are refused."""

import numpy as np

from microloss import metrics

from ..samples import SCORES, WEIGHED, same

P3 = [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]

BY_HAND = [
    (metrics.roc_auc, ([[1, 2], [2, 1], [3, 1]], [[0, 1], [1, 0], [0, 0]]), {}, (1 / 2 + 1) / 2),
    (
        metrics.average_precision,
        ([[1, 2], [2, 1], [3, 1]], [[0, 1], [1, 0], [0, 0]]),
        {"average": None},
        [1 / 2, 1],
    ),
    # weights 1, 3 of the negatives, 2, 0 of the positives
    (metrics.roc_auc, ([1, 3, 2, 9], [0, 0, 1, 1]), {"sample_weight": [1, 3, 2, 0]}, 1 / 4),
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

MANY = ["label scores", "label scores ties"]
CLASSES = ["p5 all", "p5 uneven"]

PEERS = [
    ("roc_curve", "metrics.roc_curve", SCORES, {}, {"drop_intermediate": False}),
    ("roc_auc", "metrics.roc_auc_score", SCORES, *same()),
    ("precision_recall_curve", "metrics.precision_recall_curve", [*SCORES, "score all 1"], *same()),
    ("average_precision", "metrics.average_precision_score", [*SCORES, "score all 1"], *same()),
    ("roc_curve", "metrics.roc_curve", SCORES, WEIGHED, WEIGHED | {"drop_intermediate": False}),
    ("precision_recall_curve", "metrics.precision_recall_curve", SCORES, *same(**WEIGHED)),
    ("roc_auc", "metrics.roc_auc_score", SCORES, *same(**WEIGHED)),
    ("average_precision", "metrics.average_precision_score", SCORES, *same(**WEIGHED)),
    *(
        (name, f"metrics.{name}_score", data, *same(average=average, **w))
        for name, data in (("roc_auc", MANY), ("average_precision", [*MANY, *CLASSES]))
        for average in ("macro", "weighted", "micro", "samples", None)
        for w in ({}, WEIGHED)
    ),
    *(
        (
            "roc_auc", "metrics.roc_auc_score", CLASSES,
            *same(multi_class="ovr", average=average, **w),
        )
        for average in ("macro", "weighted", "micro", None)
        for w in ({}, WEIGHED)
    ),
    *(
        ("roc_auc", "metrics.roc_auc_score", CLASSES, *same(multi_class="ovo", average=average))
        for average in ("macro", "weighted")
    ),
]  # fmt: skip

ERRORS = [
    (metrics.roc_curve, (P3, np.eye(3)), {}, r"score has shape \(3, 3\).*must be \(N,\)"),
    (metrics.precision_recall_curve, (P3, np.eye(3)), {}, r"must be \(N,\)"),
    (metrics.roc_auc, ([0, 1, 1], [0.2, 0.9, 0.4]), {}, "did you swap them"),
    (metrics.roc_auc, (P3, [0, 1, 2]), {}, 'pass multi_class="ovr"'),
    (metrics.roc_auc, (P3, [0, 1, 1]), {"multi_class": "ovr"}, "column 2 of target: .*only 0s"),
    (metrics.roc_auc, (P3, [0, 1, 3]), {"multi_class": "ovr"}, "label 3.*0 to 2"),
    (metrics.roc_auc, (P3, [0, 1]), {"multi_class": "ovr"}, r"target \(2,\)"),
    (metrics.roc_auc, (np.ones((3, 3)), [0, 1, 2]), {"multi_class": "ovr"}, "sums to 3"),
    (metrics.roc_auc, (P3, [0, 1, 2]), {"multi_class": "ovo", "average": None}, "does not have"),
    (metrics.roc_auc, (P3, [0, 1, 2]), {"multi_class": "ovr", "average": "samples"}, "samples"),
    (metrics.roc_auc, (P3, [0, 1, 2]), {"multi_class": "all"}, "multi_class must be one of"),
    (metrics.roc_auc, (P3, np.ones((3, 3))), {}, "column 0 of target"),
    (metrics.roc_auc, (P3, np.eye(3) * 2), {}, "target holds 2"),
    (metrics.average_precision, (P3, [0, 1, 1]), {}, "column 2 of target"),
    (metrics.roc_curve, ([0.1, 0.2], [1, 1]), {}, "target holds only 1s"),
    (metrics.roc_auc, ([0.1, 0.2], [0, 0]), {}, "target holds only 0s"),
    (metrics.roc_auc, ([0.1, 0.2], [-1, 1]), {}, r"\(target \+ 1\) / 2"),
    (metrics.roc_auc, ([0.1, 0.2, 0.3], [0, 1, 2]), {}, "target holds 2.*target == c"),
    (metrics.roc_auc, ([0.1, np.inf], [0, 1]), {}, "score holds inf"),
    (metrics.roc_auc, ([0.1, 0.2], [[0], [1]]), {}, "score has shape"),
    (metrics.precision_recall_curve, ([0.1, 0.2], [0, 0]), {}, "only 0s"),
    (metrics.average_precision, ([0.1, 0.2], [0, 0]), {}, "only 0s"),
]
