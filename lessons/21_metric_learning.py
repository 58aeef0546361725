"""Lesson 21. Metric learning

A network can learn distances instead of answers: images of the same digit near, others far. Such a
network gives each image a few numbers, its embedding, and new classes need no new output.

Lesson 5 compared each example with its target, here examples are compared with each other. That
brings new ways to fail, which the curves of lesson 20 do not show.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss.datasets import load_digits, train_test_split
from microloss.losses import contrastive_loss, triplet_margin_loss
from microloss.losses.metric_learning import batch_hard_triplets, semi_hard_triplets
from microloss.metrics import recall_at_k
from microloss.nn import MLP
from microloss.optim import Adam

rng = begin()
X, y = load_digits()
X = X / 16
images, test, labels, test_labels = train_test_split(X, y, test_size=500, seed=rng, stratify=y)


def recall(z, labels):
    """Recall@1: how many have one of their own class as the nearest other example."""
    same = labels[:, None] == labels
    nearness = z @ z.T - (z * z).sum(axis=1) / 2  # in each row, orders like -distance
    np.fill_diagonal(same, False)
    np.fill_diagonal(nearness, -np.inf)
    return recall_at_k(nearness, same, k=1)


def train(losses, numbers=2, images=images, labels=labels):
    """A network, and 300 steps of losses(embeddings, labels), one for each pair or triplet."""
    draw, history = np.random.default_rng(args.seed), []
    model = MLP(64, 64, numbers, rng=draw)
    optimizer = Adam(model.parameters(), lr=0.01)
    classes = [np.flatnonzero(labels == digit) for digit in np.unique(labels)]
    for _ in range(300):
        batch = np.concatenate([draw.choice(own, 6, replace=False) for own in classes])
        optimizer.zero_grad()
        values = losses(model(images[batch]), labels[batch])
        values.mean().backward()
        optimizer.step()
        history.append(values.data)
    return model, history


# ---- pairs ---------------------------------------------------------------------------------------


def random_triplets(z, labels):
    """For each example as anchor, a random other one of its class and a random one of another."""
    same, lot = labels[:, None] == labels, rng.random((len(labels), len(labels)))
    negative = np.where(same, -1, lot).argmax(axis=1)
    np.fill_diagonal(lot, -1)
    return np.arange(len(labels)), np.where(same, lot, -1).argmax(axis=1), negative


def pull(z, labels, push=0):
    _, positive, negative = random_triplets(z, labels)
    near = contrastive_loss(z, z[positive], np.zeros(len(z)), reduction="none")
    return near + push * contrastive_loss(z, z[negative], np.ones(len(z)), reduction="none")


predict("""
    Images of the same digit shall be near: let the loss be their squared distance, in an embedding
    of two numbers. Training brings it to nearly 0. How many of 500 new images have one of their own
    digit as nearest neighbour (recall@1)?
""")
model, history = train(pull)
z, final = model(test).data, np.mean(history[-20:])
spread, found = z.std(axis=0).max(), recall(z, test_labels)
claim("the loss is solved", final < 1e-4, f"{final:.0e}")
claim("all digits are in one place", spread < 0.01, f"their standard deviation is {spread:.0e}")
claim("and that is worthless", found < 0.5, f"recall@1 {found:.0%}")
say("""
Nothing asked for distance. The contrastive loss (Hadsell et al. 2006) adds pairs of two digits,
which push each other while nearer than a margin of 1: max(0, 1 - distance)².
""")
model, _ = train(lambda z, labels: pull(z, labels, push=1))
# without labels: the plane on which the images spread most (principal components, PCA)
center, (_, _, axes) = images.mean(axis=0), np.linalg.svd(images - images.mean(axis=0))
plane = recall((test - center) @ axes[:2].T, test_labels)
found = recall(model(test).data, test_labels)
claim("two numbers tell most digits", found > plane + 0.1, f"{found:.0%}, by PCA {plane:.0%}")

# ---- triplets ------------------------------------------------------------------------------------

say("""
The triplet loss leaves distances free and asks for an order: the positive, of the anchor's digit,
nearer than the negative, of another digit, by a margin of 1.

    max(0, 1 + d(anchor, positive) - d(anchor, negative))
