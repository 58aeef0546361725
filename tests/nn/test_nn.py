"""Modules: their parameters, modes, layouts, initial values and files."""

import copy
import pickle
import zipfile

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


# ---- what is a parameter -------------------------------------------------------------------------


class Keeps(nn.Module):
    """Keeps what forward() computes, with and without a graph."""

    def __init__(self):
        self.weight = ml.Tensor([1.0, 2.0], requires_grad=True)
        self.seen = []

    def forward(self, x):
        self.hidden = np.tanh(self.weight * x)
        self.seen.append(self.hidden)
        self.kept = {"hidden": self.hidden}
        with ml.no_grad():
            self.mean = np.mean(self.hidden)
        return self.hidden


def test_what_forward_keeps_is_not_a_parameter():
    model = Keeps()
    before = model.state_dict()
    model(np.ones(2))
    model(np.ones(2))
    assert model.parameters() == [model.weight] and list(model.state_dict()) == ["weight"]
    model.load_state_dict(before)


def test_frozen_parameters_stay_in_the_state():
    model = Branches()
    model.rows = [ml.Tensor([1.0], requires_grad=True), ml.Tensor([2.0], requires_grad=True)]
    names = [name for name, _ in model.named_parameters()]
    assert names[-2:] != ["rows.0", "rows.1"] and "rows.1" in names
    assert model.requires_grad_(False) is model
    assert [name for name, _ in model.named_parameters()] == names == list(model.state_dict())
    assert not any(p.requires_grad for p in model.parameters())
    del model.rows[0]
    assert "rows.0" in model.state_dict() and model.state_dict()["rows.0"] == 2
    copied = copy.deepcopy(model)
    assert list(copied.state_dict()) == list(model.state_dict())
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_frozen_at_once_after_being_appended():
    class Rows(nn.Module):
        def __init__(self):
            self.rows = []
            self.rows.append(ml.Tensor([1.0], requires_grad=True))

    model = Rows()
    model.rows[0].requires_grad = False
    assert list(model.state_dict()) == ["rows.0"]


def test_containers():
    class Net(nn.Module):
        def __init__(self):
            self.blocks = {"a": [nn.Linear(1, 1, rng=0, bias=False)], "b": (nn.ReLU(),)}
            self.scales = {"x": ml.Tensor(1.0, requires_grad=True), 3: "text"}

    model = Net()
    assert list(model.state_dict()) == ["scales.x", "blocks.a.0.weight"]
    model.eval()
    assert not model.blocks["b"][0].training
    with pytest.raises(TypeError, match=r"layers is a set.* list"):
        model.layers = {nn.ReLU()}
    with pytest.raises(KeyError, match="1 and '1'"):
        model.layers = {1: nn.ReLU(), "1": nn.ReLU()}


@pytest.mark.parametrize(
    "value", [np.ones(2), 1.0, ml.Tensor([1.0, 1.0]), ml.Tensor([1.0], requires_grad=True) * 2]
)
def test_nothing_but_a_parameter_replaces_a_parameter(value):
    model = Keeps()
    with pytest.raises(TypeError, match=r"weight is a parameter, .* weight\.data"):
        model.weight = value
    assert model.weight.data.tolist() == [1, 2]


def test_a_parameter_may_be_replaced_or_removed():
    model = Keeps()
    model.weight = ml.Tensor([5.0, 6.0], requires_grad=True)
    assert model.state_dict()["weight"].tolist() == [5, 6]
    with ml.no_grad():
        model.weight += 1
    model.weight.requires_grad = False
    model.weight = model.weight
    assert model.state_dict()["weight"].tolist() == [6, 7]
    model.weight = None
    assert not model.parameters()


def test_a_weight_that_was_computed_in_init_is_refused():
    class Scaled(nn.Module):
        def __init__(self):
            self.rows = [ml.Tensor([1.0], requires_grad=True) * 0.1]

    with pytest.raises(TypeError, match=r"Scaled\.rows\.0 was computed by multiply"):
        Scaled()


