"""Lesson 22. Self-supervised learning

Data can teach without labels: two views of one thing belong together, views of two things do not.
Here the views are the left and the right half of a digit, and nobody tells which digit it is.

Lesson 21 pulled and pushed pairs and triplets, chosen by their labels. Now each half has to find
its other half among all those of the batch. Who can do that must know something about digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor
from microloss.datasets import load_digits, train_test_split
from microloss.functional import cosine_similarity
from microloss.losses import clip_loss, cross_entropy, info_nce_loss, nt_xent_loss
from microloss.metrics import recall_at_k
from microloss.nn import MLP
from microloss.optim import Adam

rng = begin()
X, y = load_digits()
images, test, _, digits = train_test_split(X / 16, y, test_size=500, seed=rng, stratify=y)


def halves(images):
    """The left and the right half of each image, 32 pixels each."""
    pixels = images.reshape(-1, 8, 8)
    return pixels[:, :, :4].reshape(-1, 32), pixels[:, :, 4:].reshape(-1, 32)


def train(loss, learned=()):
    """Embeddings of the test images' halves, at length 1, after 300 batches of 128 images."""
    draw = np.random.default_rng(args.seed)  # the same start and batches for each loss
    models = [MLP(32, 64, 16, rng=draw) for _ in "LR"]
    optimizer = Adam([p for m in models for p in m.parameters()] + list(learned), lr=0.003)
    for _ in range(300):
        views = halves(images[draw.integers(len(images), size=128)])
        optimizer.zero_grad()
        loss(*(model(view) for model, view in zip(models, views))).backward()
        optimizer.step()
    z = [model(view).data for model, view in zip(models, halves(test))]
    return [x / np.linalg.norm(x, axis=1, keepdims=True) for x in z]


def retrieval(left, right):
    """Recall@10: how many left halves have their right half among the 10 most similar ones."""
    return recall_at_k(left @ right.T, np.eye(len(left)), k=10)


# ---- agreement is not enough ---------------------------------------------------------------------

predict("""
    Let the loss be 1 - the cosine of the two halves' embeddings. It falls to almost nothing. How
    many of 500 left halves, never seen before, find their right half in the first ten?
""")
left, right = train(lambda left, right: (1 - cosine_similarity(left, right)).mean())
distance = np.mean(1 - (left * right).sum(axis=1))
claim("all pairs agree", distance < 0.01, f"loss {distance:.0e}")
apart = 1 - (left @ right.T).min()
claim("and so do all others: everything has one direction", apart < 0.1, f"at most {apart:.0e}")
found, chance = retrieval(left, right), 10 / len(test)
claim("few find their half", found < 0.2, f"{found:.0%}, by chance {chance:.0%}")

# ---- find your other half ------------------------------------------------------------------------

say("""
The cure: make it a choice among N candidates, with the cosines over a temperature T as scores.
This is InfoNCE (van den Oord et al. 2018). What its name hides is cross-entropy (lesson 10): the
classes are the candidates, the right class is the own half.
""")
N, T = 128, 0.1
z = rng.normal(size=(2, N, 16))
a, b = z / np.linalg.norm(z, axis=2, keepdims=True)
gap = abs(info_nce_loss(a, b, temperature=T) - cross_entropy(a @ b.T / T, np.arange(N)))
claim("InfoNCE is cross-entropy over similarities", gap < 1e-12, f"gap {gap:.0e}")
both = info_nce_loss(a, b, temperature=T) + info_nce_loss(b, a, temperature=T)
gap = abs(clip_loss(a, b, temperature=T) - both / 2)
claim("CLIP's loss asks from both sides", gap < 1e-12, f"gap {gap:.0e}")
predict("What does InfoNCE with N candidates charge where all have one direction, as above?")
a, b = left[:N], right[:N]
cost = info_nce_loss(a, b, temperature=1), nt_xent_loss(a, b, temperature=1)
off = abs(cost[0] - np.log(N)), abs(cost[1] - np.log(2 * N - 1))
charged = f"{cost[0]:.3f} for N = {N}; NT-Xent, where both sides compete, ln(2N - 1): {cost[1]:.3f}"
claim("ln N, as for a blind guess", max(off) < 0.02, charged)
temperatures = [0.005, 0.02, 0.1, 0.3, 1, 3]
runs = [train(lambda a, b, T=T: clip_loss(a, b, temperature=T)) for T in temperatures]
scores = [retrieval(*pair) for pair in runs]
left, right = pair = runs[temperatures.index(T)]
best = retrieval(*pair)
claim("trained to choose, far more find their half", best > found + 0.3, f"{best:.0%}")
say("""
ln N - loss is a lower bound of what one half tells about the other, their mutual information in
nats. It can never say more than ln N, so small batches see little.
""")
bounds = []
for size in (4, 32, 256):
    draws = [rng.permutation(len(test))[:size] for _ in range(50)]
    losses = [clip_loss(left[rows], right[rows], temperature=T) for rows in draws]
    bounds.append(np.log(size) - np.mean(losses))
