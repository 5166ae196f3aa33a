"""What protocol 2 declared before any of its records existed: seeds and budget of each set of claims, points, margins.

docs/protocol.md says why. A change here after records exist is another protocol with another number.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..stats.verdicts import PROTOCOL as PROTOCOL

if TYPE_CHECKING:
    from .profiles import Profile

SHORT, LONG = "short", "long"  # the training budgets: the recipe's epochs, and LONG_FACTOR times as many
LONG_FACTOR = 3
CANDIDATE_SEEDS = (0, 1)  # of step 0
EQUIVALENCE = 1.0  # points a doubling of FLOPS: within it, slopes of the dimensions count as balanced
# Observation 1's two points of each axis; the mean of both is compared with the baseline.
PREDECLARED = {"width": (1.8, 2.6), "depth": (4.0, 6.0), "resolution": (1.7, 2.2)}


@dataclass(frozen=True)
class Declared:
    """How a set of claims is decided.

    Args:
        seeds: of each of its networks, the smallest number with 80 % power at the printed effect.
        budget: of training, "short" or "long".
        needed: seeds that such a power would take, where `seeds` are fewer (underpowered by design).
    """

    seeds: int
    budget: str = SHORT
    needed: int | None = None


DECLARED = {
    "level A": Declared(5, LONG),
    "predeclared": Declared(3, LONG),  # Figure 3's two points of each axis
    "level A, short": Declared(6),  # the opposite sign there is printed: "only with long training"
    "fig3": Declared(3),  # the other points, and the predeclared ones at the short budget
    "blur control": Declared(3),
    "dWr": Declared(5),
    "fig4": Declared(5),
    "fig7": Declared(5, LONG),  # maps of level A's networks
    "grid_search": Declared(3),
    "grid_search, fresh": Declared(5),  # winner and paper's triple, on seeds that chose nobody
    "table3": Declared(5, needed=11),
    "level B": Declared(6),
}


def declared(profile: "Profile", claims: str) -> Declared:
    """Return how a set of claims is decided in a profile; one without decisions of its own has one number and budget.

    Raises:
        KeyError: a set that protocol 2 does not have.
    """
    whole = DECLARED[claims]
    whole = whole if profile.deciding == LONG else replace(whole, budget=SHORT)
    if len(profile.candidates) > 1:
        return whole
    seeds = {"fig7": profile.map_seeds, "grid_search, fresh": profile.fresh_seeds}.get(claims, profile.declared)
    return Declared(seeds, whole.budget)
