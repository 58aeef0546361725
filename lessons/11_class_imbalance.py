"""Lesson 11. When one class is rare

When one class is rare, a model that never names it is nearly always right, so accuracy praises the
useless. Weighted cross-entropy and the focal loss turn the attention to the rare class; F1 and the
ROC curve show what that brings, and what it does not.

Fraud, diseases and faults are rare. Here it is the 8 among the handwritten digits, thinned until it
is about one image in thirty. Lesson 10 built the losses for classes; here the loss and the metric
that we care about part ways.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import binary_cross_entropy_with_logits, sigmoid_focal_loss
from microloss.metrics import accuracy, f1_score, precision, recall, roc_auc
from microloss.nn import Linear
from microloss.optim import Adam
from microloss.training import fit

rng = begin()
SPLITS, EIGHTS = 8, 60

# ---- accuracy praises the useless ----------------------------------------------------------------

images, digits = load_digits()
splits = []
for _ in range(SPLITS):
    eights = rng.permutation(np.flatnonzero(digits == 8))[:EIGHTS]
    rows = np.concatenate([eights, np.flatnonzero(digits != 8)])
    y = (digits[rows] == 8).astype(int)
    splits.append(train_test_split(images[rows] / 16, y, test_size=0.5, seed=rng, stratify=y))
_, X_test, y_train, y_test = splits[0]
weight = (y_train == 0).sum() / y_train.sum()
say(f"""
Is it an 8? We learn from {len(y_train)} images, {y_train.sum()} of them 8s, and test on
{len(y_test)} others with {y_test.sum()} 8s. Numbers made from {y_test.sum()} images are rough, so
all that follows is counted over {SPLITS} random splits together.

Precision: how many of the images called an 8 are one. Recall: how many of the 8s are found. F1 is
their harmonic mean, high only if both are. ROC AUC: the chance that an 8 scores higher than another
digit, for which no threshold is needed.
""")
predict("A program answers no, whatever the image. What are its accuracy and its F1?")
never = np.zeros_like(y_test)
useless = accuracy(never, y_test)
claim(
    "a useless program has an accuracy above 90 %, and F1 sees through it",
    useless > 0.9 and f1_score(never, y_test) == 0,
    f"accuracy {useless:.1%}, F1 {f1_score(never, y_test):.0f}",
)

predict("If F1 is what we care about, why not climb it? Nudge each weight of a model. What moves?")
centred = X_test - X_test.mean(axis=0)
w = 0.2 * rng.normal(size=64)
nudges = 1e-6 * np.eye(64)[centred.std(axis=0) > 0.01]  # one for each pixel that is ever inked
nudged = [centred @ (w + nudge) for nudge in nudges]
f1s = np.unique([f1_score((z > 0).astype(int), y_test) for z in nudged])
bces = np.unique([binary_cross_entropy_with_logits(z, y_test) for z in nudged])
claim(
    "F1 stays where it is, the cross-entropy moves with every weight: a metric made of counts is a "
    "staircase, and needs a surrogate that slopes",
    len(f1s) == 1 and len(bces) == len(nudges),
    f"{len(nudges)} nudges give {len(f1s)} F1 and {len(bces)} losses",
)

# ---- two other surrogates ------------------------------------------------------------------------

say(f"""
Two ways to turn the binary cross-entropy (BCE) towards the rare class. Weighted BCE counts each 8
as often as it takes to make up for its rarity, here {weight:.0f} times. The focal loss multiplies
the BCE of each image by (1 - p)^gamma, where p is the probability given to the truth. An image that
is easy, p above 0.9 say, is turned down. Its alpha weighs the classes, alpha to 1 - alpha.
""")
LOSSES = {
    "BCE": binary_cross_entropy_with_logits,
    "weighted BCE": lambda z, t: binary_cross_entropy_with_logits(z, t, pos_weight=weight),
    "focal": lambda z, t: sigmoid_focal_loss(z, t, alpha=0.75, gamma=2),
}
PAINT = dict(zip(LOSSES, (COLOR["bce"], COLOR["weighted_bce"], COLOR["focal"])))


def learn(loss):
    """Scores and labels of the training images and of the test images, over all splits."""
    found = []
    for X_train, X_test, y_train, y_test in splits:
        model = Linear(64, 1, rng=rng)  # a weighted sum of the pixels
        optimizer = Adam(model.parameters(), lr=0.02)
        fit(model, loss, optimizer, X_train, y_train[:, None], epochs=30, rng=rng, batch_size=64)
        found.append((model(X_train).data[:, 0], y_train, model(X_test).data[:, 0], y_test))
    return [np.concatenate(column) for column in zip(*found)]


runs = {name: learn(loss) for name, loss in LOSSES.items()}
z, t, _, _ = runs["BCE"]
gap = abs(sigmoid_focal_loss(z, t, alpha=None, gamma=0) - binary_cross_entropy_with_logits(z, t))
claim("focal with gamma = 0, and no alpha, is the BCE", gap < 1e-14, f"they differ by {gap:.0e}")
easy = F.sigmoid(np.where(t == 1, z, -z)) > 0.9
shares = []
for gamma in (0, 2):
    scores = Tensor(z, requires_grad=True)
    sigmoid_focal_loss(scores, t, alpha=None, gamma=gamma).backward()
    shares.append(np.abs(scores.grad[easy]).sum() / np.abs(scores.grad).sum())
claim(
    "the focal loss moves the gradient from the easy images to the hard ones",
    shares[0] > 3 * shares[1],
    f"easy images pull with {shares[0]:.0%} of it at gamma 0, {shares[1]:.1%} at gamma 2",
)

# ---- what it brings, and what not ----------------------------------------------------------------

predict("""
    Same model, same images, same 30 epochs: which of the three losses finds most 8s, which has the
    best F1, and which the best accuracy? An image counts as an 8 where its probability passes 0.5.
