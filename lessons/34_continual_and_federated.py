"""Lesson 34. Learning in turns and in places

Data may come one task after the other, or stay with those who own them. A network that learns them
in turns forgets (catastrophic forgetting), and networks that learn in different places drift apart.
A penalty can hold weights near those that were good before: elastic weight consolidation (EWC) for
tasks in turns, FedProx for places. This lesson measures what such a penalty can do, and what not.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

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
images, test_images, digits, test_digits = train_test_split(
    X / 16, y, test_size=500, seed=rng, stratify=y
)
model = MLP(64, 64, 10, rng=rng)
params = model.parameters()
start = flatten(params)  # all weights as one vector, as they are handed around below


def turned(pictures):
    """The pictures, a quarter turn to the left."""
    return np.rot90(pictures.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)


def score(weights, pictures, labels):
    """Accuracy in per cent."""
    assign(params, weights)
    return 100 * accuracy(model(pictures).data.argmax(axis=1), labels)


def train(weights, pictures, labels, *, anchor=None, stiffness=None, strength=0.0):
    """Thirty epochs of Adam from `weights`; with a strength, on springs towards `anchor`."""
    assign(params, weights)
    if strength:
        anchors = unflatten(anchor, params)
        springs = unflatten(stiffness, params)

    def loss(output, target):
        value = cross_entropy(output, target)
        if strength:
            value = value + ewc_penalty(params, anchors, springs, strength=strength)
        return value

    optimizer = Adam(params, lr=0.01)
    schedule = CosineAnnealingLR(optimizer, T_max=30)
    order = np.random.default_rng(args.seed)
    fit(model, loss, optimizer, pictures, labels, epochs=30, rng=order, batch_size=64,
        schedule=schedule)  # fmt: skip
    return flatten(params)


# %% In turns: a new scanner

predict("""
    A network has learned to read digits. Then the scanner is replaced: the new one turns each image
    by 90 degrees. The network learns on, from turned images only. Does it still read upright ones?
""")

# %% It forgets

both_images = np.vstack([images, turned(images)])
both_digits = np.tile(digits, 2)
old_weights = train(start, images, digits)
plain_weights = train(old_weights, turned(images), digits)
joint_weights = train(start, both_images, both_digits)


def both_scores(weights):
    """Accuracy on upright and on turned test images."""
    upright = score(weights, test_images, test_digits)
    return np.array([upright, score(weights, turned(test_images), test_digits)])


before = score(old_weights, test_images, test_digits)
plain = both_scores(plain_weights)
joint = both_scores(joint_weights)
claim(
    "A network that learns turned digits loses more than 30 points on upright ones",
    plain[0] < before - 30,
    f"{before - plain[0]:.1f} points lost: {before:.1f} %, then {plain[0]:.1f} %",
)
claim(
    "The same network can read both above 93 % if it learns both at once",
    joint.min() > 93,
    f"{joint.min():.1f} %, the worse of the two",
)

# %% Elastic weight consolidation

say("""
So it is not a lack of room. But the old images are gone; what is left are the old weights w*. EWC
adds a spring for each weight (Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural
networks). Its stiffness is the Fisher information F_i of the weight on the old task:
""")
formula(
    """
    loss(w) = cross-entropy on the new task + strength / 2 * sum_i F_i (w_i - w*_i)^2
    F_i     = mean of (d log p(c | x) / d w_i)^2 over old images x and digits c drawn from p(c | x)
    """,
    tex=r"""
    \begin{aligned}
    L(w) &= \text{CE}_\text{new}(w) + \tfrac{\lambda}{2} \sum_i F_i\,(w_i - w_i^*)^2 \\
    F_i &= \mathbb{E}_{x}\,\mathbb{E}_{c \sim p(c \mid x)}
           \left[\left(\frac{\partial \log p(c \mid x)}{\partial w_i}\right)^2\right]
    \end{aligned}
    """,
)
say("""
Near w* the divergence KL(p_w* || p_w) is 1/2 sum_i F_i (w_i - w*_i)^2, up to off-diagonal terms: F
says how far the answers on old images move when one weight moves. The gradient is squared for each
image before the mean is taken, because slopes of a whole batch would cancel first.
""")


def fisher(weights, pictures):
    """The diagonal of the Fisher information, one number for each weight."""
    assign(params, weights)
    squares = np.zeros_like(weights)
    for picture in pictures:
        logits = model(picture[None])
        drawn = rng.choice(10, size=1, p=softmax(logits.data[0]))
        slope = flatten(grad(cross_entropy(logits, drawn), params))
        squares += slope**2
    return squares / len(pictures)


old_fisher = fisher(old_weights, images)
predict("""
    Two rivals stand beside EWC. One has springs of the same mean stiffness, all alike. The other
    has no springs but kept 50 old images, and mixes them into the new ones (replay). Which keeps
    most?
