"""What a value of a record must be, by its kind: a number in its range, a text, a list of so many entries, ...

Every check returns the value, or raises StoreError in one line that names it and says what is accepted.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import StoreError

WHOLE = 2**63 - 1  # and no further from 0
SIDE = 10**6  # of any number that an architecture is made of


def shown(value: Any) -> str:
    """Return a value as it stands in a message: on one line, and short."""
    text = f"a list of {len(value)}" if isinstance(value, list) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def line(text: str) -> str:
    """Return a text on one line, and short."""
    return " ".join(text.split())[:200]


def refusal(name: str, value: Any, accepted: str) -> StoreError:
    """Return the error that refuses a value, in one line that names it and what is accepted."""
    return StoreError(f"{line(repr(name)[1:-1])}={shown(value)} is not accepted; it takes {accepted}")


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a value that is a mapping."""
    if not isinstance(value, dict):
        raise refusal(name, value, "a mapping")
    return value


def listed(body: Mapping[str, Any], name: str) -> Any:
    """Return a field that must be there, whatever it holds."""
    if name not in body:
        raise StoreError(f"it lacks {name}")
    return body[name]


def lists(name: str, value: Any, count: int | None = None, least: int = 0) -> list[Any]:
    """Return a value that is a list: of `count` entries, or of any number from `least` up."""
    if not isinstance(value, list) or len(value) < least or count not in (None, len(value)):
        raise refusal(name, value, f"a list of {f'at least {least}' if count is None else count}")
    return value


def maybe(check: Callable[..., Any], name: str, value: Any, *limits: float) -> Any:
    """Return a value that is None, or passes a check."""
    return None if value is None else check(name, value, *limits)


def true_or_false(name: str, value: Any) -> bool:
    """Return a value that is True or False."""
    if not isinstance(value, bool):
        raise refusal(name, value, "true or false")
    return value


def string(name: str, value: Any) -> str:
    """Return a value that is a string, perhaps an empty one."""
    if not isinstance(value, str):
        raise refusal(name, value, "a string")
    return value


def text(name: str, value: Any) -> str:
    """Return a value that is a string of at least a letter."""
    if not isinstance(value, str) or not value.strip():
        raise refusal(name, value, "a string that is not empty")
    return value


def whole(name: str, value: Any, least: int = 1, most: int = WHOLE) -> int:
    """Return a value that is a whole number, and neither True nor False."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        upper = f" to {most}" if most < WHOLE else ""
        raise refusal(name, value, f"a whole number from {least}{upper or ' up'}")
    return value


def number(name: str, value: Any, least: float = 0.0, most: float = math.inf) -> float:
    """Return a value that is a finite number, and neither True nor False."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf
    if not good or not least <= value <= most:
        limits = "a finite number" if least == -math.inf else f"a finite number from {least:g}"
        raise refusal(name, value, limits + (f" to {most:g}" if most < math.inf else ""))
    return value
