"""Lesson 1. What is a loss?

A loss is one number that says how wrong a machine is, and learning means making that number
smaller. A machine learns only what it is scored on, so the person who picks the loss decides what
is learned. The whole course is about that choice, and about the way down.

You need NumPy, and the idea that a derivative is a slope. The data are real: 442 diabetes patients,
their body-mass index (BMI), and a measure of how far the disease had gone one year later. We guess
the second from the first, with a straight line.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import (
    COLOR,
    GREEN,
    begin,
    claim,
    exercises,
    formula,
    predict,
    save,
    say,
    sweep,
    table,
    takeaway,
)

from microloss import Tensor, derivation, hessian
from microloss.datasets import DIABETES_FEATURES, load_diabetes

rng = begin()
X, y = load_diabetes()
x = X[:, DIABETES_FEATURES.index("bmi")] - 25  # above 25 kg/m² is overweight: count from there

# %% The score of a guess

predict("""
    A line rises by 10 for each unit of BMI and goes through the middle of the cloud of patients.
    Its mirror image falls by 10, through the same middle. Score each line by its mean error, which
    is guess minus truth. Which line gets the better score?
""")

# %% Errors cancel, squares do not


def line_through_middle(slope):
    """The guesses of a line with this slope through the mean point of the patients."""
    return slope * (x - x.mean()) + y.mean()


rising = line_through_middle(10)
falling = line_through_middle(-10)
table(
    ["line", "mean error", "mean squared error"],
    [
        ["rising", f"{abs((rising - y).mean()):.2f}", f"{((rising - y) ** 2).mean():.0f}"],
        ["falling", f"{abs((falling - y).mean()):.2f}", f"{((falling - y) ** 2).mean():.0f}"],
    ],
)
any_slopes = rng.uniform(-100, 100, 200)
mean_errors = [(line_through_middle(slope) - y).mean() for slope in any_slopes]
largest_mean_error = np.abs(mean_errors).max()
claim(
    "Every line through the mean point has the mean error 0, so it cannot choose between them",
    largest_mean_error < 1e-9,
    f"at most {largest_mean_error:.0e} for {len(any_slopes)} slopes from -100 to 100",
)
rising_mse = ((rising - y) ** 2).mean()
falling_mse = ((falling - y) ** 2).mean()
claim(
    "The mean squared error of the rising line is less than half of that of the falling line",
    rising_mse < falling_mse / 2,
    f"{rising_mse:.0f} against {falling_mse:.0f}",
)

say("""
The squared error scores one guess: that is a loss. Its mean over the patients we have is the
empirical risk. The empirical risk stands in for the true risk, the mean over all patients there
could be.
""")
formula(
    """
    loss of one guess   (guess - y)²
    empirical risk      R(line) = mean over our N patients of (a x + b - y)²
    """,
    tex=r"""
    \ell = (\hat y - y)^2, \qquad
    R(a, b) = \frac{1}{N}\sum_{i=1}^{N} (a x_i + b - y_i)^2
    """,
)
predict("""
    Let our 442 patients be all there are, and draw 20 of them, many times. A line that is fixed
    beforehand is scored on the 20. Another line is fitted to the 20 and scored on the same 20. Is
    the score on the 20, on average, below the score on all patients, above it, or equal? Answer for
    each of the two lines.
