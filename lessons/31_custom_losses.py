"""Lesson 31. Designing a loss

What an error costs is yours to say, but a loss that charges just that may teach nothing; so a loss
is designed, and its properties are checked: a slope to follow, a bottom, one valley, no flat land,
and nothing to gain by a useless answer.

Lesson 3 checked gradients, lesson 6 chose among ready losses, lesson 8 tilted one, and lesson 30
saw a reward that was hacked. Here we write losses for a clinic's bill, good and bad ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, gradcheck
from microloss.datasets import load_diabetes, standardize, train_test_split
from microloss.functional import log_sigmoid, relu, sigmoid
from microloss.losses import quantile_loss
from microloss.optim import SGD

rng = begin()
X, y = load_diabetes()
y = y / 50  # from here on, the unit is what the clinic tolerates

# ---- the bill ------------------------------------------------------------------------------------

say("""
A clinic plans by a predicted disease progression (lesson 1). Up to 50 units off, nothing happens.
If the prediction is too low by more, a patient is treated too late: that costs 8. If it is too high
by more, there are needless check-ups: 1. The error e is truth - prediction, in units of 50.
""")


def bill(e):
    return 8 * (e > 1) + 1 * (e < -1)


def fit(loss, X, y, start):
    """The weights of a linear model after 300 steps of gradient descent."""
    w = Tensor(start, requires_grad=True)
    optimizer = SGD([w], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(y - X @ w).mean().backward()
        optimizer.step()
    return w.data


draws = []  # 300 patients to learn from and 142 new ones; a column of ones is for the intercept
for _ in range(10):
    *inputs, a, b = train_test_split(X, y, test_size=142, seed=rng)
    A, B = (np.insert(x, 0, 1, axis=1) for x in standardize(*inputs))
    draws.append((A, B, a, b))


def mean_bills(loss):
    """What a patient costs on average, of those learned from and of the new ones."""
    fits = [(fit(loss, A, a, np.zeros(11)), A, B, a, b) for A, B, a, b in draws]
    return np.mean([[bill(a - A @ w).mean(), bill(b - B @ w).mean()] for w, A, B, a, b in fits], 0)


predict("Fit a line by MSE. Is it cheaper than a model that says 400, too high for anybody?")
lazy, squared = bill(y - 400 / 50).mean(), mean_bills(np.square)[1]
claim("no, saying 400 is cheaper", lazy == 1 < 0.8 * squared, f"{lazy:.0f}, the line {squared:.2f}")
predict("Then descend on the bill itself. What is its slope?")
w, nudges = rng.normal(size=11), 1e-9 * np.eye(11)
slopes = [bill(a - A @ (w + nudge)).sum() - bill(a - A @ (w - nudge)).sum() for nudge in nudges]
claim("0 for each weight: nothing to follow", not np.any(slopes), f"all {len(slopes)} weights")

# ---- designs, and their papers -------------------------------------------------------------------

LOSSES = {
    "MSE": np.square,
    "steps": lambda e: 8 * sigmoid(10 * (e - 1)) + sigmoid(10 * (-e - 1)),
    "tolerant": lambda e: 8 * relu(e - 1) + relu(-e - 1),
    "hinges": lambda e: 8 * relu(e) + relu(-e),
    "slip": lambda e: 8 * relu(e) - relu(-e),
}
predict("""
    Losses near the bill, with a slope: "steps" is the bill rounded off, "tolerant" free where the
    bill is, "hinges" nowhere, "slip" hinges with one sign wrong. Which of them pass gradcheck? Have
    a bottom, one valley, no flat land? Are never below the bill?
