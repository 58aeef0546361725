"""Lesson 28. Perceptual losses

A perceptual loss compares pictures by what a trained network sees in them, not pixel by pixel. Move
a digit by one pixel: to the squared error it is nearly another digit, to you it is the same.

Lesson 5 taught networks to read digits. Here such a network only looks, its hidden units are the
ruler, and the autoencoder of lesson 26 learns by it. Judges who do not know the ruler say what can
be read. Then we look for its blind spots.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, perceptual_loss
from microloss.metrics import accuracy
from microloss.nn import MLP, Sequential, Sigmoid
from microloss.optim import Adam
from microloss.training import fit

rng = begin()
X, y = load_digits()
images, X, labels, y = train_test_split(X / 16, y, test_size=997, seed=rng, stratify=y)
known, test, known_digits, digits = train_test_split(X, y, test_size=400, seed=rng, stratify=y)


def moved(images):
    """All images one pixel down, then up, right, left."""
    framed = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    views = [framed[:, a : a + 8, b : b + 8] for a, b in ((0, 1), (2, 1), (1, 0), (1, 2))]
    return np.concatenate(views).reshape(-1, 64)


def reader(images, labels, epochs, *hidden):
    """A network that has learned to read digits, and learns no more."""
    network = MLP(64, *hidden, 10, rng=rng)
    optimizer = Adam(network.parameters(), lr=0.002)
    fit(network, cross_entropy, optimizer, images, labels, epochs=epochs, rng=rng, batch_size=64)
    for parameter in network.parameters():
        parameter.requires_grad = False
    return network


def layers(network, x):
    """What there is to see: pixels, first and second hidden layer."""
    first = network[1](network[0](x))
    return [x, first, network[3](network[2](first))]


def apart(network, a, b):
    """Mean squared difference in each of the layers."""
    see = partial(layers, network)
    return np.array([perceptual_loss(see, a, b, weights=only).item() for only in np.eye(3)])


# ---- a ruler -------------------------------------------------------------------------------------

predict("""
    A digit moves by one pixel, or it gets noise of the same squared error. How far is that, with
    another digit at 100 %? In pixels? In the hidden layers of a network that learned to read digits
    in any of five places (the eye)? And of one that met no moved digits?
""")
eye = reader(np.concatenate([images, moved(images)]), np.tile(labels, 5), 12, 128, 64)
naive = reader(images, labels, 30, 128, 64)
lot = rng.permutation(len(test))
differs = digits[lot] != digits
other, test, digits = test[lot][differs], test[differs], digits[differs]
same, shifted = np.tile(test, (4, 1)), moved(test)
noise = rng.normal(size=shifted.shape)
noisy = same + noise * np.sqrt(np.mean((shifted - same) ** 2) / np.mean(noise**2))
move, hiss, *stiff = (
    100 * apart(n, x, same) / apart(n, other, test) for n in (eye, naive) for x in (shifted, noisy)
)
claim("in pixels, a move is nearly another digit", move[0] > 75, f"{move[0]:.0f}%")
claim("in the second layer it is near", move[2] < 25, f"{move[2]:.0f}%")
claim("nearer than the noise", move[2] < 0.7 * hiss[2], f"{hiss[2]:.0f}%")
stiff = [layer[2] for layer in stiff]
shown = "{:.0f}% and {:.0f}%".format(*stiff)
claim("who met no moves minds them more than noise", stiff[0] > 1.3 * stiff[1], shown)
say("So features are no law of sight: they keep what their network's task asked for.")

# ---- learning by it ------------------------------------------------------------------------------

predict("""
    Autoencoders with codes of two numbers learn by pixels, by the second layer, by both, or by both
    where the network is untrained. A judge, a network trained on other pictures, reads what they
    make of new digits. Another judge names the most similar picture it knows. Whose is read best?
