"""Reading loss curves: drawn shapes under noise, real runs, and what nobody could tell."""

import numpy as np
import pytest

from microloss import datasets, no_grad, optim
from microloss.diagnosis import PATTERNS, RULES, SHORTEST, Diagnosis, diagnose, noise
from microloss.losses import cross_entropy, gaussian_nll_loss
from microloss.nn import MLP, ReLU, Tanh
from microloss.training import fit

SEEDS = range(5)

# ---- shapes: (t in [0, 1], standard noise) -> (train, val), from about 1 on ----------------------


def decay(t, to=0.03, rate=6):
    return to + (1 - to) * np.exp(-rate * t)


def healthy(t, e):
    return decay(t) + 0.004 * e[0], decay(t, to=0.08) + 0.004 * e[1]


def overfitting(t, e):
    return decay(t) + 0.004 * e[0], decay(t, rate=9) + 0.4 * t**1.5 + 0.006 * e[1]


def underfitting(t, e):
    return 0.8 + 0.2 * np.exp(-4 * t) + 0.002 * e[0], 0.84 + 0.16 * np.exp(-4 * t) + 0.002 * e[1]


def slowly_falling(t, e):
    return 1 - 0.2 * t + 0.001 * e[0], 1 - 0.18 * t + 0.001 * e[1]


def flat_noise(t, e):
    return 1 + 0.005 * e[0], 1 + 0.005 * e[1]


def oscillating(t, e):
    return 0.5 + 0.5 * np.exp(-6 * t) + 0.15 * e[0], 0.5 + 0.5 * np.exp(-6 * t) + 0.15 * e[1]


def zigzag(t, e):
    swing = 0.12 * (-1) ** np.arange(len(t))
    return decay(t) + swing + 0.12, decay(t) + swing + 0.12


def plateau(t, e):
    return decay(t, 0.3, 30) + 0.002 * e[0], decay(t, 0.35, 30) + 0.002 * e[1]


def noisy_validation(t, e):
    return decay(t) + 0.002 * e[0], decay(t, to=0.15) + 0.08 * e[1]


def spike(t, e):
    hit = 0.6 * (np.arange(len(t)) == int(0.6 * len(t)))
    return decay(t) + hit + 0.004 * e[0], decay(t, to=0.08) + hit + 0.004 * e[1]


def step_up(t, e):
    hit = 0.5 * (np.arange(len(t)) >= int(0.6 * len(t)))
    return decay(t) + hit + 0.004 * e[0], decay(t, to=0.08) + hit + 0.004 * e[1]


def fast_drop(t, e):
    epoch = np.arange(len(t))
    return np.exp(-3 * epoch) + 1e-4 * e[0] ** 2, np.exp(-3 * epoch) + 1e-4 * e[1] ** 2


def exploding(t, e):
    return (decay(t) + np.exp(12 * t) / 1000) * np.exp(0.1 * e[0]), decay(t) + np.exp(13 * t) / 1e3


def climbing(t, e):
    return 1 + t + 0.01 * e[0], 1 + t + 0.01 * e[1]


def falling_then_climbing(t, e):
    return 0.2 + 3.2 * (t - 0.5) ** 2 + 0.01 * e[0], 0.2 + 3.2 * (t - 0.5) ** 2 + 0.01 * e[1]


def dropout(t, e):
    return decay(t, to=0.42, rate=5) + 0.003 * e[0], decay(t, to=0.2, rate=5) + 0.003 * e[1]


def shuffled_labels(t, e):
    return decay(t) + 0.004 * e[0], 1 + 1.5 * t + 0.01 * e[1]


def gap(t, e):
    return decay(t) + 0.003 * e[0], 0.55 + 0.45 * np.exp(-6 * t) + 0.003 * e[1]


def rate_drops(t, e):
    flat = 0.3 + 0.7 * np.exp(-30 * t)
    drop = 0.15 * (np.arange(len(t)) >= int(0.6 * len(t)))
    return flat - drop + 0.002 * e[0], flat + 0.05 - drop + 0.002 * e[1]


