"""How a network should grow: the best triple, what is known of it, and the family that follows, as JSON and Python."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from math import log2
from pathlib import Path
from typing import Any

import pandas as pd

from ...core.errors import ParameterError, known
from ...models.complexity import count
from ...models.scaling import Scaling
from ...stats.intervals import pooled_sd
from ...stats.premise import Premise, premise
from ...stats.regret import Regret, seeds_for
from ...stats.response_surface import Surface
from ...study.coefficient_grid import PAPER
from ...study.coefficient_search import Candidate, label, power
from ...study.scaling_study import ScalingStudy
from ...study.training_plan import Records
from .accuracy import outcomes
from .coefficient_search import Search, by_accuracy, regret_of, surface_of

PHIS = (1, 2, 3, 4)
DIGITS = 6  # of multipliers in what is written
WHOLE = 100.0  # points of top-1


@dataclass(frozen=True)
class Answer:
    """What the stored records say of a question; `results` hold at least one candidate."""

    study: ScalingStudy
    results: Records

    @cached_property
    def found(self) -> Search:
        """The candidates' records, the paper's triple first."""
        return {model: runs for model, runs in self.results.items() if isinstance(model, Candidate)}

    @cached_property
    def best(self) -> Candidate:
        """The candidate with the highest mean; after halving, of those with the most seeds."""
        most = max(map(len, self.found.values()))
        return by_accuracy({one: runs for one, runs in self.found.items() if len(runs) == most})[0]

    @cached_property
    def choice(self) -> Regret | None:
        """What taking the best may still lose: its regret."""
        return regret_of(self.found, self.best.name)

    @cached_property
    def papers(self) -> Regret | None:
        """What taking (1.2, 1.1, 1.15) at this cost loses."""
        return regret_of(self.found, self.study.question.paper.name)

    @cached_property
    def surface(self) -> Surface | None:
        asked = self.study.question
        return surface_of(self.found, asked.at, asked.cost.shares)

    @cached_property
    def premise(self) -> Premise:
        """The slope of each dimension a doubling of the cost, from the baseline and that dimension alone."""
        asked, names = self.study.question, {model.arch: model.name for model in self.results}
        points = {
            method: {"baseline": 0.0, names.get(model.arch, model.name): log2(asked.ratio(model.arch))}
            for method, model in asked.singles.items()
        }
        return replace(premise(outcomes(self.results), points), cost=asked.cost.words)

    @cached_property
    def seed_sd(self) -> float:
        """The seed standard deviation, in points, pooled over all networks; nan where none has two."""
        top1 = {model.name: {seed: run.top1 for seed, run in runs.items()} for model, runs in self.results.items()}
        return pooled_sd(pd.DataFrame(top1).T)[0]

    @property
    def seeds_needed(self) -> int | None:
        """Seeds a candidate for a regret interval of +- 1 point, by the spread that was measured."""
        if self.seed_sd != self.seed_sd:
            return None
        return seeds_for(len(self.found) - 1, self.seed_sd, self.study.dataset.val_images)

    def family(self) -> list[dict[str, Any]]:
        """Return the networks of phi = 1 ... 4 with what each costs, as far as such networks are."""
        asked, rows = self.study.question, []
        for phi in PHIS:
            scaling = rounded(power(self.best.scaling, phi))
            try:
                arch = asked.network.scaled(scaling)
                ratio = asked.ratio(arch)
            except ParameterError as error:
                if error.name == "network":
                    raise
                break
            counts = count(arch)
            rows.append(
                {"phi": phi, "depth": scaling.depth, "width": scaling.width, "resolution": scaling.resolution}
                | {"px": arch.px, "params": counts.params, "flops": counts.madds, "cost_ratio": round(ratio, 3)}
            )
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data."""
        asked = self.study.question
        return {
            "network": asked.network.name,
            "baseline": {"depth": asked.network.base.depth, "width": asked.network.base.width, "px": asked.network.px},
            "data": self.study.dataset.id,
            "cost": asked.cost.name,
            "at": asked.at,
            "rounding": asked.network.rounding,
            "learning_rate": {"value": known(self.study.recipe).lr, "bracketed": self.study.bracket.inside},
            "best": _multipliers(self.best.scaling) | {"top1_points_lost_at_most": _upper(self.choice)},
            "paper": {"name": asked.paper.name, "regret": _regret(self.papers)},
            "surface": self._surface(),
            "premise": self.premise.to_json(),
            "seeds": {"seed_sd": _known(self.seed_sd), "needed_for_one_point": self.seeds_needed},
            "family": self.family(),
        }

    def _surface(self) -> dict[str, Any]:
        if self.surface is None:
            return {"maximum": None, "words": "too few networks"}
        top = self.surface.maximum if self.surface.established else None
        return {
            "maximum": top and _multipliers(Scaling(top[0], top[1], top[2])),
            "ellipse_one_point_lower": top and known(self.surface.ellipse(steps=25)).round(4).tolist(),
            "p_flat": self.surface.p_flat and round(self.surface.p_flat, 4),
            "words": surface_words(self.surface),
        }

    def lines(self) -> list[str]:
        """Return the answer in sentences."""
        asked, best, paper = self.study.question, self.best.scaling, self.study.question.paper
        said = [
            f"best of {len(self.found)} at {asked.at:g}x the {asked.cost.words}: depth x {best.depth:.3g}, width x "
            f"{best.width:.3g}, resolution x {best.resolution:.3g}; regret {_value(self.choice)}",
            f"{label(PAPER)} instead, as {paper.name} at {asked.ratio(paper.arch):.2f}x: loses {_value(self.papers)}",
            f"response surface: {surface_words(self.surface)}",
            self.premise.line(),
        ]
        needed = self.seeds_needed
        if needed:
            have = max(map(len, self.found.values()))
            more = f"{needed - have} more" if needed > have else "no more"
            said.append(
                f"seeds: sd {self.seed_sd:.2f} points; +-1 point takes {needed} a network, {more} than there are"
            )
        elif self.seed_sd == self.seed_sd:
            said.append(f"seeds: {self.study.dataset.val_images} validation images are too few for +-1 point")
        else:
            said.append("seeds: one a network gives no interval; two are the least")
        family = ", ".join(f"phi {row['phi']}: {row['px']} px {row['cost_ratio']:.2f}x" for row in self.family())
        return [*said, f"family: {family}"]

    def python(self) -> str:
        """Return ten lines of Python that rebuild the family."""
        net, classes = self.study.question.network, self.study.dataset.classes
        user = getattr(self.study.baseline.arch, "where", "")
        rows, head = [], []
        for row in self.family():
            values = (row["depth"], row["width"], row["resolution"])
            if user:
                values = (
                    round(net.base.depth * values[0], DIGITS),
                    round(net.base.width * values[1], DIGITS),
                    row["px"],
                )
            rows.append(f"    {row['phi']}: {values},")
        if user:
            place, _, function = user.rpartition(":")
            module = Path(place).stem if place.endswith(".py") else place
            head = [f"from {module} import {function}  # in the folder of {Path(place).name}"]
            last = [f"models = {{phi: {function}(d, w, {classes}) for phi, (d, w, px) in FAMILY.items()}}"]
            what = "phi: depth, width, and the px to train at"
        else:
            given = f'"{net.name}", {net.base.depth:g}, {net.base.width:g}, {net.px}, {classes}, {net.stride}'
            head = ["import effnet_lib as eff", "", f"network = eff.scalable({given})"]
            last = ["models = {phi: network.scaled(eff.Scaling(*each)).build() for phi, each in FAMILY.items()}"]
            what = "phi: multipliers of depth, width and resolution"
        return "\n".join([*head, f"FAMILY = {{  # {what}", *rows, "}", *last]) + "\n"

    def json_text(self) -> str:
        """Return the answer as the text of a JSON file."""
        return json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n"


