"""What each kind of image file is read as, what is refused in one line, and whose digest says how it was read."""

import hashlib
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from effnet_lib.core.errors import DataError
from effnet_lib.data.image_reader import digest, read

RAMP = np.linspace(0, 1, 1600).reshape(40, 40)
EIGHT = np.rint(255 * RAMP)


def grey(file: Path | io.BytesIO) -> np.ndarray:
    pixels = np.asarray(read(file)).astype(int)
    assert pixels.shape[2] == 3 and np.ptp(pixels, axis=2).max() == 0
    return pixels[..., 0]


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def tiff(values: np.ndarray, white_is_zero: bool = False, bits: int | None = None) -> bytes:
    """An uncompressed grey TIFF of unsigned integers: Pillow writes none of 12 bits, of unsigned 32 or inverted."""
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    if bits == 12:
        pairs = values.ravel().astype(int).reshape(-1, 2)
        data = bytes(b for one, two in pairs for b in (one >> 4, (one & 15) << 4 | two >> 8, two & 255))
    bits = bits or 8 * values.itemsize
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: int(not white_is_zero), 273: 0, 277: 1, 278: height}
    tags |= {279: len(data)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + bytes(4) + data


# More than 8 bits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, pixels",
    [
        ("a.png", (RAMP * 65535).astype(np.uint16)),
        ("a.tif", (RAMP * 65535).astype(np.uint16)),
        ("a.tif", RAMP.astype(np.float32)),
        ("a.tif", (RAMP * 1e5 - 5e4).astype(np.int32)),
        ("a.tif", (RAMP * 7e-3 + 40).astype(np.float32)),
    ],
    ids=["16 bit png", "16 bit tiff", "float", "int", "float of a small range"],
)
def test_a_deep_ramp_is_read_as_the_ramp(tmp_path, name, pixels):
    read_back = grey(saved(tmp_path / name, Image.fromarray(pixels)))
    assert np.abs(read_back - EIGHT).max() <= 1 and (read_back.min(), read_back.max()) == (0, 255)


@pytest.mark.parametrize(
    "content",
    [
        tiff(((1 - RAMP) * 65535).astype(np.uint16)),
        tiff(np.rint((1 - RAMP) * 4095).astype(np.uint16), bits=12),
        tiff(((1 - RAMP) * (2**32 - 1)).astype(np.uint32)),
        tiff((RAMP * 65535).astype(np.uint16), white_is_zero=True),
    ],
    ids=["16 bit", "12 bit", "unsigned 32", "white is zero"],
)
def test_deep_tiffs_that_others_write_are_read_as_they_show(content):
    assert np.abs(grey(io.BytesIO(content)) - (255 - EIGHT)).max() <= 1


def test_16_bits_keep_their_scale_however_dark_an_image_is(tmp_path):
    dark = saved(tmp_path / "dark.png", Image.fromarray((RAMP * 6553).astype(np.uint16)))
    assert grey(dark).max() == 25
    assert grey(saved(tmp_path / "flat.png", Image.fromarray(np.full((8, 8), 32768, np.uint16)))).min() == 128
    deep = tmp_path / "deep.ppm"
    deep.write_bytes(b"P5 40 40 65535\n" + (RAMP * 6553).astype(">u2").tobytes())
    assert grey(deep).max() in (25, 26)


@pytest.mark.parametrize("values", [(7.5, 7.5), (3, 3), (0.0, np.nan), (0.0, np.inf), (-np.inf, 1.0)])
def test_a_deep_image_without_a_range_is_refused_by_name(tmp_path, values):
    kind = np.int32 if isinstance(values[0], int) else np.float32
    path = saved(tmp_path / "flat.tif", Image.fromarray(np.tile(np.array(values, kind), (8, 4))))
    with pytest.raises(DataError, match=r"dataset: '.*flat\.tif' has .*no range to scale by$"):
        read(path)


# Transparency -------------------------------------------------------------------------------------------------


def see_through(mode: str) -> Image.Image:
    """An image whose left half is red (grey in LA) and opaque, its right half black and transparent."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (255, 0, 0, 255) if mode != "LA" else (90, 90, 90, 255)
    if mode == "P":
        image = Image.fromarray((pixels[..., 3] > 0).astype(np.uint8)).convert("P")
        image.putpalette([0, 0, 0, 255, 0, 0])
        image.info["transparency"] = 0
        return image
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA"])
def test_what_is_transparent_is_white_and_the_rest_as_it_is(tmp_path, mode):
    pixels = np.asarray(read(saved(tmp_path / "a.png", see_through(mode))))
    assert (pixels[:, 4:] == 255).all()
    assert (pixels[:, :4] == ((90, 90, 90) if mode == "LA" else (255, 0, 0))).all()


def test_half_transparent_is_half_white(tmp_path):
    assert grey(saved(tmp_path / "a.png", Image.new("RGBA", (4, 4), (0, 0, 0, 128)))).max() == 127


@pytest.mark.parametrize("mode, key", [("L", 0), ("1", 0), ("RGB", (0, 0, 0)), ("I;16", 0)])
def test_a_colour_that_stands_for_transparent_is_white(tmp_path, mode, key):
    deep = mode == "I;16"
    pixels = np.where(np.arange(8) < 4, 32768 if deep else 255, 0) + np.zeros((8, 1))
    image = Image.fromarray(pixels.astype(np.uint16 if deep else np.uint8))
    path = saved(tmp_path / "a.png", image if deep else image.convert(mode), transparency=key)
    assert set(grey(path)[:, 4:].ravel()) == {255} and set(grey(path)[:, :4].ravel()) == {128 if deep else 255}


def test_a_colour_of_16_bits_that_stands_for_transparent_is_white():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    key, other = struct.pack(">HHH", 1000, 40000, 300), struct.pack(">HHH", 3, 156, 1)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)) + chunk(b"tRNS", key)
    content += chunk(b"IDAT", zlib.compress(b"\0" + key + other)) + chunk(b"IEND", b"")
    assert np.asarray(read(io.BytesIO(content), "x"))[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_print_colours_and_single_bits_are_read(tmp_path):
    cyan = saved(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (255, 0, 0, 0)), quality=95)
    red, green, blue = np.asarray(read(cyan))[4, 4]
    assert red < 10 and green > 245 and blue > 245
    bits = Image.fromarray(EIGHT.astype(np.uint8)).point(lambda value: 255 * (value > 127)).convert("1")
    for name in ("a.png", "a.tif"):
        assert (grey(saved(tmp_path / name, bits)) == 255 * (EIGHT > 127)).all()


# Orientation --------------------------------------------------------------------------------------------------


def turned(path: Path, orientation: int) -> Path:
    """A 60 x 40 px image, its corners of four colours, with an orientation tag."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30, 0] = pixels[:20, 30:, 1] = pixels[20:, :30, 2] = 255
    tag = Image.Exif()
    tag[274] = orientation
    return saved(path, Image.fromarray(pixels), exif=tag)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_as_viewers_show_it(tmp_path, suffix, orientation):
    path = turned(tmp_path / f"phone.{suffix}", orientation)
    with Image.open(path) as image:
        shown = ImageOps.exif_transpose(image).convert("RGB")
    np.testing.assert_array_equal(np.asarray(read(path)), np.asarray(shown))
    assert read(path).size == ((40, 60) if orientation > 4 else (60, 40))


