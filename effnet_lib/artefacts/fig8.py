"""Figure 8 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..models import complexity
from ..models.scaling import PUBLISHED
from ..report.tables import accuracy, flops_audit
from ..report.tables.accuracy import outcomes, ratio
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..study.decided_study import QueueStage, Study, axes_of
from ..study.registry import Artefact, Needs
from ..study.scaled_model import METHODS, SINGLE, ScaledModel
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 7.0  # times the baseline's FLOPS: where the single dimensions and the published table are cut
LEVEL_B_SEEDS = 6  # the decisive set; level A's are the quintet's own


def levels(study: Study) -> dict[str, dict[str, ScaledModel]]:
    """Return the models of each level of equal FLOPS: "A" (primary), "B"."""
    return {name: study.equal_flops_level(level) for name, level in zip("AB", study.profile.levels, strict=False)}


def series(study: Study) -> dict[str, list[ScaledModel]]:
    """Return the models of each curve: single dimensions and the published table up to 7x, alpha^phi, the levels'."""
    found = {method: [study.model(method, c) for c in coefficients] for method, coefficients in axes_of(study).items()}
    found["compound"] = [study.model("compound", phi) for phi in study.profile.phis]
    found["published"] = [study.model("published", number) for number in range(1, len(PUBLISHED))]
    for method in (*SINGLE, "published"):
        found[method] = [model for model in found[method] if ratio(study, model) <= MOST]
    for picked in levels(study).values():
        for method, model in picked.items():
            found[method].append(model)
    return {method: sorted(models, key=lambda model: model.coefficient) for method, models in found.items()}


def margins(study: Study, records: Records) -> dict[str, dict[str, Estimate]]:
    """Return level -> single dimension -> accuracy of the compound model minus that dimension's, in points."""
    measured = outcomes(records)
    drawn = {model.arch: model.name for model in records}  # a network may stand under another coefficient's name
    found: dict[str, dict[str, Estimate]] = {}
    for level, models in levels(study).items():
        names = {method: drawn.get(model.arch, model.name) for method, model in models.items()}
        found[level] = {
            method: contrast(measured or {}, {names["compound"]: 1.0, names[method]: -1.0})
            if names[method] != names["compound"]
            else Estimate()
            for method in SINGLE
        }
    return found


class Figure8(Artefact):
    """Figure 8: scaling methods from one baseline. Compound scaling beats every single dimension at equal FLOPS."""

    id = "fig8"
    notebook = "fig8_scaling_methods"
    title = "Figure 8: scaling methods from one baseline"
    covers = ("Figure 8",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "9 min")

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the models of all curves, each name once; a network keeps the name of the first curve that has it."""
        first: dict[str, ScaledModel] = {}
        for models in series(study).values():
            for model in models:
                first.setdefault(model.name, model)
        return list(first.values())

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield the queue's stages: one seed of everything, cheapest first; level B's seeds; blocks of the rest."""
        models = sorted(self.plan(study), key=lambda model: complexity.count(model.arch).madds)
        seeds = study.profile.seeds
        yield QueueStage(1, 11, "Figure 8, one seed", self.id, tuple(study.spec(m, 0) for m in models))
        level_b = levels(study).get("B", {}).values()
        most = LEVEL_B_SEEDS if study.follows_protocol else seeds  # the protocol's, where a profile follows it
        specs = tuple(study.spec(m, seed) for seed in range(1, most) for m in level_b)
        yield QueueStage(2, 4, f"level B, {most} seeds", self.id, specs)
        rest = tuple(study.spec(m, seed) for seed in range(1, seeds) for m in models)
        yield QueueStage(2, 30, f"Figure 8, {seeds} seeds", self.id, rest)

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return the accuracy table: a row a network, differences to the baseline."""
        return accuracy.table(study, results)

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge "compound scaling beats every single dimension": an intersection-union test at each level."""
        printed = paper.table(7).set_index("model")["top1_percent"]
        above = printed["compound"] - max(printed[method] for method in SINGLE)
        listed = []
        for level, parts in margins(study, results).items():
            models = levels(study)[level]
            costs = ", ".join(f"{models[method].name} {ratio(study, models[method]):.2f}x" for method in METHODS)
            listed.append(
                Claim(
                    f"Compound scaling beats each single dimension at level {level} ({costs})",
                    parts,
                    effect={method: printed["compound"] - printed[method] for method in SINGLE},
                    printed=f"+{above:.1f} points over the best (Table 7); up to 2.5 (section 5.4)",
                )
            )
        return judge(listed)

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
        """Draw all methods' curves, the margins at equal FLOPS and, on ImageNet axes, what the paper prints."""
        from ..report.figures import accuracy_curves, forest, overlaid_curves

        figure, panels = accuracy_curves.panels(
            self.title, accuracy_curves.subtitle(study, results), widths=[1.75, 1.05, 0.7]
        )
        shown = {method: [study.baseline.arch, *(m.arch for m in models)] for method, models in series(study).items()}
        overlaid_curves.together(panels[0], shown, results, rows)
        costs = {
            level: {m: ratio(study, model) for m, model in models.items()} for level, models in levels(study).items()
        }
        named = {f"level {level}": (costs[level], parts) for level, parts in margins(study, results).items()}
        forest.margins(panels[1], named)
        accuracy_curves.printed(panels[2], paper.table(7), SINGLE | {"compound": ""})
        accuracy_curves.footnote(figure, rows, maps=False)
        return figure
