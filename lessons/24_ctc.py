"""Lesson 24. Reading without being told where

Connectionist temporal classification (CTC) trains a reader on strings alone: which digits there
are, in order, but not where each one stands. Handwriting and speech come like that: somebody typed
what was said, and nobody marked when.

Our strings are four real digits side by side, at unknown distances. A network (lesson 5) looks
through a window that moves on by one column at a time. For each column, called a frame, it gives
probabilities to eleven classes: ten digits, and "blank". The loss is due to Graves, Fernández,
Gomez and Schmidhuber (2006, Connectionist temporal classification).
"""

from collections import Counter
from itertools import groupby, product
from math import comb, log

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.functional import log_softmax, softmax
from microloss.losses import cross_entropy, ctc_beam_search, ctc_greedy_decode, ctc_loss
from microloss.metrics import edit_distance
from microloss.nn import MLP
from microloss.optim import Adam

rng = begin()

# %% Paths

say("""
Each frame gets one class; the classes of all frames together are a path. A path spells what is left
when equal neighbours are merged, and then blanks (-) are dropped: aa-b spells ab, a-ab spells aab.
""")
predict("Three frames, the classes a, b and -: of the 27 paths, how many spell ab? How many aa?")

# %% One string, many paths


def spell(path, blank):
    return tuple(label for label, _ in groupby(path) if label != blank)


counts = Counter(spell(path, "-") for path in product("ab-", repeat=3))
claim(
    "Of 27 paths five spell ab, and only a-a spells aa: twins need a blank between them",
    counts["a", "b"] == 5 and counts["a", "a"] == 1,
    f"{counts['a', 'b']} and {counts['a', 'a']}",
)
say("""
The network gives each frame t its probabilities p_t, from what it sees there. Given the picture,
frames count as independent (conditional independence), so those of a path are multiplied. A string
may come by any path that spells it, so those are summed, and CTC's loss is the negative logarithm:
""")
formula(
    """
    p(path)   = p_1(path_1) * p_2(path_2) * ... * p_T(path_T)
    p(string) = sum of p(path) over all paths that spell it
    loss      = -log p(string)
    """,
    tex=r"p(\pi) = \prod_{t=1}^T p_t(\pi_t), \qquad p(\ell) = \sum_{\pi \text{ spells } \ell} "
    r"p(\pi), \qquad L = -\log p(\ell)",
)
say("""
There are too many paths to try. But a path walks through few states, in order: blank, first label,
blank, second label, ..., blank. It stays, moves on by one, or skips the blank between two labels
that differ. So the probability a of all ways to be in state s after t frames comes from that of the
frame before (the forward algorithm):
""")
formula(
    """
    a_t(s)    = p_t(class of s) * (a_{t-1}(s) + a_{t-1}(s-1) + a_{t-1}(s-2))
                the last term only for a label that differs from the label before it
    p(string) = a_T(last label) + a_T(last blank)
    """,
    tex=r"a_t(s) = p_t(c_s) \left( a_{t-1}(s) + a_{t-1}(s-1) + [\text{may skip}]\, a_{t-1}(s-2) "
    r"\right)",
)


def states_of(string, blank):
    states = np.full(2 * len(string) + 1, blank)
    states[1::2] = string
    return states


