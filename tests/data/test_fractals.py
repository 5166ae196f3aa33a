"""Fractal data: reproducible image by image, contractive, the same image at every resolution."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from effnet_lib.core.errors import ParameterError
from effnet_lib.data import fractals, function_systems
from effnet_lib.data.fractals import FractalSpec, class_systems, generate

SPEC = FractalSpec(classes=6, train_per_class=5, val_per_class=3)


@pytest.fixture(scope="module")
def train():
    return generate(SPEC, "train", 32)


def means(images, size):
    """Average blocks down to size x size, grey."""
    k = images.shape[1] // size
    return images.astype(float).reshape(-1, size, k, size, k, 3).mean(axis=(2, 4, 5))


def test_shapes_and_order(train):
    images, labels = train
    assert images.shape == (30, 32, 32, 3) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and labels.tolist() == np.repeat(range(6), 5).tolist()


def test_same_bytes_twice_and_beside_other_neighbours(train):
    # 6 x 2 images fall into batches of 8 otherwise than 6 x 5 do.
    images, _ = generate(replace(SPEC, train_per_class=2), "train", 32)
    np.testing.assert_array_equal(images.reshape(6, 2, -1), train[0].reshape(6, 5, -1)[:, :2])
    np.testing.assert_array_equal(generate(SPEC, "train", 32)[0], train[0])


def test_more_classes_and_more_validation_change_nothing(train):
    wider = replace(SPEC, classes=9, val_per_class=7)
    np.testing.assert_array_equal(generate(wider, "train", 32)[0][:30], train[0])


def test_one_image_alone(train):
    bits = fractals.stream(SPEC, 1, fractals.SPLITS["train"], 4, 3)
    image = fractals.draw(class_systems(SPEC)[[4]], [bits], SPEC.jitter, 32)[0]
    np.testing.assert_array_equal(image, train[0][4 * 5 + 3])


def test_splits_are_disjoint(train):
    val, _ = generate(SPEC, "val", 32)
    digests = [hashlib.sha256(image).digest() for image in (*train[0], *val)]
    assert len(set(digests)) == len(train[0]) + len(val)


def test_seed_changes_every_class(train):
    other, _ = generate(replace(SPEC, seed=1), "train", 32)
    assert (other != train[0]).any(axis=(1, 2, 3)).all()


def test_golden_bytes():
    # A difference here means other images under the same name: raise FractalSpec.version with the change.
    images, _ = generate(FractalSpec(classes=2, train_per_class=2, val_per_class=1), "train", 40)
    assert hashlib.sha256(images).hexdigest()[:32] == "c834e103f400795fd49d4d9f8c127803"


def test_resolutions_show_the_same_image(train):
    large = means(generate(SPEC, "train", 128)[0], 32).reshape(30, -1)
    small = means(train[0], 32).reshape(30, -1)
    correlation = [np.corrcoef(pair)[0, 1] for pair in zip(small, large, strict=True)]
    assert min(correlation) > 0.7 and np.mean(correlation) > 0.85
    strangers = [np.corrcoef(small[i], large[i - 7])[0, 1] for i in range(30)]
    assert max(strangers) < min(correlation)


def test_systems_are_contractive_and_in_the_range_of_good_geometry():
    systems = class_systems(replace(SPEC, classes=40))
    singular = function_systems.singular_values(systems)
    present = singular[..., 0] > 0
    assert set(present.sum(axis=1)) == {2, 3, 4}
    assert singular.max() <= function_systems.MAX_SINGULAR < 1
    alpha, n = (singular @ [1, 2]).sum(axis=1), present.sum(axis=1)
    assert ((alpha >= (5 + n) / 2 - 1e-9) & (alpha <= (6 + n) / 2 + 1e-9)).all()
    weights = function_systems.weights(systems)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(weights > 0, present)


def test_complex_form_has_the_singular_values_of_its_matrix():
    systems = class_systems(SPEC)
    a, b, _ = systems[0]
    matrix = np.array([[(a + b).real, (b - a).imag], [(a + b).imag, (a - b).real]]).transpose(2, 0, 1)
    singular = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(singular, function_systems.singular_values(systems)[0], atol=1e-12)


@pytest.mark.parametrize("jitter", [0.3, 1.0])
def test_jitter_stays_contractive(jitter):
    systems = class_systems(SPEC)
    for corner in (0.0, 1.0):
        draws = np.full((len(systems), 6, function_systems.MAX_MAPS), corner)
        copies = function_systems.jittered(systems, draws, jitter)
        assert function_systems.singular_values(copies).max() <= function_systems.MAX_SINGULAR + 1e-12
        np.testing.assert_array_equal(function_systems.weights(copies) > 0, function_systems.weights(systems) > 0)


def test_points_are_a_fixed_set_of_the_system():
    # Sierpinski's triangle, z -> z / 2 + corner / 2, leaves the middle quarter of the triangle empty.
    system = np.array([[[1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 1j, 0]]]) / 2
    (x,), (y,) = function_systems.chaos_game(system, [np.random.PCG64(0)])
    assert x.min() >= 0 and y.min() >= 0 and (x + y).max() <= 1
    assert not ((x < 0.49) & (y < 0.49) & (x + y > 0.51)).any()
    assert ((x > 0.5).mean(), (y > 0.5).mean()) == pytest.approx((1 / 3, 1 / 3), abs=0.01)


def test_figures_fill_the_frame_unclipped():
    spec = replace(SPEC, classes=20)
    systems = class_systems(spec)
    bits = [fractals.stream(spec, 1, fractals.SPLITS["val"], k, 0) for k in range(20)]
    size = np.full(20, 0.9)
    points = fractals.fit(function_systems.chaos_game(systems, bits), size, np.full((2, 20), 0.5))
    assert points.min() >= 0 and points.max() < 1
    np.testing.assert_allclose(np.ptp(points, axis=2).max(axis=0), size, rtol=1e-4)
    fill = [(fractals.render(points, size) > 0.5).mean(axis=(1, 2)) for size in (32, 128)]
    assert fill[0].min() > 0.05 and fill[1].min() > 0.015


def test_classes_are_separable_by_a_trivial_model():
    # Nearest mean of low frequencies, phase ignored: 10 classes, chance 10 %.
    spec = FractalSpec(classes=10, train_per_class=20, val_per_class=10)
    (x, y), (xv, yv) = (generate(spec, split, 32) for split in ("train", "val"))

    def describe(images):
        spectrum = np.abs(np.fft.rfft2(images.mean(axis=3)))[:, :8, :8].reshape(len(images), -1)
        return spectrum[:, 1:]

    centres = np.stack([describe(x)[y == k].mean(axis=0) for k in range(10)])
    distance = ((describe(xv)[:, None] - centres) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == yv).mean() > 0.25


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 1},
        {"train_per_class": 0},
        {"val_per_class": 0},
        {"jitter": -0.1},
        {"jitter": float("nan")},
        {"seed": -1},
        {"version": 2},
        {"classes": 2.5},
    ],
)
def test_bad_specs_are_named(change):
    (name,) = change
    with pytest.raises(ParameterError, match=name):
        replace(SPEC, **change)


@pytest.mark.parametrize(
    ("split", "image_size", "name"),
    [("test", 32, "split"), ("train", 31, "image_size"), ("val", 4096, "image_size"), ("val", 40.5, "image_size")],
)
def test_bad_requests_are_named(split, image_size, name):
    with pytest.raises(ParameterError, match=name):
        generate(SPEC, split, image_size)
