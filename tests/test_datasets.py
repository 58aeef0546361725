"""The shipped data are the published tables; splits and toy data are what their formulas say."""

import hashlib
import inspect
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from microloss import datasets
from microloss.datasets import (
    DIABETES_FEATURES,
    load_diabetes,
    load_digits,
    make_blobs,
    make_line,
    make_moons,
    make_rings,
    make_sine,
    make_spirals,
    standardize,
    train_test_split,
)

SEEDS = range(5)
CLASSIFICATION = [make_moons, make_spirals, make_rings, make_blobs]
REGRESSION = [make_line, make_sine]
MAKERS = CLASSIFICATION + REGRESSION


def sha256(array):
    # Little-endian bytes, so that the sum is the same on every machine.
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


# ------------------------------------------------------------------------------- shipped data


def test_digits_are_the_published_test_set():
    X, y = load_digits()
    assert X.shape == (1797, 64) and X.dtype == np.float64
    assert y.shape == (1797,) and y.dtype == np.int64
    assert X.min() == 0 and X.max() == 16 and (X % 1 == 0).all()
    # The class counts of optdigits.tes as its own description lists them.
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert X.sum() == 561718
    assert sha256(X) == "20def7f70a702f0af9732fbba4375e147a7d54fe70d8c45569b8e7c1c7010c10"
    assert sha256(y) == "a3c91c262eddcf7ba8f0e37507c30284493c9b20412ffe4af30d536401f7ba21"


def test_diabetes_is_the_published_table():
    X, y = load_diabetes()
    assert X.shape == (442, 10) and X.dtype == np.float64
    assert y.shape == (442,) and y.dtype == np.float64
    assert [*X[0], y[0]] == [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87, 151]
    assert len(DIABETES_FEATURES) == 10 and y.sum() == 67243
    assert sha256(X) == "6b93b2556c8942c79d8374838768047adf9d1f4044510b9f948ddace62567d75"
    assert sha256(y) == "4911e8747aff95aa1cd523fea86dd91cfd1cd14c1a8ead274f1913b14fa853c4"


def test_diabetes_columns_are_what_the_docstring_says():
    X, y = load_diabetes()
    column = dict(zip(DIABETES_FEATURES, X.T, strict=True))
    assert set(column["sex"]) == {1, 2}
    friedewald = column["tc"] - column["hdl"] - np.exp(column["ltg"]) / 5
    assert np.sum(np.abs(column["ldl"] - friedewald) < 0.05) == 438
    # Mean arterial pressure is (systolic + 2 diastolic) / 3: thirds of whole mm Hg.
    thirds = 3 * column["bp"]
    assert np.abs(thirds - thirds.round()).max() < 0.011
    ratio, whole = column["tc"] / column["hdl"], column["tch"] % 1 == 0
    assert 0.5 < whole.mean() < 1
    assert np.abs(column["tch"] - ratio)[whole].max() < 0.65
    assert np.abs(column["tch"] - ratio)[~whole].max() < 0.05
    assert (y.min(), y.max()) == (25, 346)


@pytest.mark.parametrize("load", [load_digits, load_diabetes])
def test_loaded_arrays_belong_to_the_caller(load):
    X, y = load()
    X += 1
    y += 1
    fresh_X, fresh_y = load()
    np.testing.assert_array_equal(X, fresh_X + 1)
    np.testing.assert_array_equal(y, fresh_y + 1)


@pytest.mark.parametrize("load", [load_digits, load_diabetes])
def test_source_and_licence_travel_with_the_data(load):
    path = files("microloss") / "data" / f"{load.__name__.removeprefix('load_')}.npz"
    with path.open("rb") as file, np.load(file) as data:
        source, licence = str(data["source"]), str(data["license"])
    told = " ".join(load.__doc__.split())
    for url in [word.strip(";,") for word in source.split() if word.startswith("https:")]:
        assert url in told
    named = {load_digits: "CC BY 4.0", load_diabetes: "GPL-2"}[load]
    assert named in licence and named in told


