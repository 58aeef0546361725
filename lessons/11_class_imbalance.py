"""Lesson 11. When one class is rare

When one class is rare, a model that never names it is nearly always right, so accuracy praises the
useless. There are four cures: weigh the rare class, show it more often (resampling), use the focal
loss, or move the cut above which we say yes. How much of each is the same thing under another name?

Fraud, diseases and faults are rare. Here it is the 8 among the handwritten digits, thinned until it
is one image in nineteen. Lesson 10 built the losses for classes; here the loss that we descend and
the metric that we care about part ways.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, sweep, table, takeaway

from microloss import Tensor
from microloss import functional as F
from microloss.datasets import load_digits
from microloss.losses import binary_cross_entropy_with_logits, sigmoid_focal_loss
from microloss.metrics import (
    accuracy,
    average_precision,
    f1_score,
    precision,
    precision_recall_curve,
    recall,
    roc_auc,
)
from microloss.optim import Adam, CosineAnnealingLR

rng = begin()
SPLITS = 8
EIGHTS = 30  # in each of three parts: to learn from, to choose with, to test on
OTHERS = 540
WEIGHT = OTHERS // EIGHTS

# %% Accuracy praises the useless

images, digits = load_digits()
pixels = images / 16
rows = np.array([
    np.concatenate([
        rng.permutation(np.flatnonzero(digits == 8))[: 3 * EIGHTS].reshape(3, EIGHTS),
        rng.permutation(np.flatnonzero(digits != 8))[: 3 * OTHERS].reshape(3, OTHERS),
    ], axis=1)
    for _ in range(SPLITS)
])  # fmt: skip
X_train, X_choose, X_test = pixels[rows].swapaxes(0, 1)  # each: splits, images, pixels
mean_picture = X_train.mean(axis=1, keepdims=True)
X_train = X_train - mean_picture
X_choose = X_choose - mean_picture
X_test = X_test - mean_picture
is_eight = (np.arange(EIGHTS + OTHERS) < EIGHTS).astype(int)  # the same order in every part
all_eights = np.tile(is_eight, (SPLITS, 1))
say(f"""
Is it an 8? We learn from {len(is_eight)} images, {EIGHTS} of them 8s, choose what there is to
choose with as many others, and test on a third set. Numbers made from {EIGHTS} images are rough, so
all of this happens in {SPLITS} random splits, and counts are taken over all of them together.
""")
formula(
    """
    precision = right alarms / all alarms     recall = right alarms / all 8s
    F1 = 2 precision recall / (precision + recall) = 2 right alarms / (all alarms + all 8s)
    """,
    tex=r"F_1 = \frac{2\,PR}{P + R} = \frac{2 \cdot \text{right alarms}}"
    r"{\text{all alarms} + \text{all 8s}}",
)
say("""
Two metrics need no cut, only the order of the scores. ROC AUC is the chance that an 8 scores higher
than another digit. Average precision (AP) is the mean precision while the cut goes down from 8 to
8; it looks only at the top of the order, where a rare class has to be.
""")
predict("A program answers no, whatever the image. What are its accuracy and its F1?")

# %% Two things that accuracy and F1 cannot do

never = np.zeros_like(all_eights)
useless = accuracy(never.ravel(), all_eights.ravel())
claim(
    "A program that always says no has an accuracy above 90 %, and an F1 of 0",
    useless > 0.9 and f1_score(never.ravel(), all_eights.ravel()) == 0,
    f"{useless:.1%}",
)
inked = np.flatnonzero(X_test[0].std(axis=0) > 0.01)
w = 0.2 * rng.normal(size=64)
f1s = set()
losses = set()
for pixel in inked:
    nudged = w + 1e-6 * (np.arange(64) == pixel)
    f1s.add(f1_score((X_test[0] @ nudged > 0).astype(int), is_eight))
    losses.add(binary_cross_entropy_with_logits(X_test[0] @ nudged, is_eight).item())
claim(
    "A small nudge to any weight of a model moves its cross-entropy and leaves its F1 where it was",
    len(f1s) == 1 and len(losses) == len(inked),
    f"{len(inked)} nudges give {len(losses)} different losses and {len(f1s)} F1",
)
say("""
F1 is made of counts: it is a staircase, and a staircase has no slope to follow. So a loss with a
slope must stand in for it (a surrogate), and what is best for the one may not be best for the
other. The binary cross-entropy (BCE) is the first choice. How could we turn it towards the 8s?
""")

# %% A weight moves the cut, and how far

say("""
Weighted BCE counts each 8 w times. What does that do? Take many images that look the same, of which
a share c are 8s. The best probability q for all of them is where the slope of the mean loss is 0:
""")
formula(
    """
    L(q)   = -w c log q - (1 - c) log(1 - q)
    dL/dq  = -w c / q + (1 - c) / (1 - q) = 0
    so     q / (1 - q) = w c / (1 - c)        and     logit q = logit c + log w
    """,
    tex=r"\begin{aligned} L(q) &= -w\, c \log q - (1 - c) \log(1 - q) \\"
    r"0 &= -\frac{w c}{q} + \frac{1 - c}{1 - q} \;\Rightarrow\; \frac{q}{1 - q} = "
    r"w\, \frac{c}{1 - c} \;\Rightarrow\; \operatorname{logit} q = \operatorname{logit} c + \log w"
    r"\end{aligned}",
)
say("""
Without a weight the best answer is the truth, q = c. With it all scores go up by log w, and nothing
else happens: q passes 1/2 where c passes 1 / (1 + w). So a weight is a cut in disguise (Elkan 2001,
The foundations of cost-sensitive learning).

