"""Named sets and parts: what a name or a path declares, what is refused, the holdout split, the cache."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import array_cache, datasets, fractal_scenes, image_folder, transfer_datasets
from effnet_lib.data.array_cache import load
from effnet_lib.data.datasets import DataSet, content_fingerprint, declare
from effnet_lib.data.fractals import FractalSpec, generate
from effnet_lib.data.splits import HOLDOUT, split_part


def parts(dataset: DataSet, image_size: int = 32) -> dict[str, array_cache.Part]:
    return {part: load(dataset, part, image_size) for part in ("train", "val", "train_eval")}


def test_unknown_name_names_the_nearest():
    with pytest.raises(ParameterError, match=r"dataset='imagenete-224' .* \(did you mean imagenette-224\?\)") as caught:
        declare("imagenete-224")
    assert "\n" not in str(caught.value)
    with pytest.raises(ParameterError, match="dataset=''"):
        declare("")


@pytest.mark.parametrize("name", ["~nosuchuser/set", "~nosuchuser", "a" * 300, "./" + "a" * 300, "nul\0byte/set"])
@pytest.mark.parametrize("declared", [declare, transfer_datasets.declare])
def test_a_path_that_cannot_be_is_refused(declared, name):
    with pytest.raises(ParameterError, match="dataset=") as caught:
        declared(name)
    assert "\n" not in str(caught.value) and not paths.cache_root().exists()


def test_a_named_set_that_is_not_there_names_its_folder(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path / "data" / "cifar10")):
        content_fingerprint(declare("cifar10"))


def test_path_is_relative_to_the_current_folder(folder, tmp_path, monkeypatch):
    absolute = declare(str(folder))
    monkeypatch.chdir(tmp_path / "tiny" / "val")
    assert declare("..") == absolute
    assert (absolute.classes, absolute.train_images, absolute.val_images) == (3, 36, 18)
    assert absolute.native_px == 40  # the short side of 48 x 40


def test_id_of_a_folder_is_its_content(folder, tmp_path):
    first = declare(str(folder))
    assert first.id == f"folder-tiny-{first.fingerprint[:12]}"
    moved = declare(str(shutil.move(folder, tmp_path / "elsewhere" / "tiny")))
    assert moved.id == first.id and moved == first
    shutil.copy(moved.folder / "val" / "red" / "00.jpg", moved.folder / "val" / "red" / "01.jpg")
    changed = declare(str(moved.folder))
    assert changed.id != first.id
    with pytest.raises(DataError):  # and the old declaration no longer reads it
        load(moved, "train", 32)


def test_content_that_is_not_the_declared_one_is_refused_with_both_values(tiny_data):
    assert content_fingerprint(tiny_data) == tiny_data.fingerprint
    other = replace(tiny_data, fingerprint="ab" * 32)
    for action in (content_fingerprint, lambda dataset: load(dataset, "val", 32)):
        with pytest.raises(DataError) as caught:
            action(other)
        assert tiny_data.fingerprint[:12] in str(caught.value) and "abababababab" in str(caught.value)


@given(
    sizes=st.lists(st.integers(2, 40), min_size=2, max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_split_is_stratified_disjoint_and_the_same_for_everyone(sizes, order):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    fit, holdout, train_eval = (split_part(labels, part) for part in ("fit", "holdout", "train_eval"))
    assert sorted([*fit, *holdout]) == list(range(len(labels)))
    assert set(train_eval) <= set(fit)
    for label, size in enumerate(sizes):
        assert (labels[holdout] == label).sum() == max(1, size // 5)
    # A class is split alike whatever the other classes are and wherever its images stand.
    shuffled = order.sample(labels.tolist(), len(labels))
    where = np.argsort(shuffled, kind="stable")
    np.testing.assert_array_equal(np.sort(where[holdout]), split_part(np.array(shuffled), "holdout"))
    np.testing.assert_array_equal(holdout, split_part(labels, "holdout"))


def test_parts_of_a_plain_set(tiny_data):
    loaded = parts(tiny_data)
    assert [len(part) for part in loaded.values()] == [36, 18, 6]
    for name, part in loaded.items():
        source = "val" if name == "val" else "train"
        pixels = image_folder.decode(image_folder.list_images(tiny_data.folder, source)[0], 32)
        if name == "train_eval":
            pixels = pixels[split_part(np.repeat(np.arange(3), 12), "train_eval")]
        np.testing.assert_array_equal(part.pixels[part.rows], pixels)
        assert part.image_size == 32 and part.labels.dtype == np.int64
    assert np.bincount(loaded["train_eval"].labels).tolist() == [2, 2, 2]


def test_holdout_never_touches_the_validation_set(tiny_data):
    whole = load(tiny_data, "train", 32).pixels
    held = parts(replace(tiny_data, id=tiny_data.id + HOLDOUT))
    assert [len(part) for part in held.values()] == [30, 6, 6]
    labels = np.repeat(np.arange(3), 12)
    for name, split in (("train", "fit"), ("val", "holdout"), ("train_eval", "train_eval")):
        chosen = split_part(labels, split)
        np.testing.assert_array_equal(held[name].pixels[held[name].rows], whole[chosen])
        np.testing.assert_array_equal(held[name].labels, labels[chosen])


def test_decoded_images_are_kept_and_shared(tiny_data, tmp_path, monkeypatch):
    held = replace(tiny_data, id=tiny_data.id + HOLDOUT)
    first, first_held = parts(tiny_data), parts(held)
    monkeypatch.setattr(image_folder, "decode", lambda *_: pytest.fail("decoded again"))
    for before, again in ((first, parts(tiny_data)), (first_held, parts(held))):
        for name in before:
            for array, same in zip(before[name], again[name], strict=True):
                np.testing.assert_array_equal(array, same)
    kept = sorted(path.name for path in (tmp_path / "results" / "cache").rglob("*.npy"))
    assert kept == ["probe-of-train-32.npy", "train-32.npy", "val-32.npy", "val-of-train-32.npy"]


def test_a_half_written_cache_is_written_again(tiny_data, tmp_path, monkeypatch):
    def stopped(file: BinaryIO, array: np.ndarray) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            load(tiny_data, "val", 32)
    assert len(load(tiny_data, "val", 32)) == 18
    assert [path.name for path in (tmp_path / "results" / "cache").rglob("*.npy")] == ["val-32.npy"]


def test_fractals_need_no_folder():
    spec = FractalSpec(classes=3, train_per_class=5, val_per_class=2)
    tiny = DataSet("fractals-tiny", 3, 15, 6, fractals=spec)
    loaded, held = parts(tiny), parts(replace(tiny, id=tiny.id + HOLDOUT))
    images, labels = generate(spec, "train", 32)
    np.testing.assert_array_equal(loaded["train"].pixels, images)
    np.testing.assert_array_equal(loaded["train"].labels, labels)
    chosen = split_part(labels, "holdout")
    np.testing.assert_array_equal(held["val"].pixels[held["val"].rows], images[chosen])
    assert content_fingerprint(tiny) == content_fingerprint(replace(tiny, id="other"))
    assert content_fingerprint(tiny) != content_fingerprint(replace(tiny, fractals=replace(spec, seed=1)))


@pytest.mark.parametrize("clutter", [0, 2])
def test_some_rows_are_the_images_that_all_of_them_are(clutter):
    spec, rows = FractalSpec(classes=3, train_per_class=5, val_per_class=2, clutter=clutter), np.array([1, 4, 5, 13])
    render = fractal_scenes.generate if clutter else generate
    (images, labels), (some, theirs) = render(spec, "train", 32), render(spec, "train", 32, rows=rows)
    np.testing.assert_array_equal(some, images[rows])
    np.testing.assert_array_equal(theirs, labels[rows])


def test_two_workers_share_the_parts_of_one_resolution(tiny_data, tmp_path):
    """While another one is at the training set the validation set is made, and nobody waits."""
    load(tiny_data, "train_eval", 32)
    folder = next((tmp_path / "results" / "cache").rglob("*.npy")).parent
    with FileLock(folder / "train-32.lock"):
        array_cache.make(tiny_data, [("train", 32), ("val", 32), ("val", 37)])
    assert sorted(path.name for path in folder.glob("*.npy")) == ["probe-of-train-32.npy", "val-32.npy", "val-37.npy"]


@pytest.mark.parametrize("name", [*datasets.FRACTALS, *datasets.PHOTOS])
def test_named_sets_are_declared_without_their_data(name):
    plain, held = declare(name), declare(name + HOLDOUT)
    assert plain.id == name and held.id == name + HOLDOUT
    assert plain.classes > 1 and plain.train_images > 0 and plain.val_images > 0
    assert plain.label == held.label != name


def test_download_happens_once(images, tmp_path, monkeypatch):
    calls = []

    def download(root: str, **_) -> None:
        calls.append(Path(root).parent)
        shutil.copytree(images, Path(root) / "imagenette2-320")

    fake = SimpleNamespace(Imagenette=download)
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=fake))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", fake)
    dataset = declare("imagenette-320")
    assert len(load(dataset, "val", 32)) == 18 and len(load(dataset, "train", 32)) == 36
    assert calls == [tmp_path / "data"]


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("File not found or\ncorrupted.")])
def test_a_download_that_fails_is_one_line(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("torchvision.datasets.Imagenette", fail)
    with pytest.raises(DataError, match=r"^dataset=imagenette-320: it cannot be downloaded \(.*\)$"):
        content_fingerprint(declare("imagenette-320"))
