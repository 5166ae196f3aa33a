"""Table 3 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..models import complexity
from ..report.tables.accuracy import limited, ratio, seed_band
from ..report.tables.accuracy import outcomes as outcomes
from ..report.tables.accuracy import table as measured_table
from ..report.tables.flops_audit import audit
from ..report.tables.flops_audit import save as save_audit
from ..report.tables.premises import premise_of
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..stats.paired_outcomes import PairedOutcomes
from ..study import proxy_families
from ..study.decided_study import QueueStage, Study
from ..study.protocol import declared
from ..study.queue import blocks, seed_words
from ..study.registry import Artefact, Needs
from ..study.scaled_model import SINGLE, ScaledModel
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEAN = "mean over families"
LEGEND = {
    "baseline": "baseline",
    "depth": "depth, d = 4",
    "width": "width, w = 2",
    "resolution": "resolution, r = 2",
    "compound": "compound, d = 1.4, w = 1.2, r = 1.3",
}


def rows_of(study: Study) -> dict[str, dict[str, ScaledModel]]:
    """Return family -> method -> proxy, in the table's order."""
    return {family: proxy_families.models(study, family) for family in study.profile.families}


def margins(study: Study, records: Records) -> dict[str, dict[str, Estimate]]:
    """Return family -> single dimension -> accuracy of the compound model minus that dimension's, in points.

    The last key, "mean over families", holds their means, over the families of which the paper prints that dimension.
    """
    measured: PairedOutcomes | Mapping = outcomes(records) or {}
    weights = {
        family: {method: {rows["compound"].name: 1.0, rows[method].name: -1.0} for method in SINGLE if method in rows}
        for family, rows in rows_of(study).items()
    }
    found = {
        family: {method: contrast(measured, pair) for method, pair in pairs.items()}
        for family, pairs in weights.items()
    }
    found[MEAN] = {}
    for method in SINGLE:
        pairs = [pairs[method] for pairs in weights.values() if method in pairs]
        if pairs:
            mean = {name: weight / len(pairs) for pair in pairs for name, weight in pair.items()}
            found[MEAN][method] = contrast(measured, mean)
    return found


def printed_margins() -> dict[str, float]:
    """Return family -> printed accuracy of the compound model minus the best single dimension's, in points."""
    found = {}
    for family, rows in paper.table(3).groupby("baseline", sort=False):
        top1 = rows.set_index("method")["top1_percent"]
        found[family] = round(top1["compound"] - top1[[m for m in SINGLE if m in top1]].max(), 1)
    return found


def printed_means(families: Iterable[str]) -> dict[str, float]:
    """Return single dimension -> printed accuracy of the compound model minus that dimension's, mean over families."""
    top1 = paper.table(3).set_index(["baseline", "method"])["top1_percent"]
    found = {
        method: [top1[family, "compound"] - top1[family, method] for family in families if (family, method) in top1]
        for method in SINGLE
    }
    return {method: fmean(differences) for method, differences in found.items() if differences}


