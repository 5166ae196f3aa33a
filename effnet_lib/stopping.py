"""Stop politely: SIGINT and SIGTERM are noted, the step is finished and saved, and the exit code says which it was."""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_noted: list[int] = []
_listeners = 0


class Stopped(KeyboardInterrupt):
    """Somebody asked to stop: what was finished is stored, what was running goes on from its checkpoint.

    `code` is the exit code, 128 + the signal's number as shells have it: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}; it goes on from there next time")
        self.code = 128 + number


def asked() -> bool:
    """Say whether a signal has been noted since listening began."""
    return bool(_noted)


def check() -> None:
    """Raise Stopped if a signal has been noted."""
    if _noted:
        raise Stopped(_noted[0])


@contextlib.contextmanager
def listening(patient: bool = False) -> Iterator[None]:
    """Note the first signal instead of being ended by it; a second one raises Stopped at once, unless `patient`.

    A worker is patient: a terminal's Ctrl-C reaches it directly and once more through its parent. Outside the main
    thread, which alone may handle signals, nothing changes; inside another `listening` that one goes on.
    """
    global _listeners
    if threading.current_thread() is not threading.main_thread() or _listeners:
        yield
        return

    def note(number: int, _frame) -> None:
        _noted.append(number)
        if len(_noted) > 1 and not patient:
            raise Stopped(number)

    _noted.clear()
    before = {number: signal.signal(number, note) for number in SIGNALS}
    _listeners += 1
    try:
        yield
    finally:
        _listeners -= 1
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        _noted.clear()
