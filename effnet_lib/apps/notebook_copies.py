"""`effnet notebooks`: copies of the notebooks that come with the package, where a person can open and change them."""

from argparse import Namespace
from pathlib import Path

from ..core import paths
from ..core.errors import ParameterError, StoreError
from ..core.user_paths import short, user_path

NAMED = 3  # notebooks in a message


def command(args: Namespace) -> int:
    """Copy the notebooks into the folder of `--to`, and say where they are."""
    made = copy(user_path("to", args.to))
    print(f"{short(made[0].parent)}: {len(made)} notebooks; open index.ipynb first")
    return 0


def copy(folder: Path) -> list[Path]:
    """Copy every notebook into a folder, which is made where it is missing; return the copies.

    A copy needs no checkout: it imports the library, and writes where that writes.

    Raises:
        ParameterError: A file of a notebook's name is there, or the folder cannot be one; nothing is copied.
        StoreError: A copy cannot be written.
    """
    sources = sorted(paths.notebooks_root().glob("*.ipynb"))
    if there := [one.name for one in sources if (folder / one.name).is_symlink() or (folder / one.name).exists()]:
        named = ", ".join(there[:NAMED]) + (", ..." if there[NAMED:] else "")
        raise ParameterError("to", str(folder), f"a folder without files of these names: {named} would be overwritten")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError("to", str(folder), f"a folder that can be made ({error.strerror})") from None
    return [_copied(source, folder / source.name) for source in sources]


def _copied(source: Path, to: Path) -> Path:
    try:
        with open(to, "xb") as file:  # x: one that appeared meanwhile is not overwritten either
            file.write(source.read_bytes())
    except OSError as error:
        raise StoreError(f"notebook {to.name} cannot be copied to {str(to.parent)!r}: {error.strerror}") from None
    return to
