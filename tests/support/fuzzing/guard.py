"""What holds for any input: it ends, what refuses it is one line of ours, and a refusal leaves nothing behind."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from effnet_lib.core import paths
from effnet_lib.core.errors import EffnetError
from effnet_lib.core.last_resort import Unexpected

COMPUTES, WAITS = 10, 60  # seconds of computing, and of any kind, after which an input counts as hanging
LONGEST = 600  # characters of a refusal: name, value and what is accepted
TAKEN, REFUSED = "taken", "refused"


class Hangs(BaseException):
    """Say that an input did not end; no handler of Exception stops it."""


@contextlib.contextmanager
def ends() -> Iterator[None]:
    """Raise Hangs in what computes for more than 10 s, or waits for more than a minute."""

    def give_up(number: int, _frame) -> None:
        raise Hangs(f"it did not end ({signal.Signals(number).name})")

    before = {number: signal.signal(number, give_up) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, COMPUTES)
    signal.setitimer(signal.ITIMER_REAL, WAITS)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def kept() -> dict[Path, int]:
    """Return the files below every root and their times; caches, which may be deleted, and locks do not count."""
    roots = (paths.data_root(), paths.results_root(), paths.figures_root(), paths.published_root())
    spared = (paths.cache_root(), paths.results_root() / "running")
    files = (path for root in roots for path in root.rglob("*") if not any(map(path.is_relative_to, spared)))
    return {path: path.lstat().st_mtime_ns for path in files}


def refused_well(message: str) -> None:
    """Hold a refusal to one line that is not too long."""
    if len(message.splitlines()) != 1 or len(message) > LONGEST:
        raise AssertionError(f"not one line of at most {LONGEST} characters: {message!r}")


def checked(act: Callable[[], object]) -> str:
    """Do something with an input; return whether it was taken or refused.

    Raises:
        Exception: of any other kind than ours.
        AssertionError: A refusal of several lines, or one that left a file.
        Hangs: It did not end.
    """
    before = kept()
    try:
        with ends():
            act()
        return TAKEN
    except Unexpected as error:
        raise error.__cause__ or error from None
    except EffnetError as error:
        refused_well(str(error))
        if (after := kept()) != before:
            raise AssertionError(
                f"stored for a refused input: {sorted(set(after.items()) ^ set(before.items()))}"
            ) from error
        return REFUSED
