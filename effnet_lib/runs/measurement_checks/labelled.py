"""Maps on labelled photographs: one with its credit, and scores of a network's maps image by image."""

import math
from typing import Any

from ...core.errors import StoreError
from ..packing import unpack
from ..value_checks import SIDE, listed, lists, mapping, text, whole
from .maps import CLASSES, of_photograph

MEASURES = ("road", "insertion", "deletion")
CREDIT = ("author", "licence", "page")
MOST = 10_000_000  # images of a set


def credited_photograph(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check the maps of a photograph of a set, and that author, licence and page are named."""
    for name in ("data", "fingerprint", "file", "method"):
        text(name, listed(spec, name))
    whole("class", listed(spec, "class"), 0, CLASSES - 1)
    whole("semantics", listed(spec, "semantics"), 0)
    of_photograph(spec, result)
    credit = mapping("credit", listed(result, "credit"))
    for name in CREDIT:
        text(name, listed(credit, name))


def faithfulness(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check a network's scores: one an image for each measure, missing where it was skipped or the map is empty."""
    for name in ("model", "weights", "data", "fingerprint", "method"):
        text(name, listed(spec, name))
    for step in lists("percentiles", listed(spec, "percentiles"), least=1):
        whole("percentiles", step, 1, 99)
    whole("steps", listed(spec, "steps"), 1)
    text("weights_sha256", listed(result, "weights_sha256"))
    whole("px", listed(spec, "px"), 1, SIDE)
    whole("semantics", listed(spec, "semantics"), 0)
    images = whole("pictures", listed(spec, "pictures"), 1, MOST)
    if whole("images", listed(result, "images"), 1, MOST) != images:
        raise StoreError(f"images={result['images']} is not accepted; the spec has {images}")
    without = sum(whole(name, listed(result, name), 0, images) for name in ("skipped", "empty"))
    scores = mapping("scores", listed(result, "scores"))
    for name in MEASURES:
        try:
            values = unpack(text(name, listed(scores, name)), (images,), -1.0 if name == "road" else 0.0)
        except ValueError as error:
            raise StoreError(f"{name}: no base64 of packed numbers") from error
        if (missing := sum(map(math.isnan, values.tolist()))) != without:
            raise StoreError(f"{name}: {missing} images have no score, and {without} were skipped or have an empty map")
