"""From which records a picture was drawn, and which records of another version lie beside them."""

import ast
from typing import Any

from ...artefacts import plan, resolve
from ...core import paths
from ...core.errors import EffnetError, StoreError
from ...runs.layered_store import SCHEMA
from ...runs.record_checks import json_body, read_text
from ...runs.record_files import read_record
from ...runs.run_spec import SEMANTICS
from ...runs.value_checks import shown
from .evidence import Evidence


def strangers() -> list[dict[str, str]]:
    """Return the record files that this version cannot use: of another schema, or of other semantics, or damaged."""
    found = []
    folders = (
        paths.published_root() / "records",
        paths.results_root() / "records",
        paths.results_root() / "measurements",
    )
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        try:
            other = _other_version(json_body(read_text(path)))
            if not other:
                read_record(path)
        except (StoreError, OSError) as error:
            other = {"why": f"not a record ({error})"}
        if other:
            found.append({"key": path.stem[:12]} | other)
    return found


def _other_version(body: dict[str, Any]) -> dict[str, str]:
    """Return what is known of a record of another schema or of other semantics, and nothing of any other file."""
    parts: list[Any] = [body.get(name) for name in ("spec", "provenance", "result")]
    if "schema" not in body or not all(isinstance(part, dict) for part in parts):
        return {}
    spec, made, result = parts
    schema, semantics, top1 = body["schema"], spec.get("semantics", SEMANTICS), result.get("top1")
    why = [f"schema {shown(schema)}, this version reads {SCHEMA}"] if schema != SCHEMA else []
    if "kind" not in body and semantics != SEMANTICS:
        why.append(f"semantics {shown(semantics)}, this version runs {SEMANTICS}")
    if not why:
        return {}
    top1 = f"{top1:.2f} %" if isinstance(top1, float) else ""
    return {"why": "; ".join(why), "top1": top1, **{name: str(made.get(name, "")) for name in ("date", "device")}}


def provenance(evidence: Evidence) -> dict[str, str]:
    """Return what is known of where, when and from what some evidence was made: its table's words, its records' facts.

    Published pictures are drawn from published records alone, so these alone are looked at.
    """
    if not evidence.published:
        return evidence.about | _records(evidence)
    with paths.environment(EFFNET_RESULTS=str(paths.published_root() / "none of yours")):
        return evidence.about | _records(evidence)


def _records(evidence: Evidence) -> dict[str, str]:
    """Return the provenance of the records that an artefact is drawn from: runs, data, versions, hosts, keys.

    The plan under the executed notebook's own parameters says which they are; where it cannot be made any more
    (a folder of pictures that is gone), the reason stands there instead.
    """
    try:
        given = {name: ast.literal_eval(value) for name, value, _ in evidence.parameters}
        given |= {"profile": evidence.profile, "device": "cpu", "train": False, "dry_run": False}
        results = plan(evidence.artefact.id, resolve(given, evidence.artefact.id)).results()
    except (EffnetError, ValueError) as error:
        return {"records": f"the plan cannot be made here: {error}"}
    records = [one for value in results.values() for one in (value.values() if isinstance(value, dict) else [value])]
    if not records:
        return {}
    made = [record.provenance for record in records]
    words = {"records": f"{len(records)}: " + ", ".join(sorted(record.key[:8] for record in records))}
    for label, values in {
        "data": {str(record.spec["data"]) for record in records if "data" in record.spec},
        "data fingerprint": {str(one["data_fingerprint"])[:16] for one in made if one.get("data_fingerprint")},
        "versions": {", ".join(f"{name} {of}" for name, of in sorted(one["versions"].items())) for one in made},
        "device": {str(one["device"]) for one in made},
        "date": {str(one["date"])[:10] for one in made},
        "machines": {str(one["host"]) for one in made},
    }.items():
        if values:
            words[label] = " | ".join(sorted(values))
    return words
