"""Turn your own records into published evidence: check, copy, redraw."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from ..artefacts import all_artefacts, artefact, plan, resolve
from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import StoreError, known
from ..runs.layered_store import checked
from ..runs.measurement_store import KINDS, Measurement, key_of
from ..runs.record_checks import file_name
from ..runs.record_files import read_record
from ..runs.run_store import RunRecord, RunStore
from ..study import decision_files
from ..study.decided_study import Study
from ..study.measurement_plan import MeasurementPlan
from ..study.parameters import Parameters
from ..study.profiles import PROFILES
from ..study.queue import stages
from .execute_notebook import run_notebook


def planned_keys(profiles: Iterable[str], store: RunStore) -> set[str]:
    """Return the keys of every run that a landed plan of these profiles asks for."""
    keys: set[str] = set()
    for name in profiles:
        study = Study.of(PROFILES[name], store)
        keys |= {key for stage in stages(study) for spec in stage.specs for key in spec.split_keys}
    return keys


def planned_measurements(profiles: Iterable[str], names: Iterable[str] = ()) -> set[str]:
    """Return the keys of every measurement that these artefacts (none: all) ask for in these profiles."""
    measuring = [name for name in names or all_artefacts() if artefact(name).measures]
    plans = [plan(name, _parameters(name, profile)) for name in measuring for profile in profiles]
    measured = [planned for planned in plans if isinstance(planned, MeasurementPlan)]
    return {key_of(task.kind, task.spec()) for planned in measured for task in planned.tasks}


def check(folder: Path) -> list[RunRecord | Measurement]:
    """Read and check every record file of a folder (schema, key, every value, bits against accuracy).

    Raises:
        StoreError: a bad file, by name, or a folder without records.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise StoreError(f"from={str(folder)!r} holds no record; publish takes a folder of <key>.json files")
    found = []
    for path in files:
        try:
            record = read_record(path)
            if isinstance(record, Measurement) and record.kind not in KINDS:
                raise StoreError(f"kind={record.kind!r} is not accepted; publish takes {', '.join(KINDS)}")
        except StoreError as error:
            raise StoreError(f"{file_name(path)}: {error}") from error
        found.append(record)
    return found


def publish_records(records: Iterable[RunRecord | Measurement], target: Path | None = None) -> list[str]:
    """Copy records to the published layer; return the keys that are new.

    A published run is never replaced, unless its file is damaged, which counts as missing. A measurement is, by a later
    one: a latency may be taken again on a quieter machine.

    Raises:
        StoreError: before anything is written: a record is none, a key is there with another result, or a folder is.
    """
    target = target or paths.writable_published_root() / "records"
    new = {}
    for record in records:
        text, path = checked(record), target / f"{record.key}.json"
        if path.is_dir():
            raise StoreError(f"{path.name} cannot be published: a folder of that name is in the way")
        old = _published(path)
        if old is None or (isinstance(record, Measurement) and old.to_json() != text):
            new[path] = (record.key, text)
        elif (
            isinstance(record, RunRecord)
            and isinstance(old, RunRecord)
            and old.result["correct"] != record.result["correct"]
        ):
            raise StoreError(
                f"record {record.key[:12]} is published with top-1 {old.top1:.2f} % "
                f"({old.provenance['device']}, {old.provenance['date'][:10]}) and yours has {record.top1:.2f} %"
            )
    for path, (_, text) in new.items():
        write_aside(path, text.encode())
    return [key for key, _ in new.values()]


def publish_decisions(profile: str) -> Path | None:
    """Write what a profile's published records decide beside them; return the file, None where nothing is decided."""
    if not PROFILES[profile].published:
        return None
    with tempfile.TemporaryDirectory() as empty, paths.environment(EFFNET_RESULTS=empty):
        study = Study.of(PROFILES[profile], RunStore())
        return decision_files.write(decision_files.collect(study), study.profile, study.dataset.id, study.store)


def _published(path: Path) -> RunRecord | Measurement | None:
    """Return a published record, or None; a damaged one counts as missing, with a warning."""
    if not os.path.lexists(path):
        return None
    try:
        return read_record(path, True)
    except StoreError as error:
        warnings.warn(f"published record {path.name} counts as missing: {error}", stacklevel=2)
        return None


def _given(name: str, profile: str) -> dict[str, Any]:
    """Return what a published notebook is executed with, which may show more than its defaults."""
    return {"profile": profile, "train": False} | dict(artefact(name).published_with)


def _parameters(name: str, profile: str) -> Parameters:
    return resolve(_given(name, profile), name)


def redraw(profile: str, names: Iterable[str] = ()) -> list[Path]:
    """Execute the notebooks of artefacts (none: all) with records in a profile, into figures/published/<profile>/.

    Profiles that read published records are drawn from these alone; `cpu` and `smoke` from your own results.
    """
    made = []
    with tempfile.TemporaryDirectory() as empty:
        own = str(paths.results_root()) if not PROFILES[profile].published else empty
        values = {"EFFNET_FIGURES": str(paths.published_root()), "EFFNET_RESULTS": own}
        with paths.environment(**values, EFFNET_PUBLISHED=str(paths.published_root())):
            for name in names or all_artefacts():
                planned = plan(name, _parameters(name, profile))
                if not PROFILES[profile].published and planned.missing():
                    continue  # drawn from your own results: never replace a whole figure by a part of one
                if planned.evidence():
                    made.append(known(run_notebook(name, _given(name, profile))))
                    _anonymise(made[-1])
    return made


def _anonymise(path: Path) -> None:
    """Drop papermill's metadata, which holds paths of this machine; refuse a notebook that still shows one."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
    text = nbformat.writes(notebook)
    for place in (paths.ROOT, paths.results_root(), Path.home(), Path(sys.prefix)):
        if f"{place}/" in text:
            path.unlink()
            raise StoreError(f"{path.name}: the executed notebook shows a path of this machine ({place})")
    write_aside(path, (text + "\n").encode())
