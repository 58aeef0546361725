"""Metrics of predicted labels: values by hand, and calls that are refused."""

import numpy as np

from microloss import metrics

from ..samples import BINARY, LABELS, same

BY_HAND = [
    (metrics.accuracy, ([0, 1, 2, 0], [0, 1, 1, 1]), {}, 2 / 4),
    (metrics.accuracy, ([[True, False]], [[1, 1]]), {}, 1 / 2),
    # found: 2 of 3 zeros, 1 of 1 one; the 7 that is predicted is never true
    (metrics.balanced_accuracy, ([0, 0, 7, 1], [0, 0, 0, 1]), {}, (2 / 3 + 1) / 2),
    (metrics.confusion_matrix, ([5, 5, 2, 5], [2, 5, 2, 2]), {}, [[1, 2], [0, 1]]),
    (
        metrics.confusion_matrix,
        ([5, 5, 2, 5], [2, 5, 2, 2]),
        {"labels": [5, 3, 2]},
        [[1, 0, 0], [0, 0, 0], [2, 0, 1]],
    ),
    # TP 1, FP 2, FN 1
    (metrics.precision, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, 1 / 3),
    (metrics.recall, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, 1 / 2),
    (metrics.f1_score, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, 2 / 5),
    (metrics.precision, ([0, 0], [0, 1]), {"zero_division": 1.0}, 1),
    (metrics.recall, ([0, 1], [0, 0]), {}, 0),
    (metrics.recall, ([0, 2, 2], [0, 0, 1]), {"average": None}, [1 / 2, 0, 0]),
]

PEERS = [
    ("accuracy", "metrics.accuracy_score", LABELS, *same()),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS, *same()),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS, *same(labels=[7, 1, 0, 2, 3, 4, 5])),
    ("balanced_accuracy", "metrics.balanced_accuracy_score", LABELS, *same()),
    *(
            (
                name,
                f"metrics.{name.removesuffix('_score')}_score",
                BINARY if average == "binary" else LABELS,
                *same(average=average, zero_division=zero_division),
            )
            for name in ("precision", "recall", "f1_score")
            for average in ("binary", "macro", "micro", None)
            for zero_division in (0.0, 1.0)
        ),
]  # fmt: skip

ERRORS = [
    (metrics.accuracy, ([], []), {}, "prediction is empty"),
    (metrics.accuracy, ([[1], [0]], [1, 0]), {}, r"\(2, 1\).*\(2,\).*target.reshape\(2, 1\)"),
    (metrics.accuracy, ([1], 1), {}, "did you mean"),
    (metrics.accuracy, (np.eye(3), [0, 1, 2]), {}, r"prediction.argmax\(axis=1\)"),
    (metrics.accuracy, ([0.7, 0.2], [1, 0]), {}, "prediction holds 0.7.*prediction > 0.5"),
    (metrics.accuracy, ([1, 0], [0.5, 0]), {}, "target holds 0.5"),
    (metrics.accuracy, ([np.nan, 1], [1, 1]), {}, "prediction holds nan .1 of 2"),
    (metrics.confusion_matrix, ([0, 4], [0, 1]), {"labels": range(3)}, "labels lacks 4"),
    (metrics.precision, ([0, 2], [0, 1]), {}, "prediction holds 2.*macro"),
    (metrics.recall, ([0, 1], [0, 2]), {}, "target holds 2.*macro"),
    (metrics.f1_score, ([1, 1], [-1, 1]), {}, r"target holds -1.*\(target \+ 1\) / 2"),
    (metrics.f1_score, ([0.2, 1], [0, 1]), {}, "prediction > 0.5"),
    (metrics.f1_score, ([0, 1], [0, 1]), {"average": "weighted"}, "average.*'weighted'"),
    (metrics.f1_score, ([0, 1], [0, 1]), {"zero_division": np.nan}, "zero_division"),
]
