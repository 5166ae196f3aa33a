"""Where, when and with what a record is made."""

import datetime
import platform
from importlib.metadata import version
from typing import Any

from ..core.hardware import host_hash, processor_name

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas")


def full_precision() -> None:
    """Have a GPU compute fp32 in full: torch lets cuDNN round its inputs to 10 bits (TF32) by default."""
    import torch

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def _tf32() -> bool:
    import torch

    return bool(torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32)


def machine(device: str) -> dict[str, Any]:
    """Return what a record made now says of device, host and versions; the host is named by a hash only.

    Args:
        device: A device of torch, such as "cpu" or "cuda:0".
    """
    name = processor_name()
    if device.startswith("cuda"):
        import torch

        name = torch.cuda.get_device_name(device)
    return {
        "device": name,
        "device_type": device.split(":")[0],
        "host": host_hash(),
        "versions": {"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
    }


def provenance(device: str, threads: int, fingerprint: str) -> dict[str, Any]:
    """Return where, when and with what a record is made; the host is named by a hash only.

    Of a GPU also whether fp32 was rounded to TF32; records without that key were made as torch has it by default, with
    TF32 in convolutions.

    Args:
        device: A device of torch, such as "cpu" or "cuda:0".
        fingerprint: Of the data's content.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **machine(device),
        "threads": threads,
        "data_fingerprint": fingerprint,
    } | ({"tf32": _tf32()} if device.startswith("cuda") else {})
