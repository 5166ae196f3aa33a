"""What a notebook that measures does between its parameters and its figure; `work` is the same for one that trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pandas as pd
from filelock import Timeout

from ..core.errors import RunFailed
from ..runs.measurements import Measurement, MeasurementStore, key_of
from ..runs.provenance import provenance
from ..stats.claims import JudgedClaim
from .outputs import save
from .parameters import Parameters
from .profiles import Profile, profile


class Task(Protocol):
    """One measurement to make: hashable, and made once for each key."""

    kind: str

    @property
    def label(self) -> str: ...
    def spec(self) -> dict[str, Any]:
        """Return the JSON-ready data that, with the kind, defines the result; the key is made of it."""

    def seconds(self) -> float:
        """Return about how long it takes on one core."""

    def measure(self) -> dict[str, Any]:
        """Measure and return the JSON-ready result. May raise an EffnetError; nothing is stored then."""


@dataclass
class MeasurementPlan:
    """An artefact's measurements under a notebook's parameters: what is stored, what is missing.

    The artefact's `tasks(parameters, profile)` lists them, and raises before anything is measured or written.
    """

    artefact: ModuleType
    parameters: Parameters
    profile: Profile
    store: MeasurementStore
    tasks: tuple[Task, ...]

    @classmethod
    def of(cls, artefact: ModuleType, parameters: Parameters) -> "MeasurementPlan":
        """Plan an artefact. Raises ParameterError or DataError before anything is measured or written."""
        chosen = profile(parameters.profile)
        store = MeasurementStore(shipped=chosen.shipped and not parameters.fresh)
        return cls(artefact, parameters, chosen, store, tuple(artefact.tasks(parameters, chosen)))

    def stored(self, task: Task) -> Measurement | None:
        """Return the measurement of a task, or None."""
        return self.store.get(key_of(task.kind, task.spec()))

    def missing(self) -> list[Task]:
        """Return the tasks that no measurement answers yet."""
        return [task for task in self.tasks if not self.stored(task)]

    @property
    def measures(self) -> bool:
        """Whether `run` will measure what is missing: parameter `train`, or else what the profile does."""
        train = self.parameters.train
        return self.profile.trains if train == "auto" else bool(train)

    def summary(self) -> str:
        """Say what will be measured, what is stored already and how long it may take."""
        from ..core.text import time_words

        missing = self.missing()
        lines = [f"{self.profile.name}: {len(self.tasks)} measurements, {len(self.tasks) - len(missing)} stored"]
        if missing:
            length = time_words(sum(task.seconds() for task in missing))
            todo = "to make" if self.measures else "are missing; -p train True makes them here"
            lines.append(f"{len(missing)} {todo}, about {length}")
        return "\n".join(lines)

    def overview(self) -> pd.DataFrame:
        """Return the plan as a table: a row a task."""
        return pd.DataFrame(
            [{"measurement": task.label, "stored": "yes" if self.stored(task) else "no"} for task in self.tasks]
        )

    def run(self) -> dict[Task, Measurement]:
        """Measure what is missing where the parameters say so, and return every stored measurement; a dry run, none.

        One after the other in this process. Raises RunFailed where another process is making one at the same time.
        """
        if self.parameters.dry_run:
            return {}
        todo = self.missing() if self.measures else []
        for number, task in enumerate(todo, 1):
            print(f"{number} of {len(todo)}: {task.label}", flush=True)
            self._make(task)
        return self.records()

    def _make(self, task: Task) -> None:
        spec = task.spec()
        key = key_of(task.kind, spec)
        try:
            with self.store.lock(key).acquire(timeout=0.2):
                if self.store.get(key):
                    return
                result = task.measure()
                import torch

                made = provenance("cpu", torch.get_num_threads(), "") | result.pop("provenance", {})
                self.store.put(Measurement(task.kind, spec, result, made))
        except Timeout:
            raise RunFailed(f"another process is making this measurement now: {task.label}") from None

    def records(self) -> dict[Task, Measurement]:
        """Return the stored measurements, task -> measurement."""
        return {task: found for task in self.tasks if (found := self.stored(task))}

    def save(self, figure, table: pd.DataFrame, judged: Sequence[JudgedClaim]) -> Path:
        """Write picture, table and claims under figures/<profile>/ with the notebook's name; return the folder."""
        return save(self.artefact.NOTEBOOK, self.profile.name, figure, table, judged)
