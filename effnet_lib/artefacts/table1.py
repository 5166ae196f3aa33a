"""Table 1 with Figure 2 as an artefact: the stages of an EfficientNet, and the four ways to scale it, drawn."""

from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from .. import paper
from ..models.archs import efficientnet
from ..models.archs.efficientnet import EfficientNet
from ..models.scaling import PUBLISHED, Scaling
from ..report.tables import architecture
from ..stats.counted_claims import CountedClaim
from ..study.decided_study import Study
from ..study.measurement_plan import Measurements
from ..study.parameters import listed
from ..study.ranges import RANGES
from ..study.registry import Artefact, Needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = tuple(row.name for row in PUBLISHED)


def chosen(study: Study) -> tuple[str, EfficientNet]:
    """Return the network that the notebook's parameters ask for, and its name: B0 scaled, or one of B0 to B7.

    Raises:
        ParameterError: a scaled network beyond the limits of `RoundingRule`.
    """
    own = study.parameters.own
    factors = [own[name] or 1.0 for name in ("depth", "width", "resolution")]
    if any(own[name] for name in ("depth", "width", "resolution")):
        return "B0 x (d {:g}, w {:g}, r {:g})".format(*factors), efficientnet.scale(Scaling(*factors), padding="same")
    (name,) = own["model"]
    return f"EfficientNet-{name.upper()}", efficientnet.published(name)


def sketched() -> dict[str, EfficientNet]:
    """Return the five networks of Figure 2 under its captions, scaled by the multipliers that Table 7 prints."""
    words = {"depth": "(c) deeper", "width": "(b) wider", "resolution": "(d) higher resolution"}
    found = {}
    for row in paper.table(7).itertuples():
        scaling = Scaling(row.depth, row.width, row.resolution)
        said = ", ".join(f"{name} = {value:g}" for name, value in zip("dwr", vars(scaling).values(), strict=True))
        single = [word for name, word in words.items() if row.model == name]
        caption = single[0] if single else "(e) compound" if row.model == "compound" else "(a) baseline"
        found[f"{caption}\n{said}"] = efficientnet.scale(scaling, padding="same")
    return dict(sorted(found.items()))


def one_model(name: str, value: object) -> tuple[str, ...]:
    """Accept the name of one of B0 to B7."""
    names = listed(NAMES)(name, value)
    return names[:1] if names else ("b0",)


class Table1(Artefact[Measurements]):
    """Table 1 and Figure 2: EfficientNet's stages from architecture data, cell by cell, and its scalings to scale."""

    id = "table1"
    notebook = "table1_architecture"
    title = "Table 1 and Figure 2: architecture and ways to scale it"
    covers = ("Table 1", "Figure 2")
    needs = Needs(time="seconds")
    trains = False
    measures = True  # of nothing: there is only counting
    counted = True
    published_in = ("cpu",)
    parameters: ClassVar = {
        "model": ("b0", one_model),
        **{name: (None, RANGES[name]) for name in ("depth", "width", "resolution")},
    }

    def measurements(self, study: Study) -> tuple:
        """List nothing, once the network asked for is one.

        Raises:
            ParameterError: it is none.
        """
        chosen(study)
        return ()

    def table(self, study: Study, results: Measurements) -> pd.DataFrame:
        """Return the stages of the network asked for (`architecture.stages`)."""
        name, arch = chosen(study)
        return architecture.stages(arch).assign(model=name)

    def cells(self) -> pd.DataFrame:
        """Return every cell of Table 1, printed and generated."""
        return architecture.against_print()

    def claims(self, study: Study, results: Measurements) -> list[CountedClaim]:
        """Judge whether B0, generated, is the printed table in every cell."""
        cells = self.cells()
        agree = int(cells["agrees"].sum())
        words = f"B0 generated from architecture data is Table 1 in each of its {len(cells)} cells"
        return [CountedClaim(words, agree == len(cells), "Table 1", agree, None, len(cells), "cells", "agree")]

    def draw(self, study: Study, results: Measurements, rows: pd.DataFrame) -> "Figure":
        """Draw Figure 2 from architecture data, and beside it the network asked for where it is none of the five."""
        from ..report.figures import scaled_networks  # counting needs no matplotlib

        name, arch = chosen(study)
        networks = sketched()
        if arch not in networks.values():
            networks[f"{name}\nof the parameters"] = arch
        return scaled_networks.draw("Figure 2: model scaling, drawn from architecture data", networks)
