"""How baseline and learning rates are chosen from records (the protocol's step 0 and tuning)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, inf, sqrt
from statistics import mean, variance

import numpy as np

from ..core.errors import ParameterError, known
from ..runs.run_store import RunRecord
from .profiles import ProxyBaseline

ENOUGH_PX = 8  # a side of the last map: B0 has 7 x 7, and a larger one decides no tie
STEP = 2.0  # between neighbouring rates
MOST_STEPS = 5  # beyond either end of a list of rates: then its edge is taken, and said
Loss = Callable[[float], float | None]  # of a rate: infinite where it diverged, None where it has not run


def standard_error(one: Sequence[RunRecord], other: Sequence[RunRecord]) -> float:
    """Return the standard error of a difference of mean accuracies, in points: Welch's of the seeds and paired images.

    The seed part is hypot of both models' own standard errors, at least two seeds each; the image part that of the mean
    over images of the difference, in which both models meet every image.
    """
    seeds = hypot(*(sqrt(variance([record.top1 for record in records]) / len(records)) for records in (one, other)))
    each = np.mean([r.correct for r in one], axis=0) - np.mean([r.correct for r in other], axis=0)
    return hypot(seeds, 100 * float(each.std()) / sqrt(each.size))


def tied_bases(found: Mapping[ProxyBaseline, Sequence[RunRecord]]) -> list[ProxyBaseline]:
    """Return the baseline of the highest mean accuracy, then all that lie within one standard error of it."""
    means = {base: mean(record.top1 for record in records) for base, records in found.items()}
    best = max(means, key=means.__getitem__)
    near = [b for b in found if b != best and means[best] - means[b] <= standard_error(found[best], found[b])]
    return [best, *near]


def choose_base(found: Mapping[ProxyBaseline, Sequence[RunRecord]]) -> ProxyBaseline:
    """Choose a baseline from the records of every candidate.

    The highest mean held-out accuracy wins; a tie goes to the larger last map, up to 8 x 8, then to the accuracy.
    """
    accuracy = {base: mean(record.top1 for record in records) for base, records in found.items()}
    return max(tied_bases(found), key=lambda base: (min(ENOUGH_PX, found[base][0].arch.final_px), accuracy[base]))


def edges(base: ProxyBaseline, candidates: Sequence[ProxyBaseline], classes: int) -> list[str]:
    """Say where a baseline lies on an edge of its list, in width or px; the premise carries it.

    The smallest width that rounding knows is an end of the space: three quarters of it would be the same network.
    """
    listed = []
    for name in ("width", "px"):
        values, value = [getattr(one, name) for one in candidates], getattr(base, name)
        if value == max(values):
            listed.append(f"{name} {value:g} is the largest of the list")
        elif value == min(values) and not (name == "width" and _narrowest(base, classes)):
            listed.append(f"{name} {value:g} is the smallest of the list")
    return listed


def _narrowest(base: ProxyBaseline, classes: int) -> bool:
    narrower = ProxyBaseline(0.75 * base.width, base.depth, base.px, base.stride)
    return narrower.arch(classes) == base.arch(classes)


@dataclass(frozen=True)
class Bracket:
    """The trials of one learning rate.

    Args:
        losses: rate -> held-out loss, rates ascending; None where it has not run.
        best: the rate of the lowest loss once it lies inside the list, else None.
    """

    losses: Mapping[float, float | None]
    best: float | None = None

    @property
    def inside(self) -> bool:
        """Whether the optimum is bracketed; it is not where the list was extended as far as it goes."""
        return self.best is not None and self.best not in (min(self.losses), max(self.losses))


def bracket(start: Sequence[float], loss: Loss, least: int = 0) -> Bracket:
    """List the trials that the losses known so far ask for, by factors of 2 beyond the edge where the best lies.

    Args:
        start: rates that are tried in any case.
        least: number of trials, where others had more: a bracketed list grows on the side nearer to its optimum.

    Raises:
        ParameterError: no rates, or one that is not positive.
    """
    rates = sorted(start)
    if not rates or rates[0] <= 0:
        raise ParameterError("learning_rates", tuple(start), "one positive rate or more")
    low, high = rates[0] / STEP**MOST_STEPS, rates[-1] * STEP**MOST_STEPS
    while True:
        losses = {rate: loss(rate) for rate in rates}
        tried = [value for rate in rates if (value := losses[rate]) is not None]
        if len(tried) < len(rates):
            return Bracket(losses)
        middle = (len(rates) - 1) / 2
        # A tie goes to the middle; where all diverged, downwards.
        place = 0 if min(tried) == inf else min(range(len(rates)), key=lambda i: (tried[i], abs(i - middle)))
        if place == 0 and rates[0] > low:
            rates.insert(0, rates[0] / STEP)
        elif place == len(rates) - 1 and rates[-1] < high:
            rates.append(rates[-1] * STEP)
        elif len(rates) >= least or (rates[0] <= low and rates[-1] >= high):
            return Bracket(losses, rates[place])
        elif rates[0] > low and (place <= middle or rates[-1] >= high):
            rates.insert(0, rates[0] / STEP)
        else:
            rates.append(rates[-1] * STEP)


def choose_rates(found: Mapping[str, Bracket]) -> dict[str, float] | None:
    """Choose rates from the trials of every model (method -> trials); None while one is not decided.

    One rate for all if the optima lie within one step of each other: of those that every model tried, the one of the
    lowest mean loss. Otherwise each its own.
    """
    best = {method: trials.best for method, trials in found.items() if trials.best is not None}
    if not best or len(best) < len(found):
        return None
    if max(best.values()) > STEP * min(best.values()):
        return best
    common = sorted(set.intersection(*(set(trials.losses) for trials in found.values())))
    losses = {rate: mean(known(trials.losses[rate]) for trials in found.values()) for rate in common}
    # A rate at which one diverged is none for all.
    shared = min((rate for rate in common if losses[rate] < inf), key=losses.__getitem__, default=None)
    return best if shared is None else dict.fromkeys(found, shared)