def recovering(t, e):
    epoch = np.arange(len(t))
    hit = 0.5 * np.isin(epoch, (np.array([0.4, 0.7]) * len(t)).astype(int))
    return decay(t) + hit + 0.003 * e[0], decay(t, to=0.08) + 0.003 * e[1]


def growing_swings(t, e):
    swing = 0.08 * np.maximum(0, (t - 0.62) / 0.38) * (-1) ** np.arange(len(t))
    return decay(t, to=0.1) + swing + 0.001 * e[0], decay(t, to=0.15) + swing + 0.001 * e[1]


def double_descent(t, e):
    hump = 0.45 * np.exp(-(((t - 0.45) / 0.12) ** 2))
    return decay(t) + 0.003 * e[0], decay(t, to=0.2) + hump + 0.003 * e[1]


SHAPES = {
    healthy: "healthy",
    dropout: "healthy",
    shuffled_labels: "validation never fell",
    gap: "generalisation gap",
    rate_drops: "learning-rate drop",
    recovering: "recovering spikes",
    growing_swings: "oscillating",
    double_descent: "double descent",
    overfitting: "overfitting",
    underfitting: "underfitting",
    slowly_falling: "underfitting",
    flat_noise: "underfitting",
    oscillating: "oscillating",
    zigzag: "oscillating",
    plateau: "plateau",
    noisy_validation: "noisy validation",
    spike: "sudden jump",
    step_up: "sudden jump",
    fast_drop: "suspiciously fast drop",
    exploding: "diverged",
    climbing: "diverged",
    falling_then_climbing: "diverged",
}
NEEDS_VALIDATION = {
    "overfitting": "healthy", "noisy validation": "healthy", "validation never fell": "healthy",
    "generalisation gap": "healthy", "double descent": "healthy",
}  # fmt: skip
LENGTHS = (20, 50, 150)


def draw(shape, seed, epochs, scale=1.0):
    rng = np.random.default_rng([seed, epochs])
    train, val = shape(np.linspace(0, 1, epochs), rng.standard_normal((2, epochs)))
    return scale * np.abs(train), scale * np.abs(val)


