"""Loss functions: predictions first, then targets; every other argument by keyword.

Each one is written as its formula in the operations of the engine, so that first and second
derivatives come from there. Names and meanings are PyTorch's where PyTorch has the loss.

A family is a file; its `__all__` is what it gives to this package. To add a loss, write it in its
family and its case in tests/losses/cases: everything else is derived.
"""

# ruff: noqa: F403 - the names are those in the families' __all__

from ..pytorch_names import no_attribute
from . import (
    adversarial,
    binary,
    classification,
    combining,
    distribution,
    features,
    margin,
    metric_learning,
    preference,
    regression,
    regularization,
    robust,
    segmentation,
    sequence,
)
from .adversarial import *
from .binary import *
from .classification import *
from .combining import *
from .common import LOSSES as LOSSES
from .distribution import *
from .features import *
from .margin import *
from .metric_learning import *
from .preference import *
from .regression import *
from .regularization import *
from .robust import *
from .segmentation import *
from .sequence import *

# The files in the order of the catalogue.
FAMILIES = (
    regression, robust, classification, binary, margin, distribution, metric_learning, sequence,
    segmentation, adversarial, features, preference, regularization, combining,
)  # fmt: skip
__all__ = ["LOSSES", *(name for family in FAMILIES for name in family.__all__)]


def __getattr__(name):
    raise no_attribute("microloss.losses", name)
