"""Step 1 of the paper's method: the grid of (alpha, beta, gamma), pruned by the counted FLOPS of its networks.

Section 3.3: fix phi = 1 and search alpha, beta, gamma >= 1 with alpha * beta^2 * gamma^2 ~ 2 (equation 3). Rounding
merges coefficients, so the search is over distinct networks, and what must be about 2 is a network's own count.
"""

from dataclasses import dataclass
from functools import cache
from math import dist, inf, log

from ..core.errors import ParameterError, known, nearest
from ..models import complexity
from ..models.archs import Architecture, efficientnet
from ..models.scaling import ALPHA, BETA, GAMMA, Scaling, compound
from .decided_study import Study
from .fine_rounding import fine
from .profiles import ROUNDINGS, UNSCALED, Profile, ProxyBaseline
from .ranges import MOST_RUNS
from .scaled_model import ScaledModel

PAPER = Scaling(ALPHA, BETA, GAMMA)
BUDGET = 2.0  # times the baseline's FLOPS at phi = 1


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
        return compound(self.coefficient, self.triple.depth, self.triple.width, self.triple.resolution)


@dataclass(frozen=True)
class Point:
    """A distinct network of the grid: its FLOPS over the baseline's, and all triples that round to it."""

    candidate: Candidate
    ratio: float
    triples: tuple[Scaling, ...]


def label(triple: Scaling) -> str:
    """Write a triple as the paper does: (alpha, beta, gamma)."""
    return f"({triple.depth:g}, {triple.width:g}, {triple.resolution:g})"


def candidate(study: Study, triple: Scaling, phi: float = 1.0) -> Candidate:
    """Return the baseline scaled by alpha^phi, beta^phi, gamma^phi under the profile's rounding.

    Raises:
        ParameterError: a coefficient below 1, and for an unknown rounding with the nearest name.
    """
    return _candidate(study.profile, known(study.base), study.dataset.classes, triple, phi)


def _candidate(profile: Profile, base: ProxyBaseline, classes: int, triple: Scaling, phi: float = 1.0) -> Candidate:
    scaling = compound(phi, triple.depth, triple.width, triple.resolution)
    if profile.rounding not in ROUNDINGS:
        raise ParameterError("rounding", profile.rounding, nearest(profile.rounding, ROUNDINGS))
    if profile.rounding == "fine":
        arch = fine(_unscaled(base, classes, profile.padding), scaling)
    else:
        arch = base.arch(classes, scaling, profile.padding)
    return Candidate("compound", phi, arch, triple=triple)


@cache  # for a thousand triples
def _unscaled(base: ProxyBaseline, classes: int, padding: str) -> efficientnet.EfficientNet:
    return base.arch(classes, padding=padding)


def points(study: Study) -> list[Point]:
    """Return the distinct networks that meet the constraint, the paper's triple first whatever its count.

    A network stands under that of its triples whose alpha * beta^2 * gamma^2 comes nearest to 2.

    Raises:
        ParameterError: where no triple of the grid meets the tolerance, with the nearest, and for a tolerance that is
            not above 0; a grid of more than 100,000 triples.
    """
    return list(_points(study.profile, study.base, study.dataset.classes))


@cache  # a thousand networks, asked for by plan, queue, table and figure
def _points(profile: Profile, base: ProxyBaseline, classes: int) -> tuple[Point, ...]:
    if not profile.tolerance > 0:
        raise ParameterError("tolerance", profile.tolerance, "a share of the FLOPS above 0")
    triples = len(profile.alphas) * len(profile.betas) * len(profile.gammas)
    if triples > MOST_RUNS:
        accepted = f"fewer: the grid has {triples:,} triples, and at most {MOST_RUNS:,} are counted"
        raise ParameterError("alphas", profile.alphas, accepted)
    unit = complexity.count(base.arch(classes, padding=profile.padding)).madds
    found: dict[Architecture, list[Candidate]] = {}
    for triple in (Scaling(a, b, g) for a in profile.alphas for b in profile.betas for g in profile.gammas):
        one = _candidate(profile, base, classes, triple)
        found.setdefault(one.arch, []).append(one)
    paper = _candidate(profile, base, classes, PAPER)
    ratios = {arch: complexity.count(arch).madds / unit for arch in (paper.arch, *found)}
    off = {arch: abs(ratios[arch] / BUDGET - 1) for arch in found}
    closest = min(off, key=off.__getitem__)
    if off[closest] > profile.tolerance:
        raise ParameterError(
            "tolerance",
            profile.tolerance,
            f"a share that a network of the grid meets: the nearest, {found[closest][0].name}, costs "
            f"{ratios[closest]:.3f}x the baseline, {100 * off[closest]:.1f} % off {BUDGET:g}x",
        )
    kept = {arch: group for arch, group in found.items() if off[arch] <= profile.tolerance and arch != paper.arch}
    merged = tuple(dict.fromkeys([PAPER, *(one.triple for one in found.get(paper.arch, []))]))
    listed = [Point(paper, ratios[paper.arch], merged)]
    for arch, group in kept.items():
        shown = min(group, key=lambda one: abs(log(one.triple.flops_factor / BUDGET)))
        listed.append(Point(shown, ratios[arch], tuple(one.triple for one in group)))
    return tuple(listed)


def spread(listed: list[Point], most: int) -> list[Point]:
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
