"""Lesson 32. Several tasks at once

A car's camera asks of a sign what it says, and how far away it is. One network can answer both:
their losses are added, and then the units decide which task it obeys. Here the sign is a
handwritten digit, with a loss in nats, and the distance has a loss in squared metres, or
centimetres, or kilometres.

Lesson 5 had one task, lesson 9 learned a variance inside a loss. Now each task gets a weight: fixed
by hand, learned as a variance (Kendall), or set so that both tasks pull equally hard (GradNorm).
Each of these has to beat the simplest cure: standardize the target.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, grad
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, mse_loss, uncertainty_weighted_loss
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import batches

rng = begin()

# %% What, and how far

SIDE = 16  # pixels of the camera
NEAR, FAR = 8, 20  # metres
NOISE = 1.0  # metres: the error of the rangefinder that has measured the distances


def seen_from(digits, distances):
    """Digits of 8 by 8 pixels as the camera sees them: half as large at twice the distance."""
    digits = np.pad(digits, ((0, 0), (1, 1), (1, 1)))
    pixel = distances[:, None] / NEAR / 2  # of the camera, measured in pixels of the digit
    at = np.clip(pixel * (np.arange(SIDE) - (SIDE - 1) / 2) + 4.5, 0, 9)
    low = np.minimum(at.astype(int), 8)
    high_share = at - low
    n = np.arange(len(digits))
    rows = digits[n[:, None], low] * (1 - high_share)[:, :, None]
    rows += digits[n[:, None], low + 1] * high_share[:, :, None]
    columns = rows.swapaxes(1, 2)
    seen = columns[n[:, None], low] * (1 - high_share)[:, :, None]
    seen += columns[n[:, None], low + 1] * high_share[:, :, None]
    return seen.swapaxes(1, 2)


def photographs(digits, labels, views):
    """Pictures of each digit from some distances, and what is known: label, distance, noise."""
    digits = np.repeat(digits, views, axis=0)
    distances = rng.uniform(NEAR, FAR, size=len(digits))
    pictures = seen_from(digits, distances) + 0.1 * rng.normal(size=(len(digits), SIDE, SIDE))
    noise = rng.normal(size=len(digits))
    known = np.column_stack([np.repeat(labels, views), distances, noise])
    return pictures.reshape(-1, SIDE**2), known


X, y = load_digits()
digits, new_digits, labels, new_labels = train_test_split(
    X.reshape(-1, 8, 8) / 16, y, test_size=400, seed=rng, stratify=y
)
pictures, known = photographs(digits, labels, 3)
new_pictures, new_known = photographs(new_digits, new_labels, 2)
PIXEL_MEAN = pictures.mean()
PIXEL_SPREAD = pictures.std()
MEAN = known[:, 1].mean()
SPREAD = known[:, 1].std()
say(f"""
{len(pictures):,} pictures to learn from, {len(new_pictures)} new ones. The distances were measured
by a rangefinder that errs by {NOISE:.0f} metre (standard deviation). That is the noise floor: on
labels with this error nobody can be off by less than {NOISE:.0f} m (root mean square), however good
the network. Who always guesses the mean is off by {np.hypot(SPREAD, NOISE):.1f} m.
""")


def standard(some_pictures):
    return (some_pictures - PIXEL_MEAN) / PIXEL_SPREAD


def tasks(output, known, noise=NOISE):
    """Both losses: nats for the digit, square metres for the distance."""
    label, distance, error = known.T
    estimate = MEAN + SPREAD * output[:, 10]
    what = cross_entropy(output[:, :10], label.astype(int))
    how_far = mse_loss(estimate, distance + noise * error)
    return what, how_far


def network():
    """Ten logits and the distance, on one shared layer; the same start for every run."""
    return MLP(SIDE**2, 64, 11, rng=np.random.default_rng([args.seed, 1]))


def pulls(model, some_pictures, known):
    """The lengths of the gradients that the two losses send to the layer they share."""
    losses = tasks(model(some_pictures), known)
    shared = model[0].weight
    return np.array([np.linalg.norm(grad(L, shared, retain_graph=True)[0]) for L in losses])


fresh = network()
first = np.array([L.item() for L in tasks(fresh(standard(pictures)), known)])
METRES = np.array([1.0, 1.0])
CENTIMETRES = np.array([1.0, 100.0**2])
KILOMETRES = np.array([1.0, 1000.0**-2])
predict(f"""
    Before training the digit costs {first[0]:.1f} nats, the distance {first[1]:.0f} m², which is
    {first[1] * 100**2:,.0f} cm². Add nats and cm². How many times as hard as the digit does the
    distance pull on the layer that they share? And who will suffer?
