"""Lesson 3. Gradient checking

A wrong gradient does not crash, so it must be checked, against a witness that knows nothing of how
it was made: the function itself, evaluated a little to the left and a little to the right. Lesson 2
built gradients from rules; this one tests such rules, and shows how exact the witness is, what it
cannot see, and how to ask it.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, primitive
from microloss import functional as F
from microloss.datasets import make_moons
from microloss.gradcheck import GradientError, gradcheck, taylor_check
from microloss.losses import cross_entropy
from microloss.optim import Adam

rng = begin()

# ---- a wrong rule still learns -------------------------------------------------------------------

# primitive(rule)(f) gives f a rule of its own: from the gradient g of y = f(x) to that of x.
wrong_sigmoid = primitive(lambda g, y, x: g * y)(lambda x: F.sigmoid(x))  # not g * y * (1 - y)

X, labels = make_moons(200, noise=0.1, seed=rng)
start = [0.5 * rng.standard_normal(shape) for shape in [(2, 16), (16,), (16, 2)]]


def loss_with(sigmoid):
    """The loss of a network, as a function of its weights."""
    return lambda w, b, v: cross_entropy(sigmoid(X @ w + b) @ v, labels)


def train(loss):
    weights = [Tensor(w, requires_grad=True) for w in start]
    optimizer = Adam(weights, lr=0.03)
    scores = []
    for _ in range(500):
        score = loss(*weights)
        optimizer.zero_grad()
        score.backward()
        optimizer.step()
        scores.append(score.item())
    return np.array(scores)


predict("""
    Two equal networks learn to tell two half moons apart. In one of them the derivative of the
    sigmoid is wrong: y instead of y (1 - y). Will its training crash, diverge, or what will you
    see?
""")
right, wrong = train(loss_with(F.sigmoid)), train(loss_with(wrong_sigmoid))
claim(
    "for 50 steps you see nothing: the two losses stay within a tenth of each other",
    np.all(np.abs(wrong / right - 1)[:51] < 0.1),
    f"{wrong[50]:.3f} and {right[50]:.3f}",
)
claim(
    "the wrong one learns, only worse: it ends at more than twice the loss of the right one",
    2 * right[-1] < wrong[-1] < wrong[0] / 2,
    f"{wrong[0]:.2f} falls to {wrong[-1]:.3f} and {right[-1]:.3f}",
)

# ---- the witness ---------------------------------------------------------------------------------


def f(x):
    return np.exp(np.sin(x))


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


predict("""
    The slope of f at x is nearly (f(x + h) - f(x - h)) / 2h, the central difference, and the nearer
    the smaller h is. So which h is best on a computer: 1e-2, 1e-5, 1e-8 or 1e-15?
""")
say("""
Two errors pull in opposite directions. Truncation: f is not a straight line from x - h to x + h,
which costs about h². Rounding: f is known to its last digit only, eps |f|, and the division by h
blows that up to about eps / h. Their sum is least near h = eps^(1/3), and then about eps^(2/3).
""")
points = rng.uniform(-3, 3, 200)
steps = 10.0 ** np.arange(-15, 0.1, 0.25)
errors = {}
for dtype in (np.float64, np.float32):
    x = points.astype(dtype)
    exact = Tensor(x, requires_grad=True, dtype=np.float64)
    f(exact).sum().backward()
    errors[dtype] = np.array([np.median(abs(central(f, x, dtype(h)) - exact.grad)) for h in steps])
    best, rule = steps[errors[dtype].argmin()], np.finfo(dtype).eps ** (1 / 3)
    claim(
        f"{dtype.__name__}: the best step is within a factor of 3 of eps^(1/3) = {rule:.1e}",
        1 / 3 < best / rule < 3,
        f"{best:.1e}, with an error of {errors[dtype].min():.0e}",
    )

say("""
One number for all inputs at once: go a distance h in a random direction v. Whatever f is,
f(x + h v) - f(x) shrinks like h. Take away h g·v, and what remains shrinks like h² (Taylor), but
only if g is the gradient. For the losses of the two networks, as functions of their weights:
""")
for name, sigmoid, power in [("right", F.sigmoid, 2), ("wrong", wrong_sigmoid, 1)]:
    slopes = taylor_check(loss_with(sigmoid), start, raise_exception=False).slopes
    found = slopes[1]  # of the remainder, on logarithmic axes: the power of h
    claim(f"{name} rule: it shrinks like h^{power}", abs(found - power) < 0.1, f"h^{found:.2f}")

# ---- what the witness says -----------------------------------------------------------------------

predict("""
    relu(x) = max(0, x) has a kink at 0. What does a central difference say about its slope there,
    and what does backward say?
