"""Lesson 14. Optimizers

An optimizer turns gradients into steps: momentum remembers them, adaptive methods rescale them.
Both help in ravines, valleys that are steep across and nearly flat along the floor, where the
gradient points across and the minimum lies along. Lesson 1 set the limit: past the learning rate
2/L, where L is the steepest curvature, descent diverges. So along the floor its steps are short.

Part 4 is about the way down. Seven optimizers walk down two valleys that can be drawn. Then we
measure what momentum buys, find out what adaptive methods do not see and what they do, and train a
reader of digits with each of the seven.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP
from microloss.optim import SGD, Adagrad, Adam, AdamW, RMSprop

begin()
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


START = np.array([-9.0, 2.0])
VALLEYS = {"ravine": (ravine, START, 60), "Rosenbrock": (rosenbrock, np.array([-0.5, 2.0]), 200)}
RATES = np.geomspace(1e-4, 1, 13)
say("""
The first valley is (x² + 100 y²) / 2: across it the curvature is 100, along it 1. The second is
Rosenbrock's, (1 - x)² + 100 (y - x²)², and its floor is bent. Each optimizer gets, out of 13
learning rates between 0.0001 and 1, the one that brings it lowest.
""")
predict("After 60 steps in the ravine, and 200 in Rosenbrock's valley: who is lowest, who highest?")
paths, lowest = {}, {}
for valley, place in VALLEYS.items():
    for name, optimizer in OPTIMIZERS.items():
        walks = [walk(*place, partial(optimizer, lr=lr)) for lr in RATES]
        paths[valley, name], lowest[valley, name] = min(walks, key=lambda walk: walk[1])
rows = [[name, *(f"{lowest[valley, name]:.1e}" for valley in VALLEYS)] for name in OPTIMIZERS]
table(["loss at the end", *VALLEYS], rows)
best = [min(OPTIMIZERS, key=lambda name: lowest[valley, name]) for valley in VALLEYS]
claim("the two valleys have different winners", best[0] != best[1], " and ".join(best))

# ---- what momentum buys --------------------------------------------------------------------------

predict("""
    The condition number k is the largest curvature divided by the smallest: 100 in our ravine. Make
    it 100 times as large. How many times as many steps do plain descent and momentum need?
""")
say("""
For a quadratic with curvatures from 1 to k the best settings are known: for plain descent the
learning rate 2 / (k + 1); with momentum (Polyak 1964) the learning rate 4 / (r + 1)² and the
momentum ((r - 1) / (r + 1))², where r = sqrt(k).
""")


def steps_down(valley, start, optimizer, limit=20_000):
    """Steps to a millionth of the first loss; infinite for who does not arrive."""
    target = 1e-6 * valley(start)
    path, loss = walk(valley, start, limit, optimizer, target)
    return len(path) - 1 if loss <= target else np.inf


NUMBERS = (30, 300, 3000)
counts = {"SGD": [], "momentum": []}
for k in NUMBERS:
    r, place = np.sqrt(k), (partial(ravine, steepness=k), np.ones(2))
    polyak = partial(SGD, lr=4 / (r + 1) ** 2, momentum=((r - 1) / (r + 1)) ** 2)
    counts["SGD"].append(steps_down(*place, partial(SGD, lr=2 / (k + 1))))
    counts["momentum"].append(steps_down(*place, polyak))
table(["condition number", *NUMBERS], [[name, *steps] for name, steps in counts.items()])
plain, root = (np.polyfit(np.log(NUMBERS), np.log(steps), 1)[0] for steps in counts.values())
claim(
    "plain descent needs steps in proportion to k, momentum to sqrt(k), nearly",
    abs(plain - 1) < 0.05 and abs(root - 0.5) < 0.1,
    f"they grow as k to the powers {plain:.2f} and {root:.2f}",
)

# ---- what adaptive methods do not see ------------------------------------------------------------

say("""
Adagrad, RMSprop and Adam divide each coordinate's gradient by the size of its own past gradients.
Whatever number multiplies them cancels (but for eps, a guard against division by 0).
""")
predict("Make the ravine 16 times as steep across. Then turn it by 45 degrees. Who notices what?")
TURN = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
steeper = partial(ravine, steepness=1600)
RAVINES = {
    "straight": (steeper, START),
    "turned": (lambda p: steeper(TURN @ p), TURN.T @ START),
}
gaps = []
for name in ("Adagrad", "RMSprop", "Adam"):
    optimizer = partial(OPTIMIZERS[name], lr=0.01, eps=0)
    path, other = (walk(valley, START, 100, optimizer)[0] for valley in (ravine, steeper))
    gaps.append(np.abs(path - other).max())
claim("in the steeper one all three walk the same path", max(gaps) < 1e-12, f"{max(gaps):.0e} off")
needed = {}
for name in ("momentum", "Adam"):
    tuned = [partial(OPTIMIZERS[name], lr=lr) for lr in RATES[3:]]
    needed[name] = [min(steps_down(*r, o, 1000) for o in tuned) for r in RAVINES.values()]
table(["steps down the steeper one", *RAVINES], [[name, *steps] for name, steps in needed.items()])
(before, after), (straight, turned) = needed.values()
claim(
    "turned, it costs Adam more than four times the steps; momentum needs as many as before",
    turned > 4 * straight and after == before,
    f"Adam {straight} and {turned}, momentum {before} and {after}",
)

# ---- digits --------------------------------------------------------------------------------------

X, y = load_digits()
X, y = X[:500] / 16, y[:500]
TARGET, LIMIT = 0.3, 100
rates = 10 ** np.arange(-2, 0.5, 0.5)


def steps_to_target(optimizer):
    """Steps until the loss is below the target; infinite past the limit."""
    model = MLP(64, 32, 10, rng=args.seed)
    optimizer = optimizer(model.parameters())
    for step in range(LIMIT + 1):
        loss = cross_entropy(model(X), y)
        if loss.item() < TARGET:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.inf


predict(f"""
    A network learns {len(y)} digits, all in one batch, until its loss is below {TARGET}. Who is
    first at the learning rate 0.1, SGD or Adam? And at 1?
