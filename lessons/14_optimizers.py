"""Lesson 14. Optimizers

An optimizer turns gradients into steps: momentum remembers them, adaptive methods rescale them.
Both were invented for ravines, valleys that are steep across and nearly flat along the floor, where
the gradient points across and the minimum lies along. Lesson 1 set the limit: past the learning
rate 2/L, where L is the steepest curvature, descent diverges. So along the floor its steps are
short.

Parts 1 to 3 chose the loss; part 4 is about the way down. Seven optimizers walk down two valleys
that can be drawn. Then we measure what momentum buys, find out what adaptive methods do not see and
what they do, and train a reader of digits with each of the seven.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, no_grad
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP
from microloss.optim import SGD, Adagrad, Adam, AdamW, RMSprop

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


def ravine(x, y):
    return (x**2 + 100 * y**2) / 2


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def walk(valley, start, optimizer, steps):
    """The points on the way down, and the last loss: infinite for who got lost."""
    x, y = (Tensor(number, requires_grad=True) for number in start)
    optimizer = optimizer([x, y])
    path = []
    for _ in range(steps + 1):
        path.append((x.item(), y.item()))
        loss = valley(x, y)
        if not loss.item() < 1e6:
            return np.array(path), np.inf
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(path), loss.item()


VALLEYS = {"ravine": (ravine, (-9.0, 2.0), 60), "Rosenbrock": (rosenbrock, (-0.5, 2.0), 200)}
RATES = np.geomspace(1e-4, 1, 13)
say("""
The first valley is (x² + 100 y²) / 2: across it the curvature is 100, along it 1. The second is
Rosenbrock's, (1 - x)² + 100 (y - x²)², and its floor is bent. Whoever compares optimizers at one
learning rate compares learning rates. So each optimizer gets, out of 13 between 0.0001 and 1, the
one that brings it lowest.
""")
predict("""
    After 60 steps in the ravine, and 200 in Rosenbrock's valley: who is lowest, who is highest?
""")
paths, lowest = {}, {}
for valley, (function, start, steps) in VALLEYS.items():
    for name, optimizer in OPTIMIZERS.items():
        walks = [walk(function, start, partial(optimizer, lr=lr), steps) for lr in RATES]
        paths[valley, name], lowest[valley, name] = min(walks, key=lambda walk: walk[1])
rows = [[name, *(f"{lowest[valley, name]:.1e}" for valley in VALLEYS)] for name in OPTIMIZERS]
table(["loss at the end", *VALLEYS], rows)
gain = min(lowest[v, "SGD"] / lowest[v, "momentum"] for v in VALLEYS)
claim(
    "in both valleys momentum ends at less than a fifth of SGD's loss",
    gain > 5,
    f"at most 1/{gain:.0f} of it",
)
best = [min(OPTIMIZERS, key=lambda name: lowest[valley, name]) for valley in VALLEYS]
claim("and the two have different winners", best[0] != best[1], " and ".join(best))

fig, axes = plt.subplots(1, 2, figsize=(11, 5), width_ratios=[1.25, 1])
fig.suptitle("SGD hardly moves along the floor; momentum gathers speed; Adam cuts across")
for ax, (valley, (function, start, steps)), x, y, heights, goal in zip(
    axes,
    VALLEYS.items(),
    [np.linspace(-10, 4.5, 120), np.linspace(-1.7, 1.6, 120)],
    [np.linspace(-2.6, 2.6, 120), np.linspace(-0.6, 2.4, 120)],
    [4.0 ** np.arange(-1, 6), 4.0 ** np.arange(-2, 6)],
    [(0, 0), (1, 1)],
):
    surface = function(*np.meshgrid(x, y))
    ax.contour(x, y, surface, heights, colors="#CCCCCC", linewidths=0.8, zorder=0)
    for name in OPTIMIZERS:
        path = paths[valley, name]
        ax.plot(*path.T, color=COLOR[name.lower()], lw=1.5, label=name)
        ax.plot(*path[-1], "o", color=COLOR[name.lower()], ms=7, zorder=5)
    ax.plot(*start, "s", color=COLOR["truth"], ms=7)
    ax.plot(*goal, "*", color=COLOR["truth"], ms=14)
    ax.set(xlim=x[[0, -1]], ylim=y[[0, -1]], xlabel="x", ylabel="y")
    ax.set_title(f"{valley}, {steps} steps")
axes[0].legend(ncols=4, loc="lower left")
save(fig)

# ---- what momentum buys --------------------------------------------------------------------------

predict("""
    The condition number k is the largest curvature divided by the smallest; in our ravine it is
    100. Make it 100 times as large. How many times as many steps does plain descent need, and how
    many does momentum need, each at the best settings that theory knows?
