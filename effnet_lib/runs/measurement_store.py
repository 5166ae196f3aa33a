"""What is measured without training a network of the study (latencies, probes, maps): tasks, keys, records, store.

A measurement's key is the SHA-256 of canonical JSON of its kind and of what defines its result; where, when and with
what it was made is provenance. Published ones lie beside the published runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ..core.errors import StoreError
from . import record_checks
from .layered_store import Record, RecordStore
from .measurement_checks import CHECKS
from .record_checks import read_text
from .run_spec import payload_key
from .value_checks import text

KINDS = tuple(CHECKS)  # that may ship


class Task(Protocol):
    """Describe one measurement to make: hashable, and made once for each key."""

    @property
    def kind(self) -> str: ...

    any_profile: ClassVar[bool]  # True: no decision of a profile is in it

    @property
    def label(self) -> str:
        """What people call it."""

    def spec(self) -> dict[str, Any]:
        """Return the JSON-ready data that, with the kind, defines the result; the key is made of it."""

    def seconds(self) -> float:
        """Return about how long it takes on one core."""

    def measure(self) -> dict[str, Any]:
        """Measure and return the JSON-ready result.

        Raises:
            EffnetError: There is no result, and nothing is stored.
        """

    def __hash__(self) -> int: ...


def key_of(kind: str, spec: dict[str, Any]) -> str:
    """Return the key of a measurement, 64 hex digits, from its kind and its JSON-ready spec."""
    return payload_key({"kind": kind, "spec": spec})


@dataclass(frozen=True)
class Measurement(Record):
    """Hold the stored result of a measurement."""

    title: ClassVar = "measurement"
    needed: ClassVar = ("date", "device", "host", "versions")

    kind: str
    spec: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    published: bool = field(default=False, compare=False)

    def spec_key(self) -> str:
        return key_of(self.kind, self.spec)

    key = property(spec_key, doc="The key of its kind and spec.")

    def check(self) -> None:
        """Refuse a kind that is no name, and a spec or a result that no measurement of its kind could have."""
        if check := CHECKS.get(text("kind", self.kind)):
            check(self.spec, self.result)


def is_measurement(text: str) -> bool:
    """Say whether a record file's text is a measurement's rather than a run's."""
    try:
        return "kind" in record_checks.json_body(text)
    except StoreError:
        return False


def _may_hold_one(path: Path) -> bool:
    """Say whether a published file holds a measurement, or is too damaged to say."""
    try:
        return "kind" in record_checks.json_body(read_text(path))
    except (StoreError, FileNotFoundError):
        return True


def parse_measurement(text: str, published: bool = False) -> Measurement:
    """Read and check one file's text.

    Raises:
        StoreError: It is no whole measurement, see `Record.parse`.
    """
    return Measurement.parse(text, published)


class MeasurementStore(RecordStore[Measurement]):
    """Keep measurements in two layers: your own under results/measurements, the published ones read-only."""

    record, folder, noun, subject = Measurement, "measurements", "measurement", "measurement"

    def all(self, kind: str) -> Iterator[Measurement]:
        """Yield every readable measurement of a kind, your own first; a key that both layers hold, once."""
        seen = set()
        for measurement in self.own():
            if measurement.kind == kind:
                seen.add(measurement.key)
                yield measurement
        for path in sorted(self.published_folder.glob("*.json")) if self.published else ():
            found = self._read(path, True) if _may_hold_one(path) else None
            if found and found.kind == kind and found.key not in seen:
                yield found
