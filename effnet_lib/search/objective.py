"""What a search maximises: ACC(m) * (FLOPS(m) / T)^w, section 4 of the paper."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from ..core.errors import ParameterError
from ..study.ranges import is_number

W, TARGET = -0.07, 400e6


class Score(NamedTuple):
    """What an evaluation found: accuracy in percent, FLOPS in multiply-adds."""

    accuracy: float
    flops: int


@dataclass(frozen=True)
class Objective:
    """Weigh accuracy against FLOPS.

    At a maximum inside the space d ln ACC / d ln FLOPS = -w: 1 % more FLOPS must buy 0.07 % of the accuracy. The -0.07
    comes from Tan et al. (2019), who chose it for *latency*, where they found 5 % of accuracy for a doubling; the paper
    uses it for FLOPS as it stands.

    Args:
        w: the exponent; 0 is accuracy alone.
        target: T, in multiply-adds. It scales all values alike, so no ranking and no search depends on it.

    Raises:
        ParameterError: either is no finite number, or the target not above 0.
    """

    w: float = W
    target: float = TARGET

    def __post_init__(self) -> None:
        if not is_number(self.w) or not isfinite(self.w):
            raise ParameterError("w", self.w, "a finite number, such as -0.07")
        if not is_number(self.target) or not isfinite(self.target) or self.target <= 0:
            raise ParameterError("target", self.target, "a finite number of multiply-adds above 0, such as 400e6")

    def __call__(self, score: Score) -> float:
        """Return the value of a score, a share of 1 at the target."""
        return score.accuracy / 100 * (score.flops / self.target) ** self.w


def front(scores: Iterable[Score]) -> list[Score]:
    """Return the scores that no other one beats in accuracy at the same or fewer FLOPS, by rising FLOPS."""
    kept: list[Score] = []
    for score in sorted(scores, key=lambda score: (score.flops, -score.accuracy)):
        if not kept or score.accuracy > kept[-1].accuracy:
            kept.append(score)
    return kept
