"""How should my network grow: a scaling search of any network, at any cost, as an artefact."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from ..core.errors import ParameterError, nearest
from ..data.datasets import DataSet
from ..models.archs import Architecture
from ..models.costs import COSTS, Cost, cost
from ..report.tables import accuracy, latency_ratios, scaling_table
from ..report.tables.scaling_answer import Answer
from ..runs.run_store import RunStore
from ..runs.sweep import EXECUTORS
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import PairedOutcomes, contrast
from ..study import scalable
from ..study.coefficient_search import label
from ..study.decided_study import Study
from ..study.durations import duration
from ..study.parameters import Parameters, text
from ..study.profiles import UNSCALED, Profile
from ..study.ranges import COEFFICIENTS, RANGES, Range
from ..study.registry import Artefact, Needs
from ..study.scaled_model import ScaledModel
from ..study.scaling_plan import ScalingPlan
from ..study.scaling_study import Question, ScalingStudy
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTED = {"closed form": 2_000, "user": 150, "latency": 60}  # networks, at most, to find candidates of one cost


def _family(name: str, value: Any) -> str | None:
    return value if value is None else scalable.family_name(value)


def _cost(name: str, value: Any) -> Cost:
    if not isinstance(value, str) or value not in COSTS:
        raise ParameterError(name, value, nearest(value, COSTS))
    return cost(value)


def _at(name: str, value: Any) -> float:
    allowed = Range(0, 100, "a number", whole=False, above=True)
    if value not in allowed or value == 1:
        raise ParameterError(name, value, f"{allowed} that is not 1: above it the network grows, below it shrinks")
    return float(value)


def _executor(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in EXECUTORS:
        raise ParameterError(name, value, " or ".join(EXECUTORS))
    return value


class ScaleYours(Artefact):
    """How should a network grow: the grid search of section 3.3 for any network, at any cost, with its regret."""

    id = "scale"
    notebook = "scale_yours"
    title = "Scale yours: how a network of your own should grow"
    needs = Needs("yours, or embedded fractals", "", "", "8 min")
    plan_class = ScalingPlan
    parameters: ClassVar = {
        "network": (None, text),
        "family": (None, _family),
        "cost": ("flops", _cost),
        "at": (2.0, _at),
        "networks": (None, RANGES["networks"]),
        "depth": (None, COEFFICIENTS),
        "width": (None, COEFFICIENTS),
        "px": (None, RANGES["px"]),
        "budget": (None, duration),
        "executor": ("local", _executor),
    }

    def study(self, profile: Profile, dataset: DataSet, store: RunStore, parameters: Parameters) -> ScalingStudy:
        """Open the study of the network that the parameters name.

        Raises:
            ParameterError: network and family both, or budget and seeds; a network that cannot be had; no candidate of
                the cost.
            RunFailed: latencies are asked for on a busy machine.
        """
        own = parameters.own
        scalable.check_one(own["network"], own["family"])
        if own["budget"] and parameters.seeds:
            raise ParameterError("seeds", parameters.seeds, "no value where budget is given: the seeds follow from it")
        chosen = scalable.Chosen(**{name: own[name] for name in ("network", "family", "depth", "width", "px")})
        network = scalable.at_profile(profile, dataset.classes, chosen)
        base = network.scaled(UNSCALED)
        ratio, kind = _ratio(own["cost"], base), "user" if own["network"] else "closed form"
        networks = own["networks"] or max(int(RANGES["networks"].least), profile.networks)
        most = COUNTED["latency" if own["cost"].of is None else kind]
        question = Question(network, own["cost"], own["at"], networks, ratio, most)
        question.points  # noqa: B018 (refused here, before anything is planned)
        return ScalingStudy(profile, dataset, store, parameters, question=question)

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the baseline, the candidates with the paper's triple first, and each dimension alone."""
        asked = _scaling(study).question
        return [study.baseline, *(point.candidate for point in asked.candidates), *asked.singles.values()]

    def drawable(self, results: Records) -> bool:
        """Say whether any candidate has a record."""
        return any(model.method == "compound" for model in results)

    def answer(self, study: Study, results: Records) -> Answer:
        """Return what the records say of the question."""
        return Answer(_scaling(study), results)

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return `scaling_table.table`'s row a network."""
        return scaling_table.table(Answer(_scaling(study), results))

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge "(1.2, 1.1, 1.15) beats each single dimension" on this network; no run chose either side."""
        answer = Answer(_scaling(study), results)
        bits: PairedOutcomes | Mapping = accuracy.outcomes(results) or {}
        names = {model.arch: model.name for model in results}
        asked = answer.study.question
        paper = asked.paper
        listed = []
        for method, model in asked.singles.items():
            effect = contrast(bits, {names.get(paper.arch, paper.name): 1.0, names.get(model.arch, model.name): -1.0})
            costs = f"{asked.ratio(paper.arch):.2f}x against {asked.ratio(model.arch):.2f}x the {asked.cost.name}"
            text = f"{asked.network}: {label(paper.triple)} beats {method} alone ({costs})"
            listed.append(Claim(text, effect, method, premise=answer.premise))
        return judge(listed)

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw the candidates over depth and resolution, and each one's difference to the paper's triple."""
        from ..report.figures import accuracy_curves, grid_plane, style

        answer = Answer(_scaling(study), results)
        asked = answer.study.question
        figure, panels = accuracy_curves.panels(self.title, accuracy_curves.subtitle(study, results), widths=[1.35, 1])
        winner = answer.best if answer.best != asked.paper else None
        plane = grid_plane.Search(asked.paper, winner, asked.points, asked.at, asked.cost.shares)
        surface = answer.surface if answer.surface and answer.surface.established else None
        grid_plane.plane(panels[0], plane, answer.found, surface, answer.papers)
        ratios = {one.name: asked.ratio(one.arch) for one in answer.found}
        grid_plane.differences(panels[1], answer.papers, {}, ratios)
        panels[1].set_xlabel(f"{panels[1].get_xlabel()}\n{answer.premise.brief}")
        style.line(
            figure, 0.018, "; ".join(answer.lines()[2:3]) + f"; {asked.network.rounding}", fontsize=7.5, color="0.35"
        )
        return figure


def _scaling(study: Study) -> ScalingStudy:
    """Return the study as what `ScaleYours.study` opened."""
    assert isinstance(study, ScalingStudy)
    return study


def _ratio(cost: Cost, base: Architecture) -> Callable[[Architecture], float]:
    """Return a function of a network that says its cost over the baseline's."""
    if cost.of is None:
        return latency_ratios.Ratios(base)
    of = cost.of
    unit = of(base)
    return cache(lambda arch: of(arch) / unit)
