"""Lesson 19. Regularization

A model that can fit everything fits the noise as well; regularization makes it pay for that, or
stops it in time. It fits what we have worse, to fit what we have not seen better.

Lesson 1 added 5 * slope² to a cost; here is why. Its patients meet ridge, lasso, elastic net, and
then a network (lesson 5) with early stopping, dropout and weight decay.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor
from microloss.datasets import DIABETES_FEATURES, load_diabetes, standardize, train_test_split
from microloss.losses import l1_penalty, l2_penalty, mse_loss, soft_threshold
from microloss.nn import Dropout, Linear, ReLU, Sequential
from microloss.optim import SGD, Adam, AdamW
from microloss.training import fit

rng = begin()

# ---- too little, too much ------------------------------------------------------------------------


def ridge(X, y, strength):
    """The minimiser of mean((X w - y)²) + strength * sum(w²)."""
    return np.linalg.solve(X.T @ X / len(X) + strength * np.eye(X.shape[1]), X.T @ y / len(X))


predict("""
    A polynomial of degree 15 is fitted to 20 noisy points of a sine, and pays strength * sum(w²).
    As the strength grows, what happens to the error on the 20 points, and on 300 others?
""")
strengths = np.geomspace(1e-9, 1e3, 37)
points, others = np.linspace(-1, 1, 20), rng.uniform(-1, 1, 300)
features, new_features = (np.polynomial.legendre.legvander(x, 15) for x in (points, others))
y = np.sin(np.pi * points)[:, None] + 0.3 * rng.standard_normal((20, 30))  # 30 draws of the noise
new_y = np.sin(np.pi * others)[:, None] + 0.3 * rng.standard_normal((300, 1))
weights = [ridge(features, y, strength) for strength in strengths]
seen = np.array([np.mean((features @ w - y) ** 2) for w in weights])
unseen = np.array([np.mean((new_features @ w - new_y) ** 2) for w in weights])
claim("on the 20 it only grows", np.all(np.diff(seen) > 0), f"from {seen[0]:.3f} to {seen[-1]:.2f}")
U = unseen[0], unseen.min(), unseen[-1]
shape = "{:.2f}, then {:.2f}, then {:.2f}".format(*U)
claim("on the others it falls, then rises: a U", min(U[::2]) > 2 * U[1], shape)

# ---- ridge, lasso, elastic net -------------------------------------------------------------------

say("""
Now the patients, their features standardized so that a penalty treats all alike. Ridge is also a
decay of the weights, and a belief: if the noise has the variance s², and before any data we expect
Gaussian weights of the variance t², the most probable ones (MAP) are ridge's for s² / (n t²).
""")
X, y = load_diabetes()
X, y, STRENGTH = standardize(X), y - y.mean(), 0.1


def descend(penalty, **options):
    w = Tensor(np.zeros(10), requires_grad=True)
    optimizer = SGD([w], lr=0.2, **options)
    for _ in range(1500):
        optimizer.zero_grad()
        (mse_loss(X @ w, y) + penalty(w)).backward()
        optimizer.step()
    return w.data


exact = ridge(X, y, STRENGTH)
decayed = descend(lambda w: 0, weight_decay=2 * STRENGTH)
gap = np.abs([exact - descend(lambda w: l2_penalty(w, strength=STRENGTH)), exact - decayed]).max()
claim("by penalty or decay, SGD finds ridge's closed form", gap < 1e-8, f"off by {gap:.0e}")
# -log likelihood is sum((X w - y)²) / (2 s²), -log prior sum(w²) / (2 t²)
s2, t2 = 3000, 3000 / (len(X) * STRENGTH)
gap = np.abs(X.T @ (X @ exact - y) / s2 + exact / t2).max()
claim("which is the MAP: likelihood and prior pull equally hard", gap < 1e-9, f"gap {gap:.0e}")


def proximal(l1, l2=0.0):
    """Minimise mean((X w - y)²) + l1 * sum |w| + l2 * sum(w²): descend, then threshold."""
    H, target = 2 * X.T @ X / len(X) + 2 * l2 * np.eye(10), 2 * X.T @ y / len(X)
    w, lr = np.zeros(10), 1 / np.linalg.eigvalsh(H).max()
    for _ in range(2000):
        w = soft_threshold(w - lr * (H @ w - target), lr * l1)
    return w


predict("""
    L1, strength * sum |w|, pulls a weight equally hard however small it is. How many of the ten
    weights will gradient descent set to exactly 0? How many would L2?
