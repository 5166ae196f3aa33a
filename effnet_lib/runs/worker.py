"""Execute one run: claim its lock, train, store the record. The same code in a notebook, a worker or a cluster."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from ..core.atomic_write import write_aside
from ..core.errors import EffnetError, one_line
from ..data.datasets import DataSet, content_fingerprint
from ..training.execution import Execution
from ..training.monitor import Monitor
from .packing import pack_bits
from .provenance import full_precision, provenance
from .run_spec import RunSpec
from .run_store import RunRecord, RunStore

if TYPE_CHECKING:
    from ..training.distributed import Group
    from ..training.trainer import Trained

STORED, FAILED, PAUSED, BUSY = "stored", "failed", "paused", "busy"


def execute(
    spec: RunSpec,
    dataset: DataSet,
    store: RunStore,
    execution: Execution | None = None,
    monitor: Monitor | None = None,
    group: "Group | None" = None,
) -> str:
    """Execute one run unless it is stored or running elsewhere.

    A failure is noted in the store with its reason in one line. A noted signal (`signals.listening`) pauses the run.

    Args:
        monitor: Who watches it, and the time.monotonic() seconds at which it pauses.
        group: The processes that train it together, this one their leader.

    Returns:
        How it ended: stored, failed, paused or busy.
    """
    try:
        with store.lock(spec.key).acquire(timeout=0.2):  # `is_running` holds it for an instant
            return _locked(spec, dataset, store, execution or Execution(), monitor or Monitor(), group)
    except Timeout:
        return BUSY
    except OSError as error:  # neither lock nor record can be read any more
        store.fail(spec.key, one_line(error))
        return FAILED


def tidy(store: RunStore, key: str) -> None:
    """Remove what a process that was killed just after storing a run left of it."""
    if _note(store, key).is_file():
        with contextlib.suppress(OSError), store.lock(key).acquire(timeout=0):  # still busy, or in a read-only folder
            remove_leftovers(store, key, True)


def remove_leftovers(store: RunStore, key: str, stored: bool) -> None:
    """Remove halves of files, and of a stored run its checkpoints and its note; all are written under its lock."""
    folders = ["records", "weights", "running", "checkpoints"]
    leftovers = [path for folder in folders for path in (store.root / folder).glob(f".{key}.*")]
    if stored:
        leftovers += store.checkpoint(key).parent.glob(f"{key}.*")
        leftovers.append(_note(store, key))  # last: `tidy` looks for it
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)


def _note(store: RunStore, key: str) -> Path:
    return store.root / "running" / f"{key}.json"


@dataclass(frozen=True)
class Note:
    """What a run that is trained says of itself: whole epochs done, epochs in all, seconds trained."""

    epoch: int
    epochs: int
    seconds: float

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return min(1.0, self.epoch / max(1, self.epochs))


def note(store: RunStore, key: str) -> Note | None:
    """Return what a run says of itself; None where it says nothing (any more), or a cluster's node knows it."""
    try:
        body = json.loads(_note(store, key).read_bytes())
        return Note(int(body["epoch"]), int(body["epochs"]), float(body["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _locked(
    spec: RunSpec, dataset: DataSet, store: RunStore, execution: Execution, monitor: Monitor, group: "Group | None"
) -> str:
    if is_stored(store, spec.key):
        return STORED
    from ..training.distributed import Group
    from ..training.trainer import Paused, train

    path = store.checkpoint(spec.key)
    progress = noting(store, [spec.key], monitor)
    try:
        progress(0, spec.recipe.epochs, 0.0)
        fingerprint = content_fingerprint(dataset)
        group = group or Group()
        group.begins(True)
        full_precision()
        trained = train(spec, dataset, path, execution, replace(monitor, progress=progress), group)
        keep(spec, trained, store, made_here(execution, fingerprint, "processes", group.world))
        return STORED
    except Paused:
        return PAUSED
    except (EffnetError, OSError, MemoryError, RuntimeError, ValueError) as error:
        store.fail(spec.key, one_line(error))
        return FAILED
    finally:
        forget(store, spec.key)


def is_stored(store: RunStore, key: str) -> bool:
    """Say whether a run is stored, and remove what is left of processes that were killed; under the run's lock."""
    stored = store.get(key) is not None
    remove_leftovers(store, key, stored)
    return stored


def noting(store: RunStore, keys: list[str], monitor: Monitor) -> Callable[[int, int, float], None]:
    """Return what a trainer calls after each epoch of some runs that it trains together; each has its share of time."""
    began = time.time()

    def progress(epoch: int, epochs: int, seconds: float) -> None:
        share = seconds / len(keys)
        body = {"pid": os.getpid(), "epoch": epoch, "epochs": epochs, "seconds": share, "began": began}
        for key in keys:
            write_aside(_note(store, key), json.dumps(body).encode())
        monitor.progress(epoch, epochs, seconds)

    return progress


def forget(store: RunStore, key: str) -> None:
    """Remove what a run says of itself while it is trained."""
    _note(store, key).unlink(missing_ok=True)


def made_here(execution: Execution, fingerprint: str, together: str, count: int) -> dict[str, Any]:
    """Return the provenance of a run made now; `count` of what is named `together`, where that is more than one."""
    import torch

    made = provenance(execution.device, torch.get_num_threads(), fingerprint)
    return made | ({together: count} if count > 1 else {})


def keep(spec: RunSpec, trained: "Trained", store: RunStore, made: dict[str, Any]) -> None:
    """Store what a run measured, and remove what it needed until then."""
    store.keep_weights(spec.key, trained.weights)
    result = trained.result | {"correct": pack_bits(trained.correct)}
    store.put(RunRecord(spec.key, spec.payload(), result, made | trained.provenance()))
    remove_leftovers(store, spec.key, True)
