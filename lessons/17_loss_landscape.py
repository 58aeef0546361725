"""Lesson 17. The loss landscape

A loss is a landscape over the parameters, and its shape decides what descent can find. A convex
loss has one valley: from any start, downhill leads to the bottom. Networks are not convex.

Lesson 16 looked at single points. Here we ask which losses are convex, cut landscapes along lines
that can be compared, look for valleys that are not the deepest one, and walk from one trained
network to another.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, sweep, table, takeaway

from microloss import Tensor
from microloss.datasets import load_digits, standardize
from microloss.functional import sigmoid
from microloss.landscape import (
    classify,
    eigenvalues,
    plane,
    random_direction,
    slice_line,
)
from microloss.losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from microloss.nn import MLP, Tanh
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
images, labels = load_digits()
small = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)  # 4 by 4 pixels
rows = rng.permutation(len(small))[:300]
X, y = standardize(small[rows]), labels[rows]

# %% Convex or not

say("""
A loss is convex if no straight line between two points of its graph runs below the graph. With two
derivatives, that means: no Hessian, at any place, has a negative eigenvalue (lesson 16). For a
weighted sum of pixels, z = w x + b, there is a short proof:
""")
formula(
    """
    MSE (z - t)^2:               Hessian  2 X^T X / N
    logistic loss, p = sig(z):   Hessian  X^T D X / N,   D = diag(p (1 - p))
    v^T X^T D X v = sum_i D_i (x_i v)^2 >= 0   for any direction v, as D_i > 0
    """,
    tex=r"\nabla^2 = \frac{1}{N} X^\top D X, \qquad v^\top X^\top D X\, v "
    r"= \sum_i D_i\, (x_i^\top v)^2 \ge 0",
)
predict("""
    To tell 3 from 8: which of these are convex? The MSE of a weighted sum of pixels, its logistic
    loss, the MSE after a sigmoid, the logistic loss of a network with four hidden units.
""")

# %% Thirty Hessians each

pair = np.isin(y, [3, 8])
digits = X[pair]
is_8 = (y[pair] == 8).astype(float)[:, None]
PLACES = 30


def least_eigenvalue(score, *sizes):
    """The least of all eigenvalues of the Hessians at 30 random weights."""
    model = MLP(*sizes, rng=rng, activation=Tanh)
    least = np.inf
    for _ in range(PLACES):
        for p in model.parameters():
            p.data = rng.normal(size=p.shape)
        spectrum = eigenvalues(lambda: score(model(digits), is_8), model.parameters())
        least = min(least, spectrum[0])
    return least


def squashed_mse(z, target):
    return mse_loss(sigmoid(z), target)


logistic = binary_cross_entropy_with_logits
least = {
    "MSE of a weighted sum": least_eigenvalue(mse_loss, 16, 1),
    "logistic loss of a weighted sum": least_eigenvalue(logistic, 16, 1),
    "MSE after a sigmoid": least_eigenvalue(squashed_mse, 16, 1),
    "logistic loss of a network": least_eigenvalue(logistic, 16, 4, 1),
}
table(
    ["loss", "least eigenvalue"],
    [(name, f"{value:.2g}") for name, value in least.items()],
)
sums = [least["MSE of a weighted sum"], least["logistic loss of a weighted sum"]]
others = [least["MSE after a sigmoid"], least["logistic loss of a network"]]
claim(
    "Both losses of the weighted sum show no negative eigenvalue in 30 random places",
    min(sums) > -1e-12,
    f"least {min(sums):.0e}; that is not a proof, the formula above is one",
)
claim(
    "A sigmoid before the MSE, or a hidden layer, brings negative eigenvalues: not convex",
    max(others) < -0.01,
    f"{max(others):.2f} at most; one such place is enough",
)

# %% Directions that can be compared


def train(model, steps=300):
    """Adam on all 300 images, the learning rate falling to 0; returns the loss as a function."""
    optimizer = Adam(model.parameters(), lr=0.01)
    schedule = CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        cross_entropy(model(X), y).backward()
        optimizer.step()
        schedule.step()
    return lambda: cross_entropy(model(X), y)


predict("""
    In a network of ReLUs, multiply the weights and biases before the hidden layer by 10, and divide
    the weights behind it by 10. It computes what it computed before. Along a random direction, is
    its loss as steep as before?
