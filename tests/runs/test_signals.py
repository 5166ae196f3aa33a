"""SIGINT and SIGTERM: the step is finished and saved, whoever is stopped says so, and the next one goes on from it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from support.killing import notes, saved, session, until

import effnet_lib as eff
from effnet_lib.core import paths, signals

SIGNALS = [signal.SIGINT, signal.SIGTERM]


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
    second.at(max(1, workers), epoch=1)
    second.stop(number, group=False)  # within its first epoch's time: a run from scratch would be at its first steps
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
    one = {"seeds": 2, "widths": [6.0], "depths": [1.0], "resolutions": [1.0]}
    plan = eff.plan("fig3", profile="smoke", train=False, **one)
    wide = {spec.key for (model, _), spec in plan.specs.items() if model.method == "width"}  # 27 times the baseline's
    command = [sys.executable, "-m", "effnet_lib", "run", "fig3", "--profile", "smoke", "-y", json.dumps(one)]
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        # Of two epochs one is done, and the other takes seconds.
        note = until(lambda: [note for key, note in notes(store.root).items() if key in wide and note["epoch"]])[0]
        running.send_signal(number)
        error = running.communicate(timeout=120)[1]  # workers have 60 s of grace
    finally:
        running.kill()
    assert running.returncode == 128 + number
    assert "\neffnet: " in f"\n{error}"  # among what the kernel and its client say of the connection that went
    until(lambda: not psutil.pid_exists(note["pid"]), 10)
    assert not notes(store.root) and list((store.root / "checkpoints").iterdir())
    assert not (store.root / "failed").exists()
