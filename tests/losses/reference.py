"""PyTorch's values and gradients of the cases: computed live, or read from oracle/."""

import json
from pathlib import Path

import numpy as np

ORACLE = Path(__file__).parent / "oracle"


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


def kept_results(family="*") -> dict:
    """What oracle/ holds of a family, or of all: case -> reduction -> [value, gradient, ...]."""
    results = {}
    for path in sorted(ORACLE.glob(f"{family}.json")):
        results |= json.loads(path.read_text())["results"]
    return results
