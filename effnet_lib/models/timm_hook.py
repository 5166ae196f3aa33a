"""Have timm know our models as soon as it is imported, without importing it: timm and torch cost 2 s a command."""

import importlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "timm.models"


class _Finder(MetaPathFinder):
    """Stands before the usual finders, and only notes when timm's models have been imported."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name != PACKAGE:
            return None
        _remove()  # or this very search would find itself
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register
        return spec


def _register() -> None:
    importlib.import_module("effnet_lib.models.timm_model")


def _remove() -> None:
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]


def install() -> None:
    """Register our models now where timm is there already, else when somebody imports it; twice is as good as once."""
    _remove()
    if PACKAGE in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())
