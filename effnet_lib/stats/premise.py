"""Whether the baseline is balanced: what a doubling of FLOPS buys along each dimension, and whether that is equal.

Where one dimension buys more, scaling that one alone beats compound scaling at once, whatever the paper claims: every
verdict on a scaling method stands under this premise. Source: docs/protocol.md, section "Premise".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .estimate import Estimate
from .intervals import contrast
from .paired_outcomes import PairedOutcomes
from .verdicts import LEAST_SEEDS

MARGIN = 1.0  # points a doubling
MET, NOT_MET, UNKNOWN = "met", "not met", "unknown"


@dataclass(frozen=True)
class Premise:
    """Hold the slope of each dimension and the difference of each pair, in points of top-1 a doubling of FLOPS.

    Args:
        slopes: By dimension.
        differences: By pair of dimensions, the first's slope minus the second's.
        note: What else bounds the choice of the baseline, such as an edge of step 0's list.
        cost: Of which a doubling is meant.
    """

    slopes: Mapping[str, Estimate]
    differences: Mapping[tuple[str, str], Estimate]
    note: str = ""
    cost: str = "FLOPS"

    @property
    def status(self) -> str:
        """Met, not met or unknown.

        Met where the 90 % interval of each difference lies within +- 1 point a doubling; not met where one's 95 %
        interval excludes 0; otherwise, and with fewer than three seeds, unknown.
        """
        pairs = list(self.differences.values())
        if not pairs or any(not pair.testable or pair.n < LEAST_SEEDS for pair in pairs):
            return UNKNOWN
        if all(low > -MARGIN and high < MARGIN for low, high in (pair.interval90 for pair in pairs)):
            return MET
        return NOT_MET if any(low > 0 or high < 0 for low, high in (pair.interval95 for pair in pairs)) else UNKNOWN

    def line(self) -> str:
        """Return the premise as a sentence."""
        each = ", ".join(f"{name} {_words(slope)}" for name, slope in self.slopes.items())
        note = f"; {self.note}" if self.note else ""
        return f"Premise (a balanced baseline): {self.status}; slopes in points a doubling of {self.cost}: {each}{note}"

    @property
    def brief(self) -> str:
        """The premise as it stands under a figure's panel, in two lines."""
        known = [f"{name} {slope.value:+.1f}" for name, slope in self.slopes.items() if slope.value is not None]
        bought = f"points a doubling of {self.cost}: {', '.join(known)}" if known else "slopes unknown"
        return f"premise of a balanced baseline: {self.status}\n{bought}"

    def to_json(self) -> dict[str, Any]:
        """Return the premise for a `.claims.json` file."""
        return {
            "status": self.status,
            "slopes": {
                name: {
                    "points_a_doubling": None if slope.value is None else round(slope.value, 3),
                    "interval": slope.interval95 and [round(bound, 3) for bound in slope.interval95],
                    "n": slope.n,
                }
                for name, slope in self.slopes.items()
            },
            "note": self.note,
        }


def slope_weights(doublings: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of models that make their least-squares slope: (x - mean x) / sum((x - mean x)^2).

    Args:
        doublings: Model name -> log2 of its FLOPS over the baseline's; the baseline itself at 0.
    """
    x = np.array(list(doublings.values()), dtype=float)
    away = x - x.mean()
    return dict(zip(doublings, (away / (away**2).sum()).tolist(), strict=True))


def premise(
    outcomes: PairedOutcomes | Mapping | None, points: Mapping[str, Mapping[str, float]], note: str = ""
) -> Premise:
    """Estimate the slope of each dimension, and the difference of each pair.

    Args:
        outcomes: Bits of all models; None where nothing is stored.
        points: Dimension -> model name -> log2 of its FLOPS over the baseline's, with the baseline.
    """
    weights = {dimension: slope_weights(models) for dimension, models in points.items()}
    slopes = {dimension: contrast(outcomes or {}, each) for dimension, each in weights.items()}
    differences = {}
    for first, second in combinations(weights, 2):
        models = weights[first].keys() | weights[second].keys()
        apart = {model: weights[first].get(model, 0.0) - weights[second].get(model, 0.0) for model in models}
        differences[first, second] = contrast(outcomes or {}, apart)
    return Premise(slopes, differences, note)


def _words(slope: Estimate) -> str:
    if slope.value is None:
        return "not measured"
    interval = slope.interval95
    return f"{slope.value:+.2f}" + (f" ({interval[0]:+.2f} to {interval[1]:+.2f})" if interval else " (no interval)")
