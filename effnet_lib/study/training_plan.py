"""What a notebook does between its parameters and its figure: plan, say what will run, run, collect, save."""

import dataclasses
import math
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pandas as pd

from ..core.errors import ParameterError, RunFailed
from ..core.hardware import cpu_count
from ..core.text import time_words
from ..data.datasets import declare
from ..models.complexity import count
from ..runs.spec import RunSpec
from ..runs.store import RunRecord, RunStore
from ..runs.sweep import estimator, run_all
from ..stats.claims import JudgedClaim
from ..training.execution import Execution
from .outputs import save
from .parameters import Parameters
from .profiles import profile
from .study import ScaledModel, Study

Records = dict[ScaledModel, dict[int, RunRecord]]
COEFFICIENTS = ("widths", "depths", "resolutions", "phis", "alphas", "betas", "gammas")
OTHERS = ("tolerance", "rounding", "seeds")  # further parameters that change the profile's own


@dataclass
class TrainingPlan:
    """An artefact's plan under a notebook's parameters: models x seeds, what is stored, what is missing."""

    artefact: ModuleType
    parameters: Parameters
    study: Study
    notes: list[str]
    models: list[ScaledModel]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, artefact: ModuleType, parameters: Parameters) -> "TrainingPlan":
        """Plan an artefact. Raises ParameterError or DataError before anything is trained or written."""
        chosen = getattr(artefact, "adapted", lambda profile: profile)(profile(parameters.profile))
        changed = {n: getattr(parameters, n) for n in (*COEFFICIENTS, *OTHERS) if getattr(parameters, n)}
        chosen = dataclasses.replace(chosen, **changed)
        store = RunStore(shipped=chosen.shipped and not parameters.fresh)
        dataset = declare(parameters.dataset or chosen.dataset)
        study = Study.of(chosen, store, dataset)
        notes: list[str] = []
        try:
            models = merged(artefact.plan(study), notes) if study.ready else []
        except ParameterError as error:  # of one coefficient: name the parameter that lists it
            if f"{error.name}s" in changed:
                raise ParameterError(f"{error.name}s", error.value, error.accepted) from None
            raise
        if not study.ready:
            notes.append(
                "The baseline and the learning rate of this profile are not decided yet; "
                f"this command decides them: {_queue(parameters)} --budget 36000"
            )
        return cls(artefact, parameters, study, notes, models, tuple(range(chosen.seeds)))

    @cached_property
    def specs(self) -> dict[tuple[ScaledModel, int], RunSpec]:
        """The run of every (model, seed) of the plan; `run` decides in which order they train."""
        return {(model, seed): self.study.spec(model, seed) for seed in self.seeds for model in self.models}

    def missing(self) -> list[RunSpec]:
        """Return the runs that no record answers yet."""
        return [spec for spec in self.specs.values() if not self.study.store.find(spec)]

    @property
    def trains(self) -> bool:
        """Whether `run` will train what is missing."""
        train = self.parameters.train
        return self.study.profile.trains if train == "auto" else bool(train)

    @property
    def workers(self) -> int:
        """Worker processes of `run`; 0 is this process."""
        if self.parameters.workers is not None:
            return self.parameters.workers
        return 0 if self.study.profile.in_process or self.parameters.device != "cpu" else cpu_count()

    def summary(self) -> str:
        """Say what will run, what is stored already and how long it may take."""
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
                    f"and {_queue(self.parameters)} --budget 3600 trains first what the protocol asks for first"
                )
        return "\n".join(lines)

    def _estimator(self) -> Callable[[RunSpec], float]:
        return estimator(self.study.store.own(), lambda spec: self.study.dataset, self.parameters.device)

    def overview(self) -> pd.DataFrame:
        """Return the plan as a table: a row a model, counted FLOPS, stored seeds."""
        unit = count(self.study.baseline.arch).madds if self.models else 1
        rows = []
        for model in self.models:
            stored = sum(self.study.store.find(self.specs[model, seed]) is not None for seed in self.seeds)
            rows.append(
                {
                    "model": model.name,
                    "px": model.arch.px,
                    "FLOPS (M)": round(count(model.arch).madds / 1e6, 2),
                    "x baseline": round(count(model.arch).madds / unit, 2),
                    "stored": f"{stored} of {len(self.seeds)}",
                }
            )
        return pd.DataFrame(rows)

    def run(self) -> Records:
        """Train what is missing where the parameters say so, and return every stored record; a dry run, none.

        Raises RunFailed, after all other runs, if one failed. The baseline comes first, since every difference needs
        it (one a family); then the longest, so that two workers end together.
        """
        if self.parameters.dry_run:
            return {}
        if self.trains and not self.study.ready:
            self._decide()
        if self.models and self.trains:
            self._train(self.missing())
            # Some artefacts decide from these records whom they train on: one round a decision.
            while todo := self._asked_for_later():
                if not self._train(todo):
                    break
        return self.records()

    def _asked_for_later(self) -> list[RunSpec]:
        later = getattr(self.artefact, "later", None)
        return [spec for spec in dict.fromkeys(later(self.study)) if not self.study.store.find(spec)] if later else []

    def _train(self, specs: list[RunSpec]) -> int:
        """Train some runs and return how many are stored. Raises RunFailed, after all other runs, if one failed."""
        predicted = self._estimator()
        bases = {self.study.baseline.arch} | {model.arch for model in self.models if model.method == "baseline"}
        todo = sorted(specs, key=lambda spec: (spec.arch not in bases, -predicted(spec)))
        report = run_all(
            todo,
            lambda spec: self.study.dataset,
            self.study.store,
            self.workers,
            Execution(self.parameters.device),
            estimate=predicted,
        )
        if report.failed:
            first = self.study.store.failure(report.failed[0].key) or "its reason stands above"
            raise RunFailed(f"{len(report.failed)} of {len(todo)} runs failed; the first: {first}")
        return len(report.stored)

    def _decide(self) -> None:
        """Train what baseline and learning rate are decided from, and plan again."""
        from .queue import work  # the queue knows every plan, this one included

        work(self.study, math.inf, self.workers, Execution(self.parameters.device), ["study"], print)
        again = TrainingPlan.of(self.artefact, self.parameters)
        if not again.study.ready:
            raise RunFailed(
                "baseline and learning rate are still not decided; see effnet status for the runs that failed"
            )
        self.study, self.notes, self.models = again.study, again.notes, again.models
        self.__dict__.pop("specs", None)
        print(self.summary())

    def records(self) -> Records:
        """Return the stored records, model -> seed -> record.

        Where no number of seeds was asked for, also further seeds that the queue plans for these networks: the
        protocol gives those that decide a claim more seeds than a profile gives every model.
        """
        found: Records = {}
        further = {} if self.parameters.seeds else self._further()
        for (model, seed), spec in (self.specs | further).items():
            record = self.study.store.find(spec)
            if record:
                found.setdefault(model, {})[seed] = record
        return found

    def _further(self) -> dict[tuple[ScaledModel, int], RunSpec]:
        """Return planned runs of this plan's networks with seeds beyond the profile's, by the queue's own list."""
        if not self.models:
            return {}
        from .queue import stages  # the queue knows every plan, this one included

        planned = {spec for stage in stages(self.study) for spec in stage.specs if spec.seed not in self.seeds}
        by_arch = {model.arch: model for model in self.models}
        ours = sorted((spec for spec in planned if spec.arch in by_arch), key=lambda spec: spec.seed)
        made = {(by_arch[spec.arch], spec.seed): self.study.spec(by_arch[spec.arch], spec.seed) for spec in ours}
        return {place: spec for place, spec in made.items() if spec in planned}

    def save(self, figure, table: pd.DataFrame, judged: Sequence[JudgedClaim]) -> Path:
        """Write picture, table and claims under figures/<profile>/ with the notebook's name; return the folder."""
        return save(self.artefact.NOTEBOOK, self.study.profile.name, figure, table, judged)


def merged(models: Iterable[ScaledModel], notes: list[str]) -> list[ScaledModel]:
    """Keep each network once; coefficients that round to the same network are merged, with a note."""
    kept: dict = {}
    for model in models:
        if model.arch not in kept:
            kept[model.arch] = model
        elif model.name != kept[model.arch].name:
            notes.append(f"{model.name} rounds to the same network as {kept[model.arch].name}: one point for both")
    return list(kept.values())


def _queue(parameters: Parameters) -> str:
    """Return the command that works through the queue of a profile on the data set asked for."""
    dataset = f" --dataset {shlex.quote(parameters.dataset)}" if parameters.dataset else ""
    device = f" --device {parameters.device}" if parameters.device != "cpu" else ""
    return f"effnet queue --profile {parameters.profile}{dataset}{device}"
