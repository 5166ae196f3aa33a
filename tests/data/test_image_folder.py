"""Folders of images: a fixed order, one line for whatever is wrong, antialiased squares, a fingerprint."""

import hashlib
import os
import shutil
import stat
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effnet_lib.core.errors import DataError
from effnet_lib.data import image_folder
from effnet_lib.data.datasets import declare


def save(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    for step in (mode and "L", mode):  # by way of grey, as a palette would otherwise be dithered from colours
        image = image.convert(step) if step else image
    image.save(path)
    return path


def test_order_is_that_of_the_names_whatever_came_first(folder):
    before = image_folder.list_images(folder, "train")
    moved = folder / "train" / "moved"
    shutil.copytree(folder / "train" / "red", moved)  # the same images, created in another order
    shutil.rmtree(folder / "train" / "red")
    (folder / "train" / "red").mkdir()
    for path in sorted(moved.iterdir(), reverse=True):
        shutil.copy(path, folder / "train" / "red")
    shutil.rmtree(moved)
    files, labels, classes = image_folder.list_images(folder, "train")
    assert files == before[0] == sorted(files)
    assert classes == ["blue", "green", "red"]
    assert labels.dtype == np.int64 and labels.tolist() == [0] * 12 + [1] * 12 + [2] * 12
    assert [path.parent.name for path in files] == [classes[label] for label in labels]


def test_what_is_no_image_is_not_listed(folder):
    (folder / "train" / "notes.txt").write_text("beside the classes")
    (folder / "train" / "red" / "notes.txt").write_text("beside the images")
    (folder / "train" / "red" / "deeper").mkdir()
    shutil.copy(folder / "train" / "red" / "00.jpg", folder / "train" / "red" / "deeper" / "12.JPEG")
    files, _, classes = image_folder.list_images(folder, "train")
    assert len(files) == 37 and classes == ["blue", "green", "red"]


@pytest.mark.parametrize("name", [".ipynb_checkpoints", "._red", ".DS_Store", "__MACOSX", "Thumbs.db", "desktop.ini"])
def test_hidden_entries_are_no_classes_and_no_images(folder, name):
    before, known = declare(str(folder)), image_folder.list_images(folder, "train")
    for place in (folder / "train", folder / "val", folder / "train" / "red"):
        (place / name).mkdir()
        shutil.copy(folder / "train" / "red" / "00.jpg", place / name / "0-checkpoint.jpg")
    (folder / "train" / "red" / "._00.jpg").write_bytes(b"\0\5\26\7rest")
    (folder / "train" / ".green").symlink_to("nowhere")
    files, labels, classes = image_folder.list_images(folder, "train")
    assert (files, classes) == (known[0], known[2]) and (labels == known[1]).all()
    assert declare(str(folder)) == before


def test_a_folder_is_a_folder_whatever_its_name(folder):
    (folder / "train" / "red" / "1.jpg").mkdir()
    shutil.copy(folder / "train" / "red" / "00.jpg", folder / "train" / "red" / "1.jpg" / "00.jpg")
    assert len(image_folder.list_images(folder, "train")[0]) == 37
    assert declare(str(folder)).train_images == 37


def test_a_folder_that_cannot_be_listed_is_one_line(folder, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DataError, match=r"train' cannot be listed \(Permission denied\)"):
        image_folder.list_images(folder, "train")


@pytest.mark.parametrize("name", ["test", "valid", "validation"])
def test_the_validation_part_has_many_names(folder, name):
    (folder / "val").rename(folder / name)
    assert len(image_folder.list_images(folder, "val")[0]) == 18


def no_set(root: Path) -> str:
    shutil.rmtree(root)
    return "tiny"


def no_part(root: Path) -> str:
    shutil.rmtree(root / "val")
    return "val/"


def no_classes(root: Path) -> str:
    shutil.rmtree(root / "train")
    (root / "train").mkdir()
    return "0 class folders"


def no_images(root: Path) -> str:
    shutil.rmtree(root / "train" / "green")
    (root / "train" / "green").mkdir()
    return "train/green"


def other_classes(root: Path) -> str:
    (root / "val" / "green").rename(root / "val" / "violet")
    return "violet"


def text(root: Path) -> str:
    (root / "train" / "green" / "05.jpg").write_text("no image at all")
    return "green/05.jpg"


def half_a_jpeg(root: Path) -> str:
    path = root / "train" / "green" / "05.jpg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return "green/05.jpg"


def broken_png(root: Path) -> str:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3))
    path = save(root / "train" / "green" / "05.png", noise)
    data = path.read_bytes()
    second = data.index(b"IDAT", data.index(b"IDAT") + 4)
    path.write_bytes(data[:second] + b"\0\1\2\3" + data[second + 4 :])
    return "green/05.png"


