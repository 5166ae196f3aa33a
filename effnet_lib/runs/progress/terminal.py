"""Progress in a terminal: one live line, above which what is said scrolls by."""

import shutil
import threading
from typing import Any, TextIO

from tqdm import tqdm

from .face import Progress
from .standing import Standing, Tally

FORMAT = "{desc} |{bar:12}| {words}"


class _Bar(tqdm):
    """A bar with words behind it, that starts neither a thread nor, for a lock between processes, one more process."""

    monitor_interval = 0
    words = ""

    @property
    def format_dict(self) -> dict[str, Any]:
        """What its format may name."""
        return super().format_dict | {"words": self.words}


_Bar.set_lock(threading.RLock())


class Live(Progress):
    """Keep one line up to date at the bottom of a terminal.

    Two threads may use it.
    """

    every = 0.5

    def __init__(self, terminal: TextIO):
        super().__init__()
        self.terminal, self._lock = terminal, threading.RLock()
        self._bar: _Bar | None = None
        self._whole = True  # the last line that was written has its end

    @property
    def stream(self) -> "Live":
        """Itself, whose text goes above the live line."""
        return self

    def __call__(self, line: str) -> None:
        """Print a line above the live one."""
        self.write(line + "\n")

    def write(self, text: str) -> int:
        """Print text in place of the live line, which what is shown next brings back."""
        with self._lock:
            if self._bar is not None and self._whole:
                self._bar.clear()
            self.terminal.write(text)
            self.terminal.flush()
            self._whole = text.endswith("\n") if text else self._whole
        return len(text)

    def flush(self) -> None:
        """Hold nothing back."""
        self.terminal.flush()

    def show(self, standing: Standing) -> None:
        """Renew the live line."""
        with self._lock:
            if self._bar is None:
                self._bar = _Bar(total=1.0, file=self.terminal, bar_format=FORMAT, leave=False, nrows=2, delay=1)
                self._bar.delay = 0  # it is drawn below, once it has its words
            self._bar.ncols = shutil.get_terminal_size().columns - 1  # of a terminal without a size: 79
            self._bar.n = min(1.0, standing.done / max(1e-9, standing.total))
            self._bar.desc, self._bar.words = standing.head, standing.words()
            if self._whole:
                self._bar.refresh()

    def finish(self, tally: Tally | None = None) -> None:
        """Take the live line away."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
            self._bar = None
