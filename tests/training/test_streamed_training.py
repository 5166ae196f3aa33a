"""Early stopping on reserved images, and images streamed from disk: the same to the bit, wherever it was paused."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from effnet_lib.core import signals
from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunRecord, RunStore
from effnet_lib.runs.worker import PAUSED, STORED, execute
from effnet_lib.training import checkpoint, trainer
from effnet_lib.training import input_pipeline as feed
from effnet_lib.training.execution import Execution
from effnet_lib.training.monitor import Monitor
from effnet_lib.training.recipes import PAPER

torch.set_num_threads(1)

CPU = torch.device("cpu")
PAST = -math.inf  # a deadline before every step
TINY_PAPER = replace(
    PAPER, epochs=4, batch=16, lr=0.256 * 16 / 4096, lr_decay_epochs=1.0, warmup=1 / 4, ema=0.9, minival=6
)


def without_times(record: RunRecord) -> dict:
    return {name: value for name, value in record.result.items() if "second" not in name}


def ended(spec: RunSpec, store: RunStore) -> tuple[dict, bytes]:
    """Return what a run left: its result without times, and its weights."""
    return without_times(store.get(spec.key)), store.weights(spec.key).read_bytes()


# The paper's recipe, read off what is built -----------------------------------------------------------------


@pytest.fixture
def paper(tiny_spec: RunSpec) -> RunSpec:
    """The paper's recipe on the tiny network: 4 epochs of 1 step, 6 pictures reserved."""
    return replace(tiny_spec, recipe=TINY_PAPER)


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("paused", [False, True])
def test_the_weights_of_the_best_minival_epoch_are_the_ones_evaluated(monkeypatch, paper, tiny_data, store, paused):
    """Of two equal epochs the earlier; also where the run is paused after every step."""
    evaluate, found, hits = trainer.evaluate, {}, [2, 5, 5, 1]

    def spy(model, feed, part):
        right, loss = evaluate(model, feed, part)
        if part == "minival":
            assert len(right) == 6
            part = f"minival {1 + len([name for name in found if name.startswith('minival')])}"
            right = np.arange(6) < hits[int(part[-1]) - 1]
        found[part] = weights_of(model)
        return right, loss

    monkeypatch.setattr(trainer, "evaluate", spy)
    for _ in range(4 if paused else 0):
        assert execute(paper, tiny_data, store, monitor=Monitor(PAST)) == PAUSED
    assert execute(paper, tiny_data, store) == STORED
    result = store.get(paper.key).result
    assert result["minival"] == pytest.approx([100 * hit / 6 for hit in hits]) and result["best_epoch"] == 2
    assert result["train_pictures"] == 30 and len(result["history"]) == 4

    def same(one: str, other: str) -> bool:
        return all(torch.equal(found[one][name], found[other][name]) for name in found[one])

    assert same("val", "minival 2") and same("larger", "val") and same("train_eval", "val")
    assert not same("val", "minival 1") and not same("val", "minival 3")
    from safetensors.torch import load_file

    kept = load_file(store.weights(paper.key))
    assert all(torch.equal(kept[name], value) for name, value in found["val"].items())


def test_a_stop_while_the_reserved_images_are_looked_at_costs_no_step(monkeypatch, paper, tiny_data, store, tmp_path):
    assert execute(paper, tiny_data, store) == STORED
    other, evaluate = RunStore(root=tmp_path / "other"), trainer.evaluate

    def stopped(model, feed, part):
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(model, feed, part)

    with monkeypatch.context() as patch, signals.listening():
        patch.setattr(trainer, "evaluate", stopped)
        assert execute(paper, tiny_data, other, Execution(every=1e9)) == PAUSED
    saved = checkpoint.load(other.checkpoint(paper.key), paper.key)["progress"]
    assert (saved["epoch"], saved["step"], saved["minival"]) == (1, 0, [])
    assert execute(paper, tiny_data, other) == STORED
    assert ended(paper, other) == ended(paper, store)


# Streamed ---------------------------------------------------------------------------------------------------


