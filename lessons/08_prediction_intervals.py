"""Lesson 8. Prediction intervals

A prediction says what to expect, an interval says how far off the truth may be; one loss gives
both, the quantile loss, which charges more for an error on one side than on the other. And an
interval is a promise that can be put to the test: of all intervals that claim 90 %, 90 % should
hold the truth, for patients that the model has not seen.

The quantile loss is the absolute error of lessons 6 and 7, tilted. We fit three quantiles to the
diabetes patients of lesson 1, keep score of the promise, see it broken badly, and mend it.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize, train_test_split
from microloss.losses import l1_loss, quantile_loss
from microloss.metrics import interval_coverage
from microloss.nn import MLP
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()
X, y = load_diabetes()
QUANTILES = (0.05, 0.5, 0.95)

# ---- a loss with two sides -----------------------------------------------------------------------

say("The quantile loss is q for each 1 that the prediction is too low, 1 - q where it is too high.")
predict("You pay nine times as much for too little as for too much. What do you order?")
low, high = (quantile_loss([guess], [10.0], quantile=0.9) for guess in (9.0, 11.0))
claim("that is q = 0.9", np.isclose(low, 9 * high), f"{low:.1f} for 1 too low, {high:.1f} too high")
half, size = quantile_loss(np.zeros(len(y)), y, quantile=0.5), l1_loss(np.zeros(len(y)), y)
claim("q = 0.5 is half the MAE", np.isclose(half, size / 2), f"{half:.2f}, the MAE is {size:.2f}")
guesses, everybody = np.arange(y.min(), y.max(), 0.5), np.ones(len(y))
best = {
    q: min(guesses, key=lambda guess: quantile_loss(guess * everybody, y, quantile=q))
    for q in (*QUANTILES, 0.9)
}
claim(
    "the best constant is the quantile: the share q of the patients lies below",
    all(np.mean(y < best[q]) <= q <= np.mean(y <= best[q]) for q in best),
    ", ".join(f"{np.mean(y <= best[q]):.1%} up to {best[q]:.0f}" for q in sorted(best)),
)
say("""
So order what suffices on nine days out of ten. It is a balance: each patient above the prediction
pulls up with q, each one below pulls down with 1 - q, however far away, and the pulls cancel where
the share q is below.
""")

# ---- a promise, and how it is kept ---------------------------------------------------------------


def three_quantiles(*sizes, X, y):
    """A model with one output for each quantile, trained on all three losses together."""
    model = MLP(*sizes, len(QUANTILES), rng=rng)
    optimizer = Adam(model.parameters(), lr=0.03)
    schedule = CosineAnnealingLR(optimizer, T_max=300)
    loss = partial(quantile_loss, quantile=QUANTILES)
    # the loop of lesson 5, here with all patients in one batch
    fit(model, loss, optimizer, X, y, epochs=300, batch_size=len(X), schedule=schedule, rng=rng)
    return lambda X: model(X).data


def kept(model, X, y):
    """Share of the truths that lie in their interval."""
    low, _, high = model(X).T
    return interval_coverage(low, high, y)


def calibrated(model, X, y):
    """The same intervals, made longer (or shorter) at both ends, until 90 % of these y fit in."""
    low, _, high = model(X).T
    outside = np.sort(np.maximum(low - y, y - high))  # how far each truth is out; inside below 0
    margin = outside[int(np.ceil(0.9 * (len(y) + 1))) - 1]
    return lambda X: model(X) + np.array([-margin, 0, margin])


predict("""
    Two models learn the 5 %, 50 % and 95 % quantiles from 200 patients, with all ten measurements.
    In one each quantile is a weighted sum, the other is a network with 64 hidden units. Each
    promises that 90 % of the patients lie between 5 % and 95 %. Which of them keeps the promise
    with the 200 that it knows? With 142 new ones?
