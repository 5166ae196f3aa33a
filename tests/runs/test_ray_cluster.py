"""The Ray executor on a real cluster of two nodes: same results, lost nodes, failures, stops; and without a cluster."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError
from effnet_lib.core.signals import Stopped
from effnet_lib.models.memory import training_bytes
from effnet_lib.runs.executors import ray_cluster, ray_node
from effnet_lib.runs.spec import RunSpec
from effnet_lib.runs.store import RunStore, parse_record
from effnet_lib.runs.sweep import Report, Sweep, run_all
from effnet_lib.runs.worker import FAILED, PAUSED, STORED, execute
from effnet_lib.training import checkpoint
from effnet_lib.training.execution import Execution

pytestmark = pytest.mark.slow

PATIENCE = 240.0  # seconds until a condition counts as never met
HERE = "127.0.0.1"


def until(condition: Callable):
    """Poll until a condition is met and return its value; fail where it never is."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail("what was waited for did not happen")
        time.sleep(0.02)
    return value


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def processes() -> list[tuple[int, int, str]]:
    """Return all processes as (pid, parent's pid, command)."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    fields = (line.split(None, 2) for line in listed.splitlines())
    return [(int(pid), int(parent), "".join(command)) for pid, parent, *command in fields]


def of_epochs(spec: RunSpec, epochs: int, *seeds: int) -> list[RunSpec]:
    return [replace(spec, recipe=replace(spec.recipe, epochs=epochs), seed=seed) for seed in seeds]


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


@pytest.fixture(scope="module")
def ray_folder() -> Iterator[Path]:
    """A folder for Ray's own files, and an environment for it: read once, when it is first imported."""
    folder = Path(tempfile.mkdtemp(prefix="effnet-", dir="/tmp"))  # a socket's path has at most 107 characters
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # 127.0.0.1 stays what it is
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(paths.ROOT), *filter(None, sys.path)]))
        try:
            pytest.importorskip("ray", reason="the extra `cluster` is not installed")
            yield folder
        finally:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def nodes(ray_folder: Path) -> Iterator[Nodes]:
    """The cluster, on 127.0.0.1 and behind a token; when the tests are over nothing of it is left."""
    handler = signal.getsignal(signal.SIGTERM)
    made = Nodes(ray_folder)
    try:
        yield made
    finally:
        made.cluster.shutdown()
        signal.signal(signal.SIGTERM, handler)
    until(lambda: not [one for one in processes() if str(ray_folder) in one[2] or one[0] in made.seen])
    assert not (ray_folder / "never").exists()  # nodes write into their scratch only


@pytest.fixture
def sweep(nodes: Nodes, tiny_data, store, monkeypatch):
    """Run specs on the cluster, silently; the lines that were said are in `sweep.said`."""
    nodes.complete()
    monkeypatch.setenv("RAY_ADDRESS", nodes.cluster.address)

    def run(specs, dataset_of=lambda spec: tiny_data, **options) -> Report:
        return run_all(specs, dataset_of, store, say=run.said.append, executor="ray", **options)

    run.said = []
    return run


def test_a_cluster_gives_the_same_records_and_notes_failures(sweep, nodes, store, tiny_data, tiny_spec, tmp_path):
    good = of_epochs(tiny_spec, 3, 0, 1)
    wild, lost, busy = (replace(tiny_spec, seed=seed) for seed in (2, 3, 4))
    wild = replace(wild, recipe=replace(wild.recipe, lr=1e30, clip=0.0, warmup=0.0))
    for name in ("everywhere", "driver-only"):  # data below EFFNET_DATA, which is another folder on the nodes
        shutil.copytree(tiny_data.folder, paths.data_root() / name)
    shutil.copytree(tiny_data.folder, nodes.folder / "data" / "everywhere")
    folders = {1: paths.data_root() / "everywhere", 3: paths.data_root() / "driver-only"}
    with store.lock(busy.key):
        report = sweep(
            [good[0], lost, wild, good[1], busy],
            lambda spec: replace(tiny_data, folder=folders.get(spec.seed, tiny_data.folder)),
        )
    assert sorted(spec.seed for spec in report.stored) == [0, 1] and report.busy == [busy]
    assert {spec.seed for spec in report.failed} == {2, 3} and not (report.paused or report.left)
    assert store.diverged(wild.key) and "training loss" in store.failure(wild.key)
    gone = nodes.folder / "data" / "driver-only"
    assert f"DataError: dataset={tiny_data.id}: there is no folder '{gone}'" in store.failure(lost.key)
    here = RunStore(root=tmp_path / "here")
    for spec in good:
        assert execute(spec, tiny_data, here) == STORED
        one, other = (found.get(spec.key).result for found in (store, here))
        assert one["correct"] == other["correct"] and one["history"] == other["history"]
        assert store.weights(spec.key).read_bytes() == here.weights(spec.key).read_bytes()
    assert not list(store.root.glob("checkpoints/*")) and not list(store.root.glob("running/*.json"))
    for folder in ("records", "weights", "checkpoints"):
        assert not list(nodes.scratch.root.glob(f"{folder}/*"))  # what the driver has is no longer there
    assert not any(store.is_running(spec.key) for spec in [*good, wild, lost])


