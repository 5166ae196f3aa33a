"""The process that measures one group: `python -m effnet_lib.measure.latency.child_process JOB`, JSON lines on stdout.

It pins itself before it imports torch, so that every thread of every runtime inherits the core. It ends when its
standard input does.
"""

import contextlib
import ctypes
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ...core.errors import RunFailed, known
from . import machine, runtimes
from .task import GIB, LIMIT, PROCESS, SMALL, Entry, alternate, needed, network

SHORT = 0.1  # seconds: shorter calls are repeated within a round, so that one interrupt is not a tenth of it
MOST = 10  # repeats at the most
LONG = 1.0  # seconds: longer calls are warm after one more pass; calibration and comparison went before
WARM = 3
HEARTBEAT = 10.0
PACKAGES = ("torch", "timm", "numpy", "onnx", "onnxruntime", "onnxscript", "openvino")
Say = Callable[[str], None]


@dataclass
class Prepared:
    """An entry that can be called, with what getting there took; of one that cannot run, why."""

    entry: Entry
    call: runtimes.Call | None
    facts: dict[str, Any]

    def record(self, cpu: Sequence[float] = (), wall: Sequence[float] = ()) -> dict[str, Any]:
        """Return the entry's record with its seconds a round, JSON-ready."""
        names = {"network": self.entry.network, "runtime": self.entry.runtime}
        return names | self.facts | {"cpu": list(cpu), "wall": list(wall)}


def prepare(entry: Entry, limit: int) -> Prepared:
    """Build a network with calibrated random weights, convert it and compare its output with PyTorch eager's.

    What a runtime cannot do is a fact about it and ends up in the record; peaks are bytes above what was resident.

    Args:
        limit: bytes; a network that is predicted to need more is not built.
    """
    import torch

    from .calibration import calibrate, image

    described = network(entry.network)
    counts, image_size = described.counts(), described.px
    facts: dict[str, Any] = {"px": image_size, "params": counts.params, "madds": counts.madds}
    facts |= {"activations": counts.activations, "error": None, "peak_preparing": None, "peak_running": None}
    if (predicted := PROCESS + needed(entry)[0]) > limit:
        reason = f"needs about {predicted / GIB:.1f} GiB of memory, more than {limit / GIB:.1f} GiB"
        return Prepared(entry, None, facts | {"failed": reason})
    trim()
    before, watched, began = machine.resident(), machine.reset_peak(), time.perf_counter()
    earlier = machine.peak_of_children()
    torch.manual_seed(0)  # the same weights in every runtime
    model = described.build()
    calibrate(model, image_size)
    x = image(image_size)
    with torch.inference_mode():
        reference = model(x).numpy()
    try:
        call, facts["error"] = runtimes.ready(entry.runtime, model, x, reference)
    except RunFailed as failure:
        return Prepared(entry, None, facts | {"failed": str(failure)})
    del model
    facts["preparing_seconds"] = round(time.perf_counter() - began, 2)
    if watched and before is not None:
        exported = machine.peak_of_children()  # counts what it shares with us
        facts["peak_preparing"] = max(known(machine.peak()), exported if exported > earlier else 0) - before
        trim()
        machine.reset_peak()
        call()
        facts["peak_running"] = known(machine.peak()) - before
    return Prepared(entry, call, facts | {"failed": None})


def warm(call: runtimes.Call) -> int:
    """Call until it is warm; return how often it is to be called in a round."""
    for _ in range(WARM):
        began = time.perf_counter()
        call()
        if (seconds := time.perf_counter() - began) > LONG:
            break
    return max(1, min(MOST, round(SHORT / seconds)))


def measure(entries: list[Entry], rounds: int, together: bool, limit: int, core: int | None, say: Say) -> dict:
    """Measure a group in this process, pinned already to `core`; return the result, JSON-ready.

    Args:
        together: alternate all entries, else each with the first.
        limit: bytes that a network may take.
        say: is told what happens, line by line.
    """
    before = _quiet_second(core)
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    import timm  # noqa: F401

    first = prepare(Entry(SMALL.name), LIMIT)
    known(first.call)()  # what libraries load on first use is the process's own, no network's
    del first
    alone = together or len(entries) == 1
    groups = [entries] if alone else [[entries[0], entry] for entry in entries[1:]]
    records: list[dict[str, Any]] = []
    monitors: list[dict[str, Any]] = []
    for group in groups:
        measured, report = _group(group, rounds, limit, core, say)
        monitors.append(report)
        if not alone:
            measured[1]["yardstick"] = measured[0]["cpu"]
        records += measured if alone or not records else measured[1:]
    during = machine.busy(machine.worst(monitors))
    earlier = [f"before it began, {reason}" for reason in machine.busy(before | {"wall_over_cpu": None})]
    made = {"threads": 1, "versions": {"python": sys.version.split()[0]} | _versions()}
    return {
        "entries": records,
        "before": before,
        "during": monitors,
        "busy": [*earlier, *during],
        "denormals": "flushed to zero",
        "weights": "random, batch-norm statistics of one forward pass",
        "provenance": made,
    }


def _group(group: list[Entry], rounds: int, limit: int, core: int | None, say: Say) -> tuple[list[dict], dict]:
    prepared = []
    for entry in group:
        prepared.append(prepare(entry, limit))
        if failed := prepared[-1].facts["failed"]:
            say(f"{entry.label}: {failed}")
    able = [made for made in prepared if made.call]
    calls = [made.call for made in prepared if made.call]
    repeats = [warm(call) for call in calls]
    monitor, spoke = machine.Monitor(core), [time.monotonic()]

    def between(number: int) -> None:
        monitor.sample()
        if time.monotonic() - spoke[0] > HEARTBEAT:
            spoke[0] = time.monotonic()
            say(f"{', '.join(made.entry.network for made in able)}: round {number + 1} of {rounds}")

    monitor.start()
    times = alternate(calls, rounds, repeats, between)
    report = monitor.report()
    timed = dict(zip(map(id, able), zip(times.cpu, times.wall, strict=True), strict=True))
    records = [made.record(*timed.get(id(made), ())) for made in prepared]
    for made, cpu in zip(able, times.cpu, strict=True):
        say(f"{made.entry.label}: {1e3 * sorted(cpu)[rounds // 2]:.1f} ms of CPU time")
        made.call = None
    return records, report


def _quiet_second(core: int | None) -> dict:
    monitor = machine.Monitor(core)
    monitor.start()
    time.sleep(1.0)
    return monitor.report()


def trim() -> None:
    """Give freed memory back to the system, so that one network's peak does not hide in another's leavings."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library keeps its own counsel
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _versions() -> dict[str, str]:
    installed = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def _end_with_parent() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock a forked exporter would wait for
        continue
    os._exit(1)


def main(text: str) -> None:
    """Measure a job given as JSON and write what is said and the result to the standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no message

    def write(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    threading.Thread(target=_end_with_parent, daemon=True).start()
    job = json.loads(text)
    entries = [Entry(*pair) for pair in job["entries"]]
    with machine.pinned(job["core"]) as place:
        if place.refusal:
            write(say=f"not pinned: {place.refusal}")
        how = (job["rounds"], job["together"], job["limit"], place.core)
        result = measure(entries, *how, say=lambda words: write(say=words))
    write(result=result | {"core": place.core, "refusal": place.refusal})


if __name__ == "__main__":
    main(sys.argv[1])
