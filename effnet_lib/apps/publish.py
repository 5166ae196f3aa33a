"""Turn your own records into shipped evidence: check, copy, redraw."""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from ..artefacts import all_artefacts, artefact, plan, resolve
from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import StoreError
from ..runs.measurements import Measurement, is_measurement, key_of, parse_measurement
from ..runs.store import RunRecord, RunStore, parse_record
from ..study.parameters import Parameters
from ..study.profiles import PROFILES
from ..study.queue import stages
from ..study.study import Study
from .notebooks import run_notebook


def planned_keys(profiles: Iterable[str], store: RunStore) -> set[str]:
    """Return the keys of every run that a landed plan of these profiles asks for."""
    keys: set[str] = set()
    for name in profiles:
        study = Study.of(PROFILES[name], store)
        keys |= {split.key for stage in stages(study) for spec in stage.specs for split in spec.splits()}
    return keys


def planned_measurements(profiles: Iterable[str]) -> set[str]:
    """Return the keys of every measurement that a landed artefact asks for in these profiles."""
    measuring = [name for name, one in all_artefacts().items() if one.measures]
    plans = [plan(name, _parameters(name, profile)) for name in measuring for profile in profiles]
    return {key_of(task.kind, task.spec()) for planned in plans for task in planned.tasks}


def check(folder: Path) -> list[RunRecord | Measurement]:
    """Read and check every record file of a folder (schema, key, provenance, bits against accuracy).

    Raises:
        StoreError: a bad file, by name, or a folder without records.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise StoreError(f"from={str(folder)!r} holds no record; publish takes a folder of <key>.json files")
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            record = parse_measurement(text) if is_measurement(text) else parse_record(text)
        except (StoreError, UnicodeDecodeError) as error:
            raise StoreError(f"{path.name}: {error}") from error
        if path.stem != record.key:
            raise StoreError(f"{path.name}: the record in it has key {record.key[:12]}")
        found.append(record)
    return found


def publish_records(records: Iterable[RunRecord | Measurement], target: Path | None = None) -> list[str]:
    """Copy records to the shipped layer; return the keys that are new.

    A published run is never replaced: raises StoreError, before anything is written, where a key is already there
    with another result. A measurement is, by a later one: a latency may be taken again on a quieter machine.
    """
    target = target or paths.published_root() / "records"
    new = []
    for record in records:
        path = target / f"{record.key}.json"
        if not path.is_file() or isinstance(record, Measurement):
            if not path.is_file() or path.read_text(encoding="utf-8") != record.to_json():
                new.append(record)
        elif (old := parse_record(path.read_text(encoding="utf-8"))).result["correct"] != record.result["correct"]:
            raise StoreError(
                f"record {record.key[:12]} is published with top-1 {old.top1:.2f} % "
                f"({old.provenance['device']}, {old.provenance['date'][:10]}) and yours has {record.top1:.2f} %"
            )
    for record in new:
        write_aside(target / f"{record.key}.json", record.to_json().encode())
    return [record.key for record in new]


def _given(name: str, profile: str) -> dict[str, Any]:
    """Return what a published notebook is executed with, which may show more than its defaults."""
    return {"profile": profile, "train": False} | dict(artefact(name).published_with)


def _parameters(name: str, profile: str) -> Parameters:
    return resolve(_given(name, profile), name)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set environment variables for a while: those that move the roots of `paths`."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def redraw(profile: str) -> list[Path]:
    """Execute every artefact's notebook that has records in a profile, into figures/published/<profile>/.

    Profiles that read shipped records are drawn from these alone; `cpu` and `smoke` from your own results.
    """
    made = []
    with tempfile.TemporaryDirectory() as empty:
        own = str(paths.results_root()) if not PROFILES[profile].shipped else empty
        values = {"EFFNET_FIGURES": str(paths.published_root()), "EFFNET_RESULTS": own}
        with environment(**values, EFFNET_PUBLISHED=str(paths.published_root())):
            for name in all_artefacts():
                planned = plan(name, _parameters(name, profile))
                if not PROFILES[profile].shipped and planned.missing():
                    continue  # drawn from your own results: never replace a whole figure by a part of one
                if planned.evidence():
                    made.append(run_notebook(name, _given(name, profile)))
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
