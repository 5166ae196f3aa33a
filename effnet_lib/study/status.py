"""What a profile's study has decided, and how far its queue is."""

import json

import pandas as pd

from ..core.hardware import cpu_count
from ..models.complexity import count
from ..runs.run_spec import RunSpec
from ..runs.sweep import cost, estimator
from .decided_study import Study
from .queue import data_of, stages


def decisions(study: Study) -> str:
    """Say which baseline and which rates the records decide, with the numbers that decide them."""
    lines = []
    for base, specs in study.candidates().items():
        records = [study.store.find(spec) for spec in specs]
        top1 = ", ".join(f"{r.top1:.2f}" if r else "-" for r in records)
        madds = count(base.arch(study.dataset.classes)).madds / 1e6
        lines.append(f"  candidate {base!s:34} {madds:6.2f} M   held-out top-1 {top1} %")
    lines.append(f"baseline: {study.base or 'not decided yet'}")
    if study.base is not None:
        for method, trials in study.tuning().items():
            found = {rate: study.store.find(spec) for rate, spec in trials.items()}
            losses = ", ".join(
                f"{rate:g}: {r.result['loss']:.4f}" if r else f"{rate:g}: -" for rate, r in found.items()
            )
            lines.append(f"  tuning {method:11} held-out loss by rate  {losses}")
        rates = study.learning_rates
        lines.append("rates: " + (", ".join(f"{m} {r:g}" for m, r in rates.items()) if rates else "not decided yet"))
    return "\n".join(lines)


def state(study: Study, spec: RunSpec) -> str:
    """Return done, running, failed or pending."""
    if study.store.find(spec):
        return "done"
    if study.store.is_running(spec.key):
        return "running"
    return "failed" if study.store.failure(spec.key) else "pending"


def status(study: Study, workers: int | None = None) -> str:
    """Return the queue as a table (a row a stage), the running and failed runs, and the time left.

    A unit is one run of the baseline on the whole training set, by counted FLOPS and epochs.
    """
    data = data_of(study)
    predicted = estimator(study.store.own(), data)
    rows, lines, left, unit = [], {}, {}, 0.0  # dicts: one run may stand in two stages
    if study.base is not None:
        unit = cost(RunSpec(study.baseline.arch, study.profile.recipe, study.dataset.id, 0), study.dataset)
    for stage in stages(study):
        states = {spec: state(study, spec) for spec in stage.specs}
        todo = {spec: predicted(spec) for spec, how in states.items() if how != "done"}
        left |= todo
        row = {"pass": stage.number, "stage": stage.name}
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
        body = json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:  # it ended between the look at its lock and this one
        return "just ended"
    return f"epoch {body['epoch']} of {body['epochs']}, process {body['pid']}"
