"""Lesson 21. Metric learning

A network can learn distances instead of answers: images of the same digit near, others far. Such a
network gives each image a few numbers, its embedding. A new class then needs no new output, only
examples to be near to: that is how faces are recognised and goods are searched.

Lesson 5 compared each example with its target. Here examples are compared with each other. That
brings new ways to fail, which the curves of lesson 20 do not show.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

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
STEPS = 300
STARTS = 3  # one start would leave the comparison to luck
EACH = 6  # images of each digit in a batch


def recall(z, labels):
    """Recall@1: how many have one of their own class as the nearest other example."""
    same = labels[:, None] == labels
    nearness = z @ z.T - (z * z).sum(axis=1) / 2  # in each row, orders like -distance
    np.fill_diagonal(same, False)
    np.fill_diagonal(nearness, -np.inf)
    return recall_at_k(nearness, same, k=1)


def train(losses, numbers=2, images=images, labels=labels, steps=STEPS, start=0):
    """A network trained on losses(embeddings, labels), one loss for each pair or triplet."""
    draw = np.random.default_rng([args.seed, start])
    model = MLP(64, 64, numbers, rng=draw)
    optimizer = Adam(model.parameters(), lr=0.01)
    classes = [np.flatnonzero(labels == digit) for digit in np.unique(labels)]
    history = []
    for _ in range(steps):
        batch = np.concatenate([draw.choice(own, EACH, replace=False) for own in classes])
        optimizer.zero_grad()
        values = losses(model(images[batch]), labels[batch])
        values.mean().backward()
        optimizer.step()
        history.append(values.data)
    return model, history


# %% Near is not enough

say("""
Let the loss of two images of the same digit be the square of the distance between their embeddings.
The embedding has two numbers, so that we can draw it.
""")
predict("""
    Training brings this loss to nearly 0. How many of 500 new images have one of their own digit as
    nearest neighbour (recall@1)?
""")

# %% Pairs


def random_triplets(z, labels):
    """For each example as anchor, a random other one of its class and a random one of another."""
    same = labels[:, None] == labels
    lot = rng.random((len(labels), len(labels)))
    negative = np.where(same, -1, lot).argmax(axis=1)
    np.fill_diagonal(lot, -1)
    positive = np.where(same, lot, -1).argmax(axis=1)
    return np.arange(len(labels)), positive, negative


def pull(z, labels):
    _, positive, _ = random_triplets(z, labels)
    return contrastive_loss(z, z[positive], np.zeros(len(z)), reduction="none")


def pull_and_push(z, labels):
    _, positive, negative = random_triplets(z, labels)
    near = contrastive_loss(z, z[positive], np.zeros(len(z)), reduction="none")
    return near + contrastive_loss(z, z[negative], np.ones(len(z)), reduction="none")


model, history = train(pull)
z = model(test).data
solved = np.mean(history[-20:])
spread = z.std(axis=0).max()
collapsed = recall(z, test_labels)
claim(
    "Pulling alone solves its loss: it ends below a ten-thousandth",
    solved < 1e-4,
    f"{solved:.0e} in the last 20 steps",
)
claim(
    "All digits are then in one place, and fewer than half of new images find their own digit",
    spread < 0.01 and collapsed < 0.5,
    f"recall@1 {collapsed:.0%}; the standard deviation of the embeddings is {spread:.0e}",
)
say("""
Nothing asked for distance, so there is none (collapse). The contrastive loss (Hadsell, Chopra and
LeCun, 2006, Dimensionality reduction by learning an invariant mapping) adds pairs of two digits,
which push each other away while they are nearer than a margin of 1:
""")
formula(
    """
    same digit:    d^2
    two digits:    max(0, 1 - d)^2          d: the distance of the two embeddings
    """,
    tex=r"\mathrm{loss} = \begin{cases} d^2 & \text{same class} \\ "
    r"\max(0,\, 1 - d)^2 & \text{two classes} \end{cases}",
)
model, _ = train(pull_and_push)
center = images.mean(axis=0)
_, _, axes = np.linalg.svd(images - center)
plane = recall((test - center) @ axes[:2].T, test_labels)  # two principal components (PCA)
contrastive = recall(model(test).data, test_labels)
claim(
    "With a push, two learned numbers tell digits better than the two best numbers without labels",
    contrastive > plane + 0.1,
    f"recall@1 {contrastive:.0%}, principal components {plane:.0%}",
)

# %% Triplets

say("""
The triplet loss (Schroff, Kalenichenko and Philbin, 2015, FaceNet) leaves distances free and asks
for an order: the positive, of the anchor's digit, must be nearer than the negative, of another
digit, by a margin of 1:
""")
formula(
    "loss = max(0, 1 + d(anchor, positive) - d(anchor, negative))",
    tex=r"\mathrm{loss} = \max\left(0,\; 1 + d(a, p) - d(a, n)\right)",
)
predict("""
    A triplet whose negative is far enough away costs 0 and teaches nothing. Of triplets drawn at
    random, how many are idle in the first 20 steps? How many in the last 20?
