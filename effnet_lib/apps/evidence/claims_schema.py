"""The JSON schema of a `.claims.json` file: the judged claims of an artefact, in the order of the paper."""

from ...stats.predictions import REPORTED
from ...stats.premise import MET, NOT_MET, UNKNOWN
from ...stats.verdicts import PROTOCOL, VERDICTS
from .parts import DRAFT, STRING, TEXT, TRUE_OR_FALSE, Schema, each, every, lists, mapping, maybe, number, whole

ID = f"urn:effnet-lib:schema:claims:{PROTOCOL}"
VALUE = number(float("-inf"))
INTERVAL = maybe(lists(VALUE, count=2))
MEASURED = {"measured": maybe(VALUE), "interval": INTERVAL}


def claims_schema() -> Schema:
    """Return the schema of every published `.claims.json`; earlier protocols had verdict words of their own."""
    words: Schema = {"enum": [*VERDICTS, REPORTED]}
    earlier = {"if": {"properties": {"protocol": {"const": PROTOCOL}}}, "then": {"properties": {"verdict": words}}}
    needed = {"claim": TEXT, "printed": {"type": ["string", "number", "null"]}, **MEASURED, "verdict": TEXT}
    needed |= {"n": whole(0), "protocol": whole(1, PROTOCOL)}
    return {
        "$schema": DRAFT,
        "$id": ID,
        "title": "Judged claims of effnet-lib",
        "description": f"Effect, 95 % interval and verdict of each claim, by protocol {PROTOCOL} or an earlier one.",
        **lists(mapping(needed, _of_seeds(), closed=True) | earlier),
    }


def _of_seeds() -> Schema:
    """Return the fields of claims that are judged over seeds, which those that are counted lack."""
    delta = number()
    compared = mapping({"with": TEXT, **MEASURED, "verdict": {"enum": list(VERDICTS)}, "delta": delta}, closed=True)
    slope = mapping({"points_a_doubling": maybe(VALUE), "interval": INTERVAL, "n": whole(0)}, closed=True)
    premise = {"status": {"enum": [MET, NOT_MET, UNKNOWN]}, "slopes": every(slope), "note": STRING}
    beside = every(mapping(MEASURED, closed=True))
    return {
        "interim": TRUE_OR_FALSE,
        "declared_n": whole(0),
        "delta": delta,
        "comparisons": lists(compared),
        **each(beside, "beside", "short_budget"),
        "note": STRING,
        "premise": maybe(mapping(premise, closed=True)),
    }
