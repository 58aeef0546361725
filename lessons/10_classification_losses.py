"""Lesson 10. Losses for classes

Squared error on labels, cross-entropy, hinge and squared hinge all stand in for the count of
mistakes, which has no slope to follow. They differ in whom they listen to: to those who are wrong,
to those who are nearly wrong, to all a little, or even to those who are too right.

Part 2 predicted numbers. Now the answer is one class out of two, or out of ten, or several labels
at once. We try the squared error first, see it fail twice, and then take the losses that were made
for the task.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, derivation
from microloss import functional as F
from microloss.datasets import load_digits, make_blobs, train_test_split
from microloss.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    mse_loss,
    multiclass_hinge_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    squared_hinge_loss,
)
from microloss.metrics import accuracy
from microloss.nn import MLP, Linear
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()

# %% Four losses of one number

LOSSES = {
    "MSE": mse_loss,
    "cross-entropy": soft_margin_loss,  # binary cross-entropy for labels -1 and +1
    "hinge": hinge_loss,
    "squared hinge": squared_hinge_loss,
}
COLORS = dict(zip(LOSSES, (COLOR[name] for name in ("mse", "ce", "hinge", "squared_hinge"))))
say("""
Two classes, labelled y = -1 and y = +1, and a score for each example, whose sign is the answer. The
margin is m = y times score: positive where the answer is right, and larger where it is surer. What
we would like to have least of is mistakes, which is a step: 1 where m <= 0, else 0. All the losses
that stand in for it (surrogate losses) are functions of m alone. The squared error too, as y² = 1:
""")
formula(
    """
    MSE            (score - y)^2 = y^2 (y score - 1)^2 = (1 - m)^2
    cross-entropy  -log sigmoid(m) = log(1 + e^-m)
    hinge          max(0, 1 - m)
    squared hinge  max(0, 1 - m)^2
    """,
    tex=r"\begin{aligned} (s - y)^2 &= (1 - m)^2 \\ -\log \sigma(m) &= \log(1 + e^{-m}) \\"
    r"\text{hinge} &= \max(0, 1 - m) \\ \text{squared hinge} &= \max(0, 1 - m)^2 \end{aligned}",
)
margins = np.linspace(-3, 4, 701)
curves = {
    name: loss(margins, np.ones(margins.shape), reduction="none") for name, loss in LOSSES.items()
}
curves["cross-entropy"] = curves["cross-entropy"] / np.log(2)  # in bits: 1 at m = 0
mistakes = np.where(margins <= 0, 1.0, 0.0)
claim(
    "Each of the four losses is nowhere below the count of mistakes, cross-entropy in bits",
    min((curve - mistakes).min() for curve in curves.values()) >= -1e-12,
    "so a small loss promises few mistakes",
)
rises_again = [name for name, curve in curves.items() if np.diff(curve).max() > 1e-12]
claim(
    "Only the squared error rises again where the answer is more than right",
    rises_again == ["MSE"],
    f"at a margin of 4 it costs {curves['MSE'][-1]:.0f}, as much as at -2, a mistake",
)
predict("""
    Two clouds, and a straight line between them fitted with each of the four losses. Now 20 points
    more of the right-hand class arrive, far out in the lower right. Every line has them on its
    right side already. Which of the four lines will turn?
""")

# %% The squared error fails: too right

X, y = make_blobs(80, centers=[[-2, 0], [2, 0]], spread=1.1, seed=rng)
far, _ = make_blobs(20, centers=[[11, -8]], spread=0.7, seed=rng)
points = np.concatenate([X, far])
sign = np.concatenate([2.0 * y - 1, np.ones(20)])
is_near = np.arange(100) < 80
STEPS = 1500


def fit_lines(loss, chosen, penalty=1.0):
    """A line (w_1, w_2, b) for each row of `chosen`, which says which of the points it learns from.

    Each has the least sum of losses plus penalty |w|² / 2, without which w may grow for ever.
    """
    lines = Tensor(np.zeros((3, len(chosen))), requires_grad=True)
    signs = np.repeat(sign[:, None], len(chosen), axis=1)
    optimizer = Adam([lines], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        each = loss(points @ lines[:2] + lines[2], signs, reduction="none")
        penalties = penalty * np.sum(lines[:2] ** 2, axis=0) / 2
        (np.sum(chosen.T * each) + np.sum(penalties)).backward()
        optimizer.step()
        schedule.step()
    return lines.data.T


def degrees(line):
    return np.degrees(np.arctan2(line[1], line[0]))


(hinge_line,) = fit_lines(hinge_loss, is_near[None])
margin = sign * (points @ hinge_line[:2] + hinge_line[2])
beyond = margin > 1.02  # 1, and a little for points that stand on it
carrying = is_near & ~beyond
experiments = np.array([is_near, is_near | True, carrying, carrying])
share_kept = carrying.sum() / is_near.sum()
fitted = {
    name: fit_lines(loss, experiments, np.array([1, 1, 1, share_kept]))
    for name, loss in LOSSES.items()
}
turn = {name: abs(degrees(lines[1]) - degrees(lines[0])) for name, lines in fitted.items()}
already_right = min((far @ lines[0][:2] + lines[0][2]).min() for lines in fitted.values())
claim(
    "Points that are far on the right side turn the MSE line by more than 10 degrees, and no other "
    "line by more than 1",
    already_right > 0
    and turn["MSE"] > 10
    and max(turn[name] for name in LOSSES if name != "MSE") < 1,
    ", ".join(f"{name} by {angle:.2f}°" for name, angle in turn.items()),
)
say("""
MSE wants every score to be exactly +1 or -1, and punishes points for being too right. A sigmoid
makes a probability p of the score, and no one can be too right any more. Is that enough?
""")
predict("""
    A point of the class 1 has a score of -10, so p is 0.00005, a bad mistake. How hard does it pull
    its score up under the squared error (p - 1)², and under binary cross-entropy (BCE), -log p?
