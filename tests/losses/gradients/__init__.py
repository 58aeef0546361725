"""The gradients that the cards state, by family: rows of harness.Stated.

They stand in GRADIENTS of the family's cases, or in a file of their own here.
"""

import importlib
import pkgutil

import cases
from harness import Stated as Stated


def rows(name):
    modules = [importlib.import_module(f"cases.{name}")]
    if name in {found.name for found in pkgutil.iter_modules(__path__)}:
        modules.append(importlib.import_module(f"{__name__}.{name}"))
    return [row for module in modules for row in getattr(module, "GRADIENTS", ())]


NAMES = [found.name for found in pkgutil.iter_modules(cases.__path__)]
FAMILIES = {name: rows(name) for name in NAMES}
