"""Figure 7's measurements: maps of a network of the study and their scores, thumbnails, maps of a photograph."""

import base64
import io
import math
import re
from typing import Any

from PIL import Image

from ...core.errors import StoreError
from ..packing import THUMBNAILS, unpack, unpack_bits
from ..value_checks import SIDE, listed, lists, mapping, maybe, number, refusal, string, text, whole

DRAWN = 64  # images whose maps and thumbnails are kept: those that may be drawn
OUTLINE = 56  # pixels a side of the outlines of their objects
LARGEST = 1024  # pixels a side of a thumbnail
LOCALISATION = ("energy", "pointing", "iou", "coverage")
LEVELS = ("pooled", "native")  # with every score; the next have those of localisation alone
UNTRAINED, CONTROLS = "untrained", ("uniform", "centre prior")  # one mean score of a control
CLASSES = 1000  # of ImageNet
SHA256 = re.compile("[0-9a-f]{64}")


def network(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check the maps of a network, and what they are worth."""
    _sha256("run", listed(spec, "run"))
    images = _settings(spec, "grid", "picture_stride", "scene_stride")
    text("method", listed(spec, "method"))
    string("layer", listed(spec, "layer"))
    cells = _cells(mapping("cells", listed(result, "cells")))
    whole("empty", listed(result, "empty"), 0, images)
    for number_of in lists("predicted", listed(result, "predicted"), images):
        whole("predicted", number_of, 0, SIDE)
    _packed("probability", listed(result, "probability"), (images,))
    _packed("grids", listed(result, "grids"), (min(DRAWN, images), cells, cells), bits=8)
    _scores(mapping("scores", listed(result, "scores")), images)
    _agreement(mapping("agreement", listed(result, "agreement")))


def thumbnails(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check the images that may be drawn, their classes and, of scenes, where their objects are."""
    images = _settings(spec)
    names = lists("names", listed(result, "names"), least=1)
    for name in names:
        string("names", name)
    for number_of in lists("classes", listed(result, "classes"), images):
        whole("classes", number_of, 0, len(names) - 1)
    for thumbnail in lists("thumbnails", listed(result, "thumbnails"), min(DRAWN, images)):
        _image("thumbnails", thumbnail)
    if "outlines" in result:
        _packed("outlines", result["outlines"], (min(DRAWN, images) * OUTLINE**2,), bits=1)


def photograph(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check the maps of one photograph by networks with published weights."""
    _sha256("picture", listed(spec, "picture"))
    text("method", listed(spec, "method"))
    string("layer", listed(spec, "layer"))
    whole("version", listed(spec, "version"), 0)
    maybe(whole, "class", listed(spec, "class"), 0, CLASSES - 1)
    of_photograph(spec, result)


def of_photograph(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check the maps that each network of a spec made of one photograph."""
    names = [text("models", name) for name in lists("models", listed(spec, "models"), least=1)]
    string("name", listed(result, "name"))
    models = mapping("models", listed(result, "models"))
    if models.keys() != set(names):
        raise StoreError("models of the result are not those of the spec")
    for made in models.values():
        made = mapping("models", made)
        cells = _cells(mapping("cells", listed(made, "cells")))
        _packed("grid", listed(made, "grid"), (cells, cells), bits=8)
        _image("thumbnail", listed(made, "thumbnail"))
        for name in ("predicted", "mapped"):
            text(name, listed(made, name))
        for name in ("probability", "mapped_probability"):
            number(name, listed(made, name), 0, 1)


def _settings(spec: dict[str, Any], *more: str) -> int:
    """Check what all maps of a profile share; return how many images are measured."""
    text("data", listed(spec, "data"))
    whole("version", listed(spec, "version"), 0)
    for name in ("px", *more):
        whole(name, listed(spec, name), 1, SIDE)
    return whole("pictures", listed(spec, "pictures"), 1, SIDE)


def _cells(cells: dict[str, Any]) -> int:
    """Check where a map's cells lie; return how many a side there are."""
    number("offset", listed(cells, "offset"), -math.inf)
    number("step", listed(cells, "step"), 1)
    whole("px", listed(cells, "px"), 1, SIDE)
    return whole("count", listed(cells, "count"), 1, SIDE)


def _scores(scores: dict[str, Any], images: int) -> None:
    for level in (*LEVELS, UNTRAINED, *CONTROLS):
        values = mapping(level, listed(scores, level))
        for name in LOCALISATION:
            listed(values, name)
        for name, packed in values.items():
            _packed(name, packed, (1 if level in CONTROLS else images,))


def _agreement(agreement: dict[str, Any]) -> None:
    whole("pictures", listed(agreement, "pictures"))
    for kind, most in (("same", 1), ("top1", 100)):
        shares = mapping(kind, listed(agreement, kind))
        for name in ("trained", "dilated"):
            listed(shares, name)
        for name, share in shares.items():
            number(f"{kind} {name}", share, 0, most)


def _sha256(name: str, value: Any) -> None:
    if not SHA256.fullmatch(text(name, value)):
        raise refusal(name, value, "the 64 hexadecimal digits of a SHA-256")


def _packed(name: str, value: Any, shape: tuple[int, ...], bits: int = 16) -> None:
    """Check that so many numbers are packed in a text."""
    try:
        if bits == 1:
            unpack_bits(text(name, value), math.prod(shape))
        else:
            unpack(text(name, value), shape, bits=bits)
    except ValueError as error:
        raise refusal(name, value, "base64 of packed numbers") from error
    except StoreError as error:
        raise StoreError(f"{name}: {error}") from error


def _image(name: str, value: Any) -> None:
    """Check that a text holds a small image that can be decoded."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text(name, value), validate=True)), formats=THUMBNAILS) as image:
            if max(image.size) > LARGEST:
                raise refusal(name, image.size, f"at most {LARGEST} px a side")
            image.load()
    except StoreError:
        raise
    except Exception as error:  # each decoder has error types of its own
        raise refusal(name, value, "base64 of a JPEG") from error
