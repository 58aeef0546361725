"""Lesson 16. Saddle points

At a saddle point the gradient vanishes, and yet it is no minimum: the loss rises along some
directions and falls along others. In two dimensions most people worry about false minima. In many
dimensions a minimum has to bend up along all of them at once, and a point that bends down along a
few is far more common. Descent that comes near one slows down, and its loss curve looks finished.

Lesson 14 compared optimizers in valleys. Here they start beside saddles. Then we ask what Dauphin
and others asked in 2014: where are the saddles of a network, high up or near the bottom?
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

# ---- three saddles -------------------------------------------------------------------------------

X, y = load_digits()
keep = np.concatenate([np.flatnonzero(y == digit)[:20] for digit in range(5)])
X, y = X[keep] - X[keep].mean(axis=0), y[keep]
U, _, _ = np.linalg.svd(X, full_matrices=False)
X = U[:, :4] * np.sqrt(len(y))  # the four strongest patterns of ink, each of variance 1
network = MLP(4, 3, 5, rng=args.seed, activation=Tanh)
params = network.parameters()
n = sum(p.size for p in params)
w = Tensor([0.0, 0.0], requires_grad=True)


def saddle():
    return w[0] ** 2 - w[1] ** 2


def monkey():
    """Three valleys and three ridges meet: a place for two legs and a tail."""
    return w[0] ** 3 - 3 * w[0] * w[1] ** 2


def reading():
    """A little weight decay keeps the minima from lying at infinity."""
    return cross_entropy(network(X), y) + 0.01 * sum(np.sum(p * p) for p in params)


predict(f"""
    A network with {n} weights reads {len(y)} digits from 0 to 4, told in four numbers each. Set all
    weights to 0. What is the gradient of its loss? Is that a minimum?
