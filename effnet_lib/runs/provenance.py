"""Where, when and with what a record is made."""

import datetime
import platform
from importlib.metadata import version
from typing import Any

from ..core.hardware import host_hash, processor_name

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas")


def provenance(device: str, threads: int, fingerprint: str) -> dict[str, Any]:
    """Return where, when and with what a record is made; the host is named by a hash only.

    Args:
        device: A device of torch, such as "cpu" or "cuda:0".
        fingerprint: Of the data's content.
    """
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor_name()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": name,
        "device_type": device.split(":")[0],
        "threads": threads,
        "host": host_hash(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "data_fingerprint": fingerprint,
    }
