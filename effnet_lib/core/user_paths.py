"""Paths that a person types: made absolute, or refused in one line."""

import os
from pathlib import Path

from .errors import ParameterError


def user_path(parameter: str, value: str | Path) -> Path:
    """Return an absolute path without `~`; nothing need be there.

    Raises:
        ParameterError: no file could have this path (an unknown user, a name too long, a loop of links, a current
            folder that was deleted).
    """
    try:
        here = Path(value).expanduser()
        path = Path(os.path.abspath(here))  # fails where it is relative and the current folder was deleted
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
