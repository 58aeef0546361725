"""Lesson 8. Prediction intervals

A prediction says what to expect, an interval says how far off the truth may be; one loss gives
both, the quantile loss, which charges more for an error on one side than on the other. And an
interval is a promise that can be put to the test: of all intervals that claim 90 %, 90 % should
hold the truth, for patients that the model has not seen.

The quantile loss is the absolute error of lessons 6 and 7, tilted. We fit the 5 %, 50 % and 95 %
quantiles of the diabetes data, keep score of the promise, see it broken badly, and mend it.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize, train_test_split
from microloss.losses import l1_loss, quantile_loss
from microloss.nn import MLP
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()
X, y = load_diabetes()
QUANTILES = (0.05, 0.5, 0.95)

# ---- a loss with two sides -----------------------------------------------------------------------

say("""
The quantile loss is q times the error where the prediction is too low, and (1 - q) times the error
where it is too high.
""")
predict("You pay nine times as much for too little as for too much. What do you order?")
low, high = (quantile_loss([guess], [10.0], quantile=0.9) for guess in (9.0, 11.0))
claim("that is q = 0.9", np.isclose(low, 9 * high), f"{low:.1f} for 1 too low, {high:.1f} too high")
half, size = quantile_loss(np.zeros(len(y)), y, quantile=0.5), l1_loss(np.zeros(len(y)), y)
claim("q = 0.5 is half the MAE", np.isclose(half, size / 2), f"{half:.2f}, the MAE is {size:.2f}")
guesses = np.arange(y.min(), y.max(), 0.5)
cost = {
    q: np.array([quantile_loss(np.full(len(y), guess), y, quantile=q) for guess in guesses])
    for q in (*QUANTILES, 0.9)
}
best = {q: guesses[c.argmin()] for q, c in cost.items()}
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

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
errors = np.linspace(-3, 3, 301)
for q, style in zip(QUANTILES, (":", "--", "-")):
    loss = quantile_loss(errors, np.zeros(301), quantile=q, reduction="none")
    left.plot(errors, loss, style, color=COLOR["quantile"], label=f"q = {q}")
    right.plot(guesses, cost[q], style, color=COLOR["quantile"])
    right.plot(best[q], cost[q].min(), "o", color=COLOR["quantile"], ms=8)
left.set(xlabel="prediction - truth", ylabel="loss", title="Too low costs q, too high 1 - q ...")
right.set(xlabel="one guess for all (disease progression)", ylabel="mean loss")
right.set(title="... so the best guess is the quantile", ylim=(0, 110))
left.legend(loc="upper center")
save(fig, "loss")

# ---- a promise, and how it is kept ---------------------------------------------------------------


def three_quantiles(*sizes, X, y):
    """A model with one output for each quantile, trained on all three losses together."""
    model = MLP(*sizes, len(QUANTILES), rng=rng)
    optimizer = Adam(model.parameters(), lr=0.03)
    schedule = CosineAnnealingLR(optimizer, T_max=300)

    def loss(output, target):
        return quantile_loss(output, target, quantile=QUANTILES)

    # the loop of lesson 5, here with all patients in one batch
    fit(model, loss, optimizer, X, y, epochs=300, batch_size=len(X), schedule=schedule, rng=rng)

    def quantiles(X):
        with no_grad():
            return model(X).data

    return quantiles


def least_squares(X, y):
    """The best linear prediction, plus and minus 1.645 standard deviations of its errors."""
    columns = np.column_stack([X, np.ones(len(X))])
    line = np.linalg.lstsq(columns, y)[0]
    reach = 1.645 * np.std(y - columns @ line)
    return lambda X: (X @ line[:-1] + line[-1])[:, None] + np.array([-reach, 0, reach])


def inside(model, X, y):
    """Which truths lie in their interval."""
    low, _, high = model(X).T
    return (low <= y) & (y <= high)


def calibrated(model, X, y):
    """The same intervals, made longer (or shorter) at both ends, until 90 % of these y fit in."""
    low, _, high = model(X).T
    outside = np.sort(np.maximum(low - y, y - high))  # how far each truth is out; inside below 0
    margin = outside[int(np.ceil(0.9 * (len(y) + 1))) - 1]
    return lambda X: model(X) + np.array([-margin, 0, margin])


predict("""
    Three models learn from 200 patients, with all ten measurements:

      - least squares, plus and minus 1.645 standard deviations of its errors,
        in which 90 % of a Gaussian lie
      - the 5 % and 95 % quantiles, each a weighted sum of the measurements
      - the same quantiles from a network with 64 hidden units

    Each promises 90 %. Which of them keep the promise with 142 new patients? And do they keep it
    with the mild cases as well as with the bad ones?
