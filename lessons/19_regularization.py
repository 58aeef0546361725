"""Lesson 19. Regularization

A model that can fit everything fits the noise as well (overfitting); regularization makes it pay
for that, or stops it in time. It fits worse what we have, in order to fit better what we have not
seen.

Lesson 1 added 5 * slope² to a cost; here is why. Diabetes patients meet ridge, lasso and elastic
net. We ask what such a penalty believes about the weights. Then a network (lesson 5) is held back
by early stopping, dropout and weight decay.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, no_grad
from microloss import functional as F
from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize
from microloss.losses import l1_penalty, l2_penalty, mse_loss, soft_threshold
from microloss.nn import Dropout, Linear, ReLU, Sequential
from microloss.optim import SGD, Adam, AdamW
from microloss.training import fit

rng = begin()
NOISE = 0.3  # standard deviation around the sine
POINTS = 20

# %% Ridge

say("""
The L2 penalty makes large weights cost (ridge regression; Hoerl and Kennard 1970, Ridge regression:
biased estimation for nonorthogonal problems). Its best weights are where the slope is 0:
""")
formula(
    """
    cost       = |X w - y|² / n + a |w|²
    d cost/dw  = 2 X'(X w - y) / n + 2 a w  =  0
    w          = (X'X / n + a I)^-1  X'y / n
    """,
    tex=r"""
    \begin{aligned}
    L(w) &= \tfrac1n \lVert Xw - y \rVert^2 + a \lVert w \rVert^2 \\
    \nabla L &= \tfrac2n X^\top (Xw - y) + 2 a w = 0 \\
    w &= \left(\tfrac1n X^\top X + a I\right)^{-1} \tfrac1n X^\top y
    \end{aligned}
    """,
)


def ridge(X, y, strength):
    return np.linalg.solve(X.T @ X / len(X) + strength * np.eye(X.shape[1]), X.T @ y / len(X))


predict(f"""
    A polynomial of degree 15 is fitted to {POINTS} noisy points of a sine by ridge. As the strength
    a grows, what happens to the error on the {POINTS} points, and on other points?
""")

# %% Too little, too much

x = np.linspace(-1, 1, POINTS)
new_x = rng.uniform(-1, 1, 300)
features = np.polynomial.legendre.legvander(x, 15)
new_features = np.polynomial.legendre.legvander(new_x, 15)
truth = np.sin(np.pi * new_x)[:, None]
drawn_y = np.sin(np.pi * x)[:, None] + NOISE * rng.standard_normal((POINTS, 30))  # 30 draws
strengths = np.geomspace(1e-9, 1e3, 37)
fitted = [ridge(features, drawn_y, strength) for strength in strengths]
seen = np.array([np.mean((features @ w - drawn_y) ** 2) for w in fitted])
guesses = np.array([new_features @ w for w in fitted])  # (strengths, new points, draws)
mean_guess = guesses.mean(axis=2, keepdims=True)
bias = np.mean((mean_guess - truth) ** 2, axis=(1, 2))
variance = np.mean((guesses - mean_guess) ** 2, axis=(1, 2))
unseen = bias + variance + NOISE**2
say("""
The error on new points has three parts: what the mean fit gets wrong (bias), how far single fits
scatter around it, each with its own noise (variance), and the noise of the new points themselves.
""")
formula(
    "E (guess - new y)² = (E guess - truth)² + E (guess - E guess)² + noise²",
    tex=r"\mathbb{E}(\hat y - y)^2 = (\mathbb{E}\hat y - f)^2 "
    r"+ \mathbb{E}(\hat y - \mathbb{E}\hat y)^2 + \sigma^2",
)
best = unseen.argmin()
claim(
    "On new points the error is a U: with the weakest and the strongest penalty it is more than "
    "twice that of the best",
    min(unseen[0], unseen[-1]) > 2 * unseen[best] and seen.argmin() == 0,
    f"{unseen[0]:.2f}, {unseen[best]:.2f}, {unseen[-1]:.2f}, while the {POINTS} points like the "
    "weakest best",
)
claim(
    "The weakest penalty errs more by variance than by bias, the strongest more by bias",
    variance[0] > bias[0] and bias[-1] > variance[-1],
    f"bias² {bias[0]:.2f}, variance {variance[0]:.2f}, then {bias[-1]:.2f} and {variance[-1]:.2f}",
)
predict("""
    Now without a penalty, but with more and more features: 40 patients, and 3 to 400 random ReLU
    features. With 40 or more features the fit goes through all patients; there are many such fits,
    and we take the one with the smallest weights. Which number of features is worst?
""")

# %% Double descent

X, y = load_diabetes()
X = standardize(X)
y = y - y.mean()
FEW = 40
COUNTS = [3, 5, 10, 20, 30, 40, 50, 80, 200, 400]
free_error = np.empty((len(COUNTS), 20))
ridge_error = np.empty((len(COUNTS), 20))
for draw in range(20):
    order = rng.permutation(len(X))
    few, others = order[:FEW], order[FEW:]
    for row, count in enumerate(COUNTS):
        directions = rng.standard_normal((10, count)) / np.sqrt(10)
        hidden = F.relu(X @ directions + rng.uniform(-1, 1, count)) / np.sqrt(count)
        smallest = np.linalg.pinv(hidden[few]) @ y[few]
        held = ridge(hidden[few], y[few], 0.01)
        free_error[row, draw] = np.mean((hidden[others] @ smallest - y[others]) ** 2) / y.var()
        ridge_error[row, draw] = np.mean((hidden[others] @ held - y[others]) ** 2) / y.var()
free_error = np.median(free_error, axis=1)
ridge_error = np.median(ridge_error, axis=1)
table(
    ["features", *COUNTS],
    [
        ("least squares", *(f"{error:.2f}" for error in free_error)),
        ("ridge, a = 0.01", *(f"{error:.2f}" for error in ridge_error)),
    ],
)
say("""
These are errors on other patients, the median of 20 draws, as a share of the variance: 1 is what
the mean of all patients would get. Where features and patients are equally many, one fit alone goes
through all points, whatever weights it takes. With more there is a choice, and to take the smallest
weights is a mild regularization (double descent; Belkin, Hsu, Ma and Mandal 2019, Reconciling
modern machine-learning practice and the classical bias-variance trade-off).
""")
peak = COUNTS.index(FEW)
claim(
    "Least squares is worst where features are as many as patients: more than five times the error "
    "of the fewest and of the most features",
    free_error.argmax() == peak and free_error[peak] > 5 * max(free_error[0], free_error[-1]),
    f"{free_error[peak]:.0f}, against {free_error[0]:.2f} and {free_error[-1]:.2f}",
)
claim(
    "A weak ridge has no such peak: its error there is below that of least squares with any number "
    "of features",
    ridge_error[peak] < free_error.min(),
    f"{ridge_error[peak]:.2f}, against {free_error.min():.2f} at best",
)

fig, (curve, descent) = plt.subplots(1, 2, figsize=(11, 4.2))
curve.loglog(strengths, unseen, color=COLOR["validation"], lw=2.5, label="new points")
curve.loglog(strengths, seen, color=COLOR["train"], label=f"the {POINTS} points")
curve.loglog(strengths, bias, ":", color=COLOR["truth"], label="bias²")
curve.loglog(strengths, variance, "--", color=COLOR["truth"], label="variance")
curve.set(xlabel="strength a", ylabel="mean squared error", ylim=(3e-3, 3))
curve.set_title("Too little scatters, too much is flat")
curve.legend(loc="lower right", fontsize=8)
descent.loglog(COUNTS, free_error, "o-", color=COLOR["naive"], label="least squares")
descent.loglog(COUNTS, ridge_error, "o-", color=COLOR["stable"], label="ridge, a = 0.01")
descent.axvline(FEW, color="gray", ls=":", lw=1)
descent.set(xlabel=f"features ({FEW} patients)", ylabel="error on others / variance")
descent.set_title("Worst where features equal patients")
descent.legend(loc="upper right", fontsize=8)
save(fig)

# %% A penalty is a belief

say("""
Now all patients and their ten features, standardized so that a penalty treats all alike. Believe
two things: the noise is Gaussian with the variance s², and before any data each weight is Gaussian
with the variance t². Bayes' rule multiplies the two densities; minus the logarithm, times 2 s² / n:
""")
formula(
    """
    posterior                   ~ exp(-|X w - y|² / 2 s²) * exp(-|w|² / 2 t²)
    -2 s²/n log posterior       = |X w - y|² / n  +  s² / (n t²) |w|²  +  constant
    most probable weights (MAP) = ridge with a = s² / (n t²)
    a prior exp(-|w| / b), Laplace: L1 penalty with 2 s² / (n b)
    """,
    tex=r"""
    \begin{aligned}
    p(w \mid y) &\propto e^{-\lVert Xw - y \rVert^2 / 2 s^2}\, e^{-\lVert w \rVert^2 / 2 t^2} \\
    -\tfrac{2 s^2}{n} \log p(w \mid y) &= \tfrac1n \lVert Xw - y \rVert^2
        + \tfrac{s^2}{n t^2} \lVert w \rVert^2 + \text{const}
    \end{aligned}
    """,
)
NOISE_VARIANCE = 3000.0
BELIEVED = 8.0  # t: the size of weights that we expect, in points of progression
strength = NOISE_VARIANCE / (len(X) * BELIEVED**2)
CHAINS = 80


def log_posterior(w):
    """Of one set of weights in each row: Bayes' rule, and nothing of ridge."""
    residuals = y - w @ X.T
    likelihood = -np.sum(residuals**2, axis=1) / (2 * NOISE_VARIANCE)
    prior = -np.sum(w**2, axis=1) / (2 * BELIEVED**2)
    return likelihood + prior


say("""
A check that knows nothing of ridge: random walks that visit weights as often as they are probable
(Metropolis). They take a step to a more probable place always, and one to a less probable place
sometimes. For a step, a chain in one half takes the difference of two chains of the other half. A
Gaussian posterior has its mode, the MAP, at its mean.
""")
chains = BELIEVED * rng.standard_normal((CHAINS, 10))
density = log_posterior(chains)
halves = np.arange(CHAINS).reshape(2, -1)
total = np.zeros(10)
total_square = np.zeros(10)
STEPS = 1000
for step in range(STEPS):
    for moved, other in (halves, halves[::-1]):
        first = rng.permutation(other)
        second = np.roll(first, 1)
        jump = 0.5 * (chains[first] - chains[second])
        proposal = chains[moved] + jump + 0.01 * rng.standard_normal(jump.shape)
        proposed = log_posterior(proposal)
        accepted = np.log(rng.random(len(moved))) < proposed - density[moved]
        chains[moved[accepted]] = proposal[accepted]
        density[moved[accepted]] = proposed[accepted]
    if step >= STEPS // 4:
        total += chains.mean(axis=0)
        total_square += (chains**2).mean(axis=0)
kept = STEPS - STEPS // 4
posterior_mean = total / kept
posterior_deviation = np.sqrt(total_square / kept - posterior_mean**2)
exact = ridge(X, y, strength)
far = np.abs(exact - posterior_mean) / posterior_deviation
unpenalised = np.abs(ridge(X, y, 0) - posterior_mean) / posterior_deviation
claim(
    "The mean of sampled posterior weights is ridge with s² / (n t²), each weight within a fifth "
    "of its posterior deviation",
    far.max() < 0.2,
    f"{far.max():.2f} deviations at most; least squares is {unpenalised.max():.1f} away",
)
decayed = Tensor(np.zeros(10), requires_grad=True)
penalised = Tensor(np.zeros(10), requires_grad=True)
by_decay = SGD([decayed], lr=0.2, weight_decay=2 * strength)
by_penalty = SGD([penalised], lr=0.2)
for _ in range(1000):
    by_decay.zero_grad()
    by_penalty.zero_grad()
    mse_loss(X @ decayed, y).backward()
    (mse_loss(X @ penalised, y) + l2_penalty(penalised, strength=strength)).backward()
    by_decay.step()
    by_penalty.step()
gaps = np.abs([exact - decayed.data, exact - penalised.data])
claim(
    "In SGD a penalty a |w|² and a weight decay of 2 a both end at ridge's closed form",
    gaps.max() < 1e-8,
    f"off by {gaps.max():.0e}",
)
predict("""
    L1, a * sum |w|, pulls a weight equally hard however small it is. How many of the ten weights
    will gradient descent set to exactly 0? How many would L2?
""")

# %% Lasso

say("""
The L1 penalty is the lasso (Tibshirani 1996, Regression shrinkage and selection via the lasso). Its
slope jumps at 0, so a gradient step jumps over 0. Take instead the step in two parts: a gradient
step of the loss to v, then the exact minimum of the penalty near v (proximal step).
""")
formula(
    """
    h(w) = (w - v)² / 2 + c |w|,        c = lr a
    w > 0:  h' = w - v + c = 0   so w = v - c,   which is > 0 only if v > c
    w < 0:  h' = w - v - c = 0   so w = v + c,   which is < 0 only if v < -c
    |v| <= c:  both slopes at 0 lead upwards, so w = 0
    soft_threshold(v, c) = sign(v) max(|v| - c, 0)
    """,
    tex=r"""
    \begin{aligned}
    h(w) &= \tfrac12 (w - v)^2 + c\,|w| \\
    w > 0 &: w - v + c = 0 \;\Rightarrow\; w = v - c \quad (v > c) \\
    w < 0 &: w - v - c = 0 \;\Rightarrow\; w = v + c \quad (v < -c) \\
    |v| \le c &: w = 0
    \end{aligned}
    """,
)
naive = Tensor(np.zeros(10), requires_grad=True)
plain_steps = SGD([naive], lr=0.1)
for _ in range(1000):
    plain_steps.zero_grad()
    (mse_loss(X @ naive, y) + l1_penalty(naive, strength=10)).backward()
    plain_steps.step()


def proximal(X, y, l1, l2=0.0, steps=600):
    """Minimise mean((X w - y)²) + l1 * sum |w| + l2 * sum(w²), for many (X, y) at once.

    Each step begins a little ahead, by the step before (FISTA; Beck and Teboulle 2009).
    """
    n, width = X.shape[-2:]
    turned = np.swapaxes(X, -1, -2)
    curvature = 2 * turned @ X / n + 2 * l2 * np.eye(width)
    pull = 2 * turned @ y[..., None] / n
    lr = 1 / np.linalg.eigvalsh(curvature).max()
    w = np.zeros_like(pull)
    ahead = w
    for step in range(1, steps + 1):
        before = w
        w = soft_threshold(ahead - lr * (curvature @ ahead - pull), lr * l1)
        ahead = w + (step - 1) / (step + 2) * (w - before)
    return w[..., 0]


lasso = proximal(X, y, 10)
zeros = np.sum(lasso == 0)
path = np.geomspace(100, 0.1, 21)
by_l2 = np.array([ridge(X, y, strength) for strength in path])
claim(
    "Gradient descent on L1 sets none of ten weights to 0, proximal steps set at least three, L2 "
    "none at any of 21 strengths",
    np.all(naive.data != 0) and zeros >= 3 and np.all(by_l2 != 0),
    f"{zeros} by proximal steps; gradient descent's least is {np.abs(naive.data).min():.2g}",
)
tc, ldl = (DIABETES_FEATURES.index(name) for name in ("tc", "ldl"))
free = ridge(X, y, 0)
predict(f"""
    Total and LDL cholesterol (tc, ldl) correlate by {np.corrcoef(X.T)[tc, ldl]:.2f}. Least squares
    gives them {free[tc]:.0f} and {free[ldl]:.0f}. Take random halves of the patients: will L1 keep
    both, and if one, always the same? And L1 + L2 (elastic net)?
""")

# %% Two that go together

say("""
L1 is indifferent between two equal features: |w1| + |w2| is the same however the sum is shared, so
noise decides. L2 costs least when both carry half. Their sum is the elastic net (Zou and Hastie
2005, Regularization and variable selection via the elastic net).
""")
formula(
    "elastic net = |X w - y|² / n  +  l1 sum |w|  +  l2 sum w²",
    tex=r"\tfrac1n \lVert Xw - y \rVert^2 + \lambda_1 \sum_j |w_j| + \lambda_2 \sum_j w_j^2",
)
HALVES = 200
orders = np.array([rng.permutation(len(X)) for _ in range(HALVES)])
chosen, rest = orders[:, : len(X) // 2], orders[:, len(X) // 2 :]
ways = {
    "L1": proximal(X[chosen], y[chosen], 1.0),
    "elastic net": proximal(X[chosen], y[chosen], 1.0, strength),
}
KEPT = ["tc only", "ldl only", "both", "neither"]
shares = {}
errors = {}
for name, w in ways.items():
    has_tc = w[:, tc] != 0
    has_ldl = w[:, ldl] != 0
    kinds = [has_tc & ~has_ldl, ~has_tc & has_ldl, has_tc & has_ldl, ~has_tc & ~has_ldl]
    shares[name] = np.mean(kinds, axis=1)
    errors[name] = np.mean((np.einsum("hnf,hf->hn", X[rest], w) - y[rest]) ** 2) / y.var()
table(
    [f"of {HALVES} halves", *KEPT, "error on the others"],
    [(name, *(f"{s:.0%}" for s in shares[name]), f"{errors[name]:.3f}") for name in ways],
)
one_of_two = shares["L1"][:2].sum()
claim(
    "From random halves L1 takes exactly one of the pair in more than two thirds, but not always "
    "the same one",
    one_of_two > 2 / 3 and min(shares["L1"][:2]) > 0,
    f"one in {one_of_two:.0%}: tc in {shares['L1'][0]:.0%}, ldl in {shares['L1'][1]:.0%}",
)
claim(
    "Elastic net keeps both in more halves than L1, by 30 points, and errs on the other patients "
    "within 2 % of it",
    shares["elastic net"][2] > shares["L1"][2] + 0.3
    and abs(errors["elastic net"] / errors["L1"] - 1) < 0.02,
    f"both in {shares['elastic net'][2]:.0%}, against {shares['L1'][2]:.0%}",
)

paths = {
    "L2: no weight is 0": by_l2,
    "L1: zeros, one of the pair": np.array([proximal(X, y, l1) for l1 in path]),
    "Elastic net: the pair stays": np.array([proximal(X, y, l1, strength) for l1 in path]),
}
fig, axes = plt.subplots(1, 4, figsize=(14, 3.8), width_ratios=[1, 1, 1, 0.9])
for ax, (title, weights) in zip(axes, paths.items()):
    ax.semilogx(path, weights, color="#BBBBBB", lw=1)
    ax.semilogx(path, weights[:, tc], color=COLOR["naive"], label="tc")
    ax.semilogx(path, weights[:, ldl], color=COLOR["model"], label="ldl")
    ax.set(xlabel="strength", ylim=(-32, 38), title=title)
axes[0].set_ylabel("weight (progression per deviation)")
axes[0].legend(loc="upper right")
places = np.arange(len(KEPT))
axes[3].bar(places - 0.2, 100 * shares["L1"], 0.4, color=COLOR["naive"], label="L1")
axes[3].bar(places + 0.2, 100 * shares["elastic net"], 0.4, color=COLOR["model"], label="L1 + L2")
axes[3].set(ylabel="random halves (%)", ylim=(0, 115), title="Which of the pair is kept")
axes[3].set_xticks(places, [kind.replace(" ", "\n") for kind in KEPT])
axes[3].legend(loc="upper right", ncols=2, fontsize=8)
save(fig, "paths")
predict("""
    Dropout zeroes each input with the probability p, others in each step. Why does it divide those
    that remain by 1 - p? And what does dropout do to a linear model: is it one of the penalties?
""")

# %% Dropout

say("""
Dropout (Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting)
multiplies every input by m / (1 - p), where m is 0 with the probability p and else 1. For a linear
model the mean cost over all masks can be worked out:
""")
formula(
    """
    E[m] = 1 - p                  E[x m / (1 - p)]   = x                  so nothing to undo later
    E[m²] - E[m]² = p (1 - p)     Var[x m / (1 - p)] = x² p / (1 - p)
    E[(dropped x . w - y)²]  =  (x . w - y)²  +  sum of Var[...] w²
                             =  (x . w - y)²  +  p / (1 - p) * sum of x_j² w_j²
    mean x_j² = 1:  ridge with a = p / (1 - p)
    """,
    tex=r"""
    \begin{aligned}
    \mathbb{E}\left[\tfrac{m}{1-p} x\right] &= x, \qquad
    \operatorname{Var}\left[\tfrac{m}{1-p} x\right] = \tfrac{p}{1-p}\, x^2 \\
    \mathbb{E}\left(\tilde x \cdot w - y\right)^2
        &= (x \cdot w - y)^2 + \tfrac{p}{1-p} \sum_j x_j^2 w_j^2
    \end{aligned}
    """,
)
COPIES = 200
many_X = np.tile(X, (COPIES, 1))
many_y = np.tile(y, COPIES)
distance = {}
for p in (0.1, 0.5):
    dropped = F.dropout(many_X, p, rng=rng, training=True)
    of_dropped = ridge(dropped, many_y, 0)  # least squares on 200 copies, each with its own masks
    of_unscaled = ridge((1 - p) * dropped, many_y, 0)
    target = ridge(X, y, p / (1 - p))
    distance[p] = [
        np.linalg.norm(w - target) / np.linalg.norm(target) for w in (of_dropped, of_unscaled, free)
    ]
table(
    ["distance from ridge, p / (1 - p)", "dropout", "not divided by 1 - p", "least squares"],
    [(f"p = {p}", *(f"{d:.1%}" for d in row)) for p, row in distance.items()],
)
claim(
    "Least squares on inputs with dropout has the weights of ridge with p / (1 - p), within 5 %; "
    "without the division by 1 - p they are off by more than half at p = 0.5",
    distance[0.1][0] < 0.05 and distance[0.5][0] < 0.05 and distance[0.5][1] > 0.5,
    f"{distance[0.1][0]:.1%} and {distance[0.5][0]:.1%}, and {distance[0.5][1]:.0%} without it",
)
EPOCHS = 100
SPLITS = 4
predict(f"""
    200 patients train 64 hidden units for {EPOCHS} epochs: freely; with early stopping at the best
    validation loss; with dropout of hidden units; with weight decay. Which beats the first, and
    which beats ridge?
""")

# %% A network, held back

say(f"""
Every method may choose its setting on the same 120 validation patients: early stopping its epoch,
dropout p = 0.5 or 0.8, decay 1 or 3, ridge one of 15 strengths. Errors are of the 122 other
patients, the mean of {SPLITS} random splits; 1 is what the mean of all patients would get.
""")


def network_run(parts, dropout=0.0, decay=0.0):
    """The errors on validation and test patients after each epoch."""
    X_train, y_train, X_valid, y_valid, X_test, y_test = parts
    model = Sequential(
        Linear(10, 64, rng=rng), ReLU(), Dropout(dropout, rng=rng), Linear(64, 1, rng=rng)
    )
    test = []

    def watch(epoch, model, history):
        with no_grad():
            test.append(mse_loss(model(X_test), y_test).item())

    history = fit(
        model, mse_loss, AdamW(model.parameters(), lr=0.01, weight_decay=decay), X_train, y_train,
        epochs=EPOCHS, batch_size=50, rng=rng, validation=(X_valid, y_valid), callbacks=[watch],
    )  # fmt: skip
    return np.array(history.val), np.array(test)


def chosen_run(runs):
    """The test errors of the run that is better on the validation patients in the end."""
    return min(runs, key=lambda run: run[0][-1])[1]


METHODS = ["free", "early stopping", "dropout", "weight decay", "ridge"]
scores = {name: [] for name in METHODS}
histories = {"free": [], "dropout": [], "weight decay": []}
for _ in range(SPLITS):
    order = rng.permutation(len(X))
    groups = np.split(order, [200, 320])
    inputs = standardize(*(X[group] for group in groups))
    outputs = standardize(*(y[group][:, None] for group in groups))
    parts = [array for pair in zip(inputs, outputs) for array in pair]
    X_train, y_train, X_valid, y_valid, X_test, y_test = parts
    free_valid, free_test = network_run(parts)
    histories["free"].append(free_test)
    histories["dropout"].append(chosen_run([network_run(parts, dropout=p) for p in (0.5, 0.8)]))
    histories["weight decay"].append(chosen_run([network_run(parts, decay=d) for d in (1, 3)]))
    for name, tests in histories.items():
        scores[name].append(tests[-1][-1])
    scores["early stopping"].append(free_test[free_valid.argmin()])
    linear = [ridge(X_train, y_train, a) for a in np.geomspace(1e-3, 3, 15)]
    best_linear = min(linear, key=lambda w: np.mean((X_valid @ w - y_valid) ** 2))
    scores["ridge"].append(np.mean((X_test @ best_linear - y_test) ** 2))
mean_score = {name: np.mean(values) for name, values in scores.items()}
table(["", *METHODS], [("error", *(f"{mean_score[name]:.3f}" for name in METHODS))])
braked = [mean_score[name] for name in ("early stopping", "dropout", "weight decay")]
claim(
    "Early stopping, dropout and weight decay each take more than 15 % off the error of the free "
    "network",
    max(braked) < 0.85 * mean_score["free"],
    f"{1 - max(braked) / mean_score['free']:.0%} or more",
)
claim(
    "No network beats ridge on these patients by more than 10 %",
    min(braked) > 0.9 * mean_score["ridge"],
    f"the best has {min(braked) / mean_score['ridge']:.3f} of its error",
)

fig, ax = plt.subplots(figsize=(7, 4.2))
colors = COLOR["naive"], COLOR["validation"], COLOR["model"]
for color, (name, tests) in zip(colors, histories.items()):
    ax.plot(np.arange(1, EPOCHS + 1), np.mean(tests, axis=0), color=color, label=name)
ax.axhline(mean_score["ridge"], color=COLOR["truth"], ls="--", label="ridge")
ax.set(xlabel="epoch", ylabel="error on other patients / variance", ylim=(0.45, 1.05))
ax.set_title("Held back, the network gets as good as ridge")
ax.legend(loc="upper left", ncols=2)
save(fig, "network")
predict("""
    In SGD, decay and L2 were the same. In Adam, suppose the gradients are nothing but noise, quiet
    for some weights and a hundred times as loud for others. Which weights does L2 shrink, and which
    does decay?
""")

# %% Decay in Adam

say("""
Adam divides each step by the root of the mean squared gradient, here the size r of the noise. An L2
penalty is part of the gradient, so it is divided as well. AdamW (Loshchilov and Hutter 2019,
Decoupled weight decay regularization) shrinks the weights outside of the division.
""")
formula(
    """
    Adam + L2:  g = noise + d w,   step = lr mean(g) / sqrt(mean(g²)), about lr d w / r
    AdamW:      step = lr d w      so after k steps    w = exp(-k lr d)
    """,
    tex=r"\Delta w_{\text{Adam}} \approx -\eta\, \frac{d\, w}{r}, \qquad "
    r"\Delta w_{\text{AdamW}} = -\eta\, d\, w",
)
LOUDNESS = np.array([[1.0], [100.0]])
left = {}
for name, optimizer in {"Adam + L2": Adam, "AdamW": AdamW}.items():
    w = Tensor(np.ones((2, 500)), requires_grad=True)
    rule = optimizer([w], lr=0.01, weight_decay=0.5)
    for _ in range(300):
        w.grad = LOUDNESS * rng.normal(size=w.shape)
        rule.step()
    left[name] = w.data.mean(axis=1)
expected = np.exp(-300 * 0.01 * 0.5)
claim(
    "In Adam, L2 leaves loud weights more than three times as large as quiet ones; AdamW's decay "
    "leaves exp(-k lr d) of both, within 0.05",
    left["Adam + L2"][1] > 3 * left["Adam + L2"][0]
    and np.abs(left["AdamW"] - expected).max() < 0.05,
    "{:.2f} of the quiet and {:.2f} of the loud, ".format(*left["Adam + L2"])
    + "against {:.2f} and {:.2f}".format(*left["AdamW"]),
)

# %% Take away

takeaway("""
    Too weak a penalty scatters (variance), too strong a one is flat (bias): validate. L2 shrinks
    all weights, and is the belief that they are Gaussian. L1 sets some to 0, given proximal steps,
    and of two that go together it mostly keeps one, not always the same; with L2 added, mostly
    both. Dropout of inputs is ridge, for a linear model. Where parameters are as many as data,
    least squares is at its worst, and a weak ridge is the cure. In Adam use decay, not a penalty.
    And put the linear model into the table.

    Next: lesson 20 reads loss curves, and says what is wrong with the run.
""")
exercises(
    [
        "Fit the polynomial to 200 points instead of 20. Where has the left arm of the U gone?",
        "Draw the ten weights from the prior, N(0, 8²), and new values y with noise of variance "
        "3000, 300 times. Which strength of ridge comes closest to the true weights? And if only "
        "two of the ten are not 0?",
        "Sample the posterior under a Laplace prior, exp(-|w| / b). What share of the sampled "
        "weights is exactly 0?",
    ]
)
