"""Lesson 10. Losses for classes

Squared error on labels, cross-entropy, hinge and squared hinge all stand in for the count of
mistakes, which has no slope to follow. They differ in whom they listen to: to those who are wrong,
to those who are nearly wrong, to all a little, or even to those who are too right.

Part 2 predicted numbers. Now the answer is one class out of two, or out of ten. We try the squared
error first, see it fail twice, and then take the losses that were made for the task.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, derivation
from microloss import functional as F
from microloss.datasets import load_digits, make_blobs, train_test_split
from microloss.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    mse_loss,
    multiclass_hinge_loss,
    soft_margin_loss,
    squared_hinge_loss,
)
from microloss.metrics import accuracy
from microloss.nn import Linear
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()

# ---- the squared error fails, twice --------------------------------------------------------------

LOSSES = {
    "MSE": mse_loss,
    "cross-entropy": soft_margin_loss,  # binary cross-entropy for labels -1 and +1
    "hinge": hinge_loss,
    "squared hinge": squared_hinge_loss,
}
X, y = make_blobs(80, centers=[[-2, 0], [2, 0]], spread=1.1, seed=rng)
sign = 2.0 * y - 1  # -1 for the one class, +1 for the other


def fit_line(loss, X, sign, steps=700):
    """w and b that minimise the summed loss and a small penalty w²/2, without which w may grow."""
    line = Tensor(np.zeros(3), requires_grad=True)
    optimizer = Adam([line], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        score = X @ line[:2] + line[2]
        (loss(score, sign, reduction="sum") + (line[:2] ** 2).sum() / 2).backward()
        optimizer.step()
        schedule.step()
    return line.data


say("""
Two clouds of points, and a straight line between them: score = w·x + b, and its sign is the answer.
The margin is the score times the true sign. It is positive where the line is right, and larger
where it is surer. We fit one line with each of the four losses.
""")
predict("""
    Now 20 points more of the right-hand class arrive, far out in the lower right. Every line has
    them on its right side already. Which of the four lines will turn?
""")
far, _ = make_blobs(20, centers=[[11, -8]], spread=0.7, seed=rng)
X_more, sign_more = np.concatenate([X, far]), np.concatenate([sign, np.ones(len(far))])
before = {name: fit_line(loss, X, sign) for name, loss in LOSSES.items()}
after = {name: fit_line(loss, X_more, sign_more) for name, loss in LOSSES.items()}
angle = {}
for name in LOSSES:
    tilts = [np.degrees(np.arctan2(w_2, w_1)) for w_1, w_2, _ in (before[name], after[name])]
    angle[name] = abs(tilts[1] - tilts[0])
claim(
    "only the MSE line turns: it wants every score to be +1 or -1, and punishes points for being "
    "too right",
    min((far @ line[:2] + line[2]).min() for line in before.values()) > 0
    and angle["MSE"] > 10
    and max(angle[name] for name in LOSSES if name != "MSE") < 2,
    ", ".join(f"{name} by {degrees:.1f}°" for name, degrees in angle.items()),
)


def pulls(loss, scores):
    """How hard points of the class 1 with these scores pull their scores up."""
    scores = Tensor(scores, requires_grad=True)
    loss(scores, np.ones(scores.shape)).backward()
    return -scores.grad


predict("""
    A sigmoid makes a probability p of the score: no one can be too right any more. How hard does a
    point of the class 1 with a score of -10 (p is 0.00005, a bad mistake) pull now, under the
    squared error (p - 1)², and under binary cross-entropy, -log p?
