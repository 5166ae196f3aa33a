"""What goes wrong in one run is noted in one line; the others go on, and it is tried again."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from support import killing
from support.killing import SHORT

from effnet_lib.apps import cli
from effnet_lib.runs.executors.processes import _Pool
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import SweepOptions, run_all
from effnet_lib.runs.worker import FAILED
from effnet_lib.study import profiles
from effnet_lib.training import train_step

SILENT = SweepOptions(workers=0, say=lambda line: None)


@pytest.fixture
def unlucky(monkeypatch):
    """Have each step of the runs of seed 13 raise an error that is given."""

    def install(error: BaseException) -> None:
        train = train_step.Step.__call__

        def stumble(self, batches, images):
            if self.seed == 13:
                raise error
            return train(self, batches, images)

        start = train_step.Step.__init__

        def seeded(self, job, *args):
            start(self, job, *args)
            self.seed = job.seed

        monkeypatch.setattr(train_step.Step, "__init__", seeded)
        monkeypatch.setattr(train_step.Step, "__call__", stumble)

    return install


ERRORS = {
    "CUDA out of memory": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\n" + "GPU 0 " * 200),
    "memory": MemoryError("Unable to allocate 3 GiB"),
    "disk": OSError(28, "No space left on device"),
    "CUDA": RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_run_that_fails_is_noted_in_one_line_and_the_others_go_on(store, unlucky, name):
    unlucky(ERRORS[name])
    runs, said = killing.specs("short", 0, 13, 1, epochs=1), []
    report = run_all(runs, lambda spec: killing.DATA, store, SweepOptions(0, say=said.append))
    assert report.failed == [runs[1]] and report.stored == [runs[0], runs[2]]
    reason = store.failure(runs[1].key)
    assert f"{type(ERRORS[name]).__name__}: {str(ERRORS[name]).splitlines()[0]}" in reason
    assert "\n" not in reason and len(reason) < 400 and reason in said[1] and "\n" not in said[1]


def test_the_queue_tells_of_a_failed_run_by_its_exit_code(store, unlucky, monkeypatch, capsys, images):
    smoke = profiles.PROFILES["smoke"]
    small = replace(smoke, recipe=replace(smoke.recipe, epochs=1), widths=(1.0,), depths=(1.0, 4.0), resolutions=(1.0,))
    monkeypatch.setitem(profiles.PROFILES, "smoke", small)
    command = ["queue", "--profile", "smoke", "--dataset", str(images), "--budget", "99", "--workers", "0"]
    command += ["--artefact", "fig3"]
    with monkeypatch.context() as patch:
        failures = iter([torch.OutOfMemoryError("CUDA out of memory")])
        train = train_step.Step.__call__
        patch.setattr(
            train_step.Step,
            "__call__",
            lambda *args: (_ for _ in ()).throw(e) if (e := next(failures, None)) else train(*args),
        )
        assert cli.main(command) == 1
    assert "1 runs stored, 1 failed, 0 paused, 0 left for next time" in capsys.readouterr().out
    assert cli.main(command) == 0  # tried again
    assert "1 runs stored, 0 failed" in capsys.readouterr().out


def test_a_lock_that_cannot_be_made_fails_the_run_and_not_the_sweep(store, monkeypatch, capsys):
    runs, lock = killing.specs("short", 0, 1, epochs=1), RunStore.lock
    store.check_writable()

    def broken(self, key):
        if key == runs[0].key:
            raise OSError(30, "Read-only file system")
        return lock(self, key)

    monkeypatch.setattr(RunStore, "lock", broken)
    report = run_all(runs, lambda spec: killing.DATA, store, SILENT)
    assert report.failed == [runs[0]] and report.stored == [runs[1]]
    assert "OSError: [Errno 30] Read-only file system" in store.failure(runs[0].key)


def test_a_failure_that_cannot_be_noted_is_said(store, capsys):
    store.root.mkdir()
    (store.root / "failed").write_text("in the way")
    store.fail("0" * 64, "a\nreason")
    assert capsys.readouterr().err.endswith(" a reason (not noted: File exists)\n")


def test_what_a_kill_left_of_a_stored_run_is_removed(store, record_of, stepped):
    """The kill came between the record and the clean-up; nobody trains this run again."""
    store.put(record_of(SHORT))
    key = SHORT.key
    for folder, name in (("weights", "safetensors"), ("records", "json"), ("checkpoints", "pt"), ("running", "json")):
        (store.root / folder).mkdir(exist_ok=True)
        (store.root / folder / f".{key}.{name}.4711").write_text("half")
    note = store.root / "running" / f"{key}.json"
    note.write_text("{}")
    store.weights(key).write_text("weights")
    with store.lock(key):  # somebody is still busy with it
        assert run_all([SHORT], lambda spec: killing.DATA, store, SILENT).stored == []
        assert stepped.is_file() and note.is_file()
    run_all([SHORT], lambda spec: killing.DATA, store, SILENT)
    assert killing.leftovers(store, [SHORT]) == []


def test_a_worker_whose_exit_code_nobody_has_is_a_failed_run(store):
    ended = []
    options = SweepOptions(workers=1, say=lambda line: None)
    pool = _Pool(SimpleNamespace(options=options, todo=[SHORT], store=store, ended=lambda *how: ended.append(how)))
    pool.running[7] = (SimpleNamespace(join=lambda: None, exitcode=None), {SHORT: SHORT})
    pool._finish(7)
    assert ended == [(SHORT, FAILED, SHORT)] and not pool.running
    assert store.failure(SHORT.key).endswith(" the worker process ended, and its exit code is lost")
