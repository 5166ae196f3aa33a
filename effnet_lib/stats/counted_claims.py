"""Claims that counting or arithmetic decides: no seeds are in them, and no interval but one that is given."""

from dataclasses import dataclass

from .verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL


@dataclass(frozen=True)
class CountedClaim:
    """State a sentence that a count decides, with its verdict.

    Args:
        holds: Whether it does; None: nothing is counted yet.
        printed: What the paper prints, in its words.
        measured: What was counted, in `unit`.
        interval: Its 95 % interval, where it is an estimate from `n` values.
        n: Of how many `things` it is.
    """

    claim: str
    holds: bool | None
    printed: float | str | None = None
    measured: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0
    things: str = "cells"
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Whether it holds, in the words of `verdicts`."""
        return NOT_ENOUGH if self.holds is None else HOLDS if self.holds else CONTRADICTED

    def to_json(self) -> dict:
        """Return the record of a `.claims.json` file; `n` is that of the things counted."""
        return {
            "claim": self.claim,
            "printed": self.printed,
            "measured": None if self.measured is None else round(float(self.measured), 4),
            "interval": self.interval and [round(float(bound), 4) for bound in self.interval],
            "verdict": self.verdict,
            "n": self.n,
            "protocol": PROTOCOL,
        }

    def line(self) -> str:
        """Return one sentence for people."""
        text = f"{self.verdict}: {self.claim}"
        if self.measured is None:
            return f"{text} (not measured)"
        text += f" ({self.measured:g}{self.unit and f' {self.unit}'}"
        if self.interval:
            text += f", 95 % interval {self.interval[0]:.4g} to {self.interval[1]:.4g}"
        return f"{text}, {self.n} {self.things})"
