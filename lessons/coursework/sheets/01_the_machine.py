"""Sheet 1. The machine, lessons 1 to 5

The parts of a machine that learns, by hand: the slopes of a loss, two rules of backpropagation and
what broadcasting asks of them, the walk through a graph, the differences that check a gradient, an
exponential that does not overflow, and all gradients of a network.
"""

from graphlib import TopologicalSorter

import numpy as np

from lessons.coursework import exercise
from microloss import Tensor, grad
from microloss.engine.rules import RULES, unbroadcast
from microloss.functional import logsumexp, relu
from microloss.losses import cross_entropy


@exercise(lesson=1, points=1)
def mse_slopes(x, y, a, b):
    """The slopes of the mean squared error of the line a x + b: for a, and for b, in this order.

    x and y are arrays of shape (N,), a and b are numbers. The error is the mean of
    (a x + b - y)^2. Return two numbers.
    """
    error = a * x + b - y
    return 2 * np.mean(error * x), 2 * np.mean(error)


@mse_slopes.check("a few points")
def few_points(rng):
    yield np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 3.0]), 0.5, -1.0
    yield rng.normal(size=5), rng.normal(size=5), 1.5, 0.25


@mse_slopes.check("a line that meets every point", hint="where all errors are 0, so are the slopes")
def no_error(rng):
    x = np.array([-1.0, 0.5, 2.0])
    yield x, 2.0 * x + 1.0, 2.0, 1.0


@mse_slopes.mistake("the factor 2 of the square's derivative is missing")
def half(x, y, a, b):
    error = a * x + b - y
    return np.mean(error * x), np.mean(error)


@mse_slopes.mistake("the errors are summed, not averaged")
def summed(x, y, a, b):
    error = a * x + b - y
    return 2 * np.sum(error * x), 2 * np.sum(error)


@mse_slopes.mistake("the error is guess - truth; y - guess turns both signs")
def truth_first(x, y, a, b):
    error = y - a * x - b
    return 2 * np.mean(error * x), 2 * np.mean(error)


@mse_slopes.mistake("the two are in the wrong order: that for a comes first")
def intercept_first(x, y, a, b):
    error = a * x + b - y
    return 2 * np.mean(error), 2 * np.mean(error * x)


@mse_slopes.mistake("a x + b changes with a by x: multiply each error by its x before the mean")
def without_x(x, y, a, b):
    error = a * x + b - y
    return 2 * np.mean(error), 2 * np.mean(error)


@mse_slopes.mistake("multiply each error by its own x, and then average: not mean times mean")
def mean_times_mean(x, y, a, b):
    error = a * x + b - y
    return 2 * np.mean(error) * np.mean(x), 2 * np.mean(error)


@exercise(lesson=2, points=1, gradient_of="x")
def tanh_rule(g, y, x):
    """The rule of y = tanh(x): from the gradient g with respect to y to the one with respect to x.

    g, y and x are arrays of one shape, and so is the result.  dy/dx = 1 - tanh(x)^2.
    """
    (rule,) = RULES[np.tanh]
    return rule(g, y, x)


@tanh_rule.check("a few numbers")
def numbers(rng):
    for shape in (4, (2, 3)):
        x = rng.normal(size=shape)
        yield rng.normal(size=shape), np.tanh(x), x


@tanh_rule.check("large x", hint="y is given: with it no exponential is needed")
def flat_ends(rng):
    x = np.array([1000.0, -1000.0, 0.5])
    yield rng.normal(size=3), np.tanh(x), x


@tanh_rule.mistake("y is tanh(x) already: take no second tanh of it")
def tanh_twice(g, y, x):
    return g * (1 - np.tanh(y) ** 2)


@tanh_rule.mistake("the square is that of y = tanh(x), not of x")
def x_for_y(g, y, x):
    return g * (1 - x**2)


@tanh_rule.mistake("y (1 - y) belongs to the sigmoid")
def rule_of_the_sigmoid(g, y, x):
    return g * y * (1 - y)


@exercise(lesson=2, points=2, gradient_of="a")
def matmul_rule(g, a, b):
    """The rule of the matrix product y = a @ b: the gradient for a, and that for b, in this order.

    a has shape (n, k), b has (k, m), and g, the gradient with respect to y, has (n, m). Each
    result has the shape of what it belongs to.
    """
    return tuple(rule(g, a @ b, a, b) for rule in RULES[np.matmul])


