"""The pending runs of all landed plans, in the order in which the protocol wants them.

Pass 1 is one seed of everything (baseline candidates, tuning and the quintet first, and two more seeds of the quintet
last), so that every figure has its points; pass 2 completes whole blocks of seeds.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ..core.text import time_words
from ..data.datasets import DataSet, declare
from ..data.splits import HOLDOUT
from ..runs.run_spec import RunSpec
from ..runs.sweep import Report, SweepOptions, estimator, run_all
from ..runs.sweep_state import FIRST_EPOCH
from . import registry
from .decided_study import QueueStage, Study

QUINTET_SEEDS = (3, 10)  # in pass 1, in all
LAST = 99  # rank after every plan's own


def data_of(study: Study) -> Callable[[RunSpec], DataSet]:
    """Return a function that finds the data set of a run; a folder's id alone does not say where it is."""
    own, held = study.dataset, replace(study.dataset, id=study.dataset.id + HOLDOUT)
    known = {own.id: own, held.id: held}
    return lambda spec: known.get(spec.data) or declare(spec.data)


def stages(study: Study, chosen: Iterable[str] = ()) -> list[QueueStage]:
    """List the queue's stages as far as the decisions allow, for the chosen artefacts (default: all).

    Baseline and tuning come before everything; what depends on a decision appears once it is taken.
    """
    found = list(_decisions(study))
    if study.ready:
        found += list(_quintet(study))
        for artefact in registry.all_artefacts().values():
            found += artefact.stages(study)
    wanted = set(chosen)
    found = [s for s in found if s.specs and (not wanted or s.artefact in wanted | {"study"})]
    # Coefficients that round to one network are one run.
    found = [replace(stage, specs=tuple(dict.fromkeys(stage.specs))) for stage in found]
    return sorted(found, key=lambda stage: (stage.number, stage.rank))


def _decisions(study: Study) -> Iterator[QueueStage]:
    candidates = study.candidates()
    if candidates:
        specs = tuple(spec for group in zip(*candidates.values(), strict=True) for spec in group)
        yield QueueStage(1, 0, "baseline candidates", "study", specs)
    if study.base is not None and study.tuning():
        tuning = study.tuning()
        # The middle rate of every method first: a cut leaves comparable trials.
        rates = sorted(study.profile.learning_rates, key=lambda rate: abs(rate - study.profile.recipe.lr))
        specs = tuple(tuning[method][rate] for rate in rates for method in tuning)
        yield QueueStage(1, 1, "tuning of the quintet", "study", specs)


def _quintet(study: Study) -> Iterator[QueueStage]:
    if not study.follows_protocol:
        return
    models = study.five_methods().values()
    early, full = QUINTET_SEEDS

    def block(first: int, last: int) -> tuple[RunSpec, ...]:
        return tuple(study.spec(model, seed) for seed in range(first, last) for model in models)

    yield QueueStage(1, 2, "quintet, one seed", "quintet", block(0, 1))
    yield QueueStage(1, LAST, f"quintet, {early} seeds", "quintet", block(1, early))
    yield QueueStage(2, 2, f"quintet, {full} seeds", "quintet", block(early, full))
    long = [list(runs.values()) for runs in study.long_runs().values()]
    specs = tuple(spec for seed in zip(*long, strict=True) for spec in seed)
    yield QueueStage(2, 3, f"quintet at {specs[0].recipe.epochs} epochs", "quintet", specs)


def _open(study: Study, spec: RunSpec) -> bool:
    """Say whether a run still has to be done; a tuning trial that diverged has said what it had to say."""
    diverged = spec.data.endswith(HOLDOUT) and study.store.diverged(spec.key)
    return not study.store.find(spec) and not diverged


def _too_short(spec: RunSpec, speed: Callable[[RunSpec], float], budget: float) -> str:
    """Say why nothing was started."""
    needed = FIRST_EPOCH * speed(spec) / spec.recipe.epochs
    return (
        f"no run was started: one that cannot end its first epoch inside the budget is not begun, and the first "
        f"pending one needs about {time_words(needed)} for it, of {time_words(max(0.0, budget))}"
    )


def work(study: Study, chosen: Iterable[str], options: SweepOptions) -> Report:
    """Work through the queue inside the budget; later decisions are planned as soon as they are taken.

    Args:
        chosen: ids of artefacts, "study" for what decides alone; none: everything.
        options: how, for how long; its estimate of a run is made here, from what is stored.

    Raises:
        Stopped: with every running run saved, after SIGINT or SIGTERM.
    """
    deadline = time.monotonic() + options.budget
    total, data = Report(), data_of(study)
    while True:
        study = study.again()  # decisions that were open may be taken by now
        planned = stages(study, chosen)
        pending = [spec for stage in planned for spec in stage.specs if _open(study, spec) and spec not in total.failed]
        if not pending:
            return total
        options.say(f"{len(pending)} runs pending in {len(planned)} stages")
        speed = estimator(study.store.own(), data, options.execution.device)
        now = replace(options, budget=deadline - time.monotonic(), estimate=speed)
        report = run_all(pending, data, study.store, now)
        for name in ("stored", "failed", "paused", "busy"):
            getattr(total, name).extend(getattr(report, name))
        total.left = report.left
        if report.left and not (report.stored or report.failed or report.paused or report.busy):
            options.say(_too_short(report.left[0], speed, now.budget))
        if study.ready or report.left or report.paused or not (report.stored or report.failed):
            return total
