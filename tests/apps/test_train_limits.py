"""`effnet train` on a machine that is too small, of one image, and stopped while a network is built."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from effnet_lib.apps import cli
from effnet_lib.core import hardware
from effnet_lib.core.errors import ParameterError
from effnet_lib.data import datasets
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.memory import training_bytes
from effnet_lib.runs import sweep
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study import single_run
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.single_run import Wanted, plan
from effnet_lib.training import memory_check, run_state, trainer
from effnet_lib.training.input_pipeline import InputPipeline
from effnet_lib.training.recipes import SHORT

torch.set_num_threads(1)
SMOKE = ["train", "--profile", "smoke", "--epochs", "1"]


def never(*_):
    pytest.fail("built")


def test_more_memory_than_is_free_is_refused_with_both_numbers(capsys, monkeypatch, images, store):
    monkeypatch.setattr(memory_check, "free_memory", lambda: 2**27)
    monkeypatch.setattr(datasets, "content_fingerprint", never)
    assert cli.main([*SMOKE, "--dataset", str(images)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and not (store.root / "failed").exists()
    study = Study.of(PROFILES["smoke"], store)
    needed = training_bytes(plan(study, Wanted()).arch, 32) / 2**30
    assert err.startswith(
        "effnet: micro_batch=32 is not accepted; micro_batch takes fewer images, or a smaller network"
    )
    assert err.endswith(f"needs {needed:.1f} GiB, and 0.1 GiB are free\n")


@pytest.mark.parametrize("workers", [0, 2])
def test_runs_of_a_sweep_that_do_not_fit_fail_before_their_data_are_read(monkeypatch, tiny_data, store, workers):
    """The others go on; here none is left, so that nothing is read at all."""
    monkeypatch.setattr(memory_check, "free_memory", lambda: 2**27)
    monkeypatch.setattr(sweep, "content_fingerprint", never)
    arch = plan(Study.of(PROFILES["smoke"], store), Wanted()).arch
    specs, said = [RunSpec(arch, replace(SHORT, batch=32), tiny_data.id, seed) for seed in (0, 1)], []
    report = sweep.run_all(specs, lambda spec: tiny_data, store, sweep.SweepOptions(workers, say=said.append))
    assert report.failed == specs and not report.left
    assert all("micro_batch=32 is not accepted; " in store.failure(spec.key) for spec in specs)
    assert len(said) == 2 and said[0].startswith("0 of 2: ") and "failed" in said[0]


def test_a_smaller_run_beside_one_that_does_not_fit_is_executed(monkeypatch, tiny_data, tiny_spec, store):
    free = training_bytes(tiny_spec.arch, 16) + 2**20
    monkeypatch.setattr(memory_check, "free_memory", lambda: free)
    large = replace(tiny_spec, arch=replace(tiny_spec.arch, px=320))
    report = sweep.run_all([large, tiny_spec], lambda spec: tiny_data, store, sweep.SweepOptions(0, say=lambda _: None))
    assert report.failed == [large] and report.stored == [tiny_spec]


def test_a_run_that_memory_cannot_hold_reads_no_image(monkeypatch, tiny_data, tiny_spec, tmp_path):
    """Also where no sweep looked before, as on a cluster's node."""
    monkeypatch.setattr(memory_check, "free_memory", lambda: 2**20)
    monkeypatch.setattr(InputPipeline, "of", never)
    with pytest.raises(ParameterError, match=r"^micro_batch=16 is not accepted"):
        trainer.train(tiny_spec, tiny_data, tmp_path / "run.pt")


def test_free_memory_is_a_containers_where_it_has_a_limit(tmp_path):
    assert hardware.free_memory(tmp_path, tmp_path) is None
    (tmp_path / "meminfo").write_text("MemTotal:  100 kB\nMemAvailable:  50 kB\n", encoding="utf-8")
    assert hardware.free_memory(tmp_path, tmp_path) == 50 * 1024
    group = tmp_path / "fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n", encoding="utf-8")
    (group / "memory.current").write_text("30000\n", encoding="utf-8")
    assert hardware.free_memory(tmp_path, tmp_path) == 50 * 1024
    (group / "memory.max").write_text("40000\n", encoding="utf-8")
    assert hardware.free_memory(tmp_path, tmp_path) == 10_000
    (group / "memory.stat").write_text("anon 5\ninactive_file 2000\n", encoding="utf-8")
    assert hardware.free_memory(tmp_path, tmp_path) == 12_000


@pytest.mark.parametrize("batch, micro, images, alone", [
    (1, 0, 100, True), (16, 0, 1, True), (9, 4, 100, True), (16, 1, 100, True), (16, 0, 100, False),
    (9, 3, 100, False), (16, 0, 0, False), (2, 0, 100, False),
])  # fmt: skip
def test_an_image_alone_is_refused_where_the_last_map_has_one_cell(store, batch, micro, images, alone):
    # Without late strides left out, 32 px end in one cell.
    study = Study.of(PROFILES["smoke"], store, base=ProxyBaseline(0.25, 0.25, 32))
    spec = plan(study, Wanted(batch=batch, micro_batch=micro))
    larger = RunSpec(efficientnet.EfficientNet(64, 10, 8, spec.arch.stages, 8), spec.recipe, spec.data, 0, micro)
    single_run._check_batch_norm(larger, 1, images)
    if alone:
        with pytest.raises(single_run.ParameterError, match=r"is not accepted; .* batch norm needs two values"):
            single_run._check_batch_norm(spec, 1, images)
    else:
        single_run._check_batch_norm(spec, 1, images)


def test_one_image_a_step_trains_where_the_last_map_is_larger(images, store):
    assert cli.main([*SMOKE, "--batch", "1", "--dataset", str(images)]) == 0
    (record,) = store.own()
    assert record.spec["recipe"]["batch"] == 1 and record.result["final_px"] == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_network_is_built_ends_at_once(capsys, monkeypatch, images, store, number):
    def build(*_):
        os.kill(os.getpid(), number)
        pytest.fail("built on")

    monkeypatch.setattr(run_state, "build", build)
    assert cli.main([*SMOKE, "--dataset", str(images)]) == 128 + number
    assert capsys.readouterr().err.startswith(f"effnet: stopped by {number.name}")
    assert list(store.own()) == [] and not list(store.root.rglob("*.pt")) and not (store.root / "failed").exists()


@pytest.mark.slow
def test_a_process_that_builds_a_deep_network_is_ended_by_sigterm(images, roots):
    """1,600 blocks: it says so as soon as the first of many modules is made."""
    command = [*SMOKE, "--depth", "100", "--dataset", str(images)]
    code = f"""
import os, signal, sys
from effnet_lib.apps import cli
from effnet_lib.training import memory_check, run_state, trainer
from effnet_lib.training.input_pipeline import InputPipeline
from effnet_lib.training.recipes import SHORT
def told(*given, build=run_state.build):
    print("building", flush=True)
    return build(*given)
run_state.build = told
sys.exit(cli.main({command!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143 and out == "" and "stopped by SIGTERM" in err
    assert not list((roots / "results").rglob("*.pt"))
