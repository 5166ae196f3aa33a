"""A search space: some places, each with some options; a candidate chooses one option a place."""

from dataclasses import dataclass
from random import Random

from ..core.errors import ParameterError

Candidate = tuple[int, ...]  # the number of the chosen option, place by place


@dataclass(frozen=True)
class Space:
    """Hold how many options each place has.

    Raises:
        ParameterError: there is no place, or one with a single option, which is no choice.
    """

    sizes: tuple[int, ...]

    def __post_init__(self):
        if not self.sizes or min(self.sizes) < 2:
            raise ParameterError("sizes", self.sizes, "at least one place, each with at least 2 options")

    def check(self, candidate: Candidate) -> Candidate:
        """Return a candidate of this space.

        Raises:
            ParameterError: it is none.
        """
        fits = len(candidate) == len(self.sizes)
        if not fits or not all(0 <= one < size for one, size in zip(candidate, self.sizes, strict=True)):
            raise ParameterError("candidate", candidate, f"an option of each of {len(self.sizes)} places")
        return candidate

    def random(self, draw: Random) -> Candidate:
        """Return a candidate, each option of a place as likely as any other."""
        return tuple(int(draw.random() * size) for size in self.sizes)

    def mutated(self, candidate: Candidate, draw: Random) -> Candidate:
        """Return a candidate that differs in one place, places and other options equally likely."""
        place = int(draw.random() * len(self.sizes))
        other = int(draw.random() * (self.sizes[place] - 1))
        other += other >= candidate[place]
        return (*candidate[:place], other, *candidate[place + 1 :])
