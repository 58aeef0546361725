"""Lesson 25. Segmentation

Segmentation asks of each pixel whether it belongs to the object, and the object is often a small
part of the picture. A loss that averages over pixels then hears the background, and little else.

Lesson 11 met rare classes; here they have a shape. Handwritten digits hide among scraps of other
digits, and cross-entropy meets losses that measure overlap. At the end, two losses for boxes.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, grad, losses, no_grad
from microloss.datasets import load_digits
from microloss.functional import sigmoid
from microloss.metrics import iou
from microloss.nn import MLP
from microloss.optim import Adam
from microloss.training import batches

rng = begin()
digits = rng.permutation(load_digits()[0].reshape(-1, 8, 8) / 16)


def scenes(n, digits):
    """Pictures of 24 by 24 pixels: 25 scraps of 3 by 3, noise, one whole digit; and its mask."""
    pictures, masks = np.zeros((2, n, 24, 24))
    for picture, mask in zip(pictures, masks):
        for digit in rng.choice(digits, 25):
            (a, b), (row, column) = rng.integers(6, size=2), rng.integers(22, size=2)
            picture[row : row + 3, column : column + 3] = digit[a : a + 3, b : b + 3]
        digit, (row, column) = rng.choice(digits), rng.integers(17, size=2)
        ink, place = digit > 0.3, np.s_[row : row + 8, column : column + 8]
        picture[place][ink], mask[place] = digit[ink], ink
    return pictures + 0.1 * rng.normal(size=pictures.shape), masks


def windows(pictures):
    """The 9 by 9 pixels around each pixel, (n * 24 * 24, 81)."""
    padded = np.pad(pictures, ((0, 0), (4, 4), (4, 4)))
    return np.lib.stride_tricks.sliding_window_view(padded, (9, 9), axis=(1, 2)).reshape(-1, 81)


pictures, masks = scenes(80, digits[:1200])
new_pictures, new_masks = scenes(60, digits[1200:])
inputs, new_inputs = (windows(x.astype(np.float32)) for x in (pictures, new_pictures))

# ---- who is heard --------------------------------------------------------------------------------

predict("""
    A model finds nothing, ever. How accurate is it, pixel by pixel? And what is its IoU: the pixels
    in both masks, as a share of those in either?
""")
nothing = np.zeros_like(new_masks)
lazy, overlap = np.mean(nothing == new_masks), iou(nothing, new_masks)
claim("accuracy praises it, IoU does not", lazy > 0.94 and overlap == 0, f"{lazy:.1%}, {overlap}")
say("""
A network starts unsure: p = 1/2 everywhere. Binary cross-entropy (BCE) then pulls equally hard at
each pixel. The Dice loss is 1 - 2 sum(p t) / (sum(p) + sum(t)), t the mask: 1 minus a soft F1.
""")
LOSSES = {
    "BCE": losses.binary_cross_entropy_with_logits,
    "Dice": lambda z, t: losses.dice_loss(sigmoid(z), t),
    "Dice + BCE": losses.dice_bce_loss,
    "Tversky": lambda z, t: losses.tversky_loss(sigmoid(z), t, alpha=0.2, beta=0.8),
}
logits, shares = Tensor(np.zeros_like(masks), requires_grad=True), {}
for name, loss in LOSSES.items():
    (pull,) = np.abs(grad(loss(logits, masks), logits))
    shares[name] = pull[masks == 1].sum() / pull.sum()
claim(
    "the digits have half of Dice's gradient, and of BCE's their share of the pixels",
    abs(shares["Dice"] - 0.5) < 0.05 and abs(shares["BCE"] - masks.mean()) < 1e-9,
    "{Dice:.0%} against {BCE:.1%}".format(**shares),
)

# ---- four losses ---------------------------------------------------------------------------------

predict("""
    A small network sees 9 by 9 pixels and judges the middle one: the digit's if p > 1/2. It learns
    by BCE, Dice, Dice + BCE, and Tversky, Dice with misses four times as dear as false alarms. What
    changes in accuracy, and what in IoU?
