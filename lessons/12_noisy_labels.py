"""Lesson 12. When labels are wrong

When labels are wrong, cross-entropy first learns what is true of most of them, and then learns the
wrong ones by heart, one by one. A loss that stops listening to what it finds impossible keeps what
was learned: the generalised cross-entropy of Zhang and Sabuncu (2018).

Whoever labels thousands of images by hand makes mistakes, and labels collected from the web are
worse. We give wrong labels to 40 % of our digits, keep the test images clean, and watch. Lesson 10
said that cross-entropy listens hardest to the confidently wrong; here, "wrong" is the label itself.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, no_grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, focal_loss, generalized_cross_entropy
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import SGD
from microloss.training import fit

rng = begin()
NOISE, EPOCHS = 0.4, 40

# ---- cross-entropy learns by heart ---------------------------------------------------------------

X, y = load_digits()
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=997, seed=rng, stratify=y)
wrong = rng.random(len(y_train)) < NOISE
shift = rng.integers(1, 10, size=len(y_train))  # to any of the other nine digits
labels = np.where(wrong, (y_train + shift) % 10, y_train)
say(f"""
{len(X_train)} images to learn from, {wrong.sum()} of them with a wrong label. And {len(X_test)}
test images whose labels are right, which in practice nobody has.
""")
predict(f"""
    Two of five labels are lies. What share of the clean test images will a network read at best?
    And after {EPOCHS} epochs?
""")


def mae(z, t):
    """Half the mean absolute error between the probabilities and the label: 1 - p."""
    return generalized_cross_entropy(z, t, q=1)


LOSSES = {
    "cross-entropy": cross_entropy,
    "label smoothing": lambda z, t: cross_entropy(z, t, label_smoothing=0.2),
    "MAE": mae,
    "GCE": generalized_cross_entropy,  # q = 0.7
}
PAINT = dict(zip(LOSSES, (COLOR[name] for name in ("ce", "label_smoothing", "mae", "gce"))))


def train(loss):
    """By epoch: clean test accuracy, wrong labels repeated, scores of the images, loss."""
    model = MLP(64, 256, 10, rng=args.seed)
    clean, scores = [], []

    def watch(epoch, model, history):
        with no_grad():
            clean.append(accuracy(model(X_test).data.argmax(axis=1), y_test))
            scores.append(model(X_train).data)

    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    order = np.random.default_rng(args.seed)  # the same batches for every loss
    history = fit(model, loss, optimizer, X_train, labels, epochs=EPOCHS, rng=order,
                  callbacks=[watch])  # fmt: skip
    repeated = [accuracy(z[wrong].argmax(axis=1), labels[wrong]) for z in scores]
    return np.array(clean), np.array(repeated), scores, history.train


runs = {name: train(loss) for name, loss in LOSSES.items()}
ends = {name: run[0][-5:].mean() for name, run in runs.items()}  # single epochs scatter
clean, repeated, scores, losses = runs["cross-entropy"]
best, end = clean.argmax(), ends["cross-entropy"]
claim(
    "at best, most of the clean test images are read, although two of five labels were wrong: the "
    "lies contradict each other, the truth does not",
    clean.max() > 0.85,
    f"{clean.max():.1%}, after epoch {best + 1}",
)
claim(
    "then it falls, while the training loss goes on falling: the wrong labels are learned by heart",
    end < clean.max() - 0.1
    and losses[-1] < losses[best] - 0.2
    and repeated[-1] > repeated[best] + 0.2,
    f"to {end:.1%} over the last 5 epochs; {repeated[best]:.0%} of the wrong labels are repeated "
    f"at its best, {repeated[-1]:.0%} at the end",
)

# ---- who pulls -----------------------------------------------------------------------------------

say("""
Why? The gradient of cross-entropy along the scores is p - y. Where the network gives the label a
probability of 0.01, the label pulls with 0.99, however right the network may be. The generalised
cross-entropy (GCE) is (1 - p^q) / q, with the probability p of the label. Its gradient is that of
cross-entropy times p^q: what is found impossible hardly pulls. Like the paper, we take q = 0.7.
""")
z, t = 3 * rng.normal(size=(200, 10)), rng.integers(10, size=200)
p = F.softmax(z)[np.arange(200), t]


def slope(loss, z, t):
    z = Tensor(z, requires_grad=True)
    loss(z, t).backward()
    return z.grad


gap = slope(generalized_cross_entropy, z, t) - p[:, None] ** 0.7 * slope(cross_entropy, z, t)
gap = np.abs(gap).max()
claim("GCE's gradient is p^q times cross-entropy's", gap < 1e-14, f"off by {gap:.0e}")
near = generalized_cross_entropy(z, t, q=1e-6) / cross_entropy(z, t) - 1
half = np.abs(F.softmax(z) - F.one_hot(t, 10)).sum(axis=1).mean() / 2
claim(
    "with q -> 0 it is cross-entropy, with q = 1 half the absolute error of the probabilities",
    abs(near) < 1e-4 and abs(mae(z, t) - half) < 1e-14,
    f"for q = 1e-6 off by {abs(near):.0e} of it, for q = 1 by {abs(mae(z, t) - half):.0e}",
)

predict("""
    Take the network at its best. Of all the pull on it, how much comes from the wrong labels? Order
    cross-entropy, focal loss (lesson 11) and GCE.
