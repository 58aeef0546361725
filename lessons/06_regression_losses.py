"""Lesson 6. Losses for numbers

Squared error, absolute error, Huber and log-cosh answer one question in four ways: how much worse
is a large error than a small one? Once a single number in the data is wrong, they fit different
lines. Lesson 5 took its loss for granted; from here on, we choose.

We look at the shapes first, because the slope of a loss is the pull of an error. Then a typing
error gets into the diabetes patients of lesson 1. A second one shows what no loss forgives.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import (
    COLOR,
    begin,
    claim,
    exercises,
    formula,
    predict,
    save,
    say,
    sweep,
    table,
    takeaway,
)

from microloss import Tensor, grad
from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize
from microloss.losses import huber_loss, l1_loss, log_cosh_loss, mse_loss
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
LOSSES = {"MSE": mse_loss, "MAE": l1_loss, "Huber": huber_loss, "log-cosh": log_cosh_loss}
COLORS = dict(zip(LOSSES, (COLOR[name] for name in ("mse", "mae", "huber", "log_cosh"))))

# %% One large error, or five small ones

predict("""
    Two models price five houses. One is right about four of them and $50,000 off on the fifth, the
    other is $10,000 off on each. Which is the better model?
""")

# %% It depends on what an error costs

truth = np.zeros(5)
one_large = np.array([0, 0, 0, 0, 5.0])  # errors in $10,000
five_small = np.ones(5)
score = {
    name: (loss(one_large, truth).item(), loss(five_small, truth).item())
    for name, loss in LOSSES.items()
}
table(
    ["loss", "one large error", "five small errors"],
    [[name, f"{large:.2f}", f"{small:.2f}"] for name, (large, small) in score.items()],
)
claim(
    "Under MSE the one large error weighs five times as much as the five small ones, under MAE "
    "as much as they do",
    np.isclose(score["MSE"][0], 5 * score["MSE"][1]) and np.isclose(*score["MAE"]),
    "{:g} against {:g}, and {:g} against {:g}".format(*score["MSE"], *score["MAE"]),
)
say("""
No formula can tell which is right. If one error of $50,000 costs you as much as five of $10,000,
absolute error counts as you do; if it ruins you, squared error is nearer. The four losses of an
error e, and their slopes (Huber 1964, Robust estimation of a location parameter):
""")
formula(
    """
    loss       of an error e                                       slope
    MSE        e²                                                  2 e
    MAE        |e|                                                 sign(e)
    Huber      e²/2 if |e| <= delta, else delta (|e| - delta/2)    e, at most delta either way
    log-cosh   log cosh(e)                                         tanh(e)
    """,
    tex=r"""
    \begin{aligned}
    \text{MSE} &: e^2 & \ell' &= 2e \\
    \text{MAE} &: |e| & \ell' &= \mathrm{sign}(e) \\
    \text{Huber} &: \begin{cases} e^2 / 2 & |e| \le \delta \\
    \delta\,(|e| - \delta/2) & |e| > \delta \end{cases} & \ell' &= \max(-\delta, \min(e, \delta)) \\
    \text{log-cosh} &: \log\cosh e & \ell' &= \tanh e
    \end{aligned}
    """,
)
predict("""
    In gradient descent, the slope of the loss is the pull of an error. How hard do errors of 0.1, 1
    and 10 pull, under each loss (with delta = 1)?
