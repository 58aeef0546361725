"""Lesson 15. Learning rates

The learning rate is the number that decides most often whether a network learns, and no formula
gives it: the largest useful one depends on the network, the data, the batch and the optimizer.
Lesson 14 tuned by trying a grid. Here one short run finds the rate.

Then we change it on the way, for what is right at the start is too large at the end: mini-batches
are noisy, and we measure how much. At last, one bad batch destroys a network; clipping saves it.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import grad, no_grad, optim
from microloss.curvature import flatten
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP

rng = begin()
X, y = load_digits()
X = X / 16
STEPS, BATCH, PEAK, SLIP = 300, 32, 0.3, 150
CONSTANT = partial(optim.ExponentialLR, gamma=1)


class Run:
    """A training run: its model, and the loss, learning rate and gradient norm of each step."""

    def __init__(self, lr, schedule=CONSTANT, *, steps=STEPS, max_norm=np.inf, slip=False):
        self.model = MLP(64, 32, 10, rng=args.seed)
        self.losses, self.rates, self.norms = [], [], []
        optimizer = optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        schedule = schedule(optimizer)
        draw = np.random.default_rng(args.seed)
        for step in range(steps):
            batch = draw.integers(len(X), size=BATCH)
            images, labels = X[batch], y[batch]
            if slip and step == SLIP:
                images, labels = 16 * images, np.roll(labels, 1)
            optimizer.zero_grad()
            loss = cross_entropy(self.model(images), labels)
            loss.backward()
            self.losses.append(loss.item())
            self.rates += schedule.get_last_lr()
            self.norms.append(optim.clip_grad_norm_(self.model.parameters(), max_norm))
            optimizer.step()
            if isinstance(schedule, optim.ReduceLROnPlateau):
                schedule.step(np.mean(self.losses[-15:]))  # one batch's loss has too much noise
            else:
                schedule.step()
        with no_grad():
            self.end = cross_entropy(self.model(X), y).item()

    def gradient(self, batch):
        """The gradient of these images' loss, for all weights as one vector."""
        return flatten(grad(cross_entropy(self.model(X[batch]), y[batch]), self.model.parameters()))


# ---- the range test ------------------------------------------------------------------------------

predict("Let the learning rate grow from far too small to far too large. What will the loss do?")
test = Run(1e-3, partial(optim.ExponentialLR, gamma=10 ** (1 / 50)), steps=201)
curve, raised = np.convolve(test.losses, np.ones(9) / 9, "valid"), test.rates[4:-4]
lowest = raised[curve.argmin()]
claim(
    "flat at first, then down, then up past where it began",
    abs(curve[20] - curve[0]) < 0.2 and curve.min() < 0.2 * curve[0] and curve[-1] > curve[0],
    f"from {curve[0]:.2f} over {curve.min():.2f} to {curve[-1]:.2f}",
)
say(f"""
This is Smith's range test (2017). At {lowest:.2g} the loss is lowest, and about to turn: too near
the edge for a whole training. A third of that is a good first guess. A hundredth, and five times?
""")
THREE = {"too small": lowest / 100, "right": lowest / 3, "too large": 5 * lowest}
runs = {name: Run(lr) for name, lr in THREE.items()}
claim(
    "a third of it ends at less than a fourth of the loss of both others",
    4 * runs["right"].end < min(runs["too small"].end, runs["too large"].end),
    ", ".join(f"{name} {run.end:.3f}" for name, run in runs.items()),
)

# ---- noise, and large batches --------------------------------------------------------------------

