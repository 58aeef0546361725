"""Lesson 16. Saddle points

At a saddle point the gradient vanishes, and yet it is no minimum: the loss rises along some
directions and falls along others. In two dimensions most people worry about false minima. In many
dimensions a minimum has to bend up along all of them at once, and a point that bends down along a
few is far more common. Descent that comes near one slows down, and its loss curve looks finished.

Lesson 14 compared optimizers in valleys. Here they start beside saddles: two that can be drawn and
one in a network that reads digits. Then we collect critical points of that network, of any kind,
and ask what Dauphin and others asked in 2014: where are the saddles, high up or near the bottom?
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.curvature import Curvature, assign, flatten
from microloss.datasets import load_digits
from microloss.landscape import classify, find_critical_point
from microloss.losses import cross_entropy
from microloss.nn import MLP, Tanh
from microloss.optim import SGD, Adam, SaddleFreeNewton

rng = begin()

# ---- two saddles and a network -------------------------------------------------------------------

w = Tensor([0.0, 0.0], requires_grad=True)


def saddle():
    return w[0] ** 2 - w[1] ** 2


def monkey():
    """Three valleys and three ridges meet: a place for two legs and a tail."""
    return w[0] ** 3 - 3 * w[0] * w[1] ** 2


X, y = load_digits()
keep = np.concatenate([np.flatnonzero(y == digit)[:20] for digit in range(5)])
X, y = X[keep] - X[keep].mean(axis=0), y[keep]
U, _, _ = np.linalg.svd(X, full_matrices=False)
X = U[:, :4] * np.sqrt(len(y))  # the four strongest patterns of ink, each of variance 1
network = MLP(4, 3, 5, rng=args.seed, activation=Tanh)
params = network.parameters()
n = sum(p.size for p in params)


def reading():
    return cross_entropy(network(X), y)


say(f"""
The surfaces: x² - y², the monkey saddle x³ - 3 x y², and the loss of a small network on {len(y)}
digits from 0 to 4, {len(y) // 5} of each, told in four numbers each (their principal components).
It has {n} weights, few enough for its exact Hessian.
""")
predict("""
    Set all weights of the network to 0. What is its gradient? Is that a minimum?
""")
SURFACES = {  # loss, parameters, the saddle
    "x² - y²": (saddle, [w], np.zeros(2)),
    "monkey": (monkey, [w], np.zeros(2)),
    "network": (reading, params, np.zeros(n)),
}
points = {}
for name, (loss, weights, centre) in SURFACES.items():
    assign(weights, centre)
    points[name] = classify(loss, weights)
rows = [
    [
        name,
        f"{point.gradient_norm:.0e}",
        *(int(np.sum(sign * point.eigenvalues > 1e-9)) for sign in (-1, 1)),
        int(np.sum(np.abs(point.eigenvalues) <= 1e-9)),
        point.kind,
    ]
    for name, point in points.items()
]
table(["", "gradient", "eigenvalues < 0", "> 0", "= 0", "kind"], rows)
claim(
    "the gradient is 0 at all three",
    all(point.gradient_norm < 1e-12 for point in points.values()),
    f"at most {max(point.gradient_norm for point in points.values()):.0e}",
)
claim(
    "the network's Hessian has eigenvalues of both signs there: a saddle, like x² - y²",
    points["network"].kind == points["x² - y²"].kind == "saddle",
    f"from {points['network'].eigenvalues[0]:.2f} to {points['network'].eigenvalues[-1]:.2f}",
)
claim(
    "the monkey saddle's Hessian is 0: curvature alone cannot tell what it is",
    points["monkey"].kind == "degenerate",
    f"{points['monkey'].eigenvalues}",
)
say("""
With all weights at 0 every hidden unit is silent, so no weight by itself changes anything, and the
network guesses. Two layers together would: that is the way down, and the gradient does not see it.
""")

# ---- who leaves ----------------------------------------------------------------------------------


class Newton:
    """p = p - H^-1 g, without a step along eigenvalues that are 0."""

    def __init__(self, params):
        self.params = params

    def step(self, closure):
        curvature = Curvature(closure(), self.params)
        step = np.linalg.pinv(curvature.matrix(), rcond=1e-9, hermitian=True) @ curvature.gradient
        assign(self.params, flatten(self.params) - step)


METHODS = {
    "SGD": lambda params: SGD(params, lr=0.05),
    "noise": lambda params: SGD(params, lr=0.05),
    "momentum": lambda params: SGD(params, lr=0.05, momentum=0.9),
    "Adam": lambda params: Adam(params, lr=0.05),
    "Newton": Newton,
    "saddle-free": lambda params: SaddleFreeNewton(params, damping=0.05),
}
KEY = {"noise": "sam", "saddle-free": "saddle_free"}
PAINT = {name: COLOR[KEY.get(name, name.lower())] for name in METHODS}
LIMIT = {name: 30 if name in ("Newton", "saddle-free") else 400 for name in METHODS}


def leave(surface, start, name, drop):
    """The way from start until the loss is `drop` below the saddle's, and the losses on it."""
    loss, weights, _ = SURFACES[surface]
    assign(weights, start)
    optimizer = METHODS[name](weights)
    floor = points[surface].loss - drop
    path, losses = [start], [loss().item()]
    while losses[-1] > floor and len(path) <= LIMIT[name]:
        if name in ("Newton", "saddle-free"):
            optimizer.step(loss)
        else:
            optimizer.zero_grad()
            loss().backward()
            if name == "noise":
                for p in weights:
                    p.grad = p.grad + 0.3 * rng.standard_normal(p.shape)
            optimizer.step()
        path.append(flatten(weights))
        losses.append(loss().item())
    return np.array(path), np.array(losses), losses[-1] <= floor


predict("""
    All start beside the saddle, a thousandth off the ridge. Newton's method divides the gradient by
    the curvature, and so takes long steps where it is flat. Is it the first to leave?
""")
beside = np.array([1.0, 1e-3])
STARTS = {
    "x² - y²": (beside, 1.0),
    "monkey": (beside, 1.0),
    "network": (1e-3 * rng.standard_normal(n), 0.3),
}
runs = {
    (surface, name): leave(surface, start, name, drop)
    for surface, (start, drop) in STARTS.items()
    for name in METHODS
}


def steps(surface, name):
    path, _, left = runs[surface, name]
    return len(path) - 1 if left else np.inf


table(
    ["steps to leave", *SURFACES],
    [
        [
            name,
            *(f"> {LIMIT[name]}" if n == np.inf else n for n in (steps(s, name) for s in SURFACES)),
        ]
        for name in METHODS
    ],
)
claim(
    "SGD takes more than twice the steps of momentum, everywhere",
    all(steps(surface, "SGD") > 2 * steps(surface, "momentum") for surface in SURFACES),
    ", ".join(f"{steps(s, 'SGD')} against {steps(s, 'momentum')}" for s in SURFACES),
)
claim(
    "noise in the gradient helps SGD off the ridge",
    all(steps(surface, "noise") < steps(surface, "SGD") for surface in SURFACES),
    ", ".join(f"{steps(s, 'noise')}" for s in SURFACES),
)
ends = {surface: runs[surface, "Newton"][0][-1] for surface in SURFACES}
gaps = [abs(runs[surface, "Newton"][1][-1] - points[surface].loss) for surface in SURFACES]
claim(
    "Newton never leaves: it ends at the height of the saddle, on all three",
    all(steps(surface, "Newton") == np.inf for surface in SURFACES) and max(gaps) < 1e-6,
    f"within {max(gaps):.0e}",
)
assign(params, ends["network"])
end = classify(reading, params)
claim(
    "in the network it has found a point without gradient that is a saddle",
    end.gradient_norm < 1e-6 and end.kind == "saddle",
    f"gradient {end.gradient_norm:.0e}, eigenvalues from {end.eigenvalues[0]:.2f} to "
    f"{end.eigenvalues[-1]:.2f}",
)
slowest = max(steps(surface, "saddle-free") for surface in SURFACES)
claim(
    "saddle-free Newton, which divides by the curvature's absolute value, leaves",
    slowest < 20,
    f"in at most {slowest} steps",
)
say("""
Along an eigenvalue d Newton steps by -g/d. Where d is negative that is uphill, towards the ridge:
Newton looks for any point without gradient. With |d| the step goes downhill and is still long where
it is flat (Dauphin and others, 2014). It costs a Hessian, which momentum and Adam do not.
""")
predict("And if we start exactly on the ridge of x² - y², at (1, 0)? Who leaves now?")
ridge = {name: leave("x² - y²", np.array([1.0, 0.0]), name, 1.0) for name in METHODS}
left = [name for name, (_, _, left) in ridge.items() if left]
claim("only who has noise: for all others the slope across is 0", left == ["noise"], f"{left}")

# ---- where the saddles are -----------------------------------------------------------------------

LENGTHS = range(0, 96, 4)
say(f"""
Now for critical points of any kind. find_critical_point() minimises the length of the gradient, not
the loss, and so ends at saddles as willingly as at minima. We send it off {len(LENGTHS)} times,
from random weights trained for 0, 4, 8, ... steps, so that it starts at every height. A little
weight decay keeps minima from lying at infinity.
""")
predict("Will critical points with a high loss have more directions down, or fewer?")


def penalised():
    return reading() + 0.01 * sum(np.sum(p * p) for p in params)


found = []
for length in LENGTHS:
    assign(params, 0.1 * rng.standard_normal(n))
    optimizer = Adam(params, lr=0.02)
    for _ in range(length):
        optimizer.zero_grad()
        penalised().backward()
        optimizer.step()
    find_critical_point(penalised, params, steps=25, tolerance=1e-7)
    found.append(classify(penalised, params))
critical = [point for point in found if point.gradient_norm < 1e-6]
minima = [point.loss for point in critical if point.kind == "minimum"]
saddles = [point.loss for point in critical if point.kind == "saddle"]
heights, shares = np.array([(point.loss, point.index) for point in critical]).T
_, distinct = np.unique(heights.round(6), return_index=True)
say(f"""
{len(critical)} came to a gradient below 1e-6 (minima: {len(minima)}, saddles: {len(saddles)}), at
{len(distinct)} different losses: some are the same point, or its mirror image. The rest got stuck
where the gradient's length has a minimum that is not 0, or were still on their way. Those are no
critical points, and we leave them out.
""")
correlation = np.corrcoef(heights[distinct], shares[distinct])[0, 1]
claim(
    "the share of negative eigenvalues grows with the loss",
    correlation > 0.8,
    f"correlation {correlation:.2f} over {len(distinct)} different points",
)
claim(
    "most critical points are saddles", len(saddles) > len(minima), f"{len(saddles)}, {len(minima)}"
)
low, high = min(heights), max(heights)
claim(
    "no minimum lies in the upper half",
    all(loss < (low + high) / 2 for loss in minima) and max(saddles) == high,
    f"minima up to {max(minima, default=low):.2f}, saddles up to {max(saddles):.2f}",
)

# ---- in pictures ---------------------------------------------------------------------------------

grid = np.linspace(-1.5, 1.5, 121)
x, z = np.meshgrid(grid, grid)


def draw(ax, surface, heights):
    levels = np.linspace(-2, 2, 17)
    ax.contourf(x, z, heights, levels, cmap="PuOr_r", alpha=0.45, extend="both")
    for name in METHODS:
        path = runs[surface, name][0]
        wide = 5 if name == "Newton" else 1.5  # it lies under the others
        ax.plot(*path.T, ".-", color=PAINT[name], lw=wide, ms=4, label=name, zorder=3 - wide / 5)
    ax.plot(0, 0, "*", color=COLOR["truth"], ms=13, zorder=4)
    ax.set(xlabel="x", ylabel="y", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))


fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4.2))
draw(left, "x² - y²", x**2 - z**2)
left.set_title("x² - y²: Newton goes to the saddle")
left.legend(loc="lower left", ncols=2, fontsize=8)
for name in METHODS:
    losses = runs["network", name][1]
    middle.plot(losses, "o-" if name == "Newton" else "-", color=PAINT[name], ms=3, label=name)
middle.set(xlim=(0, 300), ylim=(1.25, 1.65))
middle.set(xlabel="step", ylabel="loss of the network [nats]", title="A plateau that is a saddle")
middle.legend(loc="lower right", fontsize=8)
right.plot(heights, 100 * shares, "o", color=COLOR["model"], ms=8, alpha=0.6)
right.set(xlabel="loss at the critical point", ylabel="negative eigenvalues [%]")
right.set_title("The higher, the more ways down")
save(fig)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
draw(left, "monkey", x**3 - 3 * x * z**2)
left.set_title("The monkey saddle: three ways down")
left.legend(loc="lower left", ncols=2, fontsize=8)
values = points["network"].eigenvalues
right.bar(
    range(1, n + 1), values, color=np.where(values < 0, COLOR["naive"], COLOR["stable"]), width=0.8
)
right.set(xlabel="rank", ylabel="eigenvalue of the Hessian")
down, up = np.sum(values < -1e-9), np.sum(values > 1e-9)
right.set_title(f"The network at 0: {down} ways down, {up} up")
save(fig, "monkey")

takeaway("""
    Where the gradient vanishes, ask the Hessian: eigenvalues of both signs are a saddle. Descent
    leaves it, but slowly, and the loss curve looks finished. Momentum, Adam and noise shorten the
    stay. Newton's method is drawn in, unless its steps are turned around where the curvature is
    negative. Critical points high up have many ways down; minima lie low.

    Next: lesson 17 draws the surface of the loss itself.
""")
exercises(
    [
        "Give the three hidden units equal weights, ten times as large. Why do they stay equal for "
        "ever, and at what kind of point does SGD end?",
        "Start SGD at distances of 1e-2, 1e-4 and 1e-6 from the ridge of x² - y². How do the steps "
        "to leave grow, and why so slowly?",
        "Leave out the weight decay. How many searches still find a critical point, and where do "
        "the others go?",
    ]
)
