"""Optuna's NSGA-II on accuracy and FLOPS: the comparator that nobody here wrote."""

from collections import defaultdict, deque
from typing import Any

from ..core.errors import ParameterError
from .objective import Score
from .space import Candidate, Space


class OptunaSearch:
    """Search both goals at once (Deb et al. 2002, as Optuna implements it); no exponent weighs them.

    Raises:
        ParameterError: Optuna is not installed.
    """

    def __init__(self, space: Space, seed: int, population: int = 20):
        try:
            import optuna
        except ImportError:
            accepted = "evolution or random without the extra that brings Optuna: pip install 'effnet-lib[search]'"
            raise ParameterError("searcher", "optuna", accepted) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it says a line for every candidate
        sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=seed)
        self._study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        self._space = space
        self._trials: dict[Candidate, deque[Any]] = defaultdict(deque)

    def ask(self) -> Candidate:
        trial = self._study.ask()
        chosen = [trial.suggest_categorical(f"place {i}", one) for i, one in enumerate(self._space.options)]
        self._trials[tuple(chosen)].append(trial)
        return tuple(chosen)

    def tell(self, candidate: Candidate, score: Score) -> None:
        self._study.tell(self._trials[candidate].popleft(), tuple(score))
