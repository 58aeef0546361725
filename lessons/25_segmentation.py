"""Lesson 25. Segmentation

Segmentation asks of each pixel whether it belongs to the object, and the object is often a small
part of the picture: a tumour in a scan, a road sign in a street. Medical images are where losses of
overlap come from (Milletari, Navab and Ahmadi 2016, V-Net), and where they are used most.

Lesson 11 met rare classes; here the rare class has a shape. A whole handwritten digit hides among
scraps of other digits. Cross-entropy stands beside losses that measure overlap, and we ask what is
due to the loss, and what to the cut above which a probability counts as "found". A short second
part meets losses for boxes.
"""

from functools import partial

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

from microloss import Tensor, grad, no_grad
from microloss.datasets import load_digits
from microloss.functional import sigmoid
from microloss.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    box_iou_loss,
    dice_bce_loss,
    dice_loss,
    generalized_box_iou_loss,
    l1_loss,
    tversky_loss,
)
from microloss.metrics import iou
from microloss.nn import MLP
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()

# %% A digit among scraps

WINDOW = 9
digits = rng.permutation(load_digits()[0].reshape(-1, 8, 8) / 16)


def scenes(count, side, digits):
    """Pictures of side by side pixels: scraps of 3 by 3, noise, one whole digit; and its mask."""
    pictures = np.zeros((count, side, side))
    masks = np.zeros((count, side, side))
    scraps = side**2 // 23
    for picture, mask in zip(pictures, masks):
        for digit in rng.choice(digits, scraps):
            a, b = rng.integers(6, size=2)
            row, column = rng.integers(side - 2, size=2)
            picture[row : row + 3, column : column + 3] = digit[a : a + 3, b : b + 3]
        digit = rng.choice(digits)
        ink = digit > 0.3
        row, column = rng.integers(side - 7, size=2)
        place = np.s_[row : row + 8, column : column + 8]
        picture[place][ink] = digit[ink]
        mask[place] = ink
    pictures += 0.1 * rng.normal(size=pictures.shape)
    return pictures, masks


class Scenes:
    """Scenes of one size: to learn from, to choose a cut, and new ones."""

    def __init__(self, side, learned, others):
        self.side = side
        self.pictures, self.masks = scenes(learned, side, digits[:1000])
        self.held_pictures, self.held_masks = scenes(others, side, digits[1000:1200])
        self.new_pictures, self.new_masks = scenes(others, side, digits[1200:])
        self.share = self.masks.mean()  # of the digits, in all pixels
        self.mean = self.pictures.mean()
        self.spread = self.pictures.std()

    def windows(self, pictures):
        """The 9 by 9 pixels around each pixel, standardized: (pixels of all pictures, 81)."""
        edge = WINDOW // 2
        standard = (pictures - self.mean) / self.spread
        padded = np.pad(standard, ((0, 0), (edge, edge), (edge, edge)))
        views = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW), axis=(1, 2))
        return views.reshape(-1, WINDOW**2)


SIZES = {"small": Scenes(24, 300, 50), "large": Scenes(48, 150, 25)}
small, large = SIZES.values()
say(f"""
Scenes come in two sizes. In small ones (24 by 24 pixels) the digit has {small.share:.1%} of the
pixels, in large ones (48 by 48), as densely strewn with scraps, {large.share:.1%}. A network sees
the 9 by 9 pixels around a pixel, and says how probable it is that the one in the middle belongs to
the digit. How good a mask is, is told by its intersection over union (IoU): the pixels in both
masks, as a share of those in either. Dice, the F1 score of the pixels, says the same on another
scale.
""")
formula(
    """
    I = pixels in both masks, P = pixels found, T = pixels of the truth
    IoU = I / (P + T - I),   Dice = 2 I / (P + T) = 2 IoU / (1 + IoU)
    """,
    tex=r"\text{IoU} = \frac{I}{P + T - I}, \qquad "
    r"\text{Dice} = \frac{2I}{P + T} = \frac{2\,\text{IoU}}{1 + \text{IoU}}",
)
predict("""
    A model finds nothing, ever. How accurate is it, pixel by pixel, and what is its IoU? Another
    finds the true mask, but one pixel off. What is the IoU of that?
""")

