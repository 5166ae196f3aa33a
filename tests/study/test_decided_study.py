"""Decisions and the queue: baseline, rates, models of equal cost, the order in which runs are planned."""

from dataclasses import replace

import pytest
from support.decided import bits, parabola, put_candidates, put_trials

import effnet_lib as eff
from effnet_lib.data.datasets import declare
from effnet_lib.data.splits import HOLDOUT
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.sweep import SweepOptions
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.queue import data_of, stages, work
from effnet_lib.study.scaled_model import METHODS
from effnet_lib.study.status import decisions, status
from effnet_lib.training import trainer

PHOTOS = PROFILES["photos"]


def study_of(store, base: ProxyBaseline | None = None, profile=PHOTOS, dataset=None) -> Study:
    """Open a study, with its baseline fixed where one is given."""
    chosen = replace(profile, candidates=(base,)) if base else profile
    return Study.of(chosen, store, dataset)


def test_the_baseline_has_one_name(store):
    study = study_of(store, ProxyBaseline(0.5, 0.5, 64))
    neutral = [study.model(method, 0 if method == "compound" else 1.0) for method in METHODS]
    assert {model.name for model in neutral} == {"baseline"}
    assert {model.arch for model in neutral} == {study.baseline.arch}


# The queue --------------------------------------------------------------------------------------------------

WINNER = PHOTOS.candidates[5]  # (0.15, 0.25, 124 px)


def decide(study: Study, record_of, best: ProxyBaseline = WINNER, rate: float = 0.2) -> Study:
    put_candidates(study, record_of, best)
    return put_trials(study, record_of, parabola(rate))


def test_nothing_is_planned_before_its_decision(store, record_of):
    def planned():
        return stages(study_of(store))

    (candidates,) = planned()
    assert len(candidates.specs) == 26 and {spec.data for spec in candidates.specs} == {"imagenette-224/holdout"}
    # One seed of every candidate comes before the next seed, so that a cut leaves whole blocks.
    assert [spec.seed for spec in candidates.specs] == [0] * 13 + [1] * 13
    assert {(spec.recipe.batch, spec.recipe.lr, spec.recipe.epochs) for spec in candidates.specs} == {(32, 0.2, 12)}
    put_candidates(study_of(store), record_of, WINNER)
    store.path(candidates.specs[-1].key).rename(store.root / "aside")
    assert planned() == [candidates]  # one record short
    (store.root / "aside").rename(store.path(candidates.specs[-1].key))

    _, recipe = planned()
    assert study_of(store).base == WINNER and study_of(store).edges == []
    assert len(recipe.specs) == 9 and {spec.data for spec in recipe.specs} == {"imagenette-224/holdout"}
    assert study_of(store).recipe is None and not study_of(store).ready


def test_rates_come_after_the_recipe_and_everything_else_after_them(store, record_of):
    study = decide(study_of(store), record_of, rate=0.4)
    assert study.ready and set(study.learning_rates.values()) == {0.4} and study.recipe.lr == 0.4
    every = stages(study)
    orders = [(stage.number, stage.rank) for stage in every]
    assert orders == sorted(orders) and {stage.number for stage in every} == {*range(1, 11)}
    assert [stage.name for stage in every][:7] == [
        "baseline candidates", "recipe of the baseline", "rates of level A's methods", "level A, long, 5 seeds",
        "Figure 3's predeclared points, long, 3 seeds", "level A, short, 6 seeds", "Figure 3, 3 seeds",
    ]  # fmt: skip
    rates = every[2].specs
    assert [spec.recipe.lr for spec in rates[:5]] == [0.4] * 5  # the recipe's own first, of all five methods
    later = [spec for stage in every[3:] for spec in stage.specs if stage.name != "Table 3, rates"]
    assert {spec.data for spec in later} == {"imagenette-224"}  # the validation set is only looked at now
    assert {spec.recipe.lr for spec in later} == {0.4}
    assert not [
        spec
        for stage in every
        for spec in stage.specs
        if spec.data == "imagenette-224" and spec.arch.family != "efficientnet"
    ]


