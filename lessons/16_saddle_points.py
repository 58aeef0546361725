"""Lesson 16. Saddle points

At a saddle point the gradient vanishes, and yet it is not a minimum: the loss rises along some
directions and falls along others. In two dimensions most people worry about false minima. In many
dimensions a minimum has to bend up along all of them at once, and a point that bends down along a
few is far more common. Descent that comes near a saddle slows down, and its loss curve looks
finished (a plateau).

Lesson 14 compared optimizers in valleys. Here they start beside saddles. Then we ask what Dauphin
and others asked in 2014: where are the saddles of a network, high up or near the bottom?
"""

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
from microloss.curvature import Curvature, assign, flatten
from microloss.datasets import load_digits
from microloss.landscape import classify, find_critical_point
from microloss.losses import cross_entropy
from microloss.nn import MLP, Tanh
from microloss.optim import SGD, Adam, SaddleFreeNewton

rng = begin()

# %% What a saddle is

say("""
Near a point without gradient the loss is its second-order Taylor polynomial. In the directions of
the Hessian's eigenvectors (coordinates z_i) it is a sum of parabolas, one for each eigenvalue d_i:
""")
formula(
    """
    loss(w* + z) = loss(w*) + 1/2 sum_i d_i z_i^2 + ...
    all d_i > 0: a minimum      some d_i < 0 and some > 0: a saddle
    index = share of the d_i that are negative
    """,
    tex=r"L(w^* + z) = L(w^*) + \tfrac12 \sum_i d_i z_i^2 + \dots",
)
X, y = load_digits()
rows = np.concatenate([np.flatnonzero(y == digit)[:20] for digit in range(5)])
centred = X[rows] - X[rows].mean(axis=0)
labels = y[rows]
left_vectors, _, _ = np.linalg.svd(centred, full_matrices=False)
features = left_vectors[:, :4] * np.sqrt(len(labels))  # the four strongest patterns of ink
network = MLP(4, 3, 5, rng=args.seed, activation=Tanh)
params = network.parameters()
size = sum(p.size for p in params)
point = Tensor([0.0, 0.0], requires_grad=True)


def round_saddle():
    return point[0] ** 2 - point[1] ** 2


def long_saddle():
    """Steep across, nearly flat along the way down."""
    return point[0] ** 2 - 0.01 * point[1] ** 2


def monkey_saddle():
    """Three valleys and three ridges meet: a place for two legs and a tail."""
    return point[0] ** 3 - 3 * point[0] * point[1] ** 2


def network_loss():
    """A little weight decay keeps the minima from lying at infinity."""
    return cross_entropy(network(features), labels) + 0.01 * sum(np.sum(p * p) for p in params)


predict(f"""
    A network with {size} weights reads {len(labels)} digits from 0 to 4, told in four numbers each.
    Set all weights to 0. What is the gradient of its loss? Is that a minimum?
""")

# %% All weights at 0

assign(params, np.zeros(size))
at_zero = classify(network_loss, params)
claim(
    "With all weights at 0 the gradient is 0, and the Hessian has eigenvalues of both signs",
    at_zero.gradient_norm < 1e-12 and at_zero.kind == "saddle",
    f"{at_zero.eigenvalues[0]:.2f} to {at_zero.eigenvalues[-1]:.2f}, {at_zero.index:.0%} negative",
)
assign([point], np.zeros(2))
monkey_spectrum = classify(monkey_saddle, [point]).eigenvalues
claim(
    "The Hessian of the monkey saddle is 0 and says nothing about it",
    not np.any(monkey_spectrum),
    f"eigenvalues {monkey_spectrum}",
)
say("""
With all weights at 0 every hidden unit is silent, and the network guesses. No weight by itself
lowers the loss. One in each layer together would: that is the way down, and the gradient does not
see it. Such a start is our choice here, to meet the saddle; ordinary starts are further from 0.
""")
predict("""
    Plain gradient descent (SGD) and momentum 0.9 start a thousandth beside the ridge of x² - y².
    Both may choose their best rate. Which one is further down after a few steps? And on
    x² - 0.01 y², where the way down is nearly flat?
""")

# %% Each at its best rate

RATES = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 0.95, 1.5)
MAKERS = {
    "SGD": lambda weights, lr: SGD(weights, lr=lr),
    "noise": lambda weights, lr: SGD(weights, lr=lr),
    "momentum": lambda weights, lr: SGD(weights, lr=lr, momentum=0.9),
    "Adam": lambda weights, lr: Adam(weights, lr=lr),
    "saddle-free": lambda weights, lr: SaddleFreeNewton(weights, lr=1.0, damping=0.05),
}
COLORS = {
    "SGD": COLOR["sgd"],
    "noise": COLOR["sam"],
    "momentum": COLOR["momentum"],
    "Adam": COLOR["adam"],
    "saddle-free": COLOR["saddle_free"],
}


