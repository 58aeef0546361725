"""Sheet 1: right answers, and mistakes as students make them."""

import numpy as np

from .planted import mistake


def tanh_rule(g, y, x):
    return g * (1 - y * y)


@mistake(tanh_rule, "misses the factor g, the incoming gradient")
def tanh_without_g(g, y, x):
    return 1 - y**2


@mistake(tanh_rule, "take no second tanh")
def tanh_of_tanh(g, y, x):
    return g * (1 - np.tanh(y) ** 2)


@mistake(tanh_rule, "of y = tanh(x), not of x")
def square_of_x(g, y, x):
    return g * (1 - np.square(x))


@mistake(tanh_rule, "the sign is flipped")
def tanh_upside_down(g, y, x):
    return g * (y**2 - 1)


@mistake(tanh_rule, "belongs to the sigmoid")
def taken_for_a_sigmoid(g, y, x):
    return g * y * (1 - y)


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


@mistake(matmul_rule, "neither factor is transposed")
def transposes_forgotten(g, a, b):
    return np.dot(g, b), np.dot(a, g)


@mistake(matmul_rule, "the wrong order")
def gradient_of_b_first(g, a, b):
    return [np.matmul(a.T, g), np.matmul(g, b.T)]


@mistake(matmul_rule, "it is transposed")
def transposed_result(g, a, b):
    return b @ g.T, a.T @ g


@mistake(matmul_rule, "multiply by g[i, j] and sum")
def one_transpose_forgotten(g, a, b):
    return g @ b, a.T @ g


@mistake(matmul_rule, "a reshape does not do it")
def reshape_for_transpose(g, a, b):
    (n, k), m = a.shape, b.shape[1]
    return g @ b.reshape(m, k), a.reshape(k, n) @ g


@mistake(matmul_rule, "g is not used")
def gradient_of_ones(g, a, b):
    return np.ones_like(g) @ b.T, a.T @ np.ones_like(g)


@mistake(matmul_rule, "inhomogeneous shape")
def both_in_one_array(g, a, b):
    return np.array([g @ b.T, a.T @ g])


