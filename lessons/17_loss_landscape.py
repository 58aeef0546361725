"""Lesson 17. The loss landscape

A loss is a landscape over the parameters, and its shape decides what descent can find. A convex
loss has one valley: from any start, downhill leads to the bottom. Networks are not convex.

Lesson 16 looked at single points. Here we ask which losses are convex, cut landscapes along lines
and planes that can be drawn and compared, and see what the width of a network changes.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss.datasets import load_digits, standardize
from microloss.functional import sigmoid
from microloss.landscape import eigenvalues, plane, plot_surface, random_direction, slice_line
from microloss.losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from microloss.nn import MLP, Tanh
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
X, y = load_digits()
X = X.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)  # 4 by 4 pixels: fewer weights
rows = rng.permutation(len(X))[:300]
X, y = standardize(X[rows]), y[rows]

# ---- convex or not -------------------------------------------------------------------------------

predict("""
    To tell 3 from 8: which is convex, the MSE of a weighted sum of pixels, its logistic loss, the
    MSE after a sigmoid, the logistic loss of a network with four hidden units? (Convex: no Hessian
    has a negative eigenvalue. We look in 30 random places. None is no proof, but one is enough.)
""")
pair = np.isin(y, [3, 8])
digits, is_8 = X[pair], (y[pair] == 8).astype(float)[:, None]


def least_eigenvalue(score, *sizes):
    """The least of the eigenvalues of 30 Hessians, each at random weights."""
    model, least = MLP(*sizes, rng=rng, activation=Tanh), np.inf
    for _ in range(30):
        for p in model.parameters():
            p.data = rng.normal(size=p.shape)
        spectrum = eigenvalues(lambda: score(model(digits), is_8), model.parameters())
        least = min(least, spectrum[0])
    return least


logistic = binary_cross_entropy_with_logits
low = least_eigenvalue(mse_loss, 16, 1), least_eigenvalue(logistic, 16, 1)
claim("the sum has no negative eigenvalue", min(low) > -1e-12, "least {:.0e}, {:.0e}".format(*low))
squashed = least_eigenvalue(lambda z, target: mse_loss(sigmoid(z), target), 16, 1)
low = squashed, least_eigenvalue(logistic, 16, 4, 1)
claim("the other two have one", max(low) < -0.01, "{:.2f} and {:.2f}".format(*low))

# ---- directions that can be compared -------------------------------------------------------------


def train(model, score, targets, learning_rate):
    """300 steps of Adam on all examples, the learning rate falling to 0; the loss as a function."""
    optimizer = Adam(model.parameters(), lr=learning_rate)
    schedule = CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        optimizer.zero_grad()
        score(model(X), targets).backward()
        optimizer.step()
        schedule.step()
    return lambda: score(model(X), targets)


predict("""
    In a network of ReLUs, multiply the weights and biases before the hidden layer by 10, and divide
    the weights behind it by 10. It computes what it computed. Is its loss as steep as it was?
""")
model = MLP(16, 32, 10, rng=rng)
loss, params = train(model, cross_entropy, y, 0.01), model.parameters()
steps, seed = np.linspace(-1, 1, 41), rng.integers(1000)  # the same seed for each direction
slices = {}
for factor in (1, 10):
    for p, scale in zip(params, (factor, factor, 1 / factor)):
        p.data = p.data * scale
    for kind in (None, "filter"):
        direction = random_direction(params, rng=np.random.default_rng(seed), normalize=kind)
        slices[kind, factor] = slice_line(loss, params, direction, steps)
ratio = slices[None, 10].max() / slices[None, 1].max()
claim("along a random direction, it is far steeper", ratio > 3, f"{ratio:.1f} times as high")
say("""
The direction did not grow with the weights. The cure of Li et al. (2018): give the part of the
direction that belongs to a unit the length of that unit's weights (filter normalisation).
""")
gap = np.abs(slices["filter", 10] / slices["filter", 1] - 1).max()
claim("along a filter-normalised one, nothing changes", gap < 1e-9, f"relative gap {gap:.0e}")

# ---- narrow and wide -----------------------------------------------------------------------------

predict("""
    Two networks with three hidden layers learn all ten digits, one with 8 units in each layer, one
    with 48. Move each from where it ended by the length of its weights. Whose loss rises higher?
