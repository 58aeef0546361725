"""Lesson 9. Predicting the noise

A model can say how far off it expects to be, case by case, if the loss lets it: predict a variance
beside the mean, and minimise the Gaussian negative log-likelihood of lesson 7. And if the noise may
not be Gaussian, let the loss find out: Barron's robust loss has a shape that can be learned, from
the square to one that hardly heeds outliers.

Lesson 8 found the ends of an interval. Here we learn a whole distribution: first its width, on
noise that grows and on real patients, then its shape, on patients with typing errors.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, no_grad
from microloss.datasets import DIABETES_FEATURES, load_diabetes, make_sine, standardize
from microloss.functional import sigmoid
from microloss.losses import gaussian_nll_loss, mse_loss, robust_loss
from microloss.nn import MLP, Linear, Module, Tanh
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()

# ---- one spread for all, and a spread for each ---------------------------------------------------


def train(model, loss, X, y, lr=0.01, epochs=400):
    optimizer = Adam(model.parameters(), lr=lr)
    schedule = CosineAnnealingLR(optimizer, T_max=epochs)
    fit(model, loss, optimizer, X, y, epochs=epochs, batch_size=len(X), schedule=schedule, rng=rng)
    return model


def nll(output, target, reduction="mean"):
    """The outputs are the mean and the log of the variance: its exp is positive, come what may."""
    variance = np.exp(output[:, 1])
    return gaussian_nll_loss(output[:, 0], target, variance, full=True, reduction=reduction)


def predicted(model, X):
    """Mean and spread (standard deviation)."""
    with no_grad():
        mean, log_variance = model(X).data.T
    return mean, np.exp(log_variance / 2)


x, y = make_sine(600, noise=0.4, heteroscedastic=True, seed=rng)
x_new, y_new = make_sine(4000, noise=0.4, heteroscedastic=True, seed=rng)
true_spread = 0.4 * (1 + 0.9 * x_new[:, 0] / np.pi)
say(f"""
{len(x)} points lie about a sine, and the noise grows from left to right. MSE says nothing of the
noise; the best it can give is one spread for all, the root of the mean squared error.
""")
predict("""
    Two spreads up and down should hold about 95 % of new points. Does that one spread, in the calm
    third on the left? In the wild third on the right?
