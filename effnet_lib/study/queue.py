"""The pending runs of all landed plans, in the protocol's order: docs/protocol.md, "The decisive set".

1 decides (step 0, recipe, rates); 2 and 3 are the long runs that decide the paper's main claims, 4 the same methods at
the short budget, 5 to 9 the other claims; 10 is what is drawn and decides nothing. Runs come in whole blocks of seeds.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ..core.errors import ParameterError, known, nearest
from ..core.text import time_words
from ..data.datasets import DataSet, declare
from ..data.splits import HOLDOUT
from ..runs.run_spec import RunSpec
from ..runs.sweep import Report, SweepOptions, estimator, run_all
from ..runs.sweep_state import FIRST_EPOCH
from . import registry
from .controls import blur_control, fast_compound
from .decided_study import QueueStage, Study, axes_of
from .decision_files import words
from .profiles import LEVEL_B
from .protocol import PREDECLARED, declared
from .scaled_model import ScaledModel

DECIDES, LEVEL_A_LONG, PREDECLARED_LONG, LEVEL_A_SHORT = 1, 2, 3, 4  # the orders of what no artefact lists alone
CONTROLS, LEVEL_B_SHORT = 5, 9
BEYOND = 10  # drawn, and no part of the decisive set


def data_of(study: Study) -> Callable[[RunSpec], DataSet]:
    """Return a function that finds the data set of a run; a folder's id alone does not say where it is."""
    own, held = study.dataset, replace(study.dataset, id=study.dataset.id + HOLDOUT)
    known = {own.id: own, held.id: held}
    return lambda spec: known.get(spec.data) or declare(spec.data)


def stages(study: Study, chosen: Iterable[str] = ()) -> list[QueueStage]:
    """List the queue's stages as far as the decisions allow, for the chosen artefacts (default: all).

    What decides comes before everything; what depends on a decision appears once it is taken.
    """
    found = list(_decisions(study))
    if study.ready:
        found += list(_decisive(study))
        for artefact in registry.all_artefacts().values():
            found += artefact.stages(study)
    wanted = set(chosen)
    found = [s for s in found if s.specs and (not wanted or s.artefact in wanted | {"study"})]
    # Coefficients that round to one network are one run.
    found = [replace(stage, specs=tuple(dict.fromkeys(stage.specs))) for stage in found]
    return sorted(found, key=lambda stage: (stage.number, stage.rank))


def _decisions(study: Study) -> Iterator[QueueStage]:
    """Yield what decides, as far as it is asked for; nothing for a decision that ships."""

    def stage(rank: int, name: str, specs: Iterable[RunSpec], known: bool) -> QueueStage:
        left = tuple(specs)
        shipped = known and any(study.trials.loss(spec) is None for spec in left)
        return QueueStage(DECIDES, rank, name, "study", () if shipped else left)

    candidates = study.candidates().values()
    seeds = (spec for group in zip(*candidates, strict=True) for spec in group)
    yield stage(0, "baseline candidates", seeds, study.base is not None)
    if study.base is None or not study.tunes:
        return
    tried = (study.trials.spec(study.baseline.arch, recipe) for recipe in study.recipe_search.asked)
    yield stage(1, "recipe of the baseline", tried, study.recipe is not None)
    tuning = study.tuning()
    # Rates in whole rows, the recipe's own first: a cut leaves comparable trials.
    rates = sorted({rate for trials in tuning.values() for rate in trials}, key=lambda rate: _steps(study, rate))
    specs = (trials[rate] for rate in rates for trials in tuning.values() if rate in trials)
    yield stage(2, "rates of level A's methods", specs, study.ready)


def _steps(study: Study, rate: float) -> float:
    own = known(study.recipe).lr
    return max(rate / own, own / rate)


def _decisive(study: Study) -> Iterator[QueueStage]:
    """Yield orders 2, 3, 4 and 9 and the controls of 5, which no one figure lists; for profiles that have step 0."""
    if not study.follows_protocol:
        return
    five = list(study.five_methods().values())
    long = list(map(study.long, five))
    points = [study.model(method, c) for method in axes_of(study) for c in PREDECLARED[method]]
    points = [study.long(model) for model in points if model.arch not in {one.arch for one in five}]
    level_b = list(study.equal_flops_level(LEVEL_B).values()) if LEVEL_B in study.profile.levels else []
    for number, claims, name, artefact, models in (
        (LEVEL_A_LONG, "level A", "level A, long", "quintet", long),
        (PREDECLARED_LONG, "predeclared", "Figure 3's predeclared points, long", "fig3", points),
        (LEVEL_A_SHORT, "level A, short", "level A, short", "quintet", five),
        (CONTROLS, "blur control", "blur control", "fig8", [blur_control(study)]),
        (CONTROLS, "dWr", "dWr", "fig8", [fast_compound(study)]),
        (LEVEL_B_SHORT, "level B", "level B", "fig8", level_b),
    ):
        seeds = declared(study.profile, claims).seeds
        rank = 20 if number == CONTROLS else 0  # after Figure 3's points
        yield QueueStage(number, rank, f"{name}, {seed_words(seeds)}", artefact, blocks(study, models, range(seeds)))


def blocks(study: Study, models: Iterable[ScaledModel], seeds: Iterable[int]) -> tuple[RunSpec, ...]:
    """Return the runs of some models, one seed of all before the next: a cut leaves whole blocks."""
    listed = list(models)
    return tuple(study.spec(model, seed) for seed in seeds for model in listed)


def seed_words(number: int) -> str:
    """Return a number of seeds as a stage's name has it."""
    return "one seed" if number == 1 else f"{number} seeds"


def check_plans(names: Iterable[str]) -> None:
    """Refuse a name that is no plan of the queue.

    Raises:
        ParameterError: with the nearest one.
    """
    plans = [*registry.all_artefacts(), "quintet", "study"]
    for name in names:
        if name not in plans:
            raise ParameterError("artefact", name, nearest(name, plans))


def open_runs(study: Study, planned: Iterable[QueueStage]) -> list[RunSpec]:
    """List what still has to be done of some stages; a tuning trial that diverged has said what it had to say."""
    find = study.store.finder()
    specs = [spec for stage in planned for spec in stage.specs if not find(spec)]
    return [spec for spec in specs if not (spec.data.endswith(HOLDOUT) and study.store.diverged(spec.key))]


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
    total, data, told = Report(), data_of(study), set(words(study))
    while True:
        study = study.again()  # decisions that were open may be taken by now
        for line in words(study):
            if line not in told:
                options.say(f"decided: {line}")
        told |= set(words(study))
        planned = stages(study, chosen)
        failed = set(total.failed)
        pending = [spec for spec in open_runs(study, planned) if spec not in failed]
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
        if report.left or report.paused or not (report.stored or report.failed):
            return total