def forward(log_probs, string, blank):
    """The log-probability of the string, and of all ways to each state after each frame."""
    states = states_of(string, blank)
    may_skip = np.zeros(len(states), bool)
    may_skip[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    before = np.full(len(states) + 2, -np.inf)  # two columns on the left stay empty
    before[2] = 0  # all start in front of the first blank
    ways = []
    for frame in log_probs:
        skip = np.where(may_skip, before[:-2], -np.inf)
        now = np.logaddexp.reduce([before[2:], before[1:-1], skip]) + frame[states]
        before[2:] = now
        ways.append(now)
    return np.logaddexp(*before[-2:]), np.array(ways)


small = log_softmax(rng.normal(size=(5, 4)), axis=1)  # five frames; three labels, and 0 for blank
sums = Counter()
for path in product(range(4), repeat=5):
    sums[spell(path, 0)] += np.exp(small[range(5), path].sum())
strings = [string for string in sums if string]
gaps = []
for string in strings:
    by_paths = -np.log(sums[string])
    gaps.append(ctc_loss(small, string, 5, len(string), reduction="sum") - by_paths)
    gaps.append(-forward(small, string, 0)[0] - by_paths)
claim(
    "For every string ctc_loss and the forward algorithm give what trying all paths gives",
    np.abs(gaps).max() < 1e-12,
    f"off by {np.abs(gaps).max():.0e} at most: {len(strings)} strings, {4**5} paths",
)
predict("""
    With a p of 1 for every class, the forward algorithm counts paths. The strips below have 48
    frames. How many paths spell 2024? And in how many frames can 2022 be spelled at all?
""")

# %% How many, and how few

ways = np.exp(forward(np.zeros((48, 11)), [2, 0, 2, 4], 10)[0])
claim(
    "In 48 frames (52 choose 8) paths spell 2024",
    np.isclose(ways, comb(52, 8)),
    f"{ways:,.0f} paths, in 48 times 9 states",
)
even = Tensor(np.log(np.full((4, 2, 11), 1 / 11)), requires_grad=True)  # four frames, two strings
pair = [[2, 0, 2, 4], [2, 0, 2, 2]]
each = ctc_loss(even, pair, [4, 4], [4, 4], blank=10, reduction="none")
each.sum().backward()
claim(
    "Four frames have no room for 2022: its loss is infinite and its gradient 0",
    np.isfinite(each.data[0]) and np.isinf(each.data[1]) and not even.grad[:, 1].any(),
    f"{each.data[1]:.0f}; 2024 costs {each.data[0]:.1f} nats",
)
say("""
Such a target is infeasible: each label needs a frame, and each pair of twins one more. One of them
makes the mean of its batch infinite, which is why ctc_loss has zero_infinity=True. Better, count
before you train: a network that halves the frames too often makes long strings infeasible.
""")
predict("""
    What pulls on the network? The derivative of the loss along log p_t(c) is minus a probability.
    Of what?
""")

# %% The gradient is a posterior

formula(
    """
    a path through class c at frame t has the factor p_t(c), so d p(path) / d log p_t(c) = p(path)
    d p(string) / d log p_t(c) = sum of p(path) over its paths with path_t = c
    d loss / d log p_t(c)      = -that sum / p(string) = -P(path_t = c | string)
    with p_t = softmax(z_t):     d loss / d z_t(c) = p_t(c) - P(path_t = c | string)
    """,
    tex=r"""
    \begin{aligned}
    \frac{\partial L}{\partial \log p_t(c)} &= -\frac{1}{p(\ell)} \sum_{\pi \text{ spells } \ell,\;
        \pi_t = c} p(\pi) = -P(\pi_t = c \mid \ell) \\
    \frac{\partial L}{\partial z_t(c)} &= p_t(c) - P(\pi_t = c \mid \ell)
    \end{aligned}
    """,
)
say("""
Lesson 10 found p - y. Here stands the posterior in place of y: knowing the string, how probable is
it that frame t was class c? CTC labels the frames itself, and again after every step.
""")
scores = Tensor(rng.normal(size=(5, 4)), requires_grad=True)
string = (1, 2, 2)
ctc_loss(log_softmax(scores, axis=1), string, 5, 3, reduction="sum").backward()
probabilities = softmax(scores.data, axis=1)
posterior = np.zeros((5, 4))
for path in product(range(4), repeat=5):
    if spell(path, 0) == string:
        posterior[range(5), path] += probabilities[range(5), path].prod()
posterior /= posterior.sum(axis=1, keepdims=True)
gap = np.abs(scores.grad - (probabilities - posterior)).max()
claim(
    "The gradient along the scores is p minus the posterior of each class, as all paths give it",
    gap < 1e-12,
    f"off by {gap:.0e} at most",
)

# %% Strips of digits

BLANK = 10
FRAMES = 48
STEPS = 400
EVERY = 25
BATCH = 16
X, y = load_digits()
X = X.reshape(-1, 8, 8).swapaxes(1, 2).astype(np.float32) / 16  # column after column
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=360, seed=rng, stratify=y)
MEAN_INK = X_train.mean()


def write(images, labels, count, rng):
    """Strips of 48 columns, the four digits on each, and the columns where they start."""
    chosen = rng.integers(len(images), size=(count, 4))
    starts = 8 * np.arange(4) + np.sort(rng.integers(17, size=(count, 4)))
    strips = np.zeros((count, FRAMES, 8), np.float32)
    strips[np.arange(count)[:, None, None], starts[..., None] + np.arange(8)] = images[chosen]
    return strips, labels[chosen], starts


def look(model, strips):
    """Log-probabilities (frames, strips, 11); of each column, four on either side are seen."""
    framed = np.pad(strips, ((0, 0), (4, 4), (0, 0))) - MEAN_INK
    windows = np.lib.stride_tricks.sliding_window_view(framed, 9, axis=1)
    return log_softmax(model(windows.reshape(-1, FRAMES, 72).swapaxes(0, 1)), axis=-1)