@matmul_rule.check(
    "square matrices",
    hint="y[i, j] changes with a[i, l] by b[l, j], with b[l, j] by a[i, l]: multiply by g[i, j] "
    "and sum",
)
def square(rng):
    yield tuple(rng.normal(size=(3, 2, 2)))


@matmul_rule.check("matrices that are not square")
def not_square(rng):
    for n, k, m in ((2, 3, 1), (1, 4, 1)):
        yield rng.normal(size=(n, m)), rng.normal(size=(n, k)), rng.normal(size=(k, m))


@matmul_rule.mistake("the two are in the wrong order: that of a comes first")
def b_first(g, a, b):
    return a.T @ g, g @ b.T


@matmul_rule.mistake(
    "neither factor is transposed: on the way back each is, and a reshape does not do it"
)
def not_transposed(g, a, b):
    return g @ b, a @ g


@matmul_rule.mistake("the incoming gradient g is not used")
def without_g(g, a, b):
    ones = np.ones(g.shape)
    return ones @ b.T, a.T @ ones


@exercise(lesson=2, points=2)
def sum_to_shape(g, shape):
    """Undo broadcasting: sum the gradient g back to the shape of an input.

    NumPy stretched an input of this shape to g.shape: it put new axes in front, and repeated what
    was 1 long. Each element of the input gets the sum of the gradients of its copies.  shape is a
    tuple, () for a single number; the result is an array of that shape (or a number, for ()).
    """
    return unbroadcast(g, shape)


def to_tuple(f, g, shape):
    return f(g, tuple(shape))


def check_shapes(title, *shapes, hint=None):
    """A check of sum_to_shape with a g of the first shape of each pair, to be summed to the second.

    A sheet travels as JSON, which has no tuples: to_tuple makes one again.
    """

    def cases(rng):
        for stretched, shape in shapes:
            yield rng.normal(size=stretched), shape

    sum_to_shape.check(title, call=to_tuple, hint=hint)(cases)


check_shapes("nothing was stretched", ((2, 3), (2, 3)), ((1, 2), (1, 2)), ((), ()))
check_shapes(
    "new axes in front",
    ((3, 3), (3,)),
    ((2, 2, 2), (2,)),
    hint="shapes are aligned at their ends, so the new axes are the first ones",
)
check_shapes("an axis that was 1 long", ((3, 2), (3, 1)), ((2, 3), (1, 3)), ((2, 2), (1, 1)))
check_shapes("a single number", ((4,), ()), ((2, 3), ()))
check_shapes(
    "both at once",
    ((2, 3, 2), (3, 1)),
    ((2, 2, 2), (1, 2)),
    ((1, 3), (3,)),
    hint="take the axes in front away first: then both shapes have equally many",
)


@sum_to_shape.mistake("each copy has its share in the gradient: take their sum, not the first")
def first_copy(g, shape):
    g = g[(0,) * (g.ndim - len(shape))]
    return g[tuple(slice(1) if n == 1 else slice(None) for n in shape)]


@sum_to_shape.mistake("the copies' gradients are summed, not averaged")
def averaged(g, shape):
    return unbroadcast(g, shape) * (np.prod(shape) / g.size)


@sum_to_shape.mistake("it sums over the axes at the end; the new ones are in front")
def from_behind(g, shape):
    return g.sum(axis=tuple(range(len(shape), g.ndim)))


@sum_to_shape.mistake("only the new axes are summed over, not those that were 1 long")
def only_new_axes(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@sum_to_shape.mistake("an axis that was 1 long stays, with one element: keepdims=True")
def axis_lost(g, shape):
    lead = g.ndim - len(shape)
    return g.sum(axis=(*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1)))


