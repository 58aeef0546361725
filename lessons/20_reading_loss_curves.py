"""Lesson 20. Reading loss curves

A loss curve tells what is wrong with a training run, long before a metric does, and each fault
draws a shape of its own. The last number of the curve tells next to nothing: twelve runs follow,
and the one with the best last number is worthless.

Lesson 5 drew the first curves, lesson 15 turned the learning rate, and lesson 19 held overfitting
back. Here each fault is planted in a real run on handwritten digits. microloss.diagnosis, whose
rules you can read in one sitting, looks at the curves and names the pattern. Then we follow its
advice, and advice that was given for another fault.
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

from microloss import no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.diagnosis import diagnose, noise
from microloss.losses import cross_entropy
from microloss.nn import MLP, Dropout, ReLU, Sequential, Tanh
from microloss.optim import SGD, ExponentialLR
from microloss.training import fit

rng = begin()
IMAGES, LABELS = load_digits()
IMAGES = IMAGES / 16

# %% Twelve runs


class Run:
    """A network trained on digits, well by default, and its losses from before training on.

    train: as fit() reports it, the mean over the batches of an epoch, in training mode.
    after: of the same images, when the epoch is over, in eval() mode.
    each: of each of 400 validation images, when the epoch is over; val is their mean.
    """

    def __init__(
        self, images=400, wrong=0.0, slip=False, leak=False, invert=False, hidden=32, zero=False,
        activation=ReLU, dropout=0.0, lr=0.05, momentum=0.9, decay=0.0, batch=32, gamma=1.0,
        epochs=40,
    ):  # fmt: skip
        rng = np.random.default_rng(args.seed)
        X, held_X, y, held_y = train_test_split(
            IMAGES, LABELS, test_size=400, seed=rng, stratify=LABELS
        )
        X = X[:images]
        y = y[:images]
        count = int(wrong * images)
        y[:count] = (y[:count] + rng.integers(1, 10, size=count)) % 10
        if slip:  # each image has the label of the one before it
            y = np.roll(y, 1)
        if leak:  # ten more inputs hold the answer, as a column of a careless table may
            X = np.hstack([X, 3 * np.eye(10)[y]])
            held_X = np.hstack([held_X, 3 * np.eye(10)[held_y]])
        network = MLP(X.shape[1], hidden, 10, rng=rng, activation=activation)
        if zero:
            for p in network.parameters():
                p.data[...] = 0
        if dropout:
            network = Sequential(network[0], network[1], Dropout(dropout, rng=rng), network[2])
        optimizer = SGD(network.parameters(), lr=lr, momentum=momentum, weight_decay=decay)

        def measure(X, y):
            network.eval()
            with no_grad():
                return cross_entropy(network(X), y, reduction="none").data

        def watch(epoch, network, history):
            self.after.append(measure(X, y).mean())
            self.each.append(measure(held_X, held_y))
            if invert and epoch == 19:  # from now on every fourth image comes in black on white
                X[::4] = 1 - X[::4]

        self.network = network
        self.after = [measure(X, y).mean()]
        self.each = [measure(held_X, held_y)]
        history = fit(
            network, cross_entropy, optimizer, X, y, epochs=epochs, batch_size=batch, rng=rng,
            schedule=ExponentialLR(optimizer, gamma), callbacks=[watch],
        )  # fmt: skip
        self.train = np.array([self.after[0], *history.train])
        self.after = np.array(self.after)
        self.each = np.array(self.each)
        self.val = self.each.mean(axis=1)


FEW = {"images": 150, "wrong": 0.3, "hidden": 128, "epochs": 60}
ONE = {"hidden": 1, "activation": Tanh, "lr": 0.02}
LONG_STEPS = {"hidden": 128, "momentum": 0.0, "batch": 400, "epochs": 60, "lr": 2.0}
FADING = {"gamma": 0.7}
PLANTED = {  # what we did, what the curves should be called, how to do it
    "No fault": ("healthy", {}),
    "Dropout": ("healthy", {"dropout": 0.5}),
    "Few images, 30 % mislabelled": ("overfitting", FEW),
    "One hidden unit": ("underfitting", ONE),
    "All weights start at 0": ("no better than guessing", {"zero": True, "activation": Tanh}),
    "Labels slipped by one": ("validation never fell", {"slip": True, "hidden": 128}),
    "Learning rate 2": ("oscillating", LONG_STEPS),
    "Learning rate 3": ("diverged", {"lr": 3.0, "momentum": 0.0, "activation": Tanh}),
    "Learning rate dies out": ("plateau", FADING),
    "Every 4th image inverted": ("sudden jump", {"invert": True}),
    "Label among the inputs": ("suspiciously fast drop", {"leak": True, "lr": 0.1}),
}
runs = {fault: Run(**how) for fault, (_, how) in PLANTED.items()}
well = runs["No fault"]
SMALL = 20  # validation images


def other_images():
    """The validation loss of the run without a fault, of other images after every epoch."""
    return np.array([losses[rng.choice(400, SMALL, replace=False)].mean() for losses in well.each])


curves = {fault: (run.train, run.val) for fault, run in runs.items()}
TREMBLING = f"{SMALL} validation images"
curves[TREMBLING] = well.train, other_images()

ordered = sorted(curves, key=lambda fault: curves[fault][0][-1])
letters = dict(zip(ordered, "ABCDEFGHIJKL"))
say("""
Twelve runs on the same digits, each with or without a fault, and the losses after the last epoch:
""")
table(
    ["run", "training", "validation"],
    [
        (letters[fault], *(f"{losses[-1]:.2g}" for losses in curves[fault]))
        for fault in letters
    ],
)  # fmt: skip
predict("Which network would you put to work? Which runs have a fault, and which one?")

# %% The last number

leaky = runs["Label among the inputs"]
lowest = [min(curves, key=lambda fault: curves[fault][i][-1]) for i in (0, 1)]
claim(
    "The lowest last losses, in training and in validation, are those of the run that is shown "
    "the label",
    lowest == ["Label among the inputs"] * 2,
    f"{leaky.train[-1]:.2g} and {leaky.val[-1]:.2g}: run {letters['Label among the inputs']}",
)


def mistakes(run, unknown=0):
    """In use nobody knows the label: zeros stand in its place."""
    with no_grad():
        scores = run.network(np.pad(IMAGES, ((0, 0), (0, unknown)))).data
    return np.mean(scores.argmax(axis=1) != LABELS)


wrong_in_use = mistakes(leaky, unknown=10)
claim(
    "In use that network makes more than four times the mistakes of the run without a fault",
    wrong_in_use > 4 * mistakes(well),
    f"{wrong_in_use:.0%} of the digits against {mistakes(well):.0%}",
)
say("""
The last number cannot tell. The way there can, if we know what to look for. x_t is the loss after
epoch t, and x_0 the loss before the first step. Single epochs tremble, so the lowest loss is that
of the smoothed curve, and its end is the median of its last tenth.
""")
formula(
    """
    fall    = x_0 - lowest
    relapse = end - lowest
    noise   = median of |x_t - (x_(t-1) + x_(t+1)) / 2|

    x_t = a + b t + s e_t, with e_t of variance 1: a and b t cancel in the noise,
    s |e_t - (e_(t-1) + e_(t+1)) / 2| is left, of variance s^2 (1 + 1/4 + 1/4)
    """,
    tex=r"""
    \begin{aligned}
    \text{noise} &= \operatorname{median}_t
        \left| x_t - \tfrac12 (x_{t-1} + x_{t+1}) \right| \\
    x_t = a + b t + s e_t:\quad \text{noise} &= \operatorname{median}_t\;
        s \left| e_t - \tfrac12 (e_{t-1} + e_{t+1}) \right|
    \end{aligned}
    """,
)
say("""
So a slope is not taken for noise. From such measures diagnose(train, val) goes down a table of
rules, the most certain one first. These are some of them:

    no better than guessing   training stays where it begins, at ln C for C classes
    underfitting              both curves end above half of their start
    overfitting               the relapse of validation is over 5 % of training's fall
    noisy validation          its noise is over 2 % of training's fall
    oscillating               turns at over 25 % of the epochs, and rises by over 3 % of
                              the fall per step
    plateau                   flat from half of the epochs on, above a tenth of the start