""")

# %% What keeps the old task

alike = np.full_like(start, old_fisher.mean())
STRENGTHS = (3, 30, 300)
paths = {}
for name, stiffness in (("EWC", old_fisher), ("springs all alike", alike)):
    held = [
        train(old_weights, turned(images), digits, anchor=old_weights, stiffness=stiffness,
              strength=strength)
        for strength in STRENGTHS
    ]  # fmt: skip
    paths[name] = np.array([both_scores(weights) for weights in held])
kept = rng.choice(len(images), size=50, replace=False)
repeats = 8  # so that the fifty count as much as 400 of the new images
replay_images = np.vstack([turned(images), np.repeat(images[kept], repeats, axis=0)])
replay_digits = np.concatenate([digits, np.repeat(digits[kept], repeats)])
replay = both_scores(train(old_weights, replay_images, replay_digits))
rows = [("no springs", *plain)]
for name, path in paths.items():
    rows += [(f"{name}, strength {s}", *pair) for s, pair in zip(STRENGTHS, path)]
rows += [("replay of 50 old images", *replay), ("both at once", *joint)]
table(
    ["trained on turned images", "upright %", "turned %", "mean %"],
    [(name, f"{a:.1f}", f"{b:.1f}", f"{(a + b) / 2:.1f}") for name, a, b in rows],
)
best = {name: path.mean(axis=1).max() for name, path in paths.items()}
claim(
    "At its best strength EWC keeps more than 25 points of the old task that are lost without it",
    paths["EWC"][:, 0].max() > plain[0] + 25,
    f"{paths['EWC'][:, 0].max() - plain[0]:.1f} points more",
)
claim(
    "EWC has a price: at strength 300 it reads turned digits worse than without springs",
    paths["EWC"][2, 1] < plain[1],
    f"{plain[1] - paths['EWC'][2, 1]:.1f} points worse",
)
claim(
    "Springs that are all alike do worse than EWC, each at its best strength",
    best["springs all alike"] < best["EWC"],
    f"{best['EWC'] - best['springs all alike']:.1f} points between the means of both tasks",
)
claim(
    "Fifty kept images do better than no springs at all",
    replay.mean() > plain.mean() + 10,
    f"{replay.mean() - plain.mean():.1f} points between the means of both tasks",
)

# %% New classes

predict("""
    Now the digits change instead: 0 to 4 first, then 5 to 9. Will a stronger spring keep more?
