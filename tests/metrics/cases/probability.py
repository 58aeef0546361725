"""Metrics of probabilities: values by hand, and calls that are refused."""

import math

import numpy as np

from microloss import metrics

from ..samples import PROBABILITIES, WEIGHED, same

P3 = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]]
ONE_HOT = [[1, 0, 0], [0, 1, 0]]

BY_HAND = [
    (metrics.log_loss, (P3, ONE_HOT), {}, -(math.log(0.8) + math.log(0.7)) / 2),
    (metrics.log_loss, (P3, [0, 1]), {"sample_weight": [3, 0]}, -math.log(0.8)),
    (metrics.brier_score, (P3, ONE_HOT), {}, 0.1),
    # quantile edges 0.1, 0.25, 0.9: two in each bin
    (
        metrics.calibration_curve,
        ([0.1, 0.2, 0.3, 0.9], [0, 1, 1, 1]),
        {"n_bins": 2, "strategy": "quantile"},
        ([1 / 2, 1], [0.15, 0.6], [2, 2]),
    ),
    (
        metrics.expected_calibration_error,
        ([0.1, 0.2, 0.3, 0.9], [0, 1, 1, 1]),
        {"n_bins": 2, "strategy": "quantile"},
        (0.35 + 0.4) / 2,
    ),
    # classes on axis 1: one sequence, two classes, two tokens
    (
        metrics.perplexity,
        (np.log([[[0.5, 0.125], [0.5, 0.875]]]), [[0, 0]]),
        {"axis": 1},
        4,
    ),
    (metrics.log_loss, ([0.25, 0.5], [1, 0]), {}, (math.log(4) + math.log(2)) / 2),
    (metrics.log_loss, ([[0.25, 0.5, 0.25]], [2]), {}, math.log(4)),
    (metrics.log_loss, ([0.0, 1.0], [1, 1]), {}, 52 * math.log(2) / 2),
    (metrics.perplexity, (np.log([[0.5, 0.5], [0.125, 0.875]]), [0, 0]), {}, 4),
    (metrics.brier_score, ([0.25, 0.5], [1, 0]), {}, (0.75**2 + 0.5**2) / 2),
    (metrics.brier_score, ([[0.25, 0.5, 0.25]], [2]), {}, 0.25**2 + 0.5**2 + 0.75**2),
    # bins (0, 1/2] and (1/2, 1]: 0 and 1/2 belong to the first
    (
        metrics.calibration_curve,
        ([0, 0.5, 0.25, 0.75], [0, 1, 1, 1]),
        {"n_bins": 2},
        ([2 / 3, 1], [0.25, 0.75], [3, 1]),
    ),
    (
        metrics.calibration_curve,
        ([0.1, 0.95], [0, 1]),
        {"n_bins": 3},
        ([0, 1], [0.1, 0.95], [1, 1]),
    ),
    (
        metrics.expected_calibration_error,
        ([0, 0.5, 0.25, 0.75], [0, 1, 1, 1]),
        {"n_bins": 2},
        3 / 4 * (2 / 3 - 1 / 4) + 1 / 4 * 1 / 4,
    ),
]

