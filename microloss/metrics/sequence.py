"""Metrics of texts and other sequences."""

import math
from collections import Counter

import numpy as np

from ..engine.arguments import real
from ..engine.tensor import values_of
from .common import check_count, metric

__all__ = ["bleu", "edit_distance", "rouge_l", "rouge_n", "word_error_rate"]


def sequence(name, x):
    """The elements of a string, a list or a row of numbers, as a list."""
    x = values_of(x)
    if isinstance(x, np.ndarray) and not (type(x) is np.ndarray and x.dtype.kind == "U"):
        x = real(x, name)
    try:
        return list(x.tolist() if isinstance(x, np.ndarray) else x)
    except TypeError:
        raise TypeError(f"{name} must be a sequence, got {x!r:.60}") from None


def tokens(name, x):
    if isinstance(x, str):
        raise TypeError(
            f"{name} is the string {x!r:.40}, it must be a list of tokens: pass text.split() for "
            "words, list(text) for characters"
        )
    return sequence(name, x)


def cheapest_edit(a, b, substitution):
    """Least cost of turning a into b, where an insertion or a deletion costs 1."""
    row = list(range(len(b) + 1))  # from the first i elements of a to the first j of b
    for i, x in enumerate(a, 1):
        above, row = row, [i]
        for j, y in enumerate(b, 1):
            replaced = above[j - 1] + (0 if x == y else substitution)
            row.append(min(above[j] + 1, row[j - 1] + 1, replaced))
    return row[-1]


@metric
def edit_distance(prediction, target) -> int:
    """Least number of insertions, deletions and substitutions that turn one into the other.

    Formula: D[i, j] = min(D[i-1, j] + 1, D[i, j-1] + 1, D[i-1, j-1] + [a_i != b_j]), and 0, 1, 2
    ... along the edges. Divided by len(target): the character or word error rate.

    Shapes: two sequences of any lengths, 0 included: strings, lists or rows of labels. Units:
    edits.

    Raises: TypeError for what is not a sequence.

    >>> edit_distance("kitten", "sitting")
    3

    Reference: Levenshtein (1966), Binary Codes Capable of Correcting Deletions, Insertions and
    Reversals; Wagner, Fischer (1974), The String-to-String Correction Problem.
    """
    return cheapest_edit(sequence("prediction", prediction), sequence("target", target), 1)


@metric
def word_error_rate(prediction, target) -> float:
    """Edits needed to turn the predicted texts into the true ones, for each word of the true ones.

    Formula: sum of edit_distance(prediction, target) over all sentences / number of target words.
    With characters for words it is the character error rate.

    Shapes: two lists of as many sentences, each a list of words. Range: at least 0; above 1 where
    many words are inserted.

    Raises: TypeError for strings that are not split and for what is not a sequence; ValueError for
    unequal numbers of sentences, and for targets without words.

    >>> word_error_rate(["the cat sat".split()], ["the cat sat down".split()])
    0.25

    Reference: Morris, Maier, Green (2004), From WER and RIL to MER and WIL.
    """
    prediction, target = sentences(prediction, target, "a target")
    truth = [tokens(f"target[{i}]", words) for i, words in enumerate(target)]
    length = sum(map(len, truth))
    if not length:
        raise ValueError("target holds no words; a rate needs at least one")
    return sum(cheapest_edit(a, b, 1) for a, b in zip(prediction, truth)) / length


def sentences(prediction, target, what):
    """The predicted sentences, as lists of tokens, and as many entries of target."""
    prediction, target = tokens("prediction", prediction), tokens("target", target)
    if len(prediction) != len(target) or not prediction:
        raise ValueError(
            f"prediction holds {len(prediction)} sentences, target {len(target)}; it must hold "
            f"{what} for each sentence"
        )
    return [tokens(f"prediction[{i}]", words) for i, words in enumerate(prediction)], target


@metric
def rouge_l(prediction, target) -> float:
    """How much of a text and of its reference is common to both, in the same order.

    Formula: 2 P R / (P + R) = 2 L / (m + n), with precision P = L / m and recall R = L / n, for m
    predicted and n target tokens whose longest common subsequence is L long. Without
    substitutions it takes m + n - 2 L edits to turn one into the other.

    Shapes: two lists of tokens. Range: 0 to 1.

    Raises: TypeError for strings that are not split and for what is not a sequence; ValueError
    where both are empty.

    >>> rouge_l("police kill the gunman".split(), "police killed the gunman".split())
    0.75

    Reference: Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries.
    """
    prediction, target = tokens("prediction", prediction), tokens("target", target)
    length = len(prediction) + len(target)
    if not length:
        raise ValueError("prediction and target are both empty, so there is nothing to compare")
    return 1 - cheapest_edit(prediction, target, 2) / length


