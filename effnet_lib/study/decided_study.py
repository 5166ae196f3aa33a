"""A profile with its decisions taken: which baseline, which recipe, which rates, which models cost the same.

Step 0 of the protocol chooses the baseline among candidates of equal cost, the tuning then its recipe, and a rate for
every other model. All look at a held-out fifth of the training set, never at the validation set, and all are computed
from stored records; where these are not all there, from the decisions that ship (`decision_files`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..core.errors import known
from ..data.datasets import DataSet, declare
from ..models.scaling import Scaling
from ..runs.measurement_store import MeasurementStore
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunStore
from ..training.recipes import Recipe
from . import decision_files, levels, proxy_families
from .decision_files import Decided
from .decisions import choose_base, choose_rates, edges
from .parameters import Parameters
from .profiles import LEVEL_A, UNSCALED, Profile, ProxyBaseline
from .protocol import LONG, LONG_FACTOR, declared
from .recipe_search import RecipeSearch
from .scaled_model import METHODS, ScaledModel
from .trials import Trials


@dataclass(frozen=True)
class QueueStage:
    """Some runs of the queue: `number` is the protocol's order, `rank` the place in it, `artefact` who asked."""

    number: int
    rank: int
    name: str
    artefact: str
    specs: tuple[RunSpec, ...]


