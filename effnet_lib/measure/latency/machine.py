"""What a machine does beside us: one pinned core, who else computes on it, its frequency, its memory.

Read from Linux's /proc and /sys. Where these are missing every reading is None, and a measurement says so.
"""

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import hardware

PROC, SYS = Path("/proc"), Path("/sys")
# From where on a machine counts as busy, in shares of a core's time. A quiet desktop stays below half of each.
OTHERS = 0.03  # other processes on our core: they take time and, worse, our caches
STEAL = 0.02  # what a virtual machine's host took from our core
NEIGHBOURS = 0.25  # mean of the other cores: they share memory bandwidth and the last cache
WAITING = 1.05  # wall time over CPU time of a call that does nothing but compute
FREQUENCY = 0.10  # by how much the core's frequency may move
SLACK = 0.05  # seconds: /proc/stat counts in ticks of 10 ms, and a short measurement must not hang on five of them


@dataclass(frozen=True)
class Pinned:
    """The core that this process is held to; `core` is None where the system refused, and `refusal` says why."""

    core: int | None
    refusal: str | None = None


@contextlib.contextmanager
def pinned(core: int | None = None) -> Iterator[Pinned]:
    """Hold the calling thread, and those that it starts, to a core; the old affinity comes back afterwards.

    A refused call does not stop the measurement: it is reported.

    Args:
        core: None is the idlest of the cores that are allowed.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield Pinned(None, "this system has no call that pins a process")
        return
    before = os.sched_getaffinity(0)
    chosen = idlest(before) if core is None else core
    try:
        os.sched_setaffinity(0, {chosen})
    except OSError as error:
        yield Pinned(None, f"pinning to core {chosen} was refused: {error.strerror}")
        return
    try:
        yield Pinned(chosen)
    finally:
        os.sched_setaffinity(0, before)


def idlest(cores: set[int], seconds: float = 0.5) -> int:
    """Return the core that idles most during a short wait; of equals the last, since the first serves interrupts."""
    before = core_times()
    time.sleep(seconds)
    after = core_times()
    if not before or not after:
        return max(cores)
    busy = {core: after[core]["busy"] - before[core]["busy"] for core in cores if core in before and core in after}
    return min(busy or cores, key=lambda core: (busy.get(core, 0.0), -core))


def core_times() -> dict[int, dict[str, float]]:
    """Return the seconds that each core was busy (its host's steal apart) and stolen since the start; {} elsewhere."""
    tick, times = os.sysconf("SC_CLK_TCK"), {}
    try:
        lines = (PROC / "stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    for line in lines:
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu":
            # user (with guests), nice, system, idle, iowait, irq, softirq, steal
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
            times[int(name[3:])] = {"busy": (user + nice + system + irq + softirq) / tick, "steal": steal / tick}
    return times


def frequency(core: int | None) -> float | None:
    """Return a core's frequency in MHz as the kernel states it; a virtual machine often states a constant."""
    with contextlib.suppress(OSError, ValueError):
        return (
            int((SYS / f"devices/system/cpu/cpu{core or 0}/cpufreq/scaling_cur_freq").read_text(encoding="utf-8"))
            / 1000
        )
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = [
            line for line in (PROC / "cpuinfo").read_text(encoding="utf-8").splitlines() if line.startswith("cpu MHz")
        ]
        return float(lines[core or 0].split(":")[1])
    return None


def load() -> float | None:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


class Monitor:
    """Watches the machine from `start` to `report`: what others took, waits, switches, frequency."""

    def __init__(self, core: int | None):
        self.core = core
        self.frequencies: list[float] = []

    def start(self) -> None:
        """Note every counter."""
        self.load, self.cores = load(), core_times()
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        self.switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        self.sample()

    def sample(self) -> None:
        """Note the frequency; called once a round."""
        if mhz := frequency(self.core):
            self.frequencies.append(mhz)

    def report(self) -> dict[str, Any]:
        """Return what was seen since `start`, JSON-ready: shares of the core's time, counts, MHz."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        after = core_times()
        moved = {
            core: {kind: after[core][kind] - self.cores[core][kind] for kind in ("busy", "steal")}
            for core in after
            if core in self.cores
        }
        others = steal = neighbours = None
        if self.core in moved:
            others = _share(moved[self.core]["busy"] - cpu, wall)
            steal = _share(moved[self.core]["steal"], wall)
            rest = [times["busy"] for core, times in moved.items() if core != self.core]
            neighbours = _share(sum(rest) / len(rest), wall) if rest else 0.0
        return {
            "seconds": round(wall, 2),
            "load_before": self.load,
            "load_after": load(),
            "others_on_core": others,
            "steal": steal,
            "neighbours": neighbours,
            "involuntary_switches": resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - self.switches,
            "wall_over_cpu": round(wall / cpu, 3) if cpu else None,
            "mhz": [min(self.frequencies), max(self.frequencies)] if self.frequencies else None,
        }


def _share(seconds: float, of: float) -> float:
    return round(max(0.0, seconds - SLACK) / of, 4) if of else 0.0


def busy(report: dict[str, Any]) -> list[str]:
    """Return why a machine was busy during a measurement, from a monitor's report; nothing where it was quiet."""
    limits = {
        "others_on_core": (OTHERS, "other processes took {:.0%} of the core"),
        "steal": (STEAL, "the host took {:.0%} of the core"),
        "neighbours": (NEIGHBOURS, "the other cores were {:.0%} busy"),
    }
    reasons = [words.format(report[k]) for k, (most, words) in limits.items() if (report.get(k) or 0) > most]
    if (waiting := report.get("wall_over_cpu") or 1) > WAITING:
        reasons.append(f"wall time was {waiting:.2f} times CPU time")
    if report.get("mhz"):
        low, high = report["mhz"]
        if low < (1 - FREQUENCY) * high:
            reasons.append(f"the core ran at {low:.0f} to {high:.0f} MHz")
    return reasons


def worst(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a report with the busiest reading of each kind, for a measurement in several parts."""
    kinds = ("others_on_core", "steal", "neighbours", "wall_over_cpu")
    busiest = {kind: max((report[kind] or 0 for report in reports), default=0) for kind in kinds}
    ranges = [report["mhz"] for report in reports if report["mhz"]]
    return busiest | {"mhz": [min(low for low, _ in ranges), max(high for _, high in ranges)] if ranges else None}


def free_memory() -> int | None:
    """Return the bytes that can be had without swapping, a container's own limit included; None where unknown."""
    return hardware.free_memory(PROC, SYS)


def resident() -> int | None:
    """Return this process's resident bytes."""
    return _status("VmRSS")


def reset_peak() -> bool:
    """Set the peak of resident memory back to what is resident now; False where the system has no such thing."""
    try:
        (PROC / "self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return False
    return True


def peak() -> int | None:
    """Return the peak of this process's resident bytes since `reset_peak`."""
    return _status("VmHWM")


def peak_of_children() -> int:
    """Return the peak of resident bytes of the largest child process that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _status(name: str) -> int | None:
    with contextlib.suppress(OSError, IndexError, ValueError):
        lines = [
            line
            for line in (PROC / "self/status").read_text(encoding="utf-8").splitlines()
            if line.startswith(f"{name}:")
        ]
        return int(lines[0].split()[1]) * 1024
    return None
