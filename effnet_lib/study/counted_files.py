"""What is counted and not trained, computed once more beside its published files: table, verdicts, further tables."""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from ..core import paths
from ..core.errors import ParameterError
from ..runs.run_store import RunStore
from .decided_study import Study
from .parameters import resolve
from .profiles import PROFILES, profile
from .registry import Artefact


class Compared(NamedTuple):
    """A published file: how many of its cells (or verdicts) there are here and there, and how many are the same."""

    file: str
    same: int
    cells: int


def compare(artefact: Artefact, name: str) -> list[Compared]:
    """Count once more and compare with the published files, cell by cell.

    Raises:
        ParameterError: a profile in which the artefact is not published.
    """
    profile(name)
    published = {other: paths.published_root() / other / f"{artefact.notebook}.csv" for other in PROFILES}
    if not published[name].is_file():
        others = [other for other, path in published.items() if path.is_file()]
        there = f"one with a published table of {artefact.id}: {', '.join(others) or 'there is none'}"
        raise ParameterError("profile", name, there)
    study = _study(artefact, name)
    table, claims = artefact.table(study, {}), artefact.claims(study, {})
    with tempfile.TemporaryDirectory() as folder:
        made = {published[name].name: table.to_csv(index=False)}
        made |= {
            path.name: path.read_text(encoding="utf-8") for write in artefact.beside() if (path := write(Path(folder)))
        }
    compared = [_cells(file, text, published[name].with_name(file)) for file, text in made.items()]
    verdicts = published[name].with_suffix(".claims.json")
    return [*compared, _verdicts(verdicts, [claim.to_json() for claim in claims])]


def _study(artefact: Artefact, name: str) -> Study:
    parameters = resolve({"profile": name}, artefact.parameters)
    chosen = artefact.adapted(profile(name))
    return Study(chosen, artefact.dataset(chosen, parameters), RunStore(published=False), parameters)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _cells(file: str, here: str, there: Path) -> Compared:
    ours, theirs = (
        {(i, j): cell for i, row in enumerate(csv.reader(io.StringIO(text))) for j, cell in enumerate(row)}
        for text in (here, _text(there))
    )
    return Compared(file, sum(theirs.get(at) == cell for at, cell in ours.items()), len(ours.keys() | theirs.keys()))


def _verdicts(there: Path, ours: list[dict]) -> Compared:
    theirs = json.loads(_text(there) or "[]")
    again = json.loads(json.dumps(ours))
    same = sum(one == other for one, other in zip(again, theirs, strict=False))
    return Compared(there.name, same, max(len(again), len(theirs)))
