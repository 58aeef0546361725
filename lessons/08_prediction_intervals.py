"""Lesson 8. Prediction intervals

A prediction says what to expect. An interval says how far off the truth may be. One loss gives
both: the quantile loss, which charges more for an error on one side than on the other. And an
interval is a promise that can be put to the test: of all intervals that claim 90 %, 90 % should
hold the truth, for patients that the model has not seen.

The quantile loss is the absolute error of lessons 6 and 7, tilted. We fit three quantiles to the
diabetes patients of lesson 1, keep score of the promise, see it broken, and mend it.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, sweep, table, takeaway

from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize, train_test_split
from microloss.losses import l1_loss, quantile_loss
from microloss.metrics import interval_coverage
from microloss.nn import MLP
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()
X, y = load_diabetes()
QUANTILES = (0.05, 0.5, 0.95)
PROMISE = 0.9  # between the outer two

# %% A loss with two sides

say("""
A baker who has one loaf too few loses nine times as much as with one loaf too many. The quantile
loss (pinball loss; Koenker and Bassett, 1978, Regression quantiles) puts that into one number q:
""")
formula(
    """
    e = target - prediction
    loss = q e           if e >= 0: the prediction was too low
    loss = (q - 1) e     if e <  0: the prediction was too high
    """,
    tex=r"\mathrm{loss} = \begin{cases} q\, e & e \ge 0 \\ (q - 1)\, e & e < 0 \end{cases} "
    r"\qquad e = \mathrm{target} - \mathrm{prediction}",
)
predict("""
    Which q is the baker's? And how many loaves are the best for every day: the mean demand, the
    most that was ever sold, or something between?
""")

# %% What its minimum is

too_low = quantile_loss([9.0], [10.0], quantile=0.9)
too_high = quantile_loss([11.0], [10.0], quantile=0.9)
claim(
    "With q = 0.9, one too few costs nine times as much as one too many",
    np.isclose(too_low, 9 * too_high, rtol=1e-12),
    f"{too_low / too_high:.1f} times: {too_low:.1f} against {too_high:.1f}",
)
half = quantile_loss(np.zeros(len(y)), y, quantile=0.5)
mae = l1_loss(np.zeros(len(y)), y)
claim(
    "With q = 0.5, it is half the mean absolute error",
    np.isclose(half, mae / 2, rtol=1e-12),
    f"{half:.2f}, the MAE is {mae:.2f}",
)
say("""
Where is the mean loss lowest, if the prediction c is the same for all? Its slope counts the targets
on each side, each with its price, however far away it is:
""")
formula(
    """
    d loss / dc = (1 - q) * share of targets below c  -  q * share of targets above c  =  0
    share below = q:  the q-quantile
    """,
    tex=r"\frac{d\,\mathrm{loss}}{dc} = (1 - q)\, P(y < c) - q\, P(y > c) = 0 "
    r"\quad\Rightarrow\quad P(y < c) = q",
)
guesses = np.arange(y.min(), y.max(), 0.5)
everybody = np.ones(len(y))
best = {
    q: min(guesses, key=lambda guess: quantile_loss(guess * everybody, y, quantile=q))
    for q in (*QUANTILES, 0.9)
}
claim(
    "The best constant is the quantile: the share q of the patients lies below",
    all(np.mean(y < best[q]) <= q <= np.mean(y <= best[q]) for q in best),
    ", ".join(f"{np.mean(y <= best[q]):.1%} up to {best[q]:.0f}" for q in sorted(best)),
)
say("So the baker takes what suffices on nine days out of ten.")

# %% A quantile for every patient

bmi = X[:, DIABETES_FEATURES.index("bmi")]
x_line = standardize(bmi[:, None])
y_line = standardize(y)
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def learn_quantiles(levels, *sizes, X, y, epochs=300):
    """A model with one output for each quantile, trained on all their losses together."""
    model = MLP(*sizes, len(levels), rng=rng)
    optimizer = Adam(model.parameters(), lr=0.03)
    schedule = CosineAnnealingLR(optimizer, T_max=epochs)
    loss = partial(quantile_loss, quantile=levels)
    # the loop of lesson 5, here with all patients in one batch
    fit(model, loss, optimizer, X, y, epochs=epochs, batch_size=len(X), schedule=schedule, rng=rng)
    return lambda X: model(X).data


line_model = learn_quantiles(LEVELS, 1, X=x_line, y=y_line, epochs=1500)
lines = line_model(x_line) * y.std() + y.mean()
by_bmi = bmi.argsort()


def draw_quantile(fig, level):
    """The loss of one quantile, and the line that it draws through the patients."""
    loss_panel, line_panel = fig.subplots(1, 2)
    e = np.linspace(-2, 2, 81)
    loss = quantile_loss(0 * e, e, quantile=level, reduction="none")
    loss_panel.plot(e, loss, color=COLOR["quantile"])
    loss_panel.set(xlabel="target - prediction", ylabel="loss", ylim=(0, 2), title="Pinball loss")
    line = lines[:, LEVELS.index(level)]
    above = y > line
    line_panel.scatter(bmi[~above], y[~above], s=6, color="#888888")
    line_panel.scatter(bmi[above], y[above], s=6, color=COLOR["naive"])
    line_panel.plot(bmi[by_bmi], line[by_bmi], color=COLOR["quantile"])
    line_panel.set(xlabel="body-mass index", ylabel="progression")
    line_panel.set_title(f"{above.mean():.0%} lie above")


sweep(draw_quantile, LEVELS, "quantile")
predict("""
    Two models learn the 5 %, 50 % and 95 % quantiles from 200 patients, with all ten measurements.
    In one, each quantile is a weighted sum; the other is a network with 64 hidden units. Each
    promises that 90 % of the patients lie between its 5 % and its 95 %. Which of them keeps the
    promise for the 200 that it knows? For 142 new ones?
