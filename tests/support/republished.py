"""Published runs of a small Figure 3, made up by a test in its own published folder, and reruns without training."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import effnet_lib as eff
from effnet_lib.apps.publish import publish_records
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunRecord
from effnet_lib.runs.sweep import Report
from effnet_lib.study import judged_reruns
from effnet_lib.study.profiles import PROFILES

IMAGES = 1000
AXES = {"widths": (1.0, 2.6), "depths": (1.0,), "resolutions": (1.0, 2.2)}
ACCURACIES = {"baseline": (60.0, 61.5, 63.0), "w=2.6": (70.0, 71.0, 73.5), "r=2.2": (74.0, 76.0, 77.0)}
SECONDS = {"baseline": 10.0, "w=2.6": 20.0, "r=2.2": 40.0}


def bits(percent: float) -> np.ndarray:
    """Return booleans of shape (1000,), of which so many are True."""
    return np.arange(IMAGES) < round(IMAGES * percent / 100)


def publish_smoke(
    monkeypatch, record_of: Callable[..., RunRecord], accuracies=ACCURACIES
) -> dict[str, list[RunRecord]]:
    """Publish records of Figure 3 in profile smoke, name -> one a seed; the first seeds took as long as `SECONDS`."""
    monkeypatch.setitem(PROFILES, "smoke", replace(PROFILES["smoke"], seeds=3, declared=3, levels=(), **AXES))
    plan, made = eff.plan("fig3", profile="smoke"), {}
    for model in plan.models:
        for seed, percent in enumerate(accuracies.get(model.name, ())):
            taken = SECONDS[model.name] * (1 + seed)
            record = record_of(plan.specs[model, seed], bits(percent), train_seconds=taken)
            made.setdefault(model.name, []).append(record)
    publish_records([record for records in made.values() for record in records])
    return made


def rerun_as(monkeypatch, result: Callable[[RunSpec], RunRecord | None]) -> list[str]:
    """Stand in for training: store what `result` makes of a run, or leave it where that is None; return the keys."""
    asked = []

    def run_all(specs, _dataset_of, store, options):
        report = Report()
        for spec in specs:
            asked.append(spec.key)
            if store.find(spec) is None and (record := result(spec)):
                store.put(record)
            (report.stored if store.find(spec) else report.left).append(spec)
        return report

    monkeypatch.setattr(judged_reruns, "run_all", run_all)
    return asked
