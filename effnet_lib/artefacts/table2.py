"""Table 2 with Figures 1 and 5 as an artefact: counts, printed accuracies, others' and what is evaluated here."""

from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from .. import paper
from ..data import labelled_images
from ..measure.evaluation.task import Evaluation
from ..models import pretrained
from ..report.tables import by_others, evaluation, imagenet
from ..report.tables.evaluation import Results
from ..stats.claims import Claim, judge
from ..stats.counted_claims import CountedClaim
from ..stats.estimate import Estimate
from ..stats.paired_accuracy import OverImages
from ..study.decided_study import Study
from ..study.parameters import listed, text
from ..study.possible import possible
from ..study.registry import Artefact, Needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = (("lite1", "lite0", "B1", "B0"), ("lite2", "lite1", "B2", "B1"))  # networks, and those printed beside them
NEAR = 0.05  # share by which a printed ratio may miss the counted one: most have two digits


def evaluations(study: Study) -> list[Evaluation]:
    """Return what is evaluated: a stored record always, anything else where its images and weights can be had.

    What cannot be is said in a line, and the rest goes on.

    Raises:
        ParameterError, DataError: the folder asked for is none, or has no class folders named by WordNet ids.
    """
    own = study.parameters.own
    dataset = labelled_images.declare(own["imagenet"])
    tasks = [Evaluation(name, dataset, study.parameters.device) for name in own["models"] or pretrained.LITE]
    found = [task for task in tasks if possible(study, task, [task.network], dataset.here)]
    if not found and not dataset.here:
        print(f"nothing to evaluate: {dataset.id} is not under the data root, and no record of it counts here")
    return found


class Table2(Artefact[Results]):
    """Table 2, Figures 1 and 5: accuracy against parameters and FLOPS; printed, by others, and evaluated here."""

    id = "table2"
    notebook = "table2_imagenet"
    title = "Table 2, Figures 1 and 5: accuracy on ImageNet against size"
    covers = ("Table 2", "Figure 1", "Figure 5")
    needs = Needs("cc-by-1000, or none", "", "for B0 to B7", "1 min")
    trains = False
    measures = True
    published_in = ("photos",)
    parameters: ClassVar = {"imagenet": (None, text), "models": (None, listed(pretrained.NAMES))}

    def measurements(self, study: Study) -> list[Evaluation]:
        """List the evaluations, see `evaluations`."""
        return evaluations(study)

    def table(self, study: Study, results: Results) -> pd.DataFrame:
        """Return a row a network of Table 2, then one for each that is evaluated here (`imagenet.table`)."""
        return imagenet.table(results)

    def ratios(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return each comparator's size over its EfficientNet's: counted, of the print, printed."""
        return imagenet.ratios(rows)

    def by_others(self) -> pd.DataFrame:
        """Return every accuracy that others measured, with repository, file and commit."""
        return by_others.results()

    def from_scratch(self) -> pd.DataFrame:
        """Return others' own trainings of EfficientNets."""
        return by_others.from_scratch()

    def drops(self) -> pd.DataFrame:
        """Return what each EfficientNet loses from ImageNet to V2, ReaL, A, R and Sketch."""
        return by_others.drops()

    def differences(self, results: Results) -> pd.DataFrame:
        """Return the differences of the evaluated networks, paired by image."""
        return evaluation.differences(results)

    def confusions(self, results: Results) -> dict[str, pd.DataFrame]:
        """Return for each evaluated network the classes that it recognises least."""
        return {evaluation.title(task.network): evaluation.confusions(record) for task, record in results.items()}

    def claims(self, study: Study, results: Results) -> list:
        """Judge "scaled up by the compound method, accuracy rises" on what is evaluated, and the sizes on counts."""
        return [*self._rises(results), *self._sizes()]

    def _rises(self, results: Results) -> list[OverImages]:
        printed = paper.table(2).set_index("model")["top1_percent"]
        pairs = {(one, other): pair.estimate for (one, other), pair in evaluation.pairs(results).items()}
        parts = {
            f"{one.capitalize()} over {other.capitalize()}": pairs.get((one, other), Estimate())
            for one, other, *_ in STEPS
        }
        steps = [printed[f"EfficientNet-{more}"] - printed[f"EfficientNet-{less}"] for *_, more, less in STEPS]
        claim = Claim(
            "scaled up by the compound method, accuracy rises (Lite0 < Lite1 < Lite2)",
            parts,
            printed=", ".join(
                f"{m} over {n}: {step:+.1f} points" for (*_, m, n), step in zip(STEPS, steps, strict=True)
            ),
            effect=dict(zip(parts, steps, strict=True)),
        )
        return [OverImages(judged) for judged in judge([claim])]

    def _sizes(self) -> list[CountedClaim]:
        found = imagenet.ratios(imagenet.table({}))
        counted = pd.concat([found["params counted"], found["flops counted"]])
        printed = pd.concat([found["params printed"], found["flops printed"]])
        near = int(((counted / printed - 1).abs() <= NEAR).sum())
        most, n = float(found["params counted"].max()), int(printed.notna().sum())
        more, up = int((counted > 1).sum()), "parameter reduction up to 8.4x (GPipe over B7)"
        words = "each network of a group has more parameters and more FLOPS than the group's EfficientNet"
        return [
            CountedClaim(words, more == len(counted), "by ratio", more, None, len(counted), "ratios", "above 1"),
            CountedClaim(up, round(most, 1) == 8.4, "8.4x", most, None, len(found), "networks", "times"),
            CountedClaim(
                "the printed ratios follow from counted sizes within 5 %",
                near == n,
                "",
                near,
                None,
                n,
                "ratios",
                "near",
            ),
        ]

    def draw(self, study: Study, results: Results, rows: pd.DataFrame) -> "Figure":
        """Draw Figures 1 and 5, the drops to other test sets, and what is evaluated here."""
        from ..report.figures import imagenet as panels  # counting needs no matplotlib

        return panels.draw(self.title, rows, by_others.drops(), evaluation.differences(results))