""")

# %% A promise, and how it is kept


def coverage(model, X, y):
    """Share of the truths that lie in their interval."""
    low, _, high = model(X).T
    return interval_coverage(low, high, y)


def calibrated(model, X, y):
    """The same intervals, moved outwards (or inwards) at both ends until 90 % of these y fit in."""
    low, _, high = model(X).T
    outside = np.sort(np.maximum(low - y, y - high))  # how far each truth is out; below 0: inside
    margin = outside[int(np.ceil(PROMISE * (len(y) + 1))) - 1]
    return lambda X: model(X) + np.array([-margin, 0, margin])


TRIALS = 10  # each with other patients: one trial would leave much to luck
trials = {}  # for each model: coverage of its own patients and of new ones, and the mean width
for _ in range(TRIALS):
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=142, seed=rng)
    X_train, X_calib, y_train, y_calib = train_test_split(X_rest, y_rest, test_size=100, seed=rng)
    unit = y_train.std()
    X_train, X_calib, X_test = standardize(X_train, X_calib, X_test)
    y_train, y_calib, y_test = standardize(y_train, y_calib, y_test)
    models = {
        "weighted sums": learn_quantiles(QUANTILES, 10, X=X_train, y=y_train),
        "network": learn_quantiles(QUANTILES, 10, 64, X=X_train, y=y_train),
    }
    for name in list(models):
        models[f"{name}, calibrated"] = calibrated(models[name], X_calib, y_calib)
    for name, model in models.items():
        low, _, high = model(X_test).T
        row = coverage(model, X_train, y_train), coverage(model, X_test, y_test)
        trials.setdefault(name, []).append((*row, unit * (high - low).mean()))
known, new, width = (
    {name: np.mean(rows, axis=0)[column] for name, rows in trials.items()} for column in range(3)
)
table(
    ["share of truths in the interval", "trained on", "new", "mean width"],
    [(name, f"{known[name]:.1%}", f"{new[name]:.1%}", f"{width[name]:.0f}") for name in trials],
)
sums = "weighted sums"
claim(
    "The weighted sums keep their promise to the patients that they know",
    abs(known[sums] - PROMISE) < 0.03,
    f"{known[sums]:.1%}, the mean of {TRIALS} trials",
)
claim(
    "For new patients the weighted sums fall short of 90 %, by less than ten points",
    PROMISE - 0.1 < new[sums] < PROMISE,
    f"{100 * (PROMISE - new[sums]):.1f} points short: {new[sums]:.1%}",
)
claim(
    "The network keeps its promise to the patients it knows, and breaks it to the new ones",
    known["network"] > 0.85 and new["network"] < 0.55,
    f"{new['network']:.1%} of the new ones, {known['network']:.1%} of those it trained on",
)
say("""
The network has learned its patients by heart (overfitting), and takes itself to be exact. The
weighted sums have ten weights for each quantile and overfit a little, in the same direction.
""")
predict("""
    Set 100 patients aside before training, and let them tell how far the truths lie outside of the
    intervals. Then move both ends outwards until 90 % of these 100 are inside. Does the promise
    hold for new patients now? And will the calibrated network be as good as the calibrated sums?