def leave(name, lr, loss, weights, start, goal, most=600):
    """The points on the way to a loss below the goal, the losses, and the steps (inf: never)."""
    optimizer = MAKERS[name](weights, lr)
    assign(weights, start)
    path = [start]
    losses = [loss().item()]
    while losses[-1] > goal and len(path) <= most and np.isfinite(losses[-1]) and losses[-1] < 1e6:
        if name == "saddle-free":
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
    steps = len(path) - 1 if losses[-1] <= goal else np.inf
    return np.array(path), losses, steps


def at_best_rate(name, *place, most=600):
    """The run that leaves in the fewest steps, and its rate."""
    rates = (1.0,) if name == "saddle-free" else RATES if len(place[1]) == 1 else RATES[2::2]
    runs = [(lr, leave(name, lr, *place, most=most)) for lr in rates]
    return min(runs, key=lambda run: run[1][-1])


BESIDE = np.array([1.0, 1e-3])
SURFACES = {  # loss, parameters, a start beside the saddle at 0, a loss that is well below it
    "x² - y²": (round_saddle, [point], BESIDE, -1.0),
    "x² - 0.01 y²": (long_saddle, [point], BESIDE, -1.0),
    "network": (network_loss, params, 1e-3 * rng.standard_normal(size), np.log(5) - 0.3),
}
best = {}
for name in MAKERS:
    for surface, place in SURFACES.items():
        best[name, surface] = at_best_rate(name, *place, most=600 if surface != "network" else 300)
steps = {key: run[-1] for key, (_, run) in best.items()}
table(
    ["steps at the best rate", *SURFACES],
    [
        (name, *(f"{steps[name, surface]:g} ({best[name, surface][0]:g})" for surface in SURFACES))
        for name in MAKERS
    ],
)
ratio = steps["SGD", "x² - 0.01 y²"] / steps["momentum", "x² - 0.01 y²"]
claim(
    "Where the way down is nearly flat, SGD takes more than 4 times the steps of momentum, "
    "each at its best rate",
    ratio > 4,
    f"{ratio:.1f} times",
)
claim(
    "On the round saddle SGD takes less than twice the steps of momentum, each at its best rate",
    steps["SGD", "x² - y²"] < 2 * steps["momentum", "x² - y²"],
    f"{steps['SGD', 'x² - y²'] / steps['momentum', 'x² - y²']:.1f} times: "
    f"{steps['SGD', 'x² - y²']:g} against {steps['momentum', 'x² - y²']:g} steps",
)
say("""
The steep direction limits the rate: beyond 2/2 = 1 SGD swings ever wider across the ridge. At that
rate y grows by a factor 1 + 2 on the round saddle, but by 1.02 on the long one. Momentum adds up
the small steps along the way down, as it does in a ravine (lesson 14). Adam divides by the size of
the gradient, however small it is, and so is the first everywhere.
""")
predict("Newton's method divides each step by the curvature. Is it the first to leave?")

# %% Newton is drawn in

formula(
    """
    along an eigenvector with eigenvalue d and slope g:
    Newton        step = -g / d      uphill where d < 0: to any point without gradient
    saddle-free   step = -g / |d|    downhill always (Dauphin et al. 2014)
    """,
    tex=r"\Delta_\text{Newton} = -\frac{g}{d}, \qquad \Delta_\text{saddle-free} = -\frac{g}{|d|}",
)
newton_ends = {}
for surface, (loss, weights, start, *_) in {
    **SURFACES,
    "monkey": (monkey_saddle, [point], BESIDE),
}.items():
    assign(weights, start)
    for _ in range(15):
        here = Curvature(loss(), weights)
        assign(weights, flatten(weights) - np.linalg.solve(here.matrix(), here.gradient))
    newton_ends[surface] = flatten(weights)
distance = max(np.abs(end).max() for end in newton_ends.values())
claim(
    "On all four surfaces 15 steps of Newton's method end at the saddle",
    distance < 1e-3,
    f"within {distance:.0e}",
)
most = max(steps["saddle-free", surface] for surface in SURFACES)
claim(
    "Saddle-free Newton leaves all three in fewer than 60 steps",
    most < 60,
    f"{most:g} steps at most; each one costs a Hessian",
)
predict("And if we start exactly on the ridge of x² - y², at (1, 0)? Who leaves now?")

# %% On the ridge

RIDGE = round_saddle, [point], np.array([1.0, 0.0]), -1.0
leavers = [name for name in MAKERS if at_best_rate(name, *RIDGE)[1][-1] < np.inf]
claim(
    "From the ridge itself only descent with noise leaves: for the others the slope across is 0",
    leavers == ["noise"],
    f"{len(leavers)} of {len(MAKERS)} leave: {', '.join(leavers)}",
)

