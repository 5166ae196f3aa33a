"""What later work predicts, measured on the same records: an effect with its interval, and no verdict on the paper."""

from dataclasses import dataclass
from typing import Any

from .estimate import Estimate
from .verdicts import PROTOCOL

REPORTED = "reported, no verdict"


@dataclass(frozen=True)
class Prediction:
    """State what a later paper predicts, and the effect that would be positive if it were so here.

    Args:
        source: Authors and year.
        words: The prediction and the statistic.
        unit: Of the estimate.
    """

    source: str
    words: str
    estimate: Estimate
    unit: str = "points"
    verdict: str = REPORTED

    @property
    def claim(self) -> str:
        """The prediction with its source, as a claim of a `.claims.json` file."""
        return f"Prediction of {self.source}: {self.words}"

    def to_json(self) -> dict[str, Any]:
        """Return the record of a `.claims.json` file."""
        value, interval = self.estimate.value, self.estimate.interval95
        return {
            "claim": self.claim,
            "printed": None,
            "measured": None if value is None else round(value, 3),
            "interval": interval and [round(bound, 3) for bound in interval],
            "verdict": self.verdict,
            "n": self.estimate.n,
            "protocol": PROTOCOL,
        }

    def line(self) -> str:
        """Return one sentence for people."""
        value, interval = self.estimate.value, self.estimate.interval95
        if value is None:
            return f"{self.claim} (not measured)"
        between = f", 95 % interval {interval[0]:+.2f} to {interval[1]:+.2f}" if interval else ""
        return f"{self.claim} ({value:+.2f} {self.unit}{between}, {self.estimate.n} seeds)"
