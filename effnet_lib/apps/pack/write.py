"""Write a pack: plain tar files of at most so many bytes, the same whenever the same is packed, and a manifest."""

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ...core.atomic_write import write_aside
from ...core.errors import EffnetError, ParameterError
from .contents import Contents, Source
from .manifest import LABEL, NAME, PART, File, Manifest, PackError, Part, read
from .parts import described, label, labelled

UNFINISHED = ".unfinished"
UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def limit_of(text: str) -> int:
    """Return the bytes that a size stands for: 60MB, 64MiB, 1.5 GB, or a number of bytes.

    Raises:
        ParameterError: it is no size.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]*)", text.strip())
    units = {unit.lower(): factor for unit, factor in UNITS.items()}
    if not found or found[2].lower() not in units or not (size := int(float(found[1]) * units[found[2].lower()])):
        raise ParameterError("limit", text, "a size such as 60MB, 64MiB or 1.5GB")
    return size


def write(contents: Contents, folder: Path, limit: int, say: Callable[[str], None]) -> Manifest:
    """Write a pack into a folder, part by part, the manifest last; what an interrupted packing left is written anew.

    Args:
        limit: bytes that a part has at most.

    Raises:
        ParameterError: one file alone takes more; the folder holds something else.
        PackError: a file changed meanwhile; nothing can be written (a full disk).
    """
    grouped = divided(contents.sources, limit)
    files = [_file(source, number) for number, group in enumerate(grouped, 1) for source in group]
    keys = tuple(sorted({spec.key for spec in contents.runs}))
    made = Manifest(contents.study.profile.name, contents.dataset, contents.artefacts, keys, tuple(files))
    parts = []
    try:
        _check_folder(folder, made.pack)
        folder.mkdir(parents=True, exist_ok=True)
        for number, group in enumerate(grouped, 1):
            parts.append(_write_part(folder, made, number, group, len(grouped)))
            say(f"{parts[-1].name}: {parts[-1].bytes / 1e6:.1f} MB, {len(group)} files")
        made = replace(made, parts=tuple(parts))
        write_aside(folder / NAME, made.to_json().encode())
    except OSError as error:
        raise PackError(f"the pack cannot be written into {str(folder)!r} ({error.strerror or error})") from None
    return made


def divided(sources: Sequence[Source], limit: int) -> list[list[Source]]:
    """Return the sources part by part: each as full as it gets in the order given.

    Raises:
        ParameterError: no part can hold one of them.
    """
    grouped: list[list[Source]] = [[]]
    room = _room(_member(LABEL, 0)) + tarfile.BLOCKSIZE  # the label, of less than a block
    taken = room
    for source in sources:
        needed = _room(_member(source.path, source.size))
        if _closed(room + needed) > limit:
            least = f"at least {_closed(room + needed):,} bytes, or {source.path} has no room in any part"
            raise ParameterError("limit", limit, least)
        if _closed(taken + needed) > limit:
            grouped.append([])
            taken = room
        grouped[-1].append(source)
        taken += needed
    return grouped


def _member(path: str, size: int, sha256: str = "0") -> tarfile.TarInfo:
    """Return a member that says nothing of who packed it, or when.

    Its date is made of its content: Python tells by size and date whether it has compiled a file before.
    """
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.mtime = size, 0o644, int(sha256[:7], 16)
    return member


def _room(member: tarfile.TarInfo) -> int:
    header = member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return len(header) + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _closed(taken: int) -> int:
    """Return the bytes of a tar file: two empty blocks end it, and it is filled up to whole records."""
    return -(-(taken + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _open(source: Source) -> io.BytesIO | io.BufferedReader:
    return io.BytesIO(source.content) if isinstance(source.content, bytes) else open(source.content, "rb")


def _file(source: Source, part: int) -> File:
    with _open(source) as stream:
        return File(source.path, part, source.size, hashlib.file_digest(stream, "sha256").hexdigest())


class _Hashed:
    """Read a stream, and know the SHA-256 of what was read."""

    def __init__(self, stream: io.BytesIO | io.BufferedReader):
        self.stream, self.hash = stream, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self.stream.read(size)
        self.hash.update(data)
        return data


def _write_part(folder: Path, made: Manifest, number: int, group: Sequence[Source], of: int) -> Part:
    aside, wanted = folder / f".part-{number:03}.tar{UNFINISHED}", made.of(number)
    with open(aside, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            text = label(made.pack, number, of)
            tar.addfile(_member(LABEL, len(text)), io.BytesIO(text))
            for source in group:
                told = wanted[source.path]
                with _open(source) as stream:
                    hashed = _Hashed(stream)
                    tar.addfile(_member(source.path, told.bytes, told.sha256), hashed)
                if hashed.hash.hexdigest() != told.sha256:
                    raise PackError(f"{source.path} changed while it was packed; pack again")
        file.flush()
        os.fsync(file.fileno())
    path = folder / f"part-{number:03}.tar"
    aside.replace(path)
    return described(path)


def _check_folder(folder: Path, pack: str) -> None:
    """Refuse a folder with anything in it but this same pack, or what an interrupted packing left of it."""
    accepted = "a folder that is new or empty, or that holds this same pack"
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ParameterError("out", str(folder), accepted)
    for path in sorted(folder.iterdir()):
        try:
            if path.name == NAME:
                same = read(folder).pack == pack
            elif PART.fullmatch(path.name):
                same = labelled(path)[0] == pack
            else:
                same = path.name.endswith(UNFINISHED) or path.name.startswith(f".{NAME}.")
        except EffnetError:
            same = False
        if not same:
            raise ParameterError("out", str(folder), f"{accepted}; it holds {path.name!r}")
