"""Successive halving with seeds as the resource: how many networks and seeds a budget of time allows.

Source: Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016 (arXiv 1502.07943). All candidates cost the same, so
a rung halves the networks and doubles the seeds: every run of an earlier rung counts in the later ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import mean
from typing import TypeVar

from ..core.errors import ParameterError
from ..core.text import time_words

FIRST_SEEDS = 2  # fewer have no interval
LEAST = 6  # networks, or there is no response surface
Network = TypeVar("Network")


@dataclass(frozen=True)
class Rung:
    """How many networks are left (the paper's triple not counted), and how many seeds each then has."""

    networks: int
    seeds: int


def schedule(most: int, each: float, fixed: float, budget: float) -> tuple[Rung, ...]:
    """Return the rungs that fit a budget: as many networks as it allows on two seeds, then halves while it lasts.

    Args:
        most: networks that there are.
        each: seconds of one run of a candidate, by the wall clock.
        fixed: seconds of all that is no candidate: the trials of the rate, the baseline, the single dimensions.
        budget: seconds.

    Raises:
        ParameterError: fewer than six networks (or than there are) fit, with what they would take.
    """
    least = min(most, LEAST)
    fitting = [n for n in range(most, least - 1, -1) if fixed + FIRST_SEEDS * (n + 1) * each <= budget]
    if not fitting:
        needed = fixed + FIRST_SEEDS * (least + 1) * each
        accepted = f"at least about {time_words(needed)}: {least} networks and the paper's triple on two seeds"
        raise ParameterError("budget", time_words(budget), f"{accepted}, after the trials of the learning rate")
    rungs, spent = [Rung(fitting[0], FIRST_SEEDS)], fixed + FIRST_SEEDS * (fitting[0] + 1) * each
    while rungs[-1].networks > 1:
        last = rungs[-1]
        following = Rung(ceil(last.networks / 2), 2 * last.seeds)
        spent += (following.networks + 1) * last.seeds * each
        if spent > budget:
            break
        rungs.append(following)
    return tuple(rungs)


def survivors(found: Mapping[Network, Mapping[int, float]], rungs: tuple[Rung, ...]) -> list[list[Network]]:
    """Return the networks of each rung as far as it is decided, the first with all.

    Args:
        found: accuracy by network and seed; a network without all seeds of a rung leaves the next one undecided.
    """
    alive = [list(found)]
    for last, following in pairwise(rungs):
        seeds = range(last.seeds)
        if any(not set(seeds) <= set(found[network]) for network in alive[-1]):
            break
        ranked = sorted(alive[-1], key=lambda network: -mean(found[network][seed] for seed in seeds))
        alive.append(ranked[: following.networks])
    return alive