""")
plain = train(MLP(1, 32, 32, 1, rng=rng, activation=Tanh), lambda p, t: mse_loss(p[:, 0], t), x, y)
with no_grad():
    error, error_new = plain(x).data[:, 0] - y, plain(x_new).data[:, 0] - y_new
one = np.sqrt(np.mean(error**2))
# one network would do; the other four are for later
networks = [train(MLP(1, 32, 32, 2, rng=rng, activation=Tanh), nll, x, y) for _ in range(5)]
mean_new, spread_new = predicted(networks[0], x_new)
third = np.digitize(x_new[:, 0], [-np.pi / 3, np.pi / 3])
hits = {
    "one spread for all": np.abs(error_new) < 2 * one,
    "a spread for each": np.abs(mean_new - y_new) < 2 * spread_new,
}
held = {name: np.array([hit[third == k].mean() for k in range(3)]) for name, hit in hits.items()}
table(
    ["new points within two spreads", "calm third", "middle", "wild third"],
    [[name, *(f"{v:.1%}" for v in parts)] for name, parts in held.items()],
)
same, own = held.values()
claim(
    "one spread for all is much too wide for the calm third, and too narrow for the wild one",
    same[0] > 0.99 and same[2] < 0.9,
    f"it holds {same[0]:.1%} and {same[2]:.1%}",
)
claim(
    "with a predicted spread each third is within 5 points of 95 %",
    np.abs(own - 0.95).max() < 0.05,
    f"{np.abs(own - 0.95).max():.1%} off at most",
)
match = np.corrcoef(spread_new, true_spread)[0, 1]
claim("the predicted spread follows the true one", match > 0.93, f"correlation {match:.3f}")

# ---- what the loss does --------------------------------------------------------------------------

predict("Two predictions are 1 too low. One claims a spread of 0.1, the other of 1. Which learns?")
means = Tensor([0.0, 0.0], requires_grad=True)
gaussian_nll_loss(means, [1.0, 1.0], [0.1**2, 1.0], reduction="sum").backward()
claim(
    "both, but error / variance is the pull: who claims to be sure is pulled 100 times as hard",
    np.allclose(means.grad, [-100, -1]),
    f"{abs(means.grad[0]):.0f} against {abs(means.grad[1]):.0f}",
)
variance = Tensor(one**2, requires_grad=True)
gaussian_nll_loss(error, np.zeros(len(x)), variance).backward()
claim(
    "it need not be told the noise: the loss is least where the variance is the mean squared error",
    abs(variance.grad) < 1e-9,
    f"its slope there is {abs(variance.grad):.0e}",
)
predict("All points lie between -3.14 and 3.14. What spread does the network predict at -6?")
at = np.array([[-6.0], [-2.0]])
means, spreads = np.array([predicted(network, at) for network in networks]).transpose(1, 0, 2)
off = np.abs(means[:, 0] - np.sin(-6.0))
spreads_off = np.median(off / spreads[:, 0])
claim(
    "a tiny one: it has learned the noise, and of its own ignorance it knows nothing",
    spreads_off > 5,
    f"the sine is {spreads_off:.0f} of its spreads away (median of the 5 networks)",
)
apart = means.std(axis=0)
claim(
    "but the five networks, alike in all but their first weights, disagree where they do not know",
    apart[0] > 8 * apart[1],
    f"by {apart[0]:.3f} at -6, by {apart[1]:.3f} at -2: a warning, though no measure, for they are "
    f"off by {off.mean():.2f}",
)

grid = np.linspace(-6.5, np.pi, 200)[:, None]
fig, ax = plt.subplots(figsize=(8, 4.2))
ax.scatter(x, y, s=6, color="#999999")
ax.plot(grid, np.sin(grid), ":", color=COLOR["truth"], label="true mean")
for network in networks:
    mean, spread = predicted(network, grid)
    label = "5 networks: mean and two spreads" if network is networks[0] else None
    ax.plot(grid, mean, color=COLOR["gaussian_nll"], lw=1, label=label)
    low, high = mean - 2 * spread, mean + 2 * spread
    ax.fill_between(grid[:, 0], low, high, color=COLOR["gaussian_nll"], alpha=0.08)
ax.axvspan(-6.5, -np.pi, color=COLOR["naive"], alpha=0.08)
ax.text(-6.4, -2.2, "no data: sure, and wrong", color=COLOR["naive"])
ax.set(xlabel="x", ylabel="y", xlim=(-6.5, np.pi), ylim=(-2.5, 2.5))
ax.set_title("The predicted spread follows the noise, and knows nothing of ignorance")
ax.legend(loc="upper left")
save(fig)

# ---- real patients -------------------------------------------------------------------------------

X, progression = load_diabetes()
predict("Does it pay on real patients too, or is their noise the same for all?")


class MeanAndSpread(Module):
    """A weighted sum for the mean, and a log-variance that grows or falls with it."""

    def __init__(self):
        self.mean, self.log_variance = Linear(10, 1, rng=rng), Linear(1, 1, rng=rng)

    def forward(self, X):
        mean = self.mean(X)
        return np.concatenate([mean, self.log_variance(mean)], axis=1)


fold = rng.permutation(len(X)) % 6  # each patient is predicted by a model that has not seen it
scores, doubt, miss = np.zeros((2, len(X))), np.zeros(len(X)), np.zeros(len(X))
for k in range(6):
    X_train, X_test = standardize(X[fold != k], X[fold == k])
    y_train, y_test = standardize(progression[fold != k], progression[fold == k])
    columns = np.column_stack([X_train, np.ones(len(X_train))])
    line = np.linalg.lstsq(columns, y_train)[0]
    same = np.log(np.mean((columns @ line - y_train) ** 2))
    constant = np.column_stack([X_test @ line[:-1] + line[-1], np.full(len(X_test), same)])
    model = train(MeanAndSpread(), nll, X_train, y_train, lr=0.05, epochs=300)
    with no_grad():
        output = model(X_test).data
    scores[:, fold == k] = [nll(out, y_test, reduction="none") for out in (constant, output)]
    doubt[fold == k], miss[fold == k] = np.exp(output[:, 1] / 2), np.abs(output[:, 0] - y_test)
unsure = doubt > np.median(doubt)
ratio = np.sqrt(np.mean(miss[unsure] ** 2) / np.mean(miss[~unsure] ** 2))
gain = np.sum(scores[0] - scores[1])
claim(
    "where it expects larger errors, they are larger",
    ratio > 1.15,
    f"{ratio:.2f} times (root mean square) in the doubtful half of the patients",
)
claim(
    "and its likelihood is higher than that of one spread for all, though not by much",
    0 < gain < 40,
    f"{gain:.1f} nats for {len(X)} patients, {scores[0].mean():.3f} to {scores[1].mean():.3f} each",
)

# ---- the shape -----------------------------------------------------------------------------------

say("""
Barron's loss (2019) has a shape alpha. At 2 it is half the square, at 1 nearly the absolute error,
at 0 it is log(1 + e²/2), and below 0 the largest error costs little more than a middling one. We
draw lines over body-mass index through records of which a share has a zero too many, and leave
line, scale and alpha to gradient descent, all three for the least loss.
""")
predict("Which alpha will it choose when no record is wrong? When one in five is?")
bmi = standardize(X[:, DIABETES_FEATURES.index("bmi")])
SHARES = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2])  # a row of records for each
place = rng.permutation(len(bmi))
records = progression * np.where(place < SHARES[:, None] * len(bmi), 10, 1)
centre, unit = progression.mean(), progression.std()

# log Z is an area, summed over e = sinh(t): small steps in the middle, large ones in the tails
t = np.linspace(-20, 20, 201)
e, step = np.sinh(t), np.cosh(t) * (t[1] - t[0])


def log_Z(alpha):
    """The logarithm of the area under e^-loss, for a column of alphas."""
    errors = np.tile(e, (len(alpha), 1))
    loss = robust_loss(errors, np.zeros(errors.shape), alpha=alpha, reduction="none")
    return np.log(np.sum(np.exp(-loss) * step, axis=1, keepdims=True))


def fit_shapes(normalised, steps=500):
    """Lines and alphas for all rows of records at once; a sigmoid keeps alpha between 0 and 2."""
    target = (records - centre) / unit
    p = Tensor(np.zeros((4, len(SHARES), 1)), requires_grad=True)
    optimizer = Adam([p], lr=0.05)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        intercept, slope, log_scale, shape = p
        alpha, scale, line = 2 * sigmoid(shape), np.exp(log_scale), intercept + slope * bmi
        loss = robust_loss(line, target, alpha=alpha, scale=scale, reduction="none") + log_scale
        if normalised:
            loss = loss + log_Z(alpha)
        optimizer.zero_grad()
        loss.mean(axis=1).sum().backward()  # a sum over the rows, so that none heeds the others
        optimizer.step()
        schedule.step()
    return line.data * unit + centre, alpha.data[:, 0]


_, careless = fit_shapes(normalised=False)
claim(
    "always the least it is allowed: a lower alpha makes every error cheaper",
    careless.max() < 0.1,
    f"{careless[0]:.2f} without a wrong record, {careless[-1]:.2f} with one in five",
)
say("""
An exam is easy if one may set it oneself. The cure is in lesson 7: a loss believes in the density
e^-loss / Z, and Z depends on alpha. Who makes large errors cheap claims that they are common, and
has to pay for that with every small one: log Z belongs to the loss. (That is also why alpha ends at
0: below it the loss is bounded, and the area under e^-loss infinite.)
""")
ends = np.exp(log_Z(np.array([[2.0], [0.0]])))[:, 0]
claim(
    "the sum for Z is right where the area is known, at alpha = 2 (Gauss) and 0 (Cauchy)",
    np.allclose(ends, [np.sqrt(2 * np.pi), np.pi * np.sqrt(2)], rtol=1e-6),
    f"{ends[0]:.5f} and {ends[1]:.5f}",
)
lines, learned = fit_shapes(normalised=True)
table(
    ["share of wrong records", *(f"{s:.0%}" for s in SHARES)],
    [["learned alpha", *(f"{a:.2f}" for a in learned)]],
)
claim(
    "now the clean records choose the square",
    learned[0] > 1.8,
    f"alpha = {learned[0]:.2f}, as lesson 7 found when it compared the likelihoods",
)
claim(
    "and as typing errors come in, the learned loss turns robust",
    np.all(np.diff(learned[:4]) < 0) and learned[1] < 0.7 and learned[3:].max() < 0.2,
    f"{learned[1]:.2f} with one record in a hundred wrong, {learned[3]:.2f} with one in twenty",
)
squares = np.array([np.polyval(np.polyfit(bmi, row, 1), bmi) for row in records])
moved, pulled = (np.abs(fits[-1] - fits[0]).mean() for fits in (lines, squares))
claim(
    "with one in five wrong, its line is moved less than a tenth as far as the least-squares line",
    moved < 0.1 * pulled,
    f"by {moved:.1f}, and by {pulled:.1f}",
)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
errors = np.linspace(-6, 6, 301)
for alpha, style in zip((2, 1, 0, -2), ("-", "--", "-.", ":")):
    loss = robust_loss(errors, np.zeros(301), alpha=alpha, reduction="none")
    left.plot(errors, loss, style, color=COLOR["robust"], label=f"alpha = {alpha}")
left.set(xlabel="error / scale", ylabel="loss", ylim=(0, 6), title="One loss, many shapes")
left.legend(loc="upper center")
right.plot(100 * SHARES, learned, "o-", color=COLOR["robust"], label="loss + log Z")
right.plot(100 * SHARES, careless, "o--", color=COLOR["naive"], label="loss alone")
right.set(xlabel="records with a typing error (%)", ylabel="learned alpha", ylim=(-0.1, 2.1))
right.set(title="With log Z, the shape heeds the data", xticks=100 * SHARES)
right.legend(loc="upper right")
save(fig, "shape")

takeaway("""
    With the Gaussian negative log-likelihood a model learns its own noise, and pulls less where it
    doubts. That noise is not its ignorance: where there were no data, it may be sure and wrong, and
    the disagreement of several models is a warning. Whatever is learned inside a loss, width or
    shape, log Z must be in it, or the model sets itself an easy exam.

    Next: lesson 10 turns from numbers to classes.
""")
exercises(
    [
        "Train on 40 points instead of 600, five times as long. What becomes of the predicted "
        "spread at the points that the network knows?",
        "Give the patients' model MLP(10, 2, rng=rng), a log-variance of all ten measurements. Is "
        "the likelihood higher or lower on patients it has not seen?",
        "Predict alpha from body-mass index, as the variance was predicted, with wrong records "
        "among the heavy patients only.",
    ]
)
