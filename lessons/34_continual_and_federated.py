"""Lesson 34. Learning in turns and in places

Data may come one task after the other, or stay with those who own them, and networks then forget.
A spring may help: it holds the weights near those that were good for an earlier task (EWC), or for
all owners together (FedProx). Lesson 19 pulled weights to 0, this loss to where they came from.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import grad
from microloss.curvature import assign, flatten, unflatten
from microloss.datasets import load_digits, train_test_split
from microloss.functional import softmax
from microloss.losses import cross_entropy, ewc_penalty
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import SGD, Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()
X, y = load_digits()
images, test, digits, test_digits = train_test_split(X / 16, y, test_size=500, seed=rng, stratify=y)
model = MLP(64, 64, 10, rng=rng)
params = model.parameters()
start = flatten(params)  # weights are handed around as one vector
ALIKE = np.ones_like(start)


def turned(images):
    """The images, a quarter turn to the left."""
    return np.rot90(images.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)


def score(weights, images=test, digits=test_digits):
    assign(params, weights)
    return 100 * accuracy(model(images).data.argmax(axis=1), digits)


def train(weights, images, digits, strength=0.0, stiffness=ALIKE, steps=None):
    """30 epochs of Adam, or steps of descent on all images; with strength, on springs."""
    assign(params, weights)
    anchors, springs = unflatten(weights, params), unflatten(stiffness, params)

    def loss(output, target):
        pull = ewc_penalty(params, anchors, springs, strength=strength) if strength else 0
        return cross_entropy(output, target) + pull

    optimizer = SGD(params, lr=0.5) if steps else Adam(params, lr=0.01)
    options = {"epochs": steps or 30, "batch_size": len(images) if steps else 64}
    if not steps:
        options["schedule"] = CosineAnnealingLR(optimizer, T_max=30)
    fit(model, loss, optimizer, images, digits, rng=np.random.default_rng(args.seed), **options)
    return flatten(params)


# ---- in turns ------------------------------------------------------------------------------------

predict("""
    A network has learned to read digits. Then the scanner is replaced: the new one turns each image
    by 90 degrees. The network learns on, from turned images only. Does it still read upright ones?
