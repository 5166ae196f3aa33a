"""What a network may cost: FLOPS, parameters, activations, memory of a training step; latency is measured elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import ParameterError, nearest
from .archs import Architecture
from .complexity import count
from .memory import WORKSPACE, training_bytes

BATCH = 32  # images of the training step whose memory counts
LATENCY = "latency"


@dataclass(frozen=True)
class Cost:
    """One kind of cost.

    Args:
        shares: about which powers of depth, width and resolution it grows with, before rounding (section 3.3 has
            those of FLOPS: 1, 2, 2).
        of: counts it in closed form; None where it has to be measured.
        unit: of what `of` returns, and by how much it is divided to be written in it.
    """

    name: str
    words: str
    shares: tuple[float, float, float]
    of: Callable[[Architecture], float] | None
    unit: tuple[str, float]

    def written(self, value: float) -> str:
        """Return a cost as a table shows it."""
        return f"{value / self.unit[1]:.4g} {self.unit[0]}"


def _memory(arch: Architecture) -> float:
    # Without the libraries' workspaces, which are the same for any network and would hide a small one's growth.
    return training_bytes(arch, BATCH) - WORKSPACE


COSTS = {
    cost.name: cost
    for cost in (
        Cost("flops", "FLOPS", (1, 2, 2), lambda arch: count(arch).madds, ("M multiply-adds", 1e6)),
        Cost("params", "parameters", (1, 2, 0), lambda arch: count(arch).params, ("M parameters", 1e6)),
        Cost("activations", "activations", (1, 1, 2), lambda arch: count(arch).activations, ("M values", 1e6)),
        Cost("memory", f"memory of a training step of {BATCH} images", (1, 1, 2), _memory, ("MiB", 2**20)),
        Cost(LATENCY, "latency on this machine, one image on one core", (1, 2, 2), None, ("ms", 1e-3)),
    )
}


def cost(name: str) -> Cost:
    """Return a kind of cost.

    Raises:
        ParameterError: with the nearest name, for an unknown one.
    """
    if name not in COSTS:
        raise ParameterError("cost", name, nearest(name, COSTS))
    return COSTS[name]