# %% How likely is it to end there?

say("""
The ridge is a line in the plane: a random start lies on it with probability 0. Lee, Simchowitz,
Jordan and Recht (2016, Gradient descent only converges to minimizers) prove that the same holds for
every strict saddle. We try it on x² - y² + y⁴ / 2, which has a saddle at 0 and minima at y = ±1.
""")
starts = rng.uniform(-1.5, 1.5, (1000, 2))
ends = starts.copy()
for _ in range(500):
    slopes = np.stack([2 * ends[:, 0], -2 * ends[:, 1] + 2 * ends[:, 1] ** 3], axis=1)
    ends -= 0.1 * slopes
stuck = np.sum(np.abs(ends).max(axis=1) < 0.5)
claim(
    "Of 1,000 random starts none ends at the saddle",
    stuck == 0,
    f"{stuck} of 1,000; all are within {np.abs(np.abs(ends[:, 1]) - 1).max():.0e} of a minimum",
)
say("Saddles cost time, then, not the result: it is the plateau that one mistakes for the end.")
predict("Will critical points with a high loss have more directions down, or fewer?")

# %% Where the saddles of a network are

say("""
Newton's fault is of use: find_critical_point() takes its steps, damped, and so ends at saddles as
willingly as at minima. We let Adam take the network down to every height, and send it off there.
""")
found = {}  # several searches may arrive at one point, and some at none
for height in np.linspace(1.6, 0.45, 20):
    leave("Adam", 0.05, network_loss, params, 0.1 * rng.standard_normal(size), height)
    if find_critical_point(network_loss, params, steps=25, tolerance=1e-7) < 1e-6:
        critical = classify(network_loss, params)
        found[round(critical.loss, 6)] = critical.index
heights, shares = np.array([*found.items()]).T
correlation = np.corrcoef(heights, shares)[0, 1]
claim(
    "The share of negative eigenvalues grows with the loss of the critical point",
    correlation > 0.7,
    f"correlation {correlation:.2f} over the {len(found)} points found",
)

# %% The picture

PICTURE_RATE = 0.05
walks = {name: leave(name, PICTURE_RATE, *SURFACES["x² - y²"])[0] for name in MAKERS}
grid = np.linspace(-1.5, 1.5, 121)
heights_of_saddle = grid**2 - grid[:, np.newaxis] ** 2


def draw_walks(ax, count):
    """The first `count` steps of everyone over the round saddle."""
    ax.contourf(grid, grid, heights_of_saddle, 16, cmap="PuOr_r", alpha=0.4)
    ax.plot(0, 0, "*", color=COLOR["truth"], markersize=13, zorder=4)
    newton_walk = np.array([BESIDE, newton_ends["x² - y²"]])[: count + 1]
    ax.plot(*newton_walk.T, color=COLOR["newton"], linewidth=5, label="Newton")
    for name, walk in walks.items():
        ax.plot(*walk[: count + 1].T, ".-", color=COLORS[name], linewidth=1.5, label=name)
    ax.set(xlabel="x", ylabel="y", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))


def draw_sweep(figure, count):
    draw_walks(figure.subplots(), count)


sweep(draw_sweep, [0, 2, 4, 8, 12, 16, 20, 30, 40, 60, 80], "steps")
fig, axes = plt.subplot_mosaic([["paths", "losses"], ["paths", "index"]], figsize=(10, 5.4))
draw_walks(axes["paths"], 600)
axes["paths"].set_title("x² - y²: Newton goes to the saddle")
axes["paths"].legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=8)
for name in MAKERS:
    axes["losses"].plot(best[name, "network"][1][1], color=COLORS[name])
axes["losses"].set(xlabel="step, each at its best rate", ylabel="loss [nats]")
axes["losses"].set_title("The network's plateau is a saddle")
axes["index"].plot(heights, 100 * shares, "o", color=COLOR["model"], markersize=8, alpha=0.6)
axes["index"].set(xlabel="loss at the critical point", ylabel="eigenvalues < 0 [%]")
axes["index"].set_title("The higher, the more ways down")
save(fig)

# %% Take away

takeaway("""
    Where the gradient vanishes, ask the Hessian: eigenvalues of both signs are a saddle. Descent
    leaves it, but slowly where the way down is flat; there momentum shortens the stay, and on a
    round saddle it does not. Noise leaves even from the ridge. Newton's method is drawn in, unless
    its steps are turned around where the curvature is negative. Random starts do not end in strict
    saddles. Critical points high up have many ways down, those near the bottom few.

    Next: lesson 17 draws the surface of the loss itself.
""")
exercises(
    [
        "Start SGD with rate 0.1 beside the ridge of x² - y² at 1e-2, 1e-4 and 1e-6. How do its "
        "steps grow?",
        "Divide the weight decay of the network by 10. How many critical points are found?",
    ]
)
