"""Faults that really happen: kills, signals, stop buttons, full disks, damaged checkpoints; none of them does harm."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from jupyter_client import KernelManager
from support import killing
from support.campaign import campaign
from support.killing import notes, saved, session, until

from effnet_lib.apps import cli
from effnet_lib.core import forkserver, paths, signals
from effnet_lib.core.errors import RunFailed
from effnet_lib.runs.store import RunStore
from effnet_lib.runs.sweep import run_all
from effnet_lib.runs.worker import FAILED, PAUSED, STORED, execute
from effnet_lib.study import profiles
from effnet_lib.training import checkpoint, train_step, trainer

torch.set_num_threads(1)

PAST = float("-inf")  # a deadline before every step
HERE = str(Path(__file__).parents[1])
ENDLESS = 100_000  # epochs
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def silent(line: str) -> None:
    pass


def interrupt(*_) -> None:
    raise KeyboardInterrupt


# Checkpoints --------------------------------------------------------------------------------------------------


SHORT, PAPER = (killing.specs(name, 0)[0] for name in ("short", "paper"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What runs that nothing happened to give."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFNET_RESULTS", str(tmp_path_factory.mktemp("whole")))
        store = RunStore()
        for spec in (SHORT, PAPER):
            assert execute(spec, killing.DATA, store) == STORED
        return {spec: killing.outcome(store, spec) for spec in (SHORT, PAPER)}


@pytest.fixture
def stepped(store):
    """Two checkpoints of a run, after its first and its second step; returns where the newest is."""
    for _ in range(2):
        assert execute(SHORT, killing.DATA, store, deadline=PAST) == PAUSED
    path = store.checkpoint(SHORT.key)
    assert checkpoint.previous(path).is_file() and saved(store, SHORT.key) == 2
    return path


def test_one_flipped_byte_anywhere_is_seen(stepped):
    good = stepped.read_bytes()
    for place in [*range(150), *range(150, len(good), len(good) // 150), len(good) - 1]:
        spoiled = bytearray(good)
        spoiled[place] ^= 1 << place % 8
        with pytest.raises(RunFailed, match=r"checkpoint it (is not|was altered) .*; remove it$"):
            checkpoint.unpack(bytes(spoiled), SHORT.key, "it")


def test_a_cut_file_or_one_of_another_version_is_seen(stepped):
    good = stepped.read_bytes()
    for length in [*range(100), *range(100, len(good), len(good) // 50), len(good) - 1]:
        with pytest.raises(RunFailed, match=r"checkpoint it (is not|was altered or cut)"):
            checkpoint.unpack(good[:length], SHORT.key, "it")
    older = good.replace(b"checkpoint 2", b"checkpoint 1", 1)
    with pytest.raises(RunFailed, match="checkpoint it is not a checkpoint of this version; remove it"):
        checkpoint.unpack(older, SHORT.key, "it")


DAMAGE = {
    "cut": lambda good: good[:-1],
    "altered": lambda good: good[:-1] + bytes([good[-1] ^ 1]),
    "older": lambda good: good.replace(b"checkpoint 2", b"checkpoint 1", 1),
    "foreign": lambda good: b"PK\3\4 something else",
    "empty": lambda good: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_checkpoint_before_stands_in_for_a_damaged_one(stepped, store, whole, monkeypatch, damage):
    spoiled = DAMAGE[damage](stepped.read_bytes())
    stepped.write_bytes(spoiled)
    with (
        monkeypatch.context() as patch,
        pytest.warns(UserWarning, match=r"^checkpoint .*; going on from the one before$") as caught,
        pytest.raises(KeyboardInterrupt),
    ):
        patch.setattr(checkpoint, "write_aside", interrupt)  # in the first save after that
        execute(SHORT, killing.DATA, store, killing.EVERY_STEP)
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert stepped.with_suffix(".damaged.pt").read_bytes() == spoiled  # set aside: whoever wants to may look at it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saved(store, SHORT.key) == 1  # still there
        assert execute(SHORT, killing.DATA, store) == STORED
        assert killing.leftovers(store, [SHORT]) == []
    assert killing.outcome(store, SHORT) == whole[SHORT]


def test_without_a_sound_checkpoint_a_run_fails_and_says_so(stepped, store, monkeypatch):
    monkeypatch.setattr(trainer._Run, "train", lambda *_: pytest.fail("trained from scratch"))
    files = [stepped, checkpoint.previous(stepped)]
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
    assert execute(SHORT, killing.DATA, store) == FAILED
    reason = store.failure(SHORT.key)
    assert "\n" not in reason and all(f"checkpoint {path.name} was altered or cut" in reason for path in files)
    assert all(path.is_file() for path in files)


def test_a_stop_while_the_reserved_images_are_looked_at_loses_no_step(store, whole, monkeypatch):
    seen, evaluate = [], trainer.evaluate

    def stopped(model, feed, part):
        seen.append(part)
        if seen.count("minival") == 2:
            raise trainer.Paused
        return evaluate(model, feed, part)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "evaluate", stopped)
        assert execute(PAPER, killing.DATA, store) == PAUSED
    assert saved(store, PAPER.key) == 4  # two epochs; nothing else had saved them
    assert execute(PAPER, killing.DATA, store) == STORED
    assert killing.outcome(store, PAPER) == whole[PAPER]


# What goes wrong in one run -------------------------------------------------------------------------------------


@pytest.fixture
def unlucky(monkeypatch):
    """Have each step of the runs of seed 13 raise an error that is given."""

    def install(error: BaseException) -> None:
        train = train_step.Step.__call__

        def stumble(self, batches, images):
            if self.seed == 13:
                raise error
            return train(self, batches, images)

        start = train_step.Step.__init__

        def seeded(self, job, *args):
            start(self, job, *args)
            self.seed = job.seed

        monkeypatch.setattr(train_step.Step, "__init__", seeded)
        monkeypatch.setattr(train_step.Step, "__call__", stumble)

    return install


ERRORS = {
    "CUDA out of memory": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\n" + "GPU 0 " * 200),
    "memory": MemoryError("Unable to allocate 3 GiB"),
    "disk": OSError(28, "No space left on device"),
    "CUDA": RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_run_that_fails_is_noted_in_one_line_and_the_others_go_on(store, unlucky, name):
    unlucky(ERRORS[name])
    runs, said = killing.specs("short", 0, 13, 1, epochs=1), []
    report = run_all(runs, lambda spec: killing.DATA, store, 0, say=said.append)
    assert report.failed == [runs[1]] and report.stored == [runs[0], runs[2]]
    reason = store.failure(runs[1].key)
    assert f"{type(ERRORS[name]).__name__}: {str(ERRORS[name]).splitlines()[0]}" in reason
    assert "\n" not in reason and len(reason) < 400 and reason in said[1] and "\n" not in said[1]


def test_the_queue_tells_of_a_failed_run_by_its_exit_code(store, unlucky, monkeypatch, capsys, images):
    smoke = profiles.PROFILES["smoke"]
    small = replace(smoke, recipe=replace(smoke.recipe, epochs=1), widths=(1.0,), depths=(1.0, 4.0), resolutions=(1.0,))
    monkeypatch.setitem(profiles.PROFILES, "smoke", small)
    command = ["queue", "--profile", "smoke", "--dataset", str(images), "--budget", "99", "--workers", "0"]
    command += ["--artefact", "fig3"]
    with monkeypatch.context() as patch:
        failures = iter([torch.OutOfMemoryError("CUDA out of memory")])
        train = train_step.Step.__call__
        patch.setattr(
            train_step.Step,
            "__call__",
            lambda *args: (_ for _ in ()).throw(e) if (e := next(failures, None)) else train(*args),
        )
        assert cli.main(command) == 1
    assert "1 runs stored, 1 failed, 0 paused, 0 left for next time" in capsys.readouterr().out
    assert cli.main(command) == 0  # tried again
    assert "1 runs stored, 0 failed" in capsys.readouterr().out


def test_a_lock_that_cannot_be_made_fails_the_run_and_not_the_sweep(store, monkeypatch, capsys):
    runs, lock = killing.specs("short", 0, 1, epochs=1), RunStore.lock
    store.check_writable()

    def broken(self, key):
        if key == runs[0].key:
            raise OSError(30, "Read-only file system")
        return lock(self, key)

    monkeypatch.setattr(RunStore, "lock", broken)
    report = run_all(runs, lambda spec: killing.DATA, store, 0, say=silent)
    assert report.failed == [runs[0]] and report.stored == [runs[1]]
    assert "OSError: [Errno 30] Read-only file system" in store.failure(runs[0].key)


def test_a_failure_that_cannot_be_noted_is_said(store, capsys):
    store.root.mkdir()
    (store.root / "failed").write_text("in the way")
    store.fail("0" * 64, "a\nreason")
    assert capsys.readouterr().err.endswith(" a reason (not noted: File exists)\n")


def test_what_a_kill_left_of_a_stored_run_is_removed(store, record_of, stepped):
    """The kill came between the record and the clean-up; nobody trains this run again."""
    store.put(record_of(SHORT))
    key = SHORT.key
    for folder, name in (("weights", "safetensors"), ("records", "json"), ("checkpoints", "pt"), ("running", "json")):
        (store.root / folder).mkdir(exist_ok=True)
        (store.root / folder / f".{key}.{name}.4711").write_text("half")
    note = store.root / "running" / f"{key}.json"
    note.write_text("{}")
    store.weights(key).write_text("weights")
    with store.lock(key):  # somebody is still busy with it
        assert run_all([SHORT], lambda spec: killing.DATA, store, 0, say=silent).stored == []
        assert stepped.is_file() and note.is_file()
    run_all([SHORT], lambda spec: killing.DATA, store, 0, say=silent)
    assert killing.leftovers(store, [SHORT]) == []


# Signals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [0, 1])  # another thread, which blocks nothing, takes the signal
def test_a_second_signal_ends_at_once_but_not_while_a_process_starts(threads):
    known, done = False, threading.Event()
    for _ in range(threads):
        threading.Thread(target=done.wait, daemon=True).start()
    with pytest.raises(signals.Stopped, match="stopped by SIGTERM") as caught, signals.listening():
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.asked()
        with signals.held():
            os.kill(os.getpid(), signal.SIGTERM)
            known = True
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # the other thread may have taken the signal and not yet passed it on
            pass
        pytest.fail("went on")
    done.set()
    assert known and caught.value.code == 143 and not signals.asked()


# A command of this library whose study is two runs that never end.
COMMAND = f"""
import sys
from dataclasses import replace
from effnet_lib import cli, profiles
from effnet_lib.training import feed

