"""Lesson 3. Gradient checking

A wrong gradient does not crash, so it must be checked. The check needs a witness that does not know
how the gradient was made: the function itself, evaluated a little to the left and a little to the
right. Lesson 2 built gradients from rules. This lesson tests such rules, and shows how exact the
witness is, what it cannot see, and how to ask it.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import (
    COLOR,
    begin,
    claim,
    exercises,
    formula,
    predict,
    save,
    say,
    table,
    takeaway,
)

from microloss import Tensor, primitive
from microloss import functional as F
from microloss.datasets import make_moons
from microloss.gradcheck import GradientError, gradcheck, taylor_check
from microloss.losses import cross_entropy
from microloss.optim import Adam

rng = begin()

# %% A wrong rule still learns

# primitive(rule)(f) gives f a rule of its own: from the gradient g of y = f(x) to that of x.
wrong_sigmoid = primitive(lambda g, y, x: g * y)(lambda x: F.sigmoid(x))  # not g * y * (1 - y)

X, labels = make_moons(200, noise=0.1, seed=rng)
SHAPES = [(2, 16), (16,), (16, 2)]
start = [0.5 * rng.standard_normal(shape) for shape in SHAPES]


def loss_with(sigmoid):
    """The loss of a network, as a function of its weights."""
    return lambda w, b, v: cross_entropy(sigmoid(X @ w + b) @ v, labels)


def train(loss, steps=500):
    weights = [Tensor(w, requires_grad=True) for w in start]
    optimizer = Adam(weights, lr=0.03)
    scores = []
    for _ in range(steps):
        score = loss(*weights)
        optimizer.zero_grad()
        score.backward()
        optimizer.step()
        scores.append(score.item())
    return np.array(scores)


predict("""
    Two equal networks learn to separate two half moons. In one of them the derivative of the
    sigmoid is wrong: y in place of y (1 - y). Does its training crash, does it diverge, or does the
    loss fall?
""")

# %% The loss falls all the same

right_losses = train(loss_with(F.sigmoid))
wrong_losses = train(loss_with(wrong_sigmoid))
claim(
    "With one wrong rule, the loss still falls to less than half of what it was",
    wrong_losses[-1] < wrong_losses[0] / 2,
    f"{wrong_losses[-1]:.3f} from {wrong_losses[0]:.2f}",
)
claim(
    "With one wrong rule, the network ends at a higher loss than with all rules right",
    wrong_losses[-1] > 1.5 * right_losses[-1],
    f"{wrong_losses[-1] / right_losses[-1]:.1f} times: {wrong_losses[-1]:.3f} against "
    f"{right_losses[-1]:.3f}",
)
say("""
A person who sees only the curve of the wrong network cannot know that it could be lower. No loss
curve proves that a gradient is right.
""")

# %% The witness: central differences


def f(x):
    return np.exp(np.sin(x))


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


say("""
The slope of f at x is nearly the slope of the straight line through a point to the left and a point
to the right. Two errors pull in opposite directions. Truncation: f is not a straight line. By
Taylor's theorem, for any smooth f the even terms cancel, and what remains shrinks with h².
Rounding: f is known to its last digit only, to about eps |f|, and the division by h enlarges that.
""")
formula(
    """
    (f(x + h) - f(x - h)) / (2 h)  =  f'(x) + f'''(x) h² / 6 + ...      truncation: about h²
                                              +- eps |f| / h            rounding
    their sum is least near h = eps^(1/3), and is then about eps^(2/3)
    """,
    tex=r"""
    \begin{aligned}
    \frac{f(x+h) - f(x-h)}{2h} &= f'(x) + \underbrace{\frac{f'''(x)}{6} h^2}_{\text{truncation}}
    \pm \underbrace{\frac{\varepsilon\,|f|}{h}}_{\text{rounding}} \\
    \frac{d}{dh}\left(h^2 + \frac{\varepsilon}{h}\right) = 0
    &\ \Rightarrow\ h \approx \varepsilon^{1/3}, \quad \text{error} \approx \varepsilon^{2/3}
    \end{aligned}
    """,
)
predict("""
    The smaller h is, the better the line fits. So which h is best on a computer with 16 digits:
    1e-2, 1e-5, 1e-8 or 1e-15?
