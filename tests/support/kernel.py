"""A notebook's kernel that sweeps, as JupyterLab starts it."""

import os
import signal

from jupyter_client import KernelManager
from support import killing
from support.killing import TESTS, notes, session

from effnet_lib.core import paths
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore

CELL = """
from support import killing
from effnet_lib.runs.run_store import RunStore
from effnet_lib.training.execution import Execution
report = killing.sweep(killing.specs("short", *{seeds}, epochs={epochs}), RunStore().root, {workers}, Execution())
assert not report.failed
"""


class Kernel:
    """A kernel in a session of its own, whose cells sweep one run a worker."""

    def __init__(self, store: RunStore, workers: int):
        self.store, self.workers, self.manager = store, workers, KernelManager()
        self.manager.start_kernel(env=os.environ | {"PYTHONPATH": f"{TESTS}:{paths.ROOT}"})
        self.leader, self.client = self.manager.provisioner.pid, self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60)

    def run(self, epochs: int) -> list[RunSpec]:
        """Run a cell that sweeps, without waiting for its end; return its runs."""
        seeds = list(range(max(1, self.workers)))
        self.client.execute(CELL.format(seeds=seeds, epochs=epochs, workers=self.workers))
        return killing.specs("short", *seeds, epochs=epochs)

    def trains(self, runs: list[RunSpec], epoch: int) -> bool:
        """Say whether all the runs have trained so many epochs."""
        found = notes(self.store.root)
        return all(spec.key in found and found[spec.key]["epoch"] >= epoch for spec in runs)

    def reply(self) -> dict:
        """Wait for the end of a cell; return how it ended."""
        while (message := self.client.get_shell_msg(timeout=60))["msg_type"] != "execute_reply":
            pass  # a kernel that starts slowly is asked more than once whether it is ready, and answers each time
        content = message["content"]
        return {name: content.get(name) for name in ("status", "ename", "evalue")}

    def end(self) -> None:
        """End it and whatever it started."""
        self.client.stop_channels()
        for pid in session(self.leader):
            os.kill(pid, signal.SIGKILL)
        self.manager.cleanup_resources()
