"""Metrics of predicted labels: values by hand, and calls that are refused."""

import numpy as np

from microloss import metrics

from ..samples import BINARY, LABELS, WEIGHED, same

# many labels: each row is an example, each column a label
Y = [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 1, 1]]
GUESS = [[1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]]

BY_HAND = [
    (metrics.accuracy, (GUESS, Y), {}, 2 / 4),
    (metrics.accuracy, ([0, 1, 1], [0, 1, 0]), {"sample_weight": [1, 2, 5]}, 3 / 8),
    (metrics.f1_score, (GUESS, Y), {"average": "macro"}, (1 + 2 / 3 + 2 / 3) / 3),
    (metrics.recall, (GUESS, Y), {"average": "samples"}, (1 + 0 + 1 + 2 / 3) / 4),
    (metrics.recall, ([0, 2, 2], [0, 0, 1]), {"average": "weighted"}, (2 * 1 / 2 + 1 * 0) / 3),
    # class 2 is predicted but never true: left out of the mean
    (metrics.recall, ([0, 2], [0, 1]), {"average": "macro", "zero_division": np.nan}, (1 + 0) / 2),
    # TP 1, FP 2, FN 1: 5 / (5 + 4 + 2)
    (metrics.fbeta_score, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {"beta": 2.0}, 5 / 11),
    # TP 1, TN 1, FP 2, FN 1
    (metrics.matthews_corrcoef, ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), {}, (1 - 2) / 6),
    (metrics.matthews_corrcoef, ([1, 1], [1, 0]), {}, 0),
    # second of three; first, but tied; third
    (metrics.top_k_accuracy, ([[3, 2, 1], [3, 3, 1], [3, 2, 1]], [1, 0, 2]), {"k": 1}, 0),
    (metrics.top_k_accuracy, ([[3, 2, 1], [3, 3, 1], [3, 2, 1]], [1, 0, 2]), {"k": 2}, 2 / 3),
    (metrics.top_k_accuracy, ([[[3, 1], [2, 2], [1, 3]]], [[1, 2]]), {"k": 1, "axis": 1}, 1 / 2),
    (metrics.accuracy, ([0, 1, 2, 0], [0, 1, 1, 1]), {}, 2 / 4),
    (metrics.accuracy, ([[True, False], [0, 1]], [[1, 1], [0, 1]]), {}, 1 / 2),
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

MANY = ["labels", "labels never"]

PEERS = [
    ("accuracy", "metrics.accuracy_score", LABELS, *same()),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS, *same()),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS, *same(labels=[7, 1, 0, 2, 3, 4, 5])),
    ("balanced_accuracy", "metrics.balanced_accuracy_score", LABELS, *same()),
    ("matthews_corrcoef", "metrics.matthews_corrcoef", LABELS, *same()),
    *(
        (
            name, f"metrics.{name.removesuffix('_score')}_score", data,
            *same(**options, **beta, average=average),
        )
        for name, beta in (
            ("precision", {}), ("recall", {}), ("f1_score", {}), ("fbeta_score", {"beta": 0.5}),
            ("fbeta_score", {"beta": 2}),
        )
        for average, data in (
            ("binary", BINARY), ("macro", [*LABELS, *MANY]), ("micro", [*LABELS, *MANY]),
            ("weighted", [*LABELS, *MANY]), ("samples", MANY), (None, [*LABELS, *MANY]),
        )
        for options in (
            {"zero_division": 0.0}, {"zero_division": 1.0}, {"zero_division": np.nan}, WEIGHED,
        )
    ),
    ("accuracy", "metrics.accuracy_score", MANY, *same()),
    ("accuracy", "metrics.accuracy_score", [*LABELS, *MANY], *same(**WEIGHED)),
    ("confusion_matrix", "metrics.confusion_matrix", LABELS[:3], *same(**WEIGHED)),
    ("balanced_accuracy", "metrics.balanced_accuracy_score", LABELS[:3], *same(**WEIGHED)),
    ("matthews_corrcoef", "metrics.matthews_corrcoef", LABELS[:6], *same(**WEIGHED)),
    *(
        ("top_k_accuracy", "metrics.top_k_accuracy_score", ["p5", "p5 uneven"], {"k": k} | w,
         {"k": k, "labels": range(5)} | w)
        for k in (1, 2, 4) for w in ({}, WEIGHED)
    ),
]  # fmt: skip

ERRORS = [
    (metrics.accuracy, ([[2, 0]], [[1, 0]]), {}, r"prediction has shape \(1, 2\).*holds 2.*ravel"),
    (metrics.accuracy, (np.ones((2, 2, 2)), np.ones((2, 2, 2))), {}, r"\(2, 2, 2\).*ravel"),
    (metrics.accuracy, ([0, 1], [0, 1]), {"sample_weight": [1]}, r"sample_weight has shape \(1,\)"),
    (metrics.accuracy, ([0, 1], [0, 1]), {"sample_weight": [1, -1]}, "sample_weight holds -1"),
    (metrics.accuracy, ([0, 1], [0, 1]), {"sample_weight": [0, 0]}, "one must be above 0"),
    (metrics.accuracy, ([0, 1], [0, 1]), {"sample_weight": [np.nan, 1]}, "sample_weight holds nan"),
    (metrics.confusion_matrix, (GUESS, Y), {}, r"\(4, 3\).*must be \(N,\)"),
    (metrics.confusion_matrix, ([0], [0]), {"labels": [0, 0]}, "each class once"),
    (metrics.balanced_accuracy, (GUESS, Y), {}, r"must be \(N,\)"),
    (metrics.matthews_corrcoef, (GUESS, Y), {}, r"must be \(N,\)"),
    (metrics.precision, (GUESS, Y), {}, 'average="macro"'),
    (metrics.precision, ([0, 1], [0, 1]), {"average": "samples"}, r"shape \(N, L\)"),
    (metrics.f1_score, ([0, 1], [0, 1]), {"average": "mean"}, "average must be one of.*'mean'"),
    (metrics.f1_score, ([0, 1], [0, 1]), {"average": []}, "average must be one of"),
    (metrics.fbeta_score, ([0, 1], [0, 1]), {"beta": -1}, "beta"),
    (metrics.fbeta_score, ([0, 1], [0, 1]), {"beta": np.inf}, "use recall"),
    (metrics.top_k_accuracy, ([[1, 2]], [0]), {"k": 2}, "always right"),
    (metrics.top_k_accuracy, ([[1, 2]], [2]), {"k": 1}, "label 2.*0 to 1"),
    (metrics.top_k_accuracy, ([[1, 2, 3]], [0, 1, 0]), {"k": 1}, "pass axis=0"),
    (metrics.top_k_accuracy, ([[1, 2]], [0]), {"k": 1, "axis": 2}, "no axis 2"),
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
    (metrics.f1_score, ([0, 1], [0, 1]), {"zero_division": 1.5}, "zero_division"),
]