""")

# %% Idle triplets

SAMPLE = 60  # as many triplets in each step, for every way to choose them


def triplets(mine):
    def losses(z, labels):
        anchor, positive, negative = mine(z.data, labels)
        return triplet_margin_loss(z[anchor], z[positive], z[negative], reduction="none")

    return losses


def semi_hard(z, labels):
    """Some of the triplets whose negative is farther than the positive, but by less than 1."""
    found = np.array(semi_hard_triplets(z, labels, margin=1.0))
    return found[:, rng.permutation(found.shape[1])[:SAMPLE]]


MINING = {"random": random_triplets, "semi-hard": semi_hard, "hardest": batch_hard_triplets}


def from_each_start(numbers):
    """For each way of mining: the networks and histories from three starts."""
    return {
        name: [train(triplets(mine), numbers, start=start) for start in range(STARTS)]
        for name, mine in MINING.items()
    }


def mean_recall(runs):
    """For each way of mining: recall@1 of the new images, the mean of three starts."""
    return {
        name: np.mean([recall(model(test).data, test_labels) for model, _ in of_name])
        for name, of_name in runs.items()
    }


runs = from_each_start(numbers=2)
idle = np.array([np.mean(values == 0) for values in runs["random"][0][1]])
first, last = idle[:20].mean(), idle[-20:].mean()
claim(
    "Of random triplets, more and more fall idle: more than three quarters at the end",
    last > 0.75 > first + 0.2,
    f"{last:.0%} in the last 20 steps, {first:.0%} in the first 20",
)
predict("""
    So choose triplets that teach (mining). Semi-hard: the negative is farther away than the
    positive, by less than the margin. Hardest (Hermans, Beyer and Leibe, 2017, In defense of the
    triplet loss): the farthest positive and the nearest negative in the batch. Which works best?
