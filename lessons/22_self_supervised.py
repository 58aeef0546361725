"""Lesson 22. Self-supervised learning

Data can teach without labels: two views of one thing belong together, views of two things do not.
Here the views are the left and the right half of a digit, and nobody tells which digit it is. Most
data in the world has no labels, so this is how the largest models of images are trained first.

Lesson 21 pulled and pushed pairs and triplets, chosen by their labels. Now each half has to find
its other half among all those of the batch (a pretext task). Who can do that must know something
about digits. How much, and what it is good for, depends on one number: the temperature.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import (
    COLOR,
    args,
    begin,
    claim,
    exercises,
    formula,
    predict,
    save,
    say,
    sweep,
    table,
    takeaway,
)

from microloss import Tensor, no_grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import clip_loss, cross_entropy, info_nce_loss, nt_xent_loss
from microloss.metrics import recall_at_k
from microloss.nn import MLP
from microloss.optim import EMA, Adam

rng = begin()
BATCH = 128
STEPS = 250
T = 0.1  # the temperature, where a section does not change it

# %% Two views

X, y = load_digits()
images, test, _, digits = train_test_split(X / 16, y, test_size=500, seed=rng, stratify=y)


def halves(images):
    """The left and the right half of each image, 32 pixels each."""
    pixels = images.reshape(-1, 8, 8)
    return pixels[:, :, :4].reshape(-1, 32), pixels[:, :, 4:].reshape(-1, 32)


def unit(x):
    """The rows of x at length 1."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def embed(models, images):
    """Two arrays: the embeddings of left and of right halves, at length 1."""
    with no_grad():
        return [unit(model(view).data) for model, view in zip(models, halves(images))]


def start():
    """Two small networks, one for each side, and the random numbers that choose batches."""
    draw = np.random.default_rng(args.seed)  # the same for each loss
    return [MLP(32, 64, 16, rng=draw) for _ in "LR"], draw


def parameters(models):
    return [p for model in models for p in model.parameters()]


def train(loss, learned=(), steps=STEPS, batch=BATCH):
    """Embeddings of the test images after training; `learned` are further parameters."""
    models, draw = start()
    optimizer = Adam(parameters(models) + list(learned), lr=0.003)
    for _ in range(steps):
        left_view, right_view = halves(images[draw.integers(len(images), size=batch)])
        optimizer.zero_grad()
        loss(models[0](left_view), models[1](right_view)).backward()
        optimizer.step()
    return embed(models, test)


def retrieval(left, right):
    """Recall@10: the share of left halves with their right half among the ten most similar."""
    return recall_at_k(left @ right.T, np.eye(len(left)), k=10)


chance = 10 / len(test)
say(f"""
{len(images)} images to learn from, without their labels, and {len(test)} test images. One small
network turns left halves into 16 numbers (the embedding), a second one right halves. Two halves are
similar if the angle between their embeddings is small: its cosine is near 1. The test: is the true
right half of a test image among the ten that are most similar to its left half? By chance it is in
{chance:.0%} of all cases.
""")
predict("""
    Let the loss be 1 - the cosine of the two halves' embeddings. It falls to almost nothing. How
    many of 500 left halves, never seen before, find their right half in the first ten?
""")

# %% Agreement is not enough

left, right = train(lambda left, right: (1 - F.cosine_similarity(left, right)).mean())
distance = np.mean(1 - (left * right).sum(axis=1))
furthest = 1 - (left @ right.T).min()
collapsed = retrieval(left, right)
claim(
    "Trained to agree, the two halves of a test image agree: the loss ends below 0.01",
    distance < 0.01,
    f"{distance:.0e}",
)
claim(
    "Trained to agree, halves of different images agree as well: everything has one direction",
    furthest < 0.1,
    f"1 - cosine is {furthest:.0e} at most over all {len(left) ** 2:,} pairs",
)
claim(
    "Trained to agree, fewer than one half in five finds its own other half",
    collapsed < 0.2,
    f"{collapsed:.0%}",
)
say("""
This is called representation collapse. Nothing in the loss asks the embedding to tell two images
apart, and saying the same of everything is the easiest way to agree.
""")

# %% Find your other half

