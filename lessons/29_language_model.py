"""Lesson 29. A language model

A language model predicts each character from those before it. That is classification, once for each
character, and its loss is cross-entropy (lesson 10). Perplexity is that loss, told in another unit.
BLEU and ROUGE judge whole texts against texts that people have written; they are not the loss, and
they are not what a reader would say either.

Lesson 28 asked whether two pictures look alike when their pixels do not agree; with texts that is
harder still. Our text follows a rule, so we know for once the least loss that anybody can reach
(its entropy; Shannon 1948, A mathematical theory of communication), and which lines are right.
"""

from collections import Counter
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss.functional import log_softmax, softmax
from microloss.losses import cross_entropy
from microloss.metrics import bleu, perplexity, roc_auc, rouge_l
from microloss.nn import MLP, Embedding, Module
from microloss.optim import Adam, CosineAnnealingLR
from microloss.training import fit

rng = begin()
COUPLETS = 500
LEARNED = 400  # the others are held out
LONGEST = 12  # characters that a model may look back

# %% A text whose entropy is known

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
couplets = []
for _ in range(COUPLETS):
    one, two = rng.choice(WHO, 2)
    end, rhyme, _ = rng.permutation(RHYMES[rng.integers(len(RHYMES))])
    couplets.append(f"{one} {end},\n{two} {rhyme}.\n")
text = "".join(couplets)
learned = "".join(couplets[:LEARNED])
letters, codes = np.unique(list(text), return_inverse=True)
target = codes[LONGEST:]
cut = len(learned) - LONGEST
held = target[cut:]
possible = len(WHO) ** 2 * 4 * 3 * 2  # two ends out of three, in either order
entropy = np.log(possible) * (COUPLETS - LEARNED)  # of the held-out text, in nats
floor = entropy / len(held)
say(f"""
The text ends with "{one} {end}, {two} {rhyme}." There are {possible:,} such couplets, all equally
likely, so each has log({possible:,}) = {np.log(possible):.1f} nats. We learn {LEARNED} couplets and
hold out {COUPLETS - LEARNED}: on those nobody gets below {floor:.3f} nats for each of their
{len(held):,} characters, except by luck. The loss of a text, and its perplexity:
""")
formula(
    """
    p(text)    = p(c_1) p(c_2 | c_1) p(c_3 | c_1 c_2) ...          each factor one classification
    loss       = -log p(text) / characters = mean of -log p(c_i | those before)
    perplexity = e^loss = 1 / geometric mean of p(c_i | those before)
    p = 1/V for each of V characters:  loss = log V,  perplexity = V
    """,
    tex=r"\text{perplexity} = e^{\text{loss}} = \exp\left(-\frac1n \sum_{i=1}^n "
    r"\log p(c_i \mid c_1 \dots c_{i-1})\right); \qquad p = \tfrac1V \Rightarrow "
    r"\text{perplexity} = V",
)
predict("""
    Count what followed the last k characters. Where they are rare, trust the counts of k - 1
    characters more. Is a larger k always better?
""")

# %% Tables of counts

say("""
This is interpolation: the shorter past gets the weight of w more observations. With a good w a rare
past does no harm, so each table may choose its w, and it may do so on the held-out text itself:
more than is fair.
""")
formula(
    "p_k(next) = (times it followed + w p_(k-1)(next)) / (times they occurred + w)",
    tex=r"p_k(c) = \frac{n(\text{past}, c) + w\, p_{k-1}(c)}{n(\text{past}) + w}",
)
WEIGHTS = np.array([[0.3], [1], [3], [10], [30]])
p = np.full((len(WEIGHTS), len(held)), 1 / len(letters))
tables = []  # probabilities of the held-out characters, by k and weight
seen = []  # how often the last k characters occur in the learned text
for k in range(LONGEST + 1):
    grams = [text[i - k : i + 1] for i in range(LONGEST, len(text))]
    followed = Counter(grams[:cut])
    occurred = Counter(gram[:-1] for gram in grams[:cut])
    times = np.array([followed[gram] for gram in grams[cut:]])
    seen.append(np.array([occurred[gram[:-1]] for gram in grams[cut:]]))
    p = (times + WEIGHTS * p) / (seen[k] + WEIGHTS)
    tables.append(p)
