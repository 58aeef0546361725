"""Lesson 5. A first network

A network learns to read handwritten digits: nobody writes the program that reads them, it is found
by walking downhill on a loss. Here everything works together, on real data: a network, a loss,
gradients and an optimizer. All of it is NumPy and this package, so nothing is hidden.

The loop in the middle of this file is the loop of all deep learning, whatever the size of the
model: forward, loss, backward, step. Lessons 1 (a loss and its descent), 2 (backpropagation),
3 (gradients checked) and 4 (losses that do not overflow) take it apart; you may as well see the
whole machine run first. Afterwards we ask what its good mark is worth.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, no_grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy
from microloss.metrics import accuracy, confusion_matrix
from microloss.nn import MLP, Linear
from microloss.optim import SGD

rng = begin()
HIDDEN = 128
STEPS = 1500
BATCH = 64

# %% The data and the network

X, y = load_digits()
X = X / 16  # a pixel holds 0 to 16 dots of ink; networks like numbers of about 1
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=360, seed=rng, stratify=y)
X_train, X_valid, y_train, y_valid = train_test_split(
    X_rest, y_rest, test_size=300, seed=rng, stratify=y_rest
)
say(f"""
The data: {len(X):,} digits written by hand, images of 8 by 8 pixels. The network learns from
{len(X_train):,} of them (training). On {len(X_valid)} others we watch how it does on images that it
does not learn from (validation). The last {len(X_test)} stay locked away for one final mark (test).
""")


def network():
    """Random weights, the same for every call."""
    return MLP(64, HIDDEN, 10, rng=np.random.default_rng([args.seed, 1]))


start = network()
say(f"""
The network: 64 pixels, {HIDDEN} hidden units, 10 scores, one for each digit. A hidden unit is a
weighted sum of the pixels, and 0 where that sum is negative. A score is a weighted sum of the
hidden units. The weights and biases are {sum(p.size for p in start.parameters()):,} parameters,
drawn at random. (LeCun and others trained such networks on the digits of real letters in 1989:
Backpropagation applied to handwritten zip code recognition.)
""")
formula(
    """
    hidden   h = max(0, W1 x + b1)
    scores   z = W2 h + b2
    softmax  p[k] = e^z[k] / sum over j of e^z[j]
    loss     -log p[digit], the cross-entropy
    """,
    tex=r"""
    h = \max(0,\ W_1 x + b_1), \qquad z = W_2 h + b_2, \qquad
    p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}, \qquad \ell = -\log p_{\text{digit}}
    """,
)
say("""
Softmax turns scores into probabilities: they are positive, and their sum is 1. The loss is 0 for a
network that is right and sure of it, and grows without bound for one that is sure and wrong.
""")
predict("The network has not seen any image yet. What is its loss, to one decimal?")

# %% Before training

with no_grad():  # nothing to differentiate here, so nothing to remember
    first_loss = cross_entropy(start(X_train), y_train).item()
say(f"""
Its random scores are small and nearly equal, so it gives each of the 10 digits a probability near
1/10, and -log(1/10) = ln 10 = {np.log(10):.3f}. This first number tells whether a network is wired
up well, before any time goes into training it.
""")
claim(
    "The loss of the untrained network is within 0.1 of ln 10",
    abs(first_loss - np.log(10)) < 0.1,
    f"{first_loss:.3f}",
)

# %% Which way is down?

say("""
For each image, backward() needs the slope of the loss along the scores; from there it goes on
through the layers, by the rules of lesson 2. It is short:
""")
formula(
    """
    loss         = log(sum over j of e^z[j]) - z[digit]
    dloss/dz[k]  = e^z[k] / sum over j of e^z[j]  -  (1 if k is the digit, else 0)
                 = p[k] - (1 if k is the digit, else 0)
    one step:  velocity  <- 0.9 velocity + gradient
               parameter <- parameter - 0.1 velocity
    """,
    tex=r"""
    \begin{aligned}
    \ell &= \log \sum_j e^{z_j} - z_{\text{digit}} \\
    \frac{\partial \ell}{\partial z_k} &= \frac{e^{z_k}}{\sum_j e^{z_j}} - [k = \text{digit}]
    = p_k - [k = \text{digit}] \\
    v &\leftarrow 0.9\, v + \text{gradient}, \qquad w \leftarrow w - 0.1\, v
    \end{aligned}
    """,
)
scores = Tensor(start(X_train).data, requires_grad=True)
cross_entropy(scores, y_train).backward()
by_hand = (F.softmax(scores.data) - F.one_hot(y_train, 10)) / len(y_train)  # of the mean loss
gap = np.abs(scores.grad - by_hand).max() / np.abs(by_hand).max()
claim(
    "The slope of cross-entropy along the scores is the probabilities minus 1 at the true digit",
    gap < 1e-12,
    f"relative difference to backward() at most {gap:.0e}, for {len(y_train):,} images",
)
say("""
A step down raises the score of the true digit, and lowers each other score by as much as the
network believes in it. (The velocity is called momentum; lesson 14 compares such optimizers.)
""")
predict(f"""
    {sum(p.size for p in start.parameters()):,} parameters learn from {len(X_train):,} images. Will
    the network read all of these in the end? And will its loss on the validation images be lower,
    the same, or higher?
