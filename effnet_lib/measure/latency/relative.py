"""How long one network takes over another, as Table 4 measures it: alternated in one process on one pinned core."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import RunFailed
from ...models.archs import Architecture
from ...stats.speedup import Ratio, ratio
from . import machine
from .calibration import calibrate, image
from .child_process import warm
from .task import alternate

if TYPE_CHECKING:
    from torch import nn

ROUNDS = 31


def relative(base: Architecture, arch: Architecture, rounds: int = ROUNDS) -> tuple[Ratio, float]:
    """Return a network's latency over a baseline's with its interval, and the baseline's in seconds.

    Random weights, one image, PyTorch eager, one thread; the interval is over rounds in which both ran.

    Raises:
        RunFailed: the machine was busy, with what it was busy with.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with machine.pinned() as place:
            calls = [_call(one) for one in (base, arch)]
            repeats = [warm(call) for call in calls]
            monitor = machine.Monitor(place.core)
            monitor.start()
            times = alternate(calls, rounds, repeats, lambda number: monitor.sample())
            busy = machine.busy(monitor.report())
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
    if busy:
        raise RunFailed(f"the machine is busy, and a latency would say nothing: {'; '.join(busy)}; nothing was stored")
    return ratio(times.cpu[1], times.cpu[0]), float(np.median(times.cpu[0]))


def _call(arch: Architecture) -> Callable[[], np.ndarray]:
    import torch

    torch.manual_seed(0)
    model: nn.Module = arch.build().eval()
    calibrate(model, arch.px)
    x = image(arch.px)

    def call() -> np.ndarray:
        with torch.inference_mode():
            return model(x).numpy()

    return call
