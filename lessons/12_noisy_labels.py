"""Lesson 12. When labels are wrong

When labels are wrong, cross-entropy first learns what is true of most of them, and then learns the
wrong ones by heart, one by one (memorisation, a form of overfitting). A loss that stops listening
to what it finds impossible keeps what was learned: the generalised cross-entropy.

Whoever labels thousands of images by hand makes mistakes, and labels collected from the web are
worse. We give wrong labels to 40 % of our digits, each of the other nine digits equally often
(symmetric noise), keep the test images clean, and watch. Lesson 10 said that cross-entropy listens
hardest to the confidently wrong; here, "wrong" is the label itself.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, no_grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, focal_loss, generalized_cross_entropy
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import SGD
from microloss.training import fit

rng = begin()
NOISE = 0.4
EPOCHS = 40

# %% Wrong labels

X, y = load_digits()
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=797, seed=rng, stratify=y)
wrong = rng.random(len(y_train)) < NOISE
shift = rng.integers(1, 10, size=len(y_train))  # to any of the other nine digits
labels = np.where(wrong, (y_train + shift) % 10, y_train)
held_out = np.arange(len(labels)) < 200  # as badly labelled as the others
fitted = ~held_out
say(f"""
{fitted.sum()} images to learn from and {held_out.sum()} to watch the loss on, {wrong.sum()} of them
with a wrong label. And {len(X_test)} test images whose labels are right, which in practice nobody
has.
""")
predict(f"""
    Two of five labels are wrong. What share of the clean test images will a network read at best?
    And after {EPOCHS} epochs?
""")

# %% Cross-entropy learns by heart


def mae(scores, target):
    """1 - p: half the mean absolute error between the probabilities and the label."""
    return generalized_cross_entropy(scores, target, q=1)


LOSSES = {
    "cross-entropy": cross_entropy,
    "label smoothing": lambda scores, t: cross_entropy(scores, t, label_smoothing=0.2),
    "MAE": mae,
    "GCE": generalized_cross_entropy,  # q = 0.7
}
COLORS = dict(zip(LOSSES, (COLOR[name] for name in ("ce", "label_smoothing", "mae", "gce"))))


class Run:
    """One network, trained with one loss, and what was seen of it after each epoch."""

    def __init__(self, loss, start=0, epochs=EPOCHS):
        model = MLP(64, 256, 10, rng=np.random.default_rng([args.seed, start]))
        self.clean = []  # share of test images read
        self.test_digits = []
        self.train_scores = []

        def watch(epoch, model, history):
            with no_grad():
                read = model(X_test).data.argmax(axis=1)
                self.train_scores.append(model(X_train[fitted]).data)
            self.test_digits.append(read)
            self.clean.append(accuracy(read, y_test))

        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
        order = np.random.default_rng(args.seed)  # the same batches for every loss
        history = fit(
            model, loss, optimizer, X_train[fitted], labels[fitted], epochs=epochs, rng=order,
            validation=(X_train[held_out], labels[held_out]), callbacks=[watch],
        )  # fmt: skip
        self.clean = np.array(self.clean)
        self.train_loss = history.train
        self.held_out_loss = np.array(history.val)
        self.end = self.clean[-5:].mean()  # single epochs scatter

    def repeated(self):
        """By epoch: the share of wrong training labels that the network gives itself."""
        lies = wrong[fitted]
        return np.array([
            accuracy(scores[lies].argmax(axis=1), labels[fitted][lies])
            for scores in self.train_scores
        ])  # fmt: skip

    def recall(self):
        """Share of each digit's test images that is read in the end."""
        return np.array(
            [np.mean(self.test_digits[-1][y_test == digit] == digit) for digit in range(10)]
        )


