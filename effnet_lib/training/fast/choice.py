"""Which of two ways computes an operation of a shape: measured when it is first met, and kept.

A run has its choices in its checkpoint, so that it goes on with them to the same bit, and what was left to torch in its
record. Later runs on this machine take over what was measured: the file lies beside the compiled kernels.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...core.atomic_write import write_aside
from ...core.paths import cache_root
from .compiled import kept_for, kept_in, numba_version

Key = tuple[str | int, ...]
TIMES = 3  # each way, by turns, after once to warm up
MARGIN = 1.05  # a kernel is taken unless torch is faster by so much: what is equal shall not depend on the noise

_measured: dict[Key, bool] = {}  # by this process, or read by it


class Choice:
    """The choices of one run.

    Args:
        chosen: operation and shape -> whether the kernel computes it, from a checkpoint; None: of a run that begins.
    """

    def __init__(self, chosen: dict[Key, bool] | None = None):
        self.chosen: dict[Key, bool] = dict(chosen or {})
        self.measured = False

    def kernel(self, key: Key, kernel: Callable[[], object], torch: Callable[[], object]) -> bool:
        """Return whether the kernel computes an operation; both ways are timed where nobody knows yet."""
        taken = self.chosen.get(key)
        if taken is None:
            if key not in _measured and not self.measured:
                _measured.update((stored, was) for stored, was in _stored() if stored not in _measured)
            if key not in _measured:
                _measured[key], self.measured = faster(kernel, torch), True
            taken = self.chosen[key] = _measured[key]
        return taken

    def keep(self) -> None:
        """Leave what was measured to the runs that come."""
        if self.measured:
            self.measured = False
            _store(_measured)

    def to_data(self) -> dict[str, Any]:
        """Return what a record says: numba's version, and which operations and shapes were left to torch."""
        return {"numba": numba_version(), "left_to_torch": self.left_to_torch()}

    def left_to_torch(self) -> list[str]:
        """Return the operations and shapes that torch computes, though there is a kernel."""
        return sorted(" ".join(map(str, key)) for key, kernel in self.chosen.items() if not kernel)


def faster(kernel: Callable[[], object], torch: Callable[[], object]) -> bool:
    """Return whether the first of two ways is at most so much slower, in processor time."""
    least = [float("inf")] * 2
    for turn in range(TIMES + 1):
        for index, way in enumerate((kernel, torch)):
            start = time.thread_time()
            way()
            if turn:
                least[index] = min(least[index], time.thread_time() - start)
    return least[0] <= MARGIN * least[1]


def _path() -> Path:
    return (kept_in() or cache_root()) / "kernel-choices.json"


def _stored() -> Iterator[tuple[Key, bool]]:
    """Yield what runs before have measured with these kernels on this processor; nothing where it cannot be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # a cache: what is not there is measured
        body = json.loads(_path().read_text(encoding="utf-8"))
        if body["for"] == kept_for():
            for key, taken in body["chosen"]:
                yield tuple(key), bool(taken)


def _store(known: dict[Key, bool]) -> None:
    chosen = sorted((dict(_stored()) | known).items(), key=str)
    body = {"for": kept_for(), "chosen": [[list(key), taken] for key, taken in chosen]}
    with contextlib.suppress(OSError):  # a folder that is full or read-only: the run's checkpoint has its choices
        write_aside(_path(), json.dumps(body).encode())
