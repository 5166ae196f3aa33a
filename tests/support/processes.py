"""Processes that tests start and look after: those that train together, torchrun's, and whether a process lives."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from effnet_lib.runs.run_store import RunStore
from effnet_lib.training.distributed import joined


def lives(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def together(world: int, work: Callable, *given) -> None:
    """Call work(group, *given) in so many processes that are joined; each must end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_join, args=(rank, world, port, work, given)) for rank in range(world)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        process.kill()
    assert [process.exitcode for process in processes] == [0] * world


def _join(rank: int, world: int, port: int, work: Callable, given: tuple) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with joined("cpu") as (group, _):
        work(group, *given)


class Torchrun:
    """`torchrun --nproc-per-node 2 -m effnet_lib train`, on the tiny images unless told otherwise."""

    def __init__(self, results: Path, *options: str):
        command = "-m torch.distributed.run --standalone --nproc-per-node 2 -m effnet_lib train"
        environment = os.environ | {"EFFNET_RESULTS": str(results), "OMP_NUM_THREADS": "1"}
        self.store = RunStore(published=False, root=results)
        self.process = subprocess.Popen(
            [sys.executable, *command.split(), *options],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def workers(self) -> list[int]:
        """Return the processes that torchrun started."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        return [int(pid) for pid, parent, args in rows if int(parent) == self.process.pid and "-m effnet_lib" in args]

    def note(self) -> dict:
        """Return what the leader says of the run that it trains."""
        notes = [json.loads(path.read_text()) for path in self.store.root.glob("running/*.json")]
        return notes[0] if notes else {}

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return exit code and output."""
        out, err = self.process.communicate(timeout=180)
        return self.process.returncode, out, err


@contextmanager
def torchrun(results: Path, *options: str) -> Iterator[Torchrun]:
    """Start torchrun; nothing of it is left afterwards, whatever happened."""
    run = Torchrun(results, *options)
    try:
        yield run
    finally:
        for pid in [*run.workers(), run.process.pid]:
            if lives(pid):
                os.kill(pid, signal.SIGKILL)
        run.process.communicate()
