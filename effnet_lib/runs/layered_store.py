"""What both kinds of record share: a checked JSON file a key, in two layers, your own and the published one."""

import itertools
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from filelock import FileLock

from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import StoreError, one_line
from .record_checks import file_name, json_body, provenance, read_text
from .value_checks import mapping, shown

SCHEMA = 1


class Record:
    """Hold a spec, its result and its provenance; a dataclass that derives from it names what else there is.

    `published` says which layer a record came from; it is in no file.
    """

    title: ClassVar[str]  # in messages
    needed: ClassVar[tuple[str, ...]]  # of the provenance

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    key: str
    spec: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    published: bool

    def spec_key(self) -> str:
        """Return the key that the spec has."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse a spec or a result that nothing could have, see `record_checks`.

        Raises:
            StoreError: In one line that names the value.
        """
        raise NotImplementedError

    @classmethod
    def parse(cls, text: str, published: bool = False) -> Self:
        """Read and check one file's text.

        Raises:
            StoreError: In one line, for what is no JSON, an unknown schema, a key that is not the spec's, or any value
                that no such record could have.
        """
        body = json_body(text)
        names = dict.fromkeys(["schema", *_stored(cls), "key"])
        if missing := [name for name in names if name not in body]:
            raise StoreError(f"not a {cls.title}: it lacks {', '.join(missing)}")
        if body["schema"] != SCHEMA or isinstance(body["schema"], bool):
            raise StoreError(f"schema={shown(body['schema'])} is not accepted; this version reads {SCHEMA}")
        for name in ("spec", "result", "provenance"):
            mapping(name, body[name])
        values: dict[str, Any] = {name: body[name] for name in _stored(cls)} | {"published": published}
        record = cls(**values)
        if body["key"] != record.spec_key():
            raise StoreError(f"key={shown(body['key'])} is not the key of the stored spec")
        provenance(record.provenance, cls.needed)
        record.check()
        return record

    def to_json(self) -> str:
        """Return the text of the record's file.

        Raises:
            ValueError: A number is not finite.
            TypeError: A value is not one of JSON's.
        """
        body = {name: getattr(self, name) for name in _stored(self)} | {"schema": SCHEMA, "key": self.key}
        return json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _stored(record: Record | type[Record]) -> list[str]:
    return [field.name for field in fields(record) if field.name != "published"]


def checked(record: Record) -> str:
    """Return the text of a record's file, once it is read back as the same record.

    Raises:
        StoreError: It is not, and nobody could use the file.
    """
    try:
        text = record.to_json()
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"the record cannot be written as JSON: {one_line(error)}") from error
    type(record).parse(text)
    return text


R = TypeVar("R", bound=Record)


class RecordStore(Generic[R]):
    """Keep records of one kind in two layers: your own below `root`, the published ones read-only.

    Args:
        published: False ignores the published layer (profiles smoke and cpu, and `fresh`).
        root: Folder of your own layer, by default that of your results.
        published_folder: Folder of the published layer's files, where those of all kinds lie side by side.
    """

    record: type[R]
    folder: ClassVar[str]  # below root
    noun: ClassVar[str]  # what a file is, in messages
    subject: ClassVar[str]  # what it is of

    def __init__(self, published: bool = True, root: Path | None = None, published_folder: Path | None = None):
        self.root = root or paths.results_root()
        self.published_folder = published_folder or paths.published_root() / "records"
        self.published = published

    def path(self, key: str) -> Path:
        """Return where your own record of a key is, or would be."""
        return self.root / self.folder / f"{key}.json"

    def get(self, key: str) -> R | None:
        """Return the record of a key, your own first, or None.

        A damaged file counts as missing, with a warning; one of yours is set aside, a published one stays.
        """
        own = self._read(self.path(key))
        return self._read(self.published_folder / f"{key}.json", True) if own is None and self.published else own

    def own(self) -> Iterator[R]:
        """Yield your own readable records, by key."""
        for path in sorted((self.root / self.folder).glob("*.json")):
            if (record := self._read(path)) is not None:
                yield record

    def put(self, record: R) -> None:
        """Store a record: checked, written aside, fsynced, renamed. It replaces one of the same key.

        Raises:
            StoreError: It would count as damaged when it is read.
        """
        write_aside(self.path(record.key), checked(record).encode())

    def lock(self, key: str) -> FileLock:
        """Return the operating system's lock of a key: two processes never make the same record at once."""
        folder = self.root / "running"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{key}.lock")

    def _parsed(self, text: str, published: bool) -> R:
        return self.record.parse(text, published)

    def _read(self, path: Path, published: bool = False) -> R | None:
        try:
            record = self._parsed(read_text(path), published)
            if record.key != path.stem:
                raise StoreError(f"key={record.key[:12]} stands in the file of another {self.subject}")
            return record
        except (FileNotFoundError, NotADirectoryError):
            return None
        except StoreError as error:
            if published:
                warnings.warn(f"published {self.noun} {file_name(path)} counts as missing: {error}", stacklevel=3)
                return None
            how = "set aside"
            try:
                path.replace(_aside(path))
            except FileNotFoundError:  # another process was first
                pass
            except OSError as failure:
                how = f"cannot be set aside ({failure.strerror})"
            again = f"the {self.subject} will be redone"
            warnings.warn(f"{self.noun} {file_name(path)} {how}, {again}: {error}", stacklevel=3)
            return None


def _aside(path: Path) -> Path:
    """Return where a damaged file goes: a folder of that name, or a file where a folder goes, is no place for it."""
    names = (path.with_suffix(f".damaged{number}") for number in itertools.chain([""], itertools.count(2)))
    return next(aside for aside in names if not os.path.lexists(aside))
