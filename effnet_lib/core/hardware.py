"""What the machine is: the processors that this process may use, their model, a name for the host."""

import contextlib
import hashlib
import os
import platform
from pathlib import Path


def cpu_count() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """Return the processor's model name."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def free_memory(proc: Path = Path("/proc"), system: Path = Path("/sys")) -> int | None:
    """Return the bytes that can be had without swapping, a container's own limit included; None where unknown."""
    limits = []
    with contextlib.suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":") for line in (proc / "meminfo").read_text(encoding="utf-8").splitlines())
        limits.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        group = system / "fs/cgroup"
        limit, used = (int((group / f"memory.{name}").read_text(encoding="utf-8")) for name in ("max", "current"))
        limits.append(limit - used + _cached(group))
    return min(limits, default=None)


def _cached(group: Path) -> int:
    """Return the bytes of files that a container holds in memory and gives up where it needs them."""
    with contextlib.suppress(OSError, KeyError, ValueError):
        lines = dict(line.split() for line in (group / "memory.stat").read_text(encoding="utf-8").splitlines())
        return int(lines["inactive_file"])
    return 0


def host_hash() -> str:
    """Return 12 hex digits that tell hosts apart without naming them."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]