""")

# %% The loop


def loss_on(model, images, labels):
    with no_grad():
        return cross_entropy(model(images), labels).item()


def read(model, images):
    """The digit with the highest score, for each image."""
    with no_grad():
        return model(images).data.argmax(axis=1)


def train(model, images, labels, steps=STEPS, watch=True):
    """The trained model; every 50 steps its step, training loss and validation loss."""
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    curves = []
    for step in range(steps + 1):
        if watch and step % 50 == 0:
            train_loss = loss_on(model, X_train, y_train)
            curves.append((step, train_loss, loss_on(model, X_valid, y_valid)))
        batch = rng.integers(len(images), size=BATCH)
        loss = cross_entropy(model(images[batch]), labels[batch])  # forward, loss
        optimizer.zero_grad()  # backward() adds to what is there
        loss.backward()
        optimizer.step()
    return model, np.array(curves)


say(f"""
The loop, {STEPS:,} times: draw {BATCH} images (a mini-batch: its rough gradient costs far less than
the exact one of all images, and points downhill on average; Robbins and Monro 1951), compute their
loss, run backward, take one step.
""")
naive, naive_curves = train(network(), X_train, y_train)
table(
    ["step", "training loss", "validation loss"],
    [
        [f"{step:.0f}", f"{seen:.4f}", f"{unseen:.3f}"]
        for step, seen, unseen in naive_curves[[0, 1, 2, 4, 8, 16, 30]]
    ],
)
_, seen, unseen = naive_curves[-1]
training_accuracy = accuracy(read(naive, X_train), y_train)
claim(
    "The network reads every training image, and its loss on the validation images is more than "
    "ten times its training loss",
    training_accuracy == 1 and unseen > 10 * seen,
    f"{unseen / seen:.0f} times: {unseen:.3f} against {seen:.4f}",
)
say("""
Part of what it learned holds for digits in general, and part it learned by heart, image by image.
That part is of no use elsewhere: it is called overfitting. So only images that a network has not
learned from can say how good it is.
""")
predict("""
    Move each validation image by a single pixel, up, down, left or right. You would hardly notice.
    What share of them will the network still read?
""")

# %% One pixel aside


def moved(images, down, right):
    framed = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    return framed[:, 1 - down : 9 - down, 1 - right : 9 - right].reshape(-1, 64)


MOVES = [(1, 0), (-1, 0), (0, 1), (0, -1)]


def in_four_places(images):
    return np.concatenate([moved(images, *move) for move in MOVES])


X_told = np.concatenate([X_train, in_four_places(X_train)])
y_told = np.tile(y_train, 5)
X_valid_moved = in_four_places(X_valid)
before = accuracy(read(naive, X_valid_moved), np.tile(y_valid, 4))
claim(
    "Of images moved by one pixel, the network reads fewer than 60 %",
    before < 0.6,
    f"{before:.1%}, and {accuracy(read(naive, X_valid), y_valid):.1%} of them in their places",
)
say("""
It knows pixels, not shapes. So tell it what you know and it does not: a digit moved by a pixel is
the same digit. A new network trains for as many steps, on every training image in five places (data
augmentation).
""")
model, curves = train(network(), X_told, y_told)
after = accuracy(read(model, X_valid_moved), np.tile(y_valid, 4))
claim(
    "The network that was told about moves reads at least 93 % of the moved images",
    after >= 0.93,
    f"{after:.1%}",
)
predict(f"""
    The choice is made, and the {len(X_test)} locked images come out, once. Two simpler ways to read
    them: a network without hidden units (a weighted sum of pixels for each digit, called logistic
    regression), and no learning at all (answer with the label of the most similar training image,
    called nearest neighbour). Which of the three reads most test images?