""")

# %% Who is heard

EPOCHS = 12


class FixedWeights:
    """The weights stay as they are given."""

    def __init__(self, weights):
        self.weights = np.array(weights)
        self.parameters = []

    def total(self, losses, model):
        return self.weights[0] * losses[0] + self.weights[1] * losses[1]


class Run:
    """A network trained on both tasks, weighed by `weigher`, and what it does on new pictures."""

    def __init__(self, weigher, noise=NOISE, epochs=EPOCHS):
        self.weigher = weigher
        self.model = network()
        draw = np.random.default_rng([args.seed, 2])  # the same batches for every run
        inputs = standard(pictures)
        optimizer = Adam(self.model.parameters(), lr=0.01)
        if weigher.parameters:
            optimizer.add_param_group({"params": weigher.parameters, "lr": 0.05})
        schedule = CosineAnnealingLR(optimizer, T_max=epochs)
        for _ in range(epochs):
            for batch in batches(len(inputs), 128, draw):
                optimizer.zero_grad()
                losses = tasks(self.model(inputs[batch]), known[batch], noise)
                weigher.total(losses, self.model).backward()
                optimizer.step()
            schedule.step()
        output = self.model(standard(new_pictures)).data
        self.nats, square = tasks(output, new_known, noise)
        self.off = np.sqrt(square)
        self.right = accuracy(output[:, :10].argmax(axis=1), new_known[:, 0].astype(int))


ratio = np.divide(*(CENTIMETRES * pulls(fresh, standard(pictures), known))[::-1])
claim(
    "In centimetres the distance pulls more than ten thousand times as hard as the digit at first",
    ratio > 1e4,
    f"{ratio:,.0f} times",
)
digit_alone = Run(FixedWeights([1.0, 0.0]))
distance_alone = Run(FixedWeights([0.0, 1.0]))
in_centimetres = Run(FixedWeights(CENTIMETRES))
in_kilometres = Run(FixedWeights(KILOMETRES))
claim(
    "Alone, the distance comes within a third of the noise floor",
    distance_alone.off < 4 / 3 * NOISE,
    f"off by {distance_alone.off:.2f} m, floor {NOISE:.0f} m",
)
claim(
    "Added in centimetres, the digit loses more than 20 points of accuracy",
    in_centimetres.right < digit_alone.right - 0.2,
    f"{100 * (digit_alone.right - in_centimetres.right):.0f} points: {in_centimetres.right:.1%}, "
    f"alone {digit_alone.right:.1%}",
)
claim(
    "Added in kilometres, the distance is off by more than 8 % more than alone",
    in_kilometres.off > 1.08 * distance_alone.off,
    f"{in_kilometres.off / distance_alone.off - 1:.0%} more: {in_kilometres.off:.2f} m",
)
say("""
Nothing has changed but the unit. A unit is a weight in disguise: centimetres multiply the second
loss by 10,000, kilometres divide it by a million. The digit suffers more, because in kilometres the
last layer still learns distances from what the shared layer has learned for the digits: Adam
divides each gradient by its own size (lesson 14), so only the shared layer is fought over.
""")
predict("""
    Which weight serves both? The simplest idea: standardize the target. The distance then has
    variance 1, like a weight of 1 / variance on the loss in m². Will it do?
