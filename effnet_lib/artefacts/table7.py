"""Table 7 with Figure 7's own rows as an artefact: counted models; bakeshop and maze under published weights."""

from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from ..data import labelled_images
from ..measure.maps.faithfulness import MEASURES, WORDS
from ..measure.maps.labelled_photographs import CreditedPhotograph, Faithfulness
from ..models import pretrained
from ..report.tables import flops_audit, photograph_rows
from ..report.tables.photograph_rows import Results
from ..stats.claims import Claim, judge
from ..stats.counted_claims import CountedClaim
from ..stats.paired_accuracy import OverImages
from ..study.decided_study import Study
from ..study.parameters import listed
from ..study.possible import obtainable, possible
from ..study.ranges import RANGES
from ..study.registry import Artefact, Needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The paper's two rows: ImageNet's class, its place among the outputs, and the first photograph of it by file name.
ROWS = {
    "bakeshop": (415, "val/n02776631/1e26772fc8c493bb.jpg"),
    "maze": (646, "val/n03733281/90ab38bb74020d5a.jpg"),
}
IMAGES = {"smoke": 2, "cpu": 20}  # for the measures, a second or two each; the other profiles have MANY
MANY = 1000


class Table7(Artefact[Results]):
    """Table 7 and Figure 7's own rows: its models counted; bakeshop and maze under compound-scaled weights."""

    id = "table7"
    notebook = "table7_cam_rows"
    title = "Table 7 and Figure 7's own rows: models counted, maps of published weights"
    covers = ("Table 7",)
    needs = Needs("cc-by-1000, or none", "", "for B0 to B7", "2 min")
    trains = False
    measures = True
    published_in = ("photos",)
    parameters: ClassVar = {
        "models": (None, listed(pretrained.NAMES)),
        "pictures": (None, RANGES["pictures"]),
    }

    def measurements(self, study: Study) -> list[CreditedPhotograph | Faithfulness]:
        """List the photographs' maps and the measures; those that are neither stored nor can be made are left out."""
        dataset, own = labelled_images.cc_by(), study.parameters.own
        names = own["models"] or pretrained.LITE
        rows = [CreditedPhotograph(dataset, file, index, names) for index, file in ROWS.values()]
        if not all(possible(study, row, (), False) for row in rows) and study.measures and dataset.here:
            names = names if study.parameters.dry_run else tuple(filter(obtainable, names))
            rows = [CreditedPhotograph(dataset, file, index, names) for index, file in ROWS.values() if names]
        many = own["pictures"] or IMAGES.get(study.profile.name, MANY)
        tasks: list[CreditedPhotograph | Faithfulness] = [
            *rows,
            *(Faithfulness(name, dataset, many, device=study.parameters.device) for name in names),
        ]
        found = [task for task in tasks if possible(study, task, (), dataset.here)]
        if not found and not dataset.here:
            print(f"nothing to map: {dataset.id} is not under the data root, and no record of it counts here")
        return found

    def table(self, study: Study, results: Results) -> pd.DataFrame:
        """Return Table 7 counted, then a row a network whose maps are measured (`photograph_rows.table`)."""
        return photograph_rows.table(results)

    def credits(self, results: Results) -> pd.DataFrame:
        """Return author, licence and page of each photograph that is shown."""
        shown = photograph_rows.photographs(results)
        return pd.DataFrame([{"file": record.spec["file"]} | record.result["credit"] for record in shown])

    def claims(self, study: Study, results: Results) -> list:
        """Judge "focuses on more relevant regions" between compound-scaled networks, and Table 7's FLOPS by counts."""
        judged = judge(
            [
                Claim(
                    f"maps of Lite2 are more relevant to its decision than those of Lite0, by {WORDS[measure]}"
                    + (" (sign turned)" if measure == "deletion" else "")
                    + ", not corrected for confidence",
                    photograph_rows.gain(results, measure, "lite2", "lite0"),
                    printed="pictures only",
                )
                for measure in MEASURES
            ]
        )
        counted = photograph_rows.models()
        near = int((counted["flops_verdict"] != flops_audit.DISAGREES).sum())
        words = "Table 7 prints the FLOPS of its models within 5 % of the count"
        sizes = CountedClaim(words, near == len(counted), "Table 7", near, None, len(counted), "models", "near")
        return [*map(OverImages, judged), sizes]

    def draw(self, study: Study, results: Results, rows: pd.DataFrame) -> "Figure":
        """Draw the photographs under each network with their credits, and the measures against FLOPS."""
        from ..report.figures import photograph_rows as panels  # counting needs no matplotlib

        measured = photograph_rows.faithfulness(results)
        names = [task.network for task in results if isinstance(task, Faithfulness)]
        ends = (names[-1], names[0]) if names else ("", "")
        gains = {measure: photograph_rows.gain(results, measure, *ends) for measure in MEASURES}
        called = {file.rpartition("/")[2].removesuffix(".jpg"): name for name, (_, file) in ROWS.items()}
        return panels.draw(self.title, photograph_rows.photographs(results), measured, gains, called)
