"""Crops: inside the image, read where they say, the same for all models of a seed whatever else is random."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.recipes import PAST
from torch.nn import functional as F

from effnet_lib.data.datasets import DataSet
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.worker import execute
from effnet_lib.training import augment, input_pipeline
from effnet_lib.training.execution import Execution
from effnet_lib.training.monitor import Monitor
from effnet_lib.training.recipes import PAPER

torch.set_num_threads(1)


def whole(pixels: torch.Tensor) -> torch.Tensor:
    return augment.standardise(pixels.permute(0, 3, 1, 2).float())


def crop(pixels: torch.Tensor, matrices: torch.Tensor, size: int) -> torch.Tensor:
    return augment.standardise(augment.sample(pixels, matrices, size).contiguous(memory_format=torch.channels_last))


def seen(monkeypatch, spec: RunSpec, dataset: DataSet, store: RunStore, deadline=math.inf) -> list:
    """Train and return what the network saw in every step: image numbers, crop matrices, sum of the pixels."""
    seen, finish = [], input_pipeline.InputPipeline._finish

    def spy(images, labels, draw):
        x, y = finish(images, labels, draw)
        seen.append((draw.chosen.tolist(), draw.matrices.tolist(), float(x.double().sum())))
        return x, y

    with monkeypatch.context() as patch:
        patch.setattr(input_pipeline.InputPipeline, "_finish", staticmethod(spy))
        execute(spec, dataset, store, Execution(step="eager"), Monitor(deadline))
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
    assert len(small) == 6 and all(step != following for step, following in pairwise(small))
    assert seen(monkeypatch, replace(tiny_spec, seed=1), tiny_data, store) != small
    # AutoAugment's draws are not shifted by the network's dropout either.
    policy = replace(tiny_spec, recipe=replace(tiny_spec.recipe, augment=PAPER.augment))
    noisy = replace(policy, recipe=replace(policy.recipe, dropout=0.2, drop_path=0.2))
    changed = seen(monkeypatch, policy, tiny_data, store)
    assert seen(monkeypatch, noisy, tiny_data, store) == changed != small
    assert [step[:2] for step in changed] == [step[:2] for step in small]
    # A longer run begins with the same images in the same crops; a resumed one goes on with them.
    longer = replace(tiny_spec, recipe=replace(tiny_spec.recipe, epochs=4))
    assert seen(monkeypatch, longer, tiny_data, store, PAST) == small[:1]
    assert seen(monkeypatch, longer, tiny_data, store)[:5] == small[1:]


def test_an_epoch_visits_every_image_once():
    assert sorted(augment.order(0, 0, 100)) == list(range(100))
    orders = {(seed, epoch): tuple(augment.order(seed, epoch, 100)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(set(orders.values())) == 4


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


@pytest.mark.parametrize("size", [24, 40, 54, 64])
def test_identity_crop_is_a_resize(size):
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 54, 54, 3), np.uint8))
    cropped = crop(pixels, IDENTITY.expand(3, 2, 3), size)
    resized = F.interpolate(whole(pixels), (size, size), mode="bilinear", align_corners=False)
    torch.testing.assert_close(cropped, resized, atol=1e-4, rtol=0)
    assert cropped.is_contiguous(memory_format=torch.channels_last)


def test_a_crop_is_the_part_it_says():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8))
    quarter = torch.tensor([[[-0.5, 0, 0.5], [0, 0.5, -0.5]]])  # the upper right one, mirrored
    expected = whole(pixels[:, :32, 32:]).flip(3)
    torch.testing.assert_close(crop(pixels, quarter, 32), expected, atol=1e-4, rtol=0)


def test_crops_are_read_where_affine_grid_would_read_them():
    matrices = augment.crop_matrices(augment.rng(0, augment.CROP, 0), 6, 0.35)
    expected = torch.nn.functional.affine_grid(matrices, (6, 3, 17, 17), align_corners=False)
    assert torch.allclose(augment.sampling_grid(matrices, 17), expected, atol=1e-6)


def test_whole_images_are_standardised_as_imagenet():
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 4, 4, 3)
    black, white = whole(pixels)[:, :, 0, 0]
    torch.testing.assert_close(black, -torch.tensor(augment.MEAN) / torch.tensor(augment.STD))
    torch.testing.assert_close(white, (1 - torch.tensor(augment.MEAN)) / torch.tensor(augment.STD))