""")
deaf = pulls(lambda score, y: mse_loss(F.sigmoid(score), y), [-10])[0]
keen = pulls(binary_cross_entropy_with_logits, [-10])[0]
claim(
    "sigmoid + MSE falls silent on a confident mistake, BCE pulls with all its force",
    deaf < 1e-4 and keen > 0.99,
    f"{deaf:.0e} against {keen:.4f}",
)

# ---- whom the hinge hears ------------------------------------------------------------------------

margin = (X @ before["hinge"][:2] + before["hinge"][2]) * sign
beyond = margin > 1.01
claim(
    "points beyond the margin of 1 have a hinge gradient of exactly 0",
    beyond.sum() > len(X) / 2 and (pulls(hinge_loss, margin[beyond]) == 0).all(),
    f"{beyond.sum()} of {len(X)} points",
)
predict("Throw all those points away, and fit again. What becomes of the line of the hinge?")
shift, turn = {}, {}
for name in ("hinge", "cross-entropy"):
    few = fit_line(LOSSES[name], X[~beyond], sign[~beyond])
    shift[name] = np.linalg.norm(few - before[name]) / np.linalg.norm(before[name])
    tilts = [np.degrees(np.arctan2(w_2, w_1)) for w_1, w_2, _ in (before[name], few)]
    turn[name] = abs(tilts[1] - tilts[0])
claim(
    "the hinge line stays: the few points left carry it, and are called its support vectors. "
    "Cross-entropy heard every point a little: its weights change, mostly in length",
    shift["hinge"] < 0.03 and shift["cross-entropy"] > 10 * shift["hinge"],
    f"weights by {shift['hinge']:.2%} and {shift['cross-entropy']:.0%}, lines by "
    f"{turn['hinge']:.1f} and {turn['cross-entropy']:.1f} degrees",
)

fig, ax = plt.subplots(figsize=(7, 4.4))
for side, marker, shade in [(-1, "s", "#AAAAAA"), (1, "o", "#555555")]:
    ax.scatter(*X_more[sign_more == side].T, s=14, marker=marker, color=shade)
ax.scatter(*X[~beyond].T, s=60, facecolors="none", edgecolors=COLOR["hinge"], linewidths=1)
heights = np.array([-11, 7])
for label, style, (a, b, c), color in [
    ("MSE, without the far points", ":", before["MSE"], COLOR["mse"]),
    ("MSE", "-", after["MSE"], COLOR["mse"]),
    ("hinge, and its support vectors", "-", after["hinge"], COLOR["hinge"]),
]:
    ax.plot(-(c + b * heights) / a, heights, style, color=color, label=label)
ax.text(10.8, -5.7, "far, and right", ha="center")
ax.set(xlim=(-6, 14), ylim=(-10.5, 7), xlabel="first feature", ylabel="second feature")
ax.set(title="Points that are right tilt the MSE line, not the hinge's")
ax.legend(loc="upper right")
save(fig)

# ---- many classes --------------------------------------------------------------------------------

say("""
For ten classes there are ten scores. Softmax makes probabilities p of them, cross-entropy is -log p
of the true class. The exponential of the one and the logarithm of the other cancel, and what is
left is the plainest of gradients: p - y, where y is 1 at the true class and 0 elsewhere.
""")
z, label = Tensor(3 * rng.normal(size=(50, 10)), requires_grad=True), rng.integers(10, size=50)
cross_entropy(z, label, reduction="sum").backward()
gap = np.abs(z.grad - (F.softmax(z.data) - F.one_hot(label, 10))).max()
claim("the gradient of softmax and cross-entropy is p - y", gap < 1e-14, f"off by {gap:.0e}")
say("The engine's own rules write it as a program, with one row for each of 50 images:")
mean_loss = cross_entropy(z, label)
print("", derivation(mean_loss, {"z": z, "label": label, "loss": mean_loss}), sep="\n")
costs = [float(cross_entropy([[0.0, lead]], [0])) for lead in (10, 100, 1000)]
claim(
    "so no answer pulls with more than 1, but cross-entropy has no upper bound: it costs the lead "
    "of the wrong class",
    np.allclose(costs, [10, 100, 1000], rtol=1e-4),
    "leads of 10, 100 and 1000 cost " + ", ".join(f"{c:.4g}" for c in costs),
)

X, y = load_digits()
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=360, seed=rng, stratify=y)
predict("Real digits, ten weighted sums of the pixels: which loss reads more, and who still pulls?")
right, heard = [], []
for loss in (cross_entropy, multiclass_hinge_loss):
    model = Linear(64, 10, rng=args.seed)
    fit(model, loss, Adam(model.parameters(), lr=0.01), X_train, y_train, epochs=20, rng=rng)
    right.append(accuracy(model(X_test).data.argmax(axis=1), y_test))
    z = Tensor(model(X_train).data, requires_grad=True)
    loss(z, y_train).backward()
    heard.append(np.mean((z.grad != 0).any(axis=1)))
claim(
    "on clean and balanced data it matters little which one you take, although the hinge is done "
    "with most images, and cross-entropy with none",
    abs(right[0] - right[1]) < 0.03 and min(right) > 0.9 and heard[0] == 1 and heard[1] < 0.5,
    f"{right[0]:.1%} and {right[1]:.1%} read; {heard[0]:.0%} and {heard[1]:.0%} of them pull",
)

takeaway("""
    Mistakes cannot be counted downhill, so each loss for classes is a stand-in. Cross-entropy
    listens to all, hardest to the confidently wrong, and gives probabilities: it is the default.
    The hinge gives a side only, and hears none but the points near the line. The squared error
    punishes being too right, and behind a sigmoid it is deaf to the worst mistakes.

    Next: lesson 11 makes one class rare, and asks what accuracy is worth then.
""")
exercises(
    [
        "Drop the penalty from fit_line() and pull the clouds apart until no point errs. Watch the "
        "length of w over the steps, under cross-entropy and under the hinge. Which one grows?",
        "multiclass_hinge_loss asks whether the true class leads by 1. Ask ten questions instead, "
        "with hinge_loss: is it a 0, is it a 1, ...? How many images still pull?",
    ]
)
