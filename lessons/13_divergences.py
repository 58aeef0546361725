"""Lesson 13. How far apart are two distributions?

A divergence says how far one distribution is from another, and which way round you ask decides what
a model learns: to cover all that is possible, or to be sure of one thing. The Kullback-Leibler
divergence (KL) is what cross-entropy has been minimising all along.

Lessons 10 to 12 had one true class for each image. Now the truth itself is a distribution: over the
weather, over a line, and at last over the ten digits, as a large network sees them. From that one a
small network learns more than from the labels.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, distillation_loss, js_divergence, kl_div, kl_divergence
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import Adam
from microloss.training import fit

rng = begin()

# ---- the squared error does not know what is rare ------------------------------------------------

predict("""
    It rains on 10 % of the days. One forecaster always says 20 %, the other 0.01 %. Both are off by
    ten points or nearly so. Whose word would you rather bet on?
""")
truth = np.array([0.1, 0.9])
high, low = np.array([0.2, 0.8]), np.array([0.0001, 0.9999])
square = [np.mean((says - truth) ** 2) for says in (high, low)]
kl = [kl_divergence(truth, says) for says in (high, low)]
claim(
    "the squared error takes them for equally good, KL does not",
    abs(square[1] / square[0] - 1) < 0.01 and kl[1] > 10 * kl[0],
    f"squared errors {square[0]:.4f} and {square[1]:.4f}, KL {kl[0]:.3f} and {kl[1]:.3f} nats",
)

say("""
KL(p || q) is what the forecast q costs where p is the truth: the surprise, -log of the probability
given to what happens, beyond what nobody can avoid, the entropy H of the truth. Together they are
the cross-entropy of p and q:

    cross-entropy(p, q) = H(p) + KL(p || q)
""")
z = Tensor(rng.normal(size=(8, 10)), requires_grad=True)
p = F.softmax(2 * rng.normal(size=(8, 10)))
H = -np.sum(p * np.log(p), axis=1).mean()
ce = cross_entropy(z, p)
divergence = kl_divergence(p, F.softmax(z))
gap = abs(ce.item() - H - divergence.item())
claim(
    "so it is, and H does not depend on the model: both losses have the same gradient",
    gap < 1e-12 and np.allclose(grad(ce, z), grad(divergence, z), atol=1e-14),
    f"{ce.item():.4f} = {H:.4f} + {divergence.item():.4f}",
)

# ---- which way round -----------------------------------------------------------------------------

predict("A distance is the same there and back. Is KL one? Is the Jensen-Shannon divergence (JS)?")
pairs = (low, truth), (truth, low), np.eye(2)  # the last: sure rain and sure sun
kl, kl_back, kl_apart = (kl_divergence(p, q) for p, q in pairs)
js, js_back, js_apart = (js_divergence(p, q) for p, q in pairs)
claim(
    "KL differs there and back; JS, the mean KL of both to their mixture, does not (its root is a "
    "distance). Where nothing is shared KL is infinite, and JS is ln 2",
    abs(kl - kl_back) > 0.1
    and np.isclose(js, js_back)
    and np.allclose([kl_apart, js_apart], [np.inf, np.log(2)]),
    f"KL {kl:.3f} and {kl_back:.3f} nats, JS {js:.3f} and {js_back:.3f}",
)

predict("""
    The truth has two hills. The model is one Gaussian, and can only choose its place and its width.
    Where will it settle under forward KL, KL(truth || model)? Under reverse KL, KL(model || truth)?