The focal loss (Lin et al. 2017, Focal loss for dense object detection) is the other way to turn
BCE. It multiplies the BCE of each image by a power of the probability that was not given to its
truth, so that images that are easy count little. Its alpha is a weight for the classes.
""")
formula(
    """
    focal = -alpha (1 - p)^gamma log p                for an 8
            -(1 - alpha) p^gamma log(1 - p)           for another digit,   p = sigmoid(score)
    """,
    tex=r"\text{focal} = \begin{cases} -\alpha\, (1 - p)^\gamma \log p & \text{for an 8} \\"
    r"-(1 - \alpha)\, p^\gamma \log(1 - p) & \text{for another digit} \end{cases}",
)


def focal(gamma, alpha=None):
    def loss(scores, target, **options):
        return sigmoid_focal_loss(scores, target, alpha=alpha, gamma=gamma, **options)

    return loss


def weighted(w):
    def loss(scores, target, **options):
        return binary_cross_entropy_with_logits(scores, target, pos_weight=float(w), **options)

    return loss


LOSSES = {
    "BCE": binary_cross_entropy_with_logits,
    "weight 3": weighted(3),
    f"weight {WEIGHT}": weighted(WEIGHT),
    "gamma 2": focal(2),
    "alpha 0.75, gamma 2": focal(2, alpha=0.75),
}
KINDS = ("bce", "weighted_bce", "weighted_bce", "focal", "focal")
COLORS = dict(zip(LOSSES, (COLOR[kind] for kind in KINDS)))
chance = np.linspace(0.01, 0.99, 99)


SCORES = np.linspace(-10, 10, 4001)


def best_answers(loss):
    """For each share of 8s among images that look the same, the best probability to give them."""
    if_eight = loss(SCORES, np.ones(SCORES.shape), reduction="none")
    if_other = loss(SCORES, np.zeros(SCORES.shape), reduction="none")
    mean_loss = chance[:, None] * if_eight + (1 - chance[:, None]) * if_other
    return F.sigmoid(SCORES[mean_loss.argmin(axis=1)])


predict(f"""
    With a weight of {WEIGHT}, above which true chance does the best model say 8, if it says 8 above
    a probability of 0.5? And with gamma = 2 and no alpha?
