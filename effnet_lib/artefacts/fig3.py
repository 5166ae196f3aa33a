"""Figure 3 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator, Mapping
from math import log2
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..models import complexity
from ..report.tables import accuracy
from ..report.tables.accuracy import outcomes
from ..report.tables.endpoints import log_loss
from ..report.tables.plain_words import sentences
from ..report.tables.premises import premise_of
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import contrast
from ..stats.paired_outcomes import PairedOutcomes
from ..study.decided_study import QueueStage, Study, axes_of
from ..study.protocol import PREDECLARED, SHORT, declared
from ..study.queue import blocks, seed_words
from ..study.registry import Artefact, Needs
from ..study.scaled_model import SINGLE, ScaledModel, at_budget
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

B0 = "baseline (EfficientNet-B0)"  # its row in Table 7
WIDEST = (3.8, 5.0)  # widths that come last: 31 units for two points


class Figure3(Artefact[Records]):
    """Figure 3: one dimension at a time. Width, depth and resolution each help, and each saturates (Observation 1)."""

    id = "fig3"
    notebook = "fig3_single_dim"
    title = "Figure 3: scaling one dimension"
    covers = ("Figure 3",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "12 min")

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the models: each dimension's coefficients with the other two at 1, the baseline once.

        Where the long budget decides, the predeclared points and the baseline are trained that long as well.
        """
        models = [study.model(method, c) for method, coefficients in axes_of(study).items() for c in coefficients]
        first: dict[str, ScaledModel] = {}
        for model in models:
            first.setdefault(model.name, model)
        deciding = {study.baseline.arch} | {study.model(m, c).arch for m, both in PREDECLARED.items() for c in both}
        by_arch = {model.arch: model for model in reversed(first.values())}  # the first of those that are one network
        long = [
            study.long(model) for model in first.values() if model.arch in deciding and by_arch[model.arch] is model
        ]
        return list(dict.fromkeys([*first.values(), *long]))

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield order 5 of the queue: every point at the short budget, whole blocks of seeds; the widest last."""
        models = sorted(at_budget(dict.fromkeys(self.plan(study)), SHORT), key=lambda m: complexity.count(m.arch).madds)
        widest = [m for m in models if m.method == "width" and m.coefficient in WIDEST]
        rest, seeds = [m for m in models if m not in widest], range(declared(study.profile, "fig3").seeds)
        yield QueueStage(5, 10, f"Figure 3, {seed_words(len(seeds))}", self.id, blocks(study, rest, seeds))
        yield QueueStage(
            5, 11, f"Figure 3, the widest, {seed_words(len(seeds))}", self.id, blocks(study, widest, seeds)
        )

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return the accuracy table: a row a network, differences to the baseline."""
        return accuracy.table(study, results)

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge Observation 1: each dimension improves accuracy, and the gain per doubling of FLOPS diminishes."""
        decided = declared(study.profile, "predeclared")
        records = at_budget(results, decided.budget)
        short = at_budget(results, SHORT) if decided.budget != SHORT else None
        listed = [_improves(study, method, records, short) for method in PREDECLARED]
        return judge(listed + [_diminishes(study, method, records) for method in PREDECLARED])

    def in_words(self, study: Study, results: Records) -> tuple[str, str, str]:
        """Say in three sentences who gains, what a doubling of FLOPS buys, and whether the baseline is in balance."""
        records = at_budget(results, declared(study.profile, "predeclared").budget)
        gains = {method: _improves(study, method, records, None).parts[""] for method in PREDECLARED}
        return sentences(gains, premise_of(study))

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw the three panels and, on ImageNet axes of its own, what the paper prints."""
        from ..report.figures import accuracy_curves, printed  # drawing needs matplotlib, planning and training do not

        parts = accuracy.by_budget(results, rows)
        figure, panels = accuracy_curves.panels(
            self.title, accuracy_curves.subtitle(study, results), [1, 1, 1, 0.62], len(parts)
        )
        bands = [accuracy.seed_band(study, part.records) for part in parts]
        for line, part, band in zip(panels.reshape(len(parts), -1), parts, bands, strict=True):
            for axes, method in zip(line, SINGLE, strict=False):
                accuracy_curves.single(axes, method, SINGLE[method], part.records, part.rows)
            accuracy_curves.share_differences(line[:3], part.rows, band)
            line[0].set_ylabel(f"{part.epochs} epochs: top-1 minus baseline (points)")
            line[3].set_axis_off()
        panels.flat[3].set_axis_on()
        printed.table7(panels.flat[3], paper.table(7), SINGLE)
        accuracy_curves.footnote(figure, rows, band=next(filter(None, bands), None))
        return figure


def _points(study: Study, method: str, records: Records) -> list[ScaledModel]:
    """Return a dimension's predeclared points; a network may stand under another coefficient's name."""
    drawn = {model.arch: model for model in records}
    models = [study.model(method, coefficient) for coefficient in PREDECLARED[method]]
    return [drawn.get(model.arch, model) for model in models]


def _improves(study: Study, method: str, records: Records, short: Records | None) -> Claim:
    """Return Observation 1a of a dimension: the mean of its two points minus the baseline."""
    printed = paper.table(7).set_index("model")["top1_percent"]
    near, far = (model.name for model in _points(study, method, records))
    weights = {near: 0.5, far: 0.5, "baseline": -1.0}
    return Claim(
        f"Observation 1a: {method} improves accuracy (mean of {near} and {far} minus baseline)",
        contrast(outcomes(records) or {}, weights),
        printed=f"+{printed[method] - printed[B0]:.1f} points (Table 7, one point)",
        effect=printed[method] - printed[B0],
        declared=declared(study.profile, "predeclared").seeds,
        short=None if short is None else contrast(outcomes(short) or {}, weights),
        beside={"log loss": log_loss(records, weights)},
    )


def _diminishes(study: Study, method: str, records: Records) -> Claim:
    """Return Observation 1b of a dimension: its gain a doubling of FLOPS, the lower segment's minus the upper's."""
    near, far = _points(study, method, records)
    x = [log2(accuracy.ratio(study, model)) for model in (near, far)]
    lower, upper = 1 / x[0], 1 / (x[1] - x[0])
    measured: PairedOutcomes | Mapping = outcomes(records) or {}
    weights = {"baseline": -lower, near.name: lower + upper, far.name: -upper}
    return Claim(
        f"Observation 1b: the gain of {method} per doubling of FLOPS diminishes (lower minus upper segment)",
        contrast(measured, weights),
        printed="curves that flatten (no values printed)",
        unit="points a doubling",
        declared=declared(study.profile, "predeclared").seeds,
        beside={"logits": contrast(measured, weights, "logit"), "log loss": log_loss(records, weights)},
    )
