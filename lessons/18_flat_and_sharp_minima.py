"""Lesson 18. Flat and sharp minima

Two networks fit the same examples equally well, and yet stand in different places: one in a narrow
slot, where a small change of the weights ruins the fit, one in a wide basin. How a network descends
decides which. The hope is that the wide place also serves better on new data (Hochreiter and
Schmidhuber, 1997, Flat minima).

Lesson 17 drew such places. Here we measure them, for large and small batches, for SWA (the average
of the weights on the way) and for SAM (a step along the gradient of the worst place nearby). Each
has its control and its price. Then we test the hope.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.landscape import extreme_eigenvalues, random_direction, slice_line
from microloss.losses import cross_entropy
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import SAM, SGD, SWA
from microloss.training import fit

rng = begin()
X, y = load_digits()
X = X / 16
GOAL = 0.02  # the loss at which training ends
RHO = 0.5  # how far SAM looks
DRAWS = 2

# %% Five ways to the same loss

say(f"""
Every network starts at the same weights, walks at the same learning rate and stops at the same
training loss of {GOAL} nats. Only the way differs:
""")
formula(
    """
    SGD:  w <- w - lr g(w)                               g: the gradient on the batch
    SWA:  SGD, and in the end the mean of the w on the way
    SAM:  w <- w - lr g(w + rho g(w) / |g(w)|)           two gradients for each step
    """,
    tex=r"\begin{aligned} \text{SGD:}\quad & w \leftarrow w - \eta\, g(w) \\ "
    r"\text{SWA:}\quad & \bar{w} = \tfrac{1}{n}\textstyle\sum_t w_t \\ "
    r"\text{SAM:}\quad & w \leftarrow w - \eta\, g\left(w + \rho\, "
    r"\tfrac{g(w)}{\|g(w)\|}\right) \end{aligned}",
)
say("""
SWA is from Izmailov, Podoprikhin, Garipov, Vetrov and Wilson (2018, Averaging weights leads to
wider optima and better generalization), SAM from Foret, Kleiner, Mobahi and Neyshabur (2021,
Sharpness-aware minimization for efficiently improving generalization). SWA is mostly run on small
batches. So it gets two rows, one on each size of batch: else we could not tell what is its own.
""")


@dataclass(frozen=True)
class Way:
    color: str
    small: bool = False  # batches of 10, else all images at once
    averages: bool = False
    looks_around: bool = False


WAYS = {
    "one large batch": Way(COLOR["naive"]),
    "large batch, SWA": Way("#E69F00", averages=True),
    "large batch, SAM": Way(COLOR["model"], looks_around=True),
    "small batches": Way("#000000", small=True),
    "small batches, SWA": Way(COLOR["swa"], small=True, averages=True),
}


def measure(model, images, labels):
    """Loss and accuracy."""
    with no_grad():
        scores = model(images)
        return cross_entropy(scores, labels).item(), accuracy(scores.data.argmax(axis=1), labels)


def train(way, images, labels, seed, goal=GOAL, rho=RHO):
    """A network that has come down to the goal, and how many epochs that took."""
    model = MLP(64, 32, 10, rng=seed)
    optimizer = SGD(model.parameters(), lr=0.3)
    average = SWA(model.parameters())
    if way.looks_around:
        optimizer = SAM(optimizer, rho=rho)
    epochs = 0

    def has_arrived(epoch, model, history):
        nonlocal epochs
        epochs = epoch + 1
        if not way.averages or epoch < 10:
            return measure(model, images, labels)[0] < goal
        average.update()
        with average.applied():
            return measure(model, images, labels)[0] < goal

    fit(
        model, cross_entropy, optimizer, images, labels, epochs=4000, rng=rng,
        batch_size=10 if way.small else len(images), callbacks=[has_arrived],
    )  # fmt: skip
    if way.averages:
        average.copy_to()
    return model, epochs


predict("""
    A network learns 300 digits until its loss is 0.02: with all of them in each step, or with 10 at
    a time, at the same learning rate. Which ends where the loss is more curved?