def edits(decoded, strings):
    """Insertions, deletions and substitutions that set the strings right, for each digit."""
    return sum(map(edit_distance, decoded, strings.tolist())) / strings.size


def network():
    return MLP(72, 64, 11, rng=np.random.default_rng([args.seed, 1]), dtype=np.float32)


strips, truth, starts = write(X_test, y_test, 120, rng)


class Reader:
    """A network that has learned with a loss of (log-probabilities, strings, starts)."""

    def __init__(self, loss):
        model = network()
        draw = np.random.default_rng([args.seed, 2])  # the same strips for every loss
        optimizer = Adam(model.parameters(), lr=0.01)
        self.edits = []
        self.spoken = []  # labels that it reads, for each one that is there
        for step in range(STEPS + 1):
            if step % EVERY == 0:
                self.read(model)
            images, strings, places = write(X_train, y_train, BATCH, draw)
            optimizer.zero_grad()
            loss(look(model, images), strings, places).backward()
            optimizer.step()

    def read(self, model):
        with no_grad():
            self.log_probs = look(model, strips).data
        self.decoded = ctc_greedy_decode(self.log_probs, blank=BLANK)
        self.edits.append(edits(self.decoded, truth))
        self.spoken.append(sum(map(len, self.decoded)) / truth.size)

    def right(self):
        """Which strips are read without a mistake."""
        return np.array([string == wanted for string, wanted in zip(self.decoded, truth.tolist())])


def by_quarters(log_probs, strings, places):
    """Without knowing where: a quarter of the strip for each digit."""
    return cross_entropy(log_probs.reshape(-1, 11), strings.repeat(12, 1).T.ravel())


def by_middles(log_probs, strings, places):
    """What somebody has marked: each digit in the middle of its eight columns, blank elsewhere."""
    labels = np.full((BATCH, FRAMES), BLANK)
    labels[np.arange(BATCH)[:, None], places + 4] = strings
    return cross_entropy(log_probs.reshape(-1, 11), labels.T.ravel())


def by_ctc(log_probs, strings, places):
    return ctc_loss(log_probs, strings, [FRAMES] * BATCH, [4] * BATCH, blank=BLANK)


predict("""
    Three networks, the same start and the same strips. One is told that each quarter of a strip is
    one digit. One is told the true middle of each digit, which somebody had to mark. The third gets
    the strings and CTC. Who reads new strips best? And what will CTC's network learn first?
""")

# %% Silent first, then it reads


def class_targets(log_probs, strings):
    """What CTC asks of each frame: the posterior of the classes, (frames, strips, 11)."""
    log_probs = Tensor(log_probs, requires_grad=True)
    count = len(strings)
    ctc_loss(
        log_probs, strings, [FRAMES] * count, [4] * count, blank=BLANK, reduction="sum"
    ).backward()
    return -log_probs.grad


with no_grad():
    untrained = look(network(), strips).data.astype(np.float64)
asked = class_targets(untrained, truth).mean(axis=(0, 1))
claim(
    "Before the first step CTC asks for more blank than for any digit",
    asked[BLANK] > asked[:BLANK].max(),
    f"{asked[BLANK] / asked[:BLANK].max():.1f} times: {asked[BLANK]:.0%} blank, of no digit more "
    f"than {asked[:BLANK].max():.0%}",
)
quarters, middles, ctc = (Reader(loss) for loss in (by_quarters, by_middles, by_ctc))
silent = int(np.argmin(ctc.spoken))
claim(
    "CTC's network falls silent before it reads: at first it names less than 2 % of the digits",
    ctc.spoken[silent] < 0.02,
    f"{ctc.spoken[silent]:.1%} at step {EVERY * silent}",
)
chances = np.exp(quarters.log_probs).reshape(4, 12, len(truth), 11).mean(axis=1)
best_of_quarter = chances.argmax(axis=2).T
in_quarters = edits(best_of_quarter.tolist(), truth)
say(f"""
Silence is the cheapest first answer wherever blank is asked for most. The network told every middle
is asked for blank in 44 of 48 frames: it falls to {min(middles.spoken):.0%} as well.
""")
table(
    ["told", "edits for each digit", "strings without a mistake"],
    [
        ("quarters", f"{quarters.edits[-1]:.3f}", f"{quarters.right().mean():.0%}"),
        (
            "quarters, read quarter by quarter",
            f"{in_quarters:.3f}",
            f"{np.mean((best_of_quarter == truth).all(axis=1)):.0%}",
        ),
        ("the string (CTC)", f"{ctc.edits[-1]:.3f}", f"{ctc.right().mean():.0%}"),
        ("the middle of each digit", f"{middles.edits[-1]:.3f}", f"{middles.right().mean():.0%}"),
        ("(a reader that says nothing)", "1.000", "0%"),
    ],
)
claim(
    "Taught by quarters the network stammers: read frame by frame it is worse than silence",
    quarters.edits[-1] > 1,
    f"{quarters.edits[-1]:.2f} edits for each digit",
)
claim(
    "CTC's network needs fewer edits than the one told quarters, even read quarter by quarter",
    ctc.edits[-1] < min(quarters.edits[-1], in_quarters),
    f"{ctc.edits[-1]:.3f} against {in_quarters:.3f}",
)
claim(
    "Told the strings only, CTC comes within 0.05 edits of the network told every middle",
    ctc.edits[-1] < middles.edits[-1] + 0.05,
    f"{ctc.edits[-1] - middles.edits[-1]:+.3f} edits for each digit",
)
predict("""
    Nobody told CTC where the digits stand. Do its labels stand inside of them? Move all of its
    answers eight columns to the right: what becomes of the loss?
""")

