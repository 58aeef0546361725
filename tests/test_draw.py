"""The picture of a graph: what is in it, what it says, and that nothing covers anything else."""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from microloss import Tensor, draw_graph, functional, grad, no_grad
from microloss import draw as drawing
from microloss.losses import cross_entropy
from microloss.nn import MLP

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from matplotlib.patches import ArrowStyle, FancyArrowPatch, FancyBboxPatch

SWATCH = 8  # height of a colour in the legend


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def variable(value):
    return Tensor(value, requires_grad=True)


def boxes(ax):
    """The boxes of the graph, without the legend's."""
    shapes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    return [shape for shape in shapes if shape.get_height() != SWATCH]


def arrows(ax):
    shapes = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    return [s for s in shapes if isinstance(s.get_arrowstyle(), ArrowStyle.CurveFilledB)]


def ways_back(ax):
    shapes = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    return [s for s in shapes if isinstance(s.get_arrowstyle(), ArrowStyle.CurveFilledA)]


def slopes(ax):
    """What stands on the ways back, in the order of the arrows."""
    legend = "way back, with local slopes"
    coloured = [t.get_text() for t in ax.texts if t.get_color() == drawing.BACK_INK]
    return [text for text in coloured if text != legend]


def way(arrow):
    """The points of an arrow's path, in the units of the picture (get_path() is in pixels)."""
    return arrow._path_original.vertices


def says(ax):
    """What each box says, on one line, with the box."""
    found = {}
    for box in boxes(ax):
        x, y = box.get_x(), box.get_y()
        inside = [
            text.get_text().replace("\n", " ")
            for text in ax.texts
            if x < text.get_position()[0] < x + box.get_width()
            and y < text.get_position()[1] < y + box.get_height()
        ]
        found[" | ".join(inside)] = box
    assert len(found) == len(boxes(ax)), "two boxes say the same"
    return found


def chain():
    """Lesson 2's graph: a is used twice by b and once by c, b by c and by d."""
    a = variable(2.0)
    b = a * a
    c = b * a
    d = b + c
    return {"a": a, "b": b, "c": c, "d": d}


def twenty():
    """Twenty boxes: two products, a sum, an activation, a squared error and a penalty."""
    x1, x2, w1, w2, b = map(variable, (2.0, -1.0, 0.5, 1.5, 0.3))
    h = np.tanh(w1 * x1 + w2 * x2 + b)
    error = h - 0.7
    loss = error * error + 0.1 * np.sqrt(w1 * w1 + w2 * w2)
    return loss, {"x1": x1, "x2": x2, "w1": w1, "w2": w2, "b": b, "h": h, "loss": loss}


# ---- what is in the picture ----------------------------------------------------------------------


def test_each_value_is_one_box_and_each_use_one_arrow():
    ax = draw_graph(chain()["d"])
    assert (len(boxes(ax)), len(arrows(ax))) == (4, 6)

    x = variable(1.0)
    ax = draw_graph(x + x)
    assert (len(boxes(ax)), len(arrows(ax))) == (2, 2)

    loss, _ = twenty()
    ax = draw_graph(loss)
    assert (len(boxes(ax)), len(arrows(ax))) == (20, 24)


def test_arrows_run_from_an_operand_to_its_use():
    nodes = chain()
    ax = draw_graph(nodes["d"], names=nodes)
    box = {text[0]: box for text, box in says(ax).items()}
    left = {name: b.get_x() for name, b in box.items()}
    right = {name: b.get_x() + b.get_width() for name, b in box.items()}
    assert right["a"] < left["b"] < right["b"] < left["c"] < right["c"] < left["d"]
    ends = [way(arrow)[-1] for arrow in arrows(ax)]
    into = {name: sum(np.isclose(x, left[name]) for x, _ in ends) for name in left}
    assert into == {"a": 0, "b": 2, "c": 2, "d": 2}
    assert all(np.any(way(arrow)[-1] != way(arrow)[-2]) for arrow in arrows(ax))  # else no head


