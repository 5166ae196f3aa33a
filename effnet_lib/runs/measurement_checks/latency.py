"""A group of latencies: every network that was asked for, a time a round, and what else the machine did."""

import math
from typing import Any

from ...core.errors import StoreError
from ..value_checks import SIDE, WHOLE, listed, lists, mapping, maybe, number, text, true_or_false, whole

MOST_ROUNDS = 100_000
COUNTS = ("params", "madds", "activations")
SHARES = ("load_before", "load_after", "others_on_core", "steal", "neighbours", "wall_over_cpu")  # None: not known here


def group(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check a group of networks that were measured in turns."""
    for name in ("entries", "processor", "rounds", "semantics", "together"):
        listed(spec, name)
    text("processor", spec["processor"])
    rounds = whole("rounds", spec["rounds"], 1, MOST_ROUNDS)
    whole("semantics", spec["semantics"], 0)
    true_or_false("together", spec["together"])
    asked = [mapping("entries", entry) for entry in lists("entries", spec["entries"], least=1)]
    made = lists("entries", listed(result, "entries"), len(asked))
    for wanted, entry in zip(asked, made, strict=True):
        _entry(wanted, mapping("entries", entry), rounds)
    _report(mapping("before", listed(result, "before")))
    for report in lists("during", listed(result, "during"), least=1):
        _report(mapping("during", report))
    for why in lists("busy", listed(result, "busy")):
        text("busy", why)
    for name in ("denormals", "weights"):
        text(name, listed(result, name))
    maybe(whole, "core", listed(result, "core"), 0)
    maybe(text, "refusal", listed(result, "refusal"))


def _entry(wanted: dict[str, Any], entry: dict[str, Any], rounds: int) -> None:
    """Check one network in one runtime: the one that was asked for, timed in every round unless it failed."""
    whole("px", listed(wanted, "px"), 1, SIDE)
    for name in ("network", "runtime"):
        text(name, listed(wanted, name))
    if odd := [name for name in ("network", "px", "runtime") if listed(entry, name) != wanted[name]]:
        raise StoreError(f"entries: {odd[0]} of a result is not that of the spec")
    for name in COUNTS:
        whole(name, listed(entry, name))
    failed = maybe(text, "failed", listed(entry, "failed"))
    maybe(number, "error", listed(entry, "error"))
    for name in ("peak_preparing", "peak_running"):  # above what was resident, which may have shrunk meanwhile
        maybe(whole, name, listed(entry, name), -WHOLE)
    if "preparing_seconds" in entry:
        number("preparing_seconds", entry["preparing_seconds"])
    for name in ("cpu", "wall"):
        _times(name, listed(entry, name), 0 if failed else rounds)
    if "yardstick" in entry and entry["yardstick"] != []:  # empty where it failed
        _times("yardstick", entry["yardstick"], rounds)


def _times(name: str, values: Any, rounds: int) -> None:
    for seconds in lists(name, values, rounds):
        number(name, seconds)


def _report(report: dict[str, Any]) -> None:
    """Check what a monitor saw of the machine."""
    number("seconds", listed(report, "seconds"))
    whole("involuntary_switches", listed(report, "involuntary_switches"), 0)
    for name in SHARES:
        maybe(number, name, listed(report, name))
    mhz = listed(report, "mhz")
    if mhz is not None:
        least, most = (number("mhz", value) for value in lists("mhz", mhz, 2))
        number("mhz", most, least, math.inf)
