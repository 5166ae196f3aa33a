"""The networks of one way of scaling in the order of its coefficient, and the last of them that still holds."""

from collections.abc import Callable

from ...core.errors import ParameterError
from ...models.archs import Architecture
from ...models.scaling import Scaling, compound
from ...study.scalable import Scalable

METHODS = ("compound", "width", "depth", "resolution")
STEP, PHI_STEP = 1.01, 0.05  # coefficients are powers of the one, and phi a multiple of the other
Triple = tuple[float, float, float]  # alpha, beta, gamma


class Line:
    """The networks of one method by whole steps of its coefficient; 0 is the baseline."""

    def __init__(self, network: Scalable, method: str, triple: Triple):
        self.network, self.method, self.triple = network, method, triple
        by_phi = method == "compound"
        self.least, self.most = (-160, 240) if by_phi else (-232, 320)  # phi -8 to 12, others 0.1 to 24 times
        # A search goes no farther at once: the cost or the coefficient doubles. What a stranger's code would make of
        # 24 times the width is not asked where 2 times is too much already.
        self.stride = 20 if by_phi else 70
        self._made: dict[int, Architecture | ParameterError] = {}

    def coefficient(self, step: int) -> float:
        """Return phi, or the multiplier."""
        return PHI_STEP * step if self.method == "compound" else STEP**step

    def scaling(self, step: int) -> Scaling:
        """Return the multipliers of a step.

        Raises:
            ParameterError: they are beyond what `Scaling` takes.
        """
        value = self.coefficient(step)
        return compound(value, *self.triple) if self.method == "compound" else Scaling(**{self.method: value})

    def made(self, step: int) -> Architecture | ParameterError:
        """Return the network of a step, or why there is none: too small, too large, or a user's function fails."""
        if step not in self._made:
            try:
                self._made[step] = self.network.scaled(self.scaling(step))
            except ParameterError as error:
                self._made[step] = error
        return self._made[step]


def largest(line: Line, holds: Callable[[Architecture], bool]) -> tuple[int | None, int | None]:
    """Return a step whose network holds while that of the next step, returned beside it, does not.

    What cannot be made does not hold. Found by steps of a doubling from the baseline on, then by halving; where more
    than one place is such a one, any of them.

    Returns:
        The step and the next; (the last, None) where all hold; (None, the smallest that can be made) where none does.
    """

    def within(step: int) -> bool:
        arch = line.made(step)
        return not isinstance(arch, ParameterError) and holds(arch)

    if within(0):
        low = 0
        while within(high := min(low + line.stride, line.most)):
            if high == line.most:
                return high, None
            low = high
        return _last(within, low, high)
    high = 0
    while high > line.least:
        low = max(high - line.stride, line.least)
        if within(low):
            return _last(within, low, high)
        if isinstance(line.made(low), ParameterError):
            _, low = _last(lambda step: isinstance(line.made(step), ParameterError), low, high)
            return _last(within, low, high) if low < high and within(low) else (None, low)
        high = low
    return None, high


def _last(holds: Callable[[int], bool], low: int, high: int) -> tuple[int, int]:
    """Return neighbours of which the first holds and the second does not, as `low` and `high` do."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, high
