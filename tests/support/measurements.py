"""A measurement of each kind to change: the published ones of the repository, the smallest file of its kind."""

import json
from dataclasses import replace
from functools import cache

import numpy as np

from effnet_lib.core import paths
from effnet_lib.runs.measurement_checks.labelled import MEASURES as SCORES
from effnet_lib.runs.measurement_store import Measurement, key_of, parse_measurement
from effnet_lib.runs.packing import pack
from effnet_lib.runs.run_spec import payload_key

WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}
PUBLISHED = sorted((paths.ROOT / "figures/published/records").glob("*.json"))
QUIET = {  # what a latency's monitor saw of a machine that says nothing of itself
    "seconds": 1.0, "load_before": None, "load_after": None, "others_on_core": None, "steal": None, "neighbours": None,
    "involuntary_switches": 0, "wall_over_cpu": 1.0, "mhz": None,
}  # fmt: skip


@cache
def _smallest() -> dict[str, Measurement]:
    found = {}
    for path in sorted(PUBLISHED, key=lambda path: path.stat().st_size):
        text = path.read_text(encoding="utf-8")
        if (kind := json.loads(text).get("kind")) and kind not in found:
            found[kind] = parse_measurement(text)
    tuned = found["finetune"]
    spec = {name: value for name, value in tuned.spec.items() if name not in ("grid", "transfer_semantics")}
    made = {"finetune-trial": replace(tuned, kind="finetune-trial", spec=spec, result={"top1": 50.0})}
    return made | _labelled(found["cam photograph"]) | found


def _labelled(photograph: Measurement) -> dict[str, Measurement]:
    """Return made-up measurements on labelled photographs, for as long as none is published."""
    data = {"data": "photographs", "fingerprint": "0" * 64, "method": "cam", "semantics": 1}
    row = data | {"file": "a/1.jpg", "class": 7, "models": photograph.spec["models"]}
    credit = {"author": "somebody", "licence": "CC BY 2.0", "page": "a page"}
    spec = data | {
        "model": "lite0",
        "weights": "0" * 64,
        "px": 224,
        "percentiles": [20, 50],
        "steps": 10,
        "pictures": 3,
    }
    scores = {name: pack(np.full(3, 0.5), -1.0 if name == "road" else 0.0) for name in SCORES}
    result = {"images": 3, "skipped": 0, "empty": 0, "scores": scores, "weights_sha256": "0" * 64}
    return {
        "cam row": Measurement("cam row", row, photograph.result | {"credit": credit}, WHERE),
        "cam faithfulness": Measurement("cam faithfulness", spec, result, WHERE),
    }


def measurements() -> dict[str, Measurement]:
    """Return a valid measurement of each kind that may ship."""
    return dict(_smallest())


def rekeyed(body: dict) -> dict:
    """Return a body with the key of what it says, where its spec can have one."""
    try:
        key = key_of(body["kind"], body["spec"]) if "kind" in body else payload_key(body["spec"])
    except (KeyError, ValueError):
        return body
    return body | {"key": key}


def put(body, where, value) -> None:
    """Set what is at a place of a body."""
    for name in where[:-1]:
        body = body[name]
    body[where[-1]] = value
