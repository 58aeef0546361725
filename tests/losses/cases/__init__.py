"""The cases of every family of losses, a module for each file of microloss/losses/."""

import importlib
import pkgutil

FAMILIES = [
    importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
]