table_losses = -np.log(tables).mean(axis=2)
fixed = table_losses[:, 1]  # w = 1
tuned = table_losses.min(axis=1)
best_k, best_w = np.unravel_index(table_losses.argmin(), table_losses.shape)
table(
    ["perplexity, by k", *range(0, LONGEST + 1, 2)],
    [
        ("w = 1", *(f"{x:.2f}" for x in np.exp(fixed[::2]))),
        ("best w", *(f"{x:.2f}" for x in np.exp(tuned[::2]))),
    ],
)
uniform = perplexity(np.zeros((len(held), len(letters))), held)
claim(
    "A model that finds all characters equally likely has a perplexity of their number",
    np.isclose(uniform, len(letters)),
    f"{uniform:.2f}",
)
claim(
    "With w = 1 a table that looks back 12 characters is worse than the best shorter one",
    fixed[-1] > fixed.min() + 0.05,
    f"by {fixed[-1] - fixed.min():.3f} nats: perplexity {np.exp(fixed[-1]):.2f} against "
    f"{np.exp(fixed.min()):.2f} with k = {fixed.argmin()}",
)
claim(
    "With the best w a longer past neither harms nor helps a table: from k = 8 to 12 its loss "
    "moves by less than 0.02 nats",
    np.ptp(tuned[8:]) < 0.02,
    f"by {np.ptp(tuned[8:]):.3f}",
)
predict("""
    A network reads the same k characters. Does it gain from a longer past? And if it beats the
    tables: is it where the past is new, so that no table can know it?
""")

# %% A network


class Reader(Module):
    """A learned vector for each of k characters, 64 hidden units, a score for each next one."""

    def __init__(self, k):
        self.embedding = Embedding(len(letters), 8, rng=rng)
        self.mlp = MLP(8 * k, 64, len(letters), rng=rng)

    def forward(self, past):
        return self.mlp(self.embedding(past).reshape(len(past), -1))


EPOCHS = 5
networks = {}
for k in (4, 8, LONGEST):
    past = np.lib.stride_tricks.sliding_window_view(codes, k)[LONGEST - k : -1]
    model = Reader(k)
    optimizer = Adam(model.parameters(), lr=0.01)
    fit(
        model, cross_entropy, optimizer, past[:cut], target[:cut], epochs=EPOCHS, batch_size=64,
        rng=rng, schedule=CosineAnnealingLR(optimizer, T_max=EPOCHS),
    )  # fmt: skip
    scores = model(past[cut:]).data
    networks[k] = cross_entropy(scores, held)
loss = networks[LONGEST]
claim(
    "The network gains from each longer past: 4, 8, 12 characters",
    np.all(np.diff([*networks.values()]) < 0),
    "perplexity " + ", ".join(f"{np.exp(x):.3f}" for x in networks.values()),
)
claim(
    "With 12 characters the network beats every table, of any k and any weight",
    loss < table_losses.min() - 0.005,
    f"by {table_losses.min() - loss:.3f} nats: {loss:.3f} against {table_losses.min():.3f}; the "
    f"floor is {floor:.3f}",
)
claim(
    "The network's perplexity is exp(its loss)",
    np.isclose(perplexity(scores, held), np.exp(loss)),
    f"{perplexity(scores, held):.4f}",
)
by_network = log_softmax(scores)[np.arange(len(held)), held]
gained = by_network - np.log(tables[best_k][best_w])  # nats by which it beats the best table
groups = {
    "never": seen[LONGEST] == 0,
    "1 to 4 times": (seen[LONGEST] > 0) & (seen[LONGEST] < 5),
    "5 to 19 times": (seen[LONGEST] >= 5) & (seen[LONGEST] < 20),
    "20 times or more": seen[LONGEST] >= 20,
}
table(
    ["the last 12 characters were seen", "share of the text", "lead over the best table (nats)"],
    [(name, f"{rows.mean():.0%}", f"{gained[rows].sum():+.0f}") for name, rows in groups.items()],
)
claim(
    "Less than a fifth of the network's lead comes from pasts of 12 characters that it has never "
    "seen",
    gained[groups["never"]].sum() < 0.2 * gained.sum(),
    f"{gained[groups['never']].sum():.0f} of {gained.sum():.0f} nats",
)
say("""
So it is not that the network knows what it has never seen. It leads where the past was seen a few
times: there a share of counts is a noisy estimate.
""")
predict("""
    A table of counts can also look back two words, and predict the next word. Its perplexity is
    higher than that of a table of 4 characters, on the same text. Is it the worse model?
""")

