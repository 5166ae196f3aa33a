"""The training loop: common random numbers, crops, fast gradients, exact resumption, refusals."""

import copy
import math
import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from effnet_lib.core.errors import ParameterError, RunFailed
from effnet_lib.data.array_cache import Part
from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.models.archs.efficientnet import EfficientNet
from effnet_lib.runs.spec import RunSpec
from effnet_lib.runs.store import RunRecord, RunStore
from effnet_lib.runs.worker import FAILED, PAUSED, STORED, execute
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.training import augment, build_model, checkpoint, depthwise, input_pipeline, trainer
from effnet_lib.training import optimizer as optim
from effnet_lib.training import train_step as step
from effnet_lib.training.depthwise import DepthwiseConv2d, use_fast_depthwise, weight_gradient
from effnet_lib.training.execution import Execution
from effnet_lib.training.recipes import PAPER, Recipe

torch.set_num_threads(1)

CPU = torch.device("cpu")
PAST = -math.inf  # a deadline before every step
# The paper's recipe at a size of seconds.
TINY_PAPER = replace(
    PAPER, epochs=3, batch=16, lr=0.256 * 16 / 4096, lr_decay_epochs=1.0, warmup=1 / 3, ema=0.9, minival=3
)
RECIPES = {"short": Recipe(epochs=3, lr=0.1, batch=16), "paper": TINY_PAPER}


