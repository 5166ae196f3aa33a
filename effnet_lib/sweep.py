"""Execute many runs once each: in this process, or one worker process a run, within a time budget."""

import math
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from .complexity import count
from .data.sets import DataSet, content_fingerprint
from .runs import RunSpec, RunStore
from .worker import BUSY, FAILED, PAUSED, STORED, execute

HEARTBEAT = 10.0  # seconds between progress lines; papermill saves its output only when a cell prints
# glibc returns large blocks to the kernel at once and asks for zeroed ones in the next step; the page faults cost 5 to
# 15 % of a training step. Keep them (no mmap, no trimming, growth by 256 MiB) in 2 MiB pages (glibc 2.35 and newer).
# One thread a worker: two workers of one thread beat one of two.
ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "GLIBC_TUNABLES": f"glibc.malloc.hugetlb=1:glibc.malloc.top_pad={1 << 28}",
    "OMP_NUM_THREADS": "1",
}
EXIT = {STORED: 0, PAUSED: 3, FAILED: 4, BUSY: 5}


@dataclass
class Report:
    """How a sweep ended: run by run, keys as given."""

    stored: list[RunSpec] = field(default_factory=list)
    failed: list[RunSpec] = field(default_factory=list)
    paused: list[RunSpec] = field(default_factory=list)
    busy: list[RunSpec] = field(default_factory=list)
    left: list[RunSpec] = field(default_factory=list)

    def add(self, spec: RunSpec, how: str) -> None:
        {STORED: self.stored, FAILED: self.failed, PAUSED: self.paused, BUSY: self.busy}[how].append(spec)


def cost(spec: RunSpec, dataset: DataSet) -> float:
    """Return the multiply-adds of a run's training, backward pass counted twice."""
    return 3.0 * count(spec.arch).madds * dataset.train_pictures * spec.recipe.epochs


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    specs: Sequence[RunSpec],
    dataset_of: Callable[[RunSpec], DataSet],
    store: RunStore,
    workers: int | None = None,
    device: str = "cpu",
    budget: float = math.inf,
    say: Callable[[str], None] = print,
    estimate: Callable[[RunSpec], float] = lambda spec: 0.0,
) -> Report:
    """Execute every spec that is not stored, in the order given.

    `workers` 0 is this process; None is one worker a core on a CPU, this process on a GPU. `budget` in seconds: no
    run starts whose first epoch would pass it, and a running one pauses between epochs. Failures are noted and the
    others go on. Raises StoreError where no record could be written and DataError for data that
    are missing or not what their id declares, before any training.
    """
    if workers is None:
        workers = cores() if device == "cpu" else 0
    todo = list(dict.fromkeys(spec for spec in specs if not store.get(spec.key)))
    deadline = time.monotonic() + budget
    if todo:
        store.check_writable()
        for dataset in {dataset_of(spec) for spec in todo if _fits(spec, estimate, deadline)}:
            content_fingerprint(dataset)  # missing or other data are said once, not run by run
    report = Report()
    if workers == 0:
        _here(todo, dataset_of, store, device, deadline, say, estimate, report)
    else:
        _Pool(todo, dataset_of, store, min(workers, len(todo)), device, deadline, say, estimate, report).run()
    done = {spec.key for group in vars(report).values() for spec in group}
    report.left = [spec for spec in todo if spec.key not in done]
    return report


def _fits(spec: RunSpec, estimate, deadline: float) -> bool:
    # Half an epoch more for what the estimate leaves out: reading the data, and a machine that is busier than before.
    return time.monotonic() + 1.5 * estimate(spec) / spec.recipe.epochs <= deadline


def _line(spec: RunSpec, how: str, store: RunStore) -> str:
    record = store.get(spec.key) if how == STORED else None
    took = f" {record.top1:.1f} % in {record.result['train_seconds']:.0f} s" if record else ""
    reason = f" ({store.failure(spec.key)})" if how == FAILED else ""
    return f"{spec.key[:8]} {spec.arch.px} px seed {spec.seed}: {how}{took}{reason}"


def _here(todo, dataset_of, store, device, deadline, say, estimate, report: Report) -> None:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for spec in todo:
            if _fits(spec, estimate, deadline):
                how = execute(spec, dataset_of(spec), store, device, deadline)
                report.add(spec, how)
                say(f"{len(report.stored)} of {len(todo)}: {_line(spec, how, store)}")
    finally:
        torch.set_num_threads(threads)