def test_a_killed_node_loses_nothing(sweep, nodes, store, tiny_spec, monkeypatch):
    specs, stored = of_epochs(tiny_spec, 30, *range(5)), []
    monkeypatch.setattr(RunStore, "put", lambda self, record, put=RunStore.put: stored.append(put(self, record)))

    def kill() -> None:
        until(lambda: any(pid in nodes.on_second() for spec in specs if (pid := nodes.trains(spec))))
        nodes.kill_second()

    killer = meanwhile(kill)
    report = sweep(specs, execution=Execution(every=0), budget=PATIENCE)
    killer.join(PATIENCE)
    assert sorted(spec.seed for spec in report.stored) == [*range(5)] and not report.failed
    assert len(stored) == 5 and all(len(store.get(spec.key).result["history"]) == 30 for spec in specs)
    assert any("its worker or node was lost; it is tried again" in line for line in sweep.said)


def test_a_stopped_sweep_pauses_and_the_next_one_goes_on(sweep, nodes, store, tiny_spec, monkeypatch):
    monkeypatch.setattr(ray_cluster, "GLANCE", 0.05)
    (spec,) = of_epochs(tiny_spec, 100, 5)

    def stop() -> None:
        until(lambda: nodes.trains(spec) and store.is_running(spec.key))
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = meanwhile(stop)
    with pytest.raises(Stopped, match="SIGTERM"):
        sweep([spec])
    stopper.join(PATIENCE)
    assert sweep.said[-1].endswith("seed 5: paused")
    assert not (store.get(spec.key) or store.failure(spec.key) or store.is_running(spec.key))
    path = nodes.scratch.checkpoint(spec.key)
    state = checkpoint.load(path, spec.key)
    state["progress"]["losses"][0] = 123.0  # the first epoch is not trained again
    checkpoint.save(path, state)
    assert sweep([spec]).stored == [spec]
    history = store.get(spec.key).result["history"]
    assert history[0] == 123.0 and len(history) == 100 and not path.exists()


@pytest.mark.usefixtures("ray_folder")
@pytest.mark.parametrize("address", ["a closed port", "local", "nonsense"])
def test_without_a_cluster_one_line_says_how_to_start_one(address, store, tiny_data, tiny_spec, monkeypatch):
    with socket.socket() as free:
        free.bind((HERE, 0))
        closed = f"{HERE}:{free.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", closed if address == "a closed port" else address)
        with pytest.raises(ParameterError, match=r"^executor='ray' .*`ray start --head`") as caught:
            run_all([tiny_spec], lambda spec: tiny_data, store, executor="ray")
    assert "\n" not in str(caught.value) and not list(store.root.glob("running/*.lock"))


def test_without_ray_one_line_names_the_extra(store, tiny_data, tiny_spec, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ParameterError, match=r"^executor='ray' .* extra `cluster`"):
        run_all([tiny_spec], lambda spec: tiny_data, store, executor="ray")


