"""Open a pack on the host that it was sent to: checked and unpacked once, then found by every later call."""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ...core import paths
from ...runs.value_checks import shown
from .manifest import CODE, DATA, LABEL, PUBLISHED, Manifest, PackError, read
from .parts import check

UNPACKING = "unpacking-"


@contextmanager
def opened(folder: Path, say: Callable[[str], None]) -> Iterator[tuple[Manifest, str]]:
    """Open a pack: meanwhile data and published records are its own; yield its manifest and its data set.

    Raises:
        PackError: in one line, before anything is trained: a part is missing, damaged or of another pack; the code that
            runs here is not the pack's.
    """
    manifest = read(folder)
    _check_code(manifest)
    home = unpacked(folder, manifest, say)
    dataset = str(home / manifest.dataset) if manifest.dataset.startswith(f"{DATA}/") else manifest.dataset
    with paths.environment(EFFNET_DATA=str(home / DATA), EFFNET_PUBLISHED=str(home / PUBLISHED)):
        yield manifest, dataset


def unpacked(folder: Path, manifest: Manifest, say: Callable[[str], None]) -> Path:
    """Return where a pack lies unpacked, below `paths.cache_root`; what a kill left is removed, and done again.

    Raises:
        PackError: a part or a file is not what the manifest says; there is no room.
    """
    home = paths.cache_root() / "packs" / manifest.pack
    if home.is_dir():
        return home
    check(folder, manifest)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home.parent / "unpacking.lock"):
            for left in home.parent.glob(f"{UNPACKING}*"):  # by a kill: who works in one holds the lock
                shutil.rmtree(left)
            if not home.is_dir():  # another process may have been faster
                with tempfile.TemporaryDirectory(prefix=UNPACKING, dir=home.parent) as scratch:
                    inside = Path(scratch) / "pack"
                    for number, part in enumerate(manifest.parts, 1):
                        _extract(folder / part.name, manifest, number, inside)
                    os.sync()  # a cut of the power must not leave half a file under its final name
                    inside.rename(home)
                say(f"checked and unpacked: {manifest.summary}")
    except OSError as error:
        raise PackError(f"the pack cannot be unpacked into {str(home)!r} ({error.strerror or error})") from None
    return home


def _extract(path: Path, manifest: Manifest, number: int, inside: Path) -> None:
    """Extract a part's files; every one is listed, of the size and the content that it has there."""
    wanted = manifest.of(number)
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.name == LABEL:
                    continue
                file = wanted.pop(member.name, None)
                if file is None or not member.isreg() or member.size != file.bytes:
                    raise PackError(f"{path.name}: {shown(member.name)} is not what the manifest says")
                tar.extract(member, inside, filter="data")
                with open(inside / file.path, "rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                        raise PackError(f"{path.name}: {shown(member.name)} is damaged")
    except tarfile.TarError as error:
        raise PackError(f"{path.name} cannot be unpacked: {error}") from None
    if wanted:
        raise PackError(f"{path.name} lacks {shown(next(iter(wanted)))}")


def _check_code(manifest: Manifest) -> None:
    """Refuse to train by another code than the pack's: its records would say less than they seem to."""
    for file in manifest.files:
        top, _, relative = file.path.partition("/")
        if top != CODE or not relative.startswith("effnet_lib/"):
            continue
        try:
            with open(paths.ROOT / relative, "rb") as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        except OSError:
            same = False
        if not same:
            raise PackError(
                f"the code that runs here is not the pack's ({relative} differs); start the pack's own: "
                f"tar -xf {manifest.parts[file.part - 1].name} {CODE}; cd {CODE}; python -m effnet_lib queue --pack ..."
            )
