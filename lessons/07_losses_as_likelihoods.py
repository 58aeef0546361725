"""Lesson 7. Losses as likelihoods

Many losses are the belief in a kind of noise: squared error believes in Gaussian noise, absolute
error in Laplace noise, cross-entropy in a loaded die. To minimise such a loss is to look for the
prediction under which the data would have been most probable (maximum likelihood).

Lesson 6 chose a loss by what an error costs. Here we choose by what the noise looks like. These are
two questions. The cost decides which number you look for, the mean or the median. The noise decides
how many data you need to find it.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, load_digits, standardize
from microloss.losses import cross_entropy, l1_loss, mse_loss, robust_loss
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
COLORS = {"MSE": COLOR["mse"], "MAE": COLOR["mae"]}
NOISE = {"MSE": "Gaussian", "MAE": "Laplace"}

# %% The middle of the data

X, y = load_diabetes()
predict(f"""
    You know nothing about a diabetes patient, and must guess the progression of the disease after
    one year: one number for everybody. It was {y.min():.0f} to {y.max():.0f} for the {len(y)}
    patients that we have. Which guess has the lowest MSE? Which has the lowest MAE?
""")

# %% Mean and median

guesses = np.arange(y.min(), y.max(), 0.25)
everybody = np.ones(len(y))
mean = min(guesses, key=lambda guess: mse_loss(guess * everybody, y))
median = min(guesses, key=lambda guess: l1_loss(guess * everybody, y))
claim(
    "The guess with the lowest MSE is the mean",
    abs(mean - y.mean()) <= 0.125,
    f"{mean:.2f}, the mean is {y.mean():.2f}; guesses in steps of 0.25",
)
above, below = np.sum(y > median), np.sum(y < median)
claim(
    "The guess with the lowest MAE is the median: no more than half of the patients on either side",
    max(above, below) <= len(y) / 2,
    f"{median:.2f}, with {above} patients above and {below} below",
)
say("""
Most patients have a low progression and some a very high one (the distribution is skewed), so the
two middles differ, and neither is wrong. The cost decides. A hospital that pays for all patients
together needs the mean. A patient who asks for the typical case needs the median.
""")

# %% From noise to loss

say("""
Say that a target is the prediction plus noise, and that an error e has the density f(e). If the
errors are independent, the density of all the data, their likelihood, is a product. The product is
largest where its negative logarithm is smallest (negative log-likelihood, NLL), and that is a sum.
""")
formula(
    """
    likelihood of the data:  f(e1) f(e2) ... f(eN)
    NLL per example:         -(1/N) sum_i log f(ei)
    """,
    tex=r"\mathrm{NLL} = -\frac{1}{N} \log \prod_{i=1}^N f(e_i) "
    r"= -\frac{1}{N} \sum_{i=1}^N \log f(e_i)",
)
say("For Gaussian noise of standard deviation s (Gauss, 1809), this is the squared error:")
formula(
    """
    f(e)      = exp(-e^2 / (2 s^2)) / (s sqrt(2 pi))
    -log f(e) = e^2 / (2 s^2) + log(s sqrt(2 pi))
              = squared error * constant + constant: the same minimum as the MSE
    """,
    tex=r"f(e) = \frac{1}{s\sqrt{2\pi}}\, e^{-e^2/2s^2} \quad\Rightarrow\quad "
    r"-\log f(e) = \frac{e^2}{2s^2} + \log\left(s\sqrt{2\pi}\right)",
)
say("The same two lines for Laplace noise of scale s give the absolute error:")
formula(
    """
    f(e)      = exp(-|e| / s) / (2 s)
    -log f(e) = |e| / s + log(2 s)
    """,
    tex=r"f(e) = \frac{1}{2s}\, e^{-|e|/s} \quad\Rightarrow\quad "
    r"-\log f(e) = \frac{|e|}{s} + \log(2s)",
)
say("""
The other way round, a loss believes in the density exp(-loss) / Z, where Z is the area under
exp(-loss). We compute that density from our losses alone, and hold it against the one in the book.
""")
predict("""
    Is there always such a density? Think of a loss that stops growing: the price of an error has a
    ceiling, however large the error is.
""")

# %% From loss to noise


def half_square(prediction, target, **options):
    return mse_loss(prediction, target, **options) / 2


def ceiling(prediction, target, **options):
    """Geman and McClure's loss: it never exceeds 2."""
    return robust_loss(prediction, target, alpha=-2.0, **options)


LOSS = {"MSE": half_square, "MAE": l1_loss}


def area(loss, reach):
    """The area under exp(-loss), for errors from -reach to reach."""
    errors = np.linspace(-reach, reach, 60001)
    return np.trapezoid(np.exp(-loss(errors, 0 * errors, reduction="none")), errors)


