"""Other libraries' values of the cases: computed live, or read from data/metrics.json."""

import importlib
import json
from pathlib import Path

import numpy as np

from .cases import FAMILIES
from .samples import SAMPLES, filled

KEPT = Path(__file__).parents[1] / "data" / "metrics.json"

CALLS = {
    " ".join([name, *(f"{k}={v}" for k, v in options.items()), "on", sample]): (
        name, peer, sample, options, peer_options,
    )
    for family in FAMILIES
    for name, peer, data, options, peer_options in family.PEERS
    for sample in data
}  # fmt: skip


def peer_values(peer, sample, options):
    prediction, target = SAMPLES[sample]
    if peer in OTHER_PEERS:
        return OTHER_PEERS[peer](prediction, target, **options)
    module, name = peer.rsplit(".", 1)
    function = getattr(importlib.import_module(f"sklearn.{module}"), name)
    return function(target, prediction, **filled(options, sample))


def sacrebleu(prediction, target, **options):
    import sacrebleu

    references = [[" ".join(r) for r in nth] for nth in zip(*target)]
    texts = [" ".join(words) for words in prediction]
    bleu = sacrebleu.BLEU(tokenize="none", force=True, **options)
    return bleu.corpus_score(texts, references).score / 100


def rouge(prediction, target, kind):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind])
    first = [" ".join(references[0]) for references in target]
    texts = [" ".join(words) for words in prediction]
    return np.array([scorer.score(t, p)[kind].fmeasure for t, p in zip(first, texts)])


def purity(prediction, target):
    from sklearn.metrics.cluster import contingency_matrix

    return contingency_matrix(target, prediction).max(axis=0).sum() / len(target)


OTHER_PEERS = {"sacrebleu": sacrebleu, "rouge": rouge, "purity": purity}


def kept_values() -> dict:
    return json.loads(KEPT.read_text())["values"]
