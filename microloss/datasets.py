"""Small real data shipped with the package, toy data made from a seed, and how to split them.

Every function returns new, plain float64 arrays (class labels: int64) that you may modify.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

DIABETES_FEATURES = ("age", "sex", "bmi", "bp", "tc", "ldl", "hdl", "tch", "ltg", "glu")


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 handwritten digits as 8x8 grey images, to be classified.

    Each pixel counts the inked dots in one 4x4 block of a 32x32 scan: 0 is blank, 16 is full.
    The writers were 13 people, none of whom wrote for the (larger) training set of the same
    source, which is not shipped.

    Shapes: X (1797, 64) float64, the rows of the image one after another; y (1797,) int64, 0..9.
    Units: X in dots, 0 to 16; divide by 16 for the unit interval.
    Licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/
    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (its test
    set), UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49

    >>> X, y = load_digits()
    >>> print(y[7], *X[7].reshape(8, 8).astype(int), sep="\\n")
    7
    [ 0  0  7  8 13 16 15  1]
    [ 0  0  7  7  4 11 12  0]
    [ 0  0  0  0  8 13  1  0]
    [ 0  4  8  8 15 15  6  0]
    [ 0  2 11 15 15  4  0  0]
    [ 0  0  0 16  5  0  0  0]
    [ 0  0  9 15  1  0  0  0]
    [ 0  0 13  5  0  0  0  0]
    """
    X, y = _read("digits.npz")
    return X.astype(np.float64), y.astype(np.int64)


def load_diabetes() -> tuple[np.ndarray, np.ndarray]:
    """442 diabetes patients: ten measurements, and how far the disease went in a year.

    The measurements are raw, so they have units; `standardize` them before gradient descent.
    The columns, in the order of `DIABETES_FEATURES` (the last six are blood serum):

    - age: years
    - sex: 1 or 2; the table does not say which is which (the R package biglars: 1 = female)
    - bmi: body-mass index, kg/m²
    - bp: mean arterial blood pressure, mm Hg
    - tc, ldl, hdl: total, low- and high-density cholesterol, mg/dL
    - tch: tc / hdl, as a whole number for most patients, to two decimals for the rest
    - ltg: natural logarithm of triglycerides in mg/dL
    - glu: blood sugar, mg/dL

    The table itself states no units for blood. They are inferred: ldl = tc - hdl - exp(ltg)/5,
    Friedewald's 1972 formula for mg/dL, holds to the rounding in 438 of the 442 rows. So the
    columns are strongly dependent, as real measurements often are.

    Shapes: X (442, 10) float64; y (442,) float64.
    Units: X as above; y is the authors' measure of disease progression one year after the
    measurements, 25 to 346; its unit is not known.
    Licence: none is known. The authors publish the table on the web page of their paper, and
    a standardized copy in their R package lars (GPL-2); other libraries ship it as well.
    Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression",
    Annals of Statistics 32(2):407-499, 2004, https://doi.org/10.1214/009053604000000067;
    raw table https://hastie.su.domains/Papers/LARS/diabetes.data

    >>> X, y = load_diabetes()
    >>> bmi = X[:, DIABETES_FEATURES.index("bmi")]
    >>> print(f"{bmi.mean():.1f} kg/m², correlation {np.corrcoef(bmi, y)[0, 1]:.2f}")
    26.4 kg/m², correlation 0.59
    """
    return _read("diabetes.npz")


