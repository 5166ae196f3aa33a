"""Step 1 of the paper's method as the paper did it: a grid of (alpha, beta, gamma) on B0's proxy, at twice its FLOPS.

Section 3.3: fix phi = 1 and search alpha, beta, gamma >= 1 with alpha * beta^2 * gamma^2 ~ 2 (equation 3), pruned by
the networks' counted FLOPS. The special case of `coefficient_search`.
"""

from functools import cache

from ..core.errors import ParameterError, known, nearest
from ..models import complexity
from ..models.archs import efficientnet
from ..models.scaling import ALPHA, BETA, GAMMA, Scaling, compound
from .coefficient_search import Candidate, Point, matched
from .decided_study import Study
from .fine_rounding import fine
from .profiles import ROUNDINGS, Profile, ProxyBaseline
from .ranges import MOST_RUNS

PAPER = Scaling(ALPHA, BETA, GAMMA)
BUDGET = 2.0  # times the baseline's FLOPS at phi = 1


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
    size = len(profile.alphas) * len(profile.betas) * len(profile.gammas)
    if size > MOST_RUNS:
        accepted = f"fewer: the grid has {size:,} triples, and at most {MOST_RUNS:,} are counted"
        raise ParameterError("alphas", profile.alphas, accepted)
    unit = complexity.count(base.arch(classes, padding=profile.padding)).madds
    triples = (Scaling(a, b, g) for a in profile.alphas for b in profile.betas for g in profile.gammas)
    grid = (_candidate(profile, base, classes, triple) for triple in triples)
    paper = _candidate(profile, base, classes, PAPER)
    return matched(paper, grid, lambda arch: complexity.count(arch).madds / unit, BUDGET, profile.tolerance)