# %% Perplexity of what?


def words_of(lines):
    return lines.replace(",", " ,").replace(".", " .").replace("\n", " \n ").split(" ")


def word_table(k, weight=1):
    """-log p of each held-out word, from a table of the k words before."""
    words = [word for word in words_of(text) if word]
    first = len([word for word in words_of(learned) if word])
    p = np.full(len(words) - first, 1 / len(set(words)))
    for back in range(k + 1):
        grams = [tuple(words[i - back : i + 1]) for i in range(k, len(words))]
        followed = Counter(grams[: first - k])
        occurred = Counter(gram[:-1] for gram in grams[: first - k])
        times = np.array([(followed[gram], occurred[gram[:-1]]) for gram in grams[first - k :]]).T
        p = (times[0] + weight * p) / (times[1] + weight)
    return -np.log(p)


word_nats = word_table(2)
spelled = len(held) * fixed[4]
nats = {  # nats for the held-out text, perplexity of a token
    "table of 4 characters": (spelled, np.exp(fixed[4])),
    "table of 2 words": (word_nats.sum(), np.exp(word_nats.mean())),
    "network": (len(held) * loss, np.exp(loss)),
    "network, counted by word": (len(held) * loss, np.exp(len(held) * loss / len(word_nats))),
    "nobody gets lower": (entropy, np.exp(floor)),
}
table(
    ["", "nats for the text", "per character", "perplexity of a token"],
    [
        (name, f"{total:,.0f}", f"{total / len(held):.3f}", f"{each:.2f}")
        for name, (total, each) in nats.items()
    ],
)
claim(
    "The table of words has the higher perplexity of a token, and finds the whole text more likely",
    np.exp(word_nats.mean()) > np.exp(fixed[4]) and word_nats.sum() < spelled - 100,
    f"{word_nats.sum():,.0f} nats against {spelled:,.0f}, with perplexities of "
    f"{np.exp(word_nats.mean()):.2f} and {np.exp(fixed[4]):.2f}",
)
vocabulary = set(words_of(text)) - {""}
say(f"""
Perplexity counts choices at each token, and a word holds {len(held) / len(word_nats):.1f}
characters here (spaces are counted, and each comma or line end is a word). So perplexities compare
only between models with the same tokens, on the same text. Nats, or bits, for each character
compare always. (Even so the table of words has it easier: it was told the {len(vocabulary)} words
that exist.)
""")
predict("With 12 characters in view the network cannot rhyme. What is the least that this costs?")

# %% What the loss hardly pays for


def speak(temperature):
    """200 times two lines, character by character, drawn from softmax(scores / temperature)."""
    said = np.tile(codes[-LONGEST:], (200, 1))
    for _ in range(90):
        p = softmax(model(said[:, -LONGEST:]).data / temperature, axis=1)
        drawn = (p.cumsum(axis=1) < rng.random((200, 1))).sum(axis=1)
        said = np.column_stack([said, np.minimum(drawn, len(letters) - 1)])
    return ["".join(letters[row]).split("\n")[:2] for row in said[:, LONGEST:]]


TEMPERATURES = (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5)
said = {temperature: speak(temperature) for temperature in TEMPERATURES}
say(f"The network speaks: {' '.join(said[1][0])}")
price = np.exp(np.log(6) * floor / np.log(possible)) - 1  # the last end: 1 in 12, not 1 in 2
ends = [[RHYME.get(line[:-1]) for line in lines] for lines in said[1]]
pairs = [pair for pair in ends if len(pair) == 2 and None not in pair]
rhymed = np.mean([first == last for first, last in pairs])
claim(
    "Not to rhyme costs less than 3 % in perplexity, and the network hardly does: fewer than 45 % "
    "of its right couplets rhyme",
    price < 0.03 and rhymed < 0.45,
    f"{price:.1%}; {rhymed:.0%} of {len(pairs)} rhyme, 25% would by chance",
)
predict("Divide the scores by a temperature below 1: likely letters get likelier. Is that better?")

