"""Lesson 2. Backpropagation

Backpropagation tells how fast the loss changes with each parameter of a network: for all of them at
once, exactly, and for the price of a few evaluations of the loss. In lesson 1, backward() did that
for two parameters; a network has millions, and training asks again at every step. All of it is the
chain rule, applied from the loss backwards (Rumelhart, Hinton and Williams 1986; the method itself
is Linnainmaa's, 1970). A first attempt goes wrong in three places: the order, the shapes, the cost.
"""

import time
import timeit
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, derivation, no_grad
from microloss.nn import MLP, Tanh

rng = begin()

# %% A chain of local slopes

say("""
A neuron with the weight w and the bias b sees the number x, and its answer should be y. It computes
z = w x + b and p = tanh(z), and its loss is (p - y)². Each step has a local slope: how fast its
result changes with its input. The chain rule multiplies local slopes, from the loss backwards.
""")
formula(
    """
    dloss/dp = 2 (p - y)                   the square
    dloss/dz = dloss/dp * (1 - p²)         tanh
    dloss/dw = dloss/dz * x                the product
    dloss/db = dloss/dz                    the sum
    """,
    tex=r"""
    \begin{aligned}
    \frac{\partial \ell}{\partial p} &= 2\,(p - y) \\
    \frac{\partial \ell}{\partial z} &= \frac{\partial \ell}{\partial p}\,(1 - p^2) \\
    \frac{\partial \ell}{\partial w} &= \frac{\partial \ell}{\partial z}\,x, \qquad
    \frac{\partial \ell}{\partial b} = \frac{\partial \ell}{\partial z}
    \end{aligned}
    """,
)
x, y = 0.5, 1.0
w = Tensor(2.0, requires_grad=True)
b = Tensor(-0.5, requires_grad=True)
z = w * x + b  # every Tensor remembers what it was made of: that is the graph
p = np.tanh(z)
loss = (p - y) ** 2
z.retain_grad()  # without this, only w and b keep their gradients: they are what we can change
p.retain_grad()

say("The engine can write the same steps out, in its own words:")
print("", derivation(loss, {"w": w, "b": b, "z": z, "p": p, "loss": loss}), sep="\n")

loss.backward()
dp = 2 * (p.item() - y)
dz = dp * (1 - p.item() ** 2)
by_hand = {"p": dp, "z": dz, "w": dz * x, "b": dz}
by_engine = {"p": p.grad, "z": z.grad, "w": w.grad, "b": b.grad}
table(
    ["gradient for", "by hand", "backward()"],
    [[name, f"{by_hand[name]:.8f}", f"{by_engine[name]:.8f}"] for name in by_hand],
)
gap = max(abs(by_engine[name] / by_hand[name] - 1) for name in by_hand)
claim(
    "The four gradients of the neuron, derived by hand, equal those of backward()",
    gap < 1e-14,
    f"relative gap {gap:.0e}",
)

# %% The order

made = []  # every Node, the oldest first


class Node:
    """A number, the parts that it was made of, and its slope with respect to each."""

    def __init__(self, value, *parts):
        self.value = value
        self.parts = parts
        self.grad = 0.0
        made.append(self)

    def __add__(self, other):
        return Node(self.value + other.value, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other.value), (other, self.value))

    def hand_on(self):
        """The chain rule. The shares of a part that is used more than once add up."""
        for part, slope in self.parts:
            part.grad += slope * self.grad


def square_plus_cube(a):
    b = a * a
    c = b * a
    return b + c  # a² + a³


def recursion(node):
    node.hand_on()
    for part, _ in node.parts:
        recursion(part)


predict("""
    An engine is little more than the class Node in this cell. The simplest way back is a recursion:
    give my parts their shares of my gradient, then let each part do the same. Follow it with pencil
    and paper for a = 2, b = a * a, c = b * a, d = b + c, from the gradient 1 at d. It visits b
    twice, from d and from c. As d = a² + a³, the right answer is dd/da = 2 a + 3 a² = 16. What does
    the recursion find?
""")

