"""What shows progress: the base of all faces, and the one of a log."""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

from .standing import Standing, Tally

SILENCE = 120.0  # seconds after which a log says where things stand, changed or not


class Progress:
    """Show progress; called with a line, say it. This one shows nothing.

    `every`: least seconds between two looks at where work stands.
    """

    every = 1.0

    def __init__(self) -> None:
        self._due = 0.0

    @property
    def stream(self) -> Any:
        """The file that other text may be written to meanwhile."""
        return sys.stdout

    def __call__(self, line: str) -> None:
        """Say a line that stays."""

    def ended(self, line: str, well: bool) -> None:
        """Say how a run ended."""
        self(line)

    def look(self, standing: Callable[[], Standing], at_once: bool = False) -> None:
        """Show where work stands, if it is time to look or that has to be seen at once."""
        if at_once or time.monotonic() >= self._due:
            self._due = time.monotonic() + self.every
            # No run fails because nobody can look on: whoever says the next line meets the same error.
            with contextlib.suppress(OSError):
                self.show(standing())

    def show(self, standing: Standing) -> None:
        """Show where work stands, in place of where it stood before."""

    def finish(self, tally: Tally | None = None) -> None:
        """Show what it came to; another sweep may follow."""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        """Leave no line behind that would go on changing."""
        self.finish()


class Log(Progress):
    """Say lines that nobody takes back: one where something is new, and one every two minutes."""

    def __init__(self, say: Callable[[str], None]):
        super().__init__()
        self.say, self._spoke, self._news = say, time.monotonic(), ""

    def __call__(self, line: str) -> None:
        """Say a line."""
        self.say(line)
        self._spoke = time.monotonic()

    def show(self, standing: Standing) -> None:
        """Say where work stands, if that is new or nothing was said for long."""
        silent, new = time.monotonic() - self._spoke, standing.news not in ("", self._news)
        if (new and silent >= standing.rest) or silent >= SILENCE:
            self(standing.line())
            self._news = standing.news or self._news


class Several(Progress):
    """Show the same on several faces, each at its own pace."""

    def __init__(self, *faces: Progress):
        super().__init__()
        self.faces = faces

    def __call__(self, line: str) -> None:
        """Say a line on each."""
        for face in self.faces:
            face(line)

    def ended(self, line: str, well: bool) -> None:
        """Say on each how a run ended."""
        for face in self.faces:
            face.ended(line, well)

    def look(self, standing: Callable[[], Standing], at_once: bool = False) -> None:
        """Show on each that is due where work stands."""
        for face in self.faces:
            face.look(standing, at_once)

    def finish(self, tally: Tally | None = None) -> None:
        """Show on each what it came to."""
        for face in self.faces:
            face.finish(tally)


def shown(say: Callable[[str], None]) -> Progress:
    """Return what shows progress: the given one, or a log where it only takes lines."""
    return say if isinstance(say, Progress) else Log(say)
