"""The models of a comparison: a scaling method, its coefficient, the rounded network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..models.archs import Architecture
from ..models.scaling import PUBLISHED, Scaling, compound
from .profiles import UNSCALED
from .protocol import SHORT

METHODS = ("width", "depth", "resolution", "compound")


SYMBOLS = {"width": "w", "depth": "d", "resolution": "r", "compound": "phi"}


SINGLE = {method: SYMBOLS[method] for method in METHODS[:3]}  # the single dimensions


DWR = Scaling(1.13, 1.61, 1.06)  # Dollar et al. 2021 (arXiv 2103.06877), dWr at 3.3 times the FLOPS


def scaling_of(method: str, coefficient: float) -> Scaling:
    """Return the scaling of one method by one coefficient; 1, or phi 0, is the baseline.

    compound: phi of alpha^phi; published: the number of a row of the hand-rounded B0-B7 table.
    """
    if method == "compound":
        return compound(coefficient)
    if method == "published":
        row = PUBLISHED[int(coefficient)]
        return Scaling(row.depth, row.width, row.px / PUBLISHED[0].px)
    if method == "dWr":
        return DWR
    return Scaling(**{method: coefficient})


@dataclass(frozen=True)
class ScaledModel:
    """One model of a comparison: the scaling method, its coefficient (phi for compound), the rounded network.

    `base_scaling` is what the baseline was scaled by before the method (Figure 4); `family` another baseline than B0,
    with the compound multipliers as Table 3 prints them in `base_scaling`. `budget` is how long it is trained, "short"
    or "long"; both have one name, and stand in one table, but never in one comparison (`at_budget`).
    `rounding` is the paper's or, where that has no network of a level's cost, "fine" (`fine_rounding`).
    `seen_px` is the size to which its images are reduced before they are enlarged to its own; 0: they are not.
    """

    method: str
    coefficient: float
    arch: Architecture
    base_scaling: Scaling = UNSCALED
    family: str = ""
    budget: str = SHORT
    rounding: str = "paper"
    seen_px: int = 0

    @property
    def name(self) -> str:
        symbol, on = SYMBOLS.get(self.method), self.base_scaling
        if self.family:
            what = self.method if self.method in ("baseline", "compound") else f"{symbol}={self.coefficient:g}"
            return f"{self.family} {what}"
        if self.method == "published":
            return f"B{self.coefficient:g}"
        if self.method == "compound" and not self.coefficient:  # multipliers as printed, which are no alpha^phi
            return f"compound {on.depth:g}/{on.width:g}/{on.resolution:g}"
        name = f"{symbol}={self.coefficient:g}" if symbol else self.method
        name = f"{name} fine" if self.rounding == "fine" else name
        name = f"{name} blurred" if self.seen_px else name
        return name if on == UNSCALED else f"{name} (d={on.depth:g}, r={on.resolution:g})"

    @property
    def scaling(self) -> Scaling:
        """The multipliers over the baseline, all together."""
        own = UNSCALED if self.method == "baseline" else scaling_of(self.method, self.coefficient)
        return self.base_scaling * own


Kept = TypeVar("Kept")


def at_budget(records: Mapping[ScaledModel, Kept], budget: str) -> dict[ScaledModel, Kept]:
    """Return what belongs to the models of one training budget: names are unique only there."""
    return {model: kept for model, kept in records.items() if model.budget == budget}
