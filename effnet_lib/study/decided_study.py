"""A profile with its decisions taken: which baseline, which rate, which models cost the same.

Step 0 of the protocol chooses the baseline among candidates of equal cost, the tuning then chooses the rate with
the same trials for every scaling method. Both look at a held-out fifth of the training set, never at the
validation set, and both are computed from stored records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf

from ..data.datasets import DataSet, declare
from ..data.splits import HOLDOUT
from ..models.archs import Architecture
from ..models.complexity import count
from ..models.scaling import Scaling
from ..runs.measurement_store import MeasurementStore
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunStore
from .decisions import choose_base, choose_rates
from .parameters import Parameters
from .profiles import LEVEL_A, UNSCALED, Profile, ProxyBaseline
from .scaled_model import METHODS, ScaledModel, scaling_of

CANDIDATE_SEEDS = (0, 1)
LONG_SEEDS, LONG_FACTOR = 4, 3  # the under-training check: seeds, and times the epochs
GRIDS = {  # coefficients that may be picked for an equal-FLOPS level
    "width": [round(1 + 0.1 * i, 1) for i in range(1, 41)],
    "depth": [1 + 0.5 * i for i in range(1, 15)],
    "resolution": [round(1 + 0.1 * i, 1) for i in range(1, 16)],
    "compound": [0.25 * i for i in range(1, 17)],
}


@dataclass(frozen=True)
class QueueStage:
    """Some runs of the queue: `number` is the pass, `rank` the place in it, `artefact` the plan that asked."""

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

    def candidates(self) -> dict[ProxyBaseline, list[RunSpec]]:
        """Return step 0's runs, per candidate baseline; empty where the profile fixes its baseline."""
        profile = self.profile
        if len(profile.candidates) == 1:
            return {}
        return {
            base: [
                self._holdout(base.arch(self.dataset.classes, padding=profile.padding), profile.recipe, seed)
                for seed in CANDIDATE_SEEDS
            ]
            for base in profile.candidates
        }

    def _holdout(self, arch: Architecture, recipe, seed: int) -> RunSpec:
        return RunSpec(arch, recipe, self.dataset.id + HOLDOUT, seed)

    @cached_property
    def base(self) -> ProxyBaseline | None:
        """The chosen baseline, or None while step 0 lacks records.

        The highest mean held-out accuracy wins; of all whose 95 % interval to it includes zero, the one with the
        highest resolution.
        """
        if self.decided_base or len(self.profile.candidates) == 1:
            return self.decided_base or self.profile.candidates[0]
        found = {base: [self.store.find(s) for s in specs] for base, specs in self.candidates().items()}
        if not all(record for records in found.values() for record in records):
            return None
        return choose_base(found)

    def model(self, method: str, coefficient: float, on: Scaling = UNSCALED) -> ScaledModel:
        """Return the baseline (scaled by `on`) scaled by one method; that without any scaling is named "baseline"."""
        scaling = on * scaling_of(method, coefficient)
        arch = self.base.arch(self.dataset.classes, scaling, self.profile.padding)
        return ScaledModel("baseline" if scaling == UNSCALED else method, coefficient, arch, on)

    @property
    def baseline(self) -> ScaledModel:
        return self.model("width", 1.0)

    def equal_flops_level(self, ratio: float) -> dict[str, ScaledModel]:
        """Return the model of each method whose counted FLOPS come nearest to `ratio` times the baseline's.

        The compound model's count is at most 2 % above the smallest of the others.
        """
        unit = count(self.baseline.arch).madds
        picked: dict[str, ScaledModel] = {}
        for method in METHODS:
            models = [self.model(method, coefficient) for coefficient in GRIDS[method]]
            madds = {model: count(model.arch).madds for model in models}
            if method == "compound":
                most = 1.02 * min(count(model.arch).madds for model in picked.values())
                models = [model for model in models if madds[model] <= most] or models[:1]
            picked[method] = min(models, key=lambda model: abs(madds[model] / unit - ratio))
        return picked

    def five_methods(self) -> dict[str, ScaledModel]:
        """Return the baseline and the four models of level A."""
        return {"baseline": self.baseline} | self.equal_flops_level(LEVEL_A)

    def tuning(self) -> dict[str, dict[float, RunSpec]]:
        """Return the tuning's runs: method -> rate -> run, one seed, held-out fifth; empty where the rate is fixed."""
        if not self.profile.learning_rates:
            return {}
        return {
            method: {
                rate: self._holdout(model.arch, replace(self.profile.recipe, lr=rate), 0)
                for rate in self.profile.learning_rates
            }
            for method, model in self.five_methods().items()
        }

    @cached_property
    def learning_rates(self) -> dict[str, float] | None:
        """The learning rate of each method (and "baseline"), or None while the tuning lacks records."""
        methods = ("baseline", *METHODS)
        if self.decided_rates:
            return dict(self.decided_rates)
        if not self.profile.learning_rates:
            return dict.fromkeys(methods, self.profile.recipe.lr)
        if self.base is None:
            return None
        losses = {m: {r: self._trial(s) for r, s in trials.items()} for m, trials in self.tuning().items()}
        if any(loss is None for trials in losses.values() for loss in trials.values()):
            return None
        return choose_rates(losses)

    def _trial(self, spec: RunSpec) -> float | None:
        """Return a trial's held-out loss: infinite where it diverged, None where it has not run."""
        record = self.store.find(spec)
        if record:
            return record.result["loss"]
        return inf if self.store.diverged(spec.key) else None

    def spec(self, model: ScaledModel, seed: int, epochs: int | None = None) -> RunSpec:
        """Return the run of a model under the tuned recipe, on the whole training set."""
        tuned = {"published": "compound"}.get(model.method, model.method)  # a compound scaling, rounded by hand
        recipe = replace(self.profile.recipe, lr=self.learning_rates[tuned])
        if epochs:
            recipe = replace(recipe, epochs=epochs)
        return RunSpec(model.arch, recipe, self.dataset.id, seed)

    @property
    def follows_protocol(self) -> bool:
        """Whether the protocol's quintet is trained in this profile: those that choose their baseline."""
        return len(self.profile.candidates) > 1

    def long_runs(self) -> dict[str, dict[int, RunSpec]]:
        """Return the under-training check: the quintet at three times the epochs, method -> seed -> run."""
        epochs = LONG_FACTOR * self.profile.recipe.epochs
        return {
            method: {seed: self.spec(model, seed, epochs) for seed in range(LONG_SEEDS)}
            for method, model in self.five_methods().items()
        }

    @property
    def ready(self) -> bool:
        """Whether baseline and rates are decided, so that models can be planned."""
        return self.base is not None and self.learning_rates is not None


def axes_of(study: Study) -> dict[str, tuple[float, ...]]:
    """Return the coefficients of each dimension in a profile."""
    profile = study.profile
    return {"width": profile.widths, "depth": profile.depths, "resolution": profile.resolutions}
