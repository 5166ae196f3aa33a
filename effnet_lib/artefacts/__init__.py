"""One module per figure or table of the paper; a module that is here is listed, planned and queued."""

import importlib
import pkgutil
from types import ModuleType

from ..core.errors import ParameterError, nearest


def all_artefacts() -> dict[str, ModuleType]:
    """Return every artefact module by id, in the order of the modules' names."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.ID: module for module in modules if hasattr(module, "ID")}


def artefact(name: str) -> ModuleType:
    """Return an artefact's module. Raises ParameterError, with the nearest id, for an unknown one."""
    found = all_artefacts()
    if name not in found:
        raise ParameterError("artefact", name, nearest(name, found))
    return found[name]
