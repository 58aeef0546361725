"""Lesson 15. Learning rates

The learning rate is the number that decides most often whether a network learns, and no formula
gives it: the largest useful one depends on the network, the data, the batch and the optimizer.
Lesson 14 tuned by trying a grid. Here one short run finds the rate.

Then we change it on the way, for what is right at the start is too large at the end. The reason is
the noise of mini-batches, so we measure that, too, and learn how to have a large batch in pieces.
At last, one bad batch destroys a network, and a bound on the gradient saves it.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import no_grad, optim
from microloss.curvature import flatten
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP

rng = begin()
X, y = load_digits()
X = X / 16
STEPS, BATCH = 300, 32


class Run:
    """A training run: its model, and the loss, learning rate and gradient norm of each step."""

    def __init__(self, lr, schedule=None, *, steps=STEPS, max_norm=np.inf, slip=None):
        self.model = MLP(64, 32, 10, rng=args.seed)
        self.losses, self.rates, self.norms = [], [], []
        optimizer = optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        schedule = schedule and schedule(optimizer)
        draw = np.random.default_rng(args.seed)
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
            self.norms.append(optim.clip_grad_norm_(self.model.parameters(), max_norm))
            optimizer.step()
            if isinstance(schedule, optim.ReduceLROnPlateau):
                if step % 15 == 14:  # it looks at a loss with less noise than that of one batch
                    schedule.step(np.mean(self.losses[-15:]))
            elif schedule:
                schedule.step()
        with no_grad():
            self.end = cross_entropy(self.model(X), y).item()


def smooth(values, width):
    """The mean of each value and its neighbours; fewer of them at both ends."""
    ones = np.ones(width)
    return np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same")


# ---- the range test ------------------------------------------------------------------------------

predict("""
    Raise the learning rate in every step by the same factor, from far too small to far too large.
    What does the curve of the loss look like?
""")
test = Run(1e-3, lambda optimizer: optim.ExponentialLR(optimizer, 10 ** (1 / 50)), steps=201)
curve = smooth(test.losses, 9)
lowest = test.rates[curve.argmin()]
claim(
    "flat at first, then down, then up past where it began",
    abs(curve[20] - curve[0]) < 0.2 and curve.min() < 0.2 * curve[0] and curve[-1] > curve[0],
    f"from {curve[0]:.2f} over {curve.min():.2f} to {curve[-1]:.2f}",
)
THREE = {"too small": lowest / 100, "right": lowest / 3, "too large": 5 * lowest}
say(f"""
This is Smith's range test (2017). The loss is lowest at the learning rate {lowest:.2g}, where it is
about to turn: too near the edge for a whole training. A third of it is a good first guess. Let us
see: {STEPS} steps with it, with a hundredth of {lowest:.2g}, and with five times {lowest:.2g}.
""")
runs = {name: Run(lr) for name, lr in THREE.items()}
claim(
    "a third of it ends at less than a fourth of the loss of both others",
    4 * runs["right"].end < min(runs["too small"].end, runs["too large"].end),
    ", ".join(f"{name} {run.end:.3f}" for name, run in runs.items()),
)

# ---- noise ---------------------------------------------------------------------------------------

predict("""
    A mini-batch's gradient is the true one and noise. Take four times as many images into a batch:
    what becomes of the variance of the noise?
""")
SIZES = np.array([2, 8, 32, 128, 512])
model = runs["right"].model


def gradient(batch):
    for p in model.parameters():
        p.grad = None
    cross_entropy(model(X[batch]), y[batch]).backward()
    return flatten([p.grad for p in model.parameters()])


true = gradient(np.arange(len(X)))
noise = []
for size in SIZES:
    batches = rng.integers(len(X), size=(8192 // size + 50, size))
    noise.append(np.mean([np.sum((gradient(batch) - true) ** 2) for batch in batches]))
table(["batch", *SIZES], [["variance, all weights together", *(f"{v:.2g}" for v in noise)]])
power = np.polyfit(np.log(SIZES), np.log(noise), 1)[0]
claim(
    "a fourth: it falls in proportion to 1/batch",
    abs(power + 1) < 0.1,
    f"as batch to the power {power:.2f}",
)
claim(
    f"at the end of the right run the gradient of {BATCH} images is mostly noise",
    noise[2] > true @ true,
    f"variance {noise[2]:.2g}, squared length of the true gradient {true @ true:.2g}",
)

# ---- a large batch in small pieces ---------------------------------------------------------------

predict("""
    A batch too large for the memory can be had in pieces: call backward() for each, which adds up
    the gradients, and step once. Pieces of 30, 30 and 4 images: what weight for each?