""")
METRICS = {"accuracy": accuracy, "precision": precision, "recall": recall, "F1": f1_score}
mark = {}
for name, (_, _, z, t) in runs.items():
    mark[name] = {key: metric((z > 0).astype(int), t) for key, metric in METRICS.items()}
    mark[name]["ROC AUC"] = roc_auc(z, t)
table(["", *mark["BCE"]], [[k, *(f"{v:.2f}" for v in mark[k].values())] for k in mark])
plain, weighted, focal = mark.values()
claim(
    "plain BCE misses most 8s, weighted BCE finds most, and pays with false alarms",
    plain["recall"] < 0.5 < weighted["recall"] and weighted["precision"] < 0.5,
    f"recall {plain['recall']:.0%} and {weighted['recall']:.0%}, "
    f"precision {plain['precision']:.0%} and {weighted['precision']:.0%}",
)
lead = focal["F1"] - plain["F1"]
claim(
    "after these epochs, at the cut 0.5, focal beats plain BCE in F1; accuracy would have picked "
    "always no over weighted BCE",
    lead > 0.05 and useless > weighted["accuracy"],
    f"F1 {focal['F1']:.2f} against {plain['F1']:.2f}, "
    f"accuracy {useless:.1%} against {weighted['accuracy']:.1%}",
)

predict("""
    So is the focal model better at telling an 8 from another digit? Compare the ROC AUC. Then let
    each model have the cut, in place of 0.5, that gave the best F1 on its training images.
""")
auc = [m["ROC AUC"] for m in mark.values()]
claim(
    "hardly: all three put the images in much the same order",
    max(auc) - min(auc) < 0.03,
    f"ROC AUC from {min(auc):.3f} to {max(auc):.3f}",
)
CUTS = np.linspace(0.01, 0.99, 99)


def f1_by_cut(z, y):
    return np.array([f1_score((F.sigmoid(z) > cut).astype(int), y) for cut in CUTS])


curves = {name: f1_by_cut(z, t) for name, (_, _, z, t) in runs.items()}
moved = {name: curves[name][f1_by_cut(z, t).argmax()] for name, (z, t, _, _) in runs.items()}
peak = {name: CUTS[curve.argmax()] for name, curve in curves.items()}
claim(
    "what the losses moved was the place of the best cut; with one of its own, plain BCE makes up "
    "for more than half of the lead",
    max(moved.values()) - moved["BCE"] < lead / 2
    and peak["BCE"] < 0.45 < 0.55 < peak["weighted BCE"],
    ", ".join(f"{name} F1 {value:.2f}" for name, value in moved.items()),
)

fig, ax = plt.subplots(figsize=(7, 4))
for name, curve in curves.items():
    ax.plot(CUTS, curve, color=PAINT[name], label=name)
    ax.plot(0.5, mark[name]["F1"], "o", color=PAINT[name], ms=8)
ax.axvline(0.5, color=COLOR["truth"], lw=1, ls=":")
ax.text(0.51, 0.02, "the usual cut")
ax.set(xlabel="say 8 above this probability", ylabel="F1 on the test images", ylim=(0, 1))
ax.set(title="The peaks are alike: the losses move the best cut")
ax.legend(loc="upper left")
save(fig)

takeaway("""
    A loss is what you descend, a metric is what you care about; counts have no slope, so the one
    stands in for the other. With a rare class, do not look at accuracy. Weighted BCE and the focal
    loss move the cut; they know nothing that BCE does not know. So look at the ROC AUC first: if
    the order is right, a threshold chosen on data that you did not test on may do.

    Next: lesson 12 turns to labels that are wrong. The focal loss would concentrate on them.
""")
exercises(
    [
        "The paper's default is alpha = 0.25, gamma = 2. Predict the recall, then run it. Why does "
        "a smaller weight for the rare class make sense in the paper, and not here?",
        "F1 with probabilities in the place of yes and no has a slope. Write it as a loss, with "
        "1 - 2 sum(p y) / sum(p + y), and train with it; lesson 25 will meet it as Dice.",
    ]
)
