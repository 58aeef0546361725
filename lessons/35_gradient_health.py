"""Lesson 35. The health of gradients

A deep network can fail to learn with good data and the right loss, because the gradient vanishes or
explodes on its way back through the layers. It shows before the first step, to those who look.

Lesson 2 made the gradient a product of factors. Lesson 5 had one hidden layer, and the usual start
was good enough; here are twenty. Three things can keep the product near 1: the size of the first
weights, normalisation, and a way around each layer (a residual connection). We change one at a
time. Then we clip what explodes (lesson 15), and measure what a step costs in time and memory.
"""

import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.functional import relu, sigmoid
from microloss.losses import cross_entropy
from microloss.nn import MLP, LayerNorm, Linear, Module, kaiming_normal_, xavier_normal_
from microloss.optim import SGD, Adam, clip_grad_norm_

rng = begin()
DEPTH = 20
WIDTH = 64
X, y = load_digits()
X, X_test, y, y_test = train_test_split(X, y, test_size=360, seed=rng, stratify=y)
X, X_test = (X - X.mean()) / X.std(), (X_test - X.mean()) / X.std()


class Deep(Module):
    """Hidden layers of 64 units, and ten logits.

    `init` draws the weights, `scale` multiplies those of the hidden layers. With `norm` each layer
    normalises what it has summed; with `residual` its output is added to its input.
    """

    def __init__(self, activation, init=None, scale=1.0, norm=False, residual=False, depth=DEPTH):
        draw = np.random.default_rng([args.seed, 1])
        self.activation = activation
        self.residual = residual
        self.layers = [Linear(WIDTH, WIDTH, rng=draw) for _ in range(depth)]
        self.head = Linear(WIDTH, 10, rng=draw)
        if init:
            for layer in (*self.layers, self.head):
                init(layer.weight, rng=draw)
                layer.bias.data[...] = 0
            for layer in self.layers:
                layer.weight.data *= scale
        self.norms = [LayerNorm(WIDTH) for _ in range(depth)] if norm else [None] * depth

    def forward(self, x, outputs=None):
        """The logits; the output of each layer goes to the list `outputs`."""
        h = x
        for layer, norm in zip(self.layers, self.norms):
            z = layer(h)
            out = self.activation(norm(z) if norm else z)
            h = h + out if self.residual else out
            if outputs is not None:
                h.retain_grad()  # backward() keeps the gradients of leaves only, unless it is told
                outputs.append(h)
        return self.head(h)


def signal(model):
    """The length of the gradient at each layer's output, that at the last one being 1."""
    outputs = []
    cross_entropy(model(X[:256], outputs), y[:256]).backward()
    lengths = np.array([np.linalg.norm(h.grad) for h in outputs])
    return lengths / lengths[-1]


def factor(gradients):
    """By how much it is multiplied, on average, for each layer that it goes back."""
    return gradients[0] ** (1 / (DEPTH - 1))


# %% Twenty factors

say("A layer computes z = W h and h' = f(z). Going back, its gradient g is multiplied twice:")
formula(
    """
    g_h = W^T (f'(z) * g_h')
    n units, weights of mean 0 and variance v, independent of the rest:
    |g_h|^2 = n v mean(f'(z)^2) |g_h'|^2 on average, so the factor is sqrt(n v mean(f'^2))
    relu: f' is 1 for half of the units and 0 for the others:  sqrt(n v / 2) = 1 for v = 2 / n
    tanh: f' = 1 near 0:                                       sqrt(n v) = 1 for v = 1 / n
    sigmoid: f' is at most 1/4:                                at most 1/4 for v = 1 / n
    """,
    tex=r"""
    \begin{aligned}
    g_h &= W^\top \left(f'(z) \odot g_{h'}\right), \qquad
    \mathbb{E}\,\lVert g_h \rVert^2 = n v\, \overline{f'^2}\, \lVert g_{h'} \rVert^2 \\
    \text{relu:} &\;\; \sqrt{n v / 2} = 1 \iff v = 2 / n, \qquad
    \text{tanh:} \;\; \sqrt{n v} = 1 \iff v = 1 / n
    \end{aligned}
    """,
)
say("""
The start v = 2 / n for relu is He's (He, Zhang, Ren and Sun 2015, Delving deep into rectifiers).
Xavier's (Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural
networks) is v = 2 / (inputs + outputs), a compromise: forward the inputs count, backward the
outputs. For equal widths that is 1 / n. Linear's own start, as in PyTorch, has v = 1 / (3 inputs).
""")
predict("""
    Behind twenty sigmoids with Xavier's start, what is left of the gradient? And behind twenty
    relus with Xavier's, with He's, with twice He's?
""")

