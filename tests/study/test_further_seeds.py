"""Which stored seeds a figure reads: those asked for, else all that the queue plans."""

from dataclasses import replace

import pytest
from support.invented import BASE, study_of

import effnet_lib as eff
from effnet_lib.artefacts import artefact, fig4, fig8
from effnet_lib.report.tables import accuracy
from effnet_lib.study import queue
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.protocol import SHORT, declared
from effnet_lib.study.scaled_model import at_budget


def test_every_seed_that_the_queue_plans_is_read_back_and_no_other(monkeypatch, record_of):
    """Level A and level B have six seeds, where the profile gives three to every model."""
    study = study_of(quintet=True)
    monkeypatch.setitem(PROFILES, "photos", study.profile)
    monkeypatch.setattr(Study, "base", property(lambda self: BASE))
    planned = {spec for stage in queue.stages(study) for spec in stage.specs}
    for spec in planned | {replace(spec, seed=77) for spec in planned}:  # a seed of nobody's plan is not read
        study.store.put(record_of(spec))
    short = at_budget(eff.plan("fig8", profile="photos").results(), SHORT)
    found = {model.name: sorted(runs) for model, runs in short.items()}
    levels = {level: {model.name for model in models.values()} for level, models in fig8.levels(study).items()}
    six = {name for name, seeds in found.items() if seeds == [*range(6)]}
    assert six == levels["A"] | levels["B"] | {"baseline"}
    assert all(seeds in ([0, 1, 2], [*range(5)]) for name, seeds in found.items() if name not in six)
    asked = eff.plan("fig8", profile="photos", seeds=2).results()
    assert {len(runs) for runs in asked.values()} == {2}
    both = [
        runs for model, runs in eff.plan("fig4", profile="photos").results().items() if model.base_scaling == fig4.BOTH
    ]
    assert len(both) == 4 and {len(runs) for runs in both} == {declared(study.profile, "fig4").seeds}


def test_long_runs_are_read_beside_short_ones_of_the_same_name(monkeypatch, record_of):
    study = study_of(quintet=True, deciding="long")
    monkeypatch.setitem(PROFILES, "photos", study.profile)
    monkeypatch.setattr(Study, "base", property(lambda self: BASE))
    five = list(study.five_methods().values())
    monkeypatch.setattr(type(artefact("fig8")), "plan", lambda self, study: [*five, *map(study.long, five)])
    for spec in {spec for stage in queue.stages(study) if stage.number in (2, 4) for spec in stage.specs}:
        study.store.put(record_of(spec))
    plan = eff.plan("fig8", profile="photos")
    results = plan.results()
    assert {len(runs) for runs in at_budget(results, "long").values()} == {5}
    assert {len(runs) for runs in at_budget(results, "short").values()} == {6}
    rows = accuracy.table(plan.study, results)
    assert list(rows["epochs"]) == [12] * 5 + [36] * 5 and list(rows["model"])[:5] == list(rows["model"])[5:]
    assert plan.overview()["epochs"].tolist() == [12] * 5 + [36] * 5
    with pytest.raises(ValueError, match="at_budget"):
        accuracy.outcomes(results)