def test_no_stage_asks_for_a_run_twice_and_no_seed_is_beyond_the_declared(store, record_of):
    study = decide(study_of(store), record_of)
    most = {}
    for stage in stages(study):
        assert len({spec.key for spec in stage.specs}) == len(stage.specs), stage.name
        for spec in stage.specs:
            most[stage.number] = max(most.get(stage.number, 0), spec.seed % 100 + 1)
    assert most == {1: 2, 2: 5, 3: 3, 4: 6, 5: 5, 6: 5, 7: 5, 8: 3, 9: 6, 10: 3}


def test_long_runs_have_three_times_the_epochs_and_the_same_name(store, record_of):
    study = decide(study_of(store), record_of)
    by_order = {stage.number: stage.specs for stage in stages(study) if stage.number in (2, 3, 4)}
    assert {spec.recipe.epochs for spec in by_order[2] + by_order[3]} == {36}
    assert {spec.recipe.epochs for spec in by_order[4]} == {12}
    five = study.five_methods()
    assert {(spec.arch, spec.seed) for spec in by_order[2]} == {(m.arch, s) for m in five.values() for s in range(5)}
    assert {spec for runs in study.long_runs().values() for spec in runs.values()} == set(by_order[2])
    long = study.long(five["width"])
    assert long.name == five["width"].name and long != five["width"] and long.budget == "long"
    assert study.spec(long, 0).recipe == replace(study.spec(five["width"], 0).recipe, epochs=36)
    only = study_of(store, profile=PROFILES["smoke"])
    assert only.long(only.baseline) == only.baseline


def test_families_are_planned_once_their_own_rates_are_tried(store, record_of):
    study = decide(study_of(store), record_of)
    rates = next(stage for stage in stages(study) if stage.name == "Table 3, rates")
    assert rates.number == 8 and len(rates.specs) == 14 * 3 and study.family_rates == {}
    plan = eff.plan("table3", profile="photos")
    assert plan.models == [] and "learning rates of MobileNetV1, MobileNetV2, ResNet-50 are not" in plan.summary()
    while missing := [spec for s in stages(study.again()) if s.rank == 40 for spec in s.specs if not store.find(spec)]:
        for spec in missing:
            store.put(record_of(spec, loss=parabola(0.1 if "v1" in spec.arch.family else 0.2)(spec)))
    found = study.again().family_rates
    assert [set(rates.values()) for rates in found.values()] == [{0.1}, {0.2}, {0.2}]
    planned = eff.plan("table3", profile="photos").specs
    assert {spec.recipe.lr for (model, _), spec in planned.items() if model.family == "MobileNetV1"} == {0.1}


@pytest.mark.parametrize("profile", ["smoke", "cpu"])
def test_fixed_profiles_need_no_decision(store, profile):
    study = study_of(store, profile=PROFILES[profile])
    assert study.ready and study.candidates() == study.tuning() == {} and study.recipe_search.asked == ()
    assert study.spec(study.baseline, 0).recipe == PROFILES[profile].recipe and study.edges == []
    assert set(study.family_rates) == set(study.profile.families)


@pytest.fixture
def small_study(store, images):
    """A study with open decisions on a folder of pictures: two candidates, one batch."""
    candidates = (ProxyBaseline(0.25, 0.25, 32), ProxyBaseline(0.25, 0.25, 40))
    profile = replace(PHOTOS, candidates=candidates, batches=(32,), emas=(), crops=())
    return Study.of(profile, store, declare(str(images)))


def test_a_folders_study_finds_its_held_out_fifth(small_study, images):
    data = data_of(small_study)
    held = RunSpec(small_study.profile.candidates[0].arch(3), PHOTOS.recipe, small_study.dataset.id + HOLDOUT, 0)
    assert data(held).folder == images and data(held).id == held.data
    assert data(replace(held, data=small_study.dataset.id)) == small_study.dataset
    assert data(replace(held, data="fractals-10")) == declare("fractals-10")


