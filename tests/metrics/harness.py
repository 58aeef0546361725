"""How results are compared."""

import numpy as np

SEEDS = range(5)


def arrays(result):
    """What a metric returns, as a list of arrays."""
    return [np.asarray(r, float) for r in (result if isinstance(result, tuple) else (result,))]


def assert_same(result, expected, **tolerance):
    result, expected = arrays(result), arrays(expected)
    assert len(result) == len(expected)
    for r, e in zip(result, expected):
        np.testing.assert_allclose(r, e, **{"rtol": 1e-12, "atol": 1e-12} | tolerance, strict=True)
