"""The rule of four words, and the corrections across comparisons and claims."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.effects import effect

from effnet_lib.core.errors import ParameterError
from effnet_lib.stats import verdicts
from effnet_lib.stats.estimate import Estimate
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER, all_hold, verdict


@pytest.mark.parametrize(
    "value, half90, expected",
    [
        (2.0, 0.9, HOLDS),  # 1.1 to 2.9
        (1.2, 1.1, HOLDS),  # 0.1 to 2.3
        (0.8, 0.5, HOLDS),  # 0.3 to 1.3: above 0, and not shown to be below 1
        (0.8, 0.1, SMALLER),  # 0.7 to 0.9: above 0, but less than matters
        (0.0, 0.9, SMALLER),
        (-0.5, 0.9, SMALLER),  # -1.4 to 0.4: not shown to be below 0
        (-3.0, 2.0, CONTRADICTED),
        (0.0, 1.1, NOT_ENOUGH),
        (1.5, 1.6, NOT_ENOUGH),
        (-2.0, 4.0, NOT_ENOUGH),
    ],
)
def test_verdict_follows_the_bounds(value, half90, expected):
    assert verdict(effect(value, half90)) == expected
    # The same case in other units: a tenth of everything.
    assert verdict(effect(value / 10, half90 / 10), delta=0.1) == expected


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_decide_nothing(seeds):
    assert verdict(replace(effect(50.0, 0.1), n=seeds)) == NOT_ENOUGH


@pytest.mark.parametrize("arguments", [{"delta": 0}, {"delta": float("nan")}, {"level": 0.1}, {"level": 0}])
def test_bad_thresholds_are_named(arguments):
    with pytest.raises(ParameterError, match=next(iter(arguments))):
        verdict(Estimate(), **arguments)


@settings(max_examples=200, deadline=None)
@given(value=st.floats(-4, 4), half=st.floats(0.01, 4), level=st.floats(0.001, 0.05))
def test_a_stricter_level_never_decides_more(value, half, level):
    here, strict = verdict(effect(value, half)), verdict(effect(value, half), level=level)
    # Contradicted may fall back to smaller: what is below 0 for sure is below delta all the more.
    assert strict in (here, NOT_ENOUGH) or (here, strict) == (CONTRADICTED, SMALLER)


def each(*parts):
    """Return parts by letter, and their deltas."""
    named = dict(zip("abc", parts, strict=False))
    return named, dict.fromkeys(named, 1.0)


def test_every_one_of_several():
    good, zero, vague, bad = effect(2.0, 0.5), effect(0.0, 0.5), effect(0.9, 1.2), effect(-2.0, 0.5)
    assert all_hold(*each(good, good, good)) == HOLDS
    assert all_hold(*each(good, good, zero)) == SMALLER
    assert all_hold(*each(good, bad, zero)) == CONTRADICTED
    assert all_hold(*each(good, good, vague)) == NOT_ENOUGH
    assert all_hold(*each(good, Estimate(), good)) == NOT_ENOUGH
    assert all_hold(*each(good, Estimate(), zero)) == SMALLER
    with pytest.raises(ParameterError, match="parts"):
        all_hold({}, {})


def test_one_of_three_refutes_at_a_third_of_alpha():
    # 0.0 + 0.9 is below 1 at alpha, but at alpha / 3 the bound is 0.9 * 2.13 / 1.65 = 1.17.
    good, barely = effect(2.0, 0.5), effect(0.0, 0.9)
    assert verdict(barely) == SMALLER
    assert all_hold(*each(good, good, barely)) == NOT_ENOUGH


def test_each_comparison_has_its_own_delta():
    parts = {"depth": effect(0.5, 0.2), "width": effect(2.0, 0.5)}
    assert all_hold(parts, {"depth": 0.3, "width": 1.1}) == HOLDS
    assert all_hold(parts, {"depth": 1.0, "width": 1.1}) == SMALLER


@settings(max_examples=100, deadline=None)
@given(spread=st.floats(0.05, 3), image=st.floats(0, 0.6), size=st.floats(0.3, 4))
def test_seeds_for_power_is_the_first_number_that_is_enough(spread, image, size):
    now = Estimate.welch(0.0, [(spread, 3), (spread, 3)], image)
    needs = verdicts.seeds_for_power(now, size)

    def reach(n: int) -> float:
        return now.at(n).half(0.05) + now.at(n).half(0.2)

    if needs is None:
        assert reach(1000) > size
        return
    assert reach(needs) <= size and (needs == 3 or reach(needs - 1) > size)


def test_seeds_for_power_show_the_effect_in_four_of_five_studies():
    rng, sd, size = np.random.default_rng(0), 1.0, 2.0
    needs = verdicts.seeds_for_power(Estimate.welch(0.0, [(sd, 4), (sd, 4)]), size)
    runs = rng.normal(0, sd, (4000, 2, needs)) + np.array([size, 0.0])[:, None]
    se = np.sqrt(runs.var(axis=2, ddof=1).sum(axis=1) / needs)
    bound = Estimate(0.0, 1.0, 0.0, 2 * (needs - 1), needs).half(0.05)
    power = np.mean(runs[:, 0].mean(1) - runs[:, 1].mean(1) - bound * se > 0)
    assert needs == 5 and 0.8 < power < 0.95


def test_nothing_is_promised_without_a_spread():
    assert verdicts.seeds_for_power(Estimate(3.0, None, 0.1, n=1), 2.0) is None
    assert verdicts.seeds_for_power(Estimate(), 2.0) is None
    assert verdicts.seeds_for_power(effect(0.5, 0.5, image=1.0), 0.5) is None  # the images are too few


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_the_standard_one(p):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    assert verdicts.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_p_values_of_the_words():
    found = effect(-0.5, 0.9, n=round(10 * sqrt(1)))
    assert verdicts.p_value(found, SMALLER) == found.p_below(1.0) < 0.05
    assert verdicts.p_value(found, CONTRADICTED) == found.p_below(0.0) > 0.05
    assert verdicts.p_value(found, HOLDS) == found.p_above(0.0) and verdicts.p_value(found, NOT_ENOUGH) == 1.0
