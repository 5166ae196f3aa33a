"""Latency for one image on one core: which networks in which runtimes, how alternated, in a process of its own."""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ... import paper
from ...core import paths
from ...core.errors import ParameterError, RunFailed
from ...models.archs.amoebanet import AmoebaNet
from ...models.zoo import Network
from ...models.zoo import network as known
from . import machine
from .runtimes import RUNTIMES, check

SEMANTICS = 1  # raised by hand where the same spec would mean another measurement
GIB = 2**30
LIMIT = 6 * GIB  # what a group may take: a laptop's free memory
# Peak memory of a process that measures: torch and timm; weights in every copy that a runtime makes; and the maps alive
# at once, in the largest layer's output (measured: 4 of B7's, 7 of B6's, 10 of GPipe's with its many branches).
PROCESS = 0.72 * GIB
ALIVE = 10
LOADED = 2**25  # a network's code and the blocks that an allocator keeps
SPEED = 15e9  # multiply-adds a second of a slow core, to say how long it may take
SMALL = Network("AmoebaNet-B (3, 32)", 96, arch=AmoebaNet("B", 3, 32, 96))  # GPipe's cells for profile smoke
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Entry:
    """One network in one runtime, by their names."""

    network: str
    runtime: str = "eager"

    @property
    def label(self) -> str:
        return f"{self.network} in {RUNTIMES[self.runtime].words}"


def network(name: str) -> Network:
    """Return a network by name, profile smoke's shrunken AmoebaNet included.

    Raises:
        ParameterError: as `zoo.network`.
    """
    return SMALL if name == SMALL.name else known(name)


def size(name: str) -> tuple[float, float]:
    """Return about how many parameters and multiply-adds a network has, without building it where the paper says."""
    described = network(name)
    rows = paper.table(2).set_index("model")
    if described.arch is None and name in rows.index:
        return rows.loc[name, "params_millions"] * 1e6, rows.loc[name, "flops_billions"] * 1e9
    counts = described.counts()
    return counts.params, counts.madds


def needed(entry: Entry) -> tuple[int, int]:
    """Predict the bytes that a network takes in a runtime, at the most and then on, the process not counted."""
    params, madds = size(entry.network)
    found, runtime = network(entry.network), RUNTIMES[entry.runtime]
    # A byte for 100 multiply-adds where layers are unknown (Inception, SENet and NASNet: 150 to 300).
    maps = (
        4 * ALIVE * max(x.out_channels * x.size**2 for x in found.arch.layers())
        if found.arch is not None
        else madds / 100
    )
    kept = LOADED + 4 * params * runtime.kept + maps
    return int(max(kept, LOADED + 4 * params * runtime.copies)), int(kept)


@dataclass(frozen=True)
class Latency:
    """Measure a group of entries, in a process of its own.

    Attributes:
        rounds: part of the key: `-p rounds 40` after 20 measures again.
        together: alternate all entries, as a ratio needs its networks in the same rounds; else each beside the first
            as a yardstick, since many would not fit into memory.
        limit: bytes; an entry that is predicted to need more is recorded as failed.
        core: to be pinned to; None is the idlest.
    """

    group: str
    entries: tuple[Entry, ...]
    rounds: int
    together: bool = True
    limit: int = LIMIT
    kind: ClassVar[str] = "latency"
    any_profile: ClassVar[bool] = False
    core: int | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        return f"{self.group}, {self.rounds} rounds"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result: the processor's model, networks, px and runtimes in order, rounds."""
        from ...core.hardware import processor_name

        return {"processor": processor_name(), "rounds": self.rounds} | self.content()

    def content(self) -> dict[str, Any]:
        """Return the part of the spec that is the same on any machine and for any number of rounds."""
        listed = [{"network": e.network, "px": network(e.network).px, "runtime": e.runtime} for e in self.entries]
        return {"entries": listed, "together": self.together, "semantics": SEMANTICS}

    def seconds(self) -> float:
        """Return about how long it takes: passes to calibrate, compare and warm up, and the rounds."""
        passes = sum(size(entry.network)[1] for entry in self.entries) * (self.rounds + 4) / SPEED
        compiling = sum(60 for entry in self.entries if RUNTIMES[entry.runtime].compiles)
        return 10 + passes + compiling + sum(size(entry.network)[0] for entry in self.entries) / 3e7

    def needs(self) -> int:
        """Predict the peak of the process that measures, in bytes; what exceeds the limit alone is not built."""
        each = [needed(entry) for entry in self.entries if PROCESS + needed(entry)[0] <= self.limit]
        before = [sum(kept for _, kept in each[:i]) if self.together else 0 for i in range(len(each))]
        return int(PROCESS + max((there + most for there, (most, _) in zip(before, each, strict=True)), default=0))

    def refuse(self) -> None:
        """Refuse to start where less memory is free than this is predicted to take.

        Raises:
            RunFailed: with both numbers.
        """
        free = machine.free_memory()
        if free is not None and free < self.needs():
            raise RunFailed(
                f"latency of {self.group} needs about {self.needs() / GIB:.1f} GiB of memory and {free / GIB:.1f} GiB "
                "are free; nothing was built"
            )

    def measure(self) -> dict[str, Any]:
        """Measure in a child process, which returns its memory and has its threads set before any import.

        Raises:
            ParameterError: for a runtime that cannot run here.
            RunFailed: for lack of memory, or a child that died.
        """
        for runtime in dict.fromkeys(entry.runtime for entry in self.entries):
            check(runtime)
        self.refuse()
        entries = [[entry.network, entry.runtime] for entry in self.entries]
        job = {"entries": entries, "rounds": self.rounds, "together": self.together, "limit": self.limit}
        return _in_child(job | {"core": self.core}, self.group)