smoke = profiles.PROFILES["smoke"]
recipe = replace(smoke.recipe, epochs={ENDLESS})
small = replace(smoke, recipe=recipe, widths=(1.0, 2.6), depths=(1.0,), resolutions=(1.0,))
profiles.PROFILES["smoke"] = small
if sys.argv[1] == "streamed":
    feed.MEMORY_LIMIT = 0
if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[2:]))
"""


class Command:
    """`effnet` as a terminal starts it, in a session of its own, on two runs that never end."""

    def __init__(self, folder: Path, images: Path, name: str, *arguments: str, how: str = "mapped"):
        self.store, self.error = RunStore(), folder / "stderr"
        command = [name, "--profile", "smoke", "--dataset", str(images), *arguments]
        environment = os.environ | {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}
        with open(self.error, "w") as error, open(os.devnull, "w") as nothing:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, how, *command],
                env=environment, stdout=nothing, stderr=error, start_new_session=True,
            )  # fmt: skip

    def at(self, runs: int, epoch: int = 0) -> list[str]:
        """Wait until so many runs have trained so many epochs; return their keys."""
        until(lambda: len(self.reached(epoch)) == runs or self.process.poll() is not None)
        assert self.process.poll() is None, self.error.read_text()
        return self.reached(epoch)

    def reached(self, epoch: int) -> list[str]:
        return [key for key, note in notes(self.store.root).items() if note["epoch"] >= epoch]

    def stop(self, number: int, group: bool) -> None:
        """Send a signal, to all processes as Ctrl-C does or to one; expect a polite end and nobody left."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        assert self.process.wait(60) == 128 + number, self.error.read_text()
        name = signal.Signals(number).name
        assert self.error.read_text() == f"effnet: stopped by {name}; it goes on from there next time\n"
        until(lambda: not session(self.process.pid), 10)
        assert not notes(self.store.root) and not (self.store.root / "failed").exists()