# %% Accuracy is blind, and IoU is strict

lazy = {name: np.mean(size.new_masks == 0) for name, size in SIZES.items()}
overlap = iou(np.zeros_like(small.new_masks), small.new_masks)
claim(
    "A model that finds nothing is more than 94 % accurate in small scenes, 98 % in large ones",
    lazy["small"] > 0.94 and lazy["large"] > 0.98 and overlap == 0,
    f"{lazy['small']:.1%} and {lazy['large']:.1%}; its IoU is {overlap:.0f}",
)
shifts = [iou(np.roll(small.new_masks, 1, axis=axis), small.new_masks) for axis in (1, 2)]
claim(
    "The true masks, moved by a single pixel, have an IoU below 0.55",
    max(shifts) < 0.55,
    f"{max(shifts):.2f}: strokes are one or two pixels wide",
)
say("So with such objects an IoU of 0.5 is not bad: it is what perfect masks have, one pixel off.")
predict("""
    A network starts unsure: p = 1/2 everywhere. Which share of the gradient comes from the digit's
    pixels, under binary cross-entropy (BCE), and under the Dice loss?
""")

# %% Who is heard

formula(
    """
    Dice loss = 1 - 2 I / S,   I = sum(p t),   S = sum(p) + sum(t),   t the mask
    d Dice loss / dp = -2 t / S + 2 I / S^2
    n pixels, a share f of them the digit's, p = 1/2:   I = f n / 2,   S = (1 / 2 + f) n
    digit:        f n (2 / S - 2 I / S^2)    = f (1 + f) n^2 / S^2
    background:   (1 - f) n * 2 I / S^2      = f (1 - f) n^2 / S^2
    the digit's share: (1 + f) / 2           of BCE's, |p - t| = 1/2 everywhere: f
    """,
    tex=r"""
    \begin{aligned}
    \frac{\partial}{\partial p} \left(1 - \frac{2I}{S}\right) &= -\frac{2t}{S} + \frac{2I}{S^2} \\
    p = \tfrac12:\quad \text{digit} &\;\; \frac{f(1 + f)\, n^2}{S^2}, \qquad
        \text{background} \;\; \frac{f(1 - f)\, n^2}{S^2}
    \end{aligned}
    """,
)
LOSSES = {
    "BCE": binary_cross_entropy_with_logits,
    "Dice": lambda z, t: dice_loss(sigmoid(z), t),
    "Dice + BCE": dice_bce_loss,
    "Tversky": lambda z, t: tversky_loss(sigmoid(z), t, alpha=0.2, beta=0.8),
}
COLORS = dict(zip(LOSSES, (COLOR[name] for name in ("bce", "dice", "dice_ce", "tversky"))))


def share_of_the_digit(loss, masks):
    logits = Tensor(np.zeros(masks.shape), requires_grad=True)
    (slope,) = grad(loss(logits, masks), logits)
    pull = np.abs(slope)
    return pull[masks == 1].sum() / pull.sum()


some_masks = large.masks[:20]
f = some_masks.mean()
shares = {name: share_of_the_digit(loss, some_masks) for name, loss in LOSSES.items()}
claim(
    "At p = 1/2 the digit has f of BCE's gradient and (1 + f) / 2 of Dice's, f its share of pixels",
    abs(shares["BCE"] - f) < 1e-6 and abs(shares["Dice"] - (1 + f) / 2) < 1e-6,
    f"{shares['BCE']:.1%} and {shares['Dice']:.1%} in large scenes",
)
say("""
However small the object, Dice gives it half of the say. The sum of both losses (as in nnU-Net,
Isensee et al. 2021) is the usual choice; Tversky's loss (Salehi et al. 2017) is Dice with misses
four times as dear as false alarms.
""")
predict("""
    BCE, Dice and their sum train the same network, from the same start, on the same scenes. A pixel
    counts as found if p > 1/2. Which has the best IoU in small scenes, and which in large ones?
""")

