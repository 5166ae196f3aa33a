"""Does this machine reproduce what is published: published runs made once more, and what their results say."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..runs.reruns import same_to_the_bit
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunRecord, RunStore
from ..runs.sweep import Report, SweepOptions, run_all
from ..stats.reproduction import Chance, Compared, SeedInterval, Shift, alarming, chance, seed_interval, shift
from . import queue
from .published_runs import PublishedRun, PublishedRuns


@dataclass(frozen=True)
class Rerun:
    """A published run, its result here, and the interval of one more seed."""

    run: PublishedRun
    here: RunRecord
    interval: SeedInterval

    @property
    def same(self) -> bool:
        """Whether the result is the published one to the bit."""
        return same_to_the_bit(self.run.record, self.here)

    @property
    def inside(self) -> bool:
        """Whether the result is the published one, or one that a further seed may have."""
        return self.same or self.here.top1 in self.interval


@dataclass(frozen=True)
class Reproduction:
    """What all reruns say together; chance and shift are of those that are not the same to the bit, if any."""

    reruns: tuple[Rerun, ...]
    chance: Chance | None
    shift: Shift | None

    @property
    def reproduced(self) -> bool:
        """Whether no more than chance speaks against it."""
        return self.chance is None or self.shift is None or not alarming(self.chance, self.shift)


def rerun(published: PublishedRuns, chosen: Sequence[PublishedRun], store: RunStore, options: SweepOptions) -> Report:
    """Make runs once more into a store of their own; what it holds already is not made again.

    On a CPU those that were trained by torch's own operations first, then those by compiled kernels, each as it was.

    Args:
        options: how, for how long; its estimate is made here, from what is published, its step from the records.

    Raises:
        DataError, StoreError, ParameterError: before any training, as `run_all` does.
        Stopped: with every running run saved, after SIGINT or SIGTERM.
    """
    seconds, data = published.seconds(options.execution.device), queue.data_of(published.study)
    end, report = time.monotonic() + options.budget, Report()
    for step in ("eager", "auto"):
        by_spec = {run.spec: run for run in chosen if _step(run, options) == step}

        def estimate(spec: RunSpec, by: dict[RunSpec, PublishedRun] = by_spec) -> float:
            return seconds(by[spec])

        timed = replace(
            options,
            execution=replace(options.execution, step=step),
            budget=end - time.monotonic(),
            estimate=estimate,
        )
        made = run_all(list(by_spec), data, store, timed) if by_spec else Report()
        for name, listed in vars(report).items():
            listed += getattr(made, name)
    return report


def _step(run: PublishedRun, options: SweepOptions) -> str:
    """Return how a run's steps are launched (`Execution.step`) as its record says that they were."""
    own = options.execution.kind == "cpu" and "kernels" not in run.record.provenance
    return "eager" if own else "auto"


def judge(published: PublishedRuns, results: Sequence[tuple[PublishedRun, RunRecord]]) -> Reproduction:
    """Compare results with the published seeds of their networks.

    Args:
        results: published runs with the records of their reruns, at least one.
    """
    reruns = tuple(
        Rerun(run, here, seed_interval(published.top1(run.network), published.pooled(run.network)))
        for run, here in results
    )
    others = [one for one in reruns if not one.same]
    if not others:
        return Reproduction(reruns, None, None)
    compared = [
        Compared(
            [one.here.top1 for one in others if one.run.network == network],
            published.top1(network),
            published.pooled(network),
        )
        for network in dict.fromkeys(one.run.network for one in others)
    ]
    return Reproduction(reruns, chance(sum(not one.inside for one in others), len(others)), shift(compared))