@pytest.fixture(scope="module")
def finished(images, tiny_arch, tmp_path_factory):
    """Train each recipe once: name -> (spec, data set, result, weights file)."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFNET_RESULTS", str(root))
        store, dataset = RunStore(), declare(str(images))
        found = {}
        for name, recipe in RECIPES.items():
            spec = RunSpec(tiny_arch, recipe, dataset.id, seed=3)
            assert execute(spec, dataset, store) == STORED
            found[name] = spec, dataset, store.get(spec.key), store.weights(spec.key)
    return found


def without_times(record: RunRecord) -> dict:
    return {name: value for name, value in record.result.items() if "second" not in name}


def whole(pixels: torch.Tensor) -> torch.Tensor:
    return augment.standardise(pixels.permute(0, 3, 1, 2).float())


def crop(pixels: torch.Tensor, matrices: torch.Tensor, px: int) -> torch.Tensor:
    return augment.standardise(augment.sample(pixels, matrices, px).contiguous(memory_format=torch.channels_last))


# Random numbers ---------------------------------------------------------------------------------------------


def seen(monkeypatch, spec: RunSpec, dataset: DataSet, store: RunStore, deadline=math.inf) -> list:
    """Train and return what the network saw in every step: picture numbers, crop matrices, sum of the pixels."""
    seen, finish = [], input_pipeline.InputPipeline._finish

    def spy(images, labels, draw):
        x, y = finish(images, labels, draw)
        seen.append((draw.chosen.tolist(), draw.matrices.tolist(), float(x.double().sum())))
        return x, y

    with monkeypatch.context() as patch:
        patch.setattr(input_pipeline.InputPipeline, "_finish", staticmethod(spy))
        execute(spec, dataset, store, deadline=deadline)
    return seen


def test_all_models_of_a_seed_see_the_same_crops(monkeypatch, tiny_spec, tiny_data, store):
    arch = tiny_spec.arch
    small = seen(monkeypatch, tiny_spec, tiny_data, store)
    larger = seen(monkeypatch, replace(tiny_spec, arch=replace(arch, px=48)), tiny_data, store)
    assert [step[:2] for step in larger] == [step[:2] for step in small]
    others = [
        replace(tiny_spec, arch=replace(arch, head=24)),
        replace(tiny_spec, recipe=replace(tiny_spec.recipe, lr=0.05, dropout=0.2, drop_path=0.2)),
    ]
    for other in others:
        assert seen(monkeypatch, other, tiny_data, store) == small
    assert len(small) == 6 and all(one != other for one, other in pairwise(small))
    assert seen(monkeypatch, replace(tiny_spec, seed=1), tiny_data, store) != small
    # AutoAugment's draws are not shifted by the network's dropout either.
    policy = replace(tiny_spec, recipe=replace(tiny_spec.recipe, augment=PAPER.augment))
    noisy = replace(policy, recipe=replace(policy.recipe, dropout=0.2, drop_path=0.2))
    changed = seen(monkeypatch, policy, tiny_data, store)
    assert seen(monkeypatch, noisy, tiny_data, store) == changed != small
    assert [step[:2] for step in changed] == [step[:2] for step in small]
    # A longer run begins with the same pictures in the same crops; a resumed one goes on with them.
    longer = replace(tiny_spec, recipe=replace(tiny_spec.recipe, epochs=4))
    assert seen(monkeypatch, longer, tiny_data, store, PAST) == small[:1]
    assert seen(monkeypatch, longer, tiny_data, store)[:5] == small[1:]


def test_an_epoch_visits_every_image_once():
    assert sorted(augment.order(0, 0, 100)) == list(range(100))
    orders = {(seed, epoch): tuple(augment.order(seed, epoch, 100)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(set(orders.values())) == 4


# Crops ------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), min_area=st.floats(0.01, 1), flip=st.booleans())
def test_crops_stay_inside_the_image(seed, min_area, flip):
    matrices = augment.crop_matrices(np.random.default_rng(seed), 50, min_area, flip).numpy().astype(float)
    assert matrices.shape == (50, 2, 3)
    width, height = np.abs(matrices[:, 0, 0]), matrices[:, 1, 1]
    assert (np.abs(matrices[:, 0, 2]) + width <= 1 + 1e-6).all()
    assert (np.abs(matrices[:, 1, 2]) + height <= 1 + 1e-6).all()
    assert (width * height >= min(min_area, 0.75) - 1e-6).all() and (height > 0).all()
    assert (matrices[:, 0, 1] == 0).all() and (matrices[:, 1, 0] == 0).all()  # nothing turns or shears
    mirrored = (matrices[:, 0, 0] < 0).mean()
    assert 0.1 < mirrored < 0.9 if flip else mirrored == 0


IDENTITY = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])


@pytest.mark.parametrize("px", [24, 40, 54, 64])
def test_identity_crop_is_a_resize(px):
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 54, 54, 3), np.uint8))
    cropped = crop(pixels, IDENTITY.expand(3, 2, 3), px)
    resized = F.interpolate(whole(pixels), (px, px), mode="bilinear", align_corners=False)
    torch.testing.assert_close(cropped, resized, atol=1e-4, rtol=0)
    assert cropped.is_contiguous(memory_format=torch.channels_last)


def test_a_crop_is_the_part_it_says():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8))
    quarter = torch.tensor([[[-0.5, 0, 0.5], [0, 0.5, -0.5]]])  # the upper right one, mirrored
    expected = whole(pixels[:, :32, 32:]).flip(3)
    torch.testing.assert_close(crop(pixels, quarter, 32), expected, atol=1e-4, rtol=0)


def test_whole_images_are_standardised_as_imagenet():
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 4, 4, 3)
    black, white = whole(pixels)[:, :, 0, 0]
    torch.testing.assert_close(black, -torch.tensor(augment.MEAN) / torch.tensor(augment.STD))
    torch.testing.assert_close(white, (1 - torch.tensor(augment.MEAN)) / torch.tensor(augment.STD))


# Depthwise gradients ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    images=st.integers(1, 3),
    channels=st.integers(1, 4),
    channels_last=st.booleans(),
)
def test_depthwise_weight_gradient_is_autograds(kernel, stride, height, width, images, channels, channels_last):
    draw = torch.Generator().manual_seed(kernel + 10 * height + 1000 * width)
    x = torch.randn(images, channels, height, width, generator=draw, dtype=torch.float64)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, kernel, kernel, generator=draw, dtype=torch.float64, requires_grad=True)
    y = F.conv2d(x, weight, None, stride, kernel // 2, 1, channels)
    g = torch.randn(y.shape, generator=draw, dtype=torch.float64)
    (expected,) = torch.autograd.grad(y, weight, g)
    torch.testing.assert_close(weight_gradient(g, x, kernel, stride), expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("px", [32, 48])
def test_fast_depthwise_changes_no_name_output_or_gradient(px):
    spec = RunSpec(ProxyBaseline(0.25, 0.5, px).arch(10), Recipe(epochs=1, lr=0.1), "x", 0)
    plain, fast = (build_model.build(spec).to(memory_format=torch.channels_last) for _ in range(2))
    assert use_fast_depthwise(fast) is fast
    swapped = [m for m in fast.modules() if type(m) is DepthwiseConv2d]
    grouped = [m for m in plain.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert len(swapped) == len(grouped) == 10
    x = torch.randn(4, 3, px, px, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    assert list(plain.state_dict()) == list(fast.state_dict())
    outputs = [model(x) for model in (plain, fast)]
    torch.testing.assert_close(*outputs, atol=0, rtol=0)
    for output in outputs:
        output.square().sum().backward()
    for (name, one), (_, other) in zip(plain.named_parameters(), fast.named_parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, atol=1e-4 * float(one.grad.abs().max()) + 1e-7, rtol=0)
        assert one.grad.shape == other.grad.shape, name
    for model in (plain, fast):
        model.eval()
    with torch.no_grad():
        torch.testing.assert_close(plain(x), fast(x), atol=0, rtol=0)


@pytest.mark.parametrize("px", [4, 16])
def test_in_half_precision_a_gradient_kernel_gets_one_type(px, monkeypatch):
    """Processors with matrix units for bfloat16 take mixed types, the others refuse them."""
    native, seen = depthwise._native, []

    def watched(g, x, weight, *rest):
        seen.append({g.dtype, x.dtype, weight.dtype})
        return native(g, x, weight, *rest)

    monkeypatch.setattr(depthwise, "_native", watched)
    plain = nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False)
    fast = use_fast_depthwise(copy.deepcopy(plain))
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 8, px, px, generator=draw).requires_grad_()
    gradients = []
    for model in (plain, fast):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(x).float().square().sum()
        gradients.append(torch.autograd.grad(loss, [x, model.weight]))
    assert seen and all(types == {torch.bfloat16} for types in seen)
    for one, other in zip(*gradients, strict=True):
        assert one.dtype == other.dtype == torch.float32
        torch.testing.assert_close(other, one, atol=0.02 * float(one.abs().max()), rtol=0)


def test_only_symmetric_depthwise_convolutions_are_swapped():
    model = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False),
        nn.Conv2d(4, 8, 3, padding=1, groups=4, bias=False),
        nn.Conv2d(8, 8, 3, padding=0, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=True),
        nn.Conv2d(8, 8, 7, padding=3, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
    )
    assert [type(m) is DepthwiseConv2d for m in use_fast_depthwise(model)] == [False] * 7 + [True]


# The network at the start -----------------------------------------------------------------------------------


def identity_skips(arch: EfficientNet) -> list[bool]:
    """Say for each block, from the architecture's data, whether it adds its input."""
    found, inp = [], arch.stem
    for stage in arch.stages:
        for index in range(stage.repeats):
            stride = stage.stride if index == 0 else 1
            found.append(stride == 1 and inp == stage.channels)
            inp = stage.channels
    return found