""")

# %% The slope is the pull


def curve(loss, errors):
    """The loss of each error by itself, its slope there, and the slope of the slope."""
    errors = Tensor(errors, requires_grad=True)
    values = loss(errors, np.zeros(errors.shape), reduction="none")
    (slopes,) = grad(values.sum(), errors, create_graph=True)
    (bends,) = grad(slopes.sum(), errors) if slopes.requires_grad else (np.zeros(errors.shape),)
    return values.data, slopes.data, np.asarray(bends)


pulls = {name: curve(loss, [0.1, 1, 10])[1] for name, loss in LOSSES.items()}
table(
    ["pull of an error of", "0.1", "1", "10"],
    [[name, *(f"{pull:.3f}" for pull in row)] for name, row in pulls.items()],
)
claim(
    "MSE pulls in proportion to the error, MAE always equally, Huber and log-cosh never above 1",
    np.allclose(pulls["MSE"], [0.2, 2, 20])
    and (pulls["MAE"] == 1).all()
    and max(pulls["Huber"].max(), pulls["log-cosh"].max()) <= 1,
    "an error of 10 pulls with " + ", ".join(f"{row[2]:.0f}" for row in pulls.values()),
)
near = curve(log_cosh_loss, [0.001])[0][0] / (0.001**2 / 2) - 1
far = curve(log_cosh_loss, [12])[0][0] - (12 - np.log(2))
claim(
    "Log-cosh is half the square near 0, and the absolute error less ln 2 far away",
    abs(near) < 1e-6 and abs(far) < 1e-10,
    f"at an error of 0.001 off by {abs(near):.0e} of it, at 12 off by {abs(far):.0e}",
)
around_delta = [0.999, 1.001]
bend_of_huber = curve(huber_loss, around_delta)[2]
bend_of_log_cosh = curve(log_cosh_loss, around_delta)[2]
claim(
    "The second derivative of Huber's loss jumps from 1 to 0 at delta, that of log-cosh does not",
    (bend_of_huber == [1, 0]).all() and np.ptp(bend_of_log_cosh) < 0.01,
    f"Huber {bend_of_huber}, log-cosh {bend_of_log_cosh.round(3)} at {around_delta}",
)

# %% What a best line balances

say("""
Fit a line a x + b by one of these losses. At the best line both slopes of the mean loss are 0 (for
MAE, which has kinks, they change their sign there):
""")
formula(
    """
    error e = a x + b - y,   risk R = mean of loss(e)
    dR/db = mean of loss'(e)    = 0     the pulls of all points balance
    dR/da = mean of loss'(e) x  = 0     so do the pulls times x, as on a lever
    """,
    tex=r"""
    \begin{aligned}
    e_i &= a x_i + b - y_i, \qquad R = \frac{1}{N} \sum_i \ell(e_i) \\
    \frac{\partial R}{\partial b} &= \frac{1}{N} \sum_i \ell'(e_i) = 0 \\
    \frac{\partial R}{\partial a} &= \frac{1}{N} \sum_i \ell'(e_i)\, x_i = 0
    \end{aligned}
    """,
)
X, y = load_diabetes()
bmi = X[:, DIABETES_FEATURES.index("bmi")]
bmi_all = standardize(bmi)
DOCTORS = 100
PATIENTS = 40
rows = np.array([rng.choice(len(y), PATIENTS, replace=False) for _ in range(DOCTORS)])
rows = np.take_along_axis(rows, bmi[rows].argsort(axis=1), axis=1)  # the thinnest comes first
x = bmi_all[rows]
true = y[rows]
typed = true.copy()
typed[:, 0] *= 10
say(f"""
A doctor has {PATIENTS} patients, drawn from the {len(y)}. In the record of the thinnest there is a
zero too many: a disease progression of {typed[0, 0]:.0f} for {true[0, 0]:.0f}. Such a point, far
from where the others lie, is an outlier. She fits a line over body-mass index before and after. So
that this is not about one doctor's luck, there are {DOCTORS} of them, each with patients of her
own.
""")
predict("How far does that one record move her line, under each loss? Rank the four.")

# %% A typing error in a target

middle = y.mean()
unit = y.std()  # counted in this unit, an ordinary error is of the order of 1


def fit_lines(loss, x, y, steps=400):
    """Slopes and intercepts, in units: a line for each row of x and y, all fitted at once."""
    y = (y - middle) / unit
    lines = Tensor(np.zeros((len(y), 2)), requires_grad=True)
    optimizer = Adam([lines], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)  # MAE's pull does not fade: steps must
    for _ in range(steps):
        optimizer.zero_grad()
        guess = lines[:, :1] * x + lines[:, 1:]
        loss(guess, y, reduction="sum").backward()  # a sum, so that no row affects the others
        optimizer.step()
        schedule.step()
    return lines.data


def at(lines, x):
    """The progression that the lines predict."""
    return (lines[:, :1] * x + lines[:, 1:]) * unit + middle


def distance(lines, others):
    """How far the lines of the doctors are from the other ones, over their patients, on average."""
    return np.abs(at(lines, x) - at(others, x)).mean()


def error_on_all(lines):
    """Mean absolute error over the true records of all patients."""
    return np.abs(at(lines, bmi_all) - y).mean()


before = {name: fit_lines(loss, x, true) for name, loss in LOSSES.items()}
after = {name: fit_lines(loss, x, typed) for name, loss in LOSSES.items()}
moved = {name: distance(after[name], before[name]) for name in LOSSES}
table(
    ["mean over the doctors", "line moved by", "error before", "error after"],
    [
        [
            name,
            f"{moved[name]:.1f}",
            f"{error_on_all(before[name]):.1f}",
            f"{error_on_all(after[name]):.1f}",
        ]
        for name in LOSSES
    ],
)
say(f"(The error is the mean absolute one, over the true records of all {len(y)} patients.)")

left_side, right_side = np.triu_indices(PATIENTS, 1)  # all pairs of patients


def best_lines(loss_name, x, y):
    """Without descent: MSE by the normal equations, MAE by trying each line through two points."""
    y = (y - middle) / unit
    if loss_name == "MSE":
        return np.array([np.polyfit(*doctor, 1) for doctor in zip(x, y)])
    best = []
    for one_x, one_y in zip(x, y):
        run = one_x[right_side] - one_x[left_side]
        rise = one_y[right_side] - one_y[left_side]
        slope = rise[run > 0] / run[run > 0]
        intercept = one_y[left_side][run > 0] - slope * one_x[left_side][run > 0]
        misses = np.abs(slope[:, None] * one_x + intercept[:, None] - one_y).sum(axis=1)
        best.append((slope[misses.argmin()], intercept[misses.argmin()]))
    return np.array(best)


def excess(name, lines, x, y):
    """By how much the loss of a line is above the lowest possible, at most, as a share."""
    target = (y - middle) / unit
    losses = [
        np.sum(LOSSES[name](line[:, :1] * x + line[:, 1:], target, reduction="none"), axis=1)
        for line in (lines, best_lines(name, x, y))
    ]
    return (losses[0] / losses[1] - 1).max()


excesses = {name: excess(name, after[name], x, typed) for name in ("MSE", "MAE")}
claim(
    "Descent finds the best lines of MSE and MAE: their loss is within 0.1 % of the lowest",
    max(excesses.values()) < 1e-3,
    f"above it by {excesses['MSE']:.0e} and {excesses['MAE']:.0e} at most",
)
claim(
    "One typing error moves the MSE line more than ten times as far as the MAE line",
    moved["MSE"] > 10 * moved["MAE"],
    f"{moved['MSE'] / moved['MAE']:.0f} times",
)
claim(
    "Huber (delta = 1) and log-cosh lie between, nearer to MAE",
    moved["MAE"] < moved["Huber"] < moved["log-cosh"] < moved["MSE"] / 5,
    f"{moved['Huber']:.1f} and {moved['log-cosh']:.1f}",
)
predict("""
    Huber's delta says from where on an error does not pull harder. Which loss does Huber become for
    a very small delta, and which for a very large one?
