"""The data on which metrics are compared with those of other libraries."""

import numpy as np

import microloss as ml


def texts():
    """Predicted sentences, and the references of each."""
    rng = np.random.default_rng(3)
    vocabulary = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "fast"]

    def changed(words):
        return [w if rng.random() < 0.7 else str(rng.choice(vocabulary)) for w in words]

    lengths = [3, 5, 8, 12, 2, 7]
    sources = [rng.choice(vocabulary, n).tolist() for n in lengths]
    targets = [[changed(s), changed(s)[: len(s) - i % 3 or 1]] for i, s in enumerate(sources)]
    return [changed(s) for s in sources], targets


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
    labels = np.random.default_rng(1).integers(0, 2, (2, 40, 4))
    labels[1, :, 0], labels[1, :, 1] = np.arange(40) % 2, (np.arange(40) + 1) % 2
    label_scores = np.random.default_rng(2).standard_normal((40, 4)) + labels[1]
    return {
        "labels": (labels[0], labels[1]),
        "labels never": (labels[0] & [1, 1, 0, 1], labels[1] & [1, 0, 0, 1]),
        "label scores": (label_scores, labels[1]),
        "label scores ties": (label_scores.round(), labels[1]),
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
        "p5 one-hot": (p5, np.eye(5)[np.arange(150) % 5]),
        "p5 all": (p5, np.arange(150) % 5),
        "p5 uneven": (p5, np.repeat(np.arange(5), [10, 20, 30, 40, 50])),
        "p5 one class": (p5, np.full(150, 3)),
        "real": (guess[:, 0], reals[:, 0]),
        "reals": (guess, reals),
        "constant": (guess, np.full((60, 3), 0.5)),
        "constant met": (np.full(60, 0.5), np.full(60, 0.5)),
        "marks": (label_scores, labels[1]),
        "marks tied": (label_scores.round(), labels[1]),
        "ranks": (rng.standard_normal((30, 8)), gains),
        "texts": texts(),
        "short texts": ([["the", "cat"]], [[["the", "cat"]]]),
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


WEIGHTS = np.random.default_rng(4).choice([0.0, 0.5, 1.0, 2.5], 150)
WEIGHED = {"sample_weight": "WEIGHTS"}  # as many of them as the sample has examples


def filled(options, sample):
    """The options with the weights of the examples in place of their name."""
    n = len(SAMPLES[sample][1])
    return options | ({"sample_weight": WEIGHTS[:n]} if "sample_weight" in options else {})