""")

# %% The best step is not the smallest

points = rng.uniform(-3, 3, 200)
steps = 10.0 ** np.arange(-15, 0.1, 0.25)
median_errors = {}
for dtype in (np.float64, np.float32):
    x = points.astype(dtype)
    exact = Tensor(x, requires_grad=True, dtype=np.float64)
    f(exact).sum().backward()
    errors = [np.median(abs(central(f, x, dtype(h)) - exact.grad)) for h in steps]
    median_errors[dtype] = np.array(errors)
    best_step = steps[median_errors[dtype].argmin()]
    rule_of_thumb = np.finfo(dtype).eps ** (1 / 3)
    claim(
        f"In {dtype.__name__}, the best step is within a factor of 4 of eps^(1/3)",
        1 / 4 < best_step / rule_of_thumb < 4,
        f"{best_step / rule_of_thumb:.2f} of it: step {best_step:.1e}, error "
        f"{median_errors[dtype].min():.0e}",
    )

# %% The scale of x

predict("""
    The step eps^(1/3) = 6e-6 is meant for an x near 1. Which step would you take for the slope of
    log(x) at x = 1,000,000: a smaller one, the same, or a larger one?
""")

# %% The step grows with x

x = 1e6
relative_errors = {}
for h in (6e-6, 6e-6 * x):
    relative_errors[h] = abs(central(np.log, x, h) * x - 1)  # the slope of log is 1 / x
table(
    ["step at x = 1e6", "relative error of the slope of log"],
    [[f"{h:.0e}", f"{error:.0e}"] for h, error in relative_errors.items()],
)
claim(
    "At x = 1e6, the step eps^(1/3) x is more than 1,000 times as exact as the step eps^(1/3)",
    relative_errors[6e-6] > 1000 * relative_errors[6e-6 * x],
    f"{relative_errors[6e-6] / relative_errors[6e-6 * x]:.0e} times",
)
say("""
So a step is taken relative to x, as h max(1, |x|). Our own checker, microloss.gradcheck, goes one
step further. It takes h = 2^-10 max(1, |x|), which is large, so that rounding does not matter, and
half of that, and combines the two so that the h² terms cancel (Richardson 1911).
""")
formula(
    "D(h) = central difference;   (4 D(h/2) - D(h)) / 3 = f'(x) + terms with h⁴",
    tex=r"""
    D(h) = f'(x) + c\,h^2 + O(h^4) \quad\Rightarrow\quad
    \frac{4\,D(h/2) - D(h)}{3} = f'(x) + O(h^4)
    """,
)
exact = f(points) * np.cos(points)
h = 2.0**-10
richardson = (4 * central(f, points, h / 2) - central(f, points, h)) / 3
richardson_error = np.median(abs(richardson - exact))
best_error = median_errors[np.float64].min()
claim(
    "Richardson's combination is more exact than the central difference with its best step",
    richardson_error < best_error / 2,
    f"{best_error / richardson_error:.0f} times: {richardson_error:.0e} against {best_error:.0e}",
)

# %% When is a difference small?

say("""
The witness is never exact, so "equal" needs a number. An absolute difference of 1e-6 is nothing for
a gradient of 1,000 and everything for one of 1e-6. So compare relative to the size of the gradient,
and pass below a tolerance.
""")
formula(
    "relative error = |backward - difference| / max(|backward|, |difference|) < tolerance",
    tex=r"""
    \frac{|g_{\text{backward}} - g_{\text{difference}}|}
    {\max(|g_{\text{backward}}|, |g_{\text{difference}}|)} < \text{tolerance}
    """,
)
CANDIDATES = {
    "exact": exact,
    "wrong in the sixth digit": exact * (1 + 1e-6),
    "wrong by 1 percent": exact * 1.01,
    "wrong sign": -exact,
}
TOLERANCE = 1e-8
verdicts = {}
rows = []
for name, candidate in CANDIDATES.items():
    relative = np.max(abs(candidate - richardson) / np.maximum(abs(candidate), abs(richardson)))
    verdicts[name] = relative < TOLERANCE
    rows.append([name, f"{relative:.0e}", "pass" if verdicts[name] else "FAIL"])
table(["gradient of f", "largest relative error", f"tolerance {TOLERANCE:.0e}"], rows)
claim(
    "With a tolerance of 1e-8, the exact gradient passes, and one that is wrong in the sixth digit "
    "does not",
    verdicts["exact"] and not any(verdicts[name] for name in CANDIDATES if name != "exact"),
    f"{sum(verdicts.values())} of {len(verdicts)} pass",
)

# %% All inputs at once: the Taylor test

say("""
One number for all inputs at once: go a distance h in a random direction v. For any smooth f,
f(x + h v) - f(x) shrinks with h. Take away h g·v, and what remains shrinks with h², but only if g
is the gradient. For the losses of the two networks, as functions of their weights:
""")
formula(
    """
    f(x + h v) - f(x)            shrinks like h
    f(x + h v) - f(x) - h g·v    shrinks like h² if g is the gradient, like h if not
    """,
    tex=r"""
    f(x + h v) - f(x) - h\, g \cdot v =
    \begin{cases} O(h^2) & \text{if } g = \nabla f(x) \\ O(h) & \text{otherwise} \end{cases}
    """,
)
for name, sigmoid, power in [("right", F.sigmoid, 2), ("wrong", wrong_sigmoid, 1)]:
    slopes = taylor_check(loss_with(sigmoid), start, raise_exception=False).slopes
    found = slopes[1]  # of the remainder, on logarithmic axes: the power of h
    claim(
        f"With the {name} rule of the sigmoid, the remainder shrinks like h^{power}",
        abs(found - power) < 0.2,
        f"h^{found:.2f}",
    )

# %% What the witness cannot see

predict("""
    relu(x) = max(0, x) has a kink at 0. What does a central difference say about its slope there,
    and what does backward say?
