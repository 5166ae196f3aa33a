"""The grid of coefficients: how it rounds, which networks it has, which of them stand for all."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.invented import study_of
from support.torch_counts import measured as counted_by_torch

from effnet_lib.artefacts import grid_search
from effnet_lib.core.errors import ParameterError
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.study.coefficient_grid import PAPER, candidate, points
from effnet_lib.study.coefficient_search import spread
from effnet_lib.study.fine_rounding import add_blocks, fine
from effnet_lib.study.profiles import PROFILES, ProxyBaseline

BASES = [base for profile in PROFILES.values() for base in profile.candidates]


# Rounding -----------------------------------------------------------------------------------------------------

STAGES = st.lists(st.integers(1, 6), min_size=1, max_size=8).map(tuple)
AT_LEAST_1 = st.floats(1, 3)


@given(repeats=STAGES, depth=AT_LEAST_1)
def test_blocks_sum_to_the_rounded_total_and_stay_within_one_of_their_share(repeats, depth):
    blocks = add_blocks(repeats, depth)
    total = round(round(sum(repeats) * depth, 9))
    assert sum(blocks) == total and all(new >= old for new, old in zip(blocks, repeats, strict=True))
    shares = [total * n / sum(repeats) for n in repeats]
    assert all(abs(have - share) < 1.5 for have, share in zip(blocks, shares, strict=True))


@given(repeats=STAGES, depths=st.tuples(AT_LEAST_1, AT_LEAST_1))
def test_no_stage_loses_a_block_where_depth_grows(repeats, depths):
    fewer, more = (add_blocks(repeats, depth) for depth in sorted(depths))
    assert all(a <= b for a, b in zip(fewer, more, strict=True))


def test_blocks_go_where_most_is_missing():
    assert add_blocks((1, 1, 1, 2, 2, 2, 1), 1.0) == (1, 1, 1, 2, 2, 2, 1)
    assert add_blocks((1, 1, 1, 2, 2, 2, 1), 1.2) == (1, 1, 1, 3, 3, 2, 1)  # 12 of 10: shares 1.2 and 2.4
    assert add_blocks((1, 1, 1, 2, 2, 2, 1), 2.0) == (2, 2, 2, 4, 4, 4, 2)
    # Remainders of the last total alone would take the first stage's second block away again.
    assert add_blocks((1, 2, 2, 3, 3, 4, 1), 1.49)[0] <= add_blocks((1, 2, 2, 3, 3, 4, 1), 1.5)[0]


@given(base=st.sampled_from(BASES), less=st.tuples(*[AT_LEAST_1] * 3), more=st.tuples(*[AT_LEAST_1] * 3))
def test_fine_rounding_is_near_in_steps_and_monotone(base, less, more):
    start = base.arch(10)
    small, large = Scaling(*map(min, less, more)), Scaling(*map(max, less, more))
    one, other = fine(start, small), fine(start, large)
    assert (
        all(arch.px % 4 == 0 or arch.px == start.px for arch in (one, other))
        and abs(one.px - start.px * small.resolution) <= 2 + 1e-9
    )
    assert start.px <= one.px <= other.px and start.head <= one.head <= other.head
    for origin, a, b in zip(start.stages, one.stages, other.stages, strict=True):
        assert a.channels % 4 == b.channels % 4 == 0 and abs(a.channels - origin.channels * small.width) <= 2
        assert origin.channels <= a.channels <= b.channels and origin.repeats <= a.repeats <= b.repeats
    assert count(start).madds <= count(one).madds <= count(other).madds


@pytest.mark.parametrize("base", BASES, ids=str)
def test_fine_rounding_starts_at_the_baseline(base):
    assert fine(base.arch(10), Scaling()) == base.arch(10)


@settings(max_examples=10, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(base=st.sampled_from(BASES[:-1]), scaling=st.builds(Scaling, *[st.floats(1, 2)] * 3))
def test_finely_rounded_networks_count_as_torch_counts_them(base, scaling):
    arch = fine(base.arch(10), scaling)
    assert count(arch) == counted_by_torch(arch)


def test_every_network_that_photos_trains_counts_as_torch_counts_it():
    for network in grid_search.candidates(study_of()):
        assert count(network.arch) == counted_by_torch(network.arch)


# Grid ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounding", ["fine", "paper"])
@pytest.mark.parametrize("base", BASES, ids=str)
def test_points_are_distinct_networks_within_the_tolerance_and_the_papers_triple(base, rounding):
    study = study_of(base, rounding=rounding)
    found = points(study)
    assert found[0].candidate.triple == PAPER and PAPER in found[0].triples
    assert (
        len({point.candidate.arch for point in found}) == len({point.candidate.name for point in found}) == len(found)
    )
    unit = count(study.baseline.arch).madds
    for point in found:
        assert point.ratio == count(point.candidate.arch).madds / unit
        assert {candidate(study, triple).arch for triple in point.triples} == {point.candidate.arch}
    assert all(1.9 <= point.ratio <= 2.1 for point in found[1:])
    merged = [triple for point in found for triple in point.triples]
    assert len(merged) == len(set(merged))


def test_the_papers_rule_merges_where_fine_rounding_does_not():
    study = {name: study_of(ProxyBaseline(0.5, 0.5, 64), rounding=name) for name in ("fine", "paper")}
    # At depth 0.5 every alpha from 1.05 to 1.30 is one network under ceil.
    alphas = [1.05, 1.1, 1.15, 1.2, 1.25, 1.3]
    distinct = {name: len({candidate(s, Scaling(depth=a)).arch for a in alphas}) for name, s in study.items()}
    assert distinct == {"paper": 1, "fine": 4}  # 10 (as 10.5 goes to even), 11, three times 12, and 13 blocks
    assert len(points(study["fine"])) > 3 * len(points(study["paper"]))


def test_paper_rounding_is_that_of_the_compound_series():
    study = study_of(rounding="paper")
    assert candidate(study, PAPER, 2.0).arch == study.model("compound", 2.0).arch
    assert candidate(study, PAPER).scaling == study.model("compound", 1.0).scaling


def test_the_nearest_point_is_named_where_none_meets_the_constraint():
    with pytest.raises(ParameterError) as error:
        points(study_of(alphas=(1.1,), betas=(1.0, 1.05), gammas=(1.0,)))
    said = str(error.value)
    assert said.startswith("tolerance=0.05 is not accepted; tolerance takes a share that a network of the grid meets")
    assert "the nearest, (1.1, 1.05, 1), costs 1." in said and "\n" not in said


def test_the_chosen_networks_cover_the_surface():
    listed = points(study_of())
    chosen = spread(listed, 12)
    assert len(chosen) == len(set(chosen)) == 12 and chosen[0].candidate.triple == PAPER
    assert spread(listed, 5) == chosen[:5] and len(spread(listed, 10**6)) == len(listed)
    for name, least in (("depth", 1.9), ("width", 1.35), ("resolution", 1.3)):
        assert max(getattr(point.candidate.triple, name) for point in chosen) >= least