""")

# %% Mining, with two numbers

found = mean_recall(runs)
claim(
    "With two numbers, semi-hard triplets beat random ones",
    found["semi-hard"] > found["random"] + 0.01,
    f"recall@1 {found['semi-hard']:.1%} against {found['random']:.1%}",
)
claim(
    "With two numbers, the hardest triplets fail",
    found["hardest"] < found["random"] - 0.2,
    f"recall@1 {found['hardest']:.0%}",
)
hardest = np.array([values.mean() for values in runs["hardest"][0][1]])
claim(
    "The loss of the hardest triplets starts above the margin of 1, falls to it and stays for "
    "fifty steps",
    hardest[:3].mean() > 1.03 and abs(hardest[20:70].mean() - 1) < 0.03,
    f"{hardest[20:70].mean():.2f} in steps 21 to 70, {hardest[:3].mean():.2f} in the first three",
)
say("""
In the first batches the hardest negative is nearer than the hardest positive. The loss is 1 plus
the difference of the two distances, so shrinking all distances to 0 brings it down to 1: the
quickest way down is the collapse. Some starts find a way out of it, late. In a plane there is
little room to go around each other. What if the embedding has more numbers?
""")

# %% Mining, with eight numbers

SPACE = 8
eight = mean_recall(from_each_start(numbers=SPACE))
pixels = recall(test, test_labels)
table(
    [f"recall@1 of new images, mean of {STARTS} starts", "2 numbers", "8 numbers"],
    [
        *((name, f"{found[name]:.1%}", f"{eight[name]:.1%}") for name in MINING),
        ("without learning: PCA, all pixels", f"{plane:.1%}", f"{pixels:.1%}"),
    ],
)
claim(
    "With eight numbers the hardest triplets beat random and semi-hard ones, or come within half a "
    "point",
    eight["hardest"] > max(eight["random"], eight["semi-hard"]) - 0.005,
    f"{100 * (eight['hardest'] - max(eight['random'], eight['semi-hard'])):+.1f} points: "
    f"{eight['hardest']:.1%}, random {eight['random']:.1%}, semi-hard {eight['semi-hard']:.1%}",
)
claim(
    "With eight numbers the embedding is about as good as all 64 pixels, which need no training",
    abs(eight["hardest"] - pixels) < 0.03,
    f"{100 * (eight['hardest'] - pixels):+.1f} points: pixels {pixels:.1%}",
)
predict("Train it on seven digits. How well do its distances tell the other three apart?")

# %% Digits that it has never seen

new = np.isin(y, rng.permutation(10)[:3])
model, _ = train(triplets(batch_hard_triplets), numbers=SPACE, images=X[~new], labels=y[~new])
unseen = recall(model(X[new]).data, y[new])
by_pixels = recall(X[new], y[new])
claim(
    "It tells three new digits apart well above chance, and pixels do it better",
    0.6 < unseen < by_pixels,
    f"recall@1 {unseen:.1%}, by pixels {by_pixels:.1%}; a third by chance",
)
say("It was trained to tell the seven apart. What the three need, it was free to throw away.")

# %% The picture

fig, (*planes, curve) = plt.subplots(1, 4, figsize=(13, 3.8), width_ratios=[1, 1, 1, 1.2])
colors = np.array(list(dict.fromkeys(COLOR.values())))
places = {name: of_name[0][0](test).data for name, of_name in runs.items()}
for ax, (name, z) in zip(planes, places.items()):
    ax.scatter(*z.T, s=7, color=colors[test_labels])
    ax.set(xlabel="first number", ylabel="second number")
    ax.set_title(f"{name.capitalize()}: recall@1 {recall(z, test_labels):.0%}")
    if name != "hardest":
        for digit in range(10):
            spot = np.median(z[test_labels == digit], axis=0)
            box = {"fc": "#FFFFFFCC", "pad": 1}
            ax.text(*spot, digit, color=colors[digit], size=14, ha="center", va="center", bbox=box)
planes[2].set(xlim=planes[0].get_xlim(), ylim=planes[0].get_ylim())
heap = places["hardest"]
close = np.mean(np.abs(heap - np.median(heap, axis=0)).max(axis=1) < 0.5)
planes[2].text(0.5, 0.7, f"{close:.0%} in one place", ha="center", transform=planes[2].transAxes)
smooth = np.ones(10) / 10
curve.plot(100 * np.convolve(idle, smooth, "valid"), color=COLOR["naive"])
curve.text(STEPS - 10, 100 * idle[-20:].mean() + 4, "random", color=COLOR["naive"], ha="right")
curve.axhline(0, color=COLOR["model"])
curve.text(STEPS - 10, 3, "semi-hard: 0 by choice", color=COLOR["model"], ha="right")
curve.set(xlabel="step", ylabel="triplets with loss 0 (%)", ylim=(-3, 105))
curve.set_title("Random triplets fall idle")
save(fig)

# %% Take away

takeaway("""
    A loss that compares must push as well as pull, or everything collapses into one place. Most
    random comparisons soon teach nothing, so choose those that do (mining). The hardest may
    collapse everything in a narrow space, and do best in a wider one: beware of a loss that stays
    at the margin. And look at the baseline: on these images pixels are as good.

    Next: lesson 22 learns such distances without any labels.
""")
exercises(
    [
        "Train on semi-hard triplets for 300 steps, and then on the hardest for 300, with two "
        "numbers. Does it still collapse?",
        "Give a tenth of the training images a random label. Which way of mining loses most, with "
        "eight numbers, and why?",
    ]
)