# %% Why it must be a topological order

a = Node(2.0)
d = square_plus_cube(a)
d.grad = 1.0
recursion(d)
claim(
    "The plain recursion finds a wrong gradient of a² + a³ at a = 2",
    a.grad == 20,
    f"{a.grad:.0f}, not 16",
)
say("""
On its second visit, b has the shares of both d and c, and hands on both, though it had handed on
that of d before. A number must hand on its gradient once, after all its shares have come. An order
in which everything comes before the parts that it was made of is called a topological order of the
graph. Here it costs nothing: whatever uses a number was made later. So go from the youngest to the
oldest.
""")
for node in made:
    node.grad = 0.0
d.grad = 1.0
for node in reversed(made):
    node.hand_on()
tensor = Tensor(2.0, requires_grad=True)
square_plus_cube(tensor).backward()
claim(
    "In topological order, youngest first, the gradient is right; backward() finds the same",
    a.grad == tensor.grad == 16,
    f"{a.grad:.0f} and {tensor.grad:.0f}",
)

# %% A layer: matrices

say("""
A layer of a network handles many numbers at once: N examples with D numbers each give N answers of
M numbers each. X has the shape (N, D), the weight matrix W has (D, M), the bias b has (M,), and the
loss is some number computed from Y = X W + b. Let G be the gradient for Y: G[i, j] is
dloss/dY[i, j], so G has the shape of Y, (N, M). The element W[k, j] is used in every Y[i, j] of its
column, with the slope X[i, k]. As for the Node, the shares add up; here the sum over all of them is
a matrix product.
""")
formula(
    """
    Y[i, j]        = sum over k of X[i, k] W[k, j]  +  b[j]
    dloss/dW[k, j] = sum over i of X[i, k] G[i, j]    so  dW = Xᵀ G  (D, N) (N, M) -> (D, M)
    dloss/dX[i, k] = sum over j of G[i, j] W[k, j]    so  dX = G Wᵀ  (N, M) (M, D) -> (N, D)
    dloss/db[j]    = sum over i of G[i, j]            so  db = sum of the rows of G -> (M,)
    """,
    tex=r"""
    \begin{aligned}
    Y_{ij} &= \sum_k X_{ik} W_{kj} + b_j \\
    \frac{\partial \ell}{\partial W_{kj}} &= \sum_i X_{ik}\, G_{ij}
      &&\Rightarrow\ \underset{D \times M}{dW} = X^{\top} G \\
    \frac{\partial \ell}{\partial X_{ik}} &= \sum_j G_{ij}\, W_{kj}
      &&\Rightarrow\ \underset{N \times D}{dX} = G\, W^{\top} \\
    \frac{\partial \ell}{\partial b_j} &= \sum_i G_{ij}
      &&\Rightarrow\ \underset{M}{db} = \text{sum of the rows of } G
    \end{aligned}
    """,
)
predict("""
    Four patients (N = 4), three measurements each (D = 3), two answers each (M = 2). What are the
    shapes of the gradients for X, W and b? Each must have the shape of what it belongs to: a step
    subtracts it. Which of `X.T @ G`, `G @ X.T` and `X @ G.T` can be dW at all?
""")

# %% Shapes, and what was broadcast

N, D, M = 4, 3, 2
X = Tensor(rng.normal(size=(N, D)), requires_grad=True)
W = Tensor(rng.normal(size=(D, M)), requires_grad=True)
b = Tensor(rng.normal(size=M), requires_grad=True)
target = rng.normal(size=(N, M))
Y = X @ W + b  # NumPy repeats b in every row: it broadcasts b to the shape (N, M)
loss = ((Y - target) ** 2).sum()
loss.backward()

