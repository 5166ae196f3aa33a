"""The paper's recipe as `effnet train` has it: network, optimiser, schedule, images; another batch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from effnet_lib.data.array_cache import Part
from effnet_lib.data.splits import minival
from effnet_lib.models.archs import efficientnet
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.single_run import Wanted, plan
from effnet_lib.training import build_model
from effnet_lib.training import input_pipeline as feed
from effnet_lib.training import optimizer as optim

torch.set_num_threads(1)

CPU = torch.device("cpu")
IMAGENET_STEPS = (1_281_167 - 25_000) // 4096  # an epoch


@pytest.fixture
def imagenet(store: RunStore) -> Study:
    """The profile of the paper's own recipe; there is no ImageNet here."""
    return Study.of(PROFILES["imagenet"], store)


@pytest.mark.parametrize("model, px, dropout", [("b0", 224, 0.2), ("b7", 600, 0.5)])
def test_the_network_of_the_papers_recipe(imagenet, model, px, dropout):
    spec = plan(imagenet, Wanted(model=model))
    assert spec.arch == efficientnet.published(model) and (spec.arch.px, spec.arch.padding) == (px, "same")
    built = build_model.build(spec)
    assert built.drop_rate == dropout
    norms = [module for module in built.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}  # 0.99 of the old value is kept
    activations = {type(module) for name, module in built.named_modules() if name.split(".")[-1].startswith("act")}
    assert nn.SiLU in activations and activations <= {nn.SiLU, nn.Identity}
    # Stochastic depth: what survives falls linearly over the blocks, to 0.8 behind the last.
    blocks = [block for stage in built.blocks for block in stage]
    skipping = {i / len(blocks): getattr(b.drop_path, "drop_prob", 0.0) for i, b in enumerate(blocks) if b.has_skip}
    assert len(skipping) > 8 and list(skipping.values()) == pytest.approx([0.2 * place for place in skipping])
    assert {float(norm.weight.detach().min()) for norm in norms} == {1.0}  # no residual branch starts at zero


@pytest.mark.parametrize("model", ["b0", "b7"])
def test_the_optimiser_of_the_papers_recipe(imagenet, model):
    recipe = plan(imagenet, Wanted(model=model)).recipe
    weight = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    optimizer = optim.optimiser(recipe, nn.Sequential(weight, nn.BatchNorm1d(1)))
    decayed = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert [parameter.ndim for parameter in decayed[1e-5]] == [2] and len(decayed[0.0]) == 2
    # RMSProp as TensorFlow has it: mean squares start at one, epsilon under the root, the rate inside the momentum.
    expected, square, moved = weight.weight.detach().clone(), torch.ones(1, 2).double(), torch.zeros(1, 2).double()
    for step in range(1, 4):
        gradient = torch.tensor([[0.01, -3.0]]).double() * step
        weight.weight.grad = gradient.clone()
        optimizer.step()
        gradient = gradient + 1e-5 * expected
        square = 0.9 * square + 0.1 * gradient**2
        moved = 0.9 * moved + 0.256 * gradient / (square + 1e-3).sqrt()
        expected = expected - moved
        torch.testing.assert_close(weight.weight.detach(), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("model", ["b0", "b7"])
def test_the_schedule_and_the_average_of_the_papers_recipe(imagenet, model):
    recipe = plan(imagenet, Wanted(model=model)).recipe
    optimizer = optim.optimiser(recipe, nn.Linear(2, 2))
    schedule = optim.schedule(recipe, optimizer, IMAGENET_STEPS)

    def rate(epoch: float) -> float:
        schedule.step_update(math.ceil(epoch * IMAGENET_STEPS))
        return optimizer.param_groups[0]["lr"]

    assert rate(0) < 1e-5 and rate(2.5) == pytest.approx(0.128, rel=1e-4) and rate(5) == 0.256
    assert [rate(5 + 2.4 * n) for n in (1, 2, 100)] == pytest.approx([0.256 * 0.97**n for n in (1, 2, 100)])
    assert rate(5 + 2.39) == 0.256 and recipe.epochs == 350
    average = optim.average(recipe, nn.Linear(2, 2))
    # min(0.9999, (1 + n) / (10 + n)) after n steps, as in TensorFlow; the paper's run has 107,100.
    assert average.get_decay(350 * IMAGENET_STEPS) == 0.9999
    assert [average.get_decay(n) for n in (100, 10_000)] == pytest.approx([101 / 110, 10_001 / 10_010], rel=2e-3)


@pytest.mark.parametrize("model", ["b0", "b7"])
def test_the_images_of_the_papers_recipe(imagenet, model):
    spec = plan(imagenet, Wanted(model=model))
    rows, reserved = minival(imagenet.dataset.train_images, spec.recipe.minival)
    assert len(reserved) == 25_000 and len(rows) // spec.recipe.batch == IMAGENET_STEPS
    nothing = Part(np.zeros((1, 1, 1, 3), np.uint8), np.zeros(5000, int), np.zeros(5000, np.int64))
    drawn = feed.InputPipeline(spec, {"train": feed.Memory(nothing, CPU)}, CPU).draw(np.arange(5000), 0, 0)
    assert len(drawn.chosen) == 4096 and len(drawn.policy) == 4096  # AutoAugment
    area = (drawn.matrices[:, 0, 0].abs() * drawn.matrices[:, 1, 1]).numpy()
    assert 0.07 < area.min() < 0.1 and spec.recipe.label_smoothing == 0.1


def test_another_batch_scales_the_rate_and_is_another_run(imagenet):
    whole, quarter = plan(imagenet, Wanted(model="b0")), plan(imagenet, Wanted(model="b0", batch=1024))
    assert (quarter.recipe.batch, quarter.recipe.lr) == (1024, 0.064)
    assert quarter.recipe == replace(whole.recipe, batch=1024, lr=0.064) and quarter.key != whole.key
    assert plan(imagenet, Wanted(model="b0", batch=4096)) == whole
    assert plan(imagenet, Wanted(model="b0", minival=0)).recipe == replace(whole.recipe, minival=0)


# Early stopping ---------------------------------------------------------------------------------------------
