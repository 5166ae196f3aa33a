"""Latency records as a table: a row an entry, with its interval, its speed-up and what the paper prints."""

import hashlib
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from ... import paper
from ...measure.latency.group import Latency
from ...runs.measurements import Measurement, MeasurementStore, key_of
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
    found: Measurement
    here: bool

    @property
    def entries(self) -> list[dict[str, Any]]:
        return self.found.result["entries"]

    @property
    def busy(self) -> tuple[str, ...]:
        return tuple(self.found.result["busy"])

    def entry(self, network: str, runtime: str) -> dict[str, Any] | None:
        """Return the record of one entry, or None where it is not there or could not run."""
        picked = [e for e in self.entries if (e["network"], e["runtime"]) == (network, runtime) and e["cpu"]]
        return picked[0] if picked else None

    def ratio(self, slower: str, faster: str, runtime: str, clock: str = "cpu") -> Ratio:
        """Return how many times faster `faster` is in these rounds; `Ratio()` where either did not run."""
        one, other = self.entry(slower, runtime), self.entry(faster, runtime)
        return ratio(one[clock], other[clock]) if one and other else Ratio()

    def over_eager(self, network: str, runtime: str) -> Ratio:
        """Return how many times faster a network is in a runtime than in eager mode, in the same rounds."""
        one, other = self.entry(network, "eager"), self.entry(network, runtime)
        return ratio(one["cpu"], other["cpu"]) if one and other and runtime != "eager" else Ratio()

    def describe(self) -> str:
        """Say in one line what was measured where, when, with which versions, and whether the machine was quiet."""
        made, result = self.found.provenance, self.found.result
        versions = ", ".join(f"{name} {number}" for name, number in sorted(made["versions"].items()))
        where = f"core {result['core']}" if result["core"] is not None else f"not pinned ({result['refusal']})"
        state = f"machine was busy: {'; '.join(self.busy)}" if self.busy else "quiet"
        return (
            f"{self.task.label}, {HERE if self.here else ELSEWHERE}: {made['device']}, {where}, {made['date'][:16]}, "
            f"{state}; weights {result['weights']}; denormals {result['denormals']}; {versions}"
        )


def readings(
    tasks: Iterable[Latency], own: dict[Latency, Measurement], shipped: Sequence[Measurement]
) -> list[Reading]:
    """Return the stored groups of a plan: yours, and beside each what other machines measured of the same group.

    The same networks in the same runtimes, with any number of rounds. An older publication of this machine's own
    is left out.
    """
    this = hashlib.sha256(platform.node().encode()).hexdigest()[:12]
    listed = []
    for task in tasks:
        mine = own.get(task)
        if mine:
            listed.append(Reading(task, mine, here=not mine.shipped or mine.provenance["host"] == this))
        for other in shipped:
            same = {key: other.spec.get(key) for key in task.content()} == task.content()
            hosts = {this, mine.provenance["host"]} if mine else set()
            if same and other.provenance["host"] not in hosts:
                listed.append(Reading(task, other, here=other.provenance["host"] == this))
    return listed


def stored(store: MeasurementStore, task: Latency) -> Measurement | None:
    """Return the measurement of a task, or None."""
    return store.get(key_of(task.kind, task.spec()))


def shipped(store: MeasurementStore) -> list[Measurement]:
    """Return the shipped latencies alone, whatever your own layer holds."""
    return list(MeasurementStore(root=store.published).all("latency"))  # no measurements/ below it: one layer


