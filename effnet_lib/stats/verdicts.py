"""The rule that turns an effect into one of four verdicts, and the seeds that one would take.

Source: docs/protocol.md, section "Verdicts". A claim is worded so that a positive effect speaks for it; "the gain
diminishes" is therefore the lower segment's gain minus the upper's.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Protocol

import numpy as np

from ..core.errors import ParameterError, known
from .estimate import Estimate

PROTOCOL = 2
ALPHA = 0.05
POWER = 0.8
DELTA = 1.0  # points, where the paper prints no effect; else half of what it prints
LEAST_SEEDS = 3  # for every verdict
MOST_SEEDS = 1000

HOLDS = "holds"
CONTRADICTED = "contradicted here"
SMALLER = "smaller than delta here"
NOT_ENOUGH = "not enough evidence"
VERDICTS = (HOLDS, CONTRADICTED, SMALLER, NOT_ENOUGH)
REFUTES = (CONTRADICTED, SMALLER)


class Judged(Protocol):
    """A sentence with its verdict, however that was found: what is stored and shown of it."""

    @property
    def verdict(self) -> str: ...

    def to_json(self) -> dict[str, Any]:
        """Return the record of a `.claims.json` file."""

    def line(self) -> str:
        """Return one sentence for people."""


def verdict(estimate: Estimate, delta: float = DELTA, level: float = ALPHA) -> str:
    """Return the verdict on one effect from the bounds of its two-sided 90 % interval, by the first that is true.

    Upper bound < 0: contradicted here; upper < `delta`: smaller than delta here; lower > 0: holds; else, and always
    with fewer than three seeds, not enough evidence.

    Args:
        delta: The least effect that matters, in the estimate's unit.
        level: Below 0.05 (a correction), the deciding bound must stand at that level too.

    Raises:
        ParameterError: `delta` is not positive, or `level` is outside (0, 0.05].
    """
    if not (delta > 0 and isfinite(delta)):
        raise ParameterError("delta", delta, "a positive number in the estimate's unit")
    if not 0 < level <= ALPHA:
        raise ParameterError("level", level, f"a number above 0, at most {ALPHA}")
    if not estimate.testable or estimate.n < LEAST_SEEDS:
        return NOT_ENOUGH
    value, high, wide = known(estimate.value), estimate.interval90[1], estimate.half(level)
    if value + wide < 0:
        return CONTRADICTED
    if high < delta:
        return SMALLER if value + wide < delta else NOT_ENOUGH
    return HOLDS if value - wide > 0 else NOT_ENOUGH


def p_value(estimate: Estimate, word: str, delta: float = DELTA) -> float:
    """Return the one-sided p of a verdict's own direction; 1.0 for "not enough evidence"."""
    if word == HOLDS:
        return estimate.p_above(0.0)
    if word in REFUTES:
        return estimate.p_below(0.0 if word == CONTRADICTED else delta)
    return 1.0


def all_hold(parts: Mapping[str, Estimate], deltas: Mapping[str, float], level: float = ALPHA) -> str:
    """Return the verdict on "each of these effects", an intersection-union test.

    "holds" where each part holds at `level`, uncorrected; refuted where any part is refuted at `level` divided by the
    number of parts (three single dimensions: alpha / 3), in the stronger of the two words.

    Raises:
        ParameterError: There are no parts.
    """
    if not parts:
        raise ParameterError("parts", dict(parts), "at least one estimate")
    if all(verdict(part, deltas[name], level) == HOLDS for name, part in parts.items()):
        return HOLDS
    strict = {verdict(part, deltas[name], level / len(parts)) for name, part in parts.items()}
    return next((word for word in REFUTES if word in strict), NOT_ENOUGH)


def seeds_for_power(estimate: Estimate, effect: float) -> int | None:
    """Return the number of seeds that would show `effect`, if it is there, with 80 % power.

    The smallest n, at least three, where the half-widths at 5 % and at 20 % together are at most the effect: then its
    lower bound is above 0 in 80 % of studies. Seed spreads and image error are taken as they are now.

    Returns:
        None where no number up to 1000 would do (the images are too few) or the seed spread is unknown.
    """
    if not estimate.testable or effect <= 0:
        return None

    def enough(n: int) -> bool:
        then = estimate.at(n)
        return then.half(ALPHA) + then.half(1 - POWER) <= effect

    if not enough(MOST_SEEDS):
        return None
    low, high = LEAST_SEEDS, MOST_SEEDS  # more seeds never widen an interval, so halving finds the first
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def holm(p: Sequence[float]) -> np.ndarray:
    """Return Holm's (1979) adjusted p values, in the order given, at most 1."""
    given = np.asarray(p, dtype=float)
    order = np.argsort(given, kind="stable")
    # The smallest of m is multiplied by m, the next by m - 1, ...; none may fall below the one before it.
    steps = np.maximum.accumulate(given[order] * np.arange(given.size, 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted
