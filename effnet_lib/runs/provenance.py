"""Where, when and with what a record is made."""

import datetime
import hashlib
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..core.hardware import processor_name

if TYPE_CHECKING:
    pass

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas")


def provenance(device: str, threads: int, fingerprint: str) -> dict[str, Any]:
    """Return where, when and with what a record is made; the host is named by a hash only."""
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor_name()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": name,
        "device_type": device.split(":")[0],
        "threads": threads,
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "data_fingerprint": fingerprint,
    }
