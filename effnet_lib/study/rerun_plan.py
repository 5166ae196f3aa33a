"""Which published runs are made once more: drawn by a seed, among those that fit into a budget."""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from ..core.errors import ParameterError
from .published_runs import PublishedRun, in_turn

ROOM = 0.8  # of the budget: the rest is for starting, making the data, and a machine busier than the publishing one


@dataclass(frozen=True)
class Wanted:
    """How much is rerun: at most `runs` runs inside `budget` seconds, drawn by `seed`, by which processes on what."""

    runs: int = 4
    budget: float = 180.0
    seed: int = 0
    workers: int = 1
    device: str = "cpu"


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Return how long some runs take together, the shortest first on whichever worker is free.

    The longest first would end sooner by a little; but a machine slower than thought then has nothing to show for it.
    """
    free = [0.0] * max(1, workers)
    for one in sorted(seconds):
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def choose(
    published: Sequence[PublishedRun], seconds: Callable[[PublishedRun], float], wanted: Wanted
) -> list[PublishedRun]:
    """Draw runs by the seed, networks in turn, and take each that still fits; the shortest is returned first.

    The same on every machine with as many workers: it rests on keys and on published seconds alone.

    Raises:
        ParameterError: the budget holds not even the cheapest run; the message says what would.
    """
    room = ROOM * wanted.budget
    taken: list[PublishedRun] = []
    for run in in_turn(published, lambda key: hashlib.sha256(f"{wanted.seed} {key}".encode()).hexdigest()):
        if len(taken) < wanted.runs and makespan([seconds(one) for one in [*taken, run]], wanted.workers) <= room:
            taken.append(run)
    if not taken:
        cheapest = min(published, key=seconds)
        least = ceil(seconds(cheapest) / ROOM)
        accepted = f"at least {least:,} seconds: the cheapest published run, {cheapest.name}, takes about "
        raise ParameterError("budget", wanted.budget, f"{accepted}{seconds(cheapest):.0f} of them")
    return sorted(taken, key=seconds)