""")

# %% The simplest cure

standardized = Run(FixedWeights([1.0, SPREAD**-2]))
in_metres = Run(FixedWeights(METRES))
between = Run(FixedWeights([1.0, 1e-4]))
claim(
    "With a standardized target the digit is within 4 points of what it reaches alone, and the "
    "distance within 8 %",
    standardized.right > digit_alone.right - 0.04 and standardized.off < 1.08 * distance_alone.off,
    f"{100 * (digit_alone.right - standardized.right):.1f} points and "
    f"{standardized.off / distance_alone.off - 1:.1%} behind",
)

# %% Weights that are learned

say("""
Kendall, Gal and Cipolla (2018, Multi-task learning using uncertainty to weigh losses) take the loss
for a negative log-likelihood with noise of unknown variance e^s, as lesson 9 did, one s for each
task, and learn s with the network. (For cross-entropy it is an analogy.) Minimise over s first:
""")
formula(
    """
    total = sum of (e^-s L + s) / 2
    d total / ds = (1 - e^-s L) / 2 = 0   at   e^s = L, where the task costs (ln L + 1) / 2
    the gradient then is grad L / (2 L) = grad (ln L) / 2
    in another unit, c L:   ln(c L) = ln c + ln L, the same gradient
    """,
    tex=r"""
    \begin{aligned}
    \text{total} &= \sum \tfrac12 \left(e^{-s} L + s\right), \qquad
        \frac{\partial}{\partial s} = \tfrac12 \left(1 - e^{-s} L\right) = 0 \iff e^s = L \\
    \tfrac12 \left(e^{-s} \nabla L\right) &= \tfrac12 \frac{\nabla L}{L} = \tfrac12 \nabla \ln L,
        \qquad \nabla \ln (c L) = \nabla \ln L
    \end{aligned}
    """,
)
say("""
So with s at its best each task pulls with the gradient of ln L, and units are gone. But s has to
get there, and it is learned in small steps.
""")
predict("Let each s start at 0, with the distance in cm². Does the digit get its accuracy back?")

# %% Kendall


class Kendall:
    """Log-variances that are learned with the network; `units` multiply the losses."""

    def __init__(self, units, start):
        self.units = units
        self.log_variances = Tensor(np.array(start), requires_grad=True)
        self.parameters = [self.log_variances]

    def total(self, losses, model):
        return uncertainty_weighted_loss(
            [self.units[0] * losses[0], self.units[1] * losses[1]], self.log_variances
        )


late = Run(Kendall(CENTIMETRES, [0.0, 0.0]))
kendall = Run(Kendall(METRES, np.log(first)))
never_moved = Run(FixedWeights(1 / first))
reached = late.weigher.log_variances.data[1]
claim(
    "With s = 0 at first and centimetres the digit is still more than 10 points behind",
    late.right < digit_alone.right - 0.1,
    f"{100 * (digit_alone.right - late.right):.0f} points; the distance's s is at {reached:.1f}, "
    f"ln L was {np.log(first[1] * 100**2):.1f}",
)
claim(
    "With s = ln L at first the digit is within 3 points of alone, and the distance within 8 %",
    kendall.right > digit_alone.right - 0.03 and kendall.off < 1.08 * distance_alone.off,
    f"{100 * (digit_alone.right - kendall.right):.1f} points and "
    f"{kendall.off / distance_alone.off - 1:.1%} behind",
)
short = [Run(Kendall(units, np.log(first * units)), epochs=3) for units in (METRES, CENTIMETRES)]
gap = max(abs(short[1].nats / short[0].nats - 1), abs(short[1].off / short[0].off - 1))
claim(
    "Started at s = ln L, three epochs in metres and in centimetres give the same network",
    gap < 1e-6,
    f"relative gap {gap:.0e}",
)
say("""
Is it the learning of s, or only its start? A control: the weights e^-s = 1 / L of the start, fixed
for the whole training.
""")
claim(
    "The same first weights, never moved, come within 3 points and 5 % of Kendall's",
    never_moved.right > kendall.right - 0.03 and never_moved.off < 1.05 * kendall.off,
    f"{100 * (kendall.right - never_moved.right):.1f} points and "
    f"{never_moved.off / kendall.off - 1:.1%} behind",
)
predict("""
    GradNorm weighs by what a task does, not by what it costs: the gradients that both tasks send to
    the shared layer should be equally long. What does it have to compute that the others do not?
