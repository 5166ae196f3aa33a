"""Arrays and thumbnails as short text, for measurements that ship."""

import base64
import io

import numpy as np
from PIL import Image

from ..core.errors import StoreError

QUALITY = 80  # of the thumbnails' JPEG
THUMBNAILS = ("JPEG",)  # formats that are read back


def pack(values: np.ndarray, low: float = 0.0, high: float = 1.0, bits: int = 16) -> str:
    """Pack numbers from `low` to `high` into base64 of unsigned integers of 8 or 16 bits.

    The largest code stands for NaN, so the error is at most (high - low) / 131068 at 16 bits.
    """
    kind = np.dtype("<u2" if bits == 16 else "u1")
    most = np.iinfo(kind).max
    values = np.asarray(values, np.float64)
    scaled = np.rint((values - low) / (high - low) * (most - 1)).clip(0, most - 1)
    return base64.b64encode(np.where(np.isnan(values), most, scaled).astype(kind).tobytes()).decode()


def unpack(text: str, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0, bits: int = 16) -> np.ndarray:
    """Return what `pack` packed, float64 of a shape.

    Raises:
        StoreError: The number of values is not the shape's.
    """
    kind = np.dtype("<u2" if bits == 16 else "u1")
    codes = np.frombuffer(base64.b64decode(text, validate=True), kind)
    if codes.size != np.prod(shape):
        raise StoreError(f"{codes.size} packed values cannot have shape {shape}")
    most = np.iinfo(kind).max
    values = low + codes / (most - 1) * (high - low)
    return np.where(codes == most, np.nan, values).reshape(shape)


def thumbnail(pixels: np.ndarray, image_size: int) -> str:
    """Return an image (h, w, 3) uint8 as base64 of a JPEG of at most `image_size` pixels a side."""
    image = Image.fromarray(pixels)
    image.thumbnail((image_size, image_size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()


def image(text: str) -> np.ndarray:
    """Return the pixels (h, w, 3) uint8 that `thumbnail` stored."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=THUMBNAILS).convert("RGB"))


def pack_bits(correct: np.ndarray) -> str:
    """Pack booleans into base64, 8 a byte, the first image in the highest bit."""
    return base64.b64encode(np.packbits(np.asarray(correct, bool)).tobytes()).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """Return the `count` booleans that `pack_bits` packed.

    Raises:
        StoreError: The text holds another number of bytes.
    """
    raw = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(raw) != -(-count // 8):
        raise StoreError(f"correct={len(raw)} bytes cannot hold one bit for each of {count} images")
    return np.unpackbits(raw)[:count].astype(bool)


def pack_indices(values: np.ndarray) -> str:
    """Pack whole numbers from 0 to 65,535 into base64, two bytes each."""
    return base64.b64encode(np.asarray(values, "<u2").tobytes()).decode()


def unpack_indices(text: str, count: int) -> np.ndarray:
    """Return the `count` numbers, int64, that `pack_indices` packed.

    Raises:
        StoreError: The text holds another number of them.
    """
    found = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if found.size != 2 * count:
        raise StoreError(f"{found.size} bytes cannot hold two for each of {count} images")
    return found.view("<u2").astype(np.int64)
