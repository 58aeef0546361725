"""Compute PyTorch's values and gradients of all cases and keep them in oracle/FAMILY.json.

python tests/losses/make_oracle.py [FAMILY ...]       (needs torch; the extra `bench` has it)
"""

import json
import sys

from cases import FAMILIES
from reference import ORACLE, torch_results


def main(names):
    import torch

    made = f"PyTorch {torch.__version__}, float64, by tests/losses/make_oracle.py"
    for family in FAMILIES:
        name = family.__name__.rpartition(".")[2]
        if names and name not in names:
            continue
        results = {
            case.id: {r: [a.tolist() for a in arrays] for r, arrays in torch_results(case).items()}
            for case in family.CASES
            if case.torch
        }
        text = json.dumps({"made by": made, "results": results}, separators=(",", ":"))
        (ORACLE / f"{name}.json").write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
