"""Searchers by name. Each asks for candidates and is told their scores; it evaluates nothing and knows no network."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from ..core.errors import ParameterError, nearest
from .evolution import RegularizedEvolution
from .objective import Objective, Score
from .space import Candidate, Space


class Searcher(Protocol):
    """Search by asking: the same seed and the same answers are the same search."""

    def ask(self) -> Candidate:
        """Return the next candidate to evaluate."""

    def tell(self, candidate: Candidate, score: Score) -> None:
        """Take the score of a candidate that was asked for."""


@dataclass(frozen=True)
class SearcherSetting:
    """Say how a searcher works.

    Args:
        name: "evolution", "random" or "optuna".
        population: networks that evolution and NSGA-II keep.
        tournament: of how many drawn networks evolution takes the best as the parent.

    Raises:
        ParameterError: an unknown name, or a population smaller than the tournament.
    """

    name: str = "evolution"
    population: int = 20
    tournament: int = 5

    def __post_init__(self) -> None:
        if self.name not in SEARCHERS:
            raise ParameterError("searcher", self.name, nearest(self.name, SEARCHERS))
        if self.tournament < 1:
            raise ParameterError("tournament", self.tournament, "a whole number of at least 1")
        if self.population < self.tournament:
            accepted = f"a whole number of at least the tournament's, {self.tournament}"
            raise ParameterError("population", self.population, accepted)

    def start(self, space: Space, objective: Objective, seed: int) -> Searcher:
        """Return a searcher at its beginning.

        Raises:
            ParameterError: Optuna is asked for and not installed.
        """
        return SEARCHERS[self.name](self, space, objective, seed)


class RandomSearch:
    """Ask for random candidates, whatever the scores: the control."""

    def __init__(self, space: Space, seed: int):
        self._space, self._draw = space, Random(seed)

    def ask(self) -> Candidate:
        return self._space.random(self._draw)

    def tell(self, candidate: Candidate, score: Score) -> None:
        pass


def _evolution(setting: SearcherSetting, space: Space, objective: Objective, seed: int) -> Searcher:
    return RegularizedEvolution(space, objective, seed, setting.population, setting.tournament)


def _random(setting: SearcherSetting, space: Space, objective: Objective, seed: int) -> Searcher:
    return RandomSearch(space, seed)


def _optuna(setting: SearcherSetting, space: Space, objective: Objective, seed: int) -> Searcher:
    from .optuna_search import OptunaSearch  # half a second of imports, and an extra

    return OptunaSearch(space, seed, setting.population)


SEARCHERS: dict[str, Callable[[SearcherSetting, Space, Objective, int], Searcher]] = {
    "evolution": _evolution,
    "optuna": _optuna,
    "random": _random,
}
