"""Lesson 14. Optimizers

An optimizer turns gradients into steps: momentum remembers them, adaptive methods rescale them.
Both help in ravines, steep across and nearly flat along the floor. Past the learning rate 2/L, L
the steepest curvature, descent diverges (lesson 1): so along the floor its steps are short.

Part 4 is about the way down. Seven optimizers walk down two valleys that can be drawn. Then we
measure what momentum buys and what adaptive methods do not see, and let all seven read digits.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, table, takeaway

from microloss import Tensor
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP
from microloss.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from microloss.training import fit

rng = begin()
OPTIMIZERS = {
    "SGD": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "Nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "Adagrad": Adagrad,
    "RMSprop": partial(RMSprop, alpha=0.9),
    "Adam": Adam,
    "AdamW": AdamW,
}

# ---- two valleys ---------------------------------------------------------------------------------


def ravine(p, steepness=100):
    return (p[0] ** 2 + steepness * p[1] ** 2) / 2


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def walk(valley, start, steps, optimizer, target=0):
    """The points on the way down, until the loss is at the target or lost, and the last loss."""
    p = Tensor(start, requires_grad=True)
    optimizer = optimizer([p])
    path, loss = [p.data.copy()], valley(p)
    while len(path) <= steps and target < loss.item() < 1e8:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(p.data.copy())
        loss = valley(p)
    return np.array(path), loss.item()


def tuned_walk(valley, start, steps, optimizer):
    """The walk that ends lowest, of 13 with learning rates between 0.0001 and 1."""
    rates = np.geomspace(1e-4, 1, 13)
    walks = [walk(valley, start, steps, partial(optimizer, lr=lr)) for lr in rates]
    return min(walks, key=lambda walk: walk[1])


predict("""
    The ravine is (x² + 100 y²) / 2; Rosenbrock's valley, (1 - x)² + 100 (y - x²)², bends. Each
    optimizer gets the best of 13 learning rates. Who is lowest after 60 steps, and after 200?
""")
START = np.array([-9.0, 2.0])
VALLEYS = [
    ("ravine", ravine, START, 60, (-10, 4.5), (-2.6, 2.6), (0, 0)),
    ("Rosenbrock", rosenbrock, np.array([-0.5, 2.0]), 200, (-1.7, 1.6), (-0.6, 2.4), (1, 1)),
]
ends = {name: [] for name in OPTIMIZERS}
fig, axes = plt.subplots(1, 2, figsize=(11, 5), width_ratios=[1.25, 1])
fig.suptitle("SGD hardly moves along the floor; momentum gathers speed; Adam cuts across")
for ax, (title, valley, start, steps, xlim, ylim, minimum) in zip(axes, VALLEYS):
    grid = np.meshgrid(np.linspace(*xlim, 120), np.linspace(*ylim, 120))
    ax.contour(*grid, valley(grid), 4.0 ** np.arange(-2, 6), colors="#CCCCCC", linewidths=0.8)
    for name, optimizer in OPTIMIZERS.items():
        path, loss = tuned_walk(valley, start, steps, optimizer)
        ends[name].append(loss)
        ax.plot(*path.T, color=COLOR[name.lower()], lw=1.5, label=name)
        ax.plot(*path[-1], "o", color=COLOR[name.lower()], ms=7, zorder=5)
    ax.plot(*start, "s", color=COLOR["truth"], ms=7)
    ax.plot(*minimum, "*", color=COLOR["truth"], ms=14)
    ax.set(xlim=xlim, ylim=ylim, xlabel="x", ylabel="y", title=f"{title}, {steps} steps")
axes[0].legend(ncols=4, loc="lower left")
save(fig)
rows = [[name, *map("{:.1e}".format, losses)] for name, losses in ends.items()]
table(["loss at the end", "ravine", "Rosenbrock"], rows)
first, second = (min(ends, key=lambda name: ends[name][i]) for i in (0, 1))
claim("the two valleys have different winners", first != second, f"{first} and {second}")

# ---- what momentum buys --------------------------------------------------------------------------

predict("""
    The condition number k is the largest curvature divided by the smallest. Make it 100 times as
    large. How many times as many steps do plain descent and momentum need, both at their best?
