"""Lesson 31. Designing a loss

What an error costs is yours to say. But a loss that charges exactly that may teach nothing. So one
designs another in its place (a surrogate loss), and checks its properties: a slope to follow, a
bottom, one valley, no flat land, and nothing to gain by a useless answer.

Lesson 3 checked gradients, lesson 6 chose among ready losses, lesson 8 tilted one, and lesson 30
saw a reward that was hacked. Here we write losses for a clinic's bill, good and bad ones, and in
the end ask whether a new loss was needed at all.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, gradcheck
from microloss.datasets import load_diabetes, standardize, train_test_split
from microloss.functional import log_sigmoid, relu, sigmoid
from microloss.losses import quantile_loss
from microloss.optim import SGD, CosineAnnealingLR

rng = begin()
UNIT = 50  # what the clinic tolerates
SPLITS = 10
NEW = 142  # patients held out in each split
STEPS = 500

# %% The bill

say(f"""
A clinic plans by a predicted disease progression (lesson 1). Up to {UNIT} units off, nothing
happens. If the prediction is too low by more, a patient is treated too late: that costs 8. If it is
too high by more, there are needless check-ups: 1. With e = truth - prediction, in units of {UNIT}:
""")
formula(
    "bill(e) = 8 if e > 1;   1 if e < -1;   0 between",
    tex=r"\text{bill}(e) = 8\,[e > 1] + 1\,[e < -1]",
)


def bill(e):
    return 8 * (e > 1) + 1 * (e < -1)


def fit(loss, inputs, truth, start):
    """Weights of linear models after gradient descent, one for each split (or for each start)."""
    w = Tensor(start, requires_grad=True)
    optimizer = SGD([w], lr=0.05)
    schedule = CosineAnnealingLR(optimizer, T_max=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        errors = truth - (inputs @ w)[..., 0]
        errors_cost = loss(errors).mean(axis=-1)
        errors_cost.sum().backward()  # the models do not touch each other
        optimizer.step()
        schedule.step()
    return w.data


X, progression = load_diabetes()
y = progression / UNIT
splits = [train_test_split(X, y, test_size=NEW, seed=rng) for _ in range(SPLITS)]
scaled = [standardize(one, other) for one, other, *_ in splits]
own_x, new_x = (
    np.stack([np.insert(pair[i], 0, 1, axis=1) for pair in scaled]) for i in (0, 1)
)  # the column of ones is for the intercept
own_y = np.stack([split[2] for split in splits])
new_y = np.stack([split[3] for split in splits])
zeros = np.zeros((SPLITS, own_x.shape[2], 1))


def errors_of(w):
    """Errors on the patients learned from and on new ones, in each split."""
    return own_y - (own_x @ w)[..., 0], new_y - (new_x @ w)[..., 0]


def mean_bills(w, shift=0.0):
    return [bill(errors - shift).mean() for errors in errors_of(w)]


def square(e):
    return e**2


predict("Fit a line by MSE. Is it cheaper than to say 400, which is too high, to everybody?")

# %% Two ways that fail

line = fit(square, own_x, own_y, zeros)
squared = mean_bills(line)[1]
lazy = bill(y - 400 / UNIT).mean()
claim(
    "A line fitted by MSE costs new patients more than saying 400 to everybody",
    squared > 1.2 * lazy,
    f"{squared:.2f} against {lazy:.2f} for each patient",
)
predict("Then descend on the bill itself. What is its slope?")

# %% The slope of the bill

w = rng.normal(size=(own_x.shape[2], 1))
slopes = []
for nudge in 1e-9 * np.eye(len(w)):
    rise = sum(
        sign * bill(own_y - (own_x @ (w + sign * nudge[:, np.newaxis]))[..., 0]).sum()
        for sign in (1, -1)
    )
    slopes.append(rise)
claim(
    "The slope of the bill is 0 for every weight: there is nothing to follow",
    not np.any(slopes),
    f"{np.count_nonzero(slopes)} of {len(slopes)} differ from 0",
)

# %% Five designs

say("""
So here are losses near the bill that have a slope. "Steps" is the bill rounded off, "tolerant" is
free where the bill is free, "hinges" is free nowhere, and "slip" is hinges with one sign wrong, as
happens at a keyboard.
""")
formula(
    """
    MSE        e^2
    steps      8 sigmoid(10 (e - 1)) + sigmoid(10 (-e - 1))
    tolerant   8 max(0, e - 1) + max(0, -e - 1)
    hinges     8 max(0, e) + max(0, -e)
    slip       8 max(0, e) - max(0, -e)
    """,
    tex=r"\begin{aligned} \text{MSE} &: e^2 \\ "
    r"\text{steps} &: 8\, \sigma(10 (e - 1)) + \sigma(10 (-e - 1)) \\ "
    r"\text{tolerant} &: 8 \max(0, e - 1) + \max(0, -e - 1) \\ "
    r"\text{hinges} &: 8 \max(0, e) + \max(0, -e) \\ "
    r"\text{slip} &: 8 \max(0, e) - \max(0, -e) \end{aligned}",
)


def steps(e):
    return 8 * sigmoid(10 * (e - 1)) + sigmoid(10 * (-e - 1))


def tolerant(e):
    return 8 * relu(e - 1) + relu(-e - 1)


def hinges(e):
    return 8 * relu(e) + relu(-e)


def slip(e):
    return 8 * relu(e) - relu(-e)


LOSSES = {
    "MSE": square, "steps": steps, "tolerant": tolerant, "hinges": hinges, "slip": slip,
}  # fmt: skip
predict("""
    Which of the five pass gradcheck (lesson 3)? Which have a bottom, one valley, no flat land? And
    which are never below the bill, so that nobody pays more than the loss says?
