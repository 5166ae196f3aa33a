"""Damaged image files of every format: decoded as RGB, or refused in one line that names the file."""

import io
import os
import struct
import tempfile
import warnings
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from support.fuzzing.guard import REFUSED, TAKEN, ends, refused_well

from effnet_lib.core.errors import DataError
from effnet_lib.data import image_folder, image_reader

MODES = {
    "PNG": ("RGB", "RGBA", "P", "LA", "L", "1", "I;16"),
    "JPEG": ("RGB", "L", "CMYK"),
    "TIFF": ("RGB", "I;16", "F", "I", "L", "CMYK", "P"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("RGB", "L", "P", "1"),
    "GIF": ("P", "L"),
    "PPM": ("RGB", "L"),
}
HEAD = 128  # bytes in which most changes are made
VALUES = st.sampled_from([b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x80", b"\x01"])


def _one(kind: str, mode: str) -> bytes:
    values = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    image = Image.fromarray(values)
    if mode in ("I;16", "F", "I"):
        image = Image.fromarray(values[..., 0].astype({"I;16": np.uint16, "F": np.float32, "I": np.int32}[mode]) * 100)
    else:
        image = image.convert(mode)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # on its side
    more = {"exif": exif} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def originals() -> list[bytes]:
    """Return a small sound image of every format and mode, turned where the format can say so."""
    return [_one(kind, mode) for kind, modes in MODES.items() for mode in modes]


@st.composite
def _damaged(draw, sound: list[bytes]) -> bytes:
    """Change bytes, most of them near the beginning; put some in, take some away, cut the end off, put another on."""
    data = bytearray(draw(st.sampled_from(sound)))
    for _ in range(draw(st.integers(1, 4))):
        most = max(1, len(data) - 1)
        place = draw(st.integers(0, min(HEAD, most)) | st.integers(0, most))
        how = draw(st.sampled_from(["byte", "byte", "value", "number", "insert", "remove", "cut", "other"]))
        if how == "byte":
            data[place : place + 1] = bytes([draw(st.integers(0, 255))])
        elif how == "value":
            put_in = draw(VALUES)
            data[place : place + len(put_in)] = put_in
        elif how == "number":
            order = draw(st.sampled_from("<>"))
            data[place : place + 4] = struct.pack(f"{order}I", draw(st.integers(0, 2**32 - 1)))
        elif how == "insert":
            data[place:place] = draw(st.binary(max_size=8))
        elif how == "remove":
            del data[place : place + draw(st.integers(1, 16))]
        elif how == "cut":
            del data[place:]
        else:
            data[place:] = draw(st.sampled_from(sound))[place:]
    return bytes(data)


def strategy(_folders: list[str]) -> st.SearchStrategy[tuple[str, bytes]]:
    """Return names and contents of image files."""
    return st.tuples(st.sampled_from(image_reader.EXTENSIONS), _damaged(originals()) | st.binary(max_size=64))


def check(given: tuple[str, bytes]) -> str:
    """Read an image file as training, the fingerprint, the size of a set and a photograph's map do."""
    ending, data = given
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):  # Pillow's, of each tag
        path = Path(folder, f"image{ending}")
        path.write_bytes(data)
        ways = [
            lambda: image_reader.read(path).mode == "RGB",
            lambda: image_reader.read(path, "images: it", most_pixels=10**7).mode == "RGB",
            lambda: image_folder.square(path, 32).shape == (32, 32, 3),
            lambda: len(image_reader.size(path)) == 2,
            lambda: len(image_reader.digest(data, f"dataset: {str(path)!r}")) == 64,
        ]
        ended = [_try(way) for way in ways]
        assert ended[0] == ended[2] or REFUSED in (ended[0], ended[2]), "read in one way, refused in the other"
        assert os.listdir(folder) == [path.name]
    return ended[0]


def _try(way) -> str:
    try:
        with ends():
            assert way()
    except DataError as error:
        refused_well(str(error))
        return REFUSED
    return TAKEN
