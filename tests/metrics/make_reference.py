"""Compute other libraries' values of all cases and keep them in tests/data/metrics.json.

python -m tests.metrics.make_reference       (needs scikit-learn, sacrebleu, rouge-score)
"""

import json
import warnings
from importlib.metadata import version

from .harness import arrays
from .reference import CALLS, KEPT, peer_values


def main():
    warnings.filterwarnings("ignore", ".*(ill-defined|y_pred contains classes|A single label)")
    values = {
        call: [a.tolist() for a in arrays(peer_values(peer, sample, options))]
        for call, (_, peer, sample, _, options) in CALLS.items()
    }
    packages = ", ".join(f"{p} {version(p)}" for p in ("scikit-learn", "sacrebleu", "rouge-score"))
    made = f"{packages}, float64, by python -m tests.metrics.make_reference"
    text = json.dumps({"made by": made, "values": values}, separators=(",", ":"))
    KEPT.write_text(text.replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
