"""Lesson 14. Optimizers

An optimizer turns gradients into steps: momentum remembers them, adaptive methods rescale them. The
test ground is a ravine, steep across and nearly flat along the floor. Past the learning rate 2/L, L
the steepest curvature, descent diverges (lesson 1): so along the floor its steps are short.

Part 4 is about the way down. Seven optimizers walk down two valleys that can be drawn. Then we
measure what momentum buys and what adaptive methods are blind to, and let all seven read digits.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import (
    COLOR,
    args,
    begin,
    claim,
    exercises,
    formula,
    predict,
    save,
    say,
    sweep,
    table,
    takeaway,
)

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

# %% The rules

say("""
With the gradient g of the present point p, the learning rate lr, and all memories v, m, s 0 at
first, one step of each is:
""")
formula(
    """
    SGD        p = p - lr g
    momentum   v = 0.9 v + g                    p = p - lr v                 (Polyak 1964)
    Nesterov   v = 0.9 v + g                    p = p - lr (g + 0.9 v)       (Nesterov 1983)
    Adagrad    s = s + g^2                      p = p - lr g / sqrt(s)       (Duchi et al. 2011)
    RMSprop    s = 0.9 s + 0.1 g^2              p = p - lr g / sqrt(s)       (Hinton 2012)
    Adam       m = 0.9 m + 0.1 g                m' = m / (1 - 0.9^t)         (Kingma, Ba 2015)
               s = 0.999 s + 0.001 g^2          s' = s / (1 - 0.999^t)
                                                p = p - lr m' / sqrt(s')
    AdamW      p = p - lr 0.01 p, then Adam's step                 (Loshchilov, Hutter 2019)
    """,
    tex=r"""
    \begin{aligned}
    \text{momentum:}\; & v \leftarrow 0.9\, v + g, \quad p \leftarrow p - \eta v \\
    \text{Adagrad:}\; & s \leftarrow s + g^2, \quad p \leftarrow p - \eta\, g / \sqrt{s} \\
    \text{RMSprop:}\; & s \leftarrow 0.9\, s + 0.1\, g^2, \; p \leftarrow p - \eta\, g / \sqrt{s} \\
    \text{Adam:}\; & m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
        s \leftarrow \beta_2 s + (1 - \beta_2) g^2, \\
    & p \leftarrow p - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)}}
    \end{aligned}
    """,
)
say("""
Adam's m and s begin at 0 and would be too small at first: a mean of t equal gradients g, weighed
0.9 each step, is (1 - 0.9^t) g. The division (bias correction) makes it g. A tiny eps beside each
root keeps the division from 0 / 0.
""")


def ravine(p, steepness=100.0):
    return (p[0] ** 2 + steepness * p[1] ** 2) / 2


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def walk(valley, start, steps, optimizer, target=0.0):
    """The points on the way down and their losses, until one is at the target or lost."""
    p = Tensor(start, requires_grad=True)
    down = optimizer([p])
    path = [p.data.copy()]
    losses = [valley(p).item()]
    while len(path) <= steps and target < losses[-1] < 1e8:
        down.zero_grad()
        valley(p).backward()
        down.step()
        path.append(p.data.copy())
        losses.append(valley(p).item())
    return np.array(path), np.array(losses)


START = np.array([-9.0, 2.0])
point = START.copy()
m = np.zeros(2)
s = np.zeros(2)
for t in range(1, 51):
    g = np.array([point[0], 100 * point[1]])  # of the ravine
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * g**2
    point = point - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
library_path, _ = walk(ravine, START, 50, partial(Adam, lr=0.1))
claim(
    "Four lines of NumPy for Adam end where the library's Adam ends after 50 steps",
    np.abs(point - library_path[-1]).max() < 1e-12,
    f"{np.abs(point - library_path[-1]).max():.0e} apart",
)
predict("""
    The ravine is (x² + 100 y²) / 2; Rosenbrock's valley, (1 - x)² + 100 (y - x²)², bends. Each
    optimizer gets its best learning rate, first of 13, then of 49. Who is lowest after 60 steps in
    the ravine, and after 200 in Rosenbrock's valley? Does it depend on how well they were tuned?
