"""Lesson 28. Perceptual losses

A perceptual loss compares pictures by what a trained network sees in them, not pixel by pixel. Move
a digit by one pixel: to the squared error it is nearly another digit, to you it is the same.

Lesson 5 taught networks to read digits. Here such a network only looks: its hidden units are the
ruler, and the autoencoder of lesson 26 learns by it. Judges who do not know the ruler say what can
be read. A second ruler needs no network: the same picture at several scales. Then we ask what
helped, and look for blind spots.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, mse_loss, perceptual_loss
from microloss.metrics import accuracy
from microloss.nn import MLP, ReLU, Sequential, Sigmoid
from microloss.optim import Adam
from microloss.training import fit

rng = begin()
X, y = load_digits()
images, others, labels, other_labels = train_test_split(
    X / 16, y, test_size=997, seed=rng, stratify=y
)
known, test, known_digits, digits = train_test_split(
    others, other_labels, test_size=400, seed=rng, stratify=other_labels
)
partner = rng.permutation(len(test))
differs = digits[partner] != digits
other = test[partner][differs]  # for each test picture one of another digit
test = test[differs]
digits = digits[differs]


def moved(pictures):
    """All pictures one pixel down, then up, right, left."""
    framed = np.pad(pictures.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    corners = ((0, 1), (2, 1), (1, 0), (1, 2))
    views = [framed[:, row : row + 8, column : column + 8] for row, column in corners]
    return np.concatenate(views).reshape(-1, 64)


def train(network, loss, pictures, targets, epochs):
    """Train a network, which learns no more after that."""
    optimizer = Adam(network.parameters(), lr=0.002)
    fit(network, loss, optimizer, pictures, targets, epochs=epochs, rng=rng, batch_size=64)
    return network.requires_grad_(False)


# %% A ruler

say("""
An eye is a network that has learned to read digits. What it sees of a picture x are its features
f(x): the pixels, the first and the second hidden layer. The perceptual loss (Johnson, Alahi and Li
2016, Perceptual losses for real-time style transfer and super-resolution; with weights fitted to
human judgement it is called LPIPS, Zhang et al. 2018, The unreasonable effectiveness of deep
features as a perceptual metric) is the squared difference of the features:
""")
formula(
    """
    L(x, y) = sum over layers l of  w_l mean (f_l(x) - f_l(y))^2
    dL/dx   = sum over layers l of  2 w_l / size_l  J_l^T (f_l(x) - f_l(y)),   J_l = df_l/dx
    """,
    tex=r"L(x, y) = \sum_l \frac{w_l}{n_l} \lVert f_l(x) - f_l(y) \rVert^2, \qquad "
    r"\frac{\partial L}{\partial x} = \sum_l \frac{2 w_l}{n_l} J_l^\top (f_l(x) - f_l(y))",
)
say("The second line says what such a loss cannot correct: whatever no f_l reacts to.")
predict("""
    A digit moves by one pixel, or it gets noise of the same squared error. How far is that, with
    another digit at 100 %? In pixels? In the hidden layers of a network that learned to read digits
    in any of five places (the eye)? And of one that met no moved digits?
