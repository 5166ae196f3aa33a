"""Searches as tables: on a published table of networks, and where every candidate is trained."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import log2
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd

from ...models import complexity
from ...models.archs import Architecture
from ...runs.measurement_store import Measurement
from ...runs.run_store import RunRecord
from ...search.mnasnet_space import CHOICES, choices_of
from ...search.objective import Score
from ...search.space import Candidate
from ...search.table_search import TableSearch
from ...search.trained_search import TrainedSearch
from ...stats.estimate import Estimate, welch
from ...stats.rank_correlation import RankCorrelation, kendall

Results = Mapping[TableSearch, Measurement]
BUDGET = 100  # evaluations at which searchers are compared, declared beforehand
CLOSE = 0.1  # points from the table's best network
COLUMNS = (
    *("part", "role", "name", "place", "w", "seed", "phi", "evaluations", "top1", "low", "high", "long_top1"),
    *("flops", "flops_ratio", "px", "flops_at_100", "behind_best_at_100", "behind_best", "device", "date", "shipped"),
)
BEST = 0.25  # the share of the trained candidates whose choices are looked at


def best_after(search: Mapping[str, Any], evaluations: int) -> Score:
    """Return the score that one stored search had found after so many evaluations."""
    return [Score(*row[2:]) for row in search["best"] if row[0] <= evaluations][-1]


def named(results: Results, searcher: str, w: float = 0.0) -> list[Mapping[str, Any]]:
    """Return the stored searches of a searcher for an exponent, one a seed; none where nothing is stored."""
    found = [one for task, one in results.items() if (task.searcher.name, task.w) == (searcher, w)]
    return found[0].result["searches"] if found else []


def table_best(results: Results) -> float:
    """Return the highest accuracy of the table that was searched, in percent."""
    return next(one.result["best"][0] for task, one in results.items() if task.w == 0)


def progress(results: Results, searcher: str, points: Iterable[int]) -> list[tuple[int, Estimate]]:
    """Return (evaluations, how far the best network found is from the table's best, in points), over all seeds."""
    searches, top, made = named(results, searcher), table_best(results), []
    for number in points:
        left = [top - best_after(one, number).accuracy for one in searches if number <= one["evaluations"]]
        made.append((number, welch({searcher: left}, {searcher: 1.0})))
    return made


def close(results: Results, searcher: str, evaluations: int = BUDGET) -> tuple[int, int]:
    """Return how many searches are within 0.1 points of the table's best after so many evaluations, and of how many."""
    searches, top = named(results, searcher), table_best(results)
    return sum(top - best_after(one, evaluations).accuracy <= CLOSE for one in searches), len(searches)


def advantage(results: Results, one: str, other: str) -> Estimate:
    """Return the accuracy that one searcher finds after 100 evaluations minus another's, in points."""
    found = {name: [best_after(s, BUDGET).accuracy for s in named(results, name)] for name in (one, other)}
    return welch(found, {one: 1.0, other: -1.0})


def fewer_flops(results: Results, ws: Sequence[float]) -> dict[str, Estimate]:
    """Return by how many doublings each exponent's winners, after 100 evaluations, cost less than the one's before.

    Args:
        ws: exponents by growing size.

    Returns:
        An effect for each but the last, by its name: its winners' FLOPS over those of the next.
    """
    found = {f"{w:g}": [log2(best_after(s, BUDGET).flops) for s in named(results, "evolution", w)] for w in ws}
    names = list(found)
    return {f"w = {other}": welch(found, {other: 1.0, one: -1.0}) for other, one in pairwise(names)}


def on_table(results: Results) -> list[dict[str, Any]]:
    """Return a row a search: what it had found after 100 evaluations and at its end, and its winner's FLOPS."""
    rows = []
    for task, one in results.items():
        top = table_best({task: one}) if task.w == 0 else None
        for search in one.result["searches"]:
            at, end = best_after(search, BUDGET), best_after(search, search["evaluations"])
            regret = {"behind_best_at_100": top - at.accuracy, "behind_best": top - end.accuracy} if top else {}
            rows.append(
                {"part": "table", "role": task.searcher.name, "name": task.table, "w": task.w, "seed": search["seed"]}
                | {"evaluations": search["evaluations"], "top1": end.accuracy, "flops": end.flops}
                | {"flops_at_100": at.flops, **regret}
                | {"device": one.provenance["device"], "date": one.provenance["date"][:10], "shipped": one.published}
            )
    return rows


def trained(search: TrainedSearch) -> pd.DataFrame:
    """Return a row a trained network of the tuning split, whoever asked for it first; FLOPS are multiply-adds.

    `long_top1`: after the longer training. `place`: in the order of one search. Accuracies in percent.
    """
    longer, unit = search.longer(), complexity.count(search.b0).madds
    rows: list[dict[str, Any]] = []
    for role, place, arch, candidate in _networks(search):
        seeds = range(search.setting.b0_seeds) if arch == search.b0 else (0,)
        runs = search.runs(search.spec(arch, seed) for seed in seeds)
        if not runs:
            continue
        long = search.study.store.find(longer[arch]) if arch in longer else None
        flops = complexity.count(arch).madds
        rows.append(
            {"part": "trained", "role": role, "name": describe(candidate), "place": place, "evaluations": len(runs)}
            | {"top1": mean(run.top1 for run in runs.values()), "long_top1": long.top1 if long else np.nan}
            | {"flops": flops, "flops_ratio": flops / unit, "px": arch.px}
            | origin(runs.values())
        )
    return pd.DataFrame(rows)


def _networks(search: TrainedSearch) -> Iterable[tuple[str, int | None, Architecture, Candidate | None]]:
    """Yield (role, place, network, candidate), each network once."""
    seen = {search.b0, search.space.mnasnet_a1}
    yield "B0", None, search.b0, None
    yield "MnasNet-A1", None, search.space.mnasnet_a1, None
    for arch, candidate in search.neighbours.items():
        seen.add(arch)
        yield "neighbour of B0", None, arch, candidate
    for w in search.setting.ws:
        for place, (arch, candidate) in enumerate(search.asked(w).items(), 1):
            if arch not in seen:
                seen.add(arch)
                yield f"search, w = {w:g}", place, arch, candidate


def describe(candidate: Candidate | None) -> str:
    """Return a candidate's choices in a few letters a stage, such as "MBConv6 k5 se skip x1.25 +1"."""
    stages = []
    for one in choices_of(candidate) if candidate else ():
        marks = ("se " if one["squeeze"] == "quarter" else "") + ("skip " if one["skip"] == "identity" else "")
        stages.append(f"{one['operator']} k{one['kernel']} {marks}x{one['width']:g} {one['depth']:+d}")
    return " | ".join(stages)


def origin(runs: Iterable[RunRecord]) -> dict[str, Any]:
    """Return device, newest date and whether all are published."""
    listed = list(runs)
    made = [run.provenance for run in listed]
    return {
        "device": ", ".join(sorted({one["device"] for one in made})),
        "date": max(one["date"][:10] for one in made),
        "shipped": all(run.published for run in listed),
    }


def finals(search: TrainedSearch) -> list[dict[str, Any]]:
    """Return a row for winner and B0 on the validation images, as they are and scaled: mean and 95 % interval."""
    rows = []
    for (name, phi), specs in search.final_specs().items():
        runs = search.runs(specs)
        if not runs:
            continue
        found = welch({name: [run.top1 for run in runs.values()]}, {name: 1.0})
        low, high = found.interval95 or (np.nan, np.nan)
        rows.append(
            {"part": "scaled", "role": name, "phi": phi, "evaluations": len(runs), "top1": found.value}
            | {"low": low, "high": high, "flops": complexity.count(specs[0].arch).madds, "px": specs[0].arch.px}
            | origin(runs.values())
        )
    return rows


def better_than_b0(search: TrainedSearch) -> tuple[int, int]:
    """Return how many of B0's trained neighbours have a higher accuracy than B0's mean, and of how many."""
    base, store = search.b0_top1(), search.study.store
    found = [record for arch in search.neighbours if (record := store.find(search.spec(arch)))]
    return (sum(record.top1 > base for record in found), len(found)) if base is not None else (0, 0)


def trust(rows: pd.DataFrame) -> RankCorrelation | None:
    """Return how alike the short and the longer training rank the networks that had both."""
    both = rows.dropna(subset=["long_top1"])
    return kendall(both["top1"], both["long_top1"]) if len(both) > 1 else None


def shared_choices(search: TrainedSearch) -> pd.DataFrame:
    """Return how often each option is chosen, over all stages: by the best quarter of the candidates and by all.

    The best are those of the highest value of the objective for the paper's exponent, or the first that is searched.
    """
    objective, store, scored = search.objective(search.chosen_w), search.study.store, []
    for _, _, arch, candidate in _networks(search):
        if candidate and (record := store.find(search.spec(arch))):
            scored.append((objective(Score(record.top1, complexity.count(arch).madds)), choices_of(candidate)))
    scored.sort(key=lambda pair: -pair[0])
    groups = {"best": scored[: max(1, round(BEST * len(scored)))], "all": scored}
    rows = []
    for choice, options in CHOICES.items():
        for option in options:
            shares = {
                name: mean(stage[choice] == option for _, stages in group for stage in stages) if group else np.nan
                for name, group in groups.items()
            }
            rows.append({"choice": choice, "option": option, **shares})
    return pd.DataFrame(rows)
