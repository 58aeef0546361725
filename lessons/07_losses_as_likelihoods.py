"""Lesson 7. Losses as likelihoods

Every loss believes in a kind of noise: squared error in Gaussian noise, absolute error in Laplace
noise, cross-entropy in a loaded die. To minimise it is to look for the prediction under which the
data would have been most probable. So the question that lesson 6 left open, which loss to choose,
becomes one that data can answer: what does the noise look like?

We begin with what each loss takes for the middle of the diabetes patients, go from noise to loss
and back, and then see what it costs to believe in the wrong noise.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, load_digits
from microloss.losses import (
    cross_entropy,
    huber_loss,
    l1_loss,
    log_cosh_loss,
    mse_loss,
    poisson_nll_loss,
)
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
PAINT = {"MSE": COLOR["mse"], "MAE": COLOR["mae"], "log-cosh": COLOR["log_cosh"]}

# ---- the middle of the data ----------------------------------------------------------------------

X, y = load_diabetes()
predict(f"""
    You know nothing about a diabetes patient, and have to guess how far the disease goes in a year:
    one number, for everybody. It was {y.min():.0f} to {y.max():.0f} for the {len(y)} we have. Which
    number has the lowest MSE? Which has the lowest MAE?
""")
guesses = np.arange(y.min(), y.max(), 0.25)


def costs(loss, **options):
    return np.array([loss(np.full(len(y), guess), y, **options) for guess in guesses])


squares, sizes = costs(mse_loss), costs(l1_loss)
mean, median = guesses[squares.argmin()], guesses[sizes.argmin()]
claim("MSE: the mean", abs(mean - y.mean()) <= 0.125, f"{mean:.2f}, the mean is {y.mean():.2f}")
claim(
    "MAE: the median, with as many above as below",
    np.sum(y > median) <= len(y) / 2 and np.sum(y < median) <= len(y) / 2,
    f"{median:.2f}, {np.sum(y > median)} above and {np.sum(y < median)} below",
)
wide, narrow = (guesses[costs(huber_loss, delta=delta).argmin()] for delta in (200, 1))
claim(
    "Huber: the one if its delta is large, the other if it is small",
    abs(wide - mean) < 1 and abs(narrow - median) < 1,
    f"{wide:.2f} for a delta of 200, {narrow:.2f} for 1",
)
say("""
The progressions are skewed, so the two middles differ, and neither is wrong. Who pays for all the
patients together needs the mean; who asks how a typical one will fare needs the median.
""")

fig, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4.6), sharex=True)
top.hist(y, bins=40, color="#BBBBBB")
top.set(ylabel="patients", title="MSE finds the mean of the patients, MAE the median")
for name, cost, at in [("MSE", squares, mean), ("MAE", sizes, median)]:
    top.axvline(at, color=PAINT[name])
    bottom.plot(guesses, cost / cost.min(), color=PAINT[name], label=name)
    bottom.plot(at, 1, "o", color=PAINT[name], ms=9)
bottom.set(xlabel="one guess for all (disease progression)", ylabel="cost / lowest cost")
bottom.set(xlim=(25, 346), ylim=(0.9, 2.5))
bottom.legend(loc="upper center")
save(fig, "middle")

# ---- from noise to loss, and back ----------------------------------------------------------------

say("""
Say that the truth is the prediction plus noise, and that the noise takes the value e with density
f(e). The density of all the data is f(e1) f(e2) f(e3) ..., their likelihood. Its logarithm is a
sum. To make it as large as possible, make the mean of

    -log f(e)