# %% Most starts lose it

PLAIN = {
    "sigmoid, Xavier": ({"activation": sigmoid, "init": xavier_normal_}, 1 / 4),
    "tanh, Xavier": ({"activation": np.tanh, "init": xavier_normal_}, 1),
    "relu, a tenth of He": ({"activation": relu, "init": kaiming_normal_, "scale": 0.1}, 0.1),
    "relu, Linear's own": ({"activation": relu}, 6**-0.5),
    "relu, Xavier": ({"activation": relu, "init": xavier_normal_}, 2**-0.5),
    "relu, He": ({"activation": relu, "init": kaiming_normal_}, 1),
    "relu, twice He": ({"activation": relu, "init": kaiming_normal_, "scale": 2.0}, 2),
}
plain = {name: signal(Deep(**options)) for name, (options, _) in PLAIN.items()}
table(
    ["start", "factor per layer", "in theory", "first / last layer"],
    [
        (name, f"{factor(plain[name]):.2f}", f"{theory:.2f}", f"{plain[name][0]:.0e}")
        for name, (_, theory) in PLAIN.items()
    ],
)
say("For sigmoid and tanh the theory is a bound: it takes their steepest slopes.")
claim(
    "Twenty sigmoids leave the first layer less than a billionth of the last layer's gradient",
    plain["sigmoid, Xavier"][0] < 1e-9,
    f"{plain['sigmoid, Xavier'][0]:.0e} of it",
)
errors = [
    abs(factor(plain[name]) / theory - 1)
    for name, (options, theory) in PLAIN.items()
    if options["activation"] is relu
]
claim(
    "With relu the factor per layer is what the theory says, within 15 %, for five starts",
    max(errors) < 0.15,
    f"off by {max(errors):.0%} at most",
)
claim(
    "Only tanh with Xavier's start and relu with He's keep first and last within a factor of 100",
    [name for name, gradients in plain.items() if 0.01 < gradients[0] < 100]
    == ["tanh, Xavier", "relu, He"],
    f"{plain['tanh, Xavier'][0]:.2f} and {plain['relu, He'][0]:.2f}; relu with Xavier's "
    f"{plain['relu, Xavier'][0]:.4f}",
)
predict("""
    Two other cures. Layer normalisation divides what a layer has summed by its spread over the
    units. A residual connection adds the layer's input to its output. What does each do to the
    factor, for bad starts? Can they save the sigmoids?
""")

# %% Normalisation, and a way around