# %% Found, if p > 1/2

STEPS = 300


TRIED = np.linspace(-6, 6, 49)  # cuts, as logits


def best_cut(logits, masks):
    """The cut with the highest IoU."""
    return max(TRIED, key=lambda cut: iou(logits > cut, masks))


class Run:
    """A network trained with one loss on scenes of one size."""

    def __init__(self, loss, size, hidden=(32,)):
        draw = np.random.default_rng([args.seed, 1])  # one start and one order for all losses
        self.model = MLP(WINDOW**2, *hidden, 1, rng=draw)
        self.size = size
        optimizer = Adam(self.model.parameters(), lr=0.03)
        schedule = CosineAnnealingLR(optimizer, T_max=STEPS)
        for _ in range(STEPS):
            batch = draw.choice(len(size.pictures), 96 // size.side, replace=False)
            optimizer.zero_grad()
            loss(self.logits(size.pictures[batch]), size.masks[batch]).backward()
            optimizer.step()
            schedule.step()
        with no_grad():
            held = self.logits(size.held_pictures).data
            self.seen = self.logits(size.new_pictures).data
        self.cut = best_cut(held, size.held_masks)
        self.held_iou = iou(held > self.cut, size.held_masks)
        self.found = self.seen > 0
        self.half = self.iou_at(0)
        self.own = self.iou_at(self.cut)
        self.nats = binary_cross_entropy_with_logits(self.seen, size.new_masks)

    def logits(self, pictures):
        return self.model(self.size.windows(pictures)).reshape(pictures.shape)

    def iou_at(self, cut):
        return iou(self.seen > cut, self.size.new_masks)

    def half_of_dice(self):
        """Half of the Dice that is reached on held-out scenes."""
        return self.held_iou / (1 + self.held_iou)

    def highest(self):
        return sigmoid(self.seen.max())

    def precision(self):
        return np.sum(self.found * self.size.new_masks) / max(1, self.found.sum())

    def recall(self):
        return self.found[self.size.new_masks == 1].mean()


runs = {
    name: {which: Run(LOSSES[which], size) for which in ("BCE", "Dice", "Dice + BCE")}
    for name, size in SIZES.items()
}
runs["small"]["Tversky"] = Run(LOSSES["Tversky"], small)
linear = Run(dice_bce_loss, small, hidden=())
ink_cut = best_cut(small.held_pictures, small.held_masks)
all_ink = iou(small.new_pictures > ink_cut, small.new_masks)
rows = [
    (
        f"{which}, {name}",
        f"{run.half:.3f}",
        f"{np.mean(run.found == run.size.new_masks):.1%}",
        f"{run.precision():.0%}",
        f"{run.recall():.0%}",
    )
    for name in SIZES
    for which, run in runs[name].items()
]
rows += [
    ("(a linear model, Dice + BCE, small)", f"{linear.half:.3f}", "", "", ""),
    ("(all that is dark, small)", f"{all_ink:.3f}", "", "", ""),
]
table(["trained with, scenes", "IoU at p > 1/2", "accuracy", "precision", "recall"], rows)
recalls = {name: [runs[name][which].recall() for which in ("BCE", "Dice")] for name in SIZES}
claim(
    "At p > 1/2 BCE's network finds fewer of the digits' pixels than Dice's, in both sizes",
    all(of_bce < of_dice for of_bce, of_dice in recalls.values()),
    "{:.0%} against {:.0%} in small scenes, {:.0%} against {:.0%} in large ones".format(
        *recalls["small"], *recalls["large"]
    ),
)
behind = {
    name: max(run.half for run in runs[name].values()) - runs[name]["Dice + BCE"].half
    for name in SIZES
}
claim(
    "At p > 1/2 Dice + BCE has the best IoU, or is within 0.03 of the best, in both sizes",
    max(behind.values()) < 0.03,
    f"{max(behind.values()):.3f} behind the best",
)
tversky = runs["small"]["Tversky"]
dice = runs["small"]["Dice"]
claim(
    "Tversky's loss finds more of the digits than Dice, and its finds are less often right",
    tversky.recall() > dice.recall() + 0.03 and tversky.precision() < dice.precision() - 0.03,
    f"recall {100 * (tversky.recall() - dice.recall()):+.0f}, "
    f"precision {100 * (tversky.precision() - dice.precision()):+.0f} points",
)
say(f"""
In large scenes BCE's network gives no pixel more than p = {runs["large"]["BCE"].highest():.2f}.
""")
predict("""
    So BCE does not see small objects, because the background drowns them? p > 1/2 was our choice.
    Let each network have the cut that is best on held-out scenes. Which loss has the best IoU on
    new scenes now? And where should BCE's cut lie?
""")

# %% BCE was not blind

say("""
Where should it lie? Of two pixels the likelier one belongs to the mask first. So add pixels in the
order of their probability, as long as the expected Dice grows:
""")
formula(
    """
    2 (I + p) / (P + 1 + T) > 2 I / (P + T)   if and only if   p > I / (P + T) = Dice / 2
    """,
    tex=r"\frac{2(I + p)}{P + 1 + T} > \frac{2I}{P + T} \iff p > \frac{I}{P + T} "
    r"= \frac{\text{Dice}}{2}",
)
say("""
The best cut of true probabilities is half of the Dice that is reached there (Lipton, Elkan and
Narayanaswamy 2014, Thresholding classifiers to maximize F1 score). It is 1/2 only for a perfect
model, and the lower, the harder the task.
""")
rows = [
    (
        f"{which}, {name}",
        f"{run.half:.3f}",
        f"{run.own:.3f}",
        f"{sigmoid(run.cut):.2f}",
        f"{run.own / (1 + run.own):.2f}",
        f"{1000 * run.nats:.0f}",
    )
    for name in SIZES
    for which, run in runs[name].items()
]
header = ["trained with, scenes", "IoU, p > 1/2", "IoU, own cut", "own cut", "Dice / 2", "mnat"]
table(header, rows)
say("(mnat: thousandths of a nat of cross-entropy for each pixel of new scenes.)")
bce_runs = [runs[name]["BCE"] for name in SIZES]
dice_runs = [runs[name]["Dice"] for name in SIZES]
below_best = []
for run in bce_runs:
    half_dice = run.half_of_dice()
    at_half_dice = run.iou_at(np.log(half_dice / (1 - half_dice)))
    best = max(run.iou_at(cut) for cut in TRIED)
    below_best.append(max(0.0, best - at_half_dice))
claim(
    "Cut at half of the Dice of held-out scenes, BCE is within 0.03 IoU of its best cut of all",
    max(below_best) < 0.03,
    f"{below_best[0]:.3f} below it in small scenes, {below_best[1]:.3f} in large ones",
)
ahead = [bce.own - other.own for bce, other in zip(bce_runs, dice_runs)]
claim(
    "Each at its own cut, BCE beats Dice or is less than 0.05 IoU behind it, in both sizes",
    min(ahead) > -0.05,
    f"{ahead[0]:+.3f} in small scenes, {ahead[1]:+.3f} in large ones",
)
dearer = [other.nats / bce.nats for bce, other in zip(bce_runs, dice_runs)]
claim(
    "As probabilities Dice's answers cost more than twice as many nats as BCE's, in both sizes",
    min(dearer) > 2,
    f"{dearer[0]:.1f} times in small scenes, {dearer[1]:.1f} times in large ones",
)
say("""
A cut can be built into BCE as well. Lesson 11 showed that a weight w on the rare class adds log w
to the logit. So the cut c comes to lie at p = 1/2 with:
""")
formula(
    """
    log w = -log(c / (1 - c)),   w = (1 - c) / c,   c half of the Dice on held-out scenes
    """,
    tex=r"\log w = -\log \frac{c}{1 - c} \;\Rightarrow\; w = \frac{1 - c}{c}, \qquad "
    r"c = \frac{\text{Dice}}{2}",
)
half_dice = runs["large"]["BCE"].half_of_dice()
weight = (1 - half_dice) / half_dice
weighted = Run(partial(binary_cross_entropy_with_logits, pos_weight=weight), large)
ahead_of_dice = weighted.half - runs["large"]["Dice"].half
claim(
    "With this weight on the digit's pixels BCE beats Dice at p > 1/2 in large scenes, or is less "
    "than 0.02 IoU behind it",
    ahead_of_dice > -0.02,
    f"{ahead_of_dice:+.3f}: IoU {weighted.half:.3f} with w = {weight:.1f}; Dice + BCE "
    f"{runs['large']['Dice + BCE'].half:.3f}",
)
say("""
So Dice does not see more than BCE: it has the cut built in, and a weight does the same. In return
its answers are no longer probabilities, they are pushed to 0 and 1. The sum lies between: it needs
no weight and no cut, and its numbers say a little more. If you train with BCE, choose the cut on
held-out pictures.
""")
predict("A scene without a digit, and a model that says p = 0.001 everywhere: its Dice loss? BCE?")

# %% Nothing to find

empty = np.zeros((24, 24))
doubt = np.full((24, 24), 0.001)
strict = dice_loss(doubt, empty)
smooth = dice_loss(doubt, empty, eps=1)
calm = binary_cross_entropy(doubt, empty)
claim(
    "On a scene with nothing to find a tiny doubt is a total miss for Dice, unless eps is a pixel",
    strict > 0.99 and smooth < 0.5 and calm < 0.01,
    f"{strict:.2f}, with eps = 1 {smooth:.2f}; BCE {calm:.3f}",
)
say("""
The quotient is 0 / 0, or nearly. Take Dice over the whole batch (as here), or leave out the empty
pictures, and see how your metric treats them before you compare with a paper.
""")
predict("""
    The second part, in short: detection wants a box. As a loss, what does IoU say of two boxes that
    are apart? And what is wrong with the plain distance of their corners?
""")

# %% Boxes

formula(
    """
    box IoU loss          1 - I / U                     U the union
    generalized IoU loss  1 - I / U + (A - U) / A       A the smallest box around both
    """,
    tex=r"1 - \frac{I}{U}, \qquad 1 - \frac{I}{U} + \frac{A - U}{A}",
)
box = Tensor([0.0, 0.0, 2.0, 2.0], requires_grad=True)  # x1, y1, x2, y2
goal = np.array([4.0, 3.0, 7.0, 7.0])
apart = box_iou_loss(box, goal)
(pull,) = grad(apart, box)
claim(
    "Between boxes that are apart the IoU loss is 1 and has no gradient",
    apart.item() == 1 and not pull.any(),
    f"loss {apart.item():.0f}, largest slope {np.abs(pull).max():.0f}",
)
optimizer = Adam([box], lr=0.1)
for _ in range(150):
    optimizer.zero_grad()
    generalized_box_iou_loss(box, goal).backward()
    optimizer.step()
reached = 1 - box_iou_loss(box, goal).item()
claim(
    "The generalized IoU loss brings the boxes together",
    reached > 0.9,
    f"IoU {reached:.2f} after 150 steps",
)
boxes = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 4.0, 3.0]])
same = [generalized_box_iou_loss(*(scale * boxes)) for scale in (1, 10)]
corners = [l1_loss(*(scale * boxes)) for scale in (1, 10)]
claim(
    "At ten times the size it says the same, where the distance of the corners says ten times more",
    np.isclose(*same) and np.isclose(10 * corners[0], corners[1]),
    f"{same[0]:.2f} and {same[1]:.2f}; corners {corners[0]:.1f} and {corners[1]:.1f}",
)
say("""
The distance of the corners pulls as well, but large objects own it; an overlap has no unit. The
generalized loss is by Rezatofighi et al. (2019, Generalized intersection over union).
""")

