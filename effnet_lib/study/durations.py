"""Durations as people type them: seconds, or 90m, 2h, 1.5d."""

import re
from typing import Any

from ..core.errors import ParameterError
from .ranges import OPTIONS, is_number

UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def duration(name: str, value: Any) -> float | None:
    """Return seconds; None, "no limit", passes.

    Raises:
        ParameterError: no duration, or one that is not above 0.
    """
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([a-z]*)", value.strip()) if isinstance(value, str) else None
    seconds = value if is_number(value) else None
    if found and found[2] in UNITS:
        seconds = float(found[1]) * UNITS[found[2]]
    if seconds is None or seconds not in OPTIONS["budget"]:
        raise ParameterError(name, value, f"{OPTIONS['budget']}, or such as 45s, 90m, 2h, None: no limit")
    return float(seconds)
