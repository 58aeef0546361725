"""Curvature, slices and critical points, against closed forms and a real network."""

import matplotlib
import numpy as np
import pytest

import microloss as ml
from microloss import curvature, landscape, nn, optim
from microloss.losses import cross_entropy


@pytest.fixture
def network():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 3)), rng.integers(0, 3, 30)
    model = nn.MLP(3, 4, 3, activation=nn.Tanh, rng=1)
    return model.parameters(), lambda: cross_entropy(model(X), y)


def quadratic(A, x):
    p = ml.Tensor(x, requires_grad=True)
    return [p], lambda: (p @ A @ p) * 0.5


def symmetric(values, seed=0):
    Q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))
    return Q @ np.diag(values) @ Q.T


def test_hessian_equals_differences_of_gradients(network):
    params, loss = network
    H = curvature.Curvature(loss(), params).matrix()
    point, h = curvature.flatten(params), 1e-5
    for i in (0, 7, 20, point.size - 1):
        slopes = []
        for sign in (1, -1):
            shifted = point.copy()
            shifted[i] += sign * h
            curvature.assign(params, shifted)
            slopes.append(curvature.Curvature(loss(), params).gradient)
        np.testing.assert_allclose(H[i], (slopes[0] - slopes[1]) / (2 * h), atol=1e-9)
    np.testing.assert_allclose(H, H.T, atol=1e-14)


def test_product_is_a_column_combination(network):
    params, loss = network
    c = curvature.Curvature(loss(), params)
    v = np.random.default_rng(3).standard_normal(c.n)
    np.testing.assert_allclose(c.product(v), c.matrix() @ v, rtol=1e-10, atol=1e-13)
    with pytest.raises(ValueError, match=r"must be \(31,\)"):
        c.product(v[1:])


def test_a_linear_loss_and_an_unused_parameter_have_zero_curvature():
    a, b = ml.Tensor([1.0, 2.0], requires_grad=True), ml.Tensor(3.0, requires_grad=True)
    c = curvature.Curvature((3 * a).sum(), [a, b])
    assert c.gradient.tolist() == [3, 3, 0] and not c.matrix().any()


def test_lanczos_finds_the_outermost_eigenvalues():
    values = np.concatenate([[-9.0, -4.0], np.linspace(-1, 1, 60), [6.0, 20.0]])
    A = symmetric(values)
    V, T = curvature.lanczos(lambda v: A @ v, np.random.default_rng(0).standard_normal(64), 30)
    np.testing.assert_allclose(V.T @ V, np.eye(30), atol=1e-12)
    np.testing.assert_allclose(V.T @ A @ V, T, atol=1e-10)
    found = np.linalg.eigvalsh(T)
    np.testing.assert_allclose(found[[0, 1, -2, -1]], [-9, -4, 6, 20], rtol=1e-8)


def test_lanczos_stops_in_an_invariant_space():
    start = np.array([1.0, 1.0, 0.0])
    V, T = curvature.lanczos(lambda v: np.array([1.0, 2.0, 3.0]) * v, start, 3)
    assert V.shape == (3, 2) and np.allclose(np.linalg.eigvalsh(T), [1, 2])


def test_extreme_eigenvalues_of_a_network(network):
    params, loss = network
    everything = landscape.eigenvalues(loss, params)
    low, high = landscape.extreme_eigenvalues(
        loss, params, 2, rng=np.random.default_rng(0), steps=everything.size
    )
    np.testing.assert_allclose([*low, *high], everything[[0, 1, -2, -1]], rtol=1e-8)


