"""Does a rerun agree with published seeds: a prediction interval a run, and chance over all of them.

Two machines round differently, and after some epochs a run differs from the same seed elsewhere as two seeds do
(docs/running.md). So a rerun counts as one more seed of its network. Its interval is the classical prediction interval
of one further normal observation (Hahn and Meeker, Statistical Intervals, section 4.7); "as many outside as chance
gives" is how MLPerf's reference convergence points treat a submission, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom

LEVEL = 0.95  # of a run's interval
# Two looks at all runs together, how many lie outside and where their mean lies: a false alarm in 40 checks each.
ALARM = 0.025
OWN = 3  # seeds from which a network's own spread counts; below, the pooled one does
ROUNDING = 1e-9  # points: the mean of equal numbers may differ from them in the last bit


class Spread(NamedTuple):
    """The standard deviation of seeds in points, its degrees of freedom, and whether it is pooled over networks."""

    sd: float
    dof: int
    pooled: bool


@dataclass(frozen=True)
class SeedInterval:
    """Where one more seed of a network falls with 95 % probability, in percent of top-1, and what says so."""

    low: float
    high: float
    mean: float
    seeds: int
    spread: Spread

    def __contains__(self, top1: float) -> bool:
        return self.low - ROUNDING <= top1 <= self.high + ROUNDING


class Chance(NamedTuple):
    """How many of some runs lie outside, how many would by chance, and how often at least as many do."""

    outside: int
    expected: float
    tail: float


class Shift(NamedTuple):
    """The mean of reruns minus the mean that their networks have published, with its interval, in points."""

    value: float
    low: float
    high: float


class Compared(NamedTuple):
    """Top-1 of a network's reruns and published seeds, in percent, and the pooled spread as `spread_of` takes it."""

    reruns: Sequence[float]
    published: Sequence[float]
    pooled: tuple[float, int]


def spread_of(published: Sequence[float], pooled: tuple[float, int]) -> Spread:
    """Return the seed spread of a network: its own from three seeds on, else (or where these agree) the pooled one.

    Args:
        published: top-1 of its seeds, in percent.
        pooled: standard deviation in points and degrees of freedom, as `intervals.pooled_sd` gives them.
    """
    if len(published) >= OWN and (own := float(np.std(published, ddof=1))) > ROUNDING:
        return Spread(own, len(published) - 1, False)
    return Spread(*pooled, True)


def seed_interval(published: Sequence[float], pooled: tuple[float, int]) -> SeedInterval:
    """Return the prediction interval of one more seed: mean +- t sd sqrt(1 + 1/n).

    Args:
        published: top-1 of n >= 1 seeds of one network under one recipe, in percent.
        pooled: as `spread_of` takes it.
    """
    spread, n, mean = spread_of(published, pooled), len(published), float(np.mean(published))
    half = float(stdtrit(spread.dof, (1 + LEVEL) / 2)) * spread.sd * sqrt(1 + 1 / n)
    return SeedInterval(mean - half, mean + half, mean, n, spread)


def chance(outside: int, runs: int) -> Chance:
    """Return what chance alone puts outside of `runs` intervals, as if they were independent."""
    each = 1 - LEVEL
    return Chance(outside, runs * each, float(binom.sf(outside - 1, runs, each)))


def shift(networks: Sequence[Compared]) -> Shift:
    """Return the mean difference of reruns from their networks' published means, with its 97.5 % interval.

    A network of k reruns and n seeds adds (k / K)^2 sd^2 (1/k + 1/n) to the variance; the degrees of freedom are
    Satterthwaite's. Single intervals of three seeds are 5 sd wide on either side; this sees what shifts all runs alike.
    """
    total = sum(len(network.reruns) for network in networks)
    value = 0.0
    parts: list[tuple[float, int]] = []
    for reruns, published, pooled in networks:
        spread, weight = spread_of(published, pooled), len(reruns) / total
        value += weight * float(np.mean(reruns) - np.mean(published))
        parts.append((weight**2 * spread.sd**2 * (1 / len(reruns) + 1 / len(published)), spread.dof))
    variance = sum(part for part, _ in parts)
    below = sum(part**2 / dof for part, dof in parts)
    half = float(stdtrit(variance**2 / below, 1 - ALARM / 2)) * sqrt(variance) if below > 0 else 0.0
    return Shift(value, value - half, value + half)


def alarming(count: Chance, moved: Shift) -> bool:
    """Say whether all runs together differ from what is published by more than chance; wrongly in 1 of 20 checks."""
    return count.tail < ALARM or not moved.low - ROUNDING <= 0 <= moved.high + ROUNDING