runs = {name: Run(loss) for name, loss in LOSSES.items()}
plain = runs["cross-entropy"]
best = plain.clean.argmax()
repeated = plain.repeated()
claim(
    "With two of five labels wrong, the network at its best reads more than 80 % of clean images",
    plain.clean.max() > 0.8,
    f"{plain.clean.max():.1%}, after epoch {best + 1}",
)
claim(
    "Then it loses more than 10 points of accuracy while its training loss goes on falling",
    plain.end < plain.clean.max() - 0.1 and plain.train_loss[-1] < plain.train_loss[best] - 0.2,
    f"{100 * (plain.clean.max() - plain.end):.1f} points, to {plain.end:.1%}",
)
claim(
    "Meanwhile it learns wrong labels by heart: more than 20 points more of them at the end",
    repeated[-1] > repeated[best] + 0.2,
    f"{100 * (repeated[-1] - repeated[best]):.0f} points: {repeated[best]:.0%} at its best, "
    f"{repeated[-1]:.0%} at the end",
)
say("""
The wrong labels contradict each other, the right ones do not: so what most labels agree on is
learned first. Is there a moment to stop (early stopping), although nobody has clean labels?
""")
stop = plain.held_out_loss.argmin()
saved = (plain.clean[stop] - plain.end) / (plain.clean.max() - plain.end)
claim(
    "Stopping where the loss on badly labelled held-out images is lowest saves more than a third "
    "of the fall",
    saved > 0.35,
    f"{saved:.0%}: {plain.clean[stop]:.1%} after epoch {stop + 1}",
)

# %% Who pulls

say("""
Why does it fall? The gradient of cross-entropy along the scores z is p - y: where the network gives
the label a probability of 0.01, the label pulls with 0.99, however right the network may be. The
generalised cross-entropy (GCE; Zhang and Sabuncu 2018, Generalized cross entropy loss for training
deep neural networks with noisy labels) multiplies that pull by p^q. With p the probability of the
label:
""")
formula(
    """
    GCE          = (1 - p^q) / q
    d GCE / dz   = -p^(q-1) dp/dz  =  p^q d(-log p)/dz       as d(-log p)/dz = -1/p dp/dz
    q -> 0: -log p, cross-entropy      q = 1: 1 - p, half the absolute error of the probabilities
    """,
    tex=r"\frac{\partial}{\partial z} \frac{1 - p^q}{q} = -p^{q-1} \frac{\partial p}{\partial z} "
    r"= p^q\, \frac{\partial(-\log p)}{\partial z}",
)
scores = 3 * rng.normal(size=(200, 10))
targets = rng.integers(10, size=200)
probability = F.softmax(scores)[np.arange(200), targets]


def slope(loss, scores, target):
    z = Tensor(scores, requires_grad=True)
    loss(z, target).backward()
    return z.grad


expected = probability[:, None] ** 0.7 * slope(cross_entropy, scores, targets)
gap = np.abs(slope(generalized_cross_entropy, scores, targets) - expected).max()
claim(
    "The gradient of GCE is p^q times that of cross-entropy",
    gap < 1e-14,
    f"off by {gap:.0e} at most",
)
near = generalized_cross_entropy(scores, targets, q=1e-6) / cross_entropy(scores, targets) - 1
half = np.abs(F.softmax(scores) - F.one_hot(targets, 10)).sum(axis=1).mean() / 2
claim(
    "With q -> 0 it is cross-entropy, with q = 1 half the absolute error of the probabilities",
    abs(near) < 1e-4 and abs(mae(scores, targets) - half) < 1e-14,
    f"off by {abs(near):.0e} of it for q = 1e-6, and by {abs(mae(scores, targets) - half):.0e}",
)
predict("""
    Take the network at its best. Of all the pull on it, how much comes from the wrong labels? Order
    cross-entropy, focal loss (lesson 11) and GCE.
""")

# %% The pull of wrong labels

share = {}
for loss in (focal_loss, cross_entropy, generalized_cross_entropy):
    pull = np.abs(slope(loss, plain.train_scores[best], labels[fitted])).sum(axis=1)
    share[loss] = pull[wrong[fitted]].sum() / pull.sum()
claim(
    "Wrong labels pull most under the focal loss, less under cross-entropy, least under GCE",
    share[focal_loss] > share[cross_entropy] > share[generalized_cross_entropy] + 0.1,
    ", ".join(f"{value:.0%}" for value in share.values()),
)
predict("Which of the four losses reads most clean images in the end? And why not always MAE?")

# %% All four losses