G = 2 * (Y.data - target)
by_hand = {"X": G @ W.data.T, "W": X.data.T @ G, "b": G.sum(axis=0)}
by_engine = {"X": X.grad, "W": W.grad, "b": b.grad}
table(
    ["gradient for", "shape", "largest difference"],
    [
        [name, by_engine[name].shape, f"{np.abs(by_engine[name] - by_hand[name]).max():.0e}"]
        for name in by_hand
    ],
)
claim(
    "The matrix rules for Y = X W + b equal backward() in shape and in every element",
    all(
        by_engine[name].shape == by_hand[name].shape
        and np.allclose(by_engine[name], by_hand[name], rtol=1e-12, atol=1e-12)
        for name in by_hand
    ),
    "X, W and b",
)


def loss_of_bias(bias):
    """The loss with everything else as it is."""
    return ((X.data @ W.data + bias - target) ** 2).sum()


step = 1e-3
summed = b.data - step * G.sum(axis=0)
first_row_only = b.data - step * G[0]
predicted_fall = step * (G.sum(axis=0) ** 2).sum()
fall = loss_of_bias(b.data) - loss_of_bias(summed)
claim(
    "With the gradient summed over the rows, a small step of b lowers the loss as much as the "
    "slope predicts, within 1 percent",
    abs(fall / predicted_fall - 1) < 0.01,
    f"{fall / predicted_fall:.4f} of it; with the first row only "
    f"{(loss_of_bias(b.data) - loss_of_bias(first_row_only)) / predicted_fall:.2f}",
)
say(f"""
Without the sum there is no error message either: b - step * G has the shape {(b.data - G).shape},
and the layer silently has four biases for each answer.
""")

# %% The cost in time

predict("""
    Without backpropagation, we could nudge each parameter a little and see what the loss does. For
    P parameters that takes P + 1 evaluations of the loss. How many evaluations does the time for
    loss and backward() together correspond to?
""")

# %% The cost in time, measured

inputs = rng.normal(size=(16, 10))
targets = rng.normal(size=(16, 1))


def loss_of(model):
    return np.mean((model(inputs) - targets) ** 2)


def seconds(task):
    """Processor time of the fastest of many runs: other programs can only add time."""
    return min(timeit.repeat(task, number=1, repeat=60, timer=time.process_time))


def price(model):
    """Time for the loss and all its gradients, in evaluations of the loss."""
    with no_grad():  # only evaluate: record no graph
        once = seconds(lambda: loss_of(model))
    both = seconds(lambda: loss_of(model).backward())
    return both / once


DEPTHS = (1, 4, 16, 64)
models = [MLP(10, *[16] * depth, 1, rng=rng, activation=Tanh) for depth in DEPTHS]
parameters = [sum(p.size for p in model.parameters()) for model in models]
prices = [price(model) for model in models]


def memory(model, record):
    """Bytes that are held, at most, while the loss is computed."""
    tracemalloc.start()
    if record:
        loss_of(model)
    else:
        with no_grad():
            loss_of(model)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


kept = [memory(model, record=True) for model in models]
not_kept = [memory(model, record=False) for model in models]
table(
    ["layers", "parameters", "nudging", "backward()", "memory (KB)", "without a graph (KB)"],
    [
        [depth, count, count + 1, f"{cost:.1f}", f"{graph / 1024:.0f}", f"{bare / 1024:.0f}"]
        for depth, count, cost, graph, bare in zip(DEPTHS, parameters, prices, kept, not_kept)
    ],
)
claim(
    "Loss and all gradients take the time of fewer than 10 evaluations, for 200 parameters and for "
    "17,000",
    max(prices) < 10,  # three or so, and room for a machine that others use as well
    f"{max(prices):.1f} evaluations at most, {min(prices):.1f} at least",
)

# %% The cost in memory

say("""
The slope of tanh is 1 - p², and that of X W needs X. So every layer's result must stay in memory
until the way back has passed it. Evaluating the loss alone can forget each result at once. Memory
is the price of backpropagation: it grows with depth. (Gradient checkpointing pays less of it: it
forgets some results and computes them a second time; Chen et al. 2016.)
""")
memory_growth = kept[-1] / kept[1]
claim(
    "With 16 times as many layers, the graph holds at least 8 times the memory",
    memory_growth > 8,
    f"{memory_growth:.1f} times; an evaluation without a graph "
    f"{not_kept[-1] / not_kept[1]:.1f} times",
)

# %% In pictures

fig, (graph, cost) = plt.subplots(1, 2, figsize=(12, 4), width_ratios=[2.2, 1])
VALUES = {"w": 2.0, "b": -0.5, "z": z.item(), "p": p.item(), "loss": (p.item() - y) ** 2}
GRADIENTS = {"w": dz * x, "b": dz, "z": dz, "p": dp, "loss": 1.0}
PLACES = {"w": (0, 1), "b": (0, 0), "z": (1.4, 0.5), "p": (2.8, 0.5), "loss": (4.2, 0.5)}
LOCAL_SLOPES = {
    ("w", "z"): f"x = {x}",
    ("b", "z"): "1",
    ("z", "p"): f"1 - p² = {1 - p.item() ** 2:.2f}",
    ("p", "loss"): f"2 (p - y) = {dp:.2f}",
}
forward = {"arrowstyle": "->", "color": COLOR["truth"], "lw": 1.5, "shrinkA": 58, "shrinkB": 58}
backward = forward | {"color": COLOR["naive"]}
for (start, end), slope in LOCAL_SLOPES.items():
    (x0, y0), (x1, y1) = PLACES[start], PLACES[end]
    graph.annotate("", (x1, y1 + 0.04), (x0, y0 + 0.04), arrowprops=forward)
    graph.annotate("", (x0, y0 - 0.04), (x1, y1 - 0.04), arrowprops=backward)
    above = 0.16 if start != "b" else -0.18
    graph.text(
        (x0 + x1) / 2, (y0 + y1) / 2 + above, slope, ha="center", va="center", color=COLOR["naive"]
    )
box = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": "#888888", "lw": 1}
for name, place in PLACES.items():
    middle = {"ha": "center", "va": "center"}
    gradient = f"\ngradient {GRADIENTS[name]:.3f}"
    graph.text(*place, gradient, color=COLOR["naive"], bbox=box, **middle)
    graph.text(*place, f"{name} = {VALUES[name]:.3f}\n", **middle)
graph.plot([], [], color=COLOR["truth"], lw=1, label="forward: values")
graph.plot([], [], color=COLOR["naive"], label="backward: gradient times local slope")
graph.legend(loc="lower right")
graph.set(xlim=(-0.45, 4.65), ylim=(-0.35, 1.25))
graph.set(title="Each arrow back multiplies the gradient by its local slope")
graph.axis("off")

for held, color, name in [
    (kept, COLOR["naive"], "ready for backward()"),
    (not_kept, COLOR["stable"], "without a graph"),
]:
    kilobytes = np.array(held) / 1024
    cost.loglog(DEPTHS, kilobytes, "o-", color=color)
    cost.text(DEPTHS[-1], 1.25 * kilobytes[-1], name, color=color, ha="right", va="bottom")
cost.set(xlabel="layers", ylabel="memory held (KB)", ylim=(3, 1000))
cost.set(title="The price: memory grows with depth")
save(fig)

# %% Take away

takeaway("""
    Backpropagation is the chain rule, walked from the loss backwards: one local slope at a time.
    Where a number is used more than once, its shares add up, and it hands on only when it has them
    all: in topological order. For Y = X W + b the rules are dX = G Wᵀ, dW = Xᵀ G, db = the sum of
    the rows of G. All gradients together cost the time of a few evaluations, and the memory of
    every result on the way.

    Next: lesson 3 asks how we know that every slope in the engine is right.
""")
exercises(
    [
        "Give `Node` a `__sub__` and a `tanh`, and compute the gradients of the neuron with it.",
        "Write `c + b` in place of `b + c` in `square_plus_cube`. What does the recursion find "
        "now, and why is it something else?",
        "Multiply X of shape (4, 1) by b of shape (3,). Over which axes must the gradients of X "
        "and of b be summed? Predict their shapes, then ask the engine.",
    ]
)
