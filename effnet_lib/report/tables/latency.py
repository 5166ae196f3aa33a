"""Latency records as a table: a row an entry, with its interval, its speed-up and what the paper prints."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy

from ... import paper
from ...core import hardware
from ...core.errors import known
from ...measure.latency.task import Latency
from ...runs.measurement_store import Measurement, MeasurementStore, key_of
from ...stats.speedup import Ratio, median, ratio

HERE, ELSEWHERE = "measured here", "measured elsewhere"
SURVEY = "survey"
MIB = 2**20
TEXT = ("group", "model", "runtime", "busy", "where", "device", "date", "pinned", "failed")
WHOLE = ("px", "params", "flops", "rounds")  # every other column is a float with gaps


@dataclass(frozen=True)
class Reading:
    """A stored group: the task that it answers, and whether this machine measured it."""

    task: Latency
    measurement: Measurement
    here: bool

    @property
    def entries(self) -> list[dict[str, Any]]:
        return self.measurement.result["entries"]

    @property
    def busy(self) -> tuple[str, ...]:
        return tuple(self.measurement.result["busy"])

    def entry(self, network: str, runtime: str) -> dict[str, Any] | None:
        """Return the record of an entry, or None where it is not there or could not run."""
        picked = [e for e in self.entries if (e["network"], e["runtime"]) == (network, runtime) and e["cpu"]]
        return picked[0] if picked else None

    def ratio(self, slower: str, faster: str, runtime: str, clock: str = "cpu") -> Ratio:
        """Return how many times faster `faster` is in these rounds; `Ratio()` where either did not run.

        Args:
            clock: "cpu" or "wall".
        """
        slow, fast = self.entry(slower, runtime), self.entry(faster, runtime)
        return ratio(slow[clock], fast[clock]) if slow and fast else Ratio()

    def over_eager(self, network: str, runtime: str) -> Ratio:
        """Return how many times faster a network is in a runtime than in eager mode, in the same rounds."""
        eager, other = self.entry(network, "eager"), self.entry(network, runtime)
        return ratio(eager["cpu"], other["cpu"]) if eager and other and runtime != "eager" else Ratio()

    def describe(self) -> str:
        """Say in one line what was measured where, when, with which versions, and whether the machine was quiet."""
        made, result = self.measurement.provenance, self.measurement.result
        versions = ", ".join(f"{name} {number}" for name, number in sorted(made["versions"].items()))
        where = f"core {result['core']}" if result["core"] is not None else f"not pinned ({result['refusal']})"
        state = f"machine was busy: {'; '.join(self.busy)}" if self.busy else "quiet"
        return (
            f"{self.task.label}, {HERE if self.here else ELSEWHERE}: {made['device']}, {where}, {made['date'][:16]}, "
            f"{state}; weights {result['weights']}; denormals {result['denormals']}; {versions}"
        )


def readings(
    tasks: Iterable[Latency], own: dict[Latency, Measurement], published: Sequence[Measurement]
) -> list[Reading]:
    """Return the stored groups of a plan: yours, and beside each what other machines measured of the same group.

    The same networks in the same runtimes, with any number of rounds. An older publication of this machine's own
    is left out.

    Args:
        own: what is stored under the keys of this processor.
        published: the published measurements of any processor.
    """
    this, listed = (hardware.host_hash(), hardware.processor_name()), []
    for task in tasks:
        mine = own.get(task)
        if mine:
            listed.append(Reading(task, mine, here=not mine.published or _machine(mine) == this))
        for other in published:
            same = {key: other.spec.get(key) for key in task.content()} == task.content()
            machines = {this, _machine(mine)} if mine else set()
            if same and _machine(other) not in machines:
                listed.append(Reading(task, other, here=_machine(other) == this))
    return listed


def _machine(measurement: Measurement) -> tuple[str, str]:
    """Return what tells machines apart: rented ones often share a host's name, and never a processor with it."""
    return measurement.provenance["host"], measurement.provenance["device"]


def stored(store: MeasurementStore, task: Latency) -> Measurement | None:
    """Return the measurement of a task, or None."""
    return store.get(key_of(task.kind, task.spec()))


def published(store: MeasurementStore) -> list[Measurement]:
    """Return the published latencies alone, whatever your own layer holds."""
    return list(MeasurementStore(root=store.published_folder).all("latency"))  # no measurements/ below it: one layer


def table(listed: Sequence[Reading]) -> pd.DataFrame:
    """Return a row an entry, yardsticks left out.

    Returns:
        seconds: CPU time a call, median and 95 % interval over rounds; `wall` is the median wall time.
        speedup: stands, as the paper prints it, with the faster of a pair: median over rounds of slower / faster.
        over_eager: how many times faster than eager mode; of the slower network through the faster, which ran in both.
        error: largest difference to eager's output over its largest logit.
        peak_*: MiB above the bare process.
        flops: multiply-adds.
    """
    printed = paper.table(4).set_index("model")
    rows = []
    for reading in listed:
        for entry in reading.entries[: 2 if reading.task.together else None]:
            told = printed.loc[entry["network"]] if reading.task.together and entry["network"] in printed.index else {}
            rows.append(_row(reading, entry, listed, told))
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).astype(dict.fromkeys((key for key in rows[0] if key not in TEXT + WHOLE), float))


