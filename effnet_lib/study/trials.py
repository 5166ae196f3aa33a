"""The held-out runs that a study's decisions are made of, as far as what is stored asks for them."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from ..data.datasets import DataSet
from ..data.splits import HOLDOUT
from ..models.archs import Architecture
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunStore
from ..training.recipes import Recipe
from . import recipe_search
from .decisions import Bracket
from .profiles import Profile, ProxyBaseline
from .protocol import CANDIDATE_SEEDS
from .recipe_search import RecipeSearch
from .scaled_model import ScaledModel


class Trials:
    """Runs on four fifths of a training set, judged on the other; of step 0 and of the tuning."""

    def __init__(self, profile: Profile, dataset: DataSet, store: RunStore):
        self.profile, self.dataset, self.store = profile, dataset, store

    def spec(self, arch: Architecture, recipe: Recipe, seed: int = 0) -> RunSpec:
        """Return a trial: a network, a recipe and a seed."""
        return RunSpec(arch, recipe, self.dataset.id + HOLDOUT, seed)

    def loss(self, spec: RunSpec) -> float | None:
        """Return a trial's held-out loss: infinite where it diverged, None where it has not run."""
        record = self.store.find(spec)
        if record:
            return record.result["loss"]
        return inf if self.store.diverged(spec.key) else None

    def candidates(self) -> dict[ProxyBaseline, list[RunSpec]]:
        """Return step 0's runs, per candidate baseline; empty where the profile fixes its baseline."""
        profile, classes = self.profile, self.dataset.classes
        if len(profile.candidates) == 1:
            return {}
        return {
            base: [self.spec(base.arch(classes, padding=profile.padding), profile.recipe, s) for s in CANDIDATE_SEEDS]
            for base in profile.candidates
        }

    def recipe(self, arch: Architecture) -> RecipeSearch:
        """Return what is tried of a baseline's recipe."""
        return recipe_search.search(self.profile, lambda recipe: self.loss(self.spec(arch, recipe)))

    def rates(self, recipe: Recipe, models: Mapping[str, ScaledModel]) -> dict[str, Bracket]:
        """Return what is tried of the learning rates of some models under a recipe, by method."""

        def of(model: ScaledModel) -> Bracket:
            return recipe_search.around(
                recipe.lr, lambda rate: self.loss(self.spec(model.arch, replace(recipe, lr=rate)))
            )

        return {method: of(model) for method, model in models.items()}

    def rate_specs(self, recipe: Recipe, models: Mapping[str, ScaledModel]) -> dict[str, dict[float, RunSpec]]:
        """Return the runs of `rates`: method -> rate -> run."""
        return {
            method: {rate: self.spec(models[method].arch, replace(recipe, lr=rate)) for rate in trials.losses}
            for method, trials in self.rates(recipe, models).items()
        }
