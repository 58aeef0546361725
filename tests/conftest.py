"""Every test runs with floating-point errors raised: no silent overflow, no silent nan."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def strict_floats():
    with np.errstate(all="raise"):
        yield
