"""Examples in docstrings hold, those of the documentation's own tools included."""

import doctest
import importlib
import importlib.util
from pathlib import Path

import pytest

from effnet_lib.core import paths

LIBRARY, TOOLS = paths.ROOT / "effnet_lib", paths.ROOT / "docs/site"


def with_examples(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


def loaded(path: Path):
    if path.is_relative_to(LIBRARY):
        parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
        return importlib.import_module(".".join(part for part in parts if part != "__init__"))
    pytest.importorskip("sphinx", reason="needs the extra docs")
    spec = importlib.util.spec_from_file_location(f"docs_site_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", with_examples(LIBRARY) + with_examples(TOOLS), ids=lambda path: path.stem)
def test_examples_hold(path: Path):
    ended = doctest.testmod(loaded(path))
    assert ended.attempted and not ended.failed


def test_the_main_functions_have_examples():
    assert {path.stem for path in with_examples(LIBRARY)} >= {"scaling", "efficientnet", "complexity", "memory"}
