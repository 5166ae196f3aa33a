"""Levels of equal FLOPS, from counts alone: for every candidate of every profile one cost that all methods have."""

import pytest
from support.invented import study_of

from effnet_lib.models.complexity import count
from effnet_lib.study.fine_rounding import fine
from effnet_lib.study.levels import TOLERANCES, equal_cost
from effnet_lib.study.profiles import LEVEL_A, LEVEL_B, PROFILES, ProxyBaseline
from effnet_lib.study.scaled_model import METHODS, scaling_of

BASES = [(name, base) for name, profile in PROFILES.items() for base in profile.candidates]
DRAWN = [
    ("drawn", ProxyBaseline(w, d, px, s)) for w in (0.1, 0.3, 0.7) for d in (0.25, 1) for px, s in ((64, 8), (150, 32))
]


@pytest.mark.parametrize("between", [LEVEL_A, LEVEL_B], ids="AB")
@pytest.mark.parametrize("profile, base", BASES + DRAWN, ids=str)
def test_every_method_has_a_network_near_one_cost(profile, base, between):
    level = equal_cost(base, 10, "symmetric", between)
    unit = count(base.arch(10)).madds
    ratios = [count(model.arch).madds / unit for model in level.models]
    assert between[0] <= level.multiple <= between[1] and level.met
    assert level.off == pytest.approx(max(abs(ratio / level.multiple - 1) for ratio in ratios))
    assert level.off <= TOLERANCES[0]
    assert tuple(model.method for model in level.models) == METHODS
    assert len({model.arch for model in level.models} | {base.arch(10)}) == 5
    assert len({model.name for model in level.models}) == 4
    for model in level.models:
        scaling = scaling_of(model.method, model.coefficient)
        made = fine(base.arch(10), scaling) if model.rounding == "fine" else base.arch(10, scaling)
        assert made == model.arch and model.scaling == scaling


def test_the_fine_rounding_stands_in_only_where_the_papers_has_none():
    base = ProxyBaseline(0.1, 0.25, 132)
    names = [model.name for model in equal_cost(base, 10, "symmetric", LEVEL_B).models]
    assert names[0] == "w=2.7 fine" and not any("fine" in name for name in names[1:])
    assert all(m.rounding == "paper" for m in equal_cost(base, 10, "symmetric", LEVEL_A).models)


def test_a_level_is_the_same_whenever_it_is_asked_for():
    study = study_of(ProxyBaseline(0.15, 0.25, 124))
    first = study.level(LEVEL_A)
    equal_cost.cache_clear()
    assert study.level(LEVEL_A) == first
    assert {m: model.coefficient for m, model in study.equal_flops_level(LEVEL_A).items()} == {
        "width": 3.15, "depth": 8.0, "resolution": 1.75, "compound": 2.95,
    }  # fmt: skip
    assert (first.multiple, round(first.off, 3)) == (3.04, 0.02)


def test_where_nothing_is_near_the_nearest_is_taken_and_said():
    level = equal_cost(ProxyBaseline(0.25, 0.25, 32), 10, "symmetric", (1.0, 1.01))
    assert not level.met and len(level.models) == 4
