"""The one reader of image files: what any file becomes as 8-bit RGB, and when a file's digest says how it was read."""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from ..core.errors import DataError, one_line

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp", ".tif", ".tiff")
VERSION = 1  # raised when a turned, deep or transparent image is read in another way; others are as Pillow has them
WHITE = (255, 255, 255, 255)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what the orientation tag asks for
TAGGED = (b"eXIf", b"Raw profile type", b"xmp")  # how each part of a PNG begins that could hold that tag
SIXTEEN = ("PNG", "PPM")  # formats of at most 16 bits, which Pillow may hold in 32


def read(file: Path | str | BinaryIO, name: str = "", most_pixels: int = 0) -> Image.Image:
    """Decode a whole image as RGB, turned as its orientation tag says, transparent parts over white.

    16-bit grey is divided by its range (12-bit by its own). Integers of 32 bits and floats have none: they are
    stretched from the image's least to its greatest value.

    Args:
        name: what a message calls it; "" is the data set's file of that path.
        most_pixels: width x height that is still decoded; 0: Pillow's limit.

    Raises:
        DataError: it is no regular file, cannot be decoded, is too large, or has no range to be stretched from.
    """
    name = name or f"dataset: {str(file)!r}"
    with _opened(file, name) as image:
        if most_pixels and image.width * image.height > most_pixels:
            most = f"at most {most_pixels / 1e6:g} megapixels are taken"
            raise DataError(f"{name} has {image.width} x {image.height} pixels; {most}")
        if (key := image.info.get("transparency")) and image.tile and image.tile[0].args == "RGB;16B":
            image.info["transparency"] = tuple(value >> 8 for value in key)  # Pillow reads the upper 8 bits of each
        image.load()
        turn = TURNS.get(_orientation(image))
        flat = _flat(image, name).convert("RGB")
        return flat if turn is None else flat.transpose(turn)


def size(file: Path | str) -> tuple[int, int]:
    """Return width and height in pixels as stored; raise DataError as `read` does."""
    with _opened(file, f"dataset: {str(file)!r}") as image:
        return image.size


def digest(data: bytes, name: str) -> str:
    """Return the SHA-256 of an image file's bytes, `data`; where Pillow alone reads it otherwise, of VERSION as well.

    So arrays and results made before a change of the reader are not taken for those of the images it changed, and
    all other images keep their digests.

    Raises:
        DataError: as `read`, with `name`, where its head cannot be read.
    """
    content = hashlib.sha256(data)
    with _opened(io.BytesIO(data), name) as image:
        # Pillow decodes a whole PNG to look for the tag at its end.
        turned = image.format != "PNG" or any(mark in data for mark in TAGGED)
        if _deep(image) or image.has_transparency_data or (turned and _orientation(image) in TURNS):
            content.update(f"reader {VERSION}".encode())
    return content.hexdigest()


@contextmanager
def _opened(file: Path | str | BinaryIO, name: str) -> Iterator[ImageFile]:
    """Open an image; whatever a decoder raises, inside as well, becomes one DataError."""
    if isinstance(file, Path | str) and not os.path.isfile(file):  # to open a pipe would wait for ever
        raise DataError(f"{name} is no regular file, or is not there")
    try:
        with Image.open(file) as image:
            yield image
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        most = f"{2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels"
        raise DataError(f"{name} has more pixels than Pillow takes ({most}, twice Image.MAX_IMAGE_PIXELS)") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{name} is not an image that can be decoded (of no format that Pillow knows)") from error
    except Exception as error:  # each decoder has error types of its own
        raise DataError(f"{name} is not an image that can be decoded ({one_line(error)})") from error


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a damaged tag turns nothing: viewers show the image all the same
        return None


def _deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _flat(image: Image.Image, name: str) -> Image.Image:
    """Return an image of 8 bits a channel, without transparency."""
    if _deep(image):
        return _stretched(image, name)
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer)


def _stretched(image: Image.Image, name: str) -> Image.Image:
    """Return a deep image as grey of 8 bits."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})  # of a TIFF
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in SIXTEEN):
        low, high = 0.0, 4095.0 if tags.get(ExifTags.Base.BitsPerSample) == (12,) else 65535.0
    else:
        if image.mode == "I" and image.format == "TIFF" and tags.get(ExifTags.Base.SampleFormat, (1,)) == (1,):
            values = values.view(np.uint32)  # Pillow holds them as signed
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(values).all():
            raise DataError(f"{name} has values that are not finite, and no range to scale by")
        if low == high:
            raise DataError(f"{name} has the value {low:g} everywhere, and no range to scale by")
    grey = (values.astype(np.float64) - low) * (255 / (high - low))
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # its 0 is white
        grey = 255 - grey
    if isinstance(key := image.info.get("transparency"), int):  # the one grey that is transparent
        grey[values == key] = 255
    return Image.fromarray(np.rint(grey).astype(np.uint8))
