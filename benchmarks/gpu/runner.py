"""Have each part measure in a process of its own, so that neither a crash nor a delay takes the others with it."""

import datetime
import importlib
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from multiprocessing.connection import Connection, wait

from benchmarks.gpu.kit import Bench, Settings, begin, server
from benchmarks.gpu.plan import PARTS, Part
from benchmarks.gpu.table import FAILED, LEFT_OUT, UNFIT, Row, empty
from effnet_lib.core.hardware import processor_name

GRACE = 5.0  # seconds that a part may take longer than it was told
ENDING = 10.0  # seconds of the budget that are kept for ending
Rows = dict[tuple[str, str], Row]


def measure(
    settings: Settings, budget: float, only: Sequence[str], changed: Callable[[Rows, dict], None]
) -> tuple[Rows, dict]:
    """Run parts of the benchmark; a part's share is of the time that is left when it starts.

    Args:
        budget: Seconds for everything.
        only: Names of the parts.
        changed: Told rows and header after each part.

    Returns:
        All rows, and what they were measured on.
    """
    rows, about, end = empty(), header(), time.monotonic() + budget - ENDING
    context = server()
    parts = [part for part in PARTS if part.name in only]
    for row in rows.values():
        row.state = "" if row.part in only else LEFT_OUT
    for index, part in enumerate(parts):
        left = end - time.monotonic()
        share = left * part.share / sum(later.share for later in parts[index:])
        started = time.monotonic()
        _run(context, part, settings, started + share, rows, about)
        print(f"{part.name}: {time.monotonic() - started:.0f} s of {max(0, share):.0f} s", file=sys.stderr, flush=True)
        changed(rows, about)
    return rows, about


def header() -> dict[str, str]:
    """Return the date, the processor and the versions; the device comes with the first part that has it."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    versions = {name: version(name) for name in ("torch", "timm", "torchvision", "numpy")}
    return {
        "date": now,
        "processor": processor_name(),
        "clocks": "unknown",
        "python": platform.python_version(),
    } | versions


def _run(context, part: Part, settings: Settings, deadline: float, rows: Rows, about: dict) -> None:
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(part, settings, deadline - GRACE, there))
    process.start()
    there.close()
    killed, ended = False, False
    while not ended:
        if not wait([here], timeout=max(0.0, deadline - time.monotonic())):
            killed, ended = True, True
            process.kill()
            continue
        try:
            name, fields = here.recv()
        except EOFError:
            ended = True
            continue
        if name is None:
            about |= fields
        else:
            rows[part.name, name] = replace(rows[part.name, name], **fields)
    process.join()
    state, note = UNFIT, "ended when its share of the time was over"
    if not killed:
        state, note = FAILED, f"the process ended with exit code {process.exitcode} before it came to this"
    for row in rows.values():
        if row.part == part.name and not row.state:
            row.state, row.note = state, note


def _child(part: Part, settings: Settings, deadline: float, connection: Connection) -> None:
    begin()
    bench = Bench(settings, deadline, connection)
    with bench.attempt(*part.rows):
        connection.send((None, device_of(bench)))
        getattr(importlib.import_module(f"benchmarks.gpu.{part.module}"), part.function)(bench)


def device_of(bench: Bench) -> dict[str, str]:
    """Return what the device is.

    Raises:
        RuntimeError: torch does not see the GPU.
    """
    import torch

    if not bench.cuda:
        return {"device": str(bench.device), "shapes": "small" if bench.small else "full"}
    if not torch.cuda.is_available():
        raise RuntimeError(f"device={bench.settings.device}: torch sees no GPU")
    if bench.device.index is not None:
        torch.cuda.set_device(bench.device)
    memory = torch.cuda.get_device_properties(bench.device).total_memory / 2**30
    name = f"{torch.cuda.get_device_name(bench.device)}, {memory:.0f} GiB"
    return {"device": name, "CUDA": str(torch.version.cuda), "cuDNN": str(torch.backends.cudnn.version())}