""")

# %% Their papers

grid = np.linspace(-8, 8, 321)
one, other = rng.uniform(-8, 8, size=(2, 2000))
fits = {"MSE": line}
for name in ("steps", "tolerant", "hinges", "slip"):
    fits[name] = fit(LOSSES[name], own_x, own_y, zeros)
bills = {name: mean_bills(w) for name, w in fits.items()}
passed = {}
rows = []
for name, loss in LOSSES.items():
    e = Tensor(grid, requires_grad=True)
    loss(e).sum().backward()
    passed[name] = gradcheck(loss, one, raise_exception=False)
    smooth = gradcheck(loss, np.array([-1.0, 0, 1]), raise_exception=False)
    convex = np.all(loss((one + other) / 2) <= (loss(one) + loss(other)) / 2 + 1e-12)
    covers = np.all(loss(grid) >= bill(grid))
    yes_or_no = ["yes" if answer else "no" for answer in (passed[name], smooth, convex, covers)]
    flat = np.mean(np.abs(e.grad) < 1e-6)
    own_bill, new_bill = bills[name]
    rows.append([
        name, *yes_or_no, f"{loss(grid).min():.1f}", f"{flat:.0%}", f"{own_bill:.2f}",
        f"{new_bill:.2f}",
    ])  # fmt: skip
table(
    ["", "gradcheck", "smooth", "convex", "covers", "least", "flat", "own bill", "new bill"], rows
)
say(f"""
Smooth: gradcheck at -1, 0 and 1. Convex (one valley): tried at the midpoints of {len(one)} pairs.
Covers: never below the bill, from -8 to 8. Least: the lowest loss there. Flat: the share of errors
there that do not pull. Own, new: the mean bill of the patients learned from and of new ones, over
{SPLITS} splits.
""")
lowest = slip(grid).min()
claim(
    "gradcheck passes all five, the slip too: it knows slopes, not intentions",
    all(passed.values()) and lowest < -7.9,
    f"{sum(passed.values())} of 5; the slip has {lowest:.0f} at e = -8, and no bottom",
)
claim(
    "Steps, nearest to the bill, is cheaper than hinges for its own patients, and not for new ones",
    bills["steps"][0] < bills["hinges"][0] - 0.03 and bills["steps"][1] > bills["hinges"][1] - 0.02,
    "own {:.2f} against {:.2f}, new {:.2f} against {:.2f}".format(
        bills["steps"][0], bills["hinges"][0], bills["steps"][1], bills["hinges"][1]
    ),
)
saved = 1 - bills["hinges"][1] / bills["tolerant"][1]
claim(
    "For new patients hinges is cheaper than tolerant, which pulls only where the bill has come "
    "already",
    saved > 0.03,
    f"{saved:.0%}: {bills['hinges'][1]:.2f} against {bills['tolerant'][1]:.2f}",
)
predict("What does hinges predict: the mean of what may come, the median, or something else?")

# %% An old friend

say("""
Ask where the mean of hinges has its bottom. If the prediction m rises a little, e = y - m falls:
each y above m costs 8 less, each y below it 1 more.
""")
formula(
    """
    d/dm mean(8 max(0, y - m) + max(0, m - y)) = -8 P(y > m) + P(y < m) = 0
    P(y > m) = 1 - P(y < m)   ->   9 P(y < m) = 8   ->   P(y < m) = 8/9
    hinges = 9 * quantile loss, q = 8/9;    covers: e > 1 -> 8 e > 8,   e < -1 -> -e > 1
    """,
    tex=r"-8\, P(y > m) + P(y < m) = 0 \quad\Rightarrow\quad P(y < m) = \tfrac89",
)
old = 9 * quantile_loss(np.zeros(grid.size), grid, quantile=8 / 9, reduction="none")
difference = np.abs(hinges(grid) - old).max()
claim(
    "Hinges is an old friend: 9 times the quantile loss of lesson 8 with q = 8/9",
    difference < 1e-12,
    f"off by {difference:.0e} at most, at {grid.size} errors",
)
below = np.mean(errors_of(fits["hinges"])[0] < 0)
claim(
    "Of the patients learned from 8/9 are below the line of hinges, to 3 points",
    abs(below - 8 / 9) < 0.03,
    f"{below:.1%} against {8 / 9:.1%}",
)
predict(
    "All fits began at 0. Begin ten of them elsewhere. Which loss ends where the start decides?"
)

# %% Other starts

starts = rng.normal(scale=2, size=(10, own_x.shape[2], 1))
ends = {}
for name in ("hinges", "steps"):
    w = fit(LOSSES[name], own_x[:1], own_y[:1], starts)
    ends[name] = bill(new_y[:1] - (new_x[:1] @ w)[..., 0]).mean(axis=1)
table(
    ["bill of new patients, ten starts", "best", "median", "worst"],
    [
        (name, *(f"{x:.2f}" for x in (end.min(), np.median(end), end.max())))
        for name, end in ends.items()
    ],
)
claim(
    "From ten other starts the worst end of hinges is cheaper than the median end of steps: it has "
    "one valley, and no flat land",
    ends["hinges"].max() < np.median(ends["steps"]) / 1.5,
    f"{ends['hinges'].max():.2f} against {np.median(ends['steps']):.2f}",
)
predict("""
    One more rival, without a new loss: fit by MSE, and then add one number to all predictions, the
    one with the lowest bill for the patients learned from. Is hinges cheaper?
