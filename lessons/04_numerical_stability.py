"""Lesson 4. Numerical stability

A formula can be right on paper, and its gradient can pass every check of lesson 3, and still a
training run ends in nan overnight. A computer's numbers have an end, past which there is only
infinity (overflow) or 0 (underflow), and a grain, below which a term is lost (machine epsilon).
Losses are made of exponentials and logarithms, and those run into all three.

Here the formulas of the books fail, at inputs that look harmless, beside the same formulas
rewritten so that they do not. Lesson 5 trains on one of them, softmax with cross-entropy.
"""

from decimal import Decimal, localcontext
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, detect_anomaly
from microloss import functional as F
from microloss.datasets import load_digits
from microloss.losses import log_cosh_loss
from microloss.optim import SGD

rng = begin()

# %% Where numbers end

say("""
A floating-point number is a row of digits and an exponent, and there is room for so many of each.
""")
rows = []
for dtype in (np.float32, np.float64):
    limits = np.finfo(dtype)
    rows.append([
        dtype.__name__,
        f"{limits.max:.0e}",
        f"{np.log(limits.max):.1f}",
        f"{np.log(float(limits.smallest_subnormal)) - np.log(2):.1f}",  # half of it is rounded to 0
        f"{limits.eps:.0e}",
    ])  # fmt: skip
table(["", "largest", "e^x is inf above", "e^x is 0 below", "machine epsilon"], rows)
with np.errstate(all="ignore"):  # NumPy would warn, and rightly; we want to see it happen
    overflow = np.exp(710.0)
    underflow = np.exp(-746.0)
epsilon = np.finfo(np.float64).eps
cancelled = (1 + 1e-15) - 1
claim(
    "In float64, e^710 is infinite, e^-746 is 0, and adding half of machine epsilon to 1 changes "
    "nothing",
    overflow == np.inf and underflow == 0 and 1 + epsilon / 2 == 1 and 1 + epsilon > 1,
    f"{overflow}, {underflow}, {1 + epsilon / 2}; machine epsilon {epsilon:.1e} is just enough",
)
say(f"""
What is lost below the grain comes to light when the large part goes away: (1 + 1e-15) - 1 gives
{cancelled:.2e}, which is wrong by {cancelled / 1e-15 - 1:.0%}. This is called cancellation.
""")
predict("""
    Softmax, e^x divided by the sum of all e^x, always lies between 0 and 1. What does that formula
    return for the inputs 1000 and 1001?
""")

# %% Take the largest one out


def softmax_of_the_books(x):
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


with np.errstate(all="ignore"):
    broken = softmax_of_the_books(np.array([1000.0, 1001.0]))
say("""
Infinity divided by infinity. But softmax does not change when the same number m is taken from all
inputs. With m = the largest of them no exponent is above 0, and one of them is 0: the sum is
between 1 and the number of inputs.
""")
formula(
    """
    e^(x[k] - m) / sum e^(x[j] - m)  =  (e^-m e^x[k]) / (e^-m sum e^x[j])
                                     =  e^x[k] / sum e^x[j]
    log sum e^x[j]  =  log (e^m sum e^(x[j] - m))  =  m + log sum e^(x[j] - m)
    """,
    tex=r"""
    \begin{aligned}
    \frac{e^{x_k - m}}{\sum_j e^{x_j - m}} &= \frac{e^{-m}\, e^{x_k}}{e^{-m} \sum_j e^{x_j}}
    = \frac{e^{x_k}}{\sum_j e^{x_j}} \\
    \log \sum_j e^{x_j} &= m + \log \sum_j e^{x_j - m}
    \end{aligned}
    """,
)
mended = F.softmax(np.array([1000.0, 1001.0]))
small = softmax_of_the_books(np.array([0.0, 1.0]))  # the same, 1000 lower
claim(
    "Softmax of (1000, 1001) is nan by the formula of the books, and right with the largest input "
    "taken out",
    np.isnan(broken).all() and np.abs(mended - small).max() < 1e-15,
    f"{broken} and {mended.round(4)}",
)
predict("""
    Six formulas that losses are made of: softmax, log sum e^x, log softmax, log(cosh x), the
    cross-entropy of a wrong sigmoid, -log(1 - sigmoid(x)), and log(1 - e^x). We try each one at
    hundreds of inputs. How many hold everywhere?
""")

