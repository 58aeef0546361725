"""The computation graph as a picture: what a Tensor was computed from, from left to right.

A layered drawing in four steps (Sugiyama, Tagawa, Toda 1981): a column for each node, with bends
where an arrow passes a column; an order in each column with few crossings; places near the
neighbours; paint. Lengths are in points, as font sizes are, x to the right and y downwards.
"""

import functools
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, combinations, pairwise
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from .engine.grad import graph
from .engine.rules import RULES
from .engine.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_graph"]

MAX_NODES = 60
MAX_ELEMENTS = 4  # of an array whose values are shown
MAX_OPTION = 20  # characters
DEEP = 6  # columns; a deeper graph gets narrow boxes
LINE, NARROW_LINE = 33, 15  # characters

TITLE_SIZE, SIZE = 9, 8
PADDING, LEADING = 5, 2
COLUMN_GAP, ROW_GAP = 38, 11  # slopes stand in the gap between columns
PORT_GAP = 12  # between two arguments that enter one box
BEND = 2  # the height that a passing arrow needs
MARGIN = 4
TITLE_ROOM = 24  # for ax.set_title()

# Fill and edge of the boxes. The hues are Okabe and Ito's, which colour-blind readers can tell
# apart; without any colour, the dashed edge and the brightness still differ.
COLORS = {
    "constant": ("#EEEEEE", "#888888"),
    "parameter": ("#D3E8F5", "#0072B2"),
    "operation": ("#FFFFFF", "#333333"),
    "output": ("#FBE3C0", "#D55E00"),
}
INK, FAINT, BACK = "#222222", "#666666", "#CC79A7"  # BACK: the way of the gradients
BACK_INK = "#A8447C"  # the same, dark enough for letters
BACK_SHIFT = 3.5
WIDEST = -1.235e-05  # as a number is shown
LEGEND = {"constant": "constant (no gradient)"}


@dataclass(eq=False)
class Node:
    """A box; or a bend, where the arrows from one box pass a column together."""

    kind: str  # a key of COLORS, or "bend"
    source: object  # the Tensor, array or number in the box; the Node whose arrows bend
    inputs: list["Node"] = field(default_factory=list)  # in the order of the arguments
    outputs: list[tuple["Node", int]] = field(default_factory=list)  # and which argument it is
    column: int = 0
    rank: int = 0  # from the top of the column
    labels: list = field(default_factory=list)
    width: float = 0.0
    height: float = BEND
    x: float = 0.0  # of the centre
    y: float = 0.0

    def port(self, i):
        """Where argument i enters, in heights from the centre: the first argument on top."""
        return (i + 1) / (len(self.inputs) + 1) - 0.5