""")

# %% The cure

say("""
No loss can see that a promise fails on patients that it is not shown. The cure is conformal
calibration (Romano, Patterson and Candès, 2019, Conformalized quantile regression). If the patients
set aside and the new ones could be exchanged for each other without anybody noticing
(exchangeability), at least 90 % of the new ones lie inside on average, whatever the model is.
""")
formula(
    "margin = the ceil(0.9 (n + 1))-th smallest of  max(low - y, y - high)  over n patients",
    tex=r"\mathrm{margin} = \text{the } \lceil 0.9\,(n+1) \rceil \text{-th smallest of } "
    r"\max(\mathrm{low}_i - y_i,\; y_i - \mathrm{high}_i)",
)
for name in (sums, "network"):
    mended = new[f"{name}, calibrated"]
    claim(
        f"Calibrated, the intervals of the {name} hold 90 % of the new patients, to three points",
        abs(mended - PROMISE) < 0.03,
        f"{mended:.1%}, {new[name]:.1%} before",
    )
longer = width["network, calibrated"] / width["weighted sums, calibrated"] - 1
claim(
    "Calibration makes a model honest, not good: the network pays with longer intervals",
    longer > 0.08,
    f"{longer:.0%} longer on average",
)

# %% The picture

fig, (loss_panel, line_panel, trial_panel) = plt.subplots(
    1, 3, figsize=(13, 4.2), width_ratios=[1, 1.3, 1.3]
)
e = np.linspace(-2, 2, 81)
for q, style in ((0.05, ":"), (0.5, "--"), (0.95, "-")):
    loss = quantile_loss(0 * e, e, quantile=q, reduction="none")
    loss_panel.plot(e, loss, style, color=COLOR["quantile"], label=f"q = {q}")
loss_panel.set(xlabel="target - prediction", ylabel="loss")
loss_panel.set_title("The pinball loss")
loss_panel.legend(loc="upper center")
low, middle, high = (lines[:, LEVELS.index(q)] for q in QUANTILES)
out = (y < low) | (y > high)
line_panel.fill_between(bmi[by_bmi], low[by_bmi], high[by_bmi], color=COLOR["quantile"], alpha=0.15)
line_panel.plot(bmi[by_bmi], middle[by_bmi], color=COLOR["quantile"])
line_panel.scatter(bmi[~out], y[~out], s=8, color="#888888")
line_panel.scatter(bmi[out], y[out], s=14, color=COLOR["naive"])
line_panel.text(18, 375, f"{out.sum()} of {len(y)} outside (trained on)", color=COLOR["naive"])
line_panel.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression", ylim=(0, 400))
line_panel.set_title("Two quantiles make an interval")
for place, (name, rows) in enumerate(trials.items()):
    shares = 100 * np.array(rows)[:, 1]
    color = COLOR["naive" if name == "network" else "quantile"]
    trial_panel.plot(shares, np.full(TRIALS, -place), "o", color=color, alpha=0.5)
trial_panel.axvline(100 * PROMISE, color=COLOR["truth"], lw=1, ls=":")
trial_panel.set_yticks(-np.arange(len(trials)), [name.replace(", ", ",\n") for name in trials])
trial_panel.set(xlabel="new patients in their 90 % interval (%)", xlim=(20, 100), ylim=(-3.5, 0.5))
trial_panel.set_title("A promise, broken and mended")
save(fig)

# %% Take away

takeaway("""
    The quantile loss finds quantiles, so two of them make an interval, long where the errors are
    large. Test it on new data: a network that has learned its patients by heart promises 90 % and
    keeps about half of that. Calibrate it on data set aside: then the promise holds on average, and
    the width tells what the model is worth.

    Next: lesson 9 predicts the noise itself, as a variance.
""")
exercises(
    [
        "Nothing keeps the network's 5 % below its 50 % and 95 %. For how many new patients of the "
        "last trial do its quantiles cross? Sort them: can that ever make the loss worse?",
        "Give the network 4 hidden units instead of 64. How near to 90 % does it come without "
        "calibration?",
        "Take least squares, plus and minus 1.645 standard deviations of its errors, with the "
        "body-mass index alone. How often does that hold the third of patients with the mildest "
        "predicted progression, how often the third with the worst?",
    ]
)
