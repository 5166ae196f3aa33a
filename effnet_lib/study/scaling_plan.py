"""The plan of a scaling search: its rate is decided first, then candidates on seeds, inside a budget by halving."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import pandas as pd

from ..core.errors import RunFailed, known
from ..core.text import time_words
from ..runs.progress.face import Progress
from ..runs.run_spec import RunSpec
from ..runs.sweep import SweepOptions, run_all
from ..runs.time_estimate import cost as work_of
from ..stats.regret import seeds_for
from ..training.execution import Execution
from . import queue
from .coefficient_search import Candidate
from .halving import Rung, schedule, survivors
from .ranges import check_runs
from .scaled_model import ScaledModel
from .scaling_study import Question, ScalingStudy
from .training_plan import Records, TrainingPlan, merged

TRIALS = 4  # of the rate, about: three, and one beyond the edge
ASSUMED_SD = 1.0  # points, of the seeds, before there are any (measured on photographs: 1.0 to 1.1)
SMALL_MAP = 4  # px: docs/protocol.md
HALF = 1.0  # points, of the regret's interval that seeds are counted for
GPU_SPEED = 8e11  # multiply-adds a second: 2.3 s for 2.0e12, six small networks at a time on one H200 (docs/running.md)


class ScalingPlan(TrainingPlan):
    """Candidates of one cost on all seeds, beside the baseline and each dimension alone.

    With a budget the number of networks follows from it, and the best half of them gets twice the seeds, again and
    again.
    """

    study: ScalingStudy

    @property
    def question(self) -> Question:
        return self.study.question

    def _list(self) -> None:
        self.notes: list[str] = []
        self.deadline = math.inf
        self.seeds = tuple(range(self.rungs[0].seeds if self.rungs else self.study.profile.seeds))
        candidates = [self.question.paper, *self.racing]
        self.models = merged([self.study.baseline, *candidates, *self.question.singles.values()], self.notes)
        check_runs(len(self.models), len(self.seeds))
        self.specs = self._specs() if self.study.ready else {}

    def _specs(self) -> dict[tuple[ScaledModel, int], RunSpec]:
        return {(model, seed): self.study.spec(model, seed) for seed in self.seeds for model in self.models}

    @cached_property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs of the budget; none without one.

        Raises:
            ParameterError: the budget is too small for any.
        """
        budget = self.parameters.own["budget"]
        if budget is None:
            return ()
        each = max(map(self.seconds, (point.candidate for point in self.question.candidates)))
        others = sum(map(self.seconds, (self.study.baseline, *self.question.singles.values())))
        fixed = TRIALS * self.seconds(self.study.baseline) + 2 * others
        return schedule(len(self.question.candidates) - 1, each, fixed, budget)

    @property
    def racing(self) -> list[Candidate]:
        """The candidates that are trained, the paper's triple not among them."""
        listed = [point.candidate for point in self.question.candidates[1:]]
        return listed[: self.rungs[0].networks] if self.rungs else listed

    def seconds(self, model: ScaledModel) -> float:
        """Return about how long one run of a model takes here, by the wall clock of all workers."""
        return self._estimator()(self._unrated(model)) / max(1, self.workers)

    def _unrated(self, model: ScaledModel) -> RunSpec:
        return RunSpec(model.arch, self.study.profile.recipe, self.study.dataset.id, 0)

    def trials_left(self) -> int:
        """Return about how many trials of the learning rate are still to be run."""
        if self.study.ready:
            return 0
        return max(len(self.study.asked()), TRIALS - len(self.study.bracket.losses) + len(self.study.asked()))

    def missing(self) -> list[RunSpec]:
        return [spec for spec in self.specs.values() if not self.study.store.find(spec)]

    def bill(self) -> dict[str, Any]:
        """Return the plan in numbers: runs to do, hours here and on a GPU, seeds for a regret within +- 1 point."""
        todo = [model for model in self.models for seed in self.seeds if not self._stored(model, seed)]
        trials = self.trials_left()
        more = sum((rung.networks + 1) * rung.seeds // 2 for rung in self.rungs[1:])
        listed = [*todo, *[self.question.paper] * more, *[self.study.baseline] * trials]
        work = sum(work_of(self._unrated(model), self.study.dataset) for model in listed)
        images = self.study.dataset.val_images
        seeds = seeds_for(len(self.racing), ASSUMED_SD, images, HALF)
        return {
            "runs": len(todo) + more,
            "trials": trials,
            "hours_here": sum(map(self.seconds, listed)) / 3600,
            "hours_gpu": work / GPU_SPEED / 3600,
            "seeds_for_one_point": seeds,
        }

    def _stored(self, model: ScaledModel, seed: int) -> bool:
        spec = self.specs.get((model, seed))
        return spec is not None and self.study.store.find(spec) is not None

    def summary(self) -> str:
        asked, bill, data = self.question, self.bill(), self.study.dataset
        seeds, final_px = bill["seeds_for_one_point"], self.study.baseline.arch.final_px
        enough = f"{seeds} seeds" if seeds else f"no number of seeds: {data.val_images} images are too few"
        here, there = (time_words(max(1, 3600 * bill[f"hours_{where}"])) for where in ("here", "gpu"))
        lines = [
            *self.notes,
            f"{asked.network} on {data.label}: {asked.at:g}x its {asked.cost.words}; {len(asked.points)} distinct "
            f"networks found, {len(self.racing)} trained beside (1.2, 1.1, 1.15)",
            f"rounding {asked.network.rounding}",
            f"{bill['trials']} trials of the learning rate on the baseline, then {bill['runs']} runs: about {here} "
            f"here with {max(1, self.workers)} worker(s), about {there} on an H200",
            f"a regret interval of +-{HALF:g} point takes {enough}; {len(self.seeds)} planned",
        ]
        if final_px < SMALL_MAP:
            lines.append(f"the last map of the baseline is {final_px} px: resolution may win because that map grows")
        if self.rungs:
            steps = ", then ".join(f"{rung.networks} networks on {rung.seeds} seeds" for rung in self.rungs)
            lines.append(f"budget {time_words(self.parameters.own['budget'])}: {steps}; the paper's triple stays in")
        return "\n".join(lines)

    def overview(self) -> pd.DataFrame:
        """Return the plan as a table: a row a network, its counted cost, seconds a run, stored seeds."""
        asked = self.question
        of, rows = asked.cost.of, []
        for model in self.models:
            ratio = asked.ratio(model.arch)
            rows.append(
                {
                    "network": model.name,
                    "px": model.arch.px,
                    asked.cost.name: asked.cost.written(of(model.arch)) if of else "measured",
                    "x baseline": round(ratio, 3),
                    "seconds a run": round(self.seconds(model) * max(1, self.workers), 1),
                    "stored": f"{sum(self._stored(model, seed) for seed in self.seeds)} of {len(self.seeds)}",
                }
            )
        return pd.DataFrame(rows)

    def run(self) -> Records:
        budget = self.parameters.own["budget"]
        self.deadline = math.inf if budget is None else time.monotonic() + budget
        return super().run()

    def _options(self, predicted: Callable[[RunSpec], float], progress: Progress) -> SweepOptions:
        left, executor = self.deadline - time.monotonic(), self.parameters.own["executor"]
        workers = self.workers if executor == "local" else self.parameters.workers
        return SweepOptions(workers, Execution(self.parameters.device), left, executor, progress, predicted)

    def _decide(self, progress: Progress) -> None:
        """Try learning rates on the baseline until the optimum is bracketed, and plan again."""
        while asked := self.study.asked():
            options = self._options(self._estimator(), progress)
            report = run_all(asked, queue.data_of(self.study), self.study.store, options)
            self.study = replace(self.study)  # takes anew what it has decided from records
            if failed := [s for s in report.failed if not self.study.store.diverged(s.key)]:
                raise RunFailed(
                    f"a trial failed: {self.study.store.failure(failed[0].key) or 'its reason stands above'}"
                )
            if not (report.stored or report.failed):
                raise RunFailed("the budget ended before the learning rate was decided; the same command goes on")
        deadline = self.deadline
        self._list()
        self.deadline = deadline
        print(
            f"learning rate {known(self.study.recipe).lr:g}, "
            + ("bracketed" if self.study.bracket.inside else "on an edge")
        )

    def _asked_for_later(self) -> list[RunSpec]:
        return [spec for spec in self._further().values() if not self.study.store.find(spec)]

    def _further(self) -> dict[tuple[ScaledModel, int], RunSpec]:
        """Return the runs of the later rungs, as far as they are decided."""
        if not self.rungs or not self.specs:
            return {}
        most = range(self.rungs[-1].seeds)
        kept = {model.arch: model for model in self.models}
        found = {}
        for model in self.racing:
            runs = {seed: self.study.store.find(self.study.spec(model, seed)) for seed in most}
            found[kept[model.arch]] = {seed: record.top1 for seed, record in runs.items() if record}
        further: dict[tuple[ScaledModel, int], RunSpec] = {}
        for (last, rung), alive in zip(pairwise(self.rungs), survivors(found, self.rungs)[1:], strict=False):
            for seed in range(last.seeds, rung.seeds):
                for one in (*alive, kept[self.question.paper.arch]):
                    further[one, seed] = self.study.spec(one, seed)
        return further
