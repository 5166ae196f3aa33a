"""Regularised evolution: the population forgets its oldest member, not its worst (Real et al. 2019, algorithm 1)."""

from collections import deque
from random import Random

from .objective import Objective, Score
from .space import Candidate, Space


class RegularizedEvolution:
    """Evolve a population: a random sample's best is the parent, a mutation of it the child, the oldest dies.

    Source: arXiv 1802.01548, algorithm 1. Asked for several candidates before it is told any score, it goes on with the
    population that it has.

    Args:
        population: members; so many random candidates come first.
        tournament: members drawn, with replacement, for each parent.
    """

    def __init__(self, space: Space, objective: Objective, seed: int, population: int = 20, tournament: int = 5):
        self._space, self._objective, self._draw = space, objective, Random(seed)
        self._members: deque[tuple[float, Candidate]] = deque(maxlen=population)
        self._first, self._tournament = population, tournament

    def ask(self) -> Candidate:
        if self._first or not self._members:
            self._first = max(0, self._first - 1)
            return self._space.random(self._draw)
        drawn = [self._members[int(self._draw.random() * len(self._members))] for _ in range(self._tournament)]
        _, parent = max(drawn, key=lambda member: member[0])
        return self._space.mutated(parent, self._draw)

    def tell(self, candidate: Candidate, score: Score) -> None:
        self._members.append((self._objective(score), candidate))