e = np.linspace(-30, 30, 60001)
in_the_book = {"MSE": np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi), "MAE": np.exp(-np.abs(e)) / 2}
Z = {name: area(loss, 30) for name, loss in LOSS.items()}
density = {name: np.exp(-loss(e, 0 * e, reduction="none")) / Z[name] for name, loss in LOSS.items()}
for name, noise in NOISE.items():
    off = np.abs(density[name] - in_the_book[name]).max()
    claim(
        f"{name} believes in {noise} noise: exp(-loss) / Z is its density",
        off < 1e-6,
        f"off by {off:.0e} at most, with Z = {Z[name]:.4f}",
    )
doubled = area(ceiling, 2000) / area(ceiling, 1000)
claim(
    "A loss with a ceiling is the NLL of no noise: the area under exp(-loss) grows without end",
    doubled > 1.9 and abs(area(half_square, 60) / Z["MSE"] - 1) < 1e-9,
    f"{doubled:.2f} times the area for twice the range; for MSE it stays at Z",
)

_, digits = load_digits()
shares = np.bincount(digits) / len(digits)
logits = Tensor(np.log(shares) * np.ones((len(digits), 10)), requires_grad=True)
lowest = cross_entropy(logits, digits)
lowest.backward()
slope = np.abs(logits.grad.sum(axis=0)).max()
entropy = -np.sum(shares * np.log(shares))
say("For classes, the noise is a loaded die with probabilities p, and the NLL is cross-entropy:")
formula(
    "-log f(class c) = -log p[c]",
    tex=r"-\log f(c) = -\log p_c",
)
claim(
    "The best constant under cross-entropy is the share of each class, and the entropy remains",
    slope < 1e-12 and abs(lowest.item() - entropy) < 1e-12,
    f"slope {slope:.0e} there; {lowest.item():.4f} nats for the labels of the digits",
)
COUNT = 1001
TRIALS = 6000
predict(f"""
    One number is measured {COUNT:,} times, with noise that is symmetric about 0. So mean and median
    estimate the same number. Which comes closer, under Gaussian noise and under Laplace noise? How
    many more data does the other one need?
""")

# %% The price of the wrong belief

measured = {
    "MSE": rng.standard_normal((TRIALS, COUNT)),
    "MAE": rng.laplace(size=(TRIALS, COUNT)),
}
variance = {
    belief: {"MSE": data.mean(axis=1).var(), "MAE": np.median(data, axis=1).var()}
    for belief, data in measured.items()
}
say(f"""
We measure {TRIALS:,} times anew. Twice the data halve the variance of an estimate, so the ratio of
two variances tells how many times the data the worse one needs (relative efficiency). For many data
that ratio is known:
""")
formula(
    """
    Gaussian noise:  var(median) / var(mean)  -> pi / 2 = 1.571
    Laplace noise:   var(mean) / var(median)  -> 2
    """,
    tex=r"\frac{\mathrm{var(median)}}{\mathrm{var(mean)}} \to \frac{\pi}{2} "
    r"\;\text{(Gaussian)}, \qquad "
    r"\frac{\mathrm{var(mean)}}{\mathrm{var(median)}} \to 2 \;\text{(Laplace)}",
)
for_gaussian = variance["MSE"]["MAE"] / variance["MSE"]["MSE"]
for_laplace = variance["MAE"]["MSE"] / variance["MAE"]["MAE"]
claim(
    "Under Gaussian noise the median needs pi / 2 times as many data as the mean, within 10 %",
    abs(for_gaussian / (np.pi / 2) - 1) < 0.1,
    f"{for_gaussian:.2f} times",
)
claim(
    "Under Laplace noise the mean needs twice as many data as the median, within 15 %",
    abs(for_laplace / 2 - 1) < 0.15,
    f"{for_laplace:.2f} times",
)
predict("""
    Now the noise is skewed: exponential, minus its mean of 1. You want the mean. Can the median
    find it, if it gets enough data?
""")

# %% Where the two middles differ

skewed = rng.exponential(size=(TRIALS, COUNT)) - 1
table(
    ["estimate, of mean 0", "average", "spread from set to set"],
    [
        (name, f"{values.mean():+.3f}", f"{values.std():.3f}")
        for name, values in (
            ("mean", skewed.mean(axis=1)),
            ("median", np.median(skewed, axis=1)),
        )
    ],
)
bias = np.median(skewed, axis=1).mean()
spread = np.median(skewed, axis=1).std()
claim(
    "Under skewed noise the median misses the mean by more than five times its own spread",
    abs(bias) > 5 * spread,
    f"{abs(bias) / spread:.1f} times: it estimates log 2 - 1 = {np.log(2) - 1:.3f} instead of 0",
)
say("""
More data do not help: the median is on its way to another number. So ask first which middle the
task needs (lesson 6), and only then which noise there is. The noise may choose between mean and
median where both are the same number, as under symmetric noise.
""")
predict("""
    Which noise do the diabetes data have, about the best line over body-mass index? And which one,
    if one record in twenty has a zero too many?
""")

# %% Ask the data

