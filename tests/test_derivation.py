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
from microloss.__main__ import main
from microloss.derivation import derivation
from microloss.engine import RULES
from microloss.worked import worked_example

sys.path.insert(0, str(Path(__file__).parent / "losses"))
from cases import FAMILIES
from gradients import FAMILIES as GRADIENTS

LOSSES = [case for family in FAMILIES for case in family.CASES]
STATED = [row for rows in GRADIENTS.values() for row in rows]


def variable(values):
    return Tensor(values, requires_grad=True)


def proved(output, leaves, **options):
    """The derivation, after its program was executed in a namespace that holds NumPy alone."""
    made = derivation(output, {f"x{i}": leaf for i, leaf in enumerate(leaves)}, **options)
    space = {"np": np} | made.inputs | made.constants
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
    assert "rule" not in made.inputs | made.constants


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
    args = [variable(a) if i in case.wrt else a for i, a in enumerate(case.arguments())]
    for reduction in case.reductions[-1:] or (None,):
        value = case.loss(*args, **case.options(reduction))
        proved(np.sum(value), [args[i] for i in case.wrt], expand=expand)


def random_graph(rng):
    """A few leaves, and operations on what there is, broadcast against each other."""
    leaves = [variable(rng.uniform(0.5, 2, shape)) for shape in ((3, 4), (4,), (3, 1), ())]
    there = list(leaves)
    unary = [
        np.tanh,
        np.exp,
        np.sqrt,
        np.square,
        F.relu,
        F.sigmoid,
        F.softplus,
        np.sin,
        lambda t: -t,
    ]
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


@pytest.mark.parametrize("name", losses.LOSSES)
def test_the_worked_example_of_every_loss_runs(name, capsys):
    assert main(["derive", name]) == 0
    printed = capsys.readouterr().out
    assert "Gradient: " in printed and "# backward" in printed
    made = worked_example(name)
    assert "rule" not in made.constants
    space = {"np": np} | made.constants
    with np.errstate(all="ignore"):
        exec(printed[printed.index("\n\n", printed.index("Gradient: ")) :], space)
    for variable_name, gradient in made.gradients.items():
        assert np.shape(space[gradient]) == np.shape(space[variable_name])


@pytest.mark.parametrize("row", STATED, ids=lambda row: row.id)
def test_the_derivation_agrees_with_what_the_card_states(row):
    for seed in range(3):
        args = row.args(np.random.default_rng(seed))
        wrt = row.wrt if isinstance(row.wrt, tuple) else (row.wrt,)
        stated = row.formula(*args, **row.kwargs)
        args = [variable(np.asarray(a, float)) if i in wrt else a for i, a in enumerate(args)]
        made = derivation(row.loss(*args, **row.kwargs), {f"x{i}": args[i] for i in wrt})
        space = made.run()
        for i, expected in zip(wrt, stated if isinstance(row.wrt, tuple) else (stated,)):
            got = space[made.gradients[f"x{i}"]]
            np.testing.assert_allclose(got, np.broadcast_to(expected, got.shape), 1e-9, 1e-12)


# ---- what it says --------------------------------------------------------------------------------


def lines(made):
    return str(made).splitlines()


def test_a_neuron_is_written_as_on_paper():
    w, b = variable(0.7), variable(0.1)
    x, y = 0.5, 1.0
    p = np.tanh(w * x + b)
    loss = (p - y) ** 2
    assert str(derivation(loss, all_steps=True)) == (
        "v1 = w * 0.5\n"
        "v2 = v1 + b\n"
        "p = np.tanh(v2)\n"
        "v3 = p - 1.0\n"
        "loss = v3**2\n"
        "# backward\n"
        "d_loss = 1.0\n"
        "d_v3 = d_loss * (2 * v3)  # square\n"
        "d_p = d_v3                # subtract\n"
        "d_v2 = d_p * (1 - p * p)  # tanh\n"
        "d_v1 = d_v2               # add\n"
        "d_b = d_v2                # add\n"
        "d_w = d_v1 * 0.5          # multiply"
    )
    assert "d_v1" not in str(derivation(loss))  # a line that only renames


def test_names_come_from_the_caller_where_one_variable_holds_the_object():
    first = variable([1.0, 2.0])
    same_one = first
    bias = variable(3.0)
    model = nn.Linear(2, 1, rng=0)
    data = np.array([[1.0, 2.0]])
    text = str(derivation(np.sum(model(data) * first + bias)))
    assert "data @ model_weight.T + model_bias" in text
    assert "bias" in text and "first" not in text and "same_one" not in text
    assert "first" in str(derivation(np.sum(first * 2), {"first": same_one}))
    assert "d_p0_weight" in str(derivation(np.sum(model(data)), {"0.weight": model.weight}))


def test_arrays_without_a_name_are_constants():
    x = variable([1.0, 2.0])
    made = derivation(np.sum(x * np.array([3.0, 4.0])))
    assert lines(made)[:2] == ["c1 = np.array([3.0, 4.0])", "v1 = x * c1"]
    assert set(made.inputs) == {"x"} and made.constants["c1"].tolist() == [3.0, 4.0]
    large = derivation(np.sum(x[:, None] * np.arange(20.0) ** 2))
    assert "# c1 has shape (20,)" in lines(large)