# %% It does not ask where

best = ctc.log_probs.argmax(axis=2).T
begins = (best != BLANK) & (np.diff(best, axis=1, prepend=BLANK) != 0)
right = ctc.right()
offsets = np.nonzero(begins[right])[1].reshape(-1, 4) - starts[right]
inside = np.mean((offsets >= 0) & (offsets < 8))
claim(
    "More than 95 % of the labels of strings read right stand inside their digits",
    inside > 0.95,
    f"{inside:.1%}, most often in column {np.bincount(offsets[offsets >= 0]).argmax() + 1} of 8",
)
certain_blank = np.full((8, len(truth), 11), -np.inf)
certain_blank[:, :, BLANK] = 0
moved = np.concatenate([certain_blank, ctc.log_probs.astype(np.float64)])
losses = [
    ctc_loss(log_probs, truth, [len(log_probs)] * len(truth), [4] * len(truth), blank=BLANK)
    for log_probs in (ctc.log_probs.astype(np.float64), moved)
]
moved_inside = np.mean((offsets + 8 >= 0) & (offsets + 8 < 8))
claim(
    "Moved eight columns to the right, the answers cost the same, and under 5 % are in place",
    abs(losses[1] - losses[0]) < 1e-9 and moved_inside < 0.05,
    f"{moved_inside:.1%} in place, loss {losses[0]:.3f} and {losses[1]:.3f}",
)
say("""
The loss did not put the labels in place. An answer needs its digit in a window of nine columns, and
nothing else keeps it near. Where the timing is used, to set subtitles for instance, it must be
checked.
""")
predict("Two frames, P(-) = 0.6 and P(a) = 0.4 in each. The likeliest path? The likeliest string?")

# %% Paths are not strings

unsure = np.log([[0.6, 0.4], [0.6, 0.4]])
likeliest, log_p = ctc_beam_search(unsure)
claim(
    "The likeliest path spells nothing where the likeliest string is a",
    ctc_greedy_decode(unsure) == [] and likeliest == [1],
    f"P(a) = {np.exp(log_p):.2f}, P(--) = {0.6**2:.2f}",
)
say("""
Greedy decoding follows the likeliest path; a beam search keeps the likeliest beginnings of strings,
each with all its paths. Our network is sure nearly everywhere, and there both read the same.
""")
predict("""
    A scrawl means ab or ba, each half of the time. The best a reader can do is 1/2 for each: a loss
    of ln 2 = 0.69. Can CTC's frames do that, if they may take any probabilities?
""")

# %% Frames cannot agree

