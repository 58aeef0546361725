"""Lesson 15. Learning rates

The learning rate is the number that decides most often whether a network learns, and no formula
gives it: the largest useful one depends on the network, the data, the batch and the optimizer.
Lesson 14 tuned by trying a grid. Here one short run finds the rate.

Then we change it on the way, for what is right at the start is too large at the end. The reason is
the noise of mini-batches, so we measure that, too, and average it away without the memory for a
large batch. At last, one bad batch destroys a network, and a bound on the gradient saves it.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.curvature import flatten
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy
from microloss.nn import MLP
from microloss.optim import (
    SGD,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    clip_grad_norm_,
)
from microloss.training import fit

rng = begin()
X, y = load_digits()
X, X_valid, y, y_valid = train_test_split(X / 16, y, test_size=360, seed=rng, stratify=y)
STEPS, BATCH = 300, 32


class Run:
    """A training run: the loss, learning rate and gradient norm of each step."""

    def __init__(self, lr, schedule=None, *, steps=STEPS, max_norm=np.inf, slip=None):
        draw = np.random.default_rng(args.seed)
        self.model = MLP(64, 32, 10, rng=args.seed)
        optimizer = SGD(self.model.parameters(), lr=lr, momentum=0.9)
        schedule = schedule and schedule(optimizer)
        self.losses, self.rates, self.norms = [], [], []
        for step in range(steps):
            batch = draw.integers(len(X), size=BATCH)
            images, labels = X[batch], y[batch]
            if step == slip:
                images, labels = 16 * images, np.roll(labels, 1)
            optimizer.zero_grad()
            loss = cross_entropy(self.model(images), labels)
            loss.backward()
            self.losses.append(loss.item())
            self.rates.append(optimizer.param_groups[0]["lr"])
            self.norms.append(clip_grad_norm_(self.model.parameters(), max_norm))
            optimizer.step()
            if isinstance(schedule, ReduceLROnPlateau):
                if step % 15 == 14:  # it looks at a loss with less noise than that of one batch
                    schedule.step(np.mean(self.losses[-15:]))
            elif schedule:
                schedule.step()
        with no_grad():
            self.train = cross_entropy(self.model(X), y).item()
            self.valid = cross_entropy(self.model(X_valid), y_valid).item()


def smooth(values, width=15):
    """The mean of each value and its neighbours; fewer of them at both ends."""
    ones = np.ones(width)
    return np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same")


# ---- the range test ------------------------------------------------------------------------------

predict("""
    Raise the learning rate in every step by the same factor, from a rate that is far too small to
    one that is far too large. What does the curve of the loss look like?
""")
FIRST, LAST, LENGTH = 1e-3, 10, 200
factor = (LAST / FIRST) ** (1 / (LENGTH - 1))
test = Run(FIRST, lambda optimizer: ExponentialLR(optimizer, factor), steps=LENGTH)
curve = smooth(test.losses, 9)
lowest = test.rates[curve.argmin()]
claim(
    "flat at first, then down, then up past where it began",
    abs(curve[20] - curve[0]) < 0.2 and curve.min() < 0.2 * curve[0] and curve[-1] > curve[0],
    f"from {curve[0]:.2f} over {curve.min():.2f} to {curve[-1]:.2f}",
)
right = lowest / 3
say(f"""
This is Smith's range test (2017). The loss is lowest at the learning rate {lowest:.2g}, where it is
about to turn: that is too near the edge for a whole training. A third of it is a good first guess,
{right:.2g} here. Let us see: {STEPS} steps with it, with a hundredth of {lowest:.2g}, and with five
times {lowest:.2g}.
""")
THREE = {"too small": lowest / 100, "right": right, "too large": 5 * lowest}
runs = {name: Run(lr) for name, lr in THREE.items()}
table(
    ["", "learning rate", "loss at the end", "validation loss"],
    [[k, f"{THREE[k]:.2g}", f"{run.train:.3f}", f"{run.valid:.3f}"] for k, run in runs.items()],
)
claim(
    "a third of it ends at less than a fourth of the loss of both others",
    4 * runs["right"].train < min(runs["too small"].train, runs["too large"].train),
    ", ".join(f"{name} {run.train:.3f}" for name, run in runs.items()),
)
claim(
    "too small still goes down, and only needs time; too large does not go down any more",
    runs["too small"].train < np.mean(runs["too small"].losses[150:200])
    and np.mean(runs["too large"].losses[-100:]) > 0.7 * np.mean(runs["too large"].losses[50:150]),
    "{:.2f} to {:.2f}, {:.2f} to {:.2f}".format(
        np.mean(runs["too small"].losses[150:200]),
        runs["too small"].train,
        np.mean(runs["too large"].losses[50:150]),
        np.mean(runs["too large"].losses[-100:]),
    ),
)

fig, (left, middle) = plt.subplots(1, 2, figsize=(10, 4.2))
PAINT = dict(zip(THREE, (COLOR["validation"], COLOR["model"], COLOR["naive"])))
left.semilogx(test.rates, test.losses, color="#BBBBBB", lw=1)
left.semilogx(test.rates, curve, color=COLOR["truth"])
for name, lr in THREE.items():
    left.axvline(lr, color=PAINT[name], lw=1.5, ls="--")
    left.text(lr, 3.97, name, color=PAINT[name], ha="center", va="top", backgroundcolor="white")
left.set(xlabel="learning rate, raised in every step", ylabel="loss of the batch [nats]")
left.set(ylim=(0, 4), title="One short run shows a useful rate ...")
for name, run in runs.items():
    middle.plot(smooth(run.losses), color=PAINT[name], label=f"{name}: {THREE[name]:.2g}")
middle.set(xlabel="step", ylabel="loss, mean of 15 steps [nats]", ylim=(0, 4))
middle.set_title("... and with it the network learns")
middle.legend(title="learning rate", ncols=3, loc="upper center")
save(fig)

# ---- noise ---------------------------------------------------------------------------------------

predict("""
    A mini-batch's gradient is the true one and noise. Take four times as many images into a batch:
    what becomes of the variance of the noise?
