"""What came out of a run, and where it is kept: RunRecord, RunStore. What defines its key stands in `spec`."""

import datetime
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from filelock import Timeout

from ..core.atomic_write import write_aside
from ..core.errors import Diverged, StoreError, one_line
from ..models.archs import Architecture, from_data
from . import record_checks
from .layered_store import Record, RecordStore
from .packing import unpack_bits
from .run_spec import RunSpec, payload_key
from .value_checks import text, whole

PROVENANCE = ("date", "device", "host", "versions", "data_fingerprint")


@dataclass(frozen=True)
class RunRecord(Record):
    """Hold the stored result of a run.

    `result` holds top1 (percent), loss, correct (one bit per validation image, base64), history and counts;
    `provenance` the device, date, versions and the data's fingerprint.
    """

    title: ClassVar = "run record"
    needed: ClassVar = PROVENANCE

    key: str
    spec: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    published: bool = field(default=False, compare=False)

    @cached_property
    def arch(self) -> Architecture:
        """The network."""
        return from_data(self.spec["arch"])

    @property
    def seed(self) -> int:
        """The seed that it was trained with."""
        return self.spec["seed"]

    @property
    def top1(self) -> float:
        """The accuracy in percent."""
        return self.result["top1"]

    @cached_property
    def correct(self) -> np.ndarray:
        """Booleans of shape (images,): whether each validation image was recognised, in the data set's order."""
        return unpack_bits(self.result["correct"], self.result["val_pictures"])

    def spec_key(self) -> str:
        return payload_key(self.spec)

    def check(self) -> None:
        """Refuse a spec that is no run's, and a result that no run could have."""
        self._check_spec()
        record_checks.run_result(self.result)
        try:
            correct = 100 * float(self.correct.mean())
        except ValueError as error:
            raise StoreError(f"correct is no base64: {one_line(error)}") from error
        if abs(correct - self.top1) > 1e-6:
            raise StoreError(f"top1={self.top1} disagrees with its correctness bits, {correct:.4f}")

    def _check_spec(self) -> None:
        spec, names = self.spec, ("arch", "recipe", "data", "seed", "micro_batch", "semantics")
        if missing := [name for name in names if name not in spec]:
            raise StoreError(f"spec lacks {', '.join(missing)}")
        arch = record_checks.network(spec["arch"])
        recipe = record_checks.recipe(spec["recipe"])
        data, seed = text("data", spec["data"]), whole("seed", spec["seed"], 0)
        micro_batch = whole("micro_batch", spec["micro_batch"])
        semantics = whole("semantics", spec["semantics"], 0)
        again = RunSpec(arch, recipe, data, seed, micro_batch).payload() | {"semantics": semantics}
        if payload_key(again) != self.key:
            raise StoreError("spec has values that are no part of a run's")


def parse_record(text: str, published: bool = False) -> RunRecord:
    """Read and check one file's text.

    Raises:
        StoreError: It is no whole record of a run, see `Record.parse`.
    """
    return RunRecord.parse(text, published)


# A study asks for the same few hundred runs again and again, a millisecond each. The text is read every time.
_parsed = lru_cache(maxsize=2048)(parse_record)


class RunStore(RecordStore[RunRecord]):
    """Keep runs in two layers, your own under results/records and the published ones read-only.

    Beside your own records: checkpoints, final weights, locks and the reasons of runs that failed.
    """

    record, folder, noun, subject = RunRecord, "records", "record", "run"

    def check_writable(self) -> None:
        """Make the folder of results, before anything is trained.

        Raises:
            StoreError: No record could be written there.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.root).close()
        except OSError as error:
            raise StoreError(
                f"results folder {str(self.root)!r} cannot be written ({error.strerror}); "
                "EFFNET_RESULTS takes a folder that can be written or made"
            ) from error

    def find(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run, or else of the same run in the largest micro-batches that are stored."""
        return next((record for key in spec.split_keys if (record := self.get(key))), None)

    def _parsed(self, text: str, published: bool) -> RunRecord:
        return _parsed(text, published)

    def finder(self) -> Callable[[RunSpec], RunRecord | None]:
        """Return `find` for many runs: both folders are listed now, and only what is there is looked at.

        A plan may ask for 100,000 runs, in two layers and in up to eight micro-batches each.
        """
        layers = [self.root / self.folder, *([self.published_folder] if self.published else [])]
        there: set[str] = set()
        for layer in layers:
            names = _names(layer)
            if names is None:  # a folder that cannot be listed may still give a file by name
                return self.find
            there |= names
        return lambda spec: self.find(spec) if any(f"{key}.json" in there for key in spec.split_keys) else None

    def put(self, record: RunRecord) -> None:
        """Store a record as the base does, and forget an earlier failure of the same run."""
        super().put(record)
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
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else None

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
        """Return where a run's newest checkpoint is, or would be."""
        return self.root / "checkpoints" / f"{key}.pt"

    def weights(self, key: str) -> Path:
        """Return where a run's final weights are, or would be."""
        return self.root / "weights" / f"{key}.safetensors"

    def keep_weights(self, key: str, state: dict) -> None:
        """Keep a run's final weights as safetensors, for maps and export; they do not ship."""
        from safetensors.torch import save

        tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        write_aside(self.weights(key), save(tensors, {"key": key}))


def _names(folder: Path) -> set[str] | None:
    """Return the names of what lies in a folder, none where there is no folder; None where it cannot be listed."""
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError:
        return None
