"""The weights that a run kept, read back: those of the run asked for, whole and finite."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import StoreError

if TYPE_CHECKING:
    import torch


def read_weights(path: Path, key: str) -> "dict[str, torch.Tensor]":
    """Read the safetensors file of a run.

    Args:
        path: the file (`RunStore.weights`).
        key: the run's; the file names the one that it was written for.

    Raises:
        StoreError: no safetensors file, another run's weights, values that are no finite numbers.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    what = f"the weights of run {key[:12]} cannot be used: "
    try:
        with safe_open(path, framework="pt") as file:
            written = (file.metadata() or {}).get("key")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise StoreError(what + str(error).splitlines()[0]) from error
    if written != key:
        raise StoreError(what + f"the file holds those of run {str(written)[:12]}")
    bad = next((name for name, value in state.items() if not torch.isfinite(value).all()), None)
    if bad is not None:
        raise StoreError(what + f"{bad} has values that are no finite numbers")
    return state
