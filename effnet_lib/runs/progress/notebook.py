"""Progress in a notebook: one output that is updated, and that says in the end what ran."""

import time
import uuid
from collections.abc import Callable
from html import escape

from .face import Progress
from .standing import Standing, Tally

AUTOSAVE = 30.0  # seconds without an update after which there is one: papermill saves when a message comes


def _published(content: dict[str, str], display_id: str, update: bool) -> None:
    from IPython.display import display

    display(content, raw=True, display_id=display_id, update=update)


class Notebook(Progress):
    """Keep one output of a cell up to date: where the runs stand, then what they came to and which failed.

    Args:
        publish: Takes a MIME bundle, the output's id and whether it is there already.
    """

    every = 2.0

    def __init__(self, publish: Callable[[dict[str, str], str, bool], None] = _published):
        super().__init__()
        self.publish, self._id, self._there = publish, uuid.uuid4().hex, False
        self._lines: list[str] = []
        self._tally, self._text, self._updated = Tally(), "", 0.0

    def __call__(self, line: str) -> None:
        """Keep a line in the output."""
        self._lines.append(line)
        self._update(self._text)

    def ended(self, line: str, well: bool) -> None:
        """Keep what is wrong with a run; one that is stored counts, and its record says the rest."""
        if not well:
            self(line)

    def show(self, standing: Standing) -> None:
        """Update the output, if it is another one or was not updated for long."""
        text = standing.line()
        if text != self._text or time.monotonic() - self._updated >= AUTOSAVE:
            share = min(1.0, standing.done / max(1e-9, standing.total))
            self._update(text, f'<progress max="1" value="{share:.3f}"></progress> ')

    def finish(self, tally: Tally | None = None) -> None:
        """Say what all sweeps that were shown here came to."""
        if tally:
            self._tally += tally
            self._update(self._tally.line())

    def _update(self, text: str, bar: str = "") -> None:
        lines = "".join(f"<br>{escape(line)}" for line in self._lines)
        plain = "\n".join(filter(None, (text, *self._lines)))
        self.publish({"text/plain": plain, "text/html": f"<p>{bar}{escape(text)}{lines}</p>"}, self._id, self._there)
        self._there, self._text, self._updated = True, text, time.monotonic()
