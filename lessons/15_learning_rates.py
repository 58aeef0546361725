"""Lesson 15. Learning rates

The learning rate is the number that decides most often whether a network learns, and no formula
gives it: the largest useful one depends on the network, the data, the batch and the optimizer.
Lesson 14 tuned by trying a grid. Here one short run finds a first guess.

Then we change the rate on the way, because what is right at the start is too large at the end:
mini-batches are noisy, and we measure how much. We look for a setting where a warm-up helps. At
last, one bad batch sets a network back, and clipping protects it.
"""

from functools import partial

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

from microloss import grad, no_grad, optim
from microloss.curvature import flatten
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP

rng = begin()
X, y = load_digits()
X = X / 16
STEPS = 300
BATCH = 32
CONSTANT = partial(optim.ExponentialLR, gamma=1)
SHALLOW = (64, 32, 10)


class Run:
    """A training run: its model, and the loss, learning rate and gradient norm of each step."""

    def __init__(
        self, lr, schedule=CONSTANT, *, sizes=SHALLOW, start=0, steps=STEPS, adam=False,
        max_norm=np.inf, broken=None,
    ):  # fmt: skip
        self.model = MLP(*sizes, rng=np.random.default_rng([args.seed, start]))
        params = self.model.parameters()
        optimizer = optim.Adam(params, lr=lr) if adam else optim.SGD(params, lr=lr, momentum=0.9)
        schedule = schedule(optimizer)
        draw = np.random.default_rng([args.seed, start, 1])
        self.losses = []
        self.rates = []
        self.norms = []
        for step in range(steps):
            batch = draw.integers(len(X), size=BATCH)
            images = X[batch]
            labels = y[batch]
            if step == broken:
                images = 16 * images
                labels = np.roll(labels, 1)
            optimizer.zero_grad()
            loss = cross_entropy(self.model(images), labels)
            loss.backward()
            self.losses.append(loss.item())
            self.rates += schedule.get_last_lr()
            self.norms.append(optim.clip_grad_norm_(params, max_norm))
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


# %% The range test

predict("Let the learning rate grow from far too small to far too large. What will the loss do?")

# %% One short run

growing = partial(optim.ExponentialLR, gamma=10 ** (1 / 50))  # tenfold every 50 steps
test = Run(1e-3, growing, steps=201)
curve = np.convolve(test.losses, np.ones(9) / 9, "valid")
raised = test.rates[4:-4]
lowest = raised[curve.argmin()]
claim(
    "As the rate grows, the loss is flat at first, then falls, then rises past where it began",
    abs(curve[20] - curve[0]) < 0.2 and curve.min() < 0.3 * curve[0] and curve[-1] > curve[0],
    f"from {curve[0]:.2f} over {curve.min():.2f} to {curve[-1]:.2f} nats",
)
say(f"""
This is the range test (Smith, 2017, Cyclical learning rates for training neural networks). At
{lowest:.2g} the loss is lowest, and about to turn: too near the edge for a whole training at that
rate. A third of it is a good first guess. What about a hundredth of it, and five times as much?
""")
guess = lowest / 3
THREE = {"too small": lowest / 100, "first guess": guess, "too large": 5 * lowest}
runs = {name: Run(lr) for name, lr in THREE.items()}
others = min(runs["too small"].end, runs["too large"].end)
claim(
    "The first guess ends at less than half the loss of a 33rd and of 15 times as much",
    runs["first guess"].end < others / 2,
    f"{runs['first guess'].end / others:.0%}: "
    + ", ".join(f"{name} {run.end:.3f}" for name, run in runs.items()),
)
FACTORS = (0.01, 0.03, 0.1, 0.2, 0.33, 0.6, 1, 2, 5)


def draw_rate(fig, factor):
    """The loss of a run at this multiple of the rate where the range test was lowest."""
    ax = fig.subplots()
    run = Run(factor * lowest)
    ax.semilogy(run.losses, color=COLOR["sgd"], lw=0.8, alpha=0.5)
    means = np.reshape(run.losses, (-1, 25)).mean(axis=1)
    ax.semilogy(range(12, STEPS, 25), means, "o-", color=COLOR["sgd"])
    ax.set(xlabel="step", ylabel="loss of the batch (nats)", ylim=(1e-3, 30))
    ax.set_title(f"Rate {factor * lowest:.2g}: ends at {run.end:.3f} on all images")


