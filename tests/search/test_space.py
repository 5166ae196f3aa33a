"""Spaces and the objective: what is drawn, what differs, what the exponent and T do, and how fast."""

from math import inf, log, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.core.errors import ParameterError
from effnet_lib.search.objective import Objective, Score, front
from effnet_lib.search.space import Space

SPACE = Space(((0, 1), (0, 1, 2), (1,), (0, 2)))
SCORES = st.lists(st.builds(Score, st.floats(1, 100), st.integers(10**6, 10**9)), min_size=2, max_size=30)


def test_random_candidates_use_every_option_equally():
    draw = Random(0)
    drawn = [SPACE.random(draw) for _ in range(6000)]
    for place, options in enumerate(SPACE.options):
        shares = [sum(one[place] == option for one in drawn) / 6000 for option in options]
        assert all(abs(share - 1 / len(options)) < 0.03 for share in shares)


def test_a_mutation_changes_one_open_place_and_reaches_every_other_option():
    draw, parent = Random(1), (0, 1, 1, 2)
    children = {SPACE.mutated(parent, draw) for _ in range(500)}
    assert children == {(1, 1, 1, 2), (0, 0, 1, 2), (0, 2, 1, 2), (0, 1, 1, 0)}


@pytest.mark.parametrize("options", [(), ((0,), (1,)), ((0, 1), ())])
def test_a_space_without_a_choice_is_refused(options):
    with pytest.raises(ParameterError, match=r"^options="):
        Space(options)


@given(SCORES, st.floats(-1, 1), st.floats(1e3, 1e12))
def test_the_target_cancels_from_every_ranking(scores, w, target):
    one, other = Objective(w), Objective(w, target)
    ratios = [other(score) / one(score) for score in scores]
    assert max(ratios) / min(ratios) == pytest.approx(1, rel=1e-9)


def test_at_an_optimum_inside_the_space_accuracy_grows_by_7_percent_of_what_flops_do():
    """On a smooth curve the maximum of the objective is where d ln ACC / d ln FLOPS = 0.07."""
    curve = [Score(90 - 30 * flops**-0.4, round(1e6 * flops)) for flops in (1.001**i for i in range(1, 6000))]
    best = max(range(len(curve)), key=lambda i: Objective()(curve[i]))
    below, above = curve[best - 5], curve[best + 5]
    slope = log(above.accuracy / below.accuracy) / log(above.flops / below.flops)
    assert 5 < best < len(curve) - 6 and slope == pytest.approx(0.07, rel=0.01)


def test_the_objective_is_the_papers():
    assert Objective()(Score(77.1, 400_000_000)) == pytest.approx(0.771)
    assert Objective()(Score(77.1, 800_000_000)) == pytest.approx(0.771 * 2**-0.07)


@pytest.mark.parametrize("given, name", [({"w": nan}, "w"), ({"w": inf}, "w"), ({"w": "0"}, "w"), ({"w": True}, "w")])
def test_an_exponent_that_is_no_finite_number_is_refused(given, name):
    with pytest.raises(ParameterError, match=f"^{name}=.* a finite number"):
        Objective(**given)


@pytest.mark.parametrize("target", [nan, inf, 0, -4e8, None, "400M"])
def test_a_target_that_is_no_positive_number_is_refused(target):
    with pytest.raises(ParameterError, match=r"^target=.* multiply-adds above 0"):
        Objective(target=target)


@given(SCORES)
def test_the_front_is_what_nothing_beats(scores):
    kept = front(scores)
    for score in scores:
        beaten = any(o.accuracy >= score.accuracy and o.flops <= score.flops and o != score for o in scores)
        assert (score in kept) or beaten
    assert [s.flops for s in kept] == sorted({s.flops for s in kept})
    assert [s.accuracy for s in kept] == sorted({s.accuracy for s in kept})


def test_counting_is_a_sum_of_kept_parts():
    """So that 10,000 candidates a second can be weighed (`benchmarks/search_speed.py`): no stage is counted twice."""
    from effnet_lib.search.mnasnet_space import B0, MnasNetSpace
    from effnet_lib.study.profiles import ProxyBaseline

    space, draw, candidate = MnasNetSpace(ProxyBaseline(0.25, 0.5, 32), 10), Random(0), B0
    objective = Objective()
    for _ in range(3000):
        candidate = space.space.mutated(candidate, draw)
        objective(Score(50.0, space.madds(candidate)))
    assert 100 < len(space._kept) <= 7 * 3 * 288