""")

# %% What each loss would answer if it knew the truth

best = {name: best_answers(loss) for name, loss in LOSSES.items()}


def logit(p):
    return np.log(p / (1 - p))


shift = logit(best[f"weight {WEIGHT}"]) - logit(best["BCE"])
claim(
    "The best answer under weight w is that under BCE with log w added to its score",
    np.abs(shift - np.log(WEIGHT)).max() < 0.01,
    f"{shift.min():.4f} to {shift.max():.4f} are added, log {WEIGHT} is {np.log(WEIGHT):.4f}",
)
same_side = (best["gamma 2"] > 0.5) == (chance > 0.5)
drawn_in = np.abs(best["gamma 2"] - 0.5) < np.abs(chance - 0.5)
off_centre = np.abs(chance - 0.5) > 0.005
claim(
    "Gamma alone draws every answer towards 0.5 and leaves it on its side, so it moves no cut",
    same_side[off_centre].all() and drawn_in[off_centre].all(),
    f"a true chance of 0.10 is called {best['gamma 2'][9]:.2f}, one of 0.90 "
    f"{best['gamma 2'][89]:.2f}",
)
passing_alpha, passing_weight = (
    chance[np.argmax(best[name] > 0.5)] for name in ("alpha 0.75, gamma 2", "weight 3")
)
claim(
    "Alpha = 0.75 says 8 from the same true chance upwards with gamma = 2 as without gamma",
    passing_alpha == passing_weight,
    f"above 1/4: the first of the 99 chances is {passing_weight:.2f} for both",
)
say("""
By hand: at p = 1/2 the two factors (1 - p)^gamma and p^gamma are equal, whatever gamma is, and only
alpha to 1 - alpha is left. Alpha is a weight of alpha / (1 - alpha), here 3, and moves the cut.
Gamma does not, and its probabilities are not to be believed.
""")

# %% Showing the 8s more often

say("""
Instead of weighing, one can change the data (resampling). Copy each 8 until there are as many as
others (oversampling), or leave out others until there are as few as 8s (undersampling).
""")
start = Tensor(np.zeros(64), requires_grad=True)
weighted(WEIGHT)(X_train[0] @ start, is_eight, reduction="sum").backward()
slope_of_weight = start.grad
copies = np.where(is_eight == 1, WEIGHT, 1)
start.grad = None
copied = np.repeat(X_train[0], copies, axis=0)
binary_cross_entropy_with_logits(
    copied @ start, np.repeat(is_eight, copies), reduction="sum"
).backward()
gap = np.abs(start.grad - slope_of_weight).max()
claim(
    "The gradient with w copies of each 8 is the gradient with weight w",
    gap < 1e-10,
    f"off by {gap:.0e}, where the largest slope is {np.abs(slope_of_weight).max():.0f}",
)
say("""
So copies are a weight, if all images are used at once. In small batches they differ: a batch of 32
holds one or two 8s, each with a heavy weight, or it holds 16 of each kind, each with weight 1.
""")
BATCH = 32
slopes = (0.5 - is_eight)[:, None] * X_train[0]  # of each image's BCE, at the start


def scatter(gradients):
    """Variance of a batch's gradient, as a multiple of the squared length of its mean."""
    return gradients.var(axis=0).sum() / np.sum(gradients.mean(axis=0) ** 2)


