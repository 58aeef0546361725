"""Lesson 20. Reading loss curves

A loss curve tells what ails a training run, long before a metric does, and each ailment draws a
shape of its own. The last number of the curve tells next to nothing: nine runs follow, and the one
with the best last number is worthless.

Lesson 5 drew the first curves, lesson 15 turned the learning rate, and lesson 19 held overfitting
back. Here each fault is planted in a real run on handwritten digits, read off its curves by
microloss.diagnosis, whose rules you can read in one sitting, and cured by its advice.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.diagnosis import diagnose
from microloss.losses import cross_entropy
from microloss.nn import MLP, ReLU, Tanh
from microloss.optim import SGD, ExponentialLR
from microloss.training import fit

begin()
IMAGES, LABELS = load_digits()
IMAGES = IMAGES / 16

# ---- nine runs -----------------------------------------------------------------------------------


def negatives(epoch, X):
    """A broken reader: in the 20th epoch the images arrive black on white."""
    if epoch in (19, 20):
        X[:] = 1 - X


def checked(epoch, X):
    """The same reader, and a guard that knows how much ink a digit has."""
    negatives(epoch, X)
    if X.mean() > 0.5:
        X[:] = 1 - X


def run(
    images=400, wrong=0.0, leak=False, hidden=32, activation=ReLU, lr=0.05, momentum=0.9, decay=0.0,
    batch=32, gamma=1.0, epochs=40, validate_on=400, reader=None,
):  # fmt: skip
    """Train a network, well by default; returns it, and both losses from before training on."""
    rng = np.random.default_rng(args.seed)
    X, VX, y, vy = train_test_split(IMAGES, LABELS, test_size=400, seed=rng, stratify=LABELS)
    X, y = X[:images], y[:images]
    y[: int(wrong * images)] = rng.integers(10, size=int(wrong * images))
    if leak:  # ten more inputs hold the answer, as a column of a careless table may
        X, VX = (np.hstack([part, 3 * np.eye(10)[t]]) for part, t in ((X, y), (VX, vy)))
    model = MLP(X.shape[1], hidden, 10, rng=rng, activation=activation)
    optimizer = SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=decay)

    def measure(X, y):
        with no_grad():
            return cross_entropy(model(X), y).item()

    def after_epoch(epoch, model, history):
        rows = rng.choice(400, validate_on, replace=False)
        val.append(measure(VX[rows], vy[rows]))
        if reader:
            reader(epoch, X)

    train, val = [measure(X, y)], [measure(VX, vy)]
    history = fit(
        model, cross_entropy, optimizer, X, y, epochs=epochs, batch_size=batch, rng=rng,
        schedule=ExponentialLR(optimizer, gamma), callbacks=[after_epoch],
    )  # fmt: skip
    return model, train + history.train, val


# By pattern: what is wrong with the run, and what the advice changes. {} is the healthy run.
FEW = {"images": 150, "wrong": 0.3, "hidden": 128, "epochs": 60}
FULL = {"momentum": 0.0, "batch": 400, "epochs": 60}
TANH = {"activation": Tanh, "momentum": 0.0}
RUNS = {
    "healthy": ("nothing wrong", {}, "", {}),
    "overfitting": ("few images, 30 % mislabelled", FEW, "weight decay", FEW | {"decay": 0.02}),
    "underfitting": ("one hidden unit", {"hidden": 1}, "32 hidden units", {}),
    "oscillating": ("learning rate 2", FULL | {"lr": 2.0}, "learning rate 0.4", FULL | {"lr": 0.4}),
    "plateau": ("learning rate dies out", {"gamma": 0.7}, "slower schedule", {"gamma": 0.97}),
    "noisy validation": ("8 validation images", {"validate_on": 8}, "400 images", {}),
    "sudden jump": ("a broken reader", {"reader": negatives}, "a guard", {"reader": checked}),
    "suspiciously fast drop": (
        "label in the inputs", {"leak": True, "lr": 0.1}, "no label", {"lr": 0.1},
    ),
    "diverged": ("learning rate 3", TANH | {"lr": 3.0}, "learning rate 0.3", TANH | {"lr": 0.3}),
}  # fmt: skip
sick = {pattern: run(**fault) for pattern, (_, fault, _, _) in RUNS.items()}

# ---- the last number -----------------------------------------------------------------------------

last = {pattern: (train[-1], val[-1]) for pattern, (_, train, val) in sick.items()}
letter = dict(zip(sorted(last, key=lambda pattern: last[pattern][0]), "ABCDEFGHI"))
say("Nine runs on the same digits, each with or without a fault, and where their losses ended:")
table(["run", "train", "validation"], [(letter[p], *(f"{x:.2g}" for x in last[p])) for p in letter])
predict("Which one would you put to work? Which ones are ill, and of what?")

leaky, train, val = sick["suspiciously fast drop"]
best = [min(last, key=lambda pattern: last[pattern][i]) for i in (0, 1)]
claim(
    "run A has the lowest last loss, in training and in validation",
    best == ["suspiciously fast drop"] * 2,
    f"{train[-1]:.2g} and {val[-1]:.2g}",
)


def accuracy(model):
    """On all digits; a network with ten inputs more gets zeros there: in use, nobody knows them."""
    X = np.pad(IMAGES, ((0, 0), (0, model[0].weight.shape[1] - IMAGES.shape[1])))
    with no_grad():
        return np.mean(model(X).data.argmax(axis=1) == LABELS)


mistakes = [1 - accuracy(model) for model in (leaky, sick["healthy"][0])]
claim(
    "in use it makes more than four times the mistakes of the run without a fault",
    mistakes[0] > 4 * mistakes[1],
    f"{mistakes[0]:.0%} of the digits against {mistakes[1]:.0%}: it had been shown the label",
)

# ---- the shape -----------------------------------------------------------------------------------

say("""
The last number cannot tell, but the way there can. diagnose(train, val) measures the curves: how
far they fall, how far above its lowest the validation loss ends, how far a loss lies from the mean
of its neighbours (its noise), how often the curve turns, the largest single step up. Then it goes
through a table of rules, from the most certain one down. It knows nothing of what we planted.
""")
found = {pattern: diagnose(train, val) for pattern, (_, train, val) in sick.items()}
for pattern, (fault, _, _, _) in RUNS.items():
    claim(f"{fault}: {pattern}", found[pattern].pattern == pattern, found[pattern].evidence)

say("Of a curve too short to tell, it says so. And the epoch it names is of use:")
_, train, val = sick["overfitting"]
stop = found["overfitting"].epoch
early = diagnose(train[:9], val[:9])
claim(
    "after 8 epochs, overfitting is not to be seen", early.pattern == "inconclusive", early.evidence
)
claim(
    "stopping at the epoch named gives a lower validation loss than going on to the end",
    val[stop] < 0.9 * val[-1],
    f"{val[stop]:.2f} at epoch {stop}, {val[-1]:.2f} at epoch {len(val) - 1}",
)

# ---- the cure ------------------------------------------------------------------------------------

advice = enumerate(found["oscillating"].advice, start=1)
listed = "\n".join(f"    {i}. {step}" for i, step in advice)
say(f"""
Each diagnosis comes with advice, in the order in which to try it. For oscillating curves:

