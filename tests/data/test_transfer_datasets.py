"""The transfer sets: official sizes beside the print, draws that share nothing, and folders that are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import image_folder, transfer_datasets
from effnet_lib.data.splits import draw
from effnet_lib.data.transfer_datasets import declare, ensure, sizes


def test_the_print_of_table_6_differs_from_the_official_splits_in_one_number():
    table = sizes().set_index("dataset")
    assert len(table) == 8
    assert table.loc["Oxford-IIIT Pets", "difference"] == "test: +300 against the print"  # 3,369 is a misprint of 3,669
    assert set(table["difference"].drop("Oxford-IIIT Pets")) == {"none"}
    per_class = table.index[table["metric"] == "mean per class"]
    assert set(per_class) == {"Flowers", "FGVC Aircraft", "Oxford-IIIT Pets"}


def test_the_handwritten_digits_need_no_network():
    pytest.importorskip("sklearn")
    dataset = ensure(declare("digits"))
    assert dataset.folder.is_relative_to(paths.results_root())
    files, labels, classes = image_folder.list_images(dataset.folder, "val")
    assert classes == list("0123456789") and len(files) == dataset.val_images
    assert Image.open(files[0]).size == (8, 8) and np.bincount(labels).min() > 50
    before = files[0].stat().st_mtime_ns
    ensure(dataset)
    assert files[0].stat().st_mtime_ns == before


@given(st.integers(2, 6), st.integers(1, 5), st.integers(1, 4), st.integers(0, 10))
def test_draws_share_no_image_and_have_as_many_of_each_class(classes, each, blocks, more):
    labels = np.repeat(np.arange(classes), each * blocks + more)
    drawn = [draw(labels, each * classes, block) for block in range(blocks)]
    assert all((np.bincount(labels[rows]) == each).all() for rows in drawn)
    assert len(set(np.concatenate(drawn).tolist())) == each * classes * blocks
    assert (draw(labels, each * classes, 0) == drawn[0]).all() and len(draw(labels, None)) == len(labels)


@pytest.mark.parametrize("images, block", [(2, 0), (39, 0), (21, 1), (0, 0)])
def test_fewer_images_than_classes_or_than_the_draws_need_are_refused(images, block):
    with pytest.raises(ParameterError, match=r"images=\d+ is not accepted; .* at least one a class \(3\)"):
        draw(np.repeat([0, 1, 2], 12), images, block)


def test_a_set_that_nobody_serves_says_where_to_put_it():
    with pytest.raises(DataError, match="birdsnap/train/<class>/") as caught:
        ensure(declare("birdsnap"))
    assert "\n" not in str(caught.value) and not paths.data_root().exists()


def test_a_host_that_cannot_be_reached_is_one_line_and_leaves_nothing(monkeypatch):
    from urllib.error import URLError

    from torchvision import datasets

    def unreachable(*args, **kwargs):
        raise URLError("Name or service not known")

    monkeypatch.setattr(datasets, "Food101", unreachable)
    with pytest.raises(DataError, match="dataset=food101: torchvision could not fetch it") as caught:
        ensure(declare("food101"))
    assert "\n" not in str(caught.value)
    assert [path.name for path in paths.data_root().iterdir()] == [".food101.lock"]


class Fetched:
    """What torchvision gives for CIFAR: arrays, targets, class names, one of which would leave the folder."""

    classes = ("apple", "../../bowl")

    def __init__(self, root, train, download):
        self.data = np.zeros((4 if train else 2, 32, 32, 3), np.uint8)
        self.targets = [0, 1, 0, 1][: len(self.data)]


def test_what_torchvision_fetched_is_laid_out_as_folders_below_the_set(monkeypatch):
    from torchvision import datasets

    monkeypatch.setattr(datasets, "CIFAR100", Fetched)
    with pytest.raises(DataError, match=r"has 2 classes, 4 \+ 2 images, and the official set 100, 50000 \+ 10000"):
        ensure(declare("cifar100"))
    folder = paths.data_root() / "cifar100"
    assert image_folder.list_images(folder, "train")[2] == ["000-apple", "001-.._.._bowl"]
    assert {path.name for path in paths.data_root().iterdir()} == {"cifar100", ".cifar100.lock"}


def test_classes_that_differ_between_the_splits_are_refused(folder):
    (folder / "val/red").rename(folder / "val/crimson")
    with pytest.raises(DataError, match=r"classes differ between train and val \(crimson, red\)"):
        declare(str(folder))
    named = paths.data_root() / "pets"
    named.parent.mkdir()
    folder.rename(named)
    with pytest.raises(DataError, match=r"classes differ between train and test \(crimson, red\)"):
        ensure(declare("pets"))


def test_another_set_under_an_official_name_is_refused(folder):
    paths.data_root().mkdir()
    folder.rename(paths.data_root() / "cifar10")
    with pytest.raises(DataError, match=r"has 3 classes, 36 \+ 18 images, and the official set 10, 50000 \+ 10000"):
        ensure(declare("cifar10"))


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match=r"did you mean food101\?"):
        declare("food10")
    assert not transfer_datasets.there("cifar10") and transfer_datasets.there("digits")
