"""Lesson 36. Beyond NumPy

What you have learned moves on with you. One training function, written once, runs in microloss and
in PyTorch, from the same weights, and gives the same numbers. Then we count in fewer digits, and
let eight workers share the work.

Lesson 5 has the loop, and lesson 35 asked where its time and memory go. Large libraries answer with
other hardware, not with other mathematics. Without PyTorch, this lesson says what it leaves out.
"""

import tracemalloc
from tempfile import TemporaryFile

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import grad, losses, nn, no_grad, optim
from microloss.curvature import flatten
from microloss.datasets import load_digits, train_test_split
from microloss.metrics import accuracy

try:
    import torch
except ImportError:
    torch = None

rng = begin()
X, y = load_digits()
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=360, seed=rng, stratify=y)
STEPS = 100
BATCHES = rng.integers(len(X), size=(STEPS, 64))

# %% One function, two libraries


def network(nn, **options):
    return nn.Sequential(nn.Linear(64, 64, **options), nn.ReLU(), nn.Linear(64, 10, **options))


def train(library, dtype):
    """A model after 100 steps from START, and its losses. No line knows which library it is in."""
    nn, losses, optim, tensor, options = library
    model = network(nn, dtype=dtype, **options)
    model.load_state_dict({name: tensor(values) for name, values in START.items()})
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    curve = []
    for batch in BATCHES:
        loss = losses.cross_entropy(model(tensor(X[batch], dtype=dtype)), tensor(y[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return model, np.array(curve)


START = network(nn, rng=args.seed).state_dict()
MICROLOSS = (nn, losses, optim, np.asarray, {"rng": args.seed})
model, curve = train(MICROLOSS, np.float64)
say("""
The weights leave in a file of names ("0.weight") and arrays. To read it, NumPy is enough.
""")
with TemporaryFile() as file:
    np.savez(file, **model.state_dict())
    file.seek(0)
    handed = dict(np.load(file))
other = network(nn, rng=args.seed + 1)
other.load_state_dict(handed)
with no_grad():
    scores = model(X_test).data
    again = other(X_test).data
read = accuracy(scores.argmax(axis=1), y_test)
claim(
    "Another model, given the file, answers bit for bit like the first",
    read > 0.85 and np.array_equal(again, scores),
    f"both read {read:.1%} of the new digits",
)
predict("""
    The same function gets PyTorch's modules in place of ours, and the same weights. After how many
    steps do the two losses part?
""")

# %% PyTorch

runs = {}
if torch is None:
    say("""
    PyTorch is not installed, so the comparison of microloss with PyTorch is skipped, and nothing
    else. To see it: `pip install torch`, and run this lesson again.
    """)
else:
    PYTORCH = (torch.nn, torch.nn.functional, torch.optim, torch.as_tensor, {})
    theirs, runs["PyTorch"] = train(PYTORCH, torch.float64)
    gap = np.abs(runs["PyTorch"] - curve).max()
    claim(
        "In 100 steps the losses of microloss and PyTorch differ by rounding only",
        gap < 1e-10,
        f"gap {gap:.0e} nats at most",
    )
    other.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({name: torch.as_tensor(values) for name, values in handed.items()})
    with no_grad(), torch.no_grad():
        ours_with_their_weights = other(X_test).data
        theirs_with_our_weights = theirs(torch.as_tensor(X_test)).numpy()
    gap = max(
        np.abs(ours_with_their_weights - scores).max(),
        np.abs(theirs_with_our_weights - scores).max(),
    )
    claim(
        "Weights move both ways, and the scores for new digits stay the same",
        gap < 1e-10,
        f"gap {gap:.0e} at most",
    )

# %% Fewer digits

say("""
A number in float64 has 53 binary digits and takes 8 bytes. Hardware for networks counts in float32
(24 binary digits, 4 bytes), or in less.
""")
predict("""
    Train in float32. How far off is the loss after 100 steps? And how much memory does the step
    that needs most of it take, compared with float64?
""")

# %% What float32 costs and saves


def peak_memory(dtype, batch=1024):
    """Megabytes that one training step takes at most, beside the model and its inputs."""
    model = network(nn, rng=args.seed, dtype=dtype)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    inputs = X[:batch].astype(dtype)
    tracemalloc.start()
    losses.cross_entropy(model(inputs), y[:batch]).backward()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


_, runs["float32"] = train(MICROLOSS, np.float32)
gap = np.abs(runs["float32"] - curve).max()
claim(
    "In float32 the losses stay within a millionth of those in float64, and are not the same",
    1e-9 < gap < 1e-5,
    f"gap {gap:.0e} nats at most",
)
single = peak_memory(np.float32)
double = peak_memory(np.float64)
claim(
    "A step in float32 takes half the memory of one in float64, to ten points",
    abs(single / double - 0.5) < 0.1,
    f"{single / double:.0%}: {single:.2f} MB against {double:.2f} MB, for 1,024 images",
)
predict("""
    k workers share a batch: each computes the gradient of its share, and they take the mean. How
    far is that from the gradient of the whole batch?
""")

# %% Many machines

say("The loss is a mean over examples, and the gradient of a mean is the mean of the gradients:")
formula(
    """
    grad of (1/N) sum_i loss_i  =  (1/k) sum over workers of  grad of (k/N) sum over its share
    """,
    tex=r"\nabla \frac{1}{N} \sum_{i=1}^{N} \ell_i = \frac{1}{k} \sum_{w=1}^{k} "
    r"\nabla \left( \frac{k}{N} \sum_{i \in \mathrm{share}(w)} \ell_i \right)",
)


def gradient(rows):
    """The gradient of the loss of these images, all parameters in one array."""
    loss = losses.cross_entropy(model(X[rows]), y[rows])
    return flatten(grad(loss, model.parameters()))


WORKERS = (2, 4, 8, 16, 32)
whole = gradient(BATCHES[0])
gap = max(
    np.abs(np.mean([gradient(rows) for rows in np.split(BATCHES[0], k)], axis=0) - whole).max()
    for k in WORKERS
)
claim(
    "The mean of the workers' gradients is the gradient of the whole batch",
    gap < 1e-12,
    f"off by {gap:.0e} at most, for 2 to 32 workers",
)
say("""
The gradients have to travel. If all workers send theirs to one server, everything passes through
that server. In a ring (all-reduce; Patarasu and Yuan, 2009, Bandwidth optimal all-reduce
algorithms), each worker cuts its gradient into k parts and passes one part on at a time: k - 1
rounds to add up, k - 1 rounds to spread the sums.
""")


def all_reduce(arrays):
    """The sum of k workers' arrays, at each of them, and how many numbers each one has sent."""
    k = len(arrays)
    parts = [np.array_split(array.ravel(), k) for array in arrays]
    sent = 0
    for turn in range(2 * (k - 1)):
        messages = [parts[worker][(worker - turn) % k] for worker in range(k)]
        for worker, message in enumerate(messages):
            mine = parts[(worker + 1) % k]
            at = (worker - turn) % k
            mine[at] = mine[at] + message if turn < k - 1 else message
        sent += messages[0].size
    return [np.concatenate(mine).reshape(arrays[0].shape) for mine in parts], sent


def train_apart(k):
    """train() by k workers, each with a model of its own and a k-th of every batch."""
    models = [network(nn, rng=worker) for worker in range(k)]
    for model in models:
        model.load_state_dict(START)
    optimizer = optim.Adam([p for model in models for p in model.parameters()], lr=0.01)
    curve = []
    for batch in BATCHES:
        shares = np.split(batch, k)
        optimizer.zero_grad()
        own_losses = []
        for model, rows in zip(models, shares):
            loss = losses.cross_entropy(model(X[rows]), y[rows])
            loss.backward()
            own_losses.append(loss.item())
        for copies in zip(*(model.parameters() for model in models)):
            totals, _ = all_reduce([p.grad for p in copies])
            for p, total in zip(copies, totals):
                p.grad = total / k
        optimizer.step()
        curve.append(np.mean(own_losses))
    return models, np.array(curve)


models, runs["8 workers"] = train_apart(8)
gap = np.abs(runs["8 workers"] - curve).max()
claim(
    "Eight workers, each with an eighth of every batch, have the losses of one",
    gap < 1e-10,
    f"gap {gap:.0e} nats at most in {STEPS} steps",
)
weights = {flatten([p.data for p in model.parameters()]).tobytes() for model in models}
claim(
    "Their eight models stay equal, bit for bit, though no weight ever travels",
    len(weights) == 1,
    f"{len(weights)} different model among {len(models)}",
)
predict("With more workers, does more pass through the busiest machine: in the ring, at a server?")

# %% What passes through the busiest machine

ring = [2 * all_reduce([whole] * k)[1] / whole.size for k in WORKERS]  # sent and received
server = [2 * k for k in WORKERS]  # k gradients arrive, k means leave
table(
    ["gradients through the busiest machine", *(f"{k} workers" for k in WORKERS)],
    [
        ("all to one server", *(f"{load:.2f}" for load in server)),
        ("a ring", *(f"{load:.2f}" for load in ring)),
    ],
)
expected = [4 * (k - 1) / k for k in WORKERS]
claim(
    "Through each worker of a ring pass 4 (k - 1) / k gradients: fewer than 4 for any number k",
    bool(np.allclose(ring, expected, atol=0.05)) and max(ring) < 4,
    f"{ring[-1]:.2f} for {WORKERS[-1]} workers; through a server {server[-1]}",
)

# %% How far it is from here

GPT3 = 3.14e23  # operations to train it: Brown and others, 2020, Language models are few-shot ...
per_image = sum(p.size for p in model.parameters() if p.ndim == 2)  # multiply-adds, forward
operations = 2 * 3 * per_image * BATCHES.size  # a multiplication and an addition; backward twice
say(f"""
Your training took about {operations:.0e} operations: {per_image:,} multiply-adds forward for each
image, and twice as many backward. GPT-3 took {GPT3:.2e} (Brown and others, 2020, Language models
are few-shot learners), which is {GPT3 / operations:.0e} times as many. Such runs have costs that no
loss shows: electricity, hardware and the choices that nobody can afford to try again. Two lines of
research want to change that. Searching for the architecture and the loss together asks a program to
make those choices, and so far spends more runs on it. Losses for quantum computers measure the
expectation of an observable in place of a mean over data; their gradients come from two further
measurements for each parameter. Whatever comes, the loss will say what is wanted.
""")

# %% The picture

fig, (loss_panel, gap_panel, load_panel) = plt.subplots(1, 3, figsize=(11, 3.8))
COLORS = {"PyTorch": "validation", "float32": "naive", "8 workers": "truth"}
loss_panel.plot(curve, color=COLOR["model"], label="microloss")
for offset, (name, run) in enumerate(runs.items()):
    color = COLOR[COLORS[name]]
    seen = np.arange(2 + 2 * offset, STEPS, 6)
    loss_panel.plot(seen, run[seen], "o", color=color, label=name)
    gap_panel.semilogy(np.maximum(abs(run - curve), 1e-17), color=color, lw=1.5, label=name)
loss_panel.set(xlabel="step", ylabel="loss of the batch (nats)")
loss_panel.set_title("One curve, whoever computes")
gap_panel.set(xlabel="step", ylabel="distance from microloss (nats)", ylim=(1e-18, 1e-2))
gap_panel.set_title("Apart by rounding only")
load_panel.plot(WORKERS, server, "o-", color=COLOR["naive"], label="all to one server")
load_panel.plot(WORKERS, ring, "o-", color=COLOR["model"], label="a ring")
load_panel.set(xlabel="workers", ylabel="gradients through the busiest machine")
load_panel.set_title("A ring does not get crowded")
for ax in (loss_panel, gap_panel, load_panel):
    ax.legend()
save(fig)

# %% Take away

takeaway("""
    Names and mathematics stay; hardware and last digits change. You can write a loss from what it
    assumes, check its gradient, train with it, read its curves, and open every tool you used.

    Next: part 8 takes losses to wider fields. Or a problem of your own: begin with its loss.
""")
exercises(
    [
        "Take the model and the loss of another lesson to PyTorch. What else has to change?",
        "Let one worker be late: it sends the gradient of its last batch. How much higher is the "
        "loss after 100 steps?",
        "Train in float16. What happens to Adam's eps of 1e-8, and does it learn?",
    ]
)
