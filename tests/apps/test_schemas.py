"""The published schemas say what the library's own checks say: of all that is published, and of all that is spoilt."""

import json
import re
from functools import cache
from itertools import islice

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from support.spoilt import MISSING, spoilt

from effnet_lib.apps.evidence import schemas
from effnet_lib.core import paths
from effnet_lib.core.errors import StoreError
from effnet_lib.runs.measurement_checks import CHECKS
from effnet_lib.runs.measurement_store import key_of, parse_measurement
from effnet_lib.runs.run_spec import payload_key
from effnet_lib.runs.run_store import parse_record
from effnet_lib.stats.claims import Claim, judge
from effnet_lib.stats.counted_claims import CountedClaim
from effnet_lib.stats.estimate import Estimate
from effnet_lib.stats.predictions import Prediction
from effnet_lib.stats.premise import Premise
from effnet_lib.stats.shares import ShareAtMost
from effnet_lib.stats.speedup import AtLeast, Ratio

PUBLISHED = paths.ROOT / "figures/published"
# What only the checks can refuse, by their words: it compares two places, or decodes what is packed in one. And the
# fields of an architecture are those of its family.
ACROSS = re.compile(
    "disagrees with|base64|predictions cannot be read|not (that|those|of the grid's numbers|its)|of the grid|"
    "a list of [0-9]+ is not accepted; it takes a list of [0-9]+|no network's|no part of a run's|is not of the grid"
)


@cache
def validator(name: str) -> Draft202012Validator:
    schema = schemas.published(name)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(name: str, value: object) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in islice(validator(name).iter_errors(value), 3)]


@cache
def samples() -> dict[str, dict]:
    """One published record of each kind, with all that a provenance may hold; a trial is made of a fine-tuning."""
    found: dict[str, dict] = {}
    for path in sorted((PUBLISHED / "records").glob("*.json")):
        body = json.loads(path.read_text())
        found.setdefault(body.get("kind", "run"), body)
    spec = {name: value for name, value in found["finetune"]["spec"].items() if name != "grid"}
    found["finetune-trial"] = found["finetune"] | {"kind": "finetune-trial", "spec": spec, "result": {"top1": 50.0}}
    search = found["search"]  # of one seed: the fronts of all take seconds to check again and again
    search["spec"]["seeds"], search["result"]["searches"] = (
        search["spec"]["seeds"][:1],
        search["result"]["searches"][:1],
    )
    kernels = {"numba": "0.68.0", "left_to_torch": ["norm"]}
    found["run"]["provenance"] |= {"kernels": kernels, "processes": 1}
    return found


def refusal(body: dict) -> str:
    """Why the checks refuse a record that has its spec's key; "" where they accept it."""
    try:
        if "kind" in body:
            parse_measurement(json.dumps(body | {"key": key_of(body["kind"], body["spec"])}))
        else:
            parse_record(json.dumps(body | {"key": payload_key(body["spec"])}))
    except StoreError as error:
        return str(error)
    except (KeyError, TypeError):
        return "no spec"
    return ""


def test_the_files_are_those_of_the_code():
    made = schemas.texts()
    assert {name: (schemas.FOLDER / name).read_text() for name in made} == made, "`effnet gallery --readme` renews them"
    assert {path.name for path in schemas.FOLDER.glob("*.json")} == made.keys()
    assert all(re.fullmatch(r"urn:effnet-lib:schema:\w+:\d+", schemas.published(name)["$id"]) for name in made)


def test_every_published_record_follows_its_schema():
    files = sorted((PUBLISHED / "records").glob("*.json"))
    assert len(files) > 500
    assert not [
        (path.name, found) for path in files if (found := faults("record.schema.json", json.loads(path.read_text())))
    ]


def test_every_published_claim_follows_its_schema():
    files = sorted(PUBLISHED.rglob("*.claims.json"))
    assert len(files) > 20
    assert not [
        (path.name, found) for path in files if (found := faults("claims.schema.json", json.loads(path.read_text())))
    ]


@pytest.mark.parametrize("kind", ["run", *CHECKS])
def test_what_is_spoilt_is_refused_by_the_schema_where_the_checks_refuse_it(kind):
    whole, apart, count = samples()[kind], [], 0
    assert not faults("record.schema.json", whole) and not refusal(whole)
    for where, other in spoilt(whole):
        if where == "key" or (where == "kind" and other in (MISSING, "x")):  # another kind is another record
            continue
        why, found = refusal(whole), faults("record.schema.json", whole)
        count += 1
        apart_by_design = why and (ACROSS.search(why) or where.startswith("spec.arch."))
        if bool(why) != bool(found) and not apart_by_design:
            apart.append(f"{where} with {other!r}: the checks say {why!r}, the schema {found}")
    assert not apart, "\n".join(apart)
    assert count > 150


def judged() -> list[dict]:
    """What every kind of judged claim leaves in a file, measured and not."""
    effect = Estimate.welch(1.5, [(0.5, 5), (0.5, 5)], 0.2)
    premise = Premise({"depth": effect, "width": Estimate()}, {("depth", "width"): effect}, "an edge")
    whole = Claim(
        "a", {"width": effect, "depth": effect}, np.float64(2.0), short=effect, beside={"loss": effect}, premise=premise
    )
    claims = [*judge([whole, Claim("b", Estimate())]), CountedClaim("c", True, "54", 54.0, (1.0, 2.0), 54)]
    claims += [CountedClaim("d", None), Prediction("e", "f", effect), Prediction("e", "f", Estimate())]
    claims += [ShareAtMost("g", 0.1), ShareAtMost("g", 0.1, 0, 40, 50)]
    return [claim.to_json() for claim in [*claims, AtLeast("h", 5.7, Ratio(4.7, 4.6, 4.9, 20))]]


def test_every_kind_of_claim_follows_the_schema():
    made = json.loads(json.dumps(judged()))
    assert not faults("claims.schema.json", made)
    known = set().union(*made)
    assert known == validator("claims.schema.json").schema["items"]["properties"].keys()


@pytest.mark.parametrize(
    "change", [{"verdict": "perhaps"}, {"n": -1}, {"interval": [1.0]}, {"measured": "2"}, {"other": 1}, {"claim": ""}]
)
def test_a_claim_that_is_none_is_refused(change):
    made = json.loads(json.dumps(judged()[:1]))
    assert faults("claims.schema.json", [made[0] | change])
    assert faults("claims.schema.json", made[0])