ln C is what a guess costs: the probability 1/C for the right class gives -ln(1/C) = ln C.
""")
predict("""
    Nobody tells diagnose() what we planted, and it sees two curves only. What can it not know at
    all?
""")

# %% The shape

found = {fault: diagnose(*pair) for fault, pair in curves.items()}
for fault, (pattern, _) in PLANTED.items():
    claim(
        f"{fault}: the curves are read as {pattern}",
        found[fault].pattern == pattern,
        found[fault].evidence,
    )
say(f"""
It names the pattern, not the cause. Slipped labels and inputs that say nothing look alike; so do
weights that start at 0 and a gradient that never arrives. That is why its advice is a list, to be
tried in order, and begins with the data. Here is one in full.

{found["Labels slipped by one"]}
""")
predict("How many epochs after the lowest validation loss is it certain that the run overfits?")

# %% How early

late = runs["Few images, 30 % mislabelled"]


def seen_after(epochs):
    return diagnose(late.train[: epochs + 1], late.val[: epochs + 1]).pattern


claim(
    "After 19 epochs the run that overfits is read as healthy",
    seen_after(19) == "healthy",
    f"validation has fallen from {late.val[0]:.2f} to {late.val[19]:.2f}",
)
best_epoch = found["Few images, 30 % mislabelled"].epoch
doubtful = [epochs for epochs in range(9, len(late.val)) if seen_after(epochs) != "overfitting"]
certain = doubtful[-1] + 1
claim(
    "It takes more than 5 epochs from the lowest validation loss until every reading says "
    "overfitting",
    certain > best_epoch + 5,
    f"{certain - best_epoch} epochs: lowest at epoch {best_epoch}, certain from epoch {certain} on",
)
claim(
    "Keeping the weights of the lowest validation loss saves more than a tenth of the last one",
    late.val[best_epoch] < 0.9 * late.val[-1],
    f"{1 - late.val[best_epoch] / late.val[-1]:.0%}: {late.val[best_epoch]:.2f} instead of "
    f"{late.val[-1]:.2f}",
)
say("""
A trend needs room above the noise before it is one. So keep the best weights as you go (early
stopping, lesson 19); who waits for the diagnosis has lost them.
""")


def draw_seen(figure, epochs):
    """What the reader sees after so many epochs, and what it says."""
    ax = figure.subplots()
    ax.plot(late.val, ":", color=COLOR["validation"], linewidth=1)
    ax.plot(late.train, ":", color=COLOR["train"], linewidth=1)
    ax.plot(late.val[: epochs + 1], color=COLOR["validation"], label="validation loss")
    ax.plot(late.train[: epochs + 1], color=COLOR["train"], label="training loss")
    ax.axvline(best_epoch, color=COLOR["truth"], linewidth=1, linestyle="--")
    ax.set(xlabel="epoch (dashed: lowest validation loss)", ylabel="loss [nats]")
    ax.set(xlim=(0, len(late.val) - 1), ylim=(0, 2.5))
    ax.set_title(f"read as: {seen_after(epochs)}")
    ax.legend(loc="upper right")


sweep(draw_seen, [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60], "epochs seen")
predict("""
    In the run without a fault, and all along with dropout, the validation loss lies BELOW the
    training loss. How can images never trained on cost less? Is something wrong?