""")
naive, zeros = descend(lambda w: l1_penalty(w, strength=10)), np.sum(proximal(10) == 0)
claim("L1: none, they jump over 0", np.all(naive != 0), f"the least is {np.abs(naive).min():.1f}")
claim("in steps that stop at 0 (soft_threshold), some", zeros >= 3, f"{zeros} of 10")
path = np.geomspace(100, 0.1, 21)
by_l2 = np.array([ridge(X, y, strength) for strength in path])
by_l1, by_both = (np.array([proximal(s, l2) for s in path]) for l2 in (0, STRENGTH))
claim("L2: none at any strength", np.all(by_l2 != 0), f"{path.size} of them")
pair = [DIABETES_FEATURES.index(name) for name in ("tc", "ldl")]
free, lasso, net = ridge(X, y, 0)[pair], proximal(1)[pair], proximal(1, STRENGTH)[pair]
predict(f"""
    Total and LDL cholesterol (tc, ldl) correlate by {np.corrcoef(X.T)[*pair]:.2f}. Unpenalised,
    they get {free[0]:.0f} and {free[1]:.0f}. What does L1 make of that? And elastic net, L1 + L2?
""")
claim("L1 takes one and drops the other", np.sum(lasso == 0) == 1, "{:.1f}, {:.1f}".format(*lasso))
claim("elastic net keeps both", abs(net[0] / net[1] - 1) < 0.1, "{:.1f}, {:.1f}".format(*net))
predict("""
    200 patients train 64 hidden units: freely; with early stopping at the best validation loss;
    with dropout, which zeroes half of the units, others in each step; with weight decay. Which
    beats the first, and which beats ridge?
""")
train, rest, y_train, y_rest = train_test_split(X, y[:, None] / y.std(), test_size=242, seed=rng)
valid, test, y_valid, y_test = train_test_split(rest, y_rest, test_size=142, seed=rng)


def error(dropout=0.0, decay=0.0, patience=None):
    layers = Linear(10, 64, rng=rng), ReLU(), Dropout(dropout, rng=rng), Linear(64, 1, rng=rng)
    model = Sequential(*layers)
    optimizer = AdamW(model.parameters(), lr=0.01, weight_decay=decay)
    options = {"validation": (valid, y_valid), "patience": patience, "epochs": 150, "rng": rng}
    fit(model, mse_loss, optimizer, train, y_train, **options)
    return mse_loss(model(test), y_test).item()


plain, *tamed = error(), error(patience=20), error(dropout=0.5), error(decay=1.0)
figures = "{:.2f}, {:.2f}, {:.2f} against {:.2f}".format(*tamed, plain)
linear = np.mean((test @ ridge(train, y_train, STRENGTH) - y_test) ** 2)
claim("each brake helps", max(tamed) < 0.95 * plain, figures)
claim("but hardly beats ridge", min(tamed) > 0.85 * linear, f"whose error is {linear:.2f}")
say("In SGD, decay and L2 were the same. In Adam, let noise be all that the gradients are.")
left = []
for optimizer in (Adam, AdamW):
    w = Tensor(np.ones((2, 500)), requires_grad=True)
    step = optimizer([w], lr=0.01, weight_decay=0.5).step
    for _ in range(300):
        w.grad = rng.normal(size=w.shape) * [[1], [100]]  # quiet and noisy
        step()
    left += [*w.data.mean(axis=1)]
to = "quiet weights from 1 to {:.2f}, noisy ones to {:.2f}"
claim("Adam divides L2 by the noise as well", left[1] > 3 * left[0], to.format(*left[:2]))
claim("decay (AdamW) shrinks both alike", abs(left[3] - left[2]) < 0.05, to.format(*left[2:]))

fig, (curve, *axes) = plt.subplots(1, 4, figsize=(13, 3.8), width_ratios=[1.3, 1, 1, 1])
curve.loglog(strengths, unseen, color=COLOR["validation"], label="300 others")
curve.loglog(strengths, seen, color=COLOR["train"], label="the 20 points")
curve.set(xlabel="strength", ylabel="mean squared error", title="Too little, too much")
curve.legend(loc="upper right")
titles = "L2: none is 0", "L1: zeros, one of a pair", "Elastic net: the pair stays"
for ax, title, ways in zip(axes, titles, (by_l2, by_l1, by_both)):
    ax.semilogx(path, ways, color="#BBBBBB", lw=1)
    ax.semilogx(path, ways[:, pair[0]], color=COLOR["naive"], label="tc")
    ax.semilogx(path, ways[:, pair[1]], color=COLOR["model"], label="ldl")
    ax.set(xlabel="strength", ylim=(-32, 38), title=title)
axes[0].set_ylabel("weight (progression per deviation)")
axes[0].legend(loc="upper right")
save(fig)

takeaway("""
    Too little overfits, too much underfits: validate. L2 shrinks weights and is a Gaussian prior;
    L1 sets some to 0, given proximal steps; with both, correlated features stay together. In Adam
    use decay, not a penalty. And try the linear model first.

    Next: lesson 20 reads loss curves, and says what ails the run.
""")
exercises(
    [
        "Fit the polynomial to 200 points. Where has the U gone?",
        "Fit random halves of the patients. How often does L1 take ldl, and not tc?",
    ]
)