@pytest.fixture
def command(tmp_path, images):
    """A function that starts a command; what it leaves is ended."""
    started = []

    def start(*arguments: str, **options) -> Command:
        started.append(Command(tmp_path, images, *arguments, **options))
        return started[-1]

    yield start
    for one in started:
        for pid in session(one.process.pid):
            os.kill(pid, signal.SIGKILL)
        one.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("workers", [0, 2])
def test_the_queue_saves_its_step_when_it_is_stopped_and_goes_on_from_it(command, number, workers):
    """Stopped as by Ctrl-C, which reaches every process, and the second time as by `kill`."""
    queue = ("queue", "--budget", "600", "--workers", str(workers))
    first = command(*queue)
    keys = first.at(max(1, workers), epoch=3)
    first.stop(number, group=True)
    before = {key: saved(first.store, key) for key in keys}
    assert min(before.values()) >= 2 * 3
    second = command(*queue)
    second.at(max(1, workers))
    second.stop(number, group=False)  # at once: a run from scratch would be at its first steps
    assert all(saved(first.store, key) > steps for key, steps in before.items())


@pytest.mark.slow
def test_ctrl_c_while_the_workers_server_starts(command):
    queue = command("queue", "--budget", "600", "--workers", "2")

    def server():
        lines = [psutil.Process(pid).cmdline() for pid in session(queue.process.pid)]
        return any("forkserver" in argument for line in lines for argument in line)

    until(server)
    queue.stop(signal.SIGINT, group=True)