@sum_to_shape.mistake("what was 1 long is looked for too early: first sum the new axes away")
def not_aligned(g, shape):
    stretched = tuple(axis for axis, n in enumerate(shape) if n == 1)
    g = g.sum(axis=stretched, keepdims=True)
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@exercise(lesson=2, points=4)
def backward_walk(parents, root):
    """Walk back through a graph: the derivative of root with respect to each node it is made of.

    parents is a dict with a key for every node, a string.  parents["c"] lists what c was made of:
    [["a", 2.0], ["b", -1.0]] says dc/da = 2 and dc/db = -1; a node made of nothing has []. The
    pairs of one parent that is listed twice add up, as for a * a. The keys are in any order.

    Return a dict: node -> d root / d node, for root (1.0) and all that it was made of, directly or
    not; leave out the others. Graphs may be deep, 20,000 nodes in a chain, and may have more paths
    than you can follow one by one: the work must grow with the number of pairs only.
    """
    values = {}
    names = {node: [parent for parent, _ in made_of] for node, made_of in parents.items()}
    for node in TopologicalSorter(names).static_order():
        values[node] = Tensor(1.0, requires_grad=True)
        if parents[node]:
            values[node] = sum(slope * values[parent] for parent, slope in parents[node])
            values[node].retain_grad()
    values[root].backward()
    back = reversed(values.items())
    return {node: value.grad.item() for node, value in back if value.grad is not None}


ONCE = "a node hands on its gradient once, when the shares of all that was made of it have come"


@backward_walk.check("a chain", hint="along a chain, the local derivatives multiply")
def chain(rng):
    yield {"b": [["a", 3.0]], "c": [["b", -0.5]], "a": []}, "c"
    yield {"a": []}, "a"


@backward_walk.check("a node used twice, with a short and a long way back to it", hint=ONCE)
def shortcut(rng):
    yield (
        {
            "d": [["b", 0.75], ["c", 3.0]],
            "a": [],
            "c": [["a", -0.5], ["b", 2.5]],
            "b": [["a", 1.5]],
        },
        "d",
    )
    yield {"d": [["c", 3.0], ["b", 0.75]], "b": [["a", 1.5]], "c": [["b", 2.5]], "a": []}, "d"


@backward_walk.check("the same parent twice")
def square_of_a_node(rng):
    yield {"square": [["x", 1.5], ["x", 1.5]], "x": [["w", -2.5]], "w": []}, "square"


@backward_walk.check("nodes that root is not made of")
def others_use_it(rng):
    yield {"loss": [["w", 1.5]], "metric": [["w", 3.0], ["v", 2.5]], "w": [], "v": []}, "loss"


def down_a_chain(f, length):
    nodes = {str(i): [[str(i - 1), 1.0001]] for i in range(length, 0, -1)}
    return f(nodes | {"0": []}, str(length))["0"]


@backward_walk.check(
    "the far end of a chain, each link with the derivative 1.0001", call=down_a_chain
)
def deep(rng):
    yield (20_000,)


def down_a_ladder(f, diamonds):
    nodes = {"0": []}
    for i in range(diamonds):
        nodes |= {f"left {i}": [[f"{i}", 0.7]], f"right {i}": [[f"{i}", 0.5]]}
        nodes[f"{i + 1}"] = [[f"left {i}", 1.5], [f"right {i}", 0.1]]
    return f(nodes, f"{diamonds}")["0"]


@backward_walk.check("the far end of a ladder of diamonds, one below the other", call=down_a_ladder)
def many_paths(rng):
    yield (40,)


# Mistakes that take exponential time must not be among these, for the grader runs them too.
@backward_walk.mistake("a later share replaces the earlier ones: the shares of a node add up")
def replaced(parents, root):
    slopes = {root: 1.0}
    names = {node: [parent for parent, _ in made_of] for node, made_of in parents.items()}
    for node in reversed([*TopologicalSorter(names).static_order()]):
        for parent, slope in parents[node] if node in slopes else []:
            slopes[parent] = slope * slopes[node]
    return slopes


@backward_walk.mistake("a parent that is listed twice counts twice: make no dict of the pairs")
def parent_counted_once(parents, root):
    once = {node: [*dict(made_of).items()] for node, made_of in parents.items()}
    return backward_walk.reference(once, root)


@exercise(lesson=3, points=2, gradient_of="x")
def central_difference(f, x, step):
    """The slope of f along each element of x, by central differences: an array of x's shape.

    f takes an array of x's shape and returns a number. For each element alone: its value a little
    to the right minus its value a little to the left, divided by their distance, where a little is
    `step`.  x is an array of floats of any shape, also (); leave it as it is.
    """
    slopes = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        aside = np.zeros(x.shape)
        aside[index] = step
        slopes[index] = (f(x + aside) - f(x - aside)) / (2 * step)
    return slopes


