"""Lesson 4. Numerical stability

A formula can be right on paper, and its gradient can pass every check of lesson 3, and still a
training run ends in nan overnight. For a computer's numbers have an end, past which there is only
infinity, and a grain, below which a term is lost. Losses are made of exponentials and logarithms,
and those run into both.

Here the formulas of the books fail, at inputs that look harmless, beside the same formulas
rewritten so that they do not. Lesson 5 trains on one of them, softmax with cross-entropy.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, detect_anomaly
from microloss.functional import log1mexp, logsumexp, softmax, softplus

begin()

# ---- naive and stable ----------------------------------------------------------------------------

predict("""
    Softmax, e^x divided by the sum of all e^x, always lies between 0 and 1. What does that formula
    return for the inputs 1000 and 1001?
""")
single, double = np.finfo(np.float32), np.finfo(np.float64)
say(f"""
The end: e^x is infinite from x = {np.log(single.max):.1f} on in float32, and from
x = {np.log(double.max):.1f} on in float64. The grain: 1 + t is 1 for every t up to
{single.eps / 2:.0e} and {double.eps / 2:.0e}. Now the formulas of the books, each at one input, in
float64: the value, and the slope along the first input.
""")
NAIVE = {
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x)),
    "log sum e^x": lambda x: np.log(np.sum(np.exp(x))),
    "log cosh x": lambda x: np.log(np.cosh(x)),
    "BCE": lambda x: -np.log(1 - 1 / (1 + np.exp(-x))),  # -log(1 - probability of the target 1)
    "log(1 - e^x)": lambda x: np.log(1 - np.exp(x)),
}


def log_cosh(x):
    return np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))) - np.log(2)


def value_and_slope(form, x):
    """The first element of form(x), and its derivative by the first input."""
    x = Tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):  # NumPy would warn, and rightly; we want to see it happen
        y = form(x).reshape(-1)[0]
        y.backward()
    return np.array([y.item(), x.grad[0]])


p = 1 / (1 + np.e)  # softmax, for the smaller of two inputs that are 1 apart
CASES = {  # stable form, input, true value and slope by pencil
    "softmax": (softmax, [1000, 1001], [p, p * (1 - p)]),
    "log sum e^x": (logsumexp, [-1001, -1000], [-1000 - np.log(1 - p), p]),
    "log cosh x": (log_cosh, [1000], [1000 - np.log(2), 1]),
    "BCE": (softplus, [40], [40, 1]),
    "log(1 - e^x)": (log1mexp, [-1e-20], [np.log(1e-20), -1e20]),
}
rows, errors = [], []
for name, (stable, x, truth) in CASES.items():
    found = value_and_slope(NAIVE[name], x), value_and_slope(stable, x)
    errors.append([np.abs(pair / truth - 1).max() for pair in found])
    rows.append([name, x, *("{:.5g}, {:.3g}".format(*pair) for pair in (*found, truth))])
table(["", "x", "naive", "stable", "true"], rows)
naive_errors, stable_errors = np.transpose(errors)
claim("every naive form fails", not np.isfinite(naive_errors).any(), "inf or nan in each")
claim("no stable one does", np.all(stable_errors < 1e-12), f"off by {stable_errors.max():.0e}")

say("""
The stable forms use two ideas. Take the largest exponential out: then no exponent is above 0. And
use log1p(t) for log(1 + t), expm1(x) for e^x - 1: they do not lose what is below the grain.

    softmax        e^(x - max) / sum e^(x - max)
    log sum e^x    max + log sum e^(x - max)
    log cosh x     |x| + log1p(e^(-2 |x|)) - log 2
    BCE            max(x, 0) + log1p(e^-|x|), from the logit x, where the target is 0
    log(1 - e^x)   log(-expm1(x)), where x is near 0
