"""Figure 3 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator
from math import log2
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..models import complexity
from ..report.tables import accuracy
from ..report.tables.accuracy import outcomes
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import contrast, points_to_logits
from ..study.decided_study import QueueStage, Study, axes_of
from ..study.registry import Artefact, Needs
from ..study.scaled_model import SINGLE, ScaledModel
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The protocol's two predeclared points of each axis; the mean of both is compared with the baseline.
PREDECLARED = {"width": (1.8, 2.6), "depth": (4.0, 6.0), "resolution": (1.7, 2.2)}
B0 = "baseline (EfficientNet-B0)"  # its row in Table 7
CUT_FIRST = (3.8, 5.0)  # widths that the protocol leaves out of the first pass: 31 units for two points


class Figure3(Artefact):
    """Figure 3: one dimension at a time. Width, depth and resolution each help, and each saturates (Observation 1)."""

    id = "fig3"
    notebook = "fig3_single_dim"
    title = "Figure 3: scaling one dimension"
    covers = ("Figure 3",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "5 min")

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the models: each dimension's coefficients with the other two at 1, the baseline once."""
        models = [study.model(method, c) for method, coefficients in axes_of(study).items() for c in coefficients]
        first: dict[str, ScaledModel] = {}
        for model in models:
            first.setdefault(model.name, model)
        return list(first.values())

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield the queue's stages: one seed of everything, cheapest first, then whole blocks of seeds."""
        models = sorted(self.plan(study), key=lambda model: complexity.count(model.arch).madds)
        cut = [m for m in models if m.method == "width" and m.coefficient in CUT_FIRST]
        kept = [m for m in models if m not in cut]
        seeds = study.profile.seeds
        yield QueueStage(1, 10, "Figure 3, one seed", self.id, tuple(study.spec(m, 0) for m in kept))
        rest = tuple(study.spec(m, seed) for seed in range(1, seeds) for m in kept)
        yield QueueStage(2, 10, f"Figure 3, {seeds} seeds", self.id, rest)
        yield QueueStage(2, 11, "Figure 3, the two widest", self.id, tuple(study.spec(m, 0) for m in cut))

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return the accuracy table: a row a network, differences to the baseline."""
        return accuracy.table(study, results)

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge Observation 1: each dimension improves accuracy, and the gain per doubling of FLOPS diminishes."""
        measured = outcomes(results)
        unit = complexity.count(study.baseline.arch).madds
        printed = paper.table(7).set_index("model")["top1_percent"]
        drawn = {model.arch: model.name for model in results}  # a network may stand under another coefficient's name
        listed = []
        for method, (near, far) in PREDECLARED.items():
            names = [drawn.get(m.arch, m.name) for m in (study.model(method, c) for c in (near, far))]
            gain = contrast(measured or {}, {names[0]: 0.5, names[1]: 0.5, "baseline": -1.0})
            listed.append(
                Claim(
                    f"Observation 1a: {method} improves accuracy (mean of {names[0]} and {names[1]} minus baseline)",
                    gain,
                    effect=printed[method] - printed[B0],
                    printed=f"+{printed[method] - printed[B0]:.1f} points (Table 7, one point)",
                )
            )
        for scale, words in (("points", "points"), ("logit", "logits")):
            for method, (near, far) in PREDECLARED.items():
                models = [study.model(method, c) for c in (near, far)]
                names = [drawn.get(model.arch, model.name) for model in models]
                x = [log2(complexity.count(model.arch).madds / unit) for model in models]
                lower, upper = 1 / x[0], 1 / (x[1] - x[0])
                weights = {"baseline": -lower, names[0]: lower + upper, names[1]: -upper}
                base = measured.accuracy.loc["baseline"].mean() if measured and "baseline" in measured.bits else 50.0
                margin = 50 / measured.images if measured else 0.0  # half a picture, as the logits' own
                base = min(max(base, margin), 100 - margin)
                listed.append(
                    Claim(
                        f"Observation 1b: the gain of {method} per doubling of FLOPS diminishes, in {words} "
                        f"(lower minus upper segment)",
                        contrast(measured or {}, weights, scale),
                        printed="curves that flatten (no values printed)",
                        delta=1.0 if scale == "points" else points_to_logits(1.0, base),
                        unit=f"{words} per doubling",
                    )
                )
        return judge(listed)

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw the three panels and, on ImageNet axes of its own, what the paper prints."""
        from ..report.figures import accuracy_curves  # drawing needs matplotlib, planning and training do not

        figure, panels = accuracy_curves.panels(
            self.title, accuracy_curves.subtitle(study, results), widths=[1, 1, 1, 0.62]
        )
        for axes, method in zip(panels, SINGLE, strict=False):
            accuracy_curves.single(axes, method, SINGLE[method], results, rows)
        accuracy_curves.share_differences(panels[:3], results)
        accuracy_curves.printed(panels[3], paper.table(7), SINGLE)
        accuracy_curves.footnote(figure, rows)
        return figure
