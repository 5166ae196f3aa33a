"""Evaluations of published weights on labelled images: counts, and accuracies that agree with what was predicted."""

from typing import Any

import numpy as np

from ...core.errors import StoreError, one_line
from ..packing import unpack_bits, unpack_indices
from ..value_checks import SIDE, listed, lists, number, string, text, whole


def evaluation(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check an evaluation: top-1 and top-5 are those of the labels and predictions that it holds."""
    for name in ("model", "weights", "data"):
        text(name, listed(spec, name))
    string("fingerprint", listed(spec, "fingerprint"))
    whole("px", listed(spec, "px"), 1, SIDE)
    whole("semantics", listed(spec, "semantics"), 0)
    number("margin", listed(spec, "margin"))
    read, many = whole("images", listed(result, "images")), whole("listed", listed(result, "listed"))
    for name in ("top1", "top5"):
        number(name, listed(result, name), 0, 100)
    for name in lists("skipped", listed(result, "skipped")):
        text("skipped", name)
    string("engine", listed(result, "engine"))
    text("weights_sha256", listed(result, "weights_sha256"))
    for name in ("engine_error", "seconds", "cpu_seconds"):
        number(name, listed(result, name))
    whole("images_timed", listed(result, "images_timed"), 0, many)
    if read > many:
        raise StoreError(f"images={read} is not accepted; {many} are listed")
    try:
        labels, predicted = (unpack_indices(text(n, listed(result, n)), many) for n in ("labels", "predicted"))
        among = unpack_bits(text("among_five", listed(result, "among_five")), many)
    except ValueError as error:
        raise StoreError(f"its predictions cannot be read: {one_line(error)}") from error
    for name, right in (("top1", int(np.sum(labels == predicted))), ("top5", int(np.sum(among)))):
        if abs(100 * right / read - result[name]) > 1e-6:
            raise StoreError(f"{name}={result[name]} disagrees with its predictions, {100 * right / read:.4f}")