def test_the_first_argument_enters_on_top():
    a, b = variable(1.0), variable(2.0)
    for output, first in ((a - b, "a"), (b - a, "b")):
        ax = draw_graph(output, names={"a": a, "b": b})
        box = {text[0]: box for text, box in says(ax).items()}
        highest = min(map(way, arrows(ax)), key=lambda path: path[-1][1])  # y runs downwards
        start = highest[0]
        assert box[first].get_y() < start[1] < box[first].get_y() + box[first].get_height()
        assert ax.yaxis_inverted()


def test_a_long_way_is_bent_around_the_boxes_between():
    nodes = chain()
    ax = draw_graph(nodes["d"], names=nodes)
    assert covered(ax) == []


def test_plain_numbers_and_arrays_are_constants():
    x = variable([1.0, 2.0, 3.0])
    data = np.arange(3.0)
    ax = draw_graph(((x * 2 + data) * data + 2).sum(), names={"data": data})
    texts = list(says(draw_graph((x * 2 + data).sum(), names={"data": data})))
    assert "2" in texts
    assert "data | shape: (3,) value: [0, 1, 2]" in texts
    # an array is one value that is used twice; a number is written twice
    titles = [text.get_text() for text in ax.texts]
    assert (titles.count("data"), titles.count("2")) == (1, 2)
    constants = [box for box in boxes(ax) if box.get_linestyle() == "--"]
    assert len(constants) == 3


def test_tensors_without_gradient_are_constants_too():
    w, x = variable(3.0), Tensor(2.0)
    found = says(draw_graph(w * x, names={"w": w, "x": x}))
    assert set(found) == {
        "w | value: 3 grad: not computed",
        "x | value: 2",
        "multiply | value: 6 grad: not computed",
    }
    colors = {text[0]: box.get_facecolor() for text, box in found.items()}
    assert len(set(colors.values())) == 3
    assert [text[0] for text, box in found.items() if box.get_linestyle() == "--"] == ["x"]


def test_legend_explains_the_kinds_that_are_there():
    def legend(output):
        words = [text.get_text() for text in draw_graph(output).texts]
        return [w for w in words if w in {*drawing.COLORS, *drawing.LEGEND.values()}]

    x = variable(1.0)
    assert legend(np.exp(x) * 2 + 1)[-4:] == [
        "constant (no gradient)", "parameter", "operation", "output",
    ]  # fmt: skip
    assert legend(np.exp(x))[-2:] == ["parameter", "output"]


def test_a_graph_of_gradients_is_a_graph():
    x = variable(3.0)
    (slope,) = grad(x**3, x, create_graph=True)
    slope.backward(retain_graph=True)
    assert "x | value: 3 grad: 18" in says(draw_graph(slope, names={"x": x}))


def test_a_long_chain_is_no_recursion():
    x = variable(1.0)
    y = x
    for _ in range(5_000):
        y = -y
    with pytest.raises(ValueError, match=r"5001 boxes are too many.* 60 .*intermediate result"):
        draw_graph(y)
    assert plt.get_fignums() == []


def test_sixty_boxes_are_drawn():
    y = variable(1.0)
    for _ in range(59):
        y = -y
    assert len(boxes(draw_graph(y))) == 60
    with pytest.raises(ValueError, match="61 boxes"):
        draw_graph(-y)


# ---- what it says --------------------------------------------------------------------------------


def test_gradients_before_and_after_backward():
    nodes = chain()
    ax = draw_graph(nodes["d"], names=nodes)
    assert set(says(ax)) == {
        "a | value: 2 grad: not computed",
        "b = multiply | value: 4 grad: not computed",
        "c = multiply | value: 8 grad: not computed",
        "d = add | value: 12 grad: not computed",
    }
    assert slopes(ax) == [] and ways_back(ax) == []

    nodes["b"].retain_grad()
    nodes["d"].backward(retain_graph=True)
    ax = draw_graph(nodes["d"], names=nodes)
    assert set(says(ax)) == {
        "a | value: 2 grad: 16",
        "b = multiply | value: 4 grad: 3",
        "c = multiply | value: 8 grad: not kept",
        "d = add | value: 12 grad: not kept",
    }
    assert sorted(slopes(ax)) == ["1", "1", "2", "2", "2", "4"]
    assert ax.texts[-1].get_text() == "way back, with local slopes"
    assert not any("call" in text.get_text() for text in ax.texts)


