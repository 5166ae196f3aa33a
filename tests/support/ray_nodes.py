"""A real Ray cluster of two nodes on this machine, and as much of Ray as a pool uses."""

import json
import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore

HERE = "127.0.0.1"


def processes() -> list[tuple[int, int, str]]:
    """Return all processes as (pid, parent's pid, command)."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    fields = (line.split(None, 2) for line in listed.splitlines())
    return [(int(pid), int(parent), "".join(command)) for pid, parent, *command in fields]


class Nodes:
    """A Ray cluster on this machine: a head and a second node, one processor each, and a scratch that they share."""

    def __init__(self, folder: Path):
        from ray.cluster_utils import Cluster

        self.folder, self.second, self.seen = folder, None, set()
        self.scratch = RunStore(root=folder / "scratch")
        self.cluster = Cluster()
        self.add()

    def add(self):
        names = {"EFFNET_DATA": "data", "EFFNET_RESULTS": "never", "EFFNET_SCRATCH": "scratch"}
        return self.cluster.add_node(
            num_cpus=1,
            node_ip_address=HERE,
            include_dashboard=False,
            object_store_memory=80 << 20,
            env_vars={name: str(self.folder / below) for name, below in names.items()},
        )

    def complete(self) -> None:
        self.second = self.second or self.add()

    def on_second(self) -> list[int]:
        """Return the processes that the second node's daemon has started."""
        (daemon,) = self.second.all_processes["raylet"]
        return [pid for pid, parent, _ in processes() if parent == daemon.process.pid]

    def kill_second(self) -> None:
        """Kill the second node as a power cut would, and what it runs with it."""
        for pid in self.on_second():
            os.kill(pid, signal.SIGKILL)
        self.cluster.remove_node(self.second, allow_graceful=False)
        self.second = None

    def trains(self, spec: RunSpec) -> int | None:
        """Return the process that has finished an epoch of a run, if one has."""
        note = self.scratch.root / "running" / f"{spec.key}.json"
        body = json.loads(note.read_text()) if note.is_file() else {"epoch": 0}
        if body["epoch"]:
            self.seen.add(body["pid"])
        return body["pid"] if body["epoch"] else None


class FakeRay:
    """As much of Ray as a pool uses: tasks whose answers are given beforehand, raised where they are errors."""

    class exceptions:
        RayError = type("RayError", (Exception,), {})
        RayTaskError = type("RayTaskError", (RayError,), {})
        TaskCancelledError = type("TaskCancelledError", (RayError,), {})

    def __init__(self, *answers, nodes=()):
        self.answers, self.listed, self.sent = list(answers), nodes, []

    def remote(self, **options):
        return lambda function: SimpleNamespace(remote=lambda *given: self.sent.append(given) or len(self.sent))

    def nodes(self):
        return self.listed

    def wait(self, refs, timeout):
        return refs, []

    def get(self, ref):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
