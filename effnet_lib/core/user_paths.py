"""Paths that a person types: made absolute, or refused in one line; and the folder that they start from."""

import os
from pathlib import Path

from .errors import EffnetError, ParameterError

GONE = "the current folder was deleted"


def current_folder() -> Path:
    """Return the folder that this process works in.

    Raises:
        EffnetError: somebody deleted it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise EffnetError(f"{GONE}; change to one that is there, and begin again") from None


def short(path: Path) -> str:
    """Return an absolute path as a message shows it: relative to the current folder where it lies below it."""
    try:
        return str(path.relative_to(current_folder()))
    except (ValueError, EffnetError):  # it lies elsewhere, or there is no current folder any more
        return str(path)


def user_path(parameter: str, value: str | Path) -> Path:
    """Return an absolute path without `~`; nothing need be there.

    Raises:
        ParameterError: no file could have this path (an unknown user, a name too long, a loop of links, a current
            folder that was deleted).
    """
    try:
        path = Path(os.path.abspath(Path(value).expanduser()))
    except FileNotFoundError:  # it is relative
        raise ParameterError(parameter, str(value), f"an absolute path, since {GONE}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ParameterError(parameter, str(value), f"a path that can be ({_why(error)})") from None
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # whoever reads or writes it says more
    except (OSError, ValueError) as error:
        raise ParameterError(parameter, str(value), f"a path that can be ({_why(error)})") from None
    return path


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).rstrip(".")