""")

# %% What forgives a move


def layers(network):
    """A function from a picture to what the network sees: pixels, first and second hidden layer."""

    def see(x):
        first = network[1](network[0](x))
        second = network[3](network[2](first))
        return [x, first, second]

    return see


def halving(size):
    """A matrix (size / 2, size): every second mean of four neighbours, weighted 1 3 3 1."""
    matrix = np.zeros((size // 2, size + 2))
    for row in range(size // 2):
        matrix[row, 2 * row : 2 * row + 4] = np.array([1, 3, 3, 1]) / 8
    return matrix[:, 1:-1]  # what lies outside of the picture is 0


def pyramid(pictures, levels):
    """Pictures (n, size, size), then at half the size, and so on."""
    seen = [pictures]
    for _ in range(levels - 1):
        H = halving(pictures.shape[1])
        pictures = H @ pictures @ H.T
        seen.append(pictures)
    return seen


def scales(x):
    """The pyramid of digits: 8 x 8, 4 x 4 and 2 x 2 pixels."""
    return pyramid(x.reshape(-1, 8, 8), 3)


def apart(see, a, b):
    """Mean squared difference in each of what `see` sees."""
    count = len(see(a[:1]))
    return np.array([perceptual_loss(see, a, b, weights=only).item() for only in np.eye(count)])


everywhere = np.concatenate([images, moved(images)])
eye = train(MLP(64, 128, 64, 10, rng=rng), cross_entropy, everywhere, np.tile(labels, 5), 12)
naive = train(MLP(64, 128, 64, 10, rng=rng), cross_entropy, images, labels, 30)
same = np.tile(test, (4, 1))
shifted = moved(test)
noise = rng.normal(size=shifted.shape)
noisy = same + noise * np.sqrt(np.mean((shifted - same) ** 2) / np.mean(noise**2))


def relative(see):
    """Per cent of the distance to another digit: of a move, and of noise."""
    far = apart(see, other, test)
    return 100 * apart(see, shifted, same) / far, 100 * apart(see, noisy, same) / far


move, hiss = relative(layers(eye))
naive_move, naive_hiss = relative(layers(naive))
coarse_move, coarse_hiss = relative(scales)
table(
    ["distance, % of another digit", "moved by one pixel", "noise"],
    [
        ("pixels", f"{move[0]:.0f}", f"{hiss[0]:.0f}"),
        ("layer 1 of the eye", f"{move[1]:.0f}", f"{hiss[1]:.0f}"),
        ("layer 2 of the eye", f"{move[2]:.0f}", f"{hiss[2]:.0f}"),
        ("layer 2, met no moves", f"{naive_move[2]:.0f}", f"{naive_hiss[2]:.0f}"),
        ("4 x 4 pixels", f"{coarse_move[1]:.0f}", f"{coarse_hiss[1]:.0f}"),
        ("2 x 2 pixels", f"{coarse_move[2]:.0f}", f"{coarse_hiss[2]:.0f}"),
    ],
)
claim(
    "In pixels, a digit moved by one pixel is more than 75 % as far as another digit",
    move[0] > 75,
    f"{move[0]:.0f} %",
)
claim(
    "In the second layer of the eye a move is nearer than 25 %, and nearer than noise",
    move[2] < 25 and move[2] < 0.7 * hiss[2],
    f"{move[2]:.0f} %, noise {hiss[2]:.0f} %",
)
claim(
    "An eye that met no moved digits minds a move more than noise",
    naive_move[2] > 1.3 * naive_hiss[2],
    f"{naive_move[2]:.0f} % and {naive_hiss[2]:.0f} %",
)
claim(
    "At half the size, pictures forgive noise, and a move of one pixel hardly",
    coarse_hiss[1] < 0.8 * coarse_move[1] and coarse_move[1] > 45,
    f"noise {coarse_hiss[1]:.0f} %, move {coarse_move[1]:.0f} %",
)
say("""
So features are not a law of sight: they keep what their network's task asked for. And a picture at
half the size averages noise away. What is it good for, then?
""")

# %% Several scales

say("""
A multi-scale loss compares two pictures at full size, at half the size, and so on (a pyramid; Burt
and Adelson 1983, The Laplacian pyramid as a compact image code). Each level weighs as much as the
others for two random pictures.
""")
formula(
    """
    x_0 = x,   x_(l+1) = H x_l H^T,   H: means of four neighbours, weights 1 3 3 1, every second
    L(x, y) = sum over levels l of  w_l mean (x_l - y_l)^2
    """,
    tex=r"x_0 = x, \quad x_{l+1} = H x_l H^\top, \qquad L(x, y) = \sum_l \frac{w_l}{n_l} "
    r"\lVert x_l - y_l \rVert^2",
)
predict("""
    A digit of 8 x 8 pixels lies in a picture of 32 x 32. Its copy lies some pixels away, and
    descends the loss to find it: only its place may change. From how far does it arrive, by the
    squared error of the pixels? And with a pyramid of three or five levels?
