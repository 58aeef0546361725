"""Lesson 35. The health of gradients

A deep network can fail to learn with good data and the right loss, because the gradient vanishes or
explodes on its way back through the layers. That shows before the first step, to those who look.

Lesson 2 made the gradient a product. Lesson 5 had one hidden layer, and the usual start did; here
are twenty. We choose the start, clip (lesson 15), and ask where the loop's time and memory go.
"""

import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.datasets import load_digits
from microloss.losses import cross_entropy
from microloss.nn import MLP, ReLU, Sigmoid, Tanh, kaiming_normal_, xavier_normal_
from microloss.optim import SGD, Adam, clip_grad_norm_

begin()
DEPTH, WIDTH = 20, 64
X, y = load_digits()
X = (X - X.mean()) / X.std()


def deep(activation, init=None, scale=1.0):
    """Twenty hidden layers of 64 units, the weights drawn by `init` and multiplied by `scale`."""
    model = MLP(64, *[WIDTH] * DEPTH, 10, rng=args.seed, activation=activation)
    draw = np.random.default_rng(args.seed)
    for layer in model.modules[::2] if init else ():
        init(layer.weight, rng=draw)
        layer.weight.data *= scale
        layer.bias.data *= 0
    return model


def health(model):
    """Norms of the gradient before and after each activation."""
    h, outputs = X[:256], []
    for module in model.modules:
        h = module(h)
        h.retain_grad()  # backward() keeps the gradients of leaves only, unless it is told
        outputs.append(h)
    cross_entropy(h, y[:256]).backward()
    return np.array([np.linalg.norm(h.grad) for h in outputs[:-1]]).reshape(-1, 2).T


def memory(entry):
    """Megabytes held after 0 to 20 entries of a history."""
    model, history, held = deep(ReLU, kaiming_normal_), [], [0.0]
    tracemalloc.start()
    for _ in range(20):
        history.append(entry(cross_entropy(model(X[:100]), y[:100])))
        held.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    return held


# ---- twenty factors ------------------------------------------------------------------------------

predict("A sigmoid's slope is 1/4 at most. Behind twenty of them, what is left of the gradient?")
CHOICES = {
    "sigmoid, Xavier": (Sigmoid, xavier_normal_),
    "tanh, Xavier": (Tanh, xavier_normal_),
    "relu, tiny": (ReLU, kaiming_normal_, 0.1),
    "relu, Linear's own": (ReLU,),
    "relu, Xavier": (ReLU, xavier_normal_),
    "relu, He": (ReLU, kaiming_normal_),
    "relu, He times 2": (ReLU, kaiming_normal_, 2.0),
}
before, after = health(deep(*CHOICES["sigmoid, Xavier"]))
most, left = max(before / after), before[0] / before[-1]
claim("no sigmoid lets more than a quarter through", most <= 0.25, f"at most {most:.3f}")
claim("the first layer gets next to nothing", left < 1e-10, f"{left:.0e} of what the last gets")
say("""
Weights are factors, too. Going back through n units, weights of variance v make the squared length
n v times as large, on average, and a relu stops half of it. He's start (2015) has v = 2/n, so that
the factor sqrt(n v / 2) is 1. Xavier's has 1/n, for tanh; Linear's own, as in PyTorch, 1/(3n). For
sigmoid and tanh, the theory below is a bound: it takes their steepest slopes, 1/4 and 1.
""")
signals, rows, ratios = {}, [], []
for (name, choice), theory in zip(CHOICES.items(), (1 / 4, 1, 0.1, 6**-0.5, 2**-0.5, 1, 2)):
    before, _ = health(deep(*choice))
    signals[name] = signal = before / before[-1]
    factor = signal[0] ** (1 / (DEPTH - 1))
    ratios.append(factor / theory)
    rows.append([name, f"{factor:.2f}", f"{theory:.2f}", f"{signal[0]:.0e}"])
table(["start", "factor per layer", "in theory", "first / last layer"], rows)
off, fair = np.abs(np.array(ratios[2:]) - 1).max(), signals["relu, He"][0]
claim("relus do as the theory says", off < 0.15, f"off by at most {off:.0%}")
claim("from He's start, first and last are near", 0.2 < fair < 5, f"{fair:.2f} of the last's")


@np.errstate(all="ignore")  # one of the runs goes to infinity
def train(start, optimizer=Adam, lr=0.001, max_norm=np.inf, **options):
    """Of each step: loss, gradient norm, the same clipped; the time before and after each part."""
    model, draw, steps = deep(*start), np.random.default_rng(args.seed), []
    optimizer = optimizer(model.parameters(), lr=lr, **options)
    while len(steps) < 200 and np.all(np.isfinite(steps[-1:])):
        batch = draw.integers(len(X), size=64)
        optimizer.zero_grad()
        times = [time.perf_counter()]
        loss = cross_entropy(model(X[batch]), y[batch])
        times.append(time.perf_counter())
        loss.backward()
        times.append(time.perf_counter())
        norms = [clip_grad_norm_(model.parameters(), bound) for bound in (max_norm, np.inf)]
        optimizer.step()
        steps.append([loss.item(), *norms, *times, time.perf_counter()])
    return np.array(steps).T