def draw_graph(
    output: Tensor,
    *,
    names: Mapping[str, Tensor | np.ndarray] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the graph behind `output`: a box for each value, an arrow for each use of it.

    A box shows the operation, the shape of an array, the value of up to four elements, and `.grad`:
    numbers once backward() has run (of a larger array, the norm), otherwise "not computed". An
    intermediate result's is "not kept" if retain_grad() was not called before backward(). Then the
    way back stands beside each arrow in a colour of its own, with the local slope: the derivative
    of the box with respect to this argument if both are numbers, else the shape of what goes back.
    A box stands in the same place before and after backward().
    The arguments of an operation enter its box in their order, from top to bottom.
    backward() frees the graph: to draw it with gradients, use backward(retain_graph=True).

    names : what to call Tensors and arrays, such as {"x": x, "loss": loss} or
        dict(model.named_parameters()); names of what is not in the graph are left out.
    ax : where to draw; by default a new figure, as large as the graph needs.

    Returns the Axes. Raises TypeError for arguments of another kind, ValueError for a Tensor that
    no recorded operation made and for more than 60 boxes, RuntimeError when the graph was freed
    or data in it was changed.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * 2
    >>> y.backward(retain_graph=True)
    >>> ax = draw_graph(y, names={"x": x, "y": y})
    >>> [text.get_text() for text in ax.texts[:4]]
    ['x', 'value: 3\\ngrad: 2', '2', 'y = multiply']
    """
    import matplotlib.pyplot as plt

    names = checked(names)
    nodes = collect(output)
    own_figure = ax is None
    if own_figure:
        figure = plt.figure()
        ax = figure.add_subplot()
        figure.set_layout_engine("constrained", w_pad=MARGIN / 72, h_pad=MARGIN / 72)
    elif not isinstance(ax, plt.Axes):
        raise TypeError(
            f"draw_graph: ax must be an Axes, got {type(ax).__name__}; fig, ax = plt.subplots() "
            "makes one"
        )
    columns = in_columns(nodes)
    reorder(columns)
    write(nodes, ax, names, NARROW_LINE if len(columns) > DEEP else LINE)
    place(columns)
    width, height = paint(columns, ax)
    if own_figure:
        figure.set_size_inches((width + 2 * MARGIN) / 72, (height + TITLE_ROOM) / 72)
    return ax


# ---- what is in the graph ------------------------------------------------------------------------


def checked(names):
    """id of a Tensor or array -> its name."""
    names = {} if names is None else names
    if not isinstance(names, Mapping):
        raise TypeError(f'names must be a dict such as {{"x": x}}, got {type(names).__name__}')
    for name, value in names.items():
        if not isinstance(name, str) or not isinstance(value, Tensor | np.ndarray):
            raise TypeError(
                'names must lead from a name to a Tensor or an array, such as {"x": x}; got '
                f"{name!r:.40}: {type(value).__name__}"
            )
    return {id(value): name for name, value in names.items()}


def tensors_behind(output):
    """All Tensors of the graph, operands first."""
    if not isinstance(output, Tensor):
        raise TypeError(f"draw_graph: output must be a Tensor, got {type(output).__name__}")
    if output.is_leaf:
        raise ValueError(
            "draw_graph: no recorded operation made this Tensor, so it has no graph (was it "
            "computed inside no_grad(), from constants only, or detached?)"
        )
    tensors = graph(output)
    for tensor in tensors:
        if tensor._lost is not None:
            raise RuntimeError(f"draw_graph: {tensor.op} has lost its arguments: {tensor._lost}")
        for arg in tensor._args or ():
            if isinstance(arg, Tensor) and arg._number > tensor._number:
                raise RuntimeError(
                    f"draw_graph: the data of an argument of {tensor.op}, of shape {arg.shape}, "
                    "was changed after use: draw before changing it, or compute the result again"
                )
    return tensors


def arguments(tensor):
    """Of the operation that made tensor: its operands, and the options passed by position."""
    if tensor.is_leaf:
        return (), ()
    rules = RULES[tensor._fn]
    n = len(rules) if isinstance(rules, tuple) else len(tensor._args)
    return [arg for arg in tensor._args[:n] if arg is not None], tensor._args[n:]


def collect(output):
    """The boxes of the graph, operands first."""
    nodes, node_of = [], {}

    def add(source):
        if id(source) in node_of:
            return node_of[id(source)]
        kind = "constant"
        if isinstance(source, Tensor):
            if not source.is_leaf:
                kind = "output" if source is output else "operation"
            elif source.requires_grad:
                kind = "parameter"
        nodes.append(Node(kind, source))
        if isinstance(source, Tensor | np.ndarray):  # equal numbers may be one object by chance
            node_of[id(source)] = nodes[-1]
        return nodes[-1]

    for tensor in tensors_behind(output):
        inputs = [add(operand) for operand in arguments(tensor)[0]]
        add(tensor).inputs = inputs
    if len(nodes) > MAX_NODES:
        raise ValueError(
            f"draw_graph: {len(nodes)} boxes are too many to read, {MAX_NODES} are possible: draw "
            "an intermediate result, or a smaller example (one step, one layer)"
        )
    return nodes


# ---- what the boxes say --------------------------------------------------------------------------


def number(x):
    return format(x + 0, ".4g")  # + 0 makes 0 of -0.0 and 1 of True


def numbers(array):
    return number(array) if array.ndim == 0 else f"[{', '.join(map(numbers, array))}]"


def array_in(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def subscript(index):
    """An index as it is written between brackets."""

    def part(p):
        if isinstance(p, slice):
            bounds = (p.start, p.stop) if p.step is None else (p.start, p.stop, p.step)
            return ":".join("" if bound is None else str(bound) for bound in bounds)
        return "..." if p is Ellipsis else str(p)

    text = ", ".join(map(part, index if isinstance(index, tuple) else (index,)))
    return f"[{text if len(text) <= MAX_OPTION else '...'}]"


def call(tensor):
    """The operation that made tensor, with those of its options that are short."""
    options = [str(option) for option in arguments(tensor)[1]]
    index = ""
    for name, value in tensor._kwargs.items():
        if name == "index":
            index = subscript(value)
        # arrays and NumPy's numbers were computed on the way, no one has chosen them
        elif not (value is None or value is False or isinstance(value, np.ndarray | np.generic)):
            options.append(f"{name}={getattr(value, '__name__', value)}")
    short = ", ".join(option for option in options if len(option) <= MAX_OPTION)
    return tensor.op + index + (f"({short})" if short else "")


def gradient(tensor, backward_has_run):
    if tensor.grad is not None:
        g = array_in(tensor.grad)
        small = g.size <= MAX_ELEMENTS
        return numbers(g) if small else f"norm {number(np.linalg.norm(g.astype(float)))}"
    kept = tensor.is_leaf or tensor._keeps_grad
    return "not computed" if kept or not backward_has_run else "not kept"


def write(nodes, ax, names, line):
    """Give each box its labels, the title first, and the size that they need."""
    Label = label_class()
    backward_has_run = any(n.kind == "parameter" and n.source.grad is not None for n in nodes)
    for node in nodes:
        array = array_in(node.source)
        name = names.get(id(node.source))
        body = [f"shape: {array.shape}"] if array.ndim else []
        if array.size <= MAX_ELEMENTS:
            body.append(f"value: {numbers(array)}")
        if node.kind in ("operation", "output"):
            name = f"{name} = {call(node.source)}" if name else call(node.source)
        elif node.kind == "constant" and name is None and array.ndim == 0:
            name, body = numbers(array), []
        if node.kind != "constant":
            body.append(f"grad: {gradient(node.source, backward_has_run)}")
        node.labels = [Label(ax, wrapped([name or node.kind], line), TITLE_SIZE, weight="bold")]
        room = [(label.width, label.height) for label in node.labels]
        if body:
            node.labels.append(Label(ax, wrapped(body, line), SIZE))
            room.append((node.labels[-1].width, node.labels[-1].height))
            for grad in gradients_to_come(array) if node.kind != "constant" else ():
                label = Label(ax, wrapped([*body[:-1], f"grad: {grad}"], line), SIZE)
                label.remove()
                room.append((label.width, label.height))
        node.width = max(width for width, _ in room) + 2 * PADDING
        heights = [room[0][1], *([max(height for _, height in room[1:])] if body else [])]
        node.height = sum(height + LEADING for height in heights) - LEADING + 2 * PADDING
        node.height = max(node.height, PORT_GAP * (len(node.inputs) + 1))


def gradients_to_come(array):
    """What may stand for the gradient one day; a box has room for each, so that it never moves."""
    small = array.size <= MAX_ELEMENTS
    widest = numbers(np.full(array.shape, WIDEST)) if small else f"norm {number(-WIDEST)}"
    return "not computed", "not kept", widest


def slope(node, i):
    """What stands on the way back from an operation to its argument i, or None without gradient."""
    tensor = node.source
    places = [j for j, arg in enumerate(tensor._args) if arg is not None]
    operand = tensor._args[places[i]]
    if not isinstance(operand, Tensor) or not operand.requires_grad:
        return None
    if operand.ndim or tensor.ndim:
        return str(operand.shape)
    rule = RULES[tensor._fn][places[i]]
    derivative = rule(np.ones(()), tensor.data, *tensor._values, **tensor._kwargs)
    return format(derivative + 0, ".3g")  # short enough for the gap


def wrapped(lines, width):
    return "\n".join(textwrap.fill(line, width, break_long_words=False) for line in lines)


@functools.cache
def label_class():
    from matplotlib.text import Text

    class Label(Text):
        """Text that keeps its size relative to the boxes when the Axes grow, shrink or zoom."""

        def __init__(self, ax, text, size, ha="center", color=INK, **style):
            super().__init__(0, 0, text, fontsize=size, ha=ha, va="top", color=color, **style)
            self.size = size
            ax.add_artist(self)
            extent = self.get_window_extent()
            self.width = extent.width * 72 / self.figure.dpi
            self.height = extent.height * 72 / self.figure.dpi

        def draw(self, renderer):
            (_, y0), (_, y1) = self.axes.transData.transform([(0, 0), (0, 1)])
            size = self.size * abs(y1 - y0) * 72 / self.figure.dpi
            if size != self.get_fontsize():  # a change asks for another draw()
                self.set_fontsize(size)
            super().draw(renderer)

    return Label


# ---- where the boxes are -------------------------------------------------------------------------


def in_columns(nodes):
    """The Nodes of each column: as far to the right as their consumers let them be."""
    to_output = dict.fromkeys(nodes, 0)  # the longest way
    for node in reversed(nodes):
        for operand in node.inputs:
            to_output[operand] = max(to_output[operand], to_output[node] + 1)
    deepest = max(to_output.values())
    for node in nodes:
        node.column = deepest - to_output[node]

    bends = {}
    for node in nodes:
        for i, start in enumerate(node.inputs):
            last = start
            for column in range(start.column + 1, node.column):
                if (start, column) not in bends:
                    bends[start, column] = Node("bend", start, [last], column=column)
                    last.outputs.append((bends[start, column], 0))
                last = bends[start, column]
            node.inputs[i] = last
            last.outputs.append((node, i))

    columns = [[] for _ in range(deepest + 1)]
    seen, stack = set(), [nodes[-1]]
    while stack:  # depth first, so that what belongs together is together from the start
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            columns[node.column].append(node)
            stack.extend(reversed(node.inputs))
    for column in columns:
        number_ranks(column)
    return columns


def number_ranks(column):
    for i, node in enumerate(column):
        node.rank = i


def crossings(columns):
    """How many pairs of arrows cross on their way from one column to the next."""
    total = 0
    for column in columns[1:]:
        arrows = [(u.rank, v.rank + v.port(i)) for v in column for i, u in enumerate(v.inputs)]
        total += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(arrows, 2))
    return total


def reorder(columns):
    """Sort each column by the mean rank of the neighbours, to and fro, and keep the best order.

    Then swap what is next to each other while that saves crossings.
    """

    def mean_rank(node):
        ranks = [u.rank for u in node.inputs] + [v.rank + v.port(i) for v, i in node.outputs]
        return fmean(ranks)

    best, fewest = [column[:] for column in columns], crossings(columns)
    for sweep in range(8):
        for column in columns if sweep % 2 else reversed(columns):
            column.sort(key=mean_rank)
            number_ranks(column)
        if crossings(columns) < fewest:
            best, fewest = [column[:] for column in columns], crossings(columns)
    columns[:] = best
    for column in columns:
        number_ranks(column)

    fewer = True
    while fewer:
        fewer = False
        for c, column in enumerate(columns):
            around = columns[max(c - 1, 0) : c + 2]
            for upper, lower in pairwise(column[:]):
                before = crossings(around)
                upper.rank, lower.rank = lower.rank, upper.rank
                if crossings(around) < before:
                    fewer = True
                else:
                    upper.rank, lower.rank = lower.rank, upper.rank
            column.sort(key=lambda node: node.rank)


def apart(wanted, distances):
    """The positions nearest to the wanted ones that keep at least these distances.

    Least squares by pooling adjacent violators: those that would come too close move as one.
    """
    offsets = list(accumulate(distances, initial=0.0))
    pools = []  # (mean of wanted - offset, how many)
    for position, offset in zip(wanted, offsets):
        mean, n = position - offset, 1
        while pools and pools[-1][0] > mean:
            other, m = pools.pop()
            mean, n = (mean * n + other * m) / (n + m), n + m
        pools.append((mean, n))
    means = [mean for mean, n in pools for _ in range(n)]
    return [mean + offset for mean, offset in zip(means, offsets)]


def place(columns):
    """Set x and y: near the neighbours, the bends of one box in one line as far as possible."""
    bends = {}
    for node in (node for column in columns for node in column if node.kind == "bend"):
        bends.setdefault(node.source, []).append(node)

    def wanted(node):
        group = bends[node.source] if node.kind == "bend" else [node]
        left = [u.y for v in group for u in v.inputs]
        right = [w.y + w.height * w.port(i) for v in group for w, i in v.outputs]
        return fmean(left + right)

    distances = [
        [(a.height + b.height) / 2 + ROW_GAP for a, b in pairwise(column)] for column in columns
    ]
    there_and_back = [*reversed(range(len(columns))), *range(len(columns))]
    for c in there_and_back * 15:
        for node, y in zip(columns[c], apart(map(wanted, columns[c]), distances[c])):
            node.y = y

    left = 0.0
    for column in columns:
        width = max(node.width for node in column)
        for node in column:
            node.x = left + width / 2
        left += width + COLUMN_GAP


# ---- paint ---------------------------------------------------------------------------------------


def box(ax, x, y, width, height, kind):
    """A rounded box around the point x, y."""
    from matplotlib.patches import FancyBboxPatch

    fill, edge = COLORS[kind]
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=3",
            facecolor=fill, edgecolor=edge, linewidth=1.2,
            linestyle="--" if kind == "constant" else "-",
        )
    )  # fmt: skip


def arrow(ax, u, v, i, start, end, back=False):
    """The way from u to argument i of v: level in the columns, a curve between start and end.

    The way back runs below it, with its head at u.
    """
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    y, tip, middle = v.y + v.height * v.port(i), v.x - v.width / 2, (start + end) / 2
    points = [(u.x + u.width / 2, u.y), (start, u.y), (middle, u.y), (middle, y), (end, y)]
    codes = [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    if tip > end:  # a line of length 0 would have no direction for the arrow's head
        points.append((tip, y))
        codes.append(Path.LINETO)
    style = "-" if v.kind == "bend" else "-|>"
    if back:
        points = [(x, y + BACK_SHIFT) for x, y in points]
        style = "-" if u.kind == "bend" else "<|-"
    if points[0] == points[1]:
        del points[1], codes[1]
    ax.add_patch(
        FancyArrowPatch(
            path=Path(points, codes), arrowstyle=style, mutation_scale=8,
            color=BACK if back else FAINT, linewidth=1,
        )
    )  # fmt: skip


def paint(columns, ax):
    """Draw arrows, boxes and a legend, and fit the limits of ax; return width and height."""
    from matplotlib.patheffects import withStroke

    Label = label_class()
    nodes = [node for column in columns for node in column]
    half = [max(node.width for node in column) / 2 for column in columns]
    slopes = slopes_of(nodes)
    halo = [withStroke(linewidth=2.5, foreground="white")]  # arrows may pass behind
    for node in nodes:
        for i, source in enumerate(node.inputs):
            start, end = source.x + half[source.column], node.x - half[node.column]
            arrow(ax, source, node, i, start, end)
            if (node, i) in slopes:
                arrow(ax, source, node, i, start, end, back=True)
                text = slopes[node, i]
                if text:
                    label = Label(ax, text, SIZE, ha="right", color=BACK_INK, path_effects=halo)
                    y = node.y + node.height * node.port(i)
                    label.set_position((node.x - node.width / 2 - 5, y - label.height - 1))
        if node.kind != "bend":
            box(ax, node.x, node.y, node.width, node.height, node.kind)
            y = node.y - node.height / 2 + PADDING
            for label in node.labels:
                label.set_position((node.x, y))
                y += label.height + LEADING

    bottom = max(node.y + node.height / 2 for node in nodes)
    width, bottom = legend(nodes, ax, bottom + 2 * ROW_GAP, bool(slopes))
    width = max(width, nodes[-1].x + nodes[-1].width / 2)
    top = min(node.y - node.height / 2 for node in nodes)
    ax.set_axis_off()
    ax.set_aspect("equal")
    ax.set_xlim(-MARGIN, width + MARGIN)
    ax.set_ylim(bottom + MARGIN, top - MARGIN)
    return width + 2 * MARGIN, bottom - top + 2 * MARGIN


def slopes_of(nodes):
    """(node, argument) -> text of the slope, for each piece of the way back; "" at a bend."""
    if not any(n.kind == "parameter" and n.source.grad is not None for n in nodes):
        return {}
    slopes = {}
    for node in nodes:
        if node.kind in ("operation", "output"):
            for i, u in enumerate(node.inputs):
                text = slope(node, i)
                if text is None:
                    continue
                slopes[node, i] = text
                while u.kind == "bend":
                    slopes[u, 0] = ""
                    u = u.inputs[0]
    return slopes


def legend(nodes, ax, y, gradients):
    """Explain the colours, from y down; return width and bottom."""
    Label = label_class()
    x = 0.0
    for kind in COLORS:
        if any(node.kind == kind for node in nodes):
            box(ax, x + 6, y, 12, 8, kind)
            label = Label(ax, LEGEND.get(kind, kind), SIZE, ha="left")
            label.set_position((x + 16, y - label.height / 2))
            x += label.width + 28
    width = x - 12
    label = Label(ax, "way back, with local slopes", SIZE, ha="left", color=BACK_INK)
    if gradients:
        label.set_position((0, y + 9))
    else:
        label.remove()
    return max(width, label.width), y + 9 + label.height + LEADING