def test_slopes_are_the_local_derivatives():
    w, p = variable(0.5), variable(2.0)
    y = np.tanh(w) - p**2
    y.backward(retain_graph=True)
    ax = draw_graph(y, names={"w": w, "p": p})
    assert len(ways_back(ax)) == 4  # none to the exponent, which is a constant
    assert set(slopes(ax)) == {format(1 - np.tanh(0.5) ** 2, ".3g"), "1", "-1", "4"}
    assert {a.get_edgecolor() for a in ways_back(ax)} == {to_rgba(drawing.BACK)}


def test_the_way_back_of_arrays_shows_their_shapes():
    W, b = variable(np.ones((2, 3))), variable(np.ones(2))
    out = (np.ones((4, 3)) @ W.T + b).sum()
    out.backward(retain_graph=True)
    assert sorted(slopes(draw_graph(out))) == ["(2, 3)", "(2,)", "(3, 2)", "(4, 2)", "(4, 2)"]


def test_a_long_way_back_is_bent_and_has_one_head():
    x = variable(3.0)
    y = np.exp(np.sin(np.cos(x))) * x
    y.backward(retain_graph=True)
    ax = draw_graph(y)
    assert len(ways_back(ax)) == 5  # cos, sin, exp, both arguments of multiply


@pytest.mark.parametrize("shape", [(), (2,), (4,), (2, 2), (5,)])
def test_boxes_stand_in_the_same_place_before_and_after_backward(shape):
    x = variable(np.full(shape, 1e-3))
    y = (np.exp(-1000 * x) * 1e-2).sum()
    before = [box.get_bbox().bounds for box in boxes(draw_graph(y))]
    y.backward(retain_graph=True)
    after = [box.get_bbox().bounds for box in boxes(draw_graph(y))]
    np.testing.assert_allclose(after, before, rtol=0, atol=0)


def test_a_gradient_of_zero_is_a_number_without_a_sign():
    x = variable(0.0)
    y = -(x * x)
    y.backward(retain_graph=True)
    assert np.signbit(y.data) and np.signbit(x.grad)
    texts = says(draw_graph(y, names={"x": x}))
    assert {"x | value: 0 grad: 0", "negative | value: 0 grad: not kept"} < set(texts)


def test_a_leaf_that_backward_has_not_reached():
    x, y = variable(1.0), variable(2.0)
    (x * 3).backward()
    assert set(says(draw_graph(x * y, names={"x": x, "y": y}))) == {
        "x | value: 1 grad: 3",
        "y | value: 2 grad: not computed",
        "multiply | value: 2 grad: not kept",
    }


def test_retain_grad_called_too_late():
    x = variable(1.0)
    y = np.exp(x)
    z = y * y
    z.backward(retain_graph=True)
    y.retain_grad()
    assert "exp | value: 2.718 grad: not computed" in says(draw_graph(z))


def test_arrays_show_their_shape_and_small_ones_their_values():
    x = variable([[1.0, -0.25], [1e6, 2 / 3]])
    y = variable(np.ones((2, 3)))
    out = (x @ y).sum()
    out.backward(retain_graph=True)
    assert set(says(draw_graph(out, names={"x": x, "y": y}))) == {
        "x | shape: (2, 2) value: [[1, -0.25], [1e+06, 0.6667]] grad: [[3, 3], [3, 3]]",
        "y | shape: (2, 3) grad: norm 1.732e+06",
        "matmul | shape: (2, 3) grad: not kept",
        "sum | value: 3e+06 grad: not kept",
    }
    norm = np.linalg.norm(y.grad)
    assert f"{norm:.4g}" == "1.732e+06"