@metric
def rouge_n(prediction, target, *, n: int) -> float:
    """How many n-grams a text and its reference have in common.

    Formula: 2 P R / (P + R) = 2 m / (a + b), with precision P = m / a and recall R = m / b, for a
    predicted and b target n-grams, of which m match, each as often as both have it.

    Shapes: two lists of tokens. Range: 0 to 1. ROUGE-1 is n=1, ROUGE-2 is n=2.

    Raises: TypeError for strings that are not split and for what is not a sequence; ValueError for
    n below 1, and where both are shorter than n tokens.

    >>> rouge_n("police kill the gunman".split(), "police killed the gunman".split(), n=1)
    0.75

    Reference: Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries; the F-measure of
    the rouge-score package.
    """
    check_count("n", n)
    found = ngrams(tokens("prediction", prediction), n)
    wanted = ngrams(tokens("target", target), n)
    total = found.total() + wanted.total()
    if not total:
        raise ValueError(f"prediction and target both hold less than n={n} tokens")
    return 2 * (found & wanted).total() / total


def ngrams(words, n):
    return Counter(zip(*(words[i:] for i in range(n))))


@metric
def bleu(
    prediction,
    target,
    *,
    max_n: int = 4,
    smooth: bool = False,
    effective_order: bool = False,
) -> float:
    """Share of a text's n-grams that its references have too, with a penalty for brevity.

    Formula: BP exp(mean over n = 1..max_n of log p_n). p_n = matches / n-grams, both summed over
    all sentences; an n-gram matches at most as often as one reference has it. BP = exp(1 - r / c)
    if c < r, else 1, for c predicted tokens against r in the references nearest in length (of two
    as near, the shorter). smooth adds 1 to matches and n-grams of n > 1: without it one p_n = 0
    makes the score 0, as is common for a single sentence. effective_order leaves out the n
    for which the texts are too short to have any n-gram.

    Shapes: prediction, a list of sentences, each a list of tokens; target, for each sentence the
    list of its references, each a list of tokens. Range: 0 to 1.

    Raises: TypeError for strings that are not split and for what is not a sequence; ValueError for
    unequal numbers of sentences, no sentences or no references, or max_n below 1.

    >>> text = "the cat sat on the mat".split()
    >>> bleu([text], [[text, "a cat was sitting there".split()]])
    1.0
    >>> round(bleu(["the the the".split()], [[text]], max_n=1), 6)    # 2/3 exp(1 - 6/3)
    0.245253

    Reference: Papineni, Roukos, Ward, Zhu (2002), BLEU: a Method for Automatic Evaluation of
    Machine Translation; smoothing by Lin, Och (2004), ORANGE; sacrebleu's
    corpus_bleu (smooth is its smooth_method="add-k").
    """
    check_count("max_n", max_n)
    prediction, target = sentences(prediction, target, "a list of references")
    matches, totals = np.zeros(max_n), np.zeros(max_n)
    length = reference_length = 0
    for i, (words, references) in enumerate(zip(prediction, target)):
        references = [
            tokens(f"target[{i}][{j}]", r) for j, r in enumerate(tokens(f"target[{i}]", references))
        ]
        if not references:
            raise ValueError(f"target[{i}] is empty, it must hold at least one reference")
        length += len(words)
        _, nearest = min((abs(len(r) - len(words)), len(r)) for r in references)
        reference_length += nearest
        for n in range(1, max_n + 1):
            found = ngrams(words, n)
            # not the union of the references' n-grams: it grows, and is copied for each of them
            wanted = [ngrams(r, n) for r in references]
            matches[n - 1] += sum(
                min(times, max(each[gram] for each in wanted)) for gram, times in found.items()
            )
            totals[n - 1] += found.total()
    if smooth:
        matches[1:] += 1
        totals[1:] += 1
    if effective_order:
        matches, totals = matches[totals > 0], totals[totals > 0]
    if not matches.size or not matches.all():
        return 0.0
    brevity = min(0.0, 1 - reference_length / length)
    return math.exp(brevity + np.mean(np.log(matches / totals)))
