"""A campaign of kills: runs and sweeps that are killed at random until they are done, and what each kill cost."""

import contextlib
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from support import killing
from support.killing import Fault, Life

from effnet_lib.core.forkserver import server
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore

IN_A_ROW = 4  # kills of one run, so that it gets anywhere
KINDS = ("step", "saving", "instant", "operation", "half", "instant")  # in turn: no place is left to chance
CHECKPOINT = 3  # decimal powers of bytes, fewer than any checkpoint has


@dataclass
class Death:
    """Where a kill hit, from which step the run went on, how many saved steps it lost, which processes were left.

    `resumed` is None where no step was to be trained any more.
    """

    where: str
    resumed: int | None = None
    lost: int = 0
    orphans: int = 0


@dataclass
class Trial:
    """Runs that were killed until done; `identical` to the bit to those that nobody killed?"""

    deaths: list[Death] = field(default_factory=list)
    identical: bool = False
    leftovers: list[str] = field(default_factory=list)


class Killer:
    """Kills runs in a scratch folder, at times drawn from a seed."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.rng, self.trials = folder, np.random.default_rng(seed), 0
        self.kinds = cycle(KINDS)
        self.context = server("effnet_lib.runs.worker", "effnet_lib.training.trainer", "support.killing")
        self.runs = {name: killing.specs(name, 3, 4) for name in killing.RECIPES}
        self.all = [spec for runs in self.runs.values() for spec in runs]
        self.whole: dict[str, Life] = {}
        self.expected = {}
        for name, runs in self.runs.items():
            for spec in runs:
                store = self._store()
                self.whole[name] = self._live(spec, store, Fault())
                self.expected[spec.key] = killing.outcome(store, spec)
        if None in self.expected.values():
            raise AssertionError("a run that nobody killed gave no record")

    def _store(self) -> RunStore:
        self.trials += 1
        self.cache = self.folder / ("cache" if self.trials % 8 else f"cache-{self.trials}")  # sometimes a cold one
        return RunStore(published=False, root=self.folder / f"{self.trials}")

    def _live(self, spec: RunSpec, store: RunStore, fault: Fault) -> Life:
        """Execute a run in a process until it ends or dies."""
        mine, theirs = self.context.Pipe(duplex=False)
        arguments = ([spec], store.root, self.cache, theirs, fault)
        process = self.context.Process(target=killing.live, args=arguments, daemon=True)
        began = time.monotonic()
        process.start()
        theirs.close()
        if fault.kind == "instant" and not wait([process.sentinel], fault.at):
            process.kill()
        process.join()
        said = []
        with contextlib.suppress(EOFError):
            while mine.poll():
                word, number = mine.recv_bytes().decode().split()
                said.append((word, int(number)))
        mine.close()
        return Life(said, process.exitcode, time.monotonic() - began)

    def _fault(self, name: str, left: int) -> Fault:
        """Draw how the next process of a run dies, if it does before its end; `left`: steps that are to be trained."""
        whole, kind = self.whole[name], next(self.kinds)
        if kind == "instant":
            return Fault(kind, self.rng.uniform(0, whole.seconds))
        if kind == "step" and left:
            return Fault(kind, self.rng.integers(1, left + 1))
        if kind == "saving" and left:
            return Fault(kind, self.rng.integers(1, left + 1), int(10 ** self.rng.uniform(0, CHECKPOINT)))
        if kind == "half":
            return Fault(kind, self.rng.integers(1, whole.last("files") + 1), int(10 ** self.rng.uniform(0, 5)))
        return Fault("operation", self.rng.integers(1, whole.last("operations") + 1))

    def run(self, name: str, most: int) -> Trial:
        """Kill a run up to `most` times, let it end, and ask for it once more."""
        spec, store, trial, safe = self.runs[name][0], self._store(), Trial(), 0
        waiting: list[tuple[Death, int]] = []  # deaths after which no process has begun yet, steps that were safe
        for number in range(most + 1):
            left = self.whole[name].last("saved") - safe
            life = self._live(spec, store, self._fault(name, left) if number < most else Fault())
            begun = [step for word, step in life.said if word == "begins"]
            for death, steps in waiting if begun else []:
                death.resumed, death.lost = begun[0], max(0, steps - begun[0])
            if begun:
                waiting.clear()
            if life.code == 0:
                break
            if life.code not in (-signal.SIGKILL, -signal.SIGXFSZ):
                raise AssertionError(f"a process ended with exit code {life.code}: {store.failure(spec.key)}")
            # A step that was begun, and a save that was begun, stand on those before, which are saved.
            safe = max(safe, life.last("saved", "step"), life.last("saving") - 1)
            trial.deaths.append(Death(life.where, orphans=int(store.is_running(spec.key))))
            waiting.append((trial.deaths[-1], safe))
        again = self._live(spec, store, Fault())
        return self._end(trial, store, [spec], repeated=any(word == "step" for word, _ in again.said))

    def _end(self, trial: Trial, store: RunStore, runs: list[RunSpec], repeated: bool = False) -> Trial:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a damaged record is set aside with a warning
            same = all(killing.outcome(store, spec) == self.expected[spec.key] for spec in runs)
        trial.identical, trial.leftovers = same and not repeated, killing.leftovers(store, runs)
        trial.leftovers += map(str, self.cache.rglob("*.part.npy"))
        return trial

    def worker(self) -> Trial:
        """Kill a worker of a sweep of two, which goes on with the others; sweep again."""
        store, trial = self._store(), Trial()
        delay = self.rng.uniform(0, 2 * self.whole["paper"].seconds)

        def kill() -> None:
            killing.until(lambda: killing.notes(store.root))  # the server has imported what it needs
            time.sleep(delay)
            with contextlib.suppress(TimeoutError):
                note = next(iter(killing.until(lambda: killing.notes(store.root), 1.0).values()))
                os.kill(note["pid"], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        report = self._sweep(store, 2)
        thread.join()
        if report.failed:
            resumed = min(killing.saved(store, spec.key) for spec in report.failed)
            orphans = sum(store.is_running(spec.key) for spec in self.all)
            lost = len(self.all) - len(report.stored) - len(report.failed)
            trial.deaths.append(Death("worker of a sweep", resumed, lost, orphans))
        self._sweep(store, 0)
        return self._end(trial, store, self.all)

    def driver(self) -> Trial:
        """Kill the driver of a sweep of two workers; sweep again in this process."""
        store, trial = self._store(), Trial()
        process = self.context.Process(target=killing.drive, args=(self.all, store.root, self.cache))
        process.start()
        killing.until(lambda: killing.notes(store.root))
        wait([process.sentinel], self.rng.uniform(0, 2 * self.whole["paper"].seconds))
        process.kill()
        process.join()
        with contextlib.suppress(TimeoutError):
            killing.until(lambda: not killing.session(process.pid), 10.0)
        orphans = killing.session(process.pid)
        if process.exitcode == -signal.SIGKILL:
            resumed = min(filter(None, (killing.saved(store, spec.key) for spec in self.all)), default=0)
            trial.deaths.append(Death("driver of a sweep", resumed, orphans=len(orphans)))
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
        self._sweep(store, 0)
        return self._end(trial, store, self.all)

    def _sweep(self, store: RunStore, workers: int):
        before = os.environ.get("EFFNET_RESULTS")
        os.environ["EFFNET_RESULTS"] = str(self.cache)
        try:
            return killing.sweep(self.all, store.root, workers)
        finally:
            os.environ.pop("EFFNET_RESULTS") if before is None else os.environ.update(EFFNET_RESULTS=before)


def campaign(folder: Path, kills: int, seed: int) -> Iterator[Trial]:
    """Yield trials until there were so many kills, one in 20 of a worker and one in 20 of a driver of a sweep."""
    killer, dead, trials = Killer(folder, seed), 0, 0
    while dead < kills:
        place, trials = dead % 20, trials + 1
        if place >= 18:
            trial = killer.worker() if place == 18 else killer.driver()
        else:
            trial = killer.run("paper" if trials % 2 else "short", min(IN_A_ROW, kills - dead, 18 - place))
        dead += len(trial.deaths)
        yield trial
