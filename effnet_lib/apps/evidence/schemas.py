"""The published schemas: package data beside this file, written from the code that they are made of."""

import json
from pathlib import Path

from ...core import atomic_write
from .claims_schema import claims_schema
from .parts import Schema
from .record_schema import record_schema

FOLDER = Path(__file__).parent
SCHEMAS = {"record.schema.json": record_schema, "claims.schema.json": claims_schema}


def published(name: str) -> Schema:
    """Return a published schema by its file name.

    >>> from effnet_lib.apps.evidence.schemas import published
    >>> published("claims.schema.json")["$id"]
    'urn:effnet-lib:schema:claims:2'
    """
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def texts() -> dict[str, str]:
    """Return what each file of a schema must hold, by its name."""
    return {name: json.dumps(make(), indent=1) + "\n" for name, make in SCHEMAS.items()}


def renew() -> list[Path]:
    """Write the files that hold another schema than the code; return them. Only in a checkout."""
    return atomic_write.renew({FOLDER / name: text.encode() for name, text in texts().items()})
