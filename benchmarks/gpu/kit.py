"""What the parts of the benchmark share: their settings, how they report, how a device is timed, runs in training."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.table import FAILED, MEASURED, MET, MISSED, NEEDS_GPU, UNFIT
from effnet_lib.core import forkserver, signals
from effnet_lib.core.errors import one_line
from effnet_lib.data.array_cache import Part
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import ProxyBaseline, profile
from effnet_lib.training import build_model, input_pipeline, optimizer, train_step

PRELOAD = ("effnet_lib.training.trainer", "timm.data", "timm.loss")


@dataclass(frozen=True)
class Settings:
    """How to measure: `batch` images a step at 224 px, `workers` of a whole sweep, a folder to write in."""

    device: str
    small: bool
    batch: int
    rounds: int
    whole: bool
    workers: int | None
    scratch: Path


class Bench:
    """One part's view of the benchmark: settings, the time left (until `deadline`, monotonic), rows to report."""

    def __init__(self, settings: Settings, deadline: float, connection: Connection):
        self.settings, self.deadline, self.connection = settings, deadline, connection
        self.small, self.device = settings.small, torch.device(settings.device)
        self.cuda = self.device.type == "cuda"
        self.sent: set[str] = set()

    def left(self) -> float:
        """Return the seconds that this part has left."""
        return self.deadline - time.monotonic()

    def row(
        self, name: str, value: float | None = None, unit: str = "", note: str = "", met: bool | None = None, **detail
    ) -> None:
        """Report a measurement, in the place of an earlier one of this name; `met` says whether the bar is."""
        state = MEASURED if met is None or self.small else MET if met else MISSED
        self._send(name, state=state, value=value, unit=unit, note=note, detail=detail)

    def skip(self, name: str, note: str, state: str = UNFIT) -> None:
        """Report why there is no measurement."""
        self._send(name, state=state, note=note)

    def needs_gpu(self, *names: str) -> bool:
        """Report rows that only a GPU can fill; say whether this is none."""
        for name in () if self.cuda else names:
            self.skip(name, "", NEEDS_GPU)
        return not self.cuda

    @contextlib.contextmanager
    def attempt(self, *names: str) -> Iterator[None]:
        """Report an exception in the rows that it leaves empty, and go on."""
        try:
            yield
        except Exception as error:  # whatever went wrong is shown, and the other rows are worth having
            for name in names:
                if name not in self.sent:
                    self._send(name, state=FAILED, note=one_line(error))

    def _send(self, name: str, **fields) -> None:
        self.sent.add(name)
        self.connection.send((name, fields))


def server() -> BaseContext:
    """Return a context whose processes have imported already what every part needs."""
    return forkserver.server(*PRELOAD)


def begin() -> None:
    """Let this process, which `server` started, end with the one that asked for it, and be stopped as any other."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.SIGNALS)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def apart(function: Callable[..., Any], *arguments) -> Any:
    """Return what a function returns in a process of its own: cuDNN's algorithms are kept by process.

    Raises:
        RuntimeError: It failed there, with the reason.
    """
    context = server()
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_apart, args=(there, function, arguments))
    process.start()
    there.close()
    try:
        failure, result = here.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__}: its process died without a word") from None
    finally:
        process.join()
    if failure:
        raise RuntimeError(failure)
    return result


def _apart(connection: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    begin()
    try:
        connection.send((None, function(*arguments)))
    except Exception as error:  # whatever it is, the one who waits must hear of it
        connection.send((one_line(error), None))


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def elapsed(call: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of wall time of a call and of all that it asks of the device."""
    wait_for(device)
    started = time.perf_counter()
    call()
    wait_for(device)
    return time.perf_counter() - started


def on_device(call: Callable[[], object], device: torch.device) -> float:
    """Return the seconds between two events on the device's queue, around a call."""
    if device.type != "cuda":
        return elapsed(call, device)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def in_turn(
    calls: dict[str, Callable[[], object]], device: torch.device, rounds: int, repeats: int
) -> dict[str, list[float]]:
    """Return seconds a call, one value a round: each round times all in turn, as a device's clocks drift."""

    def several(call: Callable[[], object]) -> None:
        for _ in range(repeats):
            call()

    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(on_device(lambda call=call: several(call), device) / repeats)
    return seconds


def ratio(mine: list[float], theirs: list[float]) -> float:
    """Return how many times faster mine are: the median over rounds."""
    return statistics.median(other / own for own, other in zip(mine, theirs, strict=True))


def study(bench: Bench) -> tuple[Study, str]:
    """Return the study that is measured, and the words that say which."""
    if bench.small:
        return Study.of(profile("smoke"), RunStore(published=False)), "profile smoke"
    decided = Study.of(profile("gpu"), RunStore())
    if decided.ready:
        return decided, f"profile gpu, {decided.base}"
    fixed = replace(profile("gpu"), candidates=(ProxyBaseline(1, 1, 64),), learning_rates=())
    return Study.of(fixed, RunStore(published=False)), "profile gpu, undecided: B0 at 64 px"


def random_part(images: int, image_size: int, classes: int) -> Part:
    """Return a part of random images of one size."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (images, image_size, image_size, 3), np.uint8)
    return Part(pixels, np.arange(images), draw.integers(0, classes, images))


class Trainee:
    """A run in training on random images, as `training.trainer` trains it: draws, crops, schedule, step."""

    def __init__(self, spec: RunSpec, device: torch.device, kind: str, images: int, native_size: int = 224):
        px, classes = spec.arch.px, spec.arch.classes
        sizes = {
            "train": min(round(input_pipeline.SOURCE_FACTOR * px), native_size),
            "val": px,
            "larger": round(1.15 * px),
        }
        held = {
            name: input_pipeline.Memory.of(random_part(images, size, classes), device) for name, size in sizes.items()
        }
        self.spec, self.pipeline = spec, input_pipeline.InputPipeline(spec, held, device)
        self.model = build_model.build(spec, device).train()
        self.optimizer = optimizer.optimiser(spec.recipe, self.model)
        self.scheduler = optimizer.schedule(spec.recipe, self.optimizer, self.pipeline.steps)
        self.ema = optimizer.average(spec.recipe, self.model)
        self.step = train_step.KINDS[kind](spec, self.model, self.optimizer, device)
        self._endless = enumerate(itertools.chain.from_iterable(map(self.pipeline.epoch, itertools.count())))

    def train(self, steps: int) -> None:
        """Train some steps more, with no regard to the schedule's end."""
        for number, batches in itertools.islice(self._endless, steps):
            self.scheduler.step_update(number)
            self.step(batches, self.spec.recipe.batch)
            if self.ema:
                self.ema.update(self.model, step=number)


def best_kind(bench: Bench) -> str:
    """Return how training launches its steps on this device unless told otherwise."""
    return "graph" if bench.cuda else "eager"