""")

# %% Who finds the digit?

DISTANCES = (2, 4, 8, 12)  # pixels
LEVELS = (1, 3, 5)
TRIALS = 12
STEPS = 90
canvas = np.pad(images[:TRIALS].reshape(-1, 8, 8), ((0, 0), (12, 12), (12, 12)))
unrelated = np.pad(images[TRIALS : 2 * TRIALS].reshape(-1, 8, 8), ((0, 0), (12, 12), (12, 12)))
pixel = np.arange(32.0)


def shift(pictures, places):
    """Pictures moved by (down, right), places (n, 2): between pixels, by linear interpolation."""
    down = np.maximum(0, 1 - np.abs(pixel[:, None] - pixel - places[:, :1, None]))
    right = np.maximum(0, 1 - np.abs(pixel[:, None] - pixel - places[:, 1:, None]))
    return down @ pictures @ np.swapaxes(right, 1, 2)


def pyramid_loss(levels):
    """A loss of two stacks of pictures: the mean over levels, 1 for unrelated pictures."""
    see = lambda x: pyramid(x, levels)
    weights = 1 / apart(see, canvas, unrelated) / levels
    return lambda x, y: perceptual_loss(see, x, y, weights=weights)


rulers = {levels: pyramid_loss(levels) for levels in LEVELS}
angles = rng.uniform(0, 2 * np.pi, size=(len(DISTANCES), TRIALS))
starts = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * np.reshape(DISTANCES, (-1, 1, 1))
targets = np.tile(canvas, (len(DISTANCES), 1, 1))
found = {}
for levels, ruler in rulers.items():
    places = Tensor(starts.reshape(-1, 2), requires_grad=True)
    optimizer = Adam([places], lr=0.25)
    for _ in range(STEPS):
        optimizer.zero_grad()
        ruler(shift(targets, places), targets).backward()
        optimizer.step()
    arrived = np.linalg.norm(places.data, axis=1) < 1
    found[levels] = 100 * arrived.reshape(len(DISTANCES), TRIALS).mean(axis=1)
table(
    ["levels", *(f"from {distance} pixels" for distance in DISTANCES)],
    [(levels, *(f"{share:.0f} %" for share in shares)) for levels, shares in found.items()],
)
far_apart = range(13)  # whole pixels: between them, interpolation blurs
curves = {
    levels: [ruler(shift(canvas, np.tile([d, 0.0], (TRIALS, 1))), canvas) for d in far_apart]
    for levels, ruler in rulers.items()
}
claim(
    "From 8 pixels away fewer than 20 % find the digit by pixels, more than 90 % by five levels",
    found[1][2] < 20 and found[5][2] > 90,
    f"{found[1][2]:.0f} % and {found[5][2]:.0f} %",
)
flat = curves[1][-1] - curves[1][9]
steep = curves[5][-1] - curves[5][9]
claim(
    "From 9 to 12 pixels the squared error of the pixels is flat, the pyramid of five levels rises",
    abs(flat) < 1e-6 < 0.1 < steep,
    f"by {flat:.1g} and by {steep:.1f}",
)
say("""
Where two shapes do not overlap, the squared error is the same however far apart they are: it has no
slope, as JS had none in lesson 27. A level up, both are blurred over twice as many pixels, and they
overlap from twice as far. So finding, tracking and aligning pictures starts at the coarse levels.
""")

# %% Learning by it

say("""
Now autoencoders learn by these rulers, with codes of two numbers, too few to keep everything: the
loss decides what is kept. Each of them starts from the same two sets of weights and takes the same
steps; the tables show means of the two.
""")
predict("""
    They learn by pixels, by the pyramid, by the second layer, by both pixels and second layer, or
    by both where the network is untrained. A judge, a network trained on other pictures, reads what
    they make of new digits. Another judge names the most similar picture that it knows. Whose is
    read best?
