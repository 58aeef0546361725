"""scikit-learn's values of the cases: computed live, or read from data/metrics.json."""

import importlib
import json
from pathlib import Path

from .cases import FAMILIES
from .samples import SAMPLES

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
    module, name = peer.split(".")
    function = getattr(importlib.import_module(f"sklearn.{module}"), name)
    prediction, target = SAMPLES[sample]
    return function(target, prediction, **options)


def kept_values() -> dict:
    return json.loads(KEPT.read_text())["values"]