predict("Adam divides every gradient by its usual size. Can it train the sigmoids in 200 steps?")
sigmoid, *others = (train(CHOICES["sigmoid, Xavier"], lr=lr) for lr in (0.001, 0.0001, 0.01))
tanh, relu = (train(CHOICES[name]) for name in ("tanh, Xavier", "relu, He"))
*stuck, a, b = (run[0, -20:].mean() for run in (sigmoid, *others, tanh, relu))
claim("no, at none of three rates", min(stuck) > 2.2, f"{min(stuck):.2f}; ln 10 = {np.log(10):.2f}")
claim("tanh with Xavier's start, relu with He's: yes", max(a, b) < 0.8, f"{a:.2f} and {b:.2f}")
predict("By SGD, from He's start times 1.3 (1.3^20 is 190): how does it go? And clipped to norm 3?")
wild = {"start": (ReLU, kaiming_normal_, 1.3), "optimizer": SGD, "lr": 0.01, "momentum": 0.9}
free, held = train(**wild), train(**wild, max_norm=3)
norms = f"a gradient of norm {free[1, 0]:,.0f}, and the loss {free[0, -1]} in step {len(free[0])}"
claim("not for ten steps", len(free[0]) < 10 and not np.isfinite(free[0, -1]), norms)
end = held[0, -20:].mean()
norms = f"of {held[1].max():,.0f} it leaves {held[2].max():.2f}; loss {end:.2f}"
claim("clipping bounds it, and the run learns", held[2].max() <= 3 and end < 1.5, norms)

# ---- time and memory -----------------------------------------------------------------------------

predict("Backward has two matrix products for each of forward's. How much longer does it take?")
forward, backward, _ = parts = np.median(np.diff(relu[3:], axis=0), axis=1)
shares = "forward {:.0%}, backward {:.0%}, clipping and Adam {:.0%}".format(*parts / sum(parts))
claim("less than 4 times as long", backward < 4 * forward, shares)
predict("A run logs its loss on 100 other images: history.append(loss). What does an entry hold?")
tensors, numbers = memory(lambda loss: loss), memory(lambda loss: loss.item())
with no_grad():
    least = max(numbers[-1], *memory(lambda loss: loss))
each, layers = tensors[-1] / 20, 2 * DEPTH * WIDTH * 100 * 8 / 1e6
graph = f"{each:.2f} MB; the numbers in the layers take {layers:.2f}"
claim("the graph, with all that backward() would need", 0.5 < each / layers < 2, graph)
claim("loss.item(), or no_grad(): hardly anything", least < 0.1, f"{1000 * least:.0f} kB for 20")

fig, (back, curve, bill) = plt.subplots(1, 3, figsize=(10, 3.9), width_ratios=[1.6, 1, 1])
for name, signal in signals.items():
    color = COLOR["model" if 0.01 < signal[0] < 100 else "naive"]
    back.semilogy(range(1, DEPTH + 1), signal, color=color)
    back.text(0.6, signal[0], name, ha="right", va="bottom" if signal[0] > 0.5 else "top", size=8)
back.set(xlabel="hidden layer", ylabel="gradient / that at layer 20", xlim=(-9, DEPTH))
back.set(xticks=[1, 5, 10, 15, 20], title="Most starts lose the gradient")
curve.plot(sigmoid[0], color=COLOR["naive"], label="sigmoid")
curve.plot(tanh[0], color=COLOR["validation"], label="tanh", lw=1.5)
curve.plot(relu[0], color=COLOR["model"], label="relu, He", lw=1.5)
curve.set(xlabel="step", ylabel="loss of the batch (nats)", title="No gradient, no learning")
bill.plot(tensors, color=COLOR["naive"], label="loss")
bill.plot(numbers, color=COLOR["model"], label="loss.item()")
bill.set(xlabel="losses logged", ylabel="memory held (MB)", title="A loss keeps its graph")
for ax in (curve, bill):
    ax.legend()
save(fig)

takeaway("""
    Going back multiplies: deep networks want relu with He's start or tanh with Xavier's. Look at
    the gradient by layer; clip against explosions; measure before you make anything faster.

    Next: lesson 36 leaves NumPy, and takes its weights along.
""")
exercises(
    [
        "Compare the gradients of the first and last weights in `relu, tiny`. Why are they alike?",
        "Run python -m cProfile -s tottime on this file. Which function takes longest?",
    ]
)