@pytest.mark.parametrize("epochs", LENGTHS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_shapes_under_noise(shape, epochs):
    pattern = SHAPES[shape]
    for seed in SEEDS:
        for scale in (1e-6, 1e6):
            train, val = draw(shape, seed, epochs, scale)
            assert diagnose(train, val).pattern == pattern, (seed, scale)
            assert diagnose(train).pattern == NEEDS_VALIDATION.get(pattern, pattern), (seed, scale)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_scale_changes_neither_pattern_nor_epoch(shape):
    for seed in SEEDS:
        found = diagnose(*draw(shape, seed, 60))
        for scale in (2.0**-40, 2.0**40):
            again = diagnose(*draw(shape, seed, 60, scale))
            assert (again.pattern, again.epoch) == (found.pattern, found.epoch)


@pytest.mark.parametrize(
    "shape",
    [healthy, overfitting, plateau, zigzag, noisy_validation, spike, step_up, climbing],
    ids=lambda shape: shape.__name__,
)
def test_negative_losses(shape):
    for seed in SEEDS:
        train, val = draw(shape, seed, 60)
        found = diagnose(train - 7, val - 7)
        assert (found.pattern, found.epoch) == (SHAPES[shape], diagnose(train, val).epoch)


def test_without_a_zero_no_loss_is_high_or_near_zero():
    for seed in SEEDS:
        for shape in (underfitting, slowly_falling):
            train, val = draw(shape, seed, 60)
            assert diagnose(train - 7, val - 7).pattern in ("healthy", "plateau")
        train, val = draw(fast_drop, seed, 60)
        assert diagnose(train - 7, val - 7).pattern == "plateau"
        train, val = draw(flat_noise, seed, 60)
        assert diagnose(train - 7, val - 7).pattern == "underfitting"  # it never falls


# ---- the epoch, the evidence, the advice


def test_epoch_to_stop_at_is_the_lowest_of_validation():
    t = np.linspace(0, 1, 60)
    val = 0.3 + (t - 0.4) ** 2
    found = diagnose(decay(t), val)
    assert found.pattern == "overfitting" and found.epoch == val.argmin()
    assert f"at epoch {found.epoch}, {val.min():.3g}, " in found.evidence
    assert f"ends at {np.median(val[-6:]):.3g};" in found.evidence
    assert found.advice[0].startswith("stop at the epoch named")


def test_the_epoch_to_keep_is_the_raw_minimum_and_never_the_start():
    val = np.r_[2.3, 0.9, 0.7, 0.5, 0.8, 0.9, 1.0 + 0.05 * np.arange(24)]
    train = np.r_[2.3, 0.9, 0.6, 0.4, 0.3, 0.2 * 0.9 ** np.arange(25)]
    found = diagnose(train, val)
    assert (found.pattern, found.epoch) == ("overfitting", 3)
    val[0] = 0.45  # lower than any that follow: the start is not an epoch to keep
    assert diagnose(train, val).pattern == "validation never fell"
    val = np.r_[0.6, 0.7, 0.45, 0.4, 0.41, 0.5 + 0.05 * np.arange(25)]
    assert diagnose(train, val).epoch == 3


def test_validation_that_hardly_follows_is_a_gap():
    t = np.linspace(0, 1, 60)
    found = diagnose(decay(t), 1 - 0.1 * (1 - np.exp(-20 * t)))
    assert found.pattern == "generalisation gap" and found.epoch is None
    assert "ends at its lowest, 0.9, and the training loss at 0.03" in found.evidence


def test_epoch_of_a_jump():
    for shape in (spike, step_up):
        train, val = draw(shape, 0, 50)
        found = diagnose(train, val)
        assert found.epoch == 30
        assert f"from {train[29]:.3g} to {train[30]:.3g} at epoch 30;" in found.evidence


def test_jump_of_validation_alone():
    train, val = draw(healthy, 0, 50)
    val[30] += 0.6
    found = diagnose(train, val)
    assert (found.pattern, found.epoch) == ("sudden jump", 30)
    assert found.evidence.startswith("the validation loss jumps")


def test_two_jumps_that_recover_are_spikes():
    train, _ = draw(healthy, 0, 50)
    train[[20, 35]] += 0.6
    found = diagnose(train)
    assert (found.pattern, found.epoch) == ("recovering spikes", 20)
    assert "2 times" in found.evidence


def test_jump_that_leads_further_is_no_single_one():
    t = np.linspace(0, 1, 50)
    train = decay(t) + np.where(t > 0.6, 0.5 + 2 * (t - 0.6), 0)
    assert diagnose(train).pattern == "diverged"


def test_noise_is_blind_to_a_slope():
    assert noise(np.arange(30.0)) == 0
    e = np.random.default_rng(0).standard_normal(20_000)
    median = 0.6745 * np.sqrt(1.5)  # of |e_i - (e_i-1 + e_i+1) / 2|, of variance 1 + 1/4 + 1/4
    assert noise(e + np.arange(20_000)) == pytest.approx(median, rel=0.03)


def test_trembling_is_no_divergence():
    for seed in range(200):
        assert diagnose(draw(flat_noise, seed, 20)[0]).pattern == "underfitting", seed


def test_epoch_at_which_a_plateau_begins():
    train = np.maximum(1 - np.arange(40) / 10, 0.4)  # the corner is at epoch 6
    found = diagnose(train)
    assert found.pattern == "plateau" and abs(found.epoch - 6) <= 1
    assert "flat at 0.4" in found.evidence


def test_flat_at_the_bottom_is_no_plateau():
    t = np.linspace(0, 1, 50)
    assert diagnose(decay(t, 0.05, 30)).pattern == "healthy"
    assert diagnose(decay(t, 0.2, 30)).pattern == "plateau"


def test_memory_is_no_leak():
    epoch = np.arange(40)
    train = np.exp(-3.0 * epoch)
    assert diagnose(train).pattern == "suspiciously fast drop"
    assert diagnose(train, 0.9 * train + 0.1).pattern == "healthy"  # new examples are not as easy
    assert diagnose(np.exp(-0.5 * epoch)).pattern == "healthy"  # 1 % after 10 epochs


def test_zero_from_the_start():
    found = diagnose(np.zeros(20))
    assert (found.pattern, found.epoch) == ("suspiciously fast drop", 0)


@pytest.mark.parametrize("value", [1.0, 2.302585, 1e-12, 1e12, -3.0])
def test_constant_curves(value):
    constant = np.full(30, value)
    pattern = "no better than guessing" if value == 2.302585 else "underfitting"
    assert diagnose(constant).pattern == pattern
    assert diagnose(constant, constant).pattern == pattern
    assert diagnose(constant, guess=value * 1.001).pattern == "no better than guessing"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value):
    train, val = draw(healthy, 0, 50)
    train[17] = value
    found = diagnose(train, val)
    assert (found.pattern, found.epoch) == ("diverged", 17)
    assert found.evidence == f"the training loss is {value} at epoch 17"
    found = diagnose(val, train)
    assert found.evidence == f"the validation loss is {value} at epoch 17"
    assert diagnose([1.0, 2.0, value]).pattern == "diverged"  # certain, however short


