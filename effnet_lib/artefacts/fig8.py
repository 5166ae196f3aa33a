"""Figure 8: scaling methods from one baseline. Compound scaling beats every single dimension at equal FLOPS."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..models import complexity
from ..models.scaling import PUBLISHED
from ..report.tables.accuracy import longer, outcomes, ratio
from ..report.tables.accuracy import table as table
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..study.study import METHODS, SINGLE, QueueStage, ScaledModel, Study, axes_of
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ID = "fig8"
NOTEBOOK = "fig8_scaling_methods"
TITLE = "Figure 8: scaling methods from one baseline"
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


def plan(study: Study) -> list[ScaledModel]:
    """List the models of all curves, each name once; a network keeps the name of the first curve that has it."""
    first: dict[str, ScaledModel] = {}
    for models in series(study).values():
        for model in models:
            first.setdefault(model.name, model)
    return list(first.values())


def stages(study: Study) -> Iterator[QueueStage]:
    """Yield the queue's stages: one seed of everything, cheapest first; level B's seeds; whole blocks of the rest."""
    models = sorted(plan(study), key=lambda model: complexity.count(model.arch).madds)
    seeds = study.profile.seeds
    yield QueueStage(1, 11, "Figure 8, one seed", ID, tuple(study.spec(m, 0) for m in models))
    level_b = levels(study).get("B", {}).values()
    most = LEVEL_B_SEEDS if study.follows_protocol else seeds  # the protocol's, where a profile follows it
    specs = tuple(study.spec(m, seed) for seed in range(1, most) for m in level_b)
    yield QueueStage(2, 4, f"level B, {most} seeds", ID, specs)
    rest = tuple(study.spec(m, seed) for seed in range(1, seeds) for m in models)
    yield QueueStage(2, 30, f"Figure 8, {seeds} seeds", ID, rest)


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


def claims(study: Study, records: Records) -> list[JudgedClaim]:
    """Judge "compound scaling beats every single dimension": an intersection-union test at each level."""
    printed = paper.table(7).set_index("model")["top1_percent"]
    best = max(printed[method] for method in SINGLE)
    later = [longer(study, {"compound": 1.0, method: -1.0}) for method in SINGLE]
    listed = []
    for level, parts in margins(study, records).items():
        models = levels(study)[level]
        costs = ", ".join(f"{models[method].name} {ratio(study, models[method]):.2f}x" for method in METHODS)
        listed.append(
            Claim(
                f"Compound scaling beats each single dimension at level {level} ({costs})",
                list(parts.values()),
                longer=None if later[0] is None else later,
                printed=f"+{printed['compound'] - best:.1f} points over the best (Table 7); up to 2.5 (section 5.4)",
            )
        )
    return judge(listed)


def draw(study: Study, records: Records, rows: pd.DataFrame) -> "Figure":
    """Draw all methods' curves, the margins at equal FLOPS and, on ImageNet axes, what the paper prints."""
    from ..report.figures import accuracy_curves, forest, overlaid_curves

    figure, panels = accuracy_curves.panels(TITLE, accuracy_curves.subtitle(study, records), widths=[1.75, 1.05, 0.7])
    shown = {method: [study.baseline.arch, *(m.arch for m in models)] for method, models in series(study).items()}
    overlaid_curves.together(panels[0], shown, records, rows)
    costs = {level: {m: ratio(study, model) for m, model in models.items()} for level, models in levels(study).items()}
    named = {f"level {level}": (costs[level], parts) for level, parts in margins(study, records).items()}
    forest.margins(panels[1], named)
    accuracy_curves.printed(panels[2], paper.table(7), SINGLE | {"compound": ""})
    accuracy_curves.footnote(figure, rows, maps=False)
    return figure