""")
SIZES = np.array([2, 8, 32, 128, 512])
model = runs["right"].model
params = model.parameters()


def gradient(images, labels):
    for p in params:
        p.grad = None
    cross_entropy(model(images), labels).backward()
    return flatten([p.grad for p in params])


true = gradient(X, y)
noise = []
for size in SIZES:
    batches = rng.integers(len(X), size=(8192 // size + 50, size))
    noise.append(np.mean([np.sum((gradient(X[b], y[b]) - true) ** 2) for b in batches]))
power = np.polyfit(np.log(SIZES), np.log(noise), 1)[0]
table(
    ["batch", *SIZES],
    [["variance, all weights together", *(f"{variance:.2g}" for variance in noise)]],
)
claim(
    "the variance falls in proportion to 1/batch",
    abs(power + 1) < 0.1,
    f"as batch to the power {power:.2f}",
)
usual = noise[list(SIZES).index(BATCH)]
claim(
    f"at the end of the run with the right rate, a batch of {BATCH} has a gradient that is mostly "
    "noise",
    usual > true @ true,
    f"variance {usual:.2g}, squared length of the true gradient {true @ true:.2g}",
)
say("""
Two things help: a larger batch, and a smaller learning rate, which averages over more batches.
""")

# ---- a large batch in small pieces ---------------------------------------------------------------

say("""
A batch that does not fit into memory can be had in pieces: backward() adds to the gradients that
are there, so call it for each piece, and step once.
""")
predict("Four pieces of 16 images, four times backward(): is that the gradient of the 64?")
batch = rng.integers(len(X), size=64)
whole = gradient(X[batch], y[batch])


def in_pieces(pieces, weights):
    """The sum of the gradients of the pieces' mean losses, each times its weight."""
    return sum(weight * gradient(X[piece], y[piece]) for piece, weight in zip(pieces, weights))


def off(gradient, whole):
    return np.abs(gradient - whole).max() / np.abs(whole).max()


quarters = np.split(batch, 4)
plain, divided = in_pieces(quarters, [1] * 4), in_pieces(quarters, [1 / 4] * 4)
claim(
    "it is four times that: four means add up",
    off(plain, 4 * whole) < 1e-12,
    f"off by {off(plain, 4 * whole):.0e}",
)
claim("divided by 4, it is, to rounding", off(divided, whole) < 1e-12, f"{off(divided, whole):.0e}")
unequal = np.split(batch, [30, 60])
thirds = in_pieces(unequal, [1 / 3] * 3)
shares = in_pieces(unequal, [len(piece) / 64 for piece in unequal])
claim(
    "pieces of 30, 30 and 4 must count by their size: divided by 3, the gradient is wrong",
    off(shares, whole) < 1e-12 and off(thirds, whole) > 0.01,
    f"off by {off(shares, whole):.0e} and by {off(thirds, whole):.0%} of the largest",
)
ends = []
for size, accumulate in [(64, 1), (16, 4)]:
    model = MLP(64, 32, 10, rng=args.seed)
    optimizer = SGD(model.parameters(), lr=right, momentum=0.9)
    order = np.random.default_rng(args.seed)
    fit(
        model, cross_entropy, optimizer, X, y,
        epochs=2, rng=order, batch_size=size, accumulate=accumulate,
    )  # fmt: skip
    ends.append(flatten(model.parameters()))
gap = off(ends[1], ends[0])
claim("fit() does it: 4 times 16 trains the same network as 64", gap < 1e-10, f"to {gap:.0e}")

# ---- schedules -----------------------------------------------------------------------------------

