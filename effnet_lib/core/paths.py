"""Where things are: the repository, the data, your results, the figures.

Paths resolve from the package and never from the current folder: papermill's kernel works in its caller's
folder, JupyterLab's in the notebook's.
"""

import os
import tempfile
from pathlib import Path

from .user_paths import user_path

ROOT = Path(__file__).resolve().parents[2]


def _root(variable: str, default: str) -> Path:
    value = os.environ.get(variable)
    return user_path(variable, value).resolve() if value else ROOT / default


def data_root() -> Path:
    """Return the folder of data sets (environment variable EFFNET_DATA, default `data/`)."""
    return _root("EFFNET_DATA", "data")


def results_root() -> Path:
    """Return the folder of your own records and caches (EFFNET_RESULTS, default `results/`)."""
    return _root("EFFNET_RESULTS", "results")


def cache_root() -> Path:
    """Return the folder of decoded images, features and fingerprints, below your results; it may be deleted."""
    return results_root() / "cache"


def figures_root() -> Path:
    """Return the folder of regenerated figures (EFFNET_FIGURES, default `figures/`)."""
    return _root("EFFNET_FIGURES", "figures")


def published_root() -> Path:
    """Return the folder of published evidence (EFFNET_PUBLISHED, default `figures/published/`)."""
    return _root("EFFNET_PUBLISHED", "figures/published")


def scratch_root() -> Path:
    """Return where a cluster's node keeps what it trains (EFFNET_SCRATCH, default a temporary folder of yours)."""
    return _root("EFFNET_SCRATCH", os.path.join(tempfile.gettempdir(), f"effnet-{os.getuid()}"))


def notebooks_root() -> Path:
    """Return the folder of the notebooks."""
    return ROOT / "notebooks"
