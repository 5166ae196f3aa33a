"""Where one training stands: epoch, loss, images a second, time left."""

import time
from typing import TYPE_CHECKING

from ...training.monitor import Monitor
from .face import Progress
from .standing import Standing

if TYPE_CHECKING:
    from ...training.run_state import Progress as State


class OneRun:
    """Show a training's epochs.

    Args:
        progress: What shows them.
        epochs: In all.
        batch: Images a step.
    """

    def __init__(self, progress: Progress, epochs: int, batch: int):
        self.progress, self.epochs, self.batch = progress, epochs, batch
        self._at: State | None = None
        self._first, self._began, self._steps = 0, 0.0, 1

    def monitor(self, deadline: float) -> Monitor:
        """Return who watches the training, which pauses at `deadline` in time.monotonic() seconds."""
        return Monitor(deadline, self._epoch, self._step)

    def _step(self, at: "State", steps: int) -> None:
        if self._at is None:
            self._at, self._steps = at, steps
            self._first, self._began = self._number(at), time.monotonic()
        self.progress.look(lambda: self.standing(at))

    def _epoch(self, *_: float) -> None:
        if (at := self._at) is not None:
            self.progress.look(lambda: self.standing(at, ended=True), at_once=True)

    def _number(self, at: "State") -> int:
        return at.epoch * self._steps + at.step

    def standing(self, at: "State", ended: bool = False) -> Standing:
        """Return where it stands; an epoch that has just ended is news.

        The loss is the mean over this epoch's steps, or over the last epoch's where this one has none; the rate counts
        everything since the first step of this process, so that checkpoints are in it.
        """
        number, total = self._number(at), self.epochs * self._steps
        loss = float(at.total) / at.step if at.step else at.losses[-1]
        done, seconds = number - self._first, time.monotonic() - self._began
        speed, left = "", None
        if done and seconds > 0:
            speed = f", {done * self.batch / seconds:,.0f} images a second"
            left = seconds / done * (total - number)
        head = f"epoch {at.epoch} of {self.epochs}"
        return Standing(number, total, head, f"loss {loss:.3f}{speed}", left, head if ended else "")
