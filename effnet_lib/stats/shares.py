"""The share of networks of which something is true, with Clopper and Pearson's interval, and the verdict on a limit."""

from dataclasses import dataclass
from typing import Any

import scipy

from ..core.errors import ParameterError
from .verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL


def clopper_pearson(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a share (Clopper and Pearson 1934), 0 to 1.

    Each of its bounds is a one-sided bound at (1 + level) / 2.

    Raises:
        ParameterError: there are no networks, or more counted than there are.

    >>> low, high = clopper_pearson(9, 10)
    >>> round(low, 2), round(high, 2)
    (0.55, 1.0)
    """
    if n < 1:
        raise ParameterError("n", n, "a whole number of at least 1")
    if not 0 <= count <= n:
        raise ParameterError("count", count, f"a whole number from 0 to {n}")
    tail = (1 - level) / 2
    low = float(scipy.stats.beta.ppf(tail, count, n - count + 1)) if count else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, count + 1, n - count)) if count < n else 1.0
    return low, high


@dataclass(frozen=True)
class ShareAtMost:
    """State that at most `limit` of all networks of a kind are counted, with its verdict on a random sample of them.

    By the one-sided 95 % bounds: holds where the upper one is below the limit, contradicted here where the lower one is
    above it, else, and always in a sample so small that nothing in it could make the claim hold, not enough evidence.
    (At a limit of a tenth none counted needs 29 networks, one needs 46, two need 61.)

    Args:
        count, n: counted networks and all of the sample; n is 0 where nothing is measured.
        declared: the size of the sample that was planned; with fewer a verdict is interim.
    """

    claim: str
    limit: float
    count: int = 0
    n: int = 0
    declared: int = 0

    @property
    def verdict(self) -> str:
        """Whether it holds, in the words of `verdicts`."""
        if not self.n or clopper_pearson(0, self.n, 0.90)[1] >= self.limit:
            return NOT_ENOUGH
        low, high = clopper_pearson(self.count, self.n, 0.90)
        return HOLDS if high < self.limit else CONTRADICTED if low > self.limit else NOT_ENOUGH

    @property
    def interim(self) -> bool:
        """Whether the sample is smaller than planned."""
        return self.n < self.declared

    def to_json(self) -> dict[str, Any]:
        """Return the record of a `.claims.json` file: shares with the 95 % interval; `n` is networks."""
        return {
            "claim": self.claim,
            "printed": None,
            "measured": round(self.count / self.n, 3) if self.n else None,
            "interval": [round(bound, 3) for bound in clopper_pearson(self.count, self.n)] if self.n else None,
            "verdict": self.verdict,
            "n": self.n,
            "protocol": PROTOCOL,
            "interim": self.interim,
            "declared_n": self.declared,
        }

    def line(self) -> str:
        """Return one sentence for people."""
        if not self.n:
            return f"{self.verdict}: {self.claim} (not measured)"
        word = f"interim: {self.verdict}" if self.interim and self.verdict != NOT_ENOUGH else self.verdict
        low, high = clopper_pearson(self.count, self.n)
        share = f"{self.count} of {self.n}, 95 % interval {100 * low:.1f} to {100 * high:.1f} %"
        return f"{word}: {self.claim} ({share}; {self.declared} networks planned)"
