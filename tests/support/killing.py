"""Processes that train, say where they are and die: what the tests of faults and benchmarks/faults.py share.

A process is killed at a random instant, at one of its steps, just before one of its file operations, or in the middle
of a write, of a checkpoint or of any file (by the limit on a file's size, whose signal ends a process as SIGKILL does,
after so many bytes). All but the instants hit the same place on any machine, however busy it is.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psutil
from support.recipes import RECIPES

from effnet_lib.data.datasets import DataSet
from effnet_lib.data.fractals import FractalSpec
from effnet_lib.models.archs.efficientnet import EfficientNet, Stage
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import Report, SweepOptions, run_all
from effnet_lib.training.execution import Execution

TESTS = Path(__file__).parents[1]  # what has to be on PYTHONPATH where another process imports this package
EVERY_STEP = Execution(every=0)
ENDLESS = 100_000  # epochs
STEPS = 2  # an epoch: 36 images, 16 at a time
DATA = DataSet("fractals-3", 3, 36, 18, fractals=FractalSpec(classes=3, train_per_class=12, val_per_class=6))
ARCH = EfficientNet(32, 3, stem=8, stages=(Stage(1, 3, 1, 8, 1), Stage(6, 3, 2, 8, 2), Stage(6, 5, 2, 16, 2)), head=16)
WHERE = {"": "starting", "begins": "training", "step": "training", "saved": "training", "storing": "storing"}


def specs(name: str, *seeds: int, epochs: int = 3) -> list[RunSpec]:
    """Return runs of one of the recipes."""
    return [RunSpec(ARCH, replace(RECIPES[name], epochs=epochs), DATA.id, seed) for seed in seeds]


SHORT, PAPER = (specs(name, 0)[0] for name in RECIPES)


@dataclass(frozen=True)
class Fault:
    """When a process dies: after seconds, at its nth step, before its nth file operation, or so many bytes into the
    nth file, or the nth checkpoint, that it writes.
    """

    kind: str = "never"
    at: float = 0.0
    size: int = 0


@dataclass
class Life:
    """What one process said until it ended, (word, number of steps) in order, and its exit code."""

    said: list[tuple[str, int]]
    code: int
    seconds: float

    def last(self, *words: str) -> int:
        """Return the greatest number said with one of the words, 0 for none."""
        return max((number for word, number in self.said if word in words), default=0)

    @property
    def where(self) -> str:
        """What the process was doing when it ended."""
        word = self.said[-1][0] if self.said else ""
        return WHERE.get(word, word)


def _steps(progress: dict) -> int:
    return STEPS * progress["epoch"] + progress["step"]


def _tell(say: Callable[[str, int], None]) -> None:
    """Have this process say where it is; it ends soon, so nothing is put back."""
    from effnet_lib.training import checkpoint, trainer

    def wrap(owner, name: str, before: str, number: Callable[..., int], after: str = "") -> None:
        call = getattr(owner, name)

        def wrapped(*args):
            say(before, number(*args))
            answer = call(*args)
            if after:
                say(after, number(*args))
            return answer

        setattr(owner, name, wrapped)

    for name, word in (("train", "begins"), ("_step", "step"), ("test", "testing")):
        wrap(trainer.Run, name, word, lambda run, *_: _steps(vars(run.at)))
    wrap(checkpoint, "save", "saving", lambda _, state: _steps(state["progress"]), "saved")
    wrap(RunStore, "keep_weights", "storing", lambda *_: 0)


def _die(fault: Fault) -> None:
    """Die here, or so many bytes into the next file."""
    if fault.size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.size, fault.size))
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _doom(fault: Fault, root: Path) -> dict[str, int]:
    """Arrange this process's death; return counters of its file operations and of the files that it opens to write."""
    counts = {"operations": 0, "files": 0}
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and would raise OSError
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def watch(event: str, args: tuple) -> None:
        if event not in ("open", "os.rename", "os.remove") or not str(args[0]).startswith(f"{root}/"):
            return
        writes = event == "open" and "w" in (args[1] or "")
        counts["operations"] += 1
        counts["files"] += writes
        if fault.kind == "operation" and counts["operations"] == fault.at:
            _die(fault)
        if fault.kind == "half" and writes and counts["files"] == fault.at:
            _die(fault)

    sys.addaudithook(watch)
    return counts


