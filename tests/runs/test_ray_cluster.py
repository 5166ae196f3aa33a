"""The Ray executor on a real cluster of two nodes: same results, lost nodes, failures, stops; and without a cluster."""

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import killing
from support.ray_nodes import HERE, Nodes, processes

from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError
from effnet_lib.core.signals import Stopped
from effnet_lib.runs.executors import ray_cluster
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import Report, SweepOptions, run_all
from effnet_lib.runs.worker import STORED, execute
from effnet_lib.training import checkpoint
from effnet_lib.training.execution import Execution

pytestmark = pytest.mark.slow

PATIENCE = 240.0  # seconds until a condition counts as never met


def until(condition: Callable):
    """Poll until a condition is met and return its value; fail where it never is."""
    return killing.until(condition, PATIENCE)


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def of_epochs(spec: RunSpec, epochs: int, *seeds: int) -> list[RunSpec]:
    return [replace(spec, recipe=replace(spec.recipe, epochs=epochs), seed=seed) for seed in seeds]


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
        return run_all(specs, dataset_of, store, SweepOptions(executor="ray", say=run.said.append, **options))

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
            run_all([tiny_spec], lambda spec: tiny_data, store, SweepOptions(executor="ray"))
    assert "\n" not in str(caught.value) and not list(store.root.glob("running/*.lock"))


def test_without_ray_one_line_names_the_extra(store, tiny_data, tiny_spec, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ParameterError, match=r"^executor='ray' .* extra `cluster`"):
        run_all([tiny_spec], lambda spec: tiny_data, store, SweepOptions(executor="ray"))


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
        run_all([tiny_spec], lambda spec: tiny_data, store, SweepOptions(**({"executor": "ray"} | options)))
