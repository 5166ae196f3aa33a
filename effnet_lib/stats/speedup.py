"""How many times faster one network is than another: the median of paired rounds, its interval, its verdict.

Both networks run once a round, one after the other, so that whatever slows the machine for longer than a round slows
both. The interval is the percentile bootstrap of the median over rounds. Not the bias-corrected one: its acceleration
comes from leaving out one round at a time, which moves a median by nothing or by a whole step. Simulated on skewed
noise, 95 % intervals of 9 rounds cover 94 to 95 %, of 20 rounds 93 %. Rounds count as independent: a machine that
is busy in bursts gets too narrow an interval, which is one reason why such a measurement gives no verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import ParameterError, known
from .verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL, SMALLER

RESAMPLES = 9999
LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """Hold a ratio of latencies with its 95 % interval over `n` rounds; `Ratio()` was not measured."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0

    @property
    def width(self) -> float | None:
        """The interval's larger half over the value: 0.1 is +-10 %."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.high - self.value, self.value - self.low) / self.value


def median(values: Sequence[float] | np.ndarray, seed: int = 0) -> Ratio:
    """Return the median of positive values with its 95 % bootstrap interval; a single value has none.

    Raises:
        ParameterError: There is no value, or one that is not positive.
    """
    rounds = np.asarray(values, dtype=float)
    if rounds.ndim != 1 or not rounds.size or not (np.isfinite(rounds) & (rounds > 0)).all():
        raise ParameterError("values", f"{rounds.size} values", "at least one, all positive")
    middle = float(np.median(rounds))
    if rounds.size < 2:
        return Ratio(middle, n=1)
    drawn = np.random.default_rng(seed).integers(0, rounds.size, (RESAMPLES, rounds.size))
    low, high = np.quantile(np.median(rounds[drawn], axis=1), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Ratio(middle, float(low), float(high), int(rounds.size))


def ratio(slower: Sequence[float], faster: Sequence[float]) -> Ratio:
    """Return the median over rounds of slower / faster; both lists in the order of the rounds.

    Raises:
        ParameterError: The lists differ in length, and as `median` does.
    """
    if len(slower) != len(faster):
        raise ParameterError("faster", f"{len(faster)} rounds", f"{len(slower)} rounds, as the other")
    return median(np.asarray(slower, dtype=float) / np.asarray(faster, dtype=float))


@dataclass(frozen=True)
class AtLeast:
    """State that a ratio is at least `target`, with its verdict.

    "Holds" where the lower bound of the 95 % interval reaches the target, "contradicted here" where the upper bound
    stays below 1, "smaller than delta here" where it stays below the target, otherwise, and on a busy machine, "not
    enough evidence". Each bound of a two-sided 95 % interval errs in 2.5 %: Bonferroni's share of 5 % for the two pairs
    of Table 4. The weaker claim of a pair, a target of 1, follows from the stronger one and needs no share of its own.
    """

    claim: str
    target: float
    found: Ratio
    busy: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Whether it holds, in the words of `claims`."""
        if self.found.low is None or self.found.high is None or self.busy:
            return NOT_ENOUGH
        if self.found.low >= self.target:
            return HOLDS
        if self.found.high < 1:
            return CONTRADICTED
        return SMALLER if self.found.high < self.target else NOT_ENOUGH

    def to_json(self) -> dict:
        """Return the record of a `.claims.json` file; `n` is rounds."""
        found = self.found
        bounds = (found.low, found.high)
        return {
            "claim": self.claim,
            "printed": self.target if self.target != 1 else None,
            "measured": None if found.value is None else round(found.value, 3),
            "interval": None if None in bounds else [round(known(bound), 3) for bound in bounds],
            "verdict": self.verdict,
            "n": found.n,
            "protocol": PROTOCOL,
        }

    def line(self) -> str:
        """Return one sentence for people."""
        text, found = f"{self.verdict}: {self.claim}", self.found
        if found.value is None:
            return f"{text} (not measured)"
        text += f" ({found.value:.2f}x"
        if found.low is not None:
            text += f", 95 % interval {found.low:.2f}x to {found.high:.2f}x"
        text += f", {found.n} round{'' if found.n == 1 else 's'}"
        return text + (f"; the machine was busy: {'; '.join(self.busy)})" if self.busy else ")")
