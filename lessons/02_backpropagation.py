"""Lesson 2. Backpropagation

Backpropagation tells how fast the loss changes with each parameter of a network: for all of them at
once, exactly, and for the price of a few evaluations of the loss. In lesson 1, backward() knew it
of two parameters; a network has millions, and training asks again at every step. All there is to it
is the chain rule, and three places where a first attempt goes wrong: the order, the shapes, the
cost.
"""

import timeit

import matplotlib.pyplot as plt
import numpy as np
from kit import begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, draw_graph, no_grad
from microloss.nn import MLP, Tanh

rng = begin()

# ---- from numbers to a graph to the chain rule ---------------------------------------------------

say("""
A neuron with the weight w and the bias b sees the number x, and ought to say y. It computes
z = w x + b and p = tanh(z), and its loss is (p - y)². The chain rule starts at the loss; each line
is an earlier line times one slope:

    dloss/dp = 2 (p - y)
    dloss/dz = dloss/dp * (1 - p²)
    dloss/dw = dloss/dz * x
    dloss/db = dloss/dz
""")
x, y = 0.5, 1.0
w, b = Tensor(2.0, requires_grad=True), Tensor(-0.5, requires_grad=True)
product = w * x  # every Tensor remembers what it was made of: that is the graph
z = product + b
p = np.tanh(z)
error = p - y
loss = error**2

names = {"w": w, "b": b, "product": product, "z": z, "p": p, "error": error, "loss": loss}
fig, (before, after) = plt.subplots(2, 1, figsize=(9, 5))
draw_graph(loss, names=names, ax=before)
for tensor in names.values():
    tensor.retain_grad()  # unasked, only w and b keep their gradients: the graph begins there
loss.backward(retain_graph=True)  # unasked, backward() clears the graph that we want to draw
draw_graph(loss, names=names, ax=after)
before.set_title("Forward: each box computes a value and remembers its inputs")
after.set_title("backward(): each box, from the loss on, hands its inputs their gradients")
save(fig)

dp = 2 * (p.item() - y)
dz = dp * (1 - p.item() ** 2)
hand = {"p": dp, "z": dz, "w": dz * x, "b": dz}
table(["", "by hand", "backward()"], [[k, f"{hand[k]:.8f}", f"{names[k].grad:.8f}"] for k in hand])
gap = max(abs(names[k].grad / hand[k] - 1) for k in hand)
claim("gradients by hand equal those of backward()", gap < 1e-14, f"relative gap {gap:.0e}")

# ---- the order -----------------------------------------------------------------------------------

made = []  # every Node, the oldest first


class Node:
    """A number, the parts that it was made of, and its slope with respect to each."""

    def __init__(self, value, *parts):
        self.value, self.parts, self.grad = value, parts, 0.0
        made.append(self)

    def __add__(self, other):
        return Node(self.value + other.value, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other.value), (other, self.value))

    def hand_on(self):
        """The chain rule. What is used more than once adds up its shares."""
        for part, slope in self.parts:
            part.grad += slope * self.grad


def formula(a):
    b = a * a
    c = b * a
    return b + c  # a² + a³


def recursion(node):
    node.hand_on()
    for part, _ in node.parts:
        recursion(part)


predict("""
    Behind the drawing is little more than the class Node in this file. The simplest way back is a
    recursion: hand on my gradient to my parts, then let each part do the same. Follow it with
    pencil and paper for a = 2, b = a * a, c = b * a, d = b + c, from the gradient 1 at d. It comes
    to b twice, from d and from c. As d = a² + a³, dd/da = 2 a + 3 a² = 16. What does it find?
""")
a = Node(2.0)
d = formula(a)
d.grad = 1.0
recursion(d)
claim("the recursion is wrong", a.grad == 20, f"{a.grad:.0f}, not 16")
say("""
On its second visit, b has the shares of both d and c, and hands on both, though that of d had been
handed on before. A number must hand on once, when all its shares have come. That is easy to
arrange: whatever uses a number is younger. So go from the youngest to the oldest.
""")
for node in made:
    node.grad = 0.0
d.grad = 1.0
for node in reversed(made):
    node.hand_on()
tensor = Tensor(2.0, requires_grad=True)
formula(tensor).backward()
claim(
    "youngest first is right, and so is backward(), which walks like that",
    a.grad == tensor.grad == 16,
    f"{a.grad:.0f} and {tensor.grad:.0f}",
)

# ---- the shapes ----------------------------------------------------------------------------------

predict("""
    Four patients, three numbers each: guess = X + b adds the same b, of shape (3,), to every row of
    X. The loss is the sum of (guess - target)², and its gradient with respect to guess has the
    shape (4, 3). And that with respect to b?
""")
X, target = rng.normal(size=(2, 4, 3))
b = Tensor(np.zeros(3), requires_grad=True)
((X + b - target) ** 2).sum().backward()
for_guess = 2 * (X - target)  # by hand, where b is 0
claim(
    "b was used four times, so its gradient is the sum over the rows: broadcasting, backwards",
    b.grad.shape == (3,) and np.allclose(b.grad, for_guess.sum(axis=0), rtol=1e-12),
    f"shape {b.grad.shape}",
)
stepped = b.data - 0.1 * for_guess
claim("without it, a step makes four biases of one", stepped.shape == (4, 3), "and no error")

# ---- the cost ------------------------------------------------------------------------------------

predict("""
    Without backpropagation, we could nudge each parameter a little and see what the loss does. For
    N parameters that takes N + 1 evaluations of the loss. How many does backpropagation cost?
""")
X, y = rng.normal(size=(16, 10)), rng.normal(size=(16, 1))


def price(model):
    """Time for the loss and all its gradients, in evaluations of the loss."""

    def loss():
        return np.mean((model(X) - y) ** 2)

    with no_grad():  # only evaluate: record no graph
        once = min(timeit.repeat(loss, number=1, repeat=60))
    both = min(timeit.repeat(lambda: loss().backward(), number=1, repeat=60))
    return both / once  # the fastest of many: whatever else the machine does can only add time


models = [MLP(10, *[16] * depth, 1, rng=rng, activation=Tanh) for depth in (1, 4, 16, 64, 256)]
prices = {sum(p.size for p in model.parameters()): price(model) for model in models}
table(["parameters", "nudging", "backward()"], [(n, n + 1, f"{prices[n]:.1f}") for n in prices])
claim(
    "a few, its own forward pass included, however many parameters there are",
    max(prices.values()) < 10,  # three or so, and room for a machine that others use as well
    f"{min(prices.values()):.1f} to {max(prices.values()):.1f} evaluations",
)

takeaway("""
    A result remembers its inputs; backward() goes from the loss to the inputs and multiplies by
    one slope per step. Where a number is used more than once, its shares add up, and it hands on
    only when it has them all: youngest first. What was broadcast is summed back. All gradients
    together cost a few evaluations of the loss.

    Next: lesson 3 asks how we know that every slope in the engine is right.
""")
exercises(
    [
        "Give Node a __sub__ and a tanh, and compute the gradients of the neuron with it.",
        "Write c + b in formula(). What does the recursion find now, and why something else?",
        "Multiply X of shape (4, 1) by b of shape (3,). Over which axes must the gradients of X "
        "and of b be summed? Predict their shapes, then ask the engine.",
    ]
)
