"""Lesson 32. Several tasks at once

One network can learn several tasks, their losses simply added, and then units decide whom it obeys.
Here it names a handwritten digit, for a loss in nats, and weighs its ink, for one in squared dots.

Lesson 5 had one task, lesson 9 learned a variance inside a loss, lesson 31 built losses of parts.
Now each part has a variance, learned with the network, and the variances weigh the parts.
"""

from collections import namedtuple

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, grad
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, mse_loss, uncertainty_weighted_loss
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()
X, y = load_digits()
facts = np.column_stack([y, X.sum(axis=1), rng.normal(size=len(X))])  # digit, dots of ink, noise
images, new, known, new_known = train_test_split(X / 16, facts, test_size=400, seed=rng, stratify=y)
MEAN, SPREAD = known[:, 1].mean(), known[:, 1].std()
start = rng.integers(1000)  # the same first weights and batches for each run
Run = namedtuple("Run", "nats right dots model s")  # the first three on new images


def tasks(output, known, off=20):
    """Both losses; the balance that has weighed the ink is off by 20 dots (standard deviation)."""
    digit, ink, noise = known.T
    estimate = MEAN + SPREAD * output[:, 10]
    return cross_entropy(output[:, :10], digit.astype(int)), mse_loss(estimate, ink + off * noise)


def pulls(model, weights):
    """The lengths of the weighed gradients that the two tasks send to the layer they share."""
    losses, shared = tasks(model(images), known), model[0].weight
    return weights * [np.linalg.norm(grad(L, shared, retain_graph=True)) for L in losses]


def train(weights, log_vars=None, off=20):
    """40 epochs on the weighted sum, or on Kendall's loss, whose log-variances start as given."""
    draw = np.random.default_rng(start)
    model = MLP(64, 32, 11, rng=draw)  # ten logits, and the ink
    groups = [{"params": model.parameters()}]
    if log_vars is not None:
        log_vars = Tensor(log_vars, requires_grad=True)
        groups.append({"params": [log_vars], "lr": 0.04})

    def loss(output, known):
        losses = [w * L for w, L in zip(weights, tasks(output, known, off))]
        return sum(losses) if log_vars is None else uncertainty_weighted_loss(losses, log_vars)

    optimizer = Adam(groups, lr=0.015)
    schedule = CosineAnnealingLR(optimizer, T_max=40)
    options = {"epochs": 40, "batch_size": 64, "schedule": schedule, "rng": draw}
    fit(model, loss, optimizer, images, known, **options)
    output = model(new).data
    nats, square = tasks(output, new_known, off)
    right = accuracy(output[:, :10].argmax(axis=1), new_known[:, 0].astype(int))
    return Run(nats, right, np.sqrt(square), model, log_vars)


# ---- who is heard --------------------------------------------------------------------------------

fresh = MLP(64, 32, 11, rng=start)
first = np.array([L.item() for L in tasks(fresh(images), known)])
predict(f"""
    At first the digits cost {first[0]:.1f} nats, the ink {first[1]:,.0f} dots². Add them. How many
    times as hard as the digit does the ink pull on the layer that they share? And who will suffer?
""")
DOTS, PAGES = np.array([1, 1]), np.array([1, 1024**-2])  # a page: 64 pixels of 16 dots
ratio = np.divide(*pulls(fresh, DOTS)[::-1])
claim("over a hundred times", ratio > 100, f"{ratio:.0f}")
digit, ink = train([1, 0]), train([0, 1])  # each alone
weights = np.geomspace(PAGES[1], 1, 5)
in_pages, *_, in_dots = sums = [train([1, weight]) for weight in weights]
fall = f"accuracy {in_dots.right:.1%}, alone {digit.right:.1%}"
claim("the digit suffers", in_dots.right < digit.right - 0.1, fall)
kept = f"off by {in_dots.dots:.1f} dots, alone {ink.dots:.1f}"
claim("the ink does not", in_dots.dots < 1.1 * ink.dots, kept)
predict("A full page has 1,024 dots. Measure the ink in pages, and its loss in pages². What now?")
turned = in_pages.dots > 1.3 * ink.dots and in_pages.right > digit.right - 0.02
claim("the other way round", turned, f"{in_pages.dots:.1f} dots and {in_pages.right:.1%}")
say("""
A unit is a weight in disguise: pages divide the ink's loss by 1,024². Some weights between them
serve both, and finding those takes a run for each that is tried.
""")

# ---- weights that are learned --------------------------------------------------------------------

