"""Latencies under the sliders: one image on one core of this machine, as `effnet scale --cost latency` has them."""

from collections.abc import Callable

from ...core.errors import RunFailed
from ...measure.latency import machine
from ...measure.latency.relative import relative
from ...models.archs import Architecture
from ...models.complexity import count
from ...report.tables.latency_ratios import Ratios

COPIES = 1.2  # of weights and all maps at once: more than an evaluation holds


class Stopwatch:
    """A function of a network that returns its latency in seconds, alternated with a baseline's.

    The baseline is measured against itself once; a network's ratio to it is measured once and kept (`Ratios`).

    Args:
        say: is told what is being measured.
    """

    def __init__(self, base: Architecture, say: Callable[[str], None] = lambda words: None):
        self.base, self.say = base, say
        self.unit: float | None = None
        self._ratios = Ratios(base)

    def __call__(self, arch: Architecture) -> float:
        """Return the latency.

        Raises:
            RunFailed: the machine is busy, or has too little memory free.
        """
        if self.unit is None:
            self.say("measuring the baseline ...")
            _refuse(self.base)
            _, self.unit = relative(self.base, self.base)
        if arch != self.base:
            counts = count(arch)
            self.say(f"measuring a network of {counts.madds / 1e6:.4g} M multiply-adds at {arch.px} px ...")
            _refuse(arch)
        return self.unit * self._ratios(arch)


def _refuse(arch: Architecture) -> None:
    counts, free = count(arch), machine.free_memory()
    needed = 4 * COPIES * (counts.params + counts.activations)
    if free is not None and needed > free:
        raise RunFailed(
            f"a latency at {arch.px} px needs up to {needed / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are "
            "free; nothing was built"
        )