by_weight = []
by_balance = []
for _ in range(1000):
    batch = rng.choice(len(is_eight), BATCH)
    by_weight.append(np.mean(copies[batch][:, None] * slopes[batch], axis=0))
    half_eights = rng.choice(EIGHTS, BATCH // 2)
    half_others = EIGHTS + rng.choice(OTHERS, BATCH // 2)
    by_balance.append(slopes[np.concatenate([half_eights, half_others])].mean(axis=0))
by_weight = np.array(by_weight)
by_balance = np.array(by_balance)
aligned = F.cosine_similarity(by_weight.mean(axis=0)[None], by_balance.mean(axis=0)[None])[0]
claim(
    "Batches with as many 8s as others have the gradient of weighted batches and less than half "
    "the scatter",
    aligned > 0.98 and scatter(by_balance) < scatter(by_weight) / 2,
    f"the means point the same way (cosine {aligned:.3f}), the variance is "
    f"{scatter(by_balance):.1f} against {scatter(by_weight):.1f} times the squared mean",
)

# %% Where the derivation stops

STEPS = 300


def descend(loss, X, y, penalties):
    """Weighted sums of the columns of X, one for each data set in X and for each penalty.

    X has the shape (data sets, examples, columns); w comes back as (data sets, columns, penalties).
    Penalty * |w|² / 2 gives each of them a minimum to arrive at (lesson 19).
    """
    w = Tensor(np.zeros((len(X), X.shape[2], len(penalties))), requires_grad=True)
    b = Tensor(np.zeros((len(X), 1, len(penalties))), requires_grad=True)
    target = np.repeat(y[:, :, None], len(penalties), axis=2)
    optimizer = Adam([w, b], lr=0.3)
    schedule = CosineAnnealingLR(optimizer, T_max=STEPS)
    steepest = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        sum_of_losses = loss(X @ w + b, target) * len(X) * len(penalties)
        (sum_of_losses + np.sum(penalties * w**2) / 2).backward()
        steepest.append(np.abs(w.grad).max())
        optimizer.step()
        schedule.step()
    slope_left.append(steepest[-1] / steepest[0])
    return w.data, b.data


def made_up(sets, examples):
    """Examples whose true score is a weighted sum of ten columns."""
    X = rng.normal(size=(sets, examples, 10))
    y = rng.random((sets, examples)) < F.sigmoid(X @ TRUE_SUM - 4.2)
    return X, y.astype(int)


say(f"""
The derivation lets the model give every look of an image its own answer, and knows the true share.
A weighted sum learned from few examples has neither. Take made-up examples whose true score is a
weighted sum of ten columns, about one in seventeen positive, and learn from 5,000 of them, and
from 100 (in {SPLITS} draws).
""")
slope_left = []
TRUE_SUM = rng.normal(size=10)
TRUE_SUM *= 2 / np.linalg.norm(TRUE_SUM)
X_new, _ = made_up(1, 5000)
shifts = {}
for examples, draws in ((5000, 1), (100, SPLITS)):
    X, y = made_up(draws, examples)
    new_scores = []
    for loss in (binary_cross_entropy_with_logits, weighted(WEIGHT)):
        w, b = descend(loss, X, y, np.array([3e-4]))
        new_scores.append(X_new @ w + b)
    shifts[examples] = np.mean(new_scores[1] - new_scores[0])
claim(
    "Learned from 5,000 examples that a weighted sum describes, the weight shifts new scores by "
    "log w on average, to 15 % of it",
    abs(shifts[5000] / np.log(WEIGHT) - 1) < 0.15,
    f"by {shifts[5000]:.2f}, log {WEIGHT} is {np.log(WEIGHT):.2f}",
)
claim(
    "Learned from 100 such examples, the weight shifts new scores by less than half of log w",
    shifts[100] < np.log(WEIGHT) / 2,
    f"by {shifts[100]:.2f} on average",
)
say("""
A few positives can be told from the rest by heart. Where every example is on its right side
already, a weight has nothing left to move (Byrd and Lipton 2019, What is the effect of importance
weighting in deep learning?). So on real data, where neither assumption holds: measure.
""")

# %% All of them on real digits


def learn(loss, kept=EIGHTS + OTHERS):
    """Scores of X_choose and X_test after learning from the first `kept` images of each split.

    Of the penalties, the one with the best average precision on X_choose is taken.
    """
    w, b = descend(loss, X_train[:, :kept], all_eights[:, :kept], PENALTIES)
    choose = np.moveaxis(X_choose @ w + b, 2, 0)
    test = np.moveaxis(X_test @ w + b, 2, 0)
    best = np.argmax([mean_over_splits(average_precision, scores) for scores in choose])
    return choose[best], test[best]


def mean_over_splits(metric, scores):
    return np.mean([metric(of_one_split, is_eight) for of_one_split in scores])


def nearest_neighbour(X):
    """The squared distance to the nearest other digit, less that to the nearest 8, in X_train."""
    lengths = np.sum(X**2, axis=2)[:, :, None] + np.sum(X_train**2, axis=2)[:, None]
    distances = lengths - 2 * X @ X_train.swapaxes(1, 2)
    return distances[:, :, EIGHTS:].min(axis=2) - distances[:, :, :EIGHTS].min(axis=2)


say(f"""
Again a weighted sum, now of pixels, learned from all {len(is_eight)} images at once in {STEPS}
steps. Each loss may choose its own penalty. Two more rows: BCE with all {EIGHTS} 8s and only
{EIGHTS} of the {OTHERS} others (undersampling), and no training at all, the nearest neighbour.
""")
PENALTIES = np.array([3e-4, 1e-3, 3e-3, 1e-2])
scores = {name: learn(loss) for name, loss in LOSSES.items()}
scores["BCE, undersampled"] = learn(binary_cross_entropy_with_logits, kept=2 * EIGHTS)
scores["nearest neighbour"] = nearest_neighbour(X_choose), nearest_neighbour(X_test)
claim(
    "All models have arrived: less than a fiftieth of the first slope is left",
    max(slope_left) < 0.02,
    f"at most {max(slope_left):.2%}",
)
predict("""
    An image counts as an 8 where its probability passes 0.5. Which loss finds most 8s, and which
    has the best F1? Does gamma = 2 add anything to alpha = 0.75, that is, to a weight of 3?
""")

# %% At the cut 0.5


def over_all(metric, answers):
    """A metric of the answers in all splits together."""
    return metric(answers.ravel().astype(int), all_eights.ravel())


test_scores = {name: test for name, (_, test) in scores.items()}
at_half = {name: z > 0 for name, z in test_scores.items()}
METRICS = {"accuracy": accuracy, "precision": precision, "recall": recall, "F1": f1_score}
marks = {
    name: {key: over_all(metric, answers) for key, metric in METRICS.items()}
    for name, answers in at_half.items()
}
table(
    ["at the cut 0.5", *METRICS],
    [
        ("always no", f"{useless:.3f}", "-", "0.00", "0.00"),
        *(
            (name, f"{m['accuracy']:.3f}", *(f"{m[k]:.2f}" for k in ("precision", "recall", "F1")))
            for name, m in marks.items()
        ),
    ],
)
plain = marks["BCE"]
three = marks["weight 3"]
full = marks[f"weight {WEIGHT}"]
claim(
    "The larger the weight, the more 8s are found, and the more alarms are false",
    plain["recall"] + 0.05 < three["recall"] < full["recall"] - 0.05
    and plain["precision"] - 0.05 > three["precision"] > full["precision"] + 0.05,
    f"weights 1, 3, {WEIGHT}: recall {plain['recall']:.2f}, {three['recall']:.2f}, "
    f"{full['recall']:.2f}, precision {plain['precision']:.2f}, {three['precision']:.2f}, "
    f"{full['precision']:.2f}",
)
lead = max(marks["gamma 2"]["F1"], marks["alpha 0.75, gamma 2"]["F1"]) - three["F1"]
claim(
    "At the cut 0.5 neither focal loss is more than 3 points of F1 above weight 3, which has no "
    "gamma",
    lead < 0.03,
    f"the better one by {100 * lead:+.1f} points",
)
said = {name: F.sigmoid(z).mean() for name, z in test_scores.items()}
share = is_eight.mean()
claim(
    "The mean probability under BCE is the share of 8s, to one point; under the full weight it is "
    "more than 1.5 times that share",
    abs(said["BCE"] - share) < 0.01 and said[f"weight {WEIGHT}"] > 1.5 * share,
    f"{share:.1%} are 8s; BCE says {said['BCE']:.1%} on average, weight {WEIGHT} says "
    f"{said[f'weight {WEIGHT}']:.1%}",
)
say("""
If a weight is a cut in disguise, BCE at the cut 1 / (1 + w) must do the same as weight w at 0.5.
Does it, with a weighted sum and so few images?
""")
shift_here = np.mean(test_scores[f"weight {WEIGHT}"] - test_scores["BCE"])
disguise = {
    w: over_all(f1_score, test_scores["BCE"] > -np.log(w)) - marks[f"weight {w}"]["F1"]
    for w in (3, WEIGHT)
}
claim(
    "BCE at the cut 1/4 has the F1 that weight 3 has at 0.5, to 5 points",
    abs(disguise[3]) < 0.05,
    f"{100 * disguise[3]:+.1f} points",
)
claim(
    "For the full weight w, BCE at the cut 1 / (1 + w) is more than 5 points of F1 below it",
    disguise[WEIGHT] < -0.05,
    f"{100 * disguise[WEIGHT]:+.1f} points at the cut {1 / (1 + WEIGHT):.3f}: instead of "
    f"{np.log(WEIGHT):.2f}, the weight has shifted the scores by {shift_here:.2f} on average",
)
predict("""
    Now let each model have its own cut, the one with the best F1 on the images for choosing. Which
    loss wins? And where will the cut of BCE be, above 0.5 or below?
""")

# %% To each its own cut


def best_cut(z):
    """The score from which on to say 8, for the best F1 on the images of one split."""
    p, r, cuts = precision_recall_curve(z, is_eight)
    f1 = 2 * p * r / np.maximum(p + r, 1e-9)
    return cuts[np.argmax(f1[:-1])]  # the last one is for no alarms at all


cuts = {
    name: np.array([best_cut(z) for z in choose])[:, None] for name, (choose, _) in scores.items()
}
own = {name: over_all(f1_score, z >= cuts[name]) for name, z in test_scores.items()}
auc = {name: mean_over_splits(roc_auc, z) for name, z in test_scores.items()}
ap = {name: mean_over_splits(average_precision, z) for name, z in test_scores.items()}
median_cut = {name: np.median(F.sigmoid(cut)) for name, cut in cuts.items()}
table(
    ["", "F1 at 0.5", "own cut", "F1 there", "ROC AUC", "AP"],
    [
        (
            name,
            f"{marks[name]['F1']:.2f}",
            "-" if name == "nearest neighbour" else f"{median_cut[name]:.2f}",
            f"{own[name]:.2f}",
            f"{auc[name]:.3f}",
            f"{ap[name]:.2f}",
        )
        for name in scores
    ],
)
rivals = [name for name in LOSSES if name != "BCE"]
lead = max(own[name] for name in rivals) - own["BCE"]
claim(
    "With a cut of its own for each model, no weight and no focal loss is more than 3 points of F1 "
    "above plain BCE",
    lead < 0.03,
    f"the best of them by {100 * lead:+.1f} points",
)
aucs = [auc[name] for name in LOSSES]
claim(
    "All five losses put the images in the same order, to 0.01 of ROC AUC",
    max(aucs) - min(aucs) < 0.01,
    f"{min(aucs):.3f} to {max(aucs):.3f}",
)
claim(
    "Undersampling costs more than 5 points of average precision",
    ap["BCE"] - ap["BCE, undersampled"] > 0.05,
    f"{100 * (ap['BCE'] - ap['BCE, undersampled']):.0f} points: it threw away "
    f"{1 - EIGHTS / OTHERS:.0%} of the others, and what they had to tell",
)
claim(
    "The nearest neighbour is more than 10 points of F1 above every loss: the model mattered more",
    own["nearest neighbour"] > max(own[name] for name in LOSSES) + 0.1,
    f"{own['nearest neighbour']:.2f} against {max(own[name] for name in LOSSES):.2f}",
)
say("""
Where should the cut be? Say we raise a alarms, t of them right, and there are e 8s. One more alarm,
which is right with the chance p, makes F1 better if
""")
formula(
    """
    2 (t + p) / (a + 1 + e)  >  2 t / (a + e)
    (t + p) (a + e)          >  t (a + e) + t
    p                        >  t / (a + e)  =  F1 / 2
    """,
    tex=r"\frac{2 (t + p)}{a + 1 + e} > \frac{2 t}{a + e} \iff (t + p)(a + e) > t (a + e) + t "
    r"\iff p > \frac{t}{a + e} = \frac{F_1}{2}",
)
say("""
So with true probabilities the best cut is half of the best F1, never above 0.5 (Lipton, Elkan and
Naryanaswamy 2014, Optimal thresholding of classifiers to maximize F1 measure). At 0.5 we make the
fewest mistakes, which is what accuracy wants, not F1.
""")
claim(
    "The cut that plain BCE chooses is below 0.5, near half of its F1",
    median_cut["BCE"] < 0.5 and abs(median_cut["BCE"] - own["BCE"] / 2) < 0.15,
    f"{median_cut['BCE']:.2f}, half of its F1 is {own['BCE'] / 2:.2f}",
)

# %% What gamma is for

z = Tensor(scores["BCE"][0], requires_grad=True)
truth_has = F.sigmoid(np.where(all_eights == 1, z.data, -z.data))
easy = truth_has > 0.9
pull_of_easy = {}
for gamma in (0, 2):
    z.grad = None
    focal(gamma)(z, all_eights).backward()
    pull_of_easy[gamma] = np.abs(z.grad[easy]).sum() / np.abs(z.grad).sum()
claim(
    "Gamma = 2 takes more than two thirds of their share of the gradient away from easy images",
    pull_of_easy[2] < pull_of_easy[0] / 3,
    f"{easy.mean():.0%} of the images are easy, with more than 0.9 for the truth; they pull with "
    f"{pull_of_easy[0]:.0%} of the gradient for gamma = 0, {pull_of_easy[2]:.1%} for gamma = 2",
)
say("""
That is what it was made for: a detector looks at a hundred thousand places of a picture, nearly all
of them easy, and even their small pulls add up. Where the easy do not drown the hard, as here, it
has nothing to cure.
""")

# %% The picture

STYLES = dict(zip(LOSSES, ("-", "--", "-", "--", "-")))
fig, (answer_panel, cut_panel) = plt.subplots(1, 2, figsize=(11, 4.4))
CUTS = np.linspace(0.01, 0.99, 99)
for name in LOSSES:
    look = {"color": COLORS[name], "ls": STYLES[name]}
    answer_panel.plot(chance, best[name], label=name, **look)
    curve = [over_all(f1_score, F.sigmoid(test_scores[name]) > cut) for cut in CUTS]
    cut_panel.plot(CUTS, curve, label=name, **look)
    cut_panel.plot(median_cut[name], own[name], "o", color=COLORS[name], ms=7)
answer_panel.axhline(0.5, color=COLOR["truth"], lw=1, ls=":")
answer_panel.text(0.99, 0.46, "says 8 above this line", ha="right")
answer_panel.set(xlabel="true chance of an 8", ylabel="best probability to give", ylim=(0, 1))
answer_panel.set_title("Weights and alpha move the cut, gamma does not")
answer_panel.legend(loc="lower right", fontsize=8)
cut_panel.axvline(0.5, color=COLOR["truth"], lw=1, ls=":")
cut_panel.text(0.51, 0.94, "the usual cut")
cut_panel.set(xlabel="says 8 above this probability", ylabel="F1 on the test images", ylim=(0, 1))
cut_panel.set_title("With its own cut (dots), no loss is better")
save(fig)

# %% Move the cut

chances = F.sigmoid(test_scores["BCE"]).ravel()
is_test_eight = all_eights.ravel() == 1
BINS = np.linspace(0, 1, 21)
curve_precision, curve_recall, _ = precision_recall_curve(chances, is_test_eight.astype(int))


def at_cut(fig, cut):
    """Left: what is found and missed. Right: precision and recall."""
    bars, curve = fig.subplots(1, 2)
    bars.hist(chances[~is_test_eight], BINS, color="#BBBBBB", label="other digits")
    bars.hist(chances[is_test_eight], BINS, color=COLOR["bce"], alpha=0.8, label="8s")
    bars.axvline(cut, ymax=0.75, color=COLOR["truth"])
    bars.set(xlabel="probability of BCE", ylabel="test images", yscale="log", ylim=(0.7, 1e5))
    bars.legend(loc="upper right", fontsize=8)
    alarms = chances > cut
    bars.set_title(f"{np.sum(alarms & ~is_test_eight)} false alarms", fontsize=10)
    curve.plot(curve_recall, curve_precision, color=COLOR["bce"])
    here = over_all(recall, alarms), over_all(precision, alarms)
    curve.plot(*here, "o", color=COLOR["truth"], ms=8)
    curve.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05))
    curve.set_title(f"{here[0]:.0%} found, F1 {over_all(f1_score, alarms):.2f}", fontsize=10)


sweep(at_cut, np.round(np.arange(0.05, 0.96, 0.05), 2), "cut")

# %% Take away

takeaway("""
    With a rare class, do not look at accuracy. Weights, copies and alpha are the same thing, and
    most of what they do is to move the cut: by log w on the scores. So train with plain BCE, whose
    probabilities mean something, look at ROC AUC and AP, and choose the cut on data that you do not
    test on: for F1 near F1 / 2, for costs at 1 / (1 + w). Do not throw data away to make classes
    even. Gamma moves no cut; it is for a mass of easy examples. And a better model helps more than
    any of these.

    Next: lesson 12 turns to labels that are wrong. The focal loss would concentrate on them.
""")
exercises(
    [
        "The default of the focal loss is alpha = 0.25, gamma = 2. Above which true chance does it "
        "say 8? Predict the recall at the cut 0.5, then add it to LOSSES.",
        "A missed 8 costs 10 euros, a false alarm 1. Which cut on the probabilities of BCE should "
        "be cheapest? Compare with the cut 0.5, and with a weight of 10 at the cut 0.5.",
        "Someone makes the copies of the 8s before the split into parts, not after. Score the "
        "nearest neighbour that way. What went wrong?",
    ]
)
