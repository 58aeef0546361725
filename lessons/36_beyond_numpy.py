"""Lesson 36. Beyond NumPy

What you have learned moves on with you: one training function, written once, runs in microloss and
in PyTorch, from the same weights, and gives the same numbers. Then eight workers share the work.

Lesson 5 has the loop; lesson 35 asked where its time and memory go. Large libraries answer with
other hardware, not with other mathematics. Without PyTorch, this lesson says what it leaves out.
"""

from tempfile import TemporaryFile

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import grad, losses, nn, no_grad, optim
from microloss.curvature import flatten
from microloss.datasets import load_digits, train_test_split

try:
    import torch
except ImportError:
    torch = None

rng = begin()
X, y = load_digits()
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=360, seed=rng, stratify=y)
BATCHES = rng.integers(len(X), size=(100, 64))


def network(nn, **options):
    return nn.Sequential(nn.Linear(64, 64, **options), nn.ReLU(), nn.Linear(64, 10, **options))


def train(library, dtype):
    """A model after 100 steps from START, and its losses. No line knows which library it is in."""
    nn, losses, optim, tensor, options = library
    model, curve = network(nn, dtype=dtype, **options), []
    model.load_state_dict({name: tensor(values) for name, values in START.items()})
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for batch in BATCHES:
        loss = losses.cross_entropy(model(tensor(X[batch], dtype=dtype)), tensor(y[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return model, np.array(curve)


START = network(nn, rng=args.seed).state_dict()
MICROLOSS = nn, losses, optim, np.asarray, {"rng": args.seed}
model, curve = train(MICROLOSS, np.float64)
say("The weights leave in a file of names (0.weight) and arrays; to read it, NumPy is enough.")
with TemporaryFile() as file:
    np.savez(file, **model.state_dict())
    file.seek(0)
    handed = dict(np.load(file))
other = network(nn, rng=args.seed + 1)
other.load_state_dict(handed)
with no_grad():
    scores, again = model(X_test).data, other(X_test).data
right = np.mean(scores.argmax(axis=1) == y_test)
same = right > 0.85 and np.all(again == scores)
claim("another model, given the file, reads like the first", same, f"{right:.0%} of new digits")

# ---- PyTorch -------------------------------------------------------------------------------------

runs = {}
if torch is None:
    say("""
    PyTorch is not installed, so the comparison of microloss with PyTorch is skipped, and nothing
    else. To see it: `pip install torch`, and run this lesson again.
    """)
else:
    predict("The same function, handed PyTorch's modules: after how many steps do the losses part?")
    PYTORCH = torch.nn, torch.nn.functional, torch.optim, torch.as_tensor, {}
    theirs, runs["PyTorch"] = train(PYTORCH, torch.float64)
    gap = np.abs(runs["PyTorch"] - curve).max()
    claim("in 100 they do not, but for rounding", gap < 1e-10, f"gap {gap:.0e}")
    other.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({name: torch.as_tensor(values) for name, values in handed.items()})
    with no_grad(), torch.no_grad():
        both = np.array([other(X_test).data, theirs(torch.as_tensor(X_test)).numpy()])
    gap, same = np.abs(both - scores).max(), np.all(both.argmax(axis=2) == scores.argmax(axis=1))
    claim("weights move both ways, and predict the same", same and gap < 1e-10, f"gap {gap:.0e}")

# ---- fewer digits, more machines -----------------------------------------------------------------

predict("Hardware for networks counts in float32, 7 digits, or less. How far off is the loss then?")
_, runs["float32"] = train(MICROLOSS, np.float32)
gap = np.abs(runs["float32"] - curve).max()
claim("in its seventh digit, for half the memory", 1e-8 < gap < 1e-6, f"gap {gap:.0e}")
predict("k workers share a batch, and average their gradients. How far is that from one machine?")
loss = lambda rows: losses.cross_entropy(model(X[rows]), y[rows])
gradient = lambda rows: flatten(grad(loss(rows), model.parameters()))
whole, counts = gradient(BATCHES[0]), [2, 4, 8, 16, 32]
means = [np.mean([*map(gradient, np.split(BATCHES[0], k))], axis=0) for k in counts]
gap = np.abs(np.array(means) - whole).max()
claim("nowhere: the gradient of a mean is the mean of gradients", gap < 1e-12, f"gap {gap:.0e}")


def all_reduce(arrays):
    """The sum of k workers' arrays, at each of them, and how many numbers each one has sent.

    In a ring, all pass on a k-th at a time: k - 1 rounds to add up, k - 1 to spread the sums.
    """
    k, sent = len(arrays), 0
    chunks = [np.array_split(array.ravel(), k) for array in arrays]
    for r in range(2 * (k - 1)):
        messages = [chunks[i][(i - r) % k] for i in range(k)]
        for i, message in enumerate(messages):
            mine, at = chunks[(i + 1) % k], (i - r) % k
            mine[at] = mine[at] + message if r < k - 1 else message
        sent += messages[0].size
    return [np.concatenate(mine).reshape(arrays[0].shape) for mine in chunks], sent


def train_apart(k):
    """train() by k workers, each with a model of its own and a k-th of every batch."""
    models, curve = [network(nn, rng=worker) for worker in range(k)], []
    for model in models:
        model.load_state_dict(START)
    optimizer = optim.Adam([p for model in models for p in model.parameters()], lr=0.01)
    for batch in BATCHES:
        shares = zip(models, np.split(batch, k))
        parts = [losses.cross_entropy(model(X[rows]), y[rows]) for model, rows in shares]
        optimizer.zero_grad()
        for loss in parts:
            loss.backward()
        for copies in zip(*(model.parameters() for model in models)):
            for p, total in zip(copies, all_reduce([p.grad for p in copies])[0]):
                p.grad = total / k
        optimizer.step()
        curve.append(np.mean([loss.item() for loss in parts]))
    return models, np.array(curve)


models, runs["8 workers"] = train_apart(8)
gap = np.abs(runs["8 workers"] - curve).max()
claim("so eight workers have the losses of one", gap < 1e-10, f"gap {gap:.0e} in 100 steps")
weights = {flatten([p.data for p in model.parameters()]).tobytes() for model in models}
claim("and their models stay equal, bit for bit", len(weights) == 1, f"{len(models)} models")
predict("Gradients have to travel. With more workers, must each of them send more?")
loads = [all_reduce([whole] * k)[1] / whole.size for k in counts]
ideal = np.allclose(loads, [2 * (k - 1) / k for k in counts], atol=0.02)
claim("in a ring 2 (k - 1) / k gradients, never 2", ideal, f"{loads[-1]:.2f} for k = {counts[-1]}")

fig, (losing, apart, ring) = plt.subplots(1, 3, figsize=(10, 3.8))
losing.plot(curve, color=COLOR["model"], label="microloss")
colors = {"PyTorch": "validation", "float32": "naive", "8 workers": "truth"}
for name, run in runs.items():
    color, seen = COLOR[colors[name]], np.arange(2 * len(losing.lines), 100, 6)
    losing.plot(seen, run[seen], "o", color=color, label=name)
    apart.semilogy(np.maximum(abs(run - curve), 1e-17), color=color, lw=1.5, label=name)
losing.set(xlabel="step", ylabel="loss of the batch (nats)", title="Whoever computes: one curve")
apart.set(xlabel="step", ylabel="distance from microloss (nats)", title="Apart by rounding only")
ring.plot(counts, counts, "o-", color=COLOR["naive"], label="all to one server")
ring.plot(counts, loads, "o-", color=COLOR["model"], label="each worker in a ring")
ring.set(xlabel="workers", ylabel="gradients sent in a step", title="A ring never gets crowded")
for ax in (losing, apart, ring):
    ax.legend()
save(fig)

takeaway("""
    Names and mathematics stay; hardware and last digits change. You can write a loss from what it
    assumes, check its gradient, train with it, read its curves, and open every tool you used.

    Next: a problem of your own. Begin with its loss.
""")
exercises(
    [
        "Take the model and the loss of another lesson to PyTorch. What else has to change?",
        "Let one worker be late: it sends the gradient of its last batch. Is anything learned?",
    ]
)