""")
x = np.linspace(-14, 14, 561)
WEIGHTS, HILLS, WIDTH = np.array([0.6, 0.4]), np.array([-2.5, 3.0]), 0.7
hills = F.softmax(-(((x - HILLS[:, None]) / WIDTH) ** 2) / 2)  # over the grid, each sums to 1
two = WEIGHTS @ hills


def settle(divergence, starts, steps=800):
    """Place and width of one Gaussian for each start, and the divergence reached."""
    place = Tensor(starts[:, None], requires_grad=True)
    log_width = Tensor(np.zeros_like(starts)[:, None], requires_grad=True)
    optimizer = Adam([place, log_width], lr=0.1)
    target = np.broadcast_to(two, (len(starts), len(x)))
    for _ in range(steps):
        optimizer.zero_grad()
        log_q = F.log_softmax(-(((x - place) / np.exp(log_width)) ** 2) / 2)
        each = divergence(log_q, target)
        each.sum().backward()
        optimizer.step()
    return place.data[:, 0], np.exp(log_width.data[:, 0]), each.data


ASK = {
    "forward": lambda log_q, p: kl_div(log_q, p, reduction="none").sum(axis=1),
    "reverse": lambda log_q, p: kl_divergence(np.exp(log_q), p, reduction="none"),
}
starts = rng.uniform(-5, 5, size=24)
found = {name: settle(divergence, starts) for name, divergence in ASK.items()}
mean = two @ x
spread = np.sqrt(two @ (x - mean) ** 2)
place, width, _ = found["forward"]
claim(
    "forward KL covers both hills: it takes on the mean and the spread of the truth",
    np.allclose(place, mean, atol=0.05) and np.allclose(width, spread, atol=0.05),
    f"at {place[0]:.2f}, {width[0]:.2f} wide, from all {len(starts)} starts",
)
place, width, _ = found["reverse"]
left, right = (np.sum((abs(place - hill) < 0.05) & (abs(width - WIDTH) < 0.05)) for hill in HILLS)
claim(
    "reverse KL takes one hill, and its width: which one is a matter of the start",
    left + right > 0.75 * len(starts) and left > 0 and right > 0,
    f"of {len(starts)} starts {left} end on the left hill, {right} on the right, "
    f"{len(starts) - left - right} stuck between them",
)

fig, ax = plt.subplots(figsize=(8, 4))
step = x[1] - x[0]
ax.fill_between(x, two / step, color="#DDDDDD", label="truth: two hills")
for name, (place, width, cost) in found.items():
    best = cost.argmin()
    curve = F.softmax(-(((x - place[best]) / width[best]) ** 2) / 2) / step
    ax.plot(x, curve, color=COLOR[f"{name}_kl"], lw=3, label=f"{name} KL")
ax.set(xlabel="x", ylabel="probability density", xlim=(-8, 8), ylim=(0, 0.62))
ax.set(title="Forward KL covers both hills, reverse KL picks one")
ax.legend(loc="upper right")
save(fig)

# ---- learning from a teacher ---------------------------------------------------------------------

X, y = load_digits()
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=500, seed=rng, stratify=y)
few = np.concatenate([rng.choice(np.flatnonzero(y_train == c), 5, False) for c in range(10)])
teacher = MLP(64, 256, 10, rng=args.seed)
optimizer = Adam(teacher.parameters(), lr=0.003)
fit(teacher, cross_entropy, optimizer, X_train, y_train, epochs=20, rng=rng)
beliefs = teacher(X_train).data  # its logits


def score(model):
    return accuracy(model(X_test).data.argmax(axis=1), y_test)


def student(targets, loss):
    """The test accuracy of a small network that has learned from the few."""
    model = MLP(64, 16, 10, rng=args.seed)
    fit(model, loss, Adam(model.parameters(), lr=0.01), X_train[few], targets, epochs=400, rng=rng)
    return score(model)


say(f"""
A large network (64-256-10), the teacher, learned from {len(X_train)} images and reads
{score(teacher):.1%} of the test images. A student sixteen times narrower sees {len(few)} of these
images, five of each digit. It may learn from their labels, or from what the teacher thinks of them:
softmax(logits / T), with a temperature T. That loss is T² KL(teacher || student).
""")
predict("The same images, the same student. Can an opinion be worth more than the truth?")
by_label = student(y_train[few], cross_entropy)
by_teacher = {T: student(beliefs[few], partial(distillation_loss, temperature=T)) for T in (1, 4)}
claim(
    "the distilled student beats the one that learned from the labels of the same images",
    by_teacher[4] > by_label + 0.03,
    f"{by_teacher[4]:.1%} at T = 4 against {by_label:.1%}",
)
first = [F.softmax(beliefs[few] / T).max(axis=1).mean() for T in (1, 4)]
claim(
    "the knowledge is in what the teacher holds unlikely. At T = 1 its word is almost a label, and "
    "helps less; a temperature brings the rest out",
    first[0] > 0.95 and first[1] < 0.9 and by_teacher[4] > by_teacher[1],
    f"{by_teacher[1]:.1%}; its first choice has {first[0]:.1%} on average, {first[1]:.0%} at T = 4",
)

takeaway("""
    KL(p || q) is the surprise that q costs where p is the truth; cross-entropy is that and a
    constant. Forward KL makes a model cover all that happens, reverse KL makes it sure of something
    that does. JS is the same both ways and never infinite. A distribution as a target says more
    than a label: that is what a student learns from a teacher.

    Next: part 4. We have chosen our losses; lesson 14 asks how best to go down on them.
""")
exercises(
    [
        "Move the hills together until reverse KL covers both. How far apart are they then, in "
        "widths? Does it happen at once?",
        "Distil at T = 2, 8, 16 and 64. And with the labels of all images: what is left to tell?",
    ]
)