PEERS = [
    ("log_loss", "metrics.log_loss", PROBABILITIES, {}, {"labels": [0, 1]}),
    ("log_loss", "metrics.log_loss", ["p5", "p5 one class"], {}, {"labels": range(5)}),
    ("brier_score", "metrics.brier_score_loss", PROBABILITIES, {}, {"pos_label": 1}),
    ("brier_score", "metrics.brier_score_loss", ["p5", "p5 one class"], {}, {"labels": range(5)}),
    *(
            ("calibration_curve", "calibration.calibration_curve", PROBABILITIES, {"n_bins": n},
             {"n_bins": n, "pos_label": 1})
            for n in (1, 7, 10)
        ),
    ("log_loss", "metrics.log_loss", ["p5 one-hot"], *same()),
    ("brier_score", "metrics.brier_score_loss", ["p5 one-hot"], *same()),
    ("log_loss", "metrics.log_loss", PROBABILITIES, WEIGHED, WEIGHED | {"labels": [0, 1]}),
    ("log_loss", "metrics.log_loss", ["p5"], WEIGHED, WEIGHED | {"labels": range(5)}),
    ("brier_score", "metrics.brier_score_loss", PROBABILITIES, WEIGHED, WEIGHED | {"pos_label": 1}),
    ("brier_score", "metrics.brier_score_loss", ["p5"], WEIGHED, WEIGHED | {"labels": range(5)}),
    *(
        ("calibration_curve", "calibration.calibration_curve", PROBABILITIES,
         {"n_bins": n, "strategy": "quantile"},
         {"n_bins": n, "strategy": "quantile", "pos_label": 1})
        for n in (1, 7, 10)
    ),
]  # fmt: skip

ERRORS = [
    (metrics.log_loss, ([[0.5, 0.5]], [[1, 1]]), {}, "one-hot.*ravel"),
    (metrics.log_loss, ([[0.5, 0.5]], [[0.5, 0.5]]), {}, "target holds 0.5"),
    (metrics.log_loss, (np.full((2, 3, 2), 0.5), np.ones((2, 3))), {}, r"reshape\(-1, C\)"),
    (metrics.log_loss, ([0, 1], [0.2, 0.9]), {}, "did you swap them"),
    (metrics.log_loss, ([np.nan, 0.5], [0, 1]), {}, "probability holds nan"),
    (metrics.log_loss, ([[0.5, 0.5]], [np.nan]), {}, "target holds nan"),
    (metrics.brier_score, ([0.5, 0.5], [0, np.nan]), {}, "target holds nan"),
    (metrics.calibration_curve, (np.full((2, 2), 0.5), np.eye(2)), {}, r"must be \(N,\)"),
    (metrics.calibration_curve, ([0.5], [1]), {"strategy": "kmeans"}, "strategy must be one of"),
    (metrics.expected_calibration_error, ([0.5], [1]), {"strategy": None}, "strategy"),
    (metrics.perplexity, ([[0.0, np.nan]], [0]), {}, "log_probs_or_logits holds nan"),
    (metrics.perplexity, ([[0.0, 1.0]], [np.nan]), {}, "target holds nan"),
    (metrics.perplexity, (np.zeros((2, 5, 3)), np.zeros((2, 3))), {}, "pass axis=1"),
    (metrics.log_loss, ([0.1, 1.2], [0, 1]), {}, "probability holds 1.2.*sigmoid"),
    (metrics.log_loss, ([[0.1, -0.2, 1.1]], [0]), {}, "probability holds -0.2.*softmax"),
    (metrics.log_loss, ([[0.1, 0.2, 0.2]], [0]), {}, "sums to 0.5"),
    (metrics.log_loss, ([[0.5, 0.5]], [2]), {}, "target holds the label 2.*0 to 1"),
    (metrics.log_loss, ([[0.5, 0.5]], [0.5]), {}, "target holds 0.5"),
    (metrics.log_loss, ([[0.5, 0.5]], [0, 1]), {}, r"\(1, 2\).*\(2,\)"),
    (metrics.log_loss, ([[0.5], [0.5]], [0, 1]), {}, r"target.reshape\(2, 1\)"),
    (metrics.log_loss, ([0.5, 0.5], [0, 2]), {}, "target holds 2"),
    (metrics.brier_score, ([0.5], [[0]]), {}, "probability has shape"),
    (metrics.calibration_curve, ([0.5, 1.5], [0, 1]), {}, "probability holds 1.5"),
    (metrics.calibration_curve, ([0.5, 0.5], [0, 1]), {"n_bins": 0}, "n_bins"),
    (metrics.expected_calibration_error, ([0.5], [1]), {"n_bins": 2.5}, "n_bins.*2.5"),
]