""")

# %% Is a network needed?


def nearest(images, labels, questions):
    """The label of the image at the smallest distance (Cover and Hart 1967)."""
    squared_distance = (images**2).sum(axis=1) - 2 * questions @ images.T  # less |question|²
    return labels[squared_distance.argmin(axis=1)]


def weighted_sum():
    return Linear(64, 10, rng=np.random.default_rng([args.seed, 2]))


linear, _ = train(weighted_sum(), X_train, y_train, watch=False)
linear_told, _ = train(weighted_sum(), X_told, y_told, steps=3 * STEPS, watch=False)
READERS = {
    ("weighted sum", "no"): lambda images: read(linear, images),
    ("nearest image", "no"): lambda images: nearest(X_train, y_train, images),
    ("network", "no"): lambda images: read(naive, images),
    ("weighted sum", "yes"): lambda images: read(linear_told, images),
    ("nearest image", "yes"): lambda images: nearest(X_told, y_told, images),
    ("network", "yes"): lambda images: read(model, images),
}
size_of_network = sum(p.size for p in model.parameters())
NUMBERS = {
    ("weighted sum", "no"): 650,
    ("nearest image", "no"): X_train.size,
    ("network", "no"): size_of_network,
    ("weighted sum", "yes"): 650,
    ("nearest image", "yes"): X_told.size,
    ("network", "yes"): size_of_network,
}
X_test_moved = in_four_places(X_test)
in_place = {key: accuracy(reader(X_test), y_test) for key, reader in READERS.items()}
aside = {key: accuracy(reader(X_test_moved), np.tile(y_test, 4)) for key, reader in READERS.items()}
commonest = np.bincount(y_train).argmax()
table(
    ["reader", "told of moves", "numbers kept", "test images read", "moved ones"],
    [
        ["commonest digit", "", 1, *2 * [f"{np.mean(y_test == commonest):.1%}"]],
        *(
            [*key, f"{NUMBERS[key]:,}", f"{in_place[key]:.1%}", f"{aside[key]:.1%}"]
            for key in READERS
        ),
    ],
)
mark = in_place["network", "yes"]
claim(
    "The network reads at least 95 % of the test images",
    mark >= 0.95,
    f"{mark:.1%} of {len(y_test)}",
)
gain = in_place["network", "no"] - in_place["weighted sum", "no"]
claim(
    "Hidden units are not needed for that mark: not told about moves, a weighted sum of pixels is "
    "within 4 points of the network",
    abs(gain) < 0.04,
    f"{100 * gain:+.1f} points for the network",
)
claim(
    "Hidden units are needed once there is more to know: told about moves, the network reads more "
    "than 10 points more of the moved images than the weighted sum",
    aside["network", "yes"] > aside["weighted sum", "yes"] + 0.1,
    f"{100 * (aside['network', 'yes'] - aside['weighted sum', 'yes']):.0f} points more",
)
claim(
    "Told about moves, the nearest image reads more of the moved images than the network",
    aside["nearest image", "yes"] > aside["network", "yes"],
    f"{100 * (aside['nearest image', 'yes'] - aside['network', 'yes']):+.1f} points, and it keeps "
    f"{X_told.size / size_of_network:.0f} times as many numbers",
)
say("""
So such a mark does not show that a network is needed: always put simple readers beside yours. A
weighted sum has one template for each digit, and one template cannot fit a digit in five places
(underfitting; it had three times as many steps as the network). The nearest image can, because it
keeps them all, and compares with all of them each time it reads. The network has found something
far shorter that does nearly as well.
""")
predict("""
    The test images are new to the network. But are their writers? The file has the digits of 13
    persons, and as it seems one person after the other. Now lock away whole stretches of the file,
    in place of random images. Does the share of misread images stay as it is?
