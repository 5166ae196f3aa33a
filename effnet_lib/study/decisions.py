"""How baseline and learning rates are chosen from records (the protocol's step 0 and tuning)."""

from statistics import mean

import numpy as np

from ..runs.run_store import RunRecord
from ..stats.intervals import PairedOutcomes, contrast
from .profiles import ProxyBaseline


def choose_base(found: dict[ProxyBaseline, list[RunRecord]]) -> ProxyBaseline:
    """Choose a baseline from the records of every candidate (the rule of `Study.base`)."""
    outcomes = PairedOutcomes({str(base): {r.seed: r.correct for r in records} for base, records in found.items()})
    best = max(found, key=lambda base: mean(record.top1 for record in found[base]))
    tied = [best]
    for base in found:
        if base != best:
            interval = contrast(outcomes, {str(best): 1.0, str(base): -1.0}).interval95
            if interval is not None and interval[0] <= 0:
                tied.append(base)
    return max(tied, key=lambda base: (base.px, mean(record.top1 for record in found[base])))


def choose_rates(losses: dict[str, dict[float, float]]) -> dict[str, float]:
    """Choose rates from held-out losses (method -> rate -> loss), with equal trials for every method.

    One rate for all, that of the lowest mean loss, if the methods' optima lie within one step of each other;
    otherwise each method its own.
    """
    rates = sorted(next(iter(losses.values())))
    best = {method: min(trials, key=trials.get) for method, trials in losses.items()}
    steps = [rates.index(rate) for rate in best.values()]
    if max(steps) - min(steps) > 1:
        return best
    shared = rates[int(np.argmin([mean(trials[rate] for trials in losses.values()) for rate in rates]))]
    return dict.fromkeys(losses, shared)
