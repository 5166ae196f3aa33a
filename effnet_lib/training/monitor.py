"""Who watches a training."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run_state import Progress


@dataclass(frozen=True)
class Monitor:
    """Say how long a training may take, and who is told how far it is.

    Args:
        deadline: time.monotonic() seconds; no step is begun that would pass it, save the first.
        progress: called after each epoch with epochs done, epochs in all, seconds trained.
        watch: called after each step with where the run is and the steps of an epoch; to read a loss of it waits for
            the device.
    """

    deadline: float = math.inf
    progress: Callable[[int, int, float], None] = lambda done, epochs, seconds: None
    watch: Callable[["Progress", int], None] = lambda at, steps: None