""")


def predicted(inputs):
    with no_grad():
        return model(inputs).data.reshape(-1, 24, 24)


start, early, paths, rows = rng.integers(1000), {}, {}, {}
for name, loss in LOSSES.items():
    order = np.random.default_rng(start)  # the same start and order for each loss
    model, paths[name] = MLP(81, 16, 1, rng=order, dtype=np.float32), []
    optimizer = Adam(model.parameters(), lr=0.03)
    for epoch in range(1, 21):
        for batch in batches(80, 4, order):
            optimizer.zero_grad()
            logits = model(inputs.reshape(80, -1, 81)[batch]).reshape(4, 24, 24)
            loss(logits, masks[batch]).backward()
            optimizer.step()
        found = predicted(new_inputs) > 0
        paths[name].append(iou(found, new_masks))
        if epoch == 5:
            early[name] = predicted(inputs), predicted(new_inputs)
    right, hits = np.mean(found == new_masks), np.sum(found * new_masks)
    rows[name] = paths[name][-1], right, hits / max(1, found.sum()), hits / new_masks.sum()
shown = [(name, *(f"{x:.1%}" for x in row)) for name, row in rows.items()]
table(["loss", "IoU", "accuracy", "precision", "recall"], shown)
fifth = {name: path[4] for name, path in paths.items()}
against = f"IoU {fifth['BCE']:.1%} against {fifth['Dice']:.1%}"
found_early = fifth["BCE"] < 0.05 and fifth["Dice"] > 0.7 * rows["Dice"][0]
claim("after 5 epochs BCE finds nothing, Dice most of what it ever will", found_early, against)
late = f"IoU {rows['BCE'][0]:.1%} against {rows['Dice'][0]:.1%}"
claim("after 20, BCE has caught up, or nearly", rows["Dice"][0] - rows["BCE"][0] < 0.1, late)
spread = np.ptp([row[1] for row in rows.values()] + [lazy])
claim("accuracy hardly tells any of them from nothing", spread < 0.05, f"all within {spread:.1%}")
extra = np.subtract(rows["Tversky"], rows["Dice"])[2:] * 100
changes = "precision {:+.0f}, recall {:+.0f} points".format(*extra)
claim("Tversky finds more, and more that is none", extra[1] > 3 > -3 > extra[0], changes)
predict("In epoch 5, was BCE's network blind? Choose its cut on the training scenes, not p > 1/2.")
old, new = early["BCE"]
cut = max(np.linspace(-5, 1, 25), key=lambda cut: iou(old > cut, masks))
bold = iou(new > cut, new_masks)
level = f"IoU {bold:.1%} for p > {sigmoid(cut):.2f}"
claim("only shy: with its own cut it is near Dice", bold > 0.75 * fifth["Dice"], level)

# ---- nothing to find, and boxes ------------------------------------------------------------------

predict("A scene without a digit, and a model that says p = 0.001 everywhere: its Dice loss? BCE?")
empty, doubt = np.zeros((24, 24)), np.full((24, 24), 0.001)
strict, smooth = losses.dice_loss(doubt, empty), losses.dice_loss(doubt, empty, eps=1)
calm = losses.binary_cross_entropy(doubt, empty)
softer = f"{strict:.2f}, with eps = 1 {smooth:.2f}; BCE {calm:.3f}"
claim("a total miss for Dice; an eps of one pixel helps", strict > 0.99 and smooth < 0.5, softer)
predict("Detection wants a box. As a loss, what does IoU say of boxes that are apart?")
box, goal = Tensor([0.0, 0, 2, 2], requires_grad=True), np.array([4.0, 3, 7, 7])
apart = losses.box_iou_loss(box, goal)
(pull,) = grad(apart, box)
claim("no gradient at all", np.all(pull == 0), f"loss {apart.item():.0f}")
optimizer = Adam([box], lr=0.05)
for _ in range(400):
    optimizer.zero_grad()
    losses.generalized_box_iou_loss(box, goal).backward()
    optimizer.step()
reached = 1 - losses.box_iou_loss(box, goal).item()
claim("the generalized one brings them together", reached > 0.9, f"IoU {reached:.2f}")

fig, axes = plt.subplots(1, 5, figsize=(10, 3.8), width_ratios=[1, 1, 1, 1, 3.2])
columns = {"3 scenes": new_pictures, "truth": new_masks, "BCE": early["BCE"][1] > 0}
for ax, (title, column) in zip(axes, (columns | {"Dice": early["Dice"][1] > 0}).items()):
    ax.imshow(np.vstack(column[:3]), cmap="gray", vmin=0, vmax=1)
    ax.set(title=title, xticks=[], yticks=[], xlabel="epoch 5" if title in LOSSES else "")
for (name, path), key in zip(paths.items(), ("bce", "dice", "dice_ce", "tversky")):
    axes[4].plot(range(1, 21), path, color=COLOR[key], label=name)
axes[4].set(xlabel="epoch", ylabel="IoU on new scenes", title="Dice finds it at once, BCE late")
axes[4].set_xticks([1, 5, 10, 15, 20])
axes[4].legend(loc="lower right")
save(fig)

takeaway("""
    Accuracy is blind where the object is small. Dice gives it half of the say, and finds it early;
    BCE lacks time and a cut below 1/2, more than knowledge. Mind the empty mask and far boxes.

    Next: lesson 26 learns pictures without labels, by rebuilding them.
""")
exercises(
    [
        "Use the focal loss (lesson 11) here. Is it shy as well?",
        "Leave the digit out of half of the scenes. Take Dice per picture: axis=(1, 2).",
        "Make the scenes 48 by 48 pixels, still with one digit. How long does BCE wait now?",
    ]
)
