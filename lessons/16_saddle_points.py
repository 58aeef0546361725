"""Lesson 16. Saddle points

At a saddle point the gradient vanishes, and yet it is no minimum: the loss rises along some
directions and falls along others. In two dimensions most people worry about false minima. In many
dimensions a minimum has to bend up along all of them at once, and a point that bends down along a
few is far more common. Descent that comes near one slows down, and its loss curve looks finished.

Lesson 14 compared optimizers in valleys. Here they start beside saddles: two that can be drawn and
one in a network that reads digits. Then we collect critical points of that network, and ask what
Dauphin and others asked in 2014: where are the saddles, high up or near the bottom?
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.curvature import Curvature, assign, flatten
from microloss.datasets import load_digits
from microloss.landscape import classify, find_critical_point, plot_spectrum
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
The surfaces: x² - y², the monkey saddle x³ - 3 x y², and the loss of a network on {len(y)} digits
from 0 to 4, told in four numbers each (their principal components). It has {n} weights, few enough
for its exact Hessian.
""")
predict("Set all weights of the network to 0. What is its gradient? Is that a minimum?")
BESIDE = np.array([1.0, 1e-3])
SURFACES = {  # loss, parameters, a start beside the saddle at 0, a loss that is well below it
    "x² - y²": (saddle, [w], BESIDE, -1.0),
    "monkey": (monkey, [w], BESIDE, -1.0),
    "network": (reading, params, 1e-3 * rng.standard_normal(n), np.log(5) - 0.3),
}
points, rows = {}, []
for name, (loss, weights, start, _) in SURFACES.items():
    assign(weights, 0 * start)
    points[name] = point = classify(loss, weights)
    least, *_, greatest = point.eigenvalues
    rows.append([name, f"{point.gradient_norm:.0e}", f"{least:.2f}", f"{greatest:.2f}", point.kind])
