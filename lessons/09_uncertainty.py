"""Lesson 9. Predicting the noise

A model can say how far off it expects to be, case by case, if the loss lets it: predict a variance
beside the mean, and minimise the Gaussian negative log-likelihood of lesson 7. And if the noise may
not be Gaussian, let the loss find out: Barron's robust loss has a shape that can be learned, from
the square to one that hardly heeds outliers.

Lesson 8 found the ends of an interval. Here we learn a whole distribution: first its width, where
noise grows, then its shape, on diabetes patients with typing errors.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, make_sine, standardize
from microloss.functional import sigmoid
from microloss.losses import gaussian_nll_loss, mse_loss, robust_loss
from microloss.metrics import interval_coverage
from microloss.nn import MLP, Tanh
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()

# ---- one spread for all, and a spread for each ---------------------------------------------------


def train(model, loss):
    optimizer = Adam(model.parameters(), lr=0.01)
    schedule = CosineAnnealingLR(optimizer, T_max=400)
    fit(model, loss, optimizer, x, y, epochs=400, batch_size=len(x), schedule=schedule, rng=rng)
    return model


def nll(output, target):
    """The outputs are the mean and the log of the variance: its exp is positive, come what may."""
    return gaussian_nll_loss(output[:, 0], target, np.exp(output[:, 1]))


def predicted(x):
    """Mean and spread (standard deviation)."""
    mean, log_variance = network(x).data.T
    return mean, np.exp(log_variance / 2)


x, y = make_sine(600, noise=0.4, heteroscedastic=True, seed=rng)
x_new, y_new = make_sine(4000, noise=0.4, heteroscedastic=True, seed=rng)
true_spread = 0.4 * (1 + 0.9 * x_new[:, 0] / np.pi)
predict(f"""
    {len(x)} points lie about a sine, and the noise grows from left to right. MSE gives one spread
    for all of them, the root of the mean squared error. Two spreads up and down should hold about
    95 % of new points. Does that one: in the calm third on the left, in the wild one on the right?
