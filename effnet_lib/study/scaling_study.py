"""The study of one network's own scaling: its baseline, candidates of one cost, and a rate bracketed on the baseline.

What the protocol does for B0's proxy in five methods is done here for any network: the learning rate is tried on the
tuning split, by factors of 2 until the optimum is bracketed, and holds for all candidates of this network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..models.archs import Architecture
from ..models.costs import Cost
from ..models.scaling import Scaling
from ..runs.run_spec import RunSpec
from ..training.recipes import Recipe
from . import recipe_search
from .coefficient_search import Candidate, Point, matched, spread
from .decided_study import Study
from .decision_files import Decided
from .decisions import Bracket
from .equal_cost import Matcher, search
from .profiles import UNSCALED
from .recipe_search import RecipeSearch
from .scalable import Scalable
from .scaled_model import METHODS, ScaledModel, scaling_of

TOLERANCE = 0.02  # of one cost, within which all candidates lie


@dataclass(frozen=True)
class Question:
    """What is asked of a network.

    Args:
        network: what is scaled.
        cost: which cost is held equal.
        at: that cost over the baseline's.
        networks: how many candidates are trained, the paper's triple not counted.
        ratio: a network's cost over the baseline's.
        most: networks that are counted to find candidates; few where each takes its time.
    """

    network: Scalable
    cost: Cost
    at: float
    networks: int
    ratio: Callable[[Architecture], float] = field(compare=False)
    most: int = 2_000

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Every distinct network of the cost that was found, the paper's triple first.

        Raises:
            ParameterError: none lies within 2 % of it (named at), with the nearest reachable.
        """
        matcher = Matcher(self.network.scaled, self.ratio, self.at, TOLERANCE, self.most)
        paper, found = search(matcher, self.cost.shares, self.networks)
        known = {one.candidate.arch: one.ratio for one in (paper, *found)}
        candidates = [one.candidate for one in found]
        return matched(paper.candidate, candidates, known.__getitem__, self.at, TOLERANCE, self.cost.shares)

    @property
    def paper(self) -> Candidate:
        """The paper's triple at this cost."""
        return self.points[0].candidate

    @cached_property
    def candidates(self) -> tuple[Point, ...]:
        """The points that are trained, spread over all, the paper's triple first."""
        return tuple(spread(self.points, self.networks + 1))

    @cached_property
    def singles(self) -> Mapping[str, ScaledModel]:
        """Each dimension scaled alone by what the cost asks of it, whatever that then costs; none of what is free."""
        made = {}
        for method, share in zip(("depth", "width", "resolution"), self.cost.shares, strict=True):
            if share:
                coefficient = round(self.at ** (1 / share), 3)
                arch = self.network.scaled(scaling_of(method, coefficient))
                made[method] = ScaledModel(method, coefficient, arch)
        base = self.network.scaled(UNSCALED)
        return {method: model for method, model in made.items() if model.arch != base}


@dataclass(frozen=True)
class ScalingStudy(Study):
    """A profile's study of one network's scaling instead of B0's proxy."""

    question: Question = field(kw_only=True)

    @cached_property
    def base(self) -> Scalable:  # type: ignore[override]  # another network than B0's proxy, which names itself, too
        return self.question.network

    @property
    def tunes(self) -> bool:
        return True

    @property
    def follows_protocol(self) -> bool:
        return False

    @cached_property
    def published_decisions(self) -> Decided:
        """None: the rate of this network is tried here."""
        return Decided()

    @cached_property
    def bracket(self) -> Bracket:
        """The trials of the baseline's learning rate, as far as those that are stored ask for them."""
        start = self.profile.recipe
        return recipe_search.around(start.lr, lambda rate: self.trials.loss(self._trial(rate)))

    def _trial(self, rate: float) -> RunSpec:
        return self.trials.spec(self.baseline.arch, replace(self.profile.recipe, lr=rate))

    def asked(self) -> list[RunSpec]:
        """Return the trials that are asked for and not known."""
        return [self._trial(rate) for rate, loss in self.bracket.losses.items() if loss is None]

    @cached_property
    def recipe_search(self) -> RecipeSearch:
        """The trials as `Study` has them: of the rate alone."""
        tried = tuple(replace(self.profile.recipe, lr=rate) for rate in self.bracket.losses)
        return RecipeSearch({self.profile.recipe.batch: self.bracket}, tried, self.recipe)

    @cached_property
    def recipe(self) -> Recipe | None:
        """The profile's recipe with the bracketed rate, or None while that lacks records."""
        best = self.bracket.best
        return None if best is None else replace(self.profile.recipe, lr=best)

    @cached_property
    def learning_rates(self) -> dict[str, float] | None:
        """The baseline's rate for every method, or None while it is not bracketed."""
        return None if self.recipe is None else dict.fromkeys(("baseline", *METHODS), self.recipe.lr)

    @cached_property
    def baseline(self) -> ScaledModel:
        return ScaledModel("baseline", 1.0, self.question.network.scaled(UNSCALED))

    def model(self, method: str, coefficient: float, on: Scaling = UNSCALED) -> ScaledModel:
        """Return the baseline (scaled by `on`) scaled by one method."""
        scaling = on * scaling_of(method, coefficient)
        name = "baseline" if scaling == UNSCALED else method
        return ScaledModel(name, coefficient, self.question.network.scaled(scaling), on)
