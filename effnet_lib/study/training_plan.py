"""The plan of an artefact that trains: networks x seeds, what is stored, what is missing."""

import shlex
from collections.abc import Callable, Iterable

import pandas as pd

from ..core.errors import ParameterError, RunFailed
from ..core.hardware import cpu_count
from ..core.last_resort import last_resort
from ..core.text import time_words
from ..models.complexity import count
from ..runs.progress.face import Progress
from ..runs.progress.here import here
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunRecord
from ..runs.sweep import SweepOptions, estimator, run_all
from ..training.execution import Execution
from . import queue
from .base_plan import Plan
from .decided_study import Study
from .ranges import check_runs
from .registry import Artefact
from .scaled_model import ScaledModel

Records = dict[ScaledModel, dict[int, RunRecord]]


class TrainingPlan(Plan):
    """The networks of an artefact on all seeds; `notes` say what a reader must know of them.

    Attributes:
        models: networks to train, each once.
        seeds: of every network.
        specs: (model, seed) -> run; `run` decides in which order they train.
    """

    def __init__(self, artefact: Artefact, study: Study):
        super().__init__(artefact, study)
        self._list()

    def _list(self) -> None:
        self.notes: list[str] = []
        self.models: list[ScaledModel] = []
        self.seeds = tuple(range(self.study.profile.seeds))
        if self.study.ready:
            planned = merged(self._networks(), self.notes)
            self.models = [model for model in planned if self.study.rates_of(model)]
            if waiting := dict.fromkeys(model.family for model in planned if not self.study.rates_of(model)):
                undecided = f"The learning rates of {', '.join(waiting)} are not decided yet"
                self.notes.append(f"{undecided}; this command decides them: {self._queue_command()} --budget 36000")
        else:
            self.notes.append(
                "The baseline, the recipe or the learning rates of this profile are not decided yet; "
                f"this command decides them: {self._queue_command()} --budget 36000"
            )
        check_runs(len(self.models), len(self.seeds))
        self.specs = {(model, seed): self.study.spec(model, seed) for seed in self.seeds for model in self.models}

    def _networks(self) -> Iterable[ScaledModel]:
        try:
            return self.artefact.plan(self.study)
        except ParameterError as error:  # of one coefficient: name the parameter that lists it
            if getattr(self.parameters, f"{error.name}s", None):
                raise ParameterError(f"{error.name}s", error.value, error.accepted) from None
            raise

    def missing(self) -> list[RunSpec]:
        find = self.study.store.finder()
        return [spec for spec in self.specs.values() if not find(spec)]

    @property
    def workers(self) -> int:
        """Worker processes of `run`; 0 is this process."""
        if self.parameters.workers is not None:
            return self.parameters.workers
        return 0 if self.study.profile.in_process or self.parameters.device != "cpu" else cpu_count()

    @last_resort()
    def summary(self) -> str:
        lines = list(self.notes)
        if self.models:
            missing = self.missing()
            seconds = sum(map(self._estimator(), missing)) / max(1, self.workers)
            lines.append(
                f"{self.study.profile.name}: {self.study.base} on {self.study.dataset.label}; {len(self.models)} "
                f"models x {len(self.seeds)} seeds = {len(self.specs)} runs, {len(self.specs) - len(missing)} stored"
            )
            if missing and self.trains:
                lines.append(
                    f"{len(missing)} runs to train with {max(1, self.workers)} worker(s), about {time_words(seconds)}"
                )
            elif missing:
                lines.append(
                    f"{len(missing)} runs are missing, about {time_words(seconds)}; -p train True trains them here, "
                    f"and {self._queue_command()} --budget 3600 trains first what the protocol asks for first"
                )
        return "\n".join(lines)

    def _queue_command(self) -> str:
        """Return the command that works through the queue of the profile on the data set asked for."""
        given = self.parameters
        dataset = f" --dataset {shlex.quote(given.dataset)}" if given.dataset else ""
        device = f" --device {given.device}" if given.device != "cpu" else ""
        return f"effnet queue --profile {given.profile}{dataset}{device}"

    def _estimator(self) -> Callable[[RunSpec], float]:
        return estimator(self.study.store.own(), lambda spec: self.study.dataset, self.parameters.device)

    def overview(self) -> pd.DataFrame:
        """Return the plan as a table: a row a model, counted FLOPS, stored seeds."""
        unit = count(self.study.baseline.arch).madds if self.models else 1
        rows, find = [], self.study.store.finder()
        for model in self.models:
            stored = sum(find(self.specs[model, seed]) is not None for seed in self.seeds)
            rows.append(
                {
                    "model": model.name,
                    "px": model.arch.px,
                    "epochs": self.specs[model, self.seeds[0]].recipe.epochs,
                    "FLOPS (M)": round(count(model.arch).madds / 1e6, 2),
                    "x baseline": round(count(model.arch).madds / unit, 2),
                    "stored": f"{stored} of {len(self.seeds)}",
                }
            )
        return pd.DataFrame(rows)

    def run(self) -> Records:
        """Train what is missing where the parameters say so, and return every stored record; a dry run, none.

        The baseline comes first, since every difference needs it (one a family); then the longest, so that two workers
        end together.

        Raises:
            RunFailed: after all other runs, if one failed.
        """
        if self.parameters.dry_run:
            return {}
        progress = here()  # one for all sweeps: a notebook keeps one output of them
        if self.trains and not self.study.ready:
            self._decide(progress)
        if self.models and self.trains:
            self._train(self.missing(), progress)
            # Some artefacts decide from these records whom they train on: one round a decision.
            while todo := self._asked_for_later():
                if not self._train(todo, progress):
                    break
        return self.results()

    def _asked_for_later(self) -> list[RunSpec]:
        asked, find = dict.fromkeys(self.artefact.later(self.study)), self.study.store.finder()
        return [spec for spec in asked if not find(spec)]

    def _train(self, specs: list[RunSpec], progress: Progress) -> int:
        """Train some runs and return how many are stored. Raises RunFailed, after all other runs, if one failed."""
        predicted = self._estimator()
        bases = {self.study.baseline.arch} | {model.arch for model in self.models if model.method == "baseline"}
        todo = sorted(specs, key=lambda spec: (spec.arch not in bases, -predicted(spec)))
        options = self._options(predicted, progress)
        report = run_all(todo, queue.data_of(self.study), self.study.store, options)
        if report.failed:
            first = self.study.store.failure(report.failed[0].key) or "its reason stands above"
            raise RunFailed(f"{len(report.failed)} of {len(todo)} runs failed; the first: {first}")
        return len(report.stored)

    def _options(self, predicted: Callable[[RunSpec], float], progress: Progress) -> SweepOptions:
        return SweepOptions(self.workers, Execution(self.parameters.device), say=progress, estimate=predicted)

    def _decide(self, progress: Progress) -> None:
        """Train what baseline and learning rate are decided from, and plan again."""
        queue.work(self.study, ["study"], SweepOptions(self.workers, Execution(self.parameters.device), say=progress))
        self.study = self.study.again()
        if not self.study.ready:
            raise RunFailed(
                "baseline and learning rate are still not decided; see effnet status for the runs that failed"
            )
        self._list()
        print(self.summary())

    def results(self) -> Records:
        """Return the stored records, model -> seed -> record.

        Where no number of seeds was asked for, also further seeds that the queue plans for these networks: the
        protocol gives those that decide a claim more seeds than a profile gives every model.
        """
        records: Records = {}
        further = {} if self.parameters.seeds else self._further()
        find = self.study.store.finder()
        for (model, seed), spec in (self.specs | further).items():
            if record := find(spec):
                records.setdefault(model, {})[seed] = record
        return records

    def evidence(self) -> bool:
        """Say whether a network other than a baseline, which other artefacts train too, is stored."""
        return any(model.method != "baseline" for model in self.results())

    def _further(self) -> dict[tuple[ScaledModel, int], RunSpec]:
        """Return planned runs of this plan's networks with seeds beyond the profile's, by the queue's own list."""
        if not self.models:
            return {}
        planned = {spec for stage in queue.stages(self.study) for spec in stage.specs if spec.seed not in self.seeds}
        seeds: dict = {}
        for spec in planned:
            seeds.setdefault(spec.arch, set()).add(spec.seed)
        ours = sorted((seed, i) for i, model in enumerate(self.models) for seed in seeds.get(model.arch, ()))
        made = {(self.models[i], seed): self.study.spec(self.models[i], seed) for seed, i in ours}
        return {place: spec for place, spec in made.items() if spec in planned}


def merged(models: Iterable[ScaledModel], notes: list[str]) -> list[ScaledModel]:
    """Keep each network once a budget; coefficients that round to the same network are merged, with a note."""
    kept: dict = {}
    for model in models:
        first = kept.setdefault((model.arch, model.budget, model.seen_px), model)
        note = f"{model.name} rounds to the same network as {first.name}: one point for both"
        if model.name != first.name and note not in notes:
            notes.append(note)
    return list(kept.values())
