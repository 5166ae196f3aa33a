"""Successive halving: what a budget of time allows, and who is left."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.core.errors import ParameterError
from effnet_lib.study.durations import duration
from effnet_lib.study.halving import FIRST_SEEDS, Rung, schedule, survivors


def taken(rungs: tuple[Rung, ...], each: float, fixed: float) -> float:
    """Return the seconds of all runs, the paper's triple in every rung."""
    seconds, before = fixed, 0
    for rung in rungs:
        seconds += (rung.networks + 1) * (rung.seeds - before) * each
        before = rung.seeds
    return seconds


@given(most=st.integers(6, 40), each=st.floats(0.1, 100), fixed=st.floats(0, 100), budget=st.floats(1, 1e5))
def test_the_rungs_fit_the_budget_or_it_is_said(most, each, fixed, budget):
    try:
        rungs = schedule(most, each, fixed, budget)
    except ParameterError:
        assert fixed + FIRST_SEEDS * 7 * each > budget
        return
    assert taken(rungs, each, fixed) <= budget * (1 + 1e-9)
    assert rungs[0].seeds == FIRST_SEEDS and 6 <= rungs[0].networks <= most
    assert all(b.seeds == 2 * a.seeds and b.networks == -(-a.networks // 2) for a, b in pairwise(rungs))
    if rungs[0].networks < most:
        assert fixed + FIRST_SEEDS * (rungs[0].networks + 2) * each > budget


def test_a_budget_that_is_too_small_says_what_it_takes():
    with pytest.raises(ParameterError, match=r"budget='60 s' .* at least about 2 min: 6 networks and the paper's"):
        schedule(12, 10.0, 5.0, 60.0)


def test_the_better_half_goes_on():
    rungs = (Rung(4, 2), Rung(2, 4), Rung(1, 8))
    found = {name: {0: level, 1: level} for name, level in (("a", 1.0), ("b", 4.0), ("c", 3.0), ("d", 2.0))}
    assert survivors(found, rungs) == [["a", "b", "c", "d"], ["b", "c"]]
    found["b"] |= {2: 0.0, 3: 0.0}
    found["c"] |= {2: 3.0, 3: 3.0}
    assert survivors(found, rungs)[2] == ["c"]  # by all of its seeds
    del found["d"][1]
    assert survivors(found, rungs) == [["a", "b", "c", "d"]]  # a run is missing


@pytest.mark.parametrize(
    ("given", "seconds"), [(None, None), (30, 30), ("45s", 45), ("90m", 5400), ("2h", 7200), ("1.5 h", 5400), ("7", 7)]
)
def test_durations(given, seconds):
    assert duration("budget", given) == seconds


@pytest.mark.parametrize("given", ["", "h", "2 weeks", 0, "0h", -1, True, "nan", float("nan"), [1], "1e3"])
def test_what_is_no_duration_is_one_line(given):
    with pytest.raises(ParameterError, match="or such as 45s, 90m, 2h"):
        duration("budget", given)