""")
trials = {}  # for each model: coverage of its own patients and of new ones, and the mean width
for _ in range(10):  # ten times, each with other patients: one trial would leave much to luck
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=142, seed=rng)
    X_train, X_calib, y_train, y_calib = train_test_split(X_rest, y_rest, test_size=100, seed=rng)
    unit = y_train.std()
    X_train, X_calib, X_test = standardize(X_train, X_calib, X_test)
    y_train, y_calib, y_test = standardize(y_train, y_calib, y_test)
    models = {
        "weighted sums": three_quantiles(10, X=X_train, y=y_train),
        "network": three_quantiles(10, 64, X=X_train, y=y_train),
    }
    for name in list(models):
        models[f"{name}, calibrated"] = calibrated(models[name], X_calib, y_calib)
    for name, model in models.items():
        low, _, high = model(X_test).T
        row = [kept(model, X_train, y_train), kept(model, X_test, y_test), (high - low).mean()]
        trials.setdefault(name, []).append(row * np.array([100, 100, unit]))
mean = {name: np.mean(rows, axis=0) for name, rows in trials.items()}
sums, network = mean["weighted sums"][:2], mean["network"][:2]
claim(
    "the weighted sums keep it, or nearly so",
    np.abs(sums - 90).max() < 7,
    "{:.1f} % of those they trained on, {:.1f} % of the new".format(*sums),
)
claim(
    "the network keeps its promise to the patients it knows, and to no one else: it has learned "
    "their numbers by heart, and thinks itself exact",
    network[0] > 85 and network[1] < 55,
    "{:.1f} % of those it trained on, {:.1f} % of the new".format(*network),
)

# ---- the cure ------------------------------------------------------------------------------------

say("""
No loss can see that a promise fails on patients it is not shown. So show it some: 100 patients, set
aside before training, tell how far the truths lie outside. Both ends move outwards by as much as
90 % of them need. That is conformal calibration (Romano, Patterson, Candès 2019), and whatever the
model, the promise then holds on average over such draws of patients.
""")
predict("And will the calibrated network be as good as the calibrated sums?")
table(
    ["% of truths in the interval", "trained on", "new", "mean width"],
    [[name, *(f"{v:.0f}" for v in numbers)] for name, numbers in mean.items()],
)
for name in ("weighted sums, calibrated", "network, calibrated"):
    new = mean[name][1]
    claim(f"{name}: the promise is kept", abs(new - 90) < 3, f"{new:.1f} % of the new patients")
longer = mean["network, calibrated"][2] / mean["weighted sums, calibrated"][2] - 1
claim(
    "calibration makes a model honest, not good: the network pays with longer intervals",
    longer > 0.08,
    f"{longer:.0%} longer on average",
)

# ---- in pictures ---------------------------------------------------------------------------------

bmi = X[:, DIABETES_FEATURES.index("bmi")]
x, target = standardize(bmi[:, None]), standardize(y)
low, middle, high = three_quantiles(1, X=x, y=target)(x).T * y.std() + y.mean()
out = (y < low) | (y > high)
order = bmi.argsort()
fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2))
left.fill_between(bmi[order], low[order], high[order], color=COLOR["quantile"], alpha=0.15)
left.plot(bmi[order], middle[order], color=COLOR["quantile"])
left.scatter(bmi[~out], y[~out], s=8, color="#888888")
left.scatter(bmi[out], y[out], s=14, color=COLOR["naive"])
left.text(18, 340, f"{out.sum()} of {len(y)} outside", color=COLOR["naive"])
left.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression (no unit known)")
left.set(title="Three quantiles draw an interval")
for place, (name, trial) in enumerate(trials.items()):
    new = np.array(trial)[:, 1]
    color = COLOR["naive" if name == "network" else "quantile"]
    right.plot(new, np.full(len(new), -place), "o", color=color, alpha=0.5)
right.axvline(90, color=COLOR["truth"], lw=1, ls=":")
right.set_yticks(-np.arange(len(trials)), [name.replace(", ", ",\n") for name in trials])
right.set(xlabel="new patients in their 90 % interval (%)", xlim=(20, 100))
right.set(title="A promise, broken and mended")
save(fig)

takeaway(f"""
    The quantile loss finds quantiles, so two of them make an interval, long where the errors are
    large. Test it on new data: a network that has learned its patients by heart promises 90 % and
    keeps {network[1]:.0f} %. Calibrate it on data set aside: then the promise holds, and the width
    tells what the model is worth.

    Next: lesson 9 predicts the noise itself, as a variance.
""")
exercises(
    [
        "Nothing keeps the network's 5 % below its 50 % and 95 %. For how many new patients do its "
        "quantiles cross? Sort them: can that ever make the loss worse?",
        "Give the network fewer hidden units, or stop it early with fit(..., validation=, "
        "patience=). How near to 90 % does it come without calibration?",
        "Take least squares, plus and minus 1.645 standard deviations of its errors. How often "
        "does that hold the mild cases, how often the bad ones? Does calibration mend it?",
    ]
)