""")

# %% Between two losses: delta

DELTAS = (0.03, 0.1, 0.3, 1, 3, 10, 100)
huber_before = {}
huber_after = {}
for delta in DELTAS:
    loss = partial(huber_loss, delta=delta)
    huber_before[delta] = fit_lines(loss, x, true)
    huber_after[delta] = fit_lines(loss, x, typed)
huber_moved = {delta: distance(huber_after[delta], huber_before[delta]) for delta in DELTAS}
table(
    ["delta", "line moved by", "error before", "error after"],
    [
        [
            delta,
            f"{huber_moved[delta]:.1f}",
            f"{error_on_all(huber_before[delta]):.1f}",
            f"{error_on_all(huber_after[delta]):.1f}",
        ]
        for delta in DELTAS
    ],
)
to_mae = distance(huber_after[0.03], after["MAE"])
to_mse = distance(huber_after[100], after["MSE"])
claim(
    "With delta = 0.03, Huber's line is less than 2 from MAE's, with delta = 100 it is MSE's",
    to_mae < 2 and to_mse < 0.01,
    f"{to_mae:.2f} and {to_mse:.0e} away, where the typing error moves MSE's by {moved['MSE']:.0f}",
)
harm_of_huber = error_on_all(huber_after[1]) / error_on_all(before["MSE"]) - 1
harm_of_mse = error_on_all(after["MSE"]) / error_on_all(before["MSE"]) - 1
claim(
    "After the typing error, the line of MSE errs more than 15 % more than before, and that of "
    "Huber with delta = 1 less than 3 % more",
    harm_of_mse > 0.15 and harm_of_huber < 0.03,
    f"{harm_of_mse:.0%} and {harm_of_huber:.1%}",
)
say("""
A delta of the size of an ordinary error does both: it treats ordinary errors as MSE does and bounds
the others. That size is why we count the target in its standard deviation: log-cosh has no delta,
and bends at an error of 1, whatever the unit.
""")


def draw_delta(fig, delta):
    """The pull, and one doctor's line before and after the typing error."""
    pull, lines = fig.subplots(1, 2)
    loss = partial(huber_loss, delta=delta)
    errors = np.linspace(-4, 4, 401)
    pull.plot(errors, curve(loss, errors)[1] / min(delta, 4), color=COLOR["huber"])
    pull.set(xlabel="error", ylabel="pull, as a share of the largest", ylim=(-1.1, 1.1))
    pull.set(title="No harder beyond delta")
    ends = np.array([17.0, 43.0])
    for target, style, label in ((true, ":", "before"), (typed, "-", "after")):
        line = fit_lines(loss, x[:1], target[:1])
        there = at(line, (ends - bmi.mean()) / bmi.std())[0]
        lines.plot(ends, there, style, color=COLOR["huber"], label=label)
    lines.scatter(bmi[rows[0, 1:]], true[0, 1:], s=12, color="#999999")
    lines.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression", ylim=(0, 400))
    lines.set(title="Huber's line")
    lines.legend(loc="upper left")


