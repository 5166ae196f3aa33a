"""The JSON schema of a record file, a run's or a measurement's, made of what the library's own checks are made of.

What no schema can say stays with those checks (`runs.record_checks`, `runs.measurement_checks`): a key is its spec's,
bits are as many as images and agree with the accuracy, a list is as long as another field says, an image can be
decoded, an architecture has what its family declares.
"""

import math
from collections.abc import Callable
from dataclasses import fields

from ...data.datasets import PER_CLASS, TOP1
from ...models.archs import FAMILIES
from ...runs import record_checks as run_checks
from ...runs.layered_store import SCHEMA
from ...runs.measurement_checks import CHECKS, labelled, latency, maps
from ...runs.measurement_store import Measurement
from ...runs.run_store import RunRecord
from ...runs.value_checks import SIDE, WHOLE
from ...training.recipes import YOUNGER, Recipe
from .parts import (
    DRAFT,
    HEX64,
    PACKED,
    STRING,
    TEXT,
    TRUE_OR_FALSE,
    Schema,
    each,
    every,
    lists,
    mapping,
    maybe,
    number,
    whole,
)

ID = f"urn:effnet-lib:schema:record:{SCHEMA}"
NETWORK: Schema = {"$ref": "#/$defs/network"}
RECIPE: Schema = {"$ref": "#/$defs/recipe"}
ANY_NUMBER = number(-math.inf)
COUNT, PERCENT, SIDES = whole(), number(0, 100), whole(1, SIDE)
FRONT = lists(lists(number(), count=2), least=1)