""")
plain = train(MLP(1, 32, 32, 1, rng=rng, activation=Tanh), lambda p, t: mse_loss(p[:, 0], t))
network = train(MLP(1, 32, 32, 2, rng=rng, activation=Tanh), nll)
thirds = np.array_split(x_new[:, 0].argsort(), 3)


def held(mean, spread):
    """Share of the new points within two spreads: in the calm third, the middle, the wild third."""
    low, high = mean - 2 * spread, mean + 2 * spread
    return np.array([interval_coverage(low[part], high[part], y_new[part]) for part in thirds])


one = np.sqrt(mse_loss(plain(x).data[:, 0], y))
mean, spread = predicted(x_new)
same, own = held(plain(x_new).data[:, 0], one), held(mean, spread)
claim(
    "one spread for all is much too wide for the calm third, and too narrow for the wild one",
    same[0] > 0.99 and same[2] < 0.9,
    f"it holds {same[0]:.1%} and {same[2]:.1%}",
)
claim(
    "with a predicted spread each third is within 5 points of 95 %",
    np.abs(own - 0.95).max() < 0.05,
    "it holds {:.1%}, {:.1%} and {:.1%}".format(*own),
)
match = np.corrcoef(spread, true_spread)[0, 1]
claim("the predicted spread follows the true one", match > 0.93, f"correlation {match:.3f}")

# ---- sure, and wrong -----------------------------------------------------------------------------

predict("All points lie between -π and π. What spread does the network predict at -6?")
mean, spread = predicted(np.array([[-6.0]]))
off = np.abs(mean - np.sin(-6.0)).item() / spread.item()
claim(
    "a tiny one: it has learned the noise, and of its own ignorance it knows nothing",
    off > 5,
    f"{spread.item():.3f}, and the sine is {off:.0f} of these spreads away",
)

# ---- the shape -----------------------------------------------------------------------------------

say("""
Barron's loss (2019) has a shape alpha. At 2 it is half the square, at 1 nearly the absolute error,
at 0 it is log(1 + e²/2). We draw lines over body-mass index through records of which a share has a
zero too many, and leave line, scale and alpha to gradient descent, all three for the least loss.
""")
X, progression = load_diabetes()
predict("Which alpha will it choose when no record is wrong? When one in five is?")
bmi = standardize(X[:, DIABETES_FEATURES.index("bmi")])
SHARES = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2])  # a row of records for each
place = rng.permutation(len(bmi))
records = progression * np.where(place < SHARES[:, None] * len(bmi), 10, 1)
targets = (records - progression.mean()) / progression.std()

# log Z is an area, summed over e = sinh(t): small steps in the middle, large ones in the tails
t = np.linspace(-20, 20, 201)
e, step = np.sinh(t), np.cosh(t) * (t[1] - t[0])


def log_Z(alpha):
    """The logarithm of the area under e^-loss, for a column of alphas."""
    errors = np.tile(e, (len(alpha), 1))
    loss = robust_loss(errors, np.zeros(errors.shape), alpha=alpha, reduction="none")
    return np.log(np.sum(np.exp(-loss) * step, axis=1, keepdims=True))


def fit_shapes(normalised):
    """Lines and alphas for all rows of records at once; a sigmoid keeps alpha between 0 and 2."""
    p = Tensor(np.zeros((4, len(SHARES), 1)), requires_grad=True)
    optimizer = Adam([p], lr=0.05)
    for _ in range(500):
        intercept, slope, log_scale, shape = p
        alpha, scale, line = 2 * sigmoid(shape), np.exp(log_scale), intercept + slope * bmi
        loss = robust_loss(line, targets, alpha=alpha, scale=scale, reduction="none") + log_scale
        if normalised:
            loss = loss + log_Z(alpha)
        optimizer.zero_grad()
        loss.mean(axis=1).sum().backward()  # a sum over the rows, so that none heeds the others
        optimizer.step()
    return alpha.data[:, 0]


careless = fit_shapes(normalised=False)
claim(
    "always the least it is allowed: a lower alpha makes every error cheaper",
    careless.max() < 0.1,
    f"{careless[0]:.2f} without a wrong record, {careless[-1]:.2f} with one in five",
)
say("""
An exam is easy if one may set it oneself. The cure is in lesson 7: a loss believes in the density
e^-loss / Z, and Z depends on alpha. Who makes large errors cheap claims that they are common, and
has to pay for that with every small one: log Z belongs to the loss. (Below an alpha of 0 the loss
is bounded and Z infinite, so 0 is the least we allow.)
""")
learned = fit_shapes(normalised=True)
claim("now the clean records choose the square", learned[0] > 1.8, f"alpha = {learned[0]:.2f}")
say("So they did in lesson 7, when their likelihoods were compared.")
claim(
    "and as typing errors come in, the learned loss turns robust",
    np.all(np.diff(learned[:4]) < 0) and learned[1] < 0.7 and learned[3:].max() < 0.2,
    f"{learned[1]:.2f} with one record in a hundred wrong, {learned[3]:.2f} with one in twenty",
)

# ---- in pictures ---------------------------------------------------------------------------------

fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=[1.5, 1])
grid = np.linspace(-6.5, np.pi, 200)[:, None]
mean, spread = predicted(grid)
left.scatter(x, y, s=6, color="#999999")
left.plot(grid, np.sin(grid), ":", color=COLOR["truth"], label="true mean")
left.plot(grid, mean, color=COLOR["gaussian_nll"], label="predicted: mean and two spreads")
low, high = mean - 2 * spread, mean + 2 * spread
left.fill_between(grid[:, 0], low, high, color=COLOR["gaussian_nll"], alpha=0.2)
left.axvspan(-6.5, -np.pi, color=COLOR["naive"], alpha=0.08)
left.text(-6.4, -2.2, "no data: sure, and wrong", color=COLOR["naive"])
left.set(xlabel="x", ylabel="y", xlim=(-6.5, np.pi), ylim=(-2.5, 2.5))
left.set(title="The spread follows the noise, not ignorance")
left.legend(loc="upper left")
right.plot(100 * SHARES, learned, "o-", color=COLOR["robust"], label="loss + log Z")
right.plot(100 * SHARES, careless, "o--", color=COLOR["naive"], label="loss alone")
right.set(xlabel="records with a typing error (%)", ylabel="learned alpha", ylim=(-0.1, 2.1))
right.set(title="With log Z, the shape heeds the data", xticks=100 * SHARES)
right.legend(loc="upper right")
save(fig)

takeaway("""
    With the Gaussian negative log-likelihood a model learns its own noise, case by case. That noise
    is not its ignorance: where there were no data, it may be sure and wrong. Whatever is learned
    inside a loss, width or shape, log Z must be in it, or the model sets itself an easy exam.

    Next: lesson 10 turns from numbers to classes.
""")
exercises(
    [
        "Differentiate gaussian_nll_loss along the mean. Of two equal errors, which one pulls "
        "harder: that of a model that is sure, or that of one that doubts?",
        "Train five networks, alike in all but their first weights. Where do their means disagree, "
        "and is that a measure of ignorance, or only a warning?",
    ]
)
