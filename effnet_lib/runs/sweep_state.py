"""What an executor works on: the runs, where they go, how long it may take, and how each ended."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from ..core.hardware import free_memory
from ..data.datasets import DataSet
from ..models.memory import largest_batch, training_bytes
from ..training.execution import Execution
from .folding import together
from .progress.face import Progress, shown
from .progress.here import here
from .progress.standing import Tally
from .run_spec import RunSpec
from .run_store import RunStore
from .sweep_pace import Pace
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
        say: Takes each line of progress; a `Progress`, which the default is, also shows what is running between them.
        estimate: Returns the seconds that a run takes.
        fold: How many runs that differ in seed and rate alone are at most executed as one program (`training.fold`).
    """

    workers: int | None = None
    execution: Execution = field(default_factory=Execution)
    budget: float = math.inf
    executor: str = "local"
    say: Callable[[str], None] = field(default_factory=here)
    estimate: Callable[[RunSpec], float] = lambda spec: 0.0
    fold: int = 1


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

    def __post_init__(self) -> None:
        self.progress: Progress = shown(self.options.say)
        self.pace = Pace(self.todo, self.store, self.options.estimate)

    def fits(self, spec: RunSpec, count: int = 1) -> bool:
        """Say whether a run may start now, or so many alike as one program."""
        first = FIRST_EPOCH * count * self.options.estimate(spec) / spec.recipe.epochs
        return time.monotonic() + first <= self.deadline

    def take(self, pending: list[RunSpec]) -> RunSpec | None:
        """Take the next run that may start out of `pending`; where none may, empty it and return None."""
        spec = next((spec for spec in pending if self.fits(spec)), None)
        if spec is None:
            pending.clear()
        else:
            pending.remove(spec)
        return spec

    def take_together(self, pending: list[RunSpec]) -> dict[RunSpec, RunSpec]:
        """Take the next run that may start, with those that are executed as one program with it.

        Returns:
            Each with what is executed of it, perhaps smaller micro-batches; none where no run may start.
        """
        spec = self.take(pending)
        if spec is None:
            return {}
        most = max([1, *(count for count in range(2, self.options.fold + 1) if self.fits(spec, count))])
        group = together(spec, [spec, *pending], self.store, most, lambda count: self._holds(spec, count))
        for other in group:
            if other != spec:
                pending.remove(other)
        return {spec: self.fitted(spec)} if len(group) == 1 else {one: one for one in group}

    def _holds(self, spec: RunSpec, count: int) -> bool:
        """Say whether there is memory for so many runs alike at once, in the micro-batches that they ask for."""
        recipe, batch = spec.recipe, spec.micro_batch or spec.recipe.batch
        each = training_bytes(spec.arch, batch, recipe.precision, recipe.optimiser, bool(recipe.ema))
        if self.options.execution.kind == "cuda":
            return count * each <= self._gpu_bytes()
        free = free_memory()
        return free is None or count * each <= free // max(1, self.options.workers or 1)

    def _gpu_bytes(self) -> int:
        return int(USABLE * _memory(self.options.execution.device)) // max(1, self.options.workers or 1)

    def fitted(self, spec: RunSpec, gpu_bytes: int | None = None) -> RunSpec:
        """Return the run in micro-batches that fit the device, and say so where they had to be made smaller.

        Args:
            gpu_bytes: Memory for one run, by default this GPU's, shared by the workers; on a CPU nothing is split.
        """
        if gpu_bytes is None:
            if self.options.execution.kind != "cuda":
                return spec
            gpu_bytes = self._gpu_bytes()
        recipe, batch = spec.recipe, spec.micro_batch or spec.recipe.batch
        micro = largest_batch(spec.arch, batch, gpu_bytes, recipe.precision, recipe.optimiser, bool(recipe.ema))
        if micro == batch:
            return spec
        self.progress(
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
        self.pace.ended(spec, record)
        line = f"{done}: {spec.key[:8]} {spec.arch.px} px seed {spec.seed}: {how}{took}{reason}"
        self.progress.ended(line, how == STORED)

    def look(self, running: Mapping[RunSpec, RunSpec], pending: int) -> None:
        """Show, if it is time to look, where the sweep stands.

        Args:
            running: Each run that is trained now, with what is executed of it: perhaps in smaller micro-batches.
            pending: How many have not begun.
        """
        stored, failed = len(self.report.stored), len(self.report.failed)
        self.progress.look(
            lambda: self.pace.standing(running, pending, (stored, failed), self.options.workers or len(running))
        )

    def finish(self) -> None:
        """Show what the sweep came to."""
        stored, failed, workers = len(self.report.stored), len(self.report.failed), self.options.workers
        where = {"local": f"on {self.options.execution.device}", "ray": "on a cluster"}[self.options.executor]
        who = f"by {workers} worker{'' if workers == 1 else 's'} {where}" if workers else where
        unfinished, seconds = self.pace.total - stored - failed, time.monotonic() - self.pace.began
        self.progress.finish(Tally(stored, failed, unfinished, seconds, who))


@cache
def _memory(device: str) -> int:
    import torch

    return torch.cuda.mem_get_info(device)[1]