formula(
    """
    normalisation   h' = f((z - mean z) / spread z)    a weight ten times as large makes z and its
                                                       spread ten times as large: v cancels
    residual        h' = h + f(W h),   g_h = g_h' + W^T (f'(z) * g_h')
                    factor sqrt(1 + n v mean(f'^2)): small layers change nothing
    """,
    tex=r"""
    \begin{aligned}
    \text{normalisation:} &\;\; h' = f\left(\frac{z - \bar z}{\sigma_z}\right) \\
    \text{residual:} &\;\; h' = h + f(W h), \quad g_h = g_{h'} + W^\top (f'(z) \odot g_{h'}), \quad
        \sqrt{1 + n v\, \overline{f'^2}}
    \end{aligned}
    """,
)
say("""
(Ba, Kiros and Hinton 2016, Layer normalization; He, Zhang, Ren and Sun 2016, Deep residual learning
for image recognition.)
""")
TENTH, HE, TWICE, SIGMOID = (
    PLAIN[name][0]
    for name in ("relu, a tenth of He", "relu, He", "relu, twice He", "sigmoid, Xavier")
)
CURED = {
    "a tenth of He": TENTH,
    "a tenth of He, norm": TENTH | {"norm": True},
    "a tenth of He, residual": TENTH | {"residual": True},
    "twice He": TWICE,
    "twice He, norm": TWICE | {"norm": True},
    "He, residual": HE | {"residual": True},
    "He, norm, residual": HE | {"norm": True, "residual": True},
    "sigmoid": SIGMOID,
    "sigmoid, norm": SIGMOID | {"norm": True},
    "sigmoid, residual": SIGMOID | {"residual": True},
}
cured = {name: signal(Deep(**options)) for name, options in CURED.items()}
table(
    ["start", "factor per layer", "first / last layer"],
    [(name, f"{factor(g):.2f}", f"{g[0]:.0e}") for name, g in cured.items()],
)
scales = factor(cured["a tenth of He, norm"]), factor(cured["twice He, norm"])
claim(
    "Behind normalisation a start twenty times as large changes the relus' factor by less than 5 %",
    abs(scales[1] / scales[0] - 1) < 0.05 and abs(scales[0] - 1) < 0.15,
    f"{abs(scales[1] / scales[0] - 1):.1%}: {scales[0]:.3f} and {scales[1]:.3f}",
)
claim(
    "Normalisation does not save sigmoids: the first layer still gets less than a 100,000th",
    cured["sigmoid, norm"][0] < 1e-5,
    f"{cured['sigmoid, norm'][0]:.0e} of the last layer's",
)
rescued = cured["sigmoid, residual"][0], cured["a tenth of He, residual"][0]
claim(
    "With residual connections sigmoids, and relus that start small, keep first and last within a "
    "factor of 3",
    min(rescued) > 1 / 3 and max(rescued) < 3,
    f"{rescued[0]:.2f} and {rescued[1]:.2f}",
)
claim(
    "Residual connections do not forgive a large start: with He's the gradient grows a hundredfold",
    cured["He, residual"][0] > 100,
    f"{cured['He, residual'][0]:,.0f} times; with norm inside {cured['He, norm, residual'][0]:.1f}",
)
say("""
So a residual network wants small layers, or normalised ones. A large factor comes back when 1 is
added to it: sqrt(1 + 1) = 1.4 for He's start, and here even more.
""")
predict("""
    And does the health of the gradient decide who learns? Adam divides each gradient by its usual
    size, so it could make up for a small one. Can it train the twenty sigmoids in 150 steps?
""")

# %% No gradient, no learning

STEPS = 150


@np.errstate(all="ignore")  # one of the runs goes to infinity
def train(options, optimizer=Adam, lr=0.001, max_norm=np.inf, **others):
    """The model; of each step the loss, and the gradient's norm before and after clipping."""
    model = Deep(**options)
    draw = np.random.default_rng([args.seed, 2])
    params = model.parameters()
    optimizer = optimizer(params, lr=lr, **others)
    steps = []
    for _ in range(STEPS):
        batch = draw.integers(len(X), size=64)
        optimizer.zero_grad()
        loss = cross_entropy(model(X[batch]), y[batch])
        loss.backward()
        before = clip_grad_norm_(params, max_norm)
        after = np.sqrt(sum(np.sum(p.grad**2) for p in params)) if max_norm < np.inf else before
        steps.append([loss.item(), before, after])
        if not np.isfinite(steps[-1]).all():
            break
        optimizer.step()
    return model, np.array(steps).T


RATES = 0.0001, 0.001, 0.01
sigmoids = [train(SIGMOID, lr=lr) for lr in RATES]
TRAINED = {
    "sigmoid, residual": CURED["sigmoid, residual"],
    "tanh, Xavier": PLAIN["tanh, Xavier"][0],
    "relu, a tenth of He": TENTH,
    "relu, a tenth of He, residual": CURED["a tenth of He, residual"],
    "relu, He": HE,
}
trained = {f"sigmoid, Xavier, rate {lr:g}": run for lr, run in zip(RATES, sigmoids)}
trained |= {name: train(options) for name, options in TRAINED.items()}
trained |= {f"one hidden layer, rate {lr:g}": train(HE | {"depth": 1}, lr=lr) for lr in RATES}
ends = {name: steps[0, -20:].mean() for name, (_, steps) in trained.items()}
read = {}
for name, (model, _) in trained.items():
    with no_grad():
        read[name] = np.mean(model(X_test).data.argmax(axis=1) == y_test)