def test_other_inputs_may_be_given():
    x = variable([1.0, 2.0])
    made = derivation(np.sum(x**3))
    assert made.run(x=np.array([2.0, 3.0]))["d_x"].tolist() == [12.0, 27.0]
    with pytest.raises(TypeError, match=r"no input is called \['z'\]; there are \['x'\]"):
        made.run(z=1.0)


def test_choices_that_depend_on_the_data_stay_expressions():
    x = variable([1.0, 3.0, 3.0])
    assert "x == " in str(derivation(np.max(x)))
    assert "np.sign(x)" in str(derivation(np.sum(np.abs(x))))
    text = str(derivation(np.sum(np.where(x > 2, x * x, 0))))
    assert "c1" in text  # a mask that was computed beside the graph
    made = derivation(np.prod(x))
    assert "assert np.all(x != 0)" in lines(made)
    with pytest.raises(AssertionError):
        made.run(x=np.array([0.0, 1.0, 2.0]))


def test_shares_add_up_and_say_why():
    x = variable([1.0, 2.0])
    text = str(derivation(np.sum(x * x * x)))
    assert re.search(r"d_x \+= .*# multiply, x is used 3 times", text)


def test_cross_entropy_is_p_minus_y():
    scores, labels = variable(np.eye(4, 3)), np.array([0, 2, 1, 1])
    made = derivation(losses.cross_entropy(scores, labels))
    want = "((softmax(scores, axis=1) - onehot(labels, classes=3)) * 0.25)"
    assert any(f"d_scores = d_v1 * {want}" in line for line in lines(made))


def test_definitions_leave_out_the_gate_for_lists_and_integers():
    scores, labels = variable(np.ones((20, 3))), np.arange(20) % 3
    text = str(derivation(losses.cross_entropy(scores, labels)))
    assert "np.asarray(x)" in text and "raise" not in text
    assert "[np.arange(20), labels]" in text


def test_a_broadcast_is_written_only_where_broadcasting_does_not_do_it():
    x = variable(np.ones((4, 3)))
    assert "np.broadcast_to(" not in str(derivation(np.mean((x + 1.0) ** 2)))
    assert "d_x = np.broadcast_to(d_v1, (4, 3))" in str(derivation(np.sum(x)))


def test_float32_stays():
    x = Tensor(np.ones(3), requires_grad=True, dtype=np.float32)
    made = derivation(np.sum(x * x))
    assert made.run()["d_x"].dtype == np.float32


def test_values_stand_beside_scalars_and_small_arrays_only():
    x, large = variable([2.0, 3.0]), variable(np.ones(100))
    text = str(derivation(np.sum(x * x) + np.sum(large), values=True))
    assert "[4., 9.]" in text and "1., 1., 1." not in text


def test_a_table_for_notebooks():
    x = variable([1.0, 2.0])
    shown = derivation(np.sum((x > 0) * x))._repr_html_()
    assert "<td>(2,)</td>" in shown and "backward" in shown and "<script" not in shown


def test_an_own_primitive_is_defined_above_the_program():
    @ml.primitive(lambda g, y, x: g * 3 * x * x)
    def cube(x):
        """Not shown."""
        return np.asarray(x) * x * x

    x = variable([1.0, 2.0])
    made = proved(np.sum(cube(x)), [x])
    assert "def cube(x):" in str(made) and "Not shown" not in str(made)


def test_a_rule_that_cannot_be_traced_is_shown_as_a_call():
    def by_numbers(g, y, x):
        return g * np.array([float(v) for v in x])

    x = variable([1.0, 2.0])
    made = derivation(np.sum(ml.primitive(by_numbers)(lambda x: x * x / 2)(x)))
    assert "by_numbers(" in str(made)
    np.testing.assert_allclose(made.run()["d_x"], [1.0, 2.0])


def test_a_rule_changed_in_the_table_changes_the_text(monkeypatch):
    x = variable([1.0, 2.0])
    y = np.sum(np.tanh(x))
    before = str(derivation(y))
    monkeypatch.setitem(RULES, np.tanh, (lambda g, y, x: g * (1 + y * y),))
    assert str(derivation(y)) == before.replace("1 - v1 * v1", "1 + v1 * v1") != before


def test_what_cannot_be_differentiated_is_refused_as_by_backward():
    with pytest.raises(RuntimeError, match="does not depend on any Tensor"):
        derivation(Tensor(1.0) * 2)
    x = variable([1.0, 2.0])
    with pytest.raises(RuntimeError, match="reduce"):
        derivation(x * 2)
    made = derivation(x * 2, gradient=np.array([1.0, 10.0]))
    assert made.run()["d_x"].tolist() == [2.0, 20.0]
    with pytest.raises(TypeError, match="derivation: output must be a Tensor, got array"):
        derivation(np.ones(2))


def test_the_graph_is_kept():
    x = variable(3.0)
    y = x * x
    derivation(y)
    y.backward()
    assert x.grad == 6
