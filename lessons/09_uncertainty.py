"""Lesson 9. Predicting the noise

A model can say how far off it expects to be, case by case, if the loss lets it: predict a variance
beside the mean, and minimise the Gaussian negative log-likelihood of lesson 7. And if the noise may
not be Gaussian, let the loss find out: Barron's robust loss has a shape that can be learned, from
the square to one that hardly listens to outliers.

Lesson 8 found the ends of an interval. Here we learn a whole distribution: first its width, where
noise grows, then its shape, on diabetes patients with typing errors.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, make_sine, standardize
from microloss.functional import sigmoid
from microloss.losses import gaussian_nll_loss, mse_loss, robust_loss
from microloss.metrics import interval_coverage
from microloss.nn import MLP, Tanh
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()

# %% One spread for all

x, y = make_sine(600, noise=0.4, heteroscedastic=True, seed=rng)
x_new, y_new = make_sine(4000, noise=0.4, heteroscedastic=True, seed=rng)
true_spread = 0.4 * (1 + 0.9 * x_new[:, 0] / np.pi)
thirds = np.array_split(x_new[:, 0].argsort(), 3)


def train(model, loss):
    optimizer = Adam(model.parameters(), lr=0.01)
    schedule = CosineAnnealingLR(optimizer, T_max=400)
    fit(model, loss, optimizer, x, y, epochs=400, batch_size=len(x), schedule=schedule, rng=rng)
    return model


def held(mean, spread):
    """Share of the new points within two spreads: in the calm third, the middle, the wild third."""
    low, high = mean - 2 * spread, mean + 2 * spread
    return np.array([interval_coverage(low[part], high[part], y_new[part]) for part in thirds])


predict(f"""
    {len(x)} points lie about a sine. The noise grows from left to right (heteroscedastic noise).
    MSE gives one spread for all of them, the root of the mean squared error. Two spreads up and
    down should hold about 95 % of new points. Does this one: in the calm third on the left, in the
    wild third on the right?
