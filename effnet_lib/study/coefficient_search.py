"""Step 1 of the paper's method for any network and cost: distinct networks of one cost, and some that stand for all.

Section 3.3 fixes phi = 1 and searches (alpha, beta, gamma) at twice the FLOPS. Rounding merges coefficients, so the
search is over distinct networks, and what must be met is a network's own counted cost. The paper's own grid is the
special case of it: `coefficient_grid`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import dist, inf, log

from ..core.errors import ParameterError
from ..models.archs import Architecture
from ..models.scaling import Scaling
from .profiles import UNSCALED
from .scaled_model import ScaledModel


@dataclass(frozen=True)
class Candidate(ScaledModel):
    """A network of the search: `triple` is (alpha, beta, gamma), the model's coefficient phi."""

    triple: Scaling = UNSCALED

    @property
    def name(self) -> str:
        words = label(self.triple)
        return words if self.coefficient == 1 else f"{words}^{self.coefficient:g}"

    @property
    def scaling(self) -> Scaling:
        """The multipliers over the baseline."""
        return power(self.triple, self.coefficient)


@dataclass(frozen=True)
class Point:
    """A distinct network of the grid: its cost over the baseline's, and all triples that round to it."""

    candidate: Candidate
    ratio: float
    triples: tuple[Scaling, ...]


def label(triple: Scaling) -> str:
    """Write a triple as the paper does: (alpha, beta, gamma)."""
    return f"({triple.depth:g}, {triple.width:g}, {triple.resolution:g})"


def power(triple: Scaling, phi: float) -> Scaling:
    """Return alpha^phi, beta^phi, gamma^phi; coefficients below 1 shrink."""
    return Scaling(triple.depth**phi, triple.width**phi, triple.resolution**phi)


def matched(
    first: Candidate,
    others: Iterable[Candidate],
    ratio: Callable[[Architecture], float],
    at: float,
    tolerance: float,
    shares: tuple[float, float, float] = (1, 2, 2),
) -> tuple[Point, ...]:
    """Return the distinct networks that cost `at` times the baseline, the first one whatever it costs.

    A network stands under that of its triples whose alpha * beta^2 * gamma^2 comes nearest to `at`.

    Args:
        ratio: a network's cost over the baseline's.
        tolerance: how far a ratio may be from `at`, as a share of it.
        shares: powers of alpha, beta and gamma with which another cost grows.

    Raises:
        ParameterError: none of the others meets the tolerance (named so), with the nearest.
    """
    found: dict[Architecture, list[Candidate]] = {}
    for one in others:
        found.setdefault(one.arch, []).append(one)
    ratios = {arch: ratio(arch) for arch in (first.arch, *found)}
    off = {arch: abs(ratios[arch] / at - 1) for arch in found}
    closest = min(off, key=off.__getitem__)
    if off[closest] > tolerance:
        raise ParameterError(
            "tolerance",
            tolerance,
            f"a share that a network of the grid meets: the nearest, {found[closest][0].name}, costs "
            f"{ratios[closest]:.3f}x the baseline, {100 * off[closest]:.1f} % off {at:g}x",
        )
    kept = {arch: group for arch, group in found.items() if off[arch] <= tolerance and arch != first.arch}
    merged = tuple(dict.fromkeys([first.triple, *(one.triple for one in found.get(first.arch, []))]))
    listed = [Point(first, ratios[first.arch], merged)]
    for arch, group in kept.items():
        shown = min(group, key=lambda one: abs(_log_cost(one.triple, shares) - log(at)))
        listed.append(Point(shown, ratios[arch], tuple(one.triple for one in group)))
    return tuple(listed)


def _log_cost(triple: Scaling, shares: tuple[float, float, float]) -> float:
    each = (triple.depth, triple.width, triple.resolution)
    return sum(share * log(value) for share, value in zip(shares, each, strict=True))


def spread(listed: Sequence[Point], most: int) -> list[Point]:
    """Choose at most `most` points over the whole surface: from the first on, always the one farthest from all chosen.

    Distances are in (log alpha, 2 log beta, 2 log gamma), each dimension's share of the doubled FLOPS.
    """
    where = [_place(point.candidate.triple) for point in listed]
    chosen, away = [0], [inf] * len(listed)
    while len(chosen) < min(most, len(listed)):
        away = [min(known, dist(place, where[chosen[-1]])) for known, place in zip(away, where, strict=True)]
        chosen.append(max(range(len(listed)), key=away.__getitem__))  # a chosen one is 0 away
    return [listed[i] for i in chosen]


def _place(triple: Scaling) -> tuple[float, float, float]:
    return log(triple.depth), 2 * log(triple.width), 2 * log(triple.resolution)
