"""Decisions and the queue: baseline, rates, models of equal cost, the order in which runs are planned."""

from dataclasses import replace

import numpy as np
import pytest

from effnet_lib.data.datasets import declare
from effnet_lib.data.splits import HOLDOUT
from effnet_lib.models.complexity import count
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.sweep import SweepOptions
from effnet_lib.study.decided_study import GRIDS, Study
from effnet_lib.study.decisions import choose_base, choose_rates
from effnet_lib.study.profiles import LEVEL_A, LEVEL_B, PROFILES, ProxyBaseline
from effnet_lib.study.queue import data_of, stages, work
from effnet_lib.study.scaled_model import METHODS
from effnet_lib.study.status import decisions, status
from effnet_lib.training import trainer

PHOTOS = PROFILES["photos"]


def study_of(store, base: ProxyBaseline | None = None, profile=PHOTOS, dataset=None) -> Study:
    """Open a study, with its baseline fixed where one is given."""
    chosen = replace(profile, candidates=(base,)) if base else profile
    return Study.of(chosen, store, dataset)


def bits(right: int, of: int = 400, shift: int = 0) -> np.ndarray:
    """Return `right` right pictures out of `of`, another pattern for every shift."""
    return np.roll(np.arange(of) < right, shift)


# Decisions --------------------------------------------------------------------------------------------------

SMALL, MIDDLE, LARGE = ProxyBaseline(0.5, 0.5, 64), ProxyBaseline(0.35, 0.5, 80), ProxyBaseline(0.25, 0.5, 96)


@pytest.mark.parametrize(
    "right, chosen",
    [
        ({SMALL: (300, 302), MIDDLE: (200, 202), LARGE: (100, 102)}, SMALL),  # clearly the best
        (
            {SMALL: (300, 302), MIDDLE: (299, 301), LARGE: (100, 102)},
            MIDDLE,
        ),  # tied with the best, more pixels
        ({SMALL: (300, 302), MIDDLE: (299, 301), LARGE: (299, 301)}, LARGE),
        ({SMALL: (298, 300), MIDDLE: (299, 301), LARGE: (300, 302)}, LARGE),
        (
            {SMALL: (302, 301), ProxyBaseline(0.35, 1, 64): (300, 302), LARGE: (100, 102)},
            SMALL,
        ),  # equal pixels: the mean
    ],
)
def test_the_best_baseline_wins_and_a_tie_goes_to_the_higher_resolution(record_of, right, chosen):
    found = {
        base: [record_of(RunSpec(base.arch(10), PHOTOS.recipe, "x", seed), bits(n)) for seed, n in enumerate(counts)]
        for base, counts in right.items()
    }
    assert choose_base(found) == chosen
    assert choose_base(dict(reversed(found.items()))) == chosen


RATES = (0.1, 0.2, 0.4)


@pytest.mark.parametrize(
    "losses, expected",
    [
        # Optima within one step: the rate of the lowest mean loss, for all.
        ({"a": (1.0, 0.9, 1.2), "b": (0.8, 0.9, 1.0)}, {"a": 0.1, "b": 0.1}),
        ({"a": (1.0, 0.8, 1.2), "b": (0.89, 0.9, 1.0)}, {"a": 0.2, "b": 0.2}),
        ({"a": (1.0, 0.9, 1.1), "b": (1.0, 0.9, 0.8)}, {"a": 0.2, "b": 0.2}),
        ({"a": (0.9, 0.9, 0.9), "b": (0.9, 0.9, 0.9)}, {"a": 0.1, "b": 0.1}),
        # Further apart: each its own, also those between.
        ({"a": (0.8, 0.9, 1.0), "b": (1.0, 0.9, 0.8), "c": (1.0, 0.7, 1.0)}, {"a": 0.1, "b": 0.4, "c": 0.2}),
    ],
)
def test_one_rate_for_all_unless_the_optima_are_far_apart(losses, expected):
    assert choose_rates({m: dict(zip(RATES, values, strict=True)) for m, values in losses.items()}) == expected


