"""Lesson 1. What is a loss?

A loss is one number that says how wrong a machine is, and learning is making that number smaller.
A machine learns only what it is scored on, so whoever picks the loss decides what is learned. The
whole course is about that choice, and about the way down.

You need NumPy, and the idea that a derivative is a slope. The data are real: 442 diabetes patients,
their body-mass index (BMI), and a measure of how far the disease had gone one year later. From the
first we guess the second, with a straight line.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, hessian
from microloss.datasets import DIABETES_FEATURES, load_diabetes

rng = begin()
X, y = load_diabetes()
x = X[:, DIABETES_FEATURES.index("bmi")] - 25  # above 25 kg/m² is overweight: count from there

# ---- the score of a guess ------------------------------------------------------------------------

predict("""
    A line rises through the middle of the cloud of patients. Its mirror image falls through the
    same middle. Score each by its mean error, guess minus truth. Which line wins?
""")
columns = np.column_stack([x, np.ones_like(x)])
best = np.linalg.solve(columns.T @ columns, columns.T @ y)  # least squares in closed form
slope = best[0]
rising, falling = (a * (x - x.mean()) + y.mean() for a in (slope, -slope))
means = [(line - y).mean() for line in (rising, falling)]
claim(
    "neither wins: errors of opposite sign cancel",
    np.allclose(means, 0, atol=1e-9),
    f"mean errors {abs(means[0]):.2f} and {abs(means[1]):.2f}",
)
squares = [((line - y) ** 2).mean() for line in (rising, falling)]
claim(
    "squares cannot cancel: the mean squared error knows the better line",
    squares[1] > 2 * squares[0],
    f"{squares[0]:.0f} against {squares[1]:.0f}",
)

say(f"""
The squared error scores one guess: that is a loss. For the first patient the rising line says
{rising[0]:.1f}, the truth is {y[0]:.0f}, the loss {(rising[0] - y[0]) ** 2:.0f}. The mean loss over
the patients we have is the empirical risk. It stands in for the true risk, the mean over all
patients there could be. How well? Let our {len(y)} be all there are, and draw some of them, again
and again.
""")
risk = {n: rng.choice((rising - y) ** 2, (4000, n)).mean(axis=1).std() for n in (20, 200)}
ratio = risk[20] / risk[200]
claim(
    "with ten times the patients, the empirical risk scatters 1/sqrt(10) as much",
    abs(ratio / np.sqrt(10) - 1) < 0.1,
    f"by {risk[20]:.0f} for 20 patients, {risk[200]:.0f} for 200, ratio {ratio:.2f}",
)

# ---- making it smaller ---------------------------------------------------------------------------


def cost(line):
    """Mean squared error of the line with this slope and intercept."""
    guess = line[0] * x + line[1]
    return np.mean((guess - y) ** 2)


def descend(objective, learning_rate, steps=1500):
    """Gradient descent from the flat line at 0: the lines on the way, and the score of each."""
    line = Tensor([0.0, 0.0], requires_grad=True)
    path, scores = [], []
    for _ in range(steps):
        score = objective(line)
        score.backward()  # the slope of the score along each number in line; lesson 2 tells how
        path.append(line.data)
        scores.append(score.item())
        line.data = line.data - learning_rate * line.grad  # downhill
        line.grad = None  # backward() adds to what is there
    return np.array(path), np.array(scores)


predict("""
    Each step goes downhill by learning_rate times the slope. What happens when the learning rate is
    too large: is the answer less exact, slower to come, or none at all?