""")
share = {}
for loss in (focal_loss, cross_entropy, generalized_cross_entropy):
    pull = np.abs(slope(loss, scores[best], labels)).sum(axis=1)
    share[loss] = pull[wrong].sum() / pull.sum()
claim(
    "the focal loss concentrates on the lies even more than cross-entropy, GCE much less",
    share[focal_loss] > share[cross_entropy] > share[generalized_cross_entropy] + 0.15,
    ", ".join(f"{value:.0%}" for value in share.values()),
)

# ---- all four ------------------------------------------------------------------------------------

predict("So which one reads most clean images in the end? And why not always MAE?")
claim(
    "GCE ends far above cross-entropy, and near its own best",
    ends["GCE"] > end + 0.1 and ends["GCE"] > runs["GCE"][0].max() - 0.06,
    f"{ends['GCE']:.1%} against {end:.1%}",
)
claim(
    "label smoothing does not help: the lies are learned by heart all the same",
    ends["label smoothing"] < ends["GCE"] - 0.05 and runs["label smoothing"][1][-1] > 0.3,
    f"it ends at {ends['label smoothing']:.1%}",
)
claim(
    "MAE hardly hears the lies, and for the same reason starts slowly: at first the truth is found "
    "improbable as well",
    runs["MAE"][1][-1] < 0.2 and runs["MAE"][0][2] < clean[2] - 0.1,
    f"after 3 epochs it reads {runs['MAE'][0][2]:.0%}, cross-entropy {clean[2]:.0%}",
)
predict("Can a network that learned from bad labels find the bad ones among them?")
doubted = runs["GCE"][2][-1].argmax(axis=1) != labels
claim(
    "GCE can: most of the labels that it contradicts are wrong, and most wrong ones are among them",
    wrong[doubted].mean() > 0.85 and doubted[wrong].mean() > 0.8,
    f"{wrong[doubted].mean():.0%} of {doubted.sum()}, {doubted[wrong].mean():.0%} of {wrong.sum()}",
)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
epochs = np.arange(1, EPOCHS + 1)
for name, (clean, repeated, *_) in runs.items():
    left.plot(epochs, 100 * clean, color=PAINT[name], label=name)
    right.plot(epochs, 100 * repeated, color=PAINT[name], label=name)
left.set(xlabel="epoch", ylabel="clean test images read (%)", ylim=(40, 100))
left.set(title=f"Cross-entropy peaks and falls, GCE stays at {ends['GCE']:.0%}")
right.legend(loc="upper left")
right.set(xlabel="epoch", ylabel="wrong labels repeated (%)", ylim=(0, 75))
right.set(title="It learns the lies by heart, GCE does not")
save(fig)

takeaway("""
    A network learns first what most labels agree on, and the exceptions later. Cross-entropy pulls
    hardest on what contradicts the network, so in the end it learns the lies. GCE fades that pull
    by p^q: q near 0 learns fast and believes all, q = 1 is MAE, deaf to lies and slow to learn.
    What GCE contradicts in the end are mostly lies: it finds them for you.

    Next: lesson 13 makes distributions of the labels, and measures how far apart two of them are.
""")
exercises(
    [
        "Keep 200 images, as badly labelled, aside, and stop cross-entropy where the loss on them "
        "is lowest. How much of the fall is it spared?",
        "Real mistakes are not spread evenly: a 4 is taken for a 9. Give 40 % of the digits the "
        "next higher label. Does GCE still win?",
    ]
)
