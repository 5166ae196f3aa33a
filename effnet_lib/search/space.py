"""A search space: some places, each with some options; a candidate chooses one option a place."""

from dataclasses import dataclass
from functools import cached_property
from random import Random

from ..core.errors import ParameterError

Candidate = tuple[int, ...]  # the number of the chosen option, place by place


@dataclass(frozen=True)
class Space:
    """Hold the options of each place, as numbers.

    Raises:
        ParameterError: there is no place with two options: nothing to choose.
    """

    options: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not all(self.options) or not self._open:
            raise ParameterError("options", self.options, "options for every place, and two for one of them")

    @cached_property
    def _open(self) -> list[int]:
        return [place for place, options in enumerate(self.options) if len(options) > 1]

    def random(self, draw: Random) -> Candidate:
        """Return a candidate, each option of a place as likely as any other."""
        return tuple(options[int(draw.random() * len(options))] for options in self.options)

    def mutated(self, candidate: Candidate, draw: Random) -> Candidate:
        """Return a candidate that differs in one place, places and other options equally likely."""
        place = self._open[int(draw.random() * len(self._open))]
        others = [one for one in self.options[place] if one != candidate[place]]
        return (*candidate[:place], others[int(draw.random() * len(others))], *candidate[place + 1 :])
