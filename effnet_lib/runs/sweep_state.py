"""What an executor works on: the runs, where they go, how long it may take, and how each ended."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

from ..data.datasets import DataSet
from ..models.memory import largest_batch
from ..training.execution import Execution
from .run_spec import RunSpec
from .run_store import RunStore
from .worker import BUSY, FAILED, PAUSED, STORED

# Half an epoch more for what the estimate leaves out: reading the data, and a machine that got busier.
FIRST_EPOCH = 1.5
USABLE = 0.8  # of a GPU's memory: the rest is for data sets (a tenth at most), workspaces and fragments


@dataclass(frozen=True)
class SweepOptions:
    """Say how a sweep executes its runs.

    Args:
        workers: How many at once. 0 is this process; None is one worker a core on a CPU, this process on a GPU, and as
            many as there is room for on a cluster.
        execution: How each run is executed.
        budget: Seconds. No run starts whose first epoch would pass it, and a running one pauses between steps.
        executor: "local" or "ray".
        say: Takes each line of progress.
        estimate: Returns the seconds that a run takes.
    """

    workers: int | None = None
    execution: Execution = field(default_factory=Execution)
    budget: float = math.inf
    executor: str = "local"
    say: Callable[[str], None] = print
    estimate: Callable[[RunSpec], float] = lambda spec: 0.0


@dataclass
class Report:
    """List the runs of a sweep by how they ended, as they were given; `left` are those that never began."""

    stored: list[RunSpec] = field(default_factory=list)
    failed: list[RunSpec] = field(default_factory=list)
    paused: list[RunSpec] = field(default_factory=list)
    busy: list[RunSpec] = field(default_factory=list)
    left: list[RunSpec] = field(default_factory=list)

    def add(self, spec: RunSpec, how: str) -> None:
        """Note how a run ended, in a word of `worker`."""
        {STORED: self.stored, FAILED: self.failed, PAUSED: self.paused, BUSY: self.busy}[how].append(spec)

    def knows(self, spec: RunSpec) -> bool:
        """Say whether it is noted how a run ended."""
        return any(spec in group for group in vars(self).values())


@dataclass
class Sweep:
    """Hold the runs to execute, where they go and how each ended; `deadline` in time.monotonic() seconds."""

    todo: list[RunSpec]
    dataset_of: Callable[[RunSpec], DataSet]
    store: RunStore
    options: SweepOptions
    deadline: float = math.inf
    report: Report = field(default_factory=Report)

    def fits(self, spec: RunSpec) -> bool:
        """Say whether a run may start now."""
        return time.monotonic() + FIRST_EPOCH * self.options.estimate(spec) / spec.recipe.epochs <= self.deadline

    def take(self, pending: list[RunSpec]) -> RunSpec | None:
        """Take the next run that may start out of `pending`; where none may, empty it and return None."""
        spec = next((spec for spec in pending if self.fits(spec)), None)
        if spec is None:
            pending.clear()
        else:
            pending.remove(spec)
        return spec

    def fitted(self, spec: RunSpec, gpu_bytes: int | None = None) -> RunSpec:
        """Return the run in micro-batches that fit the device, and say so where they had to be made smaller.

        Args:
            gpu_bytes: Memory for one run, by default this GPU's, shared by the workers; on a CPU nothing is split.
        """
        if gpu_bytes is None:
            if self.options.execution.kind != "cuda":
                return spec
            gpu_bytes = int(USABLE * _memory(self.options.execution.device)) // max(1, self.options.workers or 1)
        recipe, batch = spec.recipe, spec.micro_batch or spec.recipe.batch
        micro = largest_batch(spec.arch, batch, gpu_bytes, recipe.precision, recipe.optimiser, bool(recipe.ema))
        if micro == batch:
            return spec
        self.options.say(
            f"{spec.key[:8]}: a batch of {batch} does not fit in {gpu_bytes / 2**30:.1f} GiB; gradients are "
            f"accumulated over micro-batches of {micro} images, whose batch-norm statistics they are"
        )
        return replace(spec, micro_batch=micro)

    def ended(self, spec: RunSpec, how: str, executed: RunSpec | None = None) -> None:
        """Note and say how a run ended; `executed` is the run with the micro-batches that it was split into."""
        self.report.add(spec, how)
        record = self.store.find(spec) if how == STORED else None
        took = f" {record.top1:.1f} % in {record.result['train_seconds']:.0f} s" if record else ""
        failure = self.store.failure((executed or spec).key) if how == FAILED else None
        reason = f" ({failure or 'the reason could not be noted'})" if how == FAILED else ""
        done = f"{len(self.report.stored)} of {len(self.todo)}"
        self.options.say(f"{done}: {spec.key[:8]} {spec.arch.px} px seed {spec.seed}: {how}{took}{reason}")

    def heartbeat(self, running: list[RunSpec], pending: int) -> None:
        """Say what is running, how many runs are `pending`, and how long it may take."""
        left = sum(self.options.estimate(spec) for spec in self.todo if spec not in self.report.stored)
        names = ", ".join(spec.key[:8] for spec in running)
        self.options.say(
            f"{len(self.report.stored)} of {len(self.todo)} stored, {len(running)} running ({names}), "
            f"{pending} pending, about {left / max(1, self.options.workers or len(running)) / 60:.0f} min of work left"
        )


@cache
def _memory(device: str) -> int:
    import torch

    return torch.cuda.mem_get_info(device)[1]
