"""Which stored seeds a figure reads: those asked for, else all that the queue plans."""

from dataclasses import replace

from support.invented import BASE, study_of

import effnet_lib as eff
from effnet_lib.artefacts import fig4, fig8
from effnet_lib.study import queue
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES


def test_every_seed_that_the_queue_plans_is_read_back(monkeypatch, record_of):
    """Level A has ten seeds and level B six, where the profile gives three to every model."""
    study = study_of(quintet=True)
    monkeypatch.setitem(PROFILES, "photos", study.profile)
    monkeypatch.setattr(Study, "base", property(lambda self: BASE))
    planned = {spec for stage in queue.stages(study) for spec in stage.specs if spec.recipe == study.profile.recipe}
    for spec in planned | {replace(next(iter(planned)), seed=77)}:  # a seed of nobody's plan is not read
        study.store.put(record_of(spec))
    found = {model.name: sorted(runs) for model, runs in eff.plan("fig8", profile="photos").results().items()}
    levels = {level: {model.name for model in models.values()} for level, models in fig8.levels(study).items()}
    assert {name for name, seeds in found.items() if seeds == [*range(10)]} == levels["A"] | {"baseline"}
    assert {name for name, seeds in found.items() if seeds == [*range(6)]} >= levels["B"]
    assert {len(seeds) for seeds in found.values()} == {3, 6, 10} and found["d=2"] == [0, 1, 2]
    asked = eff.plan("fig8", profile="photos", seeds=2).results()
    assert {len(runs) for runs in asked.values()} == {2}
    both = [
        runs for model, runs in eff.plan("fig4", profile="photos").results().items() if model.base_scaling == fig4.BOTH
    ]
    assert len(both) == 4 and {len(runs) for runs in both} == {fig4.SEEDS}
