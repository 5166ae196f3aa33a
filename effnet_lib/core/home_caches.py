"""Where other libraries keep what they cache when nothing can be written in the home folder: below our own cache."""

import contextlib
import os
import tempfile
from pathlib import Path

from .paths import cache_root

PLACES = {  # environment variable -> folder of its own
    "IPYTHONDIR": "ipython",
    "JUPYTER_RUNTIME_DIR": "jupyter",
    "MPLCONFIGDIR": "matplotlib",
    "TRITON_CACHE_DIR": "triton",
}
FETCHED = Path(".cache/huggingface")  # weights that were fetched before are read where they are


def _place(folder: str) -> Path:
    return cache_root() / "home" / folder


def prepare() -> None:
    """Make IPython's place where it is ours, before a kernel starts: it makes none whose parent is missing."""
    place = _place(PLACES["IPYTHONDIR"])
    if os.environ.get("IPYTHONDIR") == str(place):
        with contextlib.suppress(OSError):  # then it finds a place of its own, and says so
            place.mkdir(parents=True, exist_ok=True)


def redirect() -> None:
    """Name places below `cache_root` for what would go to a home folder that cannot be written.

    Nothing is made here, and what the environment says already stays.

    Raises:
        ParameterError: the folder of results is no path that can be.
    """
    home = _home()
    if home is not None and _can_be_written(home):
        return
    places = PLACES if home is not None and (home / FETCHED).is_dir() else PLACES | {"HF_HOME": "huggingface"}
    for variable, folder in places.items():
        os.environ.setdefault(variable, str(_place(folder)))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # neither the environment nor the system's list of users says where it is
        return None


def _can_be_written(folder: Path) -> bool:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