""")

# %% Validation below training

say("""
It is the commonest question about loss curves, and it has three answers. The first: they are not
measured at the same time. The training loss is the mean over the batches of an epoch, while the
weights still move; validation is measured when the epoch is over, half an epoch later on average.
The second: dropout, noise and augmentation make the task harder, in training only. Dropout keeps
the mean of the scores that it disturbs, and cross-entropy is convex in the scores z:
""")
formula(
    """
    falling evenly by d per epoch:   mean over the epoch = loss at its end + d / 2
    dropout before the last layer:   E[z] = z without dropout,
                                     E[loss(z)] >= loss(E[z])                (Jensen)
    """,
    tex=r"""
    \begin{aligned}
    \text{mean over an epoch} &= \text{loss at its end} + \tfrac12 d \\
    \mathbb{E}[L(z)] &\ge L(\mathbb{E}[z]) = L(z_\text{eval})
    \end{aligned}
    """,
)
say("""
The third: the validation data are easier. Here a run on 1,300 images learns from labels of which
30 % are wrong, and is validated by right ones.

To tell them apart, measure the training loss once more: the same images, after the epoch, in eval()
mode.
""")
below = {
    "no fault": well,
    "dropout": runs["Dropout"],
    "wrong labels in training only": Run(images=1300, wrong=0.3, lr=0.02, epochs=12),
}
table(
    ["after the last epoch", "training, as reported", "measured again", "validation"],
    [
        (name, f"{run.train[-1]:.3f}", f"{run.after[-1]:.3f}", f"{run.val[-1]:.3f}")
        for name, run in below.items()
    ],
)
early = slice(1, 5)
between = (well.after[early] < well.val[early]) & (well.val[early] < well.train[early])
claim(
    "Without a fault, in each of the first four epochs, validation is below the training loss as "
    "reported and above the one measured again",
    between.all(),
    f"after the third: {well.train[3]:.2f} reported, {well.after[3]:.2f} again, "
    f"{well.val[3]:.2f} validation",
)
dropped = below["dropout"]
claim(
    "With dropout, on average over the last ten epochs, validation is below the training loss as "
    "reported, and more than 1.5 times the one measured again",
    1.5 * dropped.after[-10:].mean() < dropped.val[-10:].mean() < dropped.train[-10:].mean(),
    f"{dropped.train[-10:].mean():.2f} reported, {dropped.after[-10:].mean():.2f} again, "
    f"{dropped.val[-10:].mean():.2f} validation",
)
easier = below["wrong labels in training only"]
claim(
    "With wrong labels in training only, validation is below both, in every epoch",
    np.all(easier.val[1:] < np.minimum(easier.train, easier.after)[1:]),
    f"at last {easier.val[-1]:.2f}, against {easier.train[-1]:.2f} and {easier.after[-1]:.2f}",
)
names = {name: diagnose(run.train, run.val).pattern for name, run in below.items()}
claim(
    "A training loss above the validation loss is in none of the three called underfitting",
    "underfitting" not in names.values(),
    ", ".join(f"{name}: {pattern}" for name, pattern in names.items()),
)
say("""
If the order is reversed when you measure again, nothing is wrong. If it does not, look at the data:
easier images, cleaner labels, or copies of training images in validation.
""")
predict(f"""
    Validate the run without a fault by {SMALL} images only: other ones after every epoch, or the
    same ones every time. Which curve trembles? Which one can you trust?
