"""The plan of an artefact that trains: what it trains, what it says is missing, what it reads; by Figure 3's."""

from dataclasses import replace
from functools import partial

import pytest
from support.decided import parabola, put_trials
from support.figure3 import FLATTENING, MISSING, figure3
from support.invented import DECIDED

import effnet_lib as eff
from effnet_lib.core.errors import DataError, ParameterError, RunFailed
from effnet_lib.core.paths import published_root
from effnet_lib.models.complexity import count
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import Report
from effnet_lib.study import training_plan
from effnet_lib.study.profiles import PROFILES


@pytest.fixture(autouse=True)
def decided(monkeypatch):
    """Fix the baseline and the learning rate of `photos`, which step 0 and the tuning would choose."""
    monkeypatch.setitem(PROFILES, "photos", DECIDED)


@pytest.fixture
def fill(record_of):
    """Return a function that plans Figure 3 and stores made-up records: name -> percent correct."""
    return partial(figure3, record_of)


@pytest.fixture
def trained(monkeypatch, record_of) -> list:
    """Stand in for the sweep: note what it was asked to train, and store a record of each."""
    asked = []

    def run_all(specs, dataset_of, store, options):
        asked.extend(specs)
        for spec in specs:
            store.put(record_of(spec))
        return Report(stored=list(specs))

    monkeypatch.setattr(training_plan, "run_all", run_all)
    return asked


@pytest.mark.parametrize(
    "profile, train, trains",
    [("smoke", "auto", True), ("smoke", False, False), ("photos", "auto", False), ("photos", True, True)],
)
def test_who_trains_what_is_missing(trained, profile, train, trains):
    plan = eff.plan("fig3", profile=profile, train=train, seeds=1)
    records = plan.run()
    assert len(trained) == len(records) == (len(plan.models) if trains else 0)
    assert plan.run() == records and len(trained) == len(records)  # once
    base = plan.study.baseline.arch
    first = sum(spec.arch == base for spec in trained)  # at each budget: every difference needs it
    assert all(spec.arch == base for spec in trained[:first]) and bool(first) is trains
    costs = [count(spec.arch).madds * spec.recipe.epochs for spec in trained[first:]]
    assert costs == sorted(costs, reverse=True)


def test_what_is_missing_is_told_with_the_command_that_trains_it(fill):
    plan = fill(MISSING, seeds=1)
    assert {spec.key for spec in plan.missing()} == {
        spec.key for (model, _), spec in plan.specs.items() if model.name not in MISSING
    }
    text = plan.summary()
    assert "17 models x 1 seeds = 17 runs, 13 stored" in text
    assert "4 runs are missing" in text and "-p train True" in text
    assert "effnet queue --profile photos --budget " in text
    assert list(plan.overview().set_index("model")["stored"])[:6] == ["1 of 1"] * 5 + ["0 of 1"]


def test_an_undecided_study_names_its_command_and_trains_nothing(monkeypatch, trained):
    monkeypatch.setitem(PROFILES, "photos", replace(DECIDED, learning_rates=(0.1, 0.2)))
    plan = eff.plan("fig3", profile="photos", dataset="imagenette-320")
    assert "effnet queue --profile photos --dataset imagenette-320 --budget 36000" in plan.summary()
    assert plan.models == [] and plan.run() == {} and trained == [] and plan.overview().empty


def test_an_undecided_study_is_decided_first_where_training_is_asked_for(monkeypatch, trained, store, record_of):
    monkeypatch.setitem(PROFILES, "photos", replace(DECIDED, learning_rates=(0.1, 0.2, 0.4)))

    def decide(study, chosen, options):
        assert chosen == ["study"]
        put_trials(study, record_of, parabola(0.1))

    monkeypatch.setattr("effnet_lib.study.queue.work", decide)
    plan = eff.plan("fig3", profile="photos", train=True, seeds=1)
    assert len(plan.run()) == len(plan.models) == 17
    assert {spec.recipe.lr for spec in trained} == {0.1}


def test_a_dry_run_trains_and_writes_nothing(roots, trained):
    plan = eff.plan("fig3", profile="smoke", dry_run=True)
    assert "7 runs to train with 1 worker(s)" in plan.summary()
    assert len(plan.overview()) == 7 and plan.run() == {}
    assert trained == [] and list(roots.iterdir()) == []


def test_shipped_records_count_unless_fresh(fill):
    fill(FLATTENING, seeds=2, store=RunStore(root=published_root()))
    assert eff.plan("fig3", profile="photos", seeds=2).missing() == []
    fresh = eff.plan("fig3", profile="photos", seeds=2, fresh=True)
    assert len(fresh.missing()) == 34 and fresh.results() == {}


@pytest.mark.parametrize("profile, reads", [("smoke", False), ("cpu", False), ("photos", True)])
def test_profiles_that_train_on_the_spot_read_no_shipped_record(profile, reads, record_of):
    plan = eff.plan("fig3", profile=profile, seeds=1)
    for spec in plan.specs.values():
        RunStore(root=published_root()).put(record_of(spec))
    assert bool(plan.results()) == reads


def test_seeds_are_counted_from_zero():
    assert eff.plan("fig3", profile="photos", seeds=4).seeds == (0, 1, 2, 3)
    assert eff.plan("fig3", profile="photos").seeds == (0, 1, 2)
    assert eff.plan("fig3", profile="smoke").seeds == (0,)


def test_a_failed_run_is_told_with_its_reason(monkeypatch):
    def run_all(specs, dataset_of, store, options):
        store.fail(specs[0].key, "MemoryError: too large")
        return Report(failed=[specs[0]])

    monkeypatch.setattr(training_plan, "run_all", run_all)
    with pytest.raises(RunFailed, match=r"1 of 7 runs failed; the first: .* MemoryError: too large"):
        eff.plan("fig3", profile="smoke").run()


@pytest.mark.parametrize(
    "given, error, words",
    [
        ({"resolutions": (0.5, 1.0)}, ParameterError, "resolutions=0.5 is not accepted"),
        ({"dataset": "fractals-11"}, ParameterError, "did you mean fractals-10"),
        ({"dataset": "nowhere/at/all"}, DataError, "is not a folder"),
    ],
)
def test_errors_come_before_any_training(roots, trained, given, error, words):
    with pytest.raises(error, match=words):
        eff.plan("fig3", profile="smoke", **given).run()
    assert trained == [] and list(roots.iterdir()) == []


def test_a_folder_of_images_is_a_data_set(images, trained):
    plan = eff.plan("fig3", profile="smoke", dataset=str(images))
    assert {spec.arch.classes for spec in plan.specs.values()} == {3}
    assert len(plan.run()) == 7 and {spec.data for spec in trained} == {plan.study.dataset.id}
