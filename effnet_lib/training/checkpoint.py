"""A run's state between epochs, so that a stopped run goes on where it was."""

import io
from pathlib import Path
from typing import Any

import torch

from ..errors import RunFailed
from ..files import write_aside


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint aside, then rename: a kill leaves the previous one or the new one, never a half."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_aside(path, buffer.getvalue())


def load(path: Path, key: str) -> dict[str, Any] | None:
    """Read a run's checkpoint, or None where there is none.

    Raises RunFailed for a file that is damaged or of another run; nothing is unpickled but tensors and numbers.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several unrelated types for a damaged or foreign file
        raise RunFailed(f"checkpoint {path.name} cannot be read ({type(error).__name__}); remove it") from error
    owner = state.get("key") if isinstance(state, dict) else None
    if owner != key:
        raise RunFailed(f"checkpoint {path.name} belongs to run {str(owner)[:12]}; remove it")
    return state
