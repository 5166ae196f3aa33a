"""How alike two measurements rank the same networks: Kendall's tau-b with a bootstrap interval."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST = 5  # networks, before there is an interval


class RankCorrelation(NamedTuple):
    """Hold Kendall's tau-b, -1 to 1, its 95 % interval where there is one, and the number of networks."""

    value: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        interval = f", 95 % interval {self.low:.2f} to {self.high:.2f}" if self.low is not None else ", no interval"
        return f"tau = {self.value:.2f}{interval}, {self.n} networks"


def kendall(first: Sequence[float], second: Sequence[float], resamples: int = 2000) -> RankCorrelation | None:
    """Return the rank correlation of two measurements of the same networks; None where either ranks nothing.

    The interval takes 2.5 and 97.5 % of resamples over networks; one in which either ranks nothing does not count.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    signs = _signs(a), _signs(b)
    tau = _tau(*signs)
    if not np.isfinite(tau):
        return None
    n = len(a)
    if n < LEAST:
        return RankCorrelation(float(tau), None, None, n)
    draws = np.random.default_rng(0).integers(n, size=(resamples, n))
    drawn = np.array([_tau(*(sign[np.ix_(rows, rows)] for sign in signs)) for rows in draws])
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return RankCorrelation(float(tau), float(low), float(high), n)


def _signs(values: np.ndarray) -> np.ndarray:
    """Return (n, n): whether a network is above (1), level with (0) or below (-1) each other one."""
    return np.sign(values[:, None] - values[None, :])


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    """Return tau-b from signs: concordant minus discordant pairs over those that either tells apart; NaN without."""
    pairs = np.sqrt((a != 0).sum() * (b != 0).sum())
    return float((a * b).sum() / pairs) if pairs else float("nan")
