"""A signal that comes while a process is born is kept until it listens, whatever its server has imported."""

import os
import signal
from multiprocessing.connection import Connection

import pytest

from effnet_lib.core import forkserver, signals

PRELOAD = ("effnet_lib.runs.worker", "effnet_lib.training.trainer", "effnet_lib.training.fast.ready")


def born(pipe: Connection) -> None:
    """Be a worker that listens no sooner than it is told to."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    pipe.send({number for number in signals.SIGNALS if number in blocked})
    pipe.recv()
    pending = signal.sigpending()
    signals.listen_to_the_end()
    pipe.send((pending, signals.asked(), signal.pthread_sigmask(signal.SIG_BLOCK, [])))


@pytest.mark.slow
@pytest.mark.parametrize("number", signals.SIGNALS, ids=lambda number: number.name)
def test_a_signal_before_a_worker_listens_is_heard_once_it_does(number):
    """With what workers' servers import, compiled kernels among it: nothing there unblocks or ignores a signal."""
    context = forkserver.server(*PRELOAD)
    for _ in range(2):  # the second is born of a server that has borne one
        mine, theirs = context.Pipe()
        process = context.Process(target=born, args=(theirs,))
        with signals.held():
            process.start()
        assert mine.recv() == set(signals.SIGNALS)
        os.kill(process.pid, number)
        mine.send("listen")
        pending, asked, blocked = mine.recv()
        process.join()
        assert (pending, asked, blocked, process.exitcode) == ({number}, True, set(), 0)
