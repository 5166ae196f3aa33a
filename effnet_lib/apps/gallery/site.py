"""Write the site: a front page, a page an artefact, a page an executed notebook. All they need lies beside them."""

import os
import shutil
from pathlib import Path
from typing import Any

from ...core import paths
from ...core.atomic_write import write_aside
from ...core.errors import StoreError
from . import archive
from . import evidence as found
from .evidence import Evidence
from .pages import Pages, board, card
from .provenance import strangers

MARK = ".effnet-gallery"  # in what this command wrote, and may replace


def build(folder: Path | None = None) -> Path:
    """Write the site to a folder (default figures/gallery) and return its index.html.

    It is written aside and takes the old one's place whole.

    Raises:
        StoreError: the folder is there and is not of this command's making, before anything is built.
        StoreError: it cannot be written.
    """
    folder = folder or paths.figures_root() / "gallery"
    aside = folder.parent / f".{folder.name}.new"
    for place in (folder, aside):
        _refuse_a_strangers(place)
    try:
        _remove(aside)
        # First, so that what a kill leaves is known as ours.
        write_aside(aside / MARK, b"Made by effnet gallery, which may replace this folder whole.\n")
        try:
            _write(aside)
            _remove(folder)
            aside.rename(folder)
        finally:
            _remove(aside)
    except OSError as error:
        raise StoreError(f"the gallery cannot be written: {error.strerror or error}") from error
    return folder / "index.html"


def _refuse_a_strangers(folder: Path) -> None:
    """Refuse a folder that is neither marked nor empty: a deletion never rests on a guess."""
    if not folder.name:
        raise StoreError(f"to={str(folder)!r} is not accepted; to takes a folder below another one")
    try:
        ours = not os.path.lexists(folder) or (folder / MARK).is_file() or not any(folder.iterdir())
    except NotADirectoryError:
        ours = False
    if folder.is_symlink() or not ours:
        raise StoreError(f"{str(folder)!r} is there and was not made by effnet gallery; it is left alone")


def _remove(folder: Path) -> None:
    """Remove what `_refuse_a_strangers` has let pass, if it still may be."""
    _refuse_a_strangers(folder)
    if folder.is_dir():
        shutil.rmtree(folder)


def _write(folder: Path) -> None:
    """Write every page of the site."""
    collected = found.collect()
    pages = Pages(folder)
    shown = {}
    for artefact, all_of_it in collected.items():
        shown[artefact] = [_guarded(pages, evidence) for evidence in all_of_it]
        pages.page(
            f"{artefact.id}.html", "artefact.html", depth=artefact.title, artefact=card(artefact, shown[artefact])
        )
    cards = [card(artefact, sections) for artefact, sections in shown.items()]
    earlier = archive.write(folder)
    if earlier:
        pages.page("earlier.html", "archive.html", depth="Earlier protocols", pictures=earlier)
    shown_all = {"cards": cards, "board": board(shown), "strangers": strangers(), "earlier": len(earlier)}
    pages.page("index.html", "index.html", depth="", **shown_all)


def _guarded(pages: "Pages", evidence: Evidence) -> dict[str, Any]:
    """Return the section of some evidence that a page can show; of what it cannot, a section with the reason."""
    try:
        section = pages.section(evidence)
        pages.render("artefact.html", artefact=card(evidence.artefact, [section]), depth="")
        pages.render(
            "index.html", depth="", cards=[], board=board({evidence.artefact: [section]}), strangers=[], earlier=0
        )
    except OSError:  # the site cannot be written
        raise
    except Exception as error:  # of any kind: a damaged file must not end the other pages
        return pages.section(found.damaged(evidence.artefact, evidence.profile, evidence.published, error))
    return section
