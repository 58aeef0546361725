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


def run(
    images=400, wrong=0.0, leak=False, hidden=32, activation=ReLU, lr=0.05, momentum=0.9, decay=0.0,
    batch=32, gamma=1.0, epochs=40, validate_on=400, flip=False, guard=False,
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
        if flip and epoch in (19, 20):  # a reader that gives epoch 20 black on white
            X[:] = 1 - X
        if guard and X.mean() > 0.5:  # it knows how much ink a digit has
            X[:] = 1 - X

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
    "sudden jump": ("a broken reader", {"flip": True}, "a guard", {"flip": True, "guard": True}),
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
mistakes = []
for model in (leaky, sick["healthy"][0]):  # in use nobody knows the label: zeros in its place
    X = np.pad(IMAGES, ((0, 0), (0, model[0].weight.shape[1] - IMAGES.shape[1])))
    with no_grad():
        mistakes.append(np.mean(model(X).data.argmax(axis=1) != LABELS))
claim(
    "in use it makes more than four times the mistakes of the run without a fault",
    mistakes[0] > 4 * mistakes[1],
    f"{mistakes[0]:.0%} of the digits against {mistakes[1]:.0%}: it had been shown the label",
)

# ---- the shape -----------------------------------------------------------------------------------

say("""
The last number cannot tell, but the way there can. diagnose(train, val) measures how far the curves
fall, how much of that they lose again, how noisy they are, how often they turn. Then it goes down a
table of rules, the most certain one first. It knows nothing of what we planted.
""")
found = {pattern: diagnose(train, val) for pattern, (_, train, val) in sick.items()}
for pattern, (fault, _, _, _) in RUNS.items():
    claim(f"{fault}: {pattern}", found[pattern].pattern == pattern, found[pattern].evidence)

_, train, val = sick["overfitting"]
early = diagnose(train[:9], val[:9])
claim("after 8 epochs overfitting does not show", early.pattern == "inconclusive", early.evidence)
stop = found["overfitting"].epoch
claim(
    "stopping at the epoch named gives a lower validation loss than going on to the end",
    val[stop] < 0.9 * val[-1],
    f"{val[stop]:.2f} at epoch {stop}, {val[-1]:.2f} at epoch {len(val) - 1}",
)

# ---- the cure ------------------------------------------------------------------------------------

say(f"""
Each diagnosis comes with advice, in the order in which to try it. Here is one in full.

{found["oscillating"]}

We follow one piece of advice in each run, change nothing else, and train again.
""")
healed = {pattern: run(**cure) for pattern, (_, _, _, cure) in RUNS.items() if pattern != "healthy"}
for pattern, (_, train, val) in healed.items():
    fault, _, cure, _ = RUNS[pattern]
    again = diagnose(train, val)
    claim(f"{fault}, then {cure}: healthy", again.pattern == "healthy", again.evidence)

stopped, decayed = sick["overfitting"][2][stop], healed["overfitting"][2][-1]
say(f"""
Healed is not the same as best. With weight decay the overfitting run ends at {decayed:.2f};
stopping at epoch {stop} gave {stopped:.2f}. The advice says what to try, and the validation loss
says what to keep.
""")

fig, axes = plt.subplots(3, 3, figsize=(9, 7.5))
fig.suptitle("Nine runs on the same digits: the shape names the fault")
for ax, (pattern, (_, train, val)) in zip(axes.flat, sick.items()):
    ax.plot(val, color=COLOR["validation"], label="validation loss")
    ax.plot(train, color=COLOR["train"], label="training loss")
    if pattern in healed:
        ax.plot(healed[pattern][2], "--", color="0.4", lw=1.2, label="validation loss, cured")
    if found[pattern].epoch:
        ax.axvline(found[pattern].epoch, 0, 0.85, color=COLOR["truth"], lw=1, ls=":")
    ax.set(title=pattern, ylim=(0, 1.35 * max(*train, *val)))
    ax.text(0.98, 0.9, RUNS[pattern][0], transform=ax.transAxes, ha="right")
fig.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
axes[1, 0].set_ylabel("cross-entropy loss (nats)")
axes[2, 1].set_xlabel("epoch (dotted: the one that the diagnosis names)")
save(fig)

takeaway("""
    Draw the training and the validation loss from before the first step on, and read the shape, not
    the last number. A loss that is too good is a fault as well. Change one thing at a time. And
    doubt the reader: its bounds are conventions, and a flat loss may be stuck, or may have reached
    what the noise in the data allows.

    Next: lesson 21 opens part 5, where the loss compares examples with each other.
""")
exercises(
    [
        "Heal overfitting with more images, run(**FEW | {'images': 1300}). Where does the training "
        "loss stay now, and why not at 0?",
        "Lower the learning rate of the oscillating run little by little. What is it called then?",
        "Leak the label on a tenth of the images only. Does the curve still give it away?",
    ]
)