predict("Take four times as many images into a batch. What becomes of the noise in its gradient?")
SIZES, gradient = np.array([2, 8, 32, 128, 512]), runs["right"].gradient
true, noise = gradient(np.arange(len(X))), []
for size in SIZES:
    batches = rng.integers(len(X), size=(8192 // size + 30, size))
    noise.append(np.mean([np.sum((gradient(batch) - true) ** 2) for batch in batches]))
table(["batch", *SIZES], [["variance, all weights together", *(f"{v:.2g}" for v in noise)]])
power = np.polyfit(np.log(SIZES), np.log(noise), 1)[0]
claim("its variance falls as 1/batch", abs(power + 1) < 0.1, f"as batch to the {power:.2f}")
claim(
    f"at the end of the right run the gradient of {BATCH} images is mostly noise",
    noise[2] > true @ true,
    f"variance {noise[2]:.2g}, squared length of the true gradient {true @ true:.2g}",
)

predict("""
    A batch too large for the memory can be had in pieces: add up their gradients, and step once.
    Pieces of 30, 30 and 4 images: what weight for each?
""")
batch = rng.integers(len(X), size=64)
whole, parts = gradient(batch), [gradient(piece) for piece in np.split(batch, [30, 60])]
sums = (np.average(parts, axis=0, weights=weights) for weights in ((30, 30, 4), (1, 1, 1)))
right, wrong = (np.abs(total - whole).max() / np.abs(whole).max() for total in sums)
claim(
    "each by its share of the 64: then it is the same, to rounding; a third each is wrong",
    right < 1e-12 and wrong > 0.01,
    f"off by {right:.0e} and by {wrong:.0%} of the largest",
)

# ---- schedules -----------------------------------------------------------------------------------

predict(f"""
    A smaller learning rate, too, averages over more batches. At {PEAK}, near the edge, the first
    steps are quick and the last ones noisy. So begin there and go down. Which way ends lowest?
""")
SCHEDULES = {
    "constant": CONSTANT,
    "step": partial(optim.StepLR, step_size=100, gamma=0.2),
    "plateau": partial(optim.ReduceLROnPlateau, factor=0.3, patience=25),
    "warm restarts": partial(optim.CosineAnnealingWarmRestarts, T_0=100),
    "cosine": partial(optim.CosineAnnealingLR, T_max=STEPS),
    "warm-up, cosine": partial(optim.OneCycleLR, max_lr=PEAK, total_steps=STEPS),
}
scheduled = {name: Run(PEAK, schedule) for name, schedule in SCHEDULES.items()}
table(["", "loss at the end"], [[name, f"{run.end:.3f}"] for name, run in scheduled.items()])
constant, *others = (run.end for run in scheduled.values())
claim("every way down ends lower", max(others) < constant, f"at {max(others):.3f} at most")

# ---- clipping ------------------------------------------------------------------------------------

predict(f"""
    In step {SLIP} a broken file comes in: {BATCH} images with pixels from 0 to 16, not divided by
    16, and every label slipped to the next image. One batch out of {STEPS}. What will it do?
""")
free, clipped = (Run(THREE["right"], slip=True, max_norm=norm) for norm in (np.inf, 2))
before = np.mean(free.losses[SLIP - 30 : SLIP])
after, saved = (np.mean(run.losses[SLIP + 1 : SLIP + 31]) for run in (free, clipped))
claim(
    "the next thirty good batches cost more than five times as much as the thirty before",
    after > 5 * before,
    f"{before:.2f} before, {after:.2f} after a gradient of norm {free.norms[SLIP]:.0f}",
)
claim("shortened to 2 it does no harm", saved < 1.5 * before, f"{saved:.2f} after")

fig, (ranges, rates, falls) = plt.subplots(1, 3, figsize=(12, 4.2))
ranges.semilogx(raised, curve, color=COLOR["truth"])
for (name, lr), key in zip(THREE.items(), ("validation", "model", "naive")):
    ranges.axvline(lr, color=COLOR[key], ls="--")
    ranges.text(lr, 3.95, name, color=COLOR[key], ha="center", va="top", backgroundcolor="white")
ranges.set(xlabel="learning rate, raised in every step", ylabel="loss of the batch [nats]")
ranges.set(ylim=(0, 4), title="One short run shows a useful rate")
for name, run in scheduled.items():
    color = COLOR["truth"] if name == "constant" else None
    rates.plot(run.rates, label=name, color=color, lw=1.5)
    falls.semilogy(range(12, STEPS, 25), np.reshape(run.losses, (-1, 25)).mean(axis=1), color=color)
rates.set(xlabel="step", ylabel="learning rate", title=f"Ways down from {PEAK} ...", ylim=(0, 0.5))
rates.legend(ncols=2, loc="upper right", fontsize=8)
falls.set(xlabel="step", ylabel="loss of 25 steps [nats]", title="... all beat the constant rate")
save(fig)

takeaway(f"""
    Begin at a third of where a range test has its lowest loss. Let the rate fall: near the end the
    noise decides, with the variance 1/batch. Large batches can be had in pieces, weighted by size.
    Clip the gradient's norm at a few times what is usual ({np.median(clipped.norms):.1f} here).

    Next: lesson 16 looks at places where the gradient vanishes and nothing is won.
""")
exercises(
    [
        "Make the range test with BATCH = 256. Where does the edge go, and why not further?",
        "Train MLP(64, 32, 32, 32, 32, 32, 10) at 0.1, with and without a warm-up, from ten seeds.",
    ]
)
