"""Write the site: a front page, a page an artefact, a page an executed notebook. All they need lies beside them."""

import datetime
import os
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from ... import __version__
from ...core import paths
from ...core.atomic_write import write_aside
from ...core.errors import StoreError
from ...stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL, SMALLER
from ...study.profiles import PROFILES
from ...study.registry import Artefact
from . import archive, notebook_pages
from . import evidence as found
from .evidence import Evidence
from .provenance import provenance, strangers

_BRACKETS, _LAST = re.compile(r"\s*\([^()]*\)"), re.compile(r"\s*\([^()]*[a-z][^()]*\)$")
THUMBNAIL = 640  # columns
MARK = ".effnet-gallery"  # in what this command wrote, and may replace
SYMBOLS = {HOLDS: "✓", CONTRADICTED: "✗", SMALLER: "<", NOT_ENOUGH: "?"}
KINDS = {HOLDS: "holds", CONTRADICTED: "fails", SMALLER: "fails", NOT_ENOUGH: "open"}


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
    pages = _Pages(folder)
    shown = {}
    for artefact, all_of_it in collected.items():
        shown[artefact] = [_guarded(pages, evidence) for evidence in all_of_it]
        pages.page(
            f"{artefact.id}.html", "artefact.html", depth=artefact.title, artefact=_card(artefact, shown[artefact])
        )
    cards = [_card(artefact, sections) for artefact, sections in shown.items()]
    earlier = archive.write(folder)
    if earlier:
        pages.page("earlier.html", "archive.html", depth="Earlier protocols", pictures=earlier)
    shown_all = {"cards": cards, "board": _board(shown), "strangers": strangers(), "earlier": len(earlier)}
    pages.page("index.html", "index.html", depth="", **shown_all)


def _guarded(pages: "_Pages", evidence: Evidence) -> dict[str, Any]:
    """Return the section of some evidence that a page can show; of what it cannot, a section with the reason."""
    try:
        section = pages.section(evidence)
        pages.render("artefact.html", artefact=_card(evidence.artefact, [section]), depth="")
        pages.render(
            "index.html", depth="", cards=[], board=_board({evidence.artefact: [section]}), strangers=[], earlier=0
        )
    except OSError:  # the site cannot be written
        raise
    except Exception as error:  # of any kind: a damaged file must not end the other pages
        return pages.section(found.damaged(evidence.artefact, evidence.profile, evidence.published, error))
    return section


class _Pages:
    """Fills templates and writes files."""

    def __init__(self, folder: Path):
        self.folder = folder
        templates = resources.files(__package__) / "templates"
        loader = jinja2.FunctionLoader(lambda name: (templates / name).read_text(encoding="utf-8"))
        self.jinja = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.jinja.filters |= {
            "symbol": lambda word: SYMBOLS.get(word, "·"),
            "kind": lambda word: KINDS.get(word, "open"),
        }
        self.jinja.filters |= {"number": _number, "signed": _signed}
        common = {
            "version": __version__,
            "protocol": PROTOCOL,
            "now": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        }
        self.jinja.globals |= common | {
            "style": jinja2.utils.markupsafe.Markup((templates / "style.css").read_text(encoding="utf-8"))
        }

    def page(self, name: str, template: str, **values: Any) -> None:
        """Write one page."""
        write_aside(self.folder / name, self.render(template, **values).encode())

    def render(self, template: str, **values: Any) -> str:
        """Return a page's text."""
        return self.jinja.get_template(template).render(**values)

    def section(self, evidence: Evidence) -> dict[str, Any]:
        """Write the files of one artefact in one profile; return what its section shows."""
        marks, slug, table = list(evidence.marks), evidence.slug, evidence.table
        picture, thumbnail = self._pictures(evidence, marks)
        for path, kind in ((evidence.csv, "csv"), (evidence.pdf, "pdf")):
            if path:
                write_aside(self.folder / f"{slug}.{kind}", path.read_bytes())
        cells = [] if table is None else table.astype(object).where(table.notna(), None).values.tolist()
        return {
            "slug": slug,
            "label": evidence.label,
            "profile": evidence.profile,
            "published": evidence.published,
            "measured": evidence.measured,
            "summary": PROFILES[evidence.profile].summary,
            "picture": picture,
            "thumbnail": thumbnail,
            "notebook": self._notebook(evidence, marks),
            "csv": f"{slug}.csv" if evidence.csv else None,
            "pdf": f"{slug}.pdf" if evidence.pdf else None,
            "columns": [] if table is None else list(map(str, table.columns)),
            "rows": cells,
            "claims": evidence.claims,
            "tally": evidence.tally(),
            "parameters": evidence.parameters,
            "marks": marks,
            "about": provenance(evidence) if evidence.measured else evidence.about,
        }

    def _pictures(self, evidence: Evidence, marks: list[str]) -> tuple[str | None, str | None]:
        """Write picture and thumbnail and return their names; what is no picture is marked."""
        if evidence.picture is None:
            return None, None
        names = f"{evidence.slug}.png", f"{evidence.slug}-small.png"
        try:
            data = notebook_pages.smaller(evidence.picture.read_bytes())
            for name, content in zip(names, (data, notebook_pages.smaller(data, THUMBNAIL)), strict=True):
                write_aside(self.folder / name, content)
        except ValueError:
            marks.append(f"{evidence.picture.name} is not a picture")
            return None, None
        return names

    def _notebook(self, evidence: Evidence, marks: list[str]) -> str | None:
        """Write the page of the executed notebook and return its name; one that cannot be read is marked."""
        if evidence.notebook is None:
            return None
        try:
            body = jinja2.utils.markupsafe.Markup(notebook_pages.render(evidence.notebook))
        except ValueError as error:
            marks.append(str(error))
            return None
        name, title = f"{evidence.slug}-notebook.html", f"{evidence.artefact.title} ({evidence.label})"
        self.page(name, "notebook.html", depth=title, body=body, back=f"{evidence.artefact.id}.html")
        return name


def _card(artefact: Artefact, sections: list[dict[str, Any]]) -> dict[str, Any]:
    first = next((one for one in sections if one["thumbnail"]), None)
    return {
        "id": artefact.id,
        "title": artefact.title,
        "question": found.question(artefact),
        "notebook": f"notebooks/{artefact.notebook}.ipynb",
        "sections": sections,
        "thumbnail": first and first["thumbnail"],
        "measured": any(one["measured"] for one in sections),
    }


def _board(shown: dict[Artefact, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the claims board: a row a claim, a column a profile (published or yours) that judged any.

    A claim's words carry numbers of its profile in brackets; without these they are the same in all.
    """
    labels: dict[str, None] = {}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for artefact, sections in shown.items():
        for section in sections:
            for claim in section["claims"]:
                labels.setdefault(section["label"])
                words = _BRACKETS.sub("", claim["claim"])
                shorter = _LAST.sub("", claim["claim"])
                row = rows.setdefault((artefact.id, words), {"id": artefact.id, "words": shorter, "cells": {}})
                row["cells"][section["label"]] = claim | {"slug": section["slug"]}
    return {"labels": list(labels), "rows": list(rows.values())}


def _signed(value: float) -> str:
    """Return an effect with its sign, the minus as wide as the plus."""
    return f"{value:+.2f}".replace("-", "\u2212")


def _number(value: Any) -> str:
    """Return a table's value as people read it: whole numbers with thin spaces, others to four digits."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}".replace(",", "\u202f")
