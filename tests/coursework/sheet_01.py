"""Sheet 1: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake, slip


def mse_slopes(x, y, a, b):
    error = a * x + b - y
    return 2 * np.mean(error * x), 2 * np.mean(error)


slopes_halved = slip(
    mse_slopes,
    "factor 2 of the square's derivative",
    ("2 * np.mean(error * x), 2 *", "np.mean(error * x), 1 *"),
)
slopes_turned = slip(mse_slopes, "turns both signs", ("a * x + b - y", "y - (a * x + b)"))
slopes_summed = slip(
    mse_slopes,
    "summed, not averaged",
    ("2 * np.mean(error * x), 2 * np.mean(error)", "2 * error @ x, 2 * error.sum()"),
)
slopes_swapped = slip(
    mse_slopes,
    "that for a comes first",
    ("2 * np.mean(error * x), 2 * np.mean(error)", "2 * np.mean(error), 2 * np.mean(x * error)"),
)
slopes_without_x = slip(mse_slopes, "changes with a by x", ("error * x", "error"))
slopes_of_means = slip(
    mse_slopes, "not mean times mean", ("np.mean(error * x)", "np.mean(error) * np.mean(x)")
)


def tanh_rule(g, y, x):
    return g * (1 - y * y)


tanh_without_g = slip(tanh_rule, "misses the factor g, the incoming gradient", ("g * ", ""))
tanh_of_tanh = slip(tanh_rule, "take no second tanh", ("y * y", "np.tanh(y) ** 2"))
square_of_x = slip(tanh_rule, "of y = tanh(x), not of x", ("y * y", "x * x"))
tanh_upside_down = slip(tanh_rule, "the sign is flipped", ("1 - y * y", "y * y - 1"))
taken_for_a_sigmoid = slip(tanh_rule, "belongs to the sigmoid", ("(1 - y * y)", "y * (1 - y)"))


@mistake(tanh_rule, "changes g in place")
def tanh_in_place(g, y, x):
    g *= 1 - y**2
    return g


@mistake(tanh_rule, "no exponential is needed")
def tanh_overflows(g, y, x):
    t = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    return g * (1 - t**2)


def matmul_rule(g, a, b):
    return g @ b.T, a.T @ g


transposes_forgotten = slip(matmul_rule, "neither factor is transposed", ("b.T", "b"), ("a.T", "a"))
gradient_of_b_first = slip(
    matmul_rule, "the wrong order", ("g @ b.T, a.T @ g", "[a.T @ g, g @ b.T]")
)
transposed_result = slip(matmul_rule, "it is transposed", ("g @ b.T", "b @ g.T"))
one_transpose_forgotten = slip(matmul_rule, "multiply by g[i, j] and sum", ("b.T", "b"))
reshape_for_transpose = slip(
    matmul_rule,
    "a reshape does not do it",
    ("b.T", "b.reshape(b.shape[::-1])"),
    ("a.T", "a.reshape(a.shape[::-1])"),
)
gradient_of_ones = slip(matmul_rule, "g is not used", ("return", "g = np.ones_like(g)\n    return"))
both_in_one_array = slip(
    matmul_rule, "inhomogeneous shape", ("g @ b.T, a.T @ g", "np.array([g @ b.T, a.T @ g])")
)


def sum_to_shape(g, shape):
    while np.ndim(g) > len(shape):
        g = np.sum(g, axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            g = np.sum(g, axis=axis, keepdims=True)
    return g


last_axes_summed = slip(sum_to_shape, "the new ones are in front", ("axis=0", "axis=-1"))
mean_of_the_copies = slip(
    sum_to_shape,
    "summed, not averaged",
    ("np.sum(g, axis=0)", "np.mean(g, axis=0)"),
    ("np.sum(g, axis=axis", "np.mean(g, axis=axis"),
)
first_row = slip(
    sum_to_shape,
    "not the first",
    ("np.sum(g, axis=0)", "g[0]"),
    ("np.sum(g, axis=axis, keepdims=True)", "np.take(g, [0], axis=axis)"),
)


@mistake(sum_to_shape, "not those that were 1 long")
def only_the_new_axes(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@mistake(sum_to_shape, "stays, with one element: keepdims=True")
def ones_lost(g, shape):
    lead = g.ndim - len(shape)
    return g.sum(axis=tuple(range(lead)) + tuple(np.flatnonzero(np.array(shape) == 1) + lead))


@mistake(sum_to_shape, "first sum the new axes away")
def not_aligned(g, shape):
    if shape == ():
        return g.sum()
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=axis, keepdims=True)
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g


def backward_walk(parents, root):
    uses, found = {root: 0}, [root]
    for node in found:
        for parent, _ in parents[node]:
            if parent not in uses:
                uses[parent] = 0
                found.append(parent)
            uses[parent] += 1
    slopes, ready = dict.fromkeys(found, 0.0), [root]
    slopes[root] = 1.0
    while ready:
        node = ready.pop()
        for parent, slope in parents[node]:
            slopes[parent] += slope * slopes[node]
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return slopes


breadth_first = slip(
    backward_walk,
    "when the shares of all that was made of it have come",
    ("while ready:\n        node = ready.pop()", "for node in found:"),
)
depth_first = slip(
    backward_walk,
    "when the shares of all that was made of it have come",
    ("uses[parent] += 1", "uses[parent] = 1"),
)
overwritten = slip(
    backward_walk, "the shares of a node add up", ("slopes[parent] +=", "slopes[parent] =")
)
pairs_in_a_dict = slip(
    backward_walk,
    "make no dict of the pairs",
    ("for parent, _ in parents[node]", "for parent in dict(parents[node])"),
    ("slope in parents[node]", "slope in dict(parents[node]).items()"),
)
waits_for_outsiders = slip(
    backward_walk,
    "a dict with the keys 'loss', 'w' is asked for",
    ("for node in found", "for node in parents"),
    ("return slopes", "return {node: slopes[node] for node in found if uses[node] == 0}"),
)
parents_used_up = slip(
    backward_walk,
    "it changes parents in place",
    (
        "for parent, slope in parents[node]:",
        "while parents[node]:\n            parent, slope = parents[node].pop()",
    ),
)


@mistake(backward_walk, "hands on its gradient once")
def hands_on_at_each_visit(parents, root):
    slopes = {root: 1.0}

    def visit(node):
        for parent, slope in parents[node]:
            slopes[parent] = slopes.get(parent, 0.0) + slope * slopes[node]
        for parent in {parent for parent, _ in parents[node]}:
            visit(parent)

    visit(root)
    return slopes


@mistake(backward_walk, "use a loop")
def recursion_too_deep(parents, root):
    slopes = {}

    def visit(node, share):
        slopes[node] = slopes.get(node, 0.0) + share
        for parent, slope in parents[node]:
            visit(parent, slope * share)

    visit(root, 1.0)
    return slopes


@mistake(backward_walk, "work that doubles with each step")
def path_by_path(parents, root):
    slopes, stack = {}, [(root, 1.0)]
    while stack:
        node, share = stack.pop()
        slopes[node] = slopes.get(node, 0.0) + share
        stack.extend((parent, slope * share) for parent, slope in parents[node])
    return slopes


def central_difference(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += step
        left[i] -= step
        slopes[i] = (f(right) - f(left)) / (2 * step)
    return slopes


to_the_right = slip(
    central_difference,
    "it looks to one side only",
    ("f(left)", "f(x)"),
    ("(2 * step)", "step"),
)
divided_by_step = slip(
    central_difference, "the two points are 2 step apart", ("(2 * step)", "step")
)
parentheses_forgotten = slip(
    central_difference, "it is 0.01 times what it should be", ("(2 * step)", "2 * step")
)
not_moved_back = slip(
    central_difference,
    "is not put back",
    ("        right, left = x.copy(), x.copy()\n", ""),
    ("    for", "    right, left = x.copy(), x.copy()\n    for"),
)
rows_moved = slip(
    central_difference, "a whole row moves at once", ("np.ndindex(x.shape)", "range(len(x))")
)
step_of_its_own = slip(
    central_difference, "the step is given", ("slopes =", "step = 1e-5\n    slopes =")
)


@mistake(central_difference, "it changes x in place")
def moved_for_good(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += step
        right = f(x)
        x[i] -= 2 * step
        slopes[i] = (right - f(x)) / (2 * step)
    return slopes


@mistake(central_difference, "all elements move together")
def whole_array_moved(f, x, step):
    return (f(x + step) - f(x - step)) / (2 * step)


def log_sum_exp(x):
    largest = np.max(x, axis=-1, keepdims=True)
    largest = np.where(largest == -np.inf, 0, largest)
    return np.log(np.exp(x - largest).sum(axis=-1)) + largest[..., 0]


one_maximum = slip(log_sum_exp, "each row has its own", ("axis=-1, keepdims=True", "keepdims=True"))
maximum_lost = slip(log_sum_exp, "is not added back", (" + largest[..., 0]", ""))
axis_kept = slip(
    log_sum_exp,
    "the last axis is left with one element",
    ("sum(axis=-1)", "sum(axis=-1, keepdims=True)"),
    ("[..., 0]", ""),
)
nothing_but_minus_infinity = slip(
    log_sum_exp, "-inf - (-inf) is nan", ("np.where(largest == -np.inf, 0, largest)", "largest")
)


@mistake(log_sum_exp, "take the largest number of each row out")
def log_of_overflow(x):
    return np.log(np.exp(x).sum(axis=-1))


@mistake(log_sum_exp, "do not sum over the elements")
def summed_over_all(x):
    return np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))


def network_gradients(X, labels, W1, b1, W2, b2):
    A = X @ W1 + b1
    hidden = np.maximum(A, 0)
    scores = hidden @ W2 + b2
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    G = (p - np.eye(len(b2))[labels]) / len(X)
    GA = (G @ W2.T) * (A > 0)
    return X.T @ GA, GA.sum(axis=0), hidden.T @ G, G.sum(axis=0)


rows_summed = slip(network_gradients, "divide by N", (" / len(X)", ""))
gate_left_open = slip(network_gradients, "multiply by A > 0", (" * (A > 0)", ""))
label_ignored = slip(network_gradients, "is not subtracted", (" - np.eye(len(b2))[labels]", ""))
columns_normalised = slip(
    network_gradients,
    "not over the rows",
    ("p.sum(axis=1", "p.sum(axis=0"),
    ("max(axis=1", "max(axis=0"),
)
mean_of_bias = slip(
    network_gradients,
    "no mean",
    ("GA.sum(axis=0)", "GA.mean(axis=0)"),
    (" G.sum(axis=0)", " G.mean(axis=0)"),
)
hidden_before_the_max = slip(network_gradients, "not A before it", ("hidden.T @ G", "A.T @ G"))
layers_swapped = slip(
    network_gradients,
    "the order is W1, b1, W2, b2",
    (
        "X.T @ GA, GA.sum(axis=0), hidden.T @ G, G.sum(axis=0)",
        "hidden.T @ G, G.sum(axis=0), X.T @ GA, GA.sum(axis=0)",
    ),
)
scores_overflow = slip(
    network_gradients,
    "subtract the largest score of each row",
    (" - scores.max(axis=1, keepdims=True)", ""),
)
bias_not_summed = slip(network_gradients, "an axis is not summed over", ("GA.sum(axis=0)", "GA"))