@pytest.mark.parametrize(
    "operation, title",
    [
        (lambda x: x.sum(axis=0), "sum(axis=0)"),
        (lambda x: np.sum(x, 1, keepdims=True), "sum(1, keepdims=True)"),
        (lambda x: x.sum(), "sum"),
        (lambda x: x[0], "getitem[0]"),
        (lambda x: x[:, 1:], "getitem[:, 1:]"),
        (lambda x: x[::-1, None], "getitem[::-1, None]"),
        (lambda x: x[..., 0], "getitem[..., 0]"),
        (lambda x: x[[0, 0, 1]], "getitem[[0, 0, 1]]"),
        (lambda x: x[np.arange(20) % 2], "getitem[...]"),
        (lambda x: x.reshape(3, 2), "reshape((3, 2))"),
        (lambda x: np.roll(x, 1, axis=0), "roll(1, axis=0)"),
        (lambda x: x.astype(np.float32), "astype(dtype=float32)"),
        (lambda x: functional.leaky_relu(x, negative_slope=0.2), "leaky_relu(negative_slope=0.2)"),
    ],
)
def test_options_that_are_short_belong_to_the_title(operation, title):
    x = variable(np.arange(6.0).reshape(2, 3))
    titles = [text.get_text().replace("\n", " ") for text in draw_graph(operation(x)).texts]
    assert titles[2] == title


def test_what_an_operation_has_computed_is_no_option():
    y = variable([1.0, 2.0]).sum()
    y._kwargs = {"loss": np.float64(0.5), "slope": np.ones(2), "scale": 0.25, "axis": None}
    assert drawing.call(y) == "sum(scale=0.25)"


def test_names_come_from_a_model_and_may_be_too_many():
    model = MLP(2, 3, 2, rng=0)
    x = np.ones((4, 2))
    names = dict(model.named_parameters()) | {"x": x}
    texts = list(says(draw_graph(model(x), names=names)))
    for name in ("x | shape: (4, 2)", "0.weight |", "0.bias |", "2.weight |", "2.bias |"):
        assert sum(text.startswith(name) for text in texts) == 1
    hidden = model.modules[0](x)
    assert not any(text.startswith("2.") for text in says(draw_graph(hidden, names=names)))


def test_without_names_the_kind_is_said():
    w = variable(np.zeros((3, 2)))
    texts = says(draw_graph((np.ones((2, 3)) @ w).sum()))
    assert "parameter | shape: (3, 2) grad: not computed" in texts
    assert "constant | shape: (2, 3)" in texts


def test_masks_are_constants_and_missing_arguments_are_not_drawn():
    x = variable([1.0, -1.0])
    assert "constant | shape: (2,) value: [1, 0]" in says(draw_graph(np.where(x > 0, x, 0)))
    clipped = np.clip(x, None, 0.5)
    assert clipped._args[1] is None
    assert len(boxes(draw_graph(clipped))) == 3


# ---- nothing covers anything else ----------------------------------------------------------------


