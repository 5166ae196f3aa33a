"""The parts of a JSON schema, by the names that `runs.value_checks` has for what they ask for."""

import math
from typing import Any

from ...runs.value_checks import WHOLE

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TRUE_OR_FALSE: Schema = {"type": "boolean"}
STRING: Schema = {"type": "string"}
TEXT: Schema = {"type": "string", "pattern": r"\S"}
HEX64: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
PACKED: Schema = TEXT | {"contentEncoding": "base64"}


def whole(least: int = 1, most: int = WHOLE) -> Schema:
    """Return what a whole number must be."""
    return {"type": "integer", "minimum": least, "maximum": most}


def number(least: float = 0.0, most: float = math.inf) -> Schema:
    """Return what a finite number must be."""
    bounds = {"minimum": least, "maximum": most}
    return {"type": "number"} | {name: bound for name, bound in bounds.items() if math.isfinite(bound)}


def maybe(schema: Schema) -> Schema:
    """Return what a value must be that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def lists(items: Schema, least: int = 0, count: int | None = None) -> Schema:
    """Return what a list must be: of `count` entries, or of any number from `least` up."""
    if count is not None:
        return {"type": "array", "items": items, "minItems": count, "maxItems": count}
    return {"type": "array", "items": items} | ({"minItems": least} if least else {})


def mapping(needed: Schema, optional: Schema | None = None, closed: bool = False) -> Schema:
    """Return what a mapping must be, by the fields that it needs and those that it may have.

    Args:
        closed: Whether there may be no others.
    """
    made: Schema = {"type": "object", "required": list(needed), "properties": needed | (optional or {})}
    return made | ({"additionalProperties": False} if closed else {})


def every(values: Schema, least: int = 0) -> Schema:
    """Return what a mapping must be whose names are free."""
    return {"type": "object", "additionalProperties": values} | ({"minProperties": least} if least else {})


def each(schema: Schema, *names: str) -> Schema:
    """Return fields that are alike."""
    return dict.fromkeys(names, schema)
