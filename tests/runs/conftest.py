"""What the tests of runs share: checkpoints, commands that can be stopped."""

import os
import signal

import pytest
import torch
from support import killing
from support.command import Command
from support.killing import SHORT, saved, session

from effnet_lib.runs.worker import PAUSED, execute
from effnet_lib.training import checkpoint
from effnet_lib.training.monitor import Monitor

torch.set_num_threads(1)  # as in a worker: the same bits


@pytest.fixture
def stepped(store):
    """Two checkpoints of a run, after its first and its second step; returns where the newest is."""
    for _ in range(2):
        assert execute(SHORT, killing.DATA, store, monitor=Monitor(float("-inf"))) == PAUSED
    path = store.checkpoint(SHORT.key)
    assert checkpoint.previous(path).is_file() and saved(store, SHORT.key) == 2
    return path


@pytest.fixture
def command(tmp_path, images):
    """A function that starts a command; what it leaves is ended."""
    started = []

    def start(*arguments: str, **options) -> Command:
        started.append(Command(tmp_path, images, *arguments, **options))
        return started[-1]

    yield start
    for running in started:
        for pid in session(running.process.pid):
            os.kill(pid, signal.SIGKILL)
        running.process.wait()