@pytest.mark.parametrize("ratio", [LEVEL_A, LEVEL_B])
@pytest.mark.parametrize("base", PHOTOS.candidates, ids=str)
def test_models_of_a_level_have_the_nearest_counted_flops(store, base, ratio):
    study = study_of(store, base)
    unit = count(base.arch(10)).madds
    picked = study.equal_flops_level(ratio)
    assert tuple(picked) == METHODS

    def off(model) -> float:
        return abs(count(model.arch).madds / unit - ratio)

    most = 1.02 * min(count(picked[method].arch).madds for method in METHODS[:3])
    for method, model in picked.items():
        assert model.method == method and model == study.model(method, model.coefficient)
        rivals = [study.model(method, coefficient) for coefficient in GRIDS[method]]
        if method == "compound":
            assert count(model.arch).madds <= most
            rivals = [rival for rival in rivals if count(rival.arch).madds <= most]
        assert off(model) == min(map(off, rivals))


def test_level_a_of_the_first_candidate_is_that_of_the_protocol(store):
    picked = study_of(store, SMALL).equal_flops_level(LEVEL_A)
    assert {m: model.coefficient for m, model in picked.items()} == {
        "width": 2.0, "depth": 4.0, "resolution": 1.7, "compound": 1.5,
    }  # fmt: skip
    assert [model.name for model in picked.values()] == ["w=2", "d=4", "r=1.7", "phi=1.5"]


@pytest.mark.parametrize("profile", ["photos", "gpu"])
def test_candidates_cost_the_same(profile):
    madds = [count(base.arch(10)).madds for base in PROFILES[profile].candidates]
    assert max(madds) / min(madds) < 1.16


def test_the_baseline_has_one_name(store):
    study = study_of(store, SMALL)
    neutral = [study.model(method, 0 if method == "compound" else 1.0) for method in METHODS]
    assert {model.name for model in neutral} == {"baseline"}
    assert {model.arch for model in neutral} == {study.baseline.arch}


# The queue --------------------------------------------------------------------------------------------------


def put_candidates(study: Study, record_of, best: ProxyBaseline) -> None:
    for base, specs in study.candidates().items():
        for spec in specs:
            study.store.put(record_of(spec, bits(300 if base == best else 100, shift=spec.seed)))


def put_tuning(study: Study, record_of, best: float) -> None:
    for trials in study.tuning().values():
        for rate, spec in trials.items():
            stored = study.store.get(spec.key)  # the baseline at the middle rate was a candidate
            right = stored.correct if stored else bits(200)
            study.store.put(record_of(spec, right, loss=1.0 + abs(rate - best)))


@pytest.mark.parametrize("best", PHOTOS.candidates, ids=str)
def test_nothing_is_planned_before_its_decision(store, record_of, best):
    def planned():
        return stages(study_of(store))

    (candidates,) = planned()
    assert len(candidates.specs) == 10 and {spec.data for spec in candidates.specs} == {"imagenette-224/holdout"}
    # One seed of every candidate comes before the next seed, so that a cut leaves whole blocks.
    assert [spec.seed for spec in candidates.specs] == [0] * 5 + [1] * 5
    put_candidates(study_of(store), record_of, best)
    store.path(candidates.specs[-1].key).rename(store.root / "aside")
    assert planned() == [candidates]  # one record short
    (store.root / "aside").rename(store.path(candidates.specs[-1].key))

    _, tuning = planned()
    assert study_of(store).base == best
    assert len(tuning.specs) == 15 and {spec.data for spec in tuning.specs} == {"imagenette-224/holdout"}
    assert [spec.recipe.lr for spec in tuning.specs] == [0.2] * 5 + [0.1] * 5 + [0.4] * 5
    put_tuning(study_of(store), record_of, 0.4)

    study = study_of(store)
    assert study.ready and set(study.learning_rates.values()) == {0.4}
    every = planned()
    assert [stage.number for stage in every] == sorted(stage.number for stage in every)
    first_pass = [stage.name for stage in every if stage.number == 1]
    assert first_pass[:3] == ["baseline candidates", "tuning of the quintet", "quintet, one seed"]
    later = [spec for stage in every[2:] for spec in stage.specs]
    assert {spec.data for spec in later} == {"imagenette-224"}  # the validation set is only looked at now
    assert {spec.recipe.lr for spec in later} == {0.4}


