"""What to run, what came out, and where it is kept: RunSpec, RunRecord, RunStore.

A run's key is the SHA-256 of canonical JSON of what defines its result: architecture, recipe, declared data set,
seed, micro-batch and the integer SEMANTICS. Device, versions, date and the data's content fingerprint are
provenance: stored and shown, but not part of the key, so records redraw on another machine and without the data.
"""

import contextlib
import datetime
import json
import math
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import Diverged, StoreError
from ..models.archs import Architecture, from_data
from .packing import unpack_bits
from .spec import RunSpec, payload_key

SCHEMA = 1


@dataclass(frozen=True)
class RunRecord:
    """The stored result of a run.

    `result` holds top1 (percent), loss, correct (one bit per validation picture, base64), history and counts;
    `provenance` the device, date, versions and the data's fingerprint. `shipped` says which layer it came from.
    """

    key: str
    spec: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    shipped: bool = field(default=False, compare=False)

    @cached_property
    def arch(self) -> Architecture:
        return from_data(self.spec["arch"])

    @property
    def seed(self) -> int:
        return self.spec["seed"]

    @property
    def top1(self) -> float:
        return self.result["top1"]

    @cached_property
    def correct(self) -> np.ndarray:
        """One boolean per validation picture, in the data set's order."""
        return unpack_bits(self.result["correct"], self.result["val_pictures"])

    def to_json(self) -> str:
        body = {"schema": SCHEMA, "key": self.key, "spec": self.spec}
        body |= {"result": self.result, "provenance": self.provenance}
        return json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n"


PROVENANCE = ("date", "device", "host", "versions", "data_fingerprint")
MEASURED = ("loss", "train_loss", "top1_larger_test", "source_px", "madds", "train_pictures", "train_seconds")


def parse_record(text: str, shipped: bool = False) -> RunRecord:
    """Read and check one record file's text.

    Raises StoreError unless the schema is known, the key is that of the stored spec, the provenance is complete
    and the correctness bits add up to the accuracy.
    """
    try:
        body = json.loads(text)
        if body["schema"] != SCHEMA:
            raise StoreError(f"schema={body['schema']!r} is not accepted; this version reads {SCHEMA}")
        record = RunRecord(body["key"], body["spec"], body["result"], body["provenance"], shipped)
        right = 100 * float(record.correct.mean()) if record.result["val_pictures"] else math.nan
        agrees = abs(right - record.top1) <= 1e-6
        key = payload_key(record.spec)
        missing = [name for name in PROVENANCE if not record.provenance.get(name)]
        unmeasured = [name for name in MEASURED if not isinstance(record.result.get(name), (int, float))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"not a run record: {type(error).__name__}: {error}") from error
    if key != record.key:
        raise StoreError(f"key={str(record.key)[:12]} is not the key of the stored spec")
    if missing:
        raise StoreError(f"provenance lacks {', '.join(missing)}")
    if unmeasured:
        raise StoreError(f"result lacks {', '.join(unmeasured)}")
    if not agrees:
        raise StoreError(f"top1={record.top1} disagrees with its correctness bits, {right:.4f}")
    return record


def _read(path: Path, key: str, shipped: bool) -> RunRecord | None:
    try:
        record = parse_record(path.read_text(), shipped)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise StoreError(f"not a run record: {error}") from error
    if record.key != key:
        raise StoreError(f"key={record.key[:12]} stands in the file of another run")
    return record


class RunStore:
    """Records in two layers: your own under results/records, the shipped ones read-only.

    `shipped=False` ignores the shipped layer (profiles smoke and cpu, and `fresh`).
    """

    def __init__(self, shipped: bool = True, root: Path | None = None, published: Path | None = None):
        self.root = root or paths.results_root()
        self.published = published or paths.published_root() / "records"
        self.shipped = shipped

    def path(self, key: str) -> Path:
        return self.root / "records" / f"{key}.json"

    def check_writable(self) -> None:
        """Raise StoreError, before anything is trained, where no record could be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.root).close()
        except OSError as error:
            raise StoreError(
                f"results folder {str(self.root)!r} cannot be written ({error.strerror}); "
                "EFFNET_RESULTS takes a folder that can be written or made"
            ) from error

    def get(self, key: str) -> RunRecord | None:
        """Return the record of a key, your own first, or None.

        A damaged file counts as missing, with a warning; one of yours is set aside, a shipped one stays.
        """
        own, shipped = self.path(key), self.published / f"{key}.json"
        try:
            if record := _read(own, key, False):
                return record
        except StoreError as error:
            with contextlib.suppress(OSError):  # another process was first, or the folder is read-only
                own.replace(own.with_suffix(".damaged"))
            warnings.warn(f"record {own.name} set aside, the run will be redone: {error}", stacklevel=2)
        try:
            return _read(shipped, key, True) if self.shipped else None
        except StoreError as error:
            warnings.warn(f"shipped record {shipped.name} counts as missing: {error}", stacklevel=2)
            return None

    def find(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run, or else of the same run in the largest micro-batches that are stored."""
        return next((record for split in spec.splits() if (record := self.get(split.key))), None)

    def own(self) -> Iterator[RunRecord]:
        """Yield your own readable records."""
        for path in sorted((self.root / "records").glob("*.json")):
            record = self.get(path.stem)
            if record and not record.shipped:
                yield record

    def put(self, record: RunRecord) -> None:
        """Store a record: written aside, fsynced, renamed; clears an earlier failure of the same run."""
        write_aside(self.path(record.key), record.to_json().encode())
        self._failure(record.key).unlink(missing_ok=True)

    def _failure(self, key: str) -> Path:
        return self.root / "failed" / f"{key}.txt"

    def fail(self, key: str, reason: str) -> None:
        """Note in one line why a run failed; it is retried next time and never counts as a result.

        Where even the note cannot be written (a full disk), stderr says both.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = f"{now} {' '.join(reason.split())}"
        try:
            write_aside(self._failure(key), f"{line}\n".encode())
        except OSError as error:
            whole = f"{key[:8]} failed: {line} (not noted: {error.strerror})\n"  # one write: workers share stderr
            print(whole, end="", file=sys.stderr, flush=True)

    def diverged(self, key: str) -> bool:
        """Say whether the last try of a run ended because its loss stopped being a number."""
        return f" {Diverged.__name__}: " in (self.failure(key) or "")

    def failure(self, key: str) -> str | None:
        """Return the line that `fail` wrote, or None."""
        path = self._failure(key)
        return path.read_text().strip() if path.is_file() else None

    def lock(self, key: str) -> FileLock:
        """Return the operating system's lock of a run; two processes never run the same key at once."""
        folder = self.root / "running"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{key}.lock")

    def is_running(self, key: str) -> bool:
        """Say whether some process holds the lock of this run now."""
        if not (self.root / "running" / f"{key}.lock").is_file():
            return False
        try:
            with self.lock(key).acquire(timeout=0):
                return False
        except Timeout:
            return True

    def checkpoint(self, key: str) -> Path:
        return self.root / "checkpoints" / f"{key}.pt"

    def weights(self, key: str) -> Path:
        return self.root / "weights" / f"{key}.safetensors"

    def keep_weights(self, key: str, state: dict) -> None:
        """Keep a run's final weights as safetensors, for maps and export; they do not ship."""
        from safetensors.torch import save

        tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        write_aside(self.weights(key), save(tensors, {"key": key}))