# %% The picture

CUTS = np.linspace(0.02, 0.98, 49)
typical = {}  # of each size, the scene whose IoU is nearest to that of all scenes
for name, size in SIZES.items():
    found = runs[name]["Dice + BCE"].found
    each = [iou(mask, truth) for mask, truth in zip(found, size.new_masks)]
    typical[name] = int(np.argmin(np.abs(np.array(each) - runs[name]["Dice + BCE"].half)))


def draw_masks(figure, cut):
    """A scene, its digit, and what two networks find with p above the cut."""
    columns = {"scene": small.new_pictures[typical["small"]]}
    columns["truth"] = small.new_masks[typical["small"]]
    for name in ("BCE", "Dice"):
        columns[name] = sigmoid(runs["small"][name].seen[typical["small"]]) > cut
    for ax, (title, picture) in zip(figure.subplots(2, 2).flat, columns.items()):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=10)


sweep(draw_masks, [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.95], "cut")

fig = plt.figure(figsize=(13, 4))
left, right = fig.subfigures(1, 2, width_ratios=[1.2, 1])
titles = ["scene", "truth", "BCE\np > 1/2", "BCE\nits own cut", "Dice + BCE\np > 1/2"]
for row, (axes, (name, which)) in enumerate(zip(left.subplots(2, 5), typical.items())):
    size = SIZES[name]
    bce = runs[name]["BCE"]
    columns = [
        size.new_pictures[which],
        size.new_masks[which],
        bce.found[which],
        bce.seen[which] > bce.cut,
        runs[name]["Dice + BCE"].found[which],
    ]
    for ax, picture, title in zip(axes, columns, titles):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
        if row == 0:
            ax.set_title(title, fontsize=9, loc="center")
    axes[0].set_ylabel(name)
