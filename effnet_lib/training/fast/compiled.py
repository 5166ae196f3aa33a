"""The kernels, compiled for this processor once and kept; None where numba is not installed.

They are kept beside the package's own bytecode, or below the results where that folder cannot be written. The folder's
name says for what they were compiled; a list of SHA-256 is checked before anything in it is read, since what numba
keeps is machine code. One process compiles aside and renames: no other ever sees half of it.
"""

import hashlib
import json
import os
import platform
import tempfile
import warnings
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ...core.hardware import processor_name
from ...core.paths import cache_root

SOURCES = Path(__file__).with_name("kernels")
LIST = "content.json"


class Kernels(NamedTuple):
    """The modules of compiled kernels."""

    crop: ModuleType
    depthwise: ModuleType
    norm: ModuleType
    pointwise: ModuleType
    squeeze: ModuleType
    update: ModuleType


def numba_version() -> str | None:
    """Return the version of numba that is installed; None where none is. Nothing is imported."""
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


def kept_for() -> str:
    """Return 16 hex digits of what compiled code depends on: sources, numba, Python, the processor."""
    parts = [str(numba_version()), platform.python_version(), processor_name()]
    for path in sorted(SOURCES.glob("*.py")):
        state = path.stat()
        parts += [path.name, str(state.st_size), str(state.st_mtime_ns)]  # numba compares them, too
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def load() -> Kernels | None:
    """Import the kernels, from where they are kept or compiled anew (15 s); None where numba is not installed."""
    if numba_version() is None:
        return None
    home = kept_in()
    kept = home / f"kernels-{kept_for()}" if home else None
    if kept and kept.is_dir():
        if _sound(kept):
            return _imported(kept)
        warnings.warn(f"compiled kernels in {kept} were altered: not used, compiled anew; remove them", stacklevel=2)
        kept = None
    with tempfile.TemporaryDirectory(prefix=".kernels-", dir=home) as aside:
        fresh = Path(aside) / "fresh"
        loaded = _imported(fresh)
        if kept:
            (fresh / LIST).write_text(json.dumps(_content(fresh)), encoding="utf-8")
            try:
                fresh.rename(kept)
            except OSError:  # another process was faster
                return loaded
    return loaded


def kernels() -> Kernels:
    """Return the kernels, which are there wherever a run was told to use them.

    Raises:
        RuntimeError: numba is not installed.
    """
    loaded = load()
    if loaded is None:
        raise RuntimeError("there are no kernels without numba (the extra `fast`)")
    return loaded


def kept_in() -> Path | None:
    """Return the folder in which compiled kernels are kept; None where none can be written."""
    for folder in (SOURCES / "__pycache__", cache_root()):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _content(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != LIST)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _sound(folder: Path) -> bool:
    try:
        said = json.loads((folder / LIST).read_text(encoding="utf-8"))
        return bool(said) and said == _content(folder)
    except (OSError, ValueError):
        return False


def _imported(folder: Path) -> Kernels:
    from numba.core import config

    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        return Kernels(*(import_module(f".kernels.{name}", __package__) for name in Kernels._fields))
    finally:
        config.CACHE_DIR = before