@dataclass(frozen=True)
class Study:
    """A profile on a data set, with the records at hand to take its decisions from: the context of every artefact.

    Attributes:
        parameters: a notebook's.
        decided_base, decided_rates: baseline, and learning rate by method, where they are known and not to be decided
            from records.
    """

    profile: Profile
    dataset: DataSet
    store: RunStore
    parameters: Parameters = field(default_factory=Parameters, compare=False)
    decided_base: ProxyBaseline | None = None
    decided_rates: Mapping[str, float] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        profile: Profile,
        store: RunStore,
        dataset: DataSet | None = None,
        base: ProxyBaseline | None = None,
        learning_rates: Mapping[str, float] | None = None,
    ) -> "Study":
        """Open a profile's study, on its own data set unless another is given, with what is decided already."""
        chosen = dataset or declare(profile.dataset)
        return cls(profile, chosen, store, decided_base=base, decided_rates=learning_rates)

    def again(self) -> "Study":
        """Return the same study, which takes anew what it has decided from records."""
        return replace(self)

    @cached_property
    def measurements(self) -> MeasurementStore:
        """The measurements beside the runs."""
        return MeasurementStore(self.store.published, self.store.root, self.store.published_folder)

    @property
    def trains(self) -> bool:
        """Whether what is missing is made: parameter `train`, or else what the profile does."""
        train = self.parameters.train
        return self.profile.trains if train == "auto" else bool(train)

    @property
    def measures(self) -> bool:
        """Whether missing measurements are made: parameter `measure` of an artefact that has it, else as `trains`."""
        measure = self.parameters.own.get("measure", "auto")
        return self.trains if measure == "auto" else bool(measure)

    # Decisions ------------------------------------------------------------------------------------------------

    @cached_property
    def published_decisions(self) -> Decided:
        """The decisions that ship for this profile on this data set; empty where none do, or they are not read."""
        return decision_files.read(self.profile, self.dataset.id, self.store) if self.store.published else Decided()

    @cached_property
    def trials(self) -> Trials:
        """The held-out runs that decide."""
        return Trials(self.profile, self.dataset, self.store)

    def candidates(self) -> dict[ProxyBaseline, list[RunSpec]]:
        """Return step 0's runs, per candidate baseline; empty where the profile fixes its baseline."""
        return self.trials.candidates()

    @cached_property
    def base(self) -> ProxyBaseline | None:
        """The chosen baseline (`decisions.choose_base`), or None while step 0 lacks records."""
        if self.decided_base or len(self.profile.candidates) == 1:
            return self.decided_base or self.profile.candidates[0]
        asked = self.candidates()
        found = {base: [record for s in specs if (record := self.store.find(s))] for base, specs in asked.items()}
        if any(len(found[base]) < len(specs) for base, specs in asked.items()):
            return self.published_decisions.base
        return choose_base(found)

    @property
    def edges(self) -> list[str]:
        """Where the chosen baseline lies on an edge of step 0's list, in words; the premise carries them."""
        if self.base is None or len(self.profile.candidates) == 1:
            return []
        return edges(self.base, self.profile.candidates, self.dataset.classes)

    @property
    def tunes(self) -> bool:
        """Whether recipe and rates of this profile are tried out, and not given."""
        return bool(self.profile.learning_rates) and not self.decided_rates

    @cached_property
    def recipe_search(self) -> RecipeSearch:
        """The trials of the baseline's recipe; none while no baseline is decided."""
        return RecipeSearch({}, ()) if self.base is None else self.trials.recipe(self.baseline.arch)

    @cached_property
    def recipe(self) -> Recipe | None:
        """The tuned recipe at the short budget, with the baseline's rate, or None while it lacks records."""
        if not self.tunes:
            return self.profile.recipe
        return self.recipe_search.chosen or (
            self.published_decisions.recipe if self.published_decisions.base == self.base else None
        )

    def tuning(self) -> dict[str, dict[float, RunSpec]]:
        """Return the runs of the rates that are asked for so far: method -> rate -> run; none without a recipe."""
        if not self.tunes or self.recipe is None:
            return {}
        return self.trials.rate_specs(self.recipe, self.five_methods())

    @cached_property
    def learning_rates(self) -> dict[str, float] | None:
        """The learning rate of each method (and "baseline"), or None while the tuning lacks records."""
        if self.decided_rates:
            return dict(self.decided_rates)
        if not self.tunes:
            return dict.fromkeys(("baseline", *METHODS), known(self.recipe).lr)
        if self.recipe is None:
            return None
        return choose_rates(self.trials.rates(self.recipe, self.five_methods())) or self._shipped("rates")

    def _shipped(self, what: str) -> Any:
        """Return a later decision that ships, where those before it are the same."""
        same = (self.published_decisions.base, self.published_decisions.recipe) == (self.base, self.recipe)
        return getattr(self.published_decisions, what) if same else None

    def family_tuning(self, family: str) -> dict[str, dict[float, RunSpec]]:
        """Return the runs of a family's rates (Table 3) that are asked for so far, as `tuning`."""
        if not self.tunes or self.recipe is None:
            return {}
        return self.trials.rate_specs(self.recipe, proxy_families.models(self, family))

    @cached_property
    def family_rates(self) -> dict[str, dict[str, float]]:
        """The learning rates of each family of Table 3, family -> method -> rate; without those that lack records."""
        found, fixed = {}, {} if self.decided_rates else self.profile.family_rates
        for family in self.profile.families if self.ready else ():
            models = proxy_families.models(self, family)
            if self.tunes:
                rates = choose_rates(self.trials.rates(known(self.recipe), models))
                rates = rates or (self._shipped("family_rates") or {}).get(family)
            else:
                own = known(self.learning_rates)
                rates = {method: fixed.get(family, own[method]) for method in models}
            if rates:
                found[family] = rates
        return found

    def rates_of(self, model: ScaledModel) -> Mapping[str, float] | None:
        """Return the learning rates by method that a model's is among, or None while they are not decided."""
        return self.family_rates.get(model.family) if model.family else self.learning_rates

    @property
    def ready(self) -> bool:
        """Whether baseline, recipe and rates are decided, so that models can be planned."""
        return self.base is not None and self.learning_rates is not None

    @property
    def follows_protocol(self) -> bool:
        """Whether the protocol's decisive set is trained in this profile: those that choose their baseline."""
        return len(self.profile.candidates) > 1

    # Models and runs ------------------------------------------------------------------------------------------

    def model(self, method: str, coefficient: float, on: Scaling = UNSCALED) -> ScaledModel:
        """Return the baseline (scaled by `on`) scaled by one method; that without any scaling is named "baseline"."""
        return levels.scaled(known(self.base), self.dataset.classes, self.profile.padding, method, coefficient, on)

    @property
    def baseline(self) -> ScaledModel:
        return self.model("width", 1.0)

    def level(self, between: tuple[float, float]) -> levels.Level:
        """Return a level of equal FLOPS: its multiple, between two, and the model of each method."""
        return levels.equal_cost(self.base, self.dataset.classes, self.profile.padding, between)

    def equal_flops_level(self, between: tuple[float, float]) -> dict[str, ScaledModel]:
        """Return the model of each method at a level of equal FLOPS."""
        return dict(zip(METHODS, self.level(between).models, strict=True))

    def five_methods(self) -> dict[str, ScaledModel]:
        """Return the baseline and the four models of level A."""
        return {"baseline": self.baseline} | self.equal_flops_level(LEVEL_A)

    def long(self, model: ScaledModel) -> ScaledModel:
        """Return a model at the budget that decides the profile's main claims: the long one, or its only one."""
        return replace(model, budget=self.profile.deciding)

    def spec(self, model: ScaledModel, seed: int) -> RunSpec:
        """Return the run of a model under the tuned recipe and its budget, on the whole training set."""
        tuned = {"published": "compound", "dWr": "compound"}.get(model.method, model.method)  # compound scalings both
        own, rate = known(self.recipe), known(self.rates_of(model))[tuned]
        epochs = own.epochs * (LONG_FACTOR if model.budget == LONG else 1)
        recipe = replace(own, lr=rate, epochs=epochs, seen_px=model.seen_px)
        return RunSpec(model.arch, recipe, self.dataset.id, seed)

    def long_runs(self) -> dict[str, dict[int, RunSpec]]:
        """Return the methods of level A at the long budget, method -> seed -> run."""
        seeds = range(declared(self.profile, "level A").seeds)
        return {
            method: {seed: self.spec(self.long(model), seed) for seed in seeds}
            for method, model in self.five_methods().items()
        }


def axes_of(study: Study) -> dict[str, tuple[float, ...]]:
    """Return the coefficients of each dimension in a profile."""
    profile = study.profile
    return {"width": profile.widths, "depth": profile.depths, "resolution": profile.resolutions}