as small as possible: the negative log-likelihood, NLL, and it is a mean loss. The other way round,
a loss believes in the density e^-loss / Z, where Z makes the area 1.
""")
predict("Whose density is e^-loss / Z for half the squared error? For the absolute error?")
e = np.linspace(-30, 30, 60001)
zero = np.zeros_like(e)
LOSS = {
    "MSE": mse_loss(e, zero, reduction="none") / 2,
    "MAE": l1_loss(e, zero, reduction="none"),
    "log-cosh": log_cosh_loss(e, zero, reduction="none"),
}
BOOK = {  # the density as the books have it, and a source of such noise
    "MSE": ("Gaussian", np.exp(-(e**2) / 2) / math.sqrt(2 * math.pi), rng.standard_normal),
    "MAE": ("Laplace", np.exp(-np.abs(e)) / 2, lambda size: rng.laplace(size=size)),
    "log-cosh": (
        "hyperbolic secant",
        1 / (math.pi * np.cosh(e)),
        lambda size: np.log(np.tan(rng.uniform(0, np.pi / 2, size))),
    ),
}
area = {name: np.trapezoid(np.exp(-loss), e) for name, loss in LOSS.items()}
density = {name: np.exp(-loss) / area[name] for name, loss in LOSS.items()}
for name, (kind, book, draw) in BOOK.items():
    constant = -np.log(book) - LOSS[name]
    believed = np.trapezoid(density[name][np.abs(e) <= 1], e[np.abs(e) <= 1])
    drawn = np.mean(np.abs(draw(100_000)) < 1)
    claim(
        f"{name} is the NLL of {kind} noise, up to the constant log Z",
        np.ptp(constant) < 1e-9
        and np.isclose(constant[0], np.log(area[name]), atol=1e-6)
        and abs(drawn - believed) < 0.01,
        f"Z = {area[name]:.4f}; {believed:.1%} of the area lies within 1 of the prediction, and "
        f"{drawn:.1%} of such noise",
    )

_, digits = load_digits()
shares = np.bincount(digits) / len(digits)
logits = Tensor(np.log(shares)[None].repeat(len(digits), axis=0), requires_grad=True)
lowest = cross_entropy(logits, digits)
lowest.backward()
entropy = -np.sum(shares * np.log(shares))
claim(
    "cross-entropy is the NLL of a loaded die: its best constant is the share of each class, and "
    "what is left is the entropy of the labels",
    np.abs(logits.grad.sum(axis=0)).max() < 1e-12 and np.isclose(lowest.item(), entropy),
    f"for the labels of the digits {lowest.item():.4f} nats",
)
counts, rate = np.arange(9.0), 2.5
loss = poisson_nll_loss(np.full(9, np.log(rate)), counts, reduction="none")
believed = np.exp(-loss) / [math.factorial(int(k)) for k in counts]
drawn = np.bincount(rng.poisson(rate, 100_000), minlength=9)[:9] / 100_000
claim(
    "and poisson_nll_loss is that of counts, up to log(count!), when events come at a steady rate",
    np.abs(believed - drawn).max() < 0.01,
    f"at the rate {rate} it believes in {believed[0]:.1%} zeros, of Poisson's numbers "
    f"{drawn[0]:.1%} are",
)

# ---- the price of the wrong belief ---------------------------------------------------------------

predict("""
    One number is measured 101 times, with noise. MSE takes the mean for it, MAE the median. Which
    comes closer? And does it matter much?
""")
N, TRIALS = 101, 3000


def minimise_log_cosh(data):
    centre = Tensor(np.median(data, axis=1, keepdims=True), requires_grad=True)
    for _ in range(12):
        log_cosh_loss(centre + np.zeros(N), data, reduction="sum").backward()
        centre.data = centre.data - 1.6 / N * centre.grad
        centre.grad = None
    return centre.data[:, 0]


ESTIMATE = {
    "MSE": lambda data: np.mean(data, axis=1),
    "MAE": lambda data: np.median(data, axis=1),
    "log-cosh": minimise_log_cosh,
}
variance, floor, bias = {}, {}, []
for belief, (_, _, draw) in BOOK.items():
    data = draw((TRIALS, N))
    found = {name: find(data) for name, find in ESTIMATE.items()}
    variance[belief] = {name: v.var() for name, v in found.items()}
    bias += [abs(v.mean()) / v.std() for v in found.values()]  # the true value is 0
    slope = np.gradient(LOSS[belief], e)
    floor[belief] = 1 / (N * np.trapezoid(slope**2 * density[belief], e))
table(
    ["variance of the estimate", *ESTIMATE, "Cramér-Rao"],
    [
        [f"{BOOK[k][0]} noise", *(f"{v:.4f}" for v in variance[k].values()), f"{floor[k]:.4f}"]
        for k in BOOK
    ],
)
for belief, (kind, _, _) in BOOK.items():
    own, *wrong = sorted(variance[belief].items(), key=lambda item: item[1])
    claim(
        f"under {kind} noise {belief} wins",
        own[0] == belief,
        "; ".join(f"with {name} you need {v / own[1]:.2f} times the data" for name, v in wrong),
    )
excess = max(variance[k][k] / floor[k] for k in BOOK) - 1
claim(
    "each winner comes within a third of the bound of Cramér and Rao, below which the variance of "
    "no unbiased estimate can lie",
    excess < 1 / 3,
    f"{excess:.0%} above it at most",
)
claim(
    "the wrong belief costs data, not truth: as this noise is symmetric, all nine estimates centre "
    "on the true value",
    max(bias) < 0.1,
    f"their mean is off by {max(bias):.2f} standard deviations at most",
)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
near = np.abs(e) <= 5
for name, (kind, _, _) in BOOK.items():
    left.plot(e[near], density[name][near], color=PAINT[name], label=f"{name}: {kind}")
left.set(
    xlabel="error", ylabel="density $e^{-loss} / Z$", title="Each loss believes in a noise ..."
)
left.set(ylim=(0, 0.75))
left.legend(loc="upper left")
for place, belief in enumerate(BOOK):
    lowest = min(variance[belief].values())
    for shift, (name, v) in zip((-0.27, 0, 0.27), variance[belief].items()):
        right.bar(place + shift, v / lowest, 0.25, color=PAINT[name])
        right.text(place + shift, v / lowest + 0.02, f"{v / lowest:.2f}", ha="center", fontsize=9)
right.set_xticks(range(3), ["Gaussian\nnoise", "Laplace\nnoise", "hyperbolic\nsecant noise"])
right.set(ylabel="data needed / data the best one needs", title="... and wins where it is true")
right.grid(False)
save(fig)

# ---- ask the data --------------------------------------------------------------------------------

predict("""
    Which noise is in the diabetes data, about the least-squares line over body-mass index? And
    which is it once one record in twenty has a zero too many?