def _row(reading: Reading, entry: dict[str, Any], listed: Sequence[Reading], printed: Mapping) -> dict[str, Any]:
    """Return an entry's row; `printed`: its row of the paper's Table 4, empty where there is none."""
    pair, names = reading.task.together, [entry.network for entry in reading.task.entries]
    model, runtime = entry["network"], entry["runtime"]
    first, faster = pair and model == names[0], pair and model != names[0]
    speedup = reading.ratio(names[0], model, runtime) if faster else Ratio()
    wall = reading.ratio(names[0], model, runtime, "wall") if faster else Ratio()
    over_eager = _first_over_eager(reading, listed, runtime) if first else reading.over_eager(model, runtime)
    return {
        "group": " / ".join(names[:2]) if pair else SURVEY,
        "model": model,
        "runtime": runtime,
        "px": entry["px"],
        "params": entry["params"],
        "flops": entry["madds"],
        **_interval("seconds", median(entry["cpu"]) if entry["cpu"] else Ratio()),
        "wall": float(np.median(entry["wall"])) if entry["wall"] else None,
        "printed_seconds": printed.get("latency_seconds"),
        **_interval("speedup", speedup),
        "speedup_width": speedup.width,
        "speedup_wall": wall.value,
        "printed_speedup": printed.get("speedup"),
        **_interval("over_eager", over_eager),
    } | _circumstances(reading, entry)


def _interval(name: str, estimate: Ratio) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _circumstances(reading: Reading, entry: dict[str, Any]) -> dict[str, Any]:
    made = reading.measurement.provenance
    return {
        "error": entry["error"],
        "peak_mib": entry["peak_running"] and round(entry["peak_running"] / MIB),
        "peak_preparing_mib": entry["peak_preparing"] and round(entry["peak_preparing"] / MIB),
        "rounds": len(entry["cpu"]),
        "busy": "; ".join(reading.busy),
        "where": HERE if reading.here else ELSEWHERE,
        "device": made["device"],
        "date": made["date"][:10],
        "pinned": reading.measurement.result["core"] is not None,
        "failed": entry["failed"],
    }


def _first_over_eager(reading: Reading, listed: Sequence[Reading], runtime: str) -> Ratio:
    """Return the slower network's gain over eager mode; two of its copies do not fit beside each other.

    Both its rounds hold the faster network in eager mode: its ratio to that in eager mode over that in the runtime.
    """
    slower, faster = (entry.network for entry in reading.task.entries[:2])
    eager = [r for r in listed if r.here == reading.here and r.entry(slower, "eager") and r.entry(faster, "eager")]
    slow, fast = reading.entry(slower, runtime), reading.entry(faster, "eager")
    if runtime == "eager" or not (eager and slow and fast):
        return Ratio()
    both = eager[0].ratio(slower, faster, "eager"), ratio(slow["cpu"], fast["cpu"])
    return Ratio(known(both[0].value) / known(both[1].value))


def against_flops(rows: pd.DataFrame, runtime: str) -> pd.DataFrame:
    """Return each network once, by FLOPS: latency, speed in billions of multiply-adds a second, ranks.

    Of a single place, here if anything was measured here. A pair's networks count where the survey lacks them.
    """
    if rows.empty:
        return rows
    part = rows[(rows["runtime"] == runtime) & rows["seconds"].notna()]
    part = part[part["where"] == (HERE if (part["where"] == HERE).any() else ELSEWHERE)]
    part = part.assign(second=part["group"] != SURVEY).sort_values(["second", "flops"], kind="stable")
    part = part.drop_duplicates("model").sort_values("flops", kind="stable")
    part["speed"] = part["flops"] / part["seconds"] / 1e9
    part["flops_rank"] = scipy.stats.rankdata(part["flops"]).astype(int)
    part["latency_rank"] = scipy.stats.rankdata(part["seconds"]).astype(int)
    return part.drop(columns="second").reset_index(drop=True)


def rank_correlation(part: pd.DataFrame) -> float | None:
    """Return Spearman's rank correlation of latency with FLOPS, 1 where FLOPS order networks as latency does."""
    return float(scipy.stats.spearmanr(part["flops"], part["seconds"]).statistic) if len(part) > 2 else None


def swapped(part: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    """Return the pairs that FLOPS order wrongly, the largest product of both ratios first.

    Returns:
        (network with more FLOPS and less time, the other network, ratio of FLOPS, ratio of times).
    """
    listed = []
    for _, more in part.iterrows():
        for _, less in part[part["flops"] < more["flops"]].iterrows():
            if more["seconds"] < less["seconds"]:
                factors = (more["flops"] / less["flops"], less["seconds"] / more["seconds"])
                listed.append((more["model"], less["model"], *map(float, factors)))
    return sorted(listed, key=lambda pair: -pair[2] * pair[3])
