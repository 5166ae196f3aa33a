"""Scenes with exact masks, and what is measured against them: maps with known answers, and controls."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.data.array_cache import load
from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.data.masked_scenes import SLOTS, Scenes, scale, scenes
from effnet_lib.measure.maps.localisation import MEASURES, controls, localise
from effnet_lib.measure.maps.network_maps import faithfulness
from effnet_lib.runs.packing import image, pack, thumbnail, unpack
from effnet_lib.stats.intervals import Estimate
from effnet_lib.stats.score_intervals import contrast, means

PX = 48


@pytest.fixture(scope="module")
def data() -> DataSet:
    return declare("scenes-10")


@pytest.fixture(scope="module")
def some(data) -> Scenes:
    return scenes(data, 60, PX)


def test_scenes_have_one_to_four_objects_of_a_class_and_distractors_of_others(some):
    objects, there = some.objects.sum(1), (some.labels >= 0).sum(1)
    assert set(objects) == {1, 2, 3, 4} and (there <= SLOTS).all() and set(some.target) == set(range(10))
    assert ((there > objects) | (objects == SLOTS)).all()  # a distractor wherever there is room
    assert (some.labels.max(1) < 10).all() and some.pixels.shape == (60, PX, PX, 3)
    assert (some.masks.any((2, 3)) == (some.labels >= 0)).all() and (some.masks.sum(1) <= 1).all()


def test_a_mask_is_where_its_object_has_drawn(some):
    """Figures are brighter than any ground, which has at most 55 grey levels."""
    drawn, light = some.masks.any(1), some.pixels.max(-1) > 56
    assert (light <= drawn).all() and light.sum() > 0.8 * drawn.sum()


def test_the_same_seed_gives_the_same_scenes_and_more_begin_with_them(data, some):
    again, fewer, other = scenes(data, 60, PX), scenes(data, 5, PX), scenes(data, 5, PX, seed=1)
    assert (again.pixels == some.pixels).all() and (fewer.masks == some.masks[:5]).all()
    assert not (other.pixels == fewer.pixels).all()


@pytest.mark.parametrize("size, count", [(49, 5), (0, 5), (48, 0)])
def test_sizes_that_cannot_be_are_refused(data, size, count):
    with pytest.raises(ParameterError, match=r"image_size=|count="):
        scenes(data, count, size)


def test_photographs_are_tiled_and_shown_at_twice_the_size(tiny_data, data):
    found = scenes(tiny_data, 12, 32)
    assert (found.masks.sum((2, 3)) == 16 * 16).all() and (found.labels >= 0).all()
    own = load(tiny_data, "val", 16).pixels
    tile = found.pixels[0][found.masks[0, 0]].reshape(16, 16, 3)
    assert any((tile == one).all() for one in own)
    assert scale(tiny_data) == scale(declare("fractals-10")) == 2 and scale(data) == 1


def test_a_data_set_of_scenes_is_loaded_like_any_other(data):
    part = load(data, "val", 32)
    assert part.pixels.shape == (200, 32, 32, 3) and list(part.labels[:21]) == [0] * 20 + [1]
    assert data.train_images == 400 and "clutter" in data.label


# Localisation -------------------------------------------------------------------------------------------------


def test_a_perfect_map_is_perfect_in_every_measure(some):
    found = localise(some.wanted.astype(float), some)
    for name in MEASURES:
        assert np.nanmin(found[name]) == 1, name
    assert (np.isnan(found["coverage"]) == (some.objects.sum(1) == 1)).all()


def test_a_map_of_one_object_alone_does_not_cover_all(some):
    first = some.masks[:, 0].astype(float)
    found = localise(first, some)
    several = some.objects.sum(1) > 1
    assert (found["energy"] == 1).all() and (found["pointing"] == 1).all()
    whole = some.wanted.mean((1, 2))  # of the map cut at 0, which is all of the image
    assert np.allclose(found["iou"], np.maximum(first.sum((1, 2)) / some.wanted.sum((1, 2)), whole))
    # What is left of the strongest pixels is drawn by lot among equals: a share of the rest of the image.
    room, rest = some.wanted.sum((1, 2)) - first.sum((1, 2)), PX**2 - first.sum((1, 2))
    assert np.allclose(found["coverage"][several], (room / rest)[several])


def test_a_uniform_map_scores_the_share_of_the_image_and_so_does_a_map_of_nothing(some):
    share = some.wanted.mean((1, 2))
    for value in (1.0, 0.0, -3.0):
        found = localise(np.full((60, PX, PX), value), some)
        for name in ("energy", "pointing", "iou"):
            assert np.allclose(found[name], share), name
        assert np.allclose(found["coverage"][some.objects.sum(1) > 1], share[some.objects.sum(1) > 1])


def test_evidence_against_the_class_counts_for_nothing(some):
    maps = np.where(some.wanted, 1.0, -5.0)
    assert np.nanmin(np.concatenate(list(localise(maps, some).values()))) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_measures_do_not_depend_on_a_maps_scale(seed, factor):
    small = scenes(declare("fractals-10"), 3, 24)
    maps = np.random.default_rng(seed).normal(size=(3, 24, 24))
    one, other = localise(maps, small), localise(factor * maps, small)
    assert all(np.allclose(one[name], other[name], equal_nan=True) for name in MEASURES)
    assert all(np.nanmin(v) >= 0 and np.nanmax(v) <= 1 for v in one.values())


def test_the_centre_prior_is_largest_in_the_middle():
    found = controls(48)
    bump = found["centre prior"]
    assert np.allclose(bump, bump[::-1]) and np.allclose(bump, bump.T) and bump.argmax() == 23 * 48 + 23
    assert (found["uniform"] == 1).all()


# Faithfulness -------------------------------------------------------------------------------------------------


class Corner(nn.Module):
    """Says class 1 as surely as the upper left quarter is bright."""

    def forward(self, x):
        light = x[:, :, : x.shape[2] // 2, : x.shape[3] // 2].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(light), 8 * light - 4], 1)


def corners() -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Images that are bright in that quarter, the map that says so and the map that says the opposite."""
    bright = np.zeros((4, 32, 32), np.float32)
    bright[:, :16, :16] = 1
    return torch.from_numpy(np.repeat(bright[:, None], 3, axis=1)), bright, 1 - bright