""")

# %% Was a new loss needed?

SHIFTS = np.linspace(-1, 5, 301)
NUMBERS = np.linspace(0, 8, 401)  # for everybody: from 0 to 400


def shifted(own_errors, new_errors, shifts):
    """The bill of new patients when all predictions are raised by what is best for the own ones."""
    costs = [bill(own_errors - shift).mean() for shift in shifts]
    best = shifts[np.argmin(costs)]
    return bill(new_errors - best).mean(), best


moved = np.array([shifted(own, new, SHIFTS) for own, new in zip(*errors_of(line))])
constant = np.mean([shifted(own, new, NUMBERS)[0] for own, new in zip(own_y, new_y)])
table(
    ["", "bill of new patients"],
    [
        ("MSE", f"{squared:.2f}"),
        ("400 for everybody", f"{lazy:.2f}"),
        ("the best number for everybody", f"{constant:.2f}"),
        ("hinges", f"{bills['hinges'][1]:.2f}"),
        ("MSE, all predictions raised", f"{moved[:, 0].mean():.2f}"),
    ],
)
claim(
    "Hinges is cheaper than the best single number for everybody",
    bills["hinges"][1] < constant - 0.03,
    f"{bills['hinges'][1]:.2f} against {constant:.2f}",
)
claim(
    "The line of MSE, raised by one number, is as cheap as hinges, to 0.1",
    abs(moved[:, 0].mean() - bills["hinges"][1]) < 0.1,
    f"{moved[:, 0].mean() - bills['hinges'][1]:+.3f}, raised by {UNIT * moved[:, 1].mean():.0f}",
)
say("""
So no: here a decision after the prediction does it, as a threshold did in lesson 11. It is the
cheapest design, and the first to try. One number can do so because all patients have the same
prices (the exercises ask what happens where they have not).
""")
predict("""
    Some patients are hard. So let the model say how sure it is, c between 0 and 1, and count each
    error by that: c times hinges(e). The bottom is 0. What will it learn?
