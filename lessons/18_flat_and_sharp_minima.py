"""Lesson 18. Flat and sharp minima

Two networks fit the same examples equally well, and yet stand in different places: one in a narrow
slot, where a small change of the weights ruins the fit, one in a wide basin. How one descends
decides which. The hope is that the wide place also serves better on new data.

Lesson 17 drew such places; here we measure them, for large and small batches, for SWA (average the
weights on the way) and SAM (step by the gradient of the worst place nearby), and test the hope.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.landscape import extreme_eigenvalues, random_direction, slice_line
from microloss.losses import cross_entropy
from microloss.nn import MLP
from microloss.optim import SAM, SGD, SWA
from microloss.training import fit

rng = begin()
X, y = load_digits()
X = X / 16

# ---- four ways to the same loss ------------------------------------------------------------------


def measure(model, images, labels):
    """Loss and accuracy."""
    with no_grad():
        scores = model(images)
        return cross_entropy(scores, labels).item(), np.mean(np.argmax(scores, axis=1) == labels)


def train(way, images, labels, seed, goal=0.02):
    """A network that has come down to the goal: all ways start alike, at one learning rate."""
    model = MLP(64, 32, 10, rng=seed)
    optimizer, average = SGD(model.parameters(), lr=0.3), SWA(model.parameters())
    if way == "SAM":
        optimizer = SAM(optimizer, rho=0.5)

    def there(epoch, model, history):
        if way != "SWA" or epoch < 10:
            return measure(model, images, labels)[0] < goal
        average.update()
        with average.applied():
            return measure(model, images, labels)[0] < goal

    size = 10 if way in ("small batches", "SWA") else len(images)
    options = {"epochs": 3000, "batch_size": size, "rng": rng, "callbacks": [there]}
    fit(model, cross_entropy, optimizer, images, labels, **options)
    if way == "SWA":
        average.copy_to()
    return model


def sharpness(model, images, labels):
    """The largest eigenvalue of the Hessian, and the mean loss along 20 random directions."""

    def loss():
        return cross_entropy(model(images), labels)

    params = model.parameters()
    directions = [random_direction(params, rng=rng) for _ in range(20)]
    slices = [slice_line(loss, params, direction, steps) for direction in directions]
    return extreme_eigenvalues(loss, params, rng=rng)[1][-1], np.mean(slices, axis=0)


predict("""
    A network learns 300 digits until its loss is 0.02: with all of them in each step, or with 10 at
    a time, at the same learning rate. Which ends where the loss is more curved?
""")
WAYS = {"one large batch": "naive", "small batches": "model", "SWA": "swa", "SAM": "sam"}
steps = np.linspace(-0.5, 0.5, 21)
tops, slices, losses, accuracies = ({way: [] for way in WAYS} for _ in range(4))
for _ in range(3):
    images, test, labels, truth = train_test_split(X, y, test_size=1497, seed=rng, stratify=y)
    seed = rng.integers(1000)
    for way in WAYS:
        model = train(way, images, labels, seed)
        for results, result in zip((tops, slices), sharpness(model, images, labels)):
            results[way].append(result)
        losses[way].append(measure(model, images, labels)[0])
        accuracies[way].append(measure(model, test, truth)[1])
top, share = ({way: np.mean(x[way]) for way in WAYS} for x in (tops, accuracies))
rise = {way: np.mean(slices[way], axis=0)[[0, -1]].mean() - np.mean(losses[way]) for way in WAYS}
rows = [[np.mean(losses[way]), top[way], rise[way], 100 * share[way]] for way in WAYS]
table(
    ["means of three draws", "loss", "largest eigenvalue", "rise when moved", "test accuracy, %"],
    [[way, *"{:.3f} {:.2f} {:.2f} {:.1f}".format(*row).split()] for way, row in zip(WAYS, rows)],
)
large, *others = WAYS
claim(
    "small batches, SWA and SAM end in flatter places than the large batch, in all three draws",
    all(np.all(np.array(tops[way]) < 0.9 * np.array(tops[large])) for way in others),
    ", ".join(f"{way} at {top[way] / top[large]:.0%}" for way in others),
)
worst = max(rise[way] for way in others)
claim(
    "moving the weights by half their length costs the sharp place most",
    rise[large] > 1.1 * worst,
    f"{rise[large]:.2f} nats, the others at most {worst:.2f}",
)
early, _ = sharpness(train(large, images, labels, seed, goal=0.1), images, labels)
claim(
    "compare at the same loss only: the curvature of cross-entropy falls with the loss",
    early > 1.2 * tops[large][-1],
    f"at the loss 0.1 it was {early:.1f}, at 0.02 it is {tops[large][-1]:.1f}",
)

# ---- what it is worth ----------------------------------------------------------------------------

predict(f"""
    The large batch ended where the curvature is {top[large] / top["SAM"]:.1f} times that of SAM.
    How many more of the test digits does it misread?
""")
spread = max(share.values()) - min(share.values())
gain = f"{100 * spread:.1f} from worst to best, SAM {100 * (share['SAM'] - share[large]):+.1f}"
claim("hardly any: all four are within one percentage point", spread < 0.01, gain)
predict("""
    Take the flat network of SAM, multiply the weights and biases of its first layer by 10, and
    divide the weights of the second by 10. It answers as before. How sharp is it now?
""")
scores = model(test).data
for p, factor in zip(model.parameters(), (10, 10, 0.1)):
    p.data = p.data * factor
same = np.abs(model(test).data - scores).max()
sharp, _ = sharpness(model, images, labels)
claim(
    "sharper than any above, and the same function",
    sharp > 2 * max(tops[large]) and same < 1e-9,
    f"eigenvalue {sharp:.0f} instead of {tops['SAM'][-1]:.2f}, scores differ by {same:.0e}",
)
say("""
So the eigenvalue alone cannot tell which network generalises (Dinh et al. 2017); it compares
networks that were trained alike. Gains from SAM and SWA are reported for larger networks and harder
data. On these digits there is too little to speak of.
""")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
for way, key in WAYS.items():
    left.plot(steps, np.mean(slices[way], axis=0), color=COLOR[key], label=way)
    right.plot(tops[way], 100 * np.array(accuracies[way]), "o", color=COLOR[key], ms=8)
left.set(xlabel="distance, in lengths of the weights", ylabel="loss (nats)")
left.set_title("At the same loss, some places are sharper")
left.legend(loc="upper center")
right.set(xlabel="largest eigenvalue of the Hessian", ylabel="test accuracy (%)")
right.set(title="... but hardly worse on new digits", xlim=(0, None), ylim=(90, 98))
save(fig)

takeaway("""
    Small batches and SAM lead to flatter places than one large batch, where moving the weights
    costs less. So does SWA, but it runs on small batches here: what it adds to them is not shown.
    Compare curvatures at the same loss and the same scale of weights. And flatter need not mean
    better: look at the validation data.

    Next: lesson 19 asks for better on new data directly.
""")
exercises(
    [
        "Train SAM with rho 0.05, 1 and 2. How flat does it get? When does it no longer arrive?",
        "Round the weights of each network to 3 bits. Whose accuracy suffers?",
        "Let all four train on to a loss of 0.002. What is left of the difference?",
    ]
)