""")

# %% Few validation images

DRAWS = 50


def same_images():
    return well.each[:, rng.choice(400, SMALL, replace=False)].mean(axis=1)


by_others = [other_images() for _ in range(DRAWS)]
by_same = [same_images() for _ in range(DRAWS)]
called_noisy = {
    which: sum(diagnose(well.train, val).pattern == "noisy validation" for val in drawn)
    for which, drawn in (("other", by_others), ("same", by_same))
}
claim(
    "Other images after every epoch: at least 35 of 50 draws are read as noisy validation",
    called_noisy["other"] >= 35,
    f"{called_noisy['other']} of {DRAWS}",
)
calm = np.median([noise(val) for val in by_same]) / np.median([noise(val) for val in by_others])
claim(
    "The same images every epoch: the noise is less than a third",
    calm < 1 / 3,
    f"{calm:.2f} of it, and {called_noisy['same']} of {DRAWS} draws are read as noisy",
)
tenth, middle, last_tenth = np.quantile([val[-1] for val in by_same], [0.1, 0.5, 0.9])
claim(
    "But where a calm curve ends depends on which images they are: the highest tenth ends at more "
    "than 3 times the lowest",
    last_tenth > 3 * tenth,
    f"{last_tenth / tenth:.0f} times: {tenth:.2f} and {last_tenth:.2f}; all 400 images have "
    f"{well.val[-1]:.2f}",
)
spread = well.each[-1].std()
say("""
Trembling comes from other images every epoch, not from their number. Calm is not the same as right:
few images give a precise answer about those images. How many are enough? The losses of single
images have a standard deviation s, and a mean over n of them is off by
""")
formula("standard error = s / sqrt(n)", tex=r"\text{standard error} = \frac{s}{\sqrt n}")
say(f"""
Here s is {spread:.2f}, large because a few images cost much: to know the loss to 0.02 takes
{(spread / 0.02) ** 2:,.0f} images. Validate on many, and always on the same ones.
""")
predict("""
    Four faults and four cures: weight decay, 32 more hidden units, a quarter of the learning rate,
    a schedule that fades slowly. Does a cure help against a fault that it is not meant for?
