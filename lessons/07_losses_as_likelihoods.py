"""Lesson 7. Losses as likelihoods

Every loss believes in a kind of noise: squared error in Gaussian noise, absolute error in Laplace
noise, cross-entropy in a loaded die. To minimise it is to look for the prediction under which the
data would have been most probable. So the question that lesson 6 left open, which loss to choose,
becomes one that data can answer: what does the noise look like?

We begin with what each loss takes for the middle of the diabetes patients, go from noise to loss
and back, see what a wrong belief costs, and at last ask the data.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, load_digits, standardize
from microloss.losses import cross_entropy, l1_loss, mse_loss
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
PAINT = {"MSE": COLOR["mse"], "MAE": COLOR["mae"]}

# ---- the middle of the data ----------------------------------------------------------------------

X, y = load_diabetes()
predict(f"""
    You know nothing about a diabetes patient, and have to guess how far the disease goes in a year:
    one number, for everybody. It was {y.min():.0f} to {y.max():.0f} for the {len(y)} we have. Which
    number has the lowest MSE? Which has the lowest MAE?
""")
guesses = np.arange(y.min(), y.max(), 0.25)
everybody = np.ones(len(y))
mean = min(guesses, key=lambda guess: mse_loss(guess * everybody, y))
median = min(guesses, key=lambda guess: l1_loss(guess * everybody, y))
claim("MSE: the mean", abs(mean - y.mean()) <= 0.125, f"{mean:.2f}, the mean is {y.mean():.2f}")
claim(
    "MAE: the median, with as many above as below",
    np.sum(y > median) <= len(y) / 2 and np.sum(y < median) <= len(y) / 2,
    f"{median:.2f}, {np.sum(y > median)} above and {np.sum(y < median)} below",
)
say("""
The progressions are skewed, so the two middles differ, and neither is wrong. Who pays for all the
patients together needs the mean; who asks how a typical one will fare needs the median.
""")

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


def half_square(prediction, target, **options):
    return mse_loss(prediction, target, **options) / 2


LOSS = {"MSE": half_square, "MAE": l1_loss}
NOISE = {"MSE": "Gaussian", "MAE": "Laplace"}
e = np.linspace(-30, 30, 60001)
book = {"MSE": np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi), "MAE": np.exp(-np.abs(e)) / 2}
Z, density = {}, {}
for name, loss in LOSS.items():
    losses = loss(e, np.zeros(len(e)), reduction="none")
    Z[name] = np.trapezoid(np.exp(-losses), e)
    density[name] = np.exp(-losses) / Z[name]
    constant = -np.log(book[name]) - losses
    claim(
        f"{name} is the NLL of {NOISE[name]} noise, up to the constant log Z",
        np.ptp(constant) < 1e-9 and np.isclose(constant[0], np.log(Z[name]), atol=1e-6),
        f"Z = {Z[name]:.4f}, log Z = {constant[0]:.4f}",
    )

_, digits = load_digits()
shares = np.bincount(digits) / len(digits)
logits = Tensor(np.log(shares) * np.ones((len(digits), 10)), requires_grad=True)
lowest = cross_entropy(logits, digits)
lowest.backward()
entropy = -np.sum(shares * np.log(shares))
claim(
    "cross-entropy is the NLL of a loaded die: its best constant is the share of each class, and "
    "what is left is the entropy of the labels",
    np.abs(logits.grad.sum(axis=0)).max() < 1e-12 and np.isclose(lowest.item(), entropy),
    f"for the labels of the digits {lowest.item():.4f} nats",
)

# ---- the price of the wrong belief ---------------------------------------------------------------

predict("""
    One number is measured 101 times, with noise. MSE takes the mean for it, MAE the median. Which
    comes closer? And does it matter much?
