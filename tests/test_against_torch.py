"""Random expression graphs, built twice: here and in PyTorch. Both derivatives must agree.

Where PyTorch is installed, many graphs are compared live. Ten are kept with PyTorch's results in
data/torch_graphs.json, and compared everywhere; `python tests/test_against_torch.py` makes that
file anew.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import microloss as ml
from microloss import Tensor
from microloss import functional as F

KEPT = Path(__file__).parent / "data" / "torch_graphs.json"
LIVE = range(80)
STORED = range(1000, 1010)

# ---- operations: ours and PyTorch's, of operands a, b, c and parameters p ------------------------

UNARY = {
    "sin": ("np.sin(a)", "torch.sin(a)"),
    "cos": ("np.cos(a)", "torch.cos(a)"),
    "tanh": ("np.tanh(a)", "torch.tanh(a)"),
    "arctan": ("np.arctan(a)", "torch.arctan(a)"),
    "arcsinh": ("np.arcsinh(a)", "torch.arcsinh(a)"),
    "arcsin": ("np.arcsin(0.7 * np.sin(a))", "torch.arcsin(0.7 * torch.sin(a))"),
    "exp": ("np.exp(-a * a)", "torch.exp(-a * a)"),
    "expm1": ("np.expm1(np.tanh(a))", "torch.expm1(torch.tanh(a))"),
    "log": ("np.log(1.5 + np.cos(a))", "torch.log(1.5 + torch.cos(a))"),
    "log1p": ("np.log1p(np.square(a))", "torch.log1p(torch.square(a))"),
    "sqrt": ("np.sqrt(1 + a**2)", "torch.sqrt(1 + a**2)"),
    "reciprocal": ("1 / (2 + np.sin(a))", "1 / (2 + torch.sin(a))"),
    "cube": ("0.1 * a**3", "0.1 * a**3"),
    "abs": ("np.abs(a)", "torch.abs(a)"),
    "negative": ("-a", "-a"),
    "clip": ("np.clip(a, -0.7, 0.9)", "torch.clamp(a, -0.7, 0.9)"),
    "relu": ("F.relu(a)", "f.relu(a)"),
    "elu": ("F.elu(a)", "f.elu(a)"),
    "leaky_relu": ("F.leaky_relu(a)", "f.leaky_relu(a)"),
    "gelu": ("F.gelu(a)", "f.gelu(a)"),
    "gelu by tanh": ("F.gelu(a, approximate='tanh')", "f.gelu(a, approximate='tanh')"),
    "silu": ("F.silu(a)", "f.silu(a)"),
    "sigmoid": ("F.sigmoid(a)", "torch.sigmoid(a)"),
    "softplus": ("F.softplus(a)", "f.softplus(a)"),
    "log_sigmoid": ("F.log_sigmoid(a)", "f.logsigmoid(a)"),
    "erf": ("F.erf(a)", "torch.erf(a)"),
}
BINARY = {
    "add": ("a + b", "a + b"),
    "subtract": ("a - b", "a - b"),
    "multiply": ("a * b", "a * b"),
    "divide": ("a / (2 + np.cos(b))", "a / (2 + torch.cos(b))"),
    "power": ("(1.5 + np.sin(a)) ** np.tanh(b)", "(1.5 + torch.sin(a)) ** torch.tanh(b)"),
    "maximum": ("np.maximum(a, b)", "torch.maximum(a, b)"),
    "minimum": ("np.minimum(a, b)", "torch.minimum(a, b)"),
    "logaddexp": ("np.logaddexp(a, b)", "torch.logaddexp(a, b)"),
    "hypot": ("np.hypot(a, b + 7)", "torch.hypot(a, b + 7)"),
    "arctan2": ("np.arctan2(a, b + 7)", "torch.arctan2(a, b + 7)"),
    "where": ("np.where(a > b, a * b, b)", "torch.where(a > b, a * b, b)"),
    "clip between": ("np.clip(a, b - 1, b + 1)", "torch.clamp(a, b - 1, b + 1)"),
}
REDUCTION = {
    "sum": ("np.sum(a, **p)", "torch.sum(a, p['axis'], p['keepdims'])"),
    "mean": ("np.mean(a, **p)", "torch.mean(a, p['axis'], p['keepdims'])"),
    "max": ("np.max(a, **p)", "torch.amax(a, p['axis'], p['keepdims'])"),
    "min": ("np.min(a, **p)", "torch.amin(a, p['axis'], p['keepdims'])"),
    "prod": ("np.prod(a, **p)", "torch.prod(a, p['axis'], p['keepdims'])"),
    "var": ("np.var(a, **p)", "torch.var(a, p['axis'], correction=0, keepdim=p['keepdims'])"),
    "norm": (
        "np.linalg.norm(a / 4 + 2, **p)",
        "torch.linalg.vector_norm(a / 4 + 2, 2, p['axis'], p['keepdims'])",
    ),
    "logsumexp": ("F.logsumexp(a, **p)", "torch.logsumexp(a, p['axis'], p['keepdims'])"),
}  # fmt: skip
ALONG = {
    "softmax": ("F.softmax(a, **p)", "torch.softmax(a, p['axis'])"),
    "log_softmax": ("F.log_softmax(a, **p)", "torch.log_softmax(a, p['axis'])"),
    "cumsum": ("np.cumsum(a, **p)", "torch.cumsum(a, p['axis'])"),
    "sort": ("np.sort(a, **p)", "torch.sort(a, dim=p['axis'], stable=True).values"),
    "diff": ("np.diff(a, **p)", "torch.diff(a, dim=p['axis'])"),
    "flip": ("np.flip(a, **p)", "torch.flip(a, [p['axis']])"),
    "roll": ("np.roll(a, 2, **p)", "torch.roll(a, 2, p['axis'])"),
    "repeat": ("np.repeat(a, 2, **p)", "torch.repeat_interleave(a, 2, p['axis'])"),
    "unbind": ("np.stack(list(a), **p)", "torch.stack(list(a), p['axis'])"),
    "to the front": ("np.moveaxis(a, p['axis'], 0)", "torch.movedim(a, p['axis'], 0)"),
    "expand_dims": ("np.expand_dims(a, **p)", "torch.unsqueeze(a, p['axis'])"),
    "halves": (
        "np.multiply(*np.array_split(a[..., :2], 2, axis=-1))",
        "torch.mul(*torch.tensor_split(a[..., :2], 2, dim=-1))",
    ),
}
MATRIX = {
    "tril": ("np.tril(a)", "torch.tril(a)"),
    "transpose": ("a.mT", "a.mT"),
    "gram": ("a @ a.mT", "a @ a.mT"),
    "trace": ("np.trace(a @ a.mT, 0, -2, -1)", "(a @ a.mT).diagonal(0, -2, -1).sum(-1)"),
    "solve": (
        "np.linalg.solve(a @ a.mT + 2 * np.eye(a.shape[-2]), a)",
        "torch.linalg.solve(a @ a.mT + 2 * torch.eye(a.shape[-2], dtype=a.dtype), a)",
    ),
    "inv": (
        "np.linalg.inv(a @ a.mT + 2 * np.eye(a.shape[-2]))",
        "torch.linalg.inv(a @ a.mT + 2 * torch.eye(a.shape[-2], dtype=a.dtype))",
    ),
    "fancy index": ("a[..., [0, 1, 0], [1, 1, 0]]", "a[..., [0, 1, 0], [1, 1, 0]]"),
    "slice": ("a[..., 1:, ::2]", "a[..., 1:, ::2]"),
    "outer einsum": (
        "np.einsum('...ij,...kj->...ik', a, a + 1)", "torch.einsum('...ij,...kj->...ik', a, a + 1)"
    ),
    "einsum of three": (
        "np.einsum('...ij,...ij,...ij->...j', a, np.sin(a), a)",
        "torch.einsum('...ij,...ij,...ij->...j', a, torch.sin(a), a)",
    ),
    "pad": ("np.pad(a, ((0, 0),) * (a.ndim - 1) + ((1, 2),))", "f.pad(a, (1, 2))"),
    "tile": ("np.tile(a, (2, 1))", "torch.tile(a, (2, 1))"),
}  # fmt: skip
VECTOR = {
    "int index": ("a[1]", "a[1]"),
    "mask": ("a[np.arange(len(a)) != 1]", "a[torch.arange(len(a)) != 1]"),
    "take": ("np.take(a, [0, 1, 0], axis=-1)", "a.index_select(-1, torch.tensor([0, 1, 0]))"),
    "take_along_axis": (
        "np.take_along_axis(a, np.argsort(a, axis=-1), -1)",
        "torch.take_along_dim(a, torch.argsort(a, -1), -1)",
    ),
    "ravel": ("a.reshape(-1)", "a.reshape(-1)"),
    "outer": ("np.outer(a, a)", "torch.outer(a.reshape(-1), a.reshape(-1))"),
    "broadcast_to": ("np.broadcast_to(a, (2, *a.shape))", "torch.broadcast_to(a, (2, *a.shape))"),
    "concatenate": ("np.concatenate([a, a * a], axis=-1)", "torch.cat([a, a * a], -1)"),
    "stack": ("np.stack([a, np.sin(a)], axis=1)", "torch.stack([a, torch.sin(a)], 1)"),
    "tensordot": ("np.tensordot(a, a, 0)", "torch.tensordot(a, a, 0)"),
}
MATMUL = {
    "matmul": ("a @ b", "a @ b"),
    "linear": ("F.linear(a, np.sin(b).mT)", "f.linear(a, torch.sin(b).mT)"),
}
KINDS = [UNARY, BINARY, REDUCTION, ALONG, MATRIX, VECTOR, MATMUL]
OPERATIONS = {name: pair for kind in KINDS for name, pair in kind.items()}


def compiled(which, names):
    return {
        name: eval(f"lambda a, b=None, p=None: {pair[which]}", names)
        for name, pair in OPERATIONS.items()
    }


OURS = compiled(0, {"np": np, "F": F})

# ---- random graphs -------------------------------------------------------------------------------

INPUTS = [(3, 4), (4,), (4, 3), (2, 1, 4), ()]


def fits(name, a, b):
    """Whether the operation applies to arrays a and b."""
    if name in MATRIX:
        return a.ndim >= 2 and min(a.shape[-2:]) >= 2
    if name in VECTOR:
        return a.ndim >= 1 and a.shape[0] >= 2 and a.shape[-1] >= 2
    if name in REDUCTION or name in ALONG:
        return a.ndim >= 1 and a.shape[0] >= 1 and a.shape[-1] >= 2
    if name in MATMUL:
        return a.ndim >= 1 and b.ndim == 2 and a.shape[-1] == b.shape[0]
    if name in BINARY:
        return all(m == n or 1 in (m, n) for m, n in zip(a.shape[::-1], b.shape[::-1]))
    return True


def random_graph(seed):
    """Inputs, a direction for each, and steps (operation, operands as indices, parameters)."""
    rng = np.random.default_rng(seed)
    inputs = [rng.uniform(-1.5, 1.5, shape) for shape in INPUTS]
    values, steps = list(inputs), []
    length = rng.integers(10, 41)
    while len(steps) < length:
        name = rng.choice(list(KINDS[rng.integers(len(KINDS))]))
        # the latest results more often, so that graphs grow deep
        i, j = (len(values) - 1 - int(rng.integers(len(values)) * rng.random()) for _ in "ab")
        a, b = values[i], values[j]
        if not fits(name, a, b):
            continue
        parameters = {}
        if name in REDUCTION or name in ALONG:
            longer = [axis for axis, n in enumerate(a.shape) if n > 1]
            parameters["axis"] = int(rng.choice(longer))
        if name in REDUCTION:
            parameters["keepdims"] = bool(rng.integers(2))
        value = OURS[name](a, b, parameters)
        if value.size > 48 or np.max(np.abs(value)) > 8:
            continue
        values.append(value)
        steps.append([str(name), [i, j] if name in BINARY or name in MATMUL else [i], parameters])
    directions = [rng.uniform(-1, 1, shape) for shape in INPUTS]
    return {
        "inputs": [x.tolist() for x in map(np.asarray, inputs)],
        "directions": [v.tolist() for v in map(np.asarray, directions)],
        "steps": steps,
    }


def objective(graph, inputs, operations, constant):
    """A number made of all results that nothing else uses, and of all inputs."""
    values = list(inputs)
    for name, operands, parameters in graph["steps"]:
        values.append(operations[name](*(values[i] for i in operands), p=parameters))
    used = {i for _, operands, _ in graph["steps"] for i in operands}
    total = sum((x * x).sum() for x in inputs)
    for i, value in enumerate(values):
        if i not in used:
            weights = np.cos(np.arange(np.prod(value.shape))).reshape(value.shape)
            total = total + (value * constant(weights)).sum()
    return total


def our_results(graph):
    """Value, gradients, and the Hessian times a direction."""
    inputs = [Tensor(x, requires_grad=True) for x in graph["inputs"]]
    total = objective(graph, inputs, OURS, lambda x: x)
    slopes = ml.grad(total, inputs, create_graph=True)
    along = sum((slope * v).sum() for v, slope in zip(graph["directions"], slopes))
    return total.item(), [slope.data for slope in slopes], ml.grad(along, inputs)


def torch_results(graph):
    import torch
    from torch.nn import functional as f

    inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in graph["inputs"]]
    theirs = compiled(1, {"torch": torch, "f": f})
    total = objective(graph, inputs, theirs, torch.from_numpy)
    slopes = torch.autograd.grad(total, inputs, create_graph=True)
    along = sum(
        (slope * torch.tensor(v, dtype=torch.float64)).sum()
        for v, slope in zip(graph["directions"], slopes)
    )
    seconds = torch.autograd.grad(along, inputs)
    return total.item(), [s.detach().numpy() for s in slopes], [s.numpy() for s in seconds]


def assert_agree(ours, theirs):
    def compare(got, want, tolerance, what):
        assert np.shape(got) == np.shape(want), what
        error = np.max(np.abs(got - np.asarray(want))) / max(1.0, np.max(np.abs(want)))
        assert error <= tolerance, f"{what}: off by {error:.1e}"

    compare(ours[0], theirs[0], 1e-12, "value")
    for i, (got, want) in enumerate(zip(ours[1], theirs[1], strict=True)):
        compare(got, want, 1e-9, f"gradient of input {i}")
    for i, (got, want) in enumerate(zip(ours[2], theirs[2], strict=True)):
        compare(got, want, 1e-8, f"second derivative in input {i}")


# ---- tests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", LIVE)
def test_a_random_graph_agrees_with_pytorch(seed):
    pytest.importorskip("torch")
    graph = random_graph(seed)
    assert_agree(our_results(graph), torch_results(graph))


def test_the_random_graphs_use_every_operation():
    used = Counter(name for seed in LIVE for name, _, _ in random_graph(seed)["steps"])
    assert {name: used[name] for name in OPERATIONS if used[name] < 3} == {}


def kept_graphs():
    return json.loads(KEPT.read_text())["graphs"]


@pytest.mark.parametrize("i", range(len(STORED)))
def test_a_kept_graph_agrees_with_pytorchs_results(i):
    graph = kept_graphs()[i]
    assert_agree(our_results(graph), graph["results"])


def test_the_comparison_can_fail(monkeypatch):
    graph = kept_graphs()[0]
    value, slopes, seconds = graph["results"]
    for results in (
        (value + 1e-10 * abs(value) + 1e-10, slopes, seconds),
        (value, [np.asarray(s) * (1 + 1e-7) for s in slopes], seconds),
        (value, slopes, [np.asarray(s) * (1 + 1e-6) for s in seconds]),
    ):
        with pytest.raises(AssertionError, match="off by"):
            assert_agree(our_results(graph), results)


def main():
    import torch

    graphs = [random_graph(seed) for seed in STORED]
    for graph in graphs:
        value, slopes, seconds = torch_results(graph)
        graph["results"] = [value, [s.tolist() for s in slopes], [s.tolist() for s in seconds]]
    provenance = (
        f"Made by `python tests/test_against_torch.py` with PyTorch {torch.__version__}: random "
        "graphs with the value, the gradients and a Hessian-vector product that PyTorch computes."
    )
    KEPT.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(graph) for graph in graphs)
    KEPT.write_text(f'{{"provenance": {json.dumps(provenance)}, "graphs": [\n{lines}\n]}}\n')
    print(f"wrote {KEPT}")


if __name__ == "__main__":
    main()
