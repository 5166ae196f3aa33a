"""Where work stands, and what it came to: numbers and the words for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...core.text import time_words

NAMED = 4  # runs that are named, of those that are trained at once


@dataclass(frozen=True)
class Standing:
    """Say where work stands at a moment.

    Args:
        done: How much is done, of `total`.
        head: What is done, in words.
        now: What is being done, in words.
        left: Seconds that it takes from here; None where nobody knows.
        news: What a log tells: a line where it is another one than before. Empty: nothing new.
        rest: Least seconds between two lines of a log.
    """

    done: float
    total: float
    head: str
    now: str = ""
    left: float | None = None
    news: str = ""
    rest: float = 10.0

    def words(self) -> str:
        """Return how long it takes and what is being done, that first which a narrow terminal is to show."""
        left = "" if self.left is None else f"about {time_words(self.left)} left"
        return ", ".join(filter(None, (left, self.now)))

    def line(self) -> str:
        """Return all of it as one line."""
        return ", ".join(filter(None, (self.head, self.words())))


@dataclass(frozen=True)
class Tally:
    """Say what one or more sweeps came to: numbers of runs, seconds on the clock, and who worked where."""

    stored: int = 0
    failed: int = 0
    unfinished: int = 0
    seconds: float = 0.0
    who: str = ""

    def __add__(self, other: "Tally") -> "Tally":
        stored, failed = self.stored + other.stored, self.failed + other.failed
        unfinished, seconds = self.unfinished + other.unfinished, self.seconds + other.seconds
        return Tally(stored, failed, unfinished, seconds, other.who or self.who)

    def line(self) -> str:
        """Return it as one line."""
        runs = f"{self.stored} run{'' if self.stored == 1 else 's'} trained and stored"
        more = [f"{self.failed} failed"] if self.failed else []
        more += [f"{self.unfinished} not finished"] if self.unfinished else []
        return f"{', '.join([runs, *more])}, in {time_words(self.seconds)} {self.who}".rstrip()


def running_words(running: Sequence[tuple[str, int | None, int]], pending: int) -> str:
    """Return the words for the runs that are trained now, (name, whole epochs done or None, epochs), and the others."""
    named = [name if epoch is None else f"{name} {epoch}/{epochs}" for name, epoch, epochs in running[:NAMED]]
    unit = " epochs" if any(epoch is not None for _, epoch, _ in running[:NAMED]) else ""
    if len(running) > NAMED:
        unit += f", {len(running) - NAMED} more"
    return f"{len(running)} running" + (f" ({', '.join(named)}{unit})" if named else "") + f", {pending} pending"