{listed}

We follow one piece of advice in each run, change nothing else, and train again.
""")
healed = {pattern: run(**cure) for pattern, (_, _, _, cure) in RUNS.items() if pattern != "healthy"}
for pattern, (_, train, val) in healed.items():
    fault, _, cure, _ = RUNS[pattern]
    again = diagnose(train, val)
    claim(f"{fault}, then {cure}: healthy", again.pattern == "healthy", again.evidence)

stopped, decayed = sick["overfitting"][2][stop], healed["overfitting"][2][-1]
say(f"""
Healed is not the same as best. For the overfitting run, weight decay ends at a validation loss of
{decayed:.2f}; stopping at epoch {stop} gave {stopped:.2f}. The advice says what to try, and the
validation loss says what to keep.
""")

# ---- figures -------------------------------------------------------------------------------------


def draw(ax, pattern, note, *runs):
    """The losses of one or two runs, the earlier one thin."""
    for thin, (_, train, val) in zip((len(runs) > 1, False), runs):
        for name, curve in (("validation", val), ("train", train)):
            style = {"lw": 1, "alpha": 0.5} if thin else {"label": name}
            ax.plot(curve, color=COLOR[name], **style)
    ax.set_ylim(0, 1.35 * max(*train, *val))  # of the last run; the notes stand above
    ax.set_title(pattern)
    ax.text(0.98, 0.9, note, transform=ax.transAxes, ha="right")


fig, axes = plt.subplots(3, 3, figsize=(9, 7.5))
fig.suptitle("Nine runs on the same digits: the shape names the fault")
for ax, (pattern, trained) in zip(axes.flat, sick.items()):
    draw(ax, pattern, RUNS[pattern][0], trained)
    if found[pattern].epoch:
        ax.axvline(found[pattern].epoch, 0, 0.85, color=COLOR["truth"], lw=1, ls=":")
axes[0, 0].legend(loc="center right", labelcolor="linecolor")
fig.supxlabel("epoch (dotted: the one that the diagnosis names)", fontsize=10)
fig.supylabel("cross-entropy loss (nats)", fontsize=10)
save(fig)

fig, axes = plt.subplots(2, 4, figsize=(11, 5), sharey=True)
fig.suptitle("One piece of advice each: eight curves healed (thin: before)")
for ax, (pattern, trained) in zip(axes.flat, healed.items()):
    draw(ax, pattern, RUNS[pattern][2], sick[pattern], trained)
axes[1, 0].legend(loc="center right", labelcolor="linecolor")
fig.supxlabel("epoch", fontsize=10)
fig.supylabel("cross-entropy loss (nats)", fontsize=10)
save(fig, "healed")

takeaway("""
    Draw the training and the validation loss from before the first step on, and read the shape, not
    the last number. A loss that is too good is a fault as well. Change one thing at a time. And
    doubt the reader: its bounds are conventions, a flat loss may be stuck or may have reached what
    the noise in the data allows, and of a short curve one should say nothing.

    Next: lesson 21 opens part 5, where the loss compares examples with each other.
""")
exercises(
    [
        "Heal the overfitting run with more images instead, run(**FEW | {'images': 1300}). Which "
        "curve moves, and where does the training loss stay now? Why not at 0?",
        "Lower the learning rate of the oscillating run little by little. Where does the diagnosis "
        "change, and what does it call the runs in between?",
        "Leak the label on a tenth of the images only. Does the curve still give it away? If not, "
        "how would you find out?",
    ]
)