""")
say("""
For a quadratic with curvatures from 1 to k these are known: the learning rate 2 / (k + 1) for plain
descent; with momentum (Polyak 1964) the learning rate 4 / (r + 1)² and the momentum
((r - 1) / (r + 1))², where r = sqrt(k). We count the steps that bring a point in 100 dimensions a
million times nearer to the minimum.
""")
NUMBERS = np.array([30, 100, 300, 1000, 3000])


def settings(k):
    r = np.sqrt(k)
    return {
        "SGD": {"lr": 2 / (k + 1)},
        "momentum": {"lr": 4 / (r + 1) ** 2, "momentum": ((r - 1) / (r + 1)) ** 2},
        "Nesterov": {"lr": 1 / k, "momentum": (r - 1) / (r + 1), "nesterov": True},
    }


def count(k, options):
    curvatures, start = np.geomspace(1, k, 100), rng.standard_normal(100)
    p = Tensor(start, requires_grad=True)
    optimizer = SGD([p], **options)
    steps = 0
    while np.linalg.norm(p.data) > 1e-6 * np.linalg.norm(start):
        p.grad = curvatures * p.data  # the gradient of sum(curvatures * p²) / 2
        optimizer.step()
        steps += 1
    return steps


counts = {name: [count(k, settings(k)[name]) for k in NUMBERS] for name in settings(1)}
table(["condition number", *NUMBERS], [[name, *steps] for name, steps in counts.items()])
powers = {name: np.polyfit(np.log(NUMBERS), np.log(n), 1)[0] for name, n in counts.items()}
claim(
    "plain descent needs steps in proportion to k",
    abs(powers["SGD"] - 1) < 0.05,
    f"they grow as k to the power {powers['SGD']:.2f}",
)
claim(
    "momentum and Nesterov in proportion to sqrt(k), nearly",
    max(abs(powers[name] - 0.5) for name in ("momentum", "Nesterov")) < 0.1,
    f"to the powers {powers['momentum']:.2f} and {powers['Nesterov']:.2f}",
)

# ---- what adaptive methods do not see ------------------------------------------------------------


def descend(H, start, optimizer, steps=1000):
    """The points on the way down p H p / 2."""
    p = Tensor(start, requires_grad=True)
    optimizer = optimizer([p])
    path = [p.data.copy()]
    while len(path) <= steps and np.abs(path[-1]).max() < 1e6:
        p.grad = H @ p.data
        optimizer.step()
        path.append(p.data.copy())
    return np.array(path)


say("""
Adagrad, RMSprop and Adam divide each coordinate's gradient by the size of its own past gradients.
Whatever number multiplies them cancels (but for eps, a tiny number against division by 0, which is
0 here).
""")
predict("Make the ravine 16 times as steep across, at the same learning rate. Who notices?")
START = np.array([-9.0, 2.0])
RAVINE, STEEPER = np.diag([1.0, 100.0]), np.diag([1.0, 1600.0])
gaps = {}
for name, eps in [("Adagrad", 0), ("RMSprop", 0), ("Adam", 0), ("SGD", None)]:
    optimizer = partial(OPTIMIZERS[name], lr=0.01, **({} if eps is None else {"eps": eps}))
    there, here = descend(STEEPER, START, optimizer), descend(RAVINE, START, optimizer)
    gaps[name] = np.abs(there[-1] - here[len(there) - 1]).max()
adaptive = max(gaps[name] for name in ("Adagrad", "RMSprop", "Adam"))
claim("the adaptive ones take the same path", adaptive < 1e-12, f"they differ by {adaptive:.0e}")
claim("SGD, which converges in the old ravine, diverges", gaps["SGD"] > 1e6, f"{gaps['SGD']:.0e}")
predict("Now leave the ravine as it was, and turn it by 45 degrees. Who notices?")
TURN = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def fewest(H, start, optimizer):
    """Steps to a millionth of the first loss, with the best of 13 learning rates."""
    best = np.inf
    for lr in np.geomspace(1e-3, 1, 13):
        path = descend(H, start, partial(optimizer, lr=lr))
        losses = np.einsum("ni,ij,nj->n", path, H, path)
        below = losses < 1e-6 * losses[0]
        best = min(best, below.argmax() if below.any() else np.inf)
    return best


path, turned = (
    descend(H, start, partial(SGD, lr=0.01, momentum=0.9))
    for H, start in [(RAVINE, START), (TURN @ RAVINE @ TURN.T, TURN @ START)]
)
gap = np.abs(path @ TURN.T - turned).max()
claim("SGD with momentum goes the same path, turned", gap < 1e-12, f"up to {gap:.0e}")
needed = {
    (steepness, name): fewest(turn @ np.diag([1, steepness]) @ turn.T, turn @ START, Adam)
    for steepness in (100, 1600)
    for name, turn in [("straight", np.eye(2)), ("turned", TURN)]
}
table(
    ["Adam's steps in a ravine of steepness", "100", "1600"],
    [[name, needed[100, name], needed[1600, name]] for name in ("straight", "turned")],
)
claim(
    "straight, steepness costs Adam nothing; turned, it costs more than four times the steps",
    needed[100, "straight"] == needed[1600, "straight"]
    and needed[1600, "turned"] > 4 * needed[100, "turned"],
    f"from {needed[100, 'turned']} to {needed[1600, 'turned']} steps",
)
say("""
SGD sees the scale of a coordinate and not its direction; adaptive methods see the direction and not
the scale. They help where some coordinates have gradients of another size than others, as layers
and rare features do. They are no cure for a ravine as such.
""")

# ---- digits --------------------------------------------------------------------------------------

X, y = load_digits()
X = X / 16
TARGET, LIMIT = 0.3, 100
rates = 10 ** np.arange(-2, 0.5, 0.5)


def steps_to_target(optimizer):
    """Steps until 600 of the digits have a loss below the target; infinite past the limit."""
    model, draw = MLP(64, 32, 10, rng=args.seed), np.random.default_rng(args.seed)
    optimizer = optimizer(model.parameters())
    for step in range(LIMIT + 1):
        if step % 5 == 0:
            with no_grad():
                loss = cross_entropy(model(X[:600]), y[:600]).item()
            if loss < TARGET or loss > 100:  # there, or lost
                return step if loss < TARGET else np.inf
        batch = draw.integers(len(X), size=64)
        optimizer.zero_grad()
        cross_entropy(model(X[batch]), y[batch]).backward()
        optimizer.step()
    return np.inf


predict(f"""
    A network of 32 hidden units learns the digits of lesson 5, 64 in a batch, until its loss is
    below {TARGET}. SGD, momentum, Adam: who is first at the learning rate 0.1? And at 1?