""")

# %% Whose digits are read?

STARTS = (1, 2)
judge = train(
    MLP(64, 96, 10, rng=rng),
    cross_entropy,
    np.concatenate([known, moved(known)]),
    np.tile(known_digits, 5),
    12,
)
blank = MLP(64, 128, 64, 10, rng=rng).requires_grad_(False)
scrambled = rng.permutation(images)
pictures_and_labels = np.column_stack([images, labels])


class Learned:
    """Autoencoders that have learned by a loss, and what judges say of their pictures: means."""

    def __init__(self, loss):
        runs = [self.pictures_by(loss, start) for start in STARTS]
        self.pictures = runs[0]
        self.error = np.mean([np.mean((x - test) ** 2) for x in runs])
        self.edges = np.mean([edges(x) for x in runs]) / edges(test)
        self.judge = np.mean([accuracy(judge(x).data.argmax(axis=1), digits) for x in runs])
        self.similarity = np.mean([accuracy(most_similar(x), digits) for x in runs])
        self.eye = np.mean([accuracy(eye(x).data.argmax(axis=1), digits) for x in runs])

    def pictures_by(self, loss, start):
        draw = np.random.default_rng([args.seed, start])
        encoder = MLP(64, 64, 2, rng=draw)
        model = Sequential(encoder, MLP(2, 64, 64, rng=draw), Sigmoid())
        optimizer = Adam(model.parameters(), lr=0.006)
        fit(
            model, loss, optimizer, images, pictures_and_labels, epochs=60, rng=draw, batch_size=128
        )
        return model(test).data


def most_similar(pictures):
    """The digit of the nearest picture that the judge by similarity knows."""
    squared = (known**2).sum(axis=1) - 2 * pictures @ known.T  # but for a constant
    return known_digits[squared.argmin(axis=1)]


def edges(pictures):
    """Mean squared step from a pixel to its neighbours."""
    square = pictures.reshape(-1, 8, 8)
    return np.mean(np.diff(square, axis=1) ** 2) + np.mean(np.diff(square, axis=2) ** 2)


def by(see, weights):
    """A loss of what `see` sees; with the weight 1, random pairs of pictures have the loss 1."""
    used = np.flatnonzero(weights)
    see_used = lambda x: [seen for k, seen in enumerate(see(x)) if k in used]
    weights = np.array(weights)[used] / apart(see_used, images, scrambled)
    return lambda x, target: perceptual_loss(see_used, x, target[:, :64], weights=weights)


def pixels_and_labels(x, target):
    """Squared error, and whether the eye reads the label."""
    of_pixels = mse_loss(x, target[:, :64]) / mse_loss(images, scrambled)
    return 0.3 * of_pixels + 0.1 * cross_entropy(eye(x), target[:, 64].astype(int))


learned = {
    "pixels": Learned(by(lambda x: [x], [1])),
    "pyramid": Learned(by(scales, [1 / 3, 1 / 3, 1 / 3])),
    "features": Learned(by(layers(eye), [0, 0, 1])),
    "both": Learned(by(layers(eye), [0.3, 0, 1])),
    "both, untrained": Learned(by(layers(blank), [0.3, 0, 1])),
}


def show_table(names):
    table(
        ["learned by", "squared error", "judge", "similarity", "the eye itself", "edges"],
        [
            (
                name,
                f"{learned[name].error:.3f}",
                f"{100 * learned[name].judge:.0f} %",
                f"{100 * learned[name].similarity:.0f} %",
                f"{100 * learned[name].eye:.0f} %",
                f"{100 * learned[name].edges:.0f} %",
            )
            for name in names
        ],
    )


show_table(learned)
pixels = learned["pixels"]
features = learned["features"]
both = learned["both"]
untrained = learned["both, untrained"]
claim(
    "What is learned by both is read at least as well as by pixels, less 3 points at most, though "
    "it is not nearer in pixels",
    both.judge > pixels.judge - 0.03 and both.error > 0.95 * pixels.error,
    f"{100 * (both.judge - pixels.judge):+.0f} points: {both.judge:.0%} and {pixels.judge:.0%}",
)
claim(
    "It is the training of the eye that counts: by both it is read better than with an untrained "
    "eye, by more than 5 points",
    both.judge > untrained.judge + 0.05,
    f"{both.judge:.0%} and {untrained.judge:.0%}",
)
claim(
    "The eye reads what is learned by features alone better than similarity does, and it is more "
    "than twice as far off in pixels as what is learned by pixels",
    features.eye > features.similarity and features.error > 2 * pixels.error,
    f"{features.eye:.0%} and {features.similarity:.0%}",
)
claim(
    "The pyramid is a worse teacher here than the pixels: the judge reads less",
    learned["pyramid"].judge < pixels.judge,
    f"{learned['pyramid'].judge:.0%} and {pixels.judge:.0%}",
)
predict("""
    The trained eye has seen labels. Did they help, or did seeing? Two controls: an eye that learned
    without labels, to take noise off pictures (a denoising autoencoder), and no features at all but
    the labels themselves, a cross-entropy of what the eye reads beside the pixels.