""")

# %% How sharp

DISTANCES = np.linspace(-0.5, 0.5, 21)


def curvature(model, images, labels):
    """The largest eigenvalue of the Hessian."""

    def loss():
        return cross_entropy(model(images), labels)

    return extreme_eigenvalues(loss, model.parameters(), rng=rng)[1][-1]


def mean_slice(model, images, labels):
    """The mean loss along 20 random directions."""

    def loss():
        return cross_entropy(model(images), labels)

    params = model.parameters()
    directions = [random_direction(params, rng=rng) for _ in range(20)]
    return np.mean([slice_line(loss, params, d, DISTANCES) for d in directions], axis=0)


class Ends:
    """What was measured at the ends of one way, draw by draw."""

    def __init__(self):
        self.losses = []
        self.sharpness = []
        self.slices = []
        self.accuracies = []
        self.gradients = []  # of single images, in units of one pass over all of them

    def add(self, way, images, test, labels, truth, seed):
        model, epochs = train(way, images, labels, seed)
        self.losses.append(measure(model, images, labels)[0])
        self.sharpness.append(curvature(model, images, labels))
        self.slices.append(mean_slice(model, images, labels))
        self.accuracies.append(measure(model, test, truth)[1])
        self.gradients.append(epochs * (2 if way.looks_around else 1))

    def rise(self):
        """How much the loss rises when the weights move by half their length."""
        return np.mean(self.slices, axis=0)[[0, -1]].mean() - np.mean(self.losses)


ends = {name: Ends() for name in WAYS}
for _ in range(DRAWS):
    images, test, labels, truth = train_test_split(X, y, test_size=1497, seed=rng, stratify=y)
    seed = rng.integers(1000)
    for name, way in WAYS.items():
        ends[name].add(way, images, test, labels, truth, seed)
table(
    [
        f"means of {DRAWS} draws",
        "loss",
        "largest eigenvalue",
        "rise when moved",
        "test accuracy",
        "gradients",
    ],
    [
        (
            name,
            f"{np.mean(end.losses):.4f}",
            f"{np.mean(end.sharpness):.2f}",
            f"{end.rise():.2f}",
            f"{np.mean(end.accuracies):.1%}",
            f"{np.mean(end.gradients):.0f}",
        )
        for name, end in ends.items()
    ],
)
say("(Gradients: how many were computed for each image.)")
large = ends["one large batch"]
small = ends["small batches"]
sam = ends["large batch, SAM"]


def relative(end, other):
    """Sharpness against that of another way, draw by draw."""
    return np.array(end.sharpness) / np.array(other.sharpness)


claim(
    "At the same loss, small batches and SAM end in flatter places than the large batch, in all "
    "draws",
    max(relative(small, large).max(), relative(sam, large).max()) < 0.9,
    f"{relative(small, large).mean():.0%} and {relative(sam, large).mean():.0%} of its largest "
    "eigenvalue",
)
claim(
    "Moving the weights by half their length costs the large batch more than small batches and SAM",
    large.rise() > 1.1 * max(small.rise(), sam.rise()),
    f"{large.rise():.2f} nats against {small.rise():.2f} and {sam.rise():.2f}",
)
with_small = relative(ends["small batches, SWA"], small).mean()
with_large = relative(ends["large batch, SWA"], large).mean()
claim(
    "SWA adds little of its own here: it moves the sharpness by less than a fifth, on either size "
    "of batch",
    abs(with_small - 1) < 0.2 and abs(with_large - 1) < 0.2,
    f"{with_small:.0%} of the sharpness of small batches, {with_large:.0%} of the large batch",
)
price = np.mean(sam.gradients) / np.mean(large.gradients)
claim(
    "SAM pays for it: more than one and a half times the gradients to the same loss",
    price > 1.5,
    f"{price:.1f} times: {np.mean(sam.gradients):.0f} against {np.mean(large.gradients):.0f} for "
    "each image",
)
say("""
So "SWA finds flat minima" needs its control: run on small batches, it has their flatness. Its
average arrives at the goal in another number of epochs, and at about the same place.
""")

# %% Compare at the same loss

early_model, _ = train(WAYS["one large batch"], images, labels, seed, goal=0.1)
early = curvature(early_model, images, labels)
late = large.sharpness[-1]
claim(
    "The curvature of cross-entropy falls with the loss, so it is compared at the same loss only",
    early > 1.2 * late,
    f"{early / late:.1f} times: {early:.1f} at the loss 0.1, {late:.1f} at {GOAL}",
)
say("How far does SAM look? The same draw with other rho:")
RHOS = (0.05, 0.2, RHO)
by_rho = []
for rho in RHOS:
    model, epochs = train(WAYS["large batch, SAM"], images, labels, seed, rho=rho)
    by_rho.append(curvature(model, images, labels))
table(["rho", *RHOS], [("largest eigenvalue", *(f"{value:.2f}" for value in by_rho))])
claim(
    "The farther SAM looks, the flatter it ends",
    bool(np.all(np.diff(by_rho) < 0)),
    f"{by_rho[-1] / by_rho[0]:.0%} of the eigenvalue of rho = {RHOS[0]} at rho = {RHO}",
)
predict(f"""
    The large batch ended where the curvature is {1 / relative(sam, large).mean():.1f} times that of
    SAM. How many more of the test digits does it misread?