""")
judge = reader(np.concatenate([known, moved(known)]), np.tile(known_digits, 5), 12, 96)
blank = reader(images, labels, 0, 128, 64)
start, rebuilt, marks = rng.integers(1000), {}, {}
for name, network, weights in (
    ("pixels", eye, [1, 0, 0]),
    ("features", eye, [0, 0, 1]),
    ("both", eye, [0.3, 0, 1]),
    ("both, untrained", blank, [0.3, 0, 1]),
):
    weights = weights / apart(network, images, rng.permutation(images))  # 1 for random pairs
    loss = partial(perceptual_loss, partial(layers, network), weights=weights)
    draw = np.random.default_rng(start)  # the same start and batches for each loss
    model = Sequential(MLP(64, 64, 2, rng=draw), MLP(2, 64, 64, rng=draw), Sigmoid())
    optimizer = Adam(model.parameters(), lr=0.004)
    fit(model, loss, optimizer, images, images, epochs=60, rng=draw, batch_size=64)
    rebuilt[name] = x = model(test).data
    similar = known_digits[((x[:, None] - known) ** 2).sum(axis=2).argmin(axis=1)]
    guesses = judge(x).data.argmax(axis=1), similar, eye(x).data.argmax(axis=1)
    marks[name] = np.mean((x - test) ** 2), *(accuracy(guess, digits) for guess in guesses)
shown = [(name, f"{e:.3f}", *(f"{m:.0%}" for m in read)) for name, (e, *read) in marks.items()]
table(["learned by", "squared error", "judge", "similarity", "the eye itself"], shown)
pixels, features, both, untrained = marks.values()
shown = f"{both[1]:.0%}, not {pixels[1]:.0%}"
better = both[1] > pixels[1] + 0.03 and both[0] > 0.95 * pixels[0]
claim("by both: better read, and no nearer in pixels", better, shown)
claim("an untrained eye is no help", untrained[1] < pixels[1] + 0.03, f"{untrained[1]:.0%}")
shown = f"{features[3]:.0%}; similarity {features[2]:.0%}"
strange = features[3] > features[2] + 0.1 and features[0] > 2 * pixels[0]
claim("features alone: the eye reads them, but they are unlike digits", strange, shown)
say("The trained eye had labels, and they speak through it. Has it made the pictures sharp?")
edges = [np.mean(np.diff(x.reshape(-1, 8, 8)) ** 2) for x in (rebuilt["both"], test)]
shown = f"{edges[0] / edges[1]:.0%} of the original's squared step from pixel to pixel"
claim("better read is not sharp", edges[0] < 0.8 * edges[1], shown)

# ---- blind spots ---------------------------------------------------------------------------------

predict("Change another digit's pixels until the second layer sees your digit. What do you get?")
x = Tensor(other, requires_grad=True)
optimizer = Adam([x], lr=0.02)
for _ in range(200):
    optimizer.zero_grad()
    perceptual_loss(lambda x: layers(eye, x)[2], x, test).backward()
    optimizer.step()
    x.data = x.data.clip(0, 1)
left = apart(eye, x.data, test) / apart(eye, other, test)
shown = f"left of the distance: {left[2]:.1%} in features, {left[0]:.0%} in pixels"
claim("two pictures, one impression", left[2] < 0.01 and left[0] > 0.3, shown)

layout = {"width_ratios": [1, 1, 1, 1, 5.2], "height_ratios": [1, 2.4], "figsize": (10, 4.8)}
fig, axes = plt.subplot_mosaic("abcdg;eeeeg", **layout)
*pictures, bars, gallery = (axes[key] for key in "abcdeg")
i, *_ = first = [np.argmax(digits == digit) for digit in (2, 3, 4, 5, 7)]
cases = {"digit": test[i], "moved": shifted[2 * len(test) + i], "noise": noisy[i]}
for ax, (title, picture) in zip(pictures, (cases | {"another": other[i]}).items()):
    ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1, zorder=2)
    ax.set(title=title, xticks=[], yticks=[])
bars.bar(np.arange(4) - 0.2, [*move, stiff[0]], 0.4, color=COLOR["model"], label="moved")
bars.bar(np.arange(4) + 0.2, [*hiss, stiff[1]], 0.4, color=COLOR["naive"], label="noise")
bars.set_xticks(range(4), ["pixels", "layer 1", "layer 2", "layer 2,\nmet no moves"])
bars.set(ylabel="distance (% of another digit)", title="A move: far in pixels, near in features")
bars.legend()
rows = {"{}\n{:.0%}, {:.0%}".format(k, *marks[k][1:3]): rebuilt[k] for k in list(marks)[:3]}
rows = {"digit": test} | rows | {"same\nfeatures": x.data}
sheet = np.array([row[first].reshape(5, 8, 8) for row in rows.values()])
sheet = np.pad(sheet, ((0, 0), (0, 0), (1, 1), (1, 1))).swapaxes(1, 2).reshape(50, 50)
gallery.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, zorder=2)
gallery.set_yticks(np.arange(4.5, 50, 10), rows)
gallery.set(title="By both: legible, and like digits", xticks=[])
gallery.set_xlabel("numbers: read by the judge, by similarity")
save(fig)

takeaway("""
    Features forgive what their network learned to forgive, and miss what it never needed. So keep
    some pixels in the sum, and let someone judge who does not know the ruler.

    Next: lesson 29 leaves pictures for text, one character after the other.
""")
exercises(
    [
        "Take the eye's outputs as the features. What do the judges say, and the squared error?",
        "The labels speak through the eye: add a cross-entropy of labels to pixels instead.",
    ]
)
