"""The largest network of each way of scaling that fits a budget: counted, and where latency counts, measured.

Counts decide alone where they can. Latencies are measured for few networks; of those in between they are interpolated
in the logarithms of latency and multiply-adds, and beyond those that are measured extrapolated.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from ...core.errors import ParameterError
from ...models.archs import Architecture
from ...models.complexity import count
from ...models.costs import BATCH
from ...models.memory import training_bytes
from ...models.scaling import Scaling
from ...study.scalable import Scalable
from .interpolation import Latencies
from .line import METHODS, Line, Triple, largest
from .networks import Numbers, numbers
from .words import milliseconds

MOST_MEASURED = 8  # networks whose latency is measured, a method
CAP = 8  # times the FLOPS that a latency suggests: larger networks are not even counted
Latency = Callable[[Architecture], float]  # seconds
Holds = Callable[[Architecture], bool]
NOTHING, LAST = "nothing fits, however small", "the largest that was tried"


@dataclass(frozen=True)
class Budget:
    """What a network may cost; None is no limit.

    Args:
        flops: billions of multiply-adds.
        megabytes: 10^6 bytes of weights in single precision.
        memory: GiB at the peak of a training step of 32 images in single precision (`models.memory`).
        latency: milliseconds for one image on one core.

    Raises:
        ParameterError: one that is not above 0; none at all (named flops).
    """

    flops: float | None = None
    megabytes: float | None = None
    memory: float | None = None
    latency: float | None = None

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in given.items():
            if value is not None and not value > 0:
                raise ParameterError(name, value, "a number above 0, or None")
        if not any(given.values()):
            raise ParameterError("flops", None, f"a number, as long as {', '.join(list(given)[1:])} limit nothing")

    def exceeded(self, arch: Architecture) -> list[str]:
        """Return which of the counted costs a network exceeds."""
        counts, found = count(arch), []
        if self.flops is not None and counts.madds > 1e9 * self.flops:
            found.append("FLOPS")
        if self.megabytes is not None and 4 * counts.params > 1e6 * self.megabytes:
            found.append("weights")
        if self.memory is not None and training_bytes(arch, BATCH) > 2**30 * self.memory:
            found.append("memory")
        return found


class Fit(NamedTuple):
    """The largest network of one method inside a budget, or why there is none.

    Args:
        latency: in seconds, measured; None where none was asked for.
        ends: what the next larger exceeds, or why it cannot be made; where nothing fits, that.
    """

    method: str
    coefficient: float | None
    scaling: Scaling | None
    counted: Numbers | None
    latency: float | None = None
    ends: str = ""


def fits(network: Scalable, budget: Budget, triple: Triple, latency: Latency | None = None) -> list[Fit]:
    """Solve "what fits?" for compound, width-only, depth-only and resolution-only scaling.

    Of coefficients 1 % apart (phi: 0.05), the largest whose network fits while the next one does not; smaller than the
    baseline where the baseline does not.

    Args:
        triple: alpha, beta, gamma.
        latency: measures a network; without it the budget's latency is left out.

    Raises:
        RunFailed: `latency` does, on a busy machine.
    """
    lines = [Line(network, method, triple) for method in METHODS]
    if latency is None or budget.latency is None:
        return [_counted(line, budget) for line in lines]
    return [_timed(line, budget, latency, budget.latency / 1e3) for line in lines]


def _counted(line: Line, budget: Budget) -> Fit:
    low, high = largest(line, lambda arch: not budget.exceeded(arch))
    return _fit(line, low, None, NOTHING if low is None else _ends(line, high, budget) or LAST)


def _timed(line: Line, budget: Budget, latency: Latency, limit: float) -> Fit:
    """Measure the network that is expected to be the largest, expect anew, and so on, until it is one measured."""
    base = line.network.scaled(Scaling())
    times = Latencies({base: latency(base)})
    cap = CAP * count(base).madds * max(1.0, limit / times.seconds(base))

    def counted(arch: Architecture) -> bool:
        return not budget.exceeded(arch) and count(arch).madds <= cap

    def holds(arch: Architecture) -> bool:
        return counted(arch) and times.seconds(arch) <= limit

    tried: list[int] = []
    for _ in range(MOST_MEASURED):
        low, high = largest(line, holds)
        step = _to_measure(line, low, high, times, counted)
        if step is None:
            return _fit(line, low, times, NOTHING if low is None else _ends(line, high, budget, times) or LAST)
        arch = line.network.scaled(line.scaling(step))
        times.add(arch, latency(arch))
        tried.append(step)
    best = max((step for step in tried if holds(line.network.scaled(line.scaling(step)))), default=None)
    unknown = f"not known: {MOST_MEASURED} networks were measured"
    return _fit(line, best, times, (best is not None and _ends(line, best + 1, budget, times)) or unknown)


def _to_measure(line: Line, low: int | None, high: int | None, times: Latencies, counted: Holds) -> int | None:
    """Return the step that is expected to be the largest until it is measured; then the next larger, unless its latency
    lies between two that are."""
    for step in (low, high):
        arch = None if step is None else line.made(step)
        if arch is None or isinstance(arch, ParameterError) or times.measured(arch) or not counted(arch):
            continue
        if step == low or low is None or times.how(arch) == "extrapolated":
            return step
    return None


def _fit(line: Line, step: int | None, times: Latencies | None, ends: str) -> Fit:
    if step is None:
        return Fit(line.method, None, None, None, None, ends)
    scaling = line.scaling(step)
    arch = line.network.scaled(scaling)
    seconds = times.seconds(arch) if times else None
    return Fit(line.method, round(line.coefficient(step), 3), scaling, numbers(arch), seconds, ends)


def _ends(line: Line, step: int | None, budget: Budget, times: Latencies | None = None) -> str:
    """Say what the network of a step exceeds, and whether its latency was measured; "" where it exceeds nothing."""
    if step is None:
        return ""
    arch = line.made(step)
    if isinstance(arch, ParameterError):
        return f"cannot be made: {arch.name} takes {arch.accepted}"
    found = budget.exceeded(arch)
    if times and budget.latency is not None and times.seconds(arch) > budget.latency / 1e3:
        found.append(f"latency ({milliseconds(times.seconds(arch))}, {times.how(arch)})")
    return ", ".join(found)
