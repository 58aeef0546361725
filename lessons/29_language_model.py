"""Lesson 29. A language model

A language model predicts each character from those before it; that is classification, once for
each character, and its loss is cross-entropy (lesson 10). Perplexity is that loss in other clothes;
BLEU and ROUGE judge whole texts, and are not the loss.

Lesson 28 asked whether two pictures look alike, pixels apart; with texts that is harder still. Ours
follow a rule, so that we know for once the least loss anybody can reach.
"""

from collections import Counter
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss.functional import softmax
from microloss.losses import cross_entropy
from microloss.metrics import bleu, perplexity, rouge_l
from microloss.nn import MLP, Embedding, Module
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()

# ---- a text whose entropy is known ---------------------------------------------------------------

ADJECTIVES = ["old", "shy", "grey", "small", "wild", "tired"]
NOUNS = ["frog", "owl", "hen", "goat", "bear", "mole", "cat", "crow"]
VERBS = ["sing", "hide", "wait", "dream", "hum", "dance"]
RHYMES = [
    ["by the mill", "on the hill", "where all is still"],
    ["under the moon", "at noon", "by the lagoon"],
    ["up in a tree", "down by the sea", "happy and free"],
    ["all day", "in the hay", "far away"],
]
WORDS = list(product(ADJECTIVES, NOUNS, VERBS))
WHO = [f"the {a} {n} {v}s" for a, n, v in WORDS] + [f"two {a} {n}s {v}" for a, n, v in WORDS]
RHYME = {f"{who} {end}": i for i, ends in enumerate(RHYMES) for end in ends for who in WHO}
poems = []
for _ in range(500):
    (one, two), (end, rhyme, _) = rng.choice(WHO, 2), rng.permutation(RHYMES[rng.integers(4)])
    poems.append(f"{one} {end},\n{two} {rhyme}.\n")
text, learned = "".join(poems), "".join(poems[:400])
letters, codes = np.unique(list(text), return_inverse=True)
LONGEST = 12  # characters that a model may look back
cut, target = len(learned) - LONGEST, codes[LONGEST:]
held = target[cut:]
possible = len(WHO) ** 2 * 4 * 3 * 2  # two ends out of three, in either order
floor = np.log(possible) * 100 / (len(text) - len(learned))
say(f"""
The text ends with "{one} {end}, {two} {rhyme}." There are {possible:,} such couplets, all as
likely: log({possible:,}) nats each, {floor:.3f} for each of its characters. On new text nobody can
get lower, but by luck. We learn 400 couplets, and hold out 100.
""")

# ---- tables and networks -------------------------------------------------------------------------

predict("All characters are as likely, says a model that knows nothing. What is its perplexity?")
uniform = perplexity(np.zeros((len(held), len(letters))), held)
claim("as many as there are characters", np.isclose(uniform, len(letters)), f"{uniform:.2f}")
predict("""
    Count what followed the last k characters; where they are rare, trust k - 1 more: p_k(next) =
    (times it followed + p_(k-1)(next)) / (times they occurred + 1). Is a larger k always better?
""")
tables, p = [], np.full(len(held), 1 / len(letters))
for k in range(LONGEST + 1):
    grams = [text[i - k : i + 1] for i in range(LONGEST, len(text))]
    followed, occurred = Counter(grams[:cut]), Counter(g[:-1] for g in grams[:cut])
    p = np.array([(followed[g] + q) / (occurred[g[:-1]] + 1) for g, q in zip(grams[cut:], p)])
    tables.append(-np.log(p).mean())
best = int(np.argmin(tables))
low, last = np.exp([tables[best], tables[-1]])
found = f"perplexity {low:.2f} with k = {best}, {last:.2f} with {LONGEST}"
claim("no: a long past is a rare one", tables[-1] > tables[best] + 0.1, found)


class Reader(Module):
    """A learned vector for each of k characters, 64 hidden units, a score for each next one."""

    def __init__(self, k):
        self.embedding = Embedding(len(letters), 8, rng=rng)
        self.mlp = MLP(8 * k, 64, len(letters), rng=rng)

    def forward(self, past):
        return self.mlp(self.embedding(past).reshape(len(past), -1))


predict("A network reads the same k characters. Does it too get lost in a long past?")
networks, options = {}, {"epochs": 5, "batch_size": 64, "rng": rng}
for k in (1, 2, 4, 8, LONGEST):
    past = np.lib.stride_tricks.sliding_window_view(codes, k)[LONGEST - k : -1]
    model = Reader(k)
    optimizer = Adam(model.parameters(), lr=0.01)
    options["schedule"] = CosineAnnealingLR(optimizer, T_max=5)
    fit(model, cross_entropy, optimizer, past[:cut], target[:cut], **options)
    scores = model(past[cut:]).data
    networks[k] = cross_entropy(scores, held)