""")
logits = np.arange(100)
with np.errstate(divide="ignore"):
    ends = [np.isinf(NAIVE["BCE"](logits.astype(dtype))).argmax() for dtype in ("f4", "f8")]
claim(
    "twice the digits only postpone it: the naive BCE becomes infinite",
    0 < ends[0] < ends[1],
    f"from the logit {ends[0]} on in float32, from {ends[1]} on in float64",
)

# ---- two cures that are none ---------------------------------------------------------------------

predict("""
    A common cure for the infinite BCE clips the probability to [1e-7, 1 - 1e-7] before the
    logarithm. The loss is then finite. What is wrong with it?
""")


def clipped_bce(x):
    return -np.log(1 - np.clip(1 / (1 + np.exp(-x)), 1e-7, 1 - 1e-7))


clipped, clipped_slope = value_and_slope(clipped_bce, [40])
claim(
    "clipping saves the loss and loses the gradient: from the worst mistake nothing is learned",
    np.isfinite(clipped) and clipped_slope == 0,
    f"loss {clipped:.0f}, slope {clipped_slope:.0f} at the logit 40",
)

predict("""
    The square root has an infinite slope at 0. So we take the root only where x > 0:

        np.where(x > 0, np.sqrt(x), 0)

    Which slope has that at x = 0?
""")


def guarded(x):
    return np.where(x > 0, np.sqrt(x), 0)


def safe(x):
    """Choose the input first: the root never sees a 0."""
    positive = np.where(x > 0, x, 1)
    return np.where(x > 0, np.sqrt(positive), 0)


_, bad = value_and_slope(guarded, [0])
_, good = value_and_slope(safe, [0])
claim("where() around the root does not protect its gradient", np.isnan(bad), f"{bad}")
claim("where() inside the root does", good == 0, f"{good}")
say("""
Both branches of where() are computed, and both are differentiated. The root that was not chosen
receives the gradient 0 and multiplies it by its own slope, and 0 * infinity is nan. After the next
step every weight that it reaches is nan, and so is all that follows. To find where it was born, run
the step inside `with detect_anomaly()`.
""")
message = ""
try:
    with detect_anomaly():
        value_and_slope(guarded, [0])
except FloatingPointError as caught:
    message = str(caught).replace(__file__, Path(__file__).name)
named = "sqrt" in message and "line" in message and "in guarded" in message
claim("detect_anomaly() names the operation and the line", named, message)

# ---- in a picture --------------------------------------------------------------------------------

x = np.linspace(0, 30, 601, dtype=np.float32)
with np.errstate(divide="ignore"):
    naive = NAIVE["BCE"](x)
last = np.isinf(naive).argmax() - 1
fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(x, softplus(x), color=COLOR["stable"], lw=6, alpha=0.4, label="stable, from the logit")
ax.plot(x, clipped_bce(x), color=COLOR["validation"], label="clipped: the slope is 0")
ax.plot(x, naive, color=COLOR["naive"], label="naive: ends in infinity")
ax.plot(x[last], naive[last], "x", color=COLOR["naive"], ms=11, mew=3)
ax.set(xlabel="logit, where the target is 0", ylabel="BCE in float32 (nats)", ylim=(-1, 31))
ax.set(title=f"From logit {ends[0]} on, only the stable loss teaches")
ax.legend(loc="upper left")
save(fig)

takeaway("""
    Never let an exponential see a large number, nor a logarithm a rounded one: take the maximum
    out, stay with logits and log-probabilities, use expm1 and log1p. In front of a root, a
    logarithm or a division, choose the input, not only the output. When a nan turns up all the
    same, detect_anomaly() says where it was born.

    Next: lesson 5 trains a network on real digits, with the stable softmax.
""")
exercises(
    [
        "Compare log_cosh(x) at 1e-9 with np.log1p(2 * np.sinh(x / 2) ** 2). Which one is right, "
        "and at which x must the other take over?",
        "Write log(sigmoid(x)) with np.logaddexp, and test it and its gradient at 1000 and -1000.",
        "np.where(x > 0, x * np.log(x), 0) is a term of an entropy. Find its gradient at [0, 1], "
        "cure it, and compare with microloss.functional.xlogy.",
    ]
)
