"""What the values of a record must be: a key proves that a record is consistent, not that anything in it is valid.

Every check raises StoreError in one line that names the value. What it builds on is plain JSON, read by `json_body`.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..core.errors import EffnetError, StoreError, one_line
from ..models.archs import Architecture, from_data
from ..models.archs.timm_blocks import PAD_TYPES
from ..training.recipes import YOUNGER, Recipe
from .value_checks import SIDE, WHOLE, line, lists, mapping, number, refusal, shown, text, true_or_false, whole

DEPTH = 32  # of lists and mappings in each other

SHARES = ["momentum", "warmup", "label_smoothing", "min_area", "dropout", "drop_path", "ema", "bn_momentum"]
PERCENT = ("top1", "top1_larger_test", "train_top1")
AMOUNTS = ("loss", "train_loss", "train_seconds", "pictures_per_second")
COUNTS = ("source_px", "final_px", "madds", "params", "activations", "train_pictures", "val_pictures")
OPTIONAL = ("train_top1", "pictures_per_second", "final_px")


def read_text(path: Path) -> str:
    """Return a record file's text.

    Raises:
        StoreError: a folder or another thing that is no file, one that may not be read, or no UTF-8.
        OSError: nothing is there, or the disk fails.
    """
    try:
        if path.exists() and not path.is_file():
            raise StoreError("it is no file")
        return path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise StoreError(f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"byte {error.start} is no UTF-8") from error


def json_body(text: str) -> dict[str, Any]:
    """Return the mapping that a file's text holds, every number in it finite.

    Raises:
        StoreError: no JSON, no mapping, too deep, or a number that is not finite or that 64 bits do not hold.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"not JSON that can be read: {type(error).__name__}: {line(str(error))}") from error
    if not isinstance(body, dict):
        raise StoreError(f"a record is a mapping, not {shown(body)}")
    level: list[tuple[str, Any]] = list(body.items())
    for _ in range(DEPTH):
        for name, value in level:
            if isinstance(value, float) and not math.isfinite(value):
                raise refusal(name, value, "finite numbers")
            if isinstance(value, int) and abs(value) > WHOLE:
                raise refusal(name, value, "whole numbers of at most 64 bits")
        level = [part for name, value in level for part in _parts(name, value)]
        if not level:
            return body
    raise StoreError(f"lists and mappings lie in each other more than {DEPTH} deep")


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((name, part) for part in value)


def file_name(path: Path) -> str:
    """Return the name of a file as it stands in a message: a name may hold line breaks, and bytes of no letter."""
    return repr(path.name)[1:-1]


def architecture(arch: Architecture) -> None:
    """Refuse an architecture with a field of another type than its family declares, or with no positive number."""
    _typed(arch.family, arch, type(arch))
    padding = getattr(arch, "padding", "symmetric")
    if padding not in PAD_TYPES:
        raise refusal("padding", padding, " or ".join(PAD_TYPES))


def network(data: Any) -> Architecture:
    """Return the architecture that `models.archs.to_data` wrote."""
    try:
        arch = from_data(mapping("arch", data))
        architecture(arch)
    except StoreError:
        raise
    except (EffnetError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"arch is no network's: {one_line(error)}") from error
    return arch


def _typed(name: str, value: Any, hint: Any, most: int = SIDE) -> None:
    if hint is Any and is_dataclass(value):
        hint = type(value)
    items = get_args(hint)
    if items and isinstance(value, tuple):
        items = items[:1] * len(value) if items[-1] is ... else items
        if not value or len(items) != len(value):
            raise StoreError(f"{name} has {len(value)} entries, which no such network has")
        for part, of in zip(value, items, strict=True):
            _typed(name, part, of)
    elif isinstance(hint, type) and is_dataclass(hint) and isinstance(value, hint):
        hints = _hints(hint)
        for field in fields(hint):
            large = WHOLE if field.name in getattr(hint, "large", ()) else SIDE
            _typed(f"{name}.{field.name}", getattr(value, field.name), hints[field.name], large)
    elif hint is int:
        whole(name, value, 1, most)
    elif hint is float:
        number(name, value, 0, most)
    elif hint is not str or not isinstance(value, str):
        raise refusal(name, value, "what its family declares")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def recipe(data: Any) -> Recipe:
    """Return the recipe that `Recipe.to_data` wrote."""
    data = mapping("recipe", data)
    names = {field.name for field in fields(Recipe)}
    if odd := sorted((names - YOUNGER.keys() - data.keys()) | (data.keys() - names)):
        raise StoreError(f"recipe lacks, or does not know, {', '.join(map(shown, odd))}")
    for field in fields(Recipe):
        name, value = field.name, data.get(field.name, YOUNGER.get(field.name))
        if field.type is int:
            whole(name, value, 0 if name in YOUNGER else 1)
        elif field.type is float:
            number(name, value, most=1 if name in SHARES else math.inf)
        elif field.type is str:
            text(name, value)
        else:
            true_or_false(name, value)
    return Recipe(**data)


def run_result(result: dict[str, Any]) -> None:
    """Refuse the result of a run that lacks a number, or has one that no run could have."""
    needed = (*PERCENT, *AMOUNTS, *COUNTS, "correct", "history")
    if missing := [name for name in needed if name not in result and name not in OPTIONAL]:
        raise StoreError(f"result lacks {', '.join(missing)}")
    for name, value in result.items():
        if name in PERCENT:
            number(name, value, 0, 100)
        elif name in AMOUNTS:
            number(name, value)
        elif name in COUNTS:
            whole(name, value)
    text("correct", result["correct"])
    if not isinstance(result["history"], list):
        raise refusal("history", result["history"], "a list of numbers")
    for loss in result["history"]:
        number("history", loss, -math.inf)


def provenance(made: Mapping[str, Any], needed: tuple[str, ...]) -> None:
    """Refuse a provenance that lacks what is needed, or does not say when, where and with what."""
    if missing := [name for name in needed if not made.get(name)]:
        raise StoreError(f"provenance lacks {', '.join(missing)}")
    for name in ("date", "device", "host"):
        text(name, made[name])
    try:
        datetime.fromisoformat(made["date"])
    except ValueError:
        raise refusal("date", made["date"], "a date as ISO 8601 writes it") from None
    for name, version in mapping("versions", made["versions"]).items():
        text(f"version of {name}", version)
    if "device_type" in made:
        text("device_type", made["device_type"])
    for name in ("threads", "processes", "folded"):
        if name in made:
            whole(name, made[name])
    if "kernels" in made:
        kernels = mapping("kernels", made["kernels"])
        text("numba", kernels.get("numba"))
        for place in lists("left_to_torch", kernels.get("left_to_torch")):
            text("left_to_torch", place)
    fingerprint = made.get("data_fingerprint", "")
    if not isinstance(fingerprint, str) or not re.fullmatch("[0-9a-f]*", fingerprint):
        raise refusal("data_fingerprint", fingerprint, "hexadecimal digits")