def train_test_split(
    *arrays: np.ndarray | Sequence,
    test_size: float | int = 0.25,
    seed: int | np.random.Generator,
    stratify: np.ndarray | Sequence | None = None,
) -> tuple[np.ndarray, ...]:
    """Split the rows of every array into the same random train and test parts.

    `test_size` is a share strictly between 0 and 1, or a number of rows. With class labels in
    `stratify`, each class has its proportional share of the test rows, rounded down or up.

    Shapes: arrays (n, ...), all of the same n; stratify (n,). Returns copies, two per array:
    train0, test0, train1, test1, ... (scikit-learn's order), both parts shuffled.
    Raises: ValueError when lengths differ, when a part would be empty, and when a class is too
    rare to be sure of a row in each part; TypeError when seed is None.

    >>> y = np.repeat([0, 1], [90, 10])
    >>> X = y[:, None] + np.zeros((100, 3))
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, test_size=0.2, seed=0, stratify=y)
    >>> X_test.shape, np.bincount(y_train), np.bincount(y_test)
    ((20, 3), array([72,  8]), array([18,  2]))
    """
    if not arrays:
        raise ValueError("train_test_split was given no arrays; pass at least one, such as X, y")
    rows_of = [np.asarray(array) for array in arrays]
    labels = np.zeros(rows_of[0].shape[:1]) if stratify is None else np.asarray(stratify)
    if labels.ndim != 1 or any(array.shape[:1] != labels.shape for array in rows_of):
        shapes = ", ".join(str(array.shape) for array in rows_of)
        against = "" if stratify is None else f", and stratify, of shape (n,), has {labels.shape}"
        raise ValueError(
            f"arrays must have the same number of rows n; they have shapes {shapes}{against}"
        )
    n = len(labels)
    n_test = _n_test(test_size, n)
    if stratify is not None:
        _check_classes(labels, n_test)

    # Every (n / n_test)-th row of rows sorted by class, from a random start: a class of c rows
    # cannot miss its share c * n_test / n by one or more. Integers do not round.
    rng = _generator(seed)
    rows = rng.permutation(n)
    rows = rows[np.argsort(labels[rows], kind="stable")]
    picked = (np.arange(n_test) * n + rng.integers(n)) // n_test
    test, train = rng.permutation(rows[picked]), rng.permutation(np.delete(rows, picked))
    return tuple(array[part] for array in rows_of for part in (train, test))