# %% Cold and hot

lines = {T: [line for pair in said[T] for line in pair if line.strip(",. ")] for T in said}
right = {T: 100 * np.mean([line[:-1] in RHYME for line in lines[T]]) for T in said}
new = {T: 100 * len(set(lines[T])) / len(lines[T]) for T in said}
at_temperature = {T: perplexity(scores / T, held) for T in said}
best_T = min(said, key=at_temperature.get)
claim(
    "At temperature 0.25 more lines are right than at 1, and fewer are different",
    right[0.25] > right[1] + 2 and new[0.25] < new[1] - 15,
    f"{right[1]:.0f} % right become {right[0.25]:.0f}, {new[1]:.0f} % different {new[0.25]:.0f}",
)
claim(
    "The perplexity is least at a temperature between 0.75 and 1.25",
    0.75 <= best_T <= 1.25,
    f"at {best_T:g}; at 0.25 it is {at_temperature[0.25]:.2f} instead of "
    f"{at_temperature[best_T]:.2f}",
)
predict("""
    How good is what the network says? Take a line from the held-out text as the one that was meant.
    BLEU counts common runs of 1 to 4 words, ROUGE-L the longest common subsequence. What do they
    like better: a right line of the network, or the line that was meant with its verb in the wrong
    form ("the old cat sing")?
""")

# %% Right but different

formula(
    """
    BLEU     = BP exp(mean over n = 1..4 of log p_n)         p_n = share of the runs of n words
               BP = exp(1 - r / c) if c < r, else 1                that the references have too
    ROUGE-L  = 2 P R / (P + R) = 2 L / (c + r)               P = L / c, R = L / r
    c, r: words in the candidate, in the reference;  L: in their longest common subsequence
    """,
    tex=r"\text{BLEU} = \min(1, e^{1 - r/c}) "
    r"\exp\left(\tfrac14 \sum_{n=1}^4 \log p_n\right), \qquad "
    r"\text{ROUGE-L} = \frac{2 P R}{P + R} = \frac{2 L}{c + r}",
)
references = [couplet.split("\n")[1][:-1].split() for couplet in couplets[LEARNED:]]


def break_verb(words):
    """The same line with its verb, the fourth word, in the other form."""
    verb = words[3]
    other = verb[:-1] if words[0] == "the" else verb + "s"
    return [*words[:3], other, *words[4:]]


own = [line[:-1].split() for line in lines[1] if line[:-1] in RHYME]
meant = [references[i % len(references)] for i in range(len(own))]
broken = [break_verb(words) for words in meant]


def smooth_bleu(words, *of):
    return bleu([words], [of], smooth=True, effective_order=True)


METRICS = {
    "BLEU": smooth_bleu,
    "ROUGE-L": lambda words, *of: max(rouge_l(words, reference) for reference in of),
}
marks = {
    name: np.array([(metric(a, m), metric(b, m)) for a, b, m in zip(own, broken, meant)])
    for name, metric in METRICS.items()
}
preferred = {name: np.mean(pair[:, 1] > pair[:, 0]) for name, pair in marks.items()}
table(
    ["mean mark", "right but different", "meant, verb broken", "broken preferred"],
    [
        (name, f"{pair[:, 0].mean():.2f}", f"{pair[:, 1].mean():.2f}", f"{preferred[name]:.0%}")
        for name, pair in marks.items()
    ],
)
claim(
    "BLEU and ROUGE-L prefer the broken line to more than nine of ten right lines of the network",
    min(preferred.values()) > 0.9,
    f"BLEU {preferred['BLEU']:.0%}, ROUGE-L {preferred['ROUGE-L']:.0%} of {len(own)}",
)
zero = np.mean([bleu([words], [[m]]) == 0 for words, m in zip(own, meant)])
pooled = bleu(own, [[m] for m in meant])
claim(
    "Without smoothing BLEU gives 0 to more than nine of ten right lines of the network",
    zero > 0.9,
    f"{zero:.0%}",
)
say(f"""
So the marks above are smoothed: 1 is added to the counts of runs (Lin and Och 2004). BLEU was made
for whole texts, whose counts are pooled (these lines have {pooled:.3f} then), and for several
references (Papineni et al. 2002, BLEU: a method for automatic evaluation of machine translation).
So be fair, and give it more of them. Let it tell right from wrong among the network's own lines at
temperature 1.25: the AUC is the share of pairs, one right and one wrong line, in which the right
one has the higher mark. Guessing has 0.5.
""")
predict("With how many references can BLEU tell right from wrong: 1, 5, 25 or 100?")