def test_import_reads_no_data():
    code = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        "import microloss.datasets\n"
        "assert not [name for name in opened if name.endswith('.npz')], opened"
    )
    root = Path(datasets.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


# ----------------------------------------------------------------------------- train_test_split


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("test_size", [0.25, 0.1, 0.61, 7, 53])
def test_split_is_a_partition(seed, stratified, test_size):
    rows = np.arange(60)
    labels = rows % 2 if stratified else None
    train, test, train_pairs, test_pairs = train_test_split(
        rows, np.column_stack([rows, -rows]), test_size=test_size, seed=seed, stratify=labels
    )
    expected = test_size if test_size >= 1 else round(60 * test_size)
    assert len(test) == expected and len(train) == 60 - expected
    assert sorted([*train, *test]) == rows.tolist()
    assert (train_pairs == np.column_stack([train, -train])).all()
    assert (test_pairs == np.column_stack([test, -test])).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("test_size", [0.25, 0.2, 0.5, 0.77, 331])
def test_stratified_classes_keep_their_share(seed, test_size):
    _, y = load_digits()
    y = y[(y > 0) | (np.arange(len(y)) % 7 == 0)]  # digit 0 made rare
    train, test = train_test_split(y, test_size=test_size, seed=seed, stratify=y)
    share = np.bincount(y) * len(test) / len(y)
    assert (np.abs(np.bincount(test, minlength=10) - share) < 1).all()
    assert (np.bincount(train) + np.bincount(test) == np.bincount(y)).all()


def test_every_row_and_every_pair_is_as_likely_to_be_tested():
    draws, labels = 4000, np.repeat([0, 1], [9, 21])
    for stratify in (None, labels):
        rng, chosen = np.random.default_rng(0), np.zeros((draws, 30))
        for row in chosen:
            row[train_test_split(np.arange(30), test_size=7, seed=rng, stratify=stratify)[1]] = 1
        within = chosen[:, labels == 1]  # rows of one class: alike under either kind of split
        pairs = (within.T @ within / draws)[np.triu_indices(21, 1)]
        for share in (chosen.mean(axis=0), pairs):
            p = share.mean()
            assert np.abs(share - p).max() < 5 * np.sqrt(p * (1 - p) / draws)


@pytest.mark.parametrize("part", [0, 1])
def test_split_parts_are_not_sorted_by_class(part):
    y = np.repeat([0, 1], 100)
    assert (np.diff(train_test_split(y, test_size=0.5, seed=0, stratify=y)[part]) < 0).any()


def test_split_takes_a_generator_and_moves_it_on():
    rows = np.arange(100)
    first = train_test_split(rows, seed=3)
    rng = np.random.default_rng(3)
    assert (train_test_split(rows, seed=rng)[1] == first[1]).all()
    assert (train_test_split(rows, seed=rng)[1] != first[1]).any()


def test_split_returns_copies():
    rows = np.arange(10)
    for part in train_test_split(rows, seed=0):
        part[:] = -1
    assert rows.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("arrays", "options", "error", "message"),
    [
        ((), {}, ValueError, "no arrays"),
        ((np.ones((6, 2)), np.ones(5)), {}, ValueError, r"\(6, 2\), \(5,\)"),
        ((np.ones(6), 3.0), {}, ValueError, r"\(6,\), \(\)"),
        ((3.0,), {}, ValueError, r"shapes \(\)"),
        ((np.ones(6),), {"stratify": [0, 1]}, ValueError, r"stratify.* has \(2,\)"),
        ((np.ones(6),), {"stratify": np.eye(6)}, ValueError, r"stratify.* has \(6, 6\)"),
        ((np.ones(6),), {"test_size": 0.0}, ValueError, "test_size .* got 0.0"),
        ((np.ones(6),), {"test_size": 1.0}, ValueError, "test_size .* got 1.0"),
        ((np.ones(6),), {"test_size": -0.2}, ValueError, "test_size .* got -0.2"),
        ((np.ones(6),), {"test_size": float("nan")}, ValueError, "test_size .* got nan"),
        ((np.ones(6),), {"test_size": 6}, ValueError, "from 1 to 5; got 6"),
        ((np.ones(6),), {"test_size": 0.01}, ValueError, "no test rows"),
        ((np.ones(6),), {"test_size": 0.99}, ValueError, "no train rows"),
        ((np.ones(8),), {"stratify": [0] * 7 + [5]}, ValueError, "class 5 has 1 of 8 rows"),
        ((np.ones(9),), {"test_size": 7, "stratify": [0] * 5 + [1] * 4}, ValueError, "class 1 has"),
        ((np.ones(6),), {"seed": None}, TypeError, "seed .* try seed=0"),
    ],
)
def test_split_names_the_error(arrays, options, error, message):
    with pytest.raises(error, match=message):
        train_test_split(*arrays, **{"seed": 0, **options})