""")

# %% A spread for each

say("""
Let the network give two numbers for each x: the mean m and s = log of the variance. Any s is
allowed, as the variance exp(s) is positive. The loss is the Gaussian negative log-likelihood of
lesson 7, with a variance of its own for each point:
""")
formula(
    """
    NLL        = (y - m)^2 / (2 exp(s)) + s / 2 + constant
    d NLL / dm = (m - y) / exp(s)                   a sure point pulls harder
    d NLL / ds = (1 - (y - m)^2 / exp(s)) / 2       0 where the variance is the squared error
    """,
    tex=r"\begin{aligned} \mathrm{NLL} &= \frac{(y - m)^2}{2 e^s} + \frac{s}{2} + c \\ "
    r"\frac{\partial\, \mathrm{NLL}}{\partial m} &= \frac{m - y}{e^s}, \qquad "
    r"\frac{\partial\, \mathrm{NLL}}{\partial s} "
    r"= \frac{1}{2}\left(1 - \frac{(y-m)^2}{e^s}\right) \end{aligned}",
)


def nll(output, target):
    """The outputs are the mean and the log of the variance."""
    return gaussian_nll_loss(output[:, 0], target, np.exp(output[:, 1]))


def plain_mse(output, target):
    return mse_loss(output[:, 0], target)


m = Tensor([0.5], requires_grad=True)
s = Tensor([np.log(4.0)], requires_grad=True)
gaussian_nll_loss(m, [2.0], np.exp(s)).backward()
by_hand = [(0.5 - 2.0) / 4.0, (1 - (2.0 - 0.5) ** 2 / 4.0) / 2]
off = max(abs(m.grad[0] - by_hand[0]), abs(s.grad[0] - by_hand[1]))
claim(
    "backward() gives the two slopes that were derived by hand",
    off < 1e-15,
    f"off by {off:.0e} at m = 0.5, y = 2, variance 4",
)

one_network = train(MLP(1, 32, 32, 1, rng=rng, activation=Tanh), plain_mse)
one_spread = np.sqrt(mse_loss(one_network(x).data[:, 0], y))
network = train(MLP(1, 32, 32, 2, rng=rng, activation=Tanh), nll)


def predicted(x):
    """Mean and spread (standard deviation)."""
    mean, log_variance = network(x).data.T
    return mean, np.exp(log_variance / 2)


mean, spread = predicted(x_new)
with_one = held(one_network(x_new).data[:, 0], one_spread)
with_own = held(mean, spread)
table(
    ["points within two spreads", "calm third", "middle", "wild third"],
    [
        ("one spread for all", *(f"{share:.1%}" for share in with_one)),
        ("a spread for each x", *(f"{share:.1%}" for share in with_own)),
    ],
)
claim(
    "One spread for all is too wide for the calm third and too narrow for the wild one",
    with_one[0] > 0.99 and with_one[2] < 0.9,
    f"it holds {with_one[0]:.1%} and {with_one[2]:.1%} instead of 95 %",
)
claim(
    "With a predicted spread, each third is within 5 points of 95 %",
    np.abs(with_own - 0.95).max() < 0.05,
    f"{100 * np.abs(with_own - 0.95).max():.1f} points off at most",
)
ratio = spread / true_spread
claim(
    "The predicted spread has the size of the true one: the median of their ratio is 1, to 10 %",
    abs(np.median(ratio) - 1) < 0.1,
    f"median {np.median(ratio):.2f}, half of the points between {np.quantile(ratio, 0.25):.2f} and "
    f"{np.quantile(ratio, 0.75):.2f}",
)
say("""
(A correlation between the two spreads would not notice if all of them were ten times too large.)
This noise is a property of the data: more points do not take it away (aleatoric uncertainty).
""")
predict("All points lie between -π and π. What spread does the network predict at -6?")

# %% Sure, and wrong

outside_mean, outside_spread = predicted(np.array([[-6.0]]))
distance = abs(outside_mean[0] - np.sin(-6.0)) / outside_spread[0]
claim(
    "Far from all data, the network is sure and wrong: the sine is more than five spreads away",
    distance > 5,
    f"{distance:.0f} spreads of {outside_spread[0]:.3f}",
)
say("""
It has learned the noise. Of its own ignorance (epistemic uncertainty: what more data would take
away) it knows nothing, because the loss never asked.
""")

# %% The shape

say("""
Barron (2019, A general and adaptive robust loss function) joins many losses into one, by a shape
alpha. We draw lines over body-mass index through records of which a share has a zero too many, and
leave line, scale and alpha to gradient descent, all of them for the least loss.
""")
formula(
    """
    loss(e) = (|alpha - 2| / alpha) ((e^2 / |alpha - 2| + 1)^(alpha / 2) - 1)
    alpha -> 2: e^2 / 2      alpha = 1: sqrt(e^2 + 1) - 1      alpha -> 0: log(e^2 / 2 + 1)
    """,
    tex=r"\mathrm{loss}(e) = \frac{|\alpha - 2|}{\alpha} "
    r"\left(\left(\frac{e^2}{|\alpha - 2|} + 1\right)^{\alpha/2} - 1\right)",
)
predict("Which alpha will it choose when no record is wrong? When one record in five is?")

# %% An exam that the model sets for itself

X, progression = load_diabetes()
bmi = standardize(X[:, DIABETES_FEATURES.index("bmi")])
SHARES = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2])  # a row of records for each
place = rng.permutation(len(bmi))
records = progression * np.where(place < SHARES[:, None] * len(bmi), 10, 1)
targets = (records - progression.mean()) / progression.std()

# log Z is an area, summed over e = sinh(t): small steps in the middle, large ones in the tails
t = np.linspace(-20, 20, 201)
e = np.sinh(t)
step = np.cosh(t) * (t[1] - t[0])


def log_Z(alpha):
    """The logarithm of the area under exp(-loss), for a column of alphas."""
    errors = np.tile(e, (len(alpha), 1))
    loss = robust_loss(errors, np.zeros(errors.shape), alpha=alpha, reduction="none")
    return np.log(np.sum(np.exp(-loss) * step, axis=1, keepdims=True))


def fit_shapes(normalised):
    """Lines and alphas for all rows of records at once; a sigmoid keeps alpha between 0 and 2."""
    p = Tensor(np.zeros((4, len(SHARES), 1)), requires_grad=True)
    optimizer = Adam([p], lr=0.05)
    for _ in range(500):
        intercept, slope, log_scale, shape = p
        alpha = 2 * sigmoid(shape)
        line = intercept + slope * bmi
        loss = robust_loss(line, targets, alpha=alpha, scale=np.exp(log_scale), reduction="none")
        loss = loss + log_scale
        if normalised:
            loss = loss + log_Z(alpha)
        optimizer.zero_grad()
        loss.mean(axis=1).sum().backward()  # a sum over the rows, so that none affects the others
        optimizer.step()
    return alpha.data[:, 0]


careless = fit_shapes(normalised=False)
claim(
    "Left alone, alpha always falls to the least that is allowed, with and without wrong records",
    careless.max() < 0.1,
    f"{careless.max():.2f} at most; {careless[0]:.2f} without a wrong record",
)
say("""
A lower alpha makes every error cheaper, so the loss falls whatever the data are. It is an exam that
the model sets for itself. The cure is in lesson 7: a loss believes in the density exp(-loss) / Z,
and Z depends on alpha. If large errors are cheap, the density says that they are common, and then
small errors are less common. So log Z belongs to the loss: it is the price of a low alpha. (Below
an alpha of 0 the loss has a ceiling and Z is infinite, so 0 is the least that we allow.)
""")
formula(
    "NLL = loss(e / scale; alpha) + log(scale) + log Z(alpha)",
    tex=r"\mathrm{NLL} = \mathrm{loss}(e / \sigma;\, \alpha) + \log \sigma + \log Z(\alpha)",
)
learned = fit_shapes(normalised=True)
claim(
    "With log Z in the loss, the clean records choose the square",
    learned[0] > 1.8,
    f"alpha = {learned[0]:.2f}; in lesson 7 they chose Gaussian noise as well",
)
claim(
    "As typing errors come in, the learned loss turns robust",
    np.all(np.diff(learned[:4]) < 0) and learned[1] < 0.7 and learned[3:].max() < 0.2,
    f"{learned[1]:.2f} with one record in a hundred wrong, {learned[3]:.2f} with one in twenty",
)

# %% The picture

fig, (spread_panel, shape_panel) = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=[1.5, 1])
grid = np.linspace(-6.5, np.pi, 200)[:, None]
mean, spread = predicted(grid)
low, high = mean - 2 * spread, mean + 2 * spread
spread_panel.scatter(x, y, s=6, color="#999999")
spread_panel.plot(grid, np.sin(grid), ":", color=COLOR["truth"], label="true mean")
label = "predicted: mean and two spreads"
spread_panel.plot(grid, mean, color=COLOR["gaussian_nll"], label=label)
spread_panel.fill_between(grid[:, 0], low, high, color=COLOR["gaussian_nll"], alpha=0.2)
spread_panel.axvspan(-6.5, -np.pi, color=COLOR["naive"], alpha=0.08)
spread_panel.text(-6.4, -2.2, "no data: sure, and wrong", color=COLOR["naive"])
spread_panel.set(xlabel="x", ylabel="y", xlim=(-6.5, np.pi), ylim=(-2.5, 3))
spread_panel.set_title("The spread follows the noise, not ignorance")
spread_panel.legend(loc="upper left")
shape_panel.plot(100 * SHARES, learned, "o-", color=COLOR["robust"], label="loss + log Z")
shape_panel.plot(100 * SHARES, careless, "o--", color=COLOR["naive"], label="loss alone")
shape_panel.set(xlabel="records with a typing error (%)", ylabel="learned alpha", ylim=(-0.1, 2.1))
shape_panel.set_xticks([0, 2, 5, 10, 20])
shape_panel.set_title("With log Z, the shape follows the data")
shape_panel.legend(loc="upper right")
save(fig)

# %% Take away

takeaway("""
    With the Gaussian negative log-likelihood a model learns its own noise, case by case (aleatoric
    uncertainty). That is not its ignorance (epistemic uncertainty): where there were no data, it
    may be sure and wrong. Whatever is learned inside a loss, width or shape, log Z must be in it,
    or the model sets itself an easy exam.

    Next: lesson 10 turns from numbers to classes.
""")
exercises(
    [
        "Of two equal errors, one is made by a model that is sure, one by a model that doubts. "
        "Which one pulls the mean harder, and by how much, for spreads of 0.1 and 1?",
        "Train five networks with nll, alike in all but their first weights. How far do their "
        "means differ at 0, and at -6? Is that a measure of ignorance?",
    ]
)