""")

# %% Filter normalisation

model = MLP(16, 32, 10, rng=rng)
loss = train(model)
params = model.parameters()
steps = np.linspace(-1, 1, 41)
same_direction = rng.integers(1000)  # as a seed
slices = {}
for factor in (1, 10):
    for p, scale in zip(params, (factor, factor, 1 / factor)):
        p.data = p.data * scale
    for kind in (None, "filter"):
        generator = np.random.default_rng(same_direction)
        direction = random_direction(params, rng=generator, normalize=kind)
        slices[kind, factor] = slice_line(loss, params, direction, steps)
ratio = slices[None, 10].max() / slices[None, 1].max()
claim(
    "Along the same random direction, the rescaled network's loss rises more than three times as "
    "high",
    ratio > 3,
    f"{ratio:.1f} times as high, for the same function",
)
say("""
So steepness along a random direction says nothing by itself: the weights behind the hidden layer
became ten times smaller, and the direction did not. The cure of Li, Xu, Taylor, Studer and
Goldstein (2018, Visualizing the loss landscape of neural nets): give the part of the direction that
belongs to a unit the length of that unit's weights (filter normalisation).
""")
formula(
    "d_unit  <-  d_unit * |w_unit| / |d_unit|",
    tex=r"d_{\mathrm{unit}} \leftarrow d_{\mathrm{unit}}\, "
    r"\frac{\|w_{\mathrm{unit}}\|}{\|d_{\mathrm{unit}}\|}",
)
gap = np.abs(slices["filter", 10] / slices["filter", 1] - 1).max()
claim(
    "Along a filter-normalised direction, the rescaled network has the same slice",
    gap < 1e-9,
    f"relative gap {gap:.0e}",
)
say("All slices from here on are filter-normalised.")
predict("""
    Two networks with three hidden layers learn all ten digits, one with 8 units in each layer, one
    with 48. Move each by the length of its weights. Whose loss rises higher?
""")

# %% Narrow and wide

NARROW, WIDE = 8, 48
grid = np.linspace(-1, 1, 25)
surfaces = {}
ends = {}
for width in (NARROW, WIDE):
    model = MLP(16, width, width, width, 10, rng=rng)
    loss = train(model)
    params = model.parameters()
    directions = [random_direction(params, rng=rng) for _ in range(20)]
    lines = np.array([slice_line(loss, params, direction, steps) for direction in directions])
    ends[width] = np.median(lines[:, [0, -1]])
    surfaces[width] = plane(loss, params, directions[0], directions[1], grid, grid)
claim(
    "One weight's length away, the narrow network's loss is more than twice the wide one's",
    ends[NARROW] > 2 * ends[WIDE],
    f"{ends[NARROW] / ends[WIDE]:.1f} times: median of 40 ends {ends[NARROW]:.0f} nats against "
    f"{ends[WIDE]:.0f}",
)
say("""
A plane shows two directions of hundreds. Move the cut through the plane: each cut is another slice
of the same landscape.
""")


def draw_cut(fig, offset):
    """The plane around the narrow network's end, and the loss along one line in it."""
    map_panel, line_panel = fig.subplots(1, 2)
    row = np.abs(grid - offset).argmin()
    heights = surfaces[NARROW]
    map_panel.contourf(grid, grid, np.log10(heights), levels=20, cmap="Blues")
    map_panel.axhline(grid[row], color=COLOR["naive"])
    map_panel.plot(0, 0, "k.", label="end of training")
    map_panel.set(xlabel="direction 1", ylabel="direction 2", title="Where the cut is")
    map_panel.legend(loc="upper left", fontsize=8)
    line_panel.semilogy(grid, heights[row], color=COLOR["naive"])
    line_panel.set(xlabel="direction 1", ylabel="loss (nats)", title="What it shows")
    line_panel.set(ylim=(heights.min() / 2, heights.max() * 2))