""")
kink = Tensor(0.0, requires_grad=True)
F.relu(kink).backward()
difference = central(F.relu, np.array(0.0), 1e-6)
claim(
    "the difference says 1/2, backward 0; neither is wrong, there is no slope",
    difference == 0.5 and kink.grad == 0,
    f"{difference}, {kink.grad}",
)

wrong_cos = primitive(lambda g, y, x: g * np.sin(x))(lambda x: np.cos(x))
wrong_exp = primitive(lambda g, y, x: y)(lambda x: np.exp(x))
wrong_add = primitive(lambda g, y, x, b: g, lambda g, y, x, b: g[0])(lambda x, b: x + b)
predict("""
    The code has four wrong rules: of cos, exp, sigmoid and x + b. One of them passes the obvious
    check, which is to call .sum().backward() and compare with differences. Which one, and why?
""")
x, b = rng.standard_normal((4, 3)), rng.standard_normal(3)
t = Tensor(x, requires_grad=True)
wrong_exp(t).sum().backward()
gap = np.abs(t.grad - central(np.exp, x, 1e-5)).max()
claim("exp: a sum sends g = 1 to every element, so a rule may forget g", gap < 1e-8, f"{gap:.0e}")
say("""
So microloss.gradcheck sends random numbers (the slopes it prints are weighed with them), and it
looks for a kink before it blames a rule. What it says:
""")
CASES = {
    "cos, with the rule g * sin(x)": (wrong_cos, [x], "sign"),
    "exp, with the rule y": (wrong_exp, [x], "incoming gradient"),
    "sigmoid, with the rule g * y": (wrong_sigmoid, [x], "1 - sigmoid(x)"),
    "x + b, with the rule g[0] for b": (wrong_add, [x, b], "summed back"),
    "relu, with its right rule, but at the kink": (F.relu, [np.array([-1.0, 0.0, 2.0])], "kink"),
}
for name, (function, inputs, cause) in CASES.items():
    try:
        gradcheck(function, inputs)
        message = "no error"
    except GradientError as error:
        message = str(error)
    say(f"{name}:\n\n{message}")
    claim(f"{name}: caught, and named", cause in message, cause)
passed = all(gradcheck(function, x) for function in (np.cos, np.exp, F.sigmoid, F.relu))
claim("right rules pass, away from kinks", passed, "cos, exp, sigmoid, relu")

# ---- in pictures ---------------------------------------------------------------------------------

fig, (curves, v_shape) = plt.subplots(1, 2, figsize=(9, 4))
curves.semilogy(wrong, color=COLOR["naive"], label="one rule wrong")
curves.semilogy(right, color=COLOR["stable"], label="all rules right")
curves.set(xlabel="step", ylabel="cross-entropy loss (nats)", title="A wrong gradient learns, too")
v_shape.loglog(steps, errors[np.float32], color=COLOR["naive"], label="float32")
v_shape.loglog(steps, errors[np.float64], color=COLOR["stable"], label="float64")
v_shape.set(xlabel="step h", ylabel="median error of the slope", ylim=(1e-13, 10))
v_shape.set(title="The best step is near eps$^{1/3}$, not 0")
for ax in (curves, v_shape):
    ax.legend(loc="lower left")
save(fig)

takeaway("""
    A wrong gradient still learns, so no loss curve clears a rule of suspicion; finite differences
    do. Use central ones, in float64, with a step near eps^(1/3), at points away from kinks, and
    weigh the outputs with random numbers, because a gradient of ones hides mistakes. For your own
    rule or loss it is one line: gradcheck(f, inputs).

    Next: lesson 4, formulas that are right on paper and wrong in floating point.
""")
exercises(
    [
        "Add (f(x + h) - f(x)) / h to the right figure. Where is its best step, and why there?",
        "np.imag(f(x + 1e-200j)) / 1e-200 subtracts nothing. Why does it have no V at all?",
        "Plant a bug that you think nobody will find, in a rule of your own. Does gradcheck catch "
        "it, and name it? Is there one that only gradcheck(f, inputs, order=2) catches?",
    ]
)
