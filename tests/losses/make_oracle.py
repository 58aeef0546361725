"""Compute PyTorch's values and gradients of all cases and keep them in oracle/FAMILY.json.

python tests/losses/make_oracle.py [FAMILY ...]       (needs torch; the extra `bench` has it)
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

ORACLE = Path(__file__).parent / "oracle"
sys.path.insert(0, str(ORACLE.parent))

FAMILIES = [
    importlib.import_module(name)
    for name in (
        "regression",
        "combining",
        "regularization",
        "distribution",
        "classification",
        "metric_learning",
        "preference",
        "sequence",
        "binary",
        "margin",
        "segmentation",
        "adversarial",
        "features",
    )
]


def torch_results(case) -> dict:
    """reduction -> [value, gradient, ...] by PyTorch, with the harness' cotangent."""
    import torch

    wrt = case.wrt if case.torch_wrt is None else case.torch_wrt
    results = {}
    for reduction in case.reductions or ("",):
        tensors = [
            torch.tensor(a, requires_grad=i in wrt) if isinstance(a, np.ndarray) else a
            for i, a in enumerate(case.arguments())
        ]
        value = case.torch(torch, *tensors, **({"reduction": reduction} if reduction else {}))
        cotangent = np.random.default_rng(1).standard_normal(tuple(value.shape))
        value.backward(torch.tensor(cotangent) if value.ndim else None)
        arrays = [value.detach()] + [tensors[i].grad for i in wrt]
        results[reduction] = [a.numpy() for a in arrays]
    return results


def kept_results() -> dict:
    """What the files in oracle/ hold: case -> reduction -> [value, gradient, ...]."""
    results = {}
    for path in sorted(ORACLE.glob("*.json")):
        results |= json.loads(path.read_text())["results"]
    return results


def main(names):
    import torch

    made = f"PyTorch {torch.__version__}, float64, by tests/losses/make_oracle.py"
    for family in FAMILIES:
        if names and family.__name__ not in names:
            continue
        results = {
            case.id: {r: [a.tolist() for a in arrays] for r, arrays in torch_results(case).items()}
            for case in family.CASES
            if case.torch
        }
        text = json.dumps({"made by": made, "results": results}, separators=(",", ":"))
        (ORACLE / f"{family.__name__}.json").write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