# %% How many references?

HOW_MANY = (1, 5, 25, 100)
hot = [line.rstrip(",.") for line in lines[1.25][:240]]
is_right = np.array([line in RHYME for line in hot])
auc = []
for count in HOW_MANY:
    chosen = [rng.permutation(len(references))[:count] for _ in hot]
    judged = [
        smooth_bleu(line.split(), *(references[i] for i in rows)) for line, rows in zip(hot, chosen)
    ]
    auc.append(roc_auc(np.array(judged), is_right.astype(int)))
table(["references", *HOW_MANY], [("AUC of BLEU", *(f"{x:.2f}" for x in auc))])
claim(
    "With 100 references BLEU tells right from wrong far better than with one",
    auc[-1] > auc[0] + 0.1,
    f"AUC {auc[-1]:.2f} against {auc[0]:.2f}",
)
some = own[:60]
short = [words[:3] for words in some]
all_references = [references] * len(some)
penalty = np.exp(1 - min(map(len, references)) / 3)
whole = bleu(some, all_references)
trimmed = bleu(short, all_references, effective_order=True)
claim(
    "Cut to three words, the right lines would gain in BLEU without its brevity penalty, and lose "
    "with it",
    trimmed / penalty > whole + 0.05 and trimmed < whole - 0.05,
    f"{trimmed / penalty:.2f} and {trimmed:.2f} instead of {whole:.2f}",
)

# %% The picture

fig, (memory, heat, judges) = plt.subplots(1, 3, figsize=(13, 4.2))
memory.semilogy(fixed - floor, "o:", color=COLOR["naive"], label="table, w = 1")
memory.semilogy(tuned - floor, "o-", color=COLOR["naive"], label="table, best w")
excess = np.array([*networks.values()]) - floor
memory.semilogy([*networks], excess, "o-", color=COLOR["model"], label="network")
memory.set(xlabel="characters looked back", ylabel="loss above the floor (nats per character)")
memory.set_title("Only the network gains from a long past")
memory.legend()
heat.plot([*said], [*right.values()], "o-", color=COLOR["model"], label="right lines")
heat.plot([*said], [*new.values()], "o-", color=COLOR["validation"], label="different lines")
heat.set(xlabel="temperature", ylabel="share of the lines (%)")
heat.set_title("Cold, it repeats itself; hot, it errs")
heat.legend(loc="lower center")
judges.semilogx(HOW_MANY, auc, "o-", color=COLOR["model"], label="BLEU")
judges.axhline(0.5, color=COLOR["truth"], linestyle=":", label="guessing")
judges.set(xlabel="references", ylabel="AUC, right against wrong lines", ylim=(0.4, 1))
judges.set_xticks(HOW_MANY)
judges.set_xticklabels(HOW_MANY)
judges.minorticks_off()
judges.set_title("With one reference BLEU nearly guesses")
judges.legend(loc="upper left")
save(fig)

# %% Take away

takeaway("""
    A language model classifies: which character comes next? exp of its loss, the perplexity, says
    among how many it hesitates, at each token: compare it only between models with the same tokens.
    That loss hardly pays for what matters to us, such as a rhyme. BLEU and ROUGE count words in
    common with references: with one reference a right but different line gets a low mark, and a
    wrong but near one a high mark. Give them many references and whole texts, and read the lines.

    Next: lesson 30 asks people which of two texts they prefer, and learns from that.
""")
exercises(
    [
        "Let the network look back 48 characters (`LONGEST = 48`). Does it rhyme? Do 2,000 "
        "couplets, 1,900 of them learned, change that?",
        "Score the broken lines with all 100 references instead of one, and the right lines too. "
        "Which does BLEU prefer now?",
    ]
)