table(
    ["trained by Adam, 150 steps", "loss (last 20 steps)", "test images read"],
    [(name, f"{ends[name]:.2f}", f"{read[name]:.0%}") for name in trained],
)
stuck = [end for name, end in ends.items() if name.startswith("sigmoid, Xavier")]
claim(
    "Adam cannot train twenty sigmoids at any of three rates: the loss stays near ln 10",
    min(stuck) > 2.2,
    f"{min(stuck):.2f} at best; ln 10 = {np.log(10):.2f}",
)
claim(
    "The same sigmoids with residual connections learn: the loss falls below 1",
    ends["sigmoid, residual"] < 1,
    f"{ends['sigmoid, residual']:.2f} nats",
)
claim(
    "Relus that start at a tenth of He's learn with residual connections, and not without",
    ends["relu, a tenth of He"] > 2.2 and ends["relu, a tenth of He, residual"] < 1,
    f"{ends['relu, a tenth of He']:.2f} nats without, "
    f"{ends['relu, a tenth of He, residual']:.2f} with",
)
claim(
    "Tanh with Xavier's start and relu with He's learn: the loss falls below 1",
    max(ends["tanh, Xavier"], ends["relu, He"]) < 1,
    f"{ends['tanh, Xavier']:.2f} and {ends['relu, He']:.2f} nats",
)
deepest = max(read[name] for name in TRAINED)
flattest = max(value for name, value in read.items() if name.startswith("one hidden"))
claim(
    "Digits do not need twenty layers: none reads 3 points more than one hidden layer at its best "
    "rate",
    deepest < flattest + 0.03,
    f"{100 * (deepest - flattest):+.1f} points at best",
)
predict("""
    The other ailment. SGD starts from He's weights times 1.3, and 1.3^20 is 190. How many steps
    does it take? And if the gradient is clipped to norm 3?
""")

# %% When it explodes

WILD = {"activation": relu, "init": kaiming_normal_, "scale": 1.3}
free = train(WILD, optimizer=SGD, lr=0.01, momentum=0.9)[1]
held = train(WILD, optimizer=SGD, lr=0.01, momentum=0.9, max_norm=3)[1]
claim(
    "Without clipping the run is at infinity in fewer than 20 steps",
    len(free[0]) < 20 and not np.isfinite(free[:, -1]).all(),
    f"{len(free[0])} steps; the first gradient has the norm {free[1, 0]:,.0f}",
)
end = held[0, -20:].mean()
claim(
    "Clipped to norm 3, the same run learns: the loss falls below 1.8",
    held[1].max() > 30 and held[2].max() <= 3 and end < 1.8,
    f"{end:.2f} nats; of {held[1].max():,.0f} it leaves {held[2].max():.2f}",
)
say("""
Clipping treats the symptom. The better start, or a norm, treats the cause; clip all the same where
single batches may explode.
""")
predict("""
    What does a step cost? For each matrix product of the forward pass, the backward pass has two:
    one for the weights' gradient, one for the input's. So how much longer does it take? And in the
    small layers above, which part of a step takes longest?
""")

# %% Time


def step_times(model, inputs, labels, steps):
    """Seconds of the fastest forward pass, backward pass, clipping and Adam step."""
    params = model.parameters()
    optimizer = Adam(params, lr=0.001)
    parts = []
    for _ in range(steps):
        optimizer.zero_grad()
        times = [time.perf_counter()]
        loss = cross_entropy(model(inputs), labels)
        times.append(time.perf_counter())
        loss.backward()
        times.append(time.perf_counter())
        clip_grad_norm_(params, 1.0)
        times.append(time.perf_counter())
        optimizer.step()
        times.append(time.perf_counter())
        parts.append(np.diff(times))
    return np.min(parts, axis=0)


small = step_times(Deep(**HE), X[:64], y[:64], 30)
wide_model = MLP(WIDTH, 512, 512, 512, 10, rng=args.seed)
large = step_times(wide_model, X[:64], y[:64], 30)
table(
    ["milliseconds", "forward", "backward", "clipping", "Adam"],
    [
        ("20 layers of 64 units, 64 images", *(f"{1000 * t:.2f}" for t in small)),
        ("3 layers of 512 units, 64 images", *(f"{1000 * t:.2f}" for t in large)),
    ],
)
claim(
    "In layers of 512 units the backward pass takes 1 to 4 times as long as the forward pass",
    1 < large[1] / large[0] < 4,
    f"{large[1] / large[0]:.1f} times; in small layers {small[1] / small[0]:.1f} times",
)
say("""
In large layers the products take the time, and there are two for one. In small layers each
operation costs about the same, however little it computes: there clipping and Adam, which pass over
all parameters, may take as long as both passes. Measure (a profiler does it for every function)
before you make anything faster.
""")
predict("A run logs its loss on 100 other images: history.append(loss). What does an entry hold?")

# %% Memory


