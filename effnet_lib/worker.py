"""Execute one run: claim its lock, train, store the record. The same code in a notebook, a worker or a cluster."""

import datetime
import hashlib
import json
import math
import os
import platform
import time
from importlib.metadata import version
from typing import Any

from filelock import Timeout

from .data.sets import DataSet, content_fingerprint
from .errors import EffnetError
from .files import write_aside
from .runs import RunRecord, RunSpec, RunStore

STORED, FAILED, PAUSED, BUSY = "stored", "failed", "paused", "busy"
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas")


def provenance(device: str, threads: int, fingerprint: str) -> dict[str, Any]:
    """Return where, when and with what a record is made; the host is named by a hash only."""
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": name,
        "device_type": device.split(":")[0],
        "threads": threads,
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "data_fingerprint": fingerprint,
    }


def processor() -> str:
    """Return the processor's model name."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def execute(spec: RunSpec, dataset: DataSet, store: RunStore, device: str = "cpu", deadline: float = math.inf) -> str:
    """Run one spec unless it is stored or running elsewhere; say how it ended (stored, failed, paused, busy).

    `deadline` in time.monotonic() seconds. A failure is noted in the store with its reason in one line.
    """
    lock = store.lock(spec.key)
    try:
        lock.acquire(timeout=0.2)  # `is_running` holds it for an instant
    except Timeout:
        return BUSY
    try:
        return _locked(spec, dataset, store, device, deadline)
    finally:
        lock.release()


def _locked(spec: RunSpec, dataset: DataSet, store: RunStore, device: str, deadline: float) -> str:
    if store.get(spec.key):
        return STORED
    import torch

    from .training.loop import Paused, train

    note = store.root / "running" / f"{spec.key}.json"
    began = time.time()

    def progress(epoch: int, epochs: int, seconds: float) -> None:
        body = {"pid": os.getpid(), "epoch": epoch, "epochs": epochs, "seconds": seconds, "began": began}
        write_aside(note, json.dumps(body).encode())

    progress(0, spec.recipe.epochs, 0.0)
    try:
        fingerprint = content_fingerprint(dataset)
        result = train(spec, dataset, store, device, deadline, progress)
        record = RunRecord(spec.key, spec.payload(), result, provenance(device, torch.get_num_threads(), fingerprint))
        store.put(record)
        store.checkpoint(spec.key).unlink(missing_ok=True)
        return STORED
    except Paused:
        return PAUSED
    except (EffnetError, OSError, MemoryError, RuntimeError, ValueError) as error:
        store.fail(spec.key, f"{type(error).__name__}: {error}")
        return FAILED
    finally:
        note.unlink(missing_ok=True)
