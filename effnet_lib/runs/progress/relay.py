"""Progress from a notebook's kernel to the process that executes the notebook: lines of JSON in a file between them."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from .face import Progress
from .standing import Standing, Tally

VARIABLE = "EFFNET_PROGRESS"  # names the file, to the kernel
GLANCE = 0.3  # seconds between two looks into it


class Relay(Progress):
    """Append to a file what there is to show."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self._last = path, ""

    def __call__(self, line: str) -> None:
        """Pass a line on."""
        self._append("say", line)

    def ended(self, line: str, well: bool) -> None:
        """Pass on how a run ended."""
        self._append("ended", line, well)

    def show(self, standing: Standing) -> None:
        """Pass on where work stands."""
        self._append("show", asdict(standing))

    def finish(self, tally: Tally | None = None) -> None:
        """Pass on what it came to."""
        self._append("finish", tally and asdict(tally))

    def _append(self, *event: object) -> None:
        # No run fails because the one who looked on is gone, or its folder full.
        with contextlib.suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def _tell(event: list, face: Progress) -> None:
    match event:
        case ["say", str(line)]:
            face(line)
        case ["ended", str(line), bool(well)]:
            face.ended(line, well)
        case ["show", dict(standing)]:
            face.show(Standing(**standing))
        case ["finish", tally]:
            face.finish(Tally(**tally) if tally else None)


class Follower:
    """Show on a face what a kernel passes on, as it comes. Also a file: text that comes later stands later."""

    def __init__(self, path: Path, face: Progress):
        self.face, self._half, self._lock = face, b"", threading.Lock()
        self._file = open(path, "rb")  # noqa: SIM115 (closed with the follower)

    def drain(self) -> None:
        """Show what has come; half a line of a kernel that died is left."""
        with self._lock:
            *lines, self._half = (self._half + self._file.read()).split(b"\n")
            for line in lines:
                _tell(json.loads(line), self.face)

    def write(self, text: str) -> None:
        """Write text after what has come before it."""
        self.drain()
        self.face.stream.write(text)

    def flush(self) -> None:
        """Hold nothing back."""
        self.face.stream.flush()

    def follow(self, over: threading.Event) -> None:
        """Show what comes until it is over."""
        with contextlib.suppress(OSError):  # of a closed output, which the main thread meets with a line of its own
            while not over.wait(GLANCE):
                self.drain()

    def close(self) -> None:
        """Show what came last, and end the live line."""
        try:
            self.drain()
        finally:
            self._file.close()
            self.face.finish()


@contextlib.contextmanager
def following(path: Path, face: Progress) -> Iterator[Follower]:
    """Show on a face what the kernels that are started meanwhile have to show; afterwards nothing of it goes on.

    Args:
        path: Of the file between them, which is made.

    Yields:
        The file that other text is written to meanwhile.
    """
    path.touch()
    follower, over, before = Follower(path, face), threading.Event(), os.environ.get(VARIABLE)
    thread = threading.Thread(target=follower.follow, args=(over,), daemon=True)
    os.environ[VARIABLE] = str(path)
    thread.start()
    try:
        yield follower
    finally:
        over.set()
        try:
            thread.join()
        finally:
            os.environ.pop(VARIABLE) if before is None else os.environ.__setitem__(VARIABLE, before)
            follower.close()