@pytest.mark.parametrize("best", PHOTOS.candidates, ids=str)
def test_no_stage_asks_for_a_run_twice(store, record_of, best):
    put_candidates(study_of(store), record_of, best)
    put_tuning(study_of(store), record_of, 0.1)
    for stage in stages(study_of(store)):
        assert len({spec.key for spec in stage.specs}) == len(stage.specs), stage.name


def test_quintet_has_ten_seeds_and_four_long_ones(store, record_of):
    put_candidates(study_of(store), record_of, SMALL)
    put_tuning(study_of(store), record_of, 0.1)
    study = study_of(store)
    quintet = [stage for stage in stages(study) if stage.artefact == "quintet"]
    assert [(stage.number, len(stage.specs)) for stage in quintet] == [(1, 5), (1, 10), (2, 35), (2, 20)]
    short = [spec for stage in quintet[:3] for spec in stage.specs]
    assert {(spec.arch, spec.seed) for spec in short} == {
        (model.arch, seed) for model in study.five_methods().values() for seed in range(10)
    }
    assert {spec.recipe.epochs for spec in short} == {12} and {s.recipe.epochs for s in quintet[3].specs} == {36}


@pytest.mark.parametrize("profile", ["smoke", "cpu"])
def test_fixed_profiles_need_no_decision(store, profile):
    study = study_of(store, profile=PROFILES[profile])
    assert study.ready and study.candidates() == study.tuning() == {}
    assert study.spec(study.baseline, 0).recipe == PROFILES[profile].recipe


@pytest.fixture
def small_study(store, images):
    """A study with open decisions on a folder of pictures: two candidates, two rates."""
    profile = replace(
        PHOTOS, candidates=(ProxyBaseline(0.25, 0.25, 32), ProxyBaseline(0.25, 0.25, 40)), learning_rates=(0.1, 0.2)
    )
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
        return trained_as(record_of(spec, right, loss=1 + spec.recipe.lr))

    monkeypatch.setattr(trainer, "train", train)
    report = work(small_study, ["study"], SweepOptions(0, budget=1e6, say=said.append))
    # Of the tuning's 5 models x 2 rates, the baseline at the recipe's rate was trained as a candidate.
    assert len(report.stored) == len(trained) == 4 + 9 and not report.failed and not report.left
    study = Study(small_study.profile, small_study.dataset, small_study.store)
    assert study.base.px == 32 and set(study.learning_rates.values()) == {0.1}
    baseline, *others = (model.arch for model in study.five_methods().values())
    assert [spec.arch for spec in trained[4:]] == [
        *others,
        baseline,
        *others,
    ]  # whole rates, the recipe's first
    assert work(study, ["study"], SweepOptions(0, budget=1e6, say=said.append)).stored == [] and len(trained) == 13
    assert "rates: baseline 0.1" in decisions(study) and "quintet, 3 seeds" in status(study)


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


def test_a_tuning_trial_that_diverged_counts_as_infinitely_bad(store, record_of):
    study = study_of(store, LARGE)
    for trials in study.tuning().values():
        for rate, spec in trials.items():
            if rate == 0.4:
                store.fail(spec.key, "Diverged: the training loss is nan in epoch 1 of 12")
            else:
                store.put(record_of(spec, loss=1.0 + rate))
    assert study.learning_rates == dict.fromkeys(("baseline", *METHODS), 0.1)
