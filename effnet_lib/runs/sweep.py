"""Execute many runs once each: in this process, in worker processes or on a Ray cluster, within a time budget."""

import math
import time
from collections.abc import Callable, Sequence

from ..core import signals
from ..core.errors import ParameterError
from ..core.hardware import cpu_count
from ..data.datasets import DataSet, content_fingerprint
from ..training.execution import Execution
from .executors import in_process, processes
from .spec import RunSpec
from .store import RunStore
from .sweep_state import Report, Sweep
from .time_estimate import cost, estimator
from .worker import tidy

__all__ = ["EXECUTORS", "Report", "Sweep", "cost", "estimator", "run_all"]

EXECUTORS = ("local", "ray")


def run_all(
    specs: Sequence[RunSpec],
    dataset_of: Callable[[RunSpec], DataSet],
    store: RunStore,
    workers: int | None = None,
    execution: Execution | None = None,
    budget: float = math.inf,
    say: Callable[[str], None] = print,
    estimate: Callable[[RunSpec], float] = lambda spec: 0.0,
    executor: str = "local",
) -> Report:
    """Execute every spec that is not stored, in the order given.

    `workers` is how many at once: 0 is this process; None is one worker a core on a CPU, this process on a GPU, and as
    many as there is room for on a cluster. `budget` in seconds: no run starts whose first epoch would pass it, and a
    running one pauses between steps. Failures are noted and the others go on.

    Raises StoreError where no record could be written, DataError for data that are missing or not what their id
    declares, ParameterError for an unknown executor, all before any training; Stopped, with every running run saved,
    after SIGINT or SIGTERM.
    """
    if executor not in EXECUTORS:
        raise ParameterError("executor", executor, " or ".join(EXECUTORS))
    execution = execution or Execution()
    execution.launch()  # refuses what cannot be done here
    if execution.gpu_share != 1 and executor != "ray":
        raise ParameterError("gpu_share", execution.gpu_share, "1 without a cluster; here the workers share the GPU")
    if workers is None and executor == "local":
        workers = cpu_count() if execution.kind == "cpu" else 0
    found = {spec: store.find(spec) for spec in specs}
    todo = [spec for spec, record in found.items() if record is None]
    for record in filter(None, found.values()):
        tidy(store, record.key)
    sweep = Sweep(todo, dataset_of, store, execution, time.monotonic() + budget, say, estimate, workers)
    if todo:
        store.check_writable()
        for dataset in {dataset_of(spec) for spec in todo if sweep.fits(spec)}:
            content_fingerprint(dataset)  # missing or other data are said once, not run by run
        with signals.listening():
            if executor == "ray":
                from .executors import ray_cluster

                ray_cluster.run(sweep)
            elif workers == 0:
                in_process.run(sweep)
            else:
                processes.run(sweep)
            signals.check()
    sweep.report.left = [spec for spec in todo if not sweep.report.knows(spec)]
    return sweep.report
