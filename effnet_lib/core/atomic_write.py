"""Files that are there whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path


def write_aside(path: Path, data: bytes) -> None:
    """Write a file aside, fsync it and rename it, so that no reader and no power cut ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def renew(files: Mapping[Path, bytes]) -> list[Path]:
    """Write the files that are not there or hold something else; return them."""
    changed = [path for path, data in files.items() if not path.is_file() or path.read_bytes() != data]
    for path in changed:
        write_aside(path, files[path])
    return changed