def of_formula(f, f_of_x, x, step):
    return f(eval(f"lambda x: {f_of_x}"), x, step)


EACH = "(f to the right - f to the left) / (2 step), where one element moves and the others stay"


@central_difference.check("three elements", call=of_formula, hint=EACH)
def vector(rng):
    yield "np.sin(x[0]) * x[1] + x[2] ** 3", np.array([0.5, -1.2, 0.8]), 0.1


@central_difference.check("a matrix, and a single number", call=of_formula, hint=EACH)
def other_shapes(rng):
    yield "np.exp(x[0, 0]) * x[0, 1] - x[1, 0] ** 3 * x[1, 1]", rng.normal(size=(2, 2)), 0.1
    yield "np.exp(x)", np.array(0.4), 0.2


@central_difference.mistake("it looks to one side only: take f(x - step) in place of f(x)")
def forward_difference(f, x, step):
    slopes = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        aside = np.zeros(x.shape)
        aside[index] = step
        slopes[index] = (f(x + aside) - f(x)) / step
    return slopes


@central_difference.mistake("the two points are 2 step apart: divide by that")
def divided_by_one_step(f, x, step):
    return 2 * central_difference.reference(f, x, step)


@central_difference.mistake("it takes a step of its own: the step is given")
def own_step(f, x, step):
    return central_difference.reference(f, x, 1e-5)


@central_difference.mistake("both points are the same: `a = x` makes no copy, x.copy() does")
def no_copy(f, x, step):
    return np.zeros(x.shape)


@central_difference.mistake("all elements move together: one at a time")
def all_at_once(f, x, step):
    return (f(x + step) - f(x - step)) / (2 * step)


@central_difference.mistake("an element that has moved is not put back before the next one moves")
def not_put_back(f, x, step):
    slopes, right, left = np.zeros(x.shape), x.copy(), x.copy()
    for index in np.ndindex(x.shape):
        right[index] += step
        left[index] -= step
        slopes[index] = (f(right) - f(left)) / (2 * step)
    return slopes


@central_difference.mistake(
    "a whole row moves at once: np.ndindex(x.shape) goes element by element"
)
def row_by_row(f, x, step):
    slopes = np.zeros(x.shape)
    for i in range(len(x)):
        aside = np.zeros(x.shape)
        aside[i] = step
        slopes[i] = (f(x + aside) - f(x - aside)) / (2 * step)
    return slopes


@exercise(lesson=4, points=2)
def log_sum_exp(x):
    """log(sum(exp(x))) along the last axis, of numbers of any size: shape (..., n) to (...).

    The result is right to its last digits where exp(x) would overflow, or vanish.  x may hold -inf,
    whose exponential is 0; where all are -inf, the result is -inf.
    """
    return logsumexp(x, axis=-1)


LARGEST = "take the largest number of each row out: exp(x - largest) cannot overflow"


@log_sum_exp.check("small numbers")
def small(rng):
    yield (rng.normal(size=3),)
    yield (rng.normal(size=(2, 3)),)


@log_sum_exp.check("large numbers, and far below 0", hint=LARGEST)
def large(rng):
    yield (np.array([1000.0, 1001.0, 999.5]),)
    yield (np.array([-1000.0, -1001.0, -999.5]),)


@log_sum_exp.check("rows that are far apart", hint=LARGEST)
def rows_apart(rng):
    yield (np.array([[1000.0, 1001.0], [-1000.0, -1000.5], [0.3, -0.2]]),)


@log_sum_exp.check("some -inf", hint="-inf - (-inf) is nan")
def impossible(rng):
    yield (np.array([0.5, -np.inf, 1.5]),)
    yield (np.array([[-np.inf, -np.inf], [0.5, 1.5]]),)


@log_sum_exp.mistake("one largest number is taken out of all rows: each row has its own")
def one_for_all(x):
    return np.log(np.sum(np.exp(x - x.max()), axis=-1)) + x.max()


@log_sum_exp.mistake("the largest number, taken out of the sum, is not added back")
def not_added_back(x):
    return logsumexp(x, axis=-1) - x.max(axis=-1)