def _in_child(job: dict[str, Any], words: str) -> dict[str, Any]:
    environment = os.environ | dict.fromkeys(THREADS, "1")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(paths.ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "effnet_lib.measure.latency.child_process", json.dumps(job)]
    result = None
    with tempfile.TemporaryFile("w+") as errors:
        # The child ends when its standard input does: no orphan goes on measuring for nobody.
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", env=environment
        ) as child:
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    said = json.loads(line)
                    result = said.get("result", result)
                    if "say" in said:
                        print(f"  {said['say']}", flush=True)
            except BaseException:  # a stop button too
                child.kill()
                raise
        errors.seek(0)
        last = ([line for line in errors.read().splitlines() if line.strip()] or ["it said nothing"])[-1]
    if result is None:
        died = f"was ended by signal {-child.returncode}, perhaps for lack of memory" if child.returncode < 0 else last
        raise RunFailed(f"the process that measured {words} left no result: {died}")
    return result


@dataclass
class Times:
    """Seconds a call, [entry][round], and in which order each round went."""

    cpu: list[list[float]]
    wall: list[list[float]]
    orders: list[list[int]]


def turn(number: int, entries: int) -> list[int]:
    """Return the order of a round: forwards and backwards in turn, so that no entry always follows the same entry."""
    forwards = list(range(entries))
    return forwards if number % 2 == 0 else forwards[::-1]


def alternate(
    calls: Sequence[Callable[[], Any]],
    rounds: int,
    repeats: Sequence[int] | None = None,
    between: Callable[[int], None] = lambda number: None,
    cpu: Callable[[], float] = time.process_time,
    wall: Callable[[], float] = time.perf_counter,
) -> Times:
    """Time each call once a round.

    CPU time is the whole process's: a runtime may compute in a thread of its own.

    Args:
        repeats: how often each call is made in a row, where it is short.
        between: is told the round's number before each round.
        cpu, wall: clocks, in seconds.

    Raises:
        ParameterError: for fewer than 1 round.
    """
    if rounds < 1:
        raise ParameterError("rounds", rounds, "a whole number of at least 1")
    repeats = repeats or [1] * len(calls)
    times = Times([[] for _ in calls], [[] for _ in calls], [])
    gc.collect()
    gc.disable()  # a collection would fall on whoever is running then
    try:
        for number in range(rounds):
            between(number)
            times.orders.append(turn(number, len(calls)))
            for i in times.orders[-1]:
                began, started = cpu(), wall()
                for _ in range(repeats[i]):
                    calls[i]()
                times.cpu[i].append((cpu() - began) / repeats[i])
                times.wall[i].append((wall() - started) / repeats[i])
    finally:
        gc.enable()
    return times