""")

# %% What it is worth

share = {name: np.mean(end.accuracies) for name, end in ends.items()}
spread = max(share.values()) - min(share.values())
gain = share["large batch, SAM"] - share["one large batch"]
claim(
    "All five ways read the test digits equally well, to one and a half percentage points",
    spread < 0.015,
    f"{100 * spread:.1f} points from worst to best, SAM against the large batch {100 * gain:+.1f}",
)
predict("""
    Take the flat network of SAM, multiply the weights and biases of its first layer by 10, and
    divide the weights of the second by 10. It answers as before. How sharp is it now?
""")

# %% The same function, sharper

before = model(test).data
for p, factor in zip(model.parameters(), (10, 10, 0.1)):
    p.data = p.data * factor
same = np.abs(model(test).data - before).max()
rescaled = curvature(model, images, labels)
claim(
    "Rescaled, SAM's network computes the same and is sharper than all others",
    rescaled > 2 * max(max(end.sharpness) for end in ends.values()) and same < 1e-9,
    f"eigenvalue {rescaled:.0f} instead of {by_rho[-1]:.2f}; its scores differ by {same:.0e}",
)
say("""
So the eigenvalue alone cannot tell which network generalises (Dinh, Pascanu, Bengio and Bengio,
2017, Sharp minima can generalize for deep nets). It compares networks that were trained alike.
Gains from SAM and SWA are reported for larger networks and harder data. On these digits there is
too little to speak of.
""")

# %% The picture

fig, (slice_panel, worth_panel) = plt.subplots(1, 2, figsize=(10, 4.2))
for name, way in WAYS.items():
    end = ends[name]
    style = "--" if way.averages else "-"
    slice_panel.plot(DISTANCES, np.mean(end.slices, axis=0), style, color=way.color, label=name)
    worth_panel.plot(
        end.sharpness,
        100 * np.array(end.accuracies),
        "s" if way.averages else "o",
        color=way.color,
        ms=7,
    )
slice_panel.set(xlabel="distance, in lengths of the weights", ylabel="loss (nats)")
slice_panel.set_title("At the same loss, some places are sharper")
slice_panel.legend(loc="upper center", fontsize=9)
worth_panel.set(xlabel="largest eigenvalue of the Hessian", ylabel="test accuracy (%)")
worth_panel.set_title("Sharper is hardly worse on new digits")
worth_panel.set(xlim=(0, None), ylim=(88, 98))
save(fig)

# %% Take away

takeaway("""
    Small batches and SAM lead to flatter places than one large batch, where moving the weights
    costs less. SAM pays with two gradients for each step. SWA has the flatness of the batches that
    it runs on. Compare curvatures at the same loss and the same scale of weights. And flatter need
    not mean better: look at the validation data.

    Next: lesson 19 asks for better on new data directly.
""")
exercises(
    [
        "Train SAM with rho = 1 and 2. How flat does it get, and what does it cost?",
        "Round the weights of each network to multiples of a quarter. Whose accuracy suffers most?",
        "Let the large batch and small batches train on to a loss of 0.002. What is left of the "
        "difference?",
    ]
)