def test_repeated_eigenvalues_are_found_as_often_as_they_occur():
    A = symmetric(np.array([3.0, 3.0, 3.0, *[0.0] * 7]))
    params, loss = quadratic(A, np.ones(10))
    low, high = landscape.extreme_eigenvalues(loss, params, 3, rng=0)
    np.testing.assert_allclose(low, [0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(high, [3, 3, 3], rtol=1e-12)
    A = symmetric(np.concatenate([[-9.0, -9.0], np.linspace(-1, 1, 60), [20.0, 20.0]]))
    low, high = landscape.extreme_eigenvalues(*quadratic(A, np.ones(64))[::-1], 3, rng=0)
    np.testing.assert_allclose(low, [-9, -9, -1], atol=1e-3)
    np.testing.assert_allclose(high, [1, 20, 20], atol=1e-3)
    np.testing.assert_allclose([*low[:2], *high[1:]], [-9, -9, 20, 20], rtol=1e-10)


def test_all_functions_take_a_tensor_a_list_or_a_generator_and_refuse_what_is_no_parameter():
    w = ml.Tensor([[1.0, 2.0]], requires_grad=True)
    loss = lambda: (w**3).sum()
    d, rng = np.array([1.0, 0.0]), np.random.default_rng
    calls = {
        "Curvature": lambda p: curvature.Curvature(loss(), p).gradient,
        "eigenvalues": lambda p: landscape.eigenvalues(loss, p),
        "extreme_eigenvalues": lambda p: landscape.extreme_eigenvalues(loss, p, rng=rng(0)),
        "sharpness": lambda p: landscape.sharpness(loss, p),
        "classify": lambda p: landscape.classify(loss, p).eigenvalues,
        "plane": lambda p: landscape.plane(loss, p, d, d, [0, 1], [0, 1]),
        "slice_line": lambda p: landscape.slice_line(loss, p, d, [0, 1]),
        "random_direction": lambda p: landscape.random_direction(p, rng=rng(0)),
        "find_critical_point": lambda p: landscape.find_critical_point(loss, p, steps=0),
    }
    for name, call in calls.items():
        expected = call([w])
        assert np.shape(expected) != (0,), name
        for given in (w, (w,), (p for p in [w])):
            np.testing.assert_array_equal(call(given), expected, err_msg=name)
        with pytest.raises(ValueError, match="empty"):
            call([])
        with pytest.raises(ValueError, match="computed by multiply"):
            call([w * 2])
        with pytest.raises(TypeError, match="must be a Tensor"):
            call([w.data])
        with pytest.raises(TypeError, match=r"pass its \.parameters"):
            call(nn.MLP(1, 1, rng=0))


def test_curvature_is_never_silently_zero(network):
    params, loss = network
    with pytest.raises(ValueError, match="none of the params"):
        landscape.eigenvalues(loss, nn.MLP(2, 2, rng=0).parameters())
    params[1].requires_grad = False
    with pytest.raises(ValueError, match=r"params\[1\] is frozen"):
        landscape.classify(loss, params)
    for call in (landscape.eigenvalues, landscape.classify, landscape.sharpness):
        with pytest.raises(TypeError, match="function without arguments"):
            call(loss(), params)
    with pytest.raises(TypeError, match="the loss must be a Tensor, got 1"):
        landscape.eigenvalues(lambda: 1.0, params[0])
    w = ml.Tensor([0.0], requires_grad=True)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="not finite"):
        landscape.eigenvalues(lambda: np.sqrt(w).sum(), w)


def test_directions_that_would_be_zero_are_refused():
    b = ml.Tensor([1.0, 2.0], requires_grad=True)
    zeros = ml.Tensor(np.zeros((2, 2)), requires_grad=True)
    for params in ([b], [zeros], [ml.Tensor(1.0, requires_grad=True), zeros, b]):
        with pytest.raises(ValueError, match="normalize=None"):
            landscape.random_direction(params, rng=0)
        assert landscape.random_direction(params, rng=0, normalize=None).all()
    with pytest.raises(TypeError, match="rng must be a seed"):
        landscape.random_direction([b], rng=None)


@pytest.mark.parametrize(
    "options, words",
    [({"k": 0}, "k must be"), ({"k": 4}, "k must be .* 3, got 4"), ({"k": 3, "steps": 2}, "steps")],
)
def test_bounds_of_extreme_eigenvalues(options, words):
    params, loss = quadratic(np.eye(3), np.ones(3))
    with pytest.raises(ValueError, match=words):
        landscape.extreme_eigenvalues(loss, params, rng=0, **options)
    with pytest.raises(ValueError, match="rho"):
        landscape.sharpness(loss, params, rho=np.nan)


def test_slices_put_the_parameters_back(network):
    params, loss = network
    before, value = curvature.flatten(params), loss().item()
    rng = np.random.default_rng(0)
    d1, d2 = (landscape.random_direction(params, rng=rng) for _ in range(2))
    heights = landscape.plane(loss, params, d1, d2, np.array([-1.0, 0.0]), np.array([0.0, 0.5, 1]))
    assert heights.shape == (3, 2) and heights[0, 1] == value
    assert np.array_equal(curvature.flatten(params), before)

    def breaks():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        landscape.slice_line(breaks, params, d1, np.ones(1))
    assert np.array_equal(curvature.flatten(params), before)
    with pytest.raises(ValueError, match="direction1"):
        landscape.plane(loss, params, d1[1:], d2, np.ones(1), np.ones(1))


def test_filter_normalised_directions_scale_with_the_network(network):
    params, _ = network
    d = landscape.random_direction(params, rng=np.random.default_rng(0))
    for p, part in zip(params, curvature.unflatten(d, params)):
        if p.ndim == 2:
            np.testing.assert_allclose(
                np.linalg.norm(part, axis=1), np.linalg.norm(p.data, axis=1), rtol=1e-12
            )
        else:
            assert not part.any()


@pytest.mark.parametrize(
    "values, kind, index",
    [
        ([1, 2, 3], "minimum", 0),
        ([-1, -2, -3], "maximum", 1),
        ([-1, 2, 3], "saddle", 1 / 3),
        ([0, 2, 3], "degenerate", 0),
    ],
)
def test_classification(values, kind, index):
    params, loss = quadratic(symmetric(np.array(values, float)), np.zeros(3))
    point = landscape.classify(loss, params)
    assert (point.kind, point.index) == (kind, index)
    np.testing.assert_allclose(point.eigenvalues, np.sort(values), atol=1e-12)
    assert point.gradient_norm == 0 and point.loss == 0


def test_search_finds_a_saddle_of_a_network():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 3)), rng.integers(0, 3, 30)
    model = nn.MLP(3, 4, 3, activation=nn.Tanh, rng=2)
    params = model.parameters()
    norm = landscape.find_critical_point(lambda: cross_entropy(model(X), y), params)
    point = landscape.classify(lambda: cross_entropy(model(X), y), params)
    assert norm <= 1e-8 and point.gradient_norm == pytest.approx(norm, rel=1e-3, abs=1e-14)
    assert point.kind == "saddle" and 0 < point.index < 1