""")

# %% The same writers on both sides


def misread(reader, order):
    """What each image is read as, when its fifth of `order` is not in the training images."""
    answers = np.empty(len(y), int)
    for fifth in np.array_split(order, 5):
        rest = np.setdiff1d(order, fifth)
        answers[fifth] = reader(X[rest], y[rest], X[fifth])
    return answers


def trained(images, labels, questions):
    return read(train(network(), images, labels, steps=500, watch=False)[0], questions)


file_order = np.arange(len(y))
ORDERS = {"random": rng.permutation(len(y)), "stretches": file_order}
answers = {
    (name, kind): misread(reader, order)
    for name, reader in {"nearest image": nearest, "network": trained}.items()
    for kind, order in ORDERS.items()
}
errors = {key: np.mean(answer != y) for key, answer in answers.items()}
squares = (X**2).sum(axis=1)
distance = squares[:, None] + squares - 2 * X @ X.T
np.fill_diagonal(distance, np.inf)
places_between = np.abs(distance.argmin(axis=1) - file_order)
near = len(y) // 13  # as many images as one writer has, on average
by_chance = np.mean(np.abs(file_order[:, None] - file_order) <= near)
table(
    ["misread", "a random fifth locked away", "a stretch of the file locked away"],
    [
        [name, f"{errors[name, 'random']:.1%}", f"{errors[name, 'stretches']:.1%}"]
        for name in ("nearest image", "network")
    ],
)
claim(
    "The most similar other image is close by in the file more than twice as often as by chance",
    np.mean(places_between <= near) > 2 * by_chance,
    f"at most {near} places away for {np.mean(places_between <= near):.0%} of the images, "
    f"{by_chance:.0%} by chance",
)
claim(
    "With stretches of the file locked away, the nearest image misreads more than twice as many",
    errors["nearest image", "stretches"] > 2 * errors["nearest image", "random"],
    f"{errors['nearest image', 'stretches'] / errors['nearest image', 'random']:.1f} times",
)
claim(
    "With stretches of the file locked away, the network misreads more than 1.5 times as many",
    errors["network", "stretches"] > 1.5 * errors["network", "random"],
    f"{errors['network', 'stretches'] / errors['network', 'random']:.1f} times",
)
say("""
A random split puts other digits of the same writers on both sides. Its mark holds for new digits of
known writers, and for no more. To know how a reader will do with new writers, lock away writers.
The question behind every split: what will be new when the model is used?
""")

# %% What hidden units look for

say("""
Nobody told the network which pixels lie side by side: shuffle the 64 columns in the same way for
all images, and it learns as well. Do its hidden units find it out? Compare the weights of
neighbouring pixels.
""")


def likeness_of_neighbours(weights):
    """The correlation of a hidden unit's weights of two pixels side by side, over all units."""
    grid = weights.reshape(-1, 8, 8)
    one = np.concatenate([grid[:, :, :-1].ravel(), grid[:, :-1].ravel()])
    other = np.concatenate([grid[:, :, 1:].ravel(), grid[:, 1:].ravel()])
    return np.corrcoef(one, other)[0, 1]


hidden_weights = model.parameters()[0].data
untrained_weights = network().parameters()[0].data
claim(
    "The weights of neighbouring pixels are unrelated before training and alike after it",
    abs(likeness_of_neighbours(untrained_weights)) < 0.1
    and likeness_of_neighbours(hidden_weights) > 0.25,
    f"correlation {likeness_of_neighbours(hidden_weights):.2f}, before training "
    f"{likeness_of_neighbours(untrained_weights):.2f}",
)

# %% In pictures


def mosaic(weights, rows, columns):
    """The weights of the first units as images side by side, with a white line between."""
    tiles = np.full((rows, 9, columns, 9), np.nan)
    tiles[:, :8, :, :8] = (
        weights[: rows * columns].reshape(rows, columns, 8, 8).transpose(0, 2, 1, 3)
    )
    return tiles.reshape(9 * rows, 9 * columns)[:-1, :-1]


guess = read(model, X_test)
right = guess == y_test
fig = plt.figure(figsize=(13, 5))
fig.suptitle(f"A network reads {mark:.1%} of {len(y_test)} handwritten digits that it never saw")
learning, units, gallery = fig.subfigures(1, 3, width_ratios=[1.2, 1.1, 1.2])

learning.suptitle("From guessing to knowing", fontsize=11)
ax = learning.subplots()
steps, train_losses, valid_losses = curves.T
ax.axhline(np.log(10), color=COLOR["truth"], linewidth=1, linestyle=":")
ax.text(STEPS, 1.1 * np.log(10), "ln 10: one guess among ten", ha="right")
ax.semilogy(steps, valid_losses, color=COLOR["validation"])
ax.semilogy(steps, train_losses, color=COLOR["train"])
ax.text(STEPS, 1.4 * valid_losses[-1], "validation", color=COLOR["validation"], ha="right")
ax.text(STEPS, 0.45 * train_losses[-1], "training", color=COLOR["train"], ha="right")
ax.set(xlabel="step", ylabel="cross-entropy loss (nats)", ylim=(3e-3, 4))

units.suptitle("Hidden units: blue wants ink, red wants none", fontsize=11)
ax = units.subplots()
strongest = np.argsort(-np.abs(hidden_weights).sum(axis=1))
limit = np.quantile(np.abs(hidden_weights[strongest[:36]]), 0.995)
ax.imshow(mosaic(hidden_weights[strongest], 6, 6), cmap="RdBu", vmin=-limit, vmax=limit)
ax.set_axis_off()
ax.set_anchor("N")