""")
surfaces, ends, grid = {}, {}, np.linspace(-1, 1, 25)
for width in (8, 48):
    model = MLP(16, width, width, width, 10, rng=rng)
    loss, params = train(model, cross_entropy, y, 0.01), model.parameters()
    directions = [random_direction(params, rng=rng) for _ in range(20)]
    lines = np.array([slice_line(loss, params, direction, steps) for direction in directions])
    ends[width] = np.median(lines[:, [0, -1]])
    surfaces[width] = plane(loss, params, *directions[:2], grid, grid)
higher = f"median of 40 ends: {ends[8]:.0f} nats against {ends[48]:.0f}"
claim("the narrow one's, more than twice as high", ends[8] > 2 * ends[48], higher)

# ---- many starts ---------------------------------------------------------------------------------

predict("""
    Now a hidden teacher, a network of six tanh units, gives each image a number to be learned. So
    six units can reach the loss 0. From how many of eight starts will they?
""")
teacher = MLP(16, 6, 1, rng=rng, activation=Tanh)
teacher[0].weight.data = rng.normal(size=(6, 16)) / 2
teacher[2].weight.data = (-1.0) ** np.arange(6)[None]
answers, missed, least = teacher(X).data, {}, []
for width in (6, 12, 24):
    missed[width] = np.empty(8)  # the shares of the answers' variance left unexplained
    for start in range(8):
        model = MLP(16, width, 1, rng=rng, activation=Tanh)
        loss = train(model, mse_loss, answers, 0.05)
        missed[width][start] = loss().item() / answers.var()
        if width == 6:
            least.append(eigenvalues(loss, model.parameters())[0])
counts = [np.sum(shares < 0.01) for shares in missed.values()]
claim(
    "six units never come below 1 % of the variance; 24 units always do",
    counts[0] == 0 and counts[2] == 8,
    "{}, {}, {} of 8 starts with 6, 12, 24 units".format(*counts),
)
claim(
    "after 300 steps no start with six units is at a minimum yet: some direction bends down",
    max(least) < 0,
    f"least eigenvalues from {min(least):.3f} to {max(least):.4f}",
)

fig = plt.figure(figsize=(12, 4.2))
for place, shape, width in [(1, "a gorge", 8), (2, "a bowl", 48)]:
    ax = fig.add_subplot(1, 3, place, projection="3d")
    plot_surface(ax, grid, grid, surfaces[width])
    ax.collections[0].set_clim(0, surfaces[8].max())
    ax.set(zlim=(0, surfaces[8].max()), zlabel="loss (nats)", xlabel="direction 1")
    ax.set(ylabel="direction 2", title=f"{width} units a layer: {shape}")
ax = fig.add_subplot(1, 3, 3)
for place, shares in enumerate(missed.values()):
    ax.semilogy(place + np.linspace(-0.2, 0.2, 8), shares, "o", color=COLOR["model"])
ax.set(xlabel="hidden units", ylabel="variance left unexplained", title="Wider: lower, every time")
ax.set_xticks(range(3), missed)
fig.get_layout_engine().set(wspace=0.08)
save(fig)

takeaway("""
    A weighted sum under MSE or the logistic loss has one valley; a network has not. Compare slices
    along directions that grow with the weights. More units than the task needs make the landscape
    gentler and most starts good. A plane shows two directions of thousands, and proves nothing.

    Next: lesson 18 asks whether it matters how flat the place is where descent ends.
""")
exercises(
    [
        "Draw the loss on the straight line between two trained networks. Does it rise between?",
        "The Hessian of the logistic loss is X^T D X / n. What is in D? Why is it never negative?",
        "Let train() go on for 3000 steps with six units. Who gets off the plateau?",
    ]
)