""")

# %% The squared error fails again: deaf

formula(
    """
    p = sigmoid(s):       dp/ds = p (1 - p)
    d (p - 1)^2 / ds      = 2 (p - 1) p (1 - p)      0 where p is 0: the worst mistake
    d (-log p) / ds       = -(1 / p) p (1 - p)  =  p - 1
    """,
    tex=r"\frac{dp}{ds} = p(1-p), \qquad \frac{d (p - 1)^2}{ds} = -2 p (1 - p)^2, \qquad "
    r"\frac{d(-\log p)}{ds} = -\frac{1}{p}\, p (1 - p) = p - 1",
)


def pulls(loss, scores):
    """How hard points of the class 1 with these scores pull their scores up."""
    scores = Tensor(scores, requires_grad=True)
    loss(scores, np.ones(scores.shape), reduction="sum").backward()
    return -scores.grad


def mse_of_sigmoid(scores, target, reduction):
    return mse_loss(F.sigmoid(scores), target, reduction=reduction)


deaf = pulls(mse_of_sigmoid, [-10])[0]
keen = pulls(binary_cross_entropy_with_logits, [-10])[0]
claim(
    "Behind a sigmoid the squared error falls silent on a confident mistake, BCE pulls with all "
    "its force",
    deaf < 1e-4 and keen > 0.99,
    f"{deaf:.0e} against {keen:.4f}",
)

# %% Whom the hinge hears

silent = pulls(hinge_loss, margin[is_near & beyond])
claim(
    "Points beyond a margin of 1 have a hinge gradient of exactly 0, and are more than half of all",
    (silent == 0).all() and len(silent) > is_near.sum() / 2,
    f"{len(silent)} of {is_near.sum()} points",
)
predict("Throw all those points away, and fit again. What becomes of the four lines?")

# %% Without the points beyond the margin

formula(
    """
    At the minimum the slope along w is 0. For the hinge:
    w - sum over points with m < 1 of y x - (a part of y x of those with m = 1)  =  0
    """,
    tex=r"w = \sum_{m < 1} y\, x + \sum_{m = 1} a\, y\, x, \qquad 0 \le a \le 1",
)


def moved(line, other):
    """How far the second line is from the first, at most, within the height of the clouds."""
    heights = np.array([-3, 3])
    here, there = (-(b + w_2 * heights) / w_1 for w_1, w_2, b in (line, other))
    return np.abs(there - here).max()


lines_moved = {name: moved(lines[0], lines[2]) for name, lines in fitted.items()}
table(
    ["loss", "line moves by", "turns by", "length of w changes by", "line, penalty scaled"],
    [
        (
            name,
            f"{lines_moved[name]:.3f}",
            f"{abs(degrees(lines[2]) - degrees(lines[0])):.2f}°",
            f"{np.hypot(*lines[2][:2]) / np.hypot(*lines[0][:2]) - 1:+.0%}",
            f"{moved(lines[0], lines[3]):.3f}",
        )
        for name, lines in fitted.items()
    ],
)
say("""
In the last column the penalty shrinks with the number of points, so that it weighs as much for each
of them as before.
""")
claim(
    "Without the points beyond the margin the hinge line stays where it is, to 0.02",
    lines_moved["hinge"] < 0.02,
    f"it moves by {lines_moved['hinge']:.4f}, with {carrying.sum()} of {is_near.sum()} points left",
)
scaled = moved(fitted["cross-entropy"][0], fitted["cross-entropy"][3])
claim(
    "The line of cross-entropy moves more than five times as far, with the penalty as it was or "
    "scaled",
    min(lines_moved["cross-entropy"], scaled) > 5 * lines_moved["hinge"],
    f"{lines_moved['cross-entropy']:.3f} and {scaled:.3f}",
)
say("""
The few points left carry the hinge line and are called its support vectors (Cortes and Vapnik 1995,
Support-vector networks). Cross-entropy heard every point a little.
""")

# %% The picture

fig, (loss_panel, line_panel) = plt.subplots(1, 2, figsize=(12, 4.6))
loss_panel.plot(margins, mistakes, color=COLOR["truth"], label="mistakes")
for name, curve in curves.items():
    style = "--" if name == "MSE" else "-"
    loss_panel.plot(margins, curve, style, color=COLORS[name], label=name)
loss_panel.set(xlabel="margin (right: positive)", ylabel="loss", xlim=(-2.2, 4), ylim=(0, 6))
loss_panel.set_title("Only MSE punishes being too right")
loss_panel.legend(loc="upper center", fontsize=8)
for side, marker, shade in [(-1, "s", "#AAAAAA"), (1, "o", "#555555")]:
    line_panel.scatter(*points[sign == side].T, s=14, marker=marker, color=shade)
line_panel.scatter(
    *points[carrying].T, s=60, facecolors="none", edgecolors=COLOR["hinge"], linewidths=1
)
heights = np.array([-11, 7])
for label, style, (w_1, w_2, b), color in [
    ("MSE, without the far points", ":", fitted["MSE"][0], COLOR["mse"]),
    ("MSE", "--", fitted["MSE"][1], COLOR["mse"]),
    ("hinge", "-", fitted["hinge"][1], COLOR["hinge"]),
]:
    line_panel.plot(-(b + w_2 * heights) / w_1, heights, style, color=color, label=label)
w_1, w_2, b = fitted["hinge"][1]
for level in (-1, 1):
    label = "its margin, support vectors circled" if level == 1 else None
    line_panel.plot(
        (level - b - w_2 * heights) / w_1, heights, color=COLOR["hinge"], lw=0.8, label=label
    )
line_panel.text(10.8, -5.7, "far, and right", ha="center")
line_panel.set(xlim=(-6, 14), ylim=(-10.5, 7), xlabel="first feature", ylabel="second feature")
line_panel.set_title("Points that are right turn the MSE line")
line_panel.legend(loc="upper right", fontsize=8)
save(fig)

# %% Many classes

say("""
For ten classes there are ten scores z. Softmax makes probabilities p of them, and cross-entropy is
-log p of the true class. The exponential of the one and the logarithm of the other cancel, and what
is left is the plainest of gradients, where y is 1 at the true class and 0 elsewhere:
""")
formula(
    """
    L        = -log p_true  =  -z_true + log sum_k e^z_k
    dL/dz_j  = -y_j + e^z_j / sum_k e^z_k  =  p_j - y_j
    """,
    tex=r"L = -z_{\text{true}} + \log \sum_k e^{z_k}, \qquad \frac{\partial L}{\partial z_j} = "
    r"-y_j + \frac{e^{z_j}}{\sum_k e^{z_k}} = p_j - y_j",
)
z = Tensor(3 * rng.normal(size=(50, 10)), requires_grad=True)
label = rng.integers(10, size=50)
cross_entropy(z, label, reduction="sum").backward()
gap = np.abs(z.grad - (F.softmax(z.data) - F.one_hot(label, 10))).max()
claim("The gradient of softmax and cross-entropy is p - y", gap < 1e-14, f"off by {gap:.0e}")
say("The engine's own rules write it as a program, with one row for each of 50 images:")
mean_loss = cross_entropy(z, label)
print("", derivation(mean_loss, {"z": z, "label": label, "loss": mean_loss}), sep="\n")
costs = [float(cross_entropy([[0.0, lead]], [0])) for lead in (10, 100, 1000)]
claim(
    "No answer pulls with more than 1, but cross-entropy has no upper bound: it costs the lead of "
    "the wrong class",
    np.allclose(costs, [10, 100, 1000], rtol=1e-4) and np.abs(z.grad).max() <= 1,
    "leads of 10, 100 and 1000 cost " + ", ".join(f"{cost:.4g}" for cost in costs),
)
predict("Real digits, ten weighted sums of the pixels: which loss reads more, and who still pulls?")

# %% Ten digits

X, y = load_digits()
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=360, seed=rng, stratify=y)


def squared_error(scores, target):
    return mse_loss(scores, F.one_hot(target, 10))


right = {}
still_pull = {}
for name, loss in (
    ("squared error", squared_error),
    ("cross-entropy", cross_entropy),
    ("hinge", multiclass_hinge_loss),
):
    model = Linear(64, 10, rng=args.seed)
    optimizer = Adam(model.parameters(), lr=0.01)
    schedule = CosineAnnealingLR(optimizer, T_max=25)
    order = np.random.default_rng([args.seed, 1])
    fit(model, loss, optimizer, X_train, y_train, epochs=25, rng=order, schedule=schedule)
    right[name] = accuracy(model(X_test).data.argmax(axis=1), y_test)
    scores = Tensor(model(X_train).data, requires_grad=True)
    loss(scores, y_train).backward()
    still_pull[name] = np.mean((scores.grad != 0).any(axis=1))
distances = np.sum(X_test**2, axis=1)[:, None] - 2 * X_test @ X_train.T + np.sum(X_train**2, axis=1)
nearest = accuracy(y_train[distances.argmin(axis=1)], y_test)
table(
    ["loss", "test images read", "training images that pull"],
    [
        *((name, f"{right[name]:.1%}", f"{still_pull[name]:.0%}") for name in right),
        ("nearest neighbour, no loss", f"{nearest:.1%}", "-"),
    ],
)
claim(
    "On clean and balanced data cross-entropy and hinge read equally many digits, to 3 points",
    abs(right["cross-entropy"] - right["hinge"]) < 0.03,
    f"{right['cross-entropy']:.1%} and {right['hinge']:.1%}",
)
claim(
    "The hinge is done with more than half of the images in the end, cross-entropy with none",
    still_pull["cross-entropy"] == 1 and still_pull["hinge"] < 0.5,
    f"{still_pull['hinge']:.0%} and {still_pull['cross-entropy']:.0%} still pull",
)

# %% Several labels at once

say("""
A photograph may show a dog, a ball and grass: several labels are true of it (multi-label). Our
photographs are strips with three places and one to three different digits. Which are there?
""")


def strips(images, digits, n):
    """n strips of 3 * 64 pixels, and for each ten labels: 1 for the digits that are there."""
    places = np.zeros((n, 3, 64))
    there = np.zeros((n, 10))
    for strip, count in enumerate(rng.integers(1, 4, size=n)):
        chosen = rng.permutation(10)[:count]
        for digit, place in zip(chosen, rng.permutation(3)):
            places[strip, place] = images[rng.choice(np.flatnonzero(digits == digit))]
            there[strip, digit] = 1
    return places.reshape(n, 192), there


strips_train, there_train = strips(X_train, y_train, 1500)
strips_choose, there_choose = strips(X_train, y_train, 500)
strips_test, there_test = strips(X_test, y_test, 1000)
count_test = there_test.sum(axis=1).astype(int)
say("""
Softmax shares one unit of probability among the ten, its targets are 1, 1/2 and 1/2, or 1/3 each.
The other way asks ten questions, each with a sigmoid and a BCE of its own. The slope is the same
plain one, p - t, but now each p stands alone:
""")
formula(
    """
    L       = sum_k BCE(z_k, t_k)
    dL/dz_k = sigmoid(z_k) - t_k,        t_k = 1 for every label that is true
    """,
    tex=r"L = \sum_k \operatorname{BCE}(z_k, t_k), \qquad "
    r"\frac{\partial L}{\partial z_k} = \sigma(z_k) - t_k",
)
z = rng.normal(size=(20, 10))
of_library = multilabel_soft_margin_loss(z, there_test[:20])
gap = abs(of_library - binary_cross_entropy_with_logits(z, there_test[:20]))
claim(
    "The library's multilabel_soft_margin_loss is the mean of these BCEs",
    gap < 1e-14,
    f"off by {gap:.0e}",
)
predict("""
    The same network, once with softmax, once with ten sigmoids, each with the cut that is best on
    other strips. Which names all digits of a strip, and no others, more often? And if somebody told
    both how many there are?