for ax, (name, title) in zip(
    right.subplots(1, 2, sharey=True),
    {"small": "Small: BCE wants a low cut", "large": "Large: an even lower one"}.items(),
):
    for which, run in runs[name].items():
        by_cut = [run.iou_at(np.log(cut / (1 - cut))) for cut in CUTS]
        ax.plot(CUTS, by_cut, color=COLORS[which], label=which)
    ax.axvline(0.5, color=COLOR["truth"], linestyle=":", linewidth=1)
    ax.set(xlabel="found, if p is above", ylim=(0, 0.8))
    ax.set_title(title)
    if name == "small":
        ax.set_ylabel("IoU on new scenes")
        ax.legend(loc="upper center", ncols=2, fontsize=8)
save(fig)

# %% Take away

takeaway("""
    Where the object is small, accuracy is blind and IoU is strict. Dice gives the object half of
    the gradient and builds the cut in, so p > 1/2 works; its answers are not probabilities. BCE
    knows as much, but its cut is half of the Dice it reaches, and p > 1/2 may find nothing: choose
    the cut, or weigh the object. The sum of both losses needs neither. Mind the empty mask. Boxes
    that are apart need the generalized IoU.

    Next: lesson 26 learns pictures without labels, by rebuilding them.
""")
exercises(
    [
        "Do not standardize the windows. What does BCE find at p > 1/2 in small scenes, after 300 "
        "steps? And with its own cut?",
        "Some say that Dice cannot learn where p is near 0, because its gradient fades there. Set "
        "the last bias to -8 before training, in small scenes. Is it true?",
        "Train with sigmoid_focal_loss (lesson 11) in large scenes. What is its IoU at p > 1/2? "
        "And at its own cut?",
    ]
)