def test_one_call_takes_all_decisions(small_study, monkeypatch, record_of, trained_as):
    trained, said = [], []

    def train(spec, dataset, *_):
        assert dataset.id == spec.data
        trained.append(spec)
        right = bits(300 if spec.arch.px == 32 else 200)
        return trained_as(record_of(spec, right, loss=parabola(0.1)(spec)))

    monkeypatch.setattr(trainer, "train", train)
    report = work(small_study, ["study"], SweepOptions(0, budget=1e6, say=said.append))
    # Step 0: 2 x 2. Recipe: 0.1, 0.4 and, beyond the edge, 0.05; 0.2 was a candidate's. Rates: 4 models x 3.
    assert len(report.stored) == len(trained) == 4 + 3 + 12 and not report.failed and not report.left
    study = small_study.again()
    assert study.base.px == 32 and set(study.learning_rates.values()) == {0.1} and study.recipe.lr == 0.1
    assert [spec.recipe.lr for spec in trained[4:7]] == [0.1, 0.4, 0.05]
    assert [spec.recipe.lr for spec in trained[7:11]] == [0.1] * 4  # the recipe's rate first
    assert work(study, ["study"], SweepOptions(0, budget=1e6, say=said.append)).stored == [] and len(trained) == 19
    told = decisions(study)
    assert "rates: baseline 0.1" in told and "recipe: batch 32, rate 0.1, crops from 0.35, EMA none" in told
    assert "tuning width" in told and "level A, long, 5 seeds" in status(study)


def test_a_call_that_was_cut_goes_on_where_it_was(small_study, monkeypatch, record_of, trained_as):
    trained = []

    def train(spec, *_):
        if len(trained) == 6:
            raise MemoryError("cut")
        trained.append(spec)
        return trained_as(record_of(spec, bits(300 if spec.arch.px == 32 else 200), loss=parabola(0.2)(spec)))

    monkeypatch.setattr(trainer, "train", train)
    report = work(small_study, ["study"], SweepOptions(0, budget=1e6, say=lambda line: None))
    assert len(report.stored) == 6 and report.failed and not small_study.again().ready
    before = {spec.key for spec in trained}
    monkeypatch.setattr(
        trainer, "train", lambda spec, *_: trained_as(record_of(spec, bits(9), loss=parabola(0.2)(spec)))
    )
    report = work(small_study, ["study"], SweepOptions(0, budget=1e6, say=lambda line: None))
    assert not {spec.key for spec in report.stored} & before and small_study.again().ready


def test_the_queue_ends_when_a_decision_cannot_be_taken(small_study, monkeypatch, record_of, trained_as):
    """A candidate that fails, and a budget that is spent, end the call; they do not turn it in circles."""
    calls = []

    def train(spec, *_):
        calls.append(spec)
        if spec.seed == 1:
            raise MemoryError("too large")
        return trained_as(record_of(spec))

    monkeypatch.setattr(trainer, "train", train)
    report = work(small_study, [], SweepOptions(0, budget=1e6, say=lambda line: None))
    assert len(report.stored) == len(report.failed) == 2 and len(calls) == 4
    assert all("MemoryError: too large" in small_study.store.failure(spec.key) for spec in report.failed)
    report = work(small_study, [], SweepOptions(0, budget=0.0, say=lambda line: None))
    assert len(report.left) == 2 and len(calls) == 4


def test_a_tuning_trial_that_diverged_counts_as_infinitely_bad(small_study, record_of):
    put_candidates(small_study, record_of, small_study.profile.candidates[0])

    def loss(spec):
        return 1.0 + abs(spec.recipe.lr - 0.4)

    while not (study := small_study.again()).ready:
        for stage in stages(study, ["study"])[1:]:
            for spec in stage.specs:
                if spec.recipe.lr > 0.3:
                    study.store.fail(spec.key, "Diverged: the training loss is nan in epoch 1 of 12")
                else:
                    stored = study.store.get(spec.key)  # a candidate's keeps its bits
                    study.store.put(record_of(spec, stored.correct if stored else bits(200), loss=loss(spec)))
    assert set(study.learning_rates.values()) == {0.2} and "diverged" in decisions(study)
