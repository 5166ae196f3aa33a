"""The last resort: what nobody thought of becomes one line with a hint, wherever a person meets this library."""

import contextlib
from collections.abc import Iterator

from .errors import EffnetError, debugging, one_line

HINT = "EFFNET_DEBUG=1 shows where it came from"


class Unexpected(EffnetError):
    """Stand for an error that nobody raised on purpose: a fault of ours, or of the machine."""


@contextlib.contextmanager
def last_resort(*passing: type[Exception]) -> Iterator[None]:
    """Have any error but ours leave as one line; around a command, and what the first cells of a notebook call.

    Args:
        passing: further kinds that leave as they are.

    Raises:
        Unexpected: with the error's kind and message and a hint; where EFFNET_DEBUG is set, the error itself.
    """
    plain: tuple[type[Exception], ...] = (EffnetError, *passing)
    try:
        yield
    except plain:
        raise
    except Exception as error:
        if debugging():
            raise
        raise Unexpected(unexpected(one_line(error))) from error


def unexpected(line: str) -> str:
    """Return an error's line with what to do about one that nobody thought of."""
    return f"{line} (not expected; {HINT})"