loss, perplexed = networks[LONGEST], perplexity(scores, held)
marks = np.exp([loss, *tables[:2], tables[best]])
claim(
    "no: it learns what owls and hens have in common, and beats every table",
    loss < min(networks[8], tables[best] - 0.01),
    "{:.2f}; counts of letters {:.2f}, of pairs {:.2f}, the best table {:.2f}".format(*marks),
)
claim("perplexity is exp(loss)", np.isclose(perplexed, np.exp(loss)), f"{perplexed:.4f}")

# ---- what the loss does not say ------------------------------------------------------------------


def speak(temperature):
    """200 times two lines, character by character, drawn from softmax(scores / temperature)."""
    said = np.tile(codes[-LONGEST:], (200, 1))
    for _ in range(90):
        p = softmax(model(said[:, -LONGEST:]).data / temperature, axis=1)
        said = np.column_stack([said, (p.cumsum(axis=1) < rng.random((200, 1))).sum(axis=1)])
    return ["".join(letters[row]).split("\n")[:2] for row in said[:, LONGEST:]]


said = {T: speak(T) for T in (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5)}
say(f"The network speaks: {' '.join(said[1][0])}")
predict("With 12 characters in view it cannot rhyme. What is the least that costs in perplexity?")
price = np.exp(np.log(6) * floor / np.log(possible)) - 1  # the last end: 1 in 12, not 1 in 2
ends = [[RHYME.get(line[:-1]) for line in lines] for lines in said[1]]
rhymed = np.mean([pair[0] == pair[-1] for pair in ends if len(pair) == 2 and None not in pair])
found = f"{price:.1%}; {rhymed:.0%} of its right couplets rhyme, 25% would by chance"
claim("next to nothing", price < 0.03 and rhymed < 0.45, found)
predict("Divide the scores by a temperature below 1: likely letters get likelier. Is that better?")
lines = {T: [line for pair in said[T] for line in pair] for T in said}
right = {T: 100 * np.mean([line[:-1] in RHYME for line in lines[T]]) for T in said}
new = {T: 100 * len(set(lines[T])) / len(lines[T]) for T in said}
best_T = min(said, key=lambda T: perplexity(scores / T, held))
claim(
    f"at 0.25 more lines are right and fewer differ; the least perplexity is at {best_T}",
    right[0.25] > right[1] + 3 and new[0.25] < new[1] - 15 and 0.75 <= best_T <= 1.25,
    f"{right[1]:.0f} % right become {right[0.25]:.0f}, {new[1]:.0f} % different {new[0.25]:.0f}",
)
predict("""
    "Take two pills a day with water" was meant. ROUGE-L seeks the longest common subsequence of
    words, BLEU common runs of 1 to 4. Which do they prefer: "take ten pills a day with water", or
    "swallow one with water each morning and each evening"?
""")
meant, slip = (f"take {n} pills a day with water".split() for n in ("two", "ten"))
sense = ["swallow", "one", "with", "water", "each", "morning", "and", "each", "evening"]
marks = [(rouge_l(words, meant), bleu([words], [[meant]], smooth=True)) for words in (slip, sense)]
found = "ROUGE-L {:.2f} and BLEU {:.2f} against {:.2f} and {:.2f}".format(*marks[0], *marks[1])
claim("both ten pills: they count words, not meaning", np.subtract(*marks).min() > 0.4, found)

fig, (memory, heat) = plt.subplots(1, 2, figsize=(9.5, 4))
memory.semilogy(np.array(tables) - floor, "o-", color=COLOR["naive"], label="table of counts")
excess = np.array([*networks.values()]) - floor
memory.semilogy([*networks], excess, "o-", color=COLOR["model"], label="network")
memory.set(xlabel="characters looked back", ylabel="loss above the floor (nats per character)")
memory.set(title="Tables get lost in a long past")
heat.plot([*said], [*right.values()], "o-", color=COLOR["model"], label="right lines")
heat.plot([*said], [*new.values()], "o-", color=COLOR["validation"], label="different lines")
heat.set(xlabel="temperature", ylabel="share (%)", title="Cold, it repeats itself; hot, it babbles")
for ax in (memory, heat):
    ax.legend()
save(fig)

takeaway("""
    A language model classifies: which character comes next? exp of its loss, the perplexity, says
    among how many it hesitates. That loss hardly pays for what matters to us, such as a rhyme, and
    BLEU and ROUGE count words. Each says what it measures, and no more.

    Next: lesson 30 asks people which of two texts they prefer, and learns from that.
""")
exercises(
    [
        "Let the network look back 48 characters. Does it rhyme? Would more couplets help?",
        "A table trusts k - 1 characters with the weight 1. Try 3. Does one catch up?",
    ]
)