""")
grid, (one, other) = np.linspace(-8, 8, 321), rng.uniform(-8, 8, size=(2, 2000))
rows, bills = [], {}
for name, loss in LOSSES.items():
    e, bills[name] = Tensor(grid, requires_grad=True), mean_bills(loss)
    loss(e).sum().backward()
    checks = [gradcheck(loss, at, raise_exception=False) for at in (one, np.array([-1.0, 0, 1]))]
    convex = np.all(loss((one + other) / 2) <= (loss(one) + loss(other)) / 2 + 1e-12)
    answers = [*checks, convex, np.all(loss(grid) >= bill(grid))]
    numbers = loss(grid).min(), np.mean(np.abs(e.grad) < 1e-6), *bills[name]
    cells = "{:.2f} {:.0%} {:.2f} {:.2f}".format(*numbers).split()
    rows.append([name, *np.where(answers, "yes", "no"), *cells])
table(["", "gradcheck", "smooth", "convex", "covers", "least", "flat", "own", "new"], rows)
say("""
Smooth: gradcheck at -1, 0, 1. Convex: tried at midpoints. Covers: nobody pays more than it says.
Flat: share of errors that do not pull. Own, new: mean bill of patients learned from, of new ones.
""")
right, lowest = all(row[1] == "yes" for row in rows), LOSSES["slip"](grid).min()
blind = "gradcheck passes all, the slip too: it knows slopes, not intentions"
claim(blind, right and lowest < -7.9, f"the slip falls to {lowest:.0f} at -8, and has no bottom")
steps, tolerant, hinges = (bills[name] for name in ("steps", "tolerant", "hinges"))
claim(
    "steps, nearest to the bill, is cheapest for its own patients; on new ones the lead is gone",
    steps[0] < min(hinges[0] - 0.03, tolerant[0]) and steps[1] > hinges[1] - 0.02,
    "{:.2f} and {:.2f}, hinges {:.2f} and {:.2f}".format(*steps, *hinges),
)
saved = 1 - hinges[1] / tolerant[1]
claim("hinges beats tolerant: pull before the bill starts", saved > 0.08, f"{saved:.0%} less")
old = 9 * quantile_loss(np.zeros(321), grid, quantile=8 / 9, reduction="none")
same = np.allclose(LOSSES["hinges"](grid), old, rtol=0, atol=1e-12)
claim("and it is an old friend: 9 times the quantile loss, q = 8/9", same, "at 321 errors")
predict("All fits began at 0. Begin ten of them elsewhere. Whose end depends on the start?")
starts = rng.normal(scale=2, size=(10, 11))
valleys = LOSSES["hinges"], LOSSES["steps"]
ends = [[bill(b - B @ fit(loss, A, a, w)).mean() for w in starts] for loss in valleys]
worst, middle = max(ends[0]), np.median(ends[1])
found = f"hinges at worst {worst:.2f}, steps in the middle {middle:.2f}"
claim("steps': where it is flat nobody pulls. Hinges is one valley", worst < middle / 1.5, found)

# ---- a loss that is its own excuse ---------------------------------------------------------------


def doubting(price):
    """Loss and bill at each step, when doubt costs price * -log(c)."""
    w, v = (Tensor(np.zeros(11), requires_grad=True) for _ in range(2))
    optimizer, path = SGD([w, v], lr=0.1), []
    for _ in range(300):
        e, doubt = a - A @ w, -log_sigmoid(A @ v)
        loss = (np.exp(-doubt) * LOSSES["hinges"](e) + price * doubt).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append((loss.item(), bill(e.data).mean()))
    return np.transpose(path)


predict("""
    Some patients are hard. So let the model say how sure it is, c = sigmoid(X v), and count each
    error by that: mean of c (8 relu(e) + relu(-e)). The bottom is 0. What will it learn?
""")
(excuse, unpaid), (_, paid) = doubting(0), doubting(1)
gone, dear = excuse[-1] < 0.01 * excuse[0], unpaid[-1] > 2 * paid[-1]
claim("to doubt everybody", gone and dear, f"loss {excuse[-1]:.2f}, bill {unpaid[-1]:.2f}")
claim("with - log(c), a price of doubt, it learns", paid[-1] < 1, f"bill {paid[-1]:.2f}")
say("No run was needed: c = 0 has the loss 0 at any prediction. Price lazy answers beforehand.")

fig, (shapes, story) = plt.subplots(1, 2, figsize=(9.5, 4))
for name, key in {"steps": "naive", "tolerant": "validation", "hinges": "quantile"}.items():
    shapes.plot(grid, LOSSES[name](grid), color=COLOR[key], label=name)
shapes.plot(grid, bill(grid), ":", color=COLOR["truth"], label="the bill")
shapes.set(xlabel="too high  ←  error (units of 50)  →  too low", ylabel="loss")
shapes.set(xlim=(-3, 3), ylim=(-0.3, 14), title="Hinges: above the bill, and never flat")
story.semilogy(excuse, color=COLOR["naive"], label="loss, doubt is free")
story.semilogy(unpaid, ":", color=COLOR["naive"], label="its bill")
story.semilogy(paid, ":", color=COLOR["quantile"], label="bill, doubt has a price")
story.set(xlabel="step", ylabel="mean per patient", title="The loss melts away, the bill does not")
for ax in (shapes, story):
    ax.legend()
save(fig)

takeaway("""
    The metric is what you pay, the loss what can be learned. Ask of it: is the gradient right, has
    it a bottom, one valley, no flat land, does it cover the metric, and which lazy answer does it
    love? gradcheck answers the first only. Then look whether a known loss does it.

    Next: lesson 32 trains one network on two losses, and learns their weights, at a price.
""")
exercises(
    [
        "exp(e) - e - 1 (LINEX) is smooth and lopsided. Fill in its row. What does one typo cost?",
        "Say c = exp(X v), with the price. Fit one patient exactly: is there a bottom left?",
    ]
)
