"""A run's state between two steps, so that a stopped run goes on exactly where it was.

The file is one line, with the SHA-256 of what follows, and torch's own format after it. It is written aside, fsynced
and renamed; the previous file is kept. A kill at any instant leaves a whole newest file, or only the previous.
"""

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch

from ..core.atomic_write import write_aside
from ..core.errors import RunFailed

MAGIC = b"effnet checkpoint 2 "


def previous(path: Path) -> Path:
    """Return where the checkpoint before the newest is kept."""
    return path.with_suffix(".previous.pt")


def pack(state: dict[str, Any]) -> bytes:
    """Return a state as the bytes of a checkpoint file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getvalue()
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(content: bytes, key: str, name: str) -> dict[str, Any]:
    """Return the state in a checkpoint file's bytes; nothing is unpickled but tensors and numbers.

    Raises:
        RunFailed: the file is foreign, altered or of another run.
    """
    head, _, body = content.partition(b"\n")
    if not head.startswith(MAGIC):
        raise RunFailed(f"checkpoint {name} is not a checkpoint of this version; remove it")
    if head[len(MAGIC) :] != hashlib.sha256(body).hexdigest().encode():
        raise RunFailed(f"checkpoint {name} was altered or cut: its content has another SHA-256; remove it")
    try:
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several unrelated types for a foreign file
        raise RunFailed(f"checkpoint {name} cannot be read ({type(error).__name__}); remove it") from error
    owner = state.get("key") if isinstance(state, dict) else None
    if owner != key:
        raise RunFailed(f"checkpoint {name} belongs to run {str(owner)[:12]}; remove it")
    return state


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint and keep the previous."""
    content = pack(state)
    if path.is_file():
        path.replace(previous(path))
    write_aside(path, content)


def load(path: Path, key: str) -> dict[str, Any] | None:
    """Read a run's newest sound checkpoint; None where there is no file.

    Where the newest is refused, a warning says so, it is set aside, and the checkpoint before is used.

    Raises:
        RunFailed: none of the files is sound; a run never starts again from nothing in silence.
    """
    refused = []
    for candidate in (path, previous(path)):
        if candidate.is_file():
            try:
                state = unpack(candidate.read_bytes(), key, candidate.name)
            except RunFailed as error:
                refused.append(str(error))
                continue
            if refused:
                path.replace(path.with_suffix(".damaged.pt"))  # else the next save would keep it as the previous
                warnings.warn(f"{refused[0]}; going on from the one before", stacklevel=2)
            return state
    if refused:
        raise RunFailed("; ".join(refused))
    return None