def test_the_true_map_beats_the_opposite_one_in_every_measure():
    images, good, bad = corners()
    classes = torch.ones(4, dtype=torch.long)
    one, other = (faithfulness.faithful(Corner(), images, maps, classes, batch=3) for maps in (good, bad))
    assert (one["road"] > other["road"] + 0.01).all() and (one["insertion"] > other["insertion"] + 0.02).all()
    assert (one["deletion"] < other["deletion"] - 0.02).all()
    again = faithfulness.faithful(Corner(), images, good, classes, batch=3)
    assert all((again[name] == one[name]).all() for name in faithfulness.MEASURES)  # its noise is always the same


def test_only_the_order_of_a_map_counts_and_no_two_pixels_are_equal():
    maps = np.round(np.random.default_rng(0).normal(size=(3, 20, 20)), 1)
    ranks = faithfulness.ranks(maps)
    assert all(len(np.unique(one)) == 400 for one in ranks) and (faithfulness.ranks(np.exp(maps)) == ranks).all()
    for one, rank in zip(maps.reshape(3, -1), ranks.reshape(3, -1), strict=True):
        assert (np.diff(one[np.argsort(rank)]) >= 0).all()


# Intervals and packing ----------------------------------------------------------------------------------------


def test_the_interval_is_over_seeds_and_images():
    draw = np.random.default_rng(0)
    image_part, shared = draw.normal(0, 0.1, 400), draw.normal(0, 0.05, 6)
    found = {
        name: {
            s: 0.5 + gain + image_part + shared[s] + draw.normal(0, 0.01) + draw.normal(0, 0.02, 400) for s in range(6)
        }
        for name, gain in (("compound", 0.03), ("width", 0.0), ("depth", 0.0))
    }
    effect = contrast(found, {"compound": 1, "width": -1})
    low, high = effect.interval95
    assert effect.n == 6 and low < 3 < high and 0.5 < effect.value < 5.5
    # What all models of an image share cancels; seeds are not paired.
    assert effect.se_image < 0.3 < effect.se_seed and contrast(found, {"compound": 1}).se_image == pytest.approx(
        0.5, abs=0.05
    )
    assert means(found).shape == (3, 6)
    assert contrast(found, {"compound": 1, "nobody": -1}) == Estimate()
    found["compound"][0][3] = found["width"][0][3] = np.nan
    assert contrast(found, {"compound": 1, "width": -1}).value == pytest.approx(effect.value, abs=0.2)


def test_packed_numbers_and_images_come_back():
    values = np.append(np.random.default_rng(0).uniform(-1, 1, 199), np.nan).reshape(20, 10)
    back = unpack(pack(values, -1), (20, 10), -1)
    assert np.isnan(back[-1, -1]) and np.nanmax(np.abs(back - values)) < 2e-5
    assert np.nanmax(np.abs(unpack(pack(values, -1, bits=8), (20, 10), -1, bits=8) - values)) < 0.005
    smooth = np.linspace(0, 255, 64 * 80 * 3).reshape(64, 80, 3).astype(np.uint8)
    assert image(thumbnail(smooth, 40)).shape == (32, 40, 3)
    with pytest.raises(Exception, match="200 packed values cannot have shape"):
        unpack(pack(values), (3, 3))
