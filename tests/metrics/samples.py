"""The data on which metrics are compared with those of other libraries."""

import numpy as np

import microloss as ml


def samples():
    """name -> (prediction, target), with what tends to go wrong: ties, gaps, one class only."""
    rng = np.random.default_rng(0)
    p, y = rng.random(60), rng.integers(0, 2, 60)
    rare = np.arange(60) % 20 == 0
    score = rng.standard_normal(60) + y
    p5 = ml.functional.softmax(2 * rng.standard_normal((150, 5)))
    reals = rng.standard_normal((60, 3)) * [1, 10, 100]
    guess = reals + rng.standard_normal((60, 3))
    gains = rng.integers(0, 4, (30, 8))
    gains[:, 0] = 1
    return {
        "classes": (rng.integers(0, 5, 150), rng.integers(0, 5, 150)),
        "gaps": (rng.choice([0, 2, 3, 7], 150), rng.choice([0, 2, 5, 7], 150)),
        "one of many": (rng.integers(0, 5, 150), np.full(150, 2)),
        "mostly 0": (
            rng.choice(3, 60, p=[0.9, 0.06, 0.04]),
            rng.choice(3, 60, p=[0.8, 0.1, 0.1]),
        ),
        "binary": (p > 0.4, y),
        "rare": (p > 0.9, rare),
        "all 0": (p > 0.5, np.zeros(60, int)),
        "all 1": (p > 0.5, np.ones(60, int)),
        "never": (np.zeros(60, int), y),
        "neither": (np.zeros(60, int), np.zeros(60, int)),
        "always": (np.ones(60, int), np.ones(60, int)),
        "score": (score, y),
        "score ties": (score.round(), y),
        "score rare": (score.round(1), rare),
        "score equal": (np.ones(60), y),
        "score all 1": (score, np.ones(60, int)),
        "p": (p, y),
        "p ties": (p.round(1), y),
        "p certain": (p.round(), y),
        "p rare": (p, rare),
        "p all 0": (p, np.zeros(60, int)),
        "p all 1": (p, np.ones(60, int)),
        "p5": (p5, rng.integers(0, 5, 150)),
        "p5 one class": (p5, np.full(150, 3)),
        "real": (guess[:, 0], reals[:, 0]),
        "reals": (guess, reals),
        "constant": (guess, np.full((60, 3), 0.5)),
        "constant met": (np.full(60, 0.5), np.full(60, 0.5)),
        "ranks": (rng.standard_normal((30, 8)), gains),
        "ranks tied": (rng.integers(0, 3, (30, 8)), gains),
    }


SAMPLES = samples()

LABELS = ["classes", "gaps", "one of many", "mostly 0", "binary", "rare", "all 0", "all 1"]
LABELS += ["never", "neither", "always"]
BINARY = LABELS[4:]
SCORES = ["score", "score ties", "score rare", "score equal", "p"]
PROBABILITIES = ["p", "p ties", "p certain", "p rare", "p all 0", "p all 1"]
REAL = ["real", "reals", "constant", "constant met"]


def same(**options):
    """Options that both sides know by the same name."""
    return options, options