def test_overflow_of_a_diverging_run():
    assert diagnose(10.0 ** np.arange(0, 308, 6)).pattern == "diverged"


@pytest.mark.parametrize("epochs", range(1, SHORTEST))
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_too_short(shape, epochs):
    train, val = draw(shape, 0, epochs)
    for found in (diagnose(train), diagnose(train, val)):
        assert found.pattern == "inconclusive"
        assert found.evidence.startswith(f"{epochs} epochs: it takes 10")


def test_shortest_is_long_enough():
    assert diagnose(2.0 ** -np.arange(SHORTEST)).pattern == "healthy"


def test_fits_nothing():
    t = np.linspace(0, 1, 60)
    found = diagnose(decay(t) + 0.35 * np.exp(-(((t - 0.6) / 0.1) ** 2)))  # a hill on the way down
    assert found.pattern == "inconclusive" and found.evidence.startswith("no pattern fits")


def test_every_pattern_has_advice_and_every_rule_a_pattern():
    assert {pattern for _, pattern in RULES} == set(PATTERNS)
    assert all(advice and all(advice) for advice in PATTERNS.values())


def per_batch():
    noise = np.random.default_rng(0).standard_normal(2000)
    return np.abs(decay(np.linspace(0, 1, 2000), to=0.2) + 0.05 * noise)


def test_losses_per_batch_are_told():
    found = diagnose(per_batch())
    assert found.pattern == "inconclusive" and "pass the mean over each epoch" in found.evidence
    assert diagnose(per_batch().reshape(40, 50).mean(axis=1)).pattern == "healthy"
    with pytest.raises(ValueError, match="losses per batch are averaged over each epoch"):
        diagnose(per_batch(), np.linspace(1, 0.1, 40))


def test_a_high_training_loss_is_not_underfitting_while_validation_falls():
    e = np.random.default_rng(0).standard_normal((2, 60))
    t = np.linspace(0, 1, 60)
    found = diagnose(decay(t, to=0.6) + 0.01 * e[0], decay(t, to=0.2) + 0.005 * e[1])
    assert found.pattern == "healthy"
    assert "the validation loss is the lower one: dropout and augmentation" in found.evidence


def test_fine_tuning_is_measured_by_the_guess():
    t = np.linspace(0, 1, 40)
    train = 0.3 - 0.12 * (1 - np.exp(-3 * t))
    assert diagnose(train, train + 0.02).pattern == "underfitting"
    assert "guess=" in diagnose(train, train + 0.02).advice[0]
    assert diagnose(train, train + 0.02, guess=np.log(10)).pattern == "healthy"
    with pytest.raises(ValueError, match="guess must be a finite loss, got nan"):
        diagnose(train, guess=np.nan)


def test_stuck_at_the_loss_of_guessing():
    e = np.random.default_rng(0).standard_normal(40)
    found = diagnose(np.log(10) + 0.003 * e)
    assert found.pattern == "no better than guessing"
    assert "2.303 is ln 10, a guess among 10 classes" in found.evidence
    assert "single batch" in " ".join(found.advice)
    assert diagnose(1.5 + 0.003 * e).pattern == "underfitting"
    assert diagnose(1.5 + 0.003 * e, guess=1.5).pattern == "no better than guessing"