""")

# %% Who speaks?

unlabelled = Sequential(MLP(64, 128, 64, rng=rng), ReLU(), MLP(64, 128, 64, rng=rng))
damaged = everywhere + 0.3 * rng.normal(size=everywhere.shape)
train(unlabelled, mse_loss, damaged, everywhere, 12)


def see_unlabelled(x):
    encoder, relu, _ = unlabelled
    first = encoder[1](encoder[0](x))
    return [x, first, relu(encoder[2](first))]


learned["both, no labels"] = Learned(by(see_unlabelled, [0.3, 0, 1]))
learned["pixels, labels"] = Learned(pixels_and_labels)
show_table(["pixels", "both", "both, no labels", "pixels, labels"])
with_labels = learned["pixels, labels"].judge
without = learned["both, no labels"].judge
claim(
    "Pixels and labels, without any features, are read best by the judge",
    with_labels > both.judge,
    f"{with_labels:.0%} and {both.judge:.0%} by both",
)
claim(
    "Labels beside pixels help more than an eye that learned without labels, by more than 5 points",
    with_labels > without + 0.05,
    f"{with_labels:.0%} and {without:.0%}",
)
say("""
Much of what the trained eye does is to hand on its labels. Who has labels for all pictures can say
so directly, and gains more. Where few are known that lead is gone (exercise 3): an eye is trained
once, perhaps on other pictures, and needs no labels of the pictures that it judges.
""")

# %% Better read, sharper?

say("""
A perceptual loss is also said to give sharp pictures. The last column of the tables is the mean
squared step from pixel to pixel, with the original at 100 %.
""")
gain = 100 * (both.edges - pixels.edges)
claim(
    "Pictures by both are hardly sharper than those by pixels: less than 15 points, and both lack "
    "more than 20 % of the original's edges",
    gain < 15 and max(both.edges, pixels.edges) < 0.8,
    f"{100 * pixels.edges:.0f} % by pixels, {100 * both.edges:.0f} % by both",
)
claim(
    "Features alone give the strongest edges of the three, and the largest error",
    features.edges > max(both.edges, pixels.edges)
    and features.error > max(both.error, pixels.error),
    f"{100 * features.edges:.0f} % of the original's edges",
)
say("Sharp is not the same as right: those edges are a pattern that this eye does not mind.")
predict("Change another digit's pixels until the second layer sees your digit. What do you get?")

# %% Blind spots

x = Tensor(other, requires_grad=True)
optimizer = Adam([x], lr=0.02)
see_second = lambda x: layers(eye)(x)[2]
for _ in range(200):
    optimizer.zero_grad()
    perceptual_loss(see_second, x, test).backward()
    optimizer.step()
    x.data = x.data.clip(0, 1)
disguised = x.data
left = apart(layers(eye), disguised, test) / apart(layers(eye), other, test)
claim(
    "Two pictures that differ by more than 30 % of another digit in pixels look alike to the eye, "
    "to less than 1 %",
    left[2] < 0.01 and left[0] > 0.3,
    f"{left[2]:.1%} in features, {left[0]:.0%} in pixels",
)
say(
    "The second layer has 64 numbers, the pixels are 64 too: but many directions change none of it."
)

# %% The picture

fig = plt.figure(figsize=(11, 5.6))
left_half, right_half = fig.subfigures(1, 2, width_ratios=[1.5, 1])
above, below = left_half.subfigures(2, 1, height_ratios=[1, 2.6])
top = above.subplots(1, 4)
first = [np.argmax(digits == digit) for digit in (2, 3, 4, 5, 7)]
example = first[0]
cases = {
    "digit": test[example],
    "moved": shifted[2 * len(test) + example],
    "noise": noisy[example],
    "another": other[example],
}
for ax, (title, picture) in zip(top, cases.items()):
    ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1, zorder=2)
    ax.set(title=title, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
bars = below.subplots()
names = ["pixels", "4 x 4\npixels", "layer 1", "layer 2", "layer 2,\nmet no moves"]
of_moves = [move[0], coarse_move[1], move[1], move[2], naive_move[2]]
of_noise = [hiss[0], coarse_hiss[1], hiss[1], hiss[2], naive_hiss[2]]
place = np.arange(len(names))
bars.bar(place - 0.2, of_moves, 0.4, color=COLOR["model"], label="moved")
bars.bar(place + 0.2, of_noise, 0.4, color=COLOR["naive"], label="noise")
bars.set_xticks(place, names)
bars.set(ylabel="distance (% of another digit)", ylim=(0, 105))
bars.set_title("A move: far in pixels, near in features")
bars.legend(loc="upper right", ncols=2)
rows = {"digit": test}
for name in ("pixels", "pyramid", "features", "both", "pixels, labels"):
    rows[f"{name}\nread {100 * learned[name].judge:.0f} %"] = learned[name].pictures
rows["same\nfeatures"] = disguised
sheet = np.array([row[first].reshape(5, 8, 8) for row in rows.values()])
sheet = np.pad(sheet, ((0, 0), (0, 0), (1, 1), (1, 1)))
gallery = right_half.subplots()
gallery.imshow(
    sheet.swapaxes(1, 2).reshape(10 * len(rows), 50), cmap="gray_r", vmin=0, vmax=1, zorder=2
)
gallery.set_yticks(np.arange(4.5, 10 * len(rows), 10), rows, fontsize=8)
gallery.set(xticks=[])
gallery.spines[:].set_visible(False)
gallery.set_title("What each loss keeps")
save(fig)

fig, (curve, share) = plt.subplots(1, 2, figsize=(10, 3.8))
colors = dict(zip(LEVELS, (COLOR["naive"], COLOR["validation"], COLOR["model"])))
for levels in LEVELS:
    name = f"{levels} levels" if levels > 1 else "pixels only"
    curve.plot(far_apart, curves[levels], color=colors[levels], label=name)
    share.plot(DISTANCES, found[levels], "o-", color=colors[levels])
curve.set(xlabel="shift (pixels)", ylabel="loss (1: unrelated pictures)")
curve.set_title("Far apart, pixels have no slope")
curve.legend(loc="upper left")
share.set(xlabel="shift at the start (pixels)", ylabel="find the digit (%)", ylim=(-4, 104))
share.set_xticks(DISTANCES)
share.set_title("Coarse levels find it from farther")
save(fig, "scales")

# %% Take away

takeaway("""
    Features forgive what their network learned to forgive, and miss what it never needed. So keep
    some pixels in the sum, and let someone judge who does not know the ruler. Ask what the gain
    came from: here labels, given directly, did more than any features, and sharpness hardly
    changed. Several scales give a slope where shapes do not overlap, and blur where they do.

    Next: lesson 29 leaves pictures for text, one character after the other.
""")
exercises(
    [
        "Take the eye's ten outputs as the features, without pixels. What do the judges say, and "
        "the squared error?",
        "Replace the weights 1 3 3 1 by 0 4 4 0: each level is then the means of blocks of 2 x 2 "
        "pixels. From how far do five levels find the digit?",
        "Let the labels of the first 80 pictures be the only ones known, to the eye and to the "
        "cross-entropy. Which is read better now: both, or pixels and labels?",
    ]
)