# %% Six formulas, tried everywhere


def of_first(function):
    """From a function of rows to that of their first elements."""
    return lambda x: function(x)[..., 0]


BOOK = {
    "softmax of (x, x + 1)": of_first(softmax_of_the_books),
    "log sum e^x of (x, x + 1)": lambda x: np.log(np.sum(np.exp(x), axis=-1)),
    "log softmax of (x, 0)": of_first(lambda x: np.log(softmax_of_the_books(x))),
    "log(cosh x)": of_first(lambda x: np.log(np.cosh(x))),
    "-log(1 - sigmoid(x))": of_first(lambda x: -np.log(1 - 1 / (1 + np.exp(-x)))),
    "log(1 - e^x)": of_first(lambda x: np.log(1 - np.exp(x))),
}
STABLE = {
    "softmax of (x, x + 1)": of_first(F.softmax),
    "log sum e^x of (x, x + 1)": lambda x: F.logsumexp(x, axis=-1),
    "log softmax of (x, 0)": of_first(F.log_softmax),
    "log(cosh x)": of_first(lambda x: log_cosh_loss(x, np.zeros(x.shape), reduction="none")),
    "-log(1 - sigmoid(x))": of_first(F.softplus),
    "log(1 - e^x)": of_first(F.log1mexp),
}


def truth(name, x):
    """The value and its slope along the first input, with 120 digits."""
    x = Decimal(x)
    up = x.exp()
    down = (-x).exp()
    share = 1 / (1 + Decimal(1).exp())  # softmax of the smaller of two inputs that are 1 apart
    return {
        "softmax of (x, x + 1)": lambda: (share, share * (1 - share)),
        "log sum e^x of (x, x + 1)": lambda: (x + (1 + Decimal(1).exp()).ln(), share),
        "log softmax of (x, 0)": lambda: (x - (1 + up).ln(), 1 / (1 + up)),
        "log(cosh x)": lambda: (((up + down) / 2).ln(), (up - down) / (up + down)),
        "-log(1 - sigmoid(x))": lambda: ((1 + up).ln(), up / (1 + up)),
        "log(1 - e^x)": lambda: ((1 - up).ln(), -up / (1 - up)),
    }[name]()


sizes = np.concatenate([10 ** np.linspace(-18, 0, 181), np.arange(2, 50), np.arange(50, 1001, 10)])
INPUTS = {
    "softmax of (x, x + 1)": np.concatenate([-sizes[::-1], sizes]),
    "log sum e^x of (x, x + 1)": np.concatenate([-sizes[::-1], sizes]),
    "log softmax of (x, 0)": -sizes[::-1],  # the loss of a wrong answer
    "log(cosh x)": sizes,  # and the same below 0
    "-log(1 - sigmoid(x))": sizes,  # the loss of a wrong answer
    "log(1 - e^x)": -sizes[sizes < 100][::-1],
}


def value_and_slope(form, rows):
    """The values of a form, and their slopes along the first column of its inputs."""
    x = Tensor(rows, requires_grad=True)
    with np.errstate(all="ignore"):
        y = form(x)
        y.sum().backward()
    return y.data, x.grad[..., 0]


def as_rows(name, x):
    second = {"(x, x + 1)": x + 1, "(x, 0)": 0 * x}
    others = [column for ending, column in second.items() if name.endswith(ending)]
    return np.stack([x, *others], axis=-1)


def relative_error(found, right):
    """The larger one of value and slope, for each input; infinite for what is not finite."""
    with np.errstate(invalid="ignore"):
        error = np.abs(np.array(found) / right - 1).max(axis=0)
    return np.where(np.isfinite(found).all(axis=0), error, np.inf)


right = {}
with localcontext() as context:
    context.prec = 120
    for name, inputs in INPUTS.items():
        right[name] = np.array([truth(name, x) for x in inputs], dtype=float).T
book_errors = {}
stable_errors = {}
for name, x in INPUTS.items():
    rows = as_rows(name, x)
    book_errors[name] = relative_error(value_and_slope(BOOK[name], rows), right[name])
    stable_errors[name] = relative_error(value_and_slope(STABLE[name], rows), right[name])