@pytest.mark.parametrize("missing", RULES, ids=lambda rule: rule[0].__name__)
def test_no_rule_is_idle(missing, monkeypatch):
    """Without it, some curve is read differently."""
    curves = [draw(shape, 0, 60) for shape in SHAPES]
    curves += [(train - 7, val - 7) for train, val in curves]
    t = np.linspace(0, 1, 60)
    hill = decay(t) + 0.35 * np.exp(-(((t - 0.6) / 0.1) ** 2))
    curves += [([1.0, np.nan],) * 2, ([1.0, 0.9],) * 2, (hill, hill), (per_batch(), None)]
    curves += [(np.full(30, np.log(10)), None)]

    def found():
        return [getattr(diagnose(*pair), "pattern", None) for pair in curves]

    before = found()
    monkeypatch.setattr("microloss.diagnosis.RULES", tuple(r for r in RULES if r is not missing))
    if missing[0].__name__ in ("too_short", "fits_nothing"):  # without the last, none is left
        with pytest.raises((ValueError, IndexError, StopIteration)):
            found()
    else:
        assert found() != before


def test_text():
    text = str(diagnose(*draw(overfitting, 0, 50)))
    first, *advice = text.splitlines()
    assert first.startswith("overfitting: the validation loss is lowest at epoch ")
    assert advice[0] == "  1. stop at the epoch named, and keep its weights"
    assert len(advice) == len(PATTERNS["overfitting"])
    assert str(Diagnosis("healthy", "it falls", ())) == "healthy: it falls"


# ---- bad input


def test_bad_input():
    good = np.linspace(1, 0.1, 20)
    with pytest.raises(ValueError, match=r"train has 20 epochs and val has 19: .* before training"):
        diagnose(good, good[:-1])
    with pytest.raises(ValueError, match=r"train has shape \(4, 5\): pass one loss per epoch"):
        diagnose(good.reshape(4, 5))
    with pytest.raises(ValueError, match=r"val has shape \(20, 1\)"):
        diagnose(good, good[:, None])
    with pytest.raises(ValueError, match=r"train has shape \(0,\)"):
        diagnose([])
    with pytest.raises(ValueError, match=r"train has shape \(\)"):
        diagnose(1.0)
    with pytest.raises(TypeError, match=r"train must hold numbers, such as history.train; got 'a'"):
        diagnose("a")
    with pytest.raises(TypeError, match=r"val must hold numbers, such as history.val"):
        diagnose(good, ["low", "high"])


def test_history_without_validation():
    curve = list(np.exp(-np.arange(20) / 4))
    assert diagnose(curve, []) == diagnose(curve, None) == diagnose(curve)


def test_curves_are_left_alone():
    train, val = draw(healthy, 0, 50)
    kept = train.copy(), val.copy()
    diagnose(train, val)
    assert (train == kept[0]).all() and (val == kept[1]).all()


# ---- real runs

DIGITS, LABELS = datasets.load_digits()
DIGITS = DIGITS / 16


def digits(seed, n=400, wrong=0.0):
    """n training and 400 validation images; a share of the training labels is drawn at random."""
    rng = np.random.default_rng(seed)
    X, VX, y, vy = datasets.train_test_split(
        DIGITS, LABELS, test_size=400, seed=rng, stratify=LABELS
    )
    X, y = X[:n], y[:n]
    y[: int(wrong * n)] = rng.integers(10, size=int(wrong * n))
    return X, y, VX, vy, rng


def curves(
    data, sizes, activation=ReLU, loss=cross_entropy, epochs=40, batch=32, sample=None, **sgd
):
    """Training and validation loss of a real run, from before the training on."""
    X, y, VX, vy, rng = data
    gamma = sgd.pop("gamma", 1.0)
    disturb = sgd.pop("disturb", None)
    model = MLP(*sizes, rng=rng, activation=activation)
    optimizer = optim.SGD(model.parameters(), **({"momentum": 0.9} | sgd))

    def mean(X, y):
        with no_grad():
            return loss(model(X), y).item()

    def look(epoch, model, history):
        rows = rng.choice(len(VX), sample, replace=False) if sample else slice(None)
        val.append(mean(VX[rows], vy[rows]))
        if disturb:
            disturb(epoch, X)

    train, val = [mean(X, y)], [mean(VX, vy)]
    history = fit(
        model, loss, optimizer, X, y, epochs=epochs, batch_size=batch, rng=rng,
        schedule=optim.ExponentialLR(optimizer, gamma), callbacks=[look],
    )  # fmt: skip
    return train + history.train, val


