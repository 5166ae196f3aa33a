"""A known surface is recovered from a search's own candidates, and a flat one is called flat: ten declared seeds."""

from dataclasses import dataclass

import numpy as np
import pytest
from support.surface import quadratic

from effnet_lib.models.complexity import count
from effnet_lib.models.costs import cost
from effnet_lib.report.tables.coefficient_search import surface_of
from effnet_lib.stats.regret import dunnett, seeds_for
from effnet_lib.study.profiles import UNSCALED
from effnet_lib.study.scalable import built_in
from effnet_lib.study.scaling_study import Question

SEEDS = range(10)  # declared
RUNS, SD = 5, 0.5  # seeds a network, and their spread in points
TOP = (1.3, 1.12)  # the optimum's alpha and gamma


@dataclass(frozen=True)
class Run:
    """All of a record that a surface looks at."""

    top1: float


@pytest.fixture(scope="module")
def candidates():
    """Fifteen networks of a MobileNetV3 at twice its FLOPS."""
    network = built_in("MobileNetV3", px=224, classes=10)
    unit = count(network.scaled(UNSCALED)).madds
    asked = Question(network, cost("flops"), 2.0, 14, lambda arch: count(arch).madds / unit)
    return [point.candidate for point in asked.candidates]


def found(candidates, accuracy, seed: int) -> dict:
    noise = np.random.default_rng(seed)
    return {
        one: {
            run: Run(accuracy(one.scaling.depth, one.scaling.resolution) + noise.normal(0, SD)) for run in range(RUNS)
        }
        for one in candidates
    }


def test_a_known_optimum_is_recovered(candidates):
    inside, told = 0, 0
    for seed in SEEDS:
        surface = surface_of(found(candidates, lambda a, g: quadratic(a, g, TOP), seed), 2.0)
        told += surface.established
        inside += bool(surface.may_be_maximum(np.log(TOP[0]), np.log(TOP[1])))
        drawn = surface.ellipse(1.0)
        low, high = drawn.min(axis=0), drawn.max(axis=0)
        assert (low <= TOP).all() and (high >= TOP).all()  # where the fit is a point lower than its top
    assert inside >= 9 and told >= 9


def test_a_flat_surface_has_no_maximum(candidates):
    told = [surface_of(found(candidates, lambda a, g: 70.0, seed), 2.0).established for seed in SEEDS]
    assert sum(told) <= 1


def test_a_slope_has_no_maximum_inside(candidates):
    for seed in SEEDS:
        surface = surface_of(found(candidates, lambda a, g: 60 + 8 * np.log(a) + 4 * np.log(g) ** 2, seed), 2.0)
        assert not surface.established and surface.p_flat < 0.05


@pytest.mark.parametrize(("sd", "images"), [(1.0, 50_000), (0.5, 50_000), (1.0, 5_000)])
def test_seeds_are_the_fewest_that_are_enough(sd, images):
    n = seeds_for(12, sd, images)

    def seeds_part(n: int) -> float:
        return dunnett(12, 2.0 * (n - 1)) * sd * np.sqrt(2 / n)

    assert seeds_part(n) <= 1.0
    assert seeds_for(12, 2 * sd, images) > n and seeds_for(24, sd, images) >= n
    assert images < 50_000 or seeds_part(n - 1) > 0.95  # images add little there


def test_too_few_images_are_said():
    assert seeds_for(12, 1.0, 200) is None and seeds_for(12, 0.001, 200) is None