""")

# %% A few patients stand in for all of them (overfitting)

fixed_on_20, fitted_on_20, fitted_on_all = [], [], []
for _ in range(2000):
    drawn = rng.choice(len(y), 20)
    fitted = np.polyval(np.polyfit(x[drawn], y[drawn], 1), x)  # the line with the least squares
    fixed_on_20.append(((rising - y)[drawn] ** 2).mean())
    fitted_on_20.append(((fitted - y)[drawn] ** 2).mean())
    fitted_on_all.append(((fitted - y) ** 2).mean())
table(
    ["line", "risk on the 20", "risk on all"],
    [
        ["fixed beforehand", f"{np.mean(fixed_on_20):.0f}", f"{rising_mse:.0f}"],
        ["fitted to the 20", f"{np.mean(fitted_on_20):.0f}", f"{np.mean(fitted_on_all):.0f}"],
    ],
)
claim(
    "For a line fixed beforehand, the risk on 20 patients is right on average, within 3 percent",
    abs(np.mean(fixed_on_20) / rising_mse - 1) < 0.03,
    f"{np.mean(fixed_on_20) / rising_mse - 1:+.1%}",
)
optimism = np.mean(fitted_on_all) / np.mean(fitted_on_20) - 1
claim(
    "For a line fitted to 20 patients, the risk on all patients is 10 percent or more above the "
    "risk on the 20",
    optimism > 0.1,
    f"{optimism:.0%} above",
)
say("""
The fitted line has learned the accidents of its 20 patients along with what holds for all. That is
overfitting, and it is why a model is tested on data that it was not fitted to.
""")

# %% The slopes of the risk, by hand

say("""
The risk is a function of two numbers, a and b, so it has two slopes. The chain rule gives them: the
outer derivative of the square is 2 (guess - y), and the guess a x + b changes with a by x, with b
by 1.
""")
formula(
    """
    dR/da = mean of 2 (a x + b - y) x
    dR/db = mean of 2 (a x + b - y)
    one step downhill:  a <- a - rate * dR/da,   b <- b - rate * dR/db
    """,
    tex=r"""
    \begin{aligned}
    \frac{\partial R}{\partial a} &= \frac{1}{N}\sum_i 2\,(a x_i + b - y_i)\,x_i, &
    \frac{\partial R}{\partial b} &= \frac{1}{N}\sum_i 2\,(a x_i + b - y_i) \\
    a &\leftarrow a - \eta\,\frac{\partial R}{\partial a}, &
    b &\leftarrow b - \eta\,\frac{\partial R}{\partial b}
    \end{aligned}
    """,
)


def risk(line):
    """Mean squared error of the line with this slope and intercept."""
    return np.mean((line[0] * x + line[1] - y) ** 2)


def slopes_of_risk(line):
    """dR/da and dR/db, by the formulas above."""
    error = line[0] * x + line[1] - y
    return np.array([np.mean(2 * error * x), np.mean(2 * error)])


def descend(slopes, rate, steps=600):
    """Gradient descent from the flat line at 0: all lines on the way (Cauchy 1847)."""
    line = np.zeros(2)
    path = [line]
    for _ in range(steps):
        line = line - rate * slopes(line)
        path.append(line)
    return np.array(path)


path = descend(slopes_of_risk, rate=0.02)
least_squares = np.polyfit(x, y, 1)
distance = np.abs(path[-1] - least_squares).max()
claim(
    "Descent by the two hand-derived slopes ends at the least-squares line",
    distance < 1e-6,
    f"{distance:.0e} away from np.polyfit's slope {least_squares[0]:.2f} and intercept "
    f"{least_squares[1]:.1f}",
)

# %% The same slopes, without the work

say("""
A network has millions of slopes, and nobody derives them by hand. A Tensor remembers how a number
was computed, and backward() applies the chain rule for us. Lesson 2 opens that box.
""")
gaps = []
for line in path[:20]:
    parameters = Tensor(line, requires_grad=True)
    risk(parameters).backward()
    gaps.append(np.abs(parameters.grad / slopes_of_risk(line) - 1).max())
claim(
    "backward() finds the same two slopes along the path as the formulas",
    max(gaps) < 1e-9,
    f"relative difference at most {max(gaps):.0e} at {len(gaps)} lines",
)

say("Asked for its work, it writes the two slopes line by line; d_a and d_b are those above:")
a = Tensor(2.0, requires_grad=True)
b = Tensor(150.0, requires_grad=True)
loss = np.mean((a * x + b - y) ** 2)
print("", derivation(loss, {"a": a, "b": b, "x": x, "y": y, "loss": loss}), sep="\n")

# %% How large a step?

predict("""
    Each step goes downhill by the rate (the learning rate) times the slope. Make the rate larger
    and larger. Does the answer become less exact, does it come later, or does it never come?
