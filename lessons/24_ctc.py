"""Lesson 24. Reading without being told where

CTC trains a reader on strings alone: which digits there are, in order, but not where each stands.
Handwriting and speech come like that: somebody typed what was said, and nobody marked when.
Our strings are real digits side by side, at unknown distances. A network (lesson 5) looks through a
window that moves on by one column at a time, and scores ten digits for each column, and "blank".
"""

from collections import Counter
from itertools import groupby, product
from math import comb

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss.datasets import load_digits, train_test_split
from microloss.functional import log_softmax
from microloss.losses import cross_entropy, ctc_beam_search, ctc_greedy_decode, ctc_loss
from microloss.metrics import edit_distance
from microloss.nn import MLP
from microloss.optim import Adam

rng = begin()

# ---- paths ---------------------------------------------------------------------------------------

say("""
Each column, or frame, gets one class; all of them together are a path. A path spells what is left
when equal neighbours are merged, and then blanks (-) dropped: aa-b spells ab, a-ab spells aab.
""")
predict("Three frames, the classes a, b and -: of the 27 paths, how many spell ab? How many aa?")


def spell(path, blank):
    return tuple(label for label, _ in groupby(path) if label != blank)


counts = Counter(spell(path, "-") for path in product("ab-", repeat=3))
ab, aa = counts["a", "b"], counts["a", "a"]
claim("five spell ab, and only a-a spells aa", (ab, aa) == (5, 1), f"{ab} and {aa}")
say("""
The probability of a path is the product over its frames; that of a string, the sum over all paths
that spell it. CTC's loss is -log of that sum. The forward algorithm gets it without the paths: for
each state (a label, or a blank around one), the probability of all ways to be there by now.
""")


def forward(frames, string, blank):
    """The log-probability of the string, and of all ways to each state at each frame."""
    states = np.full(2 * len(string) + 1, blank)
    states[1::2] = string
    may_skip = np.append([False, False], (states[2:] != blank) & (states[2:] != states[:-2]))
    lattice = np.full((len(frames) + 1, len(states) + 2), -np.inf)
    lattice[0, 2] = 0  # all start before the first blank; the two columns left of it stay empty
    for last, now, frame in zip(lattice, lattice[1:], frames):
        skip = np.where(may_skip, last[:-2], -np.inf)
        now[2:] = np.logaddexp.reduce([last[2:], last[1:-1], skip]) + frame[states]
    return np.logaddexp(*lattice[-1, -2:]), lattice[1:, 2:]


frames, sums, gap = log_softmax(rng.normal(size=(5, 4)), axis=1), Counter(), 0
for path in product(range(4), repeat=5):
    sums[spell(path, 0)] += np.exp(frames[range(5), path].sum())
for string in sums.keys() - {()}:
    loss = ctc_loss(frames, string, 5, len(string), reduction="sum")
    gap = max(gap, abs(loss + np.log(sums[string])), abs(loss + forward(frames, string, 0)[0]))
agree = "ctc_loss is what trying all paths gives, and the forward algorithm, for every string"
claim(agree, gap < 1e-12, f"{len(sums) - 1} strings, {4**5} paths, off by at most {gap:.0e}")
predict("The strips below have 48 columns. On one of them, how many paths spell 2024?")
ways = np.exp(forward(np.zeros((48, 11)), [2, 0, 2, 4], 10)[0])
claim("(52 choose 8), in 48 frames of 9 states", np.isclose(ways, comb(52, 8)), f"{ways:,.0f}")

# ---- reading -------------------------------------------------------------------------------------

BLANK, STEPS = 10, 500
X, y = load_digits()
X = X.reshape(-1, 8, 8).swapaxes(1, 2) / 16  # column after column
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=360, seed=rng, stratify=y)


def write(images, labels, count):
    """Strips of 48 columns, the four digits on each, and the columns where they start."""
    chosen = rng.integers(len(images), size=(count, 4))
    starts = 8 * np.arange(4) + np.sort(rng.integers(17, size=(count, 4)))
    strips = np.zeros((count, 48, 8))
    strips[np.arange(count)[:, None, None], starts[..., None] + np.arange(8)] = images[chosen]
    return strips, labels[chosen], starts


def look(model, strips):
    """Log-probabilities (columns, strips, 11); of each column, the four on either side are seen."""
    framed = np.pad(strips, ((0, 0), (4, 4), (0, 0))) - X_train.mean()
    windows = np.lib.stride_tricks.sliding_window_view(framed, 9, axis=1)
    return log_softmax(model(windows.reshape(-1, 48, 72).swapaxes(0, 1)), axis=-1)


def edits(decoded, strings):
    """Insertions, deletions and substitutions that set the strings right, for each digit."""
    return sum(map(edit_distance, decoded, strings.tolist())) / strings.size