""")

# %% Two valleys


RATES_TRIED = np.geomspace(1e-4, 1, 49)


def lowest(walks):
    """The walk with the lowest end."""
    return min(walks, key=lambda found: found[1][-1])


def walk_all(valley, start, steps, optimizer, rates=RATES_TRIED):
    """The walks with all of the learning rates."""
    return [walk(valley, start, steps, partial(optimizer, lr=lr)) for lr in rates]


VALLEYS = {  # loss, start, steps, limits of the picture, minimum
    "ravine": (ravine, START, 60, (-10, 4.5), (-2.6, 2.6), (0, 0)),
    "Rosenbrock": (rosenbrock, np.array([-0.5, 2.0]), 200, (-1.7, 1.6), (-0.6, 2.4), (1, 1)),
}
walks = {}
ends = {}
for title, (valley, start, steps, *_) in VALLEYS.items():
    for name, optimizer in OPTIMIZERS.items():
        tried = walk_all(valley, start, steps, optimizer)
        walks[title, name] = lowest(tried)
        coarse = lowest(tried[::4])  # 13 of the 49
        ends[title, name] = coarse[1][-1], walks[title, name][1][-1]
table(
    ["loss at the end", "ravine, 13 rates", "49 rates", "Rosenbrock, 13 rates", "49 rates"],
    [
        (name, *(f"{end:.1e}" for title in VALLEYS for end in ends[title, name]))
        for name in OPTIMIZERS
    ],
)


def winner(title, grid):
    return min(OPTIMIZERS, key=lambda name: ends[title, name][grid])


winners = {title: (winner(title, 0), winner(title, 1)) for title in VALLEYS}
claim(
    "In at least one of the two valleys 49 rates have another winner than 13",
    any(coarse != fine for coarse, fine in winners.values()),
    "; ".join(f"{title}: {coarse}, then {fine}" for title, (coarse, fine) in winners.items()),
)
momentum_share = ends["ravine", "momentum"][1] / ends["ravine", "SGD"][1]
claim(
    "In the ravine tuned momentum ends at less than a twentieth of tuned SGD's loss",
    momentum_share < 0.05,
    f"{momentum_share:.1e} of it",
)


def moved_ravine(p):
    """The ravine with its minimum at (3, 1)."""
    return ravine(p - np.array([3.0, 1.0]))


moved_start = START + np.array([3.0, 1.0])
moved = {
    name: lowest(walk_all(moved_ravine, moved_start, 60, OPTIMIZERS[name]))[1][-1]
    for name in ("Adam", "AdamW")
}
growth = {name: moved[name] / ends["ravine", name][1] for name in moved}
claim(
    "With minimum and start both moved by (3, 1), Adam ends at the same loss, and AdamW at more "
    "than 1.3 times the loss",
    abs(growth["Adam"] - 1) < 1e-6 and growth["AdamW"] > 1.3,
    f"{growth['AdamW']:.1f} times for AdamW, {growth['Adam']:.6f} times for Adam",
)
say("""
AdamW's decay pulls towards (0, 0), which happens to be the minimum of the first ravine. A ranking
on one surface tells about the surface and the tuning as much as about the optimizer.
""")
predict("""
    The condition number k is the largest curvature divided by the smallest. Make it 100 times as
    large. How many times as many steps do plain descent and momentum need, both at their best?