say("""
The cure is to make it a choice among N candidates: the own half (the positive) and those of other
images (the negatives). The scores are the cosines s over a temperature T. This is InfoNCE (van den
Oord et al. 2018, Representation learning with contrastive predictive coding):
""")
formula(
    """
    p_ij   = e^(s_ij / T) / sum_k e^(s_ik / T)        left half i chooses right half j
    InfoNCE = mean over i of -log p_ii
    d(-log p_ii) / d s_ii = -(1 - p_ii) / T           the own half is pulled
    d(-log p_ii) / d s_ij = p_ij / T                  each other one is pushed: the nearest most
    """,
    tex=r"\text{InfoNCE} = -\frac{1}{N} \sum_i \log p_{ii}, \quad "
    r"p_{ij} = \frac{e^{s_{ij}/T}}{\sum_k e^{s_{ik}/T}}, \quad "
    r"\frac{\partial(-\log p_{ii})}{\partial s_{ii}} = -\frac{1 - p_{ii}}{T}, \quad "
    r"\frac{\partial(-\log p_{ii})}{\partial s_{ij}} = \frac{p_{ij}}{T}",
)
say("""
What the name hides is cross-entropy (lesson 10): the classes are the candidates, the right class is
the own half. CLIP (Radford et al. 2021) lets left choose right and right choose left, and takes the
mean. NT-Xent (SimCLR; Chen et al. 2020) lets halves of the same side compete too.
""")
a, b = unit(rng.normal(size=(2, BATCH, 16)))
classes = np.arange(BATCH)
gap = abs(info_nce_loss(a, b, temperature=T) - cross_entropy(a @ b.T / T, classes))
claim(
    "InfoNCE is the cross-entropy of cosines over the temperature, with the own half as the class",
    gap < 1e-12,
    f"they differ by {gap:.0e}",
)
both = info_nce_loss(a, b, temperature=T) + info_nce_loss(b, a, temperature=T)
gap = abs(clip_loss(a, b, temperature=T) - both / 2)
claim(
    "CLIP's loss is the mean of InfoNCE from left to right and from right to left",
    gap < 1e-12,
    f"they differ by {gap:.0e}",
)
predict(f"""
    What does InfoNCE with {BATCH} candidates charge where all embeddings have one direction, as
    after the collapse above?
""")

# %% What a collapse costs

a, b = left[:BATCH], right[:BATCH]
one_way = info_nce_loss(a, b, temperature=1)
all_ways = nt_xent_loss(a, b, temperature=1)
claim(
    "After the collapse InfoNCE charges ln N as for a blind guess, and NT-Xent ln(2N - 1)",
    abs(one_way - np.log(BATCH)) < 0.02 and abs(all_ways - np.log(2 * BATCH - 1)) < 0.02,
    f"{one_way:.3f} and {all_ways:.3f}, against {np.log(BATCH):.3f} and "
    f"{np.log(2 * BATCH - 1):.3f}",
)
predict("""
    Now train with CLIP's loss at several temperatures. A low temperature pushes the most similar
    candidates only, a high one all alike. Which temperature finds most halves?
""")

# %% The temperature

TEMPERATURES = [0.005, 0.03, 0.1, 1, 3]
runs = {t: train(lambda a, b, t=t: clip_loss(a, b, temperature=t)) for t in TEMPERATURES}
found = {t: retrieval(*pair) for t, pair in runs.items()}


def linear_views(size=16, ridge=0.01):
    """Canonical correlations: the linear maps of both sides whose outputs correlate most."""
    sides = halves(images)
    centred = [side - side.mean(axis=0) for side in sides]
    whiten = []
    for side in centred:
        values, vectors = np.linalg.eigh(side.T @ side / len(side) + ridge * np.eye(32))
        whiten.append(vectors / np.sqrt(values) @ vectors.T)
    u, strength, vt = np.linalg.svd(whiten[0] @ centred[0].T @ centred[1] @ whiten[1] / len(images))
    maps = whiten[0] @ u[:, :size], whiten[1] @ vt[:size].T
    weights = strength[:size]
    return [
        unit((view - side.mean(axis=0)) @ by * weights)
        for view, side, by in zip(halves(test), sides, maps)
    ]