""")
say("""
A scale s stretches the noise: the NLL of an error e is then loss(e / s) + log s + log Z. Line and
scale are fitted together, under each belief, and the NLL tells how surprising the data remain.
""")
bmi = X[:, DIABETES_FEATURES.index("bmi")]
x = (bmi - bmi.mean()) / bmi.std()
HALF = {"MSE": 0.5, "MAE": 1, "log-cosh": 1}  # mse_loss is the square, the Gaussian wants half


def fit(belief, y, steps=400):
    """The NLL under this belief, with its best line and its best scale."""
    unit = np.median(np.abs(y - np.median(y)))
    y = (y - np.median(y)) / unit
    p = Tensor([0.0, 0.0, 0.0], requires_grad=True)  # intercept, slope, log scale
    optimizer = Adam([p], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)
    loss = {"MSE": mse_loss, "MAE": l1_loss, "log-cosh": log_cosh_loss}[belief]
    for _ in range(steps):
        optimizer.zero_grad()
        scale = np.exp(p[2])
        nll = HALF[belief] * loss((p[0] + p[1] * x) / scale, y / scale) + p[2]
        nll.backward()
        optimizer.step()
        schedule.step()
    return nll.item() + np.log(unit) + np.log(area[belief])


typed = y.copy()
typed[rng.choice(len(y), len(y) // 20, replace=False)] *= 10
clean, faulty = ({name: fit(name, data) for name in BOOK} for data in (y, typed))
table(
    ["NLL per patient, nats", *(kind for kind, _, _ in BOOK.values())],
    [
        [label, *(f"{nll:.3f}" for nll in fits.values())]
        for label, fits in [("as recorded", clean), ("with typing errors", faulty)]
    ],
)
claim(
    "as they are, the data speak for Gaussian noise, and so for MSE",
    clean["MSE"] < min(clean["MAE"], clean["log-cosh"]) - 0.01,
    f"by {len(y) * (clean['MAE'] - clean['MSE']):.0f} nats in all over Laplace noise",
)
claim(
    "with one record in twenty mistyped, for Laplace noise, and so for MAE",
    faulty["MAE"] < min(faulty["MSE"], faulty["log-cosh"]) - 0.01,
    f"by {len(y) * (faulty['MSE'] - faulty['MAE']):.0f} nats over Gaussian noise",
)

takeaway("""
    A loss is the negative log-likelihood of a noise: squares for Gaussian, absolute errors for
    Laplace, cross-entropy for classes, poisson_nll_loss for counts. It decides which middle you
    get, mean or median. Its belief costs data where it is wrong. And it can be put to the test:
    compare the NLL, each with its scale and its log Z.

    Next: lesson 8 asks for more than the middle: a prediction with an interval.
""")
exercises(
    [
        "Draw Cauchy noise with rng.standard_cauchy((3000, 101)). Compare the spread of the means "
        "between their quartiles with that of single numbers. What went wrong?",
        "Which noise does huber_loss believe in? Find its Z for a delta of 1, draw the density.",
        "Make the noise skewed: rng.exponential(). Do MSE and MAE still estimate the same number? "
        "Which of the two is the right one?",
    ]
)