grows = "{:.1f}, {:.1f}, {:.1f} nats from 4, 32, 256 candidates".format(*bounds)
claim("the same network, more candidates: more is seen", np.diff(bounds).min() > 0.2, grows)

# ---- temperature ---------------------------------------------------------------------------------

predict("""
    A low temperature listens to the most similar candidates only, a high one to all alike. What
    does it do to the halves found? And to telling digits, which nobody asked for?
""")
ends = f"{scores[0]:.0%} at {temperatures[0]}, {scores[-1]:.0%} at {temperatures[-1]}"
claim("too low and too high both hurt", max(scores[0], scores[-1]) < best - 0.05, ends)
predict(
    "Must T be chosen? Let the network learn log T beside its weights, from T = 1, as CLIP does."
)
log_T = Tensor(0.0, requires_grad=True)
own = train(lambda a, b: clip_loss(a, b, temperature=np.exp(log_T)), [log_T])
shown = (
    f"T = {np.exp(log_T.item()):.2f}, {retrieval(*own):.0%} found, with T = 1 kept {scores[4]:.0%}"
)
claim("T falls by itself, and more halves are found", log_T.item() < -0.2 and
      retrieval(*own) > scores[4], shown)  # fmt: skip
same = digits[:, None] == digits
S = left @ right.T
alike = S[same & ~np.eye(len(S), dtype=bool)].mean(), S[~same].mean()
cosines = "mean cosine {:.2f}, with others {:.2f}".format(*alike)
claim("halves of the same digit are similar, unasked", alike[0] > alike[1] + 0.2, cosines)


def one_label(z):
    """Accuracy of the nearest of ten labelled images, one of each digit; mean of 200 draws."""
    draw, shares = np.random.default_rng(args.seed), []  # the same draws for each z
    for _ in range(200):
        known = [draw.choice(np.flatnonzero(digits == digit)) for digit in range(10)]
        distance = (z[known] ** 2).sum(axis=1) - 2 * z @ z[known].T
        shares.append(np.mean(distance.argmin(axis=1) == digits))
    return np.mean(shares)


sharp, soft = (one_label(np.hstack(runs[temperatures.index(T)])) for T in (0.1, 1))
pixels = one_label(test)
versus = f"accuracy {sharp:.0%}, pixels {pixels:.0%}"
claim("at T = 0.1, with one label a digit, it does not beat pixels", sharp < pixels, versus)
better = soft > sharp + 0.02 and scores[temperatures.index(1)] < best
claim("T = 1, worse at halves, is better at digits", better, f"{soft:.0%}, pixels {pixels:.0%}")
say("""
To find its own half, a 3 must differ from all other 3s: they are negatives too. How sharply is for
the temperature to say, and what is best depends on what the embedding is for.
""")

fig, (matrix, curve, gallery) = plt.subplots(1, 3, figsize=(13, 4), width_ratios=[1, 1.1, 0.8])
order = np.argsort(digits, kind="stable")
matrix.imshow(S[order][:, order], vmin=-0.5, vmax=1)
middles = [np.mean(np.flatnonzero(digits[order] == digit)) for digit in range(10)]
matrix.set(xticks=middles, xticklabels=range(10), yticks=middles, yticklabels=range(10))
matrix.set(xlabel="right half of a", ylabel="left half of a", title="Digits appear, without labels")
matrix.grid(False)
curve.semilogx(temperatures, 100 * np.array(scores), "o-", color=COLOR["model"])
curve.axhline(100 * chance, color=COLOR["naive"], ls="--")
curve.text(temperatures[0], 100 * chance + 1.5, "by chance", color=COLOR["naive"])
curve.set(xlabel="temperature", ylabel="found in the first ten (%)", ylim=(0, 75))
curve.set_title("Too low and too high both hurt")
rows = []
for i in (np.argmax(digits == digit) for digit in range(3, 9)):
    image, chosen = test[i].reshape(8, 8), test[np.argsort(-S[i])[:4]].reshape(4, 8, 8)
    tiles = [image] + [np.hstack([image[:, :4], other[:, 4:]]) for other in chosen]
    rows.append(np.hstack([np.pad(tile, 1, constant_values=0.3) for tile in tiles]))
gallery.imshow(np.vstack(rows), cmap="gray_r")
gallery.set(title="Left halves choose right ones", yticks=[], xlabel="choice")
gallery.set_xticks(np.arange(5) * 10 + 4.5, ["image", "1st", "2nd", "3rd", "4th"])
gallery.grid(False)
save(fig)

takeaway("""
    Views that belong together are labels for free. Agreement alone collapses; choosing among many
    candidates does not, and it is cross-entropy. The batch bounds what can be seen, the
    temperature decides how hard the nearest candidates are pushed.

    Next: lesson 23 recommends, and again the loss compares.
""")
exercises(
    [
        "Give the temperature as exp of a Tensor and train it too, as CLIP does. Where does it go?",
        "Take the top and the bottom half as views. Which halves tell more about each other?",
    ]
)