""")

# %% One question or ten


def shared(scores, target):
    return cross_entropy(scores, target / target.sum(axis=1, keepdims=True))


CUTS = np.linspace(0.02, 0.98, 97)
KINDS = {
    "softmax": (shared, F.softmax),
    "ten sigmoids": (multilabel_soft_margin_loss, F.sigmoid),
}


def all_right(answers, there):
    """Share of strips whose ten answers are all right."""
    return np.mean((answers == (there == 1)).all(axis=1))


probabilities = {}
with_cut = {}
with_count = {}
for name, (loss, probability) in KINDS.items():
    model = MLP(192, 64, 10, rng=args.seed)
    order = np.random.default_rng([args.seed, 2])
    optimizer = Adam(model.parameters(), lr=0.003)
    fit(model, loss, optimizer, strips_train, there_train, epochs=25, rng=order)
    choose = probability(model(strips_choose).data)
    p = probability(model(strips_test).data)
    cut = CUTS[np.argmax([all_right(choose > cut, there_choose) for cut in CUTS])]
    ranks = (-p).argsort(axis=1).argsort(axis=1)
    probabilities[name] = p
    with_cut[name] = all_right(p > cut, there_test)
    with_count[name] = all_right(ranks < count_test[:, None], there_test)
sums = {
    name: [p[count_test == count].sum(axis=1).mean() for count in (1, 2, 3)]
    for name, p in probabilities.items()
}
table(
    ["", "all ten right", "count known", "sum of p: 1 digit", "2 digits", "3 digits"],
    [
        (
            name,
            f"{with_cut[name]:.0%}",
            f"{with_count[name]:.0%}",
            *(f"{s:.2f}" for s in sums[name]),
        )
        for name in KINDS
    ],
)
claim(
    "Where several labels may be true, ten sigmoids answer more than 5 points more strips without "
    "a fault than a softmax, each with its best cut",
    with_cut["ten sigmoids"] > with_cut["softmax"] + 0.05,
    f"{100 * (with_cut['ten sigmoids'] - with_cut['softmax']):.0f} points",
)
claim(
    "Told how many digits a strip has, softmax and ten sigmoids read equally many strips, to 7 "
    "points",
    abs(with_count["ten sigmoids"] - with_count["softmax"]) < 0.07,
    f"{with_count['ten sigmoids']:.0%} and {with_count['softmax']:.0%}",
)
claim(
    "Ten sigmoids add up to the number of digits of a strip, to a quarter; a softmax always to 1",
    np.allclose(sums["ten sigmoids"], [1, 2, 3], atol=0.25)
    and np.allclose(sums["softmax"], 1, atol=1e-9),
    ", ".join(f"{s:.2f}" for s in sums["ten sigmoids"]),
)
say("""
So softmax knows which digits are likelier than others, and cannot say how many there are. Take it
where exactly one class is true, and a sigmoid for each label where any number may be.
""")

# %% One strip, two answers

read = ((probabilities["ten sigmoids"] > 0.5) == (there_test == 1)).all(axis=1)
shown = np.argmax(read & (count_test == 3))  # the first of three digits that is read
fig, (strip_panel, softmax_panel, sigmoid_panel) = plt.subplots(1, 3, figsize=(12, 3.4))
strip_panel.imshow(np.hstack(strips_test[shown].reshape(3, 8, 8)), cmap="gray_r")
strip_panel.set(xticks=[], yticks=[])
strip_panel.set_title("Which digits are there?")
classes = np.arange(10)
for panel, name in ((softmax_panel, "softmax"), (sigmoid_panel, "ten sigmoids")):
    kind = COLOR["ce" if name == "softmax" else "bce"]
    panel.bar(classes, probabilities[name][shown], color=kind)
    panel.axhline(0.5, color=COLOR["truth"], lw=1, ls=":")
    panel.set(xlabel="digit", ylabel="probability", xticks=classes, ylim=(0, 1))
softmax_panel.set_title("A softmax shares 1 among them")
sigmoid_panel.set_title("Ten sigmoids answer ten questions")
save(fig, "several_labels")

# %% Take away

takeaway("""
    Mistakes cannot be counted downhill, so each loss for classes is a stand-in. Cross-entropy
    listens to all, hardest to the confidently wrong, and gives probabilities: it is the default.
    The hinge gives a side only, and hears none but the points near the line. The squared error
    punishes being too right, and behind a sigmoid it is deaf to the worst mistakes. Softmax is for
    one true class among many, a sigmoid for each label where several may be true.

    Next: lesson 11 makes one class rare, and asks what accuracy is worth then.
""")
exercises(
    [
        "Drop the penalty in fit_lines() and pull the clouds apart until no point errs. Watch the "
        "length of w over the steps, under cross-entropy and under the hinge. Which one grows?",
        "multiclass_hinge_loss asks whether the true class leads by 1. Ask ten questions instead, "
        "with hinge_loss: is it a 0, is it a 1, ...? How many images still pull?",
        "Let strips be empty too: rng.integers(0, 4, size=n). What is the target of the softmax "
        "then? And what do the sigmoids say of an empty strip?",
    ]
)