def test_buffers():
    class Norm(nn.Module):
        def __init__(self):
            self.register_buffer("mean", np.zeros(2))
            self.register_buffer("count", np.array(0))
            self.register_buffer("scale", ml.Tensor([1.0]))

        def forward(self, x):
            self.mean = 0.5 * self.mean + 0.5 * x.mean(axis=0)
            self.count = self.count + 1
            return x - self.mean

    model = nn.Sequential(Norm())
    model(np.full((3, 2), 4.0))
    state = model.state_dict()
    assert state["0.mean"].tolist() == [2, 2] and state["0.count"] == 1 and state["0.scale"] == 1
    assert not model.parameters()
    assert [name for name, _ in model.named_buffers()] == ["0.mean", "0.count", "0.scale"]
    again = nn.Sequential(Norm())
    again.load_state_dict(state)
    assert again[0].mean.tolist() == [2, 2] and again[0].count.dtype == model[0].count.dtype
    state["0.mean"][0] = 9
    assert again[0].mean[0] == 2
    with pytest.raises(TypeError, match=r"0\.count holds int64, the state_dict has float64"):
        again.load_state_dict(state | {"0.count": np.array(1.5)})
    with pytest.raises(TypeError, match="buffer mean: a constant"):
        model[0].mean = ml.Tensor([1.0, 2.0], requires_grad=True) * 2
    with pytest.raises(TypeError, match="buffer mean must be real"):
        model[0].mean = None
    with pytest.raises(KeyError, match="training is"):
        nn.ReLU().eval().register_buffer("training", 1.0)


def test_calls_with_names_and_printing():
    class Net(nn.Module):
        def __init__(self):
            self.head = nn.Sequential(nn.Linear(3, 2, rng=0), nn.LeakyReLU(0.2), nn.GELU())
            self.drop = nn.Dropout(0.1, rng=0)

        def forward(self, x, *, times):
            return self.head(x) * times

    model, x = Net(), np.ones((1, 3))
    assert np.array_equal(model(x, times=2.0).data, 2 * model.head(x).data)
    assert (
        repr(model)
        == """Net(
  (head): Sequential(
    (0): Linear(in_features=3, out_features=2, bias=True)
    (1): LeakyReLU(negative_slope=0.2)
    (2): GELU(approximate='none')
  )
  (drop): Dropout(p=0.1)
)"""
    )
    assert repr(nn.Sequential(nn.LayerNorm((2, 3)), nn.Embedding(4, 5, rng=0))) == (
        "Sequential(\n  (0): LayerNorm((2, 3), eps=1e-05)\n  (1): Embedding(4, 5)\n)"
    )
    with pytest.raises(NotImplementedError, match="Module must define forward"):
        nn.Module()(x)


