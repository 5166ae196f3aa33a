"""Checkpoints: another run's, damaged and foreign files are refused; a kill while one is written loses nothing."""

import pickle
from pathlib import Path

import pytest
import torch
from support.recipes import PAST

from effnet_lib.core.errors import RunFailed
from effnet_lib.runs.worker import FAILED, STORED, execute
from effnet_lib.training import checkpoint
from effnet_lib.training.monitor import Monitor

torch.set_num_threads(1)


class Evil:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_checkpoint_of_another_run_or_damaged_is_refused(tiny_spec, tiny_data, store, tmp_path):
    assert checkpoint.load(tmp_path / "none.pt", "key") is None
    execute(tiny_spec, tiny_data, store, monitor=Monitor(PAST))
    path = store.checkpoint(tiny_spec.key)
    good = path.read_bytes()
    assert checkpoint.load(path, tiny_spec.key)["progress"]["step"] == 1
    with pytest.raises(RunFailed, match=f"belongs to run {tiny_spec.key[:12]}; remove it"):
        checkpoint.load(path, "0" * 64)
    touched = tmp_path / "touched"
    torch.save([1], tmp_path / "list.pt")
    foreign = (good[:1000], b"", b"text", pickle.dumps(Evil(touched), 2), (tmp_path / "list.pt").read_bytes())
    for content in foreign:
        path.write_bytes(content)
        with pytest.raises(RunFailed, match=f"checkpoint {tiny_spec.key}.pt .*; remove it"):
            checkpoint.load(path, tiny_spec.key)
        assert execute(tiny_spec, tiny_data, store) == FAILED  # never trained from scratch in silence
    assert not touched.exists()  # nothing in a checkpoint is executed
    path.write_bytes(good)
    assert execute(tiny_spec, tiny_data, store) == STORED


def test_a_kill_while_writing_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    checkpoint.save(path, {"key": "run", "epoch": 1})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"key": "run", "epoch": 2})
    assert checkpoint.load(path, "run")["epoch"] == 1
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["run.pt"]