def test_a_deep_image_is_turned_too(tmp_path):
    tag = Image.Exif()
    tag[274] = 6
    path = saved(tmp_path / "a.png", Image.fromarray((RAMP * 65535).astype(np.uint16)), exif=tag)
    assert np.abs(grey(path) - np.rot90(EIGHT, -1)).max() <= 1


@pytest.mark.parametrize("tag", [b"Exif\0\0no tag at all", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0"])
def test_a_damaged_tag_turns_nothing(tmp_path, tag):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = saved(tmp_path / "a.jpg", Image.new("RGB", (60, 40)), exif=tag)
        assert read(path).size == (60, 40) and digest(path.read_bytes(), "x")


# Digest -------------------------------------------------------------------------------------------------------


def of(path: Path) -> tuple[str, str]:
    data = path.read_bytes()
    return digest(data, "x"), hashlib.sha256(data).hexdigest()


def test_images_that_pillow_alone_reads_alike_keep_the_digest_of_their_bytes(tmp_path):
    note = PngImagePlugin.PngInfo()
    note.add_text("XML:com.adobe.xmp", "<x/>")
    plain = Image.new("RGB", (8, 8))
    paths = [turned(tmp_path / "1.jpg", 1), turned(tmp_path / "1.png", 1), saved(tmp_path / "2.png", plain)]
    paths += [saved(tmp_path / "3.png", plain, pnginfo=note), saved(tmp_path / "4.bmp", plain.convert("L"))]
    paths += [saved(tmp_path / "5.png", plain.convert("P")), saved(tmp_path / "6.jpg", plain.convert("CMYK"))]
    for path in paths:
        ours, content = of(path)
        assert ours == content, path.name


def test_turned_deep_and_transparent_images_have_digests_of_the_readers_version(tmp_path, monkeypatch):
    deep = Image.fromarray((RAMP * 65535).astype(np.uint16))
    paths = [turned(tmp_path / f"a.{suffix}", 3) for suffix in ("jpg", "png", "webp")]
    paths += [saved(tmp_path / "d.png", deep), saved(tmp_path / "f.tif", Image.fromarray(RAMP.astype(np.float32)))]
    paths += [saved(tmp_path / f"{mode}.png", see_through(mode)) for mode in ("P", "LA", "RGBA")]
    before = [of(path) for path in paths]
    assert all(ours != content for ours, content in before)
    monkeypatch.setattr("effnet_lib.data.image_reader.VERSION", 2)
    assert all(of(path)[0] != ours for path, (ours, _) in zip(paths, before, strict=True))


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, struct.error, KeyError, AssertionError, MemoryError])
@pytest.mark.parametrize("step", ["open", "load"])
def test_whatever_a_decoder_raises_is_one_line_that_names_the_file(tmp_path, monkeypatch, error, step):
    def broken(*args, **kwargs):
        raise error("two\nlines")

    path = saved(tmp_path / "a.png", Image.new("RGB", (8, 8)))
    monkeypatch.setattr(Image, "open", broken) if step == "open" else monkeypatch.setattr(Image.Image, "load", broken)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", broken)
    with pytest.raises(DataError, match=r"^dataset: '.*a\.png' is not an image that can be decoded \(") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_an_image_above_pillows_limit_says_so(tmp_path, monkeypatch):
    path = saved(tmp_path / "large.png", Image.new("RGB", (80, 80)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    with pytest.raises(DataError, match=r"large\.png' has more pixels than Pillow takes"):
        read(path)


def test_a_limit_of_the_caller_is_named_before_anything_is_decoded():
    out = io.BytesIO()
    Image.new("1", (2000, 1000)).save(out, "PNG")
    with pytest.raises(DataError, match=r"^it has 2000 x 1000 pixels; at most 1 megapixels are taken$"):
        read(io.BytesIO(out.getvalue()[:100]), "it", most_pixels=10**6)


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # to open it would wait for ever
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name in ("pipe.png", "loop.png", "absent.png", "."):
        with pytest.raises(DataError, match="is no regular file, or is not there"):
            read(tmp_path / name)