""")
assign(params, np.zeros(n))
point = classify(reading, params)
claim(
    "it has no gradient there, and a Hessian with eigenvalues of both signs: a saddle",
    point.gradient_norm < 1e-12 and point.kind == "saddle",
    f"{point.index:.0%} are negative, the least {point.eigenvalues[0]:.2f}",
)
spectrum = classify(monkey, [w]).eigenvalues
claim("the monkey saddle's Hessian is 0, and tells nothing", not np.any(spectrum), f"{spectrum}")
say("""
With all weights at 0 every hidden unit is silent, and the network guesses. No weight by itself
lowers the loss. One in each layer would: that is the way down, and the gradient does not see it.
""")

# ---- who leaves ----------------------------------------------------------------------------------

METHODS = {  # optimizer, its options, colour
    "SGD": (SGD, {"lr": 0.05}, COLOR["sgd"]),
    "noise": (SGD, {"lr": 0.05}, COLOR["sam"]),
    "momentum": (SGD, {"lr": 0.05, "momentum": 0.9}, COLOR["momentum"]),
    "Adam": (Adam, {"lr": 0.05}, COLOR["adam"]),
    "saddle-free": (SaddleFreeNewton, {"damping": 0.05}, COLOR["saddle_free"]),
}


def leave(name, loss, weights, start, goal):
    """The points on the way to a loss below the goal, the losses, and the steps (inf: never)."""
    kind, options, _ = METHODS[name]
    optimizer = kind(weights, **options)
    assign(weights, start)
    path, losses = [start], [loss().item()]
    while losses[-1] > goal and len(path) <= 400:
        if kind is SaddleFreeNewton:
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


BESIDE = np.array([1.0, 1e-3])
SURFACES = {  # loss, parameters, a start beside the saddle at 0, a loss that is well below it
    "x² - y²": (saddle, [w], BESIDE, -1.0),
    "monkey": (monkey, [w], BESIDE, -1.0),
    "network": (reading, params, 1e-3 * rng.standard_normal(n), np.log(5) - 0.3),
}
predict("All start a thousandth off the ridge. Newton divides by the curvature: is it the first?")
runs = {name: {at: leave(name, *place) for at, place in SURFACES.items()} for name in METHODS}
steps = {name: np.array([run[at][-1] for at in SURFACES]) for name, run in runs.items()}
table(["steps to leave", *SURFACES], [[name, *counts] for name, counts in steps.items()])
times = min(steps["SGD"] / steps["momentum"])
claim("SGD takes more than twice the steps of momentum", times > 2, f"at least {times:.1f} times")
newton = {}
for name, (loss, weights, start, _) in SURFACES.items():
    assign(weights, start)
    for _ in range(15):
        here = Curvature(loss(), weights)
        assign(weights, flatten(weights) - np.linalg.solve(here.matrix(), here.gradient))
    newton[name] = flatten(weights)
away = max(np.abs(end).max() for end in newton.values())
claim("Newton never leaves: it goes to the saddle, on all three", away < 1e-3, f"within {away:.0e}")
most = max(steps["saddle-free"])
claim("saddle-free Newton leaves all three", most < 20, f"in at most {most:g} steps")
say("""
Along an eigenvalue d Newton steps by -g/d, uphill where d is negative: it looks for any point
without gradient. Saddle-free Newton divides by |d|, and goes down. Each step costs a Hessian.
""")
predict("And if we start exactly on the ridge of x² - y², at (1, 0)? Who leaves now?")
RIDGE = saddle, [w], np.array([1.0, 0.0]), -1.0
left = [name for name in METHODS if leave(name, *RIDGE)[-1] < np.inf]
claim("only who has noise: for all others the slope across is 0", left == ["noise"], f"{left}")

# ---- where the saddles are -----------------------------------------------------------------------

say("""
Newton's fault is of use: find_critical_point() takes its steps, damped, and so ends at saddles as
willingly as at minima. We let Adam take the network down to every height, and send it off there.
""")
predict("Will critical points with a high loss have more directions down, or fewer?")
found = {}  # by height: several searches may arrive at one point, and some at none
for height in np.linspace(1.6, 0.45, 24):
    leave("Adam", reading, params, 0.1 * rng.standard_normal(n), height)
    if find_critical_point(reading, params, steps=25, tolerance=1e-7) < 1e-6:
        point = classify(reading, params)
        found[round(point.loss, 6)] = point.index
heights, shares = np.array([*found.items()]).T
r = np.corrcoef(heights, shares)[0, 1]
evidence = f"correlation {r:.2f} over the {len(found)} points found"
claim("the share of negative eigenvalues grows with the loss", r > 0.8, evidence)

fig, axes = plt.subplot_mosaic([["paths", "losses"], ["paths", "index"]], figsize=(9, 5))
paths, losses, index = axes.values()
x = np.linspace(-1.5, 1.5, 121)
paths.contourf(x, x, x**2 - x[:, np.newaxis] ** 2, 16, cmap="PuOr_r", alpha=0.45)
paths.plot(0, 0, "*", color=COLOR["truth"], ms=13, zorder=4)
paths.plot(*np.transpose([BESIDE, newton["x² - y²"]]), color=COLOR["newton"], lw=6, label="Newton")
for name, (_, _, color) in METHODS.items():
    paths.plot(*runs[name]["x² - y²"][0].T, ".-", color=color, lw=1.5, ms=4, label=name)
    losses.plot(runs[name]["network"][1], color=color)
paths.legend(loc="lower left", ncols=2, fontsize=8)
paths.set(xlabel="x", ylabel="y", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
paths.set_title("x² - y²: Newton goes to the saddle")
losses.set(xlabel="step", ylabel="loss [nats]", title="The network's plateau is a saddle")
index.plot(heights, 100 * shares, "o", color=COLOR["model"], ms=8, alpha=0.6)
index.set(xlabel="loss at the critical point", ylabel="eigenvalues < 0 [%]")
index.set_title("The higher, the more ways down")
save(fig)

takeaway("""
    Where the gradient vanishes, ask the Hessian: eigenvalues of both signs are a saddle. Descent
    leaves it, but slowly. Momentum and Adam shorten the stay; noise leaves even from the ridge.
    Newton's method is drawn in, unless its steps are turned around where the curvature is negative.
    Critical points high up have many ways down, those near the bottom few.

    Next: lesson 17 draws the surface of the loss itself.
""")
exercises(
    [
        "Start SGD 1e-2, 1e-4 and 1e-6 off the ridge of x² - y². Why do its steps grow so slowly?",
        "Divide the weight decay by 10 and by 100. How many points are found? Why fewer?",
    ]
)
