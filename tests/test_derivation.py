"""The printed program, executed with NumPy alone, gives what the engine gives."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from rule_cases import CASES

import microloss as ml
from microloss import Tensor, grad, losses, nn
from microloss import functional as F
from microloss.derivation import derivation
from microloss.engine import RULES

sys.path.insert(0, str(Path(__file__).parent / "losses"))
from cases import FAMILIES  # noqa: E402

LOSSES = [case for family in FAMILIES for case in family.CASES]


def variable(values):
    return Tensor(values, requires_grad=True)


def proved(output, leaves, **options):
    """The derivation, after its program was executed in a namespace that holds NumPy alone."""
    made = derivation(output, {f"x{i}": leaf for i, leaf in enumerate(leaves)}, **options)
    space = {"np": np} | made.inputs
    with np.errstate(all="ignore"):
        exec(str(made), space)
    want = grad(output, leaves, retain_graph=True)
    for i, expected in enumerate(want):
        got = np.asarray(space[made.gradients[f"x{i}"]])
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14, err_msg=str(made))
    forward = [line for line in made.lines if line.forward]
    np.testing.assert_allclose(space[forward[-1].name], output.data, rtol=1e-12, atol=1e-300)
    return made


# ---- proof ---------------------------------------------------------------------------------------


def weighed(case, leaves):
    outputs = [y for y in case.f(*leaves) if isinstance(y, Tensor)]
    rng = np.random.default_rng(1)
    return sum(np.sum(rng.normal(size=y.shape) * y) for y in outputs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_rule(case):
    leaves = [variable(x) for x in case.inputs]
    made = proved(weighed(case, leaves), leaves)
    assert "rule" not in made.inputs


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_rule_to_second_order(case):
    leaves = [variable(x) for x in case.inputs]
    first = grad(weighed(case, leaves), leaves, create_graph=True)
    rng = np.random.default_rng(2)
    second = sum(np.sum(rng.normal(size=d.shape) * d * d) for d in first)
    if second.requires_grad:
        used = {id(t) for t in ancestors(second)}
        proved(second, [leaf for leaf in leaves if id(leaf) in used])


def ancestors(output):
    seen, waiting = {output}, [output]
    while waiting:
        new = [a for a in waiting.pop()._args or () if isinstance(a, Tensor) and a not in seen]
        seen.update(new)
        waiting += new
    return seen


@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_every_loss(case, expand):
    args = [
        variable(a) if i in case.wrt else a for i, a in enumerate(case.arguments())
    ]
    for reduction in case.reductions[-1:] or (None,):
        value = case.loss(*args, **case.options(reduction))
        proved(np.sum(value), [args[i] for i in case.wrt], expand=expand)


def random_graph(rng):
    """A few leaves, and operations on what there is, broadcast against each other."""
    leaves = [variable(rng.uniform(0.5, 2, shape)) for shape in ((3, 4), (4,), (3, 1), ())]
    there = list(leaves)
    unary = [np.tanh, np.exp, np.sqrt, np.square, F.relu, F.sigmoid, F.softplus, np.sin, lambda t: -t]
    binary = [np.add, np.subtract, np.multiply, np.maximum, lambda a, b: a / (1 + b * b)]
    for _ in range(rng.integers(3, 12)):
        a, b = (there[i] for i in rng.integers(0, len(there), 2))
        kind = rng.integers(0, 4)
        if kind == 0:
            there.append(unary[rng.integers(len(unary))](F.sigmoid(a) + 0.1))
        elif kind == 1 and a.ndim:
            there.append(np.mean(a, axis=int(rng.integers(a.ndim)), keepdims=bool(rng.integers(2))))
        else:
            try:
                there.append(binary[rng.integers(len(binary))](a, b))
            except ValueError:
                continue
    return sum(np.sum(t) for t in (*there[-3:], *leaves)), leaves


@pytest.mark.parametrize("seed", range(300))
def test_random_graphs(seed):
    rng = np.random.default_rng(seed)
    output, leaves = random_graph(rng)
    proved(output, leaves, all_steps=bool(seed % 2), expand=bool(seed % 3 == 0))
