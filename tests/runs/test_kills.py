"""Killed runs, workers, servers and drivers: no bit changes, no saved step is lost, nothing is left."""

import os
import signal
import threading

import psutil
import pytest
from support import killing
from support.campaign import campaign
from support.killing import ENDLESS, notes, session, until

from effnet_lib.runs.sweep import SweepOptions, run_all

pytestmark = pytest.mark.slow


def test_a_killed_driver_leaves_no_process_and_no_lock(command):
    queue = command("queue", "--budget", "600", "--workers", "2")
    keys = queue.at(2)
    assert len(session(queue.process.pid)) >= 3 and all(map(queue.store.is_running, keys))
    queue.process.kill()
    queue.process.wait()
    until(lambda: not session(queue.process.pid), 10)
    assert not any(queue.store.is_running(key) or queue.store.failure(key) for key in keys)


def test_twenty_kills_change_no_bit_and_leave_nothing(tmp_path):
    """In training, in the middle of saving, before any file operation; one of a worker and one of a driver."""
    trials = list(campaign(tmp_path, kills=20, seed=0))
    deaths = [death for trial in trials for death in trial.deaths]
    assert len(deaths) >= 20 and {"training", "saving", "driver of a sweep"} <= {death.where for death in deaths}
    assert all(trial.identical for trial in trials)
    assert not any(death.lost or death.orphans for death in deaths)
    assert not any(trial.leftovers for trial in trials)


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
    report = run_all([*endless, *others], lambda spec: killing.DATA, store, SweepOptions(2, budget=90, say=said.append))
    killer.join()
    assert endless[0] in report.failed and report.stored and not report.left
    assert set(report.failed) | set(report.stored) == {*endless, *others}
    cause = "the worker process was killed (SIGKILL)" if victim == "worker" else "the server that starts worker"
    for spec in report.failed:
        assert cause in store.failure(spec.key) and any(
            "the kernel does that where memory runs out" in line for line in said
        )
    until(lambda: not psutil.pid_exists(pids[0]) and not store.is_running(endless[0].key))
    assert killing.sweep(others, store.root, 0).failed == []
    assert all(store.get(spec.key) for spec in others)
