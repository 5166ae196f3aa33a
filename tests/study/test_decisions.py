"""How baseline, recipe and rates are chosen: step 0's ties and edges, bracketed rates, equal trials."""

from dataclasses import replace
from math import inf, log2

import numpy as np
import pytest
from support.decided import bits

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.complexity import count
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study import recipe_search
from effnet_lib.study.decisions import bracket, choose_base, choose_rates, edges, standard_error, tied_bases
from effnet_lib.study.profiles import PROFILES, ProxyBaseline

PHOTOS = PROFILES["photos"]
SMALL, LARGE = ProxyBaseline(0.25, 0.5, 96), ProxyBaseline(0.2, 0.25, 100, 16)  # last maps of 3 x 3 and 7 x 7
WIDE, WIDER = ProxyBaseline(0.1, 0.25, 120, 16), ProxyBaseline(0.1, 0.25, 92, 8)  # of 8 x 8 and 12 x 12


@pytest.fixture
def step_0(record_of):
    """Return a maker of step 0's records: candidate -> images recognised by each seed, of 400 in 20 patterns."""

    def make(right: dict) -> dict:
        rows = {base: enumerate(counts) for base, counts in right.items()}
        return {
            base: [record_of(RunSpec(base.arch(10), PHOTOS.recipe, "x", seed), bits(n)) for seed, n in row]
            for base, row in rows.items()
        }

    return make


@pytest.mark.parametrize(
    "right, chosen",
    [
        ({SMALL: (300, 302), LARGE: (200, 202)}, SMALL),  # clearly the best
        ({SMALL: (300, 302), LARGE: (299, 301)}, LARGE),  # tied, and a larger last map
        ({SMALL: (300, 302), LARGE: (292, 294)}, SMALL),  # two points: over a standard error
        ({LARGE: (299, 301), WIDE: (300, 302), WIDER: (301, 303)}, WIDER),  # 8 x 8 is enough: then the accuracy
        ({LARGE: (299, 301), WIDE: (301, 303), WIDER: (300, 302)}, WIDE),
        ({SMALL: (280, 320), LARGE: (285, 295)}, LARGE),  # seeds far apart: everything is tied
    ],
)
def test_the_best_baseline_wins_and_a_tie_goes_to_the_larger_map(step_0, right, chosen):
    found = step_0(right)
    assert choose_base(found) == chosen
    assert choose_base(dict(reversed(found.items()))) == chosen


def test_the_standard_error_is_welchs_with_paired_images(step_0):
    found = step_0({SMALL: (300, 304), LARGE: (290, 290)})
    seeds = np.sqrt(np.var([75.0, 76.0], ddof=1) / 2)
    each = bits(300) / 2 + bits(304) / 2 - bits(290).astype(float)
    assert standard_error(found[SMALL], found[LARGE]) == pytest.approx(np.hypot(seeds, 5 * each.std()))
    assert tied_bases(found) == [SMALL] and found[SMALL][0].arch.final_px == 3


def test_an_edge_of_the_list_is_said_unless_it_is_an_end_of_the_space():
    listed = [ProxyBaseline(0.1, 0.25, 132), SMALL, ProxyBaseline(0.35, 0.5, 72)]
    assert edges(SMALL, listed, 10) == []
    assert edges(listed[0], listed, 10) == [
        "width 0.1 is the smallest of the list",
        "px 132 is the largest of the list",
    ]
    assert edges(listed[2], listed, 10) == [
        "width 0.35 is the largest of the list",
        "px 72 is the smallest of the list",
    ]
    narrow = ProxyBaseline(0.02, 0.25, 128)  # 8 channels everywhere but at the head
    assert narrow.arch(10) == ProxyBaseline(0.015, 0.25, 128).arch(10)
    assert edges(narrow, [narrow, SMALL, ProxyBaseline(0.1, 0.25, 132)], 10) == []


@pytest.mark.parametrize("profile", ["photos", "gpu"])
def test_candidates_cost_the_same_and_some_have_large_maps(profile):
    archs = [base.arch(10) for base in PROFILES[profile].candidates]
    madds = [count(arch).madds for arch in archs]
    assert len(set(archs)) == len(archs) >= 8 and max(madds) / min(madds) < 1.1
    assert sum(arch.final_px >= 6 for arch in archs) >= 4


