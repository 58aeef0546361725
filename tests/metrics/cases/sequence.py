"""Metrics of sequences: values by hand, and calls that are refused."""

import math

import numpy as np

from microloss import metrics

CAT = ["the", "cat", "is", "on", "the", "mat"]
CAT_SAT = ["the", "cat", "sat", "on", "the", "mat"]

BY_HAND = [
    # one replaced; two missing, of 6 + 3 words
    (metrics.word_error_rate, ([CAT, ["a"]], [CAT_SAT, list("abc")]), {}, 3 / 9),
    (metrics.word_error_rate, ([list("abc")], [["a"]]), {}, 2),
    (metrics.rouge_n, (CAT, CAT_SAT), {"n": 1}, 5 / 6),
    (metrics.rouge_n, (CAT, CAT_SAT), {"n": 2}, 3 / 5),
    (metrics.rouge_n, (["the"] * 3, CAT), {"n": 1}, 2 * 2 / 9),  # "the" counts twice
    # 2 words are too short for n-grams of 3 and 4; both words and the pair match
    (metrics.bleu, ([["a", "b"]], [[["a", "b"]]]), {"effective_order": True}, 1),
    (metrics.bleu, ([["a", "b"]], [[["a", "b"]]]), {}, 0),
    (metrics.edit_distance, ("flaw", "lawn"), {}, 2),  # f away, n added
    (metrics.edit_distance, ([], [1, 2]), {}, 2),
    # "the cat on the mat" is common
    (metrics.rouge_l, (CAT, CAT_SAT), {}, 5 / 6),
    (metrics.rouge_l, (["a", "b", "c", "d"], ["d", "a", "c"]), {}, 2 * 2 / 7),  # P 2/4, R 2/3
    (metrics.rouge_l, ([], ["a"]), {}, 0),
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, none of 3 quadruples
    (metrics.bleu, ([CAT], [[CAT_SAT]]), {}, 0),
    (metrics.bleu, ([CAT], [[CAT_SAT]]), {"max_n": 3}, (5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3)),
    (metrics.bleu, ([CAT], [[CAT_SAT]]), {"smooth": True}, (5 / 6 * 4 / 6 * 2 / 5 / 4) ** (1 / 4)),
    # Papineni et al.: seven times "the", which no reference has more than twice
    (
        metrics.bleu,
        ([["the"] * 7], [[CAT, ["there", "is", "a", "cat", "on", "the", "mat"]]]),
        {"max_n": 1},
        2 / 7,
    ),
    # 4 words against references of 3, 5 and 9: as near as the 5 is the 3, so nothing is missing
    (metrics.bleu, ([list("abcd")], [[list("abc"), list("abcde"), list("a" * 9)]]), {}, 1),
    (metrics.bleu, ([list("abcd")], [[["a"], list("abcde")]]), {}, math.exp(1 - 5 / 4)),
    # counts are summed over sentences: (1 + 3) of (2 + 3) words, 5 against 2 + 4
    (
        metrics.bleu,
        ([list("ax"), list("abc")], [[list("ay")], [list("abcd")]]),
        {"max_n": 1},
        4 / 5 * math.exp(1 - 6 / 5),
    ),
]

PEERS = [
    *(
        (
            "bleu", "sacrebleu", ["texts", "short texts"],
            {"max_n": n, "smooth": smooth, "effective_order": effective},
            {
                "max_ngram_order": n, "effective_order": effective,
                "smooth_method": "add-k" if smooth else "none",
                "smooth_value": 1 if smooth else None,
            },
        )
        for n in (1, 2, 4) for smooth in (False, True) for effective in (False, True)
    ),
    *(("rouge_n", "rouge", ["texts"], {"n": n}, {"kind": f"rouge{n}"}) for n in (1, 2)),
    ("rouge_l", "rouge", ["texts"], {}, {"kind": "rougeL"}),
]  # fmt: skip

ERRORS = [
    (metrics.word_error_rate, (["the cat"], [CAT]), {}, r"prediction\[0\] is the string"),
    (metrics.word_error_rate, ([CAT], ["the cat"]), {}, r"target\[0\] is the string"),
    (metrics.word_error_rate, ([CAT], [CAT, CAT]), {}, "target 2"),
    (metrics.word_error_rate, ([CAT], [[]]), {}, "no words"),
    (metrics.rouge_n, ("the cat", CAT), {"n": 1}, "prediction is the string"),
    (metrics.rouge_n, (["yes"], ["yes"]), {"n": 2}, "n=2"),
    (metrics.rouge_n, (CAT, CAT), {"n": 0}, "n must be"),
    (metrics.edit_distance, (3, "abc"), {}, "prediction must be a sequence"),
    (metrics.edit_distance, ("abc", np.array(3)), {}, "target must be a sequence"),
    (metrics.rouge_l, ("the cat", ["the"]), {}, "prediction is the string 'the cat'.*split"),
    (metrics.rouge_l, ([], []), {}, "both empty"),
    (metrics.bleu, ("the cat", [["the"]]), {}, "prediction is the string"),
    (metrics.bleu, (["the cat"], [[CAT]]), {}, r"prediction\[0\] is the string"),
    (metrics.bleu, ([CAT], [CAT]), {}, r"target\[0\]\[0\] is the string 'the'"),
    (metrics.bleu, ([CAT], [CAT, CAT]), {}, "1 sentences, target 2; .*list of references"),
    (metrics.bleu, ([], []), {}, "0 sentences"),
    (metrics.bleu, ([CAT], [[]]), {}, r"target\[0\] is empty"),
    (metrics.bleu, ([CAT], [[CAT]]), {"max_n": 0}, "max_n"),
]
