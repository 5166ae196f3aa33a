"""Table 4 as an artefact: its plan, table, claims and drawing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from .. import paper
from ..core.errors import ParameterError, known
from ..measure.latency import runtimes
from ..measure.latency.task import SMALL, Entry, Latency
from ..models.zoo import NETWORKS, network
from ..report.tables import latency
from ..report.tables.latency import Reading
from ..stats.speedup import AtLeast, Ratio
from ..study.decided_study import Study
from ..study.measurement_plan import Measurements
from ..study.parameters import Parameters, listed
from ..study.ranges import RANGES
from ..study.registry import Artefact, Needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

YARDSTICK = "EfficientNet-B0"  # runs beside every network of the survey


@dataclass(frozen=True)
class Pair:
    """Two networks of which the paper says how many times faster the second is; `printed` None: it does not."""

    slower: str
    faster: str
    rounds: int
    printed: float | None = None


@dataclass(frozen=True)
class Groups:
    """What a profile measures: pairs with their rounds, and the networks of the second table with theirs."""

    pairs: tuple[Pair, ...]
    survey: tuple[str, ...]
    survey_rounds: int


def _printed_pairs() -> tuple[Pair, ...]:
    found = []
    for number, rows in paper.table(4).groupby("pair"):
        slower, faster = rows[rows["speedup"].isna()].iloc[0], rows[rows["speedup"].notna()].iloc[0]
        # A round of the second pair takes 6 to 15 s; nine left the interval 11 % wide on one side.
        found.append(Pair(slower["model"], faster["model"], {1: 20, 2: 15}[number], float(faster["speedup"])))
    return tuple(found)


PAIRS = _printed_pairs()
# All of Table 2, but GPipe, which the pair measures: 8 times as many FLOPS as B7.
SURVEY = tuple(name for name in NETWORKS if name != "GPipe")
GROUPS = {
    "smoke": Groups((Pair(SMALL.name, YARDSTICK, 5),), (YARDSTICK, "EfficientNet-B1", "ResNet-50"), 2),
    "cpu": Groups(PAIRS, SURVEY, 3),
}


def _models(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not parts or not all(isinstance(part, str) for part in parts):
        raise ParameterError(name, value, "names of networks with commas between them")
    try:
        return tuple(dict.fromkeys(network(part).name for part in parts))
    except ParameterError as error:
        raise ParameterError(name, error.value, error.accepted) from None


def planned(parameters: Parameters) -> tuple[Latency, ...]:
    """Return the groups of a profile; those that are drawn only have `cpu`'s.

    In another runtime than eager the faster network of a pair runs in eager mode too, in the same rounds: what the
    runtime gains is paired as well.
    """
    plan, own = GROUPS.get(parameters.profile, GROUPS["cpu"]), parameters.own
    groups = []
    for pair in plan.pairs:
        for runtime in own["runtimes"]:
            entries = (Entry(pair.slower, runtime), Entry(pair.faster, runtime))
            beside = (Entry(pair.faster),) if runtime != "eager" else ()
            words = f"{pair.slower} / {pair.faster}, {runtime}"  # a notebook cuts a cell after 50 characters
            groups.append(Latency(words, entries + beside, own["rounds"] or pair.rounds))
    first = own["runtimes"][0]
    names = own["models"] or plan.survey
    rest = tuple(Entry(name, first) for name in names if name != YARDSTICK or first != "eager")
    words = f"{len(names)} networks, {first}"
    groups.append(Latency(words, (Entry(YARDSTICK), *rest), own["rounds"] or plan.survey_rounds, together=False))
    return tuple(groups)


def readings(study: Study) -> list[Reading]:
    """Return what is stored of a plan: this machine's, and beside it what other machines published."""
    every, store = planned(study.parameters), study.measurements
    own = {task: measurement for task in every if (measurement := latency.stored(store, task))}
    return latency.readings(every, own, [] if study.parameters.fresh else latency.published(store))


