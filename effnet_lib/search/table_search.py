"""Searches on a table, where evaluations are free: the measurement by which searchers are compared."""

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, ClassVar

from . import nas_bench_macro
from .objective import Objective, front
from .replay import replay
from .searchers import SearcherSetting

ALGORITHM = 1  # raise by hand when code changes what a search does
SECONDS = {"evolution": 0.01, "random": 0.01, "optuna": 0.2}  # for a hundred evaluations, on one core


@dataclass(frozen=True)
class TableSearch:
    """Search a table from several seeds, each with the same number of evaluations.

    Args:
        table: id of the table (`nas_bench_macro.table`).
        w: the objective's exponent; NSGA-II does not look at it.
    """

    kind: ClassVar[str] = "search"
    any_profile: ClassVar[bool] = False

    table: str
    searcher: SearcherSetting
    w: float
    seeds: tuple[int, ...]
    evaluations: int

    @property
    def label(self) -> str:
        return f"{self.searcher.name}, w = {self.w:g}, {len(self.seeds)} searches on {self.table}"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result; a published table is known by its content."""
        content = nas_bench_macro.FINGERPRINT if self.table == nas_bench_macro.PUBLISHED else self.table
        return {
            "algorithm": ALGORITHM,
            "table": content,
            "searcher": asdict(self.searcher),
            "w": self.w,
            "seeds": list(self.seeds),
            "evaluations": self.evaluations,
        }

    def seconds(self) -> float:
        return SECONDS[self.searcher.name] * len(self.seeds) * self.evaluations / 100

    def measure(self) -> dict[str, Any]:
        """Search, and return of each seed every improvement and the front that was found, and the table's own.

        Accuracies are percentages, FLOPS multiply-adds.

        Raises:
            DataError: the table is missing.
            ParameterError: the searcher's library is.
        """
        table, objective = nas_bench_macro.table(self.table), Objective(self.w)
        searches = []
        for seed in self.seeds:
            done = replay(
                self.searcher.start(table.space, objective, seed), nas_bench_macro.key, table.score, self.evaluations
            )
            searches.append(
                {
                    "seed": seed,
                    "evaluations": len(done.scores),
                    "best": [[number, key, *score] for number, key, score in done.improvements(objective)],
                    "front": [list(score) for score in front(done.scores.values())],
                }
            )
        best = table.winner(objective)
        return {
            "searches": searches,
            "networks": len(table.scores),
            "best": list(best),
            "front": [list(score) for score in table.front],
            "library": f"optuna {version('optuna')}" if self.searcher.name == "optuna" else "",
        }