def train(score):
    """What a network sees and reads at last; every 25 steps, its edits and how much it reads."""
    model, curve = MLP(72, 64, 11, rng=rng), []
    optimizer = Adam(model.parameters(), lr=0.01)
    for step in range(STEPS + 1):
        if step % 25 == 0:
            seen = look(model, strips).data
            decoded = ctc_greedy_decode(seen, blank=BLANK)
            curve.append((edits(decoded, truth), sum(map(len, decoded)) / truth.size))
        images, strings, _ = write(X_train, y_train, 16)
        optimizer.zero_grad()
        score(look(model, images), strings).backward()
        optimizer.step()
    return seen, decoded, *np.transpose(curve)


predict("Cut strips into quarters; teach a quarter's columns its digit. Will it read new strips?")
strips, truth, starts = write(X_test, y_test, 200)
seen, _, naive, _ = train(lambda p, s: cross_entropy(p.reshape(-1, 11), s.repeat(12, 1).T.ravel()))
told = edits(seen.reshape(4, 12, 200, 11).mean(axis=1).argmax(axis=2).T.tolist(), truth)
claim("it stammers", naive[-1] > 1, f"{naive[-1]:.1f} edits a digit, {told:.3f} read in quarters")
predict("CTC is not told, and may choose the alignment. What does its network learn first?")
seen, decoded, curve, said = train(lambda p, s: ctc_loss(p, s, [48] * 16, [4] * 16, blank=BLANK))
claim("to say nothing", said.min() < 0.02, f"{said.min():.0%} read at step {25 * said.argmin()}")
claim("then to read, and better", curve[-1] < min(0.1, told), f"{curve[-1]:.3f} edits a digit")
best = seen.argmax(axis=2).T
peaks = (best != BLANK) & (np.diff(best, axis=1, prepend=BLANK) != 0)
right = np.array([string == wanted for string, wanted in zip(decoded, truth.tolist())])
inside = np.mean((np.nonzero(peaks[right])[1].reshape(-1, 4) - starts[right]) // 8 == 0)
claim(
    "here its labels stand inside the digits, though CTC asks for the string only",
    inside > 0.95,
    f"{inside:.1%} in place, if read right",
)
predict("Two frames, P(-) = 0.6 and P(a) = 0.4 in each. The likeliest path? The likeliest string?")
unsure = np.log([[0.6, 0.4], [0.6, 0.4]])
(string, log_p), path = ctc_beam_search(unsure), ctc_greedy_decode(unsure)
claim("the path --, but the string a", path == [] and string == [1], f"P(a) = {np.exp(log_p):.2f}")
say("Greedy decoding follows the likeliest path; a beam search looks for the likeliest string.")
beam = [string for string, _ in ctc_beam_search(seen[:, :60], blank=BLANK)]
gain = edits(decoded[:60], truth[:60]) - edits(beam, truth[:60])
claim("so sure is our network that it gains little", -0.01 < gain < 0.05, f"{gain:.3f} edits")

n = np.argmax(right * (np.ptp(np.diff(starts), axis=1) + 99 * (np.diff(truth) == 0).any(axis=1)))
lattice = forward(seen[:, n], truth[n], BLANK)[1].T
fig = plt.figure(figsize=(11, 4.6))
left, ax = fig.subfigures(1, 2, width_ratios=[1.6, 1])
ink, chance, ways = left.subplots(3, 1, sharex=True, height_ratios=[1.1, 1, 1.6])
ink.imshow(strips[n].T, cmap="gray_r", aspect="auto", zorder=2)
ink.set(title="A strip, its digits at unknown distances", yticks=[])
chance.plot(np.exp(seen[:, n, BLANK]), color="#BBBBBB")
chance.plot(np.exp(seen[:, n, :BLANK]), color=COLOR["model"])
chance.set(ylabel="probability", title="What the network sees: blank (grey), ten digits (blue)")
ways.imshow(np.exp(lattice - lattice.max(axis=0)), aspect="auto", cmap="Blues", zorder=2)
ways.set_yticks(range(9), ["-", *(name for digit in truth[n] for name in (digit, "-"))])
ways.set(xlabel="column", ylabel="state", title="The forward lattice: the ways through the string")
ax, every = ax.subplots(), np.arange(0, STEPS + 1, 25)
ax.semilogy(every, naive, color=COLOR["naive"], label="taught in quarters")
ax.axhline(told, color=COLOR["naive"], ls=":", label="... and read in quarters")
ax.semilogy(every, curve, color=COLOR["model"], label="CTC")
ax.set(xlabel="step", ylabel="edits for each digit", title="CTC: silent first, then it reads")
ax.legend()
save(fig)

takeaway("""
    CTC's loss sums over all paths that spell the string, by a lattice of few states. The blank
    keeps twins apart and fills the gaps. The network falls silent first, then reads. Its
    labels stand inside the digits here, but the loss never asks for that. And decode strings, not
    paths, where it is unsure.

    Next: lesson 25 asks where, for each pixel.
""")
exercises(
    [
        "Leave out `- X_train.mean()`. How long is the silence?",
        "-grad of ctc_loss with respect to log_probs is a posterior. Draw it. Where is it sure?",
    ]
)