""")
needed = {
    name: [steps_to_target(partial(optimizer, lr=lr)) for lr in rates]
    for name, optimizer in OPTIMIZERS.items()
}
table(
    ["steps at the learning rate", *(f"{lr:.2g}" for lr in rates), "fewest"],
    [
        [name, *(f"{n:.0f}" if n < np.inf else f"> {LIMIT}" for n in [*steps, min(steps)])]
        for name, steps in needed.items()
    ],
)
claim(
    "at 0.1 Adam arrives and SGD does not, at 1 SGD arrives and Adam does not",
    max(needed["Adam"][2], needed["SGD"][4]) < np.inf == min(needed["SGD"][2], needed["Adam"][4]),
    f"Adam in {needed['Adam'][2]} steps, SGD in {needed['SGD'][4]}",
)
quickest = {name: min(steps) for name, steps in needed.items()}
last = max(quickest[name] for name in ("momentum", "Nesterov", "Adam", "AdamW"))
claim(
    "each at its best rate, momentum, Nesterov, Adam and AdamW need under three quarters of "
    "SGD's steps",
    last < 0.75 * quickest["SGD"],
    f"at most {last}, SGD {quickest['SGD']}",
)

ratio = max(quickest.values()) / min(quickest.values())
claim(
    "tuned, the slowest needs less than five times the steps of the fastest, and at some of the "
    "five rates each of them does not arrive",
    ratio < 5 and all(max(steps) == np.inf for steps in needed.values()),
    f"{ratio:.1f} times",
)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
for name, steps in counts.items():
    left.loglog(NUMBERS, steps, "o-", color=COLOR[name.lower()], label=name)
left.set(xlabel="condition number k", ylabel="steps to a millionth of the distance")
left.set_title("Momentum pays the root of the price")
left.legend()
grid = np.array(list(needed.values()), float)
right.imshow(np.where(np.isinf(grid), np.nan, grid), cmap="Blues_r", vmin=0, vmax=120)
for (row, column), steps in np.ndenumerate(grid):
    label, ink = (f"> {LIMIT}", "#999999") if np.isinf(steps) else (f"{steps:.0f}", "black")
    ink = "white" if steps < 50 else ink
    right.text(column, row, label, ha="center", va="center", color=ink)
right.set_xticks(range(len(rates)), [f"{lr:.2g}" for lr in rates])
right.set_yticks(range(len(needed)), needed)
right.set(xlabel="learning rate", title=f"Steps to a loss of {TARGET} on the digits")
right.grid(False)
right.set_aspect("auto")
save(fig, "steps")

takeaway("""
    Along the floor of a ravine plain descent is slow in proportion to the condition number,
    momentum to its root. Adaptive methods give each coordinate a step of its own: they do not see
    how coordinates are scaled, but they do see which way they point. On the digits a wrong learning
    rate costs more than a wrong optimizer: so tune before you compare.

    Next: lesson 15 looks for the learning rate, and changes it on the way.
""")
exercises(
    [
        "AdamW shrinks all weights a little in each step. Give it weight_decay=0.5 in Rosenbrock's "
        "valley: where does it end now, and why not in (1, 1)? (More of this in lesson 19.)",
        "Let count() use the momentum 0.9 whatever k is, with the best of several learning rates. "
        "Up to which condition number is 0.9 enough?",
        "Multiply cross_entropy by 1000 in steps_to_target(). Predict whose row changes.",
    ]
)