""")

# %% EWC is blind to classes it has not seen

low = digits < 5
low_test = test_digits < 5
half_weights = train(start, images[low], digits[low])
half_fisher = fisher(half_weights, images[low])
output_fisher = unflatten(half_fisher, params)[2]  # of the last layer's weights, (10, 64)
seen_stiffness = output_fisher[:5].mean()
unseen_stiffness = output_fisher[5:].mean()
was = score(half_weights, test_images[low_test], test_digits[low_test])
left = []
for strength in (30, 300, 3000):
    ends = train(half_weights, images[~low], digits[~low], anchor=half_weights,
                 stiffness=half_fisher, strength=strength)  # fmt: skip
    left.append(score(ends, test_images[low_test], test_digits[low_test]))
table(
    ["strength", "0 to 4, read right %"],
    [("before", f"{was:.1f}"), *((s, f"{a:.1f}") for s, a in zip((30, 300, 3000), left))],
)
claim(
    "The output weights of digits never seen are less than a hundredth as stiff as the others",
    unseen_stiffness < 0.01 * seen_stiffness,
    f"{unseen_stiffness / seen_stiffness:.1e} of the others",
)
claim(
    "No strength of 30, 300 or 3000 keeps the old digits above 80 %",
    max(left) < 80,
    f"{max(left):.1f} % at best, {was:.1f} % before",
)
say("""
The network has never been asked about 5 to 9, so its answers on old images do not change when those
output weights move a little: their F is nearly 0. Then the new task moves them far, every image is
called 5 to 9, and no spring on the other weights can prevent it. F sees only where it has been.
""")

# %% In places: federated learning

say("""
In federated learning each of five clients keeps its images and sends weights. In each round all
start from the server's weights and take some steps; the server takes their mean, weighed by the
numbers of images (FedAvg, McMahan et al. 2017, Communication-efficient learning of deep networks
from decentralized data). Each client takes 80 steps in all, whatever the length of a round.
""")
formula(
    """
    client k:  w_k = w; `steps` times  w_k = w_k - lr * slope of loss_k(w_k) + mu / 2 |w_k - w|^2
    server:    w   = sum_k n_k w_k / sum_k n_k
    """,
    tex=r"w \leftarrow \frac{\sum_k n_k w_k}{\sum_k n_k}, \qquad "
    r"w_k \leftarrow w_k - \eta\,\nabla\left(L_k + \tfrac{\mu}{2}\lVert w_k - w\rVert^2\right)",
)
ALL_STEPS = 80
RATE = 0.5


def descend(weights, rows, steps, mu=0.0):
    """Plain gradient descent on all images of one client."""
    assign(params, weights)
    anchors = unflatten(weights, params)
    ones = unflatten(np.ones_like(weights), params)
    optimizer = SGD(params, lr=RATE)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = cross_entropy(model(images[rows]), digits[rows])
        if mu:
            loss = loss + ewc_penalty(params, anchors, ones, strength=mu)
        loss.backward()
        optimizer.step()
    return flatten(params)


def federate(clients, steps, mu=0.0):
    """The server's weights in the end, the clients' last ones, and how far they went in a round."""
    server = start
    sizes = np.array([len(rows) for rows in clients])
    distances = []
    for _ in range(ALL_STEPS // steps):
        ends = np.array([descend(server, rows, steps, mu) for rows in clients])
        distances.append(np.linalg.norm(ends - server, axis=1).mean())
        server = sizes / sizes.sum() @ ends
    return server, ends, np.mean(distances)


own_digits = [np.flatnonzero(digits // 2 == client) for client in range(5)]
random_shares = np.array_split(rng.permutation(len(images)), 5)
central = descend(start, np.arange(len(images)), ALL_STEPS)
top = score(central, test_images, test_digits)
one_step = federate(own_digits, 1)[0]
gap = np.abs(one_step - central).max()
claim(
    "In rounds of one step, five clients with digits of their own get the weights of one owner",
    gap < 1e-9,
    f"largest difference {gap:.0e}",
)
say(
    "The mean of the clients' gradients is the gradient of the mean. But 80 rounds are 80 messages."
)
predict("""
    Take rounds of 20 steps. Once the clients hold random shares of the images, once two digits
    each. Which of the two lose accuracy against one owner of everything?
""")

# %% Clients that differ drift apart

ROUNDS = (4, 20, 40)  # steps in a round
plans = {
    "random shares": (random_shares, 0.0),
    "own digits": (own_digits, 0.0),
    "own digits, FedProx": (own_digits, 0.03),
}
curves = {}
results = {}
for name, (clients, mu) in plans.items():
    results[name] = [federate(clients, steps, mu) for steps in ROUNDS]
    curves[name] = [score(result[0], test_images, test_digits) for result in results[name]]
table(
    ["steps in a round", *map(str, ROUNDS)],
    [(name, *(f"{a:.1f} %" for a in curve)) for name, curve in curves.items()],
)
mixed, alone_20, prox_20 = (curve[1] for curve in curves.values())
claim(
    "Clients with random shares and rounds of 20 steps come within 5 points of one owner",
    abs(mixed - top) < 5,
    f"{top - mixed:.1f} points behind {top:.1f} %",
)
claim(
    "Clients with digits of their own and rounds of 20 steps fall more than 5 points behind",
    alone_20 < top - 5,
    f"{top - alone_20:.1f} points behind",
)
client_scores = [score(w, test_images, test_digits) for w in results["own digits"][1][1]]
claim(
    "After 20 steps on its own digits a client reads fewer than 35 % of all digits",
    np.mean(client_scores) < 35,
    f"{np.mean(client_scores):.1f} % on average",
)

# %% Does FedProx help?

predict("""
    FedProx (Li et al. 2020, Federated optimization in heterogeneous networks) adds the spring with
    mu > 0, so that clients stay nearer the server. Does the mean of the clients read better then?
