"""Tables 6 and 8 as an artefact: sizes of the transfer sets, and validation against test accuracy."""

from typing import TYPE_CHECKING

import pandas as pd

from ..data import transfer_datasets
from ..report.tables import val_vs_test
from ..stats.counted_claims import CountedClaim
from ..stats.two_sets import Correlation, correlation, within
from ..study.decided_study import Study
from ..study.measurement_plan import Measurements
from ..study.registry import Artefact, Needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSE = 0.9  # the least correlation that "very close" may mean; chosen here, the paper names none


class Table6(Artefact[Measurements]):
    """Tables 6 and 8: the transfer sets against their official sizes; is test accuracy very close to validation's?"""

    id = "table6"
    notebook = "table6_table8"
    title = "Tables 6 and 8: data sets; validation against test accuracy"
    covers = ("Table 6", "Table 8")
    needs = Needs(data="none, but it says which sets are at hand", time="seconds")
    trains = False
    measures = True  # of nothing: there is only counting
    counted = True
    published_in = ("cpu",)

    def measurements(self, study: Study) -> tuple:
        """List nothing: there is only counting."""
        return ()

    def table(self, study: Study, results: Measurements) -> pd.DataFrame:
        """Return Table 6 as printed beside the official sizes (`transfer_datasets.sizes`)."""
        return transfer_datasets.sizes()

    def at_hand(self) -> pd.DataFrame:
        """Return what of Table 6's sets lies under the data root."""
        return val_vs_test.at_hand()

    def val_vs_test(self) -> pd.DataFrame:
        """Return Table 8 with differences and what sampling explains of them."""
        return val_vs_test.table()

    def correlations(self) -> dict[str, Correlation]:
        """Return the correlation of test with validation accuracy over B0 to B7, top-1 and top-5."""
        return {
            metric: correlation(part["val"], part["test"]) for metric, part in val_vs_test.table().groupby("metric")
        }

    def beside(self) -> tuple:
        return (val_vs_test.save,)

    def claims(self, study: Study, results: Measurements) -> list[CountedClaim]:
        """Judge "the test accuracy is very close to the validation accuracy" (appendix), and the sizes of Table 6."""
        made = []
        for metric, found in self.correlations().items():
            words = f"{metric}: test accuracy follows validation accuracy over B0 to B7 (correlation above {CLOSE:g})"
            interval = found.low, found.high
            made.append(CountedClaim(words, found.low > CLOSE, "very close", found.value, interval, found.n, "models"))
        rows = val_vs_test.table()
        inside = within(rows["difference"], rows["margin"])
        words = (
            "test minus validation accuracy is no larger than the choice of images explains, in each pair of Table 8"
        )
        made.append(CountedClaim(words, inside == len(rows), "very close", inside, None, len(rows), "pairs", "within"))
        sizes = transfer_datasets.sizes()
        equal = sum(int((sizes[f"{part}_printed"] == sizes[part]).sum()) for part in ("train", "test"))
        words = "Table 6 prints the official sizes of all its training and test sets"
        made.append(
            CountedClaim(words, equal == 2 * len(sizes), "Table 6", equal, None, 2 * len(sizes), "sizes", "equal")
        )
        return made

    def draw(self, study: Study, results: Measurements, rows: pd.DataFrame) -> "Figure":
        """Draw the sizes of the sets, and test minus validation accuracy with what sampling explains."""
        from ..report.figures import dataset_sizes  # counting needs no matplotlib

        return dataset_sizes.draw(self.title, rows, val_vs_test.table(), self.correlations())
