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


def _follow(path: Path, face: Progress, over: threading.Event) -> None:
    """Show what comes, to the end of what was there when it was over; half a line of a kernel that died is left."""
    rest, last = b"", False
    # Where this output is closed, the main thread meets that with a line of its own.
    with contextlib.suppress(OSError), open(path, "rb") as file:
        while not last:
            last = over.wait(GLANCE)
            *lines, rest = (rest + file.read()).split(b"\n")
            for line in lines:
                _tell(json.loads(line), face)


@contextlib.contextmanager
def following(path: Path, face: Progress) -> Iterator[None]:
    """Show on a face what the kernels that are started meanwhile have to show; afterwards nothing of it goes on.

    Args:
        path: Of the file between them, which is made.
    """
    path.touch()
    over, before = threading.Event(), os.environ.get(VARIABLE)
    thread = threading.Thread(target=_follow, args=(path, face, over), daemon=True)
    os.environ[VARIABLE] = str(path)
    thread.start()
    try:
        yield
    finally:
        over.set()
        try:
            thread.join()  # what was said last is shown before the face takes its live line away
        finally:
            face.finish()
            os.environ.pop(VARIABLE) if before is None else os.environ.__setitem__(VARIABLE, before)
