"""Figure 4 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator, Mapping
from math import log2
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..models import complexity
from ..models.scaling import Scaling
from ..report.tables import accuracy
from ..report.tables.accuracy import outcomes, ratio
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..stats.paired_outcomes import PairedOutcomes
from ..study.decided_study import QueueStage, Study
from ..study.protocol import declared
from ..study.queue import BEYOND, blocks, seed_words
from ..study.registry import Artefact, Needs
from ..study.scaled_model import ScaledModel
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The paper's baselines: depth and resolution multipliers; the first is the unscaled one.
BASELINES = tuple(Scaling(depth=d, resolution=r) for d, r in ((1.0, 1.0), (1.0, 1.3), (2.0, 1.0), (2.0, 1.3)))
PLAIN, BOTH = BASELINES[0], BASELINES[-1]  # the two lines that the claims compare
WIDEST = 2.6  # w of the claim on slopes; and where the unscaled baseline's line ends


def lines(study: Study) -> dict[Scaling, list[ScaledModel]]:
    """Return the models of each line, narrowest first; the unscaled line has all of Figure 3's widths up to 2.6."""
    widths = dict.fromkeys(BASELINES, study.profile.line_widths)
    widths[PLAIN] = tuple(w for w in sorted({*study.profile.widths, *study.profile.line_widths}) if w <= WIDEST)
    return {on: [study.model("width", w, on) for w in widths[on]] for on in BASELINES}


def mean_weights(points: Mapping[str, float], low: float, high: float) -> dict[str, float]:
    """Return weights whose sum with the accuracies is a line's mean over [low, high], interpolated linearly.

    `points`: model name -> log2 FLOPS. Exact: between points the mean of a linear function is that of its ends.

    Raises:
        ValueError: a range that the points do not cover, since nothing is extrapolated.
    """
    names = sorted(points, key=points.__getitem__)
    x = np.array([points[name] for name in names])
    if not x[0] <= low < high <= x[-1]:
        raise ValueError(f"[{low:.3f}, {high:.3f}] is not inside [{x[0]:.3f}, {x[-1]:.3f}]")
    cuts = np.array([low, *x[(x > low) & (x < high)], high])
    widths = np.diff(cuts) / (high - low)
    share = np.zeros(len(cuts))  # trapezoids: half of each interval's width goes to each of its ends
    share[:-1] += widths / 2
    share[1:] += widths / 2
    # np.interp of unit vectors: how much each point has to say at each cut.
    weights = [float(share @ np.interp(cuts, x, row)) for row in np.eye(len(x))]
    return {name: weight for name, weight in zip(names, weights, strict=True) if weight}


def overlap(study: Study, records: Records) -> tuple[dict[str, float], float, float] | None:
    """Return the contrast "line (2, 1.3) minus line (1, 1)" over their common FLOPS, and the range (over the baseline).

    Of the models with a record; None where a line lacks points or the lines share no range.
    """
    sides = []
    for on in (BOTH, PLAIN):
        models = [model for model in records if model.arch in {m.arch for m in lines(study)[on]}]
        sides.append({model.name: log2(ratio(study, model)) for model in models})
    if any(len(side) < 2 for side in sides):
        return None
    low, high = max(min(side.values()) for side in sides), min(max(side.values()) for side in sides)
    if low >= high:
        return None
    both, plain = (mean_weights(side, low, high) for side in sides)
    weights = both | {name: both.get(name, 0.0) - weight for name, weight in plain.items()}
    return weights, 2**low, 2**high


def effects(study: Study, records: Records) -> dict[str, Estimate]:
    """Return both halves of Observation 2 as effects in points, in words: positive speaks for the paper."""
    measured: PairedOutcomes | Mapping = outcomes(records) or {}
    common = overlap(study, records)
    where = f"{common[1]:.2f}x to {common[2]:.2f}x FLOPS" if common else "no common FLOPS measured"
    found, drawn = lines(study), {model.arch: model.name for model in records}
    widest = min(max(m.coefficient for m in found[on] if m.coefficient <= WIDEST) for on in (PLAIN, BOTH))

    def name(on: Scaling, width: float) -> str | None:
        return drawn.get(study.model("width", width, on).arch)

    weights = {name(BOTH, widest): 1.0, name(BOTH, 1.0): -1.0, name(PLAIN, widest): -1.0, name(PLAIN, 1.0): 1.0}
    named = {model: weight for model, weight in weights.items() if model is not None}
    return {
        f"width on (d=2, r=1.3) is above width on (1, 1), mean over {where}": (
            contrast(measured, common[0]) if common else Estimate()
        ),
        f"w=1 to {widest:g} gains more on (d=2, r=1.3) than on (1, 1)": (
            contrast(measured, named) if len(named) == 4 else Estimate()
        ),
    }


class Figure4(Artefact[Records]):
    """Figure 4: width scaled on four baselines. Dimensions saturate alone, and less so together (Observation 2)."""

    id = "fig4"
    notebook = "fig4_width_baselines"
    title = "Figure 4: scaling width on four baselines"
    covers = ("Figure 4",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "15 min")

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the models of the four lines."""
        return [model for line in lines(study).values() for model in line]

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield order 7 of the queue: the two lines that decide; and the middle lines, which are drawn only."""
        found = lines(study)
        ends, middle = ([m for on in group for m in found[on]] for group in ((PLAIN, BOTH), BASELINES[1:-1]))
        by_cost = sorted(ends, key=lambda model: complexity.count(model.arch).madds)
        ends = [model for model in by_cost if model.coefficient <= WIDEST]
        middle += [model for model in by_cost if model.coefficient > WIDEST]  # for the picture only, too
        seeds = range(declared(study.profile, "fig4").seeds)
        yield QueueStage(7, 10, f"Figure 4, {seed_words(len(seeds))}", self.id, blocks(study, ends, seeds))
        drawn = blocks(study, middle, range(study.profile.seeds))
        yield QueueStage(BEYOND, 90, "Figure 4, middle lines", self.id, drawn)

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return the accuracy table: a row a network, differences to the baseline."""
        return accuracy.table(study, results)

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge Observation 2: (a) the line on the scaled baseline is higher, (b) width gains more there."""
        printed = ("the line of (2.0, 1.3) lies above (no values printed)", "it saturates later (no values printed)")
        listed = zip("ab", effects(study, results).items(), printed, strict=True)
        return judge(
            [
                Claim(f"Observation 2{half}: {words}", effect, text, declared=declared(study.profile, self.id).seeds)
                for half, (words, effect), text in listed
            ]
        )

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw the four lines with the range over which two of them are compared, and both effects."""
        from ..report.figures import accuracy_curves, forest, overlaid_curves

        figure, panels = accuracy_curves.panels(self.title, accuracy_curves.subtitle(study, results), widths=[1.6, 1])
        common, band = overlap(study, results), accuracy.seed_band(study, results)
        shown = {f"d={on.depth:g}, r={on.resolution:g}": [m.arch for m in line] for on, line in lines(study).items()}
        overlaid_curves.lines(panels[0], shown, results, rows, common[1:] if common else None, band)
        forest.effects(
            panels[1], dict(zip(("2a: higher", "2b: steeper"), effects(study, results).values(), strict=True))
        )
        accuracy_curves.footnote(figure, rows, maps=False, band=band)
        return figure
