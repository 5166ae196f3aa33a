"""What a search over scaling coefficients found: ranking, regret against the best, response surface; of any network."""

from collections.abc import Iterable, Mapping
from math import log
from statistics import mean

import numpy as np

from ...runs.run_store import RunRecord
from ...stats import regret as regrets
from ...stats import response_surface
from ...stats.intervals import PairedOutcomes
from ...study.coefficient_search import Candidate
from ...study.decided_study import Study

Search = dict[Candidate, dict[int, RunRecord]]


def found_of(study: Study, networks: Iterable[Candidate], seeds: Iterable[int]) -> Search:
    """Return what is stored of some networks on some seeds; a network that diverged is not in the race."""
    found: Search = {}
    for network in networks:
        specs = {seed: study.spec(network, seed) for seed in seeds}
        if not any(study.store.diverged(spec.key) for spec in specs.values()):
            found[network] = {seed: record for seed, spec in specs.items() if (record := study.store.find(spec))}
    return found


def ranking(found: Search, seeds: Iterable[int]) -> list[Candidate] | None:
    """Return networks by mean accuracy, best first; None while a run is missing."""
    wanted = set(seeds)
    if not found or any(set(runs) != wanted for runs in found.values()):
        return None
    return by_accuracy(found)


def by_accuracy(found: Mapping[Candidate, Mapping[int, RunRecord]]) -> list[Candidate]:
    """Return networks by the mean accuracy of all their runs, best first."""
    return sorted(found, key=lambda network: -mean(run.top1 for run in found[network].values()))


def bits_of(found: Search) -> dict[str, dict[int, np.ndarray]]:
    """Return whether each validation image was recognised, by network's name and seed."""
    return {network.name: {seed: run.correct for seed, run in runs.items()} for network, runs in found.items()}


def regret_of(found: Search, name: str) -> regrets.Regret | None:
    """Return the regret of a network against the best of a search; None without its records."""
    bits = bits_of(found)
    return regrets.regret(PairedOutcomes(bits), name) if name in bits else None


def surface_of(
    found: Search, at: float, shares: tuple[float, float, float] = (1, 2, 2)
) -> response_surface.Surface | None:
    """Return the response surface of a search's networks; None where they are too few for a quadratic.

    Args:
        at: what they cost, over the baseline's.
        shares: with which powers of depth, width and resolution that cost grows.
    """
    rows = [
        (one.scaling.depth, one.scaling.resolution, mean(run.top1 for run in runs.values()), len(runs))
        for one, runs in found.items()
    ]
    alpha, gamma, accuracy, weights = np.array(rows).T.reshape(4, -1)
    return response_surface.fit(alpha, gamma, accuracy, weights, log(at), shares)
