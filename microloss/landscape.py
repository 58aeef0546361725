"""The surface that a loss forms over the parameters: slices, curvature, critical points, pictures.

`loss` is everywhere a function without arguments that computes the loss at the parameters' present
values. `params` is a Tensor or an iterable of leaf Tensors, such as model.parameters(). Every
function here puts the parameters back as it found them, unless it says otherwise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from .curvature import Curvature, assign, flatten, lanczos
from .engine.modes import no_grad
from .engine.tensor import Tensor
from .parameters import parameter_list
from .randomness import Random, generator

__all__ = [
    "CriticalPoint", "classify", "eigenvalues", "extreme_eigenvalues", "find_critical_point",
    "plane", "plot_plane", "plot_spectrum", "plot_surface", "random_direction", "sharpness",
    "slice_line",
]  # fmt: skip

Loss = Callable[[], Tensor]
Params = Tensor | Iterable[Tensor]


# ---- slices --------------------------------------------------------------------------------------


def random_direction(
    params: Params, *, rng: Random, normalize: str | None = "filter"
) -> np.ndarray:
    """A Gaussian direction in parameter space, as one vector.

    normalize="filter" gives the weights of each unit (each row of a matrix) the length that this
    row has in the network, and leaves biases alone (0), so that slices of networks of different
    scale can be compared; None takes the Gaussian as it is.

    rng : a NumPy Generator or a seed.
    Raises: ValueError where every number of the direction would be 0: no matrix among the
    parameters, or only zeros in them.

    >>> w = Tensor([[3.0, 4.0], [0.0, 2.0]], requires_grad=True)
    >>> d = random_direction([w], rng=np.random.default_rng(0)).reshape(2, 2)
    >>> np.linalg.norm(d, axis=1)
    array([5., 2.])

    Reference: Li, Xu, Taylor, Studer, Goldstein (2018), Visualizing the loss landscape of neural
    nets.
    """
    if normalize not in ("filter", None):
        raise ValueError(f'normalize is "filter" or None, got {normalize!r}')
    params = parameter_list(params)
    rng = generator(rng, "random_direction")
    parts = [rng.standard_normal(p.shape) for p in params]
    if normalize == "filter":
        parts = [_like_rows_of(p.data, part) for p, part in zip(params, parts)]
        if not any(part.any() for part in parts):
            raise ValueError(
                "the direction would be 0, and every slice along it flat: the filter normalisation "
                "keeps biases, scalars and rows of zeros at 0; pass normalize=None"
            )
    return flatten(parts)


def _like_rows_of(weights, part):
    if weights.ndim < 2:
        return np.zeros_like(part)
    axes = tuple(range(1, weights.ndim))
    norms = [np.sqrt(np.sum(a * a, axis=axes, keepdims=True)) for a in (weights, part)]
    return part * (norms[0] / norms[1])


def slice_line(loss: Loss, params: Params, direction: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The loss at p + step * direction for each of the steps.

    Shapes: direction (n,), one number for each parameter; result as steps.

    >>> w = Tensor([1.0], requires_grad=True)
    >>> slice_line(lambda: (w * w).sum(), [w], np.ones(1), np.array([-1.0, 0.0, 1.0]))
    array([0., 1., 4.])
    """
    return plane(loss, params, direction, np.zeros(np.shape(direction)), steps, np.zeros(1))[0]


def plane(
    loss: Loss,
    params: Params,
    direction1: np.ndarray,
    direction2: np.ndarray,
    xs: np.ndarray,
    ys: np.ndarray,
) -> np.ndarray:
    """The loss at p + x direction1 + y direction2. Shape: (len(ys), len(xs)), as contour() likes.

    Raises: ValueError for directions that do not have one number for each parameter.

    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> plane(lambda: w[0] * w[1], w, np.array([1.0, 0.0]), np.array([0.0, 1.0]), [0, 1, 2], [0, 9])
    array([[ 1.,  2.,  3.],
           [10., 20., 30.]])
    """
    _check_loss(loss)
    params = parameter_list(params)
    centre = flatten(params)
    xs, ys = np.atleast_1d(xs), np.atleast_1d(ys)
    direction1, direction2 = np.asarray(direction1), np.asarray(direction2)
    for name, direction in (("direction1", direction1), ("direction2", direction2)):
        if np.shape(direction) != centre.shape:
            raise ValueError(
                f"{name} has shape {np.shape(direction)}; it must be {centre.shape}, one number "
                "for each parameter"
            )
    heights = np.empty((len(ys), len(xs)))
    try:
        with no_grad():
            for i, y in enumerate(ys):
                for j, x in enumerate(xs):
                    assign(params, centre + x * direction1 + y * direction2)
                    heights[i, j] = float(loss())
    finally:
        assign(params, centre)
    return heights


