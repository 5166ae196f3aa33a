"""Where things are: the repository, the data, your results, the figures.

In a checkout paths resolve from the package and never from the current folder: papermill's kernel works in its
caller's folder, JupyterLab's in the notebook's. An installed wheel has no place of its own to write to: there data,
results and figures lie in the current folder, and notebooks and published evidence come with the package.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ParameterError
from .user_paths import current_folder, user_path

ROOT = Path(__file__).resolve().parents[2]
PACKED = Path(__file__).resolve().parents[1] / "packed"  # what a wheel brings along; a checkout has no such folder


def in_checkout() -> bool:
    """Return whether the package is used from its repository, and was not installed as a wheel."""
    return not PACKED.is_dir()


def _root(variable: str, default: str) -> Path:
    value = os.environ.get(variable)
    if value:
        return user_path(variable, value).resolve()
    return (ROOT if in_checkout() else current_folder()) / default


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set environment variables for a while: those that move the folders below."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def data_root() -> Path:
    """Return the folder of data sets (environment variable EFFNET_DATA, default `data/`)."""
    return _root("EFFNET_DATA", "data")


def results_root() -> Path:
    """Return the folder of your own records and caches (EFFNET_RESULTS, default `results/`).

    Raises:
        ParameterError: it is that of the published evidence, where records of all kinds lie side by side, for reading.
    """
    root = _root("EFFNET_RESULTS", "results")
    if root == published_root():
        raise ParameterError("EFFNET_RESULTS", str(root), "any folder but that of the published evidence")
    return root


def cache_root() -> Path:
    """Return the folder of decoded images, features and fingerprints, below your results; it may be deleted."""
    return results_root() / "cache"


def figures_root() -> Path:
    """Return the folder of regenerated figures (EFFNET_FIGURES, default `figures/`)."""
    return _root("EFFNET_FIGURES", "figures")


def published_root() -> Path:
    """Return the folder of published evidence (EFFNET_PUBLISHED, default `figures/published/`)."""
    if not in_checkout() and not os.environ.get("EFFNET_PUBLISHED"):
        return PACKED / "published"
    return _root("EFFNET_PUBLISHED", "figures/published")


def writable_published_root() -> Path:
    """Return the folder to publish into: any but that of an installed package.

    Raises:
        ParameterError: it is the installed package's own.
    """
    if published_root() == PACKED / "published":
        raise ParameterError(
            "EFFNET_PUBLISHED", "", "a folder to publish into; an installed package keeps what it brought"
        )
    return published_root()


def scratch_root() -> Path:
    """Return where a cluster's node keeps what it trains (EFFNET_SCRATCH, default a temporary folder of yours)."""
    return _root("EFFNET_SCRATCH", os.path.join(tempfile.gettempdir(), f"effnet-{os.getuid()}"))


def notebooks_root() -> Path:
    """Return the folder of the notebooks."""
    return (ROOT if in_checkout() else PACKED) / "notebooks"