# ----------------------------------------------------------------------------------- standardize


def test_standardize_uses_the_statistics_of_train():
    rng = np.random.default_rng(0)
    train, test = rng.normal(50, 9, (40, 3)), rng.normal(-2, 1, (15, 3))
    scaled_train, scaled_test = standardize(train, test)
    np.testing.assert_allclose(scaled_train.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose((scaled_train**2).mean(axis=0), 1, rtol=1e-13)
    np.testing.assert_allclose(
        scaled_test * train.std(axis=0) + train.mean(axis=0), test, rtol=1e-12
    )


def test_standardize_leaves_constant_columns_at_zero():
    # 0.1 summed 7 times and divided by 7 is not 0.1: a naive std is 1e-17 here, not 0.
    train = np.column_stack([np.full(7, 0.1), np.arange(7.0)])
    assert train[:, 0].std() != 0
    scaled, other = standardize(train, np.array([[0.1, 3.0], [2.1, 3.0]]))
    assert (scaled[:, 0] == 0).all()
    np.testing.assert_allclose(other, [[0, 0], [2, 0]], atol=1e-15)


def test_standardize_digits_has_no_nan():
    scaled = standardize(load_digits()[0])
    assert np.isfinite(scaled).all() and (scaled[:, 0] == 0).all()


def test_standardize_takes_targets_and_keeps_its_input():
    y = np.array([1, 2, 6])
    scaled = standardize(y)
    np.testing.assert_allclose(scaled, (y - 3) / np.sqrt(14 / 3), rtol=1e-15)
    assert y.tolist() == [1, 2, 6]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.ones((4, 3)), np.ones((4, 2))), r"\(4, 2\) .* train.* \(4, 3\)"),
        ((np.ones((0, 3)),), r"train has shape \(0, 3\)"),
        ((3.0,), r"train has shape \(\)"),
    ],
)
def test_standardize_names_the_error(arrays, message):
    with pytest.raises(ValueError, match=message):
        standardize(*arrays)


# ------------------------------------------------------------------------------------- toy data


@pytest.mark.parametrize("make", CLASSIFICATION)
def test_classification_shapes(make):
    X, y = make(101, seed=0)
    assert X.shape == (101, 2) and X.dtype == np.float64
    assert y.shape == (101,) and y.dtype == np.int64
    assert np.ptp(np.bincount(y)) <= 1


@pytest.mark.parametrize("make", REGRESSION)
def test_regression_shapes(make):
    X, y = make(101, seed=0)
    assert X.shape == (101, 1) and X.dtype == np.float64
    assert y.shape == (101,) and y.dtype == np.float64


@pytest.mark.parametrize("make", MAKERS)
def test_seed_decides_everything(make):
    (X, y), (again_X, again_y) = make(seed=1), make(seed=np.random.default_rng(1))
    np.testing.assert_array_equal(X, again_X)
    np.testing.assert_array_equal(y, again_y)
    assert np.any(make(seed=2)[0] != X)


@pytest.mark.parametrize("make", MAKERS)
def test_seed_is_required(make):
    with pytest.raises(TypeError, match="seed"):
        make()
    with pytest.raises(TypeError, match=r"seed .* try seed=0"):
        make(seed=None)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", MAKERS)
def test_noise_has_the_stated_size(make, seed):
    name = "spread" if make is make_blobs else "noise"
    clean_X, clean_y = make(20000, **{name: 0.0}, seed=seed)
    X, y = make(20000, **{name: 0.3}, seed=seed)
    residual = X - clean_X if make in CLASSIFICATION else y - clean_y
    # Five standard errors of a mean and of a standard deviation.
    assert abs(residual.mean()) < 5 * 0.3 / np.sqrt(residual.size)
    assert abs(residual.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * residual.size)
    if make in CLASSIFICATION:
        assert (y == clean_y).all()
        assert abs(np.corrcoef(residual.T)[0, 1]) < 5 / np.sqrt(20000)


def test_moons_lie_on_half_circles():
    X, y = make_moons(300, noise=0.0, seed=0)
    centers = np.array([[0, 0], [1, 0.5]])
    np.testing.assert_allclose(np.linalg.norm(X - centers[y], axis=1), 1, rtol=1e-14)
    side = (X - centers[y])[:, 1]
    assert (side[y == 0] > 0).all() and (side[y == 1] < 0).all()