def live(runs: list[RunSpec], root: Path, cache: Path, pipe: Connection, fault: Fault) -> None:
    """Sweep one run in this process, or several as one program, say where it is, and die as told."""
    os.environ["EFFNET_RESULTS"] = str(cache)

    heard: Counter[str] = Counter()

    def say(word: str, number: int) -> None:
        pipe.send_bytes(f"{word} {number}".encode())
        heard[word] += 1
        if fault.kind == word and heard[word] == fault.at:
            _die(fault)

    _tell(say)
    counts = _doom(fault, root)
    report = sweep(runs, root, 0, fold=len(runs))
    for word, number in counts.items():
        say(word, number)
    raise SystemExit(len(report.failed))


def sweep(runs: list[RunSpec], root: Path, workers: int, execution: Execution = EVERY_STEP, fold: int = 1) -> Report:
    """Execute runs in silence."""
    store = RunStore(published=False, root=root)
    return run_all(runs, lambda spec: DATA, store, SweepOptions(workers, execution, say=lambda line: None, fold=fold))


def drive(runs: list[RunSpec], root: Path, cache: Path) -> None:
    """Sweep with two workers, in a session of its own so that whatever it starts can be found."""
    os.setsid()
    os.environ["EFFNET_RESULTS"] = str(cache)
    sweep(runs, root, 2)


def share(runs: list[RunSpec], root: Path, cache: Path, log: Path, everyone: Barrier) -> None:
    """Sweep runs until all are stored, beside others that do the same; log who trains what.

    In its first run each waits until all are in theirs: that they share is then no matter of who starts first.
    """
    from effnet_lib.training import trainer

    os.environ["EFFNET_RESULTS"] = str(cache)
    train, store, trained = trainer.train, RunStore(published=False, root=root), []

    def logged(spec, *args):
        with open(log, "a") as lines:
            lines.write(f"{spec.key} {os.getpid()}\n")
        if not trained:
            everyone.wait(100)
        trained.append(spec.key)
        return train(spec, *args)

    trainer.train = logged
    while not all(store.get(spec.key) for spec in runs):
        sweep(runs, root, 0)


# Looking on ---------------------------------------------------------------------------------------------------


def until(condition: Callable, seconds: float = 60.0):
    """Poll until a condition is met and return its value; raise TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError("what was waited for did not happen")
        time.sleep(0.01)
    return value


def session(leader: int) -> list[int]:
    """Return the processes that live in the session that a process began."""
    found = []
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(process.pid) == leader and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def notes(root: Path) -> dict[str, dict]:
    """Return by run what the processes that train say of themselves: pid, epoch, ..."""
    found = {}
    for path in (root / "running").glob("[!.]*.json"):
        with contextlib.suppress(FileNotFoundError):
            found[path.stem] = json.loads(path.read_text())
    return found


def saved(store: RunStore, key: str) -> int:
    """Return the steps in a run's checkpoint, 0 without one. Raises RunFailed where none is sound."""
    from effnet_lib.training import checkpoint

    state = checkpoint.load(store.checkpoint(key), key)
    return _steps(state["progress"]) if state else 0


def outcome(store: RunStore, spec: RunSpec) -> tuple[str, bytes] | None:
    """Return what must be the same to the bit, the result without its times and the weights; None without a record."""
    record = store.get(spec.key)
    if record is None:
        return None
    result = {name: value for name, value in record.result.items() if "second" not in name}
    return json.dumps(result, sort_keys=True), store.weights(spec.key).read_bytes()


def leftovers(store: RunStore, runs: list[RunSpec]) -> list[str]:
    """Return the files in a store, its cache of images aside, that its finished runs do not need."""
    needed = {path for spec in runs for path in (store.path(spec.key), store.weights(spec.key))}
    needed |= {store.root / "running" / f"{spec.key}.lock" for spec in runs}
    needed |= set((store.root / "cache").rglob("*"))
    return [str(path) for path in store.root.rglob("*") if path.is_file() and path not in needed]
