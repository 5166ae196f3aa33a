"""The plan of an artefact that measures: its measurements, and the networks that they need trained first."""

import pandas as pd
from filelock import Timeout

from ..core.errors import RunFailed
from ..core.last_resort import last_resort
from ..core.text import time_words
from ..runs.measurement_store import Measurement, Task, key_of
from ..runs.provenance import provenance
from .base_plan import Plan
from .decided_study import Study
from .ranges import check_measurements
from .registry import Artefact
from .training_plan import TrainingPlan

Measurements = dict[Task, Measurement]


class MeasurementPlan(Plan):
    """The measurements of an artefact, made once each, one after the other in this process.

    Attributes:
        networks: plan of the networks that are trained first; None where there are none.
        tasks: what is measured.
    """

    def __init__(self, artefact: Artefact, study: Study):
        super().__init__(artefact, study)
        self.networks = TrainingPlan(artefact, study) if artefact.trains else None
        self.tasks = self._measurements()

    def _measurements(self) -> tuple[Task, ...]:
        tasks = tuple(self.artefact.measurements(self.study))
        check_measurements(len(tasks), self.parameters.seeds or self.study.profile.seeds)
        return tasks

    def stored(self, task: Task) -> Measurement | None:
        """Return the measurement of a task, or None."""
        return self.study.measurements.get(key_of(task.kind, task.spec()))

    def missing(self) -> list[Task]:
        return [task for task in self.tasks if not self.stored(task)]

    @last_resort()
    def summary(self) -> str:
        missing = self.missing()
        lines = [self.networks.summary()] if self.networks else []
        lines.append(
            f"{self.study.profile.name}: {len(self.tasks)} measurements, {len(self.tasks) - len(missing)} stored"
        )
        if missing:
            length = time_words(sum(task.seconds() for task in missing))
            todo = "to make" if self.study.measures else "are missing; -p train True makes them here"
            lines.append(f"{len(missing)} {todo}, about {length}")
        return "\n".join(lines)

    def overview(self) -> pd.DataFrame:
        """Return the plan as a table: a row a network where some are trained, else a row a task."""
        if self.networks:
            return self.networks.overview()
        return pd.DataFrame(
            [{"measurement": task.label, "stored": "yes" if self.stored(task) else "no"} for task in self.tasks]
        )

    def run(self) -> Measurements:
        """Train and measure what is missing where the parameters say so; return every stored measurement.

        A dry run returns none.

        Raises:
            RunFailed: where a run failed or another process is at the same measurement.
        """
        if self.parameters.dry_run:
            return {}
        if self.networks:
            self.networks.run()
            self.study = self.networks.study  # whose baseline may have been decided by now
            self.tasks = self._measurements()
        todo = self.missing() if self.study.measures else []
        for number, task in enumerate(todo, 1):
            print(f"{number} of {len(todo)}: {task.label}", flush=True)
            self._make(task)
        return self.results()

    def _make(self, task: Task) -> None:
        spec, store = task.spec(), self.study.measurements
        key = key_of(task.kind, spec)
        try:
            with store.lock(key).acquire(timeout=0.2):
                if store.get(key):
                    return
                result = task.measure()
                import torch

                made = provenance("cpu", torch.get_num_threads(), "") | result.pop("provenance", {})
                store.put(Measurement(task.kind, spec, result, made))
        except Timeout:
            raise RunFailed(f"another process is making this measurement now: {task.label}") from None

    def results(self) -> Measurements:
        """Return the stored measurements; none where they are nothing to draw."""
        stored = {task: measurement for task in self.tasks if (measurement := self.stored(task))}
        return stored if self.artefact.drawable(stored) else {}

    def evidence(self) -> bool:
        """Say whether something is stored that belongs to this profile, or the artefact is published in it anyway."""
        if self.artefact.published_in:
            return self.study.profile.name in self.artefact.published_in
        return any(not task.any_profile for task in self.results())