""")

# %% At a kink there is no slope

kink = Tensor(0.0, requires_grad=True)
F.relu(kink).backward()
difference = central(F.relu, np.array(0.0), 1e-6)
claim(
    "At the kink of relu, the central difference says 1/2 and backward() says 0",
    difference == 0.5 and kink.grad == 0,
    f"{difference}, {kink.grad}",
)
say("""
Neither is wrong: there is no slope at 0. Every number from 0 to 1 is a subgradient there, and
engines agree to take 0. A check needs points away from kinks.
""")
wrong_cos = primitive(lambda g, y, x: g * np.sin(x))(lambda x: np.cos(x))
wrong_exp = primitive(lambda g, y, x: y)(lambda x: np.exp(x))
wrong_add = primitive(lambda g, y, x, b: g, lambda g, y, x, b: g[0])(lambda x, b: x + b)
predict("""
    The cell above has wrong rules of cos, exp and x + b, and the first cell has one of the sigmoid.
    One of the four passes the obvious check, which is to call .sum().backward() and to compare with
    differences. Which one, and why?
""")

# %% A sum hides a mistake

x = rng.standard_normal((4, 3))
b = rng.standard_normal(3)
summed_gaps = {}
for name, function, truth in [
    ("cos", wrong_cos, -np.sin(x)),
    ("exp", wrong_exp, np.exp(x)),
    ("sigmoid", wrong_sigmoid, F.sigmoid(x) * (1 - F.sigmoid(x))),
]:
    tensor = Tensor(x, requires_grad=True)
    function(tensor).sum().backward()
    summed_gaps[name] = np.abs(tensor.grad - truth).max()
shift = Tensor(b, requires_grad=True)
wrong_add(x, shift).sum().backward()
summed_gaps["x + b"] = np.abs(shift.grad - len(x)).max()
table(["wrong rule", "error seen through a sum"], [[n, f"{e:.0e}"] for n, e in summed_gaps.items()])
others = [gap for name, gap in summed_gaps.items() if name != "exp"]
claim(
    "A rule of exp that forgets the incoming gradient passes a check through .sum(); the other "
    "three wrong rules do not",
    summed_gaps["exp"] < 1e-8 and min(others) > 1e-3,
    f"the others err by {min(others):.1g} or more",
)
say("""
A sum sends the gradient g = 1 to every element, and so a rule may forget to multiply by g. So
microloss.gradcheck weighs the outputs with random numbers (the slopes that it prints are weighed
with them). And it looks for a kink before it blames a rule. What it says:
""")
CASES = {
    "cos with the rule g * sin(x)": (wrong_cos, [x], "sign"),
    "exp with the rule y": (wrong_exp, [x], "incoming gradient"),
    "sigmoid with the rule g * y": (wrong_sigmoid, [x], "1 - sigmoid(x)"),
    "x + b with the rule g[0] for b": (wrong_add, [x, b], "summed back"),
    "relu with its right rule, but at the kink": (F.relu, [np.array([-1.0, 0.0, 2.0])], "kink"),
}
for name, (function, inputs, cause) in CASES.items():
    try:
        gradcheck(function, inputs)
        message = "no error"
    except GradientError as error:
        message = str(error)
    say(f"{name}:\n\n{message}")
    claim(f"gradcheck refuses {name}, and names the cause", cause in message, f'"{cause}"')
passed = all(gradcheck(function, x) for function in (np.cos, np.exp, F.sigmoid, F.relu))
claim(
    "gradcheck passes the right rules of cos, exp, sigmoid and relu",
    passed,
    f"at {x.size} random points each, tolerance 1e-8",
)

# %% In pictures

fig, (curves, v_shape) = plt.subplots(1, 2, figsize=(10, 4))
curves.semilogy(wrong_losses, color=COLOR["naive"], label="one rule wrong")
curves.semilogy(right_losses, color=COLOR["stable"], label="all rules right")
curves.set(xlabel="step", ylabel="cross-entropy loss (nats)", title="A wrong gradient learns, too")
curves.legend(loc="lower left")
for dtype, color in [(np.float32, COLOR["validation"]), (np.float64, COLOR["stable"])]:
    v_shape.loglog(steps, median_errors[dtype], color=color, label=dtype.__name__)
    rule_of_thumb = np.finfo(dtype).eps ** (1 / 3)
    v_shape.axvline(rule_of_thumb, color=color, lw=1, ls=":")
v_shape.set(xlabel="step h", ylabel="median error of the slope", ylim=(1e-12, 10))
v_shape.set(title="The best step is near eps$^{1/3}$ (dotted), not 0")
v_shape.legend(loc="lower left")
save(fig)

# %% Take away

takeaway("""
    A wrong gradient still learns, so no loss curve proves that a gradient is right; finite
    differences do. Use central ones, in float64, with a step near eps^(1/3) max(1, |x|), at points
    away from kinks. Compare relative to the size of the gradient, with a tolerance. Weigh the
    outputs with random numbers, because a gradient of ones hides mistakes. For your own rule or
    loss all of that is one line: gradcheck(f, inputs).

    Next: lesson 4, formulas that are right on paper and wrong in floating point.
""")
exercises(
    [
        "Compute the error of `(f(x + h) - f(x)) / h` for the same steps. Where is its best step, "
        "and why there?",
        "`np.imag(f(x + 1e-200j)) / 1e-200` subtracts nothing. Why can its step be so small?",
        "Write `primitive(lambda g, y, x: g * 2 * x.data)(lambda x: x**2)`, whose rule reads the "
        "raw numbers of x. Does `gradcheck(f, x)` catch it? Does `gradcheck(f, x, order=2)`?",
    ]
)