table(["at 0", "gradient", "least eigenvalue", "greatest", "kind"], rows)
claim(
    "the network has no gradient there, and a Hessian with eigenvalues of both signs: a saddle",
    point.gradient_norm < 1e-12 and point.kind == "saddle",
    f"{np.sum(point.eigenvalues < -1e-9)} of {n} are negative",
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
SECOND_ORDER = "Newton", "saddle-free"


def leave(name, loss, weights, start, goal):
    """The points on the way to a loss below the goal, the losses, and the steps (inf: never)."""
    assign(weights, start)
    optimizer = METHODS[name](weights)
    path, losses = [start], [loss().item()]
    limit = 30 if name in SECOND_ORDER else 400
    while losses[-1] > goal and len(path) <= limit:
        if name in SECOND_ORDER:
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
    return np.array(path), losses, len(path) - 1 if losses[-1] <= goal else np.inf


predict("""
    All start beside the saddle, a thousandth off the ridge. Newton's method divides the gradient by
    the curvature, and so takes long steps where it is flat. Is it the first to leave?
""")
runs = {name: {key: leave(name, *place) for key, place in SURFACES.items()} for name in METHODS}
steps = {name: np.array([steps for *_, steps in runs[name].values()]) for name in METHODS}
rows = [[name, *(f"{n:g}" for n in steps[name])] for name in METHODS]
table(["steps to leave (inf: never)", *SURFACES], rows)
ratio = steps["SGD"] / steps["momentum"]
claim(
    "SGD takes more than twice the steps of momentum, everywhere",
    min(ratio) > 2,
    f"{min(ratio):.1f} to {max(ratio):.1f} times",
)
gap = max(abs(runs["Newton"][name][1][-1] - points[name].loss) for name in SURFACES)
claim(
    "Newton never leaves: it ends at the height of the saddle, on all three",
    np.isinf(steps["Newton"]).all() and gap < 1e-6,
    f"within {gap:.0e}",
)
claim(
    "saddle-free Newton, which divides by the curvature's absolute value, leaves",
    max(steps["saddle-free"]) < 20,
    f"in at most {max(steps['saddle-free']):.0f} steps",
)
say("""
Along an eigenvalue d Newton steps by -g/d. Where d is negative that is uphill, towards the ridge:
Newton looks for any point without gradient. With |d| the step goes downhill and is still long where
it is flat (Dauphin and others, 2014). It costs a Hessian, which momentum and Adam do not.
""")
predict("And if we start exactly on the ridge of x² - y², at (1, 0)? Who leaves now?")
ridge = {name: leave(name, saddle, [w], np.array([1.0, 0.0]), -1.0) for name in METHODS}
left = [name for name, (*_, steps) in ridge.items() if steps < np.inf]
claim("only who has noise: for all others the slope across is 0", left == ["noise"], f"{left}")

# ---- where the saddles are -----------------------------------------------------------------------

LENGTHS = range(0, 96, 4)
say(f"""
find_critical_point() minimises the length of the gradient, not the loss, and so ends at saddles as
willingly as at minima. We send it off {len(LENGTHS)} times, from random weights trained for 0, 4,
8, ... steps, so that it starts at every height. Searches that get stuck elsewhere do not count. A
little weight decay keeps minima from lying at infinity.
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
heights, shares = np.array([(point.loss, point.index) for point in critical]).T
_, distinct = np.unique(heights.round(6), return_index=True)
correlation = np.corrcoef(heights[distinct], shares[distinct])[0, 1]
claim(
    "the share of negative eigenvalues grows with the loss",
    correlation > 0.8,
    f"correlation {correlation:.2f}; {len(critical)} searches arrived, at {len(distinct)} points",
)

fig, ((left, middle), (spectrum, right)) = plt.subplots(2, 2, figsize=(9, 7.6))
x, z = np.meshgrid(np.linspace(-1.5, 1.5, 121), np.linspace(-1.5, 1.5, 121))
left.contourf(x, z, x**2 - z**2, np.linspace(-2, 2, 17), cmap="PuOr_r", alpha=0.45, extend="both")
left.plot(0, 0, "*", color=COLOR["truth"], ms=13, zorder=4)
for name in METHODS:
    color, wide = PAINT[name], 5 if name == "Newton" else 1.5  # Newton's way lies under the others
    path = runs[name]["x² - y²"][0]
    left.plot(*path.T, ".-", color=color, lw=wide, ms=4, label=name, zorder=3 - wide / 5)
    middle.plot(runs[name]["network"][1], "o-" if name == "Newton" else "-", color=color, ms=3)
left.legend(loc="lower left", ncols=2, fontsize=8)
left.set(xlabel="x", ylabel="y", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
left.set_title("x² - y²: Newton goes to the saddle")
middle.set(xlim=(0, 300), ylim=(1.25, 1.65))
middle.set(xlabel="step", ylabel="loss of the network [nats]", title="A plateau that is a saddle")
plot_spectrum(spectrum, points["network"].eigenvalues, color=COLOR["model"])
spectrum.set_yscale("linear")
spectrum.set_title("The network there: ways up, and ways down")
right.plot(heights, 100 * shares, "o", color=COLOR["model"], ms=8, alpha=0.6)
right.set(xlabel="loss at the critical point", ylabel="negative eigenvalues [%]")
right.set_title("The higher, the more ways down")
save(fig)

takeaway("""
    Where the gradient vanishes, ask the Hessian: eigenvalues of both signs are a saddle. Descent
    leaves it, but slowly, and the loss curve looks finished. Momentum and Adam shorten the stay;
    noise leaves even from the ridge. Newton's method is drawn in, unless its steps are turned
    around where the curvature is negative. Critical points high up have many ways down, those near
    the bottom few.

    Next: lesson 17 draws the surface of the loss itself.
""")
exercises(
    [
        "Start SGD at distances of 1e-2, 1e-4 and 1e-6 from the ridge of x² - y². How do the steps "
        "to leave grow, and why so slowly?",
        "Leave out the weight decay. How many searches still find a critical point, and where do "
        "the others go?",
    ]
)