def link_out(root: Path) -> str:
    outside = Path(shutil.copy(root / "train" / "red" / "00.jpg", root.parent / "outside.jpg"))
    (root / "train" / "green" / "99.jpg").symlink_to(outside)
    return "green/99.jpg"


def class_links_out(root: Path) -> str:
    shutil.move(root / "train" / "green", root.parent / "outside")
    (root / "train" / "green").symlink_to(root.parent / "outside")
    return "train/green"


def class_links_to_nothing(root: Path) -> str:
    (root / "train" / "violet").symlink_to(root / "train" / "indigo")
    return "train/violet"


def folder_is_linked(root: Path) -> str:
    (root / "train" / "green" / "more").symlink_to(root / "train" / "red")
    return "green/more"


def link_to_itself(root: Path) -> str:
    (root / "train" / "green" / "99.jpg").symlink_to("99.jpg")
    return "green/99.jpg"


def pipe(root: Path) -> str:
    os.mkfifo(root / "train" / "green" / "99.jpg")  # to open it would wait for ever
    return "green/99.jpg"


def socket_file(root: Path) -> str:
    os.mknod(root / "train" / "green" / "99.jpg", stat.S_IFSOCK | 0o600)
    return "green/99.jpg"


def link_to_nothing(root: Path) -> str:
    (root / "train" / "green" / "99.jpg").symlink_to(root / "train" / "green" / "98.jpg")
    return "green/99.jpg"


