"""What a profile's study has decided, and how far its queue is."""

from collections.abc import Mapping
from math import inf

import pandas as pd

from ..core.errors import StoreError, one_line
from ..core.hardware import cpu_count
from ..models.complexity import count
from ..runs.record_checks import json_body, read_text
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunRecord
from ..runs.sweep import cost, estimator
from ..runs.value_checks import whole
from .decided_study import Study
from .decision_files import words
from .queue import data_of, stages


def decisions(study: Study) -> str:
    """Say which baseline, recipe and rates the records decide, with the numbers that decide them."""
    lines = []
    for base, specs in study.candidates().items():
        records = [study.store.find(spec) for spec in specs]
        top1 = ", ".join(f"{r.top1:.2f}" if r else "-" for r in records)
        madds = count(base.arch(study.dataset.classes)).madds / 1e6
        lines.append(f"  candidate {base!s:34} {madds:6.2f} M   held-out top-1 {top1} %")
    lines.append(f"baseline: {study.base or 'not decided yet'}")
    if study.base is not None:
        lines += [f"  on an edge: {edge}" for edge in study.edges]
        lines += _recipe(study)
    if study.recipe is not None:
        lines += [_trials(method, trials, study) for method, trials in study.tuning().items()]
        lines.append(f"rates: {_rates(study.learning_rates)}")
    for family in study.profile.families if study.ready and study.tunes else ():
        trials = study.family_tuning(family).items()
        lines += [_trials(f"{family} {method}", rates, study) for method, rates in trials]
        lines.append(f"rates of {family}: {_rates(study.family_rates.get(family))}")
    return "\n".join(lines)


def _recipe(study: Study) -> list[str]:
    """Say what was tried of the baseline's recipe: a line a batch, then the smallest crop and averaged weights."""
    if not study.tunes:
        return []
    lines = []
    for batch, trials in study.recipe_search.batches.items():
        lines.append(f"  batch {batch:<4} held-out loss by rate  {_losses(trials.losses)}")
    chosen = study.recipe
    tried = {
        f"crops from {recipe.min_area:g}, EMA {recipe.ema:g}": study.trials.loss(
            study.trials.spec(study.baseline.arch, recipe)
        )
        for recipe in study.recipe_search.asked
        if chosen and (recipe.batch, recipe.lr) == (chosen.batch, chosen.lr)
    }
    lines += [f"  {what:27} held-out loss  {_loss(loss)}" for what, loss in tried.items()]
    return [*lines, next((line for line in words(study) if line.startswith("recipe")), "recipe: not decided yet")]


def _trials(name: str, trials: dict[float, RunSpec], study: Study) -> str:
    losses = {rate: study.trials.loss(spec) for rate, spec in trials.items()}
    return f"  tuning {name:22} held-out loss by rate  {_losses(losses)}"


def _losses(losses: Mapping[float, float | None]) -> str:
    return ", ".join(f"{rate:g}: {_loss(loss)}" for rate, loss in losses.items())


def _loss(loss: float | None) -> str:
    return "-" if loss is None else "diverged" if loss == inf else f"{loss:.4f}"


def _rates(rates: Mapping[str, float] | None) -> str:
    return ", ".join(f"{m} {r:g}" for m, r in rates.items()) if rates else "not decided yet"


def state(study: Study, spec: RunSpec, record: RunRecord | None) -> str:
    """Return done (there is a record), running, failed or pending."""
    if record:
        return "done"
    if study.store.is_running(spec.key):
        return "running"
    return "failed" if study.store.failure(spec.key) else "pending"


def status(study: Study, workers: int | None = None) -> str:
    """Return the queue as a table (a row a stage), the running and failed runs, and the time left.

    A unit is one run of the baseline on the whole training set, by counted FLOPS and epochs.
    """
    data, find = data_of(study), study.store.finder()
    predicted = estimator(study.store.own(), data)
    rows, unit = [], 0.0
    lines: dict[str, None] = {}  # dicts: one run may stand in two stages
    left: dict[RunSpec, float] = {}
    if study.base is not None:
        unit = cost(
            RunSpec(study.baseline.arch, study.recipe or study.profile.recipe, study.dataset.id, 0), study.dataset
        )
    for stage in stages(study):
        states = {spec: state(study, spec, find(spec)) for spec in stage.specs}
        todo = {spec: predicted(spec) for spec, how in states.items() if how != "done"}
        left |= todo
        row = {"order": stage.number, "stage": stage.name}
        row["units"] = round(sum(cost(spec, data(spec)) for spec in stage.specs) / unit, 1) if unit else "-"
        row |= {how: list(states.values()).count(how) for how in ("done", "running", "pending", "failed")}
        rows.append(row | {"core-h left": round(sum(todo.values()) / 3600, 2)})
        for spec, how in states.items():
            if how == "failed":
                lines[f"failed: {spec.key[:12]} {study.store.failure(spec.key)}"] = None
            elif how == "running":
                lines[f"running: {spec.key[:12]} {_progress(study, spec)}"] = None
    table = pd.DataFrame(rows).to_string(index=False) if rows else "nothing is planned"
    workers = workers or cpu_count()
    hours = sum(left.values()) / 3600 / workers
    return "\n".join([table, *lines, f"about {hours:.1f} h left with {workers} worker(s)"])


def _progress(study: Study, spec: RunSpec) -> str:
    note = study.store.root / "running" / f"{spec.key}.json"
    try:
        body = json_body(read_text(note))
        epoch, epochs, pid = (whole(name, body.get(name), 0) for name in ("epoch", "epochs", "pid"))
    except FileNotFoundError:  # it ended between the look at its lock and this one
        return "just ended"
    except (StoreError, OSError) as error:
        return f"what it says of itself cannot be read ({one_line(error)})"
    return f"epoch {epoch} of {epochs}, process {pid}"
