"""Metrics of numbers and intervals: values by hand, and calls that are refused."""

import numpy as np

from microloss import metrics

from ..samples import REAL, WEIGHED, same

BY_HAND = [
    (metrics.mean_absolute_error, ([1, 5], [2, 2]), {"sample_weight": [3, 1]}, (3 * 1 + 3) / 4),
    (metrics.mean_absolute_error, (1.0, 3.0), {}, 2),
    # squares left 1 + 1, about the mean 1 + 0 + 1
    (metrics.r2_score, ([1, 3, 4], [1, 2, 3]), {}, 1 - 2 / 2),
    (metrics.r2_score, ([[1, 3], [2, 3]], [[1, 3], [2, 4]]), {}, (1 + (1 - 1 / 0.5)) / 2),
    (metrics.r2_score, ([0.1] * 3, [0.1] * 3), {}, 1),
    (metrics.r2_score, ([0.1, 0.1, 0.2], [0.1] * 3), {}, 0),
    (metrics.mean_absolute_error, ([[1, -3]], [[2, 0]]), {}, 2),
    (metrics.root_mean_squared_error, ([1, -5], [2, 2]), {}, 5),
    (metrics.root_mean_squared_error, ([[1, 3], [-5, 3]], [[2, 3], [2, 3]]), {}, (5 + 0) / 2),
    (metrics.pinball, ([1, 1], [2, -1]), {"quantile": 0.9}, (0.9 * 1 + 0.1 * 2) / 2),
    # inside, on both ends, outside, crossed
    (
        metrics.interval_coverage,
        ([0, 0, 0, 0, 3], [2, 2, 2, 2, 1], [1, 0, 2, 3, 2]),
        {},
        3 / 5,
    ),
    (metrics.interval_coverage, ([-np.inf, 5], [7, np.inf], [-9, 4]), {}, 1 / 2),
]

PEERS = [
    ("r2_score", "metrics.r2_score", REAL, *same(**WEIGHED)),
    ("mean_absolute_error", "metrics.mean_absolute_error", REAL, *same(**WEIGHED)),
    ("root_mean_squared_error", "metrics.root_mean_squared_error", REAL, *same(**WEIGHED)),
    (
        "pinball", "metrics.mean_pinball_loss", REAL,
        {"quantile": 0.9} | WEIGHED, {"alpha": 0.9} | WEIGHED,
    ),
    ("r2_score", "metrics.r2_score", REAL, *same()),
    ("mean_absolute_error", "metrics.mean_absolute_error", REAL, *same()),
    ("root_mean_squared_error", "metrics.root_mean_squared_error", REAL, *same()),
    ("pinball", "metrics.mean_pinball_loss", REAL, {"quantile": 0.9}, {"alpha": 0.9}),
]  # fmt: skip

ERRORS = [
    (metrics.r2_score, ([1.0], [1.0]), {}, "two samples"),
    (metrics.r2_score, (1.0, 1.0), {}, "two samples"),
    (metrics.r2_score, ([1.0, np.inf], [1.0, 2.0]), {}, "prediction holds inf"),
    (metrics.mean_absolute_error, ([[1.0]], [1.0]), {}, "must be equal"),
    (metrics.root_mean_squared_error, ([1.0], [np.nan]), {}, "target holds nan"),
    (metrics.pinball, ([1.0], [1.0]), {"quantile": 1.0}, "quantile"),
    (metrics.interval_coverage, ([1.0], [2.0, 3.0], [1.0]), {}, "upper has shape"),
    (metrics.interval_coverage, ([1.0], [2.0], [1.0, 2.0]), {}, "lower has shape"),
    (metrics.interval_coverage, ([2.0], [1.0], [1.5]), {}, "swapped"),
    (metrics.interval_coverage, ([np.nan], [1.0], [1.5]), {}, "lower holds nan"),
]