linear = linear_views()
rows = [("chance", f"{chance:.0%}"), ("agreement alone", f"{collapsed:.0%}")]
rows.append(("linear maps (canonical correlations)", f"{retrieval(*linear):.0%}"))
rows += [(f"CLIP's loss, T = {t}", f"{share:.0%}") for t, share in found.items()]
table(["trained with", "own half found"], rows)
claim(
    "Trained to choose at T = 0.1, more than 10 points more find their half than by linear maps",
    found[T] > retrieval(*linear) + 0.1,
    f"{100 * (found[T] - retrieval(*linear)):.0f} points: {found[T]:.0%} against "
    f"{retrieval(*linear):.0%}",
)
lowest, highest = TEMPERATURES[0], TEMPERATURES[-1]
claim(
    "A temperature of 0.005 and one of 3 both find at least 5 points fewer halves than 0.1",
    max(found[lowest], found[highest]) < found[T] - 0.05,
    f"{found[lowest]:.0%} and {found[highest]:.0%} against {found[T]:.0%}",
)
predict("""
    Must T be chosen by hand? Let the network learn log T beside its weights, as CLIP does, and
    start at T = 1. Where does T go, and does it help?
""")

# %% A temperature that is learned

log_T = Tensor(0.0, requires_grad=True)
own = train(lambda a, b: clip_loss(a, b, temperature=np.exp(log_T)), [log_T])
own_T = np.exp(log_T.item())
claim(
    "A learned temperature falls from 1, and more halves are found than with T = 1 kept",
    own_T < 0.8 and retrieval(*own) > found[1],
    f"T = {own_T:.2f}; {retrieval(*own):.0%} against {found[1]:.0%}",
)
say("""
With a lower T the same cosines make a surer choice, and where the choice is mostly right that
lowers the loss. So T falls as the network learns. The gradient asks what lowers the training loss
now, not what is best in the end.
""")
predict("""
    The loss says how well a half is known from its other half. Could a batch of 4 and a batch of
    256 measure the same?
""")

# %% How much one half tells of the other

say("""
Let k be the place of the own half among the candidates b, and a the half that chooses. A
cross-entropy is never less than the entropy of what it predicts:
""")
formula(
    """
    InfoNCE >= H(k | a, b_1 ... b_N)
             = ln N - I(k; a | b_1 ... b_N)       without a, every place is equally likely
            >= ln N - I(k, b_1 ... b_N; a)        chain rule of information
             = ln N - I(b_k; a)                   a depends on its own half only
    """,
    tex=r"\text{InfoNCE} \ge H(k \mid a, b_1 \dots b_N) = \ln N - I(k; a \mid b_1 \dots b_N) "
    r"\ge \ln N - I(k, b_1 \dots b_N; a) = \ln N - I(b_k; a)",
)
say("""
So ln N - InfoNCE is a lower bound of the mutual information of two halves, in nats. A loss is never
negative, so the bound never says more than ln N: small batches see little.
""")
SIZES = [4, 32, 256]
bounds = []
left, right = runs[T]
for size in SIZES:
    draws = [rng.permutation(len(test))[:size] for _ in range(50)]
    losses = [clip_loss(left[rows], right[rows], temperature=T) for rows in draws]
    bounds.append(np.log(size) - np.mean(losses))
claim(
    "From 4 to 32 to 256 candidates the same network's bound rises by more than 0.2 nats each time",
    np.diff(bounds).min() > 0.2,
    ", ".join(f"{bound:.2f} of {np.log(n):.2f}" for n, bound in zip(SIZES, bounds)),
)
predict("""
    And for learning? Take the same batches of 128 images, but let each half choose among the 8 of
    its own group only. Does that cost anything?
""")

# %% Many candidates

GROUP = 8