@pytest.mark.slow
def test_a_killed_driver_leaves_no_process_and_no_lock(command):
    queue = command("queue", "--budget", "600", "--workers", "2")
    keys = queue.at(2)
    assert len(session(queue.process.pid)) >= 3 and all(map(queue.store.is_running, keys))
    queue.process.kill()
    queue.process.wait()
    until(lambda: not session(queue.process.pid), 10)
    assert not any(queue.store.is_running(key) or queue.store.failure(key) for key in keys)


@pytest.mark.slow
@pytest.mark.parametrize("number, how, epochs", [(signal.SIGINT, "mapped", 30), (signal.SIGTERM, "streamed", 12)])
def test_train_saves_its_step_when_it_is_stopped_and_goes_on_to_the_end(command, number, how, epochs):
    """Streamed, the signal reaches the loader processes too."""
    train = ("train", "--epochs", str(epochs), "--every", "0")
    first = command(*train, how=how)
    (key,) = first.at(1, epoch=2)
    first.stop(number, group=True)
    before = saved(first.store, key)
    assert before >= 2 * 2
    second = command(*train, how=how)
    assert until(lambda: (steps := saved(first.store, key)) != before and steps) > before
    assert second.process.wait(120) == 0 and second.error.read_text() == ""
    until(lambda: not session(second.process.pid), 10)
    assert len(first.store.get(key).result["history"]) == epochs


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_notebook_that_is_executed_saves_when_it_is_stopped(store, number):
    command = [sys.executable, "-m", "effnet_lib", "run", "fig3", "--profile", "smoke", "-p", "seeds", "20"]
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        note = until(lambda: [note for note in notes(store.root).values() if note["epoch"]])[0]
        running.send_signal(number)
        error = running.communicate(timeout=60)[1]
    finally:
        running.kill()
    assert running.returncode == 128 + number
    assert "\neffnet: " in f"\n{error}"  # among what the kernel and its client say of the connection that went
    until(lambda: not psutil.pid_exists(note["pid"]), 10)
    assert not notes(store.root) and list((store.root / "checkpoints").iterdir())
    assert not (store.root / "failed").exists()