def steps(spec: RunSpec, dataset: DataSet) -> list[tuple]:
    """Return what every step of the first epoch is given: picture numbers, crops, AutoAugment, pixels, labels."""
    seen, fed = [], feed.InputPipeline.of(spec, dataset, CPU)
    finish = fed._finish

    def spy(images, labels, draw):
        seen.append((draw.chosen.tolist(), draw.matrices.tolist(), draw.policy and vars(draw.policy), images, labels))
        return finish(images, labels, draw)

    fed._finish = spy
    for batches in fed.epoch(0):
        list(batches)
    return seen


@pytest.mark.slow
def test_streamed_crops_are_those_of_the_in_memory_path(monkeypatch, tmp_path, paper):
    """On small square pictures, which neither path reduces; elsewhere streamed reductions are antialiased."""
    noise = np.random.default_rng(0)
    for part in ("train", "val"):
        for index in range(30):
            file = tmp_path / "squares" / part / "ab"[index % 2] / f"{index:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    dataset = declare(str(tmp_path / "squares"))
    spec = replace(paper, recipe=replace(paper.recipe, batch=8), data=dataset.id, micro_batch=3)
    held = steps(spec, dataset)
    monkeypatch.setattr(feed, "MEMORY_LIMIT", 0)
    streamed = steps(spec, dataset)
    assert len(held) == len(streamed) == 3 * 3
    for one, other in zip(held, streamed, strict=True):
        assert one[:2] == other[:2] and torch.equal(one[4], other[4])
        assert all(np.array_equal(one[2][name], other[2][name]) for name in one[2])
        assert (one[3] - other[3]).abs().max() <= 1.5  # Pillow rounds twice


@pytest.mark.slow
def test_a_streamed_run_is_the_same_to_the_bit_wherever_it_was_paused(monkeypatch, paper, tiny_data, store, tmp_path):
    spec = replace(paper, recipe=replace(paper.recipe, epochs=2, batch=8), micro_batch=3)
    monkeypatch.setattr(feed, "MEMORY_LIMIT", 0)
    assert execute(spec, tiny_data, store) == STORED
    result, _ = ended(spec, store)
    assert result["source_px"] == 32 and result["val_pictures"] == 18 and len(result["minival"]) == 2
    assert len(list((store.root / "cache").glob("*/*.npy"))) == 0  # nothing was decoded into memory
    other = RunStore(root=tmp_path / "other")
    assert [execute(spec, tiny_data, other, monitor=Monitor(PAST)) for _ in range(2)] == [PAUSED, PAUSED]
    assert checkpoint.load(other.checkpoint(spec.key), spec.key)["progress"]["step"] == 2
    torch.manual_seed(12345)
    assert execute(spec, tiny_data, other) == STORED
    assert ended(spec, other) == ended(spec, store)


STREAMED = """
import sys
from effnet_lib.apps import cli
from effnet_lib.training import input_pipeline
input_pipeline.MEMORY_LIMIT = 0
"""


def until(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Wait for something; say whether it came."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_signal_to_all_processes_lets_a_streamed_run_finish_its_step(images, roots, store, capsys):
    """Job schedulers signal loader processes too, as a terminal and torchrun do."""
    argv = ["train", "--profile", "smoke", "--dataset", str(images), "--epochs", "30", "--every", "1e9"]
    run = subprocess.Popen(
        [sys.executable, "-c", f"{STREAMED}sys.exit(cli.main({argv!r}))"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        notes = store.root / "running"
        assert until(lambda: any(json.loads(note.read_text())["epoch"] for note in notes.glob("*.json")))
        os.killpg(run.pid, signal.SIGTERM)
        _, err = run.communicate(timeout=120)
        assert run.returncode == 143 and "stopped by SIGTERM; it goes on" in err and "Traceback" not in err
        assert until(lambda: not alive(run.pid), 20)
    finally:
        if alive(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
    (saved,) = (store.root / "checkpoints").glob("*.pt")
    assert checkpoint.load(saved, saved.stem)["progress"]["epoch"] >= 1 and store.failure(saved.stem) is None


# The command ------------------------------------------------------------------------------------------------
