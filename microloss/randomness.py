"""What counts as a source of random numbers, for everything that draws."""

import numpy as np

__all__ = ["Random", "generator"]

Random = np.random.Generator | int | None


def generator(rng: Random, caller: str) -> np.random.Generator:
    """The Generator itself, or a new one from a seed.

    There is no global generator: without a seed a run could not be repeated.

    Raises: TypeError for None and for anything else.

    >>> generator(0, "Linear").integers(10)
    np.int64(8)
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and rng >= 0:
        return np.random.default_rng(rng)
    raise TypeError(
        f"{caller}: rng must be a seed or a NumPy Generator, got {rng!r}; pass rng=0 or "
        "rng=np.random.default_rng(0), so that the run can be repeated"
    )