""")
old = train(start, images, digits)
free = train(old, turned(images), digits)
both = train(start, np.vstack([images, turned(images)]), np.tile(digits, 2))
before, (plain, joint) = score(old), ((score(w), score(w, turned(test))) for w in (free, both))
fall = f"accuracy {before:.1f} %, then {plain[0]:.1f} %, turned {plain[1]:.1f} %"
claim("it forgets", plain[0] < before - 30 and plain[1] > 90, fall)
claim("at once, it learns both", min(joint) > 93, "{:.1f} % and {:.1f} %".format(*joint))
say("""
But the old images are gone. EWC (elastic weight consolidation, Kirkpatrick et al. 2017) adds a
spring for each weight, strength / 2 * F (w - old)², as stiff as the old task is sensitive. F is the
Fisher information (its diagonal): a mean of squared slopes, each for one image and a digit drawn
from what the network believes of it.
""")


def fisher(weights, images):
    """One number for each weight; slopes of whole batches would cancel before they are squared."""
    assign(params, weights)
    squares = np.zeros_like(weights)
    for image in images:
        logits = model(image[None])
        drawn = rng.choice(10, size=1, p=softmax(logits.data[0]))
        squares += flatten(grad(cross_entropy(logits, drawn), params)) ** 2
    return squares / len(images)


F, paths = fisher(old, images), {}
for name, stiffness in ("EWC", F), ("springs all alike", F.mean() * ALIKE):
    held = [train(old, turned(images), digits, s, stiffness) for s in (3, 30, 300)]
    paths[name] = np.array([plain, *((score(w), score(w, turned(test))) for w in held)])
kept = paths["EWC"][2]  # at strength 30
claim("EWC keeps most", kept[0] > max(plain[0] + 30, before - 12), f"{kept[0]:.1f} % upright")
price = plain[1] - kept[1]
claim("at a price: it reads turned ones worse", 0 < price < 12, f"by {price:.1f} points")
best = [path.mean(axis=1).max() for path in paths.values()]
means = "mean of both tasks at best {:.1f} %, with F {:.1f} %".format(*best[::-1])
claim("springs all alike do far worse", best[0] > best[1] + 5, means)
predict("Now the digits change: 0 to 4, then 5 to 9. Does EWC, strength 30 to 3000, keep the old?")
low, low_test = digits < 5, test_digits < 5
half = train(start, images[low], digits[low])
stiff = fisher(half, images[low])
ends = half, *(train(half, images[~low], digits[~low], s, stiff) for s in (30, 300, 3000))
was, *gone = (score(w, test[low_test], test_digits[low_test]) for w in ends)
claim("no: the new loss forbids them", max(gone) < 80, f"{was:.0f} %, then {max(gone):.0f} at best")

# ---- in places -----------------------------------------------------------------------------------

say("""
Federated learning: five clients keep their images and send weights. In each round all start from
the server's weights and take some steps, and the server takes the mean of the five, weighed by
their numbers of images (FedAvg, McMahan et al. 2017). Each client takes 80 steps in all.
""")


def federate(clients, steps, mu=0.0):
    """The server's weights in the end, the clients', and how far they go in a round."""
    server, drift, sizes = start, [], np.array([len(rows) for rows in clients])
    for _ in range(80 // steps):
        ends = [train(server, images[r], digits[r], mu, steps=steps) for r in clients]
        drift.append(np.linalg.norm(ends - server, axis=1).mean())
        server = sizes / sizes.sum() @ ends
    return server, ends, np.mean(drift)


predict("One client has zeros and ones, one twos and threes ... Is that worse than all at once?")
own = [np.flatnonzero(digits // 2 == client) for client in range(5)]
shares = np.array_split(rng.permutation(len(images)), 5)
central = train(start, images, digits, steps=80)
gap, top = np.abs(federate(own, 1)[0] - central).max(), score(central)
claim("in rounds of one step, not at all: equal weights", gap < 1e-9, f"gap {gap:.0e}")
say("The mean of gradients is the gradient of the mean. But 80 rounds are much to send: take 4.")
STEPS = 4, 20, 40  # in a round
plans = {"random shares": (shares, 0.0), "own digits": (own, 0.0), "own, FedProx": (own, 0.03)}
runs = {name: [federate(rows, n, mu) for n in STEPS] for name, (rows, mu) in plans.items()}
curves = {name: [top, *(score(run[0]) for run in three)] for name, three in runs.items()}
(mixed, lone, tied), (_, ends, drift) = (c[2] for c in curves.values()), runs["own digits"][1]
close = f"{mixed:.1f} %, all at once {top:.1f} %"
claim("with random shares, rounds of 20 do as well", abs(mixed - top) < 4, close)
far = [np.linalg.norm(runs[name][1][0] - central) for name in ("random shares", "own digits")]
lost = f"{lone:.1f} %, {far[1] / far[0]:.0f} times as far from the weights of all at once"
claim("with their own digits, they do not", lone < top - 6 and far[1] > 4 * far[0], lost)
alone = np.mean([score(weights) for weights in ends])
claim("20 steps, and a client has forgotten the others' digits", alone < 30, f"{alone:.1f} %")
predict("FedProx (Li et al. 2020) adds mu / 2 * |w - server|² to each client's loss. Does it help?")
weak, (strong, _, near) = federate(own, 20, 0.003)[0], federate(own, 20, 0.3)
shown = f"they go {near:.2f} with mu = 0.3, {drift:.2f} without"
claim("clients stay nearer the server", near < 0.75 * drift, shown)
reads = score(weak), tied, score(strong)
shown = "{:.1f} %, {:.1f} %, {:.1f} %".format(*reads)
claim("their mean gains little, with mu = 0.003, 0.03 or 0.3", max(reads) < lone + 7, shown)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
for (name, path), key in zip(paths.items(), ("model", "naive")):
    left.plot(*path.T, "o-", color=COLOR[key], label=name)
for name, marker, pair in ("no springs", "X", plain), ("both at once", "*", joint):
    left.plot(*pair, marker, ms=13, color=COLOR["truth"], label=name)
left.set(xlabel="old task: upright (%)", ylabel="new task: turned (%)")
left.set_title("EWC keeps the old task, at a price")
left.legend(loc="lower left")
right.axhline(top, ls=":", color=COLOR["truth"], label="all at once")
for (name, curve), key in zip(curves.items(), ("swa", "naive", "model")):
    right.plot(["1", *map(str, STEPS)], curve, "o-", color=COLOR[key], label=name)
right.set(xlabel="steps in a round", ylabel="accuracy (%)", ylim=(0, 100))
right.set_title("Clients that differ must meet often")
right.legend(loc="lower left")
save(fig)

takeaway("""
    A network keeps what its present loss asks for. EWC asks for old weights where the old task is
    sensitive, at a price, and cannot hold old classes. Means of weights are exact after one step,
    good for clients that are alike, poor for others; here FedProx did little about that.

    Next: lesson 35 looks inside deep networks, where gradients vanish or explode.
""")
exercises(["Add 20 old images to each new batch (replay).", "Give clients some shared images."])
