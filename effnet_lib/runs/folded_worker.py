"""Execute several runs of one network as one program, and store each as if it had been alone."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace

from filelock import Timeout

from ..core.atomic_write import write_aside
from ..core.errors import Diverged, EffnetError, one_line
from ..data.datasets import DataSet, content_fingerprint
from ..training.execution import Execution
from ..training.monitor import Monitor
from . import worker
from .folding import members_file, whole_fold
from .provenance import full_precision
from .run_spec import RunSpec
from .run_store import RunStore
from .worker import BUSY, FAILED, PAUSED, STORED


def execute_together(
    specs: Sequence[RunSpec], dataset: DataSet, store: RunStore, execution: Execution, monitor: Monitor
) -> str:
    """Execute runs that are alike but for seed and rate as one program; a single one as `worker.execute` does.

    Those that are stored by now are left out. A run whose loss is no number any more fails alone.

    Returns:
        How it ended: paused or busy (all of them), failed (none is stored), or stored: of each run `outcome` says more.
    """
    if len(specs) == 1 and whole_fold(tuple(specs), store) == tuple(specs):
        return worker.execute(specs[0], dataset, store, execution, monitor)
    try:
        with contextlib.ExitStack() as held:
            for key in sorted(spec.key for spec in specs):  # in one order: nobody waits in a circle
                held.enter_context(store.lock(key).acquire(timeout=0.2))
            left = tuple(spec for spec in specs if not worker.is_stored(store, spec.key))
            return _locked(left, dataset, store, execution, monitor) if left else STORED
    except Timeout:
        return BUSY
    except OSError as error:
        return _failed(specs, store, error)


def outcome(word: str, key: str, store: RunStore) -> str:
    """Return how one of several runs ended that were executed together, and ended all in all as a word says."""
    if word in (STORED, FAILED):
        return STORED if store.get(key) else FAILED
    return word


def _locked(
    specs: tuple[RunSpec, ...], dataset: DataSet, store: RunStore, execution: Execution, monitor: Monitor
) -> str:
    from ..training.evaluation import Paused
    from ..training.fold.job import FoldedJob
    from ..training.fold.run import train

    job, keys = FoldedJob(whole_fold(specs, store)), [spec.key for spec in specs]
    progress = worker.noting(store, keys, monitor)
    try:
        progress(0, job.recipe.epochs, 0.0)
        fingerprint = content_fingerprint(dataset)
        full_precision()
        write_aside(members_file(store, job.key), json.dumps([one.key for one in job.jobs]).encode())
        ends = train(job, dataset, store.checkpoint(job.key), execution, replace(monitor, progress=progress))
        made = worker.made_here(execution, fingerprint, "folded", len(ends))
        ended = {one.key: end for one, end in zip(job.jobs, ends, strict=True)}
        for spec in specs:
            end = ended[spec.key]
            if isinstance(end, Diverged):
                store.fail(spec.key, one_line(end))
            else:
                worker.keep(spec, end, store, made)
        worker.remove_leftovers(store, job.key, True)
        return STORED
    except Paused:
        return PAUSED
    except (EffnetError, OSError, MemoryError, RuntimeError, ValueError) as error:
        return _failed(specs, store, error)
    finally:
        for key in keys:
            worker.forget(store, key)


def _failed(specs: Sequence[RunSpec], store: RunStore, error: BaseException) -> str:
    for spec in specs:
        if not store.get(spec.key):  # what was stored before the error came is
            store.fail(spec.key, one_line(error))
    return FAILED
