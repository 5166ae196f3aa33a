"""Execute many runs once each: in this process, in worker processes or on a Ray cluster, within a time budget."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..core import signals
from ..core.errors import ParameterError
from ..core.hardware import cpu_count
from ..data.datasets import DataSet, content_fingerprint
from .executors import in_process, processes
from .run_spec import RunSpec
from .run_store import RunStore
from .sweep_state import Report, Sweep, SweepOptions
from .time_estimate import cost, estimator
from .worker import tidy

__all__ = ["EXECUTORS", "Report", "Sweep", "SweepOptions", "cost", "estimator", "run_all"]

EXECUTORS = ("local", "ray")


def run_all(
    specs: Sequence[RunSpec],
    dataset_of: Callable[[RunSpec], DataSet],
    store: RunStore,
    options: SweepOptions | None = None,
) -> Report:
    """Execute every spec that is not stored, in the order given; failures are noted and the others go on.

    Raises:
        StoreError: No record could be written; like the next two, before any training.
        DataError: Data are missing or not what their id declares.
        ParameterError: An unknown executor, or an execution that cannot do here what it is asked.
        Stopped: SIGINT or SIGTERM came; every running run is saved.
    """
    options = _checked(options or SweepOptions())
    records = {spec: store.find(spec) for spec in specs}
    todo = [spec for spec, record in records.items() if record is None]
    for record in filter(None, records.values()):
        tidy(store, record.key)
    sweep = Sweep(todo, dataset_of, store, options, time.monotonic() + options.budget)
    if todo:
        store.check_writable()
        for dataset in {dataset_of(spec) for spec in todo if sweep.fits(spec)}:
            content_fingerprint(dataset)  # missing or other data are said once, not run by run
        with signals.listening():
            _executor(options)(sweep)
            signals.check()
    sweep.report.left = [spec for spec in todo if not sweep.report.knows(spec)]
    return sweep.report


def _checked(options: SweepOptions) -> SweepOptions:
    """Return the options with the number of workers that None stands for on this machine."""
    execution, executor = options.execution, options.executor
    if executor not in EXECUTORS:
        raise ParameterError("executor", executor, " or ".join(EXECUTORS))
    execution.launch()  # refuses what cannot be done here
    if executor == "ray":
        return options
    if execution.gpu_share != 1:
        raise ParameterError("gpu_share", execution.gpu_share, "1 without a cluster; here the workers share the GPU")
    if options.workers is None:
        return replace(options, workers=cpu_count() if execution.kind == "cpu" else 0)
    return options


def _executor(options: SweepOptions) -> Callable[[Sweep], None]:
    if options.executor == "ray":
        from .executors import ray_cluster

        return ray_cluster.run
    return processes.run if options.workers else in_process.run
