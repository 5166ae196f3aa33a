"""The named errors; each message is one line that a user can act on."""

import difflib
import os
import traceback
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def debugging() -> bool:
    """Say whether EFFNET_DEBUG asks for tracebacks."""
    return bool(os.environ.get("EFFNET_DEBUG"))


class EffnetError(Exception):
    """Stand for any error that this library raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows below a cell that ends so (IPython asks): the line that a person can act on."""
        if debugging():
            return "".join(traceback.format_exception(self)).splitlines()
        return [f"{type(self).__name__}: {self}"]


SHOWN = 80  # characters of a value or a name in a message


class ParameterError(EffnetError):
    """Refuse a parameter's value; the message names the parameter, the value and what is accepted."""

    def __init__(self, name: str, value: object, accepted: str):
        self.name, self.value, self.accepted = name, value, accepted
        named = _cut(str(name))
        super().__init__(f"{named}={_shown(value)} is not accepted; {named} takes {accepted}")


def _shown(value: object) -> str:
    try:
        return _cut(repr(value))
    except ValueError:  # Python writes out no whole number of more than 4,300 digits
        return f"a value of type {type(value).__name__} too long to show"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


class DataError(EffnetError):
    """A data set is missing, empty, undecodable, or not the one that a run declares."""


class StoreError(EffnetError):
    """A record cannot be written, or does not say what its key says."""


class RunFailed(EffnetError):
    """A run ended without a result, with the reason in one line."""


class Diverged(RunFailed):
    """The loss stopped being a number; a tuning trial that ends so counts as infinitely bad."""


def nearest(name: object, valid: Iterable[str]) -> str:
    """Return a hint that names the valid entry nearest to `name`, where that is a string, and all valid ones.

    >>> nearest("fig33", ["fig3", "table2"])
    'one of fig3, table2 (did you mean fig3?)'
    """
    valid = list(valid)
    close = difflib.get_close_matches(name[:SHOWN], valid, n=1, cutoff=0.5) if isinstance(name, str) else []
    listed = ", ".join(valid)
    return f"one of {listed}" + (f" (did you mean {close[0]}?)" if close else "")


def known(value: T | None) -> T:
    """Return a value that is there by now, which the caller has made sure of and types cannot see.

    Raises:
        RuntimeError: it is None, a fault of ours.
    """
    if value is None:
        raise RuntimeError("a value is read before it is known")
    return value


def one_line(error: BaseException) -> str:
    """Return an error's kind and message as one line, cut where CUDA's go on for a page."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" + ("..." if len(text) > 300 else "")
