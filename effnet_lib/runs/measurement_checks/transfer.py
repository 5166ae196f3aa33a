"""Measurements of transfer: linear probes, fine-tunings and the trials of their grid; bits agree with accuracies."""

import math
from typing import Any

from ...core.errors import StoreError, one_line
from ...data.datasets import PER_CLASS, TOP1
from ..packing import unpack_bits
from ..record_checks import network, recipe
from ..value_checks import SIDE, listed, lists, mapping, maybe, number, refusal, string, text, whole


def probe(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check a linear probe: its strength is one of the grid's, each with its held-out accuracy."""
    for name in ("model", "weights", "data"):
        text(name, listed(spec, name))
    whole("px", listed(spec, "px"), 1, SIDE)
    for name, least in (("block", 0), ("semantics", 0)):
        whole(name, listed(spec, name), least)
    for name in ("train_pictures", "test_pictures"):
        maybe(whole, name, listed(spec, name))
    grid = [number("grid", c) for c in lists("grid", listed(spec, "grid"), least=1)]
    _outcome(result)
    if listed(result, "c") not in grid or isinstance(result["c"], bool):
        raise refusal("c", result["c"], "a number of the grid")
    held_out = mapping("held_out", listed(result, "held_out"))
    if held_out and held_out.keys() != {f"{c:g}" for c in grid}:
        raise StoreError("held_out is not of the grid's numbers")
    for c, share in held_out.items():
        number(f"held_out {c}", share, 0, 100)
    text("weights_sha256", listed(result, "weights_sha256"))
    if listed(result, "shown") not in ("whole", "central"):
        raise refusal("shown", result["shown"], "whole or central")


def fine_tuning(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check a network that was trained whole on another data set."""
    epochs = _job(spec)
    for place in lists("grid", listed(spec, "grid")):
        for value in lists("grid", place, 2):
            number("grid", value)
    whole("transfer_semantics", listed(spec, "transfer_semantics"), 0)
    _outcome(result)
    for loss in lists("history", listed(result, "history"), epochs):
        number("history", loss, -math.inf)
    for name in ("loss", "train_loss", "train_seconds", "rate", "decay"):
        number(name, listed(result, name))
    for name in ("train_top1", "top1_larger_test"):
        number(name, listed(result, name), 0, 100)
    for tried in lists("tried", listed(result, "tried"), len(spec["grid"])):
        rate, decay, top1 = lists("tried", tried, 3)
        number("rate tried", rate)
        number("decay tried", decay)
        number("top1 of a trial", top1, 0, 100)


def trial(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check one place of a fine-tuning's grid."""
    _job(spec)
    number("top1", listed(result, "top1"), 0, 100)


def _job(spec: dict[str, Any]) -> int:
    """Check what was trained; return its epochs."""
    for name in ("model", "data"):
        text(name, listed(spec, name))
    network(listed(spec, "arch"))
    string("weights", listed(spec, "weights"))  # "" is from scratch
    for name, least in (("seed", 0), ("micro_batch", 1), ("semantics", 0)):
        whole(name, listed(spec, name), least)
    return recipe(listed(spec, "recipe")).epochs


def _outcome(result: dict[str, Any]) -> None:
    """Check what both ways of training have: accuracies, the bits that they come from, counts."""
    accuracy, top1, per_class = (
        number(name, listed(result, name), 0, 100) for name in ("accuracy", "top1", "mean_per_class")
    )
    for name in ("params", "train_pictures", "test_pictures"):
        whole(name, listed(result, name))
    try:
        bits = unpack_bits(text("correct", listed(result, "correct")), result["test_pictures"])
    except ValueError as error:
        raise StoreError(f"correct is no base64: {one_line(error)}") from error
    if abs(100 * float(bits.mean()) - top1) > 1e-6:
        raise StoreError(f"top1={top1} disagrees with its correctness bits, {100 * float(bits.mean()):.4f}")
    if listed(result, "metric") not in (TOP1, PER_CLASS):
        raise refusal("metric", result["metric"], f"{TOP1} or {PER_CLASS}")
    if accuracy != (top1 if result["metric"] == TOP1 else per_class):
        raise StoreError(f"accuracy={accuracy} is not its {result['metric']}")
