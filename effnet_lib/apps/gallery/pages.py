"""The parts of the site: what a section shows and the files beside it, an artefact's card, the board of claims."""

import datetime
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from ... import __version__
from ...core.atomic_write import write_aside
from ...stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL, SMALLER
from ...study.profiles import PROFILES
from ...study.registry import Artefact
from . import evidence as found
from . import notebook_pages
from .evidence import Evidence
from .provenance import provenance

_BRACKETS, _LAST = re.compile(r"\s*\([^()]*\)"), re.compile(r"\s*\([^()]*[a-z][^()]*\)$")
THUMBNAIL = 640  # columns
SYMBOLS = {HOLDS: "✓", CONTRADICTED: "✗", SMALLER: "<", NOT_ENOUGH: "?"}
KINDS = {HOLDS: "holds", CONTRADICTED: "fails", SMALLER: "fails", NOT_ENOUGH: "open"}


class Pages:
    """Fills templates and writes the files of one folder, which `folder` names.

    `templates`: a folder whose files come before the gallery's own of the same name.
    """

    def __init__(self, folder: Path, templates: Path | None = None):
        self.folder = folder
        own = resources.files(__package__) / "templates"
        loaders: list[jinja2.BaseLoader] = [jinja2.FileSystemLoader(templates)] if templates else []
        loaders.append(jinja2.FunctionLoader(lambda name: (own / name).read_text(encoding="utf-8")))
        self.jinja = jinja2.Environment(
            loader=jinja2.ChoiceLoader(loaders),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
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
            "style": jinja2.utils.markupsafe.Markup((own / "style.css").read_text(encoding="utf-8"))
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
            "notebook": self.notebook(evidence, marks),
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

    def notebook(self, evidence: Evidence, marks: list[str]) -> str | None:
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


def card(artefact: Artefact, sections: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the front page shows of an artefact: its question, its sections, its first thumbnail."""
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


def board(shown: dict[Artefact, list[dict[str, Any]]]) -> dict[str, Any]:
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