""")

# %% A loss that is its own excuse

say("With L the hinges of a patient, and a price for doubt:")
formula(
    """
    c L - price log(c),   0 < c <= 1
    price = 0: least where c = 0, whatever L is
    price > 0: slope L - price / c = 0 at c = price / L (at c = 1 for L < price);
               there it costs price (1 + log(L / price)): the logarithm of the loss
    """,
    tex=r"\min_c \; c L - \lambda \log c: \qquad c = \frac{\lambda}{L}, \qquad "
    r"\lambda \left(1 + \log \frac{L}{\lambda}\right)",
)


def doubting(price, count=300):
    """Loss and bill of the first split at each step, with c = sigmoid(x v)."""
    inputs, truth = own_x[0], own_y[0]
    w = Tensor(np.zeros(inputs.shape[1]), requires_grad=True)
    v = Tensor(np.zeros(inputs.shape[1]), requires_grad=True)
    optimizer = SGD([w, v], lr=0.1)
    path = []
    for _ in range(count):
        e = truth - inputs @ w
        doubt = -log_sigmoid(inputs @ v)  # -log(c)
        loss = (np.exp(-doubt) * hinges(e) + price * doubt).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append((loss.item(), bill(e.data).mean()))
    return np.transpose(path)


excuse, unpaid = doubting(price=0)
_, paid = doubting(price=1)
alone = bill(errors_of(fits["hinges"])[0][0]).mean()
claim(
    "Where doubt is free the model doubts everybody: the loss melts away, and the bill stays more "
    "than twice as high as with a price",
    excuse[-1] < 0.01 * excuse[0] and unpaid[-1] > 2 * paid[-1],
    f"bill {unpaid[-1]:.2f} against {paid[-1]:.2f}, loss {excuse[0]:.1f} to {excuse[-1]:.2f}",
)
claim(
    "With the price -log(c) the bill is that of hinges alone, to 0.15",
    abs(paid[-1] - alone) < 0.15,
    f"{paid[-1] - alone:+.2f}: {paid[-1]:.2f} against {alone:.2f}",
)
say("""
No run was needed: c = 0 has the loss 0 at any prediction. Work out beforehand what lazy answers
cost. (Lesson 9 had the same price: the logarithm of the variance in the Gaussian likelihood.)
""")

# %% The picture

fig, (shapes, papers, story) = plt.subplots(1, 3, figsize=(13, 4.2))
STYLES = {
    "steps": (COLOR["naive"], "-"),
    "tolerant": (COLOR["validation"], "-"),
    "hinges": (COLOR["quantile"], "-"),
    "slip": (COLOR["quantile"], "--"),
}
for name, (color, dashes) in STYLES.items():
    shapes.plot(grid, LOSSES[name](grid), color=color, linestyle=dashes, label=name)
shapes.plot(grid, bill(grid), ":", color=COLOR["truth"], label="the bill")
shapes.set(xlabel="too high  ←  error (units of 50)  →  too low", ylabel="loss")
shapes.set(xlim=(-3, 3), ylim=(-3, 14))
shapes.set_title("Hinges: above the bill, never flat")
shapes.legend(loc="upper left")
names = ["steps", "hinges", "tolerant", "MSE"]
places = np.arange(len(names))
for offset, index, color, label in (
    (-0.2, 0, COLOR["train"], "patients learned from"),
    (0.2, 1, COLOR["validation"], "new patients"),
):
    papers.bar(places + offset, [bills[n][index] for n in names], 0.4, color=color, label=label)
papers.axhline(constant, color=COLOR["truth"], linestyle=":", label="best number for everybody")
papers.set(ylabel="mean bill", ylim=(0, 2.4))
papers.set_xticks(places)
papers.set_xticklabels(names)
papers.set_title("Nearest to the bill is best for its own only")
papers.legend(loc="upper left")
story.semilogy(excuse, color=COLOR["naive"], label="loss, doubt is free")
story.semilogy(unpaid, ":", color=COLOR["naive"], label="its bill")
story.semilogy(paid, ":", color=COLOR["quantile"], label="bill, doubt has a price")
story.set(xlabel="step", ylabel="mean per patient", ylim=(1e-2, 60))
story.set_title("The loss melts away, the bill does not")
story.legend(loc="upper right")
save(fig)

# %% Take away

takeaway("""
    The metric is what you pay, the loss what can be learned. Ask of a loss: is the gradient right,
    has it a bottom, one valley, no flat land, does it cover the metric, and which lazy answer does
    it love? gradcheck answers the first only. The loss nearest to the metric may fit best and
    predict worse. Then look whether a known loss does it, and whether a known loss and a decision
    after it do: here both do.

    Next: lesson 32 trains one network on two losses, and learns their weights, at a price.
""")
exercises(
    [
        "exp(e) - e - 1 (LINEX) is smooth and lopsided. Fill in its row. A typo makes one "
        "progression 1000 instead of 100, and the prediction is 100: what does it cost there, and "
        "under hinges?",
        "Say c = exp(x v), with the price. Fit one patient exactly: is there a bottom left?",
        "Say that being late costs 8 for patients whose age is above the mean, and 1 for the "
        "others. Compare MSE raised by one number, MSE raised by one number for each group, and "
        "hinges with each patient's own price, with the group as an input. Which is enough?",
    ]
)
