"""Every test runs with floating-point errors raised; all of them run on every core."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """With pytest-xdist, the whole suite runs in as many processes as there are cores."""
    options = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not options.keyword
    is_worker = hasattr(config, "workerinput")
    if whole and not is_worker and getattr(options, "numprocesses", 0) is None:
        options.numprocesses = os.cpu_count()
        options.dist = "worksteal"


@pytest.fixture(autouse=True)
def strict_floats():
    """No silent overflow, no silent nan."""
    with np.errstate(all="raise"):
        yield
