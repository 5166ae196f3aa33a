"""Figure 8 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..models import complexity
from ..models.scaling import PUBLISHED
from ..report.tables import accuracy, flops_audit
from ..report.tables.accuracy import outcomes, ratio
from ..report.tables.endpoints import log_loss
from ..report.tables.predictions import predictions
from ..report.tables.premises import premise_of
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..stats.paired_outcomes import PairedOutcomes
from ..stats.predictions import Prediction
from ..study.decided_study import QueueStage, Study, axes_of
from ..study.profiles import Profile
from ..study.protocol import SHORT, Declared, declared
from ..study.queue import BEYOND, blocks, seed_words
from ..study.registry import Artefact, Needs
from ..study.scaled_model import METHODS, SINGLE, ScaledModel, at_budget
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 7.0  # times the baseline's FLOPS: where the single dimensions and the published table are cut


def levels(study: Study) -> dict[str, dict[str, ScaledModel]]:
    """Return the models of each level of FLOPS, "A" (primary) and "B": for each method the nearest to it."""
    return {name: study.equal_flops_level(level) for name, level in zip("AB", study.profile.levels, strict=False)}


def series(study: Study) -> dict[str, list[ScaledModel]]:
    """Return the models of each curve: single dimensions and the published table up to 7x, alpha^phi, the levels'."""
    found = {method: [study.model(method, c) for c in coefficients] for method, coefficients in axes_of(study).items()}
    found["compound"] = [study.model("compound", phi) for phi in study.profile.phis]
    numbers = range(1, len(PUBLISHED)) if study.profile.curves else ()
    found["published"] = [study.model("published", number) for number in numbers]
    for method in (*SINGLE, "published"):
        found[method] = [model for model in found[method] if ratio(study, model) <= MOST]
    for picked in levels(study).values():
        for method, model in picked.items():
            found[method].append(model)
    return {method: sorted(models, key=lambda model: model.coefficient) for method, models in found.items()}


def decided(study: Study, level: str) -> Declared:
    """Return how a level is decided: seeds and training budget."""
    return declared(study.profile, f"level {level}")


def margins(study: Study, records: Records, budget: str | None = None) -> dict[str, dict[str, Estimate]]:
    """Return level -> single dimension -> accuracy of the compound model minus that dimension's, in points.

    Args:
        budget: The training budget; None: of each level that which decides it.
    """
    found: dict[str, dict[str, Estimate]] = {}
    for level in levels(study):
        kept = at_budget(records, budget or decided(study, level).budget)
        measured: PairedOutcomes | Mapping = outcomes(kept) or {}
        pairs = duels(study, level, kept)
        found[level] = {method: contrast(measured, pair) if pair else Estimate() for method, pair in pairs.items()}
    return found


def duels(study: Study, level: str, records: Records) -> dict[str, dict[str, float]]:
    """Return a level's comparisons: single dimension -> weights by model name, empty where both are one network."""
    drawn = {model.arch: model.name for model in records}  # a network may stand under another coefficient's name
    names = {method: drawn.get(model.arch, model.name) for method, model in levels(study)[level].items()}
    return {
        method: {names["compound"]: 1.0, names[method]: -1.0} if names[method] != names["compound"] else {}
        for method in SINGLE
    }


