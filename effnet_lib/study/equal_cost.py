"""Candidates of one cost for any network: how the cost's growth may be shared out between depth, width and resolution.

The points of a simplex lattice (Scheffe 1958): a cost of c times is made of depth c^(a/k), width c^(b/k) and resolution
c^(g/k) of cost, with a + b + g = k; its corners scale one dimension alone. Rounding moves each point off the cost; its
width, then its resolution, are moved by as little as brings its counted network back within the tolerance.
"""

from collections.abc import Callable, Iterator
from math import exp, log
from typing import NamedTuple

from ..core.errors import ParameterError, known
from ..models.archs import Architecture
from ..models.scaling import Scaling
from .coefficient_grid import PAPER
from .coefficient_search import Candidate, power

Ratio = Callable[[Architecture], float]
Scaled = Callable[[Scaling], Architecture]
Shares = tuple[float, float, float]  # powers of depth, width and resolution with which a cost grows
# Into how many parts the cost is shared out: 15, 28, 45 or 91 points on three dimensions, the corners among them.
PARTS = (4, 6, 8, 12)
SLACK = 0.07  # by how much rounding may move a network off its exact cost; beyond it nothing is counted
MOVES = tuple(0.01 * i for i in range(-25, 26))  # of log width and log resolution
NEAR = 20  # hundredths of phi that the paper's triple is moved along its ray
AS_GOOD = 0.1  # of log width and log resolution, by which the paper's triple is still itself
DIGITS = 3  # of coefficients
TRIES, LOOKS = 40, 400  # networks that are counted for one point, and multipliers that are looked at


class Reached(NamedTuple):
    """A network, and its cost over the baseline's."""

    candidate: Candidate
    ratio: float


def shared_out(at: float, shares: Shares, parts: int) -> list[Scaling]:
    """Return the lattice's multipliers; a dimension that costs nothing takes each of its steps beside every point.

    Args:
        at: the cost over the baseline's, above 1 to grow and below 1 to shrink.
        shares: with which power of depth, width and resolution the cost grows.
    """
    paid = [share for share in shares if share]
    steps = list(_sums(len(paid), parts))
    found = []
    for step in steps:
        spent = iter(step)
        each = [at ** (next(spent) / parts / share) if share else None for share in shares]
        free = [at ** (i / parts) for i in (0, 1, 2)] if None in each else [1.0]  # as much as FLOPS would allow
        found += [Scaling(*(round(value or more, DIGITS) for value in each)) for more in free]
    return found


def _sums(dimensions: int, total: int) -> Iterator[tuple[int, ...]]:
    """Yield all whole numbers of so many dimensions that sum to a total."""
    if dimensions == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        yield from ((first, *rest) for rest in _sums(dimensions - 1, total - first))


class Matcher:
    """Finds networks of one cost; every network is counted once.

    Args:
        scaled: returns the network under multipliers over the baseline.
        ratio: its cost over the baseline's.
        most: networks that are counted in all, about.
    """

    def __init__(self, scaled: Scaled, ratio: Ratio, at: float, tolerance: float, most: int = 2_000):
        self.scaled, self.ratio, self.at, self.tolerance, self.most = scaled, ratio, at, tolerance, most
        self.nearest: Reached | None = None
        self._known: dict[Architecture, float] = {}

    def off(self, ratio: float) -> float:
        """Return how far a ratio is from the cost asked for, as a share of it."""
        return abs(ratio / self.at - 1)

    def _reach(self, triple: Scaling, phi: float = 1.0) -> Reached:
        arch = self.scaled(power(triple, phi))
        if arch not in self._known:
            self._known[arch] = self.ratio(arch)
        found = Reached(Candidate("compound", phi, arch, triple=triple), self._known[arch])
        if self.nearest is None or self.off(found.ratio) < self.off(self.nearest.ratio):
            self.nearest = found
        return found

    def moved(self, point: Scaling, shares: Shares, farthest: float = MOVES[-1]) -> Reached | None:
        """Return the network of the cost that is nearest to a point of the lattice; None where none is found."""
        start, looked, counted = None, 0, len(self._known)
        for wider, larger in _moves(shares):
            if max(abs(wider), abs(larger)) > farthest:
                continue
            if start is not None and abs(log(start / self.at) + shares[1] * wider + shares[2] * larger) > SLACK:
                continue
            width, size = (
                round(v * exp(move), DIGITS) for v, move in ((point.width, wider), (point.resolution, larger))
            )
            if (size - 1) * log(self.at) < 0:  # a coefficient does not shrink where the network grows
                continue
            triple = Scaling(round(point.depth, DIGITS), width, size)
            try:
                found = self._reach(triple)
            except ParameterError as error:
                if error.name == "network":  # the user's function fails
                    raise
                return None  # smaller than any network of the family, or larger
            start, looked = found.ratio if start is None else start, looked + 1
            if self.off(found.ratio) <= self.tolerance:
                return found
            if looked == LOOKS or len(self._known) - counted >= TRIES or len(self._known) >= self.most:
                break
        return None

    def papers(self, shares: Shares) -> Reached:
        """Return (1.2, 1.1, 1.15)^phi at the cost: the reference of every search.

        Where rounding leaves no network of the cost on that ray, its point is moved as any other is; where that finds
        none either, the nearest on the ray stands, with what it costs.

        Raises:
            ParameterError: no network of the family is on the ray at all (named at).
        """
        logs = [log(coefficient) for coefficient in (PAPER.depth, PAPER.width, PAPER.resolution)]
        phi = log(self.at) / sum(share * each for share, each in zip(shares, logs, strict=True))
        best = None
        for step in sorted(range(-NEAR, NEAR + 1), key=abs):
            found = self._on_ray(round(phi + step / 100, 2))
            if found and (best is None or self.off(found.ratio) < self.off(best.ratio)):
                best = found
            if best and self.off(best.ratio) <= self.tolerance:
                return best
        if best is None:
            raise ParameterError("at", self.at, "a multiple of the cost that a network can have from this baseline on")
        return self.moved(power(PAPER, phi), shares, AS_GOOD) or best

    def _on_ray(self, phi: float) -> Reached | None:
        try:
            return self._reach(PAPER, phi)
        except ParameterError as error:
            if error.name == "network":
                raise
            return None


def _moves(shares: Shares) -> list[tuple[float, float]]:
    """Return moves of log width and log resolution, the smallest first; none of what costs nothing."""
    wider = MOVES if shares[1] else (0.0,)
    larger = MOVES if shares[2] else (0.0,)
    both = [(w, r) for w in wider for r in larger]
    return sorted(both, key=lambda move: (abs(move[0]) + abs(move[1]), abs(move[1]), move))


def search(matcher: Matcher, shares: Shares, wanted: int) -> tuple[Reached, list[Reached]]:
    """Return the paper's triple, and the networks of a lattice that meet the cost, some of them alike.

    Args:
        wanted: how many are enough; a finer lattice is tried until there are so many.

    Raises:
        ParameterError: no network comes within the tolerance (named at), with the nearest that is reached.
    """
    paper, found = matcher.papers(shares), []
    for parts in PARTS:
        moved = (matcher.moved(point, shares) for point in shared_out(matcher.at, shares, parts))
        found += [one for one in moved if one]
        if len({one.candidate.arch for one in found}) > wanted:
            break
    if not found:
        near = known(matcher.nearest)
        raise ParameterError(
            "at",
            matcher.at,
            f"a cost that a network of this family has within {100 * matcher.tolerance:g} %; the nearest reachable is "
            f"{near.ratio:.3f}x, {near.candidate.name}",
        )
    return paper, found