sweep(draw_cut, list(np.linspace(-1, 1, 13).round(2)), "offset of the cut")
predict("""
    Now to the bottom. A hidden teacher, a network of five tanh units, gives each image a number. So
    a student with five units can reach the loss 0. Does it, from every start?
""")

# %% Valleys that are not the deepest

TEACHERS = 10
STARTS = 8
UNITS = 5
INPUTS = 4
centred = standardize(images[:, images.std(axis=0) > 0])
u, s, _ = np.linalg.svd(centred, full_matrices=False)
inputs = standardize(
    (u * s)[rows[:100], :INPUTS]
)  # four numbers for each image: principal components
targets = []
for _ in range(TEACHERS):
    weight = rng.normal(size=(INPUTS, UNITS))
    bias = rng.normal(size=UNITS) / 2
    signs = (-1.0) ** np.arange(UNITS)
    targets += [np.tanh(inputs @ weight + bias) @ signs] * STARTS
targets = np.array(targets)
say(f"""
{TEACHERS} teachers, and {STARTS} students of each that differ in their start. We train all of them
at once, with one more axis for the students, until the steps are 0; and measure the share of the
targets' variance that is left unexplained.
""")


def students(width, steps=1500):
    """Train all students; their parameters, and the share that each leaves unexplained."""
    count = len(targets)
    params = [
        Tensor(rng.normal(size=(count, INPUTS, width)) / 2, requires_grad=True),
        Tensor(np.zeros((count, 1, width)), requires_grad=True),
        Tensor(rng.normal(size=(count, width, 1)) / np.sqrt(width), requires_grad=True),
        Tensor(np.zeros((count, 1, 1)), requires_grad=True),
    ]
    optimizer = Adam(params, lr=0.05)
    schedule = CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        errors = student_loss(params, targets)
        errors.sum().backward()
        optimizer.step()
        schedule.step()
    return params, errors.data / targets.var(axis=1)


def student_loss(params, targets):
    """The MSE of each student."""
    weight, bias, out, shift = params
    answers = np.tanh(inputs @ weight + bias) @ out + shift
    return ((answers[..., 0] - targets) ** 2).mean(axis=-1)


MISSED = 0.003
WIDTHS = (UNITS, 2 * UNITS)
unexplained = {}
trained = {}
for width in WIDTHS:
    trained[width], unexplained[width] = students(width)
stuck = {width: np.flatnonzero(unexplained[width] > MISSED) for width in WIDTHS}
table(
    ["units", "students that miss more than 0.3 %", "worst of them"],
    [
        (width, f"{len(stuck[width])} of {len(targets)}", f"{unexplained[width].max():.2%}")
        for width in WIDTHS
    ],
)
claim(
    "With just the teacher's five units, some students come to rest far above the bottom",
    len(stuck[UNITS]) >= 3,
    f"{len(stuck[UNITS])} of {len(targets)} leave more than {MISSED:.1%} of the variance",
)
claim(
    "With ten units, fewer than a third as many students miss it",
    len(stuck[2 * UNITS]) < len(stuck[UNITS]) / 3,
    f"{len(stuck[2 * UNITS])} of {len(targets)}",
)
say("""
Are they in a valley, or only slow? We let them go on, one by one, with a method for small problems
(Levenberg, 1944; Marquardt, 1963) that uses the curvature, until nothing moves. If the gradient is
0 there and all eigenvalues of the Hessian are positive (lesson 16), every small step leads up: a
local minimum.
""")


STEPS = 1000