def test_zero_grad():
    model = nn.MLP(2, 2, rng=0)
    model(np.ones((1, 2))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_parts_of_a_sequential():
    model = nn.MLP(3, 4, 2, rng=0)
    first = model[:2]
    assert type(first) is nn.Sequential and len(first) == 2 and first[0] is model[0]
    assert list(first.state_dict()) == ["0.weight", "0.bias"]
    assert model[-1] is model.modules[2] and [*model] == [*model.modules]


def test_options_of_activations():
    x = np.array([-1.0, 2.0])
    assert nn.LeakyReLU(0.5)(x).tolist() == [-0.5, 2]
    assert np.array_equal(nn.ELU(2.0)(x), F.elu(x, alpha=2.0))
    assert np.array_equal(nn.GELU("tanh")(x), F.gelu(x, approximate="tanh"))


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda **rng: nn.Linear(3, 2, **rng),
        lambda **rng: nn.MLP(3, 2, **rng),
        lambda **rng: nn.Embedding(3, 2, **rng),
        lambda **rng: nn.Dropout(0.5, **rng),
        lambda **rng: nn.xavier_uniform_(ml.Tensor(np.ones((2, 2))), **rng),
        lambda **rng: nn.xavier_normal_(ml.Tensor(np.ones((2, 2))), **rng),
        lambda **rng: nn.kaiming_uniform_(ml.Tensor(np.ones((2, 2))), **rng),
        lambda **rng: nn.kaiming_normal_(ml.Tensor(np.ones((2, 2))), **rng),
    ],
)
def test_every_draw_asks_for_a_seed(make):
    with pytest.raises(TypeError, match=r"rng must be a seed .* got None; pass rng=0"):
        make()
    for rng in (0.5, "0", -1):
        with pytest.raises(TypeError, match="rng must be a seed"):
            make(rng=rng)
    make(rng=np.int64(1))
    make(rng=np.random.default_rng(1))


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: nn.Linear(0, 2, rng=0), ValueError, "in_features must be .* got 0"),
        (lambda: nn.Linear(2, 1.5, rng=0), ValueError, "out_features must be .* got 1.5"),
        (lambda: nn.Embedding(-1, 2, rng=0), ValueError, "num_embeddings must be .* got -1"),
        (lambda: nn.LayerNorm(()), ValueError, "at least one axis"),
        (lambda: nn.LayerNorm(2, eps=0), ValueError, "eps > 0"),
        (lambda: nn.LayerNorm((2, 0)), ValueError, "normalized_shape must be .* got 0"),
        (lambda: nn.MLP(2, 2, rng=0, activation=nn.ReLU()), TypeError, "a class, such as nn.ReLU"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"Sequential\(\*modules\)"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, r"it is a class: write ReLU\(\)"),
        (lambda: nn.Sequential(F.relu), TypeError, "wrap a function in a Module"),
        (lambda: nn.Embedding(3, 2, rng=0)(ml.Tensor([1])), TypeError, "Tensors hold floats"),
        (lambda: nn.xavier_normal_(nn.ReLU(), rng=0), TypeError, "must be a Tensor"),
        (lambda: nn.MSELoss(), AttributeError, "losses.mse_loss"),
        (lambda: nn.Parameter, AttributeError, "requires_grad=True"),
        (lambda: nn.ModuleList, AttributeError, "a plain list"),
        (lambda: nn.nothing, AttributeError, "microloss.nn has no attribute 'nothing'$"),
    ],
)
def test_messages(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_state_that_is_no_state():
    model = nn.MLP(2, 2, rng=0)
    with pytest.raises(TypeError, match=r"state_dict must be a dict .* nn\.load"):
        model.load_state_dict("run.npz")
    with pytest.raises(KeyError, match=r"lacks \['0.bias', '0.weight'\], and \[0\] is unknown"):
        model.load_state_dict({0: np.ones(2)})
    state = model.state_dict()
    with pytest.raises(TypeError, match=r"0.bias holds float64, the state_dict has complex128"):
        model.load_state_dict(state | {"0.bias": np.ones(2) * 1j})
    with pytest.raises(ValueError, match=r"0.bias has shape \(2,\), in the state_dict it has \(1,"):
        model.load_state_dict(state | {"0.bias": np.ones((1, 2))})
    model.load_state_dict({name: ml.Tensor(v + 1) for name, v in state.items()})
    assert np.array_equal(model.state_dict()["0.bias"], state["0.bias"] + 1)


# ---- files ---------------------------------------------------------------------------------------


def test_keys_and_text_survive(tmp_path):
    state = {1: "a", "1": "b", "words": np.array(["x", "yz"]), "deep": [{"empty": {}}], -2: None}
    nn.save(tmp_path / "s.npz", state)
    back = nn.load(tmp_path / "s.npz")
    assert back.pop("words").tolist() == ["x", "yz"]
    assert back == {1: "a", "1": "b", "deep": [{"empty": {}}], -2: None}


@pytest.mark.parametrize(
    "value, words",
    [
        (print, r"state\['a'\]\[1\] is <built-in"),
        (np.array([{}]), "state.* arrays of numbers"),
        (np.ma.array([1.0], mask=[1]), "filled"),
        (ml.Tensor([1.0]), r"t\.data"),
        (nn.ReLU(), r"\.state_dict\(\)"),
        ({1.5: 2}, r"keys must be .* 1\.5"),
        (1j, "state"),
        (np.longdouble(1), "state"),
    ],
)
def test_what_cannot_be_saved_leaves_the_file_alone(tmp_path, value, words):
    path = tmp_path / "s.npz"
    nn.save(path, {"kept": 1})
    with pytest.raises(TypeError, match=words):
        nn.save(path, {"a": [0, value]})
    assert nn.load(path) == {"kept": 1}


def test_other_files_are_told(tmp_path):
    path = tmp_path / "f"
    with pytest.raises(FileNotFoundError):
        nn.load(path)
    for content, words in {
        b"": "empty or cut short",
        pickle.dumps({"a": 1}): "not an .npz",
        b"a,b\n1,2": "not an .npz",
    }.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            nn.load(path)
    np.save(tmp_path / "f.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"one array of shape \(3,\): read it with np.load"):
        nn.load(tmp_path / "f.npy")
    np.savez(tmp_path / "f.npz", x=np.ones(3))
    with pytest.raises(ValueError, match=r"holds \['x'\]"):
        nn.load(tmp_path / "f.npz")
    path.write_bytes((tmp_path / "f.npz").read_bytes()[:80])
    with pytest.raises(ValueError, match="cut short"):
        nn.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"")
    with pytest.raises(ValueError, match=r"torch\.save"):
        nn.load(path)