# Rates ------------------------------------------------------------------------------------------------------


def valley(best: float):
    return lambda rate: abs(log2(rate / best))


@pytest.mark.parametrize(
    "best, tried",
    [
        (0.2, [0.1, 0.2, 0.4]),
        (0.4, [0.1, 0.2, 0.4, 0.8]),
        (1.6, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]),
        (0.05, [0.025, 0.05, 0.1, 0.2, 0.4]),
    ],
)
def test_a_list_of_rates_grows_until_the_best_lies_inside(best, tried):
    found = bracket((0.1, 0.2, 0.4), valley(best))
    assert list(found.losses) == tried and found.best == best and found.inside


def test_a_list_waits_for_what_has_not_run_and_ends_somewhere():
    assert bracket((0.1, 0.2, 0.4), lambda rate: None if rate == 0.4 else 1.0).best is None
    endless = bracket((0.1, 0.2, 0.4), lambda rate: rate)
    assert endless.best == min(endless.losses) == 0.1 / 2**5 and not endless.inside
    diverged = bracket((0.1, 0.2, 0.4), lambda rate: inf if rate > 0.03 else 1.0 + rate)
    assert diverged.best < 0.03
    with pytest.raises(ParameterError, match="learning_rates"):
        bracket((), valley(0.1))


def test_a_bracketed_list_grows_to_as_many_trials_as_the_others_had():
    found = bracket((0.1, 0.2, 0.4), valley(0.2), least=5)
    assert len(found.losses) == 5 and found.best == 0.2 and found.inside


@pytest.mark.parametrize(
    "optima, expected",
    [
        ({"a": 0.1, "b": 0.1}, {"a": 0.1, "b": 0.1}),
        ({"a": 0.1, "b": 0.2, "c": 0.2}, {"a": 0.2, "b": 0.2, "c": 0.2}),  # within one step: the lowest mean loss
        ({"a": 0.1, "b": 0.4, "c": 0.2}, {"a": 0.1, "b": 0.4, "c": 0.2}),  # further apart: each its own
    ],
)
def test_one_rate_for_all_unless_the_optima_are_far_apart(optima, expected):
    found = {method: bracket((0.1, 0.2, 0.4), valley(best)) for method, best in optima.items()}
    assert choose_rates(found) == expected
    found["d"] = bracket((0.1, 0.2, 0.4), lambda rate: None)
    assert choose_rates(found) is None


# Recipe -----------------------------------------------------------------------------------------------------


def test_the_recipe_is_searched_with_as_many_trials_a_batch():
    best = replace(PHOTOS.recipe, batch=16, lr=0.4, min_area=0.6, ema=0.99)

    def loss(recipe):
        off = abs(log2(recipe.lr / 0.4)) + abs(log2(recipe.batch / 16))
        return 1 + off + 0.1 * (recipe.min_area != 0.6) + 0.1 * (recipe.ema != 0.99)

    found = recipe_search.search(PHOTOS, loss)
    assert found.chosen == best and len({len(trials.losses) for trials in found.batches.values()}) == 1
    assert all(trials.inside for trials in found.batches.values())
    assert list(found.batches[16].losses)[:3] == [0.05, 0.1, 0.2]  # in proportion to the batch
    assert found.asked[-1] == best and len(set(found.asked)) == len(found.asked)


def test_later_choices_wait_for_earlier_ones():
    first = recipe_search.search(PHOTOS, lambda recipe: None)
    assert first.chosen is None and len(first.asked) == 9 and {r.min_area for r in first.asked} == {0.35}

    def loss(recipe):
        rate = abs(log2(recipe.lr / 0.2 * 32 / recipe.batch))
        return rate + (recipe.batch != 32) if recipe.min_area == 0.35 and not recipe.ema else None

    crops = recipe_search.search(PHOTOS, loss)
    assert crops.chosen is None and crops.asked[:9] == first.asked
    assert [(r.batch, r.lr, r.min_area, r.ema) for r in crops.asked[9:]] == [(32, 0.2, 0.6, 0.0)]


def test_a_profile_without_tuning_keeps_its_recipe():
    smoke = PROFILES["smoke"]
    assert recipe_search.search(smoke, lambda recipe: None) == recipe_search.RecipeSearch({}, (), smoke.recipe)
