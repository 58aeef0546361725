"""Modules: their parameters, modes, layouts, initial values and files."""

import numpy as np
import pytest

import microloss as ml
from microloss import functional as F
from microloss import nn


class Branches(nn.Module):
    """Parameters of its own, in a submodule, in a list, shared, and a constant."""

    def __init__(self):
        self.scale = ml.Tensor(2.0, requires_grad=True)
        self.offset = ml.Tensor(1.0)
        self.trunk = nn.Linear(3, 4, rng=0)
        self.heads = [nn.Linear(4, 2, rng=1), nn.Linear(4, 1, rng=2)]
        self.again = self.trunk

    def forward(self, x):
        h = np.tanh(self.trunk(x)) * self.scale + self.offset
        return [head(h) for head in self.heads]


def test_named_parameters():
    names = [name for name, _ in Branches().named_parameters()]
    assert names == [
        "scale", "trunk.weight", "trunk.bias", "heads.0.weight", "heads.0.bias", "heads.1.weight",
        "heads.1.bias", "again.weight", "again.bias",
    ]  # fmt: skip
    assert len(Branches().parameters()) == 7  # the shared ones once


def test_every_parameter_gets_a_gradient():
    model = Branches()
    a, b = model(np.ones((5, 3)))
    (a.sum() + b.sum()).backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())


def test_modes_reach_all_modules():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Sequential(nn.Dropout(0.5, rng=0)))
    x = np.ones((4, 2))
    model.eval()
    assert np.array_equal(model(x).data, model(x).data)
    model.train()
    assert not np.array_equal(model(x).data, model(x).data)


def test_state_dict_moves_and_is_a_copy():
    one, two = nn.MLP(3, 4, 2, rng=0), nn.MLP(3, 4, 2, rng=1)
    two.load_state_dict(one.state_dict())
    x = np.ones((2, 3))
    assert np.array_equal(one(x).data, two(x).data)
    two.parameters()[0].data += 1
    assert not np.array_equal(one(x).data, two(x).data)


def test_state_dict_moves_to_pytorch():
    torch = pytest.importorskip("torch")
    model = nn.MLP(3, 4, 2, rng=0)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_allclose(model(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-12)
    again = nn.MLP(3, 4, 2, rng=5)
    again.load_state_dict(theirs.state_dict())
    assert np.array_equal(again(x).data, model(x).data)


@pytest.mark.parametrize(
    "change, error, words",
    [
        (lambda s: s.pop("0.bias"), KeyError, "0.bias"),
        (lambda s: s.update(more=np.ones(1)), KeyError, "more"),
        (lambda s: s.update({"0.bias": np.ones(7)}), ValueError, "0.bias"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, error, words):
    model = nn.MLP(3, 4, 2, rng=0)
    state = nn.MLP(3, 4, 2, rng=1).state_dict()
    change(state)
    before = model.state_dict()
    with pytest.raises(error, match=words):
        model.load_state_dict(state)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())


def test_files_hold_a_whole_run(tmp_path):
    rng = np.random.default_rng(3)
    state = {
        "model": nn.MLP(2, 3, rng=0).state_dict(),
        "optimizer": {"betas": (0.9, 0.999), "step": 7, "best": float("inf"), "name": None},
        "rng": rng.bit_generator.state,
        "scalar": np.float64(0.1),
    }
    nn.save(tmp_path / "run.npz", state)
    back = nn.load(tmp_path / "run.npz")
    assert np.array_equal(back["model"]["0.weight"], state["model"]["0.weight"])
    assert back["optimizer"] == {"betas": [0.9, 0.999], "step": 7, "best": float("inf"),
                                 "name": None}  # fmt: skip
    assert back["scalar"] == 0.1
    again = np.random.default_rng()
    again.bit_generator.state = back["rng"]
    assert again.random() == rng.random()
    with pytest.raises(TypeError, match="save"):
        nn.save(tmp_path / "bad.npz", {"f": test_modes_reach_all_modules})


def test_layer_norm():
    rng = np.random.default_rng(0)
    layer, x = nn.LayerNorm(4), rng.standard_normal((3, 2, 4)) * 5 + 1
    y = layer(x).data
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=-1), 1, rtol=1e-5)
    layer.weight.data, layer.bias.data = rng.standard_normal(4), rng.standard_normal(4)
    assert ml.gradcheck(lambda x: layer(x), x, order=2)
    assert nn.LayerNorm((2, 4))(x).shape == x.shape
    with pytest.raises(ValueError, match=r"\(3, 2, 5\)"):
        layer(np.ones((3, 2, 5)))


def test_embedding_adds_up_repeated_symbols():
    layer = nn.Embedding(5, 2, rng=0)
    layer(np.array([1, 1, 4])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [0, 0], [1, 1]]
    with pytest.raises(ValueError, match="0 to 4"):
        layer(np.array([5]))
    with pytest.raises(ValueError, match="0 to 4"):
        layer(np.array([-1]))
    with pytest.raises(TypeError, match="integers"):
        layer(np.array([0.5]))


def test_dropout_keeps_the_expectation():
    layer = nn.Dropout(0.25, rng=0)
    y = layer(np.ones(100_000))
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    assert abs(y.mean() - 1) < 0.01


@pytest.mark.parametrize(
    "fill, std",
    [
        (nn.xavier_uniform_, np.sqrt(2 / 500)),
        (nn.xavier_normal_, np.sqrt(2 / 500)),
        (nn.kaiming_uniform_, np.sqrt(2 / 300)),
        (nn.kaiming_normal_, np.sqrt(2 / 300)),
    ],
)
def test_initial_values(fill, std):
    weight = ml.Tensor(np.zeros((200, 300)), requires_grad=True)
    assert fill(weight, rng=0) is weight
    assert abs(weight.data.std() / std - 1) < 0.02 and abs(weight.data.mean()) < std / 50
    if "uniform" in fill.__name__:
        assert np.abs(weight.data).max() <= np.sqrt(3) * std
    with pytest.raises(ValueError, match="fan"):
        fill(ml.Tensor([1.0]), rng=0)


def test_linear_without_bias_and_the_bounds_of_its_values():
    layer = nn.Linear(100, 50, rng=0, bias=False, dtype=np.float32)
    assert len(layer.parameters()) == 1 and layer.weight.dtype == np.float32
    assert 0.09 < np.abs(layer.weight.data).max() <= 0.1
    with pytest.raises(ValueError, match=r"\(2, 99\)"):
        layer(np.ones((2, 99)))


@pytest.mark.parametrize(
    "module, function",
    [
        (nn.ELU, F.elu), (nn.GELU, F.gelu), (nn.LeakyReLU, F.leaky_relu), (nn.ReLU, F.relu),
        (nn.Sigmoid, F.sigmoid), (nn.SiLU, F.silu), (nn.Softplus, F.softplus), (nn.Tanh, np.tanh),
    ],
)  # fmt: skip
def test_activations(module, function):
    x = np.linspace(-3, 3, 7)
    assert np.array_equal(module()(x), function(x)) and not module().parameters()


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: nn.MLP(3, rng=0), ValueError, "sizes"),
        (lambda: nn.Sequential(np.tanh), TypeError, "argument 0"),
        (lambda: nn.Dropout(1.0, rng=0), ValueError, "p must"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
