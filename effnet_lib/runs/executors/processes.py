"""Execute runs in worker processes, one process a run, from a server that has imported torch already."""

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

from ...core import forkserver, signals
from ...core.errors import known
from ...data.datasets import DataSet
from ...training.execution import Execution
from ...training.monitor import Monitor
from ..folded_worker import execute_together, outcome
from ..run_spec import RunSpec
from ..run_store import RunStore
from ..sweep_state import Sweep
from ..worker import BUSY, FAILED, PAUSED, STORED

GLANCE = 0.5  # seconds between two looks at whether somebody asked to stop
GRACE = 60.0  # seconds for workers to finish a step and save it
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
LOST = 255  # multiprocessing's exit code of a process whose server is gone
BURIAL = 10.0  # seconds for the kernel to bury a killed server, before which no new one starts


def run(sweep: Sweep) -> None:
    """Execute a sweep's runs in up to `workers` processes at once."""
    _Pool(sweep).run()


def _child(specs: list[RunSpec], dataset: DataSet, store: RunStore, execution: Execution, deadline: float) -> None:
    parent = known(multiprocessing.parent_process())

    def follow() -> None:
        wait([parent.sentinel])  # closed where the parent ends, or gives this process up for lost
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()  # no orphan goes on training for nobody
    signals.listen_to_the_end()
    import torch

    torch.set_num_threads(1)
    raise SystemExit(EXIT[execute_together(specs, dataset, store, execution, Monitor(deadline))])


class _Pool:
    def __init__(self, sweep: Sweep):
        self.sweep, self.workers = sweep, min(known(sweep.options.workers), len(sweep.todo))
        self.running: dict[int, tuple[BaseProcess, dict[RunSpec, RunSpec]]] = {}

    def run(self) -> None:
        before = {name: os.environ.get(name) for name in ENVIRONMENT}
        os.environ.update(ENVIRONMENT)  # inherited by the server when it starts
        pending = list(self.sweep.todo)
        try:
            kernels = ["effnet_lib.training.fast.ready"] * (self.sweep.options.execution.launch() == "fast")
            context = forkserver.server("effnet_lib.runs.worker", "effnet_lib.training.trainer", *kernels)
            while (pending or self.running) and not signals.asked():
                while pending and len(self.running) < self.workers:
                    if group := self.sweep.take_together(pending):
                        self._start(context, group)
                if not self.running:
                    break  # nothing fits any more: nothing to wait for
                for sentinel in wait(list(self.running), timeout=GLANCE):
                    assert isinstance(sentinel, int)
                    self._finish(sentinel)
                running = {spec: fitted for _, group in self.running.values() for spec, fitted in group.items()}
                self.sweep.look(running, len(pending))
        finally:
            self._stop()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)

    def _start(self, context: ForkServerContext | SpawnContext, group: dict[RunSpec, RunSpec]) -> None:
        sweep, specs = self.sweep, list(group.values())
        arguments = (specs, sweep.dataset_of(specs[0]), sweep.store, sweep.options.execution, sweep.deadline)
        process = context.Process(target=_child, args=arguments)
        with signals.held():  # a process that nobody knows of would go on in a notebook's kernel
            _launch(process)
            self.running[process.sentinel] = (process, group)

    def _stop(self) -> None:
        """Ask what still runs to save and end; end what does not within the grace."""
        end = time.monotonic() + GRACE
        try:
            for process, _ in self.running.values():
                process.terminate()
            for sentinel, (process, _) in list(self.running.items()):
                process.join(max(0.0, end - time.monotonic()))
                if process.exitcode is not None:
                    self._finish(sentinel)
        finally:  # also when a second Ctrl-C says that nobody waits
            for process, _ in self.running.values():
                process.kill()
                process.join()

    def _finish(self, sentinel: int) -> None:
        process, group = self.running.pop(sentinel)
        process.join()
        word = next((how for how, code in EXIT.items() if code == process.exitcode), None)
        for spec, fitted in group.items():
            how = outcome(word, fitted.key, self.sweep.store) if word else None
            if how is None and self.sweep.store.get(fitted.key):
                how = STORED  # it died on its way out
            if how is None:
                self.sweep.store.fail(fitted.key, _cause(process.exitcode))
                how = FAILED
            self.sweep.ended(spec, how, fitted)


def _launch(process: BaseProcess) -> None:
    """Start a process, from a new server where somebody kills the one that is there.

    Between a server's last breath and its burial it counts as alive, but takes no connection any more. Raises
    ConnectionError or EOFError where one that lives takes none either.
    """
    end = time.monotonic() + BURIAL
    while True:
        try:
            return process.start()
        except (ConnectionError, EOFError):
            if time.monotonic() > end:
                raise
            time.sleep(GLANCE / 10)


def _cause(code: int | None) -> str:
    if code is None:  # the system has handed it to somebody else
        return "the worker process ended, and its exit code is lost"
    if code == -signal.SIGKILL:
        return "the worker process was killed (SIGKILL); the kernel does that where memory runs out"
    if code == LOST:
        return "the server that starts worker processes was killed; the kernel does that where memory runs out"
    name = f" ({signal.Signals(-code).name})" if code < 0 and -code in set(signal.Signals) else ""
    return f"the worker process ended with exit code {code}{name}"