def choose_in_groups(left, right):
    """CLIP's loss in each of 16 groups of 8, mean over the groups."""
    a = (left / F.norm(left, axis=1, keepdims=True)).reshape(-1, GROUP, 16)
    b = (right / F.norm(right, axis=1, keepdims=True)).reshape(-1, GROUP, 16)
    scores = a @ b.transpose(0, 2, 1) / T
    own = np.tile(np.arange(GROUP), BATCH // GROUP)
    right_of_left = cross_entropy(scores.reshape(-1, GROUP), own)
    left_of_right = cross_entropy(scores.transpose(0, 2, 1).reshape(-1, GROUP), own)
    return (right_of_left + left_of_right) / 2


grouped = retrieval(*train(choose_in_groups))
small = retrieval(*train(lambda a, b: clip_loss(a, b, temperature=T), batch=GROUP))
claim(
    "From the same images in as many steps, 128 candidates teach more than 8 do",
    found[T] > grouped,
    f"{100 * (found[T] - grouped):.0f} points more: {found[T]:.0%} against {grouped:.0%}",
)
claim(
    "Batches of 8 images find at least 10 points fewer than groups of 8 in batches of 128",
    small < grouped - 0.1,
    f"{100 * (grouped - small):.0f} points fewer: {small:.0%}. They see fewer images",
)
say(f"""
What if only {GROUP} images fit into memory? MoCo (momentum contrast; He et al. 2020) keeps the
embeddings of earlier batches in a queue, as negatives that cost next to nothing. They come from
older weights. So candidates are embedded by a second, slow encoder, the key encoder, whose
weights are a moving average (`optim.EMA`) with the momentum m:
""")
formula(
    "key weights = m (key weights) + (1 - m) weights, after each step",
    tex=r"\theta_{\text{key}} \leftarrow m\, \theta_{\text{key}} + (1 - m)\, \theta",
)
predict(f"""
    Batches of {GROUP}, and a queue of {BATCH - GROUP} older halves. With m = 0 the key encoder is
    the network itself. How many halves are found with m = 0, 0.9 and 0.99?
""")

# %% A queue of old candidates

QUEUE = BATCH - GROUP


def train_with_queue(momentum):
    """Embeddings of the test images, by the network itself."""
    models, draw = start()
    optimizer = Adam(parameters(models), lr=0.003)
    slow = EMA(parameters(models), decay=momentum)
    slow.update()
    queue = embed(models, images[draw.integers(len(images), size=QUEUE)])
    for _ in range(STEPS):
        batch = images[draw.integers(len(images), size=GROUP)]
        left_view, right_view = halves(batch)
        with slow.applied():
            keys = embed(models, batch)
        optimizer.zero_grad()
        left = models[0](left_view)
        right = models[1](right_view)
        to_right = info_nce_loss(left, keys[1], queue[1], temperature=T)
        to_left = info_nce_loss(right, keys[0], queue[0], temperature=T)
        ((to_right + to_left) / 2).backward()
        optimizer.step()
        slow.update()
        queue = [np.concatenate(side)[:QUEUE] for side in zip(keys, queue)]
    return embed(models, test)


MOMENTA = [0, 0.9, 0.99]
queued = {}
any_two = {}
for m in MOMENTA:
    left, right = train_with_queue(m)
    queued[m] = retrieval(left, right)
    any_two[m] = np.mean(left @ right.T)
rows = [("the batch itself as candidates", f"{small:.0%}", "-")]
rows += [(f"a queue, m = {m}", f"{queued[m]:.0%}", f"{any_two[m]:.2f}") for m in MOMENTA]
table(["batches of 8 with", "own half found", "mean cosine of any two halves"], rows)
claim(
    "A queue with m = 0.99 finds more than twice the halves of one with m = 0 or m = 0.9",
    queued[0.99] > 2 * max(queued[0], queued[0.9]),
    f"{queued[0.99]:.0%} against {queued[0]:.0%} and {queued[0.9]:.0%}, chance {chance:.0%}",
)
claim(
    "With m = 0 the queue collapses: any two halves have a mean cosine above 0.7",
    any_two[0] > 0.7,
    f"{any_two[0]:.2f}; {any_two[0.99]:.2f} with m = 0.99",
)
claim(
    "Old candidates do not make up for images not seen: batches of 8 with a queue (m = 0.99) stay "
    "more than 10 points below groups of 8 in batches of 128",
    queued[0.99] < grouped - 0.1,
    f"{100 * (grouped - queued[0.99]):.0f} points below, and {100 * (queued[0.99] - small):+.0f} "
    "against the batch of 8 without a queue",
)
say("""
In a queue, keys of different ages are compared with one another, so they must mean the same. If the
key encoder changes quickly they do not, and here all halves collapse to one direction again. A slow
encoder cures that. But the table also says that a queue does not make a small batch a large one.
""")
predict("""
    Nobody has mentioned digits so far. Give one labelled image of each digit, and let every other
    test image take the label of the nearest. Are embeddings better at that than the plain pixels?
    At which temperature?
""")

# %% Digits, with one label each

same = digits[:, np.newaxis] == digits
same_digit = same & ~np.eye(len(test), dtype=bool)


def likeness(left, right):
    """Mean cosine of halves of two images of the same digit, and of different digits."""
    cosines = left @ right.T
    return cosines[same_digit].mean(), cosines[~same].mean()


def one_label(z):
    """Accuracy of the nearest of ten labelled images, one of each digit; mean of 100 draws."""
    draw = np.random.default_rng(args.seed)  # the same draws for each z
    places = [np.flatnonzero(digits == digit) for digit in range(10)]
    shares = []
    for _ in range(100):
        known = [draw.choice(place) for place in places]
        distance = (z[known] ** 2).sum(axis=1) - 2 * z @ z[known].T
        shares.append(np.mean(distance.argmin(axis=1) == digits))
    return np.mean(shares)


alike = {t: likeness(*pair) for t, pair in runs.items()}
read = {t: one_label(np.hstack(pair)) for t, pair in runs.items()}
pixels = one_label(test)
untrained = embed(start()[0], test)
rows = [
    ("pixels", f"{pixels:.1%}", "-", "-"),
    ("untrained network", f"{one_label(np.hstack(untrained)):.1%}", "-", "-"),
    ("linear maps", f"{one_label(np.hstack(linear)):.1%}", "-", "-"),
]
for t in TEMPERATURES:
    cosines = f"{alike[t][0]:.2f}", f"{alike[t][1]:.2f}"
    rows.append((f"CLIP's loss, T = {t}", f"{read[t]:.1%}", *cosines))
table(["one label for each digit", "read", "cosine: same digit", "other digits"], rows)
claim(
    "At T = 0.1 halves of two images of the same digit are more alike than of different digits",
    alike[T][0] > alike[T][1] + 0.2,
    f"mean cosine {alike[T][0]:.2f} against {alike[T][1]:.2f}",
)
claim(
    "With one label for each digit, the embedding of T = 0.1 reads fewer digits than the pixels",
    read[T] < pixels,
    f"{read[T]:.1%} against {pixels:.1%}",
)
claim(
    "The embedding of T = 1 finds fewer halves, but reads more digits than the pixels",
    found[1] < found[T] and read[1] > pixels,
    f"{read[1]:.1%} against {pixels:.1%}",
)
claim(
    "Halves of the same digit are more alike at T = 1 than at T = 0.1",
    alike[1][0] > alike[T][0] + 0.1,
    f"mean cosine {alike[1][0]:.2f} against {alike[T][0]:.2f}",
)
say("""
To find its own half, a 3 must differ from all other 3s: they are negatives too (false negatives).
They are also the nearest ones, which a low temperature pushes most. A high one pushes all alike and
leaves the 3s together (Wang and Liu 2021, Understanding the behaviour of contrastive loss). Which
temperature is best depends on what the embedding is for.
""")

# %% The picture

order = np.argsort(digits, kind="stable")
middles = [np.mean(np.flatnonzero(digits[order] == digit)) for digit in range(10)]


def draw_matrix(fig, ax, pair):
    """Cosines of all left with all right halves, sorted by digit."""
    left, right = pair
    cosines = (left @ right.T)[order][:, order]
    shown = ax.imshow(cosines, vmin=-1, vmax=1, cmap="PuOr_r")
    bar = fig.colorbar(shown, ax=ax, fraction=0.046, pad=0.03, ticks=[-1, 0, 1])
    bar.set_label("cosine", labelpad=-4)
    ax.set(xticks=middles, xticklabels=range(10), yticks=middles, yticklabels=range(10))
    ax.set(xlabel="right half of a", ylabel="left half of a")
    ax.grid(False)


fig, (matrix, curve, gallery) = plt.subplots(1, 3, figsize=(13, 4.2), width_ratios=[1.1, 1.1, 0.8])
draw_matrix(fig, matrix, runs[T])
matrix.set_title(f"Digits appear, without labels (T = {T})")
curve.semilogx(TEMPERATURES, [100 * found[t] for t in TEMPERATURES], "o-", color=COLOR["model"])
curve.semilogx(TEMPERATURES, [100 * read[t] for t in TEMPERATURES], "s-", color=COLOR["validation"])
curve.axhline(100 * pixels, color=COLOR["validation"], linestyle="--")
curve.axhline(100 * chance, color=COLOR["model"], linestyle="--")
curve.text(0.005, 100 * pixels + 1.5, "digits read, pixels", color=COLOR["validation"], fontsize=8)
curve.text(0.005, 100 * chance + 1.5, "own half, by chance", color=COLOR["model"], fontsize=8)
curve.text(3, 100 * found[3] - 6, "own half found", color=COLOR["model"], ha="right", fontsize=8)
curve.text(1, 100 * read[1] + 3, "digits read", color=COLOR["validation"], ha="center", fontsize=8)
curve.set(xlabel="temperature", ylabel="test images (%)", ylim=(0, 85))
curve.set_title("Halves want T = 0.1, digits T = 1")
left, right = runs[T]
similarity = left @ right.T
strips = []
frames = []
for row, i in enumerate(np.argmax(digits == digit) for digit in range(3, 9)):
    image = test[i].reshape(8, 8)
    nearest = np.argsort(-similarity[i])[:4]
    tiles = [image]
    for column, j in enumerate(nearest, start=1):
        tiles.append(np.hstack([image[:, :4], test[j].reshape(8, 8)[:, 4:]]))
        if j == i:
            frames.append((10 * column - 0.5, 10 * row - 0.5))
    strips.append(np.hstack([np.pad(tile, 1) for tile in tiles]))
gallery.imshow(np.vstack(strips), cmap="gray_r")
for corner in frames:
    gallery.add_patch(plt.Rectangle(corner, 10, 10, fill=False, ec=COLOR["naive"], lw=2.5))
gallery.set(yticks=[], xlabel="choice (framed: the own half)")
gallery.set_title("Left halves choose right ones")
gallery.set_xticks(np.arange(5) * 10 + 4.5, ["image", "1st", "2nd", "3rd", "4th"])
gallery.grid(False)
save(fig)

# %% Turn the temperature


def at_temperature(fig, t):
    """Left: all cosines. Right: how those of own halves, same and other digits are spread."""
    matrix, spread = fig.subplots(1, 2, width_ratios=[1.3, 1])
    draw_matrix(fig, matrix, runs[t])
    matrix.set_title(f"{found[t]:.0%} of halves found", fontsize=10)
    left, right = runs[t]
    cosines = left @ right.T
    groups = np.diag(cosines), cosines[same_digit], cosines[~same]
    names = "own half", "same digit", "other digit"
    for group, name, color in zip(groups, names, ("model", "validation", "truth")):
        counts, edges = np.histogram(group, np.linspace(-1, 1, 41))
        spread.stairs(counts / counts.max(), edges, color=COLOR[color], label=name, lw=1.5)
    spread.set(xlabel="cosine", ylabel="pairs (1: its highest bar)", xlim=(-1, 1), ylim=(0, 1.4))
    spread.set_title(f"{read[t]:.0%} of digits read", fontsize=10)
    spread.legend(loc="upper left", fontsize=8)


sweep(at_temperature, TEMPERATURES, "temperature")

# %% Take away

takeaway("""
    Views that belong together are labels for free. Agreement alone collapses; choosing among many
    candidates does not, and it is cross-entropy. The number of candidates bounds what can be seen.
    A queue of old candidates needs a slow key encoder. The temperature decides how hard the nearest
    candidates are pushed: low to tell single images apart, higher to keep a kind together.

    Next: lesson 23 recommends, and again the loss compares.
""")
exercises(
    [
        "Start the learned temperature at 0.02. Does it end where it ended from 1?",
        "Take the top and the bottom half as views. Which halves tell more about each other?",
        "Train the batch of 8 and the queue with m = 0.99 for 1,000 steps. Does the queue pay?",
    ]
)