""")
predict("Of random triplets, how many cost 0 and teach nothing in the first 20 steps? The last 20?")


def triplets(mine):
    def losses(z, labels):
        return triplet_margin_loss(*(z[rows] for rows in mine(z.data, labels)), reduction="none")

    return losses


def semi_hard(z, labels):
    """60 of the triplets whose negative is farther than the positive, but by less than 1."""
    found = np.array(semi_hard_triplets(z, labels, margin=1.0))
    return found[:, rng.permutation(found.shape[1])[:60]]


RULES = {"random": random_triplets, "semi-hard": semi_hard, "hardest": batch_hard_triplets}
runs = {name: train(triplets(mine)) for name, mine in RULES.items()}
places = {name: model(test).data for name, (model, _) in runs.items()}
found = {name: recall(z, test_labels) for name, z in places.items()}
idle = {name: np.array([np.mean(v == 0) for v in history]) for name, (_, history) in runs.items()}
first, last = idle["random"][:20].mean(), idle["random"][-20:].mean()
claim("more and more of them idle", last > 0.75 > first + 0.2, f"{first:.0%}, then {last:.0%}")
predict("""
    So choose them (mining). Semi-hard: the negative is farther than the positive, by less than 1.
    Hardest: the farthest positive and the nearest negative in the batch. Which works best?
""")
scores = "recall@1 {semi-hard:.0%} instead of {random:.0%}".format(**found)
claim("semi-hard beats random", found["semi-hard"] > found["random"] + 0.01, scores)
claim("hardest fails", found["hardest"] < found["random"] - 0.2, f"{found['hardest']:.0%}")
start, level = (np.mean(runs["hardest"][1][a:b]) for a, b in ((0, 3), (20, 70)))
stuck = f"{start:.2f} in the first steps, {level:.2f} in steps 21 to 70"
claim("its loss falls to the margin, 1, and hangs", start > 1.03 and abs(level - 1) < 0.03, stuck)
say("""
The hardest negative is nearer than the positive: the loss is above 1, and shrinking all distances
to 0 brings it down to 1. Some starts (--seed 4) find a way out, late. Give them more room.
""")
pair = [train(triplets(RULES[name]), numbers=8)[0] for name in ("hardest", "random")]
*eight, pixels = (recall(z, test_labels) for z in (*(model(test).data for model in pair), test))
claim("with 8 numbers, it wins", eight[0] > eight[1], "{:.1%}, random {:.1%}".format(*eight))
claim("about as good as all 64 pixels", eight[0] > pixels - 0.02, f"{pixels:.1%}")
predict("Train it on seven digits. How well do its distances tell the other three apart?")
new = np.isin(y, rng.permutation(10)[:3])
model, _ = train(triplets(batch_hard_triplets), numbers=8, images=X[~new], labels=y[~new])
unseen, pixels = recall(model(X[new]).data, y[new]), recall(X[new], y[new])
claim("above chance, but pixels do it better", 0.6 < unseen < pixels, f"{unseen:.1%}, {pixels:.1%}")
say("It was paid for telling the seven apart, and for nothing else.")

fig, (*planes, curve) = plt.subplots(1, 4, figsize=(13, 3.8), width_ratios=[1, 1, 1, 1.2])
colors = np.array(list(dict.fromkeys(COLOR.values())))
for ax, (name, z) in zip(planes, places.items()):
    ax.scatter(*z.T, s=7, color=colors[test_labels])
    ax.set(xlabel="first number", ylabel="second number")
    ax.set_title(f"{name.capitalize()}: recall@1 {found[name]:.0%}")
    for digit in range(10 if name != "hardest" else 0):
        spot, box = np.median(z[test_labels == digit], axis=0), {"fc": "#FFFFFFCC", "pad": 1}
        ax.text(*spot, digit, color=colors[digit], size=14, ha="center", va="center", bbox=box)
planes[2].set(xlim=planes[0].get_xlim(), ylim=planes[0].get_ylim())
planes[2].text(0, 0.4, "all ten digits", ha="center")
for name, key in ("random", "naive"), ("semi-hard", "model"):
    curve.plot(100 * np.convolve(idle[name], np.ones(10) / 10, "valid"), color=COLOR[key])
    curve.text(290, 80 * idle[name][-1] + 3, name, color=COLOR[key], ha="right")
curve.set(xlabel="step", ylabel="triplets with loss 0 (%)", title="Random triplets fall idle")
save(fig)

takeaway("""
    A loss that compares must push as well as pull. Most random comparisons soon teach nothing, so
    mine; the hardest may collapse everything, so beware of a loss that stays at the margin.

    Next: lesson 22 learns such distances without any labels.
""")
exercises(
    [
        "Train hardest for 300 steps on semi-hard triplets first. Does it still collapse?",
        "Give a tenth of the images a random label. Which way of mining suffers most, and why?",
    ]
)