""")

# %% What momentum buys

formula(
    """
    on a quadratic with curvatures from 1 to k, at the best constants:
    SGD        lr = 2 / (k + 1)                 error shrinks by (k - 1) / (k + 1) each step
    momentum   lr = 4 / (sqrt(k) + 1)^2         by (sqrt(k) - 1) / (sqrt(k) + 1)
               beta = ((sqrt(k) - 1) / (sqrt(k) + 1))^2                      (Polyak 1964)
    """,
    tex=r"\frac{k - 1}{k + 1} \approx 1 - \frac{2}{k}, \qquad "
    r"\frac{\sqrt k - 1}{\sqrt k + 1} \approx 1 - \frac{2}{\sqrt k}",
)
CONDITIONS = (30, 300, 3000)
ONES = np.ones(2)
counts = []
for k in CONDITIONS:
    root = np.sqrt(k)
    valley = partial(ravine, steepness=float(k))
    plain = partial(SGD, lr=2 / (k + 1))
    polyak = partial(SGD, lr=4 / (root + 1) ** 2, momentum=((root - 1) / (root + 1)) ** 2)
    goal = 1e-6 * valley(ONES)
    counts.append([len(walk(valley, ONES, 20_000, o, goal)[0]) - 1 for o in (plain, polyak)])
table(["steps to a millionth, k =", *CONDITIONS], zip(("SGD", "momentum"), *counts))
line, root = np.polyfit(np.log(CONDITIONS), np.log(counts), 1)[0]
claim(
    "Plain descent needs steps in proportion to k, momentum nearly to its root",
    abs(line - 1) < 0.05 and abs(root - 0.5) < 0.1,
    f"they grow as k to the powers {line:.2f} and {root:.2f}",
)
predict("""
    Adagrad, RMSprop and Adam divide each coordinate's gradient by the size of its own past
    gradients. Make the ravine 16 times as steep across: who notices? Then measure y in other units,
    y = u / 4: who notices? Then turn the ravine by 45 degrees: who notices?
""")

# %% What adaptive methods are blind to

steeper = partial(ravine, steepness=1600.0)
ADAPTIVE = ("Adagrad", "RMSprop", "Adam")
UNITS = np.array([1.0, 4.0])


def ravine_in_units(u):
    return ravine(u / UNITS)


gaps = []
unit_gaps = []
for name in ADAPTIVE:
    optimizer = partial(OPTIMIZERS[name], lr=0.1, eps=0)  # eps would set a scale
    path, _ = walk(ravine, START, 100, optimizer)
    steep_path, _ = walk(steeper, START, 100, optimizer)
    gaps.append(np.abs(path - steep_path).max())
    other_path, _ = walk(ravine_in_units, START * UNITS, 100, optimizer)
    unit_gaps.append(np.abs(path - other_path / UNITS).max())
claim(
    "In a ravine 16 times as steep across Adagrad, RMSprop and Adam walk the same path",
    max(gaps) < 1e-9,
    f"{max(gaps):.0e} apart at most",
)
claim(
    "With y measured in other units (y = u / 4) none of the three walks the same path",
    min(unit_gaps) > 0.05,
    f"{min(unit_gaps):.2f} apart at least",
)
say("""
So they are blind to the size of a coordinate's gradient, not to the scale of the coordinate: a step
of lr in u is a step of lr / 4 in y. And the division is for each coordinate by itself.
""")
TURN = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)


def turned_ravine(p):
    return steeper(TURN @ p)


rises = {}
for name in ("momentum", "Adam"):
    coarse = RATES_TRIED[::4]
    _, straight = lowest(walk_all(steeper, START, 100, OPTIMIZERS[name], coarse))
    turned_start = TURN.T @ START
    _, turned = lowest(walk_all(turned_ravine, turned_start, 100, OPTIMIZERS[name], coarse))
    rises[name] = turned[-1] / straight[-1]
claim(
    "In the turned ravine Adam ends more than ten times as high, momentum at the same height",
    rises["Adam"] > 10 and abs(rises["momentum"] - 1) < 1e-9,
    f"Adam {rises['Adam']:.0f} times, momentum {rises['momentum']:.2f} times",
)

# %% Digits

X, y = load_digits()
X = X[:500] / 16
y = y[:500]
predict(f"""
    A network learns {len(y)} digits, all in one batch, for 60 steps. Who comes below the loss 0.3
    at the learning rate 0.1, SGD or Adam? And at 1? Is a wrong optimizer worse, or a wrong rate?