class Table4(Artefact[Measurements]):
    """Table 4: latency for one picture on one core of a CPU, and where FLOPS say something else."""

    id = "table4"
    notebook = "table4_latency"
    title = "Table 4: latency on one core of a CPU"
    covers = ("Table 4",)
    needs = Needs("", "", "", "12 min")
    trains = False
    measures = True
    parameters: ClassVar = {
        "rounds": (None, RANGES["rounds"]),
        "runtimes": ("eager", listed(runtimes.RUNTIMES)),
        "models": (None, _models),
    }
    # What is published shows what is deployed today, too; compiling GPipe takes too long for it.
    published_with: ClassVar = {"runtimes": ",".join(name for name in runtimes.RUNTIMES if name != "compile")}

    def measurements(self, study: Study) -> tuple[Latency, ...]:
        """List the groups to measure: in `smoke` and `cpu`; the other profiles draw what is stored of `cpu`.

        Raises:
            ParameterError: a runtime that cannot run here.
            RunFailed: too little memory; both before anything is measured.
        """
        given = study.parameters
        if given.profile not in GROUPS:
            return ()
        groups = planned(given)
        if study.measures and not given.dry_run:
            for task in groups:
                if not latency.stored(study.measurements, task):
                    for entry in task.entries:
                        runtimes.check(entry.runtime)
                    task.refuse()
        return groups

    def table(self, study: Study, results: Measurements) -> pd.DataFrame:
        """Return a row a network and runtime, this machine's and others' (`latency.table`)."""
        return latency.table(readings(study))

    def claims(self, study: Study, results: Measurements) -> list[AtLeast]:
        """Judge, in the first runtime asked for, "faster" and "faster by the printed factor" for both pairs.

        By CPU time: on a quiet machine it is wall time, on another one it is nearer to it. What was measured here comes
        before what was published.
        """
        runtime = study.parameters.own["runtimes"][0]
        found = sorted(readings(study), key=lambda reading: not reading.here)
        judged = []
        for pair in PAIRS:
            wanted = [r for r in found if r.entry(pair.slower, runtime) and r.entry(pair.faster, runtime)]
            wanted = [r for r in wanted if r.task.together]
            measured = wanted[0].ratio(pair.slower, pair.faster, runtime) if wanted else Ratio()
            busy = wanted[0].busy if wanted else ()
            words = f"{pair.faster} is {{}} than {pair.slower} ({runtimes.RUNTIMES[runtime].words}, one core)"
            judged.append(AtLeast(words.format("faster"), 1.0, measured, busy))
            printed = known(pair.printed)
            judged.append(AtLeast(words.format(f"at least {printed:g}x faster"), printed, measured, busy))
        return judged

    def pairs(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of Table 4 proper: the pairs, without the survey of Table 2's networks."""
        return rows[rows["group"] != latency.SURVEY]

    def against_flops(self, study: Study, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the second table: latency against FLOPS in the first runtime asked for."""
        return latency.against_flops(rows, study.parameters.own["runtimes"][0])

    def disagreement(self, second: pd.DataFrame) -> str:
        """Say how latency follows FLOPS in the second table, and the three pairs where it does so least."""
        lines = [f"rank correlation of latency with FLOPS: {latency.rank_correlation(second)}"]
        for more, less, flops, time in latency.swapped(second)[:3]:
            lines.append(f"{more} has {flops:.1f} times the FLOPS of {less} and takes 1/{time:.1f} of its time")
        return "\n".join(lines)

    def conditions(self, study: Study) -> str:
        """Say of every reading when, where and how quietly it was taken."""
        return "\n".join(reading.describe() for reading in readings(study))

    def draw(self, study: Study, results: Measurements, rows: pd.DataFrame) -> "Figure":
        """Draw speed-ups and latencies as dots with intervals, beside what is printed, and latency against FLOPS."""
        from ..report.figures import latency_dots  # drawing needs matplotlib, measuring does not

        return latency_dots.draw(self.title, rows, self.against_flops(study, rows), study.parameters.own["runtimes"][0])