""")

# %% GradNorm

say("""
GradNorm (Chen, Badrinarayanan, Lee and Rabinovich 2018, GradNorm: gradient normalization for
adaptive loss balancing in deep multitask networks) measures the pull G of each weighed loss on the
shared layer. A task that has come less far than the mean, as a share of its first loss, should pull
harder, by its relative rate r to the power alpha:
""")
formula(
    """
    G_i = |w_i grad L_i|,   r_i = (L_i / first L_i) / mean of these
    move w_i so that G_i comes nearer to  mean(G) r_i^alpha;   alpha = 0: equal pulls
    """,
    tex=r"G_i = \lVert w_i \nabla L_i \rVert, \quad "
    r"r_i = \frac{L_i / L_i^{(0)}}{\text{mean}}, \quad "
    r"\min_w \sum_i \left| G_i - \bar{G}\, r_i^\alpha \right|",
)


class GradNorm:
    """Weights that move, by a factor of e^0.05 in each step, towards the pulls they should give."""

    def __init__(self, start, alpha):
        self.log_weights = np.log(start)
        self.alpha = alpha
        self.parameters = []
        self.first = None

    def total(self, losses, model):
        shared = model[0].weight
        lengths = [np.linalg.norm(grad(L, shared, retain_graph=True)[0]) for L in losses]
        now = np.array([L.item() for L in losses])
        self.first = now if self.first is None else self.first
        rate = now / self.first
        pull = np.exp(self.log_weights) * lengths
        wanted = pull.mean() * (rate / rate.mean()) ** self.alpha
        self.log_weights = self.log_weights - 0.05 * np.sign(pull - wanted)
        weights = np.exp(self.log_weights - self.log_weights.mean())
        return weights[0] * losses[0] + weights[1] * losses[1]


equal_pulls = Run(GradNorm(1 / first, alpha=0.0))
grad_norm = Run(GradNorm(1 / first, alpha=1.0))
final = np.exp(equal_pulls.weigher.log_weights) * pulls(
    equal_pulls.model, standard(pictures), known
)
unweighed = CENTIMETRES * pulls(in_centimetres.model, standard(pictures), known)
claim(
    "With alpha = 0 neither task pulls more than 10 times as hard as the other in the end",
    0.1 < final[1] / final[0] < 10,
    f"{final[1] / final[0]:.2f} times; in centimetres {unweighed[1] / unweighed[0]:,.0f} times",
)
runs = {
    "digit alone": digit_alone,
    "distance alone": distance_alone,
    "sum, in cm": in_centimetres,
    "sum, in m": in_metres,
    "sum, in km": in_kilometres,
    "sum, standardized": standardized,
    "sum, 1 / first loss": never_moved,
    "Kendall, s = 0, in cm": late,
    "Kendall, s = ln L": kendall,
    "GradNorm, alpha = 0": equal_pulls,
    "GradNorm, alpha = 1": grad_norm,
}
table(
    ["", "nats", "accuracy", "off by (m)"],
    [
        (
            name,
            f"{run.nats:.3f}" if run is not distance_alone else "",
            f"{run.right:.1%}" if run is not distance_alone else "",
            f"{run.off:.2f}" if run is not digit_alone else "",
        )
        for name, run in runs.items()
    ]
    + [("(the noise floor)", "", "", f"{NOISE:.2f}")],
)
weighed = [standardized, never_moved, kendall, equal_pulls, grad_norm]
best_right = max(run.right for run in weighed)
best_off = min(run.off for run in weighed)
claim(
    "Standardized targets come within 3 points and 5 % of the best of five ways to weigh",
    standardized.right > best_right - 0.03 and standardized.off < 1.05 * best_off,
    f"{100 * (best_right - standardized.right):.1f} points and "
    f"{standardized.off / best_off - 1:.1%} behind the best",
)
claim(
    "None of the five reads digits more than 2 points better than the digit alone",
    best_right < digit_alone.right + 0.02,
    f"{100 * (best_right - digit_alone.right):+.1f} points at best",
)
say("""
So here the sharing gains a network (one instead of two), not accuracy, and the clever weights gain
little over a standardized target. GradNorm needs two more backward passes in each step, down to the
shared layer. They are for what cannot be standardized beforehand: many tasks, losses that fall at
different speeds, noise that nobody knows.
""")
predict("""
    That noise is what Kendall's s is about. The rangefinder errs by 1 m. Which spread e^(s / 2) is
    learned? And with 2 m, and 4 m? What becomes of the digit's s, whose labels are all right?
