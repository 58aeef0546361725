"""Lesson 6. Losses for numbers

Squared error, absolute error, Huber and log-cosh answer one question in four ways: how much worse
is a large error than a small one? Once a single number in the data is wrong, they fit different
lines. Lesson 5 took its loss for granted; from here on, we choose.

We look at the shapes first, for the slope of a loss is the pull of an error. Then a typing error
gets into the diabetes patients of lesson 1. A second one shows what no loss forgives.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize
from microloss.losses import huber_loss, l1_loss, log_cosh_loss, mse_loss
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
LOSSES = {"MSE": mse_loss, "MAE": l1_loss, "Huber": huber_loss, "log-cosh": log_cosh_loss}
PAINT = dict(zip(LOSSES, (COLOR[name] for name in ("mse", "mae", "huber", "log_cosh"))))

# ---- one large error or five small ones ----------------------------------------------------------

predict("""
    Two models price five houses. One is right about four of them and $50,000 off on the fifth, the
    other is $10,000 off on each. Which is the better model?
""")
truth, one, five = np.zeros(5), np.array([0, 0, 0, 0, 5.0]), np.ones(5)  # in $10,000
score = {name: (loss(one, truth), loss(five, truth)) for name, loss in LOSSES.items()}
claim(
    "under MSE the one large error weighs five times as much as the five small ones, under MAE "
    "just as much",
    np.isclose(score["MSE"][0], 5 * score["MSE"][1]) and np.isclose(*score["MAE"]),
    "{:g} against {:g}, and {:g} against {:g}".format(*score["MSE"], *score["MAE"]),
)
say("No formula can tell which is right. It depends on what errors cost you: that is the choice.")

# ---- shapes and pulls ----------------------------------------------------------------------------

predict("The slope of the loss is the pull of an error. How hard do errors of 0.1, 1 and 10 pull?")


def curve(loss, errors):
    """The loss of each error by itself, and its slope there."""
    errors = Tensor(errors, requires_grad=True)
    values = loss(errors, np.zeros(errors.shape), reduction="none")
    values.sum().backward()
    return values.data, errors.grad


pulls = {name: curve(loss, [0.1, 1, 10])[1] for name, loss in LOSSES.items()}
table(["pull of an error of", "0.1", "1", "10"], [[k, *v.round(4)] for k, v in pulls.items()])
claim(
    "MSE pulls in proportion to the error, MAE always equally, Huber and log-cosh never above 1",
    np.allclose(pulls["MSE"], [0.2, 2, 20])
    and (pulls["MAE"] == 1).all()
    and max(pulls["Huber"].max(), pulls["log-cosh"].max()) <= 1,
    "an error of 10 pulls with " + ", ".join(f"{v[2]:.0f}" for v in pulls.values()),
)
near, far = curve(log_cosh_loss, [0.001, 12])[0]
near, far = abs(near / (0.001**2 / 2) - 1), abs(far - (12 - np.log(2)))
claim(
    "log-cosh is half the square near 0, and the absolute error less ln 2 far away",
    near < 1e-6 and far < 1e-10,
    f"at an error of 0.001 off by {near:.0e} of it, at 12 off by {far:.0e}",
)

# ---- a typing error ------------------------------------------------------------------------------

X, y = load_diabetes()
bmi = X[:, DIABETES_FEATURES.index("bmi")]
bmi_all = standardize(bmi)
rows = np.array([rng.choice(len(y), 40, replace=False) for doctor in range(100)])
rows = np.take_along_axis(rows, bmi[rows].argsort(axis=1), axis=1)  # the thinnest comes first
x, true = bmi_all[rows], y[rows]
typed = true.copy()
typed[:, 0] *= 10
say(f"""
A doctor has {rows.shape[1]} patients, drawn from the {len(y)}. In the record of the thinnest there
is a zero too many: a disease progression of {typed[0, 0]:.0f} for {true[0, 0]:.0f}. She fits a line
over body-mass index before and after. So that this is not about one doctor's luck, there are
{len(rows)} of them, each with patients of her own.
""")
predict("How far does that one record move her line, under each loss? Rank the four.")
middle, unit = y.mean(), y.std()  # counted in this unit, an ordinary error is of the order of 1


def fit_lines(loss, x, y, steps=600):
    """Slopes and intercepts, in units: a line for each row of x and y, all fitted at once."""
    y = (y - middle) / unit
    lines = Tensor(np.zeros((len(y), 2)), requires_grad=True)
    optimizer = Adam([lines], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)  # MAE's pull does not fade: steps must
    for _ in range(steps):
        optimizer.zero_grad()
        guess = lines[:, :1] * x + lines[:, 1:]
        loss(guess, y, reduction="sum").backward()  # a sum, so that no row heeds the others
        optimizer.step()
        schedule.step()
    return lines.data


def at(lines, x):
    """The progression that the lines predict."""
    return (lines[:, :1] * x + lines[:, 1:]) * unit + middle


before = {name: fit_lines(loss, x, true) for name, loss in LOSSES.items()}
after = {name: fit_lines(loss, x, typed) for name, loss in LOSSES.items()}
moved = {name: np.abs(at(after[name], x) - at(before[name], x)).mean() for name in LOSSES}
missed = {
    name: [np.abs(at(lines, bmi_all) - y).mean() for lines in (before[name], after[name])]
    for name in LOSSES
}
table(
    ["mean over the doctors", "line moved by", "error before", "error after"],
    [[k, f"{moved[k]:.1f}", *(f"{error:.1f}" for error in missed[k])] for k in LOSSES],
)
say(f"(The error is the mean absolute one, over the true records of all {len(y)} patients.)")
claim(
    "one typing error moves the MSE line more than ten times as far as the MAE line",
    moved["MSE"] > 10 * moved["MAE"],
    f"{moved['MSE'] / moved['MAE']:.0f} times",
)
claim(
    "Huber and log-cosh lie between",
    moved["MAE"] < moved["Huber"] < moved["log-cosh"] < moved["MSE"] / 5,
    f"{moved['Huber']:.1f} and {moved['log-cosh']:.1f}",
)

# ---- where all four fail -------------------------------------------------------------------------

predict("Now the zero too many is in the thinnest one's body-mass index. Which loss protects her?")
wrong = x.copy()
wrong[:, 0] = (10 * bmi[rows[:, 0]] - bmi.mean()) / bmi.std()
slopes = {name: fit_lines(loss, wrong, true)[:, 0].mean() for name, loss in LOSSES.items()}
kept = {name: slope / before[name][:, 0].mean() for name, slope in slopes.items()}
claim(
    "none: they forgive wrong targets, not wrong inputs, and every line falls flat",
    max(np.abs(list(kept.values()))) < 0.1,
    "slope left: " + ", ".join(f"{name} {share:.0%}" for name, share in kept.items()),
)

# ---- in pictures ---------------------------------------------------------------------------------

fig, (shape, pull, lines) = plt.subplots(1, 3, figsize=(12, 4))
errors, ends = np.linspace(-4, 4, 401), np.array([17, 43])
shown = (ends - bmi.mean()) / bmi.std()
for name, loss in LOSSES.items():
    value, slope = curve(loss, errors)
    shape.plot(errors, value, color=PAINT[name])
    pull.plot(errors, slope, color=PAINT[name], label=name)
    lines.plot(ends, at(after[name], shown)[0], color=PAINT[name])
shape.set(xlabel="error", ylabel="loss", ylim=(-0.1, 5), title="Four ways to weigh an error ...")
pull.set(xlabel="error", ylabel="slope of the loss", ylim=(-3, 3))
pull.set(title="... three with a bounded pull")
pull.legend(loc="lower right")

thin = bmi[rows[0, 0]]
lines.scatter(bmi[rows[0, 1:]], typed[0, 1:], s=14, color="#999999")
lines.plot(ends, at(before["MSE"], shown)[0], ":", color=COLOR["truth"])
lines.annotate("", (thin, 400), (thin, 345), arrowprops={"arrowstyle": "->", "lw": 2})
lines.text(thin + 0.8, 365, f"the typing error, up at {typed[0, 0]:.0f}")
lines.text(42.5, 12, "dotted: MSE before", ha="right")
lines.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression (no unit known)")
lines.set(ylim=(0, 400), title="One typing error tilts MSE's line only")
save(fig)

takeaway("""
    The slope of a loss is the pull of an error. MSE's grows without bound: right when large errors
    truly cost more, wrong when they are mistakes. MAE's is constant, so MAE is hard to move. Huber
    and log-cosh pull like MSE at small errors and like MAE at large ones, so an ordinary error
    should be of the order of 1. None of them guards against a wrong input.

    Next: lesson 7 asks where losses come from, and finds that each believes in a kind of noise.
""")
exercises(
    [
        "Give fit_lines() a constant learning rate. Print how long its last steps are, for each "
        "loss. Which line never comes to rest, and why?",
        "huber_loss has a delta. Draw how far the line moves, over delta from 0.01 to 100. Which "
        "two losses stand at the ends?",
        "An error beyond doubt should not pull at all: the slope must fall back to 0. Find an "
        "alpha with which robust_loss does that, and a start from which its descent goes wrong.",
    ]
)