def where_wrong(x, errors):
    """The inputs with errors above 1 %, as ranges."""
    ranges = []
    for sign in (-1, 1):
        side = x[(errors > 0.01) & (np.sign(x) == sign)]
        if not len(side):
            continue
        for part in (side[np.abs(side) < 1], side[np.abs(side) >= 1]):
            if len(part):
                digits = ".0f" if abs(part[0]) >= 1 else ".0e"
                ranges.append(f"{part.min():{digits}} to {part.max():{digits}}")
    return ", ".join(ranges)


table(
    ["", "the books' formula is wrong for x from", "error of the stable one"],
    [
        [name, where_wrong(x, book_errors[name]), f"{stable_errors[name].max():.0e}"]
        for name, x in INPUTS.items()
    ],
)
claim(
    "Each of the six formulas of the books is wrong by more than 1 %, or not finite, at some input "
    "between -1,000 and 1,000",
    all(errors.max() > 0.01 for errors in book_errors.values()),
    ", ".join(f"{np.mean(errors > 0.01):.0%}" for errors in book_errors.values())
    + " of the inputs tried",
)
most = max(errors.max() for errors in stable_errors.values())
claim(
    "The six stable forms have value and slope right to 12 digits at every input tried",
    most < 1e-12,
    f"off by {most:.0e} at most, at {sum(map(len, INPUTS.values())):,} inputs",
)

say("""
Overflow spoils large inputs, underflow those far below 0, cancellation those near 0 (and sigmoid(x)
near 1). The stable forms use two ideas: take the largest exponential out, and use log1p(t) for
log(1 + t) and expm1(x) for e^x - 1, which do not lose what is below the grain.
""")
formula(
    """
    log softmax        x - max - log sum e^(x - max)
    log(cosh x)        log1p(2 sinh²(x/2)), and |x| - log 2 for large |x|
    -log(1 - sigmoid)  max(x, 0) + log1p(e^-|x|), from the logit x
    log(1 - e^x)       log(-expm1(x)) near 0, log1p(-e^x) far below (Maechler 2012)
    """,
    tex=r"""
    \begin{aligned}
    \log \mathrm{softmax}(x)_k &= x_k - m - \log \sum_j e^{x_j - m} \\
    \log \cosh x &= \mathrm{log1p}\left(2 \sinh^2 \tfrac{x}{2}\right)
    \quad (|x| - \log 2 \text{ for large } |x|) \\
    -\log(1 - \sigma(x)) &= \max(x, 0) + \mathrm{log1p}\left(e^{-|x|}\right) \\
    \log(1 - e^x) &= \log(-\mathrm{expm1}(x)) \text{ near } 0, \quad
    \mathrm{log1p}(-e^x) \text{ far below}
    \end{aligned}
    """,
)
predict("""
    For log(cosh x) one usually reads another stable form: |x| + log1p(e^(-2 |x|)) - log 2. None of
    its terms can overflow. Where does it fail?
""")

# %% Stable where?


def usual_log_cosh(x):
    return np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))) - np.log(2)


x = INPUTS["log(cosh x)"]
usual_value, usual_slope = value_and_slope(of_first(usual_log_cosh), x[:, None])
true_value, true_slope = right["log(cosh x)"]
usual_errors = np.abs(usual_value / true_value - 1)
usual_slope_errors = np.abs(usual_slope / true_slope - 1)
large = x >= 1
tiny = np.argmin(np.abs(x - 1e-9))
claim(
    "The usual form of log cosh is right to 12 digits from 1 on, and has not one right digit at "
    "1e-9",
    usual_errors[large].max() < 1e-12 and usual_errors[tiny] > 0.9,
    f"{usual_value[tiny]:.0e} in place of {true_value[tiny]:.0e} at 1e-9",
)
say("""
Near 0 its terms are log 2 and -log 2, and x²/2 is below their grain: cancellation. The form of the
list has no such terms, because cosh x = 1 + 2 sinh²(x/2). So "stable" needs an input: say where,
and try it there.
""")
slope_error = usual_slope_errors[tiny]
claim(
    "At 1e-9 the usual form keeps its slope to 6 digits, although its value is lost",
    slope_error < 1e-6,
    f"{slope_error:.0e} off; the slope is what training sees",
)

