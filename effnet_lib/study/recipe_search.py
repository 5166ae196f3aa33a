"""The recipe of a chosen baseline, by held-out loss, one seed, equal trials: batch and rate, then crop, then EMA."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..core.errors import known
from ..training.recipes import Recipe
from .decisions import Bracket, bracket
from .profiles import Profile

Loss = Callable[[Recipe], float | None]


@dataclass(frozen=True)
class RecipeSearch:
    """What was tried and what came of it.

    Args:
        batches: batch -> trials of its learning rate.
        asked: every recipe that the losses known so far ask for, in the order of their trials.
        chosen: the recipe, once all is tried.
    """

    batches: Mapping[int, Bracket]
    asked: tuple[Recipe, ...]
    chosen: Recipe | None = None


def search(profile: Profile, loss: Loss) -> RecipeSearch:
    """Decide a profile's recipe as far as losses are known, and say which trials come next.

    Every batch begins with the profile's rates in proportion to it, and has as many trials as any other. The later
    choices, of the smallest crop and of the averaged weights, are made at the best batch and rate.

    Args:
        loss: held-out loss of a recipe: infinite where it diverged, None where it has not run.
    """
    start = profile.recipe
    if not profile.learning_rates:
        return RecipeSearch({}, (), start)
    found = batches(profile, loss)
    asked = [replace(start, batch=batch, lr=rate) for batch, trials in found.items() for rate in trials.losses]
    rates = {batch: trials.best for batch, trials in found.items() if trials.best is not None}
    if len(rates) < len(found):
        return RecipeSearch(found, tuple(asked))
    best = min(
        (replace(start, batch=batch, lr=rate) for batch, rate in rates.items()), key=lambda one: known(loss(one))
    )
    choices: list[list[dict[str, Any]]] = [[{"min_area": one} for one in profile.crops]]
    choices.append([{"ema": one} for one in profile.emas])
    for changes in choices:
        tried = list(dict.fromkeys([best, *(replace(best, **change) for change in changes)]))
        asked += tried
        if any(loss(recipe) is None for recipe in tried):
            return RecipeSearch(found, tuple(dict.fromkeys(asked)))
        best = min(tried, key=lambda one: known(loss(one)))  # a tie stays with what was there
    return RecipeSearch(found, tuple(dict.fromkeys(asked)), best)


def batches(profile: Profile, loss: Loss) -> dict[int, Bracket]:
    """Return the trials of every batch: each until its optimum is bracketed, then all as many as the most."""
    start, most = profile.recipe, 0

    def of(batch: int) -> Callable[[float], float | None]:
        return lambda rate: loss(replace(start, batch=batch, lr=rate))

    while True:
        found = {}
        for batch in profile.batches or (start.batch,):
            rates = [rate * batch / start.batch for rate in profile.learning_rates]
            found[batch] = bracket(rates, of(batch), most)
        longest = max(len(trials.losses) for trials in found.values())
        if longest <= most or any(trials.best is None for trials in found.values()):
            return found
        most = longest


def around(rate: float, loss: Callable[[float], float | None]) -> Bracket:
    """Return the trials of another model: the recipe's rate and one step to either side, then until bracketed."""
    return bracket((rate / 2, rate, 2 * rate), loss)
