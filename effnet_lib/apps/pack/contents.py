"""What goes into a pack: this library's code, what a study has decided and stored, and the images that it trains on."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core import paths
from ...core.errors import StoreError, known
from ...data import image_folder
from ...data.datasets import DataSet, content_fingerprint
from ...data.splits import HOLDOUT
from ...runs.record_files import read_record
from ...runs.run_spec import RunSpec
from ...runs.run_store import RunRecord, RunStore
from ...study import decision_files
from ...study.decided_study import Study
from ...study.queue import data_of, open_runs, stages
from .manifest import CODE, DATA, PUBLISHED, PackError

PROJECT = ("LICENSE", "pyproject.toml")
CREDITS = re.compile(r"(credits?|licen[cs]e|attribution|readme|notice)\b.*", re.IGNORECASE)  # beside the images


@dataclass(frozen=True)
class Source:
    """A file for a pack: its path there, and the file or the bytes that it is made of."""

    path: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """The bytes that it has now."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True)
class Contents:
    """What goes into a pack, in the order in which it is packed; whose plans it is for, and their pending runs."""

    study: Study
    artefacts: tuple[str, ...]
    runs: tuple[RunSpec, ...]
    sources: tuple[Source, ...]

    @property
    def dataset(self) -> str:
        """What the manifest calls the study's data set."""
        named = self.study.dataset
        return f"{DATA}/{known(named.folder).name}" if named.id.startswith("folder-") else named.id


def contents(study: Study, artefacts: Sequence[str]) -> Contents:
    """Collect what a host needs for the pending runs of some artefacts (none: all).

    Raises:
        PackError: nothing is pending.
        DataError: the images are not there, or not what their id declares.
    """
    runs = tuple(open_runs(study, stages(study, artefacts)))
    if not runs:
        raise PackError(f"nothing is pending in profile {study.profile.name}: there is nothing to pack")
    data = data_of(study)
    sets = {replace(data(spec), id=data(spec).id.removesuffix(HOLDOUT)) for spec in runs}
    images = [source for one in sorted(sets, key=lambda one: one.id) for source in _images(one)]
    return Contents(study, tuple(artefacts), runs, (*_code(), *_decided(study), *images))


def _code() -> Iterator[Source]:
    files = [path for path in (paths.ROOT / "effnet_lib").rglob("*") if path.is_file()]
    files += [paths.ROOT / name for name in PROJECT if (paths.ROOT / name).is_file()]
    for path in sorted(files):
        if "__pycache__" not in path.parts and not path.is_relative_to(paths.PACKED):
            yield Source(f"{CODE}/{path.relative_to(paths.ROOT).as_posix()}", path)


def _decided(study: Study) -> Iterator[Source]:
    """Yield the decisions that ship and every record of the study's data, yours included: they are not trained again.

    Profiles that ignore published records have no use for them.
    """
    if not study.profile.published:
        return
    decisions = decision_files.path_of(study.profile, study.store)
    if decisions.is_file():
        yield Source(f"{PUBLISHED}/{decision_files.FOLDER}/{decisions.name}", decisions)
    ours = (study.dataset.id, study.dataset.id + HOLDOUT)
    found = {record.key: record for record in _published(study.store)} | {one.key: one for one in study.store.own()}
    for key, record in sorted(found.items()):
        if record.spec["data"] in ours:
            yield Source(f"{PUBLISHED}/records/{key}.json", record.to_json().encode())


def _published(store: RunStore) -> Iterator[RunRecord]:
    for path in sorted(store.published_folder.glob("*.json")):
        try:
            record = read_record(path, True)
        except StoreError:  # counts as missing, as everywhere
            continue
        if isinstance(record, RunRecord):
            yield record


def _images(dataset: DataSet) -> Iterator[Source]:
    """Yield a data set's images, nothing else that lies in its folder, and whose they are; none of a generated set."""
    if dataset.folder is None:
        return
    content_fingerprint(dataset)  # there, and what the id declares
    files = [path for path in sorted(dataset.folder.iterdir()) if path.is_file() and CREDITS.fullmatch(path.name)]
    for part in image_folder.PARTS:
        files += image_folder.list_images(dataset.folder, part)[0]
    for path in files:
        yield Source(f"{DATA}/{dataset.folder.name}/{path.relative_to(dataset.folder).as_posix()}", path)