@pytest.mark.usefixtures("ray_folder")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"execution": Execution("mps")}, "device='mps' .* cpu or cuda"),
        ({"execution": Execution("cuda:1")}, "device='cuda:1' .* Ray numbers the GPUs"),
        ({"execution": Execution("cuda", gpu_share=0.0)}, r"gpu_share=0\.0 .* above 0"),
        ({"execution": Execution("cuda", gpu_share=1.5)}, r"gpu_share=1\.5 .* at most 1"),
        ({"execution": Execution(gpu_share=0.5), "executor": "local"}, r"gpu_share=0\.5 .* without a cluster"),
        ({"workers": 0}, "workers=0 .* above 0"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(options, message, store, tiny_data, tiny_spec):
    with pytest.raises(ParameterError, match=f"^{message}"):
        run_all([tiny_spec], lambda spec: tiny_data, store, **({"executor": "ray"} | options))


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


@pytest.fixture
def answered(store, tiny_data, tiny_spec):
    """Run the tiny spec on a cluster that gives these answers; return the report and how often it was submitted."""

    def run(*answers) -> tuple[Report, int]:
        state = Sweep([tiny_spec], lambda _: tiny_data, store, Execution(), 1e12, lambda line: None, lambda _: 0.0)
        ray = FakeRay(*answers)
        ray_cluster._Pool(ray, state).run()
        return state.report, len(ray.sent)

    return run


def test_a_run_that_kills_its_workers_fails_in_the_end(answered, store, tiny_spec, record_of):
    lost = FakeRay.exceptions.RayError("out of\nmemory")
    report, sent = answered(*[lost] * ray_cluster.TRIES)
    assert report.failed == [tiny_spec] and sent == ray_cluster.TRIES
    assert f"lost {ray_cluster.TRIES} times, at last: RayError: out of memory" in store.failure(tiny_spec.key)
    finished = ray_node.Outcome(STORED, tiny_spec.key, record_of(tiny_spec).to_json())
    assert answered(lost, finished)[0].stored == [tiny_spec] and store.failure(tiny_spec.key) is None


def test_a_run_goes_on_elsewhere_where_its_node_was_asked_to_stop(answered, tiny_spec, record_of):
    preempted = ray_node.Outcome(PAUSED, tiny_spec.key, asked=True)
    finished = ray_node.Outcome(STORED, tiny_spec.key, record_of(tiny_spec).to_json())
    report, sent = answered(preempted, preempted, finished)
    assert report.stored == [tiny_spec] and sent == 3 and not report.paused


def test_only_a_sound_record_of_the_run_is_stored(answered, store, tiny_spec, record_of):
    key, other = tiny_spec.key, record_of(replace(tiny_spec, seed=9)).to_json()
    for record, weights, message in (
        (other, b"", "is the same effnet_lib installed there"),
        ("{}", b"", "not a run record"),
        (record_of(tiny_spec).to_json(), b"weights", "no safetensors"),
    ):
        assert answered(ray_node.Outcome(STORED, key, record, weights))[0].failed == [tiny_spec]
        assert message in store.failure(key) and store.get(key) is None
    bug = FakeRay.exceptions.RayTaskError("a traceback\nModuleNotFoundError: No module named 'effnet_lib'")
    assert answered(bug)[0].failed == [tiny_spec] and "No module named 'effnet_lib'" in store.failure(key)
    assert answered(ray_node.Outcome(FAILED, key))[0].failed == [tiny_spec]
    assert "could not note the reason" in store.failure(key)


def test_a_run_that_a_node_split_counts_as_done(answered, store, tiny_spec, record_of):
    half = replace(tiny_spec, micro_batch=8)
    report, _ = answered(ray_node.Outcome(STORED, half.key, record_of(half).to_json(), said=("it does not fit",)))
    assert report.stored == [tiny_spec] and store.get(half.key) and store.find(tiny_spec).key == half.key


def test_a_node_splits_what_does_not_fit_its_share_of_the_gpu(tiny_data, tiny_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(ray_node, "_gpu_bytes", lambda execution: training_bytes(tiny_spec.arch, 8))
    outcome = ray_node.train(tiny_spec, tiny_data, Execution(), 1e6)
    record = parse_record(outcome.record)
    assert outcome.how == STORED and record.key == outcome.key == replace(tiny_spec, micro_batch=8).key
    assert "micro-batches of 8 pictures" in outcome.said[0] and outcome.weights
    assert not [path for path in (tmp_path / "scratch").glob("*/*") if outcome.key in path.name and path.stat().st_size]


def test_weights_that_are_too_large_to_travel_stay_on_the_node(tiny_data, tiny_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(ray_node, "WEIGHTS", 100)
    outcome = ray_node.train(tiny_spec, tiny_data, Execution(), 1e6)
    (kept,) = (tmp_path / "scratch" / "weights").iterdir()
    assert outcome.record and not outcome.weights and outcome.said[0].endswith(str(kept))


def test_a_node_uses_no_scratch_of_somebody_else(tiny_data, tiny_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"effnet-{os.getuid()}").symlink_to(tiny_data.folder)
    outcome = ray_node.train(tiny_spec, tiny_data, Execution(), 1e6)
    assert outcome.how == FAILED and "is not yours; EFFNET_SCRATCH takes one that is" in outcome.reason


def test_there_is_room_for_as_many_runs_as_fit_on_the_nodes(store, tiny_data, tiny_spec):
    parts = ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 2.0, "GPU": 4.0}, {"CPU": 1.0}, {"memory": 1.0})
    listed = [{"Alive": True, "Resources": part} for part in parts] + [{"Alive": False, "Resources": {}}]
    rooms = {}
    for execution in (
        Execution(),
        Execution("cuda"),
        Execution("cuda", gpu_share=1 / 3),
        Execution("cuda", gpu_share=0.6),
    ):
        state = Sweep([tiny_spec], lambda _: tiny_data, store, execution, 1e12, print, lambda _: 0.0)
        rooms[execution] = ray_cluster._Pool(FakeRay(nodes=listed), state)._room()
    assert list(rooms.values()) == [11, 4, 8, 4]