""")

# %% The cure, and the wrong cure

CURES = {
    "weight decay": lambda how: how | {"decay": 0.02},
    "32 more units": lambda how: how | {"hidden": 32 + how.get("hidden", 32)},
    "rate / 4": lambda how: how | {"lr": how.get("lr", 0.05) / 4},
    "slow schedule": lambda how: how | {"gamma": 0.97},
}
PATIENTS = {  # the fault, and what its advice names
    "Few images, 30 % mislabelled": "weight decay",
    "One hidden unit": "32 more units",
    "Learning rate 2": "rate / 4",
    "Learning rate dies out": "slow schedule",
}
treated = {
    (fault, cure): Run(**change(PLANTED[fault][1]))
    for fault in PATIENTS
    for cure, change in CURES.items()
}
verdict = {key: diagnose(run.train, run.val).pattern for key, run in treated.items()}
NAMES = [PLANTED[fault][0] for fault in PATIENTS]
table(
    ["read as", *NAMES],
    [(cure, *(verdict[fault, cure] for fault in PATIENTS)) for cure in CURES],
)
ends = {(fault, "untreated"): runs[fault].val[-1] for fault in PATIENTS}
ends |= {key: run.val[-1] for key, run in treated.items()}
table(
    ["last validation loss", *NAMES],
    [(cure, *(f"{ends[fault, cure]:.2f}" for fault in PATIENTS)) for cure in ("untreated", *CURES)],
)
shares = [ends[pair] / ends[pair[0], "untreated"] for pair in PATIENTS.items()]
renamed = [verdict[pair] != PLANTED[pair[0]][0] for pair in PATIENTS.items()]
claim(
    "Each of the four, treated as its own advice says, loses its name and ends lower in validation",
    all(renamed) and max(shares) < 1,
    f"{100 * (1 - max(shares)):.0f} % lower at least: "
    + ", ".join(f"{name} {100 * (1 - share):.0f} %" for name, share in zip(NAMES, shares)),
)
foreign = {cure: [] for cure in CURES}  # the faults that a cure heals, and is not meant for
for (fault, cure), pattern in verdict.items():
    if pattern == "healthy" and PATIENTS[fault] != cure:
        foreign[cure].append(fault)
claim(
    "Weight decay and width heal no fault but their own",
    not foreign["weight decay"] and not foreign["32 more units"],
    f"{len(foreign['weight decay']) + len(foreign['32 more units'])} of 6",
)
hidden = treated["Few images, 30 % mislabelled", "rate / 4"]
claim(
    "A quarter of the learning rate makes the run that overfits look healthy, too",
    foreign["rate / 4"] == ["Few images, 30 % mislabelled"],
    f"validation ends at {hidden.val[-1]:.2f}, at its lowest {hidden.val.min():.2f}",
)
stopped = late.val[best_epoch] / treated["Few images, 30 % mislabelled", "weight decay"].val[-1]
claim(
    "Against overfitting, the weights of the best epoch have a lower validation loss than weight "
    "decay",
    stopped < 1,
    f"{100 * (1 - stopped):.0f} % lower, at epoch {best_epoch}",
)
say("""
So healthy is not the same as best: the advice says what to try, the validation loss what to keep.
And does a smaller rate cure overfitting? With a quarter of the rate the run has gone a quarter of
the way. The fair comparison gives it four times the epochs, and the run with weight decay as well.
""")
slow = Run(**FEW | {"lr": 0.05 / 4, "epochs": 240})
decayed = Run(**FEW | {"decay": 0.02, "epochs": 240})
relapsed = diagnose(slow.train, slow.val)
lasting = diagnose(decayed.train, decayed.val)
claim(
    "With four times the epochs a quarter of the rate overfits again, and weight decay does not",
    relapsed.pattern == "overfitting" and lasting.pattern != "overfitting",
    relapsed.evidence + f"; with weight decay: {lasting.pattern}",
)
say("""
One of the two is a cure, the other a delay. Change one thing at a time, and compare runs that have
come equally far.
""")

# %% The pictures

fig, axes = plt.subplots(3, 4, figsize=(12, 8))
fig.suptitle("The shape names the fault, the last number does not")
for ax, (fault, (train, val)) in zip(axes.flat, curves.items()):
    ax.plot(val, color=COLOR["validation"], label="validation loss")
    ax.plot(train, color=COLOR["train"], label="training loss")
    if fault in PATIENTS:
        cured = treated[fault, PATIENTS[fault]].val
        ax.plot(cured, "--", color="0.4", linewidth=1.2, label="validation loss, with the cure")
    if found[fault].epoch:
        ax.axvline(found[fault].epoch, 0, 0.82, color=COLOR["truth"], linewidth=1, linestyle=":")
    ax.set(ylim=(0, 1.35 * max(*train, *val)), title=found[fault].pattern)
    ax.text(0.98, 0.9, fault, transform=ax.transAxes, ha="right", fontsize=9)
axes[1, 0].set_ylabel("cross-entropy loss [nats]")
axes[2, 1].set_xlabel("epoch (dotted: the one that the diagnosis names)", loc="left")
handles, labels = axes.flat[list(curves).index("One hidden unit")].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=3)
save(fig)

TITLES = (
    "No fault: reported half an epoch late",
    "Dropout: above only as reported",
    "Cleaner validation labels: both above",
)
fig, panels = plt.subplots(1, 3, figsize=(12, 4))
for ax, run, title in zip(panels, below.values(), TITLES):
    ax.plot(run.val[:13], color=COLOR["validation"], label="validation")
    ax.plot(run.train[:13], color=COLOR["train"], label="training, as reported")
    ax.plot(run.after[:13], "--", color=COLOR["train"], label="training, measured again")
    ax.set(xlabel="epoch", ylim=(0, 2.4), title=title)
panels[0].set_ylabel("loss [nats]")
fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
save(fig, "below")

# %% Take away

takeaway("""
    Draw both losses from before the first step on, and read the shape, not the last number. A loss
    that is too good is a fault as well. Validation below training is not underfitting: measure the
    training loss again, after the epoch and in eval() mode, before you worry. Validate on many
    images, always the same ones. A cure that only slows the run down hides a fault. And doubt the
    reader: its bounds are conventions, it needs room above the noise, and it cannot name the cause.

    Next: lesson 21 opens part 5, where the loss compares examples with each other.
""")
exercises(
    [
        "Lower the rate of the oscillating run from 2 to 1.5, 1, 0.7 and 0.5. What is each called?",
        "Cut the first 6 points off the healthy run, as if training went on from a checkpoint. "
        "What does diagnose() say, and what with guess=np.log(10)?",
        "Put the label among the inputs of every tenth image only, in training and validation, and "
        "zeros among those of the others. Do the curves still show it? What does?",
    ]
)
