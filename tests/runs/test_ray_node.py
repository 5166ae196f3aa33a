"""What one node of a cluster does with a run: split it, keep large weights, refuse a scratch that is not its own."""

import os
import tempfile
from dataclasses import replace

import pytest

from effnet_lib.models.memory import training_bytes
from effnet_lib.runs.executors import ray_node
from effnet_lib.runs.run_store import parse_record
from effnet_lib.runs.worker import FAILED, STORED
from effnet_lib.training.execution import Execution

pytestmark = pytest.mark.slow


def test_a_node_splits_what_does_not_fit_its_share_of_the_gpu(tiny_data, tiny_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(ray_node, "_gpu_bytes", lambda execution: training_bytes(tiny_spec.arch, 8))
    outcome = ray_node.train(tiny_spec, tiny_data, Execution(), 1e6)
    record = parse_record(outcome.record)
    assert outcome.how == STORED and record.key == outcome.key == replace(tiny_spec, micro_batch=8).key
    assert "micro-batches of 8 images" in outcome.said[0] and outcome.weights
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
