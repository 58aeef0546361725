"""The table of PyTorch's names: every replacement runs, and none of the names is ours already."""

import numpy as np
import pytest

import microloss as ml
from microloss import functional as F
from microloss import losses, nn, optim, training
from microloss.pytorch_names import PYTORCH, hint, markdown, no_attribute

NAMES = [
    (section, name, ours, why)
    for section, rows in PYTORCH.items()
    for names, ours, why in rows
    for name in names.split()
]
WORDS = ("a plain list", "a plain dict", "nothing")


def test_each_name_stands_once():
    names = [name for _, name, *_ in NAMES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("section, name, ours, why", NAMES, ids=[row[1] for row in NAMES])
def test_every_replacement_runs(section, name, ours, why):
    if ours in WORDS:
        return
    rng = np.random.default_rng(0)
    t = ml.Tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True)
    names = {
        "np": np, "ml": ml, "F": F, "losses": losses, "nn": nn, "optim": optim, "rng": rng, "t": t,
        "training": training, "array": t.data, "new_values": t.data + 1, "width": 2, "symbols": 5,
        "n": 4, "batch_size": 2,
    }  # fmt: skip
    if section == "options" and ours != "nothing":
        assert ours in ("axis=", "keepdims=", "rng=")
    else:
        exec(ours.format(name), names)


def test_no_name_is_ours_already():
    homes = {
        "Tensor methods": [ml.Tensor],
        "torch": [ml, training],
        "nn": [nn],
        "losses": [nn],
        "torch.nn.functional": [F],
    }
    for section, name, *_ in NAMES:
        for home in homes.get(section, ()):
            assert not hasattr(home, name), (section, name)


def test_every_name_is_pytorch_s():
    torch = pytest.importorskip("torch")
    homes = {
        "Tensor methods": torch.Tensor,
        "torch": (torch, torch.utils.data, torch.optim),
        "nn": torch.nn,
        "losses": torch.nn,
        "torch.nn.functional": torch.nn.functional,
    }
    for section, name, *_ in NAMES:
        home = homes.get(section)
        if home is not None:
            assert any(hasattr(h, name) for h in (home if type(home) is tuple else (home,))), name


def test_hint():
    assert hint("tanh") == "; for PyTorch's tanh use np.tanh(t)"
    assert hint("mse_loss") == "; for PyTorch's mse_loss use losses.mse_loss"
    assert "n - 1" in hint("unbiased=")
    assert hint("dim=") == "; for PyTorch's dim= use axis=" and "t.ndim" in hint("dim")
    assert hint("tan h") == hint("") == hint("view size") == ""
    assert str(no_attribute("microloss.nn", "nothing")) == "microloss.nn has no attribute 'nothing'"


def test_markdown_has_every_name():
    table = markdown()
    assert all(f"`{name}`" in table for _, name, *_ in NAMES)
    assert "| `unsqueeze` | `np.expand_dims(t, 0)` (or t[None]) |" in table
    assert "divide by n here, and by n - 1 there" in table
    assert all(line.count("|") == 3 for line in table.splitlines())


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda t: F.softmax(t, 1),
            r"softmax\(x.*, \*, axis=-1\).*: too many positional arguments",
        ),
        (lambda t: F.softmax(t, dim=1), r"unexpected keyword argument 'dim'.*use axis="),
        (lambda t: F.logsumexp(t, axis=1, keepdim=True), "for PyTorch's keepdim= use keepdims="),
        (lambda t: F.logsumexp(t.data, 1), "is passed by name"),
        (lambda t: F.cross_entropy, "PyTorch's cross_entropy use losses.cross_entropy"),
        (lambda t: ml.relu, r"PyTorch's relu use F.relu\(t\)"),
        (lambda t: ml.manual_seed, "microloss has no attribute 'manual_seed'; for PyTorch's"),
        (lambda t: losses.CrossEntropyLoss, "PyTorch's CrossEntropyLoss use losses.cross_entropy"),
        (lambda t: losses.nonsense, "microloss.losses has no attribute 'nonsense'$"),
    ],
)
def test_pytorchs_spellings_get_a_word(call, words):
    with pytest.raises((TypeError, AttributeError), match=words):
        call(ml.Tensor(np.ones((2, 3)), requires_grad=True))
