"""A training over two processes of torchrun: its record, and the same bits after kills and signals."""

import os
import signal
from pathlib import Path

import pytest
from support.killing import until
from support.processes import lives, torchrun

from effnet_lib.data.datasets import declare
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.single_run import Wanted, divided, plan
from effnet_lib.training import checkpoint

pytestmark = pytest.mark.slow


EPOCHS = 60  # of 2 steps: long enough to be interrupted


def quiet(err: str) -> bool:
    """Say whether nothing was wrong; on some systems torchrun has something of its own to say."""
    return "effnet" not in err and "Warning" not in err and "Traceback" not in err


@pytest.fixture(scope="module")
def options(images) -> list[str]:
    return ["--profile", "smoke", "--epochs", str(EPOCHS), "--batch", "16", "--dataset", str(images)]


@pytest.fixture(scope="module")
def uninterrupted(options, tmp_path_factory) -> RunStore:
    """The store of a run of two processes that nobody disturbed."""
    with torchrun(tmp_path_factory.mktemp("uninterrupted"), *options) as run:
        code, out, err = run.end()
    assert code == 0 and quiet(err)
    (record,) = run.store.own()
    # On a busy machine the run takes long enough for a line or two of its epochs.
    assert [line for line in out.splitlines() if not line.startswith("epoch ")] == [
        "batch 16: 2 process(es), micro-batches of 8",
        f"{record.key[:12]}: stored, top-1 {record.top1:.2f} %",
    ]
    return run.store


def test_the_record_is_that_of_the_divided_run_and_says_how_many_made_it(uninterrupted, images):
    (record,) = uninterrupted.own()
    spec = plan(Study.of(PROFILES["smoke"], uninterrupted, declare(str(images))), Wanted(epochs=EPOCHS, batch=16))
    assert record.key == divided(spec, 2, None).key and uninterrupted.find(spec) == record
    assert record.provenance["processes"] == 2 and record.spec["micro_batch"] == 8
    assert len(record.result["history"]) == EPOCHS and record.result["val_pictures"] == 18
    assert not list((uninterrupted.root / "checkpoints").glob("*.pt"))


def test_a_stored_run_is_left_alone_by_all_processes(uninterrupted, options):
    (record,) = uninterrupted.own()
    path = uninterrupted.path(record.key)
    before = path.stat()
    with torchrun(uninterrupted.root, *options) as run:
        code, out, err = run.end()
    assert code == 0 and out == f"{record.key[:12]}: stored, top-1 {record.top1:.2f} %\n" and quiet(err)
    assert path.stat() == before


def steps(store: RunStore, key: str) -> int:
    progress = checkpoint.load(store.checkpoint(key), key)["progress"]
    return 2 * progress["epoch"] + progress["step"]


def kill_a_follower(root: Path, options: list[str]) -> None:
    """Start, and kill the process that does not lead in its fourth epoch; all must end, and not well."""
    with torchrun(root, *options, "--every", "0") as run:
        until(lambda: run.note().get("epoch", 0) >= 3, 120)
        workers, leader = run.workers(), run.note()["pid"]
        (follower,) = set(workers) - {leader}
        os.kill(follower, signal.SIGKILL)
        code, _, err = run.end()
        assert code != 0 and err.count("Traceback") == 1  # torchrun's own
        assert not any(map(lives, workers))


def stop(root: Path, options: list[str], after: int) -> None:
    """Go on, and stop torchrun after an epoch; only the signal saves: what lies there afterwards was saved after it."""
    with torchrun(root, *options, "--every", "1e9") as run:
        until(lambda: run.note().get("epoch", 0) > after, 120)
        workers = run.workers()
        os.kill(run.process.pid, signal.SIGTERM)
        code, out, err = run.end()
        assert code != 0 and len(workers) == 2 and not any(map(lives, workers))
        said = "effnet: stopped by SIGTERM; it goes on from there next time\n"
        assert err.count("Traceback") == 1 and err.count(said) == 2
        assert "stored" not in out


def test_a_killed_process_and_a_stop_change_no_bit(uninterrupted, options, tmp_path):
    (record,) = uninterrupted.own()
    store = RunStore(published=False, root=tmp_path)
    kill_a_follower(tmp_path, options)
    killed = steps(store, record.key)
    assert 6 <= killed < 2 * EPOCHS
    stop(tmp_path, options, after=killed // 2)
    assert killed < steps(store, record.key) < 2 * EPOCHS
    with torchrun(tmp_path, *options) as run:
        assert run.end()[0] == 0
    (resumed,) = store.own()
    assert resumed.correct.tolist() == record.correct.tolist()
    for name, value in record.result.items():
        assert "second" in name or resumed.result[name] == value, name
    assert store.weights(record.key).read_bytes() == uninterrupted.weights(record.key).read_bytes()
    assert not store.checkpoint(record.key).exists() and store.failure(record.key) is None
