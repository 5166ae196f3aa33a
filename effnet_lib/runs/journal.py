"""What a long measurement has done so far, a line an image: after a kill it goes on with the image under way."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from ..core.errors import RunFailed


class Journal:
    """Numbers by row, appended to a file as they come; a line that a kill has torn is dropped.

    Used in a `with` block, by one process at a time.

    Args:
        path: of the file; beside it lies a lock.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._lock = path, FileLock(f"{path}.lock")
        self.known: dict[int, list[float]] = {}

    def __enter__(self) -> Self:
        """Open the file and read what it knows.

        Raises:
            RunFailed: another process has it open.
        """
        try:
            self._lock.acquire(timeout=0.2)
        except Timeout:
            raise RunFailed(f"another process goes on with {self.path.name} now") from None
        self._file = open(self.path, "a+b")
        self._file.seek(0)
        whole = 0
        for line in self._file:
            try:
                row, *values = json.loads(line) if line.endswith(b"\n") else []
                self.known[int(row)] = values
            except (ValueError, TypeError):
                break
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)
        return self

    def add(self, row: int, values: list) -> None:
        """Note the numbers of an image; none: it could not be read."""
        self._file.write(json.dumps([row, *values]).encode() + b"\n")
        self._file.flush()
        self.known[row] = values

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._file.close()
        self._lock.release()