sweep(draw_delta, [0.03, 0.1, 0.3, 1, 3, 10, 30], "delta")
predict("""
    Now the zero too many is in the thinnest one's body-mass index, not in the target. Which of the
    losses protects her line?
""")

# %% A typing error in an input

wrong = x.copy()
wrong[:, 0] = (10 * bmi[rows[:, 0]] - bmi.mean()) / bmi.std()
flat = {name: fit_lines(loss, wrong, true) for name, loss in LOSSES.items()}
kept = {name: flat[name][:, 0].mean() / before[name][:, 0].mean() for name in LOSSES}
claim(
    "None of the four losses protects the line from a wrong input: less than 10 % of its slope is "
    "left",
    max(np.abs(list(kept.values()))) < 0.1,
    "left: " + ", ".join(f"{name} {share:.0%}" for name, share in kept.items()),
)
arm_of_one = wrong[:, 0].mean()
arms_of_others = np.abs(wrong[:, 1:]).sum(axis=1).mean()
claim(
    "The wrong x alone is longer than the other 39 together: with equal pulls it decides the slope",
    arm_of_one > arms_of_others,
    f"{arm_of_one:.0f} against {arms_of_others:.0f} standard deviations, on average",
)
say("""
The balance says why. These losses bound the pull loss'(e), but the slope of the line is set by the
pull times x, and x is not bounded. A point with a far x has leverage. For MSE, leverage is a number
from 0 to 1: the share of a point's own target in the line's prediction for it.
""")
formula(
    "leverage h[i] = 1/N + (x[i] - mean x)² / sum over j of (x[j] - mean x)²",
    tex=r"h_i = \frac{1}{N} + \frac{(x_i - \bar x)^2}{\sum_j (x_j - \bar x)^2}",
)
from_middle = (wrong - wrong.mean(axis=1, keepdims=True)) ** 2
leverage = 1 / PATIENTS + from_middle / from_middle.sum(axis=1, keepdims=True)
claim(
    "The wrong input has a leverage above 0.9 and the others have less than 0.1, so a look at the "
    "inputs finds it",
    leverage[:, 0].min() > 0.9 and leverage[:, 1:].max() < 0.1,
    f"{leverage[:, 0].min():.2f} at least, the others {leverage[:, 1:].max():.2f} at most",
)