class Figure8(Artefact[Records]):
    """Figure 8: scaling methods from one baseline. Compound scaling beats every single dimension at about one cost."""

    id = "fig8"
    notebook = "fig8_scaling_methods"
    title = "Figure 8: scaling methods from one baseline"
    covers = ("Figure 8",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "9 min")

    def adapted(self, profile: Profile) -> Profile:
        """Return the profile with the levels' networks alone where it has no curves; a notebook may give some."""
        if profile.curves:
            return profile
        return replace(profile, widths=(1.0,), depths=(1.0,), resolutions=(1.0,), phis=())

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the models of all curves, each name once; a network keeps the name of the first curve that has it."""
        first: dict[str, ScaledModel] = {}
        for models in series(study).values():
            for model in models:
                first.setdefault(model.name, model)
        long = [study.long(model) for model in study.five_methods().values()]
        return list(dict.fromkeys([*first.values(), *long]))

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield what the curves have beyond the levels, cheapest first; the levels are the queue's own orders."""
        models = sorted(at_budget(dict.fromkeys(self.plan(study)), SHORT), key=lambda m: complexity.count(m.arch).madds)
        seeds = range(study.profile.seeds)
        yield QueueStage(BEYOND, 10, "Figure 8's curves, one seed", self.id, blocks(study, models, seeds[:1]))
        yield QueueStage(
            BEYOND, 20, f"Figure 8's curves, {seed_words(len(seeds))}", self.id, blocks(study, models, seeds[1:])
        )

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return the accuracy table: a row a network, differences to the baseline."""
        return accuracy.table(study, results)

    def claims(self, study: Study, results: Records) -> list[JudgedClaim | Prediction]:
        """Judge "compound scaling beats every single dimension", an intersection-union test at each level.

        Behind the verdicts stands what later work predicts.
        """
        return [*judge([_beats(study, level, results) for level in levels(study)]), *predictions(study)]

    def equal_cost(self, study: Study) -> pd.DataFrame:
        """Return the models of both levels as a table: counted FLOPS over the baseline's."""
        return pd.DataFrame(
            {
                "level": level,
                "method": method,
                "model": model.name,
                "px": model.arch.px,
                "x baseline": ratio(study, model),
            }
            for level, models in levels(study).items()
            for method, model in models.items()
        )

    def beside(self) -> tuple:
        return (flops_audit.save,)

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw all methods' curves, the margins with their costs and, on ImageNet axes, what the paper prints."""
        from ..report.figures import accuracy_curves, forest, overlaid_curves, printed

        parts = accuracy.by_budget(results, rows)
        figure, panels = accuracy_curves.panels(
            self.title, accuracy_curves.subtitle(study, results), [1.75, 1.05, 0.7], len(parts)
        )
        shown = {method: [study.baseline.arch, *(m.arch for m in models)] for method, models in series(study).items()}
        costs = {
            level: {m: ratio(study, model) for m, model in models.items()} for level, models in levels(study).items()
        }
        bands, premise = [accuracy.seed_band(study, part.records) for part in parts], premise_of(study)
        for line, part, band in zip(panels.reshape(len(parts), -1), parts, bands, strict=True):
            overlaid_curves.together(line[0], shown, part.records, part.rows, band)
            line[0].set_ylabel(f"{part.epochs} epochs: top-1 minus baseline (points)")
            named = {
                f"level {level}, {part.epochs} epochs": (costs[level], effects)
                for level, effects in margins(study, results, part.budget).items()
                if decided(study, level).budget == part.budget or any(one.value is not None for one in effects.values())
            }
            forest.margins(line[1], named, {method: size / 2 for method, size in printed_effects().items()})
            line[1].set_xlabel(f"{line[1].get_xlabel()}\n{premise.brief}")
            line[2].set_axis_off()
        panels.flat[2].set_axis_on()
        printed.table7(panels.flat[2], paper.table(7), SINGLE | {"compound": ""})
        accuracy_curves.footnote(figure, rows, maps=False, band=next(filter(None, bands), None))
        return figure


def printed_effects() -> dict[str, float]:
    """Return single dimension -> printed accuracy of the compound model minus that dimension's, in points (Table 7)."""
    printed = paper.table(7).set_index("model")["top1_percent"]
    return {method: float(printed["compound"] - printed[method]) for method in SINGLE}


def _beats(study: Study, level: str, results: Records) -> Claim:
    """Return the claim at a level of equal FLOPS, with each comparison's printed effect and the premise."""
    models, how, effect = levels(study)[level], decided(study, level), printed_effects()
    costs = ", ".join(f"{models[method].name} {ratio(study, models[method]):.2f}x" for method in METHODS)
    records = at_budget(results, how.budget)
    pairs = {method: pair for method, pair in duels(study, level, records).items() if pair}
    return Claim(
        f"Compound scaling beats each single dimension at level {level} ({costs})",
        margins(study, results)[level],
        printed=f"+{min(effect.values()):.1f} points over the best (Table 7); up to 2.5 (section 5.4)",
        effect=effect,
        declared=how.seeds,
        short=margins(study, results, SHORT)[level] if how.budget != SHORT else None,
        beside={f"log loss, {method}": log_loss(records, pair) for method, pair in pairs.items()},
        premise=premise_of(study),
        note=accuracy.limited(records, models.values()),
    )
