"""Where a sweep stands and how long it still takes, from what its runs say of themselves."""

import time
from collections.abc import Callable, Iterable, Mapping

from .progress.standing import Standing, running_words
from .run_spec import RunSpec
from .run_store import RunRecord, RunStore
from .worker import Note, note

LEAST, MOST = 10.0, 120.0  # seconds between two lines of a log: a twentieth of the time that a sweep has taken


class Pace:
    """Compare the seconds that a sweep's runs were estimated at with those that they take.

    `began`: time.monotonic() seconds.
    """

    def __init__(self, todo: Iterable[RunSpec], store: RunStore, estimate: Callable[[RunSpec], float]):
        self.store, self.began = store, time.monotonic()
        self.open = {spec: estimate(spec) for spec in todo}
        self.total = len(self.open)
        self.estimated = self.took = 0.0  # seconds, of the runs that are stored

    def ended(self, spec: RunSpec, record: RunRecord | None) -> None:
        """Note that a run has ended, with a record where it is stored."""
        estimated = self.open.pop(spec, 0.0)
        if record:
            self.estimated += estimated
            self.took += record.result["train_seconds"]

    def standing(
        self, running: Mapping[RunSpec, RunSpec], pending: int, counted: tuple[int, int], workers: int
    ) -> Standing:
        """Return where the sweep stands now.

        Args:
            running: Each run that is trained now, with what is executed of it.
            pending: How many have not begun.
            counted: How many are stored, and failed.
            workers: How many are trained at once.
        """
        notes = {spec: note(self.store, executed.key) for spec, executed in running.items()}
        done = sum(one.share for one in notes.values() if one)
        names = [(spec.key[:8], one.epoch if one else None, spec.recipe.epochs) for spec, one in notes.items()]
        stored, failed = counted
        head = f"{stored} of {self.total} stored" + (f", {failed} failed" if failed else "")
        now = running_words(names, pending)
        rest = min(MOST, max(LEAST, (time.monotonic() - self.began) / 20))
        return Standing(stored + failed + done, self.total, head, now, self._left(notes, workers), head + now, rest)

    def _left(self, notes: Mapping[RunSpec, Note | None], workers: int) -> float | None:
        """Return the seconds that what is open takes, estimates corrected by what they were wrong by so far."""
        shares = {spec: one.share for spec, one in notes.items() if one}
        estimated = self.estimated + sum(self.open.get(spec, 0.0) * share for spec, share in shares.items())
        took = self.took + sum(one.seconds for one in notes.values() if one and one.share)
        wrong_by = took / estimated if estimated and took else 1.0
        left = {spec: seconds * (1 - shares.get(spec, 0.0)) for spec, seconds in self.open.items()}
        if not any(left.values()):
            return None
        return wrong_by * max(sum(left.values()) / max(1, workers), *(left.get(spec, 0.0) for spec in notes), 0.0)
