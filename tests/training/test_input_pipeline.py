"""Images that are reduced first and enlarged to the network's size: the blur control's."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from effnet_lib.core.errors import DataError
from effnet_lib.data import array_cache, image_folder
from effnet_lib.data.datasets import declare
from effnet_lib.training.input_pipeline import InputPipeline

CPU = torch.device("cpu")


@pytest.fixture
def blurred(tiny_spec):
    """The tiny run at 48 px, fed images of 32 px."""
    return replace(tiny_spec, arch=replace(tiny_spec.arch, px=48), recipe=replace(tiny_spec.recipe, seen_px=32))


def batches(spec, dataset, part: str | None = None) -> torch.Tensor:
    pipeline = InputPipeline.of(spec, dataset, CPU)
    found = pipeline.test(part) if part else (batch for step in pipeline.epoch(0) for batch in step)
    return torch.cat([images for images, _ in found])


@pytest.mark.parametrize("part, side", [(None, 48), ("val", 48), ("larger", 55), ("train_eval", 48)])
def test_images_are_those_of_the_smaller_network_enlarged(tiny_spec, tiny_data, blurred, part, side):
    small, found = batches(tiny_spec, tiny_data, part), batches(blurred, tiny_data, part)
    assert found.shape[1:] == (3, side, side) and len(found) == len(small)
    expected = F.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    whole = batches(replace(blurred, recipe=replace(blurred.recipe, seen_px=0)), tiny_data, part)
    assert whole.shape == found.shape and not torch.allclose(whole, found, atol=0.05)


def test_its_own_size_changes_nothing(tiny_spec, tiny_data):
    same = replace(tiny_spec, recipe=replace(tiny_spec.recipe, seen_px=tiny_spec.arch.px))
    assert torch.equal(batches(same, tiny_data), batches(tiny_spec, tiny_data))


def test_older_runs_keep_their_keys(tiny_spec, blurred):
    assert "seen_px" not in tiny_spec.payload()["recipe"] and blurred.payload()["recipe"]["seen_px"] == 32


def test_a_run_looks_at_its_folder_once_and_a_later_one_again(tiny_spec, folder, monkeypatch):
    looks, lists = [], []
    fingerprint, listed = image_folder.fingerprint, image_folder.list_images
    monkeypatch.setattr(image_folder, "fingerprint", lambda *given: looks.append(given) or fingerprint(*given))
    dataset = declare(str(folder))
    InputPipeline.of(tiny_spec, dataset, CPU)
    assert len(looks) == 2  # one is `declare`'s
    monkeypatch.setattr(
        array_cache.image_folder, "list_images", lambda *given: lists.append(given[1]) or listed(*given)
    )
    array = array_cache.Look(dataset)
    for part in ("train", "val", "train_eval"):
        array_cache.load(dataset, part, 16, look=array)
    assert sorted(lists) == ["train", "train", "val", "val"]  # the fingerprint's, and one each
    (folder / "val/blue/00.jpg").write_bytes((folder / "val/red/00.jpg").read_bytes())
    with pytest.raises(DataError, match="the folder's content has fingerprint"):
        InputPipeline.of(tiny_spec, dataset, CPU)
