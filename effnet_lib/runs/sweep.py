"""Execute many runs once each: in this process, in worker processes or on a Ray cluster, within a time budget."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from ..core import signals
from ..core.errors import ParameterError, one_line
from ..core.hardware import cpu_count
from ..data.datasets import DataSet, content_fingerprint
from ..training.memory_check import check_memory
from .executors import in_process, processes
from .folding import check_fold, tidy_folds
from .run_spec import RunSpec
from .run_store import RunStore
from .sweep_state import Report, Sweep, SweepOptions
from .time_estimate import cost, estimator
from .worker import FAILED, tidy

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
    find = store.finder()
    records = {spec: find(spec) for spec in specs}
    todo = [spec for spec, record in records.items() if record is None]
    for record in filter(None, records.values()):
        tidy(store, record.key)
    tidy_folds(store)
    sweep = Sweep(todo, dataset_of, store, options, time.monotonic() + options.budget)
    if todo:
        store.check_writable()
        if options.fold > 1:
            check_fold(todo, options.execution.launch(), options.fold)
        _refuse_too_large(sweep)
        for dataset in {dataset_of(spec) for spec in sweep.todo if sweep.fits(spec)}:
            content_fingerprint(dataset)  # missing or other data are said once, not run by run
        with signals.listening():
            try:
                _executor(options)(sweep)
            finally:
                sweep.finish()
            signals.check()
    sweep.report.left = [spec for spec in todo if not sweep.report.knows(spec)]
    return sweep.report


def _refuse_too_large(sweep: Sweep) -> None:
    """Note the runs that this machine's memory cannot hold as failed, before anything is read; the others stay."""
    if sweep.options.executor != "local" or sweep.options.execution.kind != "cpu":
        return  # a cluster's nodes look at their own; on a GPU, batches are split

    @cache
    def reason(alike: RunSpec) -> str:
        try:
            check_memory(alike, sweep.dataset_of(alike).train_images)
        except ParameterError as error:
            return one_line(error)
        return ""

    refused = {spec: why for spec in sweep.todo if (why := reason(replace(spec, seed=0)))}
    for spec, why in refused.items():
        sweep.store.fail(spec.key, why)
        sweep.ended(spec, FAILED)
    sweep.todo = [spec for spec in sweep.todo if spec not in refused]


def _checked(options: SweepOptions) -> SweepOptions:
    """Return the options with the number of workers that None stands for on this machine."""
    execution, executor = options.execution, options.executor
    if executor not in EXECUTORS:
        raise ParameterError("executor", executor, " or ".join(EXECUTORS))
    execution.launch()  # refuses what cannot be done here
    if executor == "ray":
        if options.fold != 1:
            raise ParameterError("fold", options.fold, "1 with executor=ray")
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