def memory(entry):
    """Megabytes held after 0 to 10 entries of a history."""
    model = Deep(**HE)
    history = []
    held = [0.0]
    tracemalloc.start()
    for _ in range(10):
        history.append(entry(cross_entropy(model(X[:100]), y[:100])))
        held.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    return np.array(held)


tensors = memory(lambda loss: loss)
numbers = memory(lambda loss: loss.item())
with no_grad():
    without_graph = memory(lambda loss: loss)
layers = 2 * DEPTH * WIDTH * 100 * 8 / 1e6
each = tensors[-1] / 10
claim(
    "A loss that is kept holds its whole graph: once to twice the numbers in the layers",
    0.9 < each / layers < 2,
    f"{each / layers:.1f} times: {each:.2f} MB, the layers have {layers:.2f} MB",
)
claim(
    "Ten entries of loss.item(), or of losses under no_grad(), hold less than 0.1 megabytes",
    max(numbers[-1], without_graph[-1]) < 0.1,
    f"{1000 * max(numbers[-1], without_graph[-1]):.0f} kB",
)
say("""
The layers' outputs are what backward() needs; that is why training takes more memory than
inference, and why it grows with depth and batch.
""")

# %% The picture

fig, axes = plt.subplots(1, 4, figsize=(14.5, 4), width_ratios=[1.5, 1.2, 1, 0.9])
back, cure, curve, bill = axes
depth = np.arange(1, DEPTH + 1)
for name, gradients in plain.items():
    good = 0.01 < gradients[0] < 100
    back.semilogy(depth, gradients, color=COLOR["model" if good else "naive"])
    raised = "bottom" if gradients[0] > 0.5 else "top"
    back.text(0.6, gradients[0], name, ha="right", va=raised, size=8)
back.set(xlabel="hidden layer", ylabel="gradient / that at layer 20", xlim=(-11, DEPTH))
back.set_xticks([1, 5, 10, 15, 20])
back.set_ylim(1e-21, 1e8)
back.set_title("Most starts lose the gradient")
STYLES = {
    "a tenth of He": ("naive", "-"),
    "a tenth of He, norm": ("model", "--"),
    "a tenth of He, residual": ("model", "-"),
    "sigmoid": ("truth", "-"),
    "sigmoid, norm": ("truth", "--"),
    "sigmoid, residual": ("validation", "-"),
}
for name, (color, line) in STYLES.items():
    cure.semilogy(depth, cured[name], color=COLOR[color], linestyle=line, label=name)
cure.set(xlabel="hidden layer", ylim=(1e-21, 1e8))
cure.set_xticks([1, 5, 10, 15, 20])
cure.set_title("A way around saves it")
cure.legend(loc="lower right", fontsize=7)
for name, color, label in (
    ("sigmoid, Xavier, rate 0.001", "truth", "sigmoid"),
    ("sigmoid, residual", "validation", "sigmoid, residual"),
    ("relu, He", "model", "relu, He"),
):
    smooth = np.convolve(trained[name][1][0], np.ones(10) / 10, mode="valid")
    curve.plot(np.arange(10, STEPS + 1), smooth, color=COLOR[color], label=label)
curve.set(xlabel="step", ylabel="loss, mean of 10 batches (nats)", ylim=(0, 4))
curve.set_title("No gradient, no learning")
curve.legend(loc="upper right", fontsize=8)
bill.plot(tensors, color=COLOR["naive"], label="loss")
bill.plot(numbers, color=COLOR["model"], label="loss.item()")
bill.set(xlabel="losses logged", ylabel="memory held (MB)")
bill.set_title("A loss keeps its graph")
bill.legend(loc="upper left", fontsize=8)
save(fig)

# %% Take away

takeaway("""
    Going back multiplies. Look at the gradient by layer before the first step: relu wants He's
    start, tanh Xavier's. Normalisation makes the start's size irrelevant, a residual connection
    carries the gradient around a layer that would lose it; each has its limits. Clip against
    explosions. Measure time by part, and log loss.item().

    Next: lesson 36 leaves NumPy, and takes its weights along.
""")
exercises(
    [
        "Compare the gradients of the first and the last hidden layer's weights, for relu at a "
        "tenth of He's start. Why do they not differ as much as the gradients above?",
        "Train relus at a tenth of He's start behind normalisation, at the rates 0.0001 and 0.001. "
        "Which one learns, although the gradients are healthy, and why?",
        "Give the wild start times 1.3 to Adam instead of SGD, without clipping. Does it explode?",
    ]
)