CELL = """
from support import killing
from effnet_lib.runs.store import RunStore
from effnet_lib.training.execution import Execution
report = killing.sweep(killing.specs("short", *{seeds}, epochs={epochs}), RunStore().root, {workers}, Execution())
assert not report.failed
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_the_stop_button_of_a_notebook(store, monkeypatch, workers):
    monkeypatch.setenv("PYTHONPATH", f"{HERE}:{paths.ROOT}")
    seeds = list(range(max(1, workers)))

    def cell(epochs: int) -> list:
        client.execute(CELL.format(seeds=seeds, epochs=epochs, workers=workers))
        return killing.specs("short", *seeds, epochs=epochs)

    def running(runs: list, epoch: int) -> bool:
        found = notes(store.root)
        return all(spec.key in found and found[spec.key]["epoch"] >= epoch for spec in runs)

    def reply() -> dict:
        content = client.get_shell_msg(timeout=60)["content"]
        return {name: content.get(name) for name in ("status", "ename", "evalue")}

    manager = KernelManager()
    manager.start_kernel()
    leader, client = manager.provisioner.pid, manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(60)
        runs = cell(60)
        until(lambda: running(runs, 2))
        manager.interrupt_kernel()
        stop = {"status": "error", "ename": "Stopped", "evalue": "stopped by SIGINT; it goes on from there next time"}
        assert reply() == stop
        assert all(saved(store, spec.key) >= 4 for spec in runs) and not notes(store.root)
        assert not any(store.is_running(spec.key) for spec in runs)
        cell(60)
        assert reply()["status"] == "ok" and all(store.get(spec.key) for spec in runs)

        runs = cell(ENDLESS)
        until(lambda: running(runs, 2))
        os.kill(leader, signal.SIGTERM)
        assert reply()["ename"] == "Stopped" and manager.is_alive()
        before = [saved(store, spec.key) for spec in runs]
        assert min(before) >= 4
        cell(ENDLESS)
        until(lambda: running(runs, 0))
        manager.shutdown_kernel()  # as closing a notebook does
        until(lambda: not session(leader), 20)
        assert all(saved(store, spec.key) > steps for spec, steps in zip(runs, before, strict=True))
        assert not (store.root / "failed").exists()
    finally:
        client.stop_channels()
        for pid in session(leader):
            os.kill(pid, signal.SIGKILL)
        manager.cleanup_resources()


# Kills ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_twenty_kills_change_no_bit_and_leave_nothing(tmp_path):
    """In training, in the middle of saving, before any file operation; one of a worker and one of a driver."""
    trials = list(campaign(tmp_path, kills=20, seed=0))
    deaths = [death for trial in trials for death in trial.deaths]
    assert len(deaths) >= 20 and {"training", "saving", "driver of a sweep"} <= {death.where for death in deaths}
    assert all(trial.identical for trial in trials)
    assert not any(death.lost or death.orphans for death in deaths)
    assert not any(trial.leftovers for trial in trials)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "server"])
def test_a_killed_process_of_a_sweep_is_noted_and_the_others_finish(store, victim):
    """The kernel kills either where memory runs out. A server takes along what it started."""
    endless, others = killing.specs("short", 0, epochs=ENDLESS), killing.specs("short", 1, 2, 3)
    pids, said = [], []

    def kill() -> None:
        pids.append(until(lambda: notes(store.root).get(endless[0].key))["pid"])
        os.kill(psutil.Process(pids[0]).ppid() if victim == "server" else pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    report = run_all([*endless, *others], lambda spec: killing.DATA, store, 2, budget=90, say=said.append)
    killer.join()
    assert endless[0] in report.failed and report.stored and not report.left
    assert set(report.failed) | set(report.stored) == {*endless, *others}
    cause = "the worker process was killed (SIGKILL)" if victim == "worker" else "the server that starts worker"
    for spec in report.failed:
        assert cause in store.failure(spec.key) and "the kernel does that where memory runs out" in said[0]
    until(lambda: not psutil.pid_exists(pids[0]) and not store.is_running(endless[0].key))
    assert killing.sweep(others, store.root, 0).failed == []
    assert all(store.get(spec.key) for spec in others)


@pytest.mark.slow
def test_three_processes_on_one_folder_train_each_run_once(tmp_path):
    """In the same order, so that they are after the same run all the time, and then in different ones."""
    context = forkserver.server("effnet_lib.runs.worker", "effnet_lib.training.trainer", "support.killing")
    for order in ([0, 0, 0], [0, 2, 4]):
        root, runs = tmp_path / f"{order}", killing.specs("short", *range(6))
        arguments = [([*runs[first:], *runs[:first]], root, tmp_path / "cache", root / "log") for first in order]
        processes = [context.Process(target=killing.share, args=args) for args in arguments]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        lines = [line.split() for line in (root / "log").read_text().splitlines()]
        assert Counter(key for key, _ in lines) == Counter(spec.key for spec in runs)
        assert len({pid for _, pid in lines}) > 1  # they did share
        store = RunStore(shipped=False, root=root)
        (root / "log").unlink()
        assert all(store.get(spec.key) for spec in runs) and killing.leftovers(store, runs) == []
        assert not (root / "failed").exists()


# Disks ----------------------------------------------------------------------------------------------------------

DISK = """
import json, os, subprocess, sys
from dataclasses import replace
from pathlib import Path
from support import killing
from effnet_lib import cli
from effnet_lib.runs.store import RunStore
from effnet_lib.training import loop

