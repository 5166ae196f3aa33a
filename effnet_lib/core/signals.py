"""Stop politely: SIGINT and SIGTERM are noted, the step is finished and saved, and the exit code says which it was."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Say that somebody asked to stop: what was finished is stored, what was running goes on from its checkpoint.

    `code` is the exit code, 128 + the signal's number as shells have it: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}; it goes on from there next time")
        self.code = 128 + number


class _Mailbox:
    """The signals of this process. There is one mailbox, as a process has one table of handlers."""

    def __init__(self) -> None:
        self.noted: list[int] = []
        self.late: list[int] = []  # second signals that came while a process was being started
        self.listening = False
        self.held = 0
        self.at_once = False

    def note(self, number: int, patient: bool) -> None:
        self.noted.append(number)
        if self.at_once and not self.held:
            self.at_once = False  # a second one must not end the way out
            raise Stopped(number)
        if len(self.noted) > 1 and not patient:
            if self.held:  # another thread, which blocks nothing, took the signal
                self.late.append(number)
            else:
                raise Stopped(number)


_mailbox = _Mailbox()


def asked() -> bool:
    """Say whether a signal has been noted since listening began."""
    return bool(_mailbox.noted)


def check() -> None:
    """Raise Stopped if a signal has been noted."""
    if _mailbox.noted:
        raise Stopped(_mailbox.noted[0])


@contextlib.contextmanager
def listening(patient: bool = False) -> Iterator[None]:
    """Note the first signal instead of being ended by it; a second one raises Stopped at once.

    Outside the main thread, which alone may handle signals, nothing changes; inside another `listening` that one
    goes on.

    Args:
        patient: Note a second signal as well: for who gets one signal twice, directly and through a parent.
    """
    if threading.current_thread() is not threading.main_thread() or _mailbox.listening:
        yield
        return
    _mailbox.noted.clear()
    _mailbox.late.clear()
    _mailbox.listening = True
    try:
        with _handling(SIGNALS, lambda number, _frame: _mailbox.note(number, patient)):
            try:
                yield
            finally:
                patient = True  # one that comes from here on must not leave this handler behind
    finally:
        _mailbox.listening = False
        _mailbox.noted.clear()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Inside `listening`, have the first signal raise Stopped here and now: for what is long, with nothing to save.

    Raises:
        Stopped: for a signal that was noted before, too.
    """
    check()
    _mailbox.at_once = threading.current_thread() is threading.main_thread()
    try:
        yield
    finally:
        _mailbox.at_once = False


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Have SIGTERM raise Stopped, as SIGINT raises KeyboardInterrupt: for who waits for another process that works."""

    def interrupt(number: int, _frame: object) -> None:
        raise Stopped(number)

    with _handling((signal.SIGTERM,), interrupt):
        yield


@contextlib.contextmanager
def _handling(numbers: tuple[int, ...], handler: Callable) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)


def listen_to_the_end() -> None:
    """Note signals for the rest of this process, a worker, and be ended by none; those `held` since its birth count.

    A terminal's Ctrl-C reaches it directly and once more through its parent, perhaps on its way out.
    """
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: _mailbox.note(number, patient=True))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let no signal end a process while it is being started, nor its parent before it knows of it.

    What starts here is born with SIGINT and SIGTERM blocked: they wait until it listens.

    Raises:
        Stopped: On the way out, for a second signal that came meanwhile.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    _mailbox.held += 1
    try:
        yield
    finally:
        _mailbox.held -= 1
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if _mailbox.late and not _mailbox.held:
        raise Stopped(_mailbox.late.pop())