say("""
A belief can be tested. A scale s stretches the noise, and each belief gets its best line and its
best scale: three numbers for both. Then the NLL tells how surprising the data remain.
""")
formula(
    "NLL = mean of loss((prediction - target) / s) + log s + log Z",
    tex=r"\mathrm{NLL} = \frac{1}{N}\sum_i \mathrm{loss}\left(\frac{e_i}{s}\right) "
    r"+ \log s + \log Z",
)
bmi = standardize(X[:, DIABETES_FEATURES.index("bmi")])


def fit(belief, y, steps=600):
    """The NLL under this belief, with its best line and its best scale."""
    unit = y.std()
    target = (y - y.mean()) / unit
    p = Tensor([0.0, 0.0, 0.0], requires_grad=True)
    optimizer = Adam([p], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        intercept, slope, log_scale = p
        scale = np.exp(log_scale)
        nll = LOSS[belief]((intercept + slope * bmi) / scale, target / scale) + log_scale
        optimizer.zero_grad()
        nll.backward()
        optimizer.step()
        schedule.step()
    return nll.item() + np.log(unit) + np.log(Z[belief])


def exact(y):
    """The Gaussian NLL of the least-squares line: its best scale is the root of the MSE."""
    line = np.polyval(np.polyfit(bmi, y, 1), bmi)
    return np.log(2 * np.pi * np.mean((line - y) ** 2)) / 2 + 0.5


mistyped = y.copy()
mistyped[rng.choice(len(y), len(y) // 20, replace=False)] *= 10
records = {"as they are": y, "one in twenty mistyped": mistyped}
nll = {(which, belief): fit(belief, target) for which, target in records.items() for belief in LOSS}
table(
    ["records", "Gaussian noise (MSE)", "Laplace noise (MAE)"],
    [(which, f"{nll[which, 'MSE']:.3f}", f"{nll[which, 'MAE']:.3f}") for which in records],
)
say("In nats per patient: lower is less surprising.")
gap = max(abs(nll[which, "MSE"] - exact(target)) for which, target in records.items())
claim(
    "The search for line and scale has arrived: it ends at the NLL of the closed form",
    gap < 1e-6,
    f"off by {gap:.0e} nats at most, under Gaussian noise",
)
clean = nll["as they are", "MAE"] - nll["as they are", "MSE"]
faulty = nll["one in twenty mistyped", "MSE"] - nll["one in twenty mistyped", "MAE"]
claim(
    "The records as they are speak for Gaussian noise, and so for MSE",
    clean > 0.01,
    f"{clean:.3f} nats per patient less than under Laplace noise",
)
claim(
    "With one record in twenty mistyped, they speak for Laplace noise, and so for MAE",
    faulty > 0.1,
    f"{faulty:.3f} nats per patient less than under Gaussian noise",
)

# %% The picture

fig, (belief_panel, price_panel) = plt.subplots(1, 2, figsize=(9.5, 4))
near = np.abs(e) <= 5
for name, noise in NOISE.items():
    belief_panel.plot(
        e[near], density[name][near], color=COLORS[name], label=f"{name}: {noise} noise"
    )
belief_panel.set(xlabel="error", ylabel="density exp(-loss) / Z", ylim=(0, 0.65))
belief_panel.set_title("Each loss believes in a noise")
belief_panel.legend(loc="upper left")
for place, belief in enumerate(NOISE):
    for shift, name, middle in ((-0.2, "MSE", "mean"), (0.2, "MAE", "median")):
        height = variance[belief][name] / variance[belief][belief]
        price_panel.bar(place + shift, height, 0.36, color=COLORS[name])
        price_panel.text(place + shift, height + 0.04, f"{middle}\n{height:.2f}", ha="center")
price_panel.set_xticks([0, 1], [f"{noise} noise" for noise in NOISE.values()])
price_panel.set(ylabel="data needed, relative to the best", ylim=(0, 2.5))
price_panel.grid(False, axis="x")
price_panel.set_title("The wrong belief costs data")
save(fig)

# %% Take away

takeaway("""
    Many losses are the negative log-likelihood of a noise: squares of Gaussian noise, absolute
    errors of Laplace noise, cross-entropy of a die. A loss with a ceiling belongs to none.
    First the cost decides what you look for: MSE finds the mean, MAE the median. Where both are the
    same number, the noise decides which of them needs fewer data.
    A belief can be tested: compare the NLL, each with its scale and its log Z.

    Next: lesson 8 asks for more than the middle: a prediction with an interval.
""")
exercises(
    [
        "Which noise does log_cosh_loss believe in? Find its Z, guess which famous number that is, "
        "and ask the diabetes records about it too.",
        "Draw Cauchy noise with rng.standard_cauchy((3000, 101)). Compare the interquartile range "
        "of the 3,000 means with that of single numbers. What did averaging gain?",
        "Find the price for few data: set COUNT to 5. Does the mean still need 2 times the data "
        "under Laplace noise?",
    ]
)
