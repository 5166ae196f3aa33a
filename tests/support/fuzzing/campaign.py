"""Try inputs of a kind for so long, or so many of them, and count how each ended."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from support.fuzzing import commands, images, notebooks, records

KINDS = {"notebook parameters": notebooks, "commands": commands, "records": records, "image files": images}
ROUND = 50  # inputs between two looks at the clock


@dataclass
class Tried:
    """How the inputs of a kind ended: each once, whatever hypothesis repeats."""

    kind: str
    ended: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        return self.ended.total()

    def line(self) -> str:
        """Return a row of a table in Markdown."""
        numbers = (
            f"{self.inputs:,}",
            f"{self.ended['taken']:,}",
            f"{self.ended['refused']:,}",
            f"{self.slowest:.1f} s",
        )
        return f"| {self.kind} | {' | '.join(numbers)} | {self.seconds:.0f} s |"


HEAD = "| kind | inputs | taken | refused in one line | slowest | all |\n|---|---|---|---|---|---|"


def fuzz(kind: str, folders: list[str], start: int, seconds: float, most: int | None = None) -> Tried:
    """Try inputs of a kind, drawn from the seeds `start`, `start` + 1, ..., until the seconds, or the inputs, are over.

    Raises:
        Exception: The first fault, with the smallest input that shows it.
    """
    tried, began, module = Tried(kind), time.monotonic(), KINDS[kind]
    strategy = module.strategy(folders)
    while time.monotonic() - began < seconds and (most is None or tried.inputs < most):
        _round(
            strategy, _counting(module.check, tried), start, min(ROUND, (most or ROUND) - (tried.inputs if most else 0))
        )
        start += 1
    tried.seconds = time.monotonic() - began
    return tried


def _counting(check: Callable[[Any], str], tried: Tried) -> Callable[[Any], None]:
    def counting(one: Any) -> None:
        began = time.process_time()
        how = check(one)
        tried.slowest = max(tried.slowest, time.process_time() - began)
        tried.ended[how] += 1

    return counting


def _round(strategy, check: Callable[[Any], None], number: int, inputs: int) -> None:
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

    @seed(number)
    @settings(
        max_examples=inputs, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=quiet, print_blob=False,
    )  # fmt: skip
    @given(strategy)
    def tries(one: Any) -> None:
        check(one)

    tries()