@log_sum_exp.mistake("the last axis is left with one element: keep it for the subtraction only")
def axis_stays(x):
    return logsumexp(x, axis=-1, keepdims=True)


@exercise(lesson=5, points=4)
def network_gradients(X, labels, W1, b1, W2, b2):
    """The gradients of a network's loss for W1, b1, W2 and b2, in this order, without backward.

    X has shape (N, D), W1 (D, H), b1 (H,), W2 (H, C), b2 (C,); labels has shape (N,) and holds the
    number of the true class of each row of X, from 0 to C - 1. The network computes

        A = X W1 + b1,  hidden = max(0, A),  scores = hidden W2 + b2,  p = softmax of each row

    and its loss is the mean over the rows of -log p[label]. The gradient for the scores is
    (p - 1 at the label) / N; a hidden unit passes its gradient on where A > 0. Each result has the
    shape of what it belongs to.
    """
    W1, b1, W2, b2 = (Tensor(a, requires_grad=True) for a in (W1, b1, W2, b2))
    loss = cross_entropy(relu(X @ W1 + b1) @ W2 + b2, labels)
    return grad(loss, [W1, b1, W2, b2])


def a_network(rng, N, D, H, C):
    """Arguments of network_gradients. Every hidden unit is on for some rows and off for others."""
    X = rng.normal(size=(N, D))
    W1 = rng.normal(size=(D, H))
    b1 = -np.median(X @ W1, axis=0) - 0.1
    return X, rng.integers(C, size=N), W1, b1, rng.normal(size=(H, C)), rng.normal(size=C)


@network_gradients.check("a few rows")
def few_rows(rng):
    yield a_network(rng, N=4, D=3, H=2, C=3)
    yield a_network(rng, N=5, D=2, H=4, C=3)


@network_gradients.check(
    "scores of 1000 and more", hint="subtract the largest score of each row before exp"
)
def large_scores(rng):
    X, labels, W1, b1, W2, b2 = a_network(rng, N=4, D=3, H=2, C=3)
    yield X, labels, W1, b1, W2, b2 + np.array([1000.0, 1001.0, 999.5])


def by_hand(X, labels, W1, b1, W2, b2, *, count=True, gate=True, truth=True, axis=1):
    """The four gradients, without what is switched off: for the mistakes below."""
    A = X @ W1 + b1
    hidden = np.maximum(A, 0)
    scores = hidden @ W2 + b2
    p = np.exp(scores - scores.max(axis=axis, keepdims=True))
    p /= p.sum(axis=axis, keepdims=True)
    if truth:
        p[np.arange(len(X)), labels] -= 1
    G = p / len(X) if count else p
    passed = (G @ W2.T) * (A > 0) if gate else G @ W2.T
    return X.T @ passed, passed.sum(axis=0), hidden.T @ G, G.sum(axis=0)


@network_gradients.mistake("the loss is a mean over the rows: divide by N")
def not_divided(*given):
    return by_hand(*given, count=False)


@network_gradients.mistake("hidden units that are off pass their gradient on: multiply by A > 0")
def no_gate(*given):
    return by_hand(*given, gate=False)


@network_gradients.mistake("the 1 is not subtracted from p at the label")
def no_truth(*given):
    return by_hand(*given, truth=False)


@network_gradients.mistake("softmax sums over the classes of a row, not over the rows")
def softmax_by_column(*given):
    return by_hand(*given, axis=0)


@network_gradients.mistake("a bias is added to every row: sum its gradient over the rows, no mean")
def bias_averaged(X, *rest):
    dW1, db1, dW2, db2 = by_hand(X, *rest)
    return dW1, db1 / len(X), dW2, db2 / len(X)


@network_gradients.mistake("the gradient for W2 needs hidden, after the max, not A before it")
def before_the_max(X, labels, W1, b1, W2, b2):
    dW1, db1, _, db2 = by_hand(X, labels, W1, b1, W2, b2)
    A = X @ W1 + b1
    p = np.exp(np.maximum(A, 0) @ W2 + b2)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(X)), labels] -= 1
    return dW1, db1, A.T @ (p / len(X)), db2


@network_gradients.mistake("the second layer comes first: the order is W1, b1, W2, b2")
def last_layer_first(*given):
    dW1, db1, dW2, db2 = by_hand(*given)
    return dW2, db2, dW1, db1