""")
data = {"MSE": rng.standard_normal((3000, 101)), "MAE": rng.laplace(size=(3000, 101))}
price = {}
for belief, other in (("MSE", "MAE"), ("MAE", "MSE")):
    trials = data[belief]
    variance = {"MSE": trials.mean(axis=1).var(), "MAE": np.median(trials, axis=1).var()}
    price[belief] = {name: v / variance[belief] for name, v in variance.items()}
    claim(  # twice the data halve the variance, so its ratio is that of the data needed
        f"under {NOISE[belief]} noise {belief} wins",
        price[belief][other] > 1.3,
        f"for the same variance {other} needs {price[belief][other]:.2f} times the data",
    )

# ---- ask the data --------------------------------------------------------------------------------

predict("""
    Which noise is in the diabetes data, about the best line over body-mass index? And which is it
    once one record in twenty has a zero too many?
""")
say("""
A scale s stretches the noise: the NLL of an error e is then loss(e / s) + log s + log Z. Line and
scale are fitted together, under each belief, and the NLL tells how surprising the data remain.
""")
bmi = standardize(X[:, DIABETES_FEATURES.index("bmi")])


def fit(belief, y, steps=400):
    """The NLL under this belief, with its best line and its best scale."""
    unit = y.std()
    y = (y - y.mean()) / unit
    p = Tensor([0.0, 0.0, 0.0], requires_grad=True)
    optimizer = Adam([p], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        intercept, slope, log_scale = p
        scale = np.exp(log_scale)
        nll = LOSS[belief]((intercept + slope * bmi) / scale, y / scale) + log_scale
        optimizer.zero_grad()
        nll.backward()
        optimizer.step()
        schedule.step()
    return nll.item() + np.log(unit) + np.log(Z[belief])


typed = y.copy()
typed[rng.choice(len(y), len(y) // 20, replace=False)] *= 10
clean, faulty = ({name: fit(name, records) for name in LOSS} for records in (y, typed))
claim(
    "as they are, the data speak for Gaussian noise, and so for MSE",
    clean["MSE"] < clean["MAE"] - 0.01,
    f"{clean['MSE']:.3f} nats per patient, {clean['MAE']:.3f} under Laplace noise",
)
claim(
    "with one record in twenty mistyped, for Laplace noise, and so for MAE",
    faulty["MAE"] < faulty["MSE"] - 0.01,
    f"{faulty['MAE']:.3f} nats per patient, {faulty['MSE']:.3f} under Gaussian noise",
)

# ---- in pictures ---------------------------------------------------------------------------------

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
near = np.abs(e) <= 5
for shift, name in zip((-0.17, 0.17), LOSS):
    left.plot(e[near], density[name][near], color=PAINT[name], label=f"{name}: {NOISE[name]}")
    for place, belief in enumerate(LOSS):
        height = price[belief][name]
        right.bar(place + shift, height, 0.3, color=PAINT[name])
        right.text(place + shift, height + 0.02, f"{height:.2f}", ha="center")
left.set(xlabel="error", ylabel="density $e^{-loss} / Z$", ylim=(0, 0.65))
left.set(title="Each loss believes in a noise ...")
left.legend(loc="upper left")
right.set_xticks([0, 1], [f"{kind} noise" for kind in NOISE.values()])
right.set(ylabel="data needed / data the best one needs", title="... and wins where it is true")
save(fig)

takeaway("""
    A loss is the negative log-likelihood of a noise: squares for Gaussian, absolute errors for
    Laplace, cross-entropy for classes. It decides which middle you get, mean or median. Its belief
    costs data where it is wrong. And it can be put to the test: compare the NLL, each with its
    scale and its log Z.

    Next: lesson 8 asks for more than the middle: a prediction with an interval.
""")
exercises(
    [
        "Which noise does log_cosh_loss believe in? Find its Z, guess which famous number that is, "
        "and ask the diabetes data about it too.",
        "Draw Cauchy noise with rng.standard_cauchy((3000, 101)). Compare the spread of the means "
        "between their quartiles with that of single numbers. What went wrong?",
    ]
)
