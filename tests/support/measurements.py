"""A measurement of each kind to change: the published ones of the repository, the smallest file of its kind."""

import json
from dataclasses import replace
from functools import cache

from effnet_lib.core import paths
from effnet_lib.runs.measurement_store import Measurement, key_of, parse_measurement
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
    return found | {"finetune-trial": replace(tuned, kind="finetune-trial", spec=spec, result={"top1": 50.0})}


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
