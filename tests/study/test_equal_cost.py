"""Candidates of one cost: every family, every cost that is counted, growing and shrinking; and a user's network."""

from math import log
from pathlib import Path

import pytest
from support import thirty_lines

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs.efficientnet import EfficientNet
from effnet_lib.models.costs import COSTS, cost
from effnet_lib.models.families import SCALABLE
from effnet_lib.models.scaling import Scaling
from effnet_lib.study.coefficient_grid import PAPER
from effnet_lib.study.equal_cost import Matcher, search, shared_out
from effnet_lib.study.fine_rounding import add_blocks, fine
from effnet_lib.study.profiles import UNSCALED
from effnet_lib.study.scalable import Scalable, built_in, user
from effnet_lib.study.scaling_study import TOLERANCE, Question

COUNTED = [name for name, one in COSTS.items() if one.of]


def question(network: Scalable, name: str = "flops", at: float = 2.0, networks: int = 10) -> Question:
    kind = cost(name)
    unit = kind.of(network.scaled(UNSCALED))
    return Question(network, kind, at, networks, lambda arch: kind.of(arch) / unit)


@pytest.mark.parametrize("family", SCALABLE)
@pytest.mark.parametrize("at", [2.0, 0.5, 3.5])
def test_every_family_has_candidates_of_one_cost(family, at):
    asked = question(built_in(family, px=224, classes=10), at=at)
    paper, *others = asked.candidates
    assert len(others) == 10 and len({point.candidate.arch for point in asked.points}) == len(asked.points)
    assert all(abs(point.ratio / at - 1) <= TOLERANCE for point in asked.points[1:])
    assert abs(paper.ratio / at - 1) <= 0.1 and asked.paper == paper.candidate
    for point in others:
        each = point.candidate.scaling
        assert all((value - 1) * log(at) >= 0 for value in (each.depth, each.resolution))


@pytest.mark.parametrize("name", COUNTED)
def test_every_cost_that_is_counted(name):
    asked = question(built_in("MobileNetV3", px=160, classes=10), name)
    kind = cost(name)
    base = kind.of(asked.network.scaled(UNSCALED))
    assert len(asked.candidates) == 11
    for point in asked.points[1:]:
        assert kind.of(point.candidate.arch) / base == pytest.approx(2, rel=TOLERANCE)
        assert asked.network.scaled(point.candidate.scaling) == point.candidate.arch
    assert set(asked.singles) == {"depth", "width"} | ({"resolution"} if name != "params" else set())
    sizes = {point.candidate.arch.px for point in asked.points}
    assert len(sizes) > 1  # resolution is free of parameters, and tried all the same


def test_the_lattice_has_its_corners_and_one_cost():
    points = shared_out(2.0, (1, 2, 2), 4)
    assert len(points) == len(set(points)) == 15
    assert {Scaling(2.0), Scaling(1, 1.414), Scaling(1, 1, 1.414)} <= set(points)
    assert all(point.flops_factor == pytest.approx(2, rel=0.005) for point in points)
    free = shared_out(2.0, (1, 2, 0), 4)
    assert len(free) == 15 and all(point.depth * point.width**2 == pytest.approx(2, rel=0.005) for point in free)


def test_a_user_network_is_matched_by_its_own_rounding():
    asked = question(user(f"{Path(thirty_lines.__file__)}:make", 1.0, 1.0, 48, 10), networks=6)
    assert len(asked.candidates) == 7 and "the function's own" in asked.network.rounding
    assert all(abs(point.ratio / 2 - 1) <= TOLERANCE for point in asked.points[1:])
    assert str(asked.network).endswith("thirty_lines.py:make at 48 px")


def test_an_unreachable_cost_names_the_nearest():
    tiny = built_in("MobileNetV1", 0.1, 0.1, 32, 10)
    with pytest.raises(ParameterError, match=r"at=1\.04 .* within 2 %; the nearest reachable is 1\.0\d\dx, \(1\.0"):
        question(tiny, at=1.04).points  # noqa: B018
    with pytest.raises(ParameterError, match=r"at=0.3 is not accepted"):  # 32 px cannot shrink
        question(built_in("EfficientNet", 0.25, 0.25, 32, 10), at=0.3).points  # noqa: B018


def test_no_more_networks_are_counted_than_allowed():
    network, counted = built_in("EfficientNet", px=224, classes=10), []
    matcher = Matcher(network.scaled, lambda arch: counted.append(arch) or 2.0 * len(counted), 2.0, 0.0001, most=30)
    with pytest.raises(ParameterError):
        search(matcher, (1, 2, 2), 10)
    assert 30 <= len(counted) <= 30 + 41 + 200  # the paper's ray, and every point's first


def test_the_papers_triple_is_the_reference():
    asked = question(built_in("EfficientNet", px=224, classes=1000))
    assert asked.paper.triple in (PAPER, asked.paper.scaling)
    place = asked.paper.scaling
    assert (place.depth, place.resolution) == pytest.approx((1.2, 1.15), abs=0.03)


@pytest.mark.parametrize(("depth", "blocks"), [(1.0, (1, 2, 3)), (0.5, (1, 1, 1)), (0.7, (1, 1, 2)), (0.01, (1, 1, 1))])
def test_blocks_are_taken_where_most_are_over(depth, blocks):
    assert add_blocks((1, 2, 3), depth) == blocks


def test_shrinking_is_monotone():
    base = SCALABLE["EfficientNet"](UNSCALED, 224, 10)
    totals = [sum(stage.repeats for stage in fine(base, Scaling(depth=d / 20)).stages) for d in range(1, 41)]
    assert totals == sorted(totals) and totals[0] == 7 and isinstance(fine(base, Scaling(0.5)), EfficientNet)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"family": "MobileNetV4"}, "did you mean MobileNetV"),
        ({"family": "RegNet", "stride": 8}, "32 for RegNet"),
        ({"family": "ResNet", "px": 16}, "gives >= 32 px"),
    ],
)
def test_a_baseline_that_is_none_is_one_line(given, words):
    with pytest.raises(ParameterError, match=words):
        built_in(**given)