def _check_loss(loss):
    if not callable(loss):
        raise TypeError(
            "loss must be a function without arguments that computes the loss anew, such as "
            f"lambda: mse_loss(model(X), y); got {loss!r:.60}"
        )


# ---- curvature -----------------------------------------------------------------------------------


def _curvature(loss, params):
    _check_loss(loss)
    return Curvature(loss(), params)


def eigenvalues(loss: Loss, params: Params) -> np.ndarray:
    """All eigenvalues of the loss's Hessian, rising; for up to about a thousand parameters.

    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> eigenvalues(lambda: w[0] ** 2 - 3 * w[1] ** 2, [w])
    array([-6.,  2.])
    """
    return _curvature(loss, params).eigenvalues()


def extreme_eigenvalues(
    loss: Loss,
    params: Params,
    k: int = 1,
    *,
    rng: Random,
    steps: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k smallest and the k largest eigenvalues, by Lanczos on Hessian-vector products.

    Starts from k random vectors, because one vector finds a repeated eigenvalue only once.

    rng : a NumPy Generator or a seed.
    steps : size of the Krylov space, by default 24 k; more steps make the values more exact.

    >>> w = Tensor([1.0, 1.0, 1.0], requires_grad=True)
    >>> loss = lambda: (w**2 * [1.0, -2.0, 5.0]).sum()
    >>> low, high = extreme_eigenvalues(loss, [w], rng=0)
    >>> low.round(6), high.round(6)
    (array([-4.]), array([10.]))
    """
    curvature = _curvature(loss, params)
    if not 1 <= k <= curvature.n:
        raise ValueError(f"k must be from 1 to the number of parameters, {curvature.n}, got {k!r}")
    steps = 24 * k if steps is None else steps
    if steps < k:
        raise ValueError(f"steps must be at least k = {k}, got {steps!r}")
    start = generator(rng, "extreme_eigenvalues").standard_normal((curvature.n, k))
    _, T = lanczos(curvature.product, start, steps)
    values = np.linalg.eigvalsh(T)
    return values[:k], values[-k:]


def sharpness(loss: Loss, params: Params, *, rho: float = 0.05) -> float:
    """How much the loss rises at distance rho along its gradient: L(p + rho g/|g|) - L(p).

    Reference: Foret, Kleiner, Mobahi, Neyshabur (2021), Sharpness-aware minimization.
    """
    if not (rho >= 0 and np.isfinite(rho)):
        raise ValueError(f"rho must be a distance of at least 0, got {rho!r}")
    params = parameter_list(params)
    g = _curvature(loss, params).gradient
    norm = np.linalg.norm(g)
    direction = g / norm if norm > 0 else g
    here, there = slice_line(loss, params, direction, np.array([0, rho]))
    return float(there - here)


# ---- critical points -----------------------------------------------------------------------------


@dataclass(frozen=True)
class CriticalPoint:
    """A point where the gradient vanishes.

    kind : "minimum", "maximum", "saddle", or "degenerate" where only flat directions keep it from
        being a minimum or maximum.
    index : share of the eigenvalues that are negative (0 at a minimum, 1 at a maximum).
    """

    kind: str
    index: float
    eigenvalues: np.ndarray
    loss: float
    gradient_norm: float


def classify(loss: Loss, params: Params, *, tolerance: float = 1e-6) -> CriticalPoint:
    """The kind of the critical point at the parameters, by the signs of the Hessian's eigenvalues.

    Eigenvalues within `tolerance` of 0, relative to the largest, count as flat. `gradient_norm`
    tells whether it is a critical point at all.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> point = classify(lambda: w[0] ** 2 - w[1] ** 2, [w])
    >>> point.kind, point.index
    ('saddle', 0.5)
    """
    _check_loss(loss)
    value = loss()
    curvature = Curvature(value, params)
    spectrum = curvature.eigenvalues()
    flat = tolerance * np.abs(spectrum).max(initial=0)
    negative, positive = int(np.sum(spectrum < -flat)), int(np.sum(spectrum > flat))
    if negative and positive:
        kind = "saddle"
    elif negative + positive < spectrum.size:
        kind = "degenerate"
    else:
        kind = "maximum" if negative else "minimum"
    return CriticalPoint(
        kind,
        negative / spectrum.size,
        spectrum,
        value.item(),
        float(np.linalg.norm(curvature.gradient)),
    )


def find_critical_point(
    loss: Loss, params: Params, *, steps: int = 100, tolerance: float = 1e-8
) -> float:
    """Move the parameters to a nearby critical point of any kind; return the gradient's norm.

    Minimises |g|^2 / 2, whose gradient is H g, by damped Newton steps -(H^2 + m)^-1 H g (Levenberg,
    Marquardt): the minima, maxima and saddles of the loss are all minima of |g|^2. The exact
    Hessian is used, so this is for small networks. The parameters stay where the search ends.

    >>> w = Tensor([0.5, 0.3], requires_grad=True)
    >>> norm = find_critical_point(lambda: w[0] ** 2 - w[1] ** 2 + w[1] ** 4, [w])
    >>> norm < 1e-8
    True
    """
    damping = 1e-3
    params = parameter_list(params)
    point = flatten(params)
    curvature = _curvature(loss, params)
    g, H = curvature.gradient, curvature.matrix()
    for _ in range(steps):
        norm = np.linalg.norm(g)
        if norm <= tolerance:
            break
        sizes, U = np.linalg.eigh((H + H.T) / 2)
        trial = point - U @ (sizes / (sizes**2 + damping * norm) * (U.T @ g))
        assign(params, trial)
        curvature = Curvature(loss(), params)
        if np.linalg.norm(curvature.gradient) < norm:
            point, g, H = trial, curvature.gradient, curvature.matrix()
            damping = max(damping / 4, 1e-12)
        else:
            assign(params, point)
            damping *= 8
            if damping > 1e12:
                break
    return float(np.linalg.norm(g))


# ---- pictures ------------------------------------------------------------------------------------


def plot_plane(ax, xs, ys, heights, *, paths: dict[str, np.ndarray] | None = None, levels=20):
    """Contours of a plane; paths are arrays of points (steps, 2) drawn over them by name.

    Heights that span decades, all above 0, are drawn on a logarithmic scale.
    """
    heights = np.asarray(heights)
    if heights.min() > 0 and heights.max() > 100 * heights.min():
        levels = np.geomspace(heights.min(), heights.max(), levels)
    ax.contour(xs, ys, heights, levels=levels, colors="0.6", linewidths=0.7)
    for name, points in (paths or {}).items():
        points = np.asarray(points)
        ax.plot(points[:, 0], points[:, 1], ".-", label=name, markersize=3, linewidth=1.2)
    if paths:
        ax.legend()
    return ax


def plot_surface(ax, xs, ys, heights):
    """The plane as a surface, on axes made with projection="3d"."""
    grid = np.meshgrid(xs, ys)
    ax.plot_surface(*grid, np.asarray(heights), cmap="viridis", linewidth=0, antialiased=True)
    ax.set_zlabel("loss")
    return ax


def plot_spectrum(ax, values, *, label: str | None = None, color=None):
    """Eigenvalues in falling order, on a scale that is logarithmic on both sides of 0."""
    values = np.sort(np.asarray(values))[::-1]
    ax.plot(np.arange(1, values.size + 1), values, ".", label=label, color=color)
    ax.set_yscale("symlog", linthresh=max(np.abs(values).max() * 1e-4, 1e-12))
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.set(xlabel="rank", ylabel="eigenvalue of the Hessian")
    return ax
