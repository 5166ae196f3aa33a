"""What an evaluation has seen so far, a line an image: after a kill it goes on with the image that was under way."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class Journal:
    """Predictions by row, appended to a file as they come; a line that a kill has torn is dropped.

    Used in a `with` block; a single process at a time, which the measurement's lock sees to.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.known: dict[int, list[int]] = {}

    def __enter__(self) -> Self:
        self._file = open(self.path, "a+b")
        self._file.seek(0)
        whole = 0
        for line in self._file:
            try:
                row, *best = json.loads(line) if line.endswith(b"\n") else ()
                self.known[int(row)] = [int(one) for one in best]
            except (ValueError, TypeError):
                break
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)
        return self

    def add(self, row: int, best: list[int]) -> None:
        """Note the classes that an image was taken for, the best first; none: it could not be read."""
        self._file.write(json.dumps([row, *best]).encode() + b"\n")
        self._file.flush()
        self.known[row] = best

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._file.close()