# %% More digits

logits = np.arange(100)
with np.errstate(all="ignore"):
    first_infinite = {
        dtype: np.isinf(BOOK["-log(1 - sigmoid(x))"](logits[:, None].astype(dtype))).argmax()
        for dtype in (np.float32, np.float64)
    }
claim(
    "Twice the digits only postpone it: the books' cross-entropy of a sigmoid is infinite from the "
    "logit 17 on in float32, from 37 on in float64",
    [*first_infinite.values()] == [17, 37],
    f"{first_infinite[np.float32]} and {first_infinite[np.float64]}: there 1 - sigmoid is below "
    "the grain of 1",
)
predict("""
    A common cure for that infinite cross-entropy clips the probability to [1e-7, 1 - 1e-7] before
    the logarithm. The loss is then finite. What is wrong with it?
""")

# %% Clipping loses the gradient


def clipped(x):
    return -np.log(1 - np.clip(F.sigmoid(x), 1e-7, 1 - 1e-7))


at_40 = {
    name: value_and_slope(of_first(form), np.array([[40.0]]))
    for name, form in [("clipped", clipped), ("stable", F.softplus)]
}
table(
    ["-log(1 - sigmoid(40))", "loss", "slope"],
    [[name, f"{value[0]:.1f}", f"{slope[0]:.0f}"] for name, (value, slope) in at_40.items()],
)
claim(
    "At the logit 40, clipping leaves a finite loss without a slope, and the stable form has the "
    "slope 1",
    at_40["clipped"][0][0] < 17 and at_40["clipped"][1][0] == 0 and at_40["stable"][1][0] == 1,
    f"slopes {at_40['clipped'][1][0]:.0f} and {at_40['stable'][1][0]:.0f}",
)
X, y = load_digits()
threes_and_eights = np.isin(y, (3, 8))
pixels = X[threes_and_eights]
is_eight = (y[threes_and_eights] == 8)[:, np.newaxis]
STARTS = 40
weights_at_start = rng.normal(size=(64, STARTS))
logits_at_start = pixels @ weights_at_start
say(f"""
Does that matter? A weighted sum of pixels should tell {len(pixels)} handwritten threes and eights
apart. Somebody forgot to divide the pixels by 16, so with random weights the logits are from
{logits_at_start.min():.0f} to {logits_at_start.max():.0f}. We train from {STARTS} random starts,
with three ways to compute the same loss, for the target t = 0 or 1:
""")
formula(
    "loss = -t log p - (1 - t) log(1 - p),   p = sigmoid(logit)",
    tex=r"\ell = -t \log p - (1 - t) \log(1 - p), \qquad p = \sigma(\text{logit})",
)


def book_loss(z):
    p = 1 / (1 + np.exp(-z))
    return -(is_eight * np.log(p) + (1 - is_eight) * np.log(1 - p))


def clipped_loss(z):
    return is_eight * clipped(-z) + (1 - is_eight) * clipped(z)


def stable_loss(z):
    return is_eight * F.softplus(-z) + (1 - is_eight) * F.softplus(z)


LOSSES = {"by the book": book_loss, "clipped": clipped_loss, "stable": stable_loss}
STEPS = 200


class Run:
    """One loss at one rate, from all starts at once: a column of weights for each start."""

    def __init__(self, loss, rate):
        weights = Tensor(weights_at_start, requires_grad=True)
        optimizer = SGD([weights], lr=rate)
        read = []
        for _ in range(STEPS):
            z = pixels @ weights
            read.append(np.mean((z.data > 0) == is_eight, axis=0))
            optimizer.zero_grad()
            with np.errstate(all="ignore"):
                loss(z).mean(axis=0).sum().backward()
            optimizer.step()
        self.read = np.array(read)  # share of the images by step and start
        self.logits = z.data
        self.finite = np.isfinite(weights.data).all(axis=0)
        self.lost = self.finite & (self.read[-1] < 0.6)  # not much better than a coin