@pytest.mark.parametrize(
    "spoil",
    [no_set, no_part, no_classes, no_images, other_classes, text, half_a_jpeg, broken_png,
     link_out, class_links_out, class_links_to_nothing, folder_is_linked, link_to_itself, pipe, socket_file,
     link_to_nothing],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_that_names_it(folder, spoil):
    named = spoil(folder)
    with pytest.raises(DataError) as caught:
        image_folder.decode(image_folder.list_images(declare(str(folder)).folder, "train")[0], 32)
    message = str(caught.value)
    assert named in message and message.startswith("dataset") and "\n" not in message


def test_links_inside_the_set_are_followed(folder):
    (folder / "train" / "green" / "99.jpg").symlink_to(folder / "train" / "green" / "00.jpg")
    link = folder.with_name("link")
    link.symlink_to(folder)
    files = image_folder.list_images(link, "train")[0]
    assert len(files) == 37
    assert np.array_equal(*image_folder.decode([p for p in files if p.stem in ("00", "99")][1:3], 16))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    ramp = np.broadcast_to(np.linspace(0, 255, 32)[:, None, None], (32, 32, 3))
    path = save(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"), ramp, mode)
    (image,) = image_folder.decode([path], 32)
    assert image.shape == (32, 32, 3) and image.dtype == np.uint8
    grey = image.astype(int)
    assert np.ptp(grey, axis=2).max() <= 8  # a grey ramp stays grey
    assert grey[0].mean() < 16 and grey[-1].mean() > 239


def test_the_centre_square_is_kept(tmp_path):
    wide = np.zeros((30, 90, 3))
    wide[:, :30, 0] = wide[:, 30:60, 1] = wide[:, 60:, 2] = 255
    across, down = image_folder.decode(
        [save(tmp_path / "wide.png", wide), save(tmp_path / "tall.png", wide.transpose(1, 0, 2))], 16
    )
    # The filter reaches over the edge of the square by one pixel of the result at most.
    assert (across[:, 1:-1] == (0, 255, 0)).all() and (down[1:-1] == (0, 255, 0)).all()


def test_a_reduction_is_antialiased(tmp_path):
    stripes = np.zeros((64, 64, 3))
    stripes[:, ::2] = 255  # sampled every fourth pixel, they would come out black or white
    (image,) = image_folder.decode([save(tmp_path / "stripes.png", stripes)], 16)
    assert np.abs(image.astype(int) - 127.5).max() <= 16


def test_threads_change_nothing(folder):
    files = image_folder.list_images(folder, "train")[0]
    np.testing.assert_array_equal(image_folder.decode(files, 24), image_folder.decode(files, 24, threads=3))


def test_fingerprint_follows_names_and_content_only(folder, tmp_path):
    number = count()

    def look(root: Path) -> str:
        return image_folder.fingerprint(root, tmp_path / f"{next(number)}.json")  # nothing is kept from look to look

    first, image = look(folder), folder / "val" / "red" / "03.jpg"
    os.utime(image, (1, 1))
    assert look(folder) == first
    assert look(Path(shutil.copytree(folder, tmp_path / "elsewhere" / "other name"))) == first
    data = image.read_bytes()
    image.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    assert look(folder) != first
    image.write_bytes(data)
    assert look(folder) == first
    image.rename(image.with_name("03a.jpg"))
    assert look(folder) != first


def test_a_set_with_a_turned_image_is_another_when_the_reader_changes(folder, tmp_path, monkeypatch):
    """Arrays made when the tag was not read are not those of the set; a set of plain images is what it was."""
    plain, tag, cache = image_folder.fingerprint(folder, tmp_path / "kept.json"), Image.Exif(), tmp_path / "kept.json"
    path = folder / "train" / "red" / "00.jpg"
    tag[274] = 6
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=tag)
    tagged = image_folder.fingerprint(folder, cache)
    monkeypatch.setattr(image_folder.image_reader, "VERSION", 2)
    assert image_folder.fingerprint(folder, cache) not in (plain, tagged)
    path.unlink()
    without = image_folder.fingerprint(folder, cache)
    monkeypatch.undo()
    assert image_folder.fingerprint(folder, tmp_path / "other.json") == without


def test_fingerprint_of_plain_images_is_that_of_names_and_bytes(folder, tmp_path):
    total = hashlib.sha256()
    for part in ("train", "val"):
        for path in sorted((folder / part).rglob("*.jpg")):
            total.update(f"{path.relative_to(folder)}".encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert image_folder.fingerprint(folder, tmp_path / "kept.json") == total.hexdigest()


def test_kept_fingerprint_is_read_back(folder, tmp_path, monkeypatch):
    cache = tmp_path / "cache.json"
    first = image_folder.fingerprint(folder, cache)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read again"))
    assert image_folder.fingerprint(folder, cache) == first


def test_kept_fingerprint_is_never_that_of_other_images(folder, tmp_path):
    """An exchange under the old size and date is seen, and a twin folder of equal names, sizes and dates."""
    cache, (image, *_) = tmp_path / "cache.json", image_folder.list_images(folder, "train")[0]
    os.utime(image, (1, 1))
    first, data = image_folder.fingerprint(folder, cache), image.read_bytes()
    twin = Path(shutil.copytree(folder, tmp_path / "twin", copy_function=shutil.copy2))
    for path in (image, twin / image.relative_to(folder)):
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        os.utime(path, (1, 1))
    changed = image_folder.fingerprint(folder, cache)
    assert changed != first
    assert image_folder.fingerprint(twin, cache) == changed


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_cache_costs_time_only(folder, tmp_path, content):
    cache = tmp_path / "cache.json"
    first = image_folder.fingerprint(folder, cache)
    cache.write_bytes(content)
    assert image_folder.fingerprint(folder, cache) == first
    assert image_folder.fingerprint(folder, cache / "below a file") == first


def test_names_and_order_are_those_of_the_standard_library(folder):
    (folder / "train/blue/a b").mkdir()
    for place in ("a b/9.jpg", "a.jpg", "a b.jpg", "A.jpg"):
        (folder / "train/blue" / place).write_bytes((folder / "train/blue/00.jpg").read_bytes())
    files = image_folder.list_images(folder, "train")[0]
    blue = [path for path in files if path.is_relative_to(folder / "train/blue")]
    assert blue == sorted(blue) and len(blue) == 16
    for root in (folder, folder.parent, folder.parent / "."):
        assert list(image_folder._relative(files, root)) == [str(path.relative_to(root)) for path in files]
    with pytest.raises(ValueError, match="is not in the subpath"):
        list(image_folder._relative(files, folder / "val"))