def rounded(scaling: Scaling) -> Scaling:
    """Return multipliers with the digits that are written."""
    return Scaling(*(round(value, DIGITS) for value in (scaling.depth, scaling.width, scaling.resolution)))


def surface_words(surface: Surface | None) -> str:
    """Say what a response surface shows; its maximum only where the networks differ by more than chance."""
    if surface is None:
        return "too few networks"
    if surface.established:
        return "maximum at ({:.2f}, {:.2f}, {:.2f})".format(*known(surface.maximum))
    flat = surface.p_flat is not None and surface.p_flat >= 0.05
    chance = f", and the networks differ by no more than chance (p = {surface.p_flat:.2f})" if flat else ""
    return f"no maximum inside{chance}"


def _multipliers(scaling: Scaling) -> dict[str, float | None]:
    exact = rounded(scaling)
    return {"depth": exact.depth, "width": exact.width, "resolution": exact.resolution}


def _known(value: float) -> float | None:
    return None if value != value else round(value, 3)


def _upper(regret: Regret | None) -> float | None:
    return round(regret.interval[1], 3) if regret and regret.interval else None


def _value(regret: Regret | None) -> str:
    if regret is None:
        return "not known yet"
    if regret.interval is None:
        return f"{regret.value:.2f} points (no interval: one seed)"
    low, high = regret.interval
    if high >= WHOLE:
        return f"{regret.value:.2f} points (too few seeds for an interval)"
    return f"{regret.value:.2f} points (95 % interval {low:.2f} to {high:.2f}, all networks together)"


def _regret(regret: Regret | None) -> dict[str, Any] | None:
    if regret is None:
        return None
    interval = regret.interval and [round(bound, 3) for bound in regret.interval]
    return {"points": round(regret.value, 3), "interval": interval, "against": regret.best}
