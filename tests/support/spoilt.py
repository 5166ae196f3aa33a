"""Every way in which a JSON value can be spoilt in one place: a part missing, or of another kind."""

from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

MISSING = "missing"
OTHERS = (None, "", "x", -1, 0.5, True, [], {})
Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where something stands; of a list's entries only the first, of those that are alike."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield (*path, name)
            yield from places(part, (*path, name))
    elif isinstance(value, list) and value:
        yield (*path, 0)
        yield from places(value[0], (*path, 0))


def spoilt(body: dict) -> Iterator[tuple[str, Any]]:
    """Spoil a value in one place after the other; yield the place (a list's entry is `*`) and what stands there.

    The value itself is changed, and whole again when the next place comes: copies of large ones take seconds.
    """
    for path in list(places(body)):
        words = ".".join("*" if isinstance(step, int) else step for step in path)
        holder, last = reduce(getitem, path[:-1], body), path[-1]
        before = holder[last]
        order = dict(holder) if isinstance(holder, dict) else None
        for other in OTHERS:
            holder[last] = other
            yield words, other
        holder[last] = before
        if order is not None:
            del holder[last]
            yield words, MISSING
            holder.clear()
            holder.update(order)