""")
needed, rows = {}, []
for name, optimizer in OPTIMIZERS.items():
    needed[name] = [steps_to_target(partial(optimizer, lr=lr)) for lr in rates]
    rows.append([name, *(f"{n:.0f}" if n < np.inf else f"> {LIMIT}" for n in needed[name])])
table(["steps at the learning rate", *(f"{lr:.2g}" for lr in rates)], rows)
claim(
    "at 0.1 Adam arrives and SGD does not, at 1 SGD arrives and Adam does not",
    max(needed["Adam"][2], needed["SGD"][4]) < np.inf == min(needed["SGD"][2], needed["Adam"][4]),
    f"Adam in {needed['Adam'][2]} steps, SGD in {needed['SGD'][4]}",
)
quickest = [min(steps) for steps in needed.values()]
ratio = max(quickest) / min(quickest)
claim("tuned, nobody needs six times the steps of the fastest", ratio < 6, f"{ratio:.1f} times")

fig, axes = plt.subplots(1, 2, figsize=(11, 5), width_ratios=[1.25, 1])
fig.suptitle("SGD hardly moves along the floor; momentum gathers speed; Adam cuts across")
BOUNDS = [(-10, 4.5), (-2.6, 2.6)], [(-1.7, 1.6), (-0.6, 2.4)]
for ax, (valley, (loss, start, steps)), bounds in zip(axes, VALLEYS.items(), BOUNDS):
    x, y = (np.linspace(*ends, 120) for ends in bounds)
    surface = loss(np.meshgrid(x, y))
    ax.contour(x, y, surface, 4.0 ** np.arange(-2, 6), colors="#CCCCCC", linewidths=0.8)
    for name in OPTIMIZERS:
        path = paths[valley, name]
        ax.plot(*path.T, color=COLOR[name.lower()], lw=1.5, label=name)
        ax.plot(*path[-1], "o", color=COLOR[name.lower()], ms=7, zorder=5)
    ax.plot(*start, "s", color=COLOR["truth"], ms=7)
    ax.set(xlim=bounds[0], ylim=bounds[1], xlabel="x", ylabel="y")
    ax.set_title(f"{valley}, {steps} steps")
axes[0].plot(0, 0, "*", color=COLOR["truth"], ms=14)
axes[1].plot(1, 1, "*", color=COLOR["truth"], ms=14)
axes[0].legend(ncols=4, loc="lower left")
save(fig)

takeaway("""
    Along the floor of a ravine plain descent is slow in proportion to the condition number,
    momentum to its root. Adaptive methods do not see how coordinates are scaled, but they do see
    which way they point: they help where gradients differ in size, as between layers, and are no
    cure for a ravine as such. A wrong learning rate costs more than a wrong optimizer: so tune
    before you compare.

    Next: lesson 15 looks for the learning rate, and changes it on the way.
""")
exercises(
    [
        "AdamW shrinks all weights a little in each step. Give it weight_decay=0.5 in Rosenbrock's "
        "valley: where does it end now, and why not in (1, 1)? (More of this in lesson 19.)",
        "Multiply cross_entropy by 1000 in steps_to_target(). Predict whose row changes.",
    ]
)