def record_schema() -> Schema:
    """Return the schema of every published record file."""
    kinds = [
        {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": {"properties": make()}}
        for kind, make in KINDS.items()
    ]
    run = {"spec": _run_spec(), "result": _run_result(), "provenance": _provenance(RunRecord.needed)}
    measured = {"kind": {"enum": list(CHECKS)}, "provenance": _provenance(Measurement.needed)}
    top = {"schema": {"const": SCHEMA}, "key": HEX64, **each({"type": "object"}, "spec", "result", "provenance")}
    return {
        "$schema": DRAFT,
        "$id": ID,
        "title": "A record of effnet-lib",
        "description": "A run's record, or with a `kind` a measurement's: <key>.json, SHA-256 of what defines it.",
        **mapping(top),
        "if": {"required": ["kind"]},
        "then": {"properties": measured, "allOf": kinds},
        "else": {"properties": run},
        "$defs": {"network": _network(), "recipe": _recipe()},
    }


def _network() -> Schema:
    return mapping({"family": {"enum": list(FAMILIES)}, "px": SIDES, "classes": SIDES})


def _recipe() -> Schema:
    made = {}
    for field in fields(Recipe):
        most = 1 if field.name in run_checks.SHARES else math.inf
        least = 0 if field.name in YOUNGER else 1
        kinds: Schema = {"int": whole(least), "float": number(0, most), "str": TEXT, "bool": TRUE_OR_FALSE}
        made[field.name] = kinds[getattr(field.type, "__name__", str(field.type))]
    younger = {name: made.pop(name) for name in YOUNGER}
    return mapping(made, younger, closed=True)


def _run_spec() -> Schema:
    return mapping(
        {
            "arch": NETWORK,
            "recipe": RECIPE,
            "data": TEXT,
            "seed": whole(0),
            "micro_batch": COUNT,
            "semantics": whole(0),
        },
        closed=True,
    )


def _run_result() -> Schema:
    made = each(PERCENT, *run_checks.PERCENT) | each(number(), *run_checks.AMOUNTS)
    made |= each(COUNT, *run_checks.COUNTS) | {"correct": PACKED, "history": lists(ANY_NUMBER)}
    optional = {name: made.pop(name) for name in run_checks.OPTIONAL}
    return mapping(made, optional)


def _provenance(needed: tuple[str, ...]) -> Schema:
    texts = {"date": STRING | {"pattern": r"^\d{4}", "format": "date-time"}, "device": TEXT, "host": TEXT}
    kernels = mapping({"numba": TEXT, "left_to_torch": lists(TEXT)})
    fingerprint = STRING | {"pattern": "^[0-9a-f]+$" if "data_fingerprint" in needed else "^[0-9a-f]*$"}
    made = texts | {"versions": every(TEXT, least=1), "data_fingerprint": fingerprint, "device_type": TEXT}
    made |= {"kernels": kernels, **each(COUNT, "threads", "processes")}
    return mapping({name: made.pop(name) for name in needed}, made)


def _latency() -> Schema:
    asked = {"network": TEXT, "px": SIDES, "runtime": TEXT}
    rounds = whole(1, latency.MOST_ROUNDS)
    spec = {"processor": TEXT, "rounds": rounds, "semantics": whole(0), "together": TRUE_OR_FALSE}
    entry = asked | each(COUNT, *latency.COUNTS) | {"failed": maybe(TEXT), "error": maybe(number())}
    entry |= each(maybe(whole(-WHOLE)), "peak_preparing", "peak_running") | each(lists(number()), "cpu", "wall")
    more = {"preparing_seconds": number(), "yardstick": lists(number())}
    mhz = maybe(lists(number(), count=2))
    seen = mapping(
        {"seconds": number(), "involuntary_switches": whole(0), "mhz": mhz, **each(maybe(number()), *latency.SHARES)}
    )
    result = {"entries": lists(mapping(entry, more), least=1), "before": seen, "during": lists(seen, least=1)}
    result |= {"busy": lists(TEXT), "denormals": TEXT, "weights": TEXT, "core": maybe(whole(0)), "refusal": maybe(TEXT)}
    return {"spec": mapping(spec | {"entries": lists(mapping(asked), least=1)}), "result": mapping(result)}


def _outcome() -> Schema:
    return {
        **each(PERCENT, "accuracy", "top1", "mean_per_class"),
        **each(COUNT, "params", "train_pictures", "test_pictures"),
        "correct": PACKED,
        "metric": {"enum": [TOP1, PER_CLASS]},
    }


def _probe() -> Schema:
    spec = each(TEXT, "model", "weights", "data") | {"px": SIDES} | each(whole(0), "block", "semantics")
    spec |= each(maybe(COUNT), "train_pictures", "test_pictures") | {"grid": lists(number(), least=1)}
    result = _outcome() | {"c": number(), "held_out": every(PERCENT), "weights_sha256": TEXT}
    return {"spec": mapping(spec), "result": mapping(result | {"shown": {"enum": ["whole", "central"]}})}


def _job() -> Schema:
    made = {"model": TEXT, "data": TEXT, "arch": NETWORK, "weights": STRING, "recipe": RECIPE}
    return made | {"seed": whole(0), "micro_batch": COUNT, "semantics": whole(0)}


def _fine_tuning() -> Schema:
    spec = _job() | {"grid": lists(lists(number(), count=2)), "transfer_semantics": whole(0)}
    result = _outcome() | {"history": lists(ANY_NUMBER)} | each(PERCENT, "train_top1", "top1_larger_test")
    result |= each(number(), "loss", "train_loss", "train_seconds", "rate", "decay")
    return {"spec": mapping(spec), "result": mapping(result | {"tried": lists(lists(number(), count=3))})}


def _trial() -> Schema:
    return {"spec": mapping(_job()), "result": mapping({"top1": PERCENT})}


def _settings(*more: str) -> Schema:
    return {"data": TEXT, "version": whole(0), **each(SIDES, "px", "pictures", *more)}


def _cells() -> Schema:
    return mapping({"offset": ANY_NUMBER, "step": number(1), "px": SIDES, "count": SIDES})


def _cam() -> Schema:
    spec = _settings("grid", "picture_stride", "scene_stride") | {"run": HEX64, "method": TEXT, "layer": STRING}
    level = mapping(each(PACKED, *maps.LOCALISATION)) | {"additionalProperties": PACKED}
    shares = {
        kind: mapping(each(number(0, most), "trained", "dilated")) | {"additionalProperties": number(0, most)}
        for kind, most in (("same", 1), ("top1", 100))
    }
    result = {"cells": _cells(), "empty": whole(0), "predicted": lists(whole(0, SIDE), least=1)}
    result |= each(PACKED, "probability", "grids") | {"agreement": mapping({"pictures": COUNT, **shares})}
    levels = (*maps.LEVELS, maps.UNTRAINED, *maps.CONTROLS)
    return {"spec": mapping(spec), "result": mapping(result | {"scores": mapping(each(level, *levels))})}


def _thumbnails() -> Schema:
    result = {
        "names": lists(STRING, least=1),
        "classes": lists(whole(0), least=1),
        "thumbnails": lists(PACKED, least=1),
    }
    return {"spec": mapping(_settings()), "result": mapping(result, {"outlines": PACKED})}


def _of_photograph() -> Schema:
    made = {"cells": _cells(), "grid": PACKED, "thumbnail": PACKED, "predicted": TEXT, "mapped": TEXT}
    made |= each(number(0, 1), "probability", "mapped_probability")
    return {"name": STRING, "models": every(mapping(made), least=1)}


def _photograph() -> Schema:
    chosen = maybe(whole(0, maps.CLASSES - 1))
    spec = {"picture": HEX64, "method": TEXT, "layer": STRING, "version": whole(0), "class": chosen}
    return {"spec": mapping(spec | {"models": lists(TEXT, least=1)}), "result": mapping(_of_photograph())}


def _row() -> Schema:
    spec = each(TEXT, "data", "fingerprint", "file", "method") | {"class": whole(0, maps.CLASSES - 1)}
    spec |= {"semantics": whole(0), "models": lists(TEXT, least=1)}
    result = _of_photograph() | {"credit": mapping(each(TEXT, *labelled.CREDIT))}
    return {"spec": mapping(spec), "result": mapping(result)}


def _faithfulness() -> Schema:
    spec = each(TEXT, "model", "weights", "data", "fingerprint", "method") | {"px": SIDES, "semantics": whole(0)}
    spec |= {"percentiles": lists(whole(1, 99), least=1), "steps": COUNT, "pictures": whole(1, labelled.MOST)}
    result = {"weights_sha256": TEXT, "images": whole(1, labelled.MOST), **each(whole(0), "skipped", "empty")}
    scores = mapping(each(PACKED, *labelled.MEASURES))
    return {"spec": mapping(spec), "result": mapping(result | {"scores": scores})}


def _evaluation() -> Schema:
    spec = each(TEXT, "model", "weights", "data") | {"fingerprint": STRING, "px": SIDES, "semantics": whole(0)}
    result = each(COUNT, "images", "listed") | each(PERCENT, "top1", "top5") | {"skipped": lists(TEXT)}
    result |= {"engine": STRING, "weights_sha256": TEXT, "images_timed": whole(0)}
    result |= each(number(), "engine_error", "seconds", "cpu_seconds")
    result |= each(PACKED, "labels", "predicted", "among_five")
    return {"spec": mapping(spec | {"margin": number()}), "result": mapping(result)}


def _search() -> Schema:
    spec = {"table": TEXT, "searcher": mapping({"name": TEXT}), "w": number(-100, 100), "algorithm": whole(0)}
    spec |= {"evaluations": COUNT, "seeds": lists(whole(0), least=1)}
    best = {"type": "array", "prefixItems": [whole(0), TEXT, PERCENT, number()], "minItems": 4, "maxItems": 4}
    one = mapping({"seed": whole(0), "evaluations": COUNT, "best": lists(best, least=1), "front": FRONT})
    result = {"searches": lists(one, least=1), "networks": COUNT, "best": lists({}, least=1), "front": FRONT}
    return {"spec": mapping(spec), "result": mapping(result | {"library": STRING})}


KINDS: dict[str, Callable[[], Schema]] = {
    "latency": _latency,
    "probe": _probe,
    "finetune": _fine_tuning,
    "finetune-trial": _trial,
    "cam": _cam,
    "cam pictures": _thumbnails,
    "cam photograph": _photograph,
    "cam row": _row,
    "cam faithfulness": _faithfulness,
    "evaluation": _evaluation,
    "search": _search,
}