@pytest.mark.parametrize("arch", [ProxyBaseline(0.5, 0.5, 64).arch(10), ProxyBaseline(0.25, 1, 64).arch(10), None])
def test_residual_branches_start_at_zero_where_there_is_an_identity_skip_only(arch, tiny_arch):
    arch = arch or tiny_arch
    skips = identity_skips(arch)
    assert True in skips and False in skips
    for zero_gamma in (True, False):
        model = build_model.build(RunSpec(arch, Recipe(epochs=1, lr=0.1, zero_gamma=zero_gamma), "x", 0))
        zeros = {m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and not m.weight.any()}
        blocks = [block for stage in model.blocks for block in stage]
        for block, skip in zip(blocks, skips, strict=True):
            norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
            assert [norm in zeros for norm in norms] == [False] * (len(norms) - 1) + [skip and zero_gamma]
        assert len(zeros) == sum(skips) * zero_gamma


def test_a_seed_is_a_network(tiny_spec):
    one, same, other = (build_model.build(replace(tiny_spec, seed=seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["conv_stem.weight"], other["conv_stem.weight"])


def test_norms_follow_the_recipe(tiny_spec):
    model = build_model.build(replace(tiny_spec, recipe=TINY_PAPER))
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}


# Optimiser and schedule -------------------------------------------------------------------------------------


def rates(recipe: Recipe, steps: int) -> list[float]:
    optimizer = optim.optimiser(recipe, nn.Linear(2, 2))
    scheduler = optim.schedule(recipe, optimizer, steps)
    found = []
    for number in range(recipe.epochs * steps):
        scheduler.step_update(number)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_cosine_schedule_warms_up_and_ends_near_zero():
    found = rates(Recipe(epochs=10, lr=0.2, warmup=0.2), 10)
    np.testing.assert_allclose(found[:20], 0.2 * np.arange(20) / 20)
    assert found[20] == max(found) == 0.2
    np.testing.assert_allclose(found[20:], 0.1 * (1 + np.cos(np.pi * np.arange(80) / 80)))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_step_of_a_run_has_its_rate(monkeypatch, tiny_spec, tiny_data, store, recipe):
    """Also of one that is resumed."""
    taken, make = [], optim.optimiser

    def spied(recipe, model):
        optimizer = make(recipe, model)
        optimizer.register_step_pre_hook(lambda *_: taken.append(optimizer.param_groups[0]["lr"]))
        return optimizer

    with monkeypatch.context() as patch:
        patch.setattr(optim, "optimiser", spied)
        spec = replace(tiny_spec, recipe=recipe)
        hows = [execute(spec, tiny_data, store, deadline=deadline) for deadline in (PAST, PAST, PAST, math.inf)]
    assert hows == [PAUSED, PAUSED, PAUSED, STORED] and taken == rates(recipe, 2)


def test_step_schedule_decays_as_the_papers():
    recipe = replace(PAPER, epochs=20, warmup=5 / 20)
    found = rates(recipe, 10)
    after = np.arange(150)  # steps since the warm-up
    np.testing.assert_allclose(found[50:], 0.256 * 0.97 ** (after // 24))
    assert found[0] < 1e-5 and sorted(found[:51]) == found[:51]


def test_what_the_loop_cannot_do_is_refused(tiny_spec, tiny_data, store):
    with pytest.raises(ParameterError, match=r"schedule='linear' .* cosine or step"):
        rates(Recipe(epochs=1, lr=0.1, schedule="linear"), 1)
    for recipe, message in (
        (replace(tiny_spec.recipe, augment="mixup"), r"augment='mixup' .* crop\+flip"),
        (replace(tiny_spec.recipe, precision="fp16"), r"precision='fp16' .* fp32 or bf16"),
    ):
        with pytest.raises(ParameterError, match=message):
            trainer.train(replace(tiny_spec, recipe=recipe), tiny_data, store.checkpoint("x"))
    for execution, message in (
        (Execution(step="fast"), r"step='fast' .* eager"),
        (Execution(step="graph"), "graph needs cuda"),
    ):
        with pytest.raises(ParameterError, match=message):
            trainer.train(tiny_spec, tiny_data, store.checkpoint("x"), execution)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_weight_decay_acts_on_matrices_only(tiny_spec, recipe):
    model = build_model.build(tiny_spec)
    groups = optim.optimiser(recipe, model).param_groups
    decayed = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for parameter in model.parameters():
        assert decayed[id(parameter)] == (recipe.weight_decay if parameter.ndim > 1 else 0)


# Whole runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_result_says_what_was_measured(finished, name):
    _, _, record, weights = finished[name]
    result, right = record.result, record.correct
    assert result["top1"] == 100 * right.mean() and result["val_pictures"] == 18
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
    hows = [execute(spec, dataset, store, deadline=PAST) for _ in range(6)]  # after every step, and before the tests
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
    assert [execute(one, dataset, store) for one in specs] == [STORED] * 2
    averaged, final = (load_file(store.weights(one.key)) for one in specs)
    assert list(averaged) == list(final)
    assert not torch.equal(averaged["classifier.weight"], final["classifier.weight"])


def test_evaluation_keeps_the_order_of_the_images(tiny_spec):
    """One bit a picture, in order, over more than one batch."""
    grey = np.random.default_rng(0).integers(0, 256, 150).astype(np.uint8)
    pixels, rows = np.broadcast_to(grey[:, None, None, None], (150, 8, 8, 3)).copy(), np.arange(150)
    labels = (grey > 127).astype(np.int64)

    class Bright(nn.Module):
        def forward(self, x):
            light = (x.mean(dim=(1, 2, 3)) - x.new_tensor(cut)).unsqueeze(1)
            return torch.cat([-light, light], 1)

    def evaluate(labels: np.ndarray):
        given = input_pipeline.Memory(Part(pixels, rows, labels), CPU)
        return trainer.evaluate(
            Bright(), input_pipeline.InputPipeline(tiny_spec, {"train": given, "val": given}, CPU), "val"
        )

    cut = float(whole(torch.full((1, 8, 8, 3), 127, dtype=torch.uint8)).mean()) + 1e-3
    right, _ = evaluate(labels)
    assert right.all()
    right, loss = evaluate(np.where(rows % 7 == 0, 1 - labels, labels))
    assert right.tolist() == [index % 7 != 0 for index in range(150)] and math.isfinite(loss)


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


# Checkpoints ------------------------------------------------------------------------------------------------


class Evil:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_checkpoint_of_another_run_or_damaged_is_refused(tiny_spec, tiny_data, store, tmp_path):
    assert checkpoint.load(tmp_path / "none.pt", "key") is None
    execute(tiny_spec, tiny_data, store, deadline=PAST)
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


def test_crops_are_read_where_affine_grid_would_read_them():
    matrices = augment.crop_matrices(augment.rng(0, augment.CROP, 0), 6, 0.35)
    expected = torch.nn.functional.affine_grid(matrices, (6, 3, 17, 17), align_corners=False)
    assert torch.allclose(augment.sampling_grid(matrices, 17), expected, atol=1e-6)