def negative_once(epoch, X):
    if epoch in (19, 20):  # black on white, for one epoch
        X[:] = 1 - X


def leaking(seed):
    X, y, VX, vy, rng = digits(seed)
    return np.hstack([X, 3 * np.eye(10)[y]]), y, np.hstack([VX, 3 * np.eye(10)[vy]]), vy, rng


def toy(make):
    def data(seed):
        rng = np.random.default_rng(seed)
        return (*make(200, seed=rng), *make(200, seed=rng), rng)

    return data


def line(n, seed):
    x = seed.uniform(-1, 1, (n, 1))
    return x, 2 * x + 0.02 * seed.standard_normal((n, 1))


def nll(output, y):
    """The network says a mean and a log-variance; for a good fit the loss is far below zero."""
    return gaussian_nll_loss(output[:, :1], y, np.exp(output[:, 1:]))


STUCK = "underfitting or no better than guessing"  # one leads to the other, seed by seed
RUNS = {
    "digits": ("healthy", digits, {"sizes": (64, 32, 10), "lr": 0.02}),
    "logistic": ("healthy", digits, {"sizes": (64, 10), "lr": 0.05}),
    "moons": ("healthy", toy(datasets.make_moons), {"sizes": (2, 64, 2), "lr": 0.1}),
    "wrong labels": (
        "overfitting",
        lambda seed: digits(seed, n=150, wrong=0.3),
        {"sizes": (64, 128, 10), "lr": 0.1},
    ),
    "one hidden unit": (STUCK, digits, {"sizes": (64, 1, 10), "lr": 0.05}),
    "weight decay": (
        STUCK,
        digits,
        {"sizes": (64, 32, 10), "lr": 0.05, "weight_decay": 0.2},
    ),
    "slow": (STUCK, digits, {"sizes": (64, 32, 10), "lr": 1e-4}),
    "rings, straight": (STUCK, toy(datasets.make_rings), {"sizes": (2, 2), "lr": 0.05}),
    "steps too long": (
        "oscillating",
        digits,
        {"sizes": (64, 32, 10), "lr": 2.0, "momentum": 0, "batch": 400},
    ),
    "rate decays": ("plateau", digits, {"sizes": (64, 32, 10), "lr": 0.05, "gamma": 0.7}),
    "8 images": ("noisy validation", digits, {"sizes": (64, 32, 10), "lr": 0.02, "sample": 8}),
    "negatives": (
        "sudden jump",
        digits,
        {"sizes": (64, 32, 10), "lr": 0.02, "disturb": negative_once},
    ),
    "label among inputs": ("suspiciously fast drop", leaking, {"sizes": (74, 32, 10), "lr": 0.1}),
    "far too long": (
        "diverged",
        digits,
        {"sizes": (64, 32, 10), "activation": Tanh, "lr": 3.0, "momentum": 0},
    ),
    "negative": ("healthy", toy(line), {"sizes": (1, 2), "loss": nll, "lr": 0.001}),
}


@pytest.mark.parametrize("name", RUNS)
def test_real_runs(name):
    pattern, data, options = RUNS[name]
    for seed in SEEDS:
        train, val = curves(data(seed), **options)
        assert diagnose(train, val).pattern in pattern.split(" or "), seed


def test_real_run_without_the_loss_before_training():
    for name in (
        "digits",
        "wrong labels",
        "steps too long",
        "rate decays",
        "8 images",
        "negatives",
    ):
        pattern, data, options = RUNS[name]
        train, val = curves(data(0), **options)
        assert diagnose(train[1:], val[1:]).pattern == pattern, name
