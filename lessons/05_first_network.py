"""Lesson 5. A first network

Here everything works together, on real data: a network, a loss, gradients and an optimizer learn to
read handwritten digits. Nobody writes the program that reads them: it is found, by walking downhill
on a loss. All of it is NumPy and this package, so nothing is hidden.

The loop in the middle of this file is the loop of all deep learning, whatever the size of the
model: forward, loss, backward, step. Lessons 1 (a loss and its descent), 2 (backpropagation),
3 (gradients checked) and 4 (losses that do not overflow) take it apart; you may as well see the
whole machine run first.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy
from microloss.metrics import confusion_matrix
from microloss.nn import MLP
from microloss.optim import SGD

rng = begin()
STEPS, BATCH = 1800, 64

# ---- the data ------------------------------------------------------------------------------------

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

# ---- before training -----------------------------------------------------------------------------

model = MLP(64, 256, 10, rng=args.seed)  # 64 pixels in, 10 scores out, one for each digit
say(f"""
The network: 64 pixels, 256 hidden units, 10 scores; {sum(p.size for p in model.parameters()):,}
parameters, drawn at random. Softmax turns the scores into probabilities, and the cross-entropy loss
is -log of the probability given to the true digit: 0 for a network that is right and sure of it.
""")
predict("The network has not seen any image yet. What is its loss, to one decimal?")
start = cross_entropy(model(X_train), y_train).item()
say(f"""
Its random scores are small and nearly equal, so it gives each of the 10 digits a probability near
1/10, and -log(1/10) = ln 10 = {np.log(10):.3f}. This first number tells whether a network is wired
up well, before any time goes into training it.
""")
claim("the first loss is within 0.1 of ln 10", abs(start - np.log(10)) < 0.1, f"{start:.3f}")

# ---- the loop ------------------------------------------------------------------------------------


def accuracy(model, images, labels):
    """Share of the images whose true digit has the highest score."""
    with no_grad():  # nothing to differentiate here, so nothing to remember
        return np.mean(np.argmax(model(images), axis=1) == labels)


def train(images, labels):
    """A trained network, and every 30 steps the step and the losses in training and validation."""
    model = MLP(64, 256, 10, rng=args.seed)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)  # lesson 14 compares optimizers
    curves = []
    for step in range(STEPS + 1):
        if step % 30 == 0:
            with no_grad():
                seen = cross_entropy(model(X_train), y_train).item()
                unseen = cross_entropy(model(X_valid), y_valid).item()
            curves.append((step, seen, unseen))
        batch = rng.integers(len(images), size=BATCH)
        loss = cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()  # backward() adds to what is there
        loss.backward()
        optimizer.step()
    return model, np.array(curves).T


say(f"""
Now the loop, {STEPS:,} times: draw {BATCH} images (a mini-batch, whose rough gradient costs far
less than the exact one of all images), compute their loss, run backward, take one step downhill.
""")
naive, (_, seen, unseen) = train(X_train, y_train)
claim(
    "it reads every training image, but on the others its loss is more than five times as high: "
    "part of what it learned, it learned by heart",
    accuracy(naive, X_train, y_train) == 1 and unseen[-1] > 5 * seen[-1],
    f"{seen[-1]:.4f} against {unseen[-1]:.3f}",
)

predict("""
    Move each validation image by a single pixel, up, down, left or right. You would hardly notice.
    How many will the network still read?
""")


def moved(images, down, right):
    framed = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    return framed[:, 1 - down : 9 - down, 1 - right : 9 - right].reshape(-1, 64)


MOVES = [(1, 0), (-1, 0), (0, 1), (0, -1)]
before = np.mean([accuracy(naive, moved(X_valid, *move), y_valid) for move in MOVES])
claim("fewer than 60 % of them: it knows pixels, not shapes", before < 0.6, f"{before:.1%}")
say("""
So tell it what you know and it does not: a digit moved by a pixel is the same digit. Train a new
network for as many steps, on every training image in five places (data augmentation).
""")
X_told = np.concatenate([X_train, *(moved(X_train, *move) for move in MOVES)])
started = time.perf_counter()
model, (steps, seen, unseen) = train(X_told, np.tile(y_train, 5))
seconds = time.perf_counter() - started
after = np.mean([accuracy(model, moved(X_valid, *move), y_valid) for move in MOVES])
claim("now it reads at least 94 % of the moved ones", after >= 0.94, f"{after:.1%}")

# ---- the final mark ------------------------------------------------------------------------------

say(f"The choice is made, so the {len(X_test)} locked images come out, once.")
guess = np.argmax(model(X_test), axis=1)
right = guess == y_test
claim(
    "at least 96 % of the digits that it has never seen are read correctly",
    right.mean() >= 0.96,
    f"{right.mean():.1%}, after {seconds:.1f} seconds of training",
)

# ---- figures -------------------------------------------------------------------------------------

fig = plt.figure(figsize=(10, 4.2))
fig.suptitle(f"A network reads {right.mean():.1%} of {len(X_test)} handwritten digits it never saw")
left, gallery = fig.subfigures(1, 2, width_ratios=[1, 1.15])
ax = left.subplots()
ax.axhline(np.log(10), color=COLOR["truth"], linewidth=1, linestyle=":")
ax.text(STEPS, 1.08 * np.log(10), "ln 10: one guess among ten", ha="right")
ax.semilogy(steps, unseen, color=COLOR["validation"], label="validation")
ax.semilogy(steps, seen, color=COLOR["train"], label="train")
ax.set(xlabel="step", ylabel="cross-entropy loss (nats)", title="From guessing to knowing")
ax.legend(loc="lower left")

shown = [*np.flatnonzero(right)[:14], *np.flatnonzero(~right)[:7]]
for place, i in enumerate(shown, start=1):
    ax = gallery.add_subplot(3, 7, place)
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_axis_off()
    label = f"{guess[i]}" if right[i] else f"{guess[i]}, is {y_test[i]}"
    ax.set_title(label, loc="center", pad=2, color=COLOR["model" if right[i] else "naive"])
gallery.suptitle("What it reads, and in the last row where it errs", fontsize=11)
fig.get_layout_engine().set(w_pad=0.04, h_pad=0.05)
save(fig)

confusion = confusion_matrix(guess, y_test)
errors = confusion * (1 - np.eye(10))
fig, ax = plt.subplots(figsize=(5, 5))
ax.imshow(errors, cmap="Oranges", vmax=2 * errors.max())
for (i, j), n in np.ndenumerate(confusion):
    if n:
        ax.text(j, i, n, ha="center", va="center", color="#888888" if i == j else "black")
ax.set(xlabel="read as", ylabel="written", xticks=range(10), yticks=range(10))
ax.set_title(f"{np.sum(~right)} of {len(X_test)} digits are taken for others")
ax.grid(False)
save(fig, "confusion")

takeaway(f"""
    Training is a loop: forward, loss, backward, step. Before it, check the first loss: ln of the
    number of classes. During it, watch the loss on data that the network does not learn from. After
    it, one mark, on data that decided nothing. And a network knows what its data show, no more:
    {before:.0%} one pixel aside, until it was told.

    Next: lesson 6, what the choice of the loss does to a fit.
""")
exercises(
    [
        "Leave out optimizer.zero_grad(). Gradients now add up over the steps: predict the curves, "
        "then run.",
        "MLP(64, 10) has no hidden layer. How many digits does a weighted sum of pixels read?",
        "Move the images by one pixel down and one to the right. How many does the second network "
        "read, and which images would you add?",
    ]
)