gallery.suptitle("What it reads, and where it errs", fontsize=11)
ax = gallery.subplots()
shown = [np.flatnonzero(right & (y_test == digit))[0] for digit in range(10)]
shown += [*np.flatnonzero(~right)[:10]]
for place, i in enumerate(shown):
    row, column = divmod(place, 5)
    x0, y0 = 1.25 * column, -1.45 * row  # the lower left corner of an image of size 1
    ax.imshow(
        X_test[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1, extent=(x0, x0 + 1, y0, y0 + 1)
    )
    color = COLOR["model" if right[i] else "naive"]
    ax.add_patch(plt.Rectangle((x0, y0), 1, 1, fill=False, edgecolor=color, linewidth=1.5))
    label = f"{guess[i]}" if right[i] else f"{guess[i]}, is {y_test[i]}"
    ax.text(x0 + 0.5, y0 + 1.06, label, ha="center", color=color, weight="bold")
ax.set(xlim=(-0.05, 6.05), ylim=(-4.4, 1.35))
ax.set_axis_off()
ax.set_anchor("N")
save(fig)

fig, (readers, writers, confusion) = plt.subplots(
    1, 3, figsize=(13, 4.4), width_ratios=[1.3, 1, 1.05]
)
for place, key in enumerate(READERS):
    height = -place - (place > 2)
    readers.plot([aside[key], in_place[key]], [height, height], color="#CCCCCC", zorder=1)
    readers.plot(in_place[key], height, "o", ms=9, color=COLOR["model"])
    readers.plot(aside[key], height, "o", ms=9, color=COLOR["naive"])
readers.plot([], [], "o", ms=9, color=COLOR["model"], label="test images")
readers.plot([], [], "o", ms=9, color=COLOR["naive"], label="moved by a pixel")
readers.legend(loc="lower left")
readers.set_yticks(
    [0, -1, -2, -4, -5, -6],
    [f"{name}{', told' if told == 'yes' else ''}" for name, told in READERS],
)
readers.set(xlabel="share that is read", xlim=(0.3, 1.02), ylim=(-8.2, 0.6))
readers.set(title="A weighted sum cannot learn moves")

for shift, kind, color in ((-0.2, "random", COLOR["model"]), (0.2, "stretches", COLOR["naive"])):
    heights = [100 * errors[name, kind] for name in ("nearest image", "network")]
    writers.bar(np.arange(2) + shift, heights, 0.38, color=color)
    for place, height in enumerate(heights):
        writers.text(place + shift, height + 0.1, f"{height:.1f} %", ha="center")
writers.set_xticks([0, 1], ["nearest image", "network"])
writers.legend(
    handles=writers.containers, labels=["locked away: random images", "stretches of the file"]
)
writers.set(ylabel="images misread (%)", ylim=(0, 9.5))
writers.set(title="New writers are misread more")

table_of_answers = confusion_matrix(answers["network", "stretches"], y)
mistakes = table_of_answers * (1 - np.eye(10, dtype=int))
confusion.imshow(mistakes, cmap="Oranges", vmax=1.5 * mistakes.max())
for (written, answer), count in np.ndenumerate(table_of_answers):
    if count:
        color = "#999999" if written == answer else "black"
        confusion.text(answer, written, count, ha="center", va="center", color=color, fontsize=8)
confusion.set(xlabel="read as", ylabel="written", xticks=range(10), yticks=range(10))
confusion.set(title="Mistaken digits of new writers")
confusion.grid(False)
save(fig, "controls")

# %% Take away

takeaway(f"""
    Training is a loop: forward, loss, backward, step. Before it, check the first loss: ln of the
    number of classes. During it, watch the loss on images that the network does not learn from:
    where it is far above the training loss, the network overfits. After it, one mark, on images
    that decided nothing, beside the marks of simple readers. The mark holds for what the split
    held back: here new digits, not new writers. And a network knows what its data show, no more:
    {before:.0%} one pixel aside, until it was told.

    Next: lesson 6, what the choice of the loss does to a fit.
""")
exercises(
    [
        "Leave out `optimizer.zero_grad()`. Gradients now add up over the steps: predict the "
        "curves, then run.",
        "Give the weighted sum that was told about moves 60 times `STEPS`. Does it catch up with "
        "the network?",
        "Move the test images by one pixel down and one to the right. How many does the network "
        "that was told about moves read? Which images would you add?",
        "Let `trained` take `STEPS` steps, and then tell it about moves as well. Does the gap "
        "between random fifths and stretches of the file close?",
    ]
)