root, workers, told = Path(sys.argv[1]) / "disk", int(sys.argv[2]), {}
root.mkdir()
mount = lambda *words: subprocess.run(["mount", *words, str(root)], check=True)
mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")
store, filler = RunStore(shipped=False, root=root), root / "filler"
small, other = killing.specs("short", 0, 1)
large = replace(small, arch=replace(killing.ARCH, head=30_000))  # a checkpoint of 4 MB

def sweep(name, *runs):
    print(f"-- {name}", file=sys.stderr, flush=True)
    report = killing.sweep(list(runs), root, workers)
    told[name] = {how: len(getattr(report, how)) for how in ("stored", "failed", "left")}
    told[name]["reasons"] = [store.failure(spec.key) for spec in report.failed]

def fill(spare):
    with open(filler, "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - spare))

killing.sweep([small], Path(sys.argv[1]) / "whole", 0)  # what it should be; and the pictures' cache is warm
sweep("no room for one checkpoint", large, small)
if workers == 0:  # between two steps, all that is under this path turns read-only
    step = loop._Run._step
    def lost(run, batches):
        step(run, batches)
        loop._Run._step = step
        mount("-t", "tmpfs", "-o", "ro", "tmpfs")
    loop._Run._step = lost
    sweep("lost", other, replace(other, seed=5))
    subprocess.run(["umount", str(root)], check=True)
for spec in (large, other):
    (root / "failed" / f"{spec.key}.txt").unlink(missing_ok=True)
fill(0)
sweep("no room at all", large, other)
mount("-o", "remount,ro")
os.environ["EFFNET_RESULTS"] = str(root)
print("-- read-only", file=sys.stderr, flush=True)
told["read-only"] = cli.main(["queue", "--profile", "smoke", "--budget", "9", "--workers", str(workers)])
mount("-o", "remount,rw")
os.environ["EFFNET_RESULTS"] = str(Path(sys.argv[1]) / "cache")
filler.unlink()
sweep("room again", small, other)
whole = RunStore(shipped=False, root=Path(sys.argv[1]) / "whole")
told["identical"] = killing.outcome(store, small) == killing.outcome(whole, small)
told["leftovers"] = [left for left in killing.leftovers(store, [small, other]) if large.key not in left]
print(json.dumps(told))
"""


def can_mount() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_fails_what_it_must_with_a_reason_and_no_more(tmp_path, workers):
    if not can_mount():
        pytest.skip("this system lets nobody mount a small disk (unshare -rm mount)")
    environment = os.environ | {"PYTHONPATH": f"{HERE}:{paths.ROOT}", "EFFNET_RESULTS": str(tmp_path / "cache")}
    command = ["unshare", "-rm", sys.executable, "-c", DISK, str(tmp_path), str(workers)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    told, (_, *parts) = json.loads(done.stdout.splitlines()[-1]), done.stderr.split("-- ")
    errors = {name: lines for name, *lines in (part.splitlines() for part in parts)}
    full = "OSError: [Errno 28] No space left on device"

    one = told["no room for one checkpoint"]
    assert (one["stored"], one["failed"]) == (1, 1) and full in one["reasons"][0]
    assert errors["no room for one checkpoint"] == []

    none = told["no room at all"]
    assert (none["stored"], none["failed"], none["reasons"]) == (0, 2, [None, None])
    lines = errors["no room at all"]
    assert len(lines) == 2 and all(f"{full}" in line and "(not noted: No space left" in line for line in lines)

    assert told["read-only"] == 2
    (line,) = errors["read-only"]
    assert line.startswith("effnet: results folder ") and "cannot be written (Read-only file system)" in line

    if workers == 0:
        assert told["lost"]["failed"] == 2 and len(errors["lost"]) == 2
        assert all("Read-only file system" in line for line in errors["lost"])
    assert told["room again"] == {"stored": 1, "failed": 0, "left": 0, "reasons": []}
    assert told["identical"] and told["leftovers"] == []
