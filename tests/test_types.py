"""Type checkers see what the library is: a user's script in strict mode, the library by default."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="the extra `dev` has mypy")
ROOT = Path(__file__).resolve().parents[1]

SCRIPT = """
import numpy as np

import microloss as ml
from microloss import Tensor, losses, nn, optim
from microloss import functional as F


class Network(nn.Module):
    def __init__(self) -> None:
        self.hidden = nn.Linear(2, 8, rng=0)
        self.scale = Tensor(1.0, requires_grad=True)

    def forward(self, x: np.ndarray) -> Tensor:
        h: Tensor = np.tanh(self.hidden(x))
        return F.relu(h @ np.ones((8, 2)) * self.scale - 0.5)


@ml.primitive(lambda g, y, x: g * 3 * x * x)
def cube(x: Tensor) -> Tensor:
    return x * x * x


def own_loss(x: Tensor) -> Tensor:
    y = 2 * x - x / 3 + (-x) ** 2 + abs(x) @ x
    z: Tensor = y.sum(axis=0).reshape(1).clip(0.0, 1.0)
    mask: np.ndarray = x > 1
    return z[0] + cube(x).mean() + float(mask.sum())


X, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
model = Network()
optimizer = optim.Adam(model.parameters(), lr=0.01)
for step in range(3):
    optimizer.zero_grad()
    loss = losses.cross_entropy(model(X), y, reduction="mean")
    loss.backward()
    optimizer.step()
    number: float = loss.item()
point = Tensor([1.0, 2.0], requires_grad=True)
(slope,) = ml.grad(own_loss(point), point)
print(number, slope, ml.gradcheck(cube, np.array([1.0])))
"""

WRONG = """
from microloss import Tensor, losses
x: int = Tensor(1.0) * 2
losses.cross_entropy(Tensor([1.0]), [0], reductoin="sum")
Tensor(1.0).clips(0, 1)
"""


def mypy(*args):
    call = [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, args)]
    return subprocess.run(call, capture_output=True, text=True, cwd=ROOT).stdout


def test_a_users_script_in_strict_mode(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert mypy("--strict", "--follow-imports=silent", script) == ""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(script)], check=True, env=environment)


def test_mistakes_are_seen(tmp_path):
    script = tmp_path / "wrong.py"
    script.write_text(WRONG)
    found = mypy(script)
    for word in ("Incompatible types in assignment", "reductoin", "clips"):
        assert word in found


def test_the_library():
    assert mypy("microloss") == ""
