"""The parts of a pack: the label that each begins with, and whether one is what the manifest says."""

import hashlib
import json
import tarfile
from pathlib import Path

from ...core.errors import StoreError, known
from ...runs.record_checks import json_body
from ...runs.value_checks import string, whole
from .manifest import LABEL, Manifest, PackError, Part


def label(pack: str, number: int, of: int) -> bytes:
    """Return the first member of a part: of which pack it is which part."""
    return json.dumps({"pack": pack, "part": number, "of": of}).encode()


def labelled(path: Path) -> tuple[str, int]:
    """Return the pack that a tar file is of, and its number there.

    Raises:
        PackError: it is no part of any pack.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            member = tar.next()
            if member is None or member.name != LABEL or not member.isreg() or member.size > tarfile.BLOCKSIZE:
                raise PackError(f"{path.name} is no part of a pack")
            body = json_body(known(tar.extractfile(member)).read().decode())
        return string("pack", body.get("pack")), whole("part", body.get("part"))
    except (tarfile.TarError, StoreError, UnicodeDecodeError, EOFError):
        raise PackError(f"{path.name} is no part of a pack") from None


def described(path: Path) -> Part:
    """Return a file's name, size and SHA-256."""
    with open(path, "rb") as file:
        return Part(path.name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def check(folder: Path, manifest: Manifest) -> None:
    """Check that every part is there, whole and of this pack.

    Raises:
        PackError: in one line that names every part that is not.
    """
    wrong = [
        words for number, part in enumerate(manifest.parts, 1) if (words := _wrong(folder, manifest, number, part))
    ]
    if wrong:
        raise PackError(f"pack={str(folder)!r}: {'; '.join(wrong)} ({len(manifest.parts)} parts in all)")


def _wrong(folder: Path, manifest: Manifest, number: int, part: Part) -> str:
    """Say what is wrong with a part, or nothing."""
    path = folder / part.name
    if not path.is_file():
        return f"{part.name} is missing"
    try:
        found = described(path)
    except OSError as error:
        return f"{part.name} cannot be read ({error.strerror})"
    if found == part:
        return ""
    try:
        pack, which = labelled(path)
    except PackError:
        return f"{part.name} is damaged"
    if pack != manifest.pack:
        return f"{part.name} is of another pack, {pack[:8]} and not {manifest.pack[:8]}"
    if which != number:
        return f"{part.name} is part {which} under another's name"
    return f"{part.name} is damaged: {found.bytes:,} bytes of {part.bytes:,}, SHA-256 {found.sha256[:8]}"
