"""Whole runs: what is measured, the same to the bit when repeated or resumed, refused or failed in words."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.recipes import PAST, RECIPES
from torch import nn

from effnet_lib.core.errors import ParameterError, RunFailed
from effnet_lib.data.array_cache import Part
from effnet_lib.data.datasets import declare
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunRecord, RunStore
from effnet_lib.runs.worker import FAILED, PAUSED, STORED, execute
from effnet_lib.training import augment, input_pipeline, trainer
from effnet_lib.training import optimizer as optim
from effnet_lib.training import train_step as step
from effnet_lib.training.execution import Execution
from effnet_lib.training.monitor import Monitor

torch.set_num_threads(1)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def finished(images, tiny_arch, tmp_path_factory):
    """Train each recipe once: name -> (spec, data set, result, weights file)."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFNET_RESULTS", str(root))
        store, dataset = RunStore(), declare(str(images))
        runs = {}
        for name, recipe in RECIPES.items():
            spec = RunSpec(tiny_arch, recipe, dataset.id, seed=3)
            assert execute(spec, dataset, store) == STORED
            runs[name] = spec, dataset, store.get(spec.key), store.weights(spec.key)
    return runs


def without_times(record: RunRecord) -> dict:
    return {name: value for name, value in record.result.items() if "second" not in name}


@pytest.mark.parametrize("name", RECIPES)
def test_result_says_what_was_measured(finished, name):
    _, _, record, weights = finished[name]
    result, correct = record.result, record.correct
    assert result["top1"] == 100 * correct.mean() and result["val_pictures"] == 18
    assert len(result["history"]) == 3 and all(math.isfinite(loss) for loss in result["history"])
    assert (result["train_pictures"], result["source_px"]) == (
        33 if name == "paper" else 36,
        40,
    )  # the native size is below 1.7 x 32
    assert result["final_px"] == 4 and result["madds"] > 0 and weights.is_file()


def test_three_colours_are_learnt(finished):
    result = finished["short"][2].result
    assert result["history"][-1] < result["history"][0]


@pytest.mark.parametrize("name", RECIPES)
def test_trained_twice_is_the_same_to_the_bit(finished, store, name):
    spec, dataset, record, weights = finished[name]
    torch.manual_seed(12345)  # whatever happened before in this process
    assert execute(spec, dataset, store) == STORED
    assert without_times(store.get(spec.key)) == without_times(record)
    assert store.weights(spec.key).read_bytes() == weights.read_bytes()


@pytest.mark.parametrize("name", RECIPES)
def test_paused_and_resumed_is_the_same_to_the_bit(finished, store, name):
    spec, dataset, first, weights = finished[name]
    hows = [
        execute(spec, dataset, store, monitor=Monitor(PAST)) for _ in range(6)
    ]  # after every step, and before the tests
    assert hows == [PAUSED] * 6 and store.checkpoint(spec.key).is_file()
    assert store.get(spec.key) is None and store.failure(spec.key) is None
    torch.manual_seed(12345)
    assert execute(spec, dataset, store) == STORED
    record = store.get(spec.key)
    assert without_times(record) == without_times(first)
    assert store.weights(spec.key).read_bytes() == weights.read_bytes()
    assert not store.checkpoint(spec.key).exists()
    assert record.provenance["data_fingerprint"] == dataset.fingerprint


def test_averaged_weights_are_the_ones_evaluated(finished, store):
    from safetensors.torch import load_file

    spec, dataset, _, _ = finished["paper"]
    last = replace(spec.recipe, minival=0)  # the first steps' average is the raw weights: let the last epoch count
    specs = [replace(spec, recipe=recipe) for recipe in (last, replace(last, ema=0.0))]
    assert [execute(each, dataset, store) for each in specs] == [STORED] * 2
    averaged, final = (load_file(store.weights(each.key)) for each in specs)
    assert list(averaged) == list(final)
    assert not torch.equal(averaged["classifier.weight"], final["classifier.weight"])


def test_evaluation_keeps_the_order_of_the_images(tiny_spec):
    """A bit an image, in order, over more than one batch."""
    grey = np.random.default_rng(0).integers(0, 256, 150).astype(np.uint8)
    pixels, rows = np.broadcast_to(grey[:, None, None, None], (150, 8, 8, 3)).copy(), np.arange(150)
    labels = (grey > 127).astype(np.int64)

    class Bright(nn.Module):
        def forward(self, x):
            light = (x.mean(dim=(1, 2, 3)) - x.new_tensor(cut)).unsqueeze(1)
            return torch.cat([-light, light], 1)

    def evaluate(labels: np.ndarray):
        held = input_pipeline.Memory(Part(pixels, rows, labels), CPU)
        return trainer.evaluate(
            Bright(), input_pipeline.InputPipeline(tiny_spec, {"train": held, "val": held}, CPU), "val"
        )

    cut = float(augment.standardise(torch.full((1, 3, 8, 8), 127.0)).mean()) + 1e-3
    correct, _ = evaluate(labels)
    assert correct.all()
    correct, loss = evaluate(np.where(rows % 7 == 0, 1 - labels, labels))
    assert correct.tolist() == [index % 7 != 0 for index in range(150)] and math.isfinite(loss)


@pytest.mark.parametrize("micro", [16, 5, 1])
def test_accumulated_gradients_are_those_of_one_batch(tiny_spec, tiny_data, micro):
    """On a network without batch norm, whose statistics are those of the smaller batch by nature."""
    weights = []
    for spec in (tiny_spec, replace(tiny_spec, micro_batch=micro)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        train_step = step.Step(spec, model, optim.optimiser(spec.recipe, model), CPU)
        losses = [train_step(batches, 16) for batches in input_pipeline.InputPipeline.of(spec, tiny_data, CPU).epoch(0)]
        weights.append([*losses, *(p.detach() for p in model.parameters())])
    torch.testing.assert_close(*weights, atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_no_number_fails_the_run(tiny_spec, tiny_data, store):
    spec = replace(tiny_spec, recipe=replace(tiny_spec.recipe, lr=1e30, clip=0.0, warmup=0.0))
    with pytest.raises(RunFailed, match=r"training loss is (nan|inf) in epoch 1 of 3"):
        trainer.train(spec, tiny_data, store.checkpoint(spec.key))
    assert execute(spec, tiny_data, store) == FAILED
    assert "Diverged: the training loss is" in store.failure(spec.key) and store.diverged(spec.key)
    assert store.get(spec.key) is None and not store.checkpoint(spec.key).exists()


def test_what_the_loop_cannot_do_is_refused(tiny_spec, tiny_data, store):
    for recipe, message in (
        (replace(tiny_spec.recipe, augment="mixup"), r"augment='mixup' .* crop\+flip"),
        (replace(tiny_spec.recipe, precision="fp16"), r"precision='fp16' .* fp32 or bf16"),
    ):
        with pytest.raises(ParameterError, match=message):
            trainer.train(replace(tiny_spec, recipe=recipe), tiny_data, store.checkpoint("x"))
    for execution, message in (
        (Execution(step="slow"), r"step='slow' .* eager"),
        (Execution(step="graph"), "graph needs cuda"),
    ):
        with pytest.raises(ParameterError, match=message):
            trainer.train(tiny_spec, tiny_data, store.checkpoint("x"), execution)