""")

# %% The limit 2 / L

say("""
Near a minimum, what matters is how fast the slope itself changes: the curvature. Take one parameter
first, with the curvature L. Its slope is L times the distance to the minimum.
""")
formula(
    """
    distance after a step = distance - rate * L * distance = (1 - rate * L) * distance
    it shrinks if and only if |1 - rate * L| < 1, that is 0 < rate < 2 / L
    """,
    tex=r"""
    d_{t+1} = d_t - \eta L\, d_t = (1 - \eta L)\, d_t, \qquad
    |1 - \eta L| < 1 \iff 0 < \eta < \frac{2}{L}
    """,
)
hessian_of_risk = hessian(risk, [0.0, 0.0])
curvatures = np.linalg.eigvalsh(hessian_of_risk)
L = curvatures.max()
limit = 2 / L
say(f"""
With two parameters, the second derivatives form a matrix, the Hessian, and its eigenvalues are the
curvatures along its two axes. Our risk is a quadratic bowl, so they are the same everywhere:
{curvatures[0]:.1f} and {curvatures[1]:.1f}. The larger one, L, sets the limit 2 / L = {limit:.4f}.
""")
FACTORS = {"half of 2/L": 0.5, "5 % below 2/L": 0.95, "10 % past 2/L": 1.1}
paths = {name: descend(slopes_of_risk, factor * limit) for name, factor in FACTORS.items()}
for name in ("half of 2/L", "5 % below 2/L"):
    distance = np.abs(paths[name][-1] - least_squares).max()
    claim(
        f"With a rate {name}, descent finds the least-squares line",
        distance < 1e-6,
        f"{distance:.0e} away",
    )
diverging = np.linalg.norm(paths["10 % past 2/L"] - least_squares, axis=1)
growth = diverging[-1] / diverging[-2]
claim(
    "With a rate 10 % past 2/L, each step multiplies the distance by 1.2 in the end, as 1 - rate * "
    "L predicts",
    abs(growth - 1.2) < 1e-6,
    f"by {growth:.3f}; from {diverging[0]:.0f} the distance has become {diverging[-1]:.0e}",
)

say("""
The limit is exact for a quadratic bowl only. The loss log(cosh(x)) has the curvature 1 at its
minimum and less elsewhere, so 2 / L is 2. Its slope tanh(x) is never larger than 1, and so a step
cannot throw x far away.
""")
position = 0.1
visited = []
for _ in range(1000):
    position = position - 3 * np.tanh(position)
    visited.append(abs(position))
claim(
    "On log-cosh, a rate of 1.5 times 2/L does not converge, and it does not diverge either",
    visited[-1] > 0.5 and max(visited) < 3,
    f"after 1,000 steps at distance {visited[-1]:.2f}, never beyond {max(visited):.2f}",
)

# %% Loss, cost, objective

say("""
Three words are often used as one. The loss belongs to one example. The cost is the mean loss over
the data, our empirical risk. The objective is what is minimised in the end: the cost and whatever
else we wish for, such as a modest slope (lesson 19 says why one may wish for that).
""")
formula(
    "objective(a, b) = R(a, b) + 5 a²",
    tex=r"\text{objective}(a, b) = R(a, b) + 5\,a^2",
)


def slopes_of_objective(line):
    return slopes_of_risk(line) + np.array([2 * 5 * line[0], 0.0])


modest = descend(slopes_of_objective, 0.5 * limit)[-1]
extra = risk(modest) / risk(least_squares) - 1
claim(
    "With a penalty on the slope, we get what we ask for: a flatter line at a higher cost",
    0 < modest[0] < 0.9 * least_squares[0] and extra > 0,
    f"slope {modest[0]:.1f} instead of {least_squares[0]:.1f}, cost {extra:.1%} higher",
)

# %% In pictures

colors = dict(zip(FACTORS, (COLOR["stable"], GREEN, COLOR["naive"])))
slope_grid, intercept_grid = np.meshgrid(np.linspace(-25, 45, 80), np.linspace(-30, 260, 80))
surface = ((slope_grid[..., None] * x + intercept_grid[..., None] - y) ** 2).mean(axis=-1)
heights = risk(least_squares) * 1.6 ** np.arange(1, 9)


def draw_valley(ax, path, color, label):
    """Lines of equal risk, and a path over them from the flat line at 0."""
    ax.contour(
        slope_grid, intercept_grid, surface, heights, colors="#CCCCCC", linewidths=1, zorder=0
    )
    ax.plot(*path.T, ".-", color=color, lw=1, label=label)
    ax.set(xlim=(-25, 45), ylim=(-30, 260))
    ax.set(xlabel="slope (progression per kg/m²)", ylabel="intercept (progression at BMI 25)")


fig, (cloud, valley, curve) = plt.subplots(1, 3, figsize=(12, 4.2))
cloud.scatter(x + 25, y, s=10, color="#AAAAAA")
ends = np.array([18, 43])
for step, name in {0: "at first", 3: "3 steps", 15: "15 steps", -1: "at last"}.items():
    slope, intercept = paths["half of 2/L"][step]
    at_ends = slope * (ends - 25) + intercept
    cloud.plot(ends, at_ends, color=COLOR["model"], lw=3 if step < 0 else 1)
    cloud.text(17.5, at_ends[0], name, color=COLOR["model"], ha="right", va="center")
cloud.set(xlabel="body-mass index (kg/m²)", ylabel="disease progression (no unit known)")
cloud.set(title="Step by step, the line fits the patients", xlim=(11, 43.5))

draw_valley(valley, paths["half of 2/L"][:100], colors["half of 2/L"], "half of 2/L")
draw_valley(valley, paths["10 % past 2/L"][:12], colors["10 % past 2/L"], "10 % past 2/L")
valley.plot(*least_squares, "*", color=COLOR["truth"], ms=13, label="least squares")
valley.set(title="Past 2/L, every zigzag is wider")
valley.legend(loc="upper left")

for name, path in paths.items():
    above = np.array([risk(line) for line in path[:120]]) - risk(least_squares)
    curve.semilogy(above, color=colors[name], label=name)
curve.set(xlabel="step", ylabel="risk above that of the best line", ylim=(1e-10, 1e22))
curve.set(title="... and the risk grows without end")
curve.legend(title="rate", loc="upper left")
save(fig)


def draw_path(fig, rate_times_L):
    path = descend(slopes_of_risk, rate_times_L / L, steps=40)
    inside = np.abs(path).max(axis=1) < 1000
    ax = fig.subplots()
    draw_valley(ax, path[inside], COLOR["model"], "40 steps")
    ax.plot(*least_squares, "*", color=COLOR["truth"], ms=13, label="least squares")
    ax.legend(loc="upper left")


sweep(draw_path, [0.05, 0.2, 0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 1.9, 2.0, 2.1], "rate times L")

# %% Take away

takeaway("""
    A loss scores one guess; the cost is its mean over the data; the objective is what you minimise,
    and what you minimise is what you get. On the data that a model was fitted to, the cost is too
    low. Gradient descent on a quadratic converges below a rate of 2/L and diverges above it.

    Next: lesson 2 opens the box called backward().
""")
exercises(
    [
        "Drop the `- 25` in the definition of `x`. How does the ratio of the Hessian's two "
        "eigenvalues change, and the number of steps to the best line?",
        "Divide `x` by its standard deviation after subtracting its mean. Predict the path for the "
        "rate 1/L, then draw it.",
        "Replace `2 * error` by `np.sign(error)` in `slopes_of_risk`: these are the slopes of the "
        "mean absolute error. Does a constant rate of 0.02 still come to rest at the best line? "
        "What did the square do for us?",
    ]
)