""")
share = {}  # for each method: trials x (on its own patients, on new ones, mild, bad)
width, crossed, sorting = {}, [], []
for _ in range(10):  # ten times, each with other patients: one trial would leave much to luck
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=142, seed=rng)
    X_train, X_calib, y_train, y_calib = train_test_split(X_rest, y_rest, test_size=100, seed=rng)
    unit = y_train.std()
    X_train, X_calib, X_test = standardize(X_train, X_calib, X_test)
    y_train, y_calib, y_test = standardize(y_train, y_calib, y_test)
    linear = three_quantiles(10, X=X_train, y=y_train)
    network = three_quantiles(10, 64, X=X_train, y=y_train)
    models = {
        "least squares": least_squares(X_train, y_train),
        "quantiles": linear,
        "quantile network": network,
        "quantiles, calibrated": calibrated(linear, X_calib, y_calib),
        "network, calibrated": calibrated(network, X_calib, y_calib),
    }
    expected = models["least squares"](X_test)[:, 1]
    bad = expected > np.median(expected)
    for name, model in models.items():
        hit = inside(model, X_test, y_test)
        own = inside(model, X_train, y_train).mean()
        share.setdefault(name, []).append([own, hit.mean(), hit[~bad].mean(), hit[bad].mean()])
        low, _, high = model(X_test).T
        width.setdefault(name, []).append(unit * (high - low).mean())
    raw = network(X_test)
    crossed.append(np.mean(np.diff(raw, axis=1).min(axis=1) < 0))
    sorting.append(
        quantile_loss(np.sort(raw), y_test, quantile=QUANTILES)
        - quantile_loss(raw, y_test, quantile=QUANTILES)
    )
share = {name: np.array(trials) for name, trials in share.items()}
mean = {name: trials.mean(axis=0) for name, trials in share.items()}
FIRST = ["least squares", "quantiles", "quantile network"]
columns = ["truths in the interval", "trained on", "new", "new, mild", "new, bad", "mean width"]
rows = {k: [k, *(f"{v:.0%}" for v in mean[k]), f"{np.mean(width[k]):.0f}"] for k in mean}
table(columns, [rows[k] for k in FIRST])
gap = {name: mean[name][2] - mean[name][3] for name in mean}
claim(
    "least squares: about right on the whole, but too often for mild cases and too seldom for bad "
    "ones, whose errors are larger",
    gap["least squares"] > 0.05,
    "{2:.1%} of the mild, {3:.1%} of the bad".format(*mean["least squares"]),
)
claim(
    "quantiles: about right on the whole, and evener, since each end is fitted by itself",
    abs(gap["quantiles"]) < gap["least squares"] / 2 and abs(mean["quantiles"][1] - 0.9) < 0.07,
    "{2:.1%} and {3:.1%}, {1:.1%} of all".format(*mean["quantiles"]),
)
claim(
    "the network keeps its promise to the patients it knows, and to no one else: it has learned "
    "their numbers by heart, and thinks itself exact",
    mean["quantile network"][0] > 0.85 and mean["quantile network"][1] < 0.55,
    "{:.1%} of those it trained on, {:.1%} of the new".format(*mean["quantile network"]),
)
claim(
    "its quantiles even cross: nothing keeps 5 % below 50 % below 95 %",
    np.mean(crossed) > 0.1,
    f"for {np.mean(crossed):.0%} of the new patients",
)
claim(
    "sorting them is a cure, and never makes the loss worse",
    max(sorting) <= 0,
    f"it falls by {-max(sorting):.3f} to {-min(sorting):.3f}",
)

# ---- the cure ------------------------------------------------------------------------------------

say("""
No loss can see that a promise fails on patients it is not shown. So show it some: 100 patients, set
aside before training, tell how far the truths lie outside. Both ends move outwards by as much as
90 % of them need. That is conformal calibration (Romano, Patterson, Candès 2019), and whatever the
model, the promise then holds on average over such draws of patients.
""")
predict("And will the calibrated network be as good as the calibrated quantiles?")
table(columns, [rows[k] for k in rows if k not in FIRST])
for name in ("quantiles, calibrated", "network, calibrated"):
    kept = mean[name][1]
    claim(f"{name}: the promise is kept", abs(kept - 0.9) < 0.03, f"{kept:.1%} of the new patients")
longer = np.mean(width["network, calibrated"]) / np.mean(width["quantiles, calibrated"]) - 1
claim(
    "calibration makes a model honest, not good: the network pays with longer intervals",
    longer > 0.08,
    f"{longer:.0%} longer on average",
)

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
for place, (name, trials) in enumerate(share.items()):
    color = COLOR["mse" if name == "least squares" else "quantile"]
    right.plot(100 * trials[:, 1], np.full(len(trials), -place), "o", color=color, alpha=0.5)
right.axvline(90, color=COLOR["truth"], lw=1, ls=":")
right.set_yticks(-np.arange(len(share)), share)
right.set(xlabel="new patients in their 90 % interval (%)", xlim=(20, 100))
right.set(title="A promise, broken and mended")
save(fig)

takeaway(f"""
    The quantile loss finds quantiles, so two of them make an interval, long where the errors are
    large. Test it on new data: a network that has learned its patients by heart promises 90 % and
    keeps {mean["quantile network"][1]:.0%}. Sort quantiles that cross, and calibrate on data set
    aside: then the promise holds, and the width tells what the model is worth.

    Next: lesson 9 predicts the noise itself, as a variance.
""")
exercises(
    [
        "Give the network fewer hidden units, or stop it early with fit(..., validation=, "
        "patience=). How near to 90 % does it come without calibration?",
        "Calibrate least squares too. Are mild and bad cases now treated alike? Why not?",
        "A clinic has beds for the expected patients, and an empty bed costs a quarter of a "
        "missing one. Which quantile of their number should it plan for?",
    ]
)
