"""What was measured without training a network of the study: latencies, probes, maps. Keys, records, their store.

A measurement's key is the SHA-256 of canonical JSON of its kind and of what defines its result; where, when and with
what it was made is provenance. Shipped ones lie beside the shipped runs.
"""

import contextlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import StoreError
from .spec import payload_key

SCHEMA = 1
PROVENANCE = ("date", "device", "host", "versions")


def key_of(kind: str, spec: dict[str, Any]) -> str:
    """Return the key of a measurement, 64 hex digits; `spec` is JSON-ready."""
    return payload_key({"kind": kind, "spec": spec})


@dataclass(frozen=True)
class Measurement:
    """The stored result of a measurement; `shipped` says which layer it came from."""

    kind: str
    spec: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    shipped: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        return key_of(self.kind, self.spec)

    def to_json(self) -> str:
        body = {"schema": SCHEMA, "kind": self.kind, "key": self.key, "spec": self.spec}
        body |= {"result": self.result, "provenance": self.provenance}
        return json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n"


def is_measurement(text: str) -> bool:
    """Say whether a record file's text is a measurement's rather than a run's."""
    try:
        return "kind" in json.loads(text)
    except (ValueError, TypeError):
        return False


def parse_measurement(text: str, shipped: bool = False) -> Measurement:
    """Read and check one file's text. Raises StoreError for an unknown schema, another key, or lacking provenance."""
    try:
        body = json.loads(text)
        if body["schema"] != SCHEMA:
            raise StoreError(f"schema={body['schema']!r} is not accepted; this version reads {SCHEMA}")
        found = Measurement(body["kind"], body["spec"], body["result"], body["provenance"], shipped)
        missing = [name for name in PROVENANCE if not found.provenance.get(name)]
        stated = body["key"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"not a measurement: {type(error).__name__}: {error}") from error
    if stated != found.key:
        raise StoreError(f"key={str(stated)[:12]} is not the key of the stored spec")
    if missing:
        raise StoreError(f"provenance lacks {', '.join(missing)}")
    return found


class MeasurementStore:
    """Measurements in two layers: your own under results/measurements, the shipped ones read-only."""

    def __init__(self, shipped: bool = True, root: Path | None = None, published: Path | None = None):
        self.root = root or paths.results_root()
        self.published = published or paths.published_root() / "records"
        self.shipped = shipped

    def path(self, key: str) -> Path:
        return self.root / "measurements" / f"{key}.json"

    def get(self, key: str) -> Measurement | None:
        """Return the measurement of a key, your own first, or None.

        A damaged file counts as missing, with a warning; one of yours is set aside, a shipped one stays.
        """
        layers = [(self.path(key), False)]
        if self.shipped:
            layers.append((self.published / f"{key}.json", True))
        for path, shipped in layers:
            if found := _read(path, shipped):
                return found
        return None

    def all(self, kind: str) -> Iterator[Measurement]:
        """Yield every readable measurement of a kind, your own first; a key that both layers hold, once."""
        seen = set()
        for path in sorted((self.root / "measurements").glob("*.json")):
            if (found := _read(path, False)) and found.kind == kind:
                seen.add(found.key)
                yield found
        for path in sorted(self.published.glob("*.json")) if self.shipped else ():
            found = _read(path, True) if is_measurement(path.read_text()) else None
            if found and found.kind == kind and found.key not in seen:
                yield found

    def own(self) -> Iterator[Measurement]:
        """Yield your own readable measurements."""
        for path in sorted((self.root / "measurements").glob("*.json")):
            if found := _read(path, False):
                yield found

    def put(self, measurement: Measurement) -> None:
        """Store a measurement: written aside, fsynced, renamed. A new one of the same key replaces the old."""
        write_aside(self.path(measurement.key), measurement.to_json().encode())

    def lock(self, key: str) -> FileLock:
        """Return the operating system's lock of a measurement; two processes never make the same one at once."""
        folder = self.root / "running"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{key}.lock")


def _read(path: Path, shipped: bool) -> Measurement | None:
    try:
        found = parse_measurement(path.read_text(), shipped)
        if found.key != path.stem:
            raise StoreError(f"key={found.key[:12]} stands in the file of another measurement")
        return found
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (StoreError, UnicodeDecodeError) as error:
        if shipped:
            warnings.warn(f"shipped measurement {path.name} counts as missing: {error}", stacklevel=3)
        else:
            with contextlib.suppress(OSError):  # another process was first, or the folder is read-only
                path.replace(path.with_suffix(".damaged"))
            warnings.warn(f"measurement {path.name} set aside, it will be redone: {error}", stacklevel=3)
        return None