STARTS = 20
words = [[1, 2]] * STARTS + [[2, 1]] * STARTS
lowest = {}
for frames in (2, 3, 4):
    free = Tensor(rng.normal(size=(frames, STARTS, 3)), requires_grad=True)
    optimizer = Adam([free], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        log_probs = log_softmax(free, axis=-1)
        twice = np.concatenate([log_probs, log_probs], axis=1)  # once for ab, once for ba
        costs = ctc_loss(twice, words, [frames] * len(words), [2] * len(words), reduction="none")
        costs.sum().backward()
        optimizer.step()
    lowest[frames] = costs.data.reshape(2, STARTS).mean(axis=0)
table(
    ["frames", "lowest loss of 20 starts", "highest"],
    [(n, f"{found.min():.4f}", f"{found.max():.4f}") for n, found in lowest.items()],
)
found = np.concatenate([*lowest.values()])
claim(
    "With two, three or four frames every start ends near 2 ln 2, twice the best loss",
    np.abs(found - 2 * log(2)).max() < 0.02,
    f"{found.min():.4f} at the lowest, 2 ln 2 = {2 * log(2):.4f}",
)
say("""
Frames are independent given the picture. Whatever one of them chooses, another cannot know, so half
of the probability goes to strings such as aa, aba or b. Where the parts of an answer depend on each
other, a language model is added in decoding, or the network is given what it has written so far
(Graves 2012, Sequence transduction with recurrent neural networks).
""")

# %% The picture


def state_posterior(log_probs, string):
    """The probability of each state at each frame, given the string: forward, and backward."""
    log_p, ways_here = forward(log_probs, string, BLANK)
    ways_on = forward(log_probs[::-1], string[::-1], BLANK)[1][::-1, ::-1]
    return np.exp(ways_here + ways_on - log_probs[:, states_of(string, BLANK)] - log_p)


twins = (np.diff(truth, axis=1) == 0).sum(axis=1) == 1
three_digits = np.array([len(set(row)) == 3 for row in truth.tolist()])
spacing = np.ptp(np.diff(starts, axis=1), axis=1)
shown = np.argmax(right * (1 + spacing + 100 * (twins & three_digits)))
string = truth[shown]
trained = ctc.log_probs[:, shown].astype(np.float64)
names = ["-", *(name for digit in string for name in (str(digit), "-"))]
palette = dict(zip(dict.fromkeys(string.tolist()), ("#E69F00", "#009E73", "#0072B2", "#882255")))

fig = plt.figure(figsize=(12, 6.4))
left, right_side = fig.subfigures(1, 2, width_ratios=[1.7, 1])
ink, chance, early, late = left.subplots(4, 1, sharex=True, height_ratios=[1, 1, 1.5, 1.5])
ink.imshow(strips[shown].T, cmap="gray_r", aspect="auto", zorder=2)
ink.set(yticks=[])
ink.set_title("A strip: digits at unknown distances")
chance.plot(np.exp(trained[:, BLANK]), color="#BBBBBB")
for digit in range(10):
    chance.plot(np.exp(trained[:, digit]), color=palette.get(digit, "#DDDDDD"))
for digit, column in zip(string, np.flatnonzero(begins[shown])):
    chance.text(column - 0.6, 0.62, digit, ha="right", weight="bold", color=palette[digit])
chance.set(ylabel="probability", ylim=(-0.05, 1.1))
chance.set_title("After training: a short peak for each digit, blank (grey) elsewhere")
for panel, log_probs in ((early, untrained[:, shown]), (late, trained)):
    panel.imshow(state_posterior(log_probs, string).T, aspect="auto", cmap="Blues", zorder=2)
    panel.set_yticks(range(9), names)
    panel.grid(False)
    panel.set(ylabel="state")
    for label, name in zip(panel.get_yticklabels(), names):
        label.set_color(palette.get(int(name), "#333333") if name != "-" else "#999999")
early.set_title("What CTC asks for before training: anywhere in order")
late.set_title("And after it: here and nowhere else")
late.set(xlabel="frame (column)")
curves = right_side.subplots()
every = np.arange(0, STEPS + 1, EVERY)
curves.semilogy(every, quarters.edits, color=COLOR["naive"], label="told quarters")
curves.semilogy(every, middles.edits, color=COLOR["truth"], label="told every middle")
curves.semilogy(every, ctc.edits, color=COLOR["model"], label="CTC: told the string")
curves.set(xlabel="step", ylabel="edits for each digit")
curves.set_title("CTC reads as if it had been told where")
curves.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=9)
save(fig)

# %% Take away

takeaway("""
    CTC's loss sums the probabilities of all paths that spell the string, over a lattice of few
    states. The blank keeps twins apart and fills the gaps; a string that does not fit costs
    infinity. The gradient is p minus a posterior: CTC labels the frames itself, at first mostly
    blank, so the network falls silent before it reads. It asks what is there, never where. Its
    frames are independent: decode strings and not paths, and do not expect frames to agree.

    Next: lesson 25 asks where, for each pixel.
""")
exercises(
    [
        "Leave out `- MEAN_INK` and train CTC's network for 1,500 steps. How long is the silence? "
        "Where do its labels stand in the end?",
        "Read 60 strips with `ctc_beam_search(log_probs, blank=BLANK)`, after 75 steps and after "
        "400. How many edits does it save?",
        "Let each strip hold seven digits, side by side without gaps, in 56 columns, and let the "
        "window move on by eight columns at a time. What share of the strings is infeasible? And "
        "by four columns at a time?",
    ]
)