""")

# %% What the variances tell

ERRORS = (1.0, 2.0, 4.0)
by_error = [kendall]
by_error += [Run(Kendall(METRES, np.log(first)), noise=error) for error in ERRORS[1:]]
spreads = np.exp([run.weigher.log_variances.data[1] / 2 for run in by_error])
claim(
    "The learned spread of the distance is the rangefinder's, within 15 %",
    np.abs(spreads / ERRORS - 1).max() < 0.15,
    ", ".join(f"{spread:.2f} m" for spread in spreads),
)
learned_cost = np.exp(kendall.weigher.log_variances.data[0])
seen_cost = tasks(kendall.model(standard(pictures)), known)[0].item()
claim(
    "The digit's e^s sinks to less than half of what new digits cost",
    learned_cost < kendall.nats / 2,
    f"{learned_cost:.3f} nats; seen digits cost {seen_cost:.3f}, new ones {kendall.nats:.3f}",
)
say("""
What is learned by heart looks free of noise, so its weight e^-s grows without end. A variance that
is learned on training data knows overfitting only as certainty.
""")

# %% The picture

fig = plt.figure(figsize=(12, 4.2))
cameras, panels = fig.subfigures(1, 2, width_ratios=[1, 4.6])
nearest_and_farthest = [known[:, 1].argmin(), known[:, 1].argmax()]
for ax, which in zip(cameras.subplots(2, 1), nearest_and_farthest):
    ax.imshow(pictures[which].reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"{known[which, 0]:.0f}, at {known[which, 1]:.0f} m", fontsize=10)
weights_panel, noise_panel = panels.subplots(1, 2, width_ratios=[1.5, 1])
grid = {1e-6: in_kilometres, 1e-4: between, SPREAD**-2: standardized, 1.0: in_metres,
        1e4: in_centimetres}  # fmt: skip
for task, key, alone, score in (
    ("digit's loss", "ce", digit_alone.nats, lambda run: run.nats),
    ("distance's error", "mse", distance_alone.off, lambda run: run.off),
):
    path = [score(run) / alone for run in grid.values()]
    weights_panel.loglog(list(grid), path, "o-", color=COLOR[key], label=f"{task}, fixed weight")
    level = score(kendall) / alone
    weights_panel.axhline(level, ls="--", color=COLOR[key], label=f"{task}, Kendall")
weights_panel.set(
    xlabel="weight of the distance (nats per m²)", ylabel="as a multiple of the task alone"
)
weights_panel.set_xticks(list(grid), ["in km", "1e-4", "\nstandardized", "in m", "in cm"])
weights_panel.set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
weights_panel.set_ylim(0.85, 12)
weights_panel.minorticks_off()
weights_panel.set_title("The unit decides who is heard")
weights_panel.legend(loc="upper left", fontsize=8)
noise_panel.plot([0, 4.6], [0, 4.6], ":", color=COLOR["truth"], label="equal")
noise_panel.plot(ERRORS, spreads, "*", markersize=15, color=COLOR["mse"], label="Kendall")
noise_panel.set(xlabel="error of the rangefinder (m)", ylabel="learned spread (m)")
noise_panel.set_title("The variance finds the noise")
noise_panel.legend(loc="upper left", fontsize=9)
save(fig)

# %% Take away

takeaway("""
    Know the noise floor before you compare. Added losses are weighed by their units: standardize
    the targets first, and look at the pulls on what is shared. Kendall's log-variances and
    GradNorm's weights do without units if they start near the first losses, and gain little over
    standardized targets here. The variances find the noise, and take overfitting for its absence.

    Next: lesson 33 lets losses adapt to examples, and learns a loss by what it leads to.
""")
exercises(
    [
        "Minimise ln L of the digit plus ln L of the distance, in centimetres and in kilometres. "
        "What is learned?",
        "Let Kendall's s of the digit not fall below ln 0.1. What becomes of the digit's nats on "
        "new pictures?",
        "Give a fifth of the training digits a random label. Does e^s find that noise?",
    ]
)