def overlapping(extents):
    """Pairs that overlap by more than half a pixel, to which the sizes of letters are rounded."""
    return [
        (a, b)
        for a, b in combinations(extents, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
    ]


def covered(ax):
    """Boxes that an arrow crosses: points of its path inside by more than a point."""
    hits = []
    for patch in ax.patches:
        if isinstance(patch, FancyArrowPatch):
            path = patch._path_original.interpolated(1).cleaned(curves=False)
            segments = [np.linspace(a, b, 20) for a, b in zip(path.vertices, path.vertices[1:-1])]
            points = np.concatenate(segments)
            for box in boxes(ax):
                corner, size = np.array(box.get_bbox().bounds).reshape(2, 2)
                if np.any(np.all(np.abs(points - corner - size / 2) < size / 2 - 1, axis=1)):
                    hits.append((patch, box))
    return hits


def graph_of_an_mlp():
    model = MLP(4, 8, 3, rng=0)
    loss = cross_entropy(model(np.ones((5, 4))), np.array([0, 1, 2, 0, 1]))
    return loss, dict(model.named_parameters())


def graph_by_chance(seed):
    """Thirty products and sums of what came before."""
    rng = np.random.default_rng(seed)
    pool = [variable(1.0) for _ in range(4)]
    for _ in range(30):
        i, j = rng.integers(len(pool), size=2)
        pool.append(pool[i] * pool[j] if rng.random() < 0.5 else pool[i] + pool[j])
    return sum(pool[-5:-1], pool[-1]), {}


GRAPHS = {
    "twenty": twenty,
    "chain": lambda: (chain()["d"], {}),
    "mlp": graph_of_an_mlp,
    **{f"chance {seed}": lambda seed=seed: graph_by_chance(seed) for seed in range(3)},
}


@pytest.mark.parametrize("run_backward", [False, True])
@pytest.mark.parametrize("own_figure", [True, False])
@pytest.mark.parametrize("graph", GRAPHS)
def test_boxes_and_texts_do_not_overlap(graph, own_figure, run_backward):
    output, names = GRAPHS[graph]()
    if run_backward:
        output.backward(retain_graph=True)
    ax = None if own_figure else plt.subplots(figsize=(8, 5))[1]
    ax = draw_graph(output, names=names, ax=ax)
    ax.set_title("A title that comes later\ntakes some of the room")
    ax.figure.canvas.draw()

    frames = [box.get_window_extent() for box in boxes(ax)]
    texts = [t.get_window_extent() for t in ax.texts if t.get_color() != drawing.BACK_INK]
    swatches = [p for p in ax.patches if isinstance(p, FancyBboxPatch) and p not in boxes(ax)]
    assert overlapping(frames + [swatch.get_window_extent() for swatch in swatches]) == []
    assert overlapping(texts) == []
    assert covered(ax) == []
    # before matplotlib 3.11, text of 5 points is up to 2 pixels larger than its size says
    rooms = [frame.padded(2) for frame in frames]
    inside = [
        sum(f.x0 < t.x0 and t.x1 < f.x1 and f.y0 < t.y0 and t.y1 < f.y1 for f in rooms)
        for t in texts
    ]
    in_boxes = len(texts) - len(swatches)
    written = [t for t in ax.texts if t.get_text() in slopes(ax) and t.get_color() != drawing.INK]
    assert overlapping([t.get_window_extent() for t in written]) == []
    assert inside[:in_boxes] == [1] * in_boxes
    area = ax.get_window_extent().padded(0.01)
    assert all(area.x0 < e.x0 and e.x1 < area.x1 for e in frames + texts)
    assert all(area.y0 < e.y0 and e.y1 < area.y1 for e in frames + texts)


def test_twenty_boxes_are_readable_in_ten_by_five_inches():
    loss, names = twenty()
    for run_backward in (False, True):
        if run_backward:
            loss.backward(retain_graph=True)
        _, ax = plt.subplots(figsize=(10, 5), layout="constrained")
        draw_graph(loss, names=names, ax=ax)
        ax.figure.canvas.draw()
        assert min(text.get_fontsize() for text in ax.texts) > 7

        ax = draw_graph(loss, names=names)
        ax.figure.canvas.draw()
        width, height = ax.figure.get_size_inches()
        assert width < 11.5 and height < 5
        assert min(text.get_fontsize() for text in ax.texts) == pytest.approx(
            drawing.SIZE, rel=0.05
        )


def test_a_tree_stands_in_the_order_in_which_it_is_written():
    leaves = [variable(float(i)) for i in range(4)]
    a, b, c, d = leaves
    for reordered in (False, True):
        columns = drawing.in_columns(drawing.collect(a * b + c * d))
        if reordered:
            drawing.reorder(columns)
        assert [node.source for node in columns[0]] == leaves
        assert drawing.crossings(columns) == 0


def test_sweeps_remove_crossings():
    def count(seed, sweep):
        columns = drawing.in_columns(drawing.collect(graph_by_chance(seed)[0]))
        if sweep:
            drawing.reorder(columns)
        return drawing.crossings(columns)

    before = [count(seed, False) for seed in range(20)]
    after = [count(seed, True) for seed in range(20)]
    assert all(a <= b for a, b in zip(after, before))
    assert sum(after) < 0.75 * sum(before)


def test_apart_is_the_least_squares_solution():
    assert drawing.apart([0.0, 10.0], [3.0]) == [0.0, 10.0]
    assert drawing.apart([5.0, 5.0, 5.0], [2.0, 4.0]) == pytest.approx([7 / 3, 13 / 3, 25 / 3])
    rng = np.random.default_rng(0)
    for _ in range(20):
        wanted, distances = rng.normal(size=5) * 3, rng.uniform(0.5, 2, 4)
        found = np.array(drawing.apart(wanted, distances))
        assert np.all(np.diff(found) >= distances - 1e-12)
        cost = np.sum((found - wanted) ** 2)
        for _ in range(200):  # no neighbour that keeps the distances is better
            other = found + rng.normal(size=5) * rng.choice([1, 0.1, 0.01])
            if np.all(np.diff(other) >= distances):
                assert np.sum((other - wanted) ** 2) > cost - 1e-12


# ---- what it leaves alone, and what it refuses ---------------------------------------------------


def test_drawing_changes_no_tensor():
    nodes = chain()
    nodes["d"].backward(retain_graph=True)

    def state():
        return [
            (t.data.tobytes(), t.grad, t.requires_grad, t._fn, t._args, t._number, t._keeps_grad)
            for t in nodes.values()
        ]

    before = state()
    draw_graph(nodes["d"], names=nodes)
    after = state()
    assert all(a is b or a == b for x, y in zip(before, after) for a, b in zip(x, y))
    nodes["d"].backward()
    assert nodes["a"].grad == 32


def test_axes_that_are_given_are_drawn_on_and_returned():
    _, ax = plt.subplots()
    x = variable(1.0)
    assert draw_graph(np.exp(x), ax=ax) is ax
    assert plt.get_fignums() == [1]
    assert len(boxes(ax)) == 2


def test_text_scales_with_the_boxes():
    x = variable(1.0)
    ax = draw_graph(np.exp(x))
    ax.figure.canvas.draw()
    before = ax.texts[0].get_fontsize()
    ax.figure.set_size_inches(ax.figure.get_size_inches() * 2)
    ax.figure.canvas.draw()
    assert ax.texts[0].get_fontsize() == pytest.approx(2 * before, rel=0.1)


def test_a_freed_graph_says_how_to_keep_it():
    nodes = chain()
    nodes["d"].backward()
    with pytest.raises(RuntimeError, match=r"add has lost .* freed .*retain_graph=True"):
        draw_graph(nodes["d"])
    y = np.exp(nodes["c"])
    with pytest.raises(RuntimeError, match=r"multiply has lost .*retain_graph=True"):
        draw_graph(y)


def test_changed_data_no_longer_fits():
    x, w = Tensor([1.0, 2.0]), variable([3.0, 4.0])
    loss = (x * w).sum()
    w.data -= 0.1
    with pytest.raises(RuntimeError, match=r"argument of multiply, of shape \(2,\), was changed"):
        draw_graph(loss)
    y = x * w
    total = y.sum()
    y.data = [0.0, 0.0]
    with pytest.raises(RuntimeError, match="changed"):
        draw_graph(total)


def test_what_has_no_graph():
    with no_grad():
        y = variable(1.0) * 2
    for tensor in (y, variable(1.0), Tensor(1.0) + 1):
        with pytest.raises(ValueError, match=r"no recorded operation .*no_grad\(\)"):
            draw_graph(tensor)


def test_arguments_of_another_kind():
    x = variable(1.0)
    y = np.exp(x)
    with pytest.raises(TypeError, match="output must be a Tensor, got ndarray"):
        draw_graph(y.data)
    with pytest.raises(TypeError, match=r"names must be a dict such as .* got list"):
        draw_graph(y, names=[x])
    with pytest.raises(TypeError, match=r"names must lead from a name to a .* Tensor.*: str"):
        draw_graph(y, names={x: "x"})
    with pytest.raises(TypeError, match=r"names must lead .* 'x': float"):
        draw_graph(y, names={"x": 1.0})
    with pytest.raises(TypeError, match=r"ax must be an Axes, got Figure; .*plt.subplots\(\)"):
        draw_graph(y, ax=plt.figure())


def test_importing_microloss_leaves_matplotlib_alone():
    program = (
        "import sys, microloss; microloss.draw_graph;"
        "sys.exit(any(name.split('.')[0] == 'matplotlib' for name in sys.modules))"
    )
    root = Path(__file__).resolve().parents[1]
    assert subprocess.run([sys.executable, "-c", program], cwd=root).returncode == 0
