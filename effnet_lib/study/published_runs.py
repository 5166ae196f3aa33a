"""The published runs of an artefact in a profile, each with what it takes to run it once more."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from ..core.errors import ParameterError
from ..models.complexity import count
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunRecord, RunStore
from ..runs.time_estimate import estimator
from ..stats.intervals import pooled_sd
from ..training.recipes import Recipe
from . import queue
from .base_plan import changed
from .decided_study import Study
from .parameters import resolve
from .profiles import PROFILES, profile
from .protocol import SHORT
from .registry import Artefact
from .training_plan import TrainingPlan


@dataclass(frozen=True)
class PublishedRun:
    """A published record, the run that made it, and what its network is called."""

    name: str
    spec: RunSpec
    record: RunRecord = field(compare=False)

    @cached_property
    def network(self) -> RunSpec:
        """Network, recipe and data set, the same for every seed."""
        return replace(self.spec, seed=0)


@dataclass(frozen=True)
class PublishedRuns:
    """All published runs of an artefact in a profile, by network and seed, and the study that they belong to."""

    artefact: str
    study: Study
    runs: tuple[PublishedRun, ...]

    def top1(self, network: RunSpec) -> list[float]:
        """Return the published accuracies of a network in percent, one a seed."""
        return [run.record.top1 for run in self.runs if run.network == network]

    @property
    def networks(self) -> list[RunSpec]:
        """The networks, in the order of the runs."""
        return list(dict.fromkeys(run.network for run in self.runs))

    def pooled(self, network: RunSpec) -> tuple[float, int]:
        """Return the seed spread pooled over networks, in points, and its degrees of freedom.

        Over those trained on the same data for as long, or over all where none of these has two seeds.
        """
        alike = [one for one in self.networks if _conditions(one) == _conditions(network)]
        own = self._pooled(alike)
        return own if own[1] else self._pooled(self.networks)

    def _pooled(self, networks: Sequence[RunSpec]) -> tuple[float, int]:
        return pooled_sd(pd.DataFrame([pd.Series(self.top1(network)) for network in networks]))

    def seconds(self, device: str) -> Callable[[PublishedRun], float]:
        """Return a function that predicts a run's seconds from published ones alone, so that a plan stays what it is.

        A network's fastest published run counts, since a machine with other work makes a run longer and never shorter;
        where none was made on this kind of device, the speed of the nearest networks.
        """
        kind, nearest = device.split(":")[0], self._estimator(device)
        fastest: dict[RunSpec, float] = {}
        for run in self.runs:
            if run.record.provenance.get("device_type", "cpu") == kind:
                taken = run.record.result["train_seconds"]
                fastest[run.network] = min(taken, fastest.get(run.network, taken))
        return lambda run: fastest.get(run.network) or nearest(run.spec)

    def _estimator(self, device: str) -> Callable[[RunSpec], float]:
        return estimator([run.record for run in self.runs], queue.data_of(self.study), device)


def published_runs(artefact: Artefact, name: str) -> PublishedRuns:
    """Collect what is published of an artefact in a profile: its plan's networks, further seeds, what its queue lists.

    Your own records are not read, and the published layer counts in every profile.

    Raises:
        ParameterError: an unknown profile, one without a published run (naming those that have some), or one where no
            network has two seeds, so that nothing says how seeds spread.
    """
    profile(name)
    found = _collect(artefact, name)
    if not found.runs:
        others = [other for other in PROFILES if other != name and _collect(artefact, other).runs]
        there = f"one with published runs of {artefact.id}: {', '.join(others) or 'there is none yet'}"
        raise ParameterError("profile", name, there)
    if not found.pooled(found.networks[0])[1]:
        raise ParameterError("profile", name, f"one with two published seeds of a network of {artefact.id}")
    return found


def _conditions(network: RunSpec) -> tuple[str, int]:
    return network.data, network.recipe.epochs


def _collect(artefact: Artefact, name: str) -> PublishedRuns:
    parameters = resolve({"profile": name}, artefact.parameters)
    chosen = changed(artefact.adapted(profile(name)), parameters)
    with tempfile.TemporaryDirectory() as empty:  # in place of your own records
        store = RunStore(published=True, root=Path(empty))
        study = artefact.study(chosen, artefact.dataset(chosen, parameters), store, parameters)
        plan = TrainingPlan(artefact, study)
        named = [
            _published(model.name if model.budget == SHORT else f"{model.name}, {model.budget}", record)
            for model, records in plan.results().items()
            for record in records.values()
        ]
        stages = artefact.stages(study) if study.ready else ()
        queued = (spec for stage in stages for spec in stage.specs)
        rest = [_published(_words(record), record) for spec in queued if (record := store.find(spec))]
    return PublishedRuns(
        artefact.id, study, tuple({run.record.key: run for run in reversed(named + rest)}.values())[::-1]
    )


def _published(name: str, record: RunRecord) -> PublishedRun:
    spec = record.spec
    recipe = Recipe(**spec["recipe"])
    return PublishedRun(name, RunSpec(record.arch, recipe, spec["data"], record.seed, spec["micro_batch"]), record)


def _words(record: RunRecord) -> str:
    return f"{record.arch.family} of {count(record.arch).madds / 1e6:.1f} M"


def in_turn(runs: Sequence[PublishedRun], drawn: Callable[[str], str]) -> list[PublishedRun]:
    """Return runs in a drawn order that takes one of every network before a second of any.

    Args:
        drawn: key of a run -> what it is sorted by.
    """
    ordered = sorted(runs, key=lambda run: drawn(run.record.key))
    seen: Counter[RunSpec] = Counter()
    place: dict[PublishedRun, int] = {}
    for run in ordered:
        place[run] = seen[run.network]
        seen[run.network] += 1
    return sorted(ordered, key=place.__getitem__)