PEAK = 0.3
predict(f"""
    At {PEAK}, near the edge, the first steps are quick and the last ones noisy. So begin there and
    go down. Does it matter much along which curve?
""")
SCHEDULES = {
    "constant": None,
    "step": lambda optimizer: StepLR(optimizer, 100, gamma=0.2),
    "plateau": lambda optimizer: ReduceLROnPlateau(optimizer, factor=0.3, patience=1),
    "warm restarts": lambda optimizer: CosineAnnealingWarmRestarts(optimizer, 100),
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, STEPS),
    "warm-up, cosine": lambda optimizer: SequentialLR(
        optimizer,
        [
            LinearLR(optimizer, start_factor=0.01, total_iters=50),
            CosineAnnealingLR(optimizer, STEPS - 50),
        ],
        [50],
    ),
}
scheduled = {name: Run(PEAK, schedule) for name, schedule in SCHEDULES.items()}
table(
    ["", "loss at the end", "validation loss"],
    [[name, f"{run.train:.3f}", f"{run.valid:.3f}"] for name, run in scheduled.items()],
)
ends = {name: run.train for name, run in scheduled.items()}
worst = max(list(ends.values())[1:])
claim(
    "every way down ends lower than the constant rate",
    worst < ends["constant"],
    f"at most {worst:.3f} against {ends['constant']:.3f}",
)
ratio = ends["constant"] / ends["cosine"]
claim("the cosine at less than two thirds of it", ratio > 1.5, f"1/{ratio:.1f} of it")
ratio = ends["warm-up, cosine"] / ends["cosine"]
claim(
    "a warm-up neither helps nor hurts much here: within a factor of three",
    1 / 3 < ratio < 3,
    f"{ratio:.2f} times the loss without it",
)
say("""
One hidden layer does not need a warm-up. Deep networks often do: their first gradients are large
and point elsewhere soon, and Adam's averages have seen little yet.
""")

# ---- clipping ------------------------------------------------------------------------------------

SLIP, MAX_NORM = 150, 2.0
predict(f"""
    In step {SLIP} a broken file comes in: {BATCH} images with pixels from 0 to 16, not divided by
    16, and every label slipped to the next image. One batch out of {STEPS}. What will it do?
""")
broken = {
    "as it is": Run(right, slip=SLIP),
    f"norm at most {MAX_NORM:g}": Run(right, slip=SLIP, max_norm=MAX_NORM),
}
free, clipped = broken.values()
after = [np.mean(run.losses[SLIP + 1 : SLIP + 31]) for run in (free, clipped)]
before = np.mean(free.losses[SLIP - 30 : SLIP])
claim(
    "the next thirty good batches cost more than five times as much as the thirty before",
    after[0] > 5 * before,
    f"{before:.2f} before, {after[0]:.2f} after",
)
cut = np.sum(np.array(clipped.norms) > MAX_NORM)
claim(
    f"a gradient of norm {free.norms[SLIP]:.0f} did that; shortened to {MAX_NORM:g}, it does not",
    after[1] < 1.5 * before,
    f"{after[1]:.2f} after; {cut} of {STEPS} steps were shortened",
)
claim("and clipping left nearly all other steps alone", 1 <= cut <= 10, f"{cut} shortened")

fig, axes = plt.subplots(2, 2, figsize=(10, 6.4))
(rates, falls), (variance, accident) = axes
for name, run in scheduled.items():
    color = COLOR["truth"] if name == "constant" else None
    rates.plot(run.rates, label=name, color=color, lw=1.5)
    falls.semilogy(smooth(run.losses, 25), color=color, lw=1.5)
rates.set(xlabel="step", ylabel="learning rate", title="Ways to go down from 0.3 ...")
rates.legend(ncols=2, loc="upper right", fontsize=8)
rates.set_ylim(0, 0.45)
falls.set(xlabel="step", ylabel="loss, mean of 25 steps [nats]")
falls.set_title("... all end below the constant rate")
variance.loglog(SIZES, noise, "o", color=COLOR["model"], ms=8)
variance.loglog(SIZES, noise[0] * SIZES[0] / SIZES, color="#888888", lw=1, label="1/batch")
variance.set(xlabel="images in a batch", ylabel="variance of the gradient")
variance.set_title("Four times the batch, a fourth of the noise")
variance.legend()
for (name, run), color in zip(broken.items(), (COLOR["naive"], COLOR["stable"])):
    accident.semilogy(smooth(run.losses, 5), color=color, label=name, lw=1.5)
accident.set(xlabel="step", ylabel="loss, mean of 5 steps [nats]")
accident.set_title("One broken batch, with and without clipping")
accident.legend(title="gradient")
save(fig, "schedules")

takeaway(f"""
    Find the learning rate with a range test, and begin at a third of where the loss is lowest. Let
    it fall: near the end the noise of the batches decides, and it has the variance 1/batch. Large
    batches can be had in pieces, each weighted by its size. Clip the norm of the gradient, against
    accidents, at a few times what is usual ({np.median(clipped.norms):.1f} here).

    Next: lesson 16 looks at places where the gradient vanishes and nothing is won.
""")
exercises(
    [
        "Make the range test with BATCH = 256. Where does the edge go, and why not further?",
        "Give Run a batch of 8 and a constant rate of a fourth. Compare with 32 and the rate as it "
        "is: is it the ratio of the two that matters?",
        "Train MLP(64, 32, 32, 32, 32, 32, 10) at 0.1, with and without a warm-up, from ten seeds.",
    ]
)
