"""After a change to the losses or their cases: renew all that is made from them.

python tests/losses/update.py

- tests/losses/oracle/: PyTorch's numbers, for families whose cases are not all kept there (needs
  torch; the extra `bench` has it). `make_oracle.py FAMILY` computes those of a family anew.
- figures/atlas*.png: each loss along a line, and all of them on one page.
- microloss/losses/README.md: the table of all losses.
"""

import subprocess
import sys
from pathlib import Path

import make_oracle
from cases import FAMILIES
from reference import kept_results

from microloss import catalogue

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "microloss" / "losses" / "README.md"
HEADING = "## All losses\n"


def update_oracle() -> list[str]:
    """Compute the families whose cases with PyTorch are not the kept ones; return their names."""
    stale = []
    for family in FAMILIES:
        name = family.__name__.rpartition(".")[2]
        if {case.id for case in family.CASES if case.torch} != set(kept_results(name)):
            stale.append(name)
    if stale:
        make_oracle.main(stale)
    return stale


def update_atlas() -> None:
    command = [sys.executable, "lessons/atlas.py"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def update_table() -> None:
    text, heading, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    assert heading, f"{PAGE} has lost its heading {HEADING!r}"
    PAGE.write_text(f"{text}{heading}\n{catalogue.markdown()}\n", encoding="utf-8")


if __name__ == "__main__":
    print("oracle:", ", ".join(update_oracle()) or "nothing to compute")
    update_table()
    print("table: ", PAGE.relative_to(ROOT))
    update_atlas()
    print("atlas: figures/atlas.png and one figure for each loss")