""")

# %% Tune before you compare

RATES = (0.01, 0.03, 0.1, 0.3, 1)
needed = {}
curves = {}
for name, optimizer in OPTIMIZERS.items():
    needed[name] = []
    for lr in RATES:
        model = MLP(64, 32, 10, rng=args.seed)
        down = optimizer(model.parameters(), lr=lr)
        history = fit(model, cross_entropy, down, X, y, epochs=60, batch_size=len(X), rng=rng)
        curves[name, lr] = history.train
        below = np.flatnonzero(np.array(history.train) < 0.3)
        needed[name].append(min(below, default=np.inf))
table(["steps at the learning rate", *RATES], [(name, *row) for name, row in needed.items()])
best = [min(row) for row in needed.values()]
worst = [max(row) for row in needed.values()]
claim(
    "Each optimizer has a rate of the five at which it does not get there in 60 steps",
    min(worst) == np.inf,
    f"{np.sum(np.isinf(worst))} of {len(worst)} optimizers",
)
claim(
    "Each at its best rate, none needs six times the steps of the fastest",
    max(best) < 6 * min(best),
    f"{max(best) / min(best):.1f} times: {min(best)} to {max(best)} steps",
)

# %% The pictures


def draw_valley(ax, title, count):
    valley, _, _, xlim, ylim, minimum = VALLEYS[title]
    grid = np.meshgrid(np.linspace(*xlim, 120), np.linspace(*ylim, 120))
    ax.contour(*grid, valley(grid), 4.0 ** np.arange(-2, 6), colors="#CCCCCC", linewidths=0.8)
    for name in OPTIMIZERS:
        path = walks[title, name][0][: count + 1]
        wild = title == "Rosenbrock" and name == "RMSprop"  # it hits on the minimum by chance
        style = {"linewidth": 0.6, "alpha": 0.5} if wild else {"linewidth": 1.5}
        ax.plot(*path.T, color=COLOR[name.lower()], label=name, **style)
        ax.plot(*path[-1], "o", color=COLOR[name.lower()], markersize=6, zorder=5)
    ax.plot(*minimum, "*", color=COLOR["truth"], markersize=14)
    ax.set(xlim=xlim, ylim=ylim, xlabel="x", ylabel="y")


sweep(
    lambda figure, count: draw_valley(figure.subplots(), "ravine", count),
    [0, 1, 2, 4, 6, 8, 12, 16, 20, 30, 40, 60],
    "steps",
)
fig, (ravine_panel, rosenbrock_panel, loss_panel) = plt.subplots(1, 3, figsize=(14, 4.6))
draw_valley(ravine_panel, "ravine", 60)
ravine_panel.set_title("Ravine, 60 steps, each at its best rate")
draw_valley(rosenbrock_panel, "Rosenbrock", 200)
rosenbrock_panel.set_title("Rosenbrock's valley, 200 steps")
for name in OPTIMIZERS:
    loss_panel.semilogy(walks["ravine", name][1] + 1e-12, color=COLOR[name.lower()], label=name)
loss_panel.set(xlabel="step", ylabel="loss in the ravine")
loss_panel.set_title("SGD crawls along the floor")
fig.legend(*loss_panel.get_legend_handles_labels(), loc="outside lower center", ncols=7)
save(fig)

# %% Take away

takeaway("""
    Plain descent is slow in proportion to the condition number, momentum to its root. Adaptive
    methods are blind to the size of a coordinate's gradient, and see in which direction a ravine
    runs: they help where gradients differ in size from weight to weight, as between layers, and
    lose that help where a ravine runs across the coordinates. A wrong learning rate costs more than
    a wrong optimizer: so tune before you compare, all by the same grid.

    Next: lesson 15 looks for the learning rate, and changes it on the way.
""")
exercises(
    [
        "Give AdamW `weight_decay=0.5` in Rosenbrock's valley. Where does it end, and why not in "
        "(1, 1)?",
        "Multiply the loss of the digits by 1000. Whose row in the table of steps stays as it is?",
    ]
)