sweep(draw_rate, FACTORS, "relative rate")
predict("Take four times as many images into a batch. What becomes of the noise in its gradient?")

# %% Noise

say("""
A batch of B images gives a mean of B gradients, drawn at random. The variance of a mean of
independent numbers is that of one of them, divided by B:
""")
formula(
    "Var(gradient of a batch) = Var(gradient of one image) / B",
    tex=r"\mathrm{Var}\left(\frac{1}{B} \sum_{i=1}^{B} g_i\right) = \frac{\mathrm{Var}(g)}{B}",
)
SIZES = np.array([2, 8, 32, 128, 512])
gradient = runs["first guess"].gradient
true = gradient(np.arange(len(X)))
noise = []
for size in SIZES:
    batches = rng.integers(len(X), size=(8192 // size + 30, size))
    noise.append(np.mean([np.sum((gradient(batch) - true) ** 2) for batch in batches]))
table(
    ["images in a batch", *SIZES],
    [("variance, all weights together", *(f"{v:.2g}" for v in noise))],
)
power = np.polyfit(np.log(SIZES), np.log(noise), 1)[0]
claim(
    "The variance of the gradient falls as one over the size of the batch",
    abs(power + 1) < 0.1,
    f"as the batch to the power {power:.2f}",
)
claim(
    "At the end of training the gradient of 32 images is mostly noise",
    noise[2] > true @ true,
    f"{noise[2] / (true @ true):.0f} times as much variance as the squared length of the true one",
)
predict("""
    A batch that is too large for the memory can be had in pieces: add up their gradients, and step
    once (gradient accumulation). Pieces of 30, 30 and 4 images: what weight should each have?
""")

# %% Gradient accumulation

batch = rng.integers(len(X), size=64)
whole = gradient(batch)
pieces = [gradient(piece) for piece in np.split(batch, [30, 60])]


def off(weights):
    """How far the weighted mean of the pieces is from the whole, as a share of the largest."""
    mean = np.average(pieces, axis=0, weights=weights)
    return np.abs(mean - whole).max() / np.abs(whole).max()


claim(
    "Weighted by their shares of the images, the pieces give the gradient of the whole batch",
    off([30, 30, 4]) < 1e-12,
    f"off by {off([30, 30, 4]):.0e} of the largest",
)
claim(
    "Weighted equally, the pieces do not give it",
    off([1, 1, 1]) > 0.01,
    f"off by {off([1, 1, 1]):.0%} of the largest",
)

# %% Schedules

say("""
A smaller learning rate averages over more batches, too: the noise in the weights shrinks with the
rate. So begin high and go down. The most used way down is a half wave of the cosine (Loshchilov and
Hutter, 2017, SGDR: stochastic gradient descent with warm restarts):
""")
formula(
    "lr(t) = lr(0) (1 + cos(pi t / T)) / 2",
    tex=r"\eta_t = \eta_0\, \frac{1 + \cos(\pi t / T)}{2}",
)
predict("""
    Six ways to spend 300 steps, each at a low, a middle and a high rate. Which schedule ends
    lowest, each at its own best rate? And does the best rate of a constant run suit a cosine?
""")

# %% Each at its own best rate

RATES = (0.03, 0.1, 0.3)
STARTS = 2
SCHEDULES = {
    "constant": lambda lr: CONSTANT,
    "step": lambda lr: partial(optim.StepLR, step_size=100, gamma=0.2),
    "plateau": lambda lr: partial(optim.ReduceLROnPlateau, factor=0.3, patience=25),
    "warm restarts": lambda lr: partial(optim.CosineAnnealingWarmRestarts, T_0=100),
    "cosine": lambda lr: partial(optim.CosineAnnealingLR, T_max=STEPS),
    "warm-up, cosine": lambda lr: partial(optim.OneCycleLR, max_lr=lr, total_steps=STEPS),
}
scheduled = {
    (name, lr): [Run(lr, schedule(lr), start=start) for start in range(STARTS)]
    for name, schedule in SCHEDULES.items()
    for lr in RATES
}
ends = {key: np.mean([run.end for run in of_key]) for key, of_key in scheduled.items()}
best = {name: min(RATES, key=lambda lr: ends[name, lr]) for name in SCHEDULES}
table(
    [f"loss at the end, mean of {STARTS} starts", *(f"rate {lr}" for lr in RATES)],
    [(name, *(f"{ends[name, lr]:.3f}" for lr in RATES)) for name in SCHEDULES],
)
at_best = {name: ends[name, best[name]] for name in SCHEDULES}
claim(
    "Each at its own best rate, the cosine ends at less than nine tenths of the constant rate's "
    "loss",
    at_best["cosine"] < 0.9 * at_best["constant"],
    f"{at_best['cosine'] / at_best['constant']:.0%}: {at_best['cosine']:.3f} at {best['cosine']}, "
    f"{at_best['constant']:.3f} at {best['constant']}",
)
claim(
    "At the high rate, every way down ends lower than the constant rate",
    max(ends[name, 0.3] for name in SCHEDULES if name != "constant") < ends["constant", 0.3],
    f"{max(ends[name, 0.3] for name in SCHEDULES if name != 'constant'):.3f} at most, against "
    f"{ends['constant', 0.3]:.3f}",
)
claim(
    "At the low rate, the cosine ends higher than the constant rate",
    ends["cosine", 0.03] > ends["constant", 0.03],
    f"{ends['cosine', 0.03]:.3f} against {ends['constant', 0.03]:.3f}",
)
say("""
A schedule and its rate belong together. A rate that goes down must start higher than one that
stays: its mean is half of its start, and the end no longer suffers from the noise. If you put a
cosine on a rate that was tuned without it, you may lose.
""")

# %% Does a warm-up help?

DEEP = (64, 32, 32, 32, 32, 32, 10)
WARM_STARTS = 4
say("""
A warm-up starts with small steps and reaches the full rate after a while. Above it did little. It
is used where the first steps are the most dangerous: in deep networks, and with Adam, whose first
steps have full length in every coordinate, however uncertain the gradient is (lesson 14). So we try
a network with five hidden layers, trained by Adam, with and without a warm-up of 50 steps.
""")
WARM_UP = partial(optim.LinearLR, start_factor=0.01, total_iters=50)
predict("At which rates will the warm-up help: low, middle or high?")

# %% With and without

ADAM_RATES = (0.01, 0.03, 0.1)


def mean_end(lr, schedule):
    runs = [Run(lr, schedule, sizes=DEEP, start=n, adam=True) for n in range(WARM_STARTS)]
    return np.mean([run.end for run in runs])


cold = {lr: mean_end(lr, CONSTANT) for lr in ADAM_RATES}
warm = {lr: mean_end(lr, WARM_UP) for lr in ADAM_RATES}
table(
    [f"loss at the end, mean of {WARM_STARTS} starts", *(f"rate {lr}" for lr in ADAM_RATES)],
    [
        ("without a warm-up", *(f"{value:.2f}" for value in cold.values())),
        ("with a warm-up of 50 steps", *(f"{value:.2f}" for value in warm.values())),
    ],
)
high = [0.03, 0.1]
with_it = np.mean([warm[lr] for lr in high])
without = np.mean([cold[lr] for lr in high])
claim(
    "In a deep network under Adam, a warm-up lowers the mean loss at the two higher rates",
    with_it < without,
    f"to {with_it / without:.0%}: {without:.2f} without, {with_it:.2f} with it",
)
gain = min(cold.values()) - min(warm.values())
claim(
    "Each at its own best rate, the warm-up changes the loss by less than 0.25 nats",
    abs(gain) < 0.25,
    f"by {gain:+.2f}: {min(cold.values()):.2f} without, {min(warm.values()):.2f} with",
)
say("""
So here a warm-up makes the choice of the rate safer, more than it makes the result better.
""")
BROKEN = 150
predict(f"""
    In step {BROKEN} a broken file comes in: {BATCH} images with pixels from 0 to 16, not divided by
    16, and every label moved to the next image. One batch out of {STEPS}. What will it do?
""")

# %% Clipping

say("""
Clipping shortens a gradient that is longer than c (Pascanu, Mikolov and Bengio, 2013, On the
difficulty of training recurrent neural networks). The direction stays:
""")
formula(
    "g  <-  g * min(1, c / |g|)",
    tex=r"g \leftarrow g\, \min\left(1, \frac{c}{\|g\|}\right)",
)
free = Run(guess, broken=BROKEN)
clipped = Run(guess, broken=BROKEN, max_norm=2)
before = np.mean(free.losses[BROKEN - 30 : BROKEN])
after = np.mean(free.losses[BROKEN + 1 : BROKEN + 31])
protected = np.mean(clipped.losses[BROKEN + 1 : BROKEN + 31])
claim(
    "One broken batch sets the network back: the next thirty good batches cost five times as much",
    after > 5 * before,
    f"{after / before:.0f} times: {before:.2f} before, {after:.2f} after a gradient of norm "
    f"{free.norms[BROKEN]:.0f}",
)
claim(
    "Clipped to norm 2, the same batch does little harm: less than one and a half times as much",
    protected < 1.5 * before,
    f"{protected / before:.2f} times: {protected:.2f} after it",
)
say(f"""
Unharmed batches have gradients of norm {np.median(clipped.norms):.1f} here (median). It is not
destroyed for ever: after {STEPS} steps the free run is at {free.end:.3f} nats, the clipped one at
{clipped.end:.3f}.
""")

# %% The picture

fig, (range_panel, rate_panel, loss_panel) = plt.subplots(1, 3, figsize=(12.5, 4.2))
range_panel.semilogx(raised, curve, color=COLOR["truth"])
for (name, lr), key in zip(THREE.items(), ("validation", "model", "naive")):
    range_panel.axvline(lr, color=COLOR[key], ls="--")
    place = {"color": COLOR[key], "ha": "center", "va": "top", "backgroundcolor": "white"}
    range_panel.text(lr, 3.95, name, size=9, **place)
range_panel.set(xlabel="learning rate, raised in every step", ylabel="loss of the batch (nats)")
range_panel.set(ylim=(0, 4), title="One short run shows a useful rate")
for name in SCHEDULES:
    color = COLOR["truth"] if name == "constant" else None
    run = scheduled[name, best[name]][0]
    rate_panel.plot(run.rates, label=f"{name}, from {best[name]}", color=color, lw=1.5)
    values = [ends[name, lr] for lr in RATES]
    loss_panel.loglog(RATES, values, "o-", color=color, label=name)
rate_panel.set(xlabel="step", ylabel="learning rate", ylim=(0, 0.62))
rate_panel.set_title("Six schedules, each at its best rate")
rate_panel.legend(ncols=1, loc="upper right", fontsize=8)
loss_panel.set(xlabel="learning rate at its highest", ylabel="loss at the end (nats)")
loss_panel.set_xticks(RATES, RATES)
loss_panel.set_xticks([], minor=True)
loss_panel.set_title("Falling rates end lower")
save(fig)

# %% Take away

takeaway("""
    For a constant rate, begin at a third of where a range test has its lowest loss. A rate that
    falls starts higher and ends lower: choose schedule and rate together. Near the end the noise of
    the batches decides, and its variance is one over their size. Large batches can be had in
    pieces, weighted by size. A warm-up makes high rates safer. Clip the gradient's norm at a few
    times what is usual.

    Next: lesson 16 looks at places where the gradient vanishes and nothing is won.
""")
exercises(
    [
        "Make the range test with BATCH = 256. Where is the lowest point now, and how low is it?",
        "Train the deep network by SGD with momentum at a rate of 0.1, with and without WARM_UP, "
        "from ten starts. Does the warm-up help there?",
    ]
)
