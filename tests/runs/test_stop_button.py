"""A notebook's kernel that is interrupted, terminated or shut down while it sweeps."""

import os
import signal

import pytest
from support.kernel import Kernel
from support.killing import ENDLESS, notes, saved, session, until

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("workers", [0, 2])]


@pytest.fixture
def kernel(store, workers):
    """A kernel in a session of its own, of which nothing is left."""
    started = Kernel(store, workers)
    yield started
    started.end()


def test_the_stop_button_saves_and_the_cell_goes_on_when_it_is_run_again(kernel, store):
    runs = kernel.run(epochs=60)
    until(lambda: kernel.trains(runs, 2))
    kernel.manager.interrupt_kernel()
    stop = {"status": "error", "ename": "Stopped", "evalue": "stopped by SIGINT; it goes on from there next time"}
    assert kernel.reply() == stop
    assert all(saved(store, spec.key) >= 4 for spec in runs) and not notes(store.root)
    assert not any(store.is_running(spec.key) for spec in runs)
    kernel.run(epochs=60)
    assert kernel.reply()["status"] == "ok" and all(store.get(spec.key) for spec in runs)


def test_a_kernel_that_is_terminated_or_shut_down_saves(kernel, store):
    runs = kernel.run(ENDLESS)
    until(lambda: kernel.trains(runs, 2))
    os.kill(kernel.leader, signal.SIGTERM)
    assert kernel.reply()["ename"] == "Stopped" and kernel.manager.is_alive()
    before = [saved(store, spec.key) for spec in runs]
    assert min(before) >= 4
    kernel.run(ENDLESS)
    until(lambda: kernel.trains(runs, 1))  # one that goes on is further at once, one from scratch is not
    kernel.manager.shutdown_kernel()  # as closing a notebook does
    until(lambda: not session(kernel.leader), 20)
    assert all(saved(store, spec.key) > steps for spec, steps in zip(runs, before, strict=True))
    assert not (store.root / "failed").exists()
