"""Stop politely: SIGINT and SIGTERM are noted, the step is finished and saved, and the exit code says which it was."""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_noted: list[int] = []
_late: list[int] = []  # second signals that came while a process was being started
_listeners = 0
_held = 0


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

    Patient is who gets one signal twice, directly and through a parent. Outside the main thread, which alone may handle
    signals, nothing changes; inside another `listening` that one goes on.
    """
    global _listeners
    if threading.current_thread() is not threading.main_thread() or _listeners:
        yield
        return

    def note(number: int, _frame) -> None:
        _noted.append(number)
        if len(_noted) > 1 and not patient:
            if _held:  # another thread, which blocks nothing, took the signal
                _late.append(number)
            else:
                raise Stopped(number)

    _noted.clear()
    _late.clear()
    before = {number: signal.signal(number, note) for number in SIGNALS}
    _listeners += 1
    try:
        yield
    finally:
        patient = True  # one that comes from here on must not leave this handler behind
        _listeners -= 1
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        _noted.clear()


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Have SIGTERM raise Stopped, as SIGINT raises KeyboardInterrupt: for who waits for another process that works."""

    def interrupt(number: int, _frame) -> None:
        raise Stopped(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def listen_to_the_end() -> None:
    """Note signals for the rest of this process, a worker, and be ended by none; those `held` since its birth count.

    A terminal's Ctrl-C reaches it directly and once more through its parent, perhaps on its way out.
    """
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: _noted.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let no signal end a process while it is being started, nor its parent before it knows of it.

    What starts here is born with SIGINT and SIGTERM blocked: they wait until it listens.
    """
    global _held
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if _late and not _held:
        raise Stopped(_late.pop())