def settle(weight, bias, out, shift, target):
    """Levenberg and Marquardt's method: least squares on the network's linearisation, damped."""
    damping = 1e-3
    for _ in range(STEPS):
        hidden = np.tanh(inputs @ weight + bias)
        errors = hidden @ out[:, 0] + shift[0] - target
        slope = (1 - hidden**2) * out[:, 0]
        by_weight = (inputs[:, :, None] * slope[:, None, :]).reshape(len(inputs), -1)
        jacobian = np.hstack([by_weight, slope, hidden, np.ones((len(inputs), 1))])
        normal = jacobian.T @ jacobian + damping * np.eye(jacobian.shape[1])
        step = np.split(np.linalg.solve(normal, jacobian.T @ errors), SPLITS)
        moved = [p - d.reshape(p.shape) for p, d in zip((weight, bias, out, shift), step)]
        after = np.tanh(inputs @ moved[0] + moved[1]) @ moved[2][:, 0] + moved[3][0] - target
        better = np.sum(after**2) < np.sum(errors**2)
        damping = max(damping / 3, 1e-12) if better else min(4 * damping, 1e12)
        if better:
            weight, bias, out, shift = moved
    return weight, bias, out, shift


SPLITS = np.cumsum([INPUTS * UNITS, UNITS, UNITS])


def place_of_rest(student):
    """Where a student arrives after all, and the share that it misses there."""
    values = settle(*(p.data[student] for p in trained[UNITS]), targets[student])
    params = [Tensor(value, requires_grad=True) for value in values]
    point = classify(lambda: student_loss(params, targets[student]), params)
    return point, point.loss / targets[student].var()


looked_at = 0
unclear = 0
in_a_valley = False
for student in stuck[UNITS]:
    point, share = place_of_rest(student)
    looked_at += 1
    at_rest = point.gradient_norm < 1e-7
    unclear += not at_rest
    in_a_valley = at_rest and point.kind == "minimum" and share > MISSED
    if in_a_valley:
        break
claim(
    "Among the students that miss it is one in a local minimum: gradient 0, every direction leads "
    "up",
    in_a_valley,
    f"number {looked_at} of {len(stuck[UNITS])} that we looked at: {share:.1%} of the variance "
    f"unexplained, gradient {point.gradient_norm:.0e}, least eigenvalue {point.eigenvalues[0]:.0e}",
)
say(f"""
(Before it, {unclear} had not arrived after {STEPS} steps: valleys can be very
flat.) So bad valleys exist in narrow networks, and many starts end in them. With units to spare
they are rare: a start that is a dead end for five units has a way out when there are ten.
""")
predict("""
    Train two networks on the same digits, from two starts. Both reach a loss near 0. Walk from one
    to the other in a straight line. Does the loss stay near 0? If not, is there another way?
""")

# %% From one network to another

first = MLP(16, 32, 10, rng=rng)
second = MLP(16, 32, 10, rng=rng)
train(first)
train(second)
start = [p.data for p in first.parameters()]
goal = [p.data for p in second.parameters()]
walker = MLP(16, 32, 10, rng=rng)
bend = [Tensor((a + b) / 2, requires_grad=True) for a, b in zip(start, goal)]
weight_1, bias_1, weight_2, bias_2 = range(4)


def on_path(t, bend):
    """The loss at t on the curve from start to goal that is pulled towards the bend."""
    w = [(1 - t) ** 2 * a + 2 * t * (1 - t) * c + t**2 * b for a, c, b in zip(start, bend, goal)]
    hidden = np.maximum(X @ w[weight_1].T + w[bias_1], 0)
    return cross_entropy(hidden @ w[weight_2].T + w[bias_2], y)


say("""
The straight line is the curve below with its bend in the middle. Garipov, Izmailov, Podoprikhin,
Vetrov and Wilson (2018, Loss surfaces, mode connectivity, and fast ensembling of DNNs) move the
bend by descent on the loss at random places of the curve:
""")
formula(
    "w(t) = (1 - t)^2 w_first + 2 t (1 - t) w_bend + t^2 w_second",
    tex=r"w(t) = (1-t)^2\, w_{\mathrm{first}} + 2t(1-t)\, w_{\mathrm{bend}} "
    r"+ t^2\, w_{\mathrm{second}}",
)
places = np.linspace(0, 1, 41)
straight = np.array([on_path(t, [c.data for c in bend]).item() for t in places])
optimizer = Adam(bend, lr=0.02)
schedule = CosineAnnealingLR(optimizer, 600)
for _ in range(600):
    optimizer.zero_grad()
    on_path(rng.random(), bend).backward()
    optimizer.step()
    schedule.step()
