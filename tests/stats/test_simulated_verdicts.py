"""The protocol's statistics, simulated: what intervals cover, and how often a verdict is false.

Each number is a share of REPEATS studies; its Monte Carlo error (one standard deviation) is sqrt(p (1 - p) / REPEATS):
0.15 points at 95 %, 0.21 at 90 %. The bars: coverage not below nominal by more than 1.5 points, false verdicts at most
5 %, each with two Monte Carlo errors.
"""

from math import sqrt

import numpy as np
import pytest
from scipy.special import stdtrit

from effnet_lib.stats.estimate import Estimate, welch
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER, verdict

REPEATS = 20_000
SD = 1.0  # points, as measured


def studies(seeds: int, ratio: float, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw studies of two models whose seed spreads differ by `ratio`; return value, se and dof of each difference."""
    rng = np.random.default_rng(round(100 * seeds + 10 * ratio + effect))
    first = rng.normal(effect, SD * ratio, (REPEATS, seeds))
    second = rng.normal(0, SD, (REPEATS, seeds))
    parts = np.stack([first.var(axis=1, ddof=1), second.var(axis=1, ddof=1)]) / seeds
    dof = parts.sum(0) ** 2 / (parts**2 / (seeds - 1)).sum(0)
    return first.mean(1) - second.mean(1), np.sqrt(parts.sum(0)), dof


def test_the_simulation_computes_what_the_library_does():
    rng = np.random.default_rng(510)
    first, second = rng.normal(0, SD, (REPEATS, 5)), rng.normal(0, SD, (REPEATS, 5))
    value, se, dof = studies(5, 1.0)
    found = welch({"a": first[7], "b": second[7]}, {"a": 1.0, "b": -1.0})
    assert (found.value, found.se_seed, found.dof) == pytest.approx((value[7], se[7], dof[7]))


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("ratio", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_cover(seeds, ratio, level):
    value, se, dof = studies(seeds, ratio)
    covered = np.mean(np.abs(value) <= -stdtrit(dof, (1 - level) / 2) * se)
    assert covered >= level - 0.015 - 2 * sqrt(level * (1 - level) / REPEATS)


def words(value: np.ndarray, se: np.ndarray, dof: np.ndarray) -> np.ndarray:
    """Return the verdict of each study, for a delta of 1 point."""
    half = -stdtrit(dof, 0.05) * se
    rest = np.where(value - half > 0, HOLDS, NOT_ENOUGH)
    return np.where(value + half < 0, CONTRADICTED, np.where(value + half < 1, SMALLER, rest))


@pytest.mark.parametrize("ratio", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("effect, false", [(0.0, (HOLDS, CONTRADICTED)), (1.0, (SMALLER, CONTRADICTED))])
def test_false_verdicts_are_rare(seeds, ratio, effect, false):
    found = words(*studies(seeds, ratio, effect))
    limit = 0.05 + 2 * sqrt(0.05 * 0.95 / REPEATS)
    assert all(np.mean(found == word) <= limit for word in false)


@pytest.mark.parametrize("effect", [0.0, 1.0, 4.0])
def test_the_simulated_words_are_the_librarys(effect):
    value, se, dof = studies(3, 2.0, effect)
    drawn = words(value, se, dof)[:300]
    each = [Estimate(value[i], se[i], 0.0, dof[i], 3) for i in range(300)]
    assert [verdict(one) for one in each] == drawn.tolist() and len(set(drawn)) >= 2