""")

# %% It holds them near, and gains little

strengths = (0.003, 0.03, 0.3)
prox = {mu: federate(own_digits, 20, mu) for mu in strengths}
prox_scores = {mu: score(result[0], test_images, test_digits) for mu, result in prox.items()}
plain_distance = results["own digits"][1][2]
table(
    ["mu", "distance in a round", "accuracy"],
    [("0", f"{plain_distance:.2f}", f"{alone_20:.1f} %")]
    + [(mu, f"{prox[mu][2]:.2f}", f"{prox_scores[mu]:.1f} %") for mu in strengths],
)
claim(
    "With mu = 0.3 clients go less than 80 % as far in a round",
    prox[0.3][2] < 0.8 * plain_distance,
    f"{100 * prox[0.3][2] / plain_distance:.0f} % as far",
)
claim(
    "With mu = 0.3 the server's network reads worse than without FedProx",
    prox_scores[0.3] < alone_20,
    f"{alone_20 - prox_scores[0.3]:.1f} points worse",
)
gain = max(prox_scores.values()) - alone_20
claim(
    "No mu of 0.003, 0.03 or 0.3 gains 8 points",
    gain < 8,
    f"{gain:+.1f} points at best",
)

# %% What weights reveal

say("""
The images never leave the client. But is what it sends private? Take a client with one image, which
sends the gradient of one step (or the new weights, which tell it). In the first layer, h = W x + b,
the chain rule gives dL/dW = d x^T and dL/db = d, with d = dL/dh. So each row of dL/dW is the image,
times a number that dL/db holds.
""")
formula(
    """
    dL/dW = d x^T,   dL/db = d
    x     = (dL/dW)_i / (dL/db)_i   for any unit i with d_i not 0
    """,
    tex=r"\frac{\partial L}{\partial W} = \delta x^\top, \quad \frac{\partial L}{\partial b} ="
    r"\delta \;\Rightarrow\; x = \frac{(\partial L/\partial W)_i}{(\partial L/\partial b)_i}",
)
secret = images[0]
assign(params, start)
slopes = grad(cross_entropy(model(secret[None]), digits[:1]), params)
unit = np.argmax(np.abs(slopes[1]))
read_off = slopes[0][unit] / slopes[1][unit]
claim(
    "From the gradient of one image the server reads off the image itself",
    np.abs(read_off - secret).max() < 1e-9,
    f"largest error {np.abs(read_off - secret).max():.0e} of 1",
)
say("Means over many images hide more; secure aggregation and added noise are there for the rest.")

# %% The picture

fig, (trade_off, federated) = plt.subplots(1, 2, figsize=(11, 4.4))
for (name, path), color in zip(paths.items(), (COLOR["model"], COLOR["naive"])):
    trade_off.plot(*path.T, "o-", color=color, label=f"{name}, stronger to the right")
marks = (("no springs", "X", plain), ("replay of 50", "s", replay), ("both at once", "*", joint))
for name, marker, pair in marks:
    trade_off.plot(*pair, marker, markersize=12, color=COLOR["truth"], label=name)
trade_off.set(
    xlabel="old task: upright digits right (%)", ylabel="new task: turned digits right (%)"
)
trade_off.set_title("EWC keeps the old task, at a price")
trade_off.set_ylim(0, 104)
trade_off.legend(loc="lower left", fontsize=8, ncols=2)
federated.axhline(top, linestyle=":", color=COLOR["truth"], label="one owner of all images")
for (name, curve), key in zip(curves.items(), ("swa", "naive", "model")):
    federated.plot(list(map(str, ROUNDS)), curve, "o-", color=COLOR[key], label=name)
federated.set(xlabel="steps in a round", ylabel="test digits right (%)", ylim=(0, 100))
federated.set_title("Clients that differ must meet often")
federated.legend(loc="lower left")
save(fig)

# %% Take away

takeaway("""
    A network keeps what its present loss asks for. EWC asks for old weights where old answers are
    sensitive to them: it keeps an old task at a price, and cannot keep old classes, because it is
    blind to outputs that were never used. Fifty kept images do nearly as
    much. Means of weights are
    exact after one step, good for clients that are alike, poor for clients that differ; FedProx
    holds clients together and gains little here. And weights that are sent can tell on the data.

    Next: lesson 35 looks inside deep networks, where gradients vanish or explode.
""")
exercises(
    [
        "Replay 10 or 200 old images instead of 50. How does the mean of both tasks change?",
        "Give every client 20 images of each digit. What do rounds of 20 steps reach then?",
        "Send the gradient of two images at once, and try to read them off. What do you get?",
    ]
)