def _child(spec: RunSpec, dataset: DataSet, store: RunStore, device: str, deadline: float) -> None:
    parent = multiprocessing.parent_process()

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()  # no orphan goes on training for nobody
    import torch

    torch.set_num_threads(1)
    raise SystemExit(EXIT[execute(spec, dataset, store, device, deadline)])


class _Pool:
    """One process a run, from a server that has imported torch already: a start costs milliseconds."""

    def __init__(self, todo, dataset_of, store, workers, device, deadline, say, estimate, report):
        self.todo, self.dataset_of, self.store, self.workers = todo, dataset_of, store, workers
        self.device, self.deadline, self.say, self.estimate, self.report = device, deadline, say, estimate, report
        self.running: dict[int, tuple[multiprocessing.Process, RunSpec]] = {}

    def run(self) -> None:
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            context.set_forkserver_preload(["effnet_lib.worker", "effnet_lib.training.loop"])
        before = {name: os.environ.get(name) for name in ENVIRONMENT}
        os.environ.update(ENVIRONMENT)  # inherited by the server when it starts
        pending, spoke = list(self.todo), time.monotonic()
        try:
            while pending or self.running:
                while pending and len(self.running) < self.workers:
                    spec = next((s for s in pending if _fits(s, self.estimate, self.deadline)), None)
                    if spec is None:
                        pending.clear()
                        break
                    pending.remove(spec)
                    self._start(context, spec)
                if not self.running:
                    break  # nothing fits any more: nothing to wait for
                for sentinel in wait(list(self.running), timeout=HEARTBEAT):
                    self._finish(sentinel)
                if time.monotonic() - spoke >= HEARTBEAT:
                    spoke = time.monotonic()
                    self.say(self._heartbeat(len(pending)))
        finally:
            for process, _ in self.running.values():
                process.terminate()
            for process, _ in self.running.values():
                process.join()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)

    def _start(self, context, spec: RunSpec) -> None:
        dataset = self.dataset_of(spec)
        process = context.Process(target=_child, args=(spec, dataset, self.store, self.device, self.deadline))
        process.start()
        self.running[process.sentinel] = (process, spec)

    def _finish(self, sentinel: int) -> None:
        process, spec = self.running.pop(sentinel)
        process.join()
        how = {code: how for how, code in EXIT.items()}.get(process.exitcode)
        if how is None and self.store.get(spec.key):
            how = STORED  # it died on its way out
        if how is None:
            self.store.fail(spec.key, f"the worker process ended with exit code {process.exitcode}")
            how = FAILED
        self.report.add(spec, how)
        self.say(f"{len(self.report.stored)} of {len(self.todo)}: {_line(spec, how, self.store)}")

    def _heartbeat(self, pending: int) -> str:
        left = sum(self.estimate(spec) for spec in self.todo if spec not in self.report.stored)
        names = ", ".join(spec.key[:8] for _, spec in self.running.values())
        return (
            f"{len(self.report.stored)} of {len(self.todo)} stored, {len(self.running)} running ({names}), "
            f"{pending} pending, about {left / max(1, self.workers) / 60:.0f} min of work left"
        )


def estimator(
    records: Iterable, dataset_of: Callable[[RunSpec], DataSet], device: str = "cpu", fallback: float = 5e9
) -> Callable[[RunSpec], float]:
    """Return a function that predicts a run's seconds from your own records on the same kind of device.

    The median of the five records nearest in multiply-adds a picture counts: networks of another size reach another
    share of a processor's speed. `fallback` is in multiply-adds a second; a server core reaches 5 to 7 G.
    """
    measured = []
    for record in records:
        result = record.result
        if result["train_seconds"] > 0 and record.provenance.get("device_type", "cpu") == device.split(":")[0]:
            work = 3.0 * result["madds"] * result["train_pictures"] * record.spec["recipe"]["epochs"]
            measured.append((math.log(result["madds"]), work / result["train_seconds"]))

    def seconds(spec: RunSpec) -> float:
        size = math.log(count(spec.arch).madds)
        nearest = [speed for _, speed in sorted(measured, key=lambda one: abs(one[0] - size))[:5]]
        return cost(spec, dataset_of(spec)) / (statistics.median(nearest) if nearest else fallback)

    return seconds
