"""What both kinds of record share: a checked JSON file a key, in two layers, your own and the published one."""

import contextlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from filelock import FileLock

from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import StoreError

SCHEMA = 1


class Record:
    """Hold a spec, its result and its provenance; a dataclass that derives from it names what else there is.

    `shipped` says which layer a record came from; it is in no file.
    """

    title: ClassVar[str]  # in messages
    needed: ClassVar[tuple[str, ...]]  # of the provenance

    key: str
    spec: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    shipped: bool

    def spec_key(self) -> str:
        """Return the key that the spec has."""
        raise NotImplementedError

    def flaw(self) -> str | None:
        """Return what is wrong with the result, in one line, or None."""
        return None

    @classmethod
    def parse(cls, text: str, shipped: bool = False) -> Self:
        """Read and check one file's text.

        Raises:
            StoreError: For an unknown schema, a key that is not the spec's, an incomplete provenance, a flaw.
        """
        try:
            body = json.loads(text)
            if body["schema"] != SCHEMA:
                raise StoreError(f"schema={body['schema']!r} is not accepted; this version reads {SCHEMA}")
            record = cls(**{name: body[name] for name in _stored(cls)}, shipped=shipped)
            stated, key, flaw = body["key"], record.spec_key(), record.flaw()
            missing = [name for name in cls.needed if not record.provenance.get(name)]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"not a {cls.title}: {type(error).__name__}: {error}") from error
        if stated != key:
            raise StoreError(f"key={str(stated)[:12]} is not the key of the stored spec")
        if missing:
            raise StoreError(f"provenance lacks {', '.join(missing)}")
        if flaw:
            raise StoreError(flaw)
        return record

    def to_json(self) -> str:
        """Return the text of the record's file."""
        body = {name: getattr(self, name) for name in _stored(self)} | {"schema": SCHEMA, "key": self.key}
        return json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _stored(record: Record | type[Record]) -> list[str]:
    return [field.name for field in fields(record) if field.name != "shipped"]


R = TypeVar("R", bound=Record)


class RecordStore(Generic[R]):
    """Keep records of one kind in two layers: your own below `root`, the published ones read-only.

    Args:
        shipped: False ignores the published layer (profiles smoke and cpu, and `fresh`).
        root: Folder of your own layer, by default that of your results.
        published: Folder of the published layer's files, where those of all kinds lie side by side.
    """

    record: ClassVar[type[Record]]
    folder: ClassVar[str]  # below root
    noun: ClassVar[str]  # what a file is, in messages
    subject: ClassVar[str]  # what it is of

    def __init__(self, shipped: bool = True, root: Path | None = None, published: Path | None = None):
        self.root = root or paths.results_root()
        self.published = published or paths.published_root() / "records"
        self.shipped = shipped

    def path(self, key: str) -> Path:
        """Return where your own record of a key is, or would be."""
        return self.root / self.folder / f"{key}.json"

    def get(self, key: str) -> R | None:
        """Return the record of a key, your own first, or None.

        A damaged file counts as missing, with a warning; one of yours is set aside, a published one stays.
        """
        own = self._read(self.path(key))
        return self._read(self.published / f"{key}.json", True) if own is None and self.shipped else own

    def own(self) -> Iterator[R]:
        """Yield your own readable records, by key."""
        for path in sorted((self.root / self.folder).glob("*.json")):
            if (record := self._read(path)) is not None:
                yield record

    def put(self, record: R) -> None:
        """Store a record: written aside, fsynced, renamed. It replaces one of the same key."""
        write_aside(self.path(record.key), record.to_json().encode())

    def lock(self, key: str) -> FileLock:
        """Return the operating system's lock of a key: two processes never make the same record at once."""
        folder = self.root / "running"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{key}.lock")

    def _read(self, path: Path, shipped: bool = False) -> R | None:
        try:
            record = self.record.parse(path.read_text(encoding="utf-8"), shipped)
            if record.key != path.stem:
                raise StoreError(f"key={record.key[:12]} stands in the file of another {self.subject}")
            return record
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (StoreError, UnicodeDecodeError) as error:
            if shipped:
                warnings.warn(f"shipped {self.noun} {path.name} counts as missing: {error}", stacklevel=3)
                return None
            with contextlib.suppress(OSError):  # another process was first, or the folder is read-only
                path.replace(path.with_suffix(".damaged"))
            again = f"the {self.subject} will be redone"
            warnings.warn(f"{self.noun} {path.name} set aside, {again}: {error}", stacklevel=3)
            return None