RATES = (0.01, 0.1)
runs = {(name, rate): Run(loss, rate) for name, loss in LOSSES.items() for rate in RATES}
rows = []
for (name, rate), run in runs.items():
    ends = run.read[-1][run.finite]
    least, most = (f"{ends.min():.0%}", f"{ends.max():.0%}") if len(ends) else ("", "")
    rows.append([name, rate, np.sum(~run.finite), np.sum(run.lost), least, most])
table(["loss", "rate", "starts with nan", "below 60 %", "least read", "most read"], rows)
book_runs = [runs["by the book", rate] for rate in RATES]
claim(
    "With the formula of the books, weights turn into nan from more than nine of ten starts",
    min(np.mean(~run.finite) for run in book_runs) > 0.9,
    f"from {', '.join(str(np.sum(~run.finite)) for run in book_runs)} of {STARTS} at the two rates",
)
stable_run = runs["stable", 0.1]
clipped_run = runs["clipped", 0.1]
claim(
    "With the stable loss, more than 95 % of the images are read from every start, at the better "
    "rate",
    stable_run.read[-1].min() > 0.95,
    f"{stable_run.read[-1].min():.1%} at least",
)
claim(
    "With the clipped loss, from some starts fewer than 60 % are read, whatever the rate",
    min(np.sum(runs["clipped", rate].lost) for rate in RATES) >= 1,
    f"from {', '.join(str(np.sum(runs['clipped', rate].lost)) for rate in RATES)} of {STARTS}",
)
beyond = np.abs(clipped_run.logits) > -np.log(1e-7)
misread = (clipped_run.logits > 0) != is_eight
silent = (beyond & misread)[:, clipped_run.lost].sum() / misread[:, clipped_run.lost].sum()
claim(
    "From those starts more than 90 % of the misread images are beyond the clip and have no "
    "gradient at all",
    silent > 0.9,
    f"{silent:.1%} of them, at rate 0.1",
)
say("""
Clipping saves the run and not the gradient: what the model gets most wrong teaches it nothing. It
learns only as long as other examples pull the same weights.
""")
predict("""
    The square root has an infinite slope at 0. So we take the root only where x > 0:
    `np.where(x > 0, np.sqrt(x), 0)`. Which slope has that at x = 0?
""")

# %% Both branches of where() are differentiated


def guarded(x):
    return np.where(x > 0, np.sqrt(x), 0)


def safe(x):
    """Choose the input first: the root never sees a 0."""
    positive = np.where(x > 0, x, 1)
    return np.where(x > 0, np.sqrt(positive), 0)


zero = np.array([[0.0]])
_, guarded_slope = value_and_slope(of_first(guarded), zero)
_, safe_slope = value_and_slope(of_first(safe), zero)
claim(
    "A where() around the root gives the slope nan at 0, and one inside the root gives 0",
    np.isnan(guarded_slope[0]) and safe_slope[0] == 0,
    f"{guarded_slope[0]} and {safe_slope[0]}",
)
say("""
Both branches of where() are computed, and both are differentiated. The root that was not chosen
receives the gradient 0 and multiplies it by its own slope, and 0 times infinity is nan:
""")
formula(
    "dloss/dx = 0 * 1 / (2 sqrt(0)) + 1 * 0 = 0 * inf = nan",
    tex=r"\frac{\partial \ell}{\partial x} = 0 \cdot \frac{1}{2\sqrt{0}} + 1 \cdot 0"
    r"= 0 \cdot \infty = \text{nan}",
)
say("""
After the next step every weight that it reaches is nan, and so is all that follows. To find where
it was born, run the step inside `with detect_anomaly()`.
""")
message = ""
try:
    with detect_anomaly():
        value_and_slope(of_first(guarded), zero)
except FloatingPointError as caught:
    message = str(caught)
    script = guarded.__code__.co_filename
    message = message.replace(script, Path(script).name)
claim(
    "detect_anomaly() names the operation that made the nan, and the function that called it",
    "sqrt" in message and "line" in message and "in guarded" in message,
    message,
)

# %% In pictures