table(
    ["loss", "best epoch", "end", "wrong labels repeated", "least read digit"],
    [
        (
            name,
            f"{run.clean.max():.1%}",
            f"{run.end:.1%}",
            f"{run.repeated()[-1]:.0%}",
            f"{run.recall().argmin()}: {run.recall().min():.0%}",
        )
        for name, run in runs.items()
    ],
)
gce, smooth, absolute = runs["GCE"], runs["label smoothing"], runs["MAE"]
claim(
    "GCE ends more than 8 points above cross-entropy",
    gce.end > plain.end + 0.08,
    f"{100 * (gce.end - plain.end):.1f} points: {gce.end:.1%} against {plain.end:.1%}",
)
claim(
    "Label smoothing ends above cross-entropy, and below GCE",
    plain.end < smooth.end < gce.end,
    f"{100 * (smooth.end - plain.end):.1f} points above the one, "
    f"{100 * (gce.end - smooth.end):.1f} below the other",
)
say("Does it depend on the start? Eight other starts for MAE and for GCE, 20 epochs each:")
STARTS = range(1, 9)
given_up = {
    name: [np.sum(Run(LOSSES[name], start=n, epochs=20).recall() < 0.1) for n in STARTS]
    for name in ("MAE", "GCE")
}
table(
    ["start", *STARTS],
    [(f"digits that {name} gives up", *counts) for name, counts in given_up.items()],
)
claim(
    "In at least one of eight starts MAE gives up a whole digit: less than 10 % of it is read",
    np.count_nonzero(given_up["MAE"]) >= 1,
    f"{np.count_nonzero(given_up['MAE'])} of 8 starts, {max(given_up['MAE'])} digits at most",
)
claim(
    "GCE gives up a digit in fewer of these starts than MAE",
    np.count_nonzero(given_up["GCE"]) < np.count_nonzero(given_up["MAE"]),
    f"{np.count_nonzero(given_up['GCE'])} of 8",
)
say("""
MAE does not learn slowly: its pull is p times that of cross-entropy, and p is 0.1 at the start for
right and wrong labels alike. A digit that the network finds improbable for a while gets next to no
pull, whatever its labels say, and stays improbable. What is deaf to lies is deaf to news as well.
""")
predict("Can a network that learned from bad labels find the bad ones among them?")

# %% Finding the wrong labels

doubted = gce.train_scores[-1].argmax(axis=1) != labels[fitted]
lies = wrong[fitted]
claim(
    "More than 80 % of the labels that GCE's network contradicts are wrong",
    lies[doubted].mean() > 0.8,
    f"{lies[doubted].mean():.0%} of {doubted.sum()}; they hold {doubted[lies].mean():.0%} of all "
    "wrong ones",
)

# %% The picture

fig, (accuracy_panel, lies_panel, digits_panel) = plt.subplots(1, 3, figsize=(13, 4.2))
epochs = np.arange(1, EPOCHS + 1)
for name, run in runs.items():
    accuracy_panel.plot(epochs, 100 * run.clean, color=COLORS[name], label=name)
    lies_panel.plot(epochs, 100 * run.repeated(), color=COLORS[name])
accuracy_panel.set(xlabel="epoch", ylabel="clean test images read (%)", ylim=(30, 100))
accuracy_panel.set_title("Cross-entropy peaks and falls, GCE stays")
accuracy_panel.legend(loc="lower right", ncols=2, fontsize=8)
lies_panel.set(xlabel="epoch", ylabel="wrong labels repeated (%)", ylim=(0, 75))
lies_panel.set_title("It learns the wrong labels by heart")
starts = np.arange(len(STARTS))
for offset, name in ((-0.2, "MAE"), (0.2, "GCE")):
    digits_panel.bar(starts + offset, given_up[name], 0.4, color=COLORS[name])
digits_panel.set(xlabel="start", ylabel="digits that are given up", xticks=starts)
digits_panel.set_xticklabels(STARTS)
digits_panel.set_yticks(range(5))
digits_panel.set_title("MAE gives up digits, GCE none")
save(fig)

# %% Take away

takeaway("""
    A network learns first what most labels agree on, and the exceptions later. Cross-entropy pulls
    hardest on what contradicts the network, so in the end it learns the wrong labels; stopping
    early, even by badly labelled images, keeps much of what it knew. GCE fades that pull by p^q,
    and stays. Label smoothing helps a little. MAE (q = 1) is deaf to wrong labels, and from many
    starts to whole digits.
    What GCE contradicts in the end is mostly wrong: it finds the bad labels for you.

    Next: lesson 13 makes distributions of the labels, and measures how far apart two of them are.
""")
exercises(
    [
        "Train with GCE at q = 0.3 and 0.9. Which q ends highest?",
        "Real mistakes are not spread evenly: a 4 is taken for a 9. Give 40 % of the digits the "
        "next higher label. Does GCE still win?",
    ]
)