say("""
Kendall et al. (2018) give each task a log-variance s, and learn it with the network. Up to a factor
of 2 in front of the loss of classes, they minimise

    sum(e^-s L + s) / 2          best at e^s = L, where it is sum(ln L + 1) / 2

Another unit adds a constant to ln L, and no gradient sees that. At the best s, units are gone.
""")
predict("Let each s start at 0, with the ink in dots. Does the digit get its accuracy back?")
late = train(DOTS, np.zeros(2))
slow = f"{late.right:.1%}; the ink's s is at {late.s.data[1]:.1f}, ln L was {np.log(first[1]):.1f}"
claim("not all: the ink's weight falls too late", late.right < digit.right - 0.02, slow)
learned, paged = (train(units, np.log(first * units)) for units in (DOTS, PAGES))
claim(
    "with s = ln L from the start, both come near what they reach alone",
    learned.right > digit.right - 0.025 and learned.dots < 1.15 * ink.dots,
    f"{learned.right:.1%} and {learned.dots:.1f} dots",
)
gap = max(abs(paged.nats / learned.nats - 1), abs(paged.dots / learned.dots - 1))
claim("in pages, the same network", gap < 1e-6, f"relative gap {gap:.0e}")
even = np.divide(*pulls(learned.model, np.exp(-learned.s.data))[::-1])
uneven = np.divide(*pulls(in_dots.model, DOTS)[::-1])
balance = f"the ink {even:.1f} times as hard as the digit, {uneven:.0f} times in the sum in dots"
claim("in the end neither drowns the other", 1 / 5 < even < 5 < uneven / 2, balance)
standard = train([1, SPREAD**-2])
runs = {"digit alone": digit, "ink alone": ink, "sum, ink in dots": in_dots}
runs |= {"sum, in pages": in_pages, "sum, standardized": standard, "learned": learned}
shown = [(name, f"{r.nats:.3f}", f"{r.right:.1%}", f"{r.dots:.1f}") for name, r in runs.items()]
table(["", "nats", "accuracy", "off by (dots)"], shown)
simple = standard.right > digit.right - 0.03 and standard.dots < 1.15 * ink.dots
level = f"{standard.right:.1%} and {standard.dots:.1f} dots"
claim("standardized ink is a simpler cure, and about as good", simple, level)

# ---- what the variances tell ---------------------------------------------------------------------

predict("The balance was off by 20 dots. Which spread e^(s / 2) is learned? With 10, and with 40?")
OFF = 10, 20, 40
found = [learned if off == 20 else train(DOTS, np.log(first), off) for off in OFF]
spreads = np.exp([run.s.data[1] / 2 for run in found])
fair = np.abs(spreads / OFF - 1).max() < 0.15
claim("the balance's, within 15 %", fair, "{:.1f}, {:.1f}, {:.1f} dots".format(*spreads))
predict("Digits have no noise that could be found. What becomes of their s?")
low, seen = np.exp(learned.s.data[0]), tasks(learned.model(images), known)[0].item()
sunk = f"e^s is {low:.3f} nats; seen digits cost {seen:.3f}, new ones {learned.nats:.3f}"
claim("it sinks with the training loss", low < min(4 * seen, learned.nats / 3), sunk)
say("What is learned by heart looks free of noise, and its weight e^-s grows without end.")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[1.6, 1])
for task, score, key, alone in ("digit", "nats", "ce", digit), ("ink", "dots", "mse", ink):
    *path, level = (getattr(run, score) / getattr(alone, score) for run in (*sums, learned))
    left.loglog(weights, path, "o-", color=COLOR[key], label=f"{task}, fixed weight")
    left.axhline(level, ls="--", color=COLOR[key], label=f"{task}, learned weight")
left.set(xlabel="weight of the ink (nats per dots²)", ylabel="digit's loss, ink's error (alone: 1)")
left.set_title("A wrong weight costs one task its score")
ticks = ["{:.0e}\nin pages", "{:.0e}", "{:.0e}", "{:.2f}", "{:.0f}\nin dots"]
left.set_xticks(weights, [tick.format(weight) for tick, weight in zip(ticks, weights)])
left.set_yticks([1, 2, 4, 8], [1, 2, 4, 8])
left.minorticks_off()
left.legend(loc="upper center")
right.plot([0, 45], [0, 45], ":", color=COLOR["truth"])
right.plot(OFF, spreads, "*", ms=17, color=COLOR["mse"])
right.set(xlabel="the balance is off by (dots)", ylabel="learned spread (dots)")
right.set_title("The variance finds the noise")
save(fig)

takeaway("""
    Added losses are weighed by their units. Standardize targets first; Kendall's log-variances
    weigh what is left, if they start near ln L. They find noise, and take training loss for noise.

    Next: lesson 33 lets losses adapt to examples, and learns a loss by what it leads to.
""")
exercises(
    [
        "Let the digit's s not fall below ln 0.1. Which task gains?",
        "Weigh the tasks so that their pulls are equal in each step (GradNorm). What changes?",
        "Give a tenth of the training digits a random label. Does e^s find that noise?",
    ]
)
