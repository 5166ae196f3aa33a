"""What the machine is: the processors that this process may use, their model, a name for the host."""

import hashlib
import os
import platform


def cpu_count() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """Return the processor's model name."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def host_hash() -> str:
    """Return 12 hex digits that tell hosts apart without naming them."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]
