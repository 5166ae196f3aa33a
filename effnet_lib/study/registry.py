"""What an artefact is, and which there are; filled from above by `effnet_lib.artefacts`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from ..core.errors import ParameterError, nearest
from ..data.datasets import DataSet, declare

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..runs.measurement_store import Task
    from ..runs.run_spec import RunSpec
    from ..runs.run_store import RunStore
    from ..stats.verdicts import Judged
    from .base_plan import Plan
    from .decided_study import QueueStage, Study
    from .parameters import Parameters
    from .profiles import Profile
    from .scaled_model import ScaledModel


@dataclass(frozen=True)
class Needs:
    """What an artefact cannot do without, in a few words each; "" is nothing.

    `time`: about how long profile `cpu` takes on two cores with nothing stored, by its plan's own estimate.
    """

    data: str = ""
    gpu: str = ""
    network: str = ""
    time: str = ""


Results = TypeVar("Results", bound=Mapping, contravariant=True)  # what a plan collects: task or network -> record


class Artefact(Protocol[Results]):
    """A figure or table of the paper: what it runs, and what the records become.

    A module of `effnet_lib.artefacts` holds one subclass; `id`, `notebook`, `title`, `table`, `claims` and `draw` are
    its own, all else has the default declared here. `study` is the context of everything: profile, data set, stores
    and a notebook's parameters.
    """

    id: ClassVar[str]
    notebook: ClassVar[str]  # file name in notebooks/, without its ending
    title: ClassVar[str]
    parameters: ClassVar[Mapping[str, tuple[Any, Callable[[str, Any], Any]]]] = {}  # its own: (default, check)
    published_with: ClassVar[Mapping[str, Any]] = {}  # parameters of the published notebook, beyond the defaults
    published_in: ClassVar[tuple[str, ...]] = ()  # the profiles to publish, where what is drawn is the same in all
    covers: ClassVar[tuple[str, ...]] = ()  # the figures and tables of the paper that it regenerates, its own first
    needs: ClassVar[Needs] = Needs()
    trains: ClassVar[bool] = True  # whether it plans networks
    measures: ClassVar[bool] = False  # whether it has measurements
    counted: ClassVar[bool] = False  # whether all of it is counted, so that any machine must find every cell again
    plan_class: ClassVar["type[Plan] | None"] = None  # where its plan is of a kind of its own

    def adapted(self, profile: "Profile") -> "Profile":
        """Return the profile as this artefact uses it."""
        return profile

    def dataset(self, profile: "Profile", parameters: "Parameters") -> DataSet:
        """Declare the data set that networks are trained on; it is not read."""
        return declare(parameters.dataset or profile.dataset)

    def study(self, profile: "Profile", dataset: DataSet, store: "RunStore", parameters: "Parameters") -> "Study":
        """Open the study that it is planned in."""
        from .decided_study import Study

        return Study(profile, dataset, store, parameters)

    def plan(self, study: "Study") -> "Sequence[ScaledModel]":
        """List the networks to train, each on every seed of the profile."""
        return ()

    def measurements(self, study: "Study") -> "Sequence[Task]":
        """List what is measured, once the networks of `plan` are trained."""
        return ()

    def stages(self, study: "Study") -> "Iterable[QueueStage]":
        """Yield which runs the queue makes for it, in which pass and at which place."""
        return ()

    def later(self, study: "Study") -> "Iterable[RunSpec]":
        """Return runs beyond networks x seeds that stored records ask for."""
        return ()

    def drawable(self, results: Results) -> bool:
        """Say whether there is anything to draw in the results."""
        return bool(results)

    def beside(self) -> "Iterable[Callable[[Path], Path]]":
        """Return what writes further files into the folder that the table is saved in."""
        return ()

    def table(self, study: "Study", results: Results) -> "pd.DataFrame":
        """Return the results as the table that is saved and drawn."""
        ...

    def claims(self, study: "Study", results: Results) -> "Sequence[Judged]":
        """Word what the paper claims and judge it."""
        ...

    def draw(self, study: "Study", results: Results, rows: "pd.DataFrame") -> "Figure":
        """Draw the table; needs matplotlib, reads no record that is not in the results, trains nothing."""
        ...


_providers: list[Callable[[], dict[str, Artefact]]] = []


def provide(discover: Callable[[], dict[str, Artefact]]) -> None:
    """Say where artefacts come from: a function that returns them by id."""
    _providers[:] = [discover]


def all_artefacts() -> dict[str, Artefact]:
    """Return every artefact by id.

    Raises:
        RuntimeError: where `effnet_lib.artefacts` was never imported.
    """
    if not _providers:  # or further seeds would silently not be found
        raise RuntimeError("no artefact is registered: import effnet_lib.artefacts first")
    return _providers[0]()


def artefact(name: str) -> Artefact:
    """Return an artefact.

    Raises:
        ParameterError: with the nearest id, for an unknown one.
    """
    there = all_artefacts()
    if name not in there:
        raise ParameterError("artefact", name, nearest(name, there))
    return there[name]