""")
NUMBERS, ONES, counts = (30, 300, 3000), np.ones(2), []
for k in NUMBERS:
    r, valley = np.sqrt(k), partial(ravine, steepness=k)
    plain = partial(SGD, lr=2 / (k + 1))
    polyak = partial(SGD, lr=4 / (r + 1) ** 2, momentum=((r - 1) / (r + 1)) ** 2)  # Polyak 1964
    paths = [walk(valley, ONES, 20_000, o, 1e-6 * valley(ONES))[0] for o in (plain, polyak)]
    counts.append([len(path) - 1 for path in paths])
table(["steps to a millionth, k =", *NUMBERS], zip(("SGD", "momentum"), *counts))
line, root = np.polyfit(np.log(NUMBERS), np.log(counts), 1)[0]
claim(
    "plain descent needs steps in proportion to k, momentum to sqrt(k), nearly",
    abs(line - 1) < 0.05 and abs(root - 0.5) < 0.1,
    f"they grow as k to the powers {line:.2f} and {root:.2f}",
)

# ---- what adaptive methods do not see ------------------------------------------------------------

predict("""
    Adagrad, RMSprop and Adam divide each coordinate's gradient by the size of its own past
    gradients. Make the ravine 16 times as steep across. Then turn it by 45 degrees. Who notices?
""")
steeper, TURN = partial(ravine, steepness=1600), np.array([[1, -1], [1, 1]]) / np.sqrt(2)
gaps = []
for name in ("Adagrad", "RMSprop", "Adam"):
    optimizer = partial(OPTIMIZERS[name], lr=0.01, eps=0)  # eps guards against division by 0
    path, other = (walk(valley, START, 100, optimizer)[0] for valley in (ravine, steeper))
    gaps.append(np.abs(path - other).max())
claim("in the steeper one all three walk the same path", max(gaps) < 1e-12, f"{max(gaps):.0e} off")
rises = {}
for name in ("momentum", "Adam"):
    _, straight = tuned_walk(steeper, START, 100, OPTIMIZERS[name])
    _, turned = tuned_walk(lambda p: steeper(TURN @ p), TURN.T @ START, 100, OPTIMIZERS[name])
    rises[name] = turned / straight
claim(
    "turned, it leaves Adam more than a hundred times as high; momentum does not notice",
    rises["Adam"] > 100 and abs(rises["momentum"] - 1) < 1e-9,
    "after 100 steps {Adam:.0f} times, momentum {momentum:.0f}".format(**rises),
)

# ---- digits --------------------------------------------------------------------------------------

X, y = load_digits()
X, y = X[:500] / 16, y[:500]
predict(f"""
    A network learns {len(y)} digits, all in one batch, for 60 steps. Who comes below the loss 0.3
    at the learning rate 0.1, SGD or Adam? And at 1? Is a wrong optimizer worse, or a wrong rate?
""")
rates = (0.01, 0.03, 0.1, 0.3, 1)
needed = {name: [] for name in OPTIMIZERS}
for name, optimizer in OPTIMIZERS.items():
    for lr in rates:
        model = MLP(64, 32, 10, rng=args.seed)
        down = optimizer(model.parameters(), lr=lr)
        history = fit(model, cross_entropy, down, X, y, epochs=60, batch_size=len(X), rng=rng)
        below = np.flatnonzero(np.array(history.train) < 0.3)
        needed[name].append(min(below, default=np.inf))
table(["steps at the learning rate", *rates], [[name, *steps] for name, steps in needed.items()])
best, worst = ([pick(steps) for steps in needed.values()] for pick in (min, max))
claim(
    "each has rates at which it fails; tuned, none needs six times the steps of the fastest",
    min(worst) == np.inf and max(best) < 6 * min(best),
    f"tuned, they need {min(best)} to {max(best)} steps",
)

takeaway("""
    Plain descent is slow in proportion to the condition number, momentum to its root. Adaptive
    methods do not see how coordinates are scaled, but they do see which way they point: they help
    where gradients differ in size, as between layers, and are no cure for a ravine as such. A wrong
    learning rate costs more than a wrong optimizer: so tune before you compare.

    Next: lesson 15 looks for the learning rate, and changes it on the way.
""")
exercises(
    [
        "Give AdamW weight_decay=0.5 in Rosenbrock's valley. Where does it end, why not in (1, 1)?",
        "Multiply cross_entropy and its target by 1000. Predict whose row changes.",
    ]
)
