"""What a pack holds, as the file that is sent with its parts: each part and each file with its size and SHA-256."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import EffnetError, StoreError
from ...runs.record_checks import json_body, read_text
from ...runs.value_checks import lists, mapping, shown, string, text, whole

NAME, SCHEMA = "manifest.json", 1
LABEL = "pack.json"  # the first member of every part: which pack it is of
PART = re.compile(r"part-\d{3,}\.tar")
CODE, DATA, PUBLISHED = "code", "data", "published"  # the folders of a pack


class PackError(EffnetError):
    """A pack that cannot be made, is not whole, or is not what its manifest says."""


@dataclass(frozen=True)
class Part:
    """A tar file of a pack."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class File:
    """A file of a pack: its path there, and the number, from 1, of the part that it is in."""

    path: str
    part: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Say what a pack holds.

    Args:
        dataset: a data set's name, or "data/NAME" for a folder that the pack holds under that path.
        artefacts: whose plans are worked through; none: all.
        runs: keys of the runs that were pending.
    """

    profile: str
    dataset: str
    artefacts: tuple[str, ...]
    runs: tuple[str, ...]
    files: tuple[File, ...]
    parts: tuple[Part, ...] = ()

    @cached_property
    def pack(self) -> str:
        """SHA-256 of all but the parts, which carry it: 64 hex digits that no other pack has."""
        told = {name: value for name, value in asdict(self).items() if name != "parts"}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def summary(self) -> str:
        """The pack in a few words."""
        size = sum(part.bytes for part in self.parts) / 1e6
        return f"pack {self.pack[:8]}, {len(self.parts)} parts, {size:.1f} MB, {len(self.runs)} runs pending"

    def of(self, part: int) -> dict[str, File]:
        """Return the files of a part by path."""
        return {file.path: file for file in self.files if file.part == part}

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps({"schema": SCHEMA, "pack": self.pack, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def read(folder: Path) -> Manifest:
    """Read and check a pack's manifest.

    Raises:
        PackError: in one line: there is none, or no pack could have it.
    """
    try:
        return _parsed(json_body(read_text(folder / NAME)))
    except (FileNotFoundError, NotADirectoryError):
        raise PackError(f"pack={str(folder)!r} has no {NAME}: it was not sent, or the packing did not end") from None
    except (StoreError, OSError) as error:
        raise PackError(f"{NAME} of pack={str(folder)!r} is of no use: {error}") from None


def _parsed(body: dict[str, Any]) -> Manifest:
    needed = ("schema", "pack", "profile", "dataset", "artefacts", "runs", "files", "parts")
    if missing := [name for name in needed if name not in body]:
        raise StoreError(f"it lacks {', '.join(missing)}")
    if whole("schema", body["schema"]) != SCHEMA:
        raise StoreError(f"schema={body['schema']} is not accepted; this version reads {SCHEMA}")
    parts = tuple(_part(mapping("a part", row)) for row in lists("parts", body["parts"], least=1))
    made = Manifest(
        text("profile", body["profile"]),
        _inside("dataset", text("dataset", body["dataset"])),
        tuple(text("artefact", name) for name in lists("artefacts", body["artefacts"])),
        tuple(_hash("run", key) for key in lists("runs", body["runs"])),
        tuple(_file(mapping("a file", row), len(parts)) for row in lists("files", body["files"], least=1)),
        parts,
    )
    for what, names in (("file", [file.path for file in made.files]), ("part", [part.name for part in parts])):
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise StoreError(f"{what} {shown(twice[0])} stands there twice")
    if made.pack != body["pack"]:
        raise StoreError(f"pack={shown(body['pack'])} is not what it lists")
    return made


def _part(row: dict[str, Any]) -> Part:
    name = string("name", row.get("name"))
    if not PART.fullmatch(name):
        raise StoreError(f"part {shown(name)} is not accepted; a part is part-001.tar, part-002.tar, ...")
    return Part(name, whole("bytes", row.get("bytes")), _hash("sha256", row.get("sha256")))


def _file(row: dict[str, Any], parts: int) -> File:
    path = _inside("path", string("path", row.get("path")))
    if path.split("/")[0] not in (CODE, DATA, PUBLISHED):
        raise StoreError(f"path={shown(path)} is not accepted; it begins with {CODE}/, {DATA}/ or {PUBLISHED}/")
    part, size = whole("part", row.get("part"), 1, parts), whole("bytes", row.get("bytes"), 0)
    return File(path, part, size, _hash("sha256", row.get("sha256")))


def _inside(name: str, path: str) -> str:
    """Return a relative path that names each folder once and leaves none."""
    plain = PurePosixPath(path)
    if str(plain) != path or plain.is_absolute() or ".." in plain.parts or "\0" in path or path == ".":
        raise StoreError(f"{name}={shown(path)} is not accepted; it takes a path that stays inside the pack")
    return path


def _hash(name: str, value: Any) -> str:
    if not re.fullmatch("[0-9a-f]{64}", string(name, value)):
        raise StoreError(f"{name}={shown(value)} is not accepted; it takes 64 hexadecimal digits")
    return value
