"""The MnasNet space: B0 is a point of it, counts are those of the network, equal networks are one."""

from random import Random

import pytest
from support.torch_counts import measured

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import from_data, to_data
from effnet_lib.models.archs.efficientnet import EfficientNet, scale
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling, compound
from effnet_lib.search import mnasnet_space
from effnet_lib.search.mnasnet_space import B0, CHOICES, MnasNetSpace, candidate_of, choices_of
from effnet_lib.search.settings import SETTINGS
from effnet_lib.study.profiles import ProxyBaseline

FULL = MnasNetSpace(ProxyBaseline(1, 1, 224), 1000)
PROXY = MnasNetSpace(ProxyBaseline(0.25, 0.5, 32, stride=8), 100)


def changed(stage: int, **choices):
    return candidate_of([{**one, **(choices if i == stage else {})} for i, one in enumerate(choices_of(B0))])


def test_b0_is_a_point_of_the_space_at_every_size():
    assert FULL.arch(B0) == scale(Scaling())
    assert FULL.arch(B0, compound(1)) == scale(compound(1))
    for setting in SETTINGS.values():
        assert MnasNetSpace(setting.base, 10).arch(B0) == setting.base.arch(10)


def test_the_space_has_288_combinations_a_stage():
    options = [len(one) for one in FULL.space.options]
    assert len(options) == 7 * 6 and options[:6] == [4, 2, 2, 2, 3, 3]
    assert candidate_of(choices_of(B0)) == B0


@pytest.mark.parametrize("space", [FULL, PROXY], ids=["full size", "proxy"])
def test_counts_without_a_network_are_those_of_the_network(space):
    draw = Random(0)
    for _ in range(200):
        candidate = space.space.random(draw)
        assert space.madds(candidate) == count(space.arch(candidate)).madds


def test_a_candidate_is_counted_as_torch_does():
    draw = Random(3)
    for _ in range(6):
        arch = PROXY.arch(PROXY.space.random(draw))
        assert count(arch) == measured(arch) and from_data(to_data(arch)) == arch


def test_mnasnet_a1_has_its_published_size():
    assert count(FULL.mnasnet_a1)[:2] == (3_887_038, 311_579_072)  # timm's mnasnet_a1: 3.89 million parameters
    assert measured(FULL.mnasnet_a1) == count(FULL.mnasnet_a1)


def test_what_has_no_effect_is_the_same_network():
    base = FULL.arch(B0)
    assert FULL.arch(changed(0, skip="none")) == base  # one block that changes its channels
    assert FULL.arch(changed(0, depth=-1)) == base  # at least one block
    assert FULL.arch(changed(1, skip="none")) != base
    separable = [changed(1, operator="separable", skip=skip) for skip in CHOICES["skip"]]
    assert FULL.arch(separable[0]) == FULL.arch(separable[1]) != base
    assert isinstance(FULL.arch(changed(2, width=1.25)), EfficientNet)  # B0's blocks alone


def test_neighbours_cost_what_b0_does_and_are_reproducible():
    unit = count(PROXY.arch(B0)).madds
    found = PROXY.neighbours(46)
    assert found == PROXY.neighbours(46) != PROXY.neighbours(46, seed=1)
    archs = [PROXY.arch(one) for one in found]
    assert len(set(archs)) == 46 and PROXY.arch(B0) not in archs
    assert all(abs(count(arch).madds / unit - 1) <= 0.1 for arch in archs)


def test_operators_can_be_fewer():
    space = MnasNetSpace(PROXY.base, 10, operators=("MBConv3", "MBConv6"))
    draw = Random(0)
    drawn = [one["operator"] for _ in range(50) for one in choices_of(space.space.random(draw))]
    assert set(drawn) == {"MBConv3", "MBConv6"}


def test_an_unknown_operator_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match=r"operators='MBConv4'.* one of MBConv1, .*did you mean MBConv"):
        MnasNetSpace(PROXY.base, 10, operators=("MBConv4",))


def test_every_stage_count_is_kept(monkeypatch):
    space, calls = MnasNetSpace(PROXY.base, 10), []
    real = mnasnet_space._stage
    monkeypatch.setattr(mnasnet_space, "_stage", lambda *given: calls.append(given) or real(*given))
    first = space.madds(B0)
    made = len(calls)
    assert space.madds(B0) == first and len(calls) == made