logit = np.linspace(0, 30, 601, dtype=np.float32)
_, book_slope = value_and_slope(BOOK["-log(1 - sigmoid(x))"], logit[:, None])
_, clipped_slope = value_and_slope(of_first(clipped), logit[:, None])
_, stable_slope = value_and_slope(of_first(F.softplus), logit[:, None])
fig, (slopes, digits, training) = plt.subplots(1, 3, figsize=(13, 4.2))
slopes.plot(logit, stable_slope, color=COLOR["stable"], lw=6, alpha=0.4, label="stable")
slopes.plot(logit, clipped_slope, color=COLOR["validation"], label="clipped")
slopes.plot(logit, book_slope, color=COLOR["naive"], lw=1, label="by the book")
last = (~np.isfinite(book_slope)).argmax() - 1
slopes.plot(logit[last], book_slope[last], "x", color=COLOR["naive"], ms=11, mew=3)
slopes.text(logit[last] + 0.8, book_slope[last], "then infinite", color=COLOR["naive"], va="center")
slopes.set(xlabel="logit, where the target is 0", ylabel="slope of the cross-entropy, float32")
slopes.set(ylim=(-0.1, 2), title="Past logit 16 only one loss teaches")
slopes.legend(loc="upper left")

x = INPUTS["log(cosh x)"]
floor = 1e-17  # an error of 0 has no place on a logarithmic axis
book_value, _ = value_and_slope(BOOK["log(cosh x)"], x[:, None])
with np.errstate(invalid="ignore"):
    book_value_errors = np.abs(book_value / true_value - 1)
stable_value, _ = value_and_slope(STABLE["log(cosh x)"], x[:, None])
for errors, color, label in [
    (book_value_errors, COLOR["naive"], "log(cosh x)"),
    (usual_errors, COLOR["validation"], "|x| + log1p(...) - log 2"),
    (np.abs(stable_value / true_value - 1), COLOR["stable"], "log1p(2 sinh²(x/2))"),
]:
    shown = np.isfinite(errors)
    width = 6 if color == COLOR["naive"] else 2
    digits.loglog(x[shown], errors[shown] + floor, color=color, lw=width, label=label)
end = np.flatnonzero(np.isfinite(book_value))[-1]
digits.plot(x[end], 3e-17, "x", color=COLOR["naive"], ms=11, mew=3)
digits.text(2 * x[end], 2e-15, "then\ninfinite", color=COLOR["naive"], ha="right")
digits.set(xlabel="x", ylabel="relative error of log(cosh x)", ylim=(5e-18, 1e9))
digits.set(title="The usual log cosh fails near 0")
digits.legend(loc="upper right")

for name, color in (("stable", "stable"), ("clipped", "validation")):
    lines = training.plot(100 * runs[name, 0.1].read, color=COLOR[color], lw=1, alpha=0.5)
    lines[0].set(label=name)
training.set(xlabel="step", ylabel="images read (%)", ylim=(0, 105))
training.set(title="From some starts clipping ends learning")
training.legend(loc="lower right")
save(fig)

# %% Take away

takeaway("""
    Exponentials overflow and underflow, and sums lose what is below the grain of their largest
    term. Never let an exponential see a large number, nor a logarithm a rounded one: take the
    maximum out, stay with logits and log-probabilities, use expm1 and log1p. Try a stable form
    where you use it, value and slope. Clipping a probability keeps the loss finite and stops the
    gradient. In front of a root, a logarithm or a division, choose the input, not only the output.
    When a nan turns up all the same, detect_anomaly() says where it was born.

    Next: lesson 5 trains a network on real digits, with the stable softmax.
""")
exercises(
    [
        "The variance is the mean of the squares minus the square of the mean. Compute it so for "
        "1,000 numbers near 1e8 with the variance 1. What comes out, and what should one do?",
        "Write log(sigmoid(x)) with `np.logaddexp`, and test it and its gradient at 1000 and "
        "-1000.",
        "`np.where(x > 0, x * np.log(x), 0)` is a term of an entropy. Find its gradient at [0, 1], "
        "cure it, and compare with `microloss.functional.xlogy`.",
        "`F.log_softmax` of (40, 0) is 0 for the first, and the truth is -4e-18. Why is that loss "
        "of digits harmless?",
    ]
)