bent = np.array([on_path(t, [c.data for c in bend]).item() for t in places])
at_ends = max(straight[0], straight[-1])
claim(
    "Between two trained networks, the straight line crosses a barrier: ten times the loss at its "
    "ends",
    straight.max() > 10 * at_ends,
    f"{straight.max() / at_ends:.0f} times: {straight.max():.2f} nats, at the ends {at_ends:.3f}",
)
claim(
    "A curve with one bend, found by descent, stays below a fifth of the barrier",
    bent.max() < straight.max() / 5,
    f"{bent.max() / straight.max():.1%} of it: {bent.max():.3f} nats at most",
)
say("""
So the two ends are not two separate valleys: they are two places in one winding valley (mode
connectivity). A line through a landscape shows what is on the line, and nothing else.
""")

# %% The picture

fig, (slice_panel, valley_panel, path_panel) = plt.subplots(1, 3, figsize=(13, 4.2))
for width, name in ((NARROW, "naive"), (WIDE, "model")):
    middle = len(grid) // 2
    slice_panel.semilogy(
        grid, surfaces[width][middle], color=COLOR[name], label=f"{width} units a layer"
    )
slice_panel.set(xlabel="step, in lengths of the weights", ylabel="loss (nats)")
slice_panel.set_title("The narrow loss rises higher")
slice_panel.legend(loc="lower right")
for place, width in enumerate(WIDTHS):
    spread = place + rng.uniform(-0.25, 0.25, len(targets))
    shares = np.maximum(unexplained[width], 1e-9)
    is_stuck = shares > MISSED
    valley_panel.semilogy(spread[~is_stuck], shares[~is_stuck], "o", color=COLOR["model"], ms=4)
    valley_panel.semilogy(spread[is_stuck], shares[is_stuck], "o", color=COLOR["naive"], ms=4)
valley_panel.axhline(MISSED, color="0.6", lw=1, ls="--")
valley_panel.set(xlabel="units of the student", ylabel="variance left unexplained")
valley_panel.set_xticks(range(len(WIDTHS)), WIDTHS)
valley_panel.set_xlim(-0.5, 1.5)
valley_panel.set_title("Some starts end in a bad valley")
path_panel.semilogy(places, straight, color=COLOR["naive"], label="straight line")
path_panel.semilogy(places, bent, color=COLOR["model"], label="curve with one bend")
path_panel.set(xlabel="from one network (0) to another (1)", ylabel="loss (nats)")
path_panel.set_ylim(top=straight.max() * 8)
path_panel.set_title("A barrier, and a way around it")
path_panel.legend(loc="upper right")
save(fig)

# %% Take away

takeaway("""
    A weighted sum under MSE or the logistic loss has one valley; a network has not. Compare slices
    along directions that grow with the weights. A network with just enough units has local minima
    above the bottom, and some starts end there; units to spare make that rare. Two trained networks
    are joined by a winding valley, though the straight line between them crosses a barrier.
    A slice shows one line of thousands, and proves nothing about the rest.

    Next: lesson 18 asks whether it matters how flat the place is where descent ends.
""")
exercises(
    [
        "How much room does it need? Add a width of 6 to WIDTHS: one unit to spare. How many "
        "students miss the bottom?",
        "Train the students for 200 steps instead of 1,500. How many miss the bottom now? Which "
        "claims would a lesson with so few steps have got wrong?",
        "Hidden units can be exchanged without changing the network. Permute the units of `first` "
        "and walk in a straight line from the network to its own copy. How high is that barrier?",
    ]
)
