"""Metrics of probabilities: values by hand, and calls that are refused."""

import math

import numpy as np

from microloss import metrics

from ..samples import PROBABILITIES

BY_HAND = [
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
]  # fmt: skip

ERRORS = [
    (metrics.log_loss, ([0.1, 1.2], [0, 1]), {}, "probability holds 1.2.*sigmoid"),
    (metrics.log_loss, ([[0.1, -0.2, 1.1]], [0]), {}, "probability holds -0.2.*softmax"),
    (metrics.log_loss, ([[0.1, 0.2, 0.2]], [0]), {}, "sums to 0.5"),
    (metrics.log_loss, ([[0.5, 0.5]], [2]), {}, "target holds 2.*0 to 1"),
    (metrics.log_loss, ([[0.5, 0.5]], [0.5]), {}, "target holds 0.5"),
    (metrics.log_loss, ([[0.5, 0.5]], [0, 1]), {}, r"\(1, 2\).*\(2,\)"),
    (metrics.log_loss, ([[0.5], [0.5]], [0, 1]), {}, r"target.reshape\(2, 1\)"),
    (metrics.log_loss, ([0.5, 0.5], [0, 2]), {}, "target holds 2"),
    (metrics.brier_score, ([0.5], [[0]]), {}, "probability has shape"),
    (metrics.calibration_curve, ([0.5, 1.5], [0, 1]), {}, "probability holds 1.5"),
    (metrics.calibration_curve, ([0.5, 0.5], [0, 1]), {"n_bins": 0}, "n_bins"),
    (metrics.expected_calibration_error, ([0.5], [1]), {"n_bins": 2.5}, "n_bins.*2.5"),
]
