"""Figure 8: scaling methods from one baseline. Compound scaling beats every single dimension at equal FLOPS."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .. import complexity, paper
from ..claims import Claim, Judged, judge
from ..intervals import Estimate, contrast
from ..measured import longer, outcomes, ratio
from ..measured import table as table
from ..scaling import PUBLISHED
from ..study import METHODS, Model, Stage, Study
from ..work import Records
from .fig3 import SINGLE, axes_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ID = "fig8"
NOTEBOOK = "fig8_scaling_methods"
TITLE = "Figure 8: scaling methods from one baseline"
MOST = 7.0  # times the baseline's FLOPS: where the single dimensions and the published table are cut
LEVEL_B_SEEDS = 6  # the decisive set; level A's are the quintet's own


def levels(study: Study) -> dict[str, dict[str, Model]]:
    """Return the models of each level of equal FLOPS: "A" (primary), "B"."""
    return {name: study.level(level) for name, level in zip("AB", study.profile.levels, strict=False)}


def plan(study: Study) -> list[Model]:
    """List the models: each dimension and the published table up to 7x, alpha^phi, and the levels of equal FLOPS."""
    models = [study.model(method, c) for method, coefficients in axes_of(study).items() for c in coefficients]
    models += [study.model("published", number) for number in range(1, len(PUBLISHED))]
    models = [model for model in models if ratio(study, model) <= MOST]
    models += [study.model("compound", phi) for phi in study.profile.phis]
    models += [model for picked in levels(study).values() for model in picked.values()]
    first: dict[str, Model] = {}
    for model in models:
        first.setdefault(model.name, model)
    return list(first.values())


def stages(study: Study) -> Iterator[Stage]:
    """Yield the queue's stages: one seed of everything, cheapest first; level B's seeds; whole blocks of the rest."""
    models = sorted(plan(study), key=lambda model: complexity.count(model.arch).madds)
    seeds = study.profile.seeds
    yield Stage(1, 11, "Figure 8, one seed", ID, tuple(study.spec(m, 0) for m in models))
    level_b = levels(study).get("B", {}).values()
    specs = tuple(study.spec(m, seed) for seed in range(1, LEVEL_B_SEEDS) for m in level_b)
    yield Stage(2, 4, f"level B, {LEVEL_B_SEEDS} seeds", ID, specs)
    rest = tuple(study.spec(m, seed) for seed in range(1, seeds) for m in models)
    yield Stage(2, 30, f"Figure 8, {seeds} seeds", ID, rest)


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


def claims(study: Study, records: Records) -> list[Judged]:
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


def draw(study: Study, records: Records, rows) -> "Figure":
    """Draw all methods' curves, the margins at equal FLOPS and, on ImageNet axes, what the paper prints."""
    from .. import curves, forest  # drawing needs matplotlib, planning and training do not

    figure, panels = curves.panels(TITLE, curves.subtitle(study, records), widths=[1.75, 1.05, 0.7])
    curves.together(panels[0], records, rows)
    named = {
        f"level {level}": (ratio(study, levels(study)[level]["compound"]), parts)
        for level, parts in margins(study, records).items()
    }
    forest.margins(panels[1], named)
    curves.printed(panels[2], paper.table(7), SINGLE | {"compound": ""})
    curves.footnote(figure, rows, maps=False)
    return figure
