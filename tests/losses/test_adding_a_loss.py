"""Two files and one command add a loss: played through in a copy, as losses/README.md says it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LOSS = '''

@loss
def cubic_loss(input, target, *, reduction: str = "mean") -> Tensor:
    """Cubic error: the cube of the distance.

    Formula: |input - target|^3.

    Gradient: 3 (input - target) |input - target| / N.

    Problem: regression.

    Use: to see how a loss is added.

    Meaning: none.

    Outliers: very sensitive: the pull grows with the square of the error.

    Shapes: input and target of one shape. Units: the target's, cubed.

    Raises: ValueError for unequal shapes, an unknown reduction, or an empty mean.

    >>> cubic_loss([1.0, 4.0], [3.0, 4.0])
    np.float64(4.0)

    Reference: nobody.
    """
    input, target = check.alike(input=input, target=target)
    return reduce(np.abs(input - target) ** 3, reduction)


__all__ += ["cubic_loss"]
'''

CASE = """

CASES += [
    Case(
        losses.cubic_loss,
        lambda rng: tuple(rng.standard_normal((2, 4, 3))),
        lambda x, t: np.where(x > t, 1, -1) * (x - t) ** 3,
        wrt=(0, 1),
        torch={torch},
    )
]
EXTREMES += [Extreme(losses.cubic_loss, (np.zeros(2), np.zeros(2)), value=0.0)]
ERRORS += [Error(losses.cubic_loss, ([1.0], [[1.0]]), {{}}, ValueError, ("(1,)", "(1, 1)"))]
GRADIENTS = [
    *globals().get("GRADIENTS", ()),
    Stated(
        losses.cubic_loss,
        "3 (input - target) |input - target| / N",
        lambda x, t: 3 * (x - t) * abs(x - t) / x.size,
        lambda rng: tuple(rng.standard_normal((2, 4, 3))),
    ),
]
"""

IN_TORCH = (
    'lambda torch, x, t, reduction: {"none": lambda v: v, "sum": torch.sum, "mean": torch.mean}'
    "[reduction]((x - t).abs() ** 3)"
)


def test_two_files_and_one_command(tmp_path):
    for part in ("microloss", "tests", "lessons", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    with open(tmp_path / "microloss/losses/regression.py", "a", encoding="utf-8") as family:
        family.write(LOSS)
    with open(tmp_path / "tests/losses/cases/regression.py", "a", encoding="utf-8") as cases:
        torch = IN_TORCH if importlib.util.find_spec("torch") else None
        cases.write("from harness import Stated  # noqa: E402\n" + CASE.format(torch=torch))

    def run(*command):
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("tests/losses/update.py")
    assert (tmp_path / "figures/atlas_cubic_loss.png").exists()
    assert "| `cubic_loss` | regression |" in (tmp_path / "microloss/losses/README.md").read_text()
    assert "cubic_loss: to see how a loss is added." in run("-m", "microloss", "choose")
    chosen = "cubic or exported or every or oracle or unique or readme or table or whole"
    files = ("test_all_losses.py", "test_gradients.py", "../test_catalogue.py")
    passed = run("-m", "pytest", "-k", chosen, *(f"tests/losses/{file}" for file in files))
    assert "failed" not in passed