class Table3(Artefact[Records]):
    """Table 3: MobileNets, ResNet scaled up. Compound scaling beats every single dimension on other baselines, too."""

    id = "table3"
    notebook = "table3_mobilenet_resnet"
    title = "Table 3: scaling up MobileNets and ResNet"
    covers = ("Table 3",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "15 min")

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the models: the rows of Table 3 at proxy scale, a family's baseline first."""
        return [model for rows in rows_of(study).values() for model in rows.values()]

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield order 8 of the queue: rates of every family, then their rows, the cheapest family first."""

        def cost(models: list[ScaledModel]) -> int:
            return sum(complexity.count(model.arch).madds for model in models)

        tuned = [study.family_tuning(family) for family in study.profile.families]
        rates = tuple(spec for found in tuned for trials in found.values() for spec in trials.values())
        yield QueueStage(8, 40, "Table 3, rates", self.id, rates)
        by_family = sorted((list(rows.values()) for rows in rows_of(study).values()), key=cost)
        models = [model for rows in by_family for model in rows if study.rates_of(model)]
        seeds = range(declared(study.profile, "table3").seeds)
        yield QueueStage(8, 50, f"Table 3, {seed_words(len(seeds))}", self.id, blocks(study, models, seeds))

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return a row a model with at least one record, as `accuracy.table`, with the family and what Table 3 prints.

        Differences and FLOPS ratios are to the family's own baseline. `printed_*`: billions of multiply-adds, percent;
        `full_deviation_percent`: our count of the full-size network over the printed one, minus 1.
        """
        rows = measured_table(study, results)
        if rows.empty:
            return rows
        rows.insert(0, "family", [model.family for model in results])
        rows = rows.drop(columns="coefficient")  # the multipliers say it, for compound rows as well
        for place, name in enumerate(("depth", "width", "resolution"), start=3):
            rows.insert(place, name, [getattr(model.scaling, name) for model in results])
        printed = paper.table(3).set_index(["baseline", "method"])
        keys = [(model.family, model.method) for model in results]
        rows["printed_flops_billions"] = [printed.loc[key, "flops_billions"] for key in keys]
        rows["full_deviation_percent"] = 100 * (rows["full_flops"] / 1e9 / rows["printed_flops_billions"] - 1)
        rows["printed_top1_percent"] = [printed.loc[key, "top1_percent"] for key in keys]
        return rows

    def proxies(self, study: Study) -> pd.DataFrame:
        """Return how each family was scaled down: width, depth, px, FLOPS in millions and over the baseline's."""
        rows = []
        unit = complexity.count(study.baseline.arch).madds
        for family in study.profile.families:
            base, model = proxy_families.proxy(study, family), proxy_families.baseline(study, family)
            counts = complexity.count(model.arch)
            rows.append(
                {
                    "family": family,
                    "width": base.width,
                    "depth": base.depth,
                    "px": base.px,
                    "final_px": model.arch.final_px,
                    "flops_millions": counts.madds / 1e6,
                    "over_baseline": counts.madds / unit,
                }
            )
        return pd.DataFrame(rows)

    def costs(self, study: Study) -> pd.DataFrame:
        """Return a row a model: multipliers, FLOPS over the family's baseline as printed, full-size and at proxy scale.

        The multipliers are equal in all three columns, the ratios are not: layers and channels are whole numbers.
        """
        print_of = paper.table(3).set_index(["baseline", "method"])["flops_billions"]
        return pd.DataFrame(
            {
                "model": model.name,
                "depth": model.scaling.depth,
                "width": model.scaling.width,
                "resolution": model.scaling.resolution,
                "px": model.arch.px,
                "printed_ratio": print_of[family, method] / print_of[family, "baseline"],
                "full_ratio": proxy_families.full_ratios(family)[method],
                "proxy_ratio": ratio(study, model),
            }
            for family, rows in rows_of(study).items()
            for method, model in rows.items()
        )

    def full_size(self) -> pd.DataFrame:
        """Return the audit's rows of Table 3: printed FLOPS in billions, ours, deviation in percent, verdict."""
        found = audit()
        return found[found["table"] == 3].drop(columns=["table", "quantity", "digits"]).reset_index(drop=True)

    def beside(self) -> tuple:
        return (save_audit,)

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge "compound scaling beats every single dimension": an intersection-union test on means over families."""
        printed = printed_margins()
        names = study.profile.families
        text = ", ".join(f"+{printed[family]:.1f} ({family})" for family in names)
        words = f"Compound scaling beats each single dimension, mean over {', '.join(names)}"
        claim = Claim(
            words,
            margins(study, results)[MEAN],
            printed=f"{text} over the best single",
            effect=printed_means(names),
            declared=declared(study.profile, self.id).seeds,
            premise=premise_of(study),
            note=limited(results, results),
        )
        return judge([claim])

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw a column a family, measured above and printed below, and the margins with their means over families."""
        from ..report.figures import accuracy_curves, family_columns, forest, printed

        chosen = study.profile.families
        subtitle = accuracy_curves.subtitle(study, results, f"each family's own, FLOPS of {study.base}")
        figure, panels = family_columns.panels(self.title, subtitle, chosen)
        bases = {family: proxy_families.proxy(study, family) for family in chosen}
        titles = {family: str(base).replace("B0 x", family) for family, base in bases.items()}
        band = seed_band(study, results)
        family_columns.measured(panels.measured, titles, results, rows, band)
        printed.table3(panels.printed, paper.table(3))
        models, parts = rows_of(study), margins(study, results)
        notes = {
            family: {
                method: f"FLOPS {ratio(study, found['compound']):.1f}x, {ratio(study, found[method]):.1f}x"
                for method in SINGLE
                if method in found
            }
            for family, found in models.items()
        }
        number = {method: sum(method in found for found in models.values()) for method in SINGLE}
        notes[MEAN] = {method: f"{n} famil{'y' if n == 1 else 'ies'}" for method, n in number.items()}
        title = "as printed: FLOPS not equal"
        forest.margins(
            panels.margins,
            {words: (None, found) for words, found in parts.items()},
            {method: size / 2 for method, size in printed_means(chosen).items()},
            title,
            notes,
        )
        premise = "\n".join(line for words in premise_of(study).brief.splitlines() for line in wrap(words, 52))
        panels.margins.set_xlabel(f"difference in top-1 (points)\n{premise}", fontsize=8)
        accuracy_curves.footnote(figure, rows, maps=False, band=band)
        family_columns.finish(figure, LEGEND)
        return figure
