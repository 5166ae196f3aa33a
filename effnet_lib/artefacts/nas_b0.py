"""Where B0 comes from, as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from ..core.errors import ParameterError, known
from ..data.datasets import DataSet, declare
from ..report.tables import architecture_search as tables
from ..report.tables.architecture_search import Results
from ..runs.measurement_store import key_of
from ..runs.run_spec import RunSpec
from ..search import nas_bench_macro
from ..search.mnasnet_space import OPERATORS
from ..search.objective import TARGET
from ..search.searchers import SEARCHERS
from ..search.settings import SETTINGS, TABLE_SEED, WS, SearchSetting
from ..search.table_search import TableSearch
from ..search.trained_search import TrainedSearch
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.estimate import Estimate
from ..stats.shares import ShareAtMost
from ..study.decided_study import QueueStage, Study
from ..study.parameters import Parameters, listed
from ..study.profiles import Profile
from ..study.queue import BEYOND
from ..study.ranges import RANGES, is_number
from ..study.registry import Artefact, Needs
from ..study.scaled_model import ScaledModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DECILE = 0.1
LEAST_DOUBLING, LEAST_POINTS = 0.1, tables.CLOSE  # delta where the paper prints nothing: doublings of FLOPS; points
RANK = 50  # place of the search among what the queue makes beyond the decisive set


def _finite(name: str, value: Any) -> float | None:
    if value is not None and (not is_number(value) or not isfinite(value)):
        raise ParameterError(name, value, "a finite number, or None for the profile's own")
    return value


def _target(name: str, value: Any) -> float:
    if not is_number(value) or not isfinite(value) or value <= 0:
        raise ParameterError(name, value, "a finite number of multiply-adds above 0, such as 400e6")
    return float(value)


def setting_of(profile: str, parameters: Parameters) -> SearchSetting | None:
    """Return what a profile searches under a notebook's parameters; None where it searches nothing.

    Raises:
        ParameterError: a population smaller than the tournament.
    """
    setting, own = SETTINGS.get(profile), parameters.own
    if setting is None:
        return None
    given = {name: own[name] for name in ("population", "tournament") if own.get(name)}
    changes: dict[str, Any] = {"searcher": replace(setting.searcher, **given)}
    changes |= {name: own[name] for name in ("evaluations", "neighbours", "target", "operators") if own.get(name)}
    if own.get("w") is not None:
        changes["ws"] = (own["w"],)
    return replace(setting, **changes, seeds=parameters.seeds or setting.seeds)


def searched(study: Study) -> TrainedSearch | None:
    """Return the search by training of a study; None where its profile has none."""
    setting = setting_of(study.profile.name, study.parameters)
    return TrainedSearch(study, setting) if setting else None


class NasB0(Artefact[Results]):
    """Where B0 comes from: the architecture search of section 4, at proxy scale and on a published table."""

    id = "nas_b0"
    notebook = "nas_b0"
    title = "Where B0 comes from: the architecture search"
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "3 min")
    measures = True
    parameters: ClassVar = {
        "w": (None, _finite),
        "target": (TARGET, _target),
        "operators": (None, listed(OPERATORS)),
        "searchers": (",".join(SEARCHERS), listed(SEARCHERS)),
        "evaluations": (None, RANGES["evaluations"]),
        "neighbours": (None, RANGES["neighbours"]),
        "population": (None, RANGES["population"]),
        "tournament": (None, RANGES["tournament"]),
    }

    def adapted(self, profile: Profile) -> Profile:
        """Return the profile at the size of the search, with its data set and recipe."""
        setting = SETTINGS.get(profile.name)
        if setting is None:
            return replace(profile, candidates=profile.candidates[:1], learning_rates=())
        size: dict[str, Any] = {"candidates": (setting.base,), "dataset": setting.dataset, "recipe": setting.recipe}
        return replace(profile, **size, learning_rates=(), seeds=setting.seeds)

    def plan(self, study: Study) -> list[ScaledModel]:
        """List B0 and B0 scaled; what the search is to find is planned by `later`."""
        search = searched(study)
        return [study.baseline, study.model("compound", search.setting.phi)] if search else []

    def later(self, study: Study) -> list[RunSpec]:
        """Return the runs that the search needs next; the stored records say where it is."""
        search = searched(study)
        return [spec for spec in search.known() if not study.store.diverged(spec.key)] if search else []

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield the queue's stages: B0 and what surrounds it, the search batch by batch, then what rests on it."""
        if study.profile.name not in SETTINGS:
            return
        own = self.adapted(study.profile)
        same = study.dataset.id != study.profile.dataset  # one that was asked for
        search = known(searched(Study(own, study.dataset if same else declare(own.dataset), study.store)))
        parts = {
            "B0 and networks of its FLOPS": search.fixed(),
            "the search's networks": search.searched(),
            "longer training": list(search.longer().values()),
            "winner and B0, scaled": search.finals(),
        }
        for rank, (words, specs) in enumerate(parts.items()):
            yield QueueStage(BEYOND, RANK + rank, f"architecture search: {words}", self.id, tuple(specs))

    def dataset(self, profile: Profile, parameters: Parameters) -> DataSet:
        """Declare the data set that candidates are trained on."""
        return declare(parameters.dataset or profile.dataset)

    def measurements(self, study: Study) -> list[TableSearch]:
        """List the searches on a table: the published one where it is here or its results are stored.

        Raises:
            ParameterError: no searcher that was asked for is installed.
        """
        setting = setting_of(study.profile.name, study.parameters)
        if setting is None:
            return []
        table = nas_bench_macro.SYNTHETIC
        if study.profile.name != "smoke" and (self._stored(study, setting) or not nas_bench_macro.missing()):
            table = nas_bench_macro.PUBLISHED
        tasks = _table_searches(setting, study.parameters.own["searchers"], table)
        if study.measures and not study.parameters.dry_run and not find_spec("optuna"):
            there = study.measurements
            tasks = [one for one in tasks if one.searcher.name != "optuna" or there.get(key_of(one.kind, one.spec()))]
            if not tasks:
                raise ParameterError(
                    "searchers", "optuna", "other searchers, or after pip install 'effnet-lib[search]'"
                )
        return tasks

    def _stored(self, study: Study, setting: SearchSetting) -> bool:
        tasks = _table_searches(setting, study.parameters.own["searchers"], nas_bench_macro.PUBLISHED)
        return any(study.measurements.get(key_of(one.kind, one.spec())) for one in tasks)

    def notes(self, study: Study) -> str:
        """Say what of the plan is skipped, and why."""
        said = []
        tasks = self.measurements(study)
        if any(task.table == nas_bench_macro.SYNTHETIC for task in tasks):
            reason = nas_bench_macro.missing() if study.profile.name != "smoke" else "Profile smoke tests the machinery"
            said.append(f"{reason}: the searchers run on a made-up table, and nothing is claimed from it.")
        names = {task.searcher.name for task in tasks}
        left = [name for name in study.parameters.own["searchers"] if name not in names]
        if tasks and left:
            said.append(f"Left out: {', '.join(left)}; pip install 'effnet-lib[search]' brings it.")
        if not tasks:
            said.append(f"Profile {study.profile.name} searches nothing: {', '.join(SETTINGS)} do.")
        return "\n".join(said)

    def state(self, study: Study) -> pd.DataFrame:
        """Return how far the search by training is, a row a part."""
        search = searched(study)
        if search is None:
            return pd.DataFrame()
        parts = {"B0, MnasNet-A1 and networks of B0's FLOPS": search.fixed()}
        parts |= {"the first of these for longer": list(search.longer().values()), "winner and B0": search.finals()}
        rows = [
            {"part": words, "planned": len(specs), "stored": sum(bool(study.store.find(spec)) for spec in specs)}
            for words, specs in parts.items()
        ]
        for w in search.setting.ws:
            stored = sum(bool(study.store.find(search.spec(arch))) for arch in search.asked(w))
            rows.append({"part": f"evolution, w = {w:g}", "planned": search.setting.evaluations, "stored": stored})
        return pd.DataFrame(rows)

    def table(self, study: Study, results: Results) -> pd.DataFrame:
        """Return a row a trained network, then winner and B0 scaled, then a row a search on the table.

        `part` says which. Accuracies in percent, FLOPS in multiply-adds; `evaluations`: seeds, or networks of a search.
        """
        search = searched(study)
        trained = tables.trained(search).to_dict("records") if search else []
        finals = tables.finals(search) if search else []
        return pd.DataFrame([*trained, *finals, *tables.on_table(results)], columns=list(tables.COLUMNS))

    def claims(self, study: Study, results: Results) -> "Sequence[JudgedClaim | ShareAtMost]":
        """Judge that |w| steers FLOPS, that B0 is in the top tenth of its cost, and that evolution beats chance.

        The first and the last on the published table alone, where ten searches of each cost nothing.
        """
        real = {task: one for task, one in results.items() if task.table == nas_bench_macro.PUBLISHED}
        names, search = {task.searcher.name for task in real}, searched(study)
        seeds = search.setting.table_seeds if search else 0
        steered = tables.fewer_flops(real, WS) if "evolution" in names else Estimate()
        both = {"evolution", "random"} <= names
        on = f"on {nas_bench_macro.LABELS[nas_bench_macro.PUBLISHED]}, after {tables.BUDGET} evaluations"
        steps = ", ".join(f"w = {w:g}" for w in WS)
        first, last = judge(
            [
                Claim(
                    f"The larger |w| is, the fewer FLOPS the winners of a search have: {steps} ({on})",
                    steered,
                    delta=LEAST_DOUBLING,
                    unit="doublings of FLOPS",
                    declared=seeds,
                ),
                Claim(
                    f"Evolution finds a better network than random search ({on})",
                    tables.advantage(real, "evolution", "random") if both else Estimate(),
                    delta=LEAST_POINTS,
                    declared=seeds,
                ),
            ]
        )
        better, measured = tables.better_than_b0(search) if search else (0, 0)
        planned = search.setting.neighbours if search else 0
        words = "At most a tenth of the space's networks within 10 % of B0's FLOPS is better than B0"
        return [first, ShareAtMost(words, DECILE, better, measured, planned), last]

    def draw(self, study: Study, results: Results, rows: pd.DataFrame) -> "Figure":
        """Draw progress and front on the table, and what the trained candidates say; needs at least one of them."""
        from ..report.figures import architecture_search  # drawing needs matplotlib, searching does not

        return architecture_search.figure(self.title, known(searched(study)), results, rows)


def _table_searches(setting: SearchSetting, names: Sequence[str], table: str) -> list[TableSearch]:
    """Return the searches on a table: every searcher by accuracy alone, evolution for each other exponent, too."""
    seeds, made = tuple(range(TABLE_SEED, TABLE_SEED + setting.table_seeds)), []
    for name in names:
        for w in WS if name == "evolution" else WS[:1]:
            searcher = replace(setting.table_searcher, name=name)
            made.append(TableSearch(table, searcher, w, seeds, setting.table_evaluations))
    return made