def test_sharpness_of_a_quadratic():
    params, loss = quadratic(np.diag([2.0, 8.0]), [1.0, 0.0])
    assert landscape.sharpness(loss, params, rho=0.5) == pytest.approx(1.5**2 - 1)


@pytest.mark.parametrize("rank", [None, 2])
def test_saddle_free_newton_leaves_a_saddle_where_newton_would_stay(rank):
    p = ml.Tensor([1.0, 1e-3], requires_grad=True)
    optimizer = optim.SaddleFreeNewton([p], rank=rank)
    for _ in range(30):
        optimizer.step(lambda: p[0] ** 2 - p[1] ** 2 + 0.25 * p[1] ** 4)
    np.testing.assert_allclose(np.abs(p.data), [0, np.sqrt(2)], atol=1e-6)


def test_saddle_free_newton_in_the_krylov_space_equals_the_exact_step_when_it_is_whole(network):
    params, loss = network
    start = curvature.flatten(params)
    ends = []
    for rank in (None, start.size):
        curvature.assign(params, start)
        optim.SaddleFreeNewton(params, damping=1e-2, rank=rank).step(loss)
        ends.append(curvature.flatten(params))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6, atol=1e-8)


def test_saddle_free_newton_stays_at_a_critical_point():
    p = ml.Tensor([0.0], requires_grad=True)
    optim.SaddleFreeNewton([p]).step(lambda: (p * p).sum())
    assert p.data == 0


def test_pictures():
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    xs, ys = np.linspace(-1, 1, 5), np.linspace(-2, 2, 4)
    heights = xs**2 + ys[:, None] ** 2 + 1e-6
    fig = plt.figure()
    ax = landscape.plot_plane(
        fig.add_subplot(131), xs, ys, heights, paths={"sgd": np.zeros((3, 2))}
    )
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["sgd"]
    landscape.plot_surface(fig.add_subplot(132, projection="3d"), xs, ys, heights)
    ax = landscape.plot_spectrum(fig.add_subplot(133), np.array([-1.0, 3.0, 0.1]))
    assert ax.lines[0].get_ydata().tolist() == [3.0, 0.1, -1.0]
    fig.canvas.draw()
    plt.close(fig)