""")
L = np.linalg.eigvalsh(hessian(cost, [0.0, 0.0])).max()
limit = 2 / L
say(f"""
The Hessian holds the second derivatives: how fast the slopes change. Its largest eigenvalue L is
the curvature in the most curved direction. There, a step multiplies the distance to the minimum by
1 - learning_rate * L: it shrinks only as long as the learning rate is below 2/L. For our patients
L = {L:.1f}, and 2/L = {limit:.4f}.
""")
FACTORS = {"half of 2/L": 0.5, "1 % below 2/L": 0.99, "1 % past 2/L": 1.01}
runs = {name: descend(cost, factor * limit) for name, factor in FACTORS.items()}
for name in ("half of 2/L", "1 % below 2/L"):
    error = np.abs(runs[name][0][-1] - best).max()
    claim(f"{name}, descent finds the least-squares line", error < 1e-6, f"off by {error:.0e}")
path, costs = runs["1 % past 2/L"]
growth = np.linalg.norm(path[-1] - best) / np.linalg.norm(path[-2] - best)
claim(
    "1 % past 2/L, each step multiplies the distance by |1 - learning_rate * L|, without end",
    np.isclose(growth, abs(1 - 1.01 * limit * L)) and costs[-1] > 1e6 * costs[0],
    f"by {growth:.2f}, and the cost {costs[0]:.0f} has become {costs[-1]:.0e}",
)

# ---- loss, cost, objective -----------------------------------------------------------------------

say("""
Three words are often used as one. The loss belongs to one example. The cost is the mean loss over
the data, our empirical risk. The objective is what is minimised in the end: the cost and whatever
else we wish for, such as a modest slope (lesson 19 will say why one may wish for that):

    objective = mean squared error + 5 * slope²
""")
modest = descend(lambda line: cost(line) + 5 * line[0] ** 2, 0.5 * limit)[0][-1]
extra = cost(modest) / squares[0] - 1
claim(
    "we get what we ask for: a flatter line, at a higher cost",
    0 < modest[0] < 0.9 * slope and extra > 0,
    f"slope {modest[0]:.1f} instead of {slope:.1f}, cost {extra:.1%} higher",
)

# ---- in pictures ---------------------------------------------------------------------------------

style = dict(zip(FACTORS, (COLOR["model"], COLOR["validation"], COLOR["naive"])))
fig, (cloud, valley, curve) = plt.subplots(1, 3, figsize=(12, 4))
cloud.scatter(x + 25, y, s=10, color="#AAAAAA")
ends = np.array([18, 43])
for step, name in {0: "at first", 3: "3 steps", 15: "15 steps", -1: "at last"}.items():
    a, b = runs["half of 2/L"][0][step]
    cloud.plot(ends, a * (ends - 25) + b, color=COLOR["model"], lw=3 if step < 0 else 1)
    cloud.text(17.5, a * (18 - 25) + b, name, color=COLOR["model"], ha="right", va="center")
cloud.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression (no unit known)")
cloud.set(title="The line finds the patients", xlim=(11, 43.5))

slopes, intercepts = np.meshgrid(np.linspace(-22, 42, 80), np.linspace(-20, 200, 80))
surface = ((slopes[..., None] * x + intercepts[..., None] - y) ** 2).mean(axis=-1)
heights = squares[0] * 1.6 ** np.arange(1, 9)
valley.contour(slopes, intercepts, surface, heights, colors="#CCCCCC", linewidths=1, zorder=0)
for name, steps in {"1 % past 2/L": 28, "half of 2/L": 200}.items():
    valley.plot(*runs[name][0][:steps].T, ".-", color=style[name], lw=1)
valley.plot(*best, "*", color=COLOR["truth"], ms=12)
valley.text(best[0] + 3, best[1], "least squares", va="center")
valley.set(xlabel="slope (progression per kg/m²)", ylabel="intercept (progression at BMI 25)")
valley.set(title="Past 2/L, the zigzag grows", xlim=(-22, 42), ylim=(-20, 200))

for name, (_, costs) in runs.items():
    curve.semilogy(costs[:400] - squares[0], color=style[name], label=name)
curve.set(xlabel="step", ylabel="cost above that of the best line", ylim=(1e-8, 1e10))
curve.set(title="... and the cost climbs")
curve.legend(title="learning rate", loc="lower left")
save(fig)

takeaway("""
    A loss scores one guess; the cost is its mean over the data; the objective is what you minimise,
    and what you minimise is what you get. Gradient descent converges below a learning rate of 2/L
    and diverges above.

    Next: lesson 2 opens the box called backward().
""")
exercises(
    [
        "Drop the `- 25`. How does the ratio of the Hessian's two eigenvalues change, and the "
        "number of steps to the best line? Draw the valley.",
        "Divide x by its standard deviation after subtracting its mean. Predict the path for the "
        "learning rate 1/L, then draw it.",
        "Put np.abs in the place of the square in cost(). Does a constant learning rate still come "
        "within 1e-6 of the best cost? What did the square do for us?",
    ]
)
