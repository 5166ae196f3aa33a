"""Photographs of yours to map: which files of a path are meant, and what is refused in one line."""

import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.measure.maps.photographs import Photograph, photographs


@pytest.fixture
def album(tmp_path):
    """A folder with a photograph."""
    (tmp_path / "album").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)).save(tmp_path / "album/a.png")
    return tmp_path / "album"


def test_hidden_entries_and_folders_of_a_folder_are_passed_over(album):
    (album / "._a.png").write_bytes(b"\0\5\26\7rest")
    (album / ".trash.png").write_bytes(b"")
    (album / "more.png").mkdir()
    assert photographs(str(album)) == [album / "a.png"] == photographs(str(album / "a.png"))


@pytest.mark.parametrize("path", ["~nosuchuser/photographs", "a" * 300, "nul\0byte"])
def test_a_path_that_cannot_be_is_refused(path):
    with pytest.raises(ParameterError, match=r"^images=.* is not accepted; images takes a path that can be") as caught:
        photographs(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_regular_file_is_refused_by_name(album):
    os.mkfifo(album / "pipe.jpg")  # to open it would wait for ever
    for path in (album, album / "pipe.jpg"):
        with pytest.raises(DataError, match=r"^images: '.*pipe\.jpg' is no regular file"):
            photographs(str(path))
    (album / "pipe.jpg").unlink()
    (album / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(DataError, match=r"^images: '.*loop\.jpg' is no regular file"):
        photographs(str(album))


def test_maps_of_a_turned_photograph_are_kept_apart_from_those_before_it_was_turned(album):
    plain, tag = album / "a.png", Image.Exif()
    tag[274] = 6
    with Image.open(plain) as image:
        image.save(album / "b.png", exif=tag)
    contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (plain, album / "b.png")]
    kept = [Photograph(path).spec()["picture"] for path in (plain, album / "b.png")]
    assert kept[0] == contents[0] and kept[1] != contents[1]