def median_slope(x, y):
    """The median of the slopes between all pairs of patients, for each doctor."""
    run = x[:, right_side] - x[:, left_side]
    rise = (y[:, right_side] - y[:, left_side]) / unit
    slopes = np.divide(rise, run, out=np.full(run.shape, np.nan), where=run != 0)
    return np.nanmedian(slopes, axis=1)


kept_by_pairs = median_slope(wrong, true).mean() / median_slope(x, true).mean()
claim(
    "A line can be safe from a wrong input: the median slope of all pairs keeps more than 80 %",
    kept_by_pairs > 0.8,
    f"{kept_by_pairs:.0%}; {PATIENTS - 1} of the {PATIENTS * (PATIENTS - 1) // 2} pairs hold the "
    "wrong record",
)
say("""
That median (Theil 1950, Sen 1968) is not the minimum of a mean loss of the errors, so no choice
among such losses gives it.
""")

# %% In pictures

fig, axes = plt.subplot_mosaic([["shape", "pull"], ["target", "input"]], figsize=(10.5, 8))
errors = np.linspace(-4, 4, 401)
for name, loss in LOSSES.items():
    values, slopes, _ = curve(loss, errors)
    axes["shape"].plot(errors, values, color=COLORS[name])
    axes["pull"].plot(errors, slopes, color=COLORS[name], label=name)
axes["shape"].set(xlabel="error (standard deviations)", ylabel="loss", ylim=(-0.1, 5))
axes["shape"].set(title="Four ways to weigh an error ...")
axes["pull"].set(xlabel="error (standard deviations)", ylabel="slope of the loss", ylim=(-3, 3))
axes["pull"].set(title="... three of them with a bounded pull")
axes["pull"].legend(loc="lower right")


def draw_lines(ax, ends, fitted):
    """The doctor's lines over her lines before, which are wide and grey."""
    where = (np.array(ends) - bmi.mean()) / bmi.std()
    for name in LOSSES:
        ax.plot(ends, at(before[name], where)[0], color="#DDDDDD", lw=9, zorder=0)
        ax.plot(ends, at(fitted[name], where)[0], color=COLORS[name])
    ax.scatter(bmi[rows[0, 1:]], true[0, 1:], s=14, color="#888888", zorder=1)
    ax.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression (no unit known)")


thin = bmi[rows[0, 0]]
draw_lines(axes["target"], (17, 43), after)
axes["target"].annotate("", (thin, 400), (thin, 350), arrowprops={"arrowstyle": "->", "lw": 2})
axes["target"].text(thin + 0.8, 368, f"the typing error, up at {typed[0, 0]:.0f}")
axes["target"].text(42.5, 12, "wide and grey: before", ha="right")
axes["target"].set(ylim=(0, 400), title="A wrong target moves MSE's line only")
draw_lines(axes["input"], (17, 225), flat)
axes["input"].plot(10 * thin, true[0, 0], "o", color=COLOR["truth"], ms=8)
axes["input"].text(10 * thin, true[0, 0] + 60, "the typing error", ha="center")
axes["input"].set(ylim=(0, 400), title="A wrong input moves all of them")
save(fig)

# %% Take away

takeaway("""
    The slope of a loss is the pull of an error. MSE's grows without bound: right when large errors
    truly cost more, wrong when they are mistakes. MAE's is constant, so MAE is hard to move. Huber
    and log-cosh pull like MSE at small errors and like MAE at large ones, so an ordinary error
    should be of the order of delta. These three bound the pull of a wrong target (an outlier), and
    none of the four that of a wrong input (leverage): look at your inputs.

    Next: lesson 7 asks where losses come from, and finds a kind of noise behind many of them.
""")
exercises(
    [
        "Give `fit_lines` a constant learning rate. Print how long its last steps are, for each "
        "loss. Which line never comes to rest, and why?",
        "Put the zero too many into the records of the k thinnest patients, k = 1 to 12. Up to "
        "which k does the MAE line stay within 20 of the line before?",
        "No progression above 346 is known. Clip the typed targets to 346 before the fit. How far "
        "does the typing error move MSE's line now, and MAE's?",
    ]
)