""")
batch = rng.integers(len(X), size=64)
whole, pieces = gradient(batch), np.split(batch, [30, 60])
shares = sum(len(piece) / 64 * gradient(piece) for piece in pieces)
thirds = sum(gradient(piece) / 3 for piece in pieces)
right, wrong = (np.abs(sum_ - whole).max() / np.abs(whole).max() for sum_ in (shares, thirds))
claim(
    "each by its share of the 64: then it is the same, to rounding; a third each is wrong",
    right < 1e-12 and wrong > 0.01,
    f"off by {right:.0e} and by {wrong:.0%} of the largest",
)

# ---- schedules -----------------------------------------------------------------------------------

PEAK = 0.3
predict(f"""
    A smaller learning rate, too, averages over more batches. At {PEAK}, near the edge, the first
    steps are quick and the last ones noisy. So begin there and go down. Which way ends lowest?
""")
SCHEDULES = {
    "constant": None,
    "step": lambda optimizer: optim.StepLR(optimizer, 100, gamma=0.2),
    "plateau": lambda optimizer: optim.ReduceLROnPlateau(optimizer, factor=0.3, patience=1),
    "warm restarts": lambda optimizer: optim.CosineAnnealingWarmRestarts(optimizer, 100),
    "cosine": lambda optimizer: optim.CosineAnnealingLR(optimizer, STEPS),
    "warm-up, cosine": lambda optimizer: optim.SequentialLR(
        optimizer,
        [
            optim.LinearLR(optimizer, start_factor=0.01, total_iters=50),
            optim.CosineAnnealingLR(optimizer, STEPS - 50),
        ],
        milestones=[50],
    ),
}
scheduled = {name: Run(PEAK, schedule) for name, schedule in SCHEDULES.items()}
table(["", "loss at the end"], [[name, f"{run.end:.3f}"] for name, run in scheduled.items()])
constant, *others = (run.end for run in scheduled.values())
claim(
    "every way down ends lower than the constant rate",
    max(others) < constant,
    f"at most {max(others):.3f} against {constant:.3f}",
)

# ---- clipping ------------------------------------------------------------------------------------

SLIP, MAX_NORM = 150, 2.0
predict(f"""
    In step {SLIP} a broken file comes in: {BATCH} images with pixels from 0 to 16, not divided by
    16, and every label slipped to the next image. One batch out of {STEPS}. What will it do?
""")
free = Run(THREE["right"], slip=SLIP)
clipped = Run(THREE["right"], slip=SLIP, max_norm=MAX_NORM)
before = np.mean(free.losses[SLIP - 30 : SLIP])
after, saved = (np.mean(run.losses[SLIP + 1 : SLIP + 31]) for run in (free, clipped))
claim(
    "the next thirty good batches cost more than five times as much as the thirty before",
    after > 5 * before,
    f"{before:.2f} before, {after:.2f} after a gradient of norm {free.norms[SLIP]:.0f}",
)
claim(f"shortened to {MAX_NORM:g} it does no harm", saved < 1.5 * before, f"{saved:.2f} after")

fig, (ranges, rates, falls) = plt.subplots(1, 3, figsize=(12, 4.2))
ranges.semilogx(test.rates, curve, color=COLOR["truth"])
for (name, lr), key in zip(THREE.items(), ("validation", "model", "naive")):
    ranges.axvline(lr, color=COLOR[key], ls="--")
    ranges.text(lr, 3.95, name, color=COLOR[key], ha="center", va="top", backgroundcolor="white")
ranges.set(xlabel="learning rate, raised in every step", ylabel="loss of the batch [nats]")
ranges.set(ylim=(0, 4), title="One short run shows a useful rate")
for name, run in scheduled.items():
    color = COLOR["truth"] if name == "constant" else None
    rates.plot(run.rates, label=name, color=color, lw=1.5)
    falls.semilogy(smooth(run.losses, 25), color=color, lw=1.5)
rates.set(xlabel="step", ylabel="learning rate", ylim=(0, 0.5))
rates.set_title(f"Ways to go down from {PEAK} ...")
rates.legend(ncols=2, loc="upper right", fontsize=8)
falls.set(xlabel="step", ylabel="loss, mean of 25 steps [nats]")
falls.set_title("... all end below the constant rate")
save(fig)

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
        "Train MLP(64, 32, 32, 32, 32, 32, 10) at 0.1, with and without a warm-up, from ten seeds.",
    ]
)