def sum_to_shape(g, shape):
    while np.ndim(g) > len(shape):
        g = np.sum(g, axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            g = np.sum(g, axis=axis, keepdims=True)
    return g


@mistake(sum_to_shape, "the new ones are in front")
def last_axes_summed(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=-1)
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


@mistake(sum_to_shape, "summed, not averaged")
def mean_of_the_copies(g, shape):
    while g.ndim > len(shape):
        g = g.mean(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.mean(axis=axis, keepdims=True)
    return g


@mistake(sum_to_shape, "not those that were 1 long")
def only_the_new_axes(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@mistake(sum_to_shape, "stays, with one element: keepdims=True")
def ones_lost(g, shape):
    lead = g.ndim - len(shape)
    return g.sum(axis=tuple(range(lead)) + tuple(np.flatnonzero(np.array(shape) == 1) + lead))


@mistake(sum_to_shape, "not the first")
def first_row(g, shape):
    while g.ndim > len(shape):
        g = g[0]
    for axis, n in enumerate(shape):
        if n == 1:
            g = np.take(g, [0], axis=axis)
    return g


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


@mistake(backward_walk, "when the shares of all that was made of it have come")
def breadth_first(parents, root):
    slopes, queue = {root: 1.0}, [root]
    for node in queue:
        for parent, slope in parents[node]:
            if parent not in slopes:
                slopes[parent] = 0.0
                queue.append(parent)
            slopes[parent] += slope * slopes[node]
    return slopes


@mistake(backward_walk, "when the shares of all that was made of it have come")
def depth_first(parents, root):
    slopes, stack, done = {root: 1.0}, [root], set()
    while stack:
        node = stack.pop()
        if node not in done:
            done.add(node)
            for parent, slope in parents[node]:
                slopes[parent] = slopes.get(parent, 0.0) + slope * slopes[node]
                stack.append(parent)
    return slopes


@mistake(backward_walk, "the shares of a node add up")
def overwritten(parents, root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent, _ in parents[node]:
                visit(parent)
            order.append(node)

    visit(root)
    slopes = {root: 1.0}
    for node in reversed(order):
        for parent, slope in parents[node]:
            slopes[parent] = slope * slopes[node]
    return slopes


@mistake(backward_walk, "make no dict of the pairs")
def pairs_in_a_dict(parents, root):
    def derivative(node):
        if node == root:
            return 1.0
        return sum(dict(parents[n])[node] * derivative(n) for n in above(node))

    def above(node):
        return [n for n in reach() if node in dict(parents[n])]

    def reach():
        found = [root]
        for n in found:
            found += [p for p in dict(parents[n]) if p not in found]
        return found

    return {node: derivative(node) for node in reach()}


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


@mistake(backward_walk, "a dict with the keys 'loss', 'w' is asked for")
def waits_for_outsiders(parents, root):
    uses = dict.fromkeys(parents, 0)
    for made_of in parents.values():
        for parent, _ in made_of:
            uses[parent] += 1
    slopes, ready = {root: 1.0}, [root]
    shares = dict.fromkeys(parents, 0.0)
    while ready:
        node = ready.pop()
        for parent, slope in parents[node]:
            shares[parent] += slope * slopes[node]
            uses[parent] -= 1
            if uses[parent] == 0:
                slopes[parent] = shares[parent]
                ready.append(parent)
    return slopes


@mistake(backward_walk, "it changes parents in place")
def parents_used_up(parents, root):
    uses, found = {root: 0}, [root]
    for node in found:
        for parent, _ in parents[node]:
            found += [parent] if parent not in uses else []
            uses[parent] = uses.get(parent, 0) + 1
    slopes, ready = dict.fromkeys(found, 0.0), [root]
    slopes[root] = 1.0
    while ready:
        node = ready.pop()
        while parents[node]:
            parent, slope = parents[node].pop()
            slopes[parent] += slope * slopes[node]
            uses[parent] -= 1
            ready += [parent] * (uses[parent] == 0)
    return slopes


def central_difference(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += step
        left[i] -= step
        slopes[i] = (f(right) - f(left)) / (2 * step)
    return slopes


@mistake(central_difference, "it looks to one side only")
def to_the_right(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        right = x.copy()
        right[i] += step
        slopes[i] = (f(right) - f(x)) / step
    return slopes


@mistake(central_difference, "the two points are 2 step apart")
def divided_by_step(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += step
        left[i] -= step
        slopes[i] = (f(right) - f(left)) / step
    return slopes


@mistake(central_difference, "it is 0.01 times what it should be")
def parentheses_forgotten(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += step
        left[i] -= step
        slopes[i] = (f(right) - f(left)) / 2 * step
    return slopes


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


@mistake(central_difference, "is not put back")
def not_moved_back(f, x, step):
    slopes = np.zeros_like(x)
    right, left = x.copy(), x.copy()
    for i in np.ndindex(x.shape):
        right[i] += step
        left[i] -= step
        slopes[i] = (f(right) - f(left)) / (2 * step)
    return slopes


@mistake(central_difference, "a whole row moves at once")
def rows_moved(f, x, step):
    slopes = np.zeros_like(x)
    for i in range(len(x)):
        right, left = x.copy(), x.copy()
        right[i] += step
        left[i] -= step
        slopes[i] = (f(right) - f(left)) / (2 * step)
    return slopes


@mistake(central_difference, "the step is given")
def step_of_its_own(f, x, step):
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += 1e-5
        left[i] -= 1e-5
        slopes[i] = (f(right) - f(left)) / 2e-5
    return slopes


def log_sum_exp(x):
    largest = np.max(x, axis=-1, keepdims=True)
    largest = np.where(largest == -np.inf, 0, largest)
    return np.log(np.exp(x - largest).sum(axis=-1)) + largest[..., 0]


@mistake(log_sum_exp, "take the largest number of each row out")
def log_of_overflow(x):
    return np.log(np.exp(x).sum(axis=-1))


@mistake(log_sum_exp, "each row has its own")
def one_maximum(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m), axis=-1))


@mistake(log_sum_exp, "is not added back")
def maximum_lost(x):
    return np.log(np.sum(np.exp(x - np.max(x, axis=-1, keepdims=True)), axis=-1))


@mistake(log_sum_exp, "do not sum over the elements")
def summed_over_all(x):
    return np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))


@mistake(log_sum_exp, "the last axis is left with one element")
def axis_kept(x):
    m = np.max(x, axis=-1, keepdims=True)
    return m + np.log(np.sum(np.exp(x - m), axis=-1, keepdims=True))


@mistake(log_sum_exp, "-inf - (-inf) is nan")
def nothing_but_minus_infinity(x):
    m = np.max(x, axis=-1, keepdims=True)
    return m[..., 0] + np.log(np.sum(np.exp(x - m), axis=-1))