def standardize(train: np.ndarray, *others: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
    """Shift and scale each column to mean 0 and variance 1, by the statistics of `train` alone.

    (x - mean(train)) / std(train), the standard deviation with divisor n. The other arrays get
    the same shift and scale: their own statistics would leak what the test set looks like.
    A column that is constant in `train` is shifted only, so it becomes exactly 0 there.

    Shapes: train (n, ...) and others (m, ...), alike in all but the first axis; kept.
    Returns one array for one, a tuple for several.
    Raises: ValueError when train has no rows, or when columns differ.

    >>> standardize(np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([[4.0, 7.0]]))
    (array([[-1.,  0.],
           [ 1.,  0.]]), array([[2., 0.]]))
    """
    arrays = [np.asarray(array, dtype=np.float64) for array in (train, *others)]
    train = arrays[0]
    if train.ndim == 0 or len(train) == 0:
        raise ValueError(f"train has shape {train.shape}; standardize needs at least one row")
    for array in arrays[1:]:
        if array.shape[1:] != train.shape[1:]:
            raise ValueError(
                f"an array of shape {array.shape} does not have the columns of train, which has "
                f"shape {train.shape}; pass arrays with the same features"
            )
    # The mean of equal numbers can miss them by a rounding error, and std is then tiny, not 0.
    constant = train.max(axis=0) == train.min(axis=0)
    mean = np.where(constant, train[0], train.mean(axis=0))
    std = np.where(constant, 1.0, train.std(axis=0))
    scaled = tuple((array - mean) / std for array in arrays)
    return scaled if others else scaled[0]


def make_moons(
    n: int = 200, *, noise: float = 0.1, seed: int | np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles, one per class: no straight line separates them.

    Class 0: (cos t, sin t); class 1: (1 - cos t, 1/2 - sin t); t uniform in [0, π], plus
    Gaussian noise of standard deviation `noise` on both coordinates.

    Shapes: X (n, 2) float64; y (n,) int64, the classes in turn: 0, 1, 0, 1, ...
    Raises: ValueError when n < 2 or noise < 0.

    >>> X, y = make_moons(100, noise=0.0, seed=0)
    >>> bool(np.allclose(np.hypot(*X[y == 0].T), 1))
    True
    """
    n, rng = _count("n", n, 2), _generator(seed)
    y = np.arange(n) % 2
    t = rng.uniform(0, np.pi, n)
    x1 = np.where(y == 0, np.cos(t), 1 - np.cos(t))
    x2 = np.where(y == 0, np.sin(t), 0.5 - np.sin(t))
    return _jitter(np.column_stack([x1, x2]), noise, rng), y


def make_spirals(
    n: int = 200,
    *,
    turns: float = 1.5,
    noise: float = 0.05,
    classes: int = 2,
    seed: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Spiral arms wound around each other, one per class: a hard boundary for a small network.

    Arm k: r (cos φ, sin φ) with φ = 2π (turns · r + k / classes), r uniform in [0, 1], plus
    Gaussian noise of standard deviation `noise` on both coordinates.

    Shapes: X (n, 2) float64; y (n,) int64, the classes in turn.
    Raises: ValueError when classes < 1, n < classes, noise < 0 or turns < 0.

    >>> X, y = make_spirals(90, classes=3, seed=0)
    >>> X.shape, np.bincount(y)
    ((90, 2), array([30, 30, 30]))
    """
    classes = _count("classes", classes, 1)
    n, rng = _count("n", n, classes), _generator(seed)
    y = np.arange(n) % classes
    r = rng.uniform(0, 1, n)
    angle = 2 * np.pi * (_scale("turns", turns) * r + y / classes)
    return _jitter(_polar(r, angle), noise, rng), y


def make_rings(
    n: int = 200, *, noise: float = 0.05, classes: int = 2, seed: int | np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Concentric circles, one per class: the radius tells the class, no single coordinate does.

    Class k lies on radius (k + 1) / classes, plus Gaussian noise of standard deviation `noise`
    on both coordinates.

    Shapes: X (n, 2) float64; y (n,) int64, the classes in turn.
    Raises: ValueError when classes < 1, n < classes or noise < 0.

    >>> X, y = make_rings(4, noise=0.0, seed=0)
    >>> np.hypot(*X.T).round(12), y
    (array([0.5, 1. , 0.5, 1. ]), array([0, 1, 0, 1]))
    """
    classes = _count("classes", classes, 1)
    n, rng = _count("n", n, classes), _generator(seed)
    y = np.arange(n) % classes
    return _jitter(_polar((y + 1) / classes, rng.uniform(0, 2 * np.pi, n)), noise, rng), y


def make_blobs(
    n: int = 200,
    *,
    centers: int | np.ndarray | Sequence = 3,
    spread: float = 1.0,
    seed: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Round Gaussian clouds, one per class: the data that linear classifiers are made for.

    X ~ Normal(centers[y], spread² I). A number of centers places them evenly on a circle of
    radius 4, the first at (4, 0).

    Shapes: centers an int or (k, d), one center per row; X (n, d) float64, with d = 2 if
    centers is an int; y (n,) int64, the classes in turn.
    Raises: ValueError when there is no center, n < k or spread < 0.

    >>> X, y = make_blobs(1000, centers=[[0, 0], [5, 1]], spread=0.1, seed=0)
    >>> X[y == 1].mean(axis=0).round(1)
    array([5., 1.])
    """
    if np.ndim(centers) == 0:
        k = _count("centers", centers, 1)
        centers = _polar(4.0, 2 * np.pi * np.arange(k) / k)
    centers = np.asarray(centers, dtype=np.float64)
    if centers.ndim != 2 or centers.size == 0:
        raise ValueError(
            f"centers must be a number or an array (k, d), one center per row; got shape "
            f"{centers.shape}"
        )
    n, rng = _count("n", n, len(centers)), _generator(seed)
    y = np.arange(n) % len(centers)
    return _jitter(centers[y], spread, rng, name="spread"), y


def make_line(
    n: int = 100,
    *,
    slope: float = 2.0,
    intercept: float = 1.0,
    noise: float = 0.5,
    outliers: int = 0,
    seed: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A noisy straight line, with outliers if asked for: which of the two does the fit follow?

    y = slope · x + intercept + Normal(0, noise²), x uniform in [-1, 1]. The first `outliers`
    rows are moved up by 10; all else stays as the same seed gives it without outliers.

    Shapes: X (n, 1) float64; y (n,) float64.
    Raises: ValueError when n < 1, noise < 0, outliers < 0 or outliers > n.

    >>> X, y = make_line(50, noise=0.0, outliers=1, seed=0)
    >>> (y - 2 * X[:, 0] - 1)[:3].round(12)
    array([10.,  0.,  0.])
    """
    n, rng = _count("n", n, 1), _generator(seed)
    if (outliers := _count("outliers", outliers, 0)) > n:
        raise ValueError(f"outliers must be at most n = {n}, got {outliers}")
    x = rng.uniform(-1, 1, n)
    y = _jitter(slope * x + intercept, noise, rng)
    y[:outliers] += 10.0
    return x[:, None], y


def make_sine(
    n: int = 100,
    *,
    noise: float = 0.1,
    heteroscedastic: bool = False,
    seed: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """One period of a noisy sine: the smallest regression that needs a curve.

    y = sin x + Normal(0, σ²), x uniform in [-π, π]. σ is `noise`; if heteroscedastic,
    σ(x) = noise · (1 + 0.9 x / π), which grows from a tenth of `noise` to 1.9 times it.

    Shapes: X (n, 1) float64; y (n,) float64.
    Raises: ValueError when n < 1 or noise < 0.

    >>> X, y = make_sine(3, noise=0.0, seed=0)
    >>> bool(np.allclose(y, np.sin(X[:, 0])))
    True
    """
    n, rng = _count("n", n, 1), _generator(seed)
    x = rng.uniform(-np.pi, np.pi, n)
    sigma = _scale("noise", noise) * (1 + 0.9 * x / np.pi if heteroscedastic else 1.0)
    return x[:, None], np.sin(x) + sigma * rng.standard_normal(n)


def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    # Imported here: importlib.resources would cost every `import microloss` several milliseconds.
    from importlib.resources import files

    with (files(__package__) / "data" / name).open("rb") as file, np.load(file) as data:
        return data["X"], data["y"]


def _generator(seed: int | np.random.Generator) -> np.random.Generator:
    # default_rng(None) would draw a seed from the system, and no run could be repeated.
    if seed is None:
        raise TypeError("seed must be an int or a numpy.random.Generator, got None; try seed=0")
    return np.random.default_rng(seed)


def _n_test(test_size: float | int, n: int) -> int:
    whole = isinstance(test_size, int | np.integer)
    if not 0 < test_size < (n if whole else 1):
        raise ValueError(
            f"test_size must be a share strictly between 0 and 1, or a whole number of rows from "
            f"1 to {n - 1}; got {test_size!r}"
        )
    n_test = int(test_size) if whole else round(test_size * n)
    if not 0 < n_test < n:
        raise ValueError(
            f"test_size={test_size} of {n} rows rounds to {n_test}, which leaves no "
            f"{'test' if n_test == 0 else 'train'} rows; pass a number of rows, or more data"
        )
    return n_test


def _check_classes(labels: np.ndarray, n_test: int) -> None:
    n = len(labels)
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        if count * min(n_test, n - n_test) < n:
            raise ValueError(
                f"stratify: class {label} has {count} of {n} rows, too few to be sure of one in "
                f"each part ({n - n_test} train, {n_test} test); move test_size towards 0.5, "
                f"merge rare classes, or pass stratify=None"
            )


def _count(name: str, value: Any, least: int) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    return count


def _scale(name: str, value: float) -> float:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} must be finite and at least 0, got {value!r}")
    return value


def _polar(radius: np.ndarray | float, angle: np.ndarray) -> np.ndarray:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _jitter(
    points: np.ndarray, noise: float, rng: np.random.Generator, name: str = "noise"
) -> np.ndarray:
    return points + _scale(name, noise) * rng.standard_normal(points.shape)