def test_spirals_turn_with_the_radius():
    X, y = make_spirals(300, noise=0.0, turns=2.0, classes=3, seed=0)
    r = np.hypot(*X.T)
    assert r.max() < 1
    unwound = np.exp(1j * (np.arctan2(X[:, 1], X[:, 0]) - 4 * np.pi * r))
    np.testing.assert_allclose(unwound, np.exp(2j * np.pi * y / 3), atol=1e-11)


def test_rings_have_one_radius_per_class():
    X, y = make_rings(300, noise=0.0, classes=4, seed=0)
    np.testing.assert_allclose(np.hypot(*X.T), (y + 1) / 4, rtol=1e-14)
    for k in range(4):
        assert len(np.unique(np.sign(X[y == k]), axis=0)) == 4, "a quadrant is empty"


def test_blobs_sit_on_their_centers():
    X, y = make_blobs(8, centers=4, spread=0.0, seed=0)
    circle = np.array([[4, 0], [0, 4], [-4, 0], [0, -4]])
    np.testing.assert_allclose(X, circle[y], atol=1e-14)
    X, y = make_blobs(6, centers=[[1.0, 2, 3], [4, 5, 6]], spread=0.0, seed=0)
    np.testing.assert_array_equal(X, np.array([[1, 2, 3], [4, 5, 6]])[y])


def test_line_moves_only_its_outliers():
    X, y = make_line(40, slope=-3.0, intercept=2.0, noise=0.0, seed=5)
    np.testing.assert_allclose(y, 2 - 3 * X[:, 0], rtol=1e-14)
    X, y = make_line(40, seed=5)
    same_X, moved = make_line(40, outliers=3, seed=5)
    np.testing.assert_array_equal(same_X, X)
    np.testing.assert_array_equal(moved[3:], y[3:])
    np.testing.assert_allclose(moved[:3] - y[:3], 10, rtol=1e-14)


@pytest.mark.parametrize("seed", SEEDS)
def test_heteroscedastic_sine_spreads_as_stated(seed):
    X, y = make_sine(20000, noise=0.2, heteroscedastic=True, seed=seed)
    x = X[:, 0]
    z = (y - np.sin(x)) / (0.2 * (1 + 0.9 * x / np.pi))
    for part in (x < -2, x > 2):
        assert abs(z[part].std() - 1) < 5 / np.sqrt(2 * part.sum())


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (make_moons, {"n": 1}, ValueError, "n must be at least 2, got 1"),
        (make_moons, {"n": 10.5}, TypeError, "n must be a whole number, got 10.5"),
        (make_moons, {"noise": -0.1}, ValueError, "noise .* got -0.1"),
        (make_spirals, {"n": 2, "classes": 3}, ValueError, "n must be at least 3"),
        (make_spirals, {"classes": 0}, ValueError, "classes must be at least 1"),
        (make_spirals, {"turns": -1}, ValueError, "turns .* got -1"),
        (make_rings, {"classes": 0}, ValueError, "classes must be at least 1"),
        (make_rings, {"n": 1}, ValueError, "n must be at least 2"),
        (make_rings, {"noise": float("nan")}, ValueError, "noise .* got nan"),
        (make_blobs, {"centers": 0}, ValueError, "centers must be at least 1"),
        (make_blobs, {"centers": [1.0, 2.0]}, ValueError, r"centers .* got shape \(2,\)"),
        (make_blobs, {"centers": np.ones((0, 2))}, ValueError, r"centers .* got shape \(0, 2\)"),
        (make_blobs, {"n": 2}, ValueError, "n must be at least 3"),
        (make_blobs, {"spread": -1.0}, ValueError, "spread .* got -1.0"),
        (make_line, {"n": 0}, ValueError, "n must be at least 1"),
        (make_line, {"outliers": 101}, ValueError, "outliers must be at most n = 100, got 101"),
        (make_line, {"outliers": -1}, ValueError, "outliers must be at least 0"),
        (make_line, {"noise": np.inf}, ValueError, "noise .* got inf"),
        (make_sine, {"n": 0}, ValueError, "n must be at least 1"),
        (make_sine, {"noise": -1}, ValueError, "noise .* got -1"),
    ],
)
def test_makers_name_the_error(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options, seed=0)


def test_every_maker_is_tested():
    defined = inspect.getmembers(datasets, inspect.isfunction)
    assert {f for name, f in defined if name.startswith("make_")} == set(MAKERS)