def table(found: Sequence[Reading]) -> pd.DataFrame:
    """Return a row an entry, yardsticks left out.

    Seconds are CPU time a call, median and 95 % interval over rounds; `wall` is the median wall time. `speedup` stands,
    as the paper prints it, with the faster of a pair: the median over rounds of slower / faster. `over_eager`: how many
    times faster than eager mode; of the slower network through the faster one, which ran in both. `error`: largest
    difference to eager's output over its largest logit. Peaks in MiB above the bare process. FLOPS are multiply-adds.
    """
    printed = paper.table(4).set_index("model")
    rows = []
    for reading in found:
        entries = reading.entries
        names = [entry.network for entry in reading.task.entries]
        last = len(entries) if not reading.task.together else 2
        for entry in entries[:last]:
            pair = reading.task.together
            model, runtime = entry["network"], entry["runtime"]
            first = pair and model == names[0]
            seconds = median(entry["cpu"]) if entry["cpu"] else Ratio()
            speedup = reading.ratio(names[0], model, runtime) if pair and not first else Ratio()
            wall = reading.ratio(names[0], model, runtime, "wall") if pair and not first else Ratio()
            over = _first_over_eager(reading, found, runtime) if first else reading.over_eager(model, runtime)
            told = printed.loc[model] if pair and model in printed.index else None
            made = reading.found.provenance
            rows.append(
                {
                    "group": " / ".join(names[:2]) if pair else SURVEY,
                    "model": model,
                    "runtime": runtime,
                    "px": entry["px"],
                    "params": entry["params"],
                    "flops": entry["madds"],
                    "seconds": seconds.value,
                    "seconds_low": seconds.low,
                    "seconds_high": seconds.high,
                    "wall": float(np.median(entry["wall"])) if entry["wall"] else None,
                    "printed_seconds": None if told is None else float(told["latency_seconds"]),
                    "speedup": speedup.value,
                    "speedup_low": speedup.low,
                    "speedup_high": speedup.high,
                    "speedup_width": speedup.width,
                    "speedup_wall": wall.value,
                    "printed_speedup": None if told is None else float(told["speedup"]),
                    "over_eager": over.value,
                    "over_eager_low": over.low,
                    "over_eager_high": over.high,
                    "error": entry["error"],
                    "peak_mib": entry["peak_running"] and round(entry["peak_running"] / MIB),
                    "peak_preparing_mib": entry["peak_preparing"] and round(entry["peak_preparing"] / MIB),
                    "rounds": len(entry["cpu"]),
                    "busy": "; ".join(reading.busy),
                    "where": HERE if reading.here else ELSEWHERE,
                    "device": made["device"],
                    "date": made["date"][:10],
                    "pinned": reading.found.result["core"] is not None,
                    "failed": entry["failed"],
                }
            )
    numbers = [key for key in rows[0] if key not in TEXT + WHOLE] if rows else []
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float)) if rows else pd.DataFrame()


def _first_over_eager(reading: Reading, found: Sequence[Reading], runtime: str) -> Ratio:
    """Return the slower network's gain over eager mode; two of its copies do not fit beside each other.

    Both its rounds hold the faster network in eager mode: its ratio to that in eager mode over that in the runtime.
    """
    slower, faster = (entry.network for entry in reading.task.entries[:2])
    eager = [r for r in found if r.here == reading.here and r.entry(slower, "eager") and r.entry(faster, "eager")]
    one, other = reading.entry(slower, runtime), reading.entry(faster, "eager")
    if runtime == "eager" or not (eager and one and other):
        return Ratio()
    return Ratio(eager[0].ratio(slower, faster, "eager").value / ratio(one["cpu"], other["cpu"]).value)


def against_flops(rows: pd.DataFrame, runtime: str) -> pd.DataFrame:
    """Return each network once, by FLOPS: latency, speed in billions of multiply-adds a second, ranks.

    Of one place only, here if anything was measured here. A pair's networks count where the survey lacks them.
    """
    if rows.empty:
        return rows
    part = rows[(rows["runtime"] == runtime) & rows["seconds"].notna()]
    part = part[part["where"] == (HERE if (part["where"] == HERE).any() else ELSEWHERE)]
    part = part.assign(second=part["group"] != SURVEY).sort_values(["second", "flops"], kind="stable")
    part = part.drop_duplicates("model").sort_values("flops", kind="stable")
    part["speed"] = part["flops"] / part["seconds"] / 1e9
    part["flops_rank"] = rankdata(part["flops"]).astype(int)
    part["latency_rank"] = rankdata(part["seconds"]).astype(int)
    return part.drop(columns="second").reset_index(drop=True)


def rank_correlation(part: pd.DataFrame) -> float | None:
    """Return Spearman's rank correlation of latency with FLOPS, 1 where FLOPS order networks as latency does."""
    return float(spearmanr(part["flops"], part["seconds"]).statistic) if len(part) > 2 else None


def swapped(part: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    """Return the pairs that FLOPS order wrongly: (more FLOPS and less time, the other, ratio of FLOPS, ratio of times).

    The worst comes first: the one with the largest product of both ratios.
    """
    listed = []
    for _, more in part.iterrows():
        for _, less in part[part["flops"] < more["flops"]].iterrows():
            if more["seconds"] < less["seconds"]:
                factors = (more["flops"] / less["flops"], less["seconds"] / more["seconds"])
                listed.append((more["model"], less["model"], *map(float, factors)))
    return sorted(listed, key=lambda one: -one[2] * one[3])
